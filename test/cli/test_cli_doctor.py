#!/usr/bin/env python3
"""Broken set-ups, each explained rightly (spec/ecosystem.md 5.1, 5.2, N7): what
happened, what is behind it, what to do, and the exit code; by ping and by doctor."""
import json
import os
import signal
import socket
import struct
import threading

from agner_cli import WAIT, Case, Node, free_port, main

WELL = 0x0d07df7fbd  # flags of OTP 25 (spec/distribution.md 3)


class Server(threading.Thread):
    """Answers connections on loopback by a function, one after the other."""

    def __init__(self, case, serve):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        self.kept = []
        case.addCleanup(self.end)
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # the end
            self.kept.append(connection)
            try:
                self.serve(connection)
            except (OSError, struct.error):
                pass  # who called has gone: the next one, please

    def end(self):
        """Not before the thread has ended: it would go on to accept, in the descriptor that the
        next test's listener gets, and serve as this test wants it."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join(timeout=WAIT)
        self.listener.close()


def epmd(port, low=5, high=6):
    """An epmd that knows every name at this port."""
    def serve(connection):
        size = struct.unpack(">H", connection.recv(2, socket.MSG_WAITALL))[0]
        name = connection.recv(size, socket.MSG_WAITALL)[1:]
        connection.sendall(struct.pack(">BBHBBHHH", 119, 0, port, 77, 0, high,
                                       low, len(name)) + name + b"\0\0")
        connection.close()
    return serve


def message(connection):
    size = struct.unpack(">H", connection.recv(2, socket.MSG_WAITALL))[0]
    return connection.recv(size, socket.MSG_WAITALL)


def say(connection, body):
    connection.sendall(struct.pack(">H", len(body)) + body)


def challenge(name, flags):
    return b"N" + struct.pack(">QIIH", flags, 4711, 1, len(name)) + name


def node(status=b"ok", name=b"x@127.0.0.1", flags=WELL, then=None):
    """A node that goes wrong at one step."""
    def serve(connection):
        message(connection)
        say(connection, b"s" + status)
        if status == b"ok":
            say(connection, challenge(name, flags))
            if then is not None:
                then(connection)
        else:
            connection.close()
    return serve


def refuse_digest(connection):
    message(connection)
    connection.close()


def nothing(connection):
    pass


class Broken(Case):
    """Each test is one thing that is wrong."""

    def told(self, code, what, why, *args, next_=None, name="x@127.0.0.1"):
        args = ("--erlang", "loopback", *args)
        got, _, err = self.run_it("ping", name, *args)
        self.assertEqual(got, code, err)
        lines = err.splitlines()
        self.assertEqual(len(lines), 3, err)
        self.assertRegex(lines[0], rf"^{name}  {what} \(step \d/5\)$")
        self.assertRegex(lines[1], f"^  .*{why}")
        self.assertRegex(lines[2], f"^  try: .*{next_ or ''}")
        self.assertNotIn("a cookie of the tests", err)
        got, out, err = self.run_it("doctor", name, "--connect", "--json",
                                    *args)
        self.assertEqual(got, code, (out, err))
        row = [f for f in json.loads(out) if f["check"] == "connection"][0]
        self.assertEqual(row["verdict"], "fail")
        self.assertRegex(row["meaning"], f"{what}.*{why}")
        self.assertRegex(row["command"], next_ or ".")

    def behind(self, serve, **versions):
        """Options for an epmd that leads to such a server."""
        port = Server(self, serve).port
        return ["--epmd-port", str(Server(self, epmd(port, **versions)).port)]

    def test_01_the_host_is_unknown(self):
        self.told(3, "its host is not known", "no.such.host.invalid has no "
                  "address here", name="x@no.such.host.invalid",
                  next_="getent hosts no.such.host.invalid")

    def test_02_no_epmd_there(self):
        self.told(3, "no epmd at its host", "connection refused", "--epmd-port",
                  str(free_port()), next_="x@127.0.0.1:PORT")

    def test_03_what_is_there_is_no_epmd(self):
        port = Server(self, lambda c: (c.sendall(b"HTTP/1.1 400\r\n\r\n"),
                                       c.close())).port
        self.told(7, "its epmd and we do not understand each other",
                  "epmd answers a look-up with byte 72", "--epmd-port",
                  str(port), next_="agner names 127.0.0.1")

    def test_04_the_name_is_not_registered(self):
        port = Server(self, lambda c: (message(c), c.sendall(b"w\1"),
                                       c.close())).port
        self.told(6, "is not registered", "epmd does not know 'x'",
                  "--epmd-port", str(port), next_="agner names 127.0.0.1")

    def test_05_it_speaks_another_version(self):
        self.told(7, "its epmd and we do not understand each other",
                  "speaks versions 7 to 9",
                  *self.behind(nothing, low=7, high=9))

    def test_06_its_port_is_closed(self):
        port = Server(self, epmd(free_port())).port
        self.told(3, "its port is closed", "connection refused", "--epmd-port",
                  str(port), next_="ss -tlnp")

    def test_07_it_is_no_node(self):
        self.told(7, "is no Erlang node", "does not shake hands",
                  *self.behind(lambda c: c.sendall(b"SSH-2.0-OpenSSH\r\n" * 9)))

    def test_08_it_does_not_allow_us(self):
        self.told(8, "does not allow us", "the peer does not allow us",
                  *self.behind(node(status=b"not_allowed")),
                  next_="net_kernel:allow")

    def test_09_another_node_answers(self):
        self.told(6, "another node answers there",
                  "it is called x@box.example.org.*short ones.*long ones",
                  *self.behind(node(name=b"x@box.example.org")))

    def test_10_it_lacks_a_flag(self):
        self.told(7, "cannot do what is mandatory", "lacks the flag ",
                  *self.behind(node(flags=1)), next_="OTP 23")

    def test_11_the_cookies_differ(self):
        self.told(4, "refused after challenge",
                  r"cookies differ: here [0-9a-f]{8} "
                  r"\(from \S+/.erlang.cookie\), there unknown",
                  *self.behind(node(then=refuse_digest)),
                  next_="agner cookie show-fingerprint")

    def test_12_it_closes_when_it_hears_our_name(self):
        self.told(3, "closed after it had heard our name", "closed",
                  *self.behind(lambda c: (message(c), c.close())))

    def test_13_it_says_rubbish_for_a_challenge(self):
        self.told(7, "breaks the protocol in the handshake", ".",
                  *self.behind(lambda c: (message(c), say(c, b"sok"),
                                          say(c, b"X" * 40))))


class Silent(Case):
    """Whoever does not answer is waited for: 7 s unless --timeout says less."""

    def test_a_stopped_node_is_told_from_a_firewall(self):
        port = free_port()
        stopped = Node(self, "--name", "stopped@127.0.0.1", "--epmd-port",
                       str(port), "--listen", "127.0.0.1:0")
        self.assertIsNotNone(stopped.ready)
        at = int(stopped.ready.rsplit(" ", 1)[1])
        stopped.signal(signal.SIGSTOP)
        self.addCleanup(stopped.signal, signal.SIGCONT)
        code, _, err = self.run_it("ping", f"stopped@127.0.0.1:{at}",
                                   "--connect", "--timeout", "500ms")
        self.assertEqual(code, 5, err)
        self.assertRegex(err, "^stopped@127.0.0.1  accepts the connection and "
                              r"stays silent \(step 3/5\)\n.*stopped or "
                              "overloaded.*\n  try: .*kill -CONT")


class CookieFile(Case):
    """What is wrong with the file is told before anybody is dialled."""

    def row(self, check, *args):
        _, out, err = self.run_it("doctor", "--json", *args)
        rows = {f["check"]: f for f in json.loads(out)}
        return rows[check]

    def test_others_may_read_it(self):
        os.chmod(self.path(".erlang.cookie"), 0o644)
        row = self.row("cookie file")
        self.assertEqual(row["verdict"], "fail")
        self.assertEqual(row["value"], "mode 644")
        self.assertEqual(row["command"],
                         f"chmod 600 {self.path('.erlang.cookie')}")

    def test_there_is_none(self):
        os.unlink(self.path(".erlang.cookie"))
        row = self.row("cookie file")
        self.assertEqual((row["verdict"], row["value"]), ("fail", "none"))
        self.assertIn("agner cookie new", row["command"])

    def test_it_is_short_or_empty(self):
        for text, verdict in (("short", "warn"), ("", "fail"),
                              ("x" * 20, "ok")):
            path = self.write("c", text, 0o600)
            row = self.row("cookie length", "--cookie-file", path)
            self.assertEqual(row["verdict"], verdict)
            self.assertEqual(row["value"], f"{len(text)} characters")

    def test_it_is_a_link(self):
        os.symlink(self.path(".erlang.cookie"), self.path("link"))
        row = self.row("cookie file", "--cookie-file", self.path("link"))
        self.assertIn("symbolic link", row["meaning"])


class Healthy(Case):
    def test_a_node_that_is_well_gets_no_fail(self):
        port = str(free_port())
        node = Node(self, "--name", "well@127.0.0.1", "--epmd-port", port,
                    "--listen", "127.0.0.1:0", "--app", "shop")
        self.assertIsNotNone(node.ready)
        code, out, err = self.run_it("doctor", "--json", "--epmd-port", port)
        rows = json.loads(out)
        self.assertEqual((code, err), (0, ""), out)
        self.assertEqual([r for r in rows if r["verdict"] == "fail"], [])
        checks = {r["check"] for r in rows}
        self.assertLessEqual(
            {"cookie file", "cookie length", "cookie", "open files", "workers",
             "host", "epmd", "port", "mailbox", "restarts", "long handlers",
             "dead letters"}, checks)
        _, text, _ = self.check(["doctor", "well@127.0.0.1", "--epmd-port",
                                 port], 0)
        self.assertRegex(text, r"(?m)^ok    mailbox +\d+ in \S+ +the longest")
        code, out, _ = self.run_it("doctor", "well@127.0.0.1", "--epmd-port",
                                   port, "--connect", "--json")
        self.assertEqual(code, 0)
        self.assertIn("flags", {r["check"] for r in json.loads(out)})

    def test_a_node_with_another_cookie_is_told(self):
        node = self.node("odd@127.0.0.1")
        self.assertIsNotNone(node.ready)
        os.chmod(self.path(".erlang.cookie"), 0o600)
        self.write(".erlang.cookie", "by now it is another one", 0o600)
        code, out, _ = self.run_it("doctor", "--json")
        self.assertEqual(code, 1)
        row = [r for r in json.loads(out) if r["check"] == "cookie"][0]
        self.assertRegex(row["meaning"], "cookies differ: here [0-9a-f]{8}, "
                                         "there [0-9a-f]{8}$")


main()

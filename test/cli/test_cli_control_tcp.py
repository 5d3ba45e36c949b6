#!/usr/bin/env python3
"""The control socket over TCP: keys and roles, and what strangers get (B-RPC-4, B-SEC)."""
import base64
import json
import os
import re
import socket
import subprocess
import threading

from agner_cli import AGNER, SOURCE, WAIT, Case, main

NAME = "tcp@127.0.0.1"
KEY = re.compile(r"agnerkey1-[a-z2-7]{52}")

# What each role may do, by the commands that do it. Commands print what they find, and find
# little: what counts is whether they were refused.
READS = [["status"], ["info"], ["ps"], ["names", "--registered"], ["version"], ["nodes"], ["apps"], ["app", "info", "counter"],
         ["tree"], ["waits"], ["doctor"], ["logs"], ["groups"], ["services"], ["stage", "ls"],
         ["saga", "ls"], ["info", "counter"]]
OPERATES = [["call", "counter", "{add,0}"], ["ping"], ["reload"], ["cast", "counter", "{add,1}"],
            ["send", "counter", "hello"], ["kill", "counter"], ["app", "stop", "echo"],
            ["app", "start", "echo"], ["loglevel", "debug"], ["pub", "--scope", "pg", "g", "m"],
            ["sub", "--scope", "pg", "g"], ["stop"]]


class Proxy:
    """Between a client and the node. `change(to_node, offset, bytes)` says what goes on, and None
    that the connection is cut; what the client has sent is kept."""

    def __init__(self, case, target, change):
        self.listener = socket.create_server(("127.0.0.1", 0))
        case.addCleanup(self.listener.close)
        self.at = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.target, self.change, self.sent = target, change, b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            node = socket.create_connection(self.target)
            pair = [threading.Thread(target=self.pump, args=way, daemon=True)
                    for way in ((client, node, True), (node, client, False))]
            for t in pair:
                t.start()
            for t in pair:
                t.join()
            client.close()
            node.close()

    def pump(self, source, to, to_node):
        offset = 0
        try:
            while True:
                data = source.recv(65536)
                if to_node:
                    self.sent += data
                changed = self.change(to_node, offset, data) if data else None
                offset += len(data)
                if changed is None:
                    break
                to.sendall(changed)
                if len(changed) < len(data):
                    break
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class ControlTcp(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.home, "node"), 0o700)
        self.clients = self.write("node/clients", "", 0o600)
        self.key = self.secret("me")
        self.server = self.start()
        control = self.control()
        self.url, self.node_key = control["tcp"], control["key"]
        host, port = self.url[len("tcp://"):].rsplit(":", 1)
        self.address = (host, int(port))

    def tearDown(self):
        if not self.stopped:
            self.assertIsNone(self.server.process.poll(), "the node lives")

    stopped = False

    def start(self, *args):
        return self.node(NAME, "--app", "counter", "--app", "echo", "--control", "tcp://:0",
                         "--control-keys", self.clients, *args)

    def secret(self, name):
        """A key of a client: the file."""
        text = base64.b32encode(os.urandom(32)).decode().lower().rstrip("=")
        return self.write(name, "agnersecret1-%s\n" % text, 0o600)

    def control(self):
        code, out, err = self.run_it("info", "-n", NAME, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)["control"]

    def tcp(self, *args, key=None, server_key=None, url=None):
        return self.run_it("--control", url or self.url, "--key", key or self.key,
                          "--server-key", server_key or self.node_key, *args)

    def public(self, key):
        """What it is called to others; a client that is refused says so."""
        code, _, err = self.tcp("status", key=key)
        self.assertEqual(code, 4, err)
        return KEY.search(err).group()

    def admit(self, role, key=None, note=""):
        self.write("node/clients", "# who may\n%s %s%s\n" % (self.public(key or self.key), role,
                                                            note), 0o600)

    # ---- Those who may

    def test_an_operator_may_do_all(self):
        self.admit("operate", note=" # Ada's laptop")
        code, out, err = self.tcp("call", "counter", "{add,5}")
        self.assertEqual((code, out), (0, "5\n"), err)
        for command in READS:
            code, _, err = self.tcp(*command)
            self.assertNotEqual(code, 8, (command, err))
        code, out, _ = self.run_it("call", "-n", NAME, "counter", "{add,0}")
        self.assertEqual(out, "5\n", "it was that node")
        code, _, err = self.tcp("stop")
        self.assertEqual(code, 0, err)
        self.stopped = True
        self.assertEqual(self.server.wait()[0], 0)

    def test_who_may_read_changes_nothing(self):
        self.admit("read-only")
        for command in READS:
            code, _, err = self.tcp(*command)
            self.assertIn(code, (0, 1), (command, err))
            self.assertNotIn("role", err)
        before = self.control()["refused"]
        for command in OPERATES:
            code, _, err = self.tcp(*command)
            self.assertEqual(code, 8, (command, err))
            self.assertIn("wants the role operate; your key has read-only", err)
        self.assertGreaterEqual(self.control()["refused"], before + len(OPERATES))
        code, out, _ = self.run_it("logs", "-n", NAME)
        self.assertIn("to a client that is read-only", out)
        code, out, _ = self.run_it("call", "-n", NAME, "counter", "{add,0}")
        self.assertEqual(out, "0\n", "nothing was done")

    def test_what_stands_in_the_file_holds_at_once(self):
        self.admit("read-only")
        self.assertEqual(self.tcp("call", "counter", "{add,0}")[0], 8)
        self.admit_again("operate")
        self.assertEqual(self.tcp("call", "counter", "{add,0}")[0], 0)
        follower = subprocess.Popen(
            [AGNER, "--control", self.url, "--key", self.key, "--server-key", self.node_key,
             "logs", "--follow"], env=self.env(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.until(lambda: self.log().count(", operate") >= 2)  # the call, and it
        self.write("node/clients", "", 0o600)
        follower.wait(timeout=WAIT)
        self.assertIn("not listed any more", self.log())
        self.assertEqual(self.tcp("status")[0], 4)

    def test_the_page_says_what_each_role_may(self):
        """The methods of the page are those of the table, and those that it names want operate."""
        with open(os.path.join(SOURCE, "apps/control/rpc_method.c")) as f:
            roles = dict(re.findall(r'\{ "(\w+)",.*(RPC_\w+) \}', f.read()))
        with open(os.path.join(SOURCE, "docs/control-socket.md")) as f:
            page = f.read()
        listed = set()
        for row in re.findall(r"^\| (`agner\.[^|]+) \|", page, re.M):
            listed |= set(re.findall(r"agner\.(\w+)", row))
        self.assertEqual(listed, set(roles))
        said = re.search(r"`operate`\s+may\s+besides\s+call(.*?)\.\s+What a role", page, re.S).group(1)
        self.assertEqual(set(re.findall(r"`agner\.(\w+)`", said)),
                         {name for name, role in roles.items() if role == "RPC_OPERATE"})

    # ---- Those who may not

    def test_B_RPC_4_a_client_without_its_key_is_refused(self):
        code, _, err = self.tcp("status")
        self.assertEqual(code, 4, err)
        self.assertIn("does not let this client's key in", err)
        self.assertIn("its key is not admitted", self.log())
        code, _, err = self.run_it("--control", self.url, "--key", self.home + "/none", "status")
        self.assertEqual(code, 4, err)
        self.assertIn("none", err)
        self.admit("operate")
        self.assertEqual(self.tcp("status", key=self.secret("other"))[0], 4)
        self.assertEqual(self.tcp("status")[0], 0)

    def test_B_RPC_4_a_node_with_another_key_is_not_spoken_to(self):
        self.admit("operate")
        wrong = self.public(self.secret("other"))
        code, _, err = self.tcp("call", "counter", "{add,1}", server_key=wrong)
        self.assertEqual(code, 4, err)
        self.assertIn("another key than it should", err)
        code, _, err = self.run_it("--control", self.url, "--key", self.key, "status")
        self.assertEqual(code, 4, err)
        self.assertIn("is not known; it shows the key " + self.node_key, err)
        known = "%s:%d %s\n" % (*self.address, self.node_key)
        self.write("known_controls", known, 0o600)
        self.assertEqual(self.run_it("--control", self.url, "--key", self.key, "status")[0], 0)

    def test_B_RPC_4_a_stock_client_gets_nothing(self):
        with socket.create_connection(self.address, timeout=WAIT) as s:
            self.assertEqual(self.all_of(s), b"", "who says nothing is hung up on")
        self.assertIn("no handshake in time", self.log())
        for sent in (b"\x94\x00\x01\xaaagner.stop\x90", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x15n",
                     b"\x00\x20" + b"\x00" * 32, b"\xff\xff" + b"A" * 5000):
            with socket.create_connection(self.address, timeout=WAIT) as s:
                s.sendall(sent)
                self.assertEqual(self.all_of(s), b"", sent)

    def test_B_RPC_3_few_handshakes_are_open_at_once(self):
        waiting = [socket.create_connection(self.address, timeout=WAIT) for _ in range(8)]
        with socket.create_connection(self.address, timeout=WAIT) as s:
            self.assertEqual(self.all_of(s), b"")
        self.assertIn("too many unfinished handshakes", self.log())
        self.assertEqual(self.run_it("status", "-n", NAME)[0], 0, "the socket is served")
        for s in waiting:
            s.close()

    # ---- Those in between

    def test_B_SEC_4_whatever_is_changed_on_the_way_is_refused(self):
        self.admit("operate")
        self.assertEqual(self.through(lambda to_node, offset, data: data)[0], 0)
        for to_node in (True, False):
            for place in (0, 1, 2, 30, 33, 34, 35, 60, 97, 98, 99, 100, 116, 117, 120, 140):
                def change(way, offset, data, to_node=to_node, place=place):
                    if way != to_node or not offset <= place < offset + len(data):
                        return data
                    data = bytearray(data)
                    data[place - offset] ^= 0x10
                    return bytes(data)
                code, out, err = self.through(change)
                self.assertIn(code, (3, 4, 5, 7), (to_node, place, out, err))
                self.assertEqual(out, "")
        self.forgive()
        self.assertEqual(self.tcp("status")[0], 0)

    def test_B_SEC_4_whatever_is_cut_off_is_refused(self):
        self.admit("operate")
        for to_node in (True, False):
            for size in (0, 1, 33, 40, 99, 110, 130):
                def change(way, offset, data, to_node=to_node, size=size):
                    if way != to_node:
                        return data
                    return data[:size - offset] if offset < size else None
                code, out, err = self.through(change)
                self.assertIn(code, (3, 4, 5), (to_node, size, out, err))
        self.forgive()
        self.assertEqual(self.tcp("status")[0], 0)

    def test_B_SEC_4_what_was_sent_before_says_nothing_again(self):
        self.admit("operate")
        proxy = Proxy(self, self.address, lambda to_node, offset, data: data)
        code, out, err = self.tcp("call", "counter", "{add,1}", url=proxy.at)
        self.assertEqual((code, out), (0, "1\n"), err)
        with socket.create_connection(self.address, timeout=WAIT) as s:
            s.sendall(proxy.sent)
            self.assertIn(len(self.all_of(s)), (0, 98), "message 1, and no more")
        self.assertEqual(self.run_it("call", "-n", NAME, "counter", "{add,0}")[1], "1\n")

    def test_nothing_goes_in_the_clear(self):
        self.admit("operate")
        seen = []

        def look(_to_node, _offset, data):
            seen.append(data)
            return data
        proxy = Proxy(self, self.address, look)
        code, out, err = self.tcp("call", "echo", '"a secret of ours"', url=proxy.at)
        self.assertEqual(code, 0, err)
        for word in (b"secret", b"echo", b"agner", NAME.encode()):
            self.assertNotIn(word, b"".join(seen))

    # ---- What it wants of its user

    def test_it_is_off_unless_asked_for(self):
        other = self.node("off@127.0.0.1")
        self.assertIsNotNone(other.ready)
        code, out, err = self.run_it("info", "-n", "off@127.0.0.1", "--json")
        self.assertEqual(code, 0, err)
        self.assertIsNone(json.loads(out)["control"]["tcp"])

    def test_B_CLI_1_it_wants_a_file_that_nobody_else_may_write(self):
        os.chmod(self.clients, 0o666)
        code, _, err = self.starts("w@127.0.0.1", "--control-keys", self.clients)
        self.assertEqual(code, 1)
        self.assertIn("chmod 600", err)
        bad = self.write("node/bad", "agnerkey1-short operate\n", 0o600)
        code, _, err = self.starts("w@127.0.0.1", "--control-keys", bad)
        self.assertEqual(code, 1)
        self.assertIn("line 1", err)
        code, _, err = self.starts("w@127.0.0.1", "--control-keys", self.home + "/none")
        self.assertEqual(code, 1)
        self.assertIn("none", err)

    def test_B_CLI_1_what_cannot_be(self):
        for args in (["--control", "tcp://nowhere", "status"], ["--control"],
                     ["--control", "tcp://127.0.0.1:1", "start"],
                     ["--control", "tcp://127.0.0.1:99999", "status"],
                     ["--control", self.url, "status", "-n", NAME]):
            code, _, err = self.run_it(*args)
            self.assertEqual(code, 2, (args, err))
            self.assertIn("try:", err)

    # ---- Tools

    def admit_again(self, role):
        with open(self.clients) as f:
            key = KEY.search(f.read()).group()
        self.write("node/clients", "%s %s\n" % (key, role), 0o600)

    def all_of(self, s):
        data = b""
        while True:
            try:
                more = s.recv(65536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more

    def log(self):
        return self.run_it("logs", "-n", NAME, "--limit", "1000")[1]

    def starts(self, name, *args):
        return self.run_it("start", "--name", name, "--epmd", "none", "--control", "tcp://:0",
                          *args)

    def through(self, change):
        """A call of `echo` through somebody; failures of before are forgiven."""
        self.forgive()
        proxy = Proxy(self, self.address, change)
        return self.tcp("call", "echo", "hello", "--timeout", "2s", url=proxy.at)

    def forgive(self):
        """Too many failures of one address close it for a while: another node is another count."""
        self.tries = getattr(self, "tries", 0) + 1
        if self.tries % 4 != 0:
            return
        self.assertEqual(self.run_it("stop", "-n", NAME)[0], 0)
        self.server.wait()
        self.server = self.start()
        self.assertIsNotNone(self.server.ready)
        host, port = self.control()["tcp"][len("tcp://"):].rsplit(":", 1)
        self.url = "tcp://%s:%s" % (host, port)
        self.address = (host, int(port))


main()

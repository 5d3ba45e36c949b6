#!/usr/bin/env python3
"""Files and connections that fail under a node (errors.c): it goes on, and says so."""
import errno
import json
import os
import socket

from bed import Bed, main

A, B = "a@127.0.0.1", "b@127.0.0.1"
# As libuv calls them.
TEXTS = {errno.EIO: "i/o error", errno.EROFS: "read-only file system"}


def under(*rules):
    return {"LD_PRELOAD": os.environ["ERRORS_SO"],
            "FAULTS": ",".join(f"{call}:{number}:{where}" for call, number, where in rules)}


class Errors(Bed):
    def serves(self):
        self.check(["call", "-n", A, "echo", "{echo, 1}"], 0, "1\n")

    def refuse_strangers(self, count):
        """Makes the node log: strangers at its door."""
        for _ in range(count):
            with socket.create_connection(("127.0.0.1", self.a.port)) as s:
                s.sendall(b"\0\7nothing")
                s.settimeout(30)
                while s.recv(100):
                    pass

    def failed(self):
        _, out, _ = self.check(["loglevel", "-n", A, "--list", "--json"], 0)
        return sum(row["failed"] for row in json.loads(out))

    def refused(self, *args, env, code=1):
        """It does not start: what it says."""
        got, _, err = self.run_it("start", "--name", A, "--epmd", "none", *args, env=env)
        self.assertEqual(got, code, err)
        return err

    def test_a_log_that_cannot_be_written_is_counted(self):
        for error in (errno.EIO, errno.EROFS):
            self.a = self.start(A, "--log-file", self.path("a.log"),
                                env=under(("write", error, "a.log")))
            self.refuse_strangers(2)
            self.serves()
            self.until(lambda: self.failed() > 0)
            _, out, _ = self.check(["loglevel", "-n", A, "--list", "--json"], 0)
            self.assertIn(TEXTS[error], out)
            self.a.signal(15)
            self.assertEqual(self.a.wait()[0], 0)

    def test_a_log_that_cannot_be_opened_is_told(self):
        err = self.refused("--log-file", self.path("a.log"),
                           env=under(("open", errno.EROFS, "a.log")))
        self.assertIn("a.log", err)
        self.assertIn(TEXTS[errno.EROFS], err)

    def test_a_black_box_that_cannot_be_is_told_and_not_needed(self):
        for rule in (("open", errno.EROFS, "a.box"), ("write", errno.EIO, "a.box")):
            self.a = self.start(A, "--blackbox", self.path("a.box"), env=under(rule))
            self.serves()
            self.a.signal(15)
            code, err = self.a.wait()
            self.assertEqual(code, 0)
            self.assertIn("a.box", err)
            self.assertIn(TEXTS[rule[1]], err)

    def test_a_cookie_that_cannot_be_read_is_told(self):
        with open(self.path("cookie"), "w") as f:
            f.write("secret")
        os.chmod(self.path("cookie"), 0o600)
        err = self.refused("--cookie-file", self.path("cookie"),
                           env=under(("read", errno.EIO, "/cookie")), code=4)
        self.assertIn(os.strerror(errno.EIO), err)

    def test_a_configuration_that_cannot_be_read_is_told(self):
        with open(self.path("a.config"), "w") as f:
            f.write("[].")
        err = self.refused("--config", self.path("a.config"),
                           env=under(("read", errno.EIO, "a.config")))
        self.assertIn("a.config: " + TEXTS[errno.EIO], err)

    def test_a_write_to_a_peer_that_fails_is_a_lost_connection(self):
        """G20: both see it, and meet again."""
        for error in (errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT):
            a = self.start(A)
            # The handshake takes three writes; a later one is a message.
            b = self.start(B, "--peer", f"a@127.0.0.1:{a.port}",
                           env=under(("send", error, "6")))
            self.until(lambda: self.echo(B, A)[0] == 0)
            self.until(lambda: self.echo(B, A)[0] == 0)
            self.meet(B, A)
            ends = ""
            for node in (b, a):
                node.signal(15)
                code, err = node.wait()
                self.assertEqual(code, 0)
                ends += err
            self.assertRegex(ends, "connection to [ab]@127.0.0.1 ended after")


main()

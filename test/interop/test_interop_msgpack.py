#!/usr/bin/env python3
"""A stock MessagePack library of another language calls a supervised C actor."""
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import msgpack

AGNER = os.environ["AGNER"]


class Client:
    """All that a MessagePack-RPC client is."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(100)
        self.socket.connect(path)
        self.unpacker = msgpack.Unpacker(strict_map_key=False)
        self.id = 0

    def call(self, method, *params):
        self.id += 1
        self.socket.sendall(msgpack.packb([0, self.id, method, params]))
        while True:
            for kind, number, error, result in self.unpacker:
                assert (kind, number) == (1, self.id)
                if error is not None:
                    raise RuntimeError(*error)
                return result
            self.unpacker.feed(self.socket.recv(65536))

    def notify(self, method, *params):
        self.socket.sendall(msgpack.packb([2, method, params]))


class Interop(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="agner-interop-")
        self.addCleanup(shutil.rmtree, self.home)
        path = os.path.join(self.home, "node.sock")
        cookie = os.path.join(self.home, "cookie")
        with open(cookie, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("cookie")
        self.node = subprocess.Popen(
            [AGNER, "start", "--name", "py@127.0.0.1", "--epmd", "none",
             "--cookie-file", cookie, "--control", path, "--app", "counter",
             "--app", "echo"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.node.communicate)
        self.addCleanup(self.node.terminate)
        self.assertIn("ready", self.node.stdout.readline())
        self.client = Client(path)
        self.addCleanup(self.client.socket.close)

    def test_a_server_is_called_like_a_function(self):
        self.assertEqual(self.client.call("counter", "add", 5), 5)
        self.assertEqual(self.client.call("counter", "add", -2), 3)
        self.assertEqual(self.client.call("counter", "nonsense"),
                         ["error", "badarg"])

    def test_values_come_back(self):
        for value in (None, True, False, 0, -1, 2**63, -2**63, 2**64 - 1, 1.5,
                      "text", "\u00e9\u4e16", "", b"\xff\xfe", [], [1, [2, "x"]],
                      {"a": 1, "b": {"c": []}}, list(range(1000))):
            self.assertEqual(self.client.call("echo", "echo", value), value)

    def test_strict_mode_keeps_erlangs_types(self):
        atom = msgpack.ExtType(1, b"ok")
        pair = msgpack.ExtType(2, msgpack.packb([atom, 1]))
        self.assertEqual(self.client.call("echo", "echo", pair), ["ok", 1])
        self.assertEqual(self.client.call("agner.mode", "strict")[
            msgpack.ExtType(1, b"protocol")], 1)
        self.assertEqual(self.client.call("echo", "echo", atom), atom)
        self.assertEqual(self.client.call("echo", "echo", pair), pair)
        self.assertEqual(self.client.call("echo", "echo", "s"), b"s")
        ask = msgpack.ExtType(2, msgpack.packb([msgpack.ExtType(1, b"self")]))
        pid = self.client.call("echo", ask)
        self.assertEqual((pid.code, pid.data[0]), (3, 131))
        self.assertEqual(self.client.call("agner.call",
                                          {"to": pid, "msg": ask}), pid)

    def test_an_error_has_class_term_and_text(self):
        with self.assertRaises(RuntimeError) as caught:
            self.client.call("nobody", 1)
        self.assertEqual(caught.exception.args,
                         ("noproc", None, "no process is registered as nobody"))
        with self.assertRaises(RuntimeError) as caught:
            self.client.call("agner.call", {"to": "agner_control", "msg": 1,
                                            "timeout": 10})
        self.assertEqual(caught.exception.args[0], "timeout")

    def test_a_notification_is_a_cast(self):
        self.client.notify("counter", "add", 1)
        self.assertEqual(self.client.call("counter", "add", 0), 0)

    def test_the_node_can_be_looked_at(self):
        names = [row["name"] for row in self.client.call("agner.names")]
        self.assertIn("counter", names)
        self.assertEqual(self.client.call("agner.status")["node"],
                         "py@127.0.0.1")
        self.assertEqual(self.client.call("agner.process",
                                          {"which": "counter"})["name"],
                         "counter")


unittest.main()

#!/usr/bin/env python3
"""Applications by the control socket, and what a node does when one of them ends."""
import os
import socket
import struct

from agner_cli import WAIT, Case, Node, main

NAME = "app@127.0.0.1"


def pack(term):
    """MessagePack of small texts, numbers, lists and maps."""
    if isinstance(term, str):
        text = term.encode()
        return b"\xd9" + bytes([len(text)]) + text
    if isinstance(term, int):
        return b"\xce" + struct.pack(">I", term)
    if isinstance(term, list):
        return bytes([0x90 | len(term)]) + b"".join(map(pack, term))
    return bytes([0x80 | len(term)]) + b"".join(
        pack(part) for pair in term.items() for part in pair)


# first byte: bytes of the number that follows, and what it counts
SIZED = {0xd9: (1, "str"), 0xda: (2, "str"), 0xdb: (4, "str"), 0xc4: (1, "bin"),
         0xc5: (2, "bin"), 0xdc: (2, "list"), 0xdd: (4, "list"),
         0xde: (2, "map"), 0xdf: (4, "map"), 0xcc: (1, "int"), 0xcd: (2, "int"),
         0xce: (4, "int"), 0xcf: (8, "int"), 0xd0: (1, "neg"), 0xd1: (2, "neg"),
         0xd2: (4, "neg"), 0xd3: (8, "neg")}
FIXED = {0xc0: None, 0xc2: False, 0xc3: True}


def unpack(data, at=0):
    """The term at `at`, and where the next one is."""
    first, at = data[at], at + 1
    if first in FIXED:
        return FIXED[first], at
    if first < 0x80 or first >= 0xe0:
        return first if first < 0x80 else first - 256, at
    if first in SIZED:
        size, kind = SIZED[first]
        count = int.from_bytes(data[at:at + size], "big", signed=kind == "neg")
        at += size
    else:
        kind = "str" if first >= 0xa0 else "list" if first >= 0x90 else "map"
        count = first & (0x1f if kind == "str" else 0x0f)
    if kind in ("int", "neg"):
        return count, at
    if kind in ("str", "bin"):
        return data[at:at + count].decode(), at + count
    items = []
    for _ in range(count * (2 if kind == "map" else 1)):
        item, at = unpack(data, at)
        items.append(item)
    return (items if kind == "list" else dict(zip(items[::2], items[1::2]))), at


class App(Case):
    def method(self, method, **params):
        """The result of agner.METHOD, or the class of its failure and its text."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(WAIT)
            s.connect(self.socket_of(NAME))
            s.sendall(pack([0, 1, "agner." + method, [params]]))
            data = b""
            while True:
                data += s.recv(65536)
                try:
                    (_, _, error, result), _ = unpack(data)
                except IndexError:
                    continue
                return (error[0], error[2]) if error else result

    def test_applications_are_listed_with_their_state(self):
        self.node(NAME, "--app", "counter")
        rows = {row["name"]: row for row in self.method("apps")}
        self.assertEqual(rows["counter"]["state"], "running")
        self.assertEqual(rows["counter"]["type"], "temporary")
        self.assertEqual(rows["counter"]["version"], "1.0")
        self.assertEqual(rows["kernel"]["type"], "permanent")
        self.assertGreaterEqual(rows["counter"]["uptime_ms"], 0)
        self.assertEqual([row["name"] for row in self.method("apps")],
                         ["counter", "kernel"])

    def test_one_is_started_and_stopped(self):
        self.node(NAME)
        self.assertEqual(self.method("app_start", name="echo",
                                     type="transient"), {"started": ["echo"]})
        self.check(["call", "echo", "{echo, 1}"], 0, "1\n")
        self.assertEqual(self.method("app_start", name="echo"),
                         {"started": []})
        info = self.method("app_info", name="echo")
        self.assertEqual((info["state"], info["type"], info["env"]),
                         ("running", "transient", {}))
        self.assertEqual([child["id"] for child in info["children"]], ["echo"])
        self.assertEqual(self.method("app_stop", name="echo"), "ok")
        self.assertEqual(self.method("app_info", name="echo")["state"],
                         "loaded")
        self.assertEqual(self.method("app_stop", name="echo"),
                         ("noproc", "application echo is not running"))
        self.check(["call", "echo", "{echo, 1}"], 6)

    def test_what_cannot_be_is_told(self):
        self.node(NAME)
        self.assertEqual(self.method("app_start", name="nowhere")[0], "noproc")
        self.assertEqual(self.method("app_info", name="nowhere"),
                         ("noproc", "application nowhere is not loaded"))
        self.assertEqual(self.method("app_start", name="echo", type="odd"),
                         ("badarg", "type: expected permanent, transient or "
                          "temporary"))
        self.assertEqual(self.method("app_stop"),
                         ("badarg", "name: expected the name of an "
                          "application"))

    # ---- The environment ----------------------------------------------------

    def test_the_command_line_goes_before_the_file_and_that_before_defaults(self):
        config = self.write("c.config", """[{shop, [{stock, 3}, {more, "x"}]},
            {agner, [{name, '%s'}, {epmd, none}, {listen, "127.0.0.1:0"},
                     {applications, [shop]}]}].""" % NAME)
        Node(self, "--config", config)
        self.check(["call", "stock", "{take, 1}"], 0, "{ok,2}\n")
        self.assertEqual(self.method("app_info", name="shop")["env"],
                         {"stock": 3, "more": [120]})
        self.check(["stop"], 0)
        node = Node(self, "--config", config, "--env", "shop.stock=1",
                    "--env", "shop.stock=2", "--env", "region={north, 1}")
        self.assertIsNotNone(node.ready)
        self.check(["call", "stock", "{take, 1}"], 0, "{ok,1}\n")

    def test_a_setting_that_is_none_is_told(self):
        for text, why in (("shop", r"expected \[APP.\]KEY=TERM, not 'shop'"),
                          ("shop.=1", "expected"), (".a=1", "expected"),
                          ("shop.a=", "expected"),
                          ("shop.a={", r"--env shop.a: line 1, column 2: ")):
            code, _, err = self.run_it("start", "--name", NAME, "--env", text)
            self.assertEqual(code, 2, err)
            self.assertRegex(err, why)

    # ---- Start types --------------------------------------------------------

    def ends(self, how, reason, option="--app", app="echo"):
        """The echo application's only child ends: what becomes of the node."""
        node = self.node(NAME, option, app)
        self.check(["call", "echo", "{stop, %s}" % reason], 0, "ok\n")
        if how == "lives":
            self.until(lambda: self.method("app_info", name="echo")["state"]
                       == "loaded")
            self.check(["stop"], 0)
            self.assertEqual(node.wait()[0], 0)
            return
        code, err = node.wait()
        self.assertEqual(code, 1, err)
        self.assertIn("agner start: application echo ended, so the node "
                      "stops: %s\n" % reason, err)
        self.assertFalse(os.path.exists(self.socket_of(NAME)))

    def test_the_node_stops_with_a_permanent_application(self):
        self.ends("stops", "normal", "--permanent")
        self.ends("stops", "odd", "--permanent")

    def test_the_node_stops_with_a_transient_application_that_fails(self):
        self.ends("stops", "odd", "--transient")
        self.ends("lives", "normal", "--transient")

    def test_the_node_outlives_a_temporary_application(self):
        self.ends("lives", "odd")

    def test_the_file_may_say_the_type(self):
        config = self.write("c.config", """[{agner, [{name, '%s'}, {epmd, none},
            {listen, "127.0.0.1:0"}, {applications, [{echo, permanent},
                                                     counter]}]}].""" % NAME)
        node = Node(self, "--config", config)
        self.check(["call", "echo", "{stop, odd}"], 0, "ok\n")
        self.assertEqual(node.wait()[0], 1)


main()

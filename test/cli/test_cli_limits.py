#!/usr/bin/env python3
"""Each limit of docs/limits.md has its name in the configuration, on the command line and
in agner.health, with its default and a counter."""
import json
import os
import re
import socket
import struct

from agner_cli import WAIT, Case, main

DOC = os.environ["LIMITS_MD"]
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}
# Set by keys and options of their own.
OTHERWISE = {"tick_time_ms": ("{tick_time, 7000}", ["--tick-time", "9s"], 7000, 9000)}
# Where there is a share for a number, what is asked for is far from it.
SHARES = {"memory_soft": 1 << 40, "memory_hard": 1 << 41}


def documented():
    """{name: default} of the tables whose third column is `name`."""
    found = {}
    with open(DOC, encoding="utf-8") as f:
        for line in f:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 4 and cells[2] == "name":
                for line in f:
                    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
                    name = re.fullmatch(r"`(\w+)`", cells[2]) if len(cells) == 4 else None
                    if name is not None:
                        found[name.group(1)] = default(cells[1])
                    elif not line.startswith("|"):
                        break
    return found


def default(text):
    """A number of bytes, or of whatever it is; None: a share of the machine."""
    number, unit = re.fullmatch(r"([\d,]+) ?(KiB|MiB|%|)", text).groups()
    return None if unit == "%" else int(number.replace(",", "")) * UNITS[unit]


def far_from(name, number):
    """Another one that it may be, too."""
    return SHARES[name] if number is None else number * 2 + 1


class Reader:
    """MessagePack, as far as an answer of the node needs it."""

    def __init__(self, stream):
        self.stream = stream

    def number(self, form):
        return struct.unpack(form, self.stream.read(struct.calcsize(form)))[0]

    def many(self, count):
        return [self.value() for _ in range(count)]

    def pairs(self, count):
        return {self.value(): self.value() for _ in range(count)}

    def text(self, size):
        return self.stream.read(size).decode()

    def value(self):
        tag = self.number("B")
        if tag < 0x80 or tag >= 0xe0:
            return tag if tag < 0x80 else tag - 256
        for first, last, read in ((0x80, 0x8f, self.pairs), (0x90, 0x9f, self.many),
                                  (0xa0, 0xbf, self.text)):
            if first <= tag <= last:
                return read(tag - first)
        if tag in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[tag]
        numbers = {0xcc: "B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: "b", 0xd1: ">h",
                   0xd2: ">i", 0xd3: ">q", 0xca: ">f", 0xcb: ">d"}
        if tag in numbers:
            return self.number(numbers[tag])
        sizes = {0xd9: ("B", self.text), 0xda: (">H", self.text), 0xc4: ("B", self.stream.read),
                 0xdc: (">H", self.many), 0xde: (">H", self.pairs)}
        if tag in sizes:
            form, read = sizes[tag]
            return read(self.number(form))
        extended = {0xd4: 1, 0xd5: 2, 0xd6: 4, 0xd7: 8, 0xd8: 16}
        size = extended[tag] if tag in extended else self.number({0xc7: "B", 0xc8: ">H"}[tag])
        return self.number("B"), self.stream.read(size)


class Limits(Case):
    def limits(self):
        """Those of agner.health."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(WAIT)
            s.connect(self.socket_of("limits@127.0.0.1"))
            s.sendall(b"\x94\x00\x01\xacagner.health\x91\x80")
            _, _, failure, health = Reader(s.makefile("rb")).value()
        self.assertIsNone(failure)
        return health["limits"]

    def start(self, *args):
        return self.node("limits@127.0.0.1", *args)

    def test_names_and_defaults_are_those_of_the_document(self):
        self.start()
        limits, doc = self.limits(), documented()
        self.assertGreater(len(doc), 20)
        self.assertEqual(sorted(limits), sorted(doc))
        for name, row in limits.items():
            self.assertEqual(row["met"], 0, name)
            if doc[name] is None:
                self.assertGreater(row["limit"], 1 << 20, name)
            else:
                self.assertEqual(row["limit"], doc[name], name)

    def test_each_is_set_by_the_file_and_by_the_command_line(self):
        doc = documented()
        names = [name for name in doc if name not in OTHERWISE]
        pairs = ", ".join(f"{{{name}, {far_from(name, doc[name])}}}" for name in names)
        keys = "".join(f", {key}" for key, _, _, _ in OTHERWISE.values())
        config = self.write("limits.config", f"[{{agner, [{{limits, [{pairs}]}}{keys}]}}].")
        node = self.start("--config", config)
        limits = self.limits()
        for name in names:
            self.assertEqual(limits[name]["limit"], far_from(name, doc[name]), name)
        for name, (_, _, wanted, _) in OTHERWISE.items():
            self.assertEqual(limits[name]["limit"], wanted, name)
        node.signal(15)
        self.assertEqual(node.wait()[0], 0)
        args = [arg for name in names
                for arg in ("--limit", f"{name}={far_from(name, doc[name]) + 1}")]
        for _, option, _, _ in OTHERWISE.values():
            args += option
        self.start("--config", config, *args)
        limits = self.limits()
        for name in names:
            self.assertEqual(limits[name]["limit"], far_from(name, doc[name]) + 1, name)
        for name, (_, _, _, wanted) in OTHERWISE.items():
            self.assertEqual(limits[name]["limit"], wanted, name)

    def test_what_is_no_limit_is_told(self):
        for given, why in (
                ("handshake=3", "unknown limit 'handshake'; did you mean 'handshakes'?"),
                ("handshakes=0", "handshakes is a number from 1 to 4294967295"),
                ("handshakes", "expected NAME=NUMBER, not 'handshakes'"),
                ("handshakes=few", "expected NAME=NUMBER, not 'handshakes=few'"),
                ("handshakes=99999999999999999999", "expected NAME=NUMBER")):
            code, _, err = self.run_it("start", "--name", "limits@127.0.0.1", "--limit", given)
            self.assertEqual(code, 2, err)
            self.assertIn(why, err)
        config = self.write("bad.config", "[{agner, [{limits, [{handshaks, 3}]}]}].")
        code, _, err = self.run_it("start", "--name", "limits@127.0.0.1", "--config", config)
        self.assertEqual(code, 1)
        self.assertRegex(err, r"bad.config:1:\d+: unknown limit 'handshaks'; did you mean")

    def test_a_hard_mark_below_the_soft_one_is_told(self):
        code, _, err = self.run_it("start", "--name", "limits@127.0.0.1", "--epmd", "none",
                                   "--limit", "memory_soft=9000000000",
                                   "--limit", "memory_hard=8000000000")
        self.assertEqual(code, 2, err)
        self.assertIn("memory_hard, 8000000000, is not above it", err)

    def test_one_that_is_met_is_counted(self):
        self.start("--limit", "memory_soft=1000")
        # Over the soft mark from the first look on.
        self.until(lambda: json.loads(self.check(["info", "--json"], 0)[1])
                   ["memory"]["over"] == "soft")
        info = json.loads(self.check(["info", "--json"], 0)[1])["memory"]
        self.assertEqual((info["soft_mark"], info["alarms"]), (1000, 1))
        self.assertGreater(info["used"], 1000)
        out = self.check(["doctor", "limits@127.0.0.1"], None)[1]
        self.assertRegex(out, r"(?m)^warn +memory marks +\d+ MiB +over the soft mark of 0 MiB")


main()

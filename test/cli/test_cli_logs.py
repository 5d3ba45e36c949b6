#!/usr/bin/env python3
"""The node's log by the control socket: agner.logs and agner.log_level."""
import socket
import struct

from agner_cli import WAIT, Case, main

NAME = "log@127.0.0.1"


def pack(value):
    """MessagePack of what the tests send."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xce" + struct.pack(">I", value)
    if isinstance(value, str):
        return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    return b"\xdf" + struct.pack(">I", len(value)) + b"".join(
        pack(k) + pack(v) for k, v in value.items())


class Reader:
    """MessagePack values from a socket, as far as the node writes them."""

    def __init__(self, connection):
        self.connection = connection
        self.bytes = b""
        self.at = 0

    def take(self, size):
        while len(self.bytes) - self.at < size:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise EOFError
            self.bytes = self.bytes[self.at:] + chunk
            self.at = 0
        self.at += size
        return self.bytes[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def read(self):
        tag = self.number("B")
        if tag < 0x80:
            return tag
        if tag < 0x90:
            return self.map(tag & 15)
        if tag < 0xa0:
            return self.list(tag & 15)
        if tag < 0xc0:
            return self.take(tag & 31).decode()
        if tag >= 0xe0:
            return tag - 256
        if 0xd9 <= tag <= 0xdb:
            return self.take(self.number("BHI"[tag - 0xd9])).decode()
        if 0xcc <= tag <= 0xd3:
            return self.number("BHIQbhiq"[tag - 0xcc])
        if tag in (0xdc, 0xdd):
            return self.list(self.number("HI"[tag - 0xdc]))
        if tag in (0xde, 0xdf):
            return self.map(self.number("HI"[tag - 0xde]))
        return {0xc0: None, 0xc2: False, 0xc3: True}[tag]

    def list(self, count):
        return [self.read() for _ in range(count)]

    def map(self, count):
        return {self.read(): self.read() for _ in range(count)}


class Client:
    def __init__(self, case):
        self.socket = socket.socket(socket.AF_UNIX)
        case.addCleanup(self.socket.close)
        self.socket.settimeout(WAIT)
        self.socket.connect(case.socket_of(NAME))
        self.reader = Reader(self.socket)
        self.id = 0
        self.notifications = []

    def send(self, *message):
        self.socket.sendall(pack(list(message)))

    def call(self, method, **params):
        self.id += 1
        self.send(0, self.id, method, [params])
        while True:
            message = self.reader.read()
            if message[0] == 2:
                self.notifications.append(message)
                continue
            assert message[:2] == [1, self.id], message
            if message[2] is not None:
                raise RuntimeError(*message[2])
            return message[3]

    def event(self):
        """The next notification's parameter."""
        message = (self.notifications.pop(0) if self.notifications
                   else self.reader.read())
        assert message[:2] == [2, "agner.log"] and len(message[2]) == 1, message
        return message[2][0]

    def log(self, *texts):
        """Has the node log at debug: of a notification that is for nobody."""
        for text in texts:
            self.send(2, text, [])


def said(text):
    return f"control: a notification: no process is registered as {text}"


class Logs(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", "counter", "--log-level",
                                "debug")
        self.client = Client(self)
        self.client.call("agner.log_level", handler="default", level="none")
        # What this client has logged: on a busy machine the node has more to say.
        self.logged("hello")
        self.mine = [e["pid"] for e in self.client.call("agner.logs")["events"]
                     if e["text"] == said("hello")][0]

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the node lives")

    def texts(self, **params):
        events = self.client.call("agner.logs", **params)["events"]
        return [e["text"] for e in events]

    def logged(self, *texts):
        """Logs, and waits until the ring has it."""
        self.client.log(*texts)
        self.until(lambda: said(texts[-1]) in self.texts())

    def test_what_was_is_told_newest_last(self):
        self.logged("a", "b", "c")
        self.assertEqual(self.texts(actor=self.mine, limit=2),
                         [said("b"), said("c")])
        self.assertEqual(self.texts(limit=0), [])
        self.assertIn(said("a"), self.texts())
        self.assertNotIn(said("a"), self.texts(level="info"))
        self.assertEqual(self.texts(application="nobody's"), [])

    def test_an_event_has_all_its_keys(self):
        self.logged("a")
        answer = self.client.call("agner.logs", limit=1, actor=self.mine)
        self.assertEqual(answer["following"], False)
        event = answer["events"][0]
        self.assertGreater(answer["next"], event["number"])
        self.assertEqual(event["level"], "debug")
        self.assertEqual(event["node"], NAME)
        self.assertRegex(event["pid"], r"^<0\.\d+\.\d+>$")
        self.assertEqual(event["text"], said("a"))
        self.assertGreater(event["time_us"], 1700000000000000)
        for key in ("name", "application", "file", "line", "report"):
            self.assertIsNone(event[key])
        self.assertEqual(self.texts(actor="counter", limit=1), [])

    def test_what_comes_is_told_as_it_comes_until_it_is_not_wanted(self):
        follower = Client(self)
        answer = follower.call("agner.logs", follow=True, limit=0,
                               actor=self.mine)
        self.assertEqual(answer["following"], True)
        self.client.log("a", "b")
        first, second = follower.event(), follower.event()
        self.assertEqual([first["text"], second["text"]], [said("a"), said("b")])
        self.assertGreater(second["number"], first["number"])
        self.assertGreaterEqual(first["number"], answer["next"])
        # The connection is good for other things meanwhile.
        follower.send(0, 77, "counter", ["add", 0])
        self.assertEqual(follower.reader.read(), [1, 77, None, 0])
        follower.call("agner.logs", follow=True, limit=0, actor=self.mine,
                      level="error")
        self.logged("c")
        follower.call("agner.logs", follow=False, limit=0)
        self.logged("d")
        follower.call("agner.version")
        self.assertEqual(follower.notifications, [])

    def test_who_does_not_read_misses_some_and_is_told_how_many(self):
        follower = Client(self)
        start = follower.call("agner.logs", follow=True, limit=0)["next"]
        total, size = 12000, 180  # far more than the ring, and the sockets, hold
        for i in range(total):
            self.client.log(f"{i:06}".ljust(size, "x"))
        # Said again until it is there: the log may drop what is too much.
        self.until(lambda: self.client.log("last") or
                   said("last") in self.texts())
        number, gaps, got = start, 0, 0
        while True:
            event = follower.event()
            if "gap" in event:
                gaps += 1
                number += event["gap"]
                self.assertEqual(event["next"], number)
                continue
            self.assertEqual(event["number"], number)
            number += 1
            got += 1
            if event["text"] == said("last"):
                break
        self.assertGreater(gaps, 0)
        self.assertGreater(got, 100)

    def test_the_end_of_a_connection_ends_its_following(self):
        for _ in range(20):
            follower = Client(self)
            follower.call("agner.logs", follow=True)
            follower.socket.close()
        self.logged("a")

    def test_levels_change_at_run_time(self):
        answer = self.client.call("agner.log_level", level="notice")
        self.assertEqual(answer["level"], "notice")
        self.assertEqual([(h["id"], h["kind"], h["level"])
                          for h in answer["handlers"]],
                         [("default", "stderr", "none"),
                          ("control", "callback", "debug")])
        self.assertEqual(self.client.call("agner.log_level")["level"], "notice")
        counter = self.client.call("agner.log_level", actor="counter",
                                   level="debug")
        self.assertEqual(counter["level"], "debug")
        self.assertEqual(self.client.call("agner.log_level",
                                          actor="counter")["level"], "debug")
        self.assertEqual(self.client.call("agner.log_level", actor="counter",
                                          level="default")["level"], "notice")

    def test_what_cannot_be_asked_is_refused(self):
        for method, params, why in (
                ("agner.logs", {"level": "loud"}, "level: expected"),
                ("agner.logs", {"follow": 1}, "follow: expected"),
                ("agner.logs", {"limit": "all"}, "limit: expected"),
                ("agner.logs", {"actor": 5}, "to: expected"),
                ("agner.logs", {"application": 5}, "application: expected"),
                ("agner.log_level", {"level": 7}, "level: expected"),
                ("agner.log_level", {"handler": 7}, "handler: expected"),
                ("agner.log_level", {"handler": "x", "level": "info"},
                 "handler: no such name"),
                ("agner.log_level", {"actor": "nobody", "level": "info"},
                 "no process is registered")):
            with self.subTest(params=params):
                with self.assertRaisesRegex(RuntimeError, why):
                    self.client.call(method, **params)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The control socket and what a client must not be able to do to it (B-RPC)."""
import json
import os
import socket
import struct

from agner_cli import WAIT, Case, main

NAME = "rpc@127.0.0.1"


def text(s):
    return bytes([0xa0 | len(s)]) + s.encode()


def request(number, method, *params):
    """The parameters are MessagePack already."""
    return (b"\x94\x00\xce" + struct.pack(">I", number) + text(method)
            + bytes([0x90 | len(params)]) + b"".join(params))


def call_map(to, timeout=None):
    """{to, msg => 1, timeout}"""
    pairs = [text("to") + text(to), text("msg") + b"\x01"]
    if timeout is not None:
        pairs.append(text("timeout") + b"\xcd" + struct.pack(">H", timeout))
    return bytes([0x80 | len(pairs)]) + b"".join(pairs)


def ok_answer(number, result):
    """As the node writes ids."""
    if number < 128:
        return b"\x94\x01" + bytes([number]) + b"\xc0" + result
    if number < 256:
        return b"\x94\x01\xcc" + bytes([number]) + b"\xc0" + result
    return b"\x94\x01\xcd" + struct.pack(">H", number) + b"\xc0" + result


class Control(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", "counter", "--app", "echo")

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the node lives")

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(WAIT)
        s.connect(self.socket_of(NAME))
        return s

    def answer(self, sent, size=None):
        """What comes back: `size` bytes, or all until the node closes."""
        with self.connect() as s:
            s.sendall(sent)
            return self.read(s, size)

    def read(self, s, size=None):
        got = b""
        while size is None or len(got) < size:
            try:
                chunk = s.recv(65536)
            except ConnectionResetError:
                break
            if not chunk:
                break
            got += chunk
        return got

    def works(self):
        self.assertEqual(self.answer(request(9, "counter", text("add"), b"\x00"),
                                     5)[:4], b"\x94\x01\x09\xc0")

    def test_a_registered_name_is_called_with_the_parameters(self):
        s = self.connect()
        s.sendall(request(1, "counter", text("add"), b"\x05"))
        self.assertEqual(self.read(s, 5), ok_answer(1, b"\x05"))
        # The same as one term: a strict tuple with an atom in it.
        s.sendall(request(2, "counter", b"\xc7\x08\x02\x92\xc7\x03\x01add\x02"))
        self.assertEqual(self.read(s, 5), ok_answer(2, b"\x07"))

    def test_a_message_may_come_byte_by_byte(self):
        s = self.connect()
        for byte in request(3, "counter", text("add"), b"\x01"):
            s.sendall(bytes([byte]))
        self.assertEqual(self.read(s, 5), ok_answer(3, b"\x01"))

    def test_many_at_once_are_answered_in_order_for_one_server(self):
        s = self.connect()
        s.sendall(b"".join(request(i, "counter", text("add"), b"\x01")
                           for i in range(1, 101)))
        self.assertEqual(self.read(s, 500),
                         b"".join(ok_answer(i, bytes([i]))
                                  for i in range(1, 101)))

    def test_B_RPC_1_broken_bytes_end_the_connection_and_nothing_else(self):
        for sent in (b"\xc1", b"\xdd\x7f\xff\xff\xff", b"\xdd\x01\xff\xff\xff",
                     b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
                     b"\xc6\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff",
                     b"\x91" * 33, b"\x91" * 100000,
                     b"\x94\x00\xca\x00\x00\x00\x00\xa1m\x90",  # a float as id
                     b"\x94\x00\xff\xa1m\x90", b"\x05", b"\x90",
                     b"\x93\x02\x05\x90"):
            with self.subTest(sent=sent[:12]):
                self.assertEqual(self.answer(sent), b"")
        self.works()

    def test_B_RPC_1_broken_bytes_after_an_id_are_answered_first(self):
        for rest in (b"\xc1", b"\xa1m" + b"\x91" * 32, b"\xdb\xff\xff\xff\xff"):
            got = self.answer(b"\x94\x00\x05" + rest)
            self.assertTrue(got.startswith(b"\x94\x01\x05\x93\xa6badarg\xc0"),
                            got)
            self.assertTrue(got.endswith(b"\xc0"))

    def test_B_RPC_2_what_is_whole_and_wrong_is_answered_and_the_next_works(self):
        s = self.connect()
        for sent, why in (
                (b"\x93\x00\x05\xa1m", "badarg"),
                (b"\x94\x00\x05\x07\x90", "badarg"),
                (b"\x94\x00\x05\xa1m\x80", "badarg"),
                (b"\x94\x00\x05\xa1m\x91\xd4\x63\x00", "badarg"),
                (request(5, "nobody", b"\x01"), "noproc"),
                (request(5, ""), "noproc"),
                (request(5, "agner.nothing"), "badarg"),
                (request(5, "agner.call"), "badarg"),
                (request(5, "agner.call", b"\x05"), "badarg"),
                (request(5, "agner.call", call_map("nobody")), "noproc"),
                (request(5, "agner.ps", b"\x81" + text("limit") + b"\xff"),
                 "badarg"),
                (request(5, "agner.process"), "badarg"),
                (request(5, "agner.mode", text("odd")), "badarg")):
            s.sendall(sent)
            got = s.recv(4096)
            self.assertTrue(
                got.startswith(b"\x94\x01\x05\x93" + text(why)), (sent, got))
        s.sendall(request(6, "counter", text("add"), b"\x01"))
        self.assertEqual(self.read(s, 5), ok_answer(6, b"\x01"))

    def test_a_deadline_is_kept(self):
        # The keeper of the socket answers no calls.
        got = self.answer(request(1, "agner.call",
                                  call_map("agner_control", 20)), 20)
        self.assertTrue(got.startswith(b"\x94\x01\x01\x93\xa7timeout"), got)

    def test_B_RPC_2_an_id_that_is_in_use_is_refused(self):
        s = self.connect()
        s.sendall(request(1, "agner.call", call_map("agner_control", 60000)))
        s.sendall(request(1, "counter", text("add"), b"\x01"))
        self.assertIn(b"id 1 is already in use", s.recv(4096))

    def test_B_RPC_2_an_answer_that_nobody_asked_for_is_passed_over(self):
        s = self.connect()
        s.sendall(b"\x94\x01\x05\xc0\xc0" + request(1, "counter", text("add"),
                                                    b"\x00"))
        self.assertEqual(self.read(s, 5), ok_answer(1, b"\x00"))

    def test_B_RPC_2_a_flood_of_notifications_is_taken_at_the_nodes_pace(self):
        s = self.connect()
        one = (b"\x93\x02" + text("agner.cast") + b"\x91"
               + call_map("agner_control"))  # it takes casts, and drops them
        s.sendall(one * 50000)
        s.sendall(request(1, "counter", text("add"), b"\x00"))
        self.assertEqual(self.read(s, 5), ok_answer(1, b"\x00"))

    def test_B_RPC_3_a_client_that_does_not_read_is_not_read(self):
        s = self.connect()
        big = b"\xc5\x27\x10" + b"x" * 10000
        one = request(1, "echo", text("echo"), big)
        s.setblocking(False)
        sent = 0
        idle = 0
        while idle < 50 and sent < 100 << 20:  # until nobody takes more
            try:
                part = sent % len(one)
                sent += s.send(one[part:])
                idle = 0
            except BlockingIOError:
                idle += 1
                self.works()  # and others are served meanwhile
        self.assertLess(sent, 64 << 20)
        s.settimeout(WAIT)
        whole = sent // len(one)
        self.assertGreater(whole, 10)
        if sent % len(one) != 0:  # the ids are equal: answered or "in use"
            import threading
            rest = threading.Thread(target=s.sendall,
                                    args=(one[sent % len(one):],))
            rest.start()
            self.addCleanup(rest.join)
            whole += 1
        answers = 0
        got = b""
        while answers < whole:
            chunk = s.recv(1 << 20)
            self.assertNotEqual(chunk, b"")
            got += chunk
            answers += got.count(b"\x94\x01\x01")
            got = got[-2:] if not got.endswith(b"\x94\x01\x01") else b""

    def test_B_RPC_3_a_client_that_leaves_takes_its_calls_with_it(self):
        def processes():
            return json.loads(self.run_it("status", "--json")[1])["processes"]

        before = processes()  # with the command's own session
        s = self.connect()
        for number in range(100):
            s.sendall(request(number, "agner.call",
                              call_map("agner_control", 60000)))
        self.until(lambda: processes() == before + 1)
        s.close()
        self.until(lambda: processes() == before)

    def test_B_RPC_3_over_64_connections_are_refused(self):
        held = [self.connect() for _ in range(200)]
        served = 0
        for i, s in enumerate(held):
            try:
                s.sendall(request(1, "agner.ping"))
                served += self.read(s, 9) == ok_answer(1, b"\xa4pong")
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.assertEqual(served, 64)
        for s in held:
            s.close()
        self.until(lambda: self.run_it("ping")[0] == 0)

    def test_B_RPC_5_texts_from_a_client_never_become_atoms(self):
        def atoms():
            return json.loads(self.run_it("info", "--json")[1])["memory"]["atoms"]

        atoms()  # what the first question makes
        before = atoms()
        s = self.connect()
        for i in range(300):
            s.sendall(request(1, f"method_{i}", text(f"param_{i}")))
            s.recv(4096)
            s.sendall(request(1, "agner.call", call_map(f"name_{i}")))
            s.recv(4096)
        self.assertEqual(atoms(), before)

    def test_B_RPC_5_atoms_from_clients_are_interned_up_to_a_limit(self):
        def atoms():
            return json.loads(self.run_it("info", "--json")[1])["memory"]["atoms"]

        atoms()  # what the first questions make
        self.answer(request(1, "echo", text("echo"), b"\x01"), 5)
        before = atoms()
        for first in range(0, 18000, 1000):
            s = self.connect()
            for i in range(first, first + 1000):
                atom = f"atom_{i:05}".encode()
                s.sendall(request(1, "echo", text("echo"),
                                  b"\xc7\x0a\x01" + atom))
                self.assertEqual(self.read(s, 15), ok_answer(1, b"\xaa" + atom))
            s.close()
        self.assertLessEqual(atoms() - before, 16384)
        self.assertGreater(atoms() - before, 16000)

    def test_B_RPC_4_another_user_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be another user")
        for path in (self.home, self.path("agner")):
            os.chmod(path, 0o755)
        os.chmod(self.socket_of(NAME), 0o777)
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(WAIT)
            try:
                s.connect(self.socket_of(NAME))
                s.sendall(request(1, "agner.ping"))
                os._exit(1 if s.recv(100) else 0)
            except (BrokenPipeError, ConnectionResetError):
                os._exit(0)
            finally:
                os._exit(2)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


main()

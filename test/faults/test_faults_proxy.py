#!/usr/bin/env python3
"""Two real nodes with a bad network between them (test/proxy)."""
from bed import WAIT, Bed, main
from proxy import Proxy

A, B = "a@127.0.0.1", "b@127.0.0.1"
LARGE = "0123456789abcdef" * 4000  # more than a piece, less than a fragment


class Between(Bed):
    def setUp(self):
        super().setUp()
        self.a = self.start(A, *self.ticks())
        self.proxy = Proxy(self.a.port)
        self.addCleanup(self.proxy.close)

    def ticks(self):
        return []

    def join(self):
        self.b = self.start(B, "--peer", f"a@127.0.0.1:{self.proxy.port}",
                            *self.ticks())
        self.meet(B, A)


class Slow(Between):
    """G20: what arrives, arrives whole and in order."""

    def test_calls_go_through_a_slow_network(self):
        self.join()
        for mode in ({}, {"delay": 0.005}, {"rate": 2000000}, {"bytes": 7}):
            with self.subTest(mode):
                self.proxy.mode = mode
                self.echoes(B, A)
                self.echoes(B, A, LARGE)

    def test_handshake_and_calls_go_one_byte_at_a_time(self):
        self.proxy.mode = {"bytes": 1}
        self.join()
        self.echoes(B, A, "x" * 3000)


class Broken(Between):
    def hangs(self):
        """A call whose request the network keeps."""
        self.proxy.mode = {"stall": True}
        call = self.begin_echo(B, A)
        self.until(lambda: self.proxy.kept > 0)
        return call

    def ends_once(self, call):
        """Both calls and links hear of the loss, and the way is found again."""
        out, err = call.communicate(timeout=WAIT)
        self.assertNotEqual(call.returncode, 0, out)
        self.assertEqual(out, "")
        self.assertNotIn("timed out", err)
        self.proxy.mode = {}
        self.meet(B, A)
        self.echoes(B, A)

    def test_a_call_ends_when_the_connection_is_cut_or_reset(self):
        self.join()
        for breaks in (self.proxy.cut, self.proxy.reset):
            with self.subTest(breaks.__name__):
                call = self.hangs()
                breaks()
                self.ends_once(call)

    def test_a_cut_in_the_handshake_is_got_over(self):
        for count in (3, 60):  # a retry's pause each, up to a second
            with self.subTest(count):
                self.proxy.cut_after(count)
                self.join()
                self.assertIsNone(self.proxy.limit)  # it was cut there
                self.echoes(B, A)
                self.b.end()
                self.until(lambda: not self.sees(A, B))


class Stalled(Between):
    def ticks(self):
        return ["--tick-time", "1s"]

    def test_a_stall_is_late_then_lost_then_over(self):
        """G37: silence of the tick time ends the connection, and what waited for it."""
        self.join()
        self.proxy.mode = {"stall": True}
        call = self.begin_echo(B, A)
        out, err = call.communicate(timeout=WAIT)
        self.assertNotEqual(call.returncode, 0, out)
        self.assertNotIn("timed out", err)
        self.until(lambda: not self.sees(A, B))  # the other end noticed, too
        self.proxy.mode = {}
        self.comes_to_echo(B, A)


main()

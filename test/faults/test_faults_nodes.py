#!/usr/bin/env python3
"""Real nodes that are killed, and that are stopped and go on."""
import json
import signal

from bed import WAIT, Bed, main

A, B, C = "a@127.0.0.1", "b@127.0.0.1", "c@127.0.0.1"


class Nodes(Bed):
    def gone(self, name, peer):
        self.until(lambda: not self.sees(name, peer))

    def test_one_of_three_is_killed_again_and_again(self):
        """G20: the others hear of it each time, and stay together."""
        a = self.start(A)
        b = self.start(B, "--peer", f"a@127.0.0.1:{a.port}")
        peers = []
        for node, port in (("a", a.port), ("b", b.port)):
            peers += ["--peer", f"{node}@127.0.0.1:{port}"]
        for _ in range(3):
            c = self.start(C, *peers)
            self.meet(C, A, B)
            self.meet(A, B, C)
            self.meet(B, A, C)
            self.echoes(A, C)
            c.signal(signal.SIGSTOP)  # so that the call cannot be answered first
            call = self.begin_echo(A, C)
            c.signal(signal.SIGKILL)
            call.communicate(timeout=WAIT)
            self.assertNotEqual(call.returncode, 0)
            self.gone(A, C)
            self.gone(B, C)
            self.assertEqual(c.wait()[0], -signal.SIGKILL)
            self.assertTrue(self.sees(A, B) and self.sees(B, A))
            self.echoes(A, B)

    def test_a_node_that_slept_learns_that_it_was_cut_off(self):
        """G37: the others go on after the tick time; the sleeper sees it when it wakes."""
        tick = ["--tick-time", "1s"]
        a = self.start(A, *tick)
        self.start(B, "--peer", f"a@127.0.0.1:{a.port}", *tick)
        self.meet(B, A)
        self.check(["call", "-n", A, "echo",
                    "{monitor, {echo, '%s'}}" % B], 0)
        self.check(["call", "-n", A, "echo", "{spawn, ear}"], 0)
        _, ear, _ = self.check(["call", "-n", A, "ear", "{self}"], 0)
        self.check(["call", "-n", A, "echo", "{tell, %s}" % ear.strip()], 0)
        told = self.messages(A, "ear")
        a.signal(signal.SIGSTOP)
        self.gone(B, A)
        a.signal(signal.SIGCONT)
        # The down of the monitor went to `echo`, who told `ear`.
        self.until(lambda: self.messages(A, "ear") > told)
        self.comes_to_echo(B, A)
        self.comes_to_echo(A, B)

    def messages(self, node, name):
        _, out, _ = self.check(["ps", "-n", node, "--json"], 0)
        return next(row["messages"] for row in json.loads(out)
                    if row["name"] == name)


main()

#!/usr/bin/env python3
"""Nodes whose system calls are interrupted and done in part (short.c)."""
import os

from bed import Bed, main

A, B = "a@127.0.0.1", "b@127.0.0.1"
LARGE = "0123456789abcdef" * 4000


class Short(Bed):
    def both(self, **more):
        env = {"LD_PRELOAD": os.environ["SHORT_SO"], **more}
        a = self.start(A, env=env)
        self.start(B, "--peer", f"a@127.0.0.1:{a.port}", env=env)

    def test_calls_are_whole_over_calls_that_are_not(self):
        self.both()
        self.meet(B, A)
        for text in ("hello", LARGE):
            self.echoes(B, A, text)
            self.echoes(A, B, text)


main()

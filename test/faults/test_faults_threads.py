#!/usr/bin/env python3
"""A system without threads to give (errors.c): the node says so, or goes on with fewer."""
import errno
import os

from bed import Bed, main

A = "a@127.0.0.1"
MOST = 30


def under(where):
    return {"LD_PRELOAD": os.environ["ERRORS_SO"], "FAULTS": f"thread:{errno.EAGAIN}:{where}"}


class Threads(Bed):
    def tries(self, where):
        """Starts it: None, and it is up; or the exit code and what it says."""
        code, _, err = self.run_it(
            "start", "--name", A, "--epmd", "none", "--app", "echo", "--workers", "2",
            "--control", self.path("a.sock"), "--detach", env=under(where))
        if code == 0:
            return None
        self.assertFalse(os.path.exists(self.path("a.sock")), "left behind")
        return code, err

    def stop(self):
        self.check(["call", "-n", self.path("a.sock"), "echo", "{echo, 1}"], 0, "1\n")
        self.check(["stop", "-n", self.path("a.sock")], 0)

    def test_each_thread_in_turn_is_not_there(self):
        """One alone, and all from it on."""
        for ending in ("", "+"):
            refused = 0
            for number in range(1, MOST):
                outcome = self.tries(f"{number}{ending}")
                if outcome is None:
                    self.stop()
                    if number > refused + 4:
                        break  # the node has all that it wants by then
                    continue
                refused += 1
                code, err = outcome
                self.assertEqual(code, 1, err)
                self.assertIn("thread", err)
            self.assertGreater(refused, 3)
            self.assertLess(number, MOST - 1)


main()

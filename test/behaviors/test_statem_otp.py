#!/usr/bin/env python3
"""State machines of OTP and of agner leave the same trace.

The cases of statem_cases.txt on OTP must be what statem_trace.txt says, which
test_behaviors_statem.c is compared with; random programs are played on both.
Skipped where there is no Erlang.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = sys.argv[1:3]
PROGRAMS = 200


def run(*args):
    done = subprocess.run(args, text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"{args}: {done.stdout}{done.stderr}")
    return done.stdout


def on_otp(path):
    return run("escript", os.path.join(SOURCE, "statem_trace.escript"), path)


def cases(text):
    """The cases of a trace: a line at the margin begins one."""
    result = []
    for line in text.splitlines():
        if not line.startswith(" "):
            result.append([])
        result[-1].append(line)
    return result


class Statem(unittest.TestCase):
    maxDiff = None

    def test_the_recorded_trace_is_otps(self):
        with open(os.path.join(SOURCE, "statem_trace.txt")) as f:
            self.assertEqual(
                on_otp(os.path.join(SOURCE, "statem_cases.txt")), f.read())

    def test_random_programs_do_the_same(self):
        seed = int(os.environ.get("SEED", "1"))
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
            f.write(run(PROGRAM, "cases", str(seed), str(PROGRAMS)))
            f.flush()
            ours = cases(run(PROGRAM, "play", f.name))
            theirs = cases(on_otp(f.name))
        self.assertEqual(len(ours), PROGRAMS)
        for our, their in zip(ours, theirs):
            self.assertEqual(our, their)
        self.assertEqual(len(ours), len(theirs))


if shutil.which("escript") is None:
    sys.exit(77)
unittest.main(argv=sys.argv[:1])

#!/usr/bin/env python3
"""The example of three subscribers prints what it says: test_stream_example.py PROGRAM.

Each of them has each event, in order; who of the three is first is not said.
"""
import subprocess
import sys

WORDS = ["Hello!", "I am", "EventStream"]


def three_subscribers(program):
    done = subprocess.run([program], text=True, capture_output=True, timeout=60, check=False)
    lines = done.stdout.splitlines()
    for number in range(3):
        mine = [line for line in lines if line.startswith(f"{number}: ")]
        assert mine == [f"{number}: {word}" for word in WORDS], done.stdout
    assert len(lines) == 9 and done.returncode == 0 and done.stderr == "", done


three_subscribers(sys.argv[1])

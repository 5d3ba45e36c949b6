#!/usr/bin/env python3
"""The example beacon says what it is configured to say, and nothing of what was before.

    test_service_example.py PROGRAM
"""
import subprocess
import sys

out = subprocess.run(sys.argv[1], capture_output=True, text=True, timeout=60, check=True).stdout
lines = out.splitlines()
words = [line for line in lines if not line.startswith("--")]
notes = [line for line in lines if line.startswith("--")]

# How often a word is said depends on how busy the machine is; in which order does not.
assert words and words == sorted(words), out  # "here" ... "there" ...
assert set(words) == {"here", "there"}, out
assert notes == [
    '-- refused: not "MS WORD": soon',
    "-- still: active, good, version 6",
    "-- in the end: inactive, not allowed, version 8",
], out

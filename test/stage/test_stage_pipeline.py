#!/usr/bin/env python3
"""The example pipeline counts as Python does: test_stage_pipeline.py PROGRAM SOURCE_ROOT.

On real texts: pages of this tree, and made ones that are odd.
"""
import collections
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM, ROOT = sys.argv[1:3]
LIMIT_S = 60


def play(path):
    return subprocess.run([PROGRAM, path], text=True, capture_output=True,
                          timeout=LIMIT_S, check=False)


def expected(path):
    """What it prints of this file, by Python."""
    with open(path, "rb") as f:
        # Lower case of letters without accents only, as C's in its own locale.
        words = re.findall(rb"[0-9a-z\x80-\xff]+", f.read().lower())
    counts = collections.Counter(words)
    top = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
    lines = [f"{len(words)} words, {len(counts)} different ones"]
    lines += [f"{count:7} {word.decode()}" for word, count in top]
    lines.append(f"counted straight: {len(words)}, the same")
    return "\n".join(lines) + "\n"


class Pipeline(unittest.TestCase):
    maxDiff = None

    def same(self, path):
        done = play(path)
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         (expected(path), "", 0), path)

    def test_pages_of_this_tree(self):
        for path in [os.path.join(ROOT, "README.md"), *glob.glob(ROOT + "/docs/a*.md")]:
            self.same(path)

    def test_odd_texts(self):
        for text in ["", "\n", "one", "One ONE one\n\n\ntwo", "łódź Łódź\r\nx\r\n" * 500,
                     "word " * 10000 + "\n" + "word\n" * 10000]:
            with tempfile.NamedTemporaryFile("w", encoding="utf-8") as f:
                f.write(text)
                f.flush()
                self.same(f.name)

    def test_what_cannot_be_counted(self):
        done = play("/no/such/file")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)
        with tempfile.NamedTemporaryFile("wb") as f:
            f.write(b"short\n" + b"x" * 70000 + b"\n")
            f.flush()
            self.assertEqual(play(f.name).returncode, 1)


unittest.main(argv=sys.argv[:1])

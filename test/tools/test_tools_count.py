#!/usr/bin/env python3
"""tools/lib/meson_tests.py counts the cases of a run, and never takes a failure for a success.

    test_tools_count.py SOURCE_ROOT
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.join(sys.argv.pop(), "tools", "lib", "meson_tests.py")


class Count(unittest.TestCase):
    def count(self, *tests):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "meson-logs"))
            with open(os.path.join(folder, "meson-logs", "testlog.json"), "w") as f:
                for result, stdout in tests:
                    f.write(json.dumps({"name": "t", "result": result, "returncode": 0, "stdout": stdout}) + "\n")
            done = subprocess.run([sys.executable, TOOL, "count", folder], check=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.stdout.strip()

    def test_cases_of_tap_count_each_and_a_program_counts_once(self):
        self.assertEqual(self.count(("OK", "1..2\nok 1 - a\nok 2 - b\n"), ("OK", "hello")), "3 0 0")

    def test_a_case_that_fails_is_one_failure(self):
        self.assertEqual(self.count(("FAIL", "ok 1 - a\nnot ok 2 - b\n")), "1 1 0")

    def test_a_crash_after_good_cases_is_a_failure(self):
        self.assertEqual(self.count(("ERROR", "ok 1 - a\n")), "1 1 0")
        self.assertEqual(self.count(("TIMEOUT", None)), "0 1 0")

    def test_what_was_skipped_did_not_pass(self):
        self.assertEqual(self.count(("SKIP", ""), ("OK", "ok 1 - a\nok 2 # SKIP no erl\n")), "1 0 2")


unittest.main()

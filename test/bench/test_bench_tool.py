#!/usr/bin/env python3
"""The harness tools/bench, with a program in place of agner-bench whose figures are known.

    test_bench_tool.py SOURCE_ROOT
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.join(sys.argv.pop(), "tools", "bench")

# Says 30, 10, 20 for pingpong, one a run; fails at ring; hangs nowhere.
PROGRAM = """#!/bin/sh
case $1 in
pingpong)
  echo x >>"$0.runs"
  set -- $(wc -l <"$0.runs")
  case $1 in 1) v=30 ;; 2) v=10 ;; *) v=20 ;; esac
  echo "pingpong agner ns_per_msg $v ns"
  echo "this line is no figure"
  ;;
ring) echo "the ring is broken" >&2; exit 7 ;;
call) exit 0 ;;
*) echo "$1 agner msgs_per_s 5 msgs/s" ;;
esac
"""


class Harness(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.program = os.path.join(self.folder.name, "agner-bench")
        with open(self.program, "w") as f:
            f.write(PROGRAM)
        os.chmod(self.program, 0o755)

    def bench(self, *arguments):
        return subprocess.run([sys.executable, BENCH, "--program", self.program, "--peers", "", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_the_figure_is_the_median_of_the_rounds(self):
        file = os.path.join(self.folder.name, "out")
        done = self.bench("--rows", "pingpong", "--runs", "3", "--json", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("agner           20  (10..30)", done.stdout)
        with open(file) as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual(lines, [{"row": "pingpong", "peer": "agner", "metric": "ns_per_msg", "unit": "ns",
                                  "median": 20.0, "min": 10.0, "max": 30.0, "runs": 3}])

    def test_a_row_that_fails_is_told_and_the_others_go_on(self):
        done = self.bench("--rows", "ring,fanin", "--quick")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ring  agner failed: exit 7: the ring is broken", done.stdout)
        self.assertIn("fanin  msgs_per_s", done.stdout)

    def test_a_row_without_figures_has_failed(self):
        done = self.bench("--rows", "call", "--quick")
        self.assertEqual(done.returncode, 1)
        self.assertIn("printed no figures", done.stdout)

    def test_an_unknown_row_is_refused(self):
        done = self.bench("--rows", "pong")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row pong; there are pingpong", done.stderr)

    def test_dist_stands_for_the_rows_with_two_nodes(self):
        done = self.bench("--rows", "dist,fanin", "--quick")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split()[0] for line in done.stdout.splitlines() if "msgs_per_s" in line]
        self.assertEqual(rows, ["fanin", "dist_connect", "dist_call", "dist_rpc", "dist_send", "dist_bulk", "dist_link"])


unittest.main()

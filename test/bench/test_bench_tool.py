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
from xml.etree import ElementTree

TOP = sys.argv.pop()
BENCH = os.path.join(TOP, "tools", "bench")
sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
import bench_figures  # noqa: E402

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


# Does what rows do that are measured from outside.
OUTSIDE = """#!/bin/sh
case $1 in
hello) echo hello ;;
empty) echo READY; read line ;;
idle) echo READY; read line; echo READY; read line; echo "idle agner ticks_per_s 1000 ticks/s" ;;
esac
exit 0
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
                                  "median": 20.0, "min": 10.0, "max": 30.0, "runs": 3, "values": [30.0, 10.0, 20.0]}])

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
        self.assertEqual(rows, ["fanin", "dist_connect", "dist_call", "dist_rpc", "dist_send", "dist_bulk", "dist_link",
                                "dist_stage"])

    # ---- stored runs

    def stored(self, name, *figures):
        """A file with figures of ours: (row, metric, unit, lowest, median, highest, rounds: 1 or 5)."""
        path = os.path.join(self.folder.name, name)
        with open(path, "w") as f:
            for row, metric, unit, low, middle, high, rounds in figures:
                values = [low, middle, middle, middle, high] if rounds == 5 else [middle]
                f.write(json.dumps({"row": row, "peer": "agner", "metric": metric, "unit": unit,
                                    "values": values}) + "\n")
        return path

    def lost(self, old, new):
        """What the figure `new` lost against `old`, as text."""
        runs = [bench_figures.read(self.stored(name, figure)) for name, figure in (("old", old), ("new", new))]
        return bench_figures.losses(*runs, [old[0]], ["agner"])

    def test_a_figure_that_lost_more_than_its_noise_is_named(self):
        for case, old, new in (
                ("less is better", ("call", "ns_per_call", "ns", 98, 100, 102, 5), ("call", "ns_per_call", "ns", 118, 120, 122, 5)),
                ("more is better", ("fanin", "msgs_per_s", "msgs/s", 98, 100, 102, 5), ("fanin", "msgs_per_s", "msgs/s", 78, 80, 82, 5)),
                ("few rounds", ("call", "ns_per_call", "ns", 100, 100, 100, 1), ("call", "ns_per_call", "ns", 127, 127, 127, 1))):
            with self.subTest(case):
                self.assertEqual([name for name, _ in self.lost(old, new)], [f"{old[0]} {old[1]}"])

    def test_what_the_noise_explains_is_no_loss(self):
        for case, old, new in (
                ("steady", ("call", "ns_per_call", "ns", 100, 100, 100, 5), ("call", "ns_per_call", "ns", 104, 104, 104, 5)),
                ("the old one spread", ("call", "ns_per_call", "ns", 80, 100, 130, 5), ("call", "ns_per_call", "ns", 120, 120, 120, 5)),
                ("the new one spreads", ("call", "ns_per_call", "ns", 100, 100, 100, 5), ("call", "ns_per_call", "ns", 95, 120, 155, 5)),
                ("few rounds", ("call", "ns_per_call", "ns", 100, 100, 100, 1), ("call", "ns_per_call", "ns", 124, 124, 124, 5)),
                ("a gain", ("fanin", "msgs_per_s", "msgs/s", 100, 100, 100, 5), ("fanin", "msgs_per_s", "msgs/s", 200, 200, 200, 5))):
            with self.subTest(case):
                self.assertEqual(self.lost(old, new), [])

    def test_a_figure_that_is_there_no_more_is_lost(self):
        call = ("call", "ns_per_call", "ns", 100, 100, 100, 5)
        old, new = self.stored("old", call, ("call", "ns_per_cast", "ns", 9, 9, 9, 5)), self.stored("new", call)
        done = self.bench("--from", new, "--compare", old)
        self.assertEqual(done.returncode, 3)
        self.assertIn("LOST call ns_per_cast: has no figure any more", done.stderr)
        self.assertEqual(self.bench("--from", old, "--compare", new).returncode, 0)

    def test_a_measured_run_is_compared_too_and_takes_the_rows_of_the_file(self):
        old = self.stored("old", ("fanin", "msgs_per_s", "msgs/s", 9, 9, 9, 5))
        done = self.bench("--compare", old, "--runs", "3", "--quick")
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("LOST fanin msgs_per_s: 9 -> 5 msgs/s: 80 % worse", done.stderr)
        self.assertNotIn("pingpong", done.stdout)

    def test_a_file_without_figures_is_refused(self):
        path = os.path.join(self.folder.name, "bad")
        for text, why in (("", "no figures"), ("{", "bad:1: no figure"), ('{"row": "call"}\n', "bad:1: no figure"),
                          ('{"row": "a", "peer": "b", "metric": "c", "values": []}', "bad:1: no figure"),
                          ('{"row": "a", "peer": "b", "metric": "c", "values": [1, "x"]}', "bad:1: no figure")):
            with self.subTest(text):
                with open(path, "w") as f:
                    f.write(text)
                with self.assertRaisesRegex(ValueError, why):
                    bench_figures.read(path)
        self.assertEqual(self.bench("--compare", path).returncode, 2)

    def test_a_run_in_pieces_is_one_file(self):
        file = os.path.join(self.folder.name, "out")
        self.bench("--rows", "fanin", "--quick", "--json", file)
        self.bench("--rows", "fanin,fanout", "--quick", "--json", file, "--append")
        with open(file) as f:
            self.assertEqual([json.loads(line)["row"] for line in f], ["fanin", "fanin", "fanout"])
        self.assertEqual([f["runs"] for f in bench_figures.read(file).values()], [2, 1])

    def test_pictures_and_tables_come_from_a_stored_run(self):
        file = self.stored("file", ("call", "ns_per_call", "ns", 90, 100, 110, 5))
        with open(file, "a") as f:
            f.write(json.dumps({"row": "call", "peer": "go", "metric": "ns_per_call", "unit": "ns",
                                "values": [400, 500, 300]}) + "\n")
        folder = os.path.join(self.folder.name, "plots")
        done = self.bench("--from", file, "--plot", folder, "--table")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| `call` ns_per_call | ns | 100 (90..110) | 400 (4x) |", done.stdout)
        self.assertEqual(os.listdir(folder), ["call.svg"])
        picture = ElementTree.parse(os.path.join(folder, "call.svg")).getroot()
        bars = [float(r.get("width")) for r in picture.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertEqual(bars[0] * 4, bars[1])

    # ---- rows that are measured from outside

    def test_start_memory_and_idle_time_are_measured_from_outside(self):
        with open(self.program, "w") as f:
            f.write(OUTSIDE)
        done = self.bench("--rows", "hello,empty,idle", "--quick")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for metric in ("hello  ms_until_first_message", "empty  mb_resident", "idle  percent_of_a_core_processes",
                       "idle  percent_of_a_core_1000_timers", "idle  ticks_per_s"):
            self.assertIn(metric, done.stdout)

    def test_a_program_that_does_not_say_its_word_has_failed(self):
        done = self.bench("--rows", "hello,empty,size", "--quick")
        self.assertEqual(done.returncode, 1)
        self.assertIn("hello  agner failed: said b'hello agner msgs_per_s", done.stdout)
        self.assertIn("empty  agner failed: said 'empty agner msgs_per_s", done.stdout)
        self.assertIn("size  agner failed: no libagner.so beside the program", done.stdout)


unittest.main()

#!/usr/bin/env python3
"""meson_tests.py -- what tools/check asks of a build directory.

    meson_tests.py rooms DIR ROOM...   the tests of these rooms that are programs of this build:
                                       "target<TAB>test name" lines
    meson_tests.py threads DIR ROOM... the same, without those that are one thread from beginning
                                       to end: simulated worlds, tables
    meson_tests.py count DIR           of the last `meson test`: "passed failed skipped"

A test that prints TAP (cmocka does with CMOCKA_MESSAGE_OUTPUT=TAP) counts as the cases in it, any
other as one. A program that fails without a failed case (a crash, a leak, a time-out) is one failure
more. What failed is shown on stderr, with the end of its output.
"""
import json
import os
import re
import subprocess
import sys

SHOWN_LINES = 60  # of a failed test's output
ONE_THREAD = re.compile(r"_(memory|property|random|replay|tables)$")
HAS_THREADS = {"behaviors_feed_random", "behaviors_statem_random"}


def rooms(dir_, wanted, threads=False):
    tests = json.loads(subprocess.run(["meson", "introspect", dir_, "--tests"], check=True,
                                      stdout=subprocess.PIPE, text=True).stdout)
    for test in tests:
        if threads and ONE_THREAD.search(test["name"]) and test["name"] not in HAS_THREADS:
            continue
        program = os.path.relpath(test["cmd"][0], dir_)
        if any(test["name"].startswith(room + "_") for room in wanted) and not program.startswith(".."):
            print(program, test["name"], sep="\t")


def show(test):
    print(f"--- {test['name']}: {test['result']}, exit {test.get('returncode')}", file=sys.stderr)
    text = (test.get("stdout") or "") + (test.get("stderr") or "")
    lines = [line for line in text.splitlines() if not re.match(r"ok \d+", line)]
    print("\n".join(lines[-SHOWN_LINES:]), file=sys.stderr)


def count(dir_):
    passed = failed = skipped = 0
    path = os.path.join(dir_, "meson-logs", "testlog.json")
    with open(path) as f:
        tests = [json.loads(line) for line in f if line.strip()]
    for test in tests:
        cases = re.findall(r"^(not ok|ok) \d+(.*)$", test.get("stdout") or "", re.M)
        good = sum(1 for word, rest in cases if word == "ok" and "# SKIP" not in rest)
        bad = sum(1 for word, _ in cases if word == "not ok")
        if test["result"] == "SKIP":
            skipped += 1
            continue
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += good if cases else 1
            skipped += len(cases) - good - bad
            continue
        passed += good
        failed += max(bad, 1)
        show(test)
    print(passed, failed, skipped)


def main():
    if len(sys.argv) > 3 and sys.argv[1] in ("rooms", "threads"):
        rooms(sys.argv[2], sys.argv[3:], sys.argv[1] == "threads")
    elif len(sys.argv) == 3 and sys.argv[1] == "count":
        count(sys.argv[2])
    else:
        sys.exit(__doc__)


main()

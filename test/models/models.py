#!/usr/bin/env python3
"""models.py -- Spin over all models here: each must hold, and must fail with each of its planted bugs.

    models.py FOLDER [MODEL...]

A model names its bugs in its header: ` * bug: NAME  what`. Prints TAP. Exit code 77: no spin.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

DEPTH = 500000
WAIT_S = 300


def bugs_of(path):
    with open(path) as f:
        return re.findall(r"^ \* bug: ([A-Z_]+)", f.read(), re.M)


def run(folder, *command):
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=WAIT_S, check=False).stdout


def search(path, bug):
    """(errors found, states, what was said)"""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, os.path.join(folder, "model.pml"))
        said = run(folder, "spin", *([f"-D{bug}"] if bug else []), "-a", "model.pml")
        said += run(folder, "cc", "-w", "-O1", "-DSAFETY", "-o", "pan", "pan.c")
        if not os.path.exists(os.path.join(folder, "pan")):
            return None, 0, said
        said = run(folder, "./pan", f"-m{DEPTH}")
        errors = re.search(r"errors: (\d+)", said)
        states = re.search(r"(\d+) states, stored", said)
        if "max search depth too small" in said or errors is None or states is None:
            return None, 0, said
        if bug is None and int(errors.group(1)) > 0:
            said += run(folder, "spin", "-t", "-p", "-g", "-l", "model.pml")
        return int(errors.group(1)), int(states.group(1)), said


def main(folder, names):
    if shutil.which("spin") is None:
        print("1..0 # SKIP no spin")
        return 77
    paths = [path for path in sorted(glob.glob(os.path.join(folder, "*.pml")))
             if not names or os.path.basename(path)[:-4] in names]
    searches = [(path, bug) for path in paths for bug in [None] + bugs_of(path)]
    number = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (path, bug), (errors, states, said) in zip(searches, pool.map(lambda one: search(*one), searches)):
            name = os.path.basename(path)[:-4]
            number += 1
            well = errors is not None and (errors == 0 if bug is None else errors > 0)
            failed += not well
            what = f"{name} holds" if bug is None else f"{name} shows {bug}"
            print(f"{'ok' if well else 'not ok'} {number} - {what}, {states} states", flush=True)
            if not well:
                print(said)
    print(f"1..{number}")
    return 1 if failed or number == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

#!/usr/bin/env python3
"""syntax.py BUILD -- lets a compiler read all that a build directory would compile, for its warnings.

Each file once, however many programs have it. No code is made, which takes a third of the time: for a compiler whose code other builds test.
What is generated must be there. Prints what the compiler says of the first files that it
refuses, and ends with 1 then.
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

SHOWN = 10  # files
# What is for the making of code: options, and those with a word behind.
LEFT_OUT, WITH_WORD = {"-c", "-MD"}, {"-o", "-MQ", "-MF"}


def without_output(words):
    kept = []
    at = 0
    while at < len(words):
        if words[at] in WITH_WORD:
            at += 1
        elif words[at] not in LEFT_OUT:
            kept.append(words[at])
        at += 1
    return kept + ["-fsyntax-only"]


def read(job):
    folder, words = job
    done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode == 0, done.stdout


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(os.path.join(sys.argv[1], "compile_commands.json")) as f:
        rows = json.load(f)
    jobs = list({row["file"]: (row["directory"], without_output(shlex.split(row["command"])))
                 for row in rows}.values())
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        refused = [text for good, text in pool.map(read, jobs) if not good]
    print("\n".join(refused[:SHOWN]), end="")
    print(f"{len(jobs)} files, {len(refused)} refused")
    return 1 if refused or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())

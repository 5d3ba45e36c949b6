#!/usr/bin/env python3
"""Compares the traces of OTP and agner: test_scenarios.py ON_AGNER FOLDER FILE.scn...

Plays all files on both and wants the traces equal, line by line, but for what
FOLDER/differences lists, which must be there exactly. Exits with 77 (skipped) where
there is no Erlang.
"""
import difflib
import os
import shutil
import subprocess
import sys

WAIT_S = 120


def trace(args):
    """The lines of each scenario, by its name, in order."""
    run = subprocess.run(args, stdout=subprocess.PIPE, text=True, timeout=WAIT_S)
    if run.returncode != 0:
        raise SystemExit(f"{args[0]} failed")
    scenarios = {}
    for line in run.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "scenario":
            if rest in scenarios:
                raise SystemExit(f"two scenarios are called {rest}")
            scenarios[rest] = []
        else:
            scenarios[next(reversed(scenarios))].append(line)
    return scenarios


def decided(path):
    """For each scenario the lines that only OTP and only agner have."""
    found = {}
    lines = reason = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            key, colon, rest = line.rstrip("\n").partition(":")
            rest = rest.strip(" ") if key == "why" else rest.lstrip(" ")
            if key == "scenario" and colon:
                lines = found.setdefault(rest, ([], []))
                reason = None
            elif key in ("otp", "agner") and colon and lines is not None:
                lines[key == "agner"].append(rest)
            elif key == "why" and colon and rest:
                reason = rest
            elif line.strip() == "" or line[0] == "#":
                if lines is not None and reason is None:
                    raise SystemExit(f"{path}:{number}: a difference without a reason")
            elif line[0] != " " or reason is None:
                raise SystemExit(f"{path}:{number}: {line.strip()}")
    if lines is not None and reason is None:
        raise SystemExit(f"{path}: a difference without a reason")
    return found


def split(otp, agner):
    """The lines that only one of them has."""
    only = ([], [])
    for line in difflib.ndiff(otp, agner):
        if line[0] in "-+":
            only[line[0] == "+"].append(line[2:])
    return only


def main():
    on_agner, folder, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    if shutil.which("escript") is None:
        print("there is no Erlang here")
        return 77
    differences = decided(os.path.join(folder, "differences"))
    otp = trace(["escript", os.path.join(folder, "on_otp.escript")] + files)
    agner = trace([on_agner] + files)
    wrong = 0
    for name in list(otp) + [n for n in agner if n not in otp]:
        expected = differences.pop(name, ([], []))
        if split(otp.get(name, []), agner.get(name, [])) != expected:
            wrong += 1
            print(f"{name}:")
            print("\n".join(difflib.unified_diff(
                otp.get(name, []), agner.get(name, []), "OTP", "agner", "", "", 99, "")))
            if expected != ([], []):
                print("which is not what is listed under differences:", expected)
    for name in differences:
        wrong += 1
        print(f"{name}: listed under differences, but there is no such scenario")
    lines = sum(len(steps) for steps in otp.values())
    print(f"{len(otp)} scenarios, {lines} lines, {wrong} scenarios wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

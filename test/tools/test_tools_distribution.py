#!/usr/bin/env python3
"""docs/distribution.md has the rows of the tables in node/: test_tools_distribution.py
SOURCES."""
import os
import re
import sys

SOURCES = sys.argv[1]
ROW = re.compile(r"^\s*X\((.*)\)\s*\\?$")

wrong = 0


def read(*path):
    with open(os.path.join(SOURCES, *path), encoding="utf-8") as file:
        return file.read().splitlines()


def table_of_code(header):
    """The columns of each X(...) in a header."""
    for line in read("node", header):
        match = ROW.match(line)
        if match and match[1].strip()[0].isdigit():
            yield [cell.strip() for cell in match[1].split(",")]


def table_of_docs(first):
    """The cells of each row under the head whose first cell is that."""
    within = False
    for line in read("docs", "distribution.md"):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not cells:
            within = False
        elif cells[0] == first:
            within = True
        elif within and cells[0].isdigit():
            yield cells


def compare(what, code, docs):
    global wrong
    for row in code:
        if row not in docs:
            wrong += 1
            print(f"{what}: {row} is not in docs/distribution.md")
    for row in docs:
        if row not in code:
            wrong += 1
            print(f"{what}: {row} of docs/distribution.md is not in the code")
    if [row[0] for row in docs] != [row[0] for row in code]:
        wrong += 1
        print(f"{what}: another order")


flags = [[bit, f"`{name}`", "" if since == "0" else since,
          "yes" if offered == "1" else "no"]
         for bit, name, since, offered in table_of_code("flags.h")]
compare("flag", flags, [row[:4] for row in table_of_docs("bit")])

ops = [[number, f"`{name}`"] for number, name, *_ in table_of_code("control_ops.h")]
compare("operation", ops, [row[:2] for row in table_of_docs("op")])

if len(flags) < 28 or len(ops) < 29:
    wrong += 1
    print("the tables of the code were not found")
sys.exit(wrong != 0)

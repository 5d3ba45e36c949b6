#!/usr/bin/env python3
"""Writes text files as a table in C: struct embedded of tools/agner/embedded.h.

    embed.py OUTPUT FOLDER NAME...

Names are paths from FOLDER, and are what the program finds the texts by.
"""
import sys


def rows(data):
    """The bytes and a zero, as numbers of a signed char: a string literal may be
    shorter than a file in C11."""
    numbers = [f"{byte - 256 if byte > 127 else byte}," for byte in data + b"\0"]
    return "\n".join("    " + " ".join(numbers[i:i + 16])
                     for i in range(0, len(numbers), 16))


def main():
    output, folder, *names = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as out:
        out.write("/* Made by tools/lib/embed.py from the files named below. */\n"
                  '#include "embedded.h"\n\n')
        for i, name in enumerate(names):
            with open(f"{folder}/{name}", "rb") as f:
                out.write(f"static const char text_{i}[] = {{\n{rows(f.read())}\n}};\n\n")
        out.write("const struct embedded embedded[] = {\n")
        for i, name in enumerate(names):
            out.write(f'    {{ "{name}", text_{i} }},\n')
        out.write("};\n\nconst size_t embedded_count = sizeof embedded / sizeof embedded[0];\n")


main()

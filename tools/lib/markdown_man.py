#!/usr/bin/env python3
"""Makes a manual page of a page of docs/, so that neither says what the other does not.

    markdown_man.py INPUT OUTPUT NAME SECTION VERSION SUMMARY [HEADING]

With HEADING only the part of the page under "## HEADING". Knows what docs/ uses: headings,
paragraphs, fenced blocks, bullets, tables, code, bold, and links.
"""
import re
import sys


def plain(text):
    """Text for roff: nothing in it is an instruction, and all of it is ASCII."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = re.sub(r"[^\x00-\x7f]", lambda m: f"\\[u{ord(m[0]):04X}]", text)
    return "\\&" + text if text.startswith(".") else text


def inline(text):
    """Code and bold are bold; of a link within docs/ only its text is left."""
    out = []
    for part in re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))", text):
        link = re.fullmatch(r"\[([^\]]+)\]\(([^)]+)\)", part)
        if link:
            out.append(inline(link[1]) + (f" <{plain(link[2])}>" if "://" in link[2] else ""))
        elif part.startswith("`") and part.endswith("`") and len(part) > 2:
            out.append("\\fB" + plain(part[1:-1]) + "\\fR")
        elif part.startswith("**"):
            out.append("\\fB" + plain(part[2:-2]) + "\\fR")
        else:
            out.append(plain(part))
    return "".join(out)


def cells(row):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def table(rows):
    """A row is an entry with its first cell as the term; of more than two columns each has its
    title in front."""
    titles = cells(rows[0])
    for row in rows[2:]:
        first, *rest = cells(row)
        yield ".TP"
        yield inline(first) or "\\&"
        if len(titles) == 2:
            yield inline(rest[0])
            continue
        shown = [f"{inline(title)}: {inline(cell)}" for title, cell in zip(titles[1:], rest) if cell]
        yield "\n.br\n".join(shown) if shown else "\\&"


def block(lines):
    """One block of the page, that is lines without an empty one between them."""
    if lines[0].startswith("#"):
        level, title = re.fullmatch(r"(#+) (.*)", lines[0]).groups()
        yield f".SH {plain(title.upper())}" if len(level) <= 2 else f".SS {plain(title)}"
        if lines[1:]:
            yield from block(lines[1:])
    elif lines[0].startswith("|"):
        yield from table(lines)
    elif lines[0].startswith("- "):
        for item in re.split(r"\n- ", "\n".join(lines)[2:]):
            yield ".IP \\(bu 2"
            yield inline(" ".join(item.split()))
    else:
        yield ".PP"
        yield inline(" ".join(lines))


def page(text):
    """Blocks, fenced ones as they are."""
    for i, part in enumerate(re.split(r"^```.*\n", text, flags=re.M)):
        if i % 2 == 1:
            yield ".PP\n.in +4n\n.nf"
            yield from (plain(line) or "\\&" for line in part.rstrip("\n").split("\n"))
            yield ".fi\n.in"
            continue
        for lines in re.split(r"\n\s*\n", part.strip("\n")):
            if lines.strip():
                yield from block(lines.strip("\n").split("\n"))


def main():
    source, output, name, section, version, summary = sys.argv[1:7]
    with open(source, encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"\A# .*\n", "## Description\n", text)
    if len(sys.argv) > 7:
        found = re.search(rf"^## {re.escape(sys.argv[7])}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
        if found is None:
            sys.exit(f"{source}: there is no '## {sys.argv[7]}'")
        text = "## Description\n" + found[1]
    with open(output, "w", encoding="ascii") as out:
        print(f'.TH {name.upper()} {section} "" "agner {version}" "agner"', file=out)
        print(f".SH NAME\n{plain(name)} \\- {plain(summary)}", file=out)
        for line in page(text):
            print(line, file=out)
        print(".SH SEE ALSO\n\\fBagner\\fR(1)", file=out)


main()

#!/usr/bin/env python3
"""Each row of the catalogue of bad input has tests: test_tools_catalogue.py SOURCES.

A test of the row B-ETF-1 has a name that begins with B_ETF_1_ and is run: a test of C is
given to cmocka, a method of Python stands in a class of tests. A row has several parts; each
is met by a test whose name has one of its words.
"""
import collections
import glob
import os
import re
import sys

# Spec/reliability.md 4.2: rows, what is in each, and words of the tests for it.
CATALOGUE = """
ETF-1   cut short               prefix
ETF-1   version byte            version
ETF-2   unknown tags            tag
ETF-3   lengths beyond the end  longer
ETF-4   lengths at the edges    length limit
ETF-5   nesting                 depth nesting
ETF-5   constant stack          million_levels
ETF-6   odd values              odd bad_input
ETF-6   equal keys              keys
ETF-7   long and broken atoms   long_and_broken characters
ETF-7   a million texts         million_texts
ETF-7   no more than allowed    budget no_more_atoms
ETF-8   sizes that are not so   declared
ETF-8   memory given back       gives_back
ETF-9   odd identifiers         odd_identifiers
ETF-9   ours and others'        ours our_identifiers
ETF-10  bytes left over         after_the_term
ETF-11  bits and arities        bits
DST-1   no handshake            no_handshake garbage
DST-1   a byte a second         one_byte_a_second
DST-1   silence                 silence
DST-2   names that cannot be    cannot_be
DST-2   names that are taken    taken
DST-2   very many names         thousand_names
DST-3   missing flags           missing
DST-4   steps out of order      out_of
DST-5   wrong digests           forged any_bit
DST-5   our own challenge       own_challenge forged
DST-5   equal for all           alike
DST-5   counted                 counted
DST-6   both dial at once       race
DST-6   while stopping          stops
DST-7   lengths                 lengths
DST-7   promises                promise
DST-8   control messages        control_messages
DST-8   parts that are missing  without_their_parts
DST-9   forged senders          forged not_the_peer
DST-9   earlier lives           not_for_us
DST-10  senseless               senseless
DST-11  atom cache              caches headers
DST-12  do not follow           do_not_follow
DST-12  never finished          unfinished
DST-13  limits                  flood_meets
DST-13  others meanwhile        delays_others
DST-14  never reads             does_not_read
DST-14  a byte a second         byte_a_second
DST-14  stopped                 silence
DST-14  reset at each byte      reset
DST-15  spawn, rpc              spawn function
DST-15  exit, group leader      exit_signals
DST-15  links, messages         links messages
DST-15  unlink of others        unlink
EPM-1   requests that are none  none
EPM-1   from outside            outside
EPM-1   a word too many         registered_connection
EPM-2   idle connections        idle_connections
EPM-2   ten thousand            ten_thousand
EPM-3   wrong answers           wrong_with_an_answer bad_epmd
EPM-4   comes back              back
SEC-1   prefaces                prefaces
SEC-1   changed, cut short      bit_flip truncation
SEC-1   longer                  longer
SEC-1   in another order        order
SEC-1   of another connection   another_connection
SEC-2   ephemeral keys          ephemeral
SEC-2   static keys             static
SEC-3   another cookie          cookie
SEC-3   a key that is none      key
SEC-3   the same from outside   alike
SEC-4   changed                 flipped
SEC-4   in another order        order
SEC-4   lengths                 lengths
SEC-5   a cut                   cut
SEC-6   never plain             never_plain
RPC-1   counts                  count
RPC-1   nesting                 levels containers
RPC-1   every prefix            prefix
RPC-2   wrong requests          whole_and_wrong
RPC-2   ids in use              in_use
RPC-2   floods                  flood
RPC-3   does not read           does_not_read
RPC-3   leaves                  leaves
RPC-3   too many                over_64
RPC-4   another user            another_user
RPC-4   TCP without its key     without_its_key stock_client
RPC-4   wrong key               with_another_key
RPC-5   texts for atoms         atoms
CFG-1   files that are none     none
CFG-1   bytes that are no text  no_text
CFG-1   where, and what         where_and_what
CFG-2   loops                   no_other
CFG-2   odd environments        environment
CLI-1   every mistake           every_mistake
CLI-1   a mebibyte              mebibyte
CLI-2   ports and addresses     port address
CLI-2   names that are taken    name
SO-1    no object               no_object
SO-1    another machine         another_machine
SO-1    another ABI             abi
SO-1    no application          without_an_application
SO-1    unresolved symbols      unresolved
SO-1    a constructor that fails  constructor
SO-1    writable by others      others_may_write
SO-1    outside of the folders  outside
SO-2    crashes in start        crashes
SO-2    hangs in start          hangs
SO-2    fails in start          start_that_ends start_that_fails
SO-2    loaded twice            taken once
SO-2    cycles                  cycle
"""

PATTERNS = {
    ".c": re.compile(r"cmocka_unit_test\w*\(\s*(B_([A-Z]+)_(\d+)_\w+)"),
    ".py": re.compile(r"    def (test_B_([A-Z]+)_(\d+)_\w+)\("),
}


def tests(sources):
    """{row: [name]}"""
    found = collections.defaultdict(list)
    for path in sorted(glob.glob(os.path.join(sources, "test", "*", "*"))):
        pattern = PATTERNS.get(os.path.splitext(path)[1])
        if pattern is None:
            continue
        with open(path, encoding="utf-8") as f:
            for name, area, row in pattern.findall(f.read()):
                found[f"{area}-{row}"].append(f"{os.path.basename(path)}: {name}")
    return found


def main():
    found = tests(sys.argv[1])
    parts = [re.split(r"  +", line) for line in CATALOGUE.strip().splitlines()]
    failed = 0
    print(f"1..{len(parts) + 1}")
    for row, part, words in parts:
        met = [name for name in found[row] if re.search("|".join(words.split()), name)]
        failed += not met
        print("ok" if met else "not ok", f"- B-{row}, {part}:",
              ", ".join(met) or "no test has its number and one of " + words)
    strangers = sorted(name for row, names in found.items() for name in names
                       if row not in {part[0] for part in parts})
    failed += bool(strangers)
    print("not ok" if strangers else "ok", "- no test has the number of a row that is none",
          ", ".join(strangers))
    return 1 if failed else 0


sys.exit(main())

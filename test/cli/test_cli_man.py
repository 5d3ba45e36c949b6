#!/usr/bin/env python3
"""The manual pages: one for each command, and nothing that a reader of roff minds."""
import glob
import os
import re
import shutil
import subprocess
import sys

from agner_cli import Case, main

PAGES = sys.argv.pop(1)


class Man(Case):
    def commands(self):
        _, out, _ = self.check(["help"], 0)
        listed = out.split("\n\n")[1]
        return [line.split()[0] for line in listed.splitlines()]

    def page(self, name):
        with open(os.path.join(PAGES, name), encoding="ascii") as f:
            return f.read()

    def test_there_is_a_page_for_each_command_and_no_other(self):
        pages = {os.path.basename(p) for p in
                 glob.glob(os.path.join(PAGES, "*.[157]"))}
        commands = {c for c in self.commands() if c != "help"}
        self.assertEqual(pages, {f"agner-{c}.1" for c in commands} | {
            "agner.1", "agner-sys.config.5", "agner-control.7", "agner-log.7"})
        overview = self.page("agner.1")
        for command in commands:
            self.assertIn(f"\\fBagner\\-{command}\\fR(1)", overview)

    def test_a_page_has_what_the_help_has(self):
        for command in self.commands():
            if command == "help":
                continue
            page = self.page(f"agner-{command}.1").replace("\\-", "-")
            _, text, _ = self.check(["help", command], 0)
            for option in re.findall(r"^  .*?(--[a-z-]+)",
                                     text.split("\nusage: ")[1], re.M):
                self.assertIn(f"\\fB{option}\\fR", page)
            example = text.split("\n\n")[1].splitlines()[0].strip()
            self.assertIn(example.replace("'", "\\(aq"), page)

    def test_groff_has_nothing_to_say(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        for page in glob.glob(os.path.join(PAGES, "*.[157]")):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page],
                                  text=True, capture_output=True, check=True)
            self.assertEqual(done.stderr, "", page)

    def test_terms_survive_the_way_through_roff(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        done = subprocess.run(
            ["groff", "-man", "-Tascii", "-P-cbou",
             os.path.join(PAGES, "agner-call.1"),
             os.path.join(PAGES, "agner-sys.config.5")],
            text=True, capture_output=True, check=True)
        self.assertIn("agner call counter '{add, 5}'", done.stdout)
        self.assertIn("[{agner, [{name, 'shop@10.0.0.7'},", done.stdout)


main()

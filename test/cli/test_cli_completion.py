#!/usr/bin/env python3
"""What bash completes, with the real script in a real bash."""
import os
import signal
import subprocess

from agner_cli import AGNER, Case, main

NAME = "words@127.0.0.1"

# Asks as bash does when TAB is pressed at the end of the line.
ASK = """
source <("$AGNER" completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
_agner "$AGNER"
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Completion(Case):
    def complete(self, line, **env):
        done = subprocess.run(["bash", "-c", ASK, "bash", line], text=True,
                              env=self.env(dict(env, AGNER=AGNER)),
                              cwd=self.home, capture_output=True, timeout=100)
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def test_commands_and_options_come_from_the_table(self):
        self.assertEqual(self.complete("agner st"),
                         ["stage", "start", "status", "stop"])
        self.assertIn("version", self.complete("agner "))
        self.assertEqual(self.complete("agner help pi"), ["ping"])
        self.assertEqual(self.complete("agner ps --"),
                         ["--help", "--json", "--limit", "--no-headers",
                          "--node"])
        self.assertEqual(self.complete("agner ps --no-h"), ["--no-headers"])
        self.assertEqual(self.complete("agner frobnicate --"), [])

    def test_every_option_of_the_help_is_offered(self):
        for command in self.complete("agner "):
            if command == "help":
                continue
            _, text, _ = self.check(["help", command], 0)
            options = [word.rstrip(",") for line in text.splitlines()
                       if line.startswith("  ") for word in line.split()[:2]
                       if word.startswith("--")]
            self.assertEqual(sorted(set(options) - {"--"}),
                             [o for o in self.complete(f"agner {command} --")
                              if o in options], command)

    def test_fixed_words_of_arguments_and_values(self):
        self.assertEqual(self.complete("agner completion "),
                         ["apps", "bash", "names", "nodes"])
        self.assertEqual(self.complete("agner start --epmd n"),
                         ["need", "none"])
        self.assertEqual(self.complete("agner start --epmd=n"),
                         ["need", "none"])
        # Where bash does not end a word at `=`, the whole word is replaced.
        self.assertEqual(
            self.complete("agner start --epmd=n", COMP_WORDBREAKS=" "),
            ["need", "none"])
        self.assertEqual(self.complete("agner start --workers "), [])

    def test_files_where_a_file_is_wanted(self):
        self.write("shop.config", "[].")
        self.assertEqual(self.complete("agner start --config sh"),
                         ["shop.config"])

    def test_names_of_nodes_and_processes_are_live(self):
        self.assertEqual(self.complete("agner ps -n "), [])
        self.node(NAME, "--app", "counter", "--app", "echo")
        self.assertEqual(self.complete("agner ps -n "), [NAME])
        self.assertEqual(self.complete("agner ping wo"), [NAME])
        self.assertEqual(self.complete("agner call cou"), ["counter"])
        self.assertEqual(self.complete("agner call counter "), [])
        self.assertEqual(self.complete("agner start --app e"), ["echo"])
        # bash takes what is behind the `@` for a word of its own.
        self.assertEqual(self.complete("agner ps -n words@1"), ["127.0.0.1"])
        self.assertEqual(self.complete("agner ps --node=wo"), [NAME])
        self.node("second@127.0.0.1", "--app", "echo")
        self.assertEqual(self.complete("agner call c"), [])
        for node in (f"-n {NAME}", f"--node {NAME}", f"--node={NAME}"):
            self.assertEqual(self.complete(f"agner call {node} c"),
                             ["counter"])

    def test_a_name_is_never_run(self):
        self.node(NAME, "--app", "echo")
        self.check(["call", "echo", "{spawn, 'e$(touch bad)'}"], 0)
        self.assertIn("bad)", self.complete("agner call e"))
        self.assertFalse(os.path.exists(self.path("bad")))

    def test_a_node_that_hangs_holds_nobody_up(self):
        node = self.node(NAME, "--app", "counter")
        node.signal(signal.SIGSTOP)
        self.assertEqual(self.complete("agner call c"), [])
        # Silent: it gave up before a command would say that nobody answers.
        self.check(["completion", "names"], 5, "", "")
        node.signal(signal.SIGCONT)
        self.assertEqual(self.complete("agner call c"), ["counter"])

    def test_what_the_script_asks_for_can_be_asked_by_hand(self):
        self.check(["completion", "nodes"], 0, "", "")
        self.check(["completion", "names"], 3, "")
        self.node(NAME, "--app", "counter")
        self.check(["completion", "nodes"], 0, NAME + "\n", "")
        self.assertIn("counter\n", self.check(["completion", "names"], 0)[1])
        self.check(["completion", "apps"], 0, "counter\nkernel\n")
        self.check(["app", "stop", "counter"], 0)
        self.assertEqual(self.complete("agner app start co"), ["counter"])
        self.assertEqual(self.complete("agner app "),
                         ["info", "start", "stop"])


main()

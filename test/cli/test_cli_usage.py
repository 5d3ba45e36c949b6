#!/usr/bin/env python3
"""What is typed wrong: exit code 2, one line, a hint, nothing started (B-CLI-1)."""
import os

from agner_cli import Case, main

COMMANDS = ["new", "apps", "app", "tree", "sup", "logs", "loglevel",
            "start", "stop", "status", "ping", "call", "cast", "send", "kill",
            "ps", "info", "nodes", "names", "epmd", "cookie", "doctor",
            "completion",
            "version"]

WRONG = [
    (["strat"], "agner: there is no command 'strat'\n  try: agner start\n"),
    (["frobnicate"],
     "agner: there is no command 'frobnicate'\n  try: agner help\n"),
    (["help", "stauts"],
     "agner: there is no command 'stauts'\n  try: agner status\n"),
    (["ps", "--jsno"],
     "agner ps: unknown option --jsno; did you mean --json?\n"
     "  try: agner help ps\n"),
    (["ps", "--frobnicate"],
     "agner ps: unknown option --frobnicate\n  try: agner help ps\n"),
    (["ps", "-q"], "agner ps: unknown option -q\n  try: agner help ps\n"),
    (["ps", "--json=yes"],
     "agner ps: --json takes no value\n  try: agner help ps\n"),
    (["ps", "extra"],
     "agner ps: too many arguments: 'extra'\n  try: agner help ps\n"),
    (["ps", "--limit", "x"],
     "agner ps: --limit: expected a number from 0 to 1000000, not 'x'\n"
     "  try: agner help ps\n"),
    (["ps", "--limit=-1"],
     "agner ps: --limit: expected a number from 0 to 1000000, not '-1'\n"
     "  try: agner help ps\n"),
    (["ps", "-n"], "agner ps: --node wants a value\n  try: agner help ps\n"),
    (["ps", "-n", ""],
     "agner ps: --node wants a value that is not empty\n"
     "  try: agner help ps\n"),
    (["ps", "-n", "a@b", "--node=c@d"],
     "agner ps: --node is given twice\n  try: agner help ps\n"),
    (["call", "counter"],
     "agner call: expected NAME TERM\n  try: agner help call\n"),
    (["call", "", "x"],
     "agner call: an argument is empty\n  try: agner help call\n"),
    (["call", "counter", "x", "--timeout", "5"],
     "agner call: --timeout: expected a time like 250ms, 5s or 1h, not '5'\n"
     "  try: agner help call\n"),
    (["call", "counter", "{add,"],
     None),
    (["ping", "-n", "a@b", "--cookie", "x", "--cookie-file", "y"],
     "agner ping: --cookie-file and --cookie exclude each other\n"
     "  try: agner help ping\n"),
    (["ping", "-v"],
     "agner ping: --verbose wants a NODE, and no other one to ask\n"
     "  try: agner ping -v NODE\n"),
    (["app", "start"],
     "agner app: expected start|stop|info APP|FILE.so\n"
     "  try: agner help app\n"),
    (["app", "stop", "x", "--type", "permanent"],
     "agner app: --type is of start alone\n"
     "  try: agner app start NAME --type TYPE\n"),
    (["app", "start", "x", "--type", "eternal"],
     "agner app: --type: expected permanent, transient or temporary, not "
     "'eternal'\n  try: agner help app\n"),
    (["logs", "--limit", "1025"], None),
    (["completion", "bsah"],
     "agner completion: unknown action 'bsah'; did you mean bash?\n"
     "  try: agner help completion\n"),
    (["completion", "frobnicate"],
     "agner completion: unknown action 'frobnicate'\n"
     "  try: agner help completion\n"),
    (["completion"],
     "agner completion: expected bash|nodes|names|apps\n"
     "  try: agner help completion\n"),
    (["kill"],
     "agner kill: expected NAME|PID [REASON]\n  try: agner help kill\n"),
    (["kill", "counter", "{no,"], None),
    (["ping", "nohost", "--connect"],
     "agner ping: nohost: no @ in 'nohost'\n"
     "  try: a name like shop@10.0.0.7, or shop@10.0.0.7:4370\n"),
    (["cookie"],
     "agner cookie: expected fingerprint|new|next|use|drop|seal|open [FILE]\n"
     "  try: agner help cookie\n"),
    (["start"],
     "agner start: the node has no name\n"
     "  try: agner start --name demo@127.0.0.1\n"),
    (["start", "--name", "demo"],
     "agner start: 'demo' is no name of a node: NAME@HOST\n"
     "  try: agner start --name demo@127.0.0.1\n"),
    (["start", "--name", "@h"],
     "agner start: '@h' is no name of a node: NAME@HOST\n"
     "  try: agner start --name demo@127.0.0.1\n"),
    (["start", "--name", "a@b", "--hidden", "--visible"],
     "agner start: --visible and --hidden exclude each other\n"
     "  try: agner help start\n"),
    (["start", "--name", "a@b", "--listen", "127.0.0.1"], None),
    (["start", "--name", "a@b", "--listen", "127.0.0.1:65536"], None),
    (["start", "--name", "a@b", "--listen", "127.0.0.1:-1"], None),
    (["start", "--name", "a@b", "--listen", "127.0.0.1:http"], None),
    (["start", "--name", "a@b", "--epmd-port", "0"],
     "agner start: --epmd-port: expected a number from 1 to 65535, not '0'\n"
     "  try: agner help start\n"),
    (["start", "--name", "a@b", "--epmd-port", "65536"], None),
    (["start", "--name", "a@b", "--epmd", "maybe"],
     "agner start: --epmd: expected auto, need or none, not 'maybe'\n"
     "  try: agner help start\n"),
    (["start", "--name", "a@b", "--log-level", "loud"], None),
    (["start", "--name", "a@b", "--tick-time", "10ms"], None),
    (["start", "--name", "a@b", "--workers", "0"], None),
    (["start", "--name", "a/b@c"], None),
    (["start", "--name", "a@b", "--control", "/tmp/" + "x" * 200], None),
]


class Usage(Case):
    def test_B_CLI_1_every_mistake_has_its_line_and_a_next_step(self):
        for args, expected in WRONG:
            with self.subTest(args=args):
                code, out, err = self.run_it(*args)
                self.assertEqual((code, out), (2, ""), err)
                self.assertIn("\n  try: ", err)
                self.assertEqual(err.count("\n"), 2, err)
                if expected is not None:
                    self.assertEqual(err, expected)
        self.assertFalse(os.path.exists(self.path("agner")), "nothing began")

    def test_B_CLI_1_a_mebibyte_of_arguments_is_an_error_like_others(self):
        code, _, err = self.run_it("call", "x", *["y" * 100000] * 10)
        self.assertEqual(code, 2)
        self.assertLess(len(err), 400)

    def test_without_a_command_the_list_is_shown_as_an_error(self):
        code, out, err = self.run_it()
        self.assertEqual((code, out), (2, ""))
        for name in COMMANDS:
            self.assertIn(f"  {name} ", err)

    def test_help_is_the_same_by_both_ways(self):
        for name in COMMANDS:
            code, one, _ = self.run_it("help", name)
            self.assertEqual(code, 0)
            self.assertEqual(self.run_it(name, "--help"), (0, one, ""))
            self.assertEqual(self.run_it(name, "-h"), (0, one, ""))
            self.assertIn(f"usage: agner {name}", one)

    def test_help_fits_a_terminal(self):
        for name in [None, *COMMANDS]:
            _, out, _ = self.run_it(*(["help"] + ([name] if name else [])))
            for line in out.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_version_is_told_without_a_node(self):
        code, out, _ = self.check(["version"], 0)
        self.assertRegex(out, r"^agner \d+\.\d+\.\d+\n$")
        self.check(["--version"], 0, out)
        self.assertRegex(self.run_it("version", "--json")[1],
                         r'^{"agner":"\d+\.\d+\.\d+"}\n$')

    def test_with_no_node_every_question_ends_with_3(self):
        for args in (["status"], ["ps"], ["nodes"], ["info"], ["stop"],
                     ["ping"], ["call", "a", "b"], ["names", "-r"],
                     ["kill", "a"], ["tree"], ["sup", "which", "a"],
                     ["apps"], ["app", "info", "a"], ["logs", "-f"]):
            self.check(args, 3, "",
                       f"agner {args[0]}: no node of this user runs here\n"
                       "  try: agner start --name NAME@HOST\n")


main()

#!/usr/bin/env python3
"""Talking to a node through its control socket, as a person and as a script."""
import json
import os
import pty
import subprocess

from agner_cli import AGNER, Case, main

NAME = "talk@127.0.0.1"


class Talk(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", "counter", "--app", "echo")

    def json_of(self, *args):
        _, out, _ = self.check([*args, "--json"], 0)
        self.assertEqual(out.count("\n"), 1)
        return json.loads(out)

    def echo(self, term, *more):
        return self.check(["call", "echo", f"{{echo, {term}}}", *more], 0)[1]

    def test_a_call_prints_the_answer(self):
        self.check(["call", "counter", "{add, 5}"], 0, "5\n", "")
        self.check(["call", "-n", NAME, "counter", "{add, -2}"], 0, "3\n", "")
        self.check(["call", "counter", "{add, 0}", "--json"], 0, "3\n", "")
        self.check(["call", "counter", "nonsense"], 0, "{error,badarg}\n")

    def test_terms_come_back_as_they_were_sent(self):
        for term in ("ok", "'an atom'", "<<\"text\">>", "{a,[b|c],#{d => 1.5}}",
                     "[]", "{}", "123456789012345678901234567890", "<<5:3>>",
                     "fun lists:map/2", "\"abc\"", "'never heard of before'"):
            self.assertEqual(self.echo(term), term + "\n")

    def test_a_pid_can_be_called(self):
        _, pid, _ = self.check(["call", "echo", "{self}"], 0)
        self.assertRegex(pid, r"^<0\.\d+\.\d+>\n$")
        self.check(["call", pid.strip(), "{self}"], 0, pid)
        self.assertEqual(self.echo(pid.strip()), pid)

    def test_terms_are_read_from_standard_input_and_files(self):
        self.check(["call", "counter", "-"], 0, "7\n", stdin="{add,\n 7}.\n")
        path = self.write("term", "{add, 1} % one more")
        self.check(["call", "counter", "@" + path], 0, "8\n")
        self.check(["call", "counter", "@" + self.path("none")], 2)

    def test_a_term_that_is_none_is_told_with_its_place(self):
        code, _, err = self.run_it("call", "counter", "{add, }")
        self.assertEqual(code, 2)
        self.assertRegex(err, r"^agner call: TERM: line 1, column 7: .*\n"
                              r"  try: write it as in Erlang")

    def test_a_cast_and_a_message_arrive(self):
        _, pid, _ = self.check(["call", "echo", "{self}"], 0)
        self.check(["call", "echo", "{spawn, other}"], 0)
        self.check(["cast", "other", "{notify, %s, hello}" % pid.strip()], 0,
                   "", "")
        self.check(["send", "echo", "hello"], 0, "", "")
        self.check(["send", "echo", "hello", "--json"], 0, '"ok"\n', "")

    def test_failures_have_their_exit_codes(self):
        self.check(["call", "nobody", "x"], 6, "",
                   "agner call: no process is registered as nobody\n"
                   "  try: agner ps\n")
        self.check(["call", "<0.99999.0>", "x"], 6)
        self.check(["cast", "nobody", "x"], 6)
        self.check(["info", "nobody"], 6)
        self.check(["call", "-n", "other@127.0.0.1:1", "x", "y"], None)

    def check(self, args, code, *more, **named):
        if code is None:
            self.assertNotEqual(self.run_it(*args)[0], 0)
            return None
        return super().check(args, code, *more, **named)

    def test_a_callee_that_ends_is_told_with_its_reason(self):
        self.check(["call", "echo", "{spawn, gone}"], 0)
        self.check(["call", "gone", "{stop, because}"], 0, "ok\n")
        self.check(["call", "gone", "{self}"], 6)

    def test_status_tells_what_runs(self):
        status = self.json_of("status")
        self.assertEqual(status["node"], NAME)
        self.assertEqual(status["os_pid"], self.server.process.pid)
        self.assertEqual([a["name"] for a in status["applications"]],
                         ["kernel", "counter", "echo"])
        self.assertTrue({"version", "port", "uptime_ms", "processes", "peers",
                         "workers"} <= set(status))
        _, out, _ = self.check(["status"], 0)
        self.assertIn(f"node\t{NAME}\n", out)
        self.assertIn("applications\tkernel ", out)

    def test_ps_lists_processes(self):
        rows = {row["name"]: row for row in self.json_of("ps")}
        for name in ("counter", "echo", "net_kernel", "agner_control",
                     "application_controller"):
            self.assertIn(name, rows)
        self.assertEqual(set(rows["counter"]),
                         {"pid", "name", "status", "mailbox", "messages"})
        self.assertEqual(len(self.json_of("ps", "--limit", "2")), 2)

    def test_info_tells_about_the_node_and_about_one_process(self):
        self.assertTrue({"node", "counters", "scheduler", "memory"} <=
                        set(self.json_of("info")))
        self.assertEqual(self.json_of("info", NAME)["node"]["node"], NAME)
        one = self.json_of("info", "counter")
        self.assertEqual(one["name"], "counter")
        self.assertEqual(one["behavior"], "gen_server")
        self.assertTrue({"links", "monitors", "monitored_by", "parent",
                         "trap_exit", "priority", "label", "memory"} <=
                        set(one))

    def test_names_of_processes_are_listed(self):
        names = [row["name"] for row in self.json_of("names", "-r")]
        self.assertEqual(names, sorted(names))
        self.assertIn("counter", names)

    def test_nodes_are_none_yet(self):
        self.assertEqual(self.json_of("nodes"), [])

    def test_ping_answers(self):
        self.check(["ping"], 0, "pong\n", "")
        self.check(["ping", NAME], 0, "pong\n", "")
        self.assertEqual(self.json_of("ping", NAME),
                         {"node": NAME, "result": "pong"})

    def test_a_pipe_gets_tabs(self):
        _, out, _ = self.check(["names", "-r"], 0)
        lines = out.splitlines()
        self.assertEqual(lines[0], "NAME\tPID")
        for line in lines[1:]:
            self.assertRegex(line, r"^[a-z_]+\t<0\.\d+\.\d+>$")
        _, bare, _ = self.check(["names", "-r", "--no-headers"], 0)
        self.assertEqual(bare.splitlines(), lines[1:])

    def test_a_terminal_gets_columns(self):
        master, slave = pty.openpty()
        done = subprocess.run([AGNER, "names", "-r"], env=self.env(),
                              stdout=slave, timeout=100)
        os.close(slave)
        out = b""
        try:
            while chunk := os.read(master, 65536):
                out += chunk
        except OSError:
            pass  # that is how a terminal ends
        os.close(master)
        self.assertEqual(done.returncode, 0)
        lines = out.decode().split("\r\n")
        column = lines[0].index("PID")
        for line in lines[1:-1]:
            self.assertEqual(line.index("<0."), column, line)

    def test_of_two_nodes_one_must_be_named(self):
        self.node("second@127.0.0.1")
        code, _, err = self.run_it("status")
        self.assertEqual(code, 2)
        self.assertIn("several nodes run here: second@127.0.0.1, " + NAME, err)
        self.check(["status", "-n", NAME], 0)
        self.check(["status", "-n", self.socket_of(NAME)], 0)


main()

#!/usr/bin/env python3
"""Commands that do something to a node: agner kill, agner app (and agner apps)."""
import json
import os

from agner_cli import Case, main

COUNTER = os.environ["COUNTER_SO"]

NAME = "act@127.0.0.1"


class Kill(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", "echo")

    def alive(self, name):
        return self.run_it("info", name)[0] == 0

    def spawn(self, name):
        return self.check(["call", "echo", f"{{spawn, {name}}}"], 0)[1].strip()

    def test_a_process_is_ended_by_name_or_pid(self):
        self.spawn("one")
        pid = self.spawn("two")
        self.check(["kill", "one"], 0, "", "")
        self.check(["kill", pid], 0, "", "")
        self.until(lambda: not self.alive("one") and not self.alive("two"))
        self.assertTrue(self.alive("echo"))
        self.check(["kill", pid], 6)

    def test_a_reason_can_be_trapped_and_kill_cannot(self):
        self.spawn("one")
        self.check(["call", "one", "{trap, true}"], 0)
        self.check(["kill", "one", "{because, 1}"], 0, "", "")
        self.check(["call", "one", "{echo, 1}"], 0, "1\n")
        self.check(["kill", "one", "--json"], 0, '"ok"\n', "")
        self.until(lambda: not self.alive("one"))

    def test_who_is_linked_ends_with_it_or_traps_it(self):
        pid = self.spawn("one")
        self.spawn("two")
        self.check(["call", "two", f"{{link, {pid}}}"], 0, "true\n")
        self.check(["call", "echo", "{trap, true}"], 0)
        self.check(["call", "echo", f"{{link, {pid}}}"], 0, "true\n")
        self.check(["kill", "one", "{because, 1}"], 0)
        self.until(lambda: not self.alive("one") and not self.alive("two"))
        self.assertTrue(self.alive("echo"))

    def test_nobody_of_that_name_is_6(self):
        self.check(["kill", "nobody"], 6, "",
                   "agner kill: no process is registered as nobody\n"
                   "  try: agner ps\n")

    def test_what_the_node_needs_wants_force(self):
        _, out, _ = self.check(["ps", "--json"], 0)
        master = next(row["pid"] for row in json.loads(out)
                      if row["pid"].startswith("<0.1."))
        for name in ("application_controller", "agner_control", "net_kernel",
                     master):
            self.check(["kill", name], 8, "",
                       "agner kill: the node needs this process; force ends "
                       "it anyway\n  try: agner help kill\n")
        self.check(["kill", "net_kernel", "--force"], 0, "", "")
        self.until(lambda: not self.alive("net_kernel"))


class App(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", "echo")

    def apps(self):
        _, out, _ = self.check(["apps", "--json"], 0)
        return {app["name"]: app for app in json.loads(out)}

    def test_applications_are_listed(self):
        _, out, _ = self.check(["apps"], 0)
        self.assertRegex(out, r"^NAME\tVERSION\tSTATE\tTYPE\tUP_MS\t"
                         r"DESCRIPTION\necho\t1\.0\trunning\ttemporary\t\d+\t"
                         r"does with processes what it is told\nkernel\t")
        self.assertEqual(len(self.check(["apps", "--no-headers"], 0)[1]
                             .splitlines()), 2)

    def test_one_is_started_stopped_and_started_again(self):
        self.check(["app", "start", "counter"], 0, "counter\n", "")
        self.check(["call", "counter", "{add, 2}"], 0, "2\n")
        self.check(["app", "start", "counter", "--json"], 0,
                   '{"started":[]}\n', "")
        self.check(["app", "stop", "counter"], 0, "", "")
        self.check(["call", "counter", "{add, 2}"], 6)
        self.assertEqual(self.apps()["counter"]["state"], "loaded")
        self.assertIn("counter\t1.0\tloaded\t-\t-\t",
                      self.check(["apps"], 0)[1])
        self.check(["app", "start", "counter", "--type", "transient"], 0,
                   "counter\n")
        self.assertEqual(self.apps()["counter"]["type"], "transient")
        self.check(["app", "stop", "counter", "--json"], 0, '"ok"\n', "")

    def test_a_shared_object_is_started_by_its_path(self):
        self.check(["app", "start", os.path.relpath(COUNTER)], 0, "counter\n")
        self.check(["call", "counter", "{add, 2}"], 0, "2\n")
        self.check(["app", "start", "no/such.so"], 2, "",
                   "agner app: no/such.so: there is no such file\n"
                   "  try: the path of a shared object\n")

    def test_all_about_one_is_told(self):
        _, out, _ = self.check(["app", "info", "echo"], 0)
        self.assertIn("state\trunning\n", out)
        self.assertIn("version\t1.0\n", out)
        _, out, _ = self.check(["app", "info", "echo", "--json"], 0)
        self.assertEqual(json.loads(out)["children"][0]["type"], "worker")

    def test_what_is_not_there_is_told(self):
        for action in ("stop", "info"):
            code, out, err = self.run_it("app", action, "nothing")
            self.assertEqual((code, out), (6, ""))
            self.assertRegex(err, r"^agner app: .*nothing.*\n  try: agner apps")
        self.check(["app", "start", "nothing"], 6, "")


main()

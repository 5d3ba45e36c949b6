#!/usr/bin/env python3
"""Commands that do something to processes: agner kill."""
from agner_cli import Case, main

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
        for name in ("application_controller", "agner_control", "net_kernel"):
            self.check(["kill", name], 8, "",
                       "agner kill: the node needs this process; force ends "
                       "it anyway\n  try: agner help kill\n")
        self.check(["kill", "net_kernel", "--force"], 0, "", "")
        self.until(lambda: not self.alive("net_kernel"))


main()

#!/usr/bin/env python3
"""Supervision as one sees it (agner tree), and acts on it (agner sup)."""
import json
import os
import pty
import subprocess

from agner_cli import AGNER, Case, main

NAME = "tree@127.0.0.1"

# A tree of all that a tree may have: two levels, 300 children alike, and a
# supervisor that hangs for a minute once its child was killed.
TREE = """
#include <agner/gen.h>

static enum gen_next call(struct gen *self, struct gen_from from, etf_term t)
{
    return gen_reply(self, from, t);
}

static const struct gen_server server = { .name = "s", .handle_call = call };

static int starts; /* one supervisor starts it, so one at a time */

static enum gen_next sleepy_init(struct gen *self, etf_term args)
{
    (void)args;
    if (starts++ > 0)
        (void)rt_sleep(self, 60000);
    return GEN_NEXT;
}

static const struct gen_server sleepy = { .name = "z", .init = sleepy_init };

static const struct gen_child_spec slow_children[] = {
    { .id = "sleepy", .server = &sleepy, .name = "sleepy" },
};

static const struct gen_supervisor slow = {
    .name = "slow", .children = slow_children, .child_count = 1,
};

static enum gen_next many_init(struct gen *self, etf_term args,
                               struct gen_supervisor_spec *spec)
{
    struct gen_child_spec child = { .server = &server };

    (void)args;
    for (int i = 0; i < 300; i++) {
        child.id_term = etf_make(self, "{many, _}", i);
        (void)gen_supervisor_add(self, spec, &child);
    }
    return GEN_NEXT;
}

static const struct gen_supervisor many = { .name = "m", .init = many_init };

static const struct gen_child_spec top_children[] = {
    { .id = "one", .server = &server, .name = "one" },
    { .id = "many", .supervisor = &many, .name = "many_sup" },
    { .id = "slow", .supervisor = &slow, .name = "slow_sup" },
    { .id = "last", .server = &server, .restart = GEN_TRANSIENT,
      .name = "last" },
};

static const struct gen_supervisor top = {
    .name = "top_sup", .children = top_children, .child_count = 4,
    .intensity = 10,
};

GEN_APPLICATION(wood) = {
    .abi = GEN_APPLICATION_ABI, .name = "wood", .version = "1.0",
    .description = "a tree", .supervisor = &top,
};
"""


class Tree(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", self.build("wood", TREE))

    def rows(self, *args):
        _, out, _ = self.check(["tree", *args, "--json"], 0)
        return json.loads(out)

    def row(self, key, value):
        found = [row for row in self.rows() if row[key] == value]
        self.assertEqual(len(found), 1, (key, value))
        return found[0]

    def drawn(self, *args, locale="C.UTF-8"):
        """The picture, without pids."""
        _, out, _ = self.check(["tree", *args, "--no-headers"], 0,
                               env={"LC_ALL": locale})
        return [[cell for cell in line.split("\t") if not
                 cell.startswith("<")] for line in out.splitlines()]

    def kill(self, name):
        """Kills it, and waits for the next of that name."""
        pid = self.row("name", name)["pid"]
        self.check(["kill", name], 0)
        self.until(lambda: any(row["name"] == name and row["pid"] != pid
                               for row in self.rows()))

    def test_the_tree_is_drawn(self):
        self.assertEqual(self.drawn("wood"), [
            ["wood", "-", "-", "application", "running", "-"],
            ["└─ top_sup", "-", "supervisor", "waiting", "0"],
            ["   ├─ one", "one", "worker", "waiting", "0"],
            ["   ├─ many", "many_sup", "supervisor", "waiting", "0"],
            ["   │  └─ (300 children)", "-", "-", "-", "-", "-"],
            ["   ├─ slow", "slow_sup", "supervisor", "waiting", "0"],
            ["   │  └─ sleepy", "sleepy", "worker", "waiting", "0"],
            ["   └─ last", "last", "worker", "waiting", "0"]])

    def test_without_utf8_it_is_ascii(self):
        lines = [line[0] for line in self.drawn("wood", locale="C")]
        self.assertEqual(lines[1:6], ["`- top_sup", "   |- one", "   |- many",
                                      "   |  `- (300 children)", "   |- slow"])

    def test_all_applications_are_drawn_in_order_of_their_start(self):
        self.assertEqual([row["id"] for row in self.rows()
                          if row["type"] == "application"], ["kernel", "wood"])

    def test_the_rows_have_their_keys(self):
        for row in self.rows():
            self.assertEqual(set(row), {"depth", "id", "pid", "name", "type",
                                        "status", "mailbox", "folded",
                                        "restarts"})
        self.assertEqual(self.row("name", "many_sup")["folded"], 300)

    def test_a_process_is_a_root_too(self):
        slow = self.row("name", "slow_sup")
        for root in ("slow_sup", slow["pid"]):
            self.assertEqual([line[0] for line in self.drawn(root)],
                             ["slow", "└─ sleepy"])
        self.assertEqual(self.drawn("one"),
                         [["one", "one", "worker", "waiting", "0"]])
        # One that nobody supervises.
        self.assertEqual([row["type"] for row in self.rows("agner_control")],
                         ["worker"])
        self.check(["tree", "nobody"], 6, "",
                   "agner tree: no process is registered as nobody\n"
                   "  try: agner ps\n")
        self.check(["tree", "<0.99999.0>"], 6, "")

    def test_restarts_are_counted(self):
        self.assertEqual(self.row("name", "one")["restarts"], 0)
        self.kill("one")
        self.kill("one")
        self.assertEqual(self.row("name", "one")["restarts"], 2)
        self.assertEqual(self.drawn("one", "--restarts"),
                         [["one", "one", "worker", "waiting", "0", "2"]])

    def test_a_child_that_does_not_run_is_shown(self):
        self.check(["call", "last", "x"], 0, "x\n")
        self.check(["kill", "last", "shutdown"], 0)
        self.until(lambda: self.row("id", "last")["status"] == "stopped")
        self.assertIsNone(self.row("id", "last")["pid"])

    def test_a_supervisor_that_hangs_is_shown_and_holds_nobody_up(self):
        self.check(["kill", "sleepy"], 0)
        self.until(lambda: self.row("id", "slow")["status"] == "stuck")
        ids = [row["id"] for row in self.rows("wood")]
        self.assertEqual(ids, ["wood", "top_sup", "one", "many", "slow",
                               "last"])

    def test_a_terminal_gets_columns(self):
        master, slave = pty.openpty()
        done = subprocess.run([AGNER, "tree", "wood"], stdout=slave, timeout=100,
                              env=self.env({"LC_ALL": "C.UTF-8"}))
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
        column = lines[0].index("TYPE")
        for line in lines[3:5]:
            self.assertIn(line[column:].split()[0], ("worker", "supervisor"))

    # ---- agner sup

    def test_the_children_of_a_supervisor_are_listed(self):
        _, out, _ = self.check(["sup", "which", "slow_sup"], 0)
        self.assertRegex(out, r"^ID\tPID\tTYPE\tMODULES\n"
                         r"sleepy\t<[\d.]+>\tworker\t\[z\]\n$")
        _, out, _ = self.check(["sup", "which", self.row(
            "name", "slow_sup")["pid"], "--json"], 0)
        self.assertEqual(json.loads(out)[0]["id"], "sleepy")
        _, out, _ = self.check(["sup", "which", "many_sup", "--no-headers"], 0)
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()],
                         ["{many,%d}" % i for i in range(300)])

    def test_they_are_counted(self):
        self.check(["sup", "count", "many_sup", "--json"], 0,
                   '{"active":300,"specs":300,"supervisors":0,"workers":300}\n')
        self.assertIn("active\t1\n",
                      self.check(["sup", "count", "slow_sup"], 0)[1])

    def test_a_child_is_terminated_restarted_and_deleted(self):
        self.check(["sup", "terminate", "many_sup", "{many, 7}"], 0, "", "")
        self.assertIn("{many,7}\tundefined\t",
                      self.check(["sup", "which", "many_sup"], 0)[1])
        _, pid, _ = self.check(["sup", "restart", "many_sup", "{many, 7}"], 0)
        self.check(["call", pid.strip(), "there"], 0, "there\n")
        self.check(["sup", "restart", "many_sup", "{many, 7}"], 1, "",
                   "agner sup: running\n"
                   "  try: agner sup which, for the ids and who runs\n")
        self.check(["sup", "delete", "many_sup", "{many, 7}"], 1, "")
        self.check(["sup", "terminate", "many_sup", "{many, 7}", "--json"], 0,
                   '"ok"\n')
        self.check(["sup", "delete", "many_sup", "{many, 7}"], 0, "", "")
        self.check(["sup", "delete", "many_sup", "{many, 7}"], 6, "")
        self.assertIn("specs\t299\n",
                      self.check(["sup", "count", "many_sup"], 0)[1])

    def test_who_is_no_supervisor_is_told_from_one(self):
        self.check(["sup", "which", "one"], 1, "",
                   "agner sup: one does not answer as a supervisor does: "
                   "which_children\n"
                   "  try: agner tree, which shows supervisors\n")
        self.check(["sup", "which", "nobody"], 6, "")

    def test_what_is_wanted_of_each_action_is_told(self):
        for args, why in ((["which", "one", "two"], "which wants SUP"),
                          (["delete", "one"],
                           "delete wants SUP and the ID of a child")):
            self.check(["sup", *args], 2, "",
                       f"agner sup: {why}\n  try: agner help sup\n")
        self.check(["sup", "delete", "one", "{no,"], 2, "")


main()

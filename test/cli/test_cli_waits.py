#!/usr/bin/env python3
"""Who waits for whom, and what is stuck, as a person sees it (agner waits, agner dump)."""
import json
import re

from agner_cli import Case, main

ONE, TWO = "one@127.0.0.1", "two@127.0.0.1"

# A server that calls whom it is told: a name here, or {Name, Node}; and one that computes.
LINKS = r"""
#include <agner/gen.h>

static enum gen_next link_call(struct gen *self, struct gen_from from, etf_term request)
{
    etf_term rest, next, reply = ETF_NONE;

    if (etf_match(request, "[_ | _]", &next, &rest) &&
        gen_call(self, next, rest, GEN_INFINITY, &reply) != AGNER_OK)
        return gen_reply(self, from, etf_make(self, "broken"));
    return gen_reply(self, from, etf_make(self, "end"));
}

static const struct gen_server link_server = { .name = "link", .handle_call = link_call };

__attribute__((noinline)) void spin_on(void)
{
    volatile unsigned x = 0;

    while (1)
        x++;
}

static enum gen_next spin(struct gen *self, etf_term request)
{
    (void)self;
    (void)request;
    spin_on();
    return GEN_NEXT;
}

static const struct gen_server spinner = { .name = "spinner", .handle_cast = spin };

static enum agner_err start(struct gen *self, etf_term args, etf_pid *pid, etf_term *info)
{
    struct rt_spawn_options o = { .name = args };

    (void)info;
    return gen_start_link(self, etf_match(args, "spinner") ? &spinner : &link_server, args,
                                 &o, pid, NULL);
}

static const struct gen_child_spec children[] = {
    { .id = "a", .start = start, .args = "a" }, { .id = "b", .start = start, .args = "b" },
    { .id = "c", .start = start, .args = "c" }, { .id = "s", .start = start, .args = "spinner" },
};

GEN_APPLICATION(links) = {
    .abi = GEN_APPLICATION_ABI, .name = "links", .description = "calls",
    .version = "1.0", .children = children, .child_count = 4,
};
"""


class Waits(Case):
    def start(self, name, *more):
        return self.node(name, "--app", self.build("links", LINKS, "-g"), "--workers", "2", *more)

    def waits(self, *more):
        return json.loads(self.check(["waits", "-n", ONE, "--json", *more], 0)[1])

    def begin(self, node, name, chain):
        """A call whose answer nobody waits for long."""
        self.check(["call", "-n", node, name, chain, "--timeout", "300ms"], 5)

    def test_a_cycle_of_one_node_is_named_with_its_sites(self):
        self.start(ONE)
        self.assertEqual(self.waits()["cycles"], [])
        self.begin(ONE, "a", "[b, c, a]")
        self.until(lambda: len(self.waits()["cycles"]) == 1)
        (cycle,) = self.waits()["cycles"]
        self.assertEqual(len(cycle), 3)
        out = self.check(["waits", "-n", ONE], 0)[1]
        lines = out.splitlines()
        self.assertEqual(lines[0], "cycle of 3: none of them can go on")
        seen = set()
        for line in lines[1:4]:
            match = re.match(rf"^  {ONE} <0\.\d+\.\d+> \((\w)\) calls <0\.\d+\.\d+> \((\w)\), "
                             r"for \d+m?s, in link_call \(links\.c:\d+\)$", line)
            self.assertIsNotNone(match, line)
            seen.add(match.group(1) + match.group(2))
        self.assertEqual(seen, {"ab", "bc", "ca"})
        self.assertRegex(lines[-1], r"^\d+ waiting for an answer, 1 cycle$")
        self.assertRegex(self.check(["doctor", ONE], None)[1], r"wait cycles")

    def test_a_cycle_of_two_nodes_is_named(self):
        self.start(ONE)
        two = self.start(TWO)
        port = two.ready.rsplit(" ", 1)[1]
        self.check(["ping", "-n", ONE, f"{TWO}:{port}"], None)
        self.begin(ONE, "a", f"[{{b, '{TWO}'}}, {{a, '{ONE}'}}]")
        self.until(lambda: self.waits("--cluster")["cycles"] != [])
        self.assertEqual(self.waits()["cycles"], [])  # one node alone does not see it
        (cycle,) = self.waits("--cluster")["cycles"]
        self.assertEqual(sorted(step["node"] for step in cycle), [ONE, TWO])
        out = self.check(["waits", "-n", ONE, "--cluster"], 0)[1]
        lines = out.splitlines()
        self.assertEqual(lines[0], "cycle of 2: none of them can go on")
        self.assertRegex(lines[1] + lines[2], rf"{ONE} <0\.\d+\.\d+> \(a\) calls {TWO} ")
        self.assertRegex(lines[1] + lines[2], rf"{TWO} <0\.\d+\.\d+> \(b\) calls {ONE} ")
        self.assertEqual(out.count("link_call (links.c:"), 2)

    def test_stuck_code_is_named_with_its_place(self):
        self.start(ONE)
        self.check(["cast", "-n", ONE, "spinner", "go"], 0)
        # a thread answers one question at a time: the watchdog's first
        self.until(lambda: "long_schedule" in self.check(["logs", "-n", ONE], 0)[1])
        self.assertRegex(self.check(["logs", "-n", ONE], 0)[1],
                         r"long_schedule: .* at (spin_on \(links\.so|libc\.so[.\d]*)\+0x")
        self.until(lambda: self.waits()["nodes"][0]["stuck"] and
                   self.waits()["nodes"][0]["stuck"][0]["places"])
        out = self.check(["waits", "-n", ONE], 0)[1]
        self.assertRegex(out, rf"stuck: {ONE} <0\.\d+\.\d+> \(spinner\) has run for \d+m?s without a pause\n"
                              r"(  at .*\n)*  at spin_on \(links\.c:\d+\)\n  at spin \(links\.c:\d+\)\n")

    def test_a_dump_has_all_processes(self):
        self.start(ONE)
        self.begin(ONE, "a", "[b, a]")
        self.until(lambda: len(self.waits()["cycles"]) == 1)
        path = self.path("dump")
        self.check(["dump", "-n", ONE, "--to", path, "--json"], 0, "", "")
        with open(path) as f:
            rows = [json.loads(line) for line in f]
        self.assertEqual(rows[0]["node"]["node"], ONE)
        named = {row["name"]: row for row in rows[1:]}
        self.assertEqual(named["a"]["waits"]["for"], "call")
        self.assertEqual(named["a"]["waits"]["to"], named["b"]["pid"])
        self.assertEqual((named["c"]["status"], named["c"]["waits"]), ("waiting", None))
        for key in ("links", "monitors", "timers", "memory", "mailbox", "parent"):
            self.assertIn(key, named["c"])
        ps = self.check(["ps", "-n", ONE, "--json"], 0)[1]
        pids = {row["pid"] for row in json.loads(ps) if row["name"] is not None}
        self.assertLessEqual(pids, {row["pid"] for row in rows[1:]})
        out = self.check(["dump", "-n", ONE], 0)[1]
        self.assertRegex(out, r"process <0\.\d+\.\d+>\n  name: a\n  names: \[a\]\n  behavior: ")
        self.assertRegex(out, rf"  waits: for call of <0\.\d+\.\d+> on {ONE}, since \d+ ms\n")
        self.check(["dump", "-n", ONE, "--to", "/nowhere/at/all"], 1, "")


main()

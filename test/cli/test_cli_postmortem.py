#!/usr/bin/env python3
"""The black box of a node that died, as a person reads it (agner postmortem)."""
import json
import os
import re
import signal
import struct

from agner_cli import Case, main

# A sanitizer's handler would end the node in its own way.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0:handle_abort=0"

NAME = "box@127.0.0.1"

# Processes that come and go for ever; and a server that does to the node what it is told.
WORK = r"""
#include <stdlib.h>

#include <agner/gen.h>

static void leaf(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
}

static enum gen_next tick(struct gen *self, etf_term message)
{
    etf_pid pid;

    (void)message;
    /* The next one when this one has ended. */
    (void)rt_spawn(self, leaf, NULL, &(struct rt_spawn_options){ .monitor = true }, &pid);
    return GEN_NEXT;
}

static enum gen_next tick_init(struct gen *self, etf_term args)
{
    (void)args;
    (void)rt_send_pid(self, rt_self(self), etf_make(self, "again"));
    return GEN_NEXT;
}

static const struct gen_server ticker = { .name = "ticker", .init = tick_init,
                                          .handle_info = tick };

__attribute__((noinline)) void strike(volatile int *where)
{
    *where = 1;
}

static enum gen_next obey(struct gen *self, etf_term request)
{
    if (etf_match(request, "fault"))
        strike((volatile int *)(uintptr_t)0x10);
    if (etf_match(request, "abort"))
        abort();
    return gen_stop(self, etf_make(self, "{no, such, order}"));
}

static const struct gen_server victim = { .name = "victim", .handle_cast = obey };

static enum agner_err start_ticker(struct gen *self, etf_term args, etf_pid *pid, etf_term *info)
{
    (void)info;
    return gen_start_link(self, &ticker, args, NULL, pid, NULL);
}

static enum agner_err start_victim(struct gen *self, etf_term args, etf_pid *pid, etf_term *info)
{
    struct rt_spawn_options o = { .name = etf_atom("victim") };

    (void)info;
    return gen_start_link(self, &victim, args, &o, pid, NULL);
}

static const struct gen_child_spec children[] = {
    { .id = "ticker", .start = start_ticker },
    { .id = "victim", .start = start_victim },
};

GEN_APPLICATION(work) = {
    .abi = GEN_APPLICATION_ABI, .name = "work", .description = "work for ever",
    .version = "1.0", .children = children, .child_count = 2,
};
"""


class Postmortem(Case):
    def box(self, suffix=""):
        return self.path(f"agner/{NAME}.box{suffix}")

    def start(self, *more):
        return self.node(NAME, "--app", self.build("work", WORK, "-g"), "--workers", "2", *more)

    def dead(self, node):
        node.process.wait(timeout=100)
        return node.process.returncode

    def events(self, path):
        out = self.check(["postmortem", path, "--json"], 0)[1]
        return [json.loads(line) for line in out.splitlines()]

    def written(self):
        """Small records of the ring that has most; it keeps 4,095."""
        with open(self.box(), "rb") as f:
            data = f.read()
        (rings_at, ring_size) = struct.unpack_from("<QQ", data, 32)
        counts = [struct.unpack_from("<Q", data, at)[0]
                  for at in range(rings_at, len(data), ring_size)]
        return max(counts)

    def test_the_last_events_before_a_sigkill(self):
        node = self.start()
        self.until(lambda: self.written() > 3 * 4096)
        self.check(["postmortem", NAME], 0)  # of a node that lives, too
        node.signal(signal.SIGKILL)
        self.assertEqual(self.dead(node), -signal.SIGKILL)
        out = self.check(["postmortem", NAME], 0)[1]
        self.assertRegex(out.splitlines()[0], rf"^node {NAME}, process {node.process.pid}, agner \S+")
        self.assertIn("\nit was killed", out)
        self.assertRegex(out, r"worker \d+: ran <0\.\d+\.\d+>")
        self.assertNotIn("damaged", out.replace("0 are damaged", ""))
        events = self.events(self.box())
        spawns = [e for e in events if e["event"] == "spawn"]
        self.assertGreater(len(spawns), 1000)
        # Each that began in the last full thousand events has ended, in that order, but for the newest.
        ends = {e["pid"] for e in events if e["event"] == "exit"}
        began = [e["pid"] for e in spawns[-1000:-50]]
        self.assertEqual([pid for pid in began if pid not in ends], [])
        self.assertIn("by <0.", spawns[-1]["text"])
        self.assertEqual([e["time_ns"] for e in events], sorted(e["time_ns"] for e in events))
        self.assertIn("start", [e["event"] for e in events])

    def test_a_fault_is_named_with_its_place(self):
        node = self.start()
        self.check(["cast", "victim", "fault"], None)  # or the node was quicker
        self.assertEqual(self.dead(node), -signal.SIGSEGV)
        out = self.check(["postmortem", NAME], 0)[1]
        self.assertIn("\nit died of a fault\n", out)
        self.assertRegex(out, r"fault +SIGSEGV at address 0x10, in strike \(work\.c:\d+\)")

    def test_an_abort_is_named(self):
        node = self.start()
        self.check(["cast", "victim", "abort"], None)
        self.assertEqual(self.dead(node), -signal.SIGABRT)
        self.assertRegex(self.check(["postmortem", NAME], 0)[1], r"fault +SIGABRT")

    def test_crashes_and_errors_outlive_what_happens_often(self):
        node = self.start()
        self.check(["cast", "victim", "{die}"], 0)
        self.until(lambda: "crash" in [e["event"] for e in self.events(self.box())])
        before = self.written()
        self.until(lambda: self.written() > before + 3 * 4096)
        node.signal(signal.SIGKILL)
        self.dead(node)
        events = self.events(self.box())
        (crash,) = [e for e in events if e["event"] == "crash"]
        self.assertRegex(crash["text"], r"^<0\.\d+\.\d+> victim after \d+ messages: \{no,such,order\}$")
        self.assertTrue([e for e in events if e["event"] == "log"])

    def test_files_of_earlier_lives_are_kept(self):
        pids = []
        for _ in range(5):
            node = self.start()
            pids.append(node.process.pid)
            node.signal(signal.SIGTERM)
            self.assertEqual(self.dead(node), 0)
        for suffix, pid in zip(("", ".1", ".2", ".3"), reversed(pids)):
            out = self.check(["postmortem", self.box(suffix)], 0)[1]
            self.assertIn(f"process {pid},", out)
            self.assertIn("\nit ended in order\n", out)
        self.assertFalse(os.path.exists(self.box(".4")))
        self.assertEqual(os.stat(self.box()).st_mode & 0o777, 0o600)

    def test_it_is_off_elsewhere_and_of_another_size(self):
        config = self.write("off.config", "[{agner, [{blackbox, none}]}].")
        node = self.start("--config", config)
        node.signal(signal.SIGTERM)
        self.dead(node)
        self.assertFalse(os.path.exists(self.box()))
        path = self.path("other.box")
        node = self.start("--blackbox", path, "--blackbox-size", "16384")
        node.signal(signal.SIGTERM)
        self.dead(node)
        # 2 workers, 4 spares, all others: a page and 16 KiB each, behind header and names.
        self.assertEqual(os.path.getsize(path), 4096 + 512 * 192 + 7 * (4096 + 16384))
        self.check(["postmortem", path], 0)
        bad = self.write("bad.config", "[{agner, [{blackbox_size, 1}]}].")
        got = self.check(["start", "--name", NAME, "--config", bad], 1, "")
        self.assertIn("blackbox_size", got[2])

    def test_a_box_that_cannot_be_made_stops_no_node(self):
        node = self.start("--blackbox", "/nowhere/at/all.box")
        node.signal(signal.SIGTERM)
        code, err = node.wait()
        self.assertEqual(code, 0)
        self.assertRegex(err, r"no black box: /nowhere/at/all\.box: ")

    def test_damaged_files_are_told(self):
        node = self.start()
        node.signal(signal.SIGTERM)
        self.dead(node)
        with open(self.box(), "rb") as f:
            data = f.read()

        def refused(name, content, why):
            path = self.write(name, "")
            with open(path, "wb") as f:
                f.write(content)
            got = self.check(["postmortem", path], 7, "")
            self.assertRegex(got[2], f"^agner postmortem: {re.escape(path)}: {why}\n  try: another file\n$")

        refused("empty", b"", "cut: 0 bytes, no header")
        refused("text", b"no box " * 1000, "no black box of agner")
        refused("cut", data[:100000], r"cut: 100000 of \d+ bytes")
        refused("bits", data[:20] + b"\xff" + data[21:], "the header is damaged")
        refused("version", data[:12] + b"\x09" + data[13:], "version 9 of the form; this reads 1")
        refused("order", data[:8] + b"\x01\x02\x03\x04" + data[12:],
                "written on a machine with another byte order")
        self.check(["postmortem", self.path("none")], 6)
        # Records that are nonsense are left out, and counted.
        (rings_at,) = struct.unpack_from("<Q", data, 32)
        (half,) = struct.unpack_from("<Q", data, 56)
        at = rings_at + 6 * (4096 + 2 * half) + 4096 + half  # the start of the runtime
        path = self.write("record", "")
        with open(path, "wb") as f:
            f.write(data[:at] + b"\xff" * 8 + data[at + 8:])
        self.assertIn("\n0 records were being written, 1 are damaged\n",
                      self.check(["postmortem", path], 0)[1])


main()

#!/usr/bin/env python3
"""The log of a node as a person reads it (agner logs)."""
import json
import select
import subprocess

from agner_cli import AGNER, INT, TERM, WAIT, Case, main

NAME = "follow@127.0.0.1"

LOGGER = """
#include <agner/gen.h>

/* {Level, Text}: logs it. */
static enum gen_next call(struct gen *self, struct gen_from from, etf_term t)
{
    enum rt_log_level level;
    etf_term name, text;
    char word[32], line[300];

    if (etf_match(t, "{_, _}", &name, &text) &&
        etf_get_text(name, word, sizeof word) &&
        rt_log_level_parse(word, &level) &&
        etf_get_text(text, line, sizeof line))
        rt_log_self(self, level, "%s", line);
    return gen_reply(self, from, etf_make(self, "ok"));
}

/* {flood, N}: as fast as it can. */
static enum gen_next cast(struct gen *self, etf_term t)
{
    int64_t count;

    if (etf_match(t, "{flood, _}", &count))
        while (count-- > 0)
            rt_log_self(self, RT_LOG_ERROR, "%200d", (int)count);
    return GEN_NEXT;
}

static const struct gen_server server = {
    .name = "talker", .handle_call = call, .handle_cast = cast };

static const struct gen_child_spec children[] = {
    { .id = "a", .server = &server, .name = "first" },
    { .id = "b", .server = &server, .name = "second" },
};

GEN_APPLICATION(talker) = {
    .abi = GEN_APPLICATION_ABI, .name = "talker", .version = "1.0",
    .description = "logs", .children = children, .child_count = 2,
};
"""

LINE = (r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z error "
        r"\[talker first <[\d.]+>\] one$")


class Logs(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME, "--app", self.build("talker", LOGGER))

    def log(self, text, who="first", level="error"):
        self.check(["call", who, f'{{{level}, "{text}"}}'], 0, "ok\n")

    def lines(self, *args):
        return self.check(["logs", *args], 0)[1].splitlines()

    def texts(self, *args):
        return [line.split("] ")[1] for line in self.lines(*args)]

    def seen(self, text):
        """The ring is filled by a thread: waits until it has the event."""
        self.until(lambda: any(text in line for line in self.lines()))

    def follow(self, *args):
        process = subprocess.Popen(
            [AGNER, "logs", "-f", *args], env=self.env(), text=True, bufsize=1,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=WAIT)
        self.addCleanup(end)
        return process

    def read_line(self, process):
        readable, _, _ = select.select([process.stdout], [], [], WAIT)
        return process.stdout.readline().rstrip("\n") if readable else None

    def test_what_was_logged_is_shown(self):
        self.log("one")
        self.seen("one")
        self.assertRegex(self.lines()[-1], LINE)

    def test_events_are_chosen_by_actor_level_and_application(self):
        self.log("one")
        self.log("two", "second", "warning")
        self.log("three", "second")
        self.seen("three")
        self.assertEqual(self.texts("--actor", "second"), ["two", "three"])
        self.assertEqual(self.texts("--actor", "second", "--level", "error"),
                         ["three"])
        self.assertEqual(self.texts("--app", "talker"),
                         ["one", "two", "three"])
        self.assertEqual(self.texts("--app", "talker", "--limit", "2"),
                         ["two", "three"])
        self.assertEqual(self.texts("-l", "1", "--app", "talker"), ["three"])
        self.assertEqual(self.lines("--app", "kernel"), [])

    def test_json_is_an_object_a_line(self):
        self.log("one")
        self.seen("one")
        event = json.loads(self.lines("--json", "--app", "talker")[0])
        self.assertEqual((event["text"], event["level"], event["name"],
                          event["application"]),
                         ("one", "error", "first", "talker"))

    def test_what_is_wrong_is_told(self):
        code, out, err = self.run_it("logs", "--level", "loud")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("expected emergency", err)

    def test_it_goes_on_with_what_comes(self):
        self.log("zero")
        self.seen("zero")
        process = self.follow("--app", "talker")
        self.assertIn("zero", self.read_line(process))
        for text in ("one", "two", "three"):
            self.log(text)
            self.assertTrue(self.read_line(process).endswith("] " + text))
        self.log("hidden", "second", "debug")
        self.log("four")
        self.assertTrue(self.read_line(process).endswith("] four"))

    def test_interrupted_it_ends_with_130(self):
        process = self.follow()
        self.log("one")
        while not self.read_line(process).endswith("one"):
            pass
        process.send_signal(INT)
        out, err = process.communicate(timeout=WAIT)
        self.assertEqual((process.returncode, out, err), (130, "", ""))

    def test_a_node_that_stops_ends_it_with_a_line(self):
        process = self.follow("--app", "talker")
        self.log("one")
        self.assertTrue(self.read_line(process).endswith("one"))
        self.server.signal(TERM)
        _, err = process.communicate(timeout=WAIT)
        self.assertEqual((process.returncode, err), (
            3, "agner logs: the node has stopped, or closed the connection\n"
            "  try: agner status\n"))

    def test_a_reader_that_leaves_ends_it(self):
        process = self.follow("--app", "talker")
        self.log("one")
        self.assertTrue(self.read_line(process).endswith("one"))
        process.stdout.close()
        self.log("two")
        process.wait(timeout=WAIT)
        self.assertEqual(process.returncode, 0)

    def test_a_reader_that_is_slow_misses_events_and_is_told(self):
        process = self.follow("--app", "talker")
        self.check(["cast", "first", "{flood, 60000}"], 0)
        self.log("done")  # in order: the flood is over
        while (line := self.read_line(process)) and "missed" not in line:
            pass
        self.assertRegex(line, r"^\.\.\. \d+ events were missed")
        while not self.read_line(process).endswith("done"):
            pass


main()

#!/usr/bin/env python3
"""The log of a node as a person reads it (agner logs)."""
import json
import queue
import subprocess
import threading

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


class Follower:
    """agner logs -f, and a thread that takes its lines."""

    def __init__(self, env, args):
        self.process = subprocess.Popen(
            [AGNER, "logs", "-f", *args], env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        self.thread = threading.Thread(target=self.take)
        self.thread.start()

    def take(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self):
        """The next one; None at the end."""
        return self.lines.get(timeout=WAIT)

    def until(self, matches):
        """The next line for which that is true; None: it ended before."""
        while (line := self.line()) is not None and not matches(line):
            pass
        return line

    def wait(self):
        """Exit code and standard error."""
        self.thread.join(timeout=WAIT)
        return self.process.wait(timeout=WAIT), self.process.stderr.read()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        self.process.stdout.close()
        self.process.stderr.close()


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
        follower = Follower(self.env(), args)
        self.addCleanup(follower.end)
        return follower

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
        logs = self.follow("--app", "talker")
        self.assertIn("zero", logs.line())
        for text in ("one", "two", "three"):
            self.log(text)
            self.assertTrue(logs.line().endswith("] " + text))
        self.log("hidden", "second", "debug")
        self.log("four")
        self.assertTrue(logs.line().endswith("] four"))

    def test_one_process_is_heard_at_another_level(self):
        self.check(["loglevel"], 0, "notice\n", "")
        self.check(["loglevel", "debug", "--actor", "first"], 0, "debug\n", "")
        self.check(["loglevel", "--actor", "second"], 0, "notice\n")
        self.log("hidden", "second", "debug")
        self.log("heard", "first", "debug")
        self.seen("heard")
        self.assertEqual(self.texts("--app", "talker"), ["heard"])
        self.check(["loglevel", "default", "--actor", "first"], 0, "notice\n")
        self.check(["loglevel", "warning"], 0, "warning\n")
        self.check(["loglevel", "--actor", "first"], 0, "warning\n")

    def test_the_handlers_of_the_log_are_listed_and_set(self):
        self.check(["loglevel", "error", "--handler", "default"], 0, "error\n")
        _, out, _ = self.check(["loglevel", "--list"], 0)
        self.assertRegex(out, r"^ID\tKIND\tLEVEL\tWRITTEN\tDROPPED\tFAILED\t"
                         r"WAITING\tERROR\n")
        self.assertRegex(out, r"(?m)^default\tstderr\terror\t\d+\t")
        self.assertEqual(json.loads(
            self.check(["loglevel", "--json"], 0)[1])["level"], "notice")
        self.check(["loglevel", "loud"], 2, "")
        self.check(["loglevel", "--actor", "nobody"], 6, "")

    def test_interrupted_it_ends_with_130(self):
        logs = self.follow()
        self.log("one")
        self.assertIsNotNone(logs.until(lambda line: line.endswith("one")))
        logs.process.send_signal(INT)
        self.assertEqual(logs.wait(), (130, ""))
        self.assertIsNone(logs.line())

    def test_a_node_that_stops_ends_it_with_a_line(self):
        logs = self.follow("--app", "talker")
        self.log("one")
        self.assertTrue(logs.line().endswith("one"))
        self.server.signal(TERM)
        self.assertEqual(logs.wait(), (
            3, "agner logs: the node has stopped, or closed the connection\n"
            "  try: agner status\n"))

    def test_a_reader_that_leaves_ends_it(self):
        self.log("one")
        self.seen("one")
        done = subprocess.Popen(
            [AGNER, "logs", "-f", "--app", "talker"], env=self.env(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(done.kill)
        self.assertIn(b"one", done.stdout.readline())
        done.stdout.close()
        self.log("two")
        self.assertEqual(done.wait(timeout=WAIT), 0)

    def test_a_reader_that_is_slow_misses_events_and_is_told(self):
        logs = self.follow("--app", "talker")
        self.check(["cast", "first", "{flood, 60000}"], 0)
        self.assertRegex(logs.until(lambda line: "missed" in line),
                         r"^\.\.\. \d+ events were missed")

        def goes_on():  # the log itself may drop one that comes too soon
            self.log("done")
            while not logs.lines.empty():
                if logs.line().endswith("done"):
                    return True
            return False
        self.until(goes_on)


main()

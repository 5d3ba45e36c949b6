#!/usr/bin/env python3
"""Process groups and topics as a person sees them (agner groups, pub, sub)."""
import json
import queue
import signal
import subprocess
import threading

from agner_cli import AGNER, INT, TERM, WAIT, Case, main

NAME = "groups@127.0.0.1"


class Subscriber:
    """agner sub, which listens when this returns, and threads that take its lines."""

    def __init__(self, case, *args):
        self.process = subprocess.Popen(
            [AGNER, "sub", *args], env=case.env(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        case.addCleanup(self.end)
        self.out, self.err = queue.Queue(), queue.Queue()
        self.threads = [threading.Thread(target=self.take, args=pair) for pair in
                        ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for thread in self.threads:
            thread.start()
        case.assertEqual(self.err.get(timeout=WAIT), "agner sub: listening")

    def take(self, stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def line(self):
        return self.out.get(timeout=WAIT)

    def wait(self):
        return self.process.wait(timeout=WAIT)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=WAIT)
        for thread in self.threads:
            thread.join(timeout=WAIT)
        self.process.stdout.close()
        self.process.stderr.close()


class Groups(Case):
    def setUp(self):
        super().setUp()
        self.server = self.node(NAME)

    def groups(self, *args):
        return self.check(["groups", *args], 0)[1].splitlines()[1:]

    def test_who_is_in_a_group_is_listed_and_reached(self):
        self.assertEqual(self.groups(), [])
        self.check(["pub", "workers", "nobody"], 0, "0\n")
        one = Subscriber(self, "workers", "--limit", "2")
        two = Subscriber(self, "{queue, 3}", "--json")
        self.check(["groups"], 0)
        rows = [row.split("\t") for row in self.groups()]
        self.assertEqual([(r[0], r[1], r[3], r[4]) for r in rows],
                         [("pg", "workers", NAME, "1"), ("pg", "{queue,3}", NAME, "1")])
        self.assertEqual(json.loads(self.check(["groups", "--json"], 0)[1])[0]["group"],
                         "workers")
        self.assertEqual(self.groups("--scope", "other"), [])
        self.check(["pub", "workers", '{a, "x"}'], 0, "1\n")
        self.check(["pub", "{queue, 3}", "#{n => 1}"], 0, "1\n")
        self.check(["pub", "workers", "pushed"], 0, "1\n")
        self.assertEqual([one.line(), one.line(), one.line()], ['{a,"x"}', "pushed", None])
        self.assertEqual(one.wait(), 0)
        self.assertEqual(json.loads(two.line()), {"n": 1})
        two.process.send_signal(INT)
        self.assertEqual(two.wait(), 130)
        self.until(lambda: self.groups() == [])

    def test_a_topic_of_a_pubsub_is_heard(self):
        code, _, err = self.run_it("pub", "-p", "MyApp.PubSub", "room:1", "x")
        self.assertEqual(code, 6)
        self.assertIn("no pubsub 'Elixir.MyApp.PubSub' runs on this node", err)
        one = Subscriber(self, "--pubsub", "MyApp.PubSub", "room:1")
        two = Subscriber(self, "-p", "MyApp.PubSub", "room:2")
        self.check(["pub", "-p", "MyApp.PubSub", "room:1", "{hello, <<\"all\">>}"], 0, "ok\n")
        self.check(["pub", "-p", "Elixir.MyApp.PubSub", "room:2", "[1, 2.5]"], 0, "ok\n")
        self.assertEqual(one.line(), '{hello,<<"all">>}')
        self.assertEqual(two.line(), "[1,2.5]")
        self.assertEqual([row.split("\t")[:2] for row in self.groups()],
                         [["Elixir.Phoenix.PubSub", "Elixir.MyApp.PubSub.Adapter"]])
        self.server.signal(TERM)
        self.assertEqual((one.wait(), two.wait()), (3, 3))

    def test_who_does_not_read_misses_some_and_is_told(self):
        slow = Subscriber(self, "flood")
        slow.process.send_signal(signal.SIGSTOP)
        term = '"' + "x" * 300000 + '"'
        for _ in range(12):
            self.check(["pub", "flood", "-"], 0, "1\n", stdin=term)
        slow.process.send_signal(signal.SIGCONT)
        self.assertRegex(slow.err.get(timeout=WAIT), r"^agner sub: \d+ messages were missed")
        self.check(["pub", "flood", "last"], 0, "1\n")
        while slow.line() != "last":
            pass

    def test_what_cannot_be_is_told(self):
        self.check(["pub", "workers"], 2, "")
        self.check(["pub", "{", "x"], 2, "")
        self.check(["sub", "-p", "x" * 256, "t"], 2, "")
        self.check(["sub", "-p", "A", "--scope", "b", "t"], 2, "")
        self.check(["pub", "--scope", "nobodys", "g", "x"], 6, "")
        code, _, err = self.run_it("sub", "--scope", "nobodys", "g")
        self.assertEqual(code, 6)
        self.assertIn("cannot subscribe: no such name", err)


if __name__ == "__main__":
    main()

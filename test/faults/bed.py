"""Real nodes for tests that break what is under them."""
import os
import re
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "cli"), os.path.join(TESTS, "proxy")]
import json  # noqa: E402

from agner_cli import AGNER, WAIT, Case, Node, free_port, main  # noqa: E402,F401


class Bed(Case):
    def start(self, name, *args, **more):
        """A node with an echo; `node.port` is where others reach it."""
        node = self.node(name, "--app", "echo", *args, **more)
        node.port = int(re.search(r"port (\d+)$", node.ready).group(1))
        return node

    def states(self, name):
        """{peer: state} as the node sees it."""
        code, out, err = self.run_it("nodes", "-n", name, "--json")
        self.assertEqual(code, 0, err)
        return {row["name"]: row["state"] for row in json.loads(out)}

    def sees(self, name, peer):
        return self.states(name).get(peer) == "up"

    def meet(self, name, *peers):
        self.until(lambda: all(self.sees(name, p) for p in peers))

    def echo_args(self, via, target, timeout="60s"):
        return ["call", "-n", via, "{echo,'%s'}" % target, "-", "-t", timeout]

    def echo(self, via, target, text="hello", timeout="60s"):
        """Over the link between two nodes: exit code, what came back."""
        code, out, err = self.run_it(*self.echo_args(via, target, timeout),
                                     stdin=f'{{echo, <<"{text}">>}}')
        return code, out if code == 0 else err

    def echoes(self, via, target, text="hello"):
        self.assertEqual(self.echo(via, target, text),
                         (0, f'<<"{text}">>\n'))

    def comes_to_echo(self, via, target):
        """Where the link is made anew; with a short tick time a slow machine may need it twice."""
        self.until(lambda: self.echo(via, target) == (0, '<<"hello">>\n'))

    def begin_echo(self, via, target, timeout="90s"):
        """The same, and does not wait for the answer."""
        call = subprocess.Popen([AGNER, *self.echo_args(via, target, timeout)],
                                env=self.env(), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        self.addCleanup(lambda: call.poll() is not None or call.kill())
        call.stdin.write("{echo, late}")
        call.stdin.close()
        call.stdin = None
        return call

    def text_of(self, name):
        with open(self.path(name)) as f:
            return f.read()

#!/usr/bin/env python3
"""Two real nodes in network namespaces of their own, and the cable between them.

Needs user namespaces with a network that one may change; where they are not allowed the
test is skipped, and says so. What a partition is behind a proxy is in test_faults_proxy.
"""
import re
import subprocess

from bed import AGNER, WAIT, Bed, Node, main

HOSTS = {"a": "10.77.0.1", "b": "10.77.0.2"}
A, B = (f"{side}@{host}" for side, host in HOSTS.items())


class Apart(Node):
    """A node in the namespace of a process."""

    def __init__(self, case, inside, *args):
        self.process = subprocess.Popen(
            [*inside, AGNER, "start", *args], env=case.env(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        case.addCleanup(self.end)
        self.ready = self.read_line()


class Partition(Bed):
    def setUp(self):
        super().setUp()
        # The one that owns both: a process that ends with its standard input.
        self.inside = {"a": self.enter(self.hold(["unshare", "-rn"]))}
        self.inside["b"] = self.enter(self.hold([*self.inside["a"], "unshare", "-n"]))
        try:
            self.lay_cable()
        except (OSError, subprocess.CalledProcessError) as error:
            self.skipTest(f"no cable may be laid between namespaces here: {error}")

    def hold(self, command):
        """The process that keeps a new namespace."""
        try:
            holder = subprocess.Popen([*command, "sh", "-c", "echo here; exec cat"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        except OSError as error:
            self.skipTest(f"no unshare here: {error}")
        self.addCleanup(holder.communicate, timeout=WAIT)
        if holder.stdout.readline() != "here\n":
            self.skipTest(f"no namespaces here: {holder.stderr.read().strip()}")
        return holder.pid

    def enter(self, pid):
        return ["nsenter", "-t", str(pid), "-U", "-n", "--preserve-credentials"]

    def ip(self, side, *args):
        subprocess.run([*self.inside[side], "ip", *args], check=True, capture_output=True)

    def lay_cable(self):
        self.ip("a", "link", "add", "cable-a", "type", "veth", "peer", "name", "cable-b",
                "netns", self.inside["b"][2])
        for side, host in HOSTS.items():
            self.ip(side, "address", "add", f"{host}/24", "dev", f"cable-{side}")
            self.ip(side, "link", "set", "lo", "up")
            self.ip(side, "link", "set", f"cable-{side}", "up")

    def begin(self, side, *args):
        host = HOSTS[side]
        node = Apart(self, self.inside[side], "--name", f"{side}@{host}", "--listen",
                     f"{host}:0", "--epmd", "none", "--app", "echo", "--tick-time", "1s", *args)
        self.assertIsNotNone(node.ready)
        port = re.search(r"port (\d+)$", node.ready)
        if port is None:
            self.fail(node.wait()[1])
        return int(port.group(1))

    def test_a_cable_that_is_pulled_is_a_loss_on_both_sides(self):
        """G20, G37, G40: each side finds out by the silence, twice; what waited ends; and
        when the cable is back they find each other."""
        port = self.begin("a")
        self.begin("b", "--peer", f"{A}:{port}")
        self.meet(B, A)
        self.echoes(B, A)
        for _ in range(2):
            self.ip("a", "link", "set", "cable-a", "down")
            call = self.begin_echo(B, A)
            out, err = call.communicate(timeout=WAIT)
            self.assertNotEqual(call.returncode, 0, out)
            self.assertNotIn("timed out", err)
            self.until(lambda: not self.sees(A, B))
            self.until(lambda: not self.sees(B, A))
            self.ip("a", "link", "set", "cable-a", "up")
            self.until(lambda: self.echo(B, A)[0] == 0)
            self.until(lambda: self.echo(A, B)[0] == 0)


main()

#!/usr/bin/env python3
"""Plays a node of ours against real Erlang nodes: run_interop.py ECHO_NODE SOURCES.

Everything is private to this run: an epmd on a free port, names with a random part, a
folder of its own. Every wait has a deadline. Exits with 77 (skipped) where there is
no Erlang.
"""
import os
import queue
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from loopback import free_port

WAIT_S = 60
COOKIE = "interop"


class Program:
    """A child whose lines are read as they come."""

    def __init__(self, what, args, env):
        self.what = what
        self.lines = queue.Queue()
        self.child = subprocess.Popen(
            args, env=env, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            print(f"{self.what}: {line}", end="", flush=True)
            self.lines.put(line.strip())
        self.lines.put(None)

    def expect(self, wanted):
        while True:
            line = self.lines.get(timeout=WAIT_S)
            if line is None:
                raise SystemExit(f"{self.what} ended before '{wanted}'")
            if line == wanted:
                return

    def ended_well(self):
        if self.child.wait(timeout=WAIT_S) != 0:
            raise SystemExit(f"{self.what} failed")

    def kill(self):
        self.child.kill()
        self.child.wait(timeout=WAIT_S)


class Run:
    def __init__(self, program, sources, folder):
        self.program = program
        self.folder = folder
        self.port = free_port()
        self.env = dict(os.environ, ERL_EPMD_PORT=str(self.port),
                        HOME=folder, ERL_CRASH_DUMP="/dev/null")
        self.part = f"{os.getpid()}{random.randrange(10000)}"
        self.name = f"ours{self.part}@127.0.0.1"
        self.programs = []
        subprocess.run(["erlc", "-o", folder, *self.sources(sources)],
                       check=True, timeout=WAIT_S)

    def sources(self, folder):
        """The Erlang modules that the run needs."""
        return [os.path.join(folder, "interop_peer.erl"),
                os.path.join(folder, "interop_handler.erl")]

    def start(self, what, args):
        program = Program(what, args, self.env)
        self.programs.append(program)
        return program

    def epmd(self):
        self.start("epmd", ["epmd", "-port", str(self.port),
                            "-address", "127.0.0.1"])
        # It refuses at once until it listens: ask again until the deadline.
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with socket.socket() as s:
                s.settimeout(0.1)
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise SystemExit("epmd does not answer")

    def ours(self, *options):
        program = self.start("ours", [self.program, self.name, COOKIE,
                                      str(self.port), *options])
        program.expect("ready")
        return program

    def erlang(self, scenario):
        name = f"{scenario}{self.part}@127.0.0.1"
        return self.start(scenario, [
            "erl", "-noshell", "-name", name, "-setcookie", COOKIE,
            "-kernel", "prevent_overlapping_partitions", "false",
            "-pa", self.folder, "-run", "interop_peer", "main", scenario,
            self.name])

    def judged_by(self, command, env, ours):
        """Runs it to its end, then ends our node. Its output is the test's own."""
        sys.stdout.flush()
        code = subprocess.run(command, env=env, check=False,
                              stdin=subprocess.DEVNULL).returncode
        ours.child.stdin.close()
        ours.ended_well()
        if code != 0:
            raise SystemExit(1)

    def all(self):
        self.epmd()
        ours = self.ours()
        self.erlang("all").ended_well()

        dies = self.erlang("node_dies")
        dies.expect("signal kill")
        ours.kill()
        dies.expect("signal restart")
        ours = self.ours()
        dies.ended_well()

        watch = self.erlang("watch")
        watch.expect("signal watching")
        watched = self.erlang("be_watched")
        watched.expect("signal watched")
        watched.kill()
        watch.ended_well()

        ours.child.stdin.close()
        ours.ended_well()

    def end(self):
        for program in self.programs:
            if program.child.poll() is None:
                program.kill()


def main(kind):
    if not shutil.which("erl") or not shutil.which("erlc"):
        raise SystemExit(77)
    with tempfile.TemporaryDirectory(prefix="agner-interop-") as folder:
        run = kind(sys.argv[1], sys.argv[2], folder)
        try:
            run.all()
        finally:
            run.end()


if __name__ == "__main__":
    main(Run)

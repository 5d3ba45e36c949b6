"""The command under test: where it is, and nodes that clean up after themselves."""
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from loopback import free_port, has_multicast  # for the tests, too

AGNER = os.environ["AGNER"]
SOURCE = os.environ["AGNER_INCLUDE"]
WAIT = 100  # seconds: a deadline for what takes milliseconds


class Node:
    """A node in the foreground; `ready` is its line, or None when it ended."""

    def __init__(self, case, *args, env=None, wait=True):
        self.process = subprocess.Popen(
            [AGNER, "start", *args], env=case.env(env), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        case.addCleanup(self.end)
        self.ready = self.read_line() if wait else None

    def read_line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], WAIT)
        return self.process.stdout.readline().rstrip("\n") if readable else None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Exit code and standard error, but for what a node says of root, who may run this."""
        _, err = self.process.communicate(timeout=WAIT)
        return self.process.returncode, "".join(
            line for line in err.splitlines(True) if ": runs as root: " not in line)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=WAIT)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="agner-cli-")
        self.addCleanup(shutil.rmtree, self.home)
        self.write(".erlang.cookie", "a cookie of the tests", 0o600)

    def env(self, more=None):
        env = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=self.home)
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "NOTIFY_SOCKET", "ERL_EPMD_PORT"):
            env.pop(name, None)
        env.update(more or {})
        return env

    def path(self, name):
        return os.path.join(self.home, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def run_it(self, *args, stdin="", env=None):
        """Exit code, standard output, standard error."""
        done = subprocess.run([AGNER, *args], env=self.env(env), input=stdin,
                              text=True, capture_output=True, timeout=WAIT)
        return done.returncode, done.stdout, done.stderr

    def check(self, args, code, out=None, err=None, **more):
        """Runs it and compares; None is not compared."""
        got = self.run_it(*args, **more)
        if code is not None:
            self.assertEqual(got[0], code, (args, got))
        if out is not None:
            self.assertEqual(got[1], out)
        if err is not None:
            self.assertEqual(got[2], err)
        return got

    def node(self, name, *args, **more):
        """A node that nobody outside of the test can meet."""
        node = Node(self, "--name", name, "--listen", "127.0.0.1:0", "--epmd",
                    "none", *args, **more)
        if node.ready is not None:
            self.assertRegex(node.ready, r"^\S+ ready on port \d+$",
                             node.process.poll())
        return node

    def socket_of(self, name):
        return self.path(f"agner/{name}.sock")

    def build(self, name, text, *flags):
        """A shared object of this source, for --app."""
        source = self.write(f"so/{name}.c", text)
        path = self.path(f"so/{name}.so")
        includes = [f"-I{SOURCE}/{room}" for room in
                    ("etf", "runtime", "behaviors")]
        subprocess.run(["cc", "-shared", "-fPIC", "-DGEN_MODULE", *includes,
                        *flags, source, "-o", path], check=True)
        os.chmod(path, 0o755)
        return path

    def until(self, true):
        """Waits for what has no event to wait for."""
        end = time.monotonic() + WAIT
        while not true():
            self.assertLess(time.monotonic(), end, "it never came")
            select.select([], [], [], 0.005)


TERM, INT = signal.SIGTERM, signal.SIGINT
main = unittest.main

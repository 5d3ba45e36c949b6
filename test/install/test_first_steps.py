#!/usr/bin/env python3
"""The first ten minutes of a new user: from an empty folder, with what is installed."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from loopback import free_port

BUILD, MESON = sys.argv[1:3]
WAIT = 100  # seconds: a deadline for what takes milliseconds


class FirstSteps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="agner-first-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        installed = os.path.join(cls.root, "installed")
        subprocess.run([*MESON.split(), "install", "-C", BUILD, "--no-rebuild",
                        "--destdir", installed], check=True,
                       capture_output=True)
        found = {name: path for path, _, names in os.walk(installed)
                 for name in names}
        cls.folder = os.path.join(cls.root, "empty")
        os.mkdir(cls.folder)
        epmd = free_port()
        cls.env = dict(
            os.environ, HOME=cls.root, XDG_RUNTIME_DIR=cls.root,
            ERL_EPMD_PORT=str(epmd), LC_ALL="C.UTF-8",
            PATH=found["agner"] + ":" + os.environ["PATH"],
            LD_LIBRARY_PATH=found["libagner.so"],
            PKG_CONFIG_PATH=found["agner.pc"],
            PKG_CONFIG_SYSROOT_DIR=installed)
        cls.env.pop("XDG_CONFIG_HOME", None)

    def sh(self, command, folder="demo"):
        """Runs it as a person would type it; its output."""
        done = subprocess.run(["bash", "-c", command], env=self.env, text=True,
                              cwd=os.path.join(self.folder, folder),
                              capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0,
                         f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def end_node(self):
        """If the test has failed in the middle."""
        done = subprocess.run(["agner", "status", "--json"], env=self.env,
                              text=True, capture_output=True)
        if done.returncode == 0:
            os.kill(json.loads(done.stdout)["os_pid"], signal.SIGKILL)

    def server(self):
        """The row of the server in the tree."""
        rows = [row for row in json.loads(self.sh("agner tree --json"))
                if row["name"] == "demo_server"]
        self.assertLessEqual(len(rows), 1)
        return rows[0] if rows else None

    def until(self, true):
        end = time.monotonic() + WAIT
        while not true():
            self.assertLess(time.monotonic(), end, "it never came")
            time.sleep(0.01)

    def test_a_project_is_made_tested_run_killed_and_stopped(self):
        self.addCleanup(self.end_node)
        self.assertIn("demo_sup.c",
                      self.sh("agner new demo --sup --server", "."))
        self.sh("meson setup b && meson test -C b")
        self.assertRegex(
            self.sh("agner start --app b/demo.so --detach --log-file demo.log"),
            r"^demo@127\.0\.0\.1 ready on port \d+\n$")

        before = self.server()
        self.assertEqual(before["type"], "worker")
        tree = self.sh("agner tree demo")
        self.assertRegex(tree, r"\n└─ demo_sup\t<[\d.]+>\t-\tsupervisor\t")
        self.assertRegex(tree, r"\n   └─ server\t<[\d.]+>\tdemo_server\tworker")

        self.assertEqual(self.sh("agner call demo_server '{add, 5}'"), "5\n")
        self.sh("agner kill demo_server")
        self.until(lambda: self.server() is not None and
                   self.server()["pid"] != before["pid"])
        self.assertEqual(self.sh("agner call demo_server get"), "0\n")

        self.assertRegex(self.sh("agner apps"),
                         r"\ndemo\t0\.1\.0\trunning\ttemporary\t\d+\t")
        self.assertIn("child_terminated server reason killed",
                      self.sh("agner logs --app demo"))
        self.assertEqual(self.sh("agner stop"), "")

    def test_the_readme_of_a_project_is_true(self):
        self.addCleanup(self.end_node)
        self.sh("agner new shop --sup --server --statem", ".")
        with open(os.path.join(self.folder, "shop/README.md")) as f:
            blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
        self.assertGreater(len(blocks), 4)
        out = self.sh("set -e\n" + "\n".join(blocks), "shop")
        self.assertIn("shop@127.0.0.1 ready on port", out)
        self.assertIn("\nlocked\nok\nopen\n", out)


unittest.main(argv=sys.argv[:1])

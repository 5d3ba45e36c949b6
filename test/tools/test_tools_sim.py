#!/usr/bin/env python3
"""tools/sim-seeds and tools/mutants: what did not run, or was not found, does not pass.

    test_tools_sim.py SOURCE_ROOT

The programs that they run are stand-ins here, which say what the real ones would say.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(sys.argv.pop())
PROFILES = ("local", "cluster", "pressure")
PATCH = """profiles: local cluster
%sA bug.

diff --git a/one.c b/one.c
--- a/one.c
+++ b/one.c
@@ -1,1 +1,1 @@
-good
+bad
"""


def program(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def read(path):
    with open(path) as f:
        return f.read()


class Seeds(unittest.TestCase):
    """tools/sim-seeds in a tree of its own, without git."""

    def run_it(self, **says):
        with tempfile.TemporaryDirectory() as tree:
            os.mkdir(os.path.join(tree, "tools"))
            shutil.copy(os.path.join(ROOT, "tools", "sim-seeds"), os.path.join(tree, "tools"))
            for profile in PROFILES:
                program(os.path.join(tree, "b/test/sim/actors/sim_actors_" + profile),
                        'echo "$@" >>"%s/%s"\n%s\n' % (tree, profile, says.get(profile, "exit 0")))
            done = subprocess.run([os.path.join(tree, "tools", "sim-seeds"), "b", "77"], text=True,
                                  env={**os.environ, "GIT_DIR": os.path.join(tree, "none")},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            asked = {p: read(os.path.join(tree, p)) for p in PROFILES}
        return done.stdout.strip(), done.stderr, asked

    def test_all_profiles_are_run_whole_with_second_runs(self):
        counts, said, asked = self.run_it()
        self.assertEqual(counts, "3 0 0")
        for profile in PROFILES:
            self.assertIn("--seeds 700 --twice 70 --seconds 77 --whole", asked[profile])
            self.assertIn("sim: %s: --first " % profile, said)

    def test_a_failure_is_shown_and_counted(self):
        counts, said, _ = self.run_it(cluster="echo actors_cluster: seed 4 fails: I1; exit 1")
        self.assertEqual(counts, "2 1 0")
        self.assertIn("seed 4 fails", said)


class Mutants(unittest.TestCase):
    """tools/mutants in a repository of its own, with stand-ins for meson and ninja."""

    def run_it(self, patches, finds, *names):
        """`finds`: shell text that is the program; $0 is its path, one.c the source."""
        with tempfile.TemporaryDirectory() as tree:
            for folder in ("tools", "test/sim/mutants", "bin"):
                os.makedirs(os.path.join(tree, folder))
            shutil.copy(os.path.join(ROOT, "tools", "mutants"), os.path.join(tree, "tools"))
            with open(os.path.join(tree, "one.c"), "w") as f:
                f.write("good\n")
            for name, text in patches.items():
                with open(os.path.join(tree, "test/sim/mutants", name + ".patch"), "w") as f:
                    f.write(text)
            program(os.path.join(tree, "bin/meson"), 'mkdir -p "$2"\n')
            program(os.path.join(tree, "bin/ninja"),
                    'mkdir -p "$2/test/sim/actors"\nprintf \'#!/bin/sh\\n%%s\\n\' \'%s\' >"$2/$3"\nchmod +x "$2/$3"\n'
                    % finds)
            git = ["git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@t"]
            env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
            for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
                subprocess.run(git + words, check=True, env=env)
            done = subprocess.run([os.path.join(tree, "tools", "mutants"), *names], text=True,
                                  env={**env, "PATH": os.path.join(tree, "bin") + ":" + os.environ["PATH"]},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout

    def test_what_is_found_is_shown_with_its_seed(self):
        code, said = self.run_it({"01-bug": PATCH % ""}, 'grep -q good one.c || { echo "t: seed 9 fails: I1"; exit 1; }')
        self.assertEqual(code, 0)
        self.assertRegex(said, r"^01-bug +t: seed 9 fails: I1\n$")

    def test_the_second_profile_is_tried_too(self):
        code, said = self.run_it({"01-bug": PATCH % ""},
                                 'case $0 in *cluster) echo "t: seed 2 fails: I5"; exit 1;; esac')
        self.assertEqual(code, 0)
        self.assertIn("seed 2", said)

    def test_what_is_not_found_is_a_failure(self):
        code, said = self.run_it({"01-bug": PATCH % ""}, "exit 0")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"01-bug +not found")

    def test_a_patch_that_does_not_apply_is_a_failure(self):
        code, said = self.run_it({"01-bug": (PATCH % "").replace("-good", "-other")}, "exit 1")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"01-bug +does not apply")

    def test_each_is_taken_back_before_the_next(self):
        code, said = self.run_it({"01-bug": PATCH % "", "02-bug": PATCH % ""}, 'echo "seed 1 fails: I1"; exit 1')
        self.assertEqual(code, 0)
        self.assertEqual(len(said.splitlines()), 2)

    def test_one_alone_may_be_asked_for(self):
        code, said = self.run_it({"01-bug": PATCH % "", "02-bug": PATCH % ""}, 'echo "seed 1 fails: I1"; exit 1',
                                 "02-bug")
        self.assertEqual(code, 0)
        self.assertRegex(said, "^02-bug")

    def test_a_build_of_its_own_for_what_only_a_sanitizer_sees(self):
        code, said = self.run_it({"01-bug": PATCH % "build: asan\n"},
                                 'case $0 in b-asan/*) echo "seed 3 fails: exit-1"; exit 1;; esac')
        self.assertEqual(code, 0)
        self.assertIn("seed 3", said)


unittest.main()

#!/usr/bin/env python3
"""gdb's commands for processes, on a program and on its core file, with a stripped library."""
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, LIBRARY, SCRIPT = os.environ["CAST"], os.environ["LIBAGNER"], os.environ["AGNER_GDB"]
WAIT = 120
SKIP = 77


def gdb(*arguments):
    """What gdb prints, errors included: a command that fails says so there."""
    done = subprocess.run(["gdb", "--batch", "--nx", "-iex", "set debuginfod enabled off",
                           "-iex", "set auto-load python-scripts off", *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=WAIT)
    return done.stdout


LOOK = ("-ex", f"source {SCRIPT}", "-ex", "info actors", "-ex", "echo \\n= alpha\\n", "-ex",
        "actor alpha bt", "-ex", "echo \\n= all\\n", "-ex", "actor apply all bt",
        "-ex", "echo \\n= errors\\n", "-ex", "actor 4000", "-ex", "actor what", "-ex", "actor idle")


class Actors(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="agner-gdb-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.library = os.path.join(self.folder, os.path.basename(LIBRARY))
        shutil.copy(LIBRARY, self.library)
        subprocess.run(["strip", self.library], check=True)

    def environment(self, library):
        return ("-ex", f"set environment LD_PRELOAD {library}", "-ex",
                "set environment LD_LIBRARY_PATH " + os.path.dirname(LIBRARY))

    def by_the_kernel(self):
        """A core file where gdb may not trace; None: nor does the kernel write one here."""
        env = dict(os.environ, LD_PRELOAD=self.library, LD_LIBRARY_PATH=os.path.dirname(LIBRARY))
        subprocess.run([PROGRAM], cwd=self.folder, env=env, timeout=WAIT, preexec_fn=lambda:
                       resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
        cores = glob.glob(os.path.join(self.folder, "core*"))
        return cores[0] if cores else None

    def check(self, out):
        def row(name):
            found = re.search(rf"^<0\.\d+\.\d+> +{name} .*$", out, re.M)
            self.assertIsNotNone(found, out)
            return found.group(0)

        pid = {name: row(name).split()[0] for name in ("alpha", "beta", "gamma")}
        # Two messages, and gamma's call.
        self.assertRegex(row("alpha"), rf" link_server +calling +3 call {pid['beta']} link_call$")
        self.assertRegex(row("beta"), rf" link_server +calling +0 call {pid['gamma']} link_call$")
        self.assertRegex(row("gamma"), rf" link_server +calling +0 call {pid['alpha']} link_call$")
        self.assertRegex(row("idle"), r" link_server +waiting +0 -$")
        self.assertRegex(row("dozer"), r" - +calling +0 time doze_deep$")
        self.assertRegex(row("spinner"), r" - +running +0 - spin_hard$")
        alpha = out[out.index("= alpha"):out.index("= all")]
        self.assertRegex(alpha, r"#\d+ .*\blink_call \(.*\bcast\.c:\d+")
        every = out[out.index("= all"):out.index("= errors")]
        self.assertEqual(len(re.findall(r"\blink_call \(", every)), 3, out)
        self.assertRegex(every, r"(?s)actor <0\.\d+\.\d+> dozer\n.*\bdoze_deep \(.*\n#\d+ .*\bdozer \(")
        self.assertRegex(every, r"(?s)actor <0\.\d+\.\d+> spinner\n.*\bspin_hard \(.*\n#\d+ .*\bspinner \(")
        errors = out[out.index("= errors"):]
        self.assertIn("4000: no process has that pid or name", errors)
        self.assertIn("what: no process has that pid or name", errors)
        self.assertRegex(errors, r"<0\.\d+\.\d+> has no stack: it waits for a message between")
        self.assertNotIn("Traceback", out)

    def test_a_program_and_its_core_file(self):
        core = os.path.join(self.folder, "core.gdb")
        run = (*self.environment(self.library), "-ex", "run")
        out = gdb(*run, *LOOK, "-ex", f"generate-core-file {core}", PROGRAM)
        if os.path.exists(core):
            self.check(out)
        else:
            core = self.by_the_kernel()
            if core is None:
                print(out)
                self.skipTest("no core file can be made here: gdb may not trace, and the "
                              "kernel's core_pattern leads elsewhere")
        self.check(gdb("-iex", "set solib-search-path " + self.folder, *LOOK, PROGRAM, core))


if shutil.which("gdb") is None or shutil.which("strip") is None:
    print("gdb or strip (binutils) is not installed")
    sys.exit(SKIP)
unittest.main()

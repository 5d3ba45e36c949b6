#!/usr/bin/env python3
"""What `meson install` puts down is enough for a program of somebody else."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, SOURCE, MESON = sys.argv[1:4]
HERE = os.path.dirname(os.path.abspath(__file__))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
HEADERS = (
    "etf.h",
    "node_discovery.h",
    "node_limits.h",
    "rt.h",
    "rt_board.h",
    "rt_env.h",
    "rt_event.h",
    "rt_figures.h",
    "rt_hook.h",
    "rt_info.h",
    "rt_log.h", "rt_permit.h",
    "rt_registry.h",
    "rt_remote.h",
    "rt_wait.h",
    "rt_waits.h",
    "gen.h",
    "kernel.h",
    "gen_action.h",
    "gen_application.h",
    "gen_batch.h",
    "gen_cancel.h",
    "gen_errors.h",
    "gen_event.h",
    "gen_feed.h",
    "gen_feed_of.h",
    "gen_future.h",
    "gen_global.h",
    "gen_group.h",
    "gen_interval.h",
    "gen_io.h",
    "gen_mux.h",
    "gen_latch.h",
    "gen_pg.h",
    "gen_proc.h",
    "gen_pubsub.h",
    "gen_queue.h",
    "gen_request.h",
    "gen_resubscribe.h",
    "gen_retry.h",
    "gen_rpc.h",
    "gen_saga.h",
    "gen_service.h",
    "gen_service_map.h",
    "gen_sink.h",
    "gen_source.h",
    "gen_stage.h",
    "gen_statem.h",
    "gen_steps.h",
    "gen_store.h",
    "gen_stream.h",
    "gen_stream_remote.h",
    "gen_supervisor.h",
    "gen_task.h",
    "gen_worker.h",
    "node.h",
    "node_discovery.h",
    "node_limits.h",
)
# In a library of its own, agner-sim.
SIM_HEADERS = ("sim.h", "sim_shrink.h", "sim_test.h")
PREFIXES = ("agner_", "etf_", "gen_", "node_", "rt_")


def run(*args, **more):
    done = subprocess.run(args, text=True, capture_output=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{args}: {done.stdout}{done.stderr}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="agner-install-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        run(*MESON.split(), "install", "-C", BUILD, "--no-rebuild",
            "--destdir", cls.root)
        found = [os.path.join(path, name)
                 for path, _, names in os.walk(cls.root) for name in names]
        cls.files = {os.path.basename(name): name for name in found}
        cls.lib = os.path.dirname(cls.files["libagner.a"])
        cls.env = dict(os.environ, LD_LIBRARY_PATH=cls.lib,
                       PKG_CONFIG_PATH=os.path.dirname(cls.files["agner.pc"]),
                       PKG_CONFIG_SYSROOT_DIR=cls.root)

    def flags(self, *what, package="agner"):
        return run("pkg-config", *what, package, env=self.env).split()

    def build(self, compiler, source, *flags):
        out = os.path.join(self.root, "program")
        run(compiler, os.path.join(HERE, source), *WARNINGS,
            *self.flags("--cflags"), *flags, "-o", out)
        return out

    def test_a_program_builds_and_runs_with_the_shared_library(self):
        out = self.build("cc", "hello.c", "-std=c11", *self.flags("--libs"))
        self.assertIn("libagner.so.0 ", run("ldd", out, env=self.env))
        self.assertEqual(run(out, env=self.env), "{hello,world,too}\n")

    def test_it_builds_and_runs_with_the_static_one(self):
        # PKG_CONFIG_SYSROOT_DIR is put before system folders too.
        libs = [flag for flag in self.flags("--libs", "--static")
                if not flag.startswith("-L") and flag != "-lagner"]
        out = self.build("cc", "hello.c", "-std=gnu11",
                         self.files["libagner.a"], *libs)
        self.assertNotIn("libagner", run("ldd", out))
        self.assertEqual(run(out), "{hello,world,too}\n")

    def test_a_test_in_the_simulated_world_builds_and_runs(self):
        out = self.build("cc", "simulate.c", "-std=c11",
                         *self.flags("--libs", package="agner-sim"))
        said = run(out, "--seeds", "3", env=self.env)
        self.assertIn("clockwork: 3 runs", said)
        self.assertIn(": 0 failed", said)

    def test_headers_are_c_plus_plus_too(self):
        self.build("c++", "headers.cc", "-std=c++17", *self.flags("--libs"))

    def test_each_header_stands_alone(self):
        for name in HEADERS + SIM_HEADERS:
            for compiler, language in (("cc", "c"), ("c++", "c++")):
                run(compiler, "-x", language, "-fsyntax-only", *WARNINGS,
                    *self.flags("--cflags"), self.files[name])

    def test_only_the_public_functions_are_exported(self):
        declared = set()
        for name in HEADERS:
            with open(self.files[name]) as f:
                text = re.sub(r"/\*.*?\*/|^ *#.*?[^\\]$", "", f.read(),
                              flags=re.S | re.M)
            for declaration in re.findall(r"AGNER_API\b([^;]*);", text):
                # A function, or an object at the end of its declaration.
                declared.add(re.search(r"(\w+)(?=\()|\w+$",
                                       declaration).group())
        listed = run("nm", "-D", "--defined-only",
                     os.path.join(self.lib, "libagner.so"))
        exported = {line.split()[-1].split("@")[0]
                    for line in listed.splitlines()} - {"AGNER_0.1"}
        for name in exported:
            self.assertTrue(name.startswith(PREFIXES), name)
        # One is for debuggers, which know it by its name: tools/gdb/agner-gdb.py.
        self.assertEqual(exported - declared, {"agner_debug"}, "exported, not declared")
        self.assertEqual(declared - exported, set(), "declared, not there")

    def test_the_library_has_its_versioned_name(self):
        listed = run("objdump", "-p", os.path.join(self.lib, "libagner.so"))
        self.assertRegex(listed, r"SONAME\s+libagner\.so\.0\n")
        self.assertIn("AGNER_0.1", listed)

    def test_private_headers_stay_at_home(self):
        headers = {name for name in self.files if name.endswith(".h")}
        self.assertLessEqual({"etf_match.h", *HEADERS, *SIM_HEADERS}, headers)
        self.assertFalse([name for name in headers if "door" in name
                          or "world" in name or "carrier" in name])

    def test_the_command_is_there(self):
        self.assertRegex(run(self.files["agner"], "version"), r"^agner \d")

    def test_so_are_its_manual_and_its_completion(self):
        for name, folder in (("agner.1", "man/man1"),
                             ("agner-tree.1", "man/man1"),
                             ("agner-sys.config.5", "man/man5"),
                             ("agner-control.7", "man/man7"),
                             ("agner.bash", "bash-completion/completions")):
            self.assertTrue(self.files[name].endswith(f"{folder}/{name}"))


unittest.main(argv=sys.argv[:1])

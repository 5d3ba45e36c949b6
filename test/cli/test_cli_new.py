#!/usr/bin/env python3
"""A new project: what is in it, and that it works (agner new)."""
import json
import os
import subprocess
import sys

from agner_cli import AGNER, Case, main

BUILD, MESON = sys.argv.pop(1), sys.argv.pop(1)
ALWAYS = [".gitignore", "README.md", "meson.build", "src/demo_app.c",
          "src/demo_parts.h", "test/demo_test.h", "test/test_app.c"]


def files(part):
    return [f"src/demo_{part}.c", f"test/test_{part}.c"]


class New(Case):
    def make(self, *args, env=None):
        done = subprocess.run([AGNER, "new", *args], env=self.env(env),
                              cwd=self.home, text=True, capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def there(self, name="demo"):
        """The files of the project."""
        root = self.path(name)
        return sorted(os.path.relpath(os.path.join(path, file), root)
                      for path, _, names in os.walk(root) for file in names)

    def run_in(self, *args):
        done = subprocess.run(
            args, cwd=self.path("demo"), text=True, capture_output=True,
            env=self.env({"PKG_CONFIG_PATH": os.path.join(
                BUILD, "meson-uninstalled")}))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_it_has_what_was_asked_for(self):
        for args, parts in ((["--server"], ["server"]),
                            (["--statem"], ["statem"]),
                            (["--server", "--statem"], ["server", "statem"]),
                            (["--sup"], ["server", "sup"]),
                            ([], ["server", "sup"]),
                            (["--sup", "--statem"], ["statem", "sup"]),
                            (["--stage"], ["stage"]),
                            (["--sup", "--saga"], ["saga", "sup"]),
                            (["--server", "--sup", "--statem"],
                             ["server", "statem", "sup"])):
            with self.subTest(args=args):
                self.assertEqual(self.make("demo", *args)[0], 0)
                wanted = ALWAYS + [f for part in parts for f in files(part)]
                self.assertEqual(self.there(), sorted(wanted))
                for name in self.there():
                    with open(self.path("demo/" + name)) as f:
                        text = f.read()
                    self.assertNotIn("NAME", text)
                    self.assertNotIn("#ifdef", text)
                os.rename(self.path("demo"), self.path("+".join(parts)
                                                       + str(len(args))))

    def test_every_kind_of_project_builds_without_a_warning_and_passes(self):
        for args in ([], ["--server"], ["--statem"],
                     ["--server", "--sup", "--statem", "--stage", "--saga"]):
            with self.subTest(args=args):
                self.assertEqual(self.make("demo", *args)[0], 0)
                self.run_in(*MESON.split(), "setup", "b", "-Dwerror=true")
                out = self.run_in(*MESON.split(), "test", "-C", "b")
                self.assertIn("Fail:               0", out)
                self.assertNotIn("warning:", out)
                self.assertTrue(os.path.exists(self.path("demo/b/demo.so")))
                os.rename(self.path("demo"), self.path("d" + "".join(args)))

    def test_the_tree_that_it_made_is_printed(self):
        code, out, err = self.make("demo", "--server",
                                   env={"LC_ALL": "C.UTF-8"})
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, """demo/
├─ .gitignore
├─ README.md
├─ meson.build
├─ src/
│  ├─ demo_app.c
│  ├─ demo_parts.h
│  └─ demo_server.c
└─ test/
   ├─ demo_test.h
   ├─ test_app.c
   └─ test_server.c

next:
  cd demo
  meson setup b
  meson test -C b
  agner start --app b/demo.so
""")

    def test_without_utf8_the_tree_is_ascii(self):
        code, out, _ = self.make("demo", env={"LC_ALL": "C"})
        self.assertEqual(code, 0)
        self.assertIn("|- README.md\n", out)
        self.assertTrue(out.isascii())

    def test_json_lists_the_files(self):
        code, out, _ = self.make("demo", "--server", "--json")
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out)["project"], "demo")
        self.assertEqual(sorted(json.loads(out)["files"]), self.there())

    def test_a_name_that_is_none_in_c_is_refused(self):
        for name in ("2shop", "my-app", "a/b", "../demo", "a b", "démo",
                     "kernel", "gen", "x" * 41):
            code, out, err = self.make(name)
            self.assertEqual((code, out), (2, ""), name)
            self.assertRegex(err, r"^agner new: '.*': .*\n  try: ")
        self.assertEqual(os.listdir(self.home), [".erlang.cookie"])

    def test_what_is_there_already_is_left_alone(self):
        self.write("demo", "mine")
        code, out, err = self.make("demo")
        self.assertEqual((code, out, err), (
            2, "", "agner new: demo is there already; nothing was changed\n"
            "  try: another name, or another folder to make it in\n"))
        with open(self.path("demo")) as f:
            self.assertEqual(f.read(), "mine")
        os.mkdir(self.path("empty"))
        self.assertEqual(self.make("empty")[0], 2)

    def test_a_folder_that_cannot_be_written_is_named(self):
        os.symlink("/proc/nowhere", self.path("dangling"))
        self.assertEqual(self.make("dangling")[0], 2)  # a link is there too
        done = subprocess.run([AGNER, "new", "demo"], env=self.env(),
                              cwd="/proc", text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^agner new: demo: .*\n  try: ")


main()

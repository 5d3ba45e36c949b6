#!/usr/bin/env python3
"""Each rule of tools/check-sources finds what it is for, and nothing in a tree that is right.

    test_tools_check_sources.py SOURCE_ROOT
"""
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = sys.argv.pop()
CHECK = os.path.join(SOURCE, "tools", "check-sources")

# Right: a public header, a door, the world, and comments and texts that only mention things.
GOOD = {
    "etf/agner/etf.h": '/* terms */\nextern "C"\n',
    "runtime/rt_world.h": "/* the door */\n",
    "runtime/atomic.h": "/* atomics */\n#define load_relaxed(p) __atomic_load_n(p, 0)\n",
    "runtime/world_uv.c": "/* the real world */\n#include <uv.h>\nint x = sizeof uv_run(0, 0);\n",
    "node/conn.c": '/* sleep() is not called here */\n#include <agner/etf.h>\n#include "rt_world.h"\n'
                   'const char *text = "time()";\nint y = net->connect(1) + world.random(2);\n',
}

# A file, its text, what is said about it.
BAD = [
    ("node/a.c", "/* a */\nint t = time(0);\n", "node/a.c:2: time() belongs behind rt_world.h"),
    ("node/a.c", "/* a */\n#include <uv.h>\n", "node/a.c:2: uv.h is included only by"),
    ("etf/a.c", '/* a */\n#include "rt_world.h"\n', "rt_world.h is of runtime/, which is not below etf/"),
    ("runtime/a.c", "/* a */\nint a = __atomic_load_n(p, 5);\n", "runtime/a.c:2: __atomic_load_n() belongs in"),
    ("node/atomic.h", "/* a */\n", "runtime/atomic.h:1: node/atomic.h has the same name"),
    ("node/signal.h", "/* a */\n", "node/signal.h:1: the system has a signal.h"),
    ("node/agner/node.h", "/* a */\n", 'node/agner/node.h:1: no extern "C"'),
    ("node/a.c", "int a;\n", "node/a.c:1: no opening comment"),
    ("tools/a", "#!/bin/sh\nif true; then\n", "tools/a:1: "),
    ("tools/a", "#!/usr/bin/env python3\ndef f(:\n", "tools/a:2: "),
]


class Rules(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as top:
            for path, text in files.items():
                path = os.path.join(top, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(text)
            with open(os.path.join(top, ".clang-format"), "w") as f:
                f.write("DisableFormat: true\n")
            for command in (["init", "-q"], ["add", "-A"]):
                subprocess.run(["git", "-C", top, *command], check=True)
            done = subprocess.run([sys.executable, CHECK, top], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout

    def test_a_tree_that_is_right_passes(self):
        code, out = self.check(GOOD)
        self.assertEqual(code, 0, out)
        self.assertTrue(out.endswith(" passed, 0 failed\n"), out)

    def test_each_fault_is_found_where_it_is(self):
        for path, text, said in BAD:
            with self.subTest(said):
                code, out = self.check({**GOOD, path: text})
                self.assertEqual(code, 1, out)
                self.assertIn(said, out)
                self.assertIn(", 1 failed\n", out)

    def test_a_private_header_of_another_room_is_refused(self):
        code, out = self.check({**GOOD, "runtime/mailbox.h": "/* private */\n",
                                "node/a.c": '/* a */\n#include "mailbox.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("node/a.c:2: mailbox.h is private to runtime/", out)


unittest.main()

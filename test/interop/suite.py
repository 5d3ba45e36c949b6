#!/usr/bin/env python3
"""The interop suite: suite.py SUITE_NODE SOURCES SUBJECT... [-- ERL_ARGUMENT...]

Starts an epmd on a free port and a node of ours, both private to this run, then a real
Erlang node that runs the cases of the modules cases_<SUBJECT>.erl (suite.erl says how they
are written). The output is TAP; the last line is `N passed, N failed`. Exits with 77
(skipped) where there is no Erlang.
"""
import glob
import os
import sys

import run_interop


class Suite(run_interop.Run):
    def sources(self, folder):
        return sorted(glob.glob(os.path.join(folder, "suite.erl")) +
                      glob.glob(os.path.join(folder, "cases_*.erl")))

    def all(self):
        self.epmd()
        ours = self.ours("overlap")  # see open_erl in suite.erl
        erl = ["erl", "-noshell", "-name", f"suite{self.part}@127.0.0.1",
               "-setcookie", run_interop.COOKIE, "-pa", self.folder,
               "-kernel", "prevent_overlapping_partitions", "false"]
        erl += self.erl_arguments
        erl += ["-run", "suite", "main", self.name, self.program, str(self.port)]
        erl += [f"cases_{subject}" for subject in self.subjects]
        self.judged_by(erl, self.env, ours)


if __name__ == "__main__":
    words = sys.argv[3:]
    cut = words.index("--") if "--" in words else len(words)
    Suite.subjects, Suite.erl_arguments = words[:cut], words[cut + 1:]
    run_interop.main(Suite)

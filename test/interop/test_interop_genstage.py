#!/usr/bin/env python3
"""Stages of Elixir's GenStage and of ours: test_interop_genstage.py SUITE_NODE SOURCES STAGE_SOURCES.

GEN_STAGE_EBIN is the folder of the compiled GenStage (v1.3.2; elixirc -o DIR its lib/). The
cases are in genstage_peer.exs, whose output is the test's own. Besides, what GenStage
does must be what genstage_trace.txt says, which our stages are compared with where there
is no GenStage. Exits with 77 (skipped) without GEN_STAGE_EBIN, or without Elixir.
"""
import os
import shutil
import subprocess
import sys

import run_interop

EBIN = os.environ.get("GEN_STAGE_EBIN", "")
STAGES = sys.argv[3]


class GenStage(run_interop.Run):
    def sources(self, folder):
        self.cases = os.path.join(folder, "genstage_peer.exs")
        return [os.path.join(folder, "suite.erl")]  # erlc wants one

    def recorded(self, env):
        """GenStage still does what was recorded."""
        done = subprocess.run(
            ["elixir", "-pa", EBIN, os.path.join(STAGES, "genstage_record.exs")],
            env=dict(env, GEN_STAGE_VERSION="1.3.2"), text=True, check=True,
            stdout=subprocess.PIPE, timeout=run_interop.WAIT_S)
        with open(os.path.join(STAGES, "genstage_trace.txt")) as f:
            if f.read() != done.stdout:
                raise SystemExit("genstage_trace.txt is not what GenStage does")
        print(f"the recording of {done.stdout.count('{session,')} stages is GenStage's")

    def all(self):
        # File names are UTF-8, whatever the locale is.
        env = dict(self.env, ELIXIR_ERL_OPTIONS="+fnu", LC_ALL="C.UTF-8")
        self.recorded(env)
        self.epmd()
        ours = self.ours()
        command = ["elixir", "--name", f"elixir{self.part}@127.0.0.1",
                   "--cookie", run_interop.COOKIE, "--erl",
                   "-kernel prevent_overlapping_partitions false",
                   "-pa", EBIN, self.cases, self.name,
                   os.path.join(STAGES, "genstage_puppet.exs")]
        self.judged_by(command, env, ours)


if __name__ == "__main__":
    if not EBIN or not shutil.which("elixir"):
        raise SystemExit(77)
    run_interop.main(GenStage)

#!/usr/bin/env python3
"""Supervisors, asked by a real Erlang node and asking one: test_interop_supervisor.py NODE SOURCES.

The machinery is run_interop.py's. Exits with 77 (skipped) where there is no Erlang.
"""
import os
import subprocess

import run_interop


class Supervisors(run_interop.Run):
    def all(self):
        self.epmd()
        ours = self.ours()
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run(["erlc", "-o", self.folder,
                        os.path.join(here, "supervisor_peer.erl")],
                       check=True, timeout=run_interop.WAIT_S)
        self.start("peer", [
            "erl", "-noshell", "-name", f"peer{self.part}@127.0.0.1",
            "-setcookie", run_interop.COOKIE,
            "-kernel", "prevent_overlapping_partitions", "false",
            "-kernel", "logger_level", "none",
            "-pa", self.folder, "-run", "supervisor_peer", "main", self.name,
        ]).ended_well()
        ours.child.stdin.close()
        ours.ended_well()


run_interop.main(Supervisors)

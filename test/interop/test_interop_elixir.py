#!/usr/bin/env python3
"""An Elixir node against a node of ours: test_interop_elixir.py SUITE_NODE SOURCES.

The cases are in elixir_peer.exs, whose output is the test's own. Exits with 77 (skipped)
where there is no Elixir. With PHOENIX_PUBSUB=DIR, an ebin folder of Phoenix.PubSub,
topics are tried with that package; else with what does the same in the cases' file.
"""
import os
import shutil

import run_interop


class Elixir(run_interop.Run):
    def sources(self, folder):
        self.cases = os.path.join(folder, "elixir_peer.exs")
        return [os.path.join(folder, "suite.erl")]  # erlc wants one

    def all(self):
        self.epmd()
        ours = self.ours()
        command = ["elixir", "--name", f"elixir{self.part}@127.0.0.1",
                   "--cookie", run_interop.COOKIE, "--erl",
                   "-kernel prevent_overlapping_partitions false"]
        if "PHOENIX_PUBSUB" in os.environ:
            command += ["-pa", os.environ["PHOENIX_PUBSUB"]]
        # File names are UTF-8, whatever the locale is.
        env = dict(self.env, ELIXIR_ERL_OPTIONS="+fnu", LC_ALL="C.UTF-8")
        self.judged_by(command + [self.cases, self.name], env, ours)


if __name__ == "__main__":
    if not shutil.which("elixir"):
        raise SystemExit(77)
    run_interop.main(Elixir)

#!/usr/bin/env python3
"""The example of docs/simulation.md: the careless payer is found out, by its
program and by `agner sim`; the careful one is not."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM, MODULE, AGNER = sys.argv[1:4]
SEEDS = "40"


def run(*args, code=0, **env):
    done = subprocess.run(args, text=True, capture_output=True,
                          env=dict(os.environ, **env))
    if done.returncode != code:
        raise AssertionError(f"{args}: exit code {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done.stdout


class Wallet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="agner-sim-")
        cls.addClassCleanup(folder.cleanup)
        cls.out = folder.name
        cls.said = run(PROGRAM, "--seeds", "500", "--shrink-seconds", "2",
                       "--out", cls.out, code=1)
        cls.seed = re.search(r"seed (\d+) fails: money", cls.said).group(1)
        cls.case = os.path.join(cls.out, f"careless-{cls.seed}.case")

    def test_a_seed_replays_the_failure(self):
        twice = [re.search(r"fails: (money.*)",
                           run(PROGRAM, "--no-shrink", code=1,
                               GEN_SIM_SEED=self.seed)).group(1)
                 for _ in range(2)]
        self.assertEqual(twice[0], twice[1])
        self.assertIn(twice[0], self.said)

    def test_the_case_is_smaller_and_fails_as_the_seed_does(self):
        with open(self.case) as file:
            text = file.read()
        self.assertIn("test careless\nfails money\n", text)
        self.assertIn("\ntape", text)
        said = run(PROGRAM, "--replay", self.case, code=1)
        self.assertIn("fails: money", said)
        self.assertRegex(said, r"step \d+: #\d+ money")  # the last events

    def test_agner_sim_loads_a_shared_object(self):
        said = run(AGNER, "sim", MODULE, "--replay", self.case, code=1)
        self.assertIn("fails: money", said)
        said = run(AGNER, "sim", MODULE, "--seed", self.seed, "--no-shrink",
                   code=1)
        self.assertIn(f"GEN_SIM_SEED={self.seed} agner sim {MODULE}", said)

    def test_agner_sim_runs_a_program(self):
        said = run(AGNER, "sim", PROGRAM, "--replay", self.case, code=1)
        self.assertIn("fails: money", said)

    def test_agner_sim_refuses_what_is_no_test(self):
        for args, code in (((os.path.join(self.out, "none"),), 6),
                           ((self.case,), 1),
                           ((PROGRAM, "--seeds", "0"), 2),
                           ((), 2)):
            run(AGNER, "sim", *args, code=code)

    def test_the_careful_payer_keeps_the_money_together(self):
        said = run(PROGRAM, "careful", "--seeds", SEEDS, "--twice", "2",
                   "--no-shrink")
        self.assertIn(": 0 failed", said)

    def test_seeds_that_time_leaves_out_are_told(self):
        many = ("careful", "--seeds", "100000000", "--seconds", "1")
        self.assertIn(" seeds were not run in 1 s", run(PROGRAM, *many))
        self.assertIn(": 1 failed", run(PROGRAM, *many, "--whole", code=1))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

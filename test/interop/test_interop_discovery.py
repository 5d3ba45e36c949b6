#!/usr/bin/env python3
"""Nodes of ours and real Erlang and Elixir nodes find each other: by epmd, by static
peers, without epmd, by libcluster's gossip; and what the command says about them. Skipped
where there is no Erlang."""
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from loopback import free_port, has_multicast, with_erlang

AGNER = os.environ["AGNER"]
COOKIE = "interop-cookie-of-20"
WAIT = 60

# It says so in time whatever it hears: a receive that waits for silence waits for ever beside
# a node that says something just as often.
GOSSIP = """
  {ok, S} = gen_udp:open(%d, [binary, {active, true}, {reuseaddr, true},
    {multicast_loop, true}, {multicast_if, {127,0,0,1}},
    {add_membership, {{230,1,1,251}, {127,0,0,1}}}]),
  P = ["heartbeat::", term_to_binary(#{node => node()})],
  net_kernel:monitor_nodes(true, #{node_type => all}),
  io:format("up~n"),
  F = fun F(H) -> receive
      {nodeup, N, _} -> io:format("nodeup ~s~n", [N]), F(H);
      {udp, S, _, _, <<"heartbeat::", B/binary>>} ->
        #{node := N} = binary_to_term(B),
        [io:format("heard ~s ~b~n", [N, byte_size(B)])
         || N =/= node(), not lists:member(N, H)],
        F([N | H]);
      tick -> ok = gen_udp:send(S, {230,1,1,251}, %d, P), F(H) end end,
  {ok, _} = timer:send_interval(200, tick),
  F([]).
"""
IDLE = 'io:format("up~n"), receive stop -> ok end.'


class Discovery(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="agner-discovery-")
        self.addCleanup(shutil.rmtree, self.home)
        self.port = free_port()
        self.env = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=self.home,
                        ERL_EPMD_PORT=str(self.port))
        self.env.pop("XDG_CONFIG_HOME", None)
        self.write(".erlang.cookie", COOKIE)
        self.start([AGNER, "epmd", "--listen", f"127.0.0.1:{self.port}"],
                   "epmd ready")

    def write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def start(self, args, line):
        process = subprocess.Popen(args, env=self.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.said = b""
        self.assertIn(line, self.line(process))
        return process

    def line(self, process):
        """The next line; select() knows nothing of what Python has buffered."""
        while b"\n" not in process.said:
            readable, _, _ = select.select([process.stdout], [], [], WAIT)
            self.assertTrue(readable, "nothing was printed in time")
            more = os.read(process.stdout.fileno(), 65536)
            self.assertTrue(more, "it has ended")
            process.said += more
        line, process.said = process.said.split(b"\n", 1)
        return line.decode() + "\n"

    def erl(self, name, code=IDLE, *args):
        kind = "-name" if "." in name else "-sname"
        return self.start(["erl", "-noshell", "-start_epmd", "false", kind,
                           name, *args, "-eval", code], "up")

    def ours(self, name, *args):
        return self.start([AGNER, *with_erlang(
            ["start", "--name", name, "--listen", "127.0.0.1:0", *args])],
            f"{name} ready")

    def run_it(self, *args):
        done = subprocess.run([AGNER, *with_erlang(args)], env=self.env, text=True,
                              capture_output=True, timeout=WAIT)
        return done.returncode, done.stdout, done.stderr

    def rows(self, name):
        code, out, err = self.run_it("nodes", "-n", name, "--json")
        self.assertEqual(code, 0, err)
        return {row["name"]: row for row in json.loads(out)}

    def until(self, true):
        end = time.monotonic() + WAIT
        while not true():
            self.assertLess(time.monotonic(), end, "it never came")
            select.select([], [], [], 0.01)

    def meet(self, name, peer):
        self.until(lambda: self.rows(name).get(peer, {}).get("state") == "up")

    def end(self, process):
        process.kill()
        process.communicate()

    def test_epmds_nodes_become_a_cluster_and_stay_one(self):
        beam = self.erl("beam@127.0.0.1")
        way = "epmd,interval=200"
        self.ours("a@127.0.0.1", "--discover", way, "--hidden")
        self.ours("b@127.0.0.1", "--discover", way, "--visible")
        for name in ("a@127.0.0.1", "b@127.0.0.1"):
            self.meet(name, "beam@127.0.0.1")
        self.meet("a@127.0.0.1", "b@127.0.0.1")
        row = self.rows("b@127.0.0.1")["beam@127.0.0.1"]
        self.assertEqual((row["hidden"], row["speaks"]), (False, "OTP 25-27"))
        self.assertGreater(row["rtt_us"], 0)
        code, out, err = self.run_it("nodes", "-n", "beam@127.0.0.1",
                                     "--no-headers")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"(?m)^a@127.0.0.1\tup\thidden\t")
        self.assertRegex(out, r"(?m)^b@127.0.0.1\tup\tvisible\t")
        self.end(beam)
        self.until(lambda: "beam@127.0.0.1" not in self.rows("a@127.0.0.1"))
        self.erl("beam@127.0.0.1")
        for name in ("a@127.0.0.1", "b@127.0.0.1"):
            self.meet(name, "beam@127.0.0.1")

    def test_a_static_erlang_peer_needs_no_epmd(self):
        port = free_port()
        dist = ["-kernel", "inet_dist_listen_min", str(port),
                "inet_dist_listen_max", str(port)]
        beam = self.erl("beam@127.0.0.1", IDLE, *dist)
        self.ours("a@127.0.0.1", "--epmd", "none", "--epmd-port",
                  str(free_port()), "--peer", f"erlang:beam@127.0.0.1:{port}")
        self.meet("a@127.0.0.1", "beam@127.0.0.1")
        self.end(beam)
        self.until(lambda: "beam@127.0.0.1" not in self.rows("a@127.0.0.1"))
        self.erl("beam@127.0.0.1", IDLE, *dist)
        self.meet("a@127.0.0.1", "beam@127.0.0.1")

    @unittest.skipUnless(has_multicast(), "no multicast on loopback")
    def test_an_erlang_node_that_gossips_is_found(self):
        port = free_port()
        beam = self.erl("beam@127.0.0.1", GOSSIP % (port, port))
        self.ours("a@127.0.0.1", "--discover",
                  f"gossip:230.1.1.251:{port},interface=127.0.0.1,interval=200")
        self.meet("a@127.0.0.1", "beam@127.0.0.1")
        # Our packet is as long as its own would be: the same term, new atoms.
        said = {self.line(beam), self.line(beam)}
        self.assertEqual(said, {"nodeup a@127.0.0.1\n",
                                f"heard a@127.0.0.1 {6 + 6 + 2 + 11}\n"})

    @unittest.skipUnless(has_multicast(), "no multicast on loopback")
    @unittest.skipUnless(shutil.which("elixir"), "no Elixir")
    def test_an_elixir_node_that_gossips_is_found(self):
        port = free_port()
        ex = self.start(["elixir", "--erl", "-start_epmd false", "--name",
                         "ex@127.0.0.1", os.path.join(HERE, "gossip.exs"),
                         "230.1.1.251", str(port), "127.0.0.1"], "gossiping")
        self.ours("a@127.0.0.1", "--discover",
                  f"gossip:230.1.1.251:{port},interface=127.0.0.1,interval=200")
        self.meet("a@127.0.0.1", "ex@127.0.0.1")
        self.assertEqual({self.line(ex), self.line(ex)},
                         {"heard a@127.0.0.1\n", "up a@127.0.0.1\n"})

    def test_what_is_wrong_with_an_erlang_node_is_told(self):
        beam = self.erl("beam@127.0.0.1",
                        "net_kernel:allow(['friend@127.0.0.1']), " + IDLE)
        other = self.write("other", "quite another cookie")
        self.erl("strict@127.0.0.1", IDLE, "-setcookie", "yet-another-cookie")
        # Its name is beam2@HOST, and only that.
        short = socket.gethostname().split(".")[0]
        self.erl("beam2", IDLE)
        for args, code, what in (
                (["beam@127.0.0.1"], 8, "does not allow us"),
                (["strict@127.0.0.1"], 4, "refused after challenge"),
                (["strict@127.0.0.1", "--cookie-file", other], 4,
                 "refused after challenge"),
                (["beam2@127.0.0.1"], 6, "another node answers there"),
                (["nobody@127.0.0.1"], 6, "is not registered")):
            got, _, err = self.run_it("ping", *args)
            self.assertEqual(got, code, err)
            self.assertIn(f"{args[0]}  {what} (step", err)
            self.assertIn("  try: ", err)
            if what.startswith("another"):
                self.assertIn(f"it is called beam2@{short}", err)
        beam.send_signal(signal.SIGSTOP)
        got, _, err = self.run_it("ping", "beam@127.0.0.1", "--timeout", "1s")
        self.assertEqual(got, 5, err)
        self.assertIn("accepts the connection and stays silent (step 3/5)", err)

    def test_the_doctor_looks_at_an_erlang_node(self):
        self.erl("beam@127.0.0.1")
        self.ours("a@127.0.0.1")
        code, out, err = self.run_it("doctor", "beam@127.0.0.1", "--json")
        rows = {row["check"]: row for row in json.loads(out)}
        self.assertEqual((code, err), (0, ""), out)
        for check in ("cookie file", "host", "epmd", "connection", "flags",
                      "clock", "name style", "port back", "processes", "atoms"):
            self.assertEqual(rows[check]["verdict"], "ok", rows.get(check))
        self.assertRegex(rows["flags"]["value"], r"^OTP \d+, 0x")
        self.assertEqual(rows["connection"]["value"], "up")


if __name__ == "__main__":
    if shutil.which("erl") is None:
        sys.exit(77)
    unittest.main()

#!/usr/bin/env python3
"""Nodes that find each other and stay together; cookies told apart."""
import json
import os
import re
import stat
import unittest

from agner_cli import TERM, Case, Node, free_port, has_multicast, main


class Cluster(Case):
    def listening(self, name, port):
        """A node at a port that its peers know."""
        node = Node(self, "--name", name, "--epmd", "none", "--listen",
                    f"127.0.0.1:{port}")
        self.assertEqual(node.ready, f"a@127.0.0.1 ready on port {port}")
        return node

    def states(self, name):
        """{peer: state} as the node sees it."""
        code, out, err = self.run_it("nodes", "-n", name, "--json")
        self.assertEqual(code, 0, err)
        return {row["name"]: row["state"] for row in json.loads(out)}

    def meet(self, name, *peers):
        self.until(lambda: all(self.states(name).get(p) == "up"
                               for p in peers))

    def found(self, name):
        _, out, _ = self.check(["names", "--found", "-n", name, "--json"], 0)
        return json.loads(out)

    def test_peers_are_kept_without_epmd(self):
        port = free_port()
        a = Node(self, "--name", f"a@127.0.0.1:{port}", "--epmd", "none")
        self.assertEqual(a.ready, f"a@127.0.0.1 ready on port {port}")
        self.node("b@127.0.0.1", "--peer", f"a@127.0.0.1:{port}")
        self.meet("b@127.0.0.1", "a@127.0.0.1")
        self.check(["ping", f"a@127.0.0.1:{port}", "--connect"], 0, "pong\n")
        self.assertEqual(
            self.found("b@127.0.0.1"),
            [{"name": "a@127.0.0.1", "registrar": "address",
              "host": "127.0.0.1", "port": port, "seen_ms": None}])
        a.signal(TERM)
        self.assertEqual(a.wait()[0], 0)
        self.until(lambda: self.states("b@127.0.0.1") != {"a@127.0.0.1": "up"})
        self.listening("a@127.0.0.1", port)
        self.meet("b@127.0.0.1", "a@127.0.0.1")

    def test_the_file_names_peers_and_ways_to_find_them(self):
        port = free_port()
        self.listening("a@127.0.0.1", port)
        file = self.write("sys.config", "[{agner, [{peers, "
                          f"[\"a@127.0.0.1:{port}\"]}},"
                          f"{{discovery, [\"dns:localhost:{port},base=a\"]}}]}}].")
        self.node("b@127.0.0.1", "--config", file)
        self.meet("b@127.0.0.1", "a@127.0.0.1")
        self.until(lambda: "dns" in {f["registrar"] for f in
                                     self.found("b@127.0.0.1")})
        wrong = self.write("wrong.config",
                           '[{agner, [{discovery, ["dsn:x"]}]}].')
        code, _, err = self.run_it("start", "--name", "c@127.0.0.1",
                                   "--config", wrong)
        self.assertEqual(code, 1)
        self.assertIn(f"{wrong}:1:23: discovery is a list", err)

    def test_epmd_names_are_found(self):
        port = str(free_port())
        for name in ("a", "b"):
            node = Node(self, "--name", f"{name}@127.0.0.1", "--epmd-port",
                        port, "--discover", "epmd,interval=200")
            self.assertIsNotNone(node.ready)
        self.meet("a@127.0.0.1", "b@127.0.0.1")

    @unittest.skipUnless(has_multicast(), "no multicast on loopback")
    def test_gossip_makes_a_mesh(self):
        port = free_port()
        way = f"gossip:230.1.1.251:{port},interface=127.0.0.1,interval=200"
        names = ["a@127.0.0.1", "b@127.0.0.1", "c@127.0.0.1"]
        for name in names:
            self.node(name, "--discover", way)
        for name in names:
            self.meet(name, *(n for n in names if n != name))

    def test_a_wrong_way_or_peer_is_a_wrong_usage(self):
        for args, text in (
                (["--discover", "dsn"], "'dsn' is not dns, gossip or epmd"),
                (["--discover", "dns"], "dns: expected HOST or HOST:PORT"),
                (["--discover", "gossip,base=x"], "'base' is no key of it"),
                (["--discover", "epmd,interval=1"], "'interval' is no key of"),
                (["--peer", "x"], "no @ in 'x'"),
                (["--peer", "x@y:99999"], "behind the @ is no HOST:PORT"),
                (["--peer", "n@127.0.0.1"], "n@127.0.0.1 is this node")):
            code, _, err = self.run_it("start", "--name", "n@127.0.0.1",
                                       "--epmd", "none", *args)
            self.assertEqual(code, 2, err)
            self.assertIn(text, err)


class Cookie(Case):
    def test_a_new_one_is_this_users_alone(self):
        os.unlink(self.path(".erlang.cookie"))
        code, _, err = self.run_it("cookie", "show-fingerprint")
        self.assertEqual(code, 4, err)
        _, out, _ = self.check(["cookie", "new"], 0)
        path = self.path(".config/agner/cookie")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertRegex(out, rf"^[0-9a-f]{{8}}  {re.escape(path)}\n$")
        self.check(["cookie", "show-fingerprint"], 0, out, "")
        code, _, err = self.run_it("cookie", "new")
        self.assertEqual(code, 4, err) # it is there already
        self.check(["cookie", "show-fingerprint"], 0, out)

    def test_two_cookies_have_two_fingerprints(self):
        prints = set()
        for i, text in enumerate(("one", "two", "one")):
            path = self.write(f"c{i}", text + "\n", 0o600)
            _, out, _ = self.check(["cookie", "show-fingerprint",
                                    "--cookie-file", path, "--json"], 0)
            prints.add(json.loads(out)["fingerprint"])
            self.assertNotIn(text, out)
        self.assertEqual(len(prints), 2)


main()

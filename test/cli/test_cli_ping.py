#!/usr/bin/env python3
"""By Erlang distribution, to a node of agner, with an epmd of our own."""
import socket
import subprocess
import threading

from agner_cli import AGNER, TERM, Case, Node, WAIT, free_port, main

NAME = "far@127.0.0.1"


class Ping(Case):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.dist = ["--connect", "--epmd-port", str(self.port)]
        self.server = Node(self, "--name", NAME, "--app", "counter", "--listen",
                           "127.0.0.1:0", "--epmd-port", str(self.port))
        self.assertRegex(self.server.ready or "", f"^{NAME} ready")

    def test_a_node_with_the_same_cookie_says_pong(self):
        self.check(["ping", NAME, *self.dist], 0, "pong\n", "")

    def test_the_steps_are_shown(self):
        code, out, err = self.run_it("ping", "-v", NAME, "--epmd-port",
                                     str(self.port))
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.splitlines()[-1], "pong")
        self.assertRegex(out, rf"^{NAME}, as agner-cli-[0-9a-f]+@127.0.0.1, "
                              r"with cookie [0-9a-f]{8} \(from ")
        for step in ("1/5 find ", "2/5 connect ", "3/5 name ",
                     "4/5 challenge ", "5/5 up "):
            self.assertRegex(out, rf"(?m)^ +\d+\.\d ms  {step} +\S")

    def test_calls_and_casts_and_messages_go_there(self):
        self.check(["call", "-n", NAME, "counter", "{add, 4}", *self.dist], 0,
                   "4\n", "")
        self.check(["cast", "-n", NAME, "counter", "{add, 4}", *self.dist], 0,
                   "", "")
        self.check(["send", "-n", NAME, "counter", "x", *self.dist], 0, "", "")
        self.check(["call", "-n", NAME, "nobody", "x", *self.dist], 6)

    def test_a_node_elsewhere_is_met_without_being_told_how(self):
        env = {"XDG_RUNTIME_DIR": self.path("empty")}
        self.check(["call", "-n", NAME, "counter", "{add, 1}", "--epmd-port",
                    str(self.port)], 0, "1\n", "", env=env)
        self.check(["ps", "-n", NAME], 3, env=env)

    def test_another_cookie_ends_with_4_and_says_where_it_was_from(self):
        path = self.write("other", "not the cookie", 0o600)
        code, out, err = self.run_it("ping", NAME, "--epmd-port",
                                     str(self.port), "--cookie-file", path)
        self.assertEqual((code, out), (4, ""), err)
        self.assertRegex(err, f"^{NAME}  refused after challenge "
                              r"\(step 4/5\)\n"
                              r"  cookies differ: here [0-9a-f]{8} \(from "
                              f"{path}\\), there [0-9a-f]{{8}}\n"
                              "  try: agner cookie show-fingerprint")
        self.assertNotIn("not the cookie", err)

    def test_a_name_that_epmd_does_not_know_ends_with_6(self):
        code, _, err = self.run_it("ping", "nobody@127.0.0.1", *self.dist)
        self.assertEqual(code, 6, err)
        self.assertIn("  try: agner names 127.0.0.1\n", err)

    def test_the_steps_come_before_what_went_wrong(self):
        done = subprocess.run([AGNER, "ping", "-v", "nobody@127.0.0.1",
                               *self.dist], env=self.env(), text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=WAIT)
        self.assertEqual(done.returncode, 6, done.stdout)
        self.assertRegex(done.stdout, r"(?s) 1/5 find .* is not registered")

    def test_what_is_no_epmd_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                with server.accept()[0] as peer:
                    peer.recv(100)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            self.addCleanup(thread.join)
            code, out, err = self.run_it(
                "names", "--epmd-port", str(server.getsockname()[1]))
        self.assertEqual((code, out), (7, ""), err)
        self.assertIn("is no epmd", err)

    def test_a_machine_without_epmd_ends_with_3(self):
        code, _, err = self.run_it("ping", NAME, "--connect", "--epmd-port",
                                   str(free_port()))
        self.assertEqual(code, 3, err)

    def test_a_node_that_is_gone_ends_with_6(self):
        self.server.signal(TERM)
        self.assertEqual(self.server.wait()[0], 0)
        code, _, err = self.run_it("ping", NAME, *self.dist)
        self.assertIn(code, (3, 6), err)  # our own epmd went with it

    def test_epmd_is_served_and_asked(self):
        code, out, _ = self.run_it("names", "--epmd-port", str(self.port),
                                   "--json")
        self.assertEqual(code, 0)
        self.assertRegex(out, r'^\[\{"name":"far","port":\d+\}\]\n$')

    def test_one_node_pings_another(self):
        other = Node(self, "--name", "near@127.0.0.1", "--epmd-port",
                     str(self.port))
        self.assertIsNotNone(other.ready)
        self.check(["ping", "-n", "near@127.0.0.1", NAME], 0, "pong\n", "")
        self.check(["call", "-n", "near@127.0.0.1", "{counter, '%s'}" % NAME,
                    "{add, 6}"], 0, "6\n", "")
        _, out, _ = self.check(["nodes", "-n", NAME], 0)
        self.assertIn("near@127.0.0.1\tup\t", out)
        code, _, _ = self.run_it("ping", "-n", "near@127.0.0.1",
                                 "nobody@127.0.0.1")
        self.assertNotEqual(code, 0)


class Epmd(Case):
    def test_the_command_is_an_epmd(self):
        import subprocess
        port = free_port()
        process = subprocess.Popen(
            [AGNER, "epmd", "--listen", f"127.0.0.1:{port}"], env=self.env(),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(),
                         f"epmd ready on 127.0.0.1:{port}\n")
        node = Node(self, "--name", "n@127.0.0.1", "--epmd", "need",
                    "--epmd-port", str(port))
        self.assertRegex(node.ready, "^n@127.0.0.1 ready")
        _, out, _ = self.check(["names", "--epmd-port", str(port)], 0)
        self.assertRegex(out, r"^NAME\tPORT\nn\t\d+\n$")
        code, _, err = self.run_it("epmd", "--listen", f"127.0.0.1:{port}")
        self.assertEqual(code, 1, err)
        process.terminate()
        self.assertEqual(process.wait(30), 0)
        self.check(["names", "--epmd-port", str(port)], 3)


main()

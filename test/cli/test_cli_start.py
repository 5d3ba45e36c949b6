#!/usr/bin/env python3
"""A node's life by the command: up, down, and the ways not to come up (B-CLI-2)."""
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess

from agner_cli import AGNER, INT, TERM, Case, Node, free_port, main

COUNTER = os.environ["COUNTER_SO"]

SLOW = """
#include <agner/gen.h>
static void terminate(struct gen *self, etf_term reason) {
    (void)reason;
    (void)rt_sleep(self, 60000);
}
static const struct gen_server slow = { .name = "s", .terminate = terminate };
static const struct gen_child_spec children[] = {
    { .name = "slow", .server = &slow } };
GEN_APPLICATION(slow) = {
    .abi = GEN_APPLICATION_ABI, .name = "slow", .description = "to stop",
    .version = "1.0", .children = children, .child_count = 1 };
"""


# A server that computes for ever once it was told to.
BUSY = """
#include <agner/gen.h>
static enum gen_next work(struct gen *self, etf_term request)
{
    (void)self;
    (void)request;
    for (volatile int on = 1; on != 0;)
        ;
    return GEN_NEXT;
}
static const struct gen_server busy = { .name = "busy", .handle_cast = work };
static const struct gen_child_spec children[] = {
    { .name = "busy", .server = &busy },
};
GEN_APPLICATION(busy) = {
    .abi = GEN_APPLICATION_ABI, .name = "busy", .description = "computes",
    .version = "1.0", .children = children, .child_count = 1,
};
"""


class Start(Case):
    def failed(self, *args, env=None):
        """Starts what cannot start: its standard error."""
        node = Node(self, "--name", "bad@127.0.0.1", "--epmd", "none", *args,
                    env=env, wait=False)
        code, err = node.wait()
        self.assertFalse(os.path.exists(self.socket_of("bad@127.0.0.1")))
        self.assertIn("\n  try: ", err)
        return code, err

    @contextlib.contextmanager
    def notified(self):
        """A socket that hears of the node's state, and the environment for it."""
        path = self.path("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(100)
            yield s, {"NOTIFY_SOCKET": path}

    def test_up_and_down_by_signal(self):
        for number in (TERM, INT):
            node = self.node("up@127.0.0.1")
            self.assertTrue(os.path.exists(self.socket_of("up@127.0.0.1")))
            self.check(["status"], 0)
            node.signal(number)
            self.assertEqual(node.wait(), (0, ""))
            self.assertFalse(os.path.exists(self.socket_of("up@127.0.0.1")))

    def test_a_node_without_a_name_has_that_of_its_application(self):
        for app, name in (("counter", "counter"), (COUNTER, "counter")):
            node = Node(self, "--app", app, "--epmd", "none")
            self.assertRegex(node.ready, f"^{name}@127.0.0.1 ready on port")
            self.check(["stop"], 0)
            self.assertEqual(node.wait(), (0, ""))

    def test_stop_waits_for_the_end(self):
        node = self.node("up@127.0.0.1", "--app", "counter")
        self.check(["stop"], 0, "", "")
        self.assertEqual(node.wait(), (0, ""))
        self.check(["stop"], 3)

    def test_a_second_signal_ends_at_once(self):
        # An application whose child does not stop: its master waits 5 seconds.
        path = self.build("slow", SLOW)
        with self.notified() as (s, env):
            node = self.node("up@127.0.0.1", "--app", path, env=env)
            self.assertEqual(s.recv(100), b"READY=1")
            node.signal(TERM)
            self.assertEqual(s.recv(100), b"STOPPING=1")
            node.signal(INT)
            self.assertEqual(node.wait(), (128 + INT, ""))
            self.assertFalse(os.path.exists(self.socket_of("up@127.0.0.1")))

    def test_code_that_never_returns_does_not_keep_the_program(self):
        node = self.node("up@127.0.0.1", "--stop-time", "100ms", "--app",
                         self.build("busy", BUSY))
        self.check(["cast", "busy", "work"], 0)
        self.check(["call", "busy", "work", "--timeout", "10ms"], 5)
        node.signal(TERM)
        code, err = node.wait()
        self.assertEqual(code, 1, err)
        self.assertIn("a process is in code that does not return", err)
        self.assertFalse(os.path.exists(self.socket_of("up@127.0.0.1")))

    def test_the_socket_is_for_this_user_alone(self):
        self.node("up@127.0.0.1")
        mode = os.stat(self.socket_of("up@127.0.0.1")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("agner")).st_mode),
                         0o700)

    def test_a_socket_of_a_dead_node_is_replaced(self):
        node = self.node("up@127.0.0.1")
        node.end()
        self.assertTrue(os.path.exists(self.socket_of("up@127.0.0.1")))
        self.check(["status"], 3)
        self.node("up@127.0.0.1")
        self.check(["status"], 0)

    def test_B_CLI_2_a_name_that_runs_is_taken(self):
        self.node("bad@127.0.0.1")
        node = Node(self, "--name", "bad@127.0.0.1", "--epmd", "none",
                    wait=False)
        code, err = node.wait()
        self.assertEqual(code, 1, err)
        self.assertIn("  try: agner status\n", err)
        self.check(["status"], 0)

    def test_B_CLI_2_a_port_that_is_taken_is_named(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            code, err = self.failed("--listen", f"127.0.0.1:{port}")
        self.assertEqual(code, 1, err)
        self.assertIn(str(port), err)

    def test_B_CLI_2_a_name_that_epmd_knows_is_taken(self):
        port = free_port()
        args = ["--epmd-port", str(port)]
        one = Node(self, "--name", "x@127.0.0.1", *args)
        self.assertIsNotNone(one.ready)
        two = Node(self, "--name", "x@localhost", *args, wait=False)
        code, err = two.wait()
        self.assertEqual(code, 1, err)
        self.assertIn("taken", err)

    def test_needing_an_epmd_that_is_not_there_fails(self):
        node = Node(self, "--name", "x@127.0.0.1", "--epmd", "need",
                    "--epmd-port", str(free_port()), wait=False)
        code, err = node.wait()
        self.assertEqual(code, 1, err)
        self.assertIn("  try: agner epmd", err)

    def test_an_unknown_application_stops_the_start(self):
        code, err = self.failed("--app", "nonsense")
        self.assertEqual(code, 1)
        self.assertIn("there is no application nonsense", err)

    def test_B_SO_1_a_path_that_is_not_there_stops_the_start(self):
        code, err = self.failed("--app", "./nothing.so")
        self.assertEqual(code, 1)
        self.assertIn("--app ./nothing.so: No such file or directory", err)

    def test_B_SO_2_an_application_starts_once(self):
        self.node("up@127.0.0.1", "--app", "counter", "--app", "counter")
        out = self.check(["status"], 0)[1]
        self.assertEqual(out.count("counter 1.0"), 1, out)

    def test_a_foreign_directory_is_refused(self):
        os.mkdir(self.path("agner"), 0o777)
        os.chmod(self.path("agner"), 0o777)
        code, err = self.failed()
        self.assertEqual(code, 1)
        self.assertIn("others may write there; run: chmod 700", err)
        os.rmdir(self.path("agner"))
        os.symlink("/tmp", self.path("agner"))
        code, err = self.failed()
        self.assertEqual(code, 1)
        self.assertIn("not a directory", err)

    # ---- Cookies ------------------------------------------------------------

    def test_a_cookie_file_that_others_can_read_is_refused(self):
        path = self.write("cookie", "secret-of-mine", 0o644)
        code, err = self.failed("--cookie-file", path)
        self.assertEqual(code, 4)
        self.assertEqual(err, f"agner start: {path}: others may read or write "
                              f"it\n  try: chmod 600 {path}\n")

    def test_a_cookie_file_that_is_none_is_refused(self):
        link = self.path("link")
        os.symlink(self.path(".erlang.cookie"), link)
        for path, why in ((link, "is a symbolic link"),
                          (self.home, "not a file"),
                          (self.path("none"), "No such file"),
                          (self.write("empty", "\n\n", 0o600), "no cookie"),
                          (self.write("zero", "a\0b", 0o600), "a zero byte")):
            code, err = self.failed("--cookie-file", path)
            self.assertEqual(code, 4, err)
            self.assertIn(why, err)

    def test_without_a_cookie_one_is_written_for_this_user(self):
        os.remove(self.path(".erlang.cookie"))
        self.check(["ping", "x@127.0.0.1"], 4)  # only a node makes one
        node = self.node("up@127.0.0.1")
        path = self.path(".config/agner/cookie")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path) as f:
            self.assertRegex(f.read(), r"^agner1-[a-z2-7]{52}\n$")
        node.signal(TERM)
        self.assertIn("wrote a new cookie", node.wait()[1])

    def test_a_cookie_on_the_command_line_is_blanked_and_never_printed(self):
        node = self.node("up@127.0.0.1", "--cookie", "my-secret",
                         "--log-level", "debug")
        with open(f"/proc/{node.process.pid}/cmdline", "rb") as f:
            line = f.read()
        self.assertIn(b"--cookie\0*********\0", line)
        self.assertNotIn(b"my-secret", line)
        for args in (["status"], ["info"], ["ps"]):
            self.assertNotIn("my-secret", self.run_it(*args)[1])
        node.signal(TERM)
        _, err = node.wait()
        self.assertIn("warning: --cookie shows the cookie", err)
        self.assertNotIn("my-secret", err)

    # ---- Configuration ------------------------------------------------------

    def test_a_configuration_says_what_to_start(self):
        path = self.write("demo.config", """
            [{agner, [{name, 'conf@127.0.0.1'}, {epmd, none},
                      {listen, "127.0.0.1:0"}, {workers, 1},
                      {applications, [counter]}]}].""")
        node = Node(self, "--config", path)
        self.assertRegex(node.ready, "^conf@127.0.0.1 ready")
        self.check(["call", "counter", "{add, 2}"], 0, "2\n")

    def test_an_option_goes_before_the_configuration(self):
        path = self.write("demo.config", "[{agner, [{name, 'conf@127.0.0.1'},"
                                         "{epmd, none}]}].")
        node = Node(self, "--config", path, "--name", "opt@127.0.0.1")
        self.assertRegex(node.ready, "^opt@127.0.0.1 ready")

    def test_B_CFG_1_a_mistake_in_the_configuration_has_its_place(self):
        path = self.write("bad.config", "[{agner,\n  [{nmae, x}]}].")
        code, err = self.failed("--config", path)
        self.assertEqual(code, 1)
        self.assertEqual(err.splitlines()[0],
                         f"agner start: {path}:2:5: unknown key 'nmae'; did "
                         "you mean 'name'?")
        code, err = self.failed("--config", self.path("none.config"))
        self.assertEqual(code, 1)

    # ---- Who wants to know --------------------------------------------------

    def test_readiness_goes_to_a_descriptor(self):
        r, w = os.pipe()
        os.set_inheritable(w, True)
        process = subprocess.Popen(
            [AGNER, "start", "--name", "fd@127.0.0.1", "--epmd", "none",
             "--ready-fd", str(w)], env=self.env(), pass_fds=[w],
            stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(w)
        with os.fdopen(r) as f:
            self.assertRegex(f.read(), r"^fd@127.0.0.1 ready on port \d+\n$")

    def test_systemd_is_told(self):
        with self.notified() as (s, env):
            node = self.node("sd@127.0.0.1", env=env)
            self.assertEqual(s.recv(100), b"READY=1")
            node.signal(TERM)
            self.assertEqual(s.recv(100), b"STOPPING=1")
            self.assertEqual(node.wait()[0], 0)

    def test_detached_it_goes_on_when_it_is_ready(self):
        log = self.path("log")
        _, out, _ = self.check(
            ["start", "--name", "bg@127.0.0.1", "--epmd", "none", "--detach",
             "--log-file", log, "--log-level", "info"], 0)
        self.assertRegex(out, r"^bg@127.0.0.1 ready on port \d+\n$")
        self.check(["stop"], 0)
        with open(log) as f:
            self.assertIn("application kernel", f.read())

    def test_the_log_is_lines_of_json_in_a_file_that_may_be_moved(self):
        log, moved = self.path("log"), self.path("moved")
        node = self.node("js@127.0.0.1", "--log-file", log, "--log-format",
                         "json", "--log-level", "info", "--app", "counter")
        self.until(lambda: os.path.getsize(log) > 0)
        os.rename(log, moved)
        node.signal(signal.SIGHUP)
        self.until(lambda: os.path.exists(log))
        self.check(["stop"], 0)
        self.assertEqual(node.wait(), (0, ""))
        texts = []
        for path in (moved, log):
            with open(path) as f:
                events = [json.loads(line) for line in f]
            self.assertEqual({e["node"] for e in events}, {"js@127.0.0.1"})
            texts.append(" ".join(e["text"] for e in events))
        self.assertIn("counter", texts[0])
        self.assertIn("counter", texts[1])

    def test_without_a_file_the_end_of_its_terminal_ends_it(self):
        node = self.node("hup@127.0.0.1")
        node.signal(signal.SIGHUP)
        self.assertEqual(node.wait()[0], 0)

    def test_the_configuration_has_the_log_rotated(self):
        log = self.path("log")
        config = self.write("rot.config", f"""[{{agner, [
            {{log_file, "{log}"}}, {{log_size, 4096}}, {{log_keep, 2}},
            {{log_level, debug}}, {{log_format, json}}]}}].""")
        self.node("rot@127.0.0.1", "--config", config)
        while not os.path.exists(log + ".2"):
            # each is a line: a notification that nobody gets
            self.check(["call", "nobody", "x"], 6)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.socket_of("rot@127.0.0.1"))
                s.sendall(b"\x93\x02\xa6nobody\x90" * 20)
        for name in ("log.1", "log.2"):
            with open(self.path(name)) as f:
                self.assertLessEqual(len(f.read()), 4096)
        self.assertFalse(os.path.exists(log + ".3"))

    def test_a_log_that_cannot_be_is_refused_at_the_start(self):
        for args, code, why in (
                (["--log-file", "/nowhere/log"], 1, "/nowhere/log: no such"),
                (["--log-format", "xml"], 2, "--log-format: expected text"),
                (["--log-level", "loud"], 2, "--log-level: expected"),
                (["--log-file", "x", "--log-format", "journald"], 2,
                 "to journald or to a file")):
            with self.subTest(args=args):
                _, _, err = self.check(["start", "--name", "no@127.0.0.1",
                                        "--epmd", "none", *args], code)
                self.assertIn(why, err)
                self.assertIn("  try: ", err)

    def test_detached_it_keeps_nobody_waiting_at_a_pipe(self):
        self.check(["start", "--name", "bg@127.0.0.1", "--epmd", "none",
                    "--detach"], 0)  # reads both to their end
        self.check(["stop"], 0)

    def test_detached_a_failure_is_seen_and_its_code_returned(self):
        self.check(["start", "--name", "bg@127.0.0.1", "--epmd", "none",
                    "--detach", "--app", "nonsense"], 1)
        self.check(["status"], 3)


main()

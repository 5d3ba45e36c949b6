#!/usr/bin/env python3
"""agner rpc and agner shell, on a node of ours and on a real Erlang node."""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from loopback import free_port, with_erlang

AGNER = os.environ["AGNER"]
WAIT = 60
OURS, BEAM = "ours@127.0.0.1", "beam@127.0.0.1"


class Shell(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="agner-interop-")
        cls.addClassCleanup(shutil.rmtree, cls.home)
        port = free_port()
        cls.env = dict(os.environ, HOME=cls.home, XDG_RUNTIME_DIR=cls.home,
                       XDG_STATE_HOME=cls.home, ERL_EPMD_PORT=str(port),
                       TERM="dumb")
        cls.env.pop("XDG_CONFIG_HOME", None)
        path = os.path.join(cls.home, ".erlang.cookie")
        with open(path, "w") as f:
            f.write("shell-cookie")
        os.chmod(path, 0o400)
        cls.start([AGNER, "epmd", "--listen", f"127.0.0.1:{port}"],
                  "epmd ready")
        cls.start([AGNER, *with_erlang(["start", "--name", OURS, "--listen",
                                        "127.0.0.1:0", "--app", "counter",
                                        "--app", "echo"])], f"{OURS} ready")
        cls.start(["erl", "-noshell", "-start_epmd", "false", "-name", BEAM,
                   "-eval", 'io:format("up~n"), receive stop -> ok end.'],
                  "up")

    @classmethod
    def start(cls, args, line):
        process = subprocess.Popen(args, env=cls.env, text=True,
                                   stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE)
        cls.addClassCleanup(process.communicate)
        cls.addClassCleanup(process.kill)
        if line not in process.stdout.readline():
            raise AssertionError(args)

    def run_it(self, *args, stdin=""):
        done = subprocess.run([AGNER, *with_erlang(args)], env=self.env, input=stdin,
                              text=True, capture_output=True, timeout=WAIT)
        return done.returncode, done.stdout, done.stderr

    def rpc(self, code, out, *args):
        got = self.run_it("rpc", *args)
        self.assertEqual(got[:2], (code, out), got)
        return got[2]

    def shell(self, node, *lines):
        """What each statement printed, of a script that succeeds."""
        code, out, err = self.run_it("shell", node, stdin="\n".join(lines))
        self.assertEqual(code, 0, (out, err))
        return out.splitlines()

    # ---- rpc

    def test_rpc_calls_functions_of_either_kind_of_node(self):
        self.rpc(0, f"'{BEAM}'\n", BEAM, "erlang", "node")
        self.rpc(0, f"'{OURS}'\n", OURS, "erlang", "node")
        self.rpc(0, "[3,2,1]\n", BEAM, "lists", "reverse", "[[1, 2, 3]]")
        self.rpc(0, "[3,2,1]\n", BEAM, "lists", "reverse", "[[1, 2, 3]]",
                 "--json")
        self.rpc(0, "", BEAM, "erlang", "node", "--cast")

    def test_what_a_function_raises_is_told(self):
        for node in (OURS, BEAM):
            self.assertIn("exception error: oops",
                          self.rpc(1, "", node, "erlang", "error", "[oops]"))
            self.assertIn("exception exit: oops",
                          self.rpc(1, "", node, "erlang", "exit", "[oops]"))
            self.assertIn("exception throw: oops",
                          self.rpc(1, "", node, "erlang", "throw", "[oops]"))
            self.assertIn("no function nosuch:thing/0",
                          self.rpc(6, "", node, "nosuch", "thing"))
            self.assertIn("no function nosuch:deep/2",
                          self.rpc(6, "", node, "erlang", "apply",
                                   "[nosuch, deep, [1, 2]]"))

    def test_bad_arguments_are_told(self):
        self.rpc(2, "", OURS, "erlang")
        self.rpc(2, "", OURS, "erlang", "node", "not_a_list")
        self.rpc(2, "", OURS, "erlang", "node", "[")
        self.rpc(6, "", "gone@127.0.0.1", "erlang", "node")
        self.rpc(5, "", BEAM, "timer", "sleep", "[infinity]", "--timeout",
                 "50ms")

    # ---- shell, from a pipe

    def test_statements_are_evaluated_on_the_node(self):
        for node in (OURS, BEAM):
            self.assertEqual(
                self.shell(node, "erlang:node().", "node()",
                           "{a, [1, 2 | b], #{k => 1.5}}", '"text"',
                           "<<1,2>>", "% nothing", ""),
                [f"'{node}'", f"'{node}'", "{a,[1,2|b],#{k => 1.5}}",
                 '"text"', "<<1,2>>"])

    def test_variables_are_set_matched_and_set_again(self):
        self.assertEqual(
            self.shell(BEAM, "X = {ok, 1}", "{ok, N} = X", "N", "N = 2", "N",
                       "#{a := A} = #{a => [N, N]}", "[H | T] = A", "{H, T}",
                       "b()", "f()", "b()"),
            ["{ok,1}", "{ok,1}", "1", "2", "2", "#{a => [2,2]}", "[2,2]",
             "{2,[2]}", "A = [2,2]", "H = 2", "N = 2", "T = [2]",
             "X = {ok,1}", "ok"])

    def test_pids_are_those_of_the_node(self):
        for node in (OURS, BEAM):
            pid, alive = self.shell(node, "P = whereis(rex)",
                                    "is_process_alive(P)")
            self.assertRegex(pid, r"^<0\.\d+\.\d+>$")
            self.assertEqual(alive, "true")
            self.assertEqual(self.shell(node, f"is_process_alive({pid})"),
                             ["true"])

    def test_messages_calls_and_monitors(self):
        self.assertEqual(
            self.shell(OURS, "call(counter, {add, 0})",
                       "cast(echo, {notify, self(), hello})",
                       # an answer comes after what was sent before it
                       "_ = call(echo, {echo, 1})", "flush()",
                       "{nobody, node()} ! hello", "monitor(nobody)",
                       "_ = call(echo, {echo, 2})")[1:4],
            ["ok", "1", "got hello"])

    def test_a_statement_may_have_many_lines(self):
        self.assertEqual(
            self.shell(BEAM, "lists:map(fun erlang:abs/1,", "  [-1,", "   2]).",
                       '{"a ( text",', " 'an [ atom', $( }"),
            ["[1,2]", "{\"a ( text\",'an [ atom',40}"])

    def test_what_a_function_prints_comes_to_the_shell(self):
        self.assertEqual(self.shell(BEAM, 'io:format("~p~n", [[hello]])',
                                    'io:put_chars("there\\n")'),
                         ["[hello]", "ok", "there", "ok"])

    def test_the_first_failure_ends_a_script(self):
        for script, code, text in (
                ("erlang:error(oops)\nnode()", 1, "exception error: oops"),
                ("{1, }", 2, "expected"), ("Unbound", 1, "unbound"),
                ("{a, B} = {b, 1}", 1, "no match of {b,1}"),
                ("call(nobody, x)", 6, "no such process"),
                ("nosuch:fn(x)", 1, "undef nosuch:fn/1"), ("[1, 2", 2, "expected"),
                ("1 2", 2, "too much")):
            got = self.run_it("shell", BEAM, stdin=script)
            self.assertEqual((got[0], got[1]), (code, ""), got)
            self.assertIn(text, got[2])

    def test_deep_and_long_input_is_refused(self):
        got = self.run_it("shell", OURS, stdin="{" * 1000 + "}" * 1000)
        self.assertIn("nested more than", got[2])
        got = self.run_it("shell", OURS, stdin="[\n" * 600000)
        self.assertIn("too long", got[2])

    # ---- shell, on a terminal

    def terminal(self, node):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(AGNER, [AGNER, *with_erlang(["shell", node])], self.env)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, fd)
        return fd

    def expect(self, fd, pattern):
        read, text, end = b"", "", time.monotonic() + WAIT
        while not re.search(pattern, text):
            self.assertLess(time.monotonic(), end, text)
            if not select.select([fd], [], [], 1)[0]:
                continue
            try:
                read += os.read(fd, 4096)
                text = read.decode(errors="ignore")  # half a character
            except OSError:  # it has ended
                self.fail(text)
        return text

    def ended(self, fd):
        """Reads until the shell has ended."""
        try:
            while os.read(fd, 4096):
                self.assertTrue(select.select([fd], [], [], WAIT)[0])
        except OSError:
            pass

    def test_lines_have_a_history_and_words_are_completed(self):
        fd = self.terminal(OURS)
        self.expect(fd, f"{OURS}> ")
        os.write(fd, b"{first, 1}\n")
        self.expect(fd, r"\{first,1\}(.|\n)*> ")
        os.write(fd, b"!{fir\n")
        self.expect(fd, r"\{first, 1\}(.|\n)*\{first,1\}(.|\n)*> ")
        os.write(fd, "<<\"\u00e9\"/utf8>>\n".encode())
        self.expect(fd, "(?s)\u00e9.*<<\"\u00e9\"/utf8>>.*> ")
        os.write(fd, b"h()\n")
        self.expect(fd, r" 1  \{first, 1\}(.|\n)*> ")
        os.write(fd, b"help()\n")
        self.expect(fd, r"leaves the shell(.|\n)*> ")
        os.write(fd, b"whereis(global_name_ser\t)\n")
        self.expect(fd, r"<0\.\d+\.\d+>(.|\n)*> ")
        os.write(fd, b"is_process_al\t")
        self.expect(fd, r"is_process_alive\(")
        os.write(fd, b"self())\n")
        self.expect(fd, f"{OURS}> ")
        os.write(fd, b"erlang:process_inf\t\n")
        self.expect(fd, r"process_info\(")
        os.write(fd, b")\n")
        self.expect(fd, f"{OURS}> ")
        os.write(fd, b"\x03")
        self.ended(fd)
        with open(os.path.join(self.home, "agner", "shell_history"),
                  encoding="utf-8") as f:
            self.assertIn("first", f.read())


if shutil.which("erl") is None:
    raise SystemExit(77)
unittest.main()

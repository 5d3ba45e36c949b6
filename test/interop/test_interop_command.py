#!/usr/bin/env python3
"""The command and a real Erlang node, each way, with an epmd of the command."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from loopback import free_port, with_erlang

AGNER = os.environ["AGNER"]
COOKIE = "interop-cookie"

# A gen_server in funs: a process that answers calls, and tells what it heard.
SERVER = """
  register(server, spawn(fun() ->
    F = fun F(Heard) -> receive
      {'$gen_call', {P, Tag}, heard} -> P ! {Tag, lists:reverse(Heard)}, F([]);
      {'$gen_call', {P, Tag}, R} -> P ! {Tag, {got, R}}, F(Heard);
      M -> F([M | Heard])
    end end, F([]) end)),
  io:format("up~n"), receive stop -> ok end.
"""


class Command(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="agner-interop-")
        self.addCleanup(shutil.rmtree, self.home)
        self.port = free_port()
        self.env = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=self.home,
                        ERL_EPMD_PORT=str(self.port))
        self.env.pop("XDG_CONFIG_HOME", None)
        path = os.path.join(self.home, ".erlang.cookie")
        with open(path, "w") as f:
            f.write(COOKIE)
        os.chmod(path, 0o400)
        self.start([AGNER, "epmd", "--listen", f"127.0.0.1:{self.port}"],
                   "epmd ready")

    def start(self, args, line):
        process = subprocess.Popen(args, env=self.env, text=True,
                                   stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertIn(line, process.stdout.readline())

    def beam(self):
        self.start(["erl", "-noshell", "-start_epmd", "false", "-name",
                    "beam@127.0.0.1", "-eval", SERVER], "up")

    def check(self, args, code, out):
        done = subprocess.run([AGNER, *with_erlang(args)], env=self.env, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (code, out),
                         done.stderr)

    def test_an_erlang_node_is_pinged_called_cast_and_sent_to(self):
        self.beam()
        there = ["-n", "beam@127.0.0.1"]
        self.check(["ping", "beam@127.0.0.1"], 0, "pong\n")
        self.check(["call", *there, "server", "{hello, \"there\", #{a => 1.5}}"],
                   0, "{got,{hello,\"there\",#{a => 1.5}}}\n")
        self.check(["cast", *there, "server", "one"], 0, "")
        self.check(["send", *there, "server", "{two, <<3>>}"], 0, "")
        self.check(["call", *there, "server", "heard"], 0,
                   "[{'$gen_cast',one},{two,<<3>>}]\n")
        self.check(["call", *there, "nobody", "x"], 6, "")
        self.check(["ping", "gone@127.0.0.1"], 6, "")
        done = subprocess.run([AGNER, "names", "--no-headers"], env=self.env,
                              text=True, capture_output=True, timeout=60)
        self.assertRegex(done.stdout, r"^beam\t\d+\n$")

    def test_groups_of_an_erlang_node_are_listed_and_sent_to(self):
        self.start(["erl", "-noshell", "-start_epmd", "false", "-name",
                    "beam@127.0.0.1", "-eval", "pg:start_link()," + SERVER.replace(
                        'io:format("up~n")', """
                        S = whereis(server), ok = pg:join({a, 1}, [S, S]),
                        io:format("up~n")""")], "up")
        there = ["-n", "beam@127.0.0.1"]
        self.check(["pub", *there, "{a, 1}", "{news, 5}"], 0, "2\n")
        self.check(["pub", *there, "nobody", "x"], 0, "0\n")
        self.check(["call", *there, "server", "heard"], 0, "[{news,5},{news,5}]\n")
        done = subprocess.run(
            [AGNER, *with_erlang(["groups", *there, "--no-headers"])],
            env=self.env, text=True, capture_output=True, timeout=60)
        self.assertRegex(done.stdout, r"^pg\t\{a,1\}\t<[\d.]+>\tbeam@127.0.0.1\t2\n$")
        self.check(["groups", *there, "--no-headers", "--scope", "none"], 0, "")
        done = subprocess.run(
            [AGNER, *with_erlang(["pub", *there, "-p", "My.PubSub", "topic", "x"])],
            env=self.env, text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Elixir.Phoenix.PubSub:broadcast on beam@127.0.0.1", done.stderr)

    def test_a_supervisor_of_an_erlang_node_is_asked_and_told(self):
        self.start(["erl", "-noshell", "-start_epmd", "false", "-name",
                    "beam@127.0.0.1", "-eval", """
                      {ok, _} = supervisor:start_child(kernel_safe_sup,
                        #{id => probe, start => {timer, start_link, []}}),
                      io:format("up~n"), receive stop -> ok end."""], "up")

        def sup(action, *more):
            return ["sup", action, "-n", "beam@127.0.0.1", "kernel_safe_sup",
                    *more]
        done = subprocess.run([AGNER, *with_erlang(sup("which"))], env=self.env, text=True,
                              capture_output=True, timeout=60)
        self.assertRegex(done.stdout, r"^ID\tPID\tTYPE\tMODULES\n"
                         r"probe\t<.*>\tworker\t\[timer\]\n$", done.stderr)
        self.check(sup("count", "--json"), 0, '{"active":1,"specs":1,'
                   '"supervisors":0,"workers":1}\n')
        self.check(sup("terminate", "probe"), 0, "")
        self.check(sup("which", "--no-headers"), 0,
                   "probe\tundefined\tworker\t[timer]\n")
        done = subprocess.run([AGNER, *with_erlang(sup("restart", "probe"))], env=self.env,
                              text=True, capture_output=True, timeout=60)
        self.assertRegex(done.stdout, r"^<\d+\.\d+\.\d+>\n$", done.stderr)
        self.check(sup("restart", "probe"), 1, "")  # it runs
        self.check(sup("delete", "probe"), 1, "")
        self.check(sup("terminate", "probe", "--json"), 0, '"ok"\n')
        self.check(sup("delete", "probe"), 0, "")
        self.check(sup("delete", "probe"), 6, "")
        self.check(sup("which", "--json"), 0, "[]\n")
        self.check(["sup", "which", "-n", "beam@127.0.0.1", "nobody"], 6, "")

    def test_an_erlang_node_with_another_cookie_refuses(self):
        self.beam()
        other = os.path.join(self.home, "other")
        with open(other, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("not that one")
        self.check(["ping", "beam@127.0.0.1", "--cookie-file", other], 4, "")

    def test_an_erlang_node_starts_applications_of_ours(self):
        self.start([AGNER, *with_erlang(["start", "--name", "ours@127.0.0.1"])],
                   "ours@127.0.0.1 ready")
        done = subprocess.run(
            ["erl", "-noshell", "-start_epmd", "false", "-name",
             "beam@127.0.0.1", "-eval", """
               C = {application_controller, 'ours@127.0.0.1'},
               A = fun(R) -> gen_server:call(C, R) end,
               One = [A({start_application, shop, transient}),
                 A({start_application, shop, transient}),
                 [N || {N, _, _} <- A(which_applications)],
                 proplists:get_value(started, A(info)),
                 A({load_application, shop})],
               {ok, #{pid := Master}} = A({application_info, shop}),
               Two = [io:put_chars(Master, "from afar\n"),
                 io:request(Master, {get_line, unicode, ""}),
                 A({unload_application, shop}), A({stop_application, shop}),
                 A({stop_application, shop}), A({unload_application, shop}),
                 A({unload_application, shop})],
               io:format("~0p~n~0p~n", [One, Two]), halt()."""],
            env=self.env, text=True, capture_output=True, timeout=60)
        self.assertEqual(
            done.stdout,
            "[ok,{error,{already_started,shop}},[shop,kernel],"
            "[{shop,transient},{kernel,permanent}],"
            "{error,{already_loaded,shop}}]\n"
            "[ok,eof,{error,{running,shop}},ok,"
            "{error,{not_started,shop}},ok,{error,{not_loaded,shop}}]\n",
            done.stderr)

    def test_an_erlang_node_pings_and_calls_ours(self):
        self.start([AGNER, *with_erlang(["start", "--name", "ours@127.0.0.1",
                                         "--app", "counter"])],
                   "ours@127.0.0.1 ready")
        done = subprocess.run(
            ["erl", "-noshell", "-start_epmd", "false", "-name",
             "beam@127.0.0.1", "-eval", """
               N = 'ours@127.0.0.1',
               io:format("~p.~n", [[
                 net_adm:ping(N),
                 gen_server:call({counter, N}, {add, 5}),
                 gen_server:call({net_kernel, N}, nonsense),
                 nodes(), nodes(hidden),
                 gen_server:call({application_controller, N},
                                 which_applications),
                 catch rpc:block_call(N, erlang, node, [])]]),
               halt()."""],
            env=self.env, text=True, capture_output=True, timeout=60)
        self.assertRegex(
            done.stdout.replace("\n", "").replace(" ", ""),
            r"^\[pong,5,\{error,not_supported\},\['ours@127.0.0.1'\],\[\],"
            r'\[\{counter,"keepsonenumber","1.0"\},'
            r'\{kernel,"whatothernodeslookfor","[0-9.]+"\}\],'
            r"'ours@127.0.0.1'\]\.$", done.stderr)

    def test_a_node_shares_the_global_names_of_erlang_nodes(self):
        self.start([AGNER, *with_erlang(["start", "--name", "ours@127.0.0.1",
                                         "--app", "counter"])],
                   "ours@127.0.0.1 ready")
        done = subprocess.run(
            ["erl", "-noshell", "-start_epmd", "false", "-name",
             "beam@127.0.0.1", "-eval", """
               N = 'ours@127.0.0.1',
               pong = net_adm:ping(N),
               ok = global:sync(),
               [N] = nodes(),
               yes = global:register_name(here, self()),
               true = self() =:= rpc:call(N, global, whereis_name, [here]),
               A = [gen_server:call({counter, N}, {add, 1})
                    || _ <- lists:seq(1, 100)],
               io:format("~p ~p~n", [lists:last(A), net_adm:ping(N)]),
               halt()."""],
            env=self.env, text=True, capture_output=True, timeout=60)
        self.assertEqual(done.stdout, "100 pong\n", done.stderr)
        done = subprocess.run([AGNER, "call", "counter", "{add, 0}"],
                              env=self.env, text=True, capture_output=True,
                              timeout=60)
        self.assertEqual(done.stdout, "100\n", done.stderr)

    def test_a_hidden_node_has_nothing_to_do_with_global(self):
        self.start([AGNER, *with_erlang(["start", "--hidden", "--name",
                                         "ours@127.0.0.1"])],
                   "ours@127.0.0.1 ready")
        done = subprocess.run(
            ["erl", "-noshell", "-start_epmd", "false", "-name",
             "beam@127.0.0.1", "-eval", """
               pong = net_adm:ping('ours@127.0.0.1'),
               ok = global:sync(),
               io:format("~p ~p~n", [nodes(), nodes(hidden)]),
               halt()."""],
            env=self.env, text=True, capture_output=True, timeout=60)
        self.assertEqual(done.stdout, "[] ['ours@127.0.0.1']\n", done.stderr)


if shutil.which("erl") is None:
    raise SystemExit(77)
unittest.main()

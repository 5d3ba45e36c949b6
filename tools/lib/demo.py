#!/usr/bin/env python3
"""demo.py -- the steps of tools/demo: each does one thing, checks it, and is one line of output.

    demo.py TOP_FOLDER BUILD_FOLDER

Three agner nodes a, b and c, each with the applications counter, echo and shop, are started with
the command `agner`; beside them an Erlang node, if there is `erl`, which is fed expressions.
Whatever is waited for has a deadline. The nodes are children of this program and end with it.
"""
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "test"))
from loopback import free_port  # noqa: E402

DEADLINE_S = 100  # for any one step; they take milliseconds
HOST = "127.0.0.1"


class Failed(Exception):
    pass


class Demo:
    """The folder, the environment, the processes, and the numbers of the steps."""

    def __init__(self, top, build):
        self.top = top
        self.agner = os.path.join(build, "tools", "agner", "agner")
        self.pipeline = os.path.join(build, "apps", "examples", "example-pipeline")
        self.transfer = os.path.join(build, "apps", "examples", "example-transfer")
        self.folder = tempfile.mkdtemp(prefix="agner-demo-")
        self.children = {}
        self.erlang = None
        self.step = 0
        home = os.path.join(self.folder, "home")
        run = os.path.join(self.folder, "run")
        os.mkdir(home, 0o700)
        os.mkdir(run, 0o700)
        cookie = os.path.join(home, ".erlang.cookie")
        with open(cookie, "w") as f:
            f.write(secrets.token_hex(16))
        os.chmod(cookie, 0o400)
        self.env = dict(os.environ, HOME=home, XDG_RUNTIME_DIR=run, XDG_CONFIG_HOME=home,
                        ERL_EPMD_PORT=str(free_port()), ERL_EPMD_ADDRESS=HOST, LC_ALL="C.UTF-8")
        for name in ("NOTIFY_SOCKET", "ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS"):
            self.env.pop(name, None)

    # ---- output and checks

    def say(self, text):
        self.step += 1
        print(f"{self.step}. {text}", flush=True)

    def check(self, who, what, result, expected):
        """One step: what was done and what came of it. `expected` is a text or a pattern."""
        good = expected.fullmatch(result) if hasattr(expected, "fullmatch") else result == expected
        self.say(f"{who}: {what} = {result}")
        if not good:
            wanted = expected.pattern if hasattr(expected, "pattern") else expected
            raise Failed(f"step {self.step}: expected {wanted}")

    def until(self, what, condition):
        """Waits for a condition; asks again a little later each time."""
        end, pause = time.monotonic() + DEADLINE_S, 0.01
        while not condition():
            if time.monotonic() > end:
                raise Failed(f"after {DEADLINE_S} s still not: {what}")
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    # ---- agner nodes

    def command(self, *arguments):
        """Runs `agner ARGUMENTS`; returns (exit code, what it printed)."""
        done = subprocess.run([self.agner, *arguments], env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=DEADLINE_S)
        return done.returncode, done.stdout.strip()

    def start(self, letter):
        node = f"{letter}@{HOST}"
        reader, writer = os.pipe()
        log = open(os.path.join(self.folder, f"{letter}.log"), "ab")
        self.children[letter] = subprocess.Popen(
            [self.agner, "start", "--name", node, "--app", "counter", "--app", "echo",
             "--app", "shop", "--erlang", "loopback", "--permit", "erlang: all",
             "--permit", "agner: default, rpc", "--foreground", "--ready-fd", str(writer)],
            env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[writer],
            start_new_session=True)
        log.close()
        os.close(writer)
        ready = read_with_deadline(reader)
        if not ready:
            raise Failed(f"node {node} did not start: {self.log_of(letter)}")
        return node

    def log_of(self, letter):
        with open(os.path.join(self.folder, f"{letter}.log")) as f:
            return f.read().strip()[-2000:]

    def call(self, node, target, request):
        code, printed = self.command("call", "--node", node, target, request)
        return printed if code == 0 else f"exit {code}: {(printed.splitlines() or [''])[0]}"

    def agner_call(self, node, target, request, expected):
        self.check("agner", f"agner call --node {node} {shell_word(target)} {shell_word(request)}",
                   self.call(node, target, request), expected)

    def agner_rpc(self, node, module, function, arguments, expected):
        code, printed = self.command("rpc", "--erlang", "loopback", node, module, function, arguments)
        self.check("agner", f"agner rpc --erlang loopback {node} {module} {function} {shell_word(arguments)}",
                   printed if code == 0 else f"exit {code}: {printed}", expected)

    # ---- the Erlang node

    def start_erlang(self):
        if shutil.which("erl", path=self.env.get("PATH")) is None:
            return False
        self.erlang = Erlang(self.env)
        return True

    def erl(self, expression, expected, says=None):
        """An expression that the Erlang node evaluates; `says` is for what is too long to show."""
        result = self.erlang.ask(expression)
        if says is None:
            self.check("erlang -> agner", expression, result, expected)
        else:
            self.check("erlang", says, result, expected)

    # ---- the end

    def close(self):
        if self.erlang is not None:
            self.erlang.close()
        for child in self.children.values():
            stop(child)
        shutil.rmtree(self.folder, ignore_errors=True)


class Erlang:
    """A node that evaluates what it is told, an expression a line, and keeps its variables."""

    LOOP = ("F = fun F(B) -> case io:get_line('') of eof -> halt(0); L -> "
            "{ok, T, _} = erl_scan:string(L), {ok, E} = erl_parse:parse_exprs(T), "
            "{R, N} = try {value, V, B1} = erl_eval:exprs(E, B), {V, B1} "
            "catch C:W -> {{C, W}, B} end, "
            "io:format(\"~0tp~n\", [R]), F(N) end end, F([]).")

    def __init__(self, env):
        self.process = subprocess.Popen(
            ["erl", "-noshell", "-name", f"erlang@{HOST}", "-start_epmd", "false",
             "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
             "-kernel", "logger_level", "critical", "-eval", self.LOOP],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, start_new_session=True)

    def ask(self, expression):
        timer = threading.Timer(DEADLINE_S, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(expression + ".\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        finally:
            timer.cancel()
        return answer or "the Erlang node gave no answer"

    def close(self):
        stop(self.process)


def read_with_deadline(descriptor):
    """What the other end writes before it closes, or b"" when that takes too long."""
    got = []

    def read():
        with os.fdopen(descriptor, "rb") as f:
            got.append(f.read(1))
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    return got[0] if got else b""


def stop(child):
    """Ends a child of ours, politely first."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def shell_word(text):
    return '"' + text + '"' if re.search(r"[^\w@.]", text) else text


def words_through_the_cluster(demo, a, b):
    """A real text: its lines go to two nodes, whose counters know the number of words in the end."""
    path = os.path.join(demo.top, "README.md")
    with open(path, encoding="utf-8") as f:
        counts = [len(line.split()) for line in f]

    def counted():
        return [int(demo.call(node, "counter", "{add, 0}")) for node in (a, b)]
    before = counted()
    if demo.erlang is not None:
        demo.erl(f'{{ok, Text}} = file:read_file("{path}"), '
                 "Count = fun(Line) -> length(string:lexemes(Line, \" \\t\\r\")) end, "
                 "lists:foldl(fun(Line, {To, Next}) -> "
                 "Same = gen_server:call({echo, To}, {echo, Line}), "
                 "gen_server:call({counter, To}, {add, Count(Same)}), {Next, To} end, "
                 f"{{'{a}', '{b}'}}, string:split(Text, \"\\n\", all)), done", "done",
                 "sends the lines of README.md through echo on a and b, and adds up the words of what comes back")
    else:
        for i, count in enumerate(counts):
            demo.call(b if i % 2 else a, "counter", f"{{add, {count}}}")
    of_a, of_b = (after - start for after, start in zip(counted(), before))
    demo.check("agner", f"words of README.md that the counters of a and b know of, {of_a} + {of_b}",
               str(of_a + of_b), str(sum(counts)))


def words_through_a_pipeline(demo):
    """Stages on two nodes of their own: the lines of a text, workers by partition, a sum."""
    path = os.path.join(demo.top, "README.md")
    with open(path, "rb") as f:
        count = len(re.findall(rb"[0-9A-Za-z\x80-\xff]+", f.read()))
    done = subprocess.run([demo.pipeline, path], env=demo.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=DEADLINE_S, check=False)
    lines = done.stdout.splitlines() or [""]
    top = ", ".join(" ".join(reversed(line.split())) for line in lines[1:4])
    demo.check("example-pipeline", f"words of README.md through stages on two nodes (most frequent: {top})",
               lines[0].split(" ")[0], str(count))


def money_is_moved(demo):
    """A durable saga on three nodes of its own, two of which are killed with SIGKILL, one in each run."""
    done = subprocess.run([demo.transfer], env=demo.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=DEADLINE_S, check=False)
    for line in done.stdout.splitlines() or ["nothing: "]:
        what, _, result = line.partition(": ")
        demo.check("example-transfer", what, result, "3 committed, 2 compensated, 3000 of 3000 are there")


def run(demo):
    nodes = {letter: f"{letter}@{HOST}" for letter in "abc"}
    a, b, c = nodes.values()
    for letter, node in nodes.items():
        demo.start(letter)
        demo.say(f"started: agner start --name {node} --app counter --app echo --app shop --erlang loopback --permit 'erlang: all' ...")
    with_erlang = demo.start_erlang()
    if with_erlang:
        demo.say(f"started: erl -name erlang@{HOST}")
    else:
        demo.say("there is no erl here: the steps with an Erlang node are left out")

    demo.agner_call(a, "counter", "{add, 2}", "2")
    demo.agner_call(a, f"{{counter, '{b}'}}", "{add, 40}", "40")
    demo.agner_call(b, f"{{echo, '{c}'}}", "{echo, {hello, [1, 2.5, <<\"three\">>]}}",
                    '{hello,[1,2.5,<<"three">>]}')
    if with_erlang:
        calls_both_ways(demo, a, b, c)
        links_and_monitors(demo, a, b)
        a_full_peer(demo, a, b, c)
    words_through_the_cluster(demo, a, b)
    words_through_a_pipeline(demo)
    money_is_moved(demo)
    a_server_dies(demo, a)
    if with_erlang:
        erlang_and_our_supervisor(demo, a)
    a_node_dies(demo, a, b, c)
    it_comes_back(demo, a, b, c)
    for letter, node in nodes.items():
        code, _ = demo.command("stop", "--node", node)
        ended = demo.children[letter].wait(DEADLINE_S)
        demo.check("agner", f"agner stop --node {node}: exit codes of the command and of the node",
                   f"{code} {ended}", "0 0")


def calls_both_ways(demo, a, b, c):
    demo.erl(f"net_adm:ping('{a}')", "pong")
    demo.erl(f"gen_server:call({{counter,'{a}'}}, {{add, 5}})", "7")
    demo.erl(f"[gen_server:call({{echo,N}}, {{echo, hello}}) || N <- ['{a}','{b}','{c}']]", "[hello,hello,hello]")
    demo.erl(f"gen_server:cast({{echo,'{b}'}}, {{notify, self(), <<\"arrived\">>}}), "
             "receive What -> What after 10000 -> nothing end", '<<"arrived">>',
             f"gen_server:cast({{echo,'{b}'}}, {{notify, self(), <<\"arrived\">>}}), and then receives")
    demo.erl("Loop = fun Loop() -> receive {'$gen_call', {P, T}, {double, N}} -> P ! {T, 2 * N}, Loop() end end, "
             "register(doubler, spawn(Loop))", "true", "registers a server of its own as doubler")
    demo.agner_call(a, f"{{doubler, 'erlang@{HOST}'}}", "{double, 21}", "42")


def links_and_monitors(demo, a, b):
    demo.erl(f"Ref = erlang:monitor(process, {{nobody, '{a}'}}), "
             "receive {'DOWN', Ref, process, _, Why} -> Why after 10000 -> nothing end", "noproc",
             f"erlang:monitor(process, {{nobody,'{a}'}}), and hears 'DOWN' with")
    demo.erl(f"Friend = gen_server:call({{echo,'{b}'}}, {{spawn, friend}}), node(Friend)", f"'{b}'",
             "has b start another process; it runs on")
    demo.erl("process_flag(trap_exit, true), link(Friend), gen_server:call(Friend, {stop, finished}), "
             "receive {'EXIT', Friend, R1} -> R1 after 10000 -> nothing end", "finished",
             "links itself to it, tells it to stop, and hears 'EXIT' with")
    demo.erl("Worker = spawn(fun() -> receive crash -> exit(crashed) end end), "
             f"Echo = {{echo,'{a}'}}, gen_server:call(Echo, {{tell, self()}}), gen_server:call(Echo, {{trap, true}}), "
             "gen_server:call(Echo, {link, Worker})", "true",
             "has echo on a link itself to an Erlang process")
    demo.erl("Worker ! crash, receive {heard, _, {'EXIT', Worker, R2}} -> R2 after 10000 -> nothing end", "crashed",
             "lets that process crash; echo on a hears 'EXIT' with")


def a_full_peer(demo, a, b, c):
    """What OTP's own modules ask of a node: rpc, erpc, spawn, global, pg, observer."""
    demo.erl(f"erpc:multicall(['{a}','{b}','{c}'], erlang, node, [])",
             f"[{{ok,'{a}'}},{{ok,'{b}'}},{{ok,'{c}'}}]")
    demo.erl(f"rpc:call('{a}', no_such, function, [1])",
             "{badrpc,{'EXIT',{undef,[{no_such,function,[1],[]}]}}}")
    demo.erl(f"Pid = spawn_link('{b}', erlang, exit, [over]), receive {{'EXIT', Pid, R5}} -> R5 end", "over",
             f"spawns and links a process on {b}, and hears 'EXIT' with")
    demo.erl("ok = global:sync(), yes = global:register_name(town_hall, self()), [N || N <- nodes(), "
             "rpc:call(N, global, whereis_name, [town_hall]) =:= self()] =:= nodes()", "true",
             "registers itself with global; each of our nodes knows the name")
    demo.erl("{ok, _} = pg:start(pg), pg:join(readers, self())", "ok",
             "joins the process group readers")
    demo.until(f"{c} has heard of the group",
               lambda: "readers" in demo.command("groups", "--node", c)[1])
    code, _ = demo.command("pub", "--node", c, "readers", "{news, <<\"from c\">>}")
    demo.check("agner", f"exit code of agner pub --node {c} readers '{{news, <<\"from c\">>}}'", str(code), "0")
    demo.erl("receive {news, News} -> News after 10000 -> nothing end", '<<"from c">>', "receives")
    demo.erl(f"proplists:get_value(otp_release, rpc:call('{a}', observer_backend, sys_info, []))", '"25"',
             f"asks {a} what its observer asks, and gets for otp_release")
    demo.agner_rpc(f"erlang@{HOST}", "lists", "reverse", "[[1, 2, 3]]", "[3,2,1]")


def pid_of(demo, node, name):
    """The pid of a registered process, as printed; "" while there is none."""
    code, printed = demo.command("ps", "--node", node, "--json")
    rows = json.loads(printed) if code == 0 else []
    return next((row["pid"] for row in rows if row["name"] == name), "")


def a_server_dies(demo, a):
    """What a supervisor is for: the server that ended is back, with another pid and a new state."""
    demo.agner_call(a, "stock", "{take, 4}", "{ok,6}")
    code, tree = demo.command("tree", "--node", a, "shop")
    demo.check("agner", f"exit code of agner tree --node {a} shop, which shows", str(code), "0")
    for line in tree.splitlines():
        print(f"      {line.expandtabs(12)}", flush=True)
    before = pid_of(demo, a, "stock")
    code, _ = demo.command("kill", "--node", a, "stock", "crashed")
    demo.check("agner", f"exit code of agner kill --node {a} stock crashed", str(code), "0")
    demo.until("the supervisor has started stock again",
               lambda: pid_of(demo, a, "stock") not in ("", before))
    demo.say(f"its supervisor has started it again: {before} is now {pid_of(demo, a, 'stock')}")
    demo.agner_call(a, "stock", "{take, 4}", "{error,closed}")
    demo.agner_call(a, "stock", "open", "ok")
    demo.agner_call(a, "stock", "{take, 4}", "{ok,6}")


def erlang_and_our_supervisor(demo, a):
    demo.erl(f"[Name || {{Name, _, _}} <- gen_server:call({{application_controller,'{a}'}}, which_applications)]",
             "[shop,echo,counter,kernel]")
    demo.erl(f"{{status, _, _, [_, _, Sup, _, _]}} = sys:get_status({{stock,'{a}'}}), "
             "[{stock, Stock, worker, [stock]}] = supervisor:which_children(Sup), node(Stock)", f"'{a}'",
             "asks our supervisor with supervisor:which_children/1; its child runs on")
    demo.erl("Died = erlang:monitor(process, Stock), exit(Stock, kill), "
             "receive {'DOWN', Died, process, Stock, R0} -> R0 after 10000 -> nothing end", "killed",
             "kills that child, and hears 'DOWN' with")
    demo.erl("[{stock, Anew, worker, [stock]}] = supervisor:which_children(Sup), is_pid(Anew) andalso Anew =/= Stock",
             "true", "asks again: there is another child")
    demo.erl("{ok, supervisor:terminate_child(Sup, stock), supervisor:restart_child(Sup, nobody), "
             "element(1, supervisor:restart_child(Sup, stock)), supervisor:count_children(Sup)}",
             "{ok,ok,{error,not_found},ok,[{specs,1},{active,1},{supervisors,0},{workers,1}]}",
             "stops it, asks for nobody, starts it again, counts")


def a_node_dies(demo, a, b, c):
    demo.agner_call(b, "echo", f"{{monitor, {{counter, '{c}'}}}}", re.compile("#Ref<.*>"))
    if demo.erlang is not None:
        demo.erl(f"gen_server:call({{echo,'{b}'}}, {{tell, self()}}), monitor_node('{c}', true), "
                 f"Far = gen_server:call({{echo,'{c}'}}, {{self}}), "
                 f"gen_server:call({{echo,'{b}'}}, {{trap, true}}), gen_server:call({{echo,'{b}'}}, {{link, Far}})", "true",
                 f"has echo on b link itself to echo on c, and calls monitor_node('{c}', true)")
    child = demo.children["c"]
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    demo.say(f"killed: {c}, with SIGKILL")
    if demo.erlang is not None:
        demo.erl(f"receive {{nodedown, '{c}'}} -> {{nodedown, '{c}'}} after 10000 -> nothing end", f"{{nodedown,'{c}'}}",
                 "hears")
        demo.erl(f"receive {{heard, _, {{'DOWN', _, process, {{counter, '{c}'}}, R3}}}} -> R3 after 10000 -> nothing end",
                 "noconnection", "echo on b hears 'DOWN' of its monitor, with")
        demo.erl("receive {heard, _, {'EXIT', Far, R4}} -> R4 after 10000 -> nothing end", "noconnection",
                 "echo on b hears 'EXIT' of its link, with")
    demo.until(f"{a} and {b} have lost {c}",
               lambda: all(c not in demo.command("nodes", "--node", n)[1] for n in (a, b)))
    demo.say(f"agner: agner nodes --node {a} does not show {c} any more")
    demo.agner_call(a, f"{{counter, '{c}'}}", "{add, 1}", re.compile(r"exit 3: .*", re.S))


def it_comes_back(demo, a, b, c):
    demo.start("c")
    demo.say(f"started again: {c}")
    demo.agner_call(a, f"{{counter, '{c}'}}", "{add, 1}", "1")
    if demo.erlang is not None:
        demo.erl(f"gen_server:call({{counter,'{c}'}}, {{add, 1}})", "2")
        demo.erl(f"gen_server:call({{echo,'{b}'}}, {{echo, still_here}})", "still_here")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    demo = Demo(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        run(demo)
    except (Failed, subprocess.TimeoutExpired, OSError, ValueError) as error:
        print(f"demo: FAILED: {error}", flush=True)
        for letter in demo.children:
            log = demo.log_of(letter)
            if log:
                print(f"--- log of {letter}:\n{log}", flush=True)
        return 1
    finally:
        demo.close()
    print("demo: ok", flush=True)
    return 0


sys.exit(main())

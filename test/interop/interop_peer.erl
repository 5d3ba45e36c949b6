%% interop_peer.erl -- an Erlang node that tries a node of ours, step by step.
%%
%% Run as: erl ... -run interop_peer main SCENARIO NODE. Prints a line for each check
%% and ends with status 0, or with 1 at the first one that fails. Every wait has a
%% deadline. "signal X" lines ask the driver to do X.
-module(interop_peer).
-export([main/1]).
%% gen_statem callbacks
-export([init/1, callback_mode/0, idle/3]).

-define(WAIT, 20000).

main([Scenario, Node]) ->
    register(interop_main, self()),
    try
        [begin F(list_to_atom(Node)), io:format("ok ~s~n", [Name]) end
         || {Name, F} <- scenario(Scenario)],
        halt(0)
    catch
        Class:Reason:Stack ->
            io:format("failed ~p:~p~n~p~n", [Class, Reason, Stack]),
            halt(1)
    end.

scenario("all") ->
    [{"ping", fun ping/1}, {"hidden", fun hidden/1}, {"calls", fun calls/1},
     {"unknown name", fun unknown_name/1}, {"multi_call", fun multi_call/1},
     {"sends", fun sends/1}, {"atoms", fun atoms/1}, {"terms", fun terms/1},
     {"links", fun links/1}, {"unlink", fun unlinks/1}, {"exits", fun exits/1},
     {"monitors", fun monitors/1}, {"monitored", fun monitored/1},
     {"late replies", fun late_replies/1}, {"binaries", fun binaries/1},
     {"order", fun order/1}, {"machine", fun machine/1},
     {"our machine", fun our_machine/1}, {"spawn refused", fun spawn_refused/1},
     {"reconnect", fun reconnect/1}];
scenario("node_dies") ->
    [{"node dies", fun node_dies/1}];
scenario("watch") ->
    [{"watch", fun watch/1}];
scenario("be_watched") ->
    [{"be watched", fun be_watched/1}].

ping(Node) ->
    pong = net_adm:ping(Node).

hidden(Node) ->
    [] = nodes(),
    [Node] = nodes(hidden).

call(Node, Request) ->
    gen_server:call({echo, Node}, Request, ?WAIT).

calls(Node) ->
    [N = call(Node, {echo, N}) || N <- lists:seq(1, 200)],
    Pid = call(Node, {self}),
    Node = node(Pid),
    hello = gen_server:call(Pid, {echo, hello}, ?WAIT),
    %% Many at once.
    Ids = [gen_server:send_request({echo, Node}, {echo, N})
           || N <- lists:seq(1, 500)],
    [{reply, N} = gen_server:receive_response(Id, ?WAIT)
     || {N, Id} <- lists:zip(lists:seq(1, 500), Ids)].

unknown_name(Node) ->
    {'EXIT', {noproc, _}} =
        (catch gen_server:call({nobody_here, Node}, hello, ?WAIT)).

multi_call(Node) ->
    {[{Node, abc}], []} =
        gen_server:multi_call([Node], echo, {echo, abc}, ?WAIT),
    {[], [Node]} = gen_server:multi_call([Node], nobody_here, x, ?WAIT).

sends(Node) ->
    gen_server:cast({echo, Node}, {notify, self(), {cast, 1}}),
    {cast, 1} = next(),
    ok = call(Node, {tell, self()}),
    {echo, Node} ! {plain, message},
    {heard, _, {plain, message}} = next().

atoms(Node) ->
    Atoms = [list_to_atom("interop_" ++ integer_to_list(N))
             || N <- lists:seq(1, 700)],
    Atoms = call(Node, {echo, Atoms}),
    Atoms = call(Node, {echo, Atoms}),
    Wide = [list_to_atom(lists:duplicate(200, 16#4e2d) ++ integer_to_list(N))
            || N <- lists:seq(1, 50)],
    Wide = call(Node, {echo, Wide}).

terms(Node) ->
    Ts = [0, -1, 1 bsl 59, 1 bsl 64, -(1 bsl 2000), 1.5, -0.0, [], "text",
          [a | b], {}, {1, {2, {3}}}, #{}, #{1 => a, {x, y} => [z], "k" => #{}},
          <<>>, <<1, 2, 3>>, <<5:3>>, <<0:8000>>, self(), make_ref(),
          fun erlang:node/0, fun() -> Node end, hd(erlang:ports()),
          lists:seq(1, 1000), list_to_tuple(lists:seq(1, 300))],
    [true = T =:= call(Node, {echo, T}) || T <- Ts],
    true = Ts =:= call(Node, {echo, Ts}).

fresh(Node) ->
    Name = list_to_atom("fresh_" ++ integer_to_list(
                                      erlang:unique_integer([positive]))),
    Pid = call(Node, {spawn, Name}),
    true = is_pid(Pid),
    {Name, Pid}.

links(Node) ->
    process_flag(trap_exit, true),
    {_, Pid} = fresh(Node),
    link(Pid),
    ok = gen_server:call(Pid, {stop, {bad, [thing, 1]}}, ?WAIT),
    {'EXIT', Pid, {bad, [thing, 1]}} = next(),
    {'EXIT', Pid, noproc} = begin link(Pid), next() end,
    %% The other way: ours links to a process here, which ends.
    {_, Other} = fresh(Node),
    ok = gen_server:call(Other, {trap, true}, ?WAIT),
    ok = gen_server:call(Other, {tell, self()}, ?WAIT),
    Here = spawn(fun() -> receive stop -> exit({reason, here}) end end),
    true = gen_server:call(Other, {link, Here}, ?WAIT),
    Here ! stop,
    {heard, Other, {'EXIT', Here, {reason, here}}} = next().

unlinks(Node) ->
    {_, Pid} = fresh(Node),
    [begin link(Pid), unlink(Pid) end || _ <- lists:seq(1, 100)],
    MRef = monitor(process, Pid),
    ok = gen_server:call(Pid, {stop, gone}, ?WAIT),
    {'DOWN', MRef, process, Pid, gone} = next(),
    nothing().

exits(Node) ->
    {_, Pid} = fresh(Node),
    ok = gen_server:call(Pid, {trap, true}, ?WAIT),
    ok = gen_server:call(Pid, {tell, self()}, ?WAIT),
    exit(Pid, {please, stop}),
    Self = self(),
    {heard, Pid, {'EXIT', Self, {please, stop}}} = next(),
    MRef = monitor(process, Pid),
    exit(Pid, kill),
    {'DOWN', MRef, process, Pid, killed} = next().

monitors(Node) ->
    {Name, Pid} = fresh(Node),
    ByPid = monitor(process, Pid),
    ByName = monitor(process, {Name, Node}),
    Removed = monitor(process, Pid),
    true = demonitor(Removed),
    ok = gen_server:call(Pid, {stop, {a, reason}}, ?WAIT),
    Downs = lists:sort([next(), next()]),
    Downs = lists:sort([{'DOWN', ByPid, process, Pid, {a, reason}},
                        {'DOWN', ByName, process, {Name, Node}, {a, reason}}]),
    Gone = monitor(process, Pid),
    {'DOWN', Gone, process, Pid, noproc} = next(),
    GoneName = monitor(process, {Name, Node}),
    {'DOWN', GoneName, process, {Name, Node}, noproc} = next(),
    nothing().

monitored(Node) ->
    {_, Pid} = fresh(Node),
    ok = gen_server:call(Pid, {tell, self()}, ?WAIT),
    Here = spawn(fun() -> receive stop -> exit({over, 1}) end end),
    register(interop_here, Here),
    Ref = gen_server:call(Pid, {monitor, Here}, ?WAIT),
    Named = gen_server:call(Pid, {monitor, {interop_here, node()}}, ?WAIT),
    Here ! stop,
    Heard = lists:sort([next(), next()]),
    Me = node(),
    Heard = lists:sort(
        [{heard, Pid, {'DOWN', Ref, process, Here, {over, 1}}},
         {heard, Pid, {'DOWN', Named, process, {interop_here, Me}, {over, 1}}}]),
    NoProc = gen_server:call(Pid, {monitor, Here}, ?WAIT),
    {heard, Pid, {'DOWN', NoProc, process, Here, noproc}} = next().

%% What is answered after the time-out is never seen (G23).
late_replies(Node) ->
    [catch gen_server:call({echo, Node}, {echo, N}, 0)
     || N <- lists:seq(1, 100)],
    done = call(Node, {echo, done}),
    nothing().

binaries(Node) ->
    [begin
         Bin = crypto_free_bytes(Size),
         true = Bin =:= call(Node, {echo, Bin})
     end || Size <- [65000, 65536, 65537, 131072, 1 bsl 20, 10 bsl 20]],
    10485760 = gen_server:call({order, Node}, {bytes, self(), 10 bsl 20}, ?WAIT),
    10485760 = byte_size(next()).

crypto_free_bytes(Size) ->
    Block = << <<(N * 7 rem 251)>> || N <- lists:seq(1, 1024) >>,
    binary:part(binary:copy(Block, Size div 1024 + 1), 0, Size).

order(Node) ->
    N = 100000,
    {Before, 0} = gen_server:call({order, Node}, {size}, ?WAIT),
    [{order, Node} ! I || I <- lists:seq(Before, Before + N - 1)],
    All = Before + N,
    {All, 0} = gen_server:call({order, Node}, {size}, ?WAIT),
    ok = gen_server:call({order, Node}, {send, self(), N}, ?WAIT),
    [I = next() || I <- lists:seq(0, N - 1)],
    nothing().

%% A request to spawn is answered at once, whatever the answer is.
machine(Node) ->
    Lock = {lock, Node},
    locked = gen_statem:call(Lock, state),
    locked = gen_statem:call(Lock, state, {dirty_timeout, ?WAIT}),
    locked = gen_statem:call(Lock, state, {clean_timeout, ?WAIT}),
    locked = gen_statem:call(Lock, state, infinity),
    %% Postponed until the door is open.
    Change = gen_statem:send_request(Lock, {change_code, [3, 4]}),
    {locked, _} = sys:get_state(Lock),
    [ok = gen_statem:cast(Lock, {button, D}) || D <- [1, 2]],
    {reply, ok} = gen_statem:receive_response(Change, ?WAIT),
    open = gen_statem:call(Lock, state, ?WAIT),
    {open, _} = sys:get_state(Lock),
    {status, _, {module, gen_statem}, [_, running, _, _, Misc]} =
        sys:get_status(Lock),
    [_, {data, Data} | _] = Misc,
    {"Modules", [lock]} = lists:keyfind("Modules", 1, Data),
    {"Time-outs", {1, [{state_timeout, lock}]}} =
        lists:keyfind("Time-outs", 1, Data),
    ok = sys:log(Lock, {true, 20}),
    ok = sys:suspend(Lock),
    gen_statem:cast(Lock, {button, 9}),
    {ok, []} = sys:log(Lock, get),
    ok = sys:resume(Lock),
    {open, _} = sys:get_state(Lock),
    {ok, [{in, {cast, {button, 9}}, open},
          {consume, {cast, {button, 9}}, open, open}]} = sys:log(Lock, get),
    ok = gen_statem:stop(Lock, normal, ?WAIT),
    {'EXIT', {noproc, _}} = (catch gen_statem:call(Lock, state, ?WAIT)).

%% One of Erlang, called from the other node.
init(Answer) -> {ok, idle, Answer}.
callback_mode() -> state_functions.
idle({call, From}, die, _) -> {stop_and_reply, normal, [{reply, From, dying}]};
idle({call, From}, What, Answer) ->
    {keep_state_and_data, [{reply, From, {Answer, What}}]}.

our_machine(Node) ->
    {ok, Pid} = gen_statem:start({local, ours}, ?MODULE, answer, []),
    Ask = fun(To, What) ->
              gen_server:call({order, Node}, {ask, To, What}, ?WAIT)
          end,
    {0, {answer, [1]}} = Ask(Pid, [1]),
    {0, {answer, two}} = Ask({ours, node()}, two),
    {0, dying} = Ask(Pid, die),
    {-5, noproc} = Ask(Pid, more).

spawn_refused(Node) ->
    Id = spawn_request(Node, erlang, node, [], [{reply, error_only}]),
    {spawn_reply, Id, error, notsup} = next().

reconnect(Node) ->
    {_, Pid} = fresh(Node),
    MRef = monitor(process, Pid),
    monitor_node(Node, true),
    true = erlang:disconnect_node(Node),
    Both = lists:sort([next(), next()]),
    Both = lists:sort([{'DOWN', MRef, process, Pid, noconnection},
                       {nodedown, Node}]),
    %% The process lives, and is reached again.
    hello = gen_server:call(Pid, {echo, hello}, ?WAIT).

%% ---- With the driver's help

node_dies(Node) ->
    Pid = call(Node, {self}),
    Ref = monitor(process, Pid),
    process_flag(trap_exit, true),
    link(Pid),
    monitor_node(Node, true),
    1 = call(Node, {echo, 1}),
    io:format("signal kill~n"),
    Three = lists:sort([next(), next(), next()]),
    Three = lists:sort([{'DOWN', Ref, process, Pid, noconnection},
                        {'EXIT', Pid, noconnection}, {nodedown, Node}]),
    io:format("signal restart~n"),
    ok = until_ping(Node, 200),
    %% The pid is of an earlier life: nobody answers to it.
    {'EXIT', {noproc, _}} = (catch gen_server:call(Pid, {self}, ?WAIT)),
    true = Pid =/= call(Node, {self}).

until_ping(_, 0) -> timeout;
until_ping(Node, N) ->
    case net_adm:ping(Node) of
        pong -> ok;
        pang -> receive after 50 -> until_ping(Node, N - 1) end
    end.

%% Listens to what our node hears of a process of the node that is killed.
watch(Node) ->
    ok = call(Node, {tell, self()}),
    io:format("signal watching~n"),
    {heard, _, {'DOWN', _, process, _, noconnection}} = next().

be_watched(Node) ->
    Ref = call(Node, {monitor, self()}),
    true = is_reference(Ref),
    io:format("signal watched~n"),
    receive after infinity -> ok end.

next() ->
    receive M -> M after ?WAIT -> exit(nothing_came) end.

nothing() ->
    receive M -> exit({stray, M}) after 0 -> ok end.

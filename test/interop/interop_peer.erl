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
     {"our machine", fun our_machine/1},
     {"events", fun events/1}, {"supervised events", fun supervised_events/1},
     {"their events", fun their_events/1}, {"reconnect", fun reconnect/1}];
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

%% ---- gen_event: ours, used by Erlang's gen_event, and the other way round

events(Node) ->
    M = {events, Node},
    [] = gen_event:which_handlers(M),
    ok = gen_event:add_handler(M, recall, []),
    ok = gen_event:add_handler(M, {recall, {2, x}}, [old]),
    [{recall, {2, x}}, recall] = gen_event:which_handlers(M),
    ok = gen_event:notify(M, one),
    ok = gen_event:sync_notify(M, {two, [2]}),
    [{two, [2]}, one] = gen_event:call(M, recall, all),
    [{two, [2]}, one, old] = gen_event:call(M, {recall, {2, x}}, all, ?WAIT),
    {error, bad_module} = gen_event:call(M, nobody, all),
    {'EXIT', {undef, _}} = gen_event:add_handler(M, no_module, []),
    refused = gen_event:add_handler(M, {recall, 3}, refuse),
    Id = gen_event:send_request(M, recall, all),
    {reply, [{two, [2]}, one]} = gen_event:receive_response(Id, ?WAIT),
    [{recall, {2, x}, [{two, [2]}, one, old]}, {recall, false, _}] =
        sys:get_state(M),
    {status, _, {module, gen_event}, [_, running, _, [], Misc]} =
        sys:get_status(M),
    {items, {"Installed handlers", [{handler, recall, {2, x}, _, false}, _]}} =
        lists:keyfind(items, 1, Misc),
    ok = gen_event:swap_handler(M, {recall, gone}, {{recall, new}, here}),
    [{two, [2]}, one] = gen_event:call(M, {recall, new}, all),
    {left, [{two, [2]}, one]} =
        gen_event:delete_handler(M, {recall, new}, bye),
    {error, module_not_found} = gen_event:delete_handler(M, recall, bye),
    [{two, [2]}, one, old] = gen_event:call(M, {recall, {2, x}}, leave),
    [] = gen_event:which_handlers(M).

%% Handlers that processes of this node supervise.
supervised_events(Node) ->
    M = {events, Node},
    process_flag(trap_exit, true),
    ok = gen_event:add_sup_handler(M, {recall, 1}, []),
    ok = gen_event:notify(M, {crash, {because, 1}}),
    {gen_event_EXIT, {recall, 1}, {'EXIT', {because, 1}}} = next(),
    ok = gen_event:add_sup_handler(M, {recall, 1}, []),
    {error, {'EXIT', oh}} = gen_event:call(M, {recall, 1}, {crash, oh}),
    {gen_event_EXIT, {recall, 1}, {'EXIT', oh}} = next(),
    ok = gen_event:add_sup_handler(M, {recall, 1}, []),
    ok = gen_event:swap_handler(M, {{recall, 1}, x}, {{recall, 2}, y}),
    Self = self(),
    {gen_event_EXIT, {recall, 1}, {swapped, {recall, 2}, Self}} = next(),
    {left, []} = gen_event:delete_handler(M, {recall, 2}, x),
    {gen_event_EXIT, {recall, 2}, normal} = next(),
    %% One whose supervisor ends goes with it.
    {Pid, Ref} = spawn_monitor(
        fun() ->
            ok = gen_event:add_sup_handler(M, {recall, 3}, []),
            exit(over)
        end),
    {'DOWN', Ref, process, Pid, over} = next(),
    ok = until([], fun() -> gen_event:which_handlers(M) end, 200),
    {status, Manager, _, _} = sys:get_status(M),
    unlink(Manager), % the link outlives the handlers
    nothing().

until(_, _, 0) -> timeout;
until(Value, F, N) ->
    case F() of
        Value -> ok;
        _ -> receive after 10 -> until(Value, F, N - 1) end
    end.

use(Node, Request) ->
    gen_server:call({event_user, Node}, Request, ?WAIT).

%% A manager of this node, used by ours.
their_events(Node) ->
    {ok, Pid} = gen_event:start({local, their_events}),
    H = interop_handler,
    [begin
         {<<"ok">>, undefined} = use(Node, {add, M, undefined, []}),
         {<<"ok">>, undefined} = use(Node, {add, M, {2, x}, [old]}),
         {<<"ok">>, [{H, {2, x}}, {H, undefined}]} = use(Node, {which, M}),
         {<<"ok">>, undefined} = use(Node, {notify, M, one}),
         {<<"ok">>, undefined} = use(Node, {sync_notify, M, two}),
         {<<"ok">>, [two, one, old]} = use(Node, {call, M, {H, {2, x}}, all}),
         {<<"unknown">>, _} = use(Node, {call, M, nobody, all}),
         {<<"has terminated">>, {error, refused}} = use(Node, {add, M, 3, refuse}),
         {<<"has terminated">>, no} = use(Node, {add, M, 3, {exit, no}}),
         {<<"ok">>, undefined} =
             use(Node, {swap, M, {H, {2, x}}, bye, 4, here}),
         {<<"ok">>, [here, two, one, old]} = use(Node, {call, M, {H, 4}, all}),
         {<<"has terminated">>, boom} =
             use(Node, {call, M, {H, 4}, {crash, boom}}),
         {<<"ok">>, {left, [two, one]}} =
             use(Node, {delete, M, {H, undefined}, bye}),
         {<<"unknown">>, _} = use(Node, {delete, M, {H, undefined}, bye}),
         {<<"ok">>, []} = use(Node, {which, M})
     end || M <- [Pid, {their_events, node()}]],
    %% Ours supervises a handler here.
    ok = use_tell(Node),
    {<<"ok">>, undefined} = use(Node, {add_sup, Pid, 5, []}),
    ok = gen_event:notify(Pid, {crash, {a, reason}}),
    {gen_event_EXIT, {H, 5}, {'EXIT', {a, reason}}} = next(),
    {<<"ok">>, undefined} = use(Node, {stop, Pid, normal}),
    nothing().

use_tell(Node) ->
    gen_server:call({event_user, Node}, {tell, self()}, ?WAIT).

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

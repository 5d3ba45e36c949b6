%% supervisor_peer.erl -- an Erlang node that asks supervisors of a node of ours, and is
%% asked by it: see supervisor_node.c.
%%
%% Run as: erl ... -run supervisor_peer main NODE. Prints a line for each check and ends
%% with status 0, or with 1 at the first one that fails. Every wait has a deadline.
-module(supervisor_peer).
-behaviour(supervisor).
-export([main/1, init/1, start_child/1]).

-define(WAIT, 20000).

main([Name]) ->
    Node = list_to_atom(Name),
    try
        [begin F(Node), io:format("ok ~s~n", [What]) end
         || {What, F} <- [{"look", fun look/1}, {"change", fun change/1},
                          {"specs by name", fun by_name/1},
                          {"wrong specs", fun wrong_specs/1},
                          {"simple_one_for_one", fun simple/1},
                          {"restarts", fun restarts/1},
                          {"asked", fun asked/1},
                          {"a child here", fun child_here/1},
                          {"stubborn", fun stubborn/1},
                          {"system messages", fun system_messages/1}]],
        halt(0)
    catch
        Class:Reason:Stack ->
            io:format("failed ~p:~p~n~p~n", [Class, Reason, Stack]),
            halt(1)
    end.

%% ---- Our questions to its supervisors

look(Node) ->
    S = {sup, Node},
    [{b, undefined, worker, [worker]}, {a, A, worker, [worker]}] =
        supervisor:which_children(S),
    Node = node(A),
    [{specs, 2}, {active, 1}, {supervisors, 0}, {workers, 2}] =
        supervisor:count_children(S),
    {ok, #{id := a, start := {worker, start_link, [x]}, restart := permanent,
           significant := false, shutdown := 5000, type := worker,
           modules := [worker]} = Spec} = supervisor:get_childspec(S, a),
    7 = map_size(Spec),
    ok = supervisor:check_childspecs([Spec]),
    {error, not_found} = supervisor:get_childspec(S, nobody).

change(Node) ->
    S = {sup, Node},
    {error, running} = supervisor:restart_child(S, a),
    {error, running} = supervisor:delete_child(S, a),
    {error, not_found} = supervisor:terminate_child(S, nobody),
    {_, A, _, _} = lists:keyfind(a, 1, supervisor:which_children(S)),
    Ref = monitor(process, A),
    ok = supervisor:terminate_child(S, a),
    {'DOWN', Ref, process, A, shutdown} = next(),
    {_, undefined, _, _} = lists:keyfind(a, 1, supervisor:which_children(S)),
    {ok, A2} = supervisor:restart_child(S, a),
    true = A2 =/= A,
    {ok, undefined} = supervisor:restart_child(S, b),
    ok = supervisor:delete_child(S, b),
    [{a, A2, worker, [worker]}] = supervisor:which_children(S).

%% {M, F, A}: M is what the node has registered under that name.
by_name(Node) ->
    S = {sup, Node},
    {ok, C} = supervisor:start_child(S, #{id => {c, 1},
                                          start => {worker, start_link, [y]},
                                          restart => transient,
                                          shutdown => infinity}),
    {error, {already_started, C}} =
        supervisor:start_child(S, #{id => {c, 1},
                                    start => {worker, start_link, [y]}}),
    {ok, D} = supervisor:start_child(S, {d, {worker, start_link, []}, temporary,
                                         brutal_kill, worker, dynamic}),
    [{d, D, worker, dynamic}, {{c, 1}, C, worker, [worker]}, {a, _, _, _}] =
        supervisor:which_children(S),
    {ok, #{start := {worker, start_link, undefined}, shutdown := brutal_kill}} =
        supervisor:get_childspec(S, d),
    ok = supervisor:terminate_child(S, d),
    ok = supervisor:terminate_child(S, {c, 1}),
    {error, already_present} =
        supervisor:start_child(S, #{id => {c, 1}, start => {x, y, []}}),
    ok = supervisor:delete_child(S, {c, 1}),
    {ok, undefined} =
        supervisor:start_child(S, #{id => e, restart => temporary,
                                    start => {worker, start_link, [ignore]}}),
    {error, {why, {child, undefined, f, {worker, start_link, [{fail, why}]},
                   permanent, false, 5000, worker, [worker]}}} =
        supervisor:start_child(S, #{id => f,
                                    start => {worker, start_link, [{fail, why}]}}).

wrong_specs(Node) ->
    S = {sup, Node},
    {error, {{'EXIT', {undef, [{nomod, nof, [1], _} | _]}}, _}} =
        supervisor:start_child(S, #{id => g, start => {nomod, nof, [1]}}),
    %% Ours and OTP's find the same fault with the same spec.
    [begin
         {error, Fault} = supervisor:check_childspecs([Spec], never),
         {error, Fault} = supervisor:start_child(S, Spec)
     end || Spec <- [foo, #{id => g}, #{start => {m, f, []}},
                     {g, foo, permanent, 1, worker, []},
                     #{id => g, start => {m, f, a}},
                     #{id => g, start => {m, f, []}, restart => x},
                     #{id => g, start => {m, f, []}, shutdown => -1},
                     #{id => g, start => {m, f, []}, shutdown => x},
                     #{id => g, start => {m, f, []}, type => x},
                     #{id => g, start => {m, f, []}, modules => x},
                     #{id => g, start => {m, f, []}, modules => [1]},
                     #{id => g, start => {m, f, []}, significant => 1},
                     #{id => g, start => {m, f, []}, significant => true}]].

simple(Node) ->
    S = {many, Node},
    [] = supervisor:which_children(S),
    {ok, P} = supervisor:start_child(S, []),
    {ok, Q} = supervisor:start_child(S, [more]),
    [{undefined, Q, worker, [worker]}, {undefined, P, worker, [worker]}] =
        supervisor:which_children(S),
    [{specs, 1}, {active, 2}, {supervisors, 0}, {workers, 2}] =
        supervisor:count_children(S),
    {error, simple_one_for_one} = supervisor:terminate_child(S, a),
    {error, simple_one_for_one} = supervisor:restart_child(S, a),
    {error, simple_one_for_one} = supervisor:delete_child(S, a),
    {ok, #{id := a}} = supervisor:get_childspec(S, P),
    ok = supervisor:terminate_child(S, P),
    ok = supervisor:terminate_child(S, P),
    {error, not_found} = supervisor:terminate_child(S, self()),
    ok = supervisor:terminate_child(S, Q).

restarts(Node) ->
    S = {sup, Node},
    {_, A, _, _} = lists:keyfind(a, 1, supervisor:which_children(S)),
    Ref = monitor(process, A),
    exit(A, boom),
    {'DOWN', Ref, process, A, boom} = next(),
    A2 = await(fun() ->
                       {_, P, _, _} = lists:keyfind(a, 1, supervisor:which_children(S)),
                       is_pid(P) andalso P =/= A andalso P
               end),
    gen_server:cast(A2, {stop, normal}),
    await(fun() ->
                  {_, P, _, _} = lists:keyfind(a, 1, supervisor:which_children(S)),
                  is_pid(P) andalso P =/= A2
          end).

system_messages(Node) ->
    #{strategy := one_for_one, count := 1} = sys:get_state({sup, Node}, ?WAIT),
    {status, _, {module, _}, _} = sys:get_status({sup, Node}, ?WAIT),
    S = {many, Node},
    Ref = monitor(process, S),
    {ok, P} = supervisor:start_child(S, []),
    Ref2 = monitor(process, P),
    ok = gen_server:stop(S, shutdown, ?WAIT),
    {'DOWN', Ref2, process, P, shutdown} = next(),
    {'DOWN', Ref, process, S, shutdown} = next().

%% ---- Its questions to our supervisors

init(children) ->
    {ok, {#{intensity => 100},
          [#{id => one, start => {?MODULE, start_child, [1]}},
           #{id => two, start => {?MODULE, start_child, [ignore]}, restart => transient}]}}.

start_child(ignore) -> ignore;
start_child(fail) -> {error, {because, 1}};
start_child(info) -> {ok, worker(), {some, info}};
start_child(_) -> {ok, worker()}.

worker() ->
    spawn_link(fun() -> receive {stop, R} -> exit(R) end end).

ask(Node, Request) ->
    gen_server:call({asker, Node}, Request, ?WAIT).

asked(Node) ->
    {ok, _} = supervisor:start_link({local, our_sup}, ?MODULE, children),
    S = {our_sup, node()},
    All = supervisor:which_children(our_sup),
    {ok, All} = ask(Node, {which, S}),
    {ok, {2, 1, 0, 2}} = ask(Node, {count, S}),
    {ok, Spec} = ask(Node, {spec, S, one}),
    {ok, Spec} = supervisor:get_childspec(our_sup, one),
    {unknown, undefined} = ask(Node, {spec, S, nobody}),
    M = ?MODULE,
    {ok, P, undefined} = ask(Node, {start, S, three, {M, start_child, [3]}}),
    {'already done', P, undefined} = ask(Node, {start, S, three, {M, start_child, [3]}}),
    {ok, Q, {some, info}} = ask(Node, {start, S, four, {M, start_child, [info]}}),
    {'the process ended before it answered', undefined, {because, 1}} =
        ask(Node, {start, S, five, {M, start_child, [fail]}}),
    {'start was ignored', undefined, undefined} =
        ask(Node, {start, S, six, {M, start_child, [ignore]}}),
    {'is running', undefined, running} = ask(Node, {again, S, three}),
    {'start was ignored', undefined, undefined} = ask(Node, {again, S, two}),
    {ok, ok} = ask(Node, {stop, S, three}),
    {unknown, unknown} = ask(Node, {stop, S, three}),
    true = is_process_alive(Q),
    {'no such process', _} = ask(Node, {which, {no_such_sup, node()}}).

%% A child of its supervisor that runs on this node.
child_here(Node) ->
    Test = self(),
    register(spawner, spawn_link(fun() -> spawner(Test, fun receive_stop/0) end)),
    {ok, P, undefined} = ask(Node, {adopt, {spawner, node()}}),
    {spawned, P} = next(),
    [{far_child, P, worker, dynamic}] = supervisor:which_children({far, Node}),
    {links, Links} = process_info(P, links),
    true = lists:any(fun(L) -> is_pid(L) andalso node(L) =:= Node end, Links),
    %% It crashes, and another one is started here.
    P ! {stop, boom},
    {spawned, P2} = next(),
    Ref = monitor(process, P2),
    {ok, ok} = ask(Node, {dismiss}),
    {'DOWN', Ref, process, P2, shutdown} = next(),
    %% Its start fails while the spawner is away.
    exit(whereis(spawner), normal),
    unlink(whereis(spawner)), exit(whereis(spawner), kill),
    await(fun() -> whereis(spawner) =:= undefined end),
    {'the process ended before it answered', undefined, _} =
        ask(Node, {adopt, {spawner, node()}}).

%% It traps exits and does not end: it is killed when its time is over.
stubborn(Node) ->
    Test = self(),
    register(spawner, spawn_link(
                        fun() ->
                                spawner(Test, fun() -> process_flag(trap_exit, true),
                                                       ignore_all() end)
                        end)),
    {ok, P, undefined} = ask(Node, {adopt, {spawner, node()}}),
    {spawned, P} = next(),
    Ref = monitor(process, P),
    {ok, ok} = ask(Node, {dismiss}),
    {'DOWN', Ref, process, P, killed} = next().

spawner(Test, Code) ->
    receive
        {'$gen_call', From, spawn} ->
            P = spawn(Code),
            Test ! {spawned, P},
            gen_server:reply(From, P)
    end,
    spawner(Test, Code).

receive_stop() ->
    receive {stop, R} -> exit(R) end.

ignore_all() ->
    receive _ -> ignore_all() end.

%% ---- Waiting

next() ->
    receive M -> M after ?WAIT -> error(no_message) end.

await(F) ->
    await(F, erlang:monotonic_time(millisecond) + ?WAIT).
await(F, Deadline) ->
    case F() of
        false ->
            true = erlang:monotonic_time(millisecond) < Deadline,
            receive after 5 -> ok end,
            await(F, Deadline);
        X -> X
    end.

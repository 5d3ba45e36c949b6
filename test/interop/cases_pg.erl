%% cases_pg.erl -- process groups: scopes of ours and of Erlang's, both roles, and three
%% nodes.
%%
%% Most cases are run twice: `ours` is where members are, `theirs` where one looks, and
%% then the other way round (side/1).
-module(cases_pg).
-export([cases/0]).
-import(suite, [do/2, do/3, puppet/0, puppet/1, heard/2, next/0, wait/1]).

cases() ->
    [{Name ++ How, fun () -> Case(side(Side), side(other(Side))) end}
     || {Name, Case} <- both(), {Side, How} <- [{ours, ": our members"},
                                                {theirs, ": Erlang's members"}]]
    ++ one() ++ many().

both() ->
    [{"a member from before the scopes met", fun before/2},
     {"joins and leaves are seen", fun joins/2},
     {"a member several times", fun several/2},
     {"a list of members", fun lists/2},
     {"a member that ends", fun ends/2},
     {"any term is a group", fun terms/2},
     {"a scope that ends, and another", fun scope_ends/2},
     {"a group that is watched", fun watched/2},
     {"a scope that is watched", fun watched_scope/2},
     {"messages to all members", fun broadcast/2},
     {"5,000 groups at the first meeting", fun many_groups/2}].

one() ->
    [{"the scope pg is there", fun default_scope/0},
     {"gen_server calls of our scope", fun plain_calls/0},
     {"our scope ignores what it does not know", fun junk/0},
     {"functions of pg over rpc", fun functions/0},
     {"a hidden node of ours is not looked for", fun hidden_ours/0},
     {"a hidden node of Erlang's is not looked for", fun hidden_theirs/0}].

many() ->
    [{"three nodes, one is killed: ours", fun () -> three(ours) end},
     {"three nodes, one is killed: Erlang's", fun () -> three(theirs) end},
     {"a lost connection and a new one", fun reconnect/0}].

%% ---- A side: how to act on a node of one kind

other(ours) -> theirs;
other(theirs) -> ours.

side(ours) ->
    #{node => suite:node(),
      start => fun (S) -> {ok, P} = do(pg_start, S), P end,
      stop => fun (P) -> ok = do(exit, {P, kill}) end,
      proc => fun () -> puppet() end,
      die => fun (P) -> exit(P, kill) end,
      join => fun (S, G, P) -> do(pg_join, {S, G, P}) end,
      leave => fun (S, G, P) -> case do(pg_leave, {S, G, P}) of
                                    {error, 'EUNKNOWN'} -> not_joined;
                                    R -> R
                                end end,
      members => fun (S, G) -> {ok, L} = do(pg_members, {S, G}), lists:sort(L) end,
      groups => fun (S) -> {ok, L} = do(pg_groups, S), lists:sort(L) end,
      watch => fun (P, S, G) -> do(P, pg_monitor, {S, G}) end,
      watch_all => fun (P, S) -> do(P, pg_monitor, {S}) end,
      unwatch => fun (P, S, R) -> do(P, pg_demonitor, {S, R}) end,
      broadcast => fun (S, G, M) -> {ok, _} = do(pg_broadcast, {S, G, M}) end,
      heard => fun (P, N) -> heard(P, N) end};
side(theirs) ->
    Self = self(),
    #{node => node(),
      start => fun (S) -> {ok, P} = pg:start(S), P end,
      stop => fun (P) -> R = monitor(process, P), exit(P, kill),
                         receive {'DOWN', R, _, _, _} -> ok end end,
      proc => fun () -> spawn_link(fun () -> proc(Self, []) end) end,
      die => fun (P) -> unlink(P), exit(P, kill) end,
      join => fun pg:join/3,
      leave => fun pg:leave/3,
      members => fun (S, G) -> lists:sort(pg:get_members(S, G)) end,
      groups => fun (S) -> lists:sort(pg:which_groups(S)) end,
      watch => fun (P, S, G) -> run(P, fun () -> pg:monitor(S, G) end) end,
      watch_all => fun (P, S) -> run(P, fun () -> pg:monitor_scope(S) end) end,
      unwatch => fun (P, S, R) -> run(P, fun () -> pg:demonitor(S, R) end) end,
      broadcast => fun (S, G, M) -> [P ! M || P <- pg:get_members(S, G)] end,
      heard => fun (P, N) -> P ! {heard, N}, receive {P, heard, L} -> L end end}.

proc(Case, Heard) ->
    receive
        {run, Fun} -> Case ! {self(), ran, Fun()}, proc(Case, Heard);
        {heard, N} -> tell(Case, N, Heard);
        M -> proc(Case, Heard ++ [M])
    end.

tell(Case, N, Heard) when length(Heard) >= N ->
    {First, Rest} = lists:split(N, Heard),
    Case ! {self(), heard, First},
    proc(Case, Rest);
tell(Case, N, Heard) ->
    receive M -> tell(Case, N, Heard ++ [M]) end.

run(P, Fun) -> P ! {run, Fun}, receive {P, ran, R} -> R end.

call(Side, What, Args) -> apply(maps:get(What, Side), Args).

%% A scope of that name on both, and they have met.
scopes(A, B) ->
    S = scope(),
    call(A, start, [S]), call(B, start, [S]),
    met(S, A, B),
    S.

scope() -> list_to_atom("s" ++ integer_to_list(erlang:unique_integer([positive]))).

met(S, A, B) ->
    [begin
         P = call(X, proc, []),
         ok = call(X, join, [S, met, P]),
         wait(fun () -> call(Y, members, [S, met]) =:= [P] end),
         ok = call(X, leave, [S, met, P]),
         wait(fun () -> call(Y, members, [S, met]) =:= [] end)
     end || {X, Y} <- [{A, B}, {B, A}]].

sees(B, S, G, Pids) ->
    L = lists:sort(Pids),
    wait(fun () -> call(B, members, [S, G]) =:= L end).

%% ---- Both ways: members at A, seen from B

before(A, B) ->
    S = scope(),
    call(A, start, [S]),
    P = call(A, proc, []),
    ok = call(A, join, [S, g, P]),
    call(B, start, [S]),
    sees(B, S, g, [P]).

joins(A, B) ->
    S = scopes(A, B),
    P = call(A, proc, []), Q = call(A, proc, []), R = call(B, proc, []),
    ok = call(A, join, [S, g, P]),
    ok = call(B, join, [S, g, R]),
    ok = call(A, join, [S, g, Q]),
    sees(B, S, g, [P, Q, R]),
    sees(A, S, g, [P, Q, R]),
    ok = call(A, leave, [S, g, P]),
    not_joined = call(A, leave, [S, g, P]),
    not_joined = call(A, leave, [S, h, Q]),
    sees(B, S, g, [Q, R]),
    ok = call(A, leave, [S, g, Q]),
    ok = call(B, leave, [S, g, R]),
    sees(B, S, g, []),
    wait(fun () -> call(A, groups, [S]) =:= [] andalso call(B, groups, [S]) =:= [] end).

several(A, B) ->
    S = scopes(A, B),
    P = call(A, proc, []),
    [ok = call(A, join, [S, g, P]) || _ <- [1, 2, 3]],
    sees(B, S, g, [P, P, P]),
    ok = call(A, leave, [S, g, P]),
    sees(B, S, g, [P, P]),
    call(A, die, [P]),
    sees(B, S, g, []).

lists(A, B) ->
    S = scopes(A, B),
    P = call(A, proc, []), Q = call(A, proc, []),
    ok = call(A, join, [S, g, [P, Q, P]]),
    sees(B, S, g, [P, P, Q]),
    ok = call(A, leave, [S, g, [P, Q, Q]]),
    sees(B, S, g, [P]),
    sees(A, S, g, [P]).

ends(A, B) ->
    S = scopes(A, B),
    P = call(A, proc, []), Q = call(A, proc, []),
    [ok = call(A, join, [S, G, [P, Q]]) || G <- [g, h, g, {i, 1}]],
    sees(B, S, g, [P, P, Q, Q]),
    call(A, die, [P]),
    sees(B, S, g, [Q, Q]), sees(B, S, h, [Q]), sees(B, S, {i, 1}, [Q]),
    call(A, die, [Q]),
    wait(fun () -> call(B, groups, [S]) =:= [] end).

terms(A, B) ->
    S = scopes(A, B),
    P = call(A, proc, []),
    Groups = [a, "string", <<"bin">>, <<1:3>>, 1, 1.0, -1 bsl 70, [], {}, #{k => [v]}, P,
              make_ref(), {a, [b | c]}, fun erlang:self/0],
    [ok = call(A, join, [S, G, P]) || G <- Groups],
    [sees(B, S, G, [P]) || G <- Groups],
    [] = call(B, groups, [S]) -- Groups,
    [] = Groups -- call(B, groups, [S]),
    [ok = call(A, leave, [S, G, P]) || G <- Groups],
    wait(fun () -> call(B, groups, [S]) =:= [] end).

scope_ends(A, B) ->
    S = scope(),
    Scope = call(A, start, [S]), call(B, start, [S]),
    met(S, A, B),
    P = call(A, proc, []), Q = call(B, proc, []),
    ok = call(A, join, [S, g, P]),
    ok = call(B, join, [S, g, Q]),
    sees(B, S, g, [P, Q]),
    call(A, stop, [Scope]),
    sees(B, S, g, [Q]),
    call(A, start, [S]),
    sees(A, S, g, [Q]),
    ok = call(A, join, [S, g, P]),
    sees(B, S, g, [P, Q]).

%% Who watches is at B.
watched(A, B) ->
    S = scopes(A, B),
    P = call(A, proc, []), W = call(B, proc, []),
    ok = call(A, join, [S, g, P]),
    sees(B, S, g, [P]),
    {R, [P]} = call(B, watch, [W, S, g]),
    ok = call(A, join, [S, h, P]),
    ok = call(A, join, [S, g, [P, P]]),
    [{R, join, g, [P, P]}] = call(B, heard, [W, 1]),
    ok = call(A, leave, [S, g, P]),
    [{R, leave, g, [P]}] = call(B, heard, [W, 1]),
    call(A, die, [P]),
    [{R, leave, g, [P]}, {R, leave, g, [P]}] = call(B, heard, [W, 2]),
    ok = call(B, unwatch, [W, S, R]).

watched_scope(A, B) ->
    S = scope(),
    call(B, start, [S]),
    W = call(B, proc, []), Q = call(B, proc, []),
    ok = call(B, join, [S, h, Q]),
    {R, #{h := [Q]}} = call(B, watch_all, [W, S]),
    Scope = call(A, start, [S]),
    P = call(A, proc, []),
    ok = call(A, join, [S, g, P]),
    [{R, join, g, [P]}] = call(B, heard, [W, 1]),
    ok = call(B, join, [S, g, Q]),
    [{R, join, g, [Q]}] = call(B, heard, [W, 1]),
    call(A, stop, [Scope]),
    [{R, leave, g, [P]}] = call(B, heard, [W, 1]),
    ok = call(B, unwatch, [W, S, R]).

broadcast(A, B) ->
    S = scopes(A, B),
    Ps = [call(A, proc, []) || _ <- [1, 2, 3]],
    ok = call(A, join, [S, g, Ps]),
    sees(B, S, g, Ps),
    M = {news, <<"text">>, [1, 2.5, #{a => b}], lists:duplicate(500, x)},
    call(B, broadcast, [S, g, M]),
    [[M] = call(A, heard, [P, 1]) || P <- Ps].

many_groups(A, B) ->
    S = scope(),
    call(A, start, [S]),
    P = call(A, proc, []), Q = call(A, proc, []),
    [ok = call(A, join, [S, {g, I}, [P, Q]]) || I <- lists:seq(1, 200)],
    [ok = gen_server:call({S, maps:get(node, A)}, {join_local, {g, I}, P})
     || I <- lists:seq(201, 5000)],
    call(B, start, [S]),
    wait(fun () -> length(call(B, groups, [S])) =:= 5000 end),
    sees(B, S, {g, 1}, [P, Q]),
    sees(B, S, {g, 5000}, [P]),
    call(A, die, [P]),
    wait(fun () -> length(call(B, groups, [S])) =:= 200 end).

%% ---- One way

default_scope() ->
    _ = pg:start_link(),
    P = puppet(), Q = self(),
    ok = do(pg_join, {pg, g, P}),
    ok = pg:join(g, Q),
    wait(fun () -> lists:sort(pg:get_members(g)) =:= lists:sort([P, Q]) end),
    [Q] = pg:get_local_members(g),
    {ok, [P]} = do(pg_local_members, {pg, g}),
    ok = pg:leave(g, Q),
    ok = do(pg_leave, {pg, g, P}).

plain_calls() ->
    S = scope(),
    {ok, _} = do(pg_start, S),
    To = {S, suite:node()},
    P = puppet(),
    ok = gen_server:call(To, {join_local, g, P}),
    {R, [P]} = gen_server:call(To, {monitor, g}),
    ok = gen_server:call(To, {join_local, g, [P]}),
    {R, join, g, [P]} = next(),
    {error, badarg} = gen_server:call(To, {join_local, g, self()}),
    ok = gen_server:call(To, {leave_local, g, [P, P]}),
    {R, leave, g, [P, P]} = next(),
    not_joined = gen_server:call(To, {leave_local, g, P}),
    ok = gen_server:call(To, {demonitor, R}),
    false = gen_server:call(To, {demonitor, R}),
    #{scope := S} = sys:get_state(To).

junk() ->
    S = scope(),
    {ok, Scope} = do(pg_start, S),
    Far = self(),
    [Scope ! M || M <- [x, {discover}, {discover, x}, {join, Far, g, Far}, {join, Far, g, x},
                        {join, x, g, x}, {leave, Far, Far, [g]}, {leave, Far, x, y},
                        {'DOWN', make_ref(), process, Far, x}, {nodeup, x, y}]],
    [gen_server:cast(Scope, M) || M <- [x, {sync, x, []}, {x, Far, []}]],
    {error, not_supported} = gen_server:call(Scope, foo),
    {ok, []} = do(pg_groups, S),
    %% A scope that sends odd lists: what makes sense of them counts.
    Scope ! {discover, Far, #{a => later}},
    {'$gen_cast', {sync, Scope, []}} = next(),
    {discover, Scope} = next(),
    Stranger = list_to_pid("<0.1.0>"),
    gen_server:cast(Scope, {sync, Far, [{g, [Far, x, Scope]}, junk, {h, x}, {i, [Far | x]}]}),
    Scope ! {join, Far, g, [Far, Stranger, Scope]},
    Scope ! {join, Far, j, foo},
    Scope ! {leave, Far, [Far], [g, h, nowhere | x]},
    wait(fun () -> do(pg_groups, S) =:= {ok, [g]} end),
    {ok, L} = do(pg_members, {S, g}),
    [Stranger, Far] = lists:sort(L),
    gen_server:cast(Scope, {sync, Far, x}),
    wait(fun () -> do(pg_groups, S) =:= {ok, []} end).

functions() ->
    S = scope(),
    R = fun (F, A) -> rpc:call(suite:node(), pg, F, A) end,
    [] = R(get_members, [S, g]),
    [] = R(which_groups, [S]),
    {ok, Pid} = R(start, [S]),
    {error, {already_started, Pid}} = R(start, [S]),
    {ok, _} = pg:start(S),
    P = puppet(), Q = self(),
    ok = R(join, [S, g, [P, P]]),
    ok = pg:join(S, h, Q),
    wait(fun () -> lists:sort(R(which_groups, [S])) =:= [g, h] end),
    [P, P] = R(get_members, [S, g]),
    [Q] = R(get_members, [S, h]),
    [] = R(get_local_members, [S, h]),
    [g] = R(which_local_groups, [S]),
    ok = R(leave, [S, g, P]),
    not_joined = R(leave, [S, i, P]),
    {badrpc, {'EXIT', {badarg, _}}} = R(join, [S, g, Q]),
    {badrpc, {'EXIT', _}} = R(join, [nobody, g, P]),
    ok = R(join, [{g, S}, P]),
    [P] = R(get_members, [{g, S}]),
    true = lists:member({g, S}, R(which_groups, [])),
    ok = R(leave, [{g, S}, P]).

%% As between two Erlang nodes one of which is hidden: neither looks for the other.
hidden_ours() ->
    S = scope(),
    {Node, _} = suite:agner(hid, ["hidden"]),
    {ok, _} = pg:start(S),
    ok = pg:join(S, g, self()),
    pong = net_adm:ping(Node),
    {ok, _} = do({driver, Node}, pg_start, S),
    P = puppet(Node),
    ok = do({driver, Node}, pg_join, {S, g, P}),
    {ok, [P]} = do({driver, Node}, pg_members, {S, g}),
    Self = self(),
    [Self] = pg:get_members(S, g).

hidden_theirs() ->
    S = scope(),
    Peer = {Node, _} = suite:erl(hid, ["-hidden"]),
    {ok, _} = do(pg_start, S),
    P = puppet(),
    ok = do(pg_join, {S, g, P}),
    {ok, _} = suite:on(Peer, pg, start, [S]),
    pong = suite:on(Peer, net_adm, ping, [suite:node()]),
    do(connect, Node),
    [] = suite:on(Peer, pg, get_members, [S, g]),
    {ok, [P]} = do(pg_members, {S, g}),
    [] = suite:on(Peer, pg, which_groups, [S]).

%% ---- Three nodes

%% This node, our node, and a third, of either kind, which is killed in the end.
three(Kind) ->
    S = scope(),
    {ok, _} = pg:start(S),
    {ok, _} = do(pg_start, S),
    Third = {Node, _} = third(Kind),
    pong = net_adm:ping(Node),
    do(connect, Node),
    {Start, Join, Members, R} = third(Kind, Third, S),
    Start(),
    P = puppet(), Q = self(),
    ok = do(pg_join, {S, g, P}),
    ok = pg:join(S, g, Q),
    ok = Join(g, R),
    All = lists:sort([P, Q, R]),
    wait(fun () -> lists:sort(pg:get_members(S, g)) =:= All end),
    wait(fun () -> {ok, L} = do(pg_members, {S, g}), lists:sort(L) =:= All end),
    wait(fun () -> lists:sort(Members(g)) =:= All end),
    suite:signal(Third, "KILL"),
    wait(fun () -> lists:sort(pg:get_members(S, g)) =:= lists:sort([P, Q]) end),
    wait(fun () -> {ok, L} = do(pg_members, {S, g}), lists:sort(L) =:= lists:sort([P, Q]) end).

third(ours) -> suite:agner(third);
third(theirs) -> suite:erl(third).

third(ours, {Node, _}, S) ->
    D = {driver, Node},
    {fun () -> {ok, _} = do(D, pg_start, S) end,
     fun (G, P) -> do(D, pg_join, {S, G, P}) end,
     fun (G) -> {ok, L} = do(D, pg_members, {S, G}), L end,
     puppet(Node)};
third(theirs, Third, S) ->
    {fun () -> {ok, _} = suite:on(Third, pg, start, [S]) end,
     fun (G, P) -> suite:on(Third, pg, join, [S, G, P]) end,
     fun (G) -> suite:on(Third, pg, get_members, [S, G]) end,
     suite:on(Third, erlang, spawn, [timer, sleep, [infinity]])}.

%% Both forget the other's members, and find them again.
reconnect() ->
    S = scope(),
    Other = {Node, _} = suite:agner(other),
    pong = net_adm:ping(Node),
    {ok, _} = pg:start(S),
    {ok, _} = do({driver, Node}, pg_start, S),
    P = puppet(Node), Q = self(),
    ok = do({driver, Node}, pg_join, {S, g, [P, P]}),
    ok = pg:join(S, g, Q),
    [begin
         wait(fun () -> lists:sort(pg:get_members(S, g)) =:= lists:sort([P, P, Q]) end),
         wait(fun () -> {ok, L} = do({driver, Node}, pg_members, {S, g}),
                        lists:sort(L) =:= lists:sort([P, P, Q]) end),
         {R, _} = pg:monitor(S, g),
         true = erlang:disconnect_node(Node),
         {R, leave, g, [P, P]} = next(),
         wait(fun () -> pong =:= net_adm:ping(Node) end),
         {R, join, g, [P, P]} = next(),
         ok = pg:demonitor(S, R)
     end || _ <- [1, 2, 3]],
    suite:stop(Other).

%% cases_mesh.erl -- a mesh of Erlang nodes and of ours, with names of global and groups of
%% pg, through a partition and back.
%%
%% A partition is a wrong cookie: neither side can connect to the other until it is put
%% right. The suite's own node is hidden here, so that it is in none of the meshes.
-module(cases_mesh).
-export([cases/0, member/0]).
-import(suite, [on/4, wait/1]).

-define(SCOPE, mesh).
-define(WAIT, 50000).

cases() ->
    [{"two of Erlang, one of ours: ours is cut off, and comes back",
      fun () -> partition(2, 1, fun (Erl, Ours) -> {Ours, Erl} end) end},
     {"two of Erlang, one of ours: one of Erlang's is cut off, and comes back",
      fun () -> partition(2, 1, fun ([E | Es], Ours) -> {[E], Es ++ Ours} end) end},
     {"one of Erlang, two of ours: one of ours is cut off, and comes back",
      fun () -> partition(1, 2, fun (Erl, [O | Os]) -> {[O], Erl ++ Os} end) end},
     {"two of each: two and two, and back",
      fun () -> partition(2, 2, fun ([E1, E2], [O1, O2]) -> {[E1, O1], [E2, O2]} end) end}].

%% ---- A node of either kind: {erl, Node, Handle}, {ours, Node}

erl() ->
    {Node, _} = E = suite:erl("mesh"),
    {ok, _} = on(E, pg, start, [?SCOPE]),
    {erl, Node, E}.

ours() ->
    {Node, _} = suite:agner("mesh", ["overlap"]),
    N = {ours, Node},
    {ok, _} = do(N, pg_start, ?SCOPE),
    N.

do({ours, Node}, Op, Args) -> gen_server:call({driver, Node}, {do, Op, Args}, ?WAIT).

name({erl, Node, _}) -> Node;
name({ours, Node}) -> Node.

member() -> receive stop -> ok end.

connect({erl, _, E}, Node) -> true = on(E, net_kernel, connect_node, [Node]);
connect(N, Node) -> {ok, _} = do(N, connect, Node).

disconnect({erl, _, E}, Node) -> on(E, erlang, disconnect_node, [Node]);
disconnect(N, Node) -> do(N, disconnect, Node).

cookie({erl, _, E}, Node, Cookie) -> true = on(E, erlang, set_cookie, [Node, Cookie]);
cookie(N, Node, Cookie) -> ok = do(N, cookie, {Node, Cookie}).

nodes_of({erl, _, E}) -> on(E, erlang, nodes, []);
nodes_of(N) -> do(N, global_nodes, []).

process({erl, _, E}) -> on(E, erlang, spawn, [?MODULE, member, []]);
process({ours, Node}) -> suite:puppet(Node).

alive({erl, _, E}, Pid) -> on(E, erlang, is_process_alive, [Pid]);
alive(_, Pid) -> ok =:= (catch suite:do(Pid, echo, ok)).

register({erl, _, E}, Name, Pid) -> yes = on(E, global, register_name, [Name, Pid]);
register(_, Name, Pid) -> ok = suite:do(Pid, global_register, {Name, default}).

whereis({erl, _, E}, Name) -> on(E, global, whereis_name, [Name]);
whereis(N, Name) -> do(N, global_whereis, Name).

join({erl, _, E}, Pid) -> ok = on(E, pg, join, [?SCOPE, all, Pid]);
join(_, Pid) -> ok = suite:do(Pid, pg_join, {?SCOPE, all, Pid}).

members({erl, _, E}) -> lists:sort(on(E, pg, get_members, [?SCOPE, all]));
members(N) -> {ok, Pids} = do(N, pg_members, {?SCOPE, all}), lists:sort(Pids).

%% ---- All of them

mesh(Nodes) ->
    wait(fun () -> lists:all(fun (N) -> met(N, Nodes) end, Nodes) end).

met(N, Nodes) ->
    lists:sort([name(N) | nodes_of(N)]) =:= lists:sort([name(M) || M <- Nodes]).

%% Everybody sees these names, each with its process, and these members.
agreed(Nodes, Names, Pids) ->
    wait(fun () ->
                 lists:all(fun (N) ->
                                   members(N) =:= lists:sort(Pids) andalso
                                       [whereis(N, Name) || {Name, _} <- Names] =:=
                                       [Pid || {_, Pid} <- Names]
                           end, Nodes)
         end).

partition(Erls, Ours, Split) ->
    Es = [erl() || _ <- lists:seq(1, Erls)],
    Os = [ours() || _ <- lists:seq(1, Ours)],
    Nodes = Es ++ Os,
    [connect(N, name(hd(Nodes))) || N <- tl(Nodes)],
    mesh(Nodes),
    Before = [{{before, name(N)}, process(N), N} || N <- Nodes],
    [begin register(N, Name, Pid), join(N, Pid) end || {Name, Pid, N} <- Before],
    agreed(Nodes, [{Name, Pid} || {Name, Pid, _} <- Before], [Pid || {_, Pid, _} <- Before]),

    {Here, There} = Split(Es, Os),
    cut(Here, There),
    [begin
         mesh(Side),
         Own = [{Name, Pid} || {Name, Pid, N} <- Before, lists:member(N, Side)],
         agreed(Side, Own ++ [{Name, undefined} || {Name, _, N} <- Before,
                                                   not lists:member(N, Side)],
                [Pid || {_, Pid} <- Own])
     end || Side <- [Here, There]],

    %% Each side goes on by itself: a name that both take, and one of its own.
    Meanwhile = [begin
                     N = lists:last(Side),
                     Both = process(N),
                     Own = process(N),
                     register(N, both, Both),
                     register(N, {meanwhile, name(N)}, Own),
                     join(N, Own),
                     {N, Both, {meanwhile, name(N)}, Own}
                 end || Side <- [Here, There]],

    heal(Here, There),
    mesh(Nodes),
    Names = [{Name, Pid} || {Name, Pid, _} <- Before]
        ++ [{Name, Pid} || {_, _, Name, Pid} <- Meanwhile],
    agreed(Nodes, Names, [Pid || {_, Pid} <- Names]),
    [{N1, One, _, _}, {N2, Two, _, _}] = Meanwhile,
    wait(fun () -> [true, false] =:= lists:sort(fun erlang:'>'/2,
                                                [alive(N1, One), alive(N2, Two)]) end),
    Kept = case alive(N1, One) of true -> One; false -> Two end,
    agreed(Nodes, [{both, Kept} | Names], [Pid || {_, Pid} <- Names]).

cut(Here, There) ->
    Pairs = [{A, B} || A <- Here, B <- There],
    [begin cookie(A, name(B), wrong), cookie(B, name(A), other) end || {A, B} <- Pairs],
    [disconnect(A, name(B)) || {A, B} <- Pairs].

heal(Here, There) ->
    Right = list_to_atom(suite:cookie()),
    Pairs = [{A, B} || A <- Here, B <- There],
    [begin cookie(A, name(B), Right), cookie(B, name(A), Right) end || {A, B} <- Pairs],
    connect(hd(Here), name(hd(There))).

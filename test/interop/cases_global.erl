%% cases_global.erl -- names and locks of all nodes: Erlang's and ours in one network.
-module(cases_global).
-export([cases/0, keeper/2, hold/1, call/4, lose/3, add/3]).
-import(suite, [do/2, do/3, puppet/0, puppet/1, heard/2, next/0, wait/1, on/4, erl/1, erl/2, agner/1,
                stop/1]).

cases() ->
    names() ++ locks() ++ meshes() ++ conflicts() ++ partitions().

%% Connected, with the same names.
met() -> met(suite:node()).

met(Node) ->
    pong = net_adm:ping(Node),
    ok = global:sync(),
    true = lists:member(Node, nodes()).

%% A name that no other case has.
fresh() -> {name, make_ref()}.

hold(Ms) -> receive stop -> ok after Ms -> ok end.

holder() -> spawn(?MODULE, hold, [60000]).

%% ---- Names

names() ->
    [{"global:sync with us", fun met/0},
     {"we are in nodes(), and say who is in ours", fun nodes_both/0},
     {"Erlang registers, we look up", fun erlang_registers/0},
     {"we register, Erlang looks up", fun we_register/0},
     {"Erlang unregisters", fun erlang_unregisters/0},
     {"we unregister", fun we_unregister/0},
     {"Erlang's process ends", fun erlang_ends/0},
     {"our process ends", fun we_end/0},
     {"a name that Erlang has is taken for us", fun taken_for_us/0},
     {"a name that we have is taken for Erlang", fun taken_for_erlang/0},
     {"one process gets one name", fun one_name/0},
     {"Erlang registers anew what was ours", fun erlang_re_registers/0},
     {"we register anew what was Erlang's", fun we_re_register/0},
     {"Erlang gives a process of ours a name", fun erlang_names_ours/0},
     {"we give a process of Erlang's a name", fun we_name_erlangs/0},
     {"Erlang sends to a global name of ours", fun erlang_sends/0},
     {"we send to a global name of Erlang's", fun we_send/0},
     {"a gen_server of Erlang's by {global, Name}, from us", fun calls_by_name/0},
     {"a server of ours by {global, Name}, from Erlang", fun called_by_name/0},
     {"rpc:call of global:whereis_name", fun rpc_whereis/0},
     {"rpc:call of global:register_name", fun rpc_register/0},
     {"registered_names are the same", fun same_names/0},
     {"20 names at once from both sides", fun many/0}].

nodes_both() ->
    met(),
    true = lists:member(node(), do(global_nodes, [])).

seen_by_us(Name, What) -> wait(fun () -> do(global_whereis, Name) =:= What end).
seen_by_erlang(Name, What) -> wait(fun () -> global:whereis_name(Name) =:= What end).

erlang_registers() ->
    met(),
    Name = fresh(), Pid = holder(),
    yes = global:register_name(Name, Pid),
    Pid = do(global_whereis, Name).

we_register() ->
    met(),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    P = global:whereis_name(Name).

erlang_unregisters() ->
    met(),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    global:unregister_name(Name),
    undefined = do(global_whereis, Name),
    undefined = global:whereis_name(Name).

we_unregister() ->
    met(),
    Name = fresh(),
    yes = global:register_name(Name, holder()),
    ok = do(global_unregister, Name),
    undefined = do(global_whereis, Name),
    undefined = global:whereis_name(Name).

erlang_ends() ->
    met(),
    Name = fresh(), Pid = holder(),
    yes = global:register_name(Name, Pid),
    exit(Pid, kill),
    seen_by_us(Name, undefined),
    seen_by_erlang(Name, undefined).

we_end() ->
    met(),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    exit(P, kill),
    seen_by_us(Name, undefined),
    seen_by_erlang(Name, undefined).

taken_for_us() ->
    met(),
    Name = fresh(),
    yes = global:register_name(Name, holder()),
    {error, 'ETAKEN'} = do(puppet(), global_register, {Name, default}).

taken_for_erlang() ->
    met(),
    Name = fresh(),
    ok = do(puppet(), global_register, {Name, default}),
    no = global:register_name(Name, holder()).

one_name() ->
    met(),
    P = puppet(),
    ok = do(P, global_register, {fresh(), default}),
    {error, 'ETAKEN'} = do(P, global_register, {fresh(), default}).

erlang_re_registers() ->
    met(),
    Name = fresh(), Pid = holder(),
    ok = do(puppet(), global_register, {Name, default}),
    yes = global:re_register_name(Name, Pid),
    Pid = do(global_whereis, Name).

we_re_register() ->
    met(),
    Name = fresh(), P = puppet(),
    yes = global:register_name(Name, holder()),
    ok = do(global_re_register, {Name, P}),
    P = global:whereis_name(Name).

erlang_names_ours() ->
    met(),
    Name = fresh(), P = puppet(),
    yes = global:register_name(Name, P),
    P = do(global_whereis, Name),
    exit(P, kill),
    seen_by_erlang(Name, undefined).

we_name_erlangs() ->
    met(),
    Name = fresh(), Pid = holder(),
    ok = do(global_re_register, {Name, Pid}),
    Pid = global:whereis_name(Name),
    exit(Pid, kill),
    seen_by_us(Name, undefined).

erlang_sends() ->
    met(),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    P = global:send(Name, hello),
    [hello] = heard(P, 1).

we_send() ->
    met(),
    Name = fresh(),
    yes = global:register_name(Name, self()),
    ok = do(global_send, {Name, hello}),
    hello = next(),
    {error, 'ENONAME'} = do(global_send, {fresh(), hello}).

calls_by_name() ->
    met(),
    Name = fresh(), Counter = keeper(5),
    yes = global:register_name(Name, Counter),
    {ok, 5} = do(call, {{global, Name}, get, 10000}),
    {ok, 5} = do(call, {{via, global, Name}, get, 10000}).

called_by_name() ->
    met(),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    P = gen_server:call({global, Name}, {do, self, []}),
    P = gen_server:call({via, global, Name}, {do, self, []}).

rpc_whereis() ->
    met(),
    Name = fresh(), Pid = holder(),
    yes = global:register_name(Name, Pid),
    Pid = call(suite:node(), global, whereis_name, [Name]),
    undefined = call(suite:node(), global, whereis_name, [fresh()]).

rpc_register() ->
    met(),
    Name = fresh(), Pid = holder(),
    yes = call(suite:node(), global, register_name, [Name, Pid]),
    no = call(suite:node(), global, register_name, [Name, holder()]),
    Pid = global:whereis_name(Name),
    call(suite:node(), global, unregister_name, [Name]),
    undefined = global:whereis_name(Name).

%% As rpc:call, by rex, which all nodes have.
call(Node, M, F, A) -> gen_server:call({rex, Node}, {call, M, F, A, group_leader()}, infinity).

same_names() ->
    met(),
    wait(fun () ->
                 {ok, Ours} = do(global_names, []),
                 lists:sort(Ours) =:= lists:sort(global:registered_names())
         end).

many() ->
    met(),
    Ps = [puppet() || _ <- lists:seq(1, 10)],
    Self = self(),
    Names = [{fresh(), case I rem 2 of 0 -> holder(); 1 -> lists:nth(I div 2 + 1, Ps) end}
             || I <- lists:seq(1, 20)],
    [spawn_link(fun () ->
                        case node(Pid) =:= node() of
                            true -> yes = global:register_name(Name, Pid);
                            false -> ok = do(Pid, global_register, {Name, default})
                        end,
                        Self ! done
                end) || {Name, Pid} <- Names],
    [done = next() || _ <- Names],
    [begin
         Pid = do(global_whereis, Name),
         Pid = global:whereis_name(Name)
     end || {Name, Pid} <- Names].

%% ---- Locks

locks() ->
    [{"a lock of Erlang's keeps us out", fun lock_keeps_us_out/0},
     {"a lock of ours keeps Erlang out", fun lock_keeps_erlang_out/0},
     {"who dies holds no lock: Erlang's", fun erlang_dies_locking/0},
     {"who dies holds no lock: ours", fun we_die_locking/0},
     {"one requester may lock twice", fun shared_lock/0},
     {"transactions of both, one at a time", fun transactions/0}].

lock_keeps_us_out() ->
    met(),
    Id = {make_ref(), self()},
    true = global:set_lock(Id),
    {Resource, _} = Id,
    {error, 'EBUSY'} = do(global_set_lock, {{Resource, me}, 0}),
    true = global:del_lock(Id),
    P = puppet(),
    ok = do(P, global_set_lock, {{Resource, me}, 0}).

lock_keeps_erlang_out() ->
    met(),
    R = make_ref(), P = puppet(),
    ok = do(P, global_set_lock, {{R, P}, 0}),
    false = global:set_lock({R, self()}, [node() | nodes()], 0),
    ok = do(P, global_del_lock, {R, P}),
    true = global:set_lock({R, self()}, [node() | nodes()], 0),
    true = global:del_lock({R, self()}).

erlang_dies_locking() ->
    met(),
    R = make_ref(), Self = self(),
    Pid = spawn(fun () -> true = global:set_lock({R, self()}), Self ! locked, hold(60000) end),
    locked = next(),
    P = puppet(),
    {error, 'EBUSY'} = do(P, global_set_lock, {{R, P}, 0}),
    exit(Pid, kill),
    wait(fun () -> do(P, global_set_lock, {{R, P}, 0}) =:= ok end).

we_die_locking() ->
    met(),
    R = make_ref(), P = puppet(),
    ok = do(P, global_set_lock, {{R, P}, 0}),
    false = global:set_lock({R, self()}, [node() | nodes()], 0),
    exit(P, kill),
    wait(fun () -> global:set_lock({R, self()}, [node() | nodes()], 0) end),
    global:del_lock({R, self()}).

shared_lock() ->
    met(),
    R = make_ref(), P = puppet(),
    true = global:set_lock({R, us}),
    ok = do(P, global_set_lock, {{R, us}, 0}),
    true = global:del_lock({R, us}),
    false = global:set_lock({R, other}, [node() | nodes()], 0),
    ok = do(P, global_del_lock, {R, us}),
    true = global:set_lock({R, other}, [node() | nodes()], 0),
    global:del_lock({R, other}).

%% A number, which somebody reads and then writes: without a lock steps are lost.
keeper(N) -> spawn_link(?MODULE, keeper, [N, self()]).

keeper(N, Owner) ->
    receive
        {'$gen_call', From, get} -> gen_server:reply(From, N), keeper(N, Owner);
        {'$gen_call', From, {set, M}} -> gen_server:reply(From, ok), keeper(M, Owner)
    end.

add(_, _, 0) -> done;
add(R, Counter, N) ->
    ok = global:trans({R, self()},
                      fun () ->
                              V = gen_server:call(Counter, get),
                              gen_server:call(Counter, {set, V + 1})
                      end),
    add(R, Counter, N - 1).

transactions() ->
    met(),
    R = make_ref(), Counter = keeper(0), Self = self(), P = puppet(),
    spawn_link(fun () -> Self ! add(R, Counter, 5) end),
    spawn_link(fun () -> ok = do(P, global_trans, {{R, P}, Counter, 5}), Self ! done end),
    done = next(),
    done = next(),
    10 = gen_server:call(Counter, get).

%% ---- Meshes

meshes() ->
    [{"a third node, of Erlang, meets all through us", fun third_erlang/0},
     {"a third node, of ours, meets all through Erlang", fun third_of_ours/0},
     {"a third node, of ours, meets all through ours", fun third_by_ours/0},
     {"a node that ends takes its names along", fun ends_with_names/0},
     {"two meshes of two become one", fun two_meshes/0}].

connect(E, Node) -> true = on(E, net_kernel, connect_node, [Node]).

third_erlang() ->
    met(),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    {Node, _} = E = erl("third"),
    connect(E, suite:node()),
    wait(fun () -> lists:member(Node, nodes()) end),
    ok = global:sync(),
    ok = on(E, global, sync, []),
    ok = do(global_sync, []),
    P = on(E, global, whereis_name, [Name]),
    Other = fresh(), Pid = holder(),
    yes = global:register_name(Other, Pid),
    Pid = on(E, global, whereis_name, [Other]).

third_of_ours() ->
    met(),
    Name = fresh(), Pid = holder(),
    yes = global:register_name(Name, Pid),
    {Node, _} = agner("third"),
    pong = net_adm:ping(Node),
    third_met(Node, Name, Pid).

third_by_ours() ->
    met(),
    Name = fresh(), Pid = holder(),
    yes = global:register_name(Name, Pid),
    {Node, _} = agner("third"),
    ok = do(global_connect, Node),
    wait(fun () -> lists:member(Node, nodes()) end),
    third_met(Node, Name, Pid).

third_met(Node, Name, Pid) ->
    ok = global:sync(),
    wait(fun () -> lists:member(suite:node(), do({driver, Node}, global_nodes, [])) end),
    ok = do({driver, Node}, global_sync, []),
    Pid = do({driver, Node}, global_whereis, Name),
    Other = fresh(), P = puppet(Node),
    ok = do(P, global_register, {Other, default}),
    P = global:whereis_name(Other),
    P = do(global_whereis, Other).

ends_with_names() ->
    met(),
    {Node, _} = A = agner("third"),
    met(Node),
    Name = fresh(), P = puppet(Node),
    ok = do(P, global_register, {Name, default}),
    P = do(global_whereis, Name),
    stop(A),
    seen_by_us(Name, undefined),
    seen_by_erlang(Name, undefined).

two_meshes() ->
    met(),
    {Node, _} = agner("third"),
    {Fourth, _} = E = erl("fourth"),
    connect(E, Node),
    Name = fresh(), Pid = on(E, erlang, spawn, [?MODULE, hold, [60000]]),
    yes = on(E, global, register_name, [Name, Pid]),
    Mine = fresh(), Own = holder(),
    yes = global:register_name(Mine, Own),
    ok = do(global_connect, Node),
    wait(fun () -> lists:member(Fourth, nodes()) andalso lists:member(Node, nodes()) end),
    ok = global:sync(),
    Pid = global:whereis_name(Name),
    Pid = do(global_whereis, Name),
    wait(fun () -> do({driver, Node}, global_whereis, Mine) =:= Own end),
    wait(fun () -> on(E, global, whereis_name, [Mine]) =:= Own end).

%% ---- Conflicts: a name of a process here and of one there, when the two meet. The node with
%% the smaller name decides, by its own method.

conflicts() ->
    [{"a conflict that " ++ Who ++ " decides: " ++ atom_to_list(Method),
      fun () -> conflict(Stem, Method) end}
     || {Who, Stem} <- [{"we", "zz"}, {"Erlang", "aa"}],
        Method <- [default, random_notify, notify_all, none]]
        ++ [{"a conflict of two of ours that Erlang decides", fun conflict_of_ours/0},
            {"a conflict of two of Erlang's that we decide", fun conflict_of_theirs/0}].

method(default) -> fun global:random_exit_name/3;
method(random_notify) -> fun global:random_notify_name/3;
method(notify_all) -> fun global:notify_all_name/3;
method(none) -> fun ?MODULE:lose/3.

lose(_, _, _) -> none.

conflict(Stem, Method) ->
    met(),
    {Node, _} = E = erl(Stem),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, Method}),
    Pid = on(E, erlang, spawn, [?MODULE, hold, [60000]]),
    yes = on(E, global, register_name, [Name, Pid, method(Method)]),
    PRef = monitor(process, P),
    connect(E, suite:node()),
    wait(fun () -> lists:member(Node, nodes()) end),
    ok = global:sync(),
    {Kept, Lost} = case Node < suite:node() of true -> {Pid, P}; false -> {P, Pid} end,
    Expected = case Method of
                   default -> Kept;
                   random_notify -> Kept;
                   _ -> undefined
               end,
    seen_by_erlang(Name, Expected),
    seen_by_us(Name, Expected),
    wait(fun () -> on(E, global, whereis_name, [Name]) =:= Expected end),
    case {Method, Lost} of
        {default, P} -> receive {'DOWN', PRef, process, P, killed} -> ok end;
        {default, Pid} -> wait(fun () -> not on(E, erlang, is_process_alive, [Pid]) end);
        {random_notify, P} -> [{global_name_conflict, Name}] = heard(P, 1);
        {notify_all, _} -> [{global_name_conflict, Name, Pid}] = heard(P, 1);
        _ -> true = on(E, erlang, is_process_alive, [Pid])
    end.

%% Two nodes of Erlang's meet; each knows one of ours already, with the name.
conflict_of_ours() ->
    met(),
    {A, _} = E = erl("aa"),
    {B, _} = agner("ab"),
    connect(E, B),
    Name = fresh(), P = puppet(),
    ok = do(P, global_register, {Name, default}),
    Q = on(E, gen_server, call, [{driver, B}, {new}]),
    ok = on(E, gen_server, call, [Q, {do, global_register, {Name, default}}]),
    PRef = monitor(process, P),
    connect(E, node()),
    wait(fun () -> lists:member(A, nodes()) andalso lists:member(B, nodes()) end),
    ok = global:sync(),
    receive {'DOWN', PRef, process, P, killed} -> ok end,
    seen_by_erlang(Name, Q),
    seen_by_us(Name, Q).

%% The same the other way round: two of ours meet.
conflict_of_theirs() ->
    met(),
    {A, _} = E = erl("aa"),
    {B, _} = agner("ab"),
    connect(E, B),
    Name = fresh(), P = holder(),
    yes = global:register_name(Name, P),
    Q = on(E, erlang, spawn, [?MODULE, hold, [60000]]),
    yes = on(E, global, register_name, [Name, Q]),
    PRef = monitor(process, P),
    ok = do(global_connect, B),
    wait(fun () -> lists:member(A, nodes()) andalso lists:member(B, nodes()) end),
    ok = global:sync(),
    receive {'DOWN', PRef, process, P, killed} -> ok end,
    seen_by_erlang(Name, Q),
    seen_by_us(Name, Q).

%% ---- Partitions

partitions() ->
    [{"a loss that Erlang causes leaves nobody between two", fun erlang_leaves/0},
     {"a loss that we cause leaves nobody between two", fun we_leave/0},
     {"after a partition all meet again, and a conflict is decided", fun heals/0}].

%% Two nodes of theirs and ours, apart from the suite's own: E is told what to do by its
%% standard input, and tells the others.
trio() ->
    {A, _} = E1 = erl("one", prevents),
    {B, _} = E2 = erl("two", prevents),
    {C, _} = agner("ours"),
    connect(E1, C),
    connect(E2, C),
    all_met(E1, E2, A, B, C),
    {E1, E2, A, B, C}.

all_met(E1, E2, A, B, C) ->
    wait(fun () ->
                 lists:sort(on(E1, erlang, nodes, [])) =:= lists:sort([B, C]) andalso
                     lists:sort(on(E2, erlang, nodes, [])) =:= lists:sort([A, C])
         end),
    ok = on(E1, global, sync, []),
    ok = on(E2, global, sync, []).

%% Nobody is connected to two that are not connected to each other. All alone is the usual
%% end; but who is asked to drop a node may have forgotten it before it hears of that one's
%% own loss, and then two of them stay together.
apart(E1, E2, C) ->
    wait(fun () ->
                 One = on(E1, erlang, nodes, []),
                 Two = on(E2, erlang, nodes, []),
                 length(One) =< 1 andalso length(Two) =< 1 andalso
                     not (One =:= [C] andalso Two =:= [C])
         end).

%% A disconnection that was asked for before may still be on its way.
meet_again(E1, E2, A, B, C) ->
    wait(fun () ->
                 _ = on(E1, net_kernel, connect_node, [C]),
                 _ = on(E2, net_kernel, connect_node, [C]),
                 lists:sort(on(E1, erlang, nodes, [])) =:= lists:sort([B, C]) andalso
                     lists:sort(on(E2, erlang, nodes, [])) =:= lists:sort([A, C])
         end),
    all_met(E1, E2, A, B, C).

erlang_leaves() ->
    {E1, E2, A, B, C} = trio(),
    true = on(E1, erlang, disconnect_node, [B]),
    apart(E1, E2, C),
    meet_again(E1, E2, A, B, C).

we_leave() ->
    {E1, E2, A, B, C} = trio(),
    ok = on(E1, gen_server, call, [{driver, C}, {do, global_disconnect, B}]),
    apart(E1, E2, C),
    meet_again(E1, E2, A, B, C).

heals() ->
    {E1, E2, A, B, C} = trio(),
    true = on(E1, erlang, disconnect_node, [B]),
    apart(E1, E2, C),
    Name = fresh(),
    Pid1 = on(E1, erlang, spawn, [?MODULE, hold, [60000]]),
    Pid2 = on(E2, erlang, spawn, [?MODULE, hold, [60000]]),
    yes = on(E1, global, register_name, [Name, Pid1]),
    yes = on(E2, global, register_name, [Name, Pid2]),
    meet_again(E1, E2, A, B, C),
    Kept = case A < B of true -> Pid1; false -> Pid2 end,
    wait(fun () ->
                 on(E1, global, whereis_name, [Name]) =:= Kept andalso
                     on(E2, global, whereis_name, [Name]) =:= Kept
         end),
    Kept = on(E1, ?MODULE, call, [C, global, whereis_name, [Name]]),
    [true, false] = lists:sort(fun erlang:'>'/2,
                               [on(E1, erlang, is_process_alive, [Pid1]),
                                on(E2, erlang, is_process_alive, [Pid2])]).

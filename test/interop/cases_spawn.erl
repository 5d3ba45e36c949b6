%% cases_spawn.erl -- processes that one node starts on the other, and what each knows of the
%% other nodes: both roles.
-module(cases_spawn).
-export([cases/0, serve/1, serving/0]).
-export([init/1, handle_call/3, handle_cast/2, terminate/2]).
-import(suite, [do/2, do/3, puppet/0, heard/2, next/0]).

cases() -> theirs() ++ requests() ++ ours() ++ nodes_of() ++ supervised().

%% ---- Erlang starts a process of ours

theirs() ->
    [{"spawn/4 of a registered behaviour", fun spawn4/0},
     {"spawn_link/4", fun spawn_link4/0},
     {"spawn_link/4, and the requester ends", fun spawn_link4_back/0},
     {"spawn_monitor/4", fun spawn_monitor4/0},
     {"spawn_opt/5 with options of Erlang's heaps", fun spawn_opt5/0},
     {"spawn_opt/5 of 30 at once, linked and monitored", fun many/0},
     {"what nobody provides ends as on an Erlang node", fun undef/0},
     {"spawn/2 of a fun that we cannot run", fun foreign_fun/0},
     {"spawn_link/2 of a fun that we cannot run", fun foreign_fun_link/0},
     {"spawn_monitor/2 of an external fun", fun external_fun/0},
     {"spawn of erlang:apply/3", fun apply3/0},
     {"its group leader is the requester's", fun leader/0},
     {"a limit is kept", fun limit/0},
     {"1,000 spawn_monitor of nothing", fun thousand/0}].

provide() -> ok = do(spawn_provide, []).

echo(Pid) -> gen_server:call(Pid, {echo, hello}).

spawn4() ->
    provide(),
    Pid = spawn(suite:node(), worker, start_link, [[]]),
    true = is_pid(Pid),
    true = suite:node() =:= node(Pid),
    _ = echo(Pid),
    ok = gen_server:stop(Pid).

spawn_link4() ->
    provide(),
    process_flag(trap_exit, true),
    Pid = spawn_link(suite:node(), worker, start_link, [[]]),
    {links, [Pid]} = process_info(self(), links),
    exit(Pid, kill),
    {'EXIT', Pid, killed} = next().

spawn_link4_back() ->
    provide(),
    Self = self(),
    Mine = spawn(fun () ->
                         Self ! spawn_link(suite:node(), worker, start_link, [[]]),
                         receive stop -> exit(crashed) end
                 end),
    Pid = next(),
    Ref = monitor(process, Pid),
    Mine ! stop,
    {'DOWN', Ref, process, Pid, crashed} = next().

spawn_monitor4() ->
    provide(),
    {Pid, Ref} = spawn_monitor(suite:node(), worker, start, [[]]),
    ok = gen_server:stop(Pid, done, infinity),
    {'DOWN', Ref, process, Pid, done} = next().

spawn_opt5() ->
    provide(),
    {Pid, Ref} = spawn_opt(suite:node(), worker, start_link, [[]],
                           [monitor, link, {priority, high}, {min_heap_size, 1000},
                            {min_bin_vheap_size, 100}, {fullsweep_after, 5},
                            {message_queue_data, off_heap},
                            {max_heap_size, #{size => 1000000, kill => false}}]),
    unlink(Pid),
    exit(Pid, kill),
    {'DOWN', Ref, process, Pid, killed} = next().

many() ->
    provide(),
    process_flag(trap_exit, true),
    All = [spawn_opt(suite:node(), worker, start_link, [[]], [link, monitor])
           || _ <- lists:seq(1, 30)],
    [exit(Pid, kill) || {Pid, _} <- All],
    [begin
         receive {'EXIT', Pid, killed} -> ok end,
         receive {'DOWN', Ref, process, Pid, killed} -> ok end
     end || {Pid, Ref} <- All].

%% The same on an Erlang node and on ours.
undef() ->
    {Erl, _} = suite:erl(undef),
    Reasons = [begin
                   {Pid, Ref} = spawn_monitor(Node, no_such_module, f, [a, {b}]),
                   receive {'DOWN', Ref, process, Pid, Why} -> Why end
               end || Node <- [suite:node(), Erl]],
    [{undef, [{no_such_module, f, [a, {b}], []}]}] = lists:usort(Reasons).

foreign_fun() ->
    F = fun () -> exit(it_ran) end,
    Pid = spawn(suite:node(), F),
    Ref = monitor(process, Pid),
    receive
        {'DOWN', Ref, process, Pid, {{badfun, F}, [{erlang, apply, [F, []], []}]}} -> ok;
        {'DOWN', Ref, process, Pid, noproc} -> ok
    end.

foreign_fun_link() ->
    process_flag(trap_exit, true),
    F = fun () -> exit(it_ran) end,
    Pid = spawn_link(suite:node(), F),
    {'EXIT', Pid, {{badfun, F}, [{erlang, apply, [F, []], []}]}} = next().

external_fun() ->
    {Pid, Ref} = spawn_monitor(suite:node(), fun no_such_module:g/0),
    {'DOWN', Ref, process, Pid, {undef, [{no_such_module, g, [], []}]}} = next().

apply3() ->
    provide(),
    {Pid, Ref} = spawn_monitor(suite:node(), erlang, apply, [worker, start_link, [[]]]),
    _ = echo(Pid),
    ok = gen_server:stop(Pid),
    {'DOWN', Ref, process, Pid, normal} = next().

leader() ->
    provide(),
    Pid = spawn(suite:node(), worker, start_link, [[]]),
    Leader = group_leader(),
    Leader = do(leader_of, Pid),
    ok = gen_server:stop(Pid).

limit() ->
    provide(),
    {Pid, Ref} = spawn_monitor(suite:node(), one_worker, start_link, [[]]),
    Again = spawn_request(suite:node(), one_worker, start_link, [[]], []),
    {spawn_reply, Again, error, system_limit} = next(),
    exit(Pid, kill),
    {'DOWN', Ref, process, Pid, killed} = next(),
    {Pid2, _} = spawn_monitor(suite:node(), one_worker, start_link, [[]]),
    exit(Pid2, kill).

thousand() ->
    Refs = [element(2, spawn_monitor(suite:node(), no_such_module, f, [N]))
            || N <- lists:seq(1, 1000)],
    [receive {'DOWN', Ref, process, _, {undef, _}} -> ok end || Ref <- Refs].

%% ---- spawn_request/5, as Erlang asks us

requests() ->
    [{"spawn_request: the reply comes first", fun first/0},
     {"spawn_request: a reply tag", fun reply_tag/0},
     {"spawn_request: {reply, no}", fun () -> quiet(no, true) end},
     {"spawn_request: {reply, error_only}", fun () -> quiet(error_only, true) end},
     {"spawn_request: {reply, success_only}", fun () -> quiet(success_only, false) end},
     {"spawn_request: a monitor with a tag and an alias", fun monitor_options/0},
     {"spawn_request: an unknown option is badopt", fun badopt/0},
     {"spawn_request: a name of ours, once", fun named/0},
     {"spawn_request_abandon: the linked process is sent off", fun abandon/0},
     {"spawn_request_abandon: too late", fun abandon_late/0},
     {"spawn_request to a node that is stopped", fun lost/0}].

first() ->
    process_flag(trap_exit, true),
    R = spawn_request(suite:node(), no_such_module, f, [], [link, monitor]),
    {spawn_reply, R, ok, Pid} = next(),
    A = next(), B = next(),
    [{'EXIT', Pid, {undef, _}}, {'DOWN', R, process, Pid, {undef, _}}] = lists:sort([A, B]).

reply_tag() ->
    R = spawn_request(suite:node(), no_such_module, f, [], [{reply_tag, {my, tag}}]),
    {{my, tag}, R, ok, _} = next().

quiet(What, Monitor) ->
    R = spawn_request(suite:node(), no_such_module, f, [],
                      [{reply, What} | [monitor || Monitor]]),
    case Monitor of
        true -> {'DOWN', R, process, _, {undef, _}} = next();
        false -> {spawn_reply, R, ok, _} = next()
    end.

monitor_options() ->
    provide(),
    R = spawn_request(suite:node(), worker, start_link, [[]],
                      [{monitor, [{tag, gone}, {alias, explicit_unalias}]}]),
    {spawn_reply, R, ok, Pid} = next(),
    ok = gen_server:cast(Pid, {notify, self(), x}),
    x = next(),
    R ! through_the_alias,
    through_the_alias = next(),
    exit(Pid, kill),
    {gone, R, process, Pid, killed} = next().

badopt() ->
    [begin
         R = spawn_request(suite:node(), no_such_module, f, [], Options),
         {spawn_reply, R, error, badopt} = next()
     end || Options <- [[unknown], [link, {unknown, 1}]]].

named() ->
    provide(),
    Name = spawn_case_name,
    R = spawn_request(suite:node(), worker, start_link, [[]], [monitor, {name, Name}]),
    {spawn_reply, R, ok, Pid} = next(),
    R2 = spawn_request(suite:node(), worker, start_link, [[]], [{name, Name}]),
    {spawn_reply, R2, error, taken} = next(),
    ok = gen_server:stop({Name, suite:node()}),
    {'DOWN', R, process, Pid, normal} = next().

%% Abandoned before the reply can be there: our node is held up meanwhile.
abandon() ->
    {Node, _} = A = suite:agner(abandon),
    ok = do({driver, Node}, spawn_provide, []),
    suite:signal(A, "STOP"),
    R = spawn_request(Node, worker, start_link, [[]], [link, {name, abandoned_case}]),
    true = spawn_request_abandon(R),
    false = spawn_request_abandon(R),
    suite:signal(A, "CONT"),
    suite:wait(fun () -> pong =:= net_adm:ping(Node) end),
    suite:wait(fun () ->
                       Ref = monitor(process, {abandoned_case, Node}),
                       receive {'DOWN', Ref, process, _, Why} ->
                               lists:member(Why, [noproc, abandoned])
                       end
               end),
    receive M -> error(M) after 0 -> ok end.

abandon_late() ->
    R = spawn_request(suite:node(), no_such_module, f, [], []),
    {spawn_reply, R, ok, _} = next(),
    false = spawn_request_abandon(R).

lost() ->
    {Node, _} = A = suite:agner(lost),
    pong = net_adm:ping(Node),
    suite:signal(A, "STOP"),
    R = spawn_request(Node, no_such_module, f, [], []),
    suite:signal(A, "KILL"),
    {spawn_reply, R, error, noconnection} = next().

%% ---- We start a process of Erlang's

ours() ->
    [{"we spawn", fun we_spawn/0},
     {"we spawn and link: their end", fun we_link/0},
     {"we spawn and link: our end", fun we_link_back/0},
     {"we spawn and monitor", fun we_monitor/0},
     {"we spawn what is undefined", fun we_undef/0},
     {"we spawn with options", fun we_options/0},
     {"we spawn with an option that Erlang does not have", fun we_badopt/0},
     {"we spawn on a node that is not there", fun we_nowhere/0},
     {"our spawn request is answered first", fun we_request/0},
     {"our spawn request has a reply tag", fun we_reply_tag/0},
     {"our spawn request to a node that is not there", fun we_request_nowhere/0},
     {"we abandon a spawn request", fun we_abandon/0},
     {"we wait no longer, and no process stays", fun we_are_late/0},
     {"the node is killed while we wait", fun we_lose/0},
     {"the group leader is ours", fun we_lead/0},
     {"100 of our spawns, linked and monitored", fun we_many/0}].

%% What we start here: says who it is, and ends as it is told.
serve([To, Tag]) ->
    To ! {Tag, self(), group_leader(), element(2, process_info(self(), priority))},
    receive {stop, Why} -> exit(Why) end.

ask(Op, Options) -> ask(puppet(), Op, Options).

ask(P, Op, Options) ->
    {P, do(P, Op, {node(), ?MODULE, serve, [[self(), hello]], Options})}.

we_spawn() ->
    {_, {ok, Pid}} = ask(spawn_node, []),
    {hello, Pid, _, normal} = next(),
    Pid ! {stop, normal}.

we_link() ->
    P = puppet(),
    false = do(P, trap_exit, true),
    {P, {ok, Pid}} = ask(P, spawn_node, [link]),
    {hello, Pid, _, _} = next(),
    {links, [P]} = process_info(Pid, links),
    Pid ! {stop, because},
    [{'EXIT', Pid, because}] = heard(P, 1).

we_link_back() ->
    {P, {ok, Pid}} = ask(spawn_node, [link]),
    {hello, Pid, _, _} = next(),
    Ref = monitor(process, Pid),
    exit(P, crashed),
    {'DOWN', Ref, process, Pid, crashed} = next().

we_monitor() ->
    {P, {ok, Pid}} = ask(spawn_node, [monitor]),
    {hello, Pid, _, _} = next(),
    {monitored_by, [P]} = process_info(Pid, monitored_by),
    Pid ! {stop, because},
    [{'DOWN', _, process, Pid, because}] = heard(P, 1).

we_undef() ->
    P = puppet(),
    {ok, Pid} = do(P, spawn_node, {node(), no_such_module, f, [1], [monitor]}),
    [{'DOWN', _, process, Pid, {undef, [{no_such_module, f, [1], []}]}}] = heard(P, 1).

we_options() ->
    {_, {ok, Pid}} = ask(spawn_node, [{priority, low}, {min_heap_size, 500}]),
    {hello, Pid, _, low} = next(),
    Pid ! {stop, normal}.

we_badopt() ->
    {_, {error, 'EINVAL', _}} = ask(spawn_node, [{name, some_name}]).

we_nowhere() ->
    {error, 'ENOCONN', noconnection} =
        do(spawn_node, {suite:name(nobody), m, f, [], []}).

we_request() ->
    P = puppet(),
    false = do(P, trap_exit, true),
    R = do(P, spawn_request, {node(), no_such_module, f, [], [link, monitor]}),
    [{spawn_reply, R, ok, Pid}] = heard(P, 1),
    [{'EXIT', Pid, {undef, _}}, {'DOWN', R, process, Pid, {undef, _}}] =
        lists:sort(heard(P, 2)).

we_reply_tag() ->
    P = puppet(),
    R = do(P, spawn_request, {node(), no_such_module, f, [], [{reply_tag, [mine]}]}),
    [{[mine], R, ok, _}] = heard(P, 1).

we_request_nowhere() ->
    P = puppet(),
    R = do(P, spawn_request, {suite:name(nobody), m, f, [], [link, monitor]}),
    [{spawn_reply, R, error, noconnection}] = heard(P, 1).

we_abandon() ->
    {P, ok} = ask(spawn_abandoned, [link]),
    {hello, Pid, _, _} = next(),
    Ref = monitor(process, Pid),
    receive
        {'DOWN', Ref, process, Pid, abandoned} -> ok;
        {'DOWN', Ref, process, Pid, noproc} -> ok
    end,
    P ! nothing_else,
    [nothing_else] = heard(P, 1).

%% An Erlang node that is held up answers too late. It makes processes in the order in which
%% they are asked for, so when there is a second one the first was there.
we_are_late() ->
    {Node, _} = E = suite:erl(late),
    {module, ?MODULE} = suite:on(E, code, ensure_loaded, [?MODULE]),
    P = puppet(),
    ok = do(P, connect_to, Node),
    suite:signal(E, "STOP"),
    {error, 'ETIMEOUT', _} =
        do(P, spawn_soon, {Node, ?MODULE, serve, [[self(), hello]], []}),
    suite:signal(E, "CONT"),
    {ok, Second} = do(P, spawn_node, {Node, ?MODULE, serve, [[self(), hello]], []}),
    suite:wait(fun () -> [Second] =:= suite:on(E, ?MODULE, serving, []) end).

serving() ->
    [Pid || Pid <- processes(),
            {initial_call, {?MODULE, serve, 1}} =:= process_info(Pid, initial_call)].

we_lose() ->
    {Node, _} = E = suite:erl(lose),
    P = puppet(),
    ok = do(P, connect_to, Node),
    suite:signal(E, "STOP"),
    R = do(P, spawn_request, {Node, ?MODULE, serve, [[self(), hello]], [link, monitor]}),
    suite:signal(E, "KILL"),
    [{spawn_reply, R, error, noconnection}] = heard(P, 1).

we_lead() ->
    P = puppet(),
    Leader = do(P, group_leader, []),
    {P, {ok, Pid}} = ask(P, spawn_node, []),
    {hello, Pid, Leader, _} = next(),
    Pid ! {stop, normal}.

we_many() ->
    P = puppet(),
    false = do(P, trap_exit, true),
    Pids = [element(2, element(2, ask(P, spawn_node, [link, monitor])))
            || _ <- lists:seq(1, 100)],
    [receive {hello, Pid, _, _} -> Pid ! {stop, N} end
     || {N, Pid} <- lists:zip(lists:seq(1, 100), Pids)],
    Heard = heard(P, 200),
    [begin
         true = lists:member({'EXIT', Pid, N}, Heard),
         [_] = [M || M = {'DOWN', _, process, Pd, Nr} <- Heard, Pd =:= Pid, Nr =:= N]
     end || {N, Pid} <- lists:zip(lists:seq(1, 100), Pids)].

%% ---- Nodes

nodes_of() ->
    [{"we list a visible Erlang node", fun visible/0},
     {"we list a hidden Erlang node", fun hidden/0},
     {"we connect to, disconnect from, an Erlang node", fun connect/0},
     {"we hear why an Erlang node went", fun reasons/0}].

visible() ->
    Here = node(),
    true = lists:member(Here, do(nodes_of, visible)),
    false = lists:member(Here, do(nodes_of, hidden)).

hidden() ->
    {Node, _} = suite:erl(hidden, ["-hidden"]),
    ok = do(connect_to, Node),
    true = lists:member(Node, do(nodes_of, hidden)),
    false = lists:member(Node, do(nodes_of, visible)).

connect() ->
    {Node, _} = E = suite:erl(connect, ["-hidden"]),
    {error, 'ENOCONN'} = do(disconnect_from, Node),
    ok = do(connect_to, Node),
    Ours = suite:node(),
    suite:wait(fun () -> lists:member(Ours, suite:on(E, erlang, nodes, [connected])) end),
    ok = do(disconnect_from, Node),
    suite:wait(fun () -> not lists:member(Ours, suite:on(E, erlang, nodes, [connected])) end),
    false = lists:member(Node, do(nodes_of, connected)).

reasons() ->
    P = puppet(),
    {Node, _} = E = suite:erl(reasons, ["-hidden"]),
    ok = do(P, monitor_nodes_with, []),
    ok = do(P, connect_to, Node),
    [{nodeup, Node, Up}] = heard(P, 1),
    hidden = proplists:get_value(node_type, Up),
    suite:stop(E),
    [{nodedown, Node, Down}] = heard(P, 1),
    connection_closed = proplists:get_value(nodedown_reason, Down).

%% ---- A supervisor of ours has a child on an Erlang node

supervised() ->
    [{"a gen_server of Erlang's under a supervisor of ours", fun child/0},
     {"it is restarted when it crashes", fun child_crashes/0},
     {"it is stopped by its supervisor, in order", fun child_stops/0},
     {"it has a name of its own", fun child_name/0},
     {"its init fails", fun child_fails/0},
     {"its init says ignore", fun child_ignores/0},
     {"a supervisor of Erlang's under one of ours", fun child_supervisor/0},
     {"a function as a child", fun child_function/0},
     {"its node goes, and comes back", fun child_node/0}].

%% What init/1 is to do, and whom to tell.
server(What) -> {gen_server, start_link, [?MODULE, {What, self()}, []]}.

supervise(MFA) -> supervise(node(), MFA).

supervise(Node, MFA) -> do(supervise, {Node, MFA}).

child() ->
    {ok, Sup} = supervise(server(tell)),
    {up, Pid} = next(),
    [{far, Pid, worker, [gen_server]}] = supervisor:which_children(Sup),
    Pid = gen_server:call(Pid, pid),
    {links, [Sup]} = process_info(Pid, links),
    {dictionary, Dictionary} = process_info(Pid, dictionary),
    {'$ancestors', [Sup]} = lists:keyfind('$ancestors', 1, Dictionary),
    ok = gen_server:stop(Sup),
    {down, Pid, shutdown} = next().

child_crashes() ->
    {ok, Sup} = supervise(server(tell)),
    {up, Pid} = next(),
    exit(Pid, kill),
    {up, Again} = next(),
    true = Pid =/= Again,
    gen_server:cast(Again, {stop, because}),
    {down, Again, because} = next(),
    {up, _} = next(),
    ok = gen_server:stop(Sup),
    {down, _, shutdown} = next().

child_stops() ->
    {ok, Sup} = supervise(server(tell)),
    {up, Pid} = next(),
    ok = supervisor:terminate_child(Sup, far),
    {down, Pid, shutdown} = next(),
    {ok, Again} = supervisor:restart_child(Sup, far),
    {up, Again} = next(),
    exit(Sup, kill),
    {down, Again, killed} = next().

child_name() ->
    {gen_server, start_link, Args} = server(tell),
    {ok, Sup} = supervise({gen_server, start_link, [{local, far_case} | Args]}),
    {up, Pid} = next(),
    Pid = whereis(far_case),
    ok = gen_server:stop(Sup),
    {down, Pid, shutdown} = next().

child_fails() ->
    {error, 'EEXIT', {shutdown, {failed_to_start_child, far, no_luck}}} =
        supervise(server(fail)).

child_ignores() ->
    {ok, Sup} = supervise(server(ignore)),
    [{far, undefined, worker, _}] = supervisor:which_children(Sup),
    ok = gen_server:stop(Sup).

child_supervisor() ->
    {ok, Sup} = supervise({supervisor, start_link, [?MODULE, {supervisor, self()}]}),
    {up, Pid} = next(),
    [{far, Theirs, worker, [supervisor]}] = supervisor:which_children(Sup),
    [{inner, Pid, worker, _}] = supervisor:which_children(Theirs),
    ok = gen_server:stop(Sup),
    {down, Pid, shutdown} = next().

child_function() ->
    {ok, Sup} = supervise({?MODULE, serve, [[self(), hello]]}),
    {hello, Pid, _, _} = next(),
    Pid ! {stop, because},
    {hello, Again, _, _} = next(),
    true = Pid =/= Again,
    Ref = monitor(process, Again),
    ok = gen_server:stop(Sup),
    {'DOWN', Ref, process, Again, shutdown} = next().

child_node() ->
    {Node, _} = E = suite:erl(child),
    {module, ?MODULE} = suite:on(E, code, ensure_loaded, [?MODULE]),
    {ok, Sup} = supervise(Node, server(tell)),
    {up, Pid} = next(),
    Node = node(Pid),
    ok = do(disconnect_from, Node),
    {down, Pid, noconnection} = next(),
    {up, Again} = next(),
    Node = node(Again),
    ok = gen_server:stop(Sup),
    {down, Again, shutdown} = next().

init({tell, To}) ->
    process_flag(trap_exit, true),
    To ! {up, self()},
    {ok, To};
init({fail, _}) -> {stop, no_luck};
init({ignore, _}) -> ignore;
init({supervisor, To}) ->
    {ok, {#{}, [#{id => inner, start => {gen_server, start_link, [?MODULE, {tell, To}, []]}}]}}.

handle_call(pid, _, To) -> {reply, self(), To}.

handle_cast({stop, Why}, To) -> {stop, Why, To}.

terminate(Why, To) -> To ! {down, self(), Why}.

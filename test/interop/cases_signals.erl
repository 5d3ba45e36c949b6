%% cases_signals.erl -- links, monitors, exit signals, aliases: both roles.
-module(cases_signals).
-export([cases/0]).
-import(suite, [do/2, do/3, puppet/0, heard/2, next/0, dead/0, our_dead/0]).

-define(WAIT, 20000).

cases() ->
    links() ++ monitors() ++ exits() ++ aliases().

%% A fresh process of Erlang's that runs until it is told to end: Pid ! {die, Reason}; it
%% says what it hears to the case.
echo() ->
    Self = self(),
    spawn(fun () -> tell(Self) end).

tell(To) ->
    receive
        {die, Reason} -> exit(Reason);
        Message -> To ! {self(), Message}, tell(To)
    end.

trapping() ->
    Self = self(),
    Pid = spawn(fun () ->
                        process_flag(trap_exit, true),
                        Self ! {self(), ready},
                        tell(Self)
                end),
    {Pid, ready} = next(),
    Pid.

%% ---- Links

links() ->
    [{"Erlang links, ours ends", fun they_link_ours_ends/0},
     {"Erlang links, theirs ends", fun they_link_theirs_ends/0},
     {"we link, ours ends", fun we_link_ours_ends/0},
     {"we link, theirs ends", fun we_link_theirs_ends/0},
     {"a normal end does not end the other: ours", fun normal_ours/0},
     {"a normal end does not end the other: theirs", fun normal_theirs/0},
     {"Erlang links to a dead process of ours", fun they_link_dead/0},
     {"we link to a dead process of Erlang's", fun we_link_dead/0},
     {"Erlang unlinks", fun they_unlink/0},
     {"we unlink", fun we_unlink/0},
     {"linking twice is one link: Erlang", fun they_link_twice/0},
     {"linking twice is one link: ours", fun we_link_twice/0},
     {"both link and unlink at once, 100 times", fun crossing/0},
     {"a link's reason may be any term", fun any_reason/0}].

they_link_ours_ends() ->
    process_flag(trap_exit, true),
    P = puppet(),
    true = link(P),
    gen_server:cast(P, {once, {self(), make_ref()}, die, over}),
    {'EXIT', P, over} = next().

they_link_theirs_ends() ->
    P = puppet(),
    true = do(P, trap_exit, true) =/= x,
    Self = self(),
    Pid = spawn(fun () -> link(P), Self ! linked, receive die -> exit(over) end end),
    linked = next(),
    Pid ! die,
    [{'EXIT', Pid, over}] = heard(P, 1).

we_link_ours_ends() ->
    Pid = trapping(),
    P = puppet(),
    ok = do(P, link, Pid),
    exit(P, over),
    {Pid, {'EXIT', P, over}} = next().

we_link_theirs_ends() ->
    P = puppet(),
    do(P, trap_exit, true),
    Pid = echo(),
    ok = do(P, link, Pid),
    Pid ! {die, over},
    [{'EXIT', Pid, over}] = heard(P, 1).

normal_ours() ->
    Pid = echo(),
    P = puppet(),
    ok = do(P, link, Pid),
    Ref = monitor(process, P),
    gen_server:cast(P, {once, {self(), make_ref()}, die, normal}),
    receive {'DOWN', Ref, process, P, normal} -> ok end,
    Pid ! hello,
    {Pid, hello} = next().

normal_theirs() ->
    P = puppet(),
    Pid = echo(),
    ok = do(P, link, Pid),
    Ref = monitor(process, Pid),
    Pid ! {die, normal},
    receive {'DOWN', Ref, process, Pid, normal} -> ok end,
    hello = do(P, echo, hello).

they_link_dead() ->
    process_flag(trap_exit, true),
    P = our_dead(),
    true = link(P),
    {'EXIT', P, noproc} = next().

we_link_dead() ->
    P = puppet(),
    do(P, trap_exit, true),
    Pid = dead(),
    ok = do(P, link, Pid),
    [{'EXIT', Pid, noproc}] = heard(P, 1).

they_unlink() ->
    process_flag(trap_exit, true),
    P = puppet(),
    true = link(P),
    true = unlink(P),
    Ref = monitor(process, P),
    exit(P, kill),
    {'DOWN', Ref, process, P, killed} = next(),
    receive Any -> exit({an_exit_after_unlink, Any}) after 0 -> ok end.

we_unlink() ->
    P = puppet(),
    do(P, trap_exit, true),
    Pid = echo(),
    ok = do(P, link, Pid),
    ok = do(P, unlink, Pid),
    _ = do(P, monitor, Pid),
    Pid ! {die, over},
    [{'DOWN', _, process, Pid, over}] = heard(P, 1),
    P ! last,
    [last] = heard(P, 1).

they_link_twice() ->
    process_flag(trap_exit, true),
    P = puppet(),
    true = link(P),
    true = link(P),
    exit(P, over),
    {'EXIT', P, over} = next(),
    hello = do(echo, hello),
    receive Any -> exit({twice, Any}) after 0 -> ok end.

we_link_twice() ->
    P = puppet(),
    do(P, trap_exit, true),
    Pid = echo(),
    ok = do(P, link, Pid),
    ok = do(P, link, Pid),
    Pid ! {die, over},
    [{'EXIT', Pid, over}] = heard(P, 1),
    P ! last,
    [last] = heard(P, 1).

%% Whoever was last to act decides; then the pair is cleanly unlinked, and nothing comes.
crossing() ->
    process_flag(trap_exit, true),
    P = puppet(),
    do(P, trap_exit, true),
    [begin
         Id = gen_server:send_request(P, {do, link, self()}),
         link(P),
         unlink(P),
         {reply, ok} = gen_server:receive_response(Id, ?WAIT),
         ok = do(P, unlink, self())
     end || _ <- lists:seq(1, 100)],
    unlink(P),
    Ref = monitor(process, P),
    exit(P, kill),
    receive {'DOWN', Ref, process, P, killed} -> ok end,
    receive {'EXIT', P, _} = E -> exit(E) after 0 -> ok end.

any_reason() ->
    process_flag(trap_exit, true),
    P = puppet(),
    Reason = {a, <<"reason">>, #{'of' => [any, kind]}, binary:copy(<<1>>, 100000)},
    ok = do(P, link, self()),
    exit(P, Reason),
    {'EXIT', P, Reason} = next().

%% ---- Monitors

monitors() ->
    [{"Erlang monitors a pid of ours", fun they_monitor/0},
     {"we monitor a pid of Erlang's", fun we_monitor/0},
     {"Erlang monitors a name of ours", fun they_monitor_name/0},
     {"we monitor a name of Erlang's", fun we_monitor_name/0},
     {"Erlang monitors a name that nobody has", fun they_monitor_nobody/0},
     {"we monitor a name that nobody has", fun we_monitor_nobody/0},
     {"Erlang monitors a dead pid", fun they_monitor_dead/0},
     {"we monitor a dead pid", fun we_monitor_dead/0},
     {"Erlang monitors on a node that is not there", fun they_monitor_nowhere/0},
     {"we monitor on a node that is not there", fun we_monitor_nowhere/0},
     {"Erlang demonitors", fun they_demonitor/0},
     {"we demonitor", fun we_demonitor/0},
     {"many monitors of one process: Erlang", fun they_monitor_often/0},
     {"many monitors of one process: ours", fun we_monitor_often/0},
     {"Erlang monitors our node, which ends", fun they_monitor_node/0},
     {"we monitor an Erlang node, which ends", fun we_monitor_node/0},
     {"our node is killed: links and monitors of Erlang's fire", fun our_node_killed/0},
     {"an Erlang node is killed: links and monitors of ours fire", fun their_node_killed/0},
     {"erlang:disconnect_node: both hear of it", fun they_disconnect/0},
     {"we disconnect: both hear of it", fun we_disconnect/0},
     {"a monitor with a tag and an alias", fun they_monitor_alias/0}].

they_monitor() ->
    P = puppet(),
    Ref = monitor(process, P),
    exit(P, {over, 1}),
    {'DOWN', Ref, process, P, {over, 1}} = next().

we_monitor() ->
    P = puppet(),
    Pid = echo(),
    Ref = do(P, monitor, Pid),
    Pid ! {die, {over, 1}},
    [{'DOWN', Ref, process, Pid, {over, 1}}] = heard(P, 1).

they_monitor_name() ->
    P = puppet(),
    ok = do(P, register, monitored),
    Ref = monitor(process, {monitored, suite:node()}),
    exit(P, over),
    Who = {monitored, suite:node()},
    {'DOWN', Ref, process, Who, over} = next().

we_monitor_name() ->
    P = puppet(),
    Pid = echo(),
    true = register(case_monitored, Pid),
    Who = {case_monitored, node()},
    Ref = do(P, monitor, Who),
    Pid ! {die, over},
    [{'DOWN', Ref, process, Who, over}] = heard(P, 1).

they_monitor_nobody() ->
    Who = {nobody, suite:node()},
    Ref = monitor(process, Who),
    {'DOWN', Ref, process, Who, noproc} = next().

we_monitor_nobody() ->
    P = puppet(),
    Who = {nobody, node()},
    Ref = do(P, monitor, Who),
    [{'DOWN', Ref, process, Who, noproc}] = heard(P, 1).

they_monitor_dead() ->
    P = our_dead(),
    Ref = monitor(process, P),
    {'DOWN', Ref, process, P, noproc} = next().

we_monitor_dead() ->
    P = puppet(),
    Pid = dead(),
    Ref = do(P, monitor, Pid),
    [{'DOWN', Ref, process, Pid, noproc}] = heard(P, 1).

they_monitor_nowhere() ->
    Who = {x, suite:name(away)},
    Ref = monitor(process, Who),
    {'DOWN', Ref, process, Who, noconnection} = next().

we_monitor_nowhere() ->
    P = puppet(),
    Who = {x, suite:name(away)},
    Ref = do(P, monitor, Who),
    [{'DOWN', Ref, process, Who, noconnection}] = heard(P, 1).

they_demonitor() ->
    P = puppet(),
    Ref = monitor(process, P),
    true = demonitor(Ref, [flush, info]),
    Other = monitor(process, P),
    exit(P, over),
    {'DOWN', Other, process, P, over} = next(),
    receive Any -> exit(Any) after 0 -> ok end.

we_demonitor() ->
    P = puppet(),
    Pid = echo(),
    Ref = do(P, monitor, Pid),
    ok = do(P, demonitor, Ref),
    {error, 'ENOREF'} = do(P, demonitor, Ref),
    Other = do(P, monitor, Pid),
    Pid ! {die, over},
    [{'DOWN', Other, process, Pid, over}] = heard(P, 1).

they_monitor_often() ->
    P = puppet(),
    Refs = [monitor(process, P) || _ <- lists:seq(1, 200)],
    exit(P, over),
    [receive {'DOWN', Ref, process, P, over} -> ok end || Ref <- Refs].

we_monitor_often() ->
    P = puppet(),
    Pid = echo(),
    Refs = [do(P, monitor, Pid) || _ <- lists:seq(1, 200)],
    Pid ! {die, over},
    Downs = heard(P, 200),
    true = lists:sort(Refs) =:= lists:sort([Ref || {'DOWN', Ref, _, _, over} <- Downs]).

they_monitor_node() ->
    {Node, _} = Ours = suite:agner(ours),
    true = monitor_node(Node, true),
    pong = net_adm:ping(Node),
    suite:stop(Ours),
    {nodedown, Node} = next().

we_monitor_node() ->
    {Node, _} = Theirs = suite:erl(theirs),
    P = puppet(),
    ok = do(P, monitor_node, Node),
    {ok, _} = do(P, connect, Node),
    suite:stop(Theirs),
    [{nodedown, Node}] = heard(P, 1).

our_node_killed() ->
    process_flag(trap_exit, true),
    {Node, _} = Ours = suite:agner(ours),
    P = suite:puppet(Node),
    true = link(P),
    Ref = monitor(process, P),
    Named = monitor(process, {driver, Node}),
    suite:signal(Ours, "KILL"),
    receive {'EXIT', P, noconnection} -> ok end,
    receive {'DOWN', Ref, process, P, noconnection} -> ok end,
    receive {'DOWN', Named, process, {driver, Node}, noconnection} -> ok end,
    {'EXIT', {{nodedown, Node}, _}} = (catch gen_server:call(P, x)).

their_node_killed() ->
    {Node, _} = Theirs = suite:erl(theirs),
    Pid = suite:on(Theirs, erlang, whereis, [init]),
    P = puppet(),
    do(P, trap_exit, true),
    Ref = do(P, monitor, Pid),
    ok = do(P, link, suite:on(Theirs, erlang, whereis, [logger])),
    Id = gen_server:send_request(P, {do, call, {{init, Node}, never_answered, ?WAIT}}),
    _ = do(echo, still_there),
    suite:signal(Theirs, "KILL"),
    {reply, {error, 'ENODEDOWN', {nodedown, Node}}} = gen_server:receive_response(Id, ?WAIT),
    Heard = heard(P, 2),
    [_] = [x || {'DOWN', R, process, D, noconnection} <- Heard, R =:= Ref, D =:= Pid],
    [_] = [x || {'EXIT', _, noconnection} <- Heard].

they_disconnect() ->
    {Node, _} = suite:agner(ours),
    P = suite:puppet(Node),
    do(P, trap_exit, true),
    Pid = trapping(),
    Ref = do(P, monitor, Pid),
    ok = do(P, link, Pid),
    true = erlang:disconnect_node(Node),
    {Pid, {'EXIT', P, noconnection}} = next(),
    Heard = heard(P, 2),
    true = lists:member({'DOWN', Ref, process, Pid, noconnection}, Heard),
    true = lists:member({'EXIT', Pid, noconnection}, Heard).

we_disconnect() ->
    {Node, _} = suite:agner(ours),
    P = suite:puppet(Node),
    true = monitor_node(Node, true),
    Ref = do(P, monitor, self()),
    %% The answer is lost with the connection.
    gen_server:cast(P, {once, {self(), make_ref()}, disconnect, node()}),
    {nodedown, Node} = next(),
    _ = Ref,
    pong = net_adm:ping(Node).

they_monitor_alias() ->
    P = puppet(),
    Ref = erlang:monitor(process, P, [{alias, reply_demonitor}, {tag, gone}]),
    ok = do(P, send, {Ref, first}),
    first = next(),
    ok = do(P, send, {Ref, second}),
    exit(P, over),
    Other = monitor(process, P),
    receive {'DOWN', Other, process, P, _} -> ok end,
    receive Any -> exit(Any) after 0 -> ok end.

%% ---- Exit signals

exits() ->
    [{"Erlang exits ours: it ends", fun they_exit/0},
     {"Erlang exits ours, which traps", fun they_exit_trapping/0},
     {"Erlang kills ours, which traps", fun they_kill/0},
     {"we exit theirs: it ends", fun we_exit/0},
     {"we exit theirs, which traps", fun we_exit_trapping/0},
     {"we kill theirs, which traps", fun we_kill/0},
     {"exit with normal does nothing: Erlang", fun they_exit_normal/0},
     {"exit with normal does nothing: ours", fun we_exit_normal/0},
     {"the group leader of one of ours is set", fun group_leader_set/0}].

they_exit() ->
    P = puppet(),
    Ref = monitor(process, P),
    exit(P, {because, 1}),
    {'DOWN', Ref, process, P, {because, 1}} = next().

they_exit_trapping() ->
    P = puppet(),
    do(P, trap_exit, true),
    exit(P, because),
    Self = self(),
    [{'EXIT', Self, because}] = heard(P, 1).

they_kill() ->
    P = puppet(),
    do(P, trap_exit, true),
    Ref = monitor(process, P),
    exit(P, kill),
    {'DOWN', Ref, process, P, killed} = next().

we_exit() ->
    Pid = echo(),
    Ref = monitor(process, Pid),
    ok = do(exit, {Pid, {because, 1}}),
    {'DOWN', Ref, process, Pid, {because, 1}} = next().

we_exit_trapping() ->
    Pid = trapping(),
    P = puppet(),
    ok = do(P, exit, {Pid, because}),
    {Pid, {'EXIT', P, because}} = next().

we_kill() ->
    Pid = trapping(),
    Ref = monitor(process, Pid),
    ok = do(exit, {Pid, kill}),
    {'DOWN', Ref, process, Pid, killed} = next().

they_exit_normal() ->
    P = puppet(),
    exit(P, normal),
    hello = do(P, echo, hello).

we_exit_normal() ->
    Pid = echo(),
    ok = do(exit, {Pid, normal}),
    Pid ! hello,
    {Pid, hello} = next().

group_leader_set() ->
    P = puppet(),
    true = group_leader(self(), P),
    hello = do(P, echo, hello).

%% ---- Aliases

aliases() ->
    [{"Erlang sends to an alias of ours", fun they_send_to_alias/0},
     {"we send to an alias of Erlang's", fun we_send_to_alias/0},
     {"an alias of ours that was given up", fun our_alias_gone/0},
     {"an alias of Erlang's that was given up", fun their_alias_gone/0},
     {"an alias of ours for one reply", fun our_reply_alias/0},
     {"an alias of Erlang's for one reply", fun their_reply_alias/0}].

they_send_to_alias() ->
    P = puppet(),
    Alias = do(P, alias, explicit),
    Alias ! one,
    Alias ! two,
    [one, two] = heard(P, 2).

we_send_to_alias() ->
    Alias = alias(),
    ok = do(send, {Alias, one}),
    one = next().

our_alias_gone() ->
    P = puppet(),
    Alias = do(P, alias, explicit),
    ok = do(P, unalias, Alias),
    Alias ! lost,
    P ! seen,
    [seen] = heard(P, 1).

their_alias_gone() ->
    Alias = alias(),
    true = unalias(Alias),
    P = puppet(),
    ok = do(P, send, {Alias, lost}),
    ok = do(P, send, {self(), seen}),
    seen = next().

our_reply_alias() ->
    P = puppet(),
    Alias = do(P, alias, reply),
    Alias ! one,
    Alias ! two,
    P ! seen,
    [one, seen] = heard(P, 2).

their_reply_alias() ->
    Alias = alias([reply]),
    P = puppet(),
    ok = do(P, send, {Alias, one}),
    ok = do(P, send, {Alias, two}),
    ok = do(P, send, {self(), seen}),
    one = next(),
    seen = next().

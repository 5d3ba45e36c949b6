%% cases_peer.erl -- who connects with whom, and how: names, flags, cookies, ticks,
%% the old handshake; trace tokens and tags of every kind.
-module(cases_peer).
-export([cases/0, connect/2]).
-import(suite, [do/2, do/3, puppet/0, heard/2, next/0, wait/1]).

-define(WAIT, 20000).

cases() ->
    visibility() ++ names() ++ cookies() ++ lists() ++ ticks() ++ version_5() ++ tokens() ++
        tags().

%% ---- Visible and hidden

visibility() ->
    [{"a visible node of ours is visible to both", fun visible/0},
     {"a hidden node of ours is hidden to both: Erlang dials", fun hidden_dialled/0},
     {"a hidden node of ours is hidden to both: it dials", fun hidden_dials/0},
     {"erl -hidden is hidden to both: it dials", fun erl_hidden_dials/0},
     {"erl -hidden is hidden to both: we dial", fun erl_hidden_dialled/0},
     {"dist_auto_connect never: nothing is sent until connect_node", fun never/0},
     {"dist_auto_connect never: we dial", fun never_dialled/0},
     {"both dial at once", fun both_dial/0}].

visible() ->
    {Node, _} = suite:agner(visible),
    true = net_kernel:connect_node(Node),
    true = lists:member(Node, nodes()),
    false = lists:member(Node, nodes(hidden)),
    true = lists:member(node(), do({driver, Node}, nodes, visible)),
    [] = do({driver, Node}, nodes, hidden).

hidden_dialled() ->
    {Node, _} = suite:agner(hidden, ["hidden"]),
    true = net_kernel:connect_node(Node),
    is_hidden(Node).

hidden_dials() ->
    {Node, _} = suite:agner(hidden, ["hidden"]),
    pong = net_adm:ping(Node),
    true = erlang:disconnect_node(Node),
    %% It is connected again by what it sends, which comes through no call of ours.
    ok = do({driver, Node}, send_after, {self(), 50, hello}),
    true = erlang:disconnect_node(Node),
    hello = next(),
    is_hidden(Node).

is_hidden(Node) ->
    false = lists:member(Node, nodes()),
    true = lists:member(Node, nodes(hidden)),
    [] = do({driver, Node}, nodes, visible),
    true = lists:member(node(), do({driver, Node}, nodes, hidden)).

erl_hidden_dials() ->
    {Node, _} = Hidden = suite:erl(hidden, ["-hidden"]),
    pong = suite:on(Hidden, net_adm, ping, [suite:node()]),
    true = suite:on(Hidden, lists, member, [suite:node(), suite:on(Hidden, erlang, nodes, [hidden])]),
    [] = suite:on(Hidden, erlang, nodes, []),
    erl_is_hidden(Node).

erl_hidden_dialled() ->
    {Node, _} = suite:erl(hidden, ["-hidden"]),
    {ok, _} = do(connect, Node),
    erl_is_hidden(Node).

erl_is_hidden(Node) ->
    true = lists:member(Node, do(nodes, hidden)),
    false = lists:member(Node, do(nodes, visible)).

never() ->
    Never = suite:erl(never, ["-kernel", "dist_auto_connect", "never"]),
    P = puppet(),
    lost = suite:on(Never, erlang, send, [P, lost]),
    [] = suite:on(Never, erlang, nodes, [connected]),
    true = suite:on(Never, net_kernel, connect_node, [suite:node()]),
    seen = suite:on(Never, erlang, send, [P, seen]),
    [seen] = heard(P, 1).

never_dialled() ->
    {Node, _} = Never = suite:erl(never, ["-kernel", "dist_auto_connect", "never"]),
    {ok, _} = do(connect, Node), % which hears of it before Erlang's own processes do
    wait(fun () -> lists:member(suite:node(), suite:on(Never, erlang, nodes, [connected])) end).

%% Whoever wins, there is one connection, and each message comes.
both_dial() ->
    {Node, _} = suite:agner(both),
    [both_dial(Node) || _ <- lists:seq(1, 100)].

both_dial(Node) ->
    true = net_kernel:connect_node(Node),
    P = suite:puppet(Node),
    ok = do(P, send_after, {self(), 0, {from_ours, 1}}),
    true = erlang:disconnect_node(Node),
    P ! from_theirs,
    receive {from_ours, 1} -> ok after 0 -> ok end,
    [from_theirs] = heard(P, 1),
    receive {from_ours, 1} -> ok after 0 -> ok end.

%% ---- Names

names() ->
    [{"erl -name undefined gets its name from us", fun erl_asks/0},
     {"its name comes again with the next creation", fun erl_asks_again/0},
     {"ours asks an Erlang node for its name", fun ours_asks/0},
     {"ours does not listen, and is lost with its connection", fun ours_is_nameless/0},
     {"short names, both ways", fun short_names/0},
     {"a name of 200 characters", fun long_name/0}].

nameless() ->
    {ok, Peer, nonode@nohost} =
        peer:start_link(#{connection => standard_io,
                          args => ["-name", "undefined@127.0.0.1", "-setcookie",
                                   suite:cookie()]}),
    Peer.

erl_asks() ->
    Peer = nameless(),
    true = peer:call(Peer, net_kernel, connect_node, [suite:node()]),
    Name = peer:call(Peer, erlang, node, []),
    [Alive, "127.0.0.1"] = string:split(atom_to_list(Name), "@"),
    13 = length(Alive),
    true = lists:member(Name, do(nodes, hidden)),
    pong = peer:call(Peer, net_adm, ping, [suite:node()]),
    %% Both ways, by name: its own processes have that name too.
    {ok, yes} = do(call, {{net_kernel, Name}, {is_auth, suite:node()}, ?WAIT}),
    P = puppet(),
    Pid = peer:call(Peer, erlang, whereis, [rex]),
    Name = node(Pid),
    {Pid, pid} = peer:call(Peer, gen_server, call, [P, {do, echo, {Pid, pid}}]),
    peer:stop(Peer).

erl_asks_again() ->
    Peer = nameless(),
    true = peer:call(Peer, net_kernel, connect_node, [suite:node()]),
    Name = peer:call(Peer, erlang, node, []),
    Creation = peer:call(Peer, erlang, system_info, [creation]),
    true = peer:call(Peer, erlang, disconnect_node, [suite:node()]),
    wait(fun () -> peer:call(Peer, erlang, node, []) =:= nonode@nohost end),
    wait(fun () -> not lists:member(Name, do(nodes, hidden)) end),
    true = peer:call(Peer, net_kernel, connect_node, [suite:node()]),
    Name = peer:call(Peer, erlang, node, []),
    Creation = peer:call(Peer, erlang, system_info, [creation]) - 1,
    peer:stop(Peer).

%% It connects here as soon as it runs.
asking() ->
    Before = nodes(hidden),
    Ours = suite:agner(asking, ["ask=" ++ atom_to_list(node())]),
    wait(fun () -> nodes(hidden) -- Before =/= [] end),
    [Name] = nodes(hidden) -- Before,
    {Name, Ours}.

ours_asks() ->
    {Name, Ours} = asking(),
    [Alive, "127.0.0.1"] = string:split(atom_to_list(Name), "@"),
    match = re:run(Alive, "^[0-9A-Z]+$", [{capture, none}]), % 64 random bits, in base 36
    false = lists:member(Name, nodes()),
    Name = do({driver, Name}, name, []),
    pong = net_adm:ping(Name),
    P = suite:puppet(Name),
    Name = node(P),
    Ref = monitor(process, P),
    {me, P} = do(P, echo, {me, P}),
    ok = do(P, send, {self(), hello}),
    hello = next(),
    exit(P, kill),
    {'DOWN', Ref, process, P, killed} = next(),
    gone(Name, Ours).

%% The name is free again when this returns.
gone(Name, Ours) ->
    suite:stop(Ours),
    wait(fun () -> not lists:member(Name, nodes(hidden)) end).

ours_is_nameless() ->
    {Name, Ours} = asking(),
    P = suite:puppet(Name),
    Ref = monitor(process, P),
    false = is_registered(Name),
    true = erlang:disconnect_node(Name),
    {'DOWN', Ref, process, P, noconnection} = next(),
    pang = net_adm:ping(Name),
    gone(Name, Ours).

is_registered(Name) ->
    [Alive, _] = string:split(atom_to_list(Name), "@"),
    {ok, Names} = erl_epmd:names({127, 0, 0, 1}),
    lists:keymember(Alive, 1, Names).

short_names() ->
    {ok, Peer, _} =
        peer:start_link(#{connection => standard_io,
                          args => ["-sname", "short" ++ os:getpid() ++ "@localhost",
                                   "-setcookie", suite:cookie()]}),
    Theirs = peer:call(Peer, erlang, node, []),
    {Long, _} = suite:agner(short, ["host=localhost"]),
    Ours = list_to_atom(hd(string:split(atom_to_list(Long), "@")) ++ "@localhost"),
    true = peer:call(Peer, net_kernel, connect_node, [Ours]),
    true = lists:member(Theirs, peer:call(Peer, gen_server, call,
                                          [{driver, Ours}, {do, nodes, visible}])),
    true = peer:call(Peer, erlang, disconnect_node, [Ours]),
    pong = peer:call(Peer, net_adm, ping, [Ours]),
    %% A node of long names refuses to dial it.
    false = net_kernel:connect_node(Ours),
    peer:stop(Peer).

long_name() ->
    {Node, _} = suite:agner(lists:duplicate(180, $n)),
    pong = net_adm:ping(Node),
    Node = node(suite:puppet(Node)).

%% ---- Cookies

cookies() ->
    [{"a cookie for one node: Erlang dials", fun () -> cookie(fun they_dial/2) end},
     {"a cookie for one node: we dial", fun () -> cookie(fun we_dial/2) end},
     {"a cookie of 255 characters", fun long_cookie/0},
     {"ours shows one cookie and expects another", fun two_cookies/0}].

they_dial(Theirs, _) -> suite:on(Theirs, net_kernel, connect_node, [suite:node()]).

we_dial(_, Node) ->
    case do(connect, Node) of
        {ok, _} -> true;
        {error, 'EAUTH', _} -> false
    end.

cookie(Dial) ->
    {Node, _} = Theirs = suite:erl(cookie),
    true = suite:on(Theirs, erlang, set_cookie, [suite:node(), single]),
    false = Dial(Theirs, Node),
    ok = do(cookie_set, {Node, single, single}),
    true = Dial(Theirs, Node),
    ok = do(cookie_set, {Node, none, none}).

long_cookie() ->
    {Node, _} = Theirs = suite:erl(cookie),
    Cookie = list_to_atom(lists:duplicate(255, $c)),
    true = suite:on(Theirs, erlang, set_cookie, [suite:node(), Cookie]),
    ok = do(cookie_set, {Node, Cookie, Cookie}),
    true = they_dial(Theirs, Node).

%% An Erlang node has one cookie for both directions: with another one each way it is
%% refused, and by whoever notices first.
two_cookies() ->
    {Node, _} = Theirs = suite:erl(cookie),
    %% Where we close, Erlang hears of it a moment after.
    Alone = fun () -> wait(fun () -> [] =:= suite:on(Theirs, erlang, nodes, [connected]) end) end,
    Right = list_to_atom(suite:cookie()),
    ok = do(cookie_set, {Node, Right, wrong}),
    {error, _, _} = do(connect, Node),
    Alone(),
    false = they_dial(Theirs, Node),
    ok = do(cookie_set, {Node, wrong, Right}),
    {error, _, _} = do(connect, Node),
    Alone(),
    false = they_dial(Theirs, Node),
    Alone(),
    ok = do(cookie_set, {Node, Right, Right}),
    {ok, _} = do(connect, Node).

%% ---- Lists of who may

lists() ->
    [{"net_kernel:allow of Erlang's: we are not on it", fun not_on_theirs/0},
     {"net_kernel:allow of Erlang's: our host is on it", fun host_on_theirs/0},
     {"a list of ours: Erlang is not on it", fun not_on_ours/0}].

not_on_theirs() ->
    {Node, _} = Theirs = suite:erl(allow),
    ok = suite:on(Theirs, net_kernel, allow, [[somebody@else]]),
    {error, 'ENOTALLOWED', _} = do(connect, Node),
    ok = suite:on(Theirs, net_kernel, allow, [[suite:node()]]),
    {ok, _} = do(connect, Node).

host_on_theirs() ->
    {Node, _} = Theirs = suite:erl(allow),
    ok = suite:on(Theirs, net_kernel, allow, [['127.0.0.1']]),
    {ok, _} = do(connect, Node).

not_on_ours() ->
    {Node, _} = suite:agner(allow, ["allow=somebody@else", "allow=" ++ atom_to_list(node())]),
    Theirs = suite:erl(allow),
    false = suite:on(Theirs, net_kernel, connect_node, [Node]),
    true = net_kernel:connect_node(Node).

%% ---- Ticks

ticks() ->
    [{"Erlang's net_ticktime is 2 s, ours 60 s: idle for 4 s", fun they_tick_faster/0},
     {"ours is 1 s, Erlang's 60 s: it is missed, as Erlang would", fun we_tick_faster/0},
     {"net_kernel:set_net_ticktime while connected", fun ticktime_changes/0}].

%% Connected with nobody but us: other nodes have other tick times than it.
ticking(Args) ->
    suite:erl(ticks, ["-connect_all", "false" | Args]).

they_tick_faster() ->
    Theirs = ticking(["-kernel", "net_ticktime", "2"]),
    true = suite:on(Theirs, net_kernel, connect_node, [suite:node()]),
    idle(Theirs, suite:node()).

we_tick_faster() ->
    {Node, _} = suite:agner(ticks, ["tick=1000"]),
    {Name, _} = Theirs = ticking([]),
    true = suite:on(Theirs, net_kernel, connect_node, [Node]),
    wait(fun () -> not lists:member(Name, do({driver, Node}, nodes, connected)) end).

ticktime_changes() ->
    Theirs = ticking([]),
    true = suite:on(Theirs, net_kernel, connect_node, [suite:node()]),
    change_initiated = suite:on(Theirs, net_kernel, set_net_ticktime, [2, 0]),
    idle(Theirs, suite:node()).

%% No connection is lost meanwhile, which is twice as long as silence may last.
idle(Theirs, Node) ->
    Self = self(),
    Watcher = suite:on(Theirs, erlang, spawn, [?MODULE, connect, [Node, Self]]),
    receive after 4000 -> ok end,
    true = suite:on(Theirs, erlang, is_process_alive, [Watcher]),
    true = suite:on(Theirs, lists, member, [Node, suite:on(Theirs, erlang, nodes, [connected])]).

%% Ends when the node is lost.
connect(Node, _) ->
    monitor_node(Node, true),
    receive {nodedown, Node} -> ok end.

%% ---- Nodes that speak version 5 of the handshake: sockets that say what such do

version_5() ->
    [{"we dial version 5, which knows OTP 23's challenge", fun () -> dialled_old(new) end},
     {"we dial version 5, which knows none", fun () -> dialled_old(old) end},
     {"version 5 dials us, and sends the complement", fun () -> old_dials(new) end},
     {"version 5 dials us, and knows no complement", fun () -> old_dials(old) end},
     {"version 4 is not dialled", fun too_old/0}].

-define(OLD_FLAGS, 16#06df7fbc).            % bits 24 and 26 cleared
-define(NEW_FLAGS, 16#0d07df7fbc).

offer(new) -> ?NEW_FLAGS;
offer(old) -> ?OLD_FLAGS band bnot ((1 bsl 24) bor (1 bsl 26)).

digest(Challenge) -> erlang:md5([suite:cookie(), integer_to_list(Challenge)]).

%% Registered while the socket is open.
register_old(Alive, Port, High) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1},
                              list_to_integer(persistent_term:get(suite_epmd)),
                              [binary, {active, false}]),
    Name = list_to_binary(Alive),
    Request = <<120, Port:16, 77, 0, High:16, High:16, (size(Name)):16, Name/binary, 0:16>>,
    ok = gen_tcp:send(S, [<<(size(Request)):16>>, Request]),
    {ok, <<_, 0, _/binary>>} = gen_tcp:recv(S, 0, ?WAIT),
    S.

old_node(High) ->
    Name = suite:name(old),
    {ok, L} = gen_tcp:listen(0, [binary, {packet, 2}, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(L),
    [Alive, _] = string:split(atom_to_list(Name), "@"),
    {Name, L, register_old(Alive, Port, High)}.

dialled_old(Form) ->
    {Node, L, _} = old_node(5),
    Self = self(),
    spawn_link(fun () -> Self ! {connected, do(connect, Node)} end),
    {ok, S} = gen_tcp:accept(L, ?WAIT),
    {ok, <<$n, 5:16, Flags:32, Name/binary>>} = gen_tcp:recv(S, 0, ?WAIT),
    true = Name =:= atom_to_binary(suite:node()),
    true = Flags band ?OLD_FLAGS =:= ?OLD_FLAGS,
    ok = gen_tcp:send(S, "sok"),
    Me = atom_to_binary(Node),
    ok = gen_tcp:send(S, case Form of
        new -> <<$N, (offer(new)):64, 4711:32, 9:32, (size(Me)):16, Me/binary>>;
        old -> <<$n, 5:16, (offer(old)):32, 4711:32, Me/binary>>
    end),
    case Form of
        new ->
            {ok, <<$c, High:32, Creation:32>>} = gen_tcp:recv(S, 0, ?WAIT),
            true = High band 16#d =:= 16#d,
            true = Creation > 3;
        old -> ok
    end,
    {ok, <<$r, Theirs:32, Digest/binary>>} = gen_tcp:recv(S, 0, ?WAIT),
    true = Digest =:= digest(4711),
    ok = gen_tcp:send(S, [$a, digest(Theirs)]),
    receive {connected, {ok, _}} -> ok end,
    ok = do(send, {{someone, Node}, hello_old}),
    says(S, <<"hello_old">>).

%% A packet comes that has these bytes in it.
says(S, Bytes) ->
    ok = inet:setopts(S, [{packet, 4}]),
    says_(S, Bytes).

says_(S, Bytes) ->
    {ok, Packet} = gen_tcp:recv(S, 0, ?WAIT),
    case binary:match(Packet, Bytes) of
        nomatch -> says_(S, Bytes);
        _ -> ok
    end.

old_dials(Form) ->
    [Alive, _] = string:split(atom_to_list(suite:node()), "@"),
    {port, Port, 6} = erl_epmd:port_please(Alive, {127, 0, 0, 1}),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {packet, 2}, {active, false}]),
    Node = suite:name(old),
    ok = gen_tcp:send(S, [<<$n, 5:16, (offer(Form)):32>>, atom_to_binary(Node)]),
    {ok, <<"sok">>} = gen_tcp:recv(S, 0, ?WAIT),
    {ok, Challenge} = gen_tcp:recv(S, 0, ?WAIT),
    Number = case {Form, Challenge} of
        {new, <<$N, _:64, C:32, Creation:32, Size:16, Name:Size/binary>>} when Creation > 3 -> C;
        {old, <<$n, 5:16, _:32, C:32, Name/binary>>} -> C
    end,
    true = Name =:= atom_to_binary(suite:node()),
    case Form of
        new -> ok = gen_tcp:send(S, <<$c, 16#d:32, 4712:32>>);
        old -> ok
    end,
    ok = gen_tcp:send(S, [<<$r, 99:32>>, digest(Number)]),
    {ok, <<$a, Digest/binary>>} = gen_tcp:recv(S, 0, ?WAIT),
    true = Digest =:= digest(99),
    wait(fun () -> lists:member(Node, do(nodes, hidden)) end),
    ok = do(send, {{someone, Node}, hello_old}),
    says(S, <<"hello_old">>).

too_old() ->
    {Node, _, _} = old_node(4),
    {error, 'EPROTO', Why} = do(connect, Node),
    true = string:find(Why, "versions 4 to 4") =/= nomatch.

%% ---- Trace tokens: every form with one is understood, and the token is left alone

tokens() ->
    [{"traced: sends to a pid, a name and an alias", fun traced_sends/0},
     {"traced: a call of Erlang's", fun traced_call/0},
     {"traced: links and monitors, and their ends", fun traced_ends/0},
     {"traced: a label that is any term", fun traced_label/0}].

traced(Label, Fun) ->
    seq_trace:set_token(label, Label),
    seq_trace:set_token(send, true),
    Result = Fun(),
    seq_trace:set_token([]),
    Result.

traced_sends() ->
    P = puppet(),
    Name = list_to_atom("traced" ++ os:getpid()),
    ok = do(P, register, Name),
    Alias = do(P, alias, explicit),
    traced(17, fun () -> P ! pid, {Name, suite:node()} ! name, Alias ! alias end),
    [pid, name, alias] = heard(P, 3).

traced_call() ->
    P = puppet(),
    {an, answer} = traced(17, fun () -> do(P, echo, {an, answer}) end),
    pong = net_adm:ping(suite:node()).

traced_ends() ->
    P = puppet(),
    false = do(P, trap_exit, true),
    {Pid, Ref} = spawn_monitor(fun () ->
                                       link(P),
                                       seq_trace:set_token(label, 17),
                                       seq_trace:set_token(send, true),
                                       receive Why -> exit(Why) end
                               end),
    %% The link is there when its far end says so.
    wait(fun () -> lists:member(P, element(2, process_info(Pid, links))) end),
    Pid ! because,
    {'DOWN', Ref, process, Pid, because} = next(),
    [{'EXIT', Pid, because}] = heard(P, 1),
    traced(17, fun () -> exit(P, done) end),
    [{'EXIT', Self, done}] = heard(P, 1),
    Self = self().

traced_label() ->
    P = puppet(),
    traced({any, [term], <<"x">>, self()}, fun () -> P ! labelled end),
    [labelled] = heard(P, 1).

%% ---- Tags of calls, as each release makes them

tags() ->
    [{"a call's tag is a reference", fun () -> tagged(fun (R) -> R end, pid) end},
     {"a call's tag is [alias|Ref]", fun () -> tagged(fun (R) -> [alias | R] end, alias) end},
     {"a call's tag is [[alias|Ref]|Term]",
      fun () -> tagged(fun (R) -> [[alias | R] | {any, term}] end, alias) end},
     {"a late answer to [alias|Ref] is dropped",
      fun () -> late(fun (R) -> [alias | R] end) end},
     {"a late answer to [[alias|Ref]|Term] is dropped",
      fun () -> late(fun (R) -> [[alias | R] | x] end) end}].

tagged(Tag, Kind) ->
    Ref = case Kind of alias -> alias([reply]); pid -> make_ref() end,
    {driver, suite:node()} ! {'$gen_call', {self(), Tag(Ref)}, {do, echo, 42}},
    {T, 42} = next(),
    T = Tag(Ref).

late(Tag) ->
    Ref = alias(),
    true = unalias(Ref),
    {driver, suite:node()} ! {'$gen_call', {self(), Tag(Ref)}, {do, echo, 42}},
    P = puppet(),
    seen = do(P, echo, seen),
    seen = do({driver, suite:node()}, echo, seen),
    receive Stray -> exit({stray, Stray}) after 50 -> ok end.

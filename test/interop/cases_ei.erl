%% cases_ei.erl -- what ei, the C library for nodes that ships with Erlang, does not do:
%% the table of README.md, row by row. Nothing in it waits for a time-out: what is said to
%% come at once is waited for without end, and the case fails if it never comes.
-module(cases_ei).
-export([cases/0]).
-import(suite, [do/2, do/3, puppet/0, heard/2, next/0]).

cases() ->
    [{"a monitor of a name that nobody has: noproc", fun monitor_unknown/0},
     {"a call to a name that nobody has: noproc", fun call_unknown/0},
     {"a link to a C process: exit signals both ways", fun link_both_ways/0},
     {"the C side links an Erlang process", fun c_links/0},
     {"the C side monitors an Erlang process", fun c_monitors/0},
     {"the C side takes a monitor back", fun c_demonitors/0},
     {"the C side monitors a node", fun c_monitors_node/0},
     {"it announces fragments, aliases, exit payloads, spawns, an atom cache", fun flags/0},
     {"a message of many fragments", fun fragments/0},
     {"an alias takes one reply, and no late one", fun aliases/0},
     {"an exit reason of any size", fun payload/0},
     {"a process is spawned there, and linked", fun spawned/0},
     {"one slow process holds up nobody", fun threads/0}].

monitor_unknown() ->
    Who = {no_such_name, suite:node()},
    Ref = erlang:monitor(process, Who),
    {'DOWN', Ref, process, Who, noproc} = next().

call_unknown() ->
    {'EXIT', {noproc, _}} =
        (catch gen_server:call({no_such_name, suite:node()}, ping, infinity)).

link_both_ways() ->
    process_flag(trap_exit, true),
    P = puppet(),
    true = link(P),
    exit(P, ours),
    {'EXIT', P, ours} = next(),
    Q = puppet(),
    _ = do(Q, trap_exit, true),
    Pid = spawn(fun () -> link(Q), exit(theirs) end),
    [{'EXIT', Pid, theirs}] = heard(Q, 1).

c_links() ->
    P = puppet(),
    _ = do(P, trap_exit, true),
    Pid = spawn(fun () -> receive die -> exit(over) end end),
    ok = do(P, link, Pid),
    Pid ! die,
    [{'EXIT', Pid, over}] = heard(P, 1).

c_monitors() ->
    P = puppet(),
    Pid = spawn(fun () -> receive die -> exit(over) end end),
    Ref = do(P, monitor, Pid),
    Pid ! die,
    [{'DOWN', Ref, process, Pid, over}] = heard(P, 1).

c_demonitors() ->
    P = puppet(),
    Pid = spawn(fun () -> receive die -> exit(over) end end),
    ok = do(P, demonitor, do(P, monitor, Pid)),
    Ref = do(P, monitor, Pid),
    Pid ! die,
    [{'DOWN', Ref, process, Pid, over}] = heard(P, 1).

c_monitors_node() ->
    {Node, _} = Theirs = suite:erl(theirs),
    P = puppet(),
    ok = do(P, monitor_node, Node),
    {ok, _} = do(P, connect, Node),
    suite:stop(Theirs),
    [{nodedown, Node}] = heard(P, 1).

%% What the handshake agreed on, as the emulator keeps it.
flags() ->
    {ok, Info} = net_kernel:node_info(suite:node()),
    up = proplists:get_value(state, Info),
    {ok, Flags} = flags_of(suite:node()),
    [{Name, true} = {Name, Flags band Bit =/= 0}
     || {Name, Bit} <- [{fragments, 1 bsl 23}, {alias, 1 bsl 35}, {exit_payload, 1 bsl 22},
                        {spawn, 1 bsl 32}, {atom_cache, 1 bsl 13}, {unlink_id, 1 bsl 25},
                        {monitor_name, 1 bsl 5}]].

%% The flags that our node offers: asked of it in a handshake by hand.
flags_of(Node) ->
    [Alive, Host] = string:split(atom_to_list(Node), "@"),
    {port, Port, _} = erl_epmd:port_please(Alive, Host),
    {ok, S} = gen_tcp:connect(Host, Port, [binary, {packet, 2}, {active, false}]),
    Name = <<"stranger@127.0.0.1">>,
    ok = gen_tcp:send(S, <<$N, 16#0d07df7fbd:64, 1:32, (byte_size(Name)):16, Name/binary>>),
    {ok, <<"sok">>} = gen_tcp:recv(S, 0),
    {ok, <<$N, Flags:64, _/binary>>} = gen_tcp:recv(S, 0),
    ok = gen_tcp:close(S),
    {ok, Flags}.

fragments() ->
    Big = binary:copy(<<"fragment">>, 200000),
    true = do(echo, Big) =:= Big.

aliases() ->
    P = puppet(),
    {'EXIT', {timeout, _}} = (catch gen_server:call(P, {heard, 1}, 10)),
    P ! now_it_answers,
    hello = do(P, echo, hello),
    receive Late -> exit({late, Late}) after 0 -> ok end.

payload() ->
    Reason = {big, binary:copy(<<1>>, 1000000)},
    P = puppet(),
    Ref = monitor(process, P),
    exit(P, Reason),
    {'DOWN', Ref, process, P, Reason} = next().

spawned() ->
    process_flag(trap_exit, true),
    Pid = spawn_link(suite:node(), erlang, exit, [over]),
    true = node(Pid) =:= suite:node(),
    {'EXIT', Pid, over} = next().

threads() ->
    P = puppet(),
    Id = gen_server:send_request(P, {heard, 1}),
    [hello = do(echo, hello) || _ <- lists:seq(1, 100)],
    P ! enough,
    {reply, [enough]} = gen_server:receive_response(Id, infinity).

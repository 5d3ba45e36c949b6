%% cases_stress.erl -- large terms, many calls, peers that stall, die or come back, and
%% connections that come and go.
-module(cases_stress).
-export([cases/0]).
-import(suite, [do/2, do/3, puppet/0, heard/2, next/0, wait/1]).

-define(WAIT, 50000).
-define(MB, 1048576).

cases() ->
    [{"a binary of 64 MB: Erlang sends", fun they_send_64_mb/0},
     {"a binary of 64 MB: we send", fun we_send_64_mb/0},
     {"a term of 64 MB in parts: there and back", fun parts_of_64_mb/0},
     {"a list of 1,000,000 elements: Erlang sends", fun they_send_a_million/0},
     {"a list of 1,000,000 elements: we send", fun we_send_a_million/0},
     {"a list of 1,000,000 elements: there and back", fun million_back/0},
     {"10,000 calls of Erlang's at once", fun they_call_10000/0},
     {"10,000 calls of ours at once", fun we_call_10000/0},
     {"a small message passes a large one: Erlang sends", fun they_pass/0},
     {"a small message passes a large one: we send", fun we_pass/0},
     {"large messages of 20 senders, interleaved: Erlang sends", fun they_interleave/0},
     {"160 MB on their way at once, of 16 senders", fun they_interleave_10_mb/0},
     {"large messages of 20 senders, interleaved: we send", fun we_interleave/0},
     {"a wrong cookie: Erlang dials", fun they_have_another_cookie/0},
     {"a wrong cookie: we dial", fun we_have_another_cookie/0},
     {"a node of ours stops reading, and comes back", fun ours_stalls/0},
     {"an Erlang node stops reading, and comes back", fun theirs_stalls/0},
     {"a node of ours stops reading, and is missed", fun ours_is_missed/0},
     {"an Erlang node stops reading, and is missed", fun theirs_is_missed/0},
     {"a node of ours dies while Erlang sends to it", fun ours_dies/0},
     {"an Erlang node dies while we send to it", fun theirs_dies/0},
     {"a node of ours comes back under its name", fun ours_comes_back/0},
     {"500 times: Erlang connects and disconnects", fun they_connect_often/0},
     {"500 times: we connect and disconnect", fun we_connect_often/0},
     {"1,000 races: both connect and disconnect as they like", fun races/0}].

they_send_64_mb() ->
    Big = binary:copy(<<"0123456789abcdef">>, 4 * 1024 * 1024),
    P = puppet(),
    P ! Big,
    [Back] = heard(P, 1),
    true = Back =:= Big.

we_send_64_mb() ->
    ok = do(send_big, {self(), 64000000}),
    true = next() =:= binary:copy(list_to_binary(lists:seq(0, 255)), 250000).

parts_of_64_mb() ->
    Term = [{N, binary:copy(<<N>>, 1000000)} || N <- lists:seq(1, 64)],
    true = do(echo, Term) =:= Term.

they_send_a_million() ->
    P = puppet(),
    List = lists:seq(1, 1000000),
    P ! List,
    [Back] = heard(P, 1),
    true = Back =:= List.

we_send_a_million() ->
    ok = do(send_big, {self(), 1000000, list}),
    true = next() =:= lists:seq(1, 1000000).

million_back() ->
    List = [{N, N} || N <- lists:seq(1, 1000000)],
    true = do(echo, List) =:= List.

they_call_10000() ->
    Self = self(),
    [spawn(fun () ->
                   N = gen_server:call({echo, suite:node()}, {echo, N}, ?WAIT),
                   Self ! done
           end) || N <- lists:seq(1, 10000)],
    suite:count(10000, done).

%% Each in a puppet of its own; a server of Erlang's answers.
we_call_10000() ->
    Pid = spawn_link(fun serve/0),
    Ids = [gen_server:send_request({driver, suite:node()},
                                   {do, call, {Pid, {answer, N}, ?WAIT}})
           || N <- lists:seq(1, 10000)],
    [{reply, {ok, N}} = gen_server:receive_response(Id, ?WAIT)
     || {N, Id} <- lists:zip(lists:seq(1, 10000), Ids)].

serve() ->
    receive
        {'$gen_call', From, {answer, X}} -> gen_server:reply(From, X), serve()
    end.

%% The connection is full of a large message; another process's small one is there first.
they_pass() ->
    P = puppet(),
    Self = self(),
    spawn(fun () -> P ! {large, binary:copy(<<1>>, 32 * ?MB)}, Self ! sent end),
    Small = do(echo, small),
    small = Small,
    [{large, _}] = heard(P, 1),
    sent = next().

we_pass() ->
    Id = gen_server:send_request({driver, suite:node()}, {do, send_big, {self(), 32 * ?MB}}),
    small = do(echo, small),
    {reply, ok} = gen_server:receive_response(Id, ?WAIT),
    true = is_binary(next()).

they_interleave() ->
    P = puppet(),
    [spawn(fun () -> [P ! {S, N, binary:copy(<<S>>, 300000)} || N <- lists:seq(1, 10)] end)
     || S <- lists:seq(1, 20)],
    All = heard(P, 200),
    [true = [N || {T, N, _} <- All, T =:= S] =:= lists:seq(1, 10) || S <- lists:seq(1, 20)],
    [true = B =:= binary:copy(<<S>>, 300000) || {S, _, B} <- All].

they_interleave_10_mb() ->
    P = puppet(),
    [spawn(fun () -> P ! binary:copy(<<S>>, 10000000) end) || S <- lists:seq(1, 16)],
    true = lists:sort(heard(P, 16)) =:= [binary:copy(<<S>>, 10000000) || S <- lists:seq(1, 16)].

we_interleave() ->
    Ids = [gen_server:send_request({driver, suite:node()}, {do, send_big, {self(), 300000 + S}})
           || S <- lists:seq(1, 20)],
    [{reply, ok} = gen_server:receive_response(Id, ?WAIT) || Id <- Ids],
    Sizes = [byte_size(next()) || _ <- lists:seq(1, 20)],
    true = lists:sort(Sizes) =:= [300000 + S || S <- lists:seq(1, 20)].

they_have_another_cookie() ->
    Theirs = suite:erl(theirs),
    true = suite:on(Theirs, erlang, set_cookie, [wrong]),
    pang = suite:on(Theirs, net_adm, ping, [suite:node()]),
    true = suite:on(Theirs, erlang, set_cookie, [list_to_atom(suite:cookie())]),
    pong = suite:on(Theirs, net_adm, ping, [suite:node()]).

we_have_another_cookie() ->
    {Node, _} = Theirs = suite:erl(theirs),
    true = suite:on(Theirs, erlang, set_cookie, [wrong]),
    {error, 'EAUTH', _} = do(connect, Node),
    true = suite:on(Theirs, erlang, set_cookie, [list_to_atom(suite:cookie())]),
    {ok, _} = do(connect, Node).

%% More than its buffers hold is sent meanwhile; none of it is lost.
ours_stalls() ->
    {Node, _} = Ours = suite:agner(ours),
    P = suite:puppet(Node),
    suite:signal(Ours, "STOP"),
    Self = self(),
    spawn(fun () -> [P ! {N, binary:copy(<<N>>, ?MB)} || N <- lists:seq(1, 40)], Self ! sent end),
    %% It is full when a sender has to wait.
    wait(fun () -> nosuspend =:= erlang:send(P, nosuspend, [nosuspend]) end),
    suite:signal(Ours, "CONT"),
    sent = next(),
    wait(fun () -> ok =:= erlang:send(P, last, [nosuspend]) end),
    Got = got(P, last, []),
    true = [N || {N, _} <- Got] =:= lists:seq(1, 40).

got(P, Last, Got) ->
    case heard(P, 1) of
        [Last] -> lists:reverse(Got);
        [Other] -> got(P, Last, [Other | Got])
    end.

theirs_stalls() ->
    {Node, _} = Theirs = suite:erl(theirs),
    Sink = suite:on(Theirs, erlang, spawn, [cases_stress_sink, start, []]),
    {ok, _} = do(connect, Node),
    suite:signal(Theirs, "STOP"),
    Ids = [gen_server:send_request({driver, suite:node()}, {do, send_big, {Sink, ?MB}})
           || _ <- lists:seq(1, 40)],
    %% Others are not held up by it.
    [hello = do(echo, hello) || _ <- lists:seq(1, 100)],
    suite:signal(Theirs, "CONT"),
    [{reply, ok} = gen_server:receive_response(Id, ?WAIT) || Id <- Ids],
    wait(fun () -> {message_queue_len, 40} =:=
                       suite:on(Theirs, erlang, process_info, [Sink, message_queue_len]) end).

%% The tick time is the nodes' own: 2 s.
ours_is_missed() ->
    {Node, _} = Ours = suite:agner(ours, ["tick=2000"]),
    Theirs = suite:erl(theirs, ["-kernel", "net_ticktime", "2"]),
    pong = suite:on(Theirs, net_adm, ping, [Node]),
    suite:signal(Ours, "STOP"),
    wait(fun () -> not lists:member(Node, suite:on(Theirs, erlang, nodes, [connected])) end),
    suite:signal(Ours, "CONT"),
    wait(fun () -> pong =:= suite:on(Theirs, net_adm, ping, [Node]) end).

%% A third node, with the same tick time, tells what ours does meanwhile.
theirs_is_missed() ->
    {Node, _} = suite:agner(ours, ["tick=2000"]),
    Ticks = ["-kernel", "net_ticktime", "2"],
    {Their, _} = Theirs = suite:erl(theirs, Ticks),
    Witness = suite:erl(witness, Ticks),
    Do = fun (What, Args) ->
                 suite:on(Witness, gen_server, call,
                          [{driver, Node}, {do, What, Args}, ?WAIT])
         end,
    {ok, _} = Do(connect, Their),
    P = suite:on(Witness, gen_server, call, [{driver, Node}, {new}]),
    ok = suite:on(Witness, gen_server, call, [P, {do, monitor_node, Their}]),
    suite:signal(Theirs, "STOP"),
    [{nodedown, Their}] = suite:on(Witness, gen_server, call, [P, {heard, 1}, ?WAIT]),
    suite:signal(Theirs, "CONT"),
    wait(fun () -> pong =:= suite:on(Theirs, net_adm, ping, [Node]) end).

ours_dies() ->
    {Node, _} = Ours = suite:agner(ours),
    P = suite:puppet(Node),
    Ref = monitor(process, P),
    Sender = spawn_link(fun () -> flood(P) end),
    wait(fun () -> {_, R} = process_info(Sender, reductions), R > 100000 end),
    suite:signal(Ours, "KILL"),
    receive {'DOWN', Ref, process, P, noconnection} -> ok end,
    unlink(Sender),
    exit(Sender, kill).

flood(P) ->
    P ! binary:copy(<<1>>, 10000),
    flood(P).

theirs_dies() ->
    {Node, _} = Theirs = suite:erl(theirs),
    Sink = suite:on(Theirs, erlang, spawn, [cases_stress_sink, start, []]),
    P = puppet(),
    {ok, _} = do(P, connect, Node),
    Ref = do(P, monitor, Sink),
    Ids = [gen_server:send_request({driver, suite:node()}, {do, send_many, {Sink, 1, 100000}})
           || _ <- lists:seq(1, 10)],
    wait(fun () -> {message_queue_len, N} =
                       suite:on(Theirs, erlang, process_info, [Sink, message_queue_len]),
                   N > 1000 end),
    suite:signal(Theirs, "KILL"),
    [{'DOWN', Ref, process, Sink, noconnection}] = heard(P, 1),
    %% Sends to it fail or are lost, and nobody hangs.
    [{reply, _} = gen_server:receive_response(Id, ?WAIT) || Id <- Ids].

ours_comes_back() ->
    Name = suite:name(ours),
    {Name, _} = First = suite:agner_named(Name, []),
    P = suite:puppet(Name),
    Ref = monitor(process, P),
    true = erlang:monitor_node(Name, true),
    suite:stop(First),
    receive {'DOWN', Ref, process, P, shutdown} -> ok end,
    receive {nodedown, Name} -> ok end, % or the next call goes to the node that ends
    {Name, _} = suite:agner_named(Name, []),
    Again = suite:puppet(Name),
    hello = do(Again, echo, hello),
    %% The pid of its earlier life is dead.
    Old = monitor(process, P),
    receive {'DOWN', Old, process, P, noproc} -> ok end.

they_connect_often() ->
    {Node, _} = suite:agner(ours),
    [begin
         pong = net_adm:ping(Node),
         true = erlang:disconnect_node(Node)
     end || _ <- lists:seq(1, 500)].

we_connect_often() ->
    {Node, _} = suite:erl(theirs, ["-hidden"]),
    P = puppet(),
    [begin
         {ok, _} = do(P, connect, Node),
         ok = do(P, disconnect, Node)
     end || _ <- lists:seq(1, 500)].

%% Both sides dial and disconnect without regard to each other. At the end both agree: a
%% connection can be made, and a message passes.
races() ->
    {Node, _} = suite:agner(ours, ["hidden"]),
    {Their, _} = Theirs = suite:erl(theirs, ["-hidden"]),
    P = suite:puppet(Node),
    Self = self(),
    spawn_link(fun () ->
                       [case N rem 3 of
                            0 -> suite:on(Theirs, erlang, disconnect_node, [Node]);
                            _ -> suite:on(Theirs, net_kernel, connect_node, [Node])
                        end || N <- lists:seq(1, 500)],
                       Self ! done
               end),
    spawn_link(fun () ->
                       [case N rem 3 of
                            0 -> do(P, disconnect, Their);
                            _ -> do(P, connect, Their)
                        end || N <- lists:seq(1, 500)],
                       Self ! done
               end),
    suite:count(2, done),
    wait(fun () -> pong =:= suite:on(Theirs, net_adm, ping, [Node]) end),
    wait(fun () -> {ok, yes} =:= do(P, call, {{net_kernel, Their}, {is_auth, Node}, 5000}) end).

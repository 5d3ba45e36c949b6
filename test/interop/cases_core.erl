%% cases_core.erl -- messages and calls: both roles.
-module(cases_core).
-export([cases/0]).
-import(suite, [do/2, do/3, puppet/0, heard/2, next/0, dead/0, our_dead/0]).

-define(WAIT, 20000).

cases() ->
    messages() ++ calls().

%% ---- Messages

messages() ->
    [{"net_adm:ping", fun () -> pong = net_adm:ping(suite:node()) end},
     {"a ping of a node that is not there", fun no_ping/0},
     {"Erlang sends to a pid of ours", fun sends_to_pid/0},
     {"Erlang sends to a name of ours", fun sends_to_name/0},
     {"we send to a pid of Erlang's", fun we_send_to_pid/0},
     {"we send to a name of Erlang's", fun we_send_to_name/0},
     {"Erlang sends to a dead pid of ours", fun sends_to_dead/0},
     {"we send to a dead pid of Erlang's", fun we_send_to_dead/0},
     {"Erlang sends to an unknown name", fun sends_to_nobody/0},
     {"10,000 messages of Erlang's keep their order", fun their_order/0},
     {"10,000 messages of ours keep their order", fun our_order/0},
     {"erlang:send with noconnect", fun send_noconnect/0},
     {"erlang:send with nosuspend", fun send_nosuspend/0}
     | [{"a term comes back as it was: " ++ Name,
         fun () -> T = do(echo, T) end} || {Name, T} <- terms()]]
    ++ [{"a term arrives as it was: " ++ Name,
         fun () -> ok = do(send, {self(), T}), T = next() end} || {Name, T} <- terms()].

terms() ->
    Long = list_to_atom(lists:duplicate(255, $a)),
    Wide = list_to_atom(lists:duplicate(255, 16#20ac)),
    [{"integers", [0, -1, 255, 256, 1 bsl 31, -(1 bsl 31), 1 bsl 59, 1 bsl 60, -(1 bsl 63)]},
     {"bignums", [1 bsl 64, -(1 bsl 64), 1 bsl 2048, -(1 bsl 2039), (1 bsl 4096) - 1]},
     {"floats", [0.0, -0.0, 1.5, -2.0e-300, 1.7976931348623157e308, 5.0e-324]},
     {"atoms", [a, '', 'with space', 'ÅÄÖ', list_to_atom([16#1f600]), Long, Wide]},
     {"300 atoms in a message", [list_to_atom("atom" ++ integer_to_list(N))
                                 || N <- lists:seq(1, 300)]},
     {"lists", [[], [1], "text", lists:seq(1, 1000), [a | b], [[[[]]]], [1, 2 | 3]]},
     {"tuples", [{}, {1}, list_to_tuple(lists:seq(1, 300))]},
     {"maps", [#{}, #{a => 1}, #{{k} => #{}, 1.0 => [], <<"b">> => self()},
               maps:from_list([{N, N} || N <- lists:seq(1, 200)])]},
     {"binaries", [<<>>, <<1, 2, 3>>, binary:copy(<<7>>, 63), binary:copy(<<7>>, 65),
                   binary:copy(<<7>>, 100000)]},
     {"bitstrings", [<<1:1>>, <<5:7>>, <<1, 2, 3:3>>]},
     {"identifiers", [self(), make_ref(), alias(), hd(erlang:ports()), whereis(rex)]},
     {"funs", [fun erlang:node/0, fun () -> Long end]},
     {"a deep term", lists:foldl(fun (N, T) -> {N, [T]} end, [], lists:seq(1, 1000))}].

no_ping() ->
    pang = net_adm:ping(suite:name(nobody)).

sends_to_pid() ->
    P = puppet(),
    P ! {hello, self()},
    [{hello, Self}] = heard(P, 1),
    Self = self().

sends_to_name() ->
    P = puppet(),
    ok = do(P, register, a_name),
    {a_name, suite:node()} ! hello,
    [hello] = heard(P, 1).

we_send_to_pid() ->
    ok = do(send, {self(), {a, <<"message">>}}),
    {a, <<"message">>} = next().

we_send_to_name() ->
    true = register(case_name, self()),
    ok = do(send, {{case_name, node()}, hello}),
    hello = next().

sends_to_dead() ->
    P = puppet(),
    Ref = monitor(process, P),
    exit(P, kill),
    receive {'DOWN', Ref, process, P, killed} -> ok end,
    P ! hello,
    pong = net_adm:ping(suite:node()).

we_send_to_dead() ->
    {Pid, Ref} = spawn_monitor(fun () -> ok end),
    receive {'DOWN', Ref, process, Pid, normal} -> ok end,
    ok = do(send, {Pid, hello}).

sends_to_nobody() ->
    {nobody_has_this_name, suite:node()} ! hello,
    pong = net_adm:ping(suite:node()).

their_order() ->
    P = puppet(),
    [P ! N || N <- lists:seq(1, 10000)],
    true = heard(P, 10000) =:= lists:seq(1, 10000).

our_order() ->
    ok = do(send_many, {self(), 1, 10000}),
    [receive N -> ok; Other -> exit({expected, N, Other}) end || N <- lists:seq(1, 10000)].

send_noconnect() ->
    Away = suite:name(away),
    noconnect = erlang:send({x, Away}, hello, [noconnect]),
    ok = erlang:send({driver, suite:node()}, hello, [noconnect]).

send_nosuspend() ->
    P = puppet(),
    ok = erlang:send(P, hello, [nosuspend]),
    [hello] = heard(P, 1).

%% ---- Calls

calls() ->
    [{"Erlang calls a server of ours", fun they_call/0},
     {"we call a server of Erlang's", fun we_call/0},
     {"Erlang calls a name that nobody has", fun they_call_nobody/0},
     {"we call a name that nobody has", fun we_call_nobody/0},
     {"Erlang calls a pid that is dead", fun they_call_dead/0},
     {"we call a pid that is dead", fun we_call_dead/0},
     {"Erlang calls a node that is not there", fun they_call_nowhere/0},
     {"we call a node that is not there", fun we_call_nowhere/0},
     {"Erlang calls one that ends meanwhile", fun they_call_dying/0},
     {"we call one that ends meanwhile", fun we_call_dying/0},
     {"Erlang's call times out, and the answer is never seen", fun they_time_out/0},
     {"our call times out, and the answer is never seen", fun we_time_out/0},
     {"Erlang casts", fun they_cast/0},
     {"we cast", fun we_cast/0},
     {"gen_server:abcast", fun they_abcast/0},
     {"gen_server:multi_call of Erlang's", fun they_multi_call/0},
     {"gen_server:multi_call of ours", fun we_multi_call/0},
     {"500 requests of Erlang's at once", fun they_request/0},
     {"gen_statem:call of Erlang's", fun they_call_statem/0},
     {"gen_event of ours: add, notify, call, delete", fun they_use_events/0}].

they_call() ->
    hello = gen_server:call({echo, suite:node()}, {echo, hello}),
    Pid = gen_server:call({echo, suite:node()}, {self}),
    hello = gen_server:call(Pid, {echo, hello}).

%% A gen_server of Erlang's, by hand: answers {answer, X} with X, {die, R} by its end.
server() ->
    Self = self(),
    Pid = spawn_link(fun () -> Self ! {self(), ready}, serve() end),
    {Pid, ready} = next(),
    Pid.

serve() ->
    receive
        {'$gen_call', From, {answer, X}} -> gen_server:reply(From, X), serve();
        {'$gen_call', From, {late, To}} -> To ! {late, self(), From}, serve();
        {'$gen_call', _, {die, Reason}} -> exit(Reason);
        {'$gen_cast', {To, X}} -> To ! X, serve();
        {reply, From, X} -> gen_server:reply(From, X), serve()
    end.

we_call() ->
    Pid = server(),
    {ok, #{a := 1}} = do(call, {Pid, {answer, #{a => 1}}, ?WAIT}),
    true = register(case_server, Pid),
    {ok, x} = do(call, {{case_server, node()}, {answer, x}, ?WAIT}).

they_call_nobody() ->
    {'EXIT', {noproc, _}} = (catch gen_server:call({nobody, suite:node()}, x, infinity)).

we_call_nobody() ->
    {error, 'ENOPROC', noproc} = do(call, {{nobody, node()}, x, ?WAIT}).

they_call_dead() ->
    {'EXIT', {noproc, _}} = (catch gen_server:call(our_dead(), x, infinity)).

we_call_dead() ->
    {error, 'ENOPROC', noproc} = do(call, {dead(), x, ?WAIT}).

they_call_nowhere() ->
    Away = suite:name(away),
    {'EXIT', {{nodedown, Away}, _}} = (catch gen_server:call({x, Away}, x, infinity)).

we_call_nowhere() ->
    Away = suite:name(away),
    {error, 'ENODEDOWN', {nodedown, Away}} = do(call, {{x, Away}, x, ?WAIT}).

they_call_dying() ->
    P = puppet(),
    {'EXIT', {sorry, _}} = (catch gen_server:call(P, {do, die, sorry}, infinity)).

we_call_dying() ->
    process_flag(trap_exit, true),
    Pid = server(),
    {error, 'EEXIT', sorry} = do(call, {Pid, {die, sorry}, ?WAIT}),
    {'EXIT', Pid, sorry} = next().

%% The puppet answers {heard, 1} when a message comes: after the time-out.
they_time_out() ->
    P = puppet(),
    {'EXIT', {timeout, _}} = (catch gen_server:call(P, {heard, 1}, 20)),
    P ! now_answer,
    hello = do(P, echo, hello),
    receive Any -> exit({a_late_reply, Any}) after 0 -> ok end.

we_time_out() ->
    Pid = server(),
    P = puppet(),
    {error, 'ETIMEOUT', _} = do(P, call, {Pid, {late, self()}, 20}),
    {late, Pid, From} = next(),
    Pid ! {reply, From, too_late},
    {ok, here} = do(P, call, {Pid, {answer, here}, ?WAIT}),
    P ! only_this,
    [only_this] = heard(P, 1).

they_cast() ->
    ok = gen_server:cast({echo, suite:node()}, {notify, self(), hello}),
    hello = next().

we_cast() ->
    ok = do(cast, {server(), {self(), hello}}),
    hello = next().

they_abcast() ->
    abcast = gen_server:abcast([suite:node()], echo, {notify, self(), hello}),
    hello = next().

they_multi_call() ->
    Node = suite:node(),
    {[{Node, hello}], []} = gen_server:multi_call([Node], echo, {echo, hello}),
    {[], [Node]} = gen_server:multi_call([Node], nobody, x).

we_multi_call() ->
    true = register(case_multi, server()),
    Away = suite:name(away),
    Node = node(),
    {[{Node, 7}], [Away]} = do(multi_call, {[node(), Away], case_multi, {answer, 7}, ?WAIT}),
    {[], [Node]} = do(multi_call, {[node()], nobody, x, ?WAIT}).

they_request() ->
    Ids = [{N, gen_server:send_request({echo, suite:node()}, {echo, N})}
           || N <- lists:seq(1, 500)],
    [{reply, N} = gen_server:receive_response(Id, ?WAIT) || {N, Id} <- Ids].

they_call_statem() ->
    Lock = {lock, suite:node()},
    {_, _} = sys:get_state(Lock),
    {'EXIT', {noproc, _}} = (catch gen_statem:call({nobody, suite:node()}, x)).

they_use_events() ->
    Events = {events, suite:node()},
    ok = gen_event:add_handler(Events, recall, []),
    ok = gen_event:notify(Events, one),
    ok = gen_event:sync_notify(Events, two),
    [two, one] = gen_event:call(Events, recall, all),
    true = lists:member(recall, gen_event:which_handlers(Events)),
    _ = gen_event:delete_handler(Events, recall, bye),
    false = lists:member(recall, gen_event:which_handlers(Events)).

%% cases_rpc.erl -- rpc and erpc, both roles.
%%
%% Our functions are those of OTP that the kernel has, and the module `probe`
%% (puppet_rpc.c). What a call of ours to a function of Erlang's gives is compared with
%% what Erlang's own call gives.
-module(cases_rpc).
-export([cases/0, served/1, table/0]).
-import(suite, [do/2, next/0]).

-define(N, suite:node()).
-define(NOBODY, 'nobody@127.0.0.1').

cases() ->
    rpc() ++ erpc() ++ rex() ++ functions() ++ ours().

%% ---- Erlang calls by rpc

rpc() ->
    [{"rpc:call/4: a value", fun () -> {a, "b", 1.5} = rpc:call(?N, probe, value, [{a, "b", 1.5}]) end},
     {"rpc:call/5: a value", fun () -> x = rpc:call(?N, probe, value, [x], 5000) end},
     {"rpc:call of any arity", fun () -> 6 = rpc:call(?N, probe, sum, [1, 2, 3]) end},
     {"rpc:call: a throw is a value", fun () -> ball = rpc:call(?N, probe, throw, [ball]) end},
     {"rpc:call: exit", fun () -> {badrpc, {'EXIT', gone}} = rpc:call(?N, erlang, exit, [gone]) end},
     {"rpc:call: rt_exit", fun () -> {badrpc, {'EXIT', {a, 1}}} = rpc:call(?N, probe, leave, [{a, 1}]) end},
     {"rpc:call: error",
      fun () -> {badrpc, {'EXIT', {oops, [{probe, error, 1, []}]}}} = rpc:call(?N, probe, error, [oops]) end},
     {"rpc:call: badarg",
      fun () -> {badrpc, {'EXIT', {badarg, [{probe, sum, [x], []}]}}} = rpc:call(?N, probe, sum, [x]) end},
     {"rpc:call: undef",
      fun () -> {badrpc, {'EXIT', {undef, [{nix, f, [1, 2], []}]}}} = rpc:call(?N, nix, f, [1, 2]) end},
     {"rpc:call: an improper list of arguments",
      fun () -> {badrpc, {'EXIT', {badarg, [{erlang, apply, [probe, sum, [1 | 2]], _}]}}} =
                    rpc:call(?N, probe, sum, [1 | 2]) end},
     {"rpc:call: the process is killed",
      fun () -> {badrpc, {'EXIT', killed}} = rpc:call(?N, probe, killed, [x]) end},
     {"rpc:call: not allowed here",
      fun () -> {badrpc, {'EXIT', {not_allowed, [{probe, friends, 1, []}]}}} =
                    rpc:call(?N, probe, friends, [x]) end},
     {"rpc:call: what cannot leave the node",
      fun () -> {badrpc, {'EXIT', _}} = rpc:call(?N, probe, resource, []) end},
     {"rpc:call: time-out, and no late message",
      fun () -> {badrpc, timeout} = rpc:call(?N, timer, sleep, [60], 20),
                ok = rpc:call(?N, timer, sleep, [120]),
                [] = mailbox() end},
     {"rpc:call through a node", fun () ->
           Self = node(), Self = rpc:call(?N, rpc, call, [node(), erlang, node, []]) end},
     {"rpc:call: a large value both ways", fun () ->
           B = binary:copy(<<"0123456789">>, 1000000), B = rpc:call(?N, probe, value, [B]) end},
     {"rpc:cast", fun () -> true = rpc:cast(?N, probe, tell, [self(), hi]), {P, _, hi} = next(),
                            true = node(P) =:= ?N end},
     {"rpc:multicall", fun () ->
           Self = node(), N = ?N,
           {[N, Self], [?NOBODY]} = rpc:multicall([N, ?NOBODY, Self], erlang, node, []) end},
     {"rpc:multicall: errors are results", fun () ->
           {[{badrpc, {'EXIT', a}}], []} = rpc:multicall([?N], erlang, exit, [a]) end},
     {"rpc:multicall/5: time-out", fun () ->
           N = ?N, {[], [N]} = rpc:multicall([N], timer, sleep, [500], 20) end},
     {"rpc:async_call, yield", fun () -> 3 = rpc:yield(rpc:async_call(?N, probe, sum, [1, 2])) end},
     {"rpc:nb_yield", fun () ->
           K = rpc:async_call(?N, timer, sleep, [100]),
           timeout = rpc:nb_yield(K, 1), {value, ok} = rpc:nb_yield(K, infinity) end},
     {"rpc:block_call", fun () -> x = rpc:block_call(?N, probe, value, [x]) end},
     {"rpc:block_call is rex itself", fun () ->
           P = rpc:block_call(?N, erlang, self, []), P = rpc:call(?N, erlang, whereis, [rex]) end},
     {"rpc:block_call: each class", fun () ->
           ball = rpc:block_call(?N, probe, throw, [ball]),
           {badrpc, {'EXIT', gone}} = rpc:block_call(?N, probe, leave, [gone]),
           {badrpc, {'EXIT', {oops, [{probe, error, 1, []}]}}} = rpc:block_call(?N, probe, error, [oops]),
           {badrpc, {'EXIT', {undef, [{a, b, [], []}]}}} = rpc:block_call(?N, a, b, []) end},
     {"rpc:block_call/5: time-out", fun () ->
           {badrpc, timeout} = rpc:block_call(?N, timer, sleep, [300], 20),
           x = rpc:block_call(?N, probe, value, [x]),
           [] = mailbox() end},
     {"rpc:abcast", fun () ->
           P = suite:puppet(), ok = suite:do(P, register, rpc_abcast),
           abcast = rpc:abcast([?N], rpc_abcast, hello), [hello] = suite:heard(P, 1),
           gen_server:stop(P) end},
     {"rpc:sbcast", fun () ->
           N = ?N, P = suite:puppet(), ok = suite:do(P, register, rpc_sbcast),
           {[N], []} = rpc:sbcast([N], rpc_sbcast, hello), [hello] = suite:heard(P, 1),
           {[], [N]} = rpc:sbcast([N], rpc_nobody, hello),
           gen_server:stop(P) end},
     {"rpc:eval_everywhere", fun () ->
           abcast = rpc:eval_everywhere([?N], probe, tell, [self(), all]), {_, _, all} = next() end},
     {"rpc:multi_server_call", fun () ->
           N = ?N, {[], [N]} = rpc:multi_server_call([N], rpc_nobody, hi) end},
     {"rpc:parallel_eval, pmap over our node", fun () ->
           {ok, Peer, Other} = through(),
           [3, 7] = suite:on(Peer, rpc, parallel_eval, [[{probe, sum, [1, 2]}, {probe, sum, [3, 4]}]]),
           [11, 12, 13] = suite:on(Peer, rpc, pmap, [{probe, sum}, [10], [1, 2, 3]]),
           suite:stop(Other) end}].

%% A node whose nodes() is one of ours, and itself has the module probe not: parallel_eval
%% goes to all of [node() | nodes()], so Erlang's half answers with a module of its own.
through() ->
    {Node, Other} = suite:agner(rpc),
    Peer = suite:erl(rpc),
    true = suite:on(Peer, net_kernel, connect_node, [Node]),
    {module, probe} = suite:on(Peer, code, load_binary, [probe, "probe", probe_beam()]),
    {ok, Peer, {Node, Other}}.

probe_beam() ->
    {ok, probe, Beam} = compile:forms(
        [{attribute, 1, module, probe}, {attribute, 1, export, [{sum, 2}]},
         {function, 1, sum, 2,
          [{clause, 1, [{var, 1, 'A'}, {var, 1, 'B'}], [],
            [{op, 1, '+', {var, 1, 'A'}, {var, 1, 'B'}}]}]}]),
    Beam.

%% ---- Erlang calls by erpc

erpc() ->
    [{"erpc:call/4: a value", fun () -> [1, <<2>>] = erpc:call(?N, probe, value, [[1, <<2>>]]) end},
     {"erpc:call/5: a value", fun () -> x = erpc:call(?N, probe, value, [x], 5000) end},
     {"erpc:call/2 with a fun of Erlang's, which only Erlang can run",
      fun () -> {error, {exception, {badfun, _}, _}} = caught(fun () -> erpc:call(?N, fun () -> 1 end) end) end},
     {"erpc:call: throw", fun () -> {throw, ball} = call(probe, throw, [ball]) end},
     {"erpc:call: exit", fun () -> {exit, {exception, gone}} = call(erlang, exit, [gone]) end},
     {"erpc:call: rt_exit", fun () -> {exit, {exception, gone}} = call(probe, leave, [gone]) end},
     {"erpc:call: error", fun () ->
           {error, {exception, oops, [{probe, error, 1, []}]}} = call(probe, error, [oops]) end},
     {"erpc:call: undef", fun () ->
           {error, {exception, undef, [{nix, f, [1], []}]}} = call(nix, f, [1]) end},
     {"erpc:call: killed", fun () -> {exit, {signal, killed}} = call(probe, killed, [x]) end},
     {"erpc:call: what cannot leave the node", fun () -> {exit, {signal, _}} = call(probe, resource, []) end},
     {"erpc:call: time-out, and no late message", fun () ->
           {error, {erpc, timeout}} = caught(fun () -> erpc:call(?N, timer, sleep, [60], 20) end),
           ok = erpc:call(?N, timer, sleep, [120]),
           [] = mailbox() end},
     {"erpc:call: the node goes away", fun () ->
           {Node, Keeper} = suite:agner(rpc),
           Self = self(),
           Pid = spawn(fun () ->
                   Self ! {self(), caught(fun () -> erpc:call(Node, timer, sleep, [60000]) end)} end),
           suite:wait(fun () -> lists:member(Node, nodes(connected)) end),
           suite:signal({Node, Keeper}, "KILL"),
           {Pid, {error, {erpc, noconnection}}} = next() end},
     {"erpc:call: 10,000 at once", fun () ->
           Ids = [{I, erpc:send_request(?N, probe, value, [I])} || I <- lists:seq(1, 10000)],
           [I = erpc:receive_response(Id, 30000) || {I, Id} <- Ids] end},
     {"erpc:cast", fun () -> ok = erpc:cast(?N, probe, tell, [self(), cast]), {_, _, cast} = next() end},
     {"erpc:cast of what is not there", fun () -> ok = erpc:cast(?N, nix, nix, []) end},
     {"the group leader is the caller's", fun () ->
           ok = erpc:call(?N, probe, tell, [self(), x]),
           {_, L, x} = next(), L = group_leader() end},
     {"a function's output comes to the caller's group leader", fun () ->
           Leader = group_leader(), group_leader(self(), self()),
           Self = self(),
           Pid = spawn(fun () -> Self ! {done, erpc:call(?N, probe, print, [<<"hello">>])} end),
           {io_request, From, As, {put_chars, unicode, <<"hello">>}} = next(),
           true = node(From) =:= ?N, From ! {io_reply, As, ok},
           {done, ok} = next(), group_leader(Leader, self()), Pid end},
     {"a call is a process of its own", fun () ->
           P = erpc:call(?N, erlang, self, []), Q = erpc:call(?N, erlang, self, []),
           true = P =/= Q,
           suite:wait(fun () -> not erpc:call(?N, erlang, is_process_alive, [P]) end) end},
     {"erpc:send_request, receive_response", fun () ->
           3 = erpc:receive_response(erpc:send_request(?N, probe, sum, [1, 2])) end},
     {"erpc:wait_response", fun () ->
           R = erpc:send_request(?N, timer, sleep, [100]),
           no_response = erpc:wait_response(R, 0), {response, ok} = erpc:wait_response(R, infinity) end},
     {"erpc:check_response", fun () ->
           R = erpc:send_request(?N, probe, value, [7]),
           no_response = erpc:check_response(hello, R),
           {response, 7} = erpc:check_response(next(), R) end},
     {"erpc:multicall", fun () ->
           N = ?N, Self = node(),
           [{ok, N}, {error, {erpc, noconnection}}, {ok, Self}] =
               erpc:multicall([N, ?NOBODY, Self], erlang, node, []) end},
     {"erpc:multicall: each class", fun () ->
           [{throw, a}] = erpc:multicall([?N], probe, throw, [a]),
           [{exit, {exception, a}}] = erpc:multicall([?N], probe, leave, [a]),
           [{error, {exception, a, _}}] = erpc:multicall([?N], probe, error, [a]) end},
     {"erpc:multicall: time-out", fun () ->
           [{error, {erpc, timeout}}] = erpc:multicall([?N], timer, sleep, [300], 20) end},
     {"erpc:multicast", fun () ->
           ok = erpc:multicast([?N], probe, tell, [self(), many]), {_, _, many} = next() end},
     {"spawn/4 of a function of ours", fun () ->
           P = spawn(?N, probe, tell, [self(), spawned]), {P, _, spawned} = next() end},
     {"spawn_monitor: what a function leaves with", fun () ->
           {P, R} = erlang:spawn_monitor(?N, probe, leave, [bye]),
           {'DOWN', R, process, P, bye} = next() end},
     {"spawn_monitor: a function that returns", fun () ->
           {P, R} = erlang:spawn_monitor(?N, probe, value, [x]),
           {'DOWN', R, process, P, normal} = next() end},
     {"spawn_monitor: a function that fails", fun () ->
           {P, R} = erlang:spawn_monitor(?N, probe, error, [x]),
           {'DOWN', R, process, P, {x, [{probe, error, 1, []}]}} = next() end}].

call(M, F, Args) ->
    caught(fun () -> erpc:call(?N, M, F, Args) end).

caught(Fun) ->
    try {value, Fun()} catch Class:Reason -> {Class, Reason} end.

mailbox() ->
    receive M -> [M | mailbox()] after 0 -> [] end.

%% ---- What is left of rex

rex() ->
    Rex = fun (Request) -> gen_server:call({rex, ?N}, Request) end,
    [{"rex: call", fun () -> x = Rex({call, probe, value, [x], group_leader()}) end},
     {"rex: call with the leader user", fun () -> x = Rex({call, probe, value, [x], user}) end},
     {"rex: call, killed", fun () ->
           {badrpc, {'EXIT', killed}} = Rex({call, probe, killed, [x], user}) end},
     {"rex: call with no leader", fun () -> {badrpc, {'EXIT', {badarg, _}}} = Rex({call, a, b, [], x}) end},
     {"rex: the leader is the one of the request", fun () ->
           ok = Rex({call, probe, tell, [self(), x], group_leader()}),
           {_, L, x} = next(), L = group_leader() end},
     {"rex: calls beside each other", fun () ->
           Id = gen_server:send_request({rex, ?N}, {call, timer, sleep, [60000], user}),
           y = Rex({call, probe, value, [y], user}), Id end},
     {"rex: cast", fun () ->
           gen_server:cast({rex, ?N}, {cast, probe, tell, [self(), x], group_leader()}),
           {_, _, x} = next() end},
     {"rex: what C nodes send", fun () ->
           {rex, ?N} ! {self(), {call, probe, value, [x], user}}, {rex, x} = next(),
           {rex, ?N} ! {self(), {call, nix, nix, [], user}}, {rex, {badrpc, _}} = next() end},
     {"rex: output goes to the caller that wants it", fun () ->
           {rex, ?N} ! {self(), {call, probe, print, [<<"hello">>], {send_stdout_to_caller, self()}}},
           {rex_stdout, <<"hello">>} = next(), {rex, ok} = next() end},
     {"erl_call, a C node", fun () ->
           "6" = erl_call("-a 'probe sum [1,2,3]'"),
           "{badrpc, {'EXIT', {undef, [{nix, nix, [], []}]}}}" = erl_call("-a 'nix nix'"),
           "hello" = erl_call("-fetch_stdout -no_result_term -a 'probe print [\"hello\"]'") end},
     {"rex: sbcast, send", fun () ->
           N = ?N,
           {rex, N} ! {self(), {sbcast, rpc_nobody, x}}, {rex, N, {nonexisting_name, rpc_nobody}} = next(),
           {rex, N} ! {self(), {send, rpc_nobody, x}}, {rex, N, {nonexisting_name, rpc_nobody}} = next() end},
     {"rex: features", fun () ->
           N = ?N, {rex, N} ! {self(), features_request}, {features_reply, N, [erpc]} = next() end}].

erl_call(What) ->
    os:cmd(lists:concat([filename:join([code:root_dir(), "bin", "erl_call"]), " -name ", ?N,
                         " -c ", suite:cookie(), " ", What])).

%% ---- OTP's functions here

functions() ->
    R = fun (M, F, A) -> erpc:call(?N, M, F, A) end,
    [{"erlang:node, nodes, is_alive", fun () ->
           N = ?N, N = R(erlang, node, []), true = R(erlang, is_alive, []),
           true = lists:member(node(), R(erlang, nodes, [connected])),
           [N] = R(erlang, nodes, [this]) end},
     {"erlang:whereis, process_info, processes", fun () ->
           P = R(erlang, whereis, [rex]), true = node(P) =:= ?N,
           {registered_name, rex} = R(erlang, process_info, [P, registered_name]),
           true = lists:member(P, R(erlang, processes, [])),
           true = lists:member(rex, R(erlang, registered, [])),
           Keys = [K || {K, _} <- process_info(self()), K =/= registered_name],
           [] = Keys -- [K || {K, _} <- R(erlang, process_info, [P])] end},
     {"erlang:process_info: links and monitors are true", fun () ->
           P = suite:puppet(), link(P), M = monitor(process, P),
           Self = self(),
           {links, [Self]} = R(erlang, process_info, [P, links]),
           {monitored_by, [Self]} = R(erlang, process_info, [P, monitored_by]),
           demonitor(M),
           suite:do(P, monitor, Self),
           {monitors, [{process, Self}]} = R(erlang, process_info, [P, monitors]),
           unlink(P), gen_server:stop(P) end},
     {"erlang:process_info: messages that wait", fun () ->
           P = spawn(?N, timer, sleep, [infinity]),
           P ! {one, 1}, P ! two,
           suite:wait(fun () -> {messages, [{one, 1}, two]} =:= R(erlang, process_info, [P, messages]) end),
           {message_queue_len, 2} = R(erlang, process_info, [P, message_queue_len]),
           exit(P, kill) end},
     {"erlang:system_info, memory, statistics", fun () ->
           25 = list_to_integer(R(erlang, system_info, [otp_release])),
           8 = R(erlang, system_info, [wordsize]),
           true = R(erlang, system_info, [process_count]) > 3,
           Keys = [K || {K, _} <- erlang:memory()], Keys = [K || {K, _} <- R(erlang, memory, [])],
           {T, _} = R(erlang, statistics, [reductions]), true = T > 0 end},
     {"net_adm:ping from there to here", fun () ->
           pong = R(net_adm, ping, [node()]), pang = R(net_adm, ping, [?NOBODY]),
           true = R(net_kernel, connect_node, [node()]) end},
     {"application:which_applications", fun () ->
           true = lists:keymember(kernel, 1, R(application, which_applications, [])) end},
     {"sys:get_state, gen_server:call, from there", fun () ->
           {badrpc, not_supported} = R(gen_server, call, [rex, what]),
           {status, _, _, _} = R(sys, get_status, [rex]),
           {exit, {exception, {noproc, {gen_server, call, [rpc_nobody, hi, 5000]}}}} =
               call(gen_server, call, [rpc_nobody, hi]) end},
     {"clocks agree", fun () ->
           true = abs(R(erlang, system_time, [second]) - erlang:system_time(second)) < 60,
           {D, _} = calendar:universal_time(), {D2, _} = R(erlang, universaltime, []),
           true = abs(calendar:date_to_gregorian_days(D) - calendar:date_to_gregorian_days(D2)) =< 1 end},
     {"function_exported, code:ensure_loaded", fun () ->
           true = R(erlang, function_exported, [probe, value, 1]),
           false = R(erlang, function_exported, [erlang, halt, 0]),
           {module, probe} = R(code, ensure_loaded, [probe]) end}].

%% ---- We call

%% Evaluated on Erlang's node, by both.
served({value, V}) -> V;
served({throw, V}) -> throw(V);
served({exit, V}) -> exit(V);
served({error, V}) -> error(V);
served(kill) -> exit(self(), kill);
served({sleep, Ms}) -> timer:sleep(Ms);
served({tell, To}) -> To ! {told, node(To)};
served(leader) -> group_leader().

%% {Name, Argument}: the outcome of ours is Erlang's own.
table() ->
    [{"a value", {value, {a, [1], #{b => <<"c">>}}}}, {"a throw", {throw, ball}},
     {"an exit", {exit, {gone, 1}}}, {"an error", {error, oops}}, {"a kill", kill}].

ours() ->
    [{"we call by rpc: " ++ Name, fun () -> same_rpc(cases_rpc, served, [A]) end} || {Name, A} <- table()] ++
    [{"we call by erpc: " ++ Name, fun () -> same_erpc(cases_rpc, served, [A]) end} || {Name, A} <- table()] ++
    [{"we call by block_call: " ++ Name, fun () -> same_block(cases_rpc, served, [A]) end}
     || {Name, A} <- table(), A =/= kill] ++
    [{"we call by rpc: undef", fun () -> same_rpc(nix, nix, [1]) end},
     {"we call by erpc: undef", fun () -> same_erpc(nix, nix, [1]) end},
     {"we call by erpc: badarg", fun () -> same_erpc(erlang, atom_to_list, [1]) end},
     {"we call by rpc: time-out", fun () ->
           {error, 'ETIMEOUT', {badrpc, timeout}} = do(rpc_call, {node(), timer, sleep, [1000], 20}) end},
     {"we call by erpc: time-out, and no late message", fun () ->
           P = suite:puppet(),
           {error, 'ETIMEOUT', {error, {erpc, timeout}}} =
               suite:do(P, erpc_call, {node(), timer, sleep, [60], 20}),
           {ok, ok} = suite:do(P, erpc_call, {node(), timer, sleep, [120], 5000}),
           0 = waiting(P), gen_server:stop(P) end},
     {"we call by rpc: no such node", fun () ->
           {error, 'ENODEDOWN', {badrpc, nodedown}} = do(rpc_call, {?NOBODY, a, b, [], 5000}) end},
     {"we call by erpc: no such node", fun () ->
           {error, 'ENOCONN', {error, {erpc, noconnection}}} = do(erpc_call, {?NOBODY, a, b, [], 5000}) end},
     {"we call by block_call: no such node", fun () ->
           {error, 'ENODEDOWN', {badrpc, nodedown}} = do(block_call, {?NOBODY, a, b, [], 5000}) end},
     {"we call by erpc: what is no call", fun () ->
           {error, 'EINVAL', {error, {erpc, badarg}}} = do(erpc_call, {node(), 1, b, [], 5000}),
           {error, 'EINVAL', {error, {erpc, badarg}}} = do(erpc_call, {node(), a, b, [1 | 2], 5000}) end},
     {"we call by erpc: the node goes away", fun () ->
           {Node, Keeper} = suite:erl(rpc),
           P = suite:puppet(),
           Id = gen_server:send_request(P, {do, erpc_call, {Node, timer, sleep, [60000], 60000}}),
           suite:wait(fun () -> lists:member(?N, suite:on({Node, Keeper}, erlang, nodes, [connected])) end),
           suite:signal({Node, Keeper}, "KILL"),
           {reply, {error, 'ENOCONN', {error, {erpc, noconnection}}}} = gen_server:wait_response(Id, infinity),
           gen_server:stop(P) end},
     {"we send a request, wait, and receive", fun () ->
           {ok, ok} = do(erpc_request, {node(), timer, sleep, [50], 5000}) end},
     {"we cast", fun () ->
           ok = do(erpc_cast, {node(), cases_rpc, served, [{tell, self()}], 0}), {told, _} = next() end},
     {"we call many by erpc", fun () ->
           N = ?N, Self = node(),
           {ok, [{ok, Self}, {error, {erpc, noconnection}}, {ok, N}]} =
               do(erpc_multicall, {[Self, ?NOBODY, N], erlang, node, [], 5000}),
           {ok, [{exit, {exception, a}}, {exit, {exception, a}}]} =
               do(erpc_multicall, {[Self, N], erlang, exit, [a], 5000}) end},
     {"we call many by rpc", fun () ->
           N = ?N, Self = node(),
           {ok, {[Self, N], [?NOBODY]}} = do(rpc_multicall, {[Self, ?NOBODY, N], erlang, node, [], 5000}),
           {ok, {[], [Self]}} = do(rpc_multicall, {[Self], timer, sleep, [500], 20}),
           {ok, {[{badrpc, {'EXIT', a}}], []}} = do(rpc_multicall, {[Self], erlang, exit, [a], 5000}) end},
     {"we broadcast", fun () ->
           Self = node(), register(rpc_case, self()),
           ok = do(abcast, {[node()], rpc_case, one, 0}), one = next(),
           {ok, {[Self], []}} = do(sbcast, {[Self], rpc_case, two, 5000}), two = next(),
           {ok, {[], [Self]}} = do(sbcast, {[Self], rpc_nobody, two, 5000}),
           {ok, {[], [?NOBODY]}} = do(sbcast, {[?NOBODY], rpc_nobody, two, 5000}) end},
     {"we call a server on many nodes", fun () ->
           Self = node(),
           Pid = spawn(fun () -> receive {From, Q} -> From ! {rpc_server, node(), {got, Q}} end end),
           register(rpc_server, Pid),
           {ok, {[{Self, {got, q}}], [?NOBODY]}} =
               do(multi_server_call, {[Self, ?NOBODY], rpc_server, q, 5000}) end},
     {"our call to ourselves", fun () ->
           N = ?N, {ok, N} = do(erpc_call, {N, erlang, node, [], 5000}),
           {error, 'EEXIT', {throw, x}} = do(erpc_call, {N, probe, throw, [x], 5000}) end}].

same_rpc(M, F, Args) ->
    Theirs = strip(rpc:call(node(), M, F, Args, 5000)),
    case {do(rpc_call, {node(), M, F, Args, 5000}), Theirs} of
        {{ok, V}, V} -> ok;
        {{error, 'EEXIT', E}, _} -> Theirs = strip(E)
    end.

same_block(M, F, Args) ->
    Theirs = strip(rpc:block_call(node(), M, F, Args)),
    case {do(block_call, {node(), M, F, Args, 5000}), Theirs} of
        {{ok, V}, V} -> ok;
        {{error, 'EEXIT', E}, _} -> Theirs = strip(E)
    end.

same_erpc(M, F, Args) ->
    Theirs = strip(caught(fun () -> erpc:call(node(), M, F, Args, 5000) end)),
    case {do(erpc_call, {node(), M, F, Args, 5000}), Theirs} of
        {{ok, V}, {value, V}} -> ok;
        {{error, 'EEXIT', E}, _} -> Theirs = strip(E)
    end.

%% Places in files may differ.
strip({badrpc, {'EXIT', {R, Stack}}}) when is_list(Stack) -> {badrpc, {'EXIT', {R, frames(Stack)}}};
strip({error, {exception, R, Stack}}) -> {error, {exception, R, frames(Stack)}};
strip(Other) -> Other.

frames(Stack) -> [{M, F, A} || {M, F, A, _} <- Stack].

waiting(P) ->
    {message_queue_len, N} = erpc:call(node(P), erlang, process_info, [P, message_queue_len]),
    N.

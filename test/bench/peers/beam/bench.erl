%% bench.erl -- the rows for BEAM (Erlang/OTP), a clause of run/2 each.
%% Run by run.sh: ./run.sh ROW N    prints `row beam metric value unit`.
-module(bench).
-export([main/0, main/1, serve/0]).
%% for the modules with more rows
-export([out/4, t/0, wait/1, ping/2, pong/0]).
%% gen_server callbacks
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
%% gen_statem callbacks; init/1 is there already
-export([callback_mode/0, off/3, on/3]).
%% GenStage callbacks
-export([handle_demand/2, handle_events/3]).
%% a handler of logger
-export([log/2]).
-include_lib("kernel/include/logger.hrl").

main() -> main([]).

main(_) ->
    process_flag(priority, normal),
    Args = init:get_plain_arguments(),
    {Name, N} = case Args of
                    [A, B | _] -> {list_to_atom(A), list_to_integer(B)};
                    [A] -> {list_to_atom(A), 0}
                end,
    logger:set_primary_config(level, none),
    Me = self(),
    %% run in a fresh process: the one that evaluates -s/-run is a system process
    {P, M} = spawn_monitor(fun() -> run(Name, N), Me ! fin end),
    receive
        fin -> erlang:demonitor(M, [flush]), halt(0);
        {'DOWN', M, process, P, Why} ->
            io:format(standard_error, "~p failed: ~p~n", [Name, Why]), halt(1)
    end.

out(Name, Metric, Value, Unit) when is_float(Value) ->
    io:format("~s ~s ~s ~.4f ~s~n", [Name, peer(), Metric, Value, Unit]);
out(Name, Metric, Value, Unit) ->
    io:format("~s ~s ~s ~p ~s~n", [Name, peer(), Metric, Value, Unit]).

peer() -> case os:getenv("BENCH_PEER") of false -> "beam"; P -> P end.

t() -> erlang:monotonic_time(nanosecond).

%% ---- pingpong
run(pingpong, N) ->
    pingpong(N div 10),
    Dt = pingpong(N),
    out(pingpong, ns_per_msg, Dt / N, ns);

%% ---- pingpong_many
run(pingpong_many, N) ->
    Pairs = 1000,
    many(Pairs, N div 10),
    Dt = many(Pairs, N),
    out(pingpong_many, msgs_per_s, N * 1.0e9 / Dt, 'msgs/s');

%% ---- ring
run(ring, N) ->
    ring(1000, N div 10),
    Dt = ring(1000, N),
    out(ring, ns_per_hop, Dt / N, ns);

%% ---- fanin
run(fanin, N) ->
    fanin(100, N div 10, []),
    Dt = fanin(100, N, []),
    out(fanin, msgs_per_s, N * 1.0e9 / Dt, 'msgs/s'),
    Dt2 = fanin(100, N, [{message_queue_data, off_heap}]),
    out(fanin, msgs_per_s_offheap, N * 1.0e9 / Dt2, 'msgs/s');

%% ---- fanout
run(fanout, N) ->
    fanout(1000, N div 10),
    Dt = fanout(1000, N),
    out(fanout, msgs_per_s, N * 1.0e9 / Dt, 'msgs/s');

%% ---- call
run(call, N) ->
    {ok, S} = gen_server:start_link(?MODULE, counter, []),
    calls(S, N div 10),
    T0 = t(), calls(S, N), T1 = t(),
    out(call, ns_per_call, (T1 - T0) / N, ns);

%% ---- call_many
run(call_many, N) ->
    C = 1000,
    {ok, S} = gen_server:start_link(?MODULE, counter, []),
    clients(C, fun(_) -> calls(S, N div C div 10) end),
    Dt = clients(C, fun(_) -> calls(S, N div C) end),
    out(call_many, calls_per_s_one_server, N * 1.0e9 / Dt, 'calls/s'),
    Ss = list_to_tuple([begin {ok, X} = gen_server:start_link(?MODULE, counter, []), X end
                        || _ <- lists:seq(1, C)]),
    clients(C, fun(I) -> calls(element(I, Ss), N div C div 10) end),
    Dt2 = clients(C, fun(I) -> calls(element(I, Ss), N div C) end),
    out(call_many, calls_per_s_1000_pairs, N * 1.0e9 / Dt2, 'calls/s');

%% ---- statem
run(statem, N) ->
    {ok, S} = gen_statem:start_link(?MODULE, flip, []),
    flips(S, N div 10),
    T0 = t(), flips(S, N), T1 = t(),
    out(statem, ns_per_change, (T1 - T0) / N, ns);

%% ---- spawn, skynet
run(spawn, N) ->
    spawn_seq(N div 10),
    T0 = t(), spawn_seq(N), T1 = t(),
    out(spawn, ns_sequential, (T1 - T0) / N, ns),
    spawn_burst(N div 10),
    T2 = t(), spawn_burst(N), T3 = t(),
    out(spawn, ns_burst, (T3 - T2) / N, ns),
    T4 = t(), gs_seq(N div 10), T5 = t(),
    out(spawn, ns_gen_server_start_stop, (T5 - T4) / (N div 10), ns);
run(skynet, N) ->
    skynet_run(N div 10),
    T0 = t(), Sum = skynet_run(N), T1 = t(),
    Sum = N * (N - 1) div 2,
    out(skynet, ms, (T1 - T0) / 1.0e6, ms);

%% ---- memory
run(memory, N) ->
    Me = self(),
    erlang:garbage_collect(),
    R0 = rss(),
    Ps = [begin {ok, P} = gen_server:start(?MODULE, counter, []), 1 = gen_server:call(P, incr), P end
          || _ <- lists:seq(1, N)],
    put(keep, length(Ps)),
    timer:sleep(500),
    R1 = rss(),
    out(memory, bytes_per_process, (R1 - R0) / N, bytes),
    [P ! hibernate || P <- Ps],
    [1 = gen_server:call(P, get) || P <- lists:nthtail(N - 1, Ps)],
    timer:sleep(2000),
    out(memory, bytes_per_process_hibernated, (rss() - R0) / N, bytes),
    out(memory, vm_reported_bytes_per_process, erlang:memory(processes) / N, bytes),
    Me ! ok;

%% ---- supervisor, supervisor_many
run(supervisor, N) ->
    {ok, S1} = start_ward(1),
    P0 = crash_one(next_up(), N div 10),
    T0 = t(), crash_one(P0, N), T1 = t(),
    out(supervisor, us_per_restart_of_one, (T1 - T0) / N / 1000, us),
    unlink(S1), gen_server:stop(S1, shutdown, infinity),
    {ok, S2} = start_ward(N),
    Ps = [next_up() || _ <- lists:seq(1, N)],
    T2 = t(),
    [gen_server:cast(P, crash) || P <- Ps],
    [next_up() || _ <- Ps],
    T3 = t(),
    out(supervisor, us_per_restart_of_each, (T3 - T2) / N / 1000, us),
    unlink(S2), gen_server:stop(S2, shutdown, infinity);
run(supervisor_many, N) ->
    {ok, S} = supervisor:start_link(?MODULE, crowd),
    T0 = t(),
    Ps = list_to_tuple([begin {ok, P} = supervisor:start_child(S, []), P end || _ <- lists:seq(1, N)]),
    T1 = t(),
    look_up(S, Ps, 12345, 100000),
    T2 = t(),
    unlink(S),
    ok = gen_server:stop(S, shutdown, infinity),
    T3 = t(),
    out(supervisor_many, us_per_start, (T1 - T0) / N / 1000, us),
    out(supervisor_many, us_per_look_up, (T2 - T1) / 100000 / 1000, us),
    out(supervisor_many, us_per_stop, (T3 - T2) / N / 1000, us);

%% ---- names
run(names, N) ->
    Sends = 1000000,
    Per = Sends div N,
    Me = self(),
    Names = [list_to_atom("proc_" ++ integer_to_list(I)) || I <- lists:seq(1, N)],
    Pids = [spawn_link(fun() -> name_rcv(Per, Me) end) || _ <- Names],
    T0 = t(),
    register_all(Names, Pids),
    T1 = t(),
    out(names, ns_per_register, (T1 - T0) / N, ns),
    Order = shuffle(Names),
    T2 = t(),
    send_names(Per, Order),
    T3 = t(),
    wait(N),
    T4 = t(),
    out(names, ns_per_send_to_name, (T3 - T2) / (Per * N), ns),
    out(names, ns_per_send_delivered, (T4 - T2) / (Per * N), ns);

%% ---- stage, stage_broadcast: real GenStage, where GEN_STAGE_EBIN says where it is
run(stage, N) ->
    Fewer = N div 10,
    Flow = fun(Consumers, Events, Options) ->
               {ok, P} = 'Elixir.GenStage':start_link(?MODULE, {stage, numbers}),
               stage(P, Consumers, Events, false, Options)
           end,
    Flow(1, Fewer, []),
    out(stage, events_per_s, N * 1.0e9 / Flow(1, N, []), 'events/s'),
    out(stage, events_per_s_1000, Fewer * 1.0e9 / Flow(1000, Fewer, [{max_demand, 10}, {min_demand, 5}]), 'events/s');
run(stage_broadcast, N) ->
    {ok, P} = 'Elixir.GenStage':start_link(?MODULE, {stage, tags}),
    Each = max(1, N div 1000),
    stage(P, 1000, Each div 10 + 1, true, []),
    out(stage_broadcast, events_per_s, Each * 1000 * 1.0e9 / stage(P, 1000, Each, true, []), 'events/s');

%% ---- pg
run(pg, N) ->
    {ok, _} = pg:start_link(),
    pg_fill(small, 10), pg_fill(large, 1000),
    pg_reads(large, N div 10),
    out(pg, ns_per_read_of_10, pg_reads(small, N) / N, ns),
    out(pg, ns_per_read_of_1000, pg_reads(large, N) / N, ns),
    Busy = spawn_link(fun() -> pg_busy() end),
    out(pg, ns_per_read_of_1000_while_it_changes, pg_reads(large, N) / N, ns),
    R = monitor(process, Busy), Busy ! stop, receive {'DOWN', R, _, _, _} -> ok end,
    M = N div 10,
    out(pg, ns_per_join_and_leave_of_10, pg_changes(small, M) / M, ns),
    out(pg, ns_per_join_and_leave_of_1000, pg_changes(large, M) / M, ns);
run(pg_broadcast, N) ->
    {ok, _} = pg:start_link(),
    pg_broadcast(N div 10),
    Dt = pg_broadcast(N),
    out(pg_broadcast, msgs_per_s, N * 1.0e9 / Dt, 'msgs/s');

%% ---- links
run(links, N) ->
    P = spawn_link(fun() -> answering() end),
    unlink(P),
    tie_links(N div 10, P), tie_monitors(N div 10, P),
    T0 = t(), tie_links(N, P), T1 = t(), tie_monitors(N, P), T2 = t(),
    out(links, ns_link_unlink, (T1 - T0) / N, ns),
    out(links, ns_monitor_demonitor, (T2 - T1) / N, ns);

%% ---- hub
run(hub, N) ->
    hub(N div 10),
    {Up, Down} = hub(N),
    out(hub, ns_per_spawn_link, Up / N, ns),
    out(hub, ms_until_all_ended, Down / 1.0e6, ms);

%% ---- log
run(log, N) ->
    Lines = max(1, N div 10),
    ok = logger:set_primary_config(level, notice),
    ok = logger:remove_handler(default),
    ok = logger:add_handler(counts, ?MODULE, #{config => counters:new(1, [])}),
    T0 = t(), log_dropped(N), T1 = t(),
    out(log, ns_per_dropped, (T1 - T0) / N, ns),
    log_lines(Lines div 10),
    T2 = t(), log_lines(Lines), T3 = t(),
    out(log, ns_per_line, (T3 - T2) / Lines, ns),
    ok = logger:remove_handler(counts),
    File = "/tmp/agner-bench-beam-log-" ++ os:getpid(),
    %% no limit is ever reached, and nothing checks the file meanwhile
    ok = logger:add_handler(file, logger_std_h, #{config => #{
        file => File, file_check => 60000, filesync_repeat_interval => no_repeat,
        sync_mode_qlen => 100000, drop_mode_qlen => 100001, flush_qlen => 100002,
        burst_limit_enable => false}}),
    log_to_file(Lines div 10),
    T4 = t(), log_to_file(Lines), T5 = t(),
    out(log, ns_per_line_to_file, (T5 - T4) / Lines, ns),
    ok = logger:remove_handler(file),
    file:delete(File);

%% ---- timers
run(timers, N) ->
    timers(N div 10),
    {S, C} = timers(N),
    out(timers, ns_start_1M_pending, S / N, ns),
    out(timers, ns_cancel_1M_pending, C / N, ns),
    T0 = t(), timer_pairs(N), T1 = t(),
    out(timers, ns_start_cancel_pair, (T1 - T0) / N, ns);
%% ---- two nodes
run(dist_connect, N) ->
    Ts = lists:sort([begin
                         Other = {_, Node} = open_other(I),
                         T0 = t(), true = net_kernel:connect_node(Node), T1 = t(),
                         _ = ask(Node, pid),
                         close_other(Other),
                         (T1 - T0) / 1.0e3
                     end || I <- lists:seq(1, N)]),
    out(dist_connect, connect_p50, lists:nth((N + 1) div 2, Ts), us);
run(dist_call, N) ->
    {_, Node} = open_other(1),
    S = ask(Node, pid),
    calls(S, N div 10),
    T0 = t(), calls(S, N), T1 = t(),
    out(dist_call, us_per_call, (T1 - T0) / N / 1000, us),
    C = 100,
    clients(C, fun(_) -> calls(S, N div C div 10) end),
    Dt = clients(C, fun(_) -> calls(S, N div C * 10) end),
    out(dist_call, calls_per_s_100_clients, N div C * 10 * C * 1.0e9 / Dt, 'calls/s');
run(dist_rpc, N) ->
    {_, Node} = open_other(1),
    rpc_calls(Node, N div 10),
    T0 = t(), rpc_calls(Node, N), T1 = t(),
    out(dist_rpc, us_per_erpc_call, (T1 - T0) / N / 1000, us),
    C = 100,
    clients(C, fun(_) -> rpc_calls(Node, N div C) end),
    Dt = clients(C, fun(_) -> rpc_calls(Node, N div C * 10) end),
    out(dist_rpc, erpc_calls_per_s_100_clients, N div C * 10 * C * 1.0e9 / Dt, 'calls/s');
run(dist_send, N) ->
    {_, Node} = open_other(1),
    dist_send(Node, 1, N div 10),
    Dt = dist_send(Node, 1, N),
    out(dist_send, msgs_per_s_1_sender, N * 1.0e9 / Dt, 'msgs/s'),
    Dt2 = dist_send(Node, 100, N),
    out(dist_send, msgs_per_s_100_senders, N * 1.0e9 / Dt2, 'msgs/s');
run(dist_stage, N) ->
    {_, Node} = open_other(1),
    P = gen_server:call({bench, Node}, stage, infinity),
    stage(P, 1, N div 10 + 1, false, []),
    out(dist_stage, events_per_s_1_consumer, N * 1.0e9 / stage(P, 1, N, false, []), 'events/s'),
    out(dist_stage, events_per_s_1000_consumers, N * 1.0e9 / stage(P, 1000, N, false, []), 'events/s');
run(dist_bulk, N) ->
    %% N = megabytes per size
    {_, Node} = open_other(1),
    [begin
         Cnt = max(1, N * 1000000 div Sz),
         Bin = rand:bytes(Sz),
         dist_bulk(Node, Bin, max(1, Cnt div 10)),
         Dt = dist_bulk(Node, Bin, Cnt),
         out(dist_bulk, Label, Sz * Cnt * 1.0e3 / Dt, 'MB/s')
     end || {Label, Sz} <- [{mb_per_s_1KB, 1024}, {mb_per_s_64KB, 65536}, {mb_per_s_10MB, 10485760}]];
run(dist_link, N) ->
    {_, Node} = open_other(1),
    E = ask(Node, echo),
    %% monitor+demonitor, confirmed by a round trip behind it
    T0 = t(),
    [begin M = erlang:monitor(process, E), erlang:demonitor(M, [flush]), E ! {self(), x}, receive x -> ok end end
     || _ <- lists:seq(1, N)],
    T1 = t(),
    out(dist_link, us_monitor_demonitor_confirmed, (T1 - T0) / N / 1000, us),
    Ps = [ask(Node, echo) || _ <- lists:seq(1, N)],
    %% kill a monitored remote process and wait for 'DOWN', one after another
    T2 = t(),
    [begin M = erlang:monitor(process, P), P ! stop, receive {'DOWN', M, _, _, _} -> ok end end || P <- Ps],
    T3 = t(),
    out(dist_link, us_monitor_exit_down, (T3 - T2) / N / 1000, us);

%% ---- codec: N is milliseconds for each figure
run(codec, N) ->
    [begin
         B = term_to_binary(T, [{minor_version, 2}]),
         out(codec, "encode_" ++ Name, per_second(fun() -> term_to_binary(T, [{minor_version, 2}]) end, N), 'terms/s'),
         out(codec, "decode_" ++ Name, per_second(fun() -> binary_to_term(B) end, N), 'terms/s')
     end || {Name, T} <- payloads()];
run(X, N) -> bench_savina:run(X, N).

%% ==== bodies
pingpong(N) ->
    Me = self(),
    B = spawn_link(fun() -> pong() end),
    A = spawn_link(fun() -> receive go -> ok end, ping(B, N div 2), Me ! done end),
    T0 = t(), A ! go, receive done -> ok end, T1 = t(),
    B ! stop,
    T1 - T0.
ping(_, 0) -> ok;
ping(B, N) -> B ! {ping, self(), N}, receive {pong, N} -> ping(B, N - 1) end.
pong() -> receive {ping, A, N} -> A ! {pong, N}, pong(); stop -> ok end.

many(Pairs, N) ->
    Me = self(),
    Per = N div Pairs div 2,
    As = [begin
              B = spawn_link(fun() -> pong() end),
              spawn_link(fun() -> receive go -> ok end, ping(B, Per), B ! stop, Me ! done end)
          end || _ <- lists:seq(1, Pairs)],
    T0 = t(),
    [A ! go || A <- As],
    wait(Pairs),
    t() - T0.

wait(0) -> ok;
wait(K) -> receive done -> wait(K - 1) end.

ring(K, N) ->
    Me = self(),
    First = spawn_link(fun() -> receive {next, P} -> ring_loop(P, Me) end end),
    Last = lists:foldl(fun(_, Next) -> spawn_link(fun() -> ring_loop(Next, Me) end) end, First, lists:seq(2, K)),
    First ! {next, Last},
    T0 = t(), First ! {token, N}, receive done -> ok end, T1 = t(),
    unlink(First), exit(First, kill), T1 - T0.
ring_loop(Next, Me) ->
    receive
        {token, 0} -> Me ! done, ring_loop(Next, Me);
        {token, N} -> Next ! {token, N - 1}, ring_loop(Next, Me)
    end.

fanin(Senders, N, Opts) ->
    Me = self(),
    R = erlang:spawn_opt(fun() -> count(N), Me ! done end, [link | Opts]),
    Per = N div Senders,
    Ss = [spawn_link(fun() -> receive go -> ok end, blast(R, Per) end) || _ <- lists:seq(1, Senders)],
    T0 = t(),
    [S ! go || S <- Ss],
    receive done -> ok end,
    t() - T0.
blast(_, 0) -> ok;
blast(R, N) -> R ! {tag, N}, blast(R, N - 1).
count(0) -> ok;
count(N) -> receive {tag, _} -> count(N - 1) end.

fanout(Rs, N) ->
    Me = self(),
    Per = N div Rs,
    Ps = [spawn_link(fun() -> count(Per), Me ! done end) || _ <- lists:seq(1, Rs)],
    T0 = t(),
    S = spawn_link(fun() -> rounds(Ps, Per) end),
    wait(Rs),
    T1 = t(),
    _ = S,
    T1 - T0.
rounds(_, 0) -> ok;
rounds(Ps, N) -> send_each(Ps, N), rounds(Ps, N - 1).
send_each([], _) -> ok;
send_each([P | T], N) -> P ! {tag, N}, send_each(T, N).

pg_fill(G, N) ->
    [ok = pg:join(G, spawn_link(fun() -> receive stop -> ok end end)) || _ <- lists:seq(1, N)].
%% in a process of its own, which reports the time that it took
pg_timed(F) ->
    Me = self(),
    spawn_link(fun() -> T0 = t(), F(), Me ! {took, t() - T0} end),
    receive {took, T} -> T end.
pg_reads(G, N) -> pg_timed(fun() -> pg_read(G, N) end).
pg_read(_, 0) -> ok;
pg_read(G, N) -> [_ | _] = pg:get_members(G), pg_read(G, N - 1).
pg_changes(G, N) -> pg_timed(fun() -> pg_change(G, N) end).
pg_change(_, 0) -> ok;
pg_change(G, N) -> ok = pg:join(G, self()), ok = pg:leave(G, self()), pg_change(G, N - 1).
pg_busy() -> receive stop -> ok after 0 -> pg_change(large, 1), pg_busy() end.

pg_broadcast(N) ->
    Me = self(),
    Per = max(1, N div 1000),
    [ok = pg:join(all, spawn_link(fun() -> count(Per), Me ! done end)) || _ <- lists:seq(1, 1000)],
    T0 = t(),
    spawn_link(fun() -> pg_rounds(Per) end),
    wait(1000),
    t() - T0.
pg_rounds(0) -> ok;
pg_rounds(N) -> send_each(pg:get_members(all), N), pg_rounds(N - 1).

calls(_, 0) -> ok;
calls(S, N) -> _ = gen_server:call(S, incr, 5000), calls(S, N - 1).

flips(_, 0) -> ok;
flips(S, N) -> done = gen_statem:call(S, flip, 5000), flips(S, N - 1).

rpc_calls(_, 0) -> ok;
rpc_calls(Node, N) -> erpc:call(Node, erlang, node, [], 120000), rpc_calls(Node, N - 1).

clients(C, F) ->
    Me = self(),
    Cs = [spawn_link(fun() -> receive go -> ok end, F(I), Me ! done end) || I <- lists:seq(1, C)],
    T0 = t(),
    [X ! go || X <- Cs],
    wait(C),
    t() - T0.

spawn_seq(0) -> ok;
spawn_seq(N) -> Me = self(), spawn(fun() -> Me ! done end), receive done -> ok end, spawn_seq(N - 1).
%% the children report to a collector of their own: the spawner's own long mailbox would make every
%% minor collection of the spawner scan it (quadratic, 90 us a spawn at 200k outstanding)
spawn_burst(N) ->
    Me = self(),
    C = erlang:spawn_opt(fun() -> wait(N), Me ! collected end, [link, {message_queue_data, off_heap}]),
    spawn_link(fun() -> burst(N, C) end),
    receive collected -> ok end.
burst(0, _) -> ok;
burst(N, Me) -> spawn(fun() -> Me ! done end), burst(N - 1, Me).
gs_seq(0) -> ok;
gs_seq(N) -> {ok, P} = gen_server:start(?MODULE, counter, []), gen_server:stop(P), gs_seq(N - 1).

skynet_run(N) ->
    Me = self(),
    spawn(fun() -> skynet(Me, 0, N) end),
    receive {sum, X} -> X end.
skynet(Parent, Num, 1) -> Parent ! {sum, Num};
skynet(Parent, Num, Size) ->
    Me = self(), Sub = Size div 10,
    sky_spawn(10, Me, Num, Sub),
    Parent ! {sum, sky_sum(10, 0)}.
sky_spawn(0, _, _, _) -> ok;
sky_spawn(K, Me, Num, Sub) -> spawn(fun() -> skynet(Me, Num, Sub) end), sky_spawn(K - 1, Me, Num + Sub, Sub).
sky_sum(0, S) -> S;
sky_sum(K, S) -> receive {sum, X} -> sky_sum(K - 1, S + X) end.

name_rcv(0, Me) -> Me ! done;
name_rcv(K, Me) -> receive {tag, _} -> name_rcv(K - 1, Me) end.
register_all([], []) -> ok;
register_all([A | T], [P | Q]) -> register(A, P), register_all(T, Q).
log_dropped(0) -> ok;
log_dropped(N) -> ?LOG_DEBUG("line ~p of many", [N]), log_dropped(N - 1).
log_lines(0) -> ok;
log_lines(N) -> ?LOG_NOTICE("line ~p of many", [N]), log_lines(N - 1).
%% All is written at the end of a round.
log_to_file(0) -> ok;
log_to_file(N) ->
    Round = min(N, 2000),
    log_lines(Round),
    ok = logger_std_h:filesync(file),
    log_to_file(N - Round).
%% The handler that counts: the message in words.
log(Event, #{config := Bytes}) ->
    Line = logger_formatter:format(Event, #{template => [msg], single_line => true}),
    counters:add(Bytes, 1, iolist_size(Line)).

answering() -> receive {ping, P} -> P ! pong, answering() end.
confirm(P) -> P ! {ping, self()}, receive pong -> ok end.
tie_links(0, _) -> ok;
tie_links(K, P) -> link(P), confirm(P), unlink(P), confirm(P), tie_links(K - 1, P).
tie_monitors(0, _) -> ok;
tie_monitors(K, P) ->
    R = monitor(process, P), confirm(P), demonitor(R, [flush]), confirm(P), tie_monitors(K - 1, P).

%% The boss watches each member, and all have ended when all downs are there.
hub(N) ->
    Boss = self(),
    H = spawn(fun() ->
                  T0 = t(),
                  Ms = [spawn_link(fun() -> answering() end) || _ <- lists:seq(1, N)],
                  Boss ! {members, Ms, t() - T0},
                  receive never -> ok end
              end),
    {Ms, Up} = receive {members, L, U} -> {L, U} end,
    [begin monitor(process, M), M ! {ping, Boss} end || M <- Ms],
    [receive pong -> ok end || _ <- Ms],
    T0 = t(),
    exit(H, done),
    [receive {'DOWN', _, _, _, _} -> ok end || _ <- Ms],
    {Up, t() - T0}.

send_names(0, _) -> ok;
send_names(K, L) -> send_each(L, K), send_names(K - 1, L).
shuffle(L) -> [X || {_, X} <- lists:sort([{erlang:phash2({X, salt}), X} || X <- L])].

timers(N) ->
    Me = self(),
    T0 = t(), Rs = t_start(N, Me, []), T1 = t(),
    t_cancel(Rs), T2 = t(),
    {T1 - T0, T2 - T1}.
t_start(0, _, Acc) -> Acc;
t_start(N, Me, Acc) -> t_start(N - 1, Me, [erlang:send_after(60000 + N rem 5000, Me, tick) | Acc]).
t_cancel([]) -> ok;
t_cancel([R | T]) -> erlang:cancel_timer(R), t_cancel(T).
timer_pairs(0) -> ok;
timer_pairs(N) -> R = erlang:send_after(5000, self(), tick), erlang:cancel_timer(R), timer_pairs(N - 1).

%% ---- two nodes
%% The other node runs the server `bench`, whose requests are those of bench_serve.c. It is a BEAM, or
%% what BENCH_OTHER serve NAME epmd starts, which prints a line when it listens and ends with its input.
open_other(I) ->
    Name = "srv" ++ integer_to_list(I) ++ "x" ++ os:getpid(),
    case os:getenv("BENCH_OTHER") of
        Unset when Unset =:= false; Unset =:= "" -> open_beam(Name);
        Program ->
            Full = Name ++ "@127.0.0.1",
            Port = open_port({spawn_executable, Program}, [{args, ["serve", Full, "epmd"]}, {line, 100}]),
            receive {Port, {data, {eol, _}}} -> ok end,
            {Port, list_to_atom(Full)}
    end.
open_beam(Name) ->
    Pa = filename:dirname(code:which(?MODULE)),
    Extra = string:lexemes(case os:getenv("BENCH_ERL_FLAGS") of false -> ""; F -> F end, " "),
    {ok, Peer, Node} = peer:start(
        #{name => list_to_atom(Name), host => "127.0.0.1", longnames => true,
          connection => standard_io,
          args => ["-pa", Pa, "-setcookie", atom_to_list(erlang:get_cookie()),
                   "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                   "-kernel", "logger_level", "none" | Extra]}),
    {ok, _} = peer:call(Peer, gen_server, start, [{local, bench}, ?MODULE, serve, []]),
    {Peer, Node}.
close_other({Port, _}) when is_port(Port) -> port_close(Port);
close_other({Peer, _}) -> peer:stop(Peer).

%% erl ... -s bench serve: the other node of a program of ours. Prints its port; ends with its input.
serve() ->
    logger:set_primary_config(level, none),
    {ok, _} = gen_server:start({local, bench}, ?MODULE, serve, []),
    [Name, Host] = string:lexemes(atom_to_list(node()), "@"),
    {port, Port, _} = erl_epmd:port_please(Name, Host),
    io:format("~p~n", [Port]),
    spawn(fun() -> eof = io:get_line(""), halt(0) end).

ask(Node, Request) -> gen_server:call({bench, Node}, Request).

dist_send(Node, S, N) ->
    R = ask(Node, {sink, N div S * S, self()}),
    Per = N div S,
    Ss = [spawn_link(fun() -> receive go -> ok end, blast(R, Per) end) || _ <- lists:seq(1, S)],
    T0 = t(),
    [X ! go || X <- Ss],
    receive done -> ok end,
    t() - T0.
node_sink(Me, N) -> count_any(N), Me ! done.
count_any(0) -> ok;
count_any(N) -> receive {tag, _} -> count_any(N - 1) end.
node_echo() -> receive {P, X} -> P ! X, node_echo(); stop -> ok end.
dist_bulk(Node, Bin, Cnt) ->
    R = ask(Node, {sink, Cnt, self()}),
    T0 = t(),
    bulk(R, Bin, Cnt),
    receive done -> ok end,
    t() - T0.
bulk(_, _, 0) -> ok;
bulk(R, B, K) -> R ! {tag, B}, bulk(R, B, K - 1).

start_ward(N) -> supervisor:start_link(?MODULE, {ward, N, self()}).
next_up() -> receive {up, P} -> P end.
crash_one(P, 0) -> P;
crash_one(P, K) -> gen_server:cast(P, crash), crash_one(next_up(), K - 1).
look_up(_, _, _, 0) -> ok;
look_up(S, Ps, X0, K) ->
    X = (X0 * 1103515245 + 12345) band 16#7fffffff,
    {ok, _} = supervisor:get_childspec(S, element(X rem tuple_size(Ps) + 1, Ps)),
    look_up(S, Ps, X, K - 1).

rss() ->
    {ok, B} = file:read_file("/proc/self/statm"),
    [_, R | _] = string:lexemes(binary_to_list(B), " "),
    list_to_integer(R) * 4096.

%% ---- codec
payloads() ->
    Pid = binary_to_term(<<131, 88, 119, 21, "node@host.example.org", 90:32, 0:32, 1700000000:32>>),
    Ref = binary_to_term(<<131, 90, 3:16, 119, 21, "node@host.example.org", 1700000000:32, 112233:32, 445566:32, 778899:32>>),
    [{"small", {'$gen_call', {Pid, [alias | Ref]}, {get, <<"key">>, 42}}},
     {"ints", [K * 1000 || K <- lists:seq(1, 1000)]},
     {"map", maps:from_list([{codec_key(K), codec_value(K)} || K <- lists:seq(0, 49)])},
     {"1MB", binary:copy(<<"x">>, 1 bsl 20)}].
codec_key(K) ->
    I = integer_to_list(K),
    case K rem 5 of
        0 -> K * 100000; 1 -> list_to_atom("key_" ++ I); 2 -> list_to_binary("binary_key_" ++ I);
        3 -> "string_" ++ I; 4 -> {pair, K}
    end.
codec_value(K) -> case K rem 4 of 0 -> K * 1.5; 1 -> K; 2 -> <<"a value of some length">>; 3 -> undefined end.

%% Doubles the count until a run takes long enough to be trusted, then makes one of Ms milliseconds.
per_second(F, Ms) -> per_second(F, Ms, 16).
per_second(F, Ms, K) ->
    case timed(F, K) of
        Dt when Dt < Ms * 1.0e5 -> per_second(F, Ms, K * 2);
        Dt -> Count = max(1, trunc(K * Ms * 1.0e6 / Dt)), Count * 1.0e9 / timed(F, Count)
    end.
%% In a fresh process; garbage collection is part of the figure, as it is in use.
timed(F, K) ->
    Me = self(),
    spawn_opt(fun() -> T0 = t(), repeat(F, K), Me ! {took, max(1, t() - T0)} end, [{min_heap_size, 100000}]),
    receive {took, Dt} -> Dt end.
repeat(_, 0) -> ok;
repeat(F, K) -> F(), repeat(F, K - 1).

%% Events of that producer through a stage in the middle to so many consumers, until these have got
%% N of them together, or each has.
stage(P, Consumers, N, ToAll, Options) ->
    Counter = atomics:new(1, []),
    Wanted = case ToAll of true -> N * Consumers; false -> N end,
    {ok, M} = 'Elixir.GenStage':start_link(?MODULE, {stage, middle, ToAll}),
    Cs = [begin
              {ok, C} = 'Elixir.GenStage':start_link(?MODULE, {stage, consumer, Counter, Wanted, self()}),
              {ok, _} = 'Elixir.GenStage':sync_subscribe(C, [{to, M}, {cancel, temporary} | Options]),
              C
          end || _ <- lists:seq(1, Consumers)],
    T0 = t(),
    {ok, _} = 'Elixir.GenStage':sync_subscribe(M, [{to, P}, {cancel, temporary}]),
    receive all_there -> ok end,
    Dt = t() - T0,
    [begin unlink(Pid), exit(Pid, kill) end || Pid <- [M | Cs]],
    Dt.
handle_demand(Count, tags) -> {noreply, [{tag, I} || I <- lists:seq(0, Count - 1)], tags};
handle_demand(Count, Next) -> {noreply, lists:seq(Next, Next + Count - 1), Next + Count}.
handle_events(Events, _From, middle) -> {noreply, Events, middle};
handle_events(Events, _From, {Counter, Wanted, Boss} = S) ->
    Size = length(Events),
    case atomics:add_get(Counter, 1, Size) of
        All when All >= Wanted, All - Size < Wanted -> Boss ! all_there;
        _ -> ok
    end,
    {noreply, [], S}.

%% ==== callbacks
callback_mode() -> state_functions.
off({call, From}, flip, D) -> {next_state, on, D, [{reply, From, done}, {state_timeout, 60000, tick}]}.
on({call, From}, flip, D) -> {next_state, off, D, [{reply, From, done}, {state_timeout, 60000, tick}]}.

init({stage, numbers}) -> {producer, 0};
init({stage, tags}) -> {producer, tags};
init({stage, middle, false}) -> {producer_consumer, middle};
init({stage, middle, true}) -> {producer_consumer, middle, [{dispatcher, 'Elixir.GenStage.BroadcastDispatcher'}]};
init({stage, consumer, Counter, N, Boss}) -> {consumer, {Counter, N, Boss}};
init(flip) -> {ok, off, none};
init(counter) -> {ok, 0};
init(serve) -> {ok, 0};
init({frail, Boss}) -> Boss ! {up, self()}, {ok, 0};
init(crowd) ->
    {ok, {#{strategy => simple_one_for_one},
          [#{id => number, start => {gen_server, start_link, [?MODULE, counter, []]}, restart => temporary}]}};
init({ward, N, Boss}) ->
    {ok, {#{intensity => 1000000000},
          [#{id => I, start => {gen_server, start_link, [?MODULE, {frail, Boss}, []]}} || I <- lists:seq(1, N)]}}.
handle_call(incr, _From, S) -> {reply, S + 1, S + 1};
handle_call(get, _From, S) -> {reply, S, S};
handle_call(stage, _From, S) ->
    {ok, P} = 'Elixir.GenStage':start(?MODULE, {stage, tags}),
    {reply, P, S};
handle_call(pid, _From, S) -> {reply, self(), S};
handle_call(echo, _From, S) -> {reply, spawn(fun node_echo/0), S};
handle_call({sink, N, Boss}, _From, S) -> {reply, spawn(fun() -> node_sink(Boss, N) end), S}.
handle_cast(crash, S) -> {stop, crash, S};
handle_cast(_, S) -> {noreply, S}.
handle_info(hibernate, S) -> {noreply, S, hibernate};
handle_info(_, S) -> {noreply, S}.
terminate(_, _) -> ok.

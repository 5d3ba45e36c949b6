%% bench_latency.erl -- rows latency, latency_idle, timer_fire, and those that are measured from
%% outside: hello, empty, idle.
-module(bench_latency).
-export([run/2]).
-import(bench, [out/4, t/0, ping/2, pong/0]).

-define(MS, 1000000).

run(latency, N) ->
    load(calibrate()),
    latency(latency, N);
run(latency_idle, N) ->
    latency(latency_idle, N);
run(timer_fire, N) ->
    Zero = erlang:monotonic_time(millisecond) + 200,
    [begin
         At = Zero + I * 7919 rem 1000,
         erlang:send_after(At, self(), {due, At}, [{abs, true}])
     end || I <- lists:seq(1, N)],
    Late = lists:sort([receive {due, At} -> t() - At * ?MS end || _ <- lists:seq(1, N)]),
    [out(timer_fire, Metric, share(Late, Part), us) || {Metric, Part} <- [{late_p50, 0.5}, {late_p99, 0.99}, {late_max, 1}]];
run(hello, _) ->
    Boss = self(),
    spawn(fun() -> receive {ping, From} -> From ! pong end end) ! {ping, Boss},
    receive pong -> io:put_chars("hello\n") end;
run(empty, _) ->
    ready();
run(idle, N) ->
    [{ok, _} = gen_server:start(bench, counter, []) || _ <- lists:seq(1, N)],
    ready(),
    Ticks = counters:new(1, []),
    [spawn(fun() -> erlang:send_after(I, self(), tick), ticker(Ticks) end) || I <- lists:seq(0, 999)],
    {T, Before} = {t(), counters:get(Ticks, 1)},
    ready(),
    out(idle, ticks_per_s, (counters:get(Ticks, 1) - Before) * 1.0e9 / (t() - T), 'ticks/s');
run(X, _) ->
    io:format(standard_error, "unknown benchmark ~p~n", [X]),
    halt(2).

%% says so, and goes on at the next line of input
ready() ->
    io:put_chars("READY\n"),
    io:get_line("").

ticker(Ticks) ->
    receive tick ->
        counters:add(Ticks, 1, 1),
        erlang:send_after(1000, self(), tick),
        ticker(Ticks)
    end.

%% ---- latency: a ping each millisecond, whether the last one was answered or not
latency(Name, N) ->
    Boss = self(),
    spawn_link(fun() ->
                   Echo = spawn_link(fun echo/0),
                   Zero = erlang:monotonic_time(millisecond) + 10,
                   tick_at(Zero + 1),
                   Boss ! {times, pinger(Echo, N, Zero, 1, N, [], [])}
               end),
    receive {times, {Rtt, E2e}} ->
        [out(Name, list_to_atom(atom_to_list(What) ++ "_" ++ Label), share(lists:sort(Times), Part), us)
         || {What, Times} <- [{rtt, Rtt}, {e2e, E2e}], {Label, Part} <- [{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}]]
    end.
echo() -> receive {ping, From, I, Sent} -> From ! {pong, I, Sent}, echo() end.
tick_at(At) -> erlang:send_after(At, self(), tick, [{abs, true}]).
pinger(_, _, _, _, 0, Rtt, E2e) -> {Rtt, E2e};
pinger(Echo, N, Zero, Next, Left, Rtt, E2e) ->
    receive
        tick ->
            Next2 = send_due(Echo, N, Zero, Next),
            Next2 > N orelse tick_at(Zero + Next2),
            pinger(Echo, N, Zero, Next2, Left, Rtt, E2e);
        {pong, I, Sent} ->
            Now = t(),
            pinger(Echo, N, Zero, Next, Left - 1, [Now - Sent | Rtt], [Now - (Zero + I) * ?MS | E2e])
    end.
send_due(Echo, N, Zero, Next) when Next =< N ->
    case t() of
        Now when Now >= (Zero + Next) * ?MS -> Echo ! {ping, self(), Next, Now}, send_due(Echo, N, Zero, Next + 1);
        _ -> Next
    end;
send_due(_, _, _, Next) -> Next.

%% microseconds below which that part of a sorted list is
share(Sorted, Part) ->
    N = length(Sorted),
    lists:nth(max(1, min(N, ceil(N * Part))), Sorted) / 1000.

%% ---- the load: two processes that compute, 10 ms a message, and 1000 pairs that talk
load(Steps) ->
    [spawn(fun() -> self() ! go, hog(Steps, 1) end) || _ <- [1, 2]],
    [begin
         Other = spawn(fun() -> pong() end),
         spawn(fun() -> ping(Other, 1 bsl 50) end)
     end || _ <- lists:seq(1, 1000)],
    timer:sleep(500).
hog(Steps, A) -> receive go -> self() ! go, hog(Steps, spin(Steps, A)) end.
spin(0, A) -> A;
spin(N, A) -> spin(N - 1, (A * 1103515245 + 12345) band 16#7fffffff).
calibrate() ->
    _ = spin(1000000, 1),
    T = t(),
    _ = spin(3000000, 1),
    round(3000000 * 10.0e6 / (t() - T)).

%% bench_savina.erl -- rows big, chameneos, counting, bank: shapes of the Savina benchmarks.
-module(bench_savina).
-export([run/2]).
-import(bench, [out/4, t/0, wait/1]).

-define(PLAYERS, 120).
-define(CREATURES, 100).
-define(ACCOUNTS, 1000).

run(big, N) ->
    Each = N div ?PLAYERS,
    _ = big(max(1, Each div 10)),
    out(big, msgs_per_s, 2 * Each * ?PLAYERS * 1.0e9 / big(Each), 'msgs/s');
run(chameneos, N) ->
    _ = chameneos(N div 10),
    out(chameneos, ns_per_meeting, chameneos(N) / N, ns);
run(counting, N) ->
    _ = counting(N div 10),
    out(counting, msgs_per_s, N * 1.0e9 / counting(N), 'msgs/s');
run(bank, N) ->
    _ = bank(N div 10),
    out(bank, tx_per_s, N * 1.0e9 / bank(N), 'tx/s');
run(X, N) ->
    bench_latency:run(X, N).

%% numbers that look random, the same in each peer's program
next(Seed) -> (Seed * 1103515245 + 12345) band 16#7fffffff.

end_all(Pids) -> [begin unlink(P), exit(P, kill) end || P <- Pids].

%% ---- big: 120 processes, each asks a random one, again when it answers
big(Each) ->
    Boss = self(),
    Players = [spawn_link(fun() -> receive {go, All} -> player(All, ask(All, I * 7919 + 1), Each, Boss) end end)
               || I <- lists:seq(0, ?PLAYERS - 1)],
    All = list_to_tuple(Players),
    T = t(),
    [P ! {go, All} || P <- Players],
    wait(?PLAYERS),
    D = t() - T,
    end_all(Players),
    D.
ask(All, Seed) ->
    S = next(Seed),
    element(1 + (S bsr 8) rem ?PLAYERS, All) ! {ping, self()},
    S.
player(All, Seed, Left, Boss) ->
    receive
        {ping, From} -> From ! pong, player(All, Seed, Left, Boss);
        pong when Left > 1 -> player(All, ask(All, Seed), Left - 1, Boss);
        pong -> Boss ! done, player(All, Seed, 0, Boss)
    end.

%% ---- chameneos: creatures meet in pairs and change their colours
chameneos(N) ->
    Boss = self(),
    Mall = spawn_link(fun() -> mall(N, Boss) end),
    T = t(),
    Creatures = [spawn_link(fun() -> creature(Mall, I rem 3) end) || I <- lists:seq(0, ?CREATURES - 1)],
    wait(1),
    D = t() - T,
    end_all([Mall | Creatures]),
    D.
mall(0, Boss) -> Boss ! done, receive never -> ok end;
mall(N, Boss) ->
    receive {meet, A, ColourA} ->
        receive {meet, B, ColourB} ->
            A ! {met, ColourB},
            B ! {met, ColourA},
            mall(N - 1, Boss)
        end
    end.
creature(Mall, Colour) ->
    Mall ! {meet, self(), Colour},
    receive {met, Other} -> creature(Mall, (6 - Colour - Other) rem 3) end.

%% ---- counting: one sends N increments, and then asks how many came
counting(N) ->
    Boss = self(),
    T = t(),
    Counter = spawn_link(fun() -> counter(0) end),
    spawn_link(fun() -> increments(Counter, N), Counter ! {pid, Boss} end),
    receive {sum, N} -> t() - T end.
increments(_, 0) -> ok;
increments(Counter, N) -> Counter ! incr, increments(Counter, N - 1).
counter(K) -> receive incr -> counter(K + 1); {pid, Boss} -> Boss ! {sum, K} end.

%% ---- bank: a teller tells accounts to move money, each to its neighbour, which has to confirm
bank(N) ->
    Boss = self(),
    Accounts = [spawn_link(fun() -> account(0) end) || _ <- lists:seq(1, ?ACCOUNTS)],
    All = list_to_tuple(Accounts),
    T = t(),
    spawn_link(fun() -> orders(N, All, 4711), wait(N), Boss ! done end),
    wait(1),
    D = t() - T,
    end_all(Accounts),
    D.
orders(0, _, _) -> ok;
orders(N, All, Seed) ->
    S = next(Seed),
    From = (S bsr 8) rem (?ACCOUNTS - 1),
    element(1 + From, All) ! {credit, self(), S rem 100, element(2 + From, All)},
    orders(N - 1, All, S).
account(Balance) ->
    receive
        {credit, Teller, Amount, To} ->
            %% as gen_server:call does, with its time-out
            Ref = monitor(process, To, [{alias, reply_demonitor}]),
            To ! {debit, Ref, Amount},
            receive
                {Ref, ok} -> ok;
                {'DOWN', Ref, _, _, Why} -> exit(Why)
            after 5000 -> exit(timeout)
            end,
            Teller ! done,
            account(Balance - Amount);
        {debit, Ref, Amount} ->
            Ref ! {Ref, ok},
            account(Balance + Amount)
    end.

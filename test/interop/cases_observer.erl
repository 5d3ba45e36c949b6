%% cases_observer.erl -- group leaders and the I/O protocol, the logger both ways, what
%% observer and etop ask of a node, and sys on processes of ours.
-module(cases_observer).
-export([cases/0, log/2]).
-import(suite, [do/2, do/3, puppet/0, wait/1, next/0]).

-define(N, (suite:node())).

cases() -> io_there() ++ io_here() ++ log_there() ++ log_here() ++ observer() ++ appmon()
    ++ sys().

%% ---- Their I/O, our device ---------------------------------------------------------

io_there() ->
    [{"io: io:format on a device of ours writes what io_lib:format says",
      fun formats/0},
     {"io: put_chars in all forms", fun () ->
         D = device(),
         ok = io:put_chars(D, "abc"), <<"abc">> = text(),
         ok = io:put_chars(D, <<"Bj", 246/utf8, "rn">>), <<"Bj", 246/utf8, "rn">> = text(),
         ok = io:put_chars(D, [1024, [<<"x">>]]), <<1024/utf8, "x">> = text(),
         ok = io:write(D, {a, "s"}), <<"{a,[115]}">> = text(),
         ok = io:nl(D), <<"\n">> = text() end},
     {"io: old requests are Latin-1", fun () ->
         D = device(),
         ok = request(D, {put_chars, [228, 246]}), <<228/utf8, 246/utf8>> = text(),
         ok = request(D, {put_chars, latin1, <<252>>}), <<252/utf8>> = text(),
         {error, put_chars} = request(D, {put_chars, latin1, [1024]}),
         ok = request(D, {put_chars, io_lib, format, ["~w", [x]]}), <<"x">> = text() end},
     {"io: many requests at once, in order", fun () ->
         D = device(),
         ok = io:requests(D, [{put_chars, unicode, "a"}, {put_chars, unicode, "b"}, nl]),
         <<"a">> = text(), <<"b">> = text(), <<"\n">> = text(),
         {error, {request, nix}} =
             request(D, {requests, [{put_chars, "c"}, nix, {put_chars, "d"}]}),
         <<"c">> = text() end},
     {"io: what the format does not want is badarg at the caller", fun () ->
         D = device(),
         {'EXIT', {badarg, _}} = (catch io:format(D, "~p~p", [1])),
         {'EXIT', {badarg, _}} = (catch io:format(D, "~s", [{a}])),
         ok = io:format(D, "~p", [1]), <<"1">> = text() end},
     {"io: there is no input, and no terminal", fun () ->
         D = device(),
         eof = io:get_line(D, "line> "), <<"line> ">> = text(),
         eof = io:get_chars(D, "", 3),
         eof = io:read(D, "term> "), <<"term> ">> = text(),
         eof = io:fread(D, "", "~d"),
         {error, enotsup} = io:columns(D), {error, enotsup} = io:rows(D) end},
     {"io: options", fun () ->
         D = device(),
         unicode = proplists:get_value(encoding, io:getopts(D)),
         ok = io:setopts(D, [{encoding, unicode}]),
         {error, enotsup} = io:setopts(D, [{encoding, latin1}]),
         {error, {request, nix}} = request(D, nix) end},
     {"io: a process of theirs whose leader is ours writes there", fun () ->
         D = device(),
         {_, Ref} = spawn_monitor(fun () ->
                                      true = group_leader(D, self()),
                                      io:format("~p from ~s", [{hello}, "there"])
                                  end),
         {text, <<"{hello} from there">>} = next(),
         {'DOWN', Ref, process, _, normal} = next() end},
     {"io: a device that ends is an error, not a wait", fun () ->
         D = device(), exit(D, kill), wait(fun () -> not rpc(erlang, is_process_alive, [D]) end),
         {'EXIT', {terminated, _}} = (catch io:format(D, "x", [])) end},
     {"io: a megabyte", fun () ->
         D = device(), Big = binary:copy(<<"0123456789abcdef">>, 65536),
         ok = io:put_chars(D, Big), Big = text(),
         ok = io:format(D, "~ts", [Big]), Big = text() end},
     {"io: user is there, and takes text", fun () ->
         User = rpc(erlang, whereis, [user]), true = is_pid(User),
         ok = io:format(User, "# ~s~n", ["said by user"]) end},
     {"io: requests that are none do no harm", fun () ->
         D = device(),
         [D ! M || M <- [x, {io_request, x, y, z}, {io_request, self()}, {io_reply, a, b}]],
         {error, {request, {put_chars, unicode, a, b, c, d}}} =
             request(D, {put_chars, unicode, a, b, c, d}),
         ok = io:format(D, "alive", []), <<"alive">> = text() end}].

formats() ->
    D = device(),
    Terms = [a, 'A b', "text", [1024], <<"bin">>, <<1, 2, 255>>, 1.5, -12, 1 bsl 70, [], {},
             #{a => 1}, {a, [b, {c, "d"}], #{k => "v"}}, lists:seq(1, 40), [a | b],
             [{list_to_atom("key" ++ integer_to_list(I)), I} || I <- lists:seq(1, 12)]],
    Formats = ["~p", "~w", "~tp", "~0p", "~20p", "~10w|", "~-10w|", "ab~p~n", "~lp"],
    [begin ok = io:format(D, F, [T]), same(F, [T]) end || F <- Formats, T <- Terms],
    [begin ok = io:format(D, F, A), same(F, A) end
     || {F, A} <- [{"~s and ~ts~n", ["abc", [1024]]}, {"~.2f ~e ~g", [3.14159, 1.0, 0.5]},
                   {"~b ~.16B ~.16#", [255, 255, 255]}, {"~c~5c~n~~", [$a, $b]},
                   {"~P ~W", [lists:seq(1, 9), 4, {a, b, c, d}, 3]}, {"~i~w", [a, b]},
                   {"~*s|~-*s|", [6, "ab", 6, "cd"]}, {"~8.3.xs", ["abcdef"]},
                   {"plain", []}, {<<"binary ~w">>, [1]}, {'atom ~w', [1]}]].

same(Format, Args) ->
    Want = unicode:characters_to_binary(io_lib:format(Format, Args)),
    case text() of
        Want -> ok;
        Other -> exit({Format, Args, Other, Want})
    end.

device() -> do(device, self()).

text() -> receive {text, T} -> T end.

request(Device, Request) ->
    Ref = make_ref(),
    Device ! {io_request, self(), Ref, Request},
    receive {io_reply, Ref, Reply} -> Reply end.

rpc(M, F, A) -> rpc:call(?N, M, F, A).

%% ---- Our I/O, their device ---------------------------------------------------------

io_here() ->
    [{"io: ours formats on a device of theirs", fun () ->
         Io = string_io(), ok = do(io_format, {Io, "~p ~s~n", [{a}, "b"]}),
         "{a} b\n" = contents(Io) end},
     {"io: ours writes to their file, and reads it", fun () ->
         File = "/tmp/agner-io-" ++ os:getpid(),
         {ok, Fd} = file:open(File, [write, {encoding, unicode}]),
         {ok, ok} = do(io_request, {Fd, {put_chars, unicode, <<"line ", 1024/utf8, "\nend">>}}),
         ok = file:close(Fd),
         {ok, In} = file:open(File, [read, {encoding, unicode}]),
         {ok, Line} = do(io_get_line, {In, ""}),
         [$l, $i, $n, $e, $\s, 1024, $\n] = unicode:characters_to_list(Line),
         {ok, <<"end">>} = binary_line(do(io_get_line, {In, ""})),
         {ok, eof} = do(io_get_line, {In, ""}),
         ok = file:close(In), ok = file:delete(File) end},
     {"io: the group leader of ours is a shell of theirs", fun () ->
         P = puppet(), Io = string_io(),
         ok = do(P, io_leader, Io),
         ok = do(P, io_format, {leader, "to my ~w", [leader]}),
         "to my leader" = contents(Io) end},
     {"io: their device refuses", fun () ->
         Io = string_io(),
         {error, 'ENOTSUP', {error, _}} = do(io_request, {Io, nix}),
         {error, 'ENOTSUP'} = do(io_format, {Io, "~p~p", [1]}),
         ok = do(io_format, {Io, "x", []}) end},
     {"io: their device ends while ours waits", fun () ->
         Io = spawn(fun () -> receive {io_request, _, _, _} -> exit(gone) end end),
         {error, 'EEXIT'} = do(io_format, {Io, "x", []}),
         {error, 'ENOPROC'} = do(io_format, {Io, "x", []}) end},
     {"io: their options and geometry", fun () ->
         Io = string_io(),
         {ok, L} = do(io_request, {Io, getopts}), true = is_list(L),
         {error, 'ENOTSUP', {error, enotsup}} = do(io_request, {Io, {get_geometry, columns}})
      end}].

binary_line({ok, L}) -> {ok, unicode:characters_to_binary(L)}.

%% A device of Erlang's own: a file in memory would do, but its server is not the one
%% of shells. This is what shells do with requests.
string_io() ->
    Self = self(),
    spawn(fun () -> erlang:monitor(process, Self), string_io([]) end).

string_io(Text) ->
    receive
        {io_request, From, As, {put_chars, unicode, M, F, A}} ->
            case catch apply(M, F, A) of
                {'EXIT', _} -> From ! {io_reply, As, {error, F}}, string_io(Text);
                Chars -> From ! {io_reply, As, ok}, string_io([Text, Chars])
            end;
        {io_request, From, As, {put_chars, unicode, Chars}} ->
            From ! {io_reply, As, ok}, string_io([Text, Chars]);
        {io_request, From, As, getopts} ->
            From ! {io_reply, As, [{encoding, unicode}]}, string_io(Text);
        {io_request, From, As, {get_geometry, _}} ->
            From ! {io_reply, As, {error, enotsup}}, string_io(Text);
        {io_request, From, As, Other} ->
            From ! {io_reply, As, {error, {request, Other}}}, string_io(Text);
        {contents, From} -> From ! {contents, Text}, string_io(Text);
        {'DOWN', _, _, _, _} -> ok
    end.

contents(Io) ->
    Io ! {contents, self()},
    receive {contents, Text} -> unicode:characters_to_list(Text) end.

%% ---- Their log events, our log -----------------------------------------------------

log_there() ->
    [{"logger: what theirs logs whose leader is ours", fun () ->
         watched(fun (Gl) ->
             Before = erlang:system_time(microsecond),
             Pid = logs(Gl, fun () -> logger:critical("~p is ~s", [{x}, "wrong"]) end),
             {critical, <<"{x} is wrong">>, undefined, Pid, Node, Time} = logged(),
             Node = node(), true = Time >= Before
         end) end},
     {"logger: a report, and a string", fun () ->
         watched(fun (Gl) ->
             Pid = logs(Gl, fun () -> logger:alert(#{what => broken, n => 3}) end),
             {alert, _, #{what := broken, n := 3}, Pid, _, _} = logged(),
             Pid2 = logs(Gl, fun () -> logger:emergency("a string") end),
             {emergency, <<"a string">>, undefined, Pid2, _, _} = logged(),
             Pid3 = logs(Gl, fun () -> logger:critical([{a, 1}, {b, 2}]) end),
             {critical, _, [{a, 1}, {b, 2}], Pid3, _, _} = logged()
         end) end},
     {"logger: a report with a fun to put it in words is shown as it is", fun () ->
         watched(fun (Gl) ->
             _ = logs(Gl, fun () ->
                              logger:critical(#{n => 1}, #{report_cb => fun (_) -> {"~p", [x]} end})
                          end),
             {critical, _, #{n := 1}, _, _, _} = logged()
         end) end},
     {"logger: a format that does not fit", fun () ->
         watched(fun (Gl) ->
             _ = logs(Gl, fun () -> logger:critical("~p~p", [1]) end),
             {critical, <<"FORMAT ERROR: \"~p~p\" - [1]">>, _, _, _, _} = logged()
         end) end},
     {"logger: a process that crashes", fun () ->
         watched(fun (Gl) ->
             ok = do(log_level, debug),
             {Pid, Ref} = spawn_monitor(fun () -> group_leader(Gl, self()), error(crashed) end),
             receive {'DOWN', Ref, process, _, _} -> ok end,
             {error, Text, _, Pid, _, _} = logged(),
             true = binary:match(Text, <<"crashed">>) =/= nomatch,
             ok = do(log_level, critical)
         end) end},
     {"logger: a crash report", fun () ->
         watched(fun (Gl) ->
             ok = do(log_level, debug),
             Pid = proc_lib:spawn(fun () -> group_leader(Gl, self()), error(crashed) end),
             {error, _, #{label := {proc_lib, crash}, report := [About | _]}, Pid, _, _} =
                 logged(),
             {pid, Pid} = lists:keyfind(pid, 1, About),
             ok = do(log_level, critical)
         end) end},
     {"logger: below the level nothing comes", fun () ->
         watched(fun (Gl) ->
             _ = logs(Gl, fun () -> logger:error("not this"), logger:critical("but this") end),
             {critical, <<"but this">>, _, _, _, _} = logged()
         end) end},
     {"logger: events that are none do no harm", fun () ->
         watched(fun (_) ->
             P = {logger_proxy, ?N},
             [P ! M || M <- [x, {log}, {log, a, b, c}, {log, critical, "~p", x, y, z},
                             {log, nix, "t", [], #{}}, {log, debug, 1, 2, 3}]],
             P ! {log, critical, "with ~p", [no_meta], #{}},
             {critical, <<"with no_meta">>, undefined, undefined, _, _} = logged(),
             P ! {log, critical, {not_text}, #{time => x, pid => y}},
             {critical, _, _, _, _, _} = logged(),
             {logger, ?N} ! {log, critical, "the older name", [], #{}},
             {critical, <<"the older name">>, _, _, _, _} = logged()
         end) end}].

watched(Fun) ->
    Id = "w" ++ integer_to_list(erlang:unique_integer([positive])),
    ok = do(log_watch, {Id, self()}),
    Gl = rpc(erlang, whereis, [user]),
    Fun(Gl),
    ok = do(log_watch, {Id, off}).

logs(Gl, Fun) ->
    {Pid, Ref} = spawn_monitor(fun () -> true = group_leader(Gl, self()), Fun() end),
    receive {'DOWN', Ref, process, Pid, normal} -> Pid end.

logged() ->
    receive {logged, Level, Text, Report, Pid, Node, Time} ->
            {Level, Text, Report, Pid, Node, Time}
    end.

%% ---- Our log events, their log -----------------------------------------------------

log_here() ->
    [{"logger: what ours logs whose leader is theirs", fun () ->
         P = puppet(), ok = do(P, io_leader, self()),
         with_handler(fun () ->
             ok = do(P, log, {critical, <<"text of ", 1024/utf8>>}),
             #{level := critical, msg := {F, A}, meta := #{pid := P1, gl := G, time := T}} =
                 event(),
             P1 = P, G = self(), true = is_integer(T),
             <<"text of ", 1024/utf8>> = unicode:characters_to_binary(io_lib:format(F, A))
         end) end},
     {"logger: a report of ours", fun () ->
         P = puppet(), ok = do(P, io_leader, self()),
         with_handler(fun () ->
             ok = do(P, log, {alert, #{what => [x, {y}], n => 3}}),
             #{level := alert, msg := {report, #{what := [x, {y}], n := 3}}} = event()
         end) end},
     {"logger: a crash of ours", fun () ->
         P = puppet(), ok = do(P, io_leader, self()),
         with_handler(fun () ->
             ok = do(log_level, debug),
             exit(P, crashed),
             #{level := error, meta := #{pid := P}} = event(),
             ok = do(log_level, critical)
         end) end}].

with_handler(Fun) ->
    Id = list_to_atom("h" ++ integer_to_list(erlang:unique_integer([positive]))),
    ok = logger:add_handler(Id, ?MODULE, #{config => self()}),
    Fun(),
    ok = logger:remove_handler(Id).

log(Event, #{config := To}) -> To ! {event, Event}.

%% Of another node: this one has things to say, too.
event() ->
    receive {event, #{meta := #{pid := P}} = E} when node(P) =/= node() -> E end.

%% ---- What observer and etop ask ------------------------------------------------------

observer() ->
    [{"observer: the node is there", fun () ->
         pong = net_adm:ping(?N),
         {module, observer_backend} = rpc(code, ensure_loaded, [observer_backend]),
         [true = rpc(erlang, function_exported, [observer_backend, F, A])
          || {F, A} <- [{sys_info, 0}, {get_table_list, 2}, {get_port_list, 0},
                        {get_socket_list, 0}, {procs_info, 1}, {fetch_stats, 2}]],
         {ok, Vsn} = rpc(observer_backend, vsn, []), true = is_list(Vsn),
         8 = rpc(erlang, system_info, [wordsize]) end},
     {"observer: the page System", fun system/0},
     {"observer: the charts", fun () ->
         Pid = spawn_link(?N, observer_backend, fetch_stats, [self(), 20]),
         {stats, 1, L1, {{input, I1}, {output, O1}}, M} = stats(),
         {stats, 1, L2, {{input, I2}, {output, O2}}, _} = stats(),
         {total, T} = lists:keyfind(total, 1, M), true = T > 0,
         true = I1 > 0 andalso O1 > 0 andalso I2 >= I1 andalso O2 > O1,
         true = length(L1) =:= rpc(erlang, system_info, [schedulers]),
         [true = A2 >= A1 andalso T2 > T1 andalso A2 =< T2
          || {{S, A1, T1}, {S, A2, T2}} <- lists:zip(L1, L2)],
         Pid ! exit, wait(fun () -> not rpc(erlang, is_process_alive, [Pid]) end) end},
     {"observer: the charts end with who wants them", fun () ->
         Self = self(),
         Parent = spawn(fun () ->
                            Self ! spawn_link(?N, observer_backend, fetch_stats, [self(), 10]),
                            receive {stats, _, _, _, _} -> ok end
                        end),
         Pid = next(), true = is_pid(Parent),
         wait(fun () -> not rpc(erlang, is_process_alive, [Pid]) end) end},
     {"observer: busy workers show in the charts", fun () ->
         [{_, A1, T1} | _] = Loads = rpc(erlang, statistics, [scheduler_wall_time]),
         true = A1 =< T1,
         {B, _} = busy(Loads),
         wait(fun () ->
                  [rpc(erlang, whereis, [rex]) || _ <- lists:seq(1, 200)],
                  {B2, _} = busy(rpc(erlang, statistics, [scheduler_wall_time])),
                  B2 > B
              end) end},
     {"observer: tables, ports and sockets", fun () ->
         [] = rpc(observer_backend, get_table_list, [ets, [{sys_hidden, true}]]),
         {error, "Mnesia is not running on: " ++ _} =
             rpc(observer_backend, get_table_list, [mnesia, []]),
         [] = rpc(observer_backend, get_port_list, []),
         [] = rpc(observer_backend, get_socket_list, []),
         [] = rpc(observer_backend, socket_info, []),
         T = rpc(observer_backend, get_table, [self(), nix, ets]),
         {T, '$end_of_table'} = next() end},
     {"observer: the page Processes", fun processes/0},
     {"observer: a process's window, of each that there is", fun windows/0},
     {"etop: one interval", fun () ->
         Self = self(),
         Pid = spawn_link(?N, observer_backend, etop_collect, [Self]),
         {Pid, {etop_info, {Mega, S, Us}, N, undefined, Loads, Queue, undefined, Mem, Procs}} =
             next(),
         Now = (Mega * 1000000 + S) * 1000000 + Us,
         true = abs(Now - erlang:system_time(microsecond)) < 60000000,
         N = length(Procs), true = is_integer(Queue), true = is_list(Loads),
         [{_, B} = lists:keyfind(K, 1, Mem)
          || K <- [total, processes, ets, atom, code, binary], B <- [element(2, lists:keyfind(K, 1, Mem))]],
         true = length([x || {etop_proc_info, P, M, R, _, 0, {_, _, _}, Q} <- Procs, is_pid(P),
                             M > 0, is_integer(R), is_integer(Q)]) > N div 2 end},
     {"observer: what is asked wrongly is badarg", fun () ->
         [{badrpc, {'EXIT', {badarg, _}}} = rpc(M, F, A)
          || {M, F, A} <- [{observer_backend, procs_info, [x]},
                           {observer_backend, etop_collect, [x]},
                           {observer_backend, fetch_stats, [self(), x]},
                           {observer_backend, get_table_list, [x, []]},
                           {observer_backend, get_table, [x, y, z]},
                           {proc_lib, translate_initial_call, [x]},
                           {gen_server, module_info, [x]},
                           {appmon_info, start_link2, [x, y, z]}]] end}].

stats() -> receive {stats, _, _, _, _} = S -> S end.

busy(Loads) -> {lists:sum([A || {_, A, _} <- Loads]), length(Loads)}.

system() ->
    Info = rpc(observer_backend, sys_info, []),
    [{K, true} = {K, lists:keymember(K, 1, Info)}
     || K <- [uptime, run_queue, io_input, io_output, logical_processors,
              logical_processors_online, logical_processors_available, schedulers,
              schedulers_online, schedulers_available, otp_release, version,
              system_architecture, kernel_poll, smp_support, threads, thread_pool_size,
              wordsize_internal, wordsize_external, alloc_info, process_count, atom_limit,
              atom_count, process_limit, port_limit, port_count, ets_limit, ets_count,
              dist_buf_busy_limit, total, processes, processes_used, system, atom, atom_used,
              binary, code, ets]],
    Get = fun (K) -> proplists:get_value(K, Info) end,
    true = Get(process_count) > 5,
    true = Get(atom_count) > 100 andalso Get(atom_count) < Get(atom_limit),
    true = Get(io_input) > 0 andalso Get(io_output) > 0,
    true = Get(total) >= Get(processes),
    8 = Get(wordsize_external),
    true = is_list(Get(otp_release)),
    wait(fun () -> proplists:get_value(uptime, rpc(observer_backend, sys_info, [])) > Get(uptime)
         end).

processes() ->
    {Pid, Ref} = spawn_opt(?N, observer_backend, procs_info, [self()], [link, monitor]),
    Rows = receive {procs_info, Pid, R} -> R end,
    {'DOWN', Ref, process, Pid, normal} = next(),
    [true = is_pid(P) andalso is_integer(M) andalso is_integer(Rd) andalso is_integer(Q)
     || {etop_proc_info, P, M, Rd, _, 0, {_, _, _}, Q} <- Rows],
    Names = [N || {etop_proc_info, _, _, _, N, _, _, _} <- Rows],
    [{N, true} = {N, lists:member(N, Names)}
     || N <- [rex, net_kernel, global_name_server, user, logger_proxy, echo, lock, driver]],
    Pids = [P || {etop_proc_info, P, _, _, _, _, _, _} <- Rows],
    true = lists:usort(Pids) =:= lists:sort(Pids),
    false = lists:member(Pid, Pids),
    Echo = rpc(erlang, whereis, [echo]), true = lists:member(Echo, Pids).

%% As observer_procinfo does it. What computes, as the program's own thread does for the
%% runtime, has no memory in the list, and would have us wait for five seconds.
windows() ->
    Pid = spawn_link(?N, observer_backend, procs_info, [self()]),
    {procs_info, Pid, Rows} = next(),
    Pids = [P || {etop_proc_info, P, M, _, _, _, _, _} <- Rows, M > 0],
    true = length(Pids) > 10,
    [window(P) || P <- Pids],
    ok.

window(Pid) ->
    Items = [binary, catchlevel, current_function, error_handler, garbage_collection,
             group_leader, heap_size, initial_call, last_calls, links, memory,
             message_queue_len, monitored_by, monitors, priority, reductions,
             registered_name, sequential_trace_token, stack_size, status, suspending,
             total_heap_size, trace, trap_exit],
    case rpc(erlang, process_info, [Pid, Items]) of
        undefined -> gone;
        {badrpc, {'EXIT', {timeout, _}}} -> busy;
        Info ->
            Items = [K || {K, _} <- Info],
            {garbage_collection, Gc} = lists:keyfind(garbage_collection, 1, Info),
            true = is_list(Gc),
            {monitors, Ms} = lists:keyfind(monitors, 1, Info),
            [true = is_tuple(M) andalso tuple_size(M) =:= 2 || M <- Ms],
            _ = rpc(erlang, process_info, [Pid, dictionary]),
            _ = rpc(erlang, process_info, [Pid, current_stacktrace]),
            state(Pid, rpc(proc_lib, translate_initial_call, [Pid]))
    end.

state(_, {proc_lib, init_p, 5}) -> none;
state(Pid, {M, init, 1}) ->
    [{behaviour, [_]}] = rpc(M, module_info, [attributes]),
    case rpc(sys, get_status, [Pid, 200]) of
        {status, Pid, {module, _}, [PDict, S, Parent, Dbg, Misc]} ->
            true = is_list(PDict) andalso is_pid(Parent) andalso is_list(Dbg),
            true = lists:member(S, [running, suspended]),
            [{header, _}, {data, First} | _] = Misc,
            true = is_list(First);
        {badrpc, {'EXIT', _}} -> gone
    end.

%% ---- appmon_info -------------------------------------------------------------------

appmon() ->
    [{"observer: which applications run", fun () ->
         A = monitor_of(self()),
         gen_server:cast(A, {self(), app_ctrl, ?N, true, []}),
         {delivery, A, app_ctrl, _, Apps} = next(),
         [{Master, kernel, {kernel, Text, Vsn}}] = [X || {_, kernel, _} = X <- Apps],
         true = is_pid(Master) andalso is_list(Text) andalso is_list(Vsn),
         [{kernel, Text, Vsn}] = [X || {kernel, _, _} = X <- rpc(application, which_applications, [])]
      end},
     {"observer: the tree of an application", fun () ->
         A = monitor_of(self()),
         gen_server:cast(A, {self(), app, kernel, true, []}),
         {delivery, A, app, kernel, {Root, Procs, Links, _}} = next(),
         Names = [N || {P, N} <- Procs, is_pid(P)],
         true = lists:member(Root, Names),
         [{N, true} = {N, lists:member(N, Names)}
          || N <- ["rex", "net_kernel", "user", "logger_proxy", "global_name_server"]],
         %% Each but the root has one parent.
         Far = [To || {_, To} <- Links], true = lists:usort(Far) =:= lists:sort(Far),
         true = length(Names) - length([x || {P, _} <- Procs, node(P) =/= ?N]) =:= length(Links) + 1,
         [Sup] = [From || {From, "rex"} <- Links],
         [Sup] = [From || {From, "user"} <- Links],
         [SupPid] = [P || {P, N} <- Procs, N =:= Sup],
         true = lists:keymember(rex, 1, [{I, P} || {I, P, _, _} <- supervisor:which_children(SupPid)]),
         {workers, W} = lists:keyfind(workers, 1, supervisor:count_children(SupPid)),
         true = W >= 5 end},
     {"observer: an application that does not run", fun () ->
         A = monitor_of(self()),
         gen_server:cast(A, {self(), app, nix, true, [{timeout, at_most_once}]}),
         {delivery, A, app, nix, {[], [], [], []}} = next() end},
     {"observer: a process in words, and the load", fun () ->
         A = monitor_of(self()), Rex = rpc(erlang, whereis, [rex]),
         gen_server:cast(A, {self(), pinfo, Rex, true, [{timeout, at_most_once}]}),
         {delivery, A, pinfo, Rex, Text} = next(),
         true = string:find(Text, "message_queue_len") =/= nomatch,
         gen_server:cast(A, {self(), load, ?N, true, [{timeout, at_most_once}]}),
         {delivery, A, load, _, {O, N}} = next(),
         true = O >= 0 andalso N >= 0 andalso N =< 16 end},
     {"observer: a result comes again when it is another one", fun () ->
         A = monitor_of(self()), P = puppet(), ok = do(P, io_leader, rpc(erlang, whereis, [user])),
         gen_server:cast(A, {self(), pinfo, P, true, [{timeout, 5}]}),
         {delivery, A, pinfo, P, T1} = next(),
         _ = do(P, echo, x),
         {delivery, A, pinfo, P, T2} = next(), true = T1 =/= T2,
         gen_server:cast(A, {self(), pinfo, P, false, []}),
         ok = gen_server:call(A, sync) end},
     {"observer: it ends with its last client", fun () ->
         Self = self(),
         {C, Ref} = spawn_monitor(fun () -> Self ! {pid, monitor_of(self())}, receive stop -> ok end end),
         A = receive {pid, X} -> X end,
         A = monitor_of(self()),
         C ! stop, receive {'DOWN', Ref, _, _, _} -> ok end,
         true = rpc(erlang, is_process_alive, [A]),
         gen_server:cast(A, {self(), app_ctrl, ?N, true, []}),
         {delivery, A, app_ctrl, _, _} = next(),
         unlink(A), M = monitor(process, A), A ! {'EXIT', self(), normal},
         {'DOWN', M, process, A, normal} = next() end},
     {"observer: casts that are none do no harm", fun () ->
         A = monitor_of(self()),
         [gen_server:cast(A, X) || X <- [x, {x, app, a, true, []}, {self(), nix, b, true, x},
                                         {self(), pinfo, y, true, [{timeout, at_most_once}]}]],
         A ! {do_it, 0}, A ! {do_it, x}, A ! y,
         {delivery, A, nix, b, []} = next(),
         ok = gen_server:call(A, sync) end}].

%% As observer starts it.
monitor_of(Client) ->
    {ok, Pid} = rpc(appmon_info, start_link2, [Client, Client, []]),
    Pid.

%% ---- sys ---------------------------------------------------------------------------

sys() ->
    [{"sys: " ++ Name ++ " is looked at, suspended and resumed", fun () -> look(Target()) end}
     || {Name, Target} <- [{"a server", fun () -> {driver, ?N} end},
                           {"a state machine", fun () -> {lock, ?N} end},
                           {"an event manager", fun () -> {events, ?N} end},
                           {"a supervisor", fun kernel_sup/0}]]
    ++
    [{"sys: log, statistics and trace of a server", fun () ->
         P = puppet(),
         ok = sys:log(P, true), ok = sys:statistics(P, true),
         x = do(P, echo, x),
         {ok, Log} = sys:log(P, get), true = length(Log) >= 1,
         {ok, St} = sys:statistics(P, get),
         [{K, true} = {K, lists:keymember(K, 1, St)}
          || K <- [start_time, current_time, reductions, messages_in, messages_out]],
         ok = sys:trace(P, false), ok = sys:no_debug(P),
         ok = sys:log(P, false), ok = sys:statistics(P, false) end},
     {"sys: a state cannot be replaced by a fun of theirs", fun () ->
         {'EXIT', _} = (catch sys:replace_state({driver, ?N}, fun (S) -> S end)),
         x = do(echo, x) end},
     {"sys: terminate", fun () ->
         P = puppet(), Ref = monitor(process, P), unlink(P),
         ok = sys:terminate(P, bye), {'DOWN', Ref, process, P, bye} = next() end}].

look(To) ->
    _ = sys:get_state(To),
    {status, Pid, {module, _}, [_, running, Parent, _, _]} = sys:get_status(To),
    true = is_pid(Pid) andalso is_pid(Parent),
    ok = sys:suspend(To),
    {status, _, _, [_, suspended | _]} = sys:get_status(To),
    ok = sys:resume(To),
    {status, _, _, [_, running | _]} = sys:get_status(To).

kernel_sup() ->
    A = monitor_of(self()),
    gen_server:cast(A, {self(), app, kernel, true, [{timeout, at_most_once}]}),
    {delivery, A, app, kernel, {_, Procs, Links, _}} = next(),
    [Sup] = [From || {From, "rex"} <- Links],
    [Pid] = [P || {P, N} <- Procs, N =:= Sup],
    Pid.

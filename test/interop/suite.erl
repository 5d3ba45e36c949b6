%% suite.erl -- runs cases on a real Erlang node, against nodes of ours.
%%
%% A module cases_<subject>.erl exports cases/0: a list of {Name, Fun/0}. Each case runs
%% in a process of its own and has ?CASE ms; it passes when it returns. The suite prints
%% TAP, and ends with the number that passed and failed.
%%
%% For cases:
%%
%%   node/0            our node, which runs all the time
%%   do/2, do/3        has a puppet of ours do something once (test/interop/puppet.h)
%%   puppet/0,1        a puppet, for the length of the case; then do/3 has it do something,
%%   heard/2           and heard/2 waits for so many messages of its
%%   agner/1,2         another node of ours, {Node, Port}: stop/1, signal/2
%%   agner_named/2     the same, under that name
%%   erl/1,2           another Erlang node, {Node, Peer}: on/4 evaluates there, stop/1
%%   wait/1            waits until Fun() is true
%%   next/0            the next message, as long as the case may take
%%   count/2           takes so many of that message
%%   name/1            a node's name that no other run has
%%   dead/0            a pid of Erlang's whose process has ended; our_dead/0: of ours
%%
%% Nodes that a case started are stopped when it ends.
-module(suite).
-export([main/1]).
-export([node/0, do/2, do/3, puppet/0, puppet/1, heard/2, agner/1, agner/2, agner_named/2, erl/1, erl/2,
         on/4, stop/1, signal/2, wait/1, next/0, name/1, count/2, cookie/0, dead/0, our_dead/0]).

-define(CASE, 60000).

%% Arguments: our node, our program, the epmd's port, then modules.
main([Node, Program, Epmd | Modules]) ->
    persistent_term:put(suite_node, list_to_atom(Node)),
    persistent_term:put(suite_program, Program),
    persistent_term:put(suite_epmd, Epmd),
    Cases = lists:append([(list_to_atom(M)):cases() || M <- Modules]),
    io:format("1..~b~n", [length(Cases)]),
    Failed = run(Cases, 1, 0),
    io:format("~b passed, ~b failed~n", [length(Cases) - Failed, Failed]),
    halt(min(Failed, 1)).

run([], _, Failed) -> Failed;
run([{Name, Case} | Rest], N, Failed) ->
    Began = erlang:monotonic_time(millisecond),
    {Pid, Ref} = spawn_monitor(fun () -> guarded(Case) end),
    Result = receive
                 {'DOWN', Ref, process, Pid, passed} -> passed;
                 {'DOWN', Ref, process, Pid, Why} -> Why
             after ?CASE ->
                     Stack = process_info(Pid, [current_stacktrace, messages]),
                     exit(Pid, kill),
                     {timeout, Stack}
             end,
    end_nodes(),
    Took = erlang:monotonic_time(millisecond) - Began,
    case Result of
        passed -> io:format("ok ~b - ~s # ~b ms~n", [N, Name, Took]), run(Rest, N + 1, Failed);
        _ -> io:format("not ok ~b - ~s~n~p~n", [N, Name, Result]), run(Rest, N + 1, Failed + 1)
    end.

%% A case may exit with any reason; only its return counts.
guarded(Case) ->
    try Case() of
        _ -> exit(passed)
    catch
        Class:Reason:Stack -> exit({Class, Reason, Stack})
    end.

node() -> persistent_term:get(suite_node).

cookie() -> atom_to_list(erlang:get_cookie()).

do(Op, Args) -> do({driver, ?MODULE:node()}, Op, Args).

do(Puppet, Op, Args) -> gen_server:call(Puppet, {do, Op, Args}, ?CASE).

puppet() -> puppet(?MODULE:node()).

puppet(Node) -> gen_server:call({driver, Node}, {new}, ?CASE).

heard(Puppet, Count) -> gen_server:call(Puppet, {heard, Count}, ?CASE).

next() -> receive M -> M end.

dead() ->
    {Pid, Ref} = spawn_monitor(fun () -> ok end),
    receive {'DOWN', Ref, process, Pid, normal} -> Pid end.

our_dead() ->
    P = puppet(),
    Ref = monitor(process, P),
    exit(P, kill),
    receive {'DOWN', Ref, process, P, killed} -> P end.

count(0, _) -> ok;
count(N, Message) -> receive Message -> count(N - 1, Message) end.

wait(Fun) ->
    case Fun() of
        true -> ok;
        _ -> receive after 5 -> wait(Fun) end
    end.

name(Stem) ->
    list_to_atom(lists:concat([Stem, os:getpid(), "x", erlang:unique_integer([positive]),
                               "@127.0.0.1"])).

%% ---- Further nodes: a process of their own keeps them until the case has ended.

agner(Stem) -> agner(Stem, []).

agner(Stem, Options) -> agner_named(name(Stem), Options).

agner_named(Name, Options) ->
    keep(Name, fun () -> open_agner(Name, Options) end, fun close_agner/1).

open_agner(Name, Options) ->
    Port = open_port({spawn_executable, persistent_term:get(suite_program)},
                     [{args, [atom_to_list(Name), cookie(), persistent_term:get(suite_epmd)
                              | Options]},
                      {line, 1000}, exit_status, binary]),
    receive {Port, {data, {eol, <<"ready">>}}} -> ok end,
    Port.

%% Its standard input ends: it stops by itself.
close_agner(Port) -> port_close(Port).

erl(Stem) -> erl(Stem, []).

erl(Stem, Args) ->
    Name = name(Stem),
    [Alive, Host] = string:split(atom_to_list(Name), "@"),
    keep(Name, fun () -> open_erl(list_to_atom(Alive), Host, Args) end, fun peer:stop/1).

%% Cases cut and refuse connections while the other nodes of the suite are in the same mesh:
%% global must not cut further ones for it, unless that is what a case is about.
open_erl(Alive, Host, prevents) -> open_erl(Alive, Host, true, []);
open_erl(Alive, Host, Args) -> open_erl(Alive, Host, false, Args).

open_erl(Alive, Host, Prevents, Args) ->
    {ok, Peer, _} = peer:start(#{name => Alive, host => Host, longnames => true,
                                 connection => standard_io,
                                 args => ["-setcookie", cookie(),
                                          "-kernel", "prevent_overlapping_partitions",
                                          atom_to_list(Prevents),
                                          "-pa", filename:dirname(code:which(?MODULE)) | Args]}),
    Peer.

on({_, Keeper}, M, F, A) ->
    {_, _, Peer} = handle(Keeper),
    peer:call(Peer, M, F, A, ?CASE).

%% Ends the node; it is gone when this returns.
stop({_, Keeper}) ->
    Ref = monitor(process, Keeper),
    Keeper ! stop,
    receive {'DOWN', Ref, process, _, _} -> ok end.

%% A signal of the system to a node of ours, or of Erlang's: "STOP", "CONT", "KILL". A node
%% that is stopped does nothing more when this returns.
signal({_, Keeper}, Name) ->
    {Kind, OsPid, _} = handle(Keeper),
    true = Kind =/= none,
    [] = os:cmd(io_lib:format("kill -~s ~b", [Name, OsPid])),
    Name =/= "STOP" orelse wait(fun () -> is_stopped(OsPid) end),
    ok.

%% All its threads.
is_stopped(OsPid) ->
    States = os:cmd(io_lib:format("ps -L -o stat= -p ~b", [OsPid])),
    lists:all(fun (State) -> hd(State) =:= $T end, string:lexemes(States, "\n ")).

handle(Keeper) ->
    Ref = make_ref(),
    Keeper ! {handle, self(), Ref},
    receive {Ref, Handle} -> Handle end.

keep(Name, Open, Close) ->
    Self = self(),
    Keeper = spawn(fun () -> keeper(Self, Open, Close) end),
    persistent_term:put(suite_keepers, [Keeper | persistent_term:get(suite_keepers, [])]),
    Ref = monitor(process, Keeper),
    receive
        {Keeper, ready} -> demonitor(Ref, [flush]), {Name, Keeper};
        {'DOWN', Ref, process, _, Why} -> exit({not_started, Name, Why})
    end.

keeper(Owner, Open, Close) ->
    process_flag(trap_exit, true),
    What = Open(),
    Handle = case What of
                 Port when is_port(Port) ->
                     {os_pid, OsPid} = erlang:port_info(Port, os_pid),
                     {agner, OsPid, Port};
                 Peer ->
                     {erl, list_to_integer(peer:call(Peer, os, getpid, [])), Peer}
             end,
    Owner ! {self(), ready},
    keeping(Handle, What, Close).

%% One that was stopped by a signal goes on, to its end.
keeping({_, OsPid, _} = Handle, What, Close) ->
    receive
        stop ->
            os:cmd(io_lib:format("kill -CONT ~b 2>&1", [OsPid])),
            (catch Close(What));
        {handle, From, Ref} -> From ! {Ref, Handle}, keeping(Handle, What, Close);
        {What, {exit_status, _}} -> gone(Handle);
        {'EXIT', What, _} -> gone(Handle);
        _ -> keeping(Handle, What, Close)
    end.

gone(Handle) ->
    receive
        stop -> ok;
        {handle, From, Ref} -> From ! {Ref, Handle}, gone(Handle);
        _ -> gone(Handle)
    end.

end_nodes() ->
    Keepers = persistent_term:get(suite_keepers, []),
    persistent_term:put(suite_keepers, []),
    [stop({none, K}) || K <- Keepers],
    ok.

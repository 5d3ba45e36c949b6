#!/usr/bin/env escript
%%! -noinput +S 1:1 +sbwt none
%% on_otp.escript -- plays scenarios on OTP and prints their traces.
%%
%% Run as: escript on_otp.escript FILE.scn... What a scenario is, and what the lines
%% of a trace mean, stands in README.md; on_agner plays the same files.
%%
%% This process is the director: it tells one actor after another what to do and
%% writes down what it hears of. A step is over when everything is quiet: there is one
%% scheduler, so while the director runs, whoever could run is in the run queue.
-module(on_otp).
-mode(compile).
-export([main/1, start_child/2, start_child/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2,
         terminate/2]).
-export([start/2, start_phase/3, prep_stop/1, stop/1]).
-export([handle_event/2, handle_call/2]).

-define(WAIT, 20000). % for what must come

main(Files) ->
    ok = logger:set_primary_config(level, none),
    [load(App) || App <- [kernel, stdlib]],
    register(director, self()),
    process_flag(trap_exit, true),
    [play(Scenario) || File <- Files, Scenario <- consult(File)],
    halt(0).

%% So that nobody waits where the run queue does not show it: for the disk, or for
%% a first entry in the logger's cache of levels.
load(App) ->
    {ok, Modules} = application:get_key(App, modules),
    ok = code:ensure_modules_loaded(Modules),
    [logger:allow(error, Module) || Module <- Modules].

consult(File) ->
    case file:consult(File) of
        {ok, Scenarios} ->
            Scenarios;
        {error, Reason} ->
            io:format(standard_error, "~s: ~s~n",
                      [File, file:format_error(Reason)]),
            halt(2)
    end.

%%% ---- The director -------------------------------------------------------

%% names: what the scenario calls things, oldest last; inits: what the next inits of
%% an id do; lives: how often an id has started; dead: pids whose end was seen;
%% events: of this step, newest first.
-record(play, {step = 0, names = [], inits = #{}, lives = #{}, dead = #{},
               events = [], result = none, seen = 0}).

play({scenario, Name, Steps}) ->
    io:format("scenario ~s~n", [Name]),
    Start = bind(node, node(), bind(director, self(), #play{})),
    End = lists:foldl(fun step/2, Start, Steps),
    io:format("alive ~0tp~n", [[N || {N, _} <- living(End)]]),
    [begin application:stop(App), application:unload(App) end
     || {App, "scenario", _} <- application:loaded_applications()],
    clear(settle(0, End)).

step({unordered, Step}, P) ->
    show(Step, fun lists:sort/1, step(Step, 0, next(P)));
step({await, Count, Step}, P) ->
    show(Step, fun lists:reverse/1, step(Step, Count, next(P)));
step(Step, P) ->
    show(Step, fun lists:reverse/1, step(Step, 0, next(P))).

next(P) ->
    P#play{step = P#play.step + 1, events = [], result = none, seen = 0}.

step({actors, Names}, _, P) ->
    lists:foldl(fun(Name, Q) ->
                    spawn(fun() -> actor({actor, Name}) end),
                    settle(1, Q)
                end, P, Names);
step({inits, Id, Commands}, _, P) ->
    P#play{inits = maps:put(Id, Commands, P#play.inits)};
step({Who, Op}, Count, P) ->
    step({Who, Op, none}, Count, P);
step({Who, Op, Name}, Count, P) ->
    Pid = value(Who, P),
    true = is_pid(Pid),
    case is_map_key(Pid, P#play.dead) of
        true ->
            P#play{result = {ok, dead}};
        false ->
            [Verb | Args] = tuple_to_list(Op),
            Values = [values(A, P) || A <- Args],
            Pid ! {do, P#play.step, list_to_tuple([Verb | Values])},
            bind_result(Name, settle(Count, P))
    end.

%% Until `Count` results and events are seen, and then until nobody can run.
settle(Count, #play{seen = Seen} = P) when Seen < Count ->
    receive
        M -> settle(Count, hear(M, P))
    after ?WAIT ->
        error({waited_in_vain, Count, P#play.events})
    end;
settle(Count, P) ->
    receive
        M -> settle(Count, hear(M, P))
    after 0 ->
        case erlang:statistics(run_queue) of
            0 -> P;
            _ -> erlang:yield(), settle(Count, P)
        end
    end.

hear({init, Pid, Ref, Who, Args}, P) ->
    monitor(process, Pid),
    {Id, Name, Q} = name_of(Who, P),
    {Command, R} = next_init(Id, Q),
    Pid ! {Ref, Command},
    T = bind(Name, Pid, R),
    case Who of
        {actor, _} -> T#play{seen = T#play.seen + 1};
        _ when Args =:= [] -> event(Pid, init, T);
        _ -> event(Pid, init, Args, T)
    end;
hear({start, Pid, Ref, App}, P) ->
    {Command, Q} = next_init(App, P),
    Pid ! {Ref, Command},
    event(App, start, Q);
hear({say, App, What}, P) ->
    event(App, What, P);
hear({say, Pid, What, Term}, P) ->
    event(Pid, What, Term, P);
hear({did, _, Step, Result}, #play{step = Step} = P) ->
    P#play{result = {ok, Result}, seen = P#play.seen + 1};
hear({did, Pid, Step, Result}, P) ->
    event(Pid, {step, Step}, Result, P);
hear({'DOWN', _, process, Pid, Reason}, P) ->
    event(Pid, ended, Reason, P#play{dead = maps:put(Pid, true, P#play.dead)}).

event(Pid, What, P) ->
    add({Pid, What}, P).
event(Pid, What, Term, P) ->
    add({Pid, What, Term}, P).

add(Event, P) ->
    P#play{events = [Event | P#play.events], seen = P#play.seen + 1}.

%% A child of a supervisor is named by its id and how often that has started.
name_of({child, Id}, P) ->
    N = maps:get(Id, P#play.lives, 0) + 1,
    {Id, list_to_atom(atom_to_list(Id) ++ integer_to_list(N)),
     P#play{lives = maps:put(Id, N, P#play.lives)}};
name_of({_, Name}, P) ->
    {Name, Name, P}.

next_init(Id, #play{inits = Inits} = P) ->
    case Inits of
        #{Id := [Command | More]} ->
            {Command, P#play{inits = maps:put(Id, More, Inits)}};
        _ ->
            {ok, P}
    end.

bind(Name, Value, P) ->
    P#play{names = [{Name, Value} | P#play.names]}.

bind_result(Name, P) when Name =:= none; P#play.result =:= none ->
    P;
bind_result(Name, #play{result = {ok, {_, Ref}}} = P) when is_reference(Ref) ->
    bind(Name, Ref, P);
bind_result(Name, #play{result = {ok, Value}} = P) ->
    [monitor(process, Value) || is_pid(Value)],
    bind(Name, Value, P).

value(Name, P) ->
    proplists:get_value(Name, P#play.names, Name).

%% A term with names replaced by what they stand for, and the other way.
values(T, P) when is_tuple(T) ->
    list_to_tuple(values(tuple_to_list(T), P));
values([H | T], P) ->
    [values(H, P) | values(T, P)];
values(T, P) when is_atom(T) ->
    value(T, P);
values(T, _) ->
    T.

names(T, _) when is_atom(T) ->
    T;
names({any_order, List}, P) ->
    lists:sort(names(List, P));
names(T, P) ->
    case lists:keyfind(T, 2, P#play.names) of
        {Name, _} -> Name;
        false -> names_inside(T, P)
    end.

names_inside(T, P) when is_tuple(T) ->
    list_to_tuple([names(E, P) || E <- tuple_to_list(T)]);
names_inside([H | T], P) ->
    [names(H, P) | names(T, P)];
names_inside(T, P) when is_map(T) ->
    maps:from_list([{names(K, P), names(V, P)} || {K, V} <- maps:to_list(T)]);
names_inside(T, _) when is_pid(T) ->
    some_pid;
names_inside(T, _) when is_reference(T) ->
    some_ref;
names_inside(T, _) ->
    T.

show(Step, Order, P) ->
    N = P#play.step,
    io:format("~w ~ts~ts~n", [N, what(Step), result(P)]),
    Lines = [lists:flatten(line(Event, P)) || Event <- P#play.events],
    [io:format("~w   ~ts~n", [N, Line]) || Line <- Order(Lines)],
    P.

what({Who, Op, _}) -> io_lib:format("~0tp ~0tp", [Who, Op]);
what({Who, Op}) -> io_lib:format("~0tp ~0tp", [Who, Op]).

result(#play{result = none}) -> "";
result(#play{result = {ok, R}} = P) -> io_lib:format(" -> ~0tp", [names(R, P)]).

line({Pid, What}, P) ->
    io_lib:format("~0tp ~0tp", [names(Pid, P), What]);
line({Pid, {step, Step}, Result}, P) ->
    io_lib:format("~0tp step ~w -> ~0tp",
                  [names(Pid, P), Step, names(Result, P)]);
line({Pid, What, Term}, P) ->
    io_lib:format("~0tp ~0tp ~0tp", [names(Pid, P), What, names(Term, P)]).

%% Ends whoever is left, so that the next scenario finds nobody.
clear(P) ->
    case living(P) of
        [] ->
            ok;
        Left ->
            [exit(Pid, kill) || {_, Pid} <- Left],
            clear(settle(1, P#play{seen = 0}))
    end.

living(P) ->
    [{N, V} || {N, V} <- lists:reverse(P#play.names), is_pid(V), V =/= self(),
               not is_map_key(V, P#play.dead)].

%%% ---- Actors -------------------------------------------------------------

%% Tells the director that it is there; returns what its init is to do.
enter(Who, Args) ->
    Ref = make_ref(),
    director ! {init, self(), Ref, Who, Args},
    put(requests, #{}),
    receive {Ref, Command} -> Command end.

say_as(Who, What, Term) ->
    director ! {say, Who, What, Term}.

say(What, Term) ->
    director ! {say, self(), What, Term}.

%% An actor that is no server.
actor(Who) ->
    enter(Who, []),
    act().

%% Leaves the answers to its requests in the mailbox, until it asks for them.
act() ->
    Requests = get(requests),
    receive
        {do, Step, Op} ->
            did(Step, op(Op));
        M when not is_tuple(M); tuple_size(M) < 2;
               not is_map_key(element(1, M), Requests),
               not is_map_key(element(2, M), Requests) ->
            say(heard, M)
    end,
    act().

did(Step, Result) ->
    director ! {did, self(), Step, Result}.

%%% ---- What actors do -----------------------------------------------------

op({spawn, Name, Options}) ->
    spawn_opt(fun() -> actor({actor, Name}) end, Options);
op({exit, Reason}) ->
    exit(Reason);
op({exit, Pid, Reason}) ->
    exit(Pid, Reason);
op({trap_exit, On}) ->
    process_flag(trap_exit, On);
op({link, Pid}) ->
    try link(Pid) catch error:Reason -> {error, Reason} end;
op({unlink, Pid}) ->
    unlink(Pid);
op({monitor, Target}) ->
    monitor(process, Target);
op({monitor, Target, Options}) ->
    monitor(process, Target, Options);
op({demonitor, Ref, Options}) ->
    demonitor(Ref, [info | Options]);
op({alias, Options}) ->
    alias(Options);
op({unalias, Alias}) ->
    unalias(Alias);
op({register, Name, Pid}) ->
    try register(Name, Pid) catch error:Reason -> {error, Reason} end;
op({unregister, Name}) ->
    try unregister(Name) catch error:Reason -> {error, Reason} end;
op({whereis, Name}) ->
    whereis(Name);
op({is_alive, Pid}) ->
    is_process_alive(Pid);
op({send, To, Message}) ->
    try To ! Message, ok catch error:Reason -> {error, Reason} end;
op({info, Pid, What}) ->
    case process_info(Pid, What) of
        {What, List} when is_list(List) -> {any_order, List -- [whereis(director)]};
        {What, Value} -> Value;
        undefined -> undefined
    end;
%% Servers.
op({How, Name, Options}) when How =:= start; How =:= start_link;
                              How =:= start_monitor ->
    start(How, {server, Name}, [], Options);
op({stop_server, To, Reason, Ms}) ->
    try gen_server:stop(To, Reason, Ms) catch exit:Why -> {exit, why(Why)} end;
op({call, To, Request, Ms}) ->
    try {reply, gen_server:call(To, Request, Ms)}
    catch exit:Why -> {exit, why(Why)}
    end;
op({cast, To, Request}) ->
    gen_server:cast(To, Request);
op({request, To, Request}) ->
    Id = gen_server:send_request(To, Request),
    put(requests, maps:merge(get(requests), #{Id => true, [alias | Id] => true})),
    Id;
op({response, Id, Ms}) ->
    case gen_server:receive_response(Id, Ms) of
        {error, {Reason, _}} -> {exit, Reason};
        Other -> Other
    end;
op({wait_response, Id, Ms}) ->
    case gen_server:wait_response(Id, Ms) of
        {error, {Reason, _}} -> {exit, Reason};
        Other -> Other
    end;
op({sys, What, To}) ->
    try sys:What(To) catch exit:Why -> {exit, why(Why)} end;
op(Order) ->
    op_sup(Order).

%% The reason of a failed call, without the call.
why({Reason, {_, _, Args}}) when is_list(Args) -> Reason;
why(Reason) -> Reason.

%%% ---- Servers ------------------------------------------------------------

start(How, Who, Args, Options) ->
    Start = {server, Who, Args, Options},
    Limit = [{timeout, Ms} || {timeout, Ms} <- Options],
    case proplists:get_value(name, Options) of
        undefined -> gen_server:How(?MODULE, Start, Limit);
        Name -> gen_server:How({local, Name}, ?MODULE, Start, Limit)
    end.

init({{event, Id, Command}, Term}) -> % after a swap
    say_as(Id, swapped_in, Term),
    init({event, Id, Command});
init({event, Id, Command}) ->
    say_as(Id, init, Command),
    case Command of
        {error, _} -> Command;
        {exit, Reason} -> exit(Reason);
        _ -> {ok, {handler, Id}}
    end;
init({sup, Who, Flags, Children}) ->
    case enter(Who, []) of
        ok -> {ok, {flags(Flags), [spec(Child) || Child <- Children]}};
        ignore -> ignore;
        {exit, Reason} -> exit(Reason)
    end;
init({server, Who, Args, Options}) ->
    process_flag(trap_exit, lists:member(trap_exit, Options)),
    case enter(Who, Args) of
        ok -> {ok, none};
        ignore -> ignore;
        {stop, Reason} -> {stop, Reason};
        {exit, Reason} -> exit(Reason);
        {continue, Term} -> {ok, none, {continue, Term}};
        {timeout, Ms} -> {ok, none, Ms};
        hang -> receive never -> ignore end
    end.

handle_call(Request, From, Kept) ->
    say(call, Request),
    case Request of
        {reply, Term} -> {reply, Term, Kept};
        reply_later -> {noreply, From};
        {stop_reply, Reason, Term} -> {stop, Reason, Term, Kept};
        {call, _, _, _} -> {reply, op(Request), Kept};
        _ -> obey(Request, Kept)
    end.

handle_cast(Request, Kept) ->
    say(cast, Request),
    obey(Request, Kept).

handle_info(Message, {handler, Id} = S) ->
    say_as(Id, info, Message),
    event_next(Message, S);
handle_info({do, _, {stop, Reason}}, Kept) ->
    {stop, Reason, Kept};
handle_info({do, Step, Op}, Kept) ->
    did(Step, op(Op)),
    {noreply, Kept};
handle_info(Message, Kept) ->
    say(info, Message),
    obey(Message, Kept).

handle_continue(Term, Kept) ->
    say(continue, Term),
    obey(Term, Kept).

terminate(Argument, {handler, Id}) ->
    say_as(Id, terminate, Argument),
    {gone, Id};
terminate(Reason, _) ->
    say(terminate, Reason).

obey({answer, Term}, From) ->
    gen_server:reply(From, Term),
    {noreply, none};
obey({stop, Reason}, Kept) ->
    {stop, Reason, Kept};
obey({exit, Reason}, _) ->
    exit(Reason);
obey({continue, Term}, Kept) ->
    {noreply, Kept, {continue, Term}};
obey({timeout, Ms}, Kept) ->
    {noreply, Kept, Ms};
obey(hibernate, Kept) ->
    {noreply, Kept, hibernate};
obey({send, _, _} = Op, Kept) ->
    op(Op),
    {noreply, Kept};
obey(_, Kept) ->
    {noreply, Kept}.

%%% ---- Supervisors --------------------------------------------------------

flags(List) ->
    {Intensity, Period} = proplists:get_value(intensity, List, {1, 5}),
    #{strategy => one_of([one_for_one, one_for_all, rest_for_one,
                          simple_one_for_one], List),
      intensity => Intensity, period => Period,
      auto_shutdown => one_of([never, any_significant, all_significant], List)}.

%% A child, {Id, Options}, as the supervisor wants it.
spec({Id, Options}) ->
    Shutdown = case proplists:get_value(shutdown, Options) of
                   undefined -> #{};
                   Ms -> #{shutdown => Ms}
               end,
    Brutal = [{shutdown, brutal_kill} || lists:member(brutal_kill, Options)],
    Type = [{type, supervisor} || lists:keymember(sup, 1, Options)],
    maps:merge(Shutdown, maps:from_list(
        [{id, Id}, {start, {?MODULE, start_child, [Id, Options]}},
         {restart, one_of([permanent, transient, temporary], Options)},
         {significant, lists:member(significant, Options)} | Brutal ++ Type])).

%% Which of these is in the list; the first when none is.
one_of([Default | _] = All, List) ->
    case [One || One <- All, lists:member(One, List)] of
        [One] -> One;
        [] -> Default
    end.

start_sup(Who, Flags, Children) ->
    Start = {sup, Who, Flags, Children},
    case proplists:get_value(name, Flags) of
        undefined -> supervisor:start_link(?MODULE, Start);
        Name -> supervisor:start_link({local, Name}, ?MODULE, Start)
    end.

%% In the supervisor's process.
start_child(Id, Options) ->
    start_child_with(Id, Options, []).
start_child(Id, Options, More) ->
    start_child_with(Id, Options, [More]).

start_child_with(Id, Options, More) ->
    case {proplists:get_value(sup, Options), lists:member(plain, Options)} of
        {{Flags, Children}, _} ->
            start_sup({child, Id}, Flags, Children);
        {undefined, false} ->
            start(start_link, {child, Id}, More, Options);
        {undefined, true} ->
            Pid = spawn_link(fun() -> actor({child, Id}) end),
            case proplists:get_value(info, Options) of
                undefined -> {ok, Pid};
                Info -> {ok, Pid, Info}
            end
    end.

op_sup({start_sup, Name, Flags, Children}) ->
    start_sup({server, Name}, Flags, Children);
op_sup({start_child, Sup, {Id, Options}}) ->
    supervisor:start_child(Sup, spec({Id, Options}));
op_sup({start_child, Sup, More}) ->
    supervisor:start_child(Sup, More);
op_sup({children, Sup}) ->
    [{Id, Pid, Type} || {Id, Pid, Type, _} <- supervisor:which_children(Sup)];
op_sup({count, Sup}) ->
    supervisor:count_children(Sup);
op_sup({childspec, Sup, Id}) ->
    case supervisor:get_childspec(Sup, Id) of
        {ok, Map} ->
            {ok, maps:with([id, restart, shutdown, significant, type], Map)};
        Error ->
            Error
    end;
op_sup({What, Sup, Id}) when What =:= restart_child; What =:= terminate_child;
                             What =:= delete_child ->
    supervisor:What(Sup, Id);
op_sup(Order) ->
    op_app(Order).

%%% ---- Applications -------------------------------------------------------

op_app({load, App, Options}) ->
    Keys = [{description, "scenario"}, {vsn, "1"},
            {applications, proplists:get_value(needs, Options, [])},
            {env, proplists:get_value(env, Options, [])}
            | [{mod, {?MODULE, {App, Tree}}} || {tree, Tree} <- Options]]
           ++ [{start_phases, Phases} || {phases, Phases} <- Options],
    case application:load({application, App, Keys}) of
        {error, {already_loaded, _}} -> {error, {already_loaded, App}};
        Result -> Result
    end;
op_app({unload, App}) ->
    application:unload(App);
op_app({start_app, App, Type}) ->
    case application:start(App, Type) of
        {error, Reason} -> {error, why_not(Reason)};
        ok -> ok
    end;
op_app({ensure, App, Type}) ->
    case application:ensure_all_started(App, Type) of
        {error, {Name, Reason}} -> {error, {Name, why_not(Reason)}};
        Ok -> Ok
    end;
op_app({stop_app, App}) ->
    application:stop(App);
op_app({which}) ->
    [App || {App, "scenario", _} <- application:which_applications()];
op_app({loaded}) ->
    {any_order, [App || {App, "scenario", _} <- application:loaded_applications()]};
op_app({get_env, App, Key}) ->
    application:get_env(App, Key);
op_app({set_env, App, Key, Value}) ->
    application:set_env(App, Key, Value);
op_app({unset_env, App, Key}) ->
    application:unset_env(App, Key);
op_app({all_env, App}) ->
    lists:sort(application:get_all_env(App));
op_app({application_of, Pid}) ->
    application:get_application(Pid);
op_app(Order) ->
    op_event(Order).

%% The reason of a failed start, without the call.
why_not({Reason, {?MODULE, start, _}}) -> Reason;
why_not(Reason) -> Reason.

start(_, {App, {Id, Flags, Children}}) ->
    Ref = make_ref(),
    director ! {start, self(), Ref, App},
    receive
        {Ref, ok} ->
            case start_sup({child, Id}, Flags, Children) of
                {ok, Pid} -> {ok, Pid, App};
                Error -> Error
            end;
        {Ref, {error, Reason}} ->
            {error, Reason};
        {Ref, {exit, Reason}} ->
            exit(Reason)
    end.

start_phase(Phase, _, Args) ->
    {ok, App} = application:get_application(),
    director ! {say, App, Phase, Args},
    ok.

prep_stop(App) ->
    director ! {say, App, prep_stop},
    App.

stop(App) ->
    director ! {say, App, stop}.

%%% ---- Event managers -----------------------------------------------------

op_event({start_event}) ->
    {ok, Pid} = gen_event:start_link(),
    Pid;
op_event({add_handler, Manager, Id, Command}) ->
    gen_event:add_handler(Manager, {?MODULE, Id}, {event, Id, Command});
op_event({add_sup_handler, Manager, Id, Command}) ->
    gen_event:add_sup_handler(Manager, {?MODULE, Id}, {event, Id, Command});
op_event({delete_handler, Manager, Id, Args}) ->
    gen_event:delete_handler(Manager, {?MODULE, Id}, Args);
op_event({swap_handler, Manager, Old, Args, New, Command}) ->
    gen_event:swap_handler(Manager, {{?MODULE, Old}, Args},
                           {{?MODULE, New}, {event, New, Command}});
op_event({notify, Manager, Event}) ->
    gen_event:notify(Manager, Event);
op_event({sync_notify, Manager, Event}) ->
    gen_event:sync_notify(Manager, Event);
op_event({ask_handler, Manager, Id, Request}) ->
    case gen_event:call(Manager, {?MODULE, Id}, Request, 5000) of
        {error, {'EXIT', Reason}} -> {error, {exit, Reason}};
        Reply -> Reply
    end;
op_event({handlers, Manager}) ->
    [Id || {?MODULE, Id} <- gen_event:which_handlers(Manager)];
op_event({stop_event, Manager}) ->
    gen_event:stop(Manager).

handle_event(Event, {handler, Id} = S) ->
    say_as(Id, event, Event),
    event_next(Event, S).

handle_call(Request, {handler, Id} = S) ->
    say_as(Id, call, Request),
    case Request of
        {reply, Term} -> {ok, Term, S};
        {remove, Term} -> {remove_handler, Term};
        {exit, Reason} -> exit(Reason)
    end.

event_next(remove, _) -> remove_handler;
event_next({exit, Reason}, _) -> exit(Reason);
event_next(_, S) -> {ok, S}.

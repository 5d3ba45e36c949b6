#!/usr/bin/env escript
%%! +S 1:1
%% statem_trace.escript -- drives OTP's gen_statem through scripts of events.
%%
%% Reads a file of cases (statem_cases.txt has the language) and writes a trace
%% for each: what each callback got, in order, then the answers to calls and why
%% the machine ended. The same machine in C is statem_puppet.c; the two traces
%% are to be equal.
%%
%% There is one scheduler (the second line), and so one timer wheel: timeouts
%% that are both over are told in their order, however long the system did not
%% look.
-mode(compile).
-define(LONG_MS, 60000). % a deadline that only a defect reaches

main([Path]) ->
    ok = io:setopts([{encoding, unicode}]),
    logger:set_primary_config(level, none),
    1 = erlang:system_info(schedulers), % or +S is not in the second line
    [make(Name, Mode, Enter) || {Name, Mode, Enter} <-
        [{sf, state_functions, false}, {sfe, state_functions, true},
         {he, handle_event_function, false},
         {hee, handle_event_function, true}]],
    {ok, Cases} = file:consult(Path),
    lists:foreach(fun play/1, Cases).

%% ---- The machines: four modules of one source -----------------------------

make(Name, Mode, Enter) ->
    Callbacks = [Mode] ++ [state_enter || Enter],
    Source = io_lib:format(
        "-module(~p).~n-compile([export_all, nowarn_export_all]).~n"
        "init({Boss, State, Actions, Enters}) ->"
        "  {ok, State, {Boss, Enters}, puppet:actions(Actions, none)}.~n"
        "callback_mode() -> ~p.~n"
        "a(T, C, D) -> puppet:event(~p, T, C, a, D).~n"
        "b(T, C, D) -> puppet:event(~p, T, C, b, D).~n"
        "c(T, C, D) -> puppet:event(~p, T, C, c, D).~n"
        "handle_event(T, C, S, D) -> puppet:event(~p, T, C, S, D).~n"
        "terminate(R, S, {Boss, _}) -> Boss ! {trace, {~p, terminate, S, R}}.~n",
        [Name, Callbacks, Name, Name, Name, Name, Name]),
    load(Name, Source),
    load(puppet, puppet()).

load(Name, Source) ->
    {ok, Tokens, _} = erl_scan:string(lists:flatten(Source)),
    {ok, Name, Code} = compile:forms(forms(Tokens), []),
    {module, Name} = code:load_binary(Name, "puppet.erl", Code).

forms([]) ->
    [];
forms(Tokens) ->
    {Form, [Dot | Rest]} =
        lists:splitwith(fun(T) -> element(1, T) =/= dot end, Tokens),
    {ok, Parsed} = erl_parse:parse_form(Form ++ [Dot]),
    [Parsed | forms(Rest)].

%% What all of them do with an event: trace it, and obey what it says for the
%% state. {Id, [{State, Transition, Actions}]}.
puppet() ->
    "-module(puppet).
     -compile([export_all, nowarn_export_all]).
     event(Module, enter, Old, State, {Boss, Enters} = Data) ->
         Boss ! {trace, {Module, State, enter, Old}},
         case lists:keytake(State, 1, Enters) of
             {value, {_, Transition, Actions}, Rest} ->
                 return(Transition, actions(Actions, none), {Boss, Rest});
             false ->
                 {keep_state, Data}
         end;
     event(Module, Type, Content, State, {Boss, _} = Data) ->
         {Id, Orders} = case Content of
             {_, L} when is_list(L) -> Content;
             _ -> {Content, []}
         end,
         {Shown, From} = case Type of
             {call, F} -> {call, F};
             _ -> {Type, none}
         end,
         Boss ! {trace, {Module, State, Shown, Id}},
         case [O || {S, _, _} = O <- Orders, S =:= State orelse S =:= any] of
             [{_, Transition, Actions} | _] ->
                 return(Transition, actions(Actions, From), Data);
             [] ->
                 {keep_state, Data}
         end.
     return(keep, Actions, Data) -> {keep_state, Data, Actions};
     return(repeat, Actions, Data) -> {repeat_state, Data, Actions};
     return({next, S}, Actions, Data) -> {next_state, S, Data, Actions};
     return({stop, R}, Actions, Data) ->
         {stop_and_reply, R, [A || {reply, _, _} = A <- Actions], Data};
     return({bad, X}, _, _) -> X.
     actions(Actions, From) ->
         [action(A, From) || A <- Actions, not is_done(A)].
     is_done({sleep, Ms}) -> timer:sleep(Ms), true;
     is_done(_) -> false.
     action({reply, T}, From) -> {reply, From, T};
     action({internal, C}, _) -> {next_event, internal, C};
     action({insert, call, C}, From) -> {next_event, {call, From}, C};
     action({insert, Type, C}, _) -> {next_event, Type, C};
     action({abs, Type, Ms, C}, _) ->
         {Type, erlang:monotonic_time(millisecond) + Ms, C, [{abs, true}]};
     action({change, M}, _) -> {change_callback_module, M};
     action({push, M}, _) -> {push_callback_module, M};
     action(pop, _) -> pop_callback_module;
     action(A, _) -> A.".

%% ---- The driver ------------------------------------------------------------

play({Name, {Module, State, Actions, Enters}, Steps}) ->
    io:format("~s~n", [Name]),
    {ok, {Pid, Monitor}} =
        gen_statem:start_monitor(Module, {self(), State, Actions, Enters}, []),
    Calls = steps(Steps, Pid, []),
    Wait = case is_process_alive(Pid) of true -> 0; false -> ?LONG_MS end,
    [answer(C, Wait) || C <- lists:reverse(Calls)],
    exit(Pid, kill),
    receive {'DOWN', Monitor, process, Pid, Reason} -> ok end,
    flush(),
    [io:format("  ended ~w~n", [strip(Reason)]) || Reason =/= killed].

steps([], _, Calls) ->
    Calls;
steps([{cast, C} | Rest], Pid, Calls) ->
    gen_statem:cast(Pid, C),
    steps(Rest, Pid, Calls);
steps([{info, C} | Rest], Pid, Calls) ->
    Pid ! C,
    steps(Rest, Pid, Calls);
steps([{call, {Id, _} = C} | Rest], Pid, Calls) ->
    steps(Rest, Pid, [{Id, gen_statem:send_request(Pid, C)} | Calls]);
%% All that came before is handled. The play is over if the machine has ended.
steps([sync | Rest], Pid, Calls) ->
    try sys:get_state(Pid, ?LONG_MS) of
        _ -> steps(Rest, Pid, Calls)
    catch
        exit:_ -> Calls
    end;
%% What comes meanwhile is handled together afterwards.
steps([suspend | Rest], Pid, Calls) ->
    sys:suspend(Pid, ?LONG_MS),
    steps(Rest, Pid, Calls);
steps([resume | Rest], Pid, Calls) ->
    sys:resume(Pid, ?LONG_MS),
    steps(Rest, Pid, Calls);
%% An event of that name has been handled.
steps([{await, Id} | Rest], Pid, Calls) ->
    receive
        {trace, Line} ->
            show(Line),
            case element(4, Line) of
                Id -> steps(Rest, Pid, Calls);
                _ -> steps([{await, Id} | Rest], Pid, Calls)
            end
    after ?LONG_MS ->
        io:format("  ~w never came~n", [Id]),
        steps(Rest, Pid, Calls)
    end.

answer({Id, Request}, Wait) ->
    Answer = case gen_statem:wait_response(Request, Wait) of
        {reply, Reply} -> {reply, Reply};
        {error, {Reason, _}} -> {error, strip(Reason)};
        timeout -> none
    end,
    flush(),
    io:format("  answer ~w ~w~n", [Id, Answer]).

flush() ->
    receive {trace, Line} -> show(Line), flush() after 0 -> ok end.

show({Module, terminate, State, Reason}) ->
    io:format("  ~w~n", [{Module, terminate, State, strip(Reason)}]);
show(Line) ->
    io:format("  ~w~n", [Line]).

%% An error's reason without its stack, and without the data of a bad return.
strip({Reason, [{_, _, _, _} | _]}) -> strip(Reason);
strip({Reason, {next_state, S, _, _}}) -> {Reason, {next_state, S}};
strip(Reason) -> Reason.

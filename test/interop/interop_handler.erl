%% interop_handler.erl -- an event handler of an Erlang node, for ours to use.
-module(interop_handler).
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2, terminate/2]).

init({Args, {left, Events}}) -> {ok, [Args | Events]};
init(refuse) -> {error, refused};
init({exit, Reason}) -> exit(Reason);
init(Events) -> {ok, Events}.

handle_event({crash, Reason}, _) -> exit(Reason);
handle_event(Event, Events) -> {ok, [Event | Events]}.

handle_call({crash, Reason}, _) -> exit(Reason);
handle_call(all, Events) -> {ok, Events, Events}.

terminate(_, Events) -> {left, Events}.

%% cases_stress_sink.erl -- a process that lets its messages wait.
-module(cases_stress_sink).
-export([start/0]).

start() -> receive stop -> ok end.

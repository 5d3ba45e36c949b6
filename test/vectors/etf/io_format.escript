#!/usr/bin/env escript
%% io_format.escript -- writes io_format.jsonl: formats and arguments, and what
%% io_lib:format/2 of this Erlang makes of them; no "text" where it is badarg.
%%
%% The file here was written by OTP 25.2.3:
%%   escript io_format.escript 8000 | gzip -9n >io_format.jsonl.gz

main([Count]) ->
    rand:seed(exsss, {1, 2, 3}),
    Fixed = fixed(),
    lists:foreach(fun({F, A}) -> line(F, A) end, Fixed),
    lists:foreach(fun(_) -> {F, A} = made(), line(F, A) end,
                  lists:seq(1, list_to_integer(Count) - length(Fixed))).

line(Format, Args) ->
    Text = case catch unicode:characters_to_binary(io_lib:format(Format, Args)) of
               B when is_binary(B) -> [",\"text\":\"", hex(B), "\""];
               _ -> ""
           end,
    io:put_chars(["{\"hex\":\"", hex(term_to_binary({Format, Args})), "\"",
                  Text, "}\n"]).

hex(B) -> [io_lib:format("~2.16.0b", [X]) || <<X>> <= B].

%% ---- Written by hand: each rule once ----

fixed() ->
    [{F, [A]} || F <- ["~s", "~ts", "~5s", "~-5s", "~2s", "~.2s", "~5.2s",
                       "~5.5s", "~10.5.xs", "~-10.5.xs", "~0s", "~.0s", "~ls",
                       "~ts~n", "~10ts", "~.3ts", "~2.5s", "~-2.2ts"],
                 A <- ["abc", abc, <<"abc">>, [], <<>>, "", [[1024], $x],
                       <<208, 144>>, <<255>>, [<<255>>, 1024], [a], 1, #{},
                       '\x{400}', [$a | <<"b">>], [[$a], [[<<"bc">>], $d]],
                       "abcdefgh", {a}, 1.5, [-1], [16#d800], [$a | b]]]
    ++ [{F, [A]} || F <- ["~e", "~f", "~g", "~.1e", "~.2e", "~.3e", "~.10e",
                          "~.30e", "~.0f", "~.1f", "~.2f", "~.25f", "~10.2f",
                          "~3.2f", "~-10.2f|", "~10f", "~20e|", "~-20g|",
                          "~20.10.0f", "~.1g", "~.2g", "~.3g", "~.5g", "~.8g",
                          "~tf", "~12.4.*f", "~4g"],
                    A <- [0.0, -0.0, 1.0, 1.5, -1.5, 0.05, 0.1, 0.5, 0.95, 0.99,
                          0.999, 5.0, 9.5, 9.95, 9.999, 10.0, 99.99, 99.999,
                          123.456, 999.95, 9999.0, 9999.9, 10000.0, 12345.678,
                          1.0e20, 1.0e21, 1.0e22, 1.0e100, 1.7976931348623157e308,
                          5.0e-324, 1.0e-5, 2.5, 0.25, 0.125, 1, a, 0.045,
                          0.0049, 1.23456789012345678e15]]
    ++ [{F, [A]} || F <- ["~b", "~B", "~.16b", "~.16B", "~.36b", "~.37b", "~.1b",
                          "~.2B", "~10b|", "~2b|", "~-10b|", "~8.16.0b", "~#",
                          "~+", "~.16#", "~.16+", "~10.8#", "~0b", "~tb", "~lb"],
                    A <- [0, 1, -1, 10, 255, -255, 1 bsl 60, -(1 bsl 60),
                          1 bsl 80, -(1 bsl 200), a, 1.0]]
    ++ [{F, [A, P]} || F <- ["~x", "~X", "~.16x", "~.16X", "~10.16x", "~3.16x"],
                       A <- [255, -255, a],
                       P <- ["0x", "", abc, [a], <<"0x">>, 1, [[$x], "y"]]]
    ++ [{F, [A]} || F <- ["~c", "~tc", "~3c", "~5.3c", "~5.3.xc", "~-5c|", "~.3c",
                          "~-5.3.yc|", "~2.3c", "~0c|"],
                    A <- [$a, 200, 1024, 65601, -1, a]]
    ++ [{F, []} || F <- ["~n", "~3n", "~-3n", "~~", "~3~", "~-3~", "~5.2.x~", "~",
                         "~z", "~w", "~5", "~.", "~..", "abc", "", abc, '~n',
                         <<"ab~n">>, <<"é~n"/utf8>>, ["a", "b"], "~ta",
                         [1024, $~, $n], {a}, 1, "~0n|", "~0~|"]]
    ++ [{F, A} || F <- ["~i~w", "~w~i", "~*w", "~-*w|", "~.*w", "~*.*w", "~*.*.*w",
                        "~10..w", "~5..*w", "~w ~w", "~*c", "~*b", "~-w", "~10.-1w"],
                  A <- [[a, b], [5, a], [-5, a], [5, 2, abc], [5, 2, $x, abc],
                        [a], [], foo, [5, a | b], [1.0, a]],
                  not (F =:= "~.*w" andalso A =:= [-5, a])]
    ++ [{F, [T]} || F <- ["~w", "~tw", "~p", "~tp", "~lp", "~ltp", "~tlw", "~0p",
                          "~1p", "~5.1p", "~20.10p", "~20.0p", "~30p", "~-10p",
                          "~10w|", "~-10w|", "~3w|", "~10.3w|", "~.3w|", "~.20w|",
                          "~20.5.xw|", "ab~p", "ab\tcd~p", "ab\n\txx~p~n",
                          "line ~~ ~p end"],
                    T <- terms()]
    ++ [{F, [T, D]} || F <- ["~W", "~P", "~tW", "~tP", "~lP", "~20P", "ab: ~P"],
                       T <- terms(), D <- [-1, 0, 1, 2, 3, 5, 9]].

terms() ->
    [a, 'A b', '\x{400}', 'é', [], {}, #{}, <<>>, "abc", "é", [1024], [1, 2, 3],
     [a | b], [a, b | c], {a, b, c}, {1, 2, 3}, {a}, [[[[[a]]]]],
     #{a => 1, b => 2, c => 3}, #{1 => [a, b], "k" => <<"v">>}, <<1, 2, 3, 4, 5>>,
     <<"abcdefgh">>, <<"abcde", 0>>, <<"é"/utf8>>, <<"abcé"/utf8>>, <<5:3>>,
     <<1, 2, 3:3>>, <<"abcdefghijklmnopqrstuvwxyz">>, 1.5, 12345678901234567890,
     [{key, "value"}, {other, <<"binary">>}, {number, 42}],
     lists:seq(1, 40), lists:duplicate(12, some_atom),
     {tagged, lists:seq(1, 10), {inner, "some text here", [x, y, z]}},
     lists:duplicate(4, #{id => child, start => {m, f, [a]}, type => worker}),
     lists:seq($a, $z) ++ lists:seq($a, $z) ++ lists:seq($a, $z), "a\nb\te\"q\\",
     <<0:400>>].

%% ---- Made at random ----

made() ->
    N = rand:uniform(3),
    {Fs, As} = lists:unzip([piece() || _ <- lists:seq(1, N)]),
    {lists:append(Fs), lists:append(As)}.

piece() ->
    Text = pick(["", " ", "x", "text: ", "\n", "\t", "é", "~~", "~n"]),
    {Control, Args} = control(),
    {Text ++ [$~ | field()] ++ modifier() ++ Control, Args}.

field() ->
    pick(["", "", "", "", integer_to_list(rand:uniform(100)),
          "-" ++ integer_to_list(rand:uniform(20)),
          integer_to_list(rand:uniform(60)) ++ "." ++
              integer_to_list(rand:uniform(40)),
          "." ++ integer_to_list(rand:uniform(30)),
          integer_to_list(rand:uniform(20)) ++ "..x",
          integer_to_list(rand:uniform(30)) ++ "." ++
              integer_to_list(rand:uniform(10)) ++ ".*"]) .

modifier() -> pick(["", "", "t", "t", "l", "tl"]).

control() ->
    case rand:uniform(12) of
        1 -> {"s", [pick(["text", <<"binary">>, atom, ["io", [<<"list">>]], "é"])]};
        2 -> {pick(["e", "f", "g"]), [(rand:uniform() - 0.5) *
                                          math:pow(10, rand:uniform(40) - 20)]};
        3 -> {pick(["b", "B", "#", "+"]), [rand:uniform(1 bsl 70) - (1 bsl 69)]};
        4 -> {"c", [rand:uniform(300)]};
        5 -> {"W", [term(3), rand:uniform(12)]};
        6 -> {"P", [term(3), rand:uniform(12)]};
        7 -> {"w", [term(2)]};
        _ -> {"p", [term(3)]}
    end.

term(0) -> leaf();
term(D) ->
    case rand:uniform(8) of
        1 -> leaf();
        2 -> leaf();
        3 -> list_to_tuple(many(D));
        4 -> list_to_tuple([pick([ok, error, tag, a_longer_tag]) | many(D)]);
        5 -> maps:from_list([{leaf(), term(D - 1)}
                             || _ <- lists:seq(1, rand:uniform(4))]);
        6 -> many(D) ++ pick([a, 1, {x}]);
        _ -> many(D)
    end.

many(D) -> [term(D - 1) || _ <- lists:seq(1, rand:uniform(6) - 1)].

leaf() ->
    case rand:uniform(8) of
        1 -> rand:uniform(1000000) - 500000;
        2 -> pick([a, ok, undefined, 'Quoted atom', 'é', some_longer_atom_here]);
        3 -> pick(["a string", "é", "with \"quotes\"", "", [1024, 1025]]);
        4 -> pick([<<"a binary">>, <<"é"/utf8>>, <<>>, <<255, 1>>, <<1:1>>]);
        5 -> rand:uniform() * 1000;
        6 -> bytes(rand:uniform(30));
        7 -> [];
        8 -> lists:seq($a, $a + rand:uniform(25))
    end.

bytes(N) -> list_to_binary([rand:uniform(256) - 1
                                        || _ <- lists:seq(1, N)]).

pick(L) -> lists:nth(rand:uniform(length(L)), L).

/*
 * test_apps_functions.c -- OTP's functions that every node answers to: the same
 * values as Erlang's where those are told, and true ones.
 */
#include "../process/bed.h"

#include <stdio.h>
#include <stdlib.h>

#include <agner/kernel.h>

static const char *const classes[] = {
    [GEN_RPC_VALUE] = "value",
    [GEN_RPC_THROW] = "throw",
    [GEN_RPC_EXIT] = "exit",
    [GEN_RPC_ERROR] = "error",
};

static void open(struct bed *bed)
{
    struct agner_error error;

    if (agner_kernel_start(bed->self, &error) != AGNER_OK)
        fail_msg("kernel: %s", error.text);
}

static etf_term parse(struct bed *bed, const char *text)
{
    etf_term t = ETF_NONE;

    assert_int_equal(
        etf_parse(rt_region(bed->self), text, strlen(text), &t, NULL, NULL),
        AGNER_OK);
    return t;
}

/* What "{M, F, Args}" gives: its class, and *result. */
static enum gen_rpc_class call(struct bed *bed, etf_term mfa, etf_term *result)
{
    etf_term m = ETF_NONE, f = ETF_NONE, args = ETF_NONE;

    assert_true(etf_match(mfa, "{_, _, _}", &m, &f, &args));
    return gen_rpc_apply(bed->self, ETF_NONE, m, f, args, result);
}

static void gives(struct bed *bed, etf_term mfa, const char *expected)
{
    char text[2000];
    etf_term result = ETF_NONE;
    enum gen_rpc_class class = call(bed, mfa, &result);

    etf_format(text, sizeof text,
               etf_make(bed->self, "{_, _}", etf_atom(classes[class]), result));
    if (strcmp(text, expected) != 0)
        fail_msg("got %s, not %s", text, expected);
}

static void plain_answers(struct bed *bed)
{
    /* clang-format off */
    static const char *const cases[][2] = {
        { "{erlang, node, []}", "{value,nonode@nohost}" },
        { "{erlang, is_alive, []}", "{value,false}" },
        { "{erlang, nodes, []}", "{value,[]}" },
        { "{erlang, nodes, [this]}", "{value,[nonode@nohost]}" },
        { "{erlang, nodes, [[hidden, known]]}", "{value,[nonode@nohost]}" },
        { "{erlang, nodes, [nix]}", "{error,{badarg,[{erlang,nodes,[nix],[]}]}}" },
        { "{erlang, nodes, [[this | x]]}", "{error,{badarg,[{erlang,nodes,[[this|x]],[]}]}}" },
        { "{erlang, whereis, [nix]}", "{value,undefined}" },
        { "{erlang, whereis, [1]}", "{error,{badarg,[{erlang,whereis,[1],[]}]}}" },
        { "{erlang, exit, [foo]}", "{exit,foo}" },
        { "{erlang, throw, [foo]}", "{throw,foo}" },
        { "{erlang, error, [foo]}", "{error,{foo,[{erlang,error,1,[]}]}}" },
        { "{erlang, apply, [erlang, node, []]}", "{value,nonode@nohost}" },
        { "{erlang, apply, [fun erlang:nodes/1, [hidden]]}", "{value,[]}" },
        { "{erlang, apply, [fun erlang:nodes/1, []]}", "{error,{badarg,[{erlang,apply,[fun erlang:nodes/1,[]],[]}]}}" },
        { "{erlang, apply, [m, f, x]}", "{error,{badarg,[{erlang,apply,[m,f,x],[]}]}}" },
        { "{erlang, function_exported, [erlang, node, 0]}", "{value,true}" },
        { "{erlang, function_exported, [erlang, halt, 0]}", "{value,false}" },
        { "{erlang, send, [nix, hi]}", "{error,{badarg,[{erlang,send,[nix,hi],[]}]}}" },
        { "{erlang, is_process_alive, [x]}", "{error,{badarg,[{erlang,is_process_alive,[x],[]}]}}" },
        { "{erlang, process_info, [x, status]}", "{error,{badarg,[{erlang,process_info,[x,status],[]}]}}" },
        { "{erlang, process_info, [<0.9999.0>]}", "{value,undefined}" },
        { "{erlang, process_info, [<0.9999.0>, status]}", "{value,undefined}" },
        { "{erlang, system_info, [otp_release]}", "{value,\"25\"}" },
        { "{erlang, system_info, [wordsize]}", "{value,8}" },
        { "{erlang, system_info, [{wordsize, external}]}", "{value,8}" },
        { "{erlang, system_info, [nix]}", "{error,{badarg,[{erlang,system_info,[nix],[]}]}}" },
        { "{erlang, memory, [nix]}", "{error,{badarg,[{erlang,memory,[nix],[]}]}}" },
        { "{erlang, memory, [[total | nix]]}", "{error,{badarg,[{erlang,memory,[[total|nix]],[]}]}}" },
        { "{erlang, statistics, [garbage_collection]}", "{value,{0,0,0}}" },
        { "{erlang, statistics, [nix]}", "{error,{badarg,[{erlang,statistics,[nix],[]}]}}" },
        { "{erlang, system_time, [nix]}", "{error,{badarg,[{erlang,system_time,[nix],[]}]}}" },
        { "{erlang, system_time, [0]}", "{error,{badarg,[{erlang,system_time,[0],[]}]}}" },
        { "{timer, sleep, [0]}", "{value,ok}" },
        { "{timer, sleep, [x]}", "{error,{badarg,[{timer,sleep,[x],[]}]}}" },
        { "{net_adm, ping, [nix]}", "{value,pang}" },
        { "{net_adm, ping, [nonode@nohost]}", "{value,pong}" },
        { "{net_kernel, connect_node, [\"x\"]}", "{error,{badarg,[{net_kernel,connect_node,[\"x\"],[]}]}}" },
        { "{gen_server, call, [nix, hi]}", "{exit,{noproc,{gen_server,call,[nix,hi,5000]}}}" },
        { "{gen_server, call, [rex, hi, infinity]}", "{value,{badrpc,not_supported}}" },
        { "{gen_server, call, [rex, hi, x]}", "{error,{badarg,[{gen_server,call,[rex,hi,x],[]}]}}" },
        { "{gen_server, cast, [nix, hi]}", "{value,ok}" },
        { "{supervisor, which_children, [nix]}", "{exit,{noproc,{gen_server,call,[nix,which_children,infinity]}}}" },
        { "{sys, get_state, [nix]}", "{exit,{noproc,{sys,get_state,[nix]}}}" },
        { "{sys, get_state, [nix, x]}", "{error,{badarg,[{sys,get_state,[nix,x],[]}]}}" },
        { "{application, get_env, [kernel, nix]}", "{value,undefined}" },
        { "{application, get_env, [kernel, nix, 5000]}", "{value,5000}" },
        { "{application, get_env, [1, 2]}", "{value,undefined}" },
        { "{application, get_all_env, [nix]}", "{value,[]}" },
        { "{init, get_status, []}", "{value,{started,started}}" },
        { "{code, ensure_loaded, [erlang]}", "{value,{module,erlang}}" },
        { "{code, ensure_loaded, [erlan]}", "{value,{error,nofile}}" },
        { "{code, ensure_loaded, [1]}", "{value,{error,nofile}}" },
        { "{code, is_loaded, [nix]}", "{value,false}" },
        { "{code, which, [sys]}", "{value,preloaded}" },
    };
    /* clang-format on */

    open(bed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gives(bed, parse(bed, cases[i][0]), cases[i][1]);
        rt_reset(bed->self);
    }
}

static void an_answer_is_true(struct bed *bed)
{
    etf_term result = ETF_NONE, list = ETF_NONE, item;
    etf_pid rex = { 0 }, seen = { 0 };
    uint64_t a = 0, b = 0, processes = 0;
    struct rt_stats stats;
    bool found = false;

    open(bed);
    assert_int_equal(rt_whereis(bed->rt, etf_atom("rex"), &rex), AGNER_OK);
    assert_int_equal(call(bed, parse(bed, "{erlang, whereis, [rex]}"), &result),
                     GEN_RPC_VALUE);
    assert_true(etf_get_pid(result, &seen) && etf_pid_equal(seen, rex));
    assert_int_equal(call(bed, parse(bed, "{erlang, processes, []}"), &list),
                     GEN_RPC_VALUE);
    rt_stats(bed->rt, &stats);
    assert_int_equal(etf_list_size(list), stats.processes);
    while (etf_list_next(&list, &item))
        found = found || (etf_get_pid(item, &seen) && etf_pid_equal(seen, rex));
    assert_true(found);
    gives(bed, etf_make(bed->self, "{erlang, is_process_alive, [_]}", rex),
          "{value,true}");
    gives(bed,
          etf_make(bed->self,
                   "{erlang, process_info, [_, [registered_name, status, "
                   "message_queue_len, trap_exit, initial_call]]}",
                   rex),
          "{value,[{registered_name,rex},{status,waiting},"
          "{message_queue_len,0},{trap_exit,false},{initial_call,"
          "{rex,init,1}}]}");
    assert_int_equal(
        call(bed,
             etf_make(bed->self, "{erlang, process_info, [_, [status, nix]]}",
                      rex),
             &result),
        GEN_RPC_ERROR);
    assert_true(etf_match(result, "{badarg, __}"));
    gives(bed,
          etf_make(bed->self, "{erlang, process_info, [_, registered_name]}",
                   rt_self(bed->self)),
          "{value,[]}");
    assert_int_equal(
        call(bed, etf_make(bed->self, "{erlang, process_info, [_]}", rex),
             &list),
        GEN_RPC_VALUE);
    assert_int_equal(etf_list_size(list), 17);
    /* What a process makes longer shows. */
    assert_int_equal(call(bed, parse(bed, "{erlang, memory, []}"), &list),
                     GEN_RPC_VALUE);
    assert_true(etf_match(list,
                          "[{total, _}, {processes, _}, {processes_used, __}, "
                          "{system, 0} | __]",
                          &a, &b));
    assert_true(a == b && a > 0);
    assert_int_equal(
        call(bed, parse(bed, "{erlang, statistics, [reductions]}"), &result),
        GEN_RPC_VALUE);
    assert_true(etf_match(result, "{_, _}", &a, &b) && a == b);
    gives(bed, parse(bed, "{gen_server, call, [rex, hi]}"),
          "{value,{badrpc,not_supported}}");
    assert_int_equal(
        call(bed, parse(bed, "{erlang, statistics, [reductions]}"), &result),
        GEN_RPC_VALUE);
    assert_true(etf_match(result, "{_, _}", &a, &b) && b > 0 && b < a);
    assert_int_equal(call(bed,
                          parse(bed, "{erlang, system_info, [process_count]}"),
                          &result),
                     GEN_RPC_VALUE);
    assert_true(etf_get_uint(result, &processes));
    assert_int_equal(processes, stats.processes);
    assert_int_equal(
        call(bed, parse(bed, "{application, which_applications, []}"), &list),
        GEN_RPC_VALUE);
    assert_true(etf_match(list, "[{kernel, __, __}]"));
}

/* In a simulated world the clock is known. */
static void clocks(struct bed *bed)
{
    etf_term now = ETF_NONE, result = ETF_NONE;
    uint64_t a, b, c, seconds;

    open(bed);
    assert_int_equal(
        call(bed, parse(bed, "{erlang, system_time, [second]}"), &result),
        GEN_RPC_VALUE);
    assert_true(etf_get_uint(result, &seconds));
    assert_int_equal(call(bed, parse(bed, "{os, timestamp, []}"), &now),
                     GEN_RPC_VALUE);
    assert_true(etf_match(now, "{_, _, _}", &a, &b, &c));
    assert_true(a * 1000000 + b - seconds <= 60);
    assert_int_equal(call(bed, parse(bed, "{erlang, universaltime, []}"), &now),
                     GEN_RPC_VALUE);
    assert_true(etf_match(now, "{{_, __, __}, {__, __, _}}", &a, &b));
    assert_true(a >= 1970 && b < 60);
    assert_int_equal(
        call(bed, parse(bed, "{erlang, monotonic_time, [1000]}"), &result),
        GEN_RPC_VALUE);
    assert_true(etf_get_uint(result, &a));
    assert_true(rt_now_ms(bed->rt) - a < WAIT_MS);
}

static bool is_left_out(const char *name)
{
    static const char *const out[] = {
        "timer:sleep/1", /* infinity */
        "erlang:exit/2",
        "erlang:send/2",
        "gen_server:cast/2",
    };

    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (strcmp(name, out[i]) == 0)
            return true;
    return false;
}

/* Each function takes whatever a peer sends, and ends as one of Erlang's. */
static void no_argument_hurts(struct bed *bed)
{
    static const char *const odd[] = {
        "nix",
        "-1",
        "[]",
        "[x | y]",
        "<<>>",
        "{a, #{}}",
        "<0.99.7>",
        "1.5",
        "\"text\"",
        "infinity",
        "123456789012345678901234567890",
        "[[[]]]",
        "rex",
        "{rex, nix}",
        "undefined",
    };
    etf_term names, name, result, args;
    char text[256], *colon, *slash;
    unsigned count = 0;

    open(bed);
    names = gen_rpc_provided(bed->rt, rt_region(bed->self));
    while (etf_list_next(&names, &name)) {
        assert_true(etf_get_text(name, text, sizeof text));
        if (is_left_out(text))
            continue;
        colon = strchr(text, ':');
        slash = strrchr(text, '/');
        assert_true(colon != NULL && slash != NULL);
        *colon = *slash = '\0';
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            args = etf_nil();
            for (int n = atoi(slash + 1); n > 0; n--)
                args = etf_cons(
                    rt_region(bed->self),
                    parse(
                        bed,
                        odd[(i + 7 * (size_t)n) % (sizeof odd / sizeof *odd)]),
                    args);
            result = ETF_NONE;
            (void)gen_rpc_apply(bed->self, ETF_NONE, etf_atom(text),
                                etf_atom(colon + 1), args, &result);
            assert_false(etf_is_none(result));
            count++;
        }
    }
    assert_true(count > 500);
}

#define EVERYWHERE(name) \
    static void name##_everywhere(void **state) \
    { \
        (void)state; \
        bed_everywhere(name, 2); \
    }
EVERYWHERE(plain_answers)
EVERYWHERE(an_answer_is_true)
EVERYWHERE(clocks)
EVERYWHERE(no_argument_hurts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_answers_everywhere),
        cmocka_unit_test(an_answer_is_true_everywhere),
        cmocka_unit_test(clocks_everywhere),
        cmocka_unit_test(no_argument_hurts_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_apps_rex.c -- rpc's older requests: spec/distribution.md 12, spec/gen.md
 * 2.6. What an Erlang node answers to each was asked of one (OTP 25).
 */
#include "../process/bed.h"

#include <stdio.h>

#include <agner/kernel.h>

/* {Class, X}; or a word for what it tells of its process. */
static enum gen_rpc_class obey(struct gen *self, etf_term args,
                               etf_term *result)
{
    etf_term what = ETF_NONE, x = ETF_NONE;
    etf_pid pid;

    if (!etf_match(args, "[_, _]", &what, &x))
        return gen_rpc_badarg(result);
    *result = x;
    if (etf_atom_is(what, "throw"))
        return GEN_RPC_THROW;
    if (etf_atom_is(what, "exit"))
        return GEN_RPC_EXIT;
    if (etf_atom_is(what, "error"))
        return GEN_RPC_ERROR;
    if (etf_atom_is(what, "leader"))
        *result = etf_from_pid(rt_region(self), rt_group_leader(self));
    if (etf_atom_is(what, "self"))
        *result = rt_self_term(self);
    if (etf_atom_is(what, "tell") && etf_get_pid(x, &pid))
        (void)rt_send_pid(self, pid, ETF_A(yes));
    if (etf_atom_is(what, "print"))
        (void)gen_io_format(self, ETF_NONE, "~p~n", etf_make(self, "[_]", x));
    if (etf_atom_is(what, "wait"))
        (void)rt_sleep(self, 3600 * 1000);
    if (etf_atom_is(what, "killed"))
        (void)rt_exit_signal(self, rt_self(self), ETF_A(kill));
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class secret(struct gen *self, etf_term args,
                                 etf_term *result)
{
    (void)self;
    *result = args;
    return GEN_RPC_VALUE;
}

static const char *const nobody[] = { NULL };
static const struct gen_rpc_function functions[] = {
    { "t", "obey", 2, obey, NULL },
    { "t", "secret", 0, secret, nobody },
};

static void open(struct bed *bed)
{
    struct agner_error error;

    assert_int_equal(gen_rpc_provide(bed->rt, functions, 2), AGNER_OK);
    if (agner_kernel_start(bed->self, &error) != AGNER_OK)
        fail_msg("kernel: %s", error.text);
}

static void shows(etf_term t, const char *expected)
{
    char text[1000];

    assert_string_equal(etf_format(text, sizeof text, t), expected);
}

static etf_term parse(struct bed *bed, const char *text)
{
    etf_term t = ETF_NONE;

    assert_int_equal(
        etf_parse(rt_region(bed->self), text, strlen(text), &t, NULL, NULL),
        AGNER_OK);
    return t;
}

static etf_term ask(struct bed *bed, etf_term request)
{
    etf_term answer = ETF_NONE;

    assert_int_equal(
        gen_call(bed->self, etf_atom("rex"), request, WAIT_MS, &answer),
        AGNER_OK);
    return answer;
}

static void each_class_has_its_answer(struct bed *bed)
{
    static const char *const cases[][2] = {
        { "t, obey, [value, {1, two}]", "{1,two}" },
        { "t, obey, [throw, ball]", "ball" },
        { "t, obey, [exit, gone]", "{badrpc,{'EXIT',gone}}" },
        { "t, obey, [error, oops]",
          "{badrpc,{'EXIT',{oops,[{t,obey,2,[]}]}}}" },
        { "t, nix, [x]", "{badrpc,{'EXIT',{undef,[{t,nix,[x],[]}]}}}" },
        { "1, 2, 3", "{badrpc,{'EXIT',{badarg,[{erlang,apply,[1,2,3],[]}]}}}" },
        { "t, secret, []", "[]" }, /* one's own node may */
    };
    char request[200];

    open(bed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(request, sizeof request, "{call, %s, user}", cases[i][0]);
        shows(ask(bed, parse(bed, request)), cases[i][1]);
        snprintf(request, sizeof request, "{block_call, %s, user}",
                 cases[i][0]);
        shows(ask(bed, parse(bed, request)), cases[i][1]);
        rt_reset(bed->self);
    }
    shows(ask(bed, parse(bed, "{call, t, obey, [killed, x], user}")),
          "{badrpc,{'EXIT',killed}}");
    shows(ask(bed, parse(bed, "{call, t, obey, [self, x], nobody}")),
          "{badrpc,{'EXIT',{badarg,[{rpc,set_group_leader,[nobody],[]}]}}}");
    shows(ask(bed, parse(bed, "{block_call, t, obey, [self, x], 1}")),
          "{badrpc,{'EXIT',{badarg,[{rpc,set_group_leader,[1],[]}]}}}");
    shows(ask(bed, parse(bed, "{call, t, obey}")), "{badrpc,not_supported}");
    shows(ask(bed, parse(bed, "whatever")), "{badrpc,not_supported}");
}

/* A function's group leader is the one that the request names; rex has its own
 * again after a block_call. */
static void calls_have_the_callers_group_leader(struct bed *bed)
{
    etf_pid rex = { 0 }, me = rt_self(bed->self), got = { 0 };
    struct rt_process_info info;
    etf_pid before;

    open(bed);
    assert_int_equal(rt_whereis(bed->rt, etf_atom("rex"), &rex), AGNER_OK);
    assert_int_equal(rt_process_info(bed->self, rex, &info), AGNER_OK);
    before = info.group_leader;
    assert_true(etf_get_pid(
        ask(bed, etf_make(bed->self, "{call, t, obey, [leader, x], _}", me)),
        &got));
    assert_true(etf_pid_equal(got, me));
    assert_true(etf_get_pid(ask(bed, etf_make(bed->self,
                                              "{block_call, t, obey, "
                                              "[leader, x], _}",
                                              me)),
                            &got));
    assert_true(etf_pid_equal(got, me));
    assert_int_equal(rt_process_info(bed->self, rex, &info), AGNER_OK);
    assert_true(etf_pid_equal(info.group_leader, before));
    /* Which of the two is a process of its own. */
    assert_true(etf_get_pid(
        ask(bed, parse(bed, "{block_call, t, obey, [self, x], user}")), &got));
    assert_true(etf_pid_equal(got, rex));
    assert_true(etf_get_pid(
        ask(bed, parse(bed, "{call, t, obey, [self, x], user}")), &got));
    assert_false(etf_pid_equal(got, rex));
}

/* A call that takes for ever holds up nobody. */
static void calls_run_beside_each_other(struct bed *bed)
{
    struct rt_request slow, fast;
    etf_term answer;

    open(bed);
    assert_int_equal(gen_send_request(bed->self, etf_atom("rex"),
                                      parse(bed, "{call, t, obey, [wait, x], "
                                                 "user}"),
                                      &slow),
                     AGNER_OK);
    assert_int_equal(gen_send_request(bed->self, etf_atom("rex"),
                                      parse(bed, "{call, t, obey, [value, x], "
                                                 "user}"),
                                      &fast),
                     AGNER_OK);
    assert_int_equal(gen_wait(bed->self, &fast, WAIT_MS, &answer), AGNER_OK);
    shows(answer, "x");
    gen_abandon_request(bed->self, &slow);
}

/* Casts, and what C nodes send: {From, {call, ...}} is answered {rex, _}. */
static void messages_are_served(struct bed *bed)
{
    static const char *const odd[] = {
        "{}",
        "[]",
        "#{}",
        "-1",
        "{call}",
        "{<0.1.1>}",
        "{<0.99.9>, x}",
        "{<0.99.9>, {call, a, b, c, d}}",
        "{x, y, process, z, w}",
        "{{#Ref<0.9.9>, {call, x}}, r, process, p, {rex, y}}",
        "{'$gen_call', x, y}",
        "{'$gen_cast', {cast, 1}}",
        "{badrpc, x}",
        "{features_request, <0.1.1>}",
        "{system, x, y}",
    };
    etf_pid me = rt_self(bed->self);
    etf_term rex = etf_atom("rex");

    open(bed);
    assert_int_equal(
        gen_cast(bed->self, rex,
                 etf_make(bed->self, "{cast, t, obey, [tell, _], user}", me)),
        AGNER_OK);
    bed_expect(bed, "yes");
#define SAY(pattern) \
    assert_int_equal( \
        rt_send(bed->self, rex, etf_make(bed->self, "{_, " pattern "}", me)), \
        AGNER_OK)
    SAY("{call, t, obey, [value, 1], user}");
    bed_expect(bed, "{rex,1}");
    SAY("{call, t, obey, [killed, 1], user}");
    bed_expect(bed, "{rex,{badrpc,{'EXIT',killed}}}");
    SAY("{call, t, nix, [], user}");
    bed_expect(bed, "{rex,{badrpc,{'EXIT',{undef,[{t,nix,[],[]}]}}}}");
    SAY("{call, t, nix, [], 5}");
    bed_expect(bed, "{rex,{badrpc,{'EXIT',{badarg,[{rpc,set_group_leader,[5],"
                    "[]}]}}}}");
    assert_int_equal(rt_send(bed->self, rex,
                             etf_make(bed->self,
                                      "{_, {call, t, obey, [print, hello], "
                                      "{send_stdout_to_caller, _}}}",
                                      me, me)),
                     AGNER_OK);
    bed_expect(bed, "{rex_stdout,<<\"hello\\n\">>}");
    bed_expect(bed, "{rex,hello}");
    SAY("{call, t, obey, [print, 1], send_stdout_to_caller}");
    bed_expect(bed, "{rex_stdout,<<\"1\\n\">>}");
    bed_expect(bed, "{rex,1}");
    SAY("{call, t, obey, [value, 1], {send_stdout_to_caller, x}}");
    bed_expect(bed, "{rex,1}");
    SAY("{sbcast, nix, hi}");
    bed_expect(bed, "{rex,nonode@nohost,{nonexisting_name,nix}}");
    SAY("{sbcast, 7, hi}");
    bed_expect(bed, "{rex,nonode@nohost,{nonexisting_name,7}}");
    assert_int_equal(rt_register_self(bed->self, etf_atom("me")), AGNER_OK);
    SAY("{sbcast, me, hi}");
    bed_expect(bed, "hi");
    bed_expect(bed, "{rex,nonode@nohost,nonode@nohost}");
    SAY("{send, nix, hi}");
    bed_expect(bed, "{rex,nonode@nohost,{nonexisting_name,nix}}");
    SAY("{send, me, hi}");
    bed_expect(bed, "{<0.1.1>,hi}");
    assert_int_equal(rt_unregister_self(bed->self, etf_atom("me")), AGNER_OK);
    SAY("features_request");
    bed_expect(bed, "{features_reply,nonode@nohost,[erpc]}");
    /* Nothing of this is anybody's, and rex goes on. */
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal(rt_send(bed->self, rex, parse(bed, odd[i])), AGNER_OK);
        assert_int_equal(gen_cast(bed->self, rex, parse(bed, odd[i])),
                         AGNER_OK);
        shows(ask(bed, parse(bed, odd[i])), "{badrpc,not_supported}");
    }
    SAY("nonsense");
    SAY("{call, t}");
    assert_int_equal(gen_cast(bed->self, rex, etf_nil()), AGNER_OK);
    assert_int_equal(
        gen_cast(bed->self, rex, parse(bed, "{cast, t, secret, [], user}")),
        AGNER_OK);
    assert_int_equal(rt_send(bed->self, rex,
                             parse(bed, "{{#Ref<0.1.2>, cast}, x, process, y, "
                                        "z}")),
                     AGNER_OK);
    shows(ask(bed, parse(bed, "{call, t, obey, [value, on], user}")), "on");
    bed_expect_nothing(bed);
}

#define EVERYWHERE(name) \
    static void name##_everywhere(void **state) \
    { \
        (void)state; \
        bed_everywhere(name, 5); \
    }
EVERYWHERE(each_class_has_its_answer)
EVERYWHERE(calls_have_the_callers_group_leader)
EVERYWHERE(calls_run_beside_each_other)
EVERYWHERE(messages_are_served)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_has_its_answer_everywhere),
        cmocka_unit_test(calls_have_the_callers_group_leader_everywhere),
        cmocka_unit_test(calls_run_beside_each_other_everywhere),
        cmocka_unit_test(messages_are_served_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

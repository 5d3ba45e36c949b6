/*
 * test_apps_rpc.c -- rpc and erpc between two nodes in a simulated world.
 *
 * Sources: spec/gen.md 1.14, 2.6; spec/distribution.md 12.
 */
#include "rpc_bed.h"

/* ---- TestRPC, D-37 ------------------------------------------------------ */

static etf_term rpc(struct world *w, const char *f, etf_term args,
                    enum agner_err expected)
{
    etf_term result = ETF_NONE;

    assert_int_equal(gen_rpc_call(w->at_a, etf_atom(B), etf_atom("testMod"),
                                  etf_atom(f), args, 5000, &result),
                     expected);
    return result;
}

static void conf_TestRPC_provides_calls_and_revokes(void **state)
{
    static const struct gen_rpc_function f[] = {
        { "testMod", "testFun", GEN_RPC_ANY_ARITY, rpc_last, NULL },
    };
    struct world w;
    etf_pid me, got;

    (void)state;
    rpc_begin(&w, 1);
    me = rt_self(w.at_a);
    assert_int_equal(gen_rpc_provide(node_rt(w.b), f, 1), AGNER_OK);
    assert_int_equal(gen_rpc_provide(node_rt(w.b), f, 1), AGNER_ETAKEN);
    rpc_shows(&w, rpc(&w, "testFun", etf_make(w.at_a, "[12345]"), AGNER_OK),
              "12345");
    assert_true(etf_get_pid(
        rpc(&w, "testFun", etf_make(w.at_a, "[1, {a, b}, _]", me), AGNER_OK),
        &got));
    assert_true(etf_pid_equal(got, me));
    assert_int_equal(
        gen_rpc_revoke(node_rt(w.b), "testMod", "testFun", GEN_RPC_ANY_ARITY),
        AGNER_OK);
    assert_int_equal(
        gen_rpc_revoke(node_rt(w.b), "testMod", "testFun", GEN_RPC_ANY_ARITY),
        AGNER_EUNKNOWN);
    rpc_shows(&w, rpc(&w, "testFun", etf_make(w.at_a, "[12345]"), AGNER_EEXIT),
              "{badrpc,{'EXIT',{undef,[{testMod,testFun,[12345],[]}]}}}");
    rpc_shows(&w, rpc(&w, "xxx", etf_make(w.at_a, "[12345]"), AGNER_EEXIT),
              "{badrpc,{'EXIT',{undef,[{testMod,xxx,[12345],[]}]}}}");
    (void)rpc_end(&w);
}

static void told(struct world *w, const char *node)
{
    etf_term message, by;
    etf_pid leader;

    assert_int_equal(rt_receive(w->at_a, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{told, _, _}", &by, &leader));
    assert_true(etf_atom_is(by, node));
    assert_true(etf_pid_equal(leader, rt_group_leader(w->at_a)));
}

static void D_37_a_cast_runs_there_with_the_callers_leader(void **state)
{
    struct world w;
    etf_term args, rex;

    (void)state;
    rpc_begin(&w, 1);
    args = etf_make(w.at_a, "[_]", rt_self(w.at_a));
    assert_int_equal(gen_rpc_cast(w.at_a, etf_atom(B), etf_atom("t"),
                                  etf_atom("tell"), args),
                     AGNER_OK);
    told(&w, B);
    /* As older nodes send it. */
    rex = etf_make(w.at_a, "{rex, _}", etf_atom(B));
    assert_int_equal(gen_cast(w.at_a, rex,
                              etf_make(w.at_a, "{cast, t, tell, _, _}", args,
                                       rt_group_leader(w.at_a))),
                     AGNER_OK);
    told(&w, B);
    assert_int_equal(gen_rpc_eval_everywhere(
                         w.at_a,
                         etf_make(w.at_a, "['" B "', '" NOBODY "', '" A "']"),
                         etf_atom("t"), etf_atom("tell"), args),
                     AGNER_OK);
    (void)sim_run(w.sim, 100);
    assert_int_equal(rt_receive(w.at_a, 0, &args), AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, 0, &args), AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &args), AGNER_ETIMEOUT);
    (void)rpc_end(&w);
}

static void only_its_friends_may_call_a_function(void **state)
{
    etf_term args, result = ETF_NONE;
    struct world w;

    (void)state;
    rpc_begin(&w, 1);
    args = etf_make(w.at_a, "[1]");
    assert_int_equal(gen_rpc_call(w.at_a, etf_atom(B), etf_atom("t"),
                                  etf_atom("friends"), args, 5000, &result),
                     AGNER_EEXIT);
    rpc_shows(&w, result, "{badrpc,{'EXIT',{not_allowed,[{t,friends,1,[]}]}}}");
    assert_int_equal(gen_rpc_block_call(w.at_a, etf_atom(B), etf_atom("t"),
                                        etf_atom("friends"), args, 5000,
                                        &result),
                     AGNER_EEXIT);
    assert_int_equal(gen_rpc_call(w.at_b, etf_atom(A), etf_atom("t"),
                                  etf_atom("friends"), etf_make(w.at_b, "[1]"),
                                  5000, &result),
                     AGNER_OK);
    rpc_shows(&w, result, "1");
    (void)rpc_end(&w);
}

static void what_is_no_call_is_refused(void **state)
{
    static const char *const bad[] = { "{1, f, []}", "{m, 2, []}", "{m, f, x}",
                                       "{m, f, [a | b]}" };
    struct gen_erpc_exception exception;
    etf_term t, m, f, args, result = ETF_NONE;
    struct world w;

    (void)state;
    rpc_begin(&w, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(etf_parse(rt_region(w.at_a), bad[i], strlen(bad[i]),
                                   &t, NULL, NULL),
                         AGNER_OK);
        assert_true(etf_match(t, "{_, _, _}", &m, &f, &args));
        assert_int_equal(gen_erpc_call(w.at_a, etf_atom(B), m, f, args, 5000,
                                       &result, &exception),
                         AGNER_EINVAL);
        rpc_shows(&w, exception.reason, "{erpc,badarg}");
        assert_int_equal(
            gen_rpc_call(w.at_a, etf_atom(B), m, f, args, 5000, &result),
            AGNER_EINVAL);
        assert_int_equal(
            gen_rpc_block_call(w.at_a, etf_atom(B), m, f, args, 5000, &result),
            AGNER_EINVAL);
        assert_int_equal(gen_erpc_cast(w.at_a, etf_atom(B), m, f, args),
                         AGNER_EINVAL);
        assert_int_equal(
            gen_erpc_multicall(w.at_a, etf_nil(), m, f, args, 5000, &result),
            AGNER_EINVAL);
    }
    assert_int_equal(gen_erpc_call(w.at_a, etf_nil(), ETF_A(call), ETF_A(call),
                                   etf_nil(), 5000, &result, &exception),
                     AGNER_EINVAL);
    assert_int_equal(gen_erpc_multicast(w.at_a, ETF_A(call), ETF_A(call),
                                        ETF_A(call), etf_nil()),
                     AGNER_EINVAL);
    /* A native value cannot be an argument. */
    args = etf_make(w.at_a, "[_]", etf_resource(rt_region(w.at_a), &w, NULL));
    assert_int_equal(gen_erpc_call(w.at_a, etf_atom(B), ETF_A(call),
                                   ETF_A(call), args, 5000, &result,
                                   &exception),
                     AGNER_EBADTERM);
    rpc_shows(&w, exception.reason, "{erpc,badarg}");
    assert_int_equal(rt_receive(w.at_a, 1000, &t), AGNER_ETIMEOUT);
    (void)rpc_end(&w);
}

/* A server looks for answers among its messages: each is known by one request
 * only, and once. */
static void an_answer_is_known_among_messages(void **state)
{
    struct gen_erpc_exception x = { GEN_RPC_VALUE, ETF_NONE };
    struct gen_erpc_request first, second, lost;
    etf_term message, args, result = ETF_NONE;
    struct world w;

    (void)state;
    rpc_begin(&w, 1);
    args = etf_make(w.at_a, "[value, 40]");
    assert_int_equal(gen_erpc_send_request(w.at_a, etf_atom(B), etf_atom("t"),
                                           etf_atom("go"), args, &first),
                     AGNER_OK);
    args = etf_make(w.at_a, "[throw, 1]");
    assert_int_equal(gen_erpc_send_request(w.at_a, etf_atom(B), etf_atom("t"),
                                           etf_atom("go"), args, &second),
                     AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &message), AGNER_OK);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &first, message, &result, &x),
        AGNER_EUNKNOWN);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &second, message, &result, &x),
        AGNER_EEXIT);
    assert_int_equal(x.kind, GEN_RPC_THROW);
    rpc_shows(&w, x.reason, "7");
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &message), AGNER_OK);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &second, message, &result, &x),
        AGNER_EUNKNOWN);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &first, message, &result, &x),
        AGNER_OK);
    rpc_shows(&w, result, "7");
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &first, ETF_A(ok), &result, &x),
        AGNER_EUNKNOWN);
    /* No connection is an answer too. */
    assert_int_equal(gen_rpc_async_call(w.at_a, etf_atom(NOBODY), etf_atom("t"),
                                        etf_atom("go"), args, &lost),
                     AGNER_OK);
    assert_int_equal(gen_rpc_nb_yield(w.at_a, &lost, WAIT_MS, &result),
                     AGNER_ENODEDOWN);
    rpc_shows(&w, result, "{badrpc,nodedown}");
    (void)rpc_end(&w);
}

/* ---- Answers of many ---------------------------------------------------- */

/* Answers {From, X} with {many, Node, X}; each second one not at all. */
static enum gen_next many_info(struct gen *self, etf_term message)
{
    etf_pid from;
    etf_term x;

    if (etf_match(message, "{_, _}", &from, &x) && !etf_same(x, ETF_A(no)))
        (void)rt_send_pid(
            self, from,
            etf_make(self, "{many, _, _}", rt_node(rt_of(self)).name, x));
    return GEN_NEXT;
}

static const struct gen_server many_server = { .name = "many",
                                               .handle_info = many_info };

static void names_on_many_nodes(void **state)
{
    struct rt_spawn_options options = { .name = etf_atom("many") };
    etf_term nodes, good = ETF_NONE, bad = ETF_NONE;
    struct world w;
    etf_pid pid;

    (void)state;
    rpc_begin(&w, 1);
    nodes = etf_make(w.at_a, "['" A "', '" B "', '" NOBODY "']");
    assert_int_equal(
        gen_start(w.at_b, &many_server, etf_nil(), &options, &pid, NULL),
        AGNER_OK);
    assert_int_equal(gen_rpc_multi_server_call(w.at_a, nodes, etf_atom("many"),
                                               ETF_A(yes), 5000, &good, &bad),
                     AGNER_OK);
    rpc_shows(&w, good, "[{'b@10.0.0.2',yes}]");
    rpc_shows(&w, bad, "['a@10.0.0.1','c@10.0.0.3']");
    assert_int_equal(gen_rpc_multi_server_call(w.at_a, nodes, etf_atom("many"),
                                               ETF_A(no), 100, &good, &bad),
                     AGNER_OK);
    rpc_shows(&w, good, "[]");
    rpc_shows(&w, bad, "['a@10.0.0.1','b@10.0.0.2','c@10.0.0.3']");
    assert_int_equal(gen_rpc_sbcast(w.at_a, nodes, etf_atom("many"), ETF_A(yes),
                                    5000, &good, &bad),
                     AGNER_OK);
    rpc_shows(&w, good, "['b@10.0.0.2']");
    assert_int_equal(etf_list_size(bad), 2);
    assert_int_equal(
        gen_rpc_sbcast(w.at_a, nodes, etf_nil(), ETF_A(yes), 5, &good, &bad),
        AGNER_OK);
    assert_int_equal(etf_list_size(bad), 3);
    assert_int_equal(gen_rpc_abcast(w.at_a, nodes, etf_nil(), ETF_A(yes)),
                     AGNER_EINVAL);
    assert_int_equal(rt_receive(w.at_a, 1000, &good), AGNER_ETIMEOUT);
    (void)rpc_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestRPC_provides_calls_and_revokes),
        cmocka_unit_test(D_37_a_cast_runs_there_with_the_callers_leader),
        cmocka_unit_test(only_its_friends_may_call_a_function),
        cmocka_unit_test(what_is_no_call_is_refused),
        cmocka_unit_test(an_answer_is_known_among_messages),
        cmocka_unit_test(names_on_many_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_saga.c -- the rules of sagas and their workers: spec/gen.md
 * 1.11, 1.12, 2.5, and the defects D-33 to D-36.
 *
 * In the simulated world, on one node: what two nodes see of each other is in
 * test_behaviors_saga_conformance.c.
 */
#include "troupe.h"

#include <stdio.h>

static struct bed bed;
static struct gen *self;

static int setup(void **state)
{
    struct rt_options options = { .log_level = RT_LOG_NONE };

    (void)state;
    troupe_refuses = NULL;
    troupe_store = NULL;
    bed_open_with(&bed, 7, options, NULL);
    self = bed.self;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bed_close(&bed);
    return 0;
}

static void quiet(void)
{
    (void)sim_run(bed.sim, 10);
}

/* A transaction that has begun, its reference. */
static etf_ref begin(etf_pid saga, int commit, uint64_t lifespan_ms)
{
    etf_ref tx = troupe_ref(self, saga, "{open, value, 0, _, _, false}",
                            lifespan_ms, commit);

    quiet();
    return tx;
}

/* Passes it on; the reference of the next. */
static etf_ref pass(etf_pid from, etf_ref tx, etf_pid to)
{
    etf_ref next = troupe_ref(self, from, "{next, _, _, part}", tx, to);

    quiet();
    return next;
}

static void expect_cancel(const char *name, etf_ref tx, const char *reason)
{
    etf_term m = troupe_hear(self, name, "cancel"), why;
    char text[200];
    etf_ref of;

    assert_true(etf_match(m, "{__, cancel, _, _}", &of, &why));
    assert_true(etf_ref_equal(of, tx));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
    assert_true(troupe_silent(self, name, "cancel"));
}

/* How many transactions it has. */
static uint64_t in_flight(etf_pid saga)
{
    uint64_t count = 99;
    etf_term map;

    assert_int_equal(
        gen_saga_list(self, etf_from_pid(NULL, saga), WAIT_MS, &map), AGNER_OK);
    assert_true(etf_match(map, "#{in_flight => _}", &count));
    return count;
}

/* ---- Starting --------------------------------------------------------------
 */

static enum gen_next new_only(struct gen *me, struct gen_saga_tx tx,
                              etf_term value)
{
    (void)me;
    (void)tx;
    (void)value;
    return GEN_NEXT;
}

/* 1.11: three callbacks are mandatory. */
static void refuses_a_saga_without_its_callbacks(void **state)
{
    struct gen_saga half = { .name = "half", .handle_tx_new = new_only };
    etf_pid pid;

    (void)state;
    assert_int_equal(gen_saga_start(self, &half, etf_nil(), NULL, &pid, NULL),
                     AGNER_EINVAL);
    assert_int_equal(gen_saga_begin(self, NULL, etf_nil(), NULL), AGNER_EINVAL);
}

/* ---- Results ---------------------------------------------------------------
 */

/* 1.11: handle_tx_new runs later on the same saga; the creator's own result
 * goes to handle_tx_done, and then it is over. */
static void a_transaction_begins_and_ends_at_its_creator(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)troupe_hear(self, "a", "new");
    assert_int_equal(in_flight(a), 1);
    assert_int_equal(troupe_err(self, a, "{result, _, 5}", tx), AGNER_OK);
    (void)troupe_hear(self, "a", "done");
    assert_int_equal(in_flight(a), 0);
    assert_int_equal(troupe_err(self, a, "{result, _, 5}", tx),
                     AGNER_ETXUNKNOWN);
}

/* What cannot be meant is refused before it begins. */
static void refuses_options_that_make_no_sense(void **state)
{
    etf_pid a = troupe_start(self, "a", false);

    (void)state;
    assert_int_equal(troupe_err(self, a, "{open, v, 0, 0, 3, false}"),
                     AGNER_EINVAL); /* no such commit, */
    assert_int_equal(troupe_err(self, a, "{open, v, 0, 0, -1, false}"),
                     AGNER_EINVAL); /* nor this one */
    assert_int_equal(troupe_err(self, a, "{open, v, 0, 0, 0, true}"),
                     AGNER_EINVAL); /* acknowledges what? */
    assert_int_equal(
        troupe_err(self, a, "{open, v, 0, _, 0, false}", UINT64_MAX),
        AGNER_EINVAL);
    assert_int_equal(in_flight(a), 0);
}

/* 1.11: only when all have delivered; once; and without commit it is over for a
 * participant, whose parent's monitor and timer are gone with it. */
static void a_result_waits_for_all_and_is_sent_once(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)pass(a, tx, b);
    assert_int_equal(troupe_err(self, a, "{result, _, 1}", tx),
                     AGNER_ETXINPROGRESS);
    assert_int_equal(troupe_err(self, b, "{result, _, 2}", tx), AGNER_OK);
    (void)troupe_hear(self, "a", "result");
    assert_int_equal(in_flight(b), 0);
    assert_int_equal(troupe_err(self, a, "{result, _, 1}", tx), AGNER_OK);
    (void)troupe_hear(self, "a", "done");
    (void)sim_run(bed.sim, 70000); /* no timer comes late */
    assert_true(troupe_silent(self, "b", "cancel"));
    assert_int_equal(
        gen_server_stop(self, etf_from_pid(NULL, a), ETF_A(normal), WAIT_MS),
        AGNER_OK);
    quiet();
    assert_true(troupe_silent(self, "b", "cancel"));
    assert_true(troupe_silent(self, "b", "info"));
}

/* 1.11, D-35: progress goes to the parent, any number of times; the creator has
 * none, and its transaction lives. */
static void D_35_an_interim_result_cancels_nothing(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)pass(a, tx, b);
    assert_int_equal(troupe_err(self, b, "{interim, _, 1}", tx), AGNER_OK);
    assert_int_equal(troupe_err(self, b, "{interim, _, 2}", tx), AGNER_OK);
    (void)troupe_hear(self, "a", "interim");
    (void)troupe_hear(self, "a", "interim");
    assert_int_equal(troupe_err(self, a, "{interim, _, 3}", tx),
                     AGNER_ENOTALLOWED);
    quiet();
    assert_true(troupe_silent(self, "a", "cancel"));
    assert_int_equal(in_flight(a), 1);
}

/* ---- Limits ----------------------------------------------------------------
 */

/* D-33: the limit counts sagas behind each other, not those beside. */
static void D_33_the_hop_limit_counts_hops(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false),
            c = troupe_start(self, "c", false),
            d = troupe_start(self, "d", false);
    etf_ref tx = troupe_ref(self, a, "{open, v, 2, 0, 0, false}");

    (void)state;
    quiet();
    (void)pass(a, tx, b);
    (void)pass(a, tx, c); /* beside b */
    (void)pass(b, tx, d); /* the second hop */
    assert_int_equal(troupe_err(self, d, "{next, _, nobody, v}", tx),
                     AGNER_EHOPLIMIT);
    assert_int_equal(in_flight(d), 1);
}

/* D-34: both are kept on the creator and on others, small values too. */
static void D_34_hop_limit_and_lifespan_hold_everywhere(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    etf_ref tx = troupe_ref(self, a, "{open, v, 1, 3000, 0, false}");

    (void)state;
    quiet();
    (void)pass(a, tx, b);
    assert_int_equal(troupe_err(self, b, "{next, _, nobody, v}", tx),
                     AGNER_EHOPLIMIT);
    (void)sim_run(bed.sim, 2900);
    assert_true(troupe_silent(self, "a", "cancel"));
    assert_true(troupe_silent(self, "b", "cancel"));
    (void)sim_run(bed.sim, 200);
    expect_cancel("a", tx, "lifespan");
    expect_cancel("b", tx, "lifespan");
}

/* 1.11: a time-out must fit into what is left; with less than a second left the
 * transaction is cancelled. */
static void a_time_out_fits_into_the_lifespan(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 5000);

    (void)state;
    assert_int_equal(troupe_err(self, a, "{next, _, _, v, 6000, false}", tx, b),
                     AGNER_ELIFESPAN);
    assert_int_equal(troupe_err(self, a, "{job, _, nothing, 6000}", tx),
                     AGNER_ELIFESPAN);
    assert_int_equal(in_flight(a), 1);
    (void)sim_run(bed.sim, 4500);
    assert_int_equal(troupe_err(self, a, "{next, _, _, v}", tx, b),
                     AGNER_ELIFESPAN);
    expect_cancel("a", tx, "'exceeded lifespan'");
}

/* 1.11: above the maximum a transaction is refused, at run time too. */
static void more_transactions_than_allowed_are_refused(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    etf_ref first, second, third;

    (void)state;
    assert_int_equal(gen_saga_max(self, etf_from_pid(NULL, b), 1, WAIT_MS),
                     AGNER_OK);
    first = begin(a, GEN_SAGA_NO_COMMIT, 0);
    second = begin(a, GEN_SAGA_NO_COMMIT, 0);
    (void)pass(a, first, b);
    (void)pass(a, second, b);
    expect_cancel("a", second, "exceed_tx_limit");
    assert_int_equal(troupe_err(self, a, "{max, 1}"), AGNER_OK);
    third = begin(a, GEN_SAGA_NO_COMMIT, 0);
    expect_cancel("a", third, "exceed_tx_limit");
    assert_int_equal(in_flight(a), 1);
    assert_int_equal(
        gen_server_stop(self, etf_from_pid(NULL, b), ETF_A(normal), WAIT_MS),
        AGNER_OK);
    assert_int_equal(gen_saga_max(self, etf_from_pid(NULL, b), 1, WAIT_MS),
                     AGNER_ETERMINATED);
}

/* ---- Cancels ---------------------------------------------------------------
 */

/* 1.11: from anywhere on the path, both ways, with the same reason. */
static void a_cancel_reaches_all(void **state)
{
    const char *names[3] = { "a", "b", "c" };
    etf_pid saga[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        saga[i] = troupe_start(self, names[i], false);
    for (int from = 0; from < 3; from++) {
        etf_ref tx = begin(saga[0], GEN_SAGA_NO_COMMIT, 0);

        (void)pass(saga[0], tx, saga[1]);
        (void)pass(saga[1], tx, saga[2]);
        assert_int_equal(
            troupe_err(self, saga[from], "{cancel, _, {why, 1}}", tx),
            AGNER_OK);
        for (int i = 0; i < 3; i++) {
            expect_cancel(names[i], tx, "{why,1}");
            assert_int_equal(in_flight(saga[i]), 0);
        }
        assert_int_equal(troupe_err(self, saga[from], "{cancel, _, x}", tx),
                         AGNER_ETXUNKNOWN);
    }
}

static etf_ref trap(etf_pid from, etf_ref tx, etf_pid to, uint64_t ms)
{
    etf_ref next =
        troupe_ref(self, from, "{next, _, _, part, _, true}", tx, to, ms);

    quiet();
    return next;
}

static void expect_trapped(const char *name, etf_ref tx, etf_ref next,
                           const char *reason)
{
    etf_term m = troupe_hear(self, name, "info"), info;
    struct gen_saga_notice n;
    char text[200];

    assert_true(etf_match(m, "{__, info, _}", &info));
    assert_true(gen_saga_is_cancel(info, &n));
    assert_true(etf_ref_equal(n.tx.ref, tx));
    assert_true(etf_ref_equal(n.next.ref, next));
    assert_string_equal(etf_format(text, sizeof text, n.reason), reason);
}

/* 1.11: a cancel of a next, its time-out and its end, trapped: the transaction
 * lives, and may be passed on again. */
static void a_trapped_cancel_leaves_the_transaction_alive(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false),
            c = troupe_start(self, "c", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0), next;
    char text[100], expected[140];

    (void)state;
    next = trap(a, tx, b, 0);
    (void)troupe_err(self, b, "{cancel, _, no}", tx);
    expect_trapped("a", tx, next, "no");
    expect_cancel("b", tx, "no");
    next = trap(a, tx, b, 2000);
    (void)sim_run(bed.sim, 2100);
    expect_trapped("a", tx, next, "lifespan");
    expect_cancel("b", tx, "lifespan");
    next = trap(a, tx, c, 0);
    etf_format(text, sizeof text, etf_from_pid(NULL, c));
    (void)rt_exit_signal(self, c, ETF_A(kill));
    (void)snprintf(expected, sizeof expected, "{next_down,%s,killed}", text);
    expect_trapped("a", tx, next, expected);
    (void)pass(a, tx, b);
    assert_int_equal(in_flight(b), 1);
    assert_true(troupe_silent(self, "a", "cancel"));
}

/* 1.11: not trapped, each of them cancels. */
static void an_untrapped_end_cancels(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    char text[100], expected[140];
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)troupe_ref(self, a, "{next, _, _, v, 2000, false}", tx, b);
    (void)sim_run(bed.sim, 2100);
    expect_cancel("a", tx, "lifespan");
    expect_cancel("b", tx, "lifespan");
    tx = begin(a, GEN_SAGA_NO_COMMIT, 0);
    (void)pass(a, tx, b);
    (void)rt_exit_signal(self, b, ETF_A(kill));
    etf_format(text, sizeof text, etf_from_pid(NULL, b));
    (void)snprintf(expected, sizeof expected, "{next_down,%s,killed}", text);
    expect_cancel("a", tx, expected);
    tx = begin(a, GEN_SAGA_NO_COMMIT, 0);
    (void)troupe_ref(self, a, "{next, _, nobody, v}", tx);
    (void)troupe_hear(self, "a", "cancel"); /* {next_down, ..., noproc} */
    assert_int_equal(in_flight(a), 0);
}

/* 1.11: the end of the parent cancels, and cannot be trapped. */
static void the_end_of_the_parent_cancels(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    char text[100], expected[140];
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)trap(a, tx, b, 0);
    (void)rt_exit_signal(self, a, ETF_A(kill));
    etf_format(text, sizeof text, etf_from_pid(NULL, a));
    (void)snprintf(expected, sizeof expected, "{parent_down,%s,killed}", text);
    expect_cancel("b", tx, expected);
}

/* 1.11: a transaction visits a saga once at a time. */
static void a_loop_is_detected(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)pass(a, tx, b);
    (void)pass(b, tx, a);
    expect_cancel("a", tx, "loop_detected");
    expect_cancel("b", tx, "loop_detected");
    tx = begin(a, GEN_SAGA_NO_COMMIT, 0);
    (void)pass(a, tx, a); /* itself */
    expect_cancel("a", tx, "loop_detected");
}

/* ---- Jobs ------------------------------------------------------------------
 */

static etf_pid worker_of(etf_term told)
{
    etf_pid pid = { .id = 0 };

    (void)etf_match(told, "{worker, _, __, __}", &pid);
    return pid;
}

/* 1.12: progress, then the result, once; without commit the worker ends. */
static void a_job_delivers_and_its_worker_ends(void **state)
{
    etf_pid a = troupe_start(self, "a", false), w;
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)troupe_ref(self, a, "{job, _, {interim, 1}, 0}", tx);
    w = worker_of(troupe_hear(self, "worker", "start"));
    (void)troupe_hear(self, "a", "job");
    assert_int_equal(troupe_err(self, a, "{result, _, 1}", tx),
                     AGNER_ETXINPROGRESS);
    (void)rt_send_pid(self, w, etf_make(self, "{result, 2}"));
    assert_true(etf_match(troupe_hear(self, "a", "job"),
                          "{a, job, result, __, __, 2}"));
    assert_true(etf_match(troupe_hear(self, "worker", "end"),
                          "{worker, __, 'end', normal}"));
    assert_int_equal(troupe_err(self, a, "{result, _, 1}", tx), AGNER_OK);
    (void)troupe_hear(self, "a", "done");
    assert_true(troupe_silent(self, "a", "job"));
}

/* 1.12: an end without a result is a failure; one after it is nothing. */
static void a_worker_that_ends_early_has_failed(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)troupe_ref(self, a, "{job, _, {stop, normal}, 0}", tx);
    assert_true(etf_match(troupe_hear(self, "a", "job"),
                          "{a, job, failed, __, __, 'no result'}"));
    (void)troupe_ref(self, a, "{job, _, {stop, {bad, 1}}, 0}", tx);
    assert_true(etf_match(troupe_hear(self, "a", "job"),
                          "{a, job, failed, __, __, {bad, 1}}"));
    assert_int_equal(troupe_err(self, a, "{result, _, 1}", tx), AGNER_OK);
}

/* 1.12: a job that is late has failed, is told so, and is killed 5 s later. */
static void a_late_job_is_told_and_then_killed(void **state)
{
    etf_pid a = troupe_start(self, "a", false), w;
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)troupe_ref(self, a, "{job, _, wait, 1000}", tx);
    (void)troupe_hear(self, "worker", "start");
    (void)sim_run(bed.sim, 1100);
    assert_true(etf_match(troupe_hear(self, "a", "job"),
                          "{a, job, failed, __, __, lifespan}"));
    (void)troupe_hear(self, "worker", "cancel");
    (void)troupe_hear(self, "worker", "end");
    (void)troupe_ref(self, a, "{job, _, {sleep, 60000}, 1000}", tx);
    w = worker_of(troupe_hear(self, "worker", "start"));
    (void)sim_run(bed.sim, 5900);
    assert_true(rt_is_alive(bed.rt, w));
    (void)sim_run(bed.sim, 200);
    assert_false(rt_is_alive(bed.rt, w));
}

/* D-36: the worker hears of it, and the saga no more of the job. */
static void D_36_cancel_job_cancels_it(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0), job;

    (void)state;
    job = troupe_ref(self, a, "{job, _, wait, 0}", tx);
    (void)troupe_hear(self, "worker", "start");
    assert_int_equal(troupe_err(self, a, "{cancel_job, _, _, enough}", tx, job),
                     AGNER_OK);
    assert_true(etf_match(troupe_hear(self, "worker", "cancel"),
                          "{worker, __, cancel, {enough, __, __}}"));
    (void)troupe_hear(self, "worker", "end");
    assert_true(troupe_silent(self, "a", "job"));
    assert_int_equal(troupe_err(self, a, "{cancel_job, _, _, enough}", tx, job),
                     AGNER_EJOBUNKNOWN);
    assert_int_equal(troupe_err(self, a, "{result, _, 1}", tx), AGNER_OK);
}

/* 1.12: the worker is linked to its saga. */
static void a_worker_ends_with_its_saga(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);

    (void)state;
    (void)troupe_ref(self, a, "{job, _, wait, 0}", tx);
    (void)troupe_hear(self, "worker", "start");
    assert_int_equal(
        gen_server_stop(self, etf_from_pid(NULL, a), ETF_A(normal), WAIT_MS),
        AGNER_OK);
    (void)troupe_hear(self, "worker", "cancel");
    (void)troupe_hear(self, "worker", "end");
}

/* ---- The notice of a commit -------------------------------------------------
 */

/* 1.11: all keep it until the creator is done, then are told, but the creator.
 */
static void a_notice_reaches_sagas_and_workers(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false), w;
    etf_ref tx = begin(a, GEN_SAGA_NOTIFY, 0);

    (void)state;
    (void)pass(a, tx, b);
    (void)troupe_ref(self, b, "{job, _, {result, 7}, 0}", tx);
    w = worker_of(troupe_hear(self, "worker", "start"));
    (void)troupe_hear(self, "b", "job");
    (void)rt_send_pid(self, w, etf_make(self, "{result, 8}"));
    (void)troupe_hear(self, "worker", "did");
    assert_true(etf_match(troupe_hear(self, "worker", "did"),
                          "{worker, __, did, -59}")); /* AGNER_ERESULTSENT */
    assert_int_equal(troupe_err(self, b, "{result, _, 1}", tx), AGNER_OK);
    assert_int_equal(troupe_err(self, b, "{result, _, 1}", tx),
                     AGNER_ERESULTSENT);
    assert_int_equal(in_flight(b), 1);
    assert_int_equal(troupe_err(self, a, "{result, _, 2}", tx), AGNER_OK);
    assert_true(etf_match(troupe_hear(self, "b", "commit"),
                          "{b, commit, __, {final, 2}}"));
    assert_true(etf_match(troupe_hear(self, "worker", "commit"),
                          "{worker, __, commit, {final, 2}}"));
    (void)troupe_hear(self, "worker", "end");
    assert_true(troupe_silent(self, "a", "commit"));
    assert_int_equal(in_flight(a) + in_flight(b), 0);
}

/* 1.11, the extension: nexts acknowledge, and the creator gets a summary. */
static void a_notice_may_be_acknowledged(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false),
            c = troupe_start(self, "c", false);
    etf_ref tx = troupe_ref(self, a, "{open, v, 0, 5000, 1, true}"), at_b, at_c,
            of, acked, missing;
    etf_term info;

    (void)state;
    quiet();
    at_b = pass(a, tx, b);
    at_c = pass(a, tx, c);
    (void)troupe_err(self, b, "{result, _, 1}", tx);
    (void)troupe_err(self, c, "{result, _, 1}", tx);
    quiet();
    assert_int_equal(gen_sys_suspend(self, etf_from_pid(NULL, c), WAIT_MS),
                     AGNER_OK);
    (void)troupe_err(self, a, "{result, _, 2}", tx);
    (void)troupe_hear(self, "b", "commit");
    quiet();
    assert_int_equal(in_flight(a), 1);
    assert_int_equal(troupe_err(self, a, "{cancel, _, late}", tx),
                     AGNER_ENOTALLOWED);
    (void)sim_run(bed.sim, 5000);
    assert_true(
        etf_match(troupe_hear(self, "a", "info"), "{a, info, _}", &info));
    assert_true(
        etf_match(info, "{saga_acks, _, [_], [_]}", &of, &acked, &missing));
    assert_true(etf_ref_equal(acked, at_b) && etf_ref_equal(missing, at_c));
    assert_int_equal(in_flight(a), 0);
}

/* ---- A vote ----------------------------------------------------------------
 */

static etf_ref vote(etf_pid a, etf_pid b)
{
    etf_ref tx = begin(a, GEN_SAGA_VOTE, 0);

    (void)pass(a, tx, b);
    (void)troupe_ref(self, b, "{job, _, {result, 7}, 0}", tx);
    (void)troupe_hear(self, "b", "job");
    assert_int_equal(troupe_err(self, b, "{result, _, 1}", tx), AGNER_OK);
    assert_int_equal(troupe_err(self, a, "{result, _, 2}", tx), AGNER_OK);
    return tx;
}

/* Prepare, vote, commit, acknowledge: the creator hears it too. */
static void a_vote_commits_when_all_say_yes(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);

    (void)state;
    (void)vote(a, b);
    (void)troupe_hear(self, "a", "prepare");
    (void)troupe_hear(self, "b", "prepare");
    (void)troupe_hear(self, "worker", "prepare");
    (void)troupe_hear(self, "a", "commit");
    (void)troupe_hear(self, "b", "commit");
    (void)troupe_hear(self, "worker", "commit");
    (void)troupe_hear(self, "worker", "end");
    quiet();
    assert_int_equal(in_flight(a) + in_flight(b), 0);
}

/* One no, of whomever, is an abort for all. */
static void a_vote_aborts_when_one_says_no(void **state)
{
    const char *refuses[] = { "a", "b", "worker" };
    const char *why[] = { "saga_says_no", "saga_says_no", "worker_says_no" };
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false);

    (void)state;
    for (int i = 0; i < 3; i++) {
        etf_ref tx;

        troupe_refuses = refuses[i];
        tx = vote(a, b);
        expect_cancel("a", tx, why[i]);
        expect_cancel("b", tx, why[i]);
        (void)troupe_hear(self, "worker", "cancel");
        assert_true(troupe_silent(self, "a", "commit"));
        assert_true(troupe_silent(self, "b", "commit"));
        assert_int_equal(in_flight(a) + in_flight(b), 0);
    }
}

/* Without a store: a prepared one whose creator is killed decides nothing; it
 * says that it is in doubt, and a person ends it. */
static void a_prepared_one_never_decides_alone(void **state)
{
    etf_pid a = troupe_start(self, "a", false),
            b = troupe_start(self, "b", false),
            c = troupe_start(self, "c", false);
    etf_ref tx = begin(a, GEN_SAGA_VOTE, 0);
    struct gen_saga_tx id = { tx };
    struct gen_saga_notice n;
    etf_term info;

    (void)state;
    (void)pass(a, tx, b);
    (void)pass(a, tx, c);
    (void)troupe_err(self, b, "{result, _, 1}", tx);
    (void)troupe_err(self, c, "{result, _, 1}", tx);
    quiet();
    assert_int_equal(gen_sys_suspend(self, etf_from_pid(NULL, c), WAIT_MS),
                     AGNER_OK);
    (void)troupe_err(self, a, "{result, _, 2}", tx);
    (void)troupe_hear(self, "b", "prepare");
    quiet();
    assert_int_equal(troupe_err(self, b, "{cancel, _, x}", tx),
                     AGNER_ENOTALLOWED);
    assert_int_equal(
        gen_saga_abort(self, etf_from_pid(NULL, b), id, ETF_A(stop), WAIT_MS),
        AGNER_ENOTALLOWED);
    (void)rt_exit_signal(self, a, ETF_A(kill));
    (void)sim_run(bed.sim, 100000);
    assert_true(troupe_silent(self, "b", "cancel"));
    assert_true(
        etf_match(troupe_hear(self, "b", "info"), "{b, info, _}", &info));
    assert_true(gen_saga_is_error(info, &n));
    assert_true(etf_atom_is(n.reason, "in_doubt"));
    assert_int_equal(
        gen_saga_abort(self, etf_from_pid(NULL, b), id, ETF_A(stop), WAIT_MS),
        AGNER_OK);
    expect_cancel("b", tx, "stop");
}

/* ---- A vote with a store ----------------------------------------------------
 */

static void open_store(void)
{
    assert_int_equal(gen_store_memory(bed.rt, &troupe_store), AGNER_OK);
}

static void close_store(void)
{
    gen_store_free(troupe_store);
    troupe_store = NULL;
}

static bool store_is_empty(void)
{
    struct gen_store_row rows[4];
    etf_bytes none = { NULL, 0 };
    size_t count = 1;

    assert_int_equal(gen_store_scan(self, troupe_store, none, none, 4,
                                    rt_region(self), rows, &count, NULL),
                     AGNER_OK);
    return count == 0;
}

static void kill_saga(etf_pid pid)
{
    (void)rt_exit_signal(self, pid, ETF_A(kill));
    assert_int_equal(rt_wait(self, pid, WAIT_MS), AGNER_OK);
}

/* b has prepared and c has not voted; *b_pid, *c_pid. */
static etf_ref half_prepared(etf_pid *a, etf_pid *b, etf_pid *c)
{
    etf_ref tx;

    *a = troupe_start(self, "a", true);
    *b = troupe_start(self, "b", true);
    *c = troupe_start(self, "c", true);
    tx = begin(*a, GEN_SAGA_VOTE, 0);
    (void)pass(*a, tx, *b);
    (void)pass(*a, tx, *c);
    (void)troupe_err(self, *b, "{result, _, 1}", tx);
    (void)troupe_err(self, *c, "{result, _, 1}", tx);
    quiet();
    assert_int_equal(gen_sys_suspend(self, etf_from_pid(NULL, *c), WAIT_MS),
                     AGNER_OK);
    (void)troupe_err(self, *a, "{result, _, 2}", tx);
    (void)troupe_hear(self, "b", "prepare");
    quiet();
    return tx;
}

/* Presumed abort: a creator that was killed before it decided has not. */
static void a_creator_that_comes_back_undecided_aborts(void **state)
{
    etf_pid a, b, c;
    etf_ref tx;

    (void)state;
    open_store();
    tx = half_prepared(&a, &b, &c);
    kill_saga(a);
    (void)sim_run(bed.sim, 20000);
    assert_true(troupe_silent(self, "b", "cancel"));
    a = troupe_start(self, "a", true);
    (void)sim_run(bed.sim, 20000);
    expect_cancel("b", tx, "aborted");
    expect_cancel("a", tx, "aborted"); /* it had prepared itself */
    kill_saga(c);
    kill_saga(b);
    kill_saga(a);
    assert_true(store_is_empty());
    close_store();
}

/* The decision is kept until all have acknowledged, and told to who comes back.
 */
static void a_decision_survives_all_who_took_part(void **state)
{
    etf_pid a, b, c;

    (void)state;
    open_store();
    (void)half_prepared(&a, &b, &c);
    kill_saga(b); /* it has voted; its place is taken by its next life */
    assert_int_equal(gen_sys_resume(self, etf_from_pid(NULL, c), WAIT_MS),
                     AGNER_OK);
    (void)troupe_hear(self, "a", "cancel"); /* it was seen to end */
    b = troupe_start(self, "b", true);
    (void)troupe_hear(self, "b", "cancel");
    kill_saga(c);

    c = troupe_start(self, "c", true);
    (void)troupe_hear(self, "c", "cancel");
    quiet();
    assert_true(store_is_empty());
    kill_saga(a);
    kill_saga(b);
    kill_saga(c);
    close_store();
}

/* Both are killed when the decision is on its way: each commits in its next
 * life, and what was kept is gone in the end. */
static void a_commit_is_known_after_a_crash(void **state)
{
    etf_pid a, b, c;
    etf_ref tx;

    (void)state;
    open_store();
    tx = half_prepared(&a, &b, &c);
    assert_int_equal(gen_sys_suspend(self, etf_from_pid(NULL, b), WAIT_MS),
                     AGNER_OK);
    assert_int_equal(gen_sys_resume(self, etf_from_pid(NULL, c), WAIT_MS),
                     AGNER_OK);
    (void)troupe_hear(self, "a", "commit");
    (void)troupe_hear(self, "c", "commit");
    quiet();
    assert_int_equal(in_flight(a), 1); /* b has not acknowledged */
    assert_int_equal(troupe_err(self, a, "{cancel, _, late}", tx),
                     AGNER_ENOTALLOWED);
    kill_saga(a);
    kill_saga(b);
    assert_false(store_is_empty());
    b = troupe_start(self, "b", true);
    (void)sim_run(bed.sim, 20000);
    assert_true(troupe_silent(self, "b", "commit"));
    a = troupe_start(self, "a", true);
    (void)sim_run(bed.sim, 20000);
    assert_true(etf_match(troupe_hear(self, "b", "commit"),
                          "{b, commit, __, {final, 2}}"));
    (void)troupe_hear(self, "a", "commit"); /* once more */
    assert_int_equal(in_flight(a) + in_flight(b) + in_flight(c), 0);
    assert_true(store_is_empty());
    kill_saga(a);
    kill_saga(b);
    kill_saga(c);
    close_store();
}

/* ---- The wire --------------------------------------------------------------
 */

/* 2.5: keys are written as atoms; the creator's origin and the next timer's pid
 * are empty. */
static void writes_what_the_reference_reads(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NOTIFY, 10000), next, of, origin;
    etf_term m, map;
    etf_pid from;
    uint64_t hops, seconds;
    bool commit;

    (void)state;
    next = troupe_ref(self, a, "{next, _, _, {v, 1}}", tx, rt_self(self));
    while (rt_receive(self, WAIT_MS, &m) == AGNER_OK &&
           !etf_match(m, "{'$saga_next', _, {_, _, {v, 1}, [], _}}", &from, &of,
                      &origin, &map))
        ;
    assert_true(etf_pid_equal(from, a));
    assert_true(etf_ref_equal(of, tx) && etf_ref_equal(origin, next));
    assert_true(etf_match(
        map, "#{'HopLimit' => _, 'Lifespan' => _, 'TwoPhaseCommit' => _}",
        &hops, &seconds, &commit));
    assert_int_equal(hops, 65535);
    assert_int_equal(seconds, 10);
    assert_true(commit);
}

/* 2.5: keys are read as atoms, binaries and lists of characters. */
static void reads_what_the_reference_writes(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    const char *keys[] = { "#{\"Lifespan\" => 3, \"HopLimit\" => 1}",
                           "#{<<\"Lifespan\">> => 3, <<\"HopLimit\">> => 1}",
                           "#{'Lifespan' => 3, 'HopLimit' => 1}" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        etf_ref tx = rt_make_ref(self), next = rt_make_ref(self), of, origin;
        etf_term map, m, reason;

        assert_int_equal(etf_parse(rt_region(self), keys[i], strlen(keys[i]),
                                   &map, NULL, NULL),
                         AGNER_OK);
        (void)rt_send_pid(self, a,
                          etf_make(self, "{'$saga_next', _, {_, _, v, [], _}}",
                                   rt_self(self), tx, next, map));
        (void)troupe_hear(self, "a", "new");
        (void)troupe_ref(self, a, "{job, _, wait, 0}", tx);
        assert_int_equal(troupe_err(self, a, "{next, _, b, v}", tx),
                         AGNER_EHOPLIMIT);
        (void)rt_send_pid(self, a,
                          etf_make(self, "{'$saga_cancel', _, {_, _, \"no\"}}",
                                   rt_self(self), tx, next));
        expect_cancel("a", tx, "\"no\"");
        (void)rt_send_pid(self, a,
                          etf_make(self, "{'$saga_next', _, {_, _, v, [], _}}",
                                   rt_self(self), tx, next, map));
        (void)troupe_hear(self, "a", "new");
        (void)sim_run(bed.sim, 3100);
        expect_cancel("a", tx, "lifespan");
        (void)rt_send_pid(self, a,
                          etf_make(self, "{'$saga_interim', _, {_, _, v}}",
                                   rt_self(self), tx, next));
        while (rt_receive(self, WAIT_MS, &m) == AGNER_OK &&
               !etf_match(m, "{'$saga_cancel', __, {_, _, _}}", &of, &origin,
                          &reason))
            ;
        assert_true(etf_atom_is(reason, "unknown or canceled tx"));
    }
}

/* What is malformed is the user's message; what fits nothing is nothing. */
static void survives_any_message(void **state)
{
    const char *texts[] = {
        "{'$saga_next', x, {}}",
        "{'$saga_next', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>, v, x, []}}",
        "{'$saga_result', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>, v}}",
        "{'$saga_cancel', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>, v}}",
        "{'$saga_commit', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>, v, vote}}",
        "{'$saga_prepare', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>, v, w}}",
        "{'$saga_vote', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>, maybe}}",
        "{'$saga_ack', <0.1.0>, {#Ref<0.1.2.3>, #Ref<0.1.2.4>}}",
        "{'$saga_outcome', <0.1.0>, #Ref<0.1.2.3>}",
        "{'$saga_decided', <0.1.0>, {#Ref<0.1.2.3>, maybe}}",
        "{'$saga_timer', <0.1.0>, x}",
        "{'$saga_job', <0.1.0>, {result, #Ref<0.1.2.3>, v}}",
        "{'$saga_job', x, y}",
    };
    etf_pid a = troupe_start(self, "a", false);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        etf_term term;

        assert_int_equal(etf_parse(rt_region(self), texts[i], strlen(texts[i]),
                                   &term, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(rt_send_pid(self, a, term), AGNER_OK);
    }
    quiet();
    assert_true(rt_is_alive(bed.rt, a));
    assert_int_equal(in_flight(a), 0);
    assert_true(troupe_silent(self, "a", "new"));
}

/* ---- Looking, and a person -------------------------------------------------
 */

/* Figures are there while the saga hangs. */
static void shows_itself_while_it_hangs(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);
    struct gen_saga_tx id = { tx };
    char text[GEN_SAGA_TEXT_SIZE], seen[GEN_SAGA_TEXT_SIZE];
    etf_term list, shown;
    uint64_t jobs, in;

    (void)state;
    (void)troupe_ref(self, a, "{job, _, wait, 0}", tx);
    assert_int_equal(gen_sys_suspend(self, etf_from_pid(NULL, a), WAIT_MS),
                     AGNER_OK);
    list = rt_figures_list(bed.rt, rt_region(self), "saga");
    assert_true(etf_match(list,
                          "[{_, #{type => transactions, in_flight => _, "
                          "tx_max => infinity, list => [#{id => _, state => "
                          "running, jobs => _, nexts => 0}]}}]",
                          &a, &in, &shown, &jobs));
    assert_int_equal(in, 1);
    assert_int_equal(jobs, 1);
    assert_true(etf_get_text(shown, seen, sizeof seen));
    assert_string_equal(seen, gen_saga_tx_text(id, text));
}

/* figures.md: abort and retry by a call, by the text that is shown. */
static void a_person_aborts_by_what_is_shown(void **state)
{
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(a, GEN_SAGA_NO_COMMIT, 0);
    struct gen_saga_tx id = { tx };
    char text[GEN_SAGA_TEXT_SIZE];

    (void)state;
    gen_saga_tx_text(id, text);
    assert_true(etf_match(troupe_order(self, a, "{'$saga', retry, _}", text),
                          "{error, running}"));
    assert_true(etf_match(
        troupe_order(self, a, "{'$saga', abort, _, enough}", text), "ok"));
    expect_cancel("a", tx, "enough");
    assert_true(
        etf_match(troupe_order(self, a, "{'$saga', abort, _, enough}", text),
                  "{error, unknown}"));
    assert_int_equal(
        gen_saga_abort(self, etf_from_pid(NULL, a), id, ETF_A(stop), WAIT_MS),
        AGNER_ETXUNKNOWN);
}

/* ---- On threads ------------------------------------------------------------
 */

#define RELAYS 3
#define RUNS   300

struct relay {
    int number;
    etf_pid boss;
};

static etf_term relay_name(int number)
{
    const char *names[RELAYS] = { "relay_a", "relay_b", "relay_c" };

    return etf_atom(names[number]);
}

static enum gen_next relay_init(struct gen *me, etf_term args)
{
    struct relay *r = gen_state(me);

    return etf_match(args, "{_, _}", &r->number, &r->boss)
               ? GEN_NEXT
               : gen_stop(me, ETF_A(badarg));
}

/* A job here, and the next saga; the last one has a job only. */
static enum gen_next relay_new(struct gen *me, struct gen_saga_tx tx,
                               etf_term value)
{
    const struct relay *r = gen_state(me);
    struct gen_saga_next next = { .value = value };

    (void)gen_saga_job(me, tx, NULL, value, NULL);
    if (r->number + 1 == RELAYS)
        return GEN_NEXT;
    next.saga = relay_name(r->number + 1);
    (void)gen_saga_next(me, tx, &next, NULL);
    return GEN_NEXT;
}

static enum gen_next relay_result(struct gen *me, struct gen_saga_tx tx,
                                  struct gen_saga_next_id from, etf_term value)
{
    (void)from;
    (void)gen_saga_result(me, tx, value);
    return GEN_NEXT;
}

static enum gen_next relay_job(struct gen *me, struct gen_saga_tx tx,
                               struct gen_saga_job_id from, etf_term value)
{
    (void)from;
    (void)gen_saga_result(me, tx, value);
    return GEN_NEXT;
}

static enum gen_next relay_end(struct gen *me, struct gen_saga_tx tx,
                               etf_term why)
{
    const struct relay *r = gen_state(me);

    (void)tx;
    if (r->number == 0)
        (void)rt_send_pid(me, r->boss, why);
    return GEN_NEXT;
}

static enum gen_next relay_cast(struct gen *me, etf_term value)
{
    struct gen_saga_options o = { .commit = GEN_SAGA_VOTE };

    (void)gen_saga_begin(me, &o, value, NULL);
    return GEN_NEXT;
}

static enum gen_next relay_work(struct gen *me, const struct gen_saga_job *job)
{
    (void)gen_saga_job_result(me, job->value);
    return GEN_NEXT;
}

static enum gen_next
relay_no_work(struct gen *me, const struct gen_saga_job *job, etf_term reason)
{
    (void)me;
    (void)job;
    (void)reason;
    return GEN_NEXT;
}

static const struct gen_saga_worker relay_worker = {
    .name = "relay_worker",
    .handle_job_start = relay_work,
    .handle_job_cancel = relay_no_work,
};

static const struct gen_saga relay = {
    .name = "relay",
    .state_size = sizeof(struct relay),
    .init = relay_init,
    .handle_tx_new = relay_new,
    .handle_tx_result = relay_result,
    .handle_tx_cancel = relay_end,
    .handle_tx_commit = relay_end,
    .handle_job_result = relay_job,
    .handle_cast = relay_cast,
    .worker = &relay_worker,
};

/* Many at once on several threads, while figures are read from another. */
static void runs_on_threads_while_others_look(void **state)
{
    struct bed threads;
    etf_pid pids[RELAYS];

    (void)state;
    bed_open(&threads, 0);
    for (int i = 0; i < RELAYS; i++) {
        struct rt_spawn_options options = { .name = relay_name(i) };

        assert_int_equal(gen_saga_start(threads.self, &relay,
                                        etf_make(threads.self, "{_, _}", i,
                                                 rt_self(threads.self)),
                                        &options, &pids[i], NULL),
                         AGNER_OK);
    }
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(
            gen_cast(threads.self, relay_name(0), etf_make(threads.self, "ok")),
            AGNER_OK);
    for (int i = 0; i < RUNS; i++) {
        etf_term list =
            rt_figures_list(threads.rt, rt_region(threads.self), "saga");

        assert_int_equal(etf_list_size(list), RELAYS);
        bed_expect(&threads, "ok"); /* committed */
        rt_reset(threads.self);
    }
    bed_close(&threads);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(refuses_a_saga_without_its_callbacks),
        RULE(a_transaction_begins_and_ends_at_its_creator),
        RULE(refuses_options_that_make_no_sense),
        RULE(a_result_waits_for_all_and_is_sent_once),
        RULE(D_33_the_hop_limit_counts_hops),
        RULE(D_34_hop_limit_and_lifespan_hold_everywhere),
        RULE(D_35_an_interim_result_cancels_nothing),
        RULE(D_36_cancel_job_cancels_it),
        RULE(a_time_out_fits_into_the_lifespan),
        RULE(more_transactions_than_allowed_are_refused),
        RULE(a_cancel_reaches_all),
        RULE(a_trapped_cancel_leaves_the_transaction_alive),
        RULE(an_untrapped_end_cancels),
        RULE(the_end_of_the_parent_cancels),
        RULE(a_loop_is_detected),
        RULE(a_job_delivers_and_its_worker_ends),
        RULE(a_worker_that_ends_early_has_failed),
        RULE(a_late_job_is_told_and_then_killed),
        RULE(a_worker_ends_with_its_saga),
        RULE(a_notice_reaches_sagas_and_workers),
        RULE(a_notice_may_be_acknowledged),
        RULE(a_vote_commits_when_all_say_yes),
        RULE(a_vote_aborts_when_one_says_no),
        RULE(a_prepared_one_never_decides_alone),
        RULE(a_creator_that_comes_back_undecided_aborts),
        RULE(a_decision_survives_all_who_took_part),
        RULE(a_commit_is_known_after_a_crash),
        RULE(writes_what_the_reference_reads),
        RULE(reads_what_the_reference_writes),
        RULE(survives_any_message),
        RULE(shows_itself_while_it_hangs),
        RULE(a_person_aborts_by_what_is_shown),
        cmocka_unit_test(runs_on_threads_while_others_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

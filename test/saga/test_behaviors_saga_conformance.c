/*
 * test_behaviors_saga_conformance.c -- the reference's own tests of sagas:
 * spec/gen.md 3.6, docs/conformance.md. On up to three nodes in a simulated
 * world.
 */
#include "troupe.h"

#include <stdio.h>
#include <stdlib.h>

#include "trio.h"

static struct sim *sim;
static struct trio t;

static int setup(void **state)
{
    (void)state;
    troupe_refuses = NULL;
    troupe_store = NULL;
    sim = sim_new(11, NULL);
    assert_non_null(sim);
    trio_open(&t, sim, TRIO_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    trio_close(&t);
    sim_free(sim);
    return 0;
}

static void quiet(void)
{
    (void)sim_run(sim, 100);
}

/* ---- Sums ------------------------------------------------------------------
 */

#define PER_JOB 5

/* A saga that sums lists: its state has a row for each transaction. */
struct sums {
    etf_pid boss;
    etf_pid below[2];    /* the creator passes halves on to them; or none */
    int64_t total, left; /* transactions that are not done */
    size_t count;
    struct {
        etf_ref tx;
        int64_t sum;
    } rows[1000];
};

static int64_t sum_of(etf_term list)
{
    int64_t sum = 0, n;
    etf_term one;

    while (etf_list_next(&list, &one))
        if (etf_get_int(one, &n))
            sum += n;
    return sum;
}

static enum gen_next adder_start(struct gen *self,
                                 const struct gen_saga_job *job)
{
    (void)gen_saga_job_result(self, etf_make(self, "_", sum_of(job->value)));
    return GEN_NEXT;
}

static enum gen_next
adder_cancel(struct gen *self, const struct gen_saga_job *job, etf_term reason)
{
    (void)self;
    (void)job;
    (void)reason;
    return GEN_NEXT;
}

static const struct gen_saga_worker adder = {
    .name = "adder",
    .handle_job_start = adder_start,
    .handle_job_cancel = adder_cancel,
};

static enum gen_next sums_init(struct gen *self, etf_term args)
{
    struct sums *s = gen_state(self);

    if (!etf_match(args, "{_, _, _}", &s->boss, &s->below[0], &s->below[1]))
        (void)etf_match(args, "_", &s->boss);
    return GEN_NEXT;
}

/* The first `count` of *list, which goes on behind them. */
static etf_term cut(struct gen *self, etf_term *list, size_t count)
{
    etf_term head, part = etf_nil();

    while (count-- > 0 && etf_list_next(list, &head))
        part = etf_cons(rt_region(self), head, part);
    return part;
}

static int64_t *row_of(struct sums *s, etf_ref tx)
{
    for (size_t i = 0; i < s->count; i++)
        if (etf_ref_equal(s->rows[i].tx, tx))
            return &s->rows[i].sum;
    return NULL;
}

static void drop_row(struct sums *s, etf_ref tx)
{
    for (size_t i = 0; i < s->count; i++)
        if (etf_ref_equal(s->rows[i].tx, tx))
            s->rows[i--] = s->rows[--s->count];
}

static enum gen_next add(struct gen *self, struct gen_saga_tx tx, etf_term part)
{
    int64_t *sum = row_of(gen_state(self), tx.ref), n = 0;
    enum agner_err err;

    (void)etf_get_int(part, &n);
    *sum += n;
    err = gen_saga_result(self, tx, etf_make(self, "_", *sum));
    if (err == AGNER_OK)
        drop_row(gen_state(self), tx.ref);
    else if (err != AGNER_ETXINPROGRESS)
        return gen_stop(self, etf_make(self, "_", (int64_t)err));
    return GEN_NEXT;
}

static enum gen_next sums_new(struct gen *self, struct gen_saga_tx tx,
                              etf_term list)
{
    struct sums *s = gen_state(self);
    size_t half = (size_t)etf_list_size(list) / 2;
    bool is_empty = etf_kind(list) == ETF_KIND_NIL;

    if (s->count == sizeof s->rows / sizeof *s->rows)
        return gen_stop(self, ETF_A(max));
    s->rows[s->count].tx = tx.ref;
    s->rows[s->count++].sum = 0;
    for (int i = 0; !etf_pid_is_none(s->below[0]) && i < 2; i++) {
        struct gen_saga_next next = {
            .saga = etf_from_pid(rt_region(self), s->below[i]),
            .value = i == 0 ? cut(self, &list, half) : list
        };

        (void)gen_saga_next(self, tx, &next, NULL);
    }
    if (!etf_pid_is_none(s->below[0]))
        return GEN_NEXT;
    while (etf_kind(list) == ETF_KIND_LIST)
        (void)gen_saga_job(self, tx, NULL, cut(self, &list, PER_JOB), NULL);
    return is_empty ? add(self, tx, etf_make(self, "0")) : GEN_NEXT;
}

static enum gen_next sums_result(struct gen *self, struct gen_saga_tx tx,
                                 struct gen_saga_next_id from, etf_term result)
{
    (void)from;
    return add(self, tx, result);
}

static enum gen_next sums_job(struct gen *self, struct gen_saga_tx tx,
                              struct gen_saga_job_id from, etf_term result)
{
    (void)from;
    return add(self, tx, result);
}

static enum gen_next sums_done(struct gen *self, struct gen_saga_tx tx,
                               etf_term result, etf_term *final)
{
    struct sums *s = gen_state(self);
    int64_t n = 0;

    (void)tx;
    (void) final;
    (void)etf_get_int(result, &n);
    s->total += n;
    if (--s->left == 0)
        (void)rt_send_pid(self, s->boss, etf_make(self, "{sum, _}", s->total));
    return GEN_NEXT;
}

static enum gen_next sums_cancel(struct gen *self, struct gen_saga_tx tx,
                                 etf_term reason)
{
    (void)tx;
    return gen_stop(self, reason);
}

/* {List, PerTx}: as many transactions as that takes. */
static enum gen_next sums_cast(struct gen *self, etf_term request)
{
    struct sums *s = gen_state(self);
    etf_term list;
    uint64_t per_tx;

    if (!etf_match(request, "{_, _}", &list, &per_tx))
        return gen_stop(self, ETF_A(badarg));
    s->total = s->left = 0;
    s->count = 0;
    while (etf_kind(list) == ETF_KIND_LIST) {
        s->left++;
        if (gen_saga_begin(self, NULL, cut(self, &list, (size_t)per_tx),
                           NULL) != AGNER_OK)
            return gen_stop(self, ETF_A(error));
    }
    return GEN_NEXT;
}

static const struct gen_saga sums_saga = {
    .name = "sums",
    .state_size = sizeof(struct sums),
    .init = sums_init,
    .handle_tx_new = sums_new,
    .handle_tx_result = sums_result,
    .handle_tx_cancel = sums_cancel,
    .handle_tx_done = sums_done,
    .handle_job_result = sums_job,
    .handle_cast = sums_cast,
    .worker = &adder,
};

/* `count` numbers, `per_tx` in each transaction: is the sum right? */
static void sums(etf_pid saga, int64_t count, int64_t per_tx)
{
    struct gen *self = t.self[0];
    etf_term list = etf_nil(), m;
    int64_t expected = 0, sum = -1;

    for (int64_t i = 0; i < count; i++) {
        int64_t n = (i * 7919) % 1009;

        expected += n;
        list = etf_cons(rt_region(self), etf_int(rt_region(self), n), list);
    }
    assert_int_equal(gen_cast(self, etf_from_pid(NULL, saga),
                              etf_make(self, "{_, _}", list, per_tx)),
                     AGNER_OK);
    assert_int_equal(rt_receive(self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{sum, _}", &sum));
    assert_int_equal(sum, expected);
    rt_reset(self);
}

static void conf_TestSagaSimple_sums_numbers_over_transactions(void **state)
{
    etf_pid saga;

    (void)state;
    assert_int_equal(gen_saga_start(t.self[0], &sums_saga,
                                    rt_self_term(t.self[0]), NULL, &saga, NULL),
                     AGNER_OK);
    sums(saga, 1000, 10);
    sums(saga, 100, 1);
    sums(saga, 100, 100);
    sums(saga, 10000, 100);
}

static void conf_TestSagaDist_sums_numbers_on_two_other_nodes(void **state)
{
    etf_pid below[2], saga;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gen_saga_start(t.self[i + 1], &sums_saga,
                                        rt_self_term(t.self[i + 1]), NULL,
                                        &below[i], NULL),
                         AGNER_OK);
        below[i] = trio_pid(&t, below[i], i + 1, 0);
    }
    assert_int_equal(
        gen_saga_start(t.self[0], &sums_saga,
                       etf_make(t.self[0], "{_, _, _}", rt_self(t.self[0]),
                                below[0], below[1]),
                       NULL, &saga, NULL),
        AGNER_OK);
    sums(saga, 1000, 1);
    sums(saga, 1000, 100);
    sums(saga, 1000, 1000);
}

/* ---- Commits ----------------------------------------------------------------
 */

static etf_ref begin(int at, etf_pid saga, int commit)
{
    etf_ref tx =
        troupe_ref(t.self[at], saga, "{open, v, 0, 0, _, false}", commit);

    (void)troupe_hear(t.self[at], "a", "new");
    return tx;
}

static void conf_TestSagaCommitSimple_commits_a_job(void **state)
{
    struct gen *self = t.self[0];
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx = begin(0, a, GEN_SAGA_NOTIFY);

    (void)state;
    (void)troupe_ref(self, a, "{job, _, {result, 5}, 0}", tx);
    assert_true(etf_match(troupe_hear(self, "a", "job"),
                          "{a, job, result, __, __, 5}"));
    assert_int_equal(troupe_err(self, a, "{result, _, 6}", tx), AGNER_OK);
    (void)troupe_hear(self, "a", "done");
    assert_true(etf_match(troupe_hear(self, "worker", "commit"),
                          "{worker, __, commit, {final, 6}}"));
    assert_true(etf_match(troupe_hear(self, "worker", "end"),
                          "{worker, __, 'end', normal}"));
}

/* The transaction as another node sees it. */
static etf_ref foreign(etf_ref tx, int at)
{
    if (tx.node.word == 0) {
        tx.node = etf_atom(trio_name(at));
        tx.creation = node_creation(t.node[at]);
    }
    return tx;
}

static void conf_TestSagaCommitDistributed_commits_on_two_nodes(void **state)
{
    etf_pid a = troupe_start(t.self[0], "a", false),
            b = troupe_start(t.self[1], "b", false);
    etf_ref tx = begin(0, a, GEN_SAGA_NOTIFY), tx_b = foreign(tx, 0);

    (void)state;
    (void)troupe_ref(t.self[0], a, "{job, _, {result, 1}, 0}", tx);
    (void)troupe_hear(t.self[0], "a", "job");
    (void)troupe_ref(t.self[0], a, "{next, _, _, part}", tx,
                     trio_pid(&t, b, 1, 0));
    (void)troupe_hear(t.self[1], "b", "new");
    assert_int_equal(troupe_err(t.self[0], a, "{result, _, 3}", tx),
                     AGNER_ETXINPROGRESS);
    (void)troupe_ref(t.self[1], b, "{job, _, {result, 2}, 0}", tx_b);
    (void)troupe_hear(t.self[1], "b", "job");
    assert_int_equal(troupe_err(t.self[1], b, "{result, _, 2}", tx_b),
                     AGNER_OK);
    assert_true(etf_match(troupe_hear(t.self[0], "a", "result"),
                          "{a, result, __, __, 2}"));
    assert_int_equal(troupe_err(t.self[0], a, "{result, _, 3}", tx), AGNER_OK);
    (void)troupe_hear(t.self[0], "a", "done");
    for (int i = 0; i < 2; i++)
        assert_true(etf_match(troupe_hear(t.self[i], "worker", "commit"),
                              "{worker, __, commit, {final, 3}}"));
    assert_true(etf_match(troupe_hear(t.self[1], "b", "commit"),
                          "{b, commit, __, {final, 3}}"));
}

/* ---- Results that cannot leave the node ------------------------------------
 */

/* A result or a part that cannot be sent was not sent: the transaction lives,
 * and another one goes. */
static void what_cannot_be_sent_is_an_error(void **state)
{
    etf_pid a = troupe_start(t.self[0], "a", false),
            b = troupe_start(t.self[1], "b", false);
    etf_ref tx = begin(0, a, GEN_SAGA_NO_COMMIT), tx_b = foreign(tx, 0);
    static int native;
    etf_term own = etf_resource(rt_region(t.self[0]), &native, NULL);

    (void)state;
    (void)rt_send_pid(t.self[0], trio_pid(&t, b, 1, 0), ETF_A(ok));
    quiet(); /* they are connected */
    assert_int_equal(troupe_err(t.self[0], a, "{next, _, _, _}", tx,
                                trio_pid(&t, b, 1, 0), own),
                     AGNER_EBADTERM);
    (void)troupe_ref(t.self[0], a, "{next, _, _, part}", tx,
                     trio_pid(&t, b, 1, 0));
    (void)troupe_hear(t.self[1], "b", "new");
    own = etf_resource(rt_region(t.self[1]), &native, NULL);
    assert_int_equal(troupe_err(t.self[1], b, "{result, _, _}", tx_b, own),
                     AGNER_EBADTERM);
    assert_int_equal(troupe_err(t.self[1], b, "{result, _, 1}", tx_b),
                     AGNER_OK);
    (void)troupe_hear(t.self[0], "a", "result");
}

/* ---- Cancels ---------------------------------------------------------------
 */

static void conf_TestSagaCancelSimple_cancels_a_saga_and_its_job(void **state)
{
    struct gen *self = t.self[0];
    etf_pid a = troupe_start(self, "a", false);
    etf_ref tx;

    (void)state;
    (void)troupe_ref(self, a, "{open, {cancel, at_once}}");
    assert_true(etf_match(troupe_hear(self, "a", "cancel"),
                          "{a, cancel, __, at_once}"));
    assert_int_equal(troupe_err(self, a, "{cancel, _, x}", rt_make_ref(self)),
                     AGNER_ETXUNKNOWN);
    (void)troupe_hear(self, "a", "new");
    tx = begin(0, a, GEN_SAGA_NO_COMMIT);
    (void)troupe_ref(self, a, "{job, _, wait, 0}", tx);
    (void)troupe_hear(self, "worker", "start");
    assert_int_equal(troupe_err(self, a, "{cancel, _, later}", tx), AGNER_OK);
    assert_true(etf_match(troupe_hear(self, "worker", "cancel"),
                          "{worker, __, cancel, {later, -57, -57}}"));
    assert_true(
        etf_match(troupe_hear(self, "a", "cancel"), "{a, cancel, __, later}"));
}

static const char *const names[TRIO_MAX] = { "a", "b", "c" };

/* A chain over three nodes, each with a worker that waits. */
static etf_ref chain(etf_pid *sagas, bool trap)
{
    etf_ref tx = begin(0, sagas[0], GEN_SAGA_NO_COMMIT);

    for (int i = 0; i < TRIO_MAX; i++) {
        etf_ref here = i == 0 ? tx : foreign(tx, 0);

        (void)troupe_ref(t.self[i], sagas[i], "{job, _, wait, 0}", here);
        (void)troupe_hear(t.self[i], "worker", "start");
        if (i + 1 == TRIO_MAX)
            break;
        (void)troupe_ref(t.self[i], sagas[i], "{next, _, _, part, 0, _}", here,
                         trio_pid(&t, sagas[i + 1], i + 1, i),
                         (bool)(trap && i == 0));
        (void)troupe_hear(t.self[i + 1], names[i + 1], "new");
    }
    return tx;
}

static void all_cancelled(int from, const char *reason)
{
    for (int i = 0; i < TRIO_MAX; i++) {
        etf_term m = troupe_hear(t.self[i], names[i], "cancel"), why, all;

        assert_true(etf_match(m, "{__, cancel, __, _}", &why));
        assert_true(etf_atom_is(why, reason));
        m = troupe_hear(t.self[i], "worker", "cancel");
        assert_true(etf_match(m, "{worker, __, cancel, _}", &all));
        assert_true(etf_atom_is(etf_tuple_items(all)[0], reason));
        (void)from;
    }
}

static void conf_TestSagaCancelCases_reach_all_of_a_chain(void **state)
{
    etf_pid sagas[TRIO_MAX], d;
    struct gen_saga_notice n;
    etf_term m, info, why;
    etf_ref tx;

    (void)state;
    for (int i = 0; i < TRIO_MAX; i++)
        sagas[i] = troupe_start(t.self[i], names[i], false);
    for (int from = 0; from < TRIO_MAX; from++) {
        tx = chain(sagas, false);
        assert_int_equal(troupe_err(t.self[from], sagas[from],
                                    "{cancel, _, enough}",
                                    from == 0 ? tx : foreign(tx, 0)),
                         AGNER_OK);
        all_cancelled(from, "enough");
    }
    /* The one in the middle is killed: the first has trapped it, and goes on
     * with a fourth; the third hears of its parent's end. */
    d = troupe_start(t.self[2], "d", false);
    tx = chain(sagas, true);
    quiet(); /* the third watches it */
    (void)rt_exit_signal(t.self[1], sagas[1], ETF_A(kill));
    m = troupe_hear(t.self[0], "a", "info");
    assert_true(etf_match(m, "{a, info, _}", &info));
    assert_true(gen_saga_is_cancel(info, &n));
    assert_true(etf_ref_equal(n.tx.ref, tx));
    (void)troupe_ref(t.self[0], sagas[0], "{next, _, _, part}", tx,
                     trio_pid(&t, d, 2, 0));
    (void)troupe_hear(t.self[2], "d", "new");
    m = troupe_hear(t.self[2], "c", "cancel");
    assert_true(etf_match(m, "{c, cancel, __, _}", &why));
    assert_true(etf_match(why, "{parent_down, __, killed}"));
    (void)troupe_hear(t.self[2], "worker", "cancel");
    quiet();
    assert_true(troupe_silent(t.self[0], "a", "cancel"));
}

#define CONF(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONF(conf_TestSagaSimple_sums_numbers_over_transactions),
        CONF(conf_TestSagaDist_sums_numbers_on_two_other_nodes),
        CONF(conf_TestSagaCommitSimple_commits_a_job),
        CONF(conf_TestSagaCommitDistributed_commits_on_two_nodes),
        CONF(what_cannot_be_sent_is_an_error),
        CONF(conf_TestSagaCancelSimple_cancels_a_saga_and_its_job),
        CONF(conf_TestSagaCancelCases_reach_all_of_a_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_saga_memory.c -- failed allocations in sagas: G34.
 *
 * A transaction with a job, a next saga and a vote that is kept in a store goes
 * its way while the first allocation fails, then the second, until none does.
 * Each time both sagas end it in the same way, or say so by their own end; and
 * nothing leaks, which the sanitizers see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "failing.h"

enum { CREATOR, OTHER, COUNT };

static struct {
    unsigned commits[COUNT], cancels[COUNT], prepared[COUNT];
    struct gen_store *store;
} seen;

static enum gen_next hand_start(struct gen *self,
                                const struct gen_saga_job *job)
{
    if (gen_saga_job_result(self, job->value) != AGNER_OK)
        return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static enum gen_next
hand_cancel(struct gen *self, const struct gen_saga_job *job, etf_term reason)
{
    (void)self;
    (void)job;
    (void)reason;
    return GEN_NEXT;
}

static const struct gen_saga_worker hand = {
    .name = "hand",
    .handle_job_start = hand_start,
    .handle_job_cancel = hand_cancel,
};

static enum gen_next saga_init(struct gen *self, etf_term args)
{
    int *who = gen_state(self);

    if (!etf_match(args, "_", who) ||
        gen_saga_store(self, seen.store,
                       *who == CREATOR ? "creator" : "other") != AGNER_OK)
        return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static enum gen_next give_up(struct gen *self, struct gen_saga_tx tx)
{
    if (gen_saga_cancel(self, tx, ETF_A(error)) != AGNER_OK)
        return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static enum gen_next saga_new(struct gen *self, struct gen_saga_tx tx,
                              etf_term value)
{
    const int *who = gen_state(self);
    struct gen_saga_next next = { .saga = etf_atom("other"), .value = value };

    if (gen_saga_job(self, tx, NULL, value, NULL) != AGNER_OK ||
        (*who == CREATOR && gen_saga_next(self, tx, &next, NULL) != AGNER_OK))
        return give_up(self, tx);
    return GEN_NEXT;
}

static enum gen_next go_on(struct gen *self, struct gen_saga_tx tx)
{
    enum agner_err err =
        gen_saga_result(self, tx, etf_make(self, "{result, [1]}"));

    if (err != AGNER_OK && err != AGNER_ETXINPROGRESS)
        return give_up(self, tx);
    return GEN_NEXT;
}

static enum gen_next saga_result(struct gen *self, struct gen_saga_tx tx,
                                 struct gen_saga_next_id from, etf_term result)
{
    (void)from;
    (void)result;
    return go_on(self, tx);
}

static enum gen_next saga_job(struct gen *self, struct gen_saga_tx tx,
                              struct gen_saga_job_id from, etf_term result)
{
    (void)from;
    (void)result;
    return go_on(self, tx);
}

static enum gen_next job_failed(struct gen *self, struct gen_saga_tx tx,
                                struct gen_saga_job_id from, etf_term reason)
{
    (void)from;
    (void)reason;
    return give_up(self, tx);
}

static enum gen_next saga_cancel(struct gen *self, struct gen_saga_tx tx,
                                 etf_term reason)
{
    const int *who = gen_state(self);

    (void)tx;
    (void)reason;
    seen.cancels[*who]++;
    return GEN_NEXT;
}

static bool saga_prepare(struct gen *self, struct gen_saga_tx tx,
                         etf_term final, etf_term *why)
{
    const int *who = gen_state(self);

    (void)tx;
    (void) final;
    (void)why;
    seen.prepared[*who]++;
    return true;
}

static enum gen_next saga_commit(struct gen *self, struct gen_saga_tx tx,
                                 etf_term final)
{
    const int *who = gen_state(self);

    (void)tx;
    (void) final;
    seen.commits[*who]++;
    return GEN_NEXT;
}

static enum gen_next saga_cast(struct gen *self, etf_term request)
{
    struct gen_saga_options o = { .commit = GEN_SAGA_VOTE };

    if (gen_saga_begin(self, &o, request, NULL) != AGNER_OK)
        return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static const struct gen_saga saga = {
    .name = "hungry",
    .state_size = sizeof(int),
    .init = saga_init,
    .handle_tx_new = saga_new,
    .handle_tx_result = saga_result,
    .handle_tx_cancel = saga_cancel,
    .handle_tx_prepare = saga_prepare,
    .handle_tx_commit = saga_commit,
    .handle_job_result = saga_job,
    .handle_job_failed = job_failed,
    .handle_cast = saga_cast,
    .worker = &hand,
};

/* ---- A run -----------------------------------------------------------------
 */

static const char *const names[COUNT] = { "creator", "other" };

/* One that has ended comes back, now that there is memory. */
static void start(struct gen *self, etf_pid *pids, int who)
{
    struct rt_spawn_options options = { .name = etf_atom(names[who]) };

    if (!etf_pid_is_none(pids[who]) && rt_is_alive(rt_of(self), pids[who]))
        return;
    assert_int_equal(gen_saga_start(self, &saga, etf_make(self, "_", who),
                                    &options, &pids[who], NULL),
                     AGNER_OK);
}

static void check(unsigned n)
{
    for (int i = 0; i < COUNT; i++) {
        if (seen.prepared[i] != 0 && seen.commits[i] + seen.cancels[i] == 0)
            fail_msg("allocation %u: %s has prepared, and no outcome", n,
                     names[i]);
        if (seen.commits[i] != 0 && seen.cancels[i] != 0)
            fail_msg("allocation %u: %s has two outcomes", n, names[i]);
    }
    if ((seen.commits[CREATOR] != 0) != (seen.commits[OTHER] != 0))
        fail_msg("allocation %u: one has committed alone", n);
}

/* Did all go well? */
static bool run(unsigned n)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim),
                                  .log_level = RT_LOG_NONE };
    etf_pid pids[COUNT] = { { .id = 0 }, { .id = 0 } };
    struct rt *rt;
    struct gen *self;
    bool well;

    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(gen_store_memory(rt, &seen.store), AGNER_OK);
    for (int i = 0; i < COUNT; i++)
        start(self, pids, i);
    assert_int_equal(gen_cast(self, etf_atom("creator"),
                              etf_make(self, "{value, [1, 2, 3]}")),
                     AGNER_OK);
    failing_seen = false;
    failing_in = n;
    (void)sim_run(sim, 100);
    failing_in = 0;
    well = seen.commits[CREATOR] == 1 && seen.commits[OTHER] == 1;
    for (int i = 0; i < COUNT; i++)
        start(self, pids, i);
    (void)sim_run(sim, 100000);
    check(n);
    gen_store_free(seen.store);
    rt_detach(self);
    rt_free(rt, 1000);
    sim_free(sim);
    return well && !failing_seen;
}

static void survives_every_failed_allocation(void **state)
{
    unsigned n = 1;

    (void)state;
    while (!run(n))
        n++;
    assert_true(n > 20); /* it took as many */
}

/* A start that fails for lack of memory leaves nothing. */
static void a_start_without_memory_is_an_error(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim),
                                  .log_level = RT_LOG_NONE };
    struct rt *rt;
    struct gen *self;
    enum agner_err err;
    unsigned n = 0;
    etf_pid pid;

    (void)state;
    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(gen_store_memory(rt, &seen.store), AGNER_OK);
    do {
        struct rt_spawn_options named = { .name = etf_atom("creator") };
        etf_term args = etf_make(self, "_", (int)CREATOR);

        failing_in = ++n;
        err = gen_saga_start(self, &saga, args, &named, &pid, NULL);
        failing_in = 0;
        (void)sim_run(sim, 10);
    } while (err != AGNER_OK);
    assert_int_equal(rt_whereis(rt, etf_atom("creator"), &pid), AGNER_OK);
    gen_store_free(seen.store);
    rt_detach(self);
    rt_free(rt, 1000);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(a_start_without_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

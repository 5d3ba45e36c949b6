/*
 * test_runtime_deadlines.c -- more waits at once than a worker's list of
 * deadlines holds (runtime/timers.c): G22, G23.
 */
#include <stdatomic.h>

#include "bed.h"

#define CALLERS 2600 /* the list holds 2048 */
#define SOON_MS 30

struct asked {
    struct gen_from from[CALLERS / 2];
    int64_t count;
};

/* {now, _} is answered at once; {later, _} when the last has come; {never, _}
 * not at all. */
static enum rt_next answer(struct gen *self, const struct rt_message *m)
{
    struct asked *asked = rt_state(self);
    int64_t i;

    if (m->kind != RT_CALL)
        return RT_NEXT;
    if (etf_is_tagged(m->term, etf_atom("now"), 2))
        (void)rt_reply(self, &m->from, ETF_A(ok));
    if (!etf_is_tagged(m->term, etf_atom("later"), 2))
        return RT_NEXT;
    asked->from[asked->count++] = m->from;
    if (asked->count < CALLERS / 2)
        return RT_NEXT;
    for (i = 0; i < CALLERS / 2; i++)
        (void)rt_reply(self, &asked->from[i], ETF_A(ok));
    return RT_NEXT;
}

static const struct rt_behavior server = {
    .name = "asked",
    .state_size = sizeof(struct asked),
    .message = answer,
};

static etf_pid server_pid;
static _Atomic int64_t answered, timed_out, wrong;

static enum agner_err ask(struct gen *self, const char *how, uint64_t ms)
{
    etf_term items[2] = { etf_atom(how), ETF_A(ok) };
    etf_term reply = ETF_NONE;
    enum agner_err err =
        rt_call(self, etf_from_pid(NULL, server_pid),
                etf_tuple(rt_region(self), items, 2), ms, &reply);

    if (err == AGNER_OK && !etf_same(reply, ETF_A(ok)))
        atomic_fetch_add(&wrong, 1);
    return err;
}

static void count(enum agner_err err, enum agner_err wanted)
{
    if (err != wanted)
        atomic_fetch_add(&wrong, 1);
    else if (err == AGNER_OK)
        atomic_fetch_add(&answered, 1);
    else
        atomic_fetch_add(&timed_out, 1);
}

/* One is answered late, with much time; one never, with little. Between them
 * calls come and go. */
static void patient(struct gen *self, void *arg)
{
    (void)arg;
    count(ask(self, "now", WAIT_MS), AGNER_OK);
    count(ask(self, "later", 10 * WAIT_MS), AGNER_OK);
    count(ask(self, "now", WAIT_MS), AGNER_OK);
}

static void hasty(struct gen *self, void *arg)
{
    (void)arg;
    count(ask(self, "now", WAIT_MS), AGNER_OK);
    count(ask(self, "never", SOON_MS), AGNER_ETIMEOUT);
    count(ask(self, "now", WAIT_MS), AGNER_OK);
}

static void run_callers(unsigned workers)
{
    struct rt_options options = { .workers = workers };
    static etf_pid pids[CALLERS];
    struct bed bed;
    unsigned i;

    bed_open_with(&bed, 0, options, NULL);
    atomic_store(&answered, 0);
    atomic_store(&timed_out, 0);
    atomic_store(&wrong, 0);
    assert_int_equal(
        rt_start(bed.self, &server, etf_nil(), NULL, &server_pid, NULL),
        AGNER_OK);
    for (i = 0; i < CALLERS; i++)
        assert_int_equal(rt_spawn(bed.self, i % 2 == 0 ? patient : hasty, NULL,
                                  NULL, &pids[i]),
                         AGNER_OK);
    for (i = 0; i < CALLERS; i++)
        assert_int_equal(rt_wait(bed.self, pids[i], 10 * WAIT_MS), AGNER_OK);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&timed_out), CALLERS / 2);
    assert_int_equal(atomic_load(&answered), CALLERS / 2 * 5);
    bed_close(&bed);
}

static void thousands_of_deadlines_each_end_their_wait(void **state)
{
    (void)state;
    run_callers(1);
    run_callers(2);
    run_callers(8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_of_deadlines_each_end_their_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_pg_memory.c -- failed allocations in process groups and
 * topics: G34.
 *
 * The program's own malloc and its like are wrapped by the linker. For each
 * operation, in a simulated world, the first allocation fails, then the second,
 * until none does: each time all of it is done or nothing is, which it says;
 * and what cannot be refused, an end, is on the board in the end.
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

/* ---- What is operated on ------------------------------------------------ */

#define GROUPS 20
#define LIVE   5

struct desk {
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
    etf_pid member[LIVE];
    etf_term pubsub, topic;
};

static void wait_for_end(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_receive(self, RT_INFINITY, &message);
}

/* More than fits into a small block. */
static etf_term group(struct desk *d, int64_t n)
{
    return etf_make(d->self, "{group, _, \"a name of some length\"}", n);
}

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* A scope and a pubsub; the first members are in all groups. */
static void begin(struct desk *d)
{
    struct rt_options options = { .log = quiet };
    etf_pid pid;

    memset(d, 0, sizeof *d);
    d->sim = sim_new(1, NULL);
    assert_non_null(d->sim);
    options.world = sim_world(d->sim);
    assert_int_equal(rt_new(&options, &d->rt, NULL), AGNER_OK);
    d->self = rt_attach(d->rt);
    assert_non_null(d->self);
    assert_int_equal(gen_pg_start(d->self, ETF_NONE, &pid), AGNER_OK);
    d->pubsub = etf_atom("pubsub");
    assert_int_equal(gen_pubsub_start(d->self, d->pubsub, NULL, &pid),
                     AGNER_OK);
    for (int i = 0; i < LIVE; i++)
        assert_int_equal(
            rt_spawn(d->self, wait_for_end, NULL, NULL, &d->member[i]),
            AGNER_OK);
    for (int64_t n = 0; n < GROUPS; n++)
        assert_int_equal(gen_pg_join(d->self, ETF_NONE, group(d, n),
                                     etf_make(d->self, "[_, _]", d->member[0],
                                              d->member[1])),
                         AGNER_OK);
}

static void end(struct desk *d)
{
    rt_detach(d->self);
    rt_free(d->rt, 1000);
    sim_free(d->sim);
}

/* How often the i-th member is in the n-th group, as reads see it. */
static unsigned times(struct desk *d, int i, int64_t n)
{
    unsigned count = 0;
    etf_term pids, pid;

    assert_int_equal(gen_pg_get_members(d->self, ETF_NONE, group(d, n), &pids),
                     AGNER_OK);
    while (etf_list_next(&pids, &pid)) {
        etf_pid value;

        assert_true(etf_get_pid(pid, &value));
        count += etf_pid_equal(value, d->member[i]);
    }
    return count;
}

/* ---- Operations --------------------------------------------------------- */

/* What it returns, and what can be seen after it. */
struct operation {
    const char *name;
    enum agner_err (*run)(struct desk *d);
    bool (*is_done)(struct desk *d);
    bool (*is_undone)(struct desk *d);
};

static enum agner_err run_join(struct desk *d)
{
    return gen_pg_join(d->self, ETF_NONE, group(d, 0),
                       etf_make(d->self, "[_, _, _]", d->member[2],
                                d->member[0], d->member[2]));
}

static bool joined(struct desk *d)
{
    return times(d, 2, 0) == 2 && times(d, 0, 0) == 2;
}

static bool not_joined(struct desk *d)
{
    return times(d, 2, 0) == 0 && times(d, 0, 0) == 1;
}

static enum agner_err run_join_new(struct desk *d)
{
    return gen_pg_join(d->self, ETF_NONE, group(d, GROUPS),
                       etf_from_pid(NULL, d->member[3]));
}

static bool joined_new(struct desk *d)
{
    return times(d, 3, GROUPS) == 1;
}

static bool not_joined_new(struct desk *d)
{
    etf_term groups;

    assert_int_equal(gen_pg_which_groups(d->self, ETF_NONE, &groups), AGNER_OK);
    return etf_list_size(groups) == GROUPS;
}

static enum agner_err run_leave(struct desk *d)
{
    return gen_pg_leave(
        d->self, ETF_NONE, group(d, 0),
        etf_make(d->self, "[_, _]", d->member[4], d->member[1]));
}

static bool left(struct desk *d)
{
    return times(d, 1, 0) == 0 && times(d, 0, 0) == 1;
}

static bool not_left(struct desk *d)
{
    return times(d, 1, 0) == 1 && times(d, 0, 0) == 1;
}

/* An end: whatever fails, all memberships go in the end. */
static enum agner_err run_end(struct desk *d)
{
    enum agner_err err = rt_kill(d->rt, d->member[0], ETF_A(kill));

    (void)sim_run(d->sim, 10);
    failing_in = 0;
    if (err == AGNER_OK)
        (void)sim_run(d->sim, 5000); /* for what was put off */
    return err;
}

static bool ended(struct desk *d)
{
    unsigned count = 0;

    for (int64_t n = 0; n < GROUPS; n++)
        count += times(d, 0, n);
    return count == 0 && times(d, 1, 3) == 1;
}

static bool not_ended(struct desk *d)
{
    return rt_is_alive(d->rt, d->member[0]);
}

static enum agner_err run_watch(struct desk *d)
{
    etf_ref ref;
    etf_term now;
    enum agner_err err = gen_pg_monitor_scope(d->self, ETF_NONE, &ref, &now);

    if (err == AGNER_OK && etf_map_size(now) != GROUPS)
        return AGNER_EINVAL;
    return err == AGNER_OK ? gen_pg_demonitor(d->self, ETF_NONE, ref) : err;
}

static bool anything(struct desk *d)
{
    return not_joined(d);
}

static enum agner_err run_broadcast(struct desk *d)
{
    size_t count = 0;
    enum agner_err err =
        gen_pg_broadcast(d->self, ETF_NONE, group(d, 5), group(d, 1), &count);

    return err == AGNER_OK && count != 2 ? AGNER_ENOMEM : err;
}

static enum agner_err run_subscribe(struct desk *d)
{
    return gen_pubsub_subscribe(d->self, d->pubsub,
                                etf_text(rt_region(d->self), "topic"));
}

static bool hears(struct desk *d)
{
    etf_term message;

    assert_int_equal(gen_pubsub_local_broadcast(
                         d->self, d->pubsub,
                         etf_text(rt_region(d->self), "topic"), ETF_A(yes)),
                     AGNER_OK);
    return rt_receive(d->self, 0, &message) == AGNER_OK;
}

static bool hears_not(struct desk *d)
{
    return !hears(d);
}

static enum agner_err run_start(struct desk *d)
{
    etf_pid pid;
    enum agner_err err = gen_pg_start(d->self, etf_atom("second"), &pid);

    if (err == AGNER_OK)
        err = gen_pubsub_start(d->self, etf_atom("another"), NULL, &pid);
    return err == AGNER_EEXIT ? AGNER_ENOMEM : err; /* init said so */
}

static enum agner_err run_read(struct desk *d)
{
    etf_term groups, pids = ETF_NONE;
    enum agner_err err = gen_pg_which_local_groups(d->self, ETF_NONE, &groups);

    if (err == AGNER_OK && etf_list_size(groups) != GROUPS)
        return AGNER_EINVAL;
    if (err == AGNER_OK)
        err = gen_pg_get_members(d->self, ETF_NONE, group(d, 7), &pids);
    return err == AGNER_OK && etf_list_size(pids) != 2 ? AGNER_EINVAL : err;
}

static const struct operation operations[] = {
    { "join", run_join, joined, not_joined },
    { "join a new group", run_join_new, joined_new, not_joined_new },
    { "leave", run_leave, left, not_left },
    { "end", run_end, ended, not_ended },
    { "watch", run_watch, anything, anything },
    { "broadcast", run_broadcast, anything, anything },
    { "subscribe", run_subscribe, hears, hears_not },
    { "start", run_start, anything, anything },
    { "read", run_read, anything, anything },
};

/* The so manieth allocation fails: is there such a one? */
static bool try_at(const struct operation *o, unsigned at)
{
    enum agner_err err;
    struct desk d;

    begin(&d);
    (void)sim_run(d.sim, 100);
    failing_seen = false;
    failing_in = at;
    err = o->run(&d);
    failing_in = 0;
    rt_reset(d.self);
    /* It may be done, and the answer lost. Half done it may not be. */
    if (!o->is_done(&d) && (err == AGNER_OK || !o->is_undone(&d)))
        fail_msg("%s, allocation %u: %s, but not so", o->name, at,
                 agner_strerror(err));
    if (err != AGNER_OK && !failing_seen)
        fail_msg("%s: %s without a reason", o->name, agner_strerror(err));
    end(&d);
    return failing_seen;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        unsigned at = 1;

        while (try_at(&operations[i], at))
            at++;
        assert_true(at > 1); /* there was one to fail */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

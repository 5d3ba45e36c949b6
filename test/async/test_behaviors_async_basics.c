/*
 * test_behaviors_async_basics.c -- cancel tokens, latches, groups, collected
 * errors, wrapped and contained actions: spec/async.md 2.2, 2.8, 3.1.
 *
 * Each case runs on threads and on simulated schedules.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "atomic.h"
#include "each.h"

static void assert_reason(struct bed *bed, const struct gen_cancel *token,
                          const char *text)
{
    assert_term(gen_cancel_reason(token, rt_region(bed->self)), text);
}

/* ---- Cancel tokens ----------------------------------------------------------
 */

static void a_token_is_set_once(struct bed *bed)
{
    struct gen_cancel *token = gen_cancel_new(bed->rt, NULL);

    assert_non_null(token);
    assert_false(gen_cancel_is_set(token));
    assert_true(etf_is_none(gen_cancel_reason(token, rt_region(bed->self))));
    assert_int_equal(gen_cancel_wait(bed->self, token, 1), AGNER_ETIMEOUT);
    assert_int_equal(
        gen_cancel_set(token, etf_make(bed->self, "{because, [_]}", 7)),
        AGNER_OK);
    assert_true(gen_cancel_is_set(token));
    assert_int_equal(gen_cancel_set(token, ETF_A(normal)), AGNER_EALREADY);
    assert_reason(bed, token, "{because,[7]}");
    assert_int_equal(gen_cancel_wait(bed->self, token, 0), AGNER_OK);
    assert_int_equal(gen_cancel_sleep(bed->self, 100000, token),
                     AGNER_ECANCELLED);
    gen_cancel_free(gen_cancel_hold(token));
    gen_cancel_free(token);
    gen_cancel_free(NULL);
    assert_false(gen_cancel_is_set(NULL));
    assert_int_equal(gen_cancel_sleep(bed->self, 1, NULL), AGNER_OK);
    assert_int_equal(gen_cancel_wait(bed->self, NULL, 1), AGNER_ETIMEOUT);
}

/* A tree of four below a root; each row sets one and says who is set then. */
static void a_token_is_set_with_its_parent(struct bed *bed)
{
    static const struct {
        unsigned set;
        const char *are;
    } rows[] = { { 0, "11111" },
                 { 1, "01011" },
                 { 2, "00100" },
                 { 3, "00011" },
                 { 4, "00001" } };
    static const unsigned parents[] = { 0, 0, 0, 1, 3 };

    for (unsigned i = 0; i < 5; i++) {
        struct gen_cancel *t[5], *late;
        char are[6] = "";

        t[0] = gen_cancel_new(bed->rt, NULL);
        for (unsigned k = 1; k < 5; k++)
            t[k] = gen_cancel_new(bed->rt, t[parents[k]]);
        assert_int_equal(gen_cancel_set(t[rows[i].set], ETF_NONE), AGNER_OK);
        for (unsigned k = 0; k < 5; k++)
            are[k] = gen_cancel_is_set(t[k]) ? '1' : '0';
        assert_string_equal(are, rows[i].are);
        assert_reason(bed, t[rows[i].set], "cancelled");
        late = gen_cancel_new(bed->rt, t[3]);
        assert_int_equal(gen_cancel_is_set(late), are[3] == '1');
        gen_cancel_free(late);
        /* In whatever order they go. */
        for (unsigned k = 0; k < 5; k++)
            gen_cancel_free(t[(k + i) % 5]);
    }
}

static void the_first_reason_holds(struct bed *bed)
{
    struct gen_cancel *a = gen_cancel_new(bed->rt, NULL);
    struct gen_cancel *b = gen_cancel_new(bed->rt, a);
    struct gen_cancel *c = gen_cancel_new(bed->rt, b);

    assert_int_equal(gen_cancel_set(b, etf_atom("inner")), AGNER_OK);
    assert_int_equal(gen_cancel_set(a, etf_atom("outer")), AGNER_OK);
    assert_reason(bed, a, "outer");
    assert_reason(bed, b, "inner");
    assert_reason(bed, c, "inner");
    gen_cancel_free(a);
    gen_cancel_free(b);
    gen_cancel_free(c);
}

/* A chain that is long, and is freed from its last child. */
static void a_long_family_needs_no_stack(struct bed *bed)
{
    struct gen_cancel *root = gen_cancel_new(bed->rt, NULL), *t = root, *child;

    (void)gen_cancel_hold(root);
    for (unsigned i = 0; i < 20000; i++) {
        child = gen_cancel_new(bed->rt, t);
        gen_cancel_free(t);
        t = child;
    }
    assert_int_equal(gen_cancel_set(root, ETF_NONE), AGNER_OK);
    assert_true(gen_cancel_is_set(t));
    gen_cancel_free(t);
    gen_cancel_free(root);
}

struct sleeper {
    struct gen_cancel *token;
    _Atomic int err;
};

static void sleeps(struct gen *self, void *arg)
{
    struct sleeper *s = arg;

    store_relaxed(&s->err, (int)gen_cancel_sleep(self, RT_INFINITY, s->token));
}

static void a_token_wakes_who_waits(struct bed *bed)
{
    struct gen_cancel *root = gen_cancel_new(bed->rt, NULL);
    struct sleeper s[4];
    etf_pid pid[4];

    for (unsigned i = 0; i < 4; i++) {
        s[i] =
            (struct sleeper){ .token = i == 0 ? gen_cancel_hold(root)
                                              : gen_cancel_new(bed->rt, root),
                              .err = 1 };
        pid[i] = start(bed, sleeps, &s[i]);
    }
    until_it_waits(bed, pid[1]);
    assert_int_equal(rt_kill(bed->rt, pid[1], ETF_A(kill)), AGNER_OK);
    join(bed, pid[1]);
    assert_int_equal(load_relaxed(&s[1].err), AGNER_EKILLED);
    (void)gen_cancel_set(root, ETF_NONE);
    for (unsigned i = 0; i < 4; i++) {
        join(bed, pid[i]);
        if (i != 1)
            assert_int_equal(load_relaxed(&s[i].err), AGNER_ECANCELLED);
        gen_cancel_free(s[i].token);
    }
    gen_cancel_free(root);
}

struct bell {
    struct gen_cancel_hook hook; /* first */
    _Atomic unsigned rung;
};

static void ring(struct gen_cancel_hook *hook)
{
    (void)add_relaxed(&((struct bell *)(void *)hook)->rung, 1u);
}

static void a_token_runs_its_hooks(struct bed *bed)
{
    struct gen_cancel *root = gen_cancel_new(bed->rt, NULL);
    struct gen_cancel *child = gen_cancel_new(bed->rt, root);
    struct bell b[4] = { { { 0 }, 0 } };

    for (unsigned i = 0; i < 4; i++) {
        b[i].hook.run = ring;
        if (i < 3)
            assert_true(gen_cancel_hook_add(i == 2 ? root : child, &b[i].hook));
    }
    assert_true(gen_cancel_hook_remove(child, &b[1].hook));
    assert_false(gen_cancel_hook_remove(child, &b[1].hook));
    (void)gen_cancel_set(root, ETF_NONE);
    assert_false(gen_cancel_hook_add(child, &b[3].hook));
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(load_relaxed(&b[i].rung), i == 0 || i == 2);
        assert_false(gen_cancel_hook_remove(child, &b[i].hook));
    }
    gen_cancel_free(child);
    gen_cancel_free(root);
}

/* Threads and processes that make children, wait with them and let them go,
 * while the root is set. */
struct turmoil {
    struct rt *rt;
    struct gen_cancel *root;
    _Atomic bool over;
    _Atomic unsigned turns;
};

static void makes_children(struct gen *self, void *arg)
{
    struct turmoil *t = arg;
    struct bell bell = { { 0 }, 0 };

    bell.hook.run = ring;
    while (!load_acquire(&t->over)) {
        struct gen_cancel *child = gen_cancel_new(t->rt, t->root);
        struct gen_cancel *grandchild = gen_cancel_new(t->rt, child);
        bool added = gen_cancel_hook_add(grandchild, &bell.hook);

        gen_cancel_free(child);
        rt_yield(self);
        (void)gen_cancel_sleep(self, 0, grandchild);
        if (add_relaxed(&t->turns, 1u) % 3 == 0)
            (void)gen_cancel_sleep(self, 1, grandchild);
        /* Has run, or runs now: then its token is set already. */
        if (added && !gen_cancel_hook_remove(grandchild, &bell.hook))
            while (load_acquire(&bell.rung) == 0)
                rt_yield(self);
        store_relaxed(&bell.rung, 0u);
        gen_cancel_free(grandchild);
    }
}

static void *makes_children_too(void *arg)
{
    struct turmoil *t = arg;
    struct gen *self = rt_attach(t->rt);

    makes_children(self, t);
    rt_detach(self);
    return NULL;
}

static void a_family_may_come_and_go_meanwhile(struct bed *bed)
{
    struct turmoil t = { .rt = bed->rt };
    etf_pid pids[3];
    pthread_t thread;

    t.root = gen_cancel_new(bed->rt, NULL);
    for (unsigned i = 0; i < 3; i++)
        pids[i] = start(bed, makes_children, &t);
    if (bed->sim == NULL)
        assert_int_equal(pthread_create(&thread, NULL, makes_children_too, &t),
                         0);
    while (load_relaxed(&t.turns) < 60)
        (void)rt_sleep(bed->self, 1);
    (void)gen_cancel_set(t.root, etf_make(bed->self, "{the, reason}"));
    while (load_relaxed(&t.turns) < 120)
        (void)rt_sleep(bed->self, 1);
    store_release(&t.over, true);
    for (unsigned i = 0; i < 3; i++)
        join(bed, pids[i]);
    if (bed->sim == NULL)
        assert_int_equal(pthread_join(thread, NULL), 0);
    gen_cancel_free(t.root);
}

/* ---- Latches ------------------------------------------------------------ */

static enum agner_err to(struct gen_latch *latch, enum gen_latch_state state)
{
    switch (state) {
    case GEN_LATCH_STARTING:
        return gen_latch_starting(latch);
    case GEN_LATCH_STARTED:
        return gen_latch_started(latch);
    case GEN_LATCH_STOPPING:
        return gen_latch_stopping(latch);
    case GEN_LATCH_STOPPED:
        return gen_latch_stopped(latch);
    case GEN_LATCH_RESUMING:
    case GEN_LATCH_ACTIVE:
    case GEN_LATCH_PAUSING:
    case GEN_LATCH_PAUSED:
        break;
    }
    return AGNER_EINVAL;
}

static const enum gen_latch_state turn[] = {
    GEN_LATCH_STOPPED, GEN_LATCH_STARTING, GEN_LATCH_STARTED, GEN_LATCH_STOPPING
};

/* 4, Latch: states and signals through one whole cycle; exactly one Is* true at
 * a time. And a second cycle, without a reset. */
static void conf_Latch_goes_round(struct bed *bed)
{
    struct gen_latch *latch = gen_latch_new(bed->rt);

    for (unsigned i = 1; i < 9; i++) {
        etf_ref refs[4];

        for (unsigned k = 0; k < 4; k++)
            assert_int_equal(
                gen_latch_is_stopped(latch) + gen_latch_is_starting(latch) +
                    gen_latch_is_started(latch) + gen_latch_is_stopping(latch),
                1);
        assert_int_equal(gen_latch_state(latch), turn[(i - 1) % 4]);
        assert_int_equal(gen_latch_can_start(latch), i % 4 == 1);
        assert_int_equal(gen_latch_can_stop(latch), i % 4 == 3);
        for (unsigned k = 0; k < 4; k++) /* any number may listen */
            assert_int_equal(
                gen_latch_notify(bed->self, latch, turn[i % 4], &refs[k]),
                AGNER_OK);
        bed_expect_nothing(bed);
        assert_int_equal(to(latch, turn[i % 4]), AGNER_OK);
        for (unsigned k = 0; k < 4; k++) {
            etf_term m, state;
            etf_ref seen;

            assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
            assert_true(etf_match(m, "{gen_latch, _, _}", &seen, &state));
            assert_true(etf_ref_equal(seen, refs[k]));
            assert_true(etf_atom_is(state, gen_latch_state_name(turn[i % 4])));
        }
    }
    gen_latch_free(latch);
}

/* 2.2, Reset: it may be called at any time, and changes nothing; nobody who
 * listens is forgotten. */
static void a_latch_needs_no_reset(struct bed *bed)
{
    struct gen_latch *latch = gen_latch_new(bed->rt);
    etf_ref refs[4];

    for (unsigned i = 1; i < 9; i++) {
        assert_int_equal(
            gen_latch_notify(bed->self, latch, turn[i % 4], &refs[0]),
            AGNER_OK);
        gen_latch_reset(latch);
        assert_int_equal(gen_latch_state(latch), turn[(i - 1) % 4]);
        assert_int_equal(to(latch, turn[i % 4]), AGNER_OK);
        gen_latch_reset(latch);
        assert_int_equal(gen_latch_state(latch), turn[i % 4]);
    }
    for (unsigned i = 1; i < 9; i++) {
        etf_term m, state;

        assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
        assert_true(etf_match(m, "{gen_latch, __, _}", &state));
        assert_true(etf_atom_is(state, gen_latch_state_name(turn[i % 4])));
    }
    bed_expect_nothing(bed);
    gen_latch_free(latch);
}

/* 2.2: only legal moves. */
static void a_latch_makes_legal_moves_only(struct bed *bed)
{
    for (unsigned from = 0; from < 4; from++) {
        for (unsigned state = 0; state < 4; state++) {
            struct gen_latch *latch = gen_latch_new(bed->rt);
            bool may = state == (from + 1) % 4 || (from == 1 && state == 0);

            for (unsigned k = 1; k <= from; k++)
                assert_int_equal(to(latch, turn[k]), AGNER_OK);
            assert_int_equal(to(latch, turn[state]),
                             may ? AGNER_OK : AGNER_EINVAL);
            assert_int_equal(gen_latch_state(latch), turn[may ? state : from]);
            gen_latch_free(latch);
        }
    }
}

/* 2.2: answered at once if the state is there or was passed in this cycle. */
static void who_comes_late_is_answered_at_once(struct bed *bed)
{
    static const char *const ready[] = { "1000", "0100", "0110", "0111" };
    struct gen_latch *latch = gen_latch_new(bed->rt);
    struct gen_cancel *set = gen_cancel_new(bed->rt, NULL);

    (void)gen_cancel_set(set, ETF_NONE);
    for (unsigned at = 0; at < 4; at++) {
        if (at > 0)
            assert_int_equal(to(latch, turn[at]), AGNER_OK);
        for (unsigned want = 0; want < 4; want++) {
            bool now = ready[at][want] == '1';

            assert_int_equal(
                gen_latch_wait(bed->self, latch, turn[want], 0, NULL),
                now ? AGNER_OK : AGNER_ETIMEOUT);
            assert_int_equal(
                gen_latch_wait(bed->self, latch, turn[want], 1, NULL),
                now ? AGNER_OK : AGNER_ETIMEOUT);
            assert_int_equal(
                gen_latch_wait(bed->self, latch, turn[want], RT_INFINITY, set),
                now ? AGNER_OK : AGNER_ECANCELLED);
        }
    }
    assert_int_equal(
        gen_latch_wait(bed->self, latch, GEN_LATCH_PAUSED, 0, NULL),
        AGNER_EINVAL);
    gen_cancel_free(set);
    gen_latch_free(latch);
}

struct patient {
    struct gen_latch *latch;
    enum gen_latch_state state;
    _Atomic int err;
};

static void waits_for_a_state(struct gen *self, void *arg)
{
    struct patient *p = arg;

    store_relaxed(&p->err, (int)gen_latch_wait(self, p->latch, p->state,
                                               RT_INFINITY, NULL));
}

/* A state that was there for a moment only is seen by all who waited; a start
 * that fails is told to all who waited for it. */
static void nobody_misses_a_moment(struct bed *bed)
{
    for (unsigned fails = 0; fails < 2; fails++) {
        struct gen_latch *latch = gen_latch_new(bed->rt);
        struct patient p[8];
        etf_pid pids[8];

        for (unsigned i = 0; i < 8; i++) {
            p[i] = (struct patient){ .latch = latch,
                                     .state = turn[1 + i % 3],
                                     .err = 1 };
            pids[i] = start(bed, waits_for_a_state, &p[i]);
        }
        for (unsigned i = 0; i < 8; i++)
            until_it_waits(bed, pids[i]);
        assert_int_equal(gen_latch_starting(latch), AGNER_OK);
        if (!fails) {
            assert_int_equal(gen_latch_started(latch), AGNER_OK);
            assert_int_equal(gen_latch_stopping(latch), AGNER_OK);
        }
        assert_int_equal(gen_latch_stopped(latch), AGNER_OK);
        for (unsigned i = 0; i < 8; i++) {
            join(bed, pids[i]);
            assert_int_equal(load_relaxed(&p[i].err),
                             fails && i % 3 != 0 ? AGNER_ESTOPPED : AGNER_OK);
        }
        gen_latch_free(latch);
    }
}

static void obeys_the_latch(struct gen *self, void *arg)
{
    struct gen_latch *latch = arg;

    (void)gen_latch_wait(self, latch, GEN_LATCH_STARTING, WAIT_MS, NULL);
    (void)gen_latch_started(latch);
    (void)gen_latch_wait(self, latch, GEN_LATCH_STOPPING, WAIT_MS, NULL);
    (void)gen_latch_stopped(latch);
}

static void a_latch_can_be_asked_to_go_on(struct bed *bed)
{
    struct gen_latch *latch = gen_latch_new(bed->rt);

    /* Not started: nothing to stop. */
    assert_int_equal(gen_latch_wait_stopped(bed->self, latch, WAIT_MS, NULL),
                     AGNER_OK);
    for (unsigned i = 0; i < 3; i++) {
        etf_pid pid = start(bed, obeys_the_latch, latch);

        assert_int_equal(
            gen_latch_wait_started(bed->self, latch, WAIT_MS, NULL), AGNER_OK);
        assert_true(gen_latch_is_started(latch));
        assert_int_equal(
            gen_latch_wait_started(bed->self, latch, WAIT_MS, NULL), AGNER_OK);
        assert_int_equal(
            gen_latch_wait_stopped(bed->self, latch, WAIT_MS, NULL), AGNER_OK);
        assert_true(gen_latch_is_stopped(latch));
        join(bed, pid);
    }
    /* Nobody starts it. */
    assert_int_equal(gen_latch_wait_started(bed->self, latch, 1, NULL),
                     AGNER_ETIMEOUT);
    gen_latch_free(latch);
}

/* ---- Who listens and ends ----------------------------------------------- */

struct ear {
    struct gen_latch *latch;
    struct gen_group *group;
};

static void listens_and_ends(struct gen *self, void *arg)
{
    struct ear *e = arg;
    etf_ref ref;

    (void)gen_latch_notify(self, e->latch, GEN_LATCH_STARTED, &ref);
    (void)gen_group_notify(self, e->group, &ref);
    (void)rt_sleep(self, 1);
}

/* The object goes when its holders and listeners have; a listener goes with its
 * process. The address sanitizer finds what stays. */
static void a_listener_ends_with_its_process(struct bed *bed)
{
    struct ear e = { gen_latch_new(bed->rt), gen_group_new(bed->rt) };
    etf_pid pids[20];

    assert_int_equal(gen_group_add(e.group, 1), AGNER_OK);
    for (unsigned i = 0; i < 20; i++)
        pids[i] = start(bed, listens_and_ends, &e);
    (void)rt_sleep(bed->self, 1); /* some are there, some not, some no more */
    (void)gen_latch_starting(e.latch);
    (void)gen_latch_started(e.latch);
    (void)gen_group_done(e.group);
    for (unsigned i = 0; i < 20; i++)
        join(bed, pids[i]);
    gen_latch_free(e.latch);
    gen_group_free(e.group);
}

/* ---- Groups ------------------------------------------------------------- */

static void a_group_counts(struct bed *bed)
{
    struct gen_group *g = gen_group_new(bed->rt);
    etf_ref ref;

    assert_int_equal(gen_group_wait(bed->self, g, 0, NULL), AGNER_OK);
    assert_int_equal(gen_group_done(g), AGNER_EINVAL); /* below zero */
    assert_int_equal(gen_group_add(g, 3), AGNER_OK);
    assert_int_equal(gen_group_add(g, -4), AGNER_EINVAL);
    assert_int_equal(gen_group_add(g, INT64_MAX), AGNER_ELIMIT);
    assert_int_equal(gen_group_add(g, INT64_MIN), AGNER_EINVAL);
    assert_int_equal(gen_group_count(g), 3);
    assert_int_equal(gen_group_wait(bed->self, g, 1, NULL), AGNER_ETIMEOUT);
    assert_int_equal(gen_group_notify(bed->self, g, &ref), AGNER_OK);
    assert_int_equal(gen_group_add(g, -2), AGNER_OK);
    bed_expect_nothing(bed);
    assert_int_equal(gen_group_done(g), AGNER_OK);
    {
        etf_term m;
        etf_ref seen;

        assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
        assert_true(etf_match(m, "{gen_group, _}", &seen));
        assert_true(etf_ref_equal(ref, seen));
    }
    assert_int_equal(gen_group_wait(bed->self, g, RT_INFINITY, NULL), AGNER_OK);
    gen_group_free(g);
}

struct crowd {
    struct gen_group *group;
    _Atomic unsigned work, early;
};

static void works_in_a_group(struct gen *self, void *arg)
{
    struct crowd *c = arg;

    for (unsigned i = 0; i < 20; i++) {
        (void)gen_group_add(c->group, 1);
        if (i % 4 == 0)
            rt_yield(self);
        (void)gen_group_done(c->group);
    }
    (void)add_relaxed(&c->work, 1u);
    (void)gen_group_done(c->group);
}

static void waits_for_the_group(struct gen *self, void *arg)
{
    struct crowd *c = arg;

    if (gen_group_wait(self, c->group, RT_INFINITY, NULL) == AGNER_OK &&
        load_relaxed(&c->work) != 4)
        (void)add_relaxed(&c->early, 1u);
}

static void a_group_wakes_all_at_zero(struct bed *bed)
{
    struct crowd c = { .group = gen_group_new(bed->rt) };
    etf_pid pids[8];

    assert_int_equal(gen_group_add(c.group, 4), AGNER_OK);
    for (unsigned i = 0; i < 8; i++)
        pids[i] =
            start(bed, i % 2 == 0 ? works_in_a_group : waits_for_the_group, &c);
    for (unsigned i = 0; i < 8; i++)
        join(bed, pids[i]);
    assert_int_equal(load_relaxed(&c.early), 0);
    gen_group_free(c.group);
}

/* ---- Errors ------------------------------------------------------------- */

/* 4, Errors_All: of nil, e0, nil, e1, nil a combined error of e0 and e1 in that
 * order; empty: nil. */
static void conf_Errors_All_combines_in_order(struct bed *bed)
{
    struct gen_errors *e = gen_errors_new(bed->rt, 10);
    struct agner_error error = { AGNER_OK, "" };

    assert_int_equal(gen_errors_all(e, &error), AGNER_OK);
    (void)gen_errors_put(e, AGNER_OK, ETF_NONE);
    (void)gen_errors_put(e, AGNER_EFULL, ETF_NONE);
    (void)gen_errors_put(e, AGNER_OK, ETF_NONE);
    (void)gen_errors_put(e, AGNER_ECRASHED, etf_make(bed->self, "{bad, _}", 1));
    (void)gen_errors_put(e, AGNER_OK, ETF_NONE);
    assert_int_equal(gen_errors_count(e), 2);
    assert_int_equal(gen_errors_all(e, &error), AGNER_EFULL);
    assert_int_equal(error.code, AGNER_EFULL);
    assert_string_equal(error.text,
                        "is full; what it ran has crashed: {bad,1}");
    assert_int_equal(gen_errors_all(e, NULL), AGNER_OK);
    gen_errors_free(e);
}

/* 4, Errors_First: of the same, e0. */
static void conf_Errors_First_takes_the_first(struct bed *bed)
{
    struct gen_errors *e = gen_errors_new(bed->rt, 10);
    struct gen_error one;

    assert_false(gen_errors_first(e, rt_region(bed->self), &one));
    (void)gen_errors_put(e, AGNER_OK, ETF_NONE);
    (void)gen_errors_put(e, AGNER_EFULL, etf_make(bed->self, "[why]"));
    (void)gen_errors_put(e, AGNER_OK, ETF_NONE);
    (void)gen_errors_put(e, AGNER_EIO, ETF_NONE);
    assert_true(gen_errors_first(e, rt_region(bed->self), &one));
    assert_int_equal(one.err, AGNER_EFULL);
    assert_term(one.reason, "[why]");
    assert_null(one.item);
    assert_int_equal(gen_errors_count(e), 1);
    gen_errors_free(e);
}

static unsigned items_freed;

static void free_item(void *item)
{
    items_freed++;
    free(item);
}

/* 1: a bounded collector that never blocks; counts what it drops. */
static void a_collector_never_blocks(struct bed *bed)
{
    struct gen_errors *e = gen_errors_new(bed->rt, 3);
    struct gen_error one;

    items_freed = 0;
    assert_null(gen_errors_new(bed->rt, 0));
    assert_null(gen_errors_new(bed->rt, SIZE_MAX / 2));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(
            gen_errors_put_item(e, AGNER_EIO, ETF_NONE, malloc(1), free_item),
            i < 3 ? AGNER_OK : AGNER_EFULL);
    assert_int_equal(gen_errors_dropped(e), 5);
    assert_int_equal(items_freed, 5);
    assert_true(gen_errors_first(e, rt_region(bed->self), &one));
    one.free_item(one.item); /* the taker's */
    assert_int_equal(gen_errors_put(e, AGNER_EFULL, ETF_NONE), AGNER_OK);
    assert_int_equal(
        gen_errors_put_item(NULL, AGNER_EIO, ETF_NONE, malloc(1), free_item),
        AGNER_OK);
    assert_int_equal(items_freed, 7);
    gen_errors_free(gen_errors_hold(e));
    gen_errors_free(e);
    assert_int_equal(items_freed, 9);
    gen_errors_free(NULL);
}

static void a_collector_forwards(struct bed *bed)
{
    struct gen_errors *e = gen_errors_new(bed->rt, 1);

    gen_errors_forward(e, rt_self(bed->self));
    (void)gen_errors_put(e, AGNER_EIO, ETF_NONE);
    (void)gen_errors_put(e, AGNER_EFULL, etf_make(bed->self, "{no, room}"));
    bed_expect(bed, "{gen_error,-64,undefined}");
    bed_expect(bed, "{gen_error,-50,{no,room}}");
    gen_errors_forward(e, (etf_pid){ 0 });
    (void)gen_errors_put(e, AGNER_EIO, ETF_NONE);
    bed_expect_nothing(bed);
    gen_errors_free(e);
}

/* ---- Actions ------------------------------------------------------------ */

static enum agner_err add_letter(struct gen *self, void *ctx, void *arg,
                                 void **result)
{
    (void)self;
    (void)strcat(arg, ctx);
    *result = arg;
    return AGNER_OK;
}

/* Its letter, what is inside, its letter again. */
static enum agner_err around(struct gen *self, void *ctx,
                             const struct gen_action *next, void *arg,
                             void **result)
{
    enum agner_err err;

    (void)strcat(arg, ctx);
    err = gen_action_call(self, next, arg, result);
    (void)strcat(arg, ctx);
    return err;
}

static enum agner_err refuses(struct gen *self, void *ctx,
                              const struct gen_action *next, void *arg,
                              void **result)
{
    (void)self;
    (void)ctx;
    (void)next;
    (void)arg;
    *result = NULL;
    return AGNER_ENOTALLOWED;
}

static char a[] = "a", b[] = "b", c[] = "c", dot[] = ".";

/* 4, Interceptors: all three are applied, in the order given; 2.8 (probed): the
 * last one is outermost: c, b, a, action, a, b, c. */
static void conf_Interceptors_are_applied_in_order(struct bed *bed)
{
    struct gen_interceptor list[] = { { around, a },
                                      { around, b },
                                      { around, c } };
    struct gen_action action = { add_letter, dot };
    char text[20] = "";
    void *result = NULL;

    assert_int_equal(gen_intercept(bed->self, list, 3, &action, text, &result),
                     AGNER_OK);
    assert_string_equal(text, "cba.abc");
    assert_ptr_equal(result, text);
    list[1].run = refuses;
    text[0] = 0;
    assert_int_equal(gen_intercept(bed->self, list, 3, &action, text, NULL),
                     AGNER_ENOTALLOWED);
    assert_string_equal(text, "cc");
}

/* 4, Interceptors_all_nil: result is nil. */
static void conf_Interceptors_all_nil_are_none(struct bed *bed)
{
    struct gen_interceptor list[3] = { { 0 } }, out[3];
    struct gen_action action = { add_letter, dot }, nothing = { 0 };
    char text[20] = "";
    void *result = text;

    assert_int_equal(gen_interceptors(out, list, 3), 0);
    assert_int_equal(gen_intercept(bed->self, list, 3, &action, text, NULL),
                     AGNER_OK);
    assert_string_equal(text, ".");
    assert_int_equal(gen_intercept(bed->self, NULL, 0, &nothing, text, &result),
                     AGNER_OK);
    assert_null(result); /* the action that does nothing */
}

/* 4, Interceptors_some_nil: nil ones skipped, the others applied in order. */
static void conf_Interceptors_some_nil_are_skipped(struct bed *bed)
{
    struct gen_interceptor list[] = {
        { 0 }, { around, a }, { 0 }, { around, b }, { 0 }
    };
    struct gen_action action = { add_letter, dot };
    char text[20] = "";

    assert_int_equal(gen_intercept(bed->self, list, 5, &action, text, NULL),
                     AGNER_OK);
    assert_string_equal(text, "ba.ab");
    assert_int_equal(gen_interceptors(list, list, 5), 2);
    text[0] = 0;
    assert_int_equal(gen_intercept(bed->self, list, 2, &action, text, NULL),
                     AGNER_OK);
    assert_string_equal(text, "ba.ab");
    assert_int_equal(gen_interceptors(list, list, 1), 1); /* one: itself */
}

/* ---- Containment -------------------------------------------------------- */

static enum agner_err fails_or_crashes(struct gen *self, void *ctx,
                                       struct gen_cancel *cancel)
{
    const enum agner_err *err = ctx;

    assert_null(cancel);
    if (*err == AGNER_ECRASHED)
        rt_exit(self, etf_make(self, "{oh, no}"));
    return *err;
}

/* 4, Recover: error passed on; panic passed on as an error. */
static void conf_Recover_passes_errors_and_crashes_on(struct bed *bed)
{
    static const enum agner_err errs[] = { AGNER_OK, AGNER_EIO,
                                           AGNER_ECRASHED };
    struct gen_errors *e = gen_errors_new(bed->rt, 4);
    struct gen_error one;
    etf_term reason = ETF_A(undefined);

    for (unsigned i = 0; i < 3; i++) {
        enum agner_err err = errs[i];

        assert_int_equal(
            gen_recover(bed->self, fails_or_crashes, &err, NULL, e, &reason),
            err);
        /* Without a collector: swallowed. */
        assert_int_equal(
            gen_recover(bed->self, fails_or_crashes, &err, NULL, NULL, NULL),
            err);
    }
    assert_term(reason, "{oh,no}");
    assert_int_equal(gen_errors_count(e), 2);
    assert_true(gen_errors_first(e, rt_region(bed->self), &one));
    assert_int_equal(one.err, AGNER_EIO);
    assert_true(gen_errors_first(e, rt_region(bed->self), &one));
    assert_int_equal(one.err, AGNER_ECRASHED);
    assert_term(one.reason, "{oh,no}");
    /* Full: dropped, not waited for. */
    for (unsigned i = 0; i < 9; i++)
        (void)gen_recover(bed->self, fails_or_crashes,
                          &(enum agner_err){ AGNER_EIO }, NULL, e, NULL);
    assert_int_equal(gen_errors_dropped(e), 5);
    gen_errors_free(e);
}

struct pack {
    struct gen_errors *errors;
    struct gen_group *group;
};

static void recovers_in_a_group(struct gen *self, void *arg)
{
    struct pack *p = arg;
    enum agner_err err = AGNER_ECRASHED;

    (void)gen_recover_group(self, fails_or_crashes, &err, NULL, p->errors,
                            p->group, NULL);
}

/* 2.8 (RecoverGroup): the error first, then the mark. */
static void who_waits_for_the_group_finds_the_errors(struct bed *bed)
{
    struct pack p = { gen_errors_new(bed->rt, 50), gen_group_new(bed->rt) };
    etf_pid pids[10];

    assert_int_equal(gen_group_add(p.group, 10), AGNER_OK);
    for (unsigned i = 0; i < 10; i++)
        pids[i] = start(bed, recovers_in_a_group, &p);
    assert_int_equal(gen_group_wait(bed->self, p.group, WAIT_MS, NULL),
                     AGNER_OK);
    assert_int_equal(gen_errors_count(p.errors), 10);
    for (unsigned i = 0; i < 10; i++)
        join(bed, pids[i]);
    gen_errors_free(p.errors);
    gen_group_free(p.group);
}

static enum agner_err is_healthy(struct gen *self, void *ctx)
{
    return fails_or_crashes(self, ctx, NULL);
}

static void a_checker_is_contained(struct bed *bed)
{
    static const enum agner_err errs[] = { AGNER_OK, AGNER_EIO,
                                           AGNER_ECRASHED };

    for (unsigned i = 0; i < 3; i++) {
        enum agner_err err = errs[i];

        assert_int_equal(gen_check(bed->self, is_healthy, &err), err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_token_is_set_once),
        EACH(a_token_is_set_with_its_parent),
        EACH(the_first_reason_holds),
        EACH(a_long_family_needs_no_stack),
        EACH(a_token_wakes_who_waits),
        EACH(a_token_runs_its_hooks),
        EACH(a_family_may_come_and_go_meanwhile),
        EACH(conf_Latch_goes_round),
        EACH(a_latch_needs_no_reset),
        EACH(a_latch_makes_legal_moves_only),
        EACH(who_comes_late_is_answered_at_once),
        EACH(nobody_misses_a_moment),
        EACH(a_latch_can_be_asked_to_go_on),
        EACH(a_listener_ends_with_its_process),
        EACH(a_group_counts),
        EACH(a_group_wakes_all_at_zero),
        EACH(conf_Errors_All_combines_in_order),
        EACH(conf_Errors_First_takes_the_first),
        EACH(a_collector_never_blocks),
        EACH(a_collector_forwards),
        EACH(conf_Interceptors_are_applied_in_order),
        EACH(conf_Interceptors_all_nil_are_none),
        EACH(conf_Interceptors_some_nil_are_skipped),
        EACH(conf_Recover_passes_errors_and_crashes_on),
        EACH(who_waits_for_the_group_finds_the_errors),
        EACH(a_checker_is_contained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

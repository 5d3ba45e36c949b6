/*
 * test_runtime_wait.c -- rt_wait.h, rt_hook.h, rt_figures.h: what processes
 * wait at, what is done at their end, what they show.
 *
 * Each case runs on threads and on simulated schedules. Failed allocations are
 * in test_runtime_memory.c.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bed.h"

#include "atomic.h"
#include "spin.h"

#define SEEDS 20

/* ---- A pot: an object to wait at ------------------------------------------
 */

/* Units that are put in and taken out; who finds none waits in line. */
struct pot {
    rt_spin lock;
    struct rt_waiter *first, *last;
    unsigned units;
};

static void pot_join(struct pot *pot, struct rt_waiter *w)
{
    w->prev = pot->last;
    if (pot->last == NULL)
        pot->first = w;
    else
        pot->last->next = w;
    pot->last = w;
}

static void pot_leave(struct pot *pot, struct rt_waiter *w)
{
    if (w->prev == NULL)
        pot->first = w->next;
    else
        w->prev->next = w->next;
    if (w->next == NULL)
        pot->last = w->prev;
    else
        w->next->prev = w->prev;
}

/* One unit; AGNER_OK: it has it. */
static enum agner_err pot_take(struct gen *self, struct pot *pot, uint64_t ms)
{
    struct rt_waiter w;
    enum agner_err err = rt_wait_begin(self, &w, 1);
    bool there;

    if (err != AGNER_OK)
        return err;
    rt__lock(&pot->lock);
    there = pot->units > 0;
    if (there)
        pot->units--;
    else
        pot_join(pot, &w);
    rt__unlock(&pot->lock);
    if (!there) {
        err = rt_wait_block(self, ms);
        rt__lock(&pot->lock);
        if (w.woken)
            err = AGNER_OK;
        else
            pot_leave(pot, &w);
        rt__unlock(&pot->lock);
    }
    rt_wait_end(self, &w, 1);
    return err;
}

static void pot_put(struct rt *rt, struct gen *by, struct pot *pot)
{
    struct rt_waiter *w;

    rt__lock(&pot->lock);
    w = pot->first;
    if (w == NULL) {
        pot->units++;
    } else {
        pot_leave(pot, w);
        rt_wake(rt, by, w);
    }
    rt__unlock(&pot->lock);
}

static unsigned pot_waiting(struct pot *pot)
{
    unsigned n = 0;

    rt__lock(&pot->lock);
    for (const struct rt_waiter *w = pot->first; w != NULL; w = w->next)
        n++;
    rt__unlock(&pot->lock);
    return n;
}

/* Until so many wait there. */
static void pot_until(struct bed *bed, struct pot *pot, unsigned count)
{
    while (pot_waiting(pot) != count)
        (void)rt_sleep(bed->self, 1);
}

/* ---- Processes that wait ---------------------------------------------------
 */

struct taker {
    struct pot *pot;
    uint64_t ms;
    _Atomic int err;
    _Atomic uint64_t waited_ns;
};

static void takes(struct gen *self, void *arg)
{
    struct taker *t = arg;
    uint64_t from_ns = rt_now_ns(rt_of(self));

    store_relaxed(&t->err, (int)pot_take(self, t->pot, t->ms));
    store_relaxed(&t->waited_ns, rt_now_ns(rt_of(self)) - from_ns);
}

static etf_pid start(struct bed *bed, void (*code)(struct gen *, void *),
                     void *arg)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, code, arg, NULL, &pid), AGNER_OK);
    return pid;
}

static void join(struct bed *bed, etf_pid pid)
{
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
}

static void wakes_who_waits_in_line(struct bed *bed)
{
    struct pot pot = { 0 };
    struct taker t[3];
    etf_pid pid[3];

    for (unsigned i = 0; i < 3; i++) {
        t[i] = (struct taker){ .pot = &pot, .ms = RT_INFINITY, .err = 1 };
        pid[i] = start(bed, takes, &t[i]);
        pot_until(bed, &pot, i + 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        pot_put(bed->rt, i == 1 ? NULL : bed->self, &pot);
        join(bed, pid[i]);
        assert_int_equal(load_relaxed(&t[i].err), AGNER_OK);
        assert_int_equal(pot_waiting(&pot), 2 - i);
    }
}

static void is_woken_before_it_waits(struct bed *bed)
{
    struct rt_waiter w;
    uint64_t times[] = { 0, 1, WAIT_MS, RT_INFINITY };

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rt_wait_begin(bed->self, &w, 1), AGNER_OK);
        assert_false(w.woken);
        assert_null(w.next);
        assert_null(w.prev);
        assert_null(w.data);
        rt_wake(bed->rt, i % 2 == 0 ? bed->self : NULL, &w);
        assert_int_equal(rt_wait_block(bed->self, times[i]), AGNER_OK);
        rt_wait_end(bed->self, &w, 1);
        assert_true(w.woken);
    }
}

static void waits_no_longer_than_it_is_told(struct bed *bed)
{
    struct pot pot = { 0 };
    uint64_t times[] = { 0, 1, 7 };

    for (unsigned i = 0; i < 3; i++) {
        struct taker t = { .pot = &pot, .ms = times[i], .err = 1 };

        join(bed, start(bed, takes, &t));
        assert_int_equal(load_relaxed(&t.err), AGNER_ETIMEOUT);
        assert_true(load_relaxed(&t.waited_ns) >= times[i] * 1000000u);
        if (bed->sim != NULL) /* and hardly longer */
            assert_true(load_relaxed(&t.waited_ns) < (times[i] + 3) * 1000000u);
        assert_int_equal(pot_take(bed->self, &pot, times[i]), AGNER_ETIMEOUT);
        assert_int_equal(pot_waiting(&pot), 0);
    }
}

static void waits_until_a_time(struct bed *bed)
{
    struct rt_waiter w;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t now_ms = rt_now_ms(bed->rt), at_ms = now_ms + i;

        assert_int_equal(rt_wait_begin(bed->self, &w, 1), AGNER_OK);
        assert_int_equal(rt_wait_until(bed->self, at_ms), AGNER_ETIMEOUT);
        rt_wait_end(bed->self, &w, 1);
        assert_true(rt_now_ms(bed->rt) >= at_ms);
        if (bed->sim != NULL)
            assert_true(rt_now_ms(bed->rt) <= at_ms + 1);
    }
    assert_int_equal(rt_wait_begin(bed->self, &w, 1), AGNER_OK);
    rt_wake(bed->rt, bed->self, &w);
    assert_int_equal(rt_wait_until(bed->self, RT_INFINITY), AGNER_OK);
    rt_wait_end(bed->self, &w, 1);
}

/* What is on its way when a wait is over its time does not end the next. */
static void a_late_wake_ends_no_other_wait(struct bed *bed)
{
    struct rt_waiter w;
    struct pot pot = { 0 };

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rt_wait_begin(bed->self, &w, 1), AGNER_OK);
        assert_int_equal(rt_wait_block(bed->self, 0), AGNER_ETIMEOUT);
        rt_wake(bed->rt, bed->self, &w); /* its list is the one it is on */
        rt_wait_end(bed->self, &w, 1);
        assert_true(w.woken);
        assert_int_equal(pot_take(bed->self, &pot, i), AGNER_ETIMEOUT);
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
    }
}

/* ---- Several objects at once -------------------------------------------- */

struct chooser {
    struct pot *pots; /* three of them */
    _Atomic unsigned got;
};

static void chooses(struct gen *self, void *arg)
{
    struct chooser *c = arg;
    struct rt_waiter w[3];
    unsigned got = 0;

    if (rt_wait_begin(self, w, 3) != AGNER_OK)
        return;
    for (unsigned i = 0; i < 3; i++) {
        rt__lock(&c->pots[i].lock);
        pot_join(&c->pots[i], &w[i]);
        rt__unlock(&c->pots[i].lock);
    }
    (void)rt_wait_block(self, RT_INFINITY);
    for (unsigned i = 0; i < 3; i++) {
        rt__lock(&c->pots[i].lock);
        if (w[i].woken)
            got |= 1u << i;
        else
            pot_leave(&c->pots[i], &w[i]);
        rt__unlock(&c->pots[i].lock);
    }
    rt_wait_end(self, w, 3);
    store_relaxed(&c->got, got);
}

static void waits_at_several_objects(struct bed *bed)
{
    for (unsigned i = 1; i < 8; i++) {
        struct pot pots[3] = { { 0 } };
        struct chooser c = { .pots = pots };
        etf_pid pid = start(bed, chooses, &c);
        unsigned units = 0;

        for (unsigned k = 0; k < 3; k++)
            pot_until(bed, &pots[k], 1);
        for (unsigned k = 0; k < 3; k++)
            if ((i >> k & 1) != 0)
                pot_put(bed->rt, bed->self, &pots[k]);
        join(bed, pid);
        /* Each unit is somewhere: with it, or in its pot. */
        for (unsigned k = 0; k < 3; k++) {
            assert_null(pots[k].first);
            units |= (pots[k].units != 0 ? 1u : 0u) << k;
        }
        assert_int_not_equal(load_relaxed(&c.got), 0);
        assert_int_equal(load_relaxed(&c.got) & units, 0);
        assert_int_equal(load_relaxed(&c.got) | units, i);
    }
}

/* ---- Ends --------------------------------------------------------------- */

static void a_signal_ends_the_wait(struct bed *bed)
{
    static const struct {
        const char *reason;
        enum agner_err err;
    } rows[] = { { "kill", AGNER_EKILLED }, { "shutdown", AGNER_EEXITING } };

    for (unsigned i = 0; i < 2; i++) {
        struct pot pot = { 0 };
        struct taker t = { .pot = &pot, .ms = RT_INFINITY, .err = 1 };
        etf_pid pid = start(bed, takes, &t);

        pot_until(bed, &pot, 1);
        assert_int_equal(
            rt_exit_signal(bed->self, pid, etf_atom(rows[i].reason)), AGNER_OK);
        join(bed, pid);
        assert_int_equal(load_relaxed(&t.err), rows[i].err);
        assert_int_equal(pot_waiting(&pot), 0);
    }
}

/* Who was woken has what it was woken for, also when it must end. */
static void a_wake_counts_before_a_signal(struct bed *bed)
{
    struct pot pot = { 0 };
    struct taker t = { .pot = &pot, .ms = RT_INFINITY, .err = 1 };
    etf_pid pid = start(bed, takes, &t);

    pot_until(bed, &pot, 1);
    rt__lock(&pot.lock); /* both are there before it can look */
    assert_int_equal(rt_kill(bed->rt, pid, ETF_A(kill)), AGNER_OK);
    rt_wake(bed->rt, NULL, pot.first);
    pot_leave(&pot, pot.first);
    rt__unlock(&pot.lock);
    join(bed, pid);
    assert_int_equal(load_relaxed(&t.err), AGNER_OK);
}

/* Waits for ever, whatever it is told. */
static void is_deaf(struct gen *self, void *arg)
{
    struct taker *t = arg;

    for (;;)
        store_relaxed(&t->err, (int)pot_take(self, t->pot, RT_INFINITY));
}

static void code_that_does_not_hear_is_left(struct bed *bed)
{
    struct pot pot = { 0 };
    struct taker t = { .pot = &pot, .err = 1 };
    etf_pid pid = start(bed, is_deaf, &t);

    pot_until(bed, &pot, 1);
    assert_int_equal(rt_exit_signal(bed->self, pid, etf_atom("enough")),
                     AGNER_OK);
    join(bed, pid);
    assert_int_equal(load_relaxed(&t.err), AGNER_EEXITING);
    assert_int_equal(pot_waiting(&pot), 0);
}

/* ---- Time-outs against wakes -----------------------------------------------
 */

#define PUTTERS 3u
#define TAKERS  4u
#define UNITS   150u

struct market {
    struct rt *rt;
    struct pot pot;
    _Atomic uint64_t put, taken, tries;
    _Atomic bool over;
    _Atomic uint32_t seed;
};

static uint32_t draw(uint32_t *seed, uint32_t bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % bound;
}

static void puts_units(struct gen *self, void *arg)
{
    struct market *m = arg;
    uint32_t seed = add_relaxed(&m->seed, 77u);

    for (unsigned i = 0; i < UNITS; i++) {
        pot_put(m->rt, self, &m->pot);
        (void)add_relaxed(&m->put, 1u);
        if (draw(&seed, 4) == 0)
            (void)rt_sleep(self, draw(&seed, 2));
    }
}

static void takes_units(struct gen *self, void *arg)
{
    struct market *m = arg;
    uint32_t seed = add_relaxed(&m->seed, 78u);
    enum agner_err err = AGNER_OK;

    while (err == AGNER_OK || err == AGNER_ETIMEOUT) {
        if (load_acquire(&m->over))
            return;
        err = pot_take(self, &m->pot, draw(&seed, 3));
        (void)add_relaxed(&m->tries, 1u);
        if (err == AGNER_OK)
            (void)add_relaxed(&m->taken, 1u);
    }
}

static void *takes_on_a_thread(void *arg)
{
    struct market *m = arg;
    struct gen *self = rt_attach(m->rt);

    takes_units(self, m);
    rt_detach(self);
    return NULL;
}

/* However time-outs, wakes and kills meet: no unit is lost or there twice. */
static void no_unit_is_lost(struct bed *bed)
{
    struct market m = { .rt = bed->rt, .seed = (uint32_t)bed->seed * 101u };
    etf_pid putters[PUTTERS], takers[TAKERS];
    pthread_t thread;

    for (unsigned i = 0; i < TAKERS; i++)
        takers[i] = start(bed, takes_units, &m);
    for (unsigned i = 0; i < PUTTERS; i++)
        putters[i] = start(bed, puts_units, &m);
    if (bed->sim == NULL)
        assert_int_equal(pthread_create(&thread, NULL, takes_on_a_thread, &m),
                         0);
    while (load_relaxed(&m.put) < PUTTERS * UNITS / 2)
        (void)rt_sleep(bed->self, 1);
    assert_int_equal(rt_kill(bed->rt, takers[0], ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_kill(bed->rt, takers[1], etf_atom("stop")), AGNER_OK);
    for (unsigned i = 0; i < PUTTERS; i++)
        join(bed, putters[i]);
    store_release(&m.over, true);
    for (unsigned i = 0; i < TAKERS; i++)
        join(bed, takers[i]);
    if (bed->sim == NULL)
        assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(load_relaxed(&m.put), PUTTERS * UNITS);
    assert_int_equal(load_relaxed(&m.taken) + m.pot.units, PUTTERS * UNITS);
    assert_null(m.pot.first);
}

/* ---- Hooks -------------------------------------------------------------- */

/* What happened at an end, in order. */
struct diary {
    rt_spin lock;
    char text[200];
    struct rt_hook hooks[4];
    bool named; /* the process's name was there when a hook ran */
};

struct entry {
    struct rt_hook hook; /* first */
    struct diary *diary;
    char letter;
};

static void note(struct diary *d, char letter)
{
    size_t n;

    rt__lock(&d->lock);
    n = strlen(d->text);
    d->text[n] = letter;
    d->text[n + 1] = 0;
    rt__unlock(&d->lock);
}

static void notes_and_frees(struct rt_hook *hook, struct rt *rt)
{
    struct entry *e = (struct entry *)(void *)hook;
    etf_pid pid;

    if (rt_whereis(rt, etf_atom("hooked"), &pid) != AGNER_ENONAME)
        e->diary->named = true;
    note(e->diary, e->letter);
    free(e);
}

static struct entry *entry_new(struct diary *d, char letter)
{
    struct entry *e = calloc(1, sizeof *e);

    if (e == NULL)
        abort();
    e->hook.run = notes_and_frees;
    e->diary = d;
    e->letter = letter;
    return e;
}

/* Adds five, takes three of them back: the first, one between, the last. */
static void has_hooks(struct gen *self, void *arg)
{
    struct diary *d = arg;
    struct entry *e[5];
    etf_term m;

    for (unsigned i = 0; i < 5; i++) {
        e[i] = entry_new(d, (char)('a' + i));
        if (rt_hook_add(self, &e[i]->hook) != AGNER_OK)
            note(d, '!');
    }
    for (unsigned i = 0; i < 5; i += 2) {
        if (!rt_hook_remove(rt_of(self), &e[i]->hook) ||
            rt_hook_remove(rt_of(self), &e[i]->hook))
            note(d, '?');
    }
    /* What was taken back may be put there again. */
    if (rt_hook_add(self, &e[2]->hook) != AGNER_OK)
        note(d, '!');
    free(e[0]);
    free(e[4]);
    if (rt_receive(self, RT_INFINITY, &m) == AGNER_OK &&
        etf_atom_is(m, "leave"))
        rt_exit(self, m);
    if (rt_check(self) != AGNER_OK) {
        struct entry *late = entry_new(d, 'x');

        if (rt_hook_add(self, &late->hook) == AGNER_OK ||
            rt_hook_remove(rt_of(self), &late->hook))
            note(d, '?');
        free(late);
    }
}

static void hooks_run_at_the_end(struct bed *bed)
{
    static const char *const ends[] = { "normal", "exit", "kill", "stop" };

    for (unsigned i = 0; i < 4; i++) {
        struct diary d = { 0 };
        struct rt_spawn_options options = { .monitor = true,
                                            .name = etf_atom("hooked") };
        etf_ref ref;
        etf_pid pid;
        etf_term m;

        options.monitor_ref = &ref;
        assert_int_equal(rt_spawn(bed->self, has_hooks, &d, &options, &pid),
                         AGNER_OK);
        if (i == 0)
            assert_int_equal(rt_send_pid(bed->self, pid, ETF_A(ok)), AGNER_OK);
        else if (i == 1)
            assert_int_equal(rt_send_pid(bed->self, pid, etf_atom("leave")),
                             AGNER_OK);
        else
            /* Not before it has begun. */
            while (rt_is_alive(bed->rt, pid)) {
                struct rt_process_info info;

                if (rt_process_glance(bed->rt, pid, &info) == AGNER_OK &&
                    info.status == RT_STATUS_CALLING)
                    (void)rt_kill(bed->rt, pid, etf_atom(ends[i]));
                (void)rt_sleep(bed->self, 1);
            }
        /* Whoever hears of the end finds that the hooks have run. */
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
        assert_true(etf_is_tagged(m, ETF_A(DOWN), 5));
        assert_string_equal(d.text, "cdb");
        assert_false(d.named);
    }
}

static void hooks_of_a_thread_run_when_it_detaches(struct bed *bed)
{
    struct diary d = { 0 };
    struct gen *self = rt_attach(bed->rt);

    assert_non_null(self);
    assert_int_equal(rt_hook_add(self, &entry_new(&d, 'a')->hook), AGNER_OK);
    rt_detach(self);
    assert_string_equal(d.text, "a");
    self = rt_attach(bed->rt); /* the same slot's next life has none of it */
    rt_detach(self);
    assert_string_equal(d.text, "a");
}

static void ends_by_itself(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
}

#define WATCHES 200u

static void idles(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_sleep(self, RT_INFINITY);
}

/* A hook from birth: also of one that ends before it has begun, and of none
 * that was not born. */
static void a_hook_from_birth_runs_in_any_case(struct bed *bed)
{
    for (unsigned i = 0; i < 3; i++) {
        struct diary d = { 0 };
        struct rt_spawn_options options = { .name = etf_atom("twice") };
        struct entry *e = entry_new(&d, 'a'), *other = entry_new(&d, 'b');
        etf_pid pid, none;
        etf_term down;
        etf_ref ref;

        /* Who watches it from birth hears of the end after the hook has run;
         * who comes when it is ending may hear at once that it is none. */
        options.monitor = true;
        options.monitor_ref = &ref;
        options.hook = &e->hook;
        assert_int_equal(
            rt_spawn(bed->self, ends_by_itself, NULL, &options, &pid),
            AGNER_OK);
        options.monitor = false;
        options.name = etf_make(bed->self, "7"); /* no name */
        options.hook = &other->hook;
        assert_int_equal(
            rt_spawn(bed->self, ends_by_itself, NULL, &options, &none),
            AGNER_EINVAL);
        assert_false(rt_hook_remove(bed->rt, &other->hook));
        free(other);
        if (i < 2)
            (void)rt_kill(bed->rt, pid, i == 0 ? ETF_A(kill) : ETF_A(shutdown));
        assert_int_equal(rt_receive(bed->self, 60000, &down), AGNER_OK);
        assert_string_equal(d.text, "a");
    }
}

struct ending {
    struct rt_hook hook; /* first */
    _Atomic bool has_begun, is_asked_for;
};

static void ends_when_asked_for(struct rt_hook *hook, struct rt *rt)
{
    struct ending *e = (struct ending *)(void *)hook;

    (void)rt;
    store_release(&e->has_begun, true);
    while (!load_acquire(&e->is_asked_for))
        atomic_relax();
}

/* Who asks for a process that is just ending is answered at once; but rt_wait()
 * comes back when all who watch it have been told. */
static void a_wait_for_an_end_is_over_when_all_are_told(struct bed *bed)
{
    if (bed->sim != NULL)
        return; /* an end is one step */
    for (unsigned i = 0; i < 20; i++) {
        struct ending e = { .hook.run = ends_when_asked_for };
        struct rt_spawn_options options = { .hook = &e.hook };
        unsigned told = 0;
        etf_term down;
        etf_ref ref;
        etf_pid pid;

        assert_int_equal(rt_spawn(bed->self, idles, NULL, &options, &pid),
                         AGNER_OK);
        for (unsigned k = 0; k < WATCHES; k++)
            assert_int_equal(
                rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &ref),
                AGNER_OK);
        assert_int_equal(rt_kill(bed->rt, pid, ETF_A(kill)), AGNER_OK);
        while (!load_acquire(&e.has_begun))
            atomic_relax();
        store_release(&e.is_asked_for, true);
        assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
        while (rt_receive(bed->self, 0, &down) == AGNER_OK)
            told += etf_is_tagged(down, ETF_A(DOWN), 5);
        assert_int_equal(told, WATCHES);
        rt_reset(bed->self);
    }
}

static void a_hook_that_was_never_added_is_not_there(struct bed *bed)
{
    struct rt_hook hook = { .run = notes_and_frees };

    assert_false(rt_hook_remove(bed->rt, &hook));
}

/* ---- Hooks that others remove ------------------------------------------- */

#define HOOKED 40u
#define EACH   4u

struct contest {
    struct rt *rt;
    struct {
        struct rt_hook hook; /* first */
        _Atomic unsigned ran, removed;
    } rows[HOOKED][EACH];
    _Atomic unsigned next, ready;
    _Atomic bool go;
};

static void ran(struct rt_hook *hook, struct rt *rt)
{
    _Atomic unsigned *count = (_Atomic unsigned *)(void *)(hook + 1);

    (void)rt;
    (void)add_relaxed(count, 1u);
}

/* Waits for a word, and ends when all are there. */
static void contends(struct gen *self, void *arg)
{
    struct contest *c = arg;
    unsigned mine = add_relaxed(&c->next, 1u);
    etf_term m;

    for (unsigned i = 0; i < EACH; i++) {
        c->rows[mine][i].hook.run = ran;
        (void)rt_hook_add(self, &c->rows[mine][i].hook);
    }
    (void)add_acq_rel(&c->ready, 1u);
    (void)rt_receive(self, RT_INFINITY, &m);
}

static void *removes(void *arg)
{
    struct contest *c = arg;

    while (!load_acquire(&c->go))
        atomic_relax();
    for (unsigned i = 0; i < HOOKED; i++)
        for (unsigned k = 0; k < EACH; k++)
            if (rt_hook_remove(c->rt, &c->rows[i][k].hook))
                (void)add_relaxed(&c->rows[i][k].removed, 1u);
    return NULL;
}

/* Each runs, or is removed: never both, never neither. */
static void a_hook_runs_unless_it_is_removed(struct bed *bed)
{
    struct contest *c = calloc(1, sizeof *c);
    etf_pid pids[HOOKED];
    pthread_t thread;

    assert_non_null(c);
    c->rt = bed->rt;
    for (unsigned i = 0; i < HOOKED; i++)
        pids[i] = start(bed, contends, c);
    while (load_acquire(&c->ready) < HOOKED)
        (void)rt_sleep(bed->self, 1);
    if (bed->sim == NULL)
        assert_int_equal(pthread_create(&thread, NULL, removes, c), 0);
    store_release(&c->go, true);
    for (unsigned i = 0; i < HOOKED; i++) {
        (void)rt_send_pid(bed->self, pids[i], ETF_A(ok));
        if (bed->sim != NULL && i == HOOKED / 2)
            (void)removes(c);
    }
    for (unsigned i = 0; i < HOOKED; i++)
        join(bed, pids[i]);
    if (bed->sim == NULL)
        assert_int_equal(pthread_join(thread, NULL), 0);
    for (unsigned i = 0; i < HOOKED; i++)
        for (unsigned k = 0; k < EACH; k++)
            assert_int_equal(load_relaxed(&c->rows[i][k].ran) +
                                 load_relaxed(&c->rows[i][k].removed),
                             1);
    free(c);
}

/* ---- Figures ------------------------------------------------------------ */

struct shown {
    struct rt_figures figures; /* first */
    int64_t value;
};

static etf_term show(const struct rt_figures *figures, struct etf_region *r)
{
    const struct shown *s = (const struct shown *)(const void *)figures;

    return etf_make(r, "#{value => _}", s->value);
}

static void assert_figures(struct bed *bed, const char *kind, const char *text)
{
    char seen[300];

    etf_format(seen, sizeof seen,
               rt_figures_list(bed->rt, rt_region(bed->self), kind));
    assert_string_equal(seen, text);
}

static void lists_figures_in_order(struct bed *bed)
{
    struct shown s[4];
    char text[300], pid[60];

    for (unsigned i = 0; i < 4; i++)
        s[i] = (struct shown){ .figures = { .kind = i == 1 ? "other" : "some",
                                            .show = show },
                               .value = i };
    s[2].figures.pid = rt_self(bed->self);
    etf_format(pid, sizeof pid, rt_self_term(bed->self));
    rt_figures_remove(bed->rt, &s[0].figures); /* not there: nothing */
    assert_figures(bed, "some", "[]");
    for (unsigned i = 0; i < 4; i++)
        rt_figures_add(bed->rt, &s[i].figures);
    (void)snprintf(text, sizeof text,
                   "[{undefined,#{value => 0}},{%s,#{value => 2}},"
                   "{undefined,#{value => 3}}]",
                   pid);
    assert_figures(bed, "some", text);
    assert_figures(bed, "other", "[{undefined,#{value => 1}}]");
    rt_figures_remove(bed->rt, &s[2].figures);
    rt_figures_remove(bed->rt, &s[2].figures);
    assert_figures(bed, "some",
                   "[{undefined,#{value => 0}},{undefined,#{value => 3}}]");
    rt_figures_remove(bed->rt, &s[0].figures);
    rt_figures_remove(bed->rt, &s[3].figures);
    rt_figures_add(bed->rt, &s[0].figures);
    assert_figures(bed, "some", "[{undefined,#{value => 0}}]");
    rt_figures_remove(bed->rt, &s[1].figures);
    rt_figures_remove(bed->rt, &s[0].figures);
    assert_figures(bed, "some", "[]");
    assert_figures(bed, "other", "[]");
}

/* A process whose figures are in its state, which is freed with it. */
static enum rt_next shows_init(struct gen *self, etf_term args)
{
    struct shown *s = rt_state(self);

    (void)args;
    *s = (struct shown){ .figures = { .kind = "state", .show = show },
                         .value = 7 };
    s->figures.pid = rt_self(self);
    rt_figures_add(rt_of(self), &s->figures);
    return RT_NEXT;
}

static enum rt_next shows_message(struct gen *self, const struct rt_message *m)
{
    (void)m;
    rt_figures_remove(rt_of(self), rt_state(self));
    return RT_STOP;
}

static const struct rt_behavior shows = { .name = "shows",
                                          .state_size = sizeof(struct shown),
                                          .init = shows_init,
                                          .message = shows_message };

struct parade {
    struct rt *rt;
    _Atomic bool over;
    _Atomic unsigned looks, faults;
};

static void look(struct parade *p)
{
    struct etf_region *r = etf_region_new(0);
    etf_term list = rt_figures_list(p->rt, r, "state"), head;

    while (etf_list_next(&list, &head)) {
        etf_pid pid;
        int64_t value;

        if (!etf_match(head, "{_, #{value => _}}", &pid, &value) || value != 7)
            (void)add_relaxed(&p->faults, 1u);
    }
    etf_region_free(r);
    (void)add_relaxed(&p->looks, 1u);
}

static void *looks(void *arg)
{
    struct parade *p = arg;

    while (!load_acquire(&p->over))
        look(p);
    return NULL;
}

static void owners_come_and_go_meanwhile(struct bed *bed)
{
    struct parade p = { .rt = bed->rt };
    etf_pid pids[30];
    pthread_t thread;

    if (bed->sim == NULL)
        assert_int_equal(pthread_create(&thread, NULL, looks, &p), 0);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 30; i++)
            assert_int_equal(
                rt_start(bed->self, &shows, etf_nil(), NULL, &pids[i], NULL),
                AGNER_OK);
        look(&p);
        for (unsigned i = 0; i < 30; i++)
            (void)rt_send_pid(bed->self, pids[i], ETF_A(ok));
        for (unsigned i = 0; i < 30; i++)
            join(bed, pids[i]);
    }
    while (bed->sim == NULL && load_relaxed(&p.looks) < 20)
        (void)rt_sleep(bed->self, 1);
    store_release(&p.over, true);
    if (bed->sim == NULL)
        assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(load_relaxed(&p.faults), 0);
    assert_figures(bed, "state", "[]");
}

#define CASE(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        bed_everywhere(name, SEEDS); \
    }

CASE(wakes_who_waits_in_line)
CASE(is_woken_before_it_waits)
CASE(waits_no_longer_than_it_is_told)
CASE(waits_until_a_time)
CASE(a_late_wake_ends_no_other_wait)
CASE(waits_at_several_objects)
CASE(a_signal_ends_the_wait)
CASE(a_wake_counts_before_a_signal)
CASE(code_that_does_not_hear_is_left)
CASE(no_unit_is_lost)
CASE(hooks_run_at_the_end)
CASE(hooks_of_a_thread_run_when_it_detaches)
CASE(a_hook_from_birth_runs_in_any_case)
CASE(a_wait_for_an_end_is_over_when_all_are_told)
CASE(a_hook_that_was_never_added_is_not_there)
CASE(a_hook_runs_unless_it_is_removed)
CASE(lists_figures_in_order)
CASE(owners_come_and_go_meanwhile)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes_who_waits_in_line),
        cmocka_unit_test(test_is_woken_before_it_waits),
        cmocka_unit_test(test_waits_no_longer_than_it_is_told),
        cmocka_unit_test(test_waits_until_a_time),
        cmocka_unit_test(test_a_late_wake_ends_no_other_wait),
        cmocka_unit_test(test_waits_at_several_objects),
        cmocka_unit_test(test_a_signal_ends_the_wait),
        cmocka_unit_test(test_a_wake_counts_before_a_signal),
        cmocka_unit_test(test_code_that_does_not_hear_is_left),
        cmocka_unit_test(test_no_unit_is_lost),
        cmocka_unit_test(test_hooks_run_at_the_end),
        cmocka_unit_test(test_hooks_of_a_thread_run_when_it_detaches),
        cmocka_unit_test(test_a_hook_from_birth_runs_in_any_case),
        cmocka_unit_test(test_a_wait_for_an_end_is_over_when_all_are_told),
        cmocka_unit_test(test_a_hook_that_was_never_added_is_not_there),
        cmocka_unit_test(test_a_hook_runs_unless_it_is_removed),
        cmocka_unit_test(test_lists_figures_in_order),
        cmocka_unit_test(test_owners_come_and_go_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

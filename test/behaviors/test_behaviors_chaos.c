/*
 * test_behaviors_chaos.c -- servers that are called, stopped and killed at
 * random: what holds all the same.
 *
 * I4: a call returns once and its answer never shows up in the mailbox. I5: at
 * most one callback of a process runs; terminate at most once, destroy exactly
 * once. The choices come from fixed seeds; which of them meet is up to the
 * threads.
 */
#include "probe.h"

#define SERVERS 6
#define DRIVERS 4
#define STEPS   400

/* Of all servers of a test. */
struct counts {
    atomic_int inits, terminates, destroys;
    atomic_int overlaps; /* callbacks of one process at once */
};

struct target {
    struct counts *counts; /* borrowed: the test's */
    atomic_int inside;
    bool terminated;
    int64_t sum;
};

static bool begin(struct target *t)
{
    bool alone = atomic_fetch_add(&t->inside, 1) == 0;

    if (!alone)
        atomic_fetch_add(&t->counts->overlaps, 1);
    return alone;
}

static void end(struct target *t)
{
    atomic_fetch_sub(&t->inside, 1);
}

static enum gen_next target_init(struct gen *self, etf_term args)
{
    struct target *t = gen_state(self);
    void *counts;

    if (!etf_get_resource(args, &counts))
        return gen_stop(self, etf_make(self, "badarg"));
    t->counts = counts;
    atomic_fetch_add(&t->counts->inits, 1);
    return GEN_NEXT;
}

/* {add, N} answers; {pass, To, N} asks another first, who may be dead or busy.
 */
static enum gen_next target_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct target *t = gen_state(self);
    etf_term to, reason;
    int64_t n;
    enum gen_next next = GEN_NEXT;

    (void)begin(t);
    if (etf_match(request, "{add, _}", &n)) {
        t->sum += n;
        next = gen_reply(self, from, etf_make(self, "{added, _}", n));
    } else if (etf_match(request, "{pass, _, _}", &to, &n)) {
        (void)gen_call(self, to, etf_make(self, "{add, 1}"), 1, NULL);
        next = gen_reply(self, from, etf_make(self, "{added, _}", n));
    } else if (etf_match(request, "{stop, _}", &reason)) {
        next = gen_stop_reply(self, from, reason, etf_make(self, "stopped"));
    } else if (etf_match(request, "{leave, _}", &reason)) {
        end(t);
        rt_exit(self, reason);
    } /* anything else is not answered */
    end(t);
    return next;
}

static enum gen_next target_info(struct gen *self, etf_term message)
{
    struct target *t = gen_state(self);

    (void)message;
    (void)begin(t);
    end(t);
    return GEN_NEXT;
}

static void target_terminate(struct gen *self, etf_term reason)
{
    struct target *t = gen_state(self);

    (void)reason;
    (void)begin(t);
    if (t->terminated)
        atomic_fetch_add(&t->counts->overlaps, 1);
    t->terminated = true;
    atomic_fetch_add(&t->counts->terminates, 1);
    end(t);
}

static void target_destroy(void *state)
{
    struct target *t = state;

    if (t->counts != NULL)
        atomic_fetch_add(&t->counts->destroys, 1);
}

static const struct gen_server target_server = {
    .name = "target",
    .state_size = sizeof(struct target),
    .init = target_init,
    .handle_call = target_call,
    .handle_cast = target_info,
    .handle_info = target_info,
    .terminate = target_terminate,
    .destroy = target_destroy,
};

struct driver {
    struct counts *counts; /* borrowed */
    const etf_term *names; /* borrowed: SERVERS of them */
    uint64_t seed;
    atomic_int wrong;
    char complaint[200]; /* the first; read when the driver is dead */
};

static uint64_t draw(struct driver *d, uint64_t below)
{
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 7;
    d->seed ^= d->seed << 17;
    return d->seed % below;
}

static void complain(struct driver *d, const char *what, enum agner_err err)
{
    if (atomic_fetch_add(&d->wrong, 1) == 0)
        (void)snprintf(d->complaint, sizeof d->complaint, "%s: %s", what,
                       agner_strerror(err));
}

/* Starts the server of this name if there is none. */
static void revive(struct gen *self, struct driver *d, etf_term name)
{
    struct rt_spawn_options options = { .name = name };
    etf_pid pid;
    enum agner_err err;

    err = gen_start(self, &target_server,
                    etf_resource(rt_region(self), d->counts, NULL), &options,
                    &pid, NULL);
    if (err != AGNER_OK && err != AGNER_ETAKEN &&
        err != AGNER_EEXIT) /* another driver may kill it in its init */
        complain(d, "start", err);
}

static void call_once(struct gen *self, struct driver *d, etf_term to)
{
    int64_t n = (int64_t)draw(d, 1000);
    etf_term request, reply = ETF_NONE;
    uint64_t timeout_ms = draw(d, 3) == 0 ? draw(d, 2) : PROBE_LONG_MS;
    enum agner_err err;
    int64_t added;

    switch (draw(d, 8)) {
    case 0:
        request = etf_make(self, "{stop, {shutdown, x}}");
        break;
    case 1:
        request = etf_make(self, "{leave, {shutdown, y}}");
        break;
    case 2:
        request = etf_make(self, "silence");
        timeout_ms = draw(d, 2);
        break;
    case 3:
        request = etf_make(self, "{pass, _, _}", d->names[draw(d, SERVERS)], n);
        break;
    default:
        request = etf_make(self, "{add, _}", n);
        break;
    }
    err = gen_call(self, to, request, timeout_ms, &reply);
    if (err == AGNER_OK && etf_match(reply, "{added, _}", &added)) {
        if (added != n)
            complain(d, "another call's answer", err);
    } else if (err == AGNER_OK) {
        if (!etf_atom_is(reply, "stopped"))
            complain(d, "no answer of ours", err);
    } else if (err == AGNER_ETIMEOUT) {
        if (timeout_ms == PROBE_LONG_MS)
            complain(d, "a call without an outcome", err);
    } else if (err != AGNER_ENONAME && err != AGNER_ENOPROC &&
               err != AGNER_EEXIT) {
        complain(d, "call", err);
    }
}

static void step(struct gen *self, struct driver *d)
{
    etf_term name = d->names[draw(d, SERVERS)];
    etf_pid pid;

    switch (draw(d, 6)) {
    case 0:
        revive(self, d, name);
        break;
    case 1:
        if (draw(d, 4) == 0 && rt_whereis(rt_of(self), name, &pid) == AGNER_OK)
            (void)rt_exit_signal(
                self, pid, draw(d, 2) == 0 ? ETF_A(kill) : ETF_A(shutdown));
        break;
    case 2:
        (void)gen_cast(self, name, etf_atom("hello")); /* may be dead */
        break;
    default:
        call_once(self, d, name);
        break;
    }
}

static void drive(struct gen *self, void *arg)
{
    struct driver *d = arg;
    etf_term m;

    for (int i = 0; i < STEPS; i++) {
        step(self, d);
        rt_reset(self);
    }
    if (rt_receive(self, 0, &m) == AGNER_OK)
        complain(d, "something was left in the mailbox", AGNER_OK);
}

static void ends_every_call_once_and_every_server_once(void **state)
{
    struct probe_world *world = *state;
    struct counts *counts = test_calloc(1, sizeof *counts);
    struct driver *drivers = test_calloc(DRIVERS, sizeof *drivers);
    etf_term names[SERVERS];
    etf_pid pids[DRIVERS];

    for (int i = 0; i < SERVERS; i++) {
        char name[20];

        (void)snprintf(name, sizeof name, "target_%d", i);
        names[i] = etf_atom(name);
    }
    for (int i = 0; i < DRIVERS; i++) {
        drivers[i].counts = counts;
        drivers[i].names = names;
        drivers[i].seed = 0x9e3779b97f4a7c15u * (uint64_t)(i + 1);
        assert_int_equal(
            rt_spawn(world->self, drive, &drivers[i], NULL, &pids[i]),
            AGNER_OK);
    }
    for (int i = 0; i < DRIVERS; i++) {
        assert_int_equal(rt_wait(world->self, pids[i], RT_INFINITY), AGNER_OK);
        if (atomic_load(&drivers[i].wrong) != 0)
            fail_msg("driver %d: %s", i, drivers[i].complaint);
    }
    rt_detach(world->self);
    rt_free(world->rt, 1000);
    world->self = NULL;
    assert_true(atomic_load(&counts->inits) > SERVERS);
    assert_int_equal(atomic_load(&counts->inits),
                     atomic_load(&counts->destroys));
    assert_true(atomic_load(&counts->terminates) <=
                atomic_load(&counts->inits));
    assert_int_equal(atomic_load(&counts->overlaps), 0);
    test_free(counts);
    test_free(drivers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            ends_every_call_once_and_every_server_once, probe_world_start,
            probe_world_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

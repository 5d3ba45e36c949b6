/*
 * test_behaviors_property.c -- I1, I4 and I5 for servers whose every step is
 * drawn: who runs next, what a handler does, who dies.
 *
 * Clients call and cast to servers by name and start those that are dead; a
 * handler may wait, call another server, answer later, never, or end. All of it
 * is one thread in a simulated world, so plain memory tells what happened.
 * AGNER_SEED=n runs that seed alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#define SEEDS     60
#define SERVERS   4
#define CLIENTS   5
#define STEPS     60
#define LIVES_MAX 2000
#define QUIET_MS  1000 /* of virtual time: longer than any wait in it */

/* What one life of a server did. */
struct life {
    int terminates, destroys;
    bool inside;           /* a callback runs */
    int64_t last[CLIENTS]; /* the last cast of each client */
};

struct arena {
    struct sim *sim;
    struct rt *rt;
    struct life lives[LIVES_MAX];
    size_t life_count;
    int64_t calls, answers;
    int clients_done;
    /* What went wrong, by invariant: the first of each, or NULL. */
    const char *order, *call, *callback;
};

static void note(const char **wrong, const char *what)
{
    if (*wrong == NULL)
        *wrong = what;
}

static etf_term name_of(uint64_t server)
{
    char text[16];

    (void)snprintf(text, sizeof text, "server_%u", (unsigned)server);
    return etf_atom(text);
}

static etf_term any_server(struct arena *a)
{
    return name_of(sim_draw(a->sim, SERVERS));
}

/* ---- Servers ------------------------------------------------------------ */

struct target {
    struct arena *arena; /* borrowed: the test's */
    struct life *life;
    struct gen_from kept; /* a call that is answered later */
    etf_term request;     /* of it: an integer */
    bool has_kept;
};

static void begin(const struct target *t)
{
    if (t->life->inside)
        note(&t->arena->callback, "two callbacks of a process at once");
    if (t->life->terminates > 0)
        note(&t->arena->callback, "a callback after terminate");
    t->life->inside = true;
}

static enum gen_next end(const struct target *t, enum gen_next next)
{
    t->life->inside = false;
    return next;
}

static enum gen_next target_init(struct gen *self, etf_term args)
{
    struct target *t = gen_state(self);
    void *arena;

    if (!etf_get_resource(args, &arena))
        return gen_stop(self, etf_atom("badarg"));
    t->arena = arena;
    if (t->arena->life_count == LIVES_MAX)
        return gen_stop(self, etf_atom("enough"));
    t->life = &t->arena->lives[t->arena->life_count++];
    if (sim_draw(t->arena->sim, 10) == 0) {
        rt_sleep(self, 3);
        return gen_stop(self, etf_atom("not_today"));
    }
    return GEN_NEXT;
}

static enum gen_next answer_kept(struct gen *self, struct target *t)
{
    t->has_kept = false;
    return gen_reply(self, t->kept, t->request);
}

static enum gen_next target_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct target *t = gen_state(self);
    struct sim *sim = t->arena->sim;
    enum gen_next next = GEN_NEXT;
    etf_term reply;

    begin(t);
    switch (sim_draw(sim, 12)) {
    case 0: /* never, or much later */
        t->kept = from;
        t->request = request;
        t->has_kept = true;
        break;
    case 1:
        (void)rt_sleep(self, sim_draw(sim, 20));
        next = gen_reply(self, from, request);
        break;
    case 2:
        (void)gen_call(self, any_server(t->arena), request, sim_draw(sim, 20),
                       &reply);
        next = gen_reply(self, from, request);
        break;
    case 3:
        next = gen_stop(self, etf_atom("drawn"));
        break;
    case 4:
        next = gen_stop_reply(self, from, etf_atom("drawn"), request);
        break;
    case 5:
        t->life->inside = false; /* terminate comes next */
        rt_exit(self, etf_atom("left"));
        break;
    default:
        next = gen_reply(self, from, request);
        break;
    }
    return end(t, next);
}

/* {Client, Number}: of each client in order. */
static enum gen_next target_cast(struct gen *self, etf_term request)
{
    struct target *t = gen_state(self);
    int64_t client, number;

    begin(t);
    if (etf_match(request, "{_, _}", &client, &number) && client >= 0 &&
        client < CLIENTS) {
        if (number <= t->life->last[client])
            note(&t->arena->order, "a cast came twice or too late");
        t->life->last[client] = number;
    }
    if (t->has_kept && sim_draw(t->arena->sim, 3) == 0)
        (void)answer_kept(self, t);
    return end(t, GEN_NEXT);
}

static void target_terminate(struct gen *self, etf_term reason)
{
    struct target *t = gen_state(self);

    (void)reason;
    begin(t);
    t->life->terminates++;
    if (sim_draw(t->arena->sim, 3) == 0)
        (void)rt_sleep(self, 5);
    (void)end(t, GEN_NEXT);
}

static void target_destroy(void *state)
{
    struct target *t = state;

    if (t->life != NULL)
        t->life->destroys++;
}

static const struct gen_server target_server = {
    .name = "target",
    .state_size = sizeof(struct target),
    .init = target_init,
    .handle_call = target_call,
    .handle_cast = target_cast,
    .terminate = target_terminate,
    .destroy = target_destroy,
};

/* ---- Clients ------------------------------------------------------------ */

struct client {
    struct arena *arena;
    int64_t index;
};

/* Each call has a number of its own, which is its only right answer. */
static void call_once(struct gen *self, struct arena *a, etf_term name)
{
    int64_t number = ++a->calls, seen = 0;
    etf_term reply = ETF_NONE;
    enum agner_err err = gen_call(self, name, etf_make(self, "_", number),
                                  sim_draw(a->sim, 30), &reply);

    if (err != AGNER_OK)
        return;
    a->answers++;
    if (!etf_get_int(reply, &seen) || seen != number)
        note(&a->call, "the answer of another call");
}

static void revive(struct gen *self, struct arena *a, etf_term name)
{
    struct rt_spawn_options options = { .name = name };
    etf_pid pid;

    (void)gen_start(self, &target_server,
                    etf_resource(rt_region(self), a, NULL), &options, &pid,
                    NULL); /* somebody else may have been faster */
}

static void end_one(struct gen *self, struct arena *a, etf_term name)
{
    etf_pid pid;

    if (rt_whereis(a->rt, name, &pid) == AGNER_OK)
        (void)rt_exit_signal(self, pid,
                             sim_draw(a->sim, 2) == 0 ? ETF_A(kill)
                                                      : ETF_A(shutdown));
}

static void play(struct gen *self, void *arg)
{
    const struct client *client = arg;
    struct arena *a = client->arena;
    etf_term m;

    for (int64_t i = 1; i <= STEPS; i++) {
        etf_term name = any_server(a);

        switch (sim_draw(a->sim, 8)) {
        case 0:
            revive(self, a, name);
            break;
        case 1:
            if (sim_draw(a->sim, 3) == 0)
                end_one(self, a, name);
            break;
        case 2:
        case 3:
            (void)gen_cast(self, name,
                           etf_make(self, "{_, _}", client->index, i));
            break;
        default:
            call_once(self, a, name);
            break;
        }
        rt_reset(self);
    }
    (void)rt_sleep(self, QUIET_MS / 2); /* for what comes late */
    if (rt_receive(self, 0, &m) == AGNER_OK)
        note(&a->call, "a late answer in a mailbox");
    a->clients_done++;
}

/* ---- Runs --------------------------------------------------------------- */

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static bool all_done(void *ctx)
{
    return ((const struct arena *)ctx)->clients_done == CLIENTS;
}

/* One run; the arena that it leaves, to be freed. */
static struct arena *run(uint64_t seed)
{
    struct arena *a = calloc(1, sizeof *a);
    struct sim_options sim_options = { .pick = (enum sim_pick)(seed % 5),
                                       .change_points = 4 };
    struct rt_options options = { .log = quiet };
    struct client clients[CLIENTS];
    struct gen *self;
    etf_pid pid;

    assert_non_null(a);
    a->sim = sim_new(seed, &sim_options);
    assert_non_null(a->sim);
    options.world = sim_world(a->sim);
    assert_int_equal(rt_new(&options, &a->rt, NULL), AGNER_OK);
    self = rt_attach(a->rt);
    assert_non_null(self);
    for (uint64_t i = 0; i < SERVERS; i++)
        revive(self, a, name_of(i));
    for (int64_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ a, i };
        assert_int_equal(rt_spawn(self, play, &clients[i], NULL, &pid),
                         AGNER_OK);
    }
    if (!sim_run_until(a->sim, all_done, a, RT_INFINITY))
        note(&a->call, "a call did not return");
    rt_detach(self);
    rt_free(a->rt, 1000);
    sim_free(a->sim);
    for (size_t i = 0; i < a->life_count; i++) {
        if (a->lives[i].destroys != 1)
            note(&a->callback, "destroy did not run once");
        if (a->lives[i].terminates > 1)
            note(&a->callback, "terminate ran twice");
    }
    return a;
}

/* Runs all seeds; `wrong` tells what an arena has to say. */
static void run_seeds(const char *(*wrong)(const struct arena *a))
{
    const char *only = getenv("AGNER_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : SEEDS;
    int64_t answers = 0;

    for (uint64_t seed = first; seed < first + count; seed++) {
        struct arena *a = run(seed);
        const char *what = wrong(a);

        answers += a->answers;
        free(a);
        if (what != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, what);
    }
    assert_true(answers > 0);
}

static const char *order_of(const struct arena *a)
{
    return a->order;
}

static const char *call_of(const struct arena *a)
{
    return a->call;
}

static const char *callback_of(const struct arena *a)
{
    return a->callback;
}

static void I1_casts_keep_their_order(void **state)
{
    (void)state;
    run_seeds(order_of);
}

static void I4_a_call_returns_once_with_its_own_answer(void **state)
{
    (void)state;
    run_seeds(call_of);
}

static void I5_callbacks_of_a_process_never_overlap(void **state)
{
    (void)state;
    run_seeds(callback_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I1_casts_keep_their_order),
        cmocka_unit_test(I4_a_call_returns_once_with_its_own_answer),
        cmocka_unit_test(I5_callbacks_of_a_process_never_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

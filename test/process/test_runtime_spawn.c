/*
 * test_runtime_spawn.c -- spawns across nodes, drawn: who asks ends, gives up
 * or waits too short a time, connections are lost, processes end at once.
 *
 * Whatever happens, each request has one outcome, which comes before all that
 * its process does; each link and monitor fires once; and no process lives on
 * that somebody was told, or had to be told, there is not: I15, and
 * spec/distribution.md 6. A run is a function of its seed; AGNER_SEED=n replays
 * one, and AGNER_SEEDS=n tries so many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "twin.h"

#define SEEDS        600u
#define ASKERS       6
#define REQUESTS_MAX 200
#define QUIET_MS     4000u /* of virtual time: longer than any wait */

struct asker;

struct request {
    struct asker *asker;
    etf_ref ref;
    bool far, link, monitor;
    bool waited;    /* by rt_spawn_node() */
    bool abandoned; /* and nothing is to come */
    int oks, errors, downs, exits;
    etf_pid pid;     /* as told */
    struct side *at; /* where it runs, */
    etf_pid child;   /* ... and who, as that side sees it */
    int births;
};

struct asker {
    struct play *play;
    struct side *side;
    etf_pid pid;
};

struct play {
    uint64_t seed;
    struct twin twin;
    struct asker askers[ASKERS];
    struct request requests[REQUESTS_MAX];
    int count;
    char wrong[160];
};

static void wrong(struct play *play, const struct request *r, const char *what)
{
    if (play->wrong[0] == '\0')
        (void)snprintf(play->wrong, sizeof play->wrong, "request %d: %s",
                       (int)(r - play->requests), what);
}

static uint64_t draw(struct play *play, uint64_t bound)
{
    return sim_draw(play->twin.sim, bound);
}

/* ---- What is started -------------------------------------------------------
 */

/* [Number, Kind, Asker]: says hello, and ends in a way of its own. */
static void child(struct gen *self, etf_term module, etf_term function,
                  etf_term args, void *data)
{
    struct side *side = data;
    struct play *play =
        (struct play *)((char *)side->twin - offsetof(struct play, twin));
    uint64_t number, kind;
    struct request *r;
    etf_term to, message;

    (void)module;
    (void)function;
    if (!etf_match(args, "[_, _, _]", &number, &kind, &to))
        return;
    r = &play->requests[number];
    r->at = side;
    r->child = rt_self(self);
    r->births++;
    (void)rt_send(self, to, etf_make(self, "{hello, _}", number));
    switch (kind) {
    case 0:
        return;
    case 1:
        rt_exit(self, etf_atom("boom"));
        return;
    case 2:
        (void)rt_sleep(self, draw(play, 30));
        return;
    default:
        (void)rt_receive(self, RT_INFINITY, &message);
    }
}

/* ---- Who asks
 * ---------------------------------------------------------------- */

/* References are of one runtime, and there are two. */
static struct request *by_ref(const struct asker *asker, etf_ref ref)
{
    struct play *play = asker->play;
    int i;

    for (i = 0; i < play->count; i++)
        if (play->requests[i].asker == asker &&
            etf_ref_equal(play->requests[i].ref, ref))
            return &play->requests[i];
    return &play->requests[0]; /* of nobody: its counts will be wrong */
}

static struct request *by_pid(const struct asker *asker, etf_pid pid)
{
    struct play *play = asker->play;
    int i;

    for (i = 0; i < play->count; i++)
        if (play->requests[i].asker == asker && play->requests[i].oks > 0 &&
            etf_pid_equal(play->requests[i].pid, pid))
            return &play->requests[i];
    return NULL;
}

static void take(struct asker *asker, etf_term m)
{
    struct play *play = asker->play;
    struct request *r = NULL;
    uint64_t number;
    etf_term reason;
    etf_ref ref;
    etf_pid pid;

    if (etf_match(m, "{spawn_reply, _, ok, _}", &ref, &pid)) {
        r = by_ref(asker, ref);
        r->oks++;
        r->pid = pid;
    } else if (etf_match(m, "{spawn_reply, _, error, _}", &ref, &reason)) {
        by_ref(asker, ref)->errors++;
    } else if (etf_match(m, "{'DOWN', _, process, __, __}", &ref)) {
        r = by_ref(asker, ref);
        r->downs++;
        if (r->oks == 0)
            wrong(play, r, "a down before the reply");
    } else if (etf_match(m, "{'EXIT', _, __}", &pid)) {
        r = by_pid(asker, pid);
        if (r == NULL)
            wrong(play, &play->requests[0], "an exit of nobody");
        else
            r->exits++;
    } else if (etf_match(m, "{hello, _}", &number)) {
        r = &play->requests[number];
        if (r->oks + r->errors == 0 && !r->abandoned && !r->waited)
            wrong(play, r, "a message before the reply");
    }
}

/* Takes what comes within `ms`. */
static void listen_for(struct gen *self, struct asker *asker, uint64_t ms)
{
    etf_term message;

    while (rt_receive(self, ms, &message) == AGNER_OK)
        take(asker, message);
}

static struct request *new_request(struct asker *asker)
{
    struct play *play = asker->play;
    struct request *r;

    if (play->count == REQUESTS_MAX)
        return NULL;
    r = &play->requests[play->count++];
    r->asker = asker;
    r->far = draw(play, 4) != 0;
    r->link = draw(play, 2) == 0;
    r->monitor = draw(play, 2) == 0;
    return r;
}

/* The node, and the arguments. */
static etf_term node_of(const struct request *r)
{
    const struct twin *twin = r->asker->side->twin;
    unsigned index = r->asker->side->index;

    return twin->sides[r->far ? 1 - index : index].name.name;
}

static etf_term args_of(struct gen *self, const struct request *r)
{
    struct play *play = r->asker->play;

    return etf_make(self, "[_, _, _]", (int64_t)(r - play->requests),
                    draw(play, 4), rt_self(self));
}

static etf_term module_of(struct play *play)
{
    return etf_atom(draw(play, 5) == 0 ? "few" : "child");
}

static void ask(struct gen *self, struct asker *asker)
{
    struct request *r = new_request(asker);
    struct rt_remote_spawn_options options = { .link = false };

    if (r == NULL)
        return;
    options.link = r->link;
    options.monitor = r->monitor;
    if (rt_spawn_request(self, node_of(r), module_of(asker->play),
                         etf_atom("f"), args_of(self, r), &options,
                         &r->ref) != AGNER_OK)
        wrong(asker->play, r, "it could not be sent");
    if (draw(asker->play, 5) == 0)
        r->abandoned = rt_spawn_abandon(self, r->ref) == AGNER_OK;
}

static void ask_and_wait(struct gen *self, struct asker *asker)
{
    struct request *r = new_request(asker);
    struct rt_remote_spawn_options options = { .link = false };
    etf_term reason;
    enum agner_err err;

    if (r == NULL)
        return;
    r->waited = true;
    options.link = r->link;
    options.monitor = r->monitor;
    options.monitor_ref = &r->ref;
    options.timeout_ms = 1 + draw(asker->play, 12);
    err = rt_spawn_node(self, node_of(r), module_of(asker->play), etf_atom("f"),
                        args_of(self, r), &options, &r->pid, &reason);
    if (err == AGNER_OK)
        r->oks++;
    else
        r->errors++;
    if (err != AGNER_OK && err != AGNER_ETIMEOUT && err != AGNER_ENOCONN &&
        err != AGNER_ELIMIT)
        wrong(asker->play, r, agner_strerror(err));
}

static void asking(struct gen *self, void *arg)
{
    struct asker *asker = arg;
    uint64_t steps = 1 + draw(asker->play, 40), i;

    (void)rt_trap_exit(self, true);
    for (i = 0; i < steps; i++)
        switch (draw(asker->play, 8)) {
        case 0:
        case 1:
        case 2:
            ask(self, asker);
            break;
        case 3:
            ask_and_wait(self, asker);
            break;
        case 4:
            if (draw(asker->play, 12) == 0)
                rt_exit(self, etf_atom("gone"));
            break;
        case 5:
            rt_yield(self);
            break;
        default:
            listen_for(self, asker, draw(asker->play, 5));
        }
    listen_for(self, asker, RT_INFINITY);
}

/* ---- What holds in the end
 * ---------------------------------------------------- */

static bool lives(struct side *side, etf_pid pid)
{
    return side != NULL && rt_is_alive(side->rt, pid);
}

static void check_request(struct play *play, const struct request *r)
{
    bool asker = lives(r->asker->side, r->asker->pid);
    bool born = lives(r->at, r->child), lossy = play->twin.losses > 0;

    if (r->births > 1)
        wrong(play, r, "two processes");
    if (asker && r->oks + r->errors != (r->abandoned ? 0 : 1))
        wrong(play, r, "not one outcome");
    if (r->downs > 1 || r->exits > 1)
        wrong(play, r, "fired twice");
    if (asker && r->oks == 1 && r->births == 1 && !born &&
        (r->downs != r->monitor || r->exits != r->link))
        wrong(play, r, "its end was not told");
    if (born && r->link && (!asker || r->oks == 0 || r->exits != 0))
        wrong(play, r, "a linked process lives on");
    if (born && !lossy && r->oks == 0 &&
        (r->waited || (asker && !r->abandoned)))
        wrong(play, r, "an orphan");
}

static void kill_all(struct play *play, struct gen *selves[2])
{
    int i;

    for (i = 0; i < play->count; i++)
        if (lives(play->requests[i].at, play->requests[i].child))
            (void)rt_exit_signal(selves[play->requests[i].at->index],
                                 play->requests[i].child, ETF_A(kill));
    for (i = 0; i < ASKERS; i++)
        (void)rt_exit_signal(selves[play->askers[i].side->index],
                             play->askers[i].pid, ETF_A(kill));
    (void)sim_run(play->twin.sim, 200);
    for (i = 0; i < 2; i++) {
        struct rt_stats stats;

        rt_stats(play->twin.sides[i].rt, &stats);
        if (stats.processes != 1)
            wrong(play, &play->requests[0], "processes are left");
    }
}

static void offer(struct side *side, const char *module,
                  const struct rt_remote *remote)
{
    assert_int_equal(rt_behavior_register(side->rt, RT_GROUP_REMOTE,
                                          etf_atom(module), remote, side, NULL),
                     AGNER_OK);
}

static void run(uint64_t seed)
{
    static const struct rt_remote any = { .run = child };
    static const struct rt_remote few = { .run = child, .max = 3 };
    struct sim_options options = { .steps_max = 2000000 };
    struct play *play = calloc(1, sizeof *play);
    struct gen *selves[2];
    struct sim *sim;
    char text[sizeof play->wrong];
    int i;

    assert_non_null(play);
    play->seed = seed;
    options.pick = (enum sim_pick)(seed % 5);
    options.change_points = 3;
    options.steps_expected = 2000;
    sim = sim_new(seed, &options);
    assert_non_null(sim);
    twin_open(&play->twin, sim, seed % 2 == 0 ? 0 : 15000);
    for (i = 0; i < 2; i++) {
        selves[i] = rt_attach(play->twin.sides[i].rt);
        offer(&play->twin.sides[i], "child", &any);
        offer(&play->twin.sides[i], "few", &few);
    }
    for (i = 0; i < ASKERS; i++) {
        struct asker *a = &play->askers[i];

        a->play = play;
        a->side = &play->twin.sides[i % 2];
        assert_int_equal(rt_spawn(selves[i % 2], asking, a, NULL, &a->pid),
                         AGNER_OK);
    }
    (void)sim_run(sim, QUIET_MS);
    play->twin.loss_ppm = 0;
    (void)sim_run(sim, 200);
    for (i = 0; i < play->count; i++)
        check_request(play, &play->requests[i]);
    kill_all(play, selves);
    for (i = 0; i < 2; i++)
        rt_detach(selves[i]);
    twin_close(&play->twin);
    sim_free(sim);
    memcpy(text, play->wrong, sizeof text);
    free(play);
    if (text[0] != '\0')
        fail_msg("seed %llu: %s", (unsigned long long)seed, text);
}

static void each_request_has_one_outcome(void **state)
{
    const char *one = getenv("AGNER_SEED"), *many = getenv("AGNER_SEEDS");
    uint64_t seeds = many != NULL ? strtoull(many, NULL, 10) : SEEDS, seed;

    (void)state;
    if (one != NULL)
        run(strtoull(one, NULL, 10));
    for (seed = 1; one == NULL && seed <= seeds; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_one_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

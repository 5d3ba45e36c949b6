/*
 * test_sim_loss.c -- I15: the loss of a connection tells everything that went
 * across it, once, and nothing else.
 *
 * Three nodes in a simulated world. Watchers on the first are linked to,
 * monitor and ask processes of all three, while others send; then the
 * connection to the second is lost in a way that the seed draws.
 * NODE_SIM_SEED=n runs one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define NODES    3
#define WATCHERS 5
#define PORT     5000
#define SEEDS    60
#define TICK_MS  4000
#define LONG_MS  (10 * TICK_MS) /* of virtual time: a loss is found by then */

static const char *const names[NODES] = { "a@10.0.0.1", "b@10.0.0.2",
                                          "c@10.0.0.3" };
static const char *const hosts[NODES] = { "10.0.0.1", "10.0.0.2", "10.0.0.3" };

/* What a watcher heard of one node. */
struct heard {
    int exits, downs_by_pid, downs_by_name, nodedowns;
    int answers; /* of the request */
    enum agner_err answer;
};

struct scene;

struct watcher {
    struct scene *scene;
    bool ready;
    bool wrong; /* another message, or an operation failed */
    struct heard of[NODES];
};

struct scene {
    uint64_t seed;
    struct sim *sim;
    struct node *nodes[NODES];
    struct gen *at[NODES];
    etf_pid mutes[NODES]; /* a process on each that answers nothing, as a sees
                             it; called `mute` */
    struct watcher watchers[WATCHERS];
};

static void check(const struct scene *s, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)s->seed, what);
}

/* ---- Who plays ---------------------------------------------------------- */

static enum rt_next mute_message(struct gen *self, const struct rt_message *m)
{
    (void)self;
    (void)m;
    return RT_NEXT;
}

static const struct rt_behavior mute = { .name = "mute",
                                         .message = mute_message };

/* Which node a pid, {Name, Node} or node name is of; NODES: none. */
static int node_of(const struct scene *s, etf_term t)
{
    etf_term name = t;
    etf_pid pid;

    (void)etf_match(t, "{__, _}", &name);
    for (int i = 0; i < NODES; i++)
        if (etf_atom_is(name, names[i]) ||
            (etf_get_pid(t, &pid) && etf_pid_equal(pid, s->mutes[i])))
            return i;
    return NODES;
}

/* Counts a message of a watcher. */
static void count(struct watcher *w, etf_term m)
{
    etf_term object;
    int node;

    if (etf_match(m, "{'EXIT', _, noconnection}", &object)) {
        node = node_of(w->scene, object);
        if (node < NODES)
            w->of[node].exits++;
    } else if (etf_match(m, "{'DOWN', __, process, _, noconnection}",
                         &object)) {
        node = node_of(w->scene, object);
        if (node < NODES && etf_kind(object) == ETF_KIND_PID)
            w->of[node].downs_by_pid++;
        else if (node < NODES)
            w->of[node].downs_by_name++;
    } else if (etf_match(m, "{nodedown, _}", &object)) {
        node = node_of(w->scene, object);
        if (node < NODES)
            w->of[node].nodedowns++;
    } else {
        w->wrong = true;
    }
}

/* Links, monitors and asks everybody. */
static bool tie(struct gen *self, struct watcher *w,
                struct rt_request requests[NODES])
{
    bool good = true;

    for (int i = 0; i < NODES; i++) {
        etf_term pid = etf_from_pid(rt_region(self), w->scene->mutes[i]);
        etf_term by_name = etf_make(self, "{mute, _}", etf_atom(names[i]));
        etf_ref ref;

        good =
            good && rt_link(self, w->scene->mutes[i]) == AGNER_OK &&
            rt_monitor(self, pid, 0, &ref) == AGNER_OK &&
            rt_monitor(self, by_name, 0, &ref) == AGNER_OK &&
            rt_request_send(self, by_name, etf_nil(), &requests[i]) == AGNER_OK;
        if (i > 0)
            good = good &&
                   rt_monitor_node(self, etf_atom(names[i]), true) == AGNER_OK;
    }
    return good;
}

static void watch(struct gen *self, void *arg)
{
    struct watcher *w = arg;
    struct rt_request requests[NODES];
    etf_term m;

    (void)rt_trap_exit(self, true);
    w->wrong = !tie(self, w, requests);
    w->ready = true;
    while (!w->wrong) {
        size_t which = 0;
        enum agner_err err =
            rt_request_wait_any(self, requests, NODES, 50, &which, &m);

        if (err != AGNER_ETIMEOUT && err != AGNER_ENOREF) {
            w->of[which].answers++;
            w->of[which].answer = err;
            memset(&requests[which], 0, sizeof requests[which]);
        }
        while (rt_receive(self, 0, &m) == AGNER_OK)
            count(w, m);
        if (rt_check(self) != AGNER_OK || err == AGNER_EEXITING ||
            err == AGNER_EKILLED)
            return;
        rt_reset(self);
    }
}

/* Sends to the others for ever, so that a loss is met in the middle. */
static void make_noise(struct gen *self, void *arg)
{
    (void)arg;
    for (int i = 0; rt_sleep(self, 20) == AGNER_OK; i++) {
        (void)rt_send(self,
                      etf_make(self, "{mute, _}", etf_atom(names[1 + i % 2])),
                      etf_make(self, "{noise, _}", i));
        rt_reset(self);
    }
}

/* ---- The scene ---------------------------------------------------------- */

static void start_node(struct scene *s, int i)
{
    struct node_options options = pair_options(names[i]);
    struct rt_spawn_options named = { .name = etf_atom("mute") };
    etf_pid pid;

    options.listen_host = hosts[i];
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(s->sim);
    options.rt.log = pair_quiet;
    s->nodes[i] = pair_start(&options);
    for (int other = 0; other < NODES; other++)
        if (other != i)
            assert_int_equal(
                node_route(s->nodes[i], names[other], hosts[other], PORT),
                AGNER_OK);
    s->at[i] = rt_attach(node_rt(s->nodes[i]));
    assert_non_null(s->at[i]);
    assert_int_equal(rt_start(s->at[i], &mute, etf_nil(), &named, &pid, NULL),
                     AGNER_OK);
    if (i > 0) { /* as a sees it */
        pid.node = etf_atom(names[i]);
        pid.creation = node_creation(s->nodes[i]);
    }
    s->mutes[i] = pid;
}

static bool all_ready(void *ctx)
{
    const struct scene *s = ctx;

    for (int i = 0; i < WATCHERS; i++)
        if (!s->watchers[i].ready)
            return false;
    return true;
}

static void begin(struct scene *s, uint64_t seed)
{
    etf_pid pid;

    memset(s, 0, sizeof *s);
    s->seed = seed;
    s->sim = sim_new(seed, NULL);
    assert_non_null(s->sim);
    for (int i = 0; i < NODES; i++)
        start_node(s, i);
    assert_int_equal(rt_spawn(s->at[0], make_noise, NULL, NULL, &pid),
                     AGNER_OK);
    for (int i = 0; i < WATCHERS; i++) {
        s->watchers[i].scene = s;
        assert_int_equal(rt_spawn(s->at[0], watch, &s->watchers[i], NULL, &pid),
                         AGNER_OK);
    }
    check(s, sim_run_until(s->sim, all_ready, s, LONG_MS), "nobody is ready");
    (void)sim_run(s->sim, 1000 + sim_draw(s->sim, 100));
}

static void end(struct scene *s)
{
    for (int i = 0; i < NODES; i++)
        rt_detach(s->at[i]);
    for (int i = 0; i < NODES; i++)
        node_stop(s->nodes[i], 1000);
    sim_free(s->sim);
}

/* Loses the connection between a and b. */
static void lose(struct scene *s)
{
    switch (sim_draw(s->sim, 5)) {
    case 0: /* by request */
        check(s, node_disconnect(s->nodes[0], names[1]) == AGNER_OK,
              "not connected");
        break;
    case 1: /* by the other's request */
        check(s, node_disconnect(s->nodes[1], names[0]) == AGNER_OK,
              "not connected");
        break;
    case 2: /* both ends hear of it */
        check(s, sim_reset(s->sim, hosts[0], hosts[1]) == 1, "no connection");
        break;
    case 3: /* only the other end, ours by its tick */
        check(s, sim_reset_half(s->sim, hosts[1], hosts[0]) == 1,
              "no connection");
        break;
    default: /* neither, both by their ticks */
        check(s, sim_partition(s->sim, hosts[0], hosts[1]) == AGNER_OK,
              "no memory");
        break;
    }
}

static void expect(const struct scene *s, const struct heard *h, bool lost)
{
    int times = lost ? 1 : 0;

    check(s, h->exits == times, lost ? "not one exit" : "a stray exit");
    check(s, h->downs_by_pid == times, lost ? "not one down" : "a stray down");
    check(s, h->downs_by_name == times,
          lost ? "not one down by name" : "a stray down by name");
    check(s, h->nodedowns == times,
          lost ? "not one nodedown" : "a stray nodedown");
    check(s, h->answers == times, lost ? "not one outcome" : "a stray outcome");
    check(s, !lost || h->answer == AGNER_ENODEDOWN, "another outcome");
}

static void run(uint64_t seed)
{
    struct scene *s = malloc(sizeof *s);

    assert_non_null(s);
    begin(s, seed);
    lose(s);
    (void)sim_run(s->sim, LONG_MS);
    for (int i = 0; i < WATCHERS; i++) {
        const struct watcher *w = &s->watchers[i];

        check(s, !w->wrong, "another message, or an error");
        expect(s, &w->of[0], false);
        expect(s, &w->of[1], true);
        expect(s, &w->of[2], false);
    }
    sim_heal_all(s->sim);
    end(s);
    free(s);
}

static void I15_a_loss_tells_all_that_crossed_it_once(void **state)
{
    const char *only = getenv("NODE_SIM_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : SEEDS;

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I15_a_loss_tells_all_that_crossed_it_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

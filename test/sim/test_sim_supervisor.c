/*
 * test_sim_supervisor.c -- a supervisor whose child lives on another node, in a
 * simulated world: the child crashes, the connection goes and comes back, and
 * in the end nobody is left on either node.
 *
 * Each test runs many seeds; a failure prints its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>
#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define PORT    5000
#define SEEDS   40
#define TICK_MS 4000

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
};

/* What lives: on one thread, so plain numbers do. */
static struct {
    unsigned near, far; /* processes that live */
    unsigned near_starts, far_starts;
} count;

static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s: %u near, %u far", (unsigned long long)w->seed,
                 what, count.near, count.far);
}

/* ---- Who is supervised -------------------------------------------------- */

/* args: near, or {far, Supervisor}. One that is far links to its supervisor by
 * itself, so that it does not stay when the answer to its start is lost. */
struct worker {
    unsigned *lives;
};

static enum gen_next worker_init(struct gen *self, etf_term args)
{
    struct worker *worker = gen_state(self);
    etf_pid sup;
    bool far = etf_match(args, "{far, _}", &sup);

    worker->lives = far ? &count.far : &count.near;
    ++*worker->lives;
    ++*(far ? &count.far_starts : &count.near_starts);
    if (far && rt_link(self, sup) != AGNER_OK)
        return gen_stop(self, ETF_A(noproc));
    return GEN_NEXT;
}

static void worker_destroy(void *state)
{
    const struct worker *worker = state;

    --*worker->lives;
}

static const struct gen_server worker = { .name = "worker",
                                          .state_size = sizeof(struct worker),
                                          .init = worker_init,
                                          .destroy = worker_destroy };

/* On the other node: starts a worker, not linked to itself. */
static enum gen_next spawner_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    etf_pid pid;

    if (gen_start(self, &worker, request, NULL, &pid, NULL) != AGNER_OK)
        return gen_reply(self, from, ETF_A(error));
    return gen_reply(self, from, etf_from_pid(rt_region(self), pid));
}

static const struct gen_server spawner = { .name = "spawner",
                                           .handle_call = spawner_call };

static enum agner_err start_there(struct gen *self, etf_term args, etf_pid *pid,
                                  etf_term *info)
{
    etf_term to = etf_make(self, "{spawner, _}", etf_atom(B));
    enum agner_err err = gen_call(
        self, to, etf_make(self, "{_, _}", args, rt_self(self)), 10000, info);

    if (err != AGNER_OK)
        return err == AGNER_EEXIT || err == AGNER_ENODEDOWN ? AGNER_EEXIT : err;
    if (!etf_get_pid(*info, pid))
        return AGNER_EEXIT;
    *info = ETF_NONE;
    return AGNER_OK;
}

static const struct gen_child_spec rows[] = {
    { .id = "near", .server = &worker, .args = "near" },
    { .id = "far",
      .start = start_there,
      .args = "far",
      .backoff_ms = 500,
      .backoff_max_ms = 4000 },
    { .id = "behind", .server = &worker, .args = "near" },
};
static const struct gen_supervisor table = { .name = "two_nodes",
                                             .strategy = GEN_REST_FOR_ONE,
                                             .intensity = 1000,
                                             .children = rows,
                                             .child_count = 3 };

/* ---- The world ---------------------------------------------------------- */

static struct node *start(struct world *w, const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(w->sim);
    options.rt.log_level = RT_LOG_NONE;
    return pair_start(&options);
}

static void begin(struct world *w, uint64_t seed)
{
    struct rt_spawn_options options = { .name = etf_atom("spawner") };

    *w = (struct world){ .seed = seed, .sim = sim_new(seed, NULL) };
    assert_non_null(w->sim);
    w->a = start(w, A, "10.0.0.1");
    w->b = start(w, B, "10.0.0.2");
    assert_int_equal(node_route(w->a, B, "10.0.0.2", PORT), AGNER_OK);
    assert_int_equal(node_route(w->b, A, "10.0.0.1", PORT), AGNER_OK);
    w->at_a = rt_attach(node_rt(w->a));
    w->at_b = rt_attach(node_rt(w->b));
    (void)rt_trap_exit(w->at_a, true);
    assert_int_equal(
        gen_start(w->at_b, &spawner, etf_nil(), &options, NULL, NULL),
        AGNER_OK);
    count.near = count.far = count.near_starts = count.far_starts = 0;
}

static etf_term supervise(struct world *w)
{
    etf_pid pid;

    assert_int_equal(
        gen_supervisor_start_link(w->at_a, &table, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    check(w, count.near == 2 && count.far == 1, "all run");
    return etf_from_pid(NULL, pid);
}

static etf_pid far_pid(struct world *w, etf_term sup)
{
    etf_pid pid = { .id = 0 };
    etf_term list, row;

    if (gen_which_children(w->at_a, sup, &list) != AGNER_OK)
        return pid;
    while (etf_list_next(&list, &row))
        if (etf_atom_is(etf_tuple_items(row)[0], "far"))
            (void)etf_get_pid(etf_tuple_items(row)[1], &pid);
    return pid;
}

static void end(struct world *w, etf_term sup)
{
    check(w,
          gen_server_stop(w->at_a, sup, ETF_A(shutdown), RT_INFINITY) ==
              AGNER_OK,
          "stop");
    check(w, count.near == 0 && count.far == 0, "nobody is left");
    rt_detach(w->at_a);
    rt_detach(w->at_b);
    node_stop(w->a, 1000);
    node_stop(w->b, 1000);
    sim_free(w->sim);
}

static bool all_run(void *ctx)
{
    (void)ctx;
    return count.near == 2 && count.far == 1;
}

/* ---- Tests -------------------------------------------------------------- */

static void restarts_a_child_of_another_node(void **state)
{
    struct world w;
    etf_term sup;
    etf_pid pid;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&w, seed);
        sup = supervise(&w);
        pid = far_pid(&w, sup);
        check(&w, !etf_pid_is_none(pid) && !etf_pid_is_local(pid), "far");
        (void)rt_exit_signal(w.at_a, pid, etf_atom("boom"));
        (void)sim_run(w.sim, 2000);
        check(&w, all_run(NULL), "all run again");
        check(&w, count.far_starts == 2 && count.near_starts == 3,
              "it and the one behind it were restarted");
        check(&w, !etf_pid_equal(pid, far_pid(&w, sup)), "another pid");
        end(&w, sup);
    }
}

/* The connection is cut, for one end or both: the child hears of that as its
 * supervisor does, so there are never two for long. */
static void restarts_it_when_the_connection_is_lost(void **state)
{
    struct world w;
    etf_term sup;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&w, seed);
        sup = supervise(&w);
        if (seed % 2 == 0)
            (void)sim_reset(w.sim, "10.0.0.1", "10.0.0.2");
        else
            (void)sim_reset_half(w.sim, "10.0.0.1", "10.0.0.2");
        (void)sim_run(w.sim, 60000);
        check(&w, all_run(NULL), "all run again");
        check(&w, count.far_starts >= 2, "restarted");
        end(&w, sup);
    }
}

/* While the other node cannot be reached, it is tried again and again, with
 * longer and longer waits. */
static void waits_for_the_other_node(void **state)
{
    struct world w;
    etf_term sup;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&w, seed);
        sup = supervise(&w);
        assert_int_equal(sim_partition(w.sim, "10.0.0.1", "10.0.0.2"),
                         AGNER_OK);
        (void)sim_run(w.sim, 60000);
        check(&w, count.near == 1 && count.far == 0, "cut off");
        sim_heal_all(w.sim);
        check(&w, sim_run_until(w.sim, all_run, NULL, 60000), "healed");
        end(&w, sup);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_a_child_of_another_node),
        cmocka_unit_test(restarts_it_when_the_connection_is_lost),
        cmocka_unit_test(waits_for_the_other_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

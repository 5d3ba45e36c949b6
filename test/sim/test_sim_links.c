/*
 * test_sim_links.c -- links that are made while there is no connection: before
 * it is up, and between its end and the news of that.
 *
 * Found by the randomised actor program (test/sim/actors/); each test runs many
 * seeds, and a failure prints its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define PORT    5000
#define SEEDS   40
#define WAIT_MS 60000 /* of virtual time */

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    etf_pid a_from_b; /* at_a, as b sees it */
};

static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

static struct node *start(const struct world *w, const char *name,
                          const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.rt.world = sim_world(w->sim);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static struct world begin(uint64_t seed)
{
    struct world w = { .seed = seed, .sim = sim_new(seed, NULL) };

    assert_non_null(w.sim);
    w.a = start(&w, A, "10.0.0.1");
    w.b = start(&w, B, "10.0.0.2");
    assert_int_equal(node_route(w.b, A, "10.0.0.1", PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    (void)rt_trap_exit(w.at_a, true);
    w.a_from_b = rt_self(w.at_a);
    w.a_from_b.node = etf_atom(A);
    w.a_from_b.creation = node_creation(w.a);
    return w;
}

static void end(struct world *w)
{
    rt_detach(w->at_a);
    rt_detach(w->at_b);
    node_stop(w->a, 1000);
    node_stop(w->b, 1000);
    sim_free(w->sim);
}

/* ---- Before it is up ---------------------------------------------------- */

static void link_and_end(struct gen *self, void *arg)
{
    const struct world *w = arg;

    if (rt_link(self, w->a_from_b) == AGNER_OK)
        rt_exit(self, etf_atom("gone"));
}

/* G15: the exit does not get lost though it makes no connection by itself. */
static void the_end_of_who_linked_before_the_connection_is_told(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world w = begin(seed);
        etf_term message, who;
        etf_pid pid;

        check(&w, rt_spawn(w.at_b, link_and_end, &w, NULL, &pid) == AGNER_OK,
              "spawn");
        check(&w,
              rt_receive(w.at_a, WAIT_MS, &message) == AGNER_OK &&
                  etf_match(message, "{'EXIT', _, gone}", &who),
              "no exit");
        end(&w);
    }
}

/* ---- Between its end and the news --------------------------------------- */

/* Goes on after the link of a lost connection has fired, and says so. */
static void drop_and_link(struct gen *self, void *arg)
{
    const struct world *w = arg;
    etf_term message;

    (void)rt_trap_exit(self, true);
    (void)node_disconnect(w->b, A);
    if (rt_link(self, w->a_from_b) != AGNER_OK)
        return;
    (void)rt_send_pid(self, w->a_from_b, etf_atom("sent"));
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK)
        if (etf_is_tagged(message, ETF_A(EXIT), 3))
            (void)rt_send_pid(self, w->a_from_b, etf_atom("heard"));
}

static bool hears(struct world *w, const char *text)
{
    etf_term message;

    return rt_receive(w->at_a, WAIT_MS, &message) == AGNER_OK &&
           etf_atom_is(message, text);
}

/* G16, G20: who hears of the loss is not linked on the other side alone; what
 * was sent meanwhile goes out on the next connection. */
static void
a_link_of_a_lost_connection_does_not_come_with_the_next(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world w = begin(seed);
        struct rt_process_info info;
        etf_pid pid;

        check(&w, node_connect(w.at_b, w.b, A, NULL) == AGNER_OK, "alone");
        check(&w, rt_spawn(w.at_b, drop_and_link, &w, NULL, &pid) == AGNER_OK,
              "spawn");
        check(&w, hears(&w, "sent"), "a message was lost");
        check(&w, hears(&w, "heard"), "no exit");
        check(&w,
              rt_process_info(w.at_a, rt_self(w.at_a), &info) == AGNER_OK &&
                  etf_list_size(info.links) == 0,
              "linked on one side");
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_who_linked_before_the_connection_is_told),
        cmocka_unit_test(
            a_link_of_a_lost_connection_does_not_come_with_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

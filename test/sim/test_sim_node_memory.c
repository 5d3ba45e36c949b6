/*
 * test_sim_node_memory.c -- a node that starts, connects and talks while memory
 * is out: G34. The first allocation fails, then the second, until none does.
 *
 * The program's own malloc and its like are wrapped by the linker, the world's
 * among them: a network that has no memory either loses connections, and that
 * is told like any loss.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "failing.h"
#include "pair.h"

#define A         "a@10.0.0.1"
#define B         "b@10.0.0.2"
#define PORT      5000
#define TICK_MS   4000
#define TRIES_MAX 2000u

static struct node_options options_of(struct sim *sim, const char *name,
                                      const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(sim);
    options.rt.log = pair_quiet;
    return options;
}

static struct node *start(struct sim *sim, const char *name, const char *host)
{
    struct node_options options = options_of(sim, name, host);

    return pair_start(&options);
}

/* Out of memory, or what follows of it where it was the network that had none,
 * or the other node: one that closes after our digest seems to have another
 * cookie. */
static bool is_typed(enum agner_err err)
{
    return err == AGNER_OK || err == AGNER_EAUTH || err == AGNER_ENOMEM ||
           err == AGNER_ENOCONN || err == AGNER_ETIMEOUT ||
           err == AGNER_ESYSTEM;
}

/* The node runs, and is found by another one; both end. */
static void use(struct sim *sim, struct node *node)
{
    struct node *b = start(sim, B, "10.0.0.2");
    struct gen *self = rt_attach(node_rt(b));

    assert_int_equal(node_route(b, A, "10.0.0.1", PORT), AGNER_OK);
    assert_int_equal(node_connect(self, b, A, NULL), AGNER_OK);
    rt_detach(self);
    node_stop(b, 1000);
    node_stop(node, 1000);
}

/* One try, with its n-th allocation failing, 0: none. Was there such a one? */
static bool try_start(unsigned n)
{
    struct sim *sim = sim_new(1, NULL);
    struct node_options options = options_of(sim, A, "10.0.0.1");
    struct node *node;
    enum agner_err err;

    failing_seen = false;
    failing_in = n;
    err = node_start(&options, &node, NULL);
    failing_in = 0;
    if (!is_typed(err) || (err != AGNER_OK && !failing_seen))
        fail_msg("allocation %u: %s", n, agner_strerror(err));
    if (err == AGNER_OK) /* it may have done without */
        use(sim, node);
    sim_free(sim);
    return failing_seen;
}

/* It is up and can be used, or nothing of it is left: LeakSanitizer looks. */
static void G34_a_node_that_cannot_be_started_leaves_nothing(void **state)
{
    unsigned n = 1;

    (void)state;
    while (try_start(n))
        assert_true(n++ < TRIES_MAX);
    assert_true(n > 10);
}

/* Two nodes that know where the other is. */
struct world {
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b; /* b's is registered: sink */
};

static struct world begin(void)
{
    struct world w = { .sim = sim_new(1, NULL) };

    w.a = start(w.sim, A, "10.0.0.1");
    w.b = start(w.sim, B, "10.0.0.2");
    assert_int_equal(node_route(w.a, B, "10.0.0.2", PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    assert_int_equal(
        rt_register(node_rt(w.b), etf_atom("sink"), rt_self(w.at_b)), AGNER_OK);
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

static etf_term sink(struct world *w)
{
    return etf_make(w->at_a, "{sink, '" B "'}");
}

/* With memory again, and after what was lost is known to be lost. */
static void check_alive(struct world *w)
{
    etf_term message;
    enum agner_err err = AGNER_ENOCONN;

    (void)sim_run(w->sim, 3 * TICK_MS);
    for (int i = 0; i < 5 && err != AGNER_OK; i++) {
        err = node_connect(w->at_a, w->a, B, NULL);
        (void)sim_run(w->sim, 1000);
    }
    assert_int_equal(err, AGNER_OK);
    while (rt_receive(w->at_b, 0, &message) == AGNER_OK)
        continue;
    assert_int_equal(rt_send(w->at_a, sink(w), etf_make(w->at_a, "last")),
                     AGNER_OK);
    assert_int_equal(rt_receive(w->at_b, 10000, &message), AGNER_OK);
    assert_true(etf_atom_is(message, "last"));
}

static enum agner_err connect_them(struct world *w)
{
    return node_connect(w->at_a, w->a, B, NULL);
}

static enum agner_err send_one(struct world *w)
{
    enum agner_err err = rt_send(w->at_a, sink(w), etf_make(w->at_a, "one"));

    (void)sim_run(w->sim, 10);
    return err;
}

static enum agner_err watch(struct world *w)
{
    etf_ref ref;
    enum agner_err err = rt_monitor(w->at_a, sink(w), 0, &ref);

    (void)sim_run(w->sim, 10);
    if (err == AGNER_OK) /* it may have fired */
        (void)rt_demonitor(w->at_a, ref, true);
    return err;
}

/* Whether it is connected before, or the operation connects. */
static void try_each(enum agner_err (*run)(struct world *w), bool connected)
{
    bool done = false;

    for (unsigned n = 1; !done; n++) {
        struct world w = begin();
        enum agner_err err;

        assert_true(n < TRIES_MAX);
        if (connected)
            assert_int_equal(connect_them(&w), AGNER_OK);
        failing_seen = false;
        failing_in = n;
        err = run(&w);
        failing_in = 0;
        done = !failing_seen;
        if (!is_typed(err) || (done && err != AGNER_OK))
            fail_msg("allocation %u: %s", n, agner_strerror(err));
        check_alive(&w);
        end(&w);
    }
}

static void G34_a_connection_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    try_each(connect_them, false);
}

static void
G34_what_cannot_be_sent_is_told_or_lost_with_its_connection(void **state)
{
    (void)state;
    try_each(send_one, false);
    try_each(send_one, true);
    try_each(watch, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(G34_a_node_that_cannot_be_started_leaves_nothing),
        cmocka_unit_test(G34_a_connection_that_cannot_be_made_is_told),
        cmocka_unit_test(
            G34_what_cannot_be_sent_is_told_or_lost_with_its_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

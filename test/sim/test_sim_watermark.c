/*
 * test_sim_watermark.c -- a node whose memory is over its marks: G33. How much
 * is used is what the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define PORT    5000
#define TICK_MS 4000
/* Far more than what the pools really have, which is not counted as used. */
#define SOFT  1000000000u
#define HARD  2000000000u
#define MORE  100000000u
#define LARGE 140000u /* bytes of a message that is refused */

struct world {
    struct sim *sim;
    struct sim_machine *machine; /* b's */
    struct node *a, *b;
    struct gen *at_a, *at_b; /* b's is registered: sink */
};

static struct node *start(struct sim_machine *machine, const char *name,
                          const char *host, uint64_t soft)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_machine_world(machine);
    options.rt.log = pair_quiet;
    options.rt.memory_soft = soft;
    options.rt.memory_hard = 2 * soft;
    return pair_start(&options);
}

static struct world begin(void)
{
    struct world w = { .sim = sim_new(1, NULL) };

    w.a = start(sim_machine(w.sim, "a"), A, "10.0.0.1", 0);
    w.machine = sim_machine(w.sim, "b");
    sim_memory_use(w.machine, 1, 0);
    w.b = start(w.machine, B, "10.0.0.2", SOFT);
    assert_int_equal(node_route(w.a, B, "10.0.0.2", PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    assert_int_equal(
        rt_register(node_rt(w.b), etf_atom("sink"), rt_self(w.at_b)), AGNER_OK);
    return w;
}

static void end(struct world *w)
{
    rt_detach(w->at_b);
    rt_detach(w->at_a);
    node_stop(w->b, 1000);
    node_stop(w->a, 1000);
    sim_free(w->sim);
}

/* b uses so much, and has had the time to notice. */
static void use(struct world *w, uint64_t bytes)
{
    sim_memory_use(w->machine, bytes, 0);
    (void)sim_run(w->sim, 200);
}

static enum rt_next drop(struct gen *self, const struct rt_message *m)
{
    (void)self;
    (void)m;
    return RT_NEXT;
}

static const struct rt_behavior dropper = { .name = "dropper",
                                            .message = drop };

/* What a process is answered that tries it, when a message comes. */
struct attempt {
    enum agner_err spawn, small, large, far;
    bool done;
};

static enum rt_next attempt(struct gen *self, const struct rt_message *m)
{
    static const char bytes[LARGE];
    struct attempt *a = rt_note(self);
    etf_term list = etf_nil();

    if (a->done)
        return RT_NEXT;                     /* what it has sent itself */
    for (size_t i = 0; i < LARGE / 16; i++) /* two words each */
        list = etf_cons(rt_region(self), etf_int(NULL, 1), list);
    (void)m;
    a->spawn = rt_start_nowait(self, &dropper, etf_nil(), NULL, NULL);
    a->small = rt_send_pid(self, rt_self(self), etf_int(NULL, 1));
    a->large = rt_send_pid(self, rt_self(self), list);
    a->far = rt_send(self, etf_make(self, "{nobody, '" A "'}"),
                     etf_binary(rt_region(self), bytes, sizeof bytes));
    a->done = true;
    return RT_NEXT;
}

static const struct rt_behavior attempter = { .name = "attempter",
                                              .message = attempt };

/* Is the next message such an alarm? `text` is how it begins. */
static bool is_alarm(struct gen *self, const char *text)
{
    etf_term message, name, node, what;
    char got[200];
    uint64_t ns;

    return rt_receive(self, 1000, &message) == AGNER_OK &&
           etf_match(message, "{event, _, _, _, _}", &name, &node, &ns,
                     &what) &&
           strncmp(etf_format(got, sizeof got, what), text, strlen(text)) == 0;
}

/* In order, once each, and gone when there is room again. */
static void G33_alarms_are_set_and_cleared(void **state)
{
    struct world w = begin();
    struct rt_stats stats;
    etf_term message;
    etf_ref ref;

    (void)state;
    assert_int_equal(rt_event_monitor(w.at_b, etf_atom("alarm"), &ref, NULL),
                     AGNER_OK);
    use(&w, SOFT - 1);
    assert_int_equal(rt_memory_level(node_rt(w.b)), RT_MEMORY_OK);
    use(&w, SOFT + MORE);
    assert_true(is_alarm(w.at_b, "{set_alarm,{memory_soft_mark,{"));
    assert_int_equal(rt_memory_level(node_rt(w.b)), RT_MEMORY_SOFT);
    use(&w, HARD + MORE);
    assert_true(is_alarm(w.at_b, "{set_alarm,{memory_hard_mark,{"));
    assert_int_equal(rt_memory_level(node_rt(w.b)), RT_MEMORY_HARD);
    use(&w, HARD - HARD / 32); /* not by a sixteenth: nobody is told */
    assert_int_equal(rt_memory_level(node_rt(w.b)), RT_MEMORY_HARD);
    use(&w, HARD - HARD / 8);
    assert_true(is_alarm(w.at_b, "{clear_alarm,memory_hard_mark}"));
    use(&w, 10);
    assert_true(is_alarm(w.at_b, "{clear_alarm,memory_soft_mark}"));
    use(&w, HARD + MORE); /* both at once */
    assert_true(is_alarm(w.at_b, "{set_alarm,{memory_soft_mark,"));
    assert_true(is_alarm(w.at_b, "{set_alarm,{memory_hard_mark,"));
    assert_int_equal(rt_receive(w.at_b, 1000, &message), AGNER_ETIMEOUT);
    rt_stats(node_rt(w.b), &stats);
    assert_int_equal(stats.memory_alarms, 4);
    assert_in_range(stats.memory_used, HARD, HARD + MORE);
    assert_int_equal(stats.memory_soft, SOFT);
    assert_int_equal(stats.memory_hard, HARD);
    assert_int_equal(node_limit_of(w.b, NODE_LIMIT_MEMORY_SOFT), SOFT);
    end(&w);
}

/* Who is there stays, and who comes is not let in; spawning works. */
static void G33_over_the_soft_mark_no_peer_is_taken(void **state)
{
    struct world w = begin();
    uint64_t refused;

    (void)state;
    use(&w, SOFT + MORE);
    assert_int_not_equal(node_connect(w.at_a, w.a, B, NULL), AGNER_OK);
    refused = node_limit_met(w.b, NODE_LIMIT_MEMORY_SOFT);
    assert_true(refused > 0);
    assert_int_equal(rt_start_nowait(w.at_b, &dropper, etf_nil(), NULL, NULL),
                     AGNER_OK);
    use(&w, 10);
    assert_int_equal(node_connect(w.at_a, w.a, B, NULL), AGNER_OK);
    use(&w, SOFT + MORE);
    assert_int_equal(
        rt_send(w.at_a, etf_make(w.at_a, "{sink, '" B "'}"), etf_int(NULL, 4)),
        AGNER_OK);
    assert_int_equal(rt_receive(w.at_b, 1000, &(etf_term){ 0 }), AGNER_OK);
    assert_int_equal(node_limit_met(w.b, NODE_LIMIT_MEMORY_SOFT), refused);
    end(&w);
}

static struct attempt try_all(struct world *w)
{
    struct attempt a = { .done = false };
    struct rt_spawn_options options = { .note = &a };
    uint64_t used_before;
    struct rt_stats stats;
    etf_pid pid;

    rt_stats(node_rt(w->b), &stats);
    used_before = stats.memory_used;
    use(w, 10);
    assert_int_equal(
        rt_start_nowait(w->at_b, &attempter, etf_nil(), &options, &pid),
        AGNER_OK);
    use(w, used_before);
    assert_int_equal(rt_send_pid(w->at_b, pid, etf_int(NULL, 1)), AGNER_OK);
    (void)sim_run(w->sim, 50);
    assert_true(a.done);
    rt_kill(node_rt(w->b), pid, etf_atom("kill"));
    (void)sim_run(w->sim, 50);
    return a;
}

/* No process, and nothing large; small messages are sent as ever. */
static void G33_over_the_hard_mark_nothing_large_is_made(void **state)
{
    struct world w = begin();
    struct rt_stats stats;
    struct attempt a;

    (void)state;
    assert_int_equal(node_connect(w.at_a, w.a, B, NULL), AGNER_OK);
    use(&w, SOFT + MORE);
    a = try_all(&w);
    assert_int_equal(a.spawn, AGNER_OK);
    assert_int_equal(a.large, AGNER_OK);
    assert_int_equal(a.far, AGNER_OK);
    use(&w, HARD + MORE);
    a = try_all(&w);
    assert_int_equal(a.spawn, AGNER_ENOMEM);
    assert_int_equal(a.small, AGNER_OK);
    assert_int_equal(a.large, AGNER_ENOMEM);
    assert_int_equal(a.far, AGNER_ENOMEM);
    assert_int_equal(rt_post(node_rt(w.b), etf_atom("sink"), etf_int(NULL, 1)),
                     AGNER_OK);
    rt_stats(node_rt(w.b), &stats);
    assert_int_equal(stats.memory_refused, 3);
    use(&w, 10);
    a = try_all(&w);
    assert_int_equal(a.spawn, AGNER_OK);
    assert_int_equal(a.large, AGNER_OK);
    end(&w);
}

/* For ten times the tick time: what a sends waits at a, nobody is taken for
 * dead, and all of it comes in the end. */
static void G33_over_the_hard_mark_links_are_not_read(void **state)
{
    struct world w = begin();
    etf_term message;
    int64_t n, next = 0;

    (void)state;
    assert_int_equal(node_connect(w.at_a, w.a, B, NULL), AGNER_OK);
    use(&w, HARD + MORE);
    assert_int_equal(node_limit_met(w.b, NODE_LIMIT_MEMORY_HARD), 1);
    for (int64_t i = 0; i < 50; i++)
        assert_int_equal(rt_send(w.at_a, etf_make(w.at_a, "{sink, '" B "'}"),
                                 etf_int(NULL, i)),
                         AGNER_OK);
    assert_int_equal(rt_receive(w.at_b, 10 * TICK_MS, &message),
                     AGNER_ETIMEOUT);
    assert_int_equal(node_peers(w.a, NULL, 0), 1);
    assert_int_equal(node_peers(w.b, NULL, 0), 1);
    use(&w, HARD - HARD / 8); /* the soft one stays */
    while (next < 50 && rt_receive(w.at_b, 1000, &message) == AGNER_OK) {
        assert_true(etf_get_int(message, &n));
        assert_int_equal(n, next++);
    }
    assert_int_equal(next, 50);
    assert_int_equal(rt_memory_level(node_rt(w.b)), RT_MEMORY_SOFT);
    end(&w);
}

static void marks_that_cannot_be_are_refused(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim),
                                  .memory_soft = 2000,
                                  .memory_hard = 1000 };
    struct agner_error error = { AGNER_OK, "" };
    struct rt *rt;

    (void)state;
    assert_int_equal(rt_new(&options, &rt, &error), AGNER_EINVAL);
    assert_non_null(strstr(error.text, "memory_hard, 1000, is not above it"));
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(G33_alarms_are_set_and_cleared),
        cmocka_unit_test(G33_over_the_soft_mark_no_peer_is_taken),
        cmocka_unit_test(G33_over_the_hard_mark_nothing_large_is_made),
        cmocka_unit_test(G33_over_the_hard_mark_links_are_not_read),
        cmocka_unit_test(marks_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

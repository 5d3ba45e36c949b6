/*
 * test_sim_machine.c -- nodes on machines of their own: they pause, crash, come
 * back; their clocks, descriptors and memory. Spec/reliability.md 2.2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define PORT    5000
#define TICK_MS 4000
#define WAIT_MS 600000

struct world {
    struct sim *sim;
    struct sim_machine *ma, *mb;
    struct node *a, *b;
    struct gen *at_a, *at_b;
};

static struct node *start(struct sim_machine *machine, const char *name,
                          const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_machine_world(machine);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static void start_b(struct world *w)
{
    w->mb = sim_machine(w->sim, "b");
    w->b = start(w->mb, B, "10.0.0.2");
    assert_int_equal(node_route(w->b, A, "10.0.0.1", PORT), AGNER_OK);
    w->at_b = rt_attach(node_rt(w->b));
    assert_int_equal(
        rt_register(node_rt(w->b), etf_atom("sink"), rt_self(w->at_b)),
        AGNER_OK);
}

static struct world begin(uint64_t seed, const struct sim_options *options)
{
    struct world w = { .sim = sim_new(seed, options) };

    w.ma = sim_machine(w.sim, "a");
    w.a = start(w.ma, A, "10.0.0.1");
    assert_int_equal(node_route(w.a, B, "10.0.0.2", PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    start_b(&w);
    return w;
}

static void end_b(void *ctx)
{
    struct world *w = ctx;

    rt_detach(w->at_b);
    node_stop(w->b, 1000);
}

static void end(struct world *w)
{
    end_b(w);
    rt_detach(w->at_a);
    node_stop(w->a, 1000);
    sim_free(w->sim);
}

static void connect_both(struct world *w)
{
    assert_int_equal(node_connect(w->at_a, w->a, B, NULL), AGNER_OK);
}

static void monitor_sink(struct world *w)
{
    etf_ref ref;

    assert_int_equal(
        rt_monitor(w->at_a, etf_make(w->at_a, "{sink, '" B "'}"), 0, &ref),
        AGNER_OK);
    (void)sim_run(w->sim, 100);
}

static enum agner_err send_to_b(struct world *w, int64_t n)
{
    return rt_send(w->at_a, etf_make(w->at_a, "{sink, '" B "'}"),
                   etf_int(NULL, n));
}

static int64_t next_int(struct gen *self, uint64_t ms)
{
    etf_term message;
    int64_t n = -1;

    if (rt_receive(self, ms, &message) != AGNER_OK || !etf_get_int(message, &n))
        return -1;
    return n;
}

/* How many milliseconds until a hears of the end of b's sink. */
static uint64_t wait_for_down(struct world *w)
{
    uint64_t from_ns = sim_now_ns(w->sim);
    etf_term message;
    etf_ref ref;

    assert_int_equal(rt_receive(w->at_a, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{'DOWN', _, process, __, noconnection}", &ref));
    return (sim_now_ns(w->sim) - from_ns) / 1000000;
}

/* As after SIGSTOP: what is sent waits, and is there when it goes on. */
static void a_paused_machine_goes_on_where_it_was(void **state)
{
    struct world w = begin(1, NULL);
    uint64_t from_ns;

    (void)state;
    connect_both(&w);
    sim_pause(w.mb, 2000);
    from_ns = sim_now_ns(w.sim);
    assert_int_equal(send_to_b(&w, 5), AGNER_OK);
    assert_int_equal(next_int(w.at_b, WAIT_MS), 5);
    assert_in_range(sim_now_ns(w.sim) - from_ns, UINT64_C(2000000000),
                    UINT64_C(2100000000));
    assert_true(sim_machine_held_ns(w.mb) == UINT64_C(2000000000));
    sim_pause(w.mb, WAIT_MS);
    sim_pause(w.mb, 0);
    assert_true(sim_machine_held_ns(w.mb) == UINT64_C(2000000000));
    assert_true(sim_machine_held_ns(w.ma) == 0);
    assert_int_equal(send_to_b(&w, 6), AGNER_OK);
    assert_int_equal(next_int(w.at_b, 1000), 6);
    end(&w);
}

/* Longer than the tick time: it is taken for dead, and finds out. */
static void a_long_pause_is_a_lost_connection(void **state)
{
    struct world w = begin(2, NULL);

    (void)state;
    connect_both(&w);
    monitor_sink(&w);
    sim_pause(w.mb, 10 * TICK_MS);
    assert_in_range(wait_for_down(&w), TICK_MS / 2, 2 * TICK_MS);
    (void)sim_run(w.sim, 10 * TICK_MS);
    connect_both(&w);
    end(&w);
}

static void a_slow_machine_takes_longer(void **state)
{
    struct world w = begin(3, NULL);
    uint64_t from_ns, usual_ns;

    (void)state;
    connect_both(&w);
    from_ns = sim_now_ns(w.sim);
    assert_int_equal(send_to_b(&w, 1), AGNER_OK);
    assert_int_equal(next_int(w.at_b, WAIT_MS), 1);
    usual_ns = sim_now_ns(w.sim) - from_ns;
    sim_slow(w.mb, 50000); /* 50 ms a step */
    (void)sim_run(w.sim, 1);
    from_ns = sim_now_ns(w.sim);
    for (int64_t n = 2; n < 10; n++) {
        assert_int_equal(send_to_b(&w, n), AGNER_OK);
        assert_int_equal(next_int(w.at_b, WAIT_MS), n);
    }
    assert_true(sim_now_ns(w.sim) - from_ns > 20 * usual_ns);
    assert_true(sim_machine_held_ns(w.mb) > (sim_now_ns(w.sim) - from_ns) / 2);
    sim_slow(w.mb, 1);
    end(&w);
}

/* A second of its own is so much longer or shorter, and nothing is early. */
static void a_clock_has_its_own_rate(void **state)
{
    struct world w = begin(4, NULL);
    uint64_t from_ns, from_local_ns, wall_ns;

    (void)state;
    sim_clock(w.mb, 10000); /* 1 % fast */
    from_ns = sim_now_ns(w.sim);
    from_local_ns = sim_machine_now_ns(w.mb);
    assert_int_equal(rt_sleep(w.at_b, 100000), AGNER_OK);
    assert_in_range(sim_now_ns(w.sim) - from_ns, UINT64_C(99000000000),
                    UINT64_C(99020000000));
    assert_true(sim_machine_now_ns(w.mb) - from_local_ns >=
                UINT64_C(100000000000));
    sim_clock(w.mb, -10000);
    from_local_ns = sim_machine_now_ns(w.mb);
    from_ns = sim_now_ns(w.sim);
    assert_int_equal(rt_sleep(w.at_b, 100000), AGNER_OK);
    assert_in_range(sim_now_ns(w.sim) - from_ns, UINT64_C(101010000000),
                    UINT64_C(101030000000));
    assert_true(sim_machine_now_ns(w.mb) - from_local_ns >=
                UINT64_C(100000000000));
    sim_clock(w.mb, 0);
    wall_ns = sim_machine_wall_ns(w.mb);
    sim_machine_wall_jump(w.mb, -5000);
    assert_true(sim_machine_wall_ns(w.mb) == wall_ns - UINT64_C(5000000000));
    assert_true(sim_machine_wall_ns(w.ma) > sim_machine_wall_ns(w.mb));
    end(&w);
}

/* G20, G36: the peer hears of it at once, or by silence; what comes back under
 * the name is another one. */
static void crash_and_come_back(enum sim_crash_kind how, uint64_t ms_min,
                                uint64_t ms_max)
{
    struct world w = begin(5, NULL);
    struct world former;
    struct sim_machine *crashed = w.mb;
    uint32_t creation = node_creation(w.b);
    uint64_t hash;

    connect_both(&w);
    monitor_sink(&w);
    sim_crash(w.mb, how);
    assert_true(sim_is_crashed(w.mb));
    assert_null(sim_machine_find(w.sim, "b"));
    assert_in_range(wait_for_down(&w), ms_min, ms_max);
    former = w;
    start_b(&w);
    assert_ptr_equal(sim_machine_find(w.sim, "b"), w.mb);
    assert_int_not_equal(node_creation(w.b), creation);
    connect_both(&w);
    assert_int_equal(send_to_b(&w, 9), AGNER_OK);
    assert_int_equal(next_int(w.at_b, WAIT_MS), 9);
    hash = sim_trace_hash(w.sim);
    sim_bury(crashed, end_b, &former);
    assert_true(sim_trace_hash(w.sim) == hash);
    assert_int_equal(send_to_b(&w, 10), AGNER_OK);
    assert_int_equal(next_int(w.at_b, WAIT_MS), 10);
    end(&w);
}

static void a_crash_resets_connections(void **state)
{
    (void)state;
    crash_and_come_back(SIM_RESET, 0, 5);
}

static void without_power_there_is_silence(void **state)
{
    (void)state;
    crash_and_come_back(SIM_SILENT, TICK_MS / 2, 2 * TICK_MS);
}

/* A burial is no part of the run, whenever it takes place. */
static uint64_t crash_then(bool bury_at_once)
{
    struct world w = begin(6, NULL);
    struct world former;
    uint64_t hash;

    connect_both(&w);
    sim_crash(w.mb, SIM_RESET);
    former = w;
    if (bury_at_once)
        sim_bury(former.mb, end_b, &former);
    (void)sim_run(w.sim, 10000);
    hash = sim_trace_hash(w.sim);
    if (!bury_at_once)
        sim_bury(former.mb, end_b, &former);
    rt_detach(w.at_a);
    node_stop(w.a, 1000);
    sim_free(w.sim);
    return hash;
}

static void a_burial_is_not_seen(void **state)
{
    (void)state;
    assert_true(crash_then(true) == crash_then(false));
}

static void no_descriptors_no_connections(void **state)
{
    struct world w = begin(7, NULL);
    struct agner_error error;

    (void)state;
    sim_descriptors(w.ma, true);
    assert_int_not_equal(node_connect(w.at_a, w.a, B, &error), AGNER_OK);
    sim_descriptors(w.ma, false);
    sim_descriptors(w.mb, true); /* the one that accepts */
    assert_int_equal(node_connect(w.at_a, w.a, B, &error), AGNER_ETIMEOUT);
    sim_descriptors(w.mb, false);
    (void)sim_run(w.sim, 1000);
    connect_both(&w);
    end(&w);
}

/* b hears the end and closes; both lose the connection, once. */
static void a_half_closed_connection_ends(void **state)
{
    struct world w = begin(8, NULL);

    (void)state;
    connect_both(&w);
    monitor_sink(&w);
    assert_int_equal(sim_half_close(w.sim, "a", "b"), 1);
    assert_in_range(wait_for_down(&w), 0, TICK_MS);
    connect_both(&w);
    end(&w);
}

/* G44: a node stops while everything else goes on. */
static void a_node_stops_in_the_middle(void **state)
{
    struct world w = begin(9, NULL);
    etf_term message;
    etf_ref ref;

    (void)state;
    connect_both(&w);
    monitor_sink(&w);
    assert_int_equal(send_to_b(&w, 1), AGNER_OK);
    end_b(&w);
    assert_int_equal(rt_receive(w.at_a, 100, &message), AGNER_OK);
    assert_true(etf_match(message, "{'DOWN', _, process, __, __}", &ref));
    start_b(&w);
    connect_both(&w);
    end(&w);
}

/* G42, as a fault that is contained looks. */
static void fault_now(struct gen *self, void *arg)
{
    (void)arg;
    sim_callback_fault(self, "segv");
}

static void a_fault_of_a_callback_ends_its_process(void **state)
{
    struct world w = begin(10, NULL);
    struct rt_spawn_options options = { .monitor = true };
    etf_term message;
    etf_pid pid;
    etf_ref ref;

    (void)state;
    assert_int_equal(rt_spawn(w.at_a, fault_now, NULL, &options, &pid),
                     AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{'DOWN', _, process, __, {crash, segv, 0}}", &ref));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paused_machine_goes_on_where_it_was),
        cmocka_unit_test(a_long_pause_is_a_lost_connection),
        cmocka_unit_test(a_slow_machine_takes_longer),
        cmocka_unit_test(a_clock_has_its_own_rate),
        cmocka_unit_test(a_crash_resets_connections),
        cmocka_unit_test(without_power_there_is_silence),
        cmocka_unit_test(a_burial_is_not_seen),
        cmocka_unit_test(no_descriptors_no_connections),
        cmocka_unit_test(a_half_closed_connection_ends),
        cmocka_unit_test(a_node_stops_in_the_middle),
        cmocka_unit_test(a_fault_of_a_callback_ends_its_process),
    };

    return cmocka_run_group_tests_name("machines", tests, NULL, NULL);
}

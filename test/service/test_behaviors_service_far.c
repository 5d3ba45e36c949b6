/*
 * test_behaviors_service_far.c -- services that are followed from another node,
 * in a simulated world whose connection is lost: spec/service.md 3.3, 3.4.
 *
 * Each test runs many seeds; a failure prints its seed.
 */
#include <stdio.h>

#include "pair.h"
#include "puppet_service.h"

#define A     "a@10.0.0.1"
#define B     "b@10.0.0.2"
#define PORT  5000
#define SEEDS 8
#define LONG  200000u

static struct {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    struct puppet p;
    struct gen_service *service; /* on b */
    struct gen_service *handle;  /* of it, on a */
    unsigned others;             /* processes on a */
} w;

static void check(bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w.seed, what);
}

static struct node *start(const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.rt.world = sim_world(w.sim);
    options.rt.log_level = RT_LOG_NONE;
    return pair_start(&options);
}

static unsigned processes(struct gen *at)
{
    struct rt_stats stats;

    rt_stats(rt_of(at), &stats);
    return (unsigned)stats.processes;
}

/* `by_pid`: the handle has a pid, not a name. */
static void begin(uint64_t seed, bool by_pid)
{
    struct gen_service_options options = { .arg = &w.p };

    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.sim = sim_new(seed, NULL);
    w.a = start(A, "10.0.0.1");
    w.b = start(B, "10.0.0.2");
    check(node_route(w.a, B, "10.0.0.2", PORT) == AGNER_OK, "route");
    check(node_route(w.b, A, "10.0.0.1", PORT) == AGNER_OK, "route");
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    w.others = processes(w.at_a);
    options.name = by_pid ? ETF_NONE : etf_atom("web");
    check(gen_service_start(w.at_b, &puppet_spec, &options, &w.service, NULL) ==
              AGNER_OK,
          "start");
    if (by_pid) {
        etf_pid pid = gen_service_pid(w.service);

        pid.node = etf_atom(B);
        pid.creation = node_creation(w.b);
        w.handle =
            gen_service_at(node_rt(w.a), etf_from_pid(rt_region(w.at_a), pid));
    } else {
        w.handle = gen_service_at(node_rt(w.a),
                                  etf_make(w.at_a, "{web, 'b@10.0.0.2'}"));
    }
}

static void end(void)
{
    gen_service_free(w.handle);
    (void)gen_service_terminate(w.at_b, w.service, RT_INFINITY);
    (void)sim_run(w.sim, 20000); /* relays look now and then */
    check(processes(w.at_a) == w.others, "no relay is left");
    gen_service_free(w.service);
    puppet_fini(&w.p);
    rt_detach(w.at_a);
    rt_detach(w.at_b);
    node_stop(w.a, 1000);
    node_stop(w.b, 1000);
    sim_free(w.sim);
}

static struct gen_cursor *follow(const struct gen_service_state **state)
{
    struct gen_cursor *cursor = NULL;

    check(gen_service_follow(w.at_a, w.handle, NULL, state, &cursor) ==
              AGNER_OK,
          "follow");
    return cursor;
}

/* The next state that the cursor has; its version. */
static uint64_t next(struct gen_cursor *cursor, bool active)
{
    const struct gen_service_state *state;
    struct gen_stream_event event;

    check(gen_cursor_next(w.at_a, cursor, &event, LONG, NULL) == AGNER_OK,
          "a change");
    state = gen_service_event_state(&event);
    check(state->active == active, "active");
    return state->version;
}

/* On and off, on its own node. */
static void turn(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        check(gen_service_activate(w.at_b, w.service, NULL) == AGNER_OK, "on");
        check(gen_service_deactivate(w.at_b, w.service, NULL) == AGNER_OK,
              "off");
    }
}

static void lose_connection(void)
{
    (void)rt_disconnect_node(node_rt(w.a), etf_atom(B)); /* or it was */
    (void)sim_run(w.sim, 10);
}

/* The state, then each change after it, with what it carries. */
static void a_service_is_followed_from_another_node(void **state)
{
    const struct gen_service_state *first = NULL;
    struct gen_stream_event event;
    struct gen_cursor *one, *two;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, seed % 2 == 0);
        one = follow(&first);
        check(first->version == 1 && !first->active, "the state at first");
        gen_service_state_free(first);
        check(gen_service_configure(w.at_a, w.handle, "cfg", 3, NULL, NULL) ==
                  AGNER_OK,
              "configure");
        check(next(one, false) == 2, "the change after it");
        two = follow(&first);
        check(first->version == 2 && first->config.size == 3 &&
                  memcmp(first->config.data, "cfg", 3) == 0,
              "the state now");
        gen_service_state_free(first);
        turn(1);
        for (uint64_t version = 3; version <= 4; version++) {
            check(next(one, version == 3) == version, "one hears of each");
            check(next(two, version == 3) == version, "and two");
        }
        /* One relay for both: one feeder there. */
        check(processes(w.at_b) <= 4, "it crosses once");
        check(gen_service_terminate(w.at_b, w.service, RT_INFINITY) == AGNER_OK,
              "its end");
        check(gen_cursor_next(w.at_a, one, &event, LONG, NULL) == AGNER_EDONE,
              "is theirs");
        check(
            etf_atom_is(gen_cursor_reason(one, rt_region(w.at_a)), "shutdown"),
            "with its reason");
        gen_cursor_close(one);
        gen_cursor_close(two);
        end();
    }
}

/* What happened meanwhile is still kept: nobody notices. */
static void a_lost_connection_loses_no_change(void **state)
{
    struct gen_cursor *cursor;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, seed % 2 == 0);
        cursor = follow(NULL);
        turn(1);
        check(next(cursor, true) == 2, "before");
        lose_connection();
        turn(10);
        check(next(cursor, false) == 3, "before");
        for (uint64_t version = 4; version < 24; version++)
            check(next(cursor, version % 2 == 0) == version, "each of them");
        check(gen_cursor_lost(cursor) == 0, "none is lost");
        gen_cursor_close(cursor);
        end();
    }
}

/* What happened meanwhile is not kept any more: then the newest state stands
 * for all of it, and its version says so. */
static void what_is_gone_is_told_by_the_newest_state(void **state)
{
    struct gen_cursor *cursor;
    uint64_t version;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, seed % 2 == 0);
        cursor = follow(NULL);
        turn(1);
        check(next(cursor, true) == 2 && next(cursor, false) == 3, "before");
        lose_connection();
        turn(200);
        version = next(cursor, false);
        check(version == 403, "the newest");
        turn(1);
        check(next(cursor, true) == 404, "and on from there");
        gen_cursor_close(cursor);
        end();
    }
}

/* The service has ended while nobody could say so. */
static void an_end_that_nobody_heard_is_found_out(void **state)
{
    struct gen_stream_event event;
    struct gen_cursor *cursor;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, true);
        cursor = follow(NULL);
        lose_connection();
        check(gen_service_terminate(w.at_b, w.service, RT_INFINITY) == AGNER_OK,
              "its end");
        check(gen_cursor_next(w.at_a, cursor, &event, LONG, NULL) ==
                  AGNER_EDONE,
              "is found out");
        check(
            etf_atom_is(gen_cursor_reason(cursor, rt_region(w.at_a)), "noproc"),
            "so");
        gen_cursor_close(cursor);
        end();
    }
}

/* A handle that leads to no service of another node, or to one of this node. */
static void a_handle_leads_where_it_says(void **state)
{
    const struct gen_service_state *first;
    struct gen_service *other;
    struct gen_cursor *cursor;
    enum agner_err err;

    (void)state;
    begin(1, false);
    other = gen_service_at(node_rt(w.a),
                           etf_make(w.at_a, "{nothing, 'b@10.0.0.2'}"));
    err = gen_service_follow(w.at_a, other, NULL, NULL, &cursor);
    check(err == AGNER_ENOPROC, "nobody there");
    gen_service_free(other);
    other = gen_service_at(node_rt(w.a), etf_make(w.at_a, "web"));
    err = gen_service_follow(w.at_a, other, NULL, NULL, &cursor);
    check(err == AGNER_ENOPROC, "nobody here");
    gen_service_free(other);
    other = gen_service_at(node_rt(w.b), etf_make(w.at_b, "web"));
    check(gen_service_follow(w.at_b, other, NULL, &first, &cursor) == AGNER_OK,
          "by its name, on its own node");
    check(first->version == 1, "its state");
    gen_service_state_free(first);
    gen_cursor_close(cursor);
    gen_service_free(other);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_is_followed_from_another_node),
        cmocka_unit_test(a_lost_connection_loses_no_change),
        cmocka_unit_test(what_is_gone_is_told_by_the_newest_state),
        cmocka_unit_test(an_end_that_nobody_heard_is_found_out),
        cmocka_unit_test(a_handle_leads_where_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

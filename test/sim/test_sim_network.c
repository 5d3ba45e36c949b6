/*
 * test_sim_network.c -- the simulated network's faults, and that a seed decides
 * them all.
 *
 * Two loops: a server's, known as 10.0.0.1, and a client's, known as 10.0.0.2.
 */
#include "world_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/sim.h>

#define SERVER "10.0.0.1"
#define CLIENT "10.0.0.2"

struct net {
    struct sim *sim;
    struct place place;
    struct scene there, here; /* the server's, the client's */
    struct server server, known;
    struct end *client, *served;
};

static void net_open(struct net *net, uint64_t seed,
                     const struct sim_options *options)
{
    struct rt_address address = { .kind = RT_ADDRESS_TCP, .host = SERVER };

    memset(net, 0, sizeof *net);
    net->sim = sim_new(seed, options);
    assert_non_null(net->sim);
    net->place.world = sim_world(net->sim);
    scene_open(&net->there, &net->place);
    scene_open(&net->here, &net->place);
    net->client = end_new(&net->here);
    net->served = end_new(&net->there);
    net->server.ends[0] = net->served;
    server_start(&net->server, &net->there, &address);
    strcpy(address.host, CLIENT);
    server_start(&net->known, &net->here, &address);
}

static void net_dial(struct net *net, uint64_t timeout_ms)
{
    end_dial(net->client, &net->server.address, timeout_ms);
}

static bool both_open(void *ctx)
{
    const struct net *net = ctx;

    return net->client->opened > 0 && net->served->opened > 0;
}

static bool both_closed(void *ctx)
{
    const struct net *net = ctx;

    return net->client->closed > 0 && net->served->closed > 0;
}

static void net_connect(struct net *net)
{
    net_dial(net, 0);
    assert_true(sim_run_until(net->sim, both_open, net, 10000));
}

static void net_close(struct net *net)
{
    scene_end_loop(&net->here);
    scene_end_loop(&net->there);
    assert_int_equal(net->client->closed, 1);
    assert_int_equal(net->served->closed, net->served->opened);
    assert_string_equal(net->here.failure, "");
    assert_string_equal(net->there.failure, "");
    sim_free(net->sim);
    free(net->client);
    free(net->served);
}

static void send_now(struct scene *scene, void *arg)
{
    (void)scene;
    end_send(arg);
}

static void send_bytes(struct end *end, uint64_t size)
{
    end->to_send += size;
    scene_run(end->scene, send_now, end);
}

static bool all_arrived(void *ctx)
{
    const struct net *net = ctx;

    return net->served->received == net->client->to_send &&
           net->client->received == net->served->to_send;
}

static void a_partition_holds_everything_up_until_it_heals(void **state)
{
    struct net net;

    (void)state;
    net_open(&net, 1, NULL);
    net_connect(&net);
    assert_int_equal(sim_partition(net.sim, SERVER, CLIENT), AGNER_OK);
    send_bytes(net.client, 1000);
    send_bytes(net.served, 2000);
    assert_true(sim_run(net.sim, 3600000));
    assert_int_equal(net.served->received + net.client->received, 0);
    assert_int_equal(net.client->closed + net.served->closed, 0);
    sim_heal(net.sim, CLIENT, SERVER);
    assert_true(sim_run_until(net.sim, all_arrived, &net, 100));
    net_close(&net);
}

static void a_partition_can_have_one_direction(void **state)
{
    struct net net;

    (void)state;
    net_open(&net, 2, NULL);
    net_connect(&net);
    assert_int_equal(sim_partition_from(net.sim, SERVER, NULL), AGNER_OK);
    send_bytes(net.client, 1000);
    send_bytes(net.served, 1000);
    assert_true(sim_run(net.sim, 1000));
    assert_int_equal(net.served->received, 1000);
    assert_int_equal(net.client->received, 0);
    sim_heal_all(net.sim);
    assert_true(sim_run_until(net.sim, all_arrived, &net, 100));
    net_close(&net);
}

/* Other places do not notice, and a place is also known by its port. */
static void a_partition_is_only_of_those_named(void **state)
{
    struct net net;
    char who[64];

    (void)state;
    net_open(&net, 3, NULL);
    net_connect(&net);
    assert_int_equal(sim_partition(net.sim, "10.0.0.3", NULL), AGNER_OK);
    send_bytes(net.client, 1000);
    assert_true(sim_run_until(net.sim, all_arrived, &net, 100));
    (void)snprintf(who, sizeof who, "%s:%u", SERVER,
                   (unsigned)net.server.address.port);
    assert_int_equal(sim_partition(net.sim, who, NULL), AGNER_OK);
    send_bytes(net.client, 1000);
    assert_false(sim_run_until(net.sim, all_arrived, &net, 1000));
    net_close(&net);
}

static void a_dial_into_a_partition_times_out(void **state)
{
    struct net net;
    uint64_t start_ns;

    (void)state;
    net_open(&net, 4, NULL);
    assert_int_equal(sim_partition(net.sim, SERVER, NULL), AGNER_OK);
    start_ns = sim_now_ns(net.sim);
    net_dial(&net, 7000);
    assert_true(sim_run_until(net.sim, end_is_closed, net.client, 10000));
    assert_int_equal(net.client->why, AGNER_ETIMEOUT);
    assert_in_range(sim_now_ns(net.sim) - start_ns, UINT64_C(7000000000),
                    UINT64_C(7001000000));
    assert_int_equal(net.served->opened, 0);
    net_close(&net);
}

static void a_dial_outlives_a_short_partition(void **state)
{
    struct net net;

    (void)state;
    net_open(&net, 5, NULL);
    assert_int_equal(sim_partition(net.sim, SERVER, NULL), AGNER_OK);
    net_dial(&net, 7000);
    assert_true(sim_run(net.sim, 5000));
    sim_heal_all(net.sim);
    assert_true(sim_run_until(net.sim, both_open, &net, 100));
    net_close(&net);
}

static void a_reset_is_heard_at_both_ends(void **state)
{
    struct net net;

    (void)state;
    net_open(&net, 6, NULL);
    net_connect(&net);
    assert_int_equal(sim_reset(net.sim, CLIENT, "10.0.0.3"), 0);
    assert_int_equal(sim_reset(net.sim, CLIENT, SERVER), 1);
    assert_true(sim_run_until(net.sim, both_closed, &net, 100));
    assert_int_equal(net.client->why, AGNER_ESYSTEM);
    assert_string_equal(net.client->text, "connection reset by peer");
    assert_int_equal(net.served->why, AGNER_ESYSTEM);
    net_close(&net);
}

/* Half open: the writer goes on until the system has no room for more. */
static void half_a_reset_leaves_the_other_end_in_silence(void **state)
{
    struct net net;

    (void)state;
    net_open(&net, 7, NULL);
    net_connect(&net);
    assert_int_equal(sim_reset_half(net.sim, SERVER, NULL), 1);
    assert_true(sim_run_until(net.sim, end_is_closed, net.served, 100));
    send_bytes(net.client, 10u << 20);
    assert_true(sim_run(net.sim, 3600000));
    assert_int_equal(net.client->closed, 0);
    assert_in_range(net.client->sent, 1, 65536);
    net_close(&net);
}

static void a_clog_delays(void **state)
{
    struct net net;
    uint64_t start_ns;

    (void)state;
    net_open(&net, 8, NULL);
    net_connect(&net);
    start_ns = sim_now_ns(net.sim);
    assert_int_equal(sim_clog(net.sim, NULL, NULL, 500), 1);
    send_bytes(net.client, 1000);
    assert_true(sim_run_until(net.sim, all_arrived, &net, 1000));
    assert_true(sim_now_ns(net.sim) - start_ns >= 500000000);
    net_close(&net);
}

static void close_with_flush(struct scene *scene, void *arg)
{
    struct end *end = arg;

    scene->net->close(end->conn, true);
}

static void stop_reading(struct scene *scene, void *arg)
{
    struct end *end = arg;

    scene->net->read(end->conn, false);
}

static void a_flush_gives_up_after_five_seconds(void **state)
{
    struct net net;
    uint64_t start_ns;

    (void)state;
    net_open(&net, 9, NULL);
    net_connect(&net);
    scene_run(&net.there, stop_reading, net.served);
    send_bytes(net.client, 500000);
    assert_true(sim_run(net.sim, 100)); /* as much as there is room for */
    start_ns = sim_now_ns(net.sim);
    scene_run(&net.here, close_with_flush, net.client);
    assert_true(sim_run_until(net.sim, end_is_closed, net.client, 60000));
    assert_int_equal(net.client->why, AGNER_ETIMEOUT);
    assert_true(net.client->done_failed > 0);
    assert_in_range(sim_now_ns(net.sim) - start_ns, UINT64_C(5000000000),
                    UINT64_C(5100000000));
    net_close(&net);
}

static void names_stand_for_addresses(void **state)
{
    struct net net;
    struct rt_address to;

    (void)state;
    net_open(&net, 10, NULL);
    assert_int_equal(sim_host_put(net.sim, "alpha", "10.0.0.9"), AGNER_OK);
    assert_int_equal(sim_host_put(net.sim, "alpha", SERVER), AGNER_OK);
    to = net.server.address;
    strcpy(to.host, "alpha");
    end_dial(net.client, &to, 0);
    assert_true(sim_run_until(net.sim, both_open, &net, 100));
    assert_string_equal(net.server.from.host, CLIENT);
    net_close(&net);
}

static void bandwidth_takes_its_time(void **state)
{
    struct sim_options options = { .bandwidth = 100000 };
    struct net net;
    uint64_t start_ns;

    (void)state;
    net_open(&net, 11, &options);
    net_connect(&net);
    start_ns = sim_now_ns(net.sim);
    send_bytes(net.client, 500000);
    assert_true(sim_run_until(net.sim, all_arrived, &net, 10000));
    assert_in_range(sim_now_ns(net.sim) - start_ns, UINT64_C(5000000000),
                    UINT64_C(5100000000));
    net_close(&net);
}

/* Each drawn fault happens when it is certain, and not when faults are off. */
static void drawn_faults_can_be_switched_off(void **state)
{
    static const struct sim_options certain[] = {
        { .refuse_ppm = 1000000 },
        { .silent_dial_ppm = 1000000 },
        { .reset_ppm = 1000000 },
        { .reset_ppm = 1000000, .half_open_ppm = 1000000 },
    };
    size_t i;

    (void)state;
    for (i = 0; i < 2 * sizeof certain / sizeof certain[0]; i++) {
        bool on = i % 2 == 0;
        struct net net;

        net_open(&net, i, &certain[i / 2]);
        sim_faults(net.sim, on);
        net.client->to_send = net.served->to_send = 20000;
        net_dial(&net, 1000);
        assert_int_equal(sim_run_until(net.sim, all_arrived, &net, 60000), !on);
        assert_int_equal(net.client->closed + net.served->closed > 0, on);
        net_close(&net);
    }
}

static void a_flipped_bit_is_seen(void **state)
{
    struct sim_options options = { .flip_ppm = 1000000 };
    struct net net;

    (void)state;
    net_open(&net, 12, &options);
    net_connect(&net);
    send_bytes(net.client, 1000);
    assert_true(sim_run_until(net.sim, all_arrived, &net, 1000));
    assert_string_not_equal(net.there.failure, "");
    net.there.failure[0] = '\0'; /* as expected */
    net_close(&net);
}

/* ---- Seeds -----------------------------------------------------------------
 */

/* A drawn world: both ends send and pause; the connection may break at any
 * byte, and whatever arrives is right and in order. */
static uint64_t run_drawn(uint64_t seed, bool *arrived)
{
    struct sim_options options;
    struct net net;
    uint64_t hash;

    sim_profile(seed, &options);
    net_open(&net, seed, &options);
    net.client->to_send = 30000;
    net.served->to_send = 10000;
    net.client->pause_every = 5;
    net.served->pause_every = 11;
    net_dial(&net, 10000);
    *arrived = sim_run_until(net.sim, all_arrived, &net, 30000);
    scene_end_loop(&net.here);
    scene_end_loop(&net.there);
    hash = sim_trace_hash(net.sim);
    net_close(&net);
    return hash;
}

static void drawn_networks_deliver_in_order_or_break(void **state)
{
    uint64_t seed;
    unsigned arrived = 0, broken = 0;

    (void)state;
    for (seed = 0; seed < 150; seed++) {
        bool all;

        (void)run_drawn(seed, &all);
        arrived += all;
        broken += !all;
    }
    /* Both happen, or the profiles are no good. */
    assert_true(arrived > 30 && broken > 10);
}

static void the_same_seed_is_the_same_run(void **state)
{
    uint64_t seed, before = 0;

    (void)state;
    for (seed = 200; seed < 240; seed++) {
        bool all, again;
        uint64_t hash = run_drawn(seed, &all);
        void *other = malloc(1000 + seed); /* other addresses */

        assert_true(hash == run_drawn(seed, &again));
        assert_int_equal(all, again);
        assert_true(hash != before);
        before = hash;
        free(other);
    }
}

/* ---- Names ----------------------------------------------------------------
 */

struct question {
    unsigned answers;
    enum agner_err err;
    char address[256];
};

static void answered(void *ctx, enum agner_err err,
                     const struct rt_address *addresses, size_t count,
                     const char *text)
{
    struct question *question = ctx;

    (void)text;
    question->answers++;
    question->err = err;
    if (count > 0)
        (void)snprintf(question->address, sizeof question->address, "%s",
                       addresses[0].host);
}

static void ask(struct scene *scene, void *arg)
{
    struct rt_resolve *resolve;

    EXPECT(scene, scene->net->resolve(scene->loop, "db", answered, arg,
                                      &resolve, NULL) == AGNER_OK);
}

static void ask_once(struct net *net, struct question *question)
{
    question->address[0] = '\0';
    scene_run(&net->here, ask, question);
    assert_true(sim_run(net->sim, 100));
}

/* What a name stood for before is what a stale answer says. */
static void answers_may_be_stale_or_fail(void **state)
{
    struct sim_options options = { .name_stale_ppm = 1000000 };
    struct question question = { .answers = 0 };
    struct net net;

    (void)state;
    net_open(&net, 9, &options);
    net_connect(&net);
    assert_int_equal(sim_host_put(net.sim, "db", "10.0.0.7"), AGNER_OK);
    ask_once(&net, &question);
    assert_string_equal(question.address, "10.0.0.7"); /* there is no other */
    assert_int_equal(sim_host_put(net.sim, "db", "10.0.0.8"), AGNER_OK);
    ask_once(&net, &question);
    assert_string_equal(question.address, "10.0.0.7");
    sim_faults(net.sim, false);
    ask_once(&net, &question);
    assert_string_equal(question.address, "10.0.0.8");
    assert_int_equal(sim_host_put(net.sim, "db", NULL), AGNER_OK);
    ask_once(&net, &question);
    assert_int_equal(question.err, AGNER_ENONAME);
    assert_int_equal(question.answers, 4);
    net_close(&net);

    options = (struct sim_options){ .name_error_ppm = 1000000 };
    net_open(&net, 9, &options);
    net_connect(&net);
    assert_int_equal(sim_host_put(net.sim, "db", "10.0.0.7"), AGNER_OK);
    ask_once(&net, &question);
    assert_int_equal(question.err, AGNER_ESYSTEM);
    net_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_may_be_stale_or_fail),
        cmocka_unit_test(a_partition_holds_everything_up_until_it_heals),
        cmocka_unit_test(a_partition_can_have_one_direction),
        cmocka_unit_test(a_partition_is_only_of_those_named),
        cmocka_unit_test(a_dial_into_a_partition_times_out),
        cmocka_unit_test(a_dial_outlives_a_short_partition),
        cmocka_unit_test(a_reset_is_heard_at_both_ends),
        cmocka_unit_test(half_a_reset_leaves_the_other_end_in_silence),
        cmocka_unit_test(a_clog_delays),
        cmocka_unit_test(a_flush_gives_up_after_five_seconds),
        cmocka_unit_test(names_stand_for_addresses),
        cmocka_unit_test(bandwidth_takes_its_time),
        cmocka_unit_test(drawn_faults_can_be_switched_off),
        cmocka_unit_test(a_flipped_bit_is_seen),
        cmocka_unit_test(drawn_networks_deliver_in_order_or_break),
        cmocka_unit_test(the_same_seed_is_the_same_run),
    };

    return cmocka_run_group_tests_name("simulated network", tests, NULL, NULL);
}

/*
 * test_sim_peers.c -- connections in a simulated world: races to make them, who
 * may, with which cookies, under which name, and how long silence may last.
 *
 * Each test runs many seeds; a failure prints its seed.
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

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define HOST_A  "10.0.0.1"
#define HOST_B  "10.0.0.2"
#define CLIENT  "@10.0.0.3"
#define PORT    5000
#define WAIT_MS 600000 /* of virtual time */
#define MS      UINT64_C(1000000)

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
};

static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

static struct node *start(const struct world *w, const char *name,
                          const char *host, uint64_t tick_ms)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = tick_ms;
    options.rt.world = sim_world(w->sim);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static struct world begin(uint64_t seed, uint64_t tick_a_ms, uint64_t tick_b_ms)
{
    struct world w = { .seed = seed, .sim = sim_new(seed, NULL) };

    assert_non_null(w.sim);
    w.a = start(&w, A, HOST_A, tick_a_ms);
    w.b = start(&w, B, HOST_B, tick_b_ms);
    assert_int_equal(node_route(w.a, B, HOST_B, PORT), AGNER_OK);
    assert_int_equal(node_route(w.b, A, HOST_A, PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    assert_int_equal(
        rt_register(node_rt(w.a), etf_atom("sink"), rt_self(w.at_a)), AGNER_OK);
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

/* The one connection of a node, or none. */
static bool only_peer(struct node *node, struct node_peer_info *peer)
{
    return node_peers(node, peer, 1) == 1 && peer->state == NODE_PEER_UP;
}

static bool hears(struct gen *self, const char *text)
{
    etf_term message;
    char seen[200];

    return rt_receive(self, WAIT_MS, &message) == AGNER_OK &&
           strcmp(etf_format(seen, sizeof seen, message), text) == 0;
}

/* A message each way. */
static bool talk(const struct world *w)
{
    return rt_send(w->at_a, etf_make(w->at_a, "{sink, '" B "'}"),
                   etf_atom("to_b")) == AGNER_OK &&
           rt_send(w->at_b, etf_make(w->at_b, "{sink, '" A "'}"),
                   etf_atom("to_a")) == AGNER_OK &&
           hears(w->at_a, "to_a") && hears(w->at_b, "to_b");
}

/* ---- Races
 * -------------------------------------------------------------------
 */

#define RACES_OF_SEED 25
#define RACE_SEEDS    40

/* Connects to the other node after up to 2 ms, and says so to `sink`. `arg` is
 * the name of the other node; the delay is drawn. */
struct dialler {
    struct sim *sim;
    const char *to;
};

static void dial(struct gen *self, void *arg)
{
    const struct dialler *dialler = arg;

    rt_sleep(self, sim_draw(dialler->sim, 3));
    if (rt_connect_node(self, etf_atom(dialler->to)) == AGNER_OK)
        (void)rt_send(self, etf_atom("sink"), etf_atom("connected"));
}

static bool both_alone(void *ctx)
{
    struct world *w = ctx;

    return node_peers(w->a, NULL, 0) == 0 && node_peers(w->b, NULL, 0) == 0;
}

static void race(struct world *w)
{
    struct dialler to_a = { w->sim, A }, to_b = { w->sim, B };
    struct node_peer_info a, b, later;
    etf_pid pid;

    check(w, rt_spawn(w->at_a, dial, &to_b, NULL, &pid) == AGNER_OK, "spawn");
    check(w, rt_spawn(w->at_b, dial, &to_a, NULL, &pid) == AGNER_OK, "spawn");
    check(w, hears(w->at_a, "connected"), "a is not connected");
    check(w, hears(w->at_b, "connected"), "b is not connected");
    (void)sim_run(w->sim, 50); /* the losing attempt is over too */
    check(w, only_peer(w->a, &a) && only_peer(w->b, &b), "no connection");
    check(w, a.incoming != b.incoming, "they are not the same connection");
    check(w, talk(w), "it carries nothing");
    (void)sim_run(w->sim, 20000);
    check(w, only_peer(w->a, &later) && later.up_ms >= a.up_ms + 20000,
          "a's connection was not the last");
    check(w, only_peer(w->b, &later) && later.up_ms >= b.up_ms + 20000,
          "b's connection was not the last");
    check(w,
          (sim_draw(w->sim, 2) == 0 ? node_disconnect(w->a, B)
                                    : node_disconnect(w->b, A)) == AGNER_OK,
          "not disconnected");
    check(w, sim_run_until(w->sim, both_alone, w, 1000), "still connected");
}

/* G35, B-DST-6: a thousand races, each ends in exactly one connection. */
static void B_DST_6_a_race_ends_in_one_connection(void **state)
{
    unsigned races = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= RACE_SEEDS; seed++) {
        struct world w = begin(seed, 0, 0);

        for (int i = 0; i < RACES_OF_SEED; i++, races++)
            race(&w);
        end(&w);
    }
    assert_int_equal(races, 1000);
}

/* B-DST-6: who dials a node that stops is not let in, and is told so in time;
 * whoever it was connected to hears of its end. */
static void B_DST_6_a_node_that_stops_lets_nobody_in(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w = begin(seed, 0, 0);
        struct dialler to_b = { w.sim, B };
        etf_term message;
        etf_pid pid;

        check(&w, rt_spawn(w.at_a, dial, &to_b, NULL, &pid) == AGNER_OK, "?");
        (void)sim_run(w.sim, sim_draw(w.sim, 3));
        rt_detach(w.at_b);
        node_stop(w.b, 1000);
        (void)sim_run(w.sim, 10000);
        check(&w, node_peers(w.a, NULL, 0) == 0, "connected to nobody");
        /* It may have got in before, once. */
        (void)rt_receive(w.at_a, 0, &message);
        check(&w, rt_receive(w.at_a, 0, &message) == AGNER_ETIMEOUT, "twice");
        check(&w, !rt_is_alive(node_rt(w.a), pid), "it still dials");
        rt_detach(w.at_a);
        node_stop(w.a, 1000);
        sim_free(w.sim);
    }
}

/* ---- Who may, with which cookies
 * ---------------------------------------------
 */

static void cookies_are_of_a_peer_and_a_direction(void **state)
{
    static const struct {
        const char *a_out, *a_in, *b_out, *b_in;
        enum agner_err a_dials, b_dials;
    } table[] = {
        { "x", "y", "y", "x", AGNER_OK, AGNER_OK },
        { "x", "x", "x", "x", AGNER_OK, AGNER_OK },
        { "x", "x", "x", NULL, AGNER_OK, AGNER_OK },
        /* Who dials shows its own, which the other has to know. */
        { "x", "y", "y", "y", AGNER_EAUTH, AGNER_OK },
        { "x", "y", "x", "x", AGNER_OK, AGNER_EAUTH },
        { NULL, NULL, "x", "x", AGNER_EAUTH, AGNER_EAUTH },
        { PAIR_COOKIE, NULL, NULL, NULL, AGNER_OK, AGNER_OK },
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (int way = 0; way < 2; way++) {
            struct world w = begin(i + 1, 0, 0);
            enum agner_err err;

            assert_int_equal(
                node_cookie_set(w.a, B, table[i].a_out, table[i].a_in),
                AGNER_OK);
            assert_int_equal(
                node_cookie_set(w.b, A, table[i].b_out, table[i].b_in),
                AGNER_OK);
            err = way == 0 ? node_connect(w.at_a, w.a, B, NULL)
                           : node_connect(w.at_b, w.b, A, NULL);
            check(&w, err == (way == 0 ? table[i].a_dials : table[i].b_dials),
                  "another outcome");
            /* Taken back, the node's own is good. */
            assert_int_equal(node_cookie_set(w.a, B, NULL, NULL), AGNER_OK);
            assert_int_equal(node_cookie_set(w.b, A, NULL, NULL), AGNER_OK);
            check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK,
                  "not with the node's own");
            end(&w);
        }
}

static void cookies_that_cannot_be_are_refused(void **state)
{
    struct world w = begin(1, 0, 0);
    char longest[257];

    (void)state;
    memset(longest, 'c', sizeof longest);
    longest[256] = '\0';
    assert_int_equal(node_cookie_set(w.a, B, longest, NULL), AGNER_EINVAL);
    assert_int_equal(node_cookie_set(w.a, B, "x", longest), AGNER_EINVAL);
    assert_int_equal(node_cookie_set(w.a, B, "", NULL), AGNER_EINVAL);
    assert_int_equal(node_cookie_set(w.a, "b", "x", NULL), AGNER_EINVAL);
    assert_int_equal(node_cookie_set(w.a, B, longest + 1, NULL), AGNER_OK);
    assert_int_equal(node_cookie_set(w.b, A, longest + 1, NULL), AGNER_OK);
    assert_int_equal(node_connect(w.at_a, w.a, B, NULL), AGNER_OK);
    end(&w);
}

/* net_kernel:allow/1: names and hosts, both ways; who is not among them hears
 * not_allowed. */
static void only_who_is_allowed_connects(void **state)
{
    static const char *const lists[] = { B, HOST_B };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w = begin(i + 1, 0, 0);

        assert_int_equal(node_allow(w.a, "c@10.0.0.9"), AGNER_OK);
        assert_int_equal(node_connect(w.at_b, w.b, A, NULL), AGNER_ENOTALLOWED);
        assert_int_equal(node_connect(w.at_a, w.a, B, NULL), AGNER_ENOTALLOWED);
        assert_int_equal(node_allow(w.a, lists[i]), AGNER_OK);
        assert_int_equal(node_connect(w.at_b, w.b, A, NULL), AGNER_OK);
        assert_int_equal(node_allow(w.a, "a@b@c"), AGNER_EINVAL);
        assert_int_equal(node_allow(w.a, ""), AGNER_EINVAL);
        end(&w);
    }
}

/* What the options say holds before the first connection. */
static void options_say_who_may(void **state)
{
    static const struct node_cookie cookies[] = { { B, "x", "y" } };
    static const char *const allow[] = { "d@10.0.0.4", HOST_B };
    struct world w = begin(1, 0, 0);
    struct node_options options = pair_options("c@10.0.0.3");
    struct agner_error error;
    struct node *c;
    struct gen *at;

    (void)state;
    options.listen_host = "10.0.0.3";
    options.listen_port = PORT;
    options.cookies = cookies;
    options.cookie_count = 1;
    options.allow = allow;
    options.allow_count = 2;
    options.rt.world = sim_world(w.sim);
    options.rt.log = pair_quiet;
    c = pair_start(&options);
    at = rt_attach(node_rt(c));
    assert_int_equal(node_route(c, A, HOST_A, PORT), AGNER_OK);
    assert_int_equal(node_route(c, B, HOST_B, PORT), AGNER_OK);
    assert_int_equal(node_connect(at, c, A, NULL), AGNER_ENOTALLOWED);
    assert_int_equal(node_connect(at, c, B, NULL), AGNER_EAUTH);
    assert_int_equal(node_cookie_set(w.b, "c@10.0.0.3", "y", "x"), AGNER_OK);
    assert_int_equal(node_connect(at, c, B, NULL), AGNER_OK);
    rt_detach(at);
    node_stop(c, 1000);
    options.cookies = &(struct node_cookie){ "b", "x", NULL };
    assert_int_equal(node_start(&options, &c, &error), AGNER_EINVAL);
    assert_non_null(strstr(error.text, "cookies of b"));
    options.cookie_count = 0;
    options.allow = &(const char *){ "a@b@c" };
    options.allow_count = 1;
    assert_int_equal(node_start(&options, &c, &error), AGNER_EINVAL);
    assert_non_null(strstr(error.text, "allowing a@b@c"));
    end(&w);
}

/* ---- A name from the first peer
 * ----------------------------------------------
 */

static struct node *client_of(const struct world *w, struct gen **at)
{
    struct node *client = start(w, CLIENT, NULL, 0);

    assert_int_equal(node_route(client, A, HOST_A, PORT), AGNER_OK);
    assert_int_equal(node_route(client, B, HOST_B, PORT), AGNER_OK);
    *at = rt_attach(node_rt(client));
    assert_int_equal(
        rt_register(node_rt(client), etf_atom("sink"), rt_self(*at)), AGNER_OK);
    return client;
}

static bool is_nameless(void *ctx)
{
    return strcmp(node_name(ctx), "nonode@nohost") == 0;
}

/* Each of the two hears the other by name and by pid. */
static void talk_to_client(const struct world *w, struct gen *at,
                           struct node *client)
{
    etf_term hello = etf_make(at, "{hello, _}", rt_self(at)), message;
    etf_pid pid;

    check(w,
          rt_send(at, etf_make(at, "{sink, '" A "'}"), hello) == AGNER_OK &&
              rt_receive(w->at_a, WAIT_MS, &message) == AGNER_OK &&
              etf_match(message, "{hello, _}", &pid),
          "a hears nothing");
    check(w, etf_same(pid.node, etf_atom(node_name(client))),
          "a pid of another name");
    check(w, rt_send_pid(w->at_a, pid, etf_atom("hi")) == AGNER_OK, "not sent");
    check(w, hears(at, "hi"), "the client hears nothing");
    check(w,
          rt_send(w->at_a,
                  etf_make(w->at_a, "{sink, _}", etf_atom(node_name(client))),
                  etf_atom("name")) == AGNER_OK &&
              hears(at, "name"),
          "not by name");
}

static void a_node_is_given_its_name(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world w = begin(seed, 0, 0);
        struct gen *at, *at_other;
        struct node *client = client_of(&w, &at);
        struct node *other = client_of(&w, &at_other);
        struct node_peer_info peers[2];
        uint32_t creation;
        char name[256];

        check(&w, is_nameless(client) && node_creation(client) == 0, "named");
        check(&w, node_port(client) == 0, "it listens");
        check(&w, node_connect(at, client, A, NULL) == AGNER_OK, "refused");
        (void)snprintf(name, sizeof name, "%s", node_name(client));
        creation = node_creation(client);
        check(&w, strlen(name) == 13 + strlen(CLIENT), "another name");
        check(&w, strcmp(strchr(name, '@'), CLIENT) == 0, "another host");
        check(&w, creation > 3, "no creation");
        check(&w, etf_same(rt_node(node_rt(client)).name, etf_atom(name)),
              "its processes don't know");
        check(&w, node_peers(w.a, peers, 2) == 1 && peers[0].hidden, "visible");
        check(&w, peers[0].creation == creation, "another creation");
        talk_to_client(&w, at, client);

        /* With a name it is an ordinary node to others. */
        check(&w, node_connect(at, client, B, NULL) == AGNER_OK, "refused");
        check(&w, node_peers(w.b, peers, 2) == 1, "not connected");
        check(&w, strcmp(peers[0].name, name) == 0, "b knows another name");
        /* Another one has another. */
        check(&w, node_connect(at_other, other, A, NULL) == AGNER_OK,
              "refused");
        check(&w, strcmp(node_name(other), name) != 0, "the same name twice");

        /* It goes with the last connection, and comes again. */
        check(&w, node_disconnect(client, A) == AGNER_OK, "not connected");
        (void)sim_run(w.sim, 100);
        check(&w, strcmp(node_name(client), name) == 0, "lost too early");
        check(&w, node_disconnect(client, B) == AGNER_OK, "not connected");
        check(&w, sim_run_until(w.sim, is_nameless, client, 1000), "kept");
        check(&w, node_connect(at, client, A, NULL) == AGNER_OK, "refused");
        check(&w, strcmp(node_name(client), name) == 0, "a name was wasted");
        check(&w, node_creation(client) == creation + 1, "not the next one");
        talk_to_client(&w, at, client);

        rt_detach(at);
        rt_detach(at_other);
        node_stop(client, 1000);
        node_stop(other, 1000);
        end(&w);
    }
}

/* Two peers are asked at the same time: one names it, and with that name it
 * connects to the other; what was sent to both arrives. */
static void two_peers_give_one_name(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world w = begin(seed, 0, 0);
        struct gen *at;
        struct node *client = client_of(&w, &at);
        struct node_peer_info of_a, of_b;

        (void)rt_send(at, etf_make(at, "{sink, '" A "'}"), etf_atom("x"));
        (void)rt_send(at, etf_make(at, "{sink, '" B "'}"), etf_atom("y"));
        check(&w, hears(w.at_a, "x"), "a hears nothing");
        check(&w, hears(w.at_b, "y"), "b hears nothing");
        (void)sim_run(w.sim, 1000);
        check(&w, node_peers(client, &of_a, 1) == 2, "not two connections");
        check(&w, only_peer(w.a, &of_a) && only_peer(w.b, &of_b),
              "a connection too many");
        check(&w, strcmp(of_a.name, node_name(client)) == 0, "another at a");
        check(&w, strcmp(of_b.name, node_name(client)) == 0, "another at b");
        rt_detach(at);
        node_stop(client, 1000);
        end(&w);
    }
}

static void a_closed_list_gives_no_names(void **state)
{
    struct world w = begin(1, 0, 0);
    struct gen *at;
    struct node *client = client_of(&w, &at);

    (void)state;
    assert_int_equal(node_allow(w.a, B), AGNER_OK);
    assert_int_equal(node_connect(at, client, A, NULL), AGNER_ENOTALLOWED);
    assert_true(is_nameless(client));
    assert_int_equal(node_allow(w.a, &CLIENT[1]), AGNER_OK);
    assert_int_equal(node_connect(at, client, A, NULL), AGNER_OK);
    rt_detach(at);
    node_stop(client, 1000);
    end(&w);
}

/* ---- Ticks
 * ---------------------------------------------------------------------
 */

/* G37: silence is found between a quarter less and a quarter more than the tick
 * time, whatever it is. Bytes that came before count, so that from the cut on
 * it may be a quarter less again. */
static void B_DST_14_silence_is_found_in_its_time(void **state)
{
    static const uint64_t ticks_ms[] = { 4000, 60000 };

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            uint64_t tick_ms = ticks_ms[i], cut_ns, found_ms;
            struct world w = begin(seed, tick_ms, tick_ms);

            check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "alone");
            (void)sim_run(w.sim, sim_draw(w.sim, 3 * tick_ms));
            (void)sim_partition(w.sim, HOST_A, HOST_B);
            cut_ns = sim_now_ns(w.sim);
            check(&w, sim_run_until(w.sim, both_alone, &w, 2 * tick_ms),
                  "not found");
            found_ms = (sim_now_ns(w.sim) - cut_ns) / MS;
            check(&w, found_ms >= tick_ms / 2, "found too early");
            check(&w, found_ms <= tick_ms + tick_ms / 4 + 10, "found too late");
            end(&w);
        }
}

#define TICK 18 /* bytes of one on a secure link: an empty record */

/* An idle connection stays, and its ticks are few: one a quarter of the tick
 * time each way, and as many answers at most. */
static void an_idle_connection_ticks_and_stays(void **state)
{
    static const uint64_t ticks_ms[] = { 4000, 60000 };
    enum { TIMES = 20 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w = begin(i + 1, ticks_ms[i], ticks_ms[i]);
        struct node_peer_info before, after;

        check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "alone");
        (void)sim_run(w.sim, ticks_ms[i]);
        check(&w, only_peer(w.a, &before), "alone");
        (void)sim_run(w.sim, TIMES * ticks_ms[i]);
        check(&w, only_peer(w.a, &after), "closed");
        check(&w, after.up_ms == before.up_ms + TIMES * ticks_ms[i], "another");
        check(&w, after.bytes_out - before.bytes_out >= (TIMES * 4 - 1) * TICK,
              "too few ticks");
        check(&w, after.bytes_out - before.bytes_out <= 2 * TIMES * 4 * TICK,
              "too many ticks");
        check(&w, talk(&w), "it carries nothing");
        end(&w);
    }
}

/* The slower one answers in time, since it is silent otherwise. */
static void tick_times_may_differ(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct world w =
            begin(1, way == 0 ? 4000 : 60000, way == 0 ? 60000 : 4000);
        struct node_peer_info before, after;

        check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "alone");
        check(&w, only_peer(w.a, &before), "alone");
        (void)sim_run(w.sim, 600000);
        check(&w, only_peer(w.a, &after), "closed");
        check(&w, after.up_ms >= before.up_ms + 600000, "another");
        check(&w, after.bytes_in - before.bytes_in <= UINT64_C(2) * TICK * 600,
              "answers beyond measure");
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_DST_6_a_race_ends_in_one_connection),
        cmocka_unit_test(B_DST_6_a_node_that_stops_lets_nobody_in),
        cmocka_unit_test(cookies_are_of_a_peer_and_a_direction),
        cmocka_unit_test(cookies_that_cannot_be_are_refused),
        cmocka_unit_test(only_who_is_allowed_connects),
        cmocka_unit_test(options_say_who_may),
        cmocka_unit_test(a_node_is_given_its_name),
        cmocka_unit_test(two_peers_give_one_name),
        cmocka_unit_test(a_closed_list_gives_no_names),
        cmocka_unit_test(B_DST_14_silence_is_found_in_its_time),
        cmocka_unit_test(an_idle_connection_ticks_and_stays),
        cmocka_unit_test(tick_times_may_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

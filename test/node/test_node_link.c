/*
 * test_node_link.c -- connections between nodes, on a runtime that only
 * records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <flags.h>

#include "pair.h"
#include "raw_peer.h"
#include "recorder.h"

#define A        "a@127.0.0.1"
#define B        "b@127.0.0.1"
#define STRANGER "stranger@127.0.0.1"

/* Less than half of that passes between two turns of a thread, also where it is
 * held up for seconds. */
#define TICK_MS 6000

/* How a message from process n of A to recorder_message()'s receiver begins. */
#define FROM_A(n) "send <'" A "'." #n ".0> > <'" B "'.7.0> "

struct two {
    struct node *a, *b;
    struct rt *at_a, *at_b;
};

static struct two two_with(const struct node_options *a,
                           const struct node_options *b)
{
    struct two two = { .a = pair_start(a), .b = pair_start(b) };

    two.at_a = node_rt(two.a);
    two.at_b = node_rt(two.b);
    pair_route(two.a, two.b);
    pair_route(two.b, two.a);
    return two;
}

static struct two two_nodes(void)
{
    struct node_options a = pair_options(A), b = pair_options(B);

    return two_with(&a, &b);
}

static void stop_two(const struct two *two)
{
    node_stop(two->a, 0);
    node_stop(two->b, 0);
}

static enum agner_err connect_a(struct node *a, const char *to,
                                struct agner_error *error)
{
    struct gen *self = rt_attach(node_rt(a));
    enum agner_err err = node_connect(self, a, to, error);

    rt_detach(self);
    return err;
}

static void send_int(struct rt *from, const char *to, uint32_t sender,
                     int64_t n)
{
    struct rt_signal signal = recorder_message(to, sender, 7, etf_int(NULL, n));

    assert_int_equal(recorder_send(from, &signal), AGNER_OK);
}

/* G12: the sender does not wait; G1: what was sent meanwhile keeps its order.
 */
static void the_first_send_connects(void **state)
{
    struct two two = two_nodes();

    (void)state;
    recorder_count_only(two.at_b);
    for (int64_t n = 0; n < 100; n++)
        send_int(two.at_a, B, 1, n);
    recorder_expect_messages(two.at_b, 100);
    (void)recorder_expect(two.at_a, 0, "up '" B "'");
    (void)recorder_expect(two.at_b, 0, "up '" A "'");
    assert_int_equal(recorder_count(two.at_b), 1);
    stop_two(&two);
}

/* A process that hears {nodeup, Node} sends to it, without connecting. */
static void greet(struct rt *rt, etf_term node)
{
    etf_bytes name = etf_atom_text(node);
    char text[300];
    struct rt_signal signal;

    (void)snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
    signal = recorder_message(text, 1, 7, etf_atom("greeting"));
    signal.flags = RT_SEND_NOCONNECT;
    if (recorder_send(rt, &signal) != AGNER_OK)
        rt_log(rt, RT_LOG_ERROR, "the greeting was not taken");
}

/* What is sent at {nodeup, Node} is not lost, on either side. */
static void a_greeting_at_nodeup_arrives(void **state)
{
    struct two two = two_nodes();

    (void)state;
    recorder_on_up(two.at_a, greet);
    recorder_on_up(two.at_b, greet);
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    (void)recorder_expect(two.at_b, 0, FROM_A(1) "greeting");
    (void)recorder_expect(two.at_a, 0, "send ...");
    stop_two(&two);
}

static void every_signal_arrives_as_it_was_sent(void **state)
{
    struct two two = two_nodes();
    struct etf_region *r = etf_region_new(0);
    etf_term b = etf_atom(B);
    etf_term oops = etf_cons(r, etf_atom("oops"), etf_nil());
    etf_term reason = etf_tuple(r, (etf_term[]){ ETF_A(shutdown), oops }, 2);
    etf_pid to = {
        .node = b, .id = 7, .serial = 3, .creation = node_creation(two.b)
    };
    etf_pid from = { .id = 1, .serial = 2 };
    etf_ref ref = { .count = 3, .words = { 11, 12, 13 } };
    etf_ref alias = { .node = b,
                      .creation = node_creation(two.b),
                      .count = 3,
                      .words = { 21, 22, 23 } };
    struct rt_signal signals[] = {
        { .kind = RT_SIGNAL_SEND, .to = to, .payload = reason },
        { .kind = RT_SIGNAL_SEND_NAME,
          .name = etf_atom("logger"),
          .payload = reason },
        { .kind = RT_SIGNAL_SEND_ALIAS, .ref = alias, .payload = reason },
        { .kind = RT_SIGNAL_LINK, .to = to },
        { .kind = RT_SIGNAL_UNLINK, .to = to, .id = 5 },
        { .kind = RT_SIGNAL_UNLINK_ACK, .to = to, .id = 6 },
        { .kind = RT_SIGNAL_EXIT, .to = to, .payload = reason },
        { .kind = RT_SIGNAL_EXIT2, .to = to, .payload = reason },
        { .kind = RT_SIGNAL_MONITOR, .to = to, .ref = ref },
        { .kind = RT_SIGNAL_MONITOR, .name = etf_atom("logger"), .ref = ref },
        { .kind = RT_SIGNAL_DEMONITOR, .to = to, .ref = ref },
        { .kind = RT_SIGNAL_DOWN, .to = to, .ref = alias, .payload = reason },
        { .kind = RT_SIGNAL_GROUP_LEADER, .to = to },
    };
    static const char *const lines[] = {
        "up '" A "'",
        "send <'" A "'.1.2> > <.7.3> {shutdown,[oops]}",
        "send_name <'" A "'.1.2> > logger {shutdown,[oops]}",
        "send_alias <'" A "'.1.2> >  ref 21 {shutdown,[oops]}",
        "link <'" A "'.1.2> > <.7.3>",
        "unlink <'" A "'.1.2> > <.7.3> id 5",
        "unlink_ack <'" A "'.1.2> > <.7.3> id 6",
        "exit <'" A "'.1.2> > <.7.3> {shutdown,[oops]}",
        "exit2 <'" A "'.1.2> > <.7.3> {shutdown,[oops]}",
        "monitor <'" A "'.1.2> > <.7.3> ref 11",
        "monitor <'" A "'.1.2> > logger ref 11",
        "demonitor <'" A "'.1.2> > <.7.3> ref 11",
        "down <'" A "'.1.2> > <.7.3> ref 21 {shutdown,[oops]}",
        "group_leader <'" A "'.1.2> > <.7.3>",
    };
    size_t count = sizeof signals / sizeof signals[0];

    (void)state;
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    for (size_t i = 0; i < count; i++) {
        signals[i].node = b;
        signals[i].from = from;
        assert_int_equal(recorder_send(two.at_a, &signals[i]), AGNER_OK);
    }
    recorder_expect_count(two.at_b, count + 1);
    for (size_t i = 0; i <= count; i++)
        assert_string_equal(recorder_line(two.at_b, i), lines[i]);
    etf_region_free(r);
    stop_two(&two);
}

/* ---- Connecting
 * ------------------------------------------------------------------ */

static void B_EPM_3_connecting_says_which_step_failed(void **state)
{
    struct node_options options = pair_options(A);
    struct node_options other = pair_options(B);
    struct node_options third = pair_options("third@127.0.0.1");
    struct node *a, *b, *third_node;
    struct agner_error error;

    (void)state;
    other.cookie = "another";
    options.epmd_port = 1; /* nobody */
    a = pair_start(&options);
    b = pair_start(&other);
    third_node = pair_start(&third);
    pair_route(a, b);
    assert_int_equal(connect_a(a, "nobody", &error), AGNER_EINVAL);
    assert_int_equal(connect_a(a, A, &error), AGNER_EINVAL);
    assert_int_equal(connect_a(a, "x@127.0.0.1", &error), AGNER_ENOCONN);
    assert_int_equal(connect_a(a, B, &error), AGNER_EAUTH);
    assert_non_null(strstr(error.text, "cookie"));
    assert_int_equal(
        node_route(a, "c@127.0.0.1", "127.0.0.1", node_port(third_node)),
        AGNER_OK);
    assert_int_equal(
        node_route(a, "c@127.0.0.1", "127.0.0.1", node_port(third_node)),
        AGNER_EALREADY);
    /* Only who has the cookie hears a name. */
    assert_int_equal(connect_a(a, "c@127.0.0.1", &error), AGNER_ENONAME);
    assert_non_null(strstr(error.text, "it is called third@127.0.0.1"));
    assert_int_equal(node_route(a, "d@127.0.0.1", "127.0.0.1", 1), AGNER_OK);
    assert_int_equal(connect_a(a, "d@127.0.0.1", &error), AGNER_ENOCONN);
    node_stop(a, 0);
    node_stop(b, 0);
    node_stop(third_node, 0);
}

/* G12, G20: what waited for a connection that fails is told so, once. */
static void a_failed_attempt_is_a_node_down(void **state)
{
    struct node_options options = pair_options(A);
    struct node *a = pair_start(&options);

    (void)state;
    assert_int_equal(node_route(a, B, "127.0.0.1", 1), AGNER_OK);
    send_int(node_rt(a), B, 1, 0);
    (void)recorder_expect(node_rt(a), 0, "down '" B "'");
    assert_int_equal(recorder_count(node_rt(a)), 1);
    recorder_expect_dropped(node_rt(a), 1); /* G9 */
    node_stop(a, 0);
}

/* G6, G20. */
static void disconnecting_is_seen_by_both(void **state)
{
    struct two two = two_nodes();
    size_t at;

    (void)state;
    assert_int_equal(node_disconnect(two.a, B), AGNER_ENOCONN);
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    send_int(two.at_a, B, 1, 0);
    at = recorder_expect(two.at_b, 0, "send ...");
    assert_int_equal(node_disconnect(two.a, B), AGNER_OK);
    assert_int_equal(node_disconnect(two.a, B), AGNER_ENOCONN);
    (void)recorder_expect(two.at_a, 0, "down '" B "'");
    at = recorder_expect(two.at_b, at, "down '" A "'");
    /* The next signal connects again. */
    send_int(two.at_a, B, 1, 1);
    at = recorder_expect(two.at_b, at, "up '" A "'");
    (void)recorder_expect(two.at_b, at, "send ...");
    assert_int_equal(recorder_count(two.at_b), 5);
    stop_two(&two);
}

struct dialler {
    struct node *node;
    const char *to;
    enum agner_err err;
};

static void dial(void *arg)
{
    struct dialler *d = arg;

    d->err = connect_a(d->node, d->to, NULL);
}

/* An Erlang node that has not seen the end of our last connection says `nok`,
 * and never comes. */
static void after_a_nok_that_is_not_meant_we_come_again(void **state)
{
    static const char nok[] = { 0, 4, 's', 'n', 'o', 'k' };
    struct node_options options = pair_options(A);
    struct node *a;
    uint16_t port;
    int listener = raw_listen(&port);

    (void)state;
    options.plain = true;
    a = pair_start(&options);
    assert_int_equal(node_route(a, STRANGER, "127.0.0.1", port), AGNER_OK);
    send_int(node_rt(a), STRANGER, 1, 1);
    for (int i = 0; i < 3; i++) {
        int fd = raw_accept(listener);

        raw_send(fd, nok, sizeof nok);
        (void)raw_read_to_end(fd);
        close(fd);
    }
    close(listener);
    node_stop(a, 0);
}

/* G35: two dials at once are one connection. */
static void both_dial_and_one_connection_stays(void **state)
{
    const struct rt_world *world = rt_world_real();

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct two two = two_nodes();
        struct dialler from_a = { two.a, B, AGNER_EUNKNOWN };
        struct dialler from_b = { two.b, A, AGNER_EUNKNOWN };
        struct rt_thread *one, *other;
        struct node_peer_info peer;

        recorder_count_only(two.at_a);
        recorder_count_only(two.at_b);
        assert_int_equal(
            world->thread_start(world->ctx, "a", dial, &from_a, &one),
            AGNER_OK);
        assert_int_equal(
            world->thread_start(world->ctx, "b", dial, &from_b, &other),
            AGNER_OK);
        for (int64_t n = 0; n < 10; n++) {
            send_int(two.at_a, B, 1, n);
            send_int(two.at_b, A, 1, n);
        }
        world->thread_join(world->ctx, one);
        world->thread_join(world->ctx, other);
        assert_int_equal(from_a.err, AGNER_OK);
        assert_int_equal(from_b.err, AGNER_OK);
        recorder_expect_messages(two.at_a, 10);
        recorder_expect_messages(two.at_b, 10);
        assert_int_equal(node_peers(two.a, &peer, 1), 1);
        assert_int_equal(peer.state, NODE_PEER_UP);
        assert_string_equal(peer.name, B);
        assert_int_equal(recorder_count(two.at_a), 1); /* up, and no down */
        assert_int_equal(recorder_count(two.at_b), 1);
        stop_two(&two);
    }
}

/* ---- Output
 * ------------------------------------------------------------------------ */

static struct rt_signal big_message(struct etf_region *r, const char *to,
                                    uint32_t sender, size_t size)
{
    uint8_t *bytes = malloc(size);
    etf_term binary;

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    binary = etf_binary(r, bytes, size);
    free(bytes);
    return recorder_message(to, sender, 7, binary);
}

/* G1, G39: a small message after a huge one of the same sender stays behind it.
 */
static void fragments_keep_each_senders_order(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct two two;
    struct etf_region *r = etf_region_new(0);
    struct rt_signal big = big_message(r, B, 1, 3u << 20);
    size_t from_one;

    (void)state;
    a.high_mark = 64u << 20; /* nobody waits: all is queued at once */
    two = two_with(&a, &b);
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    assert_int_equal(recorder_send(two.at_a, &big), AGNER_OK);
    for (uint32_t sender = 2; sender < 5; sender++)
        send_int(two.at_a, B, sender, sender);
    send_int(two.at_a, B, 1, 1);
    recorder_expect_count(two.at_b, 6);
    from_one = recorder_expect(two.at_b, 0, FROM_A(1) "binary 3145728 ...");
    (void)recorder_expect(two.at_b, from_one, FROM_A(1) "1");
    etf_region_free(r);
    stop_two(&two);
}

/* What the other node writes of a big message. */
static void big_text(char *line, size_t room, unsigned sender, size_t size)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + (uint8_t)(i * 7 + i / 251);
    (void)snprintf(line, room,
                   "send <'" A "'.%u.0> > <'" B "'.7.0> binary %zu sum %llu",
                   sender, size, (unsigned long long)sum);
}

/* Their fragments come by turns, each put where its message is gathered. */
static void fragments_of_several_messages_come_together(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct two two;
    struct etf_region *r = etf_region_new(0);
    char line[200];

    (void)state;
    a.high_mark = 64u << 20; /* nobody waits: all is queued at once */
    two = two_with(&a, &b);
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    for (uint32_t sender = 1; sender < 5; sender++) {
        struct rt_signal big =
            big_message(r, B, sender, 700000 + 65536 * 7 * sender);

        assert_int_equal(recorder_send(two.at_a, &big), AGNER_OK);
    }
    recorder_expect_count(two.at_b, 5);
    for (uint32_t sender = 1; sender < 5; sender++) {
        big_text(line, sizeof line, sender, 700000 + 65536 * 7 * sender);
        (void)recorder_expect(two.at_b, 0, line);
    }
    etf_region_free(r);
    stop_two(&two);
}

static void every_form_of_packet_carries_every_size(void **state)
{
    static const size_t sizes[] = { 0,    1,     255,   256,   2000,
                                    5000, 65400, 65536, 200000 };

    (void)state;
    for (int form = 0; form < 4; form++) {
        struct node_options a = pair_options(A), b = pair_options(B);
        struct etf_region *r = etf_region_new(0);
        struct two two;
        char line[100];

        a.no_atom_cache = (form & 1) != 0;
        b.no_fragments = (form & 2) != 0;
        two = two_with(&a, &b);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct rt_signal signal = big_message(r, B, 1, sizes[i] + 1);

            assert_int_equal(recorder_send(two.at_a, &signal), AGNER_OK);
        }
        recorder_expect_count(two.at_b, 1 + sizeof sizes / sizeof sizes[0]);
        for (size_t i = 3; i < sizeof sizes / sizeof sizes[0]; i++) {
            (void)snprintf(line, sizeof line, FROM_A(1) "binary %zu sum ...",
                           sizes[i] + 1);
            assert_int_equal(recorder_expect(two.at_b, i + 1, line), i + 2);
        }
        etf_region_free(r);
        stop_two(&two);
    }
}

/* G45: what is queued when a node stops goes out. */
static void stopping_sends_what_is_queued(void **state)
{
    struct two two = two_nodes();

    (void)state;
    recorder_count_only(two.at_b);
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    for (int64_t n = 0; n < 20000; n++)
        send_int(two.at_a, B, 3, n);
    node_stop(two.a, 0);
    recorder_expect_messages(two.at_b, 20000);
    (void)recorder_expect(two.at_b, 0, "down '" A "'");
    node_stop(two.b, 0);
}

/* G38: a peer that does not read holds its senders back, and nobody else; its
 * loss lets them go. */
static void B_DST_14_a_peer_that_does_not_read_shuts_the_gate(void **state)
{
    struct node_options options = pair_options(A);
    struct node *a = pair_start(&options);
    struct rt *at_a = node_rt(a);
    struct etf_region *r = etf_region_new(0);
    struct node__handshake hs;
    struct rt_signal big, exit2;
    int fd = raw_dial(node_port(a), STRANGER, A, PAIR_COOKIE, 0, &hs);
    enum agner_err err = AGNER_OK;
    struct node_peer_info peer;
    const struct rt_world *world = rt_world_real();
    _Atomic uint32_t word = 0;
    int sent = 0, still = 0;

    (void)state;
    assert_true(fd >= 0);
    (void)recorder_expect(at_a, 0, "up '" STRANGER "'");
    big = big_message(r, STRANGER, 1, 1000);
    big.flags = RT_SEND_NOSUSPEND;
    /* The system's own buffers take the first megabytes: go on until nothing
     * moves any more. */
    while (still < 500 && sent < 1000000) {
        err = recorder_send(at_a, &big);
        sent++;
        if (err == AGNER_OK) {
            still = 0;
            continue;
        }
        still++;
        world->wait(world->ctx, &word, 0, world->now_ns(world->ctx) + 1000000);
    }
    assert_int_equal(err, AGNER_EAGAIN);
    /* A system signal still goes. */
    exit2 = big;
    exit2.kind = RT_SIGNAL_EXIT2;
    exit2.payload = etf_atom("kill");
    assert_int_equal(recorder_send(at_a, &exit2), AGNER_OK);
    assert_int_equal(node_peers(a, &peer, 1), 1);
    /* Between the marks: G38. */
    assert_true(peer.queued > 1u << 19 && peer.queued < (1u << 20) + 5000);
    close(fd);
    (void)recorder_expect(at_a, 0, "down '" STRANGER "'");
    recorder_expect_dropped(at_a, 400); /* G9: half a megabyte */
    big.flags = RT_SEND_NOCONNECT; /* the gate is open, and nobody behind it */
    assert_int_equal(recorder_send(at_a, &big), AGNER_ENOCONN);
    etf_region_free(r);
    node_stop(a, 0);
}

/* ---- Ticks
 * ---------------------------------------------------------------------------
 */

/* Where the machine has no IPv6 there is nothing to see. */
static void nodes_meet_over_ipv6(void **state)
{
    struct node_options options = pair_options("b@::1");
    struct agner_error error;
    struct node *a, *b;

    (void)state;
    options.listen_host = "::1";
    if (node_start(&options, &b, &error) != AGNER_OK) {
        assert_int_equal(error.code, AGNER_ESYSTEM);
        skip();
    }
    options = pair_options("a@::1");
    options.listen_host = "::1";
    a = pair_start(&options);
    assert_int_equal(node_route(a, "b@::1", "::1", node_port(b)), AGNER_OK);
    assert_int_equal(connect_a(a, "b@::1", NULL), AGNER_OK);
    send_int(node_rt(a), "b@::1", 5, 42);
    (void)recorder_expect(node_rt(b), 0, "up 'a@::1'");
    (void)recorder_expect(node_rt(b), 0, "send ...");
    node_stop(a, 0);
    node_stop(b, 0);
}

/* G37: ticks keep an idle connection, and their absence ends it. */
static void ticks_keep_a_connection(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct two two;
    struct node__handshake hs;
    uint64_t begin_ms;
    int fd;

    (void)state;
    a.tick_time_ms = TICK_MS;
    b.tick_time_ms = TICK_MS;
    two = two_with(&a, &b);
    assert_int_equal(connect_a(two.a, B, NULL), AGNER_OK);
    begin_ms = rt_world_real()->now_ns(rt_world_real()->ctx) / 1000000;
    /* A peer that never says a word is dropped; a and b outlast it. */
    fd = raw_dial(node_port(two.a), STRANGER, A, PAIR_COOKIE, 0, &hs);
    assert_true(fd >= 0);
    assert_true(raw_read_to_end(fd) >= 4); /* ticks */
    assert_true(rt_world_real()->now_ns(rt_world_real()->ctx) / 1000000 >=
                begin_ms + TICK_MS * 3 / 4);
    close(fd);
    (void)recorder_expect(two.at_a, 0, "down '" STRANGER "'");
    (void)recorder_expect_log(two.at_a, "nothing was received");
    fd = raw_dial(node_port(two.a), STRANGER, A, PAIR_COOKIE, 0, &hs);
    assert_true(raw_read_to_end(fd) >= 4);
    close(fd);
    send_int(two.at_a, B, 1, 1);
    (void)recorder_expect(two.at_b, 0, "send ...");
    assert_int_equal(recorder_count(two.at_b), 2);
    stop_two(&two);
}

/* A node with a longer tick time than its peer answers, so as not to seem dead.
 */
static void a_tick_is_answered_when_nothing_was_written(void **state)
{
    struct node_options options = pair_options(A);
    struct node *a = pair_start(&options);
    struct node__handshake hs;
    int fd = raw_dial(node_port(a), STRANGER, A, PAIR_COOKIE, 0, &hs);
    uint8_t tick[4] = { 1 };

    (void)state;
    assert_true(fd >= 0);
    raw_packet(fd, "", 0);
    assert_true(raw_read(fd, tick, sizeof tick));
    assert_int_equal(tick[0] | tick[1] | tick[2] | tick[3], 0);
    close(fd);
    node_stop(a, 0);
}

/* The next packet is a tick; another one is read and dropped. */
static bool next_is_tick(int fd)
{
    uint8_t length[4], bytes[256];
    size_t size;

    assert_true(raw_read(fd, length, sizeof length)); /* it is not closed */
    size = (size_t)length[2] << 8 | length[3];
    assert_true(size <= sizeof bytes);
    assert_true(raw_read(fd, bytes, size));
    return size == 0;
}

/* A hidden peer may be one that ticks only when it is ticked: that it is
 * written to is not enough. It outlives twice the tick time so. */
static void a_silent_hidden_peer_is_ticked(void **state)
{
    struct node_options options = pair_options(A);
    struct node__handshake hs;
    struct node *a;
    int fd, ticks = 0;

    (void)state;
    options.tick_time_ms = TICK_MS;
    a = pair_start(&options);
    fd = raw_dial(node_port(a), STRANGER, A, PAIR_COOKIE,
                  NODE__FLAGS_OFFERED & ~NODE__FLAG_PUBLISHED, &hs);
    assert_true(fd >= 0);
    while (ticks < 4) { /* one in two rounds, which are a quarter each */
        send_int(node_rt(a), STRANGER, 5, ticks);
        if (next_is_tick(fd)) {
            ticks++;
            raw_packet(fd, "", 0);
        }
    }
    close(fd);
    node_stop(a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_send_connects),
        cmocka_unit_test(a_greeting_at_nodeup_arrives),
        cmocka_unit_test(every_signal_arrives_as_it_was_sent),
        cmocka_unit_test(B_EPM_3_connecting_says_which_step_failed),
        cmocka_unit_test(a_failed_attempt_is_a_node_down),
        cmocka_unit_test(disconnecting_is_seen_by_both),
        cmocka_unit_test(both_dial_and_one_connection_stays),
        cmocka_unit_test(after_a_nok_that_is_not_meant_we_come_again),
        cmocka_unit_test(fragments_keep_each_senders_order),
        cmocka_unit_test(fragments_of_several_messages_come_together),
        cmocka_unit_test(every_form_of_packet_carries_every_size),
        cmocka_unit_test(stopping_sends_what_is_queued),
        cmocka_unit_test(B_DST_14_a_peer_that_does_not_read_shuts_the_gate),
        cmocka_unit_test(nodes_meet_over_ipv6),
        cmocka_unit_test(ticks_keep_a_connection),
        cmocka_unit_test(a_tick_is_answered_when_nothing_was_written),
        cmocka_unit_test(a_silent_hidden_peer_is_ticked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

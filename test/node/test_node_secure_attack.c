/*
 * test_node_secure_attack.c -- who listens to a secure link, changes it, or has
 * no right to it.
 */
#include "linked.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <agner/rt_remote.h>
#include <flags.h>
#include <node_room.h>
#include <noise_psk.h>
#include <rt_world.h>
#include <secure.h>
#include <trust.h>

#include "raw_peer.h"

/* ---- B-SEC-3: cookies and keys
 * -----------------------------------------------
 */

static void B_SEC_3_another_cookie_is_refused_and_counted(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct agner_error error;
    struct linked l;

    (void)state;
    b.cookie = "another cookie";
    linked_begin_with(&l, a, b, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(node_connect(l.duo.at_a, l.duo.a, B, &error),
                         AGNER_EAUTH);
        assert_non_null(strstr(error.text, "cookies differ"));
    }
    linked_expect(&l.at_b, "the peer has another cookie");
    assert_int_equal(linked_noted(&l.at_b, "the peer has another cookie"), 2);
    assert_int_equal(node_refused(l.duo.b, NODE_REFUSED_COOKIE), 2);
    assert_int_equal(linked_noted(&l.at_b, A), 0); /* its name was not shown */
    assert_int_equal(node_connect(l.duo.at_b, l.duo.b, A, &error), AGNER_EAUTH);
    linked_expect(&l.at_a, "the peer has another cookie");
    linked_end(&l);
}

/* The same cookie in another cluster is another key. */
static void B_SEC_3_another_cluster_is_refused(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct linked l;

    (void)state;
    a.cluster = "shop";
    b.cluster = "store";
    linked_begin_with(&l, a, b, false);
    assert_int_equal(node_connect(l.duo.at_a, l.duo.a, B, NULL), AGNER_EAUTH);
    linked_end(&l);
}

/* A machine of the test that dials b as a, until it is up or is asked whether
 * it knows better. */
static int begin_as_a(uint16_t port, struct secure *s, uint8_t random)
{
    struct secure_self self = { .name = A,
                                .creation = 5,
                                .flags = NODE__FLAGS_OFFERED };
    struct noise_keys own = { .secret = { 9, 8, 7 } };
    uint8_t ephemeral[NOISE_KEY_SIZE] = { random }, psk[NOISE_KEY_SIZE], byte;
    struct etf_buffer out = { 0 };
    int fd = raw_connect(port);
    size_t used;

    assert_int_equal(node__noise_public(&own), AGNER_OK);
    assert_int_equal(node__psk("", PAIR_COOKIE, psk), AGNER_OK);
    assert_int_equal(
        node__secure_dial(s, &self, B, &own, ephemeral, &out, NULL), AGNER_OK);
    while (s->state < SECURE_UP && s->state != SECURE_ASK_ALIVE) {
        raw_send(fd, out.data, out.size);
        out.size = 0;
        assert_true(raw_read(fd, &byte, 1));
        (void)node__secure_feed(s, &byte, 1, &out, &used);
        if (s->state == SECURE_ASK_KEY)
            (void)node__secure_key_is_good(s, psk, &out);
    }
    etf_buffer_fini(&out);
    return fd;
}

/* T4: the name got a key while a set-up of another waited for its last word. */
static void B_SEC_3_a_key_is_looked_at_last_when_it_is_up(void **state)
{
    struct node_options options = pair_options(B);
    static const uint8_t other[NOISE_KEY_SIZE] = { 7 };
    struct secure *first = calloc(1, sizeof *first),
                  *second = calloc(1, sizeof *second);
    struct etf_buffer out = { 0 };
    struct node *b;
    int fd, late;

    (void)state;
    options.rt.log = duo_no_log;
    b = pair_start(&options);
    fd = begin_as_a(node_port(b), first, 1);
    assert_int_equal(first->state, SECURE_UP);
    late = begin_as_a(node_port(b), second, 2);
    assert_int_equal(second->state, SECURE_ASK_ALIVE);
    node__trust_learn(b->trust, A, other);
    assert_int_equal(node__secure_go_on(second, true, &out), SECURE_UP);
    raw_send(late, out.data, out.size);
    assert_int_equal(raw_read_to_end(late), 0);
    assert_int_equal(node_refused(b, NODE_REFUSED_KEY), 1);
    etf_buffer_fini(&out);
    close(late);
    close(fd);
    node_stop(b, 0);
    free(first);
    free(second);
}

/* A machine of the test as the side that dials: as far as it gets, and how many
 * bytes it hears until the end. */
static size_t speak(uint16_t port, const char *name, const char *to,
                    const char *cookie, enum secure_state *state)
{
    struct secure_self self = { .name = name,
                                .creation = 5,
                                .flags = NODE__FLAGS_OFFERED };
    struct noise_keys own = { .secret = { 9, 8, 7 } };
    uint8_t ephemeral[NOISE_KEY_SIZE] = { 1, 2, 3 }, psk[NOISE_KEY_SIZE], byte;
    struct etf_buffer out = { 0 };
    struct secure *s = calloc(1, sizeof *s);
    size_t heard = 0, used;
    int fd;

    assert_int_equal(node__noise_public(&own), AGNER_OK);
    /* It takes long, and who has connected has 5 s. */
    assert_int_equal(node__psk("", cookie, psk), AGNER_OK);
    fd = raw_connect(port);
    assert_int_equal(
        node__secure_dial(s, &self, to, &own, ephemeral, &out, NULL), AGNER_OK);
    while (s->state < SECURE_UP) {
        raw_send(fd, out.data, out.size);
        out.size = 0;
        if (!raw_read(fd, &byte, 1)) {
            node__secure_ended(s, AGNER_OK, "closed");
            break;
        }
        heard++;
        (void)node__secure_feed(s, &byte, 1, &out, &used);
        if (s->state == SECURE_ASK_KEY)
            (void)node__secure_key_is_good(s, psk, &out);
        else if (s->state == SECURE_ASK_ALIVE)
            (void)node__secure_go_on(s, true, &out);
    }
    raw_send(fd, out.data, out.size);
    *state = s->state;
    close(fd);
    free(s);
    etf_buffer_fini(&out);
    return heard;
}

static void B_SEC_3_refusals_look_alike_from_outside(void **state)
{
    struct node_options options = pair_options(B);
    struct diary diary = { .lock = 0 };
    struct node *b;
    enum secure_state came;
    uint16_t port;

    (void)state;
    options.rt.log = linked_note;
    options.rt.log_ctx = &diary;
    options.trust = NODE_TRUST_LISTED;
    b = pair_start(&options);
    port = node_port(b);
    /* Another cookie; the right one, and a key that is not on the list. */
    assert_int_equal(speak(port, A, B, "wrong", &came), 2 + 96);
    assert_int_equal(came, SECURE_FAILED);
    assert_int_equal(speak(port, A, B, PAIR_COOKIE, &came), 2 + 96);
    assert_int_equal(came, SECURE_FAILED);
    linked_expect(&diary, "the peer has another cookie");
    linked_expect(&diary, "not on the list");
    assert_int_equal(node_refused(b, NODE_REFUSED_COOKIE), 1);
    assert_int_equal(node_refused(b, NODE_REFUSED_KEY), 1);
    node_stop(b, 0);
    etf_buffer_fini(&diary.text);
}

/* It was dialled as another: it says who it is, to one that has the cookie. */
static void a_node_that_is_taken_for_another_does_not_get_up(void **state)
{
    struct node_options options = pair_options(B);
    struct node *b;
    enum secure_state came;

    (void)state;
    options.rt.log = duo_no_log;
    b = pair_start(&options);
    assert_true(speak(node_port(b), A, "c@127.0.0.1", PAIR_COOKIE, &came) >
                2 + 96);
    assert_int_equal(came, SECURE_FAILED);
    assert_int_equal(node_peers(b, NULL, 0), 0);
    node_stop(b, 0);
}

/* ---- B-SEC-1, B-SEC-6
 * ---------------------------------------------------------
 */

static void B_SEC_1_nothing_is_said_to_what_is_not_understood(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = { { "AGNR\2\0\0\0", 8 },
                  { "AGNR\1\0\0\1", 8 },
                  { "ABCDEFGH", 8 },
                  { "AGNR\1\0\0\0\0\0", 10 },
                  { "AGNR\1\0\0\0\377\377", 10 },
                  { "AGNR\1\0\0\0\0\57", 10 },
                  { "AAAAAAAAAAAAAAAAAAAAAAA", 23 } };
    struct node_options options = pair_options(B);
    struct node *b;

    (void)state;
    options.rt.log = duo_no_log;
    options.limits.failures_source = 1000;
    b = pair_start(&options);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = raw_connect(node_port(b));

        raw_send(fd, cases[i].bytes, cases[i].size);
        assert_int_equal(raw_read_to_end(fd), 0);
        close(fd);
    }
    assert_int_equal(node_refused(b, NODE_REFUSED_PROTOCOL),
                     sizeof cases / sizeof cases[0]);
    node_stop(b, 0);
}

/* Who begins and goes no further costs a deadline, and is not waited for. */
static void B_SEC_1_a_half_open_link_is_closed_at_its_deadline(void **state)
{
    struct node_options options = pair_options(B);
    struct node *b;
    int fd;

    (void)state;
    options.rt.log = duo_no_log;
    options.limits.handshake_ms = 100;
    b = pair_start(&options);
    fd = raw_connect(node_port(b));
    raw_send(fd, "AGNR\1\0\0\0", 8);
    assert_int_equal(raw_read_to_end(fd), 0);
    close(fd);
    assert_int_equal(node_limit_met(b, NODE_LIMIT_HANDSHAKE_MS), 1);
    node_stop(b, 0);
}

/* Neither an Erlang node's words nor its silence make a dial plain. */
static void B_SEC_6_a_secure_dial_is_never_plain(void **state)
{
    static const char *const answers[] = { "", "\0\3sok", "\0\4snok",
                                           "\0\3sokAGNR" };
    static const size_t sizes[] = { 0, 5, 6, 9 };
    struct node_options options = pair_options(A);
    struct node *a;
    struct linked_dialler d;
    const struct rt_world *world = rt_world_real();

    (void)state;
    options.rt.log = duo_no_log;
    options.erlang = NODE_ERLANG_ANY;
    a = pair_start(&options);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rt_thread *thread;
        char name[64];
        uint8_t first[8];
        uint16_t port;
        int listener = raw_listen(&port), fd;

        (void)snprintf(name, sizeof name, "beam%zu@127.0.0.1", i);
        assert_int_equal(node_route(a, name, "127.0.0.1", port), AGNER_OK);
        d = (struct linked_dialler){ a, name, AGNER_OK };
        assert_int_equal(
            world->thread_start(world->ctx, "dial", linked_dial, &d, &thread),
            AGNER_OK);
        fd = raw_accept(listener);
        assert_true(raw_read(fd, first, sizeof first));
        assert_memory_equal(first, "AGNR\1\0\0\0", sizeof first);
        raw_send(fd, answers[i], sizes[i]);
        (void)shutdown(fd, SHUT_WR);
        (void)raw_read_to_end(fd);
        close(fd);
        world->thread_join(world->ctx, thread);
        assert_true(d.err == AGNER_EPROTO || d.err == AGNER_ENOCONN);
        /* There was no second try. */
        assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
        close(listener);
    }
    node_stop(a, 0);
}

/* ---- B-SEC-4, B-SEC-5: through the tap
 * ----------------------------------------
 */

static void expect_down(struct gen *self, const char *node, const char *reason)
{
    char expected[200], seen[400];
    etf_term message;

    (void)snprintf(expected, sizeof expected,
                   "{nodedown,'%s',[{node_type,visible}", node);
    do {
        assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
        (void)etf_format(seen, sizeof seen, message);
        assert_null(strstr(seen, "evil"));
    } while (strncmp(seen, expected, strlen(expected)) != 0);
    (void)snprintf(expected, sizeof expected, "{nodedown_reason,%s}", reason);
    if (strstr(seen, expected) == NULL)
        fail_msg("%s has no %s", seen, expected);
}

static void watch_nodes(struct linked *l)
{
    assert_int_equal(
        rt_monitor_nodes_with(l->duo.at_a, true, RT_MONITOR_NODES_REASON),
        AGNER_OK);
    assert_int_equal(
        rt_monitor_nodes_with(l->duo.at_b, true, RT_MONITOR_NODES_REASON),
        AGNER_OK);
}

/* A record from a to b, or back, is changed: the link ends, and what was in it
 * is not delivered. Then the next link works. */
static void spoil(struct linked *l, enum tap_deed deed, int way, int bit,
                  bool needs_another)
{
    struct gen *from = way == 0 ? l->duo.at_a : l->duo.at_b;
    etf_pid to = rt_self(way == 0 ? l->duo.at_b : l->duo.at_a);

    if (way == 0)
        to = duo_pid_from_a(&l->duo, to);
    else {
        to.node = etf_atom(A);
        to.creation = node_creation(l->duo.a);
    }
    linked_connect(l);
    tap_do(l->tap, deed, way, bit);
    assert_int_equal(rt_send_pid(from, to, etf_atom("evil")), AGNER_OK);
    tap_wait(l->tap);
    if (needs_another)
        assert_int_equal(rt_send_pid(from, to, etf_atom("evil")), AGNER_OK);
    expect_down(l->duo.at_a, B, "connection_closed");
    expect_down(l->duo.at_b, A, "connection_closed");
}

/* The net's own buffers: what the reader has to find out by itself. */
static void B_SEC_4_records_are_flipped_repeated_dropped_reordered(void **state)
{
    static const struct {
        enum tap_deed deed;
        int bit;
        bool another;
    } cases[] = {
        { TAP_FLIP, 8, false },    /* the length: one more or one less */
        { TAP_FLIP, 16, false },   /* the type */
        { TAP_FLIP, 40, false },   /* a packet's length */
        { TAP_FLIP, 200, false },  /* somewhere */
        { TAP_FLIP, -1, false },   /* the tag's last bit */
        { TAP_FLIP, -128, false }, /* its first */
        { TAP_DROP, 0, true },     { TAP_SWAP, 0, true },
        { TAP_REPLAY, 0, false },
    };
    struct linked l;

    (void)state;
    linked_begin(&l, true);
    watch_nodes(&l);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int way = 0; way < 2; way++) {
            struct diary *diary = way == 0 ? &l.at_b : &l.at_a;
            size_t before = linked_noted(diary, "connection to");

            if (cases[i].deed == TAP_FLIP && cases[i].bit == 8)
                continue; /* it may wait for a byte: see below */
            spoil(&l, cases[i].deed, way, cases[i].bit, cases[i].another);
            assert_int_equal(linked_noted(diary, "connection to"), before + 1);
        }
    linked_expect(&l.at_a, "not the peer's next one");
    linked_expect(&l.at_b, "not the peer's next one");
    linked_end(&l);
}

/* The repeated record was good the first time. */
static void B_SEC_4_a_repeated_record_is_delivered_once(void **state)
{
    struct linked l;

    (void)state;
    linked_begin(&l, true);
    watch_nodes(&l);
    linked_connect(&l);
    tap_do(l.tap, TAP_REPEAT, 0, 0);
    linked_send(&l, "once");
    tap_wait(l.tap);
    {
        etf_term message;
        unsigned times = 0;

        do {
            assert_int_equal(rt_receive(l.duo.at_b, WAIT_MS, &message),
                             AGNER_OK);
            times += etf_atom_is(message, "once");
        } while (!etf_match(message, "{nodedown, __, __}"));
        assert_int_equal(times, 1);
    }
    linked_expect(&l.at_b, "not the peer's next one");
    linked_end(&l);
}

static void B_SEC_5_a_cut_is_a_loss_and_a_stop_is_none(void **state)
{
    struct linked l;

    (void)state;
    linked_begin(&l, true);
    watch_nodes(&l);
    spoil(&l, TAP_CUT, 0, 0, false);
    linked_expect(&l.at_b, "without a goodbye");
    spoil(&l, TAP_CUT, 1, 0, false);

    linked_connect(&l);
    assert_int_equal(node_disconnect(l.duo.a, B), AGNER_OK);
    expect_down(l.duo.at_a, B, "disconnect");
    expect_down(l.duo.at_b, A, "connection_closed");
    linked_expect(&l.at_b, "the peer says goodbye");

    linked_connect(&l);
    rt_detach(l.duo.at_a);
    node_stop(l.duo.a, 0);
    expect_down(l.duo.at_b, A, "shutdown");
    linked_expect(&l.at_b, "the peer says goodbye: it stops");
    rt_detach(l.duo.at_b);
    node_stop(l.duo.b, 0);
    tap_free(l.tap);
    etf_buffer_fini(&l.at_a.text);
    etf_buffer_fini(&l.at_b.text);
}

/* Messages of the set-up through the same tap: the dial fails, and the next one
 * does not. */
static void B_SEC_1_a_set_up_that_is_changed_fails(void **state)
{
    static const struct {
        enum tap_deed deed;
        int way, bit;
    } cases[] = {
        { TAP_FLIP, 0, 20 },  { TAP_FLIP, 0, -1 }, { TAP_FLIP, 1, 20 },
        { TAP_FLIP, 1, 500 }, { TAP_FLIP, 1, -1 }, { TAP_REPEAT, 0, 0 },
        { TAP_REPEAT, 1, 0 }, { TAP_CUT, 0, 0 },   { TAP_CUT, 1, 0 },
    };
    struct node_options a = pair_options(A), b = pair_options(B);
    struct linked l;

    (void)state;
    b.limits.failures_source = 1000;
    linked_begin_with(&l, a, b, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tap_over(l.tap);
        tap_do(l.tap, cases[i].deed, cases[i].way, cases[i].bit);
        assert_int_not_equal(node_connect(l.duo.at_a, l.duo.a, B, NULL),
                             AGNER_OK);
        tap_wait(l.tap);
        /* Who accepts is up first: it hears of the end. */
        while (node_peers(l.duo.b, NULL, 0) > 0)
            (void)usleep(1000);
    }
    linked_connect(&l);
    linked_send(&l, "hello");
    duo_expect(l.duo.at_b, "hello");
    linked_end(&l);
}

/* ---- What a listener learns
 * ----------------------------------------------------
 */

static void a_tap_sees_no_payload_no_names_no_cookie(void **state)
{
    static const char *const secrets[] = { LINKED_SECRET, LINKED_KNOWN, A, B,
                                           "127.0.0.1",   PAIR_COOKIE };

    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct node_options a = pair_options(A), b = pair_options(B);
        struct linked l;

        a.plain = b.plain = plain != 0;
        linked_begin_with(&l, a, b, true);
        linked_chatter(&l);
        assert_true(tap_seen(l.tap) > 100000);
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
            bool saw = tap_saw(l.tap, secrets[i], strlen(secrets[i]));

            /* The plain handshake shows no cookie either. */
            if (saw != (plain != 0 && i + 1 < sizeof secrets / sizeof *secrets))
                fail_msg("%s: %s is %s", plain ? "plain" : "secure", secrets[i],
                         saw ? "seen" : "not seen");
        }
        assert_true(tap_saw(l.tap, "AGNR\1\0\0\0", 8) == (plain == 0));
        linked_end(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_SEC_3_another_cookie_is_refused_and_counted),
        cmocka_unit_test(B_SEC_3_another_cluster_is_refused),
        cmocka_unit_test(B_SEC_3_refusals_look_alike_from_outside),
        cmocka_unit_test(B_SEC_3_a_key_is_looked_at_last_when_it_is_up),
        cmocka_unit_test(a_node_that_is_taken_for_another_does_not_get_up),
        cmocka_unit_test(B_SEC_1_nothing_is_said_to_what_is_not_understood),
        cmocka_unit_test(B_SEC_1_a_half_open_link_is_closed_at_its_deadline),
        cmocka_unit_test(B_SEC_6_a_secure_dial_is_never_plain),
        cmocka_unit_test(
            B_SEC_4_records_are_flipped_repeated_dropped_reordered),
        cmocka_unit_test(B_SEC_4_a_repeated_record_is_delivered_once),
        cmocka_unit_test(B_SEC_5_a_cut_is_a_loss_and_a_stop_is_none),
        cmocka_unit_test(B_SEC_1_a_set_up_that_is_changed_fails),
        cmocka_unit_test(a_tap_sees_no_payload_no_names_no_cookie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

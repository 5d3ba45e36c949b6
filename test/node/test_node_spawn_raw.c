/*
 * test_node_spawn_raw.c -- spawn requests and replies, byte by byte: what a
 * peer may write that no node of ours or of Erlang's does.
 */
#include <unistd.h>

#include <flags.h>

#include "duo.h"
#include "raw_peer.h"

#define RAW   "raw@127.0.0.1"
#define OFFER UINT64_C(0x0d07df7fbd)

/* A connected socket that speaks for RAW, without header. */
struct scene {
    struct duo duo;
    int fd;
    struct etf_region *region;
};

static struct scene scene_new(uint64_t without)
{
    struct scene s = { .duo = duo_new(), .region = etf_region_new(0) };
    struct node__handshake hs;
    uint64_t flags = OFFER & ~(without | NODE__FLAG_DIST_HDR_ATOM_CACHE |
                               NODE__FLAG_FRAGMENTS | NODE__FLAG_PUBLISHED);

    s.fd = raw_dial(node_port(s.duo.b), RAW, B, PAIR_COOKIE, flags, &hs);
    assert_true(s.fd >= 0);
    assert_int_equal(hs.flags & without, 0);
    return s;
}

static void scene_end(const struct scene *s)
{
    close(s->fd);
    etf_region_free(s->region);
    duo_end(&s->duo);
}

static etf_pid raw_pid(uint32_t id)
{
    return (etf_pid){ .node = etf_atom(RAW), .id = id, .creation = 7 };
}

static etf_ref raw_ref(uint32_t number)
{
    return (etf_ref){ .node = etf_atom(RAW),
                      .creation = 7,
                      .count = 3,
                      .words = { number, 1, 2 } };
}

/* `payload` ETF_NONE: there is none. */
static void say(const struct scene *s, etf_term control, etf_term payload)
{
    struct etf_self us = rt_node(node_rt(s->duo.b));
    struct etf_encode_options options = { .self = &us };
    struct etf_buffer packet = { 0 };

    assert_int_equal(etf_buffer_add(&packet, "\x70\x83", 2), AGNER_OK);
    assert_int_equal(etf_encode(&packet, control, &options), AGNER_OK);
    if (!etf_is_none(payload)) {
        assert_int_equal(etf_buffer_add(&packet, "\x83", 1), AGNER_OK);
        assert_int_equal(etf_encode(&packet, payload, &options), AGNER_OK);
    }
    raw_packet(s->fd, packet.data, packet.size);
    etf_buffer_fini(&packet);
}

/* The next control message that is no tick. */
static etf_term hear(const struct scene *s)
{
    struct etf_self us = rt_node(node_rt(s->duo.b));
    struct etf_decode_options options = { .self = &us };
    uint8_t length[4], packet[2000];
    size_t size, used;
    etf_term control;

    do {
        assert_true(raw_read(s->fd, length, 4));
        size = (size_t)length[2] << 8 | length[3];
        assert_true(size <= sizeof packet);
        assert_true(raw_read(s->fd, packet, size));
    } while (size == 0);
    assert_true(size > 2 && packet[0] == 112 && packet[1] == 131);
    assert_int_equal(etf_decode(s->region, packet + 2, size - 2, &options,
                                &control, &used, NULL),
                     AGNER_OK);
    return control;
}

/* Asks for m:f with these options, as process 1. */
static void ask(const struct scene *s, uint32_t number, const char *options,
                int64_t arity, const char *args)
{
    etf_term list, argument_list;

    assert_int_equal(
        etf_parse(s->region, options, strlen(options), &list, NULL, NULL),
        AGNER_OK);
    assert_int_equal(
        etf_parse(s->region, args, strlen(args), &argument_list, NULL, NULL),
        AGNER_OK);
    say(s,
        etf_make(s->region, "{29, _, _, _, {m, f, _}, _}", raw_ref(number),
                 raw_pid(1), raw_pid(1), arity, list),
        argument_list);
}

static void expect_refusal(const struct scene *s, uint32_t number,
                           const char *reason)
{
    etf_term why;
    etf_ref ref;
    etf_pid to;

    assert_true(etf_match(hear(s), "{31, _, _, 0, _}", &ref, &to, &why));
    assert_true(etf_ref_equal(ref, raw_ref(number)));
    assert_true(etf_pid_equal(to, raw_pid(1)));
    assert_true(etf_atom_is(why, reason));
}

/* B-DST-8: what is wrong with a request is its answer; the connection stays. */
static void a_bad_request_is_answered(void **state)
{
    struct scene s = scene_new(0);

    (void)state;
    ask(&s, 1, "[link | monitor]", 0, "[]");
    expect_refusal(&s, 1, "badopt");
    ask(&s, 2, "nothing", 0, "[]");
    expect_refusal(&s, 2, "badopt");
    ask(&s, 3, "[{priority, 7}]", 0, "[]");
    expect_refusal(&s, 3, "badopt");
    ask(&s, 4, "[]", 2, "[one]");
    expect_refusal(&s, 4, "badarg");
    ask(&s, 5, "[]", 1, "[one | two]");
    expect_refusal(&s, 5, "badarg");
    ask(&s, 6, "[]", 0, "no_list");
    expect_refusal(&s, 6, "badarg");
    scene_end(&s);
}

/* Nothing of the new process comes before the reply, though it ends at once. */
static void the_reply_is_first(void **state)
{
    struct scene s = scene_new(0);
    uint32_t i;

    (void)state;
    for (i = 0; i < 500; i++)
        ask(&s, i, "[link, monitor]", 0, "[]");
    for (i = 0; i < 3 * 500; i++) {
        static bool replied[500];
        static etf_pid pids[500];
        etf_term control = hear(&s);
        etf_pid pid, to;
        etf_ref ref;
        uint32_t n;

        if (etf_match(control, "{31, _, _, 3, _}", &ref, &to, &pid)) {
            replied[ref.words[0]] = true;
            pids[ref.words[0]] = pid;
        } else if (etf_match(control, "{28, _, _, _}", &pid, &to, &ref)) {
            assert_true(replied[ref.words[0]]);
        } else {
            assert_true(etf_match(control, "{24, _, _}", &pid, &to));
            for (n = 0; n < 500 && !etf_pid_equal(pids[n], pid); n++)
                continue;
            assert_true(n < 500);
        }
        etf_region_reset(s.region);
    }
    scene_end(&s);
}

/* A peer without SPAWN cannot be asked: both ways say so. */
static void a_peer_without_spawn_is_not_asked(void **state)
{
    struct scene s = scene_new(NODE__FLAG_SPAWN);
    struct gen *self = s.duo.at_b;
    etf_term reason;
    etf_pid pid;
    etf_ref id;

    (void)state;
    while (rt_node_find(node_rt(s.duo.b), etf_atom(RAW), NULL) != AGNER_OK)
        continue;
    assert_int_equal(rt_spawn_node(self, etf_atom(RAW), etf_atom("m"),
                                   etf_atom("f"), etf_nil(), NULL, &pid,
                                   &reason),
                     AGNER_ENOTSUP);
    assert_int_equal(rt_spawn_request(self, etf_atom(RAW), etf_atom("m"),
                                      etf_atom("f"), etf_nil(), NULL, &id),
                     AGNER_OK);
    assert_int_equal(rt_receive(self, WAIT_MS, &reason), AGNER_OK);
    assert_true(etf_match(reason, "{spawn_reply, __, error, notsup}"));
    scene_end(&s);
}

/* Replies that nobody waits for, and one that names a stranger's process. */
static void replies_that_are_wrong_do_no_harm(void **state)
{
    struct scene s = scene_new(0);
    struct gen *self = s.duo.at_b;
    struct etf_self us = rt_node(node_rt(s.duo.b));
    etf_pid me = rt_self(self), stranger = raw_pid(9), seen;
    etf_term message, none = ETF_NONE;
    etf_ref id;

    (void)state;
    me.node = us.name;
    me.creation = us.creation;
    stranger.node = etf_atom("stranger@127.0.0.1");
    /* To a reference of another's, and with a term that is neither. */
    say(&s, etf_make(s.region, "{31, _, _, 0, {a, b}}", raw_ref(1), me), none);
    id = rt_make_ref(self);
    say(&s, etf_make(s.region, "{31, _, _, 0, {a, b}}", id, me), none);
    /* Of no request: its process is sent off. */
    say(&s, etf_make(s.region, "{31, _, _, 3, _}", id, me, raw_pid(5)), none);
    /* To a request, but with a process of a third node. */
    assert_int_equal(rt_spawn_request(self, etf_atom(RAW), etf_atom("m"),
                                      etf_atom("f"), etf_nil(), NULL, &id),
                     AGNER_OK);
    assert_true(etf_match(hear(&s), "{29, _, __, __, {m, f, 0}, []}", &id));
    say(&s, etf_make(s.region, "{31, _, _, 3, _}", id, me, stranger), none);
    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{spawn_reply, __, error, badarg}"));
    assert_true(etf_match(hear(&s), "{26, __, _}", &seen));
    assert_true(etf_pid_equal(seen, raw_pid(5)));
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_request_is_answered),
        cmocka_unit_test(the_reply_is_first),
        cmocka_unit_test(a_peer_without_spawn_is_not_asked),
        cmocka_unit_test(replies_that_are_wrong_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

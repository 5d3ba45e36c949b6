/*
 * test_node_permit.c -- what a peer may do here, and what becomes of the rest:
 * spec/reliability.md 6.4, B-DST-15. Two nodes on loopback with `kernel` on
 * both, and a peer that is only a socket.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <agner/kernel.h>

#include <flags.h>
#include <key_text.h>
#include <node_room.h>
#include <permit.h>
#include <plain.h>
#include <trust.h>

#include "duo.h"
#include "raw_peer.h"

#define RAW "raw@127.0.0.1"

static struct duo begin(unsigned may)
{
    struct duo duo = duo_new();
    struct agner_error error;

    if (agner_kernel_start(duo.at_b, &error) != AGNER_OK)
        fail_msg("kernel: %s", error.text);
    assert_int_equal(node_permit(duo.b, A, may, NULL), AGNER_OK);
    return duo;
}

/* A process of b that is there for a, and has been spoken with: what a sent
 * before has arrived, since signals of two processes keep their order. */
static void pass(const struct duo *duo, etf_pid pid)
{
    etf_term reply;

    assert_int_equal(gen_call(duo->at_a,
                              etf_from_pid(rt_region(duo->at_a), pid),
                              etf_make(duo->at_a, "hello"), WAIT_MS, &reply),
                     AGNER_OK);
}

static etf_term next(struct gen *self)
{
    etf_term message = ETF_NONE;

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    return message;
}

static void expect_exit(struct gen *self, const char *wanted)
{
    etf_term reason = ETF_NONE;
    etf_pid from;

    assert_true(etf_match(next(self), "{'EXIT', _, _}", &from, &reason));
    assert_true(etf_atom_is(reason, wanted));
}

/* ---- B-DST-15 ------------------------------------------------------------ */

static void run_nothing(struct gen *self, etf_term module, etf_term function,
                        etf_term args, void *data)
{
    (void)self;
    (void)module;
    (void)function;
    (void)args;
    (void)data;
}

static const struct rt_remote idle = { .run = run_nothing };

static void B_DST_15_a_spawn_is_refused_to_its_asker(void **state)
{
    struct duo duo = begin(RT_MAY_ALL & ~(unsigned)RT_MAY_SPAWN);
    etf_term reason = ETF_NONE;
    etf_pid pid;

    (void)state;
    assert_int_equal(rt_behavior_register(node_rt(duo.b), RT_GROUP_REMOTE,
                                          etf_atom("idle"), &idle, NULL, NULL),
                     AGNER_OK);
    for (int i = 0; i < 2; i++) {
        struct rt_remote_spawn_options options = { .monitor = i == 1 };

        assert_int_equal(rt_spawn_node(duo.at_a, etf_atom(B), etf_atom("idle"),
                                       etf_atom("f"), etf_nil(), &options, &pid,
                                       &reason),
                         AGNER_ENOTALLOWED);
        assert_true(etf_atom_is(reason, "not_allowed"));
    }
    assert_int_equal(node_denied(duo.b, RT_MAY_SPAWN), 2);
    assert_int_equal(node_permit(duo.b, A, RT_MAY_ALL, NULL), AGNER_OK);
    assert_int_equal(rt_spawn_node(duo.at_a, etf_atom(B), etf_atom("idle"),
                                   etf_atom("f"), etf_nil(), NULL, &pid, NULL),
                     AGNER_OK);
    duo_end(&duo);
}

/* What erpc runs is looked at there, for who may not spawn; a name, or a turn
 * before others, is not had by the way. */
static void B_DST_15_erpc_is_no_way_to_a_name(void **state)
{
    struct duo duo = begin(RT_MAY_ALL & ~(unsigned)RT_MAY_SPAWN);
    etf_term args = etf_make(duo.at_a, "[erlang, node, []]"),
             high = etf_make(duo.at_a, "[{priority, high}]");
    struct rt_remote_spawn_options options[] = {
        { .name = ETF_NONE, .further = ETF_NONE },
        { .name = etf_atom("taken_by_a"), .further = ETF_NONE },
        { .name = ETF_NONE, .further = high },
    };

    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        etf_pid pid;

        assert_int_equal(rt_spawn_node(duo.at_a, etf_atom(B), etf_atom("erpc"),
                                       etf_atom("execute_cast"), args,
                                       &options[i], &pid, NULL),
                         i == 0 ? AGNER_OK : AGNER_ENOTALLOWED);
    }
    assert_int_equal(node_denied(duo.b, RT_MAY_SPAWN), 2);
    duo_end(&duo);
}

/* A function that sends, or calls functions, would do so as b itself. */
static void B_DST_15_a_function_is_no_way_past_permissions(void **state)
{
    static const char *const calls[] = {
        "{erpc, call, ['b@127.0.0.1', erlang, disconnect_node, ['c@h']]}",
        "{rpc, call, ['b@127.0.0.1', erlang, disconnect_node, ['c@h']]}",
        "{rpc, cast, ['b@127.0.0.1', erlang, disconnect_node, ['c@h']]}",
        "{gen_server, call, [application_controller, which_applications]}",
        "{gen_server, cast, [application_controller, x]}",
        "{erlang, send, [application_controller, x]}",
    };
    struct duo duo = begin(RT_MAY_ALL & ~(unsigned)RT_MAY_ADMIN);

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct gen_erpc_exception e = { .reason = ETF_NONE };
        etf_term call, m, f, args, result = ETF_NONE, stack;

        assert_int_equal(etf_parse(rt_region(duo.at_a), calls[i],
                                   strlen(calls[i]), &call, NULL, NULL),
                         AGNER_OK);
        assert_true(etf_match(call, "{_, _, _}", &m, &f, &args));
        assert_int_equal(gen_erpc_call(duo.at_a, etf_atom(B), m, f, args,
                                       WAIT_MS, &result, &e),
                         AGNER_EEXIT);
        assert_true(etf_match(e.reason, "{exception, not_allowed, _}", &stack));
    }
    duo_end(&duo);
}

/* By erpc, as rpc:call does, and by the older request to rex. */
static void B_DST_15_a_function_is_refused_to_its_caller(void **state)
{
    struct duo duo = begin(RT_MAY_ALL & ~(unsigned)RT_MAY_RPC);
    struct gen_erpc_exception e = { .reason = ETF_NONE };
    etf_term result = ETF_NONE, stack = ETF_NONE, args;

    (void)state;
    args = etf_make(duo.at_a, "[oops]");
    assert_int_equal(gen_erpc_call(duo.at_a, etf_atom(B), etf_atom("erlang"),
                                   etf_atom("error"), args, WAIT_MS, &result,
                                   &e),
                     AGNER_EEXIT);
    assert_int_equal(e.kind, GEN_RPC_ERROR);
    assert_true(etf_match(e.reason, "{exception, not_allowed, _}", &stack));
    assert_int_equal(gen_rpc_block_call(duo.at_a, etf_atom(B),
                                        etf_atom("erlang"), etf_atom("error"),
                                        args, WAIT_MS, &result),
                     AGNER_EEXIT);
    assert_true(
        etf_match(result, "{badrpc, {'EXIT', {not_allowed, _}}}", &stack));
    assert_int_equal(gen_rpc_cast(duo.at_a, etf_atom(B), etf_atom("erlang"),
                                  etf_atom("error"), args),
                     AGNER_OK);
    /* What only tells something is another permission. */
    assert_int_equal(gen_rpc_call(duo.at_a, etf_atom(B), etf_atom("erlang"),
                                  etf_atom("node"), etf_nil(), WAIT_MS,
                                  &result),
                     AGNER_OK);
    assert_true(etf_atom_is(result, B));
    assert_int_equal(
        node_permit(duo.b, A, RT_MAY_ALL & ~(unsigned)RT_MAY_OBSERVE, NULL),
        AGNER_OK);
    assert_int_equal(gen_rpc_call(duo.at_a, etf_atom(B), etf_atom("erlang"),
                                  etf_atom("node"), etf_nil(), WAIT_MS,
                                  &result),
                     AGNER_EEXIT);
    assert_int_equal(node_denied(duo.b, RT_MAY_OBSERVE), 1);
    duo_end(&duo);
}

static void B_DST_15_links_and_monitors_end_with_noproc(void **state)
{
    struct duo duo = begin(RT_MAY_ALL & ~(unsigned)RT_MAY_LINK);
    etf_pid pid = duo_teller(duo.at_b, "teller", rt_self(duo.at_b), false);
    etf_pid far = duo_pid_from_a(&duo, pid);
    etf_term what = ETF_NONE, reason = ETF_NONE;
    etf_ref ref, down;

    (void)state;
    (void)rt_trap_exit(duo.at_a, true);
    assert_int_equal(rt_link(duo.at_a, far), AGNER_OK);
    expect_exit(duo.at_a, "noproc");
    assert_int_equal(
        rt_monitor(duo.at_a, etf_from_pid(rt_region(duo.at_a), far), 0, &ref),
        AGNER_OK);
    assert_true(etf_match(next(duo.at_a), "{'DOWN', _, process, _, _}", &down,
                          &what, &reason));
    assert_true(etf_ref_equal(ref, down));
    assert_true(etf_atom_is(reason, "noproc"));
    assert_int_equal(rt_monitor(duo.at_a,
                                etf_make(duo.at_a, "{teller, _}", etf_atom(B)),
                                0, &ref),
                     AGNER_OK);
    assert_true(etf_match(next(duo.at_a), "{'DOWN', _, process, _, _}", &down,
                          &what, &reason));
    assert_true(etf_atom_is(reason, "noproc"));
    assert_int_equal(node_denied(duo.b, RT_MAY_LINK), 3);
    duo_end(&duo);
}

static void B_DST_15_exit_signals_and_leaders_have_no_effect(void **state)
{
    struct duo duo =
        begin(RT_MAY_ALL & ~((unsigned)RT_MAY_EXIT | RT_MAY_ADMIN));
    etf_pid pid = duo_teller(duo.at_b, "teller", rt_self(duo.at_b), false);
    etf_pid far = duo_pid_from_a(&duo, pid);

    (void)state;
    assert_int_equal(rt_exit_signal(duo.at_a, far, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_set_group_leader(duo.at_a, far, rt_self(duo.at_a)),
                     AGNER_OK);
    pass(&duo, far);
    assert_int_equal(node_denied(duo.b, RT_MAY_EXIT), 1);
    assert_int_equal(node_denied(duo.b, RT_MAY_ADMIN), 1);
    assert_int_equal(node_permit(duo.b, A, RT_MAY_ALL, NULL), AGNER_OK);
    (void)rt_trap_exit(duo.at_b, true);
    assert_int_equal(rt_link(duo.at_b, pid), AGNER_OK);
    assert_int_equal(rt_exit_signal(duo.at_a, far, ETF_A(kill)), AGNER_OK);
    expect_exit(duo.at_b, "killed");
    duo_end(&duo);
}

/* Without `message` nothing is delivered; answers to our own calls are. */
static void B_DST_15_messages_are_dropped_and_answers_are_not(void **state)
{
    struct duo duo = begin(RT_MAY_LINK);
    etf_pid there = duo_teller(duo.at_a, "helper", rt_self(duo.at_a), false);
    etf_pid here = duo_teller(duo.at_b, "teller", rt_self(duo.at_b), false);
    etf_term reply = ETF_NONE;

    (void)state;
    (void)there;
    assert_int_equal(
        rt_send_pid(duo.at_a, duo_pid_from_a(&duo, here), etf_atom("secret")),
        AGNER_OK);
    assert_int_equal(rt_send(duo.at_a,
                             etf_make(duo.at_a, "{teller, _}", etf_atom(B)),
                             etf_atom("secret")),
                     AGNER_OK);
    assert_int_equal(gen_call(duo.at_b,
                              etf_make(duo.at_b, "{helper, _}", etf_atom(A)),
                              etf_make(duo.at_b, "{ask, 1}"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_match(reply, "{ask, 1}"));
    /* The answer came behind what a had sent before: it is lost by now. */
    assert_int_equal(node_permit(duo.b, A, RT_MAY_ALL, NULL), AGNER_OK);
    assert_int_equal(
        rt_send_pid(duo.at_a, duo_pid_from_a(&duo, here), etf_atom("public")),
        AGNER_OK);
    duo_expect(duo.at_b, "{info,public}");
    assert_int_equal(node_denied(duo.b, RT_MAY_MESSAGE), 2);
    duo_end(&duo);
}

/* ---- Guards -------------------------------------------------------------- */

/* What wants more of its callers is not there for the others. */
static void a_guarded_process_is_not_there_for_who_lacks_it(void **state)
{
    struct duo duo = begin(RT_MAY_ALL & ~(unsigned)RT_MAY_NAMES);
    etf_term reply = ETF_NONE;

    (void)state;
    assert_int_equal(
        gen_call(duo.at_a,
                 etf_make(duo.at_a, "{global_name_server, _}", etf_atom(B)),
                 etf_make(duo.at_a, "{whereis, x}"), WAIT_MS, &reply),
        AGNER_ENOPROC);
    /* The same for whoever is near. */
    assert_int_equal(gen_call(duo.at_b, etf_atom("global_name_server"),
                              etf_make(duo.at_b, "{whereis, x}"), WAIT_MS,
                              &reply),
                     AGNER_OK);
    assert_true(node_denied(duo.b, RT_MAY_NAMES) > 0);
    duo_end(&duo);
}

/* ---- A peer that is only a socket -----------------------------------------
 */

static int raw(const struct duo *duo, struct node__handshake *hs)
{
    int fd =
        raw_dial(node_port(duo->b), RAW, B, PAIR_COOKIE,
                 UINT64_C(0x0d07df7fbd) &
                     ~(NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS),
                 hs);

    assert_true(fd >= 0);
    return fd;
}

/* A link of two others is theirs. */
static void B_DST_15_unlink_reaches_no_link_of_others(void **state)
{
    struct duo duo = begin(RT_MAY_ALL);
    struct node__handshake hs;
    etf_pid one = duo_teller(duo.at_b, "one", rt_self(duo.at_b), false);
    etf_pid from = { .node = etf_atom(RAW), .id = 1, .creation = 7 };
    struct etf_self us = rt_node(node_rt(duo.b));
    struct etf_encode_options options = { .self = &us };
    struct etf_buffer packet = { 0 };
    etf_term reply = ETF_NONE;
    int fd;

    (void)state;
    (void)rt_trap_exit(duo.at_b, true);
    assert_int_equal(rt_link(duo.at_b, one), AGNER_OK);
    fd = raw(&duo, &hs);
    assert_int_equal(etf_buffer_add(&packet, "\x70\x83", 2), AGNER_OK);
    assert_int_equal(etf_encode(&packet,
                                etf_make(duo.at_b, "{35, 9, _, _}", from, one),
                                &options),
                     AGNER_OK);
    raw_packet(fd, packet.data, packet.size);
    etf_buffer_fini(&packet);
    /* Its acknowledgement has come when the unlink has been looked at. */
    {
        uint8_t length[4], bytes[2000];
        size_t size = 0;

        while (size == 0) {
            assert_true(raw_read(fd, length, 4));
            size = (size_t)length[2] << 8 | length[3];
            assert_true(size <= sizeof bytes);
            assert_true(raw_read(fd, bytes, size));
        }
    }
    assert_int_equal(gen_call(duo.at_b, etf_from_pid(NULL, one),
                              etf_atom("still"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_int_equal(rt_exit_signal(duo.at_b, one, ETF_A(kill)), AGNER_OK);
    expect_exit(duo.at_b, "killed");
    close(fd);
    duo_end(&duo);
}

/* Its `global` would wait for ours, which says nothing to it. */
static void who_may_not_use_names_meets_a_hidden_node(void **state)
{
    struct duo duo = begin(RT_MAY_ALL);
    struct node__handshake hs;
    int fd;

    (void)state;
    fd = raw(&duo, &hs);
    assert_true((hs.peer_flags & NODE__FLAG_PUBLISHED) != 0);
    close(fd);
    assert_int_equal(node_permit(duo.b, RAW, RT_MAY_MESSAGE, NULL), AGNER_OK);
    fd = raw(&duo, &hs);
    assert_true((hs.peer_flags & NODE__FLAG_PUBLISHED) == 0);
    close(fd);
    duo_end(&duo);
}

/* T4: a name that has a key is not had without it, by who has the cookie. */
static void a_name_with_a_key_is_not_spoken_plain_with(void **state)
{
    static const uint8_t key[NOISE_KEY_SIZE] = { 7 };
    struct duo duo = begin(RT_MAY_ALL);
    struct node_route_spec route = {
        .name = RAW, .host = "127.0.0.1", .port = 9, .erlang = true
    };
    struct agner_error error;
    struct node__handshake hs;
    uint8_t byte;
    int fd;

    (void)state;
    node__trust_learn(duo.b->trust, RAW, key);
    fd = raw(&duo, &hs);
    assert_false(raw_read(fd, &byte, 1)); /* closed, without a word */
    close(fd);
    assert_int_equal(node_refused(duo.b, NODE_REFUSED_KEY), 1);
    assert_int_equal(node_route_add(duo.b, &route, NULL), AGNER_OK);
    assert_int_equal(node_connect(duo.at_b, duo.b, RAW, &error),
                     AGNER_ENOTALLOWED);
    assert_non_null(strstr(error.text, "belongs to a key"));
    duo_end(&duo);
}

/* ---- Who a peer is --------------------------------------------------------
 */

static void rows_go_by_what_they_say_of_a_peer(void **state)
{
    static const char *const rows[] = {
        "erlang: message",           "erlang-loopback: message, link",
        "10.0.0.7: observe",         "*@10.0.0.*: names",
        "shop@10.0.0.7: exit",       "agner: default, spawn",
        "agner-listed: none",        "shop@10.0.0.9: default, rpc",
        "*@10.0.0.8 : all",          "old@10.0.0.1: none",
        " old@10.0.0.1: rpc,spawn ",
    };
    static const struct {
        enum link_kind kind;
        const char *name;
        unsigned may;
    } cases[] = {
        { LINK_PLAIN_OTHER, "x@192.0.2.1", RT_MAY_MESSAGE },
        { LINK_PLAIN_LOOPBACK, "x@127.0.0.1", RT_MAY_MESSAGE | RT_MAY_LINK },
        { LINK_PLAIN_OTHER, "till@10.0.0.7", RT_MAY_NAMES },
        { LINK_PLAIN_OTHER, "shop@10.0.0.7", RT_MAY_EXIT },
        { LINK_SECURE_COOKIE, "x@192.0.2.1",
          RT_MAY_ALL & ~((unsigned)RT_MAY_RPC | RT_MAY_ADMIN) },
        { LINK_SECURE_LISTED, "x@192.0.2.1", 0 },
        { LINK_PLAIN_LOOPBACK, "shop@10.0.0.9",
          RT_MAY_MESSAGE | RT_MAY_LINK | RT_MAY_NAMES | RT_MAY_OBSERVE |
              RT_MAY_RPC },
        { LINK_PLAIN_OTHER, "a@10.0.0.8", RT_MAY_ALL },
        { LINK_PLAIN_OTHER, "old@10.0.0.1", RT_MAY_RPC | RT_MAY_SPAWN },
    };
    struct permits permits = { .rows = NULL };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct agner_error error;
        char peer[256];
        unsigned may;

        if (node__permit_parse(rows[i], peer, &may, &error) != AGNER_OK ||
            node__permits_set(&permits, peer, may, &error) != AGNER_OK)
            fail_msg("%s: %s", rows[i], error.text);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            node__permits_of(&permits, cases[i].kind, cases[i].name, NULL),
            cases[i].may);
    node__permits_fini(&permits);
}

static void a_key_goes_before_a_name(void **state)
{
    struct permits permits = { .rows = NULL };
    char text[KEY_TEXT_SIZE];
    uint8_t key[32] = { 0 };

    (void)state;
    node__key_print(key, text);
    assert_int_equal(node__permits_set(&permits, "a@b", RT_MAY_LINK, NULL),
                     AGNER_OK);
    assert_int_equal(node__permits_set(&permits, text, RT_MAY_ADMIN, NULL),
                     AGNER_OK);
    assert_int_equal(node__permits_of(&permits, LINK_SECURE_LISTED, "a@b", key),
                     RT_MAY_ADMIN);
    key[31] = 1;
    assert_int_equal(node__permits_of(&permits, LINK_SECURE_LISTED, "a@b", key),
                     RT_MAY_LINK);
    node__permits_fini(&permits);
}

static void what_is_no_permission_is_told(void **state)
{
    static const char *const cases[][2] = {
        { "message", "'message' is no PEER: PERMISSION" },
        { ": message", "is no PEER" },
        { "a@b: messages", "'messages' is no permission" },
        { "a@b:", "'' is no permission" },
        { "a@b: message,", "'' is no permission" },
        { "a@b: message link", "parted by commas" },
    };
    struct agner_error error;
    char peer[256];
    unsigned may;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(node__permit_parse(cases[i][0], peer, &may, &error),
                         AGNER_EINVAL);
        if (strstr(error.text, cases[i][1]) == NULL)
            fail_msg("%s: %s", cases[i][0], error.text);
    }
    {
        struct permits permits = { .rows = NULL };

        assert_int_equal(
            node__permits_set(&permits, "agnerkey1-short", 1, &error),
            AGNER_EINVAL);
        assert_int_equal(node__permits_set(&permits, "a@b@c", 1, &error),
                         AGNER_EINVAL);
        assert_null(permits.rows);
    }
}

/* 6.4, the table. */
static void kinds_of_peers_may_by_default_what_the_table_says(void **state)
{
    (void)state;
    assert_int_equal(node__permit_default(LINK_SECURE_LISTED),
                     RT_MAY_MESSAGE | RT_MAY_LINK | RT_MAY_EXIT | RT_MAY_NAMES |
                         RT_MAY_OBSERVE);
    assert_int_equal(node__permit_default(LINK_SECURE_COOKIE),
                     node__permit_default(LINK_SECURE_LISTED));
    assert_int_equal(node__permit_default(LINK_PLAIN_LOOPBACK),
                     RT_MAY_MESSAGE | RT_MAY_LINK | RT_MAY_NAMES |
                         RT_MAY_OBSERVE);
    assert_int_equal(node__permit_default(LINK_PLAIN_OTHER),
                     RT_MAY_MESSAGE | RT_MAY_LINK);
}

static void permissions_have_words(void **state)
{
    char text[100], cut[8];

    (void)state;
    assert_string_equal(rt_permissions_format(RT_MAY_ALL, text, sizeof text),
                        "all");
    assert_string_equal(rt_permissions_format(0, text, sizeof text), "none");
    assert_string_equal(
        rt_permissions_format(RT_MAY_LINK | RT_MAY_ADMIN, text, sizeof text),
        "link, admin");
    assert_string_equal(
        rt_permissions_format(RT_MAY_MESSAGE | RT_MAY_LINK, cut, sizeof cut),
        "message");
    assert_int_equal(rt_permission_parse("rpc", 3), RT_MAY_RPC);
    assert_int_equal(rt_permission_parse("rpcs", 4), 0);
    assert_string_equal(rt_permission_name(RT_MAY_OBSERVE), "observe");
    assert_string_equal(rt_permission_name(0), "");
}

static void loopback_is_told_from_what_only_looks_so(void **state)
{
    static const char *const are[] = {
        "127.0.0.1", "127.255.0.9",      "::1",
        "localhost", "::ffff:127.0.0.1", "LocalHost"
    };
    static const char *const are_not[] = {
        "",           "127.0.0",   "127.0.0.1.example.org", "10.0.0.1",
        "::2",        "128.0.0.1", "::ffff:10.0.0.1",       "127.0.0.256",
        "127.0.0.1 ", "127..0.1",  "localhost.example.org", "0.0.0.0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof are / sizeof *are; i++)
        assert_true(node__is_loopback(are[i]));
    for (size_t i = 0; i < sizeof are_not / sizeof *are_not; i++)
        assert_false(node__is_loopback(are_not[i]));
}

static bool answers(const char *host, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open;

    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    open = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return open;
}

/* 6.5: nobody said where to listen. All of 127.0.0.0/8 is this machine's, and
 * would be served by who listens on all addresses. */
static void a_node_listens_on_this_machine_alone(void **state)
{
    struct node_options options = pair_options(A);
    struct node *node;

    (void)state;
    options.listen_host = NULL;
    options.rt.log = duo_no_log;
    node = pair_start(&options);
    assert_true(answers("127.0.0.1", node_port(node)));
    assert_false(answers("127.0.0.2", node_port(node)));
    node_stop(node, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_DST_15_a_spawn_is_refused_to_its_asker),
        cmocka_unit_test(B_DST_15_erpc_is_no_way_to_a_name),
        cmocka_unit_test(B_DST_15_a_function_is_no_way_past_permissions),
        cmocka_unit_test(B_DST_15_a_function_is_refused_to_its_caller),
        cmocka_unit_test(B_DST_15_links_and_monitors_end_with_noproc),
        cmocka_unit_test(B_DST_15_exit_signals_and_leaders_have_no_effect),
        cmocka_unit_test(B_DST_15_messages_are_dropped_and_answers_are_not),
        cmocka_unit_test(B_DST_15_unlink_reaches_no_link_of_others),
        cmocka_unit_test(a_guarded_process_is_not_there_for_who_lacks_it),
        cmocka_unit_test(who_may_not_use_names_meets_a_hidden_node),
        cmocka_unit_test(a_name_with_a_key_is_not_spoken_plain_with),
        cmocka_unit_test(rows_go_by_what_they_say_of_a_peer),
        cmocka_unit_test(a_key_goes_before_a_name),
        cmocka_unit_test(what_is_no_permission_is_told),
        cmocka_unit_test(kinds_of_peers_may_by_default_what_the_table_says),
        cmocka_unit_test(permissions_have_words),
        cmocka_unit_test(loopback_is_told_from_what_only_looks_so),
        cmocka_unit_test(a_node_listens_on_this_machine_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

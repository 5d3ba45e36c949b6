/*
 * test_node_conformance.c -- the reference's own tests, as far as they take two
 * nodes or one that listens: spec/gen.md 3.1 and 3.2. A test is called like the
 * one that it ports, and then what it shows. docs/conformance.md has the list.
 */
#include <rt_world.h>

#include "../loopback.h"
#include "duo.h"

static etf_term stop_with(struct gen *self, const char *reason)
{
    return etf_make(self, "{stop, _}", etf_atom(reason));
}

/* ---- server_test -------------------------------------------------------- */

/* Send and cast to `to`, whose server tells self. */
static void reach(struct gen *self, etf_term to, const char *how)
{
    char text[64];

    assert_int_equal(
        rt_send(self, to, etf_make(self, "{sent, _}", etf_atom(how))),
        AGNER_OK);
    (void)snprintf(text, sizeof text, "{info,{sent,%s}}", how);
    duo_expect(self, text);
    assert_int_equal(gen_cast(self, to, etf_atom(how)), AGNER_OK);
    (void)snprintf(text, sizeof text, "{cast,%s}", how);
    duo_expect(self, text);
}

/* The same and call. */
static void reach_and_ask(struct gen *self, etf_term to, const char *how)
{
    etf_term reply, request = etf_make(self, "{ask, _}", etf_atom(how));

    reach(self, to, how);
    assert_int_equal(gen_call(self, to, request, WAIT_MS, &reply), AGNER_OK);
    assert_true(etf_equal(reply, request));
}

/* The same for an alias, which cannot be called: as in OTP a call watches whom
 * it asks, and an alias cannot be watched. */
static void reach_alias(struct gen *self, etf_term server, const char *how)
{
    etf_term alias;

    assert_int_equal(gen_call(self, server, etf_atom("alias"), WAIT_MS, &alias),
                     AGNER_OK);
    reach(self, alias, how);
    assert_int_equal(gen_call(self, alias, etf_nil(), WAIT_MS, NULL),
                     AGNER_EINVAL);
}

/* TestServer: what is sent, cast and called arrives, whatever the address. */
static void conf_TestServer_reaches_a_server_by_every_address(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid near = duo_teller(self, "near", rt_self(self), false);
    etf_pid me = rt_self(self), far;

    (void)state;
    me.node = etf_atom(A);
    me.creation = node_creation(duo.a);
    far = duo_pid_from_a(&duo, duo_teller(duo.at_b, "far", me, false));
    reach_and_ask(self, etf_from_pid(rt_region(self), near), "pid");
    reach_and_ask(self, etf_atom("near"), "name");
    reach_and_ask(self, etf_make(self, "{near, '" A "'}"), "name_and_node");
    reach_alias(self, etf_atom("near"), "alias");
    reach_and_ask(self, etf_from_pid(rt_region(self), far), "far_pid");
    reach_and_ask(self, etf_make(self, "{far, '" B "'}"), "far_name");
    reach_alias(self, etf_make(self, "{far, '" B "'}"), "far_alias");
    duo_end(&duo);
}

/* TestServer: a native request is answered where there is a handler. */
static void conf_TestServer_answers_native_requests(void **state)
{
    static const struct gen_server deaf_server = { .name = "deaf" };
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid deaf, teller = duo_teller(self, NULL, rt_self(self), false);
    const intptr_t request = 42;
    void *result = NULL;

    (void)state;
    assert_int_equal(
        gen_start(self, &deaf_server, etf_nil(), NULL, &deaf, NULL), AGNER_OK);
    assert_int_equal(
        gen_direct(node_rt(duo.a), deaf, NULL, 0, WAIT_MS, &result),
        AGNER_ENOTSUP);
    assert_int_equal(gen_direct(node_rt(duo.a), teller, &request,
                                sizeof request, WAIT_MS, &result),
                     AGNER_OK);
    assert_int_equal((intptr_t)result, request);
    duo_end(&duo);
}

/* TestServer: an exit in its own name is a message to who traps, and the end of
 * who does not. */
static void conf_TestServer_ends_or_hears_of_an_exit(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid traps = duo_teller(self, NULL, rt_self(self), true);
    etf_pid ends = duo_teller(self, NULL, rt_self(self), false);
    etf_term message, reason;
    etf_pid from;

    (void)state;
    assert_int_equal(
        rt_kill(node_rt(duo.a), traps, etf_make(self, "{told, 1}")), AGNER_OK);
    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{info, {'EXIT', _, _}}", &from, &reason));
    assert_true(etf_pid_equal(from, traps));
    assert_true(etf_match(reason, "{told, 1}"));
    assert_int_equal(
        gen_call(self, etf_from_pid(NULL, traps), etf_nil(), WAIT_MS, NULL),
        AGNER_OK);
    assert_int_equal(rt_kill(node_rt(duo.a), ends, etf_make(self, "{told, 2}")),
                     AGNER_OK);
    duo_expect(self, "{terminate,{told,2}}");
    assert_int_equal(rt_wait(self, ends, WAIT_MS), AGNER_OK);
    assert_false(rt_is_alive(node_rt(duo.a), ends));
    duo_end(&duo);
}

/* ---- node_test ---------------------------------------------------------- */

/* TestNode: it listens where it was told, brings an epmd there, and runs
 * processes without a name. */
static void conf_TestNode_listens_where_it_is_told(void **state)
{
    struct node_options options = pair_options("conf_one@127.0.0.1");
    struct node_epmd_entry entries[4];
    size_t count = 4;
    struct rt_process_info info;
    struct node *node;
    struct gen *self;
    etf_pid pid;

    (void)state;
    options.listen_port = loopback_port();
    options.epmd_port = loopback_port();
    options.epmd = NODE_EPMD_AUTO;
    options.rt.log = duo_no_log;
    node = pair_start(&options);
    assert_int_equal(node_port(node), options.listen_port);
    assert_int_equal(node_epmd_names(rt_world_real(), "127.0.0.1",
                                     options.epmd_port, WAIT_MS, entries,
                                     &count, NULL),
                     AGNER_OK);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].name, "conf_one");
    assert_int_equal(entries[0].port, options.listen_port);
    self = rt_attach(node_rt(node));
    pid = duo_teller(self, NULL, rt_self(self), false);
    assert_true(rt_is_alive(node_rt(node), pid));
    assert_int_equal(rt_process_info(self, pid, &info), AGNER_OK);
    assert_true(etf_is_none(info.name));
    assert_true(etf_pid_equal(info.pid, pid));
    rt_detach(self);
    node_stop(node, 1000);
}

#define BLOCK_SIZE (1u << 20)
#define PAIRS      10
#define CALLS      100

/* A digest in which each byte and its place count. */
static uint64_t digest_of(const uint8_t *bytes, size_t size)
{
    uint64_t digest = size, word;

    for (size_t at = 0; at + sizeof word <= size; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        digest = (digest ^ word) * 0x9e3779b97f4a7c15u;
        digest ^= digest >> 29;
    }
    return digest;
}

/* Answers a binary with its digest. */
static enum gen_next digest_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    etf_bytes bytes = { 0 };

    (void)etf_get_bytes(request, &bytes);
    return gen_reply(self, from,
                     etf_make(self, "_", digest_of(bytes.data, bytes.size)));
}

static const struct gen_server digest_server = { .name = "digest",
                                                 .handle_call = digest_call };

/* One caller with its own server on the other node. */
struct caller {
    etf_pid server;
    uint64_t seed;
    int calls;
    int good; /* calls whose answer was right; read when the caller is dead */
};

static void call_with_blocks(struct gen *self, void *arg)
{
    struct caller *caller = arg;
    uint8_t *block = malloc(BLOCK_SIZE);

    for (int i = 0; block != NULL && i < caller->calls; i++) {
        uint64_t x = caller->seed + (uint64_t)i, digest = 0;
        etf_term reply;

        for (size_t at = 0; at < BLOCK_SIZE; at += sizeof x) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            memcpy(block + at, &x, sizeof x);
        }
        if (gen_call(self, etf_from_pid(rt_region(self), caller->server),
                     etf_binary(rt_region(self), block, BLOCK_SIZE), WAIT_MS,
                     &reply) == AGNER_OK &&
            etf_get_uint(reply, &digest) &&
            digest == digest_of(block, BLOCK_SIZE))
            caller->good++;
        rt_reset(self);
    }
    free(block);
}

/* TestNodeFragmentation: megabytes arrive as they were sent, one at a time and
 * many at once. */
static void conf_TestNodeFragmentation_keeps_every_byte(void **state)
{
    struct duo duo = duo_new();
    struct caller callers[1 + PAIRS];
    etf_pid pids[1 + PAIRS];

    (void)state;
    for (int i = 0; i < 1 + PAIRS; i++) {
        callers[i] = (struct caller){ .seed = 1000u * (unsigned)i,
                                      .calls = i == 0 ? 1 : CALLS };
        assert_int_equal(gen_start(duo.at_b, &digest_server, etf_nil(), NULL,
                                   &callers[i].server, NULL),
                         AGNER_OK);
        callers[i].server = duo_pid_from_a(&duo, callers[i].server);
        assert_int_equal(
            rt_spawn(duo.at_a, call_with_blocks, &callers[i], NULL, &pids[i]),
            AGNER_OK);
        if (i == 0) /* the first one alone */
            assert_int_equal(rt_wait(duo.at_a, pids[0], WAIT_MS), AGNER_OK);
    }
    for (int i = 0; i < 1 + PAIRS; i++) {
        assert_int_equal(rt_wait(duo.at_a, pids[i], RT_INFINITY), AGNER_OK);
        assert_int_equal(callers[i].good, callers[i].calls);
    }
    duo_end(&duo);
}

/* TestNodeAtomCache: atoms are right when they fill the cache and when they are
 * found in it. */
static void conf_TestNodeAtomCache_serves_every_call(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_term reply, atoms = etf_make(self, "{a, tuple, 'of five', atoms, 'x'}");

    (void)state;
    (void)duo_teller(duo.at_b, "far", rt_self(duo.at_b), false);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(gen_call(self, etf_make(self, "{far, '" B "'}"), atoms,
                                  WAIT_MS, &reply),
                         AGNER_OK);
        assert_true(etf_equal(reply, atoms));
    }
    duo_end(&duo);
}

/* TestNodeStaticRoute: a route counts before epmd, and there is one for a name.
 */
static void conf_TestNodeStaticRoute_counts_before_epmd(void **state)
{
    struct node_options a = pair_options("conf_a@127.0.0.1");
    struct node_options b = pair_options("conf_b@127.0.0.1");
    struct node_options c = pair_options("conf_c@127.0.0.1");
    struct node_epmd_server *epmd = NULL;
    struct node *one, *two, *other;
    struct gen *self;
    struct agner_error error;

    (void)state;
    assert_int_equal(
        node_epmd_serve(rt_world_real(), "127.0.0.1", 0, &epmd, NULL),
        AGNER_OK);
    a.epmd_port = b.epmd_port = node_epmd_port(epmd);
    a.epmd = b.epmd = NODE_EPMD_NEED;
    a.rt.log = b.rt.log = c.rt.log = duo_no_log;
    one = pair_start(&a);
    two = pair_start(&b);
    self = rt_attach(node_rt(one));
    assert_int_equal(node_connect(self, one, "conf_b@127.0.0.1", &error),
                     AGNER_OK); /* as epmd says */
    assert_int_equal(node_disconnect(one, "conf_b@127.0.0.1"), AGNER_OK);
    /* Now at a port that epmd does not know. */
    c.name = "conf_b@127.0.0.1";
    other = pair_start(&c);
    node_stop(two, 0);
    assert_int_not_equal(node_connect(self, one, "conf_b@127.0.0.1", &error),
                         AGNER_OK);
    pair_route(one, other);
    assert_int_equal(node_route(one, "conf_b@127.0.0.1", "127.0.0.1", 1),
                     AGNER_EALREADY);
    assert_int_equal(node_connect(self, one, "conf_b@127.0.0.1", &error),
                     AGNER_OK);
    rt_detach(self);
    node_stop(other, 0);
    node_stop(one, 0);
    node_epmd_stop(epmd);
}

/* TestNodeDistHandshake: version 6 with version 6; OTP 25 has no other. */
static void conf_TestNodeDistHandshake_leads_to_calls_both_ways(void **state)
{
    struct duo duo = duo_new();
    etf_term reply;

    (void)state;
    (void)duo_teller(duo.at_a, "here", rt_self(duo.at_a), false);
    (void)duo_teller(duo.at_b, "there", rt_self(duo.at_b), false);
    assert_int_equal(gen_call(duo.at_a, etf_make(duo.at_a, "{there, '" B "'}"),
                              etf_atom("hello"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_atom_is(reply, "hello"));
    assert_int_equal(gen_call(duo.at_b, etf_make(duo.at_b, "{here, '" A "'}"),
                              etf_atom("hello"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_atom_is(reply, "hello"));
    duo_end(&duo);
}

/* ---- monitor_test ------------------------------------------------------- */

static void expect_down(struct gen *self, etf_ref ref, etf_term object,
                        const char *reason)
{
    etf_term message = ETF_NONE, seen_object, seen_reason;
    etf_ref seen;
    char text[300];

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'DOWN', _, process, _, _}", &seen, &seen_object,
                   &seen_reason) ||
        !etf_ref_equal(seen, ref) || !etf_equal(seen_object, object) ||
        !etf_atom_is(seen_reason, reason))
        fail_msg("%s instead of a down with %s",
                 etf_format(text, sizeof text, message), reason);
}

/* Nothing waits, once the other node has answered what was sent before. */
static void expect_nothing(const struct duo *duo)
{
    struct gen *self = duo->at_a;
    etf_term message;
    char text[300];

    assert_int_equal(gen_call(self, etf_make(self, "{last, '" B "'}"),
                              etf_nil(), WAIT_MS, NULL),
                     AGNER_OK);
    if (rt_receive(self, 0, &message) == AGNER_OK)
        fail_msg("%s instead of nothing",
                 etf_format(text, sizeof text, message));
}

/* Do both nodes know that monitor? */
static void expect_known(const struct duo *duo, etf_ref ref, bool known)
{
    assert_int_equal(rt_is_monitor(duo->at_a, ref), known);
    ref.node = etf_atom(A);
    ref.creation = node_creation(duo->a);
    assert_int_equal(rt_is_monitor(duo->at_b, ref), known);
}

/* The watched one: by its pid, or by {Name, Node}. */
static etf_term target(const struct duo *duo, bool by_name, etf_pid *pid)
{
    struct gen *self = duo->at_a;

    *pid = duo_pid_from_a(duo, duo_teller(duo->at_b, by_name ? "watched" : NULL,
                                          rt_self(duo->at_b), false));
    return by_name ? etf_make(self, "{watched, '" B "'}")
                   : etf_from_pid(rt_region(self), *pid);
}

static void monitor_far(bool by_name)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_term object, nobody = etf_make(self, "{nobody, 'c@127.0.0.1'}");
    etf_pid pid;
    etf_ref ref;

    (void)duo_teller(duo.at_b, "last", rt_self(duo.at_b), false);
    /* Taken back: nothing comes. */
    object = target(&duo, by_name, &pid);
    assert_int_equal(rt_monitor(self, object, 0, &ref), AGNER_OK);
    expect_nothing(&duo); /* it has arrived */
    expect_known(&duo, ref, true);
    assert_int_equal(rt_demonitor(self, ref, false), AGNER_OK);
    assert_int_equal(rt_demonitor(self, ref, false), AGNER_ENOREF);
    expect_nothing(&duo);
    expect_known(&duo, ref, false);
    assert_int_equal(rt_send_pid(self, pid, stop_with(self, "normal")),
                     AGNER_OK);
    assert_int_equal(rt_wait(duo.at_b, pid, WAIT_MS), AGNER_OK);
    expect_nothing(&duo);
    /* The end. */
    object = target(&duo, by_name, &pid);
    assert_int_equal(rt_monitor(self, object, 0, &ref), AGNER_OK);
    assert_int_equal(rt_send_pid(self, pid, stop_with(self, "normal")),
                     AGNER_OK);
    expect_down(self, ref, object, "normal");
    assert_int_equal(rt_demonitor(self, ref, false), AGNER_ENOREF);
    /* Nobody any more. */
    assert_int_equal(rt_monitor(self, object, 0, &ref), AGNER_OK);
    expect_down(self, ref, object, "noproc");
    /* A node that is not there, and one that goes. */
    assert_int_equal(node_route(duo.a, "c@127.0.0.1", "127.0.0.1", 1),
                     AGNER_OK);
    assert_int_equal(rt_monitor(self, nobody, 0, &ref), AGNER_OK);
    expect_down(self, ref, nobody, "noconnection");
    object = target(&duo, by_name, &pid);
    assert_int_equal(rt_monitor(self, object, 0, &ref), AGNER_OK);
    expect_nothing(&duo);
    assert_int_equal(node_disconnect(duo.b, A), AGNER_OK);
    expect_down(self, ref, object, "noconnection");
    duo_end(&duo);
}

static void conf_TestMonitorLocalRemoteByPid_fires_once(void **state)
{
    (void)state;
    monitor_far(false);
}

static void conf_TestMonitorLocalRemoteByName_fires_once(void **state)
{
    (void)state;
    monitor_far(true);
}

static void expect_exit(struct gen *self, etf_pid from, const char *reason)
{
    etf_term message = ETF_NONE, seen_reason;
    etf_pid seen;
    char text[300];

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'EXIT', _, _}", &seen, &seen_reason) ||
        !etf_pid_equal(seen, from) || !etf_atom_is(seen_reason, reason))
        fail_msg("%s instead of an exit with %s",
                 etf_format(text, sizeof text, message), reason);
}

/* How many links a process of the second node has. */
static int64_t links_there(const struct duo *duo, etf_pid pid)
{
    struct rt_process_info info;

    assert_int_equal(gen_call(duo->at_a, etf_make(duo->at_a, "{last, '" B "'}"),
                              etf_nil(), WAIT_MS, NULL),
                     AGNER_OK); /* what was sent before is there */
    assert_int_equal(rt_process_info(duo->at_b, pid, &info), AGNER_OK);
    return etf_list_size(info.links);
}

/* TestLinkLocalRemote, but a normal end is only told to who traps. */
static void conf_TestLinkLocalRemote_carries_ends_both_ways(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid here, there, far;

    (void)state;
    (void)rt_trap_exit(self, true);
    (void)duo_teller(duo.at_b, "last", rt_self(duo.at_b), false);
    there = duo_teller(duo.at_b, NULL, rt_self(duo.at_b), false);
    far = duo_pid_from_a(&duo, there);
    assert_int_equal(rt_link(self, far), AGNER_OK);
    assert_int_equal(links_there(&duo, there), 1);
    assert_int_equal(rt_link(self, far), AGNER_OK); /* no second one */
    assert_int_equal(links_there(&duo, there), 1);
    assert_int_equal(rt_unlink(self, far), AGNER_OK);
    assert_int_equal(links_there(&duo, there), 0);
    /* A normal end: told, and nobody dies of it. */
    assert_int_equal(rt_link(self, far), AGNER_OK);
    assert_int_equal(rt_send_pid(self, far, stop_with(self, "normal")),
                     AGNER_OK);
    expect_exit(self, far, "normal");
    assert_int_equal(rt_link(self, far), AGNER_OK);
    expect_exit(self, far, "noproc");
    /* Another end, the other way: it takes the peer along. */
    there = duo_teller(duo.at_b, NULL, rt_self(duo.at_b), false);
    here = duo_teller(self, NULL, rt_self(self), false);
    far = duo_pid_from_a(&duo, there);
    assert_int_equal(rt_link(self, far), AGNER_OK);
    assert_int_equal(rt_exit_signal(self, far, etf_atom("enough")), AGNER_OK);
    expect_exit(self, far, "enough");
    assert_int_equal(rt_wait(duo.at_b, there, WAIT_MS), AGNER_OK);
    assert_true(rt_is_alive(node_rt(duo.a), here));
    /* A node that is not there, and one that goes. */
    far.node = etf_atom("c@127.0.0.1");
    assert_int_equal(node_route(duo.a, "c@127.0.0.1", "127.0.0.1", 1),
                     AGNER_OK);
    assert_int_equal(rt_link(self, far), AGNER_OK);
    expect_exit(self, far, "noconnection");
    there = duo_teller(duo.at_b, NULL, rt_self(duo.at_b), true);
    far = duo_pid_from_a(&duo, there);
    assert_int_equal(rt_link(self, far), AGNER_OK);
    assert_int_equal(links_there(&duo, there), 1);
    assert_int_equal(node_disconnect(duo.b, A), AGNER_OK);
    expect_exit(self, far, "noconnection");
    duo_end(&duo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestServer_reaches_a_server_by_every_address),
        cmocka_unit_test(conf_TestServer_answers_native_requests),
        cmocka_unit_test(conf_TestServer_ends_or_hears_of_an_exit),
        cmocka_unit_test(conf_TestNode_listens_where_it_is_told),
        cmocka_unit_test(conf_TestNodeFragmentation_keeps_every_byte),
        cmocka_unit_test(conf_TestNodeAtomCache_serves_every_call),
        cmocka_unit_test(conf_TestNodeStaticRoute_counts_before_epmd),
        cmocka_unit_test(conf_TestNodeDistHandshake_leads_to_calls_both_ways),
        cmocka_unit_test(conf_TestMonitorLocalRemoteByPid_fires_once),
        cmocka_unit_test(conf_TestMonitorLocalRemoteByName_fires_once),
        cmocka_unit_test(conf_TestLinkLocalRemote_carries_ends_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

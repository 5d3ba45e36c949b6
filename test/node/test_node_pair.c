/*
 * test_node_pair.c -- processes on two nodes in one OS process, over loopback.
 *
 * Attached threads of the test are the processes that it looks through; it
 * asserts on its own stack only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <atomic.h>
#include <rt_world.h>

#include "../loopback.h"
#include "pair.h"

#define A       "a@127.0.0.1"
#define B       "b@127.0.0.1"
#define WAIT_MS 60000

/* Less than half of that passes between two turns of a thread, also where it is
 * held up for seconds. */
#define TICK_MS 6000

struct pair {
    struct node *a, *b;
    struct gen *at_a, *at_b; /* the test's own thread on both */
};

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static struct pair pair_with(struct node_options *a, struct node_options *b)
{
    struct pair pair;

    a->rt.log = no_log;
    b->rt.log = no_log;
    pair.a = pair_start(a);
    pair.b = pair_start(b);
    pair_route(pair.a, pair.b);
    pair_route(pair.b, pair.a);
    pair.at_a = rt_attach(node_rt(pair.a));
    pair.at_b = rt_attach(node_rt(pair.b));
    assert_non_null(pair.at_a);
    assert_non_null(pair.at_b);
    return pair;
}

static struct pair new_pair(void)
{
    struct node_options a = pair_options(A), b = pair_options(B);

    return pair_with(&a, &b);
}

static void end_pair(const struct pair *pair)
{
    rt_detach(pair->at_a);
    rt_detach(pair->at_b);
    node_stop(pair->a, 1000);
    node_stop(pair->b, 1000);
}

/* The next message, which must come in time. */
static etf_term next(struct gen *self)
{
    etf_term message = ETF_NONE;

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    return message;
}

/* Answers {Pid, Message} with {self, Message}, and calls with their request;
 * `{stop, Reason}` ends it so. A call from another node is a term down here. */
static enum rt_next echo(struct gen *self, const struct rt_message *m)
{
    struct gen_from from;
    etf_pid to;
    etf_term term, who;

    if (etf_match(m->term, "{stop, _}", &term))
        return rt_stop(self, term);
    if (etf_match(m->term, "{'$gen_call', _, _}", &who, &term) &&
        rt_get_from(self, who, &from))
        (void)rt_reply(self, &from, term);
    else if (etf_match(m->term, "{_, _}", &to, &term))
        (void)rt_send_pid(self, to,
                          etf_make(self, "{_, _}", rt_self(self), term));
    return RT_NEXT;
}

static const struct rt_behavior echo_behavior = { .name = "echo",
                                                  .message = echo };

/* An echo process on the second node, called `name` unless NULL. */
static etf_pid start_echo(const struct pair *pair, const char *name)
{
    struct rt_spawn_options options = { .name = name == NULL ? ETF_NONE
                                                             : etf_atom(name) };
    etf_pid pid;

    assert_int_equal(
        rt_start(pair->at_b, &echo_behavior, etf_nil(), &options, &pid, NULL),
        AGNER_OK);
    return pid;
}

/* The pid of a process of the second node as the first one knows it. */
static etf_pid seen_from_a(const struct pair *pair, etf_pid pid)
{
    pid.node = etf_atom(B);
    pid.creation = node_creation(pair->b);
    return pid;
}

/* ---- Messages
 * ----------------------------------------------------------------------- */

static void messages_go_to_names_and_pids(void **state)
{
    struct pair pair = new_pair();
    etf_pid from, pid = start_echo(&pair, "echo");
    int64_t n;

    (void)state;
    assert_int_equal(rt_send(pair.at_a, etf_make(pair.at_a, "{echo, '" B "'}"),
                             etf_make(pair.at_a, "{_, 1}", rt_self(pair.at_a))),
                     AGNER_OK);
    assert_true(etf_match(next(pair.at_a), "{_, _}", &from, &n));
    assert_int_equal(n, 1);
    assert_true(etf_pid_equal(from, seen_from_a(&pair, pid)));
    assert_int_equal(
        rt_send_pid(pair.at_a, from,
                    etf_make(pair.at_a, "{_, 2}", rt_self(pair.at_a))),
        AGNER_OK);
    assert_true(etf_match(next(pair.at_a), "{_, _}", &from, &n));
    assert_int_equal(n, 2);
    end_pair(&pair);
}

static void calls_are_answered(void **state)
{
    struct pair pair = new_pair();
    etf_term reply, name;
    int64_t n;

    (void)state;
    (void)start_echo(&pair, "echo");
    name = etf_make(pair.at_a, "{echo, '" B "'}");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rt_call(pair.at_a, name,
                                 etf_make(pair.at_a, "{ask, _}", i), WAIT_MS,
                                 &reply),
                         AGNER_OK);
        assert_true(etf_match(reply, "{ask, _}", &n));
        assert_int_equal(n, i);
    }
    /* G17: nobody there is known at once. */
    assert_int_equal(rt_call(pair.at_a,
                             etf_make(pair.at_a, "{nobody, '" B "'}"),
                             etf_nil(), WAIT_MS, &reply),
                     AGNER_ENOPROC);
    end_pair(&pair);
}

/* A call to a node that cannot be reached ends at once with its cause. */
static void a_call_to_an_unknown_node_fails(void **state)
{
    struct pair pair = new_pair();
    etf_term reply;

    (void)state;
    assert_int_equal(node_route(pair.a, "c@127.0.0.1", "127.0.0.1", 1),
                     AGNER_OK);
    assert_int_equal(rt_call(pair.at_a,
                             etf_make(pair.at_a, "{echo, 'c@127.0.0.1'}"),
                             etf_nil(), WAIT_MS, &reply),
                     AGNER_ENODEDOWN);
    end_pair(&pair);
}

/* ---- Links and monitors
 * --------------------------------------------------------------- */

static void a_monitor_gets_one_down_with_the_reason(void **state)
{
    struct pair pair = new_pair();
    etf_pid pid = seen_from_a(&pair, start_echo(&pair, "echo"));
    etf_ref by_pid, by_name, ref;
    bool pid_seen = false, name_seen = false;
    int64_t code;

    (void)state;
    assert_int_equal(rt_monitor(pair.at_a,
                                etf_from_pid(rt_region(pair.at_a), pid), 0,
                                &by_pid),
                     AGNER_OK);
    assert_int_equal(rt_monitor(pair.at_a,
                                etf_make(pair.at_a, "{echo, '" B "'}"), 0,
                                &by_name),
                     AGNER_OK);
    assert_int_equal(rt_send_pid(pair.at_a, pid,
                                 etf_make(pair.at_a, "{stop, {because, 42}}")),
                     AGNER_OK);
    for (int i = 0; i < 2; i++) {
        etf_term message = next(pair.at_a);
        etf_pid object;

        if (etf_match(message,
                      "{'DOWN', _, process, {echo, '" B "'}, "
                      "{because, _}}",
                      &ref, &code))
            name_seen = etf_ref_equal(ref, by_name);
        else if (etf_match(message, "{'DOWN', _, process, _, {because, _}}",
                           &ref, &object, &code))
            pid_seen = etf_ref_equal(ref, by_pid) && etf_pid_equal(object, pid);
    }
    assert_true(pid_seen);
    assert_true(name_seen);
    /* Nobody any more: one down with noproc. */
    assert_int_equal(rt_monitor(pair.at_a,
                                etf_from_pid(rt_region(pair.at_a), pid), 0,
                                &by_pid),
                     AGNER_OK);
    assert_true(
        etf_match(next(pair.at_a), "{'DOWN', _, process, __, noproc}", &ref));
    assert_true(etf_ref_equal(ref, by_pid));
    end_pair(&pair);
}

static void links_carry_exits_both_ways(void **state)
{
    struct pair pair = new_pair();
    etf_pid pid = seen_from_a(&pair, start_echo(&pair, NULL));
    etf_pid other = seen_from_a(&pair, start_echo(&pair, NULL));
    etf_pid from;
    etf_term reason;
    etf_ref ref;

    (void)state;
    (void)rt_trap_exit(pair.at_a, true);
    assert_int_equal(rt_link(pair.at_a, pid), AGNER_OK);
    assert_int_equal(
        rt_send_pid(pair.at_a, pid, etf_make(pair.at_a, "{stop, [oops]}")),
        AGNER_OK);
    assert_true(etf_match(next(pair.at_a), "{'EXIT', _, _}", &from, &reason));
    assert_true(etf_pid_equal(from, pid));
    assert_true(etf_match(reason, "[oops]"));
    /* exit/2 the other way, seen through a monitor. */
    assert_int_equal(rt_monitor(pair.at_a,
                                etf_from_pid(rt_region(pair.at_a), other), 0,
                                &ref),
                     AGNER_OK);
    assert_int_equal(
        rt_exit_signal(pair.at_a, other, etf_make(pair.at_a, "{bye, now}")),
        AGNER_OK);
    assert_true(
        etf_match(next(pair.at_a), "{'DOWN', __, process, __, {bye, now}}"));
    /* G16: after unlink no exit comes, and the pair is not linked. */
    pid = seen_from_a(&pair, start_echo(&pair, NULL));
    assert_int_equal(rt_link(pair.at_a, pid), AGNER_OK);
    assert_int_equal(rt_unlink(pair.at_a, pid), AGNER_OK);
    assert_int_equal(
        rt_monitor(pair.at_a, etf_from_pid(rt_region(pair.at_a), pid), 0, &ref),
        AGNER_OK);
    assert_int_equal(
        rt_send_pid(pair.at_a, pid, etf_make(pair.at_a, "{stop, last}")),
        AGNER_OK);
    assert_true(etf_match(next(pair.at_a), "{'DOWN', __, process, __, last}"));
    end_pair(&pair);
}

/* G6, G20: exits and downs, once each, then the node event. */
static void a_lost_connection_fires_everything_once(void **state)
{
    struct pair pair = new_pair();
    etf_pid pid = seen_from_a(&pair, start_echo(&pair, "echo"));
    etf_ref ref;
    int exits = 0, downs = 0;
    etf_term message;

    (void)state;
    (void)rt_trap_exit(pair.at_a, true);
    assert_int_equal(node_connect(pair.at_a, pair.a, B, NULL), AGNER_OK);
    assert_int_equal(rt_monitor_node(pair.at_a, etf_atom(B), true), AGNER_OK);
    assert_int_equal(rt_link(pair.at_a, pid), AGNER_OK);
    assert_int_equal(
        rt_monitor(pair.at_a, etf_from_pid(rt_region(pair.at_a), pid), 0, &ref),
        AGNER_OK);
    assert_int_equal(rt_call(pair.at_a, etf_make(pair.at_a, "{echo, '" B "'}"),
                             etf_nil(), WAIT_MS, &message),
                     AGNER_OK);
    assert_int_equal(node_disconnect(pair.a, B), AGNER_OK);
    for (int i = 0; i < 2; i++) {
        message = next(pair.at_a);
        exits += etf_match(message, "{'EXIT', __, noconnection}");
        downs += etf_match(message, "{'DOWN', __, process, __, noconnection}");
    }
    assert_int_equal(exits, 1);
    assert_int_equal(downs, 1);
    assert_true(etf_match(next(pair.at_a), "{nodedown, '" B "'}"));
    assert_int_equal(rt_receive(pair.at_a, 0, &message), AGNER_ETIMEOUT);
    end_pair(&pair);
}

/* What was not received when a process ends is given back, once. */
static void unread_downs_end_with_their_process(void **state)
{
    struct pair pair = new_pair();
    etf_pid pid = seen_from_a(&pair, start_echo(&pair, "echo"));
    struct gen *self = rt_attach(node_rt(pair.a));
    etf_term who = etf_make(pair.at_a, "_", pid);
    etf_ref ref;

    (void)state;
    assert_int_equal(rt_monitor_node(pair.at_a, etf_atom(B), true), AGNER_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rt_monitor(self, who, 0, &ref), AGNER_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            rt_monitor(self, etf_make(self, "nobody_here"), 0, &ref), AGNER_OK);
    assert_int_equal(node_connect(pair.at_a, pair.a, B, NULL), AGNER_OK);
    assert_int_equal(node_disconnect(pair.a, B), AGNER_OK);
    assert_true(etf_match(next(pair.at_a), "{nodedown, '" B "'}"));
    rt_detach(self);
    end_pair(&pair);
}

/* A node that stops is seen by the other one, and its processes end first. */
static void a_node_that_stops_is_missed(void **state)
{
    struct pair pair = new_pair();
    etf_pid pid = seen_from_a(&pair, start_echo(&pair, "echo"));
    etf_ref ref;

    (void)state;
    assert_int_equal(
        rt_monitor(pair.at_a, etf_from_pid(rt_region(pair.at_a), pid), 0, &ref),
        AGNER_OK);
    assert_int_equal(rt_call(pair.at_a, etf_make(pair.at_a, "{echo, '" B "'}"),
                             etf_nil(), WAIT_MS, NULL),
                     AGNER_OK);
    rt_detach(pair.at_b);
    node_stop(pair.b, 20000);
    /* The last signals of its processes go out before the connection ends. */
    assert_true(
        etf_match(next(pair.at_a), "{'DOWN', __, process, __, shutdown}"));
    rt_detach(pair.at_a);
    node_stop(pair.a, 1000);
}

/* ---- Load
 * ------------------------------------------------------------------------------
 */

#define SENDERS  8
#define MESSAGES 5000

/* Sends its number and 0, 1, 2 ... to `sink`; every 1000th with a large binary.
 */
static void flood(struct gen *self, void *arg)
{
    intptr_t number = (intptr_t)arg;
    uint8_t *bytes = calloc(1, 200000);
    etf_term to = ETF_NONE;

    for (int64_t n = 0; n < MESSAGES && bytes != NULL; n++) {
        etf_term load = n % 1000 == 500
                            ? etf_binary(rt_region(self), bytes, 200000)
                            : etf_nil();

        to = etf_make(self, "{sink, '" B "'}");
        if (rt_send(self, to,
                    etf_make(self, "{_, _, _}", (int64_t)number, n, load)) !=
            AGNER_OK)
            break;
        if (n % 100 == 99)
            rt_reset(self);
    }
    free(bytes);
}

/* G1, G4, G38: over the mark senders wait, and each one's order holds. */
static void D_09_every_senders_order_holds_under_load(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct pair pair;
    int64_t expected[SENDERS] = { 0 };
    etf_pid pid;

    (void)state;
    a.high_mark = 100000;
    pair = pair_with(&a, &b);
    assert_int_equal(
        rt_register(node_rt(pair.b), etf_atom("sink"), rt_self(pair.at_b)),
        AGNER_OK);
    for (intptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(rt_spawn(pair.at_a, flood, (void *)i, NULL, &pid),
                         AGNER_OK);
    for (int i = 0; i < SENDERS * MESSAGES; i++) {
        int64_t sender, n;
        etf_term load;

        assert_true(
            etf_match(next(pair.at_b), "{_, _, _}", &sender, &n, &load));
        assert_in_range(sender, 0, SENDERS - 1);
        assert_int_equal(n, expected[sender]++);
        if (i % 100 == 0)
            rt_reset(pair.at_b);
    }
    end_pair(&pair);
}

/* G38: a sender that waits at the gate and is killed is gone at once. */
static void a_waiting_sender_can_be_killed(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct pair pair;
    etf_pid pid;
    etf_ref ref;

    (void)state;
    a.high_mark = 1;
    pair = pair_with(&a, &b);
    assert_int_equal(node_connect(pair.at_a, pair.a, B, NULL), AGNER_OK);
    for (int i = 0; i < 20; i++) {
        struct rt_spawn_options options = { .monitor = true,
                                            .monitor_ref = &ref };

        assert_int_equal(rt_spawn(pair.at_a, flood, NULL, &options, &pid),
                         AGNER_OK);
        assert_int_equal(rt_exit_signal(pair.at_a, pid, ETF_A(kill)), AGNER_OK);
        assert_true(
            etf_match(next(pair.at_a), "{'DOWN', __, process, __, __}"));
    }
    end_pair(&pair);
}

/* ---- epmd
 * --------------------------------------------------------------------------------
 */

/* Both through an epmd that the first of them brings; a third one finds its
 * name taken and its port too, and leaves nothing behind. */
static void names_are_found_through_epmd_and_taken_once(void **state)
{
    struct node_options a = pair_options("epmd_a@127.0.0.1");
    struct node_options b = pair_options("epmd_b@127.0.0.1");
    struct node_options again;
    struct node *none = NULL, *one, *other;
    struct agner_error error;
    struct gen *self;

    (void)state;
    a.epmd_port = b.epmd_port = loopback_port();
    a.epmd = NODE_EPMD_NEED;
    assert_int_equal(node_start(&a, &none, &error), AGNER_ENOCONN);
    a.epmd = b.epmd = NODE_EPMD_AUTO;
    a.rt.log = b.rt.log = no_log;
    one = pair_start(&a);
    other = pair_start(&b);
    assert_true(node_creation(one) != 0);
    self = rt_attach(node_rt(other));
    assert_int_equal(node_connect(self, other, "epmd_a@127.0.0.1", &error),
                     AGNER_OK);
    assert_int_equal(node_connect(self, other, "epmd_x@127.0.0.1", &error),
                     AGNER_ENONAME);
    rt_detach(self);
    again = a;
    assert_int_equal(node_start(&again, &none, &error), AGNER_ETAKEN);
    again = pair_options("epmd_c@127.0.0.1");
    again.listen_port = node_port(one);
    assert_int_equal(node_start(&again, &none, &error), AGNER_ETAKEN);
    assert_null(none);
    node_stop(other, 0);
    node_stop(one, 0);
}

/* ---- Options
 * -------------------------------------------------------------------------------
 */

static void wrong_options_are_named(void **state)
{
    static const struct {
        struct node_options options;
        const char *text;
    } table[] = {
        { { .cookie = "c" }, "name" },
        { { .name = "nohost", .cookie = "c" }, "name" },
        { { .name = "a@b" }, "cookie" },
        { { .name = "a@b", .cookie = "" }, "cookie" },
        { { .name = "a@b", .cookie = "c", .fragment_size = 1 }, "fragment" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct node *node = NULL;
        struct agner_error error;

        assert_int_equal(node_start(&table[i].options, &node, &error),
                         AGNER_EINVAL);
        assert_null(node);
        assert_non_null(strstr(error.text, table[i].text));
    }
}

/* ---- Workers that serve the network
 * --------------------------------------------
 */

static struct pair new_pair_of_one_worker(uint64_t tick_time_ms)
{
    struct node_options a = pair_options(A), b = pair_options(B);

    a.rt.workers = b.rt.workers = 1;
    a.tick_time_ms = b.tick_time_ms = tick_time_ms;
    return pair_with(&a, &b);
}

struct stuck {
    const struct rt_world *world;
    _Atomic uint32_t entered, released;
};

/* After its first message it does not return before the test says so. */
static void stick(struct gen *self, void *arg)
{
    struct stuck *stuck = arg;
    const struct rt_world *world = stuck->world;
    etf_term message;

    if (rt_receive(self, WAIT_MS, &message) != AGNER_OK)
        return;
    store_release(&stuck->entered, 1);
    world->wake(world->ctx, &stuck->entered, 1);
    while (load_acquire(&stuck->released) == 0)
        world->wait(world->ctx, &stuck->released, 0, RT_NEVER);
}

static uint64_t bytes_from_b(const struct pair *pair)
{
    struct node_peer_info info;

    assert_int_equal(node_peers(pair->a, &info, 1), 1);
    assert_int_equal(info.state, NODE_PEER_UP);
    return info.bytes_in;
}

/* The only worker of B runs code that does not return, called for by what that
 * worker itself read from the network: signals go on to come and go (G13), and
 * so do ticks, of which a node that misses some is taken for dead (G37). */
static void stuck_code_does_not_stop_the_network(void **state)
{
    struct pair pair = new_pair_of_one_worker(TICK_MS);
    struct stuck stuck = { .world = rt_world_real() };
    _Atomic uint32_t nothing = 0;
    etf_pid pid, at_b = seen_from_a(&pair, rt_self(pair.at_b));
    etf_term reply;
    uint64_t bytes;

    (void)state;
    (void)start_echo(&pair, "echo");
    assert_int_equal(rt_spawn(pair.at_b, stick, &stuck, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_send_pid(pair.at_a, seen_from_a(&pair, pid), etf_nil()),
                     AGNER_OK);
    while (load_acquire(&stuck.entered) == 0)
        stuck.world->wait(stuck.world->ctx, &stuck.entered, 0, RT_NEVER);
    assert_int_equal(rt_send_pid(pair.at_a, at_b, ETF_A(ok)), AGNER_OK);
    assert_true(etf_same(next(pair.at_b), ETF_A(ok)));
    assert_int_equal(rt_call(pair.at_a, etf_make(pair.at_a, "{echo, '" B "'}"),
                             ETF_A(ok), WAIT_MS, &reply),
                     AGNER_OK);
    bytes = bytes_from_b(&pair) + 20; /* two tick times of four each */
    while (bytes_from_b(&pair) < bytes)
        stuck.world->wait(stuck.world->ctx, &nothing, 0,
                          stuck.world->now_ns(stuck.world->ctx) + 1000000);
    store_release(&stuck.released, 1);
    stuck.world->wake(stuck.world->ctx, &stuck.released, 1);
    end_pair(&pair);
}

/* The only worker waits in the loop, and hears of what a plain thread sends. */
static void a_worker_in_the_loop_hears_of_local_messages(void **state)
{
    struct pair pair = new_pair_of_one_worker(0);
    etf_pid pid = start_echo(&pair, NULL), from;
    int64_t n;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(
            rt_send_pid(pair.at_b, pid,
                        etf_make(pair.at_b, "{_, _}", rt_self(pair.at_b), i)),
            AGNER_OK);
        assert_true(etf_match(next(pair.at_b), "{_, _}", &from, &n));
        assert_int_equal(n, i);
        rt_reset(pair.at_b);
    }
    end_pair(&pair);
}

static void a_node_stops_while_its_workers_wait_in_the_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct pair pair = new_pair();
        etf_term reply;

        (void)start_echo(&pair, "echo");
        assert_int_equal(rt_call(pair.at_a,
                                 etf_make(pair.at_a, "{echo, '" B "'}"),
                                 ETF_A(ok), WAIT_MS, &reply),
                         AGNER_OK);
        end_pair(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_to_names_and_pids),
        cmocka_unit_test(calls_are_answered),
        cmocka_unit_test(a_call_to_an_unknown_node_fails),
        cmocka_unit_test(a_monitor_gets_one_down_with_the_reason),
        cmocka_unit_test(links_carry_exits_both_ways),
        cmocka_unit_test(a_lost_connection_fires_everything_once),
        cmocka_unit_test(unread_downs_end_with_their_process),
        cmocka_unit_test(a_node_that_stops_is_missed),
        cmocka_unit_test(D_09_every_senders_order_holds_under_load),
        cmocka_unit_test(a_waiting_sender_can_be_killed),
        cmocka_unit_test(names_are_found_through_epmd_and_taken_once),
        cmocka_unit_test(stuck_code_does_not_stop_the_network),
        cmocka_unit_test(a_worker_in_the_loop_hears_of_local_messages),
        cmocka_unit_test(a_node_stops_while_its_workers_wait_in_the_loop),
        cmocka_unit_test(wrong_options_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

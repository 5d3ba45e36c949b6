/*
 * test_node_defects.c -- what an earlier system got wrong about nodes, one test
 * for each number of the list in spec/gen.md 6.
 */
#include <unistd.h>

#include "duo.h"
#include "flags.h"
#include "raw_peer.h"

#define C "c@127.0.0.1"

static void expect_down(struct gen *self, etf_ref ref, const char *reason)
{
    etf_term message = ETF_NONE, why = ETF_NONE;
    etf_ref seen;
    char text[300];

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'DOWN', _, process, __, _}", &seen, &why) ||
        !etf_ref_equal(seen, ref) || !etf_atom_is(why, reason))
        fail_msg("%s instead of a down with %s",
                 etf_format(text, sizeof text, message), reason);
}

static etf_ref monitor(struct gen *self, etf_pid pid)
{
    etf_ref ref;

    assert_int_equal(
        rt_monitor(self, etf_from_pid(rt_region(self), pid), 0, &ref),
        AGNER_OK);
    return ref;
}

/* ---- Signals ------------------------------------------------------------ */

/* D-08: pid creation is never compared: messages reach the wrong process after
 * a restart. */
static void D_08_a_pid_of_an_earlier_life_reaches_nobody(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid near = duo_teller(self, NULL, rt_self(self), false), stale = near;
    etf_pid far = duo_pid_from_a(
        &duo, duo_teller(duo.at_b, "far", rt_self(duo.at_b), false));
    etf_term message;

    (void)state;
    stale.node = etf_atom(A);
    stale.creation = node_creation(duo.a) + 1;
    assert_int_equal(rt_send_pid(self, stale, etf_atom("hello")),
                     AGNER_EINCARNATION);
    expect_down(self, monitor(self, stale), "noproc");
    assert_int_equal(
        gen_call(self, etf_from_pid(NULL, near), etf_nil(), WAIT_MS, NULL),
        AGNER_OK);
    /* On the other node it is dropped there. */
    far.creation++;
    assert_int_equal(rt_send_pid(self, far, etf_atom("hello")), AGNER_OK);
    expect_down(self, monitor(self, far), "noproc");
    assert_int_equal(gen_call(self, etf_make(self, "{far, '" B "'}"), etf_nil(),
                              WAIT_MS, NULL),
                     AGNER_OK);
    assert_int_equal(rt_receive(duo.at_b, 0, &message), AGNER_ETIMEOUT);
    assert_int_equal(rt_receive(self, 0, &message), AGNER_ETIMEOUT);
    duo_end(&duo);
}

/* D-12: exit(Pid,Reason) from a remote node is ignored. */
static void D_12_an_exit_signal_of_another_node_acts(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid traps = duo_teller(duo.at_b, NULL, rt_self(duo.at_b), true);
    etf_pid ends = duo_teller(duo.at_b, NULL, rt_self(duo.at_b), false);
    etf_pid from;
    etf_term message;

    (void)state;
    assert_int_equal(rt_exit_signal(self, duo_pid_from_a(&duo, traps),
                                    etf_make(self, "{told, 1}")),
                     AGNER_OK);
    assert_int_equal(rt_receive(duo.at_b, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{info, {'EXIT', _, {told, 1}}}", &from));
    assert_true(etf_atom_is(from.node, A));
    assert_int_equal(rt_exit_signal(self, duo_pid_from_a(&duo, ends),
                                    etf_make(self, "{told, 2}")),
                     AGNER_OK);
    duo_expect(duo.at_b, "{terminate,{told,2}}");
    assert_int_equal(
        rt_exit_signal(self, duo_pid_from_a(&duo, traps), ETF_A(kill)),
        AGNER_OK);
    assert_int_equal(rt_wait(duo.at_b, traps, WAIT_MS), AGNER_OK);
    duo_end(&duo);
}

/* ---- Nodes that go ------------------------------------------------------ */

/* D-14: MonitorNode of an unknown or unconnected node never fires. */
static void D_14_watching_an_unknown_node_tells_at_once(void **state)
{
    struct duo duo = duo_new();

    (void)state;
    assert_int_equal(node_route(duo.a, C, "127.0.0.1", 1), AGNER_OK);
    assert_int_equal(rt_monitor_node(duo.at_a, etf_atom(C), true), AGNER_OK);
    duo_expect(duo.at_a, "{nodedown,'" C "'}");
    duo_end(&duo);
}

/* Three nodes: a knows the others. */
struct trio {
    struct duo duo;
    struct node *c;
    struct gen *at_c;
};

static struct trio trio_new(void)
{
    struct node_options options = pair_options(C);
    struct trio trio = { .duo = duo_new() };

    options.rt.log = duo_no_log;
    trio.c = pair_start(&options);
    trio.at_c = rt_attach(node_rt(trio.c));
    assert_non_null(trio.at_c);
    pair_route(trio.duo.a, trio.c);
    return trio;
}

static void trio_end(const struct trio *trio)
{
    rt_detach(trio->at_c);
    node_stop(trio->c, 1000);
    duo_end(&trio->duo);
}

static etf_pid pid_from_c(const struct trio *trio, etf_pid pid)
{
    pid.node = etf_atom(C);
    pid.creation = node_creation(trio->c);
    return pid;
}

/* D-15, I15: one peer's disconnect fires noconnection for all pid monitors. */
static void D_15_a_lost_node_fires_its_own_monitors_only(void **state)
{
    struct trio trio = trio_new();
    struct duo *duo = &trio.duo;
    struct gen *self = duo->at_a;
    etf_pid near = duo_teller(self, NULL, rt_self(self), false);
    etf_pid at_b = duo_teller(duo->at_b, NULL, rt_self(duo->at_b), false);
    etf_pid at_c = duo_teller(trio.at_c, NULL, rt_self(trio.at_c), false);
    etf_ref near_ref = monitor(self, near);
    etf_ref b_ref = monitor(self, duo_pid_from_a(duo, at_b));
    etf_ref c_ref = monitor(self, pid_from_c(&trio, at_c));

    (void)state;
    assert_int_equal(
        gen_call(self, etf_from_pid(rt_region(self), duo_pid_from_a(duo, at_b)),
                 etf_nil(), WAIT_MS, NULL),
        AGNER_OK); /* connected */
    assert_int_equal(node_disconnect(duo->a, B), AGNER_OK);
    expect_down(self, b_ref, "noconnection");
    /* The others stand, and fire for themselves. */
    assert_int_equal(rt_send_pid(self, near, etf_make(self, "{stop, normal}")),
                     AGNER_OK);
    duo_expect(self, "{terminate,normal}");
    expect_down(self, near_ref, "normal");
    assert_int_equal(rt_send_pid(self, pid_from_c(&trio, at_c),
                                 etf_make(self, "{stop, normal}")),
                     AGNER_OK);
    expect_down(self, c_ref, "normal");
    trio_end(&trio);
}

/* D-46: losing a node crashes the runtime if a process has two links or more,
 * one of them to it. */
static void D_46_a_lost_node_breaks_its_own_links_only(void **state)
{
    struct trio trio = trio_new();
    struct duo *duo = &trio.duo;
    struct gen *self = duo->at_a;
    etf_pid near = duo_teller(self, NULL, rt_self(self), true);
    etf_pid at_b = duo_pid_from_a(
        duo, duo_teller(duo->at_b, NULL, rt_self(duo->at_b), true));
    etf_pid at_c = pid_from_c(
        &trio, duo_teller(trio.at_c, NULL, rt_self(trio.at_c), true));
    struct rt_process_info info;
    etf_term message;
    etf_pid from;

    (void)state;
    (void)rt_trap_exit(self, true);
    assert_int_equal(rt_link(self, near), AGNER_OK);
    assert_int_equal(rt_link(self, at_b), AGNER_OK);
    assert_int_equal(rt_link(self, at_c), AGNER_OK);
    assert_int_equal(gen_call(self, etf_from_pid(rt_region(self), at_b),
                              etf_nil(), WAIT_MS, NULL),
                     AGNER_OK); /* connected */
    assert_int_equal(node_disconnect(duo->a, B), AGNER_OK);
    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', _, noconnection}", &from));
    assert_true(etf_pid_equal(from, at_b));
    assert_int_equal(rt_process_info(self, rt_self(self), &info), AGNER_OK);
    assert_int_equal(etf_list_size(info.links), 2);
    trio_end(&trio);
}

/* ---- What nodes say of themselves --------------------------------------- */

/* D-39: hidden nodes announce themselves as published. */
static void D_39_a_hidden_node_says_so_everywhere(void **state)
{
    struct node_options options = pair_options("conf_hidden@127.0.0.1");
    struct duo duo = duo_new();
    struct node_peer_info peer;
    struct node *hidden;
    struct gen *self;

    (void)state;
    options.hidden = true;
    options.rt.log = duo_no_log;
    hidden = pair_start(&options);
    pair_route(hidden, duo.a);
    self = rt_attach(node_rt(hidden));
    assert_int_equal(node_connect(self, hidden, A, NULL), AGNER_OK);
    assert_int_equal(node_peers(duo.a, &peer, 1), 1);
    assert_true(peer.hidden);
    assert_true((peer.flags & NODE__FLAG_PUBLISHED) == 0);
    rt_detach(self);
    node_stop(hidden, 0);
    duo_end(&duo);
}

/* D-40: DisableEPMD still needs an EPMD. */
static void D_40_without_epmd_none_is_needed(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct node *one, *two;
    struct gen *self;

    (void)state;
    a.epmd_port = b.epmd_port = 1; /* nobody is there */
    a.rt.log = b.rt.log = duo_no_log;
    one = pair_start(&a);
    two = pair_start(&b);
    pair_route(one, two);
    self = rt_attach(node_rt(one));
    assert_int_equal(node_connect(self, one, B, NULL), AGNER_OK);
    rt_detach(self);
    node_stop(one, 0);
    node_stop(two, 0);
}

/* D-42: OTP 25 refuses the connection: float, bit string, export and fun
 * capabilities not announced. */
static void D_42_everything_that_otp_demands_is_announced(void **state)
{
    struct duo duo = duo_new();
    struct node_peer_info peer;

    (void)state;
    assert_int_equal(node_connect(duo.at_a, duo.a, B, NULL), AGNER_OK);
    assert_int_equal(node_peers(duo.b, &peer, 1), 1);
    assert_true((peer.flags & NODE__FLAGS_MANDATORY) == NODE__FLAGS_MANDATORY);
    assert_true((NODE__FLAGS_MANDATORY & NODE__FLAG(7)) != 0);  /* new funs */
    assert_true((NODE__FLAGS_MANDATORY & NODE__FLAG(9)) != 0);  /* exports */
    assert_true((NODE__FLAGS_MANDATORY & NODE__FLAG(10)) != 0); /* bits */
    assert_true((NODE__FLAGS_MANDATORY & NODE__FLAG(11)) != 0); /* floats */
    duo_end(&duo);
}

/* ---- Terms on their way ------------------------------------------------- */

/* Goes to the other node and comes back as it was. */
static void there_and_back(const struct duo *duo, etf_term term)
{
    struct gen *self = duo->at_a;
    etf_term reply = ETF_NONE;

    assert_false(etf_is_none(term));
    assert_int_equal(
        gen_call(self, etf_make(self, "{far, '" B "'}"), term, WAIT_MS, &reply),
        AGNER_OK);
    assert_true(etf_equal(reply, term));
}

static struct duo duo_with_far(void)
{
    struct duo duo = duo_new();

    (void)duo_teller(duo.at_b, "far", rt_self(duo.at_b), false);
    return duo;
}

/* D-48: a map with a composite key from a peer closes the connection. */
static void D_48_a_map_may_have_any_key(void **state)
{
    struct duo duo = duo_with_far();
    struct gen *self = duo.at_a;

    (void)state;
    there_and_back(&duo, etf_make(self, "#{{a, 1} => x, [l] => y, #{m => 1} => "
                                        "z, 1.5 => f, <<1>> => b}"));
    duo_end(&duo);
}

/* D-49: atoms longer than 255 bytes overwrite the start of the packet. */
static void D_49_an_atom_may_have_1020_bytes(void **state)
{
    struct duo duo = duo_with_far();
    struct gen *self = duo.at_a;
    char text[4 * 255];
    etf_term atom;

    (void)state;
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    atom = etf_atom_n(text, sizeof text);
    there_and_back(&duo,
                   etf_make(self, "{_, [_ | _], tail}", atom, atom, atom));
    duo_end(&duo);
}

/* D-50: bit strings lose their bit count. */
static void D_50_bits_keep_their_count(void **state)
{
    struct duo duo = duo_with_far();
    struct etf_region *r = rt_region(duo.at_a);
    static const uint8_t bytes[] = { 0xff, 0xa0 };
    etf_bytes back;
    unsigned bits;

    (void)state;
    for (unsigned used = 1; used <= 8; used++) {
        etf_term term = etf_bits(r, bytes, sizeof bytes, used);

        there_and_back(&duo, term);
        assert_true(etf_get_bits(term, &back, &bits));
        assert_int_equal(bits, used);
    }
    duo_end(&duo);
}

/* D-52: lists of small integers (STRING_EXT) are not seen as lists. */
static void D_52_a_list_of_small_integers_is_a_list(void **state)
{
    struct duo duo = duo_with_far();
    struct gen *self = duo.at_a;
    etf_term reply;
    int64_t a, b, c;

    (void)state;
    assert_int_equal(gen_call(self, etf_make(self, "{far, '" B "'}"),
                              etf_make(self, "[1, 2, 255]"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_int_equal(etf_list_size(reply), 3);
    assert_true(etf_match(reply, "[_, _, _]", &a, &b, &c));
    assert_int_equal(a + b + c, 258);
    duo_end(&duo);
}

/* ---- Clients that say nothing ------------------------------------------- */

/* D-51: one slow or malicious client blocks the acceptor for 5 s per
 * connection. With a set-up time of a minute, waiting for even one of them
 * would reach the test's deadline. */
static void D_51_silent_clients_keep_nobody_out(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct node *one, *two;
    struct gen *self;
    int silent[4];

    (void)state;
    a.setup_time_ms = 2 * WAIT_MS;
    a.rt.log = b.rt.log = duo_no_log;
    one = pair_start(&a);
    two = pair_start(&b);
    pair_route(two, one);
    for (size_t i = 0; i < 4; i++)
        silent[i] = raw_connect(node_port(one));
    self = rt_attach(node_rt(two));
    assert_int_equal(node_connect(self, two, A, NULL), AGNER_OK);
    rt_detach(self);
    for (size_t i = 0; i < 4; i++)
        (void)close(silent[i]);
    node_stop(one, 0);
    node_stop(two, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D_08_a_pid_of_an_earlier_life_reaches_nobody),
        cmocka_unit_test(D_12_an_exit_signal_of_another_node_acts),
        cmocka_unit_test(D_14_watching_an_unknown_node_tells_at_once),
        cmocka_unit_test(D_15_a_lost_node_fires_its_own_monitors_only),
        cmocka_unit_test(D_39_a_hidden_node_says_so_everywhere),
        cmocka_unit_test(D_40_without_epmd_none_is_needed),
        cmocka_unit_test(D_42_everything_that_otp_demands_is_announced),
        cmocka_unit_test(D_46_a_lost_node_breaks_its_own_links_only),
        cmocka_unit_test(D_48_a_map_may_have_any_key),
        cmocka_unit_test(D_49_an_atom_may_have_1020_bytes),
        cmocka_unit_test(D_50_bits_keep_their_count),
        cmocka_unit_test(D_51_silent_clients_keep_nobody_out),
        cmocka_unit_test(D_52_a_list_of_small_integers_is_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

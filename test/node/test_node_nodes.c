/*
 * test_node_nodes.c -- which nodes there are, and hearing of their comings and
 * goings: rt_remote.h on real nodes.
 */
#include "duo.h"

static etf_term nodes_of(struct gen *self, unsigned which)
{
    return rt_nodes(rt_of(self), rt_region(self), which);
}

static void expect_nodes(struct gen *self, unsigned which, const char *text)
{
    char have[256];

    assert_string_equal(etf_format(have, sizeof have, nodes_of(self, which)),
                        text);
}

/* The next message, which comes of a connection. */
static etf_term next(struct gen *self)
{
    etf_term message;

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    return message;
}

/* erlang:nodes/1, net_kernel:connect_node/1, erlang:disconnect_node/1 */
static void connections_are_made_listed_and_ended(void **state)
{
    struct duo duo = duo_new();
    struct rt_node_info first, second;
    etf_term a = etf_atom(A), b = etf_atom(B);

    (void)state;
    expect_nodes(duo.at_a, RT_NODES_CONNECTED, "[]");
    assert_int_equal(rt_node_find(node_rt(duo.a), b, NULL), AGNER_ENOCONN);
    assert_int_equal(rt_disconnect_node(node_rt(duo.a), b), AGNER_ENOCONN);
    assert_int_equal(rt_connect_node(duo.at_a, a), AGNER_OK);
    assert_int_equal(rt_connect_node(duo.at_a, etf_int(NULL, 1)), AGNER_EINVAL);
    assert_int_not_equal(
        rt_connect_node(duo.at_a, etf_atom("nobody@127.0.0.1")), AGNER_OK);
    assert_int_equal(rt_connect_node(duo.at_a, b), AGNER_OK);
    assert_int_equal(rt_connect_node(duo.at_a, b), AGNER_OK);
    expect_nodes(duo.at_a, RT_NODES_VISIBLE, "['" B "']");
    expect_nodes(duo.at_a, RT_NODES_HIDDEN, "[]");
    assert_int_equal(rt_node_find(node_rt(duo.a), b, &first), AGNER_OK);
    assert_false(first.hidden);
    assert_int_equal(first.creation, node_creation(duo.b));
    assert_int_equal(rt_monitor_nodes(duo.at_a, true), AGNER_OK);
    assert_int_equal(rt_disconnect_node(node_rt(duo.a), b), AGNER_OK);
    duo_expect(duo.at_a, "{nodedown,'" B "'}");
    expect_nodes(duo.at_a, RT_NODES_CONNECTED, "[]");
    assert_int_equal(rt_connect_node(duo.at_a, b), AGNER_OK);
    duo_expect(duo.at_a, "{nodeup,'" B "'}");
    assert_int_equal(rt_node_find(node_rt(duo.a), b, &second), AGNER_OK);
    assert_true(second.connection > first.connection);
    duo_end(&duo);
}

static void expect_up(struct gen *self)
{
    assert_true(
        etf_match(next(self), "{nodeup, '" B "', [{node_type, visible}, __]}"));
}

static void expect_down(struct gen *self, const char *reason)
{
    etf_term why;

    assert_true(etf_match(next(self),
                          "{nodedown, '" B "', [{node_type, visible}, __, "
                          "{nodedown_reason, _}]}",
                          &why));
    assert_true(etf_atom_is(why, reason));
}

/* net_kernel:monitor_nodes/2: who asked for reasons gets them. */
static void a_loss_has_a_reason(void **state)
{
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    unsigned with = RT_MONITOR_NODES_VISIBLE | RT_MONITOR_NODES_REASON;

    (void)state;
    assert_int_equal(rt_monitor_nodes_with(self, true, 64), AGNER_EINVAL);
    assert_int_equal(rt_monitor_nodes_with(self, true, with), AGNER_OK);
    /* Hears nothing: the other is visible. */
    assert_int_equal(rt_monitor_nodes_with(self, true, RT_MONITOR_NODES_HIDDEN),
                     AGNER_OK);
    assert_int_equal(rt_connect_node(self, etf_atom(B)), AGNER_OK);
    expect_up(self);
    assert_int_equal(rt_disconnect_node(node_rt(duo.a), etf_atom(B)), AGNER_OK);
    expect_down(self, "disconnect");
    assert_int_equal(rt_connect_node(self, etf_atom(B)), AGNER_OK);
    expect_up(self);
    assert_int_equal(rt_disconnect_node(node_rt(duo.b), etf_atom(A)), AGNER_OK);
    expect_down(self, "connection_closed");
    assert_int_equal(rt_monitor_nodes_with(self, false, with), AGNER_OK);
    assert_int_equal(rt_monitor_nodes_with(self, true, 0), AGNER_OK);
    assert_int_equal(rt_connect_node(self, etf_atom(B)), AGNER_OK);
    expect_up(self);
    assert_int_equal(rt_disconnect_node(node_rt(duo.a), etf_atom(B)), AGNER_OK);
    assert_true(etf_match(next(self),
                          "{nodedown, '" B "', [{node_type, visible}, __]}"));
    duo_end(&duo);
}

/* A connection is hidden when one of its ends is. */
static void hidden_nodes_are_apart(void **state)
{
    struct node_options options = pair_options(A);
    struct node *a, *b;
    struct gen *at_a;
    etf_term message;

    (void)state;
    options.rt.log = duo_no_log;
    a = pair_start(&options);
    options.name = B;
    options.hidden = true;
    b = pair_start(&options);
    pair_route(a, b);
    at_a = rt_attach(node_rt(a));
    assert_int_equal(rt_monitor_nodes_with(at_a, true, 0), AGNER_OK);
    assert_int_equal(rt_monitor_nodes_with(at_a, true, RT_MONITOR_NODES_HIDDEN),
                     AGNER_OK);
    assert_int_equal(rt_connect_node(at_a, etf_atom(B)), AGNER_OK);
    expect_nodes(at_a, RT_NODES_VISIBLE, "[]");
    expect_nodes(at_a, RT_NODES_HIDDEN, "['" B "']");
    expect_nodes(at_a, RT_NODES_CONNECTED, "['" B "']");
    message = next(at_a);
    assert_true(etf_match(message,
                          "{nodeup, '" B
                          "', [{node_type, hidden}, {connection_id, 1}]}"));
    assert_int_equal(rt_receive(at_a, 0, &message), AGNER_ETIMEOUT);
    node_stop(b, 1000);
    message = next(at_a);
    assert_true(etf_match(message, "{nodedown, '" B "', [{node_type, hidden}, "
                                   "{connection_id, 1}]}"));
    assert_int_equal(rt_receive(at_a, 0, &message), AGNER_ETIMEOUT);
    rt_detach(at_a);
    node_stop(a, 1000);
}

/* A dial that failed is no loss: there was nothing. */
static void a_failed_dial_is_no_nodedown(void **state)
{
    struct duo duo = duo_new();
    etf_term message;

    (void)state;
    assert_int_equal(rt_monitor_nodes(duo.at_a, true), AGNER_OK);
    assert_int_not_equal(
        rt_connect_node(duo.at_a, etf_atom("nobody@127.0.0.1")), AGNER_OK);
    assert_int_equal(rt_receive(duo.at_a, 0, &message), AGNER_ETIMEOUT);
    duo_end(&duo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_made_listed_and_ended),
        cmocka_unit_test(a_loss_has_a_reason),
        cmocka_unit_test(hidden_nodes_are_apart),
        cmocka_unit_test(a_failed_dial_is_no_nodedown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

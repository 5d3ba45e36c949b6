/*
 * A node that loses its name and gets another while its processes send: nothing
 * leaves it under a name that the connection does not have, since the peer
 * would end a connection that says so.
 */
#include <stdatomic.h>

#include "duo.h"

#define TIMES   100
#define SENDERS 4

static atomic_uint forged; /* connections that ended for such a reason */
static atomic_bool over;

static void note(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    if (strstr(text, "no process of the peer") != NULL)
        atomic_fetch_add(&forged, 1);
}

/* Sends its pid to the giver, again and again. */
static void sender(struct gen *self, void *arg)
{
    etf_term to = etf_make(self, "{sink, '" A "'}");

    (void)arg;
    while (!atomic_load(&over)) {
        (void)rt_send_with(self, to, etf_make(self, "{from, _}", rt_self(self)),
                           RT_SEND_NOCONNECT);
        rt_yield(self);
    }
}

/* The next pid that arrives is of a node with this name; older ones are
 * skipped. */
static void expect_name(struct gen *self, const char *name)
{
    etf_term message;
    etf_pid pid;

    do {
        assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{from, _}", &pid));
    } while (!etf_same(pid.node, etf_atom(name)));
}

/* One giver or the other: names and creations differ each time. */
static void senders_go_on_under_each_new_name(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct node_options c = pair_options("@127.0.0.1");
    struct node *giver_a, *giver_b, *client;
    struct gen *at_a, *at_client;
    char name[256];

    (void)state;
    a.rt.log = b.rt.log = note;
    c.rt.log = duo_no_log;
    giver_a = pair_start(&a);
    giver_b = pair_start(&b);
    client = pair_start(&c);
    pair_route(client, giver_a);
    pair_route(client, giver_b);
    at_a = rt_attach(node_rt(giver_a));
    at_client = rt_attach(node_rt(client));
    assert_int_equal(
        rt_register(node_rt(giver_a), etf_atom("sink"), rt_self(at_a)),
        AGNER_OK);
    for (int i = 0; i < SENDERS; i++) {
        etf_pid pid;

        assert_int_equal(rt_spawn(at_client, sender, NULL, NULL, &pid),
                         AGNER_OK);
    }
    for (int i = 0; i < TIMES; i++) {
        const char *first = i % 2 == 0 ? A : B;

        assert_int_equal(node_connect(at_client, client, first, NULL),
                         AGNER_OK);
        assert_int_equal(node_connect(at_client, client, A, NULL), AGNER_OK);
        (void)snprintf(name, sizeof name, "%s", node_name(client));
        assert_string_not_equal(name, "nonode@nohost");
        expect_name(at_a, name);
        (void)node_disconnect(client, A);
        (void)node_disconnect(client, B);
        while (strcmp(node_name(client), "nonode@nohost") != 0)
            rt_sleep(at_client, 1);
    }
    atomic_store(&over, true);
    assert_int_equal(atomic_load(&forged), 0);
    rt_detach(at_a);
    rt_detach(at_client);
    node_stop(client, 1000);
    node_stop(giver_a, 1000);
    node_stop(giver_b, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders_go_on_under_each_new_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_node_pg_replay.c -- what two Erlang nodes said to each other of process
 * groups, with a scope of ours in the place of the second one.
 *
 * The recording is played message by message: what node a sent is sent again,
 * by a process of the test, and what node b sent must come from our scope, in
 * the same order. Pids of the recording are placeholders, 'a@vm.92', which
 * stand for the same process each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/gen.h>
#include <agner/sim.h>
#include <cmocka.h>

#include "../json_doc.h"
#include "pair.h"

#define A          "a@10.0.0.1"
#define B          "b@10.0.0.2"
#define PORT       5000
#define WAIT_MS    10000
#define NAMES_MAX  32
#define FILE_NAME  VECTORS "/channel_services.json.gz"
#define NESTED_MAX 8

struct name {
    char text[40]; /* a@vm.92 */
    etf_pid pid;   /* as node a has it */
};

static struct {
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    struct name names[NAMES_MAX];
    unsigned name_count;
    unsigned sent, compared;
    etf_pid member; /* of b, as b has it */
} w;

static struct node *start(const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.rt.world = sim_world(w.sim);
    options.rt.log_level = RT_LOG_WARNING;
    return pair_start(&options);
}

/* ---- Terms with placeholders -------------------------------------------- */

static struct name *find(etf_term atom)
{
    for (unsigned i = 0; i < w.name_count; i++)
        if (etf_atom_is(atom, w.names[i].text))
            return &w.names[i];
    return NULL;
}

static void bind(const char *text, etf_pid pid)
{
    struct name *n = &w.names[w.name_count++];

    assert_true(w.name_count <= NAMES_MAX);
    (void)snprintf(n->text, sizeof n->text, "%s", text);
    n->pid = pid;
}

/* #pid(a@vm,92,0,1795231689) becomes 'a@vm.92'. */
static etf_term parse(const char *text)
{
    char plain[600], *to = plain;
    etf_term t;

    while (*text != '\0') {
        const char *comma;

        assert_true(to < plain + sizeof plain - 64);
        if (strncmp(text, "#pid(", 5) != 0) {
            *to++ = *text++;
            continue;
        }
        text += 5;
        comma = strchr(text, ',');
        to += snprintf(to, 60, "'%.*s.%ld'", (int)(comma - text), text,
                       strtol(comma + 1, NULL, 10));
        text = strchr(text, ')') + 1;
    }
    *to = '\0';
    assert_int_equal(
        etf_parse(rt_region(w.at_a), plain, strlen(plain), &t, NULL, NULL),
        AGNER_OK);
    return t;
}

static bool is_placeholder(etf_term t)
{
    etf_bytes text = etf_atom_text(t);

    return text.size > 5 && memcmp(text.data + 1, "@vm.", 4) == 0;
}

/* The term with pids in it. Those of a are processes that there are. */
static etf_term with_pids(etf_term t, unsigned depth)
{
    struct etf_region *r = rt_region(w.at_a);
    etf_term items[16], list = etf_nil(), head;
    size_t count = 0;

    assert_true(depth < NESTED_MAX);
    if (is_placeholder(t)) {
        const struct name *n = find(t);

        assert_non_null(n);
        return etf_from_pid(r, n->pid);
    }
    if (etf_tuple_size(t) > 0) {
        for (; count < etf_tuple_size(t) && count < 16; count++)
            items[count] = with_pids(etf_tuple_items(t)[count], depth + 1);
        return etf_tuple(r, items, count);
    }
    while (count < 16 && etf_list_next(&t, &head))
        items[count++] = with_pids(head, depth + 1);
    if (count == 0)
        return t;
    while (count > 0)
        list = etf_cons(r, items[--count], list);
    return list;
}

/* Is `got` what was recorded? Binds what is seen for the first time. */
static bool equals(etf_term recorded, etf_term got, unsigned depth)
{
    etf_term a, b;
    etf_pid pid;

    assert_true(depth < NESTED_MAX);
    if (is_placeholder(recorded)) {
        const struct name *n = find(recorded);
        etf_bytes text = etf_atom_text(recorded);
        char name[40];

        if (!etf_get_pid(got, &pid))
            return false;
        if (n != NULL)
            return etf_pid_equal(n->pid, pid);
        (void)snprintf(name, sizeof name, "%.*s", (int)text.size,
                       (const char *)text.data);
        bind(name, pid);
        return true;
    }
    if (etf_tuple_size(recorded) > 0) {
        bool same = etf_tuple_size(recorded) == etf_tuple_size(got);

        for (size_t i = 0; same && i < etf_tuple_size(got); i++)
            same = equals(etf_tuple_items(recorded)[i], etf_tuple_items(got)[i],
                          depth + 1);
        return same;
    }
    while (etf_list_next(&recorded, &a))
        if (!etf_list_next(&got, &b) || !equals(a, b, depth + 1))
            return false;
    return etf_equal(recorded, got);
}

/* ---- The recording ------------------------------------------------------ */

static bool is_op(const struct json_value *packet, const char *op)
{
    const char *have = json_get_text(packet, "op");

    return have != NULL && strcmp(have, op) == 0;
}

/* The last element of the control message: whom it is for. */
static etf_term target(const struct json_value *packet)
{
    etf_term control = parse(json_get_text(packet, "control"));

    return etf_tuple_items(control)[etf_tuple_size(control) - 1];
}

/* From a: to a name, or to a process of b's. */
static void replay_send(const struct json_value *packet)
{
    etf_term to = target(packet);
    etf_term message = parse(json_get_text(packet, "message"));

    if (etf_atom_is(to, "label")) /* the recorder's own */
        return;
    to = is_placeholder(to) ? with_pids(to, 0)
                            : etf_make(w.at_a, "{_, _}", to, etf_atom(B));
    assert_int_equal(rt_send(w.at_a, to, with_pids(message, 0)), AGNER_OK);
    (void)sim_run(w.sim, 100);
    w.sent++;
}

static void replay_expect(const struct json_value *packet)
{
    etf_term message;
    char seen[300];

    if (rt_receive(w.at_a, WAIT_MS, &message) != AGNER_OK)
        fail_msg("nothing came in place of %s",
                 json_get_text(packet, "message"));
    if (!equals(parse(json_get_text(packet, "message")), message, 0))
        fail_msg("%s came in place of %s",
                 etf_format(seen, sizeof seen, message),
                 json_get_text(packet, "message"));
    w.compared++;
}

/* What node a had node b do by rpc, we have ours do. */
static void replay_rpc(const struct json_value *packet)
{
    const char *text = json_get_text(packet, "message");
    etf_term pids;
    etf_pid pid;

    if (strstr(text, ",pg,start,[pg]") != NULL)
        assert_int_equal(gen_pg_start(w.at_b, ETF_NONE, &pid), AGNER_OK);
    else if (strstr(text, ",pg,start,[scope2]") != NULL)
        assert_int_equal(gen_pg_start(w.at_b, etf_atom("scope2"), &pid),
                         AGNER_OK);
    else if (strstr(text, ",pg,join,[grp,") != NULL)
        assert_int_equal(gen_pg_join(w.at_b, ETF_NONE, etf_atom("grp"),
                                     etf_from_pid(NULL, w.member)),
                         AGNER_OK);
    else if (strstr(text, ",pg,get_members,[grp]") != NULL) {
        assert_int_equal(
            gen_pg_get_members(w.at_b, ETF_NONE, etf_atom("grp"), &pids),
            AGNER_OK);
        assert_int_equal(etf_list_size(pids), 3); /* as recorded */
    }
    (void)sim_run(w.sim, 100);
}

static void replay_packet(const struct json_value *packet)
{
    bool from_a = strcmp(json_get_text(packet, "dir"), "c2s") == 0;
    bool is_send = is_op(packet, "REG_SEND") || is_op(packet, "SEND_SENDER");

    if (from_a && is_send)
        replay_send(packet);
    else if (from_a && is_op(packet, "SPAWN_REQUEST"))
        replay_rpc(packet);
    else if (!from_a && is_send)
        replay_expect(packet);
    rt_reset(w.at_a);
    rt_reset(w.at_b);
}

static void wait_for_end(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_receive(self, RT_INFINITY, &message);
}

static etf_pid proc(struct gen *self)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(self, wait_for_end, NULL, NULL, &pid), AGNER_OK);
    return pid;
}

static void begin(void)
{
    memset(&w, 0, sizeof w);
    w.sim = sim_new(1, NULL);
    assert_non_null(w.sim);
    w.a = start(A, "10.0.0.1");
    w.b = start(B, "10.0.0.2");
    assert_int_equal(node_route(w.a, B, "10.0.0.2", PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    assert_int_equal(rt_connect_node(w.at_a, etf_atom(B)), AGNER_OK);
    /* Both scopes of a's are the test's own process. */
    bind("a@vm.92", rt_self(w.at_a));
    bind("a@vm.94", rt_self(w.at_a));
    bind("a@vm.9", proc(w.at_a));
    bind("a@vm.93", proc(w.at_a));
    assert_int_equal(rt_register_self(w.at_a, etf_atom("pg")), AGNER_OK);
    assert_int_equal(rt_register_self(w.at_a, etf_atom("scope2")), AGNER_OK);
    w.member = proc(w.at_b);
}

static void our_scope_says_what_the_recorded_one_said(void **state)
{
    struct json_doc *doc = json_doc_open(FILE_NAME);
    const struct json_value *section =
        json_get(json_doc_root(doc), "sections")->first;
    etf_term message;

    (void)state;
    begin();
    for (; section != NULL; section = section->next) {
        const struct json_value *packet = json_get(section, "packets")->first;

        if (strncmp(json_get_text(section, "section"), "pg_", 3) != 0)
            continue;
        for (; packet != NULL; packet = packet->next)
            replay_packet(packet);
    }
    assert_int_equal(rt_receive(w.at_a, 0, &message), AGNER_ETIMEOUT);
    assert_int_equal(w.sent, 11);
    assert_int_equal(w.compared, 5);
    json_doc_close(doc);
    rt_detach(w.at_a);
    rt_detach(w.at_b);
    node_stop(w.a, 1000);
    node_stop(w.b, 1000);
    sim_free(w.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_scope_says_what_the_recorded_one_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

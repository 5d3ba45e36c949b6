/*
 * test_apps_global_replay.c -- what three Erlang nodes said to each other of
 * global names, with the machine of ours in the place of node a.
 *
 * What b and c sent to a comes in, in its order; what a sent to each of them
 * must be what ours sends, in the same order. Locks of a's own are not on the
 * wire: ours is told that it has them when a's names went out. The connection
 * that a gave up in the end is given up here too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../json_doc.h"
#include "global_bed.h"

#define FILE_NAME  VECTORS "/channel_global3.json.gz"
#define TEXT_MAX   2000
#define SAID_MAX   32
#define NESTED_MAX 8

/* What was said to one node, as text. */
struct said {
    char texts[SAID_MAX][TEXT_MAX];
    size_t count;
};

static struct {
    struct bed bed;
    struct said recorded[2], ours[2]; /* to b, to c */
    bool up[2];
    unsigned heard;
} w;

static const char *const others[] = { "b@vm", "c@vm" };

static size_t index_of(etf_term node)
{
    return etf_atom_is(node, others[0]) ? 0 : 1;
}

static void say(struct said *said, etf_term message)
{
    assert_true(said->count < SAID_MAX);
    (void)etf_format(said->texts[said->count++], TEXT_MAX, message);
}

/* ---- Terms of the recording --------------------------------------------- */

/* #pid(a@vm,92,0,1795231689) becomes {'#pid', a@vm, 92}, and what is opaque
 * here, references and funs, an atom. */
static etf_term parse(const char *text)
{
    char plain[TEXT_MAX], *to = plain;
    etf_term t;

    while (*text != '\0') {
        assert_true(to < plain + sizeof plain - 80);
        if (strncmp(text, "#pid(", 5) == 0) {
            const char *node = text + 5, *comma = strchr(node, ',');

            to += snprintf(to, 80, "{'#pid','%.*s',%ld}", (int)(comma - node),
                           node, strtol(comma + 1, NULL, 10));
            text = strchr(text, ')') + 1;
        } else if (strncmp(text, "#ref(", 5) == 0 ||
                   strncmp(text, "#fun(", 5) == 0) {
            to += snprintf(to, 80, "opaque");
            text = strchr(text, ')') + 1;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
    assert_int_equal(
        etf_parse(w.bed.region, plain, strlen(plain), &t, NULL, NULL),
        AGNER_OK);
    return t;
}

static etf_term with_pids(etf_term t, unsigned depth)
{
    struct etf_region *r = w.bed.region;
    etf_term items[16], list = etf_nil(), head, node;
    size_t count = 0;
    uint32_t id;

    assert_true(depth < NESTED_MAX);
    if (etf_match(t, "{'#pid', _, _}", &node, &id)) {
        etf_pid pid = { .node = node, .id = id, .creation = 9 };

        if (etf_same(node, w.bed.g.self))
            pid = (etf_pid){ .id = id };
        return etf_from_pid(r, pid);
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

/* ---- What ours says ----------------------------------------------------- */

static void send_act(void *ctx, etf_term node, etf_term message)
{
    (void)ctx;
    say(&w.ours[index_of(node)], message);
}

static void locker_act(void *ctx, etf_term message)
{
    etf_term messages, row, node, m;

    (void)ctx;
    if (!etf_match(message, "{cancel, __, __, _}", &messages))
        return;
    while (etf_list_next(&messages, &row))
        if (etf_match(row, "{_, _}", &node, &m))
            say(&w.ours[index_of(node)], m);
}

/* ---- The recording ------------------------------------------------------ */

/* What a's locker and registrar ask others they have asked a first; and the map
 * of known nodes in init_connect, which nobody reads, is empty in ours. */
static void from_a(size_t to, etf_term message)
{
    etf_term cast, tag, id, rest;
    int64_t my_tag = w.bed.g.next_tag - 1;
    etf_pid from;

    if (etf_match(message, "{'$gen_call', {_, __}, _}", &from, &rest)) {
        assert_true(global__call(&w.bed.g, from, rest, &id));
        return;
    }
    if (etf_match(message, "{'$gen_cast', _}", &cast)) {
        if (etf_match(cast, "{lock_set, __, __, __, __}"))
            return;
        if (etf_match(cast, "{init_connect, _, __, {locker, __, __, _}}", &tag,
                      &rest))
            message = etf_make(w.bed.region,
                               "{'$gen_cast', {init_connect, _, a@vm, {locker,"
                               " no_longer_a_pid, #{}, _}}}",
                               tag, rest);
        if (etf_match(cast, "{exchange, __, __, __, __}")) {
            id = etf_make(w.bed.region, "{global, [_, _]}", w.bed.g.locker,
                          bed_far(others[to], 56));
            bed_cast(&w.bed, "{lock_is_set, _, _, _}", etf_atom(others[to]),
                     my_tag, id);
        }
    }
    say(&w.recorded[to], message);
}

static void to_a(etf_term message)
{
    etf_term what, reply;
    etf_pid from;

    w.heard++;
    if (etf_match(message, "{'$gen_cast', _}", &what)) {
        assert_true(global__cast(&w.bed.g, what));
    } else if (etf_match(message, "{'$gen_call', {_, __}, _}", &from, &what)) {
        assert_true(global__call(&w.bed.g, from, what, &reply));
        assert_true(etf_same(reply, ETF_A(true)) ||
                    etf_same(reply, ETF_A(yes)));
    } else {
        assert_true(global__info(&w.bed.g, message));
    }
}

static void replay(const struct json_value *packet)
{
    int64_t conn = json_get_number(packet, "conn");
    const char *op = json_get_text(packet, "op");
    const char *phase = json_get_text(packet, "phase");
    size_t other = conn == 5 ? 0 : 1;
    etf_term message, control;
    bool from;

    if (phase == NULL || strcmp(phase, "connected") != 0 || conn == 9)
        return; /* conn 9: b and c */
    if (!w.up[other]) {
        w.up[other] = true;
        global__nodeup(&w.bed.g, etf_atom(others[other]), 1);
    }
    if (op == NULL || strcmp(op, "REG_SEND") != 0)
        return;
    control = parse(json_get_text(packet, "control"));
    if (!etf_atom_is(etf_tuple_items(control)[3], "global_name_server"))
        return;
    /* a dialled b, and c dialled a */
    from = (strcmp(json_get_text(packet, "dir"), "c2s") == 0) == (conn == 5);
    message = with_pids(parse(json_get_text(packet, "message")), 0);
    if (from)
        from_a(other, message);
    else
        to_a(message);
}

static void ours_says_what_the_recorded_one_said(void **state)
{
    struct json_doc *doc = json_doc_open(FILE_NAME);
    const struct json_value *section =
        json_get(json_doc_root(doc), "sections")->first;

    (void)state;
    bed_begin(&w.bed, "a@vm");
    w.bed.acts.send = send_act;
    w.bed.acts.tell_locker = locker_act;
    w.bed.g.locker = (etf_pid){ .id = 56 };
    w.bed.g.creation = 1403670347206692533; /* as a's in the recording */
    w.bed.g.next_tag = -576460752303423486;
    w.bed.g.next_op = -576460752303423484;
    for (; section != NULL; section = section->next) {
        const struct json_value *packet = json_get(section, "packets")->first;
        bool leaves =
            strstr(json_get_text(section, "section"), "disconnect") != NULL;

        for (; packet != NULL; packet = packet->next) {
            if (leaves && w.up[0] &&
                global__peer_get(&w.bed.g.peers, etf_atom("b@vm")) != NULL)
                global__nodedown(&w.bed.g, etf_atom("b@vm"));
            replay(packet);
        }
    }
    for (size_t to = 0; to < 2; to++) {
        for (size_t i = 0; i < w.recorded[to].count; i++) {
            assert_true(i < w.ours[to].count);
            assert_string_equal(w.ours[to].texts[i], w.recorded[to].texts[i]);
        }
        assert_int_equal(w.ours[to].count, w.recorded[to].count);
    }
    assert_int_equal(w.recorded[0].count, 5);
    assert_int_equal(w.recorded[1].count, 6);
    assert_true(w.heard > 20);
    bed_end(&w.bed);
    json_doc_close(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_says_what_the_recorded_one_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

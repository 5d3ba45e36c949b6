/*
 * Recorded connections of real nodes, packet by packet: each one parses to the
 * signal and the text that were recorded, and what we write for that signal is
 * the same control message and message again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <control.h>
#include <flags.h>
#include <handshake.h>
#include <packet.h>

#include "../json_doc.h"

#define CONNS_MAX 64

/* One direction of a connection, as its receiver keeps it. */
struct side {
    struct etf_self self; /* the receiver */
    struct node__in in;
    uint64_t offer;
};

struct conn {
    struct side c2s, s2c;
    uint64_t flags;
};

struct replay {
    struct conn *conns[CONNS_MAX];
    struct etf_region *region;
    unsigned messages, rewritten, fragments, ticks, refused;
};

static struct conn *conn_of(struct replay *r, const struct json_value *packet)
{
    int64_t n = json_get_number(packet, "conn");

    assert_in_range(n, 0, CONNS_MAX - 1);
    if (r->conns[n] == NULL)
        r->conns[n] = calloc(1, sizeof *r->conns[n]);
    assert_non_null(r->conns[n]);
    return r->conns[n];
}

static bool is(const struct json_value *packet, const char *key,
               const char *text)
{
    const char *have = json_get_text(packet, key);

    return have != NULL && strcmp(have, text) == 0;
}

/* The names, creations and flags of both. */
static void learn(struct conn *conn, const struct json_value *packet)
{
    struct side *side;

    if (is(packet, "kind", "send_name"))
        side = &conn->s2c; /* who receives s2c is who speaks now */
    else if (is(packet, "kind", "challenge"))
        side = &conn->c2s;
    else
        return;
    side->self.name = etf_atom(json_get_text(packet, "name"));
    side->self.creation = (uint32_t)json_get_number(packet, "creation");
    side->offer =
        node__flags_expand(strtoull(json_get_text(packet, "flags"), NULL, 16));
    conn->flags = conn->c2s.offer & conn->s2c.offer;
    conn->c2s.in.flags = conn->s2c.in.flags = conn->flags;
}

/* ---- Texts of the recordings -------------------------------------------- */

/* OTP 26 and later send a map's pairs in an order of their own, and the
 * recording has that; ours is the order of the keys. So texts with maps are
 * compared as bags of bytes. */
static void assert_same_letters(const char *a, const char *b)
{
    int bag[256] = { 0 }, i;

    for (; *a != '\0'; a++)
        bag[(uint8_t)*a]++;
    for (; *b != '\0'; b++)
        bag[(uint8_t)*b]--;
    for (i = 0; i < 256; i++)
        assert_int_equal(bag[i], 0);
}

static void assert_text(etf_term t, const struct etf_self *self,
                        const char *expected)
{
    const struct etf_print_options options = { .style = ETF_STYLE_TW,
                                               .full_ids = true,
                                               .self = self };
    struct etf_buffer text = { 0 };
    const char *cut = strstr(expected, "...(");

    assert_int_equal(etf_print(&text, t, &options), AGNER_OK);
    assert_int_equal(etf_buffer_add(&text, "", 1), AGNER_OK);
    if (cut != NULL)
        assert_memory_equal(text.data, expected, (size_t)(cut - expected));
    else if (strstr(expected, "#{") != NULL)
        assert_same_letters((char *)text.data, expected);
    else
        assert_string_equal((char *)text.data, expected);
    etf_buffer_fini(&text);
}

static etf_term pid_or_name(struct etf_region *r, etf_pid pid, etf_term name)
{
    return etf_is_none(name) ? etf_from_pid(r, pid) : name;
}

/* The control tuple that the signal came from, by the recorded number. Trace
 * tokens and old cookies are not in a signal: what the recording has. */
static etf_term control_of(struct etf_region *r, const struct rt_signal *s,
                           etf_term recorded)
{
    const etf_term *was = etf_tuple_items(recorded);
    etf_term from = etf_from_pid(r, s->from), to = etf_from_pid(r, s->to);
    etf_term e[8] = { was[0] };
    size_t i, n = etf_tuple_size(recorded);
    int64_t op;

    assert_true(etf_get_int(was[0], &op));
    for (i = 1; i < n; i++)
        e[i] = was[i];
    switch (op) {
    case 2:
    case 12:
        e[2] = to;
        break;
    case 6:
    case 16:
        e[1] = from;
        e[3] = s->name;
        break;
    case 19:
    case 20:
        e[1] = from;
        e[2] = pid_or_name(r, s->to, s->name);
        e[3] = etf_from_ref(r, s->ref);
        break;
    case 21:
    case 28:
        e[1] = pid_or_name(r, s->from, s->name);
        e[2] = to;
        e[3] = etf_from_ref(r, s->ref);
        break;
    case 33:
    case 34:
        e[1] = from;
        e[2] = etf_from_ref(r, s->ref);
        break;
    case 35:
    case 36:
        e[1] = etf_uint(r, s->id);
        e[2] = from;
        e[3] = to;
        break;
    default:
        e[1] = from;
        e[2] = to;
        break;
    }
    if (op == 3 || op == 8 || op == 13 || op == 18 || op == 21)
        e[n - 1] = s->payload;
    return etf_tuple(r, e, n);
}

/* ---- Writing it again ------------------------------------------------------
 */

static bool is_traced(int64_t op)
{
    return op == 12 || op == 13 || op == 16 || op == 18 || op == 23 ||
           op == 25 || op == 27 || op == 30 || op == 32 || op == 34;
}

/* Our own bytes for the signal are those terms again. */
static void write_again(struct replay *r, struct conn *conn, struct side *side,
                        const struct rt_signal *signal, etf_term control)
{
    struct etf_encode_options options = { .self = &side->self };
    struct etf_decode_options read = { .self = &side->self };
    struct etf_buffer terms = { 0 };
    size_t control_size, used;
    etf_term again, message;

    assert_int_equal(node__control_encode(&terms, signal, conn->flags, &options,
                                          &control_size),
                     AGNER_OK);
    assert_int_equal(etf_decode(r->region, terms.data, terms.size, &read,
                                &again, &used, NULL),
                     AGNER_OK);
    assert_int_equal(used, control_size);
    assert_true(etf_equal(again, control));
    if (used < terms.size) {
        assert_int_equal(etf_decode(r->region, terms.data + used,
                                    terms.size - used, &read, &message, NULL,
                                    NULL),
                         AGNER_OK);
        assert_true(etf_equal(message, signal->payload));
    }
    etf_buffer_fini(&terms);
    r->rewritten++;
}

/* ---- A packet --------------------------------------------------------------
 */

static void check_message(struct replay *r, struct conn *conn,
                          struct side *side, struct side *other,
                          struct node__arrived *arrived,
                          const struct json_value *packet)
{
    const struct node__control_peer peer = { .name = other->self.name,
                                             .flags = conn->flags,
                                             .self = &side->self };
    const struct etf_decode_options options = {
        .self = &side->self,
        .cache = arrived->atoms,
        .cache_count = arrived->atom_count,
    };
    size_t skip = arrived->pass_through ? 1 : 0;
    struct rt_signal signal;
    enum node__verdict verdict;
    struct agner_error error = { .text = "" };
    etf_term control;
    int64_t op;

    if (node__control_decode(arrived, &peer, r->region, &signal, &verdict,
                             &error) != AGNER_OK)
        fail_msg("packet %d: %s", (int)json_get_number(packet, "n"),
                 error.text);
    assert_int_equal(etf_decode(r->region, arrived->terms + skip,
                                arrived->size - skip, &options, &control, NULL,
                                NULL),
                     AGNER_OK);
    assert_true(etf_get_int(etf_tuple_items(control)[0], &op));
    assert_text(control, &side->self, json_get_text(packet, "control"));
    r->messages++;
    if (op == 29 || op == 30) {
        assert_int_equal(verdict, NODE__REFUSE_SPAWN);
        assert_true(etf_equal(etf_from_ref(r->region, signal.ref),
                              etf_tuple_items(control)[1]));
        assert_true(etf_equal(etf_from_pid(r->region, signal.from),
                              etf_tuple_items(control)[2]));
        r->refused++;
        return;
    }
    if (op == 31 || op == 32) {
        assert_int_equal(verdict, NODE__IGNORE);
        return;
    }
    if (verdict != NODE__DELIVER)
        fail_msg("packet %d is not delivered",
                 (int)json_get_number(packet, "n"));
    assert_true(etf_equal(control_of(r->region, &signal, control), control));
    if (json_get_text(packet, "message") != NULL)
        assert_text(signal.payload, &side->self,
                    json_get_text(packet, "message"));
    if (!is_traced(op) && !(op == 4 && (conn->flags & NODE__FLAG_UNLINK_ID)))
        write_again(r, conn, side, &signal, control);
    etf_box_free(signal.box);
}

static void check_packet(struct replay *r, struct conn *conn,
                         const struct json_value *packet)
{
    bool c2s = is(packet, "dir", "c2s");
    struct side *side = c2s ? &conn->c2s : &conn->s2c;
    struct node__arrived arrived;
    struct agner_error error;
    size_t size;
    uint8_t *bytes = json_doc_hex(json_get_text(packet, "hex"), &size);

    assert_true(size >= 4);
    if (node__packet_read(&side->in, bytes + 4, size - 4, &arrived, &error) !=
        AGNER_OK)
        fail_msg("packet %d: %s", (int)json_get_number(packet, "n"),
                 error.text);
    if (is(packet, "kind", "tick")) {
        assert_null(arrived.terms);
        r->ticks++;
    } else if (is(packet, "kind", "message")) {
        assert_non_null(arrived.terms);
        check_message(r, conn, side, c2s ? &conn->s2c : &conn->c2s, &arrived,
                      packet);
    } else {
        assert_null(arrived.terms);
        r->fragments++;
    }
    node__arrived_fini(&arrived);
    etf_region_reset(r->region);
    free(bytes);
}

static void replay_packet(struct replay *r, const struct json_value *packet)
{
    if (is(packet, "phase", "handshake"))
        learn(conn_of(r, packet), packet);
    else if (is(packet, "phase", "connected") &&
             json_get_text(packet, "hex") != NULL)
        check_packet(r, conn_of(r, packet), packet);
}

static struct replay replay(const char *name)
{
    struct replay r = { .region = etf_region_new(0) };
    const struct json_value *section, *packet;
    struct json_doc *doc;
    char path[512];
    size_t i;

    (void)snprintf(path, sizeof path, VECTORS "/%s.json.gz", name);
    doc = json_doc_open(path);
    section = json_get(json_doc_root(doc), "sections")->first;
    for (; section != NULL; section = section->next)
        for (packet = json_get(section, "packets")->first; packet != NULL;
             packet = packet->next)
            replay_packet(&r, packet);
    for (i = 0; i < CONNS_MAX; i++)
        if (r.conns[i] != NULL) {
            assert_int_equal(r.conns[i]->c2s.in.sequences.count, 0);
            assert_int_equal(r.conns[i]->s2c.in.sequences.count, 0);
            assert_int_equal(r.conns[i]->c2s.in.sequences.bytes, 0);
            node__in_fini(&r.conns[i]->c2s.in);
            node__in_fini(&r.conns[i]->s2c.in);
            free(r.conns[i]);
        }
    json_doc_close(doc);
    etf_region_free(r.region);
    return r;
}

static void every_ordinary_operation_between_real_nodes(void **state)
{
    static const char *const names[] = {
        "channel_control",
        "channel_control_otp23_to_otp25",
        "channel_control_otp25_to_otp27",
        "channel_control_otp27",
    };
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        struct replay r = replay(names[i]);

        assert_true(r.messages > 150);
        assert_true(r.rewritten > 120);
        assert_true(r.refused > 10);
    }
}

static void operations_with_trace_tokens(void **state)
{
    struct replay r = replay("channel_trace");

    (void)state;
    assert_true(r.messages > 20);
    assert_true(r.refused > 0);
}

static void fragments_interleaved_and_300_atoms_in_a_message(void **state)
{
    struct replay r = replay("channel_fragments");

    (void)state;
    assert_true(r.fragments > 10);
    assert_true(r.messages > 60);
}

static void ticks(void **state)
{
    struct replay r = replay("channel_ticks");

    (void)state;
    assert_true(r.ticks > 5);
}

static void the_form_without_header(void **state)
{
    struct replay nohdr = replay("passthrough_nohdr");
    struct replay minimal = replay("passthrough_minimal");

    (void)state;
    assert_true(nohdr.messages > 10);
    assert_true(minimal.messages > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ordinary_operation_between_real_nodes),
        cmocka_unit_test(operations_with_trace_tokens),
        cmocka_unit_test(fragments_interleaved_and_300_atoms_in_a_message),
        cmocka_unit_test(ticks),
        cmocka_unit_test(the_form_without_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

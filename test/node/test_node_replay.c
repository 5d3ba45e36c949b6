/*
 * Recorded connections of real nodes, packet by packet: each one parses to the
 * signal and the text that were recorded, and what we write for that signal is
 * the same bytes again, given the same places in the atom cache. Every packet
 * of every recording counts: the sums at the end are those of the files.
 * test_node_handshake.c replays the recorded handshakes, test_node_epmd.c epmd.
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
#define ATOMS_MAX 16384
#define COOKIE    "secret" /* of all recordings */

/* One direction of a connection, as its receiver keeps it. */
struct side {
    struct etf_self self; /* the receiver */
    struct etf_atom_budget budget;
    struct node__in in;
    uint64_t offer;
};

struct conn {
    struct side c2s, s2c;
    uint64_t flags;
    uint32_t challenge; /* the last, which the next digest answers */
};

struct replay {
    struct conn *conns[CONNS_MAX];
    struct etf_region *region;
    unsigned handshake, messages, fragments, ticks; /* packets, by kind */
    unsigned digests, rewritten, other_bytes, read_only;
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

/* A digest is the cookie's and the last challenge's. */
static void check_digest(struct replay *r, struct conn *conn,
                         const struct json_value *packet)
{
    const char *hex = json_get_text(packet, "digest");
    uint8_t digest[NODE__MD5_SIZE], *recorded;
    size_t size;

    if (hex != NULL) {
        recorded = json_doc_hex(hex, &size);
        node__handshake_digest(COOKIE, strlen(COOKIE), conn->challenge, digest);
        assert_int_equal(size, sizeof digest);
        assert_memory_equal(recorded, digest, size);
        free(recorded);
        r->digests++;
    }
    if (json_get(packet, "challenge") != NULL)
        conn->challenge = (uint32_t)json_get_number(packet, "challenge");
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
    side->budget.left = ATOMS_MAX;
    side->in.budget = &side->budget;
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
    case 29:
    case 30:
        e[1] = etf_from_ref(r, s->ref);
        e[2] = from;
        e[3] = etf_tuple_items(s->call)[1];
        e[4] = etf_tuple_items(s->call)[0];
        e[5] = etf_tuple_items(s->call)[2];
        break;
    case 31:
    case 32:
        e[1] = etf_from_ref(r, s->ref);
        e[2] = to;
        e[3] = etf_uint(r, s->id);
        e[4] = s->payload;
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

/* For a struct etf_atom_cache: the places that the recorded packet has. */
static int index_of(void *ctx, etf_term atom)
{
    const struct node__arrived *arrived = ctx;
    unsigned i;

    for (i = 0; i < arrived->atom_count; i++)
        if (etf_equal(arrived->atoms[i], atom))
            return (int)i;
    return -1;
}

/* May our bytes for this message be others? OTP 26 and later send a map's pairs
 * in an order of their own, ours being that of the keys; and OTP 27 writes
 * every port in the form for large numbers. */
static bool may_differ(const struct json_value *packet)
{
    const char *text = json_get_text(packet, "message");

    return strstr(text, "#{") != NULL || strstr(text, "#port(") != NULL;
}

/* Our payload is the recorded one, `bytes`, or at least the same term. */
static void compare_payload(struct replay *r, const struct side *side,
                            const struct rt_signal *signal,
                            const struct node__arrived *arrived,
                            const uint8_t *bytes, const uint8_t *ours,
                            size_t size, const struct json_value *packet)
{
    const struct etf_decode_options options = {
        .self = &side->self,
        .cache = arrived->atoms,
        .cache_count = arrived->atom_count,
    };
    etf_term again;

    if ((size_t)(arrived->terms + arrived->size - bytes) == size &&
        memcmp(ours, bytes, size) == 0)
        return;
    assert_true(may_differ(packet));
    assert_int_equal(
        etf_decode(r->region, ours, size, &options, &again, NULL, NULL),
        AGNER_OK);
    assert_true(etf_equal(again, signal->payload));
    r->other_bytes++;
}

/* Our own bytes for the signal are the recorded ones. */
static void write_again(struct replay *r, struct conn *conn, struct side *side,
                        const struct rt_signal *signal,
                        struct node__arrived *arrived,
                        const struct json_value *packet)
{
    struct etf_atom_cache cache = { index_of, arrived };
    struct etf_encode_options options = { .self = &side->self,
                                          .cache = &cache };
    size_t skip = arrived->pass_through ? 1 : 0; /* the 131 of each term */
    struct etf_buffer terms = { 0 };
    size_t control_size;

    assert_int_equal(node__control_encode(&terms, signal, conn->flags, &options,
                                          &control_size),
                     AGNER_OK);
    assert_memory_equal(terms.data, arrived->terms + skip, control_size);
    if (terms.size > control_size)
        compare_payload(
            r, side, signal, arrived, arrived->terms + control_size + 2 * skip,
            terms.data + control_size, terms.size - control_size, packet);
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
                                             .self = &side->self,
                                             .budget = &side->budget };
    const struct etf_decode_options options = {
        .self = &side->self,
        .budget = &side->budget,
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
    if (verdict != NODE__DELIVER)
        fail_msg("packet %d is not delivered",
                 (int)json_get_number(packet, "n"));
    assert_true(etf_equal(control_of(r->region, &signal, control), control));
    if (json_get_text(packet, "message") != NULL)
        assert_text(signal.payload, &side->self,
                    json_get_text(packet, "message"));
    if (is_traced(op) || (op == 4 && (conn->flags & NODE__FLAG_UNLINK_ID)))
        r->read_only++; /* forms that we never write */
    else
        write_again(r, conn, side, &signal, arrived, packet);
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
    if (is(packet, "phase", "handshake")) {
        struct conn *conn = conn_of(r, packet);

        r->handshake++;
        check_digest(r, conn, packet);
        learn(conn, packet);
    } else if (is(packet, "phase", "connected")) {
        check_packet(r, conn_of(r, packet), packet);
    }
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

/* What each file has, counted apart from this program. */
static const struct recording {
    const char *name;
    unsigned handshake, messages, fragments, ticks, digests;
} recordings[] = {
    { "channel_control", 5, 202, 0, 0, 2 },
    { "channel_control_otp23_to_otp25", 5, 184, 0, 0, 2 },
    { "channel_control_otp25_to_otp27", 5, 202, 0, 0, 2 },
    { "channel_control_otp27", 5, 202, 0, 0, 2 },
    { "channel_fragments", 5, 119, 16, 0, 2 },
    { "channel_global3", 15, 186, 0, 0, 6 },
    { "channel_services", 5, 422, 0, 0, 2 },
    { "channel_ticks", 5, 39, 0, 14, 2 },
    { "channel_trace", 5, 82, 0, 0, 2 },
    { "passthrough_minimal", 5, 41, 0, 0, 2 },
    { "passthrough_nohdr", 5, 44, 0, 0, 2 },
};

static void every_packet_of_every_recording(void **state)
{
    unsigned all = 0, rewritten = 0, others = 0;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof recordings / sizeof recordings[0]; i++) {
        const struct recording *have = &recordings[i];
        struct replay r = replay(have->name);

        assert_int_equal(r.handshake, have->handshake);
        assert_int_equal(r.digests, have->digests);
        assert_int_equal(r.messages, have->messages);
        assert_int_equal(r.fragments, have->fragments);
        assert_int_equal(r.ticks, have->ticks);
        all += r.handshake + r.messages + r.fragments + r.ticks;
        rewritten += r.rewritten;
        others += r.other_bytes;
        assert_int_equal(r.rewritten + r.read_only, r.messages);
    }
    assert_int_equal(all, 1818);
    print_message("%u packets, %u written again, %u of them in other bytes\n",
                  all, rewritten, others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_of_every_recording),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Packets: the header and its atom cache, fragments, their limits and what
 * hostile bytes do to them (B-DST-7, B-DST-11, B-DST-12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flags.h>
#include <packet.h>

#define BOTH (NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS)

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* The numbered atom of a family; every 50th is long, every 120th is 255
 * characters of three bytes. */
static etf_term atom_number(unsigned n)
{
    char text[1024];
    int size = snprintf(text, sizeof text, "atom_%u", n);

    if (n % 120 == 7)
        for (size = 0; size < 3 * 250; size += 3)
            memcpy(text + size, "\xe2\x82\xac", 3);
    else if (n % 50 == 3)
        for (; size < 240; size++)
            text[size] = 'x';
    if (n % 120 == 7)
        size += snprintf(text + size, 6, "%u", n);
    return etf_atom_n(text, (size_t)size);
}

/* ---- A sender and a receiver -------------------------------------------- */

struct line {
    struct node__cache_out cache;
    struct node__in in;
    struct etf_region *region;
    uint64_t flags;
};

static void line_init(struct line *l, uint64_t flags)
{
    memset(l, 0, sizeof *l);
    l->flags = l->in.flags = flags;
    l->region = etf_region_new(0);
    assert_non_null(l->region);
}

static void line_fini(struct line *l)
{
    node__in_fini(&l->in);
    etf_region_free(l->region);
}

static size_t packet_size(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 |
           (size_t)bytes[2] << 8 | bytes[3];
}

/* Encodes `t` as a control message, with another as its message unless NONE. */
static struct node__message encode(struct etf_buffer *terms,
                                   struct node__atoms *atoms, uint64_t flags,
                                   etf_term control, etf_term message)
{
    const struct etf_self self = { .name = etf_atom("us@h"), .creation = 1 };
    const struct etf_atom_cache cache = { node__atoms_index, atoms };
    const struct etf_encode_options options = {
        .self = &self,
        .cache = flags & NODE__FLAG_DIST_HDR_ATOM_CACHE ? &cache : NULL,
    };
    struct node__message m = { 0 };

    node__atoms_init(atoms);
    assert_int_equal(etf_encode(terms, control, &options), AGNER_OK);
    m.control_size = terms->size;
    if (!etf_is_none(message))
        assert_int_equal(etf_encode(terms, message, &options), AGNER_OK);
    m.terms = terms->data;
    m.size = terms->size;
    m.atoms = options.cache != NULL ? atoms : NULL;
    return m;
}

/* The complete message has these terms. */
static void check_arrived(struct line *l, struct node__arrived *a,
                          etf_term control, etf_term message)
{
    const struct etf_decode_options options = { .cache = a->atoms,
                                                .cache_count = a->atom_count };
    const uint8_t *next = a->terms + a->pass_through;
    size_t left = a->size - a->pass_through, used;
    struct agner_error error;
    etf_term t;

    if (etf_decode(l->region, next, left, &options, &t, &used, &error) !=
        AGNER_OK)
        fail_msg("control: %s", error.text);
    assert_true(etf_equal(t, control));
    next += used;
    left -= used;
    if (!etf_is_none(message)) {
        next += a->pass_through;
        left -= a->pass_through;
        assert_int_equal(
            etf_decode(l->region, next, left, &options, &t, &used, &error),
            AGNER_OK);
        assert_true(etf_equal(t, message));
        left -= used;
    }
    assert_int_equal(left, 0);
}

/* Sends one message over the line, all fragments in turn. Returns how many
 * packets it took. */
static unsigned send_over(struct line *l, etf_term control, etf_term message,
                          size_t fragment_size, uint64_t sequence)
{
    struct etf_buffer terms = { 0 }, out = { 0 };
    struct node__atoms atoms;
    struct node__message m = encode(&terms, &atoms, l->flags, control, message);
    struct node__arrived arrived;
    struct node__rest rest;
    struct agner_error error;
    unsigned packets = 0;
    size_t at = 0;

    assert_int_equal(node__packet_first(&out, l->flags, &l->cache, &m,
                                        fragment_size, sequence, &rest),
                     AGNER_OK);
    while (rest.left > 0)
        assert_int_equal(node__packet_further(&out, &rest), AGNER_OK);
    while (at < out.size) {
        size_t size = packet_size(out.data + at);

        packets++;
        if (node__packet_read(&l->in, out.data + at + 4, size, &arrived,
                              &error) != AGNER_OK)
            fail_msg("packet %u: %s", packets, error.text);
        at += 4 + size;
        if (at < out.size)
            assert_null(arrived.terms);
        else
            check_arrived(l, &arrived, control, message);
        node__arrived_fini(&arrived);
    }
    assert_int_equal(at, out.size);
    assert_int_equal(l->in.sequences.count, 0);
    etf_buffer_fini(&terms);
    etf_buffer_fini(&out);
    return packets;
}

static etf_term list_of_atoms(struct line *l, uint64_t *seed, unsigned family,
                              unsigned count)
{
    etf_term list = etf_nil();

    while (count-- > 0)
        list =
            etf_cons(l->region,
                     atom_number((unsigned)(next_random(seed) % family)), list);
    return list;
}

/* ---- The atom cache ---------------------------------------------------------
 */

/* More atoms than slots, so that they push each other out; every kind of
 * length. */
static void atoms_survive_the_cache_whatever_they_collide_with(void **state)
{
    static const uint64_t forms[] = { 0, NODE__FLAG_FRAGMENTS,
                                      NODE__FLAG_DIST_HDR_ATOM_CACHE, BOTH };
    uint64_t seed = 88172645463325252u;
    size_t form;
    unsigned round;

    (void)state;
    for (form = 0; form < 4; form++) {
        struct line l;

        line_init(&l, forms[form]);
        for (round = 0; round < 150; round++) {
            unsigned count = (unsigned)(next_random(&seed) % 60);

            (void)send_over(&l, list_of_atoms(&l, &seed, 3000, 3),
                            list_of_atoms(&l, &seed, 3000, count), 0, 1);
            etf_region_reset(l.region);
        }
        line_fini(&l);
    }
}

static void spells_out_what_is_over_255_atoms(void **state)
{
    struct node__atoms atoms;
    etf_term list = etf_nil();
    struct line l;
    unsigned i;

    (void)state;
    line_init(&l, BOTH);
    for (i = 0; i < 300; i++)
        list = etf_cons(l.region, atom_number(i), list);
    for (i = 0; i < 3; i++)
        (void)send_over(&l, etf_nil(), list, 0, 1);
    node__atoms_init(&atoms);
    for (i = 0; i < 3000; i++) {
        int index = node__atoms_index(&atoms, atom_number(i));

        assert_in_range(index + 1, 0, NODE__ATOMS_MAX);
    }
    assert_int_equal(atoms.count, NODE__ATOMS_MAX);
    line_fini(&l);
}

static void numbers_each_atom_once(void **state)
{
    struct node__atoms atoms;
    etf_term ok = ETF_A(ok), error = ETF_A(error);

    (void)state;
    node__atoms_init(&atoms);
    assert_int_equal(node__atoms_index(&atoms, ok), 0);
    assert_int_equal(node__atoms_index(&atoms, error), 1);
    assert_int_equal(node__atoms_index(&atoms, ok), 0);
    node__atoms_init(&atoms);
    assert_int_equal(node__atoms_index(&atoms, error), 0);
    assert_int_equal(atoms.count, 1);
}

static bool same_slot(etf_term a, etf_term b)
{
    struct node__atoms atoms;

    node__atoms_init(&atoms);
    (void)node__atoms_index(&atoms, a);
    return node__atoms_index(&atoms, b) < 0;
}

/* The second atom of a slot is spelled out: within a packet no slot changes. */
static void numbers_no_two_atoms_of_one_slot(void **state)
{
    etf_term ok = ETF_A(ok), rival = ok;
    struct node__atoms atoms;
    unsigned i;

    (void)state;
    for (i = 0; etf_same(rival, ok) || !same_slot(ok, rival); i++)
        rival = atom_number(i);
    node__atoms_init(&atoms);
    assert_int_equal(node__atoms_index(&atoms, ok), 0);
    assert_int_equal(node__atoms_index(&atoms, rival), -1);
    assert_int_equal(node__atoms_index(&atoms, ETF_A(error)), 1);
    node__atoms_init(&atoms);
    assert_int_equal(node__atoms_index(&atoms, rival), 0);
    assert_int_equal(node__atoms_index(&atoms, ok), -1);
}

/* Whatever atoms there were before: which slot it is follows from the text. */
static void a_slot_follows_from_the_text(void **state)
{
    struct node__cache_out *cache = calloc(1, sizeof *cache);
    struct node__atoms atoms;
    uint8_t header[64];

    (void)state;
    node__atoms_init(&atoms);
    (void)node__atoms_index(&atoms, etf_atom("sim_text"));
    /* count, flags for 2 fields, slot, length, text */
    assert_int_equal(node__disthdr_write(cache, &atoms, header),
                     1 + 1 + 1 + 1 + 8);
    assert_int_equal(header[2] | (header[1] & 7) << 8, 281);
    free(cache);
}

static void writes_an_atom_s_text_only_once(void **state)
{
    struct node__cache_out *cache = calloc(1, sizeof *cache);
    struct node__atoms atoms;
    uint8_t header[64];

    (void)state;
    node__atoms_init(&atoms);
    (void)node__atoms_index(&atoms, ETF_A(ok));
    (void)node__atoms_index(&atoms, ETF_A(error));
    /* count, flags for 3 fields, slot 2 + length 1 + text, the same */
    assert_int_equal(node__disthdr_write(cache, &atoms, header),
                     1 + 2 + (2 + 2) + (2 + 5));
    assert_int_equal(node__disthdr_write(cache, &atoms, header), 1 + 2 + 1 + 1);
    free(cache);
}

/* B-DST-11 */
static void B_DST_11_refuses_headers_that_lie(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        { "", 0, "no header" },
        { "\1", 1, "flags" },
        { "\xff", 1, "flags of 255" },
        { "\1\0", 2, "reference 0" },
        { "\1\0\5", 3, "empty" },
        { "\1\x08\5", 3, "length" },
        { "\1\x08\5\3ab", 6, "inside an atom" },
        { "\1\x18\5\0", 4, "length" },
        { "\1\x18\5\xff\xff"
          "ab",
          7, "inside an atom" },
        { "\1\x08\5\1\xff", 5, "UTF-8" },
        { "\1\x08\5\2\xc0\x80", 6, "UTF-8" },
        { "\2\x08\0\5\1a\6", 7, "empty" },
        { "\2\x08\0\5\1a", 6, "reference 1" },
    };
    struct line l;
    size_t i;

    (void)state;
    line_init(&l, BOTH);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct node__refs refs;
        struct agner_error error;
        size_t used;

        assert_int_equal(node__disthdr_read(
                             &l.in.cache, NULL, (const uint8_t *)cases[i].bytes,
                             cases[i].size, &refs, &used, &error),
                         AGNER_EPROTO);
        assert_non_null(strstr(error.text, cases[i].why));
        node__cache_in_fini(&l.in.cache);
    }
    line_fini(&l);
}

/* B-DST-11: an atom of 256 characters is none, though its bytes are all there.
 */
static void refuses_an_atom_of_256_characters(void **state)
{
    uint8_t bytes[3 + 2 + 256] = { 1, 0x18, 5, 1, 0 };
    struct node__refs refs;
    struct agner_error error;
    struct line l;
    size_t used;

    (void)state;
    line_init(&l, BOTH);
    memset(bytes + 5, 'x', 256);
    assert_int_equal(node__disthdr_read(&l.in.cache, NULL, bytes, sizeof bytes,
                                        &refs, &used, &error),
                     AGNER_EPROTO);
    bytes[3] = 0;
    bytes[4] = 255;
    assert_int_equal(node__disthdr_read(&l.in.cache, NULL, bytes,
                                        sizeof bytes - 1, &refs, &used, &error),
                     AGNER_OK);
    assert_int_equal(used, sizeof bytes - 1);
    assert_int_equal(etf_atom_text(refs.atoms[0]).size, 255);
    line_fini(&l);
}

/* B-DST-11: a new entry over an old one, twice in one packet too. What is not
 * interned lives as long as the packet's references. */
static void B_DST_11_a_new_entry_replaces_an_old_one(void **state)
{
    static const uint8_t packet[] = { 4, 0x88, 0x80, 0, /* new, new, old, new */
                                      9, 6,    'u',  'n', 'k', 'n', 'w', '1', 9,
                                      6, 'u',  'n',  'k', 'n', 'w', '2', 9,   9,
                                      6, 'u',  'n',  'k', 'n', 'w', '3' };
    struct etf_atom_budget nothing = { 0 };
    struct node__refs refs;
    struct line l;
    unsigned i;
    size_t used;
    uint32_t atoms = etf_atom_count();

    (void)state;
    line_init(&l, BOTH);
    for (i = 0; i < 3; i++) {
        assert_int_equal(node__disthdr_read(&l.in.cache, &nothing, packet,
                                            sizeof packet, &refs, &used, NULL),
                         AGNER_OK);
        assert_int_equal(used, sizeof packet);
        assert_int_equal(refs.count, 4);
        assert_true(etf_atom_is(refs.atoms[0], "unknw1"));
        assert_true(etf_atom_is(refs.atoms[1], "unknw2"));
        assert_true(etf_atom_is(refs.atoms[2], "unknw2"));
        assert_true(etf_atom_is(refs.atoms[3], "unknw3"));
    }
    assert_int_equal(etf_atom_count(), atoms);
    line_fini(&l);
}

/* ---- Fragments
 * ---------------------------------------------------------------- */

static void cuts_after_65536_bytes_of_terms(void **state)
{
    static const struct {
        size_t binary; /* bytes; 5 more for its tag, 1 for the control's nil */
        unsigned packets;
    } cases[] = {
        { 65536 - 6, 1 },     { 65536 - 5, 2 },       { 2 * 65536 - 6, 2 },
        { 2 * 65536 - 5, 3 }, { 10 * 65536 - 6, 10 },
    };
    uint8_t *bytes = calloc(10, 65536);
    struct line l;
    size_t i;

    (void)state;
    line_init(&l, BOTH);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        etf_term binary = etf_binary(l.region, bytes, cases[i].binary);

        assert_int_equal(send_over(&l, etf_nil(), binary, 0, i),
                         cases[i].packets);
    }
    line_fini(&l);
    /* Not agreed: in one piece, however large. */
    line_init(&l, NODE__FLAG_DIST_HDR_ATOM_CACHE);
    assert_int_equal(
        send_over(&l, etf_nil(), etf_binary(l.region, bytes, 655360), 0, 1), 1);
    line_fini(&l);
    free(bytes);
}

static void cuts_at_any_size_and_never_the_control_message(void **state)
{
    uint64_t seed = 5;
    struct line l;
    size_t size;

    (void)state;
    line_init(&l, BOTH);
    for (size = 1; size < 400; size++) {
        (void)send_over(&l, list_of_atoms(&l, &seed, 50, 5),
                        list_of_atoms(&l, &seed, 400, 40), size, UINT64_MAX);
        etf_region_reset(l.region);
    }
    line_fini(&l);
}

/* Writing heads only, terms after them: the same bytes. */
static void heads_and_terms_make_the_same_packets(void **state)
{
    struct etf_buffer terms = { 0 }, whole = { 0 }, parts = { 0 };
    struct node__cache_out *cache = calloc(2, sizeof *cache);
    struct node__rest a, b;
    struct node__atoms atoms;
    struct node__message m;
    const uint8_t *next;
    uint64_t seed = 9;
    struct line l;
    size_t size;

    (void)state;
    line_init(&l, BOTH);
    m = encode(&terms, &atoms, BOTH, list_of_atoms(&l, &seed, 50, 5),
               list_of_atoms(&l, &seed, 50, 200));
    assert_int_equal(
        node__packet_first(&whole, BOTH, &cache[0], &m, 100, 3, &a), AGNER_OK);
    assert_int_equal(
        node__packet_first_head(&parts, BOTH, &cache[1], &m, 100, 3, &b, &size),
        AGNER_OK);
    assert_int_equal(etf_buffer_add(&parts, m.terms, size), AGNER_OK);
    while (a.left > 0) {
        assert_int_equal(node__packet_further(&whole, &a), AGNER_OK);
        assert_int_equal(node__packet_further_head(&parts, &b, &next, &size),
                         AGNER_OK);
        assert_int_equal(etf_buffer_add(&parts, next, size), AGNER_OK);
    }
    assert_int_equal(b.left, 0);
    assert_int_equal(whole.size, parts.size);
    assert_memory_equal(whole.data, parts.data, whole.size);
    line_fini(&l);
    free(cache);
    etf_buffer_fini(&terms);
    etf_buffer_fini(&whole);
    etf_buffer_fini(&parts);
}

/* A buffer that may not grow is memory that is out: nothing changes, and what
 * the peer is believed to have least of all. */
static void changes_nothing_when_there_is_no_room(void **state)
{
    struct etf_buffer terms = { 0 }, out = { .size_max = 40 };
    struct node__cache_out *cache = calloc(2, sizeof *cache);
    struct node__atoms atoms;
    struct node__message m;
    struct node__rest rest;
    uint64_t seed = 11;
    struct line l;

    (void)state;
    line_init(&l, BOTH);
    m = encode(&terms, &atoms, BOTH, list_of_atoms(&l, &seed, 50, 20),
               ETF_NONE);
    assert_int_equal(node__packet_first(&out, BOTH, &cache[0], &m, 0, 3, &rest),
                     AGNER_ELIMIT);
    assert_int_equal(out.size, 0);
    assert_memory_equal(&cache[0], &cache[1], sizeof cache[0]);
    line_fini(&l);
    free(cache);
    etf_buffer_fini(&terms);
    etf_buffer_fini(&out);
}

/* What follows its head is put where its message grows, and not moved: the same
 * message comes out. */
static void a_fragment_may_be_put_where_its_message_grows(void **state)
{
    struct etf_buffer terms = { 0 }, first = { 0 };
    struct node__arrived arrived = { .terms = NULL };
    struct node__atoms atoms;
    struct node__message m;
    struct node__rest rest;
    struct agner_error error;
    uint8_t bytes[3000], *place = NULL;
    struct line l;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i ^ i >> 8);
    line_init(&l, BOTH);
    m = encode(&terms, &atoms, BOTH, etf_nil(),
               etf_binary(l.region, bytes, sizeof bytes));
    assert_int_equal(
        node__packet_first(&first, BOTH, &l.cache, &m, 700, 3, &rest),
        AGNER_OK);
    assert_int_equal(node__packet_read(&l.in, first.data + 4, first.size - 4,
                                       &arrived, &error),
                     AGNER_OK);
    while (rest.left > 0) {
        struct etf_buffer head = { 0 };
        const uint8_t *next;
        size_t size;

        assert_null(arrived.terms);
        assert_int_equal(node__packet_further_head(&head, &rest, &next, &size),
                         AGNER_OK);
        assert_int_equal(head.size, 4 + NODE__FURTHER_HEAD);
        assert_true(node__packet_place(&l.in, head.data + 4,
                                       NODE__FURTHER_HEAD + size,
                                       &place) >= size);
        memcpy(place, next, size);
        assert_int_equal(node__packet_read_placed(&l.in, head.data + 4, place,
                                                  NODE__FURTHER_HEAD + size,
                                                  &arrived, &error),
                         AGNER_OK);
        if (rest.left == 0)
            assert_ptr_equal(arrived.terms + arrived.size, place + size);
        etf_buffer_fini(&head);
    }
    check_arrived(&l, &arrived, etf_nil(),
                  etf_binary(l.region, bytes, sizeof bytes));
    node__arrived_fini(&arrived);
    assert_int_equal(l.in.sequences.bytes, 0);
    line_fini(&l);
    etf_buffer_fini(&terms);
    etf_buffer_fini(&first);
}

/* ---- Hostile sequences
 * ------------------------------------------------------------ */

static size_t put_fragment(uint8_t *to, uint8_t form, uint64_t sequence,
                           uint64_t number)
{
    unsigned i;

    to[0] = 131;
    to[1] = form;
    for (i = 0; i < 8; i++) {
        to[2 + i] = (uint8_t)(sequence >> (56 - 8 * i));
        to[10 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
    if (form == 70)
        return 18;
    to[18] = 0; /* no atoms */
    to[19] = 106;
    return 20;
}

static enum agner_err hear(struct line *l, uint8_t form, uint64_t sequence,
                           uint64_t number)
{
    uint8_t packet[32];
    size_t size = put_fragment(packet, form, sequence, number);
    struct node__arrived arrived;
    struct agner_error error;
    enum agner_err err =
        node__packet_read(&l->in, packet, size, &arrived, &error);

    if (err == AGNER_OK)
        node__arrived_fini(&arrived);
    else
        assert_true(error.text[0] != '\0');
    return err;
}

static size_t place_for(struct line *l, uint8_t form, uint64_t sequence,
                        uint64_t number, size_t size)
{
    uint8_t head[32], *place;

    (void)put_fragment(head, form, sequence, number);
    return node__packet_place(&l->in, head, size, &place);
}

/* B-DST-12: what would be refused has no place, and none is kept for it. */
static void B_DST_12_only_the_next_fragment_has_a_place(void **state)
{
    struct line l;
    size_t bytes;

    (void)state;
    line_init(&l, BOTH);
    l.in.sequences.bytes_max = 10000;
    assert_int_equal(place_for(&l, 70, 1, 3, 100), 0); /* no start */
    assert_int_equal(hear(&l, 69, 1, 4), AGNER_OK);
    bytes = l.in.sequences.bytes;
    assert_true(place_for(&l, 70, 1, 3, 100) >= 100 - NODE__FURTHER_HEAD);
    assert_int_equal(place_for(&l, 69, 1, 3, 100), 0);
    assert_int_equal(place_for(&l, 68, 1, 3, 100), 0);
    assert_int_equal(place_for(&l, 70, 2, 3, 100), 0);   /* another's */
    assert_int_equal(place_for(&l, 70, 1, 2, 100), 0);   /* a gap */
    assert_int_equal(place_for(&l, 70, 1, 3, 17), 0);    /* no number */
    assert_int_equal(place_for(&l, 70, 1, 3, 10100), 0); /* too much */
    l.in.flags = NODE__FLAG_DIST_HDR_ATOM_CACHE;
    assert_int_equal(place_for(&l, 70, 1, 3, 100), 0);
    assert_int_equal(l.in.sequences.bytes, bytes);
    line_fini(&l);
}

/* ---- Memory that is read into again ---------------------------------------
 */

static void a_lent_blob_comes_back_when_nobody_refers_to_it(void **state)
{
    struct node__gather g = { 0 };
    struct node__lent lent = { 0 };
    struct etf_blob *blob;

    (void)state;
    assert_int_equal(node__gather_reserve(&g, 70000), AGNER_OK);
    blob = g.blob;
    etf__blob_hold(blob); /* a term */
    node__gather_clear(&g, 1 << 20, &lent);
    assert_null(g.blob);
    node__gather_reuse(&g, 60000, &lent);
    assert_null(g.blob); /* the term is still there */
    etf__blob_drop(blob);
    node__gather_reuse(&g, 70001, &lent);
    assert_null(g.blob); /* too small */
    node__gather_reuse(&g, 60000, &lent);
    assert_ptr_equal(g.blob, blob);
    assert_int_equal(g.size, 0);
    node__gather_reuse(&g, 60000, &lent);
    assert_ptr_equal(g.blob, blob);
    node__gather_fini(&g);
    node__lent_fini(&lent);
}

/* The oldest goes first; all are the terms' alone when they are let go of. */
static void only_so_many_blobs_are_lent(void **state)
{
    struct etf_blob *blobs[NODE__LENT_MAX + 2];
    struct node__lent lent = { 0 };
    struct node__gather g = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof blobs / sizeof blobs[0]; i++) {
        /* The last is too large to be kept. */
        size_t size = i == NODE__LENT_MAX + 1 ? NODE__LENT_SIZE + 1 : 50000;

        assert_int_equal(node__gather_reserve(&g, size), AGNER_OK);
        blobs[i] = g.blob;
        etf__blob_hold(g.blob);
        node__gather_clear(&g, 1 << 20, &lent);
        assert_null(g.blob);
    }
    for (size_t i = 0; i < sizeof blobs / sizeof blobs[0]; i++)
        assert_int_equal(etf__blob_is_shared(blobs[i]),
                         i >= 1 && i <= NODE__LENT_MAX);
    node__lent_fini(&lent);
    for (size_t i = 0; i < sizeof blobs / sizeof blobs[0]; i++) {
        assert_false(etf__blob_is_shared(blobs[i]));
        etf__blob_drop(blobs[i]);
    }
}

/* B-DST-12 */
static void B_DST_12_refuses_fragments_that_do_not_follow(void **state)
{
    struct line l;

    (void)state;
    line_init(&l, BOTH);
    assert_int_equal(hear(&l, 70, 1, 1), AGNER_EPROTO); /* no start */
    assert_int_equal(hear(&l, 69, 1, 0), AGNER_EPROTO); /* numbered 0 */
    assert_int_equal(hear(&l, 69, 1, 1), AGNER_OK);     /* the only one */
    assert_int_equal(hear(&l, 70, 1, 0), AGNER_EPROTO);
    assert_int_equal(hear(&l, 69, 1, 4), AGNER_OK);
    assert_int_equal(hear(&l, 69, 1, 4), AGNER_EPROTO); /* begins twice */
    assert_int_equal(hear(&l, 70, 1, 2), AGNER_EPROTO); /* a gap */
    assert_int_equal(hear(&l, 70, 1, 4), AGNER_EPROTO);
    assert_int_equal(hear(&l, 70, 2, 3), AGNER_EPROTO); /* another's */
    assert_int_equal(hear(&l, 70, 1, 3), AGNER_OK);
    assert_int_equal(hear(&l, 70, 1, 3), AGNER_EPROTO); /* twice the same */
    assert_int_equal(hear(&l, 69, UINT64_MAX, UINT64_MAX), AGNER_OK);
    assert_int_equal(hear(&l, 69, 0, 2), AGNER_OK);
    assert_int_equal(hear(&l, 70, 0, 1), AGNER_OK);
    assert_int_equal(hear(&l, 70, 1, 2), AGNER_OK);
    assert_int_equal(hear(&l, 70, 1, 1), AGNER_OK);
    assert_int_equal(l.in.sequences.count, 1);
    line_fini(&l); /* the connection is lost between two: nothing leaks */
    assert_int_equal(l.in.sequences.count, 0);
    assert_int_equal(l.in.sequences.bytes, 0);
}

/* B-DST-12 */
static void holds_1024_unfinished_sequences_and_no_more(void **state)
{
    struct line l;
    uint64_t i;

    (void)state;
    line_init(&l, BOTH);
    for (i = 0; i < NODE__SEQUENCES_MAX; i++)
        assert_int_equal(hear(&l, 69, i << 32, 2), AGNER_OK);
    assert_int_equal(hear(&l, 69, 5, 2), AGNER_ELIMIT);
    assert_int_equal(hear(&l, 70, 7 << 20, 1), AGNER_EPROTO);
    assert_int_equal(hear(&l, 70, UINT64_C(7) << 32, 1), AGNER_OK);
    assert_int_equal(hear(&l, 69, 5, 2), AGNER_OK);
    line_fini(&l);
}

/* B-DST-12 */
static void B_DST_12_holds_so_many_bytes_and_no_more(void **state)
{
    struct node__sequences all = { .bytes_max = 10000 };
    struct node__refs refs = { .count = 0 };
    struct node__sequence *done = NULL;
    uint8_t bytes[1000] = { 0 };
    uint64_t number = 1000;
    enum agner_err err;

    (void)state;
    assert_int_equal(node__sequences_first(&all, 1, number, &refs, bytes,
                                           sizeof bytes, &done, NULL),
                     AGNER_OK);
    do {
        assert_null(done);
        err = node__sequences_next(&all, 1, --number, bytes, sizeof bytes,
                                   &done, NULL);
    } while (err == AGNER_OK);
    assert_int_equal(err, AGNER_ELIMIT);
    assert_in_range(all.bytes, 9000, 10000);
    node__sequences_fini(&all);
    assert_int_equal(all.bytes, 0);
}

/* Large messages of many processes, by turns. */
static void holds_more_of_several_messages_than_of_one(void **state)
{
    struct node__sequences all = { .bytes_max = 10000 };
    struct node__refs refs = { .count = 0 };
    struct node__sequence *done = NULL;
    uint8_t bytes[9000] = { 0 };

    (void)state;
    for (uint64_t id = 0; id < NODE__SEQUENCE_BYTES_ALL; id++)
        assert_int_equal(node__sequences_first(&all, id, 2, &refs, bytes,
                                               sizeof bytes, &done, NULL),
                         AGNER_OK);
    assert_int_equal(node__sequences_first(&all, 100, 2, &refs, bytes,
                                           sizeof bytes, &done, NULL),
                     AGNER_ELIMIT);
    assert_int_equal(
        node__sequences_next(&all, 0, 1, bytes, sizeof bytes, &done, NULL),
        AGNER_ELIMIT);
    node__sequences_fini(&all);
    assert_int_equal(all.bytes, 0);
}

static void gives_no_more_room_than_the_limit_for_promises(void **state)
{
    struct node__sequences all = { .bytes_max = 10000 };
    static const uint64_t numbers[] = { UINT64_MAX, 70, 60, 1 };
    static const size_t promised[] = { 0, 7000, 7000, 7000 };
    uint8_t bytes[100] = { 0 };
    struct node__refs refs = { .count = 0 };
    struct node__sequence *done;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(node__sequences_first(&all, i, numbers[i], &refs,
                                               bytes, sizeof bytes, &done,
                                               NULL),
                         AGNER_OK);
        assert_int_equal(all.promised, promised[i]);
    }
    assert_non_null(done); /* the last one has a single fragment */
    node__sequence_free(done);
    for (uint64_t number = 69; number > 0; number--)
        assert_int_equal(
            node__sequences_next(&all, 1, number, bytes, 100, &done, NULL),
            AGNER_OK);
    assert_non_null(done);
    assert_int_equal(all.promised, 0);
    node__sequence_free(done);
    node__sequences_fini(&all);
}

static void B_DST_12_notices_sequences_that_do_not_grow(void **state)
{
    struct node__sequences all = { .count = 0 };
    struct node__refs refs = { .count = 0 };
    struct node__sequence *done = NULL;
    unsigned i;

    (void)state;
    assert_false(node__sequences_age(&all, 4));
    for (i = 0; i < 2; i++)
        assert_int_equal(node__sequences_first(&all, i, 9, &refs,
                                               (const uint8_t *)"", 0, &done,
                                               NULL),
                         AGNER_OK);
    for (i = 0; i < 4; i++)
        assert_false(node__sequences_age(&all, 4));
    assert_int_equal(node__sequences_next(&all, 1, 8, NULL, 0, &done, NULL),
                     AGNER_OK);
    assert_true(node__sequences_age(&all, 4));
    node__sequences_fini(&all);
}

/* A later packet may replace the atoms of a sequence that is not complete. */
static void a_sequence_keeps_the_atoms_of_its_first_fragment(void **state)
{
    /* 131, 69, sequence 1, number 2; one new entry in slot 9; nil; tag 82. */
    static const uint8_t first[] = { 131, 69,  0,   0,   0,   0, 0,   0,
                                     0,   1,   0,   0,   0,   0, 0,   0,
                                     0,   2,   1,   8,   9,   6, 's', 'e',
                                     'q', '_', 'a', 't', 106, 82 };
    static const uint8_t other[] = { 131, 68,  1,   8,   9,   5,  'o',
                                     't', 'h', 'e', 'r', 106, 82, 0 };
    static const uint8_t last[] = { 131, 70, 0, 0, 0, 0, 0, 0, 0, 1,
                                    0,   0,  0, 0, 0, 0, 0, 1, 0 };
    struct etf_atom_budget nothing = { 0 };
    struct node__arrived arrived;
    struct line l;
    int i;

    (void)state;
    line_init(&l, BOTH);
    l.in.budget = &nothing;
    assert_int_equal(
        node__packet_read(&l.in, first, sizeof first, &arrived, NULL),
        AGNER_OK);
    assert_null(arrived.terms);
    for (i = 0; i < 2; i++) {
        assert_int_equal(
            node__packet_read(&l.in, other, sizeof other, &arrived, NULL),
            AGNER_OK);
        check_arrived(&l, &arrived, etf_nil(), etf_atom("other"));
        node__arrived_fini(&arrived);
    }
    assert_int_equal(
        node__packet_read(&l.in, last, sizeof last, &arrived, NULL), AGNER_OK);
    check_arrived(&l, &arrived, etf_nil(), etf_atom("seq_at"));
    node__arrived_fini(&arrived);
    line_fini(&l);
}

/* ---- Forms
 * ---------------------------------------------------------------------- */

/* B-DST-7, and which form is due by the flags. */
static void B_DST_7_takes_only_the_form_that_was_agreed(void **state)
{
    static const struct {
        uint64_t flags;
        const char *bytes;
        size_t size;
        enum agner_err err;
    } cases[] = {
        { 0, "", 0, AGNER_OK },
        { BOTH, "", 0, AGNER_OK },
        { 0, "p\x83j", 3, AGNER_OK },
        { BOTH, "p\x83j", 3, AGNER_EPROTO },
        { 0, "\x83\x44\0j", 4, AGNER_EPROTO },
        { BOTH, "\x83\x44\0j", 4, AGNER_OK },
        { NODE__FLAG_FRAGMENTS, "\x83\x44\0j", 4, AGNER_OK },
        { NODE__FLAG_DIST_HDR_ATOM_CACHE, "\x83\x44\0j", 4, AGNER_OK },
        { NODE__FLAG_DIST_HDR_ATOM_CACHE, "\x83\x45SSSSSSSS\0\0\0\0\0\0\0\1\0j",
          20, AGNER_EPROTO },
        { BOTH, "\x83", 1, AGNER_EPROTO },
        { BOTH, "\x83\x44", 2, AGNER_EPROTO },
        { BOTH, "\x83\x43\0j", 4, AGNER_EPROTO },
        { BOTH, "\x83\x47\0j", 4, AGNER_EPROTO },
        { BOTH, "\x82\x44\0j", 4, AGNER_EPROTO },
        { BOTH, "\x83\x45SSSSSSSSNNNNNNN", 17, AGNER_EPROTO },
        { BOTH, "\x83\x46SSSSSSSSNNNNNNN", 17, AGNER_EPROTO },
        { BOTH, "\x83\x45SSSSSSSSNNNNNNNN", 18, AGNER_EPROTO },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct node__arrived arrived;
        struct agner_error error;
        struct line l;

        line_init(&l, cases[i].flags);
        assert_int_equal(node__packet_read(&l.in,
                                           (const uint8_t *)cases[i].bytes,
                                           cases[i].size, &arrived, &error),
                         cases[i].err);
        if (cases[i].err == AGNER_OK) {
            assert_int_equal(arrived.terms == NULL, cases[i].size == 0);
            node__arrived_fini(&arrived);
        }
        line_fini(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atoms_survive_the_cache_whatever_they_collide_with),
        cmocka_unit_test(spells_out_what_is_over_255_atoms),
        cmocka_unit_test(numbers_each_atom_once),
        cmocka_unit_test(numbers_no_two_atoms_of_one_slot),
        cmocka_unit_test(a_slot_follows_from_the_text),
        cmocka_unit_test(writes_an_atom_s_text_only_once),
        cmocka_unit_test(B_DST_11_refuses_headers_that_lie),
        cmocka_unit_test(refuses_an_atom_of_256_characters),
        cmocka_unit_test(B_DST_11_a_new_entry_replaces_an_old_one),
        cmocka_unit_test(cuts_after_65536_bytes_of_terms),
        cmocka_unit_test(cuts_at_any_size_and_never_the_control_message),
        cmocka_unit_test(a_fragment_may_be_put_where_its_message_grows),
        cmocka_unit_test(B_DST_12_only_the_next_fragment_has_a_place),
        cmocka_unit_test(a_lent_blob_comes_back_when_nobody_refers_to_it),
        cmocka_unit_test(only_so_many_blobs_are_lent),
        cmocka_unit_test(heads_and_terms_make_the_same_packets),
        cmocka_unit_test(changes_nothing_when_there_is_no_room),
        cmocka_unit_test(B_DST_12_refuses_fragments_that_do_not_follow),
        cmocka_unit_test(holds_1024_unfinished_sequences_and_no_more),
        cmocka_unit_test(B_DST_12_holds_so_many_bytes_and_no_more),
        cmocka_unit_test(holds_more_of_several_messages_than_of_one),
        cmocka_unit_test(gives_no_more_room_than_the_limit_for_promises),
        cmocka_unit_test(B_DST_12_notices_sequences_that_do_not_grow),
        cmocka_unit_test(a_sequence_keeps_the_atoms_of_its_first_fragment),
        cmocka_unit_test(B_DST_7_takes_only_the_form_that_was_agreed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

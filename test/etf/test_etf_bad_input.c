/*
 * test_etf_bad_input.c -- hostile bytes: refused with a cause, within limits.
 *
 * One test for each of B-ETF-1 to B-ETF-11. (The prefixes of B-ETF-1 are in
 * test_etf_vectors.c, where the vectors are.)
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "etf_door.h"

#define MILLION 1000000u

struct outcome {
    enum agner_err err;
    struct agner_error error;
    struct etf_region *region;
    etf_term term;
    size_t used;
};

static struct etf_region *region;

static struct outcome decode_with(const uint8_t *bytes, size_t size,
                                  const struct etf_decode_options *options)
{
    struct outcome o = { .term = ETF_NONE };
    struct etf_box *box;
    enum agner_err err;

    etf_region_reset(region);
    o.err =
        etf_decode(region, bytes, size, options, &o.term, &o.used, &o.error);
    /* The way into a box has the same opinion. */
    err = etf_decode_box(bytes, size, options, &box, NULL, NULL);
    assert_int_equal(err, o.err);
    if (err == AGNER_OK) {
        assert_true(etf_equal(etf_box_term(box), o.term));
        etf_box_free(box);
    }
    return o;
}

static struct outcome decode(const uint8_t *bytes, size_t size)
{
    return decode_with(bytes, size, NULL);
}

static void assert_refused(const uint8_t *bytes, size_t size,
                           enum agner_err err, const char *text)
{
    struct outcome o = decode(bytes, size);

    assert_int_equal(o.err, err);
    assert_int_equal(o.error.code, err);
    assert_string_equal(o.error.text, text);
}

#define REFUSED(err, text, ...) \
    do { \
        static const uint8_t bytes_[] = { __VA_ARGS__ }; \
        assert_refused(bytes_, sizeof bytes_, (err), (text)); \
    } while (0)

#define ACCEPTED(...) \
    decode((const uint8_t[]){ __VA_ARGS__ }, \
           sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* ---- B-ETF-1 ---- */

static void B_ETF_1_wants_the_version_byte(void **state)
{
    static const uint8_t wrong[] = { 130, 97, 1 };
    struct agner_error error;
    etf_term t;

    (void)state;
    assert_int_equal(etf_from_binary(region, wrong, 0, NULL, &t, NULL, &error),
                     AGNER_ETRUNCATED);
    assert_string_equal(error.text, "byte 0: version byte expected");
    assert_int_equal(etf_from_binary(region, wrong, 3, NULL, &t, NULL, &error),
                     AGNER_EMALFORMED);
    assert_string_equal(error.text, "byte 0: version byte is not 131");
    assert_int_equal(etf_decode(region, NULL, 0, NULL, &t, NULL, &error),
                     AGNER_ETRUNCATED);
    assert_string_equal(error.text, "byte 0: term expected");
}

/* ---- B-ETF-2 ---- */

static const char known_tags[] =
    "FMRXYZabcdefghijklmnopqrstvwx"; /* all but 80, which is no term */

/* Alone, in a tuple, in a list, as a tail, as a key, as a value, in a fun: what
 * is no tag is refused where it stands; what is one is never "unknown". */
static void B_ETF_2_refuses_each_unknown_tag_at_every_level(void **state)
{
    static const struct {
        uint8_t before[8];
        size_t size;
    } levels[] = {
        { { 0 }, 0 },
        { { 104, 1 }, 2 },
        { { 104, 2, 97, 1 }, 4 },
        { { 108, 0, 0, 0, 1 }, 5 },
        { { 108, 0, 0, 0, 1, 106 }, 6 },
        { { 116, 0, 0, 0, 1 }, 5 },
        { { 116, 0, 0, 0, 1, 97, 1 }, 7 },
    };
    uint8_t bytes[64];
    char unknown[64];

    (void)state;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        for (unsigned tag = 0; tag < 256; tag++) {
            bool known = tag != 0 && strchr(known_tags, (int)tag) != NULL;
            struct outcome o;

            memset(bytes, 0, sizeof bytes);
            memcpy(bytes, levels[i].before, levels[i].size);
            bytes[levels[i].size] = (uint8_t)tag;
            o = decode(bytes, sizeof bytes);
            snprintf(unknown, sizeof unknown, "byte %zu: unknown tag",
                     levels[i].size);
            if (known) {
                assert_true(o.err == AGNER_OK ||
                            strcmp(o.error.text, unknown) != 0);
            } else {
                assert_int_equal(o.err, AGNER_EMALFORMED);
                assert_string_equal(o.error.text, unknown);
            }
        }
}

/* ---- B-ETF-3 and B-ETF-4 ---- */

static void B_ETF_3_refuses_a_tuple_longer_than_its_input(void **state)
{
    (void)state;
    REFUSED(AGNER_ETRUNCATED, "byte 5: more elements than bytes left", 105,
            0xff, 0xff, 0xff, 0xff);
    REFUSED(AGNER_ETRUNCATED, "byte 2: more elements than bytes left", 104, 2,
            106);
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * (3 - i));
}

/* Every length field, at every edge, with a few bytes behind it. The region is
 * far too small for what is declared: nothing may be taken in advance. */
static void B_ETF_4_believes_no_length_before_the_bytes_are_there(void **state)
{
    static const uint32_t edges[] = {
        0,          1,          2,           0x7f,       0x80,       0x81,
        0xff,       0x100,      0x101,       0x7fff,     0x8000,     0x8001,
        0xffff,     0x10000,    0x10001,     0xffffff,   0x1000000,  0x7ffffffe,
        0x7fffffff, 0x80000000, 0x80000001u, 0xfffffffe, 0xffffffff,
    };
    static const uint8_t wide[] = { 77, 105, 108, 109, 111, 116 };
    static const uint8_t narrow[] = { 90, 100, 107, 114, 118 };
    static const uint8_t byte[] = { 104, 110, 115, 119 };
    struct etf_region *small = etf_region_new(1024);
    uint8_t bytes[48];
    size_t before = mallinfo2().uordblks;

    (void)state;
    for (size_t e = 0; e < sizeof edges / sizeof edges[0]; e++) {
        etf_term t;

        for (size_t i = 0; i < sizeof wide; i++) {
            memset(bytes, 97, sizeof bytes);
            bytes[0] = wide[i];
            put32(bytes + 1, edges[e]);
            assert_true(etf_decode(small, bytes, sizeof bytes, NULL, &t, NULL,
                                   NULL) != AGNER_ENOMEM);
            (void)decode(bytes, sizeof bytes);
            etf_region_reset(small);
        }
        for (size_t i = 0; i < sizeof narrow; i++) {
            memset(bytes, 97, sizeof bytes);
            bytes[0] = narrow[i];
            bytes[1] = (uint8_t)(edges[e] >> 8);
            bytes[2] = (uint8_t)edges[e];
            assert_true(etf_decode(small, bytes, sizeof bytes, NULL, &t, NULL,
                                   NULL) != AGNER_ENOMEM);
            (void)decode(bytes, sizeof bytes);
            etf_region_reset(small);
        }
        for (size_t i = 0; i < sizeof byte; i++) {
            memset(bytes, 97, sizeof bytes);
            bytes[0] = byte[i];
            bytes[1] = (uint8_t)edges[e];
            assert_true(etf_decode(small, bytes, sizeof bytes, NULL, &t, NULL,
                                   NULL) != AGNER_ENOMEM);
            (void)decode(bytes, sizeof bytes);
            etf_region_reset(small);
        }
    }
    assert_true(mallinfo2().uordblks < before + 100000);
    etf_region_free(small);
}

/* 16 bytes of memory for one byte of input is the most that there is; past
 * ETF_DECODED_MAX it ends, though the region would have room. */
static void B_ETF_4_stops_at_the_limit_of_a_decoded_term(void **state)
{
    size_t count = ETF_DECODED_MAX / 16 + 1;
    uint8_t *bytes = malloc(count + 6);
    struct etf_region *large = etf_region_new((size_t)1 << 30);
    struct agner_error error;
    etf_term t;

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 108;
    put32(bytes + 1, (uint32_t)count);
    memset(bytes + 5, 106, count + 1);
    assert_int_equal(
        etf_decode(large, bytes, count + 6, NULL, &t, NULL, &error),
        AGNER_ELIMIT);
    assert_string_equal(error.text, "byte 5: decoded term is too large");
    assert_true(etf_region_used(large) < 100000);
    free(bytes);
    etf_region_free(large);
}

static void
B_ETF_4_refuses_a_tuple_of_more_than_its_arity_has_bits(void **state)
{
    size_t count = (size_t)ETF_TUPLE_MAX + 1;
    uint8_t *bytes = malloc(count + 5);
    struct agner_error error;
    etf_term t;

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 105;
    memset(bytes + 5, 106, count);
    put32(bytes + 1, (uint32_t)count);
    assert_int_equal(
        etf_decode(region, bytes, count + 5, NULL, &t, NULL, &error),
        AGNER_ELIMIT);
    assert_string_equal(error.text, "byte 5: tuple is too large");
    etf_region_reset(region);
    put32(bytes + 1, ETF_TUPLE_MAX);
    assert_int_equal(
        etf_decode(region, bytes, count + 5, NULL, &t, NULL, &error), AGNER_OK);
    assert_int_equal(etf_tuple_size(t), ETF_TUPLE_MAX);
    etf_region_reset(region);
    free(bytes);
}

/* ---- B-ETF-5 ---- */

/* `count` times the bytes, then `last`. */
static uint8_t *repeat(const uint8_t *part, size_t size, size_t count,
                       const uint8_t *last, size_t last_size, size_t *total)
{
    uint8_t *bytes = malloc(size * count + last_size);

    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + i * size, part, size);
    memcpy(bytes + size * count, last, last_size);
    *total = size * count + last_size;
    return bytes;
}

static void assert_too_deep(const uint8_t *part, size_t size, bool closed)
{
    static const uint8_t nil = 106;
    size_t total;
    uint8_t *bytes = repeat(part, size, MILLION, &nil, 1, &total);
    struct outcome o = decode(bytes, total);

    assert_int_equal(o.err, AGNER_ELIMIT);
    assert_non_null(strstr(o.error.text, "nested too deeply"));
    free(bytes);
    /* One level less than too deep is fine. */
    bytes = repeat(part, size, ETF_DEPTH_MAX, &nil, 1, &total);
    if (closed) {
        o = decode(bytes, total);
        assert_int_equal(o.err, AGNER_OK);
    }
    free(bytes);
}

static void B_ETF_5_refuses_nesting_beyond_its_depth(void **state)
{
    static const uint8_t tuple[] = { 104, 1 };
    static const uint8_t last[] = { 104, 2, 97, 1 };
    static const uint8_t list[] = { 108, 0, 0, 0, 1 };
    static const uint8_t key[] = { 116, 0, 0, 0, 1 };
    static const uint8_t value[] = { 116, 0, 0, 0, 1, 97, 1 };
    static const uint8_t fun[] = { 112,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   /* uniq */ 0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   /* index, free */ 0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   1,
                                   /* module */ 119,
                                   1,
                                   'm',
                                   97,
                                   0,
                                   97,
                                   0,
                                   /* creator */ 88,
                                   119,
                                   1,
                                   'n',
                                   0,
                                   0,
                                   0,
                                   1,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0 };

    (void)state;
    assert_too_deep(tuple, sizeof tuple, true);
    assert_too_deep(last, sizeof last, true);
    assert_too_deep(list, sizeof list, false); /* tails are missing */
    assert_too_deep(key, sizeof key, false);
    assert_too_deep(value, sizeof value, true);
    assert_too_deep(fun, sizeof fun, true);
}

/* A tail that is a list goes on with the list: that is length, not depth. */
static void B_ETF_5_takes_a_list_of_tails_for_a_long_list(void **state)
{
    static const uint8_t cell[] = { 108, 0, 0, 0, 1, 97, 7 };
    static const uint8_t empty[] = { 108, 0, 0, 0, 0 };
    static const uint8_t nil = 106;
    size_t total;
    uint8_t *bytes = repeat(cell, sizeof cell, MILLION, &nil, 1, &total);
    struct outcome o = decode(bytes, total);

    (void)state;
    assert_int_equal(o.err, AGNER_OK);
    assert_int_equal(etf_list_size(o.term), MILLION);
    free(bytes);
    bytes = repeat(empty, sizeof empty, MILLION, &nil, 1, &total);
    o = decode(bytes, total);
    assert_int_equal(o.err, AGNER_OK);
    assert_true(etf_same(o.term, etf_nil()));
    free(bytes);
}

/* What was decoded at the full depth is encoded, compared and hashed. */
static void B_ETF_5_handles_the_full_depth(void **state)
{
    static const uint8_t tuple[] = { 104, 2, 97, 1 };
    static const uint8_t nil = 106;
    size_t total;
    uint8_t *bytes =
        repeat(tuple, sizeof tuple, ETF_DEPTH_MAX, &nil, 1, &total);
    struct outcome o = decode(bytes, total);
    struct etf_buffer b = { 0 };
    struct etf_box *box = etf_box_new(o.term);

    (void)state;
    assert_int_equal(o.err, AGNER_OK);
    assert_int_equal(etf_encode(&b, o.term, NULL), AGNER_OK);
    assert_int_equal(b.size, total);
    assert_memory_equal(b.data, bytes, total);
    assert_int_equal(etf_compare(o.term, etf_box_term(box)), 0);
    assert_int_equal(etf_phash2(o.term, 0), etf_phash2(etf_box_term(box), 0));
    etf_box_free(box);
    etf_buffer_fini(&b);
    free(bytes);
}

/* ---- B-ETF-6 ---- */

static void B_ETF_6_decides_odd_values_as_erlang_does(void **state)
{
    int64_t v;
    double d;

    (void)state;
    REFUSED(AGNER_ETRUNCATED, "byte 7: term expected", 108, 0, 0, 0, 1, 97, 1);
    assert_int_equal(
        etf_list_size(ACCEPTED(108, 0, 0, 0, 1, 97, 1, 97, 2).term), -1);
    assert_true(etf_get_int(ACCEPTED(108, 0, 0, 0, 0, 97, 5).term, &v) &&
                v == 5);
    REFUSED(AGNER_EMALFORMED, "byte 13: map with equal keys", 116, 0, 0, 0, 2,
            97, 1, 97, 2, 97, 1, 97, 3);
    assert_int_equal(
        etf_map_size(
            ACCEPTED(116, 0, 0, 0, 2, 97, 2, 97, 0, 97, 1, 97, 0).term),
        2);
    /* 1 in every size, also with leading zeros, and no digits at all */
    assert_true(etf_get_int(ACCEPTED(98, 0, 0, 0, 1).term, &v) && v == 1);
    assert_true(etf_get_int(ACCEPTED(110, 3, 0, 1, 0, 0).term, &v) && v == 1);
    assert_true(etf_get_int(ACCEPTED(111, 0, 0, 0, 2, 9, 1, 0).term, &v) &&
                v == -1);
    assert_true(etf_get_int(ACCEPTED(110, 0, 1).term, &v) && v == 0);
    assert_true(
        etf_get_float(ACCEPTED(70, 0x80, 0, 0, 0, 0, 0, 0, 0).term, &d) &&
        d == 0);
    REFUSED(AGNER_EMALFORMED, "byte 9: float is not finite", 70, 0x7f, 0xf0, 0,
            0, 0, 0, 0, 0);
    REFUSED(AGNER_EMALFORMED, "byte 9: float is not finite", 70, 0xff, 0xf8, 0,
            0, 0, 0, 0, 1);
}

/* n log n: a map with 300,000 keys in falling order, and one with the last two
 * equal, decode at once or are refused. */
static void B_ETF_6_finds_equal_keys_among_many(void **state)
{
    const uint32_t count = 300000;
    size_t size = 5 + (size_t)count * 6;
    uint8_t *bytes = malloc(size);
    struct outcome o;

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 116;
    put32(bytes + 1, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *p = bytes + 5 + 6 * (size_t)i;

        p[0] = 98;
        put32(p + 1, (count - i) * 7);
        p[5] = 106;
    }
    o = decode(bytes, size);
    assert_int_equal(o.err, AGNER_OK);
    assert_int_equal(etf_map_size(o.term), count);
    memcpy(bytes + size - 6, bytes + 5 + 6 * (size_t)(count / 2), 6);
    o = decode(bytes, size);
    assert_int_equal(o.err, AGNER_EMALFORMED);
    free(bytes);
}

/* ---- B-ETF-7 ---- */

static void B_ETF_7_refuses_long_and_broken_atoms(void **state)
{
    uint8_t bytes[600];

    (void)state;
    memset(bytes, 'a', sizeof bytes);
    bytes[0] = 118;
    bytes[1] = 1;
    bytes[2] = 0; /* 256 */
    assert_refused(bytes, sizeof bytes, AGNER_EMALFORMED,
                   "byte 259: atom of more than 255 characters");
    bytes[0] = 100; /* Latin-1 */
    assert_refused(bytes, sizeof bytes, AGNER_EMALFORMED,
                   "byte 3: atom of more than 255 characters");
    bytes[1] = 0;
    bytes[2] = 255;
    memset(bytes + 3, 0xe4, 255);
    assert_int_equal(decode(bytes, sizeof bytes).err, AGNER_OK);
    bytes[0] = 118;
    assert_refused(bytes, sizeof bytes, AGNER_EMALFORMED,
                   "byte 258: atom is not UTF-8");
    REFUSED(AGNER_EMALFORMED, "byte 3: atom is not UTF-8", 119, 1, 0x80);
    REFUSED(AGNER_EMALFORMED, "byte 2: reference to no cached atom", 82, 0);
    assert_true(etf_same(ACCEPTED(119, 0).term, ETF_A(empty)));
    assert_true(etf_same(ACCEPTED(100, 0, 2, 'o', 'k').term, ETF_A(ok)));
}

static void B_ETF_7_interns_no_more_than_the_budget(void **state)
{
    struct etf_atom_budget budget = { .left = 100 };
    const struct etf_decode_options options = { .budget = &budget };
    uint32_t before = etf_atom_count();
    uint8_t bytes[16] = { 119, 10 };
    struct outcome o;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf((char *)bytes + 2, 11, "hostile%03x", i % 0x800);
        o = decode_with(bytes, 12, &options);
        assert_int_equal(o.err, AGNER_OK);
        assert_int_equal(etf_kind(o.term), ETF_KIND_ATOM);
    }
    assert_int_equal(etf_atom_count(), before + 100);
    assert_true(etf_atom_is(o.term, "hostile69f"));
}

/* An atom of the cache that is boxed is copied: the cache may go. */
static void copies_boxed_atoms_out_of_the_cache(void **state)
{
    static const uint8_t bytes[] = { 104, 3, 82, 0, 82, 1, 82, 0 };
    struct etf_region *other = etf_region_new(0);
    etf_term cache[2] = { etf_atom_limited(other, "not interned", 12, NULL),
                          ETF_A(ok) };
    const struct etf_decode_options options = { .cache = cache,
                                                .cache_count = 2 };
    const struct etf_decode_options short_one = { .cache = cache,
                                                  .cache_count = 1 };
    struct outcome o;

    (void)state;
    assert_int_equal(decode_with(bytes, sizeof bytes, &short_one).err,
                     AGNER_EMALFORMED);
    o = decode_with(bytes, sizeof bytes, &options);
    etf_region_free(other);
    assert_int_equal(o.err, AGNER_OK);
    assert_true(etf_atom_is(etf_tuple_items(o.term)[0], "not interned"));
    assert_true(etf_same(etf_tuple_items(o.term)[1], ETF_A(ok)));
}

/* ---- B-ETF-8 ---- */

static size_t compress_bytes(uint8_t *to, size_t room, uint32_t declared,
                             const uint8_t *bytes, size_t size)
{
    uLongf used = room - 6;

    to[0] = 131;
    to[1] = 80;
    put32(to + 2, declared);
    assert_int_equal(compress2(to + 6, &used, bytes, size, 9), Z_OK);
    return 6 + used;
}

static enum agner_err inflate_outcome(const uint8_t *bytes, size_t size,
                                      size_t *used)
{
    struct agner_error error;
    etf_term t;

    etf_region_reset(region);
    return etf_from_binary(region, bytes, size, NULL, &t, used, &error);
}

static void B_ETF_8_inflates_exactly_what_is_declared(void **state)
{
    static const uint8_t term[] = { 109, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0 };
    static const uint8_t nested[] = { 80, 0, 0, 0, 1, 106 };
    uint8_t bytes[200] = { 0 };
    size_t size, used = 0;

    (void)state;
    size = compress_bytes(bytes, sizeof bytes, 8, term, 8);
    assert_int_equal(inflate_outcome(bytes, sizeof bytes, &used), AGNER_OK);
    assert_int_equal(used, size); /* the rest is not ours */
    assert_int_equal(inflate_outcome(bytes, size - 1, &used), AGNER_ETRUNCATED);
    bytes[size - 1] ^= 1; /* the check sum */
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_EMALFORMED);
    bytes[6] ^= 0xff;
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_EMALFORMED);
    size = compress_bytes(bytes, sizeof bytes, 7, term, 8);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_EMALFORMED);
    size = compress_bytes(bytes, sizeof bytes, 9, term, 8);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_EMALFORMED);
    size = compress_bytes(bytes, sizeof bytes, 11, term, 11);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_OK);
    size = compress_bytes(bytes, sizeof bytes, 6, nested, 6);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_EMALFORMED);
    size = compress_bytes(bytes, sizeof bytes, 4, term, 4);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_EMALFORMED);
    size = compress_bytes(bytes, sizeof bytes, 0xffffffffu, term, 8);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_ELIMIT);
    size = compress_bytes(bytes, sizeof bytes, 200u << 20, term, 8);
    assert_int_equal(inflate_outcome(bytes, size, &used), AGNER_ETRUNCATED);
}

/* A megabyte of zeros in a kilobyte that declares 100 bytes: it is not inflated
 * further than that. */
static void B_ETF_8_stops_inflating_at_the_declared_size(void **state)
{
    uint8_t *zeros = calloc(1, 1 << 20);
    uint8_t bytes[4096];
    struct agner_error error;
    size_t size, used = 0;
    etf_term t;

    (void)state;
    assert_non_null(zeros);
    size = compress_bytes(bytes, sizeof bytes, 100, zeros, 1 << 20);
    assert_int_equal(
        etf_from_binary(region, bytes, size, NULL, &t, &used, &error),
        AGNER_EMALFORMED);
    assert_non_null(strstr(error.text, "inflates to more than it declares"));
    free(zeros);
}

/* ---- B-ETF-9 ---- */

static void B_ETF_9_tells_our_identifiers_from_others(void **state)
{
    static const uint8_t ours[] = { 88, 119, 3, 'm', '@', 'n', 0, 0, 0,
                                    5,  0,   0, 0,   6,   0,   0, 0, 7 };
    const struct etf_self self = { etf_atom("m@n"), 7 };
    const struct etf_self later = { etf_atom("m@n"), 8 };
    const struct etf_self unnamed = { etf_atom("m@n"), 0 };
    const struct etf_decode_options now = { .self = &self };
    const struct etf_decode_options then = { .self = &later };
    const struct etf_decode_options before = { .self = &unnamed };
    etf_term local = etf__local_pid(5, 6);
    struct etf_buffer b = { 0 };
    uint8_t large[sizeof ours];
    etf_pid pid;

    (void)state;
    assert_true(etf_same(decode_with(ours, sizeof ours, &now).term, local));
    assert_false(etf_equal(decode_with(ours, sizeof ours, &then).term, local));
    assert_false(
        etf_equal(decode_with(ours, sizeof ours, &before).term, local));
    assert_true(etf_get_pid(decode_with(ours, sizeof ours, &then).term, &pid));
    assert_true(etf_atom_is(pid.node, "m@n") && pid.creation == 7);
    /* And back. */
    assert_int_equal(
        etf_encode(&b, local, &(struct etf_encode_options){ .self = &self }),
        AGNER_OK);
    assert_int_equal(b.size, sizeof ours);
    assert_memory_equal(b.data, ours, sizeof ours);
    etf_buffer_fini(&b);
    /* A number that no slot of ours has is nobody. */
    memcpy(large, ours, sizeof ours);
    large[6] = 0x10;
    assert_true(etf_get_pid(decode_with(large, sizeof large, &now).term, &pid));
    assert_false(etf_pid_is_local(pid));
}

static void B_ETF_9_refuses_odd_identifiers(void **state)
{
    (void)state;
    REFUSED(AGNER_EMALFORMED, "byte 1: atom expected", 88, 97, 1, 0, 0, 0, 0);
    REFUSED(AGNER_EMALFORMED, "byte 1: reference of no or more than 5 words",
            90, 0, 0, 119, 1, 'n', 0, 0, 0, 1);
    REFUSED(AGNER_EMALFORMED, "byte 1: reference of no or more than 5 words",
            90, 0, 6, 119, 1, 'n', 0, 0, 0, 1);
    REFUSED(AGNER_EMALFORMED, "byte 13: creation is over 3", 103, 119, 1, 'n',
            0, 0, 0, 1, 0, 0, 0, 1, 4);
    REFUSED(AGNER_EMALFORMED, "byte 9: reference id too large", 101, 119, 1,
            'n', 0, 4, 0, 0, 1);
    REFUSED(AGNER_ETRUNCATED, "byte 4: input ends inside an identifier", 88,
            119, 1, 'n', 0, 0, 0, 1, 0, 0, 0);
}

/* ---- B-ETF-10 ---- */

static void B_ETF_10_refuses_bytes_after_the_term_when_asked_to(void **state)
{
    static const uint8_t bytes[] = { 97, 1, 97, 2 };
    const struct etf_decode_options exact = { .exact = true };
    struct outcome o = decode_with(bytes, sizeof bytes, &exact);

    (void)state;
    assert_int_equal(o.err, AGNER_EMALFORMED);
    assert_string_equal(o.error.text, "byte 2: bytes after the term");
    o = decode(bytes, sizeof bytes);
    assert_int_equal(o.err, AGNER_OK);
    assert_int_equal(o.used, 2);
}

/* ---- B-ETF-11 ---- */

static void B_ETF_11_bounds_bits_and_arities(void **state)
{
    etf_bytes bytes;
    unsigned bits;

    (void)state;
    REFUSED(AGNER_EMALFORMED, "byte 6: bits of the last byte out of range", 77,
            0, 0, 0, 1, 0, 0xff);
    REFUSED(AGNER_EMALFORMED, "byte 6: bits of the last byte out of range", 77,
            0, 0, 0, 1, 9, 0xff);
    assert_true(etf_get_bytes(ACCEPTED(77, 0, 0, 0, 1, 8, 0xff).term, &bytes));
    assert_true(
        etf_get_bits(ACCEPTED(77, 0, 0, 0, 1, 3, 0xff).term, &bytes, &bits));
    assert_int_equal(bits, 3);
    assert_int_equal(bytes.data[0], 0xe0); /* unused bits do not count */
    REFUSED(AGNER_EMALFORMED, "byte 12: arity of a fun is not 0 to 255", 113,
            119, 1, 'm', 119, 1, 'f', 98, 0, 0, 1, 0);
    REFUSED(AGNER_EMALFORMED, "byte 8: integer expected", 113, 119, 1, 'm', 119,
            1, 'f', 106);
}

static int set_up(void **state)
{
    (void)state;
    region = etf_region_new((size_t)512 << 20);
    return region == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    etf_region_free(region);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_ETF_1_wants_the_version_byte),
        cmocka_unit_test(B_ETF_2_refuses_each_unknown_tag_at_every_level),
        cmocka_unit_test(B_ETF_3_refuses_a_tuple_longer_than_its_input),
        cmocka_unit_test(B_ETF_4_believes_no_length_before_the_bytes_are_there),
        cmocka_unit_test(B_ETF_4_stops_at_the_limit_of_a_decoded_term),
        cmocka_unit_test(
            B_ETF_4_refuses_a_tuple_of_more_than_its_arity_has_bits),
        cmocka_unit_test(B_ETF_5_refuses_nesting_beyond_its_depth),
        cmocka_unit_test(B_ETF_5_takes_a_list_of_tails_for_a_long_list),
        cmocka_unit_test(B_ETF_5_handles_the_full_depth),
        cmocka_unit_test(B_ETF_6_decides_odd_values_as_erlang_does),
        cmocka_unit_test(B_ETF_6_finds_equal_keys_among_many),
        cmocka_unit_test(B_ETF_7_refuses_long_and_broken_atoms),
        cmocka_unit_test(B_ETF_7_interns_no_more_than_the_budget),
        cmocka_unit_test(copies_boxed_atoms_out_of_the_cache),
        cmocka_unit_test(B_ETF_8_inflates_exactly_what_is_declared),
        cmocka_unit_test(B_ETF_8_stops_inflating_at_the_declared_size),
        cmocka_unit_test(B_ETF_9_tells_our_identifiers_from_others),
        cmocka_unit_test(B_ETF_9_refuses_odd_identifiers),
        cmocka_unit_test(B_ETF_10_refuses_bytes_after_the_term_when_asked_to),
        cmocka_unit_test(B_ETF_11_bounds_bits_and_arities),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * test_etf_vectors.c -- the codec, the order and the hash against what Erlang
 * wrote: terms.jsonl, order.jsonl and bad.jsonl of test/vectors/etf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

#include "json_lines.h"

struct etf_bytes_owned {
    uint8_t *data;
    size_t size;
};

static struct etf_bytes_owned from_hex(const char *hex)
{
    struct etf_bytes_owned b;

    b.data = json_hex(hex, &b.size);
    return b;
}

/* Decodes the stored form, or fails with the line's number. */
static etf_term decode(const struct json_lines *j, struct etf_region *r,
                       const char *hex, const struct etf_self *self)
{
    const struct etf_decode_options options = { .self = self, .exact = true };
    struct etf_bytes_owned bytes = from_hex(hex);
    struct agner_error error = { .text = "" };
    etf_term t = ETF_NONE;
    size_t used = 0;

    if (etf_from_binary(r, bytes.data, bytes.size, &options, &t, &used,
                        &error) != AGNER_OK)
        fail_msg("line %u: %s", json_lines_number(j), error.text);
    assert_int_equal(used, bytes.size);
    free(bytes.data);
    return t;
}

static void assert_encodes(const struct json_lines *j, etf_term t,
                           const char *hex,
                           const struct etf_encode_options *options)
{
    struct etf_bytes_owned want = from_hex(hex);
    struct etf_buffer have = { 0 };

    assert_int_equal(etf_to_binary(&have, t, options, 0), AGNER_OK);
    if (have.size != want.size || memcmp(have.data, want.data, want.size) != 0)
        fail_msg("line %u: encoded differently", json_lines_number(j));
    etf_buffer_fini(&have);
    free(want.data);
}

/* A box of it is equal, and so is what etf_decode_box makes. */
static void assert_boxes(const struct json_lines *j, etf_term t,
                         const char *hex, const struct etf_self *self)
{
    const struct etf_decode_options options = { .self = self, .exact = true };
    struct etf_bytes_owned bytes = from_hex(hex);
    struct etf_box *copy = etf_box_new(t), *decoded = NULL;

    assert_non_null(copy);
    assert_true(etf_equal(etf_box_term(copy), t));
    assert_int_equal(etf_decode_box(bytes.data + 1, bytes.size - 1, &options,
                                    &decoded, NULL, NULL),
                     AGNER_OK);
    if (!etf_equal(etf_box_term(decoded), t))
        fail_msg("line %u: box differs", json_lines_number(j));
    assert_int_equal(etf_box_size(decoded), etf_box_size(copy));
    etf_box_free(copy);
    etf_box_free(decoded);
    free(bytes.data);
}

static const char *canonical(const struct json_lines *j)
{
    const char *hex2 = json_string(j, "hex2");

    return hex2 != NULL ? hex2 : json_string(j, "hex");
}

static void check_terms(const struct etf_self *self)
{
    static const char *const forms[] = { "hex", "hex0", "hexd", "hexz" };
    const struct etf_encode_options options = { .self = self };
    struct json_lines *j = json_lines_open(VECTORS "/terms.jsonl.gz");
    struct etf_region *r = etf_region_new(0);
    unsigned count = 0;

    while (json_lines_next(j)) {
        etf_term t = decode(j, r, canonical(j), self);

        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            const char *hex = json_string(j, forms[i]);

            if (hex != NULL && !etf_equal(decode(j, r, hex, self), t))
                fail_msg("line %u: %s differs", json_lines_number(j), forms[i]);
        }
        if (json_true(j, "exact"))
            assert_encodes(j, t, canonical(j), &options);
        else if (json_string(j, "hexd") != NULL)
            assert_encodes(j, t, json_string(j, "hexd"), &options);
        assert_boxes(j, t, canonical(j), self);
        etf_region_reset(r);
        count++;
    }
    assert_int_equal(count, 2976);
    etf_region_free(r);
    json_lines_close(j);
}

static void reads_every_form_and_writes_the_canonical_one(void **state)
{
    (void)state;
    check_terms(NULL);
}

/* The identifiers in the vectors are then somebody else's. */
static void keeps_identifiers_of_other_nodes(void **state)
{
    const struct etf_self self = { etf_atom("some@where"), 17 };

    (void)state;
    check_terms(&self);
}

/* minor_version 1 and 0. */
static void writes_the_old_forms_when_asked(void **state)
{
    const struct etf_encode_options one = { .latin1_atoms = true };
    const struct etf_encode_options zero = { .latin1_atoms = true,
                                             .text_floats = true };
    struct json_lines *j = json_lines_open(VECTORS "/terms.jsonl.gz");
    struct etf_region *r = etf_region_new(0);

    (void)state;
    while (json_lines_next(j)) {
        etf_term t = decode(j, r, canonical(j), NULL);

        if (json_true(j, "exact")) {
            assert_encodes(j, t, json_string(j, "hex"), &one);
            if (json_string(j, "hex0") != NULL)
                assert_encodes(j, t, json_string(j, "hex0"), &zero);
        }
        etf_region_reset(r);
    }
    etf_region_free(r);
    json_lines_close(j);
}

static void hashes_as_erlang_does(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/terms.jsonl.gz");
    struct etf_region *r = etf_region_new(0);

    (void)state;
    while (json_lines_next(j)) {
        etf_term t = decode(j, r, canonical(j), NULL);

        if (etf_phash2(t, 1u << 27) != json_int(j, "phash2", -1) ||
            etf_phash2(t, 0) != json_int(j, "phash2_32", -1))
            fail_msg("line %u: phash2 differs", json_lines_number(j));
        etf_region_reset(r);
    }
    etf_region_free(r);
    json_lines_close(j);
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void orders_as_erlang_does(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/order.jsonl.gz");
    struct etf_region *r = etf_region_new(0);

    (void)state;
    while (json_lines_next(j)) {
        size_t count = json_count(j, "sorted");
        etf_term *terms = calloc(count + 1, sizeof *terms);

        assert_non_null(terms);
        for (size_t i = 0; i < count; i++)
            terms[i] = decode(j, r, json_string_at(j, "sorted", i), NULL);
        for (size_t i = 0; i + 1 < count; i++) {
            int want = (int)json_int_at(j, "adjacent", i);

            if (sign(etf_compare(terms[i], terms[i + 1])) != want ||
                sign(etf_compare(terms[i + 1], terms[i])) != -want)
                fail_msg("line %u: %zu and its neighbour", json_lines_number(j),
                         i);
        }
        /* Not only neighbours: the whole is an order. */
        for (size_t i = 0; i < count; i += count / 20 + 1)
            for (size_t k = i; k < count; k += count / 50 + 1)
                assert_true(etf_compare(terms[i], terms[k]) <= 0);
        free(terms);
        etf_region_reset(r);
    }
    etf_region_free(r);
    json_lines_close(j);
}

static bool is_refusal(const char *verdict)
{
    return strcmp(verdict, "badarg") == 0 || strcmp(verdict, "crash") == 0 ||
           strcmp(verdict, "overread") == 0;
}

/* Where releases disagree, either verdict will do. */
static void B_ETF_6_judges_bad_input_as_erlang_does(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/bad.jsonl.gz");
    struct etf_region *r = etf_region_new(0);

    (void)state;
    while (json_lines_next(j)) {
        struct etf_bytes_owned bytes = from_hex(json_string(j, "hex"));
        bool accepted = !is_refusal(json_string(j, "result"));
        bool refused = !accepted;
        const char *others[] = { json_string(j, "otp27"),
                                 json_string(j, "otp23") };
        struct agner_error error = { .text = "" };
        etf_term t = ETF_NONE;
        size_t used = 0;
        enum agner_err err =
            etf_from_binary(r, bytes.data, bytes.size, NULL, &t, &used, &error);

        for (size_t i = 0; i < 2; i++) {
            if (others[i] == NULL)
                continue;
            accepted |= !is_refusal(others[i]);
            refused |= is_refusal(others[i]);
        }
        if ((err == AGNER_OK && !accepted) || (err != AGNER_OK && !refused))
            fail_msg("line %u: %s: %s", json_lines_number(j),
                     json_string(j, "why"),
                     err == AGNER_OK ? "accepted" : error.text);
        if (err == AGNER_OK && json_string(j, "again") != NULL) {
            assert_int_equal(used, json_int(j, "used", -1));
            assert_encodes(j, t, json_string(j, "again"), NULL);
        }
        if (err != AGNER_OK)
            assert_int_equal(strncmp(error.text, "byte ", 5) == 0 ||
                                 strncmp(error.text, "compressed ", 11) == 0,
                             1);
        free(bytes.data);
        etf_region_reset(r);
    }
    etf_region_free(r);
    json_lines_close(j);
}

/* Where Erlang's [safe] refuses, so does ours. */
static void refuses_unknown_names_when_safe(void **state)
{
    const struct etf_decode_options options = { .safe = true };
    struct json_lines *j = json_lines_open(VECTORS "/bad.jsonl.gz");
    struct etf_region *r = etf_region_new(0);
    uint32_t before = etf_atom_count();

    (void)state;
    while (json_lines_next(j)) {
        struct etf_bytes_owned bytes = from_hex(json_string(j, "hex"));
        const char *safe = json_string(j, "safe");
        etf_term t;

        if (safe != NULL && is_refusal(safe)) {
            enum agner_err err = etf_from_binary(r, bytes.data, bytes.size,
                                                 &options, &t, NULL, NULL);

            if (err == AGNER_OK)
                fail_msg("line %u: accepted", json_lines_number(j));
        }
        free(bytes.data);
        etf_region_reset(r);
    }
    assert_int_equal(etf_atom_count(), before);
    etf_region_free(r);
    json_lines_close(j);
}

/* B-ETF-1: nothing that is cut short is taken for whole, or for broken. */
static void B_ETF_1_refuses_every_prefix_as_truncated(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/terms.jsonl.gz");
    struct etf_region *r = etf_region_new(0);

    (void)state;
    while (json_lines_next(j)) {
        struct etf_bytes_owned bytes = from_hex(canonical(j));

        for (size_t size = 0; size < bytes.size && bytes.size <= 300; size++) {
            struct agner_error error = { .text = "" };
            /* A copy of its own, so that reading past it is noticed. */
            uint8_t *prefix = malloc(size + 1);
            etf_term t;
            enum agner_err err;

            assert_non_null(prefix);
            memcpy(prefix + 1, bytes.data, size);
            err = etf_from_binary(r, prefix + 1, size, NULL, &t, NULL, &error);
            if (err != AGNER_ETRUNCATED)
                fail_msg("line %u, %zu bytes: %s", json_lines_number(j), size,
                         err == AGNER_OK ? "accepted" : error.text);
            free(prefix);
            etf_region_reset(r);
        }
        free(bytes.data);
    }
    etf_region_free(r);
    json_lines_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while its atoms are unknown. */
        cmocka_unit_test(refuses_unknown_names_when_safe),
        cmocka_unit_test(reads_every_form_and_writes_the_canonical_one),
        cmocka_unit_test(keeps_identifiers_of_other_nodes),
        cmocka_unit_test(writes_the_old_forms_when_asked),
        cmocka_unit_test(hashes_as_erlang_does),
        cmocka_unit_test(orders_as_erlang_does),
        cmocka_unit_test(B_ETF_6_judges_bad_input_as_erlang_does),
        cmocka_unit_test(B_ETF_1_refuses_every_prefix_as_truncated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_etf_property.c -- what holds for every term, tried on random ones.
 *
 * Each property runs over a few thousand seeds; AGNER_SEED=n in the environment
 * starts at n. A failure is tried again with smaller terms, and the smallest
 * one that fails is reported by seed and size, with its bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "etf_door.h"
#include "term_gen.h"

#define CASES        3000
#define GEN_SIZE_MAX 60u

struct terms {
    struct etf_region *region; /* for what the property makes */
    uint64_t *state;
    etf_term a, b, c; /* b is near a, c is near b or independent */
};

typedef bool (*property)(struct terms *);

static bool holds(property p, uint64_t seed, unsigned size, bool show)
{
    struct etf_region *r = etf_region_new(0);
    uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;
    struct terms terms = { .region = r, .state = &state };
    struct etf_buffer b = { 0 };
    bool ok;

    terms.a = gen_term(r, &state, size);
    terms.b = gen_near(r, &state, terms.a);
    terms.c =
        state % 2 ? gen_near(r, &state, terms.b) : gen_term(r, &state, size);
    assert_false(etf_is_none(terms.a));
    assert_false(etf_is_none(terms.b));
    assert_false(etf_is_none(terms.c));
    ok = p(&terms);
    if (show && etf_encode(&b, terms.a, NULL) == AGNER_OK) {
        fprintf(stderr, "seed %llu size %u: ", (unsigned long long)seed, size);
        for (size_t i = 0; i < b.size && i < 200; i++)
            fprintf(stderr, "%02x", b.data[i]);
        fprintf(stderr, "\n");
    }
    etf_buffer_fini(&b);
    etf_region_free(r);
    return ok;
}

static void check(property p)
{
    const char *first = getenv("AGNER_SEED");
    uint64_t seed = first == NULL ? 1 : strtoull(first, NULL, 10);

    for (uint64_t end = seed + CASES; seed < end; seed++) {
        unsigned size = (unsigned)(seed % GEN_SIZE_MAX);
        unsigned small = 0;

        if (holds(p, seed, size, false))
            continue;
        while (small < size && holds(p, seed, small, false))
            small++;
        (void)holds(p, seed, small, true);
        fail_msg("AGNER_SEED=%llu, size %u", (unsigned long long)seed, small);
    }
}

/* ---- Codec ---- */

static bool decodes_to_itself(struct terms *t)
{
    struct etf_buffer b = { 0 }, again = { 0 };
    struct etf_box *box = NULL;
    etf_term back = ETF_NONE;
    size_t used = 0;
    bool ok =
        etf_encode(&b, t->a, NULL) == AGNER_OK &&
        etf_decode(t->region, b.data, b.size, NULL, &back, &used, NULL) ==
            AGNER_OK &&
        used == b.size && etf_equal(back, t->a) &&
        etf_encode(&again, back, NULL) == AGNER_OK && again.size == b.size &&
        memcmp(again.data, b.data, b.size) == 0 &&
        etf_decode_box(b.data, b.size, NULL, &box, NULL, NULL) == AGNER_OK &&
        etf_equal(etf_box_term(box), t->a);

    etf_box_free(box);
    etf_buffer_fini(&b);
    etf_buffer_fini(&again);
    return ok;
}

static void a_term_is_what_its_bytes_say(void **state)
{
    (void)state;
    check(decodes_to_itself);
}

static bool survives_compression(struct terms *t)
{
    struct etf_buffer b = { 0 };
    etf_term back = ETF_NONE;
    size_t used = 0;
    bool ok = etf_to_binary(&b, t->a, NULL, -1) == AGNER_OK &&
              etf_from_binary(t->region, b.data, b.size, NULL, &back, &used,
                              NULL) == AGNER_OK &&
              used == b.size && etf_equal(back, t->a);

    etf_buffer_fini(&b);
    return ok;
}

static void a_term_survives_compression(void **state)
{
    (void)state;
    check(survives_compression);
}

/* A byte changed: an error or some term, and nothing else. */
static bool survives_a_changed_byte(struct terms *t)
{
    struct etf_buffer b = { 0 };
    struct agner_error error;
    etf_term back;

    if (etf_encode(&b, t->a, NULL) != AGNER_OK)
        return false;
    for (int i = 0; i < 20; i++) {
        size_t at = (size_t)(gen_random(t->state) % b.size);
        uint8_t before = b.data[at];
        struct etf_box *box = NULL;
        enum agner_err err, box_err;

        b.data[at] = (uint8_t)gen_random(t->state);
        err = etf_decode(t->region, b.data, b.size, NULL, &back, NULL, &error);
        box_err = etf_decode_box(b.data, b.size, NULL, &box, NULL, NULL);
        if (err != box_err ||
            (err == AGNER_OK && !etf_equal(back, etf_box_term(box))))
            return false;
        if (err == AGNER_OK)
            etf_box_free(box);
        b.data[at] = before;
    }
    etf_buffer_fini(&b);
    return true;
}

static void a_changed_byte_is_an_error_or_a_term(void **state)
{
    (void)state;
    check(survives_a_changed_byte);
}

/* The buffer's limit is met exactly, and a failure leaves it as it was. */
static bool fits_its_own_size(struct terms *t)
{
    struct etf_buffer b = { 0 }, exact = { 0 }, tight = { 0 };
    bool ok = etf_encode(&b, t->a, NULL) == AGNER_OK;

    exact.size_max = b.size;
    tight.size_max = b.size - 1;
    ok = ok && etf_encode(&exact, t->a, NULL) == AGNER_OK;
    if (b.size > 1)
        ok = ok && etf_encode(&tight, t->a, NULL) == AGNER_ELIMIT &&
             tight.size == 0;
    etf_buffer_fini(&b);
    etf_buffer_fini(&exact);
    etf_buffer_fini(&tight);
    return ok;
}

static void a_term_fits_a_buffer_of_its_size(void **state)
{
    (void)state;
    check(fits_its_own_size);
}

/* ---- Copies ---- */

static bool copies_are_equal(struct terms *t)
{
    struct etf_region *other = etf_region_new(0);
    struct etf_box *box = etf_box_new(t->a);
    etf_term copy = etf_copy(other, t->a);
    bool ok = etf_equal(copy, t->a) && etf_equal(etf_box_term(box), t->a) &&
              etf_phash2(copy, 0) == etf_phash2(t->a, 0) &&
              etf__flat_words(copy) == etf__flat_words(t->a) &&
              etf_region_used(other) >= 8 * etf__flat_words(t->a);

    etf_box_free(box);
    etf_region_free(other);
    return ok;
}

static void a_copy_is_equal(void **state)
{
    (void)state;
    check(copies_are_equal);
}

/* ---- Order ---- */

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static bool is_an_order(struct terms *t, int (*compare)(etf_term, etf_term))
{
    int ab = sign(compare(t->a, t->b)), bc = sign(compare(t->b, t->c));
    int ac = sign(compare(t->a, t->c));

    if (compare(t->a, t->a) != 0 || sign(compare(t->b, t->a)) != -ab ||
        sign(compare(t->c, t->b)) != -bc)
        return false;
    if (ab == bc || bc == 0) /* a ? b ? c, so a ? c */
        return ac == ab;
    if (ab == 0)
        return ac == bc;
    return true;
}

static bool both_are_orders(struct terms *t)
{
    return is_an_order(t, etf_compare) && is_an_order(t, etf_compare_exact);
}

static void comparing_is_a_total_order(void **state)
{
    (void)state;
    check(both_are_orders);
}

static bool equality_agrees(struct terms *t)
{
    bool equal = etf_equal(t->a, t->b);

    if (equal != (etf_compare_exact(t->a, t->b) == 0))
        return false;
    if (equal && (etf_compare(t->a, t->b) != 0 ||
                  etf_phash2(t->a, 0) != etf_phash2(t->b, 0)))
        return false;
    return etf_equal(t->b, t->a) == equal;
}

static void equal_terms_compare_and_hash_alike(void **state)
{
    (void)state;
    check(equality_agrees);
}

/* ---- Maps ---- */

static bool maps_find_their_keys(struct terms *t)
{
    etf_term keys[] = { t->a, t->b, t->c, etf_int(t->region, 1),
                        etf_float(t->region, 1) };
    etf_term map = etf_map(t->region, NULL, 0), key, value, before;

    for (int i = 0; i < 5; i++)
        map = etf_map_put(t->region, map, keys[i], etf_int(t->region, i));
    for (int i = 0; i < 5; i++) {
        int last = i;

        for (int k = i; k < 5; k++)
            if (etf_equal(keys[i], keys[k]))
                last = k;
        if (!etf_equal(etf_map_get(map, keys[i]), etf_int(t->region, last)))
            return false;
    }
    etf_map_pair(map, 0, &before, &value);
    for (size_t i = 1; i < etf_map_size(map); i++) {
        etf_map_pair(map, i, &key, &value);
        if (etf_compare_exact(before, key) >= 0)
            return false;
        before = key;
    }
    return true;
}

static void maps_are_in_order_and_find_their_keys(void **state)
{
    (void)state;
    check(maps_find_their_keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_term_is_what_its_bytes_say),
        cmocka_unit_test(a_term_survives_compression),
        cmocka_unit_test(a_changed_byte_is_an_error_or_a_term),
        cmocka_unit_test(a_term_fits_a_buffer_of_its_size),
        cmocka_unit_test(a_copy_is_equal),
        cmocka_unit_test(comparing_is_a_total_order),
        cmocka_unit_test(equal_terms_compare_and_hash_alike),
        cmocka_unit_test(maps_are_in_order_and_find_their_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

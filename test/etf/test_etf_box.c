/*
 * test_etf_box.c -- boxes and flat copies: complete, in one piece, shared.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "etf_door.h"

#define DEEP 1000000

static _Atomic int destroyed;

static void count_destroy(void *value)
{
    (void)value;
    atomic_fetch_add(&destroyed, 1);
}

static etf_term one_of_each(struct etf_region *r)
{
    static const char bytes[1000] = "long";
    etf_pid pid = {
        .node = ETF_A(noname), .id = 7, .serial = 8, .creation = 9
    };
    etf_ref ref = { .node = ETF_A(noname),
                    .count = 5,
                    .words = { 1, 2, 3, 4, 5 } };
    etf_term pairs[] = { etf_int(r, 2), etf_nil(), etf_float(r, 2.0),
                         etf_text(r, "value") };
    etf_term parts[] = {
        etf_int(r, -1),
        etf_uint(r, UINT64_MAX),
        etf_float(r, -0.5),
        etf_atom("box"),
        etf_atom_limited(r, "an atom that nobody interned", 28, NULL),
        etf_string(r, "list"),
        etf_cons(r, etf_int(r, 1), etf_int(r, 2)),
        etf_tuple(r, NULL, 0),
        etf_map(r, NULL, 0),
        etf_map(r, pairs, 2),
        etf_text(r, ""),
        etf_text(r, "12345678"),
        etf_binary(r, bytes, sizeof bytes),
        etf_bits(r, bytes, 3, 5),
        etf_bits(r, bytes, sizeof bytes, 5),
        etf_from_pid(r, pid),
        etf_from_pid(NULL, (etf_pid){ .id = 3, .serial = 4 }),
        etf_from_ref(r, ref),
        etf_port(r, ETF_A(noname), 1ull << 40, 3),
        etf_export(r, ETF_A(ok), ETF_A(error), 3),
    };

    return etf_tuple(r, parts, sizeof parts / sizeof parts[0]);
}

static void copies_every_kind(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_region *other = etf_region_new(0);
    etf_term t = one_of_each(r);
    struct etf_box *box = etf_box_new(t);
    etf_term copy = etf_copy(other, t);

    (void)state;
    assert_false(etf_is_none(t));
    assert_non_null(box);
    assert_true(etf_equal(t, etf_box_term(box)));
    assert_true(etf_equal(t, copy));
    assert_int_equal(etf_box_size(box),
                     sizeof *box + etf__flat_words(t) * sizeof(uint64_t));
    etf_region_free(r); /* the copies must not refer to it */
    r = etf_region_new(0);
    t = one_of_each(r);
    assert_true(etf_equal(t, etf_box_term(box)));
    assert_true(etf_equal(t, copy));
    etf_box_free(box);
    etf_region_free(other);
    etf_region_free(r);
}

/* The copy is as many words as were counted, and all of them in one block. */
static void fills_exactly_the_words_that_were_counted(void **state)
{
    struct etf_region *r = etf_region_new(0);
    etf_term t = one_of_each(r);
    size_t count = etf__flat_words(t);
    uint64_t *words = calloc(count + 1, sizeof *words);
    uint64_t *offheap = NULL;

    (void)state;
    assert_non_null(words);
    words[count] = 0x5ca1ab1e;
    assert_true(etf_equal(etf__flat_copy(words, t, &offheap), t));
    assert_int_equal(words[count], 0x5ca1ab1e);
    assert_true(words[count - 1] != 0 || words[count - 2] != 0);
    etf__offheap_drop(offheap);
    free(words);
    etf_region_free(r);
}

static void needs_no_memory_for_immediate_terms(void **state)
{
    etf_term terms[] = { etf_nil(), ETF_A(ok), etf__small(-5),
                         etf__local_pid(1, 2) };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct etf_box *box = etf_box_new(terms[i]);

        assert_int_equal(etf__flat_words(terms[i]), 0);
        assert_true(etf_same(etf_copy(NULL, terms[i]), terms[i]));
        assert_true(etf_same(etf_box_term(box), terms[i]));
        etf_box_free(box);
    }
    etf_box_free(NULL);
}

static void destroys_a_resource_with_its_last_owner(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_box *first, *second;
    void *value;

    (void)state;
    atomic_store(&destroyed, 0);
    first = etf_box_new(etf_resource(r, r, count_destroy));
    second = etf_box_new(etf_box_term(first));
    assert_ptr_equal(etf_box_hold(first), first);
    etf_region_reset(r);
    etf_box_free(first);
    etf_box_free(second);
    assert_int_equal(atomic_load(&destroyed), 0);
    assert_true(etf_get_resource(etf_box_term(first), &value));
    assert_ptr_equal(value, r);
    etf_box_free(first);
    assert_int_equal(atomic_load(&destroyed), 1);
    etf_region_free(r);
}

static void shares_large_binaries(void **state)
{
    struct etf_region *r = etf_region_new(0);
    char *bytes = calloc(1, 1 << 20);
    etf_term t = etf_binary(r, bytes, 1 << 20);
    struct etf_box *box = etf_box_new(t);
    etf_bytes a, b;

    (void)state;
    assert_true(etf_get_bytes(t, &a));
    assert_true(etf_get_bytes(etf_box_term(box), &b));
    assert_ptr_equal(a.data, b.data);
    assert_true(etf_box_size(box) < 200);
    free(bytes);
    etf_region_free(r);
    assert_int_equal(b.data[12345], 0); /* it is the box's now */
    etf_box_free(box);
}

static void *hold_and_free(void *arg)
{
    for (int i = 0; i < 10000; i++)
        etf_box_free(etf_box_hold(arg));
    etf_box_free(arg);
    return NULL;
}

/* {ok, Large, Small} with a large binary of `size` bytes, in a blob. */
static struct etf_blob *encoded(size_t size)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer b = { 0 };
    uint8_t *bytes = calloc(size, 1);
    struct etf_blob *blob;
    etf_term parts[3] = { ETF_A(ok) };

    bytes[0] = 1;
    bytes[size - 1] = 2;
    parts[1] = etf_binary(r, bytes, size);
    parts[2] = etf_binary(r, bytes, 300);
    assert_int_equal(etf_encode(&b, etf_tuple(r, parts, 3), NULL), AGNER_OK);
    blob = etf__blob_new(b.size);
    memcpy(blob->bytes, b.data, b.size);
    etf_buffer_fini(&b);
    free(bytes);
    etf_region_free(r);
    return blob;
}

/* A large binary stays where its input is, and keeps it; what is small, or not
 * the greater part of it, is copied. */
static void leaves_a_large_binary_in_its_input(void **state)
{
    static const size_t sizes[] = { 300, ETF__REFER_MIN - 1, ETF__REFER_MIN,
                                    1000000 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct etf_blob *blob = encoded(sizes[i]);
        struct etf_decode_options options = { .source = blob, .exact = true };
        bool stays = sizes[i] >= ETF__REFER_MIN;
        struct etf_box *box;
        const etf_term *items;
        etf_bytes large, small;

        assert_int_equal(
            etf_decode_box(blob->bytes, blob->size, &options, &box, NULL, NULL),
            AGNER_OK);
        assert_int_equal(etf__blob_is_shared(blob), stays);
        etf__blob_drop(blob);
        items = etf_tuple_items(etf_box_term(box));
        assert_true(etf_get_bytes(items[1], &large));
        assert_int_equal(large.size, sizes[i]);
        assert_int_equal(large.data[0], 1);
        assert_int_equal(large.data[sizes[i] - 1], 2);
        assert_true(etf_get_bytes(items[2], &small));
        assert_int_equal(small.data[0], 1);
        etf_box_free(box);
    }
}

/* Of two halves neither is worth keeping both. */
static void copies_a_binary_out_of_a_larger_input(void **state)
{
    struct etf_blob *blob = encoded(10000);
    struct etf_decode_options options = { .source = blob };
    struct etf_box *box;

    (void)state;
    blob = etf__blob_resize(blob, 30000);
    options.source = blob;
    assert_int_equal(
        etf_decode_box(blob->bytes, blob->size, &options, &box, NULL, NULL),
        AGNER_OK);
    assert_false(etf__blob_is_shared(blob));
    etf__blob_drop(blob);
    etf_box_free(box);
}

/* What is encoded without the tail, and the tail, are what is encoded whole. */
static void check_tail(etf_term t, bool has_tail)
{
    struct etf_tail tail = { .min = 1000 };
    struct etf_encode_options options = { .tail = &tail };
    struct etf_buffer whole = { 0 }, head = { 0 };

    assert_int_equal(etf_encode(&whole, t, NULL), AGNER_OK);
    assert_int_equal(etf_encode(&head, t, &options), AGNER_OK);
    assert_int_equal(tail.blob != NULL, has_tail);
    assert_int_equal(head.size + tail.size, whole.size);
    if (has_tail)
        assert_int_equal(etf_buffer_add(&head, tail.bytes, tail.size),
                         AGNER_OK);
    assert_memory_equal(head.data, whole.data, whole.size);
    etf_buffer_fini(&whole);
    etf_buffer_fini(&head);
}

static void leaves_a_large_binary_at_the_end_to_who_asks(void **state)
{
    struct etf_region *r = etf_region_new(0);
    uint8_t bytes[1000];
    etf_term large, small, inner, key = ETF_A(ok);

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    large = etf_binary(r, bytes, sizeof bytes);
    small = etf_binary(r, bytes, sizeof bytes - 1);
    inner = etf_tuple(r, (etf_term[]){ large, large }, 2);
    check_tail(large, true);
    check_tail(small, false);
    check_tail(inner, true);
    check_tail(etf_tuple(r, (etf_term[]){ inner, inner }, 2), true);
    check_tail(etf_tuple(r, (etf_term[]){ large, key }, 2), false);
    check_tail(etf_tuple(r, (etf_term[]){ inner, small }, 2), false);
    check_tail(etf_map(r, (etf_term[]){ key, large }, 1), true);
    check_tail(etf_list(r, (etf_term[]){ key, large }, 2, etf_nil()), false);
    check_tail(etf_cons(r, key, large), true);
    check_tail(etf_list(r, (etf_term[]){ key, inner }, 2, etf_nil()), false);
    check_tail(etf_bits(r, bytes, sizeof bytes, 3), false);
    etf_region_free(r);
}

static void counts_owners_on_many_threads(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_box *box;
    pthread_t threads[4];

    (void)state;
    atomic_store(&destroyed, 0);
    box = etf_box_new(etf_resource(r, NULL, count_destroy));
    etf_region_free(r);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, hold_and_free, etf_box_hold(box)),
            0);
    etf_box_free(box);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&destroyed), 1);
}

/* The value that the last owner's thread destroys, others read just before. */
static void write_value(void *value)
{
    *(int *)value = 0;
    atomic_fetch_add_explicit(&destroyed, 1, memory_order_relaxed);
}

static void *read_and_free(void *arg)
{
    struct etf_box *box = arg;
    void *value;

    if (etf_get_resource(etf_box_term(box), &value) && *(int *)value != 7)
        abort(); /* cmocka's assertions are for the main thread */
    etf_box_free(box);
    return NULL;
}

static void lets_readers_finish_before_a_resource_goes(void **state)
{
    int value = 7;
    struct etf_region *r = etf_region_new(0);
    etf_term t = etf_resource(r, &value, write_value);
    pthread_t threads[4];

    (void)state;
    atomic_store(&destroyed, 0);
    for (int i = 0; i < 4; i++) /* a box each: they share only the resource */
        assert_int_equal(
            pthread_create(&threads[i], NULL, read_and_free, etf_box_new(t)),
            0);
    etf_region_free(r);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&destroyed), 1);
    assert_int_equal(value, 0);
}

/* B-ETF-5: constant C stack, whatever the nesting. */
static void B_ETF_5_copies_a_million_levels(void **state)
{
    struct etf_region *r = etf_region_new(0);
    etf_term tuples = etf_nil(), heads = etf_nil(), maps = etf_nil();
    etf_term all[3];
    struct etf_box *box;

    (void)state;
    for (int i = 0; i < DEEP; i++) {
        etf_term pair[] = { ETF_A(ok), maps };
        etf_term item[] = { tuples, ETF_A(ok) };

        tuples = etf_tuple(r, item, 2);
        heads = etf_cons(r, heads, etf_nil());
        maps = etf_map(r, pair, 1);
    }
    all[0] = tuples;
    all[1] = heads;
    all[2] = maps;
    box = etf_box_new(etf_tuple(r, all, 3));
    assert_non_null(box);
    assert_true(etf_equal(etf_box_term(box), etf_tuple(r, all, 3)));
    assert_int_equal(etf_phash2(etf_box_term(box), 0),
                     etf_phash2(etf_tuple(r, all, 3), 0));
    etf_box_free(box);
    etf_region_free(r);
}

/* Sharing is lost in a copy, so 40 pairs of pairs would be 2^40 words. */
static void refuses_a_copy_that_would_explode(void **state)
{
    struct etf_region *r = etf_region_new(0);
    etf_term t = ETF_A(ok);

    (void)state;
    for (int i = 0; i < 40; i++) {
        etf_term both[] = { t, t };

        t = etf_tuple(r, both, 2);
    }
    assert_int_equal(etf__flat_words(t), SIZE_MAX);
    assert_null(etf_box_new(t));
    assert_true(etf_is_none(etf_copy(r, t)));
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_every_kind),
        cmocka_unit_test(fills_exactly_the_words_that_were_counted),
        cmocka_unit_test(needs_no_memory_for_immediate_terms),
        cmocka_unit_test(destroys_a_resource_with_its_last_owner),
        cmocka_unit_test(shares_large_binaries),
        cmocka_unit_test(leaves_a_large_binary_in_its_input),
        cmocka_unit_test(copies_a_binary_out_of_a_larger_input),
        cmocka_unit_test(leaves_a_large_binary_at_the_end_to_who_asks),
        cmocka_unit_test(counts_owners_on_many_threads),
        cmocka_unit_test(lets_readers_finish_before_a_resource_goes),
        cmocka_unit_test(B_ETF_5_copies_a_million_levels),
        cmocka_unit_test(refuses_a_copy_that_would_explode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_etf_build.c -- terms made from C values, and C values out of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

static struct etf_region *r;

static void integers_come_back(void **state)
{
    static const int64_t values[] = {
        0,
        1,
        -1,
        255,
        256,
        INT32_MAX,
        INT32_MIN,
        INT64_MAX,
        INT64_MIN,
        (1ll << 60) - 1,
        1ll << 60,
        -(1ll << 60),
        -(1ll << 60) - 1,
    };
    int64_t v;
    uint64_t u;

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        etf_term t = etf_int(r, values[i]);

        assert_int_equal(etf_kind(t), ETF_KIND_INTEGER);
        assert_true(etf_get_int(t, &v) && v == values[i]);
        u = 77;
        assert_int_equal(etf_get_uint(t, &u), values[i] >= 0);
        assert_true(u == (values[i] >= 0 ? (uint64_t)values[i] : 77));
    }
    assert_true(etf_get_uint(etf_uint(r, UINT64_MAX), &u) && u == UINT64_MAX);
    assert_false(etf_get_int(etf_uint(r, (uint64_t)INT64_MAX + 1), &v));
    assert_false(etf_get_int(ETF_A(ok), &v));
    assert_false(etf_get_int(etf_float(r, 1), &v));
    assert_false(etf_get_int(etf_nil(), &v));
}

static void long_integers_come_back_as_bytes(void **state)
{
    uint8_t bytes[20] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
    uint8_t back[20];
    bool negative;
    size_t used;
    int64_t v;
    etf_term t = etf_big(r, true, bytes, 20); /* seven leading zeros */

    (void)state;
    assert_false(etf_get_big(t, &negative, back, 12, &used));
    assert_int_equal(used, 13);
    assert_true(etf_get_big(t, &negative, back, 13, &used));
    assert_true(negative && used == 13);
    assert_memory_equal(back, bytes, 13);
    assert_true(etf_get_big(etf_int(r, -258), &negative, back, 20, &used));
    assert_true(negative && used == 2 && back[0] == 2 && back[1] == 1);
    assert_true(etf_get_big(etf_int(r, 0), &negative, back, 0, &used));
    assert_int_equal(used, 0);
    assert_true(etf_get_int(etf_big(r, true, bytes, 2), &v) && v == -513);
    assert_true(etf_get_int(etf_big(r, true, NULL, 0), &v) && v == 0);
    assert_false(etf_get_big(ETF_A(ok), &negative, back, 20, &used));
}

static void floats_are_finite(void **state)
{
    double v = 7;

    (void)state;
    assert_true(etf_get_float(etf_float(r, -0.0), &v) && signbit(v));
    assert_true(etf_is_none(etf_float(r, (double)NAN)));
    assert_true(etf_is_none(etf_float(r, (double)INFINITY)));
    assert_false(etf_get_float(etf_int(r, 1), &v));
    assert_true(etf_get_number(etf_int(r, 3), &v) && v == 3);
    assert_true(etf_get_number(etf_float(r, 2.5), &v) && v == 2.5);
    assert_false(etf_get_number(ETF_A(ok), &v));
}

static void booleans_are_two_atoms(void **state)
{
    bool v = false;

    (void)state;
    assert_true(etf_get_bool(etf_bool(true), &v) && v);
    assert_true(etf_get_bool(etf_bool(false), &v) && !v);
    assert_false(etf_get_bool(ETF_A(ok), &v));
    assert_true(etf_is_atom(etf_bool(true)));
}

static void lists_and_tuples_hold_their_items(void **state)
{
    etf_term items[3] = { etf_int(r, 1), ETF_A(ok), etf_nil() };
    etf_term list = etf_list(r, items, 3, etf_nil());
    etf_term improper = etf_list(r, items, 3, ETF_A(ok));
    etf_term tuple = etf_tuple(r, items, 3), head;

    (void)state;
    assert_int_equal(etf_list_size(list), 3);
    assert_int_equal(etf_list_size(improper), -1);
    assert_int_equal(etf_list_size(etf_nil()), 0);
    assert_int_equal(etf_list_size(tuple), -1);
    for (int i = 0; i < 3; i++) {
        assert_true(etf_list_next(&list, &head));
        assert_true(etf_same(head, items[i]));
        assert_true(etf_same(etf_tuple_items(tuple)[i], items[i]));
    }
    assert_false(etf_list_next(&list, &head));
    assert_true(etf_same(etf_list(r, NULL, 0, ETF_A(ok)), ETF_A(ok)));
    assert_int_equal(etf_tuple_size(tuple), 3);
    assert_int_equal(etf_tuple_size(etf_tuple(r, NULL, 0)), 0);
    assert_null(etf_tuple_items(list));
    items[0] = ETF_A(reply);
    tuple = etf_tuple(r, items, 3);
    assert_true(etf_is_tagged(tuple, ETF_A(reply), 3));
    assert_false(etf_is_tagged(tuple, ETF_A(reply), 2));
    assert_false(etf_is_tagged(tuple, ETF_A(ok), 3));
    assert_false(etf_is_tagged(etf_tuple(r, NULL, 0), ETF_A(ok), 0));
}

/* One check at the end of a construction is enough. */
static void a_missing_part_makes_the_whole_missing(void **state)
{
    etf_term items[2] = { ETF_A(ok), ETF_NONE };

    (void)state;
    assert_true(etf_is_none(etf_tuple(r, items, 2)));
    assert_true(etf_is_none(etf_list(r, items, 2, etf_nil())));
    assert_true(etf_is_none(etf_list(r, items, 1, ETF_NONE)));
    assert_true(etf_is_none(etf_cons(r, ETF_NONE, etf_nil())));
    assert_true(etf_is_none(etf_cons(r, etf_nil(), ETF_NONE)));
    assert_true(etf_is_none(etf_map(r, items, 1)));
    assert_true(etf_is_none(etf_map_put(r, ETF_NONE, items[0], items[0])));
    assert_true(
        etf_is_none(etf_map_put(r, etf_map(r, NULL, 0), items[0], items[1])));
    assert_true(etf_is_none(etf_export(r, items[0], items[1], 1)));
    assert_int_equal(etf_kind(ETF_NONE), ETF_KIND_NONE);
}

static void maps_are_looked_up_by_exact_key(void **state)
{
    etf_term one = etf_int(r, 1), one_float = etf_float(r, 1);
    etf_term pairs[] = { etf_text(r, "b"), ETF_A(ok), one_float,
                         ETF_A(error),     one,       ETF_A(nil),
                         ETF_A(ok),        etf_nil() };
    etf_term map = etf_map(r, pairs, 4), key, value, larger;

    (void)state;
    assert_int_equal(etf_map_size(map), 4);
    assert_true(etf_same(etf_map_get(map, etf_int(r, 1)), ETF_A(nil)));
    assert_true(etf_same(etf_map_get(map, etf_float(r, 1)), ETF_A(error)));
    assert_true(etf_same(etf_map_get(map, etf_text(r, "b")), ETF_A(ok)));
    assert_true(etf_is_none(etf_map_get(map, etf_text(r, "c"))));
    assert_true(etf_is_none(etf_map_get(ETF_A(ok), one)));
    etf_map_pair(map, 0, &key, &value);
    assert_true(etf_same(key, one)); /* integers first */
    etf_map_pair(map, 3, &key, &value);
    assert_int_equal(etf_kind(key), ETF_KIND_BINARY);
    larger = etf_map_put(r, map, etf_nil(), one);
    assert_int_equal(etf_map_size(larger), 5);
    assert_int_equal(etf_map_size(map), 4);
    assert_true(etf_same(etf_map_get(larger, etf_nil()), one));
    larger = etf_map_put(r, larger, etf_int(r, 1), one_float);
    assert_int_equal(etf_map_size(larger), 5);
    assert_true(etf_same(etf_map_get(larger, one), one_float));
    pairs[0] = etf_int(r, 1);
    assert_true(etf_is_none(etf_map(r, pairs, 4))); /* 1 twice */
}

/* Past the keys that are looked for word by word, and in any order. */
static void large_maps_find_every_key(void **state)
{
    static etf_term pairs[2 * 1000];
    etf_term map;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int key = i * 7919 % 1000;
        char text[16];

        snprintf(text, sizeof text, "key%d", key);
        pairs[2 * i] = i % 2 ? etf_text(r, text) : etf_int(r, key);
        pairs[2 * i + 1] = etf_int(r, i);
    }
    map = etf_map(r, pairs, 1000);
    assert_int_equal(etf_map_size(map), 1000);
    for (int i = 0; i < 1000; i++)
        assert_true(etf_same(etf_map_get(map, pairs[2 * i]), pairs[2 * i + 1]));
}

static void binaries_and_bits_come_back(void **state)
{
    uint8_t bytes[1000];
    etf_bytes got;
    unsigned bits;

    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    for (size_t size = 0; size <= 1000; size += size < 20 ? 1 : 59) {
        assert_true(etf_get_bytes(etf_binary(r, bytes, size), &got));
        assert_int_equal(got.size, size);
        assert_true(size == 0 || memcmp(got.data, bytes, size) == 0);
        if (size == 0)
            continue;
        assert_true(etf_get_bits(etf_bits(r, bytes, size, 3), &got, &bits));
        assert_true(got.size == size && bits == 3);
        assert_int_equal(got.data[size - 1], 0xe0);
        assert_false(etf_get_bytes(etf_bits(r, bytes, size, 3), &got));
    }
    assert_int_equal(etf_kind(etf_bits(r, bytes, 1, 8)), ETF_KIND_BINARY);
    assert_int_equal(etf_kind(etf_bits(r, bytes, 1, 7)), ETF_KIND_BITSTRING);
    assert_true(etf_is_none(etf_bits(r, bytes, 1, 0)));
    assert_true(etf_is_none(etf_bits(r, bytes, 1, 9)));
    assert_true(etf_is_none(etf_bits(r, bytes, 0, 3)));
}

static void text_comes_from_binaries_strings_and_atoms(void **state)
{
    etf_term points[] = { etf_int(r, 0x1f41d), etf_int(r, 'x') };
    etf_term odd[] = { etf_int(r, 0xd800) };
    char buffer[8];

    (void)state;
    assert_true(etf_get_text(etf_text(r, "binary"), buffer, sizeof buffer));
    assert_string_equal(buffer, "binary");
    assert_true(etf_get_text(etf_string(r, "h\xc3\xa9"), buffer, 8));
    assert_string_equal(buffer, "h\xc3\xa9");
    assert_int_equal(etf_list_size(etf_string(r, "h\xc3\xa9")), 2);
    assert_true(etf_get_text(ETF_A(normal), buffer, 8));
    assert_string_equal(buffer, "normal");
    assert_true(etf_get_text(etf_list(r, points, 2, etf_nil()), buffer, 8));
    assert_string_equal(buffer, "\xf0\x9f\x90\x9dx");
    assert_true(etf_get_text(etf_nil(), buffer, 1));
    assert_string_equal(buffer, "");
    strcpy(buffer, "before");
    assert_false(etf_get_text(etf_text(r, "12345678"), buffer, 8));
    assert_string_equal(buffer, "");
    assert_false(etf_get_text(etf_string(r, "12345678"), buffer, 8));
    assert_false(etf_get_text(etf_binary(r, "a\0b", 3), buffer, 8));
    assert_false(etf_get_text(etf_binary(r, "\xff", 1), buffer, 8));
    assert_false(etf_get_text(etf_list(r, odd, 1, etf_nil()), buffer, 8));
    assert_false(etf_get_text(etf_int(r, 1), buffer, 8));
    assert_false(etf_get_text(ETF_A(ok), buffer, 0));
    assert_true(etf_is_none(etf_string(r, "\xff")));
}

static void identifiers_come_back(void **state)
{
    etf_pid pid = { .id = 5, .serial = 6 }, pid_back;
    etf_ref ref = { .count = 4, .words = { 1, 2, 3, 4 } }, ref_back;
    etf_term node = ETF_A(noname), node_back, function;
    uint64_t id;
    uint32_t creation, arity;

    (void)state;
    assert_true(etf_get_pid(etf_from_pid(NULL, pid), &pid_back));
    assert_memory_equal(&pid, &pid_back, sizeof pid);
    pid = (etf_pid){ node, UINT32_MAX, UINT32_MAX, 7, 0 };
    assert_true(etf_get_pid(etf_from_pid(r, pid), &pid_back));
    assert_memory_equal(&pid, &pid_back, sizeof pid);
    assert_true(etf_pid_equal(pid, pid_back));
    pid.creation++;
    assert_false(etf_pid_equal(pid, pid_back));
    assert_true(etf_is_none(etf_from_pid(NULL, (etf_pid){ .id = 1u << 28 })));
    assert_true(etf_get_ref(etf_from_ref(r, ref), &ref_back));
    assert_memory_equal(&ref, &ref_back, sizeof ref);
    ref = (etf_ref){ node, 9, 5, { 1, 2, 3, 4, 5 }, 0 };
    assert_true(etf_get_ref(etf_from_ref(r, ref), &ref_back));
    assert_memory_equal(&ref, &ref_back, sizeof ref);
    ref.words[4]++;
    assert_false(etf_ref_equal(ref, ref_back));
    ref.count = 6;
    assert_true(etf_is_none(etf_from_ref(r, ref)));
    ref.count = 0;
    assert_true(etf_is_none(etf_from_ref(r, ref)));
    assert_true(etf_get_port(etf_port(r, node, 1ull << 50, 3), &node_back, &id,
                             &creation));
    assert_true(etf_same(node, node_back) && id == 1ull << 50 && creation == 3);
    assert_true(etf_get_export(etf_export(r, ETF_A(ok), ETF_A(error), 255),
                               &node_back, &function, &arity));
    assert_true(etf_same(function, ETF_A(error)) && arity == 255);
    assert_true(etf_is_none(etf_export(r, ETF_A(ok), ETF_A(ok), 256)));
    assert_false(etf_get_pid(ETF_A(ok), &pid_back));
}

static void buffers_grow_up_to_their_limit(void **state)
{
    struct etf_buffer b = { .size_max = 1000 };

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(etf_buffer_add(&b, "x", 1), AGNER_OK);
    assert_int_equal(etf_buffer_add(&b, "x", 1), AGNER_ELIMIT);
    assert_int_equal(b.size, 1000);
    assert_int_equal(b.capacity, 1000);
    etf_buffer_fini(&b);
    assert_null(b.data);
    b.size_max = 0;
    assert_int_equal(etf_buffer_add(&b, "x", 1), AGNER_OK);
    assert_int_equal(etf_buffer_reserve(&b, SIZE_MAX), AGNER_ENOMEM);
    assert_int_equal(b.size, 1);
    etf_buffer_fini(&b);
}

static void resources_do_not_leave_the_node(void **state)
{
    etf_term parts[] = { ETF_A(ok), etf_resource(r, NULL, NULL) };
    struct etf_buffer b = { 0 };

    (void)state;
    assert_int_equal(etf_buffer_add(&b, "before", 6), AGNER_OK);
    assert_int_equal(etf_encode(&b, etf_tuple(r, parts, 2), NULL),
                     AGNER_EBADTERM);
    assert_int_equal(etf_to_binary(&b, etf_tuple(r, parts, 2), NULL, -1),
                     AGNER_EBADTERM);
    assert_int_equal(b.size, 6);
    etf_buffer_fini(&b);
}

static int index_of(void *ctx, etf_term atom)
{
    int *calls = ctx;

    (*calls)++;
    return etf_same(atom, ETF_A(ok)) ? 200 : -1;
}

/* Each interned atom is asked for, the boxed ones are not. */
static void writes_cached_atoms_by_index(void **state)
{
    static const uint8_t want[] = { 104, 3, 82,  200, 119, 2,   'n', 'o',
                                    119, 5, 'b', 'o', 'x', 'e', 'd' };
    etf_term parts[] = { ETF_A(ok), ETF_A(no),
                         etf_atom_limited(r, "boxed", 5, NULL) };
    int calls = 0;
    const struct etf_atom_cache cache = { index_of, &calls };
    const struct etf_encode_options options = { .cache = &cache };
    struct etf_buffer b = { 0 };

    (void)state;
    assert_int_equal(etf_encode(&b, etf_tuple(r, parts, 3), &options),
                     AGNER_OK);
    assert_int_equal(b.size, sizeof want);
    assert_memory_equal(b.data, want, sizeof want);
    assert_int_equal(calls, 2);
    etf_buffer_fini(&b);
}

static void errors_have_texts(void **state)
{
    struct agner_error error;

    (void)state;
    assert_string_equal(agner_strerror(AGNER_OK), "ok");
    assert_string_equal(agner_strerror(AGNER_EIGNORE), "start was ignored");
    assert_string_equal(agner_strerror((enum agner_err) - 999),
                        "unknown error");
    assert_int_equal(agner_fail(&error, AGNER_EBUSY, "%0300d", 1), AGNER_EBUSY);
    assert_int_equal(error.code, AGNER_EBUSY);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(agner_fail(NULL, AGNER_EBUSY, "x"), AGNER_EBUSY);
}

static int set_up(void **state)
{
    (void)state;
    r = etf_region_new(0);
    return r == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    etf_region_free(r);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_come_back),
        cmocka_unit_test(long_integers_come_back_as_bytes),
        cmocka_unit_test(floats_are_finite),
        cmocka_unit_test(booleans_are_two_atoms),
        cmocka_unit_test(lists_and_tuples_hold_their_items),
        cmocka_unit_test(a_missing_part_makes_the_whole_missing),
        cmocka_unit_test(maps_are_looked_up_by_exact_key),
        cmocka_unit_test(large_maps_find_every_key),
        cmocka_unit_test(binaries_and_bits_come_back),
        cmocka_unit_test(text_comes_from_binaries_strings_and_atoms),
        cmocka_unit_test(identifiers_come_back),
        cmocka_unit_test(buffers_grow_up_to_their_limit),
        cmocka_unit_test(resources_do_not_leave_the_node),
        cmocka_unit_test(writes_cached_atoms_by_index),
        cmocka_unit_test(errors_have_texts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

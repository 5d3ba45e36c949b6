/*
 * test_runtime_board.c -- boards: what one writes and all read.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bed.h"

static struct rt_board *open_board(struct bed *bed, const char *name)
{
    struct rt_board *board = rt_board_open(bed->rt, "test", etf_atom(name));

    assert_non_null(board);
    return board;
}

static void put(struct bed *bed, struct rt_board *board, const char *key,
                etf_term value)
{
    (void)bed;
    assert_int_equal(rt_board_put(board, etf_atom(key), value), AGNER_OK);
}

static void values_come_stay_and_go(void **state)
{
    struct rt_board *board;
    struct bed bed;
    char text[100];
    etf_term old, value;
    etf_term key;

    (void)state;
    bed_open(&bed, 0);
    board = open_board(&bed, "a");
    key = etf_make(bed.self, "{key, 1, \"x\"}");
    assert_int_equal(rt_board_get(board, rt_region(bed.self), key, &value),
                     AGNER_EUNKNOWN);
    assert_int_equal(rt_board_put(board, key, etf_make(bed.self, "[1, 2, 3]")),
                     AGNER_OK);
    assert_int_equal(rt_board_get(board, rt_region(bed.self), key, &old),
                     AGNER_OK);
    assert_int_equal(rt_board_put(board, key, etf_make(bed.self, "{new}")),
                     AGNER_OK);
    assert_int_equal(rt_board_get(board, rt_region(bed.self), key, &value),
                     AGNER_OK);
    assert_string_equal(etf_format(text, sizeof text, value), "{new}");
    /* 1 and 1.0 are two keys. */
    assert_int_equal(rt_board_put(board, etf_make(bed.self, "1"), ETF_A(yes)),
                     AGNER_OK);
    assert_int_equal(rt_board_get(board, rt_region(bed.self),
                                  etf_make(bed.self, "1.0"), &value),
                     AGNER_EUNKNOWN);
    assert_int_equal(rt_board_size(board), 2);
    assert_int_equal(rt_board_put(board, key, ETF_NONE), AGNER_OK);
    assert_int_equal(rt_board_put(board, key, ETF_NONE), AGNER_OK);
    assert_int_equal(rt_board_get(board, rt_region(bed.self), key, &value),
                     AGNER_EUNKNOWN);
    rt_board_clear(board);
    assert_int_equal(rt_board_size(board), 0);
    /* What was read is as it was. */
    assert_string_equal(etf_format(text, sizeof text, old), "[1,2,3]");
    bed_close(&bed);
}

static void boards_are_found_by_kind_and_name(void **state)
{
    struct rt_board *a, *b;
    struct bed bed;
    char text[100];

    (void)state;
    bed_open(&bed, 0);
    a = open_board(&bed, "a");
    b = open_board(&bed, "b");
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(open_board(&bed, "a"), a);
    assert_ptr_equal(rt_board_find(bed.rt, "test", etf_atom("b")), b);
    assert_null(rt_board_find(bed.rt, "other", etf_atom("b")));
    assert_ptr_not_equal(rt_board_open(bed.rt, "other", etf_atom("b")), b);
    assert_null(rt_board_open(bed.rt, "test", etf_nil()));
    etf_format(text, sizeof text,
               rt_board_list(bed.rt, rt_region(bed.self), "test"));
    assert_string_equal(text, "[a,b]");
    bed_close(&bed);
}

static void many_keys_are_all_there(void **state)
{
    struct rt_board *board;
    struct bed bed;
    int64_t sum = 0, n;
    etf_term keys, key, value;

    (void)state;
    bed_open(&bed, 0);
    board = open_board(&bed, "a");
    for (n = 0; n < 5000; n++)
        assert_int_equal(rt_board_put(board, etf_make(bed.self, "{_}", n),
                                      etf_make(bed.self, "[_]", n)),
                         AGNER_OK);
    for (n = 0; n < 5000; n += 2)
        put(&bed, board, "x", ETF_A(yes)), /* the same again and again */
            assert_int_equal(
                rt_board_put(board, etf_make(bed.self, "{_}", n), ETF_NONE),
                AGNER_OK);
    put(&bed, board, "x", ETF_NONE);
    assert_int_equal(rt_board_size(board), 2500);
    keys = rt_board_keys(board, rt_region(bed.self));
    while (etf_list_next(&keys, &key)) {
        assert_true(etf_match(key, "{_}", &n));
        assert_int_equal(rt_board_get(board, rt_region(bed.self), key, &value),
                         AGNER_OK);
        assert_true(etf_match(value, "[_]", &n));
        sum += n;
    }
    assert_int_equal(sum, 2500 * 2500);
    bed_close(&bed);
}

/* Readers on threads of their own, while the values change: each list that they
 * see is whole. */
struct reading {
    struct rt_board *board;
    _Atomic bool stop;
    _Atomic unsigned seen, wrong;
};

static bool is_whole(etf_term value)
{
    int64_t first, n, length = etf_list_size(value);
    etf_term head;

    if (!etf_list_next(&value, &head) || !etf_get_int(head, &first))
        return false;
    while (etf_list_next(&value, &head))
        if (!etf_get_int(head, &n) || n != first)
            return false;
    return length == first;
}

static void *read_all(void *arg)
{
    struct reading *reading = arg;
    struct etf_region *r = etf_region_new(0);
    etf_term value;

    while (!atomic_load(&reading->stop)) {
        for (int64_t key = 0; key < 3; key++) {
            if (rt_board_get(reading->board, r, etf_int(r, key), &value) !=
                AGNER_OK)
                continue;
            atomic_fetch_add(&reading->seen, 1);
            if (!is_whole(value))
                atomic_fetch_add(&reading->wrong, 1);
        }
        etf_region_reset(r);
    }
    etf_region_free(r);
    return NULL;
}

static etf_term list_of(struct etf_region *r, int64_t n)
{
    etf_term list = etf_nil();

    for (int64_t i = 0; i < n; i++)
        list = etf_cons(r, etf_int(r, n), list);
    return list;
}

static void readers_see_whole_values(void **state)
{
    struct reading reading = { 0 };
    struct etf_region *r = etf_region_new(0);
    pthread_t threads[3];
    struct bed bed;

    (void)state;
    bed_open(&bed, 0);
    reading.board = open_board(&bed, "a");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &reading),
                         0);
    for (int64_t n = 0; n < 20000 || atomic_load(&reading.seen) < 1000; n++) {
        etf_term value = n % 7 == 0 ? ETF_NONE : list_of(r, n % 50 + 1);

        assert_int_equal(rt_board_put(reading.board, etf_int(r, n % 3), value),
                         AGNER_OK);
        if (n % 1000 == 0)
            rt_board_clear(reading.board);
        etf_region_reset(r);
    }
    atomic_store(&reading.stop, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&reading.wrong), 0);
    etf_region_free(r);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_stay_and_go),
        cmocka_unit_test(boards_are_found_by_kind_and_name),
        cmocka_unit_test(many_keys_are_all_there),
        cmocka_unit_test(readers_see_whole_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

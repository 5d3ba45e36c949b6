/*
 * test_etf_atom.c -- atoms: interned, boxed past the budget, on many threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "etf_door.h"

#define THREADS 4
#define TEXTS   5000

static etf_term numbered(struct etf_region *r, const char *prefix, unsigned n,
                         struct etf_atom_budget *budget)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%s%u", prefix, n);

    if (r == NULL)
        return etf_atom_n(text, (size_t)size);
    return etf_atom_limited(r, text, (size_t)size, budget);
}

static void check_fixed(uint64_t number, const char *text)
{
    etf_term atom = etf__word(number << 3 | ETF__ATOM);

    assert_true(etf_atom_is(atom, text));
    assert_true(etf_same(etf_atom(text), atom));
}

/* First: nothing has touched the table before this. */
static void knows_fixed_atoms_before_any_call(void **state)
{
    (void)state;
    assert_true(etf_atom_is(ETF_A(status), "status"));
    assert_true(etf_same(etf_atom("ok"), ETF_A(ok)));
    assert_true(etf_same(etf_atom(""), ETF_A(empty)));
    assert_true(etf_same(etf_atom_find("nonode@nohost", 13), ETF_A(noname)));
    assert_int_equal(etf_atom_count(), ETF_ATOM_FIXED_COUNT);
/* `true` is a macro in C, hence no ETF_A(name) inside another one. */
#define CHECK_FIXED(name, text) check_fixed(ETF_ATOM_##name, text);
    ETF_ATOMS(CHECK_FIXED)
#undef CHECK_FIXED
}

static void gives_one_word_for_one_text(void **state)
{
    char text[300];
    etf_term atoms[300];
    etf_bytes got;

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t size = 0; size <= 255; size++)
        atoms[size] = etf_atom_n(text, size);
    for (size_t size = 0; size <= 255; size++) {
        assert_true(etf_same(etf_atom_n(text, size), atoms[size]));
        got = etf_atom_text(atoms[size]);
        assert_int_equal(got.size, size);
        assert_memory_equal(got.data, text, size);
        for (size_t other = 0; other < size; other++)
            assert_false(etf_same(atoms[size], atoms[other]));
    }
    assert_true(etf_is_none(etf_atom_n(text, 256)));
}

/* One byte different, in every position: the look-up compares all of them. */
static void tells_texts_apart_by_every_byte(void **state)
{
    char text[] = "abcdefghijklmnopqrstuvwxyz";
    etf_term atom = etf_atom(text);

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        text[i] ^= 1;
        assert_true(etf_is_none(etf_atom_find(text, sizeof text - 1)));
        text[i] ^= 1;
    }
    for (size_t size = 1; size < 9; size++) {
        etf_term part = etf_atom_n(text, size);

        for (size_t i = 0; i < size; i++) {
            text[i] ^= 1;
            assert_false(etf_same(etf_atom_find(text, size), part));
            text[i] ^= 1;
        }
    }
    assert_true(etf_same(etf_atom(text), atom));
}

/* B-ETF-7: characters count, not bytes. */
static void B_ETF_7_counts_characters(void **state)
{
    char text[1100];

    (void)state;
    for (size_t i = 0; i < 256; i++)
        memcpy(text + 4 * i, "\xf0\x9f\x90\x9d", 4);
    assert_false(etf_is_none(etf_atom_n(text, 4 * 255)));
    assert_true(etf_is_none(etf_atom_n(text, 4 * 256)));
    assert_int_equal(etf_atom_text(etf_atom_n(text, 4 * 255)).size, 1020);
}

static void refuses_what_is_not_utf8(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xc3",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "a\xe2\x82",
    };
    struct etf_region *r = etf_region_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(etf_is_none(etf_atom(bad[i])));
        assert_true(
            etf_is_none(etf_atom_limited(r, bad[i], strlen(bad[i]), NULL)));
    }
    assert_false(etf_is_none(etf_atom("\xef\xbf\xbf"))); /* FFFF */
    assert_false(etf_is_none(etf_atom_n("a\0b", 3)));
    etf_region_free(r);
}

static void boxes_what_the_budget_does_not_cover(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_atom_budget budget = { .left = 10 };
    uint32_t before = etf_atom_count();

    (void)state;
    for (int round = 0; round < 3; round++)
        for (unsigned i = 0; i < 100; i++) {
            etf_term t = numbered(r, "budget", i, &budget);

            assert_int_equal(etf_kind(t), ETF_KIND_ATOM);
            assert_int_equal(etf__tag(t), i < 10 ? ETF__ATOM : ETF__BOX);
        }
    assert_int_equal(budget.left, 0);
    assert_int_equal(etf_atom_count(), before + 10);
    assert_int_equal(etf__tag(numbered(r, "nobudget", 1, NULL)), ETF__BOX);
    assert_int_equal(etf__tag(numbered(r, "budget", 5, NULL)), ETF__ATOM);
    etf_region_free(r);
}

static void treats_a_boxed_atom_as_the_same_atom(void **state)
{
    struct etf_region *r = etf_region_new(0);
    etf_term boxed = etf_atom_limited(r, "later", 5, NULL);
    etf_term again = etf_atom_limited(r, "later", 5, NULL);
    etf_term above = etf_atom_limited(r, "latest", 6, NULL);
    etf_term interned = etf_atom("later");

    (void)state;
    assert_int_equal(etf__tag(boxed), ETF__BOX);
    assert_false(etf_same(boxed, interned));
    assert_true(etf_equal(boxed, again));
    assert_true(etf_equal(boxed, interned));
    assert_true(etf_equal(interned, boxed));
    assert_int_equal(etf_compare(boxed, interned), 0);
    assert_true(etf_compare(boxed, above) < 0);
    assert_true(etf_compare(above, interned) > 0);
    assert_true(etf_atom_is(boxed, "later"));
    assert_false(etf_atom_is(boxed, "late"));
    assert_int_equal(etf_phash2(boxed, 0), etf_phash2(interned, 0));
    etf_region_free(r);
}

struct racer {
    pthread_t thread;
    etf_term atoms[TEXTS];
    pthread_barrier_t *barrier;
};

static void *race(void *arg)
{
    struct racer *me = arg;

    (void)pthread_barrier_wait(me->barrier);
    for (unsigned i = 0; i < TEXTS; i++)
        me->atoms[i] = numbered(NULL, "race", i, NULL);
    return NULL;
}

/* One number per text, and nobody sees half an entry. */
static void gives_all_threads_the_same_word(void **state)
{
    static struct racer racers[THREADS];
    pthread_barrier_t barrier;
    uint32_t before = etf_atom_count();
    char text[64];

    (void)state;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        racers[i].barrier = &barrier;
        assert_int_equal(
            pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    for (unsigned k = 0; k < TEXTS; k++) {
        snprintf(text, sizeof text, "race%u", k);
        assert_true(etf_atom_is(racers[0].atoms[k], text));
        for (int i = 1; i < THREADS; i++)
            assert_true(etf_same(racers[i].atoms[k], racers[0].atoms[k]));
    }
    assert_int_equal(etf_atom_count(), before + TEXTS);
    (void)pthread_barrier_destroy(&barrier);
}

/* Last: the table is full after it, for the whole program. */
static void B_ETF_7_boxes_atoms_when_the_table_is_full(void **state)
{
    static const uint8_t unknown[] = { 119, 6, 'n', 'e', 'w', 'o', 'n', 'e' };
    struct etf_atom_budget budget = { .left = UINT32_MAX };
    struct etf_region *r = etf_region_new(0);
    etf_term t;
    size_t used;

    (void)state;
    for (unsigned i = 0; etf_atom_count() < 1048576; i++)
        assert_false(etf_is_none(numbered(NULL, "fill", i, NULL)));
    assert_true(etf_is_none(etf_atom("one too many")));
    assert_true(etf_same(etf_atom("ok"), ETF_A(ok)));
    assert_int_equal(etf__tag(numbered(NULL, "fill", 777, NULL)), ETF__ATOM);
    assert_int_equal(etf__tag(numbered(r, "more", 1, &budget)), ETF__BOX);
    assert_int_equal(budget.left, UINT32_MAX);
    assert_int_equal(
        etf_decode(r, unknown, sizeof unknown, NULL, &t, &used, NULL),
        AGNER_OK);
    assert_true(etf_atom_is(t, "newone"));
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_fixed_atoms_before_any_call),
        cmocka_unit_test(gives_one_word_for_one_text),
        cmocka_unit_test(tells_texts_apart_by_every_byte),
        cmocka_unit_test(B_ETF_7_counts_characters),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(boxes_what_the_budget_does_not_cover),
        cmocka_unit_test(treats_a_boxed_atom_as_the_same_atom),
        cmocka_unit_test(gives_all_threads_the_same_word),
        cmocka_unit_test(B_ETF_7_boxes_atoms_when_the_table_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

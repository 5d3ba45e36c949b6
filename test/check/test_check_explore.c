/*
 * test_check_explore.c -- the explorer itself, on the small programs that
 * memory models are told apart by.
 */
#include "check.h"
#include "checked_atomic.h"

static _Atomic uint32_t x, y;
static uint32_t got[2];
static int payload;

static void begin(void)
{
    store_relaxed(&x, 0u);
    store_relaxed(&y, 0u);
    got[0] = got[1] = 9;
}

static bool can_happen(void (*thread)(unsigned me), void (*end)(void))
{
    struct explore_test test = { .name = "litmus",
                                 .threads = 2,
                                 .begin = begin,
                                 .thread = thread,
                                 .end = end };
    struct explore_limits quietly = { .weaken = 64 }; /* nothing */
    struct explore_result result;

    return !explore(&test, &quietly, &result);
}

static void not_both_zero(void)
{
    explore_check(got[0] != 0 || got[1] != 0);
}

/* ---- Store buffering
 * --------------------------------------------------------- */

static void store_then_load(unsigned me)
{
    store_release(me == 0 ? &x : &y, 1u);
    got[me] = load_acquire(me == 0 ? &y : &x);
}

static void store_fence_load(unsigned me)
{
    store_relaxed(me == 0 ? &x : &y, 1u);
    fence_seq_cst();
    got[me] = load_relaxed(me == 0 ? &y : &x);
}

static void one_fences(unsigned me)
{
    store_relaxed(me == 0 ? &x : &y, 1u);
    if (me == 0)
        fence_seq_cst();
    got[me] = load_relaxed(me == 0 ? &y : &x);
}

static void one_makes_both_pass_a_barrier(unsigned me)
{
    store_relaxed(me == 0 ? &x : &y, 1u);
    if (me == 0)
        explore__barrier();
    got[me] = load_relaxed(me == 0 ? &y : &x);
}

static void stores_pass_loads_but_for_fences(void **unused)
{
    (void)unused;
    assert_true(can_happen(store_then_load, not_both_zero));
    assert_false(can_happen(store_fence_load, not_both_zero));
    assert_true(can_happen(one_fences, not_both_zero));
    assert_false(can_happen(one_makes_both_pass_a_barrier, not_both_zero));
}

/* ---- Handing over
 * ------------------------------------------------------------ */

static void hand_over_relaxed(unsigned me)
{
    if (me == 0) {
        explore_wrote(&payload);
        store_relaxed(&x, 1u);
    } else if (load_relaxed(&x) == 1) {
        explore_reads(&payload);
    }
}

static void hand_over(unsigned me)
{
    if (me == 0) {
        explore_wrote(&payload);
        store_release(&x, 1u);
    } else if (load_acquire(&x) == 1) {
        explore_reads(&payload);
    }
}

/* A read-modify-write by another goes on with the release. */
static void hand_over_through_a_third(unsigned me)
{
    if (me == 0) {
        explore_wrote(&payload);
        store_release(&x, 1u);
        return;
    }
    if (add_relaxed(&x, 1u) == 1 && load_acquire(&x) == 2)
        explore_reads(&payload);
}

static void release_and_acquire_hand_over(void **unused)
{
    (void)unused;
    assert_true(can_happen(hand_over_relaxed, NULL));
    assert_false(can_happen(hand_over, NULL));
    assert_false(can_happen(hand_over_through_a_third, NULL));
}

/* ---- One location
 * ------------------------------------------------------------ */

static void read_twice(unsigned me)
{
    if (me == 0) {
        store_relaxed(&x, 1u);
        store_relaxed(&x, 2u);
        return;
    }
    got[0] = load_relaxed(&x);
    got[1] = load_relaxed(&x);
}

static void never_backwards(void)
{
    explore_check(got[1] >= got[0]);
}

static void never_stale(void)
{
    explore_check(got[0] == 2 || got[0] == 9);
}

static void a_location_never_goes_back(void **unused)
{
    (void)unused;
    assert_false(can_happen(read_twice, never_backwards));
    assert_true(can_happen(read_twice, never_stale));
}

static void add_one(unsigned me)
{
    (void)me;
    add_relaxed(&x, 1u);
}

static void both_counted(void)
{
    explore_check(load_relaxed(&x) == 2);
}

static void load_then_store(unsigned me)
{
    (void)me;
    store_relaxed(&x, load_relaxed(&x) + 1);
}

static void counting(void **unused)
{
    (void)unused;
    assert_false(can_happen(add_one, both_counted));
    assert_true(can_happen(load_then_store, both_counted));
}

/* ---- Waiting
 * ------------------------------------------------------------------ */

static void wait_for_word(unsigned me)
{
    if (me == 0)
        explore_wait(&x, sizeof x, 0);
    else
        store_release(&x, 1u);
}

static void wait_in_vain(unsigned me)
{
    if (me == 0)
        explore_wait(&x, sizeof x, 0);
}

static void spin(unsigned me)
{
    if (me == 1)
        store_relaxed(&x, 1u);
    else
        while (load_relaxed(&x) == 0)
            atomic_relax();
}

static void who_waits_in_vain_is_found(void **unused)
{
    (void)unused;
    assert_false(can_happen(wait_for_word, NULL));
    assert_true(can_happen(wait_in_vain, NULL));
    assert_false(can_happen(spin, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_pass_loads_but_for_fences),
        cmocka_unit_test(release_and_acquire_hand_over),
        cmocka_unit_test(a_location_never_goes_back),
        cmocka_unit_test(counting),
        cmocka_unit_test(who_waits_in_vain_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

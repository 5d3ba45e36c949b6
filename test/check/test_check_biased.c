/*
 * test_check_biased.c -- the lock of a run queue (runtime/biased.h) and the
 * spin lock (runtime/spin.h) in every order.
 *
 * An owner takes from a queue and thieves steal from it; with a system that can
 * make all threads pass a barrier, and with one that cannot, where the owner
 * fences.
 */
#include <biased.h>

#include "check.h"

#define ITEMS 3

static struct biased lock;
static rt_spin spin;
static unsigned left, taken; /* plain: the lock guards them */
static bool fence;

static void begin(void)
{
    memset(&lock, 0, sizeof lock);
    lock.fence = fence;
    store_relaxed(&spin, 0u);
    left = ITEMS;
    taken = 0;
}

static void take(void)
{
    explore_wrote(&left);
    if (left > 0) {
        left--;
        taken++;
    }
}

static void owner_or_thief(unsigned me)
{
    if (me == 0) {
        for (unsigned i = 0; i < 2; i++) {
            rt__owner_enter(&lock);
            take();
            rt__owner_leave(&lock);
        }
    } else if (rt__thief_enter(&lock)) {
        take();
        rt__thief_leave(&lock);
    }
}

static void end(void)
{
    explore_check(left + taken == ITEMS);
    explore_check(load_relaxed(&lock.thief) == 0);
}

static struct explore_test test_of(const char *name, unsigned threads,
                                   bool fences)
{
    fence = fences;
    return (struct explore_test){ .name = name,
                                  .threads = threads,
                                  .begin = begin,
                                  .thread = owner_or_thief,
                                  .end = end };
}

static void owner_and_thief(void **unused)
{
    struct explore_test test = test_of("owner and thief", 2, false);

    (void)unused;
    check_holds(&test);
}

static void two_thieves(void **unused)
{
    struct explore_test test = test_of("owner and two thieves", 3, false);

    (void)unused;
    check_holds(&test);
}

static void an_owner_that_fences(void **unused)
{
    struct explore_test test = test_of("an owner that fences", 2, true);

    (void)unused;
    check_holds(&test);
}

static void a_missing_barrier_is_found(void **unused)
{
    struct explore_test test = test_of("no barrier", 2, false);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_BARRIER);
}

static void a_relaxed_leave_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed leave", 2, false);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_STORE);
}

static void a_relaxed_look_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed look", 2, false);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_LOAD);
}

/* ---- The spin lock ----------------------------------------------------------
 */

static void locks(unsigned me)
{
    (void)me;
    rt__lock(&spin);
    take();
    rt__unlock(&spin);
}

static const struct explore_test spinning = { .name = "spin lock",
                                              .threads = 3,
                                              .begin = begin,
                                              .thread = locks,
                                              .end = end };

static void three_at_a_spin_lock(void **unused)
{
    (void)unused;
    check_holds(&spinning);
}

static void a_relaxed_unlock_is_found(void **unused)
{
    (void)unused;
    check_finds(&spinning, EXPLORE_WEAK_STORE);
}

static void a_relaxed_lock_is_found(void **unused)
{
    (void)unused;
    check_finds(&spinning, EXPLORE_WEAK_CAS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_and_thief),
        cmocka_unit_test(two_thieves),
        cmocka_unit_test(an_owner_that_fences),
        cmocka_unit_test(a_missing_barrier_is_found),
        cmocka_unit_test(a_relaxed_leave_is_found),
        cmocka_unit_test(a_relaxed_look_is_found),
        cmocka_unit_test(three_at_a_spin_lock),
        cmocka_unit_test(a_relaxed_unlock_is_found),
        cmocka_unit_test(a_relaxed_lock_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

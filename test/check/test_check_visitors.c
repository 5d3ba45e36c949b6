/*
 * test_check_visitors.c -- runtime/visitors.h in every order: processes that
 * come to a worker which parks when it has none, as gather.c and idle.c do it.
 */
#include <visitors.h>

#include "check.h"

#define GUESTS 2 /* of each who sends them */

static rt_visitors visitors;
static _Atomic uint32_t parked, park_word;
static struct process guests[EXPLORE_THREADS][GUESTS];
static unsigned last[EXPLORE_THREADS], came, expected;

static void begin(void)
{
    store_relaxed(&visitors, NULL);
    store_relaxed(&parked, 0u);
    store_relaxed(&park_word, 0u);
    memset(guests, 0, sizeof guests);
    memset(last, 0, sizeof last);
    came = 0;
}

static void welcome(struct process *p)
{
    for (; p != NULL; p = p->run_next) {
        unsigned from = (unsigned)(p - guests[0]) / GUESTS;
        unsigned number = (unsigned)(p - guests[from]) + 1;

        explore_reads(&p->slot);
        explore_check(p->slot == number);
        explore_check(number == last[from] + 1); /* who came first */
        last[from] = number;
        came++;
    }
}

/* The newest value, since a futex compares with that: who saw an older one
 * would only look once more. */
static uint32_t newest(_Atomic uint32_t *word)
{
    return add_acq_rel(word, 0u);
}

static void park(void)
{
    uint32_t seen = newest(&park_word), was = 1;

    store_release(&parked, 1u);
    fence_seq_cst();
    if (load_relaxed(&visitors) == NULL)
        explore_wait(&park_word, sizeof park_word, seen);
    (void)cas_acq_rel(&parked, &was, 0u);
}

static void wake(void)
{
    uint32_t was = 1;

    if (load_relaxed(&parked) != 0 && cas_acq_rel(&parked, &was, 0u))
        (void)add_acq_rel(&park_word, 1u);
}

static void host_or_sender(unsigned me)
{
    if (me == 0) {
        while (came < expected) {
            struct process *p = rt__visitors_take(&visitors);

            if (p == NULL)
                park();
            else
                welcome(p);
        }
        return;
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        struct process *p = &guests[me][i];

        explore_wrote(&p->slot);
        p->slot = i + 1;
        rt__visitors_push(&visitors, p);
        fence_seq_cst();
        wake();
    }
}

static void end(void)
{
    explore_check(came == expected);
    explore_check(load_relaxed(&visitors) == NULL);
}

static struct explore_test test_of(const char *name, unsigned threads)
{
    expected = (threads - 1) * GUESTS;
    return (struct explore_test){ .name = name,
                                  .threads = threads,
                                  .begin = begin,
                                  .thread = host_or_sender,
                                  .end = end };
}

static void a_host_and_one_sender(void **unused)
{
    struct explore_test test = test_of("a host and one sender", 2);

    (void)unused;
    check_holds(&test);
}

static void a_host_and_two_senders(void **unused)
{
    struct explore_test test = test_of("a host and two senders", 3);

    (void)unused;
    check_holds(&test);
}

static void a_missing_fence_is_found(void **unused)
{
    struct explore_test test = test_of("no fence", 2);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_FENCE);
}

static void a_relaxed_push_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed push", 2);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_CAS);
}

static void a_relaxed_take_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed take", 2);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_SWAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_and_one_sender),
        cmocka_unit_test(a_host_and_two_senders),
        cmocka_unit_test(a_missing_fence_is_found),
        cmocka_unit_test(a_relaxed_push_is_found),
        cmocka_unit_test(a_relaxed_take_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

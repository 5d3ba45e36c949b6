/*
 * test_check_pool.c -- blocks that other workers free: runtime/pool.c in every
 * order. Two workers send a block home while its owner takes what has come and
 * uses it again.
 */
#include <pool.h>

#include "check.h"

#define OWNER 0
#define POOLS 3
#define SIZE  64

static struct pool pools[POOLS];
static struct pool *all[POOLS] = { &pools[0], &pools[1], &pools[2] };
static struct block *blocks[POOLS];
static unsigned reused;
static bool made;

static void begin(void)
{
    if (made)
        for (unsigned i = 0; i < POOLS; i++)
            rt__pool_fini(&pools[i]);
    made = true;
    for (unsigned i = 0; i < POOLS; i++)
        if (rt__pool_init(&pools[i], (uint16_t)i, all, POOLS) != 0)
            explore_fail("no memory");
    for (unsigned i = 1; i < POOLS; i++) {
        blocks[i] = rt__pool_get(&pools[OWNER], SIZE);
        if (blocks[i] == NULL)
            explore_fail("no memory");
    }
    reused = 0;
}

static void worker(unsigned me)
{
    if (me != OWNER) {
        explore_wrote(blocks[me]); /* it is used here for the last time */
        rt__pool_put(&pools[me], all, blocks[me]);
        rt__pool_flush(&pools[me]);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct block *block = rt__pool_get(&pools[OWNER], SIZE);

        explore_check(block != NULL);
        for (unsigned k = 1; k < POOLS; k++)
            if (block == blocks[k]) {
                explore_wrote(block);
                reused++;
                blocks[k] = NULL; /* never twice */
            }
    }
}

static void end(void)
{
    unsigned waiting = 0;

    for (struct block *b = load_relaxed(&pools[OWNER].returned); b != NULL;
         b = b->next)
        waiting++;
    for (struct block *b = pools[OWNER].free[rt__pool_class(SIZE)]; b != NULL;
         b = b->next)
        waiting++;
    explore_check(reused + waiting == POOLS - 1);
}

static const struct explore_test test = { .name = "blocks go home",
                                          .threads = POOLS,
                                          .begin = begin,
                                          .thread = worker,
                                          .end = end };

static void each_comes_home_once(void **unused)
{
    (void)unused;
    check_holds(&test);
}

static void a_relaxed_return_is_found(void **unused)
{
    (void)unused;
    check_finds(&test, EXPLORE_WEAK_CAS);
}

static void a_relaxed_take_is_found(void **unused)
{
    (void)unused;
    check_finds(&test, EXPLORE_WEAK_SWAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_home_once),
        cmocka_unit_test(a_relaxed_return_is_found),
        cmocka_unit_test(a_relaxed_take_is_found),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    for (unsigned i = 0; i < POOLS; i++)
        rt__pool_fini(&pools[i]);
    return failed;
}

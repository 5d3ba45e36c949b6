/*
 * test_cli_wait_graph.c -- who waits for each other, by tables and at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <wait_graph.h>

static void a_chain_is_no_cycle(void **state)
{
    struct wait_edge edges[] = {
        { .pid = "n 1", .to = "n 2" },
        { .pid = "n 2", .to = "n 3" },
        { .pid = "n 4", .to = "n 3" },
    };
    size_t cycles;

    (void)state;
    assert_true(wait_cycles(edges, 3, &cycles));
    assert_int_equal(cycles, 0);
    assert_int_equal(edges[0].next, 1);
    assert_int_equal(edges[1].next, WAIT_NO_EDGE);
    assert_int_equal(edges[0].cycle, 0);
    assert_true(wait_cycles(edges, 0, &cycles));
    assert_int_equal(cycles, 0);
}

/* By pid, by name, and of two nodes; who leads into it is not of it. */
static void cycles_are_found_by_either_key(void **state)
{
    struct wait_edge edges[] = {
        { .pid = "n 1", .name = "n a", .to = "m b" },
        { .pid = "x 1", .to = "n a" },
        { .pid = "m 1", .name = "m b", .to = "n 1" },
        { .pid = "n 7", .to = "n 8" },
        { .pid = "n 8", .to = "n 9" },
        { .pid = "n 9", .to = "n 7" },
        { .pid = "n 5", .to = "n 5" },
    };
    size_t cycles;

    (void)state;
    assert_true(wait_cycles(edges, 7, &cycles));
    assert_int_equal(cycles, 3);
    assert_int_equal(edges[0].cycle, edges[2].cycle);
    assert_int_not_equal(edges[0].cycle, 0);
    assert_int_equal(edges[1].cycle, 0);
    assert_int_equal(edges[1].next, 0);
    assert_int_equal(edges[3].cycle, edges[4].cycle);
    assert_int_equal(edges[3].cycle, edges[5].cycle);
    assert_int_not_equal(edges[3].cycle, edges[0].cycle);
    assert_int_not_equal(edges[6].cycle, 0);
}

#define MANY 1000u

/* Against the plain way: on a cycle is who comes back to itself. */
static void at_random_as_by_walking(void **state)
{
    static char keys[MANY][16];
    static struct wait_edge edges[MANY];

    (void)state;
    srand(7);
    for (unsigned i = 0; i < MANY; i++)
        (void)snprintf(keys[i], sizeof keys[i], "n %u", i);
    for (unsigned round = 0; round < 50; round++) {
        size_t count = 1 + (size_t)rand() % MANY, cycles;

        for (size_t i = 0; i < count; i++)
            edges[i] = (struct wait_edge){ .pid = keys[i],
                                           .to = keys[(size_t)rand() % MANY] };
        assert_true(wait_cycles(edges, count, &cycles));
        for (size_t i = 0; i < count; i++) {
            size_t at = edges[i].next, steps = 0;

            while (at != WAIT_NO_EDGE && at != i && steps++ < count)
                at = edges[at].next;
            assert_int_equal(at == i, edges[i].cycle != 0);
            assert_in_range(edges[i].cycle, 0, cycles);
            if (edges[i].cycle != 0)
                assert_int_equal(edges[edges[i].next].cycle, edges[i].cycle);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_no_cycle),
        cmocka_unit_test(cycles_are_found_by_either_key),
        cmocka_unit_test(at_random_as_by_walking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

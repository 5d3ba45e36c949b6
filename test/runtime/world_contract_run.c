/*
 * world_contract_run.c -- the contract's cases as a cmocka group.
 */
#include "world_contract.h"

#include <stdlib.h>

struct run {
    const struct contract_case *it;
    const struct place *place;
};

static void run_one(void **state)
{
    const struct run *run = *state;

    run->it->run(run->place);
}

static void fill(struct CMUnitTest *tests, struct run *runs,
                 const struct contract_case *cases, size_t count,
                 const struct place *place)
{
    size_t i;

    for (i = 0; i < count; i++) {
        runs[i] = (struct run){ &cases[i], place };
        tests[i] = (struct CMUnitTest){ .name = cases[i].name,
                                        .test_func = run_one,
                                        .initial_state = &runs[i] };
    }
}

int contract_run(const char *name, const struct place *place)
{
    size_t both = contract_loop_count + contract_conn_count;
    size_t count = both + contract_udp_count;
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    struct run *runs = calloc(count, sizeof *runs);
    int failed = 1;

    if (tests != NULL && runs != NULL) {
        fill(tests, runs, contract_loop_cases, contract_loop_count, place);
        fill(tests + contract_loop_count, runs + contract_loop_count,
             contract_conn_cases, contract_conn_count, place);
        fill(tests + both, runs + both, contract_udp_cases, contract_udp_count,
             place);
        failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    }
    free(tests);
    free(runs);
    return failed;
}

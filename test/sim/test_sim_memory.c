/*
 * test_sim_memory.c -- allocations of one machine that fail:
 * spec/reliability.md 2.2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <agner/sim.h>
#include <cmocka.h>

struct seen {
    struct sim_machine *other;
    unsigned allocated, failed;
};

static void allocate(struct gen *self, void *arg)
{
    struct seen *seen = arg;

    do {
        void *volatile memory = malloc(10);

        if (memory != NULL)
            seen->allocated++;
        else
            seen->failed++;
        free(memory);
    } while (rt_sleep(self, 10) == AGNER_OK);
}

static struct rt *start(struct sim_machine *machine, struct seen *seen)
{
    struct rt_options options = { .world = sim_machine_world(machine) };
    struct gen *self;
    struct rt *rt;
    etf_pid pid;

    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    assert_int_equal(rt_spawn(self, allocate, seen, NULL, &pid), AGNER_OK);
    rt_detach(self);
    return rt;
}

/* The one that was asked for, there, and no other. */
static void one_allocation_fails(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    struct sim_machine *a = sim_machine(sim, "a"), *b = sim_machine(sim, "b");
    struct seen seen_a = { .other = b }, seen_b = { .other = a };
    struct rt *at_a = start(a, &seen_a), *at_b = start(b, &seen_b);

    (void)state;
    (void)sim_run(sim, 100);
    assert_true(seen_a.allocated > 5 && seen_b.allocated > 5);
    assert_false(sim_allocation_fails()); /* it is nobody's step */
    sim_memory(a, 3);
    (void)sim_run(sim, 100);
    assert_true(sim_memory_failed(a));
    assert_false(sim_memory_failed(b));
    assert_int_equal(seen_b.failed, 0);
    assert_in_range(seen_a.failed, 0, 1); /* or the runtime's own was it */
    sim_memory(a, 1000000);
    (void)sim_run(sim, 100);
    assert_false(sim_memory_failed(a));
    sim_memory(a, 0);
    rt_free(at_a, 0);
    rt_free(at_b, 0);
    sim_free(sim);
}

static void draw(struct gen *self, void *arg)
{
    struct sim *sim = arg;
    unsigned i;

    if (rt_sleep(self, 10) != AGNER_OK)
        return;
    for (i = 0; i < 5000; i++)
        (void)sim_draw(sim, 10);
    (void)rt_sleep(self, RT_INFINITY);
}

/* What the simulation keeps of a step takes nothing from the machine. */
static void a_tape_is_not_of_the_machine(void **state)
{
    struct sim_options options = { .record = true };
    struct sim *sim = sim_new(1, &options);
    struct sim_machine *a = sim_machine(sim, "a");
    struct rt_options rt_options = { .world = sim_machine_world(a) };
    struct gen *self;
    struct rt *rt;
    etf_pid pid;
    size_t count;

    (void)state;
    assert_int_equal(rt_new(&rt_options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    assert_int_equal(rt_spawn(self, draw, sim, NULL, &pid), AGNER_OK);
    (void)sim_run(sim, 5);
    sim_memory(a, 1);
    (void)sim_run(sim, 10);
    assert_non_null(sim_tape(sim, &count));
    assert_true(count > 4000);
    assert_false(sim_memory_failed(a));
    rt_detach(self);
    rt_free(rt, 0);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(a_tape_is_not_of_the_machine),
    };

    return cmocka_run_group_tests_name("memory of a machine", tests, NULL,
                                       NULL);
}

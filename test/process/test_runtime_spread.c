/*
 * test_runtime_spread.c -- who computes goes on at a worker that sleeps:
 * rt_spread().
 *
 * Where a process runs nobody sees. What is seen is that nothing is lost by it:
 * its frames, and those who waited behind it.
 */
#include "bed.h"

#include "atomic.h"

#define MANY 16

struct crowd {
    etf_pid boss;
    _Atomic unsigned ran;
    _Atomic bool computing;
    bool met;  /* the one that ran found the other computing */
    bool seen; /* somebody had run when it looked */
};

static void runs(struct gen *self, void *arg)
{
    struct crowd *c = arg;

    c->met = load_acquire(&c->computing);
    (void)add_acq_rel(&c->ran, 1u);
    (void)rt_send_pid(self, c->boss, etf_atom("over"));
}

/* Its neighbour waits on its worker, and it gives that up in no other way. */
static void computes(struct gen *self, void *arg)
{
    struct crowd *c = arg;
    uint32_t x = 1;
    etf_pid pid;

    store_release(&c->computing, true);
    (void)rt_spawn(self, runs, c, NULL, &pid);
    while (load_acquire(&c->ran) == 0) {
        x = x * 1664525u + 1013904223u;
        rt_spread(self);
    }
    store_release(&c->computing, false);
    (void)rt_send_pid(self, c->boss, etf_atom(x == 0 ? "zero" : "over"));
}

static void a_neighbour_runs_meanwhile(void **state)
{
    const struct rt_options options = { .workers = 2 };
    struct crowd c = { 0 };
    struct bed bed;
    etf_pid pid;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    c.boss = rt_self(bed.self);
    assert_int_equal(rt_spawn(bed.self, computes, &c, NULL, &pid), AGNER_OK);
    bed_expect(&bed, "over");
    bed_expect(&bed, "over");
    assert_true(c.met);
    bed_close(&bed);
}

/* What it has on its stack, and what it counts, is right wherever it goes on.
 */
static void adds_up(struct gen *self, void *arg)
{
    struct crowd *c = arg;
    uint64_t sum = 0, numbers[64];

    for (uint64_t i = 0; i < 64; i++) {
        numbers[i] = i;
        if (i % 8 == 0)
            rt_spread(self);
    }
    for (uint64_t round = 0; round < 64; round++) {
        rt_spread(self);
        for (uint64_t i = 0; i < 64; i++)
            sum += numbers[i];
    }
    if (sum == 64u * 63 * 64 / 2)
        (void)add_acq_rel(&c->ran, 1u);
    (void)rt_send_pid(self, c->boss, etf_atom("over"));
}

static void many_may_go(struct bed *bed)
{
    struct crowd c = { .boss = rt_self(bed->self) };
    etf_pid pid;

    for (int i = 0; i < MANY; i++)
        assert_int_equal(rt_spawn(bed->self, adds_up, &c, NULL, &pid),
                         AGNER_OK);
    for (int i = 0; i < MANY; i++)
        bed_expect(bed, "over");
    assert_int_equal(load_acquire(&c.ran), MANY);
}

static void many_go(void **state)
{
    (void)state;
    bed_everywhere(many_may_go, 5);
}

/* There is one worker: nobody else's turn comes. A thread has none. */
static void looks(struct gen *self, void *arg)
{
    struct crowd *c = arg;
    etf_pid pid;

    (void)rt_spawn(self, runs, c, NULL, &pid);
    rt_spread(self);
    c->seen = load_acquire(&c->ran) != 0;
    (void)rt_send_pid(self, c->boss, etf_atom("looked"));
}

static void in_simulated_time_nothing_happens(void **state)
{
    struct crowd c = { 0 };
    struct bed bed;
    etf_pid pid;

    (void)state;
    bed_open(&bed, 7);
    c.boss = rt_self(bed.self);
    rt_spread(bed.self);
    assert_int_equal(rt_spawn(bed.self, looks, &c, NULL, &pid), AGNER_OK);
    bed_expect(&bed, "looked");
    bed_expect(&bed, "over");
    assert_false(c.seen);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_neighbour_runs_meanwhile),
        cmocka_unit_test(many_go),
        cmocka_unit_test(in_simulated_time_nothing_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_sim_runtime.c -- a runtime in the simulated world: the seed decides who
 * runs, and time is free.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <agner/sim.h>

#define SENDERS  8
#define MESSAGES 25

struct sender {
    etf_pid to;
    int64_t number;
};

/* Sends its numbers in order, and sleeps now and then. */
static void send_numbers(struct gen *self, void *arg)
{
    const struct sender *sender = arg;
    int64_t i;

    for (i = 0; i < MESSAGES; i++) {
        (void)rt_send_pid(self, sender->to,
                          etf_make(self, "{_, _}", sender->number, i));
        if (i % 5 == sender->number % 5)
            (void)rt_sleep(self, 1000);
        rt_reset(self);
    }
}

struct outcome {
    uint64_t hash, steps;
    unsigned received, out_of_order;
    int64_t arrived[SENDERS * MESSAGES]; /* who, in the order of arrival */
};

/* G1: the messages of one process arrive in the order sent. */
static void collect(struct gen *self, struct outcome *outcome)
{
    int64_t next[SENDERS] = { 0 };
    etf_term message;
    int64_t who, number;

    while (outcome->received < SENDERS * MESSAGES &&
           rt_receive(self, 60000, &message) == AGNER_OK &&
           etf_match(message, "{_, _}", &who, &number)) {
        outcome->out_of_order += number != next[who]++;
        outcome->arrived[outcome->received++] = who;
        rt_reset(self);
    }
}

static void run(uint64_t seed, enum sim_pick pick, struct outcome *outcome)
{
    struct sim_options sim_options = { .pick = pick, .change_points = 3 };
    struct sim *sim = sim_new(seed, &sim_options);
    struct rt_options options = { .world = sim_world(sim) };
    struct sender senders[SENDERS];
    struct rt *rt;
    struct gen *self;
    int64_t i;

    *outcome = (struct outcome){ .received = 0 };
    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    assert_non_null(self);
    for (i = 0; i < SENDERS; i++) {
        etf_pid pid;

        senders[i] = (struct sender){ rt_self(self), i };
        assert_int_equal(rt_spawn(self, send_numbers, &senders[i], NULL, &pid),
                         AGNER_OK);
    }
    collect(self, outcome);
    rt_detach(self);
    rt_free(rt, 1000);
    outcome->hash = sim_trace_hash(sim);
    outcome->steps = sim_steps(sim);
    sim_free(sim);
}

static void a_runtime_repeats_its_run_by_seed(void **state)
{
    unsigned pick;
    uint64_t seed;

    (void)state;
    for (pick = SIM_PICK_UNIFORM; pick <= SIM_PICK_ROUND_ROBIN; pick++)
        for (seed = 0; seed < 10; seed++) {
            struct outcome first, again;

            run(seed, (enum sim_pick)pick, &first);
            run(seed, (enum sim_pick)pick, &again);
            assert_int_equal(first.received, SENDERS * MESSAGES);
            assert_int_equal(first.out_of_order, 0);
            assert_true(first.hash == again.hash);
            assert_int_equal(first.steps, again.steps);
            assert_memory_equal(first.arrived, again.arrived,
                                sizeof first.arrived);
        }
}

static void another_seed_is_another_order(void **state)
{
    struct outcome one, two;

    (void)state;
    run(1, SIM_PICK_UNIFORM, &one);
    run(2, SIM_PICK_UNIFORM, &two);
    assert_memory_not_equal(one.arrived, two.arrived, sizeof one.arrived);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runtime_repeats_its_run_by_seed),
        cmocka_unit_test(another_seed_is_another_order),
    };

    return cmocka_run_group_tests_name("simulated runtime", tests, NULL, NULL);
}

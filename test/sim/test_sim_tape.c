/*
 * test_sim_tape.c -- the tape: what is drawn can be kept, given back, and made
 * plainer. Spec/reliability.md 2.5.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/sim.h>

#define SENDERS  5
#define MESSAGES 20

struct run {
    uint64_t hash, now_ns;
    int64_t order[SENDERS * MESSAGES]; /* who, as the messages arrived */
    uint64_t *tape;                    /* owned: what was drawn */
    size_t count;
};

struct sender {
    etf_pid to;
    int64_t number;
    struct sim *sim;
};

static void send_numbers(struct gen *self, void *arg)
{
    const struct sender *sender = arg;

    for (int i = 0; i < MESSAGES; i++) {
        (void)rt_send_pid(self, sender->to,
                          etf_make(self, "_", sender->number));
        (void)rt_sleep(self, sim_draw(sender->sim, 50));
        rt_reset(self);
    }
}

static void collect(struct gen *self, struct run *run)
{
    etf_term message;

    for (int i = 0; i < SENDERS * MESSAGES; i++) {
        if (rt_receive(self, 60000, &message) != AGNER_OK ||
            !etf_get_int(message, &run->order[i]))
            run->order[i] = -1;
        rt_reset(self);
    }
}

static struct run play(uint64_t seed, const struct sim_options *options)
{
    struct run run = { .count = 0 };
    struct sim *sim = sim_new(seed, options);
    struct rt_options rt_options = { .world = sim_world(sim) };
    struct sender senders[SENDERS];
    const uint64_t *tape;
    struct rt *rt;
    struct gen *self;

    assert_int_equal(rt_new(&rt_options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    for (int i = 0; i < SENDERS; i++) {
        etf_pid pid;

        senders[i] = (struct sender){ rt_self(self), i, sim };
        assert_int_equal(rt_spawn(self, send_numbers, &senders[i], NULL, &pid),
                         AGNER_OK);
    }
    collect(self, &run);
    rt_detach(self);
    rt_free(rt, 0);
    run.hash = sim_trace_hash(sim);
    run.now_ns = sim_now_ns(sim);
    tape = sim_tape(sim, &run.count);
    if (tape != NULL && run.count > 0) {
        run.tape = malloc(run.count * sizeof *tape);
        assert_non_null(run.tape);
        memcpy(run.tape, tape, run.count * sizeof *tape);
    }
    sim_free(sim);
    return run;
}

static void a_tape_that_was_kept_is_the_same_run(void **state)
{
    struct sim_options options = { .stall_ppm = 50000, .stall_ms = 20 };

    (void)state;
    for (unsigned pick = 0; pick <= SIM_PICK_ROUND_ROBIN; pick++) {
        struct run drawn, kept, replayed;

        options.pick = (enum sim_pick)pick;
        options.change_points = 3;
        options.tape = NULL;
        options.record = false;
        drawn = play(7, &options);
        options.record = true;
        kept = play(7, &options);
        assert_true(drawn.hash == kept.hash);
        assert_true(kept.count > 0);
        options.tape = kept.tape;
        options.tape_count = kept.count;
        replayed = play(7, &options);
        assert_true(replayed.hash == kept.hash);
        assert_int_equal(replayed.count, kept.count);
        assert_memory_equal(replayed.tape, kept.tape,
                            kept.count * sizeof *kept.tape);
        free(kept.tape);
        free(replayed.tape);
    }
}

/* A number changes the run, and one past its bound is as good as any. */
static void a_tape_decides(void **state)
{
    static uint64_t tape[300];
    struct sim_options options = { .tape = tape, .tape_count = 300 };
    struct run one, other;

    (void)state;
    for (size_t i = 0; i < 300; i++)
        tape[i] = i * UINT64_C(0x123456789abcdef);
    one = play(1, &options);
    tape[7]++;
    other = play(1, &options);
    assert_true(one.hash != other.hash);
}

/* Zeros: nobody sleeps, no stall, everybody in turn. */
static void an_empty_tape_is_the_plainest_run(void **state)
{
    static const uint64_t nothing;
    struct sim_options options = {
        .tape = &nothing, .stall_ppm = 999999, .stall_ms = 1000, .record = true
    };
    struct run run;

    (void)state;
    for (unsigned pick = 0; pick <= SIM_PICK_ROUND_ROBIN; pick++) {
        options.pick = (enum sim_pick)pick;
        run = play(3, &options);
        assert_int_equal(run.count, 0);
        assert_true(run.now_ns < 100000000);
        for (int i = 0; i < SENDERS * MESSAGES; i++)
            assert_true(run.order[i] >= 0);
    }
}

static void nothing_is_kept_unless_asked_for(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    size_t count = 77;

    (void)state;
    (void)sim_draw(sim, 100);
    assert_null(sim_tape(sim, &count));
    assert_int_equal(count, 77);
    sim_free(sim);
}

/* Where nothing is to be chosen nothing is taken from the tape. */
static void no_choice_takes_nothing(void **state)
{
    static const uint64_t tape[] = { 5, 13 };
    struct sim_options options = { .tape = tape, .tape_count = 2 };
    struct sim *sim = sim_new(1, &options);

    (void)state;
    assert_int_equal(sim_draw(sim, 10), 3); /* the first went to pick.c */
    assert_int_equal(sim_draw(sim, 1), 0);
    assert_int_equal(sim_draw(sim, 100), 0);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tape_that_was_kept_is_the_same_run),
        cmocka_unit_test(a_tape_decides),
        cmocka_unit_test(an_empty_tape_is_the_plainest_run),
        cmocka_unit_test(nothing_is_kept_unless_asked_for),
        cmocka_unit_test(no_choice_takes_nothing),
    };

    return cmocka_run_group_tests_name("tape", tests, NULL, NULL);
}

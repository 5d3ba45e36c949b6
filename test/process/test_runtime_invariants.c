/*
 * test_runtime_invariants.c -- I2, I7 and I17 of spec/gen.md 7, each on threads
 * and on many simulated schedules.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 40

static uint64_t draw(uint64_t *state, uint64_t bound)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % bound;
}

/* ---- I2 ----------------------------------------------------------------- */

#define MONITORS 40

/* Sets many monitors on one process, takes some back while it ends, and wants
 * exactly one down for each of the others and none for those. */
static void monitors(struct bed *bed)
{
    struct gen *self = bed->self;
    uint64_t state = bed->seed + 1;
    etf_pid pid = bed_puppet(bed, NULL);
    etf_ref refs[MONITORS], seen;
    int downs[MONITORS] = { 0 };
    bool taken_back[MONITORS] = { false };
    etf_term m;

    for (int i = 0; i < MONITORS; i++)
        assert_int_equal(rt_monitor(self, etf_from_pid(NULL, pid), 0, &refs[i]),
                         AGNER_OK);
    bed_order(bed, pid, "{exit, boom}");
    for (int i = 0; i < MONITORS; i++)
        if (draw(&state, 2) == 0) { /* before or after it has fired */
            (void)rt_demonitor(self, refs[i], true);
            taken_back[i] = true;
        }
    assert_int_equal(rt_wait(self, pid, WAIT_MS), AGNER_OK);
    if (bed->sim != NULL)
        (void)sim_run(bed->sim, 100);
    /* One more, whose down comes after all others. */
    assert_int_equal(rt_monitor(self, etf_from_pid(NULL, pid), 0, &seen),
                     AGNER_OK);
    do {
        assert_int_equal(rt_receive(self, WAIT_MS, &m), AGNER_OK);
        if (etf_match(m, "{'DOWN', _, process, __, boom}", &seen))
            for (int i = 0; i < MONITORS; i++)
                downs[i] += etf_ref_equal(refs[i], seen);
    } while (!etf_match(m, "{'DOWN', __, process, __, noproc}"));
    for (int i = 0; i < MONITORS; i++)
        if (downs[i] != (taken_back[i] ? 0 : 1))
            fail_msg("seed %llu: %d downs of a monitor",
                     (unsigned long long)bed->seed, downs[i]);
    bed_expect_nothing(bed);
}

static void I2_a_monitor_fires_once_or_was_taken_back(void **state)
{
    (void)state;
    bed_everywhere(monitors, SEEDS);
}

/* ---- I7 ----------------------------------------------------------------- */

#define OWNERS 6
#define NAMES  3

static etf_term name_of(int owner, int name)
{
    char text[24];

    (void)snprintf(text, sizeof text, "owner_%d_%d", owner, name);
    return etf_atom(text);
}

/* Are the names of the living there, and those of the dead free? */
static void check_names(struct bed *bed, const etf_pid *owners,
                        const bool *dead)
{
    for (int i = 0; i < OWNERS; i++)
        for (int n = 0; n < NAMES; n++) {
            etf_pid pid;
            enum agner_err err = rt_whereis(bed->rt, name_of(i, n), &pid);

            if (dead[i] ? err != AGNER_ENONAME
                        : err != AGNER_OK || !etf_pid_equal(pid, owners[i]))
                fail_msg("seed %llu: a name of %s process",
                         (unsigned long long)bed->seed,
                         dead[i] ? "a dead" : "a living");
        }
}

static void names(struct bed *bed)
{
    uint64_t state = bed->seed + 1;
    etf_pid owners[OWNERS];
    bool dead[OWNERS] = { false };

    for (int i = 0; i < OWNERS; i++) {
        owners[i] = bed_puppet(bed, NULL);
        for (int n = 0; n < NAMES; n++)
            assert_int_equal(rt_register(bed->rt, name_of(i, n), owners[i]),
                             AGNER_OK);
    }
    for (int left = OWNERS; left > 0; left--) {
        int i = (int)draw(&state, OWNERS);

        while (dead[i])
            i = (i + 1) % OWNERS;
        if (draw(&state, 2) == 0)
            bed_order(bed, owners[i], "{exit, boom}");
        else
            (void)rt_exit_signal(bed->self, owners[i], ETF_A(kill));
        assert_int_equal(rt_wait(bed->self, owners[i], WAIT_MS), AGNER_OK);
        dead[i] = true;
        check_names(bed, owners, dead);
    }
}

static void I7_an_end_frees_its_names_and_no_others(void **state)
{
    (void)state;
    bed_everywhere(names, SEEDS);
}

/* ---- I17 ---------------------------------------------------------------- */

/* Who the full one waits for. */
struct full {
    etf_pid test, linked, watched, asked;
};

static bool is_down(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_match(m, "{'DOWN', __, process, __, boom}");
}

static bool is_exit(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_match(m, "{'EXIT', __, boom}");
}

/* Ties itself, and then takes nothing but what those ties tell. */
static void be_full(struct gen *self, void *arg)
{
    const struct full *full = arg;
    struct rt_request id;
    etf_term m;
    etf_ref ref;
    bool good = rt_link(self, full->linked) == AGNER_OK &&
                rt_monitor(self, etf_from_pid(NULL, full->watched), 0, &ref) ==
                    AGNER_OK &&
                rt_request_send(self, etf_from_pid(NULL, full->asked),
                                etf_atom("question"), &id) == AGNER_OK;

    (void)rt_send_pid(self, full->test,
                      etf_make(self, "{ready, _}", etf_bool(good)));
    if (rt_request_wait(self, &id, RT_INFINITY, &m) == AGNER_OK &&
        rt_receive_match(self, is_down, NULL, RT_INFINITY, &m) == AGNER_OK &&
        rt_receive_match(self, is_exit, NULL, RT_INFINITY, &m) == AGNER_OK)
        (void)rt_send_pid(self, full->test, etf_atom("all_came"));
    (void)rt_sleep(self, RT_INFINITY);
}

/* Answers the question when it is told to. */
static enum rt_next keep(struct gen *self, const struct rt_message *m)
{
    struct gen_from *kept = rt_state(self);

    if (m->kind == RT_CALL)
        *kept = m->from;
    else if (m->kind == RT_MESSAGE && etf_atom_is(m->term, "answer"))
        (void)rt_reply(self, kept, ETF_A(ok));
    return RT_NEXT;
}

static const struct rt_behavior keeper = {
    .name = "keeper", .state_size = sizeof(struct gen_from), .message = keep
};

static void full_mailbox(struct bed *bed)
{
    struct gen *self = bed->self;
    struct rt_spawn_options options = { .mailbox_max = 3, .trap_exit = true };
    struct full full = { .test = rt_self(self),
                         .linked = bed_puppet(bed, NULL),
                         .watched = bed_puppet(bed, NULL) };
    enum agner_err err = AGNER_OK;
    etf_term m;
    etf_pid pid;

    assert_int_equal(
        rt_start(self, &keeper, etf_nil(), NULL, &full.asked, NULL), AGNER_OK);
    assert_int_equal(rt_spawn(self, be_full, &full, &options, &pid), AGNER_OK);
    bed_expect(bed, "{ready,true}");
    for (int i = 0; i < 100 && err == AGNER_OK; i++)
        err = rt_send_pid(self, pid, etf_atom("noise"));
    assert_int_equal(err, AGNER_EMAILBOXFULL);
    /* Everything that is no message comes through all the same. */
    (void)rt_trap_exit(self, true);
    assert_int_equal(rt_link(self, pid), AGNER_OK);
    (void)rt_send_pid(self, full.asked, etf_atom("answer"));
    bed_order(bed, full.watched, "{exit, boom}");
    bed_order(bed, full.linked, "{exit, boom}");
    bed_expect(bed, "all_came");
    assert_int_equal(rt_exit_signal(self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(self, pid, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_receive(self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'EXIT', __, killed}"));
    bed_expect_nothing(bed);
}

static void I17_a_full_mailbox_loses_no_signal(void **state)
{
    (void)state;
    bed_everywhere(full_mailbox, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I2_a_monitor_fires_once_or_was_taken_back),
        cmocka_unit_test(I7_an_end_frees_its_names_and_no_others),
        cmocka_unit_test(I17_a_full_mailbox_loses_no_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

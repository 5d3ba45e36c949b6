/*
 * test_behaviors_saga_tx.c -- what a transaction does with what happens to it:
 * the tables of tx.c and vote.c alone. spec/gen.md 1.11, "State rules".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saga/tx.h"

/* Who and how: N none, Y notify, V vote; C creator, P participant. */
#define NC .commit = GEN_SAGA_NO_COMMIT, .creator = true
#define NP .commit = GEN_SAGA_NO_COMMIT
#define YC .commit = GEN_SAGA_NOTIFY, .creator = true
#define YP .commit = GEN_SAGA_NOTIFY
#define VC .commit = GEN_SAGA_VOTE, .creator = true
#define VP .commit = GEN_SAGA_VOTE

#define JOBS_NEXTS (SAGA_CANCEL_JOBS | SAGA_CANCEL_NEXTS)
#define GONE       (SAGA_FORGET | SAGA_CALL_CANCEL)
#define ERASED     (SAGA_ERASE | GONE)
#define COMMITS    (SAGA_COMMIT_NEXTS | SAGA_COMMIT_JOBS)
#define NOTHING    AGNER_ETXUNKNOWN

struct rule {
    struct saga_look look;
    enum saga_event event;
    enum agner_err err;
    enum saga_state state;
    unsigned actions;
};

/* clang-format off */
static const struct rule rules[] = {
    /* What the saga's code asks for. */
    { { SAGA_RUN, NC }, SAGA_ASK_WORK, AGNER_OK, SAGA_RUN, 0 },
    { { SAGA_SENT, YP }, SAGA_ASK_WORK, AGNER_ERESULTSENT, SAGA_SENT, 0 },
    { { SAGA_PREPARED, VP }, SAGA_ASK_WORK, AGNER_ERESULTSENT, SAGA_PREPARED, 0 },
    { { SAGA_RUN, NP, .open = 1 }, SAGA_ASK_RESULT, AGNER_ETXINPROGRESS, SAGA_RUN, 0 },
    { { SAGA_RUN, NP }, SAGA_ASK_RESULT, AGNER_OK, SAGA_ENDED, SAGA_FORGET },
    { { SAGA_RUN, NC }, SAGA_ASK_RESULT, AGNER_OK, SAGA_SENT, 0 },
    { { SAGA_RUN, YP }, SAGA_ASK_RESULT, AGNER_OK, SAGA_SENT, 0 },
    { { SAGA_SENT, NC }, SAGA_ASK_RESULT, AGNER_ERESULTSENT, SAGA_SENT, 0 },
    { { SAGA_RUN, NP }, SAGA_ASK_INTERIM, AGNER_OK, SAGA_RUN, 0 },
    { { SAGA_RUN, NC }, SAGA_ASK_INTERIM, AGNER_ENOTALLOWED, SAGA_RUN, 0 },
    { { SAGA_SENT, VP }, SAGA_ASK_INTERIM, AGNER_ERESULTSENT, SAGA_SENT, 0 },
    { { SAGA_RUN, NP }, SAGA_ASK_CANCEL, AGNER_OK, SAGA_RUN, 0 },
    { { SAGA_SENT, YP }, SAGA_ASK_CANCEL, AGNER_OK, SAGA_SENT, 0 },
    { { SAGA_PREPARING, VC }, SAGA_ASK_CANCEL, AGNER_OK, SAGA_PREPARING, 0 },
    { { SAGA_PREPARED, VP }, SAGA_ASK_CANCEL, AGNER_ENOTALLOWED, SAGA_PREPARED, 0 },
    { { SAGA_PREPARED, VP, .lost = true }, SAGA_ASK_CANCEL, AGNER_OK, SAGA_PREPARED, 0 },
    { { SAGA_DECIDED, VC }, SAGA_ASK_CANCEL, AGNER_ENOTALLOWED, SAGA_DECIDED, 0 },
    { { SAGA_RUN, NC, .cancelling = true }, SAGA_ASK_WORK, AGNER_ETXCANCELLED, SAGA_RUN, 0 },
    { { SAGA_RUN, NC, .cancelling = true }, SAGA_ASK_RESULT, AGNER_ETXCANCELLED, SAGA_RUN, 0 },
    { { SAGA_RUN, NC, .cancelling = true }, SAGA_ASK_CANCEL, AGNER_ETXCANCELLED, SAGA_RUN, 0 },

    /* Cancels: who is told. */
    { { SAGA_RUN, NP }, SAGA_ON_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | GONE },
    { { SAGA_SENT, YP }, SAGA_ON_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | GONE },
    { { SAGA_RUN, NC }, SAGA_ON_CANCEL, NOTHING, SAGA_RUN, 0 }, /* it has no parent */
    { { SAGA_RUN, NP, .cancelling = true }, SAGA_ON_OWN_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | SAGA_CANCEL_PARENT | GONE },
    { { SAGA_SENT, VP, .cancelling = true }, SAGA_ON_PREPARE, AGNER_ETXCANCELLED, SAGA_SENT, 0 },
    { { SAGA_SENT, YP, .cancelling = true }, SAGA_ON_COMMIT, AGNER_OK, SAGA_ENDED, COMMITS | SAGA_ACK | SAGA_FORGET | SAGA_CALL_COMMIT },
    { { SAGA_RUN, NC }, SAGA_ON_NEXT_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | SAGA_CANCEL_PARENT | GONE },
    { { SAGA_RUN, NC, .trapped = true }, SAGA_ON_NEXT_CANCEL, AGNER_OK, SAGA_RUN, SAGA_DROP_NEXT | SAGA_CALL_TRAPPED },
    { { SAGA_RUN, NP }, SAGA_ON_PARENT_DOWN, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | GONE },
    { { SAGA_RUN, NP, .trapped = true }, SAGA_ON_PARENT_DOWN, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | GONE },
    { { SAGA_RUN, NC }, SAGA_ON_LIFESPAN, AGNER_OK, SAGA_ENDED, SAGA_CANCEL_JOBS | GONE }, /* locally only */

    /* Results and commits. */
    { { SAGA_RUN, NC }, SAGA_ON_RESULT, AGNER_OK, SAGA_RUN, SAGA_DROP_NEXT | SAGA_CALL_RESULT },
    { { SAGA_RUN, YC }, SAGA_ON_RESULT, AGNER_OK, SAGA_RUN, SAGA_KEEP_NEXT | SAGA_CALL_RESULT },
    { { SAGA_RUN, NC, .cancelling = true }, SAGA_ON_RESULT, AGNER_ETXCANCELLED, SAGA_RUN, 0 },
    { { SAGA_SENT, NC }, SAGA_ON_OWN, AGNER_OK, SAGA_SENT, SAGA_CALL_DONE },
    { { SAGA_RUN, NC }, SAGA_ON_OWN, NOTHING, SAGA_RUN, 0 },
    { { SAGA_SENT, NC }, SAGA_ON_DONE, AGNER_OK, SAGA_ENDED, SAGA_FORGET },
    { { SAGA_SENT, YC }, SAGA_ON_DONE, AGNER_OK, SAGA_ENDED, COMMITS | SAGA_FORGET },
    { { SAGA_SENT, YC, .acks = true }, SAGA_ON_DONE, AGNER_OK, SAGA_DECIDED, COMMITS },
    { { SAGA_SENT, VC }, SAGA_ON_DONE, AGNER_OK, SAGA_PREPARING, SAGA_PREPARE },
    { { SAGA_SENT, YP }, SAGA_ON_COMMIT, AGNER_OK, SAGA_ENDED, COMMITS | SAGA_ACK | SAGA_FORGET | SAGA_CALL_COMMIT },
    { { SAGA_RUN, YP }, SAGA_ON_COMMIT, NOTHING, SAGA_RUN, 0 },
    { { SAGA_SENT, VP }, SAGA_ON_COMMIT, NOTHING, SAGA_SENT, 0 }, /* not before it has voted */
    { { SAGA_DECIDED, YC, .unacked = 1 }, SAGA_ON_ACK, AGNER_OK, SAGA_DECIDED, 0 },
    { { SAGA_DECIDED, YC }, SAGA_ON_ACK, AGNER_OK, SAGA_ENDED, SAGA_FORGET | SAGA_CALL_ACKS },
    { { SAGA_DECIDED, YC, .unacked = 1 }, SAGA_ON_LIFESPAN, AGNER_OK, SAGA_ENDED, SAGA_FORGET | SAGA_CALL_ACKS },

    /* A vote: the first phase. */
    { { SAGA_SENT, VP }, SAGA_ON_PREPARE, AGNER_OK, SAGA_PREPARING, SAGA_PREPARE },
    { { SAGA_RUN, VP }, SAGA_ON_PREPARE, NOTHING, SAGA_RUN, 0 },
    { { SAGA_SENT, YP }, SAGA_ON_PREPARE, NOTHING, SAGA_SENT, 0 },
    { { SAGA_PREPARING, VP, .votes = 1 }, SAGA_ON_YES, AGNER_OK, SAGA_PREPARING, 0 },
    { { SAGA_PREPARING, VP }, SAGA_ON_YES, AGNER_OK, SAGA_PREPARED, SAGA_VOTE_YES },
    { { SAGA_PREPARING, VC }, SAGA_ON_YES, AGNER_OK, SAGA_DECIDED, SAGA_DECIDE | SAGA_PUSH | SAGA_COMMIT_JOBS | SAGA_CALL_COMMIT },
    { { SAGA_PREPARING, VC, .cancelling = true }, SAGA_ON_YES, AGNER_ETXCANCELLED, SAGA_PREPARING, 0 },
    { { SAGA_PREPARING, VC }, SAGA_ON_NO, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | ERASED },
    { { SAGA_PREPARING, VP }, SAGA_ON_NO, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | SAGA_VOTE_NO | ERASED },
    { { SAGA_PREPARING, VP }, SAGA_ON_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | SAGA_VOTE_NO | ERASED },
    { { SAGA_PREPARING, VC, .trapped = true }, SAGA_ON_NEXT_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | ERASED },
    { { SAGA_PREPARING, VP }, SAGA_ON_PARENT_DOWN, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | SAGA_VOTE_NO | ERASED },
    { { SAGA_PREPARING, VC }, SAGA_ON_LIFESPAN, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | ERASED },
    { { SAGA_PREPARING, VC }, SAGA_ON_OUTCOME, NOTHING, SAGA_PREPARING, 0 }, /* not yet */

    /* Prepared: it never decides alone. */
    { { SAGA_PREPARED, VP }, SAGA_ON_COMMIT, AGNER_OK, SAGA_ENDED, SAGA_COMMIT_JOBS | SAGA_ERASE | SAGA_ACK | SAGA_FORGET | SAGA_CALL_COMMIT },
    { { SAGA_PREPARED, VP }, SAGA_ON_ABORT, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | ERASED },
    { { SAGA_PREPARED, VP }, SAGA_ON_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | ERASED },
    { { SAGA_PREPARED, VP }, SAGA_ON_PARENT_DOWN, AGNER_OK, SAGA_PREPARED, SAGA_ASK },
    { { SAGA_PREPARED, VP }, SAGA_ON_TICK, AGNER_OK, SAGA_PREPARED, SAGA_ASK },
    { { SAGA_PREPARED, VP }, SAGA_ON_NEXT_CANCEL, NOTHING, SAGA_PREPARED, 0 },
    { { SAGA_PREPARED, VP }, SAGA_ON_LIFESPAN, NOTHING, SAGA_PREPARED, 0 },
    { { SAGA_PREPARED, VP }, SAGA_ON_OWN_CANCEL, NOTHING, SAGA_PREPARED, 0 },
    { { SAGA_PREPARED, VP, .lost = true }, SAGA_ON_OWN_CANCEL, AGNER_OK, SAGA_ENDED, JOBS_NEXTS | ERASED },
    { { SAGA_PREPARED, VP, .lost = true }, SAGA_ON_COMMIT, AGNER_OK, SAGA_ENDED, SAGA_COMMIT_JOBS | SAGA_ERASE | SAGA_ACK | SAGA_FORGET | SAGA_CALL_COMMIT },

    /* Decided: until all have acknowledged. */
    { { SAGA_DECIDED, VC, .unacked = 1 }, SAGA_ON_ACK, AGNER_OK, SAGA_DECIDED, 0 },
    { { SAGA_DECIDED, VC }, SAGA_ON_ACK, AGNER_OK, SAGA_ENDED, SAGA_ERASE | SAGA_FORGET },
    { { SAGA_DECIDED, VC, .unacked = 1 }, SAGA_ON_TICK, AGNER_OK, SAGA_DECIDED, SAGA_PUSH },
    { { SAGA_DECIDED, VC }, SAGA_ON_OUTCOME, AGNER_OK, SAGA_DECIDED, SAGA_TELL },
    { { SAGA_DECIDED, VC }, SAGA_ON_LIFESPAN, NOTHING, SAGA_DECIDED, 0 },
    { { SAGA_DECIDED, VC }, SAGA_ON_NEXT_CANCEL, NOTHING, SAGA_DECIDED, 0 },
    { { SAGA_OVER, VP }, SAGA_ON_COMMIT, AGNER_OK, SAGA_ENDED, SAGA_ERASE | SAGA_ACK | SAGA_FORGET },
    { { SAGA_OVER, VP }, SAGA_ON_TICK, AGNER_OK, SAGA_ENDED, SAGA_ERASE | SAGA_ACK | SAGA_FORGET },
    { { SAGA_OVER, VP }, SAGA_ON_ABORT, NOTHING, SAGA_OVER, 0 },
};
/* clang-format on */

static void each_rule_is_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        struct saga_step step = saga__tx_step(&r->look, r->event);

        if (step.err != r->err || step.state != r->state ||
            step.actions != r->actions)
            fail_msg("rule %zu: error %d, state %d, actions 0x%x", i, step.err,
                     step.state, step.actions);
    }
}

/* Whatever happens: an end forgets, and calls back once at most; what means
 * nothing does nothing. */
static void every_step_makes_sense(void **state)
{
    unsigned callbacks = SAGA_CALL_CANCEL | SAGA_CALL_COMMIT |
                         SAGA_CALL_RESULT | SAGA_CALL_DONE | SAGA_CALL_TRAPPED |
                         SAGA_CALL_ACKS;

    (void)state;
    for (unsigned bits = 0; bits < 1u << 14; bits++) {
        struct saga_look look = {
            .state = (enum saga_state)(bits & 7),
            .commit = (enum gen_saga_commit)(bits >> 3 & 3),
            .creator = (bits & 1 << 5) != 0,
            .cancelling = (bits & 1 << 6) != 0,
            .acks = (bits & 1 << 7) != 0,
            .trapped = (bits & 1 << 8) != 0,
            .lost = (bits & 1 << 9) != 0,
            .open = bits >> 10 & 1,
            .votes = bits >> 11 & 1,
            .unacked = bits >> 12 & 1,
        };

        if (look.state >= SAGA_ENDED || (bits >> 3 & 3) > GEN_SAGA_VOTE)
            continue;
        for (int e = SAGA_ASK_WORK; e <= SAGA_ON_TICK; e++) {
            struct saga_step step = saga__tx_step(&look, (enum saga_event)e);
            unsigned called = step.actions & callbacks;

            assert_true((called & (called - 1)) == 0);
            assert_true(step.err == AGNER_OK || step.actions == 0);
            assert_true(step.err == AGNER_OK || step.state == look.state);
            assert_true((step.state == SAGA_ENDED) ==
                        ((step.actions & SAGA_FORGET) != 0));
            if (look.state == SAGA_PREPARED && !look.lost)
                assert_true(step.state == SAGA_PREPARED ||
                            e == SAGA_ON_COMMIT || e == SAGA_ON_ABORT ||
                            e == SAGA_ON_CANCEL);
        }
    }
}

/* D-33: sagas behind each other count. */
static void hops_and_times(void **state)
{
    uint64_t ms = 0;

    (void)state;
    assert_int_equal(saga__hop(1, 0), AGNER_OK);
    assert_int_equal(saga__hop(1, 1), AGNER_EHOPLIMIT);
    assert_int_equal(saga__hop(65535, 65534), AGNER_OK);
    assert_int_equal(saga__time(5000, 0, &ms), AGNER_OK);
    assert_int_equal(ms, 5000);
    assert_int_equal(saga__time(5000, 5000, &ms), AGNER_OK);
    assert_int_equal(saga__time(5000, 5001, &ms), AGNER_ELIFESPAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_so),
        cmocka_unit_test(every_step_makes_sense),
        cmocka_unit_test(hops_and_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

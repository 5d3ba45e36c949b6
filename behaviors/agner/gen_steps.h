/*
 * gen_steps.h -- durable sagas: a list of steps, each with what undoes it.
 *
 *     static const struct gen_step transfer_steps[] = {
 *         { .name = "debit", .act = debit, .compensate = undo_debit },
 *         { .name = "credit", .act = credit, .compensate = undo_credit },
 *     };
 *     static const struct gen_steps transfer = {
 *         .name = "transfer", .steps = transfer_steps, .count = 2
 *     };
 *
 *     err = gen_steps_start_link(self, &transfer, store, NULL, &pid, NULL);
 *     err = gen_steps_begin(self, to, id, input, NULL, 5000, NULL);
 *     err = gen_steps_await(self, to, id, 5000, &outcome);
 *
 * Every intent is in the store before it is acted upon. So a node that is
 * killed at any point goes on where it was, once gen_steps_start() is called
 * again with the same name and store: each saga is committed, or what it did is
 * compensated, in reverse order.
 *
 * What no journal can know is whether a step that was begun and not finished
 * has had an effect. It is then tried again, with the same key, or compensated:
 * acts and compensations are written so that a second one with the same key
 * changes nothing, and a compensation so that it may come before its act, or
 * without one.
 *
 * gen.h includes this header.
 */
#ifndef AGNER_GEN_STEPS_H
#define AGNER_GEN_STEPS_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_retry_options; /* gen_retry.h */
struct gen_store;         /* gen_store.h */

#define GEN_STEPS_COUNT_MAX 64u        /* steps of a saga */
#define GEN_STEPS_NAME_MAX  64u        /* bytes of a name */
#define GEN_STEPS_ID_MAX    200u       /* bytes of an id, as it is encoded */
#define GEN_STEPS_BYTES_MAX (1u << 20) /* of the input, and of all results */

#define GEN_STEP_TIMEOUT_MS 60000u
#define GEN_STEP_TRIES      3u
#define GEN_STEP_UNDO_TRIES 10u

/* What a step is run with. Terms live until it returns. */
struct gen_step_run {
    etf_term id;
    etf_term input;   /* of the saga */
    etf_term results; /* [{Name, Result}] of the steps that are done, the first
                         one first; Name is a binary */
    etf_term result;  /* compensate: what act gave; ETF_NONE: it is not known
                         whether it has done anything */
    etf_term reason;  /* compensate: why the saga turned back */
    /* The idempotency key, a binary of up to 400 bytes: the same in each try,
     * after a restart too, and no other saga of this name, step or direction
     * has it. */
    etf_term key;
    etf_term act_key;     /* compensate: the key that act had; act: `key` */
    uint64_t attempt;     /* from 1; runs that were cut off count */
    uint64_t deadline_ms; /* the saga's: wall clock since 1970; RT_INFINITY */
};

/* A time, a number of tries, and the delays between them; 0: the default. */
struct gen_step_limits {
    uint64_t timeout_ms; /* of a try: then its process is killed. 0: 60,000;
                            RT_INFINITY: none */
    uint64_t tries;      /* that fail; 0: 3 of act, 10 of compensate */
    const struct gen_retry_options *backoff; /* borrowed: static; NULL: those
                                                of gen_retry.h */
};

/* Static. */
struct gen_step {
    const char *name; /* without ':', '#' and '/' */
    /* Runs in a process of its own, and may wait and call other nodes. What it
     * returns is the step's result. It fails by leaving, with rt_exit() or
     * through a crash, by taking too long, and with ETF_NONE: then it may have
     * done something, and is tried again. gen_step_refuse() says that it has
     * done nothing and never will. */
    etf_term (*act)(struct gen *self, const struct gen_step_run *run);
    /* Undoes what act did, or may have done; fails in the same ways. Of what it
     * returns only ETF_NONE counts. NULL: it cannot be undone, and is never
     * said to have been. */
    etf_term (*compensate)(struct gen *self, const struct gen_step_run *run);
    struct gen_step_limits act_limits, compensate_limits;
};

/* Leaves act: this step has done nothing, with no key, and is not to be tried
 * again. After earlier tries, which may have done something, it is compensated
 * all the same. In compensate it is a failure as others. Does not return. */
AGNER_API void gen_step_refuse(struct gen *self, etf_term reason);

enum gen_steps_state {
    GEN_STEPS_RUNNING,     /* or waits for its turn */
    GEN_STEPS_COMMITTED,   /* all steps are done */
    GEN_STEPS_COMPENSATED, /* nothing is left of what was done */
    GEN_STEPS_FAILED,      /* turned back, but some steps cannot be undone */
    GEN_STEPS_STUCK,       /* waits for a person: gen_steps_retry() */
};

/* What has become of a saga. Terms are in the caller's region. */
struct gen_steps_outcome {
    enum gen_steps_state state;
    etf_term result; /* committed: of the last step; else ETF_NONE */
    etf_term reason; /* why it turned back or is stuck; else ETF_NONE */
    etf_term not_compensated; /* failed: names of steps, binaries; else [] */
};

/* Static. A 0 is the default behind it. */
struct gen_steps {
    const char *name; /* of its records in the store; without ':', '#', '/' */
    const struct gen_step *steps;
    size_t count;
    uint64_t lifespan_ms; /* of a saga; then it turns back. By the wall clock,
                             so it goes on while the node is down. 0: none */
    size_t running_max;   /* sagas that run at once; 100 */
    size_t waiting_max;   /* that wait for their turn; 10,000 */
    uint64_t keep_ms;     /* how long the finished are known; 1 hour */
    size_t keep_max;      /* ... and how many of them; 1000 */
    /* In a process of its own, when the outcome is in the store; not again
     * after a restart. NULL: none. */
    void (*handle_done)(struct gen *self, etf_term id,
                        const struct gen_steps_outcome *outcome);
};

/* ---- Starting ------------------------------------------------------------ */

/*
 * Starts the process that runs sagas of this kind, and goes on with those that
 * the store knows. One process at a time has a name in a store.
 *
 *   steps    borrowed: static
 *   store    held
 *   options  its name, links, ...: rt.h; NULL for none
 *
 * AGNER_EINVAL (a name, a count), AGNER_EEXIT (*reason: {store, Text}, or
 * already_running), and the errors of gen_start().
 */
AGNER_API enum agner_err gen_steps_start(struct gen *self,
                                         const struct gen_steps *steps,
                                         struct gen_store *store,
                                         const struct rt_spawn_options *options,
                                         etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err gen_steps_start_link(
    struct gen *self, const struct gen_steps *steps, struct gen_store *store,
    const struct rt_spawn_options *options, etf_pid *pid, etf_term *reason);

/* ---- Sagas --------------------------------------------------------------- */
/* From any process, `to` as in gen_call(); all of them also have its errors.
 * Answers are what the process said: AGNER_ETXUNKNOWN: it knows no such saga.
 */

/*
 * Begins a saga, once for each id: a second begin changes nothing and is told
 * what the first came to.
 *
 *   id           ETF_NONE: one is made, a binary
 *   lifespan_ms  0: that of the table
 *   given        the id; may be NULL
 *   outcome      what it has come to so far; may be NULL
 *
 * AGNER_OK: it is in the store, and will end. AGNER_EFULL: too many wait.
 * AGNER_ELIMIT: the id or the input is too large. AGNER_EBADTERM: it cannot be
 * stored. AGNER_EIO and the like: the store failed, and it may have begun.
 */
AGNER_API enum agner_err gen_steps_begin(struct gen *self, etf_term to,
                                         etf_term id, etf_term input,
                                         uint64_t lifespan_ms,
                                         uint64_t timeout_ms, etf_term *given,
                                         struct gen_steps_outcome *outcome);

/* Waits until it is finished or stuck. */
AGNER_API enum agner_err gen_steps_await(struct gen *self, etf_term to,
                                         etf_term id, uint64_t timeout_ms,
                                         struct gen_steps_outcome *outcome);

/* #{id, state, age_ms, left_ms, step, steps => [#{name, state, attempts,
 * compensations}], reason}: what `agner saga show` prints. */
AGNER_API enum agner_err gen_steps_info(struct gen *self, etf_term to,
                                        etf_term id, uint64_t timeout_ms,
                                        etf_term *info);
/* Ids of all that are not finished, the oldest first, at most 1000: a list. */
AGNER_API enum agner_err gen_steps_list(struct gen *self, etf_term to,
                                        uint64_t timeout_ms, etf_term *ids);

/* A stuck one goes on: its compensation has all its tries again, or its steps
 * are known again. AGNER_ENOTALLOWED: it is not stuck. */
AGNER_API enum agner_err gen_steps_retry(struct gen *self, etf_term to,
                                         etf_term id, uint64_t timeout_ms);
/* It turns back, with this reason; the step that runs is killed. AGNER_OK: that
 * is in the store. AGNER_ENOTALLOWED: it is finished, has turned already, or is
 * stuck. */
AGNER_API enum agner_err gen_steps_abort(struct gen *self, etf_term to,
                                         etf_term id, etf_term reason,
                                         uint64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif

/*
 * gen_saga.h -- transactions over several processes: sagas and their workers.
 *
 * A transaction begins at one saga, its creator, which passes parts of it on to
 * other sagas (gen_saga_next) and to workers of its own (gen_saga_job). Results
 * come back to whoever asked; a saga sends its own (gen_saga_result) when it
 * has all it waits for; the creator's goes to handle_tx_done. Anybody on the
 * way may cancel the whole. A participant sees the end of each transaction
 * once: it has sent its result (without commit), or handle_tx_commit, or
 * handle_tx_cancel.
 *
 *     static enum gen_next order_new(struct gen *self, struct gen_saga_tx tx,
 *                                    etf_term order)
 *     {
 *         struct gen_saga_next next = { .saga = etf_atom("store"),
 *                                       .value = order };
 *
 *         (void)gen_saga_next(self, tx, &next, NULL);
 *         return GEN_NEXT;
 *     }
 *
 *     static enum gen_next order_result(struct gen *self,
 *                                       struct gen_saga_tx tx,
 *                                       struct gen_saga_next_id from,
 *                                       etf_term result)
 *     {
 *         (void)gen_saga_result(self, tx, result);
 *         return GEN_NEXT;
 *     }
 *
 * Sagas trap exits. They are called, cast to, stopped and looked into as any
 * server. gen.h includes this header. Source: spec/gen.md 1.11, 1.12, 2.5.
 */
#ifndef AGNER_GEN_SAGA_H
#define AGNER_GEN_SAGA_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_SAGA_LIFESPAN_MS      60000u /* of a transaction that says nothing */
#define GEN_SAGA_HOPS_MAX         65535u
#define GEN_SAGA_HOP_MS           1000u /* less than that left: no next saga */
#define GEN_SAGA_JOB_GRACE_MS     5000u /* from a job's time-out to its kill */
#define GEN_SAGA_ASK_MS           5000u /* between two questions for an outcome */
#define GEN_SAGA_PARTICIPANTS_MAX 65536u /* of a vote */

struct gen_store;

/* Small values, to be copied and kept. */
struct gen_saga_tx {
    etf_ref ref;
};
struct gen_saga_next_id {
    etf_ref ref;
};
struct gen_saga_job_id {
    etf_ref ref;
};

/* What comes after the result of the creator. */
enum gen_saga_commit {
    GEN_SAGA_NO_COMMIT, /* nothing: each saga is done with its own result */
    /* All keep the transaction until they are told the final value. There is
     * no vote: who is lost between its result and the notice misses it. */
    GEN_SAGA_NOTIFY,
    /* Two-phase commit: all prepare and vote, the creator decides, and the
     * outcome is the same for all who prepared, also after a crash when they
     * have a store. Between sagas of agner only. */
    GEN_SAGA_VOTE,
};

/* All zero is a good default. */
struct gen_saga_options {
    uint64_t hop_limit;   /* sagas behind the creator on one way; 0: 65,535 */
    uint64_t lifespan_ms; /* of the whole; 0: 60 s */
    enum gen_saga_commit commit;
    /* With GEN_SAGA_NOTIFY: next sagas of agner acknowledge the notice, and the
     * creator gets {saga_acks, TX, Acknowledged, Missing} as info. */
    bool ack;
};

struct gen_saga_next {
    etf_term saga;       /* a pid, a name, {Name, Node}, a global name */
    etf_term value;      /* for its handle_tx_new */
    uint64_t timeout_ms; /* 0: what is left of the lifespan */
    /* When it cancels, ends or is late, only {saga_cancel, TX, Next, Reason}
     * comes to handle_info, and the transaction goes on without it. */
    bool trap_cancel;
};

struct gen_saga_job_options {
    uint64_t timeout_ms; /* 0: what is left of the lifespan */
};

struct gen_saga_job {
    struct gen_saga_job_id id;
    struct gen_saga_tx tx;
    etf_term value;
};

/* A process for each job, linked to its saga. An absent callback has the
 * default that stands behind it. */
struct gen_saga_worker {
    const char *name;
    size_t state_size;

    /* Default: go on. */
    enum gen_next (*init)(struct gen *self, etf_term value);
    /* The job. May wait; the result may also come later, from any callback:
     * gen_saga_job_result(). Required. */
    enum gen_next (*handle_job_start)(struct gen *self,
                                      const struct gen_saga_job *job);
    /* The job is not wanted any more: the transaction was cancelled, or its
     * time is over. The worker ends with `normal` after it. Required. */
    enum gen_next (*handle_job_cancel)(struct gen *self,
                                       const struct gen_saga_job *job,
                                       etf_term reason);
    /* GEN_SAGA_VOTE: can it be committed? false: no, and *why may say why.
     * Default: true. */
    bool (*handle_job_prepare)(struct gen *self, const struct gen_saga_job *job,
                               etf_term final, etf_term *why);
    /* The worker ends with `normal` after it. Default: nothing. */
    enum gen_next (*handle_job_commit)(struct gen *self,
                                       const struct gen_saga_job *job,
                                       etf_term final);
    /* As gen_server's. */
    enum gen_next (*handle_call)(struct gen *self, struct gen_from from,
                                 etf_term request);
    enum gen_next (*handle_cast)(struct gen *self, etf_term request);
    enum gen_next (*handle_info)(struct gen *self, etf_term message);
    enum agner_err (*handle_direct)(struct gen *self,
                                    const struct rt_direct *direct,
                                    void **result);
    void (*terminate)(struct gen *self, etf_term reason);
    etf_term (*format_status)(struct gen *self);
    void (*destroy)(void *state);
};

/* An absent callback has the default that stands behind it. */
struct gen_saga {
    const char *name;
    size_t state_size;

    /* Default: go on. */
    enum gen_next (*init)(struct gen *self, etf_term args);
    /* A transaction has come. Required. */
    enum gen_next (*handle_tx_new)(struct gen *self, struct gen_saga_tx tx,
                                   etf_term value);
    /* The result of a next saga. Required. */
    enum gen_next (*handle_tx_result)(struct gen *self, struct gen_saga_tx tx,
                                      struct gen_saga_next_id from,
                                      etf_term result);
    /* It was cancelled, and is over here. Required. */
    enum gen_next (*handle_tx_cancel)(struct gen *self, struct gen_saga_tx tx,
                                      etf_term reason);
    /* At the creator, of its own result: *final is what is committed. To refuse
     * call gen_saga_cancel(). Default: the result. */
    enum gen_next (*handle_tx_done)(struct gen *self, struct gen_saga_tx tx,
                                    etf_term result, etf_term *final);
    /* Progress of a next saga. Default: nothing. */
    enum gen_next (*handle_tx_interim)(struct gen *self, struct gen_saga_tx tx,
                                       struct gen_saga_next_id from,
                                       etf_term value);
    /* GEN_SAGA_VOTE: can it be committed? After true it must be able to, and
     * also to undo it, whatever happens. false: no, and *why may say why. The
     * creator is asked too. Default: true. */
    bool (*handle_tx_prepare)(struct gen *self, struct gen_saga_tx tx,
                              etf_term final, etf_term *why);
    /* It is committed, and is over here. With GEN_SAGA_VOTE the creator hears
     * it too, and after a crash it may come once more. Default: nothing. */
    enum gen_next (*handle_tx_commit)(struct gen *self, struct gen_saga_tx tx,
                                      etf_term final);
    /* Of jobs. Default: logs. */
    enum gen_next (*handle_job_result)(struct gen *self, struct gen_saga_tx tx,
                                       struct gen_saga_job_id from,
                                       etf_term result);
    enum gen_next (*handle_job_interim)(struct gen *self, struct gen_saga_tx tx,
                                        struct gen_saga_job_id from,
                                        etf_term value);
    /* It ended without a result, or was late: `lifespan`. */
    enum gen_next (*handle_job_failed)(struct gen *self, struct gen_saga_tx tx,
                                       struct gen_saga_job_id from,
                                       etf_term reason);
    /* As gen_server's. */
    enum gen_next (*handle_call)(struct gen *self, struct gen_from from,
                                 etf_term request);
    enum gen_next (*handle_cast)(struct gen *self, etf_term request);
    enum gen_next (*handle_info)(struct gen *self, etf_term message);
    enum agner_err (*handle_direct)(struct gen *self,
                                    const struct rt_direct *direct,
                                    void **result);
    void (*terminate)(struct gen *self, etf_term reason);
    etf_term (*format_status)(struct gen *self);
    enum agner_err (*replace_state)(struct gen *self, etf_term state);
    enum agner_err (*code_change)(struct gen *self, etf_term old_version,
                                  etf_term extra);
    void (*destroy)(void *state);

    const struct gen_saga_worker *worker; /* borrowed: static; NULL: no jobs */
    uint64_t tx_max; /* more are refused: exceed_tx_limit; 0: no limit */
};

/* ---- Starting ----------------------------------------------------------- */

/* As gen_start() in gen.h; AGNER_EINVAL too: a required callback is missing. */
AGNER_API enum agner_err gen_saga_start(struct gen *self,
                                        const struct gen_saga *saga,
                                        etf_term args,
                                        const struct rt_spawn_options *options,
                                        etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err
gen_saga_start_link(struct gen *self, const struct gen_saga *saga,
                    etf_term args, const struct rt_spawn_options *options,
                    etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err
gen_saga_start_monitor(struct gen *self, const struct gen_saga *saga,
                       etf_term args, const struct rt_spawn_options *options,
                       etf_pid *pid, etf_ref *monitor, etf_term *reason);

/*
 * In init: votes and decisions of GEN_SAGA_VOTE are kept in `store` under
 * `name`, which is this saga's for ever; those of an earlier life are taken up
 * again. The process must be registered, under the same name in each life:
 * others ask it by {Name, Node}.
 *
 * Without a store a transaction survives the loss of connections, not of
 * processes: when the creator is lost while others have prepared, they stay so
 * (`stuck` in the figures, {saga_error, _, _, in_doubt, _} as info) until a
 * person, or gen_saga_cancel() by their code, ends it.
 *
 * Takes a count of the store. AGNER_EINVAL (not in init, no name, too long),
 * AGNER_ENOMEM, and what gen_store_scan() says.
 */
AGNER_API enum agner_err
gen_saga_store(struct gen *self, struct gen_store *store, const char *name);

/* ---- In a callback of a saga -------------------------------------------- */
/*
 * All of these: AGNER_EINVAL (self runs no saga), AGNER_ETXUNKNOWN,
 * AGNER_ETXCANCELLED (it is being cancelled), AGNER_ENOMEM. What they start is
 * over before the callback of its end is called.
 */

/* A new transaction: handle_tx_new of this saga gets `value`, later; until then
 * the transaction is unknown. *tx may be NULL, and so may `options`. Also
 * AGNER_EINVAL (options), AGNER_EMAILBOXFULL. */
AGNER_API enum agner_err gen_saga_begin(struct gen *self,
                                        const struct gen_saga_options *options,
                                        etf_term value, struct gen_saga_tx *tx);

/* Passes a part of it on. *id may be NULL. AGNER_EHOPLIMIT; AGNER_ELIFESPAN:
 * the time-out is longer than what is left of the transaction, or less than
 * GEN_SAGA_HOP_MS is left, which cancels it (`exceeded lifespan`);
 * AGNER_ERESULTSENT; AGNER_EINVAL, AGNER_EBADTERM (saga, value). A saga that is
 * not there cancels: {next_down, Saga, Reason}. */
AGNER_API enum agner_err gen_saga_next(struct gen *self, struct gen_saga_tx tx,
                                       const struct gen_saga_next *next,
                                       struct gen_saga_next_id *id);

/* Starts a worker for it. AGNER_ENOWORKER, AGNER_ELIFESPAN, AGNER_ERESULTSENT,
 * and what a spawn says. `options` and `id` may be NULL. */
AGNER_API enum agner_err
gen_saga_job(struct gen *self, struct gen_saga_tx tx,
             const struct gen_saga_job_options *options, etf_term value,
             struct gen_saga_job_id *id);

/* The result of this saga, once: to who passed the transaction on, or to its
 * own handle_tx_done. AGNER_ETXINPROGRESS: nexts or jobs have not delivered;
 * AGNER_ERESULTSENT. Without commit it is over here, except at the creator. */
AGNER_API enum agner_err
gen_saga_result(struct gen *self, struct gen_saga_tx tx, etf_term result);
/* Progress, as often as one likes before the result. AGNER_ENOTALLOWED at the
 * creator. */
AGNER_API enum agner_err
gen_saga_interim(struct gen *self, struct gen_saga_tx tx, etf_term value);
/* Cancels it here and for all others; handle_tx_cancel comes here too.
 * AGNER_ENOTALLOWED: it has voted, and only the creator may, or it is decided.
 */
AGNER_API enum agner_err
gen_saga_cancel(struct gen *self, struct gen_saga_tx tx, etf_term reason);
/* The worker hears handle_job_cancel, and this saga no more of it.
 * AGNER_EJOBUNKNOWN: also when it has delivered. */
AGNER_API enum agner_err gen_saga_cancel_job(struct gen *self,
                                             struct gen_saga_tx tx,
                                             struct gen_saga_job_id job,
                                             etf_term reason);

/* ---- In a callback of a worker ------------------------------------------ */

/* The result, once. AGNER_ERESULTSENT, AGNER_ETXCANCELLED (also in
 * handle_job_cancel, and when its time is over), AGNER_EINVAL (self is no
 * worker), AGNER_ENOMEM. Without commit the worker ends with `normal` after the
 * callback; otherwise it waits.
 */
AGNER_API enum agner_err gen_saga_job_result(struct gen *self, etf_term result);
/* Progress, before the result. Errors as above. */
AGNER_API enum agner_err gen_saga_job_interim(struct gen *self, etf_term value);

/* ---- From anywhere ------------------------------------------------------ */

/* tx_max at run time; those that run are not touched. `saga` may be self.
 * AGNER_ETERMINATED, and what gen_call() says. */
AGNER_API enum agner_err gen_saga_max(struct gen *self, etf_term saga,
                                      uint64_t max, uint64_t timeout_ms);
/* Cancels a transaction at that saga. AGNER_ETXUNKNOWN, AGNER_ENOTALLOWED (it
 * has voted, and the creator is not lost), and what gen_call() says. */
AGNER_API enum agner_err gen_saga_abort(struct gen *self, etf_term saga,
                                        struct gen_saga_tx tx, etf_term reason,
                                        uint64_t timeout_ms);
/* The saga's figures: a map, as `agner saga show` has it. */
AGNER_API enum agner_err gen_saga_list(struct gen *self, etf_term saga,
                                       uint64_t timeout_ms, etf_term *figures);

/* "TX#1.2.3", "Next#1.2.3", "Job#1.2.3": at least 40 bytes. Return `buffer`. */
#define GEN_SAGA_TEXT_SIZE 40
AGNER_API char *gen_saga_tx_text(struct gen_saga_tx tx,
                                 char buffer[GEN_SAGA_TEXT_SIZE]);
AGNER_API char *gen_saga_next_text(struct gen_saga_next_id id,
                                   char buffer[GEN_SAGA_TEXT_SIZE]);
AGNER_API char *gen_saga_job_text(struct gen_saga_job_id id,
                                  char buffer[GEN_SAGA_TEXT_SIZE]);

/* ---- What comes to handle_info ------------------------------------------ */

/* {saga_cancel, TX, Next, Reason}: a next saga with trap_cancel is gone.
 * {saga_error, TX, Next, Error, Details}: a cancel or a commit could not be
 * sent (Error is the reason as an atom, Details the saga), or the outcome of a
 * vote will never be known (in_doubt). */
struct gen_saga_notice {
    struct gen_saga_tx tx;
    struct gen_saga_next_id next;
    etf_term reason;  /* the Reason, or the Error */
    etf_term details; /* ETF_NONE with saga_cancel */
};
/* Reads it; false: it is none. */
AGNER_API bool gen_saga_is_cancel(etf_term message,
                                  struct gen_saga_notice *notice);
AGNER_API bool gen_saga_is_error(etf_term message,
                                 struct gen_saga_notice *notice);

#ifdef __cplusplus
}
#endif

#endif

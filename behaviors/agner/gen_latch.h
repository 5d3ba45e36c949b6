/*
 * gen_latch.h -- what state a thing is in, for all who wait for it.
 *
 * A latch goes round: stopped, starting, started, stopping, stopped. Who runs
 * the thing moves it; any number of others, processes and threads, look, wait,
 * or have a message sent. A state that was passed in this round counts as
 * reached, so nobody has to be quick.
 *
 * gen.h includes this header. Source: spec/async.md 2.2.
 */
#ifndef AGNER_GEN_LATCH_H
#define AGNER_GEN_LATCH_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RESUMING, ACTIVE, PAUSING and PAUSED have a name; no move leads there. */
enum gen_latch_state {
    GEN_LATCH_STOPPED,
    GEN_LATCH_STARTING,
    GEN_LATCH_RESUMING,
    GEN_LATCH_STARTED,
    GEN_LATCH_ACTIVE,
    GEN_LATCH_PAUSING,
    GEN_LATCH_PAUSED,
    GEN_LATCH_STOPPING,
};

struct gen_latch;
struct gen_cancel; /* gen_cancel.h */

/* Stopped, with one count, the caller's. NULL: no memory. Any thread, as all
 * that has no `self`. */
AGNER_API struct gen_latch *gen_latch_new(struct rt *rt);
/* One count more; returns `latch`. */
AGNER_API struct gen_latch *gen_latch_hold(struct gen_latch *latch);
/* One fewer; the last one frees it. NULL is fine. */
AGNER_API void gen_latch_free(struct gen_latch *latch);

/* Moves: stopped to starting, to started, to stopping, to stopped; and from
 * starting to stopped, when the start failed. AGNER_EINVAL: no such move from
 * where it is; also when it is there already. */
AGNER_API enum agner_err gen_latch_starting(struct gen_latch *latch);
AGNER_API enum agner_err gen_latch_started(struct gen_latch *latch);
AGNER_API enum agner_err gen_latch_stopping(struct gen_latch *latch);
AGNER_API enum agner_err gen_latch_stopped(struct gen_latch *latch);

/* Nothing: a round needs no preparation. For programs that are used to it. */
AGNER_API void gen_latch_reset(struct gen_latch *latch);

AGNER_API enum gen_latch_state gen_latch_state(const struct gen_latch *latch);
AGNER_API bool gen_latch_is_stopped(const struct gen_latch *latch);
AGNER_API bool gen_latch_is_starting(const struct gen_latch *latch);
AGNER_API bool gen_latch_is_started(const struct gen_latch *latch);
AGNER_API bool gen_latch_is_stopping(const struct gen_latch *latch);
AGNER_API bool gen_latch_can_start(const struct gen_latch *latch);
AGNER_API bool gen_latch_can_stop(const struct gen_latch *latch);
/* "stopped", "starting" ...: static. */
AGNER_API const char *gen_latch_state_name(enum gen_latch_state state);

/*
 * Waits for a state. AGNER_OK: it is there, or was passed in this round; a
 * latch that is stopped has passed nothing. AGNER_ESTOPPED: the start that was
 * waited for has failed. AGNER_EINVAL: no move leads to that state.
 * AGNER_ETIMEOUT, AGNER_ECANCELLED (`cancel`, which may be NULL), AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_latch_wait(struct gen *self,
                                        struct gen_latch *latch,
                                        enum gen_latch_state state,
                                        uint64_t timeout_ms,
                                        struct gen_cancel *cancel);

/* The message {gen_latch, *ref, State} to self, once, when it is there; State
 * is the atom `stopped` when the start has failed. AGNER_EINVAL as above,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_latch_notify(struct gen *self,
                                          struct gen_latch *latch,
                                          enum gen_latch_state state,
                                          etf_ref *ref);

/* If it is stopped, moves it to starting, and waits until it is started; else
 * AGNER_OK at once. */
AGNER_API enum agner_err gen_latch_wait_started(struct gen *self,
                                                struct gen_latch *latch,
                                                uint64_t timeout_ms,
                                                struct gen_cancel *cancel);
/* The same from started, by stopping, to stopped. */
AGNER_API enum agner_err gen_latch_wait_stopped(struct gen *self,
                                                struct gen_latch *latch,
                                                uint64_t timeout_ms,
                                                struct gen_cancel *cancel);

#ifdef __cplusplus
}
#endif

#endif

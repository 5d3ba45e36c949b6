/*
 * gen_cancel.h -- tokens that tell work to stop.
 *
 * A token is set once, by any thread, with a reason. Who does the work looks at
 * it, or waits with it: every wait of the functions that take a token ends with
 * AGNER_ECANCELLED when it is set. A token made with a parent is set with it.
 * Tokens are counted: each holder frees its own.
 *
 * rt_cancel() in rt.h ends processes; this asks them.
 *
 * gen.h includes this header. Source: spec/async.md 3.1.
 */
#ifndef AGNER_GEN_CANCEL_H
#define AGNER_GEN_CANCEL_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_cancel;

/* A new token with one count, the caller's. `parent`: NULL for none; borrowed
 * for the call. NULL: no memory. Any thread. */
AGNER_API struct gen_cancel *gen_cancel_new(struct rt *rt,
                                            struct gen_cancel *parent);
/* One count more; returns `token`. */
AGNER_API struct gen_cancel *gen_cancel_hold(struct gen_cancel *token);
/* One fewer; the last one frees it. NULL is fine. */
AGNER_API void gen_cancel_free(struct gen_cancel *token);

/* Sets it, and all that have it as a parent, and so on; wakes who waits.
 * `reason` is copied; ETF_NONE, or no memory for it: the atom `cancelled`. Of
 * each token the first reason holds. AGNER_EALREADY: it was set before, and
 * whoever did so may still be at its children. Any thread. */
AGNER_API enum agner_err gen_cancel_set(struct gen_cancel *token,
                                        etf_term reason);
/* NULL is never set. Costs a load. Any thread. */
AGNER_API bool gen_cancel_is_set(const struct gen_cancel *token);
/* Why, in `r`; ETF_NONE: it is not set. */
AGNER_API etf_term gen_cancel_reason(const struct gen_cancel *token,
                                     struct etf_region *r);

/* Waits until it is set. AGNER_OK, AGNER_ETIMEOUT, AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_cancel_wait(struct gen *self,
                                         struct gen_cancel *token,
                                         uint64_t timeout_ms);
/* Sleeps for so long. AGNER_ECANCELLED: not so long. `token` may be NULL. */
AGNER_API enum agner_err gen_cancel_sleep(struct gen *self, uint64_t ms,
                                          struct gen_cancel *token);

/* The same until rt_now_ms() says so. */
AGNER_API enum agner_err gen_cancel_sleep_until(struct gen *self,
                                                uint64_t at_ms,
                                                struct gen_cancel *token);

/* For who makes an object with waits of its own (rt_wait.h): `waiter`, made
 * ready by rt_wait_begin(), is woken when the token is set. false: it is set
 * already, and the waiter is not on its list. leave takes it off, if it is
 * there. NULL: true, and nothing. */
AGNER_API bool gen_cancel_join(struct gen_cancel *token,
                               struct rt_waiter *waiter);
AGNER_API void gen_cancel_leave(struct gen_cancel *token,
                                struct rt_waiter *waiter);

/* For an object that is no process: what is to be done when a token is set. */
struct gen_cancel_hook {
    /* Once, on the thread that sets the token; waits for nothing. The hook is
     * on no list any more, so this may free it. */
    void (*run)(struct gen_cancel_hook *hook);
    struct gen_cancel_hook *next, *prev; /* private */
    bool listed;                         /* private */
};
/* false: it is set already, and the hook is not there. */
AGNER_API bool gen_cancel_hook_add(struct gen_cancel *token,
                                   struct gen_cancel_hook *hook);
/* true: it never runs. false: it has run, or does now on another thread, so
 * its memory is still in use there; or it was never added. */
AGNER_API bool gen_cancel_hook_remove(struct gen_cancel *token,
                                      struct gen_cancel_hook *hook);

#ifdef __cplusplus
}
#endif

#endif

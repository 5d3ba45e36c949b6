/*
 * gen_resubscribe.h -- a subscription that is made again when it fails.
 *
 *     static enum agner_err connect(struct gen *self,
 *                                   const struct gen_resub_try *attempt,
 *                                   struct gen_sub **sub, etf_term *reason)
 *     {
 *         return gen_feed_subscribe_at(self, prices, NULL, 5000, sub);
 *     }
 *
 *     options.backoff_max_ms = 10000;
 *     gen_resubscribe(self, connect, NULL, &options, &sub);
 *
 * It is tried, and followed, in a process of its own: `subscribe` makes a
 * subscription of that process, and events are handed to `handle` there. The
 * whole is a subscription too: it ends well when one that was made ends well,
 * and with the last error when it is given up.
 *
 *   after                                       the next try
 *   ------------------------------------------  ------------------------------
 *   a failed try, or a subscription that lived  in the wait, which first is
 *   shorter than the wait is now                doubled, up to the most; after
 *                                               a try that took longer than the
 *                                               most it begins anew
 *   a subscription that failed later            at once
 *   ... and had lived as long as the most       at once, and the wait begins
 *                                               anew
 *
 * A wait begins with a tenth of the most: so after quick failures the waits are
 * 0.2, 0.4, 0.8, 1, 1 ... of it.
 *
 * When the first event after that does not follow the last one before, who
 * resubscribed gets {gen_feed_gap, Ref, From, To}: the numbers that it missed.
 *
 * gen.h includes this header. Source: spec/event.md 2.4.
 */
#ifndef AGNER_GEN_RESUBSCRIBE_H
#define AGNER_GEN_RESUBSCRIBE_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_feed_event;
struct gen_sub;

/* One try, as `subscribe` sees it. Good until it returns. */
struct gen_resub_try {
    uint64_t number;           /* from 1 */
    struct gen_cancel *cancel; /* set: give it up; for this try only, so
                                  nothing that lives on may hang on it */
    etf_term failure;          /* the latest; ETF_NONE: there was none */
    bool was_up;               /* it is why a subscription ended, and not why a
                                  try failed */
    etf_pid to;                /* who resubscribes */
    void *arg;
};

/* All zero is a good default. */
struct gen_resub_options {
    uint64_t backoff_max_ms; /* the most; 0: no waits at all */
    unsigned jitter_percent; /* up to so much of each wait is left out, at
                                random; at most 100 */
    uint64_t max_attempts;   /* failures without a wait's time of success in
                                between; 0: no end */
    /* Gets the events, in the process that follows; may be NULL. */
    void (*handle)(struct gen *self, void *arg,
                   const struct gen_feed_event *event);
};

/*
 * Makes `subscribe` be called until it succeeds, and again when what it made
 * fails. It returns AGNER_OK with a subscription, or an error, and then *reason
 * may say more (ETF_NONE: the error's text); AGNER_OK without one ends the
 * whole with `badarg`. `arg` is good until the subscription has ended, which
 * unsubscribing waits for. AGNER_EINVAL (no `subscribe`, a jitter over
 * 100), AGNER_ENOMEM, AGNER_ELIMIT, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_resubscribe(
    struct gen *self,
    enum agner_err (*subscribe)(struct gen *self,
                                const struct gen_resub_try *attempt,
                                struct gen_sub **sub, etf_term *reason),
    void *arg, const struct gen_resub_options *options, struct gen_sub **sub);

#ifdef __cplusplus
}
#endif

#endif

/*
 * gen_worker.h -- one process that works on what it is handed, one by one.
 *
 * There is no buffer: who brings an item waits until the worker takes it. For
 * more than one worker, or a line to wait in, see gen_queue.h, whose words hold
 * here too.
 *
 * gen.h includes this header. Source: spec/async.md 2.3.
 */
#ifndef AGNER_GEN_WORKER_H
#define AGNER_GEN_WORKER_H

#include <agner/gen_action.h>
#include <agner/gen_latch.h>
#include <agner/gen_queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_worker;

/* As gen_queue_new(); of the options those about parallelism, room and overflow
 * mean nothing here. */
AGNER_API struct gen_worker *
gen_worker_new(struct rt *rt, gen_work_fn action, void *ctx,
               const struct gen_queue_options *options);
AGNER_API struct gen_worker *gen_worker_hold(struct gen_worker *worker);
AGNER_API void gen_worker_free(struct gen_worker *worker); /* NULL is fine */

/* Starts it: as gen_queue_start(). */
AGNER_API enum agner_err gen_worker_start(struct gen *self,
                                          struct gen_worker *worker);
/* Starts it and waits until it has stopped. */
AGNER_API enum agner_err gen_worker_run(struct gen *self,
                                        struct gen_worker *worker);

/* Hands an item over. AGNER_OK: the worker has it. AGNER_EFULL (`timeout_ms`
 * 0), AGNER_ETIMEOUT: it did not come for it. Other errors as
 * gen_queue_enqueue().
 */
AGNER_API enum agner_err gen_worker_enqueue(struct gen *self,
                                            struct gen_worker *worker,
                                            void *item, uint64_t timeout_ms,
                                            struct gen_cancel *cancel);

/* Takes no more, and waits for the item under way, if one is, at most so long
 * (AGNER_ETIMEOUT: then the worker is told to end, and ends by itself). In the
 * action itself it waits for nothing: the worker stops after this item.
 * AGNER_ESTOPPED, AGNER_ESTOPPING. */
AGNER_API enum agner_err gen_worker_stop(struct gen *self,
                                         struct gen_worker *worker,
                                         uint64_t timeout_ms);

AGNER_API void gen_worker_info(struct gen_worker *worker,
                               struct gen_queue_info *info);
AGNER_API struct gen_latch *gen_worker_latch(struct gen_worker *worker);

#ifdef __cplusplus
}
#endif

#endif

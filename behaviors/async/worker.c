/*
 * worker.c -- one process that works from hand to hand: gen_worker.h.
 *
 * A queue with one worker and no room.
 */
#include <agner/gen_worker.h>

#include "async/queue.h"

/* Never defined: a gen_worker is a gen_queue by another name. */
static struct gen_queue *queue_of(struct gen_worker *worker)
{
    return (struct gen_queue *)(void *)worker;
}

struct gen_worker *gen_worker_new(struct rt *rt, gen_work_fn action, void *ctx,
                                  const struct gen_queue_options *options)
{
    struct gen_queue_options o = { 0 };

    if (options != NULL)
        o = *options;
    o.parallelism = 1;
    o.max_work = 1;
    o.batch = 1;
    o.overflow = GEN_QUEUE_WAIT;
    o.early = false;
    return (void *)gen__queue_new(rt, action, ctx, &o, true);
}

struct gen_worker *gen_worker_hold(struct gen_worker *worker)
{
    return (void *)gen_queue_hold(queue_of(worker));
}

void gen_worker_free(struct gen_worker *worker)
{
    gen_queue_free(queue_of(worker));
}

enum agner_err gen_worker_start(struct gen *self, struct gen_worker *worker)
{
    return gen_queue_start(self, queue_of(worker), NULL, NULL);
}

enum agner_err gen_worker_run(struct gen *self, struct gen_worker *worker)
{
    return gen_queue_run(self, queue_of(worker));
}

enum agner_err gen_worker_enqueue(struct gen *self, struct gen_worker *worker,
                                  void *item, uint64_t timeout_ms,
                                  struct gen_cancel *cancel)
{
    return gen_queue_enqueue(self, queue_of(worker), item, timeout_ms, cancel);
}

enum agner_err gen_worker_stop(struct gen *self, struct gen_worker *worker,
                               uint64_t timeout_ms)
{
    return gen__queue_stop(self, queue_of(worker), timeout_ms, NULL);
}

void gen_worker_info(struct gen_worker *worker, struct gen_queue_info *info)
{
    gen_queue_info(queue_of(worker), info);
}

struct gen_latch *gen_worker_latch(struct gen_worker *worker)
{
    return gen_queue_latch(queue_of(worker));
}

/*
 * queue_ring.c -- the items of a queue, and who waits for them or for room.
 *
 * All with the queue's lock held, and all of a few instructions. The ring has
 * room for what the workers have in their batches beside `max_work`, so that a
 * batch can always be put back.
 */
#include <stdlib.h>

#include "async/queue.h"

/* ---- Items ------------------------------------------------------------------
 */

bool queue__has_room(const struct gen_queue *q)
{
    /* From hand to hand: for a worker that waits and has nothing yet. */
    if (q->handover)
        return q->count == 0 && q->idle != NULL;
    return q->count < q->o.max_work;
}

size_t queue__share(size_t queued, unsigned workers, unsigned batch)
{
    size_t share =
        workers == 0 ? queued : queued / workers + (queued % workers != 0);

    return share < batch ? share : batch;
}

void queue__push(struct gen_queue *q, void *item)
{
    size_t at = q->first + q->count;

    q->ring[at < q->room ? at : at - q->room] = item;
    q->count++;
    q->pushed++;
    if (q->count > q->high_mark)
        q->high_mark = q->count;
    if (q->pushed % 16 == 1 && q->probe_ns == 0) {
        q->probe_ns = rt_now_ns(q->rt);
        q->probe = q->pushed;
    }
}

void queue__push_front(struct gen_queue *q, void *item)
{
    q->first = q->first == 0 ? q->room - 1 : q->first - 1;
    q->ring[q->first] = item;
    q->count++;
    q->popped--;
}

void *queue__pop(struct gen_queue *q)
{
    void *item = q->ring[q->first];

    q->first = q->first + 1 == q->room ? 0 : q->first + 1;
    q->count--;
    q->popped++;
    if (q->probe_ns != 0 && q->popped >= q->probe) {
        uint64_t waited_ns = rt_now_ns(q->rt) - q->probe_ns;

        if (waited_ns > q->longest_ns)
            q->longest_ns = waited_ns;
        q->probe_ns = 0;
    }
    return item;
}

/* ---- Who waits for room ------------------------------------------------- */

void queue__join(struct gen_queue *q, struct queue_put *put)
{
    put->next = NULL;
    put->prev = q->puts_last;
    if (q->puts_last == NULL)
        q->puts = put;
    else
        q->puts_last->next = put;
    q->puts_last = put;
    q->puts_count++;
    if (put->waiter == NULL)
        q->far_puts++;
}

void queue__leave(struct gen_queue *q, struct queue_put *put)
{
    if (put->prev == NULL)
        q->puts = put->next;
    else
        put->prev->next = put->next;
    if (put->next == NULL)
        q->puts_last = put->prev;
    else
        put->next->prev = put->prev;
    q->puts_count--;
    if (put->waiter == NULL)
        q->far_puts--;
}

void queue__settle(struct gen_queue *q, struct gen *by, struct queue_put *put,
                   enum agner_err err, struct queue_put **answers)
{
    queue__leave(q, put);
    put->over = true;
    put->err = err;
    if (err != AGNER_OK)
        q->refused++;
    if (put->waiter != NULL) {
        rt_wake(q->rt, by, put->waiter);
    } else {
        put->next = *answers;
        *answers = put;
    }
}

void queue__admit(struct gen_queue *q, struct gen *by,
                  struct queue_put **answers)
{
    while (q->puts != NULL && queue__has_room(q)) {
        struct queue_put *put = q->puts;

        queue__push(q, put->item);
        queue__settle(q, by, put, AGNER_OK, answers);
    }
}

void queue__refuse_all(struct gen_queue *q, enum agner_err err,
                       struct queue_put **answers)
{
    while (q->puts != NULL)
        queue__settle(q, NULL, q->puts, err, answers);
}

/* ---- Who waits for items ------------------------------------------------ */

static void wake_first(struct gen_queue *q, struct gen *by)
{
    struct rt_waiter *w = q->idle;

    q->idle = w->next;
    if (q->idle != NULL)
        q->idle->prev = NULL;
    q->waking++;
    rt_wake(q->rt, by, w);
}

void queue__wake_one(struct gen_queue *q, struct gen *by)
{
    if (q->idle != NULL && q->waking == 0)
        wake_first(q, by);
}

void queue__wake_all(struct gen_queue *q)
{
    while (q->idle != NULL)
        wake_first(q, NULL);
}

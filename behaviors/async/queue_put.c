/*
 * queue_put.c -- items come in: gen_queue.h.
 *
 * Who finds the queue full leaves the item in the line and waits. Whoever makes
 * room takes the item in, and only then wakes: so the line is the order, and
 * one whose time is over finds under the lock whether its item is in.
 */
#include <assert.h>
#include <stdlib.h>

#include "async/queue.h"

#define FAR_MAX 4096u /* calls that wait in line; one more is told: full */

/* Does it accept at all? */
static enum agner_err may_come(const struct gen_queue *q)
{
    switch ((enum queue_mode)load_relaxed(&q->mode)) {
    case QUEUE_OPEN:
        return AGNER_OK;
    case QUEUE_DRAIN:
    case QUEUE_SHUT:
        return AGNER_ESTOPPING;
    case QUEUE_REST:
        break;
    }
    return q->o.early ? AGNER_OK : AGNER_ENOTSTARTED;
}

/* What the lock is held for: the item is in, or why not. AGNER_EAGAIN: wait.
 * *dropped is what it drove out, or itself. */
static enum agner_err bring(struct gen_queue *q, struct gen *by, void *item,
                            void **dropped)
{
    enum agner_err err = may_come(q);

    if (err != AGNER_OK)
        return err;
    /* Who makes room takes in those who wait: nobody passes them. */
    assert(q->puts == NULL || !queue__has_room(q));
    if (queue__has_room(q)) {
        queue__push(q, item);
        queue__wake_one(q, by);
        return AGNER_OK;
    }
    switch (q->handover ? GEN_QUEUE_WAIT : q->o.overflow) {
    case GEN_QUEUE_WAIT:
        return AGNER_EAGAIN;
    case GEN_QUEUE_REFUSE:
        return AGNER_EFULL;
    case GEN_QUEUE_DROP_NEWEST:
        *dropped = item;
        break;
    case GEN_QUEUE_DROP_OLDEST:
        *dropped = queue__pop(q);
        queue__push(q, item);
        break;
    }
    q->dropped++;
    return AGNER_OK;
}

enum agner_err gen_queue_try_enqueue(struct gen_queue *q, void *item)
{
    void *dropped = NULL;
    enum agner_err err;

    rt__lock(&q->lock);
    err = bring(q, NULL, item, &dropped);
    if (err != AGNER_OK)
        q->refused++;
    rt__unlock(&q->lock);
    if (dropped != NULL)
        queue__hand_back(q, dropped, AGNER_EFULL);
    return err == AGNER_EAGAIN ? AGNER_EFULL : err;
}

/* In line; w[1] is for the token. */
static enum agner_err wait_in_line(struct gen *self, struct gen_queue *q,
                                   struct queue_put *put, struct rt_waiter *w,
                                   uint64_t timeout_ms,
                                   struct gen_cancel *cancel)
{
    enum agner_err err = AGNER_ECANCELLED;

    if (gen_cancel_join(cancel, &w[1])) {
        err = rt_wait_block(self, timeout_ms);
        if (err == AGNER_OK)
            err = AGNER_ECANCELLED; /* unless the item is in */
    }
    rt__lock(&q->lock);
    if (put->over) {
        err = put->err;
    } else {
        queue__leave(q, put);
        q->refused++;
    }
    rt__unlock(&q->lock);
    gen_cancel_leave(cancel, &w[1]);
    return err;
}

static enum agner_err bring_or_wait(struct gen *self, struct gen_queue *q,
                                    void *item, uint64_t timeout_ms,
                                    struct gen_cancel *cancel, void **dropped)
{
    struct rt_waiter w[2];
    struct queue_put put = { .item = item, .waiter = w };
    size_t count = cancel == NULL ? 1 : 2;
    enum agner_err err = rt_wait_begin(self, w, count);

    if (err != AGNER_OK)
        return err;
    rt__lock(&q->lock);
    err = bring(q, self, item, dropped);
    if (err == AGNER_EAGAIN)
        queue__join(q, &put);
    else if (err != AGNER_OK)
        q->refused++;
    rt__unlock(&q->lock);
    if (err == AGNER_EAGAIN)
        err = wait_in_line(self, q, &put, w, timeout_ms, cancel);
    rt_wait_end(self, w, count);
    return err;
}

enum agner_err gen_queue_enqueue(struct gen *self, struct gen_queue *q,
                                 void *item, uint64_t timeout_ms,
                                 struct gen_cancel *cancel)
{
    void *dropped = NULL;
    enum agner_err err;

    rt__lock(&q->lock);
    err = bring(q, self, item, &dropped);
    if (err == AGNER_EAGAIN && timeout_ms == 0)
        err = AGNER_EFULL;
    if (err != AGNER_OK && err != AGNER_EAGAIN)
        q->refused++;
    rt__unlock(&q->lock);
    if (err == AGNER_EAGAIN)
        err = bring_or_wait(self, q, item, timeout_ms, cancel, &dropped);
    if (dropped != NULL)
        queue__hand_back(q, dropped, AGNER_EFULL);
    return err;
}

/* As many as there is room for at once. */
static size_t bring_some(struct gen *self, struct gen_queue *q,
                         void *const *items, size_t count)
{
    size_t n = 0;

    rt__lock(&q->lock);
    if (may_come(q) == AGNER_OK && !q->handover) {
        for (; n < count && queue__has_room(q); n++)
            queue__push(q, items[n]);
        if (n > 0)
            queue__wake_one(q, self);
    }
    rt__unlock(&q->lock);
    return n;
}

enum agner_err gen_queue_enqueue_many(struct gen *self, struct gen_queue *q,
                                      void *const *items, size_t count,
                                      uint64_t timeout_ms,
                                      struct gen_cancel *cancel,
                                      size_t *accepted)
{
    uint64_t from_ms = rt_now_ms(q->rt);
    enum agner_err err = AGNER_OK;
    size_t n = 0;

    while (err == AGNER_OK && n < count) {
        uint64_t spent_ms = rt_now_ms(q->rt) - from_ms;

        n += bring_some(self, q, items + n, count - n);
        if (n == count)
            break;
        err =
            gen_queue_enqueue(self, q, items[n],
                              timeout_ms == RT_INFINITY ? timeout_ms
                              : spent_ms >= timeout_ms  ? 0
                                                        : timeout_ms - spent_ms,
                              cancel);
        if (err == AGNER_OK)
            n++;
    }
    if (accepted != NULL)
        *accepted = n;
    return err;
}

enum agner_err gen_queue_enqueue_term(struct gen *self, struct gen_queue *q,
                                      etf_term term, uint64_t timeout_ms,
                                      struct gen_cancel *cancel)
{
    struct etf_box *box;
    enum agner_err err;

    if (!q->o.terms)
        return AGNER_EINVAL;
    box = etf_is_none(term) ? NULL : etf_box_new(term);
    if (box == NULL)
        return AGNER_ENOMEM;
    err = gen_queue_enqueue(self, q, box, timeout_ms, cancel);
    if (err != AGNER_OK)
        etf_box_free(box);
    return err;
}

enum agner_err queue__put_far(struct gen_queue *q, void *item,
                              const struct gen_from *from)
{
    struct queue_put *put = calloc(1, sizeof *put);
    void *dropped = NULL;
    enum agner_err err;

    if (put == NULL)
        return AGNER_ENOMEM;
    put->item = item;
    put->from = *from;
    rt__lock(&q->lock);
    err = bring(q, NULL, item, &dropped);
    /* A caller that gave up leaves its item in line: so there is a limit. */
    if (err == AGNER_EAGAIN && q->far_puts == FAR_MAX)
        err = AGNER_EFULL;
    if (err == AGNER_EAGAIN)
        queue__join(q, put);
    else if (err != AGNER_OK)
        q->refused++;
    rt__unlock(&q->lock);
    if (err != AGNER_EAGAIN)
        free(put);
    if (dropped != NULL)
        queue__hand_back(q, dropped, AGNER_EFULL);
    return err;
}

/*
 * log_queue.c -- a handler's queue, between those who log and its writer.
 *
 * Whoever logs holds the lock for as long as it takes to decide and to put a
 * pointer into a place that is there already, so it neither waits for the
 * writer nor needs memory.
 */
#include "log_internal.h"

#include <stdio.h>

#define BYTES_MAX (8u << 20) /* of the events that wait: as good as full */

/* What the limit takes the queue's length to be. */
static uint64_t length(const struct log_handler *h)
{
    return h->bytes > BYTES_MAX ? h->limit.queue_max : h->count;
}

/* The lock is held; there is room. */
static void push(struct log_handler *h, const struct log_entry *entry)
{
    size_t at = h->first + h->count;

    if (at >= h->options.queue_max)
        at -= h->options.queue_max;
    h->queue[at] = *entry;
    h->count++;
    h->bytes += entry->event->bytes;
}

static struct log_entry pop(struct log_handler *h)
{
    struct log_entry entry = h->queue[h->first];

    if (++h->first == h->options.queue_max)
        h->first = 0;
    h->count--;
    h->bytes -= entry.event->bytes;
    return entry;
}

void rt__log_rouse(struct log_handler *h)
{
    (void)add_acq_rel(&h->word, 1u);
    h->world->wake(h->world->ctx, &h->word, 1);
}

/* A handler has no thread until it has something to do. Without one its events
 * wait, and the next that comes tries again. */
static void start_writer(struct log_handler *h)
{
    struct rt_thread *thread = NULL;
    enum agner_err err = h->world->thread_start(h->world->ctx, "agner-log",
                                                rt__log_writer, h, &thread);

    rt__lock(&h->lock);
    h->thread = thread;
    h->state = err == AGNER_OK ? LOG_THREAD_RUNS : LOG_THREAD_NONE;
    rt__unlock(&h->lock);
}

void rt__log_offer(struct log_handler *h, struct log_event *event)
{
    uint64_t now_ns = h->world->now_ns(h->world->ctx);
    struct log_entry entry = { event, 0 };
    bool taken, starts = false, rouses = false;

    rt__lock(&h->lock);
    taken = rt__log_limit_take(&h->limit, now_ns, length(h), &entry.dropped);
    if (!taken) {
        h->dropped++;
    } else {
        h->taken++;
        rt_log_hold(&event->event);
        if (!h->in_place) {
            push(h, &entry);
            starts = h->state == LOG_THREAD_NONE;
            rouses = h->asleep;
            h->asleep = false;
        }
        if (starts)
            h->state = LOG_THREAD_STARTING;
    }
    rt__unlock(&h->lock);
    if (taken && h->in_place)
        rt__log_write(h, &entry);
    else if (starts)
        start_writer(h);
    else if (rouses)
        rt__log_rouse(h);
}

void rt__log_lose(struct log_handler *h)
{
    rt__lock(&h->lock);
    h->dropped++;
    h->limit.dropped++;
    rt__unlock(&h->lock);
}

size_t rt__log_take(struct log_handler *h, struct log_entry *entries,
                    size_t room, uint64_t *dropped, uint64_t *deadline_ns)
{
    uint64_t now_ns = h->world->now_ns(h->world->ctx);
    size_t taken = 0;

    *dropped = 0;
    *deadline_ns = RT_NEVER;
    rt__lock(&h->lock);
    while (taken < room && h->count > 0)
        entries[taken++] = pop(h);
    if (taken == 0) {
        *dropped = rt__log_limit_told(&h->limit, now_ns, deadline_ns);
        h->asleep = *dropped == 0;
    }
    rt__unlock(&h->lock);
    return taken;
}

/* Order: who flushes counts itself before it looks at `done` under the lock, so
 * either it sees what we wrote, or we see it and wake it. */
void rt__log_done(struct log_handler *h, size_t entries, uint64_t written,
                  uint64_t failed, const char *why)
{
    rt__lock(&h->lock);
    h->done += entries;
    h->written += written;
    h->failed += failed;
    if (why != NULL)
        (void)snprintf(h->error, sizeof h->error, "%s", why);
    rt__unlock(&h->lock);
    (void)add_acq_rel(&h->progress, 1u);
    if (load_acquire(&h->flushing) > 0)
        h->world->wake(h->world->ctx, &h->progress, UINT32_MAX);
}

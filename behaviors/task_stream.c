/*
 * task_stream.c -- a task for each item, so many at once.
 *
 * Slots 0 to used-1 are tasks in the order of their items. A slot whose
 * `waiting` is all zero has ended: its answer stays with the runtime until its
 * turn, so nothing is copied and a stream owns no memory.
 */
#include <string.h>

#include "gen_internal.h"

static const struct rt_request nothing;

static bool has_ended(const struct gen_task_stream *s, unsigned slot)
{
    return s->waiting[slot].ref.count == 0;
}

static unsigned slots_of(const struct gen_task_stream *s)
{
    unsigned count = s->options.concurrency;

    if (!s->options.unordered)
        count *= 2;
    return count < GEN_TASK_STREAM_MAX ? count : GEN_TASK_STREAM_MAX;
}

enum agner_err
gen_task_stream_open(struct gen_task_stream *s, struct gen *self,
                     const struct gen_task_job *job,
                     bool (*next)(struct gen *self, void *ctx, etf_term *item),
                     void *ctx, const struct gen_task_stream_options *options)
{
    struct rt_stats stats;

    memset(s, 0, sizeof *s);
    s->job = job;
    s->next = next;
    s->ctx = ctx;
    if (options != NULL)
        s->options = *options;
    if (s->options.concurrency == 0) {
        rt_stats(rt_of(self), &stats);
        s->options.concurrency = stats.workers < GEN_TASK_STREAM_MAX
                                     ? stats.workers
                                     : GEN_TASK_STREAM_MAX;
    }
    if (s->options.timeout_ms == 0)
        s->options.timeout_ms = GEN_CALL_TIMEOUT_MS;
    return job != NULL && job->run != NULL && next != NULL &&
                   s->options.concurrency <= GEN_TASK_STREAM_MAX
               ? AGNER_OK
               : AGNER_EINVAL;
}

bool gen_task_stream_list(struct gen *self, void *ctx, etf_term *item)
{
    (void)self;
    return etf_list_next(ctx, item);
}

/* ---- Starting ----------------------------------------------------------- */

static uint64_t deadline_of(struct gen *self, uint64_t timeout_ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));

    return timeout_ms < RT_INFINITY - now_ms ? now_ms + timeout_ms
                                             : RT_INFINITY;
}

/* An item that no task can be started for has its fate at once. false: self
 * must end. */
static bool start_one(struct gen *self, struct gen_task_stream *s,
                      etf_term item)
{
    struct gen_task_slot *slot = &s->slots[s->used];

    slot->item = s->item++;
    slot->deadline_ms = deadline_of(self, s->options.timeout_ms);
    if (s->options.nolink)
        slot->fate = gen_task_async_nolink(self, s->job, item, s->options.task,
                                           &slot->task);
    else
        slot->fate =
            gen_task_async(self, s->job, item, s->options.task, &slot->task);
    s->waiting[s->used] = slot->fate == AGNER_OK ? slot->task.request : nothing;
    s->running += slot->fate == AGNER_OK;
    s->used++;
    return slot->fate != AGNER_EEXITING && slot->fate != AGNER_EKILLED;
}

/* Starts what may run. */
static enum agner_err fill(struct gen *self, struct gen_task_stream *s)
{
    etf_term item = ETF_NONE;

    while (!s->dry && s->running < s->options.concurrency &&
           s->used < slots_of(s)) {
        if (!s->next(self, s->ctx, &item))
            s->dry = true;
        else if (!start_one(self, s, item))
            return s->slots[s->used - 1].fate;
    }
    return AGNER_OK;
}

/* ---- Waiting ------------------------------------------------------------ */

static void note_end(struct gen_task_stream *s, unsigned slot)
{
    s->waiting[slot] = nothing;
    s->running--;
}

/* The one whose time is over first, of those that run. */
static unsigned earliest(const struct gen_task_stream *s)
{
    unsigned best = GEN_TASK_STREAM_MAX;

    for (unsigned i = 0; i < s->used; i++) {
        if (!has_ended(s, i) &&
            (best == GEN_TASK_STREAM_MAX ||
             s->slots[i].deadline_ms < s->slots[best].deadline_ms))
            best = i;
    }
    return best;
}

/* Waits until one more has ended, if only since its time was over. */
static enum agner_err wait_for_one(struct gen *self, struct gen_task_stream *s)
{
    unsigned first = earliest(s);
    uint64_t deadline_ms = s->slots[first].deadline_ms;
    uint64_t now_ms = rt_now_ms(rt_of(self));
    uint64_t left_ms = RT_INFINITY;
    size_t which;
    enum agner_err err;

    if (deadline_ms != RT_INFINITY)
        left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    err = rt_request_ready(self, s->waiting, s->used, left_ms, &which);
    if (err == AGNER_OK) {
        note_end(s, (unsigned)which);
    } else if (err == AGNER_ETIMEOUT) {
        gen_task_abandon(self, &s->slots[first].task);
        s->slots[first].fate = AGNER_ETIMEOUT;
        note_end(s, first);
        err = AGNER_OK;
    }
    return err;
}

/* The slot whose turn it is, or GEN_TASK_STREAM_MAX. */
static unsigned whose_turn(const struct gen_task_stream *s)
{
    unsigned last = s->options.unordered ? s->used : s->used != 0;

    for (unsigned i = 0; i < last; i++) {
        if (has_ended(s, i))
            return i;
    }
    return GEN_TASK_STREAM_MAX;
}

static void take(struct gen *self, struct gen_task_stream *s, unsigned i,
                 struct gen_task_result *result)
{
    const struct gen_task_slot *slot = &s->slots[i];
    unsigned behind = s->used - i - 1;

    *result =
        (struct gen_task_result){ .err = slot->fate, .index = slot->item };
    if (slot->fate == AGNER_OK)
        result->err = gen_task_yield(self, &slot->task, 0, &result->term);
    memmove(&s->slots[i], &s->slots[i + 1], behind * sizeof s->slots[0]);
    memmove(&s->waiting[i], &s->waiting[i + 1], behind * sizeof s->waiting[0]);
    s->used--;
}

enum agner_err gen_task_stream_next(struct gen *self, struct gen_task_stream *s,
                                    struct gen_task_result *result)
{
    for (;;) {
        enum agner_err err = fill(self, s);
        unsigned turn = whose_turn(s);

        if (err == AGNER_OK && turn != GEN_TASK_STREAM_MAX) {
            take(self, s, turn, result);
            if (result->err != AGNER_ETIMEOUT || !s->options.stop_on_timeout)
                return AGNER_OK;
            gen_task_stream_close(self, s);
            return AGNER_ETIMEOUT;
        }
        if (err == AGNER_OK && s->used == 0)
            return AGNER_ENOREF;
        if (err == AGNER_OK)
            err = wait_for_one(self, s);
        if (err != AGNER_OK)
            return err;
    }
}

void gen_task_stream_close(struct gen *self, struct gen_task_stream *s)
{
    for (unsigned i = 0; i < s->used; i++) {
        if (s->slots[i].fate == AGNER_OK)
            gen_task_abandon(self, &s->slots[i].task);
    }
    s->used = s->running = 0;
    s->dry = true;
}

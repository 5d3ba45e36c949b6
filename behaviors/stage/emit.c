/*
 * emit.c -- a stage's events on their way out, the buffer, and the demand for
 * them.
 *
 * Order. Events go out in the order in which they were emitted: what is in the
 * buffer is in front of what comes, so nothing is dispatched past it. (GenStage
 * lets new events overtake buffered ones in a few corners, and may leave both
 * sides waiting there.)
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

#define BUFFER_SIZE 10000u

/* ---- Setting up --------------------------------------------------------- */

enum agner_err gen__produce_setup(struct gen *self, struct stage *s,
                                  const struct gen_stage_options *o)
{
    bool endless =
        o->buffer_unbounded ||
        (o->buffer_size == 0 && s->role == GEN_STAGE_PRODUCER_CONSUMER);

    s->dispatcher =
        o->dispatcher != NULL ? o->dispatcher : gen_stage_demand_dispatcher();
    s->buffer.keep_first = o->keep == GEN_STAGE_KEEP_FIRST;
    s->buffer.max = o->buffer_size != 0 ? o->buffer_size : BUFFER_SIZE;
    if (endless)
        s->buffer.max = UINT64_MAX;
    store_relaxed(&s->buffer_max, s->buffer.max);
    if (o->demand == GEN_STAGE_ACCUMULATE) {
        if (s->role == GEN_STAGE_PRODUCER_CONSUMER)
            return AGNER_EINVAL;
        s->accumulate = true;
        store_relaxed(&s->mode, 1u);
    }
    if (s->dispatcher->dispatch == NULL)
        return AGNER_EINVAL;
    s->dispatching = calloc(1, s->dispatcher->state_size + 1);
    if (s->dispatching == NULL)
        return AGNER_ENOMEM;
    if (s->dispatcher->init == NULL)
        return AGNER_OK;
    return s->dispatcher->init(self, s->dispatching, o->dispatcher_options);
}

void gen__produce_fini(struct stage *s)
{
    if (s->dispatching != NULL && s->dispatcher->fini != NULL)
        s->dispatcher->fini(s->dispatching);
    free(s->dispatching);
    free(s->marks);
    gen__buffer_fini(&s->buffer);
}

/* ---- Events out --------------------------------------------------------- */

static void show_buffer(struct stage *s)
{
    uint64_t queued = 0;

    if (s->dispatcher->queued != NULL)
        queued = s->dispatcher->queued(s->dispatching);
    store_relaxed(&s->buffered, s->buffer.count + queued);
}

void gen__stage_discarded(struct gen *self, uint64_t count, const char *why)
{
    struct stage *s = gen__stage(self);

    if (count == 0)
        return;
    store_relaxed(&s->discarded, load_relaxed(&s->discarded) + count);
    if (s->table->format_discarded != NULL &&
        !s->table->format_discarded(self, count))
        return;
    rt_log_self(self, RT_LOG_WARNING, "%llu events were discarded: %s",
                (unsigned long long)count, why);
}

/* A message whose turn has come. Takes the piece. */
static enum agner_err send_info(struct gen *self, struct stage *s,
                                struct stage_piece *piece)
{
    enum agner_err err;

    if (s->dispatcher->info != NULL)
        err = s->dispatcher->info(self, s->dispatching, piece->rest);
    else
        err = gen__stage_send_info(self, piece->rest);
    gen__piece_free(piece);
    return err;
}

static enum agner_err send_infos(struct gen *self, struct stage *s)
{
    struct stage_piece *piece;
    enum agner_err err = AGNER_OK;

    while (err == AGNER_OK && (piece = gen__buffer_message(&s->buffer)) != NULL)
        err = send_info(self, s, piece);
    return err;
}

/* Lets the dispatcher have the events that it takes; *taken: how many. */
static enum agner_err dispatch(struct gen *self, struct stage *s,
                               etf_term events, uint64_t count,
                               struct gen_stage_sent *sent, uint64_t *taken)
{
    struct gen_stage_sent now = { 0 };
    enum agner_err err =
        s->dispatcher->dispatch(self, s->dispatching, events, count, &now);

    *taken = now.delivered + now.buffered + now.discarded;
    if (*taken > count)
        *taken = count; /* a dispatcher of the user's */
    s->demand -= gen__stage_less(s->demand, *taken);
    store_relaxed(&s->discarded, load_relaxed(&s->discarded) + now.discarded);
    sent->delivered += now.delivered;
    sent->buffered += now.buffered;
    sent->discarded += now.discarded;
    return err;
}

static uint64_t room_of(const struct stage *s, uint64_t hint)
{
    return s->dispatcher->room != NULL ? s->dispatcher->room(s->dispatching)
                                       : hint;
}

/* Sends of what is buffered as much as may go, `hint` if the dispatcher does
 * not say how much that is. *drained: how many events went. */
static enum agner_err drain(struct gen *self, struct stage *s, uint64_t hint,
                            uint64_t *drained)
{
    struct gen_stage_sent sent = { 0 };
    uint64_t room, got, taken = 1;
    enum agner_err err = AGNER_OK;

    *drained = 0;
    while (err == AGNER_OK && s->buffer.count > 0 && taken > 0 &&
           (room = room_of(s, hint - *drained)) > 0) {
        s->source_list = gen__buffer_peek(&s->buffer, rt_region(self), room,
                                          &got, &s->source);
        s->source_count = got;
        if (etf_is_none(s->source_list))
            return AGNER_ENOMEM;
        err = dispatch(self, s, s->source_list, got, &sent, &taken);
        s->source = NULL;
        gen__buffer_drop(&s->buffer, taken);
        *drained += taken;
        if (err == AGNER_OK)
            err = send_infos(self, s);
        if (s->dispatcher->room == NULL && *drained >= hint)
            break;
    }
    show_buffer(s);
    return err;
}

static enum agner_err keep(struct gen *self, struct stage *s, etf_term events,
                           uint64_t count, struct gen_stage_sent *sent)
{
    uint64_t discarded;

    if (!gen__buffer_put(&s->buffer, rt_region(self), events, count,
                         &discarded))
        return AGNER_ENOMEM;
    if (s->dispatcher->left != NULL)
        s->dispatcher->left(s->dispatching, count);
    sent->discarded += discarded;
    sent->buffered += count - gen__stage_less(count, discarded);
    gen__stage_discarded(self, discarded, "the buffer is full");
    show_buffer(s);
    return send_infos(self, s);
}

enum agner_err gen__produce_emit(struct gen *self, struct stage *s,
                                 etf_term events, uint64_t count,
                                 struct gen_stage_sent *sent)
{
    struct gen_stage_sent here = { 0 };
    uint64_t taken = 0, drained;
    enum agner_err err = AGNER_OK;
    etf_term event;

    if (!s->accumulate && s->buffer.count > 0)
        err = drain(self, s, 0, &drained);
    if (err == AGNER_OK && !s->accumulate && s->buffer.count == 0)
        err = dispatch(self, s, events, count, &here, &taken);
    for (uint64_t i = 0; i < taken && taken < count; i++)
        (void)etf_list_next(&events, &event);
    if (err == AGNER_OK && taken < count)
        err = keep(self, s, events, count - taken, &here);
    else
        show_buffer(s);
    if (sent != NULL)
        *sent = here;
    return err;
}

enum agner_err gen__produce_info(struct gen *self, struct stage *s,
                                 etf_term message)
{
    if (gen__is_producer(s) && s->buffer.count > 0)
        return gen__buffer_put_message(&s->buffer, message) ? AGNER_OK
                                                            : AGNER_ENOMEM;
    if (gen__is_producer(s) && s->dispatcher->info != NULL)
        return s->dispatcher->info(self, s->dispatching, message);
    return gen__stage_send_info(self, message);
}

/* ---- Demand ------------------------------------------------------------- */

static enum gen_next call_demand(struct gen *self, struct stage *s,
                                 uint64_t count)
{
    if (s->table->handle_demand == NULL)
        return GEN_NEXT;
    return s->table->handle_demand(self, count);
}

/* The ring of demands that wait. */
static enum agner_err mark(struct stage *s, uint64_t count)
{
    uint32_t capacity = s->mark_capacity == 0 ? 8 : s->mark_capacity * 2;
    uint64_t *marks, *last;

    if (s->mark_count == STAGE_MARKS_MAX) {
        last =
            &s->marks[(s->mark_first + s->mark_count - 1) % s->mark_capacity];
        *last = gen__stage_sum(*last, count);
        return AGNER_OK;
    }
    if (s->mark_count == s->mark_capacity) {
        marks = malloc(capacity * sizeof *marks);
        if (marks == NULL)
            return AGNER_ENOMEM;
        for (uint32_t i = 0; i < s->mark_count; i++)
            marks[i] = s->marks[(s->mark_first + i) % s->mark_capacity];
        free(s->marks);
        s->marks = marks;
        s->mark_first = 0;
        s->mark_capacity = capacity;
    }
    s->marks[(s->mark_first + s->mark_count) % s->mark_capacity] = count;
    s->mark_count++;
    return AGNER_OK;
}

/* Demand that may not go on: what is buffered already will do for some of it.
 */
static enum agner_err hold_demand(struct stage *s, uint64_t count)
{
    uint64_t ready =
        s->buffer.count - gen__stage_less(s->buffer.count, s->reserved);
    uint64_t taken = gen__stage_less(ready, count);

    s->reserved += taken;
    return taken < count ? mark(s, count - taken) : AGNER_OK;
}

enum gen_next gen__produce_wanted(struct gen *self, struct stage *s,
                                  uint64_t count)
{
    enum agner_err err;
    uint64_t drained;

    if (s->accumulate) {
        err = hold_demand(s, count);
        return err == AGNER_OK ? GEN_NEXT : gen__stage_fail(self, err);
    }
    if (s->role == GEN_STAGE_PRODUCER_CONSUMER) {
        s->demand = gen__stage_sum(s->demand, count);
        err = drain(self, s, s->demand, &drained);
        return err == AGNER_OK ? GEN_NEXT : gen__stage_fail(self, err);
    }
    err = drain(self, s, count, &drained);
    if (err != AGNER_OK)
        return gen__stage_fail(self, err);
    return drained < count ? call_demand(self, s, count - drained) : GEN_NEXT;
}

bool gen__produce_is_due(const struct stage *s)
{
    return s->mark_count > 0 && !s->accumulate;
}

enum gen_next gen__produce_due(struct gen *self, struct stage *s)
{
    uint64_t count = s->marks[s->mark_first];

    s->mark_first = (s->mark_first + 1) % s->mark_capacity;
    s->mark_count--;
    return call_demand(self, s, count);
}

enum agner_err gen__produce_mode(struct gen *self, struct stage *s,
                                 enum gen_stage_demand mode)
{
    bool accumulate = mode == GEN_STAGE_ACCUMULATE;
    uint64_t drained;

    if (s->role == GEN_STAGE_PRODUCER_CONSUMER && !accumulate)
        return AGNER_OK; /* as it is */
    if (s->role != GEN_STAGE_PRODUCER && s->role != GEN_STAGE_AUTO)
        return AGNER_ENOTSUP;
    if (s->accumulate == accumulate)
        return AGNER_OK;
    s->accumulate = accumulate;
    s->reserved = 0;
    store_relaxed(&s->mode, accumulate ? 1u : 0u);
    if (accumulate)
        return AGNER_OK;
    return drain(self, s, s->buffer.count, &drained);
}

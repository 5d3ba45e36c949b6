/*
 * service_here.c -- verbs without a message: whoever calls does what the
 * service's process would do, while that has nothing to do (loan.h).
 *
 * Only what is a new state and no more: a load, hooks, followers by message, a
 * map that is to hear of it and what runs are the process's business, and then
 * the caller sends it a message after all.
 *
 * Source: spec/service.md 2.2, 3.2.
 */
#include "service/service.h"

#include "stream/stream.h"

/* Is a new state all that comes of it? An error is, too. */
static bool is_plain(const struct service *s, const struct service_event *event)
{
    const struct gen_service_spec *spec = s->object->spec;
    const struct gen_service_state *now = &s->object->now->state;

    if (spec->saved != NULL || s->followers != NULL ||
        !etf_pid_is_none(s->object->watcher))
        return false;
    if (event->kind == SERVICE_STOP)
        return s->runs == NULL && !s->waiting && !s->load_wanted &&
               spec->on_stop == NULL;
    if (event->kind == SERVICE_START)
        return now->active || !now->configured;
    return event->kind == SERVICE_CONFIGURE && !now->active;
}

/* The state, and in the stream; both or neither. Whoever has seen the event
 * finds that state, or a later one: it is read with the same lock. *before is
 * the one that it replaces. */
static enum agner_err show(struct service *s, struct service_block *block,
                           struct service_block **before, bool *wanted)
{
    struct stream_item item = { .tag = STREAM_POINTER, .owned = true };
    struct stream_appended out = { .wanted = false };
    struct gen_service *object = s->object;
    enum agner_err err = AGNER_OK;

    item.slot.pointer.data = block;
    item.slot.pointer.size = sizeof *block;
    item.bytes = sizeof *block;
    rt__lock(&object->lock);
    if (s->stream != NULL)
        err = gen__stream_append(NULL, s->stream, &item, 1, &out);
    if (err == AGNER_OK) {
        if (s->stream != NULL)
            (void)gen__block_hold(block); /* the stream's */
        *before = object->now;
        object->now = block;
    }
    rt__unlock(&object->lock);
    *wanted = out.wanted;
    return err;
}

/* What comes of the loan, for when it is given back. */
struct done {
    struct service_block *before; /* held, or NULL */
    struct gen_stream *wake;      /* held; NULL: nobody waits */
    enum agner_err err;
};

/* AGNER_EAGAIN: the process has to. */
static enum agner_err change(struct service *s,
                             const struct service_event *event,
                             struct service_config *config, struct done *done)
{
    struct service_block *now = s->object->now, *block;
    struct service_step step = gen__service_step(&now->state, event);
    bool wanted;
    enum agner_err err;

    if (step.err != AGNER_OK)
        return step.err;
    block =
        gen__block_new(&step.state, config != NULL ? config : now->config, now);
    if (block == NULL)
        return AGNER_ENOMEM;
    err = show(s, block, &done->before, &wanted);
    if (err != AGNER_OK) {
        gen__block_free(block);
        return err == AGNER_ENOMEM ? err : AGNER_EAGAIN;
    }
    s->object->wanted = step.state.active;
    if (wanted)
        done->wake = gen_stream_hold(s->stream);
    return AGNER_OK;
}

bool gen__service_do_here(struct gen *self, struct gen_service *service,
                          const struct service_event *event,
                          struct service_config *config,
                          const struct gen_service_state **state,
                          enum agner_err *err)
{
    struct done done = { .err = AGNER_EAGAIN };

    if (!gen__loan_take(&service->loan))
        return false;
    if (is_plain(service->server, event))
        done.err = change(service->server, event, config, &done);
    if (state != NULL && done.err != AGNER_EAGAIN && done.err != AGNER_ENOMEM)
        *state = &gen__block_hold(service->now)->state;
    gen__loan_return(&service->loan);
    gen__block_free(done.before);
    if (done.wake != NULL)
        gen__stream_wake(self, done.wake);
    gen_stream_free(done.wake);
    *err = done.err;
    return done.err != AGNER_EAGAIN;
}

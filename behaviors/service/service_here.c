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

bool gen__service_is_plain(const struct gen_service *service,
                           const struct service_event *event)
{
    const struct gen_service_spec *spec = service->spec;
    const struct gen_service_state *now = &service->now->state;

    if (spec->saved != NULL)
        return false;
    if (event->kind == SERVICE_STOP)
        return spec->on_stop == NULL;
    if (event->kind == SERVICE_START)
        return now->active || !now->configured;
    return event->kind == SERVICE_CONFIGURE && !now->active;
}

/* Is a new state all that comes of it? */
static bool is_plain(const struct service *s, const struct service_event *event)
{
    bool runs = s->runs != NULL || s->waiting || s->load_wanted;

    return s->followers == NULL && etf_pid_is_none(s->object->watcher) &&
           !(runs && event->kind == SERVICE_STOP) &&
           gen__service_is_plain(s->object, event);
}

/* Whoever has seen the event finds that state, or a later one: it is read with
 * the same lock. */
enum agner_err gen__service_show(struct gen_service *service,
                                 struct service_block *block,
                                 struct gen_stream *stream,
                                 const struct stream_item *item, bool *wanted,
                                 struct service_block **before)
{
    struct stream_appended out = { .wanted = false };
    enum agner_err err = AGNER_OK;

    rt__lock(&service->lock);
    if (stream != NULL)
        err = gen__stream_append(NULL, stream, item, 1, &out);
    if (err == AGNER_OK) {
        *before = service->now;
        service->now = block;
        service->wanted = block->state.active;
    }
    rt__unlock(&service->lock);
    *wanted = out.wanted;
    return err;
}

static enum agner_err show(struct service *s, struct service_block *block,
                           bool *wanted, struct service_block **before)
{
    struct stream_item item = { .tag = STREAM_POINTER, .owned = true };
    enum agner_err err;

    item.slot.pointer.data = block;
    item.slot.pointer.size = item.bytes = sizeof *block;
    if (s->stream != NULL)
        (void)gen__block_hold(block); /* the stream's */
    err = gen__service_show(s->object, block, s->stream, &item, wanted, before);
    if (err != AGNER_OK)
        gen__block_free(block); /* there is a stream then */
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
    err = show(s, block, &wanted, &done->before);
    if (err != AGNER_OK) {
        gen__block_free(block);
        return err == AGNER_ENOMEM ? err : AGNER_EAGAIN;
    }
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

/*
 * deliver.c -- events on their way to consumers, and the figures of it.
 */
#include "stage/stage_internal.h"

/* ---- Figures ------------------------------------------------------------ */

static uint64_t now_ms(struct gen *self)
{
    return rt_now_ms(rt_of(self));
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
    store_relaxed(counter, load_relaxed(counter) + count); /* one writer */
}

void gen__sub_asked(struct gen *self, struct stage_sub *sub, uint64_t count)
{
    uint64_t open = load_relaxed(&sub->open);

    add(&sub->asked, count);
    if (open == 0)
        store_relaxed(&sub->since_ms, now_ms(self));
    store_relaxed(&sub->open, gen__stage_sum(open, count));
}

void gen__sub_moved(struct gen *self, struct stage_sub *sub, uint64_t count)
{
    uint64_t open = load_relaxed(&sub->open);

    add(&sub->moved, count);
    if (open > count)
        store_relaxed(&sub->since_ms, now_ms(self));
    store_relaxed(&sub->open, open - gen__stage_less(open, count));
}

/* ---- Sending ------------------------------------------------------------ */

/* What a failed send means: AGNER_OK when the monitor tells of it, or when that
 * consumer alone is cancelled. */
static enum agner_err judge(struct stage *s, struct stage_sub *sub,
                            enum agner_err err)
{
    switch (err) {
    case AGNER_OK:
    case AGNER_ENOPROC:
    case AGNER_ENONAME:
    case AGNER_ENOCONN:
    case AGNER_ENODEDOWN:
    case AGNER_EINCARNATION:
        return AGNER_OK;
    case AGNER_ENOMEM:
    case AGNER_EEXITING:
    case AGNER_EKILLED:
        return err;
    case AGNER_EMAILBOXFULL:
        return gen__stage_end_later(s, sub, ETF_A(mailbox_full));
    default: /* a resource for another node, something too large */
        return gen__stage_end_later(s, sub, ETF_A(badarg));
    }
}

/* `box`: all of it are the events; NULL: they are copied. */
static enum agner_err send_events(struct gen *self, struct stage_sub *sub,
                                  etf_term events, struct etf_box *box)
{
    etf_term items[3], message;

    items[0] = ETF_A(gen_consumer);
    items[1] = sub->from;
    items[2] = box == NULL ? events : etf_nil();
    message = etf_tuple(rt_region(self), items, 3);
    if (box == NULL)
        return rt_send_with(self, sub->to, message, RT_SEND_NOCONNECT);
    return rt_send_around(self, sub->to, message, box, RT_SEND_NOCONNECT);
}

static enum agner_err send_to(struct gen *self, struct stage *s,
                              const struct gen_stage_consumer *consumer,
                              etf_term events, uint64_t count,
                              struct etf_box *box)
{
    struct stage_sub *sub = NULL;
    enum agner_err err;

    if (consumer->index < s->subs.index_count)
        sub = s->subs.by_index[consumer->index];
    if (sub == NULL || count == 0)
        return AGNER_EINVAL;
    err = send_events(self, sub, events, box);
    if (err == AGNER_OK) {
        gen__sub_moved(self, sub, count);
        add(&s->events_out, count);
    }
    return judge(s, sub, err);
}

/* The box of buffered events that are dispatched, if these are all of it. */
static struct etf_box *source_of(const struct stage *s, etf_term events,
                                 uint64_t count)
{
    return s->source != NULL && etf_same(events, s->source_list) &&
                   count == s->source_count
               ? s->source
               : NULL;
}

enum agner_err gen__stage_deliver_box(struct gen *self,
                                      const struct gen_stage_consumer *consumer,
                                      etf_term events, uint64_t count,
                                      struct etf_box *box)
{
    return send_to(self, rt_state(self), consumer, events, count, box);
}

enum agner_err gen_stage_deliver(struct gen *self,
                                 const struct gen_stage_consumer *consumer,
                                 etf_term events, uint64_t count)
{
    struct stage *s = gen__stage(self);

    if (s == NULL)
        return AGNER_EINVAL;
    return send_to(self, s, consumer, events, count,
                   source_of(s, events, count));
}

enum agner_err
gen_stage_deliver_all(struct gen *self,
                      const struct gen_stage_consumer *const *consumers,
                      size_t consumer_count, etf_term events, uint64_t count)
{
    struct stage *s = gen__stage(self);
    struct etf_box *box, *made = NULL;
    enum agner_err err = AGNER_OK;

    if (s == NULL)
        return AGNER_EINVAL;
    box = source_of(s, events, count);
    if (box == NULL && consumer_count > 1) {
        box = made = etf_box_new(events);
        if (box == NULL)
            return AGNER_ENOMEM;
    }
    for (size_t i = 0; i < consumer_count && err == AGNER_OK; i++)
        err = send_to(self, s, consumers[i], events, count, box);
    etf_box_free(made);
    return err;
}

enum agner_err gen__stage_send_info(struct gen *self, etf_term message)
{
    enum agner_err err = rt_send(self, rt_self_term(self), message);

    if (err != AGNER_EMAILBOXFULL)
        return err;
    rt_log_self(self, RT_LOG_WARNING,
                "a message behind its events is lost: its mailbox is full");
    return AGNER_OK;
}

/*
 * consume.c -- a stage's consumer side: events in, and asking for more.
 *
 * A producer_consumer whose own consumers have asked for nothing queues what
 * comes, ends of subscriptions and messages too, in the order in which it came.
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

/* ---- To the producer ---------------------------------------------------- */

/* Where it is known to be: the pid that it has shown, or what it was called. */
static etf_term target_of(struct gen *self, const struct stage_sub *sub)
{
    if (etf_pid_is_none(sub->sub.pid))
        return sub->to;
    return etf_from_pid(rt_region(self), sub->sub.pid);
}

enum agner_err gen__consume_say(struct gen *self, struct stage_sub *sub,
                                etf_term tag, etf_term value)
{
    etf_term pair[2], items[3], to = target_of(self, sub);
    enum agner_err err;

    pair[0] = tag;
    pair[1] = value;
    items[0] = ETF_A(gen_producer);
    items[1] = sub->from;
    items[2] = etf_tuple(rt_region(self), pair, 2);
    if (etf_is_none(to))
        return AGNER_ENOMEM;
    /* Until the producer has answered the connection may still be made: the
     * monitor asked for it, and this waits behind that. */
    err = rt_send_with(self, to, etf_tuple(rt_region(self), items, 3),
                       sub->heard ? RT_SEND_NOCONNECT : 0u);
    switch (err) {
    case AGNER_ENOPROC:
    case AGNER_ENONAME:
    case AGNER_ENOCONN:
    case AGNER_ENODEDOWN:
    case AGNER_EINCARNATION:
        return AGNER_OK; /* the monitor tells */
    default:
        return err;
    }
}

enum agner_err gen__consume_ask(struct gen *self, struct stage_sub *sub,
                                uint64_t count)
{
    struct stage *s = gen__stage(self);
    enum agner_err err;

    if (count == 0)
        return AGNER_OK;
    gen__sub_asked(self, sub, count);
    err = gen__consume_say(self, sub, ETF_A(ask),
                           etf_uint(rt_region(self), count));
    if (err != AGNER_EMAILBOXFULL)
        return err;
    /* The demand is lost, and nobody would ask for it again. */
    return gen__stage_end_later(s, sub, ETF_A(mailbox_full));
}

enum gen_next gen__consume_begin(struct gen *self, struct stage *s,
                                 struct stage_sub *sub)
{
    struct gen_subscription copy = sub->sub;
    enum gen_next next = GEN_NEXT;
    enum agner_err err = AGNER_OK;

    sub->fresh = false;
    if (sub->ending) /* by the callback that made it */
        gen__stage_todo(s, sub);
    if (s->table->handle_subscribed != NULL)
        next = s->table->handle_subscribed(self, &copy, sub->options);
    if (gen__stage_stops(s, next) || sub->manual || sub->demand.pending > 0)
        return next;
    err = gen__consume_ask(self, sub, gen__demand_fill(&sub->demand));
    return err == AGNER_OK ? GEN_NEXT : gen__stage_fail(self, err);
}

/* ---- Handing out -------------------------------------------------------- */

static enum gen_next call_events(struct gen *self, struct stage *s,
                                 const struct gen_subscription *sub,
                                 etf_term events)
{
    if (s->table->handle_events != NULL)
        return s->table->handle_events(self, sub, events);
    rt_log_self(self, RT_LOG_WARNING, "no handler for events");
    return GEN_NEXT;
}

static void tell_excess(struct gen *self, uint64_t count)
{
    if (count > 0)
        rt_log_self(self, RT_LOG_ERROR,
                    "got %llu events more than it has asked for",
                    (unsigned long long)count);
}

static enum gen_next hand_out(struct gen *self, struct stage *s,
                              struct stage_sub *sub, etf_term events,
                              uint64_t count)
{
    struct stage_cut cut = gen__demand_begin(&sub->demand, count);
    struct gen_subscription copy = sub->sub;
    enum gen_next next = GEN_NEXT;
    enum agner_err err = AGNER_OK;

    while (cut.left > 0 && err == AGNER_OK && !gen__stage_stops(s, next)) {
        uint64_t excess = 0;
        uint64_t size = sub->manual
                            ? gen__demand_whole(&sub->demand, &cut)
                            : gen__demand_piece(&sub->demand, &cut, &excess);
        etf_term piece = events;

        tell_excess(self, excess);
        if (cut.left > 0)
            piece = gen__slice(rt_region(self), events, size, &events);
        if (etf_is_none(piece))
            return gen__stage_fail(self, AGNER_ENOMEM);
        next = call_events(self, s, &copy, piece);
        if (!gen__stage_stops(s, next) && !sub->manual)
            err = gen__consume_ask(self, sub, gen__demand_refill(&sub->demand));
        if (err == AGNER_OK && cut.left > 0)
            err = rt_check(self);
    }
    return err == AGNER_OK ? next : gen__stage_fail(self, err);
}

/* ---- What waits --------------------------------------------------------- */

static struct stage_item *item_new(struct stage *s, etf_term term,
                                   uint64_t count)
{
    struct stage_buffer carrier = { .max = UINT64_MAX };
    struct stage_item *item;

    if (etf_is_none(term) || !gen__buffer_put_message(&carrier, term))
        return NULL;
    item = calloc(1, sizeof *item);
    if (item == NULL) {
        gen__buffer_fini(&carrier);
        return NULL;
    }
    item->piece = gen__buffer_message(&carrier);
    item->piece->count = count;
    if (s->item_first == NULL)
        s->item_first = item;
    else
        s->item_last->next = item;
    s->item_last = item;
    store_relaxed(&s->queued, load_relaxed(&s->queued) + count);
    return item;
}

/* Takes the first one out; its piece is the caller's. */
static struct stage_item item_take(struct stage *s)
{
    struct stage_item *first = s->item_first, item = *first;

    s->item_first = first->next;
    if (s->item_first == NULL)
        s->item_last = NULL;
    store_relaxed(&s->queued, load_relaxed(&s->queued) - item.piece->count);
    free(first);
    return item;
}

bool gen__consume_queues(const struct stage *s)
{
    return s->item_first != NULL;
}

enum agner_err gen__consume_queue_info(struct stage *s, etf_term message)
{
    struct stage_item *item = item_new(s, message, 0);

    if (item == NULL)
        return AGNER_ENOMEM;
    item->what = STAGE_MESSAGE;
    return AGNER_OK;
}

bool gen__consume_is_due(const struct stage *s)
{
    return s->item_first != NULL && s->demand > 0;
}

void gen__consume_fini(struct stage *s)
{
    while (s->item_first != NULL)
        gen__piece_free(item_take(s).piece);
    gen__piece_free(s->handling);
}

/* ---- The end of a subscription ------------------------------------------ */

static bool is_orderly(etf_term reason)
{
    return etf_same(reason, ETF_A(normal)) ||
           etf_same(reason, ETF_A(shutdown)) ||
           etf_is_tagged(reason, ETF_A(shutdown), 2);
}

/* handle_canceled, and then what its mode says. */
static enum gen_next canceled(struct gen *self, struct stage *s,
                              const struct gen_subscription *sub,
                              enum gen_stage_end kind,
                              enum gen_stage_cancel mode, etf_term reason)
{
    enum gen_next next = GEN_NEXT;
    char text[160];

    if (s->table->handle_canceled != NULL)
        next = s->table->handle_canceled(self, sub, kind, reason);
    if (gen__stage_stops(s, next) || mode == GEN_STAGE_TEMPORARY ||
        (mode == GEN_STAGE_TRANSIENT && is_orderly(reason)) ||
        etf_atom_is(reason, "already_subscribed"))
        return next;
    rt_log_self(self, RT_LOG_INFO, "ends, since its producer has: %s",
                etf_format(text, sizeof text, reason));
    return gen_stop(self, reason);
}

enum gen_next gen__consume_end(struct gen *self, struct stage *s,
                               struct stage_sub *sub, enum gen_stage_end kind,
                               etf_term reason)
{
    struct gen_subscription copy = sub->sub;
    enum gen_stage_cancel mode = sub->mode;
    struct stage_item *item;

    (void)rt_demonitor(self, sub->monitor, true);
    gen__subs_remove(&s->subs, sub);
    if (gen__subscribe_again(self, s, sub, kind, reason))
        mode = GEN_STAGE_TEMPORARY;
    else
        gen__stage_forget(s, sub);
    if (s->item_first == NULL)
        return canceled(self, s, &copy, kind, mode, reason);
    item = item_new(s, reason, 0);
    if (item == NULL)
        return gen__stage_fail(self, AGNER_ENOMEM);
    item->what = STAGE_ENDED;
    item->sub = copy;
    item->kind = kind;
    item->mode = mode;
    return GEN_NEXT;
}

/* ---- The first of what waits -------------------------------------------- */

static enum gen_next item_events(struct gen *self, struct stage *s,
                                 const struct gen_subscription *from,
                                 etf_term events, uint64_t count)
{
    struct stage_sub *sub =
        gen__subs_find_ref(&s->subs, STAGE_TO_PRODUCER, from->ref);

    if (sub != NULL)
        return hand_out(self, s, sub, events, count);
    return call_events(self, s, from, events); /* it has ended meanwhile */
}

enum gen_next gen__consume_due(struct gen *self, struct stage *s)
{
    struct stage_item item = item_take(s);
    etf_term term = item.piece->rest;
    enum agner_err err;

    s->handling = item.piece;
    s->head.last = term;
    switch (item.what) {
    case STAGE_EVENTS:
        return item_events(self, s, &item.sub, term, item.piece->count);
    case STAGE_MESSAGE:
        err = gen__produce_info(self, s, term);
        return err == AGNER_OK ? GEN_NEXT : gen__stage_fail(self, err);
    case STAGE_ENDED:
        return canceled(self, s, &item.sub, item.kind, item.mode, term);
    }
    return GEN_NEXT; /* not reached: the list above is whole */
}

/* ---- From the wire ------------------------------------------------------ */

static enum gen_next on_events(struct gen *self, struct stage *s,
                               struct stage_sub *sub, etf_term events,
                               uint64_t count)
{
    struct stage_item *item;

    if (count == 0)
        return GEN_NEXT;
    gen__sub_moved(self, sub, count);
    store_relaxed(&s->events_in, load_relaxed(&s->events_in) + count);
    if (s->role != GEN_STAGE_PRODUCER_CONSUMER ||
        (s->demand > 0 && s->item_first == NULL))
        return hand_out(self, s, sub, events, count);
    item = item_new(s, events, count);
    if (item == NULL)
        return gen__stage_fail(self, AGNER_ENOMEM);
    item->what = STAGE_EVENTS;
    item->sub = sub->sub;
    return GEN_NEXT;
}

static void tell_unknown(struct gen *self, etf_pid pid, etf_term key)
{
    etf_term message = etf_make(self,
                                "{'$gen_producer', {_, _}, "
                                "{cancel, unknown_subscription}}",
                                rt_self_term(self), key);
    etf_term to = etf_from_pid(rt_region(self), pid);

    if (!etf_is_none(message) && !etf_is_none(to)) /* or it hears next time */
        (void)rt_send_with(self, to, message, RT_SEND_NOCONNECT);
}

static void heard(struct stage_sub *sub, etf_pid pid)
{
    if (sub->heard)
        return;
    sub->heard = true;
    sub->sub.pid = pid;
    if (sub->again != NULL) {
        sub->again->trying = false;
        sub->again->wait_ms = 0;
    }
}

enum gen_next gen__consume(struct gen *self, struct stage *s, etf_term from,
                           etf_term what)
{
    const etf_term *items = etf_tuple_items(what);
    bool cancel = etf_is_tagged(what, ETF_A(cancel), 2);
    int64_t count = cancel ? 0 : etf_list_size(what);
    struct stage_sub *sub;
    etf_pid pid;
    etf_term key;

    if (!gen__is_consumer(s)) {
        rt_log_self(self, RT_LOG_ERROR, "got events, but is a producer");
        return GEN_NEXT;
    }
    if (count < 0 || !etf_match(from, "{_, _}", &pid, &key)) {
        rt_log_self(self, RT_LOG_ERROR, "got no list of events");
        return GEN_NEXT;
    }
    sub = gen__subs_find(&s->subs, STAGE_TO_PRODUCER, key);
    if (sub == NULL) {
        if (!cancel)
            tell_unknown(self, pid, key);
        return GEN_NEXT;
    }
    heard(sub, pid);
    if (cancel)
        return gen__consume_end(self, s, sub, GEN_STAGE_CANCELED, items[1]);
    s->head.last = what;
    return on_events(self, s, sub, what, (uint64_t)count);
}

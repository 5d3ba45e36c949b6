/*
 * statem_engine.c -- the order of a state machine's events.
 *
 * What OTP 25 does was found out by driving it (test/behaviors/statem): an
 * event cancels the event time-out, also one that was inserted; what is
 * postponed comes back in the order in which it came first; a time-out of 0 ms
 * is an event at once, but behind the others of its kind.
 *
 * Source: OTP 25, gen_statem, "Transition options" and "Time-outs".
 */
#include "statem_engine.h"

/* ---- Lists -------------------------------------------------------------- */

void gen__queue_put(struct statem_queue *q, struct statem_item *item)
{
    item->next = NULL;
    if (q->first == NULL)
        q->first = item;
    else
        q->last->next = item;
    q->last = item;
}

struct statem_item *gen__queue_take(struct statem_queue *q)
{
    struct statem_item *item = q->first;

    if (item == NULL)
        return NULL;
    q->first = item->next;
    item->next = NULL;
    return item;
}

/* Puts all of `front` before all of `q`. */
static void prepend(struct statem_queue *q, struct statem_queue *front)
{
    if (front->first == NULL)
        return;
    front->last->next = q->first;
    if (q->first == NULL)
        q->last = front->last;
    q->first = front->first;
    front->first = NULL;
}

static bool same_timeout(const struct gen_statem_event *a,
                         const struct gen_statem_event *b)
{
    return a->type == b->type &&
           (a->type != GEN_STATEM_NAMED_TIMEOUT || etf_equal(a->name, b->name));
}

/* Takes out the item behind `before`, which is NULL for the first. */
static struct statem_item *take_behind(struct statem_queue *q,
                                       struct statem_item *before)
{
    struct statem_item *item;

    if (before == NULL)
        return gen__queue_take(q);
    item = before->next;
    before->next = item->next;
    if (q->last == item)
        q->last = before;
    item->next = NULL;
    return item;
}

/* Takes out the time-out of the event's name. */
static struct statem_item *take_named(struct statem_queue *q,
                                      const struct gen_statem_event *event)
{
    struct statem_item *item, *before = NULL;

    for (item = q->first; item != NULL; before = item, item = item->next) {
        if (same_timeout(&item->event, event))
            return take_behind(q, before);
    }
    return NULL;
}

static struct statem_item *find_named(const struct statem_queue *q,
                                      const struct gen_statem_event *event)
{
    struct statem_item *item = q->first;

    while (item != NULL && !same_timeout(&item->event, event))
        item = item->next;
    return item;
}

/* ---- Time-outs ---------------------------------------------------------- */

/* Ends the time-out of the event's name, wherever it waits. */
static void cancel(struct statem_engine *engine,
                   const struct gen_statem_event *event,
                   struct statem_outcome *outcome)
{
    struct statem_item *item = take_named(&engine->timers, event);

    if (item == NULL)
        item = take_named(&engine->due, event);
    if (item != NULL)
        gen__queue_put(&outcome->gone, item);
}

static void cancel_type(struct statem_engine *engine, enum gen_statem_type type,
                        struct statem_outcome *outcome)
{
    struct gen_statem_event event = { .type = type };

    cancel(engine, &event, outcome);
}

/* Gives the time-out that runs the content of `item`, and `item` the old one.
 * False: none runs. */
static bool update(struct statem_engine *engine, struct statem_item *item)
{
    struct statem_item *runs = find_named(&engine->timers, &item->event);
    struct gen_statem_event event = item->event;
    struct etf_box *box = item->box;

    if (runs == NULL)
        runs = find_named(&engine->due, &item->event);
    if (runs == NULL)
        return false;
    item->event = runs->event;
    item->box = runs->box;
    runs->event = event;
    runs->box = box;
    return true;
}

static void obey(struct statem_engine *engine, struct statem_item *item,
                 struct statem_outcome *outcome)
{
    switch (item->order) {
    case STATEM_AFTER:
    case STATEM_AT:
        cancel(engine, &item->event, outcome);
        gen__queue_put(item->order == STATEM_AFTER && item->ms == 0
                           ? &engine->due
                           : &outcome->fresh,
                       item);
        return;
    case STATEM_UPDATE:
        gen__queue_put(update(engine, item) ? &outcome->gone : &engine->due,
                       item);
        return;
    case STATEM_CANCEL:
        cancel(engine, &item->event, outcome);
        gen__queue_put(&outcome->gone, item);
        return;
    }
}

struct statem_item *gen__statem_ask(struct statem_step *step,
                                    struct statem_item *item)
{
    struct statem_item *before = take_named(&step->asked, &item->event);

    gen__queue_put(&step->asked, item);
    return before;
}

struct statem_item *gen__statem_fired(struct statem_engine *engine, etf_ref ref)
{
    struct statem_item *item, *before = NULL;

    for (item = engine->timers.first; item != NULL;
         before = item, item = item->next) {
        if (etf_ref_equal(item->ref, ref))
            return take_behind(&engine->timers, before);
    }
    return NULL;
}

/* ---- The transition ----------------------------------------------------- */

void gen__statem_settle(struct statem_engine *engine, struct statem_step *step,
                        struct statem_item *postponed,
                        struct statem_outcome *outcome)
{
    struct statem_item *item;

    *outcome = (struct statem_outcome){ 0 };
    if (postponed != NULL)
        gen__queue_put(&engine->postponed, postponed);
    if (step->changed) {
        prepend(&engine->events, &engine->postponed);
        cancel_type(engine, GEN_STATEM_STATE_TIMEOUT, outcome);
    }
    cancel_type(engine, GEN_STATEM_TIMEOUT, outcome);
    prepend(&engine->events, &step->inserted);
    while ((item = gen__queue_take(&step->asked)) != NULL)
        obey(engine, item, outcome);
}

struct statem_item *gen__statem_next(struct statem_engine *engine)
{
    struct statem_item *item = gen__queue_take(&engine->events);

    return item != NULL ? item : gen__queue_take(&engine->due);
}

bool gen__statem_has_next(const struct statem_engine *engine)
{
    return engine->events.first != NULL || engine->due.first != NULL;
}

/*
 * feed_send.c -- sending to a feed: a turn, the log, the rings, the slow ones.
 *
 * A send, with the turn:
 *
 *   1. if somebody in the log may have no room for the event, looks at all of
 *      them: who is to miss it goes apart, who is to end ends
 *   2. appends the event, which gives it to all in the log that are left
 *   3. wakes those that were asleep
 *   4. puts it into the rings of those that are apart
 *   5. if somebody was given more than its window, waits until nobody has more
 *   6. passes the turn on
 *
 * In the common case that is one lock, an array and a number.
 */
#include "feed/feed_send.h"

/* ---- 1. Who has no room -------------------------------------------------- */

static bool is_own(const struct send *d, const struct feed_cursor *c)
{
    return etf_pid_equal(rt_self(d->self), c->base.owner);
}

/* Those in the log. The limit is found anew, and may be lower by who comes in
 * meanwhile. */
static enum agner_err look_at_log(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct feed_cursor *c;

    feed->limit = UINT64_MAX;
    feed->scan = feed->logged.next;
    while ((c = gen__send_next(d, &feed->logged)) != NULL) {
        uint64_t waiting = gen__cursor_waiting(c);
        uint64_t room = load_relaxed(&feed->last) - waiting + c->window;

        switch (gen__feed_fate(c->policy, c->window, waiting, c->asleep,
                               d->patient)) {
        case FEED_WAITS:
            if (is_own(d, c)) {
                feed->limit = 0; /* the next one looks at them again */
                return AGNER_EDEADLK;
            }
            d->slow = true;
            break;
        case FEED_MISSES:
            gen__send_set_apart(d, c, c->window);
            break;
        case FEED_ENDS:
            gen__send_end_slow(d, c);
            break;
        case FEED_TAKES:
        case FEED_SHIFTS: /* not in the log */
            break;
        }
        if (feed->limit > room)
            feed->limit = room;
    }
    return AGNER_OK;
}

/* Those in rings: who was there for a while only goes back to the log. */
static enum agner_err look_at_rings(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct feed_cursor *c;

    feed->scan = feed->apart.next;
    while ((c = gen__send_next(d, &feed->apart)) != NULL) {
        if (!c->always_apart && c->ring.count == 0 &&
            !gen__feed_log_is_full(&feed->log))
            gen__cursor_enter(c);
        else if (d->patient && is_own(d, c) && (c->mask & d->mask) != 0 &&
                 gen__feed_fate(c->policy, c->window, c->ring.count, false,
                                true) == FEED_WAITS)
            return AGNER_EDEADLK;
    }
    return AGNER_OK;
}

/* Room in the log for one more, if there will be anybody in it. */
static enum agner_err grow(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct feed_segment *segment;

    if (!gen__feed_log_is_full(&feed->log) ||
        (feed->logged_count == 0 && feed->strays == 0))
        return AGNER_OK;
    rt__unlock(&feed->lock);
    segment = gen__feed_segment_new();
    rt__lock(&feed->lock);
    if (segment == NULL)
        return AGNER_ENOMEM;
    if (gen__feed_log_is_full(&feed->log)) { /* it may have ended meanwhile */
        gen__feed_log_grow(&feed->log, segment, d->number);
        return AGNER_OK;
    }
    gen__feed_segment_unpin(segment);
    return AGNER_OK;
}

static enum agner_err look(struct send *d)
{
    struct gen_feed *feed = d->feed;
    enum agner_err err = AGNER_OK;

    if (d->number > feed->limit)
        err = look_at_log(d);
    if (err == AGNER_OK)
        err = grow(d);
    if (err == AGNER_OK && load_relaxed(&feed->apart_count) > 0)
        err = look_at_rings(d);
    return err == AGNER_OK && feed->closed ? AGNER_ECLOSED : err;
}

/* ---- 2. to 4. Handing out ------------------------------------------------ */

static void wake_sleepers(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct feed_wakes wakes;

    if (feed->idle.next == &feed->idle)
        return;
    /* Who falls asleep from now on has seen the event. */
    feed->waking = feed->idle;
    feed->waking.next->prev = feed->waking.prev->next = &feed->waking;
    gen__feed_link_init(&feed->idle);
    wakes.count = wakes.woken = 0;
    while (feed->waking.next != &feed->waking) {
        gen__feed_wake(gen__cursor_of_idle(feed->waking.next), d->self, &wakes);
        if (wakes.woken == FEED_WAKES)
            gen__feed_wakes_send(feed, d->self, &wakes);
    }
    if (wakes.woken > 0)
        gen__feed_wakes_send(feed, d->self, &wakes);
}

/* One event for one ring. false: it is no more. */
static bool give(struct send *d, struct feed_cursor *c)
{
    struct feed_kept old = { .segment = NULL };

    switch (gen__feed_fate(c->policy, c->window, c->ring.count, c->asleep,
                           d->patient)) {
    case FEED_ENDS:
        gen__send_end_slow(d, c);
        return false;
    case FEED_MISSES:
        c->dropped++;
        d->feed->dropped++;
        d->missed++;
        return true;
    case FEED_SHIFTS:
        old = gen__feed_ring_pop(&c->ring);
        c->dropped++;
        d->feed->dropped++;
        break;
    case FEED_WAITS:
        d->slow = true;
        break;
    case FEED_TAKES:
        break;
    }
    gen__feed_ring_push(&c->ring, &d->event, NULL);
    gen__feed_kept_free(&old);
    d->count++;
    return true;
}

static void fill_rings(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct feed_wakes wakes;
    struct feed_cursor *c;

    wakes.count = wakes.woken = 0;
    feed->scan = feed->apart.next;
    while ((c = gen__send_next(d, &feed->apart)) != NULL) {
        if ((c->mask & d->mask) == 0)
            continue;
        if (give(d, c) && c->ring.count > 0 && c->asleep)
            gen__feed_wake(c, d->self, &wakes);
        if (wakes.woken == FEED_WAKES)
            gen__feed_wakes_send(feed, d->self, &wakes);
    }
    if (wakes.woken > 0)
        gen__feed_wakes_send(feed, d->self, &wakes);
}

/* ---- All of it ----------------------------------------------------------- */

static struct etf_box *box_of(const struct send *d)
{
    /* Ours; const only for those that it is lent to. */
    return (struct etf_box *)(uintptr_t)d->event.box;
}

/* 2. To all who are in the log. */
static void append(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct feed_segment *garbage = NULL;

    store_relaxed(&feed->last, d->number);
    d->count = feed->logged_count;
    d->rings = load_relaxed(&feed->apart_count) > 0;
    if (feed->logged_count > 0) {
        if (d->event.box != NULL && d->rings)
            (void)etf_box_hold(box_of(d));
        gen__feed_log_append(&feed->log, &d->event, d->words);
        if (!d->rings) /* the log has it now, and nobody else needs it */
            d->event.box = NULL;
    } else if (feed->log.last != NULL) { /* it was made for who has left */
        gen__feed_log_clear(&feed->log, &garbage);
        rt__unlock(&feed->lock);
        gen__feed_log_discard(garbage);
        rt__lock(&feed->lock);
    }
}

/* A short tuple that is for a ring, or finds no room in the log, is boxed. */
static bool wants_box(const struct send *d)
{
    const struct gen_feed *feed = d->feed;

    return load_relaxed(&feed->apart_count) > 0 ||
           (feed->logged_count > 0 &&
            !gen__feed_log_has_words(&feed->log, d->words));
}

static enum agner_err make_box(struct send *d)
{
    struct etf_box *box = etf_box_new(d->event.term);

    if (box == NULL)
        return AGNER_ENOMEM;
    d->words = 0;
    d->event.box = box;
    d->event.term = etf_box_term(box);
    return AGNER_OK;
}

static enum agner_err box_after_all(struct send *d)
{
    enum agner_err err;

    rt__unlock(&d->feed->lock);
    err = make_box(d);
    rt__lock(&d->feed->lock);
    return err == AGNER_OK && d->feed->closed ? AGNER_ECLOSED : err;
}

/* With the turn and the lock, which it keeps. */
static enum agner_err deliver(struct send *d)
{
    struct gen_feed *feed = d->feed;
    enum agner_err err = AGNER_OK;

    d->number = load_relaxed(&feed->last) + 1;
    d->event.seq = d->origin == NULL ? d->number : d->origin->seq;
    if (d->origin != NULL)
        d->event.time_ns = d->origin->time_ns;
    else if (feed->timed)
        d->event.time_ns = rt_wall_ns(feed->rt);
    if (d->number > feed->limit || load_relaxed(&feed->apart_count) > 0 ||
        gen__feed_log_is_full(&feed->log))
        err = look(d);
    if (err == AGNER_OK && d->words > 0 && wants_box(d))
        err = box_after_all(d);
    if (err != AGNER_OK)
        return err;
    append(d);
    wake_sleepers(d);
    if (d->rings)
        fill_rings(d);
    if (d->slow)
        err = gen__send_await_room(d);
    feed->delivered += d->count;
    return err == AGNER_OK && d->late ? AGNER_ETIMEOUT : err;
}

/* The words of a short tuple of plain terms; 0: it is none. */
static size_t plain_words(etf_term event)
{
    size_t count = etf__short_words(event);
    const uint64_t *words = count == 0 ? NULL : etf__words(event);

    for (size_t i = 1; i < count; i++)
        if (etf__is_compound(words[i]))
            return 0;
    return count;
}

/* What is to be sent: a term that is all in its word needs no box, nor does
 * what the log has room for. */
static enum agner_err make_event(struct send *d, etf_term event)
{
    struct gen_feed_type *type = d->feed->type;

    if (etf_is_none(event))
        return AGNER_EINVAL;
    if (type != NULL &&
        !etf__match(&type->cache, type->pattern, event, NULL, 0))
        return AGNER_EBADTYPE;
    d->event.term = event;
    if (etf_is_word(event))
        return AGNER_OK;
    if (load_relaxed(&d->feed->apart_count) == 0)
        d->words = plain_words(event);
    return d->words > 0 ? AGNER_OK : make_box(d);
}

enum agner_err gen__feed_send(struct gen *self, struct gen_feed *feed,
                              etf_term event, uint64_t mask, bool patient,
                              uint64_t timeout_ms,
                              const struct feed_origin *origin, size_t *count,
                              size_t *missed)
{
    struct send d = {
        .self = self,
        .feed = feed,
        .mask = mask,
        .origin = origin,
        .patient = patient,
        .timeout_ms = timeout_ms,
    };
    enum agner_err err = rt_check(self);

    /* A clock costs more than all the rest. */
    if (timeout_ms != RT_INFINITY)
        d.start_ms = rt_now_ms(feed->rt);
    if (err == AGNER_OK)
        err = make_event(&d, event);
    if (err == AGNER_OK) {
        err = gen__send_take_turn(&d);
        if (err == AGNER_OK) {
            err = deliver(&d);
            gen__feed_pass_turn(feed, self);
            rt__unlock(&feed->lock);
        }
        etf_box_free(box_of(&d));
    }
    if (count != NULL)
        *count = d.count;
    if (missed != NULL)
        *missed = d.missed;
    return err;
}

enum agner_err gen_feed_send(struct gen *self, struct gen_feed *feed,
                             etf_term event, uint64_t timeout_ms, size_t *count)
{
    return gen__feed_send(self, feed, event, UINT64_MAX, true, timeout_ms, NULL,
                          count, NULL);
}

enum agner_err gen_feed_try_send(struct gen *self, struct gen_feed *feed,
                                 etf_term event, size_t *count, size_t *missed)
{
    return gen__feed_send(self, feed, event, UINT64_MAX, false, RT_INFINITY,
                          NULL, count, missed);
}

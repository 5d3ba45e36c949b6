/*
 * feed_take.c -- taking events, as the process does that subscribed.
 *
 * The common case takes no lock: what is published in the segment is there, and
 * one addition to the credit takes it. feed_core.h has the protocol.
 */
#include "feed/feed_core.h"

#include "gen_internal.h"

#define HANDLE_MAX 512u /* events that gen_sub_handle() serves at once */

struct taken {
    const struct gen_feed_event *events;
    size_t count;
};

/* Room was made: the sender that waits for it goes on. */
static void make_room(struct gen *self, struct feed_cursor *c)
{
    struct gen_feed *feed = c->feed;

    if (feed->awaited != c || feed->holder == NULL ||
        gen__cursor_waiting(c) > c->window)
        return;
    rt_wake(feed->rt, self, feed->holder);
    feed->holder = NULL;
}

static void count_taken(struct feed_cursor *c, const struct taken *t)
{
    store_relaxed(&c->taken, load_relaxed(&c->taken) + t->count);
    store_relaxed(&c->last, t->events[t->count - 1].seq);
}

/* What was taken before is not looked at any more. */
static void give_back(struct feed_cursor *c)
{
    /* Acquire pairs with the release of who pinned it: which one it is. */
    struct feed_segment *pinned = load_acquire(&c->pinned);

    gen__cursor_unlend(c);
    if (pinned != NULL) {
        store_relaxed(&c->pinned, NULL);
        gen__feed_segment_unpin(pinned);
    }
}

/* ---- In the log ---------------------------------------------------------- */

/* On to the next segment, unless the marks have changed. */
static bool step(struct feed_cursor *c, struct feed_segment *next)
{
    struct feed_segment *garbage = NULL;
    bool here;

    rt__lock(&c->feed->lock);
    here = (load_relaxed(&c->credit) & (MARK_APART | MARK_OUT)) == 0;
    if (here) {
        gen__feed_log_step(&c->feed->log, c->segment, next, &garbage);
        c->segment = next;
        c->at = 0;
    }
    rt__unlock(&c->feed->lock);
    gen__feed_log_discard(garbage);
    return here;
}

/* Looks how far the segment goes by now. Acquire pairs with the release of who
 * appended: the events. */
static bool look(struct feed_cursor *c, uint64_t word)
{
    uint64_t behind = load_relaxed(&c->feed->last) - (word >> MARK_BITS);
    struct feed_segment *next;

    if (behind > load_relaxed(&c->most))
        store_relaxed(&c->most, behind);
    c->end = load_acquire(&c->segment->count);
    if (c->at < FEED_SEGMENT)
        return c->at < c->end;
    next = load_relaxed(&c->segment->next);
    if (next == NULL || !step(c, next))
        return false;
    c->end = load_acquire(&next->count);
    return c->end > 0;
}

/* Takes up to `max` from the log; nothing when there is nothing, or when it is
 * not the place any more. */
static void take_log(struct gen *self, struct feed_cursor *c, size_t max,
                     struct taken *t)
{
    /* Acquire pairs with the release of who put it in the log: its place. */
    uint64_t word = load_acquire(&c->credit);
    uint32_t count;

    if ((word & (MARK_APART | MARK_OUT)) != 0 ||
        (c->at == c->end && !look(c, word)))
        return;
    count = c->end - c->at;
    if (count > max)
        count = (uint32_t)max;
    /* Relaxed: that all see one order of this word's changes is enough. The
     * events stay as long as the cursor is in their segment. */
    word = add_relaxed(&c->credit, (uint64_t)count << MARK_BITS);
    if ((word & (MARK_APART | MARK_OUT)) != 0)
        return;
    *t = (struct taken){ &c->segment->events[c->at], count };
    c->at += count;
    if ((word & MARK_WANTED) != 0) {
        rt__lock(&c->feed->lock);
        make_room(self, c);
        rt__unlock(&c->feed->lock);
    }
}

/* ---- With the lock ------------------------------------------------------- */

static void take_ring(struct gen *self, struct feed_cursor *c, size_t max,
                      struct taken *t)
{
    if (c->ring.count > load_relaxed(&c->most))
        store_relaxed(&c->most, c->ring.count);
    while (c->lent_count < max && c->lent_count < FEED_LENT &&
           c->ring.count > 0) {
        struct feed_kept kept = gen__feed_ring_pop(&c->ring);

        c->lent[c->lent_count] = kept.event;
        c->lent_pins[c->lent_count++] = kept.segment;
    }
    *t = (struct taken){ c->lent, c->lent_count };
    make_room(self, c);
}

static bool log_has_more(const struct feed_cursor *c)
{
    return c->at < load_relaxed(&c->segment->count) ||
           (c->at == FEED_SEGMENT && load_relaxed(&c->segment->next) != NULL);
}

/*
 * Nothing was found without the lock: from the ring, or falls asleep, with
 * `waiter` if there is one. AGNER_EAGAIN: look at the log once more.
 */
static enum agner_err take_slow(struct gen *self, struct feed_cursor *c,
                                size_t max, struct rt_waiter *waiter,
                                struct taken *t)
{
    uint64_t word = load_relaxed(&c->credit);

    if ((word & MARK_OUT) != 0)
        return AGNER_ECLOSED;
    if ((word & MARK_APART) != 0)
        take_ring(self, c, max, t);
    else if (log_has_more(c))
        return AGNER_EAGAIN;
    if (t->count > 0)
        return AGNER_OK;
    if (c->draining)
        return AGNER_ECLOSED;
    if (waiter == NULL && c->base.quiet)
        return AGNER_OK;
    c->waiter = waiter;
    if (!c->asleep && (word & MARK_APART) == 0)
        gen__feed_link_add(&c->feed->idle, &c->idle);
    c->asleep = true;
    return AGNER_OK;
}

static enum agner_err take(struct gen *self, struct feed_cursor *c, size_t max,
                           struct rt_waiter *waiter, struct taken *t)
{
    enum agner_err err;

    *t = (struct taken){ 0 };
    give_back(c);
    do {
        err = AGNER_OK;
        take_log(self, c, max, t);
        if (t->count == 0) {
            rt__lock(&c->feed->lock);
            err = take_slow(self, c, max, waiter, t);
            rt__unlock(&c->feed->lock);
        }
    } while (err == AGNER_EAGAIN);
    if (t->count > 0)
        count_taken(c, t);
    return err;
}

struct etf_box *gen_feed_event_take(const struct gen_feed_event *event)
{
    if (event->box == NULL)
        return etf_box_new(event->term);
    /* Const for who only looks; a count more is what boxes are made for. */
    return etf_box_hold((struct etf_box *)(uintptr_t)event->box);
}

/* ---- Public -------------------------------------------------------------- */

static enum agner_err find(struct gen *self, struct gen_sub *sub,
                           struct feed_cursor **c)
{
    *c = gen__cursor(sub);
    if (*c == NULL)
        return AGNER_ENOTSUP;
    return etf_pid_equal(rt_self(self), sub->owner) ? AGNER_OK : AGNER_EOWNER;
}

/* Who hears that it has ended finds that in its status: whoever ends it says so
 * a moment later. */
static enum agner_err settled(struct gen *self, struct gen_sub *sub,
                              enum agner_err err)
{
    if (err == AGNER_ECLOSED)
        (void)gen__sub_wait(self, sub, RT_INFINITY);
    return err;
}

enum agner_err gen_sub_take(struct gen *self, struct gen_sub *sub, size_t max,
                            const struct gen_feed_event **events, size_t *count)
{
    struct feed_cursor *c;
    enum agner_err err = find(self, sub, &c);
    struct taken t;

    if (err != AGNER_OK)
        return err;
    if (max == 0)
        return AGNER_EINVAL;
    err = take(self, c, max, NULL, &t);
    if (err == AGNER_OK) {
        *events = t.events;
        *count = t.count;
    }
    return settled(self, sub, err);
}

/* Falls asleep with a waiter, and takes what it was woken for. */
static enum agner_err await(struct gen *self, struct feed_cursor *c,
                            uint64_t timeout_ms, struct taken *t)
{
    struct rt_waiter waiter;
    enum agner_err err = rt_wait_begin(self, &waiter, 1);

    if (err != AGNER_OK)
        return err;
    err = take(self, c, 1, &waiter, t);
    if (err == AGNER_OK && t->count == 0)
        err = rt_wait_block(self, timeout_ms);
    rt__lock(&c->feed->lock);
    if (c->waiter == &waiter)
        c->waiter = NULL;
    rt__unlock(&c->feed->lock);
    rt_wait_end(self, &waiter, 1);
    return err;
}

enum agner_err gen_sub_next(struct gen *self, struct gen_sub *sub,
                            uint64_t timeout_ms, struct gen_feed_event *event)
{
    uint64_t start_ms = 0;
    struct feed_cursor *c;
    enum agner_err err = find(self, sub, &c);
    struct taken t = { 0 };

    if (err == AGNER_OK)
        err = rt_check(self); /* who takes on and on lets others run */
    if (err == AGNER_OK)
        err = take(self, c, 1, NULL, &t);
    if (err == AGNER_OK && t.count == 0)
        start_ms = rt_now_ms(rt_of(self));
    while (err == AGNER_OK && t.count == 0) {
        err = await(self, c, gen__left_ms(self, start_ms, timeout_ms), &t);
        if (err == AGNER_OK && t.count == 0)
            err = take(self, c, 1, NULL, &t);
    }
    if (err == AGNER_OK)
        *event = t.events[0];
    return settled(self, sub, err);
}

/* It may be unsubscribed by what it serves. */
static bool is_out(const struct feed_cursor *c)
{
    return (load_relaxed(&c->credit) & MARK_OUT) != 0;
}

/* As many as may be at once; true: all that there is. */
static bool serve(struct gen *self, struct feed_cursor *c,
                  void (*handle)(struct gen *self, void *ctx,
                                 const struct gen_feed_event *event),
                  void *ctx, size_t max)
{
    size_t left = max;
    struct taken t;

    while (left > 0) {
        if (take(self, c, left, NULL, &t) != AGNER_OK || t.count == 0)
            return true;
        for (size_t i = 0; i < t.count && !is_out(c); i++)
            handle(self, ctx, &t.events[i]);
        left -= t.count;
    }
    return false;
}

/* The message of this subscription that it is. */
static enum gen_sub_what what_is(struct gen_sub *sub, etf_term message)
{
    etf_ref ref;

    if (etf_match(message, "{gen_feed_ready, _}", &ref))
        return etf_ref_equal(ref, sub->ref) ? GEN_SUB_EVENTS : GEN_SUB_OTHER;
    if (etf_match(message, "{gen_feed_down, _, __}", &ref))
        return etf_ref_equal(ref, sub->ref) ? GEN_SUB_DOWN : GEN_SUB_OTHER;
    return GEN_SUB_OTHER;
}

enum gen_sub_what
gen_sub_handle(struct gen *self, struct gen_sub *sub, etf_term message,
               void (*handle)(struct gen *self, void *ctx,
                              const struct gen_feed_event *event),
               void *ctx)
{
    enum gen_sub_what what =
        sub == NULL ? GEN_SUB_OTHER : what_is(sub, message);
    struct feed_cursor *c = what == GEN_SUB_OTHER ? NULL : gen__cursor(sub);

    if (c == NULL)
        return what;
    sub->serving++;
    if (what == GEN_SUB_DOWN) {
        (void)serve(self, c, handle, ctx, SIZE_MAX);
    } else {
        /* Others have their turn in the mailbox; without memory to say that
         * there is more it goes on. */
        while (!serve(self, c, handle, ctx, HANDLE_MAX) &&
               rt_send(self, rt_self_term(self), message) != AGNER_OK) {
        }
    }
    if (--sub->serving == 0 && sub->dropped)
        gen_sub_drop(self, sub);
    return what;
}

void gen_sub_stats(struct gen_sub *sub, struct gen_sub_stats *stats)
{
    struct feed_cursor *c = gen__cursor(sub);

    *stats = (struct gen_sub_stats){ 0 };
    if (c == NULL)
        return;
    rt__lock(&c->feed->lock);
    stats->dropped = c->dropped;
    stats->waiting = gen__cursor_waiting(c);
    rt__unlock(&c->feed->lock);
    stats->taken = load_relaxed(&c->taken);
    stats->last = load_relaxed(&c->last);
    stats->most = load_relaxed(&c->most);
}

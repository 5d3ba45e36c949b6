/*
 * feed_cursor.c -- subscriptions to a feed: how they begin, take and end.
 *
 * feed_core.h has the two forms of a cursor, and the protocol of its credit.
 */
#include "feed/feed_core.h"

#include <stdlib.h>

static struct feed_cursor *cast(struct gen_sub *sub)
{
    return (struct feed_cursor *)sub; /* base is its first member */
}

uint64_t gen__cursor_waiting(const struct feed_cursor *c)
{
    uint64_t word = load_relaxed(&c->credit);

    if ((word & MARK_OUT) != 0)
        return 0;
    if ((word & MARK_APART) != 0)
        return c->ring.count;
    return load_relaxed(&c->feed->last) - (word >> MARK_BITS);
}

/* ---- In and out ---------------------------------------------------------- */

static bool is_apart(const struct feed_cursor *c)
{
    return (load_relaxed(&c->credit) & MARK_APART) != 0;
}

static void list(struct feed_cursor *c, bool apart)
{
    struct gen_feed *feed = c->feed;
    uint64_t room = load_relaxed(&feed->last) + c->window;

    gen__feed_link_add(apart ? &feed->apart : &feed->logged, &c->table);
    c->listed = true;
    if (apart) {
        store_relaxed(&feed->apart_count, load_relaxed(&feed->apart_count) + 1);
        feed->strays += c->always_apart ? 0 : 1;
        return;
    }
    feed->logged_count++;
    if (feed->limit > room)
        feed->limit = room;
}

static void unlist_table(struct feed_cursor *c, bool apart)
{
    struct gen_feed *feed = c->feed;

    if (feed->scan == &c->table)
        feed->scan = c->table.next;
    gen__feed_link_remove(&c->table);
    c->listed = false;
    if (apart) {
        store_relaxed(&feed->apart_count, load_relaxed(&feed->apart_count) - 1);
        feed->strays -= c->always_apart ? 0 : 1;
    } else {
        feed->logged_count--;
    }
}

void gen__cursor_unlist(struct feed_cursor *c, struct gen *by)
{
    struct gen_feed *feed = c->feed;

    if (!c->listed)
        return;
    if (feed->awaited == c) {
        feed->awaited = NULL;
        if (feed->holder != NULL)
            rt_wake(feed->rt, by, feed->holder);
        feed->holder = NULL;
    }
    gen__feed_link_remove(&c->idle);
    unlist_table(c, is_apart(c));
}

/* What it took last is its owner's to look at, so that segment stays. One that
 * is pinned already has it: since then nothing was taken. */
static void leave_log(struct feed_cursor *c, struct feed_garbage *garbage)
{
    if (load_relaxed(&c->pinned) == NULL) {
        add_relaxed(&c->segment->pins, 1u);
        /* Pairs with the acquire of the reader, who gives it back. */
        store_release(&c->pinned, c->segment);
    }
    gen__feed_log_step(&c->feed->log, c->segment, NULL, &garbage->segments);
}

void gen__feed_discard(struct feed_garbage *garbage)
{
    gen__feed_log_discard(garbage->segments);
    gen__feed_ring_fini(&garbage->ring);
}

void gen__cursor_out(struct feed_cursor *c, struct gen *by,
                     struct feed_garbage *garbage)
{
    /* The reader's last addition comes before, or sees the mark. */
    uint64_t word = or_relaxed(&c->credit, (uint64_t)MARK_OUT);

    if ((word & MARK_OUT) != 0)
        return;
    gen__cursor_unlist(c, by);
    if ((word & MARK_APART) == 0) {
        leave_log(c, garbage);
    } else {
        garbage->ring = c->ring;
        c->ring = (struct feed_ring){ 0 };
    }
    if (c->waiter != NULL)
        rt_wake(c->base.rt, by, c->waiter);
    c->waiter = NULL;
    c->asleep = c->draining = false;
}

void gen__cursor_enter(struct feed_cursor *c)
{
    struct gen_feed *feed = c->feed;
    uint64_t word = load_relaxed(&feed->last) << MARK_BITS;

    if (c->listed)
        unlist_table(c, true);
    gen__feed_ring_fini(&c->ring);
    c->segment = gen__feed_log_enter(&feed->log, &c->at);
    c->end = c->at;
    /* Release pairs with the reader's look at the word: its place. */
    store_release(&c->credit, word);
    list(c, false);
    if (c->asleep)
        gen__feed_link_add(&feed->idle, &c->idle);
}

bool gen__cursor_set_apart(struct feed_cursor *c, uint64_t least,
                           struct feed_ring *ring, struct feed_garbage *garbage)
{
    struct gen_feed *feed = c->feed;
    uint64_t last = load_relaxed(&feed->last);
    uint64_t word = load_relaxed(&c->credit);

    do {
        if (last - (word >> MARK_BITS) < least)
            return false;
        /* An addition of the reader's comes before, and then this is tried
         * anew, or sees the mark. */
    } while (!cas_acq_rel(&c->credit, &word, word | MARK_APART));
    for (uint64_t seq = (word >> MARK_BITS) + 1; seq <= last; seq++) {
        struct feed_segment *segment = gen__feed_log_find(&feed->log, seq);

        gen__feed_ring_push(ring, &segment->events[seq - segment->first],
                            segment);
    }
    unlist_table(c, false);
    list(c, true);
    gen__feed_link_remove(&c->idle);
    c->ring = *ring;
    leave_log(c, garbage);
    return true;
}

/* ---- Waking -------------------------------------------------------------- */

void gen__feed_wake(struct feed_cursor *c, struct gen *by,
                    struct feed_wakes *wakes)
{
    c->asleep = false;
    gen__feed_link_remove(&c->idle);
    wakes->woken++;
    if (c->waiter != NULL) {
        rt_wake(c->base.rt, by, c->waiter);
        c->waiter = NULL;
    } else if (!c->base.quiet) {
        gen__sub_tell(&c->base);
        wakes->due[wakes->count++] = c;
    }
}

/* A message could not be sent: with the next event one will be tried again. */
static void still_asleep(struct feed_cursor *c)
{
    if (!c->listed || c->asleep)
        return;
    c->asleep = true;
    if (!is_apart(c))
        gen__feed_link_add(&c->feed->idle, &c->idle);
}

void gen__feed_wakes_send(struct gen_feed *feed, struct gen *by,
                          struct feed_wakes *wakes)
{
    rt__unlock(&feed->lock);
    for (unsigned i = 0; i < wakes->count; i++) {
        struct feed_cursor *c = wakes->due[i];
        enum agner_err err;

        gen_sub_hold(&c->base);
        err = gen__sub_ready(&c->base, by);
        if (err != AGNER_OK && err != AGNER_ENOPROC) {
            rt__lock(&feed->lock);
            still_asleep(c);
            rt__unlock(&feed->lock);
        }
        gen_sub_free(&c->base);
    }
    wakes->count = wakes->woken = 0;
    rt__lock(&feed->lock);
}

/* ---- As a subscription --------------------------------------------------- */

static void cursor_cancel(struct gen_sub *sub, struct gen *by)
{
    struct feed_cursor *c = cast(sub);
    struct feed_garbage garbage = { 0 };

    rt__lock(&c->feed->lock);
    gen__cursor_out(c, by, &garbage);
    rt__unlock(&c->feed->lock);
    gen__feed_discard(&garbage);
    (void)gen__sub_over(sub, by, GEN_SUB_UNSUBSCRIBED, ETF_NONE);
}

void gen__cursor_unlend(struct feed_cursor *c)
{
    for (uint32_t i = 0; i < c->lent_count; i++) {
        struct feed_kept kept = { c->lent[i], c->lent_pins[i] };

        gen__feed_kept_free(&kept);
    }
    c->lent_count = 0;
}

static void cursor_destroy(struct gen_sub *sub)
{
    struct feed_cursor *c = cast(sub);

    gen__cursor_unlend(c);
    gen__feed_ring_fini(&c->ring);
    gen__feed_segment_unpin(load_relaxed(&c->pinned));
    gen_feed_free(c->feed);
    free(c);
}

static const struct sub_ops cursor_ops = {
    .cancel = cursor_cancel,
    .destroy = cursor_destroy,
};

struct feed_cursor *gen__cursor(struct gen_sub *sub)
{
    return sub->ops == &cursor_ops ? cast(sub) : NULL;
}

/* ---- Subscribing --------------------------------------------------------- */

static bool is_lossy(enum gen_feed_policy policy)
{
    return policy == GEN_FEED_DROP_OLD || policy == GEN_FEED_LATEST;
}

static enum agner_err check(const struct gen_sub_options *o)
{
    if ((unsigned)o->policy > GEN_FEED_END_SLOW ||
        o->window > GEN_FEED_WINDOW_MAX ||
        (o->rendezvous && o->policy != GEN_FEED_BLOCK))
        return AGNER_EINVAL;
    return AGNER_OK;
}

static uint32_t window_of(const struct gen_sub_options *o)
{
    if (o->rendezvous)
        return 0;
    if (o->policy == GEN_FEED_LATEST)
        return 1;
    return o->window == 0 ? GEN_FEED_WINDOW : o->window;
}

/* Memory for what it may need: all of it is there before it is listed. */
static enum agner_err prepare(struct gen *self, struct feed_cursor *c,
                              const struct gen_sub_options *o)
{
    enum agner_err err;

    c->policy = o->policy;
    c->window = window_of(o);
    c->end_late = o->end_late;
    gen__feed_link_init(&c->table);
    gen__feed_link_init(&c->idle);
    err = gen__sub_init(self, &c->base, &cursor_ops, o->quiet);
    if (err != AGNER_OK)
        return err;
    if (!o->quiet)
        c->base.ready =
            etf_box_new(etf_make(self, "{gen_feed_ready, _}", c->base.ref));
    if ((!o->quiet && c->base.ready == NULL) ||
        (c->always_apart &&
         !gen__feed_ring_init(&c->ring, gen__cursor_room(c))))
        err = AGNER_ENOMEM;
    return err;
}

/* Takes `segment`, which may not be needed. */
static enum agner_err enter(struct feed_cursor *c, struct feed_segment *segment)
{
    struct gen_feed *feed = c->feed;
    enum agner_err err = AGNER_OK;

    rt__lock(&feed->lock);
    c->start = load_relaxed(&feed->last) + 1;
    c->asleep = !c->base.quiet;
    if (feed->closed) {
        store_relaxed(&c->credit, (uint64_t)MARK_APART);
        c->draining = true;
        err = AGNER_ECLOSED;
    } else if (c->always_apart) {
        store_relaxed(&c->credit, (uint64_t)MARK_APART);
        list(c, true);
    } else {
        if (gen__feed_log_is_full(&feed->log)) {
            gen__feed_log_grow(&feed->log, segment, c->start);
            segment = NULL;
        }
        gen__cursor_enter(c);
    }
    rt__unlock(&feed->lock);
    gen__feed_segment_unpin(segment);
    return err;
}

static void discard(struct feed_cursor *c)
{
    gen__sub_fini(&c->base);
    (void)or_relaxed(&c->credit, (uint64_t)MARK_OUT);
    gen_sub_free(&c->base);
}

enum agner_err gen__feed_follow(struct gen *self, struct gen_feed *feed,
                                const struct gen_sub_options *options,
                                uint64_t mask, struct gen_sub **sub)
{
    struct gen_sub_options o = { 0 };
    struct feed_cursor *c;
    struct feed_segment *segment = NULL;
    enum agner_err err;

    if (options != NULL)
        o = *options;
    err = check(&o);
    if (err != AGNER_OK)
        return err;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return AGNER_ENOMEM;
    c->feed = gen_feed_hold(feed);
    c->mask = mask;
    c->always_apart = is_lossy(o.policy) || o.rendezvous || mask != UINT64_MAX;
    err = prepare(self, c, &o);
    if (err == AGNER_OK && !c->always_apart) {
        segment = gen__feed_segment_new();
        err = segment == NULL ? AGNER_ENOMEM : AGNER_OK;
    }
    if (err == AGNER_OK)
        err = enter(c, segment);
    if (err == AGNER_ECLOSED && mask != UINT64_MAX) { /* of a mux */
        (void)gen__sub_over(&c->base, self, GEN_SUB_DONE, ETF_NONE);
        err = AGNER_OK;
    }
    if (err == AGNER_OK)
        *sub = &c->base;
    else
        discard(c);
    return err;
}

enum agner_err gen_feed_subscribe(struct gen *self, struct gen_feed *feed,
                                  const struct gen_sub_options *options,
                                  struct gen_sub **sub)
{
    return gen__feed_follow(self, feed, options, UINT64_MAX, sub);
}

/*
 * feed_slow.c -- those for whom a send is too quick: they go apart, they end,
 * or they are waited for.
 */
#include "feed/feed_send.h"

#include "gen_internal.h"

/* Cursors looked at before the lock is let go for a moment. */
#define BREATH 64u

/* ---- One after the other ------------------------------------------------- */

static void breathe(struct send *d)
{
    if (++d->looked % BREATH != 0)
        return;
    rt__unlock(&d->feed->lock);
    rt__lock(&d->feed->lock);
}

struct feed_cursor *gen__send_next(struct send *d, const struct feed_link *head)
{
    struct gen_feed *feed = d->feed;

    for (;;) {
        struct feed_link *link;

        breathe(d);
        link = feed->scan;
        if (link == head)
            return NULL;
        feed->scan = link->next;
        if (gen__cursor_of_table(link)->start <= d->number)
            return gen__cursor_of_table(link);
    }
}

/* ---- Going apart, ending ------------------------------------------------- */

static void end(struct send *d, struct feed_cursor *c, etf_term reason)
{
    struct feed_garbage garbage = { 0 };

    gen_sub_hold(&c->base);
    gen__cursor_out(c, d->self, &garbage);
    rt__unlock(&d->feed->lock);
    gen__feed_discard(&garbage);
    (void)gen__sub_over(&c->base, d->self, GEN_SUB_FAILED, reason);
    gen_sub_free(&c->base);
    rt__lock(&d->feed->lock);
}

void gen__send_end_slow(struct send *d, struct feed_cursor *c)
{
    end(d, c, etf_make(d->self, "slow"));
}

void gen__send_set_apart(struct send *d, struct feed_cursor *c, uint64_t least)
{
    struct gen_feed *feed = d->feed;
    struct feed_garbage garbage = { 0 };
    struct feed_ring ring;
    bool listed, taken = false;

    gen_sub_hold(&c->base);
    rt__unlock(&feed->lock);
    (void)gen__feed_ring_init(&ring, gen__cursor_room(c));
    rt__lock(&feed->lock);
    listed = c->listed;
    if (listed && ring.events != NULL)
        taken = gen__cursor_set_apart(c, least, &ring, &garbage);
    if (listed && ring.events == NULL)
        end(d, c, etf_make(d->self, "system_limit"));
    rt__unlock(&feed->lock);
    if (!taken)
        gen__feed_ring_fini(&ring);
    gen__feed_discard(&garbage);
    gen_sub_free(&c->base);
    rt__lock(&feed->lock);
}

/* ---- 5. Waiting for the slow ones ---------------------------------------- */

/* It had no room in all that time. */
static void give_up(struct send *d, struct feed_cursor *c)
{
    struct feed_kept newest;

    d->late = true;
    if (c->end_late) {
        d->count--;
        gen__send_end_slow(d, c);
        return;
    }
    gen_sub_hold(&c->base);
    if ((load_relaxed(&c->credit) & MARK_APART) == 0)
        gen__send_set_apart(d, c, (uint64_t)c->window + 1);
    if ((load_relaxed(&c->credit) & MARK_APART) != 0 &&
        c->ring.count > c->window) {
        newest = gen__feed_ring_pop_newest(&c->ring);
        gen__feed_kept_free(&newest);
        c->dropped++;
        d->feed->dropped++;
        d->count--;
    }
    gen_sub_free(&c->base);
}

/* The one that is awaited, marked so that who makes room there sees it. Is it
 * still without? */
static bool mark(struct send *d, struct feed_cursor *c)
{
    d->feed->awaited = c;
    /* An addition of the reader's comes before, and counts here, or after, and
     * sees the mark. */
    (void)or_relaxed(&c->credit, (uint64_t)MARK_WANTED);
    return gen__cursor_waiting(c) > c->window;
}

static void unmark(struct send *d)
{
    struct gen_feed *feed = d->feed;

    if (feed->awaited != NULL)
        (void)and_relaxed(&feed->awaited->credit, ~(uint64_t)MARK_WANTED);
    feed->awaited = NULL;
    feed->holder = NULL;
}

/* Waits for `c`, at which `scan` is. */
static enum agner_err await(struct send *d, struct feed_cursor *c)
{
    struct gen_feed *feed = d->feed;
    struct rt_waiter w;
    enum agner_err err;

    rt__unlock(&feed->lock);
    err = rt_wait_begin(d->self, &w, 1);
    rt__lock(&feed->lock);
    if (err != AGNER_OK)
        return err;
    if (feed->scan == &c->table && !feed->closed && mark(d, c)) {
        feed->holder = &w;
        rt__unlock(&feed->lock);
        err = rt_wait_block(d->self,
                            gen__left_ms(d->self, d->start_ms, d->timeout_ms));
        rt__lock(&feed->lock);
    }
    unmark(d);
    rt__unlock(&feed->lock);
    rt_wait_end(d->self, &w, 1);
    rt__lock(&feed->lock);
    return err;
}

/* All of a list that have more than their window. After the first error nobody
 * is waited for any more, but all that are left miss the event. */
static enum agner_err await_list(struct send *d, const struct feed_link *head,
                                 enum agner_err err)
{
    struct gen_feed *feed = d->feed;
    struct feed_cursor *c;

    feed->scan = head->next;
    while (!feed->closed && (c = gen__send_next(d, head)) != NULL) {
        if (gen__cursor_waiting(c) <= c->window || c->policy != GEN_FEED_BLOCK)
            continue;
        if (err != AGNER_OK) {
            give_up(d, c);
        } else {
            feed->scan = &c->table; /* once more */
            err = await(d, c);
        }
    }
    return err;
}

enum agner_err gen__send_await_room(struct send *d)
{
    struct gen_feed *feed = d->feed;
    uint64_t start_ns = rt_now_ns(feed->rt), waited_ns;
    enum agner_err err;

    err = await_list(d, &feed->logged, AGNER_OK);
    err = await_list(d, &feed->apart, err);
    waited_ns = rt_now_ns(feed->rt) - start_ns;
    if (waited_ns > feed->longest_wait_ns)
        feed->longest_wait_ns = waited_ns;
    /* The time was over, but all had room by then. */
    return err == AGNER_ETIMEOUT && !d->late ? AGNER_OK : err;
}

/*
 * feed_turn.c -- senders to a feed take turns, first come first served.
 *
 * Who has the turn when it ends hands it to the first that waits, which then
 * has it, whatever else became of its wait.
 */
#include "feed/feed_send.h"

/* ---- The turn ------------------------------------------------------------ */

static void queue_add(struct gen_feed *feed, struct rt_waiter *w)
{
    w->next = NULL;
    w->data = NULL;
    if (feed->last_sender == NULL)
        feed->first_sender = w;
    else
        feed->last_sender->next = w;
    feed->last_sender = w;
    feed->senders++;
}

static void queue_remove(struct gen_feed *feed, struct rt_waiter *w)
{
    struct rt_waiter *before = NULL, *at = feed->first_sender;

    while (at != w) {
        before = at;
        at = at->next;
    }
    if (before == NULL)
        feed->first_sender = w->next;
    else
        before->next = w->next;
    if (feed->last_sender == w)
        feed->last_sender = before;
    feed->senders--;
}

void gen__feed_pass_turn(struct gen_feed *feed, struct gen *by)
{
    struct rt_waiter *w = feed->first_sender;

    feed->busy = w != NULL;
    if (w == NULL)
        return;
    queue_remove(feed, w);
    w->data = feed; /* the turn is its */
    rt_wake(feed->rt, by, w);
}

/* With the lock held; AGNER_OK: the turn is ours. */
static enum agner_err try_turn(struct gen_feed *feed)
{
    if (feed->closed)
        return AGNER_ECLOSED;
    if (feed->busy)
        return AGNER_EAGAIN;
    feed->busy = true;
    return AGNER_OK;
}

/* What came of the wait; the lock is held. */
static enum agner_err end_queue(struct gen_feed *feed, struct rt_waiter *w,
                                enum agner_err err)
{
    if (!w->woken)
        queue_remove(feed, w);
    else if (w->data == NULL)
        return err == AGNER_OK || err == AGNER_ETIMEOUT ? AGNER_ECLOSED : err;
    else if (err == AGNER_OK || err == AGNER_ETIMEOUT)
        return feed->closed ? AGNER_ECLOSED : AGNER_OK;
    return err;
}

enum agner_err gen__send_take_turn(struct send *d)
{
    struct gen_feed *feed = d->feed;
    struct rt_waiter w;
    enum agner_err err, began;

    rt__lock(&feed->lock);
    err = try_turn(feed);
    if (err == AGNER_OK)
        return err;
    rt__unlock(&feed->lock);
    if (err != AGNER_EAGAIN)
        return err;
    began = rt_wait_begin(d->self, &w, 1);
    if (began != AGNER_OK)
        return began;
    rt__lock(&feed->lock);
    err = try_turn(feed);
    if (err == AGNER_EAGAIN) {
        queue_add(feed, &w);
        rt__unlock(&feed->lock);
        err = rt_wait_block(d->self, d->timeout_ms);
        rt__lock(&feed->lock);
        err = end_queue(feed, &w, err);
        /* It was handed over to who has no use for it any more. */
        if (err != AGNER_OK && w.woken && w.data != NULL)
            gen__feed_pass_turn(feed, d->self);
    }
    rt__unlock(&feed->lock);
    rt_wait_end(d->self, &w, 1);
    if (err == AGNER_OK)
        rt__lock(&feed->lock);
    return err;
}

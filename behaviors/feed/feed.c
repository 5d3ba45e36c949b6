/*
 * feed.c -- feeds: made, shared, closed, looked at.
 *
 * feed_core.h says how a feed works. A closed one has no cursor in its tables
 * and nobody with the turn who still waits; what its subscribers have not taken
 * they keep, each in its own form.
 */
#include "feed/feed_wire.h"

#include <stdlib.h>

/* ---- Figures ------------------------------------------------------------- */

static void look_at(struct gen_feed_info *info, const struct feed_link *head)
{
    for (struct feed_link *link = head->next; link != head; link = link->next) {
        const struct feed_cursor *c = gen__cursor_of_table(link);
        uint64_t waiting = gen__cursor_waiting(c);

        if (waiting > info->slowest_behind) {
            info->slowest_behind = waiting;
            info->slowest = c->base.owner;
        }
        info->held += c->ring.count;
    }
}

void gen_feed_info(struct gen_feed *feed, struct gen_feed_info *info)
{
    *info = (struct gen_feed_info){ 0 };
    rt__lock(&feed->lock);
    info->sent = load_relaxed(&feed->last);
    info->delivered = feed->delivered;
    info->dropped = feed->dropped;
    info->held = gen__feed_log_size(&feed->log);
    info->longest_wait_ns = feed->longest_wait_ns;
    info->subscribers = feed->logged_count + load_relaxed(&feed->apart_count);
    info->senders_waiting = feed->senders;
    info->closed = feed->closed;
    look_at(info, &feed->logged);
    look_at(info, &feed->apart);
    rt__unlock(&feed->lock);
}

static etf_term show(const struct rt_figures *figures, struct etf_region *r)
{
    const struct gen_feed *const_feed =
        (const struct gen_feed *)(const void *)((const char *)figures -
                                                offsetof(struct gen_feed,
                                                         figures));
    /* Its lock is written, nothing else. */
    struct gen_feed *feed = (struct gen_feed *)(uintptr_t)const_feed;
    struct gen_feed_info info;

    gen_feed_info(feed, &info);
    return etf_make(
        r,
        "#{name => _, sent => _, delivered => _, dropped => _, held => _, "
        "longest_wait_ns => _, subscribers => _, senders_waiting => _, "
        "slowest_behind => _, slowest => _, closed => _}",
        etf_is_none(feed->name) ? ETF_A(undefined) : feed->name, info.sent,
        info.delivered, info.dropped, info.held, info.longest_wait_ns,
        (uint64_t)info.subscribers, (uint64_t)info.senders_waiting,
        info.slowest_behind,
        etf_pid_is_none(info.slowest) ? ETF_A(undefined)
                                      : etf_from_pid(r, info.slowest),
        info.closed);
}

size_t gen_feed_count(struct gen_feed *feed)
{
    size_t count;

    rt__lock(&feed->lock);
    count = feed->logged_count + load_relaxed(&feed->apart_count);
    rt__unlock(&feed->lock);
    return count;
}

bool gen__feed_is_closed(struct gen_feed *feed)
{
    bool closed;

    rt__lock(&feed->lock);
    closed = feed->closed;
    rt__unlock(&feed->lock);
    return closed;
}

/* ---- Counts -------------------------------------------------------------- */

struct gen_feed *gen_feed_hold(struct gen_feed *feed)
{
    add_relaxed(&feed->refs, 1u);
    return feed;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen_feed_free(struct gen_feed *feed)
{
    struct feed_segment *garbage = NULL;

    if (feed == NULL || sub_acq_rel(&feed->refs, 1u) != 1)
        return;
    rt_figures_remove(feed->rt, &feed->figures);
    gen__feed_log_clear(&feed->log, &garbage);
    gen__feed_log_discard(garbage);
    free(feed);
}

/* ---- Closing ------------------------------------------------------------- */

static struct feed_cursor *first_of(struct gen_feed *feed)
{
    if (feed->logged.next != &feed->logged)
        return gen__cursor_of_table(feed->logged.next);
    if (feed->apart.next != &feed->apart)
        return gen__cursor_of_table(feed->apart.next);
    return NULL;
}

/* The next subscription to end, off the tables and held; NULL: none is left. */
static struct feed_cursor *end_next(struct gen_feed *feed, struct gen *by)
{
    struct feed_cursor *c;

    rt__lock(&feed->lock);
    c = first_of(feed);
    if (c != NULL) {
        gen_sub_hold(&c->base);
        gen__cursor_unlist(c, by);
        c->draining = true;
        c->asleep = false;
        if (c->waiter != NULL)
            rt_wake(feed->rt, by, c->waiter);
        c->waiter = NULL;
    }
    rt__unlock(&feed->lock);
    return c;
}

static bool close_door(struct gen_feed *feed, struct gen *by)
{
    struct rt_waiter *w;
    bool closed;

    rt__lock(&feed->lock);
    closed = feed->closed;
    feed->closed = true;
    while ((w = feed->first_sender) != NULL) {
        feed->first_sender = w->next;
        feed->senders--;
        rt_wake(feed->rt, by, w);
    }
    feed->last_sender = NULL;
    rt__unlock(&feed->lock);
    return !closed;
}

enum agner_err gen__feed_close(struct gen_feed *feed, struct gen *by,
                               etf_term reason)
{
    struct feed_cursor *c;

    if (!close_door(feed, by))
        return AGNER_ECLOSED;
    if (!etf_pid_is_none(feed->host))
        (void)rt_kill(feed->rt, feed->host, ETF_A(shutdown));
    while ((c = end_next(feed, by)) != NULL) {
        (void)gen__sub_over(&c->base, by, gen__sub_status_of(reason), reason);
        gen_sub_free(&c->base);
    }
    return AGNER_OK;
}

enum agner_err gen_feed_close(struct gen *self, struct gen_feed *feed,
                              etf_term reason)
{
    enum agner_err err = gen__feed_close(feed, self, reason);

    if (feed->owned && rt_hook_remove(feed->rt, &feed->hook))
        gen_feed_free(feed);
    return err;
}

/* ---- Making -------------------------------------------------------------- */

static void owner_ended(struct rt_hook *hook, struct rt *rt)
{
    struct gen_feed *feed =
        (struct gen_feed *)((char *)hook - offsetof(struct gen_feed, hook));

    (void)rt;
    (void)gen__feed_close(feed, NULL, ETF_A(noproc));
    gen_feed_free(feed);
}

static struct gen_feed *make(struct rt *rt, const struct gen_feed_options *o)
{
    struct gen_feed *feed = calloc(1, sizeof *feed);

    if (feed == NULL)
        return NULL;
    feed->rt = rt;
    store_relaxed(&feed->refs, 1u);
    feed->type = o->type;
    feed->name = o->name;
    feed->timed = o->timed;
    feed->limit = UINT64_MAX;
    gen__feed_link_init(&feed->idle);
    gen__feed_link_init(&feed->waking);
    gen__feed_link_init(&feed->logged);
    gen__feed_link_init(&feed->apart);
    feed->figures = (struct rt_figures){ .kind = "feed", .show = show };
    rt_figures_add(rt, &feed->figures);
    return feed;
}

enum agner_err gen__feed_type_check(struct gen_feed_type *type)
{
    if (type == NULL || type->pattern == NULL)
        return AGNER_EINVAL;
    return etf__match_check(&type->cache, type->pattern, 0);
}

enum agner_err gen_feed_new(struct gen *self,
                            const struct gen_feed_options *options,
                            struct gen_feed **out)
{
    struct gen_feed_options o = { 0 };
    struct gen_feed *feed;
    enum agner_err err = AGNER_OK;

    if (options != NULL)
        o = *options;
    if (!etf_is_none(o.name) && !etf_is_atom(o.name))
        return AGNER_EINVAL;
    if (o.type != NULL)
        err = gen__feed_type_check(o.type);
    if (err != AGNER_OK)
        return err;
    feed = make(rt_of(self), &o);
    if (feed == NULL)
        return AGNER_ENOMEM;
    if (o.owned) {
        feed->hook.run = owner_ended;
        err = rt_hook_add(self, &feed->hook);
        feed->owned = err == AGNER_OK;
        if (err == AGNER_OK)
            (void)gen_feed_hold(feed);
    }
    if (err == AGNER_OK && !etf_is_none(o.name))
        err = gen__feed_host(self, feed);
    if (err != AGNER_OK && feed->owned && rt_hook_remove(feed->rt, &feed->hook))
        gen_feed_free(feed);
    if (err == AGNER_OK)
        *out = feed;
    else
        gen_feed_free(feed);
    return err;
}

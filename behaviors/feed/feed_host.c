/*
 * feed_host.c -- a feed with a name, toward others: its host, and an exporter
 * for each relay that follows it. feed_wire.h has their messages.
 */
#include "feed/feed_wire.h"

#include <stdlib.h>

/* ---- The exporter -------------------------------------------------------- */

struct exporter {
    struct rt_hook hook;   /* its own, from birth: frees this */
    struct gen_feed *feed; /* held */
    etf_pid relay;
    struct gen_from from; /* the relay's call: answered once it follows */
    /* Its own from here on. */
    uint64_t credit;
    struct gen_sub *sub;
    bool refused; /* what is to go cannot leave the node */
};

static etf_term event_term(struct gen *self, const struct gen_feed_event *event)
{
    return etf_make(self, "{_, _, _}", event->seq, event->time_ns, event->term);
}

/* So many as there is credit for, in one message. false: there are no more. */
static bool export_some(struct gen *self, struct exporter *x)
{
    uint64_t most = x->credit < FEED_BATCH ? x->credit : FEED_BATCH;
    const struct gen_feed_event *events;
    etf_term list = etf_nil();
    size_t count = 0;

    if (most == 0 || x->refused ||
        gen_sub_take(self, x->sub, (size_t)most, &events, &count) != AGNER_OK)
        return false;
    for (size_t i = count; i > 0; i--)
        list =
            etf_cons(rt_region(self), event_term(self, &events[i - 1]), list);
    x->credit -= count;
    if (count > 0)
        x->refused =
            rt_send_pid(self, x->relay,
                        etf_make(self, "{gen_feed_events, _, _}", rt_self(self),
                                 list)) == AGNER_EBADTERM;
    return count > 0;
}

static void export_end(struct gen *self, struct exporter *x, etf_term reason)
{
    (void)rt_send_pid(
        self, x->relay,
        etf_make(self, "{gen_feed_end, _, _}", rt_self(self), reason));
}

static bool is_for(const struct exporter *x, etf_term m, etf_term *reason)
{
    etf_ref ref;

    return etf_match(m, "{gen_feed_down, _, _}", &ref, reason) &&
           etf_ref_equal(ref, gen_sub_ref(x->sub));
}

/* Until the feed ends and all of it is told, or the relay does. */
static void export_all(struct gen *self, struct exporter *x)
{
    struct etf_box *end = NULL;
    etf_term m, reason;
    uint64_t more;

    for (;;) {
        while (export_some(self, x))
            rt_reset(self);
        if (x->refused || (end != NULL && x->credit > 0))
            break;
        rt_reset(self);
        if (rt_receive(self, RT_INFINITY, &m) != AGNER_OK ||
            etf_match(m, "{'DOWN', __, process, __, __}"))
            break;
        if (etf_match(m, "{gen_feed_credit, _}", &more))
            x->credit += more < FEED_CREDIT ? more : FEED_CREDIT;
        else if (is_for(x, m, &reason))
            end = etf_box_new(reason);
    }
    if (x->refused)
        export_end(self, x, etf_make(self, "badterm"));
    else if (end != NULL)
        export_end(self, x, etf_box_term(end));
    etf_box_free(end);
}

static void export_feed(struct gen *self, void *arg)
{
    struct exporter *x = arg;
    etf_ref ref;
    bool follows = rt_monitor(self, etf_from_pid(rt_region(self), x->relay), 0,
                              &ref) == AGNER_OK &&
                   gen_feed_subscribe(self, x->feed, NULL, &x->sub) == AGNER_OK;

    (void)rt_reply(self, &x->from,
                   follows ? etf_make(self, "{ok, _}", rt_self(self))
                           : etf_make(self, "{error, system_limit}"));
    if (follows)
        export_all(self, x);
    gen_sub_drop(self, x->sub);
}

/* It has ended, and may never have run. */
static void exporter_ended(struct rt_hook *hook, struct rt *rt)
{
    struct exporter *x = (struct exporter *)hook; /* its first member */

    (void)rt;
    gen_feed_free(x->feed);
    free(x);
}

/* ---- The host ------------------------------------------------------------ */

/* It answers the call. false: it could not be started. */
static bool start_exporter(struct gen *self, struct gen_feed *feed,
                           etf_pid relay, const struct gen_from *from)
{
    struct exporter *x = calloc(1, sizeof *x);
    struct rt_spawn_options options = { 0 };
    etf_pid pid;

    if (x == NULL)
        return false;
    x->hook.run = exporter_ended;
    options.hook = &x->hook;
    x->feed = gen_feed_hold(feed);
    x->relay = relay;
    x->from = *from;
    if (rt_spawn(self, export_feed, x, &options, &pid) == AGNER_OK)
        return true;
    gen_feed_free(x->feed);
    free(x);
    return false;
}

static void release(void *feed)
{
    gen_feed_free(feed);
}

etf_term gen__feed_local(struct gen *self, struct gen_feed *feed)
{
    etf_term value;

    (void)gen_feed_hold(feed);
    value = etf_resource(rt_region(self), feed, release);
    if (etf_is_none(value)) {
        gen_feed_free(feed);
        return etf_make(self, "{error, system_limit}");
    }
    return etf_make(self, "{ok, _}", value);
}

static void answer(struct gen *self, struct gen_feed *feed,
                   const struct gen_from *from, etf_term request)
{
    etf_term reply = etf_make(self, "{error, badarg}");
    etf_pid relay;

    if (etf_match(request, "{gen_feed_follow, _}", &relay)) {
        if (start_exporter(self, feed, relay, from))
            return;
        reply = etf_make(self, "{error, system_limit}");
    } else if (etf_match(request, "gen_feed_local")) {
        reply = gen__feed_local(self, feed);
    }
    (void)rt_reply(self, from, reply);
}

static void host(struct gen *self, void *arg)
{
    struct gen_feed *feed = arg;
    etf_term m, from_term, request;
    struct gen_from from;

    while (rt_receive(self, RT_INFINITY, &m) == AGNER_OK) {
        if (etf_match(m, "{'$gen_call', _, _}", &from_term, &request) &&
            rt_get_from(self, from_term, &from))
            answer(self, feed, &from, request);
        rt_reset(self);
    }
}

static void host_ended(struct rt_hook *hook, struct rt *rt)
{
    (void)rt;
    gen_feed_free((struct gen_feed *)((char *)hook -
                                      offsetof(struct gen_feed, host_hook)));
}

enum agner_err gen__feed_host(struct gen *self, struct gen_feed *feed)
{
    const struct rt_spawn_options options = { .name = feed->name,
                                              .hook = &feed->host_hook };
    enum agner_err err;

    feed->host_hook.run = host_ended;
    (void)gen_feed_hold(feed);
    err = rt_spawn(self, host, feed, &options, &feed->host);
    if (err != AGNER_OK) {
        feed->host = (etf_pid){ 0 };
        gen_feed_free(feed);
    }
    return err;
}

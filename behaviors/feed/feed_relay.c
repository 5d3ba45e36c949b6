/*
 * feed_relay.c -- following a feed by its name, here or on another node.
 *
 * On a node that follows a feed of another one there is one relay, under a name
 * that says which feed it is. It keeps a feed of its own, the mirror, to which
 * all subscribers of this node subscribe; what comes in is sent to the mirror,
 * with its number, and for what was sent credit goes back. A watch beside it
 * closes the mirror when the connection is lost, also while the relay waits for
 * a slow subscriber. A relay that nobody has used for a while ends.
 */
#include "feed/feed_wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "gen_internal.h"

#define IDLE_MS 5000u /* without subscribers, then a relay ends */
#define ASK_MS  5000u /* for the host's answer */

struct relay {
    struct rt_hook hook;    /* its own, from birth: frees this */
    struct etf_box *target; /* owned: {Name, Node} */
    /* Its own from here on. */
    struct gen_feed *mirror; /* held */
    etf_pid exporter;
    uint64_t owed; /* events that credit is still to be given for */
};

/* ---- The watch ----------------------------------------------------------- */

struct watch {
    struct rt_hook hook;     /* its own, from birth: frees this */
    struct gen_feed *mirror; /* held */
    etf_pid exporter, relay;
};

/* Ends with the exporter, or with the relay. */
static void watch_exporter(struct gen *self, void *arg)
{
    struct watch *w = arg;
    etf_term m, reason = ETF_A(noproc);
    etf_ref relay, exporter, ref;

    if (rt_monitor(self, etf_from_pid(NULL, w->relay), 0, &relay) == AGNER_OK &&
        rt_monitor(self, etf_from_pid(rt_region(self), w->exporter), 0,
                   &exporter) == AGNER_OK) {
        (void)rt_send_pid(
            self, w->exporter,
            etf_make(self, "{gen_feed_credit, _}", (uint64_t)FEED_CREDIT));
        do {
            if (rt_receive(self, RT_INFINITY, &m) != AGNER_OK)
                break;
        } while (!etf_match(m, "{'DOWN', _, process, __, _}", &ref, &reason));
    }
    /* One that ended normally has said why, and the relay closes the mirror
     * when it comes to that. */
    if (!etf_same(reason, ETF_A(normal)))
        (void)gen__feed_close(w->mirror, self, reason);
}

static void watch_ended(struct rt_hook *hook, struct rt *rt)
{
    struct watch *w = (struct watch *)hook; /* its first member */

    (void)rt;
    gen_feed_free(w->mirror);
    free(w);
}

static enum agner_err start_watch(struct gen *self, struct relay *r)
{
    struct watch *w = calloc(1, sizeof *w);
    struct rt_spawn_options options = { 0 };
    enum agner_err err;
    etf_pid pid;

    if (w == NULL)
        return AGNER_ENOMEM;
    w->hook.run = watch_ended;
    options.hook = &w->hook;
    w->mirror = gen_feed_hold(r->mirror);
    w->exporter = r->exporter;
    w->relay = rt_self(self);
    err = rt_spawn(self, watch_exporter, w, &options, &pid);
    if (err != AGNER_OK) {
        gen_feed_free(w->mirror);
        free(w);
    }
    return err;
}

/* ---- The relay ----------------------------------------------------------- */

/* Asks the host for an exporter. AGNER_ENONAME, AGNER_ENOCONN ... */
static enum agner_err follow(struct gen *self, struct relay *r)
{
    etf_term answer;
    enum agner_err err = rt_call(
        self, etf_box_term(r->target),
        etf_make(self, "{gen_feed_follow, _}", rt_self(self)), ASK_MS, &answer);

    if (err == AGNER_OK && !etf_match(answer, "{ok, _}", &r->exporter))
        err = AGNER_ENOMEM; /* there */
    if (err == AGNER_OK)
        err = gen_feed_new(self, NULL, &r->mirror);
    return err == AGNER_OK ? start_watch(self, r) : err;
}

static void pass_on(struct gen *self, struct relay *r, etf_term list)
{
    struct feed_origin origin;
    etf_term one, event;

    while (etf_list_next(&list, &one)) {
        if (!etf_match(one, "{_, _, _}", &origin.seq, &origin.time_ns, &event))
            continue;
        (void)gen__feed_send(self, r->mirror, event, UINT64_MAX, true,
                             RT_INFINITY, &origin, NULL, NULL);
        if (++r->owed < FEED_CREDIT / 2)
            continue;
        (void)rt_send_pid(self, r->exporter,
                          etf_make(self, "{gen_feed_credit, _}", r->owed));
        r->owed = 0;
    }
}

static void answer(struct gen *self, struct relay *r, etf_term from_term,
                   etf_term request)
{
    struct gen_from from;

    if (!rt_get_from(self, from_term, &from))
        return;
    (void)rt_reply(self, &from,
                   etf_match(request, "gen_feed_local")
                       ? gen__feed_local(self, r->mirror)
                       : etf_make(self, "{error, badarg}"));
}

/* One message; false: it is over. */
static bool serve(struct gen *self, struct relay *r, etf_term m)
{
    etf_term from_term, request, list, reason;
    etf_pid pid;

    if (etf_match(m, "{'$gen_call', _, _}", &from_term, &request)) {
        answer(self, r, from_term, request);
    } else if (etf_match(m, "{gen_feed_events, _, _}", &pid, &list) &&
               etf_pid_equal(pid, r->exporter)) {
        pass_on(self, r, list);
    } else if (etf_match(m, "{gen_feed_end, _, _}", &pid, &reason) &&
               etf_pid_equal(pid, r->exporter)) {
        (void)gen__feed_close(r->mirror, self, reason);
        return false;
    }
    return true;
}

/* Has nobody used it for a while? *used_ms: when somebody did last. */
static bool is_idle(struct gen *self, const struct relay *r, uint64_t *used_ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));

    if (gen_feed_count(r->mirror) > 0)
        *used_ms = now_ms;
    return now_ms - *used_ms >= IDLE_MS;
}

static void relay_all(struct gen *self, struct relay *r)
{
    uint64_t used_ms = rt_now_ms(rt_of(self));
    enum agner_err err = AGNER_OK;
    etf_term m;

    while (!gen__feed_is_closed(r->mirror) && !is_idle(self, r, &used_ms)) {
        err = rt_receive(self, IDLE_MS, &m);
        if (err == AGNER_OK ? !serve(self, r, m) : err != AGNER_ETIMEOUT)
            break;
        rt_reset(self);
    }
    (void)gen__feed_close(r->mirror, self,
                          err == AGNER_OK || err == AGNER_ETIMEOUT
                              ? ETF_A(normal)
                              : ETF_A(killed));
}

/* Whoever asks gets the error; then this ends, and the next one who asks starts
 * another. */
static void refuse_all(struct gen *self, enum agner_err err)
{
    etf_term m, from_term, request;
    struct gen_from from;

    while (rt_receive(self, 0, &m) == AGNER_OK) {
        if (etf_match(m, "{'$gen_call', _, _}", &from_term, &request) &&
            rt_get_from(self, from_term, &from))
            (void)rt_reply(self, &from,
                           etf_make(self, "{error, _}", (int32_t)err));
    }
}

static void relay(struct gen *self, void *arg)
{
    struct relay *r = arg;
    enum agner_err err = follow(self, r);

    if (err == AGNER_OK)
        relay_all(self, r);
    refuse_all(self, err == AGNER_OK ? AGNER_ECLOSED : err);
    if (r->mirror != NULL)
        (void)gen__feed_close(r->mirror, self, ETF_A(noproc));
}

static void relay_ended(struct rt_hook *hook, struct rt *rt)
{
    struct relay *r = (struct relay *)hook; /* its first member */

    (void)rt;
    gen_feed_free(r->mirror);
    etf_box_free(r->target);
    free(r);
}

/* ---- Finding ------------------------------------------------------------- */

/* Asks a host or a relay of this node. AGNER_EAGAIN: there is none. */
static enum agner_err ask(struct gen *self, etf_term to, uint64_t timeout_ms,
                          struct gen_feed **feed)
{
    etf_term reply = ETF_NONE, value;
    int32_t code;
    void *found;
    enum agner_err err =
        rt_call(self, to, etf_make(self, "gen_feed_local"), timeout_ms, &reply);

    if (err == AGNER_ENONAME || err == AGNER_ENOPROC || err == AGNER_EEXIT)
        return AGNER_EAGAIN;
    if (err != AGNER_OK)
        return err;
    if (etf_match(reply, "{ok, _}", &value) &&
        etf_get_resource(value, &found)) {
        *feed = gen_feed_hold(found);
        return AGNER_OK;
    }
    return etf_match(reply, "{error, _}", &code) ? (enum agner_err)code
                                                 : AGNER_ENONAME;
}

enum agner_err gen_feed_find(struct gen *self, etf_term name,
                             struct gen_feed **feed)
{
    enum agner_err err;

    if (!etf_is_atom(name))
        return AGNER_EINVAL;
    err = ask(self, name, RT_INFINITY, feed);
    return err == AGNER_EAGAIN ? AGNER_ENONAME : err;
}

/* The relay's name: feed and node, of which there are as many as the program
 * names. */
static etf_term relay_name(etf_term name, etf_term node)
{
    etf_bytes n = etf_atom_text(name), at = etf_atom_text(node);
    char text[2100];

    (void)snprintf(text, sizeof text, "gen_feed_relay %.*s %.*s", (int)n.size,
                   (const char *)n.data, (int)at.size, (const char *)at.data);
    return etf_atom(text);
}

static enum agner_err start_relay(struct gen *self, etf_term target,
                                  etf_term name)
{
    struct rt_spawn_options options = { .name = name };
    struct relay *r = calloc(1, sizeof *r);
    enum agner_err err = AGNER_ENOMEM;
    etf_pid pid;

    if (r != NULL) {
        r->target = etf_box_new(target);
        r->hook.run = relay_ended;
        options.hook = &r->hook;
    }
    if (r != NULL && r->target != NULL)
        err = rt_spawn(self, relay, r, &options, &pid);
    if (err == AGNER_OK)
        return err;
    if (r != NULL)
        etf_box_free(r->target);
    free(r);
    return err == AGNER_ETAKEN ? AGNER_OK : err;
}

/* The feed of this node that stands for `target`. */
static enum agner_err find(struct gen *self, etf_term target,
                           uint64_t timeout_ms, struct gen_feed **feed)
{
    struct etf_self node = rt_node(rt_of(self));
    etf_term name, at, relay_is;
    enum agner_err err;

    if (!etf_match(target, "{_, _}", &name, &at) || !etf_is_atom(name) ||
        !etf_is_atom(at))
        return gen_feed_find(self, target, feed);
    if (etf_equal(at, etf_is_none(node.name) ? ETF_A(noname) : node.name))
        return gen_feed_find(self, name, feed);
    relay_is = relay_name(name, at);
    if (etf_is_none(relay_is))
        return AGNER_EINVAL;
    err = start_relay(self, target, relay_is);
    return err == AGNER_OK ? ask(self, relay_is, timeout_ms, feed) : err;
}

/* What it means for who subscribes; AGNER_EAGAIN: it was just ending. */
static enum agner_err meaning(enum agner_err err)
{
    if (err == AGNER_ECLOSED)
        return AGNER_EAGAIN;
    if (err == AGNER_ENOPROC)
        return AGNER_ENONAME;
    return err == AGNER_ENODEDOWN ? AGNER_ENOCONN : err;
}

enum agner_err gen_feed_subscribe_at(struct gen *self, etf_term target,
                                     const struct gen_sub_options *options,
                                     uint64_t timeout_ms, struct gen_sub **sub)
{
    uint64_t start_ms = rt_now_ms(rt_of(self));
    enum agner_err err = AGNER_EAGAIN;

    for (int i = 0; i < 3 && err == AGNER_EAGAIN; i++) {
        struct gen_feed *feed = NULL;

        err =
            find(self, target, gen__left_ms(self, start_ms, timeout_ms), &feed);
        if (err == AGNER_OK)
            err = gen_feed_subscribe(self, feed, options, sub);
        gen_feed_free(feed);
        err = meaning(err);
    }
    return err == AGNER_EAGAIN ? AGNER_ENONAME : err;
}

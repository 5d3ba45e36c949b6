/*
 * link.c -- a feed that is followed from another node: two nodes in one
 * program, with a real connection between them.
 *
 * Three things are shown. Whoever follows in town, an event crosses the link
 * once. Who is slow there holds up the sender here, so no more than three
 * windows are ever on their way: of the feed, of the link, and of the slow one.
 * And when the link was cut, a subscription that is made again tells by number
 * what it has missed. Prints
 *
 *     2 follow in town: 1 receiver here
 *     held after 769 events: 257 wait here, 257 in town
 *     both have got 2000
 *     the link is cut: noconnection
 *     missed 2002 to 2011
 *     goes on with 2012
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>
#include <agner/node.h>

#define STEP_MS 60000u /* longer than any step should take */
#define EVENTS  2000

/* An end of the link. */
struct end {
    struct node *node;
    struct gen *self; /* this thread, as a process there */
};

struct show {
    struct end shop, town;
    struct gen_feed *prices; /* at the shop */
    etf_pid boss;            /* this thread, in town */
    _Atomic bool is_cut;     /* nobody is to connect */
};

static void must(enum agner_err err, const char *what)
{
    if (err == AGNER_OK)
        return;
    (void)fprintf(stderr, "link: %s: %s\n", what, agner_strerror(err));
    exit(EXIT_FAILURE);
}

static struct end start(const char *name)
{
    struct node_options options = { .name = name,
                                    .cookie = "an example",
                                    .epmd = NODE_EPMD_NONE };
    struct end end = { 0 };

    must(node_start(&options, &end.node, NULL), name);
    end.self = rt_attach(node_rt(end.node));
    must(end.self == NULL ? AGNER_ENOMEM : AGNER_OK, name);
    return end;
}

static void send_price(struct gen *self, struct gen_feed *prices, int64_t n,
                       size_t *count)
{
    must(gen_feed_send(self, prices, etf_make(self, "{price, _}", n), STEP_MS,
                       count),
         "send");
    rt_reset(self);
}

/* ---- Following ----------------------------------------------------------- */

/* `quiet`: it is not told by messages, since it calls gen_sub_next(). */
static enum agner_err follow(struct gen *self, bool quiet, struct gen_sub **sub)
{
    const struct gen_sub_options options = { .quiet = quiet };
    etf_term prices = etf_make(self, "{prices, 'shop@127.0.0.1'}");

    return gen_feed_subscribe_at(self, prices, &options, STEP_MS, sub);
}

static void send_all(struct gen *self, void *arg)
{
    for (int64_t i = 1; i <= EVENTS; i++)
        send_price(self, arg, i, NULL);
}

/* Until everything is full, from the slow one back to the sender. */
static void wait_until_held(struct show *s, struct gen_sub *slow)
{
    struct gen_feed_info here;
    struct gen_sub_stats there;

    do {
        must(rt_sleep(s->shop.self, 1), "sleep");
        gen_feed_info(s->prices, &here);
        gen_sub_stats(slow, &there);
    } while (here.slowest_behind <= GEN_FEED_WINDOW ||
             there.waiting <= GEN_FEED_WINDOW ||
             here.sent <= (uint64_t)3 * GEN_FEED_WINDOW);
    (void)printf("held after %" PRIu64 " events: %" PRIu64
                 " wait here, %" PRIu64 " in town\n",
                 here.sent, here.slowest_behind, there.waiting);
}

static void take(struct gen *self, struct gen_sub *sub, int64_t n)
{
    struct gen_feed_event event;
    int64_t got = 0;

    must(gen_sub_next(self, sub, STEP_MS, &event), "next");
    if (!etf_match(event.term, "{price, _}", &got) || got != n)
        must(AGNER_EUNKNOWN, "order");
}

/* Two in town, who take nothing at first. */
static void hold_up(struct show *s)
{
    struct gen_sub *subs[2];
    etf_pid sender;

    for (int i = 0; i < 2; i++)
        must(follow(s->town.self, true, &subs[i]), "follow");
    (void)printf("2 follow in town: %zu receiver here\n",
                 gen_feed_count(s->prices));
    must(rt_spawn(s->shop.self, send_all, s->prices, NULL, &sender), "sender");
    wait_until_held(s, subs[0]);
    for (int64_t i = 1; i <= EVENTS; i++)
        for (int k = 0; k < 2; k++)
            take(s->town.self, subs[k], i);
    must(rt_wait(s->shop.self, sender, STEP_MS), "sender");
    (void)printf("both have got %d\n", EVENTS);
    for (int k = 0; k < 2; k++)
        gen_sub_drop(s->town.self, subs[k]);
}

/* ---- A cut --------------------------------------------------------------- */

/* In the process that follows; as long as the link is cut it fails. */
static enum agner_err connect(struct gen *self,
                              const struct gen_resub_try *attempt,
                              struct gen_sub **sub, etf_term *reason)
{
    struct show *s = attempt->arg;
    enum agner_err err;

    (void)reason;
    if (attempt->was_up)
        (void)rt_send_pid(self, s->boss,
                          etf_make(self, "{lost, _}", attempt->failure));
    err = s->is_cut ? AGNER_ENOCONN : follow(self, false, sub);
    if (err == AGNER_OK)
        (void)rt_send_pid(self, s->boss, etf_make(self, "{follows, here}"));
    return err;
}

static void got(struct gen *self, void *arg, const struct gen_feed_event *event)
{
    const struct show *s = arg;

    (void)rt_send_pid(self, s->boss, etf_make(self, "{got, _}", event->seq));
}

/* The next message of that name; the others wait. */
static bool has_name(void *name, etf_term message)
{
    const etf_term *wanted = name;

    return etf_is_tagged(message, *wanted, 2) ||
           etf_is_tagged(message, *wanted, 4);
}

static etf_term await(const struct show *s, const char *name)
{
    etf_term wanted = etf_atom(name), message;

    must(rt_receive_match(s->town.self, has_name, &wanted, STEP_MS, &message),
         name);
    return message;
}

/* With the link cut nobody gets what the shop sends. */
static void cut(struct show *s)
{
    etf_term reason;
    size_t count;
    char text[80];

    s->is_cut = true;
    must(node_disconnect(s->town.node, node_name(s->shop.node)), "disconnect");
    if (etf_match(await(s, "lost"), "{lost, _}", &reason))
        (void)printf("the link is cut: %s\n",
                     etf_format(text, sizeof text, reason));
    while (gen_feed_count(s->prices) > 0)
        must(rt_sleep(s->shop.self, 1), "sleep");
    for (int64_t i = 1; i <= 10; i++)
        send_price(s->shop.self, s->prices, i, &count);
    s->is_cut = false;
    (void)await(s, "follows");
}

static void miss_some(struct show *s)
{
    const struct gen_resub_options options = { .backoff_max_ms = 100,
                                               .handle = got };
    uint64_t from = 0, to = 0;
    struct gen_sub *sub;
    etf_ref ref;

    must(gen_resubscribe(s->town.self, connect, s, &options, &sub),
         "resubscribe");
    (void)await(s, "follows");
    send_price(s->shop.self, s->prices, 1, NULL);
    (void)await(s, "got");
    cut(s);
    send_price(s->shop.self, s->prices, 2, NULL);
    if (etf_match(await(s, "gen_feed_gap"), "{gen_feed_gap, _, _, _}", &ref,
                  &from, &to))
        (void)printf("missed %" PRIu64 " to %" PRIu64 "\n", from, to);
    if (etf_match(await(s, "got"), "{got, _}", &from))
        (void)printf("goes on with %" PRIu64 "\n", from);
    gen_sub_drop(s->town.self, sub);
}

int main(void)
{
    struct gen_feed_options options = { .name = etf_atom("prices") };
    struct show s = { .shop = start("shop@127.0.0.1"),
                      .town = start("town@127.0.0.1") };

    s.boss = rt_self(s.town.self);
    must(node_route(s.town.node, node_name(s.shop.node), "127.0.0.1",
                    node_port(s.shop.node)),
         "route");
    must(gen_feed_new(s.shop.self, &options, &s.prices), "feed");
    hold_up(&s);
    miss_some(&s);
    gen_feed_free(s.prices);
    rt_detach(s.town.self);
    rt_detach(s.shop.self);
    node_stop(s.town.node, 1000);
    node_stop(s.shop.node, 1000);
    return EXIT_SUCCESS;
}

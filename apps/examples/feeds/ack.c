/*
 * ack.c -- acknowledged events: a send says how many got it, so the sender
 * knows how many answers to wait for.
 *
 * Prints 0 0 0 1 1 1 2 2 2, a number a line: nobody sees an event before all
 * have dealt with the one before.
 */
#include <inttypes.h>
#include <stdio.h>

#include <agner/gen.h>

#define CONSUMERS 3

static void on_event(struct gen *self, void *ctx,
                     const struct gen_feed_event *event)
{
    etf_pid from;
    int64_t n;

    (void)ctx;
    if (!etf_match(event->term, "{event, _, _}", &n, &from))
        return;
    printf("%" PRId64 "\n", n);
    (void)rt_send_pid(self, from, etf_make(self, "ack"));
}

struct consumer {
    struct gen_sub *sub;
};

static enum gen_next consumer_init(struct gen *self, etf_term args)
{
    struct consumer *c = gen_state(self);
    void *feed;

    if (!etf_get_resource(args, &feed) ||
        gen_feed_subscribe(self, feed, NULL, &c->sub) != AGNER_OK)
        return gen_stop(self, ETF_A(badarg));
    return GEN_NEXT;
}

static enum gen_next consumer_info(struct gen *self, etf_term message)
{
    struct consumer *c = gen_state(self);

    if (gen_sub_handle(self, c->sub, message, on_event, c) == GEN_SUB_DOWN)
        return gen_stop(self, ETF_A(normal));
    return GEN_NEXT;
}

static const struct gen_server consumer = {
    .name = "consumer",
    .state_size = sizeof(struct consumer),
    .init = consumer_init,
    .handle_info = consumer_info,
};

static enum agner_err produce(struct gen *self, struct gen_feed *feed)
{
    for (int64_t n = 0; n < 3; n++) {
        size_t acks;
        etf_term m;
        enum agner_err err = gen_feed_send(
            self, feed, etf_make(self, "{event, _, _}", n, rt_self(self)),
            GEN_INFINITY, &acks);

        while (err == AGNER_OK && acks-- > 0)
            err = rt_receive(self, GEN_CALL_TIMEOUT_MS, &m);
        if (err != AGNER_OK)
            return err;
    }
    return gen_feed_close(self, feed, ETF_A(normal));
}

int main(void)
{
    struct rt_options options = { 0 };
    struct gen_feed *feed;
    struct rt *rt;
    struct gen *self;
    enum agner_err err;

    if (rt_new(&options, &rt, NULL) != AGNER_OK)
        return 1;
    self = rt_attach(rt);
    err = gen_feed_new(self, NULL, &feed);
    for (int i = 0; i < CONSUMERS && err == AGNER_OK; i++) {
        etf_pid pid;

        err = gen_start(self, &consumer,
                        etf_resource(rt_region(self), feed, NULL), NULL, &pid,
                        NULL);
    }
    if (err == AGNER_OK)
        err = produce(self, feed);
    gen_feed_free(feed);
    rt_detach(self);
    rt_free(rt, 1000);
    return err == AGNER_OK ? 0 : 1;
}

/*
 * scope.c -- many subscriptions that end together: an application with two
 * services, and one stop for everybody who listens to them.
 *
 * Prints what the services did, and that the subscriber has ended.
 */
#include <inttypes.h>
#include <stdio.h>

#include <agner/gen.h>

/* Two services, each with a feed of its results. */
struct calculator {
    struct gen_feed *divisions, *multiplications;
    struct gen_scope *scope; /* of everybody who subscribed */
};

static enum agner_err subscribe(struct gen *self, struct calculator *c,
                                struct gen_feed *feed, struct gen_sub **sub)
{
    enum agner_err err = gen_feed_subscribe(self, feed, NULL, sub);

    return err == AGNER_OK ? gen_scope_track(self, c->scope, *sub) : err;
}

static void on_division(struct gen *self, void *ctx,
                        const struct gen_feed_event *event)
{
    int64_t result;

    (void)self;
    (void)ctx;
    if (etf_match(event->term, "_", &result))
        printf("division happened: %" PRId64 "\n", result);
}

static void on_multiplication(struct gen *self, void *ctx,
                              const struct gen_feed_event *event)
{
    int64_t result;

    (void)self;
    (void)ctx;
    if (etf_match(event->term, "_", &result))
        printf("multiplication happened: %" PRId64 "\n", result);
}

/* Listens to both until either subscription is taken back. */
static void listen_to_both(struct gen *self, void *arg)
{
    struct calculator *c = arg;
    struct gen_sub *divisions, *multiplications;
    bool ended =
        subscribe(self, c, c->divisions, &divisions) != AGNER_OK ||
        subscribe(self, c, c->multiplications, &multiplications) != AGNER_OK;
    etf_term m;

    (void)rt_send(self, etf_from_pid(NULL, rt_parent(self)),
                  etf_make(self, "listening"));
    while (!ended && rt_receive(self, GEN_INFINITY, &m) == AGNER_OK) {
        ended = gen_sub_handle(self, divisions, m, on_division, NULL) ==
                    GEN_SUB_DOWN ||
                gen_sub_handle(self, multiplications, m, on_multiplication,
                               NULL) == GEN_SUB_DOWN;
        rt_reset(self);
    }
    printf("subscriber exited\n");
}

/* A result, with one who has taken it when this returns. */
static void tell(struct gen *self, struct gen_feed *feed, int64_t result)
{
    struct gen_feed_info info;

    (void)gen_feed_send(self, feed, etf_make(self, "_", result), GEN_INFINITY,
                        NULL);
    do {
        (void)rt_sleep(self, 1);
        gen_feed_info(feed, &info);
    } while (info.slowest_behind > 0);
}

int main(void)
{
    struct rt_options options = { 0 };
    struct calculator c = { 0 };
    struct rt *rt;
    struct gen *self;
    etf_pid pid;
    etf_term m;

    if (rt_new(&options, &rt, NULL) != AGNER_OK)
        return 1;
    self = rt_attach(rt);
    c.scope = gen_scope_new();
    if (c.scope == NULL || gen_feed_new(self, NULL, &c.divisions) != AGNER_OK ||
        gen_feed_new(self, NULL, &c.multiplications) != AGNER_OK ||
        rt_spawn(self, listen_to_both, &c, NULL, &pid) != AGNER_OK ||
        rt_receive(self, GEN_CALL_TIMEOUT_MS, &m) != AGNER_OK)
        return 1;
    tell(self, c.divisions, 22 / 11);
    tell(self, c.multiplications, 3 * 4);
    (void)gen_scope_close(self, c.scope); /* everybody's */
    (void)rt_wait(self, pid, GEN_INFINITY);
    gen_scope_free(c.scope);
    gen_feed_free(c.divisions);
    gen_feed_free(c.multiplications);
    rt_detach(self);
    rt_free(rt, 1000);
    return 0;
}

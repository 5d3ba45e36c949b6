/*
 * mux.c -- events of many types in one place; who subscribes says which.
 *
 * Prints two of three events, and that it is done.
 */
#include <stdio.h>

#include <agner/gen.h>

static struct gen_feed_type some_event = { .pattern = "{some_event, __}" };
static struct gen_feed_type other_event = { .pattern = "{other_event, __}" };

static void on_event(struct gen *self, void *ctx,
                     const struct gen_feed_event *event)
{
    char text[80];

    (void)self;
    (void)ctx;
    printf("received %s\n", etf_format(text, sizeof text, event->term));
}

static void follow(struct gen *self, void *arg)
{
    struct gen_feed_type *const types[] = { &some_event, &other_event };
    enum gen_sub_what what = GEN_SUB_OTHER;
    struct gen_sub *sub;
    etf_term m;

    if (gen_mux_subscribe(self, arg, types, 2, NULL, &sub) != AGNER_OK)
        what = GEN_SUB_DOWN;
    (void)rt_send(self, etf_from_pid(NULL, rt_parent(self)),
                  etf_make(self, "subscribed"));
    while (what != GEN_SUB_DOWN &&
           rt_receive(self, GEN_INFINITY, &m) == AGNER_OK) {
        what = gen_sub_handle(self, sub, m, on_event, NULL);
        rt_reset(self);
    }
    printf("done\n");
}

int main(void)
{
    struct rt_options options = { 0 };
    struct gen_mux *mux;
    struct rt *rt;
    struct gen *self;
    etf_pid pid;
    etf_term m;

    if (rt_new(&options, &rt, NULL) != AGNER_OK)
        return 1;
    self = rt_attach(rt);
    if (gen_mux_new(self, &mux) != AGNER_OK ||
        rt_spawn(self, follow, mux, NULL, &pid) != AGNER_OK ||
        rt_receive(self, GEN_CALL_TIMEOUT_MS, &m) != AGNER_OK)
        return 1;
    (void)gen_mux_post(self, mux, etf_make(self, "{some_event, 5}"),
                       GEN_INFINITY);
    (void)gen_mux_post(self, mux, etf_make(self, "{yet_another_event, 1, 2}"),
                       GEN_INFINITY);
    (void)gen_mux_post(self, mux, etf_make(self, "{other_event, whoa}"),
                       GEN_INFINITY);
    gen_mux_stop(self, mux);
    (void)rt_wait(self, pid, GEN_INFINITY);
    gen_mux_free(mux);
    rt_detach(self);
    rt_free(rt, 1000);
    return 0;
}

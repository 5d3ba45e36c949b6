/*
 * producer.c -- a subscription to what a function produces, in a process of its
 * own; unsubscribing waits until it has ended.
 *
 * Prints 0 to 4 and then `unsubscribed`, each on a line.
 */
#include <inttypes.h>
#include <stdio.h>

#include <agner/gen.h>

static etf_term count(struct gen *self, const struct gen_producer *producer)
{
    for (int64_t n = 0; !gen_cancel_is_set(producer->cancel); n++) {
        if (n == 5) /* that will do, until somebody says so */
            (void)gen_cancel_wait(self, producer->cancel, GEN_INFINITY);
        else
            (void)rt_send_pid(self, producer->to,
                              etf_make(self, "{number, _}", n));
    }
    printf("unsubscribed\n");
    return ETF_A(normal);
}

int main(void)
{
    struct rt_options options = { 0 };
    struct gen_sub *sub;
    struct rt *rt;
    struct gen *self;
    enum agner_err err;

    if (rt_new(&options, &rt, NULL) != AGNER_OK)
        return 1;
    self = rt_attach(rt);
    err = gen_producer_start(self, count, NULL, NULL, &sub);
    for (int i = 0; i < 5 && err == AGNER_OK; i++) {
        etf_term m;
        int64_t n;

        err = rt_receive(self, GEN_CALL_TIMEOUT_MS, &m);
        if (err == AGNER_OK && etf_match(m, "{number, _}", &n))
            printf("%" PRId64 "\n", n);
    }
    if (err == AGNER_OK)
        gen_sub_drop(self, sub); /* waits */
    rt_detach(self);
    rt_free(rt, 1000);
    return err == AGNER_OK ? 0 : 1;
}

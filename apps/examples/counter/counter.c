/*
 * counter.c -- a server that keeps one number; the first example to read.
 */
#include <agner/gen.h>

struct counter {
    int64_t value;
};

static enum gen_next counter_init(struct gen *self, etf_term args)
{
    struct counter *c = gen_state(self);

    if (!etf_match(args, "_", &c->value))
        return gen_stop(self, etf_make(self, "badarg"));
    return GEN_NEXT;
}

/* {add, N} adds N and answers the new value; anything else is badarg. */
static enum gen_next counter_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    struct counter *c = gen_state(self);
    int64_t step, sum;

    if (!etf_match(request, "{add, _}", &step) ||
        __builtin_add_overflow(c->value, step, &sum))
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    c->value = sum;
    return gen_reply(self, from, etf_make(self, "_", sum));
}

const struct gen_server counter_server = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .init = counter_init,
    .handle_call = counter_call,
};

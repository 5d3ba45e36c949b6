/*
 * NAME_server.c -- a server that keeps a number.
 *
 *   request        what it does  answer
 *   -------------  ------------  ---------------
 *   {add, N}       adds N        the new sum
 *   get            nothing       the sum
 *   anything else  nothing       {error, badarg}
 *
 * Callbacks of one process never overlap, and what they receive and build lives
 * until they return: there is nothing to lock and nothing to free.
 */
#include "NAME_parts.h"

struct NAME_server_state {
    int64_t sum;
};

static enum gen_next handle_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct NAME_server_state *s = gen_state(self);
    int64_t step, sum;

    if (etf_match(request, "get"))
        return gen_reply(self, from, etf_make(self, "_", s->sum));
    if (!etf_match(request, "{add, _}", &step) ||
        __builtin_add_overflow(s->sum, step, &sum))
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    s->sum = sum;
    return gen_reply(self, from, etf_make(self, "_", s->sum));
}

/* For agner's and Erlang's sys:get_state(). */
static etf_term format_status(struct gen *self)
{
    const struct NAME_server_state *s = gen_state(self);

    return etf_make(self, "#{sum => _}", s->sum);
}

const struct gen_server NAME_server = {
    .name = "NAME_server",
    .state_size = sizeof(struct NAME_server_state),
    .handle_call = handle_call,
    .format_status = format_status,
};

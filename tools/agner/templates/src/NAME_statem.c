/*
 * NAME_statem.c -- a door with a code, as a state machine.
 *
 *   state   event           what it does           next
 *   ------  --------------  ---------------------  ------
 *   locked  {unlock, Code}  ok, if it is the code  open
 *   open    lock            ok                     locked
 *   open    (10 seconds)    locks itself           locked
 *   any     state           the state              same
 *   any     else            {error, State}         same
 */
#include "NAME_parts.h"

#define CODE    1234
#define OPEN_MS 10000

enum { LOCKED, OPEN };

/* What is the same in each state. */
static enum gen_next answer(struct gen *self,
                            const struct gen_statem_event *event)
{
    etf_term state = gen_current_state(self);

    if (event->type != GEN_STATEM_CALL)
        return gen_keep_state(self);
    if (etf_match(event->content, "state"))
        gen_reply(self, event->from, state);
    else
        gen_reply(self, event->from, etf_make(self, "{error, _}", state));
    return gen_keep_state(self);
}

static enum gen_next locked(struct gen *self,
                            const struct gen_statem_event *event)
{
    int64_t code;

    if (event->type != GEN_STATEM_CALL ||
        !etf_match(event->content, "{unlock, _}", &code) || code != CODE)
        return answer(self, event);
    gen_reply(self, event->from, etf_make(self, "ok"));
    gen_state_timeout(self, OPEN_MS, etf_make(self, "lock"));
    return gen_next_state(self, OPEN);
}

static enum gen_next open(struct gen *self,
                          const struct gen_statem_event *event)
{
    if (event->type == GEN_STATEM_STATE_TIMEOUT)
        return gen_next_state(self, LOCKED);
    if (event->type != GEN_STATEM_CALL || !etf_match(event->content, "lock"))
        return answer(self, event);
    gen_reply(self, event->from, etf_make(self, "ok"));
    return gen_next_state(self, LOCKED);
}

static const struct gen_statem_state states[] = {
    [LOCKED] = { .name = "locked", .handle = locked },
    [OPEN] = { .name = "open", .handle = open },
};

const struct gen_statem NAME_statem = {
    .name = "NAME_statem",
    .states = states,
    .state_count = sizeof states / sizeof states[0],
};

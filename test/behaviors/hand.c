/*
 * hand.c -- the handler of the tests of gen_event: see hand.h.
 */
#include "hand.h"

struct hand {
    struct witness *witness; /* borrowed: the world's */
    struct etf_box *kept;    /* owned, or NULL */
    char name[24];
};

static void say(const struct hand *h, const char *what, etf_term term)
{
    char line[80];

    (void)snprintf(line, sizeof line, "%s %s", h->name, what);
    witness_add(h->witness, line, term);
}

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static enum gen_event_next obey(struct gen *self, etf_term command,
                                etf_term *reply)
{
    struct hand *h = gen_event_state(self);
    etf_term a, b, c;

    if (etf_match(command, "{only, _, _}", &a, &b))
        return etf_atom_is(a, h->name) ? obey(self, b, reply) : GEN_EVENT_NEXT;
    if (etf_match(command, "{then, _, _}", &a, &b)) {
        (void)obey(self, a, reply);
        return obey(self, b, reply);
    }
    if (etf_match(command, "{leave, _}", &a))
        rt_exit(self, a);
    if (etf_match(command, "{keep, _}", &a))
        h->kept = etf_box_new(a);
    if (etf_match(command, "{give_and_remove}") && reply != NULL) {
        *reply = etf_box_term(h->kept);
        return GEN_EVENT_REMOVE;
    }
    if (etf_match(command, "{give_and_swap, _}", &a))
        return gen_event_swap(self, etf_box_term(h->kept), &foot, a,
                              etf_box_term(h->kept));
    if (etf_match(command, "{error, _}", &a))
        return gen_event_error(self, a);
    if (etf_match(command, "{bad}"))
        return (enum gen_event_next)77;
    if (etf_match(command, "{remove}"))
        return GEN_EVENT_REMOVE;
    if (etf_match(command, "{swap, _, _, _}", &a, &b, &c))
        return gen_event_swap(
            self, a, &hand, b,
            etf_make(self, "{_, _}",
                     etf_resource(rt_region(self), h->witness, NULL), c));
    if (etf_match(command, "{swap_unknown}"))
        return GEN_EVENT_SWAP;
    if (etf_match(command, "{hibernate}"))
        return GEN_EVENT_HIBERNATE;
    if (etf_match(command, "{wait}"))
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &a);
    if (etf_match(command, "{stop, _}", &a))
        (void)rt_stop(self, a);
    if (etf_match(command, "{reply, _}", &a) && reply != NULL)
        *reply = a;
    return GEN_EVENT_NEXT;
}

static enum gen_event_next hand_init(struct gen *self, etf_term args)
{
    struct hand *h = gen_event_state(self);
    etf_term term, name, resource, command = etf_nil();
    const char *what = "in";
    void *witness;

    if (etf_match(args, "{{_, _}, _}", &resource, &name, &term))
        what = "in-for";
    else if (etf_match(args, "{_, _}", &resource, &name))
        term = ETF_NONE;
    else
        return gen_event_error(self, etf_make(self, "badarg"));
    if (!etf_get_resource(resource, &witness))
        return gen_event_error(self, etf_make(self, "badarg"));
    h->witness = witness;
    (void)etf_match(name, "{_, _}", &name, &command);
    if (!etf_get_text(name, h->name, sizeof h->name))
        return gen_event_error(self, etf_make(self, "badarg"));
    say(h, what, term);
    return obey(self, command, NULL);
}

static enum gen_event_next hand_event(struct gen *self, etf_term event)
{
    say(gen_event_state(self), "event", event);
    return obey(self, event, NULL);
}

static enum gen_event_next hand_call(struct gen *self, etf_term request,
                                     etf_term *reply)
{
    say(gen_event_state(self), "call", request);
    return obey(self, request, reply);
}

static enum gen_event_next hand_info(struct gen *self, etf_term message)
{
    say(gen_event_state(self), "info", message);
    return obey(self, message, NULL);
}

static etf_term hand_terminate(struct gen *self, etf_term argument)
{
    etf_term a;

    say(gen_event_state(self), "out", argument);
    if (etf_match(argument, "{wait}"))
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &a);
    if (etf_match(argument, "{leave, _}", &a))
        rt_exit(self, a);
    if (etf_match(argument, "give"))
        return etf_box_term(((struct hand *)gen_event_state(self))->kept);
    return etf_make(self, "{left, _}", argument);
}

static etf_term hand_status(struct gen *self)
{
    const struct hand *h = gen_event_state(self);

    return etf_atom(h->name);
}

static void hand_destroy(void *state)
{
    const struct hand *h = state;

    etf_box_free(h->kept);
    if (h->witness != NULL)
        say(h, "destroy", ETF_NONE);
}

/* clang-format off */
#define HAND(text)                                                           \
    { .name = (text), .state_size = sizeof(struct hand), .init = hand_init,  \
      .handle_event = hand_event, .handle_call = hand_call,                  \
      .handle_info = hand_info, .terminate = hand_terminate,                 \
      .format_status = hand_status, .destroy = hand_destroy }
/* clang-format on */

const struct gen_event_handler hand = HAND("hand");
const struct gen_event_handler foot = HAND("foot");
const struct gen_event_handler idle_hand = { .name = "idle" };

etf_term hand_args(struct probe_world *world, const char *what)
{
    return etf_make(world->self, "{_, _}",
                    etf_resource(rt_region(world->self), &world->seen, NULL),
                    probe_term(world, what));
}

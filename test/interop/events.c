/*
 * events.c -- an event manager, and a user of managers, for Erlang nodes to
 * play with: see events.h.
 */
#include <agner/gen.h>

#include "events.h"

/* ---- The handler -------------------------------------------------------- */

struct recall {
    struct etf_box *events; /* owned: a list, the newest first */
};

static enum gen_event_next keep(struct gen *self, etf_term events)
{
    struct recall *r = gen_event_state(self);
    struct etf_box *box = etf_is_none(events) ? NULL : etf_box_new(events);

    if (box == NULL)
        return gen_event_error(self, ETF_A(memory_limit));
    etf_box_free(r->events);
    r->events = box;
    return GEN_EVENT_NEXT;
}

/* [], or after a swap {_, Left}: begins with what the other one had. */
static enum gen_event_next recall_init(struct gen *self, etf_term args)
{
    etf_term left = args;

    if (etf_match(args, "refuse"))
        return gen_event_error(self, etf_make(self, "refused"));
    (void)etf_match(args, "{__, {left, _}}", &left);
    return keep(self, left);
}

static enum gen_event_next recall_event(struct gen *self, etf_term event)
{
    const struct recall *r = gen_event_state(self);
    etf_term reason;

    if (etf_match(event, "{crash, _}", &reason))
        rt_exit(self, reason);
    return keep(self,
                etf_make(self, "[_ | _]", event, etf_box_term(r->events)));
}

static enum gen_event_next recall_call(struct gen *self, etf_term request,
                                       etf_term *reply)
{
    const struct recall *r = gen_event_state(self);
    etf_term reason;

    if (etf_match(request, "{crash, _}", &reason))
        rt_exit(self, reason);
    *reply = etf_box_term(r->events);
    return etf_match(request, "leave") ? GEN_EVENT_REMOVE : GEN_EVENT_NEXT;
}

static etf_term recall_terminate(struct gen *self, etf_term argument)
{
    const struct recall *r = gen_event_state(self);

    (void)argument;
    return etf_make(self, "{left, _}", etf_box_term(r->events));
}

static etf_term recall_status(struct gen *self)
{
    const struct recall *r = gen_event_state(self);

    return etf_box_term(r->events);
}

static void recall_destroy(void *state)
{
    etf_box_free(((struct recall *)state)->events);
}

static const struct gen_event_handler recall = {
    .name = "recall",
    .state_size = sizeof(struct recall),
    .init = recall_init,
    .handle_event = recall_event,
    .handle_info = recall_event,
    .handle_call = recall_call,
    .terminate = recall_terminate,
    .format_status = recall_status,
    .destroy = recall_destroy,
};

static const struct gen_event_handler *const known[] = { &recall, NULL };
static const struct gen_event manager = { .name = "events", .known = known };

/* ---- The user ----------------------------------------------------------- */

/* A handler of which nothing is here but its name. */
static const struct gen_event_handler theirs = { .name = "interop_handler" };

static etf_term outcome(struct gen *self, enum agner_err err, etf_term term)
{
    if (etf_is_none(term))
        term = ETF_A(undefined);
    return etf_make(self, "{_, _}", agner_strerror(err), term);
}

static etf_term use(struct gen *self, etf_term request)
{
    etf_term m, a, b, c, d, term = ETF_NONE;
    enum agner_err err = AGNER_EINVAL;

    if (etf_match(request, "{notify, _, _}", &m, &a))
        err = gen_event_notify(self, m, a);
    else if (etf_match(request, "{sync_notify, _, _}", &m, &a))
        err = gen_event_sync_notify(self, m, a);
    else if (etf_match(request, "{call, _, _, _}", &m, &a, &b))
        err = gen_event_call(self, m, a, b, 5000, &term);
    else if (etf_match(request, "{which, _}", &m))
        err = gen_event_which_handlers(self, m, &term);
    else if (etf_match(request, "{add, _, _, _}", &m, &a, &b))
        err = gen_event_add_handler(self, m, &theirs, a, b, &term);
    else if (etf_match(request, "{add_sup, _, _, _}", &m, &a, &b))
        err = gen_event_add_sup_handler(self, m, &theirs, a, b, &term);
    else if (etf_match(request, "{delete, _, _, _}", &m, &a, &b))
        err = gen_event_delete_handler(self, m, a, b, &term);
    else if (etf_match(request, "{swap, _, _, _, _, _}", &m, &a, &b, &c, &d))
        err = gen_event_swap_handler(self, m, a, b, &theirs, c, d, &term);
    else if (etf_match(request, "{stop, _, _}", &m, &a))
        err = gen_event_stop(self, m, a, 5000);
    return outcome(self, err, term);
}

struct user {
    etf_pid listener; /* who gets what comes as a message */
};

static enum gen_next user_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    struct user *u = gen_state(self);

    if (etf_match(request, "{tell, _}", &u->listener))
        return gen_reply(self, from, ETF_A(ok));
    return gen_reply(self, from, use(self, request));
}

static enum gen_next user_info(struct gen *self, etf_term message)
{
    const struct user *u = gen_state(self);

    if (!etf_pid_is_none(u->listener))
        (void)rt_send_pid(self, u->listener, message);
    return GEN_NEXT;
}

static const struct gen_server user = { .name = "event_user",
                                        .state_size = sizeof(struct user),
                                        .handle_call = user_call,
                                        .handle_info = user_info };

bool events_start(struct gen *self)
{
    struct rt_spawn_options manager_options = { .name = etf_atom("events") };
    struct rt_spawn_options user_options = { .name = etf_atom("event_user") };

    return gen_event_start(self, &manager, etf_nil(), &manager_options, NULL,
                           NULL) == AGNER_OK &&
           gen_start(self, &user, etf_nil(), &user_options, NULL, NULL) ==
               AGNER_OK;
}

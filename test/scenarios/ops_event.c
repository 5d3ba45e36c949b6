/*
 * ops_event.c -- orders about event managers and their handlers.
 *
 * A handler is known by its id; it does what events and questions say, and
 * tells the director in its own name.
 */
#include "play.h"

/* ---- The handler -------------------------------------------------------- */

struct handler {
    struct play *play;
    etf_term id; /* an atom */
};

static void say(struct gen *self, const char *what, etf_term term)
{
    const struct handler *handler = gen_event_state(self);

    (void)rt_send_pid(
        self, handler->play->director,
        etf_make(self, "{say, _, _, _}", handler->id, etf_atom(what), term));
}

static enum gen_event_next init(struct gen *self, etf_term args)
{
    struct handler *handler = gen_event_state(self);
    etf_term own = args, before = ETF_NONE, command, more, reason;

    if (!read_args(own, &handler->play, &handler->id, &command, &more) &&
        (!etf_match(args, "{_, _}", &own, &before) ||
         !read_args(own, &handler->play, &handler->id, &command, &more)))
        return gen_event_error(self, etf_atom("badarg"));
    if (!etf_is_none(before))
        say(self, "swapped_in", before);
    say(self, "init", command);
    if (etf_match(command, "{error, __}"))
        return gen_event_error(self, command); /* it is the answer */
    if (etf_match(command, "{exit, _}", &reason))
        rt_exit(self, reason);
    return GEN_EVENT_NEXT;
}

static enum gen_event_next obey(struct gen *self, etf_term event)
{
    etf_term reason;

    if (etf_atom_is(event, "remove"))
        return GEN_EVENT_REMOVE;
    if (etf_match(event, "{exit, _}", &reason))
        rt_exit(self, reason);
    return GEN_EVENT_NEXT;
}

static enum gen_event_next handle_event(struct gen *self, etf_term event)
{
    say(self, "event", event);
    return obey(self, event);
}

static enum gen_event_next handle_info(struct gen *self, etf_term message)
{
    say(self, "info", message);
    return obey(self, message);
}

static enum gen_event_next handle_call(struct gen *self, etf_term request,
                                       etf_term *reply)
{
    say(self, "call", request);
    if (etf_match(request, "{remove, _}", reply))
        return GEN_EVENT_REMOVE;
    (void)etf_match(request, "{reply, _}", reply);
    return obey(self, request);
}

static etf_term terminate(struct gen *self, etf_term argument)
{
    const struct handler *handler = gen_event_state(self);

    say(self, "terminate", argument);
    return etf_make(self, "{gone, _}", handler->id);
}

static const struct gen_event_handler actor_handler = {
    .name = "on_otp", /* as OTP's is called */
    .state_size = sizeof(struct handler),
    .init = init,
    .handle_event = handle_event,
    .handle_call = handle_call,
    .handle_info = handle_info,
    .terminate = terminate,
};

static etf_term full_name(struct gen *self, etf_term id)
{
    return etf_make(self, "{_, _}", etf_atom(actor_handler.name), id);
}

/* ---- Managers ----------------------------------------------------------- */

static etf_term do_start_event(struct gen *self, struct actor *actor,
                               etf_term order)
{
    static const struct gen_event manager = { .name = "manager" };
    etf_pid pid;

    (void)actor;
    (void)order;
    if (gen_event_start_link(self, &manager, etf_nil(), NULL, &pid, NULL) !=
        AGNER_OK)
        return ETF_NONE;
    return etf_make(self, "_", pid);
}

static etf_term do_stop_event(struct gen *self, struct actor *actor,
                              etf_term order)
{
    etf_term manager;

    (void)actor;
    if (!etf_match(order, "{stop_event, _}", &manager) ||
        gen_event_stop(self, manager, ETF_A(normal), RT_INFINITY) != AGNER_OK)
        return ETF_NONE;
    return ETF_A(ok);
}

static etf_term do_notify(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term verb, manager, event;
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{_, _, _}", &verb, &manager, &event))
        return ETF_NONE;
    err = etf_atom_is(verb, "notify")
              ? gen_event_notify(self, manager, event)
              : gen_event_sync_notify(self, manager, event);
    return err == AGNER_OK ? ETF_A(ok) : ETF_NONE;
}

/* ---- Handlers ----------------------------------------------------------- */

/* What gen_event's functions return: ok, what an init said that it failed with,
 * or {'EXIT', Reason} of one that left. */
static etf_term begun(struct gen *self, enum agner_err err, etf_term why)
{
    if (err == AGNER_OK)
        return ETF_A(ok);
    return etf_match(why, "{error, __}") ? why
                                         : etf_make(self, "{'EXIT', _}", why);
}

static etf_term do_add(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term verb, manager, id, command, args, why = ETF_NONE;
    enum agner_err err;

    if (!etf_match(order, "{_, _, _, _}", &verb, &manager, &id, &command))
        return ETF_NONE;
    args = actor_args(self, actor->play, id, command);
    err = etf_atom_is(verb, "add_handler")
              ? gen_event_add_handler(self, manager, &actor_handler, id, args,
                                      &why)
              : gen_event_add_sup_handler(self, manager, &actor_handler, id,
                                          args, &why);
    return begun(self, err, why);
}

static etf_term do_swap(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term manager, old, args, id, command, why = ETF_NONE;
    enum agner_err err;

    if (!etf_match(order, "{swap_handler, _, _, _, _, _}", &manager, &old,
                   &args, &id, &command))
        return ETF_NONE;
    err = gen_event_swap_handler(
        self, manager, full_name(self, old), args, &actor_handler, id,
        actor_args(self, actor->play, id, command), &why);
    return begun(self, err, why);
}

static etf_term do_delete(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term manager, id, args, result;

    (void)actor;
    if (!etf_match(order, "{delete_handler, _, _, _}", &manager, &id, &args))
        return ETF_NONE;
    if (gen_event_delete_handler(self, manager, full_name(self, id), args,
                                 &result) != AGNER_OK)
        return etf_make(self, "{error, module_not_found}");
    return result;
}

static etf_term do_ask(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term manager, id, request, reply = ETF_NONE;

    (void)actor;
    if (!etf_match(order, "{ask_handler, _, _, _}", &manager, &id, &request))
        return ETF_NONE;
    switch ((int)gen_event_call(self, manager, full_name(self, id), request,
                                5000, &reply)) {
    case AGNER_OK:
        return reply;
    case AGNER_EUNKNOWN:
        return etf_make(self, "{error, bad_module}");
    case AGNER_ETERMINATED:
        return etf_make(self, "{error, {exit, _}}", reply);
    default:
        return ETF_NONE;
    }
}

/* The ids of the handlers, newest first. */
static etf_term do_handlers(struct gen *self, struct actor *actor,
                            etf_term order)
{
    etf_term manager, list, items[NAMES_MAX], head;
    size_t count = 0;

    (void)actor;
    if (!etf_match(order, "{handlers, _}", &manager) ||
        gen_event_which_handlers(self, manager, &list) != AGNER_OK)
        return ETF_NONE;
    while (count < NAMES_MAX && etf_list_next(&list, &head))
        if (etf_tuple_size(head) == 2)
            items[count++] = etf_tuple_items(head)[1];
    return etf_list(rt_region(self), items, count, etf_nil());
}

const struct verb event_verbs[] = {
    { "start_event", do_start_event },
    { "stop_event", do_stop_event },
    { "notify", do_notify },
    { "sync_notify", do_notify },
    { "add_handler", do_add },
    { "add_sup_handler", do_add },
    { "swap_handler", do_swap },
    { "delete_handler", do_delete },
    { "ask_handler", do_ask },
    { "handlers", do_handlers },
    { NULL, NULL },
};

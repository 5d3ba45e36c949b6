/*
 * event_call.c -- asking an event manager, of agner or of Erlang.
 *
 * Commands go out as calls: a manager does not look at their label, and so a
 * call's one outcome (G23) is theirs too. The table of a handler goes along as
 * a native value when the manager is of this node; another node cannot have it,
 * and gets the name alone.
 *
 * Source: OTP 25, gen_event.
 */
#include "gen_internal.h"

static etf_term name_of(struct gen *self,
                        const struct gen_event_handler *handler, etf_term id)
{
    etf_term name = etf_atom(handler->name);

    return etf_is_none(id) ? name : etf_make(self, "{_, _}", name, id);
}

/* Is it a process of this node? */
static bool is_local(struct gen *self, etf_term manager)
{
    etf_pid pid;

    if (etf_get_pid(manager, &pid))
        return etf_pid_is_local(pid);
    return etf_is_atom(manager) ||
           (etf_tuple_size(manager) == 2 &&
            etf_equal(etf_tuple_items(manager)[1], rt_node(rt_of(self)).name));
}

/* The command with `handler` behind it, if the manager can have that. */
static etf_term with_table(struct gen *self, etf_term manager, etf_term command,
                           const struct gen_event_handler *handler)
{
    size_t count = etf_tuple_size(command);
    etf_term items[8];

    if (!is_local(self, manager) || etf_is_none(command))
        return command;
    for (size_t i = 0; i < count; i++)
        items[i] = etf_tuple_items(command)[i];
    /* The manager does not write through it. */
    items[count] =
        etf_resource(rt_region(self), (void *)(uintptr_t)handler, NULL);
    return etf_tuple(rt_region(self), items, count + 1);
}

static enum agner_err ask(struct gen *self, etf_term manager, etf_term command,
                          uint64_t timeout_ms, etf_term *answer)
{
    *answer = ETF_NONE;
    return gen_call(self, manager, command, timeout_ms, answer);
}

static void give(etf_term *out, etf_term value)
{
    if (out != NULL)
        *out = value;
}

enum agner_err gen_event_stop(struct gen *self, etf_term manager,
                              etf_term reason, uint64_t timeout_ms)
{
    return gen_server_stop(self, manager, reason, timeout_ms);
}

/* ---- Events and questions ----------------------------------------------- */

enum agner_err gen_event_notify(struct gen *self, etf_term manager,
                                etf_term event)
{
    etf_term message = etf_make(self, "{notify, _}", event);
    enum agner_err err = gen__resolve(self, manager, &manager);

    if (err != AGNER_OK)
        return err;
    return etf_is_none(message) ? AGNER_ENOMEM
                                : rt_send(self, manager, message);
}

enum agner_err gen_event_sync_notify(struct gen *self, etf_term manager,
                                     etf_term event)
{
    return gen_call(self, manager, etf_make(self, "{sync_notify, _}", event),
                    RT_INFINITY, NULL);
}

enum agner_err gen_event_call(struct gen *self, etf_term manager,
                              etf_term handler, etf_term request,
                              uint64_t timeout_ms, etf_term *reply)
{
    etf_term answer, why = ETF_NONE;
    enum agner_err err =
        ask(self, manager, etf_make(self, "{call, _, _}", handler, request),
            timeout_ms, &answer);

    if (err == AGNER_OK && etf_match(answer, "{error, bad_module}"))
        return AGNER_EUNKNOWN;
    if (err == AGNER_OK && etf_match(answer, "{error, {'EXIT', _}}", &why)) {
        err = AGNER_ETERMINATED;
        answer = why;
    }
    give(reply, answer);
    return err;
}

enum agner_err gen_event_send_request(struct gen *self, etf_term manager,
                                      etf_term handler, etf_term request,
                                      struct rt_request *id)
{
    return gen_send_request(
        self, manager, etf_make(self, "{call, _, _}", handler, request), id);
}

enum agner_err gen_event_which_handlers(struct gen *self, etf_term manager,
                                        etf_term *handlers)
{
    return gen_call(self, manager, etf_make(self, "which_handlers"),
                    RT_INFINITY, handlers);
}

/* ---- Handlers that come and go ------------------------------------------ */

/* `ok`, or why the handler is not in. */
static enum agner_err came_in(enum agner_err err, etf_term answer,
                              etf_term *why)
{
    etf_term reason;

    if (err == AGNER_OK && etf_same(answer, ETF_A(ok)))
        return AGNER_OK;
    give(why, etf_match(answer, "{'EXIT', _}", &reason) ? reason : answer);
    return err == AGNER_OK ? AGNER_ETERMINATED : err;
}

enum agner_err gen_event_add_handler(struct gen *self, etf_term manager,
                                     const struct gen_event_handler *handler,
                                     etf_term id, etf_term args, etf_term *why)
{
    etf_term command, answer;
    enum agner_err err;

    if (handler == NULL)
        return AGNER_EINVAL;
    command =
        etf_make(self, "{add_handler, _, _}", name_of(self, handler, id), args);
    err = ask(self, manager, with_table(self, manager, command, handler),
              RT_INFINITY, &answer);
    return came_in(err, answer, why);
}

enum agner_err
gen_event_add_sup_handler(struct gen *self, etf_term manager,
                          const struct gen_event_handler *handler, etf_term id,
                          etf_term args, etf_term *why)
{
    etf_term command, answer;
    enum agner_err err;

    if (handler == NULL)
        return AGNER_EINVAL;
    command = etf_make(self, "{add_sup_handler, _, _, _}",
                       name_of(self, handler, id), args, rt_self(self));
    err = ask(self, manager, with_table(self, manager, command, handler),
              RT_INFINITY, &answer);
    return came_in(err, answer, why);
}

enum agner_err gen_event_delete_handler(struct gen *self, etf_term manager,
                                        etf_term handler, etf_term args,
                                        etf_term *result)
{
    etf_term answer;
    enum agner_err err = ask(
        self, manager, etf_make(self, "{delete_handler, _, _}", handler, args),
        RT_INFINITY, &answer);

    if (err == AGNER_OK && etf_match(answer, "{error, module_not_found}"))
        return AGNER_EUNKNOWN;
    give(result, answer);
    return err;
}

/* {error, Why} is what a swap says where an addition says Why. */
static enum agner_err swap(struct gen *self, etf_term manager, etf_term command,
                           const struct gen_event_handler *handler,
                           etf_term *why)
{
    etf_term answer;
    enum agner_err err =
        ask(self, manager, with_table(self, manager, command, handler),
            RT_INFINITY, &answer);

    (void)etf_match(answer, "{error, _}", &answer);
    return came_in(err, answer, why);
}

enum agner_err gen_event_swap_handler(struct gen *self, etf_term manager,
                                      etf_term old, etf_term old_args,
                                      const struct gen_event_handler *handler,
                                      etf_term id, etf_term new_args,
                                      etf_term *why)
{
    if (handler == NULL)
        return AGNER_EINVAL;
    return swap(self, manager,
                etf_make(self, "{swap_handler, _, _, _, _}", old, old_args,
                         name_of(self, handler, id), new_args),
                handler, why);
}

enum agner_err
gen_event_swap_sup_handler(struct gen *self, etf_term manager, etf_term old,
                           etf_term old_args,
                           const struct gen_event_handler *handler, etf_term id,
                           etf_term new_args, etf_term *why)
{
    if (handler == NULL)
        return AGNER_EINVAL;
    return swap(self, manager,
                etf_make(self, "{swap_sup_handler, _, _, _, _, _}", old,
                         old_args, name_of(self, handler, id), new_args,
                         rt_self(self)),
                handler, why);
}

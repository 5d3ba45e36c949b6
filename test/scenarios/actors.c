/*
 * actors.c -- who plays: plain processes and servers that do as they are told.
 *
 * Each begins by telling the director of itself, which then watches it and says
 * what its init is to do. Orders come as {do, Step, Order}; the result goes
 * back as {did, Self, Step, Result}, and whatever else an actor gets as {say,
 * Self, Verb, Term}.
 */
#include <string.h>

#include "play.h"

bool option_flag(etf_term options, const char *option)
{
    etf_term head;

    while (etf_list_next(&options, &head))
        if (etf_atom_is(head, option))
            return true;
    return false;
}

bool option_value(etf_term options, const char *option, etf_term *value)
{
    etf_term head;

    while (etf_list_next(&options, &head))
        if (etf_tuple_size(head) == 2 &&
            etf_atom_is(etf_tuple_items(head)[0], option)) {
            *value = etf_tuple_items(head)[1];
            return true;
        }
    return false;
}

bool read_ms(etf_term t, uint64_t *ms)
{
    if (!etf_atom_is(t, "infinity"))
        return etf_get_uint(t, ms);
    *ms = RT_INFINITY;
    return true;
}

/* ---- The director's ear ------------------------------------------------- */

etf_term enter(struct gen *self, struct play *play, etf_term who, etf_term more)
{
    etf_term command = ETF_A(undefined);

    (void)rt_call(self, etf_from_pid(NULL, play->director),
                  etf_make(self, "{init, _, _, _}", rt_self(self), who, more),
                  RT_INFINITY, &command);
    return command;
}

static void say(struct gen *self, const struct actor *actor, const char *what,
                etf_term term)
{
    (void)rt_send_pid(
        self, actor->play->director,
        etf_make(self, "{say, _, _, _}", rt_self(self), etf_atom(what), term));
}

static void did(struct gen *self, const struct actor *actor, int64_t step,
                etf_term result)
{
    (void)rt_send_pid(
        self, actor->play->director,
        etf_make(self, "{did, _, _, _}", rt_self(self), step, result));
}

static const struct verb *find(const struct verb *verbs, etf_term verb)
{
    for (; verbs->verb != NULL; verbs++)
        if (etf_atom_is(verb, verbs->verb))
            return verbs;
    return NULL;
}

etf_term actor_do(struct gen *self, struct actor *actor, etf_term order)
{
    static const struct verb *const subjects[] = { process_verbs, server_verbs,
                                                   supervisor_verbs,
                                                   application_verbs,
                                                   event_verbs };
    etf_term result = ETF_NONE;

    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        const struct verb *row;

        if (etf_tuple_size(order) == 0)
            break;
        row = find(subjects[i], etf_tuple_items(order)[0]);
        if (row != NULL)
            result = row->act(self, actor, order);
    }
    return etf_is_none(result) ? etf_atom("no_such_order") : result;
}

/* ---- Plain processes ---------------------------------------------------- */

void actor_code(struct gen *self, void *arg)
{
    const struct role *role = arg;
    struct actor actor = { .play = role->play };
    etf_term message, order;
    int64_t step;

    (void)enter(self, role->play,
                etf_make(self, "{_, _}", etf_atom(role->kind), role->name),
                etf_nil());
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
        if (etf_match(message, "{do, _, _}", &step, &order))
            did(self, &actor, step, actor_do(self, &actor, order));
        else
            say(self, &actor, "heard", message);
        rt_reset(self);
    }
}

/* ---- Servers ------------------------------------------------------------ */

etf_term actor_args(struct gen *self, struct play *play, etf_term who,
                    etf_term options)
{
    return etf_make(self, "{_, _, _}",
                    etf_resource(rt_region(self), play, NULL), who, options);
}

bool read_args(etf_term args, struct play **play, etf_term *who,
               etf_term *options, etf_term *more)
{
    etf_term resource;
    void *value;

    *more = args;
    if (!etf_list_next(more, &args))
        *more = etf_nil();
    if (!etf_match(args, "{_, _, _}", &resource, who, options) ||
        !etf_get_resource(resource, &value))
        return false;
    *play = value;
    return true;
}

static enum gen_next server_init(struct gen *self, etf_term args)
{
    struct actor *actor = gen_state(self);
    etf_term who, options, more, command, term;
    uint64_t ms;

    if (!read_args(args, &actor->play, &who, &options, &more))
        return gen_stop(self, etf_atom("badarg"));
    (void)rt_trap_exit(self, option_flag(options, "trap_exit"));
    command = enter(self, actor->play, who, more);
    if (etf_match(command, "{stop, _}", &term))
        return gen_stop(self, term);
    if (etf_match(command, "{exit, _}", &term))
        rt_exit(self, term);
    if (etf_match(command, "{continue, _}", &term))
        return gen_continue(self, term);
    if (etf_match(command, "{timeout, _}", &ms))
        return gen_timeout(self, ms);
    if (etf_atom_is(command, "ignore"))
        return GEN_IGNORE;
    if (etf_atom_is(command, "hang"))
        (void)rt_sleep(self, RT_INFINITY);
    return GEN_NEXT;
}

static enum gen_next obey(struct gen *self, struct actor *actor,
                          etf_term command)
{
    etf_term term, to;
    uint64_t ms;

    if (etf_match(command, "{answer, _}", &term))
        return gen_reply(self, actor->kept, term);
    if (etf_match(command, "{stop, _}", &term))
        return gen_stop(self, term);
    if (etf_match(command, "{exit, _}", &term))
        rt_exit(self, term);
    if (etf_match(command, "{continue, _}", &term))
        return gen_continue(self, term);
    if (etf_match(command, "{timeout, _}", &ms))
        return gen_timeout(self, ms);
    if (etf_atom_is(command, "hibernate"))
        return gen_hibernate(self);
    if (etf_match(command, "{send, _, _}", &to, &term))
        (void)rt_send(self, to, term);
    return GEN_NEXT;
}

static enum gen_next server_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct actor *actor = gen_state(self);
    etf_term term, reason;

    say(self, actor, "call", request);
    if (etf_match(request, "{reply, _}", &term))
        return gen_reply(self, from, term);
    if (etf_match(request, "{stop_reply, _, _}", &reason, &term))
        return gen_stop_reply(self, from, reason, term);
    if (etf_match(request, "{call, __, __, __}"))
        return gen_reply(self, from, actor_do(self, actor, request));
    if (etf_atom_is(request, "reply_later"))
        actor->kept = from;
    return obey(self, actor, request);
}

static enum gen_next server_cast(struct gen *self, etf_term request)
{
    say(self, gen_state(self), "cast", request);
    return obey(self, gen_state(self), request);
}

static enum gen_next server_info(struct gen *self, etf_term message)
{
    struct actor *actor = gen_state(self);
    etf_term order, reason;
    int64_t step;

    if (!etf_match(message, "{do, _, _}", &step, &order)) {
        say(self, actor, "info", message);
        return obey(self, actor, message);
    }
    if (etf_match(order, "{stop, _}", &reason))
        return gen_stop(self, reason);
    did(self, actor, step, actor_do(self, actor, order));
    return GEN_NEXT;
}

static enum gen_next server_continue(struct gen *self, etf_term argument)
{
    say(self, gen_state(self), "continue", argument);
    return obey(self, gen_state(self), argument);
}

static void server_terminate(struct gen *self, etf_term reason)
{
    say(self, gen_state(self), "terminate", reason);
}

const struct gen_server actor_server = {
    .name = "actor",
    .state_size = sizeof(struct actor),
    .init = server_init,
    .handle_call = server_call,
    .handle_cast = server_cast,
    .handle_info = server_info,
    .handle_continue = server_continue,
    .terminate = server_terminate,
    .quiet_exit =
        true, /* as OTP: no terminate for a signal that is not trapped */
};

/*
 * echo.c -- a server that does with processes what it is told: for trying
 * things out by hand, from `agner call` or an Erlang shell, and for tests.
 *
 *   call             what it does                              answer
 *   ---------------  ----------------------------------------  -------------
 *   {echo, T}        nothing                                   T
 *   {self}           nothing                                   its pid
 *   {stop, R}        ends with reason R                        ok
 *   {spawn, Name}    starts another, registered as Name        the pid
 *   {link, P}        links itself to P                         true
 *   {unlink, P}      removes that link                         true
 *   {monitor, P}     monitors P: a pid, name or {Name, Node}   the reference
 *   {trap, Bool}     sets trap_exit                            ok
 *   {tell, P}        forwards what it hears from now on to P   ok
 *   anything else    nothing                                   {error, unknown}
 *
 * The cast {notify, Pid, T} sends T to Pid. What it hears (messages, exits,
 * downs) goes to the P of the last {tell, P} as {heard, Self, Message}. What
 * could not be done is answered with {error, Text}.
 */
#include <agner/gen.h>

extern const struct gen_server echo_server; /* starts others of its kind */

struct echo {
    etf_pid listener; /* all zero: nobody */
};

static enum gen_next answer_failure(struct gen *self, struct gen_from from,
                                    enum agner_err err)
{
    return gen_reply(self, from,
                     etf_make(self, "{error, _}", agner_strerror(err)));
}

static enum gen_next answer_done(struct gen *self, struct gen_from from,
                                 enum agner_err err)
{
    if (err != AGNER_OK)
        return answer_failure(self, from, err);
    return gen_reply(self, from, etf_bool(true));
}

static enum gen_next spawn_another(struct gen *self, struct gen_from from,
                                   etf_term name)
{
    struct rt_spawn_options options = { .name = name };
    etf_pid pid;
    enum agner_err err = AGNER_EINVAL;

    if (etf_is_atom(name))
        err = gen_start(self, &echo_server, etf_nil(), &options, &pid, NULL);
    if (err != AGNER_OK)
        return answer_failure(self, from, err);
    return gen_reply(self, from, etf_make(self, "_", pid));
}

static enum gen_next monitor_it(struct gen *self, struct gen_from from,
                                etf_term target)
{
    etf_ref ref;
    enum agner_err err = rt_monitor(self, target, 0, &ref);

    if (err != AGNER_OK)
        return answer_failure(self, from, err);
    return gen_reply(self, from, etf_make(self, "_", ref));
}

static enum gen_next echo_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    struct echo *e = gen_state(self);
    etf_term term;
    etf_pid pid;
    bool on;

    if (etf_match(request, "{echo, _}", &term))
        return gen_reply(self, from, term);
    if (etf_match(request, "{self}"))
        return gen_reply(self, from, rt_self_term(self));
    if (etf_match(request, "{stop, _}", &term))
        return gen_stop_reply(self, from, term, etf_make(self, "ok"));
    if (etf_match(request, "{spawn, _}", &term))
        return spawn_another(self, from, term);
    if (etf_match(request, "{link, _}", &pid))
        return answer_done(self, from, rt_link(self, pid));
    if (etf_match(request, "{unlink, _}", &pid))
        return answer_done(self, from, rt_unlink(self, pid));
    if (etf_match(request, "{monitor, _}", &term))
        return monitor_it(self, from, term);
    if (etf_match(request, "{trap, _}", &on)) {
        (void)rt_trap_exit(self, on); /* the former setting is not asked for */
        return gen_reply(self, from, etf_make(self, "ok"));
    }
    if (etf_match(request, "{tell, _}", &pid)) {
        e->listener = pid;
        return gen_reply(self, from, etf_make(self, "ok"));
    }
    return gen_reply(self, from, etf_make(self, "{error, unknown}"));
}

static enum gen_next echo_cast(struct gen *self, etf_term request)
{
    etf_pid pid;
    etf_term term;

    if (etf_match(request, "{notify, _, _}", &pid, &term))
        (void)rt_send_pid(self, pid, term); /* as in Erlang, sends don't fail */
    return GEN_NEXT;
}

static enum gen_next echo_info(struct gen *self, etf_term message)
{
    const struct echo *e = gen_state(self);

    if (!etf_pid_is_none(e->listener))
        (void)rt_send_pid(
            self, e->listener, /* who may be gone */
            etf_make(self, "{heard, _, _}", rt_self(self), message));
    return GEN_NEXT;
}

const struct gen_server echo_server = {
    .name = "echo",
    .state_size = sizeof(struct echo),
    .handle_call = echo_call,
    .handle_cast = echo_cast,
    .handle_info = echo_info,
};

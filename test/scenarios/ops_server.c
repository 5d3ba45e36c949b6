/*
 * ops_server.c -- orders about servers: start, call, stop, look into.
 *
 * An exception of OTP's functions is {exit, Reason} here, the reason without
 * the call that OTP adds to it.
 */
#include "play.h"

static enum agner_err start(struct gen *self, etf_term how, etf_term args,
                            struct rt_spawn_options *options, etf_pid *pid,
                            etf_term *reason)
{
    if (etf_atom_is(how, "start_link"))
        return gen_start_link(self, &actor_server, args, options, pid, reason);
    options->monitor = etf_atom_is(how, "start_monitor");
    return gen_start(self, &actor_server, args, options, pid, reason);
}

static etf_term do_start(struct gen *self, struct actor *actor, etf_term order)
{
    struct rt_spawn_options options = { 0 };
    etf_term how, name, list, value, reason = ETF_NONE;
    etf_pid pid;
    etf_ref ref;

    if (!etf_match(order, "{_, _, _}", &how, &name, &list))
        return ETF_NONE;
    if (option_value(list, "name", &value))
        options.name = value;
    if (option_value(list, "timeout", &value))
        (void)etf_get_uint(value, &options.init_timeout_ms);
    options.monitor_ref = &ref;
    switch ((int)start(self, how,
                       actor_args(self, actor->play,
                                  etf_make(self, "{server, _}", name), list),
                       &options, &pid, &reason)) {
    case AGNER_OK:
        return options.monitor ? etf_make(self, "{ok, {_, _}}", pid, ref)
                               : etf_make(self, "{ok, _}", pid);
    case AGNER_EIGNORE:
        return etf_atom("ignore");
    case AGNER_ETAKEN:
        return etf_make(self, "{error, {already_started, _}}", pid);
    case AGNER_ETIMEOUT:
        return etf_make(self, "{error, timeout}");
    case AGNER_EEXIT:
        return etf_make(self, "{error, _}", reason);
    default:
        return ETF_NONE;
    }
}

/* The outcome of a call: {reply, R}, {exit, Reason} or `late`. */
static etf_term outcome(struct gen *self, enum agner_err err, etf_term reply,
                        etf_term late)
{
    switch ((int)err) {
    case AGNER_OK:
        return etf_make(self, "{reply, _}", reply);
    case AGNER_ETIMEOUT:
        return late;
    case AGNER_ENONAME:
    case AGNER_ENOPROC:
        return etf_make(self, "{exit, noproc}");
    case AGNER_ECALLSELF:
        return etf_make(self, "{exit, calling_self}");
    default:
        return etf_is_none(reply) ? ETF_NONE
                                  : etf_make(self, "{exit, _}", reply);
    }
}

static etf_term do_call(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term to, request, limit, reply = ETF_NONE;
    uint64_t ms;
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{call, _, _, _}", &to, &request, &limit) ||
        !read_ms(limit, &ms))
        return ETF_NONE;
    err = gen_call(self, to, request, ms, &reply);
    return outcome(self, err, reply, etf_make(self, "{exit, timeout}"));
}

static etf_term do_cast(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term to, request;

    (void)actor;
    if (!etf_match(order, "{cast, _, _}", &to, &request))
        return ETF_NONE;
    (void)gen_cast(self, to, request); /* ok, whatever becomes of it */
    return ETF_A(ok);
}

static etf_term do_request(struct gen *self, struct actor *actor,
                           etf_term order)
{
    struct rt_request id;
    etf_term to, request;
    enum agner_err err;

    if (!etf_match(order, "{request, _, _}", &to, &request))
        return ETF_NONE;
    err = gen_send_request(self, to, request, &id);
    if (err != AGNER_OK) { /* OTP says so when it is waited for */
        id.ref = rt_make_ref(self);
        actor->refused = id;
        actor->refusal = err;
    }
    return etf_make(self, "_", id.ref);
}

static etf_term do_response(struct gen *self, struct actor *actor,
                            etf_term order)
{
    struct rt_request id;
    etf_term how, reply = ETF_NONE;
    uint64_t ms;
    enum agner_err err;

    if (!etf_match(order, "{_, _, _}", &how, &id.ref, &ms))
        return ETF_NONE;
    if (etf_ref_equal(id.ref, actor->refused.ref))
        err = actor->refusal;
    else if (etf_atom_is(how, "response"))
        err = gen_receive_response(self, &id, ms, &reply);
    else
        err = gen_wait(self, &id, ms, &reply);
    return outcome(self, err, reply, ETF_A(timeout));
}

static etf_term do_stop(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term to, reason, limit;
    uint64_t ms;

    (void)actor;
    if (!etf_match(order, "{stop_server, _, _, _}", &to, &reason, &limit) ||
        !read_ms(limit, &ms))
        return ETF_NONE;
    switch ((int)gen_server_stop(self, to, reason, ms)) {
    case AGNER_OK:
        return ETF_A(ok);
    case AGNER_ETIMEOUT:
        return etf_make(self, "{exit, timeout}");
    case AGNER_EEXIT:
        return etf_make(self, "{exit, another_reason}");
    default:
        return etf_make(self, "{exit, noproc}");
    }
}

static etf_term do_sys(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term what, to;
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{sys, _, _}", &what, &to))
        return ETF_NONE;
    if (etf_atom_is(what, "suspend"))
        err = gen_sys_suspend(self, to, GEN_CALL_TIMEOUT_MS);
    else
        err = gen_sys_resume(self, to, GEN_CALL_TIMEOUT_MS);
    return err == AGNER_OK ? ETF_A(ok) : etf_make(self, "{exit, noproc}");
}

const struct verb server_verbs[] = {
    { "start", do_start },
    { "start_link", do_start },
    { "start_monitor", do_start },
    { "stop_server", do_stop },
    { "call", do_call },
    { "cast", do_cast },
    { "request", do_request },
    { "response", do_response },
    { "wait_response", do_response },
    { "sys", do_sys },
    { NULL, NULL },
};

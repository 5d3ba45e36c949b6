/*
 * rpc_helper.c -- a method that may wait, in a process of its own.
 *
 * It ends with its session, which is linked to it, and is killed at its
 * deadline; so it holds nothing that outlives it, and knows of the control
 * socket only the node.
 */
#include "rpc_server.h"

/* A method's process: all that it does is its init. Its note is the node; its
 * argument {Session, Number, Method, StartedMs, Params, Limits}. */
static enum rt_next helper_init(struct gen *self, etf_term args)
{
    struct rpc_call c = { .self = self,
                          .node = rt_note(self),
                          .result = ETF_A(ok) };
    const struct rpc_method *method;
    etf_bytes name;
    etf_pid session;
    uint64_t number;
    etf_term message;

    if (!etf_match(args, "{_, _, _, _, _, _}", &session, &number, &name,
                   &c.started_ms, &c.params, &c.limits))
        return RT_IGNORE; /* we made it ourselves */
    method = rpc__method(name);
    if (method != NULL && method->run(&c) == AGNER_OK)
        message = etf_make(self, "{done, _, _}", number, c.result);
    else
        message =
            etf_make(self, "{failed, _, _, _, _}", number, c.failure.class_atom,
                     etf_is_none(c.failure.term) ? ETF_A(nil) : c.failure.term,
                     (const char *)c.failure.text);
    if (etf_is_none(message))
        message = etf_make(self, "{failed, _, overload, nil, _}", number,
                           "the answer is too large");
    (void)rt_send_pid(self, session, message); /* gone: nobody wants it */
    return RT_IGNORE;
}

static enum rt_next helper_message(struct gen *self, const struct rt_message *m)
{
    (void)self; /* never called: init ends the process */
    (void)m;
    return RT_NEXT;
}

const struct rt_behavior rpc__helper = { .name = "agner_control method",
                                         .init = helper_init,
                                         .message = helper_message };

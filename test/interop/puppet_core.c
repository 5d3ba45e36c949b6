/*
 * puppet_core.c -- what puppets do of processes, signals and nodes: puppet.h.
 */
#include "puppet.h"

#include <stdlib.h>

static etf_term op_self(struct gen *self, etf_term args)
{
    (void)args;
    return etf_make(self, "_", rt_self(self));
}

/* The argument itself: a term there and back. */
static etf_term op_echo(struct gen *self, etf_term args)
{
    (void)self;
    return args;
}

/* {To, Message} */
static etf_term op_send(struct gen *self, etf_term args)
{
    etf_term to, message;

    if (!etf_match(args, "{_, _}", &to, &message))
        return puppet_badarg();
    return puppet_result(self, rt_send(self, to, message));
}

/* {To, First, Last}: the integers from First to Last */
static etf_term op_send_many(struct gen *self, etf_term args)
{
    enum agner_err err = AGNER_OK;
    int64_t first, last;
    etf_term to;

    if (!etf_match(args, "{_, _, _}", &to, &first, &last))
        return puppet_badarg();
    for (; err == AGNER_OK && first <= last; first++)
        err = rt_send(self, to, etf_int(NULL, first));
    return puppet_result(self, err);
}

/* {To, Request, TimeoutMs} */
static etf_term op_call(struct gen *self, etf_term args)
{
    etf_term to, request, reply = ETF_NONE;
    enum agner_err err;
    uint64_t ms;

    if (!etf_match(args, "{_, _, _}", &to, &request, &ms))
        return puppet_badarg();
    err = gen_call(self, to, request, ms, &reply);
    return puppet_value(self, err, reply);
}

/* {To, Request} */
static etf_term op_cast(struct gen *self, etf_term args)
{
    etf_term to, request;

    if (!etf_match(args, "{_, _}", &to, &request))
        return puppet_badarg();
    return puppet_result(self, gen_cast(self, to, request));
}

/* {Nodes, Name, Request, TimeoutMs}: {Replies, Bad} */
static etf_term op_multi_call(struct gen *self, etf_term args)
{
    etf_term nodes, name, request, replies, bad;
    enum agner_err err;
    uint64_t ms;

    if (!etf_match(args, "{_, _, _, _}", &nodes, &name, &request, &ms))
        return puppet_badarg();
    err = gen_multi_call(self, nodes, name, request, ms, &replies, &bad);
    if (err != AGNER_OK)
        return puppet_result(self, err);
    return etf_make(self, "{_, _}", replies, bad);
}

static etf_term op_link(struct gen *self, etf_term args)
{
    etf_pid pid;

    if (!etf_get_pid(args, &pid))
        return puppet_badarg();
    return puppet_result(self, rt_link(self, pid));
}

static etf_term op_unlink(struct gen *self, etf_term args)
{
    etf_pid pid;

    if (!etf_get_pid(args, &pid))
        return puppet_badarg();
    return puppet_result(self, rt_unlink(self, pid));
}

static etf_term op_trap_exit(struct gen *self, etf_term args)
{
    return etf_bool(rt_trap_exit(self, etf_atom_is(args, "true")));
}

/* {Pid, Reason} */
static etf_term op_exit(struct gen *self, etf_term args)
{
    etf_term reason;
    etf_pid pid;

    if (!etf_match(args, "{_, _}", &pid, &reason))
        return puppet_badarg();
    return puppet_result(self, rt_exit_signal(self, pid, reason));
}

/* Ends the puppet itself, before it answers. */
static etf_term op_die(struct gen *self, etf_term args)
{
    rt_exit(self, args);
    return ETF_NONE;
}

/* A pid, a name or {Name, Node}: the reference */
static etf_term op_monitor(struct gen *self, etf_term args)
{
    etf_ref ref;
    enum agner_err err = rt_monitor(self, args, 0, &ref);

    return err == AGNER_OK ? etf_make(self, "_", ref)
                           : puppet_result(self, err);
}

static etf_term op_demonitor(struct gen *self, etf_term args)
{
    etf_ref ref;

    if (!etf_get_ref(args, &ref))
        return puppet_badarg();
    return puppet_result(self, rt_demonitor(self, ref, true));
}

/* explicit | reply: a new alias */
static etf_term op_alias(struct gen *self, etf_term args)
{
    etf_ref ref;
    enum agner_err err = rt_alias(
        self, etf_atom_is(args, "reply") ? RT_ALIAS_REPLY : RT_ALIAS_EXPLICIT,
        &ref);

    return err == AGNER_OK ? etf_make(self, "_", ref)
                           : puppet_result(self, err);
}

static etf_term op_unalias(struct gen *self, etf_term args)
{
    etf_ref ref;

    if (!etf_get_ref(args, &ref))
        return puppet_badarg();
    return puppet_result(self, rt_unalias(self, ref));
}

static etf_term op_register(struct gen *self, etf_term args)
{
    return puppet_result(self, rt_register_self(self, args));
}

static etf_term op_monitor_node(struct gen *self, etf_term args)
{
    return puppet_result(self, rt_monitor_node(self, args, true));
}

/* Connects; the text of the error goes with it. */
static etf_term op_connect(struct gen *self, etf_term args)
{
    struct agner_error error = { .text = "" };
    enum agner_err err;
    char name[256];

    if (!etf_get_text(args, name, sizeof name))
        return puppet_badarg();
    err = node_connect(self, puppet_node(), name, &error);
    return puppet_value(self, err, etf_text(rt_region(self), error.text));
}

static etf_term op_disconnect(struct gen *self, etf_term args)
{
    char name[256];

    if (!etf_get_text(args, name, sizeof name))
        return puppet_badarg();
    return puppet_result(self, node_disconnect(puppet_node(), name));
}

/* {Node, Cookie}: erlang:set_cookie/2 */
static etf_term op_cookie(struct gen *self, etf_term args)
{
    char name[256], cookie[256];
    etf_term node, text;

    if (!etf_match(args, "{_, _}", &node, &text) ||
        !etf_get_text(node, name, sizeof name) ||
        !etf_get_text(text, cookie, sizeof cookie))
        return puppet_badarg();
    return puppet_result(self,
                         node_cookie_set(puppet_node(), name, cookie, NULL));
}

/* {To, Size}: a binary of that size, each byte its index; {To, Size, list}: a
 * list of as many integers. */
static etf_term op_send_big(struct gen *self, etf_term args)
{
    etf_term to, what = ETF_NONE;
    uint64_t size;

    if (etf_match(args, "{_, _, list}", &to, &size)) {
        what = etf_nil();
        for (uint64_t i = size; i > 0; i--)
            what = etf_cons(rt_region(self), etf_uint(NULL, i), what);
    } else if (etf_match(args, "{_, _}", &to, &size)) {
        uint8_t *bytes = malloc((size_t)size + 1);

        for (uint64_t i = 0; i < size && bytes != NULL; i++)
            bytes[i] = (uint8_t)i;
        if (bytes != NULL)
            what = etf_binary(rt_region(self), bytes, (size_t)size);
        free(bytes);
    }
    return puppet_result(self, rt_send(self, to, what));
}

const struct puppet_op puppet_core[] = {
    { "self", op_self },
    { "echo", op_echo },
    { "send", op_send },
    { "send_many", op_send_many },
    { "send_big", op_send_big },
    { "call", op_call },
    { "cast", op_cast },
    { "multi_call", op_multi_call },
    { "link", op_link },
    { "unlink", op_unlink },
    { "trap_exit", op_trap_exit },
    { "exit", op_exit },
    { "die", op_die },
    { "monitor", op_monitor },
    { "demonitor", op_demonitor },
    { "alias", op_alias },
    { "unalias", op_unalias },
    { "register", op_register },
    { "monitor_node", op_monitor_node },
    { "connect", op_connect },
    { "disconnect", op_disconnect },
    { "cookie", op_cookie },
    { NULL, NULL },
};

/*
 * rpc_method.c -- the methods of the agner namespace: the table, what their
 * parameters mean, and those that talk to processes. Those that look at the
 * node are in rpc_look.c.
 *
 * Texts from a client never make an atom (B-RPC-5): a name that no atom has yet
 * is the name of nothing here, and a request's is an atom that is not interned.
 */
#include "rpc_act.h"
#include "rpc_app.h"
#include "rpc_figures.h"
#include "rpc_logs.h"
#include "rpc_look.h"
#include "rpc_server.h"
#include "rpc_topics.h"
#include "rpc_waits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Failures --------------------------------------------------------- */

static etf_term class_of(enum agner_err err)
{
    switch (err) {
    case AGNER_ENOPROC:
    case AGNER_ENONAME:
    case AGNER_ENOALIAS:
    case AGNER_ENOTRUNNING:
        return ETF_A(noproc);
    case AGNER_ETIMEOUT:
        return ETF_A(timeout);
    case AGNER_EMAILBOXFULL:
    case AGNER_ELIMIT:
    case AGNER_ENOMEM:
    case AGNER_EBUSY:
    case AGNER_EAGAIN:
        return etf_atom("overload");
    case AGNER_ENODEDOWN:
    case AGNER_ENOCONN:
    case AGNER_EINCARNATION:
        return ETF_A(nodedown);
    case AGNER_ENOTALLOWED:
    case AGNER_EAUTH:
        return etf_atom("denied");
    case AGNER_EEXIT:
    case AGNER_ETERMINATED:
    case AGNER_EEXITING:
    case AGNER_EKILLED:
        return ETF_A(exit);
    default: /* the client asked for what cannot be */
        return ETF_A(badarg);
    }
}

enum agner_err rpc__fail(struct rpc_failure *f, enum agner_err err,
                         etf_term term, const char *format, ...)
{
    va_list args;

    f->class_atom = class_of(err);
    f->term = term;
    va_start(args, format);
    (void)vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    return err;
}

/* ---- Parameters ------------------------------------------------------- */

etf_term rpc__param(struct rpc_call *c, const char *name)
{
    etf_term value = etf_map_get(c->params, etf_text(rt_region(c->self), name));

    return etf_is_none(value) ? etf_map_get(c->params, etf_atom(name)) : value;
}

etf_term rpc__name(etf_term t)
{
    etf_bytes text;

    if (etf_is_atom(t))
        return t;
    if (!etf_get_bytes(t, &text))
        return ETF_NONE;
    return etf_atom_find((const char *)text.data, text.size);
}

/* A pid as it is printed, <0.12.3>. Nothing in it can become an atom. */
static bool read_pid(struct gen *self, etf_bytes text, etf_term *pid)
{
    etf_pid value;

    return text.size > 0 && text.data[0] == '<' &&
           etf_parse(rt_region(self), (const char *)text.data, text.size, pid,
                     NULL, NULL) == AGNER_OK &&
           etf_get_pid(*pid, &value);
}

enum agner_err rpc__target(struct gen *self, etf_term to, etf_term node,
                           etf_term *target, struct rpc_failure *f)
{
    etf_bytes text = { NULL, 0 };
    etf_term name = rpc__name(to), host;
    char shown[120];
    etf_pid pid;

    if (!etf_is_none(node)) {
        host = rpc__name(node);
        /* A name of a process there need not be an atom here. */
        if (etf_is_none(name) && etf_get_bytes(to, &text))
            name = etf_atom_limited(rt_region(self), (const char *)text.data,
                                    text.size, NULL);
        if (etf_is_none(name))
            return rpc__fail(f, AGNER_EINVAL, to, "to: expected a name");
        if (etf_is_none(host))
            return rpc__fail(f, AGNER_ENOCONN, node,
                             "node: this node has not heard of %s; "
                             "agner.ping connects",
                             etf_format(shown, sizeof shown, node));
        *target = etf_make(self, "{_, _}", name, host);
        return AGNER_OK;
    }
    if (etf_get_pid(to, &pid) ||
        (etf_tuple_size(to) == 2 && etf_is_atom(etf_tuple_items(to)[0]) &&
         etf_is_atom(etf_tuple_items(to)[1]))) {
        *target = to;
        return AGNER_OK;
    }
    if (etf_get_bytes(to, &text) && read_pid(self, text, target))
        return AGNER_OK;
    if (!etf_is_none(name)) {
        *target = name;
        return AGNER_OK;
    }
    if (text.data != NULL)
        return rpc__fail(f, AGNER_ENOPROC, to,
                         "no process is registered as %.*s", (int)text.size,
                         (const char *)text.data);
    return rpc__fail(f, AGNER_EINVAL, ETF_NONE,
                     "to: expected a name, a pid, or a name and a node");
}

enum agner_err rpc__timeout(etf_term t, uint64_t *ms, struct rpc_failure *f)
{
    int64_t value;
    char text[16];

    if (etf_get_text(t, text, sizeof text) && strcmp(text, "infinity") == 0)
        *ms = RT_INFINITY;
    else if (etf_get_int(t, &value) && value >= 0)
        *ms = (uint64_t)value;
    else
        return rpc__fail(f, AGNER_EINVAL, ETF_NONE,
                         "timeout: expected milliseconds, or infinity");
    return AGNER_OK;
}

etf_term rpc__request(struct gen *self, etf_term params, bool first_is_text)
{
    etf_term items[16];
    int64_t count = etf_list_size(params);
    etf_bytes text;
    etf_term name;

    if (count < 0 || count > 16) /* more than a request's arity ever is */
        return params;
    for (int64_t i = 0; i < count; i++)
        (void)etf_list_next(&params, &items[i]);
    if (first_is_text && etf_get_bytes(items[0], &text)) {
        name = etf_atom_limited(rt_region(self), (const char *)text.data,
                                text.size, NULL);
        if (!etf_is_none(name))
            items[0] = name;
    }
    return count == 1 ? items[0]
                      : etf_tuple(rt_region(self), items, (size_t)count);
}

/* The term to be sent: `msg` as it is, or `params` read like those of a call by
 * name. */
static enum agner_err message_param(struct rpc_call *c, etf_term *message)
{
    etf_term params = rpc__param(c, "params");
    etf_term first;

    *message = rpc__param(c, "msg");
    if (!etf_is_none(*message))
        return AGNER_OK;
    if (etf_is_none(params) || etf_list_size(params) < 0)
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "msg: expected a term (or params: a list)");
    first = params;
    *message = rpc__request(c->self, params,
                            etf_list_next(&params, &first) &&
                                etf_kind(first) == ETF_KIND_BINARY);
    return AGNER_OK;
}

static enum agner_err target_param(struct rpc_call *c, etf_term *target)
{
    etf_term to = rpc__param(c, "to");

    if (etf_is_none(to))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "to: expected a name or a pid");
    return rpc__target(c->self, to, rpc__param(c, "node"), target, &c->failure);
}

enum agner_err rpc__call_params(struct rpc_call *c, etf_term *target,
                                etf_term *request, uint64_t *timeout_ms)
{
    etf_term timeout = rpc__param(c, "timeout");
    enum agner_err err = target_param(c, target);

    if (err == AGNER_OK)
        err = message_param(c, request);
    if (err == AGNER_OK && !etf_is_none(timeout))
        err = rpc__timeout(timeout, timeout_ms, &c->failure);
    return err;
}

/* ---- Methods ---------------------------------------------------------- */

static enum agner_err deliver(struct rpc_call *c, bool cast)
{
    etf_term target, message;
    enum agner_err err = target_param(c, &target);

    if (err == AGNER_OK)
        err = message_param(c, &message);
    if (err != AGNER_OK)
        return err;
    err = cast ? rt_cast(c->self, target, message)
               : rt_send(c->self, target, message);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    return AGNER_OK;
}

static enum agner_err run_cast(struct rpc_call *c)
{
    return deliver(c, true);
}

static enum agner_err run_send(struct rpc_call *c)
{
    return deliver(c, false);
}

/* Connects, and asks the other node's net_kernel, as net_adm:ping does. */
static enum agner_err run_ping(struct rpc_call *c)
{
    etf_term name = rpc__param(c, "node");
    struct agner_error error = { AGNER_OK, "" };
    char node[300], plain[256];
    etf_term reply;
    enum agner_err err;
    uint16_t port;

    if (etf_is_none(name)) { /* this one: it answers */
        c->result = etf_atom("pong");
        return AGNER_OK;
    }
    if (!etf_get_text(name, node, sizeof node))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "node: expected a name like shop@10.0.0.7");
    err = node_connect(c->self, c->node, node, &error);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err,
                         err == AGNER_EAUTH ? etf_atom("cookie") : ETF_NONE,
                         "%s", error.text);
    /* Connected, so it is a name, and an atom; a port is no part of it. */
    (void)node_address_parse(node, plain, &port, NULL);
    name = etf_atom_find(plain, strlen(plain));
    err =
        rt_call(c->self, etf_make(c->self, "{net_kernel, _}", name),
                etf_make(c->self, "{is_auth, _}", rt_node(rt_of(c->self)).name),
                RT_INFINITY, &reply);
    if (err != AGNER_OK || !etf_same(reply, ETF_A(yes)))
        return rpc__fail(&c->failure, err == AGNER_OK ? AGNER_EAUTH : err,
                         ETF_NONE, "net_kernel there did not say yes");
    c->result = etf_atom("pong");
    return AGNER_OK;
}

struct reload {
    struct node *node;
    struct agner_error error;
    enum agner_err err;
};

/* A cookie that a person chose takes an eighth of a second, and there may be 16
 * of them: not on a worker. */
static void reload(void *arg)
{
    struct reload *r = arg;

    r->err = node_reload(r->node, &r->error);
}

/* Keys and cookies, from their files. */
static enum agner_err run_reload(struct rpc_call *c)
{
    struct reload r = { .node = c->node };
    enum agner_err err = rt_blocking(c->self, reload, &r);

    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    if (r.err != AGNER_OK)
        return rpc__fail(&c->failure, r.err, ETF_NONE, "%s", r.error.text);
    return AGNER_OK;
}

static enum agner_err run_stop(struct rpc_call *c)
{
    if (c->control->options.stop == NULL)
        return rpc__fail(&c->failure, AGNER_ENOTALLOWED, ETF_NONE,
                         "this node is not to be stopped from here");
    c->stops = true;
    return AGNER_OK;
}

/* Sorted by name. `call` and `mode` are the session's own: it needs more of it
 * than a method gets. */
/* clang-format off */
static const struct rpc_method methods[] = {
    { "app_info",     rpc__app_info,     true,  RPC_READ_ONLY },
    { "app_start",    rpc__app_start,    true,  RPC_OPERATE },
    { "app_stop",     rpc__app_stop,     true,  RPC_OPERATE },
    { "applications", rpc__applications, true,  RPC_READ_ONLY },
    { "apps",         rpc__apps,         true,  RPC_READ_ONLY },
    { "call",         NULL,              false, RPC_OPERATE },
    { "cast",         run_cast,          false, RPC_OPERATE },
    { "control",      rpc__control,      false, RPC_READ_ONLY },
    { "dump",         rpc__dump,         true,  RPC_READ_ONLY },
    { "figures",      rpc__figures,      true,  RPC_READ_ONLY },
    { "found",        rpc__found,        true,  RPC_READ_ONLY },
    { "groups",       rpc__groups,       true,  RPC_READ_ONLY },
    { "health",       rpc__health,       true,  RPC_READ_ONLY },
    { "info",         rpc__info,         true,  RPC_READ_ONLY },
    { "kill",         rpc__kill,         true,  RPC_OPERATE },
    { "log_level",    rpc__log_level,    false, RPC_OPERATE },
    { "logs",         rpc__logs,         false, RPC_READ_ONLY },
    { "mode",         NULL,              false, RPC_READ_ONLY },
    { "names",        rpc__names,        false, RPC_READ_ONLY },
    { "nodes",        rpc__nodes,        false, RPC_READ_ONLY },
    { "ping",         run_ping,          true,  RPC_OPERATE },
    { "process",      rpc__process,      true,  RPC_READ_ONLY },
    { "ps",           rpc__ps,           true,  RPC_READ_ONLY },
    { "publish",      rpc__publish,      true,  RPC_OPERATE },
    { "reload",       run_reload,        true,  RPC_OPERATE },
    { "send",         run_send,          false, RPC_OPERATE },
    { "status",       rpc__status,       true,  RPC_READ_ONLY },
    { "stop",         run_stop,          false, RPC_OPERATE },
    { "subscribe",    rpc__subscribe,    false, RPC_OPERATE },
    { "tree",         rpc__tree,         true,  RPC_READ_ONLY },
    { "version",      rpc__version,      false, RPC_READ_ONLY },
    { "waits",        rpc__waits,        true,  RPC_READ_ONLY },
};
/* clang-format on */

#define METHOD_COUNT (sizeof methods / sizeof methods[0])

const struct rpc_method *rpc__method_at(size_t index)
{
    return index < METHOD_COUNT ? &methods[index] : NULL;
}

const struct rpc_method *rpc__method(etf_bytes name)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strlen(methods[i].name) == name.size &&
            memcmp(methods[i].name, name.data, name.size) == 0)
            return &methods[i];
    }
    return NULL;
}

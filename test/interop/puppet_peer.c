/*
 * puppet_peer.c -- what a puppet knows of other nodes: which there are, and
 * what is decided about single ones.
 */
#include <string.h>

#include "puppet.h"

static etf_term op_name(struct gen *self, etf_term args)
{
    (void)self;
    (void)args;
    return etf_atom(node_name(puppet_node()));
}

/* visible, hidden or connected. */
static etf_term op_nodes(struct gen *self, etf_term args)
{
    unsigned which = RT_NODES_CONNECTED;

    if (etf_atom_is(args, "visible"))
        which = RT_NODES_VISIBLE;
    else if (etf_atom_is(args, "hidden"))
        which = RT_NODES_HIDDEN;
    return rt_nodes(node_rt(puppet_node()), rt_region(self), which);
}

/* {Node, Out, In}; `none` twice takes them back. */
static etf_term op_cookie_set(struct gen *self, etf_term args)
{
    const etf_term *items = etf_tuple_items(args);
    char node[256], out[300], in[300];
    bool none;

    if (etf_tuple_size(args) != 3 ||
        !etf_get_text(items[0], node, sizeof node) ||
        !etf_get_text(items[1], out, sizeof out) ||
        !etf_get_text(items[2], in, sizeof in))
        return puppet_badarg();
    none = strcmp(out, "none") == 0;
    return puppet_result(self,
                         node_cookie_set(puppet_node(), node, none ? NULL : out,
                                         none ? NULL : in));
}

static void send_later(struct gen *self, void *arg)
{
    etf_term message, to, what;
    uint64_t ms;

    (void)arg;
    if (rt_receive(self, 10000, &message) == AGNER_OK &&
        etf_match(message, "{_, _, _}", &to, &ms, &what)) {
        rt_sleep(self, ms);
        (void)rt_send(self, to, what);
    }
}

/* {To, Ms, What}: sends it after so long, from a process of its own. */
static etf_term op_send_after(struct gen *self, etf_term args)
{
    enum agner_err err;
    etf_pid pid;

    err = rt_spawn(self, send_later, NULL, NULL, &pid);
    if (err == AGNER_OK)
        err = rt_send_pid(self, pid, args);
    return puppet_result(self, err);
}

const struct puppet_op puppet_peer[] = {
    { "name", op_name },
    { "nodes", op_nodes },
    { "cookie_set", op_cookie_set },
    { "send_after", op_send_after },
    { NULL, NULL },
};

/*
 * puppet_spawn.c -- what puppets do of spawns across nodes: puppet.h.
 */
#include "puppet.h"

#include <string.h>

extern const struct gen_server echo_server;

/* Lets Erlang start `worker`, an echo server, and `one_worker`, once at a time.
 */
static etf_term op_provide(struct gen *self, etf_term args)
{
    static const struct gen_child_spec row = { .server = &echo_server };
    static const struct gen_remote_limits one = { .max = 1 };
    enum agner_err err = gen_remote_register(rt_of(self), "worker", &row);

    (void)args;
    if (err == AGNER_OK)
        err = gen_remote_register_with(rt_of(self), "one_worker", &row, &one);
    return err == AGNER_ETAKEN ? ETF_A(ok) : puppet_result(self, err);
}

struct question {
    etf_term node, module, function, args;
    struct rt_remote_spawn_options options;
};

/* {Node, Module, Function, Args, Options} */
static bool read(etf_term args, struct question *q)
{
    q->options = (struct rt_remote_spawn_options){ .link = false };
    return etf_match(args, "{_, _, _, _, _}", &q->node, &q->module,
                     &q->function, &q->args, &q->options.further);
}

static etf_term spawn(struct gen *self, const struct question *q)
{
    etf_term reason;
    etf_pid pid;
    enum agner_err err = rt_spawn_node(self, q->node, q->module, q->function,
                                       q->args, &q->options, &pid, &reason);

    if (err != AGNER_OK)
        return puppet_value(self, err, reason);
    return etf_make(self, "{ok, _}", pid);
}

/* {ok, Pid} */
static etf_term op_spawn_node(struct gen *self, etf_term args)
{
    struct question q;

    if (!read(args, &q))
        return puppet_badarg();
    return spawn(self, &q);
}

/* {ok, Pid}, with a time-out of 300 ms */
static etf_term op_spawn_soon(struct gen *self, etf_term args)
{
    struct question q;

    if (!read(args, &q))
        return puppet_badarg();
    q.options.timeout_ms = 300;
    return spawn(self, &q);
}

/* The request's reference */
static etf_term op_spawn_request(struct gen *self, etf_term args)
{
    struct question q;
    enum agner_err err;
    etf_ref id;

    if (!read(args, &q))
        return puppet_badarg();
    err = rt_spawn_request(self, q.node, q.module, q.function, q.args,
                           &q.options, &id);
    return err == AGNER_OK ? etf_make(self, "_", id) : puppet_result(self, err);
}

/* The same, given up at once */
static etf_term op_spawn_abandoned(struct gen *self, etf_term args)
{
    struct question q;
    enum agner_err err;
    etf_ref id;

    if (!read(args, &q))
        return puppet_badarg();
    err = rt_spawn_request(self, q.node, q.module, q.function, q.args,
                           &q.options, &id);
    if (err == AGNER_OK)
        err = rt_spawn_abandon(self, id);
    return puppet_result(self, err);
}

/* {Node, {Module, Function, Args}}: {ok, Supervisor} of that child */
static enum gen_next supervise_init(struct gen *self, etf_term args,
                                    struct gen_supervisor_spec *spec)
{
    struct gen_child_spec child = { .id = "far",
                                    .shutdown_ms = 5000,
                                    .backoff_ms = 20 };
    char node[300];
    etf_term name;

    if (!etf_match(args, "{_, _}", &name, &child.mfa))
        return gen_stop(self, ETF_A(badarg));
    child.node = etf_format(node, sizeof node, name);
    if (node[0] == '\'') { /* a quoted atom's text */
        node[strlen(node) - 1] = '\0';
        child.node = node + 1;
    }
    (void)gen_supervisor_add(self, spec, &child);
    gen_supervisor_flags(spec)->intensity = 100;
    return GEN_NEXT;
}

static etf_term op_supervise(struct gen *self, etf_term args)
{
    static const struct gen_supervisor far = { .name = "far",
                                               .init = supervise_init };
    etf_term reason = ETF_NONE;
    etf_pid pid;
    enum agner_err err =
        gen_supervisor_start(self, &far, args, NULL, &pid, &reason);

    if (err != AGNER_OK)
        return puppet_value(self, err, reason);
    return etf_make(self, "{ok, _}", pid);
}

static etf_term op_group_leader(struct gen *self, etf_term args)
{
    (void)args;
    return etf_make(self, "_", rt_group_leader(self));
}

/* Of a process of ours, by its pid */
static etf_term op_leader_of(struct gen *self, etf_term args)
{
    struct rt_process_info info;
    enum agner_err err = AGNER_EINVAL;
    etf_pid pid;

    if (etf_get_pid(args, &pid))
        err = rt_process_info(self, pid, &info);
    return err == AGNER_OK ? etf_make(self, "_", info.group_leader)
                           : puppet_result(self, err);
}

/* visible | hidden | connected */
static etf_term op_nodes(struct gen *self, etf_term args)
{
    unsigned which = etf_atom_is(args, "visible")  ? RT_NODES_VISIBLE
                     : etf_atom_is(args, "hidden") ? RT_NODES_HIDDEN
                                                   : RT_NODES_CONNECTED;

    return rt_nodes(rt_of(self), rt_region(self), which);
}

static etf_term op_connect_node(struct gen *self, etf_term args)
{
    return puppet_result(self, rt_connect_node(self, args));
}

static etf_term op_disconnect_node(struct gen *self, etf_term args)
{
    return puppet_result(self, rt_disconnect_node(rt_of(self), args));
}

static etf_term op_monitor_nodes(struct gen *self, etf_term args)
{
    (void)args;
    return puppet_result(self,
                         rt_monitor_nodes_with(self, true,
                                               RT_MONITOR_NODES_VISIBLE |
                                                   RT_MONITOR_NODES_HIDDEN |
                                                   RT_MONITOR_NODES_REASON));
}

const struct puppet_op puppet_spawn[] = {
    { "spawn_provide", op_provide },
    { "spawn_node", op_spawn_node },
    { "spawn_soon", op_spawn_soon },
    { "spawn_request", op_spawn_request },
    { "spawn_abandoned", op_spawn_abandoned },
    { "supervise", op_supervise },
    { "group_leader", op_group_leader },
    { "leader_of", op_leader_of },
    { "nodes_of", op_nodes },
    { "connect_to", op_connect_node },
    { "disconnect_from", op_disconnect_node },
    { "monitor_nodes_with", op_monitor_nodes },
    { NULL, NULL },
};

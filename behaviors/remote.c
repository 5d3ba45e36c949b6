/*
 * remote.c -- behaviours that others may start by name: other nodes, by a spawn
 * request, and supervisors, by a child spec that has no table.
 *
 * A row of RT_GROUP_REMOTE whose `run` is ours turns the process that was
 * started for the request into the behaviour: its pid is the one that the
 * requester has, and its link and monitor are there already.
 */
#include <stdlib.h>

#include "gen_internal.h"
#include "supervisor.h"

struct remote_row {
    struct rt_remote remote;          /* borrows `nodes` */
    const struct gen_child_spec *row; /* borrowed: static */
};

etf_term gen__start_args(etf_term list)
{
    etf_term rest = list, first;

    if (etf_list_next(&rest, &first) && etf_same(rest, etf_nil()))
        return first;
    return list;
}

/* What of a row's options a process can take on that is there already. */
static void take_options(struct gen *self,
                         const struct rt_spawn_options *options)
{
    rt_priority(self, options->priority);
    if (options->label != NULL)
        rt_label(self, options->label);
    if (options->memory_max != 0 &&
        rt_memory_max(self, options->memory_max) != AGNER_OK)
        rt_exit(self, etf_atom("system_limit"));
    if (options->trap_exit)
        (void)rt_trap_exit(self, true);
}

/* Starts a process of its own way. Its starter ends in an orderly way. */
static void start_own_way(struct gen *self, const struct native_start *native,
                          etf_term args)
{
    etf_term info = ETF_NONE;
    etf_pid pid;
    enum agner_err err = native->start(self, args, &pid, &info);

    if (err == AGNER_OK || err == AGNER_EIGNORE)
        return;
    rt_exit(self, etf_is_none(info) ? etf_atom(agner_strerror(err)) : info);
}

static void gen__server_enter(struct gen *self, const struct gen_server *server,
                              etf_term args)
{
    gen_enter_loop(self, server, args, true);
}

/* Does not return, but for `start`. */
static void become(struct gen *self, const struct native_start *native,
                   etf_term args)
{
#define GEN_CHILD_ENTER(way, type, start_link, enter) \
    if (native->way != NULL) \
        enter(self, native->way, args);
    GEN_CHILD_WAYS(GEN_CHILD_ENTER)
#undef GEN_CHILD_ENTER
    start_own_way(self, native, args);
}

static void run(struct gen *self, etf_term module, etf_term function,
                etf_term args, void *data)
{
    const struct remote_row *remote = data;
    struct native_start native;

    if (!etf_atom_is(function, "start_link") &&
        !etf_atom_is(function, "start")) {
        rt_remote_undef(self, module, function, args);
        return;
    }
    gen__native_init(&native, remote->row);
    take_options(self, &native.options);
    become(self, &native, gen__start_args(args));
}

const struct gen_child_spec *gen__remote_row(struct rt *rt, etf_term module)
{
    const void *remote;
    void *data;

    if (rt_behavior_find(rt, RT_GROUP_REMOTE, module, &remote, &data) !=
            AGNER_OK ||
        ((const struct rt_remote *)remote)->run != run)
        return NULL;
    return ((const struct remote_row *)data)->row;
}

enum agner_err gen_remote_register_with(struct rt *rt, const char *name,
                                        const struct gen_child_spec *row,
                                        const struct gen_remote_limits *limits)
{
    struct remote_row *remote = calloc(1, sizeof *remote);
    enum agner_err err;

    if (remote == NULL)
        return AGNER_ENOMEM;
    remote->row = row;
    remote->remote.run = run;
    if (limits != NULL) {
        remote->remote.nodes = limits->nodes;
        remote->remote.max = limits->max;
    }
    err = rt_behavior_register(rt, RT_GROUP_REMOTE, etf_atom(name),
                               &remote->remote, remote, free);
    if (err != AGNER_OK)
        free(remote);
    return err;
}

enum agner_err gen_remote_register(struct rt *rt, const char *name,
                                   const struct gen_child_spec *row)
{
    return gen_remote_register_with(rt, name, row, NULL);
}

enum agner_err gen_remote_revoke(struct rt *rt, const char *name)
{
    return rt_behavior_unregister(rt, RT_GROUP_REMOTE, etf_atom(name));
}

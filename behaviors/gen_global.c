/*
 * gen_global.c -- the client's side of `global`.
 *
 * Look-ups read the runtime's table (global_names.c). Changes of names go to
 * the server of this node, which has its registrar make them everywhere. A lock
 * is its caller's, so the caller itself asks each node for it.
 *
 * Source: OTP 25, global(3).
 */
#include <agner/gen_global.h>

#include "gen_internal.h"
#include "global_names.h"

const struct gen_global_method gen_global_random_exit = { "global",
                                                          "random_exit_name" };
const struct gen_global_method gen_global_random_notify = {
    "global", "random_notify_name"
};
const struct gen_global_method gen_global_notify_all = { "global",
                                                         "notify_all_name" };
/* No node has it: a method that fails leaves the name to nobody. */
const struct gen_global_method gen_global_none = { "global", "none" };

static etf_term server_name(void)
{
    return etf_atom("global_name_server");
}

static enum agner_err ask(struct gen *self, etf_term request, etf_term *reply)
{
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    return rt_call(self, server_name(), request, RT_INFINITY, reply);
}

/* ---- Names -------------------------------------------------------------- */

static enum agner_err change(struct gen *self, etf_term request)
{
    etf_term reply;
    enum agner_err err =
        ask(self, etf_make(self, "{registrar, _}", request), &reply);

    if (err != AGNER_OK)
        return err;
    if (etf_same(reply, ETF_A(no)))
        return AGNER_ETAKEN;
    return etf_tuple_size(reply) == 2 ? AGNER_ELIMIT : AGNER_OK;
}

static enum agner_err give(struct gen *self, const char *how, etf_term name,
                           etf_pid pid, const struct gen_global_method *method)
{
    etf_term fun;

    if (etf_is_none(name) || etf_pid_is_none(pid))
        return AGNER_EINVAL;
    if (method == NULL)
        method = &gen_global_random_exit;
    fun = etf_export(rt_region(self), etf_atom(method->module),
                     etf_atom(method->function), 3);
    return change(
        self, etf_make(self, "{_, _, _, _}", etf_atom(how), name, pid, fun));
}

enum agner_err gen_global_register_name(struct gen *self, etf_term name,
                                        etf_pid pid,
                                        const struct gen_global_method *method)
{
    return give(self, "register", name, pid, method);
}

enum agner_err
gen_global_re_register_name(struct gen *self, etf_term name, etf_pid pid,
                            const struct gen_global_method *method)
{
    return give(self, "re_register", name, pid, method);
}

enum agner_err gen_global_unregister_name(struct gen *self, etf_term name)
{
    etf_pid pid;

    if (gen__global_find(rt_of(self), name, &pid) != AGNER_OK)
        return AGNER_OK;
    return change(self, etf_make(self, "{unregister, _}", name));
}

enum agner_err gen_global_whereis_name(struct rt *rt, etf_term name,
                                       etf_pid *pid)
{
    return gen__global_find(rt, name, pid);
}

enum agner_err gen_global_registered_names(struct gen *self, etf_term *names)
{
    return ask(self, etf_atom("get_names"), names);
}

enum agner_err gen_global_send(struct gen *self, etf_term name,
                               etf_term message, etf_pid *pid)
{
    etf_pid to;
    enum agner_err err = gen__global_find(rt_of(self), name, &to);

    if (err != AGNER_OK)
        return err;
    if (pid != NULL)
        *pid = to;
    return rt_send_pid(self, to, message);
}

enum agner_err gen__resolve(struct gen *self, etf_term to, etf_term *resolved)
{
    etf_term name;
    etf_pid pid;

    *resolved = to;
    if (etf_kind(to) != ETF_KIND_TUPLE) /* nearly always */
        return AGNER_OK;
    if (!etf_match(to, "{global, _}", &name) &&
        !etf_match(to, "{via, global, _}", &name))
        return AGNER_OK;
    if (gen__global_find(rt_of(self), name, &pid) != AGNER_OK)
        return AGNER_ENONAME;
    *resolved = etf_from_pid(rt_region(self), pid);
    return etf_is_none(*resolved) ? AGNER_ENOMEM : AGNER_OK;
}

/* ---- Locks -------------------------------------------------------------- */

uint64_t gen__global_retry_ms(struct rt *rt, uint64_t times)
{
    uint64_t most = times > 5 ? 8000 : (UINT64_C(1000) << times) / 8, random;

    rt_random(rt, &random, sizeof random);
    return 1 + random % most;
}

/* This node and the visible ones. */
static etf_term all_nodes(struct gen *self)
{
    return etf_make(self, "[_ | _]", rt_node(rt_of(self)).name,
                    rt_nodes(rt_of(self), rt_region(self), RT_NODES_VISIBLE));
}

static bool is_among(etf_term nodes, etf_term node)
{
    etf_term one;

    while (etf_list_next(&nodes, &one)) {
        if (etf_equal(one, node))
            return true;
    }
    return false;
}

static enum agner_err ask_each(struct gen *self, etf_term nodes,
                               etf_term request, etf_term *replies)
{
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    return gen_multi_call(self, nodes, server_name(), request, RT_INFINITY,
                          replies, NULL);
}

/* Asks at home first, so that others are not bothered when that says no. */
static bool may_try(struct gen *self, etf_term id, etf_term nodes)
{
    etf_term reply;

    if (etf_list_size(nodes) < 2 || !is_among(nodes, rt_node(rt_of(self)).name))
        return true;
    return ask(self, etf_make(self, "{can_set_lock, _}", id), &reply) !=
               AGNER_OK ||
           !etf_same(reply, ETF_A(false));
}

static enum agner_err try_lock(struct gen *self, etf_term id, etf_term nodes)
{
    etf_term replies, row, node, reply, got = etf_nil();
    bool all = true;
    enum agner_err err;

    if (!may_try(self, id, nodes))
        return AGNER_EBUSY;
    err = ask_each(self, nodes, etf_make(self, "{set_lock, _}", id), &replies);
    if (err != AGNER_OK)
        return err;
    while (etf_list_next(&replies, &row)) {
        if (etf_match(row, "{_, _}", &node, &reply) &&
            etf_same(reply, ETF_A(true)))
            got = etf_make(self, "[_ | _]", node, got);
        else
            all = false;
    }
    if (all)
        return AGNER_OK;
    err = gen_global_del_lock(self, id, got);
    return err == AGNER_OK ? AGNER_EBUSY : err;
}

enum agner_err gen_global_set_lock(struct gen *self, etf_term id,
                                   etf_term nodes, uint64_t retries)
{
    enum agner_err err;

    if (etf_tuple_size(id) != 2)
        return AGNER_EINVAL;
    for (uint64_t times = 1;; times++) {
        err = try_lock(self, id, etf_is_none(nodes) ? all_nodes(self) : nodes);
        if (err != AGNER_EBUSY || retries == 0)
            return err;
        if (retries != RT_INFINITY)
            retries--;
        err = rt_sleep(self, gen__global_retry_ms(rt_of(self), times));
        if (err != AGNER_OK)
            return err;
    }
}

enum agner_err gen_global_del_lock(struct gen *self, etf_term id,
                                   etf_term nodes)
{
    if (etf_tuple_size(id) != 2)
        return AGNER_EINVAL;
    if (etf_is_none(nodes))
        nodes = all_nodes(self);
    return ask_each(self, nodes, etf_make(self, "{del_lock, _}", id), NULL);
}

enum agner_err gen_global_trans(struct gen *self, etf_term id,
                                void (*body)(struct gen *self, void *arg),
                                void *arg, etf_term nodes, uint64_t retries)
{
    etf_term reason;
    enum agner_err err, left;

    if (etf_is_none(nodes)) /* the same to lock and to free */
        nodes = all_nodes(self);
    err = gen_global_set_lock(self, id, nodes, retries);
    if (err != AGNER_OK)
        return err;
    left = rt_try(self, body, arg, &reason);
    err = gen_global_del_lock(self, id, nodes);
    if (left == AGNER_EEXIT)
        rt_exit(self, reason);
    return err;
}

/* ---- The network -------------------------------------------------------- */

enum agner_err gen_global_sync(struct gen *self, etf_term nodes)
{
    etf_term reply;
    enum agner_err err;

    if (etf_is_none(nodes))
        nodes = rt_nodes(rt_of(self), rt_region(self), RT_NODES_VISIBLE);
    err = ask(self, etf_make(self, "{sync, _}", nodes), &reply);
    if (err != AGNER_OK || etf_same(reply, ETF_A(ok)))
        return err;
    if (etf_match(reply, "{error, system_limit}"))
        return AGNER_ELIMIT;
    return etf_match(reply, "{error, badarg}") ? AGNER_EINVAL : AGNER_ENOMEM;
}

enum agner_err gen_global_disconnect(struct gen *self, etf_term *nodes)
{
    return ask(self, etf_atom("disconnect"), nodes);
}

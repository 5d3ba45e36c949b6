/*
 * fun_observer.c -- what observer and etop of an Erlang node ask for:
 * observer_backend, and what its windows show of a process.
 *
 * There are no tables, ports and sockets that a process of ours would own, so
 * their lists are empty. Processes are looked at one after the other; one that
 * computes just then is shown as far as it can be seen from outside, since it
 * would not answer. Messages are built in a region of their own: a call of
 * another node may be waiting for what is in the process's.
 *
 * Source: OTP 25, observer_backend, and what observer calls;
 * spec/distribution.md 14.
 */
#include "functions.h"

#include <stdio.h>
#include <string.h>

#define PAGE     1000u /* processes of one message: OTP sends 10,000 */
#define STATS_MS 1000u /* when the interval is none */

/* erlang:system_info(Item). */
static etf_term system_info(struct gen *self, etf_term item)
{
    etf_term result = ETF_NONE;

    if (gen_rpc_apply(self, ETF_NONE, etf_atom("erlang"),
                      etf_atom("system_info"), etf_make(self, "[_]", item),
                      &result) != GEN_RPC_VALUE)
        return ETF_A(undefined);
    return result;
}

/* ---- The node ------------------------------------------------------------ */

static enum gen_rpc_class vsn(struct gen *self, etf_term args, etf_term *result)
{
    (void)args;
    /* Of the runtime_tools whose messages these are. */
    return fun_value(result, etf_make(self, "{ok, \"1.19\"}"));
}

/* In OTP's order, which has process_count twice. */
static const char *const system_items[] = {
    "logical_processors",
    "logical_processors_online",
    "logical_processors_available",
    "schedulers",
    "schedulers_online",
    "otp_release",
    "version",
    "system_architecture",
    "kernel_poll",
    "smp_support",
    "threads",
    "thread_pool_size",
    "process_count",
    "atom_limit",
    "atom_count",
    "process_limit",
    "port_limit",
    "port_count",
    "ets_limit",
    "ets_count",
    "dist_buf_busy_limit",
};

static enum gen_rpc_class sys_info(struct gen *self, etf_term args,
                                   etf_term *result)
{
    etf_term list = kernel__memory(rt_of(self), rt_region(self));
    struct rt_stats stats;

    (void)args;
    rt_stats(rt_of(self), &stats);
    list = etf_make(self,
                    "[{wordsize_internal, 8}, {wordsize_external, 8}, "
                    "{alloc_info, []} | _]",
                    list);
    for (size_t i = sizeof system_items / sizeof *system_items; i-- > 0;) {
        etf_term item = etf_atom(system_items[i]);

        list =
            etf_make(self, "[{_, _} | _]", item, system_info(self, item), list);
    }
    *result = etf_make(self,
                       "[{uptime, _}, {run_queue, _}, {io_input, _}, "
                       "{io_output, _}, {schedulers_available, _} | _]",
                       stats.up_us / 1000, stats.runnable, stats.bytes_in,
                       stats.bytes_out, stats.workers, list);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class nothing(struct gen *self, etf_term args,
                                  etf_term *result)
{
    (void)self;
    (void)args;
    return fun_value(result, etf_nil());
}

/* get_table_list(ets | mnesia, Options); Mnesia is what observer hears of one
 * that does not run. */
static enum gen_rpc_class get_table_list(struct gen *self, etf_term args,
                                         etf_term *result)
{
    char text[300], node[256];

    if (etf_match(args, "[ets, __]"))
        return fun_value(result, etf_nil());
    if (!etf_match(args, "[mnesia, __]"))
        return gen_rpc_badarg(result);
    (void)etf_get_text(rt_node(rt_of(self)).name, node, sizeof node);
    (void)snprintf(text, sizeof text, "Mnesia is not running on: %s", node);
    *result = etf_make(self, "{error, _}", etf_string(rt_region(self), text));
    return GEN_RPC_THROW;
}

/* get_table(Parent, Table, Type): an empty one. */
static enum gen_rpc_class get_table(struct gen *self, etf_term args,
                                    etf_term *result)
{
    etf_pid parent;

    if (!etf_match(args, "[_, __, __]", &parent))
        return gen_rpc_badarg(result);
    (void)rt_send_pid(self, parent, /* who may be gone */
                      etf_make(self, "{_, '$end_of_table'}", rt_self(self)));
    return fun_value(result, etf_make(self, "_", rt_self(self)));
}

/* ---- Processes ----------------------------------------------------------- */

static etf_term mfa(struct etf_region *r, const struct rt_process_info *info,
                    const char *function)
{
    const char *module = info->label;

    if (module == NULL || module[0] == '\0')
        module = info->behavior[0] == '\0' ? "rt" : info->behavior;
    return etf_make(r, "{_, _, 1}", etf_atom(module), etf_atom(function));
}

/* #etop_proc_info{}; ETF_NONE: it has ended. */
static etf_term row(struct gen *self, struct etf_region *r, etf_pid pid)
{
    struct rt_process_info info;
    etf_term name;

    if (rt_process_glance(rt_of(self), pid, &info) != AGNER_OK ||
        (info.status != RT_STATUS_RUNNING &&
         rt_process_brief(self, pid, &info) != AGNER_OK))
        return ETF_NONE;
    name = info.name;
    if (etf_is_none(name))
        name = mfa(r, &info, info.behavior[0] == '\0' ? "run" : "init");
    return etf_make(r, "{etop_proc_info, _, _, _, _, 0, _, _}", pid,
                    info.memory_bytes, info.reductions, name,
                    mfa(r, &info, info.behavior[0] == '\0' ? "run" : "loop"),
                    info.mailbox_count);
}

/* The rows of the next `max` processes but self; *pid is where it goes on, and
 * none at the end. */
static etf_term rows_of(struct gen *self, struct etf_region *r, etf_pid *pid,
                        size_t max, uint64_t *count)
{
    etf_term list = etf_nil(), one;

    while (max-- > 0) {
        if (!rt_process_next(rt_of(self), *pid, pid) ||
            rt_check(self) != AGNER_OK) {
            *pid = (etf_pid){ .id = 0 };
            return list;
        }
        if (etf_pid_equal(*pid, rt_self(self)))
            continue;
        one = row(self, r, *pid);
        if (etf_is_none(one))
            continue;
        list = etf_cons(r, one, list);
        ++*count;
    }
    return list;
}

/* {procs_info, Self, [Row]} until all are told. */
static enum gen_rpc_class procs_info(struct gen *self, etf_term args,
                                     etf_term *result)
{
    etf_pid collector, pid = { .id = 0 };
    uint64_t count = 0;

    if (!etf_match(args, "[_]", &collector))
        return gen_rpc_badarg(result);
    do {
        struct etf_region *r = etf_region_new(0);
        etf_term message = ETF_NONE;

        if (r != NULL)
            message = etf_make(r, "{procs_info, _, _}", rt_self(self),
                               rows_of(self, r, &pid, PAGE, &count));
        if (!etf_is_none(message))
            (void)rt_send_pid(self, collector, message);
        etf_region_free(r);
        if (etf_is_none(message))
            return fun_value(result, ETF_NONE);
    } while (!etf_pid_is_none(pid) && rt_check(self) == AGNER_OK);
    return fun_value(result, ETF_A(ok));
}

/* {Self, #etop_info{}}. */
static enum gen_rpc_class etop_collect(struct gen *self, etf_term args,
                                       etf_term *result)
{
    uint64_t now_us = rt_wall_ns(rt_of(self)) / 1000u, count = 0;
    etf_pid collector, pid = { .id = 0 };
    etf_term message = ETF_NONE, list;
    struct etf_region *r;
    struct rt_stats stats;

    if (!etf_match(args, "[_]", &collector))
        return gen_rpc_badarg(result);
    r = etf_region_new(0);
    if (r != NULL) {
        list = rows_of(self, r, &pid, SIZE_MAX, &count);
        rt_stats(rt_of(self), &stats);
        message = etf_make(
            r,
            "{_, {etop_info, {_, _, _}, _, undefined, _, _, undefined, _, _}}",
            rt_self(self), now_us / 1000000000000u,
            now_us / 1000000u % 1000000u, now_us % 1000000u, count,
            kernel__loads(rt_of(self), r), stats.runnable,
            kernel__memory(rt_of(self), r), list);
    }
    if (!etf_is_none(message))
        (void)rt_send_pid(self, collector, message);
    etf_region_free(r);
    return fun_value(result, etf_is_none(message) ? ETF_NONE : ETF_A(ok));
}

/* What the charts are made of. */
static void send_stats(struct gen *self, etf_pid parent)
{
    struct etf_region *r = etf_region_new(0);
    etf_term message, loads, memory;
    struct rt_stats stats;

    if (r == NULL)
        return; /* the next time */
    loads = kernel__loads(rt_of(self), r);
    memory = kernel__memory(rt_of(self), r);
    rt_stats(rt_of(self), &stats);
    message = etf_make(r, "{stats, 1, _, {{input, _}, {output, _}}, _}", loads,
                       stats.bytes_in, stats.bytes_out, memory);
    if (!etf_is_none(message))
        (void)rt_send_pid(self, parent, message);
    etf_region_free(r);
}

/* Every so many milliseconds, until any message comes. */
static enum gen_rpc_class fetch_stats(struct gen *self, etf_term args,
                                      etf_term *result)
{
    etf_term message;
    etf_pid parent;
    uint64_t ms;

    if (!etf_match(args, "[_, _]", &parent, &ms))
        return gen_rpc_badarg(result);
    (void)rt_trap_exit(self, true);
    while (rt_receive(self, ms != 0 ? ms : STATS_MS, &message) ==
           AGNER_ETIMEOUT)
        send_stats(self, parent);
    return fun_value(result, ETF_A(ok));
}

/* ---- A process's window -------------------------------------------------- */

/* The behaviours that answer sys, which is what a window asks next. */
static const char *const behaviours[] = { "gen_server", "gen_statem",
                                          "gen_event", "supervisor" };

static enum gen_rpc_class
translate_initial_call(struct gen *self, etf_term args, etf_term *result)
{
    struct rt_process_info info;
    etf_pid pid;

    if (!etf_match(args, "[_]", &pid))
        return gen_rpc_badarg(result);
    if (rt_process_glance(rt_of(self), pid, &info) == AGNER_OK)
        for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
            if (strcmp(info.behavior, behaviours[i]) == 0)
                return fun_value(result, etf_make(self, "{_, init, 1}",
                                                  etf_atom(behaviours[i])));
    return fun_value(result, etf_make(self, "{proc_lib, init_p, 5}"));
}

static enum gen_rpc_class module_info(struct gen *self, etf_term args,
                                      etf_term *result, const char *behaviour)
{
    if (etf_match(args, "[attributes]"))
        return fun_value(
            result, etf_make(self, "[{behaviour, [_]}]", etf_atom(behaviour)));
    if (etf_match(args, "[exports]") || etf_match(args, "[functions]"))
        return fun_value(result, gen_rpc_exports(rt_of(self), rt_region(self),
                                                 etf_atom(behaviour)));
    return gen_rpc_badarg(result);
}

/* A function of each, since a row has no more than its arguments. */
#define MODULE_INFO(behaviour) \
    static enum gen_rpc_class behaviour##_info( \
        struct gen *self, etf_term args, etf_term *result) \
    { \
        return module_info(self, args, result, #behaviour); \
    }
MODULE_INFO(gen_server)
MODULE_INFO(gen_statem)
MODULE_INFO(gen_event)
MODULE_INFO(supervisor)

static const struct gen_rpc_function rows[] = {
    { "observer_backend", "vsn", 0, vsn, NULL },
    { "observer_backend", "sys_info", 0, sys_info, NULL },
    { "observer_backend", "get_table_list", 2, get_table_list, NULL },
    { "observer_backend", "get_table", 3, get_table, NULL },
    { "observer_backend", "get_port_list", 0, nothing, NULL },
    { "observer_backend", "get_socket_list", 0, nothing, NULL },
    { "observer_backend", "socket_info", 0, nothing, NULL },
    { "observer_backend", "procs_info", 1, procs_info, NULL },
    { "observer_backend", "etop_collect", 1, etop_collect, NULL },
    { "observer_backend", "fetch_stats", 2, fetch_stats, NULL },
    { "proc_lib", "translate_initial_call", 1, translate_initial_call, NULL },
    { "gen_server", "module_info", 1, gen_server_info, NULL },
    { "gen_statem", "module_info", 1, gen_statem_info, NULL },
    { "gen_event", "module_info", 1, gen_event_info, NULL },
    { "supervisor", "module_info", 1, supervisor_info, NULL },
    { "appmon_info", "start_link2", 3, kernel__appmon_start, NULL },
};

const struct kernel__table kernel__fun_observer = KERNEL_TABLE(rows);

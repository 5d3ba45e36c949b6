/*
 * fun_system.c -- figures of the node: erlang:system_info, memory, statistics.
 *
 * What a node of ours does not have is badarg, as an unknown item is; what it
 * has none of (ports, tables) is 0. otp_release is the release whose protocols
 * are spoken. Source: OTP 25, erlang(3).
 */
#include "functions.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define WORKERS_SHOWN 1024u /* of whom there are figures */

/* ---- system_info -------------------------------------------------------- */

/* A value as text, or what makes one. */
struct item {
    const char *name;
    const char *constant;
    etf_term (*get)(struct gen *self);
};

static etf_term process_count(struct gen *self)
{
    struct rt_stats stats;

    rt_stats(rt_of(self), &stats);
    return etf_uint(rt_region(self), stats.processes);
}

static etf_term atom_count(struct gen *self)
{
    return etf_uint(rt_region(self), etf_atom_count());
}

static etf_term schedulers(struct gen *self)
{
    struct rt_stats stats;

    rt_stats(rt_of(self), &stats);
    return etf_uint(rt_region(self), stats.workers);
}

static etf_term creation(struct gen *self)
{
    return etf_uint(rt_region(self), rt_node(rt_of(self)).creation);
}

static etf_term version(struct gen *self)
{
    return etf_string(rt_region(self), AGNER_VERSION);
}

static etf_term system_version(struct gen *self)
{
    struct rt_stats stats;
    char text[100];

    rt_stats(rt_of(self), &stats);
    (void)snprintf(text, sizeof text, "agner %s [64-bit] [smp:%u:%u]\n",
                   AGNER_VERSION, stats.workers, stats.workers);
    return etf_string(rt_region(self), text);
}

static etf_term architecture(struct gen *self)
{
#if defined(__aarch64__)
    return etf_string(rt_region(self), "aarch64-linux-gnu");
#else
    return etf_string(rt_region(self), "x86_64-linux-gnu");
#endif
}

static etf_term start_time(struct gen *self)
{
    const struct kernel__since *since = kernel__since(rt_of(self));

    return etf_uint(rt_region(self),
                    since == NULL ? 0 : since->start_ms * 1000000);
}

static const struct item infos[] = {
    { "otp_release", "\"25\"", NULL },
    { "version", NULL, version },
    { "system_version", NULL, system_version },
    { "system_architecture", NULL, architecture },
    { "machine", "\"agner\"", NULL },
    { "wordsize", "8", NULL },
    { "process_count", NULL, process_count },
    { "process_limit", "16777216", NULL },
    { "atom_count", NULL, atom_count },
    { "atom_limit", "1048576", NULL },
    { "port_count", "0", NULL },
    { "port_limit", "65536", NULL },
    { "ets_count", "0", NULL },
    { "ets_limit", "0", NULL },
    { "schedulers", NULL, schedulers },
    { "schedulers_online", NULL, schedulers },
    { "dirty_cpu_schedulers", "0", NULL },
    { "dirty_cpu_schedulers_online", "0", NULL },
    { "dirty_io_schedulers", "0", NULL },
    { "logical_processors", "unknown", NULL },
    { "logical_processors_online", "unknown", NULL },
    { "logical_processors_available", "unknown", NULL },
    { "multi_scheduling", "enabled", NULL },
    { "smp_support", "true", NULL },
    { "threads", "true", NULL },
    { "thread_pool_size", "0", NULL },
    { "kernel_poll", "true", NULL },
    { "creation", NULL, creation },
    { "build_type", "opt", NULL },
    { "debug_compiled", "false", NULL },
    { "endian", "little", NULL },
    { "os_type", "{unix, linux}", NULL },
    { "time_offset", "final", NULL },
    { "start_time", NULL, start_time },
    { "alloc_util_allocators", "[]", NULL },
    { "dist_ctrl", "[]", NULL },
    { "dist_buf_busy_limit", "1048576", NULL }, /* high_mark by default */
};

static etf_term value_of(struct gen *self, const struct item *item)
{
    etf_term value = ETF_NONE;

    if (item->get != NULL)
        return item->get(self);
    (void)etf_parse(rt_region(self), item->constant, strlen(item->constant),
                    &value, NULL, NULL);
    return value;
}

static enum gen_rpc_class system_info(struct gen *self, etf_term args,
                                      etf_term *result)
{
    etf_term what = ETF_NONE, size;

    (void)etf_list_next(&args, &what);
    if (etf_match(what, "{wordsize, _}", &size) &&
        (etf_atom_is(size, "internal") || etf_atom_is(size, "external")))
        return fun_value(result, etf_int(NULL, 8));
    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++)
        if (etf_atom_is(what, infos[i].name))
            return fun_value(result, value_of(self, &infos[i]));
    return gen_rpc_badarg(result);
}

/* ---- memory ------------------------------------------------------------- */

/* What the runtime holds for processes is known to the byte; a program's own
 * memory is not the runtime's to know. */
static etf_term memory_of(struct gen *self, etf_term what)
{
    struct rt_stats stats;

    rt_stats(rt_of(self), &stats);
    if (etf_atom_is(what, "total") || etf_atom_is(what, "processes") ||
        etf_atom_is(what, "processes_used"))
        return etf_uint(rt_region(self), stats.memory_bytes);
    if (etf_same(what, ETF_A(system)) || etf_atom_is(what, "atom") ||
        etf_atom_is(what, "atom_used") || etf_atom_is(what, "binary") ||
        etf_atom_is(what, "code") || etf_atom_is(what, "ets"))
        return etf_int(NULL, 0);
    return ETF_NONE;
}

static enum gen_rpc_class memories(struct gen *self, etf_term whats,
                                   etf_term *result)
{
    etf_term back = etf_nil(), what, bytes;

    while (etf_list_next(&whats, &what)) {
        bytes = memory_of(self, what);
        if (etf_is_none(bytes))
            return gen_rpc_badarg(result);
        back = etf_cons(rt_region(self), etf_make(self, "{_, _}", what, bytes),
                        back);
    }
    if (etf_kind(whats) != ETF_KIND_NIL)
        return gen_rpc_badarg(result);
    *result = etf_nil();
    while (etf_list_next(&back, &what))
        *result = etf_cons(rt_region(self), what, *result);
    return GEN_RPC_VALUE;
}

etf_term kernel__memory(struct rt *rt, struct etf_region *r)
{
    struct rt_stats stats;

    rt_stats(rt, &stats);
    return etf_make(r,
                    "[{total, _}, {processes, _}, {processes_used, _}, "
                    "{system, 0}, {atom, 0}, {atom_used, 0}, {binary, 0}, "
                    "{code, 0}, {ets, 0}]",
                    stats.memory_bytes, stats.memory_bytes, stats.memory_bytes);
}

static enum gen_rpc_class memory_0(struct gen *self, etf_term args,
                                   etf_term *result)
{
    (void)args;
    return fun_value(result, kernel__memory(rt_of(self), rt_region(self)));
}

static enum gen_rpc_class memory_1(struct gen *self, etf_term args,
                                   etf_term *result)
{
    etf_term what = ETF_NONE, bytes;

    (void)etf_list_next(&args, &what);
    if (!etf_is_atom(what))
        return memories(self, what, result);
    bytes = memory_of(self, what);
    return etf_is_none(bytes) ? gen_rpc_badarg(result)
                              : fun_value(result, bytes);
}

/* ---- statistics --------------------------------------------------------- */

etf_term kernel__loads(struct rt *rt, struct etf_region *r)
{
    uint64_t busy_us[WORKERS_SHOWN] = { 0 };
    size_t count = rt_worker_busy(rt, busy_us, WORKERS_SHOWN);
    etf_term list = etf_nil();
    struct rt_stats stats;

    rt_stats(rt, &stats);
    for (size_t i = count < WORKERS_SHOWN ? count : WORKERS_SHOWN; i-- > 0;)
        list = etf_make(r, "[{_, _, _} | _]", i + 1, busy_us[i], stats.up_us,
                        list);
    return list;
}

static uint64_t busy_ms(struct gen *self)
{
    uint64_t busy_us[WORKERS_SHOWN] = { 0 }, sum = 0;
    size_t count = rt_worker_busy(rt_of(self), busy_us, WORKERS_SHOWN);

    for (size_t i = 0; i < count && i < WORKERS_SHOWN; i++)
        sum += busy_us[i];
    return sum / 1000;
}

/* {Total, SinceLastCall}. */
static etf_term and_since(struct gen *self, uint64_t total,
                          _Atomic uint64_t *last)
{
    uint64_t before =
        atomic_exchange_explicit(last, total, memory_order_relaxed);

    return etf_make(self, "{_, _}", total, total - before);
}

static enum gen_rpc_class statistics(struct gen *self, etf_term args,
                                     etf_term *result)
{
    struct kernel__since *since = kernel__since(rt_of(self));
    etf_term what = ETF_NONE;
    struct rt_stats stats;

    (void)etf_list_next(&args, &what);
    rt_stats(rt_of(self), &stats);
    if (since != NULL && (etf_atom_is(what, "reductions") ||
                          etf_atom_is(what, "exact_reductions")))
        return fun_value(result,
                         and_since(self, stats.messages, &since->reductions));
    if (since != NULL && etf_atom_is(what, "wall_clock"))
        return fun_value(
            result, and_since(self, rt_now_ms(rt_of(self)) - since->start_ms,
                              &since->wall_ms));
    if (etf_atom_is(what, "context_switches"))
        return fun_value(result, etf_make(self, "{_, 0}", stats.slices));
    if (etf_atom_is(what, "garbage_collection"))
        return fun_value(result, etf_make(self, "{0, 0, 0}"));
    if (etf_atom_is(what, "run_queue") ||
        etf_atom_is(what, "total_run_queue_lengths") ||
        etf_atom_is(what, "total_run_queue_lengths_all"))
        return fun_value(result, etf_uint(rt_region(self), stats.runnable));
    if (etf_atom_is(what, "scheduler_wall_time") ||
        etf_atom_is(what, "scheduler_wall_time_all"))
        return fun_value(result, kernel__loads(rt_of(self), rt_region(self)));
    if (etf_atom_is(what, "io"))
        return fun_value(result, etf_make(self, "{{input, _}, {output, _}}",
                                          stats.bytes_in, stats.bytes_out));
    if (since != NULL && etf_atom_is(what, "runtime"))
        return fun_value(result,
                         and_since(self, busy_ms(self), &since->runtime_ms));
    return gen_rpc_badarg(result);
}

static enum gen_rpc_class system_flag(struct gen *self, etf_term args,
                                      etf_term *result)
{
    (void)self;
    if (!etf_match(args, "[scheduler_wall_time, true]") &&
        !etf_match(args, "[scheduler_wall_time, false]"))
        return gen_rpc_badarg(result);
    return fun_value(result, ETF_A(true)); /* as it was, and is */
}

static const struct gen_rpc_function rows[] = {
    { "erlang", "system_info", 1, system_info, NULL },
    { "erlang", "memory", 0, memory_0, NULL },
    { "erlang", "memory", 1, memory_1, NULL },
    { "erlang", "statistics", 1, statistics, NULL },
    { "erlang", "system_flag", 2, system_flag, NULL },
};

const struct kernel__table kernel__fun_system = KERNEL_TABLE(rows);

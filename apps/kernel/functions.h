/*
 * functions.h -- the functions of OTP that a node answers to: rpc:call(Node,
 * erlang, node, []) and so on. Private to apps/kernel/.
 *
 * Each table is in a file of its own, and holds what has a true answer here.
 * What is in none of them is `undef` to the caller.
 */
#ifndef KERNEL_FUNCTIONS_H
#define KERNEL_FUNCTIONS_H

#include <agner/gen.h>

/* Provides all of them, once for a runtime; a further time does nothing.
 * AGNER_ETAKEN: a program was there first with one of them. */
enum agner_err kernel__functions_provide(struct rt *rt);

struct kernel__table {
    const struct gen_rpc_function *functions;
    size_t count;
};

#define KERNEL_TABLE(rows) \
    { \
        (rows), sizeof(rows) / sizeof *(rows) \
    }

extern const struct kernel__table kernel__fun_erlang;  /* processes, names */
extern const struct kernel__table kernel__fun_time;    /* clocks */
extern const struct kernel__table kernel__fun_process; /* process_info */
extern const struct kernel__table kernel__fun_system;  /* figures of the node */
extern const struct kernel__table kernel__fun_otp;     /* other modules */
extern const struct kernel__table kernel__fun_global;  /* global */
extern const struct kernel__table kernel__fun_rpc;     /* calls from here */
extern const struct kernel__table kernel__fun_pg;      /* pg */

extern const struct kernel__table kernel__fun_agner;    /* ours: waits */
extern const struct kernel__table kernel__fun_observer; /* observer, etop */

/* erlang:memory/0, and [{Worker, BusyUs, TotalUs}] of all workers, which are
 * always counted: scheduler_wall_time is switched on, and stays so. */
etf_term kernel__memory(struct rt *rt, struct etf_region *r);
etf_term kernel__loads(struct rt *rt, struct etf_region *r);

/* appmon_info:start_link2/3: appmon.c. */
enum gen_rpc_class kernel__appmon_start(struct gen *self, etf_term args,
                                        etf_term *result);
/* {Root, Processes, Links, OtherLinks} of an application, all empty when it
 * does not run: appmon_tree.c. */
etf_term kernel__appmon_tree(struct gen *self, etf_term application);

/* What the figures are compared with: one for a runtime, until it ends. NULL:
 * the kernel was not started. */
struct kernel__since {
    uint64_t start_ms; /* of rt_now_ms() */
    /* At the last statistics(); any thread, no order: figures. */
    _Atomic uint64_t reductions, wall_ms, runtime_ms;
};
struct kernel__since *kernel__since(struct rt *rt);

/* A time-out in milliseconds, or `infinity`. */
static inline bool fun_time(etf_term t, uint64_t *ms)
{
    *ms = GEN_INFINITY;
    return etf_same(t, ETF_A(infinity)) || etf_get_uint(t, ms);
}

/* A function's value. */
static inline enum gen_rpc_class fun_value(etf_term *result, etf_term value)
{
    *result = value;
    return GEN_RPC_VALUE;
}

static inline enum gen_rpc_class fun_atom(etf_term *result, const char *text)
{
    return fun_value(result, etf_atom(text));
}

#endif

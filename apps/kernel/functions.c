/*
 * functions.c -- provides the tables of functions.h, and keeps what figures are
 * compared with.
 */
#include "functions.h"

#include <stdatomic.h>
#include <stdlib.h>

#define GROUP "kernel" /* a row of the registry that is nobody else's */

struct kernel__since *kernel__since(struct rt *rt)
{
    void *since;

    if (rt_behavior_find(rt, GROUP, etf_atom("since"), NULL, &since) !=
        AGNER_OK)
        return NULL;
    return since;
}

static enum agner_err begin(struct rt *rt)
{
    struct kernel__since *since = calloc(1, sizeof *since);
    enum agner_err err;

    if (since == NULL)
        return AGNER_ENOMEM;
    since->start_ms = rt_now_ms(rt);
    err = rt_behavior_register(rt, GROUP, etf_atom("since"), NULL, since, free);
    if (err != AGNER_OK)
        free(since);
    return err;
}

static enum agner_err provide(struct rt *rt, const struct kernel__table *table)
{
    return gen_rpc_provide(rt, table->functions, table->count);
}

enum agner_err kernel__functions_provide(struct rt *rt)
{
    static const struct kernel__table *const tables[] = {
        &kernel__fun_erlang, &kernel__fun_time, &kernel__fun_process,
        &kernel__fun_system, &kernel__fun_otp,  &kernel__fun_global,
        &kernel__fun_rpc,    &kernel__fun_pg,   &kernel__fun_observer,
    };
    enum agner_err err = begin(rt), first = AGNER_OK;

    if (err != AGNER_OK)
        return err == AGNER_ETAKEN ? AGNER_OK : err;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        err = provide(rt, tables[i]);
        if (first == AGNER_OK)
            first = err;
    }
    return first;
}

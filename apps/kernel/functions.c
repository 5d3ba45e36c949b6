/*
 * functions.c -- provides the tables of functions.h, and keeps what figures are
 * compared with.
 */
#include "functions.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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

/* What sends, or has functions called, does so as this node: past all guards
 * here, and with what other nodes permit us. It is for who may do everything.
 */
#define IN_OUR_NAME RT_MAY_ALL

/* What a node has to be permitted to call one of them; what is in none of the
 * rows only tells something: `observe`. */
static const struct need {
    const char *module, *function; /* NULL: all of the module */
    unsigned permissions;
} needs[] = {
    { "erlang", "disconnect_node", RT_MAY_ADMIN },
    { "erlang", "send", IN_OUR_NAME },
    { "erlang", "exit", IN_OUR_NAME },
    { "erlang", "throw", RT_MAY_RPC },
    { "erlang", "error", RT_MAY_RPC },
    { "erlang", "apply", RT_MAY_RPC },
    { "global", "send", IN_OUR_NAME },
    { "global", "disconnect", RT_MAY_ADMIN },
    { "global", NULL, RT_MAY_NAMES },
    { "pg", NULL, RT_MAY_NAMES },
    { "rpc", NULL, IN_OUR_NAME },
    { "erpc", NULL, IN_OUR_NAME },
    { "net_adm", NULL, RT_MAY_ADMIN },
    { "net_kernel", NULL, RT_MAY_ADMIN },
    { "gen_server", "call", IN_OUR_NAME },
    { "gen_server", "cast", IN_OUR_NAME },
};

static unsigned needs_of(const struct gen_rpc_function *f)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].module, f->module) == 0 &&
            (needs[i].function == NULL ||
             strcmp(needs[i].function, f->function) == 0))
            return needs[i].permissions;
    return RT_MAY_OBSERVE;
}

/* All of a table, or none. */
static enum agner_err provide(struct rt *rt, const struct kernel__table *table)
{
    const struct gen_rpc_function *f = table->functions;
    enum agner_err err = AGNER_OK;
    size_t done = 0;

    while (done < table->count && err == AGNER_OK) {
        err = gen_rpc_provide_for(rt, &f[done], 1, needs_of(&f[done]));
        done += err == AGNER_OK;
    }
    while (err != AGNER_OK && done-- > 0)
        (void)gen_rpc_revoke(rt, f[done].module, f[done].function,
                             f[done].arity);
    return err;
}

enum agner_err kernel__functions_provide(struct rt *rt)
{
    static const struct kernel__table *const tables[] = {
        &kernel__fun_erlang, &kernel__fun_time, &kernel__fun_process,
        &kernel__fun_system, &kernel__fun_otp,  &kernel__fun_global,
        &kernel__fun_rpc,    &kernel__fun_pg,   &kernel__fun_observer,
        &kernel__fun_agner,
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

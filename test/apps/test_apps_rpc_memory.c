/*
 * test_apps_rpc_memory.c -- rpc when memory is out: no call waits in vain,
 * nothing is left behind, and nothing is half done.
 *
 * The program's own malloc and its like are wrapped by the linker. For each
 * operation the first allocation fails, then the second, and so on, until none
 * that is wanted does. In a simulated world, so that each run is the same but
 * for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <agner/kernel.h>
#include <agner/sim.h>

#include "failing.h"

#define WAIT_MS 60000 /* of virtual time */

/* ---- What is called ----------------------------------------------------- */

/* Its argument, which is more than the region's first chunk holds. */
static enum gen_rpc_class echo(struct gen *self, etf_term args,
                               etf_term *result)
{
    (void)self;
    (void)etf_list_next(&args, result);
    return GEN_RPC_VALUE;
}

static const struct gen_rpc_function functions[] = {
    { "t", "echo", 1, echo, NULL },
};

/* More than the table has room for at first. */
#define MANY 600
static struct gen_rpc_function many[MANY];

static void name_many(void)
{
    static char names[MANY][8];

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
        many[i] = (struct gen_rpc_function){ "t", names[i], 0, echo, NULL };
    }
}

struct world {
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
};

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void begin(struct world *w)
{
    struct rt_options options = { .log = quiet };
    struct agner_error error;

    w->sim = sim_new(7, NULL);
    assert_non_null(w->sim);
    options.world = sim_world(w->sim);
    assert_int_equal(rt_new(&options, &w->rt, &error), AGNER_OK);
    w->self = rt_attach(w->rt);
    assert_int_equal(gen_rpc_provide(w->rt, functions, 1), AGNER_OK);
    assert_int_equal(agner_kernel_start(w->self, &error), AGNER_OK);
}

static void end(struct world *w)
{
    rt_detach(w->self);
    rt_free(w->rt, 1000);
    sim_free(w->sim);
}

static etf_term big(struct gen *self)
{
    etf_term list = etf_nil();

    for (int i = 0; i < 2000; i++)
        list = etf_cons(rt_region(self), etf_int(NULL, i), list);
    return list;
}

static etf_term args_of(struct gen *self)
{
    return etf_make(self, "[_]", big(self));
}

/* ---- Operations --------------------------------------------------------- */

/* true: it did what it should; false: it said that it could not. */
typedef bool (*operation)(struct world *w, etf_term args);

static bool op_erpc(struct world *w, etf_term args)
{
    struct gen_erpc_exception x;
    etf_term result = ETF_NONE;

    return gen_erpc_call(w->self, ETF_A(noname), etf_atom("t"),
                         etf_atom("echo"), args, WAIT_MS, &result,
                         &x) == AGNER_OK &&
           etf_list_size(result) == 2000;
}

static bool op_rpc(struct world *w, etf_term args)
{
    etf_term result = ETF_NONE;

    return gen_rpc_call(w->self, ETF_A(noname), etf_atom("t"), etf_atom("echo"),
                        args, WAIT_MS, &result) == AGNER_OK &&
           etf_list_size(result) == 2000;
}

static bool op_multicall(struct world *w, etf_term args)
{
    etf_term results = ETF_NONE, bad = ETF_NONE, one;

    return gen_rpc_multicall(w->self, etf_make(w->self, "[nonode@nohost]"),
                             etf_atom("t"), etf_atom("echo"), args, WAIT_MS,
                             &results, &bad) == AGNER_OK &&
           etf_match(results, "[_]", &one) && etf_list_size(one) == 2000;
}

static bool op_rex(struct world *w, etf_term args)
{
    etf_term result = ETF_NONE;
    enum agner_err err = gen_call(
        w->self, etf_atom("rex"),
        etf_make(w->self, "{call, t, echo, _, user}", args), WAIT_MS, &result);

    assert_int_not_equal(err, AGNER_ETIMEOUT); /* nobody waits in vain */
    return err == AGNER_OK && etf_list_size(result) == 2000;
}

static bool op_block_call(struct world *w, etf_term args)
{
    etf_term result = ETF_NONE;

    return gen_rpc_block_call(w->self, ETF_A(noname), etf_atom("t"),
                              etf_atom("echo"), args, WAIT_MS,
                              &result) == AGNER_OK &&
           etf_list_size(result) == 2000;
}

static bool op_provide(struct world *w, etf_term args)
{
    bool good = gen_rpc_provide(w->rt, many, MANY) == AGNER_OK;

    (void)args;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(gen_rpc_revoke(w->rt, "t", many[i].function, 0),
                         good ? AGNER_OK : AGNER_EUNKNOWN);
    return good;
}

/* Fails the first, the second, ... until it succeeds without one. */
static void each_allocation_fails(operation op)
{
    unsigned n = 0;
    bool good = false;

    do {
        struct world w;
        etf_term args, stray = ETF_NONE;
        char text[200];

        n++;
        begin(&w);
        args = args_of(w.self);
        failing_seen = false;
        failing_in = n;
        good = op(&w, args);
        failing_in = 0;
        if (rt_receive(w.self, WAIT_MS, &stray) == AGNER_OK)
            fail_msg("allocation %u: %s is left", n,
                     etf_format(text, sizeof text, stray));
        end(&w);
        assert_true(n < 2000);
    } while (failing_seen || !good);
    assert_true(n > 1);
}

static void an_erpc_call(void **state)
{
    (void)state;
    each_allocation_fails(op_erpc);
}

static void an_rpc_call(void **state)
{
    (void)state;
    each_allocation_fails(op_rpc);
}

static void a_multicall(void **state)
{
    (void)state;
    each_allocation_fails(op_multicall);
}

static void a_call_of_rex(void **state)
{
    (void)state;
    each_allocation_fails(op_rex);
}

static void a_block_call(void **state)
{
    (void)state;
    each_allocation_fails(op_block_call);
}

static void providing_functions(void **state)
{
    (void)state;
    name_many();
    each_allocation_fails(op_provide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_erpc_call), cmocka_unit_test(an_rpc_call),
        cmocka_unit_test(a_multicall),  cmocka_unit_test(a_call_of_rex),
        cmocka_unit_test(a_block_call), cmocka_unit_test(providing_functions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

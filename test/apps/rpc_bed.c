/*
 * rpc_bed.c -- two nodes in a simulated world, for tests of rpc.
 */
#include "rpc_bed.h"

#include "pair.h"

#define PORT 5000

static int native; /* a resource leads to it */

/* [Ending, DelayMs] */
static enum gen_rpc_class go(struct gen *self, etf_term args, etf_term *result)
{
    uint64_t ms;
    etf_term how;

    if (!etf_match(args, "[_, _]", &how, &ms))
        return gen_rpc_badarg(result);
    if (ms > 0)
        (void)rt_sleep(self, ms);
    *result = etf_int(NULL, 7);
    if (etf_atom_is(how, "throw"))
        return GEN_RPC_THROW;
    if (etf_same(how, ETF_A(exit)))
        return GEN_RPC_EXIT;
    if (etf_same(how, ETF_A(error)))
        return GEN_RPC_ERROR;
    if (etf_atom_is(how, "leave"))
        rt_exit(self, *result);
    if (etf_same(how, ETF_A(killed)))
        (void)rt_exit_signal(self, rt_self(self), ETF_A(kill));
    if (etf_atom_is(how, "resource"))
        *result = etf_resource(rt_region(self), &native, NULL);
    if (!etf_atom_is(how, "tail"))
        return GEN_RPC_VALUE;
    *result = etf_make(self, "{t, go, [value, 0]}");
    return GEN_RPC_APPLY;
}

enum gen_rpc_class rpc_last(struct gen *self, etf_term args, etf_term *result)
{
    (void)self;
    while (etf_list_next(&args, result))
        continue;
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class tell(struct gen *self, etf_term args,
                               etf_term *result)
{
    etf_term to = ETF_NONE;

    *result = ETF_A(ok);
    (void)etf_list_next(&args, &to);
    (void)rt_send(self, to,
                  etf_make(self, "{told, _, _}", rt_node(rt_of(self)).name,
                           rt_group_leader(self)));
    return GEN_RPC_VALUE;
}

static const char *const friends[] = { B, NULL };

static const struct gen_rpc_function functions[] = {
    { "t", "go", 2, go, NULL },
    { "t", "tell", 1, tell, NULL },
    { "t", "friends", 1, rpc_last, friends },
};

void rpc_check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

static struct node *start(struct world *w, const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(w->sim);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static struct gen *attach(struct node *node)
{
    struct gen *self = rt_attach(node_rt(node));
    struct agner_error error;

    assert_non_null(self);
    assert_int_equal(gen_rpc_provide(node_rt(node), functions,
                                     sizeof functions / sizeof *functions),
                     AGNER_OK);
    assert_int_equal(agner_kernel_start(self, &error), AGNER_OK);
    return self;
}

void rpc_begin(struct world *w, uint64_t seed)
{
    *w = (struct world){ .seed = seed, .sim = sim_new(seed, NULL) };
    assert_non_null(w->sim);
    w->a = start(w, A, "10.0.0.1");
    w->b = start(w, B, "10.0.0.2");
    assert_int_equal(node_route(w->a, B, "10.0.0.2", PORT), AGNER_OK);
    assert_int_equal(node_route(w->b, A, "10.0.0.1", PORT), AGNER_OK);
    w->at_a = attach(w->a);
    w->at_b = attach(w->b);
}

uint64_t rpc_end(struct world *w)
{
    uint64_t hash;

    rt_detach(w->at_a);
    rt_detach(w->at_b);
    node_stop(w->a, 1000);
    node_stop(w->b, 1000);
    hash = sim_trace_hash(w->sim);
    sim_free(w->sim);
    return hash;
}

void rpc_shows(const struct world *w, etf_term t, const char *expected)
{
    char text[400];

    if (strcmp(etf_format(text, sizeof text, t), expected) != 0)
        fail_msg("seed %llu: got %s, not %s", (unsigned long long)w->seed, text,
                 expected);
}

/*
 * trio.c -- nodes in a simulated world: trio.h.
 */
#include "trio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pair.h"

#define PORT    5000
#define TICK_MS 4000

static const char *const names[TRIO_MAX] = { "n0@10.0.0.1", "n1@10.0.0.2",
                                             "n2@10.0.0.3" };
static const char *const hosts[TRIO_MAX] = { "10.0.0.1", "10.0.0.2",
                                             "10.0.0.3" };

const char *trio_name(int n)
{
    return names[n];
}

const char *trio_host(int n)
{
    return hosts[n];
}

static void start(struct trio *t, int n)
{
    struct node_options options = pair_options(names[n]);

    options.listen_host = hosts[n];
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(t->sim);
    options.rt.log_level = RT_LOG_NONE;
    t->node[n] = pair_start(&options);
    t->self[n] = rt_attach(node_rt(t->node[n]));
    assert_non_null(t->self[n]);
    for (int i = 0; i < t->count; i++)
        if (i != n)
            assert_int_equal(node_route(t->node[n], names[i], hosts[i], PORT),
                             AGNER_OK);
}

static void stop(struct trio *t, int n, uint64_t grace_ms)
{
    rt_detach(t->self[n]);
    node_stop(t->node[n], grace_ms);
}

void trio_open(struct trio *t, struct sim *sim, int count)
{
    *t = (struct trio){ .sim = sim, .count = count };
    for (int i = 0; i < count; i++)
        start(t, i);
}

void trio_restart(struct trio *t, int n)
{
    stop(t, n, 0);
    start(t, n);
}

void trio_close(struct trio *t)
{
    for (int i = 0; i < t->count; i++)
        stop(t, i, 1000);
}

etf_pid trio_pid(const struct trio *t, etf_pid pid, int at, int seen_from)
{
    if (at == seen_from)
        return pid;
    pid.node = etf_atom(names[at]);
    pid.creation = node_creation(t->node[at]);
    return pid;
}

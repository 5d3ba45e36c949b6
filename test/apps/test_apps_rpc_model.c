/*
 * test_apps_rpc_model.c -- calls by rpc and erpc against a model.
 *
 * Each property runs many seeds; a failure prints its seed, and RPC_SEED=n runs
 * that one alone. What a call must give is in the model: a table of classes,
 * and a comparison of its delay with its time-out. Sources:
 * spec/gen.md 1.14, 2.6; spec/distribution.md 12.
 */
#include "rpc_bed.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS   40
#define CLIENTS 8
#define CALLS   12
#define NET_MS  50   /* far more than both ways and the processes take */
#define LATE_MS 2000 /* when everything that might come late has come */

static struct world *world; /* the one that runs */

/* How a call may end, as the caller sees it: by erpc, and by rpc. */
static const struct ending {
    const char *name, *erpc, *rpc;
} endings[] = {
    { "value", "{ok,7}", "7" },
    { "throw", "{throw,7}", "7" },
    { "exit", "{exit,{exception,7}}", "{badrpc,{'EXIT',7}}" },
    { "leave", "{exit,{exception,7}}", "{badrpc,{'EXIT',7}}" },
    { "killed", "{exit,{signal,killed}}", "{badrpc,{'EXIT',killed}}" },
    { "error", "{error,{exception,7,[{t,go,2,[]}]}}",
      "{badrpc,{'EXIT',{7,[{t,go,2,[]}]}}}" },
    { "tail", "{ok,7}", "7" },
    { "resource", "{exit,{signal,error}}", "{badrpc,{'EXIT',error}}" },
};

#define ENDINGS (sizeof endings / sizeof *endings)

struct drawn {
    const struct ending *ending;
    uint64_t delay_ms, timeout_ms;
};

static void fail_at(const struct drawn *d, const char *how, const char *got)
{
    if (world->failure[0] == '\0')
        (void)snprintf(world->failure, sizeof world->failure,
                       "%s %s, delay %llu, time-out %llu: got %s", how,
                       d->ending->name, (unsigned long long)d->delay_ms,
                       (unsigned long long)d->timeout_ms, got);
}

/* May, and must, the call be out of time? */
static bool may_time_out(const struct drawn *d)
{
    return d->timeout_ms != RT_INFINITY &&
           (world->faults || d->delay_ms + NET_MS >= d->timeout_ms);
}

static bool must_not_end(const struct drawn *d)
{
    return d->timeout_ms != RT_INFINITY && d->delay_ms > d->timeout_ms;
}

static void judge(const struct drawn *d, const char *how, etf_term got,
                  const char *result, const char *timeout, const char *lost)
{
    char text[400];
    bool good;

    etf_format(text, sizeof text, got);
    if (strcmp(text, result) == 0)
        good = !must_not_end(d);
    else if (strcmp(text, timeout) == 0)
        good = may_time_out(d);
    else
        good = world->faults && strcmp(text, lost) == 0;
    if (!good)
        fail_at(d, how, text);
}

static etf_term as_term(struct gen *self, enum agner_err err, etf_term result,
                        const struct gen_erpc_exception *exception)
{
    static const char *const classes[] = {
        [GEN_RPC_VALUE] = "ok",    [GEN_RPC_THROW] = "throw",
        [GEN_RPC_EXIT] = "exit",   [GEN_RPC_ERROR] = "error",
        [GEN_RPC_APPLY] = "apply",
    };

    if (err == AGNER_OK)
        return etf_make(self, "{ok, _}", result);
    return etf_make(self, "{_, _}", etf_atom(classes[exception->kind]),
                    exception->reason);
}

static void judge_erpc(const struct drawn *d, const char *how, etf_term got)
{
    judge(d, how, got, d->ending->erpc, "{error,{erpc,timeout}}",
          "{error,{erpc,noconnection}}");
}

static void judge_rpc(const struct drawn *d, const char *how, etf_term got)
{
    judge(d, how, got, d->ending->rpc, "{badrpc,timeout}", "{badrpc,nodedown}");
}

static void one_call(struct gen *self, const struct drawn *d)
{
    etf_term m = etf_atom("t"), f = etf_atom("go"), b = etf_atom(B);
    etf_term result = ETF_NONE, first, more, bad = ETF_NONE;
    etf_term args =
        etf_make(self, "[_, _]", etf_atom(d->ending->name), d->delay_ms);
    struct gen_erpc_exception x = { GEN_RPC_VALUE, ETF_NONE };
    struct gen_erpc_request id;
    enum agner_err err;

    switch (sim_draw(world->sim, 6)) {
    case 0:
        err = gen_erpc_call(self, b, m, f, args, d->timeout_ms, &result, &x);
        judge_erpc(d, "call", as_term(self, err, result, &x));
        break;
    case 1:
        err = gen_erpc_send_request(self, b, m, f, args, &id);
        if (err == AGNER_OK &&
            gen_erpc_wait_response(self, &id, 0, &result, &x) != AGNER_ETIMEOUT)
            fail_at(d, "wait", "an answer at once");
        if (err == AGNER_OK)
            err = gen_erpc_receive_response(self, &id, d->timeout_ms, &result,
                                            &x);
        judge_erpc(d, "request", as_term(self, err, result, &x));
        break;
    case 2:
        (void)gen_rpc_call(self, b, m, f, args, d->timeout_ms, &result);
        judge_rpc(d, "rpc", result);
        break;
    case 3:
        if (gen_erpc_multicall(
                self, etf_make(self, "['" B "', '" NOBODY "', '" B "']"), m, f,
                args, d->timeout_ms, &result) != AGNER_OK ||
            !etf_match(result, "[_, __, _]", &first, &more)) {
            fail_at(d, "multicall", "no three results");
            break;
        }
        judge_erpc(d, "multicall", first);
        judge_erpc(d, "multicall", more);
        break;
    case 4:
        if (gen_rpc_multicall(self, etf_make(self, "['" B "', '" NOBODY "']"),
                              m, f, args, d->timeout_ms, &result,
                              &bad) != AGNER_OK) {
            fail_at(d, "rpc multicall", "no results");
            break;
        }
        if (etf_list_next(&result, &first))
            judge_rpc(d, "rpc multicall", first);
        else if (!may_time_out(d) && !world->faults)
            fail_at(d, "rpc multicall", "a bad node");
        if (etf_list_size(bad) < 1)
            fail_at(d, "rpc multicall", "too few bad nodes");
        break;
    default: /* given up: nothing of it comes */
        if (gen_erpc_send_request(self, b, m, f, args, &id) == AGNER_OK) {
            if (sim_draw(world->sim, 2) == 0)
                (void)rt_sleep(self, sim_draw(world->sim, 30));
            gen_erpc_abandon(self, &id);
        }
    }
}

/* Calls, one after the other, and is left with nothing: no message, no monitor.
 */
static void client(struct gen *self, void *arg)
{
    static const uint64_t delays[] = { 0, 0, 1, 40, 300 };
    static const uint64_t timeouts[] = { 0, 5, 100, 5000, RT_INFINITY };
    struct rt_process_info info = { .monitors = ETF_NONE };
    etf_pid boss = *(etf_pid *)arg;
    struct drawn d;
    etf_term stray;
    char text[200];

    for (unsigned i = 0; i < CALLS; i++) {
        d.ending = &endings[sim_draw(world->sim, ENDINGS)];
        d.delay_ms = delays[sim_draw(world->sim, 5)];
        d.timeout_ms = timeouts[sim_draw(world->sim, 5)];
        one_call(self, &d);
        rt_reset(self);
    }
    if (rt_receive(self, LATE_MS, &stray) == AGNER_OK)
        fail_at(&d, "afterwards: a stray,",
                etf_format(text, sizeof text, stray));
    if (rt_process_info(self, rt_self(self), &info) != AGNER_OK ||
        etf_kind(info.monitors) != ETF_KIND_NIL)
        fail_at(&d, "afterwards:", "a monitor");
    (void)rt_send_pid(self, boss, ETF_A(ok));
}

static void clients(struct world *w)
{
    etf_pid boss = rt_self(w->at_a), pid;
    etf_term message;

    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rt_spawn(w->at_a, client, &boss, NULL, &pid),
                         AGNER_OK);
    for (unsigned i = 0; i < CLIENTS; i++)
        rpc_check(w, rt_receive(w->at_a, WAIT_MS, &message) == AGNER_OK,
                  "a client waits for ever");
    rpc_check(w, w->failure[0] == '\0', w->failure);
}

/* No call's process is left there, whatever became of its caller. */
static void nothing_runs(struct world *w)
{
    struct rt_process_info info;
    etf_pid pid = { 0 };

    while (rt_process_next(node_rt(w->b), pid, &pid))
        if (rt_process_glance(node_rt(w->b), pid, &info) == AGNER_OK)
            rpc_check(w,
                      info.behavior[0] != '\0' ||
                          etf_pid_equal(pid, rt_self(w->at_b)),
                      "a call's process is left");
}

static uint64_t calls(uint64_t seed)
{
    struct world w;

    rpc_begin(&w, seed);
    world = &w;
    /* Dialling takes its time; the model is of a connection that stands. */
    rpc_check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK,
              "no connection");
    clients(&w);
    nothing_runs(&w);
    return rpc_end(&w);
}

static void cut(void *ctx)
{
    struct world *w = ctx;

    (void)sim_reset(w->sim, "10.0.0.1", "10.0.0.2");
    if (sim_draw(w->sim, 2) == 0)
        (void)rt_disconnect_node(node_rt(w->a), etf_atom(B));
}

static void part(void *ctx)
{
    struct world *w = ctx;

    (void)sim_partition(w->sim, "10.0.0.1", "10.0.0.2");
}

static void heal(void *ctx)
{
    sim_heal_all(((struct world *)ctx)->sim);
}

/* The connection is lost again and again: each call ends, once. */
static uint64_t losses(uint64_t seed)
{
    struct world w;

    rpc_begin(&w, seed);
    world = &w;
    w.faults = true;
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(sim_after(w.sim, 20 + sim_draw(w.sim, 4000), cut, &w),
                         AGNER_OK);
    assert_int_equal(sim_after(w.sim, 500, part, &w), AGNER_OK);
    assert_int_equal(sim_after(w.sim, 500 + 3 * TICK_MS, heal, &w), AGNER_OK);
    clients(&w);
    (void)sim_run(w.sim, 3 * TICK_MS);
    nothing_runs(&w);
    return rpc_end(&w);
}

/* The same seed is the same run. */
static void over_seeds(uint64_t (*run)(uint64_t seed))
{
    const char *one = getenv("RPC_SEED");

    if (one != NULL) {
        (void)run(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        (void)run(seed);
    assert_int_equal(run(3), run(3));
}

static void calls_end_as_the_model_says(void **state)
{
    (void)state;
    over_seeds(calls);
}

static void calls_end_once_when_the_node_is_lost(void **state)
{
    (void)state;
    over_seeds(losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_end_as_the_model_says),
        cmocka_unit_test(calls_end_once_when_the_node_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

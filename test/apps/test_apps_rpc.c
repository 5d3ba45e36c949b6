/*
 * test_apps_rpc.c -- rpc and erpc between two nodes in a simulated world.
 *
 * Each property runs many seeds; a failure prints its seed, and RPC_SEED=n runs
 * that one alone. What a call must give is in a model: a table of classes, and
 * a comparison of its delay with its time-out. Sources: spec/gen.md 1.14, 2.6;
 * spec/distribution.md 12.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/kernel.h>
#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define NOBODY  "c@10.0.0.3"
#define PORT    5000
#define SEEDS   40
#define CLIENTS 8
#define CALLS   12
#define TICK_MS 4000
#define WAIT_MS 600000 /* of virtual time */
#define NET_MS  50     /* far more than both ways and the processes take */
#define LATE_MS 2000   /* when everything that might come late has come */

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    bool faults;        /* connections may be lost */
    char failure[1000]; /* the first one; "": none */
};

static struct world *world; /* the one that runs */

static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

/* ---- Functions ---------------------------------------------------------- */

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
        *result = etf_resource(rt_region(self), &world, NULL);
    if (!etf_atom_is(how, "tail"))
        return GEN_RPC_VALUE;
    *result = etf_make(self, "{t, go, [value, 0]}");
    return GEN_RPC_APPLY;
}

static enum gen_rpc_class last(struct gen *self, etf_term args,
                               etf_term *result)
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
    { "t", "friends", 1, last, friends },
};

/* ---- The world ---------------------------------------------------------- */

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

static void begin(struct world *w, uint64_t seed,
                  const struct sim_options *options)
{
    *w = (struct world){ .seed = seed, .sim = sim_new(seed, options) };
    world = w;
    assert_non_null(w->sim);
    w->a = start(w, A, "10.0.0.1");
    w->b = start(w, B, "10.0.0.2");
    assert_int_equal(node_route(w->a, B, "10.0.0.2", PORT), AGNER_OK);
    assert_int_equal(node_route(w->b, A, "10.0.0.1", PORT), AGNER_OK);
    w->at_a = attach(w->a);
    w->at_b = attach(w->b);
}

static uint64_t end(struct world *w)
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

static void shows(const struct world *w, etf_term t, const char *expected)
{
    char text[400];

    if (strcmp(etf_format(text, sizeof text, t), expected) != 0)
        fail_msg("seed %llu: got %s, not %s", (unsigned long long)w->seed, text,
                 expected);
}

/* ---- TestRPC, D-37 ------------------------------------------------------ */

static etf_term rpc(struct world *w, const char *f, etf_term args,
                    enum agner_err expected)
{
    etf_term result = ETF_NONE;

    assert_int_equal(gen_rpc_call(w->at_a, etf_atom(B), etf_atom("testMod"),
                                  etf_atom(f), args, 5000, &result),
                     expected);
    return result;
}

static void conf_TestRPC_provides_calls_and_revokes(void **state)
{
    static const struct gen_rpc_function f[] = {
        { "testMod", "testFun", GEN_RPC_ANY_ARITY, last, NULL },
    };
    struct world w;
    etf_pid me, got;

    (void)state;
    begin(&w, 1, NULL);
    me = rt_self(w.at_a);
    assert_int_equal(gen_rpc_provide(node_rt(w.b), f, 1), AGNER_OK);
    assert_int_equal(gen_rpc_provide(node_rt(w.b), f, 1), AGNER_ETAKEN);
    shows(&w, rpc(&w, "testFun", etf_make(w.at_a, "[12345]"), AGNER_OK),
          "12345");
    assert_true(etf_get_pid(
        rpc(&w, "testFun", etf_make(w.at_a, "[1, {a, b}, _]", me), AGNER_OK),
        &got));
    assert_true(etf_pid_equal(got, me));
    assert_int_equal(
        gen_rpc_revoke(node_rt(w.b), "testMod", "testFun", GEN_RPC_ANY_ARITY),
        AGNER_OK);
    assert_int_equal(
        gen_rpc_revoke(node_rt(w.b), "testMod", "testFun", GEN_RPC_ANY_ARITY),
        AGNER_EUNKNOWN);
    shows(&w, rpc(&w, "testFun", etf_make(w.at_a, "[12345]"), AGNER_EEXIT),
          "{badrpc,{'EXIT',{undef,[{testMod,testFun,[12345],[]}]}}}");
    shows(&w, rpc(&w, "xxx", etf_make(w.at_a, "[12345]"), AGNER_EEXIT),
          "{badrpc,{'EXIT',{undef,[{testMod,xxx,[12345],[]}]}}}");
    (void)end(&w);
}

static void told(struct world *w, const char *node)
{
    etf_term message, by;
    etf_pid leader;

    assert_int_equal(rt_receive(w->at_a, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{told, _, _}", &by, &leader));
    assert_true(etf_atom_is(by, node));
    assert_true(etf_pid_equal(leader, rt_group_leader(w->at_a)));
}

static void D_37_a_cast_runs_there_with_the_callers_leader(void **state)
{
    struct world w;
    etf_term args, rex;

    (void)state;
    begin(&w, 1, NULL);
    args = etf_make(w.at_a, "[_]", rt_self(w.at_a));
    assert_int_equal(gen_rpc_cast(w.at_a, etf_atom(B), etf_atom("t"),
                                  etf_atom("tell"), args),
                     AGNER_OK);
    told(&w, B);
    /* As older nodes send it. */
    rex = etf_make(w.at_a, "{rex, _}", etf_atom(B));
    assert_int_equal(gen_cast(w.at_a, rex,
                              etf_make(w.at_a, "{cast, t, tell, _, _}", args,
                                       rt_group_leader(w.at_a))),
                     AGNER_OK);
    told(&w, B);
    assert_int_equal(gen_rpc_eval_everywhere(
                         w.at_a,
                         etf_make(w.at_a, "['" B "', '" NOBODY "', '" A "']"),
                         etf_atom("t"), etf_atom("tell"), args),
                     AGNER_OK);
    (void)sim_run(w.sim, 100);
    assert_int_equal(rt_receive(w.at_a, 0, &args), AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, 0, &args), AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &args), AGNER_ETIMEOUT);
    (void)end(&w);
}

static void only_its_friends_may_call_a_function(void **state)
{
    etf_term args, result = ETF_NONE;
    struct world w;

    (void)state;
    begin(&w, 1, NULL);
    args = etf_make(w.at_a, "[1]");
    assert_int_equal(gen_rpc_call(w.at_a, etf_atom(B), etf_atom("t"),
                                  etf_atom("friends"), args, 5000, &result),
                     AGNER_EEXIT);
    shows(&w, result, "{badrpc,{'EXIT',{not_allowed,[{t,friends,1,[]}]}}}");
    assert_int_equal(gen_rpc_block_call(w.at_a, etf_atom(B), etf_atom("t"),
                                        etf_atom("friends"), args, 5000,
                                        &result),
                     AGNER_EEXIT);
    assert_int_equal(gen_rpc_call(w.at_b, etf_atom(A), etf_atom("t"),
                                  etf_atom("friends"), etf_make(w.at_b, "[1]"),
                                  5000, &result),
                     AGNER_OK);
    shows(&w, result, "1");
    (void)end(&w);
}

static void what_is_no_call_is_refused(void **state)
{
    static const char *const bad[] = { "{1, f, []}", "{m, 2, []}", "{m, f, x}",
                                       "{m, f, [a | b]}" };
    struct gen_erpc_exception exception;
    etf_term t, m, f, args, result = ETF_NONE;
    struct world w;

    (void)state;
    begin(&w, 1, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(etf_parse(rt_region(w.at_a), bad[i], strlen(bad[i]),
                                   &t, NULL, NULL),
                         AGNER_OK);
        assert_true(etf_match(t, "{_, _, _}", &m, &f, &args));
        assert_int_equal(gen_erpc_call(w.at_a, etf_atom(B), m, f, args, 5000,
                                       &result, &exception),
                         AGNER_EINVAL);
        shows(&w, exception.reason, "{erpc,badarg}");
        assert_int_equal(
            gen_rpc_call(w.at_a, etf_atom(B), m, f, args, 5000, &result),
            AGNER_EINVAL);
        assert_int_equal(
            gen_rpc_block_call(w.at_a, etf_atom(B), m, f, args, 5000, &result),
            AGNER_EINVAL);
        assert_int_equal(gen_erpc_cast(w.at_a, etf_atom(B), m, f, args),
                         AGNER_EINVAL);
        assert_int_equal(
            gen_erpc_multicall(w.at_a, etf_nil(), m, f, args, 5000, &result),
            AGNER_EINVAL);
    }
    assert_int_equal(gen_erpc_call(w.at_a, etf_nil(), ETF_A(call), ETF_A(call),
                                   etf_nil(), 5000, &result, &exception),
                     AGNER_EINVAL);
    assert_int_equal(gen_erpc_multicast(w.at_a, ETF_A(call), ETF_A(call),
                                        ETF_A(call), etf_nil()),
                     AGNER_EINVAL);
    /* A native value cannot be an argument. */
    args = etf_make(w.at_a, "[_]", etf_resource(rt_region(w.at_a), &w, NULL));
    assert_int_equal(gen_erpc_call(w.at_a, etf_atom(B), ETF_A(call),
                                   ETF_A(call), args, 5000, &result,
                                   &exception),
                     AGNER_EBADTERM);
    shows(&w, exception.reason, "{erpc,badarg}");
    assert_int_equal(rt_receive(w.at_a, 1000, &t), AGNER_ETIMEOUT);
    (void)end(&w);
}

/* A server looks for answers among its messages: each is known by one request
 * only, and once. */
static void an_answer_is_known_among_messages(void **state)
{
    struct gen_erpc_exception x = { GEN_RPC_VALUE, ETF_NONE };
    struct gen_erpc_request first, second, lost;
    etf_term message, args, result = ETF_NONE;
    struct world w;

    (void)state;
    begin(&w, 1, NULL);
    args = etf_make(w.at_a, "[value, 40]");
    assert_int_equal(gen_erpc_send_request(w.at_a, etf_atom(B), etf_atom("t"),
                                           etf_atom("go"), args, &first),
                     AGNER_OK);
    args = etf_make(w.at_a, "[throw, 1]");
    assert_int_equal(gen_erpc_send_request(w.at_a, etf_atom(B), etf_atom("t"),
                                           etf_atom("go"), args, &second),
                     AGNER_OK);
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &message), AGNER_OK);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &first, message, &result, &x),
        AGNER_EUNKNOWN);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &second, message, &result, &x),
        AGNER_EEXIT);
    assert_int_equal(x.kind, GEN_RPC_THROW);
    shows(&w, x.reason, "7");
    assert_int_equal(rt_receive(w.at_a, WAIT_MS, &message), AGNER_OK);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &second, message, &result, &x),
        AGNER_EUNKNOWN);
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &first, message, &result, &x),
        AGNER_OK);
    shows(&w, result, "7");
    assert_int_equal(
        gen_erpc_check_response(w.at_a, &first, ETF_A(ok), &result, &x),
        AGNER_EUNKNOWN);
    /* No connection is an answer too. */
    assert_int_equal(gen_rpc_async_call(w.at_a, etf_atom(NOBODY), etf_atom("t"),
                                        etf_atom("go"), args, &lost),
                     AGNER_OK);
    assert_int_equal(gen_rpc_nb_yield(w.at_a, &lost, WAIT_MS, &result),
                     AGNER_ENODEDOWN);
    shows(&w, result, "{badrpc,nodedown}");
    (void)end(&w);
}

/* ---- Calls against a model ---------------------------------------------- */

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
        check(w, rt_receive(w->at_a, WAIT_MS, &message) == AGNER_OK,
              "a client waits for ever");
    check(w, w->failure[0] == '\0', w->failure);
}

/* No call's process is left there, whatever became of its caller. */
static void nothing_runs(struct world *w)
{
    struct rt_process_info info;
    etf_pid pid = { 0 };

    while (rt_process_next(node_rt(w->b), pid, &pid))
        if (rt_process_glance(node_rt(w->b), pid, &info) == AGNER_OK)
            check(w,
                  info.behavior[0] != '\0' ||
                      etf_pid_equal(pid, rt_self(w->at_b)),
                  "a call's process is left");
}

static uint64_t calls(uint64_t seed)
{
    struct world w;

    begin(&w, seed, NULL);
    /* Dialling takes its time; the model is of a connection that stands. */
    check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "no connection");
    clients(&w);
    nothing_runs(&w);
    return end(&w);
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

    begin(&w, seed, NULL);
    w.faults = true;
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(sim_after(w.sim, 20 + sim_draw(w.sim, 4000), cut, &w),
                         AGNER_OK);
    assert_int_equal(sim_after(w.sim, 500, part, &w), AGNER_OK);
    assert_int_equal(sim_after(w.sim, 500 + 3 * TICK_MS, heal, &w), AGNER_OK);
    clients(&w);
    (void)sim_run(w.sim, 3 * TICK_MS);
    nothing_runs(&w);
    return end(&w);
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

/* ---- Answers of many ---------------------------------------------------- */

/* Answers {From, X} with {many, Node, X}; each second one not at all. */
static enum gen_next many_info(struct gen *self, etf_term message)
{
    etf_pid from;
    etf_term x;

    if (etf_match(message, "{_, _}", &from, &x) && !etf_same(x, ETF_A(no)))
        (void)rt_send_pid(
            self, from,
            etf_make(self, "{many, _, _}", rt_node(rt_of(self)).name, x));
    return GEN_NEXT;
}

static const struct gen_server many_server = { .name = "many",
                                               .handle_info = many_info };

static void names_on_many_nodes(void **state)
{
    struct rt_spawn_options options = { .name = etf_atom("many") };
    etf_term nodes, good = ETF_NONE, bad = ETF_NONE;
    struct world w;
    etf_pid pid;

    (void)state;
    begin(&w, 1, NULL);
    nodes = etf_make(w.at_a, "['" A "', '" B "', '" NOBODY "']");
    assert_int_equal(
        gen_start(w.at_b, &many_server, etf_nil(), &options, &pid, NULL),
        AGNER_OK);
    assert_int_equal(gen_rpc_multi_server_call(w.at_a, nodes, etf_atom("many"),
                                               ETF_A(yes), 5000, &good, &bad),
                     AGNER_OK);
    shows(&w, good, "[{'b@10.0.0.2',yes}]");
    shows(&w, bad, "['a@10.0.0.1','c@10.0.0.3']");
    assert_int_equal(gen_rpc_multi_server_call(w.at_a, nodes, etf_atom("many"),
                                               ETF_A(no), 100, &good, &bad),
                     AGNER_OK);
    shows(&w, good, "[]");
    shows(&w, bad, "['a@10.0.0.1','b@10.0.0.2','c@10.0.0.3']");
    assert_int_equal(gen_rpc_sbcast(w.at_a, nodes, etf_atom("many"), ETF_A(yes),
                                    5000, &good, &bad),
                     AGNER_OK);
    shows(&w, good, "['b@10.0.0.2']");
    assert_int_equal(etf_list_size(bad), 2);
    assert_int_equal(
        gen_rpc_sbcast(w.at_a, nodes, etf_nil(), ETF_A(yes), 5, &good, &bad),
        AGNER_OK);
    assert_int_equal(etf_list_size(bad), 3);
    assert_int_equal(gen_rpc_abcast(w.at_a, nodes, etf_nil(), ETF_A(yes)),
                     AGNER_EINVAL);
    assert_int_equal(rt_receive(w.at_a, 1000, &good), AGNER_ETIMEOUT);
    (void)end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestRPC_provides_calls_and_revokes),
        cmocka_unit_test(D_37_a_cast_runs_there_with_the_callers_leader),
        cmocka_unit_test(only_its_friends_may_call_a_function),
        cmocka_unit_test(what_is_no_call_is_refused),
        cmocka_unit_test(an_answer_is_known_among_messages),
        cmocka_unit_test(names_on_many_nodes),
        cmocka_unit_test(calls_end_as_the_model_says),
        cmocka_unit_test(calls_end_once_when_the_node_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_flood.c -- many senders at one server: nothing is lost, and
 * each sender's order holds (G3, I1).
 */
#include "probe.h"

#define SOURCES 5
#define EACH    1000

/* What the sink checks: for each source and kind the next number. */
struct sink {
    int64_t next[SOURCES][3];
    int64_t wrong;
};

enum { KIND_SEND, KIND_CAST, KIND_CALL };

static void count(struct gen *self, int kind, etf_term message)
{
    struct sink *sink = gen_state(self);
    int64_t source, number;

    if (!etf_match(message, "{flood, _, _}", &source, &number) || source < 0 ||
        source >= SOURCES || number != sink->next[source][kind])
        sink->wrong++;
    else
        sink->next[source][kind]++;
}

static enum gen_next sink_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    const struct sink *sink = gen_state(self);
    int64_t total = 0;

    if (!etf_atom_is(request, "total")) {
        count(self, KIND_CALL, request);
        return gen_reply(self, from, request);
    }
    for (int i = 0; i < SOURCES; i++)
        total += sink->next[i][0] + sink->next[i][1] + sink->next[i][2];
    return gen_reply(self, from, etf_make(self, "{_, _}", total, sink->wrong));
}

static enum gen_next sink_cast(struct gen *self, etf_term request)
{
    count(self, KIND_CAST, request);
    return GEN_NEXT;
}

static enum gen_next sink_info(struct gen *self, etf_term message)
{
    count(self, KIND_SEND, message);
    return GEN_NEXT;
}

static const struct gen_server sink_server = {
    .name = "sink",
    .state_size = sizeof(struct sink),
    .handle_call = sink_call,
    .handle_cast = sink_cast,
    .handle_info = sink_info,
};

struct source {
    etf_pid sink;
    int64_t index;
    atomic_int wrong;
};

static void pour(struct gen *self, void *arg)
{
    struct source *source = arg;
    etf_term to = etf_make(self, "_", source->sink);

    for (int64_t i = 0; i < EACH; i++) {
        etf_term m = etf_make(self, "{flood, _, _}", source->index, i);
        etf_term reply = ETF_NONE;

        if (rt_send(self, to, m) != AGNER_OK ||
            gen_cast(self, to, m) != AGNER_OK ||
            gen_call(self, to, m, PROBE_LONG_MS, &reply) != AGNER_OK ||
            !etf_equal(reply, m))
            atomic_fetch_add(&source->wrong, 1);
        rt_reset(self);
    }
}

static void conf_TestServerMessageFlood_loses_nothing(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct source sources[SOURCES];
    etf_pid sink, pids[SOURCES];
    etf_term reply;
    int64_t total, wrong;

    assert_int_equal(
        gen_start(self, &sink_server, etf_nil(), NULL, &sink, NULL), AGNER_OK);
    memset(sources, 0, sizeof sources);
    for (int i = 0; i < SOURCES; i++) {
        sources[i].sink = sink;
        sources[i].index = i;
        assert_int_equal(rt_spawn(self, pour, &sources[i], NULL, &pids[i]),
                         AGNER_OK);
    }
    for (int i = 0; i < SOURCES; i++) {
        assert_int_equal(rt_wait(self, pids[i], RT_INFINITY), AGNER_OK);
        assert_int_equal(atomic_load(&sources[i].wrong), 0);
    }
    assert_int_equal(gen_call(self, etf_make(self, "_", sink),
                              etf_atom("total"), PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_match(reply, "{_, _}", &total, &wrong));
    assert_int_equal(wrong, 0);
    assert_int_equal(total, 3 * SOURCES * EACH);
}

/* ---- Order while the handlers call others ---- */

/* Handles {flood, 0, N} by calling the sink with it. */
static enum gen_next relay_info(struct gen *self, etf_term message)
{
    const etf_pid *sink = gen_state(self);

    (void)gen_call(self, etf_make(self, "_", *sink), message, PROBE_LONG_MS,
                   NULL); /* the sink counts what it gets */
    return GEN_NEXT;
}

static enum gen_next relay_init(struct gen *self, etf_term args)
{
    return etf_get_pid(args, gen_state(self)) ? GEN_NEXT : GEN_IGNORE;
}

static enum gen_next relay_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    return gen_reply(self, from, request);
}

/* A native request whose handler makes many calls. */
static enum agner_err
relay_direct(struct gen *self, const struct rt_direct *direct, void **result)
{
    const etf_pid *sink = gen_state(self);
    const int64_t *range = direct->request;
    etf_term to = etf_make(self, "_", *sink);

    (void)result;
    for (int64_t i = range[0]; i < range[1]; i++) {
        enum agner_err err = gen_call(
            self, to, etf_make(self, "{flood, 1, _}", i), PROBE_LONG_MS, NULL);

        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

static const struct gen_server relay_server = {
    .name = "relay",
    .state_size = sizeof(etf_pid),
    .init = relay_init,
    .handle_call = relay_call,
    .handle_info = relay_info,
    .handle_direct = relay_direct,
};

static void conf_TestServerMessageOrder_holds_while_handlers_call(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_pid sink, relay;
    etf_term to, reply;
    int64_t total, wrong;
    const int64_t one[2] = { 0, 1 }, many[2] = { 1, 101 };

    assert_int_equal(
        gen_start(self, &sink_server, etf_nil(), NULL, &sink, NULL), AGNER_OK);
    assert_int_equal(gen_start(self, &relay_server, etf_make(self, "_", sink),
                               NULL, &relay, NULL),
                     AGNER_OK);
    to = etf_make(self, "_", relay);
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(rt_send(self, to, etf_make(self, "{flood, 0, _}", i)),
                         AGNER_OK);
    assert_int_equal(
        gen_direct(world->rt, relay, one, sizeof one, PROBE_LONG_MS, NULL),
        AGNER_OK);
    assert_int_equal(
        gen_direct(world->rt, relay, many, sizeof many, PROBE_LONG_MS, NULL),
        AGNER_OK);
    assert_int_equal(gen_call(self, to, etf_atom("sync"), PROBE_LONG_MS, NULL),
                     AGNER_OK);
    assert_int_equal(gen_call(self, etf_make(self, "_", sink),
                              etf_atom("total"), PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_match(reply, "{_, _}", &total, &wrong));
    assert_int_equal(wrong, 0);
    assert_int_equal(total, 201);
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(conf_TestServerMessageFlood_loses_nothing),
        CASE(conf_TestServerMessageOrder_holds_while_handlers_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

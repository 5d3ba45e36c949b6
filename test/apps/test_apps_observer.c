/*
 * test_apps_observer.c -- what observer and etop of an Erlang node ask for, by
 * the functions that they call, in simulated runs and with threads.
 */
#include "../process/bed.h"

#include <stdio.h>
#include <stdlib.h>

#include <agner/kernel.h>

static void open_kernel(struct bed *bed)
{
    struct agner_error error;

    if (agner_kernel_start(bed->self, &error) != AGNER_OK)
        fail_msg("kernel: %s", error.text);
}

static enum gen_rpc_class ask(struct gen *self, const char *module,
                              const char *function, etf_term args,
                              etf_term *result)
{
    return gen_rpc_apply(self, ETF_NONE, etf_atom(module), etf_atom(function),
                         args, result);
}

static etf_term value(struct bed *bed, const char *module, const char *function,
                      etf_term args)
{
    etf_term result = ETF_NONE;

    assert_int_equal(ask(bed->self, module, function, args, &result),
                     GEN_RPC_VALUE);
    return result;
}

static etf_term property(etf_term list, const char *key)
{
    etf_term one;

    while (etf_list_next(&list, &one))
        if (etf_is_tagged(one, etf_atom(key), 2))
            return etf_tuple_items(one)[1];
    return ETF_NONE;
}

static uint64_t number(etf_term list, const char *key)
{
    uint64_t n = 0;

    assert_true(etf_get_uint(property(list, key), &n));
    return n;
}

/* A process that is looked at, with one that does nothing but live. */
static void run_idle(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_receive(self, RT_INFINITY, &message);
}

/* D-44: each request of observer's first pages has its answer. */
static void answers_the_first_pages(struct bed *bed)
{
    etf_term info = value(bed, "observer_backend", "sys_info", etf_nil());
    struct rt_stats stats;

    rt_stats(bed->rt, &stats);
    assert_int_equal(number(info, "schedulers"), stats.workers);
    assert_int_equal(number(info, "wordsize_external"), 8);
    assert_true(number(info, "process_count") > 5);
    assert_true(number(info, "total") > 0);
    assert_true(etf_equal(value(bed, "observer_backend", "get_table_list",
                                etf_make(bed->self, "[ets, []]")),
                          etf_nil()));
    assert_true(etf_equal(
        value(bed, "observer_backend", "get_port_list", etf_nil()), etf_nil()));
    assert_true(etf_match(value(bed, "observer_backend", "vsn", etf_nil()),
                          "{ok, __}"));
}

static void tells_of_each_process(struct bed *bed)
{
    struct rt_spawn_options o = { .name = etf_atom("idle") };
    etf_term message = ETF_NONE, rows, row, name;
    etf_pid idle, teller, pid;
    bool found = false;
    uint64_t memory;

    assert_int_equal(rt_spawn(bed->self, run_idle, NULL, &o, &idle), AGNER_OK);
    (void)value(bed, "observer_backend", "procs_info",
                etf_make(bed->self, "[_]", rt_self(bed->self)));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{procs_info, _, _}", &teller, &rows));
    assert_true(etf_pid_equal(teller, rt_self(bed->self)));
    while (etf_list_next(&rows, &row)) {
        assert_true(
            etf_match(row, "{etop_proc_info, _, _, __, _, 0, {__, __, __}, __}",
                      &pid, &memory, &name));
        assert_false(etf_pid_equal(pid, teller)); /* but for oneself */
        found |= etf_pid_equal(pid, idle) && etf_atom_is(name, "idle");
    }
    assert_true(found);
    bed_expect_nothing(bed);
}

static void collects_for_etop(struct bed *bed)
{
    etf_term message = ETF_NONE, rows, loads, memory;
    int64_t count;

    (void)value(bed, "observer_backend", "etop_collect",
                etf_make(bed->self, "[_]", rt_self(bed->self)));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message,
                          "{__, {etop_info, {__, __, __}, _, undefined, _, __, "
                          "undefined, _, _}}",
                          &count, &loads, &memory, &rows));
    assert_int_equal(etf_list_size(rows), count);
    assert_true(number(memory, "total") > 0);
}

static void run_charts(struct gen *self, void *arg)
{
    const etf_pid *to = arg;
    etf_term result = ETF_NONE;

    (void)ask(self, "observer_backend", "fetch_stats",
              etf_make(self, "[_, 1000]", *to), &result);
    rt_exit(self, result);
}

/* Every second, until something comes. */
static void feeds_the_charts(struct bed *bed)
{
    etf_pid self = rt_self(bed->self), charts;
    struct rt_spawn_options o = { .link = true };
    etf_term message = ETF_NONE, loads, memory;
    uint64_t start_ms = rt_now_ms(bed->rt);

    if (bed->seed == 0)
        return; /* three seconds, in real time */
    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_spawn(bed->self, run_charts, &self, &o, &charts),
                     AGNER_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message,
                              "{stats, 1, _, {{input, 0}, {output, 0}}, _}",
                              &loads, &memory));
        assert_true(rt_now_ms(bed->rt) - start_ms >= 1000 * i);
        assert_int_equal(etf_list_size(loads), 1);
        assert_true(number(memory, "total") > 0);
    }
    assert_int_equal(rt_send_pid(bed->self, charts, ETF_A(stop)), AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', __, ok}"));
}

static etf_pid start_monitor(struct bed *bed)
{
    etf_pid self = rt_self(bed->self), pid = { .id = 0 };

    assert_true(etf_match(value(bed, "appmon_info", "start_link2",
                                etf_make(bed->self, "[_, _, []]", self, self)),
                          "{ok, _}", &pid));
    return pid;
}

static void draws_the_tree(struct bed *bed)
{
    etf_pid monitor = start_monitor(bed);
    etf_term message = ETF_NONE, processes, links, root;

    assert_int_equal(gen_cast(bed->self, etf_from_pid(NULL, monitor),
                              etf_make(bed->self, "{_, app, kernel, true, []}",
                                       rt_self(bed->self))),
                     AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{delivery, __, app, kernel, {_, _, _, __}}",
                          &root, &processes, &links));
    assert_true(etf_list_size(processes) > 5);
    /* A tree: each process but the root hangs on one. */
    assert_int_equal(etf_list_size(processes), etf_list_size(links) + 1);
    rt_unlink(bed->self, monitor);
    assert_int_equal(rt_kill(bed->rt, monitor, ETF_A(kill)), AGNER_OK);
}

/* What does not change is told once; what was given up is not told. */
static void delivers_what_changed(struct bed *bed)
{
    etf_pid monitor = start_monitor(bed);
    etf_term to = etf_from_pid(NULL, monitor), message = ETF_NONE;
    etf_pid self = rt_self(bed->self);

    assert_int_equal(
        gen_cast(bed->self, to,
                 etf_make(bed->self, "{_, app_ctrl, x, true, [{timeout, 1}]}",
                          self)),
        AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{delivery, __, app_ctrl, x, [_]}", &message));
    assert_int_equal(rt_receive(bed->self, 50, &message), AGNER_ETIMEOUT);
    assert_int_equal(
        gen_cast(bed->self, to,
                 etf_make(bed->self, "{_, app_ctrl, x, false, []}", self)),
        AGNER_OK);
    /* Its last client has gone. */
    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(
        rt_send(bed->self, to, etf_make(bed->self, "{'EXIT', _, x}", self)),
        AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', __, normal}"));
}

#define TEST(name) \
    static void name##_everywhere(struct bed *bed) \
    { \
        open_kernel(bed); \
        name(bed); \
    } \
    static void D_44_##name(void **state) \
    { \
        (void)state; \
        bed_everywhere(name##_everywhere, 2); \
    }

TEST(answers_the_first_pages)
TEST(tells_of_each_process)
TEST(collects_for_etop)
TEST(feeds_the_charts)
TEST(draws_the_tree)
TEST(delivers_what_changed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D_44_answers_the_first_pages),
        cmocka_unit_test(D_44_tells_of_each_process),
        cmocka_unit_test(D_44_collects_for_etop),
        cmocka_unit_test(D_44_feeds_the_charts),
        cmocka_unit_test(D_44_draws_the_tree),
        cmocka_unit_test(D_44_delivers_what_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_tools_memory.c -- failed allocations in event managers, tasks
 * and procs: G34.
 *
 * The program's own malloc and its like are wrapped by the linker. For each
 * operation, in a simulated world, the first allocation fails, then the second,
 * until none does: each time it says so, or has done what it should without
 * that memory; handlers are destroyed as often as they began, no process is
 * left, and the sanitizers find no leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "failing.h"

/* ---- What is operated on ------------------------------------------------ */

static unsigned begun, destroyed; /* handlers */

/* More than the region's first chunk holds. */
static etf_term large(struct gen *self)
{
    uint8_t bytes[200] = { 0 };
    etf_term list = etf_nil();

    for (int i = 0; i < 20; i++)
        list = etf_cons(rt_region(self),
                        etf_binary(rt_region(self), bytes, sizeof bytes), list);
    return list;
}

static enum gen_event_next on_init(struct gen *self, etf_term args)
{
    (void)self;
    (void)args;
    begun++;
    return GEN_EVENT_NEXT;
}

static enum gen_event_next on_call(struct gen *self, etf_term request,
                                   etf_term *reply)
{
    if (etf_match(request, "leave"))
        rt_exit(self, large(self));
    *reply = large(self);
    return GEN_EVENT_NEXT;
}

static etf_term on_terminate(struct gen *self, etf_term argument)
{
    return etf_make(self, "{_, _}", argument, large(self));
}

static void on_destroy(void *state)
{
    (void)state;
    destroyed++;
}

static const struct gen_event_handler handler = {
    .name = "handler",
    .state_size = 16,
    .init = on_init,
    .handle_call = on_call,
    .terminate = on_terminate,
    .destroy = on_destroy,
};
static const struct gen_event_entry entries[] = {
    { .handler = &handler }, { .handler = &handler, .id = "second" }
};
static const struct gen_event manager = { .name = "manager",
                                          .handlers = entries,
                                          .handler_count = 2 };

static etf_term do_work(struct gen *self, etf_term arg)
{
    if (etf_match(arg, "leave"))
        rt_exit(self, large(self));
    return large(self);
}

static const struct gen_task_job job = { .name = "job", .run = do_work };

static void run_proc(struct gen *self, etf_term args)
{
    if (gen_proc_init_ack(self, large(self)) != AGNER_OK)
        gen_proc_init_fail(self, ETF_A(memory_limit));
    if (etf_match(args, "leave"))
        rt_exit(self, large(self));
    (void)gen_proc_hibernate(self, large(self));
    rt_exit(self, ETF_A(memory_limit));
}

static void wake_proc(struct gen *self, etf_term args, etf_term message)
{
    (void)self;
    (void)args;
    (void)message;
}

static const struct gen_proc proc = { .name = "proc",
                                      .run = run_proc,
                                      .woken = wake_proc };

struct desk {
    struct gen *self;
    etf_term manager; /* of the operations on one */
};

/* ---- Operations --------------------------------------------------------- */

static enum agner_err op_start(struct desk *d)
{
    etf_pid pid;
    enum agner_err err =
        gen_event_start(d->self, &manager, large(d->self), NULL, &pid, NULL);

    failing_in = 0;
    if (err == AGNER_OK)
        err = gen_event_stop(d->self, etf_from_pid(NULL, pid), ETF_A(normal),
                             1000);
    return err;
}

static enum agner_err op_add(struct desk *d)
{
    return gen_event_add_handler(d->self, d->manager, &handler,
                                 etf_make(d->self, "{third, [_]}", 1),
                                 large(d->self), NULL);
}

static enum agner_err op_add_sup(struct desk *d)
{
    return gen_event_add_sup_handler(d->self, d->manager, &handler,
                                     etf_make(d->self, "third"), large(d->self),
                                     NULL);
}

static enum agner_err op_swap(struct desk *d)
{
    return gen_event_swap_sup_handler(
        d->self, d->manager, etf_make(d->self, "handler"), large(d->self),
        &handler, etf_make(d->self, "[third]"), large(d->self), NULL);
}

static enum agner_err op_delete(struct desk *d)
{
    etf_term left = ETF_NONE;

    return gen_event_delete_handler(d->self, d->manager,
                                    etf_make(d->self, "handler"),
                                    large(d->self), &left);
}

static enum agner_err op_notify(struct desk *d)
{
    enum agner_err err = gen_event_notify(d->self, d->manager, large(d->self));

    return err != AGNER_OK
               ? err
               : gen_event_sync_notify(d->self, d->manager, large(d->self));
}

static enum agner_err op_call(struct desk *d)
{
    return gen_event_call(d->self, d->manager, etf_make(d->self, "handler"),
                          large(d->self), 1000, NULL);
}

/* The handler fails, and is reported. */
static enum agner_err op_failure(struct desk *d)
{
    enum agner_err err =
        gen_event_call(d->self, d->manager, etf_make(d->self, "handler"),
                       etf_make(d->self, "leave"), 1000, NULL);

    return err == AGNER_ETERMINATED ? AGNER_OK : err;
}

static enum agner_err op_which(struct desk *d)
{
    return gen_event_which_handlers(d->self, d->manager, NULL);
}

static enum agner_err op_task(struct desk *d)
{
    struct gen_task task;
    enum agner_err err =
        gen_task_async_nolink(d->self, &job, large(d->self), NULL, &task);

    return err != AGNER_OK ? err : gen_task_await(d->self, &task, 1000, NULL);
}

static enum agner_err op_task_failure(struct desk *d)
{
    struct gen_task task;
    enum agner_err err =
        gen_task_async(d->self, &job, etf_make(d->self, "leave"), NULL, &task);

    if (err == AGNER_OK)
        err = gen_task_await(d->self, &task, 1000, NULL);
    return err == AGNER_EEXIT ? AGNER_OK : err;
}

static bool next_item(struct gen *self, void *ctx, etf_term *item)
{
    unsigned *left = ctx;

    if (*left == 0)
        return false;
    --*left;
    *item = etf_make(self, "{item, _}", *left);
    return true;
}

static enum agner_err op_stream(struct desk *d)
{
    struct gen_task_stream_options options = { .concurrency = 2,
                                               .nolink = true };
    unsigned left = 4, seen = 0;
    struct gen_task_stream s;
    struct gen_task_result r;
    enum agner_err err, first = AGNER_OK;

    assert_int_equal(
        gen_task_stream_open(&s, d->self, &job, next_item, &left, &options),
        AGNER_OK);
    while ((err = gen_task_stream_next(d->self, &s, &r)) == AGNER_OK) {
        seen++;
        if (first == AGNER_OK)
            first = r.err;
    }
    if (err != AGNER_ENOREF)
        gen_task_stream_close(d->self, &s);
    else
        assert_int_equal(seen, 4); /* each item has its result */
    return err != AGNER_ENOREF ? err : first;
}

static enum agner_err op_proc(struct desk *d)
{
    etf_term said = ETF_NONE;
    etf_pid pid;
    enum agner_err err =
        gen_proc_start(d->self, &proc, large(d->self), NULL, 1000, &pid, &said);

    if (err != AGNER_OK)
        return err;
    failing_in = 0;
    (void)rt_sleep(d->self, 1); /* it goes to sleep, or could not */
    (void)rt_send_pid(d->self, pid, ETF_A(ok));
    return rt_wait(d->self, pid, 1000);
}

static enum agner_err op_proc_failure(struct desk *d)
{
    etf_pid pid;
    enum agner_err err =
        gen_proc_spawn(d->self, &proc, etf_make(d->self, "leave"), NULL, &pid);

    return err != AGNER_OK ? err : rt_wait(d->self, pid, 1000);
}

static const struct op {
    const char *name;
    enum agner_err (*run)(struct desk *d);
} ops[] = {
    { "start", op_start },     { "add", op_add },
    { "add_sup", op_add_sup }, { "swap", op_swap },
    { "delete", op_delete },   { "notify", op_notify },
    { "call", op_call },       { "failure", op_failure },
    { "which", op_which },     { "task", op_task },
    { "stream", op_stream },   { "task_failure", op_task_failure },
    { "proc", op_proc },       { "proc_failure", op_proc_failure },
};

/* ---- One allocation fails ----------------------------------------------- */

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* Runs it with the n-th allocation failing; false: there is no n-th. */
static bool run_failing(const struct op *op, unsigned n)
{
    struct sim *sim = sim_new(n, NULL);
    struct rt_options options = { .world = sim_world(sim), .log = no_log };
    struct desk d = { .manager = ETF_NONE };
    struct rt_stats stats;
    enum agner_err err;
    struct rt *rt;
    etf_pid pid;

    begun = destroyed = 0;
    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    d.self = rt_attach(rt);
    (void)rt_trap_exit(d.self, true);
    assert_int_equal(
        gen_event_start(d.self, &manager, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    d.manager = etf_from_pid(NULL, pid);
    failing_seen = false;
    failing_in = n;
    err = op->run(&d);
    failing_in = 0;
    if (!failing_seen && err != AGNER_OK)
        fail_msg("%s: %s", op->name, agner_strerror(err));
    /* The manager serves on, unless a call could not be noted: then it ends. */
    if (gen_event_stop(d.self, d.manager, ETF_A(normal), 1000) != AGNER_OK)
        assert_true(failing_seen);
    (void)sim_run(sim, 20);
    assert_int_equal(begun, destroyed);
    rt_stats(rt, &stats);
    if (stats.processes != 1)
        fail_msg("%s: %llu processes after allocation %u failed", op->name,
                 (unsigned long long)stats.processes, n);
    rt_detach(d.self);
    rt_free(rt, 1000);
    sim_free(sim);
    return failing_seen;
}

static void each_operation_survives_each_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        unsigned n = 1;

        (void)run_failing(&ops[i], 0); /* caches are warm, atoms are there */
        while (run_failing(&ops[i], n))
            n++;
        assert_true(n > 1); /* it does need memory */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_survives_each_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

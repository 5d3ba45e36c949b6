/*
 * test_behaviors_starts.c -- what is started without the table or the function
 * that it needs is refused, by an error and not by a crash.
 *
 * One row for each public function that starts something, or calls what it was
 * given.
 */
#include "probe.h"

static const struct gen_statem no_states = { .name = "machine" };
static const struct gen_saga no_callbacks = { .name = "saga" };
static const struct gen_steps no_steps = { .name = "steps", .count = 1 };
static const struct gen_proc no_run = { .name = "proc" };
static const struct gen_task_job no_job = { .name = "job" };
static const struct gen_service_spec no_apply = { .name = "service" };
static const struct gen_service_map_spec no_create = { .name = "map" };
static const struct gen_service_member no_service = { .spec = NULL };
static const struct gen_sink_batch no_batch = { .name = "batch" };
static const struct gen_sink_supervisor no_child = { .name = "sink" };
static const struct gen_source_lines_options no_path = { .line_max = 10 };

/* What a call would write. */
struct out {
    etf_pid pid;
    etf_ref ref;
    etf_term term;
    struct gen_task task;
    struct gen_task_stream stream;
    struct gen_sub *sub;
    struct gen_future *future;
    struct gen_service *service;
    struct gen_service_map *map;
    struct agner_error error;
};

static enum agner_err start_interval(struct gen *self)
{
    struct gen_interval *i = gen_interval_new(rt_of(self), NULL, NULL, 1, NULL);
    enum agner_err err = gen_interval_start(self, i);

    if (err == AGNER_EINVAL)
        err = gen_interval_run(self, i);
    gen_interval_free(i);
    return err;
}

static enum agner_err recover_group(struct gen *self)
{
    struct gen_group *group = gen_group_new(rt_of(self));
    enum agner_err err = gen_group_add(group, 1);

    if (err == AGNER_OK)
        err = gen_recover_group(self, NULL, NULL, NULL, NULL, group, NULL);
    if (gen_group_wait(self, group, 0, NULL) != AGNER_OK)
        err = AGNER_EAGAIN; /* it is not done */
    gen_group_free(group);
    return err;
}

static enum agner_err mono_apply(struct gen *self)
{
    struct gen_mono *mono = gen_mono_new();
    enum agner_err err = gen_mono_apply(self, mono, NULL, NULL, NULL);

    gen_mono_free(mono);
    return err;
}

static enum agner_err fulfil(struct gen *self)
{
    struct gen_future *f = gen_future_promise(rt_of(self));
    enum agner_err err = gen_future_set(f, AGNER_OK, ETF_NONE);

    if (gen_future_is_done(f))
        err = AGNER_EALREADY; /* it must not be */
    gen_future_free(f);
    return err;
}

static enum agner_err steps(struct gen *self, const struct gen_steps *table,
                            struct out *o)
{
    struct gen_store *store = NULL;
    enum agner_err err = gen_store_memory(rt_of(self), &store);

    if (err == AGNER_OK)
        err = gen_steps_start(self, table, store, NULL, &o->pid, NULL);
    gen_store_free(store);
    return err;
}

static enum agner_err feed_of(struct gen *self, struct gen_feed_type *type)
{
    struct gen_feed_options options = { .type = type };
    struct gen_feed *feed;

    return gen_feed_new(self, &options, &feed);
}

static enum agner_err mux_of(struct gen *self, struct gen_feed_type *type)
{
    struct gen_feed_type *const types[] = { type };
    struct gen_mux *mux = NULL;
    struct gen_sub *sub;
    enum agner_err err = gen_mux_new(self, &mux);

    if (err == AGNER_OK)
        err = gen_mux_subscribe(self, mux, types, 1, NULL, &sub);
    gen_mux_free(mux);
    return err;
}

/* Patterns that are none for a type. */
static struct gen_feed_type unclosed = { .pattern = "{price, " };
static struct gen_feed_type open = { .pattern = "{price, _}" };
static struct gen_feed_type without = { .pattern = NULL };

/* clang-format off */
#define ROWS(X)                                                                \
    X(gen_start(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))                    \
    X(gen_start_link(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))               \
    X(gen_start_monitor(self, NULL, ETF_A(ok), NULL, &o.pid, &o.ref, NULL))    \
    X(gen_statem_start(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))             \
    X(gen_statem_start_link(self, &no_states, ETF_A(ok), NULL, &o.pid, NULL))  \
    X(gen_statem_start_monitor(self, NULL, ETF_A(ok), NULL, &o.pid, &o.ref,    \
                               NULL))                                          \
    X(gen_supervisor_start(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))         \
    X(gen_supervisor_start_link(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))    \
    X(gen_start_child(self, ETF_A(undefined), NULL, &o.pid, NULL))                  \
    X(gen_partition_start_link(self, "parts", NULL, 1, &o.pid, NULL))          \
    X(gen_bridge_start_link(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))        \
    X(gen_event_add_handler(self, ETF_A(undefined), NULL, ETF_NONE, ETF_A(ok),      \
                            NULL))                                             \
    X(gen_event_add_sup_handler(self, ETF_A(undefined), NULL, ETF_NONE, ETF_A(ok),  \
                                NULL))                                         \
    X(gen_event_swap_handler(self, ETF_A(undefined), ETF_A(ok), ETF_A(ok), NULL,      \
                             ETF_NONE, ETF_A(ok), NULL))                       \
    X(gen_event_swap_sup_handler(self, ETF_A(undefined), ETF_A(ok), ETF_A(ok), NULL,  \
                                 ETF_NONE, ETF_A(ok), NULL))                   \
    X(gen_proc_spawn(self, NULL, ETF_A(ok), NULL, &o.pid))                     \
    X(gen_proc_spawn_link(self, &no_run, ETF_A(ok), NULL, &o.pid))             \
    X(gen_proc_start(self, &no_run, ETF_A(ok), NULL, 1, &o.pid, NULL))         \
    X(gen_proc_start_link(self, NULL, ETF_A(ok), NULL, 1, &o.pid, NULL))       \
    X(gen_task_async(self, NULL, ETF_A(ok), NULL, &o.task))                    \
    X(gen_task_async_nolink(self, &no_job, ETF_A(ok), NULL, &o.task))          \
    X(gen_task_stream_open(&o.stream, self, NULL, gen_task_stream_list, NULL,  \
                           NULL))                                              \
    X(gen_application_load(self, NULL, &o.error))                              \
    X(gen_stage_start(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))              \
    X(gen_stage_start_link(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))         \
    X(gen_stage_start_monitor(self, NULL, ETF_A(ok), NULL, &o.pid, &o.ref,     \
                              NULL))                                           \
    X(gen_sink_supervisor_start(self, NULL, NULL, 0, NULL, &o.pid, NULL))      \
    X(gen_sink_supervisor_start_link(self, &no_child, NULL, 0, NULL, &o.pid,   \
                                     NULL))                                    \
    X(gen_sink_batch_start(self, NULL, ETF_A(ok), NULL, 0, NULL, &o.pid,       \
                           NULL))                                              \
    X(gen_sink_batch_start_link(self, &no_batch, ETF_A(ok), NULL, 0, NULL,     \
                                &o.pid, NULL))                                 \
    X(gen_source_lines_start(self, NULL, NULL, &o.pid, NULL))                  \
    X(gen_source_lines_start_link(self, &no_path, NULL, &o.pid, NULL))         \
    X(gen_saga_start(self, NULL, ETF_A(ok), NULL, &o.pid, NULL))               \
    X(gen_saga_start_link(self, &no_callbacks, ETF_A(ok), NULL, &o.pid, NULL)) \
    X(gen_saga_start_monitor(self, NULL, ETF_A(ok), NULL, &o.pid, &o.ref,      \
                             NULL))                                            \
    X(steps(self, NULL, &o))                                                   \
    X(steps(self, &no_steps, &o))                                              \
    X(feed_of(self, &unclosed))                                                \
    X(feed_of(self, &open))                                                    \
    X(feed_of(self, &without))                                                 \
    X(mux_of(self, &unclosed))                                                 \
    X(mux_of(self, NULL))                                                      \
    X(gen_producer_start(self, NULL, NULL, NULL, &o.sub))                      \
    X(gen_resubscribe(self, NULL, NULL, NULL, &o.sub))                         \
    X(gen_future_start(self, NULL, NULL, NULL, &o.future))                     \
    X(fulfil(self))                                                            \
    X(start_interval(self))                                                    \
    X(gen_recover(self, NULL, NULL, NULL, NULL, NULL))                         \
    X(recover_group(self))                                                     \
    X(gen_check(self, NULL, NULL))                                             \
    X(gen_retry_apply(self, NULL, NULL, NULL, NULL))                           \
    X(mono_apply(self))                                                        \
    X(gen_service_start(self, NULL, NULL, &o.service, &o.error))               \
    X(gen_service_start(self, &no_apply, NULL, &o.service, NULL))              \
    X(gen_service_map_new(self, NULL, NULL, &o.map, &o.error))                 \
    X(gen_service_map_new(self, &no_create, NULL, &o.map, &o.error))           \
    X(gen_service_map_of(self, NULL, 1, NULL, &o.map, &o.error))               \
    X(gen_service_map_of(self, &no_service, 1, NULL, &o.map, &o.error))        \
    X(gen_service_provide(rt_of(self), "kind", NULL, NULL))                    \
    X(gen_service_provide(rt_of(self), NULL, &no_create, NULL))
/* clang-format on */

static void what_lacks_its_function_does_not_start(void **state)
{
    struct gen *self = ((struct probe_world *)*state)->self;
    struct out o = { .sub = NULL };

#define CHECK(call) \
    if ((call) != AGNER_EINVAL) \
        fail_msg("%s is not AGNER_EINVAL", #call);
    ROWS(CHECK)
#undef CHECK
    assert_null(o.sub);
    assert_null(o.future);
    assert_null(o.service);
    assert_null(o.map);
}

static void becoming_nothing_is_an_end(struct gen *self, void *arg)
{
    (void)arg;
    gen_enter_loop(self, NULL, ETF_A(ok), true);
}

static void a_loop_of_no_server_ends_its_process(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    assert_int_equal(
        rt_spawn(world->self, becoming_nothing_is_an_end, NULL, NULL, &pid),
        AGNER_OK);
    assert_int_equal(rt_wait(world->self, pid, 60000), AGNER_OK);
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_lacks_its_function_does_not_start),
        CASE(a_loop_of_no_server_ends_its_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_service_threads.c -- services on threads: states are read by
 * many while they change, and maps are changed and followed at once. For the
 * thread sanitizer above all.
 */
#include <stdio.h>

#include "../process/bed.h"

#include <agner/gen.h>

#include "atomic.h"

#define READERS 4
#define CHANGES 2000

static enum agner_err apply(struct gen *self, struct gen_apply *a)
{
    (void)self;
    (void)a;
    return AGNER_OK;
}

static const struct gen_service_spec spec = { .name = "s", .apply = apply };

struct shared {
    struct gen_service *service;
    struct gen_service_map *map;
    _Atomic bool stop;
    _Atomic unsigned wrong, states;
};

/* What one verb writes belongs together: its time and what it is of. */
static void look(struct shared *shared, uint64_t *version)
{
    const struct gen_service_state *t = gen_service_state(shared->service);
    bool good =
        t->version >= *version && (t->config.size == 0 || t->config.size == 40);

    for (size_t i = 1; good && i < t->config.size; i++)
        good = t->config.data[i] == t->config.data[0];
    good = good && t->active == (t->last_active_ns > t->last_inactive_ns);
    *version = t->version;
    gen_service_state_free(t);
    if (!good)
        add_relaxed(&shared->wrong, 1u);
    add_relaxed(&shared->states, 1u);
}

static void read_states(struct gen *self, void *arg)
{
    struct shared *shared = arg;
    uint64_t version = 0;

    while (!load_relaxed(&shared->stop)) {
        look(shared, &version);
        rt_yield(self);
    }
}

static void follow(struct gen *self, void *arg)
{
    struct shared *shared = arg;
    const struct gen_service_state *first;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    uint64_t version;

    if (gen_service_follow(self, shared->service, NULL, &first, &cursor) !=
        AGNER_OK) {
        add_relaxed(&shared->wrong, 1u);
        return;
    }
    version = first->version;
    gen_service_state_free(first);
    for (;;) {
        enum agner_err err =
            gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL);

        if (err == AGNER_EDONE)
            return;
        if (err == AGNER_ELAGGED)
            version += event.size;
        else if (err != AGNER_OK ||
                 gen_service_event_state(&event)->version != ++version)
            add_relaxed(&shared->wrong, 1u);
    }
}

static uint64_t ticks(void *ctx)
{
    return add_relaxed((_Atomic uint64_t *)ctx, 1u) + 1;
}

/* spec/service.md 1: the state is consistent in itself, for any thread. */
static void states_are_whole_while_they_change(void **state)
{
    static _Atomic uint64_t clock_ns;
    struct gen_service_options options = { .clock = ticks,
                                           .clock_ctx = &clock_ns,
                                           .replace = true };
    struct shared shared = { 0 };
    etf_pid pids[READERS];
    char config[40];
    struct bed bed;

    (void)state;
    bed_open(&bed, 0);
    assert_int_equal(
        gen_service_start(bed.self, &spec, &options, &shared.service, NULL),
        AGNER_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(rt_spawn(bed.self, i % 2 == 0 ? read_states : follow,
                                  &shared, NULL, &pids[i]),
                         AGNER_OK);
    for (int i = 0; i < CHANGES; i++) {
        memset(config, 'a' + i % 26, sizeof config);
        (void)gen_service_configure(bed.self, shared.service, config,
                                    sizeof config, NULL, NULL);
        (void)gen_service_activate(bed.self, shared.service, NULL);
        if (i % 3 == 0)
            (void)gen_service_deactivate(bed.self, shared.service, NULL);
        rt_reset(bed.self);
    }
    assert_int_equal(gen_service_terminate(bed.self, shared.service, WAIT_MS),
                     AGNER_OK);
    store_relaxed(&shared.stop, true);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(rt_wait(bed.self, pids[i], WAIT_MS), AGNER_OK);
    assert_int_equal(load_relaxed(&shared.wrong), 0);
    gen_service_free(shared.service);
    rt_reset(bed.self);
    bed_close(&bed);
}

/* ---- A map
 * -------------------------------------------------------------------- */

static enum agner_err create(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **service_spec,
                             struct gen_service_options *options,
                             struct agner_error *error)
{
    (void)arg;
    (void)id;
    (void)kind;
    (void)options;
    (void)error;
    *service_spec = &spec;
    return AGNER_OK;
}

static const struct gen_service_map_spec by_uuid = { .name = "m",
                                                     .create = create,
                                                     .id = gen_id_is_uuid };

static void make_and_delete(struct gen *self, void *arg)
{
    struct shared *shared = arg;
    struct gen_service_create what = { .kind = "s",
                                       .active = true,
                                       .configured = true,
                                       .config = { (const uint8_t *)"c", 1 } };

    for (int i = 0; i < 60; i++) {
        const struct gen_service_record *record;

        if (gen_service_map_create(self, shared->map, &what, &record, NULL,
                                   NULL) != AGNER_OK) {
            add_relaxed(&shared->wrong, 1u);
            return;
        }
        (void)gen_service_configure(self, record->service, "two", 3, NULL,
                                    NULL); /* it may load still */
        if (gen_service_map_delete(self, shared->map, record->id) != AGNER_OK)
            add_relaxed(&shared->wrong, 1u);
        gen_service_record_free(record);
        rt_reset(self);
    }
}

/* With services that have no process, and some that get one meanwhile. */
static void make_asleep_and_delete(struct gen *self, void *arg)
{
    struct shared *shared = arg;
    struct gen_service_create what = { .kind = "s" };
    const struct gen_service_state *t;

    for (int i = 0; i < 300; i++) {
        const struct gen_service_record *record;
        etf_pid pid;

        if (gen_service_map_create(self, shared->map, &what, &record, NULL,
                                   NULL) != AGNER_OK ||
            gen_service_activate(self, record->service, NULL) != AGNER_OK ||
            gen_service_deactivate(self, record->service, NULL) != AGNER_OK ||
            gen_service_configure(self, record->service, "c", 1, &t, NULL) !=
                AGNER_OK) {
            add_relaxed(&shared->wrong, 1u);
            return;
        }
        if (t->version != 4 || t->active)
            add_relaxed(&shared->wrong, 1u);
        gen_service_state_free(t);
        if (i % 7 == 0 &&
            gen_service_process(self, record->service, &pid) != AGNER_OK)
            add_relaxed(&shared->wrong, 1u);
        if (i % 5 == 0)
            (void)gen_service_activate(self, record->service, NULL);
        if (gen_service_map_delete(self, shared->map, record->id) != AGNER_OK)
            add_relaxed(&shared->wrong, 1u);
        gen_service_record_free(record);
        rt_reset(self);
    }
}

/* Counts what is there by the log alone. */
static void count(struct gen *self, void *arg)
{
    struct shared *shared = arg;
    const struct gen_service_snapshot *snapshot;
    struct gen_cursor_options keep = { 0 };
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    uint64_t number;
    long there;

    if (gen_service_map_follow(self, shared->map, &keep, &snapshot, &cursor) !=
        AGNER_OK)
        return;
    there = (long)snapshot->count;
    number = snapshot->number;
    gen_service_snapshot_free(snapshot);
    while (gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL) ==
           AGNER_OK) {
        const struct gen_service_change *change =
            gen_service_event_change(&event);

        there += change->type == GEN_SERVICE_ADD;
        there -= change->type == GEN_SERVICE_REMOVE;
        if (change->number != ++number)
            add_relaxed(&shared->wrong, 1u);
    }
    if (there != 0)
        add_relaxed(&shared->wrong, 1u);
}

static void whole_log(void (*maker)(struct gen *self, void *arg))
{
    struct shared shared = { 0 };
    etf_pid makers[3], counters[2];
    struct bed bed;

    bed_open(&bed, 0);
    assert_int_equal(
        gen_service_map_new(bed.self, &by_uuid, NULL, &shared.map, NULL),
        AGNER_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rt_spawn(bed.self, maker, &shared, NULL, &makers[i]),
                         AGNER_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rt_spawn(bed.self, count, &shared, NULL, &counters[i]),
                         AGNER_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rt_wait(bed.self, makers[i], WAIT_MS), AGNER_OK);
    assert_int_equal(gen_service_map_terminate(bed.self, shared.map, WAIT_MS),
                     AGNER_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rt_wait(bed.self, counters[i], WAIT_MS), AGNER_OK);
    assert_int_equal(load_relaxed(&shared.wrong), 0);
    gen_service_map_free(shared.map);
    rt_reset(bed.self);
    bed_close(&bed);
}

static void a_log_is_whole_while_many_change_it(void **state)
{
    (void)state;
    whole_log(make_and_delete);
}

static void a_log_is_whole_while_services_are_asleep(void **state)
{
    (void)state;
    whole_log(make_asleep_and_delete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_whole_while_they_change),
        cmocka_unit_test(a_log_is_whole_while_many_change_it),
        cmocka_unit_test(a_log_is_whole_while_services_are_asleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

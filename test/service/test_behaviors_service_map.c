/*
 * test_behaviors_service_map.c -- service maps: content, the log, and what
 * becomes of the dead. In the simulated world.
 */
#include <stdio.h>

#include "puppet_service.h"

struct scene {
    struct bed bed;
    struct puppet p; /* of all services */
    struct gen_service_map *map;
    bool create_fails, create_crashes;
    unsigned created, freed;
};

static void silent(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static unsigned args_freed;

static void arg_free(void *arg)
{
    (void)arg;
    args_freed++;
}

/* Kinds: `puppet` has a parser, `raw` has none; others are unknown. */
static enum agner_err create_service(void *arg, const char *id,
                                     const char *kind,
                                     const struct gen_service_spec **spec,
                                     struct gen_service_options *options,
                                     struct agner_error *error)
{
    struct scene *s = arg;

    (void)id;
    if (s->create_fails)
        return agner_fail(error, AGNER_EIO, "no driver for %s", kind);
    if (s->create_crashes)
        rt_exit(s->bed.self, etf_atom("boom"));
    if (strcmp(kind, "boat") == 0)
        return agner_fail(error, AGNER_EUNKNOWN, "no such kind: %s", kind);
    s->created++;
    *spec = strcmp(kind, "raw") == 0 ? &puppet_raw_spec : &puppet_spec;
    options->arg = &s->p;
    options->arg_free = arg_free;
    return AGNER_OK;
}

static const struct gen_service_map_spec by_kind = { .name = "drivers",
                                                     .create = create_service,
                                                     .id = gen_id_is_kind };
static const struct gen_service_map_spec by_uuid = { .name = "drivers",
                                                     .create = create_service,
                                                     .id = gen_id_is_uuid };
static const struct gen_service_map_spec by_name = { .name = "drivers",
                                                     .create = create_service };

static void open_with(struct scene *s, const struct gen_service_map_spec *spec,
                      struct gen_service_map_options options)
{
    struct rt_options rt_options = { .log = silent };

    memset(s, 0, sizeof *s);
    args_freed = 0;
    bed_open_with(&s->bed, 1, rt_options, NULL);
    options.arg = s;
    assert_int_equal(
        gen_service_map_new(s->bed.self, spec, &options, &s->map, NULL),
        AGNER_OK);
}

static void open_scene(struct scene *s)
{
    open_with(s, &by_name,
              (struct gen_service_map_options){ .name = etf_atom("drivers") });
}

static void run(struct scene *s, uint64_t ms)
{
    (void)sim_run(s->bed.sim, ms);
}

static void close_scene(struct scene *s)
{
    struct rt_stats stats;

    s->p.gate = true;
    (void)gen_service_map_terminate(s->bed.self, s->map, RT_INFINITY);
    run(s, 10);
    rt_reset(s->bed.self);
    rt_stats(s->bed.rt, &stats);
    assert_int_equal(stats.processes, 1); /* nothing outlives it */
    gen_service_map_free(s->map);
    puppet_fini(&s->p);
    assert_int_equal(args_freed, s->created); /* no handle is lost */
    bed_close(&s->bed);
}

static enum agner_err create(struct scene *s, const char *id, const char *kind,
                             bool active, const char *config,
                             struct agner_error *error)
{
    struct gen_service_create what = {
        .id = id, .kind = kind, .active = active, .configured = config != NULL
    };

    if (config != NULL)
        what.config = (etf_bytes){ (const uint8_t *)config, strlen(config) };
    return gen_service_map_create(s->bed.self, s->map, &what, NULL, NULL,
                                  error);
}

static const struct gen_service_record *get(struct scene *s, const char *id)
{
    const struct gen_service_record *record;

    assert_int_equal(gen_service_map_get(s->bed.self, s->map, id, &record),
                     AGNER_OK);
    return record;
}

static enum agner_err delete_id(struct scene *s, const char *id)
{
    return gen_service_map_delete(s->bed.self, s->map, id);
}

static size_t count(struct scene *s)
{
    const struct gen_service_snapshot *snapshot;
    size_t n;

    assert_int_equal(gen_service_map_states(s->bed.self, s->map, &snapshot),
                     AGNER_OK);
    n = snapshot->count;
    gen_service_snapshot_free(snapshot);
    return n;
}

/* The next change: "+id" ADD, "-id" REMOVE, "id:al" UPDATE to active, loading.
 */
static const char *next_change(struct scene *s, struct gen_cursor *cursor)
{
    static char text[64];
    const struct gen_service_change *change;
    struct gen_stream_event event;

    if (gen_cursor_next(s->bed.self, cursor, &event, 0, NULL) != AGNER_OK)
        return "";
    change = gen_service_event_change(&event);
    switch (change->type) {
    case GEN_SERVICE_ADD:
        assert_null(change->before);
        (void)snprintf(text, sizeof text, "+%s", change->record->id);
        break;
    case GEN_SERVICE_REMOVE:
        assert_null(change->after);
        (void)snprintf(text, sizeof text, "-%s", change->record->id);
        break;
    case GEN_SERVICE_UPDATE:
        assert_int_equal(change->after->version, change->before->version + 1);
        (void)snprintf(text, sizeof text, "%s:%s%s%s", change->record->id,
                       change->after->active ? "a" : "",
                       change->after->loading ? "l" : "",
                       change->after->err != AGNER_OK ? "!" : "");
        break;
    case GEN_SERVICE_AGAIN: /* of a map on another node only */
        fail();
        break;
    }
    return text;
}

static struct gen_cursor *follow(struct scene *s)
{
    struct gen_cursor *cursor;

    assert_int_equal(
        gen_service_map_follow(s->bed.self, s->map, NULL, NULL, &cursor),
        AGNER_OK);
    return cursor;
}

/* ---- spec/service.md 4: through the layer above ------------------------- */

/* create, start, delete: ADD, UPDATE, UPDATE, REMOVE with old and new values;
 * the UPDATE to stopped always comes before the REMOVE. */
static void conf_service_map_tells_every_change(void **state)
{
    const struct gen_service_record *record;
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s);
    cursor = follow(&s);
    assert_int_equal(create(&s, "one", "puppet", false, NULL, NULL), AGNER_OK);
    record = get(&s, "one");
    assert_int_equal(gen_service_activate(s.bed.self, record->service, NULL),
                     AGNER_OK);
    gen_service_record_free(record);
    assert_int_equal(delete_id(&s, "one"), AGNER_OK);
    assert_string_equal(next_change(&s, cursor), "+one");
    assert_string_equal(next_change(&s, cursor), "one:a");
    assert_string_equal(next_change(&s, cursor), "one:");
    assert_string_equal(next_change(&s, cursor), "-one");
    assert_string_equal(next_change(&s, cursor), "");
    assert_int_equal(s.p.stops, 1);
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* The bus: 10 listeners, 100 events: each gets all of them in order. */
static void conf_service_bus_one_to_many_tells_all_in_order(void **state)
{
    struct gen_cursor *cursors[10];
    struct scene s;
    char id[16], want[20];

    (void)state;
    open_scene(&s);
    for (int i = 0; i < 10; i++)
        cursors[i] = follow(&s);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(create(&s, id, "raw", false, NULL, NULL), AGNER_OK);
    }
    for (int c = 0; c < 10; c++)
        for (int i = 0; i < 100; i++) {
            (void)snprintf(want, sizeof want, "+s%d", i);
            assert_string_equal(next_change(&s, cursors[c]), want);
        }
    for (int i = 0; i < 10; i++)
        gen_cursor_close(cursors[i]);
    close_scene(&s);
}

/* ---- spec/service.md 2.5 ------------------------------------------------ */

static void an_id_is_taken_once(void **state)
{
    const struct gen_service_record *record;
    struct agner_error error;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(create(&s, "one", "puppet", true, "cfg", NULL), AGNER_OK);
    assert_int_equal(create(&s, "one", "raw", false, NULL, &error),
                     AGNER_EPRESENT);
    assert_string_equal(error.text, "id exists");
    record = get(&s, "one"); /* not replaced */
    assert_string_equal(record->kind, "puppet");
    assert_string_equal(record->id, "one");
    assert_int_equal(record->number, 1);
    gen_service_record_free(record);
    assert_int_equal(delete_id(&s, "one"), AGNER_OK);
    assert_int_equal(create(&s, "one", "raw", false, NULL, NULL), AGNER_OK);
    close_scene(&s);
}

static void ids_are_chosen_as_asked(void **state)
{
    const struct gen_service_record *record;
    struct gen_service_create what = { .kind = "puppet" };
    struct agner_error error;
    struct scene s;

    (void)state;
    open_with(&s, &by_kind, (struct gen_service_map_options){ 0 });
    assert_int_equal(create(&s, NULL, "puppet", false, NULL, NULL), AGNER_OK);
    gen_service_record_free(get(&s, "puppet"));
    assert_int_equal(create(&s, NULL, "puppet", false, NULL, &error),
                     AGNER_EPRESENT);
    assert_string_equal(error.text, "bad id: id exists");
    close_scene(&s);
    open_with(&s, &by_uuid, (struct gen_service_map_options){ 0 });
    assert_int_equal(
        gen_service_map_create(s.bed.self, s.map, &what, &record, NULL, NULL),
        AGNER_OK);
    assert_int_equal(strlen(record->id), 36);
    assert_int_equal(record->id[14], '4');
    gen_service_record_free(record);
    assert_int_equal(create(&s, NULL, "puppet", false, NULL, NULL), AGNER_OK);
    assert_int_equal(count(&s), 2);
    close_scene(&s);
    open_with(&s, &by_name, (struct gen_service_map_options){ 0 });
    assert_int_equal(create(&s, NULL, "puppet", false, NULL, &error),
                     AGNER_EINVAL);
    assert_string_equal(error.text, "bad id: id is required");
    assert_int_equal(create(&s, "", "puppet", false, NULL, &error),
                     AGNER_EINVAL);
    close_scene(&s);
}

static void the_state_is_what_was_asked_for(void **state)
{
    const struct gen_service_state *t;
    struct gen_service_create what = { .id = "one",
                                       .kind = "puppet",
                                       .active = true,
                                       .configured = true,
                                       .config = { (const uint8_t *)"cfg",
                                                   3 } };
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(
        gen_service_map_create(s.bed.self, s.map, &what, NULL, &t, NULL),
        AGNER_OK);
    assert_true(t->active);
    assert_true(t->loading);
    assert_int_equal(t->config.size, 3);
    gen_service_state_free(t);
    run(&s, 10);
    assert_int_equal(s.p.tries, 1);
    assert_string_equal(s.p.tried[0].config, "cfg");
    close_scene(&s);
}

/* 5.5: what failed was announced, and a started service was left running. */
static void a_create_that_fails_leaves_nothing(void **state)
{
    struct gen_cursor *cursor;
    struct agner_error error;
    struct rt_stats stats;
    struct scene s;

    (void)state;
    open_scene(&s);
    cursor = follow(&s);
    assert_int_equal(create(&s, "one", "puppet", true, "bad", &error),
                     AGNER_ESYNTAX);
    assert_string_equal(error.text, "byte 0: not understood");
    s.create_fails = true;
    assert_int_equal(create(&s, "one", "puppet", true, "cfg", &error),
                     AGNER_EIO);
    assert_string_equal(error.text, "no driver for puppet");
    s.create_fails = false;
    s.create_crashes = true;
    assert_int_equal(create(&s, "one", "puppet", true, "cfg", &error),
                     AGNER_ECRASHED);
    assert_string_equal(error.text, "create crashed: boom");
    run(&s, 10);
    rt_stats(s.bed.rt, &stats);
    assert_int_equal(stats.processes, 2); /* the map and the test */
    assert_string_equal(next_change(&s, cursor), "");
    assert_int_equal(count(&s), 0);
    gen_cursor_close(cursor);
    close_scene(&s);
}

static void delete_stops_and_forgets(void **state)
{
    const struct gen_service_record *record;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(delete_id(&s, "one"), AGNER_EUNKNOWN);
    assert_int_equal(create(&s, "one", "puppet", false, NULL, NULL), AGNER_OK);
    assert_int_equal(delete_id(&s, "one"), AGNER_OK); /* was stopped: fine */
    assert_int_equal(delete_id(&s, "one"), AGNER_EUNKNOWN);
    assert_int_equal(gen_service_map_get(s.bed.self, s.map, "one", &record),
                     AGNER_EUNKNOWN);
    close_scene(&s);
}

/* A delete does not wait for an apply that does not listen. */
static void delete_does_not_wait_for_the_grace(void **state)
{
    struct gen_cursor *cursor;
    struct scene s;
    uint64_t began;

    (void)state;
    open_scene(&s);
    s.p.script = "s";
    cursor = follow(&s);
    assert_int_equal(create(&s, "one", "puppet", true, "cfg", NULL), AGNER_OK);
    run(&s, 10);
    assert_int_equal(s.p.running, 1);
    began = rt_now_ms(s.bed.rt);
    assert_int_equal(delete_id(&s, "one"), AGNER_OK);
    assert_true(rt_now_ms(s.bed.rt) - began < 10);
    assert_int_equal(create(&s, "one", "raw", false, NULL, NULL), AGNER_OK);
    run(&s, 6000);
    assert_int_equal(s.p.running, 0);
    assert_string_equal(next_change(&s, cursor), "+one");
    assert_string_equal(next_change(&s, cursor), "one:");
    assert_string_equal(next_change(&s, cursor), "-one");
    assert_string_equal(next_change(&s, cursor), "+one");
    assert_string_equal(next_change(&s, cursor), "");
    gen_cursor_close(cursor);
    close_scene(&s);
}

static void a_fixed_map_stays_as_it_is(void **state)
{
    struct puppet first = { 0 }, second = { 0 };
    struct gen_service_options options[2] = {
        { .arg = &first },
        { .arg = &second,
          .active = true,
          .configured = true,
          .config = { (const uint8_t *)"cfg", 3 } },
    };
    struct gen_service_member members[2] = {
        { &puppet_spec, &options[0] }, { &puppet_raw_spec, &options[1] }
    };
    struct gen_service_create what = { .id = "2", .kind = "raw" };
    const struct gen_service_snapshot *snapshot;
    struct gen_service_map *map;
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    assert_int_equal(gen_service_map_of(bed.self, members, 2, NULL, &map, NULL),
                     AGNER_OK);
    (void)sim_run(bed.sim, 10);
    assert_int_equal(gen_service_map_states(bed.self, map, &snapshot),
                     AGNER_OK);
    assert_int_equal(snapshot->count, 2);
    assert_string_equal(snapshot->entries[0].record->id, "0");
    assert_string_equal(snapshot->entries[0].record->kind, "puppet");
    assert_string_equal(snapshot->entries[1].record->id, "1");
    assert_string_equal(snapshot->entries[1].record->kind, "raw");
    assert_true(snapshot->entries[1].state->active);
    gen_service_snapshot_free(snapshot);
    assert_int_equal(
        gen_service_map_create(bed.self, map, &what, NULL, NULL, NULL),
        AGNER_EIMMUTABLE);
    assert_int_equal(gen_service_map_delete(bed.self, map, "0"),
                     AGNER_EIMMUTABLE);
    assert_int_equal(second.tries, 1);
    assert_int_equal(gen_service_map_terminate(bed.self, map, 1000), AGNER_OK);
    gen_service_map_free(map);
    puppet_fini(&second);
    rt_reset(bed.self);
    bed_close(&bed);
}

/* ---- spec/service.md 5.2: followers ------------------------------------- */

/* 1,000 creates while others follow: the reference's follower saw 10. */
static void a_follower_hears_of_everything(void **state)
{
    const struct gen_service_snapshot *snapshot;
    struct gen_cursor *cursor;
    struct scene s;
    char id[16], want[20];

    (void)state;
    open_scene(&s);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(create(&s, id, "raw", false, NULL, NULL), AGNER_OK);
    }
    assert_int_equal(
        gen_service_map_follow(s.bed.self, s.map, NULL, &snapshot, &cursor),
        AGNER_OK);
    assert_int_equal(snapshot->count, 10);
    assert_int_equal(snapshot->number, 10);
    gen_service_snapshot_free(snapshot);
    for (int i = 10; i < 1010; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(create(&s, id, "raw", false, NULL, NULL), AGNER_OK);
        rt_reset(s.bed.self);
    }
    for (int i = 10; i < 1010; i++) {
        (void)snprintf(want, sizeof want, "+s%d", i);
        assert_string_equal(next_change(&s, cursor), want);
    }
    assert_int_equal(count(&s), 1010);
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* DropExcess: a slow follower that wants the newest only. */
static void conf_service_bus_drop_excess_keeps_the_newest(void **state)
{
    struct gen_cursor_options latest = { .lag = GEN_STREAM_LATEST };
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(
        gen_service_map_follow(s.bed.self, s.map, &latest, NULL, &cursor),
        AGNER_OK);
    assert_int_equal(create(&s, "a", "raw", false, NULL, NULL), AGNER_OK);
    assert_int_equal(create(&s, "b", "raw", false, NULL, NULL), AGNER_OK);
    assert_int_equal(create(&s, "c", "raw", false, NULL, NULL), AGNER_OK);
    assert_string_equal(next_change(&s, cursor), "+c");
    assert_string_equal(next_change(&s, cursor), "");
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* Waits for an event: the reference's Send waits for a reader instead. */
struct waiting {
    struct gen_service_map *map;
    char got[16];
};

static void wait_for_one(struct gen *self, void *arg)
{
    struct waiting *w = arg;
    struct gen_stream_event event;
    struct gen_cursor *cursor;

    if (gen_service_map_follow(self, w->map, NULL, NULL, &cursor) != AGNER_OK ||
        gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL) != AGNER_OK)
        return;
    (void)snprintf(w->got, sizeof w->got, "%s",
                   gen_service_event_change(&event)->record->id);
}

static void conf_service_bus_dont_wait_wakes_who_waits(void **state)
{
    struct waiting w = { 0 };
    struct scene s;
    etf_pid pid;

    (void)state;
    open_scene(&s);
    w.map = s.map;
    assert_int_equal(rt_spawn(s.bed.self, wait_for_one, &w, NULL, &pid),
                     AGNER_OK);
    run(&s, 10);
    assert_int_equal(create(&s, "one", "raw", false, NULL, NULL), AGNER_OK);
    assert_int_equal(rt_wait(s.bed.self, pid, WAIT_MS), AGNER_OK);
    assert_string_equal(w.got, "one");
    close_scene(&s);
}

/* The end of the map is the end of the log. */
static void the_log_ends_with_the_map(void **state)
{
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(create(&s, "one", "puppet", true, NULL, NULL), AGNER_OK);
    cursor = follow(&s);
    assert_int_equal(gen_service_map_terminate(s.bed.self, s.map, 1000),
                     AGNER_OK);
    assert_string_equal(next_change(&s, cursor), "one:"); /* stopped */
    assert_int_equal(gen_cursor_next(s.bed.self, cursor, &event, 0, NULL),
                     AGNER_EDONE);
    assert_true(etf_same(gen_cursor_reason(cursor, rt_region(s.bed.self)),
                         ETF_A(shutdown)));
    assert_int_equal(delete_id(&s, "one"), AGNER_ENOPROC);
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* ---- What becomes of the dead: spec/service.md 2.5
 * --------------------------- */

static void kill_service(struct scene *s, const char *id)
{
    const struct gen_service_record *record = get(s, id);
    etf_pid pid;

    assert_int_equal(gen_service_process(s->bed.self, record->service, &pid),
                     AGNER_OK);
    assert_int_equal(rt_exit_signal(s->bed.self, pid, ETF_A(kill)), AGNER_OK);
    gen_service_record_free(record);
}

static void a_dead_service_is_told_of_and_started_again(void **state)
{
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(create(&s, "one", "puppet", true, "cfg", NULL), AGNER_OK);
    run(&s, 10);
    cursor = follow(&s);
    kill_service(&s, "one");
    run(&s, 100);
    assert_string_equal(next_change(&s, cursor), "one:!");
    assert_int_equal(s.p.tries, 1);
    run(&s, 1000); /* the delay of a first failure */
    assert_int_equal(s.p.tries, 2);
    assert_string_equal(s.p.tried[1].config, "cfg");
    assert_string_equal(next_change(&s, cursor), "one:al");
    assert_string_equal(next_change(&s, cursor), "one:a");
    assert_string_equal(next_change(&s, cursor), "");
    gen_cursor_close(cursor);
    close_scene(&s);
}

static void a_dead_service_is_kept_or_removed_as_asked(void **state)
{
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_with(
        &s, &by_name,
        (struct gen_service_map_options){ .on_loss = GEN_SERVICE_LOSS_KEEP });
    assert_int_equal(create(&s, "one", "puppet", false, NULL, NULL), AGNER_OK);
    cursor = follow(&s);
    kill_service(&s, "one");
    run(&s, 100000);
    assert_string_equal(next_change(&s, cursor), "one:!");
    assert_string_equal(next_change(&s, cursor), "");
    assert_int_equal(count(&s), 1);
    assert_int_equal(delete_id(&s, "one"), AGNER_OK);
    assert_string_equal(next_change(&s, cursor), "-one");
    gen_cursor_close(cursor);
    close_scene(&s);
    open_with(
        &s, &by_name,
        (struct gen_service_map_options){ .on_loss = GEN_SERVICE_LOSS_REMOVE });
    assert_int_equal(create(&s, "one", "puppet", false, NULL, NULL), AGNER_OK);
    cursor = follow(&s);
    kill_service(&s, "one");
    run(&s, 100);
    assert_string_equal(next_change(&s, cursor), "one:!");
    assert_string_equal(next_change(&s, cursor), "-one");
    assert_int_equal(count(&s), 0);
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* 2.5: the UPDATE comes first also when the service is killed, and the delete
 * is there before its end. */
static void a_delete_tells_first_that_it_died(void **state)
{
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(create(&s, "one", "puppet", true, NULL, NULL), AGNER_OK);
    cursor = follow(&s);
    kill_service(&s, "one");
    assert_int_equal(delete_id(&s, "one"), AGNER_OK);
    assert_string_equal(next_change(&s, cursor), "one:!");
    assert_string_equal(next_change(&s, cursor), "-one");
    assert_string_equal(next_change(&s, cursor), "");
    assert_int_equal(count(&s), 0);
    gen_cursor_close(cursor);
    close_scene(&s);
}

static void the_end_of_the_map_ends_its_services(void **state)
{
    const struct gen_service_record *record;
    struct rt_stats stats;
    struct scene s;

    (void)state;
    open_scene(&s);
    assert_int_equal(create(&s, "one", "puppet", true, "cfg", NULL), AGNER_OK);
    run(&s, 10);
    record = get(&s, "one");
    assert_int_equal(
        rt_exit_signal(s.bed.self, gen_service_map_pid(s.map), ETF_A(kill)),
        AGNER_OK);
    run(&s, 10);
    rt_stats(s.bed.rt, &stats);
    assert_int_equal(stats.processes, 1);
    assert_int_equal(gen_service_activate(s.bed.self, record->service, NULL),
                     AGNER_ENOPROC);
    gen_service_record_free(record);
    close_scene(&s);
}

/* ---- Calls as terms: spec/service.md 2.7, 3.4
 * --------------------------------- */

static etf_term ask(struct scene *s, const char *text)
{
    etf_term request, reply;

    assert_int_equal(etf_parse(rt_region(s->bed.self), text, strlen(text),
                               &request, NULL, NULL),
                     AGNER_OK);
    assert_int_equal(
        gen_call(s->bed.self, etf_atom("drivers"), request, 1000, &reply),
        AGNER_OK);
    return reply;
}

static void expect_text(etf_term term, const char *text)
{
    char seen[400];

    assert_string_equal(etf_format(seen, sizeof seen, term), text);
}

static void answers_calls_in_terms(void **state)
{
    struct scene s;
    etf_term record, list, map;

    (void)state;
    open_scene(&s);
    assert_true(etf_match(
        ask(&s, "{create, #{id => \"one\", kind => puppet, active => true, "
                "config => <<\"cfg\">>}}"),
        "{ok, _}", &record));
    assert_true(etf_match(record,
                          "#{id => <<\"one\">>, kind => <<\"puppet\">>, "
                          "number => 1, node => local}"));
    run(&s, 10);
    assert_int_equal(s.p.tries, 1);
    expect_text(ask(&s, "{create, #{id => one, kind => raw}}"),
                "{error,exists}");
    expect_text(ask(&s, "{create, #{kind => raw}}"),
                "{error,{bad_id,<<\"id is required\">>}}");
    expect_text(ask(&s, "{create, #{id => two, kind => boat}}"),
                "{error,{create,<<\"no such kind: boat\">>}}");
    expect_text(ask(&s, "{create, #{id => two}}"), "{error,badarg}");
    expect_text(ask(&s, "{create, #{id => two, kind => raw, active => 1}}"),
                "{error,badarg}");
    assert_true(etf_match(ask(&s, "{get, <<\"one\">>}"), "{ok, _}", &record));
    map = etf_map_get(record, etf_atom("state"));
    assert_true(etf_same(etf_map_get(map, etf_atom("loading")), ETF_A(false)));
    expect_text(ask(&s, "{get, two}"), "{error,not_found}");
    expect_text(ask(&s, "{get, <<>>}"), "{error,badarg}");
    assert_true(etf_match(ask(&s, "states"), "{ok, _}", &list));
    assert_int_equal(etf_list_size(list), 1);
    expect_text(ask(&s, "metadata"),
                "{ok,#{active => 1,in_error => 0,"
                "kinds => #{<<\"puppet\">> => 1},total => 1}}");
    assert_true(etf_match(ask(&s, "{stop, one}"), "{ok, _}", &map));
    assert_true(etf_match(ask(&s, "{stop, one}"),
                          "{error, {already_stopped, _}}", &map));
    assert_true(
        etf_match(ask(&s, "{stop, one, [allow_inactive]}"), "{ok, _}", &map));
    assert_true(
        etf_match(ask(&s, "{configure, one, <<\"two\">>}"), "{ok, _}", &map));
    assert_true(etf_match(ask(&s, "{start, one}"), "{ok, _}", &map));
    assert_true(etf_match(ask(&s, "{state, one}"), "{ok, _}", &map));
    expect_text(ask(&s, "{state, two}"), "{error,not_found}");
    expect_text(ask(&s, "{delete, two}"), "{error,not_found}");
    expect_text(ask(&s, "{delete, two, [allow_missing]}"), "ok");
    expect_text(ask(&s, "{delete, one}"), "ok");
    expect_text(ask(&s, "hello"), "{error,badarg}");
    expect_text(ask(&s, "{1, x}"), "{error,badarg}");
    close_scene(&s);
}

static void expect_change(struct scene *s, const char *tag)
{
    etf_term message, change;

    assert_int_equal(rt_receive(s->bed.self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{service_change, __, __, _}", &change));
    assert_true(etf_atom_is(etf_tuple_items(change)[0], tag));
}

static void tells_followers_by_message(void **state)
{
    struct scene s;
    etf_term list, message, md;
    etf_ref ref;

    (void)state;
    open_scene(&s);
    (void)ask(&s, "{create, #{id => one, kind => puppet}}");
    assert_true(etf_match(ask(&s, "follow"), "{ok, _, _}", &ref, &list));
    assert_int_equal(etf_list_size(list), 1);
    (void)ask(&s, "{start, one}");
    (void)ask(&s, "{delete, one}");
    expect_change(&s, "update");
    expect_change(&s, "update");
    expect_change(&s, "remove");
    assert_int_equal(gen_call(s.bed.self, etf_atom("drivers"),
                              etf_make(s.bed.self, "{unfollow, _}", ref), 1000,
                              &message),
                     AGNER_OK);
    /* Metadata: now, and when it is another. */
    assert_true(
        etf_match(ask(&s, "{follow, [metadata]}"), "{ok, _, []}", &ref));
    (void)ask(&s, "{create, #{id => one, kind => puppet}}");
    (void)ask(&s, "{configure, one, <<\"cfg\">>}"); /* no other totals */
    (void)ask(&s, "{start, one}");
    for (int64_t i = 0; i < 3; i++) {
        int64_t total, active;

        assert_int_equal(rt_receive(s.bed.self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{service_metadata, __, _}", &md));
        assert_true(
            etf_match(md, "#{total => _, active => _}", &total, &active));
        assert_int_equal(total, i > 0);
        assert_int_equal(active, i > 1);
    }
    bed_expect_nothing(&s.bed);
    assert_int_equal(gen_service_map_terminate(s.bed.self, s.map, 1000),
                     AGNER_OK);
    assert_int_equal(rt_receive(s.bed.self, 0, &message), AGNER_OK);
    assert_true(etf_match(message, "{service_metadata, __, __}"));
    assert_int_equal(rt_receive(s.bed.self, 0, &message), AGNER_OK);
    assert_true(etf_match(message, "{service_end, __, shutdown}"));
    close_scene(&s);
}

static void counts_by_kind(void **state)
{
    struct gen_service_metadata md;
    struct scene s;

    (void)state;
    open_scene(&s);
    s.p.script = "f";
    assert_int_equal(create(&s, "a", "raw", true, "cfg", NULL), AGNER_OK);
    run(&s, 10);
    assert_int_equal(create(&s, "b", "raw", true, NULL, NULL), AGNER_OK);
    assert_int_equal(create(&s, "c", "puppet", false, NULL, NULL), AGNER_OK);
    assert_int_equal(gen_service_map_metadata(s.bed.self, s.map, &md),
                     AGNER_OK);
    assert_int_equal(md.total, 3);
    assert_int_equal(md.active, 1);
    assert_int_equal(md.in_error, 1);
    expect_text(md.kinds, "#{<<\"puppet\">> => 1,<<\"raw\">> => 2}");
    close_scene(&s);
}

/* The figures of a map's services have their ids. */
static void services_show_their_ids(void **state)
{
    struct scene s;
    etf_term list;

    (void)state;
    open_scene(&s);
    assert_int_equal(create(&s, "one", "raw", false, NULL, NULL), AGNER_OK);
    run(&s, 1);
    list = rt_figures_list(s.bed.rt, rt_region(s.bed.self), "service");
    assert_true(etf_match(list, "[{__, #{name => <<\"one\">>}}]"));
    assert_int_equal(delete_id(&s, "one"), AGNER_OK);
    run(&s, 1);
    list = rt_figures_list(s.bed.rt, rt_region(s.bed.self), "service");
    assert_true(etf_same(list, etf_nil()));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_service_map_tells_every_change),
        cmocka_unit_test(conf_service_bus_one_to_many_tells_all_in_order),
        cmocka_unit_test(conf_service_bus_drop_excess_keeps_the_newest),
        cmocka_unit_test(conf_service_bus_dont_wait_wakes_who_waits),
        cmocka_unit_test(an_id_is_taken_once),
        cmocka_unit_test(ids_are_chosen_as_asked),
        cmocka_unit_test(the_state_is_what_was_asked_for),
        cmocka_unit_test(a_create_that_fails_leaves_nothing),
        cmocka_unit_test(delete_stops_and_forgets),
        cmocka_unit_test(delete_does_not_wait_for_the_grace),
        cmocka_unit_test(a_fixed_map_stays_as_it_is),
        cmocka_unit_test(a_follower_hears_of_everything),
        cmocka_unit_test(the_log_ends_with_the_map),
        cmocka_unit_test(a_dead_service_is_told_of_and_started_again),
        cmocka_unit_test(a_dead_service_is_kept_or_removed_as_asked),
        cmocka_unit_test(a_delete_tells_first_that_it_died),
        cmocka_unit_test(the_end_of_the_map_ends_its_services),
        cmocka_unit_test(answers_calls_in_terms),
        cmocka_unit_test(tells_followers_by_message),
        cmocka_unit_test(counts_by_kind),
        cmocka_unit_test(services_show_their_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_service_asleep.c -- what is done without a process: services
 * of a map that have none yet, and verbs that a caller does himself. In the
 * simulated world.
 */
#include <stdio.h>

#include "puppet_service.h"

struct scene {
    struct bed bed;
    struct gen_service_map *map;
    const struct gen_service_record *one;
    uint64_t processes; /* before there was one */
    unsigned applied, stops;
};

static enum agner_err apply(struct gen *self, struct gen_apply *a)
{
    struct scene *s = gen_apply_arg(a);

    (void)self;
    s->applied++;
    return AGNER_OK;
}

static void on_stop(struct gen *self, void *arg,
                    const struct gen_service_state *state)
{
    struct scene *s = arg;

    (void)self;
    (void)state;
    s->stops++;
}

static const struct gen_service_spec plain = { .name = "plain",
                                               .apply = apply };
static const struct gen_service_spec hooked = { .name = "hooked",
                                                .apply = apply,
                                                .on_stop = on_stop };

static enum agner_err create(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **spec,
                             struct gen_service_options *options,
                             struct agner_error *error)
{
    (void)id;
    (void)error;
    *spec = strcmp(kind, "hooked") == 0 ? &hooked : &plain;
    options->arg = arg;
    return AGNER_OK;
}

static const struct gen_service_map_spec drivers = { .name = "drivers",
                                                     .create = create };

static uint64_t processes(struct scene *s)
{
    struct rt_stats stats;

    (void)sim_run(s->bed.sim, 10);
    rt_reset(s->bed.self);
    rt_stats(s->bed.rt, &stats);
    return stats.processes;
}

static void make(struct scene *s, const char *id, const char *kind, bool active,
                 const struct gen_service_record **record)
{
    struct gen_service_create what = { .id = id,
                                       .kind = kind,
                                       .active = active };

    assert_int_equal(
        gen_service_map_create(s->bed.self, s->map, &what, record, NULL, NULL),
        AGNER_OK);
}

static void open_scene(struct scene *s, const char *kind, bool active)
{
    struct gen_service_map_options options = { .arg = s };

    memset(s, 0, sizeof *s);
    bed_open(&s->bed, 1);
    assert_int_equal(
        gen_service_map_new(s->bed.self, &drivers, &options, &s->map, NULL),
        AGNER_OK);
    s->processes = processes(s);
    make(s, "one", kind, active, &s->one);
}

static void close_scene(struct scene *s)
{
    (void)gen_service_map_terminate(s->bed.self, s->map, RT_INFINITY);
    assert_int_equal(processes(s), 1); /* nothing outlives it */
    gen_service_record_free(s->one);
    gen_service_map_free(s->map);
    bed_close(&s->bed);
}

static bool has_process(struct scene *s)
{
    return !etf_pid_is_none(gen_service_pid(s->one->service));
}

static enum agner_err activate(struct scene *s)
{
    return gen_service_activate(s->bed.self, s->one->service, NULL);
}

static enum agner_err deactivate(struct scene *s)
{
    return gen_service_deactivate(s->bed.self, s->one->service, NULL);
}

static enum agner_err configure(struct scene *s, const char *text)
{
    return gen_service_configure(s->bed.self, s->one->service, text,
                                 strlen(text), NULL, NULL);
}

static const struct gen_service_state *now(struct scene *s)
{
    const struct gen_service_state *state = gen_service_state(s->one->service);

    gen_service_state_free(state); /* the handle has it too */
    return state;
}

/* ---- Of a map ----------------------------------------------------------- */

static void it_has_a_process_once_it_loads(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "plain", false);
    assert_int_equal(activate(&s), AGNER_OK);
    assert_int_equal(activate(&s), AGNER_ESTARTED);
    assert_int_equal(deactivate(&s), AGNER_OK);
    assert_int_equal(deactivate(&s), AGNER_ESTOPPED);
    assert_int_equal(configure(&s, "a"), AGNER_OK);
    assert_int_equal(configure(&s, "bc"), AGNER_OK);
    assert_false(has_process(&s));
    assert_int_equal(processes(&s), s.processes);
    assert_int_equal(now(&s)->version, 5);
    assert_int_equal(now(&s)->config.size, 2);
    assert_int_equal(activate(&s), AGNER_OK);
    assert_true(has_process(&s));
    assert_int_equal(processes(&s), s.processes + 1);
    assert_int_equal(s.applied, 1);
    assert_true(now(&s)->active && !now(&s)->loading);
    close_scene(&s);
}

static const char *next_change(struct scene *s, struct gen_cursor *cursor)
{
    static const char *const types[] = { "add", "update", "remove", "again" };
    static uint64_t number;
    static char text[40];
    const struct gen_service_change *change;
    struct gen_stream_event event;

    if (gen_cursor_next(s->bed.self, cursor, &event, 0, NULL) != AGNER_OK)
        return "";
    change = gen_service_event_change(&event);
    if (event.seq != 0)
        assert_int_equal(change->number, number + 1);
    number = change->number;
    (void)snprintf(text, sizeof text, "%s %s%s", types[change->type],
                   change->record->id,
                   change->after != NULL && change->after->active ? " on" : "");
    return text;
}

static void its_changes_are_in_the_log(void **state)
{
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s, "plain", false);
    assert_int_equal(
        gen_service_map_follow(s.bed.self, s.map, NULL, NULL, &cursor),
        AGNER_OK);
    make(&s, "two", "plain", true, NULL);
    assert_int_equal(activate(&s), AGNER_OK);
    assert_int_equal(deactivate(&s), AGNER_OK);
    assert_int_equal(gen_service_map_delete(s.bed.self, s.map, "one"),
                     AGNER_OK);
    assert_int_equal(gen_service_map_delete(s.bed.self, s.map, "one"),
                     AGNER_EUNKNOWN);
    assert_int_equal(processes(&s), s.processes);
    assert_int_equal(gen_service_map_delete(s.bed.self, s.map, "two"),
                     AGNER_OK);
    assert_string_equal(next_change(&s, cursor), "add two on");
    assert_string_equal(next_change(&s, cursor), "update one on");
    assert_string_equal(next_change(&s, cursor), "update one");
    assert_string_equal(next_change(&s, cursor), "remove one");
    assert_string_equal(next_change(&s, cursor), "update two");
    assert_string_equal(next_change(&s, cursor), "remove two");
    assert_string_equal(next_change(&s, cursor), "");
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* Who has the handle still reads its state, and calls nobody. */
static void a_handle_outlives_it(void **state)
{
    etf_pid pid;
    struct scene s;

    (void)state;
    open_scene(&s, "plain", false);
    assert_int_equal(gen_service_map_delete(s.bed.self, s.map, "one"),
                     AGNER_OK);
    assert_int_equal(activate(&s), AGNER_ENOPROC);
    assert_int_equal(gen_service_process(s.bed.self, s.one->service, &pid),
                     AGNER_ENOPROC);
    assert_false(now(&s)->active);
    close_scene(&s);
}

static void a_call_in_terms_wakes_all(void **state)
{
    etf_term reply, record, map;
    struct scene s;
    etf_pid pid;

    (void)state;
    open_scene(&s, "plain", false);
    map = etf_from_pid(NULL, gen_service_map_pid(s.map));
    assert_int_equal(gen_call(s.bed.self, map,
                              etf_make(s.bed.self, "{get, <<\"one\">>}"), 1000,
                              &reply),
                     AGNER_OK);
    assert_true(etf_match(reply, "{ok, _}", &record));
    assert_true(etf_get_pid(etf_map_get(record, etf_atom("pid")), &pid));
    assert_true(etf_pid_equal(pid, gen_service_pid(s.one->service)));
    make(&s, "two", "plain", false, NULL);
    assert_int_equal(processes(&s), s.processes + 2);
    close_scene(&s);
}

static etf_term figures_of(struct scene *s, size_t *count)
{
    etf_term list =
                 rt_figures_list(s->bed.rt, rt_region(s->bed.self), "service"),
             row = ETF_NONE;

    *count = (size_t)etf_list_size(list);
    (void)etf_list_next(&list, &row);
    return row;
}

static void it_is_listed(void **state)
{
    etf_term map, name, row;
    struct scene s;
    size_t count;
    etf_pid pid;

    (void)state;
    open_scene(&s, "plain", false);
    row = figures_of(&s, &count);
    assert_int_equal(count, 1);
    assert_true(
        etf_match(row, "{undefined, #{name => _, map => _}}", &name, &map));
    assert_true(etf_equal(name, etf_text(rt_region(s.bed.self), "one")));
    assert_int_equal(gen_service_process(s.bed.self, s.one->service, &pid),
                     AGNER_OK);
    row = figures_of(&s, &count);
    assert_int_equal(count, 1);
    assert_true(etf_match(row, "{_, #{name => __}}", &map));
    assert_true(etf_equal(map, etf_from_pid(NULL, pid)));
    assert_int_equal(gen_service_map_delete(s.bed.self, s.map, "one"),
                     AGNER_OK);
    (void)processes(&s);
    (void)figures_of(&s, &count);
    assert_int_equal(count, 0);
    close_scene(&s);
}

/* The end of its map is a stop, with its hook. */
static void it_stops_with_its_map(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "hooked", true);
    assert_false(has_process(&s));
    assert_int_equal(gen_service_map_terminate(s.bed.self, s.map, 1000),
                     AGNER_OK);
    assert_int_equal(s.stops, 1);
    assert_false(now(&s)->active);
    assert_int_equal(activate(&s), AGNER_ENOPROC);
    close_scene(&s);
}

static void it_says_so_when_its_map_is_killed(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "plain", true);
    assert_int_equal(
        rt_exit_signal(s.bed.self, gen_service_map_pid(s.map), ETF_A(kill)),
        AGNER_OK);
    (void)processes(&s);
    assert_false(now(&s)->active);
    assert_int_equal(now(&s)->err, AGNER_ECRASHED);
    close_scene(&s);
}

static void a_stop_with_a_hook_is_its_process_s(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "hooked", true);
    assert_int_equal(deactivate(&s), AGNER_OK);
    assert_int_equal(processes(&s), s.processes + 1);
    assert_int_equal(s.stops, 1);
    close_scene(&s);
}

/* ---- What is suspended does nothing -------------------------------------- */

static void a_suspended_map_makes_nothing(void **state)
{
    struct gen_service_create what = { .id = "two", .kind = "plain" };
    etf_term map;
    struct scene s;

    (void)state;
    open_scene(&s, "plain", false);
    map = etf_from_pid(NULL, gen_service_map_pid(s.map));
    assert_int_equal(gen_sys_suspend(s.bed.self, map, 1000), AGNER_OK);
    assert_int_equal(
        gen_service_map_create(s.bed.self, s.map, &what, NULL, NULL, NULL),
        AGNER_ETIMEOUT);
    assert_int_equal(activate(&s), AGNER_ETIMEOUT);
    assert_false(now(&s)->active);
    assert_int_equal(gen_sys_resume(s.bed.self, map, 1000), AGNER_OK);
    assert_int_equal(gen_service_map_delete(s.bed.self, s.map, "two"),
                     AGNER_OK); /* it came late */
    close_scene(&s);
}

static void a_suspended_service_does_nothing(void **state)
{
    struct gen_service *service;
    struct scene s;
    etf_term to;

    (void)state;
    open_scene(&s, "plain", false);
    assert_int_equal(
        gen_service_start(s.bed.self, &plain, NULL, &service, NULL), AGNER_OK);
    to = etf_from_pid(NULL, gen_service_pid(service));
    assert_int_equal(gen_sys_suspend(s.bed.self, to, 1000), AGNER_OK);
    assert_int_equal(gen_service_activate(s.bed.self, service, NULL),
                     AGNER_ETIMEOUT);
    assert_int_equal(gen_sys_resume(s.bed.self, to, 1000), AGNER_OK);
    (void)processes(&s);
    assert_int_equal(gen_service_activate(s.bed.self, service, NULL),
                     AGNER_ESTARTED); /* what was sent was not lost */
    assert_int_equal(gen_service_terminate(s.bed.self, service, 1000),
                     AGNER_OK);
    gen_service_free(service);
    close_scene(&s);
}

/* ---- Without a message --------------------------------------------------- */

/* The service's process handles nothing, and the change is whole at once. */
static void a_plain_verb_is_no_message(void **state)
{
    const struct gen_service_state *seen;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    struct gen_service *service;
    struct rt_stats before, after;
    struct scene s;

    (void)state;
    open_scene(&s, "plain", false);
    assert_int_equal(
        gen_service_start(s.bed.self, &plain, NULL, &service, NULL), AGNER_OK);
    assert_int_equal(
        gen_service_follow(s.bed.self, service, NULL, NULL, &cursor), AGNER_OK);
    (void)processes(&s);
    rt_stats(s.bed.rt, &before);
    assert_int_equal(gen_service_activate(s.bed.self, service, &seen),
                     AGNER_OK);
    gen_service_state_free(seen);
    assert_int_equal(gen_service_deactivate(s.bed.self, service, NULL),
                     AGNER_OK);
    assert_int_equal(
        gen_service_configure(s.bed.self, service, "c", 1, NULL, NULL),
        AGNER_OK);
    rt_stats(s.bed.rt, &after);
    assert_int_equal(after.messages, before.messages);
    for (uint64_t version = 2; version <= 4; version++) {
        assert_int_equal(gen_cursor_next(s.bed.self, cursor, &event, 0, NULL),
                         AGNER_OK);
        assert_int_equal(gen_service_event_state(&event)->version, version);
    }
    gen_cursor_close(cursor);
    assert_int_equal(gen_service_terminate(s.bed.self, service, 1000),
                     AGNER_OK);
    gen_service_free(service);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_a_process_once_it_loads),
        cmocka_unit_test(its_changes_are_in_the_log),
        cmocka_unit_test(a_handle_outlives_it),
        cmocka_unit_test(a_call_in_terms_wakes_all),
        cmocka_unit_test(it_is_listed),
        cmocka_unit_test(it_stops_with_its_map),
        cmocka_unit_test(it_says_so_when_its_map_is_killed),
        cmocka_unit_test(a_stop_with_a_hook_is_its_process_s),
        cmocka_unit_test(a_suspended_map_makes_nothing),
        cmocka_unit_test(a_suspended_service_does_nothing),
        cmocka_unit_test(a_plain_verb_is_no_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

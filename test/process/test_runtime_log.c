/*
 * test_runtime_log.c -- the log: levels, events, handlers, what is dropped.
 */
#include "bed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- A handler that keeps what it gets ---------------------------------- */

#define EVENTS_MAX 4096u

struct seen {
    pthread_mutex_t lock;
    const struct rt_log_event *events[EVENTS_MAX]; /* held */
    size_t count;
};

static void keep(void *ctx, const struct rt_log_event *event)
{
    struct seen *seen = ctx;

    (void)pthread_mutex_lock(&seen->lock);
    if (seen->count < EVENTS_MAX) {
        rt_log_hold(event);
        seen->events[seen->count++] = event;
    }
    (void)pthread_mutex_unlock(&seen->lock);
}

static void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof *seen);
    assert_int_equal(pthread_mutex_init(&seen->lock, NULL), 0);
}

static void seen_fini(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        rt_log_release(seen->events[i]);
    (void)pthread_mutex_destroy(&seen->lock);
}

/* A runtime with that handler only, and without the watchdog, which logs that a
 * process takes long: on a slow machine any does. */
static void open_with(struct bed *bed, uint64_t seed, struct seen *seen,
                      struct rt_log_handler handler)
{
    struct rt_options options = { .workers = 2,
                                  .watchdog_ms = RT_INFINITY,
                                  .log_handlers = &handler,
                                  .log_handler_count = 1 };

    seen_init(seen);
    if (handler.id == NULL)
        handler.id = "test";
    handler.kind = RT_LOG_CALLBACK;
    if (handler.event == NULL) {
        handler.event = keep;
        handler.ctx = seen;
    }
    bed_open_with(bed, seed, options, NULL);
}

static void flush(struct bed *bed)
{
    assert_int_equal(rt_log_flush(bed->rt, WAIT_MS), AGNER_OK);
}

/* The texts of all events so far, joined by '|'. */
static void expect_texts(struct bed *bed, struct seen *seen, const char *texts)
{
    char all[2000] = "", one[400];

    flush(bed);
    for (size_t i = 0; i < seen->count; i++) {
        size_t used = strlen(all);

        (void)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : "|",
                       rt_log_format(one, sizeof one, seen->events[i]));
    }
    assert_string_equal(all, texts);
}

/* ---- Levels ------------------------------------------------------------- */

static void the_names_of_levels_are_otps(void **state)
{
    enum rt_log_level level;

    (void)state;
    for (int i = RT_LOG_NONE; i <= RT_LOG_DEBUG; i++) {
        assert_true(rt_log_level_parse(rt_log_level_name((enum rt_log_level)i),
                                       &level));
        assert_int_equal(level, i);
    }
    assert_true(rt_log_level_parse("all", &level));
    assert_int_equal(level, RT_LOG_DEBUG);
    assert_false(rt_log_level_parse("loud", &level));
    assert_false(rt_log_level_parse("", &level));
    assert_string_equal(rt_log_level_name(RT_LOG_EMERGENCY), "emergency");
    assert_string_equal(rt_log_level_name((enum rt_log_level)77), "unknown");
}

static void a_level_lets_itself_and_what_is_more_severe_pass(struct bed *bed,
                                                             struct seen *seen)
{
    etf_pid nobody = { 0 };

    assert_int_equal(rt_log_level(bed->rt, nobody), RT_LOG_NOTICE);
    rt_log(bed->rt, RT_LOG_INFO, "a");
    rt_log(bed->rt, RT_LOG_NOTICE, "b");
    rt_log(bed->rt, RT_LOG_EMERGENCY, "c");
    assert_int_equal(rt_log_level_set(bed->rt, nobody, RT_LOG_ERROR), AGNER_OK);
    rt_log(bed->rt, RT_LOG_WARNING, "d");
    rt_log(bed->rt, RT_LOG_ERROR, "e");
    assert_int_equal(rt_log_level_set(bed->rt, nobody, RT_LOG_NONE), AGNER_OK);
    rt_log(bed->rt, RT_LOG_EMERGENCY, "f");
    assert_int_equal(rt_log_level_set(bed->rt, nobody, RT_LOG_DEBUG), AGNER_OK);
    rt_log(bed->rt, RT_LOG_DEBUG, "g");
    assert_int_equal(rt_log_level_set(bed->rt, nobody, RT_LOG_DEFAULT),
                     AGNER_OK);
    rt_log(bed->rt, RT_LOG_INFO, "h");
    assert_int_equal(rt_log_level_set(bed->rt, nobody, (enum rt_log_level)9),
                     AGNER_EINVAL);
    expect_texts(bed, seen, "b|c|e|g");
}

static void log_at_three_levels(struct gen *self, const char *name)
{
    rt_log_self(self, RT_LOG_ERROR, "%s error", name);
    rt_log_self(self, RT_LOG_NOTICE, "%s notice", name);
    rt_log_self(self, RT_LOG_DEBUG, "%s debug", name);
}

/* Logs at each `go`, and ends at `stop`. */
static void logger(struct gen *self, void *arg)
{
    etf_term message;

    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
        etf_pid from;

        if (etf_match(message, "stop"))
            return;
        log_at_three_levels(self, arg);
        if (etf_match(message, "{go, _}", &from))
            (void)rt_send_pid(self, from, etf_make(self, "done"));
        rt_reset(self);
    }
}

static void go(struct bed *bed, etf_pid pid)
{
    (void)rt_send_pid(bed->self, pid,
                      etf_make(bed->self, "{go, _}", rt_self(bed->self)));
    bed_expect(bed, "done");
}

static void a_process_has_a_level_of_its_own(struct bed *bed, struct seen *seen)
{
    etf_pid loud, quiet, child;
    static char names[3][8] = { "loud", "quiet", "child" };

    assert_int_equal(rt_spawn(bed->self, logger, names[0], NULL, &loud),
                     AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, logger, names[1], NULL, &quiet),
                     AGNER_OK);
    assert_int_equal(rt_log_level_set(bed->rt, loud, RT_LOG_DEBUG), AGNER_OK);
    assert_int_equal(rt_log_level_set(bed->rt, quiet, RT_LOG_ERROR), AGNER_OK);
    assert_int_equal(rt_log_level(bed->rt, loud), RT_LOG_DEBUG);
    assert_int_equal(rt_log_level(bed->rt, quiet), RT_LOG_ERROR);
    go(bed, loud);
    go(bed, quiet);
    expect_texts(bed, seen, "loud error|loud notice|loud debug|quiet error");
    assert_int_equal(rt_log_level_set(bed->rt, loud, RT_LOG_DEFAULT), AGNER_OK);
    go(bed, loud);
    expect_texts(bed, seen,
                 "loud error|loud notice|loud debug|quiet error|"
                 "loud error|loud notice");

    /* It ends with the process: who has the slot next starts afresh. */
    assert_int_equal(rt_log_level_set(bed->rt, loud, RT_LOG_NONE), AGNER_OK);
    (void)rt_send_pid(bed->self, loud, etf_make(bed->self, "stop"));
    assert_int_equal(rt_wait(bed->self, loud, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_log_level_set(bed->rt, loud, RT_LOG_DEBUG),
                     AGNER_ENOPROC);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(rt_spawn(bed->self, logger, names[2], NULL, &child),
                         AGNER_OK);
        assert_int_equal(rt_log_level(bed->rt, child), RT_LOG_NOTICE);
        (void)rt_send_pid(bed->self, child, etf_make(bed->self, "stop"));
        assert_int_equal(rt_wait(bed->self, child, WAIT_MS), AGNER_OK);
    }
    (void)rt_send_pid(bed->self, quiet, etf_make(bed->self, "stop"));
}

static int evaluated;

static const char *costly(void)
{
    evaluated++;
    return "done";
}

static void
arguments_are_evaluated_if_somebody_wants_the_event(struct bed *bed,
                                                    struct seen *seen)
{
    evaluated = 0;
    RT_LOG(bed->self, RT_LOG_DEBUG, "it is %s", costly());
    assert_int_equal(evaluated, 0);
    RT_LOG(bed->self, RT_LOG_WARNING, "it is %s", costly());
    assert_int_equal(evaluated, 1);
    expect_texts(bed, seen, "it is done");
    assert_non_null(strstr(seen->events[0]->file, "test_runtime_log.c"));
    assert_true(seen->events[0]->line > 100);
}

/* ---- Events ------------------------------------------------------------- */

static void an_event_says_whose_it_is(struct bed *bed, struct seen *seen)
{
    etf_term name = etf_atom("log_test");
    const struct rt_log_event *e;
    etf_pid me = rt_self(bed->self);

    assert_int_equal(rt_register(bed->rt, name, me), AGNER_OK);
    rt_log_self(bed->self, RT_LOG_ALERT, "who");
    rt_log(bed->rt, RT_LOG_ALERT, "nobody");
    expect_texts(bed, seen, "who|nobody");
    e = seen->events[0];
    assert_true(etf_pid_equal(e->pid, me));
    assert_true(etf_same(e->name, name));
    assert_true(etf_same(e->node, rt_node(bed->rt).name));
    assert_true(etf_is_none(e->application));
    assert_int_equal(e->level, RT_LOG_ALERT);
    assert_true(e->time_us > UINT64_C(1700000000000000));
    assert_null(e->file);
    assert_int_equal(e->text_size, 3);
    assert_true(etf_is_none(e->report));
    assert_true(etf_pid_is_none(seen->events[1]->pid));
    assert_int_equal(rt_unregister(bed->rt, name), AGNER_OK);
}

static void a_text_is_bounded_and_utf8(struct bed *bed, struct seen *seen)
{
    static char text[3 * RT_LOG_TEXT_MAX + 1];
    char line[64];

    for (size_t i = 0; i < RT_LOG_TEXT_MAX; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 3); /* a euro sign */
    rt_log_self(bed->self, RT_LOG_NOTICE, "%s", text);
    rt_log_self(bed->self, RT_LOG_NOTICE, "%.600s", text);
    rt_log_self(bed->self, RT_LOG_NOTICE,
                "a\xff"
                "b\ntwo lines\n");
    rt_log_self(bed->self, RT_LOG_NOTICE, "%s", "");
    flush(bed);
    assert_int_equal(seen->count, 4);
    assert_true(seen->events[0]->text_size <= RT_LOG_TEXT_MAX);
    assert_true(seen->events[0]->text_size > RT_LOG_TEXT_MAX - 10);
    assert_string_equal(seen->events[0]->text + seen->events[0]->text_size - 6,
                        "\xe2\x82\xac...");
    assert_int_equal(seen->events[1]->text_size, 600);
    assert_string_equal(seen->events[2]->text, "a?b\ntwo lines");
    assert_string_equal(rt_log_format(line, sizeof line, seen->events[2]),
                        "a?b two lines");
    assert_string_equal(rt_log_format(line, 9, seen->events[2]), "a?b t...");
    assert_int_equal(seen->events[3]->text_size, 0);
}

static void a_report_is_a_term_of_its_own(struct bed *bed, struct seen *seen)
{
    char text[80];

    rt_log_report(bed->self, RT_LOG_ERROR,
                  etf_make(bed->self, "#{a => {1, <<\"x\">>}}"));
    rt_log_report(bed->self, RT_LOG_ERROR, ETF_NONE);
    rt_reset(bed->self); /* what it was made of is gone */
    flush(bed);
    assert_int_equal(seen->count, 2);
    assert_null(seen->events[0]->text);
    assert_string_equal(etf_format(text, sizeof text, seen->events[0]->report),
                        "#{a => {1,<<\"x\">>}}");
    assert_string_equal(rt_log_format(text, sizeof text, seen->events[1]),
                        "a report is missing, for lack of memory");
}

/* With its own pid, node and time; the level is this runtime's. */
static void another_node_may_tell_an_event(struct bed *bed, struct seen *seen)
{
    const etf_pid far = { .node = etf_atom("far@away"),
                          .id = 7,
                          .creation = 3 };
    const etf_pid nobody = { .id = 0 };
    const struct rt_log_event *event;
    char text[200];

    rt_log_told(bed->rt, RT_LOG_ERROR, far, 1234567, "it said", ETF_NONE);
    rt_log_told(bed->rt, RT_LOG_ERROR, nobody, 0, NULL,
                etf_make(bed->self, "#{a => 1}"));
    rt_log_told(bed->rt, RT_LOG_DEBUG, far, 0, "nobody wants this", ETF_NONE);
    flush(bed);
    assert_int_equal(seen->count, 2);
    event = seen->events[0];
    assert_string_equal(event->text, "it said");
    assert_int_equal(event->level, RT_LOG_ERROR);
    assert_int_equal(event->time_us, 1234567);
    assert_true(etf_pid_equal(event->pid, far));
    assert_true(etf_atom_is(event->node, "far@away"));
    event = seen->events[1];
    assert_true(event->time_us > 1234567);
    assert_true(etf_pid_is_none(event->pid));
    assert_string_equal(etf_format(text, sizeof text, event->report),
                        "#{a => 1}");
}

/* ---- Handlers ----------------------------------------------------------- */

static void handlers_filter_what_they_take(struct bed *bed, struct seen *seen)
{
    struct rt_log_handler h = { .kind = RT_LOG_CALLBACK, .event = keep };
    struct seen errors, mine, named;
    etf_pid me = rt_self(bed->self);

    seen_init(&errors);
    seen_init(&mine);
    seen_init(&named);
    h.id = "errors";
    h.level = RT_LOG_ERROR;
    h.ctx = &errors;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, NULL), AGNER_OK);
    h.id = "mine";
    h.level = RT_LOG_DEFAULT;
    h.pid = me;
    h.ctx = &mine;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, NULL), AGNER_OK);
    h.id = "named";
    h.pid = (etf_pid){ 0 };
    h.name = etf_atom("filter_test");
    h.ctx = &named;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, NULL), AGNER_OK);
    rt_log(bed->rt, RT_LOG_ERROR, "1");
    rt_log_self(bed->self, RT_LOG_NOTICE, "2");
    assert_int_equal(rt_register(bed->rt, h.name, me), AGNER_OK);
    rt_log_self(bed->self, RT_LOG_CRITICAL, "3");
    assert_int_equal(rt_log_handler_level(bed->rt, "errors", RT_LOG_ALERT),
                     AGNER_OK);
    rt_log(bed->rt, RT_LOG_ERROR, "4");
    expect_texts(bed, seen, "1|2|3|4");
    expect_texts(bed, &errors, "1|3");
    expect_texts(bed, &mine, "2|3");
    expect_texts(bed, &named, "3");
    assert_int_equal(rt_log_handler_remove(bed->rt, "mine"), AGNER_OK);
    assert_int_equal(rt_log_handler_remove(bed->rt, "mine"), AGNER_ENONAME);
    rt_log_self(bed->self, RT_LOG_NOTICE, "5");
    expect_texts(bed, &mine, "2|3");
    assert_int_equal(rt_log_handler_remove(bed->rt, "errors"), AGNER_OK);
    assert_int_equal(rt_log_handler_remove(bed->rt, "named"), AGNER_OK);
    seen_fini(&errors);
    seen_fini(&mine);
    seen_fini(&named);
}

static void nothing_is_made_for_handlers_that_take_nothing(struct bed *bed,
                                                           struct seen *seen)
{
    struct rt_log_handler_info info;

    assert_int_equal(rt_log_handler_level(bed->rt, "test", RT_LOG_ERROR),
                     AGNER_OK);
    assert_false(rt_log_wants(bed->self, RT_LOG_WARNING));
    assert_true(rt_log_wants(bed->self, RT_LOG_ERROR));
    assert_int_equal(rt_log_handler_remove(bed->rt, "test"), AGNER_OK);
    assert_false(rt_log_wants(bed->self, RT_LOG_EMERGENCY));
    rt_log(bed->rt, RT_LOG_EMERGENCY, "unheard");
    assert_int_equal(rt_log_handlers(bed->rt, &info, 1), 0);
    assert_int_equal(seen->count, 0);
}

static void a_handler_that_cannot_be_is_refused(struct bed *bed,
                                                struct seen *seen)
{
    struct rt_log_handler h = { .kind = RT_LOG_CALLBACK, .event = keep };
    struct agner_error error;
    char id[16];

    (void)seen;
    h.ctx = seen;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_EINVAL);
    h.id = "";
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_EINVAL);
    h.id = "an_id_of_thirty-two_bytes_is_long";
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_EINVAL);
    h.id = "test";
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_ETAKEN);
    h.id = "b";
    h.event = NULL;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_EINVAL);
    h.event = keep;
    h.level = (enum rt_log_level)9;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_EINVAL);
    h.level = RT_LOG_DEFAULT;
    h.kind = RT_LOG_FILE;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_EINVAL);
    h.path = "/nowhere/at/all";
    if (bed->sim == NULL)
        assert_int_equal(rt_log_handler_add(bed->rt, &h, &error),
                         AGNER_ESYSTEM);
    h.kind = RT_LOG_JOURNALD;
    assert_int_equal(rt_log_handler_add(bed->rt, &h, &error), AGNER_ENOCONN);
    h.kind = RT_LOG_CALLBACK;
    h.id = id;
    for (unsigned i = 1; i < RT_LOG_HANDLERS_MAX; i++) {
        (void)snprintf(id, sizeof id, "h%u", i);
        assert_int_equal(rt_log_handler_add(bed->rt, &h, NULL), AGNER_OK);
    }
    (void)snprintf(id, sizeof id, "more");
    assert_int_equal(rt_log_handler_add(bed->rt, &h, NULL), AGNER_ELIMIT);
}

static void an_event_knows_its_application(struct bed *bed, struct seen *seen)
{
    struct rt_log_handler h = { .id = "shop", .kind = RT_LOG_CALLBACK };
    etf_pid leader = rt_self(bed->self), pid;
    struct rt_spawn_options options = { .group_leader = &leader };
    static char name[] = "in shop";
    struct seen shop;

    seen_init(&shop);
    h.event = keep;
    h.ctx = &shop;
    h.application = etf_atom("shop");
    assert_int_equal(rt_log_handler_add(bed->rt, &h, NULL), AGNER_OK);
    assert_int_equal(rt_application_leader(bed->rt, leader, h.application),
                     AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, logger, name, &options, &pid),
                     AGNER_OK);
    go(bed, pid);
    rt_log(bed->rt, RT_LOG_ERROR, "of none");
    expect_texts(bed, seen, "in shop error|in shop notice|of none");
    expect_texts(bed, &shop, "in shop error|in shop notice");
    assert_true(etf_same(shop.events[0]->application, h.application));
    assert_int_equal(rt_log_handler_remove(bed->rt, "shop"), AGNER_OK);
    assert_int_equal(rt_application_leader(bed->rt, leader, ETF_NONE),
                     AGNER_OK);
    (void)rt_send_pid(bed->self, pid, etf_make(bed->self, "stop"));
    seen_fini(&shop);
}

/* ---- Many at once ------------------------------------------------------- */

#define LOGGERS 6u
#define EACH    1500u

struct many {
    _Atomic uint32_t left;  /* loggers that are not done */
    uint64_t next[LOGGERS]; /* number of the event that comes next */
    bool out_of_order;
    _Atomic bool gone; /* the handler of the moment */
    _Atomic bool called_late;
};

struct one_of_many {
    struct many *many;
    unsigned index;
};

static void log_many(struct gen *self, void *arg)
{
    const struct one_of_many *one = arg;

    for (unsigned i = 0; i < EACH; i++) {
        rt_log_self(self, RT_LOG_ERROR, "%u %u", one->index, i);
        if (i % 64 == 0)
            rt_yield(self);
    }
    (void)atomic_fetch_sub(&one->many->left, 1);
}

static void check_order(void *ctx, const struct rt_log_event *event)
{
    struct many *many = ctx;
    unsigned index, number;

    if (event->level != RT_LOG_ERROR)
        return;
    if (sscanf(event->text, "%u %u", &index, &number) != 2 ||
        index >= LOGGERS || many->next[index] != number)
        many->out_of_order = true;
    else
        many->next[index]++;
}

static void check_alive(void *ctx, const struct rt_log_event *event)
{
    struct many *many = ctx;

    (void)event;
    if (atomic_load(&many->gone))
        atomic_store(&many->called_late, true);
}

/* Handlers come and go and levels change while everybody logs: no event of the
 * one that stays is lost or overtakes another, and none comes to one that is
 * gone. */
static void handlers_come_and_go_while_everybody_logs(void **state)
{
    struct rt_log_handler stays = { .id = "stays",
                                    .kind = RT_LOG_CALLBACK,
                                    .queue_max = RT_INFINITY };
    struct rt_log_handler goes = { .id = "goes", .kind = RT_LOG_CALLBACK };
    struct rt_options options = { .workers = 3,
                                  .log_handlers = &stays,
                                  .log_handler_count = 1 };
    static struct many many;
    struct one_of_many ones[LOGGERS];
    struct rt_log_handler_info infos[RT_LOG_HANDLERS_MAX];
    struct bed bed;
    etf_pid pids[LOGGERS];

    (void)state;
    memset(&many, 0, sizeof many);
    stays.event = check_order;
    stays.ctx = &many;
    goes.event = check_alive;
    goes.ctx = &many;
    bed_open_with(&bed, 0, options, NULL);
    atomic_store(&many.left, LOGGERS);
    for (unsigned i = 0; i < LOGGERS; i++) {
        ones[i] = (struct one_of_many){ &many, i };
        assert_int_equal(rt_spawn(bed.self, log_many, &ones[i], NULL, &pids[i]),
                         AGNER_OK);
    }
    for (unsigned i = 0; atomic_load(&many.left) > 0 || i < 20; i++) {
        goes.direct = i % 2 == 0;
        atomic_store(&many.gone, false);
        assert_int_equal(rt_log_handler_add(bed.rt, &goes, NULL), AGNER_OK);
        (void)rt_log_level_set(bed.rt, pids[i % LOGGERS],
                               i % 3 == 0 ? RT_LOG_ERROR : RT_LOG_DEBUG);
        assert_int_equal(rt_log_handlers(bed.rt, infos, RT_LOG_HANDLERS_MAX),
                         2);
        assert_int_equal(rt_log_handler_level(bed.rt, "goes", RT_LOG_ERROR),
                         AGNER_OK);
        rt_log_reopen(bed.rt);
        assert_int_equal(rt_log_handler_remove(bed.rt, "goes"), AGNER_OK);
        atomic_store(&many.gone, true);
    }
    flush(&bed);
    bed_close(&bed);
    assert_false(many.out_of_order);
    assert_false(atomic_load(&many.called_late));
    for (unsigned i = 0; i < LOGGERS; i++)
        assert_int_equal(many.next[i], EACH);
}

/* ---- Everywhere --------------------------------------------------------- */

static void everywhere(void (*fn)(struct bed *bed, struct seen *seen))
{
    for (uint64_t seed = 0; seed <= 2; seed++) {
        for (int direct = 0; direct <= 1; direct++) {
            struct seen seen;
            struct bed bed;

            open_with(&bed, seed, &seen,
                      (struct rt_log_handler){ .direct = direct != 0 });
            fn(&bed, &seen);
            bed_close(&bed);
            seen_fini(&seen);
        }
    }
}

#define EVERYWHERE(name) \
    static void name##_everywhere(void **state) \
    { \
        (void)state; \
        everywhere(name); \
    }
/* clang-format off */
#define CASES(X) \
    X(a_level_lets_itself_and_what_is_more_severe_pass) \
    X(a_process_has_a_level_of_its_own) \
    X(arguments_are_evaluated_if_somebody_wants_the_event) \
    X(an_event_says_whose_it_is) \
    X(a_text_is_bounded_and_utf8) \
    X(a_report_is_a_term_of_its_own) \
    X(another_node_may_tell_an_event) \
    X(handlers_filter_what_they_take) \
    X(an_event_knows_its_application) \
    X(nothing_is_made_for_handlers_that_take_nothing) \
    X(a_handler_that_cannot_be_is_refused)
/* clang-format on */
CASES(EVERYWHERE)

int main(void)
{
#define CASE(name) cmocka_unit_test(name##_everywhere),
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_levels_are_otps),
        cmocka_unit_test(handlers_come_and_go_while_everybody_logs), CASES(CASE)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_supervisor_report.c -- what a supervisor logs: OTP's reports,
 * recorded from OTP 25. spec/gen.md 4.2.
 */
#include "members.h"

#include <stdio.h>

/* The reports so far, one a line, pids as Pid. */
static struct {
    char text[1 << 15];
    size_t used;
} reports;

static void put(const char *from, size_t size)
{
    if (reports.used + size < sizeof reports.text) {
        memcpy(reports.text + reports.used, from, size);
        reports.used += size;
        reports.text[reports.used] = '\0';
    }
}

static void on_event(void *ctx, const struct rt_log_event *event)
{
    char text[4000];

    (void)ctx;
    if (etf_is_none(event->report) ||
        !etf_is_tagged(etf_map_get(event->report, etf_atom("label")),
                       etf_atom("supervisor"), 2))
        return; /* the members' own */
    (void)etf_format(text, sizeof text, event->report);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '<' && c[1] >= '0' && c[1] <= '9') {
            put("Pid", 3);
            c = strchr(c, '>');
        } else {
            put(c, 1);
        }
    }
    put("\n", 1);
}

static void open_with_log(struct bed *bed, enum rt_log_level level)
{
    struct rt_log_handler handler = {
        .id = "test", .kind = RT_LOG_CALLBACK, .event = on_event, .direct = true
    };
    etf_pid all = { .id = 0 };

    members_open(bed, 1);
    assert_int_equal(rt_log_handler_add(bed->rt, &handler, NULL), AGNER_OK);
    assert_int_equal(rt_log_level_set(bed->rt, all, level), AGNER_OK);
    reports.used = 0;
    reports.text[0] = '\0';
}

/* What was reported is this, and nothing else. */
static void expect(const char *text)
{
    assert_string_equal(reports.text, text);
    reports.used = 0;
    reports.text[0] = '\0';
}

#define OFFENDER(pid, id, args, restart, shutdown) \
    "[{pid," pid "},{id," id "},{mfargs,{member,start_link,[" args "]}}," \
    "{restart_type," restart "},{significant,false},{shutdown," shutdown \
    "},{child_type,worker}]"
#define REPORT(what, reason, offender) \
    "#{label => {supervisor," what "},report => [{supervisor,{Pid,sup}}," \
    "{errorContext," what "},{reason," reason "},{offender," offender "}]}\n"

static struct gen_supervisor of(const struct gen_child_spec *row)
{
    struct gen_supervisor table = { .name = "sup",
                                    .children = row,
                                    .child_count = 1 };

    return table;
}

static void stop(struct bed *bed, etf_term sup)
{
    (void)gen_server_stop(bed->self, sup, ETF_A(shutdown), RT_INFINITY);
    members_close(bed);
}

static void reports_an_end_a_failed_restart_and_giving_up(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .args = "{a, {fail_when, no}}" };
    struct gen_supervisor table = of(&row);
    struct bed bed;
    etf_term sup;

    (void)state;
    open_with_log(&bed, RT_LOG_NOTICE);
    sup = members_supervise(&bed, &table);
    expect("");
    members_fail(9);
    members_end(&bed, sup, "a", "{boom, 1}");
#define ARGS "{a,{fail_when,no}}"
    expect(REPORT("child_terminated", "{boom,1}",
                  OFFENDER("Pid", "a", ARGS, "permanent", "5000"))
               REPORT("start_error", "no",
                      OFFENDER("Pid", "a", ARGS, "permanent", "5000"))
                   REPORT("shutdown", "reached_max_restart_intensity",
                          OFFENDER("{restarting,Pid}", "a", ARGS, "permanent",
                                   "5000")));
#undef ARGS
    members_expect_exit(&bed, sup, "shutdown");
    members_close(&bed);
}

static void reports_no_orderly_end_of_who_is_not_permanent(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .args = "a",
                                               .restart = GEN_TRANSIENT };
    struct gen_supervisor table = of(&row);
    struct bed bed;
    etf_term sup;

    (void)state;
    open_with_log(&bed, RT_LOG_NOTICE);
    sup = members_supervise(&bed, &table);
    members_end(&bed, sup, "a", "{shutdown, x}");
    expect("");
    stop(&bed, sup);
}

static void reports_a_start_that_fails(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .args = "{a, {fail, why}}",
                                               .shutdown_ms = GEN_BRUTAL_KILL };
    struct gen_supervisor table = of(&row);
    struct bed bed;

    (void)state;
    open_with_log(&bed, RT_LOG_ERROR);
    assert_int_equal(
        gen_supervisor_start(bed.self, &table, etf_nil(), NULL, NULL, NULL),
        AGNER_EEXIT);
    expect(REPORT("start_error", "why",
                  OFFENDER("undefined", "a", "{a,{fail,why}}", "permanent",
                           "brutal_kill")));
    members_close(&bed);
}

static void reports_a_child_that_had_to_be_killed(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .args = "{a, {slow, 9000}}",
                                               .shutdown_ms = 10 };
    struct gen_supervisor table = of(&row);
    struct bed bed;
    etf_term sup;

    (void)state;
    open_with_log(&bed, RT_LOG_ERROR);
    sup = members_supervise(&bed, &table);
    stop(&bed, sup);
    expect(REPORT("shutdown_error", "killed",
                  OFFENDER("Pid", "a", "{a,{slow,9000}}", "permanent", "10")));
}

/* OTP: one report for all that ended alike, which says how many. */
static void puts_alike_ends_together(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .restart = GEN_TEMPORARY,
                                               .shutdown_ms = 10 };
    struct gen_supervisor table = of(&row);
    struct bed bed;
    etf_term sup;

    (void)state;
    table.strategy = GEN_SIMPLE_ONE_FOR_ONE;
    open_with_log(&bed, RT_LOG_ERROR);
    sup = members_supervise(&bed, &table);
    for (int i = 0; i < 5; i++)
        assert_int_equal(
            gen_start_child_args(
                bed.self, sup,
                members_term(&bed, i < 3 ? "[{a, {slow, 99}}]" : "[a]"), NULL,
                NULL),
            AGNER_OK);
    stop(&bed, sup);
    expect("#{label => {supervisor,shutdown_error},report => [{supervisor,"
           "{Pid,sup}},{errorContext,shutdown_error},{reason,killed},"
           "{offender,[{nb_children,3},{id,a},{mfargs,{member,start_link,[]}},{"
           "restart_type,temporary},{significant,false},"
           "{shutdown,10},{child_type,worker}]}]}\n");
}

/* Progress is told at level info, with the supervisor's name if it has one. */
static void reports_progress_at_level_info(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .args = "a" };
    struct rt_spawn_options options = { .name = etf_atom("boss") };
    struct gen_supervisor table = of(&row);
    struct bed bed;

    (void)state;
    open_with_log(&bed, RT_LOG_INFO);
    assert_int_equal(gen_supervisor_start_link(bed.self, &table, etf_nil(),
                                               &options, NULL, NULL),
                     AGNER_OK);
    expect("#{label => {supervisor,progress},report => [{supervisor,{local,"
           "boss}},{started," OFFENDER("Pid", "a", "a", "permanent",
                                       "5000") "}]}\n");
    stop(&bed, etf_atom("boss"));
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reports_an_end_a_failed_restart_and_giving_up),
        CASE(reports_no_orderly_end_of_who_is_not_permanent),
        CASE(reports_a_start_that_fails),
        CASE(reports_a_child_that_had_to_be_killed),
        CASE(puts_alike_ends_together),
        CASE(reports_progress_at_level_info),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_runtime_log_words.c -- an event as text, JSON and journald's fields; a
 * report in words, and cut to its limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log_internal.h"

static struct etf_region *region;

static int open_region(void **state)
{
    (void)state;
    region = etf_region_new(0);
    return region == NULL;
}

static int close_region(void **state)
{
    (void)state;
    etf_region_free(region);
    return 0;
}

static etf_term parse(const char *text)
{
    struct agner_error error;
    etf_term t;

    if (etf_parse(region, text, strlen(text), &t, NULL, &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

/* ---- Reports in words --------------------------------------------------- */

/* clang-format off */
static const struct {
    const char *report, *words;
} reports[] = {
    { "#{label => {supervisor, child_terminated}, report => "
      "[{supervisor, {local, shop}}, {errorContext, child_terminated}, "
      "{reason, {badmatch, 1}}, {offender, [{pid, <0.12.0>}, {id, counter}, "
      "{mfargs, {counter, start_link, []}}, {restart_type, permanent}]}]}",
      "supervisor shop: child_terminated counter reason {badmatch,1} "
      "<0.12.0>" },
    { "#{label => {supervisor, start_error}, report => "
      "[{supervisor, {<0.5.0>, shop_sup}}, {errorContext, start_error}, "
      "{reason, nope}, {offender, [{pid, undefined}, {id, \"one\"}]}]}",
      "supervisor shop_sup <0.5.0>: start_error \"one\" reason nope" },
    { "#{label => {supervisor, shutdown}, report => "
      "[{supervisor, {global, g}}, {errorContext, shutdown}, "
      "{reason, reached_max_restart_intensity}, {offender, []}]}",
      "supervisor {global,g}: shutdown ? reason "
      "reached_max_restart_intensity" },
    { "#{label => {supervisor, progress}, report => "
      "[{supervisor, {local, shop}}, {started, [{pid, <0.12.0>}, "
      "{id, counter}]}]}",
      "supervisor shop: started counter <0.12.0>" },
    { "#{label => {proc_lib, crash}, report => "
      "[[{initial_call, {counter, init, ['Argument__1']}}, {pid, <0.9.1>}, "
      "{registered_name, counter}, {error_info, {exit, oops, []}}, "
      "{ancestors, [shop]}, {message_queue_len, 2}], []]}",
      "crash of counter <0.9.1>: exit oops ancestors [shop] messages 2" },
    { "#{label => {proc_lib, crash}, report => "
      "[[{initial_call, {counter, init, []}}, {pid, <0.9.1>}, "
      "{registered_name, []}, {error_info, {error, {badarg, x}, []}}], []]}",
      "crash in {counter,init,[]} <0.9.1>: error {badarg,x}" },
    { "#{label => {gen_server, terminate}, name => counter, "
      "last_message => {add, x}, state => 5, reason => badarg}",
      "gen_server counter terminated: reason badarg last message {add,x} "
      "state 5" },
    { "#{label => {gen_event, terminate}, handler => h, name => ev, "
      "last_message => m, state => s, reason => r}",
      "gen_event ev handler h terminated: reason r last message m state s" },
    { "#{label => {application_controller, progress}, report => "
      "[{application, shop}, {started_at, 'a@b'}]}",
      "application shop: started at a@b" },
    { "#{label => {application_controller, exit}, report => "
      "[{application, shop}, {exited, {crash, []}}, {type, temporary}]}",
      "application shop: exited reason {crash,[]} type temporary" },
    { "#{label => {mine, odd}, report => [{a, 1}, b], c => 2}",
      "{mine,odd}: c 2, a 1, b" },
    { "#{b => 2, a => \"text\"}", "a \"text\", b 2" },
    { "#{}", "" },
    { "[{what, happened}, {code, 5}]", "what happened, code 5" },
    { "{a, tuple}", "{a,tuple}" },
    { "#{label => {supervisor, progress}, report => garbage}",
      "supervisor ?: started ?" },
    { "#{label => {proc_lib, crash}, report => []}", "crash ?: ?" },
};
/* clang-format on */

static void a_report_is_put_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        struct etf_buffer b = { 0 };

        assert_int_equal(rt__log_report(&b, parse(reports[i].report)),
                         AGNER_OK);
        assert_int_equal(etf_buffer_add(&b, "", 1), AGNER_OK);
        assert_string_equal((const char *)b.data, reports[i].words);
        etf_buffer_fini(&b);
    }
}

/* ---- Cutting ------------------------------------------------------------ */

/* clang-format off */
static const struct {
    const char *term;
    unsigned depth;
    size_t bytes;
    const char *cut;
} prunings[] = {
    { "{a,[1,2,#{k => \"v\"}],<<\"x\">>}", 5, 1000,
      "{a,[1,2,#{k => \"v\"}],<<\"x\">>}" },
    { "{a,{b,{c,{d}}}}", 2, 1000, "{a,{b,'...'}}" },
    { "[a,[b,[c]]]", 2, 1000, "[a,[b,'...']]" },
    { "#{k => #{k => #{k => 1}}}", 2, 1000, "#{k => #{k => '...'}}" },
    { "{a}", 0, 1000, "'...'" },
    { "a", 0, 0, "a" },
    { "[1,2,3,4,5,6,7,8]", 5, 16 * 3, "[1,2,3|'...']" },
    { "[a|b]", 5, 1000, "[a|b]" },
    { "{1,2,3,4}", 5, 32, "'...'" },
    { "{{1,2},{1,2,3,4,5,6,7,8,9},x}", 5, 64, "{{1,2},'...',x}" },
    { "#{a => 1,b => 2}", 5, 40, "#{a => 1,b => 2}" },
    { "#{1 => a,{b,c,d,e} => 2,\"c\" => 3}", 5, 56 + 8,
      "#{1 => a,'...' => '...'}" },
    { "12345678901234567890123", 5, 8, "'...'" },
};
/* clang-format on */

static void a_term_is_cut_to_a_depth_and_a_size(void **state)
{
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof prunings / sizeof prunings[0]; i++) {
        etf_term cut = rt__log_prune(region, parse(prunings[i].term),
                                     prunings[i].depth, prunings[i].bytes);

        assert_string_equal(etf_format(text, sizeof text, cut),
                            prunings[i].cut);
    }
}

static void a_large_term_becomes_a_small_one(void **state)
{
    static uint8_t bytes[100000];
    etf_term deep = etf_nil(), wide = etf_nil(), cut;
    etf_bytes kept;

    (void)state;
    for (unsigned i = 0; i < 50000; i++) {
        deep = etf_tuple(region, &deep, 1);
        wide = etf_cons(region, etf_atom("x"), wide);
    }
    cut = rt__log_prune(region, deep, RT_LOG_DEPTH_MAX, RT_LOG_REPORT_MAX);
    assert_false(etf_is_none(cut));
    assert_true(etf__flat_words(cut) <= 2 * RT_LOG_DEPTH_MAX);
    cut = rt__log_prune(region, wide, RT_LOG_DEPTH_MAX, RT_LOG_REPORT_MAX);
    assert_true(etf__flat_words(cut) * 8 <= RT_LOG_REPORT_MAX);
    cut = rt__log_prune(region, etf_binary(region, bytes, sizeof bytes), 5,
                        RT_LOG_REPORT_MAX);
    assert_true(etf_get_bytes(cut, &kept) && kept.size < 1000);
}

static void a_region_that_is_full_makes_no_report(void **state)
{
    struct etf_region *small = etf_region_new(64);
    etf_term t = parse("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]");

    (void)state;
    assert_true(etf_is_none(rt__log_prune(small, t, 5, 10000)));
    etf_region_free(small);
}

/* ---- Encoders ----------------------------------------------------------- */

/* 2026-11-26T14:05:09.012345Z */
#define TIME_US UINT64_C(1795701909012345)

static void expect(log_encode *encode, const struct rt_log_event *event,
                   bool colour, const char *bytes, size_t size)
{
    struct log_style style = { .colour = colour };
    struct etf_buffer b = { 0 }, small = { .size_max = 10 };

    assert_int_equal(encode(&b, event, &style), AGNER_OK);
    if (b.size != size || memcmp(b.data, bytes, size) != 0)
        fail_msg("got %.*s, not %s", (int)b.size, (const char *)b.data, bytes);
    etf_buffer_fini(&b);
    assert_int_equal(etf_buffer_add(&small, "before", 6), AGNER_OK);
    assert_int_equal(encode(&small, event, &style), AGNER_ELIMIT);
    assert_int_equal(small.size, 6); /* nothing half written */
    etf_buffer_fini(&small);
}

#define EXPECT(encode, event, colour, text) \
    expect((encode), (event), (colour), (text), sizeof(text) - 1)

static struct rt_log_event whole(void)
{
    static const char text[] = "two\nlines \033[1m \"x\"";
    etf_pid pid = { .id = 12, .serial = 3 };

    return (struct rt_log_event){ .time_us = TIME_US,
                                  .level = RT_LOG_ERROR,
                                  .pid = pid,
                                  .name = etf_atom("counter"),
                                  .application = etf_atom("shop"),
                                  .node = etf_atom("shop@10.0.0.7"),
                                  .file = "a.c",
                                  .line = 7,
                                  .text = text,
                                  .text_size = sizeof text - 1 };
}

static struct rt_log_event bare(void)
{
    return (struct rt_log_event){ .time_us = 0,
                                  .level = RT_LOG_DEBUG,
                                  .node = etf_atom("n@h"),
                                  .report = parse("#{a => 1}") };
}

static void text_is_one_line(void **state)
{
    struct rt_log_event event = whole();

    (void)state;
    EXPECT(rt__log_text, &event, false,
           "2026-11-26T14:05:09.012Z error [shop counter <0.12.3>] "
           "two lines  [1m \"x\"\n");
    EXPECT(rt__log_text, &event, true,
           "2026-11-26T14:05:09.012Z \033[31merror\033[0m "
           "[shop counter <0.12.3>] two lines  [1m \"x\"\n");
    event.application = event.name = ETF_NONE;
    event.level = RT_LOG_NOTICE;
    EXPECT(rt__log_text, &event, true,
           "2026-11-26T14:05:09.012Z notice [<0.12.3>] two lines  [1m "
           "\"x\"\n");
    event = bare();
    EXPECT(rt__log_text, &event, false, "1970-01-01T00:00:00.000Z debug a 1\n");
}

static void json_has_what_is_known(void **state)
{
    struct rt_log_event event = whole();

    (void)state;
    EXPECT(rt__log_json, &event, false,
           "{\"time\":\"2026-11-26T14:05:09.012345Z\",\"level\":\"error\","
           "\"node\":\"shop@10.0.0.7\",\"application\":\"shop\","
           "\"name\":\"counter\",\"pid\":\"<0.12.3>\","
           "\"text\":\"two\\nlines \\u001b[1m \\\"x\\\"\","
           "\"file\":\"a.c\",\"line\":7}\n");
    event = bare();
    EXPECT(rt__log_json, &event, false,
           "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"debug\","
           "\"node\":\"n@h\",\"text\":\"a 1\",\"report\":{\"a\":1}}\n");
}

static void journald_gets_fields(void **state)
{
    struct rt_log_event event = whole();

    (void)state;
    EXPECT(rt__log_journal, &event, false,
           "MESSAGE\n\x12\0\0\0\0\0\0\0two\nlines \033[1m \"x\"\n"
           "PRIORITY=3\nSYSLOG_IDENTIFIER=agner\n"
           "AGNER_TIME_USEC=1795701909012345\nAGNER_NODE=shop@10.0.0.7\n"
           "AGNER_APPLICATION=shop\nAGNER_NAME=counter\nAGNER_PID=<0.12.3>\n"
           "CODE_FILE=a.c\nCODE_LINE=7\n");
    event = bare();
    EXPECT(rt__log_journal, &event, false,
           "MESSAGE=a 1\nAGNER_REPORT=#{a => 1}\nPRIORITY=7\n"
           "SYSLOG_IDENTIFIER=agner\nAGNER_TIME_USEC=0\nAGNER_NODE=n@h\n");
}

static void times_are_those_of_the_calendar(void **state)
{
    static const struct {
        uint64_t s;
        const char *text;
    } times[] = {
        { 951782399, "2000-02-28T23:59:59.000Z" },
        { 951782400, "2000-02-29T00:00:00.000Z" },
        { 951868800, "2000-03-01T00:00:00.000Z" },
        { 1709164800, "2024-02-29T00:00:00.000Z" },
        { 1735689599, "2024-12-31T23:59:59.000Z" },
        { 4107542400, "2100-03-01T00:00:00.000Z" },
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        rt__log_time(text, times[i].s * 1000000, 3);
        assert_string_equal(text, times[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_put_in_words),
        cmocka_unit_test(a_term_is_cut_to_a_depth_and_a_size),
        cmocka_unit_test(a_large_term_becomes_a_small_one),
        cmocka_unit_test(a_region_that_is_full_makes_no_report),
        cmocka_unit_test(text_is_one_line),
        cmocka_unit_test(json_has_what_is_known),
        cmocka_unit_test(journald_gets_fields),
        cmocka_unit_test(times_are_those_of_the_calendar),
    };

    return cmocka_run_group_tests(tests, open_region, close_region);
}

/*
 * test_apps_json.c -- terms as JSON, and times, as the command has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"

/* clang-format off */
static const struct {
    const char *text, *json;
} rows[] = {
    { "true", "true" },
    { "false", "false" },
    { "nil", "null" },
    { "undefined", "\"undefined\"" },
    { "ok", "\"ok\"" },
    { "'a \"b\"'", "\"a \\\"b\\\"\"" },
    { "<<\"text\">>", "\"text\"" },
    { "<<\"\\\\ \\n \\t \\0 \\x7f\">>", "\"\\\\ \\n \\u0009 \\u0000 \\u007f\"" },
    { "<<\"\xc3\xa9\"/utf8>>", "\"\xc3\xa9\"" },
    { "<<255>>", "\"<<255>>\"" },
    { "0", "0" },
    { "-12", "-12" },
    { "123456789012345678901234567890", "123456789012345678901234567890" },
    { "1.0", "1.0" },
    { "-0.001", "-0.001" },
    { "1.0e100", "1.0e100" },
    { "[]", "[]" },
    { "{}", "[]" },
    { "[1,{2,a}]", "[1,[2,\"a\"]]" },
    { "[1|2]", "\"[1|2]\"" },
    { "\"ab\"", "[97,98]" },
    { "#{}", "{}" },
    { "#{a => 1, <<\"b\">> => 2, 3 => 4, true => x}",
      "{\"3\":4,\"a\":1,\"true\":\"x\",\"b\":2}" },
    { "<<5:3>>", "\"<<5:3>>\"" },
    { "<0.12.3>", "\"<0.12.3>\"" },
    { "fun lists:map/2", "\"fun lists:map/2\"" },
};
/* clang-format on */

static void writes_each_kind_of_term(void **state)
{
    struct etf_region *r = etf_region_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct etf_buffer b = { 0 };
        etf_term t;

        assert_int_equal(
            etf_parse(r, rows[i].text, strlen(rows[i].text), &t, NULL, NULL),
            AGNER_OK);
        assert_int_equal(cli_json(&b, t), AGNER_OK);
        assert_int_equal(etf_buffer_add(&b, "", 1), AGNER_OK);
        assert_string_equal((const char *)b.data, rows[i].json);
        etf_buffer_fini(&b);
    }
    etf_region_free(r);
}

static void refuses_what_is_nested_too_deeply(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer b = { 0 };
    etf_term t = etf_nil();

    (void)state;
    for (int i = 0; i < 1000; i++)
        t = etf_make(r, "{_}", t);
    assert_int_equal(cli_json(&b, t), AGNER_OK);
    assert_int_equal(cli_json(&b, etf_make(r, "{_}", t)), AGNER_ELIMIT);
    etf_buffer_fini(&b);
    etf_region_free(r);
}

static void reads_times_with_their_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: not a time */
    } times[] = {
        { "0ms", 0 },
        { "250ms", 250 },
        { "5s", 5000 },
        { "2m", 120000 },
        { "1h", 3600000 },
        { "infinity", INT64_MAX },
        { "5", -1 },
        { "", -1 },
        { "s", -1 },
        { "-5s", -1 },
        { "5 s", -1 },
        { "5sec", -1 },
        { "1.5s", -1 },
        { "99999999999999999h", -1 },
        { "9223372036854775807ms", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t ms = -1;

        assert_int_equal(cli_time(times[i].text, &ms), times[i].ms >= 0);
        if (times[i].ms >= 0)
            assert_int_equal(ms, times[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_each_kind_of_term),
        cmocka_unit_test(refuses_what_is_nested_too_deeply),
        cmocka_unit_test(reads_times_with_their_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

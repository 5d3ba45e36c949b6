/*
 * test_etf_json.c -- terms as JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

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
        assert_int_equal(etf_json(&b, t), AGNER_OK);
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
    size_t size;

    (void)state;
    for (int i = 0; i < 1000; i++)
        t = etf_make(r, "{_}", t);
    assert_int_equal(etf_json(&b, t), AGNER_OK);
    size = b.size;
    assert_int_equal(etf_json(&b, etf_make(r, "{_}", t)), AGNER_ELIMIT);
    assert_int_equal(b.size, size); /* nothing half written */
    etf_buffer_fini(&b);
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_each_kind_of_term),
        cmocka_unit_test(refuses_what_is_nested_too_deeply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

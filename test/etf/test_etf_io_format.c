/*
 * test_etf_io_format.c -- io_lib:format in C against what Erlang wrote
 * (io_format.jsonl, made by io_format.escript), and what bad formats say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

#include "json_lines.h"

static void assert_line(const struct json_lines *j, struct etf_region *r)
{
    const char *want_hex = json_string(j, "text");
    size_t size, want_size = 0;
    uint8_t *bytes = json_hex(json_string(j, "hex"), &size);
    uint8_t *want = want_hex != NULL ? json_hex(want_hex, &want_size) : NULL;
    struct etf_buffer have = { .size_max = 0 };
    struct agner_error error = { .text = "" };
    etf_term t = ETF_NONE, format, args;
    enum agner_err err;

    assert_int_equal(etf_from_binary(r, bytes, size, NULL, &t, NULL, NULL),
                     AGNER_OK);
    assert_true(etf_match(t, "{_, _}", &format, &args));
    err = etf_io_format(&have, format, args, &error);
    if (err != (want != NULL ? AGNER_OK : AGNER_EINVAL) ||
        (want != NULL &&
         (have.size != want_size ||
          (want_size > 0 && memcmp(have.data, want, want_size) != 0)))) {
        char text[2000];

        (void)etf_format(text, sizeof text, t);
        fail_msg("line %u: %s\nhave %s: %.*s\nwant: %.*s", json_lines_number(j),
                 text, error.text, (int)have.size, (char *)have.data,
                 (int)want_size, (char *)want);
    }
    etf_buffer_fini(&have);
    free(want);
    free(bytes);
}

static void writes_what_erlang_writes(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/io_format.jsonl.gz");
    struct etf_region *r = etf_region_new(0);
    unsigned count = 0;

    (void)state;
    for (; json_lines_next(j); count++) {
        assert_line(j, r);
        etf_region_reset(r);
    }
    assert_int_equal(count, 8000);
    etf_region_free(r);
    json_lines_close(j);
}

static void assert_error(const char *format, const char *args,
                         enum agner_err want, const char *text)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer b = { .size_max = 1000 };
    struct agner_error error = { .text = "" };
    etf_term t;

    assert_int_equal(etf_parse(r, args, strlen(args), &t, NULL, NULL),
                     AGNER_OK);
    assert_int_equal(etf_io_format(&b, etf_string(r, format), t, &error), want);
    assert_string_equal(error.text, text);
    assert_int_equal(b.size, 0);
    etf_buffer_fini(&b);
    etf_region_free(r);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    assert_error("~w~w", "[1]", AGNER_EINVAL,
                 "fewer arguments than the format wants");
    assert_error("~w", "[1,2]", AGNER_EINVAL,
                 "more arguments than the format wants");
    assert_error("a~", "[]", AGNER_EINVAL,
                 "the format ends inside a control sequence");
    assert_error("~y", "[1]", AGNER_EINVAL, "no such control sequence");
    assert_error("x", "foo", AGNER_EINVAL, "the arguments are not a list");
    assert_error("~Kp", "[reversed,1]", AGNER_EINVAL,
                 "K: only ordered and undefined are known");
}

/* Widths come from other nodes: OTP makes as many characters as they say. */
static void bounds_its_output(void **state)
{
    (void)state;
    assert_error("~100001w", "[a]", AGNER_EINVAL, "a field is too wide");
    assert_error("~*w", "[-9999999999,a]", AGNER_EINVAL, "a field is too wide");
    assert_error("~.*w", "[-5,a]", AGNER_EINVAL, "a precision is negative");
    assert_error("~99999999999999999999w", "[a]", AGNER_EINVAL,
                 "a field is too wide");
    assert_error("~2000c", "[97]", AGNER_ELIMIT, "limit exceeded");
    assert_error("~900c~900c", "[97,98]", AGNER_ELIMIT, "limit exceeded");
}

/* Of OTP 26 and later. */
static void knows_the_order_of_maps(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer b = { .size_max = 0 };

    (void)state;
    assert_int_equal(
        etf_io_format(&b, etf_string(r, "~kp ~tKw"),
                      etf_make(r, "[#{b => 1, a => 2}, ordered, #{1 => a}]"),
                      NULL),
        AGNER_OK);
    assert_int_equal(b.size, strlen("#{a => 2,b => 1} #{1 => a}"));
    assert_memory_equal(b.data, "#{a => 2,b => 1} #{1 => a}", b.size);
    etf_buffer_fini(&b);
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_erlang_writes),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(bounds_its_output),
        cmocka_unit_test(knows_the_order_of_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

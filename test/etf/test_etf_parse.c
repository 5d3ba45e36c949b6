/*
 * test_etf_parse.c -- Erlang text as terms: the texts of terms.jsonl, a table
 * of what erl_scan and erl_parse read, and where a term ends. What is refused
 * is in test_etf_syntax_errors.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

#include "json_lines.h"

static struct etf_region *region;

static int open_region(void **state)
{
    (void)state;
    region = etf_region_new(0);
    return region == NULL ? -1 : 0;
}

static int close_region(void **state)
{
    (void)state;
    etf_region_free(region);
    return 0;
}

/* Parses a copy with nothing behind it, so that reading on is noticed. */
static enum agner_err parse_n(const char *text, size_t size, etf_term *t,
                              struct agner_error *error)
{
    char *copy = malloc(size > 0 ? size : 1);
    enum agner_err err;

    assert_non_null(copy);
    memcpy(copy, text, size);
    err = etf_parse(region, copy, size, t, NULL, error);
    free(copy);
    return err;
}

static etf_term parse(const char *text)
{
    struct agner_error error = { .text = "" };
    etf_term t = ETF_NONE;

    if (parse_n(text, strlen(text), &t, &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

/* ---- Against what Erlang wrote ---- */

static etf_term decode(const char *hex)
{
    size_t size;
    uint8_t *bytes = json_hex(hex, &size);
    etf_term t = ETF_NONE;

    assert_int_equal(etf_from_binary(region, bytes, size, NULL, &t, NULL, NULL),
                     AGNER_OK);
    free(bytes);
    return t;
}

/* Identifiers with all their fields are not meant to be read. */
static bool is_readable(const char *text)
{
    return text != NULL && strstr(text, "#pid(") == NULL &&
           strstr(text, "#port(") == NULL && strstr(text, "#ref(") == NULL &&
           strstr(text, "#fun(") == NULL;
}

static void reads_the_text_of_every_term_that_erlang_can_read(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/terms.jsonl.gz");
    unsigned count = 0;

    (void)state;
    while (json_lines_next(j)) {
        const char *text = json_string(j, "text");

        if (!is_readable(text))
            continue;
        if (!etf_equal(parse(text), decode(json_string(j, "hex"))))
            fail_msg("line %u: %s", json_lines_number(j), text);
        etf_region_reset(region);
        count++;
    }
    assert_true(count > 2000);
    json_lines_close(j);
}

static void reads_every_printed_form_back(void **state)
{
    static const char *const forms[] = { "w", "tw", "p", "tp", "p40" };
    struct json_lines *j = json_lines_open(VECTORS "/print.jsonl.gz");

    (void)state;
    while (json_lines_next(j)) {
        etf_term t = decode(json_string(j, "hex"));

        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            const char *text = json_string(j, forms[i]);

            if (text != NULL && !etf_equal(parse(text), t))
                fail_msg("line %u: %s", json_lines_number(j), text);
        }
        etf_region_reset(region);
    }
    json_lines_close(j);
}

/* ---- Syntax ---- */

/* Text, and the same term as plain as can be. */
static const char *const same[][2] = {
    /* clang-format off */
    { "1_000_000",            "1000000" },
    { "- 5",                  "-5" },
    { "+5",                   "5" },
    { "16#fF",                "255" },
    { "-2#1010_1010",         "-170" },
    { "36#zZ",                "1295" },
    { "16#ffffffffffffffffffff", "1208925819614629174706175" },
    { "-0",                   "0" },
    { "$a",                   "97" },
    { "-$a",                  "-97" },
    { "$ ",                   "32" },
    { "$\\n",                 "10" },
    { "$\\s",                 "32" },
    { "$\\\\",                "92" },
    { "$\\x{3A9}",            "937" },
    { "$\\101",               "65" },
    { "$\\^a",                "1" },
    { "$\316\251",            "937" },
    { "1.50",                 "1.5" },
    { "1.0e3",                "1000.0" },
    { "1.0E+3",               "1000.0" },
    { "1_0.2_5e-1_0",         "1.025e-9" },
    { "-0.0",                 "-0.0" },
    { "1.0e-400",             "0.0" },
    { "0.1e1",                "1.0" },
    { "abc_D@1",              "'abc_D@1'" },
    { "'a'",                  "a" },
    { "\303\251t\303\251",    "'\\351t\\x{E9}'" },
    { "else",                 "'else'" },
    { "maybe",                "'maybe'" },
    { "\"\"",                 "[]" },
    { "\"abc\"",              "[97,98,99]" },
    { "\"a\" \"b\"%c\n\"c\"", "[97,98,99]" },
    { "\"\\b\\d\\e\\f\\n\\r\\s\\t\\v\"", "[8,127,27,12,10,13,32,9,11]" },
    { "\"\\q\\\"\\'\"",       "[113,34,39]" },
    { "\"\\0\\12\\377\\1234\"", "[0,10,255,83,52]" },
    { "\"\\x41\\x{1F600}\"",  "[65,128512]" },
    { "\"a\nb\\\nc\"",        "[97,10,98,10,99]" },
    { "[1|[2|[3]]]",          "[1,2,3]" },
    { "[1,2|3]",              "[1|[2|3]]" },
    { "{ } % comment",        "{}" },
    { "%\n{a%\n,%\nb}",       "{a,b}" },
    { "#{b=>1,a=>2}",         "#{a => 2,b => 1}" },
    { "#{a => 1,a => 2}",     "#{a => 2}" },
    { "#{a=>1,b=>2,a=>3,c=>4,b=>5}", "#{a=>3,b=>5,c=>4}" },
    { "#{1 => a,1.0 => b}",   "#{1.0 => b,1 => a}" },
    { "<<>>",                 "<<\"\">>" },
    { "<<1,2,3>>",            "<<\"\\1\\2\\3\">>" },
    { "<<256,-1>>",           "<<0,255>>" },
    { "<<5:3>>",              "<<2:2,1:1>>" },
    { "<<1:4,2:4>>",          "<<18>>" },
    { "<<5:3,\"ab\":5,300:9,-1:7>>", "<<161,20,179,31:5>>" },
    { "<<\"ab\":12>>",        "<<6,16,98>>" },
    { "<<1:0>>",              "<<>>" },
    { "<<258:16/integer>>",   "<<1,2>>" },
    { "<<-1:70>>",            "<<255,255,255,255,255,255,255,255,63:6>>" },
    { "<<-18446744073709551616:72>>", "<<255,0,0,0,0,0,0,0,0>>" },
    { "<<-79228162514264337593543950336:104>>",
      "<<255,0,0,0,0,0,0,0,0,0,0,0,0>>" },
    { "<<\"\\x{3a9}\">>",     "<<169>>" },
    { "<<\"\\x{3a9}x\"/utf8>>", "<<206,169,120>>" },
    { "<<937/utf8>>",         "<<206,169>>" },
    { "<<\"\303\251\">>",     "<<233>>" },
    { "fun lists:map/2",      "fun 'lists' : 'map' / 2" },
    { "fun 'A b':c/0",        "fun 'A b':'c'/16#0" },
    { "a.",                   "a" },
    { "a. % the end",         "a" },
    { " \t\r\n\302\205\302\240a\v", "a" },
    /* clang-format on */
};

static void reads_what_erlang_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        if (!etf_equal(parse(same[i][0]), parse(same[i][1])))
            fail_msg("%s is not %s", same[i][0], same[i][1]);
    }
    assert_true(etf_same(parse("''"), ETF_A(empty)));
}

/* Erlang prints these and does not read them. */
static void reads_identifiers_of_this_node(void **state)
{
    etf_pid pid;
    etf_ref ref;
    etf_term node = ETF_A(ok);
    uint64_t id = 0;
    uint32_t creation = 1;

    (void)state;
    assert_true(etf_get_pid(parse("<0.268435455.4294967295>"), &pid));
    assert_true(etf_pid_is_local(pid));
    assert_int_equal(pid.id, 268435455);
    assert_int_equal(pid.serial, UINT32_MAX);
    assert_true(etf_get_ref(parse("#Ref<0.5.4.3.2.1>"), &ref));
    assert_int_equal(ref.count, 5);
    assert_int_equal(ref.words[0], 1);
    assert_int_equal(ref.words[4], 5);
    assert_int_equal(ref.creation, 0);
    assert_true(etf_get_port(parse("#Port<0.18446744073709551615>"), &node, &id,
                             &creation));
    assert_true(etf_is_none(node));
    assert_true(id == UINT64_MAX);
    assert_int_equal(creation, 0);
}

static void says_where_a_term_ends(void **state)
{
    static const struct {
        const char *text;
        size_t used;
    } cases[] = {
        { "a", 1 },       { "a ", 1 },
        { " a. b.", 3 },  { "a . % x\nb.", 3 },
        { "a, b", 1 },    { "a.b", 1 },
        { "{a}[b]", 3 },  { "1.5.", 4 },
        { "1.", 2 },      { "\"x\" \"y\" z", 7 },
        { "\"x\" z", 3 }, { "12 \"", 2 },
        { "a \377", 1 },  { "a% b\n.", 6 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t used = 0;
        etf_term t;

        assert_int_equal(etf_parse(region, cases[i].text, strlen(cases[i].text),
                                   &t, &used, NULL),
                         AGNER_OK);
        if (used != cases[i].used)
            fail_msg("%s: %zu bytes used", cases[i].text, used);
    }
}

/* As a file of terms is read. */
static void reads_one_term_after_the_other(void **state)
{
    static const char text[] = "%% a file\n{a, 1}.\n\n[b].\nc. ";
    static const char *const terms[] = { "{a,1}", "[b]", "c" };
    size_t at = 0, used;
    etf_term t;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            etf_parse(region, text + at, strlen(text + at), &t, &used, NULL),
            AGNER_OK);
        assert_true(etf_equal(t, parse(terms[i])));
        at += used;
    }
    assert_int_equal(
        etf_parse(region, text + at, strlen(text + at), &t, &used, NULL),
        AGNER_ESYNTAX);
}

/* A failure writes neither the term nor how much was used. */
static void writes_nothing_on_failure(void **state)
{
    etf_term t = ETF_A(ok);
    size_t used = 77;
    struct agner_error error = { .text = "" };

    (void)state;
    assert_int_equal(etf_parse(region, "{a,", 3, &t, &used, &error),
                     AGNER_ESYNTAX);
    assert_int_equal(etf_parse(region, "a b", 3, &t, NULL, &error),
                     AGNER_ESYNTAX);
    assert_true(etf_same(t, ETF_A(ok)));
    assert_int_equal(used, 77);
    assert_int_equal(error.code, AGNER_ESYNTAX);
}

static void reads_very_long_numbers_and_no_longer_ones(void **state)
{
    const size_t size = 1300000;
    char *text = malloc(size + 3);
    struct agner_error error = { .text = "" };
    etf_term t, hex;

    (void)state;
    assert_non_null(text);
    memset(text, '7', size);
    /* 524280 bytes are 1048560 digits of base 16, and 1262592 of base 10. */
    assert_int_equal(parse_n(text, 1262592, &t, &error), AGNER_OK);
    assert_int_equal(parse_n(text, 1262593, &t, &error), AGNER_ELIMIT);
    assert_string_equal(error.text,
                        "line 1, column 1: the integer is too large");
    memcpy(text, "16#", 3);
    assert_int_equal(parse_n(text, 1048560 + 3, &hex, &error), AGNER_OK);
    assert_int_equal(parse_n(text, 1048561 + 3, &hex, &error), AGNER_ELIMIT);
    memset(text + 3, '0', size - 3); /* leading zeros are nothing */
    text[size - 1] = 'f';
    assert_int_equal(parse_n(text, size, &hex, &error), AGNER_OK);
    assert_true(etf_equal(hex, parse("15")));
    free(text);
}

static void reads_floats_of_any_length(void **state)
{
    enum { ZEROS = 100000 };
    char *text = malloc(ZEROS + 40);
    size_t size;
    etf_term t;

    (void)state;
    assert_non_null(text);
    memcpy(text, "0.", 2);
    memset(text + 2, '0', ZEROS);
    size = ZEROS + 2;
    size += (size_t)sprintf(text + size, "15e%d", ZEROS + 1);
    assert_int_equal(parse_n(text, size, &t, NULL), AGNER_OK);
    assert_true(etf_equal(t, parse("1.5")));
    free(text);
    assert_true(etf_equal(parse("1.7976931348623157e308"),
                          etf_float(region, 1.7976931348623157e308)));
    assert_true(etf_equal(parse("4.9e-324"), etf_float(region, 4.9e-324)));
    assert_true(etf_equal(parse("1.0e-99999999999999999999999"), parse("0.0")));
    assert_true(etf_equal(parse("0.0e99999999999999999999"), parse("0.0")));
}

#define WITH_REGION(test) \
    cmocka_unit_test_setup_teardown(test, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGION(reads_the_text_of_every_term_that_erlang_can_read),
        WITH_REGION(reads_every_printed_form_back),
        WITH_REGION(reads_what_erlang_reads),
        WITH_REGION(reads_identifiers_of_this_node),
        WITH_REGION(says_where_a_term_ends),
        WITH_REGION(reads_one_term_after_the_other),
        WITH_REGION(writes_nothing_on_failure),
        WITH_REGION(reads_very_long_numbers_and_no_longer_ones),
        WITH_REGION(reads_floats_of_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_etf_syntax_errors.c -- text that is no term: what is said about it, and
 * that nothing worse happens.
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
static enum agner_err parse_n(const char *text, size_t size,
                              struct agner_error *error)
{
    char *copy = malloc(size > 0 ? size : 1);
    enum agner_err err;
    etf_term t;

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, text, size);
    err = etf_parse(region, copy, size, &t, NULL, error);
    free(copy);
    return err;
}

/* Text, and what is said. */
static const char *const wrong[][2] = {
    { "", "line 1, column 1: the text ends, expected a term" },
    { "   % nothing", "line 1, column 13: the text ends, expected a term" },
    { ".", "line 1, column 1: found '.', expected a term" },
    { "{", "line 1, column 2: the text ends, expected a term" },
    { "{a", "line 1, column 3: the text ends, expected ',' or '}'" },
    { "{a,", "line 1, column 4: the text ends, expected a term" },
    { "{a,}", "line 1, column 4: found '}', expected a term" },
    { "{,a}", "line 1, column 2: found ',', expected a term" },
    { "{a b}", "line 1, column 4: found 'b', expected ',' or '}'" },
    { "[a", "line 1, column 3: the text ends, expected ',', '|' or ']'" },
    { "[a,", "line 1, column 4: the text ends, expected a term" },
    { "[a|", "line 1, column 4: the text ends, expected a term" },
    { "[a|b", "line 1, column 5: the text ends, expected ']'" },
    { "[a|b,c]", "line 1, column 5: found ',', expected ']'" },
    { "[a||b]", "line 1, column 3: found '||', expected ',', '|' or ']'" },
    { "[|a]", "line 1, column 2: found '|', expected a term" },
    { "[a}", "line 1, column 3: found '}', expected ',', '|' or ']'" },
    { "#{a}", "line 1, column 4: found '}', expected '=>'" },
    { "#{a =>", "line 1, column 7: the text ends, expected a term" },
    { "#{a => 1", "line 1, column 9: the text ends, expected ',' or '}'" },
    { "#{a => 1,}", "line 1, column 10: found '}', expected a term" },
    { "#{a => 1 b => 2}", "line 1, column 10: found 'b', expected ',' or '}'" },
    { "#{a := 1}", "line 1, column 5: found ':', expected '=>'" },
    { "#", "line 1, column 1: found '#', expected a term" },
    { "#x", "line 1, column 1: found '#', expected a term" },
    { "}", "line 1, column 1: found '}', expected a term" },
    { "a b", "line 1, column 3: found 'b', expected the end of the text" },
    { "a, b", "line 1, column 2: found ',', expected the end of the text" },
    { "a..", "line 1, column 2: found '.', expected the end of the text" },
    { "a.b", "line 1, column 2: found '.', expected the end of the text" },
    { "1.a", "line 1, column 2: found '.', expected the end of the text" },
    { "1 2", "line 1, column 3: found '2', expected the end of the text" },
    { "_", "line 1, column 1: found '_', expected a term" },
    { "__", "line 1, column 1: found '__', expected a term" },
    { "X", "line 1, column 1: found 'X', expected a term" },
    { "_Name", "line 1, column 1: found '_Name', expected a term" },
    { "{\n  a,\n  Bad}", "line 3, column 3: found 'Bad', expected a term" },
    { "after",
      "line 1, column 1: 'after' is a reserved word, quote it for an atom" },
    { "{fun}", "line 1, column 5: found '}', expected the name of a module" },
    { "fun a", "line 1, column 6: the text ends, expected ':'" },
    { "fun a:",
      "line 1, column 7: the text ends, expected the name of a function" },
    { "fun a:b", "line 1, column 8: the text ends, expected '/'" },
    { "fun a:b/",
      "line 1, column 9: the text ends, expected an arity of 0 to 255" },
    { "fun a:b/256",
      "line 1, column 9: found '256', expected an arity of 0 to 255" },
    { "fun a:b/-1",
      "line 1, column 9: found '-1', expected an arity of 0 to 255" },
    { "fun a:b/c",
      "line 1, column 9: found 'c', expected an arity of 0 to 255" },
    { "fun A:b/1",
      "line 1, column 5: found 'A', expected the name of a module" },
    { "fun() -> ok end",
      "line 1, column 4: found '(', expected the name of a module" },
    { "37#1", "line 1, column 1: the base of a number is 2 to 36" },
    { "1#0", "line 1, column 1: the base of a number is 2 to 36" },
    { "16#", "line 1, column 4: expected digits of base 16" },
    { "16#g", "line 1, column 4: expected digits of base 16" },
    { "2#2", "line 1, column 3: expected digits of base 2" },
    { "1.0e", "line 1, column 5: expected the digits of an exponent" },
    { "1.0e+x", "line 1, column 6: expected the digits of an exponent" },
    { "1.0e400", "line 1, column 1: the float is too large" },
    { "12_", "line 1, column 3: found '_', expected the end of the text" },
    { "1__2", "line 1, column 2: found '__2', expected the end of the text" },
    { "-", "line 1, column 1: found '-', expected a term" },
    { "--1", "line 1, column 1: found '-', expected a term" },
    { "-a", "line 1, column 1: found '-', expected a term" },
    { "+[]", "line 1, column 1: found '+', expected a term" },
    { "$", "line 1, column 2: the text ends too early" },
    { "$\\", "line 1, column 3: the text ends too early" },
    { "\"abc", "line 1, column 1: no closing \"" },
    { "\"abc\\", "line 1, column 6: the text ends too early" },
    { "'abc", "line 1, column 1: no closing '" },
    { "'ab\"", "line 1, column 1: no closing '" },
    { "\"\\x", "line 1, column 4: expected hexadecimal digits" },
    { "\"\\x{}\"", "line 1, column 5: expected hexadecimal digits and '}'" },
    { "\"\\x{12\"", "line 1, column 7: expected hexadecimal digits and '}'" },
    { "\"\\x4\"", "line 1, column 5: expected hexadecimal digits" },
    { "\"\\x{d800}\"", "line 1, column 2: the escape stands for no character" },
    { "\"\\x{110000}\"",
      "line 1, column 2: the escape stands for no character" },
    { "\"\\xg1\"", "line 1, column 4: expected hexadecimal digits" },
    { "<<",
      "line 1, column 3: the text ends, expected an integer or a string" },
    { "<<1", "line 1, column 4: the text ends, expected ',' or '>>'" },
    { "<<1,",
      "line 1, column 5: the text ends, expected an integer or a string" },
    { "<<1,>>",
      "line 1, column 5: found '>>', expected an integer or a string" },
    { "<<1 2>>", "line 1, column 5: found '2', expected ',' or '>>'" },
    { "<<a>>", "line 1, column 3: found 'a', expected an integer or a string" },
    { "<<1.5>>",
      "line 1, column 3: found '1.5', expected an integer or a string" },
    { "<<1:>>", "line 1, column 5: found '>>', expected a size in bits" },
    { "<<1:a>>", "line 1, column 5: found 'a', expected a size in bits" },
    { "<<1:-1>>", "line 1, column 5: found '-1', expected a size in bits" },
    { "<<1/float>>", "line 1, column 5: found 'float', expected the type "
                     "'integer' or 'utf8'" },
    { "<<1:8/utf8>>",
      "line 1, column 7: found 'utf8', expected the type 'integer'" },
    { "<<55296/utf8>>", "line 1, column 3: the integer is no character" },
    { "<<1:99999999999999999999>>",
      "line 1, column 5: found '99999999999999999999', expected a size in "
      "bits" },
    { "<0.1>", "line 1, column 1: expected an identifier of this node, such as "
               "<0.1.2> or #Ref<0.1.2.3>" },
    { "<0.1.2", "line 1, column 1: expected an identifier of this node, such "
                "as <0.1.2> or #Ref<0.1.2.3>" },
    { "<1.2.3>", "line 1, column 1: expected an identifier of this node, such "
                 "as <0.1.2> or #Ref<0.1.2.3>" },
    { "<0.268435456.1>", "line 1, column 1: expected an identifier of this "
                         "node, such as <0.1.2> or #Ref<0.1.2.3>" },
    { "<0.1.4294967296>", "line 1, column 1: expected an identifier of this "
                          "node, such as <0.1.2> or #Ref<0.1.2.3>" },
    { "<a>", "line 1, column 1: found '<', expected a term" },
    { "< 0.1.2>", "line 1, column 1: found '<', expected a term" },
    { "#Ref<0>", "line 1, column 1: expected an identifier of this node, such "
                 "as <0.1.2> or #Ref<0.1.2.3>" },
    { "#Ref<0.1.2.3.4.5.6>", "line 1, column 1: expected an identifier of this "
                             "node, such as <0.1.2> or #Ref<0.1.2.3>" },
    { "#Ref<1.2>", "line 1, column 1: expected an identifier of this node, "
                   "such as <0.1.2> or #Ref<0.1.2.3>" },
    { "#Ref<0.4294967296>", "line 1, column 1: expected an identifier of this "
                            "node, such as <0.1.2> or #Ref<0.1.2.3>" },
    { "#Port<0.1.2>", "line 1, column 1: expected an identifier of this node, "
                      "such as <0.1.2> or #Ref<0.1.2.3>" },
    { "#Fun<a.1.2>", "line 1, column 1: found '#', expected a term" },
    { "#Ref", "line 1, column 1: expected an identifier of this node, such as "
              "<0.1.2> or #Ref<0.1.2.3>" },
    { "\377", "line 1, column 1: not UTF-8" },
    { "a\377", "line 1, column 2: not UTF-8" },
    { "\"\377\"", "line 1, column 2: not UTF-8" },
    { "\"\355\240\200\"", "line 1, column 2: not UTF-8" },
    { "'\303'", "line 1, column 2: not UTF-8" },
    { "\316\251", "line 1, column 1: found '\316\251', expected a term" },
    { "{\316\251,\n \316\251\316\251 }",
      "line 1, column 2: found '\316\251', expected a term" },
    { "(1)", "line 1, column 1: found '(', expected a term" },
    { "a:b", "line 1, column 2: found ':', expected the end of the text" },
    { "a/b", "line 1, column 2: found '/', expected the end of the text" },
    { "a=b", "line 1, column 2: found '=', expected the end of the text" },
    { "a;b", "line 1, column 2: found ';', expected the end of the text" },
    { "1.5.5", "line 1, column 4: found '.', expected the end of the text" },
    { "{\"a\" b}", "line 1, column 6: found 'b', expected ',' or '}'" },
    { "\"abc\" \"def", "line 1, column 7: no closing \"" },
    { "[1,2,\"this is a long string literal that is cut\" x]",
      "line 1, column 50: found 'x', expected ',', '|' or ']'" },
    { "{a, \"x\ny\" \"unfinished}", "line 2, column 4: no closing \"" },
};

static void says_where_what_is_found_and_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct agner_error error = { .text = "" };
        enum agner_err err = parse_n(wrong[i][0], strlen(wrong[i][0]), &error);

        if (err != AGNER_ESYNTAX || strcmp(error.text, wrong[i][1]) != 0)
            fail_msg("%s: %s instead of %s", wrong[i][0],
                     err == AGNER_OK ? "accepted" : error.text, wrong[i][1]);
        assert_int_equal(error.code, AGNER_ESYNTAX);
    }
}

static void zero_bytes_are_blanks_between_tokens(void **state)
{
    static const char text[] = "\0{a\0,\0\0b}\0";
    struct agner_error error;

    (void)state;
    assert_int_equal(parse_n(text, sizeof text - 1, &error), AGNER_OK);
    assert_int_equal(parse_n("a\0b", 3, &error), AGNER_ESYNTAX);
    assert_string_equal(error.text, "line 1, column 3: found 'b', expected the "
                                    "end of the text");
}

static void limits_are_said_to_be_limits(void **state)
{
    struct agner_error error;
    char text[300];

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(parse_n(text, 255, &error), AGNER_OK);
    assert_int_equal(parse_n(text, 256, &error), AGNER_ELIMIT);
    assert_string_equal(
        error.text, "line 1, column 1: an atom of more than 255 characters");
    assert_int_equal(parse_n("<<1:4194240>>", 13, &error), AGNER_OK);
    assert_int_equal(parse_n("<<1:4194241>>", 13, &error), AGNER_ELIMIT);
    assert_string_equal(error.text,
                        "line 1, column 3: the binary is too large");
}

/* A region that cannot take the term. */
static void a_full_region_is_out_of_memory(void **state)
{
    static const char *const texts[] = {
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]",
        "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\"",
        "#{1 => #{2 => {3, 4.0, 5.0, <<\"0123456789\">>, #Ref<0.1>}}}",
        "{123456789012345678901234567890, #Port<0.1>, fun a:b/1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct etf_region *small = etf_region_new(4096);
        struct agner_error error = { .text = "" };
        unsigned rounds = 0;
        etf_term t;

        assert_non_null(small);
        while (etf_parse(small, texts[i], strlen(texts[i]), &t, NULL, &error) ==
               AGNER_OK)
            assert_true(++rounds < 1000);
        assert_int_equal(error.code, AGNER_ENOMEM);
        assert_non_null(strstr(error.text, "out of memory"));
        etf_region_free(small);
    }
}

/* Every beginning of a text that is a term: a term, or an error that says
 * where.
 */
static void no_beginning_of_a_text_is_anything_else(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/print.jsonl.gz");

    (void)state;
    while (json_lines_next(j)) {
        const char *text = json_string(j, "p");
        size_t size = strlen(text);

        for (size_t cut = 0; cut < size && size <= 300; cut++) {
            struct agner_error error = { .text = "" };
            enum agner_err err = parse_n(text, cut, &error);

            if (err != AGNER_OK &&
                (err != AGNER_ESYNTAX || strncmp(error.text, "line ", 5) != 0))
                fail_msg("%.*s: %s", (int)cut, text, error.text);
        }
        etf_region_reset(region);
    }
    json_lines_close(j);
}

/* Texts with one byte changed: no crash, and no term that cannot be printed. */
static void any_byte_may_be_another(void **state)
{
    static const char text[] =
        "{a,'b c',\"d\\x{65}\",[1,-2.5e3|16#f],#{k=>$v},<<1:3,\"x\"/utf8>>,"
        "fun m:f/1,<0.1.2>,#Ref<0.3.4>} .";
    const size_t size = sizeof text - 1;
    unsigned accepted = 0;

    (void)state;
    for (size_t at = 0; at < size; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char changed[sizeof text];

            memcpy(changed, text, size);
            changed[at] = (char)byte;
            if (parse_n(changed, size, NULL) == AGNER_OK)
                accepted++;
        }
        etf_region_reset(region);
    }
    assert_true(accepted > size && accepted < 256 * size / 2);
}

#define WITH_REGION(test) \
    cmocka_unit_test_setup_teardown(test, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGION(says_where_what_is_found_and_what_was_expected),
        WITH_REGION(zero_bytes_are_blanks_between_tokens),
        WITH_REGION(limits_are_said_to_be_limits),
        WITH_REGION(a_full_region_is_out_of_memory),
        WITH_REGION(no_beginning_of_a_text_is_anything_else),
        WITH_REGION(any_byte_may_be_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

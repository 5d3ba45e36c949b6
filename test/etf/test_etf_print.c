/*
 * test_etf_print.c -- terms as text, as Erlang prints them: print.jsonl of
 * test/vectors/etf, and what is our own: limits, depth, full identifiers.
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

static etf_term decode(const char *hex)
{
    size_t size;
    uint8_t *bytes = json_hex(hex, &size);
    struct agner_error error = { .text = "" };
    etf_term t = ETF_NONE;

    if (etf_from_binary(region, bytes, size, NULL, &t, NULL, &error) !=
        AGNER_OK)
        fail_msg("%s: %s", hex, error.text);
    free(bytes);
    return t;
}

static void assert_prints_as(etf_term t,
                             const struct etf_print_options *options,
                             const char *text, size_t size, unsigned line)
{
    struct etf_buffer b = { .size_max = 0 };

    assert_int_equal(etf_print(&b, t, options), AGNER_OK);
    if (b.size != size || (size > 0 && memcmp(b.data, text, size) != 0))
        fail_msg("line %u: printed:\n%.*s\ninstead of:\n%s\n", line,
                 (int)b.size, (const char *)b.data, text);
    etf_buffer_fini(&b);
}

/* Keys of a line, and the key that holds it when it is left out. */
static const struct form {
    const char *key;
    const char *otherwise;
    struct etf_print_options options;
} forms[] = {
    { "w", NULL, { .style = ETF_STYLE_W } },
    { "tw", "w", { .style = ETF_STYLE_TW } },
    { "p", NULL, { .style = ETF_STYLE_P, .columns = 80 } },
    { "tp", "p", { .style = ETF_STYLE_TP, .columns = 80 } },
    { "p0", "p", { .style = ETF_STYLE_P } },
    { "tp0", NULL, { .style = ETF_STYLE_TP } },
    { "p40", NULL, { .style = ETF_STYLE_P, .columns = 40 } },
    { "s", NULL, { .style = ETF_STYLE_S, .columns = 80 } },
};

enum { FORMS = sizeof forms / sizeof forms[0] };

static void prints_every_form_as_erlang_does(void **state)
{
    struct json_lines *j = json_lines_open(VECTORS "/print.jsonl.gz");
    unsigned lines = 0, counts[FORMS] = { 0 };

    (void)state;
    while (json_lines_next(j)) {
        etf_term t = decode(json_string(j, "hex"));

        for (size_t i = 0; i < FORMS; i++) {
            const char *key = forms[i].key;

            if (json_string(j, key) == NULL && forms[i].otherwise != NULL)
                key = forms[i].otherwise;
            if (json_string(j, key) == NULL)
                continue;
            assert_prints_as(t, &forms[i].options, json_string(j, key),
                             json_string_size(j, key), json_lines_number(j));
            counts[i]++;
        }
        etf_region_reset(region);
        lines++;
    }
    assert_int_equal(lines, 805);
    for (size_t i = 0; i < FORMS; i++)
        assert_true(counts[i] >= 79);
    json_lines_close(j);
}

/* ---- What is our own ---- */

static etf_term parse(const char *text)
{
    struct agner_error error = { .text = "" };
    etf_term t = ETF_NONE;

    if (etf_parse(region, text, strlen(text), &t, NULL, &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

#define assert_text(t, text, ...) \
    assert_prints_as((t), &(const struct etf_print_options){ __VA_ARGS__ }, \
                     (text), strlen(text), __LINE__)

/* The notation of the vectors: every field of pids, references and funs. */
static void prints_identifiers_in_full_when_asked(void **state)
{
    const struct etf_print_options options = { .style = ETF_STYLE_W,
                                               .full_ids = true };
    struct json_lines *j = json_lines_open(VECTORS "/terms.jsonl.gz");
    unsigned count = 0;

    (void)state;
    while (json_lines_next(j)) {
        const char *text = json_string(j, "text");

        /* Maps of more than 32 pairs are in another order there. */
        if (text == NULL || !json_true(j, "exact"))
            continue;
        assert_prints_as(decode(json_string(j, "hex")), &options, text,
                         strlen(text), json_lines_number(j));
        etf_region_reset(region);
        count++;
    }
    assert_true(count > 2500);
    json_lines_close(j);
}

static void local_identifiers_are_named_after_this_node(void **state)
{
    const struct etf_self self = { etf_atom("me@here"), 9 };
    etf_term t = parse("[<0.1.2>,#Ref<0.5.4>,#Port<0.3>]");

    (void)state;
    assert_text(t, "[<0.1.2>,#Ref<0.5.4>,#Port<0.3>]", .self = &self);
    assert_text(t,
                "[#pid(me@here,1,2,9),#ref(me@here,9,[4,5]),"
                "#port(me@here,3,9)]",
                .full_ids = true, .self = &self);
    assert_text(t,
                "[#pid(nonode@nohost,1,2,0),#ref(nonode@nohost,0,[4,5]),"
                "#port(nonode@nohost,3,0)]",
                .full_ids = true);
}

static void identifiers_of_other_nodes_have_a_number_for_the_node(void **state)
{
    const etf_pid pid = {
        .node = etf_atom("a@b"), .id = 5, .serial = 6, .creation = 7
    };
    char text[64], again[64];

    (void)state;
    (void)etf_format(text, sizeof text, etf_from_pid(region, pid));
    assert_int_not_equal(strncmp(text, "<0.", 3), 0);
    assert_non_null(strstr(text, ".5.6>"));
    (void)etf_format(again, sizeof again, etf_from_pid(region, pid));
    assert_string_equal(text, again);
}

static void no_term_and_native_values_have_a_text_too(void **state)
{
    char text[64];

    (void)state;
    assert_string_equal(etf_format(text, sizeof text, ETF_NONE), "#none");
    (void)etf_format(text, sizeof text, etf_resource(region, text, NULL));
    assert_int_equal(strncmp(text, "#Resource<", 10), 0);
}

static void deeper_parts_are_dots_when_asked(void **state)
{
    etf_term t = parse("{a,[b,{c,\"str\",[1]}],#{k => #{}},#{k => {}}}");

    (void)state;
    assert_text(t, "{a,[b,{c,\"str\",[1]}],#{k => #{}},#{k => {}}}",
                .style = ETF_STYLE_P, .depth_max = 4);
    assert_text(t, "{a,[b,{c,\"str\",...}],#{k => #{}},#{k => {}}}",
                .style = ETF_STYLE_P, .depth_max = 3);
    assert_text(t, "{a,[b,...],#{k => #{}},#{k => {}}}", .style = ETF_STYLE_P,
                .depth_max = 2);
    assert_text(t, "{a,...,...,...}", .style = ETF_STYLE_P, .depth_max = 1);
    assert_text(t, "{a,...,...,...}", .style = ETF_STYLE_P, .depth_max = 1,
                .columns = 80);
}

static void what_is_no_iolist_prints_as_a_term_with_ts(void **state)
{
    (void)state;
    assert_text(parse("[\"ab\",[<<\"c\">>,$d]|<<\"\\x{e9}\">>]"),
                "abcd\303\251", .style = ETF_STYLE_S);
    assert_text(parse("'A b'"), "A b", .style = ETF_STYLE_S);
    assert_text(parse("[$a,b]"), "[97,b]", .style = ETF_STYLE_S);
    assert_text(parse("[-1]"), "[-1]", .style = ETF_STYLE_S);
    assert_text(parse("[55296]"), "[55296]", .style = ETF_STYLE_S);
    assert_text(parse("[$a|$b]"), "[97|98]", .style = ETF_STYLE_S);
    assert_text(parse("97"), "97", .style = ETF_STYLE_S);
    assert_text(parse("<<1:1>>"), "<<1:1>>", .style = ETF_STYLE_S);
    assert_text(parse("{a}"), "{a}", .style = ETF_STYLE_S);
    assert_text(parse("[]"), "", .style = ETF_STYLE_S);
}

static void the_shortest_digits_of_a_float_are_found(void **state)
{
    static const char *const texts[] = {
        "0.0",
        "-0.0",
        "1.0",
        "-1.5",
        "100.0",
        "1.0e3",
        "123456.0",
        "0.1",
        "0.001",
        "0.0001",
        "1.0e-5",
        "0.00123",
        "3.141592653589793",
        "5.0e-324",
        "2.2250738585072014e-308",
        "2.225073858507201e-308",
        "1.7976931348623157e308",
        "9007199254740991.0",
        "9.007199254740992e15",
        "9.007199254740994e15",
        "1.0e22",
        "1.0e23",
        "9.5367431640625e-7",
        "2.9802322387695312e-8",
        "5.684341886080802e-14",
        "9.671406556917033e24",
        "0.30000000000000004",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double v = strtod(texts[i], NULL);
        char text[32];

        (void)etf_format(text, sizeof text, etf_float(region, v));
        if (strcmp(text, texts[i]) != 0)
            fail_msg("%s became %s", texts[i], text);
    }
}

static void a_small_buffer_gets_what_fits(void **state)
{
    etf_term t = parse("{abc,\"\\x{e9}\\x{e9}\",1}");
    static const char *const texts[] = {
        NULL,
        "",
        ".",
        "..",
        "...",
        "{...",
        "{a...",
        "{ab...",
        "{abc...",
        "{abc,...",
        "{abc,\"...",
        "{abc,\"...",
        "{abc,\"\303\251...",
    };
    char text[40] = "untouched";

    (void)state;
    assert_ptr_equal(etf_format(text, 0, t), text);
    assert_string_equal(text, "untouched");
    for (size_t size = 1; size < sizeof texts / sizeof texts[0]; size++) {
        (void)etf_format(text, size, t);
        if (strcmp(text, texts[size]) != 0)
            fail_msg("%zu: %s", size, text);
    }
    assert_string_equal(etf_format(text, sizeof text, t),
                        "{abc,\"\303\251\303\251\",1}");
}

static void text_is_appended(void **state)
{
    const struct etf_print_options options = { .style = ETF_STYLE_W,
                                               .bytes_max = 6 };
    struct etf_buffer b = { .size_max = 0 };

    (void)state;
    assert_int_equal(etf_buffer_add(&b, "text: ", 6), AGNER_OK);
    assert_int_equal(etf_print(&b, parse("{a,b}"), &options), AGNER_OK);
    assert_int_equal(etf_print(&b, parse("{a,b,c}"), &options), AGNER_OK);
    assert_int_equal(b.size, 17);
    assert_memory_equal(b.data, "text: {a,b}{a,...", 17);
    etf_buffer_fini(&b);
}

#define WITH_REGION(test) \
    cmocka_unit_test_setup_teardown(test, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGION(prints_every_form_as_erlang_does),
        WITH_REGION(prints_identifiers_in_full_when_asked),
        WITH_REGION(local_identifiers_are_named_after_this_node),
        WITH_REGION(identifiers_of_other_nodes_have_a_number_for_the_node),
        WITH_REGION(no_term_and_native_values_have_a_text_too),
        WITH_REGION(deeper_parts_are_dots_when_asked),
        WITH_REGION(what_is_no_iolist_prints_as_a_term_with_ts),
        WITH_REGION(the_shortest_digits_of_a_float_are_found),
        WITH_REGION(a_small_buffer_gets_what_fits),
        WITH_REGION(text_is_appended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

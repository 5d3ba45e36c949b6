/*
 * test_etf_text_memory.c -- every allocation of the text half fails once, the
 * first, then the second, until all succeed: each failure is an error, leaves
 * what there was, and leaks nothing (the address sanitizer sees to that).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

#include "failing.h"

void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return failing_now() ? NULL : __real_reallocarray(old, count, size);
}

/* Calls `attempt` until it works; at least `least` failures come before. */
static void fail_each(enum agner_err (*attempt)(void), unsigned least)
{
    unsigned failing = 0;
    enum agner_err err;

    do {
        failing_seen = false;
        failing_in = ++failing;
        err = attempt();
        failing_in = 0;
        assert_int_equal(err, failing_seen ? AGNER_ENOMEM : AGNER_OK);
        assert_true(failing < 1000);
    } while (failing_seen);
    assert_true(failing > least);
}

/* Something of everything, deep and long enough for stacks and buffers to grow.
 */
static const char text[] =
    "{[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
    "]]]]]]]]],'a quoted atom',\"a string that is longer than a short buffer is"
    ", so that it grows\",1.5,#{a => 1,b => 2,a => 3},<<1,2,3:4>>,"
    "123456789012345678901234567890,<<\"binary\">>,"
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26]}";

static struct etf_region *region;

static enum agner_err parse_text(void)
{
    etf_term t = ETF_A(ok);
    enum agner_err err;

    etf_region_free(region); /* a new one, so that its chunks may fail */
    region = etf_region_new(0);
    if (region == NULL)
        return AGNER_ENOMEM;
    err = etf_parse(region, text, sizeof text - 1, &t, NULL, NULL);
    if (err != AGNER_OK)
        assert_true(etf_same(t, ETF_A(ok)));
    return err;
}

static void parsing_without_memory_is_an_error(void **state)
{
    (void)state;
    fail_each(parse_text, 6);
    etf_region_free(region);
    region = NULL;
}

static etf_term term;
static struct etf_print_options options;

static enum agner_err print_term(void)
{
    struct etf_buffer b = { .size_max = 0 };
    enum agner_err err;

    if (etf_buffer_add(&b, "before", 6) != AGNER_OK)
        return AGNER_ENOMEM;
    err = etf_print(&b, term, &options);
    if (err != AGNER_OK)
        assert_int_equal(b.size, 6);
    etf_buffer_fini(&b);
    return err;
}

static void printing_without_memory_is_an_error(void **state)
{
    static const struct etf_print_options styles[] = {
        { .style = ETF_STYLE_W },
        { .style = ETF_STYLE_TP, .columns = 20 },
        { .style = ETF_STYLE_TP, .columns = 20, .bytes_max = 300 },
    };
    char formatted[600];

    (void)state;
    region = etf_region_new(0);
    assert_non_null(region);
    assert_int_equal(
        etf_parse(region, text, sizeof text - 1, &term, NULL, NULL), AGNER_OK);
    for (size_t i = 0; i < 3; i++) {
        options = styles[i];
        fail_each(print_term, 3);
    }
    /* For logs: as much as there is. */
    failing_seen = false;
    failing_in = 1;
    (void)etf_format(formatted, sizeof formatted, term);
    failing_in = 0;
    assert_true(failing_seen);
    assert_true(strlen(formatted) >= 3);
    etf_region_free(region);
    region = NULL;
}

static enum agner_err format_term(void)
{
    struct etf_buffer b = { .size_max = 0 };
    etf_term format, args;
    enum agner_err err;

    if (etf_buffer_add(&b, "before", 6) != AGNER_OK)
        return AGNER_ENOMEM;
    assert_true(etf_match(term, "{_, _}", &format, &args));
    err = etf_io_format(&b, format, args, NULL);
    if (err != AGNER_OK)
        assert_int_equal(b.size, 6);
    etf_buffer_fini(&b);
    return err;
}

static void formatting_without_memory_is_an_error(void **state)
{
    static const char formats[] =
        "{\"~20p ~200w ~s ~.16# ~x ~300.200.xs ~f\",[{tag,[a,b,{c,\"text\"}]},"
        "[1,2],[[[[[[[[\"deep\"]]]]]]]],255,16,\"prefix\",<<\"b\">>,1.5]}";

    (void)state;
    region = etf_region_new(0);
    assert_non_null(region);
    assert_int_equal(
        etf_parse(region, formats, sizeof formats - 1, &term, NULL, NULL),
        AGNER_OK);
    (void)format_term(); /* its pattern is compiled once */
    fail_each(format_term, 8);
    etf_region_free(region);
    region = NULL;
}

/* A first use that fails is no last use: the call site tries again. */
static enum agner_err make_term(void)
{
    static struct etf_pattern make;
    struct etf_out_arg out[] = { { .type = ETF_ARG_INT64 } };

    out[0].v.i = 7;
    term = etf__make(&make, "{a, [b, _], <<\"c\">>}", region, out, 1);
    return etf_is_none(term) ? AGNER_ENOMEM : AGNER_OK;
}

static void a_pattern_that_found_no_memory_is_compiled_later(void **state)
{
    (void)state;
    region = etf_region_new(0);
    assert_non_null(region);
    fail_each(make_term, 3);
    etf_region_free(region);
    region = NULL;
}

/* G34: what does not match is something else, not something for which there was
 * no memory. */
static void matching_needs_no_memory(void **state)
{
    static struct etf_pattern caches[20], others[20];
    static const char pattern[] =
        "{'a quoted atom', [1.5, _ | __], #{a => -1, 'k' => \"text\"}, __}";
    static const char other[] = "{'a quoted atom', [2.5, _ | __], __, __}";
    static const char source[] = "{'a quoted atom', [1.5, 7, b], "
                                 "#{a => -1, k => \"text\", c => d}, 16#ff}";
    unsigned n = 0;

    (void)state;
    region = etf_region_new(0);
    assert_non_null(region);
    assert_int_equal(
        etf_parse(region, source, sizeof source - 1, &term, NULL, NULL),
        AGNER_OK);
    do {
        int64_t number = 5;
        const struct etf_in_arg in[] = { { ETF_ARG_INT64, &number } };

        assert_true(n < 20);
        failing_seen = false;
        failing_in = n + 1;
        assert_false(etf__match(&others[n], other, term, in, 1));
        assert_int_equal(number, 5);
        failing_in = n + 1;
        assert_true(etf__match(&caches[n], pattern, term, in, 1));
        failing_in = 0;
        assert_int_equal(number, 7);
        n++;
    } while (failing_seen);
    assert_true(n > 3);
    etf_region_free(region);
    region = NULL;
}

struct named {
    char name[16];
    int64_t size;
};

static const struct etf_field fields[] = {
    ETF_FIELD(struct named, name, ETF_FIELD_TEXT),
    ETF_FIELD(struct named, size, ETF_FIELD_INT64),
};

static enum agner_err map_to_struct(void)
{
    struct named named = { "old", 1 };
    enum agner_err err = etf_to_struct(term, NULL, fields, 2, &named, NULL);

    assert_string_equal(named.name, err == AGNER_OK ? "new" : "old");
    assert_int_equal(named.size, err == AGNER_OK ? 2 : 1);
    return err;
}

static enum agner_err struct_to_map(void)
{
    const struct named named = { "a name", 5 };

    return etf_is_none(etf_struct_to_map(region, fields, 2, &named))
               ? AGNER_ENOMEM
               : AGNER_OK;
}

static void a_struct_without_memory_stays_as_it_is(void **state)
{
    static const char map[] = "#{name => new,size => 2}";

    (void)state;
    region = etf_region_new(0);
    assert_non_null(region);
    assert_int_equal(etf_parse(region, map, sizeof map - 1, &term, NULL, NULL),
                     AGNER_OK);
    fail_each(map_to_struct, 1);
    fail_each(struct_to_map, 1);
    etf_region_free(region);
    region = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsing_without_memory_is_an_error),
        cmocka_unit_test(printing_without_memory_is_an_error),
        cmocka_unit_test(formatting_without_memory_is_an_error),
        cmocka_unit_test(a_pattern_that_found_no_memory_is_compiled_later),
        cmocka_unit_test(matching_needs_no_memory),
        cmocka_unit_test(a_struct_without_memory_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

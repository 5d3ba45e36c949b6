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

#define WITH_REGION(test) \
    cmocka_unit_test_setup_teardown(test, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGION(prints_every_form_as_erlang_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_etf_deep.c -- B-ETF-5: terms nested as deeply as anybody likes are
 * printed or refused, on a stack that is no longer for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include <agner/etf.h>

#define MILLION 1000000u

/* Much less than one call for each of so many levels would take. */
#define STACK_SIZE (256u * 1024)

static void on_a_small_stack(void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *failure = NULL;

    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, STACK_SIZE), 0);
    assert_int_equal(pthread_create(&thread, &attr, run, arg), 0);
    assert_int_equal(pthread_join(thread, &failure), 0);
    assert_int_equal(pthread_attr_destroy(&attr), 0);
    if (failure != NULL)
        fail_msg("%s", (const char *)failure);
}

/* cmocka's assertions jump, and must not off this stack. */
#define CHECK(condition) \
    do { \
        static char failed[] = #condition; \
        if (!(condition)) \
            return failed; \
    } while (0)

enum shape { TUPLES, LISTS, MAPS, KEYS, TAILS, PAIRS, SHAPES };

/* One more level around `t`. */
static etf_term around(struct etf_region *r, enum shape shape, etf_term t)
{
    const etf_term tagged[2] = { ETF_A(ok), t };
    const etf_term key[2] = { t, ETF_A(ok) };

    switch (shape) {
    case TUPLES:
        return etf_tuple(r, &t, 1);
    case LISTS:
        return etf_cons(r, t, etf_nil());
    case MAPS:
        return etf_map(r, tagged, 1);
    case KEYS:
        return etf_map(r, key, 1);
    case TAILS:
        return etf_cons(r, t, ETF_A(ok));
    case PAIRS:
        return etf_tuple(r, tagged, 2);
    case SHAPES:
        break;
    }
    return ETF_NONE;
}

static void *print_deep(void *arg)
{
    static const struct etf_print_options styles[] = {
        { .style = ETF_STYLE_S }, /* that looks first whether it is text */
        { .style = ETF_STYLE_TP, .columns = 80, .bytes_max = 50000 },
    };
    struct etf_region *r = etf_region_new(0);
    char text[32];

    (void)arg;
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        etf_term t = ETF_A(ok);

        for (unsigned i = 0; i < MILLION; i++)
            t = around(r, (enum shape)shape, t);
        CHECK(!etf_is_none(t));
        for (unsigned i = 0; i < 2; i++) {
            struct etf_buffer b = { .size_max = 0 };

            CHECK(etf_print(&b, t, &styles[i]) == AGNER_OK);
            CHECK(b.size >= (styles[i].bytes_max != 0 ? 49990 : 2 * MILLION));
            CHECK(styles[i].bytes_max == 0 || b.size <= 50000);
            etf_buffer_fini(&b);
        }
        (void)etf_format(text, sizeof text, t);
        CHECK(strlen(text) == sizeof text - 1);
        etf_region_reset(r);
    }
    etf_region_free(r);
    return NULL;
}

static void B_ETF_5_prints_a_million_levels(void **state)
{
    (void)state;
    on_a_small_stack(print_deep, NULL);
}

/* Laid out in full, each level is a line indented by one more: the text grows
 * with the square, so there are fewer. */
static void *lay_out_deep(void *arg)
{
    const struct etf_print_options options = { .style = ETF_STYLE_TP,
                                               .columns = 40 };
    struct etf_region *r = etf_region_new(0);

    (void)arg;
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        struct etf_buffer b = { .size_max = 0 };
        etf_term t = ETF_A(ok), back = ETF_NONE;

        for (unsigned i = 0; i < 500; i++)
            t = around(r, (enum shape)shape, t);
        CHECK(etf_print(&b, t, &options) == AGNER_OK);
        CHECK(etf_parse(r, (const char *)b.data, b.size, &back, NULL, NULL) ==
              AGNER_OK);
        CHECK(etf_equal(back, t));
        etf_buffer_fini(&b);
        etf_region_reset(r);
    }
    etf_region_free(r);
    return NULL;
}

static void lays_many_levels_out(void **state)
{
    (void)state;
    on_a_small_stack(lay_out_deep, NULL);
}

static const char *const brackets[][3] = {
    { "{", "}", "" },      { "[", "]", "" },    { "#{a=>", "}", "b" },
    { "#{", "=>b}", "a" }, { "[a|", "]", "b" }, { "{a,[", "]}", "" },
};

/* `levels` brackets around something; returns new, without its end if cut. */
static char *nested(size_t kind, unsigned levels, bool closed, size_t *size)
{
    const char *const *b = brackets[kind];
    size_t open = strlen(b[0]), close = strlen(b[1]), inner = strlen(b[2]);
    char *text = malloc(levels * (open + close) + inner + 1), *to = text;

    if (text == NULL)
        return NULL;
    for (unsigned i = 0; i < levels; i++, to += open)
        memcpy(to, b[0], open);
    if (closed) {
        memcpy(to, b[2], inner);
        to += inner;
        for (unsigned i = 0; i < levels; i++, to += close)
            memcpy(to, b[1], close);
    }
    *size = (size_t)(to - text);
    return text;
}

static void *parse_deep(void *arg)
{
    struct etf_region *r = etf_region_new(0);

    (void)arg;
    for (size_t kind = 0; kind < sizeof brackets / sizeof brackets[0]; kind++) {
        /* The last kind opens two at a time. */
        unsigned levels = kind == 5 ? ETF_DEPTH_MAX / 2 : ETF_DEPTH_MAX;
        struct agner_error error = { .text = "" };
        etf_term t;
        size_t size;
        char *text = nested(kind, levels, true, &size);

        CHECK(text != NULL);
        CHECK(etf_parse(r, text, size, &t, NULL, NULL) == AGNER_OK);
        free(text);
        text = nested(kind, levels + 1, true, &size);
        CHECK(text != NULL);
        CHECK(etf_parse(r, text, size, &t, NULL, &error) == AGNER_ELIMIT);
        CHECK(strstr(error.text, "nested too deeply") != NULL);
        free(text);
        text = nested(kind, MILLION, false, &size);
        CHECK(text != NULL);
        CHECK(etf_parse(r, text, size, &t, NULL, &error) == AGNER_ELIMIT);
        free(text);
        etf_region_reset(r);
    }
    etf_region_free(r);
    return NULL;
}

static void parses_up_to_the_limit_and_refuses_beyond(void **state)
{
    (void)state;
    on_a_small_stack(parse_deep, NULL);
}

/* Wide is not deep. */
static void *parse_wide(void *arg)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer b = { .size_max = 0 };
    struct etf_print_options options = { .style = ETF_STYLE_P, .columns = 80 };
    char *text = malloc(2 * MILLION + 1);
    etf_term t, back;

    (void)arg;
    CHECK(text != NULL);
    for (unsigned i = 0; i < MILLION; i++)
        memcpy(text + 2 * (size_t)i, i == 0 ? "[1" : ",1", 2);
    text[2 * MILLION] = ']';
    CHECK(etf_parse(r, text, 2 * MILLION + 1, &t, NULL, NULL) == AGNER_OK);
    CHECK(etf_list_size(t) == MILLION);
    CHECK(etf_print(&b, t, &options) == AGNER_OK);
    CHECK(etf_parse(r, (const char *)b.data, b.size, &back, NULL, NULL) ==
          AGNER_OK);
    CHECK(etf_equal(t, back));
    etf_buffer_fini(&b);
    free(text);
    etf_region_free(r);
    return NULL;
}

static void a_million_elements_are_no_depth(void **state)
{
    (void)state;
    on_a_small_stack(parse_wide, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_ETF_5_prints_a_million_levels),
        cmocka_unit_test(lays_many_levels_out),
        cmocka_unit_test(parses_up_to_the_limit_and_refuses_beyond),
        cmocka_unit_test(a_million_elements_are_no_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

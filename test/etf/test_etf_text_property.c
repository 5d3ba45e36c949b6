/*
 * test_etf_text_property.c -- what holds for the text of every term, tried on
 * random ones.
 *
 * Each property runs over as many seeds as CASES says; AGNER_SEED=n in the
 * environment starts at n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

#include "term_gen.h"

enum { CASES = 2000, SIZE_MAX_OF_TERM = 60 };

static const struct etf_print_options styles[] = {
    { .style = ETF_STYLE_W },
    { .style = ETF_STYLE_TW },
    { .style = ETF_STYLE_P },
    { .style = ETF_STYLE_TP, .columns = 80 },
    { .style = ETF_STYLE_P, .columns = 30 },
    { .style = ETF_STYLE_TP, .columns = 12 },
};

enum { STYLES = sizeof styles / sizeof styles[0] };

struct scene {
    struct etf_region *region;
    etf_term term;
    uint64_t *random;
    unsigned index; /* of the case */
};

static void check(bool (*holds)(struct scene *))
{
    const char *first = getenv("AGNER_SEED");
    uint64_t seed = first == NULL ? 1 : strtoull(first, NULL, 10);

    for (unsigned i = 0; i < CASES; i++) {
        uint64_t random = (seed + i) * 0x9e3779b97f4a7c15u | 1;
        struct scene scene = { .region = etf_region_new(0),
                               .random = &random,
                               .index = i };
        char text[400];

        assert_non_null(scene.region);
        scene.term = gen_term(scene.region, &random,
                              (unsigned)((seed + i) % SIZE_MAX_OF_TERM));
        if (!holds(&scene))
            fail_msg("AGNER_SEED=%llu: %s", (unsigned long long)(seed + i),
                     etf_format(text, sizeof text, scene.term));
        etf_region_free(scene.region);
    }
}

static struct etf_buffer print(etf_term t,
                               const struct etf_print_options *options)
{
    struct etf_buffer b = { .size_max = 0 };

    assert_int_equal(etf_print(&b, t, options), AGNER_OK);
    return b;
}

/* Funs, and identifiers of other nodes, are printed for people only. */
static bool is_unreadable(const struct etf_buffer *text,
                          const struct agner_error *error)
{
    return memmem(text->data, text->size, "#Fun<", 5) != NULL ||
           strstr(error->text, "an identifier of this node") != NULL;
}

static unsigned read_back;

static bool is_read_back(struct scene *s)
{
    for (size_t i = 0; i < STYLES; i++) {
        struct etf_buffer text = print(s->term, &styles[i]);
        struct agner_error error = { .text = "" };
        etf_term t;
        bool ok;

        if (etf_parse(s->region, (const char *)text.data, text.size, &t, NULL,
                      &error) == AGNER_OK) {
            ok = etf_equal(t, s->term);
            read_back++;
        } else {
            ok = is_unreadable(&text, &error);
        }
        etf_buffer_fini(&text);
        if (!ok)
            return false;
    }
    return true;
}

static void a_term_is_what_its_text_says(void **state)
{
    (void)state;
    read_back = 0;
    check(is_read_back);
    assert_true(read_back > CASES * STYLES / 3);
}

/* A cut text: as long as allowed, the beginning of the whole, and dots. */
static bool is_cut_of(const struct etf_buffer *cut,
                      const struct etf_buffer *whole, size_t size_max)
{
    size_t kept = cut->size - 3;

    if (whole->size <= size_max)
        return cut->size == whole->size &&
               memcmp(cut->data, whole->data, whole->size) == 0;
    /* A character is not split: up to three bytes may be missing. */
    return cut->size <= size_max && cut->size + 3 >= size_max &&
           memcmp(cut->data, whole->data, kept) == 0 &&
           memcmp(cut->data + kept, "...", 3) == 0;
}

/* The text without blanks and ends of lines. */
static void squeeze(struct etf_buffer *b)
{
    size_t to = 0;

    for (size_t at = 0; at < b->size; at++)
        if (b->data[at] != ' ' && b->data[at] != '\n')
            b->data[to++] = b->data[at];
    b->size = to;
}

/* What is behind the cut decides, too, how far tagged tuples are indented: cut
 * texts of several lines may have their breaks elsewhere. */
static bool is_cut_elsewhere(struct etf_buffer *cut, struct etf_buffer *whole,
                             size_t size_max)
{
    if (cut->size > size_max || cut->size + 3 < size_max)
        return false;
    squeeze(cut);
    squeeze(whole);
    return cut->size <= whole->size + 3 &&
           memcmp(cut->data, whole->data, cut->size - 3) == 0 &&
           memcmp(cut->data + cut->size - 3, "...", 3) == 0;
}

static bool is_cut_where_told(struct scene *s)
{
    for (size_t i = 0; i < STYLES; i++) {
        struct etf_print_options options = styles[i];
        struct etf_buffer whole = print(s->term, &options), cut;
        bool ok;

        options.bytes_max = 3 + gen_random(s->random) % (whole.size + 3);
        cut = print(s->term, &options);
        ok = is_cut_of(&cut, &whole, options.bytes_max) ||
             (options.columns > 0 &&
              is_cut_elsewhere(&cut, &whole, options.bytes_max));
        etf_buffer_fini(&cut);
        etf_buffer_fini(&whole);
        if (!ok)
            return false;
    }
    return true;
}

static void a_text_is_cut_where_it_is_told(void **state)
{
    (void)state;
    check(is_cut_where_told);
}

static bool fits_its_own_size(struct scene *s)
{
    for (size_t i = 0; i < STYLES; i++) {
        struct etf_buffer whole = print(s->term, &styles[i]);
        struct etf_buffer exact = { .size_max = whole.size };
        struct etf_buffer tight = { .size_max = whole.size - 1 };
        bool ok = etf_print(&exact, s->term, &styles[i]) == AGNER_OK &&
                  memcmp(exact.data, whole.data, whole.size) == 0;

        if (tight.size_max > 0)
            ok = ok && etf_print(&tight, s->term, &styles[i]) == AGNER_ELIMIT &&
                 tight.size == 0;
        etf_buffer_fini(&whole);
        etf_buffer_fini(&exact);
        etf_buffer_fini(&tight);
        if (!ok)
            return false;
    }
    return true;
}

static void a_text_fits_a_buffer_of_its_size(void **state)
{
    (void)state;
    check(fits_its_own_size);
}

static bool formats_as_one_line(struct scene *s)
{
    const struct etf_print_options options = { .style = ETF_STYLE_TP };
    struct etf_buffer whole = print(s->term, &options);
    size_t size = 4 + gen_random(s->random) % (whole.size + 3);
    char *buffer = malloc(size); /* of its own, so that more is noticed */
    struct etf_buffer formatted = { .size_max = 0 };
    bool ok;

    assert_non_null(buffer);
    assert_ptr_equal(etf_format(buffer, size, s->term), buffer);
    formatted.data = (uint8_t *)buffer;
    formatted.size = strlen(buffer);
    ok = formatted.size < size && is_cut_of(&formatted, &whole, size - 1);
    free(buffer);
    etf_buffer_fini(&whole);
    return ok;
}

static void a_formatted_term_is_its_line_or_the_beginning(void **state)
{
    (void)state;
    check(formats_as_one_line);
}

/* Caches are for ever, as those of call sites. */
static struct etf_pattern matches[CASES], makes[CASES];
static unsigned matched;

/* A text without holes, as a pattern, matches and makes its term. */
static bool is_its_own_pattern(struct scene *s)
{
    const struct etf_print_options options = { .style = ETF_STYLE_W };
    const struct etf_print_options shallow = { .style = ETF_STYLE_W,
                                               .depth_max = 16 };
    struct etf_buffer text = print(s->term, &options);
    struct etf_buffer cut = print(s->term, &shallow);
    bool ok = true;
    etf_term t;

    if (cut.size == text.size && memchr(text.data, 0, text.size) == NULL &&
        etf_parse(s->region, (const char *)text.data, text.size, &t, NULL,
                  NULL) == AGNER_OK) {
        assert_int_equal(etf_buffer_add(&text, "", 1), AGNER_OK);
        ok = etf__match(&matches[s->index], (const char *)text.data, s->term,
                        NULL, 0) &&
             etf_equal(etf__make(&makes[s->index], (const char *)text.data,
                                 s->region, NULL, 0),
                       s->term);
        matched++;
    }
    etf_buffer_fini(&cut);
    etf_buffer_fini(&text);
    return ok;
}

static void a_text_as_a_pattern_matches_and_makes_its_term(void **state)
{
    (void)state;
    matched = 0;
    check(is_its_own_pattern);
    assert_true(matched > CASES / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_term_is_what_its_text_says),
        cmocka_unit_test(a_text_is_cut_where_it_is_told),
        cmocka_unit_test(a_text_fits_a_buffer_of_its_size),
        cmocka_unit_test(a_formatted_term_is_its_line_or_the_beginning),
        cmocka_unit_test(a_text_as_a_pattern_matches_and_makes_its_term),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

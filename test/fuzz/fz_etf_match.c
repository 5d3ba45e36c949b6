/*
 * The compiler of patterns: the input up to a zero byte as a
 * pattern, to match and to make. What a pattern makes, it matches, and the
 * values come out as they went in.
 *
 * A checked build stops at a wrong pattern, as it should: there this only sees
 * whether the text is one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <agner/etf.h>

#include "pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

#ifdef NDEBUG
/* Call sites keep theirs for ever. */
static void drop(struct etf_pattern *cache)
{
    struct pattern *p = cache->compiled;

    if (p != NULL)
        etf_box_free(p->source);
    free(p);
}

static void check_pattern(struct etf_region *r, const char *text,
                          uint32_t holes)
{
    struct etf_pattern match = { NULL }, make = { NULL };
    struct etf_in_arg in[ETF__HOLES_MAX];
    struct etf_out_arg out[ETF__HOLES_MAX];
    int64_t values[ETF__HOLES_MAX];
    etf_term t;

    for (uint32_t i = 0; i < ETF__HOLES_MAX; i++) {
        values[i] = -1;
        in[i] = (struct etf_in_arg){ ETF_ARG_INT64, &values[i] };
        out[i] = (struct etf_out_arg){ .type = ETF_ARG_INT64 };
        out[i].v.i = (int64_t)i;
    }
    t = etf__make(&make, text, r, out, holes);
    if (etf__match(&match, text, t, in, holes)) {
        for (uint32_t i = 0; i < holes; i++)
            check(values[i] == (int64_t)i);
    } else {
        for (uint32_t i = 0; i < holes; i++)
            check(values[i] == -1);
    }
    (void)etf__match(&match, text, ETF_A(ok), in, holes);
    (void)etf__match(&match, text, ETF_NONE, in, holes);
    drop(&match);
    drop(&make);
}
#else
static void check_pattern(struct etf_region *r, const char *text,
                          uint32_t holes)
{
    (void)r;
    (void)text;
    (void)holes;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct etf_region *r = etf_region_new(0);
    char *text = malloc(size + 1);
    uint32_t holes;
    etf_term t;

    check(r != NULL && text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (etf__parse_pattern(r, text, &t, &holes, NULL) == AGNER_OK &&
        holes <= ETF__HOLES_MAX)
        check_pattern(r, text, holes);
    free(text);
    etf_region_free(r);
    return 0;
}

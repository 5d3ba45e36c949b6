/*
 * pattern.c -- a call site's pattern, compiled once.
 *
 * A pattern that is wrong stays wrong, so that too is remembered. Running out
 * of memory is not: the next call tries again.
 */
#include "pattern.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "shape.h"

/* Patterns are nested at most ETF__PATTERN_DEPTH_MAX deep, and lists are walked
 * along: that bounds the recursion. */
bool etf__pattern_is_open(etf_term t)
{
    for (; etf__tag(t) == ETF__CONS; t = etf__word(etf__words(t)[1]))
        if (etf__pattern_is_open(etf__word(etf__words(t)[0])))
            return true;
    if (etf__tag(t) == ETF__BOX) {
        const uint64_t *words = etf__words(t);
        struct shape shape = etf__shape(words);

        for (size_t i = 0; i < shape.terms; i++)
            if (etf__pattern_is_open(etf__word(words[shape.first + i])))
                return true;
    }
    return etf__is_hole(t);
}

/* How many of the numbered holes are in `t`. Bounded likewise. */
static uint32_t count_holes(etf_term t)
{
    uint32_t count = 0;

    for (; etf__tag(t) == ETF__CONS; t = etf__word(etf__words(t)[1]))
        count += count_holes(etf__word(etf__words(t)[0]));
    if (etf__tag(t) == ETF__BOX) {
        const uint64_t *words = etf__words(t);
        struct shape shape = etf__shape(words);

        for (size_t i = 0; i < shape.terms; i++)
            count += count_holes(etf__word(words[shape.first + i]));
    }
    return count +
           (etf__is_hole(t) && etf__hole_number(t) != ETF__HOLE_ANY ? 1 : 0);
}

static void pattern_free(struct pattern *p)
{
    if (p == NULL)
        return;
    etf_box_free(p->source);
    free(p);
}

enum agner_err etf__pattern_parse(struct etf_region *r, const char *text,
                                  etf_term *term, uint32_t *holes,
                                  struct agner_error *error)
{
    enum agner_err err = etf__parse_pattern(r, text, term, holes, error);

    if (err != AGNER_OK)
        return err;
    if (*holes > ETF__HOLES_MAX)
        return agner_fail(error, AGNER_ELIMIT, "more than %u holes",
                          ETF__HOLES_MAX);
    if (count_holes(*term) != *holes) /* #{a => _, a => _} keeps the last */
        return agner_fail(error, AGNER_EINVAL, "a key comes twice");
    return AGNER_OK;
}

static struct pattern *compile_boxed(struct etf_region *r, const char *text,
                                     etf__compile_fn compile,
                                     enum agner_err *err,
                                     struct agner_error *error)
{
    struct etf_box *source;
    struct pattern *p;
    etf_term term;
    uint32_t holes;

    *err = etf__pattern_parse(r, text, &term, &holes, error);
    if (*err != AGNER_OK)
        return NULL;
    source = etf_box_new(term);
    if (source == NULL) {
        *err = AGNER_ENOMEM;
        return NULL;
    }
    p = compile(etf_box_term(source), err, error);
    if (p == NULL) {
        etf_box_free(source);
        return NULL;
    }
    p->source = source;
    p->holes = holes;
    return p;
}

/* A pattern, or one without a source when the text is at fault, or NULL when
 * memory is. */
static struct pattern *compile_text(const char *text, etf__compile_fn compile)
{
    struct agner_error error = { .text = "" };
    struct etf_region *r = etf_region_new(0);
    enum agner_err err = AGNER_ENOMEM;
    struct pattern *p;

    if (r == NULL)
        return NULL;
    p = compile_boxed(r, text, compile, &err, &error);
    etf_region_free(r);
    if (p != NULL || err == AGNER_ENOMEM)
        return p;
#ifndef NDEBUG
    (void)fprintf(stderr, "pattern \"%s\": %s\n", text, error.text);
#endif
    return calloc(1, sizeof *p);
}

/* Publishes `mine`, or frees it when another thread was first; the one that
 * stays. */
static const struct pattern *publish(struct etf_pattern *cache,
                                     struct pattern *mine)
{
    void *first = NULL;

    /*
     * Order: release publishes the contents of `mine` to the acquire in
     * etf__pattern(); acquire on failure is for those of the winner's.
     */
    if (__atomic_compare_exchange_n(&cache->compiled, &first, mine, false,
                                    __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        return mine;
    pattern_free(mine);
    return first;
}

const struct pattern *etf__pattern_slow(struct etf_pattern *cache,
                                        const struct pattern *seen,
                                        const char *text, size_t count,
                                        etf__compile_fn compile)
{
    const struct pattern *p = seen;

    if (p == NULL) {
        struct pattern *mine = compile_text(text, compile);

        if (mine == NULL)
            return NULL;
        p = publish(cache, mine);
    }
    assert(p->source != NULL); /* the pattern does not parse */
    assert(p->holes == count); /* one argument for each `_` */
    return p->source != NULL && p->holes == count ? p : NULL;
}

enum agner_err etf__pattern_check(struct etf_pattern *cache, const char *text,
                                  size_t count, etf__compile_fn compile)
{
    const struct pattern *p =
        __atomic_load_n(&cache->compiled, __ATOMIC_ACQUIRE); /* as above */

    if (p == NULL) {
        struct pattern *mine = compile_text(text, compile);

        if (mine == NULL)
            return AGNER_ENOMEM;
        p = publish(cache, mine);
    }
    return p->source != NULL && p->holes == count ? AGNER_OK : AGNER_EINVAL;
}

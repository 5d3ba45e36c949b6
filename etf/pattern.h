/*
 * pattern.h -- compiled patterns, one per call site. Private to etf/.
 *
 * A call site's cache goes from NULL to a compiled pattern once, and stays. Two
 * threads may compile at once: the one that publishes first wins, and the other
 * frees its own. What is published never changes.
 *
 * A compiled pattern is either a list of checks (match.c) or a template of
 * words (make.c): a call site is one or the other.
 */
#ifndef ETF_PATTERN_H
#define ETF_PATTERN_H

#include "parse.h"

#define ETF__HOLES_MAX 16u /* the macros stop at 12 */

struct pattern {
    struct etf_box *source; /* owned: literals point into it; NULL: a pattern
                               that does not compile */
    uint32_t holes;
    uint32_t count; /* of the checks or fixes kept behind this */
};

/* Turns the term of a pattern into a compiled one, whose `source` and `holes`
 * the caller fills in. Returns new, or NULL: *err says why. */
typedef struct pattern *(*etf__compile_fn)(etf_term term, enum agner_err *err,
                                           struct agner_error *error);

/* Reads the term of a pattern, and looks whether its holes make sense.
 * AGNER_ESYNTAX, AGNER_ELIMIT, AGNER_ENOMEM, AGNER_EINVAL. */
enum agner_err etf__pattern_parse(struct etf_region *r, const char *text,
                                  etf_term *term, uint32_t *holes,
                                  struct agner_error *error);

/* The compiled pattern of this call site, compiled now if it was NULL when it
 * was `seen`. NULL when it does not compile, `count` arguments are not what it
 * takes, or memory is out. */
const struct pattern *etf__pattern_slow(struct etf_pattern *cache,
                                        const struct pattern *seen,
                                        const char *text, size_t count,
                                        etf__compile_fn compile);

/* The same as a question: AGNER_OK, AGNER_EINVAL, AGNER_ENOMEM. Any text. */
enum agner_err etf__pattern_check(struct etf_pattern *cache, const char *text,
                                  size_t count, etf__compile_fn compile);

/*
 * Order: acquire pairs with the release in etf__pattern_slow(), so that the
 * contents of the pattern are seen with its address.
 */
static inline const struct pattern *etf__pattern(struct etf_pattern *cache,
                                                 const char *text, size_t count,
                                                 etf__compile_fn compile)
{
    const struct pattern *p =
        __atomic_load_n(&cache->compiled, __ATOMIC_ACQUIRE);

    if (__builtin_expect(p != NULL && p->source != NULL && p->holes == count,
                         1))
        return p;
    return etf__pattern_slow(cache, p, text, count, compile);
}

/* Has the call site's pattern been compiled, or found to be wrong? */
static inline bool etf__pattern_is_known(const struct etf_pattern *cache)
{
    return __atomic_load_n(&cache->compiled, __ATOMIC_RELAXED) != NULL;
}

/* Has `t` a hole anywhere? */
bool etf__pattern_is_open(etf_term t);

#endif

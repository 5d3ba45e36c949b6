/*
 * bignum.h -- integers of any size. Private to etf/.
 *
 * Most of it works on plain arrays of limbs: 64 bits each, least significant
 * first. A count of limbs may include leading zeros unless it says "trimmed".
 */
#ifndef ETF_BIGNUM_H
#define ETF_BIGNUM_H

#include "etf_door.h"

#define ETF__BIG_LIMBS_MAX (ETF_BIG_BYTES_MAX / 8u)

/* ---- Terms ---- */

/* An integer seen as sign and limbs, whatever its form. `one` is room for a
 * small one. */
struct etf__integer {
    bool negative;
    size_t count; /* trimmed; 0 for zero */
    const uint64_t *limbs;
    uint64_t one;
};

/* `t` must be an integer. The view points into the term or into itself: it
 * must not be copied. */
void etf__integer_view(etf_term t, struct etf__integer *view);

bool etf__is_big(etf_term t);

/* The integer of these limbs, in its normal form: small if it fits. ETF_NONE:
 * the region is full, or it is over ETF_BIG_BYTES_MAX. */
etf_term etf__integer_term(struct etf_region *r, bool negative,
                           const uint64_t *limbs, size_t count);

/* Below 0, 0, above 0. */
int etf__integer_compare(const struct etf__integer *a,
                         const struct etf__integer *b);
/* By exact value, without rounding. `f` is finite. */
int etf__integer_compare_float(const struct etf__integer *a, double f);

/* The nearest double, ties to even; infinite when out of range. */
double etf__integer_to_double(const struct etf__integer *a);

/* ---- Text ---- */

/* Appends the integer `t` in `base`, 2 to 36, upper-case digits, with a minus
 * sign if negative. AGNER_ENOMEM or AGNER_ELIMIT (the buffer's). */
enum agner_err etf__big_to_text(struct etf_buffer *b, etf_term t,
                                unsigned base);

/* The integer that `count` digits of `base` stand for; letters of either case.
 * At least one digit, and nothing but digits. ETF_NONE: not so, the region is
 * full, out of memory, or over ETF_BIG_BYTES_MAX. */
etf_term etf__big_from_text(struct etf_region *r, bool negative,
                            const char *digits, size_t count, unsigned base);

/* ---- Arithmetic on limbs ---- */

size_t etf__limbs_trim(const uint64_t *a, size_t count);
int etf__limbs_compare(const uint64_t *a, size_t a_count, const uint64_t *b,
                       size_t b_count); /* both trimmed */

/* a += b and a -= b, a_count >= b_count; return the carry or borrow. */
uint64_t etf__limbs_add(uint64_t *a, size_t a_count, const uint64_t *b,
                        size_t b_count);
uint64_t etf__limbs_subtract(uint64_t *a, size_t a_count, const uint64_t *b,
                             size_t b_count);

/* out[a_count + b_count] = a * b; `out` overlaps neither. false: no memory. */
bool etf__limbs_multiply(uint64_t *out, const uint64_t *a, size_t a_count,
                         const uint64_t *b, size_t b_count);

/* a = a * factor + carry; returns what does not fit. */
uint64_t etf__limbs_scale(uint64_t *a, size_t count, uint64_t factor,
                          uint64_t carry);

/* a = a / divisor; returns the remainder. */
uint64_t etf__limbs_reduce(uint64_t *a, size_t count, uint64_t divisor);

/*
 * Quotient and remainder of a by b: quotient[a_count - b_count + 1],
 * remainder[b_count]. The top limb of b is not 0, a_count >= b_count >= 1, and
 * the outputs overlap nothing. false: no memory.
 */
bool etf__limbs_divide(uint64_t *quotient, uint64_t *remainder,
                       const uint64_t *a, size_t a_count, const uint64_t *b,
                       size_t b_count);

#endif

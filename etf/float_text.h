/*
 * float_text.h -- floats as digits, and back. Private to etf/.
 */
#ifndef ETF_FLOAT_TEXT_H
#define ETF_FLOAT_TEXT_H

#include <agner/etf.h>

#define ETF__FLOAT_TEXT_MAX 32u

/* Writes `v`, which is finite, with the fewest digits that read back as the
 * same; returns their count. Not terminated. */
size_t etf__float_text(char text[ETF__FLOAT_TEXT_MAX], double v);

/* The float nearest to the decimal `digits` times ten to the `exponent`;
 * infinite when out of range. `digits` is used up: so many bytes are written
 * behind it. AGNER_ENOMEM. */
#define ETF__FLOAT_TAIL 32u
enum agner_err etf__float_from_digits(struct etf_buffer *digits,
                                      int64_t exponent, double *value);

#endif

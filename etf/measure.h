/*
 * measure.h -- how large a term becomes, before it is decoded. Private to etf/.
 */
#ifndef ETF_MEASURE_H
#define ETF_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Words that the term at the start of `bytes` takes when it is decoded, its
 * atoms being interned. SIZE_MAX when it cannot be said: then decoding it
 * fails, or it has some part that is rare.
 */
size_t etf__measure(const uint8_t *bytes, size_t size);

#endif

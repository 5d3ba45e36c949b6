/*
 * map_sort.h -- the pairs of a map put in order. Private to etf/.
 */
#ifndef ETF_MAP_SORT_H
#define ETF_MAP_SORT_H

#include "etf_door.h"

/*
 * Sorts `count` pairs of words {key, value} by exact key order. Returns
 * AGNER_OK, AGNER_EMALFORMED when two keys are equal, or AGNER_ENOMEM. At most
 * about n log n comparisons, whatever the keys.
 */
enum agner_err etf__map_sort(uint64_t *pairs, size_t count);

#endif

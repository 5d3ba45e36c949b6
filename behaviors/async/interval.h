/*
 * interval.h -- when an interval's next run is.
 *
 * Private to behaviors/async: pure, tested with a table.
 */
#ifndef GEN_INTERVAL_PRIVATE_H
#define GEN_INTERVAL_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * After a run for the tick at `tick_ms` that ended at `now_ms`: the next tick.
 * Of those that have passed the latest is kept, and *missed is how many were
 * not. RT_INFINITY when there is no such time.
 */
uint64_t gen__interval_next(uint64_t tick_ms, uint64_t now_ms,
                            uint64_t every_ms, bool fixed_delay,
                            uint64_t *missed);

#endif

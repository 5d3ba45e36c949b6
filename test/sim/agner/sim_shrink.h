/*
 * sim_shrink.h -- making what fails smaller, whatever it is made of.
 *
 * Three kinds of parts: items that can be left out, numbers that can be lower,
 * and a tape (sim.h), which can be shorter too. The caller says whether what is
 * left still fails in the same way; each function changes its array in place,
 * as long as it does, and answers whether it got smaller.
 *
 *     do
 *         smaller = sim_shrink_items(&budget, ...) |
 *                   sim_shrink_numbers(&budget, ...) |
 *                   sim_shrink_tape(&budget, ...);
 *     while (smaller);
 *
 * What is in the array when a function returns is what failed() was last true
 * for, or what it held at first. One thread.
 */
#ifndef AGNER_SIM_SHRINK_H
#define AGNER_SIM_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <agner/etf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What may be spent, by all that have it together. */
struct sim_budget {
    uint64_t runs;   /* how often it may still be asked whether it fails */
    uint64_t ms;     /* of real time, from the first question on; 0: no limit */
    uint64_t end_ns; /* filled in by the first question; 0 at first */
};

/* Takes a question from the budget: false, there is none left. */
AGNER_API bool sim_budget_take(struct sim_budget *budget);

/*
 *   keep    for each of the `count` items whether it is kept
 *   level   for each how deep it is, or NULL: an item belongs to the nearest
 *           one before it that is less deep, and goes when that goes
 *   fails   does what is kept still fail?
 *
 * Without memory nothing is done.
 */
AGNER_API bool sim_shrink_items(struct sim_budget *budget, size_t count,
                                const unsigned *level, bool *keep,
                                bool (*fails)(void *ctx, const bool *keep),
                                void *ctx);

/* Towards 0, each. */
AGNER_API bool
sim_shrink_numbers(struct sim_budget *budget, size_t count, uint64_t *values,
                   bool (*fails)(void *ctx, const uint64_t *values), void *ctx);

/* Shorter, by its end and by blocks in the middle, and towards 0. The bigger
 * blocks come first, so that a small budget is well spent. */
AGNER_API bool
sim_shrink_tape(struct sim_budget *budget, size_t *count, uint64_t *values,
                bool (*fails)(void *ctx, const uint64_t *values, size_t count),
                void *ctx);

#ifdef __cplusplus
}
#endif

#endif

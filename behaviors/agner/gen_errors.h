/*
 * gen_errors.h -- what went wrong in the background, kept for who looks.
 *
 * A collector keeps so many errors and counts the rest: whoever puts one in
 * never waits. Workers, queues, batches and intervals put theirs there.
 *
 * gen.h includes this header. Source: spec/async.md 2.8, Errors.
 */
#ifndef AGNER_GEN_ERRORS_H
#define AGNER_GEN_ERRORS_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_errors;

/* One error. */
struct gen_error {
    enum agner_err err;
    etf_term reason; /* of a crash; or ETF_NONE */
    /* What it is about, when whoever had it can have it no more: the item that
     * a worker has died with. It is the taker's then, to be given back with
     * `free_item`, which may be NULL. */
    void *item;
    void (*free_item)(void *item);
};

/* Room for `max` errors (1 to 1,000,000); with one count, the caller's. NULL:
 * no memory, or no such number. Any thread, as all here. */
AGNER_API struct gen_errors *gen_errors_new(struct rt *rt, size_t max);
AGNER_API struct gen_errors *gen_errors_hold(struct gen_errors *errors);
AGNER_API void gen_errors_free(struct gen_errors *errors); /* NULL is fine */

/* From now on each error is also sent to `pid` (all zero: to nobody), as
 * {gen_error, Code, Reason}: Code is the number of the error, Reason an atom
 * `undefined` if there is none. One that there is no memory for is not. */
AGNER_API void gen_errors_forward(struct gen_errors *errors, etf_pid pid);

/* Keeps one; AGNER_OK is none, and so is anything for a NULL collector.
 * `reason` (may be ETF_NONE) is copied. AGNER_EFULL: it is only counted. */
AGNER_API enum agner_err gen_errors_put(struct gen_errors *errors,
                                        enum agner_err err, etf_term reason);
/* The same with an item. It takes it, whatever it returns: without room, or
 * without a collector, it is given back. */
AGNER_API enum agner_err gen_errors_put_item(struct gen_errors *errors,
                                             enum agner_err err,
                                             etf_term reason, void *item,
                                             void (*free_item)(void *item));

/* Takes the oldest, its reason in `r`. false: there is none. */
AGNER_API bool gen_errors_first(struct gen_errors *errors, struct etf_region *r,
                                struct gen_error *out);
/* Takes all: the code of the oldest, and in error->text what each of them was,
 * in order, as far as there is room. Items are given back. AGNER_OK: there are
 * none. `error` may be NULL. */
AGNER_API enum agner_err gen_errors_all(struct gen_errors *errors,
                                        struct agner_error *error);

AGNER_API size_t gen_errors_count(const struct gen_errors *errors);
/* How many found no room so far. */
AGNER_API uint64_t gen_errors_dropped(const struct gen_errors *errors);

#ifdef __cplusplus
}
#endif

#endif

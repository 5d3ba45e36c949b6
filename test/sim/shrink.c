/*
 * shrink.c -- making what fails smaller: sim_shrink.h.
 *
 * Always the same move: try it without a block, and go on from there if it
 * still fails; first with big blocks, then with smaller ones. A try is made in
 * place and taken back, so `values` is what failed whenever nobody is asked.
 */
#include <agner/sim_shrink.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t real_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool sim_budget_take(struct sim_budget *budget)
{
    if (budget->runs == 0)
        return false;
    if (budget->ms > 0) {
        uint64_t now_ns = real_ns();

        if (budget->end_ns == 0)
            budget->end_ns = now_ns + budget->ms * 1000000;
        if (now_ns >= budget->end_ns)
            return false;
    }
    budget->runs--;
    return true;
}

static bool is_spent(const struct sim_budget *budget)
{
    return budget->runs == 0 ||
           (budget->end_ns > 0 && real_ns() >= budget->end_ns);
}

/* ---- Items ------------------------------------------------------------------
 */

struct items {
    struct sim_budget *budget;
    size_t count;
    const unsigned *level;
    bool *keep, *trial; /* `trial` is ours */
    bool (*fails)(void *ctx, const bool *keep);
    void *ctx;
};

/* What belongs to an item that is not kept is not kept either. */
static void drop_belongings(const struct items *items)
{
    unsigned level = 0;
    bool dropping = false;

    for (size_t i = 0; items->level != NULL && i < items->count; i++) {
        if (dropping && items->level[i] > level) {
            items->trial[i] = false;
            continue;
        }
        dropping = !items->trial[i];
        level = items->level[i];
    }
}

/* Without `size` of the kept ones, from the from-th kept one on. */
static bool try_without(struct items *items, size_t from, size_t size)
{
    size_t seen = 0;

    for (size_t i = 0; i < items->count; i++) {
        items->trial[i] = items->keep[i];
        if (!items->keep[i])
            continue;
        if (seen >= from && seen < from + size)
            items->trial[i] = false;
        seen++;
    }
    drop_belongings(items);
    if (!sim_budget_take(items->budget) ||
        !items->fails(items->ctx, items->trial))
        return false;
    memcpy(items->keep, items->trial, items->count * sizeof *items->keep);
    return true;
}

static size_t kept(const struct items *items)
{
    size_t count = 0;

    for (size_t i = 0; i < items->count; i++)
        count += items->keep[i];
    return count;
}

/* From the end: what comes last leans on what comes before. */
static bool drop_blocks(struct items *items, size_t size)
{
    size_t from = kept(items);
    bool smaller = false;

    while (from > 0 && !is_spent(items->budget)) {
        size_t piece = from < size ? from : size;

        from -= piece;
        if (!try_without(items, from, piece))
            continue;
        smaller = true;
        if (from > kept(items))
            from = kept(items);
    }
    return smaller;
}

bool sim_shrink_items(struct sim_budget *budget, size_t count,
                      const unsigned *level, bool *keep,
                      bool (*fails)(void *ctx, const bool *keep), void *ctx)
{
    struct items items = { budget, count, level, keep, NULL, fails, ctx };
    bool smaller = false, again;
    size_t size;

    items.trial = calloc(count + 1, sizeof *items.trial);
    if (items.trial == NULL)
        return false;
    for (size = kept(&items); size > 1; size = (size + 1) / 2)
        smaller |= drop_blocks(&items, size);
    do {
        again = drop_blocks(&items, 1);
        smaller |= again;
    } while (again && !is_spent(budget));
    free(items.trial);
    return smaller;
}

/* ---- Numbers, and tapes -------------------------------------------------- */

struct numbers {
    struct sim_budget *budget;
    uint64_t *values, *before; /* `before` is ours */
    size_t count;
    bool (*fails)(void *ctx, const uint64_t *values, size_t count);
    void *ctx;
};

static bool ask(struct numbers *n, size_t count)
{
    return sim_budget_take(n->budget) && n->fails(n->ctx, n->values, count);
}

static bool is_zero(const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0)
            return false;
    return true;
}

static bool zero_block(struct numbers *n, size_t from, size_t size)
{
    if (is_zero(n->values + from, size))
        return false;
    memcpy(n->before, n->values + from, size * sizeof *n->values);
    memset(n->values + from, 0, size * sizeof *n->values);
    if (ask(n, n->count))
        return true;
    memcpy(n->values + from, n->before, size * sizeof *n->values);
    return false;
}

static bool delete_block(struct numbers *n, size_t from, size_t size)
{
    size_t rest = n->count - from - size;

    memcpy(n->before, n->values + from, size * sizeof *n->values);
    memmove(n->values + from, n->values + from + size,
            rest * sizeof *n->values);
    if (ask(n, n->count - size)) {
        n->count -= size;
        return true;
    }
    memmove(n->values + from + size, n->values + from,
            rest * sizeof *n->values);
    memcpy(n->values + from, n->before, size * sizeof *n->values);
    return false;
}

static bool each_block(struct numbers *n, size_t size,
                       bool (*try_block)(struct numbers *n, size_t from,
                                         size_t size))
{
    size_t from = n->count;
    bool smaller = false;

    while (from > 0 && !is_spent(n->budget)) {
        size_t piece = from < size ? from : size;

        from -= piece;
        smaller |= try_block(n, from, piece);
        if (from > n->count)
            from = n->count;
    }
    return smaller;
}

/* The lowest that still fails, if lower ones never do again. */
static bool lower(struct numbers *n, uint64_t *value)
{
    uint64_t good = 0, bad = *value; /* 0 was tried as a block */

    while (bad - good > 1 && !is_spent(n->budget)) {
        *value = good + (bad - good) / 2;
        if (ask(n, n->count))
            bad = *value;
        else
            good = *value;
    }
    if (*value == bad)
        return false;
    *value = bad;
    return true;
}

static bool lower_all(struct numbers *n)
{
    bool smaller = false;

    for (size_t i = 0; i < n->count && !is_spent(n->budget); i++) {
        uint64_t value = n->values[i];

        if (value <= 1)
            continue;
        (void)lower(n, &n->values[i]);
        smaller |= n->values[i] < value;
    }
    return smaller;
}

/* The zeros at the end are there anyway. */
static void trim(struct numbers *n)
{
    while (n->count > 0 && n->values[n->count - 1] == 0)
        n->count--;
}

bool sim_shrink_tape(struct sim_budget *budget, size_t *count, uint64_t *values,
                     bool (*fails)(void *ctx, const uint64_t *values,
                                   size_t count),
                     void *ctx)
{
    struct numbers n = { budget, values, NULL, *count, fails, ctx };
    bool smaller = false;
    size_t size;

    n.before = malloc((*count + 1) * sizeof *n.before);
    if (n.before == NULL)
        return false;
    trim(&n);
    for (size = n.count; size > 0 && !is_spent(budget); size /= 2) {
        smaller |= each_block(&n, size, zero_block);
        trim(&n);
        smaller |= each_block(&n, size, delete_block);
        trim(&n);
    }
    smaller |= lower_all(&n);
    free(n.before);
    smaller |= n.count < *count;
    *count = n.count;
    return smaller;
}

struct plain {
    bool (*fails)(void *ctx, const uint64_t *values);
    void *ctx;
};

static bool plain_fails(void *ctx, const uint64_t *values, size_t count)
{
    const struct plain *plain = ctx;

    (void)count;
    return plain->fails(plain->ctx, values);
}

bool sim_shrink_numbers(struct sim_budget *budget, size_t count,
                        uint64_t *values,
                        bool (*fails)(void *ctx, const uint64_t *values),
                        void *ctx)
{
    struct plain plain = { fails, ctx };
    struct numbers n = { budget, values, NULL, count, plain_fails, &plain };
    bool smaller = false;
    size_t size;

    n.before = malloc((count + 1) * sizeof *n.before);
    if (n.before == NULL)
        return false;
    for (size = count; size > 0 && !is_spent(budget); size /= 2)
        smaller |= each_block(&n, size, zero_block);
    smaller |= lower_all(&n);
    free(n.before);
    return smaller;
}

/*
 * map_sort.c -- the pairs of a map put in order, and equal keys found.
 *
 * Pairs come sorted more often than not: that is looked at first. Otherwise
 * they are merged from the bottom up, each with a number that decides most
 * comparisons without looking at the keys.
 */
#include "map_sort.h"

#include <stdlib.h>

#include "order.h"

#define ROWS_INLINE 64u

struct row {
    uint64_t order; /* etf__order_key() */
    uint64_t key;
    uint64_t value;
};

static int compare_rows(const struct row *a, const struct row *b)
{
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return etf_compare_exact(etf__word(a->key), etf__word(b->key));
}

/* Merges two sorted runs. false: two keys are equal. */
static bool merge(struct row *to, const struct row *a, const struct row *a_end,
                  const struct row *b, const struct row *b_end)
{
    while (a < a_end && b < b_end) {
        int order = compare_rows(a, b);

        if (order == 0)
            return false;
        *to++ = order < 0 ? *a++ : *b++;
    }
    while (a < a_end)
        *to++ = *a++;
    while (b < b_end)
        *to++ = *b++;
    return true;
}

/* Sorts `rows` with `spare` as room. Returns which of the two has the result,
 * or NULL when two keys are equal. */
static struct row *sort_rows(struct row *rows, struct row *spare, size_t count)
{
    for (size_t run = 1; run < count; run *= 2) {
        struct row *swap = rows;

        for (size_t at = 0; at < count; at += 2 * run) {
            size_t middle = at + run < count ? at + run : count;
            size_t end = at + 2 * run < count ? at + 2 * run : count;

            if (!merge(spare + at, rows + at, rows + middle, rows + middle,
                       rows + end))
                return NULL;
        }
        rows = spare;
        spare = swap;
    }
    return rows;
}

static bool is_sorted(const struct row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (compare_rows(&rows[i - 1], &rows[i]) >= 0)
            return false;
    return true;
}

static enum agner_err sort_with(struct row *rows, uint64_t *pairs, size_t count)
{
    const struct row *sorted;

    for (size_t i = 0; i < count; i++) {
        rows[i].key = pairs[2 * i];
        rows[i].value = pairs[2 * i + 1];
        rows[i].order = etf__order_key(etf__word(rows[i].key));
    }
    if (is_sorted(rows, count))
        return AGNER_OK;
    sorted = sort_rows(rows, rows + count, count);
    if (sorted == NULL)
        return AGNER_EMALFORMED;
    for (size_t i = 0; i < count; i++) {
        pairs[2 * i] = sorted[i].key;
        pairs[2 * i + 1] = sorted[i].value;
    }
    return AGNER_OK;
}

enum agner_err etf__map_sort(uint64_t *pairs, size_t count)
{
    struct row few[2 * ROWS_INLINE];
    struct row *many;
    enum agner_err err;

    if (count < 2)
        return AGNER_OK;
    if (count <= ROWS_INLINE)
        return sort_with(few, pairs, count);
    if (count > SIZE_MAX / (2 * sizeof *many))
        return AGNER_ENOMEM;
    many = malloc(2 * count * sizeof *many);
    if (many == NULL)
        return AGNER_ENOMEM;
    err = sort_with(many, pairs, count);
    free(many);
    return err;
}

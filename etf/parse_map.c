/*
 * parse_map.c -- a map from pairs as they stand in a text, where a key may come
 * twice. Source: erl_parse, which gives the pairs to maps:from_list/1.
 */
#include "parse.h"

#include <stdlib.h>

#include "map_sort.h"
#include "shape.h"

struct pair {
    etf_term key;
    etf_term value;
    size_t index; /* in the text */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *one = a, *other = b;
    int order = etf_compare_exact(one->key, other->key);

    if (order != 0)
        return order;
    return one->index < other->index ? -1 : 1;
}

/* Fills a map's words with the last of each key's pairs: how many there are, 0
 * when memory is out. */
static size_t keep_last(uint64_t *words, const etf_term *pairs, size_t count)
{
    struct pair *sorted = calloc(count, sizeof *sorted);
    size_t kept = 0;

    if (sorted == NULL)
        return 0;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct pair){ pairs[2 * i], pairs[2 * i + 1], i };
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && etf_equal(sorted[i].key, sorted[i + 1].key))
            continue;
        words[2 * kept] = sorted[i].key.word;
        words[2 * kept + 1] = sorted[i].value.word;
        kept++;
    }
    free(sorted);
    return kept;
}

etf_term etf__parse_map(struct etf_region *r, const etf_term *pairs,
                        size_t count)
{
    uint64_t *words = etf__region_words(r, 1 + 2 * count);
    enum agner_err err;

    if (words == NULL)
        return ETF_NONE;
    for (size_t i = 0; i < 2 * count; i++)
        words[1 + i] = pairs[i].word;
    err = etf__map_sort(words + 1, count);
    if (err == AGNER_EMALFORMED) { /* some key comes twice */
        count = keep_last(words + 1, pairs, count);
        err = count > 0 ? AGNER_OK : AGNER_ENOMEM;
    }
    if (err != AGNER_OK)
        return ETF_NONE;
    words[0] = etf__header(count, ETF__HEAD_MAP);
    return etf__box_at(words);
}

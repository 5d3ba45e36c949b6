/*
 * map.c -- maps: pairs in exact key order, found by halving.
 */
#include <agner/etf.h>

#include "map_sort.h"
#include "order.h"
#include "shape.h"

static const uint64_t *map_words(etf_term t)
{
    return etf__is_boxed(t, ETF__HEAD_MAP) ? etf__words(t) : NULL;
}

size_t etf_map_size(etf_term t)
{
    const uint64_t *words = map_words(t);

    return words == NULL ? 0 : etf__head_size(words);
}

/* Where `key` stands, or would stand: the index of the first pair whose key is
 * not below it. */
static size_t find(const uint64_t *words, etf_term key, bool *found)
{
    size_t low = 0, high = etf__head_size(words);

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = etf_compare_exact(etf__word(words[1 + 2 * middle]), key);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

etf_term etf_map_get(etf_term map, etf_term key)
{
    const uint64_t *words = map_words(map);
    size_t count, index;
    bool found;

    if (words == NULL)
        return ETF_NONE;
    /* Most maps are small and most keys are the same word: look before
     * comparing. */
    count = etf__head_size(words);
    for (size_t i = 0; i < count && i < 16; i++)
        if (words[1 + 2 * i] == key.word)
            return etf__word(words[2 + 2 * i]);
    index = find(words, key, &found);
    return found ? etf__word(words[2 + 2 * index]) : ETF_NONE;
}

void etf_map_pair(etf_term map, size_t index, etf_term *key, etf_term *value)
{
    const uint64_t *words = etf__words(map);

    *key = etf__word(words[1 + 2 * index]);
    *value = etf__word(words[2 + 2 * index]);
}

etf_term etf_map(struct etf_region *r, const etf_term *pairs, size_t count)
{
    uint64_t *words;

    if (count > UINT32_MAX)
        return ETF_NONE;
    for (size_t i = 0; i < 2 * count; i++)
        if (etf_is_none(pairs[i]))
            return ETF_NONE;
    words = etf__region_words(r, 1 + 2 * count);
    if (words == NULL)
        return ETF_NONE;
    words[0] = etf__header(count, ETF__HEAD_MAP);
    for (size_t i = 0; i < 2 * count; i++)
        words[1 + i] = pairs[i].word;
    if (etf__map_sort(words + 1, count) != AGNER_OK)
        return ETF_NONE;
    return etf__box_at(words);
}

etf_term etf_map_put(struct etf_region *r, etf_term map, etf_term key,
                     etf_term value)
{
    const uint64_t *from = map_words(map);
    size_t count, index, rest;
    uint64_t *to;
    bool found;

    if (from == NULL || etf_is_none(key) || etf_is_none(value))
        return ETF_NONE;
    count = etf__head_size(from);
    index = find(from, key, &found);
    rest = found ? count - index - 1 : count - index;
    to = etf__region_words(r, 1 + 2 * (index + 1 + rest));
    if (to == NULL)
        return ETF_NONE;
    to[0] = etf__header(index + 1 + rest, ETF__HEAD_MAP);
    memcpy(to + 1, from + 1, 2 * index * sizeof *to);
    to[1 + 2 * index] = key.word;
    to[2 + 2 * index] = value.word;
    memcpy(to + 3 + 2 * index, from + 1 + 2 * (count - rest),
           2 * rest * sizeof *to);
    return etf__box_at(to);
}

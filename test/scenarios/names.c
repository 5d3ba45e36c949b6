/*
 * names.c -- what a scenario calls its processes and references.
 */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>

void names_add(struct play *play, etf_term name, etf_term value)
{
    if (play->name_count == NAMES_MAX) {
        fprintf(stderr, "more than %u names\n", NAMES_MAX);
        exit(2);
    }
    play->names[play->name_count++] = (struct name){ name, value, false };
}

struct name *names_by_value(struct play *play, etf_term t)
{
    for (size_t i = play->name_count; i-- > 0;)
        if (etf_equal(play->names[i].value, t))
            return &play->names[i];
    return NULL;
}

/* The value of a name; a name that stands for nothing is itself. */
static etf_term value_of(struct play *play, etf_term name)
{
    for (size_t i = play->name_count; i-- > 0;)
        if (etf_equal(play->names[i].name, name))
            return play->names[i].value;
    return name;
}

typedef etf_term (*change_fn)(struct play *play, etf_term t);

/* A container with each element changed; any other term as it is. */
static etf_term change_inside(struct play *play, etf_term t, change_fn change)
{
    struct etf_region *r = rt_region(play->self);
    etf_term head, key, value;

    if (etf_kind(t) == ETF_KIND_TUPLE) {
        size_t count = etf_tuple_size(t);
        etf_term *items = play_alloc(play, (count + 1) * sizeof *items);

        for (size_t i = 0; i < count; i++)
            items[i] = change(play, etf_tuple_items(t)[i]);
        return etf_tuple(r, items, count);
    }
    if (etf_list_next(&t, &head)) {
        head = change(play, head);
        return etf_cons(r, head, change(play, t));
    }
    if (etf_kind(t) == ETF_KIND_MAP) {
        etf_term changed = etf_make(play->self, "#{}");

        for (size_t i = 0; i < etf_map_size(t); i++) {
            etf_map_pair(t, i, &key, &value);
            changed =
                etf_map_put(r, changed, change(play, key), change(play, value));
        }
        return changed;
    }
    return t;
}

etf_term names_to_values(struct play *play, etf_term t)
{
    if (etf_is_atom(t))
        return value_of(play, t);
    return change_inside(play, t, names_to_values);
}

static int by_order(const void *a, const void *b)
{
    return etf_compare(*(const etf_term *)a, *(const etf_term *)b);
}

static etf_term sorted(struct play *play, etf_term list)
{
    etf_term items[NAMES_MAX], head;
    size_t count = 0;

    while (count < NAMES_MAX && etf_list_next(&list, &head))
        items[count++] = head;
    qsort(items, count, sizeof *items, by_order);
    return etf_list(rt_region(play->self), items, count, etf_nil());
}

etf_term names_from_values(struct play *play, etf_term t)
{
    const struct name *name;
    etf_term list;

    if (etf_is_atom(t))
        return t;
    if (etf_match(t, "{any_order, _}", &list))
        return sorted(play, names_from_values(play, list));
    name = names_by_value(play, t);
    if (name != NULL)
        return name->name;
    if (etf_kind(t) == ETF_KIND_PID)
        return etf_atom("some_pid");
    if (etf_kind(t) == ETF_KIND_REF)
        return etf_atom("some_ref");
    return change_inside(play, t, names_from_values);
}

/*
 * registry.c -- behaviours by group and name: who wants to start something that
 * he knows by name only, finds here how.
 *
 * Rows in order of group and name, so that a look-up halves and a list is
 * sorted. There are as many as a program has kinds of things, not things.
 */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

struct row {
    char *group; /* owned */
    etf_term name;
    const void *behavior; /* borrowed: outlives its registration */
    void *data;
    void (*destroy)(void *data);
};

struct registry {
    rt_spin lock; /* guards the rest */
    struct row *rows;
    size_t count, capacity;
};

static void free_row(const struct row *row)
{
    if (row->destroy != NULL)
        row->destroy(row->data);
    free(row->group);
}

enum agner_err rt__registry_init(struct rt *rt)
{
    rt->registry = calloc(1, sizeof *rt->registry);
    return rt->registry == NULL ? AGNER_ENOMEM : AGNER_OK;
}

void rt__registry_fini(struct rt *rt)
{
    struct registry *g = rt->registry;
    size_t i;

    if (g == NULL)
        return;
    for (i = 0; i < g->count; i++)
        free_row(&g->rows[i]);
    free(g->rows);
    free(g);
}

/* `name` ETF_NONE is below every name. */
static int compare(const struct row *row, const char *group, etf_term name)
{
    int order = strcmp(row->group, group);

    if (order != 0)
        return order;
    return etf_is_none(name) ? 1 : etf_compare(row->name, name);
}

/* Where the row stands, or would stand. The lock is held. */
static size_t place(const struct registry *g, const char *group, etf_term name,
                    bool *found)
{
    size_t low = 0, high = g->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&g->rows[middle], group, name);

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

/* Groups of the house are those that rt.h names. */
static bool is_group(const char *group)
{
    return group[0] != '\0' && (strncmp(group, "agner:", 6) != 0 ||
                                strcmp(group, RT_GROUP_APPLICATIONS) == 0 ||
                                strcmp(group, RT_GROUP_FUNCTIONS) == 0 ||
                                strcmp(group, RT_GROUP_REMOTE) == 0 ||
                                strcmp(group, RT_GROUP_GLOBAL) == 0);
}

/* The lock is held. */
static bool room(struct registry *g)
{
    size_t capacity = 2 * g->capacity + 16;
    struct row *rows;

    if (g->count < g->capacity)
        return true;
    rows = realloc(g->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return false;
    g->rows = rows;
    g->capacity = capacity;
    return true;
}

enum agner_err rt_behavior_register(struct rt *rt, const char *group,
                                    etf_term name, const void *behavior,
                                    void *data, void (*destroy)(void *data))
{
    struct registry *g = rt->registry;
    struct row row = {
        .name = name, .behavior = behavior, .data = data, .destroy = destroy
    };
    enum agner_err err = AGNER_ETAKEN;
    size_t index;
    bool found;

    if (group == NULL || !is_group(group) || etf__tag(name) != ETF__ATOM ||
        etf_same(name, ETF_A(undefined)))
        return AGNER_EINVAL;
    row.group = strdup(group);
    if (row.group == NULL)
        return AGNER_ENOMEM;
    rt__lock(&g->lock);
    index = place(g, group, name, &found);
    if (!found && room(g)) {
        memmove(&g->rows[index + 1], &g->rows[index],
                (g->count - index) * sizeof row);
        g->rows[index] = row;
        g->count++;
        err = AGNER_OK;
    } else if (!found) {
        err = AGNER_ENOMEM;
    }
    rt__unlock(&g->lock);
    if (err != AGNER_OK)
        free(row.group);
    return err;
}

enum agner_err rt_behavior_find(struct rt *rt, const char *group, etf_term name,
                                const void **behavior, void **data)
{
    struct registry *g = rt->registry;
    size_t index;
    bool found;

    if (group == NULL || etf_is_none(name))
        return AGNER_EUNKNOWN;
    rt__lock(&g->lock);
    index = place(g, group, name, &found);
    if (found && behavior != NULL)
        *behavior = g->rows[index].behavior;
    if (found && data != NULL)
        *data = g->rows[index].data;
    rt__unlock(&g->lock);
    return found ? AGNER_OK : AGNER_EUNKNOWN;
}

etf_term rt_behavior_list(struct rt *rt, struct etf_region *r,
                          const char *group)
{
    struct registry *g = rt->registry;
    etf_term list = etf_nil();
    size_t first, last;
    bool found;

    rt__lock(&g->lock);
    first = place(g, group, ETF_NONE, &found);
    for (last = first;
         last < g->count && strcmp(g->rows[last].group, group) == 0; last++)
        continue;
    while (last-- > first)
        list = etf_cons(r, g->rows[last].name, list);
    rt__unlock(&g->lock);
    return list;
}

enum agner_err rt_behavior_unregister(struct rt *rt, const char *group,
                                      etf_term name)
{
    struct registry *g = rt->registry;
    struct row row;
    size_t index;
    bool found;

    if (group == NULL || etf_is_none(name))
        return AGNER_EUNKNOWN;
    rt__lock(&g->lock);
    index = place(g, group, name, &found);
    if (!found) {
        rt__unlock(&g->lock);
        return AGNER_EUNKNOWN;
    }
    row = g->rows[index];
    g->count--;
    memmove(&g->rows[index], &g->rows[index + 1],
            (g->count - index) * sizeof row);
    rt__unlock(&g->lock);
    free_row(&row); /* which may call us */
    return AGNER_OK;
}

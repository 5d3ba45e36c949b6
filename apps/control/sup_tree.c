/*
 * sup_tree.c -- a supervision tree as rows: pure.
 *
 * Roots are siblings of each other, from row 0 on.
 */
#include "sup_tree.h"

#include <stdlib.h>

void tree_fini(struct tree *t)
{
    free(t->rows);
    *t = (struct tree){ 0 };
}

static enum agner_err make_room(struct tree *t)
{
    uint32_t room = t->room == 0 ? 64 : 2 * t->room;
    struct tree_row *rows;

    if (t->count < t->room)
        return AGNER_OK;
    if (t->count >= TREE_ROWS_MAX)
        return AGNER_ELIMIT;
    if (room > TREE_ROWS_MAX)
        room = TREE_ROWS_MAX;
    rows = realloc(t->rows, room * sizeof *rows);
    if (rows == NULL)
        return AGNER_ENOMEM;
    t->rows = rows;
    t->room = room;
    return AGNER_OK;
}

/* The last of the roots, which are few. */
static uint32_t last_root(const struct tree *t)
{
    uint32_t at = 0;

    if (t->count == 0)
        return TREE_NONE;
    while (t->rows[at].next != TREE_NONE)
        at = t->rows[at].next;
    return at;
}

enum agner_err tree_add(struct tree *t, uint32_t parent,
                        const struct tree_row *row, uint32_t *index)
{
    enum agner_err err = make_room(t);
    uint32_t before, added = t->count;

    if (err != AGNER_OK)
        return err;
    before = parent == TREE_NONE ? last_root(t) : t->rows[parent].last;
    t->rows[added] = *row;
    t->rows[added].parent = parent;
    t->rows[added].first = t->rows[added].last = t->rows[added].next =
        TREE_NONE;
    t->rows[added].depth = parent == TREE_NONE ? 0 : t->rows[parent].depth + 1;
    if (before != TREE_NONE)
        t->rows[before].next = added;
    else if (parent != TREE_NONE)
        t->rows[parent].first = added;
    if (parent != TREE_NONE)
        t->rows[parent].last = added;
    t->count++;
    *index = added;
    return AGNER_OK;
}

/* {Id, Pid | undefined | restarting, worker | supervisor, Modules}, and of an
 * agner supervisor that was asked for them the restarts. */
static bool read_child(etf_term child, struct tree_row *row)
{
    const etf_term *items = etf_tuple_items(child);
    size_t size = etf_tuple_size(child);
    etf_pid pid;

    if ((size != 4 && size != 5) || !etf_is_atom(items[2]) ||
        (!etf_is_atom(items[1]) && !etf_get_pid(items[1], &pid)))
        return false;
    *row = (struct tree_row){ .id = items[0],
                              .pid = items[1],
                              .restarts = size == 5 ? items[4] : ETF_NONE,
                              .type = etf_atom_is(items[2], "supervisor")
                                          ? TREE_SUPERVISOR
                                          : TREE_WORKER };
    return true;
}

/* Are all of them children? Their number, or -1. */
static int64_t check_children(etf_term list)
{
    int64_t size = etf_list_size(list);
    struct tree_row row;
    etf_term child;

    while (size >= 0 && etf_list_next(&list, &child)) {
        if (!read_child(child, &row))
            return -1;
    }
    return size;
}

/* The list names the last one first, so it is turned round on the way: there is
 * room for `count` of them behind the rows that are there. */
static enum agner_err add_reversed(struct tree *t, uint32_t parent,
                                   etf_term list, uint32_t count)
{
    etf_term *children = calloc(count + 1, sizeof *children), child;
    enum agner_err err = AGNER_OK;
    struct tree_row row;
    uint32_t index;

    if (children == NULL)
        return AGNER_ENOMEM;
    for (uint32_t i = count; i > 0 && etf_list_next(&list, &child); i--)
        children[i - 1] = child;
    for (uint32_t i = 0; i < count && err == AGNER_OK; i++) {
        (void)read_child(children[i], &row); /* checked before */
        err = tree_add(t, parent, &row, &index);
    }
    free(children);
    return err;
}

enum agner_err tree_add_children(struct tree *t, uint32_t parent,
                                 etf_term answer)
{
    int64_t size = check_children(answer);
    uint32_t room = TREE_ROWS_MAX - t->count;
    etf_term child;

    if (size < 0)
        return AGNER_EMALFORMED;
    for (; size > room; size--) { /* the youngest have no rows */
        (void)etf_list_next(&answer, &child);
        t->rows[parent].folded++;
    }
    return add_reversed(t, parent, answer, (uint32_t)size);
}

enum agner_err tree_read_count(etf_term answer, uint64_t *children)
{
    uint64_t sum = 0, value;
    unsigned found = 0;
    etf_term pair;

    while (etf_list_next(&answer, &pair)) {
        const etf_term *items = etf_tuple_items(pair);

        if (etf_tuple_size(pair) != 2 || !etf_match(items[1], "_", &value))
            return AGNER_EMALFORMED;
        if (!etf_atom_is(items[0], "supervisors") &&
            !etf_atom_is(items[0], "workers"))
            continue;
        found++;
        if (__builtin_add_overflow(sum, value, &sum))
            return AGNER_EMALFORMED;
    }
    if (found != 2)
        return AGNER_EMALFORMED;
    *children = sum;
    return AGNER_OK;
}

uint32_t tree_next(const struct tree *t, uint32_t at)
{
    if (t->rows[at].first != TREE_NONE)
        return t->rows[at].first;
    while (at != TREE_NONE && t->rows[at].next == TREE_NONE)
        at = t->rows[at].parent;
    return at == TREE_NONE ? TREE_NONE : t->rows[at].next;
}

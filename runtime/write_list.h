/*
 * write_list.h -- writes in order, linked through their `handle`.
 *
 * Private to worlds: the one of libuv, the simulated one of the tests.
 */
#ifndef WRITE_LIST_H
#define WRITE_LIST_H

#include "rt_world.h"

struct write_list {
    struct rt_write *first, *last; /* linked through `handle` */
};

static inline void write_list_append(struct write_list *list,
                                     struct rt_write *write)
{
    write->handle = NULL;
    if (list->first == NULL)
        list->first = write;
    else
        list->last->handle = write;
    list->last = write;
}

/* NULL: there is none. */
static inline struct rt_write *write_list_take(struct write_list *list)
{
    struct rt_write *write = list->first;

    if (write != NULL)
        list->first = write->handle;
    return write;
}

/* Empties the list. A write's `done` may free it, and may write again. */
static inline void write_list_tell(struct write_list *list, enum agner_err err)
{
    struct rt_write *write;

    while ((write = write_list_take(list)) != NULL)
        write->done(write, err);
}

#endif

/*
 * held.c -- a line of events, each in a box of its own: held.h.
 */
#include "stage/held.h"

#include <assert.h>
#include <stdlib.h>

enum agner_err gen__held_add(struct held *held, etf_term event, etf_ref owner)
{
    struct held_event *e = malloc(sizeof *e);

    if (e == NULL)
        return AGNER_ENOMEM;
    *e = (struct held_event){ .event = etf_box_new(event), .owner = owner };
    if (e->event == NULL) {
        free(e);
        return AGNER_ENOMEM;
    }
    if (held->last == NULL)
        held->first = e;
    else
        held->last->next = e;
    held->last = e;
    held->count++;
    return AGNER_OK;
}

enum agner_err gen__held_add_list(struct held *held, etf_term events,
                                  etf_ref owner)
{
    struct held more = { .count = 0 };
    enum agner_err err = AGNER_OK;
    etf_term event;

    while (err == AGNER_OK && etf_list_next(&events, &event))
        err = gen__held_add(&more, event, owner);
    if (err == AGNER_OK)
        gen__held_move(held, &more);
    else
        gen__held_drop(&more, more.count);
    return err;
}

void gen__held_move(struct held *to, struct held *from)
{
    if (from->first == NULL)
        return;
    if (to->last == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    to->count += from->count;
    *from = (struct held){ .count = 0 };
}

etf_term gen__held_list(struct etf_region *r, const struct held *held,
                        uint64_t count)
{
    const struct held_event *e = held->first;
    etf_term back = etf_nil(), list = etf_nil(), event;

    for (uint64_t i = 0; i < count; i++, e = e->next) {
        back = etf_cons(r, etf_box_term(e->event), back);
        if (etf_is_none(back))
            return ETF_NONE;
    }
    while (etf_list_next(&back, &event)) {
        list = etf_cons(r, event, list);
        if (etf_is_none(list))
            return ETF_NONE;
    }
    return list;
}

void gen__held_drop(struct held *held, uint64_t count)
{
    assert(count <= held->count);
    held->count -= count;
    for (; count > 0; count--) {
        struct held_event *e = held->first;

        held->first = e->next;
        etf_box_free(e->event);
        free(e);
    }
    if (held->first == NULL)
        held->last = NULL;
}

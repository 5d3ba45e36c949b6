/*
 * statem_state.c -- states and events of a machine, kept past their callbacks.
 *
 * A state is a row of the machine's table or any term; what is kept of a term
 * is its word if that is all, else a box.
 */
#include <stdlib.h>
#include <string.h>

#include "statem_internal.h"

bool gen__is_machine(const struct gen_statem *machine)
{
    if (machine->states == NULL)
        return machine->handle_event != NULL;
    for (size_t i = 0; i < machine->state_count; i++) {
        if (machine->states[i].name == NULL ||
            machine->states[i].handle == NULL)
            return false;
    }
    return machine->state_count != 0;
}

etf_term gen__machine_name(const struct gen_statem *machine)
{
    if (machine == NULL || machine->name == NULL)
        return ETF_A(undefined);
    return etf_atom(machine->name);
}

/* ---- States ------------------------------------------------------------- */

etf_term gen__state_term(const struct statem_state *s)
{
    return s->row != NULL ? etf_atom(s->row->name) : s->term;
}

void gen__state_fini(struct statem_state *s)
{
    etf_box_free(s->box);
    *s = (struct statem_state){ 0 };
}

bool gen__same_state(const struct statem_state *a, const struct statem_state *b)
{
    if (a->row != NULL && b->row != NULL)
        return a->row == b->row || strcmp(a->row->name, b->row->name) == 0;
    return etf_equal(gen__state_term(a), gen__state_term(b));
}

/* A copy of a term that is no row. */
static enum agner_err keep_state(etf_term term, struct statem_state *state)
{
    *state = (struct statem_state){ .term = term };
    if (etf_is_word(term))
        return AGNER_OK;
    state->box = etf_box_new(term);
    if (state->box == NULL)
        return AGNER_ENOMEM;
    state->term = etf_box_term(state->box);
    return AGNER_OK;
}

enum agner_err gen__state_find(const struct statem *m, etf_term term,
                               struct statem_state *state)
{
    const struct gen_statem *machine = m->machine;

    if (machine->states == NULL)
        return keep_state(term, state);
    for (size_t i = 0; i < machine->state_count; i++) {
        if (etf_atom_is(term, machine->states[i].name)) {
            *state = (struct statem_state){ .row = &machine->states[i] };
            return AGNER_OK;
        }
    }
    return AGNER_EUNKNOWN;
}

/* Is the state one of those of the callbacks that run now? */
static bool is_at_home(const struct statem *m)
{
    const struct gen_statem *machine = m->machine;
    const struct gen_statem_state *row = m->state.row;

    if (machine->states == NULL)
        return row == NULL;
    return row >= machine->states &&
           row < machine->states + machine->state_count;
}

bool gen__state_move_home(struct statem *m)
{
    struct statem_state home;

    if (is_at_home(m))
        return true;
    if (gen__state_find(m, gen__state_term(&m->state), &home) != AGNER_OK)
        return false;
    gen__state_fini(&m->state);
    m->state = home;
    return true;
}

/* ---- Items -------------------------------------------------------------- */

void gen__item_free(struct statem_item *item)
{
    if (item == NULL)
        return;
    etf_box_free(item->box);
    free(item);
}

void gen__queue_free(struct statem_queue *q)
{
    struct statem_item *item;

    while ((item = gen__queue_take(q)) != NULL)
        gen__item_free(item);
}

struct statem_item *gen__item_new(struct gen *self,
                                  const struct gen_statem_event *event)
{
    struct statem_item *item;
    etf_term name = event->name, both;

    if (etf_is_none(event->content))
        return NULL; /* memory ran out while it was built */
    item = calloc(1, sizeof *item);
    if (item == NULL)
        return NULL;
    item->event = *event;
    if (etf_is_none(name))
        name = etf_nil();
    if (etf_is_word(name) && etf_is_word(event->content))
        return item;
    both = etf_cons(rt_region(self), name, event->content);
    if (!etf_is_none(both))
        item->box = etf_box_new(both);
    if (item->box == NULL) {
        free(item);
        return NULL;
    }
    item->event.content = etf_box_term(item->box);
    (void)etf_list_next(&item->event.content, &name); /* it is a pair */
    if (!etf_is_none(event->name))
        item->event.name = name;
    return item;
}

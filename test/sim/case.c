/*
 * case.c -- what a run is a function of: made from a seed.
 */
#include "sim_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_world.h"

uint64_t sim_case_draw(struct sim_case *c, uint64_t bound)
{
    return sim__below(&c->stream, bound);
}

enum agner_err sim_item_add(struct sim_case *c, unsigned level,
                            const char *word, unsigned count,
                            const int64_t *numbers)
{
    size_t size = strlen(word);
    struct sim_item *items, *item;

    if (count > SIM_ITEM_NUMBERS || c->item_count == SIM_ITEMS_MAX)
        return AGNER_ELIMIT;
    if (size == 0 || size >= SIM_NAME_MAX || strpbrk(word, " \t\r\n#") != NULL)
        return AGNER_EINVAL;
    items = c->items;
    if ((c->item_count & (c->item_count - 1)) == 0) { /* the room is full */
        size_t room = c->item_count == 0 ? 1 : 2 * c->item_count;

        items = realloc(items, room * sizeof *items);
        if (items == NULL)
            return AGNER_ENOMEM;
        c->items = items;
    }
    item = &items[c->item_count++];
    *item = (struct sim_item){ .level = level, .count = count };
    memcpy(item->word, word, size);
    if (count > 0)
        memcpy(item->numbers, numbers, count * sizeof *numbers);
    return AGNER_OK;
}

enum agner_err sim_case_of(const struct sim_test *test, uint64_t seed,
                           struct sim_case *c)
{
    *c = (struct sim_case){ .seed = seed, .stream = sim__mix(seed + 2) };
    (void)snprintf(c->test, sizeof c->test, "%s", test->name);
    if (test->options == NULL)
        sim_profile(seed, &c->options);
    else
        test->options(seed, &c->options);
    if (test->program == NULL)
        return AGNER_OK;
    return test->program(c);
}

enum agner_err sim__case_copy(const struct sim_case *from, struct sim_case *c)
{
    size_t i;

    *c = *from;
    c->items = NULL;
    c->item_count = 0;
    c->tape = NULL;
    for (i = 0; i < from->item_count; i++) {
        const struct sim_item *item = &from->items[i];

        if (sim_item_add(c, item->level, item->word, item->count,
                         item->numbers) != AGNER_OK)
            goto no_memory;
    }
    if (from->tape == NULL)
        return AGNER_OK;
    c->tape = calloc(from->tape_count + 1, sizeof *c->tape);
    if (c->tape == NULL)
        goto no_memory;
    memcpy(c->tape, from->tape, from->tape_count * sizeof *c->tape);
    return AGNER_OK;

no_memory:
    sim_case_fini(c);
    return AGNER_ENOMEM;
}

void sim_case_fini(struct sim_case *c)
{
    free(c->items);
    free(c->tape);
    c->items = NULL;
    c->tape = NULL;
    c->item_count = c->tape_count = 0;
}

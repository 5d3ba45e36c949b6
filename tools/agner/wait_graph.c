/*
 * wait_graph.c -- who waits for each other: wait_graph.h.
 */
#include "wait_graph.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Edges by the keys of those who wait: open addressing. */
struct index {
    struct {
        const char *key;
        size_t edge;
    } * slots;
    size_t mask;
};

static size_t hash(const char *key)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (; *key != '\0'; key++)
        sum = (sum ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return (size_t)(sum ^ sum >> 32);
}

/* The slot of a key, or the free one where it belongs. */
static size_t slot_of(const struct index *index, const char *key)
{
    size_t at = hash(key) & index->mask;

    while (index->slots[at].key != NULL &&
           strcmp(index->slots[at].key, key) != 0)
        at = (at + 1) & index->mask;
    return at;
}

/* The first that says so has it: a node may be told of twice. */
static void put(struct index *index, const char *key, size_t edge)
{
    size_t at = slot_of(index, key);

    if (index->slots[at].key != NULL)
        return;
    index->slots[at].key = key;
    index->slots[at].edge = edge;
}

static bool make(struct index *index, const struct wait_edge *edges,
                 size_t count)
{
    size_t room = 16;

    while (room < 4 * count)
        room *= 2;
    index->mask = room - 1;
    index->slots = calloc(room, sizeof *index->slots);
    if (index->slots == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        put(index, edges[i].pid, i);
        if (edges[i].name != NULL)
            put(index, edges[i].name, i);
    }
    return true;
}

/* Marks the cycle that `from` is on. */
static void mark(struct wait_edge *edges, size_t from, size_t number)
{
    size_t at = from;

    do {
        edges[at].cycle = number;
        at = edges[at].next;
    } while (at != from);
}

_Bool wait_cycles(struct wait_edge *edges, size_t count, size_t *cycles)
{
    size_t *seen = calloc(count + 1, sizeof *seen); /* on which way, from 1 */
    struct index index;

    *cycles = 0;
    if (seen == NULL || !make(&index, edges, count)) {
        free(seen);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = slot_of(&index, edges[i].to);

        edges[i].next =
            index.slots[at].key == NULL ? WAIT_NO_EDGE : index.slots[at].edge;
        edges[i].cycle = 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        while (at != WAIT_NO_EDGE && seen[at] == 0) {
            seen[at] = i + 1;
            at = edges[at].next;
        }
        if (at != WAIT_NO_EDGE && seen[at] == i + 1)
            mark(edges, at, ++*cycles); /* this way has met itself */
    }
    free(index.slots);
    free(seen);
    return true;
}

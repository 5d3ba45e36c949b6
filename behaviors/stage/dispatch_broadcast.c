/*
 * dispatch_broadcast.c -- how many events all may have: see
 * dispatch_broadcast.h.
 */
#include "stage/dispatch_broadcast.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stage/demand.h"

void gen__broadcast_fini(struct broadcast *b)
{
    free(b->rows);
    free(b->heap);
    *b = (struct broadcast){ 0 };
}

/* ---- The heap ----------------------------------------------------------- */

static void put(struct broadcast *b, uint32_t place, uint32_t index)
{
    b->heap[place] = index;
    b->rows[index].place = place;
}

static void rise(struct broadcast *b, uint32_t place)
{
    uint32_t index = b->heap[place];

    while (place > 1 &&
           b->rows[index].asked < b->rows[b->heap[place / 2]].asked) {
        put(b, place, b->heap[place / 2]);
        place /= 2;
    }
    put(b, place, index);
}

static void sink(struct broadcast *b, uint32_t place)
{
    uint32_t index = b->heap[place];

    for (;;) {
        uint32_t next = 2 * place;

        if (next > b->count)
            break;
        if (next < b->count &&
            b->rows[b->heap[next + 1]].asked < b->rows[b->heap[next]].asked)
            next++;
        if (b->rows[b->heap[next]].asked >= b->rows[index].asked)
            break;
        put(b, place, b->heap[next]);
        place = next;
    }
    put(b, place, index);
}

static bool grow(struct broadcast *b, uint32_t index)
{
    uint32_t capacity = b->capacity == 0 ? 4 : b->capacity;
    struct broadcast_row *rows;
    uint32_t *heap;

    while (capacity <= index)
        capacity *= 2;
    heap = realloc(b->heap, ((size_t)capacity + 1) * sizeof *heap);
    if (heap == NULL)
        return false;
    b->heap = heap;
    rows = realloc(b->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return false;
    memset(rows + b->capacity, 0, (capacity - b->capacity) * sizeof *rows);
    b->rows = rows;
    b->capacity = capacity;
    return true;
}

/* ---- Demand ------------------------------------------------------------- */

/* What all have asked for by now is waiting; returns what that adds to what was
 * requested. */
static uint64_t gather(struct broadcast *b)
{
    int64_t least = b->count == 0 ? b->base : b->rows[b->heap[1]].asked;
    uint64_t more;

    if (least > b->base) {
        b->waiting += (uint64_t)(least - b->base);
        b->base = least;
    }
    more = b->waiting > b->requested ? b->waiting - b->requested : 0;
    b->requested += more;
    return more;
}

/* Everybody begins anew with the new one: what waited for all goes back to each
 * of the others. */
bool gen__broadcast_add(struct broadcast *b, uint32_t index)
{
    if (index >= b->capacity && !grow(b, index))
        return false;
    assert(b->rows[index].place == 0);
    b->base -= (int64_t)b->waiting;
    b->waiting = 0;
    b->rows[index].asked = b->base;
    b->count++;
    put(b, b->count, index);
    rise(b, b->count);
    return true;
}

uint64_t gen__broadcast_remove(struct broadcast *b, uint32_t index)
{
    uint32_t place = b->rows[index].place, last = b->heap[b->count];

    assert(place != 0);
    b->rows[index].place = 0;
    b->count--;
    if (b->count == 0) {
        b->waiting = 0;
        return 0;
    }
    if (last != index) {
        put(b, place, last);
        rise(b, place);
        sink(b, b->rows[last].place);
    }
    return gather(b);
}

uint64_t gen__broadcast_ask(struct broadcast *b, uint32_t index, uint64_t count)
{
    struct broadcast_row *row = &b->rows[index];
    uint64_t has = (uint64_t)(row->asked - b->base) + b->waiting;
    uint64_t room = has < STAGE_ASK_MAX ? STAGE_ASK_MAX - has : 0;

    row->asked += (int64_t)gen__stage_less(count, room);
    sink(b, row->place);
    return gather(b);
}

uint64_t gen__broadcast_give(struct broadcast *b, uint64_t count)
{
    uint64_t given = gen__stage_less(b->waiting, count);

    b->waiting -= given;
    b->requested -= gen__stage_less(b->requested, given);
    return given;
}

/* What waits for all is never less than requested. */
void gen__broadcast_left(struct broadcast *b, uint64_t count)
{
    b->requested -= gen__stage_less(b->requested - b->waiting, count);
}

/*
 * dispatch_demand.c -- who gets the next events: see dispatch_demand.h.
 */
#include "stage/dispatch_demand.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stage/demand.h"

void gen__demand_queue_fini(struct demand_queue *q)
{
    free(q->rows);
    free(q->heap);
    *q = (struct demand_queue){ 0 };
}

/* ---- The heap ----------------------------------------------------------- */

static bool is_before(const struct demand_queue *q, uint32_t a, uint32_t b)
{
    const struct demand_row *x = &q->rows[a], *y = &q->rows[b];

    return x->asked != y->asked ? x->asked > y->asked : x->since < y->since;
}

static void put(struct demand_queue *q, uint32_t place, uint32_t index)
{
    q->heap[place] = index;
    q->rows[index].place = place;
}

static void rise(struct demand_queue *q, uint32_t place)
{
    uint32_t index = q->heap[place];

    while (place > 1 && is_before(q, index, q->heap[place / 2])) {
        put(q, place, q->heap[place / 2]);
        place /= 2;
    }
    put(q, place, index);
}

static void sink(struct demand_queue *q, uint32_t place)
{
    uint32_t index = q->heap[place];

    for (;;) {
        uint32_t next = 2 * place;

        if (next > q->count)
            break;
        if (next < q->count && is_before(q, q->heap[next + 1], q->heap[next]))
            next++;
        if (!is_before(q, q->heap[next], index))
            break;
        put(q, place, q->heap[next]);
        place = next;
    }
    put(q, place, index);
}

/* It has another number now, and with it the last place among its equals. */
static void move(struct demand_queue *q, uint32_t index)
{
    q->rows[index].since = ++q->clock;
    rise(q, q->rows[index].place);
    sink(q, q->rows[index].place);
}

/* ---- Consumers ---------------------------------------------------------- */

static bool grow(struct demand_queue *q, uint32_t index)
{
    uint32_t capacity = q->capacity == 0 ? 4 : q->capacity;
    struct demand_row *rows;
    uint32_t *heap;

    while (capacity <= index)
        capacity *= 2;
    heap = realloc(q->heap, ((size_t)capacity + 1) * sizeof *heap);
    if (heap == NULL)
        return false;
    q->heap = heap;
    rows = realloc(q->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return false;
    memset(rows + q->capacity, 0, (capacity - q->capacity) * sizeof *rows);
    q->rows = rows;
    q->capacity = capacity;
    return true;
}

bool gen__demand_queue_add(struct demand_queue *q, uint32_t index)
{
    if (index >= q->capacity && !grow(q, index))
        return false;
    assert(q->rows[index].place == 0);
    q->rows[index].asked = 0;
    q->count++;
    put(q, q->count, index);
    move(q, index);
    return true;
}

void gen__demand_queue_remove(struct demand_queue *q, uint32_t index)
{
    struct demand_row *row = &q->rows[index];
    uint32_t place = row->place, last = q->heap[q->count];

    assert(place != 0);
    q->pending = gen__stage_sum(q->pending, row->asked);
    q->total -= row->asked;
    row->place = 0;
    q->count--;
    if (last == index)
        return;
    put(q, place, last);
    rise(q, place);
    sink(q, q->rows[last].place);
}

/* ---- Demand ------------------------------------------------------------- */

uint64_t gen__demand_queue_ask(struct demand_queue *q, uint32_t index,
                               uint64_t count)
{
    uint64_t sent = gen__stage_less(q->pending, count);
    struct demand_row *row = &q->rows[index];
    uint64_t most = STAGE_SUM_MAX - q->total;

    row->asked += gen__stage_less(count, most);
    q->total += gen__stage_less(count, most);
    move(q, index);
    q->pending -= sent;
    return count - sent;
}

uint64_t gen__demand_queue_give(struct demand_queue *q, uint64_t count,
                                uint32_t *index)
{
    struct demand_row *row;
    uint64_t given;

    if (q->count == 0)
        return 0;
    *index = q->heap[1];
    row = &q->rows[*index];
    given = gen__stage_less(row->asked, count);
    if (given == 0)
        return 0;
    row->asked -= given;
    q->total -= given;
    move(q, *index);
    return given;
}

void gen__demand_queue_left(struct demand_queue *q, uint64_t count)
{
    q->pending -= gen__stage_less(q->pending, count);
}

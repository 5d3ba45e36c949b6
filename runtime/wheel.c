/*
 * wheel.c -- the timing wheel itself: see timer.h.
 *
 * No clock and no process here: ticks in, due timers out.
 */
#include "timer.h"

#include <stdlib.h>
#include <string.h>

#include "rt_world.h"

#define TIMERS_PER_SLAB 64u
#define FAR_BITS        6u
#define NEAR_BITS       8u

void rt__wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->now_ms = now_ms;
    store_relaxed(&wheel->next_ms, RT_NEVER);
}

void rt__wheel_fini(struct wheel *wheel)
{
    size_t i;

    for (i = 0; i < wheel->slab_count; i++)
        free(wheel->slabs[i]);
    free(wheel->slabs);
}

struct timer *rt__wheel_new(struct wheel *wheel)
{
    struct timer *timer = wheel->free;
    struct timer *slab;
    void **slabs;
    size_t i;

    if (timer == NULL) {
        slab = calloc(TIMERS_PER_SLAB, sizeof *slab);
        slabs = realloc(wheel->slabs,
                        (wheel->slab_count + 1) * sizeof *wheel->slabs);
        if (slabs != NULL)
            wheel->slabs = slabs;
        if (slab == NULL || slabs == NULL) {
            free(slab);
            return NULL;
        }
        slabs[wheel->slab_count++] = slab;
        for (i = 0; i < TIMERS_PER_SLAB; i++) {
            slab[i].next = wheel->free;
            wheel->free = &slab[i];
        }
        timer = wheel->free;
    }
    wheel->free = timer->next;
    timer->next = NULL;
    return timer;
}

void rt__wheel_release(struct wheel *wheel, struct timer *timer)
{
    store_relaxed(&timer->id, 0u);
    timer->envelope = NULL;
    timer->link = NULL;
    timer->next = wheel->free;
    wheel->free = timer;
}

static void put(struct timer **slot, struct timer *timer)
{
    timer->next = *slot;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
    timer->link = slot;
    *slot = timer;
}

/* The first tick of the slot at `level` (1 and up) that `tick` falls into. */
static unsigned shift_of(unsigned level)
{
    return NEAR_BITS + (level - 1) * FAR_BITS;
}

/* Puts a timer where its distance from now says. One that is due already goes
 * into the slot of `first`, the next tick that will be looked at. */
static void place(struct wheel *wheel, struct timer *timer, uint64_t first)
{
    uint64_t tick = timer->deadline_ms;
    uint64_t ahead;
    unsigned level, slot;

    if (tick < first)
        tick = first;
    ahead = tick - wheel->now_ms;
    if (ahead < WHEEL_NEAR) {
        slot = (unsigned)(tick % WHEEL_NEAR);
        put(&wheel->near[slot], timer);
        wheel->near_bits[slot / 64] |= (uint64_t)1 << slot % 64;
        return;
    }
    for (level = 1; level < WHEEL_LEVELS - 1; level++)
        if (ahead < (uint64_t)1 << (shift_of(level) + FAR_BITS))
            break;
    if (ahead >= (uint64_t)1 << (shift_of(level) + FAR_BITS))
        tick =
            wheel->now_ms + ((uint64_t)1 << (shift_of(level) + FAR_BITS)) - 1;
    slot = (unsigned)(tick >> shift_of(level)) % WHEEL_FAR;
    put(&wheel->far[level - 1][slot], timer);
    wheel->far_bits[level - 1] |= (uint64_t)1 << slot;
}

void rt__wheel_arm(struct wheel *wheel, struct timer *timer)
{
    place(wheel, timer, wheel->now_ms + 1);
    wheel->count++;
    if (timer->deadline_ms < load_relaxed(&wheel->next_ms))
        store_relaxed(&wheel->next_ms, timer->deadline_ms);
}

void rt__wheel_disarm(struct wheel *wheel, struct timer *timer)
{
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    timer->link = NULL;
    timer->next = NULL;
    wheel->count--;
    if (wheel->count == 0)
        store_relaxed(&wheel->next_ms, RT_NEVER);
}

/* Moves the timers of the far slots that begin at the present tick down. */
static void cascade(struct wheel *wheel)
{
    unsigned level;

    for (level = 1; level < WHEEL_LEVELS; level++) {
        unsigned slot =
            (unsigned)(wheel->now_ms >> shift_of(level)) % WHEEL_FAR;
        struct timer *timer = wheel->far[level - 1][slot];

        wheel->far[level - 1][slot] = NULL;
        wheel->far_bits[level - 1] &= ~((uint64_t)1 << slot);
        while (timer != NULL) {
            struct timer *next = timer->next;

            place(wheel, timer, wheel->now_ms); /* this tick comes next */
            timer = next;
        }
        if (slot != 0)
            return;
    }
}

static bool near_is_empty(const struct wheel *wheel)
{
    return (wheel->near_bits[0] | wheel->near_bits[1] | wheel->near_bits[2] |
            wheel->near_bits[3]) == 0;
}

/* The next tick at which a slot of level 0 is not empty, or a far slot begins
 * that may hold something; at most `limit`. */
static uint64_t next_stop(const struct wheel *wheel, uint64_t limit)
{
    uint64_t tick = wheel->now_ms + 1;
    unsigned level = 1;

    if (near_is_empty(wheel)) {
        /* Only the lowest level that is not empty can bring something near. */
        while (level < WHEEL_LEVELS - 1 && wheel->far_bits[level - 1] == 0)
            level++;
        tick = ((wheel->now_ms >> shift_of(level)) + 1) << shift_of(level);
        return tick < limit ? tick : limit;
    }
    while (tick < limit && tick % WHEEL_NEAR != 0) {
        unsigned slot = (unsigned)(tick % WHEEL_NEAR);
        uint64_t bits = wheel->near_bits[slot / 64] >> slot % 64;

        if (bits != 0) {
            tick += (unsigned)__builtin_ctzll(bits);
            break;
        }
        tick += 64 - slot % 64;
    }
    return tick < limit ? tick : limit;
}

static bool far_is_empty(const struct wheel *wheel)
{
    unsigned level;

    for (level = 0; level < WHEEL_LEVELS - 1; level++)
        if (wheel->far_bits[level] != 0)
            return false;
    return true;
}

/* When something may be due: exact for level 0, else the next cascade. */
static uint64_t next_due(const struct wheel *wheel)
{
    uint64_t tick = wheel->now_ms + 1;
    unsigned i;

    if (wheel->count == 0)
        return RT_NEVER;
    for (i = 0; i < WHEEL_NEAR; i++, tick++) {
        unsigned slot = (unsigned)(tick % WHEEL_NEAR);

        if (tick % WHEEL_NEAR == 0 && !far_is_empty(wheel))
            return tick;
        if (wheel->near_bits[slot / 64] & (uint64_t)1 << slot % 64)
            return tick;
    }
    return tick - tick % WHEEL_NEAR;
}

static struct timer *first_of(struct timer **slots, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
        if (slots[i] != NULL)
            return slots[i];
    return NULL;
}

struct timer *rt__wheel_drain(struct wheel *wheel)
{
    struct timer *timer = first_of(wheel->near, WHEEL_NEAR);
    unsigned level;

    for (level = 0; timer == NULL && level < WHEEL_LEVELS - 1; level++)
        timer = first_of(wheel->far[level], WHEEL_FAR);
    if (timer != NULL)
        rt__wheel_disarm(wheel, timer);
    return timer;
}

struct timer *rt__wheel_due(struct wheel *wheel, uint64_t now_ms, unsigned max)
{
    struct timer *due = NULL;
    struct timer **tail = &due;
    unsigned taken = 0;

    while (wheel->now_ms < now_ms && taken < max) {
        struct timer **slot, **last, *first;

        if (wheel->count == 0 ||
            (near_is_empty(wheel) && far_is_empty(wheel))) {
            wheel->now_ms = now_ms;
            break;
        }
        wheel->now_ms = next_stop(wheel, now_ms);
        if (wheel->now_ms % WHEEL_NEAR == 0)
            cascade(wheel);
        slot = &wheel->near[wheel->now_ms % WHEEL_NEAR];
        first = NULL;
        last = &first;
        while (*slot != NULL) {
            struct timer *timer = *slot;

            rt__wheel_disarm(wheel, timer);
            if (timer->deadline_ms > wheel->now_ms) {
                /* It was beyond the last level: not yet. */
                place(wheel, timer, wheel->now_ms + 1);
                wheel->count++;
                continue;
            }
            /* A slot holds the newest first: turn it round. */
            if (first == NULL)
                last = &timer->next;
            timer->next = first;
            first = timer;
            taken++;
        }
        if (first != NULL) {
            *tail = first;
            tail = last;
        }
        wheel->near_bits[wheel->now_ms % WHEEL_NEAR / 64] &=
            ~((uint64_t)1 << wheel->now_ms % WHEEL_NEAR % 64);
    }
    store_relaxed(&wheel->next_ms, next_due(wheel));
    return due;
}

/*
 * wheel.c -- the timing wheel itself: see timer.h.
 *
 * No clock and no process here: ticks in, due timers out.
 */
#include "timer.h"

#include <stdlib.h>
#include <string.h>

#include "rt_world.h"

#define TIMERS_PER_SLAB 256u
#define PATIENCE_MS     8u /* how late a patient timer may wake its worker */
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

/* A slab of timers, which are free. */
static struct timer *more(struct wheel *wheel)
{
    struct timer *slab = aligned_alloc(64, TIMERS_PER_SLAB * sizeof *slab);
    void **slabs =
        realloc(wheel->slabs, (wheel->slab_count + 1) * sizeof *wheel->slabs);
    size_t i;

    if (slabs != NULL)
        wheel->slabs = slabs;
    if (slab == NULL || slabs == NULL) {
        free(slab);
        return NULL;
    }
    slabs[wheel->slab_count++] = slab;
    for (i = 0; i < TIMERS_PER_SLAB; i++) {
        store_relaxed(&slab[i].id, 0u);
        slab[i].link = NULL;
        slab[i].next = i + 1 < TIMERS_PER_SLAB ? &slab[i + 1] : NULL;
    }
    wheel->free = slab;
    return slab;
}

struct timer *rt__wheel_new(struct wheel *wheel)
{
    struct timer *timer;

    if (__builtin_expect(wheel->free == NULL, 0))
        rt__wheel_collect(wheel);
    timer = wheel->free;
    if (__builtin_expect(timer == NULL, 0))
        timer = more(wheel);
    if (timer != NULL)
        wheel->free = timer->next;
    return timer;
}

void rt__wheel_release(struct wheel *wheel, struct timer *timer)
{
    store_relaxed(&timer->id, 0u);
    timer->next = wheel->free;
    wheel->free = timer;
}

/* Order: release publishes what we did with it to rt__wheel_collect(). */
void rt__wheel_leave(struct wheel *wheel, struct timer *timer)
{
    struct timer *seen = load_relaxed(&wheel->gone);

    do {
        timer->has.gone = seen;
    } while (!cas_weak_release(&wheel->gone, &seen, timer));
}

/* Order: acquire pairs with the release in rt__wheel_leave(). */
void rt__wheel_collect(struct wheel *wheel)
{
    struct timer *timer;

    if (load_relaxed(&wheel->gone) == NULL)
        return;
    timer = swap_acquire(&wheel->gone, NULL);
    while (timer != NULL) {
        struct timer *next = timer->has.gone;

        if (timer->link != NULL)
            rt__wheel_disarm(wheel, timer);
        rt__wheel_release(wheel, timer);
        timer = next;
    }
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
    uint64_t tick = load_relaxed(&timer->deadline_ms);
    uint64_t ahead;
    unsigned level, slot;

    if (tick < first)
        tick = first;
    ahead = tick - wheel->now_ms;
    if (ahead < WHEEL_NEAR) {
        slot = (unsigned)(tick % WHEEL_NEAR);
        put(&wheel->near[slot], timer);
        wheel->near_bits[slot / 64] |= (uint64_t)1 << slot % 64;
        if ((load_relaxed(&timer->flags) & TIMER_PATIENT) == 0)
            wheel->strict_bits[slot / 64] |= (uint64_t)1 << slot % 64;
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

static void enter_slot(struct wheel *wheel, struct timer *timer)
{
    uint64_t deadline_ms = load_relaxed(&timer->deadline_ms);

    place(wheel, timer, wheel->now_ms + 1);
    if (deadline_ms < load_relaxed(&wheel->next_ms))
        store_relaxed(&wheel->next_ms, deadline_ms);
}

void rt__wheel_arm(struct wheel *wheel, struct timer *timer)
{
    wheel->count++;
    if ((load_relaxed(&timer->deadline_ms) & TIMER_LATER) == 0) {
        enter_slot(wheel, timer);
        return;
    }
    store_relaxed(&wheel->fresh_count, load_relaxed(&wheel->fresh_count) + 1);
    put(&wheel->fresh, timer);
}

void rt__wheel_disarm(struct wheel *wheel, struct timer *timer)
{
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    timer->link = NULL;
    wheel->count--;
    if (wheel->count == 0)
        store_relaxed(&wheel->next_ms, RT_NEVER);
}

/* Rounded up: never early (G22). */
static uint64_t tick_after(uint64_t now_ns, uint64_t ms)
{
    return now_ns / 1000000u + (now_ns % 1000000u != 0) + ms;
}

/* Release: who reads the new deadline without the lock then looks at the id. */
void rt__wheel_settle(struct wheel *wheel, uint64_t now_ns)
{
    struct timer *timer = wheel->fresh, *oldest = NULL;

    wheel->fresh = NULL;
    store_relaxed(&wheel->fresh_count, 0u);
    while (timer != NULL) { /* in the order in which they were started */
        struct timer *older = timer->next;

        timer->next = oldest;
        oldest = timer;
        timer = older;
    }
    while (oldest != NULL) {
        uint64_t ms = load_relaxed(&oldest->deadline_ms) & ~TIMER_LATER;

        timer = oldest;
        oldest = timer->next;
        store_release(&timer->deadline_ms, tick_after(now_ns, ms));
        enter_slot(wheel, timer);
    }
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

    if (near_is_empty(wheel) && far_is_empty(wheel))
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

static bool is_set(const uint64_t *bits, uint64_t tick)
{
    unsigned slot = (unsigned)(tick % WHEEL_NEAR);

    return (bits[slot / 64] >> slot % 64 & 1u) != 0;
}

uint64_t rt__wheel_wake_ms(const struct wheel *wheel)
{
    uint64_t tick = load_relaxed(&wheel->next_ms);
    unsigned i;

    /* It stops at what is not patient, and before far slots come near. */
    if (tick <= wheel->now_ms || tick - wheel->now_ms >= WHEEL_NEAR / 2)
        return tick;
    for (i = 1; i < PATIENCE_MS; i++, tick++)
        if (tick % WHEEL_NEAR == 0 || is_set(wheel->strict_bits, tick))
            break;
    return tick;
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
    struct timer *timer = wheel->fresh;
    unsigned level;

    if (timer == NULL)
        timer = first_of(wheel->near, WHEEL_NEAR);
    for (level = 0; timer == NULL && level < WHEEL_LEVELS - 1; level++)
        timer = first_of(wheel->far[level], WHEEL_FAR);
    if (timer != NULL)
        rt__wheel_disarm(wheel, timer);
    return timer;
}

/* It is to be fired, unless it was cancelled just now. Order: acquire pairs
 * with the release of who started it. */
static bool claim(struct timer *timer)
{
    uint64_t id = load_relaxed(&timer->id);

    return id != 0 && cas_acquire(&timer->id, &id, id | TIMER_FIRING);
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
            if (load_relaxed(&timer->deadline_ms) > wheel->now_ms) {
                /* It was beyond the last level: not yet. */
                place(wheel, timer, wheel->now_ms + 1);
                wheel->count++;
                continue;
            }
            if (!claim(timer))
                continue;
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
        wheel->strict_bits[wheel->now_ms % WHEEL_NEAR / 64] &=
            ~((uint64_t)1 << wheel->now_ms % WHEEL_NEAR % 64);
    }
    store_relaxed(&wheel->next_ms, next_due(wheel));
    return due;
}

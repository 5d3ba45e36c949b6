/*
 * tape.c -- the one tape of bounded integers that all of the world's choices
 * come from.
 *
 * The seed expands to it, number by number, or the options give it. Whatever is
 * drawn, 0 is the plainest choice: nothing more than the least delay, no fault,
 * whose turn it is. So a tape gets simpler by zeros and by lower numbers, and
 * what lies behind its end is zeros.
 *
 * Only integers, so that every machine draws the same.
 */
#include "sim_world.h"

#include <assert.h>
#include <stdlib.h>

#define STRIDE 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio, odd */

/* Each bit of x changes half of the result's (the finaliser of splitmix64). */
uint64_t sim__mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t sim__next(uint64_t *stream)
{
    *stream += STRIDE;
    return sim__mix(*stream);
}

__extension__ typedef unsigned __int128 product;

/* The upper half of a product is below `bound`; the bias is 2^-32 at most for
 * what is drawn here. */
uint64_t sim__below(uint64_t *stream, uint64_t bound)
{
    return (uint64_t)(((product)sim__next(stream) * bound) >> 64);
}

/* ---- What was drawn -------------------------------------------------------
 */

void sim__tape_init(struct sim *sim, const struct tape_place *place)
{
    struct tape *tape = &sim->tape;

    if (place == NULL)
        return;
    tape->place = *place;
    tape->values = place->values;
    tape->room = place->max;
    *place->count = 0;
}

/* The allocation is ours, and not one that a step of the program makes. */
static bool grow(struct tape *tape)
{
    size_t room = tape->room == 0 ? 1024 : 2 * tape->room;
    uint64_t *values;

    if (tape->place.values != NULL)
        return false;
    values = sim__memory_own(tape->values, room * sizeof *values);
    if (values == NULL)
        return false;
    tape->values = values;
    tape->room = room;
    return true;
}

static void keep(struct tape *tape, uint64_t value)
{
    if (tape->count == tape->room && !grow(tape)) {
        tape->broken = true;
        if (tape->place.values != NULL)
            *tape->place.count = SIZE_MAX;
        return;
    }
    tape->values[tape->count++] = value;
    if (value == 0)
        return;
    tape->used = tape->count;
    if (tape->place.values != NULL)
        *tape->place.count = tape->used;
}

const uint64_t *sim_tape(const struct sim *sim, size_t *count)
{
    static const uint64_t nothing;
    const struct tape *tape = &sim->tape;

    if (!sim->options.record || tape->broken)
        return NULL;
    *count = tape->used;
    return tape->values == NULL ? &nothing : tape->values;
}

void sim__tape_fini(struct sim *sim)
{
    if (sim->tape.place.values == NULL)
        free(sim->tape.values);
}

/* ---- Drawing ------------------------------------------------------------ */

static uint64_t replay(struct sim *sim, uint64_t bound)
{
    struct tape *tape = &sim->tape;

    if (tape->next >= sim->options.tape_count)
        return 0;
    return sim->options.tape[tape->next++] % bound;
}

/* Where there is no choice, nothing is taken from the tape. */
uint64_t sim_draw(struct sim *sim, uint64_t bound)
{
    uint64_t value;

    assert(bound > 0);
    if (bound == 1 || sim->apart != NULL)
        return 0;
    value = sim->options.tape != NULL ? replay(sim, bound)
                                      : sim__below(&sim->world_random, bound);
    if (sim->options.record && !sim->tape.broken)
        keep(&sim->tape, value);
    return value;
}

#define MILLION 1000000u

bool sim__chance(struct sim *sim, uint32_t ppm)
{
    if (ppm == 0 || sim->apart != NULL)
        return false;
    return ppm >= MILLION || sim_draw(sim, MILLION) >= MILLION - ppm;
}

bool sim__fault(struct sim *sim, uint32_t ppm)
{
    return sim->faults && sim__chance(sim, ppm);
}

/*
 * How many halvings until a coin shows heads is exponential in whole halvings.
 * Here x is drawn from 1 to 2^32, and the halvings that make 2^32 less than x
 * are counted, with the part of one read off linearly: so the result grows with
 * what was drawn, from 0. Their mean is 1.5, hence the factor 2/3.
 */
uint64_t sim__exponential(struct sim *sim, uint64_t mean)
{
    uint64_t x = (UINT64_C(1) << 32) - sim_draw(sim, UINT64_C(1) << 32);
    unsigned top = 63u - (unsigned)__builtin_clzll(x); /* 2^top <= x */
    uint64_t part = ((x << 10) >> top) - 1024;         /* of 1024 */
    uint64_t halvings = (uint64_t)(32 - top) * 1024 - part;

    return mean * halvings / 1024 * 2 / 3;
}

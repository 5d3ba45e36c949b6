/*
 * draw.c -- the random numbers of a simulation, and options drawn from a seed.
 *
 * Two streams that do not disturb each other: what the program under test asks
 * for, and what the world chooses. Only integers, so that every machine draws
 * the same.
 */
#include "sim_world.h"

#include <assert.h>
#include <string.h>

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
static uint64_t below(uint64_t *stream, uint64_t bound)
{
    return (uint64_t)(((product)sim__next(stream) * bound) >> 64);
}

uint64_t sim_draw(struct sim *sim, uint64_t bound)
{
    assert(bound > 0);
    return below(&sim->world_random, bound);
}

bool sim__chance(struct sim *sim, uint32_t ppm)
{
    return ppm > 0 && sim_draw(sim, 1000000) < ppm;
}

bool sim__fault(struct sim *sim, uint32_t ppm)
{
    return sim->faults && sim__chance(sim, ppm);
}

/*
 * How many halvings until a coin shows heads is exponential in whole halvings;
 * a uniform fraction of one is added. 1 halving is mean * ln 2, and the mean
 * number of halvings so made is 1.5, hence the factor 2/3.
 */
uint64_t sim__exponential(struct sim *sim, uint64_t mean)
{
    uint64_t bits = sim__next(&sim->world_random) | 1;
    uint64_t halvings = (uint64_t)__builtin_clzll(bits);
    uint64_t fraction = bits & 1023;

    return mean * (halvings * 1024 + fraction) / 1024 * 2 / 3;
}

/* One of `count` magnitudes, or nothing for every second one. */
static uint32_t sometimes(uint64_t *stream, const uint32_t *values,
                          uint64_t count)
{
    if (below(stream, 2) == 0)
        return 0;
    return values[below(stream, count)];
}

void sim_profile(uint64_t seed, struct sim_options *options)
{
    static const uint32_t rare[] = { 10, 100, 1000, 10000 };
    static const uint32_t often[] = { 10000, 100000, 500000, 1000000 };
    static const uint32_t windows[] = { 1, 100, 4096, 65536, 1048576 };
    uint64_t stream = sim__mix(~seed);

    memset(options, 0, sizeof *options);
    options->pick = (enum sim_pick)below(&stream, SIM_PICK_ROUND_ROBIN + 1);
    options->change_points = (unsigned)below(&stream, 5);
    options->steps_expected = UINT64_C(1000) << below(&stream, 8);
    options->stall_ppm = sometimes(&stream, rare, 3);
    options->stall_ms = 1 + below(&stream, 200);
    options->delay_min_us = 1 + below(&stream, 100);
    options->delay_mean_us = UINT64_C(10) << below(&stream, 12);
    if (below(&stream, 4) == 0)
        options->bandwidth = UINT64_C(100000) << below(&stream, 8);
    options->window = windows[below(&stream, 5)];
    options->cut_ppm = sometimes(&stream, often, 4);
    options->refuse_ppm = sometimes(&stream, rare, 4);
    options->silent_dial_ppm = sometimes(&stream, rare, 4);
    options->reset_ppm = sometimes(&stream, rare, 3);
    options->half_open_ppm = sometimes(&stream, often, 4);
    options->clog_ppm = sometimes(&stream, rare, 4);
    options->clog_ms = UINT64_C(1) << below(&stream, 14);
}

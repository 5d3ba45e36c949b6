/*
 * profile.c -- options drawn from a seed: which faults there are, how strong.
 *
 * Not from the tape: options are a part of a case by themselves, and are made
 * simpler as such.
 */
#include "sim_world.h"

#include <string.h>

/* A small window lets so many bytes through each delay: where that is long too
 * nothing gets anywhere in time, and no fault is to blame. */
#define SMALL    4096u
#define SHORT_US 160u

/* One of `count` magnitudes, or nothing for every second one. */
static uint32_t sometimes(uint64_t *stream, const uint32_t *values,
                          uint64_t count)
{
    if (sim__below(stream, 2) == 0)
        return 0;
    return values[sim__below(stream, count)];
}

void sim_profile(uint64_t seed, struct sim_options *options)
{
    static const uint32_t rare[] = { 10, 100, 1000, 10000 };
    static const uint32_t often[] = { 10000, 100000, 500000, 1000000 };
    static const uint32_t windows[] = { 1, 100, 4096, 65536, 1048576 };
    uint64_t stream = sim__mix(~seed);

    memset(options, 0, sizeof *options);
    options->pick =
        (enum sim_pick)sim__below(&stream, SIM_PICK_ROUND_ROBIN + 1);
    options->change_points = (unsigned)sim__below(&stream, 5);
    options->steps_expected = UINT64_C(1000) << sim__below(&stream, 8);
    options->stall_ppm = sometimes(&stream, rare, 3);
    options->stall_ms = 1 + sim__below(&stream, 200);
    options->delay_min_us = 1 + sim__below(&stream, 100);
    options->delay_mean_us = UINT64_C(10) << sim__below(&stream, 12);
    if (sim__below(&stream, 4) == 0)
        options->bandwidth = UINT64_C(100000) << sim__below(&stream, 8);
    options->window = windows[sim__below(&stream, 5)];
    if (options->window < SMALL && options->delay_mean_us > SHORT_US)
        options->delay_mean_us = SHORT_US;
    options->cut_ppm = sometimes(&stream, often, 4);
    options->refuse_ppm = sometimes(&stream, rare, 4);
    options->silent_dial_ppm = sometimes(&stream, rare, 4);
    options->reset_ppm = sometimes(&stream, rare, 3);
    options->half_open_ppm = sometimes(&stream, often, 4);
    options->clog_ppm = sometimes(&stream, rare, 4);
    options->clog_ms = UINT64_C(1) << sim__below(&stream, 14);
    options->half_close_ppm = sometimes(&stream, rare, 2);
    options->descriptor_ppm = sometimes(&stream, rare, 4);
    options->name_error_ppm = sometimes(&stream, often, 2);
    options->name_stale_ppm = sometimes(&stream, often, 3);
    if (sim__below(&stream, 2) == 0)
        return;
    options->weather = (uint32_t)(sim__below(&stream, SIM_WEATHER_ALL + 1) &
                                  sim__below(&stream, SIM_WEATHER_ALL + 1));
    options->weather_ms = UINT64_C(100) << sim__below(&stream, 8);
    options->weather_for_ms = UINT64_C(10) << sim__below(&stream, 10);
}

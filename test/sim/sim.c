/*
 * sim.c -- a simulation: its world, its steps, its time.
 *
 * One step: ask every source how many choices it has, let time jump to the
 * earliest deadline if there are none, pick one, run it. Nothing else advances
 * anything.
 */
#include "sim_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_2026_NS UINT64_C(1767225600000000000)
#define FIRST_NS     1000u /* so that 0 is no time */

/* ---- Sources ----------------------------------------------------------------
 */

void sim__source_add(struct sim_machine *machine, struct source *source)
{
    struct sim *sim = machine->sim;

    source->machine = machine;
    source->number = ++sim->numbers;
    source->next = NULL;
    source->count = 0;
    source->since = 0;
    source->link = sim->sources_end;
    *sim->sources_end = source;
    sim->sources_end = &source->next;
}

void sim__source_remove(struct source *source)
{
    if (source->link == NULL)
        return;
    *source->link = source->next;
    if (source->next != NULL)
        source->next->link = source->link;
    else
        source->machine->sim->sources_end = source->link;
    source->link = NULL;
}

uint64_t sim__identity(struct source *source, size_t index)
{
    return source->identity == NULL ? index : source->identity(source, index);
}

/* ---- Steps -------------------------------------------------------------- */

/* May it take steps now? While somebody is buried only that one may. */
static bool is_free(const struct sim *sim, const struct sim_machine *machine)
{
    if (sim->apart != NULL)
        return machine == sim->apart;
    return sim__held_ns(machine) <= sim->now_ns;
}

static size_t count_choices(struct sim *sim)
{
    struct source *source;
    size_t total = 0;

    sim->chooser.before = 0;
    for (source = sim->sources; source != NULL; source = source->next) {
        size_t count =
            is_free(sim, source->machine) ? source->ready(source) : 0;

        if (count > source->count)
            source->since = sim->steps;
        source->count = count;
        total += count;
        if (source->number <= sim->chooser.last)
            sim->chooser.before = total;
    }
    return total;
}

/* When a source may have something to do: not before its machine may. */
static uint64_t next_time(struct sim *sim)
{
    struct source *source;
    uint64_t next_ns = RT_NEVER;

    for (source = sim->sources; source != NULL; source = source->next) {
        uint64_t when_ns = RT_NEVER;

        if (is_free(sim, source->machine))
            when_ns = source->when(source);
        else if (sim->apart == NULL)
            when_ns = sim__held_ns(source->machine);
        if (when_ns < next_ns)
            next_ns = when_ns;
    }
    return next_ns;
}

static bool is_used_up(const struct sim *sim)
{
    return sim->apart == NULL && sim->options.steps_max != 0 &&
           sim->steps >= sim->options.steps_max;
}

static void take_step(struct sim *sim, size_t total)
{
    size_t index = 0;
    struct source *source = sim__pick(sim, total, &index);
    struct sim_machine *machine = source->machine;

    sim->chooser.last = source->number;
    sim__event(sim, source->kind, source->number, index);
    sim->steps++;
    sim->stepping = true;
    sim__memory_of(machine);
    source->run(source, index); /* `source` may be gone now */
    sim__memory_of(NULL);
    sim->stepping = false;
    if (machine->slow > 1) {
        machine->busy_ns = sim->now_ns + sim->options.step_ns * machine->slow;
        machine->held_total_ns += sim->options.step_ns * machine->slow;
    }
    sim->now_ns += sim->options.step_ns;
    if (sim__fault(sim, sim->options.stall_ppm))
        sim->now_ns += 1000000 * sim_draw(sim, sim->options.stall_ms + 1);
}

/* Time goes from deadline to deadline until somebody can run: who named one may
 * be held by then. */
bool sim__step(struct sim *sim, uint64_t until_ns)
{
    size_t total;

    assert(!sim->stepping);
    if (sim->stepping || is_used_up(sim))
        return false;
    while ((total = count_choices(sim)) == 0) {
        uint64_t next_ns = next_time(sim);

        if (next_ns == RT_NEVER || next_ns > until_ns) {
            if (until_ns != RT_NEVER && until_ns > sim->now_ns)
                sim->now_ns = until_ns;
            return false;
        }
        assert(next_ns > sim->now_ns); /* who named it would be ready */
        sim->now_ns = next_ns;
    }
    take_step(sim, total);
    return true;
}

bool sim_step(struct sim *sim)
{
    return sim__step(sim, RT_NEVER);
}

bool sim_run(struct sim *sim, uint64_t ms)
{
    uint64_t until_ns = loop_timer_after(sim->now_ns, ms);

    while (sim->now_ns < until_ns && sim__step(sim, until_ns))
        ;
    return !is_used_up(sim);
}

bool sim_run_until(struct sim *sim, bool (*done)(void *ctx), void *ctx,
                   uint64_t ms_max)
{
    uint64_t until_ns = loop_timer_after(sim->now_ns, ms_max);

    while (!done(ctx))
        if (sim->now_ns >= until_ns || !sim__step(sim, until_ns))
            return done(ctx);
    return true;
}

uint64_t sim_now_ns(const struct sim *sim)
{
    return sim->now_ns;
}

uint64_t sim_steps(const struct sim *sim)
{
    return sim->steps;
}

void sim_wall_jump(struct sim *sim, int64_t ms)
{
    sim->wall_offset_ns += ms * 1000000;
}

void sim_faults(struct sim *sim, bool on)
{
    sim->faults = on;
    if (!on)
        sim__weather_clear(sim);
}

const struct rt_world *sim_world(struct sim *sim)
{
    return &sim->first.world;
}

/* ---- Birth and death ---------------------------------------------------- */

static void fill_in_defaults(struct sim_options *options)
{
    if (options->steps_expected == 0)
        options->steps_expected = 10000;
    if (options->step_ns == 0)
        options->step_ns = 1000;
    if (options->stall_ms == 0)
        options->stall_ms = 10;
    if (options->delay_min_us == 0)
        options->delay_min_us = 20;
    if (options->delay_mean_us == 0)
        options->delay_mean_us = 100;
    if (options->window == 0)
        options->window = 65536;
    if (options->clog_ms == 0)
        options->clog_ms = 1000;
    if (options->weather_ms == 0)
        options->weather_ms = 5000;
    if (options->weather_for_ms == 0)
        options->weather_for_ms = 2000;
    if (options->wall_ns == 0)
        options->wall_ns = WALL_2026_NS;
}

struct sim *sim_new(uint64_t seed, const struct sim_options *options)
{
    return sim__new(seed, options, NULL);
}

struct sim *sim__new(uint64_t seed, const struct sim_options *options,
                     const struct tape_place *place)
{
    struct sim *sim = calloc(1, sizeof *sim);

    if (sim == NULL)
        return NULL;
    if (options != NULL)
        sim->options = *options;
    fill_in_defaults(&sim->options);
    sim->seed = seed;
    sim->now_ns = FIRST_NS;
    sim->program_random = sim__mix(seed);
    sim->world_random = sim__mix(seed + 1) ^ UINT64_C(0x5555555555555555);
    sim->faults = true;
    sim->sources_end = &sim->sources;
    sim->next_port = 40000;
    sim__tape_init(sim, place);
    sim__machine_init(sim, &sim->first, "");
    sim__chooser_init(sim);
    sim__weather_init(sim);
    return sim;
}

void sim_free(struct sim *sim)
{
    sim__wishes_free(sim);
    while (sim->loops != NULL)
        sim__loop_drop(sim->loops);
    sim__hosts_free(sim);
    sim__files_free(sim);
    sim__machines_free(sim);
    sim__tape_fini(sim);
    free(sim);
}

/*
 * pick.c -- who takes the next step.
 *
 * Source: the strategies are those of spec/reliability.md 2.4. With priorities
 * and d change points a bug that needs d + 1 ordered steps is found with a
 * chance of at least 1 / (n * k^d) a run, for n runnables and k steps.
 *
 * Priorities and last in first out would let what is always runnable (something
 * that polls) run for ever; a uniform choice now and then keeps the rest alive.
 */
#include "sim_world.h"

#include <assert.h>

#define FAIR_STEPS   500u  /* every so many steps anybody may run */
#define STARVE_STEPS 4000u /* about so long one victim starves */

/* Choices are counted from the one after who ran last, round and round: so 0
 * is whose turn it is, and a tape of zeros is fair. */
static struct source *at(struct sim *sim, size_t total, size_t choice,
                         size_t *index)
{
    struct source *source = sim->sources;

    choice = (choice + sim->chooser.before) % total;
    while (choice >= source->count) {
        choice -= source->count;
        source = source->next;
    }
    *index = choice;
    return source;
}

static struct source *pick_uniform(struct sim *sim, size_t total, size_t *index)
{
    return at(sim, total, (size_t)sim_draw(sim, total), index);
}

static bool is(const struct demoted *who, const struct source *source,
               uint64_t identity)
{
    return who->number == source->number && who->identity == identity;
}

/* Drawn priorities have the top bit; a demoted one is lower, the lower the
 * later it was demoted. */
static uint64_t priority(const struct sim *sim, const struct source *source,
                         uint64_t identity)
{
    const struct chooser *chooser = &sim->chooser;
    unsigned i;

    for (i = chooser->changed; i > 0; i--)
        if (is(&chooser->demoted[i - 1], source, identity))
            return SIM_CHANGE_POINTS_MAX - i;
    return sim__mix(chooser->salt ^ sim__mix(source->number) ^
                    sim__mix(~identity)) |
           UINT64_C(1) << 63;
}

static struct source *highest(struct sim *sim, size_t *index,
                              uint64_t *identity)
{
    struct source *best = NULL, *source;
    uint64_t best_priority = 0;

    for (source = sim->sources; source != NULL; source = source->next) {
        size_t i;

        for (i = 0; i < source->count; i++) {
            uint64_t id = sim__identity(source, i);
            uint64_t its = priority(sim, source, id);

            if (best != NULL && its <= best_priority)
                continue;
            best = source;
            best_priority = its;
            *index = i;
            *identity = id;
        }
    }
    return best;
}

static struct source *pick_priority(struct sim *sim, size_t *index)
{
    struct chooser *chooser = &sim->chooser;
    uint64_t identity = 0;
    struct source *source = highest(sim, index, &identity);

    if (chooser->changed < sim->options.change_points &&
        sim->steps >= chooser->change_at[chooser->changed]) {
        chooser->demoted[chooser->changed++] =
            (struct demoted){ source->number, identity };
        source = highest(sim, index, &identity);
    }
    return source;
}

/* Uniform, again and again, until it is not the victim; at most so often that
 * one among many is found for certain enough, and then the victim has its turn.
 */
static struct source *pick_starve(struct sim *sim, size_t total, size_t *index)
{
    struct chooser *chooser = &sim->chooser;
    struct source *source = pick_uniform(sim, total, index);
    unsigned turn;

    if (sim->steps >= chooser->victim_until) {
        chooser->victim =
            (struct demoted){ source->number, sim__identity(source, *index) };
        chooser->victim_until =
            sim->steps + 1 + sim_draw(sim, 2 * STARVE_STEPS);
    }
    if (total == 1)
        return source;
    for (turn = 0; turn < 64; turn++) {
        if (!is(&chooser->victim, source, sim__identity(source, *index)))
            break;
        source = pick_uniform(sim, total, index);
    }
    return source;
}

static struct source *pick_lifo(struct sim *sim, size_t *index)
{
    struct source *latest = NULL, *source;

    for (source = sim->sources; source != NULL; source = source->next)
        if (source->count > 0 &&
            (latest == NULL || source->since >= latest->since))
            latest = source;
    assert(latest != NULL);
    *index = latest->count - 1;
    return latest;
}

struct source *sim__pick(struct sim *sim, size_t total, size_t *index)
{
    if (sim->steps % FAIR_STEPS == FAIR_STEPS - 1)
        return pick_uniform(sim, total, index);
    switch (sim->options.pick) {
    case SIM_PICK_UNIFORM:
        break;
    case SIM_PICK_PRIORITY:
        return pick_priority(sim, index);
    case SIM_PICK_STARVE:
        return pick_starve(sim, total, index);
    case SIM_PICK_LIFO:
        return pick_lifo(sim, index);
    case SIM_PICK_ROUND_ROBIN:
        return at(sim, total, 0, index);
    }
    return pick_uniform(sim, total, index);
}

void sim__chooser_init(struct sim *sim)
{
    struct chooser *chooser = &sim->chooser;
    unsigned i, j;

    if (sim->options.change_points > SIM_CHANGE_POINTS_MAX)
        sim->options.change_points = SIM_CHANGE_POINTS_MAX;
    chooser->salt = sim_draw(sim, UINT64_C(1) << 62);
    for (i = 0; i < sim->options.change_points; i++) {
        uint64_t step = sim_draw(sim, sim->options.steps_expected);

        for (j = i; j > 0 && chooser->change_at[j - 1] > step; j--)
            chooser->change_at[j] = chooser->change_at[j - 1];
        chooser->change_at[j] = step;
    }
}

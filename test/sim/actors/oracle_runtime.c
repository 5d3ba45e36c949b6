/*
 * oracle_runtime.c -- what always holds inside a runtime: I3, I10, I15, I16,
 * I20.
 */
#include "actors_play.h"

#include "rt_audit.h"

#define STEPS_MAX 4000000u /* without any progress of the clock: I20 */
#define ENDED_MS  20000u

void oracle_i3_i10_runtimes(struct play *play)
{
    unsigned i;

    for (i = 0; i < play->node_count; i++) {
        struct rt_audit audit;

        if (play->places[i].rt == NULL || play->places[i].stopping)
            continue;
        rt__audit(play->places[i].rt, &audit);
        if (audit.lost > 0)
            oracle_fail(play, "I3", "node %u: %llu processes sleep on signals",
                        i, (unsigned long long)audit.lost);
        if (audit.stuck > 0)
            oracle_fail(play, "I3",
                        "node %u: %llu processes wait for what "
                        "they have",
                        i, (unsigned long long)audit.stuck);
        if (audit.over > 0)
            oracle_fail(play, "I10", "node %u: %llu mailboxes over the limit",
                        i, (unsigned long long)audit.over);
    }
}

/* Ends everybody who is left, and waits for that. */
static bool nobody_lives(void *ctx)
{
    const struct play *play = ctx;
    unsigned i;

    for (i = 0; i < play->life_count; i++)
        if (actors_lives(&play->lives[i]))
            return false;
    for (i = 0; i < TREES_MAX; i++)
        if (play->trees[i].up && !play->trees[i].ended &&
            play->places[play->trees[i].node].rt != NULL &&
            play->places[play->trees[i].node].epoch == play->trees[i].epoch)
            return false;
    return true;
}

static void end_everybody(struct play *play)
{
    unsigned i;

    for (i = 0; i < play->life_count; i++)
        if (actors_lives(&play->lives[i]))
            (void)rt_kill(play->places[play->lives[i].node].rt,
                          play->lives[i].pid, ETF_A(kill));
    for (i = 0; i < play->node_count; i++)
        if (play->places[i].rt != NULL)
            (void)rt_kill(play->places[i].rt, play->places[i].scope,
                          ETF_A(kill));
    for (i = 0; i < TREES_MAX; i++) {
        const struct tree *tree = &play->trees[i];

        if (tree->up && !tree->ended && play->places[tree->node].rt != NULL)
            (void)rt_kill(play->places[tree->node].rt, tree->pid,
                          ETF_A(shutdown));
    }
}

void oracle_i15_nothing_is_left(struct play *play)
{
    unsigned i;

    for (i = 0; i < play->node_count; i++)
        if (play->places[i].rt != NULL)
            actors_apps_stop(play, &play->places[i]);
    end_everybody(play);
    if (!sim_run_until(play->sim, nobody_lives, play, ENDED_MS)) {
        oracle_fail(play, "I15", "somebody lives on after a kill");
        return;
    }
    (void)sim_run(play->sim, 2 * TICK_MS);
    for (i = 0; i < play->node_count; i++) {
        struct rt_audit audit;

        if (play->places[i].rt == NULL)
            continue;
        rt__audit(play->places[i].rt, &audit);
        if (audit.processes > 0 || audit.waiting > 0)
            oracle_fail(play, "I15",
                        "node %u: %llu processes and %llu stacks "
                        "are left",
                        i, (unsigned long long)audit.processes,
                        (unsigned long long)audit.waiting);
        if (audit.stacks > 1)
            oracle_fail(play, "I15", "node %u: nobody lives on %llu stacks", i,
                        (unsigned long long)audit.stacks - 1);
    }
}

/* Names of nodes and of actors are interned by the program; what came over the
 * network brought nothing new. */
void oracle_i16_no_atoms_came(struct play *play)
{
    uint32_t more = etf_atom_count() - play->atoms;

    if (more > ATOMS_MORE)
        oracle_fail(play, "I16", "%u atoms more than before", more);
}

void oracle_i20_time_goes_on(struct play *play)
{
    uint64_t steps = sim_steps(play->sim);
    uint64_t now_ns = sim_now_ns(play->sim);

    if (now_ns - play->progress_ns >= 1000000000u) {
        play->progress_ns = now_ns;
        play->progress_step = steps;
    } else if (steps - play->progress_step > STEPS_MAX) {
        oracle_fail(play, "I20", "%u steps within a second", STEPS_MAX);
    }
}

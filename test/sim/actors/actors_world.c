/*
 * actors_world.c -- one run: nodes are started, the program runs while faults
 * happen, then all is healed for the nodes that are left, and in the end the
 * oracle looks whether everything is as it must be.
 */
#include "actors_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors_world.h"

#define LOOK_STEPS 16u /* between looks at the runtimes' inner state */
#define SETTLE_MS  (3u * TICK_MS)

void oracle_fail(struct play *play, const char *rule, const char *format, ...)
{
    char text[240];
    va_list arguments;

    if (play->stopped && strcmp(rule, "I15") != 0 && strcmp(rule, "I17") != 0)
        return; /* who is being killed sees half of things */
    if (sim_is_burying(play->sim))
        return; /* it has ended, as the rest of the world knows */
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim_fail(play->run, rule, "%s", text);
}

static struct play *play_of(struct sim_run *run)
{
    return sim_run_state(run);
}

/* ---- The phases --------------------------------------------------------- */

/* What the largest messages take has to fit into the time that a call waits. */
void actors_options(uint64_t seed, struct sim_options *options)
{
    sim_profile(seed, options);
    if (options->window < 4096)
        options->window = 4096;
    if (options->delay_mean_us > 2500)
        options->delay_mean_us = 2500;
    if (options->bandwidth != 0 && options->bandwidth < 3200000)
        options->bandwidth = 3200000;
    options->clog_ms = options->clog_ms > 3000 ? 3000 : options->clog_ms;
}

void actors_setup(struct sim_run *run, enum actors_profile profile)
{
    struct play *play = play_of(run);
    unsigned i;

    play->run = run;
    play->sim = sim_run_sim(run);
    play->profile = profile;
    play->faults_on = true;
    actors_read(play);
    for (i = 0; i < play->node_count; i++) {
        struct place *place = &play->places[i];

        (void)snprintf(place->host, sizeof place->host, "10.0.0.%u", i + 1);
        (void)snprintf(place->text, sizeof place->text, "s%u@10.0.0.%u", i,
                       i + 1);
        place->name =
            play->node_count == 1 ? ETF_A(noname) : etf_atom(place->text);
    }
    for (i = 0; i < play->node_count; i++)
        actors_node_start(play, &play->places[i]);
    play->begun_ns = sim_now_ns(play->sim);
    play->atoms = etf_atom_count();
}

static uint64_t since_ms(const struct play *play)
{
    return (sim_now_ns(play->sim) - play->begun_ns) / 1000000;
}

/* After each step: faults that are due, and what is cheap to look at. */
void actors_step(struct sim_run *run)
{
    struct play *play = play_of(run);

    if (play->in_step)
        return;
    play->in_step = true; /* a node that stops takes steps */
    while (play->faults_on && play->fault_next < play->fault_count &&
           play->faults[play->fault_next].at_ms <= since_ms(play)) {
        const struct fault *fault = &play->faults[play->fault_next++];
        char text[40];

        (void)snprintf(text, sizeof text, "fault %s %lld %lld",
                       actors_faults[fault->kind].word, (long long)fault->n[0],
                       (long long)fault->n[1]);
        sim_trace(play->sim, text);
        actors_faults[fault->kind].run(play, fault->n);
    }
    if (sim_steps(play->sim) >= play->looked_at + LOOK_STEPS) {
        play->looked_at = sim_steps(play->sim);
        oracle_i3_i10_runtimes(play);
        oracle_i11_links_are_bounded(play);
        oracle_i20_time_goes_on(play);
    }
    play->in_step = false;
}

/* Faults end. One node may stay cut off from the rest: what it shares with the
 * others counts as lost. */
void actors_calm(struct sim_run *run)
{
    struct play *play = play_of(run);
    unsigned i, left_out;

    play->faults_on = false;
    for (i = 0; i < play->node_count; i++)
        actors_recover(&play->places[i]);
    if (play->node_count == 1)
        return;
    left_out = (unsigned)sim_draw(play->sim, 2 * play->node_count);
    for (i = 0; i < play->node_count; i++) {
        if (left_out < play->node_count && left_out > 0 && i != left_out)
            (void)sim_partition(play->sim, play->places[i].host,
                                play->places[left_out].host);
        play->places[i].core = i != left_out || left_out == 0;
    }
}

static bool is_core(const struct life *life)
{
    return actors_lives(life) &&
           (life->play->node_count == 1 || life->play->places[life->node].core);
}

bool actors_done(struct sim_run *run)
{
    const struct play *play = play_of(run);
    unsigned i;

    for (i = 0; i < play->life_count; i++)
        if (is_core(&play->lives[i]) && !play->lives[i].done)
            return false;
    return true;
}

void actors_check(struct sim_run *run)
{
    struct play *play = play_of(run);

    play->in_step = true;
    (void)sim_run(play->sim, SETTLE_MS);
    oracle_i19_everybody_answers(play);
    oracle_i12_global_names_agree(play);
    oracle_i12_nodes_agree(play);
    (void)sim_run(play->sim, TICK_MS); /* those that met just now exchange */
    oracle_i12_groups_agree(play);
    oracle_i2_nothing_is_missing(play);
    oracle_i4_links_agree(play);
    oracle_i5_all_downs_came(play);
    oracle_i8_all_timers_fired(play);
    oracle_i9_tree(play);
    oracle_i14_counters(play);
    oracle_i3_i10_runtimes(play);
    oracle_i16_no_atoms_came(play);
    oracle_i12_both_dial(play);
}

static void forget(struct play *play)
{
    unsigned i;

    for (i = 0; i < play->life_count; i++)
        while (play->lives[i].pairs != NULL) {
            struct pair *pair = play->lives[i].pairs;

            play->lives[i].pairs = pair->next;
            free(pair->connections);
            free(pair);
        }
}

void actors_teardown(struct sim_run *run)
{
    struct play *play = play_of(run);
    unsigned i;

    play->in_step = true;
    play->stopped = true;
    oracle_i15_nothing_is_left(play);
    for (i = 0; i < play->node_count; i++)
        actors_node_stop(play, &play->places[i]);
    forget(play);
}

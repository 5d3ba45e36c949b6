/*
 * actors_fault.c -- what goes wrong: the table of faults, and nodes that come
 * and go.
 */
#include "actors_fault.h"

#include <stdio.h>
#include <stdlib.h>

#include <agner/kernel.h>

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* ---- Nodes -------------------------------------------------------------- */

static bool is_alone(const struct play *play)
{
    return play->node_count == 1;
}

static enum agner_err start_runtime(struct play *play, struct place *place)
{
    struct rt_options options = { .world = sim_machine_world(place->machine),
                                  .log = no_log };

    (void)play;
    return rt_new(&options, &place->rt, NULL);
}

static const char *const everything[] = { "agner: all" };

static enum agner_err start_node(struct play *play, struct place *place)
{
    struct node_options options = {
        .name = place->text,
        .cookie = "sim",
        .listen_host = place->host,
        .listen_port = 5000,
        .permits = everything,
        .permit_count = 1,
        .epmd = NODE_EPMD_NONE,
        .tick_time_ms = TICK_MS,
        .high_mark = play->profile == PROFILE_PRESSURE ? HIGH_MARK : 0,
        .rt = { .world = sim_machine_world(place->machine), .log = no_log },
    };
    enum agner_err err = node_start(&options, &place->node, NULL);
    unsigned i;

    if (err != AGNER_OK)
        return err;
    place->rt = node_rt(place->node);
    for (i = 0; i < play->node_count; i++)
        if (&play->places[i] != place)
            (void)node_route(place->node, play->places[i].text,
                             play->places[i].host, 5000);
    return AGNER_OK;
}

void actors_node_start(struct play *play, struct place *place)
{
    static const int group_tag;
    enum agner_err err;
    unsigned i;

    if (place->rt != NULL)
        return;
    place->epoch++;
    if (place->machine == NULL)
        place->machine = sim_machine(play->sim, place->text);
    if (place->machine == NULL)
        abort();
    err = is_alone(play) ? start_runtime(play, place) : start_node(play, place);
    if (err != AGNER_OK) {
        place->rt = NULL;
        oracle_fail(play, "I18", "a node does not start: %s",
                    agner_strerror(err));
        return;
    }
    place->name = rt_node(place->rt).name;
    place->creation = rt_node(place->rt).creation;
    place->at = rt_attach(place->rt);
    (void)rt_behavior_register(place->rt, RT_GROUP_REMOTE,
                               etf_atom("sim_actor"), &actors_remote, play,
                               NULL);
    (void)rt_behavior_register(place->rt, ACTORS_GROUP, etf_atom("sim_play"),
                               &group_tag, play, NULL);
    if (gen_pg_start(place->at, actors_scope(), &place->scope) != AGNER_OK)
        oracle_fail(play, "I18", "a scope of groups does not start");
    rt_reset(place->at);
    if (play->has_kernel && agner_kernel_start(place->at, NULL) != AGNER_OK)
        oracle_fail(play, "I18", "the kernel does not start");
    actors_apps_start(play, place);
    for (i = 0; i < TREES_MAX; i++)
        if (play->trees[i].there && !play->trees[i].up &&
            &play->places[play->trees[i].node] == place)
            actors_tree_start(&play->trees[i]);
    for (i = 0; i < ACTORS_MAX; i++) {
        const struct actor *actor = &play->actors[i];
        struct life *life = NULL;

        if (actor->there && (actor->flags & ACTOR_LATE) == 0 &&
            &play->places[actor->node] == place && place->epoch == 1)
            life = actors_conceive(play, i);
        if (life != NULL)
            (void)actors_start(life, place->at, false, false, NULL);
    }
}

void actors_node_stop(struct play *play, struct place *place)
{
    uint64_t began_ns = sim_now_ns(play->sim), held_ns, took_ns;

    if (place->rt == NULL)
        return;
    held_ns = sim_machine_held_ns(place->machine);
    actors_apps_stop(play, place);
    place->stopping = true;
    rt_detach(place->at);
    place->at = NULL;
    if (place->node != NULL)
        node_stop(place->node, GRACE_MS);
    else
        rt_free(place->rt, GRACE_MS);
    place->node = NULL;
    place->rt = NULL;
    place->stopping = false;
    took_ns = sim_now_ns(play->sim) - began_ns;
    held_ns = sim_machine_held_ns(place->machine) - held_ns;
    oracle_i17_stopped_in_time(
        play, (took_ns > held_ns ? took_ns - held_ns : 0) / 1000000);
}

/* Gives back what it had: what is said of it then is not heard. */
static void bury(void *ctx)
{
    const struct place *place = ctx;

    rt_detach(place->at);
    if (place->node != NULL)
        node_stop(place->node, 0);
    else
        rt_free(place->rt, 0);
}

void actors_node_crash(struct play *play, struct place *place,
                       enum sim_crash_kind how)
{
    struct place dead = *place;

    (void)play;
    if (place->rt == NULL)
        return;
    sim_crash(dead.machine, how);
    place->machine = NULL;
    place->node = NULL;
    place->rt = NULL;
    place->at = NULL;
    sim_bury(dead.machine, bury, &dead);
}

void actors_recover(struct place *place)
{
    if (place->machine == NULL)
        return;
    sim_pause(place->machine, 0);
    sim_slow(place->machine, 1);
    sim_clock(place->machine, 0);
    sim_descriptors(place->machine, false);
}

/* ---- Faults ------------------------------------------------------------- */

static struct place *at(struct play *play, int64_t n)
{
    return &play->places[(uint64_t)n % play->node_count];
}

static void partition(struct play *play, const int64_t *n)
{
    if (at(play, n[0]) != at(play, n[1]))
        (void)sim_partition(play->sim, at(play, n[0])->host,
                            at(play, n[1])->host);
}

static void partition_one_way(struct play *play, const int64_t *n)
{
    if (at(play, n[0]) != at(play, n[1]))
        (void)sim_partition_from(play->sim, at(play, n[0])->host,
                                 at(play, n[1])->host);
}

static void heal(struct play *play, const int64_t *n)
{
    (void)n;
    sim_heal_all(play->sim);
}

static void reset(struct play *play, const int64_t *n)
{
    (void)sim_reset(play->sim, at(play, n[0])->host, at(play, n[1])->host);
}

static void reset_half(struct play *play, const int64_t *n)
{
    (void)sim_reset_half(play->sim, at(play, n[0])->host, at(play, n[1])->host);
}

static void stall(struct play *play, const int64_t *n)
{
    (void)sim_clog(play->sim, at(play, n[0])->host, at(play, n[1])->host,
                   (uint64_t)n[2]);
}

static void wall_jump(struct play *play, const int64_t *n)
{
    if (at(play, n[0])->machine != NULL)
        sim_machine_wall_jump(at(play, n[0])->machine,
                              (n[1] % 2 == 0 ? 1 : -1) * n[2] * 1000);
}

static void swizzle(struct play *play, const int64_t *n)
{
    (void)sim_swizzle(play->sim, (uint64_t)n[2]);
}

static void split(struct play *play, const int64_t *n)
{
    (void)n;
    (void)sim_split(play->sim);
}

static void half_close(struct play *play, const int64_t *n)
{
    (void)sim_half_close(play->sim, at(play, n[0])->host, at(play, n[1])->host);
}

/* ---- Machines ----------------------------------------------------------- */

static void stop_for_a_while(struct play *play, const int64_t *n)
{
    if (at(play, n[0])->machine != NULL)
        sim_pause(at(play, n[0])->machine, (uint64_t)n[2]);
}

/* Up to a millisecond a step. */
static void slow(struct play *play, const int64_t *n)
{
    if (at(play, n[0])->machine != NULL)
        sim_slow(at(play, n[0])->machine, 1 + (uint32_t)(n[2] % 1000));
}

/* Up to 1 % either way. */
static void clock_rate(struct play *play, const int64_t *n)
{
    int32_t rate_ppm = (int32_t)(n[2] * 5 / 4 % 10001);

    if (at(play, n[0])->machine != NULL)
        sim_clock(at(play, n[0])->machine,
                  n[1] % 2 == 0 ? rate_ppm : -rate_ppm);
}

static void descriptors(struct play *play, const int64_t *n)
{
    if (at(play, n[0])->machine != NULL)
        sim_descriptors(at(play, n[0])->machine, true);
}

static void recover(struct play *play, const int64_t *n)
{
    actors_recover(at(play, n[0]));
}

/* The power fails for odd second numbers. */
static void crash(struct play *play, const int64_t *n)
{
    if (play->node_count > 1)
        actors_node_crash(play, at(play, n[0]),
                          n[1] % 2 == 0 ? SIM_RESET : SIM_SILENT);
}

static void crash_and_return(struct play *play, const int64_t *n)
{
    crash(play, n);
    actors_node_start(play, at(play, n[0]));
}

static void stop(struct play *play, const int64_t *n)
{
    if (play->node_count > 1)
        actors_node_stop(play, at(play, n[0]));
}

static void restart(struct play *play, const int64_t *n)
{
    if (play->node_count == 1)
        return;
    actors_node_stop(play, at(play, n[0]));
    actors_node_start(play, at(play, n[0]));
}

const struct fault_row actors_faults[] = {
    { "heal", heal },
    { "partition", partition },
    { "partition_one_way", partition_one_way },
    { "reset", reset },
    { "reset_half", reset_half },
    { "clog", stall },
    { "wall_jump", wall_jump },
    { "swizzle", swizzle },
    { "split", split },
    { "half_close", half_close },
    { "pause", stop_for_a_while },
    { "slow", slow },
    { "clock", clock_rate },
    { "descriptors", descriptors },
    { "recover", recover },
    { "crash", crash },
    { "crash_and_return", crash_and_return },
    { "stop", stop },
    { "restart", restart },
};

const unsigned actors_fault_count =
    sizeof actors_faults / sizeof actors_faults[0];

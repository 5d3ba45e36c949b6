/*
 * world.c -- the world of a machine: its runtimes, its clock, randomness.
 *
 * There are no threads, and nobody sleeps: who waits drives the simulation.
 */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Runtimes ---------------------------------------------------------------
 */

static struct runtime *of_run(struct source *source)
{
    return (struct runtime *)((char *)source - offsetof(struct runtime, run));
}

static struct runtime *of_expire(struct source *source)
{
    return (struct runtime *)((char *)source -
                              offsetof(struct runtime, expire));
}

static size_t runnable(struct source *source)
{
    const struct rt_entity *entity = of_run(source)->entity;

    return entity->runnable(entity->ctx);
}

static uint64_t never(struct source *source)
{
    (void)source;
    return RT_NEVER;
}

static void run_process(struct source *source, size_t index)
{
    const struct rt_entity *entity = of_run(source)->entity;

    entity->step(entity->ctx, index);
}

static uint64_t identify_process(struct source *source, size_t index)
{
    const struct rt_entity *entity = of_run(source)->entity;

    return entity->identity == NULL ? index
                                    : entity->identity(entity->ctx, index);
}

static uint64_t next_expiry(struct source *source)
{
    const struct rt_entity *entity = of_expire(source)->entity;

    return sim__when_ns(source->machine, entity->deadline_ns(entity->ctx));
}

static size_t has_expired(struct source *source)
{
    return next_expiry(source) <= source->machine->sim->now_ns;
}

static void run_expiry(struct source *source, size_t index)
{
    const struct rt_entity *entity = of_expire(source)->entity;

    (void)index;
    entity->expire(entity->ctx);
}

/* There is no way to refuse, and no test has so many: say it and end. */
static void enter(void *ctx, struct rt_entity *entity)
{
    struct sim_machine *machine = ctx;
    struct sim *sim = machine->sim;
    struct runtime *place = sim->runtimes;

    while (place < sim->runtimes + SIM_RUNTIMES_MAX && place->entity != NULL)
        place++;
    if (place == sim->runtimes + SIM_RUNTIMES_MAX) {
        fputs("agner-sim: more than SIM_RUNTIMES_MAX runtimes\n", stderr);
        abort();
    }
    place->entity = entity;
    place->run = (struct source){ .kind = "run",
                                  .ready = runnable,
                                  .when = never,
                                  .run = run_process,
                                  .identity = identify_process };
    place->expire = (struct source){ .kind = "expire",
                                     .ready = has_expired,
                                     .when = next_expiry,
                                     .run = run_expiry };
    sim__source_add(machine, &place->run);
    sim__source_add(machine, &place->expire);
}

static void leave(void *ctx, struct rt_entity *entity)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    size_t i;

    for (i = 0; i < SIM_RUNTIMES_MAX; i++) {
        struct runtime *place = &sim->runtimes[i];

        if (place->entity != entity)
            continue;
        sim__source_remove(&place->run);
        sim__source_remove(&place->expire);
        place->entity = NULL;
    }
}

/* ---- Waiting, clock, randomness, threads -------------------------------- */

static void wait_on(void *ctx, _Atomic uint32_t *word, uint32_t seen,
                    uint64_t deadline_ns)
{
    const struct sim_machine *machine = ctx;

    while (atomic_load_explicit(word, memory_order_relaxed) == seen &&
           sim__local_ns(machine) < deadline_ns)
        if (!sim__step(machine->sim, sim__when_ns(machine, deadline_ns)))
            return;
}

/* Nobody sleeps: who waits drives, and looks at its word after each step. */
static void wake(void *ctx, _Atomic uint32_t *word, uint32_t count)
{
    (void)ctx;
    (void)word;
    (void)count;
}

static uint64_t now_ns(void *ctx)
{
    return sim__local_ns(ctx);
}

static uint64_t wall_ns(void *ctx)
{
    const struct sim_machine *machine = ctx;
    const struct sim *sim = machine->sim;

    return sim->options.wall_ns + sim__local_ns(machine) +
           (uint64_t)(sim->wall_offset_ns + machine->wall_offset_ns);
}

static void fill_random(void *ctx, void *bytes, size_t size)
{
    struct sim *sim = ((struct sim_machine *)ctx)->sim;
    uint8_t *next = bytes;
    size_t i;

    for (i = 0; i < size; i++)
        next[i] = (uint8_t)(sim__next(&sim->program_random) >> 56);
}

static void memory(void *ctx, uint64_t *used, uint64_t *room)
{
    const struct sim_machine *machine = ctx;

    *used = machine->memory_used;
    *room = machine->memory_room;
}

static enum agner_err no_thread(void *ctx, const char *name,
                                void (*run)(void *arg), void *arg,
                                struct rt_thread **out)
{
    (void)ctx;
    (void)name;
    (void)run;
    (void)arg;
    (void)out;
    return AGNER_ENOTSUP;
}

static void no_join(void *ctx, struct rt_thread *thread)
{
    (void)ctx;
    (void)thread;
}

static uint64_t no_thread_id(void *ctx, struct rt_thread *thread)
{
    (void)ctx;
    (void)thread;
    return 0;
}

void sim__world_init(struct sim_machine *machine)
{
    machine->world = (struct rt_world){
        .ctx = machine,
        .simulated = true,
        .now_ns = now_ns,
        .wall_ns = wall_ns,
        .random = fill_random,
        .thread_start = no_thread,
        .thread_join = no_join,
        .thread_id = no_thread_id,
        .wait = wait_on,
        .wake = wake,
        .enter = enter,
        .leave = leave,
        .file_read = sim__file_read,
        .output_open = sim__output_open,
        .output_write = sim__output_write,
        .output_close = sim__output_close,
        .file_rename = sim__file_rename,
        .file_map = sim__file_map,
        .file_unmap = sim__file_unmap,
        .private_read = sim__private_read,
        .private_write = sim__private_write,
        .private_folder = sim__private_folder,
        .private_lock = sim__private_lock,
        .private_unlock = sim__private_unlock,
        .memory = memory,
        .net = &sim__net,
    };
}

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

void sim__source_add(struct sim *sim, struct source *source)
{
    source->number = ++sim->numbers;
    source->next = NULL;
    source->count = 0;
    source->since = 0;
    source->link = sim->sources_end;
    *sim->sources_end = source;
    sim->sources_end = &source->next;
}

void sim__source_remove(struct sim *sim, struct source *source)
{
    if (source->link == NULL)
        return;
    *source->link = source->next;
    if (source->next != NULL)
        source->next->link = source->link;
    else
        sim->sources_end = source->link;
    source->link = NULL;
}

uint64_t sim__identity(struct source *source, size_t index)
{
    return source->identity == NULL ? index : source->identity(source, index);
}

/* ---- Runtimes ----------------------------------------------------------- */

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

    return entity->deadline_ns(entity->ctx);
}

static size_t has_expired(struct source *source)
{
    return next_expiry(source) <= of_expire(source)->sim->now_ns;
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
    struct sim *sim = ctx;
    struct runtime *place = sim->runtimes;

    while (place < sim->runtimes + SIM_RUNTIMES_MAX && place->entity != NULL)
        place++;
    if (place == sim->runtimes + SIM_RUNTIMES_MAX) {
        fputs("agner-sim: more than SIM_RUNTIMES_MAX runtimes\n", stderr);
        abort();
    }
    place->sim = sim;
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
    sim__source_add(sim, &place->run);
    sim__source_add(sim, &place->expire);
}

static void leave(void *ctx, struct rt_entity *entity)
{
    struct sim *sim = ctx;
    size_t i;

    for (i = 0; i < SIM_RUNTIMES_MAX; i++) {
        struct runtime *place = &sim->runtimes[i];

        if (place->entity != entity)
            continue;
        sim__source_remove(sim, &place->run);
        sim__source_remove(sim, &place->expire);
        place->entity = NULL;
    }
}

/* ---- Steps -------------------------------------------------------------- */

static size_t count_choices(struct sim *sim)
{
    struct source *source;
    size_t total = 0;

    for (source = sim->sources; source != NULL; source = source->next) {
        size_t count = source->ready(source);

        if (count > source->count)
            source->since = sim->steps;
        source->count = count;
        total += count;
    }
    return total;
}

static uint64_t next_time(struct sim *sim)
{
    struct source *source;
    uint64_t next_ns = RT_NEVER;

    for (source = sim->sources; source != NULL; source = source->next) {
        uint64_t when_ns = source->when(source);

        if (when_ns < next_ns)
            next_ns = when_ns;
    }
    return next_ns;
}

static bool is_used_up(const struct sim *sim)
{
    return sim->options.steps_max != 0 && sim->steps >= sim->options.steps_max;
}

static void take_step(struct sim *sim, size_t total)
{
    size_t index = 0;
    struct source *source = sim__pick(sim, total, &index);

    sim__event(sim, source->kind, source->number, index);
    sim->steps++;
    sim->stepping = true;
    source->run(source, index); /* `source` may be gone now */
    sim->stepping = false;
    sim->now_ns += sim->options.step_ns;
    if (sim__fault(sim, sim->options.stall_ppm))
        sim->now_ns += 1000000 * sim_draw(sim, sim->options.stall_ms + 1);
}

/* A step, if one can be taken by `until_ns`; time goes no further than that
 * without one. False: none. */
static bool step(struct sim *sim, uint64_t until_ns)
{
    size_t total;

    assert(!sim->stepping);
    if (sim->stepping || is_used_up(sim))
        return false;
    total = count_choices(sim);
    if (total == 0) {
        uint64_t next_ns = next_time(sim);

        if (next_ns == RT_NEVER || next_ns > until_ns) {
            if (until_ns != RT_NEVER && until_ns > sim->now_ns)
                sim->now_ns = until_ns;
            return false;
        }
        if (next_ns > sim->now_ns)
            sim->now_ns = next_ns;
        total = count_choices(sim);
        assert(total > 0); /* who named that time is ready then */
    }
    if (total > 0)
        take_step(sim, total);
    return total > 0;
}

bool sim_step(struct sim *sim)
{
    return step(sim, RT_NEVER);
}

bool sim_run(struct sim *sim, uint64_t ms)
{
    uint64_t until_ns = loop_timer_after(sim->now_ns, ms);

    while (sim->now_ns < until_ns && step(sim, until_ns))
        ;
    return !is_used_up(sim);
}

bool sim_run_until(struct sim *sim, bool (*done)(void *ctx), void *ctx,
                   uint64_t ms_max)
{
    uint64_t until_ns = loop_timer_after(sim->now_ns, ms_max);

    while (!done(ctx))
        if (sim->now_ns >= until_ns || !step(sim, until_ns))
            return done(ctx);
    return true;
}

static void wait_on(void *ctx, _Atomic uint32_t *word, uint32_t seen,
                    uint64_t deadline_ns)
{
    struct sim *sim = ctx;

    while (atomic_load_explicit(word, memory_order_relaxed) == seen &&
           sim->now_ns < deadline_ns)
        if (!step(sim, deadline_ns))
            return;
}

/* Nobody sleeps: who waits drives, and looks at its word after each step. */
static void wake(void *ctx, _Atomic uint32_t *word, uint32_t count)
{
    (void)ctx;
    (void)word;
    (void)count;
}

/* ---- Clock, randomness, threads ----------------------------------------- */

static uint64_t now_ns(void *ctx)
{
    return ((const struct sim *)ctx)->now_ns;
}

static uint64_t wall_ns(void *ctx)
{
    const struct sim *sim = ctx;

    return sim->options.wall_ns + sim->now_ns + (uint64_t)sim->wall_offset_ns;
}

static void fill_random(void *ctx, void *bytes, size_t size)
{
    struct sim *sim = ctx;
    uint8_t *next = bytes;
    size_t i;

    for (i = 0; i < size; i++)
        next[i] = (uint8_t)(sim__next(&sim->program_random) >> 56);
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
}

const struct rt_world *sim_world(struct sim *sim)
{
    return &sim->world;
}

/* ---- Wishes: sim_after() ------------------------------------------------ */

struct wish {
    struct source source;
    struct sim *sim;
    struct wish *next, **link;
    uint64_t at_ns;
    void (*run)(void *ctx);
    void *ctx; /* borrowed: the caller's */
};

static void drop_wish(struct wish *wish)
{
    sim__source_remove(wish->sim, &wish->source);
    *wish->link = wish->next;
    if (wish->next != NULL)
        wish->next->link = wish->link;
    free(wish);
}

static uint64_t when_wished(struct source *source)
{
    return ((struct wish *)source)->at_ns;
}

static size_t is_due(struct source *source)
{
    const struct wish *wish = (struct wish *)source;

    return wish->at_ns <= wish->sim->now_ns;
}

static void fulfil(struct source *source, size_t index)
{
    struct wish *wish = (struct wish *)source;
    void (*run)(void *ctx) = wish->run;
    void *ctx = wish->ctx;

    (void)index;
    drop_wish(wish);
    run(ctx);
}

enum agner_err sim_after(struct sim *sim, uint64_t ms, void (*run)(void *ctx),
                         void *ctx)
{
    struct wish *wish = calloc(1, sizeof *wish);

    if (wish == NULL)
        return AGNER_ENOMEM;
    wish->source = (struct source){
        .kind = "after", .ready = is_due, .when = when_wished, .run = fulfil
    };
    wish->sim = sim;
    wish->at_ns = loop_timer_after(sim->now_ns, ms);
    wish->run = run;
    wish->ctx = ctx;
    wish->next = sim->wishes;
    wish->link = &sim->wishes;
    if (sim->wishes != NULL)
        sim->wishes->link = &wish->next;
    sim->wishes = wish;
    sim__source_add(sim, &wish->source);
    return AGNER_OK;
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
    if (options->wall_ns == 0)
        options->wall_ns = WALL_2026_NS;
}

struct sim *sim_new(uint64_t seed, const struct sim_options *options)
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
    sim__chooser_init(sim);
    sim->world = (struct rt_world){
        .ctx = sim,
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
        .net = &sim__net,
    };
    return sim;
}

void sim_free(struct sim *sim)
{
    while (sim->wishes != NULL)
        drop_wish(sim->wishes);
    while (sim->loops != NULL)
        sim__loop_drop(sim->loops);
    sim__hosts_free(sim);
    sim__files_free(sim);
    free(sim);
}

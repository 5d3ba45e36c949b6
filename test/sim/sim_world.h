/*
 * sim_world.h -- the inside of a simulation: sources of steps.
 *
 * Private to test/sim/. Whatever can take a step is a source: the processes of
 * a runtime, its timers, a loop's tasks and timers, each direction of a
 * connection, something that was asked for with sim_after(). Sources are
 * numbered as they are made, and kept in that order; no choice depends on an
 * address.
 *
 * A source may free itself in its own run(), and others: step() touches none
 * after the one that it ran.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <agner/sim.h>

#include "loop_timer.h"
#include "rt_world.h"

#define TRACE_EVENTS 256u
#define TRACE_TEXT   40u

struct source {
    struct source *next, **link; /* `link` NULL: not in the simulation */
    uint64_t number;
    const char *kind; /* static */
    /* How many choices there are now, and when there will be some if there are
     * none (RT_NEVER: something else must happen first). */
    size_t (*ready)(struct source *source);
    uint64_t (*when)(struct source *source);
    void (*run)(struct source *source, size_t index);
    /* NULL: the index says who it is. */
    uint64_t (*identity)(struct source *source, size_t index);
    size_t count;   /* what ready() said in this step */
    uint64_t since; /* the step at which it had more choices than before */
};

/* A runtime: two sources. */
struct runtime {
    struct sim *sim;
    struct rt_entity *entity; /* borrowed; NULL: the place is free */
    struct source run, expire;
};

struct event {
    uint64_t now_ns, step, number, value;
    char text[TRACE_TEXT];
};

/* Who was made the lowest, and how low: SIM_PICK_PRIORITY. */
struct demoted {
    uint64_t number, identity;
};

struct chooser {
    uint64_t salt;                             /* of the priorities */
    uint64_t change_at[SIM_CHANGE_POINTS_MAX]; /* steps, in order */
    unsigned changed;
    struct demoted demoted[SIM_CHANGE_POINTS_MAX];
    struct demoted victim; /* SIM_PICK_STARVE */
    uint64_t victim_until; /* the step at which another one is drawn */
    uint64_t last;         /* SIM_PICK_ROUND_ROBIN: whose turn it was */
};

struct file;
struct host;
struct wish;
struct rule;

struct sim {
    struct rt_world world;
    struct sim_options options; /* with the defaults filled in */
    uint64_t seed;
    uint64_t now_ns;
    int64_t wall_offset_ns;
    uint64_t steps;
    uint64_t program_random, world_random; /* the two streams */
    bool stepping;
    bool faults;
    struct source *sources, **sources_end;
    uint64_t numbers; /* given to sources so far */
    struct runtime runtimes[SIM_RUNTIMES_MAX];
    struct chooser chooser;
    struct rt_loop *loops;
    uint16_t next_port;
    struct file *files;
    struct host *hosts;
    struct wish *wishes;
    struct rule *rules;
    uint64_t hash;
    struct event events[TRACE_EVENTS];
    uint64_t event_count;
};

/* ---- draw.c ----------------------------------------------------------------
 */

uint64_t sim__mix(uint64_t x);
uint64_t sim__next(uint64_t *stream);
/* True with a chance of `ppm` in a million. Draws nothing for 0. */
bool sim__chance(struct sim *sim, uint32_t ppm);
/* Like that, while faults are on. */
bool sim__fault(struct sim *sim, uint32_t ppm);
/* Exponential with that mean, nearly. */
uint64_t sim__exponential(struct sim *sim, uint64_t mean);

/* ---- pick.c -----------------------------------------------------------------
 */

void sim__chooser_init(struct sim *sim);
/* One of the `total` > 0 choices; ready() was asked of each source. */
struct source *sim__pick(struct sim *sim, size_t total, size_t *index);

/* ---- sim.c -------------------------------------------------------------- */

void sim__source_add(struct sim *sim, struct source *source);
void sim__source_remove(struct sim *sim, struct source *source);
uint64_t sim__identity(struct source *source, size_t index);

/* ---- trace.c ------------------------------------------------------------ */

void sim__event(struct sim *sim, const char *text, uint64_t number,
                uint64_t value);
uint64_t sim__hash_bytes(const uint8_t *bytes, size_t size);

/* ---- files.c ------------------------------------------------------------ */

enum agner_err sim__file_read(void *ctx, const char *path, size_t bytes_max,
                              struct etf_buffer *b, struct agner_error *error);
void sim__files_free(struct sim *sim);
enum agner_err sim__output_open(void *ctx, enum rt_output_kind kind,
                                const char *path, struct rt_output **output,
                                struct rt_output_info *info,
                                struct agner_error *error);
enum agner_err sim__output_write(void *ctx, struct rt_output *output,
                                 const void *bytes, size_t size,
                                 uint64_t wait_ms, size_t *written,
                                 struct agner_error *error);
void sim__output_close(void *ctx, struct rt_output *output);
enum agner_err sim__file_rename(void *ctx, const char *from, const char *to,
                                struct agner_error *error);

#endif

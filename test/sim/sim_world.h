/*
 * sim_world.h -- the inside of a simulation: machines, and sources of steps.
 *
 * Private to test/sim/. Whatever can take a step is a source: the processes of
 * a runtime, its timers, a loop's tasks and timers, each direction of a
 * connection, something that was asked for with sim_after(). Each belongs to a
 * machine, and takes no step while that is held. Sources are numbered as they
 * are made, and kept in that order; no choice depends on an address.
 *
 * Two kinds of time: the simulation's, and what a machine's own clock makes of
 * it. Sources say `when` in the simulation's.
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
    struct sim_machine *machine; /* borrowed: as old as the simulation */
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

/* Where runtimes and loops are: machine.c. */
struct sim_machine {
    struct rt_world world; /* its ctx is this machine */
    struct sim *sim;
    struct sim_machine *next; /* the one made after it */
    char name[64];
    bool crashed, buried;
    bool descriptors_out;
    uint64_t paused_ns; /* no step before then; RT_NEVER: none ever */
    uint64_t busy_ns;   /* nor before then: it is slow */
    uint32_t slow;      /* a step takes so many times as long */
    uint64_t
        held_total_ns; /* how long it could not go on so far, to those ends */
    /* Its clock said local_ns at base_ns, and has gone at that rate since. */
    uint64_t base_ns, local_ns;
    int32_t rate_ppm;
    int64_t wall_offset_ns;
    uint64_t clog_until_ns; /* of a swizzle: trouble.c */
    unsigned side;          /* of a random split */
    uint32_t ailment;       /* what the weather did to it, until then */
    uint64_t ailing_ns;
    uint64_t memory_used, memory_room; /* what its world->memory says */
    unsigned fail_in; /* the so manieth allocation fails; 0: none does */
    bool has_failed;
};

/* A runtime: two sources. */
struct runtime {
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
    uint64_t last;         /* whose turn it was */
    size_t before;         /* choices up to that one's, it included */
};

/* Where what is drawn is kept, number by number, in memory of the caller's.
 * More than `max` is too much: *count is SIZE_MAX then. */
struct tape_place {
    uint64_t *values;
    size_t max;
    size_t *count; /* without the zeros at the end */
};

/* What was drawn: tape.c. */
struct tape {
    size_t next; /* of the options' tape */
    uint64_t *values;
    size_t count, room;
    size_t used;             /* without the zeros at the end */
    bool broken;             /* there was no memory for more */
    struct tape_place place; /* values NULL: memory of our own */
};

struct file;
struct host;
struct wish;
struct rule;

/* Faults that the world draws by itself: weather.c. */
struct weather {
    struct source source;
    uint64_t next_ns;
    bool split;       /* there is a partition of its making */
    uint64_t heal_ns; /* ... until then */
};

struct sim {
    struct sim_machine first;   /* of sim_world(), without a name */
    struct sim_machine *apart;  /* being buried: nobody else takes steps */
    struct sim_options options; /* with the defaults filled in */
    struct tape tape;
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
    struct weather weather;
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

/* ---- tape.c ----------------------------------------------------------------
 */

uint64_t sim__mix(uint64_t x);
uint64_t sim__next(uint64_t *stream);
uint64_t sim__below(uint64_t *stream, uint64_t bound);
/* True with a chance of `ppm` in a million. Draws nothing for 0. */
bool sim__chance(struct sim *sim, uint32_t ppm);
/* Like that, while faults are on. */
bool sim__fault(struct sim *sim, uint32_t ppm);
/* Exponential with that mean, nearly. */
uint64_t sim__exponential(struct sim *sim, uint64_t mean);
void sim__tape_init(struct sim *sim, const struct tape_place *place);
void sim__tape_fini(struct sim *sim);

/* ---- pick.c -----------------------------------------------------------------
 */

void sim__chooser_init(struct sim *sim);
/* One of the `total` > 0 choices; ready() was asked of each source. */
struct source *sim__pick(struct sim *sim, size_t total, size_t *index);

/* ---- sim.c -------------------------------------------------------------- */

void sim__source_add(struct sim_machine *machine, struct source *source);
void sim__source_remove(struct source *source);
uint64_t sim__identity(struct source *source, size_t index);
/* A step, if one can be taken by `until_ns`; time goes no further than that
 * without one. False: none. */
bool sim__step(struct sim *sim, uint64_t until_ns);
/* sim_new() that keeps the tape in a place of its own; NULL: as options say. */
struct sim *sim__new(uint64_t seed, const struct sim_options *options,
                     const struct tape_place *place);

/* ---- machine.c ---------------------------------------------------------- */

void sim__machine_init(struct sim *sim, struct sim_machine *machine,
                       const char *name);
void sim__machines_free(struct sim *sim);
/* What its clock says, and when it will say so. */
uint64_t sim__local_ns(const struct sim_machine *machine);
uint64_t sim__when_ns(const struct sim_machine *machine, uint64_t local_ns);
/* When it may take steps again; what is past: it may now. */
static inline uint64_t sim__held_ns(const struct sim_machine *machine)
{
    return machine->paused_ns > machine->busy_ns ? machine->paused_ns
                                                 : machine->busy_ns;
}

/* ---- world.c ------------------------------------------------------------ */

void sim__world_init(struct sim_machine *machine);

/* ---- after.c ------------------------------------------------------------ */

void sim__wishes_free(struct sim *sim);

/* ---- weather.c ------------------------------------------------------------
 */

void sim__weather_init(struct sim *sim);
/* All that it did is over. */
void sim__weather_clear(struct sim *sim);

/* ---- memory.c --------------------------------------------------------------
 */

/* Whose step it is, for sim_allocation_fails(); NULL: nobody's. */
void sim__memory_of(struct sim_machine *machine);
/* realloc() for the simulation itself, which no machine's memory is out for. */
void *sim__memory_own(void *old, size_t size);

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
enum agner_err sim__file_map(void *ctx, const char *path, unsigned keep,
                             size_t size, struct rt_mapping **mapping,
                             uint8_t **bytes, struct agner_error *error);
void sim__file_unmap(void *ctx, struct rt_mapping *mapping);
enum agner_err sim__file_rename(void *ctx, const char *from, const char *to,
                                struct agner_error *error);
enum agner_err sim__private_read(void *ctx, const char *path, void *bytes,
                                 size_t room, size_t *size,
                                 struct agner_error *error);
enum agner_err sim__private_write(void *ctx, const char *path,
                                  const void *bytes, size_t size, bool fresh,
                                  struct agner_error *error);
enum agner_err sim__private_folder(void *ctx, const char *path, bool make,
                                   struct agner_error *error);
enum agner_err sim__private_lock(void *ctx, const char *folder, int *lock,
                                 struct agner_error *error);
void sim__private_unlock(void *ctx, int lock);

#endif

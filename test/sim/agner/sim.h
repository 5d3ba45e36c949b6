/*
 * sim.h -- a world in one thread: virtual time, drawn choices, a network in
 * memory.
 *
 *     struct sim *sim = sim_new(seed, NULL);
 *     struct rt_options options = { .world = sim_world(sim) };
 *
 *     rt_new(&options, &rt, NULL);
 *     ... spawn actors ...
 *     sim_run(sim, 60000); // a minute, in a moment
 *
 * One simulation serves any number of runtimes, and nodes, in one process. What
 * happens is a function of the seed, the options and the program alone: who
 * runs next, how long the network takes, where it cuts and breaks. The same
 * seed gives the same run, so a failure is a number; sim_trace_hash() tells
 * whether two runs were the same.
 *
 * Time. It stands at a few nanoseconds at first, goes on by about a microsecond
 * with each step, and jumps to the next deadline when nobody can run.
 *
 * Driving. Steps are taken by sim_run() and its like, and whenever a thread
 * that is attached to a simulated runtime waits (rt_attach). There are no
 * threads: one thread makes all calls that have to do with one simulation.
 * Nothing here may be called by code that a step runs, unless it says so.
 *
 * Hosts. Numeric addresses and "localhost" exist; other names after
 * sim_host_put(). Where a host is asked for below, `who` is the host or
 * "host:port" that somebody listens or has listened on, or the name that a loop
 * was given, and means everything on that loop; NULL is everybody.
 */
#ifndef AGNER_SIM_H
#define AGNER_SIM_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIM_CHANGE_POINTS_MAX 8u
#define SIM_RUNTIMES_MAX      64u /* at one time; one more ends the program */

struct sim;

/* Who runs next, of all that could: processes, timers, loops, connections. */
enum sim_pick {
    SIM_PICK_UNIFORM,
    /* Everybody has a drawn priority and the highest runs; at so many drawn
     * steps (`change_points`) whoever is running becomes the lowest. */
    SIM_PICK_PRIORITY,
    SIM_PICK_STARVE, /* one that is drawn runs only when nobody else can */
    SIM_PICK_LIFO,   /* who became runnable last */
    SIM_PICK_ROUND_ROBIN,
};

/* All zero is a good default: uniform choice, a quick network without faults.
 * Chances are per million (ppm). */
struct sim_options {
    enum sim_pick pick;
    unsigned change_points;  /* at most SIM_CHANGE_POINTS_MAX */
    uint64_t steps_expected; /* change points are below it; 0: 10,000 */
    uint64_t step_ns;        /* 0: 1000 */
    uint64_t steps_max;      /* then nothing runs any more; 0: no limit */
    uint32_t stall_ppm;      /* a step that takes up to stall_ms instead */
    uint64_t stall_ms;       /* 0: 10 */

    uint64_t delay_min_us;  /* of each chunk of bytes; 0: 20 */
    uint64_t delay_mean_us; /* on top, exponential; 0: 100 */
    uint64_t bandwidth;     /* bytes a second, each way; 0: no limit */
    uint32_t window;        /* bytes between writer and reader; 0: 65536 */
    uint32_t cut_ppm;       /* a write, or a read, is cut anywhere */

    /* Faults of TCP connections; sim_faults() turns them all off. */
    uint32_t refuse_ppm;      /* a dial is refused */
    uint32_t silent_dial_ppm; /* a dial is never answered */
    uint32_t reset_ppm;       /* a chunk is followed by a reset */
    uint32_t half_open_ppm;   /* ...which only one end hears of */
    uint32_t clog_ppm;        /* after a chunk nothing moves for a while */
    uint64_t clog_ms;         /* ...up to that; 0: 1000 */
    uint32_t flip_ppm;        /* a bit of a chunk is flipped */
    uint32_t datagram_ppm;    /* a datagram is lost, or comes twice */

    uint32_t file_error_ppm; /* reading or writing one is AGNER_ESYSTEM */
    uint64_t wall_ns;        /* the wall clock at first; 0: 2026-01-01 */
    int64_t uid;             /* who is at the other end of UNIX sockets */
};

/* A simulation, or NULL: no memory. `options` may be NULL. */
AGNER_API struct sim *sim_new(uint64_t seed, const struct sim_options *options);

/* Ends it. What still runs in it is dropped without being told, so runtimes and
 * nodes end before, unless they count as crashed. */
AGNER_API void sim_free(struct sim *sim);

/* Options drawn from `seed`: which faults there are at all, how strong, and who
 * runs next, so that many seeds try many mixes. */
AGNER_API void sim_profile(uint64_t seed, struct sim_options *options);

/* For rt_options.world. Lives as long as the simulation. */
AGNER_API const struct rt_world *sim_world(struct sim *sim);

/* ---- Driving ---------------------------------------------------------------
 */

/* One step; time jumps if need be. false: nothing will ever happen again, or
 * steps_max are used up. */
AGNER_API bool sim_step(struct sim *sim);

/* So many milliseconds of virtual time, also if nothing happens. false:
 * steps_max are used up. */
AGNER_API bool sim_run(struct sim *sim, uint64_t ms);

/* Until done(ctx), which is asked after each step, for at most `ms_max` of
 * virtual time (RT_INFINITY: until nothing will ever happen again). Is it done?
 */
AGNER_API bool sim_run_until(struct sim *sim, bool (*done)(void *ctx),
                             void *ctx, uint64_t ms_max);

AGNER_API uint64_t sim_now_ns(const struct sim *sim); /* in a step too */
AGNER_API uint64_t sim_steps(const struct sim *sim);  /* in a step too */

/* Calls run(ctx) as a step, in `ms`: faults and checks at a time. AGNER_ENOMEM.
 */
AGNER_API enum agner_err sim_after(struct sim *sim, uint64_t ms,
                                   void (*run)(void *ctx), void *ctx);

/* A number below `bound` (not 0) from the world's choices. In a step too. */
AGNER_API uint64_t sim_draw(struct sim *sim, uint64_t bound);

/* ---- The network's faults: at once, in a step too ----------------------- */

/* Nothing gets from a to b, nor back, until it is healed. Connections stay, and
 * what is in them waits; dials wait for their time-outs. AGNER_ENOMEM. */
AGNER_API enum agner_err sim_partition(struct sim *sim, const char *a,
                                       const char *b);
/* One direction only. AGNER_ENOMEM. */
AGNER_API enum agner_err sim_partition_from(struct sim *sim, const char *from,
                                            const char *to);
/* Takes back what was said of just these two, or everything. */
AGNER_API void sim_heal(struct sim *sim, const char *a, const char *b);
AGNER_API void sim_heal_all(struct sim *sim);

/* Resets each connection between them: both ends hear of it, or only a's end,
 * and b's hears nothing any more. How many. */
AGNER_API size_t sim_reset(struct sim *sim, const char *a, const char *b);
AGNER_API size_t sim_reset_half(struct sim *sim, const char *a, const char *b);

/* Nothing moves between them for so long. How many connections. */
AGNER_API size_t sim_clog(struct sim *sim, const char *a, const char *b,
                          uint64_t ms);

/* The drawn faults of the options, on or off: on at first. */
AGNER_API void sim_faults(struct sim *sim, bool on);

/* ---- Clock, names, files ------------------------------------------------ */

AGNER_API void sim_wall_jump(struct sim *sim, int64_t ms);

/* `name` stands for `address`, a number, and for nothing else; NULL: it is
 * unknown. AGNER_ENOMEM. */
AGNER_API enum agner_err sim_host_put(struct sim *sim, const char *name,
                                      const char *address);
/* ... and for this one too: the first is what connections go to. AGNER_ENOMEM.
 */
AGNER_API enum agner_err sim_host_add(struct sim *sim, const char *name,
                                      const char *address);

/* A file that the world's file_read finds: a copy of `bytes`; NULL: none.
 * AGNER_ENOMEM. What is logged to a file goes to such a one too. */
AGNER_API enum agner_err sim_file_put(struct sim *sim, const char *path,
                                      const void *bytes, size_t size);

/* ---- The trace ---------------------------------------------------------- */

/* Of everything that happened: steps, times, bytes. Equal for equal runs. */
AGNER_API uint64_t sim_trace_hash(const struct sim *sim);

/* Adds the program's own event to the trace; `text` is copied. In a step too.
 */
AGNER_API void sim_trace(struct sim *sim, const char *text);

/* The last events, oldest first, as lines of text. In a step too. */
AGNER_API void sim_trace_tail(const struct sim *sim,
                              void (*line)(void *ctx, const char *text),
                              void *ctx);

#ifdef __cplusplus
}
#endif

#endif

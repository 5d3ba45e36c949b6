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
struct sim_machine;

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

/* Faults that the world draws by itself, each for a while: bits of
 * sim_options.weather. They befall machines, and what is between them. */
enum sim_weather {
    SIM_WEATHER_PAUSE = 1 << 0,
    SIM_WEATHER_SLOW = 1 << 1,
    SIM_WEATHER_CLOCK = 1 << 2, /* up to 1 % too fast or too slow */
    SIM_WEATHER_WALL = 1 << 3,  /* the wall clock jumps */
    SIM_WEATHER_DESCRIPTORS = 1 << 4,
    SIM_WEATHER_MEMORY = 1 << 5, /* see sim_memory() */
    SIM_WEATHER_CLOG = 1 << 6,
    SIM_WEATHER_RESET = 1 << 7,
    SIM_WEATHER_HALF_OPEN = 1 << 8,
    SIM_WEATHER_HALF_CLOSE = 1 << 9,
    SIM_WEATHER_SWIZZLE = 1 << 10,
    SIM_WEATHER_SPLIT = 1 << 11,
};
#define SIM_WEATHER_ALL ((1u << 12) - 1)

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
    uint32_t half_close_ppm;  /* ...by the end of what comes from there */
    uint32_t clog_ppm;        /* after a chunk nothing moves for a while */
    uint64_t clog_ms;         /* ...up to that; 0: 1000 */
    uint32_t flip_ppm;        /* a bit of a chunk is flipped */
    uint32_t datagram_ppm;    /* a datagram is lost, or comes twice */

    uint32_t descriptor_ppm; /* a dial, or an accept, has no descriptor */
    uint32_t name_error_ppm; /* looking up a host's name is an error */
    uint32_t name_stale_ppm; /* ...says what it stood for before */
    uint32_t weather;        /* enum sim_weather, or-ed: those are drawn */
    uint64_t weather_ms;     /* the mean time to the next; 0: 5000 */
    uint64_t weather_for_ms; /* how long one lasts at most; 0: 2000 */

    uint32_t file_error_ppm; /* reading or writing one is AGNER_ESYSTEM */
    uint64_t wall_ns;        /* the wall clock at first; 0: 2026-01-01 */
    int64_t uid;             /* who is at the other end of UNIX sockets */

    /* The tape: see sim_tape(). Borrowed for the life of the simulation. */
    const uint64_t *tape; /* NULL: it comes from the seed */
    size_t tape_count;
    bool record;
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

/*
 * All of the world's choices come from one tape of numbers, which the seed
 * expands to, or which options.tape gives: then a number that is not below its
 * bound is taken modulo that, and behind the end there are zeros. 0 is the
 * plainest choice everywhere, so who draws keeps to that.
 *
 *   count  numbers there are; the zeros at the end are left out
 *
 * Returns what was drawn so far, borrowed until the next step, or NULL:
 * options.record was not set, or there was no memory for it. What the program
 * draws (references, creations: world->random) is not on it, and comes from the
 * seed always.
 */
AGNER_API const uint64_t *sim_tape(const struct sim *sim, size_t *count);

/* ---- Machines ---------------------------------------------------------------
 *
 * A node, or a runtime, on a machine of its own can be paused, or crash, and
 * has its own clock. What is started with sim_world() is on one without a name
 * that nothing happens to. In a step too, but not in one of that machine,
 * unless it says otherwise.
 */

/* A new one; `name` (up to 63 bytes) is one more `who`. After a crash another
 * one may have the same name, and stands for it from then on. NULL: no memory.
 * Lives as long as the simulation. */
AGNER_API struct sim_machine *sim_machine(struct sim *sim, const char *name);
/* The living one of that name, or NULL. */
AGNER_API struct sim_machine *sim_machine_find(struct sim *sim,
                                               const char *name);
/* For rt_options.world: all that is made with it is on that machine. */
AGNER_API const struct rt_world *sim_machine_world(struct sim_machine *machine);

/* It takes no step for so long, while its clock goes on, and the network too,
 * as far as there is room: as after SIGSTOP. 0: it goes on now. */
AGNER_API void sim_pause(struct sim_machine *machine, uint64_t ms);
/* Each of its steps takes so many times as long. 1: as usual. */
AGNER_API void sim_slow(struct sim_machine *machine, uint32_t times);
/* How long it has taken no step for these two reasons, in the simulation's
 * time, so far: what a deadline has to allow for. */
AGNER_API uint64_t sim_machine_held_ns(const struct sim_machine *machine);
/* Its clocks go so much faster from now on: at most 100,000 ppm either way. */
AGNER_API void sim_clock(struct sim_machine *machine, int32_t rate_ppm);
AGNER_API void sim_machine_wall_jump(struct sim_machine *machine, int64_t ms);
/* What its clocks say; in any step. */
AGNER_API uint64_t sim_machine_now_ns(const struct sim_machine *machine);
AGNER_API uint64_t sim_machine_wall_ns(const struct sim_machine *machine);
/* Dialling and accepting fail for lack of a descriptor (EMFILE), or do not any
 * more. What could not be accepted waits, and is tried again. */
AGNER_API void sim_descriptors(struct sim_machine *machine, bool out);

/*
 * The `fail_in`-th allocation from now on in this machine's steps fails; 0:
 * none does. Only where the program's allocator asks sim_allocation_fails(): a
 * program that is linked with libagner.a and sim_malloc (docs/simulation.md)
 * has such a one.
 */
AGNER_API void sim_memory(struct sim_machine *machine, unsigned fail_in);
AGNER_API bool sim_memory_failed(const struct sim_machine *machine);
/* So many bytes of its memory are used from now on, and there are `room`: what
 * rt_options.memory_soft and memory_hard are compared with. At first 0, and no
 * room, so that a runtime that gives no marks has none. */
AGNER_API void sim_memory_use(struct sim_machine *machine, uint64_t used,
                              uint64_t room);
/* For allocators: does the one that is asked for now fail? */
AGNER_API bool sim_allocation_fails(void);

enum sim_crash_kind {
    SIM_RESET,  /* the process ends: its peers hear of resets */
    SIM_SILENT, /* the power is off: they hear of nothing */
};

/* It takes no step any more; nobody there is told. What runs on it stays in
 * memory: sim_bury(). */
AGNER_API void sim_crash(struct sim_machine *machine, enum sim_crash_kind how);
AGNER_API bool sim_is_crashed(const struct sim_machine *machine);

/*
 * Calls end(ctx), which gives back the memory of what was on a crashed machine:
 * it may call rt_free(), node_stop() and the like, which then see only that
 * machine take steps. No time passes for the others, nothing is drawn, traced
 * or sent. Callbacks of the program that run there (terminate) can ask
 * sim_is_burying(). Does nothing if it did not crash. Not in a step.
 */
AGNER_API void sim_bury(struct sim_machine *machine, void (*end)(void *ctx),
                        void *ctx);
AGNER_API bool sim_is_burying(const struct sim *sim);

/* Ends the process that calls it as a fault contained in a callback does: with
 * {crash, Kind, 0}, `kind` being segv, bus, fpe, ill, abort or stack_overflow.
 * Does not return. */
AGNER_API void sim_callback_fault(struct gen *self, const char *kind);

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

/* b hears the end of what comes from a, while what it says itself still comes
 * there. How many. */
AGNER_API size_t sim_half_close(struct sim *sim, const char *a, const char *b);

/* Nothing moves between them for so long. How many connections. */
AGNER_API size_t sim_clog(struct sim *sim, const char *a, const char *b,
                          uint64_t ms);

/* Each living machine is put on one of two sides, and nothing gets from one to
 * the other. AGNER_ENOMEM. sim_unsplit() takes back what was said of those that
 * are on different sides. */
AGNER_API enum agner_err sim_split(struct sim *sim);
AGNER_API void sim_unsplit(struct sim *sim);

/* In the first half of that time some machines are cut off, one by one, in the
 * second they are free again, in another order. AGNER_ENOMEM: fewer are. */
AGNER_API enum agner_err sim_swizzle(struct sim *sim, uint64_t ms);

/* The drawn faults of the options, on or off: on at first. Off ends those of
 * the weather too. */
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

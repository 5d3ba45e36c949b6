/*
 * gen_sink.h -- consumers to start with: a process for each event, and batches.
 *
 * Both are stages (gen_stage.h), and subscribe to producers of agner and of
 * Elixir's GenStage.
 *
 * gen.h includes this header. Sources: Elixir's ConsumerSupervisor; spec/gen.md
 * 1.10.
 */
#ifndef AGNER_GEN_SINK_H
#define AGNER_GEN_SINK_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_child_spec;
struct gen_stage_source;

/* ---- A process for each event ------------------------------------------- */

/*
 * A supervisor whose children are started by events: one each, at most
 * max_demand of a subscription at one time. `child` is the template, as of a
 * simple_one_for_one: the event is what init gets, or is added to the
 * template's args. When children have ended for good, as many events more are
 * asked for, once they are at least min_demand.
 *
 *     static const struct gen_child_spec job = {
 *         .id = "job", .server = &job_server, .restart = GEN_TRANSIENT,
 *     };
 *     static const struct gen_sink_supervisor jobs = { .name = "jobs",
 *                                                      .child = &job };
 *
 * A transient child that fails is started again with its event, and no event
 * more is asked for meanwhile; too often, and the supervisor ends with
 * `shutdown`. A child that does not start, or says GEN_IGNORE, counts as ended.
 * GEN_PERMANENT is refused: its events would never end.
 *
 * gen_which_children(), gen_count_children(), gen_terminate_child() and
 * gen_start_child_args() serve here too; a child that is started so counts
 * towards nobody's demand. When it ends all children are stopped by their spec.
 */
struct gen_sink_supervisor {
    const char *name;                   /* for people */
    const struct gen_child_spec *child; /* borrowed: static */
    uint32_t intensity; /* restarts within a period; 0: 3; GEN_NO_RESTARTS */
    uint64_t period_ms; /* 0: 5000 */
};

/* As gen_start(). `sources` is copied; their `manual` is not read.
 * AGNER_EINVAL: GEN_PERMANENT. AGNER_EEXIT: *reason says what is wrong with the
 * child spec, as gen_supervisor_start() does. */
AGNER_API enum agner_err gen_sink_supervisor_start(
    struct gen *self, const struct gen_sink_supervisor *sink,
    const struct gen_stage_source *sources, size_t count,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err gen_sink_supervisor_start_link(
    struct gen *self, const struct gen_sink_supervisor *sink,
    const struct gen_stage_source *sources, size_t count,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);

/* ---- Batches ------------------------------------------------------------ */

/*
 * Gathers events until there are `size` of them, or `time_ms` have passed since
 * the first, and hands them over in order. What is left is handed over when the
 * stage ends, unless it was killed, or handle_batch is what has failed.
 */
struct gen_sink_batch {
    const char *name;  /* for people */
    uint64_t size;     /* 0: 100 */
    uint64_t time_ms;  /* 0: 1000; RT_INFINITY: only when it is full */
    size_t state_size; /* bytes, zeroed before init */

    /* `args` as given to the start. GEN_NEXT, GEN_IGNORE, or gen_stop(). NULL:
     * nothing. */
    enum gen_next (*init)(struct gen *self, void *state, etf_term args);
    /* `count` events, at least one. May wait. GEN_NEXT or gen_stop(); in the
     * last one, when the stage ends, what it returns does not matter. */
    enum gen_next (*handle_batch)(struct gen *self, void *state,
                                  etf_term events, uint64_t count);
    /* Once, however it ends, if init was begun. No process any more. May be
     * NULL. */
    void (*destroy)(void *state);
};

/* As gen_start(). `sink` is borrowed: static; `sources` is copied.
 * AGNER_EINVAL: no handle_batch. */
AGNER_API enum agner_err
gen_sink_batch_start(struct gen *self, const struct gen_sink_batch *sink,
                     etf_term args, const struct gen_stage_source *sources,
                     size_t count, const struct rt_spawn_options *spawn,
                     etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err
gen_sink_batch_start_link(struct gen *self, const struct gen_sink_batch *sink,
                          etf_term args, const struct gen_stage_source *sources,
                          size_t count, const struct rt_spawn_options *spawn,
                          etf_pid *pid, etf_term *reason);

#ifdef __cplusplus
}
#endif

#endif

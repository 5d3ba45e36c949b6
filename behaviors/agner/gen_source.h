/*
 * gen_source.h -- producers to start with: a queue, the lines of a file, and a
 * stage that lets events through at a rate.
 *
 * All are stages (gen_stage.h): consumers of agner and of Elixir's GenStage
 * subscribe to them, and nothing leaves them that was not asked for.
 *
 *     struct gen_source_queue_options options = { .max = 100 };
 *
 *     gen_source_queue_start_link(self, &options, NULL, &queue, NULL);
 *     gen_source_push(self, etf_from_pid(r, queue), event, 5000);
 *
 * gen.h includes this header. Source: spec/gen.md 1.10.
 */
#ifndef AGNER_GEN_SOURCE_H
#define AGNER_GEN_SOURCE_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_stage_options;
struct gen_stage_source;

/* `stage` in the options below: what gen_stage_setup() gets, but for the role
 * and subscribe_to; copied, and what its pointers lead to is static. NULL: the
 * defaults. */

/* ---- A queue ------------------------------------------------------------ */

/* Holds what any process puts in, up to a limit, until consumers ask for it. */
struct gen_source_queue_options {
    uint64_t max;         /* events that wait for demand; 0: 1000 */
    uint64_t pushers_max; /* calls that wait for room; 0: 10,000; one more is
                             told AGNER_EFULL */
    const struct gen_stage_options *stage;
};

/* Parameters and errors as gen_start(). */
AGNER_API enum agner_err gen_source_queue_start(
    struct gen *self, const struct gen_source_queue_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err gen_source_queue_start_link(
    struct gen *self, const struct gen_source_queue_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);

/*
 * Puts an event behind all others, and waits for room up to `timeout_ms`; who
 * came first gets in first. `queue` is a pid, a name, {Name, Node} of agner.
 * AGNER_OK: it is in. AGNER_ETIMEOUT: it is not, and will not be. AGNER_EFULL
 * (pushers_max), AGNER_ECLOSED, AGNER_ENOMEM, and the errors of gen_call(),
 * after which it may be in.
 */
AGNER_API enum agner_err gen_source_push(struct gen *self, etf_term queue,
                                         etf_term event, uint64_t timeout_ms);
/* Never waits for room: AGNER_EFULL. */
AGNER_API enum agner_err gen_source_try_push(struct gen *self, etf_term queue,
                                             etf_term event,
                                             uint64_t timeout_ms);
/* A list of events, all at once or none, in order. AGNER_EINVAL: no list.
 * AGNER_ELIMIT: more than will ever fit. */
AGNER_API enum agner_err gen_source_push_list(struct gen *self, etf_term queue,
                                              etf_term events,
                                              uint64_t timeout_ms);

/* No more events: those that are in are still delivered, then the queue ends
 * with `normal`. Calls that wait for room are told AGNER_ECLOSED. */
AGNER_API enum agner_err gen_source_close(struct gen *self, etf_term queue,
                                          uint64_t timeout_ms);

struct gen_source_queue_info {
    uint64_t held;    /* events that wait for demand */
    uint64_t demand;  /* asked for and not there yet */
    uint64_t pushers; /* calls that wait for room */
    uint64_t max;
};
AGNER_API enum agner_err gen_source_info(struct gen *self, etf_term queue,
                                         uint64_t timeout_ms,
                                         struct gen_source_queue_info *info);

/* ---- Lines of a file ---------------------------------------------------- */

/*
 * Each line is an event, a binary without its newline, in order; the last one
 * may have none. The file is read on the blocking pool, a chunk at a time, only
 * as far as lines are asked for. At its end the source ends with `normal`, when
 * all lines are with the consumers; so let those be transient, or temporary.
 */
struct gen_source_lines_options {
    const char *path;   /* copied */
    uint32_t line_max;  /* bytes of a line; 0: 65,536. A longer one ends the
                           source with {line_too_long, Number}, from 1 */
    uint32_t chunk_max; /* bytes read at once; 0: 65,536 */
    const struct gen_stage_options *stage;
};

/* As gen_start(). AGNER_EINVAL: no path. AGNER_EEXIT: *reason is {open, Path,
 * Text} when the file cannot be opened. Later it ends with {read, Path, Text}.
 */
AGNER_API enum agner_err gen_source_lines_start(
    struct gen *self, const struct gen_source_lines_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err gen_source_lines_start_link(
    struct gen *self, const struct gen_source_lines_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);

/* ---- A rate ------------------------------------------------------------- */

/*
 * Stands between producers and consumers and lets `count` events through in
 * each `interval_ms`, evenly; after a pause up to `burst` at once. In any time
 * T no more than burst + count * T / interval_ms leave it. It holds what it has
 * asked for, at most max_demand for each producer.
 *
 * When its last producer has ended in an orderly way (normal, shutdown,
 * {shutdown, _}) it delivers what it holds, and ends with that reason, also if
 * the subscription is transient; after another end, it ends at once. A producer
 * of a temporary subscription, or of one that reconnects, may go in any way.
 */
struct gen_source_rate_options {
    uint64_t count;                              /* 0: 1 */
    uint64_t interval_ms;                        /* 0: 1000 */
    uint64_t burst;                              /* 0: count */
    const struct gen_stage_source *subscribe_to; /* copied; its `manual` is not
                                                    read */
    size_t subscribe_count;
    const struct gen_stage_options *stage;
};

/* As gen_start(); and AGNER_EINVAL: a number is beyond 2^31. */
AGNER_API enum agner_err gen_source_rate_start(
    struct gen *self, const struct gen_source_rate_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err gen_source_rate_start_link(
    struct gen *self, const struct gen_source_rate_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason);

#ifdef __cplusplus
}
#endif

#endif

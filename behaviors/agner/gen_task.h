/*
 * gen_task.h -- tasks: a function in a process of its own, and its result.
 *
 *     static etf_term count_words(struct gen *self, etf_term text);
 *     static const struct gen_task_job count = { "count", count_words };
 *
 *     gen_task_async(self, &count, text, NULL, &task);
 *     ... something else meanwhile ...
 *     err = gen_task_await(self, &task, 5000, &result);
 *
 * A task ends once, by its result, its failure, or being given up, and whoever
 * waits for it hears of that once: nothing of it ever comes as a message. Only
 * the process that started a task may wait for it.
 *
 * A task is linked to its owner: when the owner fails its tasks end, and when a
 * task fails so does its owner, unless it traps exits; as any link. A _nolink
 * one leaves its owner alone, and goes on without it. What a task leaves with
 * (rt_exit) is in the log as a crash, unless it is normal or a shutdown.
 *
 * gen.h includes this header. Sources: Elixir 1.14, Task; spec/gen.md 4.4.
 */
#ifndef AGNER_GEN_TASK_H
#define AGNER_GEN_TASK_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Static. */
struct gen_task_job {
    const char *name; /* for people */
    /* Runs in the task's process. What it returns is the result: a term in its
     * own region, which is copied; ETF_NONE (no memory) fails the task. */
    etf_term (*run)(struct gen *self, etf_term arg);
};

/* A task that was started: a value, to be kept where you like. */
struct gen_task {
    etf_pid pid;
    struct rt_request request; /* private */
};

/* How a task ended. */
struct gen_task_result {
    /* AGNER_OK: `term` is what it returned. AGNER_EEXIT, or AGNER_ENOPROC: it
     * failed, `term` is the reason. AGNER_ETIMEOUT: it did not end in time. */
    enum agner_err err;
    etf_term term;  /* in the waiting process's region */
    uint64_t index; /* of a stream: which item, from 0 */
};

/* ---- One task ----------------------------------------------------------- */

/*
 * Starts a task. `job` is borrowed: static; `arg` is copied; `options`: limits,
 * priority: rt.h; NULL for none. AGNER_ENOMEM, AGNER_ELIMIT, AGNER_EEXITING,
 * AGNER_EKILLED: nothing was started.
 */
AGNER_API enum agner_err
gen_task_async(struct gen *self, const struct gen_task_job *job, etf_term arg,
               const struct rt_spawn_options *options, struct gen_task *task);
AGNER_API enum agner_err
gen_task_async_nolink(struct gen *self, const struct gen_task_job *job,
                      etf_term arg, const struct rt_spawn_options *options,
                      struct gen_task *task);

/*
 * Waits for its end. AGNER_OK: *result is what it returned. AGNER_EEXIT,
 * AGNER_ENOPROC: it failed, *result is the reason. AGNER_ETIMEOUT: it was
 * killed. AGNER_ENOREF: it is no task of self, or is over. AGNER_EEXITING,
 * AGNER_EKILLED. `result` may be NULL; it is in self's region.
 */
AGNER_API enum agner_err gen_task_await(struct gen *self,
                                        const struct gen_task *task,
                                        uint64_t timeout_ms, etf_term *result);

/* The same, but after AGNER_ETIMEOUT it goes on. */
AGNER_API enum agner_err gen_task_yield(struct gen *self,
                                        const struct gen_task *task,
                                        uint64_t timeout_ms, etf_term *result);

/* Ends it: with `shutdown`, and after `timeout_ms` with `kill` (0: at once).
 * Results as gen_task_await(): AGNER_OK when its result came first, else
 * AGNER_EEXIT and the reason. */
AGNER_API enum agner_err gen_task_shutdown(struct gen *self,
                                           const struct gen_task *task,
                                           uint64_t timeout_ms,
                                           etf_term *result);

/* Wants neither the task nor its result: it is killed, without waiting. */
AGNER_API void gen_task_abandon(struct gen *self, const struct gen_task *task);

/* ---- Many --------------------------------------------------------------- */

/*
 * Waits for all, `timeout_ms` in all, and says of each how it ended. AGNER_OK
 * when all returned; else the first error among the results, or AGNER_EEXITING,
 * AGNER_EKILLED, and what the results do not tell is unknown. With await those
 * that have not ended are killed; with yield they go on.
 */
AGNER_API enum agner_err gen_task_await_many(struct gen *self,
                                             const struct gen_task *tasks,
                                             size_t count, uint64_t timeout_ms,
                                             struct gen_task_result *results);
AGNER_API enum agner_err gen_task_yield_many(struct gen *self,
                                             const struct gen_task *tasks,
                                             size_t count, uint64_t timeout_ms,
                                             struct gen_task_result *results);

/* ---- Streams: a task for each item, so many at once --------------------- */

#define GEN_TASK_STREAM_MAX 64u /* tasks of a stream at one time */

/* All zero is a good default. */
struct gen_task_stream_options {
    unsigned concurrency; /* tasks that run at once; 0: one for each worker */
    bool unordered;       /* results as they come, not in the items' order */
    bool nolink;          /* as gen_task_async_nolink() */
    uint64_t timeout_ms;  /* of each task; 0: 5000; RT_INFINITY */
    /* A task over its time is killed, and its result is AGNER_ETIMEOUT. With
     * this the stream ends there. */
    bool stop_on_timeout;
    const struct rt_spawn_options *task; /* borrowed; NULL for none */
};

/* One task of a stream: private. */
struct gen_task_slot {
    struct gen_task task;
    uint64_t deadline_ms, item;
    enum agner_err fate; /* AGNER_OK: what its request says */
};

/*
 * A stream in progress: the caller's memory, private. It holds nothing outside
 * the process: one that ends in the middle of a stream leaks nothing.
 *
 * In order, results that came early wait until it is their turn, and no more
 * tasks are started while twice `concurrency` are running or waiting: memory
 * does not grow with the number of items.
 */
struct gen_task_stream {
    const struct gen_task_job *job;
    bool (*next)(struct gen *self, void *ctx, etf_term *item);
    void *ctx;
    struct gen_task_stream_options options;
    bool dry;               /* no more items */
    unsigned used, running; /* slots; those whose end is not known */
    uint64_t item;          /* of the next task */
    struct gen_task_slot slots[GEN_TASK_STREAM_MAX];
    struct rt_request waiting[GEN_TASK_STREAM_MAX]; /* all zero: has ended */
};

/*
 * Begins a stream; no task runs yet. `next` gives the items, in self's region,
 * one by one as tasks can be started, and false when there are no more. It runs
 * in gen_task_stream_next(). `ctx` is its own. AGNER_EINVAL: more than
 * GEN_TASK_STREAM_MAX at once.
 */
AGNER_API enum agner_err
gen_task_stream_open(struct gen_task_stream *stream, struct gen *self,
                     const struct gen_task_job *job,
                     bool (*next)(struct gen *self, void *ctx, etf_term *item),
                     void *ctx, const struct gen_task_stream_options *options);

/* A `next` for lists: ctx is an etf_term, a list, which it moves along. */
AGNER_API bool gen_task_stream_list(struct gen *self, void *ctx,
                                    etf_term *item);

/*
 * Waits for the next result; one that says AGNER_ENOMEM or AGNER_ELIMIT is of
 * an item that no task could be started for. AGNER_ENOREF: there are no more.
 * AGNER_ETIMEOUT: stop_on_timeout; the stream is closed. AGNER_EEXITING,
 * AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_task_stream_next(struct gen *self,
                                              struct gen_task_stream *stream,
                                              struct gen_task_result *result);

/* Kills what runs. Not needed after the last result. */
AGNER_API void gen_task_stream_close(struct gen *self,
                                     struct gen_task_stream *stream);

#ifdef __cplusplus
}
#endif

#endif

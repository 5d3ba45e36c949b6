/*
 * conserve.c -- runs the workloads: see conserve.h.
 *
 *   conserve [--messages N] [--workers LIST] [--seed S] [WORKLOAD...]
 *
 * N messages in all, shared by the workloads and by the counts of workers
 * (2,4,16). A watchdog looks every second: when nothing has moved for half a
 * minute it prints every process and ends the program.
 */
#include "conserve.h"

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STILL_S   30
#define SLACK     (256 * 1024) /* bytes: what libc keeps for itself */
#define SHOWN_MAX 200
#define RUNS_MAX  8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static const struct workload {
    const char *name;
    conserve_run *run;
    unsigned share; /* of the messages */
} workloads[] = {
    { "mesh", conserve_mesh, 50 },    { "star", conserve_star, 15 },
    { "churn", conserve_churn, 5 },   { "calls", conserve_calls, 5 },
    { "timers", conserve_timers, 5 }, { "payload", conserve_payload, 10 },
    { "names", conserve_names, 10 },
};

#define WORKLOADS (sizeof workloads / sizeof workloads[0])

void conserve_must(enum agner_err err, const char *what)
{
    if (err == AGNER_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, agner_strerror(err));
    _exit(1);
}

/* ---- The watchdog -----------------------------------------------------------
 */

static struct rt *watched; /* under watch_lock */
static const char *watched_name;
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;

static void show_all(struct rt *rt)
{
    etf_pid pid = { 0 };
    unsigned shown = 0;

    while (shown++ < SHOWN_MAX && rt_process_next(rt, pid, &pid)) {
        struct rt_process_info info;

        if (rt_process_glance(rt, pid, &info) == AGNER_OK)
            (void)fprintf(
                stderr,
                "<0.%" PRIu32 ".%" PRIu32 "> %s status %d waits %" PRIu64
                " in %" PRIu64 " out %" PRIu64 "\n",
                pid.id, pid.serial, info.behavior, (int)info.status,
                info.mailbox_count, info.messages_in, info.messages_out);
    }
}

static uint64_t moved(struct rt *rt)
{
    struct rt_stats s;

    rt_stats(rt, &s);
    return s.messages + s.spawned + s.timers_fired + s.slices;
}

/* abort(): a core of it has the stacks. */
static void *watch(void *unused)
{
    uint64_t before = 0;
    unsigned still = 0;

    for (;;) {
        struct timespec second = { .tv_sec = 1 };
        uint64_t now = 0;

        (void)nanosleep(&second, NULL);
        (void)pthread_mutex_lock(&watch_lock);
        if (watched != NULL)
            now = moved(watched);
        still = watched != NULL && now == before ? still + 1 : 0;
        before = now;
        if (still >= STILL_S) {
            (void)fprintf(stderr, "%s: nothing has moved for %d s\n",
                          watched_name, STILL_S);
            show_all(watched);
            abort();
        }
        (void)pthread_mutex_unlock(&watch_lock);
    }
    return unused;
}

static void watch_this(struct rt *rt, const char *name)
{
    (void)pthread_mutex_lock(&watch_lock);
    watched = rt;
    watched_name = name;
    (void)pthread_mutex_unlock(&watch_lock);
}

/* ---- One run
 * --------------------------------------------------------------------- */

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

bool conserve_all_gone(struct gen *self)
{
    struct rt_stats s;

    for (unsigned i = 0; i < 10000; i++) {
        rt_stats(rt_of(self), &s);
        if (s.processes == 1)
            return true;
        (void)rt_sleep(self, 1);
    }
    return false;
}

static bool run(const struct workload *w, unsigned workers, uint64_t n,
                uint64_t seed, uint64_t *messages)
{
    struct rt_options options = { .workers = workers,
                                  .log_level = RT_LOG_CRITICAL };
    struct conserve c = { .n = n, .seed = seed };
    size_t before = in_use(), after;
    struct timespec from, to;
    struct rt *rt;
    bool well;

    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    conserve_must(rt_new(&options, &rt, NULL), "runtime");
    watch_this(rt, w->name);
    c.self = rt_attach(rt);
    conserve_must(c.self == NULL ? AGNER_ENOMEM : AGNER_OK, "attach");
    well = w->run(&c);
    if (well && !conserve_all_gone(c.self)) {
        well = false;
        CONSERVE_SAY(&c, "processes are left");
    }
    rt_detach(c.self);
    watch_this(NULL, NULL);
    rt_free(rt, 1000);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    after = in_use();
#ifndef SANITIZED /* they have an allocator, and a search for leaks, of their \
                     own */
    if (well && after > before + SLACK) {
        well = false;
        CONSERVE_SAY(&c, "%zu bytes are left", after - before);
    }
#endif
    (void)before;
    (void)after;
    *messages += c.messages;
    printf("%s %s, %u workers: %s (%.1f s)\n", well ? "ok" : "not ok", w->name,
           workers, c.counts,
           (double)(to.tv_sec - from.tv_sec) +
               (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    (void)fflush(stdout);
    return well;
}

struct job {
    uint64_t messages, seed;
    unsigned workers[RUNS_MAX], worker_runs;
    bool wanted[WORKLOADS];
};

static void take_list(struct job *job, const char *text)
{
    char *end;

    for (job->worker_runs = 0; job->worker_runs < RUNS_MAX; text = end + 1) {
        job->workers[job->worker_runs++] = (unsigned)strtoul(text, &end, 10);
        if (*end != ',')
            return;
    }
}

static bool take_word(struct job *job, const char *word)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        if (strcmp(word, workloads[i].name) == 0)
            return job->wanted[i] = true;
    return false;
}

static bool take(struct job *job, int count, char **args)
{
    bool some = false;

    for (int i = 1; i < count; i++) {
        bool more = i + 1 < count;

        if (strcmp(args[i], "--messages") == 0 && more)
            job->messages = strtoull(args[++i], NULL, 10);
        else if (strcmp(args[i], "--seed") == 0 && more)
            job->seed = strtoull(args[++i], NULL, 10);
        else if (strcmp(args[i], "--workers") == 0 && more)
            take_list(job, args[++i]);
        else if (take_word(job, args[i]))
            some = true;
        else
            return false;
    }
    for (size_t i = 0; !some && i < WORKLOADS; i++)
        job->wanted[i] = true;
    return true;
}

int main(int count, char **args)
{
    struct job job = { .messages = 1000000, .seed = 1 };
    uint64_t messages = 0, unused = 0;
    unsigned shares = 0, failed = 0;
    pthread_t thread;

    take_list(&job, "2,4,16");
    if (!take(&job, count, args)) {
        (void)fprintf(stderr, "usage: conserve [--messages N] [--workers LIST] "
                              "[--seed S] [WORKLOAD...]\n");
        return 2;
    }
    for (size_t i = 0; i < WORKLOADS; i++)
        shares += job.wanted[i] ? workloads[i].share : 0;
    if (pthread_create(&thread, NULL, watch, NULL) != 0)
        return 1;
    (void)pthread_detach(thread);
    for (size_t i = 0; i < WORKLOADS; i++) {
        uint64_t n =
            job.messages * workloads[i].share / shares / job.worker_runs;

        if (!job.wanted[i])
            continue;
        /* First a small one: what is made once, such as atoms, is there then.
         */
        if (!run(&workloads[i], 2, 1000, job.seed, &unused))
            failed++;
        for (unsigned k = 0; k < job.worker_runs; k++)
            if (!run(&workloads[i], job.workers[k], n, job.seed + k, &messages))
                failed++;
    }
    printf("%" PRIu64 " messages, %u failed\n", messages, failed);
    return failed > 0 ? 1 : 0;
}

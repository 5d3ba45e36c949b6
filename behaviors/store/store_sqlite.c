/*
 * store_sqlite.c -- a store in a file: who waits for it, and who goes.
 *
 * What a process wants of the file is a job in a queue. One process at a time
 * leads: it takes what waits, its own job first, to the blocking pool, where
 * reads are served and all puts share one transaction, so one wait for the
 * disk. Then the next job's process leads. So however many write, one thread of
 * the pool is busy.
 *
 * A job is counted, and owns what it needs: a process that is killed while it
 * waits takes its job out of the queue, or leaves it to whoever has it.
 */
#include "store/store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "spin.h"
#include "store/store_bytes.h"

#define GROUP_MAX       256u        /* jobs that go together */
#define GROUP_BYTES_MAX (64u << 20) /* of them, about */

enum kind { JOB_PUT, JOB_GET, JOB_SCAN };

struct job {
    struct job *next;
    _Atomic uint32_t refs;
    enum kind kind;
    struct gen_store_write *writes; /* owned, with their bytes behind them */
    size_t count, limit;
    etf_bytes key, after; /* of reads: in `bytes` */
    size_t size;          /* bytes of it, for GROUP_BYTES_MAX */
    /* The answer: written by who has it, read once `done` is seen. */
    enum agner_err err;
    struct agner_error error;
    struct etf_buffer out; /* owned */
    /* The queue's lock guards these. */
    struct rt_waiter *waiter; /* its process's; NULL: it does not wait */
    bool lead, done;
    uint8_t bytes[];
};

struct queue {
    struct rt *rt; /* borrowed */
    struct store_file *file;
    rt_spin lock; /* guards the rest */
    struct job *first, *last;
    bool led; /* somebody leads, or has been told to */
};

/* ---- Jobs ---------------------------------------------------------------- */

/* Order: the last count that is given back acquires what the other wrote. */
static void job_free(struct job *job)
{
    if (sub_acq_rel(&job->refs, 1u) != 1)
        return;
    etf_buffer_fini(&job->out);
    free(job->writes);
    free(job);
}

static struct job *job_new(enum kind kind, etf_bytes key, etf_bytes after)
{
    struct job *job = calloc(1, sizeof *job + key.size + after.size);

    if (job == NULL)
        return NULL;
    store_relaxed(&job->refs, 1u);
    job->kind = kind;
    job->size = sizeof *job;
    if (key.size > 0)
        memcpy(job->bytes, key.data, key.size);
    if (after.size > 0)
        memcpy(job->bytes + key.size, after.data, after.size);
    job->key = (etf_bytes){ job->bytes, key.size };
    job->after = (etf_bytes){ job->bytes + key.size, after.size };
    return job;
}

static etf_bytes keep(uint8_t **at, etf_bytes bytes)
{
    etf_bytes kept = { *at, bytes.size };

    if (bytes.size > 0)
        memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return kept;
}

static struct job *job_of_writes(const struct gen_store_write *writes,
                                 size_t count)
{
    struct job *job = job_new(JOB_PUT, (etf_bytes){ 0 }, (etf_bytes){ 0 });
    size_t size = count * sizeof *writes;
    uint8_t *at;

    if (job == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        size +=
            writes[i].key.size + (writes[i].erase ? 0 : writes[i].value.size);
    job->writes = malloc(size);
    if (job->writes == NULL) {
        job_free(job);
        return NULL;
    }
    at = (uint8_t *)(job->writes + count);
    for (size_t i = 0; i < count; i++) {
        job->writes[i] = writes[i];
        job->writes[i].key = keep(&at, writes[i].key);
        if (!writes[i].erase)
            job->writes[i].value = keep(&at, writes[i].value);
    }
    job->count = count;
    job->size += size;
    return job;
}

/* ---- On the blocking pool ------------------------------------------------ */

/* Takes what goes together, from the front. */
static struct job *take_group(struct queue *q)
{
    struct job *first, *at;
    size_t count = 1, bytes;

    rt__lock(&q->lock);
    first = at = q->first;
    bytes = at->size;
    while (at->next != NULL && count < GROUP_MAX &&
           bytes + at->next->size <= GROUP_BYTES_MAX) {
        at = at->next;
        bytes += at->size;
        count++;
    }
    q->first = at->next;
    if (q->first == NULL)
        q->last = NULL;
    at->next = NULL;
    rt__unlock(&q->lock);
    return first;
}

static void serve_read(struct store_file *file, struct job *job)
{
    if (job->kind == JOB_GET)
        job->err = gen__store_file_get(file, job->key, &job->out, &job->error);
    else if (job->kind == JOB_SCAN)
        job->err = gen__store_file_scan(file, job->key, job->after, job->limit,
                                        &job->out, &job->count, &job->error);
}

static enum agner_err serve_put(struct store_file *file, const struct job *job,
                                struct agner_error *error)
{
    enum agner_err err = AGNER_OK;

    for (size_t i = 0; i < job->count && err == AGNER_OK; i++)
        err = gen__store_file_put(file, &job->writes[i], error);
    return err;
}

/* All of the group's puts, or none. */
static void serve_puts(struct store_file *file, struct job *first)
{
    struct agner_error error = { 0 };
    enum agner_err err = gen__store_file_begin(file, &error);
    struct job *job;

    for (job = first; job != NULL && err == AGNER_OK; job = job->next) {
        if (job->kind == JOB_PUT)
            err = serve_put(file, job, &error);
    }
    if (err == AGNER_OK)
        err = gen__store_file_commit(file, &error);
    else
        gen__store_file_rollback(file);
    for (job = first; job != NULL; job = job->next) {
        if (job->kind == JOB_PUT) {
            job->err = err;
            job->error = error;
        }
    }
}

/* Tells its process, which may be gone, and lets it go. */
static void give_back(struct queue *q, struct job *job)
{
    rt__lock(&q->lock);
    job->done = true;
    if (job->waiter != NULL)
        rt_wake(q->rt, NULL, job->waiter);
    job->waiter = NULL;
    rt__unlock(&q->lock);
    job_free(job);
}

/* Reads before writes: they see what was there before any of these puts has
 * returned. */
static void serve_group(void *arg)
{
    struct queue *q = arg;
    struct job *job = take_group(q), *first = job;
    bool puts = false;

    for (; job != NULL; job = job->next) {
        puts = puts || job->kind == JOB_PUT;
        serve_read(q->file, job);
    }
    if (puts)
        serve_puts(q->file, first);
    while ((job = first) != NULL) {
        first = job->next;
        give_back(q, job);
    }
}

/* ---- The queue ----------------------------------------------------------- */

/* Takes `job` out, if it is there still, and the queue's count of it. Under the
 * lock, at which the caller has another. */
static void withdraw(struct queue *q, struct job *job)
{
    struct job *before = NULL, *at;

    for (at = q->first; at != NULL && at != job; at = at->next)
        before = at;
    if (at != NULL) {
        if (before == NULL)
            q->first = job->next;
        else
            before->next = job->next;
        if (q->last == job)
            q->last = before;
        job_free(job);
    }
}

/* The next one's process leads. */
static void hand_over(struct gen *self, struct queue *q)
{
    struct job *next;

    rt__lock(&q->lock);
    next = q->first;
    q->led = next != NULL;
    if (next != NULL) {
        next->lead = true;
        rt_wake(q->rt, self, next->waiter);
        next->waiter = NULL;
    }
    rt__unlock(&q->lock);
}

/* true: the caller leads. */
static bool enqueue(struct queue *q, struct job *job, struct rt_waiter *waiter)
{
    bool lead;

    add_relaxed(&job->refs, 1u);
    rt__lock(&q->lock);
    if (q->last == NULL)
        q->first = job;
    else
        q->last->next = job;
    q->last = job;
    lead = !q->led;
    q->led = true;
    if (!lead)
        job->waiter = waiter;
    rt__unlock(&q->lock);
    return lead;
}

/* Waits for the answer, or to lead. */
static enum agner_err wait_for(struct gen *self, struct queue *q,
                               struct job *job, bool *lead)
{
    struct rt_waiter waiter;
    enum agner_err err = rt_wait_begin(self, &waiter, 1);

    if (err != AGNER_OK)
        return err;
    *lead = enqueue(q, job, &waiter);
    if (!*lead)
        err = rt_wait_block(self, RT_INFINITY);
    rt__lock(&q->lock);
    job->waiter = NULL;
    *lead = *lead || job->lead;
    if (job->done)
        err = AGNER_OK;
    else if (err != AGNER_OK && !*lead)
        withdraw(q, job); /* nobody must be told to lead who does not wait */
    rt__unlock(&q->lock);
    rt_wait_end(self, &waiter, 1);
    return err;
}

/* AGNER_OK: the job is done, and says how. */
static enum agner_err submit(struct gen *self, struct queue *q, struct job *job)
{
    bool lead = false;
    enum agner_err err = wait_for(self, q, job, &lead);

    if (!lead)
        return err;
    if (err == AGNER_OK)
        err = rt_blocking(self, serve_group, q);
    if (err != AGNER_OK) {
        rt__lock(&q->lock);
        withdraw(q, job);
        rt__unlock(&q->lock);
    }
    hand_over(self, q);
    return err;
}

/* The job's own error, or why it never got there. */
static enum agner_err settle(struct gen *self, struct queue *q, struct job *job,
                             struct agner_error *error)
{
    enum agner_err err = submit(self, q, job);

    if (err != AGNER_OK)
        return agner_fail(error, err, "%s", agner_strerror(err));
    if (job->err != AGNER_OK && error != NULL)
        *error = job->error;
    return job->err;
}

/* ---- Operations ---------------------------------------------------------- */

static enum agner_err put(void *ctx, struct gen *self,
                          const struct gen_store_write *writes, size_t count,
                          struct agner_error *error)
{
    struct job *job = job_of_writes(writes, count);
    enum agner_err err;

    if (job == NULL)
        return agner_fail(error, AGNER_ENOMEM, "a batch of %zu", count);
    err = settle(self, ctx, job, error);
    job_free(job);
    return err;
}

static enum agner_err get(void *ctx, struct gen *self, etf_bytes key,
                          struct etf_region *r, etf_bytes *value,
                          struct agner_error *error)
{
    struct job *job = job_new(JOB_GET, key, (etf_bytes){ 0 });
    enum agner_err err;

    if (job == NULL)
        return agner_fail(error, AGNER_ENOMEM, "a key");
    err = settle(self, ctx, job, error);
    if (err == AGNER_OK &&
        !gen__bytes_copy(r, job->out.data, job->out.size, value))
        err = agner_fail(error, AGNER_ENOMEM, "a value");
    job_free(job);
    return err;
}

static struct gen_store_row next_row(const struct etf_buffer *rows, size_t *at)
{
    const uint8_t *data = rows->data + *at;
    uint32_t sizes[2];
    struct gen_store_row row;

    memcpy(sizes, data, sizeof sizes);
    row.key = (etf_bytes){ data + sizeof sizes, sizes[0] };
    row.value = (etf_bytes){ row.key.data + sizes[0], sizes[1] };
    *at += sizeof sizes + sizes[0] + sizes[1];
    return row;
}

static enum agner_err scan(void *ctx, struct gen *self, etf_bytes prefix,
                           etf_bytes after, size_t limit, struct etf_region *r,
                           struct gen_store_row *rows, size_t *count,
                           struct agner_error *error)
{
    struct job *job = job_new(JOB_SCAN, prefix, after);
    enum agner_err err;
    size_t at = 0;

    if (job == NULL)
        return agner_fail(error, AGNER_ENOMEM, "a page of rows");
    job->limit = limit;
    err = settle(self, ctx, job, error);
    for (size_t i = 0; err == AGNER_OK && i < job->count; i++) {
        struct gen_store_row row = next_row(&job->out, &at);

        if (!gen__bytes_copy(r, row.key.data, row.key.size, &rows[i].key) ||
            !gen__bytes_copy(r, row.value.data, row.value.size, &rows[i].value))
            err = agner_fail(error, AGNER_ENOMEM, "a page of rows");
    }
    if (err == AGNER_OK)
        *count = job->count;
    job_free(job);
    return err;
}

/* ---- Opening and closing ------------------------------------------------- */

static void close_file(void *arg)
{
    gen__store_file_close(arg);
}

/* Closing writes what is in the log into the file: on the pool, if it can. */
static void end(void *ctx, struct gen *self)
{
    struct queue *q = ctx;

    if (self == NULL || rt_blocking(self, close_file, q->file) != AGNER_OK)
        gen__store_file_close(q->file);
    free(q);
}

static const struct gen_store_ops sqlite_ops = {
    .name = "SQLite", .put = put, .get = get, .scan = scan, .close = end
};

struct opening {
    const char *path;
    const struct gen_store_sqlite_options *options;
    struct store_file *file;
    struct agner_error error;
    enum agner_err err;
};

static void open_file(void *arg)
{
    struct opening *o = arg;

    o->err = gen__store_file_open(o->path, o->options, &o->file, &o->error);
}

static enum agner_err open_queue(struct gen *self, struct store_file *file,
                                 struct gen_store **out,
                                 struct agner_error *error)
{
    struct queue *q = calloc(1, sizeof *q);
    enum agner_err err = AGNER_ENOMEM;

    if (q != NULL) {
        q->rt = rt_of(self);
        q->file = file;
        err = gen_store_custom(q->rt, &sqlite_ops, q, out);
    }
    if (err == AGNER_OK)
        return AGNER_OK;
    free(q);
    return agner_fail(error, err, "no memory for a store");
}

enum agner_err gen_store_sqlite(struct gen *self, const char *path,
                                const struct gen_store_sqlite_options *options,
                                struct gen_store **out,
                                struct agner_error *error)
{
    static const struct gen_store_sqlite_options defaults;
    struct opening o = { .path = path, .options = options };
    enum agner_err err;

    if (path == NULL || *path == '\0')
        return agner_fail(error, AGNER_EINVAL, "a store without a path");
    if (options == NULL)
        o.options = &defaults;
    err = rt_blocking(self, open_file, &o);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    if (o.err != AGNER_OK && error != NULL)
        *error = o.error;
    if (o.err != AGNER_OK)
        return o.err;
    err = open_queue(self, o.file, out, error);
    if (err != AGNER_OK && rt_blocking(self, close_file, o.file) != AGNER_OK)
        gen__store_file_close(o.file);
    return err;
}

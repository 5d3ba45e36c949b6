/*
 * log_handler.c -- the handlers of a runtime: added, removed, found.
 *
 * The list is read by everyone who logs: a lock for as long as it takes to copy
 * the pointers, each with a reference. Who removes a handler waits until the
 * references are gone, and then for its thread.
 */
#include "log_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_DEFAULT 2048u
#define QUEUE_MOST    65536u
#define BURST_DEFAULT 500u
#define BURST_MS      1000u
#define KEEP_DEFAULT  5u
#define STOP_MS       1000u /* for what waits when a handler is removed */

size_t rt__log_hold_all(struct rt *rt,
                        struct log_handler *handlers[RT_LOG_HANDLERS_MAX])
{
    struct log *log = rt->log;
    size_t count, i;

    rt__lock(&log->lock);
    count = log->count;
    for (i = 0; i < count; i++) {
        handlers[i] = log->handlers[i];
        add_relaxed(&handlers[i]->refs, 1u);
    }
    rt__unlock(&log->lock);
    return count;
}

/* Order: release, so that who waits for the end in remove() sees what we did;
 * its acquire pairs. After this the handler may be gone, and only its address
 * is used. */
void rt__log_let_go(struct rt *rt, struct log_handler *h)
{
    if (sub_acq_rel(&h->refs, 1u) == LOG_CLOSING + 1)
        rt->world->wake(rt->world->ctx, &h->refs, 1);
}

/* ---- Adding ------------------------------------------------------------- */

static enum agner_err check(const struct rt_log_handler *o,
                            struct agner_error *error)
{
    if (o->id == NULL || o->id[0] == '\0' || strlen(o->id) >= RT_LOG_ID_MAX)
        return agner_fail(error, AGNER_EINVAL,
                          "a log handler needs an id of "
                          "1 to 31 bytes");
    if (o->kind > RT_LOG_CALLBACK || o->format > RT_LOG_JSON ||
        o->level < RT_LOG_NONE || o->level > RT_LOG_DEBUG)
        return agner_fail(error, AGNER_EINVAL,
                          "log handler %s: its kind, "
                          "format or level",
                          o->id);
    if (o->kind == RT_LOG_FILE && (o->path == NULL || o->path[0] == '\0'))
        return agner_fail(error, AGNER_EINVAL, "log handler %s: no path",
                          o->id);
    if (o->kind == RT_LOG_CALLBACK && o->event == NULL)
        return agner_fail(error, AGNER_EINVAL, "log handler %s: no function",
                          o->id);
    return AGNER_OK;
}

static void complete(struct rt_log_handler *o)
{
    if (o->keep == 0)
        o->keep = KEEP_DEFAULT;
    if (o->queue_max == 0)
        o->queue_max = QUEUE_DEFAULT;
    if (o->queue_max > QUEUE_MOST)
        o->queue_max = QUEUE_MOST;
    if (o->burst_max == 0)
        o->burst_max = o->kind == RT_LOG_CALLBACK ? RT_INFINITY : BURST_DEFAULT;
    if (o->burst_ms == 0)
        o->burst_ms = BURST_MS;
}

static void free_handler(struct log_handler *h)
{
    rt__log_close(h);
    etf_buffer_fini(&h->buffer);
    free(h->queue);
    free(h->path);
    free(h);
}

static log_encode *encoder_of(const struct rt_log_handler *o)
{
    switch (o->kind) {
    case RT_LOG_STDERR:
    case RT_LOG_FILE:
        return o->format == RT_LOG_JSON ? rt__log_json : rt__log_text;
    case RT_LOG_JOURNALD:
        return rt__log_journal;
    case RT_LOG_CALLBACK:
        break;
    }
    return NULL;
}

static int taken_level(const struct rt_log_handler *o)
{
    return o->level == RT_LOG_DEFAULT ? RT_LOG_DEBUG : (int)o->level;
}

static enum agner_err make(struct rt *rt, const struct rt_log_handler *o,
                           struct log_handler **out, struct agner_error *error)
{
    struct log_handler *h = calloc(1, sizeof *h);

    if (h == NULL)
        return agner_fail(error, AGNER_ENOMEM, "log handler %s", o->id);
    h->rt = rt;
    h->world = rt->world;
    h->options = *o;
    complete(&h->options);
    (void)snprintf(h->id, sizeof h->id, "%s", o->id);
    h->options.id = h->id;
    h->in_place =
        rt->simulated || (o->kind == RT_LOG_CALLBACK && h->options.direct);
    h->encode = encoder_of(o);
    h->limit.queue_max = h->options.queue_max;
    h->limit.burst_max = h->options.burst_max;
    h->limit.burst_ns = h->options.burst_ms > RT_NEVER / 1000000u
                            ? RT_NEVER
                            : h->options.burst_ms * 1000000u;
    store_relaxed(&h->level, taken_level(o));
    if (!h->in_place)
        h->queue = calloc(h->options.queue_max, sizeof *h->queue);
    if (o->path != NULL)
        h->path = strdup(o->path);
    h->options.path = h->path;
    if ((h->queue == NULL && !h->in_place) ||
        (h->path == NULL && o->path != NULL)) {
        free_handler(h);
        return agner_fail(error, AGNER_ENOMEM, "log handler %s", o->id);
    }
    *out = h;
    return AGNER_OK;
}

/* The log's lock is held. */
static void count_levels(struct log *log)
{
    int highest = RT_LOG_NONE;

    for (size_t i = 0; i < log->count; i++) {
        int level = load_relaxed(&log->handlers[i]->level);

        if (level > highest)
            highest = level;
    }
    log->open_highest = highest;
    rt__log_gate(log);
}

static enum agner_err join_list(struct log *log, struct log_handler *h,
                                struct agner_error *error)
{
    enum agner_err err = AGNER_OK;

    rt__lock(&log->lock);
    if (log->count == RT_LOG_HANDLERS_MAX)
        err = AGNER_ELIMIT;
    for (size_t i = 0; i < log->count && err == AGNER_OK; i++)
        if (strcmp(log->handlers[i]->id, h->id) == 0)
            err = AGNER_ETAKEN;
    if (err == AGNER_OK) {
        log->handlers[log->count++] = h;
        count_levels(log);
    }
    rt__unlock(&log->lock);
    if (err != AGNER_OK)
        return agner_fail(error, err, "log handler %s: %s", h->id,
                          agner_strerror(err));
    return AGNER_OK;
}

enum agner_err rt_log_handler_add(struct rt *rt,
                                  const struct rt_log_handler *options,
                                  struct agner_error *error)
{
    struct agner_error why = { AGNER_OK, "" };
    struct log_handler *h = NULL;
    enum agner_err err = check(options, error);

    if (err == AGNER_OK)
        err = make(rt, options, &h, error);
    if (err != AGNER_OK)
        return err;
    /* Standard error is there, or is not, whoever opens it: the writer does. */
    if (options->kind == RT_LOG_FILE || options->kind == RT_LOG_JOURNALD)
        err = rt__log_open(h, &why);
    if (err != AGNER_OK)
        (void)agner_fail(error, err, "log handler %s: %s", h->id, why.text);
    else
        err = join_list(rt->log, h, error);
    if (err != AGNER_OK)
        free_handler(h);
    return err;
}

/* ---- Removing ----------------------------------------------------------- */

/* The one with that id, or with NULL any, out of the list, so that nobody finds
 * it any more; NULL: there is none. */
static struct log_handler *leave_list(struct log *log, const char *id)
{
    struct log_handler *h = NULL;

    rt__lock(&log->lock);
    for (size_t i = 0; i < log->count && h == NULL; i++) {
        if (id != NULL && strcmp(log->handlers[i]->id, id) != 0)
            continue;
        h = log->handlers[i];
        log->count--;
        memmove(&log->handlers[i], &log->handlers[i + 1],
                (log->count - i) * sizeof h);
        count_levels(log);
    }
    rt__unlock(&log->lock);
    return h;
}

/* Nobody finds the handler any more; ends it. */
static void end(struct rt *rt, struct log_handler *h)
{
    const struct rt_world *world = rt->world;
    uint32_t seen = add_acq_rel(&h->refs, LOG_CLOSING) + LOG_CLOSING;

    while (seen != LOG_CLOSING) {
        world->wait(world->ctx, &h->refs, seen, RT_NEVER);
        seen = load_acquire(&h->refs);
    }
    h->stop_ns = world->now_ns(world->ctx) + STOP_MS * UINT64_C(1000000);
    store_release(&h->stopping, 1u);
    rt__log_rouse(h);
    if (h->thread != NULL)
        world->thread_join(world->ctx, h->thread);
    rt__log_drain(h);
    free_handler(h);
}

enum agner_err rt_log_handler_remove(struct rt *rt, const char *id)
{
    struct log_handler *h = id == NULL ? NULL : leave_list(rt->log, id);

    if (h == NULL)
        return AGNER_ENONAME;
    end(rt, h);
    return AGNER_OK;
}

void rt__log_end_all(struct rt *rt)
{
    struct log_handler *h;

    while ((h = leave_list(rt->log, NULL)) != NULL)
        end(rt, h);
}

/* ---- Looking and asking ------------------------------------------------- */

enum agner_err rt_log_handler_level(struct rt *rt, const char *id,
                                    enum rt_log_level level)
{
    struct log *log = rt->log;
    struct rt_log_handler o = { .level = level };
    enum agner_err err = AGNER_ENONAME;

    if (level < RT_LOG_NONE || level > RT_LOG_DEBUG)
        return AGNER_EINVAL;
    rt__lock(&log->lock);
    for (size_t i = 0; i < log->count && err != AGNER_OK; i++) {
        if (strcmp(log->handlers[i]->id, id) != 0)
            continue;
        store_relaxed(&log->handlers[i]->level, taken_level(&o));
        count_levels(log);
        err = AGNER_OK;
    }
    rt__unlock(&log->lock);
    return err;
}

static void look(struct log_handler *h, struct rt_log_handler_info *info)
{
    memset(info, 0, sizeof *info);
    memcpy(info->id, h->id, sizeof info->id);
    info->kind = h->options.kind;
    info->level = (enum rt_log_level)load_relaxed(&h->level);
    rt__lock(&h->lock);
    info->written = h->written;
    info->dropped = h->dropped;
    info->failed = h->failed;
    info->waiting = h->taken - h->done;
    memcpy(info->error, h->error, sizeof info->error);
    rt__unlock(&h->lock);
}

size_t rt_log_handlers(struct rt *rt, struct rt_log_handler_info *infos,
                       size_t room)
{
    struct log_handler *all[RT_LOG_HANDLERS_MAX];
    size_t count = rt__log_hold_all(rt, all), i;

    for (i = 0; i < count; i++) {
        if (i < room)
            look(all[i], &infos[i]);
        rt__log_let_go(rt, all[i]);
    }
    return count;
}

static bool is_flushed(struct log_handler *h, uint64_t taken)
{
    bool flushed;

    rt__lock(&h->lock);
    flushed =
        h->done >= taken &&
        (!h->reopen || h->state == LOG_THREAD_NONE); /* then, when it is */
    rt__unlock(&h->lock);
    return flushed;
}

static bool flush(struct rt *rt, struct log_handler *h, uint64_t deadline_ns)
{
    const struct rt_world *world = rt->world;
    uint64_t taken;
    bool flushed;

    rt__lock(&h->lock);
    taken = h->taken;
    rt__unlock(&h->lock);
    (void)add_acq_rel(&h->flushing, 1u); /* before we look: rt__log_done() */
    for (;;) {
        uint32_t seen = load_acquire(&h->progress);

        flushed = h->in_place || is_flushed(h, taken);
        if (flushed || world->now_ns(world->ctx) >= deadline_ns)
            break;
        world->wait(world->ctx, &h->progress, seen, deadline_ns);
    }
    (void)sub_acq_rel(&h->flushing, 1u);
    return flushed;
}

enum agner_err rt_log_flush(struct rt *rt, uint64_t timeout_ms)
{
    struct log_handler *all[RT_LOG_HANDLERS_MAX];
    size_t count = rt__log_hold_all(rt, all), i;
    uint64_t deadline_ns = rt__deadline(rt, timeout_ms);
    bool flushed = true;

    for (i = 0; i < count; i++) {
        flushed &= flush(rt, all[i], deadline_ns);
        rt__log_let_go(rt, all[i]);
    }
    return flushed ? AGNER_OK : AGNER_ETIMEOUT;
}

void rt_log_reopen(struct rt *rt)
{
    struct log_handler *all[RT_LOG_HANDLERS_MAX];
    size_t count = rt__log_hold_all(rt, all), i;

    for (i = 0; i < count; i++) {
        struct log_handler *h = all[i];

        rt__lock(&h->lock);
        h->reopen = h->encode != NULL;
        rt__unlock(&h->lock);
        rt__log_rouse(h);
        rt__log_let_go(rt, h);
    }
}

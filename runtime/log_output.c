/*
 * log_output.c -- a handler's output: opened, written, rotated, opened again.
 *
 * The handler's writer has it to itself. What the system refuses is an error of
 * these events and no others: the next ones try again.
 */
#include "log_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS      100u /* between looks at whether to give up */
#define JOURNAL_PATH "/run/systemd/journal/socket"

static enum rt_output_kind kind_of(const struct log_handler *h)
{
    switch (h->options.kind) {
    case RT_LOG_FILE:
        return RT_OUTPUT_FILE;
    case RT_LOG_JOURNALD:
        return RT_OUTPUT_DATAGRAM;
    case RT_LOG_STDERR:
    case RT_LOG_CALLBACK: /* has no output */
        break;
    }
    return RT_OUTPUT_STDERR;
}

static bool wants_colour(const struct log_handler *h, bool terminal)
{
    const char *no = getenv("NO_COLOR");

    if (h->options.kind != RT_LOG_STDERR)
        return false;
    switch (h->options.colour) {
    case RT_LOG_COLOUR_ALWAYS:
        return true;
    case RT_LOG_COLOUR_NEVER:
        return false;
    case RT_LOG_COLOUR_AUTO:
        break;
    }
    return terminal && (no == NULL || no[0] == '\0');
}

enum agner_err rt__log_open(struct log_handler *h, struct agner_error *error)
{
    const struct rt_world *world = h->world;
    const char *path = h->path == NULL ? JOURNAL_PATH : h->path;
    struct rt_output *output;
    struct rt_output_info info;
    enum agner_err err =
        world->output_open(world->ctx, kind_of(h), path, &output, &info, error);

    if (err != AGNER_OK)
        return err;
    rt__log_close(h);
    h->output = output;
    h->output_size = info.size;
    if (h->options.kind == RT_LOG_FILE && info.size == 0)
        h->torn = false; /* a new one */
    h->style.colour = wants_colour(h, info.terminal);
    return AGNER_OK;
}

void rt__log_close(struct log_handler *h)
{
    if (h->output != NULL)
        h->world->output_close(h->world->ctx, h->output);
    h->output = NULL;
}

void rt__log_reopen(struct log_handler *h)
{
    struct agner_error error = { AGNER_OK, "" };
    bool wanted;

    rt__lock(&h->lock);
    wanted = h->reopen;
    rt__unlock(&h->lock);
    if (!wanted)
        return;
    if (h->encode != NULL)
        (void)rt__log_open(h, &error); /* or it stays, and `error` says so */
    rt__lock(&h->lock);
    h->reopen = false;
    rt__unlock(&h->lock);
    rt__log_done(h, 0, 0, 0, error.code == AGNER_OK ? NULL : error.text);
}

/* ---- Rotation ----------------------------------------------------------- */

/* The path of the file that is `age` rotations old; new, or NULL: no memory. */
static char *path_of(const struct log_handler *h, unsigned age)
{
    char *path = NULL;
    int size = age == 0 ? asprintf(&path, "%s", h->path)
                        : asprintf(&path, "%s.%u", h->path, age);

    return size < 0 ? NULL : path;
}

static enum agner_err grow_older(struct log_handler *h, unsigned age,
                                 struct agner_error *error)
{
    char *from = path_of(h, age), *to = path_of(h, age + 1);
    enum agner_err err = AGNER_ENOMEM;

    if (from != NULL && to != NULL)
        err = h->world->file_rename(h->world->ctx, from, to, error);
    free(from);
    free(to);
    return err;
}

/* The file becomes PATH.1, and so on; the oldest is replaced. If it cannot be,
 * it grows on, and is tried again when it has grown by as much. */
static void rotate(struct log_handler *h)
{
    struct agner_error error = { AGNER_OK, "out of memory" };
    enum agner_err err;

    for (unsigned age = h->options.keep - 1; age > 0; age--)
        (void)grow_older(h, age, NULL); /* there need not be so many */
    err = grow_older(h, 0, &error);
    if (err == AGNER_OK)
        err = rt__log_open(h, &error);
    if (err == AGNER_OK)
        return;
    h->output_size = 0;
    rt__log_done(h, 0, 0, 0, error.text);
}

/* ---- Writing ------------------------------------------------------------ */

/* How long an output that takes no more may be waited for now. */
static uint64_t patience_ms(const struct log_handler *h)
{
    uint64_t now_ns;

    if (load_acquire(&h->stopping) == 0)
        return WAIT_MS;
    now_ns = h->world->now_ns(h->world->ctx);
    if (now_ns >= h->stop_ns)
        return 0;
    return (h->stop_ns - now_ns) / 1000000u < WAIT_MS
               ? (h->stop_ns - now_ns) / 1000000u
               : WAIT_MS;
}

size_t rt__log_put(struct log_handler *h, const uint8_t *bytes, size_t size,
                   struct agner_error *error)
{
    bool is_file = h->options.kind == RT_LOG_FILE;
    bool may_return = h->options.kind == RT_LOG_JOURNALD; /* restarted */
    size_t done = 0;

    if (is_file && h->options.size_max > 0 && h->output_size > 0 &&
        h->output_size + size > h->options.size_max)
        rotate(h);
    while (done < size) {
        uint64_t wait_ms = patience_ms(h);
        enum agner_err err = AGNER_OK;
        size_t written = 0;

        rt__log_reopen(h);
        if (h->output == NULL)
            err = rt__log_open(h, error);
        if (err == AGNER_OK)
            err = h->world->output_write(h->world->ctx, h->output, bytes + done,
                                         size - done, wait_ms, &written, error);
        done += written;
        h->output_size += written;
        if (err == AGNER_ENOCONN && may_return) {
            may_return = false;
            rt__log_close(h);
        } else if (err != AGNER_OK && (err != AGNER_EAGAIN || wait_ms == 0)) {
            break;
        }
    }
    return done;
}

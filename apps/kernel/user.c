/*
 * user.c -- `user`: the device at the end of all group leaders.
 *
 * What is written to it goes to standard output, on a thread that may wait: a
 * pipe that nobody reads costs the text, after WRITE_MS, and nothing else.
 * Where there is no standard output, or the environment of `kernel` has {user,
 * log}, it goes to the log, a line of it for each line. There is no input.
 * Source: OTP 25, user; spec/distribution.md 13.
 */
#include <string.h>

#include "kernel_internal.h"

#include "rt_world.h"

#define WRITE_MS       1000
#define LINE_MAX_BYTES 1024 /* of the log; the rest of a line is cut */

struct user {
    struct rt_output *output; /* owned; NULL: the log */
    const struct rt_world *world;
};

static enum gen_next user_init(struct gen *self, etf_term args)
{
    struct user *u = gen_state(self);
    struct rt_output_info info;
    etf_term where;

    (void)args;
    u->world = rt_world_of(rt_of(self));
    if (gen_application_get_env(self, "kernel", "user", &where) == AGNER_OK &&
        etf_atom_is(where, "log"))
        return GEN_NEXT;
    /* Without one it is the log. */
    (void)u->world->output_open(u->world->ctx, RT_OUTPUT_STDOUT, NULL,
                                &u->output, &info, NULL);
    return GEN_NEXT;
}

struct job {
    const struct user *user;
    etf_bytes text;
    enum agner_err err;
};

static void write_out(void *arg)
{
    struct job *job = arg;
    const struct rt_world *world = job->user->world;
    size_t written;

    job->err =
        world->output_write(world->ctx, job->user->output, job->text.data,
                            job->text.size, WRITE_MS, &written, NULL);
}

static void log_lines(struct gen *self, etf_bytes text)
{
    size_t start = 0;

    while (start < text.size) {
        const char *line = (const char *)text.data + start;
        const char *end = memchr(line, '\n', text.size - start);
        size_t size = end != NULL ? (size_t)(end - line) : text.size - start;

        rt_log_self(self, RT_LOG_NOTICE, "%.*s",
                    (int)(size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES), line);
        start += size + 1;
    }
}

static enum agner_err user_write(struct gen *self, void *ctx, etf_bytes text)
{
    struct job job = { .user = ctx, .text = text };
    enum agner_err err;

    if (job.user->output == NULL) {
        log_lines(self, text);
        return AGNER_OK;
    }
    err = rt_blocking(self, write_out, &job);
    return err == AGNER_OK ? job.err : err;
}

static enum gen_next user_info(struct gen *self, etf_term message)
{
    static const struct gen_io_device device = { .write = user_write };

    (void)gen_io_serve(self, &device, gen_state(self), message);
    return GEN_NEXT;
}

static void user_destroy(void *state)
{
    struct user *u = state;

    if (u->output != NULL)
        u->world->output_close(u->world->ctx, u->output);
}

const struct gen_server kernel__user = {
    .name = "user",
    .state_size = sizeof(struct user),
    .init = user_init,
    .handle_cast = kernel__drop,
    .handle_info = user_info,
    .destroy = user_destroy,
};

/*
 * application_io.c -- what a group leader does with an I/O request.
 *
 * A master is nobody's terminal: it passes requests on to the leader that it
 * had itself, or to `user`, which answers to whoever asked. Where there is
 * neither, output goes to the log, a line of it for each line of text.
 *
 * Source: OTP 25, The Erlang I/O Protocol.
 */
#include <string.h>

#include "application_internal.h"

#define LINE_MAX_BYTES 1024 /* of the log; the rest of a line is cut */

struct lines {
    const char *name; /* borrowed: what they begin with */
};

static enum agner_err log_lines(struct gen *self, void *ctx, etf_bytes text)
{
    const struct lines *lines = ctx;
    size_t start = 0;

    while (start < text.size) {
        const char *line = (const char *)text.data + start;
        const char *end = memchr(line, '\n', text.size - start);
        size_t size = end != NULL ? (size_t)(end - line) : text.size - start;

        rt_log_self(self, RT_LOG_NOTICE, "%s: %.*s", lines->name,
                    (int)(size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES), line);
        start += size + 1;
    }
    return AGNER_OK;
}

static bool pass_on(struct gen *self, etf_pid leader, etf_term message)
{
    if (etf_pid_is_none(leader) || etf_pid_equal(leader, rt_self(self)))
        return rt_send(self, etf_atom("user"), message) == AGNER_OK;
    return rt_send_pid(self, leader, message) == AGNER_OK;
}

bool gen__application_io(struct gen *self, etf_pid leader, const char *name,
                         etf_term message)
{
    static const struct gen_io_device log = { .write = log_lines };
    struct lines lines = { name };

    if (!etf_is_tagged(message, etf_atom("io_request"), 4))
        return false;
    return pass_on(self, leader, message) ||
           gen_io_serve(self, &log, &lines, message);
}

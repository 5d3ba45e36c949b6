/*
 * log.c -- one line at a time to the runtime's log.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

#define LINE_MAX_BYTES 2048

static const char *const level_names[] = { "error", "warning", "notice", "info",
                                           "debug" };

static void to_stderr(struct rt *rt, enum rt_log_level level, const char *text)
{
    uint64_t ms = rt->world->wall_ns(rt->world->ctx) / 1000000u;
    uint64_t day_s = ms / 1000u % 86400u;

    fprintf(stderr, "%02u:%02u:%02u.%03u %s %s\n", (unsigned)(day_s / 3600),
            (unsigned)(day_s / 60 % 60), (unsigned)(day_s % 60),
            (unsigned)(ms % 1000), level_names[level], text);
}

/* Control characters would let one line look like two. */
static void clean(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 32 || *text == 127)
            *text = ' ';
}

void rt_log(struct rt *rt, enum rt_log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    if (!rt->options.log_all && level > rt->options.log_level)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args); /* cut when too long */
    va_end(args);
    clean(line);
    if (rt->options.log != NULL)
        rt->options.log(rt->options.log_ctx, level, line);
    else
        to_stderr(rt, level, line);
}

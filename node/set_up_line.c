/*
 * set_up_line.c -- tells what a set-up of a connection does, a line a step.
 */
#include "set_up_line.h"

#include <stdarg.h>
#include <stdio.h>

void node__set_up_line(void (*line)(void *ctx, const char *text), void *ctx,
                       const char *format, ...)
{
    char text[400];
    va_list args;

    if (line == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line(ctx, text);
}

/*
 * error.c -- the list of errors as text, and the sentence that goes with one.
 */
#include <agner/etf.h>

#include <stdarg.h>
#include <stdio.h>

const char *agner_strerror(enum agner_err err)
{
#define ERROR_TEXT(name, value, text) \
    case AGNER_##name: \
        return (text);
    switch (err) {
        AGNER_ERRORS(ERROR_TEXT)
    }
#undef ERROR_TEXT
    return "unknown error";
}

enum agner_err agner_fail(struct agner_error *error, enum agner_err err,
                          const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return err;
    error->code = err;
    va_start(args, format);
    /* A sentence that does not fit is cut: it is for a person. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started above */
    (void)vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return err;
}

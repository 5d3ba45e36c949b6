/*
 * cookie_lines.c -- line by line.
 */
#include "cookie_lines.h"

#include <string.h>

#include "noise.h"

_Static_assert(COOKIE_LINES_MAX *(COOKIE_TEXT_MAX + 1) <= COOKIE_FILE_MAX,
               "all lines, each with its end, fit into a file");

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* One line, which may be empty. */
static enum agner_err take(struct cookie_lines *lines, const char *text,
                           const char *end, struct agner_error *error)
{
    size_t size;

    while (text < end && is_blank(*text))
        text++;
    while (text < end && is_blank(end[-1]))
        end--;
    size = (size_t)(end - text);
    if (size == 0)
        return AGNER_OK;
    if (memchr(text, '\0', size) != NULL)
        return agner_fail(error, AGNER_ESYNTAX, "a zero byte");
    if (size > COOKIE_TEXT_MAX)
        return agner_fail(error, AGNER_ESYNTAX,
                          "a cookie has up to %u characters", COOKIE_TEXT_MAX);
    if (lines->count == COOKIE_LINES_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %u cookies",
                          COOKIE_LINES_MAX);
    memcpy(lines->text[lines->count], text, size);
    lines->text[lines->count++][size] = '\0';
    return AGNER_OK;
}

enum agner_err node__cookie_lines(const char *text, size_t size,
                                  struct cookie_lines *lines,
                                  struct agner_error *error)
{
    const char *end = text + size;
    struct agner_error cause = { AGNER_OK, "" };
    enum agner_err err = AGNER_OK;
    unsigned number = 0;

    memset(lines, 0, sizeof *lines);
    if (size > COOKIE_FILE_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %u bytes",
                          COOKIE_FILE_MAX);
    while (err == AGNER_OK && text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        number++;
        err = take(lines, text, newline != NULL ? newline : end, &cause);
        text = newline != NULL ? newline + 1 : end;
    }
    if (err == AGNER_OK && lines->count == 0)
        return agner_fail(error, AGNER_ESYNTAX, "there is no cookie in it");
    if (err == AGNER_OK)
        return AGNER_OK;
    node__noise_wipe(lines, sizeof *lines);
    return agner_fail(error, err, "line %u: %s", number, cause.text);
}

size_t node__cookie_lines_write(const struct cookie_lines *lines,
                                char out[COOKIE_FILE_MAX])
{
    size_t at = 0;

    for (size_t i = 0; i < lines->count; i++) {
        size_t size = strlen(lines->text[i]);

        memcpy(out + at, lines->text[i], size);
        at += size;
        out[at++] = '\n';
    }
    return at;
}

bool node__cookie_lines_have(const struct cookie_lines *lines,
                             const char *cookie)
{
    bool has = false;

    for (size_t i = 0; i < lines->count; i++)
        has |= strcmp(lines->text[i], cookie) == 0;
    return has;
}

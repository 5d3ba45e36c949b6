/*
 * shell_scan.c -- where a statement ends, and where its operator is.
 *
 * Knows what is opaque: "texts", 'atoms', $characters and % comments; and
 * counts brackets. What is in them is read by shell_expr.c.
 */
#include "shell.h"

#include <ctype.h>
#include <string.h>

/* Past the end of what `quote` has begun before `at`; NULL: it does not end. */
static const char *quoted_end(const char *at, const char *end, char quote)
{
    while (at < end && *at != quote)
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return at < end ? at + 1 : NULL;
}

static const char *comment_end(const char *at, const char *end)
{
    while (at < end && *at != '\n')
        at++;
    return at;
}

/* Past what begins at `at` and is one thing to a scanner; NULL: it does not
 * end. */
static const char *next(const char *at, const char *end)
{
    if (*at == '"' || *at == '\'')
        return quoted_end(at + 1, end, *at);
    if (*at == '%')
        return comment_end(at, end);
    if (*at == '$' && at + 1 < end)
        return at + (at[1] == '\\' && at + 2 < end ? 3 : 2);
    return at + 1;
}

static int depth_of(const char *at, const char *end)
{
    if (*at == '(' || *at == '[' || *at == '{')
        return 1;
    if (*at == ')' || *at == ']' || *at == '}')
        return -1;
    if (end - at >= 2 && memcmp(at, "<<", 2) == 0)
        return 1;
    if (end - at >= 2 && memcmp(at, ">>", 2) == 0)
        return -1;
    return 0;
}

void shell_scan(struct shell_scan *scan, const char *text, size_t size)
{
    const char *end = text + size;

    while (text < end) {
        int more;

        if (scan->quote == 0 && (*text == '"' || *text == '\''))
            scan->quote = *text++;
        if (scan->quote != 0) {
            text = quoted_end(text, end, scan->quote);
            if (text == NULL)
                return;
            scan->quote = 0;
            continue;
        }
        more = depth_of(text, end);
        scan->depth += more;
        text = next(text + (more != 0 && (*text == '<' || *text == '>')), end);
    }
}

bool shell_is_whole(const struct shell_scan *scan)
{
    return scan->quote == 0 && scan->depth <= 0;
}

/* Is the = at `at` a part of another operator? */
static bool is_longer(const char *text, const char *at, const char *end)
{
    if (at > text && strchr("=<>:/", at[-1]) != NULL)
        return true;
    return at + 1 < end && strchr("=<>:", at[1]) != NULL;
}

const char *shell_find_operator(const char *text, size_t size, char op)
{
    const char *end = text + size, *at = text;
    int depth = 0;

    while (at != NULL && at < end) {
        int more = depth_of(at, end);

        depth += more;
        if (more != 0 && (*at == '<' || *at == '>'))
            at++;
        else if (depth == 0 && *at == op &&
                 !(op == '=' && is_longer(text, at, end)))
            return at;
        at = next(at, end);
    }
    return NULL;
}

const char *shell_skip(const char *at, const char *end)
{
    while (at < end && (isspace((unsigned char)*at) || *at == '%'))
        at = *at == '%' ? comment_end(at, end) : at + 1;
    return at;
}

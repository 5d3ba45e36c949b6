/*
 * cookie_lines.h -- the text of a cookie file: a cookie in each line.
 *
 * Private to node/ and the command; pure. The first cookie is the one that is
 * shown, all are accepted, so that a cluster gets another one without a moment
 * in which two nodes have none in common. Empty lines do not count, and neither
 * does white space around a cookie. Source: spec/reliability.md 6.3.
 */
#ifndef NODE_COOKIE_LINES_H
#define NODE_COOKIE_LINES_H

#include <stdbool.h>

#include <agner/etf.h>

#define COOKIE_LINES_MAX 16u /* further ones: AGNER_ELIMIT */
#define COOKIE_TEXT_MAX  255u
#define COOKIE_FILE_MAX  8192u /* bytes */

/* A secret; all zero: none. */
struct cookie_lines {
    size_t count;
    char text[COOKIE_LINES_MAX][COOKIE_TEXT_MAX + 1];
};

/* Reads a file's text, any bytes. AGNER_ESYNTAX ("line 2: ..."), AGNER_ELIMIT;
 * then `lines` has none. */
enum agner_err node__cookie_lines(const char *text, size_t size,
                                  struct cookie_lines *lines,
                                  struct agner_error *error);

/* Writes it again; `out` has COOKIE_FILE_MAX bytes, which always suffice.
 * Returns how many they are. */
size_t node__cookie_lines_write(const struct cookie_lines *lines,
                                char out[COOKIE_FILE_MAX]);

/* Is it among them? */
bool node__cookie_lines_have(const struct cookie_lines *lines,
                             const char *cookie);

#endif

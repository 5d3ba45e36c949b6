/*
 * draw.h -- trees as lines of text.
 */
#ifndef AGNER_DRAW_H
#define AGNER_DRAW_H

#include <stdbool.h>
#include <stddef.h>

#define DRAW_DEPTH_MAX  64
#define DRAW_BRANCH_MAX (DRAW_DEPTH_MAX * 7 + 1) /* bytes, with the zero */

/* All zero but `utf8` before the last row. */
struct draw {
    bool utf8;                 /* lines of boxes, or of ASCII */
    bool more[DRAW_DEPTH_MAX]; /* a row of that depth is drawn below */
};

/*
 * What stands in front of a row: its branch, and the lines that go past it.
 * Rows are given from the last one to the first, since only those below say
 * whether a line goes on. Depth 0 has nothing in front; one of DRAW_DEPTH_MAX
 * and more is drawn like the deepest. Returns `text`.
 */
const char *draw_branch(struct draw *d, unsigned depth,
                        char text[DRAW_BRANCH_MAX]);

/* Does who reads our output expect UTF-8? By LC_ALL, LC_CTYPE and LANG, in this
 * order, as the C library would look, but without its tables of locales. */
bool draw_utf8(void);

#endif

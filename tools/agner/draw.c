/*
 * draw.c -- trees as lines of text: pure, but for the environment.
 */
#include "draw.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The four things that stand in front of a row, each three cells wide. */
enum glyph { GLYPH_NONE, GLYPH_PAST, GLYPH_FORK, GLYPH_LAST };

static const char *const glyphs[2][4] = {
    { "   ", "|  ", "|- ", "`- " },
    { "   ", "│  ", "├─ ", "└─ " },
};

const char *draw_branch(struct draw *d, unsigned depth,
                        char text[DRAW_BRANCH_MAX])
{
    size_t size = 0;

    if (depth >= DRAW_DEPTH_MAX)
        depth = DRAW_DEPTH_MAX - 1;
    for (unsigned level = 1; level <= depth; level++) {
        enum glyph glyph = d->more[level] ? GLYPH_PAST : GLYPH_NONE;
        const char *drawn;

        if (level == depth)
            glyph = d->more[level] ? GLYPH_FORK : GLYPH_LAST;
        drawn = glyphs[d->utf8][glyph];
        memcpy(text + size, drawn, strlen(drawn));
        size += strlen(drawn);
    }
    text[size] = '\0';
    d->more[depth] = true;
    for (unsigned level = depth + 1; level < DRAW_DEPTH_MAX; level++)
        d->more[level] = false;
    return text;
}

bool draw_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL ||
                   strcasestr(value, "utf8") != NULL;
    }
    return false;
}

/*
 * term_scan.c -- brackets and commas in the text of a term, with their places.
 */
#include "term_scan.h"

#include <string.h>

enum token { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA, TOKEN_OTHER };

struct scan {
    const char *text;
    size_t size;
    size_t next;  /* not looked at yet */
    size_t start; /* of the token that was returned last */
};

/* Behind the closing quote, or the end of the text. */
static void skip_quoted(struct scan *s, char quote)
{
    while (s->next < s->size && s->text[s->next] != quote)
        s->next += s->text[s->next] == '\\' ? 2 : 1;
    s->next = s->next < s->size ? s->next + 1 : s->size;
}

static void skip_blank(struct scan *s)
{
    while (s->next < s->size) {
        char c = s->text[s->next];

        if (c == '%') {
            while (s->next < s->size && s->text[s->next] != '\n')
                s->next++;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            s->next++;
        } else {
            return;
        }
    }
}

/* Does the text go on with the same character once more? For << and >>. */
static bool doubled(struct scan *s, char c)
{
    if (s->next >= s->size || s->text[s->next] != c)
        return false;
    s->next++;
    return true;
}

static enum token next_token(struct scan *s)
{
    char c;

    skip_blank(s);
    s->start = s->next;
    if (s->next >= s->size)
        return TOKEN_END;
    c = s->text[s->next++];
    switch (c) {
    case '[':
    case '{':
    case '(':
        return TOKEN_OPEN;
    case ']':
    case '}':
    case ')':
        return TOKEN_CLOSE;
    case ',':
        return TOKEN_COMMA;
    case '<':
        return doubled(s, c) ? TOKEN_OPEN : TOKEN_OTHER;
    case '>':
        return doubled(s, c) ? TOKEN_CLOSE : TOKEN_OTHER;
    case '"':
    case '\'':
        skip_quoted(s, c);
        return TOKEN_OTHER;
    case '$':
        s->next += s->next < s->size && s->text[s->next] == '\\' ? 2 : 1;
        return TOKEN_OTHER;
    default:
        return TOKEN_OTHER;
    }
}

size_t apps__term_depth(const char *text, size_t size)
{
    struct scan s = { text, size, 0, 0 };
    size_t depth = 0, deepest = 0;

    for (;;) {
        enum token token = next_token(&s);

        if (token == TOKEN_END)
            return deepest;
        if (token == TOKEN_OPEN && ++depth > deepest)
            deepest = depth;
        else if (token == TOKEN_CLOSE && depth > 0)
            depth--;
    }
}

/* From behind an opening bracket to the element of that index: false when the
 * bracket closes before. */
static bool skip_elements(struct scan *s, size_t index)
{
    size_t depth = 0;

    while (index > 0) {
        enum token token = next_token(s);

        if (token == TOKEN_END || (token == TOKEN_CLOSE && depth == 0))
            return false;
        if (token == TOKEN_OPEN)
            depth++;
        else if (token == TOKEN_CLOSE)
            depth--;
        else if (token == TOKEN_COMMA && depth == 0)
            index--;
    }
    return true;
}

size_t apps__term_offset(const char *text, size_t size, const size_t *path,
                         size_t count)
{
    struct scan s = { text, size, 0, 0 };
    enum token token = next_token(&s);
    size_t found = s.start;

    for (size_t i = 0; i < count && token == TOKEN_OPEN; i++) {
        if (!skip_elements(&s, path[i]))
            break;
        token = next_token(&s);
        if (token == TOKEN_CLOSE || token == TOKEN_END)
            break;
        found = s.start;
    }
    return found;
}

void apps__term_place(const char *text, size_t offset, unsigned *line,
                      unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

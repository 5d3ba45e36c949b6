/*
 * template.c -- a template as the text of a project: pure, line by line.
 */
#include "template.h"

#include <string.h>

#define NESTED_MAX 8
#define NAME_MAX   40

/* ---- Lines that decide ------------------------------------------------ */

/* An #if that is open: does it stay in the text, and does what is in it? */
struct open {
    bool ours, shown;
};

struct expansion {
    struct etf_buffer *out;
    const char *name;
    unsigned parts;
    struct open open[NESTED_MAX];
    size_t depth;
};

static bool is_word(const char *line, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(line, word, size) == 0;
}

/* The part that `word` names, or 0. */
static unsigned part_of(const char *word, size_t size)
{
    static const struct {
        const char *word;
        unsigned part;
    } parts[] = { { "SERVER", TEMPLATE_SERVER },
                  { "SUP", TEMPLATE_SUP },
                  { "STATEM", TEMPLATE_STATEM },
                  { "STAGE", TEMPLATE_STAGE },
                  { "SAGA", TEMPLATE_SAGA } };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (is_word(word, size, parts[i].word))
            return parts[i].part;
    }
    return 0;
}

static bool begins(const char *line, size_t size, const char *with)
{
    return size >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static bool is_shown(const struct expansion *x)
{
    for (size_t i = 0; i < x->depth; i++) {
        if (!x->open[i].shown)
            return false;
    }
    return true;
}

/* An #ifdef or #ifndef: `word` is what stands behind it. */
static enum agner_err open_if(struct expansion *x, const char *word,
                              size_t size, bool wanted, bool *ours)
{
    unsigned part = part_of(word, size);

    if (x->depth == NESTED_MAX)
        return AGNER_EMALFORMED;
    *ours = part != 0;
    x->open[x->depth].ours = *ours;
    x->open[x->depth].shown = !*ours || ((x->parts & part) != 0) == wanted;
    x->depth++;
    return AGNER_OK;
}

/* Is this line one of the template's own? Then it is obeyed, and is no text. */
static enum agner_err obey(struct expansion *x, const char *line, size_t size,
                           bool *ours)
{
    struct open *top = x->depth > 0 ? &x->open[x->depth - 1] : NULL;

    *ours = false;
    if (begins(line, size, "#ifdef "))
        return open_if(x, line + 7, size - 7, true, ours);
    if (begins(line, size, "#ifndef "))
        return open_if(x, line + 8, size - 8, false, ours);
    if (!begins(line, size, "#else") && !begins(line, size, "#endif"))
        return AGNER_OK;
    if (top == NULL)
        return AGNER_EMALFORMED;
    *ours = top->ours;
    if (begins(line, size, "#endif"))
        x->depth--;
    else if (top->ours)
        top->shown = !top->shown;
    return AGNER_OK;
}

/* ---- Words that are replaced ------------------------------------------ */

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static enum agner_err put_name(struct expansion *x, bool capitals)
{
    enum agner_err err = AGNER_OK;

    for (const char *c = x->name; *c != '\0' && err == AGNER_OK; c++) {
        char shown = *c;

        if (capitals && shown >= 'a' && shown <= 'z')
            shown = (char)(shown - 'a' + 'A');
        err = etf_buffer_add(x->out, &shown, 1);
    }
    return err;
}

static enum agner_err put_line(struct expansion *x, const char *line,
                               size_t size)
{
    enum agner_err err = AGNER_OK;

    for (size_t i = 0; i < size && err == AGNER_OK;) {
        bool whole = size - i >= 4 && (i == 0 || !is_capital(line[i - 1])) &&
                     (size - i == 4 || !is_capital(line[i + 4]));

        if (whole &&
            (is_word(line + i, 4, "NAME") || is_word(line + i, 4, "CAPS"))) {
            err = put_name(x, line[i] == 'C');
            i += 4;
        } else {
            err = etf_buffer_add(x->out, line + i, 1);
            i++;
        }
    }
    return err == AGNER_OK ? etf_buffer_add(x->out, "\n", 1) : err;
}

enum agner_err template_expand(struct etf_buffer *out, const char *text,
                               const char *name, unsigned parts)
{
    struct expansion x = { .out = out, .name = name, .parts = parts };
    enum agner_err err = AGNER_OK;

    while (*text != '\0' && err == AGNER_OK) {
        size_t size = strcspn(text, "\n");
        bool ours;

        err = obey(&x, text, size, &ours);
        if (err == AGNER_OK && !ours && is_shown(&x))
            err = put_line(&x, text, size);
        text += size + (text[size] == '\n');
    }
    return err == AGNER_OK && x.depth > 0 ? AGNER_EMALFORMED : err;
}

/* ---- Names ------------------------------------------------------------ */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || is_capital(c);
}

const char *template_refuses(const char *name)
{
    static const char *const taken[] = { "agner", "etf", "gen", "kernel",
                                         "node",  "rt",  "sim" };
    size_t size = strlen(name);

    if (!is_letter(name[0]))
        return "it does not begin with a letter";
    for (size_t i = 0; i < size; i++) {
        if (!is_letter(name[i]) && name[i] != '_' &&
            (name[i] < '0' || name[i] > '9'))
            return "it is no name in C: only letters, digits and _";
    }
    if (size > NAME_MAX)
        return "it is over 40 characters";
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (strcmp(name, taken[i]) == 0)
            return "agner's own names begin so";
    }
    return NULL;
}

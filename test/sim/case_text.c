/*
 * case_text.c -- a case as text, one thing a line, and its files.
 *
 *     # what it shows
 *     test bank
 *     fails money
 *     seed 4711
 *     option cut_ppm 10000
 *       actor 3             items are indented: two blanks a level
 *         send 4 120
 *     tape 0*120 5 0*3 17   in as many lines as it takes; 0*3 is 0 0 0
 */
#include "sim_case.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAPE_MAX  (UINT64_C(1) << 24) /* numbers */
#define FILE_MAX  (UINT64_C(64) << 20)
#define LEVEL_MAX 100u
#define LINE_WIDE 72u

/* ---- Reading ----------------------------------------------------------------
 */

/* What is left of a line. */
struct line {
    const char *next, *end;
    unsigned number;
    struct agner_error *error;
};

struct word {
    const char *text;
    size_t size;
};

static enum agner_err bad(const struct line *line, const char *what)
{
    return agner_fail(line->error, AGNER_EINVAL, "line %u: %s", line->number,
                      what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next one; empty at the end. */
static struct word take_word(struct line *line)
{
    struct word word;

    while (line->next < line->end && is_blank(*line->next))
        line->next++;
    word.text = line->next;
    while (line->next < line->end && !is_blank(*line->next))
        line->next++;
    word.size = (size_t)(line->next - word.text);
    return word;
}

static bool is(struct word word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.text, text, word.size) == 0;
}

/* Digits from *next on, all that there are. */
static bool take_number(const char **next, const char *end, uint64_t *value)
{
    const char *first = *next;

    *value = 0;
    for (; *next < end && **next >= '0' && **next <= '9'; (*next)++)
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(**next - '0'), value))
            return false;
    return *next > first;
}

static bool read_number(struct word word, uint64_t *value)
{
    const char *next = word.text, *end = word.text + word.size;

    return take_number(&next, end, value) && next == end;
}

static bool read_signed(struct word word, int64_t *value)
{
    bool negative = word.size > 0 && word.text[0] == '-';
    uint64_t magnitude;

    if (negative) {
        word.text++;
        word.size--;
    }
    if (!read_number(word, &magnitude) || magnitude > INT64_MAX)
        return false;
    *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

static bool read_name(struct word word, char *name)
{
    if (word.size == 0 || word.size >= SIM_NAME_MAX)
        return false;
    memcpy(name, word.text, word.size);
    name[word.size] = '\0';
    return true;
}

static enum agner_err read_item(struct line *line, unsigned indent,
                                struct sim_case *c)
{
    int64_t numbers[SIM_ITEM_NUMBERS];
    char name[SIM_NAME_MAX];
    unsigned count = 0;
    struct word word;

    if (indent % 2 != 0 || indent / 2 > LEVEL_MAX)
        return bad(line, "items are indented by two blanks a level");
    if (!read_name(take_word(line), name))
        return bad(line, "an item's word is too long");
    while ((word = take_word(line)).size > 0) {
        if (count == SIM_ITEM_NUMBERS || !read_signed(word, &numbers[count]))
            return bad(line, "an item's numbers");
        count++;
    }
    if (sim_item_add(c, indent / 2 - 1, name, count, numbers) != AGNER_OK)
        return bad(line, "too many items");
    return AGNER_OK;
}

static enum agner_err read_option(struct line *line, struct sim_case *c)
{
    struct word name = take_word(line);
    int index = sim__option_find(name.text, name.size);
    uint64_t value;

    if (index < 0)
        return bad(line, "no such option");
    if (!read_number(take_word(line), &value))
        return bad(line, "an option's number");
    sim__option_set(&c->options, (size_t)index, value);
    return AGNER_OK;
}

static enum agner_err add_to_tape(struct sim_case *c, uint64_t count,
                                  uint64_t value)
{
    size_t all;
    uint64_t *tape;

    if (count > TAPE_MAX - c->tape_count)
        return AGNER_ELIMIT;
    all = c->tape_count + (size_t)count;
    tape = realloc(c->tape, (all + 1) * sizeof *tape);
    if (tape == NULL)
        return AGNER_ENOMEM;
    c->tape = tape;
    while (c->tape_count < all)
        tape[c->tape_count++] = value;
    return AGNER_OK;
}

/* Value, or Value*Count. An empty tape is one too. */
static enum agner_err read_tape(struct line *line, struct sim_case *c)
{
    enum agner_err err = add_to_tape(c, 0, 0);
    struct word word;

    while (err == AGNER_OK && (word = take_word(line)).size > 0) {
        const char *next = word.text, *end = word.text + word.size;
        uint64_t value, count = 1;

        if (!take_number(&next, end, &value))
            return bad(line, "a number of the tape");
        if (next < end && *next == '*') {
            next++;
            if (!take_number(&next, end, &count))
                return bad(line, "how often a number is on the tape");
        }
        if (next < end)
            return bad(line, "a number of the tape");
        err = add_to_tape(c, count, value);
    }
    return err == AGNER_OK ? AGNER_OK : agner_fail(line->error, err, "tape");
}

static enum agner_err read_line(struct line *line, struct sim_case *c)
{
    unsigned indent = 0;
    enum agner_err err = AGNER_OK;
    struct word word;

    while (line->next + indent < line->end && line->next[indent] == ' ')
        indent++;
    if (indent > 0 && line->next + indent < line->end)
        return read_item(line, indent, c);
    word = take_word(line);
    if (word.size == 0)
        return AGNER_OK;
    if (is(word, "option"))
        err = read_option(line, c);
    else if (is(word, "tape"))
        err = read_tape(line, c);
    else if (is(word, "test") ? !read_name(take_word(line), c->test)
             : is(word, "fails")
                 ? !read_name(take_word(line), c->fails)
                 : !is(word, "seed") || !read_number(take_word(line), &c->seed))
        return bad(line, "test NAME, fails NAME, seed N, option NAME N, tape");
    if (err == AGNER_OK && take_word(line).size > 0)
        return bad(line, "more than there should be");
    return err;
}

enum agner_err sim_case_parse(const char *text, size_t size, struct sim_case *c,
                              struct agner_error *error)
{
    struct line line = { .next = text, .error = error };
    const char *end = text + size;
    enum agner_err err = AGNER_OK;

    *c = (struct sim_case){ .seed = 0 };
    while (line.next < end && err == AGNER_OK) {
        const char *newline =
            memchr(line.next, '\n', (size_t)(end - line.next));
        const char *last = newline == NULL ? end : newline;
        const char *comment =
            memchr(line.next, '#', (size_t)(last - line.next));

        line.number++;
        line.end = comment == NULL ? last : comment;
        err = read_line(&line, c);
        line.next = newline == NULL ? end : newline + 1;
    }
    if (err == AGNER_OK && c->test[0] == '\0')
        err = agner_fail(error, AGNER_EINVAL, "no test is named");
    if (err != AGNER_OK)
        sim_case_fini(c);
    return err;
}

/* ---- Writing ------------------------------------------------------------ */

static enum agner_err add(struct etf_buffer *b, enum agner_err err,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Nothing after an error. */
static enum agner_err add(struct etf_buffer *b, enum agner_err err,
                          const char *format, ...)
{
    char text[160];
    va_list args;
    int size;

    if (err != AGNER_OK)
        return err;
    va_start(args, format);
    size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof text)
        return AGNER_ELIMIT; /* no line's part is so long */
    return etf_buffer_add(b, text, (size_t)size);
}

static enum agner_err print_item(const struct sim_item *item,
                                 struct etf_buffer *b)
{
    enum agner_err err = AGNER_OK;
    unsigned i;

    for (i = 0; i <= item->level; i++)
        err = add(b, err, "  ");
    err = add(b, err, "%s", item->word);
    for (i = 0; i < item->count; i++)
        err = add(b, err, " %" PRId64, item->numbers[i]);
    return add(b, err, "\n");
}

static enum agner_err print_tape(const struct sim_case *c, struct etf_buffer *b)
{
    enum agner_err err = add(b, AGNER_OK, "tape");
    size_t line = b->size, i = 0, same;

    for (; i < c->tape_count && err == AGNER_OK; i += same) {
        for (same = 1; i + same < c->tape_count; same++)
            if (c->tape[i + same] != c->tape[i])
                break;
        err = add(b, err, " %" PRIu64, c->tape[i]);
        if (same > 1)
            err = add(b, err, "*%zu", same);
        if (b->size - line > LINE_WIDE && i + same < c->tape_count) {
            err = add(b, err, "\ntape");
            line = b->size;
        }
    }
    return add(b, err, "\n");
}

enum agner_err sim_case_print(const struct sim_case *c, struct etf_buffer *b)
{
    enum agner_err err = add(b, AGNER_OK, "test %s\n", c->test);
    size_t i;

    if (c->fails[0] != '\0')
        err = add(b, err, "fails %s\n", c->fails);
    err = add(b, err, "seed %" PRIu64 "\n", c->seed);
    for (i = 0; i < sim__option_count(); i++)
        if (sim__option_get(&c->options, i) != 0)
            err = add(b, err, "option %s %" PRIu64 "\n", sim__option_name(i),
                      sim__option_get(&c->options, i));
    for (i = 0; i < c->item_count && err == AGNER_OK; i++)
        err = print_item(&c->items[i], b);
    if (err == AGNER_OK && c->tape != NULL)
        err = print_tape(c, b);
    return err;
}

/* ---- Files -------------------------------------------------------------- */

static enum agner_err read_all(FILE *file, struct etf_buffer *b)
{
    char piece[4096];
    size_t size;

    while ((size = fread(piece, 1, sizeof piece, file)) > 0) {
        if (b->size + size > FILE_MAX)
            return AGNER_ELIMIT;
        if (etf_buffer_add(b, piece, size) != AGNER_OK)
            return AGNER_ENOMEM;
    }
    return ferror(file) ? AGNER_ESYSTEM : AGNER_OK;
}

enum agner_err sim_case_read(const char *path, struct sim_case *c,
                             struct agner_error *error)
{
    struct etf_buffer b = { .data = NULL };
    FILE *file = fopen(path, "re");
    enum agner_err err;

    if (file == NULL)
        return agner_fail(error,
                          errno == ENOENT ? AGNER_ENONAME : AGNER_ESYSTEM,
                          "%s: cannot be read", path);
    err = read_all(file, &b);
    (void)fclose(file); /* nothing was written */
    if (err != AGNER_OK)
        err = agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    else
        err = sim_case_parse((const char *)b.data, b.size, c, error);
    etf_buffer_fini(&b);
    return err;
}

enum agner_err sim_case_write(const char *path, const struct sim_case *c,
                              struct agner_error *error)
{
    struct etf_buffer b = { .data = NULL };
    enum agner_err err = sim_case_print(c, &b);
    FILE *file;
    bool written = false;

    if (err != AGNER_OK) {
        etf_buffer_fini(&b);
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    }
    file = fopen(path, "we");
    if (file != NULL) {
        written = fwrite(b.data, 1, b.size, file) == b.size;
        written = fclose(file) == 0 && written;
    }
    if (!written)
        err = AGNER_ESYSTEM;
    etf_buffer_fini(&b);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: cannot be written", path);
    return AGNER_OK;
}

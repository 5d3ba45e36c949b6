/*
 * known_nodes.c -- the list is read whole, and searched from its beginning.
 *
 * It is looked at once a handshake, which costs more than 4,096 comparisons do.
 */
#include "known_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "key_text.h"

_Static_assert(KNOWN_NAME_MAX == NODE__NAME_MAX, "a name of a node fits");

static const char *const words[] = {
    [KNOWN_PINNED] = "pinned",
    [KNOWN_SEEN] = "seen",
    [KNOWN_REVOKED] = "revoked",
};

const char *node__known_word(enum known_state state)
{
    return state == KNOWN_REMARK ? "remark" : words[state];
}

void node__known_fini(struct known_nodes *known)
{
    free(known->rows);
    memset(known, 0, sizeof *known);
}

enum agner_err node__known_copy(const struct known_nodes *known,
                                struct known_nodes *to)
{
    struct known_row *rows;

    if (known->count == 0)
        return AGNER_OK;
    rows = malloc(known->count * sizeof *rows);
    if (rows == NULL)
        return AGNER_ENOMEM;
    memcpy(rows, known->rows, known->count * sizeof *rows);
    *to = (struct known_nodes){ rows, known->count, known->count };
    return AGNER_OK;
}

/* ---- Rows ------------------------------------------------------------------
 */

static bool counts(const struct known_row *row)
{
    return row->state == KNOWN_PINNED || row->state == KNOWN_SEEN;
}

static bool has_key(const struct known_row *row, const uint8_t key[32])
{
    return row->state != KNOWN_REMARK &&
           memcmp(row->key, key, sizeof row->key) == 0;
}

static bool is_note(const char *note, size_t size)
{
    return size <= KNOWN_NOTE_MAX &&
           node__is_plain((const uint8_t *)note, size);
}

/* Can it stand in the file? A name comes from the network, and must not be read
 * as something else there. */
static bool is_writable(const char *name)
{
    return name[0] != '#' && strchr(name, ' ') == NULL;
}

/* A row at the end, all zero. AGNER_ELIMIT, AGNER_ENOMEM. */
static enum agner_err another(struct known_nodes *known, struct known_row **row,
                              struct agner_error *error)
{
    size_t room = known->room == 0 ? 16 : 2 * known->room;
    struct known_row *rows;

    if (known->count == KNOWN_ROWS_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %u lines", KNOWN_ROWS_MAX);
    if (known->count == known->room) {
        rows = realloc(known->rows, room * sizeof *rows);
        if (rows == NULL)
            return agner_fail(error, AGNER_ENOMEM, "out of memory");
        known->rows = rows;
        known->room = room;
    }
    *row = &known->rows[known->count++];
    memset(*row, 0, sizeof **row);
    return AGNER_OK;
}

static bool is_revoked(const struct known_nodes *known, const uint8_t key[32])
{
    for (size_t i = 0; i < known->count; i++)
        if (known->rows[i].state == KNOWN_REVOKED &&
            has_key(&known->rows[i], key))
            return true;
    return false;
}

/* May a row that counts be added? *same: the name has this key already. */
static enum agner_err make_way(struct known_nodes *known, const char *name,
                               const uint8_t key[32], struct known_row **same,
                               struct agner_error *error)
{
    size_t keys = 0;

    *same = NULL;
    if (is_revoked(known, key))
        return agner_fail(error, AGNER_ENOTALLOWED, "that key is revoked");
    for (size_t i = 0; i < known->count; i++) {
        struct known_row *row = &known->rows[i];

        if (!counts(row) || strcmp(row->name, name) != 0)
            continue;
        keys++;
        if (has_key(row, key))
            *same = row;
    }
    if (*same == NULL && keys == KNOWN_KEYS_MAX)
        return agner_fail(error, AGNER_ELIMIT, "%s has %u keys already", name,
                          KNOWN_KEYS_MAX);
    return AGNER_OK;
}

static void fill(struct known_row *row, enum known_state state,
                 const char *name, const uint8_t key[32], const char *note)
{
    row->state = state;
    memcpy(row->name, name, strlen(name) + 1);
    memcpy(row->key, key, sizeof row->key);
    if (note != NULL)
        memcpy(row->note, note, strlen(note) + 1);
}

enum agner_err node__known_add(struct known_nodes *known,
                               enum known_state state, const char *name,
                               const uint8_t key[32], const char *note,
                               struct agner_error *error)
{
    struct known_row *row;
    enum agner_err err = node__name_check(name, strlen(name), error);

    if (err != AGNER_OK)
        return err;
    if (!is_writable(name))
        return agner_fail(error, AGNER_EINVAL,
                          "a name with a space, or # in front, has no line");
    if (note != NULL && !is_note(note, strlen(note)))
        return agner_fail(error, AGNER_EINVAL,
                          "a note has up to %u bytes, in one line",
                          KNOWN_NOTE_MAX);
    err = make_way(known, name, key, &row, error);
    if (err == AGNER_OK && row != NULL &&
        (row->state == state || state == KNOWN_SEEN))
        return agner_fail(error, AGNER_EALREADY, "%s has that key already",
                          name);
    if (err == AGNER_OK && row == NULL)
        err = another(known, &row, error);
    if (err == AGNER_OK)
        fill(row, state, name, key, note);
    return err;
}

enum agner_err node__known_revoke(struct known_nodes *known,
                                  const uint8_t key[32], const char *note,
                                  struct agner_error *error)
{
    struct known_row *first = NULL;
    char name[KNOWN_NAME_MAX + 1] = "*";
    enum agner_err err;

    if (note != NULL && !is_note(note, strlen(note)))
        return agner_fail(error, AGNER_EINVAL,
                          "a note has up to %u bytes, in one line",
                          KNOWN_NOTE_MAX);
    if (is_revoked(known, key))
        return agner_fail(error, AGNER_EALREADY, "that key is revoked already");
    for (size_t i = 0; first == NULL && i < known->count; i++)
        if (has_key(&known->rows[i], key))
            first = &known->rows[i];
    if (first != NULL) { /* whose it was stays to be read */
        memcpy(name, first->name, sizeof name);
        (void)node__known_remove(known, NULL, key);
    }
    err = another(known, &first, error);
    if (err == AGNER_OK)
        fill(first, KNOWN_REVOKED, name, key, note);
    return err;
}

size_t node__known_remove(struct known_nodes *known, const char *name,
                          const uint8_t *key)
{
    size_t kept = 0, count = known->count;

    for (size_t i = 0; i < count; i++) {
        const struct known_row *row = &known->rows[i];
        bool goes = row->state != KNOWN_REMARK &&
                    (key != NULL || row->state != KNOWN_REVOKED) &&
                    (name == NULL || strcmp(row->name, name) == 0) &&
                    (key == NULL || has_key(row, key));

        if (!goes && kept != i)
            known->rows[kept] = *row;
        kept += !goes;
    }
    known->count = kept;
    return count - kept;
}

enum trust_verdict node__known_check(const struct known_nodes *known,
                                     bool listed_only, const char *name,
                                     const uint8_t key[32])
{
    enum trust_verdict verdict = TRUST_NEW;
    bool named = false, elsewhere = false;

    if (is_revoked(known, key))
        return TRUST_REVOKED;
    for (size_t i = 0; i < known->count; i++) {
        const struct known_row *row = &known->rows[i];
        bool same = has_key(row, key);

        if (!counts(row) || (listed_only && row->state == KNOWN_SEEN))
            continue;
        if (strcmp(row->name, name) != 0) {
            elsewhere |= same && row->state == KNOWN_PINNED;
            continue;
        }
        named = true;
        if (same)
            verdict = row->state == KNOWN_PINNED ? TRUST_LISTED : TRUST_SEEN;
    }
    if (verdict != TRUST_NEW)
        return verdict;
    if (named)
        return TRUST_OTHER_KEY;
    return elsewhere || listed_only || !is_writable(name) ? TRUST_NOT_LISTED
                                                          : TRUST_NEW;
}

/* ---- The text ---------------------------------------------------------- */

/* A line that is read: what is left of it, without what surrounds it. */
struct line {
    const char *at, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(struct line *line)
{
    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    while (line->at < line->end && is_blank(line->end[-1]))
        line->end--;
}

/* The next word; of no size at the end. */
static struct line word(struct line *line)
{
    struct line w;

    trim(line);
    w.at = line->at;
    while (line->at < line->end && !is_blank(*line->at))
        line->at++;
    w.end = line->at;
    return w;
}

static bool is_word(const struct line *w, const char *text)
{
    size_t size = (size_t)(w->end - w->at);

    return size == strlen(text) && memcmp(w->at, text, size) == 0;
}

static bool take_state(const struct line *w, enum known_state *state)
{
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is_word(w, words[i])) {
            *state = (enum known_state)i;
            return true;
        }
    }
    return false;
}

static enum agner_err take_note(struct line *line, char *note,
                                struct agner_error *error)
{
    size_t size;

    trim(line);
    size = (size_t)(line->end - line->at);
    if (!is_note(line->at, size))
        return agner_fail(error, AGNER_ESYNTAX,
                          "a note has up to %u bytes of UTF-8", KNOWN_NOTE_MAX);
    memcpy(note, line->at, size);
    note[size] = '\0';
    return AGNER_OK;
}

static enum agner_err take_remark(struct known_nodes *known, struct line *line,
                                  struct agner_error *error)
{
    struct known_row *row;
    enum agner_err err = another(known, &row, error);

    if (err != AGNER_OK)
        return err;
    row->state = KNOWN_REMARK;
    line->at++; /* the # */
    return take_note(line, row->note, error);
}

static enum agner_err take_name(const struct line *w, enum known_state state,
                                char name[KNOWN_NAME_MAX + 1],
                                struct agner_error *error)
{
    size_t size = (size_t)(w->end - w->at);
    enum agner_err err;

    if (state != KNOWN_REVOKED || !is_word(w, "*")) {
        err = node__name_check(w->at, size, error);
        if (err != AGNER_OK)
            return err;
    }
    memcpy(name, w->at, size);
    name[size] = '\0';
    return AGNER_OK;
}

static enum agner_err take_row(struct known_nodes *known, struct line *line,
                               struct agner_error *error)
{
    struct line name = word(line), key = word(line), state = word(line);
    char note[KNOWN_NOTE_MAX + 1] = "";
    struct known_row row = { KNOWN_REMARK, "", { 0 }, "" }, *to;
    enum agner_err err;

    if (!node__key_parse(key.at, (size_t)(key.end - key.at), row.key))
        return agner_fail(error, AGNER_ESYNTAX,
                          "expected NAME KEY STATE, with a KEY that begins "
                          "with " KEY_PREFIX);
    if (!take_state(&state, &row.state))
        return agner_fail(error, AGNER_ESYNTAX,
                          "expected pinned, seen or revoked after the key");
    err = take_name(&name, row.state, row.name, error);
    trim(line);
    if (err == AGNER_OK && line->at < line->end && *line->at++ != '#')
        return agner_fail(error, AGNER_ESYNTAX,
                          "expected # and a note, or nothing, at the end");
    if (err == AGNER_OK)
        err = take_note(line, note, error);
    if (err == AGNER_OK && row.state != KNOWN_REVOKED)
        return node__known_add(known, row.state, row.name, row.key, note,
                               error);
    if (err == AGNER_OK && is_revoked(known, row.key))
        return agner_fail(error, AGNER_EALREADY, "that key is revoked already");
    if (err == AGNER_OK)
        err = another(known, &to, error);
    if (err == AGNER_OK)
        fill(to, KNOWN_REVOKED, row.name, row.key, note);
    return err;
}

static enum agner_err take_line(struct known_nodes *known, struct line *line,
                                struct agner_error *error)
{
    if (line->end - line->at > KNOWN_LINE_MAX)
        return agner_fail(error, AGNER_ESYNTAX, "over %u bytes in one line",
                          KNOWN_LINE_MAX);
    if (line->at < line->end && line->end[-1] == '\r')
        line->end--;
    trim(line);
    if (line->at == line->end)
        return AGNER_OK;
    if (*line->at == '#')
        return take_remark(known, line, error);
    return take_row(known, line, error);
}

enum agner_err node__known_parse(struct known_nodes *known, const char *text,
                                 size_t size, struct agner_error *error)
{
    const char *end = size == 0 ? text : text + size; /* text may be NULL */
    struct agner_error cause = { AGNER_OK, "" };
    enum agner_err err = AGNER_OK;
    unsigned number = 0;

    if (size > KNOWN_BYTES_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %u bytes",
                          KNOWN_BYTES_MAX);
    while (err == AGNER_OK && text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct line line = { text, newline != NULL ? newline : end };

        number++;
        err = take_line(known, &line, &cause);
        text = newline != NULL ? newline + 1 : end;
    }
    if (err == AGNER_OK)
        return AGNER_OK;
    node__known_fini(known);
    return agner_fail(
        error, err == AGNER_ENOMEM || err == AGNER_ELIMIT ? err : AGNER_ESYNTAX,
        "line %u: %s", number, cause.text);
}

static enum agner_err add_text(struct etf_buffer *out, const char *text)
{
    return etf_buffer_add(out, text, strlen(text));
}

static enum agner_err write_row(const struct known_row *row,
                                struct etf_buffer *out)
{
    char key[KEY_TEXT_SIZE];
    enum agner_err err = AGNER_OK;

    if (row->state != KNOWN_REMARK) {
        node__key_print(row->key, key);
        err = add_text(out, row->name);
        if (err == AGNER_OK)
            err = add_text(out, " ");
        if (err == AGNER_OK)
            err = add_text(out, key);
        if (err == AGNER_OK)
            err = add_text(out, " ");
        if (err == AGNER_OK)
            err = add_text(out, words[row->state]);
        if (err == AGNER_OK && row->note[0] != '\0')
            err = add_text(out, " ");
    }
    if (err == AGNER_OK &&
        (row->state == KNOWN_REMARK || row->note[0] != '\0')) {
        err = add_text(out, "# ");
        if (err == AGNER_OK)
            err = add_text(out, row->note);
    }
    return err == AGNER_OK ? add_text(out, "\n") : err;
}

enum agner_err node__known_write(const struct known_nodes *known,
                                 struct etf_buffer *out)
{
    enum agner_err err = AGNER_OK;

    for (size_t i = 0; err == AGNER_OK && i < known->count; i++)
        err = write_row(&known->rows[i], out);
    return err;
}

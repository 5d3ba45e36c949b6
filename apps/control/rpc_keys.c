/*
 * rpc_keys.c -- the keys of clients: see rpc_keys.h.
 */
#include "rpc_keys.h"

#include <stdlib.h>
#include <string.h>

#include "key_text.h"
#include "rt_world.h"

static const struct {
    const char *text;
    enum rpc_role role;
} roles[] = { { "read-only", RPC_READ_ONLY }, { "operate", RPC_OPERATE } };

#define ROLE_COUNT (sizeof roles / sizeof roles[0])

const char *rpc__role_text(enum rpc_role role)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (roles[i].role == role)
            return roles[i].text;
    return "none";
}

void rpc__keys_fini(struct rpc_keys *keys)
{
    free(keys->rows);
    *keys = (struct rpc_keys){ 0 };
}

const struct rpc_key *rpc__keys_find(const struct rpc_keys *keys,
                                     const uint8_t key[NOISE_KEY_SIZE])
{
    const struct rpc_key *found = NULL;

    for (size_t i = 0; i < keys->count; i++)
        if (node__noise_same(keys->rows[i].key, key, NOISE_KEY_SIZE))
            found = &keys->rows[i];
    return found;
}

/* ---- The text ---------------------------------------------------------- */

struct line {
    const char *at, *end;
    size_t number;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; empty at its end. */
static etf_bytes take_word(struct line *line)
{
    const char *from;

    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    from = line->at;
    while (line->at < line->end && !is_blank(*line->at))
        line->at++;
    return (etf_bytes){ (const uint8_t *)from, (size_t)(line->at - from) };
}

static bool is_word(etf_bytes word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

static enum rpc_role role_of(etf_bytes word)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (is_word(word, roles[i].text))
            return roles[i].role;
    return RPC_NOBODY;
}

/* What stands behind the role: nothing, or # and a note, of which what can be
 * printed is kept. */
static bool take_note(struct line *line, struct rpc_key *row)
{
    size_t size = 0;

    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    if (line->at == line->end)
        return true;
    if (*line->at++ != '#')
        return false;
    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    for (; line->at < line->end && size < RPC_NOTE_MAX; line->at++)
        if (*line->at >= ' ' && *line->at < 0x7f)
            row->note[size++] = *line->at;
    return true;
}

static enum agner_err add_line(struct rpc_keys *keys, struct line *line,
                               struct agner_error *error)
{
    etf_bytes key = take_word(line);
    struct rpc_key *row = &keys->rows[keys->count];

    if (key.size == 0 || key.data[0] == '#')
        return AGNER_OK;
    if (keys->count == RPC_KEYS_MAX)
        return agner_fail(error, AGNER_ELIMIT, "line %zu: over %u keys",
                          line->number, RPC_KEYS_MAX);
    memset(row, 0, sizeof *row);
    if (!node__key_parse((const char *)key.data, key.size, row->key))
        return agner_fail(error, AGNER_EINVAL,
                          "line %zu: expected a key, " KEY_PREFIX "...",
                          line->number);
    row->role = role_of(take_word(line));
    if (row->role == RPC_NOBODY)
        return agner_fail(error, AGNER_EINVAL,
                          "line %zu: expected read-only or operate behind the "
                          "key",
                          line->number);
    if (!take_note(line, row))
        return agner_fail(error, AGNER_EINVAL,
                          "line %zu: expected nothing more, or # and a note",
                          line->number);
    if (rpc__keys_find(keys, row->key) != NULL)
        return agner_fail(error, AGNER_EINVAL,
                          "line %zu: that key has a line already",
                          line->number);
    keys->count++;
    return AGNER_OK;
}

enum agner_err rpc__keys_parse(struct rpc_keys *keys, const char *text,
                               size_t size, struct agner_error *error)
{
    const char *end = text + size;
    struct line line = { .number = 0 };
    enum agner_err err = AGNER_OK;

    keys->rows = calloc(RPC_KEYS_MAX + 1, sizeof *keys->rows);
    if (keys->rows == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for its keys");
    while (err == AGNER_OK && text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));

        line.at = text;
        line.end = stop == NULL ? end : stop;
        line.number++;
        text = stop == NULL ? end : stop + 1;
        err = add_line(keys, &line, error);
    }
    if (err != AGNER_OK)
        rpc__keys_fini(keys);
    return err;
}

/* ---- The file ---------------------------------------------------------- */

enum agner_err rpc__keys_load(struct rpc_keys *keys,
                              const struct rt_world *world, const char *path,
                              struct agner_error *error)
{
    uint8_t *text = malloc(RPC_KEYS_BYTES_MAX);
    struct agner_error why = { AGNER_OK, "" };
    enum agner_err err;
    size_t size;

    if (text == NULL || world->private_read == NULL) {
        free(text);
        return agner_fail(error, AGNER_ENOMEM, "%s: cannot be read", path);
    }
    err = world->private_read(world->ctx, path, text, RPC_KEYS_BYTES_MAX, &size,
                              error);
    if (err == AGNER_OK) {
        err = rpc__keys_parse(keys, (const char *)text, size, &why);
        if (err != AGNER_OK)
            (void)agner_fail(error, err, "%s: %s", path, why.text);
    }
    free(text);
    return err;
}

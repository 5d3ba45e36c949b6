/*
 * json_lines.c -- one JSON object per line, read by descent into a table.
 *
 * Strings are unescaped where they stand in the line, which only makes them
 * shorter.
 */
#include "json_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum type {
    JSON_STRING,
    JSON_INT,
    JSON_TRUE,
    JSON_OTHER, /* false, null */
    JSON_ARRAY
};

struct value {
    const char *key; /* NULL for items of arrays */
    enum type type;
    const char *text;
    int64_t number;
    size_t first; /* item of an array, in `items` */
    size_t count; /* of an array; bytes of a string */
};

struct table {
    struct value *values;
    size_t count, capacity;
};

struct json_lines {
    gzFile file;
    const char *path;
    unsigned number; /* of the line, from 1 */
    char *line;
    size_t capacity;
    struct table members, items;
    char *next; /* while reading */
};

static void refuse(const struct json_lines *j, const char *why)
{
    fprintf(stderr, "%s:%u: %s\n", j->path, j->number, why);
    exit(2);
}

static void *grow(const struct json_lines *j, void *memory, size_t size)
{
    void *larger = realloc(memory, size);

    if (larger == NULL)
        refuse(j, "out of memory");
    return larger;
}

static struct value *add(struct json_lines *j, struct table *table)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity * 2 + 16;
        table->values =
            grow(j, table->values, table->capacity * sizeof *table->values);
    }
    memset(&table->values[table->count], 0, sizeof *table->values);
    return &table->values[table->count++];
}

static void skip_space(struct json_lines *j)
{
    while (*j->next == ' ' || *j->next == '\t')
        j->next++;
}

static bool accept(struct json_lines *j, char c)
{
    skip_space(j);
    if (*j->next != c)
        return false;
    j->next++;
    return true;
}

static void expect(struct json_lines *j, char c)
{
    char why[] = "'?' expected";

    why[1] = c;
    if (!accept(j, c))
        refuse(j, why);
}

static unsigned read_hex4(struct json_lines *j)
{
    char digits[5] = { 0 };
    char *end;
    unsigned long v;

    strncpy(digits, j->next, 4);
    v = strtoul(digits, &end, 16);
    if (end != digits + 4)
        refuse(j, "four hexadecimal digits expected");
    j->next += 4;
    return (unsigned)v;
}

static char *put_utf8(char *to, unsigned point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xc0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (char)(0xe0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3f));
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    }
    return to;
}

static char *read_escape(struct json_lines *j, char *to)
{
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    char c = *j->next++;
    const char *found = c == '\0' ? NULL : strchr(from, c);
    unsigned point;

    if (found != NULL) {
        *to++ = plain[found - from];
        return to;
    }
    if (c != 'u')
        refuse(j, "unknown escape");
    point = read_hex4(j);
    if (point >= 0xd800 && point < 0xdc00 && j->next[0] == '\\' &&
        j->next[1] == 'u') {
        j->next += 2;
        point = 0x10000 + ((point - 0xd800) << 10) + (read_hex4(j) - 0xdc00);
    }
    return put_utf8(to, point);
}

static const char *read_string(struct json_lines *j, size_t *size)
{
    char *start, *to;

    expect(j, '"');
    start = to = j->next;
    while (*j->next != '"') {
        if (*j->next == '\0')
            refuse(j, "string does not end");
        if (*j->next == '\\') {
            j->next++;
            to = read_escape(j, to);
        } else {
            *to++ = *j->next++;
        }
    }
    j->next++;
    *to = '\0';
    *size = (size_t)(to - start);
    return start;
}

static bool accept_word(struct json_lines *j, const char *word)
{
    if (strncmp(j->next, word, strlen(word)) != 0)
        return false;
    j->next += strlen(word);
    return true;
}

static void read_scalar(struct json_lines *j, struct value *v)
{
    char *end;

    skip_space(j);
    if (*j->next == '"') {
        v->type = JSON_STRING;
        v->text = read_string(j, &v->count);
    } else if (accept_word(j, "true")) {
        v->type = JSON_TRUE;
    } else if (accept_word(j, "false") || accept_word(j, "null")) {
        v->type = JSON_OTHER;
    } else {
        v->type = JSON_INT;
        v->number = strtoll(j->next, &end, 10);
        if (end == j->next)
            refuse(j, "value expected");
        j->next = end;
    }
}

static void read_value(struct json_lines *j, struct value *v)
{
    if (!accept(j, '[')) {
        read_scalar(j, v);
        return;
    }
    v->type = JSON_ARRAY;
    v->first = j->items.count;
    if (accept(j, ']'))
        return;
    do {
        read_scalar(j, add(j, &j->items));
        v->count++;
    } while (accept(j, ','));
    expect(j, ']');
}

static void read_object(struct json_lines *j)
{
    j->members.count = j->items.count = 0;
    j->next = j->line;
    expect(j, '{');
    if (accept(j, '}'))
        return;
    do {
        struct value *v = add(j, &j->members);
        size_t size;

        v->key = read_string(j, &size);
        expect(j, ':');
        read_value(j, v);
    } while (accept(j, ','));
    expect(j, '}');
}

struct json_lines *json_lines_open(const char *path)
{
    struct json_lines *j = calloc(1, sizeof *j);

    if (j == NULL)
        abort(); /* a test without memory has nothing to say */
    j->path = path;
    j->file = gzopen(path, "rb");
    if (j->file == NULL)
        refuse(j, "cannot be read");
    return j;
}

void json_lines_close(struct json_lines *j)
{
    (void)gzclose(j->file); /* only read */
    free(j->line);
    free(j->members.values);
    free(j->items.values);
    free(j);
}

bool json_lines_next(struct json_lines *j)
{
    size_t size = 0;

    j->number++;
    do {
        if (j->capacity - size < 4096) {
            j->capacity = j->capacity * 2 + 65536;
            j->line = grow(j, j->line, j->capacity);
        }
        if (gzgets(j->file, j->line + size, (int)(j->capacity - size)) == NULL)
            return false;
        size += strlen(j->line + size);
    } while (j->line[size - 1] != '\n' && !gzeof(j->file));
    read_object(j);
    return true;
}

unsigned json_lines_number(const struct json_lines *j)
{
    return j->number;
}

static const struct value *find(const struct json_lines *j, const char *key,
                                enum type type)
{
    for (size_t i = 0; i < j->members.count; i++) {
        const struct value *v = &j->members.values[i];

        if (strcmp(v->key, key) == 0 && v->type == type)
            return v;
    }
    return NULL;
}

static const struct value *find_item(const struct json_lines *j,
                                     const char *key, size_t index)
{
    const struct value *v = find(j, key, JSON_ARRAY);

    if (v == NULL || index >= v->count)
        refuse(j, "no such item");
    return &j->items.values[v->first + index];
}

const char *json_string(const struct json_lines *j, const char *key)
{
    const struct value *v = find(j, key, JSON_STRING);

    return v == NULL ? NULL : v->text;
}

size_t json_string_size(const struct json_lines *j, const char *key)
{
    const struct value *v = find(j, key, JSON_STRING);

    return v == NULL ? 0 : v->count;
}

int64_t json_int(const struct json_lines *j, const char *key, int64_t otherwise)
{
    const struct value *v = find(j, key, JSON_INT);

    return v == NULL ? otherwise : v->number;
}

bool json_true(const struct json_lines *j, const char *key)
{
    return find(j, key, JSON_TRUE) != NULL;
}

size_t json_count(const struct json_lines *j, const char *key)
{
    const struct value *v = find(j, key, JSON_ARRAY);

    return v == NULL ? 0 : v->count;
}

const char *json_string_at(const struct json_lines *j, const char *key,
                           size_t index)
{
    return find_item(j, key, index)->text;
}

int64_t json_int_at(const struct json_lines *j, const char *key, size_t index)
{
    return find_item(j, key, index)->number;
}

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

uint8_t *json_hex(const char *hex, size_t *size)
{
    uint8_t *bytes;

    *size = strlen(hex) / 2;
    bytes = malloc(*size + 1); /* also of nothing */
    if (bytes == NULL)
        abort();
    for (size_t i = 0; i < *size; i++)
        bytes[i] =
            (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return bytes;
}

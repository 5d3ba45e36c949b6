/*
 * json_doc.c -- reads a JSON document into a tree of values.
 *
 * The text is unescaped in place, which never makes it longer, and strings
 * point into it. Values come from a list of blocks.
 */
#include "json_doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define BLOCK_VALUES 1024
#define DEPTH_MAX    64

struct block {
    struct block *next;
    size_t used;
    struct json_value values[BLOCK_VALUES];
};

struct json_doc {
    const char *path;
    char *text;
    char *at;
    unsigned depth;
    struct block *blocks;
    struct json_value *root;
};

static void die(const struct json_doc *doc, const char *what)
{
    (void)fprintf(stderr, "%s: byte %zu: %s\n", doc->path,
                  doc->at != NULL ? (size_t)(doc->at - doc->text) : 0, what);
    exit(2);
}

static void *must(struct json_doc *doc, void *memory)
{
    if (memory == NULL)
        die(doc, "no memory");
    return memory;
}

static void load(struct json_doc *doc)
{
    gzFile file = gzopen(doc->path, "rb");
    size_t size = 0, room = 1 << 16;
    int got;

    if (file == NULL)
        die(doc, "cannot be opened");
    doc->text = must(doc, malloc(room));
    while ((got = gzread(file, doc->text + size, (unsigned)(room - size - 1))) >
           0) {
        size += (size_t)got;
        if (room - size < 2) {
            room *= 2;
            doc->text = must(doc, realloc(doc->text, room));
        }
    }
    if (got < 0)
        die(doc, "cannot be read");
    (void)gzclose(file);
    doc->text[size] = '\0';
    doc->at = doc->text;
}

static struct json_value *new_value(struct json_doc *doc, enum json_type type)
{
    struct json_value *value;

    if (doc->blocks == NULL || doc->blocks->used == BLOCK_VALUES) {
        struct block *block = must(doc, calloc(1, sizeof *block));

        block->next = doc->blocks;
        doc->blocks = block;
    }
    value = &doc->blocks->values[doc->blocks->used++];
    value->type = type;
    return value;
}

static char next_char(struct json_doc *doc)
{
    while (*doc->at != '\0' && strchr(" \t\r\n", *doc->at) != NULL)
        doc->at++;
    return *doc->at;
}

static void expect(struct json_doc *doc, char c)
{
    if (next_char(doc) != c)
        die(doc, "not the character that has to be here");
    doc->at++;
}

static unsigned read_hex4(struct json_doc *doc)
{
    char digits[5] = "";
    unsigned i;

    for (i = 0; i < 4; i++) {
        if (strchr("0123456789abcdefABCDEF", *doc->at) == NULL ||
            *doc->at == '\0')
            die(doc, "no hexadecimal digit");
        digits[i] = *doc->at++;
    }
    return (unsigned)strtoul(digits, NULL, 16);
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

static unsigned read_code(struct json_doc *doc)
{
    unsigned code = read_hex4(doc);

    if (code >= 0xd800 && code < 0xdc00 && doc->at[0] == '\\' &&
        doc->at[1] == 'u') {
        doc->at += 2;
        code = 0x10000 + ((code - 0xd800) << 10) + (read_hex4(doc) - 0xdc00);
    }
    return code;
}

static const char *read_text(struct json_doc *doc)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *start, *name;
    char *to;

    expect(doc, '"');
    start = to = doc->at;
    while (*doc->at != '"') {
        if (*doc->at == '\0')
            die(doc, "a string has no end");
        if (*doc->at != '\\') {
            *to++ = *doc->at++;
            continue;
        }
        doc->at++;
        name = strchr(names, *doc->at);
        if (*doc->at == 'u') {
            doc->at++;
            to = put_utf8(to, read_code(doc));
        } else if (name != NULL && *doc->at != '\0') {
            *to++ = values[name - names];
            doc->at++;
        } else {
            die(doc, "unknown escape");
        }
    }
    doc->at++;
    *to = '\0';
    return start;
}

static struct json_value *read_value(struct json_doc *doc);

static struct json_value *read_items(struct json_doc *doc, enum json_type type)
{
    char end = type == JSON_MAP ? '}' : ']';
    struct json_value *whole = new_value(doc, type), **last = &whole->first;

    doc->at++;
    if (++doc->depth > DEPTH_MAX)
        die(doc, "nested too deeply");
    while (next_char(doc) != end) {
        const char *key = NULL;

        if (whole->first != NULL)
            expect(doc, ',');
        if (type == JSON_MAP) {
            key = read_text(doc);
            expect(doc, ':');
        }
        *last = read_value(doc);
        (*last)->key = key;
        last = &(*last)->next;
    }
    doc->at++;
    doc->depth--;
    return whole;
}

static struct json_value *read_word(struct json_doc *doc)
{
    static const char *const words[] = { "null", "false", "true" };
    struct json_value *value;
    size_t i;

    for (i = 0; i < 3; i++)
        if (strncmp(doc->at, words[i], strlen(words[i])) == 0) {
            doc->at += strlen(words[i]);
            value = new_value(doc, i == 0 ? JSON_NULL : JSON_BOOL);
            value->number = i == 2;
            return value;
        }
    die(doc, "no value");
    return NULL;
}

static struct json_value *read_number(struct json_doc *doc)
{
    struct json_value *value = new_value(doc, JSON_NUMBER);

    value->number = strtoll(doc->at, &doc->at, 10);
    while (*doc->at != '\0' && strchr("0123456789.eE+-", *doc->at) != NULL)
        doc->at++;
    return value;
}

static struct json_value *read_value(struct json_doc *doc)
{
    struct json_value *value;
    char c = next_char(doc);

    if (c == '{')
        return read_items(doc, JSON_MAP);
    if (c == '[')
        return read_items(doc, JSON_LIST);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(doc);
    if (c != '"')
        return read_word(doc);
    value = new_value(doc, JSON_TEXT);
    value->text = read_text(doc);
    return value;
}

struct json_doc *json_doc_open(const char *path)
{
    struct json_doc *doc = calloc(1, sizeof *doc);

    if (doc == NULL)
        exit(2);
    doc->path = path;
    load(doc);
    doc->root = read_value(doc);
    if (next_char(doc) != '\0')
        die(doc, "something follows the document");
    return doc;
}

const struct json_value *json_doc_root(const struct json_doc *doc)
{
    return doc->root;
}

void json_doc_close(struct json_doc *doc)
{
    while (doc->blocks != NULL) {
        struct block *block = doc->blocks;

        doc->blocks = block->next;
        free(block);
    }
    free(doc->text);
    free(doc);
}

const struct json_value *json_get(const struct json_value *map, const char *key)
{
    const struct json_value *value;

    if (map == NULL || map->type != JSON_MAP)
        return NULL;
    for (value = map->first; value != NULL; value = value->next)
        if (strcmp(value->key, key) == 0)
            return value;
    return NULL;
}

const char *json_get_text(const struct json_value *map, const char *key)
{
    const struct json_value *value = json_get(map, key);

    return value != NULL ? value->text : NULL;
}

int64_t json_get_number(const struct json_value *map, const char *key)
{
    const struct json_value *value = json_get(map, key);

    return value != NULL ? value->number : 0;
}

uint8_t *json_doc_hex(const char *hex, size_t *size)
{
    size_t i, count = hex != NULL ? strlen(hex) / 2 : 0;
    uint8_t *bytes = malloc(count + 1);
    unsigned byte;

    if (bytes == NULL)
        exit(2);
    for (i = 0; i < count; i++) {
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            exit(2);
        bytes[i] = (uint8_t)byte;
    }
    *size = count;
    return bytes;
}

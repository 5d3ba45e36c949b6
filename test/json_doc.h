/*
 * json_doc.h -- a whole JSON document, perhaps gzipped, as a tree.
 *
 * For test vectors that are not one object a line (json_lines.h reads those). A
 * file that is no JSON ends the test program with a message. Values live until
 * the document is closed.
 */
#ifndef TEST_JSON_DOC_H
#define TEST_JSON_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_TEXT,
    JSON_LIST,
    JSON_MAP
};

struct json_value {
    enum json_type type;
    const char *key;  /* in a map */
    const char *text; /* of a text: UTF-8 */
    int64_t number;   /* of a number (fractions are cut), or of a bool */
    struct json_value *first; /* of a list or map */
    struct json_value *next;  /* in the list or map that it is in */
};

struct json_doc;

struct json_doc *json_doc_open(const char *path);
const struct json_value *json_doc_root(const struct json_doc *doc);
void json_doc_close(struct json_doc *doc);

/* The member `key` of a map, or NULL; also for a NULL value. */
const struct json_value *json_get(const struct json_value *map,
                                  const char *key);
/* The member's text or number; NULL or 0 when there is none. */
const char *json_get_text(const struct json_value *map, const char *key);
int64_t json_get_number(const struct json_value *map, const char *key);

/* Bytes of hexadecimal digits; NULL is no bytes. Returns new: the caller frees
 * it. */
uint8_t *json_doc_hex(const char *hex, size_t *size);

#endif

/*
 * json_lines.h -- a file with one JSON object per line, perhaps gzipped.
 *
 * For test vectors: an object's values are strings, integers, true, false,
 * null, and arrays of strings and integers. A file that is anything else ends
 * the test program with a message. Values live until the next line is read.
 */
#ifndef TEST_JSON_LINES_H
#define TEST_JSON_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_lines;

struct json_lines *json_lines_open(const char *path);
void json_lines_close(struct json_lines *j);

/* Reads the next line. false: there is none. */
bool json_lines_next(struct json_lines *j);
unsigned json_lines_number(const struct json_lines *j);

/* The value of `key`, or NULL, `otherwise`, false, 0 when it is not there.
 * A string may have zero characters inside: its size counts. */
const char *json_string(const struct json_lines *j, const char *key);
size_t json_string_size(const struct json_lines *j, const char *key);
int64_t json_int(const struct json_lines *j, const char *key,
                 int64_t otherwise);
bool json_true(const struct json_lines *j, const char *key);

/* Arrays: how long, and the items. */
size_t json_count(const struct json_lines *j, const char *key);
const char *json_string_at(const struct json_lines *j, const char *key,
                           size_t index);
int64_t json_int_at(const struct json_lines *j, const char *key, size_t index);

/* Bytes of a string of hexadecimal digits. Returns new: the caller frees it. */
uint8_t *json_hex(const char *hex, size_t *size);

#endif

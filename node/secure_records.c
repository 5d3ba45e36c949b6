/*
 * secure_records.c -- the buffer of secure_records.h.
 */
#include "secure_records.h"

#include <stdlib.h>
#include <string.h>

#define PLACE_MIN 8192u /* bytes that are missing and may come in place */
/* Then there is room for two of the largest. */
#define PLACE_ROOM (2 * (NOISE_LENGTH_SIZE + (size_t)NOISE_MESSAGE_MAX))

/* Bytes of the record that begins in r, or of its length as long as that is not
 * known. */
static size_t wanted(const struct secure_records *r)
{
    return r->held < NOISE_LENGTH_SIZE ? NOISE_LENGTH_SIZE
                                       : node__record_size(r->bytes + r->start);
}

/* Room for `size` bytes from the start, which moves to the front. */
static enum agner_err reserve(struct secure_records *r, size_t size)
{
    uint8_t *bytes;

    if (r->start > 0 && r->held > 0)
        memmove(r->bytes, r->bytes + r->start, r->held);
    r->start = 0;
    if (size <= r->room)
        return AGNER_OK;
    bytes = realloc(r->bytes, size);
    if (bytes == NULL)
        return AGNER_ENOMEM;
    r->bytes = bytes;
    r->room = size;
    return AGNER_OK;
}

size_t node__records_place(struct secure_records *r, uint8_t **bytes)
{
    /* Once there is room for the largest, all comes there until it is given
     * back. */
    if (r->room < PLACE_ROOM &&
        (r->held < NOISE_LENGTH_SIZE || wanted(r) - r->held < PLACE_MIN))
        return 0;
    /* Without memory it is noticed when they have come. */
    if (reserve(r, PLACE_ROOM) != AGNER_OK)
        return 0;
    *bytes = r->bytes + r->held;
    return r->room - r->held;
}

/* Did they come where they were best put? */
static bool is_in_place(const struct secure_records *r, const uint8_t *bytes)
{
    return r->bytes != NULL && bytes == r->bytes + r->start + r->held;
}

/* Takes up to `wanted` bytes behind those that are held. */
static enum agner_err gather(struct secure_records *r, const uint8_t **bytes,
                             size_t *size, size_t whole)
{
    size_t part = whole - r->held;

    if (part > *size)
        part = *size;
    if (reserve(r, whole) != AGNER_OK)
        return AGNER_ENOMEM;
    memcpy(r->bytes + r->held, *bytes, part);
    r->held += part;
    *bytes += part;
    *size -= part;
    return AGNER_OK;
}

static bool is_record(const uint8_t *bytes, size_t size)
{
    return size >= NOISE_LENGTH_SIZE && node__record_size(bytes) <= size;
}

/* The frame has a tag at least. */
static enum agner_err check(const uint8_t *bytes, size_t size)
{
    return size < NOISE_LENGTH_SIZE || node__record_size(bytes) >=
                                           NOISE_LENGTH_SIZE + NOISE_TAG_SIZE
               ? AGNER_OK
               : AGNER_EPROTO;
}

enum agner_err node__records_next(struct secure_records *r,
                                  const uint8_t **bytes, size_t *size,
                                  const uint8_t **record)
{
    enum agner_err err = AGNER_OK;
    size_t whole;

    *record = NULL;
    if (*size > 0 && is_in_place(r, *bytes)) {
        r->held += *size;
        *size = 0;
    }
    /* What is held comes first. */
    while (r->held > 0 && err == AGNER_OK) {
        err = check(r->bytes + r->start, r->held);
        if (err == AGNER_OK && is_record(r->bytes + r->start, r->held)) {
            whole = wanted(r);
            *record = r->bytes + r->start;
            r->start += whole;
            r->held -= whole;
            return AGNER_OK;
        }
        if (err != AGNER_OK || *size == 0)
            return err;
        err = gather(r, bytes, size, wanted(r));
    }
    if (err != AGNER_OK || *size == 0)
        return err;
    r->start = 0;
    err = check(*bytes, *size);
    if (err != AGNER_OK)
        return err;
    if (!is_record(*bytes, *size))
        return gather(r, bytes, size, *size);
    whole = node__record_size(*bytes);
    *record = *bytes;
    *bytes += whole;
    *size -= whole;
    return AGNER_OK;
}

void node__records_trim(struct secure_records *r)
{
    if (r->held == 0)
        node__records_fini(r);
}

void node__records_fini(struct secure_records *r)
{
    free(r->bytes);
    memset(r, 0, sizeof *r);
}

/*
 * stored.c -- the stored form of a term: a version byte, perhaps compressed.
 *
 *   131, term
 *   131, 80, size:32, zlib stream of exactly `size` bytes that begin with a
 * term
 *
 * Compression wraps the whole term and only here, so a compressed term inside
 * another one is an unknown tag to the decoder.
 */
#include <agner/etf.h>

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* inflate does not write to its input, and says so */
#include <zlib.h>

#include "reader.h"
#include "tags.h"

#define PLAIN_HEAD      1u    /* 131 */
#define COMPRESSED_HEAD 6u    /* 131, 80, size */
#define FIRST_ROOM      4096u /* bytes to inflate into, doubled as they come */
#define RATIO_MAX       1032u /* no deflated byte stands for more */

struct inflated {
    uint8_t *data;
    size_t size;
    size_t consumed; /* of the stream */
};

static enum agner_err fail_at(struct agner_error *error, enum agner_err err,
                              size_t at, const char *cause)
{
    return agner_fail(error, err, "byte %zu: %s", at, cause);
}

/* Room for twice as much, at most `declared` and one byte more: that byte shows
 * a stream that is longer than it says. */
static bool grow(struct inflated *out, size_t *capacity, size_t declared)
{
    size_t larger = *capacity == 0 ? FIRST_ROOM : *capacity * 2;
    uint8_t *data;

    if (larger > declared + 1)
        larger = declared + 1;
    data = realloc(out->data, larger);
    if (data == NULL)
        return false;
    out->data = data;
    *capacity = larger;
    return true;
}

/*
 * Inflates until the stream ends, its input ends, or it has passed `declared`.
 * Returns zlib's last word: Z_STREAM_END when all is well.
 */
static int run(z_stream *z, struct inflated *out, size_t declared)
{
    size_t capacity = 0;
    int status = Z_OK;

    while (status == Z_OK) {
        uInt room;

        if (out->size == capacity) {
            if (capacity > declared)
                return Z_OK; /* too long */
            if (!grow(out, &capacity, declared))
                return Z_MEM_ERROR;
        }
        room = (uInt)(capacity - out->size); /* declared fits 32 bits */
        z->next_out = out->data + out->size;
        z->avail_out = room;
        status = inflate(z, Z_NO_FLUSH);
        out->size += room - z->avail_out;
    }
    return status;
}

static enum agner_err inflate_error(int status, size_t consumed, size_t size,
                                    struct agner_error *error)
{
    size_t at = COMPRESSED_HEAD + consumed;

    switch (status) {
    case Z_STREAM_END:
        return AGNER_OK;
    case Z_MEM_ERROR:
        return fail_at(error, AGNER_ENOMEM, at, "no memory to inflate");
    case Z_BUF_ERROR:
        if (consumed == size)
            return fail_at(error, AGNER_ETRUNCATED, at,
                           "compressed stream is cut short");
        break;
    case Z_OK:
        return fail_at(error, AGNER_EMALFORMED, at,
                       "inflates to more than it declares");
    default: /* Z_DATA_ERROR, Z_NEED_DICT: zlib's numbers, not ours */
        break;
    }
    return fail_at(error, AGNER_EMALFORMED, at, "no zlib stream");
}

static enum agner_err inflate_term(const uint8_t *stream, size_t size,
                                   size_t declared, struct inflated *out,
                                   struct agner_error *error)
{
    enum agner_err err;
    int status;
    z_stream z = { .next_in = stream,
                   .avail_in = size > UINT32_MAX ? UINT32_MAX : (uInt)size };

    *out = (struct inflated){ 0 };
    if (declared > ETF_DECODED_MAX)
        return fail_at(error, AGNER_ELIMIT, PLAIN_HEAD + 1,
                       "compressed term is too large");
    if (declared / RATIO_MAX > size)
        return fail_at(error, AGNER_ETRUNCATED, PLAIN_HEAD + 1,
                       "declares more than its stream can hold");
    if (inflateInit(&z) != Z_OK)
        return fail_at(error, AGNER_ENOMEM, COMPRESSED_HEAD,
                       "no memory to inflate");
    status = run(&z, out, declared);
    out->consumed = (size_t)z.total_in;
    err = inflate_error(status, out->consumed, size, error);
    (void)inflateEnd(&z); /* nothing is left to fail */
    if (err == AGNER_OK && out->size != declared)
        err =
            fail_at(error, AGNER_EMALFORMED, COMPRESSED_HEAD + out->consumed,
                    out->size < declared ? "inflates to less than it declares"
                                         : "inflates to more than it declares");
    if (err != AGNER_OK)
        free(out->data);
    return err;
}

static enum agner_err from_compressed(struct etf_region *r,
                                      const uint8_t *bytes, size_t size,
                                      const struct etf_decode_options *opts,
                                      etf_term *term, size_t *used,
                                      struct agner_error *error)
{
    struct etf_decode_options inner = { 0 };
    struct inflated inflated;
    size_t declared;
    enum agner_err err;

    if (size < COMPRESSED_HEAD)
        return fail_at(error, AGNER_ETRUNCATED, size,
                       "input ends inside a length");
    declared = (size_t)bytes[2] << 24 | (size_t)bytes[3] << 16 |
               (size_t)bytes[4] << 8 | bytes[5];
    err = inflate_term(bytes + COMPRESSED_HEAD, size - COMPRESSED_HEAD,
                       declared, &inflated, error);
    if (err != AGNER_OK)
        return err;
    if (opts != NULL)
        inner = *opts;
    inner.exact = false; /* of the outer bytes, checked below */
    err =
        etf_decode(r, inflated.data, inflated.size, &inner, term, NULL, error);
    free(inflated.data);
    if (err == AGNER_ETRUNCATED) /* more bytes would not help */
        err = agner_fail(error, AGNER_EMALFORMED,
                         "compressed term ends inside a term");
    if (err == AGNER_OK && opts != NULL && opts->exact &&
        COMPRESSED_HEAD + inflated.consumed != size)
        err = fail_at(error, AGNER_EMALFORMED,
                      COMPRESSED_HEAD + inflated.consumed,
                      "bytes after the term");
    if (err == AGNER_OK && used != NULL)
        *used = COMPRESSED_HEAD + inflated.consumed;
    return err;
}

enum agner_err etf_from_binary(struct etf_region *r, const uint8_t *bytes,
                               size_t size,
                               const struct etf_decode_options *opts,
                               etf_term *term, size_t *used,
                               struct agner_error *error)
{
    if (size == 0)
        return fail_at(error, AGNER_ETRUNCATED, 0, "version byte expected");
    if (bytes[0] != VERSION_MAGIC)
        return fail_at(error, AGNER_EMALFORMED, 0, "version byte is not 131");
    if (size > PLAIN_HEAD && bytes[1] == COMPRESSED)
        return from_compressed(r, bytes, size, opts, term, used, error);
    return etf__decode_at(r, bytes, size, PLAIN_HEAD, opts, term, used, error);
}

/* Replaces what was written from `from` on by its compressed form, if that is
 * shorter. */
static enum agner_err compress_from(struct etf_buffer *b, size_t from,
                                    int level)
{
    size_t size = b->size - from - PLAIN_HEAD; /* the term, tag included */
    uLongf room;
    uint8_t *packed, *head = b->data + from;

    if (size <= COMPRESSED_HEAD - PLAIN_HEAD || size > UINT32_MAX)
        return AGNER_OK;
    room = size - (COMPRESSED_HEAD - PLAIN_HEAD);
    packed = malloc(room);
    if (packed == NULL)
        return AGNER_ENOMEM;
    /* No room means no gain: then it stays plain. */
    if (compress2(packed, &room, head + PLAIN_HEAD, size, level) == Z_OK) {
        head[1] = COMPRESSED;
        for (unsigned i = 0; i < 4; i++)
            head[2 + i] = (uint8_t)(size >> 8 * (3 - i));
        memcpy(head + COMPRESSED_HEAD, packed, room);
        b->size = from + COMPRESSED_HEAD + room;
    }
    free(packed);
    return AGNER_OK;
}

enum agner_err etf_to_binary(struct etf_buffer *b, etf_term t,
                             const struct etf_encode_options *options,
                             int level)
{
    static const uint8_t version = VERSION_MAGIC;
    size_t before = b->size;
    enum agner_err err = etf_buffer_add(b, &version, sizeof version);

    if (err == AGNER_OK)
        err = etf_encode(b, t, options);
    if (err == AGNER_OK && level != 0)
        err = compress_from(b, before, level);
    if (err != AGNER_OK)
        b->size = before;
    return err;
}

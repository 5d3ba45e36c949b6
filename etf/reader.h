/*
 * reader.h -- external bytes being read into a region. Private to etf/.
 *
 * A reader function starts behind the tag byte, with `next` there, and leaves
 * `next` behind what it read. On failure it has filled the error: the position
 * in it is that of `next`. No length is used before it was compared with the
 * bytes that are left.
 */
#ifndef ETF_READER_H
#define ETF_READER_H

#include "etf_door.h"

struct reader {
    const uint8_t *next;
    const uint8_t *end;
    const uint8_t *start; /* byte 0 of error texts */
    struct etf_region *region;
    size_t words_left; /* of ETF_DECODED_MAX */
    struct etf_decode_options options;
    struct etf_self self; /* name set, nonode@nohost if there is none */
    etf_term node; /* interned atom of the identifier read last: the next one is
                      likely to have the same */
    struct agner_error *error;
};

/* "byte 17: cause"; returns `err`. */
enum agner_err etf__read_fail(const struct reader *rd, enum agner_err err,
                              const char *cause);

static inline size_t etf__bytes_left(const struct reader *rd)
{
    return (size_t)(rd->end - rd->next);
}

static inline uint32_t etf__get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t etf__get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t etf__get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

/* Room for `count` words of the term, counted against its limit, or NULL with
 * the error in *err. */
static inline uint64_t *etf__read_words(struct reader *rd, size_t count,
                                        enum agner_err *err)
{
    uint64_t *words;

    if (count > rd->words_left) {
        *err = etf__read_fail(rd, AGNER_ELIMIT, "decoded term is too large");
        return NULL;
    }
    rd->words_left -= count;
    words = etf__region_words(rd->region, count);
    if (words == NULL)
        *err = etf__read_fail(rd, AGNER_ENOMEM, "region is full");
    return words;
}

/* etf_decode() of what follows the first `skip` bytes; *used and the positions
 * in errors count from the first byte. */
enum agner_err etf__decode_at(struct etf_region *r, const uint8_t *bytes,
                              size_t size, size_t skip,
                              const struct etf_decode_options *options,
                              etf_term *term, size_t *used,
                              struct agner_error *error);

/* An atom of any of the five tags; the tag byte included, unlike the others. */
enum agner_err etf__read_atom(struct reader *rd, etf_term *out);

/* The text of an atom: `size` bytes of UTF-8, all there. */
enum agner_err etf__read_atom_text(struct reader *rd, size_t size,
                                   etf_term *out);

/* An integer of any of its four tags; the tag byte included. */
enum agner_err etf__read_integer(struct reader *rd, etf_term *out);

/* The leaf whose tag was read; AGNER_EMALFORMED for a tag that is none. */
enum agner_err etf__read_leaf(struct reader *rd, unsigned tag, etf_term *out);

/* read_ident.c: those that name a node; any tag with its kind. */
enum agner_err etf__read_pid(struct reader *rd, unsigned tag, etf_term *out);
enum agner_err etf__read_port(struct reader *rd, unsigned tag, etf_term *out);
enum agner_err etf__read_ref(struct reader *rd, unsigned tag, etf_term *out);

#endif

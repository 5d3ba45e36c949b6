/*
 * Compressed terms. The first four bytes are the size that is declared; the
 * fifth says what the rest is: a zlib stream as it came, or a term to be
 * compressed here, so that mutations reach what is inside. Then the declared
 * size may be the true one.
 *
 * What is taken is what the uncompressed term is, ends where the stream does,
 * and is refused when the size is wrong by one. limits.c sees to the memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include <agner/etf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD       5       /* of the input */
#define STORED     6       /* 131, 80, size */
#define REGION_MAX 4194304 /* words: half of what an input may take */

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct etf_atom_budget budget = { .left = 1000 };
static const struct etf_decode_options options = { .budget = &budget };

static enum agner_err decode(struct etf_region *r, const uint8_t *stored,
                             size_t size, etf_term *t, size_t *used)
{
    struct agner_error error = { .text = "" };
    enum agner_err err =
        etf_from_binary(r, stored, size, &options, t, used, &error);

    check(err == AGNER_OK || (error.code == err && error.text[0] != '\0'));
    return err;
}

static void declare(uint8_t *stored, uint32_t declared)
{
    stored[0] = 131;
    stored[1] = 80;
    for (int i = 0; i < 4; i++)
        stored[2 + i] = (uint8_t)(declared >> (24 - 8 * i));
}

/* The stream and a byte more: that byte is not of the term. */
static void as_it_came(struct etf_region *r, const uint8_t *data, size_t size)
{
    uint8_t *stored = malloc(STORED + size);
    size_t used;
    etf_term t;

    check(stored != NULL);
    memcpy(stored + 2, data, 4);
    stored[0] = 131;
    stored[1] = 80;
    memcpy(stored + STORED, data + HEAD, size - HEAD);
    if (decode(r, stored, STORED + size - HEAD, &t, &used) == AGNER_OK)
        check(used > STORED && used <= STORED + size - HEAD);
    free(stored);
}

/* Compressed and not, one term; with another size it is none. */
static void compressed(struct etf_region *r, const uint8_t *data, size_t size)
{
    size_t plain = size - HEAD;
    uLongf room = compressBound(plain);
    uint8_t *stored = malloc(STORED + room);
    size_t used, bare_used;
    etf_term t, bare;

    check(stored != NULL);
    check(compress2(stored + STORED, &room, data + HEAD, plain, 1) == Z_OK);
    declare(stored, (uint32_t)plain);
    if (etf_decode(r, data + HEAD, plain, &options, &bare, &bare_used, NULL) ==
            AGNER_OK &&
        bare_used == plain) {
        check(decode(r, stored, STORED + room, &t, &used) == AGNER_OK);
        check(used == STORED + room && etf_equal(t, bare));
        check(decode(r, stored, STORED + room - 1, &t, &used) != AGNER_OK);
        declare(stored, (uint32_t)plain + 1);
        check(decode(r, stored, STORED + room, &t, &used) != AGNER_OK);
        declare(stored, (uint32_t)plain - 1);
        check(decode(r, stored, STORED + room, &t, &used) != AGNER_OK);
    } else {
        (void)decode(r, stored, STORED + room, &t, &used);
    }
    free(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct etf_region *r;

    if (size <= HEAD)
        return 0;
    r = etf_region_new(REGION_MAX);
    check(r != NULL);
    if (data[4] & 1)
        as_it_came(r, data, size);
    else
        compressed(r, data, size);
    etf_region_free(r);
    return 0;
}

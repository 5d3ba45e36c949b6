/*
 * output_seal.c -- sealing, and the memory of sealed copies: output_seal.h.
 */
#include "output_seal.h"

#include <stdlib.h>

/* Copies of that size are kept, for the next ones. */
#define KEEP_SIZE 81920u
#define KEEP_MAX  4u

size_t node__sealed_size(size_t size)
{
    size_t records = (size + NOISE_TEXT_MAX - 1) / NOISE_TEXT_MAX;

    return size == 0 ? NOISE_LENGTH_SIZE + NOISE_TAG_SIZE /* no type */
                     : size + records * NOISE_RECORD_EXTRA;
}

static struct out_sealed *sealed_new(struct output_seal *seal, size_t size)
{
    struct out_sealed *sealed = seal->spare;

    if (sealed != NULL && size <= KEEP_SIZE) {
        seal->spare = sealed->next;
        seal->spare_count--;
        return sealed;
    }
    if (size < KEEP_SIZE)
        size = KEEP_SIZE;
    sealed = malloc(sizeof *sealed + size);
    if (sealed != NULL)
        sealed->room = size;
    return sealed;
}

void node__sealed_free(struct output_seal *seal, struct out_sealed *sealed)
{
    if (sealed == NULL)
        return;
    if (seal->spare_count == KEEP_MAX || sealed->room > KEEP_SIZE) {
        free(sealed);
        return;
    }
    sealed->next = seal->spare;
    seal->spare = sealed;
    seal->spare_count++;
}

enum agner_err node__seal_copy(struct output_seal *seal, const uint8_t *bytes,
                               size_t size, struct out_sealed **out)
{
    struct out_sealed *sealed = sealed_new(seal, node__sealed_size(size));
    enum agner_err err = AGNER_OK;
    uint8_t *record;

    if (sealed == NULL)
        return AGNER_ENOMEM;
    record = sealed->bytes;
    while (size > 0 && err == AGNER_OK) {
        size_t part = size < NOISE_TEXT_MAX ? size : NOISE_TEXT_MAX;

        err = node__record_seal_from(seal->direction, RECORD_PACKETS, bytes,
                                     part, record);
        record += part + NOISE_RECORD_EXTRA;
        bytes += part;
        size -= part;
    }
    if (err != AGNER_OK) {
        node__sealed_free(seal, sealed);
        return err;
    }
    *out = sealed;
    return AGNER_OK;
}

enum agner_err node__seal_in_place(struct output_seal *seal,
                                   struct etf_buffer *buffer,
                                   size_t *size_on_line)
{
    size_t size = buffer->size - SEAL_HEAD;
    enum agner_err err = etf_buffer_reserve(buffer, NOISE_TAG_SIZE);

    if (err != AGNER_OK)
        return err;
    buffer->data[NOISE_LENGTH_SIZE] = RECORD_PACKETS;
    return node__record_seal(seal->direction, buffer->data,
                             size == 0 ? 0 : 1 + size, size_on_line);
}

void node__output_seal_fini(struct output_seal *seal)
{
    while (seal->spare != NULL) {
        struct out_sealed *next = seal->spare->next;

        free(seal->spare);
        seal->spare = next;
    }
    seal->spare_count = 0;
}

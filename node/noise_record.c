/*
 * noise_record.c -- records of a secure link: see noise_record.h.
 */
#include "noise_record.h"

#include <string.h>

/* One more frame with this key. */
static void count(struct noise_record *direction)
{
    uint64_t most = direction->rekey_frames;

    if (++direction->frames < (most != 0 ? most : NOISE_REKEY_FRAMES))
        return;
    node__noise_rekey(&direction->cipher);
    direction->frames = 0;
}

enum agner_err node__record_seal(struct noise_record *direction,
                                 uint8_t *record, size_t text_size,
                                 size_t *size)
{
    uint8_t *text = record + NOISE_LENGTH_SIZE;
    size_t frame = text_size + NOISE_TAG_SIZE;
    enum agner_err err =
        node__noise_encrypt(&direction->cipher, NULL, 0, text, text_size, text);

    if (err != AGNER_OK)
        return err;
    record[0] = (uint8_t)(frame >> 8);
    record[1] = (uint8_t)frame;
    *size = NOISE_LENGTH_SIZE + frame;
    count(direction);
    return AGNER_OK;
}

/* The cipher wants its text in one piece, so it is copied to where it is then
 * sealed in place: a tenth of the work, of bytes that are warm then. */
enum agner_err node__record_seal_from(struct noise_record *direction,
                                      enum record_type type,
                                      const uint8_t *bytes, size_t size,
                                      uint8_t *record)
{
    size_t whole;

    record[NOISE_LENGTH_SIZE] = (uint8_t)type;
    memcpy(record + NOISE_LENGTH_SIZE + 1, bytes, size);
    return node__record_seal(direction, record, 1 + size, &whole);
}

size_t node__record_size(const uint8_t length[NOISE_LENGTH_SIZE])
{
    return NOISE_LENGTH_SIZE + ((size_t)length[0] << 8 | length[1]);
}

enum agner_err node__record_open_to(struct noise_record *direction,
                                    const uint8_t *record, uint8_t *text,
                                    size_t *text_size)
{
    size_t frame = node__record_size(record) - NOISE_LENGTH_SIZE;
    enum agner_err err = node__noise_decrypt(
        &direction->cipher, NULL, 0, record + NOISE_LENGTH_SIZE, frame, text);

    if (err != AGNER_OK)
        return err;
    *text_size = frame - NOISE_TAG_SIZE;
    count(direction);
    return AGNER_OK;
}

enum agner_err node__record_open(struct noise_record *direction,
                                 uint8_t *record, size_t *text_size)
{
    return node__record_open_to(direction, record, record + NOISE_LENGTH_SIZE,
                                text_size);
}

/*
 * Records of a link that is up, as a reader gets them: sealed from the input's
 * texts, cut where it says, and one of them changed, left out, doubled or made
 * up. What is opened is what was sealed, in order; after a change nothing is.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <agner/etf.h>
#include <output_seal.h>
#include <secure_records.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
    struct secure_records records;
    struct noise_record direction;
    size_t opened; /* bytes, all types */
    bool failed;
};

static void take(struct reader *r, const uint8_t *record,
                 const struct etf_buffer *sent)
{
    static uint8_t text[NOISE_MESSAGE_MAX];
    size_t size;

    if (node__record_open_to(&r->direction, record, text, &size) != AGNER_OK) {
        r->failed = true;
        return;
    }
    if (r->opened + size > sent->size ||
        (size > 0 && memcmp(text, sent->data + r->opened, size) != 0))
        abort();
    r->opened += size;
}

static void read_bytes(struct reader *r, const uint8_t *bytes, size_t size,
                       const struct etf_buffer *sent)
{
    const uint8_t *record;
    uint8_t *place;
    size_t room = node__records_place(&r->records, &place);

    if (room >= size && room > 0) {
        memcpy(place, bytes, size);
        bytes = place;
    }
    do {
        if (node__records_next(&r->records, &bytes, &size, &record) !=
            AGNER_OK) {
            r->failed = true;
            return;
        }
        if (record != NULL)
            take(r, record, sent);
    } while (record != NULL && !r->failed);
}

/* One more record of `part` bytes of text, which is noted as sent. */
static void seal_one(struct noise_record *direction, const uint8_t *bytes,
                     size_t part, struct etf_buffer *line,
                     struct etf_buffer *sent)
{
    uint8_t record[NOISE_LENGTH_SIZE + 300 + NOISE_TAG_SIZE];
    size_t whole;

    if (part > 0)
        memcpy(record + NOISE_LENGTH_SIZE, bytes, part);
    if (etf_buffer_add(sent, record + NOISE_LENGTH_SIZE, part) != AGNER_OK ||
        node__record_seal(direction, record, part, &whole) != AGNER_OK ||
        etf_buffer_add(line, record, whole) != AGNER_OK)
        abort();
}

/* A large piece, as an output seals it. */
static void seal_large(struct noise_record *direction, size_t size,
                       struct etf_buffer *line, struct etf_buffer *sent)
{
    static uint8_t bytes[200000];
    struct output_seal seal = { .direction = direction };
    struct out_sealed *sealed;
    size_t left = size;

    if (node__seal_copy(&seal, bytes, size, &sealed) != AGNER_OK ||
        etf_buffer_add(line, sealed->bytes, node__sealed_size(size)) !=
            AGNER_OK)
        abort();
    while (left > 0) {
        static const uint8_t type = RECORD_PACKETS;
        size_t part = left < NOISE_TEXT_MAX ? left : NOISE_TEXT_MAX;

        if (etf_buffer_add(sent, &type, 1) != AGNER_OK ||
            etf_buffer_add(sent, bytes, part) != AGNER_OK)
            abort();
        left -= part;
    }
    node__sealed_free(&seal, sealed);
    node__output_seal_fini(&seal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct noise_record sends = { .cipher = { .key = { 1 }, .has_key = true },
                                  .rekey_frames = 3 };
    struct reader reader = { .direction = sends };
    struct etf_buffer line = { 0 }, sent = { 0 };
    bool changed = false;
    size_t at = 0;

    if (node__noise_ready() != AGNER_OK)
        abort();
    while (at + 3 <= size && line.size < 400000 && !changed) {
        uint8_t what = data[at], more = data[at + 1], cut = data[at + 2];
        size_t before = line.size, part = more;

        at += 3;
        if (part > size - at)
            part = size - at;
        if (what % 8 == 7)
            seal_large(&sends, 1 + (size_t)more * 700, &line, &sent);
        else
            seal_one(&sends, data + at, part, &line, &sent);
        at += what % 8 == 7 ? 0 : part;
        if (what % 8 == 1 && cut % 16 == 0) { /* it is lost */
            line.size = before;
            changed = true;
        } else if (what % 8 == 2 && cut % 16 == 0) {
            line.data[before + more % (line.size - before)] ^= 1 + what / 8;
            changed = true;
        } else if (what % 8 == 3 && cut % 16 == 0) {
            changed = true; /* made up */
            if (etf_buffer_add(&line, data, size) != AGNER_OK)
                abort();
        }
    }
    for (size_t from = 0; from < line.size && !reader.failed;) {
        size_t part = 1 + (size > 0 ? data[from % size] : 0) * 97u;

        if (part > line.size - from)
            part = line.size - from;
        read_bytes(&reader, line.data + from, part, &sent);
        from += part;
    }
    if (!changed && (reader.failed || reader.opened != sent.size))
        abort();
    node__records_fini(&reader.records);
    etf_buffer_fini(&line);
    etf_buffer_fini(&sent);
    return 0;
}

/*
 * packet.c -- whole messages, fragments and pass-through: framing and reading.
 */
#include "packet.h"

#include <assert.h>
#include <string.h>

#include "flags.h"

#define VERSION      131
#define PASS_THROUGH 112

enum form { WHOLE = 68, FIRST = 69, FURTHER = 70 };

#define HEADER_FLAGS (NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS)

#define LENGTH_SIZE  4
#define NUMBERS_SIZE 16 /* sequence, fragment */

_Static_assert(NODE__FURTHER_HEAD == 2 + NUMBERS_SIZE, "all of its head");

/* ---- Sending ------------------------------------------------------------ */

static uint8_t *write32(uint8_t *p, uint64_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
    return p + 4;
}

static uint8_t *write64(uint8_t *p, uint64_t v)
{
    return write32(write32(p, v >> 32), v);
}

static uint8_t *write_terms(uint8_t *p, const uint8_t *terms, size_t size)
{
    if (size > 0)
        memcpy(p, terms, size);
    return p + size;
}

/* Room for `size` bytes after the length of a packet that has `more` after
 * them. */
static enum agner_err make_room(struct etf_buffer *out, size_t size,
                                size_t more)
{
    if (more > UINT32_MAX || size > UINT32_MAX - more)
        return AGNER_ELIMIT;
    return etf_buffer_reserve(out, LENGTH_SIZE + size);
}

/* Ends what begins at out's end, with its length still to be set; `more` bytes
 * of the packet will follow it. */
static void end_head(struct etf_buffer *out, const uint8_t *end, size_t more)
{
    uint8_t *start = out->data + out->size;
    size_t size = (size_t)(end - start);

    assert(out->size + size <= out->capacity);
    (void)write32(start, size - LENGTH_SIZE + more);
    out->size += size;
}

static enum agner_err pass_through(struct etf_buffer *out,
                                   const struct node__message *message)
{
    size_t rest = message->size - message->control_size;
    enum agner_err err = make_room(out, 3 + message->size, 0);
    uint8_t *p;

    if (err != AGNER_OK)
        return err;
    p = out->data + out->size + LENGTH_SIZE;
    *p++ = PASS_THROUGH;
    *p++ = VERSION;
    p = write_terms(p, message->terms, message->control_size);
    if (rest > 0) {
        *p++ = VERSION;
        p = write_terms(p, message->terms + message->control_size, rest);
    }
    end_head(out, p, 0);
    return AGNER_OK;
}

/* How much of the terms goes into the first packet: the control message is not
 * cut. */
static size_t first_part(const struct node__message *message, uint64_t flags,
                         size_t fragment_size)
{
    if (!(flags & NODE__FLAG_FRAGMENTS) || message->size <= fragment_size)
        return message->size;
    return message->control_size > fragment_size ? message->control_size
                                                 : fragment_size;
}

/* The part of the message that goes into its first packet, and what is left for
 * further ones. */
static size_t split(const struct node__message *message, uint64_t flags,
                    size_t fragment_size, uint64_t sequence,
                    struct node__rest *rest)
{
    size_t size = fragment_size == 0 ? NODE__FRAGMENT_SIZE : fragment_size;
    size_t part = first_part(message, flags, size);
    size_t left = message->size - part;
    size_t head = message->size - message->tail_size;
    const uint8_t *next = message->tail_size > 0 ? message->tail + (part - head)
                                                 : message->terms + part;

    assert(message->tail_size == 0 || part >= head);
    *rest = (struct node__rest){ .sequence = sequence };
    if (left > 0)
        *rest =
            (struct node__rest){ .next = next,
                                 .left = left,
                                 .fragment_size = size,
                                 .sequence = sequence,
                                 .number = left / size + (left % size != 0) };
    return part;
}

static size_t head_size_max(const struct node__message *message)
{
    return 2 + NUMBERS_SIZE + node__disthdr_size_max(message->atoms);
}

/* The head of a packet with `part` bytes of terms; there is room for it. */
static void write_head(struct etf_buffer *out, struct node__cache_out *cache,
                       const struct node__message *message,
                       const struct node__rest *rest, size_t part)
{
    uint8_t *p = out->data + out->size + LENGTH_SIZE;

    *p++ = VERSION;
    *p++ = rest->number > 0 ? FIRST : WHOLE;
    if (rest->number > 0)
        p = write64(write64(p, rest->sequence), rest->number + 1);
    p += node__disthdr_write(cache, message->atoms, p);
    end_head(out, p, part);
}

enum agner_err node__packet_first(struct etf_buffer *out, uint64_t flags,
                                  struct node__cache_out *cache,
                                  const struct node__message *message,
                                  size_t fragment_size, uint64_t sequence,
                                  struct node__rest *rest)
{
    size_t part;
    enum agner_err err;

    assert(message->control_size <= message->size);
    if (!(flags & HEADER_FLAGS)) {
        *rest = (struct node__rest){ .sequence = sequence };
        return pass_through(out, message);
    }
    assert(flags & NODE__FLAG_DIST_HDR_ATOM_CACHE || message->atoms == NULL ||
           message->atoms->count == 0);
    part = split(message, flags, fragment_size, sequence, rest);
    err = make_room(out, head_size_max(message) + part, 0);
    if (err != AGNER_OK)
        return err;
    write_head(out, cache, message, rest, part);
    return etf_buffer_add(out, message->terms, part); /* there is room */
}

enum agner_err node__packet_first_head(struct etf_buffer *out, uint64_t flags,
                                       struct node__cache_out *cache,
                                       const struct node__message *message,
                                       size_t fragment_size, uint64_t sequence,
                                       struct node__rest *rest, size_t *size)
{
    size_t copied =
        message->tail_size > 0 ? message->size - message->tail_size : 0;
    enum agner_err err;
    size_t part;

    assert(flags & HEADER_FLAGS);
    part = split(message, flags, fragment_size, sequence, rest);
    err = make_room(out, head_size_max(message) + copied, part - copied);
    if (err != AGNER_OK)
        return err;
    write_head(out, cache, message, rest, part);
    *size = part - copied;
    return etf_buffer_add(out, message->terms, copied); /* there is room */
}

enum agner_err node__packet_further_head(struct etf_buffer *out,
                                         struct node__rest *rest,
                                         const uint8_t **terms, size_t *size)
{
    size_t part =
        rest->left < rest->fragment_size ? rest->left : rest->fragment_size;
    enum agner_err err = make_room(out, 2 + NUMBERS_SIZE, part);
    uint8_t *p;

    assert(rest->left > 0 && rest->number > 0);
    if (err != AGNER_OK)
        return err;
    p = out->data + out->size + LENGTH_SIZE;
    *p++ = VERSION;
    *p++ = FURTHER;
    p = write64(write64(p, rest->sequence), rest->number);
    end_head(out, p, part);
    *terms = rest->next;
    *size = part;
    rest->next += part;
    rest->left -= part;
    rest->number--;
    assert((rest->left == 0) == (rest->number == 0));
    return AGNER_OK;
}

enum agner_err node__packet_further(struct etf_buffer *out,
                                    struct node__rest *rest)
{
    const uint8_t *terms;
    size_t size;
    enum agner_err err =
        make_room(out, 2 + NUMBERS_SIZE + rest->fragment_size, 0);

    if (err == AGNER_OK)
        err = node__packet_further_head(out, rest, &terms, &size);
    if (err != AGNER_OK)
        return err;
    return etf_buffer_add(out, terms, size); /* there is room */
}

/* ---- Receiving ---------------------------------------------------------- */

static uint64_t read64(const uint8_t *p)
{
    uint64_t v = 0;
    unsigned i;

    for (i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

void node__in_fini(struct node__in *in)
{
    node__sequences_fini(&in->sequences);
    node__cache_in_fini(&in->cache);
}

void node__arrived_fini(struct node__arrived *arrived)
{
    node__sequence_free(arrived->sequence);
    arrived->sequence = NULL;
    arrived->terms = NULL;
}

/* The header at `bytes`; *used is where the terms begin. */
static enum agner_err read_header(struct node__in *in, const uint8_t *bytes,
                                  size_t size, struct node__arrived *arrived,
                                  size_t *used, struct agner_error *error)
{
    return node__disthdr_read(&in->cache, in->budget, bytes, size,
                              &arrived->refs, used, error);
}

static enum agner_err read_whole(struct node__in *in, const uint8_t *bytes,
                                 size_t size, struct node__arrived *arrived,
                                 struct agner_error *error)
{
    size_t used;
    enum agner_err err = read_header(in, bytes, size, arrived, &used, error);

    if (err != AGNER_OK)
        return err;
    arrived->terms = bytes + used;
    arrived->size = size - used;
    arrived->atoms = arrived->refs.atoms;
    arrived->atom_count = arrived->refs.count;
    return AGNER_OK;
}

/* A fragment of `size` bytes behind its numbers. */
static enum agner_err read_fragment(struct node__in *in, enum form form,
                                    const uint8_t *numbers,
                                    const uint8_t *bytes, size_t size,
                                    struct node__arrived *arrived,
                                    struct agner_error *error)
{
    struct node__sequence *done = NULL;
    uint64_t sequence = read64(numbers), number = read64(numbers + 8);
    size_t used = 0;
    enum agner_err err;

    if (form == FURTHER) {
        err = node__sequences_next(&in->sequences, sequence, number, bytes,
                                   size, &done, error);
    } else {
        err = read_header(in, bytes, size, arrived, &used, error);
        if (err == AGNER_OK)
            err = node__sequences_first(&in->sequences, sequence, number,
                                        &arrived->refs, bytes + used,
                                        size - used, &done, error);
    }
    if (err != AGNER_OK || done == NULL)
        return err;
    arrived->sequence = done;
    arrived->terms = node__gather_bytes(&done->terms);
    arrived->source = done->terms.blob;
    arrived->size = done->terms.size;
    arrived->atoms = done->atoms;
    arrived->atom_count = done->atom_count;
    return AGNER_OK;
}

/* A fragment, from its numbers on. */
static enum agner_err read_numbers(struct node__in *in, enum form form,
                                   const uint8_t *bytes, size_t size,
                                   struct node__arrived *arrived,
                                   struct agner_error *error)
{
    if (!(in->flags & NODE__FLAG_FRAGMENTS))
        return agner_fail(error, AGNER_EPROTO,
                          "a fragment, though they were not agreed");
    if (size < NUMBERS_SIZE)
        return agner_fail(error, AGNER_EPROTO, "a fragment without its number");
    return read_fragment(in, form, bytes, bytes + NUMBERS_SIZE,
                         size - NUMBERS_SIZE, arrived, error);
}

static enum agner_err read_pass_through(const uint8_t *packet, size_t size,
                                        struct node__arrived *arrived,
                                        struct agner_error *error)
{
    if (packet[0] != PASS_THROUGH)
        return agner_fail(error, AGNER_EPROTO,
                          "byte 0x%02x begins a packet, expected pass-through",
                          packet[0]);
    arrived->pass_through = true;
    arrived->terms = packet + 1;
    arrived->size = size - 1;
    return AGNER_OK;
}

/* But for the references, which are many. */
static void clear(struct node__arrived *arrived)
{
    arrived->terms = NULL;
    arrived->size = 0;
    arrived->pass_through = false;
    arrived->atoms = NULL;
    arrived->atom_count = 0;
    arrived->sequence = NULL;
    arrived->source = NULL;
}

size_t node__packet_place(struct node__in *in,
                          const uint8_t head[NODE__FURTHER_HEAD], size_t size,
                          uint8_t **bytes)
{
    if (!(in->flags & NODE__FLAG_FRAGMENTS) || head[0] != VERSION ||
        head[1] != FURTHER || size < NODE__FURTHER_HEAD)
        return 0;
    return node__sequences_place(&in->sequences, read64(head + 2),
                                 read64(head + 10), size - NODE__FURTHER_HEAD,
                                 bytes);
}

enum agner_err node__packet_read_placed(struct node__in *in,
                                        const uint8_t head[NODE__FURTHER_HEAD],
                                        const uint8_t *bytes, size_t size,
                                        struct node__arrived *arrived,
                                        struct agner_error *error)
{
    clear(arrived);
    return read_fragment(in, FURTHER, head + 2, bytes,
                         size - NODE__FURTHER_HEAD, arrived, error);
}

enum agner_err node__packet_read(struct node__in *in, const uint8_t *packet,
                                 size_t size, struct node__arrived *arrived,
                                 struct agner_error *error)
{
    clear(arrived);
    if (size == 0)
        return AGNER_OK;
    if (!(in->flags & HEADER_FLAGS))
        return read_pass_through(packet, size, arrived, error);
    if (packet[0] != VERSION)
        return agner_fail(error, AGNER_EPROTO,
                          "byte 0x%02x begins a packet, expected 131",
                          packet[0]);
    if (size < 2)
        return agner_fail(error, AGNER_EPROTO, "a packet of one byte");
    switch (packet[1]) {
    case WHOLE:
        return read_whole(in, packet + 2, size - 2, arrived, error);
    case FIRST:
    case FURTHER:
        return read_numbers(in, (enum form)packet[1], packet + 2, size - 2,
                            arrived, error);
    default:
        return agner_fail(error, AGNER_EPROTO, "unknown header %u", packet[1]);
    }
}

/*
 * handshake_forms.c -- reading and writing the messages of handshake_forms.h.
 */
#include "handshake_forms.h"

#include <assert.h>
#include <string.h>

#define OLD_VERSION   5
#define BODY_HEAD_MAX 18 /* what is before a name */

uint16_t node__read16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t node__read32(const uint8_t *p)
{
    return (uint32_t)node__read16(p) << 16 | node__read16(p + 2);
}

static uint64_t read64(const uint8_t *p)
{
    return (uint64_t)node__read32(p) << 32 | node__read32(p + 4);
}

uint8_t *node__write16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

uint8_t *node__write32(uint8_t *p, uint32_t v)
{
    return node__write16(node__write16(p, v >> 16), v & 0xffff);
}

static uint8_t *write64(uint8_t *p, uint64_t v)
{
    return node__write32(node__write32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

/* Room for a whole message, its length and its tag written. */
static enum agner_err begin(struct etf_buffer *out, uint8_t tag,
                            size_t body_size)
{
    uint8_t head[3];
    enum agner_err err = etf_buffer_reserve(out, sizeof head + body_size);

    if (err != AGNER_OK)
        return err;
    (void)node__write16(head, 1 + body_size);
    head[2] = tag;
    return etf_buffer_add(out, head, sizeof head); /* there is room */
}

enum agner_err node__message_write(struct etf_buffer *out, uint8_t tag,
                                   const void *body, size_t size)
{
    enum agner_err err = begin(out, tag, size);

    return err == AGNER_OK ? etf_buffer_add(out, body, size) : err;
}

enum agner_err node__hello_write(struct etf_buffer *out,
                                 const struct node__hello *hello)
{
    uint8_t head[BODY_HEAD_MAX], *p = head;
    enum agner_err err;

    if (hello->old) {
        p = node__write16(p, OLD_VERSION);
        p = node__write32(p, (uint32_t)hello->flags); /* the low half */
    } else {
        p = write64(p, hello->flags);
    }
    if (hello->has_challenge)
        p = node__write32(p, hello->challenge);
    if (!hello->old) {
        p = node__write32(p, hello->creation);
        p = node__write16(p, hello->name_size);
    }
    assert(p <= head + sizeof head);
    err = begin(out, hello->old ? 'n' : 'N',
                (size_t)(p - head) + hello->name_size);
    if (err != AGNER_OK)
        return err;
    (void)etf_buffer_add(out, head, (size_t)(p - head)); /* there is room */
    return etf_buffer_add(out, hello->name, hello->name_size);
}

enum agner_err node__complement_write(struct etf_buffer *out, uint64_t flags,
                                      uint32_t creation)
{
    uint8_t body[8];

    (void)node__write32(node__write32(body, (uint32_t)(flags >> 32)), creation);
    return node__message_write(out, 'c', body, sizeof body);
}

static const char *read_old(const uint8_t *body, size_t size,
                            struct node__hello *hello)
{
    size_t head = hello->has_challenge ? 10 : 6;

    if (size < head)
        return "the message of version 5 is too short";
    if (node__read16(body) != OLD_VERSION)
        return "a message of version 5 that says it is of another";
    hello->flags = node__read32(body + 2);
    if (hello->has_challenge)
        hello->challenge = node__read32(body + 6);
    hello->creation = 0;
    hello->name = body + head;
    hello->name_size = size - head;
    return NULL;
}

static const char *read_new(const uint8_t *body, size_t size,
                            struct node__hello *hello)
{
    size_t head = hello->has_challenge ? 18 : 14;

    if (size < head)
        return hello->has_challenge ? "the challenge is too short"
                                    : "the first message is too short";
    hello->flags = read64(body);
    if (hello->has_challenge)
        hello->challenge = node__read32(body + 8);
    hello->creation = node__read32(body + head - 6);
    hello->name = body + head;
    hello->name_size = node__read16(body + head - 2);
    if (hello->name_size > size - head)
        return hello->has_challenge ? "the challenge ends inside the name"
                                    : "the first message ends inside the name";
    return NULL;
}

const char *node__hello_read(const uint8_t *message, size_t size,
                             struct node__hello *hello)
{
    hello->old = message[0] == 'n';
    if (hello->old)
        return read_old(message + 1, size - 1, hello);
    return read_new(message + 1, size - 1, hello);
}

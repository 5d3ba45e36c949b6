/*
 * secure_claims.c -- both directions of secure_claims.h.
 */
#include "secure_claims.h"

#include <string.h>

#include "handshake_forms.h"

#define FORM       1
#define FIXED_SIZE 34u

static uint8_t *write_text(uint8_t *p, const char *text)
{
    size_t size = strlen(text);

    p = node__write16(p, size);
    memcpy(p, text, size);
    return p + size;
}

size_t node__claims_write(const struct secure_claims *claims,
                          uint8_t bytes[SECURE_CLAIMS_MAX])
{
    uint8_t *p = bytes;

    *p++ = FORM;
    *p++ = (uint8_t)claims->status;
    p = node__write32(p, (uint32_t)(claims->flags >> 32));
    p = node__write32(p, (uint32_t)claims->flags);
    p = node__write32(p, claims->creation);
    p = node__write32(p, claims->link);
    p = node__write32(p, claims->packet_max);
    p = node__write32(p, claims->tick_ms);
    p = node__write32(p, claims->permits);
    p = node__write32(p, claims->other_creation);
    p = write_text(p, claims->name);
    p = write_text(p, claims->other);
    return (size_t)(p - bytes);
}

/* A text and its size before it; NULL: it is none, or longer than a name. */
static const uint8_t *read_text(const uint8_t *p, const uint8_t *end,
                                char text[NODE__NAME_MAX + 1])
{
    size_t size;

    if (end - p < 2)
        return NULL;
    size = node__read16(p);
    p += 2;
    if (size > NODE__NAME_MAX || (size_t)(end - p) < size ||
        !node__is_plain(p, size))
        return NULL;
    memcpy(text, p, size);
    text[size] = '\0';
    return p + size;
}

const char *node__claims_read(const uint8_t *bytes, size_t size,
                              struct secure_claims *claims)
{
    const uint8_t *p = bytes, *end = bytes + size;

    memset(claims, 0, sizeof *claims);
    if (size < FIXED_SIZE)
        return "what it says of itself is cut short";
    if (p[0] != FORM || p[1] > SECURE_NOT_PERMITTED)
        return "what it says of itself has an unknown form";
    claims->status = (enum secure_status)p[1]; /* checked */
    claims->flags = (uint64_t)node__read32(p + 2) << 32 | node__read32(p + 6);
    claims->creation = node__read32(p + 10);
    claims->link = node__read32(p + 14);
    claims->packet_max = node__read32(p + 18);
    claims->tick_ms = node__read32(p + 22);
    claims->permits = node__read32(p + 26);
    claims->other_creation = node__read32(p + 30);
    p = read_text(p + FIXED_SIZE, end, claims->name);
    if (p != NULL)
        p = read_text(p, end, claims->other);
    if (p != end)
        return "its names are no names, or bytes are left over";
    return NULL;
}

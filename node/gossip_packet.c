/*
 * gossip_packet.c -- libcluster's heartbeat: gossip_packet.h.
 *
 * Anybody may send datagrams, so nothing of one becomes an atom or a term: only
 * the few kinds that can stand in such a map are read, in place.
 */
#include "gossip_packet.h"

#include <string.h>

static const char head[] = "heartbeat::";

#define HEAD (sizeof head - 1)

enum tag {
    SMALL_INTEGER = 97,
    INTEGER = 98,
    ATOM = 100,
    STRING = 107,
    BINARY = 109,
    SMALL_ATOM = 115,
    MAP = 116,
    ATOM_UTF8 = 118,
    SMALL_ATOM_UTF8 = 119,
    VERSION = 131,
};

/* ---- Writing ------------------------------------------------------------- */

static uint8_t *put_atom(uint8_t *to, const char *text)
{
    size_t size = strlen(text); /* at most NODE__NAME_MAX */

    *to++ = SMALL_ATOM_UTF8;
    *to++ = (uint8_t)size;
    memcpy(to, text, size);
    return to + size;
}

size_t node__gossip_write(const char *name, uint16_t port,
                          uint8_t packet[NODE__GOSSIP_MAX])
{
    const uint8_t pairs[] = { VERSION, MAP, 0, 0, 0, port == 0 ? 1 : 2 };
    const uint8_t number[] = { INTEGER, 0, 0, (uint8_t)(port >> 8),
                               (uint8_t)port };
    uint8_t *to = packet;

    memcpy(to, head, HEAD);
    to += HEAD;
    memcpy(to, pairs, sizeof pairs);
    to += sizeof pairs;
    to = put_atom(to, "node");
    to = put_atom(to, name);
    if (port != 0) {
        to = put_atom(to, "port");
        memcpy(to, number, sizeof number);
        to += sizeof number;
    }
    return (size_t)(to - packet);
}

/* ---- Reading ------------------------------------------------------------- */

struct input {
    const uint8_t *at, *end;
};

/* One value: its tag, and its bytes; false: none that is read here. */
struct value {
    uint8_t tag;
    const uint8_t *bytes;
    size_t size;
};

/* Bytes of the length that follows the tag, or of the value itself. */
static bool widths(uint8_t tag, size_t *length, size_t *fixed)
{
    *length = *fixed = 0;
    switch (tag) {
    case SMALL_INTEGER:
        *fixed = 1;
        return true;
    case INTEGER:
        *fixed = 4;
        return true;
    case SMALL_ATOM:
    case SMALL_ATOM_UTF8:
        *length = 1;
        return true;
    case ATOM:
    case ATOM_UTF8:
    case STRING:
        *length = 2;
        return true;
    case BINARY:
        *length = 4;
        return true;
    default:
        return false;
    }
}

static bool take(struct input *in, struct value *value)
{
    size_t length, fixed;

    if (in->at == in->end || !widths(*in->at, &length, &fixed))
        return false;
    value->tag = *in->at++;
    if (length + fixed > (size_t)(in->end - in->at))
        return false;
    value->size = fixed;
    for (size_t i = 0; i < length; i++)
        value->size = value->size << 8 | *in->at++;
    if (value->size > (size_t)(in->end - in->at))
        return false;
    value->bytes = in->at;
    in->at += value->size;
    return true;
}

static bool is_atom(const struct value *value)
{
    return value->tag == ATOM || value->tag == ATOM_UTF8 ||
           value->tag == SMALL_ATOM || value->tag == SMALL_ATOM_UTF8;
}

static bool is_key(const struct value *key, const char *text)
{
    return key->size == strlen(text) &&
           memcmp(key->bytes, text, key->size) == 0;
}

static bool read_name(const struct value *value, char name[NODE__NAME_MAX + 1],
                      struct agner_error *error)
{
    if (!is_atom(value) || value->size > NODE__NAME_MAX) {
        (void)agner_fail(error, AGNER_EMALFORMED, "its node is no atom");
        return false;
    }
    if (node__name_check((const char *)value->bytes, value->size, error) !=
        AGNER_OK)
        return false;
    memcpy(name, value->bytes, value->size);
    name[value->size] = '\0';
    return true;
}

static bool read_port(const struct value *value, uint16_t *port)
{
    uint32_t number = 0;

    if (value->tag != INTEGER && value->tag != SMALL_INTEGER)
        return false;
    for (size_t i = 0; i < value->size; i++)
        number = number << 8 | value->bytes[i];
    *port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

static enum agner_err malformed(struct agner_error *error, const char *what)
{
    return agner_fail(error, AGNER_EMALFORMED, "%s", what);
}

static enum agner_err read_pairs(struct input *in, uint32_t count,
                                 char name[NODE__NAME_MAX + 1], uint16_t *port,
                                 struct agner_error *error)
{
    struct value key, value;

    for (; count > 0; count--) {
        if (!take(in, &key) || !is_atom(&key) || !take(in, &value))
            return malformed(error, "not a map of atoms to plain values");
        if (is_key(&key, "node")) {
            if (!read_name(&value, name, error))
                return AGNER_EMALFORMED;
        } else if (is_key(&key, "port") && !read_port(&value, port)) {
            return malformed(error, "its port is none");
        }
    }
    if (in->at != in->end)
        return malformed(error, "bytes behind the term");
    return name[0] != '\0' ? AGNER_OK : malformed(error, "no node in it");
}

enum agner_err node__gossip_read(const uint8_t *packet, size_t size,
                                 char name[NODE__NAME_MAX + 1], uint16_t *port,
                                 struct agner_error *error)
{
    struct input in = { packet, packet + size };
    uint32_t count = 0;

    name[0] = '\0';
    *port = 0;
    if (size < HEAD || memcmp(packet, head, HEAD) != 0)
        return agner_fail(error, AGNER_ENOTSUP,
                          "no heartbeat, or one with libcluster's secret");
    in.at += HEAD;
    if (size - HEAD < 6 || in.at[0] != VERSION || in.at[1] != MAP)
        return malformed(error, "not a map in the external term format");
    for (int i = 2; i < 6; i++)
        count = count << 8 | in.at[i];
    in.at += 6;
    if (count == 0 || count > NODE__GOSSIP_KEYS)
        return malformed(error, "too many keys, or none");
    return read_pairs(&in, count, name, port, error);
}

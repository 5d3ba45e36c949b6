/*
 * epmd_proto.c -- epmd's requests and answers as bytes, for who asks.
 */
#include "epmd_proto.h"

#include <string.h>

#include "handshake.h"

#define ALIVE_ANSWER     121
#define ALIVE_ANSWER_NEW 118
#define PORT_ANSWER      119

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

/* Appends a request: its length, and the body from `body` to `end`. */
static enum agner_err ask(struct etf_buffer *out, const uint8_t *body,
                          const uint8_t *end)
{
    size_t size = (size_t)(end - body);
    enum agner_err err = etf_buffer_reserve(out, 2 + size);
    uint8_t length[2];

    if (err != AGNER_OK)
        return err;
    (void)put16(length, size);
    (void)etf_buffer_add(out, length, 2); /* there is room */
    return etf_buffer_add(out, body, size);
}

static bool is_name(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size <= NODE__EPMD_NAME_MAX;
}

enum agner_err node__epmd_ask_alive(struct etf_buffer *out,
                                    const struct node__epmd_node *node)
{
    uint8_t body[13 + NODE__EPMD_NAME_MAX + NODE__EPMD_MARK_SIZE];
    size_t size = strlen(node->name);
    size_t extra = node->agner ? NODE__EPMD_MARK_SIZE : 0;
    uint8_t *p = body;

    if (!is_name(node->name))
        return AGNER_EINVAL;
    *p++ = NODE__EPMD_ALIVE;
    p = put16(p, node->port);
    *p++ = node->type;
    *p++ = node->protocol;
    p = put16(p, node->high);
    p = put16(p, node->low);
    p = put16(p, size);
    memcpy(p, node->name, size);
    p = put16(p + size, extra);
    memcpy(p, NODE__EPMD_MARK, extra);
    return ask(out, body, p + extra);
}

enum agner_err node__epmd_ask_port(struct etf_buffer *out, const char *name)
{
    uint8_t body[1 + NODE__EPMD_NAME_MAX] = { NODE__EPMD_PORT_PLEASE };
    size_t size = strlen(name);

    if (!is_name(name))
        return AGNER_EINVAL;
    memcpy(body + 1, name, size);
    return ask(out, body, body + 1 + size);
}

enum agner_err node__epmd_ask_names(struct etf_buffer *out)
{
    static const uint8_t body[1] = { NODE__EPMD_NAMES };

    return ask(out, body, body + 1);
}

enum agner_err node__epmd_alive_answer(const uint8_t *bytes, size_t size,
                                       uint32_t *creation,
                                       struct agner_error *error)
{
    if (size > 0 && bytes[0] != ALIVE_ANSWER && bytes[0] != ALIVE_ANSWER_NEW)
        return agner_fail(error, AGNER_EPROTO,
                          "epmd answers a registration with byte %u", bytes[0]);
    if (size < 2 || size < (bytes[0] == ALIVE_ANSWER ? 4u : 6u))
        return agner_fail(error, AGNER_ETRUNCATED,
                          "epmd's answer ends after %zu bytes", size);
    if (bytes[1] != 0)
        return agner_fail(error, AGNER_ETAKEN,
                          "epmd refuses the name: it is taken");
    *creation = bytes[0] == ALIVE_ANSWER
                    ? get16(bytes + 2)
                    : (uint32_t)get16(bytes + 2) << 16 | get16(bytes + 4);
    return AGNER_OK;
}

/* An answer's fixed part and name are there: does it make sense? */
static enum agner_err check_found(const struct node__epmd_node *node,
                                  const char *name, struct agner_error *error)
{
    if (strcmp(node->name, name) != 0)
        return agner_fail(error, AGNER_EPROTO,
                          "epmd answers for another name than '%s'", name);
    if (node->port == 0)
        return agner_fail(error, AGNER_EPROTO, "epmd knows '%s' at port 0",
                          name);
    if (node->low > NODE__EPMD_VERSION || node->high < NODE__EPMD_VERSION_OLD)
        return agner_fail(error, AGNER_EPROTO,
                          "'%s' speaks versions %u to %u, not %d or %d", name,
                          node->low, node->high, NODE__EPMD_VERSION_OLD,
                          NODE__EPMD_VERSION);
    return AGNER_OK;
}

/* Is what is extra there, as far as it is looked at? From its size on. */
static bool extra_is_there(const uint8_t *bytes, size_t size)
{
    size_t extra = size < 2 ? 0 : get16(bytes);

    if (extra > NODE__EPMD_MARK_SIZE)
        extra = NODE__EPMD_MARK_SIZE;
    return size >= 2 + extra;
}

static bool is_marked(const uint8_t *bytes)
{
    return get16(bytes) == NODE__EPMD_MARK_SIZE &&
           memcmp(bytes + 2, NODE__EPMD_MARK, NODE__EPMD_MARK_SIZE) == 0;
}

enum agner_err node__epmd_port_answer(const uint8_t *bytes, size_t size,
                                      const char *name,
                                      struct node__epmd_node *node,
                                      struct agner_error *error)
{
    struct node__epmd_node found;
    size_t name_size;
    enum agner_err err;

    if (size > 0 && bytes[0] != PORT_ANSWER)
        return agner_fail(error, AGNER_EPROTO,
                          "epmd answers a look-up with byte %u", bytes[0]);
    if (size >= 2 && bytes[1] != 0)
        return agner_fail(error, AGNER_ENONAME, "epmd does not know '%s'",
                          name);
    if (size < 12 || size - 12 < get16(bytes + 10))
        return agner_fail(error, AGNER_ETRUNCATED,
                          "epmd's answer ends after %zu bytes", size);
    name_size = get16(bytes + 10);
    if (name_size > NODE__EPMD_NAME_MAX)
        return agner_fail(error, AGNER_EPROTO,
                          "epmd answers with a name of %zu bytes", name_size);
    if (!extra_is_there(bytes + 12 + name_size, size - 12 - name_size))
        return agner_fail(error, AGNER_ETRUNCATED,
                          "epmd's answer ends after %zu bytes", size);
    found =
        (struct node__epmd_node){ .port = get16(bytes + 2),
                                  .type = bytes[4],
                                  .protocol = bytes[5],
                                  .high = get16(bytes + 6),
                                  .low = get16(bytes + 8),
                                  .agner = is_marked(bytes + 12 + name_size) };
    memcpy(found.name, bytes + 12, name_size);
    err = check_found(&found, name, error);
    if (err == AGNER_OK)
        *node = found;
    return err;
}

/* "name NAME at port N", from `line` to `end`. The name itself may have spaces,
 * so the last " at port " counts. */
static bool read_line(const uint8_t *line, size_t size, char *name,
                      uint16_t *port)
{
    static const char start[] = "name ", middle[] = " at port ";
    const size_t start_size = sizeof start - 1, middle_size = sizeof middle - 1;
    size_t at, name_size;
    uint32_t number = 0;
    const uint8_t *digit;

    if (size < start_size || memcmp(line, start, start_size) != 0)
        return false;
    for (at = size; at >= start_size + middle_size; at--)
        if (memcmp(line + at - middle_size, middle, middle_size) == 0)
            break;
    if (at < start_size + middle_size)
        return false;
    name_size = at - middle_size - start_size;
    if (name_size == 0 || name_size > NODE__EPMD_NAME_MAX || at == size ||
        !node__is_plain(line + start_size, name_size))
        return false;
    for (digit = line + at; digit < line + size; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        number = number * 10 + (uint32_t)(*digit - '0');
        if (number > UINT16_MAX)
            return false;
    }
    memcpy(name, line + start_size, name_size);
    name[name_size] = '\0';
    *port = (uint16_t)number;
    return true;
}

bool node__epmd_names_next(const uint8_t *bytes, size_t size, size_t *at,
                           char name[NODE__EPMD_NAME_MAX + 1], uint16_t *port)
{
    while (*at < size) {
        const uint8_t *line = bytes + *at;
        const uint8_t *end = memchr(line, '\n', size - *at);
        size_t line_size = end != NULL ? (size_t)(end - line) : size - *at;

        *at += line_size + (end != NULL);
        if (read_line(line, line_size, name, port))
            return true;
    }
    return false;
}

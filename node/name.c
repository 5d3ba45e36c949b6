/*
 * name.c -- names of nodes: which ones can be, making one up, and names with a
 * port.
 */
#include "registrar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERLANG "erlang:" /* before the address of an Erlang node */

/* Bytes of the UTF-8 sequence that `lead` begins, and the least code point that
 * needs that many; 0 for a byte that begins none. */
static size_t sequence_size(uint8_t lead, uint32_t *code, uint32_t *least)
{
    if (lead < 0x80) {
        *code = lead;
        *least = 0;
        return 1;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
        *code = lead & 0x1f;
        *least = 0x80;
        return 2;
    }
    if (lead >= 0xe0 && lead < 0xf0) {
        *code = lead & 0x0f;
        *least = 0x800;
        return 3;
    }
    if (lead >= 0xf0 && lead < 0xf5) {
        *code = lead & 0x07;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

bool node__is_utf8(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        uint32_t code = 0, least = 0;
        size_t i, length = sequence_size(bytes[0], &code, &least);

        if (length == 0 || length > size)
            return false;
        for (i = 1; i < length; i++) {
            if ((bytes[i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (bytes[i] & 0x3f);
        }
        if (code < least || code > 0x10ffff ||
            (code >= 0xd800 && code < 0xe000))
            return false;
        bytes += length;
        size -= length;
    }
    return true;
}

bool node__is_plain(const uint8_t *bytes, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++)
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return false;
    return node__is_utf8(bytes, size);
}

enum agner_err node__name_check(const char *name, size_t size,
                                struct agner_error *error)
{
    const char *at;

    if (size == 0)
        return agner_fail(error, AGNER_EINVAL, "the name is empty");
    if (size > NODE__NAME_MAX)
        return agner_fail(error, AGNER_EINVAL, "a name of %zu bytes, over %d",
                          size, NODE__NAME_MAX);
    /* Before anything is printed: what is not plain text stays out of logs. */
    if (!node__is_plain((const uint8_t *)name, size))
        return agner_fail(error, AGNER_EINVAL,
                          "the name is not UTF-8, or has control characters");
    at = memchr(name, '@', size);
    if (at == NULL)
        return agner_fail(error, AGNER_EINVAL, "no @ in '%.*s'", (int)size,
                          name);
    if (memchr(at + 1, '@', (size_t)(name + size - at - 1)) != NULL)
        return agner_fail(error, AGNER_EINVAL, "more than one @ in '%.*s'",
                          (int)size, name);
    if (at == name || at == name + size - 1)
        return agner_fail(error, AGNER_EINVAL,
                          "nothing on one side of the @ in '%.*s'", (int)size,
                          name);
    return AGNER_OK;
}

enum agner_err node__host_check(const char *host, size_t size,
                                struct agner_error *error)
{
    if (size > 0 && size < NODE__NAME_MAX &&
        node__is_plain((const uint8_t *)host, size) &&
        memchr(host, '@', size) == NULL)
        return AGNER_OK;
    return agner_fail(error, AGNER_EINVAL,
                      "asks for a name on a host that cannot be");
}

enum agner_err node__name_make(const char *host, uint64_t random, char *name)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char text[14];
    int i;

    if (strlen(host) + sizeof text > NODE__NAME_MAX)
        return AGNER_EINVAL;
    for (i = 0; i < 13; i++) {
        text[i] = digits[random % 36];
        random /= 36;
    }
    text[13] = '\0';
    (void)snprintf(name, NODE__NAME_MAX + 1, "%s@%s", text, host);
    return AGNER_OK;
}

/* Where the host in `at` ("@host:port") ends, and where the port begins; NULL:
 * there is none. A host with several colons and no brackets is IPv6. */
static const char *end_of_host(const char *host, const char **port)
{
    const char *end = host + strlen(host);
    const char *colon = strchr(host, ':');

    *port = NULL;
    if (host[0] == '[') {
        const char *bracket = strchr(host, ']');

        if (bracket == NULL)
            return NULL;
        if (bracket[1] == ':')
            *port = bracket + 2;
        else if (bracket[1] != '\0')
            return NULL;
        return bracket;
    }
    if (colon == NULL || strchr(colon + 1, ':') != NULL)
        return end;
    *port = colon + 1;
    return colon;
}

static bool read_port(const char *text, uint16_t *port)
{
    unsigned long number = 0;
    size_t size = strlen(text);

    if (size > 0 && size <= 5 && text[strspn(text, "0123456789")] == '\0')
        number = strtoul(text, NULL, 10); /* five digits: it fits */
    *port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

bool node__address_is_erlang(const char *text)
{
    return strncmp(text, ERLANG, sizeof ERLANG - 1) == 0;
}

static const char *without_kind(const char *text)
{
    return node__address_is_erlang(text) ? text + sizeof ERLANG - 1 : text;
}

enum agner_err node_address_parse(const char *address,
                                  char name[NODE__NAME_MAX + 1], uint16_t *port,
                                  struct agner_error *error)
{
    const char *text = without_kind(address);
    const char *at = strchr(text, '@');
    const char *host = at == NULL ? "" : at + 1;
    const char *end, *digits = NULL;
    int before = at == NULL ? (int)strlen(text) : (int)(host - text);

    if (strlen(text) > NODE__NAME_MAX)
        return agner_fail(error, AGNER_EINVAL, "a name of %zu bytes, over %d",
                          strlen(text), NODE__NAME_MAX);
    end = end_of_host(host, &digits);
    *port = 0;
    if (end == NULL || (digits != NULL && !read_port(digits, port)))
        return agner_fail(error, AGNER_EINVAL,
                          "behind the @ is no HOST:PORT or [ADDRESS]:PORT");
    host += host[0] == '[';
    (void)snprintf(name, NODE__NAME_MAX + 1, "%.*s%.*s", before, text,
                   (int)(end - host), host);
    return node__name_check(name, strlen(name), error);
}

/*
 * json.c -- terms as JSON, for people's tools: there is no way back.
 */
#include <agner/etf.h>

#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define JSON_DEPTH_MAX 1000

static enum agner_err put(struct etf_buffer *b, const char *text)
{
    return etf_buffer_add(b, text, strlen(text));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
}

static enum agner_err put_escaped(struct etf_buffer *b, unsigned char c)
{
    char escape[8];

    if (c == '"' || c == '\\')
        (void)snprintf(escape, sizeof escape, "\\%c", c);
    else if (c == '\n')
        (void)snprintf(escape, sizeof escape, "\\n");
    else
        (void)snprintf(escape, sizeof escape, "\\u%04x", c);
    return put(b, escape);
}

/* Control characters are escaped: nothing else has to be. */
enum agner_err etf_json_text(struct etf_buffer *b, const void *text,
                             size_t size)
{
    const uint8_t *next = text, *end = next + size;
    enum agner_err err = put(b, "\"");

    while (next < end && err == AGNER_OK) {
        const uint8_t *from = next;

        while (next < end && is_plain(*next))
            next++;
        if (next > from)
            err = etf_buffer_add(b, from, (size_t)(next - from));
        else
            err = put_escaped(b, *next++);
    }
    return err == AGNER_OK ? put(b, "\"") : err;
}

/* As Erlang prints it: numbers bare, anything else in quotes. */
static enum agner_err put_printed(struct etf_buffer *b, etf_term t, bool quotes)
{
    struct etf_print_options options = { .style = ETF_STYLE_TW };
    struct etf_buffer text = { 0 };
    enum agner_err err = etf_print(&text, t, &options);

    if (err == AGNER_OK && quotes)
        err = etf_json_text(b, text.data, text.size);
    else if (err == AGNER_OK)
        err = etf_buffer_add(b, text.data, text.size);
    etf_buffer_fini(&text);
    return err;
}

/* A text without a reading of its own: true as a key is "true". */
static enum agner_err put_text(struct etf_buffer *b, etf_term t)
{
    etf_bytes text = etf_atom_text(t);
    size_t chars;

    if (text.data == NULL && (!etf_get_bytes(t, &text) ||
                              !etf__utf8_valid(text.data, text.size, &chars)))
        return put_printed(b, t, true);
    return etf_json_text(b, text.data, text.size);
}

static enum agner_err put_term(struct etf_buffer *b, etf_term t,
                               unsigned depth);

static enum agner_err put_list(struct etf_buffer *b, etf_term t, unsigned depth)
{
    enum agner_err err = put(b, "[");
    bool first = true;
    etf_term head;

    for (; err == AGNER_OK && etf_list_next(&t, &head); first = false) {
        err = put(b, first ? "" : ",");
        if (err == AGNER_OK)
            err = put_term(b, head, depth + 1);
    }
    return err == AGNER_OK ? put(b, "]") : err;
}

static enum agner_err put_tuple(struct etf_buffer *b, etf_term t,
                                unsigned depth)
{
    const etf_term *items = etf_tuple_items(t);
    enum agner_err err = put(b, "[");

    for (size_t i = 0; i < etf_tuple_size(t) && err == AGNER_OK; i++) {
        err = put(b, i == 0 ? "" : ",");
        if (err == AGNER_OK)
            err = put_term(b, items[i], depth + 1);
    }
    return err == AGNER_OK ? put(b, "]") : err;
}

static enum agner_err put_map(struct etf_buffer *b, etf_term t, unsigned depth)
{
    enum agner_err err = put(b, "{");
    etf_term key, value;

    for (size_t i = 0; i < etf_map_size(t) && err == AGNER_OK; i++) {
        etf_map_pair(t, i, &key, &value);
        err = put(b, i == 0 ? "" : ",");
        if (err == AGNER_OK)
            err = put_text(b, key);
        if (err == AGNER_OK)
            err = put(b, ":");
        if (err == AGNER_OK)
            err = put_term(b, value, depth + 1);
    }
    return err == AGNER_OK ? put(b, "}") : err;
}

static enum agner_err put_term(struct etf_buffer *b, etf_term t, unsigned depth)
{
    if (depth > JSON_DEPTH_MAX)
        return AGNER_ELIMIT;
    switch (etf_kind(t)) {
    case ETF_KIND_NONE:
        break;
    case ETF_KIND_INTEGER:
    case ETF_KIND_FLOAT:
        return put_printed(b, t, false);
    case ETF_KIND_ATOM:
        if (etf_same(t, ETF_A(true)) || etf_same(t, ETF_A(false)))
            return put_printed(b, t, false);
        return etf_same(t, ETF_A(nil)) ? put(b, "null") : put_text(b, t);
    case ETF_KIND_BINARY:
        return put_text(b, t);
    case ETF_KIND_NIL:
        return put(b, "[]");
    case ETF_KIND_LIST:
        if (etf_list_size(t) >= 0)
            return put_list(b, t, depth);
        break; /* improper */
    case ETF_KIND_TUPLE:
        return put_tuple(b, t, depth);
    case ETF_KIND_MAP:
        return put_map(b, t, depth);
    case ETF_KIND_REF:
    case ETF_KIND_FUN:
    case ETF_KIND_EXPORT:
    case ETF_KIND_PORT:
    case ETF_KIND_PID:
    case ETF_KIND_BITSTRING:
    case ETF_KIND_RESOURCE:
        break;
    }
    return put_printed(b, t, true);
}

enum agner_err etf_json(struct etf_buffer *b, etf_term t)
{
    size_t had = b->size;
    enum agner_err err = put_term(b, t, 0);

    if (err != AGNER_OK)
        b->size = had;
    return err;
}

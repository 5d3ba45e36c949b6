/*
 * epmd_book.c -- who is registered with our epmd, and its answers.
 *
 * Pure: a request's bytes in, an answer's bytes out. An entry is active while
 * its connection, the owner, is there; afterwards it is an old name, kept so
 * that the next life of that node gets another creation. The newest
 * registrations are at the end, and are listed first, as the real one does.
 */
#include "epmd_proto.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handshake.h"

#define ALIVE_ANSWER     121
#define ALIVE_ANSWER_NEW 118
#define PORT_ANSWER      119
#define REFUSED_CREATION 99
#define ALIVE_FIXED      13 /* bytes of a registration besides name and extra */

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

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    return put16(put16(p, v >> 16), v & 0xffff);
}

void node__epmd_book_fini(struct node__epmd_book *book)
{
    size_t i;

    for (i = 0; i < book->count; i++)
        free(book->entries[i].extra);
    free(book->entries);
    *book = (struct node__epmd_book){ .port = book->port };
}

static struct node__epmd_entry *find(const struct node__epmd_book *book,
                                     const char *name)
{
    size_t i;

    for (i = 0; i < book->count; i++)
        if (strcmp(book->entries[i].node.name, name) == 0)
            return &book->entries[i];
    return NULL;
}

static void forget(struct node__epmd_book *book, struct node__epmd_entry *entry)
{
    size_t after = (size_t)(book->entries + book->count - (entry + 1));

    free(entry->extra);
    memmove(entry, entry + 1, after * sizeof *entry);
    book->count--;
}

static void forget_oldest(struct node__epmd_book *book)
{
    size_t i;

    for (i = 0; i < book->count; i++)
        if (book->entries[i].owner == 0) {
            forget(book, &book->entries[i]);
            return;
        }
}

/* Room for one entry at the end: old names give way first. */
static bool make_room(struct node__epmd_book *book)
{
    struct node__epmd_entry *entries;
    size_t room;

    if (book->count == 2 * NODE__EPMD_NODES_MAX)
        forget_oldest(book);
    if (book->count < book->room)
        return true;
    room = book->room == 0 ? 16 : 2 * book->room;
    entries = realloc(book->entries, room * sizeof *entries);
    if (entries == NULL)
        return false;
    book->entries = entries;
    book->room = room;
    return true;
}

/* Puts `entry`, which takes the place of an old one of the same name, at the
 * end. */
static bool enter(struct node__epmd_book *book, struct node__epmd_entry entry)
{
    struct node__epmd_entry *old;

    if (!make_room(book))
        return false;
    old = find(book, entry.node.name);
    if (old != NULL) {
        entry.creation = old->creation + 1;
        forget(book, old);
    } else {
        entry.creation = book->now;
    }
    /* 0 is no creation, and 1 to 3 are those of old nodes. */
    if (entry.creation < 4)
        entry.creation = 4;
    book->entries[book->count++] = entry;
    book->active++;
    return true;
}

/* ---- Answers ------------------------------------------------------------ */

static enum node__epmd_next answer(struct etf_buffer *out, const uint8_t *bytes,
                                   size_t size, enum node__epmd_next next)
{
    return etf_buffer_add(out, bytes, size) == AGNER_OK ? next
                                                        : NODE__EPMD_CLOSE;
}

/* The answer to a registration: the form goes by the versions that it named. */
static enum node__epmd_next answer_alive(struct etf_buffer *out, uint16_t high,
                                         bool ok, uint32_t creation)
{
    uint8_t bytes[6] = { ALIVE_ANSWER_NEW, ok ? 0 : 1 };
    enum node__epmd_next next = ok ? NODE__EPMD_HOLD : NODE__EPMD_KEEP;

    if (high >= NODE__EPMD_VERSION) {
        (void)put32(bytes + 2, ok ? creation : REFUSED_CREATION);
        return answer(out, bytes, 6, next);
    }
    bytes[0] = ALIVE_ANSWER;
    (void)put16(bytes + 2, ok ? creation % 3 + 1 : REFUSED_CREATION);
    return answer(out, bytes, 4, next);
}

/* Reads a registration; false when it is not complete or its name has a zero
 * byte or nothing at all. *name_fits: the name can be registered. */
static bool read_alive(const uint8_t *body, size_t size,
                       struct node__epmd_entry *entry, bool *name_fits,
                       const uint8_t **extra)
{
    size_t name_size;

    if (size < ALIVE_FIXED)
        return false;
    name_size = get16(body + 9);
    if (name_size == 0 || size - ALIVE_FIXED < name_size ||
        memchr(body + 11, '\0', name_size) != NULL)
        return false;
    entry->extra_size = get16(body + 11 + name_size);
    if (size - ALIVE_FIXED - name_size < entry->extra_size)
        return false;
    *extra = body + ALIVE_FIXED + name_size;
    entry->node = (struct node__epmd_node){ .port = get16(body + 1),
                                            .type = body[3],
                                            .protocol = body[4],
                                            .high = get16(body + 5),
                                            .low = get16(body + 7) };
    *name_fits = name_size <= NODE__EPMD_NAME_MAX &&
                 node__is_plain(body + 11, name_size);
    if (*name_fits)
        memcpy(entry->node.name, body + 11, name_size);
    return true;
}

static enum node__epmd_next alive(struct node__epmd_book *book, uint64_t owner,
                                  const uint8_t *body, size_t size,
                                  struct etf_buffer *out)
{
    struct node__epmd_entry entry = { .owner = owner };
    const struct node__epmd_entry *old;
    enum node__epmd_next next;
    const uint8_t *extra;
    bool fits;

    if (!read_alive(body, size, &entry, &fits, &extra))
        return NODE__EPMD_CLOSE;
    old = fits ? find(book, entry.node.name) : NULL;
    if (!fits || (old != NULL && old->owner != 0) ||
        book->active == NODE__EPMD_NODES_MAX)
        return answer_alive(out, entry.node.high, false, 0);
    if (entry.extra_size > 0) {
        entry.extra = malloc(entry.extra_size);
        if (entry.extra == NULL)
            return NODE__EPMD_CLOSE;
        memcpy(entry.extra, extra, entry.extra_size);
    }
    if (!enter(book, entry)) {
        free(entry.extra);
        return NODE__EPMD_CLOSE;
    }
    next = answer_alive(out, entry.node.high, true,
                        book->entries[book->count - 1].creation);
    if (next == NODE__EPMD_CLOSE)
        node__epmd_gone(book, owner);
    return next;
}

static enum node__epmd_next port_please(const struct node__epmd_book *book,
                                        const uint8_t *body, size_t size,
                                        struct etf_buffer *out)
{
    char name[NODE__EPMD_NAME_MAX + 1] = "";
    uint8_t bytes[14 + NODE__EPMD_NAME_MAX] = { PORT_ANSWER };
    const struct node__epmd_entry *entry;
    size_t name_size = size - 1;
    uint8_t *p = bytes + 2;

    if (name_size > 0 && body[size - 1] == '\0')
        name_size--; /* old nodes end it so */
    if (name_size == 0 || name_size > NODE__EPMD_NAME_MAX)
        return NODE__EPMD_CLOSE;
    memcpy(name, body + 1, name_size);
    entry = find(book, name);
    if (entry == NULL || entry->owner == 0) {
        bytes[1] = 1;
        return answer(out, bytes, 2, NODE__EPMD_CLOSE);
    }
    p = put16(p, entry->node.port);
    *p++ = entry->node.type;
    *p++ = entry->node.protocol;
    p = put16(p, entry->node.high);
    p = put16(p, entry->node.low);
    p = put16(p, name_size);
    memcpy(p, name, name_size);
    p = put16(p + name_size, entry->extra_size);
    if (etf_buffer_reserve(out, (size_t)(p - bytes) + entry->extra_size) !=
        AGNER_OK)
        return NODE__EPMD_CLOSE;
    (void)answer(out, bytes, (size_t)(p - bytes), NODE__EPMD_CLOSE);
    return answer(out, entry->extra, entry->extra_size, NODE__EPMD_CLOSE);
}

/* A line of names or dump; a dump's lines end with a zero byte besides. */
static void add_line(struct etf_buffer *out,
                     const struct node__epmd_entry *entry, bool dump)
{
    char line[NODE__EPMD_NAME_MAX + 80];
    const char *name = entry->node.name;
    int size;

    if (!dump)
        size = snprintf(line, sizeof line, "name %s at port %u\n", name,
                        entry->node.port);
    else if (entry->owner != 0)
        size = snprintf(line, sizeof line,
                        "active name     <%s> at port %u, fd = %" PRIu64 "\n",
                        name, entry->node.port, entry->owner);
    else
        size = snprintf(line, sizeof line,
                        "old/unused name <%s>, port = %u, fd = 0 \n", name,
                        entry->node.port);
    (void)etf_buffer_add(out, line, (size_t)size + dump); /* room was made */
}

static enum node__epmd_next list(const struct node__epmd_book *book, bool dump,
                                 struct etf_buffer *out)
{
    uint8_t port[4];
    size_t i;

    if (etf_buffer_reserve(out, 4 + book->count * (NODE__EPMD_NAME_MAX + 80)) !=
        AGNER_OK)
        return NODE__EPMD_CLOSE;
    (void)put32(port, book->port);
    (void)etf_buffer_add(out, port, sizeof port);
    for (i = book->count; i-- > 0;)
        if (book->entries[i].owner != 0)
            add_line(out, &book->entries[i], dump);
    for (i = book->count; dump && i-- > 0;)
        if (book->entries[i].owner == 0)
            add_line(out, &book->entries[i], dump);
    return NODE__EPMD_CLOSE;
}

enum node__epmd_next node__epmd_answer(struct node__epmd_book *book,
                                       uint64_t owner, bool local,
                                       const uint8_t *body, size_t size,
                                       struct etf_buffer *out)
{
    if (size == 0)
        return NODE__EPMD_CLOSE;
    switch (body[0]) {
    case NODE__EPMD_PORT_PLEASE:
        return port_please(book, body, size, out);
    case NODE__EPMD_NAMES:
        return list(book, false, out);
    case NODE__EPMD_ALIVE:
        return local ? alive(book, owner, body, size, out) : NODE__EPMD_CLOSE;
    case NODE__EPMD_DUMP:
        return local ? list(book, true, out) : NODE__EPMD_CLOSE;
    case NODE__EPMD_KILL:
        if (!local)
            return NODE__EPMD_CLOSE;
        if (book->active > 0)
            return answer(out, (const uint8_t *)"NO", 2, NODE__EPMD_CLOSE);
        return answer(out, (const uint8_t *)"OK", 2, NODE__EPMD_EXIT);
    default:
        return NODE__EPMD_CLOSE; /* STOP, too: nobody ends another's name */
    }
}

void node__epmd_gone(struct node__epmd_book *book, uint64_t owner)
{
    size_t i;

    for (i = 0; i < book->count; i++)
        if (book->entries[i].owner == owner) {
            book->entries[i].owner = 0;
            book->active--;
            return;
        }
}

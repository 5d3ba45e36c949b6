/*
 * box_read.c -- reading a black box: rt_box.h.
 *
 * The bytes may be anything: a file that was cut, that somebody else wrote, or
 * that a dying program left half done. Every offset and count is checked
 * against the size before it is used, and what does not fit its place is left
 * out and counted.
 */
#include "rt_box.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t rt_box_sum(const struct rt_box_header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    uint64_t sum = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < offsetof(struct rt_box_header, sum); i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static bool fits(uint64_t at, uint64_t count, uint64_t each, uint64_t size)
{
    return at <= size && count <= (size - at) / each;
}

static enum agner_err check(const struct rt_box_header *h, size_t size,
                            struct agner_error *error)
{
    if (memcmp(h->magic, RT_BOX_MAGIC, sizeof h->magic) != 0)
        return agner_fail(error, AGNER_EMALFORMED, "no black box of agner");
    if (h->order != RT_BOX_ORDER)
        return agner_fail(error, AGNER_ENOTSUP,
                          "written on a machine with another byte order");
    if (h->version != RT_BOX_VERSION)
        return agner_fail(error, AGNER_ENOTSUP,
                          "version %" PRIu32 " of the form; this reads %u",
                          h->version, RT_BOX_VERSION);
    if (h->sum != rt_box_sum(h))
        return agner_fail(error, AGNER_EMALFORMED, "the header is damaged");
    if (h->rings == 0 || h->rings > RT_BOX_RINGS || h->names > RT_BOX_NAMES ||
        h->half < RT_BOX_SIZE_MIN / 2 || h->half > RT_BOX_SIZE_MAX / 2 ||
        (h->half & (h->half - 1)) != 0 ||
        h->ring_size != RT_BOX_PAGE + 2 * h->half ||
        h->names_at < RT_BOX_PAGE || h->rings_at < RT_BOX_PAGE ||
        !fits(h->names_at, h->names, sizeof(struct rt_box_name), h->size) ||
        !fits(h->rings_at, h->rings, h->ring_size, h->size))
        return agner_fail(error, AGNER_EMALFORMED,
                          "the header says what cannot be");
    if (h->size > size)
        return agner_fail(error, AGNER_ETRUNCATED,
                          "cut: %zu of %" PRIu64 " bytes", size, h->size);
    return AGNER_OK;
}

enum agner_err rt_box_open(const uint8_t *bytes, size_t size,
                           struct rt_box *box, struct agner_error *error)
{
    enum agner_err err;

    if (size < sizeof box->header)
        return agner_fail(error, AGNER_ETRUNCATED, "cut: %zu bytes, no header",
                          size);
    memset(box, 0, sizeof *box);
    memcpy(&box->header, bytes, sizeof box->header);
    err = check(&box->header, size, error);
    if (err != AGNER_OK)
        return err;
    box->bytes = bytes;
    box->header.build[sizeof box->header.build - 1] = '\0';
    box->header.node[sizeof box->header.node - 1] = '\0';
    return AGNER_OK;
}

static const uint8_t *ring_at(const struct rt_box *box, uint32_t ring)
{
    return box->bytes + box->header.rings_at + ring * box->header.ring_size;
}

void rt_box_line(const struct rt_box *box, uint32_t ring,
                 struct rt_box_line *line)
{
    memcpy(line, ring_at(box, ring), sizeof *line);
}

const char *rt_box_name(const struct rt_box *box, uint32_t index,
                        struct rt_box_name *name)
{
    if (index == 0 || index > box->header.names)
        return "";
    memcpy(name,
           box->bytes + box->header.names_at +
               (uint64_t)(index - 1) * sizeof *name,
           sizeof *name);
    name->text[sizeof name->text - 1] = '\0';
    name->module[sizeof name->module - 1] = '\0';
    return name->address == 0 ? "" : name->text;
}

char *rt_box_place(const struct rt_box *box, uint64_t address, char *text,
                   size_t size)
{
    struct rt_box_name name;

    for (uint32_t i = 1; i <= box->header.names; i++) {
        (void)rt_box_name(box, i, &name);
        if (name.address == 0 || address < name.base || address >= name.end)
            continue;
        (void)snprintf(text, size, "%s+0x%" PRIx64, name.module,
                       address - name.base);
        return text;
    }
    (void)snprintf(text, size, "0x%" PRIx64, address);
    return text;
}

/* ---- Records ------------------------------------------------------------ */

/* One half of a ring. */
struct half {
    uint32_t ring;
    bool large;
    const uint8_t *records;
    uint64_t written, room;
};

static bool is_kind(bool large, unsigned kind)
{
    return large ? kind >= RT_BOX_START && kind <= RT_BOX_FAULT
                 : kind >= RT_BOX_SPAWN && kind <= RT_BOX_TIMERS;
}

static size_t record_size(const struct half *half)
{
    return half->large ? sizeof(struct rt_box_large)
                       : sizeof(struct rt_box_small);
}

/* The number-th record, if it is what its place says. */
static bool read_record(const struct half *half, uint64_t number,
                        struct rt_box_event *e)
{
    struct rt_box_large r;
    unsigned kind;
    uint64_t head;

    memset(&r, 0, sizeof r);
    memcpy(&r, half->records + (number - 1) % half->room * record_size(half),
           record_size(half));
    head = r.r.head;
    kind = (unsigned)(head >> 32) & 0xffu;
    if ((uint32_t)head != (uint32_t)number || !is_kind(half->large, kind))
        return false;
    *e = (struct rt_box_event){ .time_ns = r.r.time_ns,
                                .number = number,
                                .a = r.r.a,
                                .b = r.r.b,
                                .ring = half->ring,
                                .detail = (uint32_t)(head >> 40),
                                .kind = (enum rt_box_kind)kind };
    memcpy(e->text, r.text, sizeof r.text);
    return true;
}

/* Is the place behind the last whole record in the middle of being written? */
static bool is_torn(const struct half *half)
{
    uint64_t head, next = half->written;
    uint64_t had = next < half->room ? 0 : (uint32_t)(next + 1 - half->room);

    memcpy(&head, half->records + next % half->room * record_size(half),
           sizeof head);
    if ((uint32_t)head != (uint32_t)had)
        return true;
    return next >= half->room && head == 0;
}

static size_t read_half(struct rt_box *box, const struct half *half,
                        struct rt_box_event *events)
{
    uint64_t whole =
        half->written < half->room ? half->written : half->room - 1;
    size_t count = 0;

    /* Counted down to 0: `written` may be the largest number there is. */
    for (; whole > 0; whole--) {
        if (read_record(half, half->written - whole + 1, &events[count]))
            count++;
        else
            box->damaged++;
    }
    box->torn += is_torn(half);
    return count;
}

static struct half half_of(const struct rt_box *box, uint32_t ring, bool large)
{
    struct half half = { .ring = ring, .large = large };
    struct rt_box_line line;

    rt_box_line(box, ring, &line);
    half.written = large ? line.large : line.small;
    half.records =
        ring_at(box, ring) + RT_BOX_PAGE + (large ? box->header.half : 0);
    half.room = box->header.half / record_size(&half);
    return half;
}

static int in_time(const void *one, const void *other)
{
    const struct rt_box_event *a = one, *b = other;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    if (a->ring != b->ring)
        return a->ring < b->ring ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

enum agner_err rt_box_events(struct rt_box *box, struct rt_box_event **events,
                             size_t *count)
{
    size_t room = 1, used = 0;

    for (uint32_t i = 0; i < 2 * box->header.rings; i++) {
        struct half half = half_of(box, i / 2, i % 2 != 0);

        room += half.written < half.room ? half.written : half.room;
    }
    *events = malloc(room * sizeof **events);
    if (*events == NULL)
        return AGNER_ENOMEM;
    box->torn = box->damaged = 0;
    for (uint32_t i = 0; i < 2 * box->header.rings; i++) {
        struct half half = half_of(box, i / 2, i % 2 != 0);

        used += read_half(box, &half, *events + used);
    }
    qsort(*events, used, sizeof **events, in_time);
    *count = used;
    return AGNER_OK;
}

/*
 * msgpack_walk.c -- the walk over one MessagePack value: a loop over heads.
 *
 * A head is the first byte with its length field. What a head promises is
 * compared with the limit before anything believes it, and nothing is
 * allocated. Source: MessagePack specification, "Formats".
 */
#include "msgpack_walk.h"

#include <assert.h>
#include <stdbool.h>

enum body {
    BODY_BAD,
    BODY_BYTES,  /* `fixed` bytes, and as many as the length field says */
    BODY_VALUES, /* as many values as the length field says */
    BODY_PAIRS,
};

struct head {
    uint8_t body;   /* enum body */
    uint8_t length; /* bytes of the length field: 0, 1, 2 or 4 */
    uint8_t fixed;  /* bytes that always follow it */
};

/* 0xc0 to 0xdf, the bytes that are all head. */
/* clang-format off */
static const struct head heads[32] = {
    { BODY_BYTES, 0, 0 },  /* c0 nil */
    { BODY_BAD,   0, 0 },  /* c1 never used */
    { BODY_BYTES, 0, 0 },  /* c2 false */
    { BODY_BYTES, 0, 0 },  /* c3 true */
    { BODY_BYTES, 1, 0 },  /* c4 bin 8 */
    { BODY_BYTES, 2, 0 },  /* c5 bin 16 */
    { BODY_BYTES, 4, 0 },  /* c6 bin 32 */
    { BODY_BYTES, 1, 1 },  /* c7 ext 8: the type follows */
    { BODY_BYTES, 2, 1 },  /* c8 ext 16 */
    { BODY_BYTES, 4, 1 },  /* c9 ext 32 */
    { BODY_BYTES, 0, 4 },  /* ca float 32 */
    { BODY_BYTES, 0, 8 },  /* cb float 64 */
    { BODY_BYTES, 0, 1 },  /* cc uint 8 */
    { BODY_BYTES, 0, 2 },  /* cd uint 16 */
    { BODY_BYTES, 0, 4 },  /* ce uint 32 */
    { BODY_BYTES, 0, 8 },  /* cf uint 64 */
    { BODY_BYTES, 0, 1 },  /* d0 int 8 */
    { BODY_BYTES, 0, 2 },  /* d1 int 16 */
    { BODY_BYTES, 0, 4 },  /* d2 int 32 */
    { BODY_BYTES, 0, 8 },  /* d3 int 64 */
    { BODY_BYTES, 0, 2 },  /* d4 fixext 1: type and data */
    { BODY_BYTES, 0, 3 },  /* d5 fixext 2 */
    { BODY_BYTES, 0, 5 },  /* d6 fixext 4 */
    { BODY_BYTES, 0, 9 },  /* d7 fixext 8 */
    { BODY_BYTES, 0, 17 }, /* d8 fixext 16 */
    { BODY_BYTES, 1, 0 },  /* d9 str 8 */
    { BODY_BYTES, 2, 0 },  /* da str 16 */
    { BODY_BYTES, 4, 0 },  /* db str 32 */
    { BODY_VALUES, 2, 0 }, /* dc array 16 */
    { BODY_VALUES, 4, 0 }, /* dd array 32 */
    { BODY_PAIRS, 2, 0 },  /* de map 16 */
    { BODY_PAIRS, 4, 0 },  /* df map 32 */
};
/* clang-format on */

/* One head as read: its size, and what it promises. */
struct promise {
    enum body body;
    size_t head_size;
    uint64_t count; /* bytes or values that follow the head */
};

/* Reads the head at the front of `size` bytes: false when it is cut short. */
static bool read_head(const uint8_t *bytes, size_t size, struct promise *p)
{
    uint8_t first = bytes[0];
    const struct head *head;

    p->head_size = 1;
    p->count = 0;
    p->body = BODY_BYTES;
    if (first < 0x80 || first >= 0xe0) /* small integers */
        return true;
    if (first < 0x90) {
        p->body = BODY_PAIRS;
        p->count = first & 0x0fu;
    } else if (first < 0xa0) {
        p->body = BODY_VALUES;
        p->count = first & 0x0fu;
    } else if (first < 0xc0) {
        p->count = first & 0x1fu;
    } else {
        head = &heads[first - 0xc0];
        p->body = (enum body)head->body;
        p->head_size += head->length;
        if (p->head_size > size)
            return false;
        for (unsigned i = 1; i <= head->length; i++)
            p->count = p->count << 8 | bytes[i];
        p->count += head->fixed;
    }
    if (p->body == BODY_PAIRS)
        p->count *= 2;
    return true;
}

/* A value is complete: so is each container that it was the last of. */
static void close_value(struct msgpack_walk *w)
{
    while (w->depth > 0 && --w->left[w->depth - 1] == 0)
        w->depth--;
    if (w->depth == 0)
        w->state = MSGPACK_WALK_WHOLE;
}

static void step(struct msgpack_walk *w, const struct promise *p)
{
    w->next += p->head_size;
    /* Every value takes at least a byte, so a count is a count of bytes too. */
    if (w->next > w->size_max || p->count > w->size_max - w->next) {
        w->state = MSGPACK_WALK_TOO_BIG;
        return;
    }
    switch (p->body) {
    case BODY_BAD:
        w->state = MSGPACK_WALK_BAD;
        break;
    case BODY_BYTES:
        w->next += (size_t)p->count;
        close_value(w);
        break;
    case BODY_VALUES:
    case BODY_PAIRS:
        if (w->depth == w->depth_max)
            w->state = MSGPACK_WALK_DEEP;
        else if (p->count == 0)
            close_value(w);
        else
            w->left[w->depth++] = p->count;
        break;
    }
}

void apps__msgpack_walk_init(struct msgpack_walk *w, size_t size_max,
                             unsigned depth_max)
{
    assert(depth_max <= MSGPACK_DEPTH_MAX);
    w->state = MSGPACK_WALK_MORE;
    w->next = 0;
    w->size_max = size_max;
    w->depth = 0;
    w->depth_max = depth_max;
}

enum msgpack_walk_state apps__msgpack_walk(struct msgpack_walk *w,
                                           const uint8_t *bytes, size_t size)
{
    struct promise p;

    while (w->state == MSGPACK_WALK_MORE && w->next < size) {
        if (!read_head(bytes + w->next, size - w->next, &p))
            return MSGPACK_WALK_MORE;
        step(w, &p);
    }
    /* The last bytes of a string may still be on their way. */
    if (w->state == MSGPACK_WALK_WHOLE && w->next > size)
        return MSGPACK_WALK_MORE;
    return w->state;
}

const char *apps__msgpack_walk_text(enum msgpack_walk_state state)
{
    switch (state) {
    case MSGPACK_WALK_MORE:
        return "the value is cut short";
    case MSGPACK_WALK_WHOLE:
        return "the value is whole";
    case MSGPACK_WALK_BAD:
        return "byte c1 begins no value";
    case MSGPACK_WALK_DEEP:
        return "nested over 32 deep";
    case MSGPACK_WALK_TOO_BIG:
        return "longer than the limit";
    }
    return "unknown";
}

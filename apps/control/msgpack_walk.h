/*
 * msgpack_walk.h -- where does this MessagePack value end, and is it safe?
 *
 * Private to apps/control. MessagePack-RPC has no length prefix, and the
 * library allocates what a header promises before the elements are there. So
 * every byte from outside is walked first: a value whose walk is complete has
 * all the elements it claims, is not nested too deeply, and costs the library
 * memory in proportion to its size (B-RPC-1).
 */
#ifndef MSGPACK_WALK_H
#define MSGPACK_WALK_H

#include <stddef.h>
#include <stdint.h>

/* Containers inside each other, empty ones counted: the most that the library
 * takes. */
#define MSGPACK_DEPTH_MAX 32

enum msgpack_walk_state {
    MSGPACK_WALK_MORE,    /* a prefix of a value so far */
    MSGPACK_WALK_WHOLE,   /* the value ends at `next` */
    MSGPACK_WALK_BAD,     /* no value begins like this */
    MSGPACK_WALK_DEEP,    /* nested over the limit */
    MSGPACK_WALK_TOO_BIG, /* longer than the limit, or promises to be */
};

/* A walk that stops where the bytes do and goes on when more are there. */
struct msgpack_walk {
    enum msgpack_walk_state state; /* every state but MORE is final */
    size_t next;                   /* bytes behind us; may be past the input */
    size_t size_max;               /* of the whole value */
    unsigned depth, depth_max;
    uint64_t left[MSGPACK_DEPTH_MAX]; /* values to come, in each container */
};

/* Begins a walk. depth_max is at most MSGPACK_DEPTH_MAX. */
void apps__msgpack_walk_init(struct msgpack_walk *w, size_t size_max,
                             unsigned depth_max);

/* Walks on. `bytes` is the value from its first byte, `size` what is there of
 * it by now, never less than at the call before; more may follow it. Each byte
 * is looked at once over all calls. */
enum msgpack_walk_state apps__msgpack_walk(struct msgpack_walk *w,
                                           const uint8_t *bytes, size_t size);

/* What is wrong in that state, for a person; static. */
const char *apps__msgpack_walk_text(enum msgpack_walk_state state);

#endif

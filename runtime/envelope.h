/*
 * envelope.h -- what travels between processes: one block for one signal.
 *
 * Private to runtime/. An envelope is a header and, behind it, the words of the
 * term that it carries; or its term lives in a box that it holds
 * (ENVELOPE_BOX). The same block serves as a relation (relation.h): the
 * envelope that asks for a link or a monitor becomes the entry in its
 * receiver's table, and later the signal that tells of its end, so that exits
 * and downs need no memory when they are sent (G19).
 */
#ifndef RT_ENVELOPE_H
#define RT_ENVELOPE_H

#include "etf_door.h"
#include "pool.h"

enum envelope_kind {
    /* For the code of the process: these wait in its queue. */
    ENVELOPE_INIT, /* the first: sender, id: who waits; term: arguments */
    ENVELOPE_MESSAGE,
    ENVELOPE_CALL, /* sender, id: the caller's reference; term: the request */
    ENVELOPE_CAST,
    ENVELOPE_EXIT_MESSAGE, /* trapped exit: sender, term: reason */
    ENVELOPE_DOWN_MESSAGE, /* id; term: reason; aux: the monitor's relation */
    ENVELOPE_TIMEOUT,      /* id: which rt_timeout() */
    ENVELOPE_DIRECT,       /* aux: struct rt_direct_wait */

    /* For the runtime: they act as soon as the owner sees them. */
    ENVELOPE_ALIAS,  /* id: the alias; term: a message through it */
    ENVELOPE_REPLY,  /* id: of the call; sender: who answered */
    ENVELOPE_FAIL,   /* id: of the call, it has failed; term: reason */
    ENVELOPE_WAKE,   /* id: of the wait that is over its time */
    ENVELOPE_LINK,   /* sender */
    ENVELOPE_UNLINK, /* sender, id */
    ENVELOPE_UNLINK_ACK,
    ENVELOPE_EXIT,        /* sender's end, through a link; term: reason */
    ENVELOPE_EXIT2,       /* exit/2 */
    ENVELOPE_EXIT2_ALIAS, /* the same through an alias: id */
    ENVELOPE_MONITOR,     /* sender watches us, under (sender, id) */
    ENVELOPE_DEMONITOR,
    ENVELOPE_DOWN,         /* id: our monitor; term: reason */
    ENVELOPE_NODE_DOWN,    /* term: the node */
    ENVELOPE_GROUP_LEADER, /* sender */
    ENVELOPE_INFO,         /* sender, id: somebody wants our rt_process_info */
    ENVELOPE_SPAWN_REPLY,  /* id: of the request; term: {Flags, PidOrReason} */
};

enum envelope_flags {
    ENVELOPE_BOX = 1,        /* `memory.box` holds the term */
    ENVELOPE_BY_NAME = 2,    /* a monitor by name: DOWN shows {Name, Node} */
    ENVELOPE_REMOTE = 4,     /* the sender is of another node: ref in `words` */
    ENVELOPE_COUNTED = 8,    /* counted by the receiver's mailbox limit */
    ENVELOPE_KILL = 16,      /* exit/2 with reason kill */
    ENVELOPE_FROM_TERM = 32, /* a call of another node: sender is {Pid, Tag} */
    ENVELOPE_LIFETIME = 64,  /* EXIT2: an orderly end, trapping or not */
    ENVELOPE_BEGIN = 128,    /* WAKE: the process begins; without, it is over */
};

struct envelope {
    /* As struct block. */
    struct envelope *next;
    uint16_t owner;
    uint8_t class;
    uint8_t kind;
    uint32_t generation; /* the life that it is meant for; 0: any */
    uint8_t flags;
    uint8_t zero[7];
    etf_term sender; /* local pid, or a boxed one in the words; or NONE */
    uint64_t id;     /* reference of the sender's, see above */
    etf_term term;
    union {
        uint64_t *offheap;   /* references in the words */
        struct etf_box *box; /* ENVELOPE_BOX: one count of it; the term is in
                                it, or in the words and leads there */
    } memory;
    void *aux; /* as the kind says */
};

/* The words behind an envelope. */
static inline uint64_t *rt__words(struct envelope *m)
{
    return (uint64_t *)(void *)(m + 1);
}

_Static_assert(offsetof(struct envelope, class) ==
                       offsetof(struct block, class) &&
                   sizeof(struct envelope) % 8 == 0,
               "an envelope is a block");

struct rt;
struct worker;

/* A new envelope with a copy of `term`, or NULL. `worker` NULL: any thread. */
struct envelope *rt__envelope_new(struct worker *worker,
                                  enum envelope_kind kind, etf_term term);
/* With the term in `box`, of which it takes one count on success. */
struct envelope *rt__envelope_box(struct worker *worker,
                                  enum envelope_kind kind, struct etf_box *box);
/* A copy of `tuple` whose last element is what is in `box`, of which it takes
 * one count. NULL: no memory, or something off-heap is in the tuple, and the
 * count is still the caller's. */
struct envelope *rt__envelope_around(struct rt *rt, struct worker *worker,
                                     enum envelope_kind kind, etf_term tuple,
                                     struct etf_box *box);
/* With copies of `sender` too (a boxed pid or other term) and of `term`. */
struct envelope *rt__envelope_from(struct worker *worker,
                                   enum envelope_kind kind, etf_term sender,
                                   etf_term term);

/* Lets go of what it carries, and the block. */
void rt__envelope_free(struct rt *rt, struct worker *worker,
                       struct envelope *envelope);
/* Lets go of the term only; it is `ETF_NONE` then. */
void rt__envelope_clear(struct envelope *envelope);

/* Bytes, for memory limits. */
size_t rt__envelope_bytes(const struct envelope *envelope);

#endif

/*
 * gather.h -- bytes that come piece by piece, where a term may keep them.
 *
 * Private to node/. The bytes are in a blob, so that a large binary which is
 * decoded from them refers to it and is not copied once more (etf_door.h,
 * etf__blob_part()). Who fills a gather goes on with another blob then.
 */
#ifndef NODE_GATHER_H
#define NODE_GATHER_H

#include <etf_door.h>

#define NODE__LENT_MAX  8u      /* blobs */
#define NODE__LENT_SIZE 131328u /* bytes of one; larger ones are not kept */

/*
 * Blobs that the latest large terms refer to, with a count of our own for each,
 * so that what is read into takes the same memory again and again: the
 * allocator would give it back to the system each time, and fault it in anew.
 * All zero is empty.
 */
struct node__lent {
    struct etf_blob *blobs[NODE__LENT_MAX]; /* one count each, or NULL */
    unsigned next;                          /* the oldest one's place */
};

/* All zero is empty. */
struct node__gather {
    struct etf_blob *blob; /* one count, or NULL; its size is the room */
    size_t size;           /* bytes that have come */
};

static inline uint8_t *node__gather_bytes(const struct node__gather *g)
{
    return g->blob->bytes;
}

/* Makes room for `more` bytes behind those that have come; AGNER_ENOMEM leaves
 * all as it was. Only while no term refers to them. */
enum agner_err node__gather_reserve(struct node__gather *g, size_t more);
/* `bytes` may be where they belong, in room that was made. */
enum agner_err node__gather_add(struct node__gather *g, const uint8_t *bytes,
                                size_t size);

/* Gives back room that is not needed, if it is much. */
void node__gather_fit(struct node__gather *g);

/* Empties it, for others to come; room over `room_max` is given back. A blob
 * that terms refer to is lent to them: it may come back. `lent` may be NULL. */
void node__gather_clear(struct node__gather *g, size_t room_max,
                        struct node__lent *lent);
void node__gather_fini(struct node__gather *g);

/* An empty gather without a blob gets one of `lent` that has room for `size`
 * bytes and that no term refers to any more, if there is one. */
void node__gather_reuse(struct node__gather *g, size_t size,
                        struct node__lent *lent);
/* Lets go of all of them: those that are in use are others' alone. */
void node__lent_fini(struct node__lent *lent);

#endif

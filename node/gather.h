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
enum agner_err node__gather_add(struct node__gather *g, const uint8_t *bytes,
                                size_t size);

/* Gives back room that is not needed, if it is much. */
void node__gather_fit(struct node__gather *g);

/* Empties it, for others to come; room over `room_max` is given back. */
void node__gather_clear(struct node__gather *g, size_t room_max);
void node__gather_fini(struct node__gather *g);

#endif

/*
 * global_peers.c -- the table of nodes: an array in the order of their names.
 */
#include <stdlib.h>
#include <string.h>

#include "global_internal.h"

bool global__is_node(etf_term t)
{
    return etf_is_atom(t) && etf_is_word(t);
}

/* Where it stands, or would stand. */
static size_t place(const struct global_peers *peers, etf_term node,
                    bool *found)
{
    size_t low = 0, high = peers->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = etf_compare(peers->items[middle]->node, node);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct global_peer *global__peer_get(const struct global_peers *peers,
                                     etf_term node)
{
    bool found;
    size_t index = place(peers, node, &found);

    return found ? peers->items[index] : NULL;
}

static bool room(struct global_peers *peers)
{
    size_t capacity = peers->capacity == 0 ? 8 : 2 * peers->capacity;
    struct global_peer **items;

    if (peers->count < peers->capacity)
        return true;
    items =
        realloc((void *)peers->items, capacity * sizeof(struct global_peer *));
    if (items == NULL)
        return false;
    peers->items = items;
    peers->capacity = capacity;
    return true;
}

struct global_peer *global__peer_make(struct global_peers *peers, etf_term node)
{
    bool found;
    size_t index = place(peers, node, &found);
    struct global_peer *peer;

    if (found)
        return peers->items[index];
    if (peers->count >= GLOBAL_NODES_MAX || !room(peers))
        return NULL;
    peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->node = node;
    memmove((void *)&peers->items[index + 1], (void *)&peers->items[index],
            (peers->count - index) * sizeof(struct global_peer *));
    peers->items[index] = peer;
    peers->count++;
    return peer;
}

void global__peer_reset(struct global_peer *peer)
{
    etf_box_free(peer->lock_id);
    etf_box_free(peer->names);
    etf_box_free(peer->ops);
    etf_box_free(peer->resolved);
    peer->lock_id = peer->names = peer->ops = peer->resolved = NULL;
    peer->trying = peer->heard = peer->locked = peer->swapping = false;
}

static void free_peer(struct global_peer *peer)
{
    global__peer_reset(peer);
    free(peer);
}

void global__peers_sweep(struct global_peers *peers)
{
    size_t kept = 0;

    for (size_t i = 0; i < peers->count; i++) {
        struct global_peer *peer = peers->items[i];

        if (peer->connected || peer->known || peer->pending || peer->removing ||
            peer->trying || peer->synced)
            peers->items[kept++] = peer;
        else
            free_peer(peer);
    }
    peers->count = kept;
}

void global__peers_fini(struct global_peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        free_peer(peers->items[i]);
    free((void *)peers->items);
    *peers = (struct global_peers){ .count = 0 };
}

/*
 * peers.c -- the table of peers.h: open addressing over atom numbers.
 */
#include "peers.h"

#include <stdlib.h>

#include <atomic.h>
#include <etf_door.h>

#include "node_room.h"

#define SLOTS_AT_FIRST 64

static size_t home(const struct peer_table *table, etf_term name)
{
    return (etf__atom_number(name) * UINT32_C(2654435761) >> 8) & table->mask;
}

static struct peer_table *table_new(size_t slots)
{
    struct peer_table *table =
        calloc(1, sizeof *table + slots * sizeof table->slots[0]);

    if (table != NULL)
        table->mask = slots - 1;
    return table;
}

enum agner_err node__peers_init(struct peers *peers)
{
    struct peer_table *table = table_new(SLOTS_AT_FIRST);

    if (table == NULL)
        return AGNER_ENOMEM;
    store_relaxed(&peers->table, table); /* before there are other threads */
    return AGNER_OK;
}

void node__peers_fini(struct peers *peers)
{
    struct peer_table *table = load_relaxed(&peers->table);

    for (size_t i = 0; table != NULL && i <= table->mask; i++) {
        struct peer *peer = load_relaxed(&table->slots[i]);

        if (peer != NULL)
            node__peer_free(peer);
    }
    while (table != NULL) {
        struct peer_table *older = table->older;

        free(table);
        table = older;
    }
}

/*
 * Order: acquire pairs with the releases in put() and grow(), so that whoever
 * finds a peer, or a table, also sees what it consists of.
 */
struct peer *node__peers_find(struct peers *peers, etf_term name)
{
    const struct peer_table *table = load_acquire(&peers->table);

    for (size_t at = home(table, name);; at = (at + 1) & table->mask) {
        struct peer *peer = load_acquire(&table->slots[at]);

        if (peer == NULL || etf_same(peer->name, name))
            return peer;
    }
}

/* Order: release pairs with the acquire in node__peers_find(). */
static void put(struct peer_table *table, struct peer *peer)
{
    size_t at = home(table, peer->name);

    while (load_relaxed(&table->slots[at]) != NULL)
        at = (at + 1) & table->mask;
    store_release(&table->slots[at], peer);
}

/* Under the lock. Order: release pairs with the acquire in node__peers_find().
 */
static bool grow(struct peers *peers)
{
    struct peer_table *old = load_relaxed(&peers->table);
    struct peer_table *table = table_new(2 * (old->mask + 1));

    if (table == NULL)
        return false;
    table->older = old;
    for (size_t i = 0; i <= old->mask; i++) {
        struct peer *peer = load_relaxed(&old->slots[i]);

        if (peer != NULL)
            put(table, peer);
    }
    store_release(&peers->table, table);
    return true;
}

/* Under the lock. Order: release pairs with the acquires in node__peers_next().
 */
static struct peer *add(struct peers *peers, struct node *node, etf_term name)
{
    uint32_t count = load_relaxed(&peers->count);
    struct peer *peer;

    if (count == node->limits.nodes) {
        node__limit_meet(node, NODE_LIMIT_NODES);
        return NULL;
    }
    if (2 * (count + 1) > load_relaxed(&peers->table)->mask && !grow(peers))
        return NULL;
    peer = node__peer_new(node, name);
    if (peer == NULL)
        return NULL;
    put(load_relaxed(&peers->table), peer);
    if (peers->last == NULL)
        store_release(&peers->first, peer);
    else
        store_release(&peers->last->made_next, peer);
    peers->last = peer;
    store_relaxed(&peers->count, count + 1);
    return peer;
}

struct peer *node__peers_get(struct peers *peers, struct node *node,
                             etf_term name)
{
    struct peer *peer = node__peers_find(peers, name);

    if (peer != NULL)
        return peer;
    rt__lock(&peers->lock);
    peer = node__peers_find(peers, name);
    if (peer == NULL)
        peer = add(peers, node, name);
    rt__unlock(&peers->lock);
    return peer;
}

/* Order: acquire pairs with the releases in add(), so that whoever comes to a
 * peer sees what it consists of. */
struct peer *node__peers_next(struct peers *peers, struct peer_walk *walk)
{
    struct peer *next = walk->at == NULL ? load_acquire(&peers->first)
                                         : load_acquire(&walk->at->made_next);

    if (next != NULL)
        walk->at = next;
    return next;
}

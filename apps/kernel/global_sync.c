/*
 * global_sync.c -- who waits in global:sync(), and for which nodes.
 */
#include <stdlib.h>

#include "global_internal.h"

void global__sync_free(struct global_syncer *syncer)
{
    free(syncer->nodes);
    free(syncer);
}

/* Is there anything to wait for? */
static bool waits_for(const struct global *g, etf_term node)
{
    const struct global_peer *peer;

    if (!global__is_node(node) || etf_same(node, g->self))
        return false;
    peer = global__peer_get(&g->peers, node);
    return peer == NULL || !peer->synced;
}

enum agner_err global__sync_add(struct global_syncer **list,
                                const struct global *g, struct gen_from from,
                                etf_term nodes)
{
    int64_t count = etf_list_size(nodes);
    struct global_syncer *syncer;
    etf_term node;
    size_t waiting = 0;

    for (const struct global_syncer *s = *list; s != NULL; s = s->next)
        waiting++;
    if (count < 0)
        return AGNER_EINVAL;
    if (count > GLOBAL_NODES_MAX || waiting >= GLOBAL_SYNCERS_MAX)
        return AGNER_ELIMIT;
    syncer = calloc(1, sizeof *syncer);
    if (syncer == NULL)
        return AGNER_ENOMEM;
    syncer->nodes = calloc((size_t)count + 1, sizeof *syncer->nodes);
    if (syncer->nodes == NULL) {
        free(syncer);
        return AGNER_ENOMEM;
    }
    while (etf_list_next(&nodes, &node)) {
        if (waits_for(g, node))
            syncer->nodes[syncer->count++] = node;
    }
    if (syncer->count == 0) {
        global__sync_free(syncer);
        return AGNER_EALREADY;
    }
    syncer->from = from;
    syncer->next = *list;
    *list = syncer;
    return AGNER_OK;
}

struct global_syncer *global__sync_done(struct global_syncer **list,
                                        etf_term node)
{
    for (struct global_syncer **at = list; *at != NULL; at = &(*at)->next) {
        struct global_syncer *s = *at;

        for (size_t i = s->count; i-- > 0;) {
            if (etf_same(s->nodes[i], node))
                s->nodes[i] = s->nodes[--s->count];
        }
        if (s->count == 0) {
            *at = s->next;
            return s;
        }
    }
    return NULL;
}

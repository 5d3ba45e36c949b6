/*
 * global_partition.c -- no overlapping partitions: who has lost one node loses
 * all that know it, so that each node knows a whole partition.
 *
 * A has lost B: it tells all it knows, {lost_connection, A, Creation, Op, B}.
 * Each of them passes that on, once, and asks B to go, {remove_connection,
 * Self}; B disconnects. A loss that was asked for is no news to anybody.
 *
 * Source: spec/distribution.md 10, "Prevent overlapping partitions".
 */
#include <stdlib.h>

#include "global_internal.h"

/* To all that are known, or about to be, but one. */
static void tell_all(struct global *g, etf_term message, etf_term but)
{
    if (etf_is_none(message)) {
        g->acts->log(g->acts->ctx, RT_LOG_ERROR,
                     "global: no memory to tell of a loss at %s", but,
                     ETF_NONE);
        return;
    }
    for (size_t i = 0; i < g->peers.count; i++) {
        const struct global_peer *peer = g->peers.items[i];

        if ((peer->known || peer->pending) && !etf_same(peer->node, but) &&
            peer->version >= GLOBAL_VERSION_LOST)
            g->acts->send(g->acts->ctx, peer->node, message);
    }
}

static bool prevents(const struct global *g)
{
    return g->connect_all && g->prevent_overlapping;
}

void global__inform_loss(struct global *g, etf_term node)
{
    if (prevents(g))
        tell_all(g,
                 etf_make(g->region, "{lost_connection, _, _, _, _}", g->self,
                          g->creation, g->next_op++, node),
                 node);
}

/* ---- What was heard already --------------------------------------------- */

static size_t oldest(const struct global *g)
{
    size_t index = 0;

    for (size_t i = 1; i < g->lost_count; i++) {
        if (g->lost[i].at_ms < g->lost[index].at_ms)
            index = i;
    }
    return index;
}

static void forget_old(struct global *g, uint64_t now_ms)
{
    for (size_t i = g->lost_count; i-- > 0;) {
        if (now_ms - g->lost[i].at_ms >= GLOBAL_LOST_MS)
            g->lost[i] = g->lost[--g->lost_count];
    }
    if (g->lost_count == GLOBAL_LOST_MAX)
        g->lost[oldest(g)] = g->lost[--g->lost_count];
}

/* Remembers the news; false: it is none. Without memory it is passed on and
 * forgotten, which costs messages only. */
static bool is_news(struct global *g, const struct global_lost *news)
{
    struct global_lost *grown;

    for (size_t i = 0; i < g->lost_count; i++) {
        struct global_lost *had = &g->lost[i];

        if (!etf_same(had->a, news->a) || !etf_same(had->b, news->b))
            continue;
        if (had->creation == news->creation && news->op <= had->op)
            return false;
        *had = *news;
        return true;
    }
    forget_old(g, news->at_ms);
    grown = realloc(g->lost, (g->lost_count + 1) * sizeof *grown);
    if (grown == NULL)
        return true;
    g->lost = grown;
    g->lost[g->lost_count++] = *news;
    return true;
}

/* ---- Others' losses ----------------------------------------------------- */

static struct global_peer *potentially_known(const struct global *g,
                                             etf_term node)
{
    struct global_peer *peer = global__peer_get(&g->peers, node);

    return peer != NULL && (peer->known || peer->pending) ? peer : NULL;
}

static void ask_to_go(struct global *g, struct global_peer *peer)
{
    etf_term message = etf_make(g->region, "{remove_connection, _}", g->self);

    if (peer->version < GLOBAL_VERSION_LOST || etf_is_none(message))
        g->acts->disconnect(g->acts->ctx, peer->node);
    else
        g->acts->send(g->acts->ctx, peer->node, message);
    g->acts->log(g->acts->ctx, RT_LOG_WARNING,
                 "global: requested disconnect from %s in order to prevent "
                 "overlapping partitions",
                 peer->node, ETF_NONE);
    global__drop(g, peer, GLOBAL_REMOVE);
}

void global__lost_connection(struct global *g, etf_term a, int64_t creation,
                             int64_t op, etf_term b, etf_term message)
{
    struct global_lost news = {
        .a = a, .b = b, .creation = creation, .op = op
    };
    struct global_peer *peer;

    if (!prevents(g) || !global__is_node(a) || !global__is_node(b))
        return;
    news.at_ms = g->acts->now_ms(g->acts->ctx);
    if (!is_news(g, &news))
        return;
    tell_all(g, message, a);
    /* A has lost us: all others remove us then, so A's loss comes anyway. */
    peer = potentially_known(g, etf_same(b, g->self) ? a : b);
    if (peer != NULL)
        ask_to_go(g, peer);
    global__peers_sweep(&g->peers);
}

/* Who asks has forgotten us, and waits for the connection to end. So we go also
 * when we are only about to meet it (where OTP would wait in vain). */
void global__remove_connection(struct global *g, etf_term node)
{
    struct global_peer *peer =
        global__is_node(node) ? global__peer_get(&g->peers, node) : NULL;

    if (peer == NULL || !(peer->known || peer->trying))
        return;
    g->acts->disconnect(g->acts->ctx, node);
    global__drop(g, peer, GLOBAL_REMOVE);
    g->acts->log(g->acts->ctx, RT_LOG_WARNING,
                 "global: disconnected %s in order to prevent overlapping "
                 "partitions",
                 node, ETF_NONE);
    global__peers_sweep(&g->peers);
}

etf_term global__disconnect(struct global *g)
{
    etf_term left = etf_nil();

    for (size_t i = g->peers.count; i-- > 0;) {
        struct global_peer *peer = g->peers.items[i];

        if (!peer->connected)
            continue;
        g->acts->disconnect(g->acts->ctx, peer->node);
        global__drop(g, peer, GLOBAL_REMOVE);
        left = etf_make(g->region, "[_ | _]", peer->node, left);
    }
    return left;
}

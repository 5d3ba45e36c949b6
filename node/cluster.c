/*
 * cluster.c -- the peers that a node stays connected to: cluster.h.
 *
 * One timer for each wanted name, and a bounded number of dials at one time, so
 * that a thousand names that are found at once do not become a thousand dials.
 */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#include "node_room.h"

#define FIRST_MS 200u /* found by many at once: not all dial at once */
#define CROWD_MS 200u /* too many dials: try again in about that */

enum wanted_state { WAITING, TRYING, UP, LEFT };

struct wanted {
    struct cluster *cluster; /* borrowed, like the peer */
    struct wanted *next, **link;
    struct peer *peer;
    unsigned sources; /* enum node__source, or-ed */
    enum wanted_state state;
    unsigned failures;  /* in a row */
    enum agner_err why; /* of the last one that was logged */
    struct rt_loop_timer timer;
};

uint64_t node__retry_ms(unsigned failures, bool refused, uint32_t random)
{
    uint64_t most = refused ? NODE__REFUSED_MAX_MS : NODE__RETRY_MAX_MS;
    uint64_t wait = refused ? NODE__REFUSED_MS : NODE__RETRY_MS;

    for (; failures > 1 && wait < most; failures--)
        wait *= 2;
    if (wait > most)
        wait = most;
    return wait - random % (wait / 2 + 1);
}

static uint32_t draw(const struct node *node)
{
    uint32_t random;

    node->world->random(node->world->ctx, &random, sizeof random);
    return random;
}

/* Back from TRYING, whatever comes next. */
static void set_state(struct wanted *wanted, enum wanted_state state)
{
    struct node *node = wanted->cluster->node;

    if (wanted->state == TRYING)
        wanted->cluster->trying--;
    if (state == TRYING)
        wanted->cluster->trying++;
    if (state != WAITING)
        node->net->timer_stop(node->loop, &wanted->timer);
    wanted->state = state;
}

static void wait_for(struct wanted *wanted, uint64_t ms)
{
    struct node *node = wanted->cluster->node;

    set_state(wanted, WAITING);
    node->net->timer_start(node->loop, &wanted->timer, ms, 0);
}

static void try_now(struct rt_loop_timer *timer)
{
    struct wanted *wanted =
        (struct wanted *)((char *)timer - offsetof(struct wanted, timer));
    struct cluster *cluster = wanted->cluster;

    if (cluster->trying >= NODE__TRYING_MAX) {
        wait_for(wanted, CROWD_MS + draw(cluster->node) % CROWD_MS);
        return;
    }
    set_state(wanted, TRYING);
    if (node__peer_want(wanted->peer, NULL) != AGNER_OK)
        set_state(wanted, LEFT);             /* the node stops */
    else if (node__peer_is_up(wanted->peer)) /* without our doing */
        set_state(wanted, UP);
}

/* ---- Wanted and not ------------------------------------------------------ */

static struct peer *known(const struct cluster *cluster, const char *name)
{
    etf_term atom = etf_atom_find(name, strlen(name));

    return etf_is_none(atom) ? NULL
                             : node__peers_find(&cluster->node->peers, atom);
}

/* Once, until there was room again. */
static enum agner_err too_many(struct cluster *cluster, const char *name,
                               const char *what, int limit)
{
    if (!cluster->warned)
        rt_log(cluster->node->rt, RT_LOG_WARNING,
               "%s: does not connect to %s: %d %s already",
               node__name(cluster->node), name, limit, what);
    cluster->warned = true;
    return AGNER_ELIMIT;
}

/* Its peer; a new one counts as a stranger unless the user has named it. */
static enum agner_err peer_for(struct cluster *cluster, const char *name,
                               enum node__source source, struct peer **out)
{
    struct node *node = cluster->node;
    struct peer *peer = known(cluster, name);

    if (peer == NULL && source != NODE__BY_USER &&
        cluster->strangers >= NODE_STRANGERS_MAX)
        return too_many(cluster, name, "nodes were found and never reached",
                        NODE_STRANGERS_MAX);
    if (peer == NULL) {
        etf_term atom = etf_atom(name);

        if (!etf_is_none(atom))
            peer = node__peers_get(&node->peers, node, atom);
        if (peer == NULL)
            return AGNER_ENOMEM;
        peer->stranger = source != NODE__BY_USER;
        cluster->strangers += peer->stranger;
    }
    *out = peer;
    return AGNER_OK;
}

static enum agner_err add(struct cluster *cluster, const char *name,
                          enum node__source source)
{
    struct wanted *wanted;
    struct peer *peer;
    enum agner_err err;

    if (cluster->count >= NODE_KEPT_MAX)
        return too_many(cluster, name, "nodes are kept", NODE_KEPT_MAX);
    err = peer_for(cluster, name, source, &peer);
    if (err != AGNER_OK)
        return err;
    wanted = calloc(1, sizeof *wanted);
    if (wanted == NULL)
        return AGNER_ENOMEM;
    *wanted = (struct wanted){ .cluster = cluster,
                               .next = cluster->first,
                               .link = &cluster->first,
                               .peer = peer,
                               .sources = source,
                               .timer = { .fire = try_now } };
    if (wanted->next != NULL)
        wanted->next->link = &wanted->next;
    cluster->first = wanted;
    cluster->count++;
    peer->wanted = wanted;
    wait_for(wanted,
             source == NODE__BY_USER ? 0 : draw(cluster->node) % FIRST_MS);
    return AGNER_OK;
}

enum agner_err node__cluster_want(struct cluster *cluster, const char *name,
                                  enum node__source source)
{
    const struct peer *peer = known(cluster, name);

    if (cluster->closed)
        return AGNER_ENOTRUNNING;
    if (peer == NULL || peer->wanted == NULL)
        return add(cluster, name, source);
    if ((peer->wanted->sources & source) != 0)
        return AGNER_EALREADY;
    peer->wanted->sources |= source;
    return AGNER_OK;
}

/* What it is doing just now goes on; nobody cares how it ends. */
static void take_out(struct wanted *wanted)
{
    struct cluster *cluster = wanted->cluster;

    set_state(wanted, LEFT);
    *wanted->link = wanted->next;
    if (wanted->next != NULL)
        wanted->next->link = wanted->link;
    cluster->count--;
    cluster->warned = false;
    wanted->peer->wanted = NULL;
    free(wanted);
}

enum agner_err node__cluster_unwant(struct cluster *cluster, const char *name,
                                    enum node__source source)
{
    const struct peer *peer = known(cluster, name);

    if (peer == NULL || peer->wanted == NULL ||
        (peer->wanted->sources & source) == 0)
        return AGNER_ENONAME;
    peer->wanted->sources &= ~(unsigned)source;
    if (peer->wanted->sources == 0)
        take_out(peer->wanted);
    return AGNER_OK;
}

void node__cluster_init(struct cluster *cluster, struct node *node)
{
    cluster->node = node;
}

void node__cluster_close(struct cluster *cluster)
{
    cluster->closed = true;
    while (cluster->first != NULL)
        take_out(cluster->first);
}

/* ---- What became of it --------------------------------------------------- */

void node__cluster_up(struct peer *peer)
{
    struct cluster *cluster = &peer->node->cluster;
    struct wanted *wanted = peer->wanted;

    if (peer->stranger)
        cluster->strangers--;
    peer->stranger = false;
    if (wanted == NULL)
        return;
    rt_log(cluster->node->rt, RT_LOG_NOTICE, "%s: %s is up%s",
           node__name(cluster->node), peer->text,
           wanted->failures > 0 ? " again" : "");
    wanted->failures = 0;
    wanted->why = AGNER_OK;
    set_state(wanted, UP);
}

/* Would it be another answer in a second? */
static bool is_refusal(enum agner_err err)
{
    return err == AGNER_EAUTH || err == AGNER_ENOTALLOWED ||
           err == AGNER_EPROTO || err == AGNER_EINVAL;
}

void node__cluster_down(struct peer *peer, bool left, enum agner_err err,
                        const char *text)
{
    struct wanted *wanted = peer->wanted;
    struct node *node = peer->node;
    uint64_t ms;

    if (wanted == NULL || wanted->state == LEFT)
        return;
    if (left) {
        set_state(wanted, LEFT);
        rt_log(node->rt, RT_LOG_NOTICE, "%s: %s is left alone: %s",
               node__name(node), peer->text, text);
        return;
    }
    wanted->failures++;
    ms = node__retry_ms(wanted->failures, is_refusal(err), draw(node));
    /* The same failure again is news to nobody. */
    rt_log(node->rt,
           wanted->failures == 1 || err != wanted->why ? RT_LOG_WARNING
                                                       : RT_LOG_INFO,
           "%s: %s is not connected: %s; next attempt (%u) in %llu ms",
           node__name(node), peer->text, text, wanted->failures,
           (unsigned long long)ms);
    wanted->why = err;
    wait_for(wanted, ms);
}

/* ---- For users ----------------------------------------------------------- */

struct wish {
    struct node *node;
    const char *name;
    enum agner_err err;
};

static void want(void *ctx)
{
    struct wish *wish = ctx;

    wish->err =
        node__cluster_want(&wish->node->cluster, wish->name, NODE__BY_USER);
}

static void unwant(void *ctx)
{
    struct wish *wish = ctx;

    wish->err =
        node__cluster_unwant(&wish->node->cluster, wish->name, NODE__BY_USER);
}

enum agner_err node_keep(struct node *node, const char *text,
                         struct agner_error *error)
{
    char name[NODE__NAME_MAX + 1];
    struct wish wish = { .node = node, .name = name };
    enum agner_err err = node__address_take(node, text, name, error);

    if (err != AGNER_OK)
        return err;
    node__on_loop(node, want, &wish);
    if (wish.err != AGNER_OK)
        return agner_fail(error, wish.err, "%s: %s", name,
                          agner_strerror(wish.err));
    return AGNER_OK;
}

enum agner_err node_unkeep(struct node *node, const char *name)
{
    struct wish wish = { .node = node, .name = name };

    node__on_loop(node, unwant, &wish);
    return wish.err;
}

/*
 * carrier.c -- other nodes, as processes feel them.
 *
 * Who must hear of another node's end. (Going out, signals leave through the
 * carrier's door, rt_carrier.h; what comes in is in arrive.c.) For each node
 * there is a list of the local processes that have a link or a monitor with it:
 * when the connection goes, each gets one NODE_DOWN signal and fires its own
 * relations, and only then those who asked for {nodedown, Node} hear of it (G6,
 * G20). A list may name dead processes; they are weeded out when it grows.
 */
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "nodes.h"
#include "pid_set.h"
#include "relation.h"
#include "worker.h"

/* A monitor by name that another node has here: its demonitor names the name,
 * which may belong to somebody else by then. */
struct named {
    struct named *next;
    etf_ref ref;
    etf_term pid;
};

#define NAMED_BUCKETS 256u

/* Processes that have relations with a node, each with the signal that will
 * tell it of the node's end: that must not need memory (G20). */
struct member {
    etf_term pid;
    struct envelope *down; /* owned */
};

struct member_set {
    struct member *items;
    uint32_t count, capacity;
};

struct far_node {
    struct far_node *next;
    etf_term name;
    uint64_t era; /* connections that were lost: a relation is of one era */
    _Atomic uint32_t share; /* links and watchers that we keep for it */
    struct member_set members;
    struct pid_set watchers; /* want one {nodedown, Node} each, per entry */
    struct named *named[NAMED_BUCKETS];
};

struct remote {
    rt_spin lock; /* guards all that follows */
    struct far_node *nodes;
};

enum agner_err rt__remote_init(struct rt *rt)
{
    rt->remote = calloc(1, sizeof *rt->remote);
    return rt->remote == NULL ? AGNER_ENOMEM : AGNER_OK;
}

static void free_members(struct rt *rt, struct member_set *set)
{
    uint32_t i;

    for (i = 0; i < set->count; i++)
        rt__envelope_free(rt, NULL, set->items[i].down);
    free(set->items);
}

static void free_named(struct far_node *node)
{
    unsigned i;

    for (i = 0; i < NAMED_BUCKETS; i++)
        while (node->named[i] != NULL) {
            struct named *n = node->named[i];

            node->named[i] = n->next;
            free(n);
        }
}

void rt__remote_fini(struct rt *rt)
{
    struct remote *remote = rt->remote;

    if (remote == NULL)
        return;
    while (remote->nodes != NULL) {
        struct far_node *node = remote->nodes;

        remote->nodes = node->next;
        free_named(node);
        free_members(rt, &node->members);
        free(node->watchers.pids);
        free(node);
    }
    free(remote);
}

/* ---- Nodes
 * ---------------------------------------------------------------------------
 */

/* The lock is held. */
static struct far_node *find_node(struct remote *remote, etf_term name,
                                  bool make)
{
    struct far_node **link = &remote->nodes, *node;

    for (; *link != NULL; link = &(*link)->next)
        if (etf_same((*link)->name, name))
            break;
    node = *link;
    if (node != NULL) {
        /* To the front: the next look-up is likely the same. */
        *link = node->next;
    } else if (make) {
        node = calloc(1, sizeof *node);
        if (node != NULL)
            node->name = name;
    }
    if (node != NULL) {
        node->next = remote->nodes;
        remote->nodes = node;
    }
    return node;
}

static bool has_member(const struct member_set *set, etf_term pid)
{
    uint32_t i;

    /* The newest are the likeliest: a process that makes many links is there.
     */
    for (i = 0; i < set->count && i < 16; i++)
        if (etf_same(set->items[set->count - 1 - i].pid, pid))
            return true;
    return false;
}

/* Room for one more; the dead make place first. */
static bool member_room(struct rt *rt, struct member_set *set)
{
    struct member *items;
    uint32_t i, kept = 0, capacity;

    if (set->count < set->capacity)
        return true;
    for (i = 0; i < set->count; i++)
        if (rt_is_alive(rt, rt__pid_of(set->items[i].pid)))
            set->items[kept++] = set->items[i];
        else
            rt__envelope_free(rt, NULL, set->items[i].down);
    set->count = kept;
    if (kept * 2 < set->capacity)
        return true;
    capacity = set->capacity * 2 + 16;
    items = realloc(set->items, capacity * sizeof *items);
    if (items == NULL)
        return kept < set->capacity;
    set->items = items;
    set->capacity = capacity;
    return true;
}

static bool add_member(struct rt *rt, struct far_node *node, etf_term pid)
{
    struct envelope *down;

    if (has_member(&node->members, pid))
        return true;
    if (!member_room(rt, &node->members))
        return false;
    down = rt__envelope_new(NULL, ENVELOPE_NODE_DOWN, node->name);
    if (down == NULL)
        return false;
    node->members.items[node->members.count].pid = pid;
    node->members.items[node->members.count++].down = down;
    return true;
}

enum agner_err rt__remote_join(struct rt *rt, etf_term name, etf_term pid,
                               struct relation *r)
{
    struct far_node *node;
    bool ok;

    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, true);
    ok = node != NULL && add_member(rt, node, pid);
    if (ok)
        r->era = node->era;
    rt__unlock(&rt->remote->lock);
    return ok ? AGNER_OK : AGNER_ENOMEM;
}

/* A count: relaxed. Nodes are not forgotten, so it stays where it is. */
enum agner_err rt__remote_share(struct rt *rt, etf_term name,
                                struct relation *r)
{
    struct far_node *node;
    uint32_t max = rt->carrier.relations_max;

    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, true);
    rt__unlock(&rt->remote->lock);
    if (node == NULL)
        return AGNER_ENOMEM;
    if (add_relaxed(&node->share, 1u) >= max && max != 0) {
        sub_relaxed(&node->share, 1u);
        if (rt->carrier.full != NULL)
            rt->carrier.full(rt->carrier.ctx);
        return AGNER_ELIMIT;
    }
    r->has.share = &node->share;
    return AGNER_OK;
}

void rt__remote_release(struct relation *r)
{
    if (r->has.share != NULL)
        sub_relaxed(r->has.share, 1u);
    r->has.share = NULL;
}

bool rt__remote_lost(struct rt *rt, etf_term name, uint64_t era)
{
    const struct far_node *node;
    bool lost;

    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, false);
    lost = node != NULL && node->era != era;
    rt__unlock(&rt->remote->lock);
    return lost;
}

etf_term *rt__remote_members(struct rt *rt, etf_term name, uint32_t *count)
{
    const struct far_node *node;
    etf_term *pids = NULL;
    uint32_t i;

    *count = 0;
    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, false);
    if (node != NULL && node->members.count > 0)
        pids = malloc(node->members.count * sizeof *pids);
    for (i = 0; pids != NULL && i < node->members.count; i++)
        pids[(*count)++] = node->members.items[i].pid;
    rt__unlock(&rt->remote->lock);
    return pids;
}

void rt__remote_leave(struct rt *rt, etf_term pid)
{
    struct far_node *node;

    rt__nodes_leave(rt, pid);
    rt__lock(&rt->remote->lock);
    for (node = rt->remote->nodes; node != NULL; node = node->next)
        while (rt__pids_remove(&node->watchers, pid))
            continue;
    rt__unlock(&rt->remote->lock);
}

enum agner_err rt_monitor_node(struct gen *self, etf_term name, bool on)
{
    struct rt *rt = self->rt;
    etf_term pid = rt__pid_word(self->process);
    struct relations *t = rt__relations(self->process);
    struct far_node *node;
    bool ok;

    if (etf__tag(name) != ETF__ATOM)
        return AGNER_EINVAL;
    if (t == NULL)
        return AGNER_ENOMEM;
    if (etf_same(name, rt__node_name(rt)))
        return AGNER_OK; /* it cannot go without us */
    t->node_events = true;
    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, on);
    if (on)
        ok = node != NULL && rt__pids_add(rt, &node->watchers, pid);
    else
        ok = node != NULL && rt__pids_remove(&node->watchers, pid);
    rt__unlock(&rt->remote->lock);
    if (!on)
        return AGNER_OK;
    if (!ok)
        return AGNER_ENOMEM;
    if (rt->carrier.want != NULL)
        rt->carrier.want(rt->carrier.ctx, name);
    else
        rt__node_down(rt, name, ETF_A(noconnection));
    return AGNER_OK;
}

/* ---- Up and down
 * ------------------------------------------------------------------------ */

static void tell_watchers(struct rt *rt, const struct pid_set *set,
                          etf_term node)
{
    uint64_t words[8];
    struct etf_region r;
    etf_term items[2], event;
    uint32_t i;

    etf__region_init(&r, words, 8, 0);
    items[0] = ETF_A(nodedown);
    items[1] = node;
    event = etf_tuple(&r, items, 2);
    for (i = 0; i < set->count; i++) {
        struct envelope *m = rt__envelope_new(NULL, ENVELOPE_MESSAGE, event);

        if (m != NULL)
            rt__push_or_drop(rt, NULL, set->pids[i], m);
    }
    etf__region_fini(&r);
}

void rt__node_up(struct rt *rt, struct rt_far_node *node)
{
    rt__nodes_up(rt, node);
    rt__event_network(rt, ETF_A(nodeup), node->name);
}

/* Takes everything that belongs to the connection out of the node, whose next
 * era begins. The lock is held. */
static void end_era(struct far_node *node, struct member_set *members,
                    struct pid_set *watchers)
{
    uint32_t i;

    *members = node->members;
    *watchers = node->watchers;
    memset(&node->members, 0, sizeof node->members);
    memset(&node->watchers, 0, sizeof node->watchers);
    free_named(node);
    for (i = 0; i < members->count; i++)
        members->items[i].down->id = node->era;
    node->era++;
}

void rt__node_down(struct rt *rt, etf_term name, etf_term reason)
{
    struct member_set members = { NULL, 0, 0 };
    struct pid_set watchers = { NULL, 0, 0 };
    struct far_node *node;
    uint32_t i;

    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, false);
    if (node != NULL)
        end_era(node, &members, &watchers);
    rt__unlock(&rt->remote->lock);
    for (i = 0; i < members.count; i++)
        rt__push_or_drop(rt, NULL, members.items[i].pid, members.items[i].down);
    tell_watchers(rt, &watchers, name);
    rt__nodes_down(rt, name, reason);
    free(members.items);
    free(watchers.pids);
    rt__event_network(rt, ETF_A(nodedown), name);
}

void rt__carrier_set(struct rt *rt, const struct rt_carrier *carrier)
{
    rt->carrier = *carrier;
}

void rt__node_set(struct rt *rt, etf_term name, uint32_t creation)
{
    store_relaxed(&rt->node_creation, creation);
    store_release(&rt->node_name, name.word);
    rt__box_node(rt, name);
}

struct etf_self rt_node(const struct rt *rt)
{
    return (struct etf_self){ .name = rt__node_name(rt),
                              .creation = load_relaxed(&rt->node_creation) };
}

/* ---- Monitors by name from far
 * ---------------------------------------------------------------- */

uint64_t rt__ref_key(const etf_ref *ref)
{
    return ref->words[0] | (uint64_t)ref->words[1] << 32;
}

static struct named **named_slot(struct far_node *node, const etf_ref *ref)
{
    uint64_t key = rt__ref_key(ref) * 0x9e3779b97f4a7c15u;
    struct named **link = &node->named[key >> 56];

    while (*link != NULL && !etf_ref_equal((*link)->ref, *ref))
        link = &(*link)->next;
    return link;
}

bool rt__named_add(struct rt *rt, etf_term name, const etf_ref *ref,
                   etf_term pid)
{
    struct named *n = malloc(sizeof *n);
    struct far_node *node;
    struct named **link;

    if (n == NULL)
        return false;
    n->ref = *ref;
    n->pid = pid;
    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, true);
    if (node != NULL) {
        link = named_slot(node, ref);
        n->next = *link;
        *link = n;
    }
    rt__unlock(&rt->remote->lock);
    if (node == NULL)
        free(n);
    return node != NULL;
}

void rt__named_end(struct rt *rt, etf_term name, const etf_ref *ref,
                   etf_term *pid)
{
    struct far_node *node;
    struct named **link, *n = NULL;

    rt__lock(&rt->remote->lock);
    node = find_node(rt->remote, name, false);
    if (node != NULL) {
        link = named_slot(node, ref);
        n = *link;
        if (n != NULL)
            *link = n->next;
    }
    rt__unlock(&rt->remote->lock);
    if (pid != NULL)
        *pid = n == NULL ? ETF_NONE : n->pid;
    free(n);
}

void rt__traffic(struct rt *rt, uint64_t bytes_in, uint64_t bytes_out)
{
    if (bytes_in != 0)
        add_relaxed(&rt->bytes_in, bytes_in);
    if (bytes_out != 0)
        add_relaxed(&rt->bytes_out, bytes_out);
}

/*
 * nodes.c -- which nodes this one is connected with, and who wants to hear of
 * it: see nodes.h.
 *
 * Sources: net_kernel(3), monitor_nodes/2; erlang(3), nodes/1.
 */
#include "nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relation.h"
#include "worker.h"

/* {nodeup, Node} and {nodedown, Node}, of every node: rt_monitor_nodes(). */
#define PLAIN 8u
#define BOTH  ((unsigned)RT_NODES_CONNECTED)

_Static_assert((int)RT_MONITOR_NODES_VISIBLE == (int)RT_NODES_VISIBLE &&
                   (int)RT_MONITOR_NODES_HIDDEN == (int)RT_NODES_HIDDEN,
               "one set of nodes has one number");

struct subscription {
    struct subscription *next;
    etf_term pid;
    unsigned flags; /* enum rt_monitor_nodes_flags, or PLAIN and BOTH */
};

struct nodes {
    rt_spin lock;              /* guards the rest */
    struct rt_far_node *first; /* borrowed: the carrier's; last name first */
    uint64_t connections;      /* so many came up */
    struct subscription *subscriptions; /* owned */
};

enum agner_err rt__nodes_init(struct rt *rt)
{
    rt->nodes = calloc(1, sizeof *rt->nodes);
    return rt->nodes == NULL ? AGNER_ENOMEM : AGNER_OK;
}

/* Takes out what the process has with these flags, or with any. The lock is
 * held, or nobody is left. */
static void unsubscribe(struct nodes *nodes, etf_term pid, unsigned flags,
                        bool any)
{
    struct subscription **link = &nodes->subscriptions;

    while (*link != NULL) {
        struct subscription *s = *link;

        if (!etf_same(s->pid, pid) || (!any && s->flags != flags)) {
            link = &s->next;
            continue;
        }
        *link = s->next;
        free(s);
    }
}

void rt__nodes_fini(struct rt *rt)
{
    struct nodes *nodes = rt->nodes;

    if (nodes == NULL)
        return;
    while (nodes->subscriptions != NULL) {
        struct subscription *s = nodes->subscriptions;

        nodes->subscriptions = s->next;
        free(s);
    }
    free(nodes);
}

/* ---- Telling
 * ----------------------------------------------------------------------------
 */

static etf_term change_of(struct etf_region *r, etf_term what,
                          const struct rt_far_node *node, unsigned flags,
                          etf_term reason)
{
    etf_term type = etf_atom(node->info.hidden ? "hidden" : "visible");
    uint64_t id = node->info.connection;

    if ((flags & PLAIN) != 0)
        return etf_make(r, "{_, _}", what, node->name);
    if ((flags & RT_MONITOR_NODES_REASON) == 0 || etf_is_none(reason))
        return etf_make(r, "{_, _, [{node_type, _}, {connection_id, _}]}", what,
                        node->name, type, id);
    return etf_make(r,
                    "{_, _, [{node_type, _}, {connection_id, _}, "
                    "{nodedown_reason, _}]}",
                    what, node->name, type, id, reason);
}

/* The lock is held, so that all hear of changes in one order. */
static void tell(struct rt *rt, etf_term what, const struct rt_far_node *node,
                 etf_term reason)
{
    unsigned type = node->info.hidden ? RT_NODES_HIDDEN : RT_NODES_VISIBLE;
    const struct subscription *s;
    uint64_t words[64];
    struct etf_region r;

    etf__region_init(&r, words, 64, 0);
    for (s = rt->nodes->subscriptions; s != NULL; s = s->next) {
        struct envelope *m;

        if ((s->flags & type) == 0)
            continue;
        m = rt__envelope_new(NULL, ENVELOPE_MESSAGE,
                             change_of(&r, what, node, s->flags, reason));
        if (m != NULL)
            rt__push_or_drop(rt, NULL, s->pid, m);
        etf_region_reset(&r);
    }
    etf__region_fini(&r);
}

/* In the black box. */
static void note(struct rt *rt, enum rt_box_kind kind, etf_term name,
                 etf_term reason)
{
    char text[RT_BOX_TEXT], why[RT_BOX_TEXT];

    if (rt->box == NULL)
        return;
    (void)etf_format(text, sizeof text, name);
    if (!etf_is_none(reason)) {
        size_t size = strlen(text);

        (void)snprintf(text + size, sizeof text - size, " %s",
                       etf_format(why, sizeof why, reason));
    }
    rt__box_note(rt, NULL, kind, 0, 0, 0, text);
}

void rt__nodes_up(struct rt *rt, struct rt_far_node *node)
{
    etf_term name = node->name;
    struct rt_far_node **link;

    rt__lock(&rt->nodes->lock);
    link = &rt->nodes->first;
    while (*link != NULL && etf_compare((*link)->name, node->name) > 0)
        link = &(*link)->next;
    node->next = *link;
    *link = node;
    node->info.connection = ++rt->nodes->connections;
    tell(rt, ETF_A(nodeup), node, ETF_NONE);
    rt__unlock(&rt->nodes->lock);
    note(rt, RT_BOX_UP, name, ETF_NONE);
}

/* Where it stands in the list, or its end. The lock is held. */
static struct rt_far_node **find(struct nodes *nodes, etf_term name)
{
    struct rt_far_node **link = &nodes->first;

    while (*link != NULL && !etf_same((*link)->name, name))
        link = &(*link)->next;
    return link;
}

void rt__nodes_down(struct rt *rt, etf_term name, etf_term reason)
{
    struct rt_far_node **link, *node;

    rt__lock(&rt->nodes->lock);
    link = find(rt->nodes, name);
    node = *link;
    if (node != NULL) {
        *link = node->next;
        tell(rt, ETF_A(nodedown), node, reason);
    }
    rt__unlock(&rt->nodes->lock);
    note(rt, RT_BOX_DOWN, name, reason);
}

/* ---- Subscribing
 * ------------------------------------------------------------------------ */

static enum agner_err subscribe(struct gen *self, unsigned flags)
{
    struct relations *t = rt__relations(self->process);
    struct subscription *s = malloc(sizeof *s);

    if (t == NULL || s == NULL) {
        free(s);
        return AGNER_ENOMEM;
    }
    t->node_events = true;
    s->pid = rt__pid_word(self->process);
    s->flags = flags;
    rt__lock(&self->rt->nodes->lock);
    s->next = self->rt->nodes->subscriptions;
    self->rt->nodes->subscriptions = s;
    rt__unlock(&self->rt->nodes->lock);
    return AGNER_OK;
}

static enum agner_err monitor(struct gen *self, bool on, unsigned flags)
{
    struct nodes *nodes = self->rt->nodes;

    if (on)
        return subscribe(self, flags);
    rt__lock(&nodes->lock);
    unsubscribe(nodes, rt__pid_word(self->process), flags, false);
    rt__unlock(&nodes->lock);
    return AGNER_OK;
}

enum agner_err rt_monitor_nodes(struct gen *self, bool on)
{
    return monitor(self, on, PLAIN | BOTH);
}

enum agner_err rt_monitor_nodes_with(struct gen *self, bool on, unsigned flags)
{
    if ((flags & ~(BOTH | RT_MONITOR_NODES_REASON)) != 0)
        return AGNER_EINVAL;
    if ((flags & BOTH) == 0)
        flags |= RT_MONITOR_NODES_VISIBLE;
    return monitor(self, on, flags);
}

void rt__nodes_leave(struct rt *rt, etf_term pid)
{
    rt__lock(&rt->nodes->lock);
    unsubscribe(rt->nodes, pid, 0, true);
    rt__unlock(&rt->nodes->lock);
}

/* ---- Looking
 * ----------------------------------------------------------------------------
 */

etf_term rt_nodes(struct rt *rt, struct etf_region *r, unsigned which)
{
    const struct rt_far_node *node;
    etf_term list = etf_nil();

    rt__lock(&rt->nodes->lock);
    for (node = rt->nodes->first; node != NULL; node = node->next)
        if ((which &
             (node->info.hidden ? RT_NODES_HIDDEN : RT_NODES_VISIBLE)) != 0)
            list = etf_cons(r, node->name, list);
    rt__unlock(&rt->nodes->lock);
    return list;
}

enum agner_err rt_node_find(struct rt *rt, etf_term name,
                            struct rt_node_info *info)
{
    const struct rt_far_node *node;

    rt__lock(&rt->nodes->lock);
    node = *find(rt->nodes, name);
    if (node != NULL && info != NULL)
        *info = node->info;
    rt__unlock(&rt->nodes->lock);
    return node == NULL ? AGNER_ENOCONN : AGNER_OK;
}

/* ---- Connecting
 * ------------------------------------------------------------------------- */

enum agner_err rt_connect_node(struct gen *self, etf_term node)
{
    const struct rt_carrier *carrier = &self->rt->carrier;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (etf__tag(node) != ETF__ATOM)
        return AGNER_EINVAL;
    if (etf_same(node, rt__node_name(self->rt)))
        return AGNER_OK;
    if (carrier->connect == NULL)
        return AGNER_ENOCONN;
    return carrier->connect(carrier->ctx, self, node);
}

enum agner_err rt_disconnect_node(struct rt *rt, etf_term node)
{
    if (rt->carrier.disconnect == NULL || etf__tag(node) != ETF__ATOM)
        return AGNER_ENOCONN;
    return rt->carrier.disconnect(rt->carrier.ctx, node);
}

/*
 * rpc_topics.c -- agner.groups, agner.publish and agner.subscribe.
 */
#include "rpc_topics.h"

#include <stdlib.h>

#define ROWS_MAX 10000

/* ---- Which groups there are --------------------------------------------- */

struct rows {
    etf_term *items; /* owned */
    size_t count;
    bool full;
};

static etf_term node_of(struct gen *self, etf_term pid)
{
    etf_pid value;

    return etf_get_pid(pid, &value) && !etf_pid_is_local(value)
               ? value.node
               : rt_node(rt_of(self)).name;
}

/* {Scope, Group, Pid} of each membership: as tuples, to be sorted. */
static enum agner_err add_group(struct gen *self, struct rows *rows,
                                etf_term scope, etf_term group)
{
    etf_term pids, pid;
    enum agner_err err = gen_pg_get_members(self, scope, group, &pids);

    if (err == AGNER_ENONAME) /* the scope has just ended */
        return AGNER_OK;
    while (err == AGNER_OK && etf_list_next(&pids, &pid)) {
        if (rows->count == ROWS_MAX) {
            rows->full = true;
            break;
        }
        rows->items[rows->count] =
            etf_make(self, "{_, _, _}", scope, group, pid);
        if (etf_is_none(rows->items[rows->count]))
            return AGNER_ENOMEM;
        rows->count++;
    }
    return err;
}

static enum agner_err add_scope(struct gen *self, struct rows *rows,
                                etf_term scope)
{
    etf_term groups, group;
    enum agner_err err = gen_pg_which_groups(self, scope, &groups);

    if (err == AGNER_ENONAME)
        return AGNER_OK;
    while (err == AGNER_OK && !rows->full && etf_list_next(&groups, &group))
        err = add_group(self, rows, scope, group);
    return err;
}

static int by_order(const void *a, const void *b)
{
    return etf_compare(*(const etf_term *)a, *(const etf_term *)b);
}

/* Sorted, and who is several times in a group counted. */
static etf_term list_of(struct gen *self, struct rows *rows)
{
    etf_term list = etf_nil();
    uint64_t times = 1;

    qsort(rows->items, rows->count, sizeof(etf_term), by_order);
    for (size_t i = rows->count; i-- > 0; times++) {
        const etf_term *row = etf_tuple_items(rows->items[i]);

        if (i > 0 && etf_equal(rows->items[i], rows->items[i - 1]))
            continue;
        list = etf_cons(
            rt_region(self),
            etf_make(self,
                     "#{scope => _, group => _, pid => _, node => _, "
                     "times => _}",
                     row[0], row[1], row[2], node_of(self, row[2]), times),
            list);
        times = 0;
    }
    return list;
}

enum agner_err rpc__groups(struct rpc_call *c)
{
    etf_term wanted = rpc__param(c, "scope"), scopes, scope;
    struct rows rows = { .items = calloc(ROWS_MAX, sizeof(etf_term)) };
    enum agner_err err = rows.items == NULL ? AGNER_ENOMEM : AGNER_OK;

    scopes = gen_pg_which_scopes(rt_of(c->self), rt_region(c->self));
    if (!etf_is_none(wanted))
        wanted = rpc__name(wanted); /* ETF_NONE: no atom, so no scope */
    while (err == AGNER_OK && etf_list_next(&scopes, &scope))
        if (etf_is_none(rpc__param(c, "scope")) || etf_same(scope, wanted))
            err = add_scope(c->self, &rows, scope);
    if (err == AGNER_OK)
        c->result = etf_make(c->self, "#{groups => _, complete => _}",
                             list_of(c->self, &rows), !rows.full);
    if (err == AGNER_OK && etf_is_none(c->result))
        err = AGNER_ENOMEM;
    free(rows.items);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    return AGNER_OK;
}

/* ---- Topics and groups by name ------------------------------------------ */

enum agner_err rpc__topic(struct rpc_call *c, struct rpc_topic *topic)
{
    etf_term pubsub = rpc__param(c, "pubsub"), scope = rpc__param(c, "scope");
    etf_bytes text;

    topic->is_group = etf_is_none(pubsub);
    topic->name = rpc__param(c, topic->is_group ? "group" : "topic");
    topic->of = topic->is_group ? scope : pubsub;
    if (etf_is_none(topic->name) ||
        (!topic->is_group && !etf_get_bytes(topic->name, &text)))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "expected pubsub and topic (a binary), or group");
    if (etf_is_none(topic->of)) {
        topic->of = etf_atom("pg");
        return AGNER_OK;
    }
    topic->of = rpc__name(topic->of);
    if (etf_is_none(topic->of))
        return rpc__fail(&c->failure, AGNER_ENONAME, ETF_NONE,
                         "no %s of that name runs on this node",
                         topic->is_group ? "scope" : "pubsub");
    return AGNER_OK;
}

enum agner_err rpc__publish(struct rpc_call *c)
{
    etf_term message = rpc__param(c, "msg");
    struct rpc_topic topic;
    enum agner_err err = rpc__topic(c, &topic);
    size_t count = 0;
    char shown[120];

    if (err != AGNER_OK)
        return err;
    if (etf_is_none(message))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "msg: expected a term");
    if (topic.is_group)
        err = gen_pg_broadcast(c->self, topic.of, topic.name, message, &count);
    else
        err = gen_pubsub_broadcast(c->self, topic.of, topic.name, message);
    if (err == AGNER_ENONAME)
        return rpc__fail(&c->failure, err, topic.of,
                         "no %s %s runs on this node",
                         topic.is_group ? "scope" : "pubsub",
                         etf_format(shown, sizeof shown, topic.of));
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    if (topic.is_group)
        c->result = etf_uint(rt_region(c->self), count);
    return AGNER_OK;
}

enum agner_err rpc__subscribe(struct rpc_call *c)
{
    struct rt_spawn_options options = { .link = true, .note = c->control };
    bool strict = c->mode == MSGPACK_STRICT;
    struct rpc_topic topic;
    enum agner_err err = rpc__topic(c, &topic);

    if (err != AGNER_OK)
        return err;
    err = rt_start_nowait(c->self, &rpc__listener,
                          etf_make(c->self, "{_, _, _, _, _, _}",
                                   rt_self(c->self), c->conn, strict,
                                   topic.is_group, topic.of, topic.name),
                          &options, &c->listener);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    return AGNER_OK;
}

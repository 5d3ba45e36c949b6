/*
 * global_message.c -- what comes to global_name_server, by its shape.
 *
 * A row for each message. What does not have the shape of its row is not taken,
 * so the rest of the machine sees nodes, pids and numbers where it expects
 * them; lists of others are looked through where they are used.
 */
#include <stdlib.h>

#include "global_internal.h"

/* ---- Casts -------------------------------------------------------------- */

static bool init_connect(struct global *g, etf_term message)
{
    etf_term versions, node;
    int64_t version, tag;
    etf_pid locker;

    if (!etf_match(message, "{init_connect, _, _, {locker, __, __, _}}",
                   &versions, &node, &locker) ||
        etf_tuple_size(versions) < 2 || /* more is of later versions */
        !etf_get_int(etf_tuple_items(versions)[0], &version) ||
        !etf_get_int(etf_tuple_items(versions)[1], &tag))
        return false;
    global__init_connect(g, node, version, tag, locker);
    return true;
}

static bool lock_is_set(struct global *g, etf_term message)
{
    etf_term node, id;
    int64_t tag;

    if (!etf_match(message, "{lock_is_set, _, _, _}", &node, &tag, &id))
        return false;
    global__lock_is_set(g, node, tag, id);
    return true;
}

static bool exchange(struct global *g, etf_term message)
{
    etf_term node, names;
    int64_t tag;

    if (!etf_match(message, "{exchange, _, _, __, _}", &node, &names, &tag))
        return false;
    global__exchange(g, node, names, tag);
    return true;
}

static bool exchange_ops(struct global *g, etf_term message)
{
    etf_term node, ops, resolved;
    int64_t tag;

    if (!etf_match(message, "{exchange_ops, _, _, _, _}", &node, &tag, &ops,
                   &resolved))
        return false;
    global__exchange_ops(g, node, tag, ops, resolved);
    return true;
}

static bool resolved(struct global *g, etf_term message)
{
    etf_term node, ops, known, ext;
    int64_t tag;

    if (!etf_match(message, "{resolved, _, _, _, __, _, _}", &node, &ops,
                   &known, &ext, &tag))
        return false;
    global__resolved(g, node, ops, known, ext, tag);
    return true;
}

static bool new_nodes(struct global *g, etf_term message)
{
    etf_term node, ops, ext, nodes, extra;

    if (!etf_match(message, "{new_nodes, _, _, _, _, _}", &node, &ops, &ext,
                   &nodes, &extra))
        return false;
    global__new_nodes(g, node, ops, ext, nodes, extra);
    return true;
}

static bool in_sync(struct global *g, etf_term message)
{
    etf_term node;

    if (!etf_match(message, "{in_sync, _, __}", &node))
        return false;
    global__in_sync(g, node);
    return true;
}

/* From his locker to ours; a tag that is not ours now is of an old attempt. */
static bool lock_set(struct global *g, etf_term message)
{
    const struct global_peer *peer;
    etf_pid pid;
    bool set;
    int64_t tag;

    if (etf_match(message, "{lock_set, _, _, __, _}", &pid, &set, &tag)) {
        peer = global__peer_get(&g->peers, pid.node);
        if (peer == NULL || !peer->trying || peer->my_tag != tag)
            return true;
    } else if (!etf_match(message, "{lock_set, _, _, __}", &pid, &set)) {
        return false;
    }
    g->acts->tell_locker(g->acts->ctx, message);
    return true;
}

/* Of old nodes, which monitors have made needless. */
static bool nothing(struct global *g, etf_term message)
{
    (void)g;
    (void)message;
    return true;
}

/* ---- Plain messages ----------------------------------------------------- */

static bool init_connect_ack(struct global *g, etf_term message)
{
    etf_term node;
    int64_t mine, his;

    if (!etf_match(message, "{init_connect_ack, _, _, _}", &node, &mine, &his))
        return false;
    global__init_connect_ack(g, node, mine, his);
    return true;
}

static bool cancel_connect(struct global *g, etf_term message)
{
    etf_term node;
    int64_t tag;

    if (!etf_match(message, "{cancel_connect, _, _}", &node, &tag))
        return false;
    global__cancel_connect(g, node, tag);
    return true;
}

static bool lost_connection(struct global *g, etf_term message)
{
    etf_term a, b;
    int64_t creation, op;

    if (!etf_match(message, "{lost_connection, _, _, _, _}", &a, &creation, &op,
                   &b))
        return false;
    global__lost_connection(g, a, creation, op, b, message);
    return true;
}

static bool remove_connection(struct global *g, etf_term message)
{
    etf_term node;

    if (!etf_match(message, "{remove_connection, _}", &node))
        return false;
    global__remove_connection(g, node);
    return true;
}

static bool joined(struct global *g, etf_term message)
{
    etf_term node;

    if (!etf_match(message, "{joined, _}", &node))
        return false;
    global__joined(g, node);
    return true;
}

static bool extra_nodedown(struct global *g, etf_term message)
{
    etf_term node;

    if (!etf_match(message, "{extra_nodedown, _}", &node))
        return false;
    global__extra_nodedown(g, node);
    return true;
}

static bool down(struct global *g, etf_term message)
{
    etf_ref ref;
    etf_pid pid;

    if (!etf_match(message, "{'DOWN', _, process, _, __}", &ref, &pid))
        return false;
    global__down(g, pid, ref);
    return true;
}

/* Of rt_monitor_nodes_with(). */
static bool nodeup(struct global *g, etf_term message)
{
    etf_term node, info, row;
    uint64_t connection = 0;

    if (!etf_match(message, "{nodeup, _, _}", &node, &info))
        return false;
    while (etf_list_next(&info, &row))
        (void)etf_match(row, "{connection_id, _}", &connection);
    global__nodeup(g, node, connection);
    return true;
}

static bool nodedown(struct global *g, etf_term message)
{
    etf_term node;

    if (!etf_match(message, "{nodedown, _, __}", &node))
        return false;
    global__nodedown(g, node);
    return true;
}

/* ---- Tables ------------------------------------------------------------- */

struct row {
    const char *tag;
    bool (*read)(struct global *g, etf_term message);
};

static const struct row casts[] = {
    { "init_connect", init_connect }, { "lock_is_set", lock_is_set },
    { "exchange", exchange },         { "exchange_ops", exchange_ops },
    { "resolved", resolved },         { "new_nodes", new_nodes },
    { "in_sync", in_sync },           { "lock_set", lock_set },
    { "async_del_name", nothing },    { "async_del_lock", nothing },
};

static const struct row infos[] = {
    { "init_connect_ack", init_connect_ack },
    { "cancel_connect", cancel_connect },
    { "lost_connection", lost_connection },
    { "remove_connection", remove_connection },
    { "joined", joined },
    { "extra_nodedown", extra_nodedown },
    { "DOWN", down },
    { "nodeup", nodeup },
    { "nodedown", nodedown },
};

static bool read_row(struct global *g, const struct row *rows, size_t count,
                     etf_term message)
{
    if (etf_tuple_size(message) == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (etf_atom_is(etf_tuple_items(message)[0], rows[i].tag))
            return rows[i].read(g, message);
    }
    return false;
}

bool global__cast(struct global *g, etf_term message)
{
    return read_row(g, casts, sizeof casts / sizeof *casts, message);
}

bool global__info(struct global *g, etf_term message)
{
    return read_row(g, infos, sizeof infos / sizeof *infos, message);
}

/* ---- Calls -------------------------------------------------------------- */

etf_term global__known(struct global *g)
{
    etf_term list = etf_nil();

    for (size_t i = g->peers.count; i-- > 0;) {
        if (g->peers.items[i]->known)
            list =
                etf_make(g->region, "[_ | _]", g->peers.items[i]->node, list);
    }
    return list;
}

static etf_term synced(struct global *g)
{
    etf_term list = etf_nil();

    for (size_t i = g->peers.count; i-- > 0;) {
        if (g->peers.items[i]->synced)
            list =
                etf_make(g->region, "[_ | _]", g->peers.items[i]->node, list);
    }
    return list;
}

static etf_term names(struct global *g)
{
    const struct global_name *entry = NULL;
    etf_term list = etf_nil();

    while ((entry = gen__names_next(g->names, entry)) != NULL)
        list = etf_cons(g->region, etf_box_term(entry->name), list);
    return list;
}

/* For people: [{Node, [{connected, Bool}, ...]}]. */
static etf_term info(struct global *g)
{
    etf_term list = etf_nil();

    for (size_t i = g->peers.count; i-- > 0;) {
        const struct global_peer *p = g->peers.items[i];

        list = etf_make(g->region,
                        "[{_, [{connected, _}, {known, _}, {pending, _},"
                        " {removing, _}, {synced, _}, {trying, _}, {heard, _},"
                        " {locked, _}, {version, _}]} | _]",
                        p->node, p->connected, p->known, p->pending,
                        p->removing, p->synced, p->trying, p->heard, p->locked,
                        p->version, list);
    }
    return list;
}

/* Has the process another name? Then it gets no second one, as in OTP. */
static bool is_named(struct global *g, etf_pid pid)
{
    return gen__names_of(g->names, pid, NULL) != NULL;
}

static etf_term registered(struct global *g, etf_term name, etf_pid pid,
                           etf_term method, etf_pid from, etf_term reg_node)
{
    return global__register(g, name, pid, method, from, reg_node) == AGNER_OK
               ? ETF_A(yes)
               : ETF_A(no);
}

bool global__call(struct global *g, etf_pid from, etf_term request,
                  etf_term *reply)
{
    etf_term name, method, node, id;
    etf_pid pid;

    if (etf_match(request, "{set_lock, _}", &id)) {
        *reply = etf_bool(global__set_lock(g, id, from));
    } else if (etf_match(request, "{del_lock, _}", &id)) {
        global__del_lock(g, id, from);
        *reply = ETF_A(true);
    } else if (etf_match(request, "{register, _, _, _}", &name, &pid,
                         &method)) {
        *reply = registered(g, name, pid, method, from, ETF_NONE);
    } else if (etf_match(request, "{register_ext, _, _, _, _}", &name, &pid,
                         &method, &node) &&
               global__is_node(node)) {
        *reply = registered(g, name, pid, method, from, node);
    } else if (etf_match(request, "{unregister, _}", &name)) {
        if (global__is_of_ours(g, from))
            global__unregister(g, name);
        *reply = ETF_A(ok);
    } else if (etf_match(request, "get_known")) {
        *reply = global__known(g);
    } else if (etf_match(request, "get_synced")) {
        *reply = synced(g);
    } else if (etf_match(request, "get_names")) {
        *reply = names(g);
    } else if (etf_match(request, "get_names_ext")) {
        *reply = global__ext_names(g);
    } else if (etf_match(request, "get_protocol_version")) {
        *reply = etf_int(g->region, GLOBAL_VERSION);
    } else if (etf_match(request, "info")) {
        *reply = info(g);
    } else if (etf_match(request, "disconnect")) {
        *reply = global__disconnect(g);
    } else if (etf_match(request, "{can_set_lock, {_, _}}", &name, &id)) {
        *reply = etf_bool(global__lock_can(&g->locks, name, id));
    } else if (etf_match(request, "{is_locked, _}", &id)) {
        *reply = etf_bool(global__lock_get(&g->locks, id) != NULL);
    } else if (etf_match(request, "{is_named, _}", &pid)) {
        *reply = etf_bool(is_named(g, pid));
    } else {
        return false;
    }
    return true;
}

void global__fini(struct global *g)
{
    global__locks_fini(&g->locks);
    global__peers_fini(&g->peers);
    free(g->lost);
    g->lost = NULL;
    g->lost_count = 0;
    if (g->names != NULL)
        gen__names_clear(g->names);
}

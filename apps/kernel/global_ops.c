/*
 * global_ops.c -- what changes the tables: locks are set and freed, names come
 * and go.
 *
 * Who registers a name holds the lock `global` on all nodes, and its message
 * may come late: after the lock's holder was lost with its node, and others
 * have the lock. So a name that comes without its lock is not taken.
 */
#include "global_internal.h"

static const etf_ref no_ref = { .count = 0 };

/* ---- Locks -------------------------------------------------------------- */

bool global__set_lock(struct global *g, etf_term id, etf_pid pid)
{
    const struct global_lock *lock;
    etf_term resource, requester;
    etf_ref ref;

    if (!etf_match(id, "{_, _}", &resource, &requester) ||
        !global__lock_can(&g->locks, resource, requester))
        return false;
    lock = global__lock_get(&g->locks, resource);
    if (lock != NULL && global__lock_holder(lock, pid) != NULL)
        return true;
    if (g->acts->monitor(g->acts->ctx, pid, &ref) != AGNER_OK)
        return false;
    if (global__lock_add(&g->locks, resource, requester, pid, ref) == AGNER_OK)
        return true;
    g->acts->demonitor(g->acts->ctx, ref);
    return false;
}

static void free_holder(struct global *g, struct global_holder *holder,
                        bool died)
{
    bool is_global =
        etf_atom_is(etf_box_term(holder->lock->resource), "global");

    if (global__lock_remove(&g->locks, holder) && is_global)
        g->global_lock_down = died;
}

void global__del_lock(struct global *g, etf_term id, etf_pid pid)
{
    const struct global_lock *lock;
    struct global_holder *holder;
    etf_term resource, requester;

    if (!etf_match(id, "{_, _}", &resource, &requester))
        return;
    lock = global__lock_get(&g->locks, resource);
    if (lock == NULL || !etf_equal(etf_box_term(lock->requester), requester))
        return;
    holder = global__lock_holder(lock, pid);
    if (holder == NULL)
        return;
    g->acts->demonitor(g->acts->ctx, holder->monitor);
    free_holder(g, holder, false);
}

/* ---- Names -------------------------------------------------------------- */

static void remove_name(struct global *g, struct global_name *entry)
{
    g->acts->demonitor(g->acts->ctx, entry->monitor);
    if (etf_same(entry->reg_node, g->self))
        g->acts->link(g->acts->ctx, entry->pid, false);
    gen__names_remove(g->names, entry);
}

static enum agner_err insert(struct global *g, etf_term name, etf_pid pid,
                             etf_term method, etf_term reg_node)
{
    etf_ref ref, replaced;
    enum agner_err err = g->acts->monitor(g->acts->ctx, pid, &ref);

    if (err != AGNER_OK)
        return err;
    err = gen__names_put(g->names, name, pid, method, ref, reg_node, &replaced);
    if (err != AGNER_OK)
        g->acts->demonitor(g->acts->ctx, ref);
    else if (!etf_ref_equal(replaced, no_ref))
        g->acts->demonitor(g->acts->ctx, replaced);
    if (err == AGNER_OK && etf_same(reg_node, g->self))
        g->acts->link(g->acts->ctx, pid, true);
    return err;
}

bool global__is_of_ours(const struct global *g, etf_pid pid)
{
    const struct global_peer *peer;

    if (etf_pid_is_local(pid))
        return true;
    peer = global__peer_get(&g->peers, pid.node);
    return peer != NULL && peer->known;
}

/* Is the lock there that a registration by `from` holds? */
static bool locked_by_pid(const struct global *g, etf_pid from)
{
    const struct global_lock *lock =
        global__lock_get(&g->locks, etf_atom("global"));

    if (lock == NULL)
        return !g->global_lock_down;
    return global__lock_holder(lock, from) != NULL;
}

/* The same for operations that came under {global, Requester}. */
static bool locked_by_id(const struct global *g, etf_term lock_id)
{
    const struct global_lock *lock =
        global__lock_get(&g->locks, etf_atom("global"));
    etf_term requester;

    if (lock == NULL)
        return !g->global_lock_down;
    return etf_match(lock_id, "{global, _}", &requester) &&
           etf_equal(etf_box_term(lock->requester), requester);
}

enum agner_err global__register(struct global *g, etf_term name, etf_pid pid,
                                etf_term method, etf_pid from,
                                etf_term reg_node)
{
    if (!global__is_of_ours(g, from))
        return AGNER_ENOTALLOWED;
    if (!locked_by_pid(g, from)) {
        global__unregister(g, name);
        return AGNER_OK;
    }
    return insert(g, name, pid, method, reg_node);
}

void global__unregister(struct global *g, etf_term name)
{
    struct global_name *entry = gen__names_get(g->names, name);

    if (entry != NULL)
        remove_name(g, entry);
}

void global__down(struct global *g, etf_pid pid, etf_ref monitor)
{
    struct global_holder *holder = global__lock_watched(&g->locks, monitor);
    struct global_name *entry = NULL;

    if (holder != NULL) {
        free_holder(g, holder, true);
        return;
    }
    while ((entry = gen__names_of(g->names, pid, entry)) != NULL) {
        if (etf_ref_equal(entry->monitor, monitor)) {
            remove_name(g, entry);
            return;
        }
    }
}

static void free_locks_of(struct global *g, etf_term node)
{
    const struct global_index *index = &g->locks.by_monitor;
    struct global_holder *holder;

    for (size_t i = 0; i < index->bucket_count; i++) {
        struct global_link *at = index->buckets[i];

        while (at != NULL) {
            holder = (struct global_holder *)(void *)at;
            at = at->next;
            if (!etf_same(holder->pid.node, node))
                continue;
            g->acts->demonitor(g->acts->ctx, holder->monitor);
            free_holder(g, holder, true);
        }
    }
}

void global__forget_node(struct global *g, etf_term node)
{
    struct global_name *entry = gen__names_next(g->names, NULL);

    while (entry != NULL) {
        struct global_name *next = gen__names_next(g->names, entry);

        if (etf_same(entry->pid.node, node))
            remove_name(g, entry);
        entry = next;
    }
    free_locks_of(g, node);
}

/* ---- Operations --------------------------------------------------------- */

/* Value of `key` in a list of pairs; ETF_NONE. */
static etf_term lookup(etf_term list, const char *key)
{
    etf_term row, k, v;

    while (etf_list_next(&list, &row)) {
        if (etf_match(row, "{_, _}", &k, &v) && etf_atom_is(k, key))
            return v;
    }
    return ETF_NONE;
}

/* Who registered that name for a node without global, by [{Name, Pid, Node}].
 */
static etf_term reg_node_of(etf_term ext_names, etf_term name, etf_pid pid)
{
    etf_term row, n, node;
    etf_pid p;

    while (etf_list_next(&ext_names, &row)) {
        if (etf_match(row, "{_, _, _}", &n, &p, &node) && etf_equal(n, name) &&
            etf_pid_equal(p, pid) && global__is_node(node))
            return node;
    }
    return ETF_NONE;
}

static void insert_all(struct global *g, etf_term ops, etf_term ext_names,
                       bool locked)
{
    etf_term op, name, method;
    etf_pid pid;

    while (etf_list_next(&ops, &op)) {
        if (!etf_match(op, "{insert, {_, _, _}}", &name, &pid, &method))
            continue;
        if (!locked)
            global__unregister(g, name);
        else if (insert(g, name, pid, method,
                        reg_node_of(ext_names, name, pid)) != AGNER_OK)
            g->acts->log(g->acts->ctx, RT_LOG_ERROR,
                         "global: no room for the name %s of %s", name,
                         etf_from_pid(g->region, pid));
    }
}

void global__do_ops(struct global *g, etf_term ops, etf_term ext_names,
                    etf_term extra)
{
    etf_term lock_id = lookup(extra, "lock");
    etf_term op, name;

    insert_all(g, ops, ext_names, locked_by_id(g, lock_id));
    while (etf_list_next(&ops, &op)) {
        if (etf_match(op, "{delete, _}", &name))
            global__unregister(g, name);
    }
}

etf_term global__all_names(struct global *g)
{
    const struct global_name *entry = NULL;
    etf_term list = etf_nil();

    while ((entry = gen__names_next(g->names, entry)) != NULL)
        list = etf_make(g->region, "[{_, _, _} | _]", etf_box_term(entry->name),
                        entry->pid, etf_box_term(entry->method), list);
    return list;
}

etf_term global__ext_names(struct global *g)
{
    const struct global_name *entry = NULL;
    etf_term list = etf_nil();

    while ((entry = gen__names_next(g->names, entry)) != NULL) {
        if (!etf_is_none(entry->reg_node))
            list = etf_make(g->region, "[{_, _, _} | _]",
                            etf_box_term(entry->name), entry->pid,
                            entry->reg_node, list);
    }
    return list;
}

/*
 * pubsub.c -- the adapter of a pubsub: it watches subscribers, and hands out
 * what other nodes broadcast.
 *
 *   message or call                    what it does
 *   ---------------------------------  --------------------------------------
 *   {forward_to_local, Topic, M, _}    sends M to the subscribers of this node
 *   call {subscribe, Topic, Pid}       ok | {error, Why}
 *   call {unsubscribe, Topic, Pid}     ok | {error, Why}
 *
 * Each process of the pool is in a group of its own name in the pg scope of all
 * pubsubs, which is how nodes find each other. The first of the pool is the
 * adapter itself; the others only hand out, are linked to it, and end with it.
 * A scope that ends is started again and joined anew.
 */
#include <stdio.h>
#include <string.h>

#include "pubsub.h"

#define RETRY_MS 1000u

struct pool_member {
    struct rt_board *board; /* the runtime's */
    etf_term group;
    etf_ref scope; /* of our monitor of it */
    bool outside;  /* it is not in the group */
};

struct adapter {
    struct pool_member first; /* first: so each is a pool_member */
    struct crowd crowd;
};

etf_term gen__pubsub_group(etf_term name, unsigned index)
{
    etf_bytes text = etf_atom_text(name);
    char group[600];
    bool elixir = text.size >= 7 && memcmp(text.data, "Elixir.", 7) == 0;
    int size =
        snprintf(group, sizeof group, "%s%.*s.Adapter", elixir ? "" : "Elixir.",
                 (int)text.size, (const char *)text.data);

    if (index > 1)
        (void)snprintf(group + size, sizeof group - (size_t)size, "_%u", index);
    return etf_atom(group);
}

enum agner_err gen__pubsub_dispatch(struct gen *self, struct rt_board *board,
                                    etf_term from, etf_term topic,
                                    etf_term message)
{
    etf_term pids;
    enum agner_err err =
        gen__roll_list(board, rt_region(self), topic, false, &pids);

    if (err != AGNER_OK || etf_same(pids, etf_nil()))
        return err;
    return gen__roll_send(self, pids, from, message, NULL);
}

/* ---- The pool ----------------------------------------------------------- */

/* Joins the group, in a scope that is started if need be. */
static void enter_scope(struct gen *self, struct pool_member *p)
{
    etf_term scope = etf_atom(PUBSUB_SCOPE);
    enum agner_err err;
    etf_pid pid;

    err = gen_pg_start(self, scope, &pid);
    if (err == AGNER_OK || err == AGNER_ETAKEN)
        err = rt_monitor(self, scope, 0, &p->scope);
    if (err == AGNER_OK)
        err = gen_pg_join(self, scope, p->group, rt_self_term(self));
    p->outside = err != AGNER_OK;
    if (p->outside)
        (void)rt_demonitor(self, p->scope, true); /* if there is one */
}

/* What could not be done is tried again: with the next message, or after a
 * while. */
static enum gen_next next(struct gen *self, bool later)
{
    return later ? gen_timeout(self, RETRY_MS) : GEN_NEXT;
}

static bool is_topic(etf_term topic)
{
    return etf_kind(topic) == ETF_KIND_BINARY;
}

static void pool_message(struct gen *self, struct pool_member *p,
                         etf_term message)
{
    etf_term topic, what;
    etf_ref ref;

    if (etf_match(message, "{forward_to_local, _, _, __}", &topic, &what)) {
        /* Without memory a message is lost, as one on the wire is. */
        if (is_topic(topic) && gen__pubsub_dispatch(self, p->board, ETF_NONE,
                                                    topic, what) != AGNER_OK)
            rt_log_self(self, RT_LOG_WARNING, "pubsub: a broadcast was lost");
    } else if (gen__is_down(message, &ref) && etf_ref_equal(ref, p->scope)) {
        p->outside = true;
    }
    if (p->outside)
        enter_scope(self, p);
}

static enum gen_next pool_info(struct gen *self, etf_term message)
{
    struct pool_member *p = gen_state(self);

    pool_message(self, p, message);
    return next(self, p->outside);
}

static enum gen_next pool_init(struct gen *self, etf_term args)
{
    struct pool_member *p = gen_state(self);
    etf_term name;

    if (!etf_match(args, "{_, _}", &name, &p->group))
        return gen_stop(self, ETF_A(badarg));
    p->board = rt_board_find(rt_of(self), PUBSUB_BOARDS, name);
    enter_scope(self, p);
    return next(self, p->outside);
}

static enum gen_next drop(struct gen *self, etf_term message)
{
    (void)self;
    (void)message;
    return GEN_NEXT;
}

static const struct gen_server pool_server = {
    .name = "pubsub_pool",
    .state_size = sizeof(struct pool_member),
    .init = pool_init,
    .handle_cast = drop,
    .handle_info = pool_info,
};

/* ---- The adapter -------------------------------------------------------- */

static etf_term answer_of(struct gen *self, enum agner_err err)
{
    if (err == AGNER_OK)
        return ETF_A(ok);
    return etf_make(self, "{error, _}",
                    err == AGNER_EINVAL ? ETF_A(badarg)
                                        : etf_atom("system_limit"));
}

static enum agner_err unsubscribe(struct gen *self, struct adapter *a,
                                  etf_term topic, etf_pid pid)
{
    size_t count = gen__crowd_count(&a->crowd, topic, pid);
    etf_term pids = etf_nil(), left;

    while (count-- > 0)
        pids = etf_cons(rt_region(self), etf_from_pid(NULL, pid), pids);
    if (etf_same(pids, etf_nil()))
        return AGNER_OK;
    return etf_is_none(pids)
               ? AGNER_ENOMEM
               : gen__crowd_leave(self, &a->crowd, topic, pids, &left);
}

static enum gen_next adapter_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    struct adapter *a = gen_state(self);
    enum agner_err err = AGNER_EINVAL;
    etf_term topic;
    etf_pid pid;

    if (etf_match(request, "{subscribe, _, _}", &topic, &pid) &&
        is_topic(topic))
        err = gen__crowd_join(self, &a->crowd, topic, etf_from_pid(NULL, pid));
    else if (etf_match(request, "{unsubscribe, _, _}", &topic, &pid) &&
             is_topic(topic))
        err = unsubscribe(self, a, topic, pid);
    (void)gen_reply(self, from, answer_of(self, err));
    return next(self, a->crowd.late || a->first.outside);
}

static enum gen_next adapter_info(struct gen *self, etf_term message)
{
    struct adapter *a = gen_state(self);

    if (a->crowd.late) /* any message will do */
        gen__crowd_retry(self, &a->crowd);
    if (!gen__crowd_down(self, &a->crowd, message))
        pool_message(self, &a->first, message);
    return next(self, a->crowd.late || a->first.outside);
}

/* A subscriber has ended: that is all. */
static void left(struct gen *self, etf_term pid, etf_term topics)
{
    (void)self;
    (void)pid;
    (void)topics;
}

/* Puts the groups on the board, and starts the rest of the pool. */
static enum agner_err open_pool(struct gen *self, struct adapter *a,
                                etf_term name, unsigned size,
                                unsigned broadcast_size)
{
    etf_term groups[GEN_PUBSUB_POOL_MAX];
    enum agner_err err = AGNER_OK;
    etf_pid pid;

    for (unsigned i = 0; err == AGNER_OK && i < size; i++) {
        struct rt_spawn_options options = { 0 };

        groups[i] = gen__pubsub_group(name, i + 1);
        options.name = groups[i];
        if (etf_is_none(groups[i]))
            err = AGNER_EINVAL;
        else if (i > 0)
            err = gen_start_link(self, &pool_server,
                                 etf_make(self, "{_, _}", name, groups[i]),
                                 &options, &pid, NULL);
    }
    if (err != AGNER_OK)
        return err;
    a->first.group = groups[0];
    enter_scope(self, &a->first);
    return rt_board_put(a->crowd.board, etf_atom("groups"),
                        etf_tuple(rt_region(self), groups, broadcast_size));
}

static enum gen_next adapter_init(struct gen *self, etf_term args)
{
    struct adapter *a = gen_state(self);
    unsigned size, broadcast_size;
    enum agner_err err;
    etf_term name;

    if (!etf_match(args, "{_, _, _}", &name, &size, &broadcast_size) ||
        size < 1 || size > GEN_PUBSUB_POOL_MAX || broadcast_size < 1 ||
        broadcast_size > size)
        return gen_stop(self, ETF_A(badarg));
    a->crowd.left = left;
    a->first.board = rt_board_open(rt_of(self), PUBSUB_BOARDS, name);
    err = gen__crowd_init(self, &a->crowd, a->first.board);
    if (err == AGNER_OK)
        err = open_pool(self, a, name, size, broadcast_size);
    return err == AGNER_OK
               ? next(self, a->first.outside)
               : gen_stop(self, err == AGNER_ETAKEN ? etf_atom("taken")
                                                    : etf_atom("system_limit"));
}

static void adapter_destroy(void *state)
{
    struct adapter *a = state;

    gen__crowd_fini(&a->crowd);
}

static etf_term adapter_status(struct gen *self)
{
    const struct adapter *a = gen_state(self);

    return etf_make(self, "#{group => _, subscribers => _}", a->first.group,
                    a->crowd.count);
}

const struct gen_server gen__pubsub_adapter = {
    .name = "pubsub",
    .state_size = sizeof(struct adapter),
    .init = adapter_init,
    .handle_call = adapter_call,
    .handle_cast = drop,
    .handle_info = adapter_info,
    .format_status = adapter_status,
    .destroy = adapter_destroy,
};

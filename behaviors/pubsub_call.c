/*
 * pubsub_call.c -- topics, as those see them who are no adapter: gen_pubsub.h.
 *
 * A broadcast is done by its sender: to the adapters of other nodes, which the
 * pg scope knows, and to the subscribers here, which are on the board.
 */
#include "pubsub.h"

/* ---- Starting ----------------------------------------------------------- */

enum agner_err gen_pubsub_start(struct gen *self, etf_term name,
                                const struct gen_pubsub_options *options,
                                etf_pid *pid)
{
    struct rt_spawn_options spawn = { 0 };
    struct gen_pubsub_options o = { 0 };

    if (options != NULL)
        o = *options;
    if (o.pool_size == 0)
        o.pool_size = 1;
    if (o.broadcast_pool_size == 0)
        o.broadcast_pool_size = o.pool_size;
    spawn.link = o.link;
    if (etf_is_atom(name))
        spawn.name = gen__pubsub_group(name, o.pool_size);
    if (etf_is_none(spawn.name) || o.pool_size > GEN_PUBSUB_POOL_MAX ||
        o.broadcast_pool_size > o.pool_size)
        return AGNER_EINVAL;
    spawn.name = gen__pubsub_group(name, 1);
    return gen_start(
        self, &gen__pubsub_adapter,
        etf_make(self, "{_, _, _}", name, o.pool_size, o.broadcast_pool_size),
        &spawn, pid, NULL);
}

enum agner_err gen_pubsub_child(struct gen *self, etf_term args, etf_pid *pid,
                                etf_term *info)
{
    const struct gen_pubsub_options options = { .link = true };

    (void)info;
    return gen_pubsub_start(self, args, &options, pid);
}

etf_term gen_pubsub_which(struct rt *rt, struct etf_region *r)
{
    return rt_board_list(rt, r, PUBSUB_BOARDS);
}

/* ---- Subscribing -------------------------------------------------------- */

static enum agner_err ask(struct gen *self, etf_term pubsub, etf_term request)
{
    etf_term answer, adapter = ETF_NONE;
    enum agner_err err;

    if (etf_is_atom(pubsub))
        adapter = gen__pubsub_group(pubsub, 1);
    if (etf_is_none(adapter))
        return AGNER_ENONAME;
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    err = gen_call(self, adapter, request, GEN_INFINITY, &answer);
    if (err != AGNER_OK || etf_same(answer, ETF_A(ok)))
        return err;
    return etf_match(answer, "{error, badarg}") ? AGNER_EINVAL : AGNER_ENOMEM;
}

enum agner_err gen_pubsub_subscribe(struct gen *self, etf_term pubsub,
                                    etf_term topic)
{
    return ask(self, pubsub,
               etf_make(self, "{subscribe, _, _}", topic, rt_self(self)));
}

enum agner_err gen_pubsub_unsubscribe(struct gen *self, etf_term pubsub,
                                      etf_term topic)
{
    return ask(self, pubsub,
               etf_make(self, "{unsubscribe, _, _}", topic, rt_self(self)));
}

/* ---- Broadcasts --------------------------------------------------------- */

static etf_term forward(struct gen *self, etf_term topic, etf_term message)
{
    return etf_make(self, "{forward_to_local, _, _, '" PUBSUB_SCOPE "'}", topic,
                    message);
}

/* What concerns the message or the sender, not one adapter. */
static bool ends_it(enum agner_err err)
{
    return err == AGNER_EBADTERM || err == AGNER_ENOMEM ||
           err == AGNER_EEXITING || err == AGNER_EKILLED;
}

/* To the adapters of other nodes in the group that is this sender's: always the
 * same one, so that its messages keep their order. */
static enum agner_err send_away(struct gen *self, etf_term groups,
                                etf_term topic, etf_term message)
{
    uint32_t which =
        etf_phash2(rt_self_term(self), (uint32_t)etf_tuple_size(groups));
    etf_term pids, pid, wrapped = ETF_NONE;
    enum agner_err err = gen_pg_get_members(
        self, etf_atom(PUBSUB_SCOPE), etf_tuple_items(groups)[which], &pids);

    if (err == AGNER_ENONAME) /* it is just started again */
        return AGNER_OK;
    while (!ends_it(err) && etf_list_next(&pids, &pid)) {
        etf_pid value;

        if (etf_get_pid(pid, &value) && etf_pid_is_local(value))
            continue;
        if (etf_is_none(wrapped))
            wrapped = forward(self, topic, message);
        err = etf_is_none(wrapped) ? AGNER_ENOMEM : rt_send(self, pid, wrapped);
    }
    return ends_it(err) ? err : AGNER_OK;
}

/* `from` ETF_NONE: nobody is left out. */
static enum agner_err broadcast(struct gen *self, etf_term pubsub,
                                etf_term from, etf_term topic, etf_term message,
                                bool everywhere)
{
    struct rt_board *board = rt_board_find(rt_of(self), PUBSUB_BOARDS, pubsub);
    enum agner_err err;
    etf_term groups;

    if (etf_kind(topic) != ETF_KIND_BINARY)
        return AGNER_EINVAL;
    if (board == NULL)
        return AGNER_ENONAME;
    err = rt_board_get(board, rt_region(self), etf_atom("groups"), &groups);
    if (err != AGNER_OK)
        return err == AGNER_EUNKNOWN ? AGNER_ENONAME : err;
    if (everywhere)
        err = send_away(self, groups, topic, message);
    if (err != AGNER_OK)
        return err;
    return gen__pubsub_dispatch(self, board, from, topic, message);
}

enum agner_err gen_pubsub_broadcast(struct gen *self, etf_term pubsub,
                                    etf_term topic, etf_term message)
{
    return broadcast(self, pubsub, ETF_NONE, topic, message, true);
}

enum agner_err gen_pubsub_broadcast_from(struct gen *self, etf_term pubsub,
                                         etf_pid from, etf_term topic,
                                         etf_term message)
{
    return broadcast(self, pubsub, etf_from_pid(rt_region(self), from), topic,
                     message, true);
}

enum agner_err gen_pubsub_local_broadcast(struct gen *self, etf_term pubsub,
                                          etf_term topic, etf_term message)
{
    return broadcast(self, pubsub, ETF_NONE, topic, message, false);
}

enum agner_err gen_pubsub_local_broadcast_from(struct gen *self,
                                               etf_term pubsub, etf_pid from,
                                               etf_term topic, etf_term message)
{
    return broadcast(self, pubsub, etf_from_pid(rt_region(self), from), topic,
                     message, false);
}

enum agner_err gen_pubsub_direct_broadcast(struct gen *self, etf_term node,
                                           etf_term pubsub, etf_term topic,
                                           etf_term message)
{
    etf_term adapter = ETF_NONE, wrapped = forward(self, topic, message);

    if (etf_kind(topic) != ETF_KIND_BINARY)
        return AGNER_EINVAL;
    if (etf_is_atom(pubsub))
        adapter = gen__pubsub_group(pubsub, 1);
    if (etf_is_none(adapter))
        return AGNER_ENONAME;
    return etf_is_none(wrapped)
               ? AGNER_ENOMEM
               : rt_send(self, etf_make(self, "{_, _}", adapter, node),
                         wrapped);
}

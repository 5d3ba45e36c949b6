/*
 * global_connect.c -- two nodes meet: from `nodeup` to the same names on both.
 *
 * An attempt has two tags, one of each side, and every message of it carries
 * the receiver's: what belongs to an earlier attempt is known by its tag and
 * has no effect. An attempt of ours goes through
 *
 *   what is there                  what it waits for          goes on with
 *   -----------------------------  -------------------------  -------------
 *   trying                         his init_connect           meet()
 *   heard, pending                 the lock in both parts     lock_is_set
 *   locked                         his names                  swap()
 *   swapping (the resolver runs)   our operations             exchange_ops
 *   ops                            his operations             finish()
 *
 * and his names and operations may come before we wait for them. It ends in
 * finish(), or with the connection, or since others have made us known to each
 * other: they have told us (`new_nodes`) and him (he says `in_sync`). With one
 * of these it goes on, for the other may never come: then who should have told
 * is gone, and only we can put the two of us right. (OTP takes one for both,
 * and then two nodes may stay strangers, or a lock be held, until they are
 * disconnected.)
 *
 * Whenever memory runs out in the middle, the connection is given up: then both
 * sides know that nothing came of the attempt.
 */
#include "global_internal.h"

static void give_up(struct global *g, etf_term node)
{
    g->acts->log(g->acts->ctx, RT_LOG_ERROR,
                 "global: no memory to connect to %s: disconnecting", node,
                 ETF_NONE);
    g->acts->disconnect(g->acts->ctx, node);
}

static void cast(struct global *g, etf_term node, etf_term message)
{
    etf_term whole = etf_make(g->region, "{'$gen_cast', _}", message);

    if (etf_is_none(whole))
        give_up(g, node);
    else
        g->acts->send(g->acts->ctx, node, whole);
}

static void tell_locker(struct global *g, etf_term node, etf_term message)
{
    if (etf_is_none(message))
        give_up(g, node);
    else
        g->acts->tell_locker(g->acts->ctx, message);
}

static struct global_peer *peer_of(const struct global *g, etf_term node)
{
    return global__is_node(node) ? global__peer_get(&g->peers, node) : NULL;
}

/* The peer whose attempt has that tag, or NULL. */
static struct global_peer *attempt(const struct global *g, etf_term node,
                                   int64_t my_tag)
{
    struct global_peer *peer = peer_of(g, node);

    return peer != NULL && peer->trying && peer->my_tag == my_tag ? peer : NULL;
}

/* ---- Beginning and ending an attempt ------------------------------------ */

static void send_cancel(struct global *g, etf_term node, int64_t his_tag)
{
    etf_term message =
        etf_make(g->region, "{cancel_connect, _, _}", g->self, his_tag);

    if (!etf_is_none(message))
        g->acts->send(g->acts->ctx, node, message);
}

/* Lets the locker give the lock back, if it has one for that attempt, after it
 * has sent `messages`, [{Node, Message}]. */
static void cancel_locker(struct global *g, etf_term node, int64_t my_tag,
                          etf_term messages)
{
    tell_locker(
        g, node,
        etf_make(g->region, "{cancel, _, _, _}", node, my_tag, messages));
}

/* `tell`: he hears that the attempt is over. */
static void end_attempt(struct global *g, struct global_peer *peer, bool tell,
                        etf_term messages)
{
    if (peer->trying) {
        cancel_locker(g, peer->node, peer->my_tag, messages);
        g->acts->resolve_stop(g->acts->ctx, peer->node, peer->my_tag);
        if (tell && peer->pending && peer->his_version >= GLOBAL_VERSION_VERIFY)
            send_cancel(g, peer->node, peer->his_tag);
    }
    peer->pending = false;
    global__peer_reset(peer);
}

/* Both have said who they are: the lockers may begin. */
static void meet(struct global *g, struct global_peer *peer)
{
    tell_locker(g, peer->node,
                etf_make(g->region, "{him, _, _, _, _, _}", peer->node,
                         peer->his_locker, peer->his_version, peer->his_tag,
                         peer->my_tag));
    peer->pending = true;
    peer->version = peer->his_version;
    if (peer->his_version >= GLOBAL_VERSION_VERIFY) {
        etf_term ack = etf_make(g->region, "{init_connect_ack, _, _, _}",
                                g->self, peer->his_tag, peer->my_tag);

        if (etf_is_none(ack))
            give_up(g, peer->node);
        else
            g->acts->send(g->acts->ctx, peer->node, ack);
    }
}

static void begin(struct global *g, struct global_peer *peer)
{
    if (peer->trying)
        return;
    peer->trying = true;
    peer->my_tag = g->next_tag++;
    cast(g, peer->node,
         etf_make(g->region,
                  "{init_connect, {_, _}, _,"
                  " {locker, no_longer_a_pid, #{}, _}}",
                  GLOBAL_VERSION, peer->my_tag, g->self, g->locker));
    if (peer->heard)
        meet(g, peer);
}

static void restart(struct global *g, struct global_peer *peer)
{
    end_attempt(g, peer, true, etf_nil());
    if (peer->connected)
        begin(g, peer);
}

/* ---- Nodes come and go -------------------------------------------------- */

void global__nodeup(struct global *g, etf_term node, uint64_t connection)
{
    struct global_peer *peer;

    if (!global__is_node(node))
        return;
    peer = global__peer_make(&g->peers, node);
    if (peer == NULL) {
        give_up(g, node);
        return;
    }
    peer->connected = true;
    peer->connection = connection;
    if (g->connect_all && !peer->known)
        begin(g, peer);
}

void global__drop(struct global *g, struct global_peer *peer,
                  enum global_down why)
{
    end_attempt(g, peer, true, etf_nil());
    peer->known = peer->synced = false;
    peer->version = 0;
    global__forget_node(g, peer->node);
    if (why == GLOBAL_REMOVE)
        peer->removing = peer->connected;
    g->acts->synced(g->acts->ctx, peer->node, false);
}

void global__nodedown(struct global *g, etf_term node)
{
    struct global_peer *peer = peer_of(g, node);
    bool wanted;

    if (peer == NULL)
        return;
    wanted = peer->removing;
    global__drop(g, peer, GLOBAL_LOST);
    peer->connected = peer->removing = false;
    if (!wanted)
        global__inform_loss(g, node);
    global__peers_sweep(&g->peers);
}

void global__extra_nodedown(struct global *g, etf_term node)
{
    struct global_peer *peer = peer_of(g, node);

    if (peer != NULL && !peer->connected)
        global__nodedown(g, node);
}

/* ---- Meeting ------------------------------------------------------------ */

void global__init_connect(struct global *g, etf_term node, int64_t version,
                          int64_t his_tag, etf_pid his_locker)
{
    struct global_peer *peer = peer_of(g, node);

    if (peer == NULL || !peer->connected || version < GLOBAL_VERSION_MIN)
        return;
    if (peer->pending && version < GLOBAL_VERSION_VERIFY) {
        g->acts->log(g->acts->ctx, RT_LOG_ERROR,
                     "global: %s began anew in the middle: disconnecting", node,
                     ETF_NONE);
        g->acts->disconnect(g->acts->ctx, node);
        return;
    }
    if (peer->pending) { /* out of step: both begin anew */
        send_cancel(g, node, his_tag);
        restart(g, peer);
        return;
    }
    if (peer->known && peer->synced)
        return; /* others were quicker, for both of us */
    peer->heard = true;
    peer->his_version = version > GLOBAL_VERSION ? GLOBAL_VERSION : version;
    peer->his_tag = his_tag;
    peer->his_locker = his_locker;
    if (peer->trying)
        meet(g, peer);
    else if (g->connect_all)
        begin(g, peer); /* others made him known to us, but did he hear? */
}

void global__init_connect_ack(struct global *g, etf_term node,
                              int64_t his_my_tag, int64_t his_his_tag)
{
    struct global_peer *peer = peer_of(g, node);

    if (peer != NULL && peer->trying && peer->heard &&
        peer->my_tag == his_my_tag && peer->his_tag == his_his_tag)
        return;
    if (!global__is_node(node))
        return;
    send_cancel(g, node, his_his_tag);
    if (peer != NULL && peer->trying)
        restart(g, peer);
}

void global__cancel_connect(struct global *g, etf_term node, int64_t my_tag)
{
    struct global_peer *peer = attempt(g, node, my_tag);

    if (peer == NULL)
        return;
    end_attempt(g, peer, false, etf_nil());
    if (peer->connected)
        begin(g, peer);
}

/* ---- Names are exchanged ------------------------------------------------ */

/*
 * What his names mean for us. He has a name that we do not have: we insert it,
 * and also when we have the same, for others of ours may not (they have seen
 * his node go, or we got it from one that has left). Both have it for different
 * processes: the node with the smaller name decides, by asking the method of
 * its own entry; what comes of that is the resolver's.
 */
static void swap(struct global *g, struct global_peer *peer, etf_term names)
{
    etf_term ops = etf_nil(), conflicts = etf_nil(), row;
    bool decide = etf_compare(g->self, peer->node) < 0;

    peer->swapping = true;
    while (etf_list_next(&names, &row)) {
        etf_term name, method;
        etf_pid pid;
        const struct global_name *mine;

        if (!etf_match(row, "{_, _, _}", &name, &pid, &method))
            continue; /* nobody could be sent to by it */
        mine = gen__names_get(g->names, name);
        if (mine == NULL || etf_pid_equal(mine->pid, pid))
            ops = etf_make(g->region, "[{insert, _} | _]", row, ops);
        else if (decide)
            conflicts = etf_make(g->region, "[{_, _, _} | _]", row, mine->pid,
                                 etf_box_term(mine->method), conflicts);
    }
    if (etf_same(conflicts, etf_nil()) && !etf_is_none(ops))
        global__exchange_ops(g, peer->node, peer->my_tag, ops, etf_nil());
    else if (etf_is_none(ops) || etf_is_none(conflicts) ||
             g->acts->resolve(g->acts->ctx, peer->node, peer->my_tag, conflicts,
                              ops) != AGNER_OK)
        give_up(g, peer->node);
}

void global__lock_is_set(struct global *g, etf_term node, int64_t my_tag,
                         etf_term lock_id)
{
    struct global_peer *peer = attempt(g, node, my_tag);
    struct etf_box *names;

    if (peer == NULL || peer->locked) {
        if (global__is_node(node))
            cancel_locker(g, node, my_tag, etf_nil());
        return;
    }
    peer->lock_id = etf_box_new(lock_id);
    if (peer->lock_id == NULL) {
        give_up(g, node);
        return;
    }
    peer->locked = true;
    cast(g, node,
         etf_make(g->region, "{exchange, _, _, [], _}", g->self,
                  global__all_names(g), peer->his_tag));
    names = peer->names;
    peer->names = NULL;
    if (names != NULL)
        swap(g, peer, etf_box_term(names));
    etf_box_free(names);
}

void global__exchange(struct global *g, etf_term node, etf_term names,
                      int64_t my_tag)
{
    struct global_peer *peer = attempt(g, node, my_tag);

    if (peer == NULL || peer->names != NULL || peer->swapping)
        return;
    if (peer->locked) {
        swap(g, peer, names);
        return;
    }
    peer->names = etf_box_new(names);
    if (peer->names == NULL)
        give_up(g, node);
}

/* ---- Operations are exchanged ------------------------------------------- */

/* Known nodes as a node of that version reads them. */
static etf_term known_for(struct global *g, int64_t version)
{
    etf_term list = etf_nil();

    for (size_t i = g->peers.count; i-- > 0;) {
        const struct global_peer *peer = g->peers.items[i];

        if (!peer->known)
            continue;
        if (version >= GLOBAL_VERSION_LOST)
            list = etf_make(g->region, "[{_, _} | _]", peer->node,
                            peer->version, list);
        else
            list = etf_make(g->region, "[_ | _]", peer->node, list);
    }
    return list;
}

/* A node, with or without its version. */
static bool read_node(etf_term row, etf_term *node, int64_t *version)
{
    *version = 0;
    *node = row;
    return (etf_match(row, "{_, _}", node, version) || etf_is_atom(row)) &&
           global__is_node(*node);
}

/* {new_nodes, ...} for each known node, as [{Node, Message}]. */
static etf_term announcements(struct global *g, etf_term ops, etf_term ext,
                              etf_term nodes, etf_term extra)
{
    etf_term list = etf_nil(), bare = etf_nil(), rest = nodes, row;

    while (etf_list_next(&rest, &row)) {
        etf_term node;
        int64_t version;

        if (read_node(row, &node, &version))
            bare = etf_make(g->region, "[_ | _]", node, bare);
    }
    for (size_t i = 0; i < g->peers.count; i++) {
        const struct global_peer *peer = g->peers.items[i];

        if (peer->known)
            list =
                etf_make(g->region,
                         "[{_, {'$gen_cast', {new_nodes, _, _, _, _, _}}} | _]",
                         peer->node, g->self, ops, ext,
                         peer->version >= GLOBAL_VERSION_LOST ? nodes : bare,
                         extra, list);
    }
    return list;
}

/* Makes nodes known that others know; join those that we did not know. */
static void add_known(struct global *g, etf_term nodes, bool join)
{
    etf_term row;

    while (etf_list_next(&nodes, &row)) {
        struct global_peer *peer;
        etf_term node;
        int64_t version;

        if (!read_node(row, &node, &version) || etf_same(node, g->self))
            continue;
        peer = global__peer_make(&g->peers, node);
        if (peer == NULL)
            continue; /* too many: it stays outside */
        if (!peer->known && join)
            g->acts->join(g->acts->ctx, node);
        peer->known = true;
        peer->removing = false; /* from now on its loss is news again */
        if (peer->synced)
            end_attempt(g, peer, false, etf_nil());
        if (peer->version == 0)
            peer->version = version;
    }
}

static etf_term append(struct etf_region *r, etf_term first, etf_term second)
{
    etf_term row, result = second;

    while (etf_list_next(&first, &row)) /* the order of ops does not count */
        result = etf_cons(r, row, result);
    return result;
}

static void finish(struct global *g, struct global_peer *peer, etf_term his_ops,
                   etf_term his_known, etf_term ext)
{
    etf_term ops = append(g->region, etf_box_term(peer->ops), his_ops);
    etf_term extra = etf_make(g->region, "[{vsn, _}, {lock, _}]",
                              peer->his_version, etf_box_term(peer->lock_id));
    etf_term nodes = etf_make(g->region, "[{_, _} | _]", peer->node,
                              peer->his_version, his_known);
    etf_term messages = announcements(g, ops, ext, nodes, extra);
    etf_term rest = his_known, row;

    if (etf_is_none(ops) || etf_is_none(messages)) {
        give_up(g, peer->node);
        return;
    }
    while (etf_list_next(&rest, &row)) {
        etf_term node;
        int64_t version;

        if (read_node(row, &node, &version) && !etf_same(node, g->self))
            g->acts->join(g->acts->ctx, node);
    }
    global__do_ops(g, ops, ext, extra);
    end_attempt(g, peer, false, messages);
    add_known(g, nodes, false);
    peer->synced = true;
    g->acts->synced(g->acts->ctx, peer->node, true);
}

void global__exchange_ops(struct global *g, etf_term node, int64_t my_tag,
                          etf_term ops, etf_term resolved)
{
    struct global_peer *peer = attempt(g, node, my_tag);
    struct etf_box *his;

    if (peer == NULL || !peer->locked || peer->ops != NULL)
        return;
    peer->ops = etf_box_new(ops);
    if (peer->ops == NULL) {
        give_up(g, node);
        return;
    }
    cast(g, node,
         etf_make(g->region, "{resolved, _, _, _, unused, _, _}", g->self,
                  resolved, known_for(g, peer->his_version),
                  global__ext_names(g), peer->his_tag));
    his = peer->resolved;
    peer->resolved = NULL;
    if (his != NULL) {
        const etf_term *items = etf_tuple_items(etf_box_term(his));

        finish(g, peer, items[0], items[1], items[2]);
    }
    etf_box_free(his);
}

void global__resolved(struct global *g, etf_term node, etf_term ops,
                      etf_term known, etf_term ext_names, int64_t my_tag)
{
    struct global_peer *peer = attempt(g, node, my_tag);

    if (peer == NULL || peer->resolved != NULL)
        return;
    if (peer->ops != NULL) {
        finish(g, peer, ops, known, ext_names);
        return;
    }
    peer->resolved =
        etf_box_new(etf_make(g->region, "{_, _, _}", ops, known, ext_names));
    if (peer->resolved == NULL)
        give_up(g, node);
}

/* ---- What others tell --------------------------------------------------- */

void global__new_nodes(struct global *g, etf_term node, etf_term ops,
                       etf_term ext_names, etf_term nodes, etf_term extra)
{
    (void)node; /* the lock in `extra` says whose operations these are */
    add_known(g, nodes, true);
    global__do_ops(g, ops, ext_names, extra);
}

/* It may be that we have forgotten the node meanwhile: then it must not think
 * that we know it. */
void global__joined(struct global *g, etf_term node)
{
    const struct global_peer *peer = peer_of(g, node);

    if (peer != NULL && peer->known)
        cast(g, node, etf_make(g->region, "{in_sync, _, true}", g->self));
}

void global__in_sync(struct global *g, etf_term node)
{
    struct global_peer *peer = peer_of(g, node);

    if (peer == NULL || !peer->connected)
        return;
    peer->synced = true;
    if (peer->known)
        end_attempt(g, peer, false, etf_nil());
    g->acts->synced(g->acts->ctx, node, true);
}

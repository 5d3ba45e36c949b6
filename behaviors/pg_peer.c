/*
 * pg_peer.c -- scopes of other nodes: what they tell, and what they are told.
 *
 *   message                            means                     from
 *   ---------------------------------  ------------------------  -------------
 *   {discover, Peer}                   tell me what you have     who came up
 *   cast {sync, Peer, [{Group, Pids}]} that is all that I have   the answer
 *   {join, Peer, Group, PidOrPids}     these have joined         whom we know
 *   {leave, Peer, PidOrPids, Groups}   these have left each      whom we know
 *
 * A later release may append to `discover`. What a peer tells is of processes
 * of its own node, and so its members are known by their node: whatever else it
 * names is passed over. Of a node there is one peer, the one that spoke last.
 *
 * A peer whose connection is full does not hold the scope up: it gets a `sync`
 * when there is room again, in place of all that it has missed.
 *
 * Sources: OTP 25, pg; spec/distribution.md 11.
 */
#include "pg.h"

#include <stdlib.h>
#include <string.h>

/* What one peer may have told us of: beyond that it is not listened to. */
#define MEMBERSHIPS_MAX (1u << 24)

/* ---- Who is there ------------------------------------------------------- */

static struct pg_peer *find(const struct pg *s, etf_pid pid)
{
    for (uint32_t i = 0; i < s->peer_count; i++)
        if (etf_pid_equal(s->peers[i].pid, pid))
            return &s->peers[i];
    return NULL;
}

static bool reserve(struct pg *s)
{
    uint32_t room = s->peer_room == 0 ? 4 : 2 * s->peer_room;
    struct pg_peer *peers;

    if (s->peer_count < s->peer_room)
        return true;
    peers = realloc(s->peers, room * sizeof *peers);
    if (peers == NULL)
        return false;
    s->peers = peers;
    s->peer_room = room;
    return true;
}

/* ---- What they are told ------------------------------------------------- */

/* May it be sent once more, later? */
static bool may_retry(enum agner_err err)
{
    return err == AGNER_ENOMEM || err == AGNER_EAGAIN;
}

static enum agner_err send(struct gen *self, etf_pid to, etf_term message)
{
    return etf_is_none(message)
               ? AGNER_ENOMEM
               : rt_send_with(self, etf_from_pid(rt_region(self), to), message,
                              RT_SEND_NOSUSPEND | RT_SEND_NOCONNECT);
}

/* {Group, Members of this node} of all groups that have some. */
static etf_term all_local(struct gen *self, struct pg *s)
{
    struct etf_region *r = rt_region(self);
    etf_term keys = rt_board_keys(s->crowd.board, r), group, pids;
    etf_term list = etf_is_none(keys) ? ETF_NONE : etf_nil();

    while (etf_list_next(&keys, &group)) {
        if (gen__roll_list(s->crowd.board, r, group, true, &pids) != AGNER_OK)
            return ETF_NONE;
        if (!etf_same(pids, etf_nil()))
            list = etf_cons(r, etf_make(self, "{_, _}", group, pids), list);
    }
    return list;
}

static void sync(struct gen *self, struct pg *s, struct pg_peer *p)
{
    etf_term all = all_local(self, s);

    p->tell = may_retry(send(
        self, p->pid,
        etf_make(self, "{'$gen_cast', {sync, _, _}}", rt_self(self), all)));
    if (p->tell)
        gen__pg_late(self, s);
}

static void discover(struct gen *self, struct pg *s, struct pg_peer *p)
{
    p->ask = may_retry(
        send(self, p->pid, etf_make(self, "{discover, _}", rt_self(self))));
    if (p->ask)
        gen__pg_late(self, s);
}

static void call_node(struct gen *self, const struct pg *s, etf_term node)
{
    /* Without an answer there is no scope there, and it will call us once there
     * is; a call that is lost for want of memory is made up by theirs. */
    (void)rt_send_with(self, etf_make(self, "{_, _}", s->scope, node),
                       etf_make(self, "{discover, _}", rt_self(self)),
                       RT_SEND_NOCONNECT);
}

void gen__pg_tell(struct gen *self, struct pg *s, etf_term message)
{
    for (uint32_t i = 0; i < s->peer_count; i++) {
        struct pg_peer *p = &s->peers[i];

        if (p->tell) /* all of it will be told */
            continue;
        p->tell = may_retry(send(self, p->pid, message));
        if (p->tell)
            gen__pg_late(self, s);
    }
}

/* ---- What they tell ----------------------------------------------------- */

/* Something of it was not kept: ask for all of it, later. */
static void missed(struct gen *self, struct pg *s, struct pg_peer *p)
{
    p->ask = true;
    gen__pg_late(self, s);
}

/* Is there room for that many more of it? */
static bool may_add(struct gen *self, const struct pg_peer *p, etf_term pids)
{
    int64_t count = etf_list_size(pids);

    if (count <= (int64_t)(MEMBERSHIPS_MAX - p->memberships))
        return true;
    rt_log_self(self, RT_LOG_WARNING,
                "pg: a scope has over %u memberships: the rest is ignored",
                MEMBERSHIPS_MAX);
    return false;
}

/* Makes `bag` what the peer has in the group. */
static enum agner_err settle(struct gen *self, struct pg *s, struct pg_peer *p,
                             etf_term group, struct bag *bag)
{
    struct etf_region *r = s->crowd.work;
    struct roll roll;
    etf_term left, joined;
    size_t before;
    enum agner_err err =
        gen__roll_read(s->crowd.board, r, group, bag->count, &roll);

    if (err != AGNER_OK)
        return err;
    before = roll.total;
    err = gen__roll_keep(&roll, r, p->pid.node, bag, &left);
    joined = gen__bag_list(bag, r, false);
    for (size_t i = 0; i < bag->count; i++)
        if (!bag->used[i])
            gen__roll_add(&roll, bag->pids[i], true);
    if (err == AGNER_OK && etf_is_none(joined))
        err = AGNER_ENOMEM;
    if (err == AGNER_OK &&
        (!etf_same(left, etf_nil()) || !etf_same(joined, etf_nil())))
        err = gen__roll_write(s->crowd.board, r, group, &roll);
    if (err == AGNER_OK) {
        p->memberships += (uint32_t)roll.total - (uint32_t)before;
        if (!etf_same(left, etf_nil()))
            gen__pg_notify(self, s, r, "leave", group, left);
        if (!etf_same(joined, etf_nil()))
            gen__pg_notify(self, s, r, "join", group, joined);
    }
    gen__roll_fini(&roll);
    return err;
}

/* The same for a list of pids, without those of other nodes. */
static enum agner_err settle_list(struct gen *self, struct pg *s,
                                  struct pg_peer *p, etf_term group,
                                  etf_term pids)
{
    struct bag bag;
    bool other;
    enum agner_err err = gen__bag_init(&bag, pids, p->pid.node, &other);

    if (err == AGNER_OK)
        err = settle(self, s, p, group, &bag);
    gen__bag_fini(&bag);
    etf_region_reset(s->crowd.work);
    return err;
}

/* Its members have left all groups but those of the bag. */
static enum agner_err forget(struct gen *self, struct pg *s, struct pg_peer *p,
                             const struct bag *named)
{
    etf_term keys = rt_board_keys(s->crowd.board, rt_region(self)), group;
    enum agner_err err = etf_is_none(keys) ? AGNER_ENOMEM : AGNER_OK;

    while (p->memberships > 0 && etf_list_next(&keys, &group)) {
        enum agner_err one = AGNER_OK;

        if (!gen__bag_has(named, group))
            one = settle_list(self, s, p, group, etf_nil());
        err = one == AGNER_OK ? err : one;
    }
    return err;
}

/* Its node is lost, or its scope has ended. Members that memory does not
 * suffice to strike wait with the entry, for a retry or for the next scope of
 * that node. */
static void bury(struct gen *self, struct pg *s, struct pg_peer *p)
{
    const struct bag nothing = { 0 };

    p->gone = true;
    p->tell = p->ask = false;
    p->pid = (etf_pid){ .node = p->pid.node };
    if (forget(self, s, p, &nothing) == AGNER_OK)
        *p = s->peers[--s->peer_count];
    else
        gen__pg_late(self, s);
}

/* The entry of a scope that has just spoken. A new one takes over what its node
 * had: its sync, which comes, puts that right. NULL: it cannot be kept. */
static struct pg_peer *meet(struct gen *self, struct pg *s, etf_pid pid)
{
    struct pg_peer *p = find(s, pid);
    etf_ref ref;

    if (p != NULL)
        return p;
    if (!reserve(s) || rt_monitor(self, etf_from_pid(rt_region(self), pid), 0,
                                  &ref) != AGNER_OK)
        return NULL;
    for (p = s->peers; p < s->peers + s->peer_count; p++)
        if (etf_same(p->pid.node, pid.node))
            break;
    if (p == s->peers + s->peer_count) {
        s->peer_count++;
        *p = (struct pg_peer){ 0 };
    } else if (!p->gone) {
        (void)rt_demonitor(self, p->ref, true); /* it stands */
    }
    p->pid = pid;
    p->ref = ref;
    p->gone = p->ask = p->tell = false;
    return p;
}

static void on_discover(struct gen *self, struct pg *s, etf_pid pid)
{
    bool known = find(s, pid) != NULL;
    struct pg_peer *p = meet(self, s, pid);

    if (p == NULL) {
        rt_log_self(self, RT_LOG_WARNING,
                    "pg: no memory to get to know a scope");
        return;
    }
    sync(self, s, p);
    if (!known)
        discover(self, s, p);
}

static void on_sync(struct gen *self, struct pg *s, etf_pid pid, etf_term all)
{
    struct pg_peer *p = meet(self, s, pid);
    enum agner_err err = AGNER_OK;
    struct bag named = { 0 };
    etf_term rest = all, entry;

    if (p == NULL)
        return;
    if (p->memberships > 0) {
        err = gen__bag_keys(&named, all);
        if (err == AGNER_OK)
            err = forget(self, s, p, &named);
        gen__bag_fini(&named);
    }
    while (etf_list_next(&rest, &entry)) {
        const etf_term *items = etf_tuple_items(entry);
        enum agner_err one = AGNER_OK;

        if (etf_tuple_size(entry) == 2 && may_add(self, p, items[1]))
            one = settle_list(self, s, p, items[0], items[1]);
        err = one == AGNER_OK ? err : one;
    }
    p->ask = false;
    if (err != AGNER_OK)
        missed(self, s, p);
}

static void on_join(struct gen *self, struct pg *s, struct pg_peer *p,
                    etf_term group, etf_term pids)
{
    struct etf_region *r = s->crowd.work;
    struct roll roll;
    struct bag bag;
    bool other;
    enum agner_err err = gen__bag_init(&bag, pids, p->pid.node, &other);

    if (err == AGNER_OK && (bag.count == 0 || !may_add(self, p, pids))) {
        gen__bag_fini(&bag);
        return;
    }
    if (err == AGNER_OK)
        err = gen__roll_read(s->crowd.board, r, group, bag.count, &roll);
    if (err == AGNER_OK) {
        for (size_t i = 0; i < bag.count; i++)
            gen__roll_add(&roll, bag.pids[i], true);
        err = gen__roll_write(s->crowd.board, r, group, &roll);
        gen__roll_fini(&roll);
    }
    if (err == AGNER_OK) {
        p->memberships += (uint32_t)bag.count;
        gen__pg_notify(self, s, r, "join", group,
                       gen__bag_list(&bag, r, false));
    } else {
        missed(self, s, p);
    }
    gen__bag_fini(&bag);
    etf_region_reset(r);
}

static void on_leave(struct gen *self, struct pg *s, struct pg_peer *p,
                     etf_term group, etf_term pids)
{
    struct etf_region *r = s->crowd.work;
    struct roll roll = { 0 };
    size_t taken = 0;
    struct bag bag;
    bool other;
    enum agner_err err = gen__bag_init(&bag, pids, p->pid.node, &other);

    if (err == AGNER_OK)
        err = gen__roll_read(s->crowd.board, r, group, 0, &roll);
    if (err == AGNER_OK)
        taken = gen__roll_take(&roll, &bag, true);
    if (taken > 0)
        err = gen__roll_write(s->crowd.board, r, group, &roll);
    if (err != AGNER_OK) {
        missed(self, s, p);
    } else if (taken > 0) {
        p->memberships -= (uint32_t)taken;
        gen__pg_notify(self, s, r, "leave", group,
                       gen__bag_list(&bag, r, true));
    }
    gen__roll_fini(&roll);
    gen__bag_fini(&bag);
    etf_region_reset(r);
}

/* ---- Messages ----------------------------------------------------------- */

/* Is it a pid of a node that there is a connection with? */
static bool is_scope(struct gen *self, etf_term term, etf_pid *pid)
{
    return etf_get_pid(term, pid) && !etf_pid_is_local(*pid) &&
           rt_node_find(rt_of(self), pid->node, NULL) == AGNER_OK;
}

/* Read by hand: an etf_match() may want memory when it is used first, and what
 * a peer tells must not be missed without our knowing. */
static bool is(etf_term tuple, const char *tag, size_t size)
{
    return etf_tuple_size(tuple) == size &&
           etf_atom_is(etf_tuple_items(tuple)[0], tag);
}

/* From a peer that is known. */
static void on_change(struct gen *self, struct pg *s, struct pg_peer *p,
                      etf_term message)
{
    const etf_term *items = etf_tuple_items(message);
    etf_term groups, group;

    if (is(message, "join", 4)) {
        on_join(self, s, p, items[2], items[3]);
    } else if (is(message, "leave", 4)) {
        groups = items[3];
        while (etf_list_next(&groups, &group))
            on_leave(self, s, p, group, items[2]);
    }
}

void gen__pg_message(struct gen *self, struct pg *s, etf_term message)
{
    const etf_term *items = etf_tuple_items(message);
    struct pg_peer *p;
    etf_pid pid;

    if (is(message, "nodeup", 3)) {
        if (etf_is_atom(items[1]))
            call_node(self, s, items[1]);
        return;
    }
    if (etf_tuple_size(message) < 2 || !is_scope(self, items[1], &pid))
        return;
    p = find(s, pid);
    if (is(message, "discover", 2) || is(message, "discover", 3))
        on_discover(self, s, pid);
    else if (p != NULL)
        on_change(self, s, p, message);
}

void gen__pg_cast(struct gen *self, struct pg *s, etf_term request)
{
    const etf_term *items = etf_tuple_items(request);
    etf_pid pid;

    if (is(request, "sync", 3) && is_scope(self, items[1], &pid))
        on_sync(self, s, pid, items[2]);
}

bool gen__pg_peer_down(struct gen *self, struct pg *s, etf_ref ref)
{
    for (uint32_t i = 0; i < s->peer_count; i++) {
        if (s->peers[i].gone || !etf_ref_equal(s->peers[i].ref, ref))
            continue;
        bury(self, s, &s->peers[i]);
        return true;
    }
    return false;
}

/* ---- Beginning, and what was put off ------------------------------------ */

enum agner_err gen__pg_begin(struct gen *self, struct pg *s)
{
    etf_term nodes, node;
    enum agner_err err =
        rt_monitor_nodes_with(self, true, RT_MONITOR_NODES_VISIBLE);

    nodes = rt_nodes(rt_of(self), rt_region(self), RT_NODES_VISIBLE);
    if (err == AGNER_OK && etf_is_none(nodes))
        err = AGNER_ENOMEM;
    while (err == AGNER_OK && etf_list_next(&nodes, &node))
        call_node(self, s, node);
    return err;
}

bool gen__pg_peers_retry(struct gen *self, struct pg *s)
{
    bool done = true;

    for (uint32_t i = s->peer_count; i-- > 0;) { /* who is buried goes */
        struct pg_peer *p = &s->peers[i];

        if (p->gone) {
            bury(self, s, p);
            done = done && (i >= s->peer_count || !s->peers[i].gone);
            continue;
        }
        if (p->tell)
            sync(self, s, p);
        if (p->ask)
            discover(self, s, p);
        done = done && !p->tell && !p->ask;
    }
    return done;
}

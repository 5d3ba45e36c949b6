/*
 * global_locking.c -- the locker's machine: takes the lock of this partition
 * for one meeting after another.
 *
 *   state           event                  what it does          next
 *   --------------  ---------------------  --------------------  ---------
 *   GLOBAL_IDLE     the pause is over      locks, says `true`    ASKING
 *   GLOBAL_IDLE     he says `true`         locks, says `true`    HOLDING
 *   GLOBAL_IDLE     (either, no lock)      frees, says `false`   IDLE
 *   GLOBAL_ASKING   he says `true`         tells the server      HOLDING
 *   GLOBAL_ASKING   he says `false`, or    frees                 IDLE
 *                   nothing for ASK_MS
 *   not IDLE        the server cancels     sends, frees          IDLE
 *   not IDLE        another says `true`    notes it for later    as it is
 *
 * Both lockers of a meeting ask for the same lock, {global, [A, B]}, and who
 * takes the initiative locks the other's node too: so one side cannot lock its
 * partition for anybody else before the two have agreed, and there is no
 * deadlock. The time-out in ASKING is for one who has given the attempt up and
 * could not say so.
 */
#include <stdlib.h>
#include <string.h>

#include "global_internal.h"

#define ASK_MS 30000u

/* ---- Lists of nodes ----------------------------------------------------- */

bool global__is_among(etf_term nodes, etf_term node)
{
    etf_term one;

    while (etf_list_next(&nodes, &one)) {
        if (etf_equal(one, node))
            return true;
    }
    return false;
}

etf_term global__without(struct etf_region *r, etf_term nodes, etf_term node)
{
    etf_term one, left = etf_nil();

    while (etf_list_next(&nodes, &one)) {
        if (!etf_equal(one, node))
            left = etf_cons(r, one, left);
    }
    return left;
}

etf_term global__boss(etf_term nodes)
{
    etf_term one, boss = ETF_NONE;

    while (etf_list_next(&nodes, &one)) {
        if (etf_is_none(boss) || etf_compare(one, boss) > 0)
            boss = one;
    }
    return boss;
}

/* A pid as other nodes see it: a local one compares by its node too. */
static etf_term seen_outside(struct etf_region *r, etf_pid pid,
                             const struct etf_self *self)
{
    if (etf_pid_is_local(pid)) {
        pid.node = self->name;
        pid.creation = self->creation;
    }
    return etf_from_pid(r, pid);
}

etf_term global__lock_id(struct etf_region *r, etf_pid a, etf_pid b,
                         const struct etf_self *self)
{
    bool in_order =
        etf_compare(seen_outside(r, a, self), seen_outside(r, b, self)) < 0;

    return etf_make(r, "{global, [_, _]}", in_order ? a : b, in_order ? b : a);
}

/* ---- Who wants to meet -------------------------------------------------- */

static struct global_him **find(struct global_locking *l, etf_term node)
{
    struct global_him **at = &l->hims;

    while (*at != NULL && !etf_same((*at)->node, node))
        at = &(*at)->next;
    return at;
}

static void forget(struct global_locking *l, etf_term node, int64_t my_tag)
{
    struct global_him **at = find(l, node), *him = *at;

    if (him == NULL || him->my_tag != my_tag)
        return;
    *at = him->next;
    free(him);
}

enum agner_err global__locking_him(struct global_locking *l, etf_term node,
                                   etf_pid locker, int64_t version,
                                   int64_t his_tag, int64_t my_tag)
{
    struct global_him *him = *find(l, node);

    if (him == NULL) {
        him = calloc(1, sizeof *him);
        if (him == NULL)
            return AGNER_ENOMEM;
        him->next = l->hims;
        l->hims = him;
    }
    him->node = node;
    him->locker = locker;
    him->version = version;
    him->his_tag = his_tag;
    him->my_tag = my_tag;
    him->asks = false;
    return AGNER_OK;
}

/* ---- The lock of a partition -------------------------------------------- */

/*
 * Locks this node, `extra` and all known ones: the greatest first, at which
 * others begin too, so that of many who try one gets on. Nothing is locked when
 * it fails. *nodes is all that is locked.
 */
static bool lock_safely(struct global_locking *l, etf_term id, etf_term extra,
                        etf_term *nodes)
{
    const struct global_locking_acts *acts = l->acts;
    etf_term us = etf_make(l->region, "[_ | _]", l->self.name, extra);
    etf_term all =
        etf_make(l->region, "[_ | _]", l->self.name, acts->known(acts->ctx));
    etf_term boss = global__boss(all), first = etf_make(l->region, "[_]", boss);
    etf_term second = global__without(l->region, us, boss), known;

    if (etf_is_none(first) || etf_is_none(us) ||
        (!etf_same(boss, l->self.name) && !acts->can(acts->ctx, id)) ||
        !acts->set(acts->ctx, id, first))
        return false;
    if (etf_is_none(second) || !acts->set(acts->ctx, id, second)) {
        acts->del(acts->ctx, id, first);
        return false;
    }
    known = acts->known(acts->ctx); /* may have changed while we waited */
    if (!etf_is_none(known) &&
        acts->set(acts->ctx, id, global__without(l->region, known, boss))) {
        etf_term rest = known, one;

        *nodes = us;
        while (etf_list_next(&rest, &one)) {
            if (!global__is_among(us, one))
                *nodes = etf_cons(l->region, one, *nodes);
        }
        if (!global__is_among(*nodes, boss))
            *nodes = etf_cons(l->region, boss, *nodes);
        return true;
    }
    acts->del(acts->ctx, id, etf_make(l->region, "[_ | _]", boss, second));
    return false;
}

/* The greatest last, for whoever begins with it then finds all free. */
static void free_lock(struct global_locking *l, etf_term id, etf_term nodes)
{
    const struct global_locking_acts *acts = l->acts;
    etf_term boss = global__boss(nodes);

    acts->del(acts->ctx, id, global__without(l->region, nodes, boss));
    acts->del(acts->ctx, id, etf_make(l->region, "[_]", boss));
}

static void let_go(struct global_locking *l)
{
    const etf_term *items = etf_tuple_items(etf_box_term(l->held));

    free_lock(l, items[0], items[1]);
    etf_box_free(l->held);
    l->held = NULL;
    l->state = GLOBAL_IDLE;
}

/* Takes the lock for a meeting with `him`. */
static bool take(struct global_locking *l, const struct global_him *him,
                 etf_term extra)
{
    etf_term id = global__lock_id(l->region, l->pid, him->locker, &l->self);
    etf_term nodes = etf_nil();

    if (etf_is_none(id) || !lock_safely(l, id, extra, &nodes))
        return false;
    l->held = etf_box_new(etf_make(l->region, "{_, _}", id, nodes));
    if (l->held == NULL) {
        free_lock(l, id, nodes);
        return false;
    }
    l->node = him->node;
    l->my_tag = him->my_tag;
    return true;
}

static void hold(struct global_locking *l)
{
    l->state = GLOBAL_HOLDING;
    l->acts->lock_is_set(l->acts->ctx, l->node, l->my_tag,
                         etf_tuple_items(etf_box_term(l->held))[0]);
}

/* He has his lock and waits: ours, or `false`. */
static void answer(struct global_locking *l, struct global_him *him)
{
    bool set;

    him->asks = false;
    set = take(l, him, etf_nil());
    l->just_synced = false;
    l->acts->lock_set(l->acts->ctx, him, set, l->acts->known(l->acts->ctx));
    if (set)
        hold(l);
}

static void answer_waiting(struct global_locking *l)
{
    struct global_him *him = l->hims;

    while (him != NULL && l->state == GLOBAL_IDLE) {
        struct global_him *next = him->next;

        if (him->asks)
            answer(l, him);
        him = next;
    }
}

/* ---- Events ------------------------------------------------------------- */

void global__locking_cancel(struct global_locking *l, etf_term node,
                            int64_t my_tag, etf_term messages)
{
    l->acts->send_all(l->acts->ctx, messages);
    forget(l, node, my_tag);
    if (l->state == GLOBAL_IDLE || !etf_same(l->node, node) ||
        l->my_tag != my_tag)
        return;
    l->just_synced = l->state == GLOBAL_HOLDING;
    let_go(l);
    answer_waiting(l);
}

void global__locking_set(struct global_locking *l, etf_pid locker, bool set,
                         bool tagged, int64_t my_tag)
{
    struct global_him *him = *find(l, locker.node);

    if (l->state == GLOBAL_ASKING && etf_same(l->node, locker.node)) {
        if (tagged && my_tag != l->my_tag)
            return;
        if (set) {
            hold(l);
        } else {
            let_go(l);
            answer_waiting(l);
        }
        return;
    }
    if (!set)
        return;
    if (him == NULL || (tagged && my_tag != him->my_tag)) {
        const struct global_him nobody = { .node = locker.node,
                                           .locker = locker,
                                           .version = GLOBAL_VERSION_MIN };

        l->acts->lock_set(l->acts->ctx, &nobody, false, etf_nil());
        return;
    }
    him->asks = true;
    answer_waiting(l);
}

/* Is it on this host? Those are met first. */
static bool is_near(const struct global_locking *l, etf_term node)
{
    etf_bytes a = etf_atom_text(l->self.name), b = etf_atom_text(node);
    const uint8_t *at = memchr(a.data, '@', a.size);
    size_t host = at == NULL ? 0 : a.size - (size_t)(at - a.data);

    return host != 0 && host <= b.size &&
           memcmp(at, b.data + b.size - host, host) == 0;
}

/* One of those who wait, drawn; NULL: nobody does. Who is known meanwhile is
 * answered, but not asked. */
static struct global_him *draw(struct global_locking *l, etf_term known)
{
    struct global_him *him, *chosen = NULL;
    uint64_t near = 0, far = 0;

    for (him = l->hims; him != NULL; him = him->next) {
        bool is_here = is_near(l, him->node);
        uint64_t so_far;

        if (global__is_among(known, him->node) || (!is_here && near > 0))
            continue;
        so_far = is_here ? ++near : ++far;
        if ((is_here && near == 1) || l->acts->draw(l->acts->ctx, so_far) == 0)
            chosen = him;
    }
    return chosen;
}

void global__locking_timeout(struct global_locking *l)
{
    const struct global_locking_acts *acts = l->acts;
    struct global_him *him;
    etf_term known;

    l->just_synced = false;
    if (l->state == GLOBAL_ASKING) {
        let_go(l);
        answer_waiting(l);
        return;
    }
    if (l->state != GLOBAL_IDLE || !acts->can(acts->ctx, ETF_NONE))
        return;
    known = acts->known(acts->ctx);
    him = draw(l, known);
    if (him == NULL || !take(l, him, etf_make(l->region, "[_]", him->node)))
        return;
    l->state = GLOBAL_ASKING;
    acts->lock_set(acts->ctx, him, true, known);
}

uint64_t global__locking_pause_ms(struct global_locking *l)
{
    uint64_t ms, count;

    if (l->state == GLOBAL_ASKING)
        return ASK_MS;
    if (l->state != GLOBAL_IDLE || l->hims == NULL)
        return RT_INFINITY;
    if (l->just_synced)
        return 0;
    count = (uint64_t)etf_list_size(l->acts->known(l->acts->ctx));
    ms = count == 0 ? 200 : 1000 + 100 * count;
    if (ms > 3000)
        ms = 3000;
    return ms + l->acts->draw(l->acts->ctx, ms / 4);
}

void global__locking_fini(struct global_locking *l)
{
    while (l->hims != NULL) {
        struct global_him *him = l->hims;

        l->hims = him->next;
        free(him);
    }
    etf_box_free(l->held);
    l->held = NULL;
}

/*
 * place.c -- where processes wait for an object, and who listens to it:
 * place.h.
 *
 * A listener has two counts, that of the list and that of the hook in its
 * process. Who takes it off the list, to send its message or since the process
 * ends, gives the list's back; who takes the hook, or runs it, the hook's. Only
 * then it goes, and with it its hold of the place.
 */
#include "async/place.h"

#include <stdlib.h>

struct ask {
    uint64_t want;
    enum agner_err result;
};

void gen__place_init(struct gen_place *place, struct rt *rt,
                     void (*fini)(struct gen_place *place))
{
    place->rt = rt;
    place->fini = fini;
    store_relaxed(&place->refs, 1u);
}

void gen__place_hold(struct gen_place *place)
{
    (void)add_relaxed(&place->refs, 1u);
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen__place_free(struct gen_place *place)
{
    if (place != NULL && sub_acq_rel(&place->refs, 1u) == 1)
        place->fini(place);
}

/* ---- Waiting --------------------------------------------------------------
 */

static void join(struct gen_place *place, struct rt_waiter *w, struct ask *ask)
{
    w->data = ask;
    w->prev = place->last;
    if (place->last == NULL)
        place->first = w;
    else
        place->last->next = w;
    place->last = w;
}

static void leave(struct gen_place *place, struct rt_waiter *w)
{
    if (w->prev == NULL)
        place->first = w->next;
    else
        w->prev->next = w->next;
    if (w->next == NULL)
        place->last = w->prev;
    else
        w->next->prev = w->prev;
}

/* `w`, on the place's list, blocks; w[1] is for the token. */
static enum agner_err block(struct gen *self, struct gen_place *place,
                            struct rt_waiter *w, const struct ask *ask,
                            uint64_t timeout_ms, struct gen_cancel *cancel)
{
    enum agner_err err = AGNER_OK;
    bool woken;

    if (gen_cancel_join(cancel, &w[1]))
        err = rt_wait_block(self, timeout_ms);
    rt__lock(&place->lock);
    woken = w->woken;
    if (!woken)
        leave(place, w);
    rt__unlock(&place->lock);
    gen_cancel_leave(cancel, &w[1]);
    if (woken)
        return ask->result;
    return err == AGNER_OK ? AGNER_ECANCELLED : err;
}

enum agner_err gen__place_wait(struct gen *self, struct gen_place *place,
                               gen_look look, uint64_t want,
                               uint64_t timeout_ms, struct gen_cancel *cancel)
{
    struct rt_waiter w[2];
    struct ask ask = { .want = want };
    size_t count = cancel == NULL ? 1 : 2;
    enum agner_err err;

    rt__lock(&place->lock);
    err = look(place, want);
    rt__unlock(&place->lock);
    if (err != AGNER_EAGAIN)
        return err;
    if (timeout_ms == 0)
        return gen_cancel_is_set(cancel) ? AGNER_ECANCELLED : AGNER_ETIMEOUT;
    err = rt_wait_begin(self, w, count);
    if (err != AGNER_OK)
        return err;
    w[1].woken = false; /* without a token: nobody's */
    rt__lock(&place->lock);
    err = look(place, want);
    if (err == AGNER_EAGAIN)
        join(place, w, &ask);
    rt__unlock(&place->lock);
    if (err == AGNER_EAGAIN)
        err = block(self, place, w, &ask, timeout_ms, cancel);
    rt_wait_end(self, w, count);
    return err;
}

/* ---- Waiting at several ------------------------------------------------- */

#define FEW 8u /* waiters that find room on the stack */

struct many {
    struct gen_place *const *places;
    size_t count, joined;
    struct rt_waiter *w; /* count, and one for the token */
    struct ask *asks;
    size_t which; /* count: none */
    enum agner_err err;
};

/* Until one has an answer. */
static void join_all(struct many *m, gen_look look)
{
    for (size_t i = 0; i < m->count && m->which == m->count; i++) {
        struct gen_place *place = m->places[i];

        m->asks[i].want = 0;
        rt__lock(&place->lock);
        m->err = look(place, 0);
        if (m->err == AGNER_EAGAIN) {
            join(place, &m->w[i], &m->asks[i]);
            m->joined = i + 1;
        } else {
            m->which = i;
        }
        rt__unlock(&place->lock);
    }
}

/* The first that was woken counts, unless there was one at once. */
static void leave_all(struct many *m)
{
    for (size_t i = 0; i < m->joined; i++) {
        struct gen_place *place = m->places[i];
        bool woken;

        rt__lock(&place->lock);
        woken = m->w[i].woken;
        if (!woken)
            leave(place, &m->w[i]);
        rt__unlock(&place->lock);
        if (woken && m->which == m->count) {
            m->which = i;
            m->err = m->asks[i].result;
        }
    }
}

static enum agner_err wait_many(struct gen *self, struct many *m, gen_look look,
                                uint64_t timeout_ms, struct gen_cancel *cancel)
{
    struct rt_waiter *own = &m->w[m->count];
    size_t count = m->count + (cancel != NULL);
    enum agner_err err = rt_wait_begin(self, m->w, count);

    if (err != AGNER_OK)
        return err;
    join_all(m, look);
    if (m->which == m->count) {
        if (gen_cancel_join(cancel, own))
            err = rt_wait_block(self, timeout_ms);
        if (err == AGNER_OK)
            err = AGNER_ECANCELLED; /* unless one was woken */
        gen_cancel_leave(cancel, own);
    }
    leave_all(m);
    rt_wait_end(self, m->w, count);
    return m->which < m->count ? m->err : err;
}

enum agner_err gen__place_wait_any(struct gen *self,
                                   struct gen_place *const *places,
                                   size_t count, gen_look look,
                                   uint64_t timeout_ms,
                                   struct gen_cancel *cancel, size_t *which)
{
    struct rt_waiter few[FEW + 1], *more = NULL;
    struct ask few_asks[FEW], *more_asks = NULL;
    struct many m = { .places = places,
                      .count = count,
                      .which = count,
                      .w = few,
                      .asks = few_asks };
    enum agner_err err = AGNER_ENOMEM;

    if (count > FEW) {
        m.w = more = calloc(count + 1, sizeof *more);
        m.asks = more_asks = calloc(count, sizeof *more_asks);
    }
    if (m.w != NULL && m.asks != NULL)
        err = wait_many(self, &m, look, timeout_ms, cancel);
    if (m.which < count)
        *which = m.which;
    free(more);
    free(more_asks);
    return err;
}

/* ---- Listening ------------------------------------------------------------
 */

static void drop(struct gen_listener *l)
{
    struct gen_place *place = l->place;

    if (sub_acq_rel(&l->refs, 1u) != 1)
        return;
    free(l);
    gen__place_free(place);
}

/* With the lock held. */
static void unlist(struct gen_listener *l)
{
    if (l->prev == NULL)
        l->place->listeners = l->next;
    else
        l->prev->next = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    l->next = l->prev = NULL;
    l->listed = false;
}

/* The process has ended. */
static void ended(struct rt_hook *hook, struct rt *rt)
{
    struct gen_listener *l = (struct gen_listener *)(void *)hook;
    bool listed;

    (void)rt;
    rt__lock(&l->place->lock);
    listed = l->listed;
    if (listed)
        unlist(l);
    rt__unlock(&l->place->lock);
    if (listed)
        drop(l);
    drop(l);
}

static struct gen_listener *listener_new(struct gen *self,
                                         struct gen_place *place, uint64_t want)
{
    struct gen_listener *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->hook.run = ended;
    l->place = place;
    l->pid = rt_self(self);
    l->ref = rt_make_ref(self);
    l->want = want;
    store_relaxed(&l->refs, 2u);
    return l;
}

static void tell_one(struct gen_listener *l, gen_tell tell)
{
    struct etf_region *r = etf_region_new(0);

    if (r != NULL) {
        etf_term message = tell(l->place, r, l);

        if (!etf_is_none(message)) /* a process that is gone wants none */
            (void)rt_post(l->place->rt, etf_from_pid(r, l->pid), message);
        etf_region_free(r);
    }
    if (rt_hook_remove(l->place->rt, &l->hook))
        drop(l);
    drop(l);
}

void gen__place_tell(struct gen_listener *due, gen_tell tell)
{
    while (due != NULL) {
        struct gen_listener *next = due->next;

        tell_one(due, tell);
        due = next;
    }
}

enum agner_err gen__place_listen(struct gen *self, struct gen_place *place,
                                 gen_look look, uint64_t want, gen_tell tell,
                                 etf_ref *ref)
{
    struct gen_listener *l = listener_new(self, place, want);
    enum agner_err err;

    if (l == NULL)
        return AGNER_ENOMEM;
    err = rt_hook_add(self, &l->hook);
    if (err != AGNER_OK) {
        free(l);
        return err;
    }
    *ref = l->ref;
    gen__place_hold(place);
    rt__lock(&place->lock);
    l->result = look(place, want);
    if (l->result == AGNER_EAGAIN) {
        l->next = place->listeners;
        if (l->next != NULL)
            l->next->prev = l;
        place->listeners = l;
        l->listed = true;
        rt__unlock(&place->lock);
        return AGNER_OK;
    }
    rt__unlock(&place->lock);
    tell_one(l, tell);
    return AGNER_OK;
}

/* ---- Both ------------------------------------------------------------------
 */

struct gen_listener *gen__place_wake(struct gen_place *place, struct gen *by,
                                     gen_look look)
{
    struct rt_waiter *w = place->first, *after;
    struct gen_listener *l = place->listeners, *next, *due = NULL;

    for (; w != NULL; w = after) {
        struct ask *ask = w->data;

        after = w->next;
        ask->result = look(place, ask->want);
        if (ask->result == AGNER_EAGAIN)
            continue;
        leave(place, w);
        rt_wake(place->rt, by, w);
    }
    for (; l != NULL; l = next) {
        next = l->next;
        l->result = look(place, l->want);
        if (l->result == AGNER_EAGAIN)
            continue;
        unlist(l);
        l->next = due; /* the list has the newest first: so due is in order */
        due = l;
    }
    return due;
}

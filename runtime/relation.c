/*
 * relation.c -- a process's table of relations: see relation.h.
 *
 * A list in order of insertion, so that exits go out in the order in which
 * links were made, and a hash table from nine entries on.
 */
#include "relation.h"

#include <stdlib.h>
#include <string.h>

#include "spawn_remote.h"
#include "worker.h"

#define HASH_FROM 9u

struct relations *rt__relations(struct process *p)
{
    if (p->relations == NULL)
        p->relations = calloc(1, sizeof *p->relations);
    return p->relations;
}

void rt__relations_free(struct process *p)
{
    if (p->relations == NULL)
        return;
    free(p->relations->buckets);
    free(p->relations->timers);
    free(p->relations);
    p->relations = NULL;
}

struct relation *rt__relation_new(struct rt *rt, struct worker *worker,
                                  enum relation_kind kind, etf_term who,
                                  uint64_t id)
{
    struct relation *r =
        rt__pool_get(worker == NULL ? NULL : &worker->pool, sizeof *r);
    struct block kept;

    if (r == NULL)
        return NULL;
    memcpy(&kept, r, sizeof kept);
    memset(r, 0, sizeof *r);
    r->envelope.owner = kept.owner;
    r->envelope.class = kept.class;
    r->kind = (uint16_t)kind;
    r->who = who;
    r->envelope.id = id;
    if (etf__tag(who) == ETF__BOX) {
        r->box = etf_box_new(who);
        if (r->box == NULL) {
            rt__pool_put(worker == NULL ? NULL : &worker->pool, rt->pools, r);
            return NULL;
        }
        r->who = etf_box_term(r->box);
        r->flags = RELATION_NODE;
        r->node = etf__word(etf__words(r->who)[1]);
    }
    return r;
}

void rt__relation_strip(struct relation *r)
{
    if (r->kind != RELATION_MONITOR)
        return;
    if ((r->flags & RELATION_EVENT) != 0)
        free(r->has.seat);
    else
        etf_box_free(r->has.tag);
    r->has.tag = NULL;
}

void rt__relation_free(struct rt *rt, struct worker *worker, struct relation *r)
{
    etf_box_free(r->box);
    rt__relation_strip(r);
    if (r->kind == RELATION_SPAWN)
        rt__spawn_asked_free(rt, worker, r->has.asked);
    else if (r->kind == RELATION_LINK || r->kind == RELATION_WATCHER)
        rt__remote_release(r);
    else if (r->has.answer != NULL)
        rt__envelope_free(rt, worker, r->has.answer);
    rt__envelope_free(rt, worker, &r->envelope);
}

void rt__down_free(struct rt *rt, struct worker *worker, struct envelope *m)
{
    struct relation *r = m->aux;

    if (r != NULL && (void *)r != (void *)m)
        rt__relation_free(rt, worker, r);
    else if (r != NULL)
        rt__relation_strip(r); /* the rest is the envelope's */
    rt__envelope_free(rt, worker, m);
}

struct envelope *rt__relation_down(struct relation *r, etf_term reason)
{
    struct envelope *m = &r->envelope;

    m->kind = ENVELOPE_DOWN_MESSAGE;
    m->term = reason;
    m->aux = r;
    if (r->box != NULL) { /* who is in it, until the envelope goes */
        m->flags |= ENVELOPE_BOX;
        m->memory.box = r->box;
        r->box = NULL;
    }
    return m;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

/* What a relation is found by: links by who, watchers by who and number, the
 * rest by number. */
static uint64_t hash_who(etf_term who)
{
    if (etf__tag(who) == ETF__BOX)
        return etf_phash2(who, 0);
    return who.word;
}

static uint64_t key_of(const struct relation *r)
{
    switch ((enum relation_kind)r->kind) {
    case RELATION_LINK:
        return mix(hash_who(r->who));
    case RELATION_MONITOR:
    case RELATION_WATCHER:
    case RELATION_ALIAS:
    case RELATION_REQUEST:
    case RELATION_SPAWN:
        break;
    }
    return mix(r->envelope.id);
}

static void hash_in(struct relations *t, struct relation *r)
{
    struct relation **slot = &t->buckets[key_of(r) & (t->bucket_count - 1)];

    r->hash_next = *slot;
    *slot = r;
}

static bool grow(struct relations *t)
{
    uint32_t count = t->bucket_count == 0 ? 32 : t->bucket_count * 2;
    struct relation **buckets = calloc(count, sizeof(struct relation *));
    struct relation *r;

    if (buckets == NULL)
        return false;
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
    for (r = t->first; r != NULL; r = r->after)
        hash_in(t, r);
    return true;
}

bool rt__relation_add(struct process *p, struct relation *r)
{
    struct relations *t = rt__relations(p);

    if (t == NULL)
        return false;
    if (t->count + 1 >= HASH_FROM && t->count >= t->bucket_count && !grow(t) &&
        t->buckets == NULL)
        return false;
    r->before = t->last;
    r->after = NULL;
    if (t->last == NULL)
        t->first = r;
    else
        t->last->after = r;
    t->last = r;
    t->count++;
    if (t->buckets != NULL)
        hash_in(t, r);
    return true;
}

void rt__relation_remove(struct process *p, struct relation *r)
{
    struct relations *t = p->relations;
    struct relation **slot;

    if (t->buckets != NULL) {
        slot = &t->buckets[key_of(r) & (t->bucket_count - 1)];
        while (*slot != r)
            slot = &(*slot)->hash_next;
        *slot = r->hash_next;
    }
    if (r->before == NULL)
        t->first = r->after;
    else
        r->before->after = r->after;
    if (r->after == NULL)
        t->last = r->before;
    else
        r->after->before = r->before;
    r->before = r->after = r->hash_next = NULL;
    t->count--;
    if ((r->flags & RELATION_DONE) != 0)
        t->done--;
}

static bool same_pid(etf_term a, etf_term b)
{
    return etf_same(a, b) || (etf__tag(a) == ETF__BOX &&
                              etf__tag(b) == ETF__BOX && etf_equal(a, b));
}

/* Walks what may have the key: a bucket, or all while there are few. */
static struct relation *candidates(struct relations *t, uint64_t key)
{
    if (t == NULL)
        return NULL;
    if (t->buckets == NULL)
        return t->first;
    return t->buckets[key & (t->bucket_count - 1)];
}

static struct relation *following(const struct relations *t,
                                  const struct relation *r)
{
    return t->buckets == NULL ? r->after : r->hash_next;
}

struct relation *rt__find_link(struct process *p, etf_term who)
{
    struct relations *t = p->relations;
    struct relation *r = candidates(t, mix(hash_who(who)));

    for (; r != NULL; r = following(t, r))
        if (r->kind == RELATION_LINK && same_pid(r->who, who))
            return r;
    return NULL;
}

struct relation *rt__find_id(struct process *p, enum relation_kind kind,
                             uint64_t id)
{
    struct relations *t = p->relations;
    struct relation *r = candidates(t, mix(id));

    for (; r != NULL; r = following(t, r))
        if (r->kind == (uint16_t)kind && r->envelope.id == id)
            return r;
    return NULL;
}

struct relation *rt__find_watcher(struct process *p, etf_term who, uint64_t id,
                                  const struct etf_ref *ref)
{
    struct relations *t = p->relations;
    struct relation *r = candidates(t, mix(id));

    for (; r != NULL; r = following(t, r))
        if (r->kind == RELATION_WATCHER && r->envelope.id == id &&
            same_pid(r->who, who) &&
            (ref == NULL || etf_ref_equal(r->ref, *ref)))
            return r;
    return NULL;
}

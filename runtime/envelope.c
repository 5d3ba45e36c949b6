/*
 * envelope.c -- making and freeing envelopes: see envelope.h.
 */
#include "envelope.h"

#include "worker.h"

struct envelope rt__mailbox_marks[2];

static inline void fill(struct envelope *m, enum envelope_kind kind,
                        etf_term term)
{
    m->next = NULL;
    m->kind = (uint8_t)kind;
    m->generation = 0;
    m->flags = 0;
    m->sender = ETF_NONE;
    m->id = 0;
    m->term = term;
    m->memory.offheap = NULL;
    m->aux = NULL;
}

static inline struct envelope *blank(struct worker *worker,
                                     enum envelope_kind kind, size_t words)
{
    struct envelope *m = rt__pool_get(worker == NULL ? NULL : &worker->pool,
                                      sizeof *m + words * sizeof(uint64_t));

    if (m != NULL)
        fill(m, kind, ETF_NONE);
    return m;
}

/* Large messages are not made over the hard mark; what must arrive is. A thread
 * that is no worker makes its own (rt_post() looks itself). */
static bool is_refused(struct worker *worker, enum envelope_kind kind)
{
    return worker != NULL &&
           (kind == ENVELOPE_MESSAGE || kind == ENVELOPE_CALL ||
            kind == ENVELOPE_CAST) &&
           rt__memory_refuses(worker->rt);
}

/* Of any term, for anybody. */
static __attribute__((noinline)) struct envelope *
new_of_any(struct worker *worker, enum envelope_kind kind, etf_term term)
{
    size_t words = etf__flat_words(term);
    struct envelope *m;

    if (words == SIZE_MAX ||
        (words >= RT_LARGE_WORDS && is_refused(worker, kind)))
        return NULL;
    m = blank(worker, kind, words);
    if (m != NULL)
        m->term = etf__flat_copy(rt__words(m), term, &m->memory.offheap);
    return m;
}

/* What most messages are, a word or a short tuple with nothing compound inside,
 * is copied into the worker's next free block, which is taken if that worked:
 * so this calls nobody. */
struct envelope *rt__envelope_new(struct worker *worker,
                                  enum envelope_kind kind, etf_term term)
{
    size_t words = etf__short_words(term);
    etf_term copy = term;
    struct envelope *m;
    unsigned class;

    if (worker == NULL || (words == 0 && etf__is_compound(term.word)))
        return new_of_any(worker, kind, term);
    class = rt__pool_class(sizeof *m + words * sizeof(uint64_t));
    m = rt__pool_look(&worker->pool, class);
    if (m == NULL)
        return new_of_any(worker, kind, term);
    if (words > 0) {
        if (!etf__short_copy(rt__words(m), term, words))
            return new_of_any(worker, kind, term);
        copy = etf__box_at(rt__words(m));
    }
    rt__pool_take(&worker->pool, class);
    fill(m, kind, copy);
    return m;
}

struct envelope *rt__envelope_box(struct worker *worker,
                                  enum envelope_kind kind, struct etf_box *box)
{
    struct envelope *m = blank(worker, kind, 0);

    if (m == NULL)
        return NULL;
    m->flags = ENVELOPE_BOX;
    m->memory.box = box;
    m->term = etf_box_term(box);
    return m;
}

struct envelope *rt__envelope_around(struct rt *rt, struct worker *worker,
                                     enum envelope_kind kind, etf_term tuple,
                                     struct etf_box *box)
{
    struct envelope *m = rt__envelope_new(worker, kind, tuple);
    etf_term *items;

    if (m == NULL)
        return NULL;
    if (m->memory.offheap != NULL) {
        rt__envelope_free(rt, worker, m);
        return NULL;
    }
    /* They are the envelope's own words, and nobody has them yet. */
    items = (etf_term *)(uintptr_t)etf_tuple_items(m->term);
    items[etf_tuple_size(m->term) - 1] = etf_box_term(box);
    m->flags = ENVELOPE_BOX;
    m->memory.box = box;
    return m;
}

struct envelope *rt__envelope_from(struct worker *worker,
                                   enum envelope_kind kind, etf_term sender,
                                   etf_term term)
{
    size_t words, more;
    struct envelope *m;

    if (!etf__is_compound(sender.word) && !etf__is_compound(term.word)) {
        m = blank(worker, kind, 0);
        if (m == NULL)
            return NULL;
        m->sender = sender;
        m->term = term;
        return m;
    }
    words = etf__flat_words(term);
    more = etf__flat_words(sender);
    if (words == SIZE_MAX || more == SIZE_MAX)
        return NULL;
    m = blank(worker, kind, words + more);
    if (m == NULL)
        return NULL;
    m->sender = etf__flat_copy(rt__words(m), sender, &m->memory.offheap);
    m->term = etf__flat_copy(rt__words(m) + more, term, &m->memory.offheap);
    return m;
}

void rt__envelope_clear(struct envelope *m)
{
    if ((m->flags & ENVELOPE_BOX) != 0)
        etf_box_free(m->memory.box);
    else if (m->memory.offheap != NULL)
        etf__offheap_drop(m->memory.offheap);
    m->flags &= (uint8_t)~ENVELOPE_BOX;
    m->memory.offheap = NULL;
    m->term = ETF_NONE;
}

void rt__envelope_free(struct rt *rt, struct worker *worker, struct envelope *m)
{
    if (m->memory.offheap != NULL)
        rt__envelope_clear(m);
    rt__pool_put(worker == NULL ? NULL : &worker->pool, rt->pools, m);
}

size_t rt__envelope_bytes(const struct envelope *m)
{
    if ((m->flags & ENVELOPE_BOX) != 0)
        return sizeof *m + etf_box_size(m->memory.box);
    return sizeof *m + etf__flat_words(m->term) * sizeof(uint64_t);
}

/*
 * envelope.c -- making and freeing envelopes: see envelope.h.
 */
#include "envelope.h"

#include "worker.h"

struct envelope rt__mailbox_marks[2];

static struct envelope *blank(struct worker *worker, enum envelope_kind kind,
                              size_t words)
{
    struct envelope *m = rt__pool_get(worker == NULL ? NULL : &worker->pool,
                                      sizeof *m + words * sizeof(uint64_t));

    if (m == NULL)
        return NULL;
    m->next = NULL;
    m->kind = (uint8_t)kind;
    m->generation = 0;
    m->flags = 0;
    m->sender = ETF_NONE;
    m->id = 0;
    m->term = ETF_NONE;
    m->memory.offheap = NULL;
    m->aux = NULL;
    return m;
}

struct envelope *rt__envelope_new(struct worker *worker,
                                  enum envelope_kind kind, etf_term term)
{
    size_t words = etf__flat_words(term);
    struct envelope *m;

    if (words == SIZE_MAX)
        return NULL;
    m = blank(worker, kind, words);
    if (m != NULL)
        m->term = etf__flat_copy(rt__words(m), term, &m->memory.offheap);
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

struct envelope *rt__envelope_from(struct worker *worker,
                                   enum envelope_kind kind, etf_term sender,
                                   etf_term term)
{
    size_t words = etf__flat_words(term);
    size_t more = etf__flat_words(sender);
    struct envelope *m;

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

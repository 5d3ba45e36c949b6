/*
 * query.c -- asking a process about its table: only the owner may look at it,
 * so it is sent a signal, which acts even while its code waits.
 */
#include "query.h"

#include <stdlib.h>

#include "relation.h"
#include "worker.h"

#define ANSWER_MS 5000u

/* ---- The owner's side
 * --------------------------------------------------------------- */

static bool has_alias(struct process *p, uint64_t id)
{
    const struct relation *r;

    if (rt__find_id(p, RELATION_ALIAS, id) != NULL)
        return true;
    r = rt__find_id(p, RELATION_MONITOR, id);
    return r != NULL && (r->flags & (RELATION_IS_ALIAS | RELATION_EVENT)) ==
                            RELATION_IS_ALIAS;
}

/* Does another node watch it under that reference? */
static bool is_watched(const struct process *p, const etf_ref *ref)
{
    const struct relation *r =
        p->relations == NULL ? NULL : p->relations->first;

    for (; r != NULL; r = r->after)
        if (r->kind == RELATION_WATCHER && etf_ref_equal(r->ref, *ref))
            return true;
    return false;
}

/* {alias, Ref}: is it one of ours? {monitor, Ref}: is it a monitor, of ours or
 * of us? */
static bool answer_to(struct process *p, etf_term question)
{
    const etf_term *items = etf_tuple_items(question);
    etf_ref ref = { .count = 0 };
    uint64_t id = 0;
    uint32_t slot = 0;
    bool ours;

    (void)etf_get_ref(items[1], &ref);
    ours = rt__ref_local(&ref, &id, &slot);
    if (etf_same(items[0], ETF_A(alias)))
        return ours && has_alias(p, id);
    return ours ? rt__find_id(p, RELATION_MONITOR, id) != NULL
                : is_watched(p, &ref);
}

etf_term rt__answer(struct etf_region *r, struct process *p, etf_term question)
{
    uint64_t count;

    if (etf_is_none(question))
        return rt__info_term(r, p);
    if (etf_get_uint(question, &count))
        return rt__messages_term(r, p, count);
    if (etf_same(question, ETF_A(info)))
        return rt__brief_term(r, p);
    return etf_bool(answer_to(p, question));
}

void rt__query_answer(struct rt *rt, struct worker *worker, struct process *p,
                      struct envelope *m)
{
    struct etf_region *r = etf_region_new(0);
    struct envelope *answer = NULL;
    etf_term term = r == NULL ? ETF_NONE : rt__answer(r, p, m->term);

    if (!etf_is_none(term))
        answer = rt__envelope_new(worker, ENVELOPE_REPLY, term);
    if (answer != NULL) {
        answer->sender = rt__pid_word(p);
        answer->id = m->id;
        rt__push_or_drop(rt, worker, m->sender, answer);
    } /* else the asker's time-out tells it */
    if (r != NULL)
        etf_region_free(r);
    rt__envelope_free(rt, worker, m);
}

/* ---- Asking
 * ------------------------------------------------------------------------- */

/* Asks another process; self->held gets the answer's memory. */
static enum agner_err ask_other(struct gen *self, etf_term to,
                                etf_term question, etf_term *answer)
{
    struct envelope *m =
        rt__envelope_new(self->worker, ENVELOPE_INFO, question);
    enum agner_err err;

    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = rt__pid_word(self->process);
    m->id = rt__ref_next(self->rt, self->worker);
    rt__wait_begin(self, WAIT_CALL, ANSWER_MS);
    self->wait.id = m->id;
    store_relaxed(&self->wait.callee, to.word);
    store_relaxed(&self->wait.site, (uintptr_t)0);
    err = rt__push(self->rt, self->worker, to, m);
    if (err != AGNER_OK) {
        rt__envelope_free(self->rt, self->worker, m);
        self->wait.kind = WAIT_NOTHING;
        return err;
    }
    err = rt__block(self);
    if (err != AGNER_OK)
        return err;
    m = self->wait.answer;
    m->next = self->held;
    self->held = m;
    *answer = m->term;
    return m->kind == ENVELOPE_REPLY ? AGNER_OK : AGNER_ENOPROC;
}

enum agner_err rt__ask(struct gen *self, etf_term to, etf_term question,
                       etf_term *answer)
{
    rt__take(self->rt, self->worker, self->process);
    if (!etf_same(to, rt__pid_word(self->process)))
        return ask_other(self, to, question, answer);
    *answer = rt__answer(&self->scratch, self->process, question);
    return etf_is_none(*answer) ? AGNER_ENOMEM : AGNER_OK;
}

/* Who lives in the slot, if anybody does. */
static etf_term living_in(struct rt *rt, uint32_t slot)
{
    const struct process *p = rt__slot(rt, slot);
    etf_term word;

    if (p == NULL)
        return ETF_NONE;
    word = rt__pid_word(p);
    return rt_is_alive(rt, rt__pid_of(word)) ? word : ETF_NONE;
}

/* Asks `to` the question `tag` about `ref`. */
static enum agner_err ask_about(struct gen *self, etf_term to, etf_term tag,
                                etf_ref ref, bool *yes)
{
    struct etf_region *r = &self->scratch;
    etf_term items[2], answer;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    items[0] = tag;
    items[1] = etf_from_ref(r, ref);
    answer = etf_tuple(r, items, 2);
    if (etf_is_none(answer))
        return AGNER_ENOMEM;
    err = rt__ask(self, to, answer, &answer);
    *yes = err == AGNER_OK && etf_same(answer, ETF_A(true));
    return err;
}

enum agner_err rt_alias_find(struct gen *self, etf_ref alias, etf_pid *pid)
{
    uint64_t id;
    uint32_t slot;
    etf_term owner;
    bool yes = false;
    enum agner_err err;

    if (!rt__ref_local(&alias, &id, &slot))
        return AGNER_ENOALIAS;
    owner = living_in(self->rt, slot);
    if (etf_is_none(owner))
        return AGNER_ENOALIAS;
    err = ask_about(self, owner, ETF_A(alias), alias, &yes);
    if (err == AGNER_ENOPROC || (err == AGNER_OK && !yes))
        return AGNER_ENOALIAS;
    if (err == AGNER_OK)
        *pid = rt__pid_of(owner);
    return err;
}

bool rt_is_alias(struct gen *self, etf_ref alias)
{
    etf_pid pid;

    return rt_alias_find(self, alias, &pid) == AGNER_OK;
}

/* Those who have relations with the reference's node may be watched under it.
 */
static bool is_far_monitor(struct gen *self, etf_ref ref)
{
    uint32_t count, i;
    etf_term *pids = rt__remote_members(self->rt, ref.node, &count);
    bool yes = false;

    for (i = 0; pids != NULL && i < count && !yes; i++)
        (void)ask_about(self, pids[i], ETF_A(monitor), ref, &yes);
    free(pids);
    return yes;
}

bool rt_is_monitor(struct gen *self, etf_ref ref)
{
    uint64_t id;
    uint32_t slot;
    etf_term owner;
    bool yes = false;

    if (!rt__ref_local(&ref, &id, &slot))
        return is_far_monitor(self, ref);
    owner = living_in(self->rt, slot);
    if (!etf_is_none(owner))
        (void)ask_about(self, owner, ETF_A(monitor), ref, &yes);
    return yes;
}

/*
 * store_claim.c -- who has a name in a store: see store_claim.h.
 *
 * An owner or a member is a hook of its process, in memory of its own, which
 * the end of the process frees.
 */
#include "store/store_claim.h"

#include <stdlib.h>
#include <string.h>

#include "spin.h"

struct gen_claim {
    struct gen_claim *next; /* the store's list */
    const char *name;       /* borrowed: static */
    rt_spin lock;           /* guards the rest */
    uint64_t life;          /* counts owners */
    bool owned;
    uint32_t members;
    struct rt_waiter *waiter; /* the owner, until there is no old member */
};

struct member {
    struct rt_hook hook; /* first */
    struct gen_claim *claim;
    struct gen_store *store; /* held */
    bool owner;
};

/* ---- The list ------------------------------------------------------------ */

/* Under the store's lock. NULL: no memory. */
struct gen_claim *gen__claim_find(struct gen_claim **first, const char *name)
{
    struct gen_claim *claim = *first;

    while (claim != NULL && strcmp(claim->name, name) != 0)
        claim = claim->next;
    if (claim != NULL)
        return claim;
    claim = calloc(1, sizeof *claim);
    if (claim == NULL)
        return NULL;
    claim->name = name;
    claim->next = *first;
    *first = claim;
    return claim;
}

void gen__claims_free(struct gen_claim *first)
{
    while (first != NULL) {
        struct gen_claim *next = first->next;

        free(first);
        first = next;
    }
}

/* ---- Members ------------------------------------------------------------- */

static void leave(struct rt *rt, struct gen_claim *claim, bool owner)
{
    rt__lock(&claim->lock);
    if (owner) {
        claim->owned = false;
    } else if (--claim->members == 0 && claim->waiter != NULL) {
        rt_wake(rt, NULL, claim->waiter);
        claim->waiter = NULL;
    }
    rt__unlock(&claim->lock);
}

static void at_end(struct rt_hook *hook, struct rt *rt)
{
    struct member *m = (struct member *)hook;

    leave(rt, m->claim, m->owner);
    gen_store_free(m->store);
    free(m);
}

/* The claim counts self already. */
static enum agner_err hook(struct gen *self, struct gen_store *store,
                           struct gen_claim *claim, bool owner)
{
    struct member *m = calloc(1, sizeof *m);
    enum agner_err err = AGNER_ENOMEM;

    if (m != NULL) {
        m->hook.run = at_end;
        m->claim = claim;
        m->store = store;
        m->owner = owner;
        err = rt_hook_add(self, &m->hook);
    }
    if (err == AGNER_OK) {
        (void)gen_store_hold(store);
        return AGNER_OK;
    }
    free(m);
    leave(rt_of(self), claim, owner);
    return err;
}

static enum agner_err wait_for_members(struct gen *self,
                                       struct gen_claim *claim)
{
    struct rt_waiter waiter;
    enum agner_err err = rt_wait_begin(self, &waiter, 1);
    bool wait;

    if (err != AGNER_OK)
        return err;
    rt__lock(&claim->lock);
    wait = claim->members > 0;
    if (wait)
        claim->waiter = &waiter;
    rt__unlock(&claim->lock);
    if (wait)
        err = rt_wait_block(self, RT_INFINITY);
    rt__lock(&claim->lock);
    if (!waiter.woken && claim->waiter == &waiter)
        claim->waiter = NULL;
    rt__unlock(&claim->lock);
    rt_wait_end(self, &waiter, 1);
    return err;
}

enum agner_err gen__claim_own(struct gen *self, struct gen_store *store,
                              const char *name, struct gen_claim_ticket *ticket)
{
    struct gen_claim *claim = gen__store_claim(store, name);
    enum agner_err err = AGNER_OK;

    if (claim == NULL)
        return AGNER_ENOMEM;
    rt__lock(&claim->lock);
    if (claim->owned)
        err = AGNER_ETAKEN;
    else
        ticket->life = ++claim->life;
    claim->owned = true;
    rt__unlock(&claim->lock);
    if (err != AGNER_OK)
        return err;
    ticket->store = store;
    ticket->claim = claim;
    err = hook(self, store, claim, true);
    return err == AGNER_OK ? wait_for_members(self, claim) : err;
}

enum agner_err gen__claim_join(struct gen *self,
                               const struct gen_claim_ticket *ticket)
{
    struct gen_claim *claim = ticket->claim;
    bool late;

    rt__lock(&claim->lock);
    late = !claim->owned || claim->life != ticket->life;
    if (!late)
        claim->members++;
    rt__unlock(&claim->lock);
    return late ? AGNER_ETERMINATED : hook(self, ticket->store, claim, false);
}

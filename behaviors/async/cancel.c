/*
 * cancel.c -- tokens that tell work to stop: gen_cancel.h.
 *
 * A child holds its parent, and is in its list without being held by it: so a
 * parent that sets its children takes a count of one only while that one has
 * any left. Locks: a parent's before its child's is never needed; each function
 * holds one at a time.
 */
#include <agner/gen_cancel.h>

#include <stdlib.h>

#include "atomic.h"
#include "spin.h"

struct gen_cancel {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    _Atomic bool set;
    rt_spin lock; /* guards the rest, of which `reason` stays once it is set */
    struct etf_box *reason; /* owned; NULL: the atom `cancelled` */
    struct rt_waiter *first;
    struct gen_cancel_hook *hooks;
    struct gen_cancel *children;
    struct gen_cancel *parent;           /* held; or NULL */
    struct gen_cancel *sibling, *before; /* the parent's lock guards these */
    bool listed;
};

/* Takes a count unless there is none left. Relaxed: the lock of the list that
 * the token was found in orders what it is read for. */
static bool try_hold(struct gen_cancel *token)
{
    uint32_t refs = load_relaxed(&token->refs);

    while (refs != 0) {
        if (cas_weak_acq_rel(&token->refs, &refs, refs + 1))
            return true;
    }
    return false;
}

static void unlist(struct gen_cancel *parent, struct gen_cancel *child)
{
    if (child->before == NULL)
        parent->children = child->sibling;
    else
        child->before->sibling = child->sibling;
    if (child->sibling != NULL)
        child->sibling->before = child->before;
    child->sibling = child->before = NULL;
    child->listed = false;
}

/* false: the parent is set already. */
static bool list(struct gen_cancel *parent, struct gen_cancel *child)
{
    bool late;

    rt__lock(&parent->lock);
    late = load_relaxed(&parent->set);
    if (!late) {
        child->sibling = parent->children;
        if (child->sibling != NULL)
            child->sibling->before = child;
        parent->children = child;
        child->listed = true;
    }
    rt__unlock(&parent->lock);
    return !late;
}

struct gen_cancel *gen_cancel_new(struct rt *rt, struct gen_cancel *parent)
{
    struct gen_cancel *token = calloc(1, sizeof *token);

    if (token == NULL)
        return NULL;
    token->rt = rt;
    store_relaxed(&token->refs, 1u);
    if (parent == NULL)
        return token;
    token->parent = gen_cancel_hold(parent);
    if (!list(parent, token)) {
        if (parent->reason != NULL)
            token->reason = etf_box_hold(parent->reason);
        store_relaxed(&token->set, true);
    }
    return token;
}

struct gen_cancel *gen_cancel_hold(struct gen_cancel *token)
{
    add_relaxed(&token->refs, 1u);
    return token;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. A chain of parents is freed in a loop. */
void gen_cancel_free(struct gen_cancel *token)
{
    while (token != NULL && sub_acq_rel(&token->refs, 1u) == 1) {
        struct gen_cancel *parent = token->parent;

        if (parent != NULL) {
            rt__lock(&parent->lock);
            if (token->listed)
                unlist(parent, token);
            rt__unlock(&parent->lock);
        }
        etf_box_free(token->reason);
        free(token);
        token = parent;
    }
}

static struct gen_cancel *next_child(struct gen_cancel *token)
{
    struct gen_cancel *child;

    rt__lock(&token->lock);
    while ((child = token->children) != NULL) {
        unlist(token, child);
        if (try_hold(child))
            break;
    }
    rt__unlock(&token->lock);
    return child;
}

/* With the lock held. */
static void unlist_hook(struct gen_cancel *token, struct gen_cancel_hook *hook)
{
    if (hook->prev == NULL)
        token->hooks = hook->next;
    else
        hook->prev->next = hook->next;
    if (hook->next != NULL)
        hook->next->prev = hook->prev;
    hook->next = hook->prev = NULL;
    hook->listed = false;
}

static void run_hooks(struct gen_cancel *token)
{
    struct gen_cancel_hook *hook;

    do {
        rt__lock(&token->lock);
        hook = token->hooks;
        if (hook != NULL)
            unlist_hook(token, hook);
        rt__unlock(&token->lock);
        if (hook != NULL)
            hook->run(hook);
    } while (hook != NULL);
}

/* Takes `reason`, which may be NULL. */
static enum agner_err set(struct gen_cancel *token, struct etf_box *reason)
{
    struct rt_waiter *waiter;

    rt__lock(&token->lock);
    if (load_relaxed(&token->set)) {
        rt__unlock(&token->lock);
        etf_box_free(reason);
        return AGNER_EALREADY;
    }
    token->reason = reason;
    /* Release pairs with the acquire in gen_cancel_is_set(): the reason. */
    store_release(&token->set, true);
    while ((waiter = token->first) != NULL) {
        token->first = waiter->next;
        rt_wake(token->rt, NULL, waiter);
    }
    rt__unlock(&token->lock);
    run_hooks(token);
    return AGNER_OK;
}

/* Over the whole family, without recursion: a child that was taken from its
 * parent's list is held, and kept on a list of this call's through `sibling`,
 * which is nobody else's once it is unlisted. */
enum agner_err gen_cancel_set(struct gen_cancel *token, etf_term reason)
{
    struct etf_box *box = etf_is_none(reason) ? NULL : etf_box_new(reason);
    struct gen_cancel *now = token, *todo = NULL, *child;
    enum agner_err err = set(token, box == NULL ? NULL : etf_box_hold(box));

    while (err == AGNER_OK && now != NULL) {
        while ((child = next_child(now)) != NULL) {
            (void)set(child, box == NULL ? NULL : etf_box_hold(box));
            child->sibling = todo;
            todo = child;
        }
        if (now != token)
            gen_cancel_free(now);
        now = todo;
        if (now != NULL) {
            todo = now->sibling;
            now->sibling = NULL;
        }
    }
    etf_box_free(box);
    return err;
}

bool gen_cancel_is_set(const struct gen_cancel *token)
{
    return token != NULL && load_acquire(&token->set);
}

etf_term gen_cancel_reason(const struct gen_cancel *token, struct etf_region *r)
{
    if (!gen_cancel_is_set(token))
        return ETF_NONE;
    if (token->reason == NULL)
        return etf_make(r, "cancelled");
    return etf_copy(r, etf_box_term(token->reason));
}

bool gen_cancel_join(struct gen_cancel *token, struct rt_waiter *waiter)
{
    bool late;

    if (token == NULL)
        return true;
    rt__lock(&token->lock);
    late = load_relaxed(&token->set);
    if (!late) {
        waiter->prev = NULL;
        waiter->next = token->first;
        if (waiter->next != NULL)
            waiter->next->prev = waiter;
        token->first = waiter;
        waiter->data = token;
    }
    rt__unlock(&token->lock);
    return !late;
}

void gen_cancel_leave(struct gen_cancel *token, struct rt_waiter *waiter)
{
    if (token == NULL)
        return;
    rt__lock(&token->lock);
    if (!waiter->woken && waiter->data == token) {
        if (waiter->prev == NULL)
            token->first = waiter->next;
        else
            waiter->prev->next = waiter->next;
        if (waiter->next != NULL)
            waiter->next->prev = waiter->prev;
        waiter->data = NULL;
    }
    rt__unlock(&token->lock);
}

bool gen_cancel_hook_add(struct gen_cancel *token, struct gen_cancel_hook *hook)
{
    bool late;

    rt__lock(&token->lock);
    late = load_relaxed(&token->set);
    if (!late) {
        hook->prev = NULL;
        hook->next = token->hooks;
        if (hook->next != NULL)
            hook->next->prev = hook;
        token->hooks = hook;
        hook->listed = true;
    }
    rt__unlock(&token->lock);
    return !late;
}

bool gen_cancel_hook_remove(struct gen_cancel *token,
                            struct gen_cancel_hook *hook)
{
    bool found;

    rt__lock(&token->lock);
    found = hook->listed;
    if (found)
        unlist_hook(token, hook);
    rt__unlock(&token->lock);
    return found;
}

/* Waits until it is set; block() says how long. */
static enum agner_err
wait_with(struct gen *self, struct gen_cancel *token, uint64_t time_ms,
          enum agner_err (*block)(struct gen *self, uint64_t time_ms))
{
    struct rt_waiter waiter;
    enum agner_err err = rt_wait_begin(self, &waiter, 1);

    if (err != AGNER_OK)
        return err;
    if (gen_cancel_join(token, &waiter))
        err = block(self, time_ms);
    gen_cancel_leave(token, &waiter);
    if (err == AGNER_ETIMEOUT && gen_cancel_is_set(token))
        err = AGNER_OK;
    rt_wait_end(self, &waiter, 1);
    return err;
}

enum agner_err gen_cancel_wait(struct gen *self, struct gen_cancel *token,
                               uint64_t timeout_ms)
{
    return wait_with(self, token, timeout_ms, rt_wait_block);
}

/* Waited for the token, and wanted the time. */
static enum agner_err slept(enum agner_err err)
{
    if (err == AGNER_ETIMEOUT)
        return AGNER_OK;
    return err == AGNER_OK ? AGNER_ECANCELLED : err;
}

enum agner_err gen_cancel_sleep(struct gen *self, uint64_t ms,
                                struct gen_cancel *token)
{
    if (token == NULL)
        return rt_sleep(self, ms);
    return slept(wait_with(self, token, ms, rt_wait_block));
}

enum agner_err gen_cancel_sleep_until(struct gen *self, uint64_t at_ms,
                                      struct gen_cancel *token)
{
    return slept(wait_with(self, token, at_ms, rt_wait_until));
}

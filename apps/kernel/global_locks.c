/*
 * global_locks.c -- the table of locks: which resource is locked, for which
 * requester, by which processes.
 *
 * Several processes may hold a lock for the same requester. A lock is there as
 * long as somebody holds it.
 */
#include <stddef.h>
#include <stdlib.h>

#include "global_internal.h"

static struct global_lock *of_link(struct global_link *link)
{
    return (struct global_lock *)(void *)link;
}

static struct global_holder *of_holder_link(struct global_link *link)
{
    return (struct global_holder *)(void *)link;
}

/* Our own references: made of a number that counts up. */
static uint32_t hash_of(etf_ref monitor)
{
    return (monitor.words[0] ^ monitor.words[1] * 40503u) * 2654435761u;
}

struct global_lock *global__lock_get(const struct global_locks *locks,
                                     etf_term resource)
{
    uint32_t hash = etf_phash2(resource, 0);
    struct global_link *at = gen__index_next(&locks->by_resource, hash, NULL);

    while (at != NULL &&
           !etf_equal(etf_box_term(of_link(at)->resource), resource))
        at = gen__index_next(&locks->by_resource, hash, at);
    return at == NULL ? NULL : of_link(at);
}

struct global_holder *global__lock_holder(const struct global_lock *lock,
                                          etf_pid pid)
{
    struct global_holder *holder = lock->holders;

    while (holder != NULL && !etf_pid_equal(holder->pid, pid))
        holder = holder->next;
    return holder;
}

bool global__lock_can(const struct global_locks *locks, etf_term resource,
                      etf_term requester)
{
    const struct global_lock *lock = global__lock_get(locks, resource);

    return lock == NULL || etf_equal(etf_box_term(lock->requester), requester);
}

static void free_lock(struct global_lock *lock)
{
    etf_box_free(lock->resource);
    etf_box_free(lock->requester);
    free(lock);
}

static enum agner_err make(struct global_locks *locks, etf_term resource,
                           etf_term requester, struct global_lock **out)
{
    struct global_lock *lock;
    enum agner_err err = AGNER_ENOMEM;

    if (locks->by_resource.count >= GLOBAL_LOCKS_MAX)
        return AGNER_ELIMIT;
    lock = calloc(1, sizeof *lock);
    if (lock == NULL)
        return AGNER_ENOMEM;
    lock->resource = etf_box_new(resource);
    lock->requester = etf_box_new(requester);
    if (lock->resource != NULL && lock->requester != NULL)
        err = gen__index_add(&locks->by_resource, &lock->by_resource,
                             etf_phash2(resource, 0));
    if (err == AGNER_OK)
        *out = lock;
    else
        free_lock(lock);
    return err;
}

static void forget(struct global_locks *locks, struct global_lock *lock)
{
    gen__index_remove(&locks->by_resource, &lock->by_resource);
    free_lock(lock);
}

enum agner_err global__lock_add(struct global_locks *locks, etf_term resource,
                                etf_term requester, etf_pid pid,
                                etf_ref monitor)
{
    struct global_lock *lock = global__lock_get(locks, resource);
    struct global_holder *holder = calloc(1, sizeof *holder);
    enum agner_err err = holder == NULL ? AGNER_ENOMEM : AGNER_OK;

    if (err == AGNER_OK && lock == NULL)
        err = make(locks, resource, requester, &lock);
    if (err == AGNER_OK)
        err = gen__index_add(&locks->by_monitor, &holder->by_monitor,
                             hash_of(monitor));
    if (err != AGNER_OK) {
        free(holder);
        if (lock != NULL && lock->holders == NULL)
            forget(locks, lock);
        return err;
    }
    holder->pid = pid;
    holder->monitor = monitor;
    holder->lock = lock;
    holder->next = lock->holders;
    lock->holders = holder;
    return AGNER_OK;
}

bool global__lock_remove(struct global_locks *locks,
                         struct global_holder *holder)
{
    struct global_lock *lock = holder->lock;
    struct global_holder **at = &lock->holders;

    while (*at != holder)
        at = &(*at)->next;
    *at = holder->next;
    gen__index_remove(&locks->by_monitor, &holder->by_monitor);
    free(holder);
    if (lock->holders != NULL)
        return false;
    forget(locks, lock);
    return true;
}

struct global_holder *global__lock_watched(const struct global_locks *locks,
                                           etf_ref monitor)
{
    uint32_t hash = hash_of(monitor);
    struct global_link *at = gen__index_next(&locks->by_monitor, hash, NULL);

    while (at != NULL && !etf_ref_equal(of_holder_link(at)->monitor, monitor))
        at = gen__index_next(&locks->by_monitor, hash, at);
    return at == NULL ? NULL : of_holder_link(at);
}

void global__locks_fini(struct global_locks *locks)
{
    for (size_t i = 0; i < locks->by_resource.bucket_count; i++) {
        while (locks->by_resource.buckets[i] != NULL) {
            struct global_lock *lock = of_link(locks->by_resource.buckets[i]);

            while (!global__lock_remove(locks, lock->holders))
                ;
        }
    }
    free((void *)locks->by_resource.buckets);
    free((void *)locks->by_monitor.buckets);
    *locks = (struct global_locks){ .by_resource = { .count = 0 } };
}

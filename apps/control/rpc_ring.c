/*
 * rpc_ring.c -- the last events of the node's log: see rpc_ring.h.
 */
#include "rpc_ring.h"

#include <string.h>

#include "etf_door.h"

#define TELL_AT_ONCE 16u /* followers that are told without the lock */

void rpc__ring_init(struct rpc_ring *ring, struct rt *rt)
{
    ring->rt = rt;
    ring->first = ring->next = 1;
}

static void drop_oldest(struct rpc_ring *ring)
{
    size_t at = ring->first++ % RPC_RING_EVENTS;

    ring->bytes -= ring->sizes[at];
    rt_log_release(ring->events[at]);
}

void rpc__ring_fini(struct rpc_ring *ring)
{
    while (ring->first < ring->next)
        drop_oldest(ring);
}

static size_t size_of(const struct rt_log_event *event)
{
    return sizeof *event + event->text_size +
           etf__flat_words(event->report) * sizeof(uint64_t);
}

/* Marks up to TELL_AT_ONCE followers as told; returns how many. */
static size_t mark_told(struct rpc_ring *ring, etf_pid *sessions)
{
    size_t count = 0;
    struct rpc_follower *f;

    for (f = ring->followers; f != NULL && count < TELL_AT_ONCE; f = f->next) {
        if (f->told)
            continue;
        f->told = true;
        sessions[count++] = f->session;
    }
    return count;
}

/* It did not hear: so it is told of the next event again. */
static void mark_untold(struct rpc_ring *ring, etf_pid session)
{
    struct rpc_follower *f;

    rt__lock(&ring->lock);
    for (f = ring->followers; f != NULL; f = f->next)
        if (etf_pid_equal(f->session, session))
            f->told = false;
    rt__unlock(&ring->lock);
}

/* Who cannot be told is gone, or there is no memory. */
static void tell(struct rpc_ring *ring)
{
    etf_pid sessions[TELL_AT_ONCE];
    size_t count;

    do {
        rt__lock(&ring->lock);
        count = mark_told(ring, sessions);
        rt__unlock(&ring->lock);
        for (size_t i = 0; i < count; i++)
            if (rt_post(ring->rt, etf_from_pid(NULL, sessions[i]),
                        etf_atom("logs")) != AGNER_OK)
                mark_untold(ring, sessions[i]);
    } while (count == TELL_AT_ONCE);
}

void rpc__ring_add(void *ctx, const struct rt_log_event *event)
{
    struct rpc_ring *ring = ctx;
    size_t size = size_of(event), at;

    rt_log_hold(event);
    rt__lock(&ring->lock);
    while (ring->first < ring->next &&
           (ring->next - ring->first == RPC_RING_EVENTS ||
            ring->bytes + size > RPC_RING_BYTES))
        drop_oldest(ring);
    at = ring->next++ % RPC_RING_EVENTS;
    ring->events[at] = event;
    ring->sizes[at] = size;
    ring->bytes += size;
    rt__unlock(&ring->lock);
    tell(ring);
}

size_t rpc__ring_read(struct rpc_ring *ring, struct rpc_follower *follower,
                      uint64_t *at, const struct rt_log_event **events,
                      size_t room, uint64_t *missed)
{
    size_t count = 0;

    rt__lock(&ring->lock);
    *missed = *at < ring->first ? ring->first - *at : 0;
    *at += *missed;
    while (count < room && *at < ring->next) {
        events[count] = ring->events[(*at)++ % RPC_RING_EVENTS];
        rt_log_hold(events[count++]);
    }
    if (follower != NULL && count == 0)
        follower->told = false;
    rt__unlock(&ring->lock);
    return count;
}

void rpc__ring_follow(struct rpc_ring *ring, struct rpc_follower *follower,
                      etf_pid session)
{
    rt__lock(&ring->lock);
    if (follower->link == NULL) {
        follower->session = session;
        follower->next = ring->followers;
        follower->link = &ring->followers;
        if (follower->next != NULL)
            follower->next->link = &follower->next;
        ring->followers = follower;
    }
    rt__unlock(&ring->lock);
}

void rpc__ring_leave(struct rpc_ring *ring, struct rpc_follower *follower)
{
    rt__lock(&ring->lock);
    if (follower->link != NULL) {
        *follower->link = follower->next;
        if (follower->next != NULL)
            follower->next->link = follower->link;
        follower->link = NULL;
    }
    rt__unlock(&ring->lock);
}

static bool is_named(etf_term atom, const char *name)
{
    etf_bytes text = etf_atom_text(atom);

    return name[0] == '\0' || (text.size == strlen(name) && text.data != NULL &&
                               memcmp(text.data, name, text.size) == 0);
}

bool rpc__log_matches(const struct rpc_log_filter *filter,
                      const struct rt_log_event *event)
{
    return event->level <= filter->level &&
           (etf_pid_is_none(filter->pid) ||
            etf_pid_equal(filter->pid, event->pid)) &&
           is_named(event->name, filter->name) &&
           is_named(event->application, filter->application);
}

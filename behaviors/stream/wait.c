/*
 * wait.c -- waiting for an event, and for room for one.
 */
#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"

/* ---- Seats ----------------------------------------------------------------
 */

static void sit(struct stream_crowd *crowd, struct rt_waiter *waiter)
{
    struct stream_seat *seat = &crowd->seats[crowd->count];

    seat->waiter = waiter;
    seat->up = rt_wake_of(waiter);
    waiter->data = (void *)crowd->count++;
}

/* The last one takes the place of who leaves. */
static bool leave(struct stream_crowd *crowd, const struct rt_waiter *waiter)
{
    size_t number = (size_t)waiter->data;
    struct stream_seat *seat;

    if (number >= crowd->count || crowd->seats[number].waiter != waiter)
        return false;
    seat = &crowd->seats[number];
    *seat = crowd->seats[--crowd->count];
    seat->waiter->data = (void *)number;
    return true;
}

/* With the lock held, which is given up meanwhile. */
static enum agner_err make_room(struct gen_stream *s,
                                struct stream_crowd *crowd)
{
    size_t room = crowd->room == 0 ? 4 : 2 * crowd->room;
    struct stream_seat *seats, *old = NULL;

    rt__unlock(&s->lock);
    seats = malloc(room * sizeof *seats);
    gen__stream_lock(s);
    if (seats == NULL)
        return AGNER_ENOMEM;
    if (crowd->room < room) { /* it may have got some, or another's */
        old = crowd->seats;
        if (crowd->count != 0)
            memcpy(seats, old, crowd->count * sizeof *seats);
        crowd->seats = seats;
        crowd->room = room;
        seats = NULL;
    }
    rt__unlock(&s->lock);
    free(seats);
    free(old);
    gen__stream_lock(s);
    return AGNER_OK;
}

/* ---- Waiting --------------------------------------------------------------
 */

/* What is waited for. */
struct want {
    struct gen_stream *stream;
    bool room;    /* for publishers; otherwise */
    uint64_t seq; /* ... this event */
};

static bool is_there(const struct want *want)
{
    const struct gen_stream *s = want->stream;
    uint64_t front = load_relaxed(&s->front); /* with the lock held */

    if (want->room)
        return s->closed || front >> 1 < s->blocked_at;
    return s->closed || front >> 1 > want->seq;
}

static struct stream_crowd *crowd_of(const struct want *want)
{
    return want->room ? &want->stream->senders : &want->stream->waiting;
}

/* Gives `waiter` a seat; AGNER_EALREADY: there is nothing to wait for. */
static enum agner_err join(const struct want *want, struct rt_waiter *waiter)
{
    struct gen_stream *s = want->stream;
    struct stream_crowd *crowd = crowd_of(want);
    enum agner_err err = AGNER_OK;
    bool there;

    gen__stream_lock(s);
    while (!(there = is_there(want)) && crowd->count == crowd->room &&
           err == AGNER_OK)
        err = make_room(s, crowd);
    if (there)
        err = AGNER_EALREADY;
    else if (err == AGNER_OK)
        sit(crowd, waiter);
    rt__unlock(&s->lock);
    return err;
}

/* Off its seat. What there is counts, however the wait ended, unless the
 * process must end. */
static enum agner_err part(const struct want *want, struct rt_waiter *waiter,
                           enum agner_err err, const struct gen_cancel *cancel)
{
    bool there;

    gen__stream_lock(want->stream);
    if (!waiter->woken && !leave(crowd_of(want), waiter))
        (void)leave(&want->stream->waking, waiter);
    there = is_there(want);
    rt__unlock(&want->stream->lock);
    if (err != AGNER_OK && err != AGNER_ETIMEOUT)
        return err;
    if (there)
        return AGNER_OK;
    if (gen_cancel_is_set(cancel))
        return AGNER_ECANCELLED;
    return err == AGNER_OK ? AGNER_EAGAIN : err; /* woken, and too late */
}

static enum agner_err wait(struct gen *self, const struct want *want,
                           uint64_t timeout_ms, struct gen_cancel *cancel)
{
    struct rt_waiter waiters[2];
    size_t count = cancel == NULL ? 1 : 2;
    enum agner_err err = rt_wait_begin(self, waiters, count);

    if (err != AGNER_OK)
        return err;
    err = join(want, &waiters[0]);
    if (err == AGNER_EALREADY) {
        err = AGNER_OK;
    } else if (err == AGNER_OK) {
        if (gen_cancel_join(cancel, &waiters[1]))
            err = rt_wait_block(self, timeout_ms);
        gen_cancel_leave(cancel, &waiters[1]);
        /* Who was woken by a publisher, and could not be by others, has no
         * seat any more. */
        if (err != AGNER_OK || cancel != NULL)
            err = part(want, &waiters[0], err, cancel);
    }
    rt_wait_end(self, waiters, count);
    return err;
}

static enum agner_err wait_for(struct gen *self, const struct want *want,
                               uint64_t timeout_ms, struct gen_cancel *cancel)
{
    uint64_t deadline = RT_INFINITY, now = 0;
    enum agner_err err;

    if (timeout_ms != RT_INFINITY) {
        now = rt_now_ms(rt_of(self));
        if (__builtin_add_overflow(now, timeout_ms, &deadline))
            deadline = RT_INFINITY;
    }
    do {
        err = wait(self, want,
                   deadline == RT_INFINITY ? RT_INFINITY : deadline - now,
                   cancel);
        if (err != AGNER_EAGAIN || deadline == RT_INFINITY)
            continue;
        now = rt_now_ms(rt_of(self));
        if (now >= deadline)
            return AGNER_ETIMEOUT;
    } while (err == AGNER_EAGAIN);
    return err;
}

enum agner_err gen__stream_wait(struct gen *self, struct gen_stream *s,
                                uint64_t seq, uint64_t timeout_ms,
                                struct gen_cancel *cancel)
{
    struct want want = { .stream = s, .seq = seq };

    return wait_for(self, &want, timeout_ms, cancel);
}

enum agner_err gen__stream_wait_room(struct gen *self, struct gen_stream *s,
                                     uint64_t timeout_ms,
                                     struct gen_cancel *cancel)
{
    struct want want = { .stream = s, .room = true };

    return wait_for(self, &want, timeout_ms, cancel);
}

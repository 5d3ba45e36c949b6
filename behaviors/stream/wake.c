/*
 * wake.c -- waking those who wait at a stream.
 */
#include "stream/stream.h"

/* A few of the last ones; how many. */
static size_t take(struct stream_crowd *crowd, struct rt_wake_up *ups)
{
    size_t count = 0;

    while (count < STREAM_WAKES && crowd->count > 0) {
        struct stream_seat *seat = &crowd->seats[--crowd->count];

        ups[count++] = seat->up;
        rt_wake_take(seat->waiter);
    }
    return count;
}

/* The crowd that is to be woken becomes `waking`, which is empty: who comes
 * from now on waits for what comes. */
static bool next_crowd(struct gen_stream *s)
{
    struct stream_crowd *crowd = s->waiting.wake ? &s->waiting : &s->senders;
    struct stream_crowd empty = s->waking;

    if (!crowd->wake)
        return false;
    crowd->wake = false;
    s->waking = *crowd;
    *crowd = empty;
    return true;
}

/* With the lock held, which it gives up while it wakes: a few at a time. */
static void wake_all(struct gen *self, struct gen_stream *s,
                     struct stream_crowd *crowd)
{
    struct rt_wake_up ups[STREAM_WAKES];
    size_t count;

    crowd->wake = true;
    if (s->is_waking)
        return; /* who wakes goes on with it */
    s->is_waking = true;
    while (next_crowd(s)) {
        while ((count = take(&s->waking, ups)) > 0) {
            rt__unlock(&s->lock);
            rt_wake_all(s->rt, self, ups, count);
            gen__stream_lock(s);
        }
    }
    s->is_waking = false;
}

void gen__stream_wake(struct gen *self, struct gen_stream *s)
{
    bool armed;

    gen__stream_lock(s);
    wake_all(self, s, &s->waiting);
    armed = s->armed != NULL;
    rt__unlock(&s->lock);
    if (armed)
        gen__stream_announce(self, s);
}

void gen__stream_wake_senders(struct gen *self, struct gen_stream *s)
{
    gen__stream_lock(s);
    wake_all(self, s, &s->senders);
    rt__unlock(&s->lock);
}

/*
 * lag.c -- what becomes of a cursor that has fallen behind. Pure.
 *
 *   policy  it is behind by more than its window, or its place is gone
 *   ------  ----------------------------------------------------------
 *   KEEP    never the case: nothing it has not read is given back
 *   BLOCK   the same: publishers wait
 *   SKIP    on to the oldest in its window, and it is told
 *   LATEST  on to the newest
 *   END     it has ended
 *
 * Source: spec/eventstream.md 3.3.
 */
#include "stream/stream.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

enum stream_verdict gen__stream_lag(const struct stream_place *place,
                                    uint64_t *target)
{
    uint64_t behind = place->front - place->position;
    bool gone = place->position < place->kept;

    switch (place->lag) {
    case GEN_STREAM_KEEP:
    case GEN_STREAM_BLOCK:
        return STREAM_READ;
    case GEN_STREAM_END:
        return gone || behind > place->window ? STREAM_OVER : STREAM_READ;
    case GEN_STREAM_SKIP:
        if (!gone && behind <= place->window)
            return STREAM_READ;
        *target = place->kept;
        if (place->front > place->window)
            *target = larger(*target, place->front - place->window);
        return STREAM_JUMP;
    case GEN_STREAM_LATEST:
        if (!gone && behind <= 1)
            return STREAM_READ;
        *target = larger(place->kept, place->front - 1);
        return STREAM_PASS;
    }
    return STREAM_READ;
}

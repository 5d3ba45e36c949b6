/*
 * resume.c -- where following goes on after a connection was lost. Pure.
 *
 *   the stream there    what was asked for  readers here get
 *   ------------------  ------------------  -----------------------------------
 *   is the one of then  is kept             the next event: nobody notices
 *   is the one of then  is gone             how many they missed, or a snapshot
 *   is another          means nothing       one and those it does not keep any
 *                                           more as missed, or a snapshot
 *
 * Source: spec/eventstream.md 3.4.
 */
#include "stream/remote.h"

uint64_t gen__stream_resume(const struct stream_resume *r)
{
    if (r->next)
        return r->front;
    if (r->life != r->ours || r->from < r->first || r->from > r->front)
        return r->first;
    return r->from;
}

enum stream_again_what gen__stream_again(const struct stream_again *a,
                                         uint64_t *gap)
{
    bool same = a->life == a->there_life && a->seq >= a->expect;

    if (!a->begun || (same && a->seq == a->expect))
        return STREAM_GO_ON;
    *gap = same ? a->seq - a->expect : a->seq + 1;
    return a->owner ? STREAM_SNAPSHOT : STREAM_GAP;
}

/*
 * log_limit.c -- which events a log handler takes: see log_limit.h.
 */
#include "log_limit.h"

#include <stddef.h>

/* The first event after a window begins the next one. */
static bool fits_window(struct log_limit *l, uint64_t now_ns)
{
    if (l->burst_max == UINT64_MAX)
        return true;
    if (now_ns >= l->window_end_ns) {
        l->window_end_ns = now_ns + l->burst_ns;
        l->in_window = 0;
    }
    return l->in_window < l->burst_max;
}

static bool fits_queue(struct log_limit *l, uint64_t queued)
{
    if (queued >= l->queue_max)
        l->full = true;
    else if (queued <= l->queue_max / 2)
        l->full = false;
    return !l->full;
}

bool rt__log_limit_take(struct log_limit *l, uint64_t now_ns, uint64_t queued,
                        uint64_t *dropped)
{
    if (!fits_queue(l, queued) || !fits_window(l, now_ns)) {
        l->dropped++;
        return false;
    }
    l->in_window++;
    *dropped = l->dropped;
    l->dropped = 0;
    return true;
}

void rt__log_limit_lost(struct log_limit *l, uint64_t dropped)
{
    l->dropped += dropped + 1;
}

uint64_t rt__log_limit_told(struct log_limit *l, uint64_t now_ns,
                            uint64_t *deadline_ns)
{
    uint64_t dropped = l->dropped;

    l->full = false;
    *deadline_ns = UINT64_MAX;
    if (dropped > 0 && l->burst_max != UINT64_MAX &&
        l->in_window >= l->burst_max && now_ns < l->window_end_ns) {
        *deadline_ns = l->window_end_ns;
        return 0;
    }
    l->dropped = 0;
    return dropped;
}

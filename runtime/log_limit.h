/*
 * log_limit.h -- which events a log handler takes, and which it drops.
 *
 * Pure: no clock, no lock. Private to runtime/.
 *
 *   state     what comes is                       until
 *   --------  ---------------------------------- ------------------------------
 *   taking    taken                               the queue is full, or the
 *                                                 burst is
 *   full      dropped                             the queue is half empty
 *   burst     dropped                             the window of time ends
 *
 * What was dropped is counted, and told once it is over: in front of the next
 * event that is taken, or when there is none by rt__log_limit_told().
 */
#ifndef LOG_LIMIT_H
#define LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct log_limit {
    uint64_t queue_max;
    uint64_t burst_max; /* UINT64_MAX: none */
    uint64_t burst_ns;

    bool full;
    uint64_t window_end_ns; /* events before it are of one window */
    uint64_t in_window;
    uint64_t dropped; /* not told yet */
};

/* An event comes while `queued` wait: is it taken? If so *dropped is how many
 * were dropped before it, which counts as told. */
bool rt__log_limit_take(struct log_limit *l, uint64_t now_ns, uint64_t queued,
                        uint64_t *dropped);

/* An event that was taken could not be kept. */
void rt__log_limit_lost(struct log_limit *l, uint64_t dropped);

/* Nothing waits. Returns what is to be told now, which counts as told; if that
 * is 0, *deadline_ns is when to ask again (UINT64_MAX: nothing to tell). */
uint64_t rt__log_limit_told(struct log_limit *l, uint64_t now_ns,
                            uint64_t *deadline_ns);

#endif

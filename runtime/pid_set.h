/*
 * pid_set.h -- pids of local processes, of which some may be dead: those make
 * place when it grows.
 *
 * Private to runtime/. All zero is an empty one. Guarded by its owner's lock.
 */
#ifndef RT_PID_SET_H
#define RT_PID_SET_H

#include <agner/rt.h>

struct pid_set {
    etf_term *pids; /* owned: words */
    uint32_t count, capacity;
};

/* Once more each time. false: no memory. */
bool rt__pids_add(struct rt *rt, struct pid_set *set, etf_term pid);
/* One of them. false: it is not there. */
bool rt__pids_remove(struct pid_set *set, etf_term pid);

#endif

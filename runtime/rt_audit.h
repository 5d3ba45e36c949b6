/*
 * rt_audit.h -- the door for whoever checks a runtime from outside: what can be
 * seen only in its inner state.
 *
 * Not installed. For simulated runtimes, between steps: then nobody runs, so
 * what is seen is a state that lasts.
 */
#ifndef RT_AUDIT_H
#define RT_AUDIT_H

#include <stdint.h>

struct rt;

struct rt_audit {
    uint64_t processes; /* that live; attached threads not counted */
    uint64_t waiting;   /* of those: in the middle of their code, on a stack */
    uint64_t stacks;    /* that are in use: theirs, and one of each worker */
    /* Spec I3, G10: both 0, or a wake-up was lost. */
    uint64_t lost;  /* have a signal that nobody will make them look at */
    uint64_t stuck; /* wait for what is in their queue already */
    /* Have more messages than their mailbox's limit. Who drops the oldest does
     * so when it runs, and is not among them. */
    uint64_t over;
};

/* Looks at every process: takes time in proportion to how many there ever
 * were at once. */
void rt__audit(const struct rt *rt, struct rt_audit *audit);

#endif

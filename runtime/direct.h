/*
 * direct.h -- the callee's side of native requests: see direct.c.
 */
#ifndef RT_DIRECT_H
#define RT_DIRECT_H

#include "process.h"

/* Does the asker still wait? */
bool rt__direct_wanted(struct envelope *m);
/* Answers a request that is not handed out. */
void rt__direct_fail(struct envelope *m, enum agner_err err);
/* Puts it into the list of those to be answered; NULL: failed, and answered so.
 */
const struct rt_direct *rt__direct_open(struct process *p, struct envelope *m);
/* Fails those that are still in the list. */
void rt__direct_end(struct process *p);

#endif

/*
 * waits.h -- for the watchdog: where a worker's code is stuck.
 *
 * Private to runtime/.
 */
#ifndef RT_WAITS_PRIVATE_H
#define RT_WAITS_PRIVATE_H

#include "worker.h"

/* One place in words, of RT_PLACE_SIZE bytes. false: it is not known. */
bool rt__stuck_site(struct rt *rt, const struct worker *w, char *text);

#endif

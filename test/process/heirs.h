/*
 * heirs.h -- environments, group leaders and events of actors: see heirs.c.
 */
#ifndef TEST_HEIRS_H
#define TEST_HEIRS_H

#include "oracle.h"

/* `a` will have what `parent` (NULL: the test) has, and what is drawn. */
void heir_born(struct actor *a, const struct actor *parent,
               struct rt_spawn_options *options, struct gen *self);
/* Changes something, and sees that it is as it should be. */
void heir_one(struct gen *self, struct actor *me);
void heir_check(struct gen *self, const struct actor *me);

/* Begins, ends, tells an event, or listens to one, or no more. */
void event_one(struct gen *self, struct actor *me);
void saw_event(struct actor *me, etf_term event);
void saw_event_down(struct actor *me, etf_ref ref);
void check_events(struct play *play);

#endif

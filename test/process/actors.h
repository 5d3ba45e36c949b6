/*
 * actors.h -- processes that do drawn things: see actors.c.
 */
#ifndef TEST_ACTORS_H
#define TEST_ACTORS_H

#include "oracle.h"

/* One more actor, made by `self` on `side`; NULL: there are enough, or it could
 * not be made. */
struct actor *actor_make(struct play *play, struct side *side, struct gen *self,
                         struct actor *parent);

#endif

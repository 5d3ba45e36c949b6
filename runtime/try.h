/*
 * try.h -- where rt_exit() goes when somebody catches it.
 *
 * Private to runtime/. Frames are on the stack of the code that called
 * rt_try(), innermost first in gen.trying.
 */
#ifndef TRY_H
#define TRY_H

#include "process.h"
#include "rt_try.h"

/* Leaves for the innermost rt_try() of self's code, unless there is none, or
 * the process must end, which nobody catches: then returns. */
void rt__try_leave(struct gen *self, etf_term reason);

#endif

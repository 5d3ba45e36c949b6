/*
 * pipeline.h -- the stages of the example: see main.c.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <agner/gen.h>

#define PIPELINE_WORKERS 4

/* Takes lines, gives {Word, Count} for the words of each batch. */
extern const struct gen_stage pipeline_worker;
/* Adds up what the workers give. The call {top, N} is answered, when all of
 * them are done, with {Words, Different, [{Word, Count}, ...]}, at most N. */
extern const struct gen_stage pipeline_reducer;

#endif

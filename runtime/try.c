/*
 * try.c -- a part of a callback that may fail without the process.
 *
 * rt_try() notes where it is and calls the body; rt_exit() jumps back to the
 * innermost such place. What ends the whole process is not caught: then
 * rt_exit() goes past all frames, and run.c forgets them.
 */
#include "try.h"
#include "worker.h"

void rt__try_leave(struct gen *self, etf_term reason)
{
    struct rt_try_frame *frame = self->trying;

    if (frame == NULL || rt__must_end(self->process) != AGNER_OK)
        return;
    /* It may lie in what the body is about to lose. */
    frame->reason = etf_copy(&self->scratch, reason);
    if (etf_is_none(frame->reason))
        frame->reason = ETF_A(error);
    RT_MARK_BACK(frame->here);
}

struct rt_try_frame **rt__tries(struct gen *self)
{
    return &self->trying;
}

enum agner_err rt_try(struct gen *self,
                      void (*body)(struct gen *self, void *arg), void *arg,
                      etf_term *reason)
{
    struct rt_try_frame frame;

    frame.outer = self->trying;
    self->trying = &frame;
    if (RT_MARK_SET(frame.here) == 0) {
        body(self, arg);
        self->trying = frame.outer;
        return AGNER_OK;
    }
    self->trying = frame.outer;
    if (reason != NULL)
        *reason = frame.reason;
    return AGNER_EEXIT;
}

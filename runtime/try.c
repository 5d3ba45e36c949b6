/*
 * try.c -- a part of a callback that may fail without the process.
 *
 * rt_try() notes where it is and calls the body; rt_exit() jumps back to the
 * innermost such place. What ends the whole process is not caught: then
 * rt_exit() goes past all frames, and run.c forgets them.
 */
#include <setjmp.h>

#include "try.h"
#include "worker.h"

struct try_frame {
    struct try_frame *outer; /* borrowed: on the same stack, or NULL */
    etf_term reason;
    jmp_buf here;
};

void rt__try_leave(struct gen *self, etf_term reason)
{
    struct try_frame *frame = self->trying;

    if (frame == NULL || rt__must_end(self->process) != AGNER_OK)
        return;
    /* It may lie in what the body is about to lose. */
    frame->reason = etf_copy(&self->scratch, reason);
    if (etf_is_none(frame->reason))
        frame->reason = ETF_A(error);
    _longjmp(frame->here, 1);
}

enum agner_err rt_try(struct gen *self,
                      void (*body)(struct gen *self, void *arg), void *arg,
                      etf_term *reason)
{
    struct try_frame frame = { .outer = self->trying };

    self->trying = &frame;
    if (_setjmp(frame.here) == 0) {
        body(self, arg);
        self->trying = frame.outer;
        return AGNER_OK;
    }
    self->trying = frame.outer;
    if (reason != NULL)
        *reason = frame.reason;
    return AGNER_EEXIT;
}

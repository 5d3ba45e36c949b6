/*
 * rt_try.h -- a place to come back to from code that leaves by rt_exit().
 *
 * A door: containment that is called millions of times a second (gen_recover())
 * does what rt_try() does without a call in between. A frame is on the stack of
 * the function that sets its mark, which must not return before it has taken
 * the frame off the list:
 *
 *     struct rt_try_frame frame, **innermost = rt__tries(self);
 *
 *     frame.outer = *innermost;
 *     *innermost = &frame;
 *     if (RT_MARK_SET(frame.here) == 0)
 *         body();                         returned
 *     else
 *         frame.reason ...                has left
 *     *innermost = frame.outer;
 */
#ifndef RT_TRY_H
#define RT_TRY_H

#include <setjmp.h>

#include <agner/rt.h>

#include "sanitizer.h"

/*
 * The compiler's own mark is three words, and what else there is to keep is on
 * the stack; the C library's is all registers, but the sanitizers know of it.
 */
#if defined(__x86_64__) && !defined(RT_ASAN) && !defined(RT_TSAN)
typedef void *rt_mark[5];
#define RT_MARK_SET(mark)  __builtin_setjmp(mark)
#define RT_MARK_BACK(mark) __builtin_longjmp(mark, 1)
#else
typedef jmp_buf rt_mark;
#define RT_MARK_SET(mark)  _setjmp(mark)
#define RT_MARK_BACK(mark) _longjmp(mark, 1)
#endif

struct rt_try_frame {
    struct rt_try_frame *outer; /* borrowed: on the same stack, or NULL */
    etf_term reason;            /* written before it comes back; in scratch */
    rt_mark here;
};

/* Where the innermost frame of self's code is noted; NULL in it: none. */
struct rt_try_frame **rt__tries(struct gen *self);

#endif

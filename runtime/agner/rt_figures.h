/*
 * rt_figures.h -- what a process or an object shows of itself without being
 * asked.
 *
 * Who is stuck answers no questions, and that is when one wants to look. So a
 * stage, a saga, a queue keeps its figures where others may read them, and says
 * here how: `show` runs on the thread of whoever looks. `agner stage`, `agner
 * saga` and `agner services` print what comes of it.
 *
 * Included by rt.h.
 */
#ifndef AGNER_RT_FIGURES_H
#define AGNER_RT_FIGURES_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt_figures {
    const char *kind; /* borrowed: static; as `stage` */
    etf_pid pid;      /* whose; all zero: of an object */
    /* Makes the figures as a term in `r`, usually a map; ETF_NONE: no memory.
     * Any thread, also while the owner runs: it reads atomics, or takes a lock
     * for a few instructions. It never waits. */
    etf_term (*show)(const struct rt_figures *figures, struct etf_region *r);
    struct rt_figures *next, *prev; /* private */
};

/* Puts `figures` on the list: it stays there, at its address, until it is taken
 * off. Any thread. */
AGNER_API void rt_figures_add(struct rt *rt, struct rt_figures *figures);

/* Takes it off; when it returns nobody reads it any more. Does nothing if it is
 * not there. Any thread; a process does so in its `destroy` at the latest. */
AGNER_API void rt_figures_remove(struct rt *rt, struct rt_figures *figures);

/* [{Pid, Term}] of all of a kind, in the order in which they were added; Pid is
 * the atom `undefined` for an object. A list in `r`; ETF_NONE: no memory. Any
 * thread. */
AGNER_API etf_term rt_figures_list(struct rt *rt, struct etf_region *r,
                                   const char *kind);

#ifdef __cplusplus
}
#endif

#endif

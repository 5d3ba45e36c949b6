/*
 * query.h -- asking a process about itself.
 *
 * Private to runtime/.
 */
#ifndef RT_QUERY_H
#define RT_QUERY_H

#include "process.h"

/*
 * Asks the local process `to`, self too. `question`: ETF_NONE for all that
 * rt_process_info() tells; a number for as many of the messages that wait; the
 * atom `info` for what rt_process_brief() does;
 * {alias, Ref} or {monitor, Ref}. The answer is in self's care. AGNER_ENOPROC,
 * AGNER_ETIMEOUT (its code computes), AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED.
 */
enum agner_err rt__ask(struct gen *self, etf_term to, etf_term question,
                       etf_term *answer);
/* What `p` says to that. Owner. ETF_NONE: no memory. */
etf_term rt__answer(struct etf_region *r, struct process *p, etf_term question);
/* Answers an ENVELOPE_INFO, and frees it. Owner of `p`. */
void rt__query_answer(struct rt *rt, struct worker *worker, struct process *p,
                      struct envelope *m);

/* ---- info.c ---- */

/* All that is known of `p`, for rt_process_info(), or the little of
 * rt_process_brief(). Owner. */
etf_term rt__info_term(struct etf_region *r, struct process *p);
/* The first `count_max` messages in its queue. Owner. */
etf_term rt__messages_term(struct etf_region *r, const struct process *p,
                           uint64_t count_max);
etf_term rt__brief_term(struct etf_region *r, struct process *p);

#endif

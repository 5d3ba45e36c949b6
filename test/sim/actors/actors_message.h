/*
 * actors_message.h -- what actors send each other, and what they do with it.
 *
 * Private to test/sim/actors/.
 *
 *   {m, From, To, Seq, Stamp, Bytes, Sum}   a message; also in a cast. To and
 * Seq are 0 when the receiver is not named by its pid {c, From, To, Id, How} a
 * call; answered {r, Id} {t, Id}                                 a timer's
 *   {probe, Id}                             a call of the oracle's; {r, Id}
 *   {x, From, To}                           the reason of an exit signal
 *   {e, Number}                             the reason of an own end
 */
#ifndef ACTORS_MESSAGE_H
#define ACTORS_MESSAGE_H

#include "actors_play.h"

/* How a call is answered. */
enum call_how {
    CALL_NOW,
    CALL_BEHIND_A_MESSAGE, /* the callee sends one to the caller before */
    CALL_LATER,            /* when something else comes */
    CALL_NEVER,
    CALL_EXIT, /* the callee ends in place of it */
    CALL_HOWS
};

/* {m, ...} from `life`. `seq` 0 with a `to` of 0. */
etf_term actors_message(struct life *life, struct gen *self, uint64_t to,
                        uint64_t seq, size_t size);
/* Sends one by pid. `flags` of rt_send_with(). */
enum agner_err actors_send(struct life *life, struct gen *self, struct life *to,
                           size_t size, bool cast, unsigned flags);

void actors_take_call(struct life *life, struct gen *self,
                      const struct gen_from *from, etf_term request);
void actors_take_cast(struct life *life, struct gen *self, etf_term request);
void actors_take_exit(struct life *life, struct gen *self, etf_term who,
                      etf_term reason);
/* Answers the calls that were put off. */
void actors_answer_held(struct life *life, struct gen *self);

/* Puts what `life` does into the trace. */
void actors_note(const struct life *life, const char *what, int64_t n);

#endif

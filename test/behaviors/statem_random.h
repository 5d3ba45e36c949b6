/*
 * statem_random.h -- random programs for state machines, and what they must do.
 */
#ifndef STATEM_RANDOM_H
#define STATEM_RANDOM_H

#include <agner/etf.h>

/* Appends one program in the language of statem_cases.txt, drawn from `seed`.
 * `timed`: it has time-outs that run out, and sleeps; otherwise the longest
 * never do. */
void statem_random(uint64_t seed, bool timed, struct etf_buffer *out);

/* Appends the trace that the program must leave: a plain model of gen_statem,
 * with time as a number. False: it goes on for ever, or two time-outs run
 * out so close to each other that their order is not told, or memory is out.
 * Uses `r` for terms. */
bool statem_model(struct etf_region *r, etf_term program,
                  struct etf_buffer *out);

#endif

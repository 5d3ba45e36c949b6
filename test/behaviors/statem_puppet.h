/*
 * statem_puppet.h -- a state machine that does what its events say.
 *
 * The C side of statem_trace.escript: the same machines and the same driver, so
 * that the two write the same trace. statem_cases.txt has the language.
 */
#ifndef STATEM_PUPPET_H
#define STATEM_PUPPET_H

#include <agner/gen.h>

/* Appends the trace of one case, {Name, Machine, Steps}, to `out`. `self` is a
 * process with nothing in its mailbox. False: the case cannot be read, or
 * memory is out. */
bool puppet_play(struct gen *self, etf_term the_case, struct etf_buffer *out);

/* The machine of that name: sf, sfe, he, hee; or NULL. */
const struct gen_statem *puppet_machine(etf_term name);

#endif

/*
 * hand.h -- an event handler that does what it is told and says so.
 *
 * Shared by the tests of gen_event. Its args are {Witness, Name} or {Witness,
 * {Name, Command}}; in a swap {Args, Term}. The witness gets lines "name what
 * term": in, in-for (with Term), event, call, info, out (with terminate's
 * argument) and "name destroy". Events, calls and infos obey commands, if
 * {only, Name, Command} is not meant for another:
 *
 *   {leave, R}                   rt_exit from here
 *   {error, R}                   gen_event_error
 *   {bad}                        a value that is no gen_event_next
 *   {remove}                     GEN_EVENT_REMOVE
 *   {swap, OldArgs, Id, Name}    gen_event_swap for {hand, Id}
 *   {swap_unknown}               GEN_EVENT_SWAP and nothing to swap with
 *   {hibernate}                  GEN_EVENT_HIBERNATE
 *   {reply, T}                   the answer of a call; without it `ok`
 *   {keep, T}                    keeps T in a box of the state
 *   {give_and_remove}            answers what was kept, and GEN_EVENT_REMOVE
 *   {give_and_swap, Id}          swaps with what was kept as both arguments
 *   {wait}                       waits in the middle for the message `go`
 *   {stop, R}                    rt_stop: ends the manager
 *   {then, A, B}                 A, then B, whose return value holds
 *
 * Terminate with {wait} waits for `go`, with {leave, R} leaves, with `give`
 * returns what was kept, else {left, Argument}.
 */
#ifndef HAND_H
#define HAND_H

#include "probe.h"

extern const struct gen_event_handler hand;
/* Another table that does the same, under the name `foot`. */
extern const struct gen_event_handler foot;
/* Nothing but a name: every default. */
extern const struct gen_event_handler idle_hand;

/* {Witness, What}. */
etf_term hand_args(struct probe_world *world, const char *what);

#endif

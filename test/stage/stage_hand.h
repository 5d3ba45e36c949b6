/*
 * stage_hand.h -- a stage that does what it is told and tells what it sees.
 *
 * Its args are {Owner, Name, Options}, the options a list of: role (producer,
 * consumer, producer_consumer, auto), dispatcher (demand, broadcast,
 * {partition, N}, {partition, Names}), buffer, keep (first, last), demand
 * (forward, accumulate), {subscribe_to, To}, {refuse, Reason} for whoever
 * subscribes, {trap, true}, {supply, N}: answers demand with the numbers from N
 * on.
 *
 * What its callbacks get goes to the owner as {Name, What, ...}: {subscribe,
 * Options}, {demand, N}, {events, List}, {cancel, Kind, Reason}, subscribed,
 * {canceled, Kind, Reason}, {info, M}, {terminate, R}, {discarded, N}; Kind is
 * `cancel` or `down`.
 *
 * Calls: {emit, List} is answered with {Delivered, Buffered, Discarded};
 * {subscribe, To, Max, Min, Manual, Mode, Extra} (Mode 0 to 2; Extra a list),
 * {resubscribe, Ref, Reason, Max, Min}, {ask, Ref, N}, {cancel, Ref, Reason},
 * {auto, Ref, Bool}, {mode, Ref, Mode}, {forward, Bool}, {wait} (until `go`
 * comes), {stop, R}: `ok`, {ok, Ref}, or the negative code.  {last} is the
 * reference of the newest consumer. Anything else is its own answer.
 */
#ifndef STAGE_HAND_H
#define STAGE_HAND_H

#include "../process/bed.h"

#include <agner/gen.h>

extern const struct gen_stage stage_hand;

/* Starts one. `options` in Erlang syntax, with values for `_`. */
#define hand_start(bed, name, options, ...) \
    hand_start_with((bed), (name), \
                    etf_make((bed)->self, options, ##__VA_ARGS__))
etf_term hand_start_with(struct bed *bed, const char *name, etf_term options);

/* A call; its answer must be this text. */
#define hand_do(bed, stage, answer, request, ...) \
    hand_do_with((bed), (stage), (answer), \
                 etf_make((bed)->self, request, ##__VA_ARGS__))
void hand_do_with(struct bed *bed, etf_term stage, const char *answer,
                  etf_term request);

/* The next that the hand of that name tells must be this text. */
void hand_expect(struct bed *bed, const char *name, const char *text);
/* ... and nothing more, of anybody, once everything is quiet. */
#define hand_expect_nothing bed_expect_nothing

/* Subscribes `consumer` by hand or not, and takes in what both tell of it. */
etf_ref hand_subscribe(struct bed *bed, etf_term consumer, etf_term producer,
                       int max, int min, bool manual, int mode);
etf_ref hand_subscribe_to(struct bed *bed, etf_term consumer, etf_term producer,
                          int max, int min, bool manual, int mode,
                          etf_term extra);

/* Its newest consumer. */
etf_ref hand_last(struct bed *bed, etf_term producer);

/* The process has ended, whatever for. */
void hand_await_end(struct bed *bed, etf_term stage);

#endif

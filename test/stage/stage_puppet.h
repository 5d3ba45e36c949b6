/*
 * stage_puppet.h -- the stage of genstage_record.exs (its module Puppet), in C.
 *
 * Its args are {Role, Mode, Options, Recorder}: the role's atom; what it does
 * with demand and events; GenStage's options, as a list; and the pid that is
 * told {note, What} of each callback.
 *
 *   mode             demand                     events, of a middle
 *   ---------------  -------------------------  -----------------------
 *   counter          the next integers          -
 *   {at_most, K}     at most K of them at once  -
 *   {until, K}       those below K              -
 *   hold             nothing                    nothing
 *   same             -                          the same
 *   twice            -                          each twice
 *   even             -                          integers that are even
 *   manual           -                          nothing; asks when told to
 *
 * It obeys the calls {emit, Events}, {ask, I, N} and {cancel, I, Why} of its
 * I-th subscription, and {stop, Why}.
 */
#ifndef STAGE_PUPPET_H
#define STAGE_PUPPET_H

#include <agner/gen.h>

extern const struct gen_stage puppet_stage;

#endif

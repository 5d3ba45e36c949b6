/*
 * members.h -- children to supervise, and a record of their lives.
 *
 * For the supervisor's tests, in the simulated world: one thread, so the record
 * needs no lock. A member's args are {Id, Command}, or Id alone; it writes
 * "+Id" when it starts and "-Id Reason" when it has ended ("-Id" when it was
 * killed), in the order in which that happens. Commands:
 *
 *   ok                 nothing else
 *   ignore             init returns GEN_IGNORE
 *   {fail, R}          init stops with R
 *   {fail_when, R}     so it does while members_fail() asks for it
 *   {slow, Ms}         terminate takes so long
 *   {stubborn, Ms}     so does an exit signal: it traps exits, and waits
 *   {unlink}           init takes the link to its parent away
 *   {unlink_at_end}    terminate does
 *   {leave, R}         ends in init by rt_exit()
 *
 * Running members obey the casts {stop, R}, {leave, R} and {unlink}, and answer
 * the call `who` with their args.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include "../process/bed.h"

#include <agner/gen.h>

extern const struct gen_server member_server;

/* A bed in the simulated world, and an empty record. */
void members_open(struct bed *bed, uint64_t seed);
void members_close(struct bed *bed);

/* What has been written since the last call, words apart by a blank. */
const char *members_record(void);
void members_note(const char *word);
/* The next `count` inits of {fail_when, _} fail. */
void members_fail(unsigned count);

/* Everything that happens by itself within `ms`. */
void members_run(struct bed *bed, uint64_t ms);

/* A term of this text, in the region of the test's process. */
etf_term members_term(struct bed *bed, const char *text);
void members_expect_term(struct bed *bed, etf_term t, const char *text);

/* Starts and links; the test fails when that does. */
etf_term members_supervise(struct bed *bed, const struct gen_supervisor *table);
/* The pid of the child with that id, as which_children tells; all zero: none.
 */
etf_pid members_pid(struct bed *bed, etf_term sup, const char *id);
/* [{Id, running | undefined | restarting}], as which_children tells, in the
 * order of start. */
void members_expect_children(struct bed *bed, etf_term sup, const char *text);
/* Has the child with that id end with `reason`, and waits until all is quiet.
 */
void members_end(struct bed *bed, etf_term sup, const char *id,
                 const char *reason);
/* The next message of the test is the exit of `sup`, with that reason. */
void members_expect_exit(struct bed *bed, etf_term sup, const char *reason);
/* How many processes there are besides the test's own. */
size_t members_alive(struct bed *bed);

#endif

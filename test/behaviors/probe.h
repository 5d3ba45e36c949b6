/*
 * probe.h -- a server that does what it is told, and a witness of what it did.
 *
 * Shared by the tests of behaviors/. cmocka's assertions jump, so nothing in a
 * callback asserts: it writes a line into the witness, and the test, on its own
 * stack, waits for lines and compares them.
 */
#ifndef PROBE_H
#define PROBE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>

#define PROBE_LONG_MS 60000u /* a deadline that only a defect reaches */

/* Lines, written by any thread. */
struct witness {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    char text[16384];
    size_t used;
    atomic_bool overlapped; /* two callbacks of one probe ran at once: I5 */
};

void witness_init(struct witness *w);
void witness_fini(struct witness *w);
/* Adds the line "what" or "what term". */
void witness_add(struct witness *w, const char *what, etf_term term);
/* Waits until `lines` is part of the text. False when the deadline passes. */
bool witness_await(struct witness *w, const char *lines);
/* How often `lines` is there. */
unsigned witness_count(struct witness *w, const char *lines);
/* Everything so far, as a copy in `buffer`. */
const char *witness_text(struct witness *w, char *buffer, size_t size);
void witness_reset(struct witness *w);

/* A runtime, the test's own thread as a process of it, and two witnesses. */
struct probe_world {
    struct rt *rt;
    struct gen *self;
    struct witness seen; /* what probes did */
    struct witness log;  /* what the runtime logged */
};

int probe_world_start(void **state);
int probe_world_stop(void **state);

/*
 * The probe. Its args are {Witness, Command}: init obeys the command. So do
 * calls, casts and infos; the witness gets "init", "call C", "cast C", "info
 * C", "continue A", "terminate R" and "destroy". Commands:
 *
 *   {reply, T}           answers T
 *   {reply_later}        keeps the call; {answer, T} answers it
 *   {stop, R}            gen_stop
 *   {stop_reply, R, T}   gen_stop_reply
 *   {leave, R}           rt_exit from here
 *   {timeout, Ms}        gen_timeout
 *   {continue, A}        gen_continue; the continue obeys A
 *   {hibernate}          gen_hibernate
 *   {ignore}             GEN_IGNORE
 *   {bad}                a value that is no gen_next
 *   {add, N}             adds N to its number; answers the sum
 *   {call, To, Req, Ms}  gen_call; answers {Err, Reply}
 *   {wait}               waits in the middle for the message `go`
 *   {trap, Bool}, {link, Pid}
 *   {then, A, B}         A, then B, whose return value holds
 *   anything else        nothing
 *
 * Terminate with the reason `slow` waits for the message `go`.
 */
extern const struct gen_server probe_server;
/* The same with quiet_exit. */
extern const struct gen_server probe_quiet_server;

/* {Witness, Command} from Erlang text. */
etf_term probe_args(struct probe_world *world, const char *command);
/* Starts a probe; the test fails when that fails. */
etf_term probe_start(struct probe_world *world, const char *command);
/* A term from Erlang text. */
etf_term probe_term(struct probe_world *world, const char *text);
/* Calls with a command and compares the answer with `expected`. */
void probe_expect(struct probe_world *world, etf_term probe,
                  const char *command, const char *expected);
/* Is `t` what this text says? */
bool probe_equal(struct probe_world *world, etf_term t, const char *text);
void probe_wait_dead(struct probe_world *world, etf_term probe);
/* Nothing waits in the test's own mailbox. */
void probe_mailbox_empty(struct probe_world *world);

/* What gen_direct() asks a probe. */
enum probe_direct {
    PROBE_DIRECT_TWICE,  /* twice the number */
    PROBE_DIRECT_LATER,  /* answered by the cast {answer_direct} */
    PROBE_DIRECT_REFUSE, /* AGNER_ENOTSUP */
    PROBE_DIRECT_STOP,   /* ends without an answer */
};
struct probe_request {
    enum probe_direct what;
    intptr_t number;
};

#endif

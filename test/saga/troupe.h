/*
 * troupe.h -- sagas and workers that do what a test says, and tell what they
 * saw.
 *
 * A saga is started with {Name, Boss}. It tells the boss {Name, Event, ...}:
 * {Name, new, TX, Value}, {Name, result, TX, Next, R}, {Name, cancel, TX, R},
 * {Name, done, TX, R}, {Name, interim, TX, Next, V}, {Name, prepare, TX, F},
 * {Name, commit, TX, F}, {Name, job, What, TX, Job, V} and {Name, info, M}. Its
 * workers tell {worker, Pid, Event, ...}. An order is a call; the answer is ok,
 * or {ok, Ref}, or {error, Code}.
 */
#ifndef TEST_TROUPE_H
#define TEST_TROUPE_H

#include "bed.h"

#include <agner/gen.h>

extern const struct gen_saga troupe_saga;

/* What is said when the saga or the worker is asked to prepare: `no` if its
 * name, or `worker`, is this. NULL: all say yes. */
extern const char *troupe_refuses;
/* The store that sagas which are registered use; NULL: none. */
extern struct gen_store *troupe_store;

etf_pid troupe_start(struct gen *self, const char *name, bool registered);

/* Calls with an order in Erlang syntax with values; what it answered. */
#define troupe_order(self, saga, pattern, ...) \
    troupe_do((self), (saga), etf_make((self), pattern, ##__VA_ARGS__))
etf_term troupe_do(struct gen *self, etf_pid saga, etf_term order);
/* The same; the reference of {ok, Ref}. */
#define troupe_ref(self, saga, pattern, ...) \
    troupe_get((self), (saga), etf_make((self), pattern, ##__VA_ARGS__))
etf_ref troupe_get(struct gen *self, etf_pid saga, etf_term order);
/* The code of {error, Code}; AGNER_OK. */
#define troupe_err(self, saga, pattern, ...) \
    troupe_code((self), (saga), etf_make((self), pattern, ##__VA_ARGS__))
enum agner_err troupe_code(struct gen *self, etf_pid saga, etf_term order);

/* The next message of the test's process that matches `tag` as its second
 * element; others before it stay. Fails the test when none comes. */
etf_term troupe_hear(struct gen *self, const char *name, const char *event);
/* None is there, once everything is quiet. */
bool troupe_silent(struct gen *self, const char *name, const char *event);

#endif

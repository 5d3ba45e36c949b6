/*
 * duo.h -- two nodes on loopback that know each other, servers on both.
 *
 * Attached threads of the test are the processes that it looks through; it
 * asserts on its own stack only.
 */
#ifndef TEST_DUO_H
#define TEST_DUO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>

#include "pair.h"

#define A       "a@127.0.0.1"
#define B       "b@127.0.0.1"
#define WAIT_MS 60000 /* a deadline that only a defect reaches */

struct duo {
    struct node *a, *b;
    struct gen *at_a, *at_b; /* the test's own thread on both */
};

struct duo duo_new(void);
void duo_end(const struct duo *duo);

/* For node_options.rt.log. */
void duo_no_log(void *ctx, enum rt_log_level level, const char *text);

/* The next message must be this text. */
void duo_expect(struct gen *self, const char *text);

/* A server that tells what it gets: {info, M}, {cast, M} and {terminate, R} go
 * to `to`. {stop, R} ends it; a call is answered with its request, but `alias`
 * with a new alias. A native request is an intptr_t and its own answer. */
etf_pid duo_teller(struct gen *self, const char *name, etf_pid to, bool trap);

/* A pid of the second node as the first one knows it. */
etf_pid duo_pid_from_a(const struct duo *duo, etf_pid pid);

#endif

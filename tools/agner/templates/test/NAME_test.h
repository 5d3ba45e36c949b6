/*
 * NAME_test.h -- what the tests share: a runtime, and a check that tells where
 * it failed.
 */
#ifndef CAPS_TEST_H
#define CAPS_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "NAME_parts.h"

#define TEST_MS 10000 /* a deadline for what takes microseconds */

static int failures;

#define CHECK(truth) check((truth), #truth, __FILE__, __LINE__)

static inline bool check(bool truth, const char *text, const char *file,
                         int line)
{
    if (!truth) {
        failures++;
        fprintf(stderr, "%s:%d: not true: %s\n", file, line, text);
    }
    return truth;
}

/* A runtime, and this thread as a process in it. */
static inline struct gen *test_begin(void)
{
    struct rt_options options = { 0 };
    struct agner_error error = { 0 };
    struct rt *rt;
    struct gen *self;

    if (rt_new(&options, &rt, &error) != AGNER_OK) {
        fprintf(stderr, "%s\n", error.text);
        exit(EXIT_FAILURE);
    }
    self = rt_attach(rt);
    if (self == NULL)
        exit(EXIT_FAILURE);
    rt_trap_exit(self, true);
    return self;
}

/* Stops all of it; what main() returns. */
static inline int test_end(struct gen *self)
{
    struct rt *rt = rt_of(self);

    rt_detach(self);
    rt_free(rt, 1000);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Is `t` the term that `text` is in Erlang syntax? */
static inline bool is(struct gen *self, etf_term t, const char *text)
{
    char printed[200];
    etf_term expected;

    if (etf_parse(rt_region(self), text, strlen(text), &expected, NULL, NULL) !=
        AGNER_OK)
        return false;
    if (etf_compare(t, expected) == 0)
        return true;
    fprintf(stderr, "expected %s, not %s\n", text,
            etf_format(printed, sizeof printed, t));
    return false;
}

/* Calls the process of that name: is the answer this term? */
static inline bool answers(struct gen *self, const char *name,
                           const char *request, const char *expected)
{
    etf_term term, reply;

    if (etf_parse(rt_region(self), request, strlen(request), &term, NULL,
                  NULL) != AGNER_OK)
        return false;
    return gen_call(self, etf_atom(name), term, TEST_MS, &reply) == AGNER_OK &&
           is(self, reply, expected);
}

#endif

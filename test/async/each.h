/*
 * each.h -- cases that run on threads and on simulated schedules.
 */
#ifndef TEST_ASYNC_EACH_H
#define TEST_ASYNC_EACH_H

#include <stdint.h>

#include <agner/gen.h>

#include "bed.h"

#define SEEDS 12u

struct each {
    void (*run)(struct bed *bed);
};

static inline void on_each(void **state)
{
    const struct each *each = *state;

    bed_everywhere(each->run, SEEDS);
}

/* A row of a table of tests. */
#define EACH(name) \
    { \
#name, on_each, NULL, NULL, &(struct each) \
        { \
            name \
        } \
    }

static inline etf_pid
start(struct bed *bed, void (*code)(struct gen *self, void *arg), void *arg)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, code, arg, NULL, &pid), AGNER_OK);
    return pid;
}

static inline void join(struct bed *bed, etf_pid pid)
{
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
}

/* Until it waits in the middle of its code. */
static inline void until_it_waits(struct bed *bed, etf_pid pid)
{
    struct rt_process_info info = { .status = RT_STATUS_INIT };

    while (rt_process_glance(bed->rt, pid, &info) != AGNER_OK ||
           info.status != RT_STATUS_CALLING)
        (void)rt_sleep(bed->self, 1);
}

static inline void assert_term(etf_term term, const char *text)
{
    char seen[300];

    assert_string_equal(etf_format(seen, sizeof seen, term), text);
}

#endif

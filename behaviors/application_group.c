/*
 * application_group.c -- the processes that belong to an application: those
 * whose group leader is its master.
 */
#include "application_internal.h"

#define KILL_WAIT_MS 5000 /* for one that is stuck in C, and is left there */

/* Kills those that live; the pid of one of them, or all zero. */
static etf_pid kill_members(struct gen *self, etf_term application)
{
    struct rt *rt = rt_of(self);
    etf_pid pid = { .id = 0 }, one = { .id = 0 };

    while (rt_process_next(rt, pid, &pid)) {
        if (!etf_pid_equal(pid, rt_self(self)) &&
            etf_same(rt_application_of(rt, pid), application) &&
            rt_exit_signal(self, pid, ETF_A(kill)) == AGNER_OK)
            one = pid;
    }
    return one;
}

void gen__application_kill_group(struct gen *self, etf_term application)
{
    etf_pid one = kill_members(self, application);

    /* Again, since one that was killed may just have spawned another. */
    while (!etf_pid_is_none(one) &&
           rt_wait(self, one, KILL_WAIT_MS) == AGNER_OK)
        one = kill_members(self, application);
}

etf_term gen_application_of(struct rt *rt, etf_pid pid)
{
    return rt_application_of(rt, pid);
}

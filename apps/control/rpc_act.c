/*
 * rpc_act.c -- what the control socket does to processes, with its guards.
 *
 * The processes that make a node of the runtime are nobody's to end by mistake:
 * a node without its application_controller goes on, but cannot be stopped in
 * order. They want `force`.
 */
#include "rpc_act.h"

#include "rpc_look.h"

#define KILL_WAIT_MS 1000u

/* The node itself is what belongs to no application, or to kernel. */
static bool is_the_nodes_own(struct gen *self, etf_pid pid)
{
    etf_term application = rt_application_of(rt_of(self), pid);

    return etf_is_none(application) || etf_atom_is(application, "kernel");
}

/* Will the signal end it? One that traps exits gets a message instead. */
static bool is_mortal(struct gen *self, etf_pid pid, etf_term reason)
{
    struct rt_process_info info;

    return etf_same(reason, ETF_A(kill)) ||
           (rt_process_info(self, pid, &info) == AGNER_OK && !info.trap_exit);
}

/* What ends is waited for, so that who asks next sees what became of it. */
enum agner_err rpc__kill(struct rpc_call *c)
{
    etf_term reason = rpc__param(c, "reason");
    bool force = etf_same(rpc__param(c, "force"), ETF_A(true));
    enum agner_err err;
    etf_pid pid;
    bool mortal;

    err = rpc__which(c, "which", &pid);
    if (err != AGNER_OK)
        return err;
    if (!rt_is_alive(rt_of(c->self), pid))
        return rpc__fail(&c->failure, AGNER_ENOPROC, ETF_NONE,
                         "which: no such process on this node");
    if (!force && is_the_nodes_own(c->self, pid))
        return rpc__fail(&c->failure, AGNER_ENOTALLOWED, ETF_NONE,
                         "the node needs this process; force ends it anyway");
    if (etf_is_none(reason))
        reason = ETF_A(kill);
    mortal = is_mortal(c->self, pid, reason);
    err = rt_exit_signal(c->self, pid, reason);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    if (mortal) /* one that computes may take longer: it was told */
        (void)rt_wait(c->self, pid, KILL_WAIT_MS);
    return AGNER_OK;
}

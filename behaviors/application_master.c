/*
 * application_master.c -- the group leader of an application.
 *
 * It is there before the first process of the application and goes after the
 * last: its own end is the application's, with the same reason. It serves I/O
 * requests also while it waits for its keeper to stop the tree, since the tree
 * may want to say something then.
 *
 * Sources: OTP 25, application_master.
 */
#include "application_internal.h"

struct master {
    const struct gen_application *application; /* borrowed: static */
    etf_pid controller, keeper;                /* keeper all zero: it ended */
    etf_pid leader; /* our own, from before we became one */
    bool started;
    struct rt_timer start_timer;
};

static enum agner_err start_keeper(struct gen *self, struct master *m,
                                   etf_term args)
{
    struct rt_spawn_options options = { .label = m->application->name };
    etf_term reason;

    return gen_start_link(self, &gen__application_keeper, args, &options,
                          &m->keeper, &reason);
}

static enum gen_next master_init(struct gen *self, etf_term args)
{
    struct master *m = gen_state(self);
    enum gen_start_type type;
    uint64_t start_ms;
    enum agner_err err;

    if (!gen__application_args(args, &m->application, &type, &start_ms))
        return gen_stop(self, ETF_A(badarg));
    m->controller = rt_parent(self);
    m->leader = rt_group_leader(self);
    err = rt_application_leader(rt_of(self), rt_self(self),
                                etf_atom(m->application->name));
    if (err == AGNER_OK)
        err = rt_set_group_leader(self, rt_self(self), rt_self(self));
    if (err != AGNER_OK)
        return gen_stop(self, etf_text(rt_region(self), agner_strerror(err)));
    (void)rt_trap_exit(self, true);
    if (start_ms != 0 &&
        rt_send_after(self, rt_self_term(self), etf_atom("start_timeout"),
                      start_ms, &m->start_timer) != AGNER_OK)
        return gen_stop(self, etf_atom("enomem"));
    err = start_keeper(self, m, args);
    if (err == AGNER_OK)
        err = gen_cast(
            self, etf_from_pid(NULL, m->controller),
            etf_make(self, "{keeper, _, _}", rt_self(self), m->keeper));
    if (err != AGNER_OK) /* the keeper, if there is one, ends with us */
        return gen_stop(self, etf_text(rt_region(self), agner_strerror(err)));
    return GEN_NEXT;
}

/* The application is up. A life span begins now. */
static enum gen_next started(struct gen *self, struct master *m, etf_term top)
{
    uint64_t lifespan_ms = m->application->lifespan_ms;
    struct rt_timer timer;

    m->started = true;
    (void)rt_cancel_timer(self, &m->start_timer, NULL); /* or there is none */
    if (lifespan_ms != 0 && lifespan_ms != RT_INFINITY &&
        rt_send_after(self, rt_self_term(self), etf_atom("lifespan"),
                      lifespan_ms, &timer) != AGNER_OK)
        return gen_stop(self, etf_atom("enomem"));
    if (gen_cast(self, etf_from_pid(NULL, m->controller),
                 etf_make(self, "{started, _, _}", rt_self(self), top)) !=
        AGNER_OK)
        return gen_stop(self, etf_atom("enomem"));
    return GEN_NEXT;
}

static enum gen_next master_cast(struct gen *self, etf_term request)
{
    struct master *m = gen_state(self);
    etf_term top;

    if (etf_match(request, "{started, _}", &top))
        return started(self, m, top);
    return GEN_NEXT;
}

static enum gen_next master_info(struct gen *self, etf_term message)
{
    struct master *m = gen_state(self);
    etf_term reason;
    etf_pid pid;

    if (gen__application_io(self, m->leader, m->application->name, message))
        return GEN_NEXT;
    if (etf_match(message, "{'EXIT', _, _}", &pid, &reason) &&
        etf_pid_equal(pid, m->keeper)) {
        m->keeper = (etf_pid){ .id = 0 };
        return gen_stop(self, reason);
    }
    if (etf_match(message, "start_timeout") && !m->started)
        return gen_stop(self, ETF_A(timeout));
    if (etf_match(message, "lifespan"))
        return gen_stop(self, ETF_A(normal));
    return GEN_NEXT; /* nobody else has anything to say to us */
}

/* Until the keeper has ended, or we are killed. */
static void await_keeper(struct gen *self, const struct master *m)
{
    etf_term message, reason;
    etf_pid pid;

    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
        if (gen__application_io(self, m->leader, m->application->name, message))
            continue;
        if (etf_match(message, "{'EXIT', _, _}", &pid, &reason) &&
            etf_pid_equal(pid, m->keeper))
            return;
    }
}

/* A start that is under way cannot be told to end: it is killed, and what it
 * has started goes with it. Without memory for the signal the keeper ends after
 * us, by the link. */
static void master_terminate(struct gen *self, etf_term reason)
{
    const struct master *m = gen_state(self);

    (void)gen_cast(self, etf_from_pid(NULL, m->controller),
                   etf_make(self, "{ending, _}", rt_self(self)));
    if (!etf_pid_is_none(m->keeper)) {
        if (!m->started)
            reason = ETF_A(kill);
        else if (etf_same(reason, ETF_A(normal)))
            reason = ETF_A(shutdown);
        if (rt_exit_signal(self, m->keeper, reason) == AGNER_ENOMEM)
            return;
        await_keeper(self, m); /* its exit comes too when it has just ended */
    }
    gen__application_kill_group(self, etf_atom(m->application->name));
}

const struct gen_server gen__application_master = {
    .name = "application_master",
    .state_size = sizeof(struct master),
    .init = master_init,
    .handle_cast = master_cast,
    .handle_info = master_info,
    .terminate = master_terminate,
};

/*
 * worker.c -- the process of a job: gen_saga_worker.
 *
 * It does one job of one saga, to which it is linked, and ends with it. It
 * traps exits, so that it hears of the saga's end where it can still clean up;
 * since it may never get there, its kill is set before anything is asked of it.
 *
 * Source: spec/gen.md 1.12.
 */
#include <stdlib.h>

#include "saga/saga_internal.h"

struct worker {
    struct gen_head head; /* first */
    const struct gen_saga_worker
        *table;              /* borrowed: static; NULL before init */
    struct gen_saga_job job; /* value: in `args` */
    struct etf_box *args;    /* owned */
    uint64_t timeout_ms;
    uint64_t life_ms; /* 0: a vote may take any time */
    struct rt_timer kill;
    uint64_t kill_ms; /* when; RT_INFINITY: it is not set */
    bool waits;       /* after the result it waits for the end */
    bool sent;        /* the result */
    bool cancelled;   /* or ended otherwise: nothing is sent any more */
};

static const struct rt_behavior worker_behavior;

static struct worker *worker_of(struct gen *self)
{
    if (rt_behavior_of(self) != &worker_behavior)
        return NULL;
    return rt_state(self);
}

static etf_term status_of(struct gen *self)
{
    const struct worker *w = rt_state(self);

    return gen__format(self, w->table->format_status, w->table->state_size);
}

static const struct gen_sys_view worker_view = {
    .module = "gen_saga_worker",
    .get_state = status_of,
};

/* ---- After a callback ------------------------------------------------------
 */

static enum rt_next settle(struct gen *self, struct worker *w,
                           enum gen_next next)
{
    if (next != GEN_NEXT && next != GEN_STOP)
        (void)gen_stop(self,
                       etf_make(self, "{bad_return_value, _}", (int64_t)next));
    if (next == GEN_NEXT && (w->cancelled || (w->sent && !w->waits)))
        next = gen_stop(self, ETF_A(normal)); /* its work is done */
    if (next != GEN_NEXT)
        return gen__settle_stop(self, &w->head);
    w->head.last = ETF_NONE;
    w->head.flags &= ~(uint32_t)(GEN_FLAG_STOP | GEN_FLAG_STARTING);
    return RT_NEXT;
}

/* It does not live longer than that, whatever it does. */
static void kill_in(struct gen *self, struct worker *w, uint64_t ms)
{
    (void)rt_cancel_timer(self, &w->kill, NULL);
    w->kill_ms = rt_now_ms(rt_of(self)) + ms + GEN_SAGA_JOB_GRACE_MS;
    (void)rt_kill_after(self, rt_self_term(self), ms + GEN_SAGA_JOB_GRACE_MS,
                        &w->kill);
}

/* Its job is over since `since_ms`: its time is counted from then. */
static void wind_up(struct gen *self, struct worker *w, uint64_t since_ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));
    uint64_t end_ms = since_ms + w->timeout_ms;

    w->cancelled = true;
    if (w->kill_ms > end_ms + GEN_SAGA_JOB_GRACE_MS)
        kill_in(self, w, end_ms > now_ms ? end_ms - now_ms : 0);
}

/* ---- Init, and the job -----------------------------------------------------
 */

static bool read_args(struct worker *w, etf_term args)
{
    w->args = etf_box_new(args);
    return w->args != NULL &&
           etf_match(etf_box_term(w->args), "{_, _, _, _, _, _}",
                     &w->job.tx.ref, &w->job.id.ref, &w->timeout_ms,
                     &w->life_ms, &w->waits, &w->job.value);
}

static enum rt_next worker_init(struct gen *self, etf_term args)
{
    struct worker *w = rt_state(self);
    enum gen_next next = GEN_NEXT;

    w->table = rt_note(self);
    w->head.state_offset = GEN_SIZE(worker);
    w->head.sys.view = &worker_view;
    w->head.sys.name = w->table->name;
    w->head.flags = GEN_FLAG_STARTING;
    if (!read_args(w, args))
        return settle(self, w, gen_stop(self, ETF_A(memory_limit)));
    kill_in(self, w, w->timeout_ms);
    w->head.last = w->job.value;
    if (w->table->init != NULL)
        next = w->table->init(self, w->job.value);
    if (next == GEN_IGNORE)
        return RT_IGNORE;
    return settle(self, w, next) == RT_NEXT ? RT_CONTINUE : RT_STOP;
}

/* ---- What the saga says ----------------------------------------------------
 */

static enum gen_next be_cancelled(struct gen *self, struct worker *w,
                                  etf_term reason, uint64_t since_ms)
{
    wind_up(self, w, since_ms);
    return w->table->handle_job_cancel(self, &w->job, reason);
}

static enum gen_next commit(struct gen *self, struct worker *w, etf_term final,
                            uint64_t since_ms)
{
    wind_up(self, w, since_ms);
    if (w->table->handle_job_commit == NULL)
        return GEN_NEXT;
    return w->table->handle_job_commit(self, &w->job, final);
}

static enum agner_err tell(struct gen *self, const struct worker *w,
                           const char *what, etf_term value)
{
    etf_term message =
        etf_make(self, "{'$saga_job', _, {_, _, _}}", rt_self(self),
                 etf_atom(what), w->job.id.ref, value);

    return etf_is_none(message) ? AGNER_ENOMEM
                                : rt_send_pid(self, rt_parent(self), message);
}

static enum gen_next vote(struct gen *self, struct worker *w, etf_term final)
{
    etf_term why = ETF_NONE, answer = ETF_A(yes);

    if (w->table->handle_job_prepare != NULL &&
        !w->table->handle_job_prepare(self, &w->job, final, &why)) {
        if (etf_is_none(why))
            why = etf_make(self, "refused");
        answer = etf_make(self, "{no, _}", why);
    }
    if (tell(self, w, "vote", answer) != AGNER_OK) /* which its end says too */
        return gen_stop(self, ETF_A(memory_limit));
    return GEN_NEXT;
}

/* {'$saga_job', What, Value, SinceMs} */
static enum gen_next on_order(struct gen *self, struct worker *w, etf_term what,
                              etf_term value, uint64_t since_ms)
{
    if (etf_atom_is(what, "cancel"))
        return be_cancelled(self, w, value, since_ms);
    if (etf_atom_is(what, "commit"))
        return commit(self, w, value, since_ms);
    return vote(self, w, value);
}

/* ---- One message -----------------------------------------------------------
 */

static enum gen_next on_call(struct gen *self, struct worker *w,
                             const struct gen_from *from, etf_term request)
{
    char text[240];

    if (w->table->handle_call != NULL)
        return w->table->handle_call(self, *from, request);
    rt_log_self(self, RT_LOG_WARNING, "no handler for call %s",
                etf_format(text, sizeof text, request));
    return gen_reply(self, *from, etf_make(self, "{error, undef}"));
}

static enum gen_next on_other(struct gen *self,
                              enum gen_next (*handle)(struct gen *self,
                                                      etf_term message),
                              const char *what, etf_term message)
{
    char text[240];

    if (handle != NULL)
        return handle(self, message);
    rt_log_self(self, RT_LOG_WARNING, "no handler for %s %s", what,
                etf_format(text, sizeof text, message));
    return GEN_NEXT;
}

static enum gen_next on_message(struct gen *self, struct worker *w,
                                const struct rt_message *m)
{
    struct gen_from from;
    etf_term what, value;
    uint64_t since_ms;

    if (etf_pid_equal(m->sender, rt_parent(self)) &&
        etf_match(m->term, "{'$saga_job', _, _, _}", &what, &value, &since_ms))
        return on_order(self, w, what, value, since_ms);
    switch (gen__shape(self, m->term, &from, &value)) {
    case RT_CALL:
        return on_call(self, w, &from, value);
    case RT_CAST:
        return on_other(self, w->table->handle_cast, "cast", value);
    default:
        return on_other(self, w->table->handle_info, "message", m->term);
    }
}

static enum gen_next dispatch(struct gen *self, struct worker *w,
                              const struct rt_message *m)
{
    enum gen_next next;

    w->head.last = m->kind == RT_DIRECT ? ETF_NONE : m->term;
    switch (m->kind) {
    case RT_CALL:
        return on_call(self, w, &m->from, m->term);
    case RT_CAST:
        return on_other(self, w->table->handle_cast, "cast", m->term);
    case RT_MESSAGE:
        return on_message(self, w, m);
    case RT_EXIT:
    case RT_DOWN:
        return on_other(self, w->table->handle_info, "message", m->term);
    case RT_DIRECT:
        return gen__direct(self, &w->head, &m->direct, w->table->handle_direct);
    case RT_PARENT_EXIT: /* of its saga */
        next = be_cancelled(self, w, m->term, rt_now_ms(rt_of(self)));
        return next == GEN_NEXT ? gen_stop(self, m->term) : next;
    case RT_CONTINUED:
        w->head.last = w->job.value;
        return w->table->handle_job_start(self, &w->job);
    case RT_TIMEOUT:
        break;
    }
    return GEN_NEXT;
}

static enum rt_next worker_message(struct gen *self, const struct rt_message *m)
{
    struct worker *w = rt_state(self);
    enum rt_next next;

    if (gen__is_system(m) && gen_sys_handle(self, &w->head.sys, m, &next))
        return gen__after_system(self, &w->head, RT_INFINITY, next);
    if ((w->head.flags & GEN_FLAG_WATCHED) != 0)
        gen__sys_in(self, &w->head.sys, m);
    return settle(self, w, dispatch(self, w, m));
}

/* ---- The end ---------------------------------------------------------------
 */

static void worker_terminate(struct gen *self, etf_term reason)
{
    struct worker *w = rt_state(self);

    gen__terminate(self, &w->head, w->table->terminate, reason);
}

static void worker_destroy(void *state)
{
    struct worker *w = state;

    if (w->table == NULL)
        return; /* ended before init began */
    if (w->table->destroy != NULL)
        w->table->destroy((char *)state + GEN_SIZE(worker));
    etf_box_free(w->args);
    gen__head_fini(&w->head);
}

static const struct rt_behavior worker_behavior = {
    .name = "gen_saga_worker",
    .state_size = GEN_SIZE(worker),
    .init = worker_init,
    .message = worker_message,
    .terminate = worker_terminate,
    .destroy = worker_destroy,
    .terminate_on_signal = true,
    GEN_LABELLED,
};

/* ---- For the saga ----------------------------------------------------------
 */

enum agner_err saga__worker_start(struct gen *self,
                                  const struct gen_saga_worker *table,
                                  etf_term args, etf_pid *pid)
{
    /* The runtime carries the pointer and does not write through it. */
    struct rt_spawn_options options = { .link = true,
                                        .trap_exit = true,
                                        .state_size = GEN_SIZE(worker) +
                                                      table->state_size,
                                        .note = (void *)(uintptr_t)table };

    return rt_start_nowait(self, &worker_behavior, args, &options, pid);
}

enum agner_err saga__worker_tell(struct gen *self, const struct saga_job *job,
                                 const char *what, etf_term value)
{
    etf_term message = etf_make(self, "{'$saga_job', _, _, _}", etf_atom(what),
                                value, rt_now_ms(rt_of(self)));
    enum agner_err err = etf_is_none(message)
                             ? AGNER_ENOMEM
                             : rt_send_pid(self, job->pid, message);

    return err == AGNER_ENOPROC ? AGNER_OK : err; /* its end is heard of */
}

/* ---- In a callback of a worker ---------------------------------------------
 */

static enum agner_err may_send(struct gen *self, const struct worker *w)
{
    if (w == NULL)
        return AGNER_EINVAL;
    if (w->cancelled)
        return AGNER_ETXCANCELLED;
    if (w->sent)
        return AGNER_ERESULTSENT;
    /* Its saga has given it up. */
    if (rt_now_ms(rt_of(self)) + GEN_SAGA_JOB_GRACE_MS > w->kill_ms)
        return AGNER_ETXCANCELLED;
    return AGNER_OK;
}

enum agner_err gen_saga_job_result(struct gen *self, etf_term result)
{
    struct worker *w = worker_of(self);
    enum agner_err err = may_send(self, w);

    if (err == AGNER_OK)
        err = tell(self, w, "result", result);
    if (err != AGNER_OK)
        return err;
    w->sent = true;
    if (w->life_ms != 0) {
        kill_in(self, w, w->life_ms);
    } else {
        (void)rt_cancel_timer(self, &w->kill, NULL);
        w->kill_ms = RT_INFINITY;
    }
    return AGNER_OK;
}

enum agner_err gen_saga_job_interim(struct gen *self, etf_term value)
{
    struct worker *w = worker_of(self);
    enum agner_err err = may_send(self, w);

    return err != AGNER_OK ? err : tell(self, w, "interim", value);
}

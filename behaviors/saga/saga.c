/*
 * saga.c -- gen_saga: from a message to the transaction, or the callback, that
 * it is for.
 *
 * What comes is one of three: a message between sagas, of a worker or a timer,
 * or the end of somebody (saga_in.c); a request of a person (saga_show.c); or
 * the user's, as of any server.
 *
 * Source: spec/gen.md 1.11.
 */
#include <stdlib.h>

#include "saga/saga_internal.h"

/* ---- What sys sees of a saga ----------------------------------------------
 */

static etf_term status_of(struct gen *self)
{
    const struct saga *s = rt_state(self);

    return gen__format(self, s->table->format_status, s->table->state_size);
}

static enum agner_err replace(struct gen *self, etf_term state)
{
    const struct saga *s = rt_state(self);

    if (s->table->replace_state == NULL)
        return AGNER_ENOTSUP;
    return s->table->replace_state(self, state);
}

static enum agner_err change_code(struct gen *self, etf_term old_version,
                                  etf_term extra)
{
    const struct saga *s = rt_state(self);

    if (s->table->code_change == NULL)
        return AGNER_ENOTSUP;
    return s->table->code_change(self, old_version, extra);
}

static etf_term details(struct gen *self)
{
    const struct saga *s = rt_state(self);

    return etf_make(self,
                    "[{\"Transactions\", _}, {\"Committed\", _}, "
                    "{\"Cancelled\", _}]",
                    s->in_flight, s->committed, s->cancelled);
}

static const struct gen_sys_view saga_view = {
    .module = "gen_saga",
    .get_state = status_of,
    .replace_state = replace,
    .code_change = change_code,
    .get_details = details,
};

/* ---- After a callback ------------------------------------------------------
 */

static enum rt_next settle(struct gen *self, struct saga *s, enum gen_next next)
{
    if (next != GEN_NEXT && next != GEN_STOP)
        (void)gen_stop(self,
                       etf_make(self, "{bad_return_value, _}", (int64_t)next));
    if (next != GEN_NEXT)
        return gen__settle_stop(self, &s->head);
    s->head.last = ETF_NONE;
    s->head.flags &= ~(uint32_t)(GEN_FLAG_STOP | GEN_FLAG_STARTING);
    return RT_NEXT;
}

/* ---- Init ------------------------------------------------------------------
 */

static struct saga_tx *restored(const struct saga *s)
{
    struct saga_tx *tx = s->first;

    while (tx != NULL && !tx->restored)
        tx = tx->after;
    return tx;
}

static enum rt_next saga_init(struct gen *self, etf_term args)
{
    struct saga *s = rt_state(self);
    enum gen_next next = GEN_NEXT;
    enum rt_next result;

    s->table = rt_note(self);
    s->rt = rt_of(self);
    s->tx_max = s->table->tx_max;
    s->head.state_offset = GEN_SIZE(saga);
    s->head.sys.view = &saga_view;
    s->head.sys.name = s->table->name;
    s->head.flags = GEN_FLAG_STARTING;
    s->head.last = args;
    s->figures.kind = "saga";
    s->figures.pid = rt_self(self);
    s->figures.show = saga__figures_show;
    saga__atoms(s);
    (void)rt_trap_exit(self, true);
    if (s->table->init != NULL)
        next = s->table->init(self, args);
    if (next == GEN_IGNORE)
        return RT_IGNORE;
    result = settle(self, s, next);
    if (result != RT_NEXT)
        return result;
    rt_figures_add(s->rt, &s->figures);
    return restored(s) != NULL ? RT_CONTINUE : RT_NEXT;
}

/* One after the other, before any message. */
static enum rt_next go_on(struct gen *self, struct saga *s)
{
    struct saga_tx *tx = restored(s);
    enum rt_next result = RT_NEXT;

    if (tx != NULL)
        result = settle(self, s, saga__take_up(self, s, tx));
    return result == RT_NEXT && restored(s) != NULL ? RT_CONTINUE : result;
}

/* ---- One message -----------------------------------------------------------
 */

static enum gen_next on_call(struct gen *self, struct saga *s,
                             const struct gen_from *from, etf_term request)
{
    char text[240];

    s->head.last = request;
    if (saga__request(self, s, from, request))
        return GEN_NEXT;
    if (s->table->handle_call != NULL)
        return s->table->handle_call(self, *from, request);
    rt_log_self(self, RT_LOG_WARNING, "no handler for call %s",
                etf_format(text, sizeof text, request));
    return gen_reply(self, *from, etf_make(self, "{error, undef}"));
}

static enum gen_next on_cast(struct gen *self, struct saga *s, etf_term request)
{
    char text[240];

    s->head.last = request;
    if (s->table->handle_cast != NULL)
        return s->table->handle_cast(self, request);
    rt_log_self(self, RT_LOG_WARNING, "no handler for cast %s",
                etf_format(text, sizeof text, request));
    return GEN_NEXT;
}

static enum gen_next on_message(struct gen *self, struct saga *s,
                                etf_term message)
{
    struct gen_from from;
    etf_term request;
    bool ours;
    enum gen_next next = saga__arrive(self, s, message, &ours);

    if (ours)
        return next;
    switch (gen__shape(self, message, &from, &request)) {
    case RT_CALL:
        return on_call(self, s, &from, request);
    case RT_CAST:
        return on_cast(self, s, request);
    default:
        return saga__info(self, s, message);
    }
}

static enum gen_next on_end(struct gen *self, struct saga *s,
                            const struct rt_message *m)
{
    bool ours;
    enum gen_next next = m->kind == RT_EXIT
                             ? saga__exit(self, s, m->term, &ours)
                             : saga__down(self, s, m->term, &ours);

    return ours ? next : saga__info(self, s, m->term);
}

static enum gen_next dispatch(struct gen *self, struct saga *s,
                              const struct rt_message *m)
{
    switch (m->kind) {
    case RT_CALL:
        return on_call(self, s, &m->from, m->term);
    case RT_CAST:
        return on_cast(self, s, m->term);
    case RT_MESSAGE:
        return on_message(self, s, m->term);
    case RT_EXIT:
    case RT_DOWN:
        return on_end(self, s, m);
    case RT_DIRECT:
        return gen__direct(self, &s->head, &m->direct, s->table->handle_direct);
    case RT_PARENT_EXIT:
        s->head.last = ETF_NONE;
        return gen_stop(self, m->term);
    case RT_TIMEOUT:
    case RT_CONTINUED:
        break;
    }
    return GEN_NEXT;
}

static enum rt_next saga_message(struct gen *self, const struct rt_message *m)
{
    struct saga *s = rt_state(self);
    enum rt_next next;

    saga__spend(s, NULL);
    if (s->tick_late)
        saga__ticking(self, s);
    if (m->kind == RT_CONTINUED)
        return go_on(self, s);
    if (gen__is_system(m) && gen_sys_handle(self, &s->head.sys, m, &next))
        return gen__after_system(self, &s->head, RT_INFINITY, next);
    if ((s->head.flags & GEN_FLAG_WATCHED) != 0)
        gen__sys_in(self, &s->head.sys, m);
    return settle(self, s, dispatch(self, s, m));
}

/* ---- The end ---------------------------------------------------------------
 */

static void saga_terminate(struct gen *self, etf_term reason)
{
    struct saga *s = rt_state(self);

    gen__terminate(self, &s->head, s->table->terminate, reason);
}

static void saga_destroy(void *state)
{
    struct saga *s = state;

    if (s->table == NULL)
        return; /* ended before init began */
    rt_figures_remove(s->rt, &s->figures);
    if (s->table->destroy != NULL)
        s->table->destroy((char *)state + GEN_SIZE(saga));
    saga__fini(NULL, s);
    saga__store_fini(s);
    gen__head_fini(&s->head);
}

static const struct rt_behavior saga_behavior = {
    .name = "gen_saga",
    .state_size = GEN_SIZE(saga),
    .init = saga_init,
    .message = saga_message,
    .terminate = saga_terminate,
    .destroy = saga_destroy,
    .terminate_on_signal = true,
    GEN_LABELLED,
    .note_is_labelled = true,
};

struct saga *saga__of(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->message != saga_message)
        return NULL;
    return rt_state(self);
}

/* ---- Starting --------------------------------------------------------------
 */

static bool is_whole(const struct gen_saga *saga)
{
    const struct gen_saga_worker *worker = saga->worker;

    return saga->handle_tx_new != NULL && saga->handle_tx_result != NULL &&
           saga->handle_tx_cancel != NULL &&
           (worker == NULL || (worker->handle_job_start != NULL &&
                               worker->handle_job_cancel != NULL));
}

static struct gen_start how_of(const struct gen_saga *saga)
{
    if (saga == NULL)
        return (struct gen_start){ .table = NULL };
    return (struct gen_start){ .behavior = &saga_behavior,
                               .table = saga,
                               .head_size = GEN_SIZE(saga),
                               .state_size = saga->state_size };
}

static enum agner_err start(struct gen *self, const struct gen_saga *saga,
                            etf_term args,
                            const struct rt_spawn_options *options, bool link,
                            etf_pid *pid, etf_term *reason)
{
    struct gen_start how = how_of(saga);

    if (saga == NULL || !is_whole(saga))
        return AGNER_EINVAL;
    return gen__start(self, &how, args, options, link, pid, reason);
}

enum agner_err gen_saga_start(struct gen *self, const struct gen_saga *saga,
                              etf_term args,
                              const struct rt_spawn_options *options,
                              etf_pid *pid, etf_term *reason)
{
    return start(self, saga, args, options, false, pid, reason);
}

enum agner_err gen_saga_start_link(struct gen *self,
                                   const struct gen_saga *saga, etf_term args,
                                   const struct rt_spawn_options *options,
                                   etf_pid *pid, etf_term *reason)
{
    return start(self, saga, args, options, true, pid, reason);
}

enum agner_err
gen_saga_start_monitor(struct gen *self, const struct gen_saga *saga,
                       etf_term args, const struct rt_spawn_options *options,
                       etf_pid *pid, etf_ref *monitor, etf_term *reason)
{
    struct rt_spawn_options full = gen__monitored(options, monitor);

    return start(self, saga, args, &full, false, pid, reason);
}

void gen__saga_enter(struct gen *self, const struct gen_saga *saga,
                     etf_term args)
{
    struct gen_start how = how_of(saga);

    if (!is_whole(saga))
        rt_exit(self, ETF_A(badarg));
    gen__enter_loop(self, &how, args, saga->name);
}

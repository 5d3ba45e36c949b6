/*
 * stage.c -- gen_stage: from a message to the side and the callback that are
 * for it.
 *
 * One callback of the runtime handles one message. What a user's callback asks
 * for and cannot have in its middle, since it calls another callback, is noted
 * with the subscription and done when it has returned (`todo`). What waits
 * inside, a producer_consumer's events and a producer's demand, is handed out
 * one by one before the next message (RT_CONTINUE), so what each left behind is
 * freed, and others run in between.
 *
 * Sources: Elixir's GenStage 1.3; spec/gen.md 1.10, 2.4.
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

/* ---- For later ---------------------------------------------------------- */

void gen__stage_todo(struct stage *s, struct stage_sub *sub)
{
    if (sub->todo)
        return;
    sub->todo = true;
    sub->todo_next = NULL;
    if (s->todo_first == NULL)
        s->todo_first = sub;
    else
        s->todo_last->todo_next = sub;
    s->todo_last = sub;
}

enum agner_err gen__stage_end_later(struct stage *s, struct stage_sub *sub,
                                    etf_term reason)
{
    if (sub->ending)
        return AGNER_OK;
    if (etf_is_none(reason))
        return AGNER_ENOMEM;
    sub->reason = etf_box_new(reason);
    if (sub->reason == NULL)
        return AGNER_ENOMEM;
    sub->ending = true;
    gen__stage_todo(s, sub);
    return AGNER_OK;
}

void gen__stage_forget(struct stage *s, struct stage_sub *sub)
{
    struct stage_sub **at = &s->todo_first, *before = NULL;

    while (sub->todo && *at != sub) {
        before = *at;
        at = &before->todo_next;
    }
    if (sub->todo) {
        *at = sub->todo_next;
        if (s->todo_last == sub)
            s->todo_last = before;
    }
    gen__sub_free(sub);
}

enum gen_next gen__stage_fail(struct gen *self, enum agner_err err)
{
    if (err == AGNER_EEXITING || err == AGNER_EKILLED)
        return GEN_STOP; /* for the reason that it has */
    return gen_stop(self,
                    err == AGNER_ENOMEM ? ETF_A(memory_limit) : ETF_A(error));
}

static enum gen_next end(struct gen *self, struct stage *s,
                         struct stage_sub *sub)
{
    etf_term reason = etf_copy(rt_region(self), etf_box_term(sub->reason));

    if (etf_is_none(reason))
        return gen__stage_fail(self, AGNER_ENOMEM);
    if (sub->side == STAGE_TO_CONSUMER)
        return gen__produce_end(self, s, sub, GEN_STAGE_CANCELED, reason);
    return gen__consume_end(self, s, sub, GEN_STAGE_CANCELED, reason);
}

static enum gen_next do_later(struct gen *self, struct stage *s)
{
    enum gen_next next = GEN_NEXT;

    while (s->todo_first != NULL && !gen__stage_stops(s, next)) {
        struct stage_sub *sub = s->todo_first;

        s->todo_first = sub->todo_next;
        sub->todo = false;
        if (sub->fresh)
            next = gen__consume_begin(self, s, sub);
        else if (sub->ending)
            next = end(self, s, sub);
    }
    return next;
}

/* ---- After a callback --------------------------------------------------- */

static uint64_t idle_ms(const struct stage *s)
{
    return (s->head.flags & GEN_FLAG_IDLE) != 0 ? s->table->hibernate_after_ms
                                                : RT_INFINITY;
}

static enum rt_next settle(struct gen *self, struct stage *s,
                           enum gen_next next)
{
    if (next != GEN_NEXT && next != GEN_STOP)
        (void)gen_stop(self,
                       etf_make(self, "{bad_return_value, _}", (int64_t)next));
    else if (!gen__stage_stops(s, next) && s->todo_first != NULL)
        next = do_later(self, s);
    if (gen__stage_stops(s, next))
        return gen__settle_stop(self, &s->head);
    s->head.last = ETF_NONE;
    if (gen__consume_is_due(s) || gen__produce_is_due(s))
        return RT_CONTINUE;
    if ((s->head.flags & GEN_FLAG_IDLE) != 0)
        rt_timeout(self, idle_ms(s));
    return RT_NEXT;
}

/* ---- Init --------------------------------------------------------------- */

/* `setup` was not called: everything as it is by default. Or it has failed, and
 * init goes on all the same: without a dispatcher there is no stage. */
static enum gen_next set_up(struct gen *self, struct stage *s)
{
    enum agner_err err = s->unfit;

    if (s->may_set_up)
        err = gen_stage_setup(self, &(struct gen_stage_options){ 0 });
    return err == AGNER_OK ? GEN_NEXT : gen__stage_fail(self, err);
}

static enum rt_next stage_init(struct gen *self, etf_term args)
{
    struct stage *s = rt_state(self);
    enum gen_next next = GEN_NEXT;
    enum rt_next result;

    s->table = rt_note(self);
    s->head.state_offset = GEN_SIZE(stage);
    s->head.sys.view = &gen__stage_view;
    s->head.sys.name = s->table->name;
    s->head.flags = GEN_FLAG_STARTING;
    s->head.last = args;
    s->role = s->table->role != 0 ? s->table->role : GEN_STAGE_AUTO;
    s->may_set_up = true;
    s->rt = rt_of(self);
    s->figures = (struct rt_figures){ .kind = "stage",
                                      .pid = rt_self(self),
                                      .show = gen__stage_show };
    if (s->table->hibernate_after_ms != 0)
        s->head.flags |= GEN_FLAG_IDLE;
    if (s->table->init != NULL)
        next = s->table->init(self, args);
    if (next == GEN_IGNORE)
        return RT_IGNORE;
    if (!gen__stage_stops(s, next))
        next = set_up(self, s);
    result = settle(self, s, next);
    s->head.flags &= ~(uint32_t)GEN_FLAG_STARTING;
    if (result != RT_STOP)
        rt_figures_add(rt_of(self), &s->figures);
    return result;
}

/* ---- One message -------------------------------------------------------- */

static void log_unhandled(struct gen *self, const char *what, etf_term message)
{
    char text[240];

    rt_log_self(self, RT_LOG_WARNING, "no handler for %s %s", what,
                etf_format(text, sizeof text, message));
}

enum gen_next gen__stage_info(struct gen *self, struct stage *s,
                              etf_term message)
{
    s->head.last = message;
    if (s->table->handle_info != NULL)
        return s->table->handle_info(self, message);
    log_unhandled(self, "message", message);
    return GEN_NEXT;
}

/* The end of a producer, of a consumer, or of somebody else. */
static enum gen_next on_down(struct gen *self, struct stage *s,
                             etf_term message)
{
    const etf_term *items = etf_tuple_items(message);
    struct stage_sub *sub = NULL;
    etf_ref ref;

    if (!etf_is_tagged(message, ETF_A(DOWN), 5) || !etf_get_ref(items[1], &ref))
        return gen__stage_info(self, s, message);
    sub = gen__subs_find_ref(&s->subs, STAGE_TO_PRODUCER, ref);
    if (sub != NULL)
        return gen__consume_end(self, s, sub, GEN_STAGE_DOWN, items[4]);
    sub = gen__subs_find_monitor(&s->subs, ref);
    if (sub != NULL)
        return gen__produce_end(self, s, sub, GEN_STAGE_DOWN, items[4]);
    return gen__stage_info(self, s, message);
}

static enum gen_next on_info(struct gen *self, struct stage *s,
                             etf_term message)
{
    const etf_term *items = etf_tuple_items(message);
    size_t size = etf_tuple_size(message);

    if (size == 3 && etf_same(items[0], ETF_A(gen_consumer)))
        return gen__consume(self, s, items[1], items[2]);
    if (size == 3 && etf_same(items[0], ETF_A(gen_producer)))
        return gen__produce(self, s, items[1], items[2]);
    if (s->again != NULL && (gen__subscribe_timer(self, s, message) ||
                             gen__subscribe_nodeup(self, s, message)))
        return GEN_NEXT;
    return gen__stage_info(self, s, message);
}

/* ---- Calls and casts ---------------------------------------------------- */

static enum gen_next on_call(struct gen *self, struct stage *s,
                             const struct gen_from *from, etf_term request)
{
    enum gen_next next;
    etf_term answer;

    s->head.last = request;
    if (gen__stage_request(self, s, request, &answer, &next)) {
        (void)gen_reply(self, *from, answer);
        return next;
    }
    if (s->table->handle_call != NULL)
        return s->table->handle_call(self, *from, request);
    log_unhandled(self, "call", request);
    return gen_reply(self, *from, etf_make(self, "{error, undef}"));
}

static enum gen_next on_cast(struct gen *self, struct stage *s,
                             etf_term request)
{
    enum gen_next next;
    etf_term answer;

    s->head.last = request;
    if (gen__stage_request(self, s, request, &answer, &next))
        return next;
    if (s->table->handle_cast != NULL)
        return s->table->handle_cast(self, request);
    log_unhandled(self, "cast", request);
    return GEN_NEXT;
}

/* A plain message may be a call or a cast by its shape. */
static enum gen_next on_message(struct gen *self, struct stage *s,
                                etf_term message)
{
    struct gen_from from;
    etf_term request;

    switch (gen__shape(self, message, &from, &request)) {
    case RT_CALL:
        return on_call(self, s, &from, request);
    case RT_CAST:
        return on_cast(self, s, request);
    default:
        return on_info(self, s, message);
    }
}

/* What waited inside: events and messages first, then demand. */
static enum gen_next go_on(struct gen *self, struct stage *s)
{
    if (gen__consume_is_due(s))
        return gen__consume_due(self, s);
    if (gen__produce_is_due(s))
        return gen__produce_due(self, s);
    return GEN_NEXT;
}

static enum gen_next dispatch(struct gen *self, struct stage *s,
                              const struct rt_message *m)
{
    switch (m->kind) {
    case RT_CALL:
        return on_call(self, s, &m->from, m->term);
    case RT_CAST:
        return on_cast(self, s, m->term);
    case RT_MESSAGE:
        return on_message(self, s, m->term);
    case RT_DOWN:
        return on_down(self, s, m->term);
    case RT_EXIT:
        return gen__stage_info(self, s, m->term);
    case RT_TIMEOUT: /* hibernate_after_ms: nothing for the user */
        rt_hibernate(self);
        return GEN_NEXT;
    case RT_DIRECT:
        return gen__direct(self, &s->head, &m->direct, s->table->handle_direct);
    case RT_PARENT_EXIT:
        s->head.last = ETF_NONE;
        return gen_stop(self, m->term);
    case RT_CONTINUED:
        return go_on(self, s);
    }
    return GEN_NEXT; /* not reached: the list above is whole */
}

static enum rt_next stage_message(struct gen *self, const struct rt_message *m)
{
    struct stage *s = rt_state(self);
    enum rt_next next;

    if (gen__is_system(m) && gen_sys_handle(self, &s->head.sys, m, &next))
        return gen__after_system(self, &s->head, idle_ms(s), next);
    if ((s->head.flags & GEN_FLAG_WATCHED) != 0 && m->kind != RT_CONTINUED)
        gen__sys_in(self, &s->head.sys, m);
    next = settle(self, s, dispatch(self, s, m));
    if (s->handling != NULL) { /* a reason to stop may have been in it */
        gen__piece_free(s->handling);
        s->handling = NULL;
    }
    return next;
}

/* ---- The end ------------------------------------------------------------ */

static void stage_terminate(struct gen *self, etf_term reason)
{
    struct stage *s = rt_state(self);

    gen__terminate(self, &s->head, s->table->terminate, reason);
}

static void stage_destroy(void *state)
{
    struct stage *s = state;

    if (s->table == NULL)
        return; /* ended before init began */
    rt_figures_remove(s->rt, &s->figures);
    if (s->table->destroy != NULL)
        s->table->destroy((char *)state + GEN_SIZE(stage));
    gen__produce_fini(s);
    gen__consume_fini(s);
    gen__subscribe_fini(s);
    gen__subs_fini(&s->subs);
    gen__head_fini(&s->head);
}

/* clang-format off */
#define STAGE_BEHAVIOR(on_signal)                                              \
    { .name = "gen_stage", .state_size = GEN_SIZE(stage),                      \
      .init = stage_init, .message = stage_message,                            \
      .terminate = stage_terminate, .destroy = stage_destroy,                  \
      .terminate_on_signal = (on_signal), GEN_LABELLED, .note_is_labelled = true }
/* clang-format on */

/* By whether an exit signal runs terminate. */
static const struct rt_behavior behaviors[2] = { STAGE_BEHAVIOR(false),
                                                 STAGE_BEHAVIOR(true) };

struct stage *gen__stage(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->message != stage_message)
        return NULL;
    return rt_state(self);
}

/* ---- Starting ----------------------------------------------------------- */

static struct gen_start start_of(const struct gen_stage *stage)
{
    if (stage == NULL)
        return (struct gen_start){ .table = NULL };
    return (struct gen_start){ .behavior = &behaviors[!stage->quiet_exit],
                               .table = stage,
                               .head_size = GEN_SIZE(stage),
                               .state_size = stage->state_size };
}

enum agner_err gen_stage_start(struct gen *self, const struct gen_stage *stage,
                               etf_term args,
                               const struct rt_spawn_options *options,
                               etf_pid *pid, etf_term *reason)
{
    struct gen_start start = start_of(stage);

    return gen__start(self, &start, args, options, false, pid, reason);
}

enum agner_err gen_stage_start_link(struct gen *self,
                                    const struct gen_stage *stage,
                                    etf_term args,
                                    const struct rt_spawn_options *options,
                                    etf_pid *pid, etf_term *reason)
{
    struct gen_start start = start_of(stage);

    return gen__start(self, &start, args, options, true, pid, reason);
}

enum agner_err
gen_stage_start_monitor(struct gen *self, const struct gen_stage *stage,
                        etf_term args, const struct rt_spawn_options *options,
                        etf_pid *pid, etf_ref *monitor, etf_term *reason)
{
    struct rt_spawn_options full = gen__monitored(options, monitor);

    return gen_stage_start(self, stage, args, &full, pid, reason);
}

void gen__stage_enter(struct gen *self, const struct gen_stage *stage,
                      etf_term args)
{
    struct gen_start start = start_of(stage);

    gen__enter_loop(self, &start, args, stage->name);
}

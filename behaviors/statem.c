/*
 * statem.c -- gen_statem: from an event to the state that is for it.
 *
 * One callback of the runtime handles one event: the state's function, enter
 * calls if the state has changed, then the transition, which the engine
 * decides. While the engine has events of its own the runtime calls again
 * before it hands out a message (RT_CONTINUE), so what an event's callbacks
 * built is freed with it, and others run in between.
 *
 * Source: OTP 25, gen_statem.
 */
#include <stdlib.h>

#include "statem_internal.h"

/* ---- Timers ------------------------------------------------------------- */

static bool is_timer_message(void *ctx, etf_term m)
{
    etf_ref ref;

    return etf_is_tagged(m, ETF_A(timeout), 3) &&
           etf_get_ref(etf_tuple_items(m)[1], &ref) &&
           etf_ref_equal(ref, *(const etf_ref *)ctx);
}

/* Also when it has fired: its message never comes. */
static void stop_timer(struct gen *self, struct statem_item *item)
{
    etf_term message;

    if (item->ref.count == 0)
        return;
    if (rt_cancel_timer(self, &item->timer, NULL) != AGNER_OK)
        (void)rt_receive_match(self, is_timer_message, &item->ref, 0, &message);
    item->ref.count = 0;
}

static uint64_t left_ms(struct gen *self, const struct statem_item *item)
{
    uint64_t now_ms;

    if (item->order != STATEM_AT)
        return item->ms;
    now_ms = rt_now_ms(rt_of(self));
    return item->ms > now_ms ? item->ms - now_ms : 0;
}

static enum agner_err start_timer(struct gen *self, struct statem_item *item)
{
    enum agner_err err =
        rt_start_timer(self, rt_self_term(self), ETF_A(timeout),
                       left_ms(self, item), &item->timer, &item->ref);

    if (err == AGNER_OK)
        return AGNER_OK;
    item->ref.count = 0;
    /* Otherwise it is past the clock's end, or the process ends: never. */
    return err == AGNER_ENOMEM ? AGNER_ENOMEM : AGNER_OK;
}

static enum agner_err carry_out(struct gen *self, struct statem *m,
                                struct statem_outcome *outcome)
{
    struct statem_item *item;
    enum agner_err err = AGNER_OK;

    while ((item = gen__queue_take(&outcome->gone)) != NULL) {
        stop_timer(self, item);
        gen__item_free(item);
    }
    while ((item = gen__queue_take(&outcome->fresh)) != NULL) {
        if ((m->head.flags & GEN_FLAG_WATCHED) != 0)
            gen__tell_timer(self, m, item);
        if (err == AGNER_OK)
            err = start_timer(self, item);
        gen__queue_put(&m->engine.timers, item);
    }
    return err;
}

/* ---- The transition ----------------------------------------------------- */

static void forget_turn(struct statem *m)
{
    gen__item_free(m->turn.item);
    gen__queue_free(&m->turn.step.inserted);
    gen__queue_free(&m->turn.step.asked);
    gen__state_fini(&m->turn.next);
    gen__state_fini(&m->turn.from);
    m->turn = (struct statem_turn){ 0 };
}

static enum rt_next stop(struct gen *self, struct statem *m)
{
    enum rt_next next = gen__settle_stop(self, &m->head);

    forget_turn(m);
    return next;
}

static enum rt_next stop_without_memory(struct gen *self, struct statem *m)
{
    (void)gen_stop(self, ETF_A(memory_limit));
    return stop(self, m);
}

static uint64_t idle_ms(const struct statem *m)
{
    return (m->head.flags & GEN_FLAG_IDLE) != 0 ? m->first->hibernate_after_ms
                                                : RT_INFINITY;
}

/* The callbacks of an event are over, and the machine goes on. */
static enum rt_next finish(struct gen *self, struct statem *m)
{
    struct statem_turn *turn = &m->turn;
    struct statem_outcome outcome;
    struct statem_item *postponed = NULL;

    if (turn->postpone) {
        if (turn->item == NULL)
            turn->item = gen__item_new(self, turn->event);
        if (turn->item == NULL)
            return stop_without_memory(self, m);
        postponed = turn->item;
        turn->item = NULL;
    }
    gen__statem_settle(&m->engine, &turn->step, postponed, &outcome);
    if (carry_out(self, m, &outcome) != AGNER_OK)
        return stop_without_memory(self, m);
    forget_turn(m);
    m->head.last = ETF_NONE;
    if (gen__statem_has_next(&m->engine))
        return RT_CONTINUE;
    if ((m->head.flags & GEN_FLAG_IDLE) != 0)
        rt_timeout(self, idle_ms(m));
    return RT_NEXT;
}

/* ---- Callbacks ---------------------------------------------------------- */

static enum gen_next call_state(struct gen *self, struct statem *m,
                                const struct gen_statem_event *event)
{
    if (m->state.row != NULL)
        return m->state.row->handle(self, event);
    return m->machine->handle_event(self, event, m->state.term);
}

static bool has_enter(const struct statem *m)
{
    return m->state.row != NULL ? m->state.row->enter != NULL
                                : m->machine->state_enter;
}

/* The state that the event found. */
static etf_term state_before(const struct statem *m)
{
    return gen__state_term(m->turn.step.changed ? &m->turn.from : &m->state);
}

static enum gen_next call_enter(struct gen *self, struct statem *m)
{
    struct gen_statem_event event = { .type = GEN_STATEM_ENTER,
                                      .content = state_before(m) };

    m->turn.repeat = false;
    m->turn.entering = true;
    if (m->state.row != NULL)
        return m->state.row->enter(self, event.content);
    return m->machine->handle_event(self, &event, m->state.term);
}

/* A callback's value that is no enum gen_next ends the machine. */
static enum gen_next check(struct gen *self, enum gen_next next)
{
    if (next == GEN_NEXT || next == GEN_STOP)
        return next;
    return gen_stop(self, etf_make(self, "{bad_return_from_state_function, _}",
                                   (int64_t)next));
}

/* Goes over to the state that the callback asked for, if it did. */
static enum gen_next take_over(struct gen *self, struct statem *m)
{
    if (gen__is_state(&m->turn.next)) {
        m->turn.step.changed = true;
        m->turn.from = m->state;
        m->state = m->turn.next;
        m->turn.next = (struct statem_state){ 0 };
    }
    return gen__state_move_home(m) ? GEN_NEXT : gen_stop(self, ETF_A(undef));
}

/* Those that the callback inserted, for sys. */
static void tell_inserted(struct gen *self, struct statem *m)
{
    const struct statem_item *item = m->turn.step.inserted.first;

    for (; item != NULL; item = item->next)
        gen__tell_in(self, m, &item->event);
}

/* What follows a callback that returned `next`: the transition, with enter
 * calls if the state is another one or `enter`. */
static enum rt_next settle(struct gen *self, struct statem *m,
                           enum gen_next next, bool enter)
{
    struct statem_turn *turn = &m->turn;

    next = check(self, next);
    if (next == GEN_NEXT)
        next = take_over(self, m);
    if ((m->head.flags & GEN_FLAG_WATCHED) != 0)
        tell_inserted(self, m);
    enter = enter || turn->step.changed || turn->repeat;
    while (next == GEN_NEXT && enter && has_enter(m)) {
        next = check(self, call_enter(self, m));
        enter = turn->repeat;
    }
    if (next != GEN_NEXT || (m->head.flags & GEN_FLAG_STOP) != 0)
        return stop(self, m);
    if ((m->head.flags & GEN_FLAG_WATCHED) != 0 && turn->event != NULL)
        gen__tell_done(self, m, state_before(m));
    return finish(self, m);
}

static enum rt_next handle(struct gen *self, struct statem *m,
                           const struct gen_statem_event *event)
{
    m->turn.event = event;
    m->head.last = event->content;
    return settle(self, m, call_state(self, m, event), false);
}

/* An event that waited. */
static enum rt_next handle_item(struct gen *self, struct statem *m,
                                struct statem_item *item)
{
    m->turn.item = item;
    return handle(self, m, &item->event);
}

/* ---- Init --------------------------------------------------------------- */

/* The state that init asked for, or the first one. */
static enum gen_next choose_state(struct gen *self, struct statem *m)
{
    if (gen__is_state(&m->turn.next)) {
        m->state = m->turn.next;
        m->turn.next = (struct statem_state){ 0 };
    } else if (m->machine->states != NULL) {
        m->state.row = &m->machine->states[0];
    } else {
        return gen_stop(self,
                        etf_make(self, "{bad_return_from_init, no_state}"));
    }
    return GEN_NEXT;
}

static enum gen_next call_init(struct gen *self, struct statem *m,
                               etf_term args)
{
    enum gen_next next = GEN_NEXT;

    if (m->machine->init != NULL)
        next = m->machine->init(self, args);
    if (next == GEN_NEXT)
        next = choose_state(self, m);
    if (next != GEN_NEXT && next != GEN_STOP && next != GEN_IGNORE)
        next = gen_stop(
            self, etf_make(self, "{bad_return_from_init, _}", (int64_t)next));
    return next;
}

/* The first state is entered, and what init asked for is done, when the starter
 * has its answer. */
static enum rt_next statem_init(struct gen *self, etf_term args)
{
    struct statem *m = rt_state(self);
    enum gen_next next;

    m->machine = m->first = rt_note(self);
    m->head.state_offset = GEN_SIZE(statem);
    m->head.sys.view = &gen__statem_view;
    m->head.sys.name = m->machine->name;
    m->head.flags = GEN_FLAG_STARTING;
    if (m->machine->hibernate_after_ms != 0)
        m->head.flags |= GEN_FLAG_IDLE;
    next = call_init(self, m, args);
    if (next == GEN_IGNORE)
        return RT_IGNORE;
    if (next == GEN_STOP)
        return stop(self, m);
    m->head.flags &= ~(uint32_t)GEN_FLAG_STARTING;
    return RT_CONTINUE;
}

/* ---- One message -------------------------------------------------------- */

static enum rt_next enter_first(struct gen *self, struct statem *m)
{
    struct gen_statem_event init = { .type = GEN_STATEM_INTERNAL };

    m->entered = true;
    if ((m->head.flags & GEN_FLAG_WATCHED) != 0) { /* as OTP tells of it */
        gen__tell_name(self, m, "enter");
        init.content = etf_atom("init_state");
        m->turn.event = &init;
    }
    return settle(self, m, GEN_NEXT, true);
}

/* Before any message: the first state is entered, or the next event handled. */
static enum rt_next go_on(struct gen *self, struct statem *m)
{
    struct statem_item *item;
    bool due;

    if (!m->entered)
        return enter_first(self, m);
    due = m->engine.events.first == NULL; /* else it was told of before */
    item = gen__statem_next(&m->engine);
    if (item == NULL)
        return RT_NEXT; /* not reached: finish() saw one */
    if (due && (m->head.flags & GEN_FLAG_WATCHED) != 0)
        gen__tell_in(self, m, &item->event);
    return handle_item(self, m, item);
}

/* The time-out whose timer has sent this message, or NULL. */
static struct statem_item *fired(struct statem *m, etf_term message)
{
    struct statem_item *item;
    etf_ref ref;

    if (m->engine.timers.first == NULL ||
        !etf_is_tagged(message, ETF_A(timeout), 3) ||
        !etf_get_ref(etf_tuple_items(message)[1], &ref))
        return NULL;
    item = gen__statem_fired(&m->engine, ref);
    if (item != NULL)
        item->ref.count = 0;
    return item;
}

static enum rt_next handle_message(struct gen *self, struct statem *m,
                                   struct gen_statem_event *event)
{
    struct statem_item *item = NULL;

    if (event->type == GEN_STATEM_INFO)
        item = fired(m, event->content);
    if ((m->head.flags & GEN_FLAG_WATCHED) != 0)
        gen__tell_in(self, m, item != NULL ? &item->event : event);
    return item != NULL ? handle_item(self, m, item) : handle(self, m, event);
}

static enum gen_statem_type type_of(enum rt_message_kind kind)
{
    switch (kind) {
    case RT_CALL:
        return GEN_STATEM_CALL;
    case RT_CAST:
        return GEN_STATEM_CAST;
    default:
        return GEN_STATEM_INFO;
    }
}

static enum rt_next statem_message(struct gen *self,
                                   const struct rt_message *message)
{
    struct statem *m = rt_state(self);
    struct gen_statem_event event = { .type = type_of(message->kind),
                                      .content = message->term };
    enum rt_next next;

    switch (message->kind) {
    case RT_CALL:
        event.from = message->from;
        break;
    case RT_MESSAGE:
        if (gen__is_system(message) &&
            gen_sys_handle(self, &m->head.sys, message, &next))
            return gen__after_system(self, &m->head, idle_ms(m), next);
        event.type = type_of(
            gen__shape(self, message->term, &event.from, &event.content));
        break;
    case RT_CAST:
    case RT_EXIT:
    case RT_DOWN:
        break;
    case RT_TIMEOUT: /* hibernate_after_ms: nothing for the user */
        rt_hibernate(self);
        return RT_NEXT;
    case RT_DIRECT:
        return settle(self, m,
                      gen__direct(self, &m->head, &message->direct,
                                  m->machine->handle_direct),
                      false);
    case RT_PARENT_EXIT:
        (void)gen_stop(self, message->term);
        return stop(self, m);
    case RT_CONTINUED:
        return go_on(self, m);
    }
    return handle_message(self, m, &event);
}

/* ---- The end ------------------------------------------------------------ */

static void statem_terminate(struct gen *self, etf_term reason)
{
    struct statem *m = rt_state(self);

    gen__report(self, &m->head, reason); /* of an event that is freed below */
    forget_turn(m); /* the callback may have left by rt_exit() */
    m->head.last = ETF_NONE;
    gen__terminate(self, &m->head, m->machine->terminate, reason);
}

static void statem_destroy(void *state)
{
    struct statem *m = state;
    struct statem_below *below;

    if (m->first == NULL)
        return; /* ended before init began */
    if (m->first->destroy != NULL)
        m->first->destroy((char *)state + GEN_SIZE(statem));
    forget_turn(m);
    gen__queue_free(&m->engine.events);
    gen__queue_free(&m->engine.due);
    gen__queue_free(&m->engine.postponed);
    gen__queue_free(
        &m->engine.timers); /* the timers have ended with the process */
    gen__state_fini(&m->state);
    while ((below = m->below) != NULL) {
        m->below = below->next;
        free(below);
    }
    gen__head_fini(&m->head);
}

/* clang-format off */
#define STATEM_BEHAVIOR(on_signal)                                             \
    { .name = "gen_statem", .state_size = GEN_SIZE(statem),                    \
      .init = statem_init, .message = statem_message,                          \
      .terminate = statem_terminate, .destroy = statem_destroy,                \
      .terminate_on_signal = (on_signal), GEN_LABELLED, .note_is_labelled = true }
/* clang-format on */

/* By whether an exit signal runs terminate. */
static const struct rt_behavior behaviors[2] = { STATEM_BEHAVIOR(false),
                                                 STATEM_BEHAVIOR(true) };

struct statem *gen__statem(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->message != statem_message)
        return NULL;
    return rt_state(self);
}

/* ---- Starting ----------------------------------------------------------- */

static struct gen_start start_of(const struct gen_statem *machine)
{
    if (machine == NULL)
        return (struct gen_start){ .table = NULL };
    return (struct gen_start){ .behavior = &behaviors[!machine->quiet_exit],
                               .table = machine,
                               .head_size = GEN_SIZE(statem),
                               .state_size = machine->state_size };
}

static enum agner_err start(struct gen *self, const struct gen_statem *machine,
                            etf_term args,
                            const struct rt_spawn_options *options, bool link,
                            etf_pid *pid, etf_term *reason)
{
    struct gen_start start = start_of(machine);

    if (machine == NULL || !gen__is_machine(machine))
        return AGNER_EINVAL;
    return gen__start(self, &start, args, options, link, pid, reason);
}

enum agner_err gen_statem_start(struct gen *self,
                                const struct gen_statem *machine, etf_term args,
                                const struct rt_spawn_options *options,
                                etf_pid *pid, etf_term *reason)
{
    return start(self, machine, args, options, false, pid, reason);
}

enum agner_err gen_statem_start_link(struct gen *self,
                                     const struct gen_statem *machine,
                                     etf_term args,
                                     const struct rt_spawn_options *options,
                                     etf_pid *pid, etf_term *reason)
{
    return start(self, machine, args, options, true, pid, reason);
}

enum agner_err
gen_statem_start_monitor(struct gen *self, const struct gen_statem *machine,
                         etf_term args, const struct rt_spawn_options *options,
                         etf_pid *pid, etf_ref *monitor, etf_term *reason)
{
    struct rt_spawn_options full = gen__monitored(options, monitor);

    return start(self, machine, args, &full, false, pid, reason);
}

void gen_statem_enter_loop(struct gen *self, const struct gen_statem *machine,
                           etf_term args)
{
    struct gen_start start = start_of(machine);

    if (machine == NULL || !gen__is_machine(machine))
        rt_exit(self, ETF_A(badarg));
    gen__enter_loop(self, &start, args, machine->name);
}

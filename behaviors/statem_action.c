/*
 * statem_action.c -- what a machine's callbacks ask for.
 *
 * Each function notes a request in the turn of the event at hand; statem.c
 * carries it out when the callback has returned. What is not allowed, or needs
 * memory that is not there, ends the machine, as in OTP.
 *
 * Source: OTP 25, gen_statem, "Actions".
 */
#include <stdlib.h>

#include "statem_internal.h"

static enum gen_next without_memory(struct gen *self)
{
    return gen_stop(self, ETF_A(memory_limit));
}

/* ---- What is not allowed ------------------------------------------------ */

static enum gen_next bad(struct gen *self, const char *why, etf_term what)
{
    return gen_stop(self, etf_make(self, "{_, _}", etf_atom(why), what));
}

/* An action that is none, or not in an enter call. */
static enum gen_next bad_action(struct gen *self, const struct statem *m,
                                etf_term action)
{
    return bad(self,
               m->turn.entering ? "bad_state_enter_action_from_state_function"
                                : "bad_action_from_state_function",
               action);
}

/* ---- The transition ----------------------------------------------------- */

/* Takes `state`. */
static enum gen_next go_to(struct gen *self, struct statem *m,
                           struct statem_state *state)
{
    struct statem_turn *turn = &m->turn;

    gen__state_fini(&turn->next); /* the last word counts */
    turn->repeat = false;
    if (gen__is_state(&m->state) && gen__same_state(state, &m->state)) {
        gen__state_fini(state);
        return GEN_NEXT;
    }
    if (turn->entering) {
        enum gen_next next =
            bad(self, "bad_state_enter_return_from_state_function",
                etf_make(self, "{next_state, _}", gen__state_term(state)));

        gen__state_fini(state);
        return next;
    }
    turn->next = *state;
    return GEN_NEXT;
}

static enum gen_next bad_state(struct gen *self, etf_term state)
{
    return bad(self, "bad_return_from_state_function",
               etf_make(self, "{next_state, _}", state));
}

enum gen_next gen_next_state(struct gen *self, size_t state)
{
    struct statem *m = gen__statem(self);
    struct statem_state next = { 0 };

    if (m == NULL)
        return gen__misplaced(self, "gen_next_state");
    if (m->machine->states == NULL || state >= m->machine->state_count)
        return bad_state(self, etf_make(self, "_", (uint64_t)state));
    next.row = &m->machine->states[state];
    return go_to(self, m, &next);
}

enum gen_next gen_next_state_term(struct gen *self, etf_term state)
{
    struct statem *m = gen__statem(self);
    struct statem_state next;
    enum agner_err err = AGNER_ENOMEM;

    if (m == NULL)
        return gen__misplaced(self, "gen_next_state_term");
    if (!etf_is_none(state))
        err = gen__state_find(m, state, &next);
    if (err == AGNER_EUNKNOWN)
        return bad_state(self, state);
    return err == AGNER_OK ? go_to(self, m, &next) : without_memory(self);
}

static enum gen_next stay(struct gen *self, bool repeat, const char *name)
{
    struct statem *m = gen__statem(self);

    if (m == NULL)
        return gen__misplaced(self, name);
    gen__state_fini(&m->turn.next);
    m->turn.repeat = repeat;
    return GEN_NEXT;
}

enum gen_next gen_keep_state(struct gen *self)
{
    return stay(self, false, "gen_keep_state");
}

enum gen_next gen_repeat_state(struct gen *self)
{
    return stay(self, true, "gen_repeat_state");
}

etf_term gen_current_state(struct gen *self)
{
    const struct statem *m = gen__statem(self);

    return m != NULL ? gen__state_term(&m->state) : ETF_NONE;
}

/* ---- Events ------------------------------------------------------------- */

enum gen_next gen_postpone(struct gen *self)
{
    struct statem *m = gen__statem(self);

    if (m == NULL)
        return gen__misplaced(self, "gen_postpone");
    if (m->turn.entering)
        return bad_action(self, m, etf_atom("postpone"));
    m->turn.postpone = m->turn.event != NULL;
    return GEN_NEXT;
}

enum gen_next gen_next_event_as(struct gen *self,
                                const struct gen_statem_event *event)
{
    struct statem *m = gen__statem(self);
    struct statem_item *item;

    if (m == NULL)
        return gen__misplaced(self, "gen_next_event");
    if (m->turn.entering || (unsigned)event->type > GEN_STATEM_NAMED_TIMEOUT ||
        event->type == GEN_STATEM_ENTER)
        return bad_action(self, m,
                          etf_make(self, "{next_event, _, _}",
                                   gen__event_type(self, event),
                                   event->content));
    item = gen__item_new(self, event);
    if (item == NULL)
        return without_memory(self);
    gen__queue_put(&m->turn.step.inserted, item);
    return GEN_NEXT;
}

enum gen_next gen_next_event(struct gen *self, etf_term content)
{
    struct gen_statem_event event = { .type = GEN_STATEM_INTERNAL,
                                      .content = content };

    return gen_next_event_as(self, &event);
}

/* ---- Time-outs ---------------------------------------------------------- */

static bool is_timeout(const struct gen_statem_event *event)
{
    switch (event->type) {
    case GEN_STATEM_TIMEOUT:
    case GEN_STATEM_STATE_TIMEOUT:
        return true;
    case GEN_STATEM_NAMED_TIMEOUT:
        return !etf_is_none(event->name);
    case GEN_STATEM_CALL:
    case GEN_STATEM_CAST:
    case GEN_STATEM_INFO:
    case GEN_STATEM_INTERNAL:
    case GEN_STATEM_ENTER:
        break;
    }
    return false;
}

/* As OTP writes the action. */
static etf_term timeout_action(struct gen *self,
                               const struct gen_statem_event *event,
                               enum statem_order order, uint64_t ms)
{
    etf_term type = ETF_A(timeout); /* without the name that it needs */

    if (event->type != GEN_STATEM_NAMED_TIMEOUT)
        type = gen__event_type(self, event);
    switch (order) {
    case STATEM_CANCEL:
        return etf_make(self, "{_, cancel}", type);
    case STATEM_UPDATE:
        return etf_make(self, "{_, update, _}", type, event->content);
    case STATEM_AFTER:
    case STATEM_AT:
        break;
    }
    return etf_make(self, "{_, _, _}", type, ms, event->content);
}

static enum gen_next ask(struct gen *self, const struct gen_statem_event *event,
                         enum statem_order order, uint64_t ms)
{
    struct statem *m = gen__statem(self);
    struct statem_item *item;

    if (m == NULL)
        return gen__misplaced(self, "gen_timeout");
    if (!is_timeout(event))
        return bad(self, "bad_action_from_state_function",
                   timeout_action(self, event, order, ms));
    item = gen__item_new(self, event);
    if (item == NULL)
        return without_memory(self);
    item->order = ms == RT_INFINITY ? STATEM_CANCEL : order;
    item->ms = ms;
    gen__item_free(gen__statem_ask(&m->turn.step, item));
    return GEN_NEXT;
}

static enum gen_next ask_for(struct gen *self, enum gen_statem_type type,
                             etf_term name, etf_term content,
                             enum statem_order order, uint64_t ms)
{
    struct gen_statem_event event = { .type = type, .content = content };

    if (type == GEN_STATEM_NAMED_TIMEOUT)
        event.name = name;
    return ask(self, &event, order, ms);
}

enum gen_next gen_state_timeout(struct gen *self, uint64_t ms, etf_term content)
{
    return ask_for(self, GEN_STATEM_STATE_TIMEOUT, ETF_NONE, content,
                   STATEM_AFTER, ms);
}

enum gen_next gen_event_timeout(struct gen *self, uint64_t ms, etf_term content)
{
    return ask_for(self, GEN_STATEM_TIMEOUT, ETF_NONE, content, STATEM_AFTER,
                   ms);
}

enum gen_next gen_named_timeout(struct gen *self, etf_term name, uint64_t ms,
                                etf_term content)
{
    return ask_for(self, GEN_STATEM_NAMED_TIMEOUT, name, content, STATEM_AFTER,
                   ms);
}

enum gen_next gen_timeout_at(struct gen *self, enum gen_statem_type type,
                             etf_term name, uint64_t at_ms, etf_term content)
{
    return ask_for(self, type, name, content, STATEM_AT, at_ms);
}

enum gen_next gen_timeout_update(struct gen *self, enum gen_statem_type type,
                                 etf_term name, etf_term content)
{
    return ask_for(self, type, name, content, STATEM_UPDATE, 0);
}

enum gen_next gen_timeout_cancel(struct gen *self, enum gen_statem_type type,
                                 etf_term name)
{
    return ask_for(self, type, name, ETF_A(undefined), STATEM_CANCEL, 0);
}

/* ---- Callbacks ---------------------------------------------------------- */

static bool may_run(const struct statem *m, const struct gen_statem *machine)
{
    return machine != NULL && gen__is_machine(machine) &&
           machine->state_size <= m->first->state_size;
}

static enum gen_next bad_module(struct gen *self, const struct statem *m,
                                const char *action,
                                const struct gen_statem *machine)
{
    return bad_action(
        self, m,
        etf_make(self, "{_, _}", etf_atom(action), gen__machine_name(machine)));
}

static enum gen_next run_now(struct gen *self, struct statem *m,
                             const struct gen_statem *machine)
{
    m->machine = machine;
    if ((m->head.flags & GEN_FLAG_WATCHED) != 0)
        gen__tell_name(self, m, "module");
    return GEN_NEXT;
}

enum gen_next gen_change_callback_module(struct gen *self,
                                         const struct gen_statem *machine)
{
    struct statem *m = gen__statem(self);

    if (m == NULL)
        return gen__misplaced(self, "gen_change_callback_module");
    if (m->turn.entering || !may_run(m, machine))
        return bad_module(self, m, "change_callback_module", machine);
    return run_now(self, m, machine);
}

enum gen_next gen_push_callback_module(struct gen *self,
                                       const struct gen_statem *machine)
{
    struct statem *m = gen__statem(self);
    struct statem_below *below;

    if (m == NULL)
        return gen__misplaced(self, "gen_push_callback_module");
    if (m->turn.entering || !may_run(m, machine))
        return bad_module(self, m, "push_callback_module", machine);
    below = malloc(sizeof *below);
    if (below == NULL)
        return without_memory(self);
    below->machine = m->machine;
    below->next = m->below;
    m->below = below;
    return run_now(self, m, machine);
}

enum gen_next gen_pop_callback_module(struct gen *self)
{
    struct statem *m = gen__statem(self);
    struct statem_below *below;
    const struct gen_statem *machine;

    if (m == NULL)
        return gen__misplaced(self, "gen_pop_callback_module");
    below = m->below;
    if (m->turn.entering || below == NULL)
        return bad_action(self, m, etf_atom("pop_callback_module"));
    machine = below->machine;
    m->below = below->next;
    free(below);
    return run_now(self, m, machine);
}

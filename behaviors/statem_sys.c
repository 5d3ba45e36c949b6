/*
 * statem_sys.c -- what sys sees of a state machine, and hears while it watches.
 *
 * The state is {State, Data}, as in OTP, and so are the events.
 *
 * Source: OTP 25, gen_statem; its answers were recorded from a real node.
 */
#include "statem_internal.h"

/* ---- Events as terms ---------------------------------------------------- */

etf_term gen__event_type(struct gen *self, const struct gen_statem_event *event)
{
    switch (event->type) {
    case GEN_STATEM_CALL:
        return etf_make(self, "{call, _}", rt_from_term(self, &event->from));
    case GEN_STATEM_CAST:
        return ETF_A(cast);
    case GEN_STATEM_INFO:
        return ETF_A(info);
    case GEN_STATEM_INTERNAL:
        return etf_make(self, "internal");
    case GEN_STATEM_ENTER:
        return etf_make(self, "enter");
    case GEN_STATEM_TIMEOUT:
        return ETF_A(timeout);
    case GEN_STATEM_STATE_TIMEOUT:
        return etf_make(self, "state_timeout");
    case GEN_STATEM_NAMED_TIMEOUT:
        return etf_make(self, "{timeout, _}", event->name);
    }
    return etf_make(self, "_", (int64_t)event->type); /* a user's number */
}

static etf_term event_term(struct gen *self,
                           const struct gen_statem_event *event)
{
    return etf_make(self, "{_, _}", gen__event_type(self, event),
                    event->content);
}

void gen__tell_in(struct gen *self, struct statem *m,
                  const struct gen_statem_event *event)
{
    gen_sys_event(self, &m->head.sys,
                  etf_make(self, "{in, _, _}", event_term(self, event),
                           gen__state_term(&m->state)));
}

void gen__tell_done(struct gen *self, struct statem *m, etf_term from)
{
    gen_sys_event(self, &m->head.sys,
                  etf_make(self, "{_, _, _, _}",
                           etf_atom(m->turn.postpone ? "postpone" : "consume"),
                           event_term(self, m->turn.event), from,
                           gen__state_term(&m->state)));
}

void gen__tell_timer(struct gen *self, struct statem *m,
                     const struct statem_item *item)
{
    etf_term options = etf_nil();

    if (item->order == STATEM_AT)
        options = etf_make(self, "[{abs, true}]");
    gen_sys_event(self, &m->head.sys,
                  etf_make(self, "{start_timer, {_, _, _, _}, _}",
                           gen__event_type(self, &item->event), item->ms,
                           item->event.content, options,
                           gen__state_term(&m->state)));
}

void gen__tell_name(struct gen *self, struct statem *m, const char *tag)
{
    gen_sys_event(self, &m->head.sys,
                  etf_make(self, "{_, _, _}", etf_atom(tag),
                           gen__machine_name(m->machine),
                           gen__state_term(&m->state)));
}

/* ---- State and status --------------------------------------------------- */

static etf_term data_of(struct gen *self, const struct statem *m)
{
    return gen__format(self, m->machine->format_status, m->first->state_size);
}

static etf_term get_state(struct gen *self)
{
    const struct statem *m = rt_state(self);

    return etf_make(self, "{_, _}", gen__state_term(&m->state),
                    data_of(self, m));
}

static enum agner_err replace_state(struct gen *self, etf_term both)
{
    struct statem *m = rt_state(self);
    struct statem_state state;
    etf_term state_term, data;
    enum agner_err err;

    if (!etf_match(both, "{_, _}", &state_term, &data))
        return AGNER_EINVAL;
    if (m->machine->replace_state == NULL)
        return AGNER_ENOTSUP;
    err = gen__state_find(m, state_term, &state);
    if (err != AGNER_OK)
        return err;
    err = m->machine->replace_state(self, data);
    if (err != AGNER_OK) {
        gen__state_fini(&state);
        return err;
    }
    gen__state_fini(&m->state);
    m->state = state;
    return AGNER_OK;
}

static enum agner_err change_code(struct gen *self, etf_term old_version,
                                  etf_term extra)
{
    const struct statem *m = rt_state(self);

    if (m->machine->code_change == NULL)
        return AGNER_ENOTSUP;
    return m->machine->code_change(self, old_version, extra);
}

/* The list of their events, by type and content, in front of `tail`. */
static etf_term events_of(struct gen *self, const struct statem_queue *q,
                          etf_term tail, uint64_t *count)
{
    const struct statem_item *item;

    for (item = q->first; item != NULL; item = item->next) {
        tail = etf_cons(rt_region(self), event_term(self, &item->event), tail);
        (*count)++;
    }
    return tail;
}

static etf_term modules_of(struct gen *self, const struct statem *m)
{
    const struct statem_below *below;
    etf_term list = etf_nil(), all = etf_nil(), name;

    for (below = m->below; below != NULL; below = below->next)
        list =
            etf_cons(rt_region(self), gen__machine_name(below->machine), list);
    while (etf_list_next(&list, &name))
        all = etf_cons(rt_region(self), name, all);
    return etf_cons(rt_region(self), gen__machine_name(m->machine), all);
}

static etf_term get_details(struct gen *self)
{
    const struct statem *m = rt_state(self);
    uint64_t timeouts = 0, postponed = 0;
    etf_term running = events_of(
        self, &m->engine.timers,
        events_of(self, &m->engine.due, etf_nil(), &timeouts), &timeouts);
    etf_term waiting =
        events_of(self, &m->engine.postponed, etf_nil(), &postponed);

    return etf_make(self,
                    "[{\"Modules\", _}, {\"Time-outs\", {_, _}}, "
                    "{\"Postponed\", _}]",
                    modules_of(self, m), timeouts, running, waiting);
}

const struct gen_sys_view gen__statem_view = {
    .module = "gen_statem",
    .get_state = get_state,
    .replace_state = replace_state,
    .get_details = get_details,
    .code_change = change_code,
};

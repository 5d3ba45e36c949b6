/*
 * statem_puppet.c -- the machine that obeys its events, and who drives it.
 */
#include "statem_puppet.h"

#include <string.h>

#define LONG_MS 60000u /* a deadline that only a defect reaches */

/* ---- The machine -------------------------------------------------------- */

struct puppet {
    etf_pid boss; /* gets the trace */
    struct etf_box *enters;
    uint64_t used; /* bit i: the i-th of enters was obeyed */
};

static etf_term type_term(struct gen *self,
                          const struct gen_statem_event *event)
{
    switch (event->type) {
    case GEN_STATEM_CALL:
        return etf_make(self, "call");
    case GEN_STATEM_CAST:
        return etf_make(self, "cast");
    case GEN_STATEM_INFO:
        return etf_make(self, "info");
    case GEN_STATEM_INTERNAL:
        return etf_make(self, "internal");
    case GEN_STATEM_ENTER:
        return etf_make(self, "enter");
    case GEN_STATEM_TIMEOUT:
        return etf_make(self, "timeout");
    case GEN_STATEM_STATE_TIMEOUT:
        return etf_make(self, "state_timeout");
    case GEN_STATEM_NAMED_TIMEOUT:
        return etf_make(self, "{timeout, _}", event->name);
    }
    return ETF_NONE;
}

/* The other way round; a number stands for itself. */
static struct gen_statem_event type_of(etf_term term)
{
    static const struct {
        const char *name;
        enum gen_statem_type type;
    } types[] = { { "call", GEN_STATEM_CALL },
                  { "cast", GEN_STATEM_CAST },
                  { "info", GEN_STATEM_INFO },
                  { "internal", GEN_STATEM_INTERNAL },
                  { "enter", GEN_STATEM_ENTER },
                  { "timeout", GEN_STATEM_TIMEOUT },
                  { "state_timeout", GEN_STATEM_STATE_TIMEOUT } };
    struct gen_statem_event event = { .type = (enum gen_statem_type)98 };
    int64_t number;

    if (etf_match(term, "{timeout, _}", &event.name))
        event.type = GEN_STATEM_NAMED_TIMEOUT;
    else if (etf_get_int(term, &number))
        event.type = (enum gen_statem_type)number;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (etf_atom_is(term, types[i].name))
            event.type = types[i].type;
    }
    return event;
}

static bool set_timeout(struct gen *self, etf_term action)
{
    struct gen_statem_event event;
    etf_term what, time, content;
    int64_t ms;

    if (etf_match(action, "{_, cancel}", &what)) {
        event = type_of(what);
        (void)gen_timeout_cancel(self, event.type, event.name);
        return true;
    }
    if (etf_get_int(action, &ms)) {
        (void)gen_event_timeout(self, (uint64_t)ms, action);
        return true;
    }
    if (etf_match(action, "{abs, _, _, _}", &what, &ms, &content)) {
        event = type_of(what);
        (void)gen_timeout_at(self, event.type, event.name,
                             (uint64_t)((int64_t)rt_now_ms(rt_of(self)) + ms),
                             content);
        return true;
    }
    if (!etf_match(action, "{_, _, _}", &what, &time, &content))
        return false;
    event = type_of(what);
    if (etf_atom_is(time, "update"))
        (void)gen_timeout_update(self, event.type, event.name, content);
    else if (etf_atom_is(time, "infinity"))
        (void)gen_state_timeout(self, GEN_INFINITY, content);
    else if (!etf_get_int(time, &ms))
        return false;
    else if (event.type == GEN_STATEM_STATE_TIMEOUT)
        (void)gen_state_timeout(self, (uint64_t)ms, content);
    else if (event.type == GEN_STATEM_TIMEOUT)
        (void)gen_event_timeout(self, (uint64_t)ms, content);
    else
        (void)gen_named_timeout(self, event.name, (uint64_t)ms, content);
    return true;
}

static void act(struct gen *self, etf_term action, const struct gen_from *from)
{
    struct gen_statem_event event;
    etf_term a, b;
    uint64_t ms;

    if (etf_match(action, "{reply, _}", &a) && from != NULL) {
        (void)gen_reply(self, *from, a);
    } else if (etf_match(action, "postpone")) {
        (void)gen_postpone(self);
    } else if (etf_match(action, "hibernate")) {
        (void)gen_hibernate(self);
    } else if (etf_match(action, "pop")) {
        (void)gen_pop_callback_module(self);
    } else if (etf_match(action, "{push, _}", &a)) {
        (void)gen_push_callback_module(self, puppet_machine(a));
    } else if (etf_match(action, "{change, _}", &a)) {
        (void)gen_change_callback_module(self, puppet_machine(a));
    } else if (etf_match(action, "{internal, _}", &a)) {
        (void)gen_next_event(self, a);
    } else if (etf_match(action, "{insert, _, _}", &a, &b)) {
        event = type_of(a);
        event.content = b;
        if (from != NULL)
            event.from = *from;
        (void)gen_next_event_as(self, &event);
    } else if (etf_match(action, "{sleep, _}", &ms)) {
        (void)rt_sleep(self, ms); /* a simulated time */
    } else if (!set_timeout(self, action)) {
        (void)gen_stop(self, etf_make(self, "{unknown_action, _}", action));
    }
}

static void act_all(struct gen *self, etf_term actions,
                    const struct gen_from *from)
{
    etf_term action;

    while (etf_list_next(&actions, &action))
        act(self, action, from);
}

static enum gen_next go(struct gen *self, etf_term transition)
{
    etf_term a;
    int64_t number;

    if (etf_match(transition, "keep"))
        return gen_keep_state(self);
    if (etf_match(transition, "repeat"))
        return gen_repeat_state(self);
    if (etf_match(transition, "{next, _}", &a))
        return gen_next_state_term(self, a);
    if (etf_match(transition, "{stop, _}", &a))
        return gen_stop(self, a);
    if (etf_match(transition, "{bad, _}", &number))
        return (enum gen_next)number;
    return gen_stop(self,
                    etf_make(self, "{unknown_transition, _}", transition));
}

static void trace(struct gen *self, const char *machine, etf_term type,
                  etf_term id)
{
    const struct puppet *p = gen_state(self);

    (void)rt_send_pid(self, p->boss,
                      etf_make(self, "{trace, {_, _, _, _}}", etf_atom(machine),
                               gen_current_state(self), type, id));
}

static enum gen_next on_event(struct gen *self, const char *machine,
                              const struct gen_statem_event *event)
{
    etf_term id = event->content, orders = etf_nil(), order, state, transition,
             actions;

    if (!etf_match(event->content, "{_, _}", &id, &orders) ||
        etf_list_size(orders) < 0) {
        id = event->content;
        orders = etf_nil();
    }
    trace(self, machine, type_term(self, event), id);
    while (etf_list_next(&orders, &order)) {
        if (!etf_match(order, "{_, _, _}", &state, &transition, &actions) ||
            !(etf_atom_is(state, "any") ||
              etf_equal(state, gen_current_state(self))))
            continue;
        act_all(self, actions,
                event->type == GEN_STATEM_CALL ? &event->from : NULL);
        return go(self, transition);
    }
    return GEN_NEXT;
}

static enum gen_next on_enter(struct gen *self, const char *machine,
                              etf_term old)
{
    struct puppet *p = gen_state(self);
    etf_term orders = etf_box_term(p->enters), order, state, transition,
             actions;

    trace(self, machine, etf_make(self, "enter"), old);
    for (uint64_t bit = 1; etf_list_next(&orders, &order); bit <<= 1) {
        if (!etf_match(order, "{_, _, _}", &state, &transition, &actions) ||
            (p->used & bit) != 0 || !etf_equal(state, gen_current_state(self)))
            continue;
        p->used |= bit;
        act_all(self, actions, NULL);
        return go(self, transition);
    }
    return GEN_NEXT;
}

/* {Boss, State, Actions, Enters}. */
static enum gen_next puppet_init(struct gen *self, etf_term args)
{
    struct puppet *p = gen_state(self);
    etf_term state, actions, enters;

    if (!etf_match(args, "{_, _, _, _}", &p->boss, &state, &actions, &enters))
        return gen_stop(self, etf_make(self, "badarg"));
    p->enters = etf_box_new(enters);
    if (p->enters == NULL)
        return gen_stop(self, etf_make(self, "no_memory"));
    act_all(self, actions, NULL);
    return gen_next_state_term(self, state);
}

static void say_end(struct gen *self, const char *machine, etf_term reason)
{
    const struct puppet *p = gen_state(self);

    (void)rt_send_pid(self, p->boss,
                      etf_make(self, "{trace, {_, terminate, _, _}}",
                               etf_atom(machine), gen_current_state(self),
                               reason));
}

static void puppet_destroy(void *data)
{
    struct puppet *p = data;

    etf_box_free(p->enters);
}

/* ---- Four of them, by style and whether they are told of entering ------- */

#define PUPPET(machine) \
    static enum gen_next machine##_event(struct gen *self, \
                                         const struct gen_statem_event *event) \
    { \
        return on_event(self, #machine, event); \
    } \
    static void machine##_terminate(struct gen *self, etf_term reason) \
    { \
        say_end(self, #machine, reason); \
    }

#define PUPPET_TABLE(machine) \
    .name = #machine, .state_size = sizeof(struct puppet), \
    .init = puppet_init, .terminate = machine##_terminate, \
    .destroy = puppet_destroy

PUPPET(sf)
PUPPET(sfe)
PUPPET(he)
PUPPET(hee)

static enum gen_next sfe_enter(struct gen *self, etf_term old)
{
    return on_enter(self, "sfe", old);
}

static enum gen_next he_handle(struct gen *self,
                               const struct gen_statem_event *event,
                               etf_term state)
{
    (void)state;
    return he_event(self, event);
}

static enum gen_next hee_handle(struct gen *self,
                                const struct gen_statem_event *event,
                                etf_term state)
{
    (void)state;
    if (event->type == GEN_STATEM_ENTER)
        return on_enter(self, "hee", event->content);
    return hee_event(self, event);
}

static const struct gen_statem_state sf_states[] = {
    { .name = "a", .handle = sf_event },
    { .name = "b", .handle = sf_event },
    { .name = "c", .handle = sf_event },
};

static const struct gen_statem_state sfe_states[] = {
    { .name = "a", .handle = sfe_event, .enter = sfe_enter },
    { .name = "b", .handle = sfe_event, .enter = sfe_enter },
    { .name = "c", .handle = sfe_event, .enter = sfe_enter },
};

static const struct gen_statem machines[] = {
    { PUPPET_TABLE(sf), .states = sf_states, .state_count = 3 },
    { PUPPET_TABLE(sfe), .states = sfe_states, .state_count = 3 },
    { PUPPET_TABLE(he), .handle_event = he_handle },
    { PUPPET_TABLE(hee), .handle_event = hee_handle, .state_enter = true },
};

const struct gen_statem *puppet_machine(etf_term name)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        if (etf_atom_is(name, machines[i].name))
            return &machines[i];
    }
    return NULL;
}

/* ---- The driver --------------------------------------------------------- */

#define CALLS_MAX 64u

struct play {
    struct gen *self;
    struct etf_buffer *out;
    etf_term machine; /* its pid */
    struct {
        etf_term id;
        struct rt_request request;
    } calls[CALLS_MAX];
    size_t call_count;
    bool over; /* the machine has ended */
    bool failed;
};

static void write_line(struct play *play, const char *before, etf_term term)
{
    struct etf_print_options options = { .style = ETF_STYLE_W };

    if (etf_buffer_add(play->out, before, strlen(before)) != AGNER_OK ||
        (!etf_is_none(term) &&
         etf_print(play->out, term, &options) != AGNER_OK) ||
        etf_buffer_add(play->out, "\n", 1) != AGNER_OK)
        play->failed = true;
}

static bool is_trace(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_is_tagged(m, etf_atom("trace"), 2);
}

static void show(struct play *play, etf_term trace)
{
    write_line(play, "  ", etf_tuple_items(trace)[1]);
}

/* What the machine has told so far. */
static void flush(struct play *play)
{
    etf_term m;

    while (rt_receive_match(play->self, is_trace, NULL, 0, &m) == AGNER_OK)
        show(play, m);
}

static void await(struct play *play, etf_term id)
{
    etf_term m;

    do {
        if (rt_receive_match(play->self, is_trace, NULL, LONG_MS, &m) !=
            AGNER_OK) {
            write_line(play, "  never came: ", id);
            return;
        }
        show(play, m);
    } while (!etf_equal(etf_tuple_items(etf_tuple_items(m)[1])[3], id));
}

static void call(struct play *play, etf_term content)
{
    etf_term id, orders;

    if (play->call_count == CALLS_MAX ||
        !etf_match(content, "{_, _}", &id, &orders) ||
        gen_send_request(play->self, play->machine, content,
                         &play->calls[play->call_count].request) != AGNER_OK) {
        play->failed = true;
        return;
    }
    play->calls[play->call_count++].id = id;
}

static void step(struct play *play, etf_term order)
{
    struct gen *self = play->self;
    etf_term a;
    uint64_t ms;

    /* The machine may have ended: that is seen in the trace. */
    if (etf_match(order, "{cast, _}", &a))
        (void)gen_cast(self, play->machine, a);
    else if (etf_match(order, "{info, _}", &a))
        (void)rt_send(self, play->machine, a);
    else if (etf_match(order, "{call, _}", &a))
        call(play, a);
    else if (etf_match(order, "sync"))
        play->over =
            gen_sys_get_state(self, play->machine, LONG_MS, &a) != AGNER_OK;
    else if (etf_match(order, "{sleep, _}", &ms)) /* a simulated time */
        (void)rt_sleep(self, ms);
    else if (etf_match(order, "suspend"))
        (void)gen_sys_suspend(self, play->machine, LONG_MS);
    else if (etf_match(order, "resume"))
        (void)gen_sys_resume(self, play->machine, LONG_MS);
    else if (etf_match(order, "{await, _}", &a))
        await(play, a);
    else
        play->failed = true;
}

static void show_answers(struct play *play)
{
    struct gen *self = play->self;
    etf_pid pid;
    bool lives =
        etf_get_pid(play->machine, &pid) && rt_is_alive(rt_of(self), pid);

    for (size_t i = 0; i < play->call_count; i++) {
        etf_term reply = ETF_NONE, id = play->calls[i].id;
        enum agner_err err = gen_receive_response(self, &play->calls[i].request,
                                                  lives ? 0 : LONG_MS, &reply);
        struct etf_print_options options = { .style = ETF_STYLE_W };

        flush(play);
        if (etf_buffer_add(play->out, "  answer ", 9) != AGNER_OK ||
            etf_print(play->out, id, &options) != AGNER_OK)
            play->failed = true;
        if (err == AGNER_OK)
            write_line(play, " ", etf_make(self, "{reply, _}", reply));
        else if (err == AGNER_ETIMEOUT)
            write_line(play, " none", ETF_NONE);
        else
            write_line(play, " ", etf_make(self, "{error, _}", reply));
    }
}

/* {Module, State, Actions, Enters}. */
static bool begin(struct play *play, etf_term machine, etf_ref *monitor)
{
    struct gen *self = play->self;
    struct rt_spawn_options options = { .monitor = true,
                                        .monitor_ref = monitor };
    etf_term module, state, actions, enters;
    etf_pid pid;

    if (!etf_match(machine, "{_, _, _, _}", &module, &state, &actions,
                   &enters) ||
        puppet_machine(module) == NULL ||
        gen_statem_start(self, puppet_machine(module),
                         etf_make(self, "{_, _, _, _}", rt_self(self), state,
                                  actions, enters),
                         &options, &pid, NULL) != AGNER_OK)
        return false;
    play->machine = etf_from_pid(NULL, pid);
    return true;
}

/* Ends the machine, if it has not ended itself, and tells why it did. */
static void finish(struct play *play)
{
    struct gen *self = play->self;
    etf_term message, reason = ETF_NONE;
    etf_pid pid;

    if (!etf_get_pid(play->machine, &pid))
        return;
    (void)rt_exit_signal(self, pid, etf_make(self, "kill"));
    while (etf_is_none(reason)) {
        if (rt_receive(self, LONG_MS, &message) != AGNER_OK)
            return;
        if (is_trace(NULL, message))
            show(play, message);
        else
            (void)etf_match(message, "{'DOWN', __, __, __, _}", &reason);
    }
    if (!etf_atom_is(reason, "killed"))
        write_line(play, "  ended ", reason);
}

bool puppet_play(struct gen *self, etf_term the_case, struct etf_buffer *out)
{
    struct play play = { .self = self, .out = out };
    etf_term name, machine, steps, order;
    char text[200];
    etf_ref monitor;

    if (!etf_match(the_case, "{_, _, _}", &name, &machine, &steps) ||
        !etf_get_text(name, text, sizeof text) ||
        !begin(&play, machine, &monitor))
        return false;
    write_line(&play, text, ETF_NONE);
    while (!play.over && etf_list_next(&steps, &order))
        step(&play, order);
    show_answers(&play);
    finish(&play);
    return !play.failed;
}

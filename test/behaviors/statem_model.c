/*
 * statem_model.c -- gen_statem on paper: what a program must leave behind.
 *
 * As plain as it can be: arrays, a clock that is a number, and the rules of
 * OTP's manual one after the other. It shares nothing with behaviors/.
 */
#include "statem_random.h"

#include <stdio.h>
#include <string.h>

#define EVENTS_MAX   512u
#define TIMEOUTS_MAX 8u
#define CALLS_MAX    64u
#define HANDLED_MAX  2000u /* events; some programs go on for ever */
#define APART_MS     10u   /* time-outs closer than this may swap */

struct event {
    etf_term type, content;
    int call; /* which call it is, or -1 */
};

struct events {
    struct event items[EVENTS_MAX];
    size_t count;
};

struct timeout {
    struct event event;
    uint64_t due_ms; /* of a time-out that runs */
    bool zero;       /* waits for the queue to be empty */
};

struct model {
    struct etf_region *r;
    struct etf_buffer *out;
    bool enter;
    const char *module;
    etf_term state;
    etf_term enters;
    uint64_t enters_used;
    struct events queue, postponed;
    struct timeout timeouts[TIMEOUTS_MAX]; /* those of 0 in their order */
    size_t timeout_count;
    struct events mailbox;
    struct {
        etf_term id, reply; /* none: not answered */
    } calls[CALLS_MAX];
    size_t call_count;
    unsigned handled;
    uint64_t now_ms;
    etf_term stopped; /* the reason */
    bool unclear;     /* or endless, or out of memory */
};

static void write_term(struct model *m, const char *before, etf_term term,
                       const char *after)
{
    struct etf_print_options options = { .style = ETF_STYLE_W };

    if (etf_buffer_add(m->out, before, strlen(before)) != AGNER_OK ||
        etf_print(m->out, term, &options) != AGNER_OK ||
        etf_buffer_add(m->out, after, strlen(after)) != AGNER_OK)
        m->unclear = true;
}

static void trace(struct model *m, etf_term type, etf_term id)
{
    etf_term items[4] = { etf_atom(m->module), m->state, type, id };

    write_term(m, "  ", etf_tuple(m->r, items, 4), "\n");
}

/* ---- Lists of events ---------------------------------------------------- */

static void insert(struct model *m, struct events *to, size_t at,
                   const struct event *items, size_t count)
{
    if (to->count + count > EVENTS_MAX) {
        m->unclear = true;
        return;
    }
    memmove(to->items + at + count, to->items + at,
            (to->count - at) * sizeof *items);
    memcpy(to->items + at, items, count * sizeof *items);
    to->count += count;
}

static void append(struct model *m, struct events *to, struct event event)
{
    insert(m, to, to->count, &event, 1);
}

static struct event take_first(struct events *from)
{
    struct event first = from->items[0];

    from->count--;
    memmove(from->items, from->items + 1, from->count * sizeof first);
    return first;
}

/* ---- Time-outs ---------------------------------------------------------- */

static size_t find_timeout(const struct model *m, etf_term type)
{
    size_t i = 0;

    while (i < m->timeout_count && !etf_equal(m->timeouts[i].event.type, type))
        i++;
    return i;
}

static void drop_timeout(struct model *m, size_t i)
{
    if (i == m->timeout_count)
        return;
    m->timeout_count--;
    memmove(m->timeouts + i, m->timeouts + i + 1,
            (m->timeout_count - i) * sizeof *m->timeouts);
}

static void drop_type(struct model *m, const char *type)
{
    drop_timeout(m, find_timeout(m, etf_atom(type)));
}

/* {Type, Time, Content} or {Type, cancel}: how it stands in the program. */
static void set_timeout(struct model *m, etf_term asked)
{
    const etf_term *items = etf_tuple_items(asked);
    size_t at = find_timeout(m, items[0]);
    struct timeout new = { .event = { .type = items[0], .call = -1 } };
    int64_t ms = 0;

    if (etf_tuple_size(asked) == 2) {
        drop_timeout(m, at);
        return;
    }
    new.event.content = items[2];
    if (!etf_get_int(items[1], &ms) && at < m->timeout_count) {
        m->timeouts[at].event.content = items[2]; /* update */
        return;
    }
    new.zero = ms == 0;
    new.due_ms = m->now_ms + (uint64_t)ms;
    drop_timeout(m, at);
    for (size_t i = 0; i < m->timeout_count && !new.zero; i++) {
        uint64_t other = m->timeouts[i].due_ms;

        if (!m->timeouts[i].zero &&
            other + APART_MS > new.due_ms &&new.due_ms + APART_MS > other)
            m->unclear = true;
    }
    m->timeouts[m->timeout_count++] = new;
}

/* ---- One event ---------------------------------------------------------- */

/* What its callbacks have asked for. */
struct turn {
    struct events inserted;
    etf_term asked[32]; /* time-outs */
    size_t asked_count;
    bool postpone, repeat;
    etf_term next; /* state; none: the same */
};

static void ask(struct model *m, struct turn *turn, etf_term asked)
{
    etf_term type = etf_tuple_items(asked)[0];
    size_t kept = 0;

    for (size_t i = 0; i < turn->asked_count; i++) {
        if (!etf_equal(etf_tuple_items(turn->asked[i])[0], type))
            turn->asked[kept++] = turn->asked[i]; /* the last one counts */
    }
    turn->asked_count = kept;
    if (kept == 32)
        m->unclear = true;
    else
        turn->asked[turn->asked_count++] = asked;
}

static void act(struct model *m, struct turn *turn, const struct event *event,
                etf_term action)
{
    struct event new = { .call = -1 };
    const etf_term *items = etf_tuple_items(action);

    if (etf_atom_is(action, "postpone")) {
        turn->postpone = true;
    } else if (etf_atom_is(items[0], "internal")) {
        new.type = items[0];
        new.content = items[1];
        append(m, &turn->inserted, new);
    } else if (etf_atom_is(items[0], "insert")) {
        new.type = items[1];
        new.content = items[2];
        append(m, &turn->inserted, new);
    } else if (etf_atom_is(items[0], "reply")) {
        if (event->call >= 0 && etf_is_none(m->calls[event->call].reply))
            m->calls[event->call].reply = items[1];
    } else {
        ask(m, turn, action);
    }
}

/* {State, Transition, Actions}. */
static void obey(struct model *m, struct turn *turn, const struct event *event,
                 etf_term order)
{
    const etf_term *items = etf_tuple_items(order);
    etf_term actions = items[2], action, argument;

    while (etf_list_next(&actions, &action))
        act(m, turn, event, action);
    turn->repeat = etf_atom_is(items[1], "repeat");
    if (etf_tuple_size(items[1]) != 2)
        return;
    argument = etf_tuple_items(items[1])[1];
    if (etf_atom_is(etf_tuple_items(items[1])[0], "stop"))
        m->stopped = argument;
    else if (!etf_equal(argument, m->state))
        turn->next = argument;
}

static void call_state(struct model *m, struct turn *turn,
                       const struct event *event)
{
    etf_term id = event->content, orders = etf_nil(), order;

    if (etf_tuple_size(event->content) == 2) {
        id = etf_tuple_items(event->content)[0];
        orders = etf_tuple_items(event->content)[1];
    }
    trace(m, event->type, id);
    while (etf_list_next(&orders, &order)) {
        if (etf_equal(etf_tuple_items(order)[0], m->state)) {
            obey(m, turn, event, order);
            return;
        }
    }
}

static void call_enter(struct model *m, struct turn *turn, etf_term old)
{
    static const struct event none = { .call = -1 };
    etf_term orders = m->enters, order;

    turn->repeat = false;
    trace(m, etf_atom("enter"), old);
    for (uint64_t bit = 1; etf_list_next(&orders, &order); bit <<= 1) {
        if ((m->enters_used & bit) != 0 ||
            !etf_equal(etf_tuple_items(order)[0], m->state))
            continue;
        m->enters_used |= bit;
        obey(m, turn, &none, order);
        return;
    }
}

/* The rest of a turn: enter calls, then what OTP calls the transition. */
static void settle(struct model *m, struct turn *turn,
                   const struct event *event, bool enter)
{
    etf_term old = m->state;
    bool changed = !etf_is_none(turn->next);

    if (!etf_is_none(m->stopped))
        return;
    if (changed)
        m->state = turn->next;
    enter = enter || changed || turn->repeat;
    while (m->enter && enter && etf_is_none(m->stopped)) {
        call_enter(m, turn, old);
        enter = turn->repeat;
    }
    if (!etf_is_none(m->stopped))
        return;
    if (turn->postpone && event != NULL)
        append(m, &m->postponed, *event);
    if (changed) {
        insert(m, &m->queue, 0, m->postponed.items, m->postponed.count);
        m->postponed.count = 0;
        drop_type(m, "state_timeout");
    }
    drop_type(m, "timeout");
    insert(m, &m->queue, 0, turn->inserted.items, turn->inserted.count);
    for (size_t i = 0; i < turn->asked_count; i++)
        set_timeout(m, turn->asked[i]);
}

static void handle(struct model *m, struct event event)
{
    struct turn turn = { 0 };

    if (++m->handled == HANDLED_MAX)
        m->unclear = true;
    call_state(m, &turn, &event);
    settle(m, &turn, &event, false);
}

/* ---- What comes next ---------------------------------------------------- */

/* The time-out of 0 that was set first, or the one that runs out first, up to
 * `until_ms`. False: none. */
static bool next_timeout(struct model *m, bool zero, uint64_t until_ms,
                         struct event *event)
{
    size_t best = m->timeout_count;

    for (size_t i = 0; i < m->timeout_count; i++) {
        const struct timeout *t = &m->timeouts[i];

        if (t->zero != zero || (!zero && t->due_ms > until_ms))
            continue;
        if (best == m->timeout_count ||
            (!zero && t->due_ms < m->timeouts[best].due_ms))
            best = i;
    }
    if (best == m->timeout_count)
        return false;
    *event = m->timeouts[best].event;
    if (!zero)
        m->now_ms = m->timeouts[best].due_ms;
    drop_timeout(m, best);
    return true;
}

static void run(struct model *m)
{
    struct event event;

    while (etf_is_none(m->stopped) && !m->unclear) {
        if (m->queue.count > 0)
            handle(m, take_first(&m->queue));
        else if (next_timeout(m, true, 0, &event))
            handle(m, event);
        else if (m->mailbox.count > 0)
            handle(m, take_first(&m->mailbox));
        else
            return;
    }
}

static void sleep_ms(struct model *m, uint64_t ms)
{
    uint64_t until_ms = m->now_ms + ms;
    struct event event;

    while (etf_is_none(m->stopped) && !m->unclear &&
           next_timeout(m, false, until_ms, &event)) {
        handle(m, event);
        run(m);
    }
    m->now_ms = until_ms;
    for (size_t i = 0; i < m->timeout_count; i++) {
        if (m->timeouts[i].due_ms < until_ms + APART_MS)
            m->unclear = true; /* it may be seen on either side */
    }
}

/* ---- The program -------------------------------------------------------- */

static void step(struct model *m, etf_term order)
{
    const etf_term *items = etf_tuple_items(order);
    struct event event = { .call = -1 };
    int64_t ms;

    if (items == NULL)
        return; /* suspend, resume, sync: the mailbox is handled at resume */
    if (etf_match(order, "{sleep, _}", &ms)) {
        run(m);
        sleep_ms(m, (uint64_t)ms);
        return;
    }
    event.type = items[0];
    event.content = items[1];
    if (etf_atom_is(items[0], "call")) {
        event.call = (int)m->call_count;
        m->calls[m->call_count++].id = etf_tuple_items(items[1])[0];
    }
    append(m, &m->mailbox, event);
}

static void show_answers(struct model *m)
{
    for (size_t i = 0; i < m->call_count; i++) {
        etf_term items[2] = { etf_atom("reply"), m->calls[i].reply };

        write_term(m, "  answer ", m->calls[i].id, " ");
        if (etf_is_none(m->calls[i].reply)) {
            items[0] = etf_atom("error");
            items[1] = m->stopped;
        }
        if (etf_is_none(items[1]))
            write_term(m, "", etf_atom("none"), "\n");
        else
            write_term(m, "", etf_tuple(m->r, items, 2), "\n");
    }
}

static void begin(struct model *m, etf_term actions)
{
    static const struct event none = { .call = -1 };
    struct turn turn = { 0 };
    etf_term action;

    while (etf_list_next(&actions, &action))
        act(m, &turn, &none, action);
    settle(m, &turn, NULL, true);
    run(m);
}

static void play(struct model *m, etf_term actions, etf_term steps)
{
    etf_term order;

    begin(m, actions);
    while (etf_list_next(&steps, &order)) {
        step(m, order);
        if (etf_atom_is(order, "resume"))
            run(m);
        if (etf_atom_is(order, "sync") && !etf_is_none(m->stopped))
            break;
    }
    if (!etf_is_none(m->stopped)) {
        etf_term items[4] = { etf_atom(m->module), etf_atom("terminate"),
                              m->state, m->stopped };

        write_term(m, "  ", etf_tuple(m->r, items, 4), "\n");
    }
    show_answers(m);
    if (!etf_is_none(m->stopped))
        write_term(m, "  ended ", m->stopped, "\n");
}

bool statem_model(struct etf_region *r, etf_term program,
                  struct etf_buffer *out)
{
    static struct model m; /* large; the tests have one thread */
    etf_term name, module, actions, steps;
    char text[64];

    memset(&m, 0, sizeof m);
    m.r = r;
    m.out = out;
    if (!etf_match(program, "{_, {_, _, _, _}, _}", &name, &module, &m.state,
                   &actions, &m.enters, &steps) ||
        !etf_get_text(name, text, sizeof text))
        return false;
    m.enter = etf_atom_is(module, "sfe");
    m.module = m.enter ? "sfe" : "sf";
    if (etf_buffer_add(out, text, strlen(text)) != AGNER_OK ||
        etf_buffer_add(out, "\n", 1) != AGNER_OK)
        return false;
    play(&m, actions, steps);
    return !m.unclear;
}

/*
 * server.c -- gen_server: from a message to the callback that is for it.
 *
 * The plain step is short: find the callback, call it, go on. Whatever else a
 * callback asks for (time-out, continue, stop) sets a flag in the head, and
 * only flags lead off the fast path. A stop takes effect when the callback
 * returns, so nothing is handled after it.
 *
 * Sources: OTP 25, gen_server; spec/gen.md 1.6.
 */
#include <stdio.h>

#include "gen_internal.h"

/* ---- What sys sees of a server ------------------------------------------ */

static etf_term status_of(struct gen *self)
{
    const struct gen_server *server = gen__head(self)->server;
    char text[64];

    if (server->format_status != NULL)
        return server->format_status(self);
    (void)snprintf(text, sizeof text, "%zu bytes", server->state_size);
    return etf_text(rt_region(self), text);
}

static enum agner_err replace(struct gen *self, etf_term state)
{
    const struct gen_server *server = gen__head(self)->server;

    if (server->replace_state == NULL)
        return AGNER_ENOTSUP;
    return server->replace_state(self, state);
}

static const struct gen_sys_view server_view = {
    .module = "gen_server",
    .get_state = status_of,
    .replace_state = replace,
};

/* ---- After a callback --------------------------------------------------- */

static enum gen_next call_continue(struct gen *self, struct gen_head *head)
{
    head->flags &= ~(unsigned)GEN_FLAG_CONTINUE;
    head->last = head->argument;
    if (head->server->handle_continue == NULL)
        return gen_stop(self, ETF_A(undef));
    return head->server->handle_continue(self, head->argument);
}

static bool is_abnormal(etf_term reason)
{
    return !etf_same(reason, ETF_A(normal)) &&
           !etf_same(reason, ETF_A(shutdown)) &&
           !etf_is_tagged(reason, ETF_A(shutdown), 2);
}

/* One line for people, once for each server, and bounded. */
static void report(struct gen *self, struct gen_head *head, etf_term reason)
{
    char title[160];
    char why[240];
    char last[240] = "none";

    if (!is_abnormal(reason) || (head->flags & GEN_FLAG_REPORTED) != 0)
        return;
    head->flags |= GEN_FLAG_REPORTED;
    if (!etf_is_none(head->last))
        (void)etf_format(last, sizeof last, head->last);
    rt_log(rt_of(self), RT_LOG_ERROR, "%s: ended with %s; last message: %s",
           gen__title(self, head->server->name, title, sizeof title),
           etf_format(why, sizeof why, reason), last);
}

/* A callback returned what is no enum gen_next, or init's value elsewhere. */
static void stop_badly(struct gen *self, enum gen_next value)
{
    etf_term reason = etf_make(self, "{bad_return_value, _}", (int64_t)value);

    (void)gen_stop(self, reason);
}

/* What a callback received is gone when it has returned, so a stop that it
 * returned is reported here. A failed init is its starter's to report. */
static enum rt_next settle_stop(struct gen *self, struct gen_head *head,
                                enum gen_next next)
{
    if (next != GEN_STOP)
        stop_badly(self, next);
    else if ((head->flags & GEN_FLAG_STOP) == 0)
        (void)gen_stop(self, ETF_A(normal));
    if ((head->flags & GEN_FLAG_STARTING) == 0)
        report(self, head, head->argument);
    head->last = ETF_NONE;
    return RT_STOP;
}

/* Does what a callback asked for besides its return value. */
static enum rt_next settle(struct gen *self, struct gen_head *head,
                           enum gen_next next)
{
    while (next == GEN_NEXT && (head->flags & GEN_FLAG_CONTINUE) != 0)
        next = call_continue(self, head);
    if (next != GEN_NEXT)
        return settle_stop(self, head, next);
    head->last = ETF_NONE;
    head->flags &= ~(unsigned)GEN_FLAG_STOP;
    if ((head->flags & (GEN_FLAG_IDLE | GEN_FLAG_TIMEOUT)) == GEN_FLAG_IDLE)
        rt_timeout(self, head->server->hibernate_after_ms);
    return RT_NEXT;
}

/* ---- Init --------------------------------------------------------------- */

/*
 * The argument of a continue after init outlives the callback, so it is boxed.
 * The starter has its answer when init returns, and what came meanwhile waits:
 * the next message, or a time-out of 0 if there is none, runs the continue.
 */
static enum rt_next keep_continue(struct gen *self, struct gen_head *head)
{
    head->last = ETF_NONE;
    head->kept = etf_box_new(head->argument);
    if (head->kept == NULL) {
        head->flags |= GEN_FLAG_STARTING;
        return rt_stop(self, ETF_A(memory_limit));
    }
    head->argument = etf_box_term(head->kept);
    head->flags &= ~(unsigned)GEN_FLAG_TIMEOUT;
    rt_timeout(self, 0);
    return RT_NEXT;
}

static enum rt_next begin(struct gen *self, etf_term args, bool init)
{
    struct gen_head *head = rt_state(self);
    enum gen_next next = GEN_NEXT;
    enum rt_next result;

    head->server = rt_note(self);
    head->sys.view = &server_view;
    head->sys.name = head->server->name;
    head->flags = GEN_FLAG_STARTING;
    head->last = args;
    if (head->server->hibernate_after_ms != 0)
        head->flags |= GEN_FLAG_IDLE;
    if (init && head->server->init != NULL)
        next = head->server->init(self, args);
    if (next == GEN_IGNORE)
        return RT_IGNORE;
    if (next == GEN_NEXT && (head->flags & GEN_FLAG_CONTINUE) != 0) {
        head->flags &= ~(unsigned)GEN_FLAG_STARTING;
        return keep_continue(self, head);
    }
    result = settle(self, head, next);
    if (result == RT_NEXT)
        head->flags &= ~(unsigned)GEN_FLAG_STARTING;
    return result;
}

static enum rt_next server_init(struct gen *self, etf_term args)
{
    return begin(self, args, true);
}

static enum rt_next server_enter(struct gen *self, etf_term args)
{
    return begin(self, args, false);
}

/* ---- One message -------------------------------------------------------- */

static void log_unhandled(struct gen *self, const struct gen_head *head,
                          const char *what, etf_term message)
{
    char title[160];
    char text[240];

    rt_log(rt_of(self), RT_LOG_WARNING, "%s: no handler for %s %s",
           gen__title(self, head->server->name, title, sizeof title), what,
           etf_format(text, sizeof text, message));
}

static enum gen_next on_call(struct gen *self, struct gen_head *head,
                             const struct gen_from *from, etf_term request)
{
    head->last = request;
    if (head->server->handle_call != NULL)
        return head->server->handle_call(self, *from, request);
    log_unhandled(self, head, "call", request);
    return gen_reply(self, *from, etf_make(self, "{error, undef}"));
}

static enum gen_next on_cast(struct gen *self, struct gen_head *head,
                             etf_term request)
{
    head->last = request;
    if (head->server->handle_cast != NULL)
        return head->server->handle_cast(self, request);
    log_unhandled(self, head, "cast", request);
    return GEN_NEXT;
}

static enum gen_next on_info(struct gen *self, struct gen_head *head,
                             etf_term message)
{
    head->last = message;
    if (head->server->handle_info != NULL)
        return head->server->handle_info(self, message);
    log_unhandled(self, head, "message", message);
    return GEN_NEXT;
}

static enum gen_next on_direct(struct gen *self, struct gen_head *head,
                               const struct rt_direct *direct)
{
    enum agner_err err = AGNER_ENOTSUP;
    void *result = NULL;

    head->last = ETF_NONE;
    if (head->server->handle_direct != NULL)
        err = head->server->handle_direct(self, direct, &result);
    if (err != AGNER_EAGAIN)
        rt_direct_reply(self, direct, err, result);
    return (head->flags & GEN_FLAG_STOP) != 0 ? GEN_STOP : GEN_NEXT;
}

/* A plain message: a call or a cast when it has their shape (from another node,
 * or sent by hand), else info; a malformed one is info. */
static enum gen_next on_message(struct gen *self, struct gen_head *head,
                                etf_term message)
{
    const etf_term *items = etf_tuple_items(message);
    struct gen_from from;

    if (items == NULL)
        return on_info(self, head, message);
    if (etf_same(items[0], ETF_A(gen_call)) && etf_tuple_size(message) == 3 &&
        rt_get_from(self, items[1], &from))
        return on_call(self, head, &from, items[2]);
    if (etf_same(items[0], ETF_A(gen_cast)) && etf_tuple_size(message) == 2)
        return on_cast(self, head, items[1]);
    return on_info(self, head, message);
}

/* The idle time-out of the server's own: nothing for the user. */
static bool is_idle_timeout(const struct gen_head *head,
                            const struct rt_message *m)
{
    return m->kind == RT_TIMEOUT &&
           (head->flags & (GEN_FLAG_IDLE | GEN_FLAG_TIMEOUT)) == GEN_FLAG_IDLE;
}

static enum gen_next dispatch(struct gen *self, struct gen_head *head,
                              const struct rt_message *m)
{
    switch (m->kind) {
    case RT_CALL:
        return on_call(self, head, &m->from, m->term);
    case RT_CAST:
        return on_cast(self, head, m->term);
    case RT_MESSAGE:
        return on_message(self, head, m->term);
    case RT_EXIT:
    case RT_DOWN:
        return on_info(self, head, m->term);
    case RT_TIMEOUT:
        return on_info(self, head, ETF_A(timeout));
    case RT_DIRECT:
        return on_direct(self, head, &m->direct);
    case RT_PARENT_EXIT:
        head->last = ETF_NONE;
        return gen_stop(self, m->term);
    }
    return GEN_NEXT; /* not reached: the list above is whole */
}

/* ---- Off the fast path -------------------------------------------------- */

/* {in, Message} for sys, calls and casts in the shape they travel in. */
static void tell_in(struct gen *self, struct gen_head *head,
                    const struct rt_message *m)
{
    etf_term event;

    switch (m->kind) {
    case RT_CALL:
        event = etf_make(self, "{in, {'$gen_call', _, _}}",
                         rt_from_term(self, &m->from), m->term);
        break;
    case RT_CAST:
        event = etf_make(self, "{in, {'$gen_cast', _}}", m->term);
        break;
    case RT_MESSAGE:
    case RT_EXIT:
    case RT_DOWN:
        event = etf_make(self, "{in, _}", m->term);
        break;
    case RT_TIMEOUT:
        event = etf_make(self, "{in, timeout}");
        break;
    case RT_DIRECT:
        event = etf_make(self, "{in, direct}");
        break;
    case RT_PARENT_EXIT:
    default:
        return;
    }
    gen_sys_event(self, &head->sys, event);
}

/* A system message leaves a time-out that runs as it was: it starts anew. */
static enum rt_next after_system(struct gen *self, struct gen_head *head,
                                 enum rt_next next)
{
    head->flags &= ~(unsigned)GEN_FLAG_WATCHED;
    if (head->sys.watched)
        head->flags |= GEN_FLAG_WATCHED;
    if (head->sys.suspended)
        rt_timeout(self, RT_INFINITY);
    else if ((head->flags & GEN_FLAG_TIMEOUT) != 0)
        rt_timeout(self, head->timeout_ms);
    else if ((head->flags & GEN_FLAG_IDLE) != 0)
        rt_timeout(self, head->server->hibernate_after_ms);
    return next;
}

/* Runs the continue that init asked for; the message at hand comes after it. */
static enum rt_next run_kept(struct gen *self, struct gen_head *head)
{
    enum rt_next next = settle(self, head, GEN_NEXT);

    etf_box_free(head->kept);
    head->kept = NULL;
    return next;
}

static bool is_system(const struct rt_message *m)
{
    return m->kind == RT_MESSAGE && etf_is_tagged(m->term, ETF_A(system), 3);
}

static enum rt_next slow_message(struct gen *self, struct gen_head *head,
                                 const struct rt_message *m)
{
    enum rt_next next;

    if (head->kept != NULL) {
        next = run_kept(self, head);
        if (next != RT_NEXT || m->kind == RT_TIMEOUT)
            return next;
        rt_timeout(self, RT_INFINITY); /* m is the next message already */
    }
    if (is_system(m) && gen_sys_handle(self, &head->sys, m, &next))
        return after_system(self, head, next);
    if ((head->flags & GEN_FLAG_WATCHED) != 0)
        tell_in(self, head, m);
    if (is_idle_timeout(head, m)) {
        rt_hibernate(self);
        return RT_NEXT;
    }
    head->flags &= ~(unsigned)GEN_FLAG_TIMEOUT;
    return settle(self, head, dispatch(self, head, m));
}

static enum rt_next server_message(struct gen *self, const struct rt_message *m)
{
    struct gen_head *head = rt_state(self);
    enum gen_next next;

    if (head->flags != 0 || is_system(m))
        return slow_message(self, head, m);
    next = dispatch(self, head, m);
    if (next != GEN_NEXT || head->flags != 0)
        return settle(self, head, next);
    head->last = ETF_NONE;
    return RT_NEXT;
}

/* ---- The end ------------------------------------------------------------ */

static void server_terminate(struct gen *self, etf_term reason)
{
    struct gen_head *head = rt_state(self);

    report(self, head, reason); /* unless a callback returned the stop */
    if (head->server->terminate != NULL)
        head->server->terminate(self, reason);
    gen__last_reply_send(self, head);
}

static void server_destroy(void *state)
{
    struct gen_head *head = state;

    if (head->server == NULL)
        return; /* ended before init began */
    if (head->server->destroy != NULL)
        head->server->destroy((char *)state + GEN_HEAD_SIZE);
    etf_box_free(head->kept);
    gen__last_reply_free(head);
    gen_sys_fini(&head->sys);
}

static const char *server_label(const void *state)
{
    const struct gen_head *head = state;

    return head->server->name;
}

/* clang-format off */
#define SERVER_BEHAVIOR(on_signal, init_fn)                                    \
    { .name = "gen_server", .state_size = GEN_HEAD_SIZE, .init = (init_fn),    \
      .message = server_message, .terminate = server_terminate,                \
      .destroy = server_destroy, .terminate_on_signal = (on_signal),           \
      .label = server_label }
/* clang-format on */

/* By whether an exit signal runs terminate, and whether init is called. */
static const struct rt_behavior behaviors[2][2] = {
    { SERVER_BEHAVIOR(false, server_enter),
      SERVER_BEHAVIOR(false, server_init) },
    { SERVER_BEHAVIOR(true, server_enter), SERVER_BEHAVIOR(true, server_init) },
};

const struct rt_behavior *gen__server_behavior(const struct gen_server *server,
                                               bool init)
{
    return &behaviors[!server->quiet_exit][init];
}

struct gen_head *gen__head(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->message != server_message)
        return NULL;
    return rt_state(self);
}

/* ---- In a callback ------------------------------------------------------ */

void *gen_state(struct gen *self)
{
    return (char *)rt_state(self) + GEN_HEAD_SIZE;
}

enum gen_next gen_stop(struct gen *self, etf_term reason)
{
    struct gen_head *head = rt_state(self);

    if (etf_is_none(reason))
        reason = ETF_A(error); /* memory ran out while it was built */
    if ((head->flags & GEN_FLAG_STOP) == 0)
        head->argument = reason; /* the first one counts */
    head->flags &= ~(unsigned)GEN_FLAG_CONTINUE;
    head->flags |= GEN_FLAG_STOP;
    (void)rt_stop(self, reason);
    return GEN_STOP;
}

enum gen_next gen_timeout(struct gen *self, uint64_t ms)
{
    struct gen_head *head = rt_state(self);

    head->flags &= ~(unsigned)GEN_FLAG_TIMEOUT;
    if (ms != RT_INFINITY)
        head->flags |= GEN_FLAG_TIMEOUT;
    head->timeout_ms = ms;
    rt_timeout(self, ms);
    return GEN_NEXT;
}

enum gen_next gen_continue(struct gen *self, etf_term argument)
{
    struct gen_head *head = rt_state(self);

    if ((head->flags & GEN_FLAG_STOP) != 0)
        return GEN_STOP; /* it was stopped before */
    head->flags |= GEN_FLAG_CONTINUE;
    head->argument = argument;
    return GEN_NEXT;
}

enum gen_next gen_hibernate(struct gen *self)
{
    rt_hibernate(self);
    return GEN_NEXT;
}

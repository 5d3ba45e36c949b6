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
#include "gen_internal.h"

struct server {
    struct gen_head head;            /* first */
    const struct gen_server *server; /* borrowed: static; NULL before init */
    uint64_t timeout_ms;             /* GEN_FLAG_TIMEOUT: as asked for */
    struct etf_box *kept; /* owned: GEN_FLAG_CONTINUE: head.argument is in it,
                             unless it is a word */
};

/* ---- What sys sees of a server ------------------------------------------ */

static etf_term status_of(struct gen *self)
{
    const struct server *s = rt_state(self);

    return gen__format(self, s->server->format_status, s->server->state_size);
}

static enum agner_err replace(struct gen *self, etf_term state)
{
    const struct server *s = rt_state(self);

    if (s->server->replace_state == NULL)
        return AGNER_ENOTSUP;
    return s->server->replace_state(self, state);
}

static enum agner_err change_code(struct gen *self, etf_term old_version,
                                  etf_term extra)
{
    const struct server *s = rt_state(self);

    if (s->server->code_change == NULL)
        return AGNER_ENOTSUP;
    return s->server->code_change(self, old_version, extra);
}

static const struct gen_sys_view server_view = {
    .module = "gen_server",
    .get_state = status_of,
    .replace_state = replace,
    .code_change = change_code,
};

/* ---- After a callback --------------------------------------------------- */

/*
 * The argument of a continue outlives the callback, since what the callback
 * built is freed before handle_continue runs: so a server that goes on for ever
 * needs no more memory, and others run in between.
 */
static enum rt_next keep_continue(struct gen *self, struct server *s)
{
    if (!etf_is_word(s->head.argument)) {
        s->kept = etf_box_new(s->head.argument);
        if (s->kept == NULL)
            return rt_stop(self, ETF_A(memory_limit));
        s->head.argument = etf_box_term(s->kept);
    }
    s->head.flags &= ~(uint32_t)GEN_FLAG_TIMEOUT;
    return RT_CONTINUE;
}

/* Does what a callback asked for besides its return value. */
static enum rt_next settle(struct gen *self, struct server *s,
                           enum gen_next next)
{
    if (next != GEN_NEXT && next != GEN_STOP)
        (void)gen_stop(self,
                       etf_make(self, "{bad_return_value, _}", (int64_t)next));
    if (next != GEN_NEXT)
        return gen__settle_stop(self, &s->head);
    s->head.last = ETF_NONE;
    s->head.flags &= ~(uint32_t)(GEN_FLAG_STOP | GEN_FLAG_STARTING);
    if ((s->head.flags & GEN_FLAG_CONTINUE) != 0)
        return keep_continue(self, s);
    if ((s->head.flags & (GEN_FLAG_IDLE | GEN_FLAG_TIMEOUT)) == GEN_FLAG_IDLE)
        rt_timeout(self, s->server->hibernate_after_ms);
    return RT_NEXT;
}

/* ---- Init --------------------------------------------------------------- */

static enum rt_next begin(struct gen *self, etf_term args, bool init)
{
    struct server *s = rt_state(self);
    enum gen_next next = GEN_NEXT;

    s->server = rt_note(self);
    s->head.state_offset = GEN_SIZE(server);
    s->head.sys.view = &server_view;
    s->head.sys.name = s->server->name;
    s->head.flags = GEN_FLAG_STARTING;
    s->head.last = args;
    if (s->server->hibernate_after_ms != 0)
        s->head.flags |= GEN_FLAG_IDLE;
    if (init && s->server->init != NULL)
        next = s->server->init(self, args);
    return next == GEN_IGNORE ? RT_IGNORE : settle(self, s, next);
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

static void log_unhandled(struct gen *self, const char *what, etf_term message)
{
    char text[240];

    rt_log_self(self, RT_LOG_WARNING, "no handler for %s %s", what,
                etf_format(text, sizeof text, message));
}

static enum gen_next on_call(struct gen *self, struct server *s,
                             const struct gen_from *from, etf_term request)
{
    s->head.last = request;
    if (s->server->handle_call != NULL)
        return s->server->handle_call(self, *from, request);
    log_unhandled(self, "call", request);
    return gen_reply(self, *from, etf_make(self, "{error, undef}"));
}

static enum gen_next on_cast(struct gen *self, struct server *s,
                             etf_term request)
{
    s->head.last = request;
    if (s->server->handle_cast != NULL)
        return s->server->handle_cast(self, request);
    log_unhandled(self, "cast", request);
    return GEN_NEXT;
}

static enum gen_next on_info(struct gen *self, struct server *s,
                             etf_term message)
{
    s->head.last = message;
    if (s->server->handle_info != NULL)
        return s->server->handle_info(self, message);
    log_unhandled(self, "message", message);
    return GEN_NEXT;
}

/* A plain message may be a call or a cast by its shape. */
static enum gen_next on_message(struct gen *self, struct server *s,
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

/* The idle time-out of the server's own: nothing for the user. */
static bool is_idle_timeout(const struct server *s, const struct rt_message *m)
{
    return m->kind == RT_TIMEOUT &&
           (s->head.flags & (GEN_FLAG_IDLE | GEN_FLAG_TIMEOUT)) ==
               GEN_FLAG_IDLE;
}

static enum gen_next call_continue(struct gen *self, struct server *s)
{
    s->head.flags &= ~(uint32_t)GEN_FLAG_CONTINUE;
    s->head.last = s->head.argument;
    if (s->server->handle_continue == NULL)
        return gen_stop(self, ETF_A(undef));
    return s->server->handle_continue(self, s->head.argument);
}

static enum gen_next dispatch(struct gen *self, struct server *s,
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
        return on_info(self, s, m->term);
    case RT_TIMEOUT:
        return on_info(self, s, ETF_A(timeout));
    case RT_DIRECT:
        return gen__direct(self, &s->head, &m->direct,
                           s->server->handle_direct);
    case RT_PARENT_EXIT:
        s->head.last = ETF_NONE;
        return gen_stop(self, m->term);
    case RT_CONTINUED:
        return call_continue(self, s);
    }
    return GEN_NEXT; /* not reached: the list above is whole */
}

/* ---- Off the fast path -------------------------------------------------- */

/* A system message leaves a time-out that runs as it was: it starts anew. */
static uint64_t timeout_of(const struct server *s)
{
    if ((s->head.flags & GEN_FLAG_TIMEOUT) != 0)
        return s->timeout_ms;
    if ((s->head.flags & GEN_FLAG_IDLE) != 0)
        return s->server->hibernate_after_ms;
    return RT_INFINITY;
}

/* Runs the continue that the last callback asked for. */
static enum rt_next go_on(struct gen *self, struct server *s,
                          const struct rt_message *m)
{
    enum gen_next next = dispatch(self, s, m);
    struct etf_box *spent = s->kept;
    enum rt_next result;

    s->kept = NULL;
    result = settle(self, s, next); /* which may keep the next one */
    etf_box_free(spent);
    return result;
}

static enum rt_next slow_message(struct gen *self, struct server *s,
                                 const struct rt_message *m)
{
    enum rt_next next;

    if (m->kind == RT_CONTINUED)
        return go_on(self, s, m);
    if (gen__is_system(m) && gen_sys_handle(self, &s->head.sys, m, &next))
        return gen__after_system(self, &s->head, timeout_of(s), next);
    if ((s->head.flags & GEN_FLAG_WATCHED) != 0)
        gen__sys_in(self, &s->head.sys, m);
    if (is_idle_timeout(s, m)) {
        rt_hibernate(self);
        return RT_NEXT;
    }
    s->head.flags &= ~(uint32_t)GEN_FLAG_TIMEOUT;
    return settle(self, s, dispatch(self, s, m));
}

static enum rt_next server_message(struct gen *self, const struct rt_message *m)
{
    struct server *s = rt_state(self);
    enum gen_next next;

    if (s->head.flags != 0 || gen__is_system(m))
        return slow_message(self, s, m);
    next = dispatch(self, s, m);
    if (next != GEN_NEXT || s->head.flags != 0)
        return settle(self, s, next);
    s->head.last = ETF_NONE;
    return RT_NEXT;
}

/* ---- The end ------------------------------------------------------------ */

static void server_terminate(struct gen *self, etf_term reason)
{
    struct server *s = rt_state(self);

    gen__terminate(self, &s->head, s->server->terminate, reason);
}

static void server_destroy(void *state)
{
    struct server *s = state;

    if (s->server == NULL)
        return; /* ended before init began */
    if (s->server->destroy != NULL)
        s->server->destroy((char *)state + GEN_SIZE(server));
    etf_box_free(s->kept);
    gen__head_fini(&s->head);
}

/* clang-format off */
#define SERVER_BEHAVIOR(on_signal, init_fn)                                    \
    { .name = "gen_server", .state_size = GEN_SIZE(server),                    \
      .init = (init_fn), .message = server_message,                            \
      .terminate = server_terminate, .destroy = server_destroy,                \
      .terminate_on_signal = (on_signal), GEN_LABELLED, .note_is_labelled = true }
/* clang-format on */

/* By whether an exit signal runs terminate, and whether init is called. */
static const struct rt_behavior behaviors[2][2] = {
    { SERVER_BEHAVIOR(false, server_enter),
      SERVER_BEHAVIOR(false, server_init) },
    { SERVER_BEHAVIOR(true, server_enter), SERVER_BEHAVIOR(true, server_init) },
};

/* ---- Starting ----------------------------------------------------------- */

static struct gen_start start_of(const struct gen_server *server, bool init)
{
    if (server == NULL)
        return (struct gen_start){ .table = NULL };
    return (struct gen_start){ .behavior =
                                   &behaviors[!server->quiet_exit][init],
                               .table = server,
                               .head_size = GEN_SIZE(server),
                               .state_size = server->state_size };
}

enum agner_err gen_start(struct gen *self, const struct gen_server *server,
                         etf_term args, const struct rt_spawn_options *options,
                         etf_pid *pid, etf_term *reason)
{
    struct gen_start start = start_of(server, true);

    return gen__start(self, &start, args, options, false, pid, reason);
}

enum agner_err gen_start_link(struct gen *self, const struct gen_server *server,
                              etf_term args,
                              const struct rt_spawn_options *options,
                              etf_pid *pid, etf_term *reason)
{
    struct gen_start start = start_of(server, true);

    return gen__start(self, &start, args, options, true, pid, reason);
}

enum agner_err gen_start_monitor(struct gen *self,
                                 const struct gen_server *server, etf_term args,
                                 const struct rt_spawn_options *options,
                                 etf_pid *pid, etf_ref *monitor,
                                 etf_term *reason)
{
    struct rt_spawn_options full = gen__monitored(options, monitor);

    return gen_start(self, server, args, &full, pid, reason);
}

void gen_enter_loop(struct gen *self, const struct gen_server *server,
                    etf_term args, bool init)
{
    struct gen_start start = start_of(server, init);

    gen__enter_loop(self, &start, args, server == NULL ? NULL : server->name);
}

/* ---- In a callback ------------------------------------------------------ */

/* NULL: self does not run a server. */
static struct server *server_of(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->message != server_message)
        return NULL;
    return rt_state(self);
}

enum gen_next gen_timeout(struct gen *self, uint64_t ms)
{
    struct server *s = server_of(self);

    if (s == NULL)
        return gen__misplaced(self, "gen_timeout");
    s->head.flags &= ~(uint32_t)GEN_FLAG_TIMEOUT;
    if (ms != RT_INFINITY)
        s->head.flags |= GEN_FLAG_TIMEOUT;
    s->timeout_ms = ms;
    rt_timeout(self, ms);
    return GEN_NEXT;
}

enum gen_next gen_continue(struct gen *self, etf_term argument)
{
    struct server *s = server_of(self);

    if (s == NULL)
        return gen__misplaced(self, "gen_continue");
    if ((s->head.flags & GEN_FLAG_STOP) != 0)
        return GEN_STOP;       /* it was stopped before */
    if (etf_is_none(argument)) /* memory ran out while it was built */
        return gen_stop(self, ETF_A(error));
    s->head.flags |= GEN_FLAG_CONTINUE;
    s->head.argument = argument;
    return GEN_NEXT;
}

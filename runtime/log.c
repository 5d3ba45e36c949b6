/*
 * log.c -- a call: is the event wanted, what is it about, whom does it go to.
 *
 * A call that nobody wants ends at the gate: the highest level that anything
 * lets pass, in one word of the runtime's.
 */
#include "log_internal.h"

#include <stdlib.h>

#define FUNCTION_LINE_MAX 2048 /* what rt_options.log gets of an event */

/* ---- Is it wanted? ------------------------------------------------------ */

/* What is no level is taken for the usual one. */
static enum rt_log_level level_of(enum rt_log_level level)
{
    return level < RT_LOG_EMERGENCY || level > RT_LOG_DEBUG ? RT_LOG_NOTICE
                                                            : level;
}

/* `pid` is whom the event is about, or ETF_NONE. */
static bool passes(const struct rt *rt, etf_term pid, enum rt_log_level level)
{
    if ((int)level > load_relaxed(&rt->log->gate))
        return false;
    if (etf_is_none(pid))
        return (int)level <= load_relaxed(&rt->log->level);
    return (int)level <= rt__log_limit_of(rt, pid);
}

bool rt_log_wants(struct gen *self, enum rt_log_level level)
{
    return passes(self->rt, rt__pid_word(self->process), level_of(level));
}

/* ---- Whom does it go to? ------------------------------------------------ */

static bool is_for(const struct log_handler *h,
                   const struct rt_log_event *event)
{
    const struct rt_log_handler *o = &h->options;

    return (int)event->level <= load_relaxed(&h->level) &&
           (etf_is_none(o->application) ||
            etf_same(o->application, event->application)) &&
           (etf_is_none(o->name) || etf_same(o->name, event->name)) &&
           (etf_pid_is_none(o->pid) || etf_pid_equal(o->pid, event->pid));
}

/* `pid` is of this node, or ETF_NONE. */
static void describe(struct rt *rt, etf_term pid, struct rt_log_event *event)
{
    struct process *p;

    event->time_us = rt_wall_ns(rt) / 1000u;
    event->node = rt__node_name(rt);
    if (etf_is_none(pid))
        return;
    event->pid = rt__pid_of(pid);
    event->application = rt_application_of(rt, event->pid);
    p = rt__slot(rt, etf__pid_slot(pid)); /* perhaps of another life by now */
    if (load_acquire(&p->generation) == etf__pid_generation(pid))
        (void)rt__names_of(rt, p, &event->name, 1); /* or it has none */
}

/* In the black box, if it is an error or worse. */
static void note(struct rt *rt, const struct rt_log_event *event)
{
    char text[RT_BOX_TEXT + 1];

    if (rt->box == NULL || event->level > RT_LOG_ERROR)
        return;
    rt__box_note(rt, NULL, RT_BOX_LOG, 0,
                 etf_pid_is_local(event->pid) && event->pid.id != 0
                     ? rt__word_of(event->pid).word
                     : 0,
                 (uint64_t)event->level,
                 rt_log_format(text, sizeof text, event));
}

/* Takes `e`; NULL: there was no memory for it. */
static void give_out(struct rt *rt, struct log_event *e)
{
    struct log_handler *handlers[RT_LOG_HANDLERS_MAX];
    size_t count = rt__log_hold_all(rt, handlers), i;

    if (e != NULL)
        note(rt, &e->event);

    for (i = 0; i < count; i++) {
        if (e == NULL)
            rt__log_lose(handlers[i]);
        else if (is_for(handlers[i], &e->event))
            rt__log_offer(handlers[i], e);
        rt__log_let_go(rt, handlers[i]);
    }
    if (e != NULL)
        rt_log_release(&e->event);
}

static void hand_out(struct rt *rt, etf_term pid, enum rt_log_level level,
                     struct log_event *e)
{
    if (e != NULL) {
        e->event.level = level;
        describe(rt, pid, &e->event);
    }
    give_out(rt, e);
}

/* The same for what a process says itself. */
static void hand_out_of(struct gen *self, enum rt_log_level level,
                        struct log_event *e)
{
    struct rt *rt = self->rt;
    etf_pid leader = rt_group_leader(self);

    if (e != NULL) {
        e->event.level = level;
        describe(rt, rt__pid_word(self->process), &e->event);
        if (!etf_pid_is_local(leader))
            rt__log_forward(rt, leader, &e->event);
    }
    give_out(rt, e);
}

/* ---- Calls -------------------------------------------------------------- */

void rt_log(struct rt *rt, enum rt_log_level level, const char *format, ...)
{
    va_list args;

    level = level_of(level);
    if (!passes(rt, ETF_NONE, level))
        return;
    va_start(args, format);
    hand_out(rt, ETF_NONE, level, rt__log_event_text(NULL, format, args));
    va_end(args);
}

void rt__log_about(struct rt *rt, etf_term pid, enum rt_log_level level,
                   const char *format, ...)
{
    va_list args;

    if (!passes(rt, pid, level))
        return;
    va_start(args, format);
    hand_out(rt, pid, level, rt__log_event_text(NULL, format, args));
    va_end(args);
}

void rt_log_self(struct gen *self, enum rt_log_level level, const char *format,
                 ...)
{
    etf_term pid = rt__pid_word(self->process);
    va_list args;

    level = level_of(level);
    if (!passes(self->rt, pid, level))
        return;
    va_start(args, format);
    hand_out_of(self, level, rt__log_event_text(NULL, format, args));
    va_end(args);
}

void rt_log_at(struct gen *self, const char *file, unsigned line,
               enum rt_log_level level, const char *format, ...)
{
    etf_term pid = rt__pid_word(self->process);
    struct log_event *e;
    va_list args;

    level = level_of(level);
    if (!passes(self->rt, pid, level))
        return;
    va_start(args, format);
    e = rt__log_event_text(file, format, args);
    va_end(args);
    if (e != NULL)
        e->event.line = line;
    hand_out_of(self, level, e);
}

void rt_log_report(struct gen *self, enum rt_log_level level, etf_term report)
{
    etf_term pid = rt__pid_word(self->process);

    level = level_of(level);
    if (etf_is_none(report)) /* it could not be built */
        rt_log_self(self, level, "a report is missing, for lack of memory");
    else if (passes(self->rt, pid, level))
        hand_out_of(self, level, rt__log_event_report(report));
}

/* A text, as rt__log_event_text() has it. */
static struct log_event *copied(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static struct log_event *copied(const char *format, ...)
{
    struct log_event *e;
    va_list args;

    va_start(args, format);
    e = rt__log_event_text(NULL, format, args);
    va_end(args);
    return e;
}

void rt_log_told(struct rt *rt, enum rt_log_level level, etf_pid pid,
                 uint64_t time_us, const char *text, etf_term report)
{
    struct log_event *e;

    level = level_of(level);
    if (!passes(rt, ETF_NONE, level))
        return;
    e = text != NULL ? copied("%s", text) : rt__log_event_report(report);
    if (e != NULL) {
        e->event.level = level;
        describe(rt, ETF_NONE, &e->event);
        e->event.pid = pid;
        if (!etf_pid_is_local(pid))
            e->event.node = pid.node;
        if (time_us != 0)
            e->event.time_us = time_us;
    }
    give_out(rt, e);
}

/* ---- A runtime's log ---------------------------------------------------- */

static void to_function(void *ctx, const struct rt_log_event *event)
{
    const struct rt *rt = ctx;
    char line[FUNCTION_LINE_MAX];

    rt->options.log(rt->options.log_ctx, event->level,
                    rt_log_format(line, sizeof line, event));
}

static enum agner_err add_default(struct rt *rt, struct agner_error *error)
{
    struct rt_log_handler handler = { .id = "default" };

    if (rt->options.log != NULL) {
        handler.kind = RT_LOG_CALLBACK;
        handler.event = to_function;
        handler.ctx = rt;
        handler.direct = true;
    }
    return rt_log_handler_add(rt, &handler, error);
}

enum agner_err rt__log_init(struct rt *rt, struct agner_error *error)
{
    const struct rt_options *o = &rt->options;
    enum agner_err err;

    rt->log = calloc(1, sizeof *rt->log);
    if (rt->log == NULL)
        return agner_fail(error, AGNER_ENOMEM, "runtime: log");
    err = rt_log_level_set(rt, (etf_pid){ 0 }, o->log_level);
    if (err == AGNER_OK && o->log_handlers == NULL)
        err = add_default(rt, error);
    for (size_t i = 0; i < o->log_handler_count && err == AGNER_OK; i++)
        err = rt_log_handler_add(rt, &o->log_handlers[i], error);
    rt->options.log_handlers = NULL; /* was borrowed for so long */
    return err;
}

void rt__log_fini(struct rt *rt)
{
    if (rt->log == NULL)
        return;
    rt__log_end_all(rt);
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        free((void *)(uintptr_t)load_relaxed(&rt->log->own[i]));
    free(rt->log);
    rt->log = NULL;
}

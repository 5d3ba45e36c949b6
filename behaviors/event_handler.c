/*
 * event_handler.c -- one handler: in, asked, told, swapped, out.
 *
 * Every callback runs under rt_try(), so what leaves it by rt_exit() is the
 * handler's end and not the manager's. A handler that is out has had its
 * terminate once, a report if it failed, and its supervisor knows.
 *
 * Sources: OTP 25, gen_event; what it does was tried out on a real one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "event_internal.h"
#include "gen_internal.h"

/* ---- Names and states --------------------------------------------------- */

static etf_term name_of(struct gen *self, etf_term name, etf_term id)
{
    return etf_is_none(id) ? name : etf_make(self, "{_, _}", name, id);
}

etf_term gen__event_name(struct gen *self, const struct event_handler *h)
{
    return name_of(self, etf_atom(h->table->name),
                   h->id == NULL ? ETF_NONE : etf_box_term(h->id));
}

struct status {
    const struct gen_event_handler *table;
    etf_term term;
};

static void call_format(struct gen *self, void *arg)
{
    struct status *s = arg;

    s->term = s->table->format_status(self);
}

etf_term gen__event_state(struct gen *self, struct event_manager *m,
                          struct event_handler *h)
{
    struct event_handler *before = m->running;
    struct status s = { .table = h->table };
    char text[64];

    (void)snprintf(text, sizeof text, "%zu bytes", h->table->state_size);
    if (h->table->format_status == NULL)
        return etf_text(rt_region(self), text);
    m->running = h;
    if (rt_try(self, call_format, &s, NULL) != AGNER_OK || etf_is_none(s.term))
        s.term = etf_text(rt_region(self), text);
    m->running = before;
    return s.term;
}

/* ---- Calling a handler -------------------------------------------------- */

enum callback { CALL_INIT, CALL_EVENT, CALL_CALL, CALL_INFO };

struct run {
    const struct gen_event_handler *table;
    enum callback callback;
    etf_term argument;
    etf_term reply;
    enum gen_event_next next;
};

static void log_unhandled(struct gen *self, const struct run *run,
                          const char *what)
{
    char title[160];
    char text[240];

    rt_log_self(self, RT_LOG_WARNING, "%s: no handler for %s %s",
                gen__title(self, run->table->name, title, sizeof title), what,
                etf_format(text, sizeof text, run->argument));
}

static void call_callback(struct gen *self, void *arg)
{
    struct run *run = arg;
    const struct gen_event_handler *t = run->table;

    switch (run->callback) {
    case CALL_INIT:
        if (t->init != NULL)
            run->next = t->init(self, run->argument);
        break;
    case CALL_EVENT:
        if (t->handle_event != NULL)
            run->next = t->handle_event(self, run->argument);
        break;
    case CALL_CALL:
        if (t->handle_call != NULL) {
            run->next = t->handle_call(self, run->argument, &run->reply);
            break;
        }
        log_unhandled(self, run, "call");
        run->reply = etf_make(self, "{error, undef}");
        break;
    case CALL_INFO:
        if (t->handle_info != NULL)
            run->next = t->handle_info(self, run->argument);
        else
            log_unhandled(self, run, "message");
        break;
    }
}

/* May the callback return that? Init lets the handler in, or fails. */
static bool is_allowed(const struct event_manager *m, const struct run *run)
{
    switch (run->next) {
    case GEN_EVENT_NEXT:
    case GEN_EVENT_HIBERNATE:
    case GEN_EVENT_ERROR:
        return true;
    case GEN_EVENT_REMOVE:
        return run->callback != CALL_INIT;
    case GEN_EVENT_SWAP:
        return run->callback != CALL_INIT && m->swap.table != NULL;
    }
    return false;
}

/* What a callback left may lie in the handler's state, which is about to go. */
static void save(struct gen *self, struct event_manager *m, struct run *run)
{
    struct etf_region *r = rt_region(self);

    run->reply = etf_copy(r, run->reply);
    m->error = etf_copy(r, m->error);
    m->swap.id = etf_copy(r, m->swap.id);
    m->swap.old_args = etf_copy(r, m->swap.old_args);
    m->swap.new_args = etf_copy(r, m->swap.new_args);
}

/* A kill that came while a callback waited: no other one runs after that. */
static bool is_killed(struct gen *self)
{
    return rt_check(self) == AGNER_EKILLED;
}

/* Runs a callback. GEN_EVENT_ERROR: m->error is what the handler failed with,
 * {'EXIT', Reason} when it left. */
static void run_callback(struct gen *self, struct event_manager *m,
                         struct event_handler *h, struct run *run)
{
    struct event_handler *before = m->running;
    etf_term reason = ETF_NONE;

    run->table = h->table;
    run->next = GEN_EVENT_NEXT;
    run->reply = ETF_A(ok);
    m->error = ETF_NONE;
    m->swap.table = NULL;
    m->running = h;
    if (is_killed(self))
        run->next = GEN_EVENT_ERROR;
    else if (rt_try(self, call_callback, run, &reason) != AGNER_OK) {
        run->next = GEN_EVENT_ERROR;
        m->error = etf_make(self, "{'EXIT', _}", reason);
    } else if (!is_allowed(m, run)) {
        m->error = etf_make(self, "{bad_return_value, _}", (int64_t)run->next);
        run->next = GEN_EVENT_ERROR;
    } else if (run->next == GEN_EVENT_HIBERNATE) {
        rt_hibernate(self);
        run->next = GEN_EVENT_NEXT;
    }
    if (run->next != GEN_EVENT_NEXT)
        save(self, m, run);
    if (etf_is_none(m->error))
        m->error = ETF_A(error);
    m->running = before;
}

/* ---- Out ---------------------------------------------------------------- */

void gen__event_free(struct event_handler *h)
{
    if (h->table->destroy != NULL)
        h->table->destroy(h->state);
    etf_box_free(h->id);
    free(h);
}

/* Of no interest to people: an end in order. */
static bool is_orderly(etf_term reason)
{
    return etf_same(reason, ETF_A(normal)) ||
           etf_same(reason, ETF_A(shutdown)) ||
           (etf_tuple_size(reason) == 3 &&
            etf_atom_is(etf_tuple_items(reason)[0], "swapped"));
}

static etf_term manager_name(struct gen *self)
{
    struct rt_process_info info;

    if (rt_process_glance(rt_of(self), rt_self(self), &info) == AGNER_OK &&
        !etf_is_none(info.name))
        return info.name;
    return rt_self_term(self);
}

static void report(struct gen *self, struct event_manager *m, etf_term handler,
                   etf_term state, etf_term reason)
{
    if (is_orderly(reason))
        return;
    rt_log_report(
        self, RT_LOG_ERROR,
        etf_make(self,
                 "#{label => {gen_event, terminate}, handler => _, "
                 "name => _, last_message => _, state => _, "
                 "reason => _}",
                 handler, manager_name(self),
                 etf_is_none(m->head.last) ? ETF_A(undefined) : m->head.last,
                 state, reason));
}

static void tell_supervisor(struct gen *self, etf_pid supervisor,
                            etf_term handler, etf_term reason)
{
    if (!etf_pid_is_none(supervisor))
        (void)rt_send_pid(
            self, supervisor, /* it may be gone itself */
            etf_make(self, "{gen_event_EXIT, _, _}", handler, reason));
}

/* The report and the message of an end: before the state is destroyed. */
static void tell_of_end(struct gen *self, struct event_manager *m,
                        struct event_handler *h, etf_term reason)
{
    etf_term name = gen__event_name(self, h);

    report(self, m, name, gen__event_state(self, m, h), reason);
    tell_supervisor(self, h->supervisor, name, reason);
}

struct ending {
    const struct gen_event_handler *table;
    etf_term argument, result;
};

static void call_terminate(struct gen *self, void *arg)
{
    struct ending *e = arg;

    e->result = e->table->terminate(self, e->argument);
}

static etf_term terminate(struct gen *self, struct event_manager *m,
                          struct event_handler *h, etf_term argument)
{
    struct ending e = { .table = h->table, .argument = argument };
    struct event_handler *before = m->running;
    etf_term reason;

    h->phase = EVENT_ENDING;
    e.result = ETF_A(ok);
    if (h->table->terminate == NULL || is_killed(self))
        return e.result;
    m->running = h;
    if (rt_try(self, call_terminate, &e, &reason) != AGNER_OK)
        e.result = etf_make(self, "{'EXIT', _}", reason);
    m->running = before;
    if (etf_is_none(e.result))
        return ETF_A(ok);
    return etf_copy(rt_region(self), e.result); /* it may lie in the state */
}

static void unlink_and_free(struct event_handler **at)
{
    struct event_handler *h = *at;

    *at = h->next;
    gen__event_free(h);
}

etf_term gen__event_remove(struct gen *self, struct event_manager *m,
                           struct event_handler **at, etf_term argument,
                           etf_term reason)
{
    etf_term result = terminate(self, m, *at, argument);

    tell_of_end(self, m, *at, reason);
    unlink_and_free(at);
    return result;
}

void gen__event_end(struct gen *self, struct event_manager *m,
                    struct event_handler *h)
{
    if (h->phase != EVENT_IN)
        return;
    (void)terminate(self, m, h, ETF_A(stop));
    tell_of_end(self, m, h, ETF_A(shutdown));
}

/* ---- In ----------------------------------------------------------------- */

static struct event_handler *make(const struct event_swap *what)
{
    struct event_handler *h;

    if (what->table->state_size > SIZE_MAX - sizeof *h)
        return NULL;
    h = calloc(1, sizeof *h + what->table->state_size);
    if (h == NULL)
        return NULL;
    h->table = what->table;
    if (!etf_is_none(what->id)) {
        h->id = etf_box_new(what->id);
        if (h->id == NULL) {
            free(h);
            return NULL;
        }
    }
    return h;
}

etf_term gen__event_add(struct gen *self, struct event_manager *m,
                        struct event_handler **at,
                        const struct event_swap *what, etf_pid supervisor)
{
    struct run run = { .callback = CALL_INIT, .argument = what->new_args };
    struct event_handler *h;

    if (what->table == NULL)
        return etf_make(self, "{'EXIT', {undef, [{_, init, [_], []}]}}",
                        what->name, what->new_args);
    h = make(what);
    if (h == NULL)
        return etf_make(self, "{'EXIT', system_limit}");
    h->supervisor = supervisor;
    h->next = *at;
    *at = h;
    run_callback(self, m, h, &run);
    if (run.next == GEN_EVENT_NEXT) {
        h->phase = EVENT_IN;
        return ETF_NONE;
    }
    unlink_and_free(at);
    return m->error;
}

etf_term gen__event_swap(struct gen *self, struct event_manager *m,
                         struct event_handler **old, bool in_place,
                         const struct event_swap *what, etf_pid supervisor)
{
    struct event_swap in = *what;
    etf_term left = ETF_A(error);

    if (old != NULL) {
        etf_term reason = ETF_A(normal);

        if (!etf_pid_is_none((*old)->supervisor)) {
            if (etf_pid_is_none(supervisor))
                supervisor = (*old)->supervisor;
            reason = etf_make(self, "{swapped, _, _}",
                              name_of(self, what->name, what->id), supervisor);
        }
        left = gen__event_remove(self, m, old, what->old_args, reason);
    }
    in.new_args = etf_make(self, "{_, _}", what->new_args, left);
    return gen__event_add(self, m, in_place ? old : &m->first, &in, supervisor);
}

/* ---- Told and asked ----------------------------------------------------- */

/* A swap that its own handler asked for: of a failure nobody else hears. */
static struct event_handler **
obey_swap(struct gen *self, struct event_manager *m, struct event_handler **at)
{
    struct event_swap what = m->swap;
    etf_pid supervisor = (*at)->supervisor;
    etf_term name = name_of(self, what.name, what.id);
    etf_term why = gen__event_swap(self, m, at, true, &what, supervisor);

    if (etf_is_none(why))
        return &(*at)->next;
    report(self, m, name, ETF_A(undefined), why);
    tell_supervisor(self, supervisor, name, ETF_A(crash));
    return at;
}

static struct event_handler **obey(struct gen *self, struct event_manager *m,
                                   struct event_handler **at,
                                   const struct run *run)
{
    etf_term error = m->error;

    switch (run->next) {
    case GEN_EVENT_NEXT:
    case GEN_EVENT_HIBERNATE:
        return &(*at)->next;
    case GEN_EVENT_REMOVE:
        (void)gen__event_remove(self, m, at, etf_make(self, "remove_handler"),
                                ETF_A(normal));
        return at;
    case GEN_EVENT_SWAP:
        return obey_swap(self, m, at);
    case GEN_EVENT_ERROR:
        (void)gen__event_remove(self, m, at,
                                etf_make(self, "{error, _}", error), error);
        return at;
    }
    return at; /* not reached: run_callback() lets no other value through */
}

struct event_handler **gen__event_tell(struct gen *self,
                                       struct event_manager *m,
                                       struct event_handler **at,
                                       enum event_what what, etf_term event)
{
    struct run run = { .callback = what == EVENT_EVENT ? CALL_EVENT : CALL_INFO,
                       .argument = event };

    run_callback(self, m, *at, &run);
    return obey(self, m, at, &run);
}

etf_term gen__event_ask(struct gen *self, struct event_manager *m,
                        struct event_handler **at, etf_term request)
{
    struct run run = { .callback = CALL_CALL, .argument = request };

    run_callback(self, m, *at, &run);
    if (run.next == GEN_EVENT_ERROR)
        run.reply = etf_make(self, "{error, _}", m->error);
    (void)obey(self, m, at, &run);
    return run.reply;
}

/* ---- In a callback ------------------------------------------------------ */

void *gen_event_state(struct gen *self)
{
    return gen__event_manager(self)->running->state;
}

etf_term gen_event_self(struct gen *self)
{
    return gen__event_name(self, gen__event_manager(self)->running);
}

enum gen_event_next gen_event_swap(struct gen *self, etf_term old_args,
                                   const struct gen_event_handler *handler,
                                   etf_term id, etf_term new_args)
{
    struct event_manager *m = gen__event_manager(self);

    m->swap = (struct event_swap){ .table = handler,
                                   .name = etf_atom(handler->name),
                                   .id = id,
                                   .old_args = old_args,
                                   .new_args = new_args };
    return GEN_EVENT_SWAP;
}

enum gen_event_next gen_event_error(struct gen *self, etf_term reason)
{
    gen__event_manager(self)->error = reason;
    return GEN_EVENT_ERROR;
}

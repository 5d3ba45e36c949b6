/*
 * supervisor.c -- the supervisor: a gen_server that starts its children, deals
 * with their ends one by one as they come, and stops them when it ends.
 *
 * What to do about an end is decided in restart.c. A restart that fails, or has
 * to wait, leaves the child CHILD_RESTARTING and sends the supervisor itself a
 * message, so that whatever came meanwhile is served first, and every attempt
 * counts.
 *
 * Sources: OTP 25, supervisor; spec/gen.md 1.8.
 */
#include <stdlib.h>

#include "supervisor.h"

#define WINDOW_MIN 8u

/* ---- Restarts ----------------------------------------------------------- */

/* Room for so many more. */
static uint32_t grown(uint32_t capacity)
{
    if (capacity < WINDOW_MIN)
        return WINDOW_MIN;
    return capacity > UINT32_MAX / 2 ? UINT32_MAX : capacity * 2;
}

static enum restart_verdict count_restart(struct gen *self,
                                          struct supervisor *sup)
{
    struct restart_window *w = &sup->window;
    uint64_t now_ms = rt_now_ms(rt_of(self));
    uint32_t capacity = grown(w->capacity);
    enum restart_verdict verdict = gen__restart_count(
        w, sup->flags.intensity, sup->flags.period_ms, now_ms);
    uint64_t *room;

    if (verdict != RESTART_NO_ROOM)
        return verdict;
    room = malloc(capacity * sizeof *room);
    if (room == NULL)
        return RESTART_TOO_MANY; /* what cannot be counted is not done */
    free(gen__restart_grow(w, room, capacity));
    return gen__restart_count(w, sup->flags.intensity, sup->flags.period_ms,
                              now_ms);
}

/* By its id; a child of a simple_one_for_one by its old pid. */
static etf_term key_of(struct gen *self, const struct supervisor *sup,
                       const struct child *child)
{
    if (!gen__is_simple(sup))
        return child->spec->id;
    return etf_make(self, "{restarting, _}", child->pid);
}

static struct child *find_key(const struct supervisor *sup, etf_term key)
{
    etf_term pid;

    if (!gen__is_simple(sup))
        return gen__child_by_id(&sup->children, key);
    if (!etf_match(key, "{restarting, _}", &pid))
        return NULL;
    return gen__child_by_pid(&sup->children, pid);
}

/* Sends ourselves the order to start `child`, in `ms`. */
static enum gen_next restart_later(struct gen *self, struct supervisor *sup,
                                   struct child *child, uint64_t ms)
{
    struct rt_timer timer;
    enum agner_err err;
    etf_term order;

    gen__child_state(&sup->children, child, CHILD_RESTARTING);
    child->round++;
    order = etf_make(self, "{try_again_restart, _, _}",
                     key_of(self, sup, child), child->round);
    if (ms == 0)
        err = gen_cast(self, rt_self_term(self), order);
    else
        err = rt_send_after(self, rt_self_term(self),
                            etf_make(self, "{'$gen_cast', _}", order), ms,
                            &timer);
    if (err == AGNER_OK)
        return GEN_NEXT;
    return gen_stop(self, etf_atom("system_limit")); /* it would never start */
}

/* The next attempt is after the back-off, or at once but in its turn. */
static enum gen_next try_again(struct gen *self, struct supervisor *sup,
                               struct child *child)
{
    const struct child_spec *spec = child->spec;

    return restart_later(self, sup, child,
                         gen__backoff_ms(spec->backoff_ms, spec->backoff_max_ms,
                                         child->restarts++));
}

static enum gen_next restart_one(struct gen *self, struct supervisor *sup,
                                 struct child *child)
{
    etf_term reason;
    enum agner_err err = gen__child_start(self, sup, child, &reason);

    if (err == AGNER_OK)
        return GEN_NEXT;
    if (err == AGNER_EIGNORE) {
        gen__child_absent(sup, child);
        return GEN_NEXT;
    }
    gen__report_error(self, sup, REPORT_START_ERROR, child, reason);
    return try_again(self, sup, child);
}

static void forget_temporary(struct supervisor *sup, struct child *child)
{
    struct child *after;

    for (; child != NULL; child = after) {
        after = child->after;
        if (child->spec->restart == GEN_TEMPORARY)
            gen__child_forget(sup, child);
    }
}

/* Stops and starts the child and those that go with it; `all` of them. */
static enum gen_next restart_row(struct gen *self, struct supervisor *sup,
                                 struct child *child, bool all)
{
    struct child *first = all ? sup->children.first : child;
    struct child *failed;
    etf_term reason;

    gen__children_stop(self, sup, first);
    forget_temporary(sup, first); /* which `child` is not */
    failed = gen__children_start(self, sup, all ? sup->children.first : child,
                                 &reason);
    return failed == NULL ? GEN_NEXT : try_again(self, sup, failed);
}

/* One attempt, if it may be. */
static enum gen_next restart(struct gen *self, struct supervisor *sup,
                             struct child *child)
{
    if (count_restart(self, sup) == RESTART_TOO_MANY) {
        gen__report_error(self, sup, REPORT_SHUTDOWN, child,
                          etf_atom("reached_max_restart_intensity"));
        gen__child_absent(sup, child);
        return gen_stop(self, ETF_A(shutdown));
    }
    switch (gen__restart_scope(sup->flags.strategy)) {
    case RESTART_ONE:
        break;
    case RESTART_REST:
        return restart_row(self, sup, child, false);
    case RESTART_ALL:
        return restart_row(self, sup, child, true);
    }
    return restart_one(self, sup, child);
}

/* The order that restart_later() sent. An older one is void, and so is one for
 * a child that somebody has stopped or started meanwhile. */
static enum gen_next on_cast(struct gen *self, etf_term request)
{
    struct supervisor *sup = gen_state(self);
    struct child *child;
    uint32_t round;
    etf_term key;

    if (!etf_match(request, "{try_again_restart, _, _}", &key, &round))
        return GEN_NEXT;
    child = find_key(sup, key);
    if (child == NULL || child->state != CHILD_RESTARTING ||
        child->round != round)
        return GEN_NEXT;
    return restart(self, sup, child);
}

/* ---- Ends --------------------------------------------------------------- */

static bool significant_left(const struct supervisor *sup,
                             const struct child *ended)
{
    for (const struct child *c = sup->children.first; c != NULL; c = c->after)
        if (c != ended && c->spec->significant && c->state != CHILD_STOPPED)
            return true;
    return false;
}

static struct end_answer answer_to(const struct supervisor *sup,
                                   const struct child *child, etf_term reason)
{
    struct end_event event = { .restart = child->spec->restart,
                               .kind = gen__end_kind(reason),
                               .simple = gen__is_simple(sup),
                               .significant = child->spec->significant,
                               .auto_shutdown = sup->flags.auto_shutdown };

    if (event.significant && event.auto_shutdown == GEN_AUTO_ALL_SIGNIFICANT)
        event.significant_left = significant_left(sup, child);
    return gen__end_answer(&event);
}

/* Has it lived long enough for its back-off to begin anew? */
static void settle_backoff(struct gen *self, const struct supervisor *sup,
                           struct child *child)
{
    if (rt_now_ms(rt_of(self)) - child->started_ms >= sup->flags.period_ms)
        child->restarts = 0;
}

static enum gen_next child_ended(struct gen *self, struct supervisor *sup,
                                 struct child *child, etf_term reason)
{
    struct end_answer answer = answer_to(sup, child, reason);

    if (answer.report)
        gen__report_error(self, sup, REPORT_CHILD_TERMINATED, child, reason);
    gen__tell_end(self, sup, child, reason);
    gen__child_state(&sup->children, child, CHILD_STOPPED);
    switch (answer.action) {
    case END_FORGET:
        gen__child_forget(sup, child);
        break;
    case END_KEEP:
        gen__child_unmap(&sup->children, child);
        break;
    case END_RESTART:
        if (child->spec->backoff_ms == 0)
            return restart(self, sup, child);
        settle_backoff(self, sup, child);
        return try_again(self, sup, child);
    }
    return answer.shutdown ? gen_stop(self, ETF_A(shutdown)) : GEN_NEXT;
}

static void log_unexpected(struct gen *self, etf_term message)
{
    char text[400];

    rt_log_self(self, RT_LOG_ERROR,
                "Supervisor received unexpected message: %s",
                etf_format(text, sizeof text, message));
}

static enum gen_next on_info(struct gen *self, etf_term message)
{
    struct supervisor *sup = gen_state(self);
    struct child *child;
    etf_term pid, reason;

    if (!etf_match(message, "{'EXIT', _, _}", &pid, &reason)) {
        log_unexpected(self, message);
        return GEN_NEXT;
    }
    child = gen__child_by_pid(&sup->children, pid);
    if (child != NULL && child->state == CHILD_RUNNING)
        return child_ended(self, sup, child, reason);
    if (etf_same(pid, rt_self_term(self)))
        return gen_stop(self, reason); /* rt_kill(): the node says so */
    return GEN_NEXT; /* one that we have stopped, or nobody's */
}

/* ---- The rest of the server --------------------------------------------- */

static enum gen_next on_call(struct gen *self, struct gen_from from,
                             etf_term request)
{
    return gen_reply(self, from,
                     gen__supervisor_request(self, gen_state(self), request));
}

static void supervisor_terminate(struct gen *self, etf_term reason)
{
    struct supervisor *sup = gen_state(self);

    (void)reason;
    sup->ending = true;
    gen__children_stop(self, sup, sup->children.first);
}

static void supervisor_destroy(void *state)
{
    struct supervisor *sup = state;

    gen__children_free(&sup->children);
    for (size_t i = 0; i < sup->template_count; i++)
        gen__spec_release(sup->templates[i]);
    free(sup->templates);
    free(sup->window.times_ms);
}

#define STATUS_CHILDREN_MAX 1000u /* that the state shows */

static etf_term supervisor_status(struct gen *self)
{
    static const char *const strategies[] = { "one_for_one", "one_for_all",
                                              "rest_for_one",
                                              "simple_one_for_one" };
    struct supervisor *sup = gen_state(self);

    return etf_make(self,
                    "#{strategy => _, intensity => _, period_ms => _, "
                    "restarts => _, count => _, children => _}",
                    etf_atom(strategies[sup->flags.strategy]),
                    sup->flags.intensity, sup->flags.period_ms,
                    gen__restart_recent(&sup->window, sup->flags.period_ms,
                                        rt_now_ms(rt_of(self))),
                    sup->children.count,
                    gen__children_list(self, sup, STATUS_CHILDREN_MAX, false));
}

const struct gen_server gen__supervisor_server = {
    .name = "supervisor",
    .state_size = sizeof(struct supervisor),
    .init = gen__supervisor_init,
    .handle_call = on_call,
    .handle_cast = on_cast,
    .handle_info = on_info,
    .terminate = supervisor_terminate,
    .destroy = supervisor_destroy,
    .format_status = supervisor_status,
};

void gen__tell_end(struct gen *self, const struct supervisor *sup,
                   const struct child *child, etf_term reason)
{
    if (sup->table->child_terminated != NULL)
        sup->table->child_terminated(self, child->spec->id,
                                     gen__child_pid(child), reason);
}

void gen__child_forget(struct supervisor *sup, struct child *child)
{
    uint64_t tag = child->tag;

    gen__child_remove(&sup->children, child, !gen__is_simple(sup));
    if (sup->child_gone != NULL)
        sup->child_gone(sup, tag);
}

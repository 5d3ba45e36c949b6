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

#define PERIOD_DEFAULT_MS 5000u
#define WINDOW_MIN        8u

/* ---- Restarts ----------------------------------------------------------- */

static enum restart_verdict count_restart(struct gen *self,
                                          struct supervisor *sup)
{
    struct restart_window *w = &sup->window;
    uint64_t now_ms = rt_now_ms(rt_of(self));
    uint32_t capacity = w->capacity < WINDOW_MIN / 2   ? WINDOW_MIN
                        : w->capacity > UINT32_MAX / 2 ? UINT32_MAX
                                                       : w->capacity * 2;
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

/* The child did not start, or started with nothing to run. */
static void without_process(struct supervisor *sup, struct child *child)
{
    if (gen__is_simple(sup) || child->spec->restart == GEN_TEMPORARY) {
        gen__child_forget(sup, child);
        return;
    }
    gen__child_unmap(&sup->children, child);
    gen__child_state(&sup->children, child, CHILD_STOPPED);
}

/* Starts the children from `child` to the last one. Returns NULL, or the one
 * that failed, with *reason. */
static struct child *start_from(struct gen *self, struct supervisor *sup,
                                struct child *child, etf_term *reason)
{
    struct child *after;
    enum agner_err err;

    for (; child != NULL; child = after) {
        after = child->after;
        if (child->disabled)
            continue;
        err = gen__child_start(self, sup, child, reason);
        if (err == AGNER_EIGNORE) {
            without_process(sup, child);
        } else if (err != AGNER_OK) {
            gen__report_error(self, sup, REPORT_START_ERROR, child, *reason);
            return child;
        }
    }
    return NULL;
}

static enum gen_next restart_one(struct gen *self, struct supervisor *sup,
                                 struct child *child)
{
    etf_term reason;
    enum agner_err err = gen__child_start(self, sup, child, &reason);

    if (err == AGNER_OK)
        return GEN_NEXT;
    if (err == AGNER_EIGNORE) {
        without_process(sup, child);
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
    failed = start_from(self, sup, all ? sup->children.first : child, &reason);
    return failed == NULL ? GEN_NEXT : try_again(self, sup, failed);
}

/* One attempt, if it may be. */
static enum gen_next restart(struct gen *self, struct supervisor *sup,
                             struct child *child)
{
    if (count_restart(self, sup) == RESTART_TOO_MANY) {
        gen__report_error(self, sup, REPORT_SHUTDOWN, child,
                          etf_atom("reached_max_restart_intensity"));
        without_process(sup, child);
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

/* ---- Init --------------------------------------------------------------- */

struct gen_supervisor_spec {
    struct supervisor *sup;
    etf_term maps;  /* the last one first */
    etf_term wrong; /* with the first bad one; ETF_NONE: all are good */
};

struct gen_supervisor_flags *
gen_supervisor_flags(struct gen_supervisor_spec *spec)
{
    return &spec->sup->flags;
}

enum agner_err gen__supervisor_add_map(struct gen *self,
                                       struct gen_supervisor_spec *spec,
                                       etf_term map)
{
    if (etf_is_none(map) && etf_is_none(spec->wrong))
        spec->wrong = etf_atom("system_limit");
    if (etf_is_none(map))
        return AGNER_ENOMEM;
    spec->maps = etf_cons(rt_region(self), map, spec->maps);
    return etf_is_none(spec->maps) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_supervisor_add(struct gen *self,
                                  struct gen_supervisor_spec *spec,
                                  const struct gen_child_spec *row)
{
    etf_term wrong, map = gen__spec_map(rt_region(self), row, &wrong);

    if (!etf_is_none(wrong)) {
        if (etf_is_none(spec->wrong))
            spec->wrong = wrong;
        return AGNER_EINVAL;
    }
    return gen__supervisor_add_map(self, spec, map);
}

static bool set_flags(struct gen *self, struct supervisor *sup, etf_term *wrong)
{
    struct gen_supervisor_flags *f = &sup->flags;

    if ((unsigned)f->strategy > GEN_SIMPLE_ONE_FOR_ONE)
        *wrong = etf_make(self, "{invalid_strategy, _}", (unsigned)f->strategy);
    else if ((unsigned)f->auto_shutdown > GEN_AUTO_ALL_SIGNIFICANT)
        *wrong = etf_make(self, "{invalid_auto_shutdown, _}",
                          (unsigned)f->auto_shutdown);
    if (f->intensity == 0)
        f->intensity = 1;
    else if (f->intensity == GEN_NO_RESTARTS)
        f->intensity = 0;
    if (f->period_ms == 0)
        f->period_ms = PERIOD_DEFAULT_MS;
    return etf_is_none(*wrong);
}

static void flags_of_table(struct supervisor *sup)
{
    const struct gen_supervisor *t = sup->table;

    sup->flags =
        (struct gen_supervisor_flags){ .strategy = t->strategy,
                                       .intensity = t->intensity,
                                       .period_ms = t->period_ms,
                                       .auto_shutdown = t->auto_shutdown,
                                       .children_max = t->children_max,
                                       .parallel_stop = t->parallel_stop };
}

/* Takes the spec, as a template or as a child that does not run yet. */
static enum agner_err take_spec(struct supervisor *sup, struct child_spec *spec)
{
    if (gen__is_simple(sup)) {
        sup->templates[sup->template_count++] = spec;
        return AGNER_OK;
    }
    return gen__child_add(&sup->children, spec, true) != NULL ? AGNER_OK
                                                              : AGNER_ENOMEM;
}

static bool is_double(const struct supervisor *sup, etf_term id)
{
    if (!gen__is_simple(sup))
        return gen__child_by_id(&sup->children, id) != NULL;
    return gen__template(sup, id) != NULL;
}

static enum agner_err take_map(struct gen *self, struct supervisor *sup,
                               etf_term map, etf_term *wrong)
{
    struct child_spec *spec;
    enum agner_err err = gen__spec_read(rt_region(self), map,
                                        sup->flags.auto_shutdown, &spec, wrong);

    if (err != AGNER_OK)
        return err;
    if (is_double(sup, spec->id)) {
        *wrong = etf_make(self, "{duplicate_child_name, _}",
                          etf_copy(rt_region(self), spec->id));
        err = AGNER_EINVAL;
    } else {
        err = take_spec(sup, spec);
    }
    if (err != AGNER_OK)
        gen__spec_release(spec);
    return err;
}

/* All specs, in order; none is started before all are found good. */
static enum agner_err take_maps(struct gen *self, struct supervisor *sup,
                                etf_term maps, etf_term *wrong)
{
    enum agner_err err = AGNER_OK;
    etf_term map;

    if (gen__is_simple(sup)) {
        sup->templates = calloc((size_t)etf_list_size(maps) + 1,
                                sizeof(struct child_spec *));
        if (sup->templates == NULL)
            return AGNER_ENOMEM;
    }
    while (err == AGNER_OK && etf_list_next(&maps, &map))
        err = take_map(self, sup, map, wrong);
    return err;
}

static enum gen_next refuse(struct gen *self, const char *what, etf_term wrong)
{
    return gen_stop(self, etf_make(self, "{_, _}", etf_atom(what), wrong));
}

/* Reads what the table and its init said. */
static enum gen_next take_all(struct gen *self, struct supervisor *sup,
                              struct gen_supervisor_spec *spec)
{
    etf_term maps = etf_nil(), map, wrong = ETF_NONE;
    enum agner_err err;

    if (!set_flags(self, sup, &wrong))
        return refuse(self, "supervisor_data", wrong);
    if (!etf_is_none(spec->wrong))
        return refuse(self, "start_spec", spec->wrong);
    while (etf_list_next(&spec->maps, &map))
        maps = etf_cons(rt_region(self), map, maps);
    err = take_maps(self, sup, maps, &wrong);
    if (err == AGNER_EINVAL)
        return refuse(self, "start_spec", wrong);
    return err == AGNER_OK ? GEN_NEXT
                           : gen_stop(self, etf_atom("system_limit"));
}

static enum gen_next start_all(struct gen *self, struct supervisor *sup)
{
    etf_term reason;
    struct child *failed = start_from(self, sup, sup->children.first, &reason);

    if (failed == NULL)
        return GEN_NEXT;
    gen__children_stop(self, sup, sup->children.first);
    return gen_stop(self,
                    etf_make(self, "{shutdown, {failed_to_start_child, _, _}}",
                             failed->spec->id, reason));
}

static enum gen_next supervisor_init(struct gen *self, etf_term args)
{
    struct supervisor *sup = gen_state(self);
    struct gen_supervisor_spec spec = { .sup = sup, .maps = etf_nil() };
    enum gen_next next = GEN_NEXT;
    etf_term table, user_args;
    void *pointer;

    if (!etf_match(args, "{_, _}", &table, &user_args) ||
        !etf_get_resource(table, &pointer))
        return gen_stop(self, ETF_A(badarg));
    (void)rt_trap_exit(self, true);
    sup->table = pointer;
    flags_of_table(sup);
    for (size_t i = 0; i < sup->table->child_count; i++)
        (void)gen_supervisor_add(self, &spec, &sup->table->children[i]);
    if (sup->table->init != NULL)
        next = sup->table->init(self, user_args, &spec);
    if (next == GEN_NEXT)
        next = take_all(self, sup, &spec);
    if (next == GEN_NEXT)
        next = start_all(self, sup);
    return next;
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
                    sup->window.count, sup->children.count,
                    gen__children_list(self, sup, STATUS_CHILDREN_MAX, false));
}

const struct gen_server gen__supervisor_server = {
    .name = "supervisor",
    .state_size = sizeof(struct supervisor),
    .init = supervisor_init,
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
    gen__child_remove(&sup->children, child, !gen__is_simple(sup));
}

struct child_spec *gen__template(const struct supervisor *sup, etf_term id)
{
    for (size_t i = 0; i < sup->template_count; i++)
        if (etf_equal(sup->templates[i]->id, id))
            return sup->templates[i];
    return NULL;
}

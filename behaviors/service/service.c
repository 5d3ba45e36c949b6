/*
 * service.c -- the process of a service: events become states, states are
 * published, and what a state wants is done.
 *
 * All changes go through gen__service_do(): the table decides
 * (service_state.c), the new state is made first and is visible before anything
 * is done, so a failed allocation has changed nothing. A hook that crashes is
 * logged, and the service goes on.
 *
 * Source: spec/service.md 3.2.
 */
#include "service/service.h"

#include <stdlib.h>

static const struct rt_behavior service_behavior;

/* ---- Hooks -------------------------------------------------------------- */

struct hook {
    void (*run)(struct gen *self, void *arg,
                const struct gen_service_state *state);
    void *arg;
    const struct gen_service_state *state;
};

static void call_hook(struct gen *self, void *arg)
{
    const struct hook *hook = arg;

    hook->run(self, hook->arg, hook->state);
}

static void run_hook(struct gen *self, const char *name, struct hook hook)
{
    etf_term reason = ETF_NONE;
    char text[160];

    if (hook.run == NULL ||
        rt_try(self, call_hook, &hook, &reason) != AGNER_EEXIT)
        return;
    rt_log_self(self, RT_LOG_ERROR, "%s has crashed: %s", name,
                etf_format(text, sizeof text, reason));
}

/* ---- A change ----------------------------------------------------------- */

static void stop_waiting(struct gen *self, struct service *s)
{
    if (s->waiting)
        (void)rt_cancel_timer(self, &s->retry, NULL); /* a late one is of an
                                                         old generation */
    s->waiting = false;
}

static void wait_for_retry(struct gen *self, struct service *s,
                           const struct service_step *step)
{
    etf_term message =
        etf_make(self, "{'$service_retry', _, _}", step->state.generation,
                 step->state.failed_attempts);

    if (etf_is_none(message) ||
        rt_send_after(self, rt_self_term(self), message, step->delay_ms,
                      &s->retry) == AGNER_ENOMEM)
        (void)gen_stop(self, ETF_A(memory_limit));
    s->waiting = true;
}

/* The configuration is replaced at any time; a retry leaves good runs alone,
 * since mono runs are gone and others are to stay. */
static bool cancels_all(const struct service *s,
                        const struct service_event *event,
                        const struct service_step *step)
{
    if (!step->state.active)
        return true;
    return event->kind == SERVICE_CONFIGURE && !s->object->options.keep_runs;
}

static void act(struct gen *self, struct service *s,
                const struct service_event *event,
                const struct service_step *step, struct service_block *block)
{
    const struct gen_service_spec *spec = s->object->spec;
    struct hook stopped = { spec->on_stop, s->object->options.arg,
                            &block->state };
    struct hook saved = { spec->saved, s->object->options.arg, &block->state };

    if ((step->actions & (SERVICE_CANCEL | SERVICE_LOAD)) != 0)
        stop_waiting(self, s);
    if ((step->actions & SERVICE_CANCEL) != 0) {
        s->load_wanted = false;
        gen__runs_cancel(self, s, cancels_all(s, event, step));
    }
    if ((step->actions & SERVICE_WAIT) != 0)
        wait_for_retry(self, s, step);
    gen__followers_tell(self, s, block);
    run_hook(self, "saved", saved);
    if ((step->actions & SERVICE_HOOK) != 0 ||
        ((step->actions & SERVICE_FINAL) != 0 &&
         s->object->options.stop_on_failure))
        run_hook(self, "on_stop", stopped);
    if ((step->actions & SERVICE_LOAD) != 0)
        s->load_wanted = true;
    gen__runs_go_on(self, s);
}

enum agner_err gen__service_do(struct gen *self, struct service *s,
                               const struct service_event *event,
                               struct service_config *config)
{
    struct gen_service *object = s->object;
    struct service_block *before = object->now; /* ours alone to change */
    struct service_step step = gen__service_step(&before->state, event);
    struct service_block *block;

    if (step.err != AGNER_OK)
        return step.err;
    block = gen__block_new(&step.state,
                           config != NULL ? config : before->config, before);
    if (block == NULL)
        return AGNER_ENOMEM;
    if (!s->leaving)
        object->wanted = step.state.active;
    gen__service_publish(object, gen__block_hold(block));
    act(self, s, event, &step, block);
    gen__block_free(block);
    return AGNER_OK;
}

void gen__service_happen(struct gen *self, struct service *s,
                         const struct service_event *event)
{
    /* What is of an old generation changes nothing. */
    if (gen__service_do(self, s, event, NULL) == AGNER_ENOMEM)
        (void)gen_stop(self, ETF_A(memory_limit));
}

/* ---- The process and its object ----------------------------------------- */

static void set_pid(struct gen_service *object, etf_pid pid)
{
    rt__lock(&object->lock);
    object->pid = pid;
    rt__unlock(&object->lock);
}

/* Killed: nobody has said that it does its job no more. */
void gen__service_killed(struct gen_service *object)
{
    struct service_event event = { .kind = SERVICE_DOWN,
                                   .now_ns = gen__service_clock(object),
                                   .err = AGNER_ECRASHED,
                                   .why = ETF_A(killed) };
    struct service_step step = gen__service_step(&object->now->state, &event);
    struct service_block *block =
        gen__block_new(&step.state, object->now->config, object->now);

    if (block != NULL)
        gen__service_publish(object, block);
}

/* Before anybody is told of the end, and may start another process. */
static void ended(struct rt_hook *hook, struct rt *rt)
{
    struct service *s =
        (struct service *)(void *)((uintptr_t)hook -
                                   offsetof(struct service, ended));

    gen__loan_close(&s->object->loan);
    s->object->server = NULL;
    rt_figures_remove(rt, &s->object->figures);
    if (s->object->now->state.active)
        gen__service_killed(s->object);
    set_pid(s->object, (etf_pid){ 0 });
}

/* ---- Beginning ---------------------------------------------------------- */

/* A first process finds the state of the options, and a later one what the one
 * before has left. */
static void begin(struct gen *self, struct service *s)
{
    struct gen_service *object = s->object;
    struct service_event event = { .kind = SERVICE_RESUME,
                                   .now_ns = gen__service_clock(object) };
    bool active = object->now->state.active;

    if (active && object->now->state.loading &&
        object->now->state.generation == 1) {
        s->load_wanted = true;
        gen__runs_go_on(self, s);
        return;
    }
    if (!active && !object->wanted)
        return;
    if (!active)
        event.kind = SERVICE_START;
    gen__service_happen(self, s, &event);
}

static const struct gen_sys_view service_view;

static enum rt_next settle(struct gen *self, struct service *s)
{
    s->head.last = ETF_NONE;
    if ((s->head.flags & GEN_FLAG_STOP) != 0)
        return gen__settle_stop(self, &s->head);
    gen__lend(&s->head);
    return RT_NEXT;
}

static enum rt_next service_init(struct gen *self, etf_term args)
{
    struct service *s = rt_state(self);
    void *object;

    if (!etf_get_resource(args, &object))
        return rt_stop(self, ETF_A(badarg));
    s->object = gen_service_hold(object);
    s->head.loan = &s->object->loan;
    s->ended.run = ended;
    s->head.state_offset = GEN_SIZE(service);
    s->head.sys.view = &service_view;
    s->head.sys.name =
        s->object->spec->name != NULL ? s->object->spec->name : "service";
    (void)rt_trap_exit(self, true);
    if (rt_hook_add(self, &s->ended) != AGNER_OK)
        return rt_stop(self, ETF_A(memory_limit));
    s->object->server = s;
    set_pid(s->object, rt_self(self));
    s->object->figures.pid = rt_self(self);
    rt_figures_add(s->object->rt, &s->object->figures);
    if (s->object->placed)
        gen__map_tell(self, s, s->object->now);
    begin(self, s);
    return settle(self, s);
}

/* ---- Messages ----------------------------------------------------------- */

static void retry_now(struct gen *self, struct service *s, uint64_t generation,
                      uint64_t failures)
{
    const struct gen_service_state *now = &s->object->now->state;

    if (!s->waiting || !now->loading || generation != now->generation ||
        failures != now->failed_attempts)
        return;
    s->waiting = false;
    s->load_wanted = true;
    gen__runs_go_on(self, s);
}

static void on_message(struct gen *self, struct service *s, etf_term message)
{
    uint64_t generation, failures;
    etf_pid from;
    etf_term reason;
    char text[200];

    if (etf_match(message, "{'$service_retry', _, _}", &generation,
                  &failures)) {
        retry_now(self, s, generation, failures);
        return;
    }
    if (gen__runs_message(self, s, message) ||
        gen__followers_message(self, s, message) ||
        gen__far_message(self, s, message))
        return;
    if (etf_match(message, "{'EXIT', _, _}", &from, &reason)) {
        if (etf_pid_equal(from, s->object->watcher))
            (void)gen_stop(self, reason); /* the map, on another node */
        return; /* else of a starter that is not the parent, or an applier */
    }
    rt_log_self(self, RT_LOG_WARNING, "no handler for message %s",
                etf_format(text, sizeof text, message));
}

/* The map has forgotten it: it stops, says so, and ends. */
static void leave(struct gen *self, struct service *s)
{
    struct service_event event = { .kind = SERVICE_STOP,
                                   .now_ns = gen__service_clock(s->object) };

    gen__service_happen(self, s, &event);
    (void)rt_send(self, etf_from_pid(rt_region(self), s->object->watcher),
                  etf_make(self, "{'$service_left', _}",
                           rt_self(self))); /* its end tells too */
    (void)gen_stop(self, ETF_A(shutdown));
}

static enum rt_next service_message(struct gen *self,
                                    const struct rt_message *m)
{
    struct service *s = rt_state(self);
    enum rt_message_kind kind = m->kind;
    struct gen_from from = m->from;
    etf_term request = m->term;
    enum rt_next next;
    int64_t what;

    gen__loan_use(&s->object->loan);
    if (gen__is_system(m) && gen_sys_handle(self, &s->head.sys, m, &next))
        return gen__after_system(self, &s->head, RT_INFINITY, next);
    if (kind == RT_MESSAGE)
        kind = gen__shape(self, m->term, &from, &request);
    s->head.last = kind == RT_CALL || kind == RT_CAST ? request : m->term;
    if (kind == RT_CALL)
        gen__service_call(self, s, &from, request);
    else if (kind == RT_CAST && etf_get_int(request, &what) &&
             what == SERVICE_DO_LEAVE && !etf_pid_is_none(s->object->watcher))
        leave(self, s);
    else if (kind == RT_DIRECT)
        rt_direct_reply(self, &m->direct, AGNER_ENOTSUP, NULL);
    else if (kind == RT_PARENT_EXIT)
        (void)gen_stop(self, m->term);
    else if (kind != RT_TIMEOUT && kind != RT_CONTINUED)
        on_message(self, s, m->term);
    return settle(self, s);
}

/* ---- The end ------------------------------------------------------------ */

/* A stop that the next process need not heed. */
static void service_terminate(struct gen *self, etf_term reason)
{
    struct service *s = rt_state(self);
    struct service_event event = { .kind = SERVICE_STOP };

    s->leaving = true;
    gen__loan_close(&s->object->loan);
    gen__report(self, &s->head, reason);
    s->head.last = ETF_NONE;
    event.now_ns = gen__service_clock(s->object);
    (void)gen__service_do(self, s, &event, NULL); /* stopped before; or no
                                                     memory: destroy tells */
    gen__runs_cancel(self, s, true);
    gen__runs_drain(self, s);
    gen__followers_end(self, s, reason);
    if (!rt_ended_by_signal(self))
        gen__crash_report(self, reason);
}

static void service_destroy(void *state)
{
    struct service *s = state;

    if (s->object == NULL)
        return; /* ended before init began */
    gen__runs_free(s);
    gen__followers_free(s);
    gen_service_free(s->object);
    gen__head_fini(&s->head);
}

static etf_term get_state(struct gen *self)
{
    const struct service *s = rt_state(self);

    return gen_service_state_term(rt_region(self), &s->object->now->state);
}

static const struct gen_sys_view service_view = { .module = "gen_service",
                                                  .get_state = get_state };

static const struct rt_behavior service_behavior = {
    .name = "gen_service",
    .state_size = GEN_SIZE(service),
    .init = service_init,
    .message = service_message,
    .terminate = service_terminate,
    .destroy = service_destroy,
    GEN_LABELLED,
};

/* ---- Starting ----------------------------------------------------------- */

enum agner_err gen__service_run(struct gen *self, struct gen_service *service,
                                const struct rt_spawn_options *options,
                                bool wait, etf_pid *pid)
{
    etf_term args = etf_resource(rt_region(self), gen_service_hold(service),
                                 gen__service_destroy);

    if (etf_is_none(args)) {
        gen_service_free(service); /* the count of the resource */
        return AGNER_ENOMEM;
    }
    if (wait)
        return rt_start(self, &service_behavior, args, options, pid, NULL);
    return rt_start_nowait(self, &service_behavior, args, options, pid);
}

void gen__service_become(struct gen *self, struct gen_service *service)
{
    etf_term args =
        etf_resource(rt_region(self), service, gen__service_destroy);

    if (etf_is_none(args)) {
        gen_service_free(service); /* the count of the resource */
        return;
    }
    (void)rt_become(self, &service_behavior, args, GEN_SIZE(service),
                    NULL); /* or it returns */
}

enum agner_err gen_service_start(struct gen *self,
                                 const struct gen_service_spec *spec,
                                 const struct gen_service_options *options,
                                 struct gen_service **service,
                                 struct agner_error *error)
{
    struct gen_service_options none = { 0 };
    struct rt_spawn_options spawn = { 0 };
    struct service_config *config = NULL;
    struct gen_service *made;
    enum agner_err err;
    etf_pid pid;

    if (options == NULL)
        options = &none;
    if (spec == NULL || spec->apply == NULL)
        return agner_fail(error, AGNER_EINVAL, "a service without apply");
    if (options->configured) {
        err = gen__service_parse(spec, options->arg, false, options->config,
                                 &config, error);
        if (err != AGNER_OK)
            return err;
    }
    err = gen__service_new(rt_of(self), spec, options, config, &made);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s",
                          err == AGNER_EINVAL ? "retry options"
                                              : "no memory for a service");
    spawn.name = options->name;
    spawn.link = options->link;
    err = gen__service_run(self, made, &spawn, true, &pid);
    if (err != AGNER_OK) {
        made->options.arg_free = NULL; /* stays the caller's */
        gen_service_free(made);
        return agner_fail(error, err, "no process for a service");
    }
    *service = made;
    return AGNER_OK;
}

enum agner_err gen_service_restart(struct gen *self,
                                   struct gen_service *service, bool link,
                                   etf_pid *pid)
{
    struct rt_spawn_options spawn = { .name = service->name, .link = link };

    if (service->spec == NULL)
        return AGNER_EINVAL;
    if (!etf_pid_is_none(gen_service_pid(service)) ||
        load_relaxed(&service->asleep))
        return AGNER_ERUNNING;
    return gen__service_run(self, service, &spawn, true, pid);
}

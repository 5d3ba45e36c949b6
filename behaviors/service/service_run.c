/*
 * service_run.c -- the loads of a service: who runs, who is told to end, and
 * when the next may begin.
 *
 * A run is a try and what it left. It ends in steps, each of which waits for
 * the one before:
 *
 *   its token is set; the applier ends, or is killed after the grace
 *   its supervisor is told to end, and ends its children, the last first
 *   it is forgotten
 *
 * The next load begins when no run is in its way: with one configuration at a
 * time (the default) none at all, with keep_runs none that is ending or
 * loading.
 *
 * Source: spec/service.md 3.1, 3.2.
 */
#include "service/service.h"

#define AGAIN_MS 100u /* until what had no memory is tried again */

/* ---- Ending ------------------------------------------------------------- */

static bool is_over(const struct gen_apply *run)
{
    return run->cancelled && etf_pid_is_none(run->pid) &&
           etf_pid_is_none(run->supervisor);
}

static void forget_ended(struct service *s)
{
    struct gen_apply **at = &s->runs, *run;

    while ((run = *at) != NULL) {
        if (is_over(run)) {
            *at = run->next;
            gen__apply_free(run);
        } else {
            at = &run->next;
        }
    }
}

/* Another look at the run, after so long. Without memory for it the service's
 * process ends, and with it all that is linked to it. */
static void look_again(struct gen *self, struct gen_apply *run, uint64_t ms)
{
    etf_term message = etf_make(self, "{'$service_grace', _}", run->serial);

    if (etf_is_none(message) || rt_send_after(self, rt_self_term(self), message,
                                              ms, &run->grace) != AGNER_OK)
        (void)gen_stop(self, ETF_A(memory_limit));
}

/* The applier is gone: its children follow. */
static void end_children(struct gen *self, struct gen_apply *run)
{
    if (etf_pid_is_none(run->supervisor) || run->told)
        return;
    run->told = rt_exit_signal(self, run->supervisor, ETF_A(shutdown)) !=
                AGNER_ENOMEM; /* it may be gone */
    if (!run->told)
        look_again(self, run, AGAIN_MS);
}

static void kill_applier(struct gen *self, struct gen_apply *run)
{
    if (rt_exit_signal(self, run->pid, ETF_A(kill)) == AGNER_ENOMEM)
        look_again(self, run, AGAIN_MS); /* otherwise it may be gone */
}

static void cancel(struct gen *self, struct service *s, struct gen_apply *run)
{
    if (run->cancelled)
        return;
    run->cancelled = true;
    (void)gen_cancel_set(run->token, ETF_NONE); /* only we set it */
    if (etf_pid_is_none(run->pid))
        end_children(self, run);
    else
        look_again(self, run, s->object->options.grace_ms);
}

void gen__runs_cancel(struct gen *self, struct service *s, bool all)
{
    for (struct gen_apply *run = s->runs; run != NULL; run = run->next)
        if (all || !run->good)
            cancel(self, s, run);
    forget_ended(s);
}

/* ---- Beginning ---------------------------------------------------------- */

static bool in_the_way(const struct service *s)
{
    const struct gen_apply *run = s->runs;

    if (!s->object->options.keep_runs)
        return run != NULL;
    for (; run != NULL; run = run->next)
        if (run->cancelled || !run->good)
            return true;
    return false;
}

static enum agner_err spawn_applier(struct gen *self, struct gen_apply *apply)
{
    struct rt_spawn_options options = { .link = true,
                                        .monitor = true,
                                        .monitor_ref = &apply->monitor,
                                        .label = apply->service->spec->name };
    etf_term args = etf_resource(rt_region(self), gen__apply_hold(apply),
                                 gen__apply_destroy);

    if (etf_is_none(args)) {
        gen__apply_free(apply); /* the count of the resource */
        return AGNER_ENOMEM;
    }
    return rt_start_nowait(self, &gen__applier, args, &options, &apply->pid);
}

/* No process can be had: as if the try had failed. */
static void fail(struct gen *self, struct service *s, enum agner_err err)
{
    struct service_event event = {
        .kind = SERVICE_FAILED,
        .now_ns = gen__service_clock(s->object),
        .generation = s->object->now->state.generation,
        .err = err,
        .why = ETF_NONE,
        .retry = s->object->has_retry ? &s->object->retry : NULL,
    };

    gen__service_happen(self, s, &event);
}

void gen__runs_go_on(struct gen *self, struct service *s)
{
    struct gen_apply *apply;
    enum agner_err err;

    if (!s->load_wanted || s->leaving || in_the_way(s))
        return;
    s->load_wanted = false;
    apply = gen__apply_new(self, s);
    if (apply == NULL) {
        fail(self, s, AGNER_ENOMEM);
        return;
    }
    err = spawn_applier(self, apply);
    if (err != AGNER_OK) {
        gen__apply_free(apply);
        fail(self, s, err);
        return;
    }
    apply->next = s->runs;
    s->runs = apply;
}

/* ---- What comes of a try ------------------------------------------------ */

struct told {
    const struct gen_retry_options *retry;
    struct gen_retry_attempt attempt;
};

static void call_log(struct gen *self, void *arg)
{
    const struct told *told = arg;

    told->retry->log(self, told->retry->log_ctx, &told->attempt);
}

/* The user's code: it must not take the service along. */
static void log_try(struct gen *self, struct service *s,
                    const struct service_event *event, uint64_t failures,
                    uint64_t delay_ms)
{
    const struct gen_service_state *now = &s->object->now->state;
    struct told told = { .retry = &s->object->retry };

    if (!s->object->has_retry || told.retry->log == NULL)
        return;
    told.attempt =
        (struct gen_retry_attempt){ .failures = failures,
                                    .err = event->err,
                                    .why = event->why,
                                    .delay_ms = delay_ms,
                                    .first_ns = now->last_loading_start_ns };
    (void)rt_try(self, call_log, &told, NULL);
}

static void settle(struct gen *self, struct service *s,
                   struct service_event *event)
{
    const struct gen_service_state *now;
    uint64_t version = s->object->now->state.version, delay_ns = 0;

    event->now_ns = gen__service_clock(s->object);
    if (s->object->has_retry) {
        event->retry = &s->object->retry;
        if (event->retry->jitter > 0.0)
            rt_random(s->object->rt, &event->draw, sizeof event->draw);
    }
    gen__service_happen(self, s, event);
    now = &s->object->now->state;
    if (now->version == version)
        return;
    if (now->next_attempt_ns > event->now_ns)
        delay_ns = now->next_attempt_ns - event->now_ns;
    log_try(self, s, event, now->failed_attempts, delay_ns / 1000000);
}

/* Its supervisor has given up before apply returned. */
static struct service_event outcome(const struct gen_apply *run,
                                    etf_term reason)
{
    struct service_event event = gen__apply_outcome(run, reason);

    if (event.kind == SERVICE_LOADED && run->lost) {
        event.kind = SERVICE_FAILED;
        event.err = AGNER_ECRASHED;
        event.why = ETF_A(shutdown);
    }
    return event;
}

static void applier_ended(struct gen *self, struct service *s,
                          struct gen_apply *run, etf_term reason)
{
    struct service_event event = outcome(run, reason);

    run->pid = (etf_pid){ 0 };
    if (run->cancelled) { /* too late to matter */
        (void)rt_cancel_timer(self, &run->grace, NULL);
        end_children(self, run);
        return;
    }
    run->good = event.kind == SERVICE_LOADED;
    settle(self, s, &event);
}

static void supervisor_ended(struct gen *self, struct service *s,
                             struct gen_apply *run, etf_term reason)
{
    struct service_event event = { .kind = SERVICE_LOST,
                                   .generation = run->generation,
                                   .err = AGNER_ECRASHED,
                                   .why = reason };

    run->supervisor = (etf_pid){ 0 };
    run->lost = true;
    if (run->cancelled || !run->good)
        return;
    run->good = false;
    settle(self, s, &event);
}

/* ---- Messages ----------------------------------------------------------- */

static struct gen_apply *by_monitor(struct service *s, etf_ref ref)
{
    struct gen_apply *run = s->runs;

    while (run != NULL && !etf_ref_equal(run->monitor, ref))
        run = run->next;
    return run;
}

static struct gen_apply *by_supervisor(struct service *s, etf_pid pid)
{
    struct gen_apply *run = s->runs;

    while (run != NULL && !etf_pid_equal(run->supervisor, pid))
        run = run->next;
    return run;
}

static struct gen_apply *by_serial(struct service *s, uint64_t serial)
{
    struct gen_apply *run = s->runs;

    while (run != NULL && run->serial != serial)
        run = run->next;
    return run;
}

static void grace_is_over(struct gen *self, struct gen_apply *run)
{
    if (etf_pid_is_none(run->pid)) {
        end_children(self, run);
        return;
    }
    rt_log_self(self, RT_LOG_WARNING,
                "apply goes on after its cancellation: killed");
    kill_applier(self, run);
}

bool gen__runs_message(struct gen *self, struct service *s, etf_term message)
{
    struct gen_apply *run = NULL;
    etf_term reason;
    uint64_t serial;
    etf_ref ref;
    etf_pid pid;

    if (etf_match(message, "{'DOWN', _, process, __, _}", &ref, &reason)) {
        run = by_monitor(s, ref);
        if (run != NULL)
            applier_ended(self, s, run, reason);
    } else if (etf_match(message, "{'EXIT', _, _}", &pid, &reason)) {
        run = by_supervisor(s, pid);
        if (run != NULL)
            supervisor_ended(self, s, run, reason);
    } else if (etf_match(message, "{'$service_grace', _}", &serial)) {
        run = by_serial(s, serial);
        if (run == NULL)
            return true; /* it has just ended */
        grace_is_over(self, run);
    }
    if (run == NULL)
        return false;
    forget_ended(s);
    gen__runs_go_on(self, s);
    return true;
}

/* ---- The supervisor of a run -------------------------------------------- */

static const struct gen_supervisor default_run = { .name = "run" };

etf_term gen__runs_supervisor(struct gen *self, struct service *s,
                              uint64_t serial)
{
    const struct gen_supervisor *table = s->object->spec->run;
    struct gen_apply *run = by_serial(s, serial);
    enum agner_err err = AGNER_OK;

    if (run == NULL || run->cancelled || run->lost)
        return etf_make(self, "{error, _}", (int64_t)AGNER_ECANCELLED);
    if (etf_pid_is_none(run->supervisor))
        err = gen_supervisor_start_link(
            self, table != NULL ? table : &default_run, etf_nil(), NULL,
            &run->supervisor, NULL);
    if (err != AGNER_OK) {
        run->supervisor = (etf_pid){ 0 };
        return etf_make(self, "{error, _}", (int64_t)err);
    }
    return etf_make(self, "{ok, _}", run->supervisor);
}

/* ---- The end of all ----------------------------------------------------- */

static bool is_of_a_run(void *ctx, etf_term message)
{
    struct service *s = ctx;
    etf_ref ref;
    etf_pid pid;

    if (etf_match(message, "{'DOWN', _, process, __, __}", &ref))
        return by_monitor(s, ref) != NULL;
    if (etf_match(message, "{'EXIT', _, __}", &pid))
        return by_supervisor(s, pid) != NULL;
    return etf_match(message, "{'$service_grace', __}");
}

void gen__runs_drain(struct gen *self, struct service *s)
{
    etf_term message;

    while (s->runs != NULL) {
        enum agner_err err =
            rt_receive_match(self, is_of_a_run, s, AGAIN_MS, &message);

        if (err == AGNER_OK)
            (void)gen__runs_message(self, s, message); /* it is one */
        else if (err != AGNER_ETIMEOUT && err != AGNER_ENOMEM)
            return;
        for (struct gen_apply *run = s->runs; run != NULL; run = run->next)
            if (etf_pid_is_none(run->pid))
                end_children(self, run);
    }
}

/* Also after a kill: what still runs is linked, and ends by itself. */
void gen__runs_free(struct service *s)
{
    struct gen_apply *run;

    while ((run = s->runs) != NULL) {
        s->runs = run->next;
        (void)gen_cancel_set(run->token, ETF_NONE); /* may be set already */
        gen__apply_free(run);
    }
}

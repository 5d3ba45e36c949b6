/*
 * service_state.c -- the state table of a service: service_state.h.
 */
#include "service/service_state.h"

#define NS_PER_MS 1000000u

struct gen_service_state gen__service_first(uint64_t now_ns)
{
    return (struct gen_service_state){ .last_inactive_ns = now_ns,
                                       .version = 1 };
}

/* ---- Parts of a step ---------------------------------------------------- */

static void begin_load(struct service_step *step, uint64_t now_ns)
{
    struct gen_service_state *s = &step->state;

    s->loading = true;
    s->generation++;
    s->failed_attempts = 0;
    s->last_loading_start_ns = now_ns;
    s->last_loading_end_ns = 0;
    s->next_attempt_ns = 0;
    step->actions |= SERVICE_LOAD;
}

static void end_load(struct gen_service_state *s, uint64_t now_ns)
{
    if (s->loading)
        s->last_loading_end_ns = now_ns;
    s->loading = false;
    s->next_attempt_ns = 0;
}

static void fill_err(struct gen_service_state *s,
                     const struct service_event *event)
{
    s->err = event->err;
    s->why = event->why;
    s->last_err_ns = event->now_ns;
}

static void turn_off(struct gen_service_state *s, uint64_t now_ns)
{
    end_load(s, now_ns);
    if (s->active)
        s->last_inactive_ns = now_ns;
    s->active = false;
}

static uint64_t later(uint64_t now_ns, uint64_t delay_ms)
{
    uint64_t at_ns;

    if (__builtin_mul_overflow(delay_ms, (uint64_t)NS_PER_MS, &at_ns) ||
        __builtin_add_overflow(at_ns, now_ns, &at_ns))
        return UINT64_MAX;
    return at_ns;
}

/* One failure more: another try after a while, or the end of the job. */
static void retry_or_end(struct service_step *step,
                         const struct service_event *event)
{
    struct gen_service_state *s = &step->state;
    const struct gen_retry_options *retry = event->retry;

    s->failed_attempts++;
    fill_err(s, event);
    if (retry == NULL || event->abort ||
        (retry->max_attempts != 0 &&
         s->failed_attempts >= retry->max_attempts)) {
        turn_off(s, event->now_ns);
        step->actions |= SERVICE_CANCEL | SERVICE_FINAL;
        return;
    }
    step->delay_ms = gen_retry_jittered(retry, s->failed_attempts, event->draw);
    s->next_attempt_ns = later(event->now_ns, step->delay_ms);
    step->actions |= SERVICE_CANCEL | SERVICE_WAIT;
}

/* ---- Events ------------------------------------------------------------- */

static enum agner_err start(struct service_step *step,
                            const struct service_event *event)
{
    struct gen_service_state *s = &step->state;

    if (s->active)
        return AGNER_ESTARTED;
    s->active = true;
    s->last_active_ns = event->now_ns;
    s->err = AGNER_OK;
    s->why = ETF_NONE;
    if (s->configured)
        begin_load(step, event->now_ns);
    return AGNER_OK;
}

static enum agner_err configure(struct service_step *step,
                                const struct service_event *event)
{
    struct gen_service_state *s = &step->state;

    if (s->loading && !event->replace)
        return AGNER_ELOADING;
    s->configured = true;
    s->config = event->config;
    s->last_config_ns = event->now_ns;
    s->failed_attempts = 0;
    if (!s->active)
        return AGNER_OK;
    step->actions |= SERVICE_CANCEL;
    begin_load(step, event->now_ns);
    return AGNER_OK;
}

static enum agner_err stop(struct service_step *step,
                           const struct service_event *event)
{
    struct gen_service_state *s = &step->state;

    if (!s->active)
        return AGNER_ESTOPPED;
    turn_off(s, event->now_ns);
    s->failed_attempts = 0;
    s->generation++;
    step->actions |= SERVICE_CANCEL | SERVICE_HOOK;
    return AGNER_OK;
}

static enum agner_err loaded(struct service_step *step,
                             const struct service_event *event)
{
    if (!step->state.loading || event->generation != step->state.generation)
        return AGNER_EUNKNOWN;
    end_load(&step->state, event->now_ns);
    return AGNER_OK;
}

static enum agner_err failed(struct service_step *step,
                             const struct service_event *event)
{
    if (!step->state.loading || event->generation != step->state.generation)
        return AGNER_EUNKNOWN;
    retry_or_end(step, event);
    return AGNER_OK;
}

/* A load of its own, whose first try has failed already. */
static enum agner_err lost(struct service_step *step,
                           const struct service_event *event)
{
    struct gen_service_state *s = &step->state;

    if (!s->active || s->loading || event->generation != s->generation)
        return AGNER_EUNKNOWN;
    begin_load(step, event->now_ns);
    step->actions = 0;
    retry_or_end(step, event);
    return AGNER_OK;
}

static enum agner_err down(struct service_step *step,
                           const struct service_event *event)
{
    turn_off(&step->state, event->now_ns);
    step->state.generation++;
    fill_err(&step->state, event);
    return AGNER_OK;
}

static enum agner_err resume(struct service_step *step,
                             const struct service_event *event)
{
    struct gen_service_state *s = &step->state;

    if (!s->active)
        return AGNER_EUNKNOWN;
    end_load(s, event->now_ns);
    if (!s->configured)
        return AGNER_EUNKNOWN;
    begin_load(step, event->now_ns);
    return AGNER_OK;
}

struct service_step gen__service_step(const struct gen_service_state *before,
                                      const struct service_event *event)
{
    static enum agner_err (*const events[])(struct service_step *,
                                            const struct service_event *) = {
        [SERVICE_START] = start,   [SERVICE_CONFIGURE] = configure,
        [SERVICE_STOP] = stop,     [SERVICE_LOADED] = loaded,
        [SERVICE_FAILED] = failed, [SERVICE_LOST] = lost,
        [SERVICE_DOWN] = down,     [SERVICE_RESUME] = resume,
    };
    struct service_step step = { .state = *before };

    step.err = events[event->kind](&step, event);
    if (step.err != AGNER_OK)
        return (struct service_step){ .err = step.err, .state = *before };
    step.state.version++;
    return step;
}

/*
 * service_apply.c -- the applier: one try of a load, in a process of its own.
 *
 * Its exit reason is the result: `normal`, {failed, Code, Why},
 * {abort, Code, Why}, {abort, Why}; anything else is a crash. So nothing is
 * shared with the service's process but what is read only, and whoever watches
 * the applier sees what the service sees.
 *
 * Source: spec/service.md 3.2.
 */
#include "service/service.h"

#include <stdlib.h>

/* ---- The try, counted --------------------------------------------------- */

struct gen_apply *gen__apply_new(struct gen *self, struct service *s)
{
    const struct service_block *now = s->object->now;
    struct gen_apply *apply = calloc(1, sizeof *apply);

    if (apply == NULL)
        return NULL;
    apply->token = gen_cancel_new(s->object->rt, NULL);
    if (apply->token == NULL) {
        free(apply);
        return NULL;
    }
    store_relaxed(&apply->refs, 1u);
    apply->service = gen_service_hold(s->object);
    apply->config = gen__config_hold(now->config);
    apply->host = rt_self(self);
    apply->generation = now->state.generation;
    apply->attempt = now->state.failed_attempts + 1;
    apply->serial = ++s->serial;
    return apply;
}

struct gen_apply *gen__apply_hold(struct gen_apply *apply)
{
    add_relaxed(&apply->refs, 1u);
    return apply;
}

/* Order: as gen__config_free(). */
void gen__apply_free(struct gen_apply *apply)
{
    if (apply == NULL || sub_acq_rel(&apply->refs, 1u) != 1)
        return;
    gen_cancel_free(apply->token);
    gen__config_free(apply->config);
    gen_service_free(apply->service);
    free(apply);
}

void gen__apply_destroy(void *apply)
{
    gen__apply_free(apply);
}

/* ---- The process -------------------------------------------------------- */

struct run {
    struct gen_apply *apply;
    enum agner_err err;
};

static void call_apply(struct gen *self, void *arg)
{
    struct run *run = arg;

    run->err = run->apply->service->spec->apply(self, run->apply);
}

static etf_term result(struct gen *self, const struct run *run)
{
    const struct gen_apply *apply = run->apply;
    etf_term why = ETF_A(undefined);

    if (run->err == AGNER_OK && !apply->aborted)
        return ETF_A(normal);
    if (apply->aborted || run->err == apply->err)
        why = apply->why;
    if (etf_is_none(why))
        why = ETF_A(undefined);
    if (apply->aborted)
        return etf_make(self, "{abort, _, _}", (int64_t)apply->err, why);
    return etf_make(self, "{failed, _, _}", (int64_t)run->err, why);
}

static bool is_result(etf_term reason)
{
    return etf_same(reason, ETF_A(normal)) ||
           etf_match(reason, "{abort, __}") ||
           etf_match(reason, "{abort, __, __}") ||
           etf_match(reason, "{failed, __, __}");
}

static enum rt_next applier_init(struct gen *self, etf_term args)
{
    struct run run;
    void *apply;
    etf_term reason = ETF_A(normal);

    if (!etf_get_resource(args, &apply))
        return rt_stop(self, ETF_A(badarg));
    run.apply = apply;
    if (rt_try(self, call_apply, &run, &reason) != AGNER_EEXIT)
        reason = result(self, &run);
    else if (!is_result(reason))
        gen__crash_report(self, reason);
    if (etf_is_none(reason))
        reason = ETF_A(memory_limit);
    return rt_stop(self, reason);
}

/* Never called: init is the whole of its life. */
static enum rt_next applier_message(struct gen *self,
                                    const struct rt_message *m)
{
    (void)m;
    return rt_stop(self, ETF_A(normal));
}

const struct rt_behavior gen__applier = { .name = "gen_apply",
                                          .init = applier_init,
                                          .message = applier_message };

/* ---- What its end means ------------------------------------------------- */

struct service_event gen__apply_outcome(const struct gen_apply *apply,
                                        etf_term reason)
{
    struct service_event event = { .kind = SERVICE_FAILED,
                                   .generation = apply->generation };
    int32_t code = AGNER_EEXIT;

    if (etf_same(reason, ETF_A(normal))) {
        event.kind = SERVICE_LOADED;
        return event;
    }
    event.abort = etf_match(reason, "{abort, _, _}", &code, &event.why) ||
                  etf_match(reason, "{abort, _}", &event.why);
    if (!event.abort &&
        !etf_match(reason, "{failed, _, _}", &code, &event.why)) {
        event.err = AGNER_ECRASHED;
        event.why = reason;
        return event;
    }
    event.err = code < 0 ? (enum agner_err)code : AGNER_EEXIT;
    if (etf_same(event.why, ETF_A(undefined)))
        event.why = ETF_NONE;
    return event;
}

/* ---- Inside apply ------------------------------------------------------- */

void *gen_apply_arg(const struct gen_apply *apply)
{
    return apply->service->options.arg;
}

etf_bytes gen_apply_config(const struct gen_apply *apply)
{
    return gen__config_bytes(apply->config);
}

void *gen_apply_parsed(const struct gen_apply *apply)
{
    return apply->config->parsed;
}

uint64_t gen_apply_attempt(const struct gen_apply *apply)
{
    return apply->attempt;
}

uint64_t gen_apply_generation(const struct gen_apply *apply)
{
    return apply->generation;
}

struct gen_cancel *gen_apply_token(struct gen_apply *apply)
{
    return apply->token;
}

bool gen_apply_cancelled(const struct gen_apply *apply)
{
    return gen_cancel_is_set(apply->token);
}

enum agner_err gen_apply_fail(struct gen *self, struct gen_apply *apply,
                              enum agner_err err, etf_term why)
{
    (void)self;
    if (!apply->aborted) { /* an abort inside holds */
        apply->err = err;
        apply->why = why;
    }
    return err;
}

enum agner_err gen_apply_abort(struct gen *self, struct gen_apply *apply,
                               enum agner_err err, etf_term why)
{
    (void)gen_apply_fail(self, apply, err, why);
    apply->aborted = true;
    return err;
}

/* Asks the service once; later children go straight to the supervisor. */
static enum agner_err find_run(struct gen *self, struct gen_apply *apply)
{
    etf_term reply;
    enum agner_err err;
    int32_t code;

    if (!etf_is_none(apply->run))
        return AGNER_OK;
    err = gen_call(
        self, etf_from_pid(NULL, apply->host),
        etf_make(self, "{_, _}", (int64_t)SERVICE_DO_RUN, apply->serial),
        GEN_INFINITY, &reply);
    if (err != AGNER_OK)
        return err;
    if (etf_match(reply, "{ok, _}", &apply->run)) /* a local pid: a word */
        return AGNER_OK;
    return etf_match(reply, "{error, _}", &code) ? (enum agner_err)code
                                                 : AGNER_ENOMEM;
}

enum agner_err gen_apply_spawn(struct gen *self, struct gen_apply *apply,
                               const struct gen_child_spec *child, etf_pid *pid,
                               etf_term *info)
{
    enum agner_err err;

    if (gen_apply_cancelled(apply))
        return AGNER_ECANCELLED;
    err = find_run(self, apply);
    if (err != AGNER_OK)
        return err;
    err = gen_start_child(self, apply->run, child, pid, info);
    if (err == AGNER_ENOPROC && gen_apply_cancelled(apply))
        err = AGNER_ECANCELLED;
    return err;
}

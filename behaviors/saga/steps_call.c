/*
 * steps_call.c -- durable sagas from outside: requests, answers, errors.
 *
 * Requests are {'$saga', What, ...}; answers ok, {ok, ...} or {error, Why}, Why
 * being an atom of the table below, or {store, Number}.
 */
#include <stdio.h>

#include "saga/steps_internal.h"

/* ---- Outcomes ------------------------------------------------------------ */

static const char *const state_names[] = {
    [GEN_STEPS_RUNNING] = "running",
    [GEN_STEPS_COMMITTED] = "committed",
    [GEN_STEPS_COMPENSATED] = "compensated",
    [GEN_STEPS_FAILED] = "failed",
    [GEN_STEPS_STUCK] = "stuck",
};

static enum gen_steps_state state_of(enum steps_phase phase)
{
    switch (phase) {
    case STEPS_COMMITTED:
        return GEN_STEPS_COMMITTED;
    case STEPS_COMPENSATED:
        return GEN_STEPS_COMPENSATED;
    case STEPS_FAILED:
        return GEN_STEPS_FAILED;
    case STEPS_STUCK:
        return GEN_STEPS_STUCK;
    case STEPS_FORWARD:
    case STEPS_BACKWARD:
    case STEPS_PHASES:
        break;
    }
    return GEN_STEPS_RUNNING;
}

etf_term gen__steps_outcome_term(struct etf_region *r, const struct journal *j)
{
    etf_term result = etf_atom("none"), reason = etf_nil(), left = etf_nil();
    size_t count = j->record.count;

    etf_term why = j->record.phase == STEPS_STUCK ? j->trouble : j->reason;

    if (j->record.phase == STEPS_COMMITTED)
        result = etf_make(r, "[_]", j->results[count - 1]);
    else if (!etf_is_none(why))
        reason = etf_make(r, "[_]", why);
    for (size_t i = count; i-- > 0;) {
        if (j->record.steps[i].state == STEP_NOT_COMPENSATED)
            left = etf_cons(r, j->names[i], left);
    }
    return etf_make(r, "{_, _, _, _}",
                    etf_atom(state_names[state_of(j->record.phase)]), result,
                    reason, left);
}

bool gen__steps_outcome_read(etf_term term, struct gen_steps_outcome *outcome)
{
    etf_term state, result, reason, left;

    if (!etf_match(term, "{_, _, _, _}", &state, &result, &reason, &left))
        return false;
    for (unsigned i = 0; i < sizeof state_names / sizeof *state_names; i++) {
        if (!etf_atom_is(state, state_names[i]))
            continue;
        *outcome = (struct gen_steps_outcome){ .state = (enum gen_steps_state)i,
                                               .not_compensated = left };
        (void)etf_match(result, "[_]", &outcome->result);
        (void)etf_match(reason, "[_]", &outcome->reason);
        return true;
    }
    return false;
}

/* ---- Errors -------------------------------------------------------------- */

static const struct {
    const char *name;
    enum agner_err err;
} errors[] = {
    { "unknown", AGNER_ETXUNKNOWN },   { "not_allowed", AGNER_ENOTALLOWED },
    { "full", AGNER_EFULL },           { "too_large", AGNER_ELIMIT },
    { "bad_term", AGNER_EBADTERM },    { "no_memory", AGNER_ENOMEM },
    { "badarg", AGNER_EINVAL },        { "store_failed", AGNER_EIO },
    { "store_closed", AGNER_ECLOSED },
};

etf_term gen__steps_error_term(struct etf_region *r, enum agner_err err)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].err == err)
            return etf_make(r, "{error, _}", etf_atom(errors[i].name));
    }
    return etf_make(r, "{error, {store, _}}", (int64_t)err);
}

static enum agner_err error_of(etf_term answer)
{
    etf_term why;
    int64_t number;

    if (!etf_match(answer, "{error, _}", &why))
        return AGNER_EPROTO;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (etf_atom_is(why, errors[i].name))
            return errors[i].err;
    }
    if (etf_match(why, "{store, _}", &number) && number < 0 &&
        number > INT16_MIN)
        return (enum agner_err)number;
    return AGNER_EPROTO;
}

static enum agner_err call(struct gen *self, etf_term to, etf_term request,
                           uint64_t timeout_ms, etf_term *answer)
{
    enum agner_err err;

    if (etf_is_none(request))
        return AGNER_ENOMEM;
    err = gen_call(self, to, request, timeout_ms, answer);
    if (err == AGNER_OK && !etf_same(*answer, ETF_A(ok)) &&
        !etf_match(*answer, "{ok, __}") && !etf_match(*answer, "{ok, __, __}"))
        err = error_of(*answer);
    return err;
}

/* ---- Calls --------------------------------------------------------------- */

enum agner_err gen_steps_begin(struct gen *self, etf_term to, etf_term id,
                               etf_term input, uint64_t lifespan_ms,
                               uint64_t timeout_ms, etf_term *given,
                               struct gen_steps_outcome *outcome)
{
    struct gen_steps_outcome ignored;
    etf_term answer, of, what;
    enum agner_err err;

    if (etf_is_none(id))
        id = ETF_A(undefined);
    err = call(
        self, to,
        etf_make(self, "{'$saga', 'begin', _, _, _}", id, input, lifespan_ms),
        timeout_ms, &answer);
    if (err != AGNER_OK)
        return err;
    if (!etf_match(answer, "{ok, _, _}", &of, &what) ||
        !gen__steps_outcome_read(what, outcome == NULL ? &ignored : outcome))
        return AGNER_EPROTO;
    if (given != NULL)
        *given = of;
    return AGNER_OK;
}

enum agner_err gen_steps_await(struct gen *self, etf_term to, etf_term id,
                               uint64_t timeout_ms,
                               struct gen_steps_outcome *outcome)
{
    etf_term answer, what;
    enum agner_err err =
        call(self, to, etf_make(self, "{'$saga', await, _}", id), timeout_ms,
             &answer);

    if (err != AGNER_OK)
        return err;
    return etf_match(answer, "{ok, _}", &what) &&
                   gen__steps_outcome_read(what, outcome)
               ? AGNER_OK
               : AGNER_EPROTO;
}

static enum agner_err ask(struct gen *self, etf_term to, etf_term request,
                          uint64_t timeout_ms, etf_term *out)
{
    etf_term answer;
    enum agner_err err = call(self, to, request, timeout_ms, &answer);

    if (err == AGNER_OK && !etf_match(answer, "{ok, _}", out))
        err = AGNER_EPROTO;
    return err;
}

enum agner_err gen_steps_info(struct gen *self, etf_term to, etf_term id,
                              uint64_t timeout_ms, etf_term *info)
{
    return ask(self, to, etf_make(self, "{'$saga', info, _}", id), timeout_ms,
               info);
}

enum agner_err gen_steps_list(struct gen *self, etf_term to,
                              uint64_t timeout_ms, etf_term *ids)
{
    return ask(self, to, etf_make(self, "{'$saga', list}"), timeout_ms, ids);
}

enum agner_err gen_steps_retry(struct gen *self, etf_term to, etf_term id,
                               uint64_t timeout_ms)
{
    etf_term answer;

    return call(self, to, etf_make(self, "{'$saga', retry, _}", id), timeout_ms,
                &answer);
}

enum agner_err gen_steps_abort(struct gen *self, etf_term to, etf_term id,
                               etf_term reason, uint64_t timeout_ms)
{
    etf_term answer;

    return call(self, to, etf_make(self, "{'$saga', abort, _, _}", id, reason),
                timeout_ms, &answer);
}

/*
 * stage_call.c -- what any process may ask of a stage, in GenStage's words.
 */
#include "stage/stage_internal.h"

static etf_term request(struct gen *self, etf_term current, etf_term producer,
                        const struct gen_stage_subscribe *o)
{
    static const struct gen_stage_subscribe defaults;
    etf_term list = gen__wish_list(self, o != NULL ? o : &defaults, true);

    return etf_make(self, "{'$subscribe', _, _, _}", current, producer, list);
}

static enum agner_err check(const struct gen_stage_subscribe *o)
{
    if (o == NULL)
        return AGNER_OK;
    if ((unsigned)o->cancel > GEN_STAGE_TEMPORARY)
        return AGNER_EINVAL;
    return etf_is_none(o->extra) || etf_list_size(o->extra) >= 0 ? AGNER_OK
                                                                 : AGNER_EINVAL;
}

static enum agner_err subscribe(struct gen *self, etf_term stage,
                                etf_term current, etf_term producer,
                                const struct gen_stage_subscribe *o,
                                uint64_t timeout_ms, etf_ref *ref)
{
    etf_term reply = ETF_NONE;
    etf_ref made;
    enum agner_err err = check(o);

    if (err == AGNER_OK)
        err = gen_call(self, stage, request(self, current, producer, o),
                       timeout_ms, &reply);
    if (err != AGNER_OK)
        return err;
    if (etf_match(reply, "{error, not_a_consumer}"))
        return AGNER_ENOTSUP;
    if (!etf_match(reply, "{ok, _}", &made))
        return AGNER_EINVAL;
    if (ref != NULL)
        *ref = made;
    return AGNER_OK;
}

enum agner_err gen_stage_sync_subscribe(struct gen *self, etf_term stage,
                                        etf_term producer,
                                        const struct gen_stage_subscribe *o,
                                        uint64_t timeout_ms, etf_ref *ref)
{
    return subscribe(self, stage, ETF_A(nil), producer, o, timeout_ms, ref);
}

enum agner_err gen_stage_async_subscribe(struct gen *self, etf_term stage,
                                         etf_term producer,
                                         const struct gen_stage_subscribe *o)
{
    enum agner_err err = check(o);

    return err == AGNER_OK
               ? gen_cast(self, stage, request(self, ETF_A(nil), producer, o))
               : err;
}

enum agner_err gen_stage_sync_resubscribe(struct gen *self, etf_term stage,
                                          etf_ref old, etf_term reason,
                                          etf_term producer,
                                          const struct gen_stage_subscribe *o,
                                          uint64_t timeout_ms, etf_ref *ref)
{
    return subscribe(self, stage, etf_make(self, "{_, _}", old, reason),
                     producer, o, timeout_ms, ref);
}

enum agner_err gen_stage_sync_info(struct gen *self, etf_term stage,
                                   etf_term message, uint64_t timeout_ms)
{
    etf_term reply;

    return gen_call(self, stage, etf_make(self, "{'$info', _}", message),
                    timeout_ms, &reply);
}

enum agner_err gen_stage_async_info(struct gen *self, etf_term stage,
                                    etf_term message)
{
    return gen_cast(self, stage, etf_make(self, "{'$info', _}", message));
}

enum agner_err gen_stage_demand_get(struct gen *self, etf_term stage,
                                    uint64_t timeout_ms,
                                    enum gen_stage_demand *mode)
{
    etf_term reply;
    enum agner_err err =
        gen_call(self, stage, etf_atom("$demand"), timeout_ms, &reply);

    if (err != AGNER_OK)
        return err;
    if (etf_atom_is(reply, "accumulate"))
        *mode = GEN_STAGE_ACCUMULATE;
    else if (etf_atom_is(reply, "forward"))
        *mode = GEN_STAGE_FORWARD;
    else
        return AGNER_EBADTYPE;
    return AGNER_OK;
}

enum agner_err gen_stage_demand_set(struct gen *self, etf_term stage,
                                    enum gen_stage_demand mode)
{
    return gen_cast(
        self, stage,
        etf_make(
            self, "{'$demand', _}",
            etf_atom(mode == GEN_STAGE_ACCUMULATE ? "accumulate" : "forward")));
}

enum agner_err gen_stage_estimate_buffered(struct gen *self, etf_term stage,
                                           uint64_t timeout_ms, uint64_t *count)
{
    etf_term reply;
    enum agner_err err = gen_call(
        self, stage, etf_atom("$estimate_buffered_count"), timeout_ms, &reply);

    if (err != AGNER_OK)
        return err;
    return etf_get_uint(reply, count) ? AGNER_OK : AGNER_EBADTYPE;
}

/*
 * puppet_stage.c -- what a puppet does with stages: puppet.h.
 *
 *   op            arguments                          answer
 *   ------------  ---------------------------------  ------------------
 *   stage         {Role, Mode, Options, Recorder}:   {ok, Pid}
 *                 a stage of stage_puppet.h
 *   source_queue  Max                                {ok, Pid}
 *   source_push   {Pid, Events, Ms}                  ok
 *   source_close  Pid                                ok
 *   source_rate   {Producer, Count, Ms, Burst}       {ok, Pid}
 *   reconnect     {Stage, Producer}: a subscription  {ok, Ref}
 *                 that survives a lost connection
 */
#include "../stage/stage_puppet.h"
#include "puppet.h"

static etf_term op_stage(struct gen *self, etf_term args)
{
    etf_pid pid;
    etf_term reason = ETF_NONE;
    enum agner_err err =
        gen_stage_start(self, &puppet_stage, args, NULL, &pid, &reason);

    if (err == AGNER_OK)
        reason = etf_from_pid(rt_region(self), pid);
    return puppet_value(self, err, reason);
}

static etf_term op_source_queue(struct gen *self, etf_term args)
{
    struct gen_source_queue_options options = { .max = 0 };
    etf_pid pid;
    etf_term reason = ETF_NONE;
    enum agner_err err;

    if (!etf_get_uint(args, &options.max))
        return puppet_badarg();
    err = gen_source_queue_start(self, &options, NULL, &pid, &reason);
    if (err == AGNER_OK)
        reason = etf_from_pid(rt_region(self), pid);
    return puppet_value(self, err, reason);
}

static etf_term op_source_push(struct gen *self, etf_term args)
{
    etf_term queue, events;
    uint64_t timeout_ms;

    if (!etf_match(args, "{_, _, _}", &queue, &events, &timeout_ms))
        return puppet_badarg();
    return puppet_result(self,
                         gen_source_push_list(self, queue, events, timeout_ms));
}

static etf_term op_source_close(struct gen *self, etf_term args)
{
    return puppet_result(self, gen_source_close(self, args, 5000));
}

static etf_term op_source_rate(struct gen *self, etf_term args)
{
    struct gen_stage_source source = { .options = { .max_demand = 20 } };
    struct gen_source_rate_options options = { .subscribe_to = &source,
                                               .subscribe_count = 1 };
    etf_pid pid;
    etf_term reason = ETF_NONE;
    enum agner_err err;

    if (!etf_match(args, "{_, _, _, _}", &source.to, &options.count,
                   &options.interval_ms, &options.burst))
        return puppet_badarg();
    err = gen_source_rate_start(self, &options, NULL, &pid, &reason);
    if (err == AGNER_OK)
        reason = etf_from_pid(rt_region(self), pid);
    return puppet_value(self, err, reason);
}

static etf_term op_reconnect(struct gen *self, etf_term args)
{
    struct gen_stage_subscribe options = { .reconnect = true, .retry_ms = 10 };
    etf_term stage, producer;
    etf_ref ref;
    enum agner_err err;

    if (!etf_match(args, "{_, _}", &stage, &producer))
        return puppet_badarg();
    err = gen_stage_sync_subscribe(self, stage, producer, &options, 5000, &ref);
    if (err != AGNER_OK)
        return puppet_result(self, err);
    return etf_make(self, "{ok, _}", ref);
}

const struct puppet_op puppet_stages[] = {
    { "stage", op_stage },
    { "source_queue", op_source_queue },
    { "source_push", op_source_push },
    { "source_close", op_source_close },
    { "source_rate", op_source_rate },
    { "reconnect", op_reconnect },
    { NULL, NULL },
};

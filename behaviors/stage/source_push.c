/*
 * source_push.c -- putting events into a queue, from any process:
 * gen_source.h.
 */
#include <agner/gen_source.h>

/* What the queue's answers mean. */
static enum agner_err meaning(etf_term reply)
{
    static const struct {
        const char *answer;
        enum agner_err err;
    } rows[] = {
        { "ok", AGNER_OK },           { "full", AGNER_EFULL },
        { "closed", AGNER_ECLOSED },  { "timeout", AGNER_ETIMEOUT },
        { "too_many", AGNER_ELIMIT }, { "memory_limit", AGNER_ENOMEM },
        { "badarg", AGNER_EINVAL },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (etf_atom_is(reply, rows[i].answer))
            return rows[i].err;
    return AGNER_ENOTSUP;
}

static enum agner_err ask(struct gen *self, etf_term queue, etf_term request,
                          uint64_t timeout_ms)
{
    etf_term reply;
    enum agner_err err;

    if (etf_is_none(request))
        return AGNER_ENOMEM;
    err = gen_call(self, queue, request, timeout_ms, &reply);
    return err == AGNER_OK ? meaning(reply) : err;
}

enum agner_err gen_source_push_list(struct gen *self, etf_term queue,
                                    etf_term events, uint64_t timeout_ms)
{
    etf_term time = timeout_ms == RT_INFINITY
                        ? ETF_A(infinity)
                        : etf_uint(rt_region(self), timeout_ms);

    if (etf_list_size(events) < 0)
        return AGNER_EINVAL;
    return ask(self, queue, etf_make(self, "{push, _, _}", events, time),
               RT_INFINITY); /* the queue keeps the time */
}

enum agner_err gen_source_push(struct gen *self, etf_term queue, etf_term event,
                               uint64_t timeout_ms)
{
    return gen_source_push_list(self, queue, etf_make(self, "[_]", event),
                                timeout_ms);
}

enum agner_err gen_source_try_push(struct gen *self, etf_term queue,
                                   etf_term event, uint64_t timeout_ms)
{
    return ask(self, queue, etf_make(self, "{push, [_], no}", event),
               timeout_ms);
}

enum agner_err gen_source_close(struct gen *self, etf_term queue,
                                uint64_t timeout_ms)
{
    return ask(self, queue, etf_atom("close"), timeout_ms);
}

enum agner_err gen_source_info(struct gen *self, etf_term queue,
                               uint64_t timeout_ms,
                               struct gen_source_queue_info *info)
{
    struct gen_source_queue_info read;
    etf_term reply;
    enum agner_err err =
        gen_call(self, queue, etf_atom("info"), timeout_ms, &reply);

    if (err != AGNER_OK)
        return err;
    if (!etf_match(reply, "{_, _, _, _}", &read.held, &read.demand,
                   &read.pushers, &read.max))
        return AGNER_ENOTSUP;
    *info = read;
    return AGNER_OK;
}

/*
 * NAME_stage.c -- numbers that flow from a source to a sink, as fast as the
 * sink asks for them.
 *
 * The source gets casts {put, N}, and keeps what nobody has asked for yet. The
 * sink adds up what comes, at most ten at a time, and answers `sum`.
 */
#include "NAME_parts.h"

/* ---- The source --------------------------------------------------------- */

static enum gen_next source_cast(struct gen *self, etf_term request)
{
    int64_t n;

    if (etf_match(request, "{put, _}", &n))
        (void)gen_stage_emit(self, etf_make(self, "[_]", n), NULL);
    return GEN_NEXT;
}

const struct gen_stage NAME_source = {
    .name = "NAME_source",
    .role = GEN_STAGE_PRODUCER,
    .handle_cast = source_cast,
};

/* ---- The sink ----------------------------------------------------------- */

struct sink {
    int64_t sum;
};

static enum gen_next sink_init(struct gen *self, etf_term args)
{
    struct gen_stage_subscribe ten = { .max_demand = 10 };

    (void)args;
    if (gen_stage_subscribe(self, etf_atom("NAME_source"), &ten, NULL) !=
        AGNER_OK)
        return gen_stop(self, etf_make(self, "no_source"));
    return GEN_NEXT;
}

static enum gen_next sink_events(struct gen *self,
                                 const struct gen_subscription *from,
                                 etf_term events)
{
    struct sink *sink = gen_state(self);
    etf_term event;
    int64_t n;

    (void)from;
    while (etf_list_next(&events, &event)) {
        if (etf_get_int(event, &n))
            sink->sum += n;
    }
    return GEN_NEXT;
}

static enum gen_next sink_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    struct sink *sink = gen_state(self);

    if (etf_match(request, "sum"))
        return gen_reply(self, from, etf_make(self, "_", sink->sum));
    return gen_reply(self, from, etf_make(self, "{error, badarg}"));
}

const struct gen_stage NAME_sink = {
    .name = "NAME_sink",
    .state_size = sizeof(struct sink),
    .role = GEN_STAGE_CONSUMER,
    .init = sink_init,
    .handle_events = sink_events,
    .handle_call = sink_call,
};

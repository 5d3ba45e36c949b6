/*
 * stage_sys.c -- what sys sees of a stage.
 */
#include "stage/stage_internal.h"

static etf_term state_of(struct gen *self)
{
    const struct stage *s = rt_state(self);

    return gen__format(self, s->table->format_status, s->table->state_size);
}

static enum agner_err replace(struct gen *self, etf_term state)
{
    const struct stage *s = rt_state(self);

    if (s->table->replace_state == NULL)
        return AGNER_ENOTSUP;
    return s->table->replace_state(self, state);
}

static enum agner_err change_code(struct gen *self, etf_term old_version,
                                  etf_term extra)
{
    const struct stage *s = rt_state(self);

    if (s->table->code_change == NULL)
        return AGNER_ENOTSUP;
    return s->table->code_change(self, old_version, extra);
}

static etf_term others(struct gen *self, const struct stage *s,
                       enum stage_side side)
{
    const struct stage_sub *sub = s->subs.last[side];
    etf_term list = etf_nil();

    for (; sub != NULL; sub = sub->prev)
        list = etf_make(self, "[_ | _]", sub->to, list);
    return list;
}

/* As GenStage has it: what a stage is, and whom it knows. */
static etf_term get_details(struct gen *self)
{
    const struct stage *s = rt_state(self);
    etf_term list = etf_nil();

    if (gen__is_producer(s) && s->dispatcher != NULL)
        list = etf_make(self,
                        "[{\"Dispatcher\", _}, {\"Consumers\", _}, "
                        "{\"Buffer size\", _}]",
                        etf_atom(s->dispatcher->name),
                        others(self, s, STAGE_TO_CONSUMER), s->buffer.count);
    if (gen__is_consumer(s))
        list = etf_make(self, "[{\"Producers\", _} | _]",
                        others(self, s, STAGE_TO_PRODUCER), list);
    return etf_make(self, "[{\"Stage\", _} | _]",
                    etf_atom(gen__stage_role(s->role)), list);
}

const struct gen_sys_view gen__stage_view = {
    .module = "gen_stage",
    .get_state = state_of,
    .replace_state = replace,
    .code_change = change_code,
    .get_details = get_details,
};

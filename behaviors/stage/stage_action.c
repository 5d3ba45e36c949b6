/*
 * stage_action.c -- what a stage's callbacks call.
 */
#include "stage/stage_internal.h"

/* The stage that has this side; NULL with *err. */
static struct stage *producer_of(struct gen *self, enum agner_err *err)
{
    struct stage *s = gen__stage(self);

    *err = s == NULL || s->unfit != AGNER_OK ? AGNER_EINVAL : AGNER_ENOTSUP;
    return s != NULL && s->unfit == AGNER_OK && gen__is_producer(s) ? s : NULL;
}

static struct stage *consumer_of(struct gen *self, enum agner_err *err)
{
    struct stage *s = gen__stage(self);

    *err = s == NULL ? AGNER_EINVAL : AGNER_ENOTSUP;
    return s != NULL && gen__is_consumer(s) ? s : NULL;
}

/* Everything is as it is by default unless init has said so first. */
static enum agner_err ready(struct gen *self, struct stage *s)
{
    if (!s->may_set_up)
        return AGNER_OK;
    return gen_stage_setup(self, &(struct gen_stage_options){ 0 });
}

/* ---- Setting up --------------------------------------------------------- */

static enum agner_err subscribe_all(struct gen *self,
                                    const struct gen_stage_options *o)
{
    enum agner_err err = AGNER_OK;

    for (size_t i = 0; i < o->subscribe_count && err == AGNER_OK; i++)
        err = gen_stage_subscribe(self, o->subscribe_to[i].to,
                                  &o->subscribe_to[i].options, NULL);
    return err;
}

enum agner_err gen_stage_setup(struct gen *self,
                               const struct gen_stage_options *o)
{
    struct stage *s = gen__stage(self);
    enum agner_err err = AGNER_OK;

    if (s == NULL || !s->may_set_up)
        return AGNER_EINVAL;
    if (o->role != 0)
        s->role = o->role;
    s->may_set_up = false;
    if ((unsigned)s->role > GEN_STAGE_AUTO)
        err = AGNER_EINVAL;
    else if (gen__is_producer(s))
        err = gen__produce_setup(self, s, o);
    s->unfit = err;
    return err == AGNER_OK ? subscribe_all(self, o) : err;
}

/* ---- Producer ----------------------------------------------------------- */

enum gen_next gen_stage_refuse(struct gen *self, etf_term reason)
{
    struct stage *s = gen__stage(self);

    if (s == NULL)
        return gen__misplaced(self, "gen_stage_refuse");
    s->refused = true;
    s->refusal = etf_is_none(reason) ? ETF_A(error) : reason;
    return GEN_NEXT;
}

enum agner_err gen_stage_emit(struct gen *self, etf_term events,
                              struct gen_stage_sent *sent)
{
    enum agner_err err;
    struct stage *s = producer_of(self, &err);
    int64_t count = etf_list_size(events);

    if (sent != NULL)
        *sent = (struct gen_stage_sent){ 0 };
    if (s == NULL)
        return err;
    if (etf_is_none(events))
        err = AGNER_ENOMEM; /* they could not be built */
    else if (count < 0)
        return AGNER_EINVAL;
    else
        err = ready(self, s);
    if (err == AGNER_OK && count > 0)
        err = gen__produce_emit(self, s, events, (uint64_t)count, sent);
    if (err == AGNER_ENOMEM)
        (void)gen__stage_fail(self, err);
    return err;
}

enum agner_err gen_stage_forward_demand(struct gen *self,
                                        enum gen_stage_demand mode)
{
    enum agner_err err;
    struct stage *s = producer_of(self, &err);

    if (s == NULL)
        return err;
    err = ready(self, s);
    if (err == AGNER_OK)
        err = gen__produce_mode(self, s, mode);
    if (err == AGNER_ENOMEM)
        (void)gen__stage_fail(self, err);
    return err;
}

/* ---- Consumer ----------------------------------------------------------- */

static enum agner_err subscribe(struct gen *self, struct stage *s,
                                etf_term current, etf_term to,
                                const struct gen_stage_subscribe *o,
                                struct gen_subscription *sub)
{
    static const struct gen_stage_subscribe defaults;
    struct gen_subscription made;
    struct stage_wish wish;
    const char *why;
    etf_term list;
    enum agner_err err = ready(self, s);

    if (err != AGNER_OK)
        return err;
    if (o == NULL)
        o = &defaults;
    if ((unsigned)o->cancel > GEN_STAGE_TEMPORARY ||
        (!etf_is_none(o->extra) && etf_list_size(o->extra) < 0))
        return AGNER_EINVAL;
    list = gen__wish_list(self, o, true);
    if (etf_is_none(list))
        return AGNER_ENOMEM;
    err = gen__wish_read(self, list, &wish, &why);
    if (err == AGNER_OK)
        err = gen__subscribe(self, s, current, to, &wish, &made);
    if (err == AGNER_ENONAME && o->cancel == GEN_STAGE_TEMPORARY)
        err = AGNER_OK;
    else if (err == AGNER_ENONAME)
        (void)gen_stop(self, ETF_A(noproc));
    if (err == AGNER_OK && sub != NULL)
        *sub = made;
    return err;
}

enum agner_err gen_stage_subscribe(struct gen *self, etf_term to,
                                   const struct gen_stage_subscribe *o,
                                   struct gen_subscription *sub)
{
    enum agner_err err;
    struct stage *s = consumer_of(self, &err);

    return s == NULL ? err : subscribe(self, s, ETF_A(nil), to, o, sub);
}

enum agner_err gen_stage_resubscribe(struct gen *self,
                                     const struct gen_subscription *old,
                                     etf_term reason,
                                     const struct gen_stage_subscribe *o,
                                     struct gen_subscription *sub)
{
    enum agner_err err;
    struct stage *s = consumer_of(self, &err);
    const struct stage_sub *is;
    etf_term current;

    if (s == NULL)
        return err;
    is = gen__subs_find_ref(&s->subs, STAGE_TO_PRODUCER, old->ref);
    if (is == NULL)
        return AGNER_ENOREF;
    current = etf_make(self, "{_, _}", is->key, reason);
    if (etf_is_none(current))
        return AGNER_ENOMEM;
    return subscribe(self, s, current, is->to, o, sub);
}

static struct stage_sub *
find(struct gen *self, const struct gen_subscription *sub, enum agner_err *err)
{
    struct stage *s = consumer_of(self, err);
    struct stage_sub *found;

    if (s == NULL)
        return NULL;
    found = gen__subs_find_ref(&s->subs, STAGE_TO_PRODUCER, sub->ref);
    *err = found == NULL ? AGNER_ENOREF : AGNER_OK;
    return found;
}

enum agner_err gen_stage_ask(struct gen *self,
                             const struct gen_subscription *sub, uint64_t count)
{
    enum agner_err err;
    struct stage_sub *found = find(self, sub, &err);

    if (found == NULL)
        return err;
    if (!found->manual)
        return AGNER_EAUTODEMAND;
    if (count > STAGE_ASK_MAX)
        return AGNER_EINVAL;
    err = gen__consume_ask(self, found, count);
    if (err == AGNER_OK)
        found->demand.pending = gen__stage_sum(found->demand.pending, count);
    return err;
}

enum agner_err gen_stage_auto_demand(struct gen *self,
                                     const struct gen_subscription *sub,
                                     bool on)
{
    enum agner_err err;
    struct stage_sub *found = find(self, sub, &err);
    uint64_t count;
    bool was;

    if (found == NULL)
        return err;
    was = !found->manual;
    gen__sub_set(found, found->mode, !on);
    if (!on || was || found->fresh)
        return AGNER_OK;
    count = gen__demand_fill(&found->demand);
    err = gen__consume_ask(self, found, count);
    if (err != AGNER_OK)
        found->demand.pending -= count;
    return err;
}

enum agner_err gen_stage_cancel_mode(struct gen *self,
                                     const struct gen_subscription *sub,
                                     enum gen_stage_cancel mode)
{
    enum agner_err err;
    struct stage_sub *found = find(self, sub, &err);

    if (found == NULL)
        return err;
    if ((unsigned)mode > GEN_STAGE_TEMPORARY)
        return AGNER_EINVAL;
    gen__sub_set(found, mode, found->manual);
    return AGNER_OK;
}

/* ---- Both --------------------------------------------------------------- */

enum agner_err gen_stage_cancel(struct gen *self,
                                const struct gen_subscription *sub,
                                etf_term reason)
{
    struct stage *s = gen__stage(self);
    struct stage_sub *found;

    if (s == NULL)
        return AGNER_EINVAL;
    if (etf_is_none(reason))
        return AGNER_ENOMEM;
    found = gen__subs_find_ref(&s->subs, STAGE_TO_PRODUCER, sub->ref);
    if (found != NULL)
        return gen__consume_say(self, found, ETF_A(cancel), reason);
    found = gen__subs_find_ref(&s->subs, STAGE_TO_CONSUMER, sub->ref);
    if (found == NULL)
        return gen__subscribe_forget(self, s, sub->ref) ? AGNER_OK
                                                        : AGNER_ENOREF;
    return gen__stage_end_later(s, found, reason);
}

/*
 * stage_request.c -- the calls and casts that every stage knows.
 *
 * Source: Elixir's GenStage 1.3; spec/gen.md 2.4.
 */
#include "stage/stage_internal.h"

static enum gen_next queue_info(struct gen *self, struct stage *s,
                                etf_term message)
{
    enum agner_err err;

    if (gen__consume_queues(s))
        err = gen__consume_queue_info(s, message);
    else
        err = gen__produce_info(self, s, message);
    return err == AGNER_OK ? GEN_NEXT : gen__stage_fail(self, err);
}

static void log_misplaced(struct gen *self, const struct stage *s,
                          const char *what)
{
    rt_log_self(self, RT_LOG_ERROR, "%s of a %s", what,
                gen__stage_role(s->role));
}

static enum gen_next set_mode(struct gen *self, struct stage *s, etf_term mode)
{
    bool accumulate = etf_atom_is(mode, "accumulate");
    enum agner_err err = AGNER_EINVAL;

    if (accumulate || etf_atom_is(mode, "forward"))
        err = gen__produce_mode(
            self, s, accumulate ? GEN_STAGE_ACCUMULATE : GEN_STAGE_FORWARD);
    if (err != AGNER_OK)
        log_misplaced(self, s, "no such demand mode");
    return GEN_NEXT;
}

/* {'$subscribe', Current, To, Options}. *answer is what a call gets. */
static enum gen_next subscribe(struct gen *self, struct stage *s,
                               const etf_term *items, etf_term *answer)
{
    struct gen_subscription sub;
    struct stage_wish wish;
    const char *why = "";
    enum agner_err err;

    if (!gen__is_consumer(s)) {
        log_misplaced(self, s, "a subscription");
        *answer = etf_make(self, "{error, not_a_consumer}");
        return GEN_NEXT;
    }
    err = gen__wish_read(self, items[3], &wish, &why);
    if (err == AGNER_EINVAL) {
        rt_log_self(self, RT_LOG_ERROR, "cannot subscribe: %s", why);
        *answer = etf_make(self, "{error, {bad_opts, _}}", why);
        return GEN_NEXT;
    }
    if (err == AGNER_OK)
        err = gen__subscribe(self, s, items[1], items[2], &wish, &sub);
    if (err == AGNER_EINVAL) {
        *answer = etf_make(self, "{error, {bad_opts, <<\"to: no process\">>}}");
        return GEN_NEXT;
    }
    if (err != AGNER_OK && err != AGNER_ENONAME)
        return gen__stage_fail(self, err);
    *answer = etf_make(self, "{ok, _}", sub.ref);
    if (err == AGNER_ENONAME && wish.mode != GEN_STAGE_TEMPORARY)
        return gen_stop(self, ETF_A(noproc));
    return GEN_NEXT;
}

bool gen__stage_request(struct gen *self, struct stage *s, etf_term request,
                        etf_term *answer, enum gen_next *next)
{
    const etf_term *items = etf_tuple_items(request);
    size_t size = etf_tuple_size(request);

    *next = GEN_NEXT;
    *answer = ETF_A(ok);
    if (size == 2 && etf_atom_is(items[0], "$info")) {
        *next = queue_info(self, s, items[1]);
    } else if (size == 2 && etf_atom_is(items[0], "$demand")) {
        *next = set_mode(self, s, items[1]);
    } else if (size == 4 && etf_atom_is(items[0], "$subscribe")) {
        *next = subscribe(self, s, items, answer);
    } else if (size == 0 && etf_atom_is(request, "$demand")) {
        *answer = etf_atom(s->accumulate ? "accumulate" : "forward");
    } else if (size == 0 && etf_atom_is(request, "$estimate_buffered_count")) {
        *answer = etf_make(self, "_", s->buffer.count);
    } else {
        return false;
    }
    return true;
}

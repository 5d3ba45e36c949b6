/*
 * stages.c -- the worker and the reducer.
 *
 * Both are told of the end by their subscriptions. A worker then still has
 * events that the reducer has not asked for: it sends itself a message that
 * comes behind them, and ends when that arrives.
 */
#include "pipeline.h"
#include "words.h"

/* ---- The worker --------------------------------------------------------- */

static etf_term binary_of(struct gen *self, const struct word *word)
{
    return etf_binary(rt_region(self), word->text, word->size);
}

static enum gen_next worker_events(struct gen *self,
                                   const struct gen_subscription *sub,
                                   etf_term lines)
{
    struct words words = { .capacity = 0 };
    etf_term line, counts = etf_nil();
    etf_bytes text;
    bool good = true;

    (void)sub;
    while (good && etf_list_next(&lines, &line))
        good = etf_get_bytes(line, &text) &&
               words_add_text(&words, (const char *)text.data, text.size);
    for (size_t i = 0; i < words.capacity; i++)
        if (words.places[i].text != NULL)
            counts = etf_make(self, "[{_, _} | _]",
                              binary_of(self, &words.places[i]),
                              words.places[i].count, counts);
    words_free(&words);
    if (!good || gen_stage_emit(self, counts, NULL) != AGNER_OK)
        return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static enum gen_next worker_canceled(struct gen *self,
                                     const struct gen_subscription *sub,
                                     enum gen_stage_end kind, etf_term reason)
{
    (void)sub;
    (void)kind;
    (void)reason; /* an orderly one: the subscription is transient */
    if (gen_stage_async_info(self, rt_self_term(self), etf_atom("done")) !=
        AGNER_OK)
        return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static enum gen_next worker_info(struct gen *self, etf_term message)
{
    return etf_match(message, "done") ? gen_stop(self, ETF_A(normal))
                                      : GEN_NEXT;
}

const struct gen_stage pipeline_worker = {
    .name = "worker",
    .role = GEN_STAGE_PRODUCER_CONSUMER,
    .handle_events = worker_events,
    .handle_canceled = worker_canceled,
    .handle_info = worker_info,
};

/* ---- The reducer -------------------------------------------------------- */

struct reducer {
    struct words words;
    int done; /* workers that have ended */
    bool asked;
    struct gen_from from; /* who asked */
    int64_t top;          /* ... for so many */
};

static enum gen_next reducer_events(struct gen *self,
                                    const struct gen_subscription *sub,
                                    etf_term events)
{
    struct reducer *r = gen_state(self);
    etf_term event;
    etf_bytes word;
    uint64_t count;

    (void)sub;
    while (etf_list_next(&events, &event))
        if (!etf_match(event, "{_, _}", &word, &count) ||
            !words_add(&r->words, (const char *)word.data, word.size, count))
            return gen_stop(self, ETF_A(error));
    return GEN_NEXT;
}

static enum gen_next answer(struct gen *self, struct reducer *r)
{
    size_t top =
        r->words.used < (size_t)r->top ? r->words.used : (size_t)r->top;
    etf_term list = etf_nil();

    if (!r->asked || r->done < PIPELINE_WORKERS)
        return GEN_NEXT;
    words_sort(&r->words);
    for (size_t i = top; i > 0; i--)
        list = etf_make(self, "[{_, _} | _]",
                        binary_of(self, &r->words.places[i - 1]),
                        r->words.places[i - 1].count, list);
    (void)gen_reply(self, r->from,
                    etf_make(self, "{_, _, _}", r->words.total,
                             (uint64_t)r->words.used, list));
    return gen_stop(self, ETF_A(normal));
}

static enum gen_next reducer_canceled(struct gen *self,
                                      const struct gen_subscription *sub,
                                      enum gen_stage_end kind, etf_term reason)
{
    struct reducer *r = gen_state(self);

    (void)sub;
    (void)kind;
    (void)reason;
    r->done++;
    return answer(self, r);
}

static enum gen_next reducer_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    struct reducer *r = gen_state(self);

    if (!etf_match(request, "{top, _}", &r->top) || r->top < 0)
        return gen_reply(self, from, ETF_A(badarg));
    r->asked = true;
    r->from = from;
    return answer(self, r);
}

static void reducer_destroy(void *state)
{
    words_free(&((struct reducer *)state)->words);
}

const struct gen_stage pipeline_reducer = {
    .name = "reducer",
    .state_size = sizeof(struct reducer),
    .role = GEN_STAGE_CONSUMER,
    .handle_events = reducer_events,
    .handle_canceled = reducer_canceled,
    .handle_call = reducer_call,
    .destroy = reducer_destroy,
};

/*
 * NAME_saga.c -- orders as transactions: each is done by a worker, or by
 * nobody.
 *
 *   {order, N}   {ok, Price}, when the worker has done it; {error, Reason} when
 *                the transaction was cancelled
 *   else         {error, badarg}
 *
 * A larger saga passes parts of a transaction on to other sagas, here and on
 * other nodes: gen_saga_next().
 */
#include "NAME_parts.h"

#define PRICE       7
#define WAITING_MAX 100
#define LIFESPAN_MS 5000

/* ---- The worker: a process for each order ------------------------------- */

static enum gen_next job_start(struct gen *self, const struct gen_saga_job *job)
{
    int64_t n;

    if (!etf_get_int(job->value, &n) || n < 1 || n > 1000)
        return gen_stop(self, etf_make(self, "no_such_number"));
    (void)gen_saga_job_result(self, etf_make(self, "_", n * PRICE));
    return GEN_NEXT;
}

/* Would undo what it has done so far. */
static enum gen_next job_cancel(struct gen *self,
                                const struct gen_saga_job *job, etf_term reason)
{
    (void)self;
    (void)job;
    (void)reason;
    return GEN_NEXT;
}

static const struct gen_saga_worker worker = {
    .name = "NAME_worker",
    .handle_job_start = job_start,
    .handle_job_cancel = job_cancel,
};

/* ---- The saga ----------------------------------------------------------- */

/* Who waits for which transaction. */
struct orders {
    struct waiting {
        struct gen_saga_tx tx;
        struct gen_from from;
        bool used;
    } waiting[WAITING_MAX];
};

static bool is_same(struct gen_saga_tx a, struct gen_saga_tx b)
{
    for (unsigned i = 0; i < a.ref.count; i++) {
        if (a.ref.words[i] != b.ref.words[i])
            return false;
    }
    return a.ref.count == b.ref.count;
}

static void answer(struct gen *self, struct gen_saga_tx tx, etf_term reply)
{
    struct orders *orders = gen_state(self);

    for (unsigned i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &orders->waiting[i];

        if (!w->used || !is_same(w->tx, tx))
            continue;
        w->used = false;
        (void)gen_reply(self, w->from, reply);
        return;
    }
}

static enum gen_next tx_new(struct gen *self, struct gen_saga_tx tx,
                            etf_term order)
{
    if (gen_saga_job(self, tx, NULL, order, NULL) != AGNER_OK)
        (void)gen_saga_cancel(self, tx, etf_make(self, "no_worker"));
    return GEN_NEXT;
}

static enum gen_next job_result(struct gen *self, struct gen_saga_tx tx,
                                struct gen_saga_job_id job, etf_term price)
{
    (void)job;
    (void)gen_saga_result(self, tx, price);
    return GEN_NEXT;
}

static enum gen_next job_failed(struct gen *self, struct gen_saga_tx tx,
                                struct gen_saga_job_id job, etf_term reason)
{
    (void)job;
    (void)gen_saga_cancel(self, tx, reason);
    return GEN_NEXT;
}

static enum gen_next tx_done(struct gen *self, struct gen_saga_tx tx,
                             etf_term price, etf_term *final)
{
    *final = price;
    answer(self, tx, etf_make(self, "{ok, _}", price));
    return GEN_NEXT;
}

static enum gen_next tx_cancel(struct gen *self, struct gen_saga_tx tx,
                               etf_term reason)
{
    answer(self, tx, etf_make(self, "{error, _}", reason));
    return GEN_NEXT;
}

/* Of next sagas, of which there are none. */
static enum gen_next tx_result(struct gen *self, struct gen_saga_tx tx,
                               struct gen_saga_next_id next, etf_term result)
{
    (void)self;
    (void)tx;
    (void)next;
    (void)result;
    return GEN_NEXT;
}

static enum gen_next call(struct gen *self, struct gen_from from,
                          etf_term request)
{
    struct gen_saga_options options = { .lifespan_ms = LIFESPAN_MS };
    struct orders *orders = gen_state(self);
    etf_term order;
    unsigned i = 0;

    if (!etf_match(request, "{order, _}", &order))
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    while (i < WAITING_MAX && orders->waiting[i].used)
        i++;
    if (i == WAITING_MAX || gen_saga_begin(self, &options, order,
                                           &orders->waiting[i].tx) != AGNER_OK)
        return gen_reply(self, from, etf_make(self, "{error, busy}"));
    orders->waiting[i].from = from;
    orders->waiting[i].used = true;
    return GEN_NEXT; /* the answer comes later */
}

const struct gen_saga NAME_saga = {
    .name = "NAME_saga",
    .state_size = sizeof(struct orders),
    .worker = &worker,
    .handle_call = call,
    .handle_tx_new = tx_new,
    .handle_tx_result = tx_result,
    .handle_tx_done = tx_done,
    .handle_tx_cancel = tx_cancel,
    .handle_job_result = job_result,
    .handle_job_failed = job_failed,
};

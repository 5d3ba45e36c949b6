/*
 * troupe.c -- sagas and workers that obey: troupe.h.
 */
#include "troupe.h"

#include <stdio.h>

const char *troupe_refuses;
struct gen_store *troupe_store;

struct actor {
    etf_pid boss;
    etf_term name; /* an atom */
};

/* ---- Workers ---------------------------------------------------------------
 */

struct hand {
    etf_pid boss;
};

static enum gen_next told(struct gen *self, const char *event, etf_term value)
{
    const struct hand *h = gen_state(self);

    (void)rt_send_pid(self, h->boss,
                      etf_make(self, "{worker, _, _, _}", rt_self(self),
                               etf_atom(event), value));
    return GEN_NEXT;
}

/* Value: {Boss, Order}. */
static enum gen_next hand_obey(struct gen *self, etf_term order)
{
    const struct hand *h = gen_state(self);
    enum agner_err err;
    uint64_t ms;
    etf_term v;

    if (etf_match(order, "{result, _}", &v))
        err = gen_saga_job_result(self, v);
    else if (etf_match(order, "{interim, _}", &v))
        err = gen_saga_job_interim(self, v);
    else if (etf_match(order, "{stop, _}", &v))
        return gen_stop(self, v);
    else if (etf_match(order, "{sleep, _}", &ms))
        err = rt_sleep(self, ms);
    else
        return GEN_NEXT;
    (void)rt_send_pid(
        self, h->boss,
        etf_make(self, "{worker, _, did, _}", rt_self(self), (int64_t)err));
    return GEN_NEXT;
}

static enum gen_next hand_start(struct gen *self,
                                const struct gen_saga_job *job)
{
    struct hand *h = gen_state(self);
    etf_term order;

    if (!etf_match(job->value, "{_, _}", &h->boss, &order))
        return gen_stop(self, ETF_A(badarg));
    (void)told(self, "start", order);
    return hand_obey(self, order);
}

static enum gen_next
hand_cancel(struct gen *self, const struct gen_saga_job *job, etf_term reason)
{
    enum agner_err result = gen_saga_job_result(self, ETF_A(ok));
    enum agner_err interim = gen_saga_job_interim(self, ETF_A(ok));

    (void)job;
    return told(
        self, "cancel",
        etf_make(self, "{_, _, _}", reason, (int64_t)result, (int64_t)interim));
}

static bool hand_prepare(struct gen *self, const struct gen_saga_job *job,
                         etf_term final, etf_term *why)
{
    (void)job;
    *why = etf_make(self, "worker_says_no");
    (void)told(self, "prepare", final);
    return troupe_refuses == NULL || strcmp(troupe_refuses, "worker") != 0;
}

static enum gen_next hand_commit(struct gen *self,
                                 const struct gen_saga_job *job, etf_term final)
{
    (void)job;
    return told(self, "commit", final);
}

static void hand_terminate(struct gen *self, etf_term reason)
{
    const struct hand *h = gen_state(self);

    if (!etf_pid_is_none(h->boss))
        (void)told(self, "end", reason);
}

static const struct gen_saga_worker hand = {
    .name = "hand",
    .state_size = sizeof(struct hand),
    .handle_job_start = hand_start,
    .handle_job_cancel = hand_cancel,
    .handle_job_prepare = hand_prepare,
    .handle_job_commit = hand_commit,
    .handle_info = hand_obey,
    .terminate = hand_terminate,
};

/* ---- Sagas -----------------------------------------------------------------
 */

static void tell(struct gen *self, etf_term what)
{
    const struct actor *a = gen_state(self);

    (void)rt_send_pid(self, a->boss, what);
}

static etf_term name_of(struct gen *self)
{
    const struct actor *a = gen_state(self);

    return a->name;
}

static enum gen_next saga_init(struct gen *self, etf_term args)
{
    struct actor *a = gen_state(self);
    bool keep;
    char text[64];

    if (!etf_match(args, "{_, _, _}", &a->name, &a->boss, &keep) ||
        !etf_get_text(a->name, text, sizeof text))
        return gen_stop(self, ETF_A(badarg));
    if (keep && troupe_store != NULL &&
        gen_saga_store(self, troupe_store, text) != AGNER_OK)
        return gen_stop(self, etf_make(self, "no_store"));
    return GEN_NEXT;
}

static enum gen_next saga_new(struct gen *self, struct gen_saga_tx tx,
                              etf_term value)
{
    etf_term reason;

    tell(self, etf_make(self, "{_, new, _, _}", name_of(self), tx.ref, value));
    if (etf_match(value, "{cancel, _}", &reason))
        (void)gen_saga_cancel(self, tx, reason);
    return GEN_NEXT;
}

static enum gen_next saga_result(struct gen *self, struct gen_saga_tx tx,
                                 struct gen_saga_next_id from, etf_term result)
{
    tell(self, etf_make(self, "{_, result, _, _, _}", name_of(self), tx.ref,
                        from.ref, result));
    return GEN_NEXT;
}

static enum gen_next saga_cancel(struct gen *self, struct gen_saga_tx tx,
                                 etf_term reason)
{
    tell(self,
         etf_make(self, "{_, cancel, _, _}", name_of(self), tx.ref, reason));
    return GEN_NEXT;
}

static enum gen_next saga_done(struct gen *self, struct gen_saga_tx tx,
                               etf_term result, etf_term *final)
{
    tell(self,
         etf_make(self, "{_, done, _, _}", name_of(self), tx.ref, result));
    *final = etf_make(self, "{final, _}", result);
    return GEN_NEXT;
}

static enum gen_next saga_interim(struct gen *self, struct gen_saga_tx tx,
                                  struct gen_saga_next_id from, etf_term value)
{
    tell(self, etf_make(self, "{_, interim, _, _, _}", name_of(self), tx.ref,
                        from.ref, value));
    return GEN_NEXT;
}

static bool saga_prepare(struct gen *self, struct gen_saga_tx tx,
                         etf_term final, etf_term *why)
{
    *why = etf_make(self, "saga_says_no");
    tell(self,
         etf_make(self, "{_, prepare, _, _}", name_of(self), tx.ref, final));
    return troupe_refuses == NULL ||
           !etf_atom_is(name_of(self), troupe_refuses);
}

static enum gen_next saga_commit(struct gen *self, struct gen_saga_tx tx,
                                 etf_term final)
{
    tell(self,
         etf_make(self, "{_, commit, _, _}", name_of(self), tx.ref, final));
    return GEN_NEXT;
}

static enum gen_next job(struct gen *self, const char *what,
                         struct gen_saga_tx tx, struct gen_saga_job_id from,
                         etf_term value)
{
    tell(self, etf_make(self, "{_, job, _, _, _, _}", name_of(self),
                        etf_atom(what), tx.ref, from.ref, value));
    return GEN_NEXT;
}

static enum gen_next job_result(struct gen *self, struct gen_saga_tx tx,
                                struct gen_saga_job_id from, etf_term value)
{
    return job(self, "result", tx, from, value);
}

static enum gen_next job_interim(struct gen *self, struct gen_saga_tx tx,
                                 struct gen_saga_job_id from, etf_term value)
{
    return job(self, "interim", tx, from, value);
}

static enum gen_next job_failed(struct gen *self, struct gen_saga_tx tx,
                                struct gen_saga_job_id from, etf_term reason)
{
    return job(self, "failed", tx, from, reason);
}

static enum gen_next saga_info(struct gen *self, etf_term message)
{
    tell(self, etf_make(self, "{_, info, _}", name_of(self), message));
    return GEN_NEXT;
}

/* ---- Orders ----------------------------------------------------------------
 */

static enum agner_err begin(struct gen *self, etf_term o, etf_ref *ref)
{
    struct gen_saga_options options = { 0 };
    struct gen_saga_tx tx = { { .count = 0 } };
    int commit;
    etf_term value;
    enum agner_err err;

    if (etf_match(o, "{open, _}", &value)) {
        err = gen_saga_begin(self, NULL, value, &tx);
    } else {
        if (!etf_match(o, "{open, _, _, _, _, _}", &value, &options.hop_limit,
                       &options.lifespan_ms, &commit, &options.ack))
            return AGNER_EBADTERM;
        options.commit = (enum gen_saga_commit)commit;
        err = gen_saga_begin(self, &options, value, &tx);
    }
    *ref = tx.ref;
    return err;
}

static enum agner_err work(struct gen *self, etf_term o, etf_ref *ref)
{
    struct gen_saga_next next = { .saga = ETF_NONE };
    struct gen_saga_job_options options = { 0 };
    struct gen_saga_next_id id = { { .count = 0 } };
    struct gen_saga_job_id job_id = { { .count = 0 } };
    const struct actor *a = gen_state(self);
    struct gen_saga_tx tx;
    etf_term value;
    enum agner_err err = AGNER_EBADTERM;

    if (etf_match(o, "{next, _, _, _}", &tx.ref, &next.saga, &next.value) ||
        etf_match(o, "{next, _, _, _, _, _}", &tx.ref, &next.saga, &next.value,
                  &next.timeout_ms, &next.trap_cancel)) {
        err = gen_saga_next(self, tx, &next, &id);
        *ref = id.ref;
    } else if (etf_match(o, "{job, _, _, _}", &tx.ref, &value,
                         &options.timeout_ms)) {
        err = gen_saga_job(self, tx, &options,
                           etf_make(self, "{_, _}", a->boss, value), &job_id);
        *ref = job_id.ref;
    }
    return err;
}

static enum agner_err obey(struct gen *self, etf_term o, etf_ref *ref)
{
    struct gen_saga_tx tx;
    struct gen_saga_job_id of;
    uint64_t max;
    etf_term t;

    if (etf_is_tagged(o, etf_atom("open"), 2) ||
        etf_is_tagged(o, etf_atom("open"), 6))
        return begin(self, o, ref);
    if (etf_match(o, "{result, _, _}", &tx.ref, &t))
        return gen_saga_result(self, tx, t);
    if (etf_match(o, "{interim, _, _}", &tx.ref, &t))
        return gen_saga_interim(self, tx, t);
    if (etf_match(o, "{cancel, _, _}", &tx.ref, &t))
        return gen_saga_cancel(self, tx, t);
    if (etf_match(o, "{cancel_job, _, _, _}", &tx.ref, &of.ref, &t))
        return gen_saga_cancel_job(self, tx, of, t);
    if (etf_match(o, "{max, _}", &max))
        return gen_saga_max(self, rt_self_term(self), max, 0);
    return work(self, o, ref);
}

static enum gen_next saga_call(struct gen *self, struct gen_from from,
                               etf_term order)
{
    etf_ref ref = { .count = 0 };
    enum agner_err err = obey(self, order, &ref);

    if (err != AGNER_OK)
        return gen_reply(self, from,
                         etf_make(self, "{error, _}", (int64_t)err));
    if (ref.count == 0)
        return gen_reply(self, from, ETF_A(ok));
    return gen_reply(self, from, etf_make(self, "{ok, _}", ref));
}

static enum gen_next saga_cast(struct gen *self, etf_term reason)
{
    return gen_stop(self, reason);
}

const struct gen_saga troupe_saga = {
    .name = "troupe",
    .state_size = sizeof(struct actor),
    .init = saga_init,
    .handle_tx_new = saga_new,
    .handle_tx_result = saga_result,
    .handle_tx_cancel = saga_cancel,
    .handle_tx_done = saga_done,
    .handle_tx_interim = saga_interim,
    .handle_tx_prepare = saga_prepare,
    .handle_tx_commit = saga_commit,
    .handle_job_result = job_result,
    .handle_job_interim = job_interim,
    .handle_job_failed = job_failed,
    .handle_call = saga_call,
    .handle_cast = saga_cast,
    .handle_info = saga_info,
    .worker = &hand,
};

/* ---- For the test ----------------------------------------------------------
 */

etf_pid troupe_start(struct gen *self, const char *name, bool registered)
{
    struct rt_spawn_options options = { .name = etf_atom(name) };
    etf_pid pid;

    assert_int_equal(gen_saga_start(self, &troupe_saga,
                                    etf_make(self, "{_, _, _}", etf_atom(name),
                                             rt_self(self), registered),
                                    registered ? &options : NULL, &pid, NULL),
                     AGNER_OK);
    return pid;
}

etf_term troupe_do(struct gen *self, etf_pid saga, etf_term order)
{
    etf_term reply;

    assert_false(etf_is_none(order));
    assert_int_equal(gen_call(self, etf_from_pid(rt_region(self), saga), order,
                              WAIT_MS, &reply),
                     AGNER_OK);
    return reply;
}

etf_ref troupe_get(struct gen *self, etf_pid saga, etf_term order)
{
    etf_term reply = troupe_do(self, saga, order);
    char text[200];
    etf_ref ref;

    if (!etf_match(reply, "{ok, _}", &ref))
        fail_msg("no reference: %s", etf_format(text, sizeof text, reply));
    return ref;
}

enum agner_err troupe_code(struct gen *self, etf_pid saga, etf_term order)
{
    etf_term reply = troupe_do(self, saga, order);
    int code = AGNER_OK;

    (void)etf_match(reply, "{error, _}", &code);
    return (enum agner_err)code;
}

struct wanted {
    const char *name, *event;
};

static bool is_wanted(void *ctx, etf_term m)
{
    const struct wanted *w = ctx;
    const etf_term *items = etf_tuple_items(m);
    size_t size = etf_tuple_size(m);

    if (size < 3 || !etf_atom_is(items[0], w->name))
        return false;
    if (strcmp(w->name, "worker") == 0)
        return etf_atom_is(items[2], w->event);
    return etf_atom_is(items[1], w->event);
}

etf_term troupe_hear(struct gen *self, const char *name, const char *event)
{
    struct wanted wanted = { name, event };
    etf_term message = ETF_NONE;

    if (rt_receive_match(self, is_wanted, &wanted, WAIT_MS * 10, &message) !=
        AGNER_OK)
        fail_msg("%s did not say %s", name, event);
    return message;
}

bool troupe_silent(struct gen *self, const char *name, const char *event)
{
    struct wanted wanted = { name, event };
    etf_term message;

    return rt_receive_match(self, is_wanted, &wanted, 0, &message) ==
           AGNER_ETIMEOUT;
}

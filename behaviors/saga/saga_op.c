/*
 * saga_op.c -- what the code of a saga asks for.
 *
 * Nothing here calls back: what it starts comes as a message, and also a saga's
 * own cancel and its creator's own result do.
 */
#include <stdio.h>
#include <stdlib.h>

#include "saga/saga_internal.h"

#define LIFESPAN_MAX_MS ((uint64_t)1 << 40) /* as saga_wire.c */

/* ---- Asking ----------------------------------------------------------------
 */

/* May it? *tx is written with AGNER_OK. */
static enum agner_err may(struct gen *self, struct gen_saga_tx id,
                          enum saga_event event, struct saga_tx **tx)
{
    struct saga *s = saga__of(self);
    struct saga_look look;

    if (s == NULL)
        return AGNER_EINVAL;
    *tx = saga__tx_id(s, id);
    if (*tx == NULL)
        return AGNER_ETXUNKNOWN;
    look = saga__look(*tx, NULL);
    return saga__tx_step(&look, event).err;
}

/* Who is gone is seen by the monitor; what cannot be sent is the caller's. */
static bool is_our_fault(enum agner_err err)
{
    return err != AGNER_OK && err != AGNER_ENOPROC && err != AGNER_ENONAME &&
           err != AGNER_ENOCONN && err != AGNER_EINCARNATION;
}

enum agner_err gen_saga_begin(struct gen *self,
                              const struct gen_saga_options *options,
                              etf_term value, struct gen_saga_tx *tx)
{
    struct saga *s = saga__of(self);
    struct gen_saga_options o = { 0 };
    etf_ref id;
    enum agner_err err;

    if (options != NULL)
        o = *options;
    if (s == NULL || o.lifespan_ms > LIFESPAN_MAX_MS ||
        (unsigned)o.commit > GEN_SAGA_VOTE ||
        (o.ack && o.commit != GEN_SAGA_NOTIFY))
        return AGNER_EINVAL;
    if (o.hop_limit == 0)
        o.hop_limit = GEN_SAGA_HOPS_MAX;
    if (o.lifespan_ms == 0)
        o.lifespan_ms = GEN_SAGA_LIFESPAN_MS;
    id = rt_make_ref(self);
    err = saga__send(self, s, rt_self_term(self), SAGA_TAG_NEXT,
                     etf_make(self, "{_, _, _, [], _}", id, saga__empty_ref(),
                              value, saga__options_make(self, &o)));
    if (err == AGNER_OK && tx != NULL)
        tx->ref = id;
    return err;
}

/* Its own cancel, as a message to itself. */
static enum agner_err cancel_self(struct gen *self, struct saga *s,
                                  struct saga_tx *tx, etf_term reason)
{
    enum agner_err err = saga__send(
        self, s, rt_self_term(self), SAGA_TAG_CANCEL,
        etf_make(self, "{_, _, _}", tx->key.ref, saga__empty_ref(), reason));

    if (err == AGNER_OK)
        tx->cancelling = true;
    return err;
}

enum agner_err gen_saga_cancel(struct gen *self, struct gen_saga_tx id,
                               etf_term reason)
{
    struct saga_tx *tx;
    enum agner_err err = may(self, id, SAGA_ASK_CANCEL, &tx);

    return err != AGNER_OK ? err
                           : cancel_self(self, saga__of(self), tx, reason);
}

/* ---- Nexts -----------------------------------------------------------------
 */

static etf_term next_message(struct gen *self, const struct saga_tx *tx,
                             etf_ref id, etf_term value, uint64_t time_ms)
{
    struct gen_saga_options o = tx->options;
    etf_term trail = tx->trail != NULL ? etf_box_term(tx->trail) : etf_nil();

    o.lifespan_ms = time_ms;
    return etf_make(self, "{_, _, _, _, _}", tx->key.ref, id, value, trail,
                    saga__options_make(self, &o));
}

/* Its time-out is a cancel from nobody, so that it can be trapped. */
static enum agner_err next_timer(struct gen *self, struct saga *s,
                                 struct saga_next *next, uint64_t time_ms)
{
    etf_pid nobody = { .node = ETF_A(empty) };
    etf_term message =
        etf_make(self, "{_, _, {_, _, lifespan}}", s->atoms[SAGA_TAG_CANCEL],
                 nobody, next->tx->key.ref, next->key.ref);
    enum agner_err err;

    if (etf_is_none(message))
        return AGNER_ENOMEM;
    err =
        rt_send_after(self, rt_self_term(self), message, time_ms, &next->timer);
    next->timed = err == AGNER_OK;
    return err;
}

/* A next that is monitored, and is its transaction's. */
static enum agner_err next_new(struct gen *self, struct saga *s,
                               struct saga_tx *tx, etf_term to,
                               struct saga_next **out)
{
    struct saga_next *next = calloc(1, sizeof *next);
    enum agner_err err = AGNER_ENOMEM;
    etf_ref ref;

    if (next == NULL)
        return AGNER_ENOMEM;
    next->tx = tx;
    next->to = etf_box_new(to);
    if (next->to == NULL)
        goto free_next;
    err = rt_monitor(self, to, 0, &ref);
    if (err != AGNER_OK)
        goto free_box;
    err = saga__keys_put(&s->keys, &next->key, SAGA_KEY_NEXT, ref, next);
    if (err != AGNER_OK)
        goto demonitor;
    next->link = tx->nexts;
    tx->nexts = next;
    *out = next;
    return AGNER_OK;

demonitor:
    (void)rt_demonitor(self, ref, true);
free_box:
    etf_box_free(next->to);
free_next:
    free(next);
    return err;
}

static enum agner_err next_start(struct gen *self, struct saga *s,
                                 struct saga_tx *tx,
                                 const struct gen_saga_next *asked,
                                 uint64_t time_ms, struct saga_next **out)
{
    struct saga_next *next;
    etf_term to;
    enum agner_err err = gen__resolve(self, asked->saga, &to);

    if (err == AGNER_OK)
        err = next_new(self, s, tx, to, &next);
    if (err != AGNER_OK)
        return err;
    next->trap = asked->trap_cancel;
    err = next_timer(self, s, next, time_ms);
    if (err == AGNER_OK)
        err = saga__send(
            self, s, to, SAGA_TAG_NEXT,
            next_message(self, tx, next->key.ref, asked->value, time_ms));
    if (is_our_fault(err)) {
        saga__next_free(self, s, next);
        return err;
    }
    saga__show(s, tx, tx->shown.state);
    *out = next;
    return AGNER_OK;
}

enum agner_err gen_saga_next(struct gen *self, struct gen_saga_tx id,
                             const struct gen_saga_next *asked,
                             struct gen_saga_next_id *out)
{
    struct saga *s = saga__of(self);
    struct saga_next *next;
    struct saga_tx *tx;
    uint64_t left_ms, time_ms = 0;
    enum agner_err err = may(self, id, SAGA_ASK_WORK, &tx);

    if (err == AGNER_OK)
        err = saga__hop(tx->options.hop_limit, tx->hops);
    if (err != AGNER_OK)
        return err;
    left_ms = saga__left_ms(self, tx);
    if (left_ms < GEN_SAGA_HOP_MS) {
        (void)cancel_self(self, s, tx, etf_make(self, "'exceeded lifespan'"));
        return AGNER_ELIFESPAN;
    }
    err = saga__time(left_ms, asked->timeout_ms, &time_ms);
    if (err == AGNER_OK)
        err = next_start(self, s, tx, asked, time_ms, &next);
    if (err == AGNER_OK && out != NULL)
        out->ref = next->key.ref;
    return err;
}

/* ---- Jobs ------------------------------------------------------------------
 */

static enum agner_err job_timer(struct gen *self, struct saga *s,
                                struct saga_job *job)
{
    etf_term items[3] = { s->atoms[SAGA_TAG_TIMER], rt_self_term(self),
                          saga__ref(self, job->key.ref) };
    etf_term message = etf_tuple(rt_region(self), items, 3);
    enum agner_err err;

    if (etf_is_none(message))
        return AGNER_ENOMEM;
    err = rt_send_after(self, rt_self_term(self), message, job->timeout_ms,
                        &job->timer);
    job->timed = err == AGNER_OK;
    return err;
}

static enum agner_err spawn_worker(struct gen *self, struct saga *s,
                                   struct saga_job *job, etf_term value)
{
    /* A vote may take longer than the transaction was to live. */
    uint64_t life_ms = job->tx->options.commit == GEN_SAGA_VOTE
                           ? 0
                           : saga__left_ms(self, job->tx);
    etf_term args =
        etf_make(self, "{_, _, _, _, _, _}", job->tx->key.ref, job->key.ref,
                 job->timeout_ms, life_ms,
                 (bool)(job->tx->options.commit != GEN_SAGA_NO_COMMIT), value);
    enum agner_err err;

    if (etf_is_none(args))
        return AGNER_ENOMEM;
    err = saga__worker_start(self, s->table->worker, args, &job->pid);
    if (err != AGNER_OK)
        return err;
    err = saga__keys_put(&s->keys, &job->worker, SAGA_KEY_WORKER,
                         saga__pid_key(job->pid), job);
    if (err == AGNER_OK)
        err = job_timer(self, s, job);
    if (err != AGNER_OK)
        (void)rt_exit_signal(self, job->pid, ETF_A(kill));
    return err;
}

enum agner_err gen_saga_job(struct gen *self, struct gen_saga_tx id,
                            const struct gen_saga_job_options *options,
                            etf_term value, struct gen_saga_job_id *out)
{
    struct saga *s = saga__of(self);
    struct saga_job *job;
    struct saga_tx *tx;
    uint64_t time_ms = 0;
    enum agner_err err = may(self, id, SAGA_ASK_WORK, &tx);

    if (err == AGNER_OK && s->table->worker == NULL)
        err = AGNER_ENOWORKER;
    if (err == AGNER_OK)
        err = saga__time(saga__left_ms(self, tx),
                         options != NULL ? options->timeout_ms : 0, &time_ms);
    if (err != AGNER_OK)
        return err;
    job = calloc(1, sizeof *job);
    if (job == NULL)
        return AGNER_ENOMEM;
    job->tx = tx;
    job->timeout_ms = time_ms;
    job->link = tx->jobs;
    tx->jobs = job;
    err = saga__keys_put(&s->keys, &job->key, SAGA_KEY_JOB, rt_make_ref(self),
                         job);
    if (err == AGNER_OK)
        err = spawn_worker(self, s, job, value);
    if (err != AGNER_OK) {
        job->dead = !job->worker.listed; /* else its end will be heard of */
        saga__job_detach(self, s, job);
        return err;
    }
    saga__show(s, tx, tx->shown.state);
    if (out != NULL)
        out->ref = job->key.ref;
    return AGNER_OK;
}

enum agner_err gen_saga_cancel_job(struct gen *self, struct gen_saga_tx id,
                                   struct gen_saga_job_id of, etf_term reason)
{
    struct saga *s = saga__of(self);
    struct saga_job *job;
    struct saga_tx *tx;
    enum agner_err err = may(self, id, SAGA_ASK_CANCEL, &tx);

    if (err == AGNER_ENOTALLOWED)
        return AGNER_EJOBUNKNOWN; /* it has voted: no job is to deliver */
    if (err != AGNER_OK)
        return err;
    job = saga__keys_find(&s->keys, SAGA_KEY_JOB, of.ref);
    if (job == NULL || job->tx != tx || job->done)
        return AGNER_EJOBUNKNOWN;
    err = saga__worker_tell(self, job, "cancel", reason);
    if (err == AGNER_ENOMEM)
        return err;
    (void)rt_kill_after(self, etf_from_pid(NULL, job->pid),
                        job->timeout_ms + GEN_SAGA_JOB_GRACE_MS, NULL);
    saga__job_detach(self, s, job);
    saga__show(s, tx, tx->shown.state);
    return AGNER_OK;
}

/* ---- Results ---------------------------------------------------------------
 */

/* To who passed it on, or to itself. */
static enum agner_err send_up(struct gen *self, const struct saga_tx *tx,
                              enum saga_tag tag, etf_term value)
{
    etf_term to = saga__is_creator(tx)
                      ? rt_self_term(self)
                      : etf_from_pid(rt_region(self), tx->parent);
    enum agner_err err =
        saga__send(self, saga__of(self), to, tag,
                   etf_make(self, "{_, _, _}", tx->key.ref, tx->origin, value));

    return is_our_fault(err) ? err : AGNER_OK;
}

enum agner_err gen_saga_result(struct gen *self, struct gen_saga_tx id,
                               etf_term result)
{
    struct saga_about about = { .value = result };
    struct saga_tx *tx;
    enum agner_err err = may(self, id, SAGA_ASK_RESULT, &tx);

    if (err == AGNER_OK) /* first: what cannot be sent was not sent */
        err = send_up(self, tx, SAGA_TAG_RESULT, result);
    if (err == AGNER_OK) /* it calls nobody back */
        (void)saga__happen(self, saga__of(self), tx, SAGA_ASK_RESULT, &about);
    return err;
}

enum agner_err gen_saga_interim(struct gen *self, struct gen_saga_tx id,
                                etf_term value)
{
    struct saga_tx *tx;
    enum agner_err err = may(self, id, SAGA_ASK_INTERIM, &tx);

    return err != AGNER_OK ? err : send_up(self, tx, SAGA_TAG_INTERIM, value);
}

/* ---- From anywhere ---------------------------------------------------------
 */

static char *text(const char *kind, etf_ref ref, char *buffer)
{
    (void)snprintf(buffer, GEN_SAGA_TEXT_SIZE, "%s#%u.%u.%u", kind,
                   ref.words[0], ref.words[1], ref.words[2]);
    return buffer;
}

char *gen_saga_tx_text(struct gen_saga_tx tx, char buffer[GEN_SAGA_TEXT_SIZE])
{
    return text("TX", tx.ref, buffer);
}

char *gen_saga_next_text(struct gen_saga_next_id id,
                         char buffer[GEN_SAGA_TEXT_SIZE])
{
    return text("Next", id.ref, buffer);
}

char *gen_saga_job_text(struct gen_saga_job_id id,
                        char buffer[GEN_SAGA_TEXT_SIZE])
{
    return text("Job", id.ref, buffer);
}

bool gen_saga_is_cancel(etf_term message, struct gen_saga_notice *notice)
{
    struct gen_saga_notice n = { .details = ETF_NONE };

    if (!etf_match(message, "{saga_cancel, _, _, _}", &n.tx.ref, &n.next.ref,
                   &n.reason))
        return false;
    *notice = n;
    return true;
}

bool gen_saga_is_error(etf_term message, struct gen_saga_notice *notice)
{
    struct gen_saga_notice n = { .details = ETF_NONE };

    if (!etf_match(message, "{saga_error, _, _, _, _}", &n.tx.ref, &n.next.ref,
                   &n.reason, &n.details))
        return false;
    *notice = n;
    return true;
}

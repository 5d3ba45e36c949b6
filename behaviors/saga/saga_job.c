/*
 * saga_job.c -- what becomes of a saga's jobs: results, votes, ends, time-outs.
 */
#include "saga/saga_internal.h"

/* ---- Of jobs ---------------------------------------------------------------
 */

static void log_job(struct gen *self, const char *what, etf_term value)
{
    char text[240];

    rt_log_self(self, RT_LOG_WARNING, "no handler for the %s of a job: %s",
                what, etf_format(text, sizeof text, value));
}

static enum gen_next job_result(struct gen *self, struct saga *s,
                                struct saga_job *job, etf_term value)
{
    struct gen_saga_tx id = { job->tx->key.ref };
    struct gen_saga_job_id from = { job->key.ref };
    struct saga_tx *tx = job->tx;

    if (job->done)
        return GEN_NEXT;
    job->done = true;
    saga__untimed(self, &job->timer, &job->timed);
    if (tx->options.commit == GEN_SAGA_NO_COMMIT)
        saga__job_detach(self, s, job);
    saga__show(s, tx, tx->shown.state);
    if (tx->cancelling)
        return GEN_NEXT;
    s->head.last = value;
    if (s->table->handle_job_result != NULL)
        return s->table->handle_job_result(self, id, from, value);
    log_job(self, "result", value);
    return GEN_NEXT;
}

static enum gen_next job_interim(struct gen *self, struct saga *s,
                                 struct saga_job *job, etf_term value)
{
    struct gen_saga_tx id = { job->tx->key.ref };
    struct gen_saga_job_id from = { job->key.ref };

    if (job->done || job->tx->cancelling)
        return GEN_NEXT;
    s->head.last = value;
    if (s->table->handle_job_interim != NULL)
        return s->table->handle_job_interim(self, id, from, value);
    log_job(self, "progress", value);
    return GEN_NEXT;
}

static enum gen_next job_vote(struct gen *self, struct saga *s,
                              struct saga_job *job, etf_term value)
{
    struct saga_about about = { .value = ETF_NONE };
    struct saga_tx *tx = job->tx;

    if (job->yes || tx->shown.state != SAGA_PREPARING)
        return GEN_NEXT;
    if (etf_match(value, "{no, _}", &about.value))
        return saga__happen(self, s, tx, SAGA_ON_NO, &about);
    job->yes = true;
    tx->votes--;
    return saga__happen(self, s, tx, SAGA_ON_YES, &about);
}

static enum gen_next job_failed(struct gen *self, struct saga *s,
                                struct gen_saga_tx id, etf_ref job,
                                etf_term reason)
{
    struct saga_tx *tx = saga__tx_find(s, id.ref);
    struct gen_saga_job_id from = { job };

    if (tx == NULL || tx->cancelling)
        return GEN_NEXT;
    saga__show(s, tx, tx->shown.state);
    s->head.last = reason;
    if (s->table->handle_job_failed != NULL)
        return s->table->handle_job_failed(self, id, from, reason);
    log_job(self, "failure", reason);
    return GEN_NEXT;
}

/* {What, JobId, Value} of a worker. */
enum gen_next saga__job_arrive(struct gen *self, struct saga *s,
                               const struct saga_wire *w)
{
    struct saga_job *job;
    etf_term what, value;
    etf_ref id;

    if (!etf_match(w->value, "{_, _, _}", &what, &id, &value))
        return GEN_NEXT;
    job = saga__keys_find(&s->keys, SAGA_KEY_JOB, id);
    if (job == NULL || job->tx == NULL || !etf_pid_equal(job->pid, w->from))
        return GEN_NEXT;
    if (etf_atom_is(what, "result"))
        return job_result(self, s, job, value);
    if (etf_atom_is(what, "interim"))
        return job_interim(self, s, job, value);
    return job_vote(self, s, job, value);
}

/* A job's time is over: it is told to stop, and its kill is on its way. */
enum gen_next saga__job_late(struct gen *self, struct saga *s,
                             struct saga_job *job)
{
    struct gen_saga_tx id = { job->tx->key.ref };
    etf_term reason = etf_make(self, "lifespan");
    etf_ref ref = job->key.ref;

    if (job->done)
        return GEN_NEXT;
    job->timed = false;
    (void)saga__worker_tell(self, job, "cancel", reason);
    saga__job_detach(self, s, job);
    return job_failed(self, s, id, ref, reason);
}

/* ---- Its end ---------------------------------------------------------------
 */

/* The end of a worker that was to deliver, or to commit. */
static enum gen_next worker_ended(struct gen *self, struct saga *s,
                                  struct saga_job *job, etf_term reason)
{
    struct saga_about about = { .value =
                                    etf_make(self, "{job_down, _}", reason) };
    struct saga_tx *tx = job->tx;
    struct gen_saga_tx id;
    etf_ref ref = job->key.ref;

    saga__keys_drop(&s->keys, &job->worker);
    job->dead = true;
    if (tx == NULL) {
        saga__job_free(s, job);
        return GEN_NEXT;
    }
    if (job->done) {
        if (tx->shown.state == SAGA_PREPARING)
            return saga__happen(self, s, tx, SAGA_ON_NO, &about);
        return GEN_NEXT;
    }
    id.ref = tx->key.ref;
    saga__untimed(self, &job->timer, &job->timed);
    saga__job_free(s, job);
    if (etf_same(reason, ETF_A(normal)))
        reason = etf_make(self, "'no result'");
    return job_failed(self, s, id, ref, reason);
}

enum gen_next saga__exit(struct gen *self, struct saga *s, etf_term message,
                         bool *ours)
{
    struct saga_job *job;
    etf_term reason;
    etf_pid pid;

    *ours = false;
    if (!etf_match(message, "{'EXIT', _, _}", &pid, &reason))
        return GEN_NEXT;
    job = saga__keys_find(&s->keys, SAGA_KEY_WORKER, saga__pid_key(pid));
    if (job == NULL)
        return GEN_NEXT;
    *ours = true;
    s->head.last = message;
    return worker_ended(self, s, job, reason);
}

/*
 * saga_act.c -- does what tx.c and vote.c decide, in the order of enum
 * saga_action: others are told first, then the transaction is forgotten, then
 * the saga's own callback hears of it.
 */
#include <stdlib.h>

#include "saga/saga_internal.h"

/* ---- What a decision is made of -------------------------------------------
 */

static bool has_acks(const struct saga_tx *tx)
{
    return tx->options.ack && tx->nexts != NULL;
}

static size_t unacked(const struct saga_tx *tx)
{
    size_t count = 0;

    if (tx->options.commit == GEN_SAGA_VOTE) {
        for (const struct saga_part *p = tx->parts; p != NULL; p = p->link)
            count++;
        return count;
    }
    for (const struct saga_next *n = tx->nexts; n != NULL; n = n->link)
        count += !n->acked && !n->missed;
    return count;
}

struct saga_look saga__look(const struct saga_tx *tx,
                            const struct saga_about *about)
{
    struct saga_look look = { .state = tx->shown.state,
                              .commit = tx->options.commit,
                              .creator = saga__is_creator(tx),
                              .cancelling = tx->cancelling,
                              .acks = has_acks(tx),
                              .lost = tx->lost,
                              .open = saga__open(tx),
                              .votes = tx->votes,
                              .unacked = 0 };

    look.trapped = about != NULL && about->next != NULL && about->next->trap;
    if (look.state == SAGA_DECIDED)
        look.unacked = unacked(tx);
    return look;
}

/* ---- The user's callbacks -------------------------------------------------
 */

static struct gen_saga_tx id_of(etf_ref ref)
{
    struct gen_saga_tx id = { ref };

    return id;
}

void saga__spend(struct saga *s, struct etf_box *box)
{
    etf_box_free(s->spent);
    s->spent = box;
}

enum gen_next saga__call_cancel(struct gen *self, struct saga *s, etf_ref id,
                                etf_term reason)
{
    s->head.last = reason;
    return s->table->handle_tx_cancel(self, id_of(id), reason);
}

static enum gen_next call_commit(struct gen *self, struct saga *s, etf_ref id,
                                 etf_term final)
{
    s->head.last = final;
    if (s->table->handle_tx_commit == NULL)
        return GEN_NEXT;
    return s->table->handle_tx_commit(self, id_of(id), final);
}

static enum gen_next call_result(struct gen *self, struct saga *s, etf_ref id,
                                 etf_ref from, etf_term result)
{
    struct gen_saga_next_id next = { from };

    s->head.last = result;
    return s->table->handle_tx_result(self, id_of(id), next, result);
}

enum gen_next saga__info(struct gen *self, struct saga *s, etf_term message)
{
    char text[240];

    s->head.last = message;
    if (s->table->handle_info != NULL)
        return s->table->handle_info(self, message);
    rt_log_self(self, RT_LOG_WARNING, "no handler for message %s",
                etf_format(text, sizeof text, message));
    return GEN_NEXT;
}

/* After handle_tx_done, in which the user may have cancelled. */
static enum gen_next call_done(struct gen *self, struct saga *s,
                               struct saga_tx *tx, etf_term result)
{
    etf_ref id = tx->key.ref;
    struct saga_about about = { .value = result };
    enum gen_next next = GEN_NEXT;

    s->head.last = result;
    if (s->table->handle_tx_done != NULL)
        next = s->table->handle_tx_done(self, id_of(id), result, &about.value);
    if (next != GEN_NEXT)
        return next;
    if (etf_is_none(about.value))
        about.value = ETF_A(error); /* memory ran out while it was built */
    tx = saga__tx_find(s, id);
    return tx == NULL ? GEN_NEXT
                      : saga__happen(self, s, tx, SAGA_ON_DONE, &about);
}

/* ---- Telling others -------------------------------------------------------
 */

static etf_term error_atom(enum agner_err err)
{
    switch (err) {
    case AGNER_ENOPROC:
    case AGNER_ENONAME:
        return ETF_A(noproc);
    case AGNER_ENOCONN:
        return ETF_A(noconnection);
    case AGNER_EMAILBOXFULL:
        return ETF_A(mailbox_full);
    case AGNER_ENOMEM:
        return ETF_A(memory_limit);
    default: /* others of the list have no atom of their own */
        return ETF_A(error);
    }
}

void saga__tell_error(struct gen *self, const struct saga_tx *tx, etf_ref next,
                      etf_term error, etf_term details)
{
    etf_term message = etf_make(self, "{saga_error, _, _, _, _}", tx->key.ref,
                                next, error, details);

    if (!etf_is_none(message))
        (void)rt_send_pid(self, rt_self(self), message); /* it is for people */
}

static void tell_next(struct gen *self, struct saga *s,
                      const struct saga_tx *tx, const struct saga_next *next,
                      enum saga_tag tag, etf_term value)
{
    etf_term to = etf_box_term(next->to);
    enum agner_err err = saga__send(
        self, s, to, tag,
        etf_make(self, "{_, _, _}", tx->key.ref, next->key.ref, value));

    if (err != AGNER_OK)
        saga__tell_error(self, tx, next->key.ref, error_atom(err), to);
}

static void cancel_nexts(struct gen *self, struct saga *s,
                         const struct saga_tx *tx,
                         const struct saga_about *about)
{
    for (const struct saga_next *n = tx->nexts; n != NULL; n = n->link)
        if (n != about->next)
            tell_next(self, s, tx, n, SAGA_TAG_CANCEL, about->value);
}

static void cancel_parent(struct gen *self, struct saga *s,
                          const struct saga_tx *tx, etf_term reason)
{
    etf_term to = etf_from_pid(rt_region(self), tx->parent);
    enum agner_err err;

    if (saga__is_creator(tx) || etf_pid_is_none(tx->parent))
        return;
    err = saga__send(
        self, s, to, SAGA_TAG_CANCEL,
        etf_make(self, "{_, _, _}", tx->key.ref, tx->origin, reason));
    if (err != AGNER_OK)
        saga__tell_error(self, tx, tx->origin, error_atom(err), to);
}

/* The worker ends after it, or it is killed. */
static void end_job(struct gen *self, struct saga *s, struct saga_job *job,
                    const char *what, etf_term value)
{
    if (!job->dead) {
        if (saga__worker_tell(self, job, what, value) != AGNER_OK)
            (void)rt_exit_signal(self, job->pid, ETF_A(kill));
        (void)rt_kill_after(self, etf_from_pid(NULL, job->pid),
                            job->timeout_ms + GEN_SAGA_JOB_GRACE_MS, NULL);
    }
    saga__job_detach(self, s, job);
}

static void end_jobs(struct gen *self, struct saga *s, struct saga_tx *tx,
                     const char *what, etf_term value)
{
    while (tx->jobs != NULL)
        end_job(self, s, tx->jobs, what, value);
}

/* ---- Acting ----------------------------------------------------------------
 */

static void count_end(struct saga *s, unsigned actions)
{
    rt__lock(&s->lock);
    if ((actions & SAGA_CALL_CANCEL) != 0)
        s->cancelled++;
    else
        s->committed++;
    rt__unlock(&s->lock);
}

static void act_on_others(struct gen *self, struct saga *s, struct saga_tx *tx,
                          unsigned actions, const struct saga_about *about)
{
    if ((actions & SAGA_CANCEL_JOBS) != 0)
        end_jobs(self, s, tx, "cancel", about->value);
    if ((actions & SAGA_CANCEL_NEXTS) != 0)
        cancel_nexts(self, s, tx, about);
    if ((actions & SAGA_CANCEL_PARENT) != 0)
        cancel_parent(self, s, tx, about->value);
    if ((actions & SAGA_COMMIT_NEXTS) != 0)
        for (const struct saga_next *n = tx->nexts; n != NULL; n = n->link)
            tell_next(self, s, tx, n, SAGA_TAG_COMMIT, about->value);
    if ((actions & SAGA_COMMIT_JOBS) != 0)
        end_jobs(self, s, tx, "commit", about->value);
    if ((actions & SAGA_VOTE_NO) != 0)
        saga__vote_no(self, s, tx, about->value);
    if ((actions & SAGA_VOTE_YES) != 0)
        saga__vote_yes(self, s, tx);
    if ((actions & SAGA_PUSH) != 0)
        saga__push(self, s, tx);
    if ((actions & SAGA_ASK) != 0)
        saga__ask(self, s, tx);
}

/* {saga_acks, TX, Acknowledged, Missing}: made before it is forgotten. */
static etf_term acks_of(struct gen *self, const struct saga_tx *tx)
{
    etf_term acked = etf_nil(), missing = etf_nil();

    for (const struct saga_next *n = tx->nexts; n != NULL; n = n->link) {
        etf_term id = saga__ref(self, n->key.ref);

        if (n->acked)
            acked = etf_cons(rt_region(self), id, acked);
        else
            missing = etf_cons(rt_region(self), id, missing);
    }
    return etf_make(self, "{saga_acks, _, _, _}", tx->key.ref, acked, missing);
}

/* What is left of a transaction: it, or its record, or nothing. */
static void act_on_end(struct gen *self, struct saga *s, struct saga_tx *tx,
                       unsigned actions, etf_pid from, bool was_over)
{
    bool gone = (actions & SAGA_ERASE) == 0 || saga__store_erase(self, s, tx);

    /* Who would come back to it in its next life has not done with it. */
    if ((actions & SAGA_ACK) != 0 && gone)
        saga__ack(self, s, tx, from);
    if ((actions & SAGA_FORGET) == 0) {
        saga__show(s, tx, tx->shown.state);
        return;
    }
    if (!was_over)
        count_end(s, actions);
    if (gone) {
        saga__tx_free(self, s, tx);
        return;
    }
    saga__show(s, tx, SAGA_OVER);
    saga__ticking(self, s);
}

static enum gen_next call_trapped(struct gen *self, struct saga *s, etf_ref id,
                                  etf_ref next, etf_term reason)
{
    etf_term message =
        etf_make(self, "{saga_cancel, _, _, _}", id, next, reason);

    return etf_is_none(message) ? GEN_NEXT : saga__info(self, s, message);
}

/* The one callback of a step; tx may be gone. */
static enum gen_next act_on_user(struct gen *self, struct saga *s, etf_ref id,
                                 etf_ref next, unsigned actions, etf_term value)
{
    struct saga_tx *tx;

    if ((actions & SAGA_CALL_CANCEL) != 0)
        return saga__call_cancel(self, s, id, value);
    if ((actions & SAGA_CALL_COMMIT) != 0)
        return call_commit(self, s, id, value);
    if ((actions & SAGA_CALL_RESULT) != 0)
        return call_result(self, s, id, next, value);
    if ((actions & SAGA_CALL_TRAPPED) != 0)
        return call_trapped(self, s, id, next, value);
    if ((actions & SAGA_CALL_ACKS) != 0)
        return etf_is_none(value) ? GEN_NEXT : saga__info(self, s, value);
    tx = saga__tx_find(s, id);
    if ((actions & SAGA_CALL_DONE) != 0 && tx != NULL)
        return call_done(self, s, tx, value);
    return GEN_NEXT;
}

/* What is said of a commit is said from the transaction's own copy. */
static void fix_value(struct gen *self, struct saga *s, struct saga_tx *tx,
                      unsigned actions, struct saga_about *of)
{
    if ((actions & SAGA_CALL_COMMIT) != 0 && tx->final != NULL) {
        saga__spend(s, etf_box_hold(tx->final));
        of->value = etf_box_term(s->spent);
    }
    if ((actions & SAGA_CALL_ACKS) != 0)
        of->value = acks_of(self, tx);
}

static void act_on_next(struct gen *self, struct saga *s, unsigned actions,
                        struct saga_next *next)
{
    if (next == NULL)
        return;
    if ((actions & SAGA_DROP_NEXT) != 0)
        saga__next_free(self, s, next);
    if ((actions & SAGA_KEEP_NEXT) != 0)
        saga__next_done(self, next);
}

/* A decision that could not be written is none. One that may be written is not
 * told: the process is ending, and its next life reads what is there. */
static enum gen_next undecided(struct gen *self, struct saga *s,
                               struct saga_tx *tx, enum agner_err err)
{
    struct saga_about about = { .value = etf_make(self, "{store, eio}") };

    if (err == AGNER_EEXITING || err == AGNER_EKILLED)
        return gen_stop(self, ETF_A(killed));
    return saga__happen(self, s, tx, SAGA_ON_NO, &about);
}

enum gen_next saga__happen(struct gen *self, struct saga *s, struct saga_tx *tx,
                           enum saga_event event,
                           const struct saga_about *about)
{
    struct saga_look look = saga__look(tx, about);
    struct saga_step step = saga__tx_step(&look, event);
    struct saga_about of = *about;
    etf_ref id = tx->key.ref;
    etf_ref from = of.next != NULL ? of.next->key.ref : saga__empty_ref();
    enum gen_next next;

    if (step.err != AGNER_OK)
        return GEN_NEXT; /* it means nothing in this state */
    if ((step.actions & SAGA_PREPARE) != 0)
        return saga__prepare(self, s, tx, of.value);
    if ((step.actions & SAGA_DECIDE) != 0) {
        enum agner_err err = saga__decide(self, s, tx);

        if (err != AGNER_OK)
            return undecided(self, s, tx, err);
    }
    if (step.state != SAGA_ENDED)
        saga__show(s, tx, step.state);
    fix_value(self, s, tx, step.actions, &of);
    act_on_others(self, s, tx, step.actions, &of);
    act_on_next(self, s, step.actions, of.next);
    if ((step.actions & (SAGA_ERASE | SAGA_DECIDE)) == 0) {
        act_on_end(self, s, tx, step.actions, of.from, false);
        return act_on_user(self, s, id, from, step.actions, of.value);
    }
    /* What is kept goes when the saga has heard of the end: one that is killed
     * before hears of it in its next life. */
    saga__show(s, tx, step.state);
    next = act_on_user(self, s, id, from, step.actions, of.value);
    if ((step.actions & SAGA_DECIDE) == 0)
        act_on_end(self, s, tx, step.actions, of.from, look.state == SAGA_OVER);
    else if (tx->parts == NULL) /* nobody has to acknowledge it */
        (void)saga__happen(self, s, tx, SAGA_ON_ACK, &of);
    return next;
}

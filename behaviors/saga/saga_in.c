/*
 * saga_in.c -- what comes to a saga, as an event of a transaction.
 *
 * Others are believed in what only they can know: a message names a reference
 * that was given to its sender. What fits nothing is passed over, since it is
 * what is left of transactions that are over.
 */
#include <stdlib.h>

#include "saga/saga_internal.h"

/* ---- A new one -------------------------------------------------------------
 */

static void refuse(struct gen *self, struct saga *s, const struct saga_wire *w,
                   etf_term reason)
{
    (void)saga__send(self, s, w->from_pid, SAGA_TAG_CANCEL,
                     etf_make(self, "{_, _, _}", w->tx, w->origin, reason));
}

static enum agner_err take_options(struct gen *self, struct saga *s,
                                   struct saga_tx *tx,
                                   const struct saga_wire *w)
{
    etf_term trail = etf_nil();
    int64_t hops = etf_list_size(w->trail);
    etf_ref monitor;

    tx->options = saga__options_read(w->extra);
    if (saga__ref_is_empty(w->origin))
        return saga__live(self, tx, tx->options.lifespan_ms);
    if (hops < 0 || hops >= GEN_SAGA_HOPS_MAX)
        return AGNER_EHOPLIMIT;
    tx->origin = w->origin;
    tx->parent = w->from;
    tx->hops = (uint64_t)hops + 1;
    trail = etf_cons(rt_region(self), w->from_pid, w->trail);
    tx->trail = etf_is_none(trail) ? NULL : etf_box_new(trail);
    if (tx->trail == NULL ||
        rt_monitor(self, w->from_pid, 0, &monitor) != AGNER_OK)
        return AGNER_ENOMEM;
    if (saga__keys_put(&s->keys, &tx->parent_monitor, SAGA_KEY_PARENT, monitor,
                       tx) != AGNER_OK) {
        (void)rt_demonitor(self, monitor, true);
        return AGNER_ENOMEM;
    }
    return saga__live(self, tx, tx->options.lifespan_ms);
}

static enum gen_next refuse_new(struct gen *self, struct saga *s,
                                const struct saga_wire *w, etf_term reason)
{
    if (saga__ref_is_empty(w->origin)) {
        rt__lock(&s->lock);
        s->cancelled++;
        rt__unlock(&s->lock);
        return saga__call_cancel(self, s, w->tx, reason);
    }
    refuse(self, s, w, reason);
    return GEN_NEXT;
}

static enum gen_next on_next(struct gen *self, struct saga *s,
                             const struct saga_wire *w)
{
    struct gen_saga_tx id = { w->tx };
    struct saga_tx *tx;
    enum agner_err err;

    if (saga__ref_is_empty(w->origin) !=
            etf_pid_equal(w->from, rt_self(self)) &&
        saga__ref_is_empty(w->origin))
        return GEN_NEXT; /* only a saga itself begins one */
    if (saga__tx_find(s, w->tx) != NULL) {
        refuse(self, s, w, etf_make(self, "loop_detected"));
        return GEN_NEXT;
    }
    if (s->tx_max != 0 && s->in_flight >= s->tx_max)
        return refuse_new(self, s, w, etf_make(self, "exceed_tx_limit"));
    tx = saga__tx_new(self, s, w->tx);
    if (tx == NULL)
        return refuse_new(self, s, w, ETF_A(memory_limit));
    err = take_options(self, s, tx, w);
    if (err != AGNER_OK) {
        saga__tx_free(self, s, tx);
        return refuse_new(self, s, w,
                          err == AGNER_EHOPLIMIT ? etf_make(self, "hop_limit")
                                                 : ETF_A(memory_limit));
    }
    s->head.last = w->value;
    return s->table->handle_tx_new(self, id, w->value);
}

/* ---- Of nexts --------------------------------------------------------------
 */

static struct saga_next *next_of(const struct saga *s, const struct saga_tx *tx,
                                 etf_ref origin)
{
    struct saga_next *next = saga__keys_find(&s->keys, SAGA_KEY_NEXT, origin);

    return next != NULL && next->tx == tx ? next : NULL;
}

static enum gen_next on_result(struct gen *self, struct saga *s,
                               struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_about about = { .value = w->value, .from = w->from };

    if (saga__ref_is_empty(w->origin) && etf_pid_equal(w->from, rt_self(self)))
        return saga__happen(self, s, tx, SAGA_ON_OWN, &about);
    about.next = next_of(s, tx, w->origin);
    if (about.next == NULL || about.next->done)
        return GEN_NEXT;
    return saga__happen(self, s, tx, SAGA_ON_RESULT, &about);
}

static enum gen_next on_interim(struct gen *self, struct saga *s,
                                struct saga_tx *tx, const struct saga_wire *w)
{
    struct gen_saga_tx id = { w->tx };
    struct gen_saga_next_id from = { w->origin };

    if (tx == NULL || next_of(s, tx, w->origin) == NULL) {
        refuse(self, s, w, etf_make(self, "'unknown or canceled tx'"));
        return GEN_NEXT;
    }
    s->head.last = w->value;
    if (s->table->handle_tx_interim == NULL)
        return GEN_NEXT;
    return s->table->handle_tx_interim(self, id, from, w->value);
}

/* A next of a notice that is acknowledged, or that never will be. */
static enum gen_next on_missed(struct gen *self, struct saga *s,
                               struct saga_tx *tx, struct saga_next *next,
                               bool acked)
{
    if (next->acked || next->missed)
        return GEN_NEXT;
    next->acked = acked;
    next->missed = !acked;
    return saga__happen(self, s, tx, SAGA_ON_ACK,
                        &(struct saga_about){ .value = ETF_NONE });
}

static enum gen_next next_cancels(struct gen *self, struct saga *s,
                                  struct saga_next *next, etf_term reason)
{
    struct saga_about about = { .next = next, .value = reason };

    if (next->tx->shown.state == SAGA_DECIDED)
        return on_missed(self, s, next->tx, next, false);
    return saga__happen(self, s, next->tx, SAGA_ON_NEXT_CANCEL, &about);
}

static enum gen_next on_cancel(struct gen *self, struct saga *s,
                               struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_about about = { .value = w->value, .from = w->from };
    struct saga_next *next = next_of(s, tx, w->origin);

    if (next != NULL) /* the next itself, or its time-out */
        return next_cancels(self, s, next, w->value);
    if (saga__ref_is_empty(w->origin)) {
        if (tx->cancelling && etf_pid_equal(w->from, rt_self(self)))
            return saga__happen(self, s, tx, SAGA_ON_OWN_CANCEL, &about);
        return GEN_NEXT;
    }
    if (etf_ref_equal(w->origin, tx->origin) &&
        etf_pid_equal(w->from, tx->parent))
        return saga__happen(self, s, tx, SAGA_ON_CANCEL, &about);
    return GEN_NEXT;
}

/* ---- Of a commit -----------------------------------------------------------
 */

static enum gen_next on_commit(struct gen *self, struct saga *s,
                               struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_about about = { .value = w->value, .from = w->from };

    if (tx == NULL && !etf_is_none(w->extra)) /* it is over: that is known */
        (void)saga__send(self, s, w->from_pid, SAGA_TAG_ACK,
                         etf_make(self, "{_, _}", w->tx, w->origin));
    if (tx == NULL || !etf_ref_equal(w->origin, tx->origin))
        return GEN_NEXT;
    return saga__happen(self, s, tx, SAGA_ON_COMMIT, &about);
}

static enum gen_next on_prepare(struct gen *self, struct saga *s,
                                struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_about about = { .value = w->value, .from = w->from };

    if (tx == NULL) {
        (void)saga__send(
            self, s, w->from_pid, SAGA_TAG_VOTE,
            etf_make(self, "{_, _, {no, unknown}}", w->tx, w->origin));
        return GEN_NEXT;
    }
    if (!etf_ref_equal(w->origin, tx->origin) || tx->coordinator != NULL)
        return GEN_NEXT;
    tx->coordinator = etf_box_new(w->extra); /* NULL: it cannot prepare */
    return saga__happen(self, s, tx, SAGA_ON_PREPARE, &about);
}

static enum gen_next on_vote(struct gen *self, struct saga *s,
                             struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_about about = { .value = w->value };
    struct saga_next *next = next_of(s, tx, w->origin);
    etf_term list, why;

    if (next == NULL || next->yes || tx->shown.state != SAGA_PREPARING)
        return GEN_NEXT;
    about.next = next;
    if (!etf_match(w->value, "{yes, _}", &list) ||
        saga__parts_add(s, tx, list) != AGNER_OK) {
        about.value = etf_match(w->value, "{no, _}", &why)
                          ? why
                          : etf_make(self, "{bad_vote, _}", w->value);
        return saga__happen(self, s, tx, SAGA_ON_NO, &about);
    }
    next->yes = true;
    tx->votes--;
    return saga__happen(self, s, tx, SAGA_ON_YES, &about);
}

static enum gen_next on_ack(struct gen *self, struct saga *s,
                            struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_part *part =
        saga__keys_find(&s->keys, SAGA_KEY_PARTICIPANT, w->origin);
    struct saga_next *next = next_of(s, tx, w->origin);

    if (part != NULL && part->tx == tx)
        return saga__part_done(self, s, part);
    if (next != NULL && tx->shown.state == SAGA_DECIDED)
        return on_missed(self, s, tx, next, true);
    return GEN_NEXT;
}

/* Presumed abort: what is not known here was not decided here. */
static enum gen_next on_outcome(struct gen *self, struct saga *s,
                                struct saga_tx *tx, const struct saga_wire *w)
{
    etf_term outcome = etf_atom(tx == NULL ? "abort" : "commit");

    if (tx == NULL || tx->shown.state == SAGA_DECIDED)
        (void)saga__send(self, s, w->from_pid, SAGA_TAG_DECIDED,
                         etf_make(self, "{_, _}", w->tx, outcome));
    return GEN_NEXT;
}

static enum gen_next on_decided(struct gen *self, struct saga *s,
                                struct saga_tx *tx, const struct saga_wire *w)
{
    struct saga_about about = { .value = etf_make(self, "aborted"),
                                .from = w->from };

    if (etf_atom_is(w->value, "commit")) {
        about.value = ETF_NONE; /* it has the final value itself */
        return saga__happen(self, s, tx, SAGA_ON_COMMIT, &about);
    }
    if (etf_atom_is(w->value, "abort"))
        return saga__happen(self, s, tx, SAGA_ON_ABORT, &about);
    return GEN_NEXT;
}

/* ---- All of it -----------------------------------------------------------
 */

static enum gen_next on_timer(struct gen *self, struct saga *s,
                              const struct saga_wire *w)
{
    struct saga_about about = { .value = etf_make(self, "lifespan") };
    struct saga_tx *tx;
    struct saga_job *job;
    etf_ref ref;

    if (!etf_pid_equal(w->from, rt_self(self)))
        return GEN_NEXT;
    if (!etf_get_ref(w->value, &ref))
        return saga__tick(self, s);
    job = saga__keys_find(&s->keys, SAGA_KEY_JOB, ref);
    if (job != NULL && job->tx != NULL)
        return saga__job_late(self, s, job);
    tx = saga__tx_find(s, ref);
    if (tx == NULL)
        return GEN_NEXT;
    tx->timed = false;
    return saga__happen(self, s, tx, SAGA_ON_LIFESPAN, &about);
}

static enum gen_next arrive(struct gen *self, struct saga *s,
                            const struct saga_wire *w)
{
    struct saga_tx *tx = saga__tx_find(s, w->tx);

    switch (w->tag) { /* those that mean something without a transaction */
    case SAGA_TAG_NEXT:
        return on_next(self, s, w);
    case SAGA_TAG_INTERIM:
        return on_interim(self, s, tx, w);
    case SAGA_TAG_COMMIT:
        return on_commit(self, s, tx, w);
    case SAGA_TAG_PREPARE:
        return on_prepare(self, s, tx, w);
    case SAGA_TAG_OUTCOME:
        return on_outcome(self, s, tx, w);
    case SAGA_TAG_TIMER:
        return on_timer(self, s, w);
    case SAGA_TAG_JOB:
        return saga__job_arrive(self, s, w);
    case SAGA_TAG_RESULT:
        return tx == NULL ? GEN_NEXT : on_result(self, s, tx, w);
    case SAGA_TAG_CANCEL:
        return tx == NULL ? GEN_NEXT : on_cancel(self, s, tx, w);
    case SAGA_TAG_VOTE:
        return tx == NULL ? GEN_NEXT : on_vote(self, s, tx, w);
    case SAGA_TAG_ACK:
        return tx == NULL ? GEN_NEXT : on_ack(self, s, tx, w);
    case SAGA_TAG_DECIDED:
        return tx == NULL ? GEN_NEXT : on_decided(self, s, tx, w);
    case SAGA_TAG_COUNT:
        break;
    }
    return GEN_NEXT;
}

enum gen_next saga__arrive(struct gen *self, struct saga *s, etf_term message,
                           bool *ours)
{
    struct saga_wire wire;

    *ours = saga__read(s, message, &wire);
    if (!*ours)
        return GEN_NEXT;
    s->head.last = message;
    return arrive(self, s, &wire);
}

/* ---- Ends ------------------------------------------------------------------
 */

static enum gen_next parent_down(struct gen *self, struct saga *s,
                                 struct saga_tx *tx, etf_term reason)
{
    struct saga_about about = { .value = etf_make(self, "{parent_down, _, _}",
                                                  tx->parent, reason) };

    saga__keys_drop(&s->keys, &tx->parent_monitor);
    return saga__happen(self, s, tx, SAGA_ON_PARENT_DOWN, &about);
}

static enum gen_next next_down(struct gen *self, struct saga *s,
                               struct saga_next *next, etf_term object,
                               etf_term reason)
{
    return next_cancels(self, s, next,
                        etf_make(self, "{next_down, _, _}", object, reason));
}

/* A creator without a store that has ended: nobody will ever know. */
static enum gen_next coordinator_down(struct gen *self, struct saga *s,
                                      struct saga_tx *tx, etf_term reason)
{
    saga__keys_drop(&s->keys, &tx->coordinator_monitor);
    if (etf_same(reason, ETF_A(noconnection)) ||
        tx->shown.state != SAGA_PREPARED)
        return GEN_NEXT;
    tx->lost = true;
    saga__show(s, tx, tx->shown.state);
    saga__tell_error(self, tx, tx->origin, etf_make(self, "in_doubt"),
                     etf_box_term(tx->coordinator));
    return GEN_NEXT;
}

static enum gen_next participant_down(struct gen *self, struct saga *s,
                                      struct saga_part *part, etf_term reason)
{
    saga__keys_drop(&s->keys, &part->watch);
    if (etf_same(reason, ETF_A(noconnection)))
        return GEN_NEXT; /* it is told again */
    return saga__part_done(self, s, part);
}

enum gen_next saga__down(struct gen *self, struct saga *s, etf_term message,
                         bool *ours)
{
    const struct saga_keys *keys = &s->keys;
    etf_term object, reason;
    void *owner;
    etf_ref ref;

    *ours = true;
    if (!etf_match(message, "{'DOWN', _, process, _, _}", &ref, &object,
                   &reason)) {
        *ours = false;
        return GEN_NEXT;
    }
    s->head.last = message;
    if ((owner = saga__keys_find(keys, SAGA_KEY_NEXT, ref)) != NULL)
        return next_down(self, s, owner, object, reason);
    if ((owner = saga__keys_find(keys, SAGA_KEY_PARENT, ref)) != NULL)
        return parent_down(self, s, owner, reason);
    if ((owner = saga__keys_find(keys, SAGA_KEY_COORDINATOR, ref)) != NULL)
        return coordinator_down(self, s, owner, reason);
    if ((owner = saga__keys_find(keys, SAGA_KEY_WATCH, ref)) != NULL)
        return participant_down(self, s, owner, reason);
    *ours = false;
    return GEN_NEXT;
}

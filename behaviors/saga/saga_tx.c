/*
 * saga_tx.c -- a saga's transactions: making, finding, forgetting.
 *
 * A transaction owns its nexts, its jobs, and of a vote its participants; each
 * has its timer or its monitor, and they end together.
 */
#include <stdlib.h>

#include "saga/saga_internal.h"

bool saga__is_creator(const struct saga_tx *tx)
{
    return saga__ref_is_empty(tx->origin);
}

struct saga_tx *saga__tx_find(const struct saga *s, etf_ref id)
{
    return saga__keys_find(&s->keys, SAGA_KEY_TX, id);
}

struct saga_tx *saga__tx_id(struct saga *s, struct gen_saga_tx id)
{
    return s == NULL ? NULL : saga__tx_find(s, id.ref);
}

static void list(struct saga *s, struct saga_tx *tx)
{
    rt__lock(&s->lock);
    tx->before = s->last;
    if (s->last != NULL)
        s->last->after = tx;
    else
        s->first = tx;
    s->last = tx;
    s->in_flight++;
    rt__unlock(&s->lock);
}

static void unlist(struct saga *s, struct saga_tx *tx)
{
    rt__lock(&s->lock);
    if (tx->before != NULL)
        tx->before->after = tx->after;
    else
        s->first = tx->after;
    if (tx->after != NULL)
        tx->after->before = tx->before;
    else
        s->last = tx->before;
    s->in_flight--;
    s->stuck -= tx->shown.stuck;
    rt__unlock(&s->lock);
}

struct saga_tx *saga__tx_new(struct gen *self, struct saga *s, etf_ref id)
{
    struct saga_tx *tx;

    if (saga__tx_find(s, id) != NULL)
        return NULL;
    tx = calloc(1, sizeof *tx);
    if (tx == NULL)
        return NULL;
    if (saga__keys_put(&s->keys, &tx->key, SAGA_KEY_TX, id, tx) != AGNER_OK) {
        free(tx);
        return NULL;
    }
    tx->origin = saga__empty_ref();
    tx->shown.begun_ms = tx->shown.deadline_ms = rt_now_ms(rt_of(self));
    list(s, tx);
    return tx;
}

/* ---- Timers and monitors --------------------------------------------------
 */

void saga__untimed(struct gen *self, struct rt_timer *timer, bool *timed)
{
    if (*timed && self != NULL)
        (void)rt_cancel_timer(self, timer, NULL); /* one that is out is late */
    *timed = false;
}

void saga__unmonitor(struct gen *self, struct saga *s, struct saga_key *key)
{
    if (key->listed && self != NULL)
        (void)rt_demonitor(self, key->ref, true);
    saga__keys_drop(&s->keys, key);
}

uint64_t saga__left_ms(struct gen *self, const struct saga_tx *tx)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));

    return tx->shown.deadline_ms > now_ms ? tx->shown.deadline_ms - now_ms : 0;
}

enum agner_err saga__live(struct gen *self, struct saga_tx *tx, uint64_t ms)
{
    struct saga *s = saga__of(self);
    etf_term items[3] = { s->atoms[SAGA_TAG_TIMER], rt_self_term(self),
                          saga__ref(self, tx->key.ref) };
    etf_term message = etf_tuple(rt_region(self), items, 3);
    enum agner_err err;

    if (etf_is_none(message))
        return AGNER_ENOMEM;
    rt__lock(&s->lock);
    tx->shown.deadline_ms = rt_now_ms(rt_of(self)) + ms;
    rt__unlock(&s->lock);
    err = rt_send_after(self, rt_self_term(self), message, ms, &tx->lifespan);
    tx->timed = err == AGNER_OK;
    return err;
}

/* ---- Nexts and jobs --------------------------------------------------------
 */

void saga__next_done(struct gen *self, struct saga_next *next)
{
    next->done = true;
    saga__untimed(self, &next->timer, &next->timed);
}

void saga__next_free(struct gen *self, struct saga *s, struct saga_next *next)
{
    struct saga_next **at = &next->tx->nexts;

    while (*at != next)
        at = &(*at)->link;
    *at = next->link;
    saga__untimed(self, &next->timer, &next->timed);
    saga__unmonitor(self, s, &next->key);
    etf_box_free(next->to);
    free(next);
}

static void unlink_job(struct saga *s, struct saga_job *job)
{
    struct saga_job **at = job->tx != NULL ? &job->tx->jobs : &s->orphans;

    while (*at != job)
        at = &(*at)->link;
    *at = job->link;
}

/* It is of no transaction any more; its end is still to be heard of. */
void saga__job_detach(struct gen *self, struct saga *s, struct saga_job *job)
{
    saga__untimed(self, &job->timer, &job->timed);
    if (job->dead) {
        saga__job_free(s, job);
        return;
    }
    unlink_job(s, job);
    saga__keys_drop(&s->keys, &job->key);
    job->tx = NULL;
    job->link = s->orphans;
    s->orphans = job;
}

void saga__job_free(struct saga *s, struct saga_job *job)
{
    unlink_job(s, job);
    saga__keys_drop(&s->keys, &job->key);
    saga__keys_drop(&s->keys, &job->worker);
    free(job);
}

size_t saga__open(const struct saga_tx *tx)
{
    size_t open = 0;

    for (const struct saga_job *job = tx->jobs; job != NULL; job = job->link)
        open += !job->done;
    for (const struct saga_next *n = tx->nexts; n != NULL; n = n->link)
        open += !n->done;
    return open;
}

void saga__part_free(struct gen *self, struct saga *s, struct saga_part *part)
{
    struct saga_part **at = &part->tx->parts;

    while (*at != part)
        at = &(*at)->link;
    *at = part->link;
    saga__unmonitor(self, s, &part->watch);
    saga__keys_drop(&s->keys, &part->key);
    etf_box_free(part->to);
    free(part);
}

/* ---- The end ---------------------------------------------------------------
 */

void saga__tx_free(struct gen *self, struct saga *s, struct saga_tx *tx)
{
    saga__untimed(self, &tx->lifespan, &tx->timed);
    saga__unmonitor(self, s, &tx->parent_monitor);
    saga__unmonitor(self, s, &tx->coordinator_monitor);
    while (tx->nexts != NULL)
        saga__next_free(self, s, tx->nexts);
    while (tx->jobs != NULL)
        saga__job_detach(self, s, tx->jobs);
    while (tx->parts != NULL)
        saga__part_free(self, s, tx->parts);
    saga__keys_drop(&s->keys, &tx->key);
    unlist(s, tx);
    etf_box_free(tx->trail);
    etf_box_free(tx->final);
    etf_box_free(tx->coordinator);
    free(tx);
}

void saga__fini(struct gen *self, struct saga *s)
{
    while (s->first != NULL)
        saga__tx_free(self, s, s->first);
    while (s->orphans != NULL)
        saga__job_free(s, s->orphans);
    saga__keys_fini(&s->keys);
    etf_box_free(s->spent);
    s->spent = NULL;
}

/* ---- What others see -------------------------------------------------------
 */

void saga__show(struct saga *s, struct saga_tx *tx, enum saga_state state)
{
    struct saga_shown shown = tx->shown;

    shown.state = state;
    shown.jobs = shown.nexts = 0;
    for (const struct saga_job *job = tx->jobs; job != NULL; job = job->link)
        shown.jobs += !job->done;
    for (const struct saga_next *n = tx->nexts; n != NULL; n = n->link)
        shown.nexts += !n->done;
    shown.stuck = tx->lost;
    shown.vote = tx->options.commit == GEN_SAGA_VOTE;
    rt__lock(&s->lock);
    s->stuck += (uint64_t)shown.stuck - (uint64_t)tx->shown.stuck;
    tx->shown = shown;
    rt__unlock(&s->lock);
}

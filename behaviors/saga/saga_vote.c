/*
 * saga_vote.c -- acts on a two-phase commit: vote.c decides.
 *
 * Votes come up the way that the transaction went down, with the list of all
 * who have prepared behind each; the creator then tells each of them itself,
 * so that nobody in between is needed for the second phase. Each knows the
 * creator, by {Name, Node} if it has a store, and asks it when in doubt.
 */
#include <stdlib.h>

#include "saga/saga_internal.h"

/* ---- Who one is ------------------------------------------------------------
 */

etf_term saga__address(struct gen *self, const struct saga *s)
{
    etf_term names, name = ETF_NONE;
    struct etf_self node = rt_node(rt_of(self));

    if (s->store == NULL)
        return rt_self_term(self);
    names = rt_names_of(rt_of(self), rt_region(self), rt_self(self));
    if (!etf_list_next(&names, &name))
        return rt_self_term(self);
    return etf_make(self, "{_, _}", name,
                    etf_is_none(node.name) ? ETF_A(noname) : node.name);
}

static bool is_pid(etf_term t)
{
    return etf_kind(t) == ETF_KIND_PID;
}

/* ---- Phase one -------------------------------------------------------------
 */

static enum gen_next no(struct gen *self, struct saga *s, struct saga_tx *tx,
                        etf_term why)
{
    struct saga_about about = { .value = why };

    if (etf_is_none(why))
        about.value = etf_make(self, "refused");
    return saga__happen(self, s, tx, SAGA_ON_NO, &about);
}

static void ask_below(struct gen *self, struct saga *s, struct saga_tx *tx)
{
    etf_term final = etf_box_term(tx->final);
    etf_term coordinator = etf_box_term(tx->coordinator);

    tx->votes = 0;
    for (struct saga_next *n = tx->nexts; n != NULL; n = n->link, tx->votes++)
        /* One that cannot be reached is seen by its monitor. */
        (void)saga__send(self, s, etf_box_term(n->to), SAGA_TAG_PREPARE,
                         etf_make(self, "{_, _, _, _}", tx->key.ref, n->key.ref,
                                  final, coordinator));
    for (struct saga_job *job = tx->jobs; job != NULL; job = job->link) {
        tx->votes++;
        if (saga__worker_tell(self, job, "prepare", final) != AGNER_OK)
            (void)rt_exit_signal(self, job->pid, ETF_A(kill));
    }
}

static bool has_dead_job(const struct saga_tx *tx)
{
    for (const struct saga_job *job = tx->jobs; job != NULL; job = job->link)
        if (job->dead)
            return true;
    return false;
}

static bool keep_final(struct gen *self, struct saga *s, struct saga_tx *tx,
                       etf_term final)
{
    tx->final = etf_box_new(final);
    if (tx->coordinator == NULL)
        tx->coordinator = etf_box_new(saga__address(self, s));
    return tx->final != NULL && tx->coordinator != NULL;
}

/* The saga is asked itself first: who says no need not trouble others. */
enum gen_next saga__prepare(struct gen *self, struct saga *s,
                            struct saga_tx *tx, etf_term final)
{
    struct gen_saga_tx id = { tx->key.ref };
    etf_term why = ETF_NONE;

    saga__show(s, tx, SAGA_PREPARING);
    if (!keep_final(self, s, tx, final))
        return no(self, s, tx, ETF_A(memory_limit));
    if (has_dead_job(tx))
        return no(self, s, tx, etf_make(self, "job_down"));
    if (saga__store_vote(self, s, tx) != AGNER_OK)
        return no(self, s, tx, etf_make(self, "{store, eio}"));
    s->head.last = final;
    if (s->table->handle_tx_prepare != NULL &&
        !s->table->handle_tx_prepare(self, id, etf_box_term(tx->final), &why))
        return no(self, s, tx, why);
    ask_below(self, s, tx);
    if (tx->votes != 0)
        return GEN_NEXT;
    return saga__happen(self, s, tx, SAGA_ON_YES,
                        &(struct saga_about){ .value = ETF_NONE });
}

void saga__vote_no(struct gen *self, struct saga *s, struct saga_tx *tx,
                   etf_term reason)
{
    if (etf_pid_is_none(tx->parent))
        return;
    (void)saga__send(
        self, s, etf_from_pid(rt_region(self), tx->parent), SAGA_TAG_VOTE,
        etf_make(self, "{_, _, {no, _}}", tx->key.ref, tx->origin, reason));
}

/* {yes, [{Origin, Address}]} of this one and of all behind it. One that does
 * not arrive is an abort: the parent sees a lost connection. */
void saga__vote_yes(struct gen *self, struct saga *s, struct saga_tx *tx)
{
    etf_term list = etf_nil();

    for (const struct saga_part *p = tx->parts; p != NULL; p = p->link)
        list = etf_cons(
            rt_region(self),
            etf_make(self, "{_, _}", p->key.ref, etf_box_term(p->to)), list);
    list = etf_cons(
        rt_region(self),
        etf_make(self, "{_, _}", tx->origin, saga__address(self, s)), list);
    (void)saga__send(
        self, s, etf_from_pid(rt_region(self), tx->parent), SAGA_TAG_VOTE,
        etf_make(self, "{_, _, {yes, _}}", tx->key.ref, tx->origin, list));
    saga__untimed(self, &tx->lifespan, &tx->timed);
    saga__ticking(self, s);
}

/* ---- Participants ----------------------------------------------------------
 */

enum agner_err saga__part_add(struct saga *s, struct saga_tx *tx, etf_ref id,
                              etf_term to)
{
    struct saga_part *part;

    if (saga__keys_find(&s->keys, SAGA_KEY_PARTICIPANT, id) != NULL)
        return AGNER_EINVAL;
    part = calloc(1, sizeof *part);
    if (part == NULL)
        return AGNER_ENOMEM;
    part->tx = tx;
    part->to = etf_box_new(to);
    if (part->to == NULL ||
        saga__keys_put(&s->keys, &part->key, SAGA_KEY_PARTICIPANT, id, part) !=
            AGNER_OK) {
        etf_box_free(part->to);
        free(part);
        return AGNER_ENOMEM;
    }
    part->link = tx->parts;
    tx->parts = part;
    return AGNER_OK;
}

enum agner_err saga__parts_add(struct saga *s, struct saga_tx *tx,
                               etf_term list)
{
    enum agner_err err = AGNER_OK;
    size_t count = 0;
    etf_term one, to;
    etf_ref id;

    for (const struct saga_part *p = tx->parts; p != NULL; p = p->link)
        count++;
    while (err == AGNER_OK && etf_list_next(&list, &one)) {
        if (++count > GEN_SAGA_PARTICIPANTS_MAX)
            err = AGNER_ELIMIT;
        else if (!etf_match(one, "{_, _}", &id, &to))
            err = AGNER_EINVAL;
        else
            err = saga__part_add(s, tx, id, to);
    }
    return err;
}

/* ---- Phase two -------------------------------------------------------------
 */

/* Nexts are no longer of interest: participants are. */
enum agner_err saga__decide(struct gen *self, struct saga *s,
                            struct saga_tx *tx)
{
    enum agner_err err = saga__store_decision(self, s, tx);

    if (err != AGNER_OK)
        return err;
    saga__untimed(self, &tx->lifespan, &tx->timed);
    while (tx->nexts != NULL)
        saga__next_free(self, s, tx->nexts);
    saga__ticking(self, s);
    return AGNER_OK;
}

/* One that has no name is gone with its process: that is looked out for. */
static void watch(struct gen *self, struct saga *s, struct saga_part *part)
{
    etf_ref ref;

    if (part->watch.listed || !is_pid(etf_box_term(part->to)))
        return;
    if (rt_monitor(self, etf_box_term(part->to), 0, &ref) != AGNER_OK)
        return; /* next time */
    if (saga__keys_put(&s->keys, &part->watch, SAGA_KEY_WATCH, ref, part) !=
        AGNER_OK)
        (void)rt_demonitor(self, ref, true);
}

void saga__push(struct gen *self, struct saga *s, struct saga_tx *tx)
{
    etf_term final = etf_box_term(tx->final);

    for (struct saga_part *p = tx->parts; p != NULL; p = p->link) {
        (void)saga__send(
            self, s, etf_box_term(p->to), SAGA_TAG_COMMIT,
            etf_make(self, "{_, _, _, vote}", tx->key.ref, p->key.ref, final));
        watch(self, s, p);
    }
}

enum gen_next saga__part_done(struct gen *self, struct saga *s,
                              struct saga_part *part)
{
    struct saga_tx *tx = part->tx;

    if (tx->shown.state != SAGA_DECIDED)
        return GEN_NEXT;
    saga__part_free(self, s, part);
    return saga__happen(self, s, tx, SAGA_ON_ACK,
                        &(struct saga_about){ .value = ETF_NONE });
}

void saga__ask(struct gen *self, struct saga *s, struct saga_tx *tx)
{
    etf_term to = etf_box_term(tx->coordinator);
    etf_ref ref;

    if (tx->lost)
        return;
    (void)saga__send(self, s, to, SAGA_TAG_OUTCOME,
                     saga__ref(self, tx->key.ref));
    if (!is_pid(to) || tx->coordinator_monitor.listed ||
        rt_monitor(self, to, 0, &ref) != AGNER_OK)
        return;
    if (saga__keys_put(&s->keys, &tx->coordinator_monitor, SAGA_KEY_COORDINATOR,
                       ref, tx) != AGNER_OK)
        (void)rt_demonitor(self, ref, true);
}

void saga__ack(struct gen *self, struct saga *s, const struct saga_tx *tx,
               etf_pid to)
{
    etf_term body = etf_make(self, "{_, _}", tx->key.ref, tx->origin);

    if (saga__is_creator(tx))
        return;
    if (tx->options.commit == GEN_SAGA_VOTE)
        (void)saga__send(self, s, etf_box_term(tx->coordinator), SAGA_TAG_ACK,
                         body);
    else if (tx->options.ack && !etf_pid_is_none(to))
        (void)saga__send(self, s, etf_from_pid(rt_region(self), to),
                         SAGA_TAG_ACK, body);
}

/* ---- Time ------------------------------------------------------------------
 */

static bool waits_for_outcome(const struct saga_tx *tx)
{
    return tx->options.commit == GEN_SAGA_VOTE &&
           ((tx->shown.state == SAGA_PREPARED && !tx->lost) ||
            tx->shown.state == SAGA_DECIDED || tx->shown.state == SAGA_OVER);
}

void saga__ticking(struct gen *self, struct saga *s)
{
    etf_term items[3] = { s->atoms[SAGA_TAG_TIMER], rt_self_term(self),
                          ETF_A(timeout) };
    etf_term message = etf_tuple(rt_region(self), items, 3);

    if (s->ticking)
        return;
    s->ticking = !etf_is_none(message) &&
                 rt_send_after(self, rt_self_term(self), message,
                               GEN_SAGA_ASK_MS, &s->tick) == AGNER_OK;
    s->tick_late = !s->ticking;
    if (s->tick_late) /* no memory: again with the next message, or then */
        rt_timeout(self, GEN_SAGA_ASK_MS);
}

enum gen_next saga__tick(struct gen *self, struct saga *s)
{
    struct saga_tx *tx, *after;
    enum gen_next next = GEN_NEXT;

    s->ticking = false;
    for (tx = s->first; tx != NULL && next == GEN_NEXT; tx = after) {
        after = tx->after;
        if (waits_for_outcome(tx))
            next = saga__happen(self, s, tx, SAGA_ON_TICK,
                                &(struct saga_about){ .value = ETF_NONE });
    }
    for (tx = s->first; tx != NULL && !s->ticking; tx = tx->after)
        if (waits_for_outcome(tx))
            saga__ticking(self, s);
    return next;
}

/* ---- Of an earlier life ----------------------------------------------------
 */

enum gen_next saga__take_up(struct gen *self, struct saga *s,
                            struct saga_tx *tx)
{
    struct saga_about about = { .value = etf_box_term(tx->final) };
    struct gen_saga_tx id = { tx->key.ref };
    enum gen_next next = GEN_NEXT;

    tx->restored = false;
    saga__ticking(self, s);
    if (tx->shown.state == SAGA_PREPARED && !saga__is_creator(tx)) {
        saga__ask(self, s, tx);
        return GEN_NEXT;
    }
    if (tx->shown.state == SAGA_PREPARED) {
        about.value = etf_make(self, "aborted"); /* nothing was decided */
        return saga__happen(self, s, tx, SAGA_ON_ABORT, &about);
    }
    saga__push(self, s, tx);
    s->head.last = about.value;
    if (s->table->handle_tx_commit != NULL)
        next = s->table->handle_tx_commit(self, id, about.value);
    if (tx->parts == NULL)
        (void)saga__happen(self, s, tx, SAGA_ON_ACK, &about);
    return next;
}

/*
 * supervisor_stop.c -- stops children: one, a row from the last, or all.
 *
 * A child is told to end (exit signal `shutdown`, or `kill` at once), and when
 * its time is over it is killed. That it has ended shows by the exit of its
 * link, of which there is exactly one: a child that took its link away is
 * linked again, before and while we wait, and then either it is alive or the
 * new link says that it is gone. So no monitors are needed, whose entries would
 * be the largest part of stopping a million children.
 *
 * Other messages stay in the mailbox, in order; exits of other children are
 * dealt with in their turn.
 */
#include "supervisor.h"

#define RELINK_MS 1000u /* between looks at links while waiting */
#define KILLED_MS 5000u /* for a killed child whose C code does not return */
#define RETRY_MS  10u   /* when memory is out */
#define RESET_EVERY \
    1024u /* ends, after which what was received is given back */

/* ---- Waiting for an end ------------------------------------------------- */

struct wanted {
    const struct supervisor *sup;
    struct child *child; /* the one that has ended; of a single one: it */
    bool any;            /* whichever is CHILD_STOPPING or CHILD_KILLED */
};

static bool is_stopping(const struct child *child)
{
    return child->state == CHILD_STOPPING || child->state == CHILD_KILLED;
}

static bool is_wanted(void *ctx, etf_term m)
{
    struct wanted *w = ctx;
    struct child *child;

    if (!etf_is_tagged(m, ETF_A(EXIT), 3))
        return false;
    child = gen__child_by_pid(&w->sup->children, etf_tuple_items(m)[1]);
    if (child == NULL || !is_stopping(child) || (!w->any && child != w->child))
        return false;
    w->child = child;
    return true;
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a wait that begins now and takes `ms` is over. */
static uint64_t deadline(struct gen *self, uint64_t ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));

    return ms >= RT_INFINITY - now_ms ? RT_INFINITY : now_ms + ms;
}

static uint64_t left_ms(struct gen *self, uint64_t until_ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(self));

    return until_ms > now_ms ? until_ms - now_ms : 0;
}

/* ---- One child ---------------------------------------------------------- */

/* Waits for the end of the one child, up to `until_ms`. */
static enum agner_err await(struct gen *self, struct wanted *w,
                            uint64_t until_ms, etf_term *reason)
{
    etf_term message;
    enum agner_err err;

    for (;;) {
        uint64_t left = left_ms(self, until_ms);

        err = rt_receive_match(self, is_wanted, w, min(left, RELINK_MS),
                               &message);
        if (err == AGNER_OK)
            *reason = etf_tuple_items(message)[2];
        if (err == AGNER_ENOMEM)
            (void)rt_sleep(self, RETRY_MS);
        else if (err != AGNER_ETIMEOUT || left <= RELINK_MS)
            return err;
        (void)rt_link(self, gen__child_pid(w->child));
    }
}

/* A signal that finds no memory is given again until there is some. */
static void signal_end(struct gen *self, struct supervisor *sup,
                       struct child *child, bool kill)
{
    etf_term reason = kill ? ETF_A(kill) : ETF_A(shutdown);
    etf_pid pid = gen__child_pid(child);

    (void)rt_link(self, pid); /* it may have unlinked itself, or be gone */
    while (rt_exit_signal(self, pid, reason) == AGNER_ENOMEM)
        (void)rt_sleep(self, RETRY_MS);
    gen__child_state(&sup->children, child,
                     kill ? CHILD_KILLED : CHILD_STOPPING);
}

/* The child is gone, or as good as gone. */
static void stopped(struct gen *self, struct supervisor *sup,
                    struct child *child, etf_term reason)
{
    gen__tell_end(self, sup, child, reason);
    gen__child_unmap(&sup->children, child);
    gen__child_state(&sup->children, child, CHILD_STOPPED);
}

static void report_unless_expected(struct gen *self, struct supervisor *sup,
                                   const struct child *child, etf_term reason)
{
    const struct child_spec *spec = child->spec;

    if (!gen__stop_expected(spec->restart, spec->shutdown_ms,
                            gen__end_kind(reason)))
        gen__report_error(self, sup, REPORT_SHUTDOWN_ERROR, child, reason);
}

void gen__child_stop(struct gen *self, struct supervisor *sup,
                     struct child *child)
{
    uint64_t shutdown_ms = child->spec->shutdown_ms;
    bool brutal = shutdown_ms == GEN_BRUTAL_KILL;
    struct wanted w = { .sup = sup, .child = child };
    etf_term reason = ETF_A(killed);
    enum agner_err err;

    if (child->state != CHILD_RUNNING) {
        gen__child_unmap(&sup->children, child);
        gen__child_state(&sup->children, child, CHILD_STOPPED);
        return;
    }
    signal_end(self, sup, child, brutal);
    err = await(self, &w, deadline(self, brutal ? KILLED_MS : shutdown_ms),
                &reason);
    if (err == AGNER_ETIMEOUT && !brutal) {
        signal_end(self, sup, child, true);
        err = await(self, &w, deadline(self, KILLED_MS), &reason);
    }
    if (err == AGNER_OK || err == AGNER_ETIMEOUT)
        report_unless_expected(self, sup, child, reason);
    stopped(self, sup, child, reason);
}

/* ---- All at once -------------------------------------------------------- */

#define REASONS_MAX 8u /* unexpected reasons that are put together */

/* Alike ends make one report. */
struct tally {
    struct {
        struct etf_box *reason;        /* owned */
        const struct child_spec *spec; /* borrowed: a child's */
        uint64_t count;
    } rows[REASONS_MAX];
    size_t used;
};

struct stopping {
    struct supervisor *sup;
    struct child *first;
    struct tally tally;
    uint64_t remaining;
    uint64_t begun_ms;
    uint64_t killed_ms; /* when the last one was killed */
};

static void count_end(struct gen *self, struct stopping *s,
                      const struct child *child, etf_term reason)
{
    const struct child_spec *spec = child->spec;
    struct tally *t = &s->tally;
    size_t i = 0;

    if (gen__stop_expected(spec->restart, spec->shutdown_ms,
                           gen__end_kind(reason)))
        return;
    while (i < t->used && (t->rows[i].spec != spec ||
                           !etf_equal(etf_box_term(t->rows[i].reason), reason)))
        i++;
    if (i == t->used && i < REASONS_MAX) {
        t->rows[i].reason = etf_box_new(reason);
        t->rows[i].spec = spec;
        t->rows[i].count = 0;
        t->used += t->rows[i].reason != NULL;
    }
    if (i < t->used)
        t->rows[i].count++;
    else
        gen__report_error(self, s->sup, REPORT_SHUTDOWN_ERROR, child, reason);
}

static void report_tally(struct gen *self, struct stopping *s)
{
    for (size_t i = 0; i < s->tally.used; i++) {
        gen__report_many(self, s->sup, s->tally.rows[i].spec,
                         s->tally.rows[i].count,
                         etf_box_term(s->tally.rows[i].reason));
        etf_box_free(s->tally.rows[i].reason);
    }
}

static void has_ended(struct gen *self, struct stopping *s, struct child *child,
                      etf_term reason)
{
    count_end(self, s, child, reason);
    stopped(self, s->sup, child, reason);
    s->remaining--;
    /* In terminate nothing that was received is needed any more. */
    if (s->sup->ending && s->remaining % RESET_EVERY == 0)
        rt_reset(self);
}

static void tell_all(struct gen *self, struct stopping *s)
{
    struct child *child = s->sup->children.last, *before;

    for (;; child = before) {
        bool last = child == s->first;

        before = child->before;
        if (child->state == CHILD_RUNNING) {
            signal_end(self, s->sup, child,
                       child->spec->shutdown_ms == GEN_BRUTAL_KILL);
            s->remaining++;
        } else {
            gen__child_unmap(&s->sup->children, child);
            gen__child_state(&s->sup->children, child, CHILD_STOPPED);
        }
        if (last)
            return;
    }
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return b >= RT_INFINITY - a ? RT_INFINITY : a + b;
}

/* When the child's patience, or ours with it, is over. */
static uint64_t patience(const struct stopping *s, const struct child *child)
{
    return child->state == CHILD_KILLED
               ? plus(s->killed_ms, KILLED_MS)
               : plus(s->begun_ms, child->spec->shutdown_ms);
}

/* Kills whose time is over, gives up who was killed and does not end, links
 * again to the others. Returns when to look again. */
static uint64_t look(struct gen *self, struct stopping *s)
{
    uint64_t now_ms = rt_now_ms(rt_of(self)), next_ms = RT_INFINITY;
    uint64_t killed_ms = s->killed_ms;

    for (struct child *child = s->first; child != NULL; child = child->after) {
        if (!is_stopping(child))
            continue;
        if (patience(s, child) > now_ms) {
            (void)rt_link(self, gen__child_pid(child));
        } else if (child->state == CHILD_STOPPING) {
            signal_end(self, s->sup, child, true);
            killed_ms = now_ms;
        } else {
            has_ended(self, s, child, ETF_A(killed));
            continue;
        }
        if (child->state == CHILD_STOPPING)
            next_ms = min(next_ms, patience(s, child));
    }
    s->killed_ms = killed_ms;
    return min(next_ms, plus(now_ms, RELINK_MS));
}

static void stop_at_once(struct gen *self, struct supervisor *sup,
                         struct child *first)
{
    struct stopping s = { .sup = sup,
                          .first = first,
                          .begun_ms = rt_now_ms(rt_of(self)) };
    struct wanted w = { .sup = sup, .any = true };
    enum agner_err err = AGNER_OK;
    uint64_t until_ms;
    etf_term message;

    s.killed_ms = s.begun_ms;
    tell_all(self, &s);
    until_ms = look(self, &s);
    while (s.remaining > 0 &&
           (err == AGNER_OK || err == AGNER_ETIMEOUT || err == AGNER_ENOMEM)) {
        err = rt_receive_match(self, is_wanted, &w, left_ms(self, until_ms),
                               &message);
        if (err == AGNER_OK)
            has_ended(self, &s, w.child, etf_tuple_items(message)[2]);
        else if (err == AGNER_ETIMEOUT)
            until_ms = look(self, &s);
        else if (err == AGNER_ENOMEM)
            (void)rt_sleep(self, RETRY_MS);
    }
    report_tally(self, &s);
}

void gen__children_stop(struct gen *self, struct supervisor *sup,
                        struct child *first)
{
    struct child *child, *before;

    if (first == NULL)
        return;
    if (gen__is_simple(sup) || sup->flags.parallel_stop) {
        stop_at_once(self, sup, first);
        return;
    }
    for (child = sup->children.last;; child = before) {
        before = child->before;
        gen__child_stop(self, sup, child);
        if (child == first)
            return;
    }
}

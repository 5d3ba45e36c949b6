/*
 * limits.c -- mailboxes with a limit: when one is full, and what happens then.
 *
 * Source: spec/reliability.md 1.5.
 */
#include <stdlib.h>

#include "relation.h"
#include "worker.h"

#define TELL_MS 1000u /* at most one line about a mailbox in that time */

/* May late senders read it, without memory of its own? */
static bool is_word(etf_term t)
{
    unsigned tag = etf__tag(t);

    return tag != ETF__NONE && tag != ETF__BOX && tag != ETF__CONS;
}

static bool can_fall_back(const struct rt_spawn_options *o)
{
    unsigned tag = etf__tag(o->fallback);

    return (tag == ETF__PID || tag == ETF__ATOM) && is_word(o->fallback_tag);
}

/* The place of a slot's limits; NULL: no memory. Two may want the first of a
 * chunk at once. Order: release publishes the empty table. */
static struct limits **place_of(struct rt *rt, const struct process *p)
{
    uint32_t chunk = p->slot >> CHUNK_BITS;
    struct limits **table = load_acquire(&rt->limits[chunk]);
    struct limits **made;

    if (table == NULL) {
        made = calloc(CHUNK_SLOTS, sizeof(struct limits *));
        if (made == NULL)
            return NULL;
        if (cas_acq_rel(&rt->limits[chunk], &table, made))
            table = made;
        else
            free(made);
    }
    return &table[p->slot & (CHUNK_SLOTS - 1)];
}

enum agner_err rt__limits_set(struct rt *rt, struct process *p,
                              const struct rt_spawn_options *o)
{
    struct limits **limits;

    if (o->mailbox_max == 0 && o->mailbox_bytes_max == 0)
        return AGNER_OK;
    if (o->overflow == RT_OVERFLOW_FALLBACK && !can_fall_back(o))
        return AGNER_EINVAL;
    limits = place_of(rt, p);
    if (limits == NULL)
        return AGNER_ENOMEM;
    if (*limits == NULL)
        *limits = calloc(1, sizeof **limits);
    if (*limits == NULL)
        return AGNER_ENOMEM;
    store_relaxed(&(*limits)->count_max, o->mailbox_max);
    store_relaxed(&(*limits)->bytes_max, o->mailbox_bytes_max);
    store_relaxed(&(*limits)->overflow, (uint32_t)o->overflow);
    store_relaxed(&(*limits)->fallback, o->fallback.word);
    store_relaxed(&(*limits)->fallback_tag, o->fallback_tag.word);
    p->relations->extras->limits = *limits;
    store_relaxed(&p->door, (uint8_t)(load_relaxed(&p->door) | DOOR_LIMITED));
    return AGNER_OK;
}

static bool is_full(const struct limits *limits)
{
    uint64_t count_max = load_relaxed(&limits->count_max);
    uint64_t bytes_max = load_relaxed(&limits->bytes_max);

    return (count_max != 0 && load_relaxed(&limits->count) >= count_max) ||
           (bytes_max != 0 && load_relaxed(&limits->bytes) >= bytes_max);
}

void rt__limits_eased(struct gen *self)
{
    struct limits *limits = self->process->relations->extras->limits;
    uint64_t count_max = load_relaxed(&limits->count_max);

    if (load_relaxed(&limits->overflow) == RT_OVERFLOW_BLOCK &&
        (load_relaxed(&limits->count) * 2 <= count_max || count_max == 0))
        rt__gate_open(self->rt, &limits->gate);
}

/* Waits until a full mailbox has room again. */
static enum agner_err wait_for_room(struct gen *self, struct process *p,
                                    struct limits *limits, etf_term to)
{
    enum agner_err err;

    if (self->process == p)
        return AGNER_EMAILBOXFULL; /* it would wait for itself */
    while (is_full(limits)) {
        if (rt__living(self->rt, to) == NULL)
            return AGNER_ENOPROC;
        rt__gate_shut(&limits->gate);
        /* It may have been emptied, or have died, before we shut the gate. */
        if (!is_full(limits) || rt__living(self->rt, to) == NULL)
            rt__gate_open(self->rt, &limits->gate);
        err = rt__gate_wait(self, &limits->gate);
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

void rt__limits_lost(struct rt *rt, struct worker *worker,
                     struct limits *limits, etf_term whose)
{
    uint64_t now_ms = rt_now_ms(rt), told_ms = load_relaxed(&limits->told_ms);

    rt__count_drop(rt, worker, RT_DROP_MAILBOX);
    add_relaxed(&limits->lost, 1u);
    if ((told_ms != 0 && now_ms - told_ms < TELL_MS) ||
        !cas_acq_rel(&limits->told_ms, &told_ms, now_ms))
        return;
    rt_log(rt, RT_LOG_WARNING, "full_mailbox: <0.%u.%u> has lost %llu messages",
           etf__pid_slot(whose), etf__pid_generation(whose),
           (unsigned long long)swap_acquire(&limits->lost, 0u));
}

/* Sends `m` wrapped up, {fallback, Pid, Tag, Message}, to the process that is
 * there for what finds no room. Takes m on success. */
static enum agner_err fall_back(struct rt *rt, struct worker *worker,
                                const struct limits *limits, etf_term to,
                                struct envelope *m)
{
    uint64_t words[64];
    struct etf_region r;
    struct rt_target target;
    struct envelope *wrapped;
    enum agner_err err = AGNER_EMAILBOXFULL;

    rt__target(rt, etf__word(load_relaxed(&limits->fallback)), &target);
    if (target.where != RT_WHERE_LOCAL)
        return err;
    etf__region_init(&r, words, 64, 0);
    wrapped = rt__envelope_new(
        worker, ENVELOPE_MESSAGE,
        etf_make(&r, "{fallback, _, _, _}", to,
                 etf__word(load_relaxed(&limits->fallback_tag)),
                 rt__message_term(&r, m)));
    etf__region_fini(&r);
    if (wrapped == NULL)
        return AGNER_ENOMEM;
    wrapped->sender = m->sender;
    err = rt__post_local(rt, NULL, worker, target.pid, wrapped,
                         RT_SEND_NOSUSPEND | RT__SEND_FALLBACK);
    if (err != AGNER_OK)
        return AGNER_EMAILBOXFULL;
    rt__envelope_free(rt, worker, m); /* a call in it is still open */
    return AGNER_OK;
}

/* A sender that is a process hears of it, and so does whoever falls back. */
static void refused(struct rt *rt, const struct gen *self,
                    struct worker *worker, struct limits *limits,
                    etf_term whose, unsigned flags)
{
    if ((flags & RT__SEND_FALLBACK) != 0)
        return;
    if (self == NULL)
        rt__limits_lost(rt, worker, limits, whose);
    else
        rt__count_drop(rt, worker, RT_DROP_MAILBOX);
}

enum agner_err rt__push_limited(struct rt *rt, struct gen *self,
                                struct worker *worker, struct process *p,
                                etf_term to, struct envelope *m, unsigned flags)
{
    struct limits *limits = rt__limits(rt, p);
    enum agner_err err;

    if (is_full(limits)) {
        switch ((enum rt_overflow)load_relaxed(&limits->overflow)) {
        case RT_OVERFLOW_FALLBACK:
            err = AGNER_EMAILBOXFULL;
            if ((flags & RT__SEND_FALLBACK) == 0) /* once, not round */
                err = fall_back(rt, worker, limits, to, m);
            if (err != AGNER_OK)
                refused(rt, self, worker, limits, to, flags);
            return err;
        case RT_OVERFLOW_FAIL:
            refused(rt, self, worker, limits, to, flags);
            return AGNER_EMAILBOXFULL;
        case RT_OVERFLOW_DROP_NEWEST:
            rt__limits_lost(rt, worker, limits, to);
            rt__refuse(rt, worker, p, m, ETF_A(mailbox_full));
            return AGNER_OK;
        case RT_OVERFLOW_DROP_OLDEST:
            break; /* its owner drops: receive.c */
        case RT_OVERFLOW_BLOCK:
            if (self == NULL || (flags & RT_SEND_NOSUSPEND) != 0) {
                rt__count_drop(rt, worker, RT_DROP_MAILBOX);
                return AGNER_EMAILBOXFULL;
            }
            err = wait_for_room(self, p, limits, to);
            if (err == AGNER_EMAILBOXFULL)
                rt__count_drop(rt, self->worker, RT_DROP_MAILBOX);
            if (err != AGNER_OK)
                return err;
            worker = self->worker;
            break;
        }
    }
    add_relaxed(&limits->count, 1u);
    add_relaxed(&limits->bytes, rt__envelope_bytes(m));
    m->flags |= ENVELOPE_COUNTED;
    err = rt__push_to(rt, worker, p, m);
    if (err != AGNER_OK)
        rt__uncount(limits, m);
    return err;
}

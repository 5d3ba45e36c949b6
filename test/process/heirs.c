/*
 * heirs.c -- what actors of a random program inherit, and the events that they
 * tell each other: invariants I3, I6 and I7 for both.
 *
 * Each actor knows what its environment and its group leader are: what its
 * parent's were when it was made, and what it has made of them. Each event is
 * told by its owner alone, {e, Life, N}, N from 1 without a gap.
 */
#include "heirs.h"

#include <stdio.h>

/* ---- What is inherited ------------------------------------------------------
 */

void heir_born(struct actor *a, const struct actor *parent,
               struct rt_spawn_options *options, struct gen *self)
{
    if (parent != NULL) {
        a->env = parent->env;
        a->leader = parent->leader;
    }
    if (draw(a->play, 4) != 0)
        return;
    a->env = 1 + (int64_t)draw(a->play, 1000);
    options->env = etf_make(self, "#{k => _}", a->env);
}

void heir_check(struct gen *self, const struct actor *me)
{
    etf_pid leader = rt_group_leader(self);
    etf_term value;
    int64_t n = 0;
    enum agner_err err = rt_env_get(self, etf_atom("k"), &value);

    if (err == AGNER_OK)
        (void)etf_get_int(value, &n);
    if (n != me->env)
        wrong(me->play, "actor %u has %d in its environment, not %d", me->id,
              (int)n, (int)me->env);
    if (!etf_pid_equal(leader,
                       etf_pid_is_none(me->leader) ? me->pid : me->leader))
        wrong(me->play, "actor %u has another leader", me->id);
}

void heir_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    const struct actor *a = &play->actors[draw(play, play->actor_count)];
    int64_t n = (int64_t)draw(play, 1000);

    heir_check(self, me);
    if (draw(play, 2) == 0) {
        if (rt_env_set(self, etf_atom("k"),
                       n == 0 ? ETF_NONE : etf_int(rt_region(self), n)) ==
            AGNER_OK)
            me->env = n;
    } else if (a->born && a->side == me->side) {
        if (rt_set_group_leader(self, me->pid, a->pid) == AGNER_OK)
            me->leader = a->pid;
    }
    heir_check(self, me);
}

/* ---- Events -----------------------------------------------------------------
 */

static etf_term name_of(unsigned index)
{
    static const char *const names[EVENTS] = { "spring", "summer", "autumn" };

    return etf_atom(names[index]);
}

/* Nobody has it any more, though its owner may not have said so. */
static bool is_over(const struct play *play, const struct told *e)
{
    return !e->open || !lives(&play->actors[e->owner]);
}

static void begin(struct gen *self, struct actor *me, unsigned index)
{
    struct told *e = &me->play->events[me->side->index][index];
    struct rt_event_options options = { .buffer = (uint32_t)draw(me->play, 4) };
    etf_ref token;
    enum agner_err err =
        rt_event_register(self, name_of(index), &options, &token);

    if (err == AGNER_ETAKEN && is_over(me->play, e))
        wrong(me->play, "event %u is taken by nobody", index);
    if (err != AGNER_OK)
        return;
    if (!is_over(me->play, e))
        wrong(me->play, "event %u has two owners", index);
    *e = (struct told){
        .open = true, .owner = me->id, .token = token, .life = e->life + 1
    };
}

static void tell(struct gen *self, struct actor *me, unsigned index)
{
    struct told *e = &me->play->events[me->side->index][index];
    enum agner_err err;

    if (draw(me->play, 8) == 0) {
        e->open = false;
        if (rt_event_unregister(self, name_of(index)) != AGNER_OK)
            e->open = true; /* it must end */
        return;
    }
    e->told++;
    err = rt_event_send(self, name_of(index), e->token,
                        etf_make(self, "{e, _, _}", e->life, e->told));
    if (err != AGNER_OK)
        e->told--;
    if (err == AGNER_EUNKNOWN || err == AGNER_EOWNER)
        wrong(me->play, "actor %u cannot tell its event", me->id);
}

/* {event, Name, Node, Time, {e, Life, N}} */
static bool read_event(etf_term event, etf_term *name, int64_t *life,
                       int64_t *n)
{
    return etf_match(event, "{event, _, __, __, {e, _, _}}", name, life, n);
}

static void listen(struct gen *self, struct actor *me, unsigned index)
{
    struct told *e = &me->play->events[me->side->index][index];
    struct listening *l = &me->listening[index];
    etf_term last, event, name;
    int64_t life, n, next = 0;
    etf_ref ref;

    if (rt_event_monitor(self, name_of(index), &ref, &last) != AGNER_OK)
        return;
    *l = (struct listening){ .ref = ref, .life = e->life, .active = true };
    l->next = e->told + 1;
    while (etf_list_next(&last, &event)) {
        if (!read_event(event, &name, &life, &n) || life != e->life ||
            (next != 0 && n != next))
            wrong(me->play, "actor %u is told what was not said", me->id);
        next = n + 1;
    }
    if (next != 0 && next != l->next)
        wrong(me->play, "actor %u is told the past until %d, not %d", me->id,
              (int)next, (int)l->next);
}

void event_one(struct gen *self, struct actor *me)
{
    unsigned index = (unsigned)draw(me->play, EVENTS);
    struct told *e = &me->play->events[me->side->index][index];
    struct listening *l = &me->listening[index];

    if (e->open && e->owner == me->id) {
        tell(self, me, index);
    } else if (is_over(me->play, e) && draw(me->play, 2) == 0) {
        begin(self, me, index);
    } else if (!l->active && !l->leaving) {
        listen(self, me, index);
    } else if (l->active && draw(me->play, 3) == 0) {
        (void)rt_demonitor(self, l->ref, true);
        l->active = false;
        l->leaving = true; /* what has come already may be seen */
        l->until = e->life == l->life ? e->told : INT64_MAX;
    }
}

static struct listening *listening_to(struct actor *me, etf_term name)
{
    unsigned i;

    for (i = 0; i < EVENTS; i++)
        if (etf_same(name, name_of(i)))
            return &me->listening[i];
    return NULL;
}

void saw_event(struct actor *me, etf_term event)
{
    struct listening *l;
    int64_t life, n;
    etf_term name;

    if (!read_event(event, &name, &life, &n)) {
        wrong(me->play, "actor %u got a damaged event", me->id);
        return;
    }
    l = listening_to(me, name);
    me->play->seen_events++;
    if (l == NULL || l->life != life || (!l->active && !l->leaving))
        wrong(me->play, "actor %u got an event that it does not hear", me->id);
    else if (n != l->next || (l->leaving && n > l->until))
        wrong(me->play, "actor %u heard %d, not %d", me->id, (int)n,
              (int)l->next);
    else
        l->next++;
}

void saw_event_down(struct actor *me, etf_ref ref)
{
    unsigned i;

    for (i = 0; i < EVENTS; i++) {
        struct listening *l = &me->listening[i];
        const struct told *e = &me->play->events[me->side->index][i];

        if (!l->active || !etf_ref_equal(l->ref, ref))
            continue;
        if (e->life == l->life && !is_over(me->play, e))
            wrong(me->play, "actor %u saw the end of a living event", me->id);
        l->active = false;
        return;
    }
    wrong(me->play, "actor %u saw the end of what it does not hear", me->id);
}

/* Whoever still listens has heard all, and of each end. */
void check_events(struct play *play)
{
    unsigned i, k;

    for (i = 0; i < play->actor_count; i++)
        for (k = 0; k < EVENTS; k++) {
            const struct actor *a = &play->actors[i];
            const struct listening *l = &a->listening[k];
            const struct told *e = &play->events[a->side->index][k];

            if (!lives(a) || !l->active || a->sends_to != NULL)
                continue;
            if (e->life != l->life || is_over(play, e))
                wrong(play, "actor %u never heard of an event's end", i);
            else if (l->next != e->told + 1)
                wrong(play, "actor %u has heard %d of %d", i, (int)l->next - 1,
                      (int)e->told);
        }
}

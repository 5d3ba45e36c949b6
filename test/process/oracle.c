/*
 * oracle.c -- what may be, and what may not: see oracle.h.
 */
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "heirs.h"

void wrong(struct play *play, const char *format, ...)
{
    va_list args;

    if (play->wrong[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(play->wrong, sizeof play->wrong, format, args);
    va_end(args);
    sim_trace(play->sim, "WRONG");
}

uint64_t draw(struct play *play, uint64_t bound)
{
    play->random ^= play->random << 13;
    play->random ^= play->random >> 7;
    play->random ^= play->random << 17;
    return play->random % bound;
}

struct actor *actor_of(struct play *play, const struct side *side, etf_pid pid)
{
    unsigned i;

    for (i = 0; i < play->actor_count; i++) {
        struct actor *a = &play->actors[i];
        etf_pid its = a->side == side ? a->pid : twin_far(a->side, a->pid);

        if (a->born && etf_pid_equal(its, pid))
            return a;
    }
    return NULL;
}

bool is_far(const struct actor *a, const struct actor *b)
{
    return a->side != b->side;
}

bool lives(const struct actor *a)
{
    return a->born && rt_is_alive(a->side->rt, a->pid);
}

void saw_message(struct actor *me, etf_term message)
{
    struct play *play = me->play;
    int64_t from, to, seq, losses, check;
    uint32_t *got;
    bool gap_allowed;

    if (!etf_match(message, "{m, _, _, _, _, _}", &from, &to, &seq, &losses,
                   &check) ||
        check != from * 31 + to * 17 + seq || from < 0 ||
        from >= (int64_t)play->actor_count) {
        wrong(play, "actor %u got a damaged message", me->id);
        return;
    }
    play->received++;
    if (to != (int64_t)me->id)
        wrong(play, "actor %u got what was for %d", me->id, (int)to);
    got = &play->got[from][me->id];
    gap_allowed = me->lossy || (me->bounded && is_far(me, &play->actors[from]));
    if (is_far(me, &play->actors[from]) &&
        play->losses_then[from][me->id] != (uint64_t)losses)
        gap_allowed = true;
    play->losses_then[from][me->id] = (uint64_t)losses;
    if (seq <= (int64_t)*got || (seq != (int64_t)*got + 1 && !gap_allowed))
        wrong(play, "actor %u got message %d of %d after %u", me->id, (int)seq,
              (int)from, *got);
    *got = (uint32_t)seq;
    if (play->last_word[from][me->id])
        wrong(play, "actor %u got a message of %d after its down", me->id,
              (int)from);
}

/* Was the reason given by `a` itself for its end, or can it be one that was
 * sent to it? */
static void check_reason(struct actor *me, const struct actor *a,
                         etf_term reason)
{
    int64_t id, number;

    if (etf_match(reason, "{'end', _, _}", &id, &number) &&
        id == (int64_t)a->id && number != a->ended)
        wrong(me->play, "actor %u heard of an end of %u that was not", me->id,
              a->id);
}

void saw_exit(struct actor *me, etf_pid from, etf_term reason)
{
    struct play *play = me->play;
    struct actor *a = actor_of(play, me->side, from);
    int64_t id;

    play->seen_exits++;
    if (a == NULL) {
        if (!etf_pid_equal(from, me->pid) && !etf_pid_is_none(from))
            return; /* the test's own process */
        return;
    }
    if (etf_match(reason, "{signal, _}", &id) && id == (int64_t)a->id)
        return; /* exit/2, not a link */
    if (etf_same(reason, ETF_A(normal)))
        return; /* perhaps exit/2 too */
    check_reason(me, a, reason);
    if (etf_same(reason, ETF_A(noproc)))
        return; /* for each rt_link() to the dead */
    if (etf_same(reason, ETF_A(noconnection))) {
        /* Or the reason of its own end, that it got through a link. */
        if (!is_far(me, a) && lives(a))
            wrong(play, "actor %u lost a connection to its own node", me->id);
        return;
    }
    if (play->linked[me->id][a->id] == 0 && play->linked[a->id][me->id] == 0)
        wrong(play, "actor %u got an exit of %u and was never linked", me->id,
              a->id);
    if (!is_far(me, a) &&
        play->unlinked[me->id][a->id] > play->linked[me->id][a->id] &&
        play->unlinked[me->id][a->id] > play->linked[a->id][me->id])
        wrong(play, "actor %u got an exit of %u after its unlink", me->id,
              a->id);
    if (play->exit_seen[me->id][a->id])
        wrong(play, "actor %u got a second exit of %u", me->id, a->id);
    play->exit_seen[me->id][a->id] = true;
}

void saw_down(struct actor *me, etf_ref ref, etf_term reason)
{
    struct play *play = me->play;
    struct monitor *m = NULL;
    struct actor *a;
    unsigned i;

    play->seen_downs++;
    for (i = 0; i < play->monitor_count && m == NULL; i++)
        if (etf_ref_equal(play->monitors[i].ref, ref) &&
            play->monitors[i].owner == me->id)
            m = &play->monitors[i];
    if (m == NULL) {
        wrong(play, "actor %u got a down of no monitor", me->id);
        return;
    }
    a = &play->actors[m->target];
    if (m->state == FIRED || (m->state == REMOVED && !m->maybe))
        wrong(play, "actor %u got a down of %u too many", me->id, a->id);
    m->state = FIRED;
    check_reason(me, a, reason);
    if (etf_same(reason, ETF_A(noconnection))) {
        /* Or the reason of its own end, that it got through a link. */
        if (!is_far(me, a) && lives(a))
            wrong(play, "actor %u lost a connection to its own node", me->id);
        return;
    }
    if (lives(a))
        wrong(play, "actor %u got a down of %u, which lives", me->id, a->id);
    play->last_word[a->id][me->id] = true;
}

void saw_timer(struct actor *me, int64_t number)
{
    struct play *play = me->play;
    struct timer_note *t = &play->timers[number];

    play->seen_timers++;
    if (number < 0 || number >= (int64_t)play->timer_count ||
        t->owner != me->id) {
        wrong(play, "actor %u got a timer of somebody else", me->id);
        return;
    }
    if (t->state == FIRED)
        wrong(play, "timer %d fired twice", (int)number);
    if (t->state == REMOVED)
        wrong(play, "timer %d fired after it was cancelled", (int)number);
    if (rt_now_ns(me->side->rt) < t->due_ns)
        wrong(play, "timer %d fired early", (int)number);
    t->state = FIRED;
}

struct monitor *note_monitor(struct actor *me, unsigned target, etf_ref ref)
{
    struct play *play = me->play;
    struct monitor *m = &play->monitors[play->monitor_count++];

    *m = (struct monitor){ .owner = me->id,
                           .target = target,
                           .ref = ref,
                           .losses = play->twin.losses };
    return m;
}

/* ---- When all is quiet ------------------------------------------------------
 */

struct view {
    bool alive;
    uint64_t waiting; /* messages that it has not taken */
    uint8_t links[ACTORS_MAX];
    uint8_t monitors[ACTORS_MAX], monitored_by[ACTORS_MAX];
};

static struct view views[ACTORS_MAX];

/* {n12, Node}: actor 12. */
static bool by_name(struct play *play, etf_term object, etf_pid *pid,
                    const struct side *side)
{
    char text[64];
    unsigned id;
    struct actor *a;

    if (etf_tuple_size(object) != 2 ||
        sscanf(etf_format(text, sizeof text, etf_tuple_items(object)[0]), "n%u",
               &id) != 1 ||
        id >= play->actor_count)
        return false;
    a = &play->actors[id];
    *pid = a->side == side ? a->pid : twin_far(a->side, a->pid);
    return true;
}

static void count(struct play *play, const struct actor *me, etf_term list,
                  uint8_t *counts, const char *what)
{
    etf_term item;
    etf_pid pid;

    while (etf_list_next(&list, &item)) {
        struct actor *a;

        if (!etf_get_pid(item, &pid) && !by_name(play, item, &pid, me->side))
            continue;
        a = actor_of(play, me->side, pid);
        if (a == NULL)
            continue; /* the test's own process */
        counts[a->id]++;
        if (!lives(a))
            wrong(play, "actor %u still has %s of %u, which is dead", me->id,
                  what, a->id);
    }
}

static void look(struct play *play, struct actor *a, struct gen *self)
{
    struct rt_process_info info;
    struct view *view = &views[a->id];
    enum agner_err err;

    memset(view, 0, sizeof *view);
    if (!lives(a))
        return;
    err = rt_process_info(self, a->pid, &info);
    if (err != AGNER_OK) {
        wrong(play, "actor %u does not answer: %s", a->id, agner_strerror(err));
        return;
    }
    view->alive = true;
    count(play, a, info.links, view->links, "a link");
    count(play, a, info.monitors, view->monitors, "a monitor");
    count(play, a, info.monitored_by, view->monitored_by, "a watcher");
    view->waiting = info.mailbox_count;
}

/* I3. Two that wait for room at each other are stuck by their own choice. */
static void check_waiting(struct play *play, const struct actor *a)
{
    const struct actor *to = a->sends_to;

    if (!views[a->id].alive ||
        (views[a->id].waiting == 0 && a->sends_to == NULL))
        return;
    if (to == NULL || !to->bounded || to->lossy ||
        views[to->id].waiting < to->room)
        wrong(play,
              "actor %u waits with %u messages, and %d has room: %u of %u",
              a->id, (unsigned)views[a->id].waiting,
              to == NULL ? -1 : (int)to->id,
              to == NULL ? 0u : (unsigned)views[to->id].waiting,
              to == NULL ? 0u : (unsigned)to->room);
}

static void check_monitor(struct play *play, const struct monitor *m)
{
    const struct actor *owner = &play->actors[m->owner];
    const struct actor *target = &play->actors[m->target];

    if (m->state != ACTIVE || !lives(owner) || owner->sends_to != NULL)
        return;
    if (!lives(target))
        wrong(play, "actor %u never heard of the end of %u", owner->id,
              target->id);
    else if (is_far(owner, target) && m->losses != play->twin.losses)
        wrong(play, "actor %u never heard that %u was out of reach", owner->id,
              target->id);
}

void check_quiet(struct play *play, struct gen *selves[2])
{
    unsigned i, j;

    for (i = 0; i < play->actor_count; i++) {
        struct actor *a = &play->actors[i];

        look(play, a, selves[a->side->index]);
    }
    for (i = 0; i < play->actor_count; i++)
        for (j = 0; j < play->actor_count; j++) {
            const struct view *a = &views[i], *b = &views[j];

            if (!a->alive || !b->alive)
                continue;
            if (a->links[j] != b->links[i] || a->links[j] > 1)
                wrong(play, "actors %u and %u disagree on a link (%u, %u)", i,
                      j, a->links[j], b->links[i]);
            /* Who waits for room may have a call under way. */
            if (a->monitors[j] != b->monitored_by[i] &&
                play->actors[i].sends_to == NULL)
                wrong(play, "actor %u has %u monitors of %u, which knows %u", i,
                      a->monitors[j], j, b->monitored_by[i]);
        }
    for (i = 0; i < play->actor_count; i++)
        check_waiting(play, &play->actors[i]);
    for (i = 0; i < play->monitor_count; i++)
        check_monitor(play, &play->monitors[i]);
    check_events(play);
}

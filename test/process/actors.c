/*
 * actors.c -- processes that do drawn things to each other, and tell the oracle
 * what they did and saw.
 *
 * A raw actor does an operation, now and then receives, and in the end only
 * receives; a behaviour actor does the same from its callback. Before each
 * operation an actor yields, so that its slice does not end inside and what it
 * notes is what it did. Messages are {m, From, To, Seq, Losses, Check}; each
 * actor is registered as n<id> for its life.
 */
#include "actors.h"
#include "heirs.h"

#include <stdio.h>
#include <string.h>

static void act(struct gen *self, struct actor *me);
static void handle(struct gen *self, struct actor *me, etf_term message);

static struct actor *pick(struct actor *me)
{
    struct play *play = me->play;
    struct actor *a = &play->actors[draw(play, play->actor_count)];

    if (!a->born || ((play->profile & PROFILE_FAR) == 0 && is_far(me, a)))
        return me;
    return a;
}

static etf_pid pid_for(const struct actor *me, const struct actor *a)
{
    return is_far(me, a) ? twin_far(a->side, a->pid) : a->pid;
}

static etf_term name_of(const struct actor *a)
{
    char name[16];

    snprintf(name, sizeof name, "n%u", a->id);
    return etf_atom(name);
}

/* A way to name `a`: pid, name, name and node, alias. */
static etf_term address(struct gen *self, struct actor *me, struct actor *a)
{
    etf_term pair[2];

    if (!is_far(me, a) && a->alias.active && draw(me->play, 3) == 0) {
        if (a->alias.once)
            a->alias.active = false;
        return etf_from_ref(rt_region(self), a->alias.ref);
    }
    switch (draw(me->play, 3)) {
    case 0:
        if (!is_far(me, a))
            return name_of(a);
        break;
    case 1:
        pair[0] = name_of(a);
        pair[1] = a->side->name.name;
        return etf_tuple(rt_region(self), pair, 2);
    default:
        break;
    }
    return etf_from_pid(rt_region(self), pid_for(me, a));
}

static etf_term numbered(struct gen *self, const struct actor *me,
                         const struct actor *a, uint32_t seq)
{
    return etf_make(self, "{m, _, _, _, _, _}", (int64_t)me->id, (int64_t)a->id,
                    (int64_t)seq, (int64_t)me->play->twin.losses,
                    (int64_t)me->id * 31 + (int64_t)a->id * 17 + (int64_t)seq);
}

/* Where the code must end, nothing more is noted. */
static bool is_ending(enum agner_err err)
{
    return err == AGNER_EEXITING || err == AGNER_EKILLED;
}

static void send_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    struct actor *a = pick(me);
    uint32_t seq = play->sent[me->id][a->id] + 1;
    etf_term to = address(self, me, a), m = numbered(self, me, a, seq);
    struct etf_box *box;
    etf_ref ref;
    enum agner_err err;

    /* One that waits for room may be overtaken by no message of its own. */
    play->sent[me->id][a->id] = seq;
    me->sends_to = a;
    switch (draw(play, 3)) {
    case 0:
        err = rt_cast(self, to, m);
        break;
    case 1:
        box = etf_box_new(m);
        err = rt_send_box(self, to, box);
        break;
    default:
        err = rt_send(self, to, m);
        break;
    }
    me->sends_to = NULL;
    if (is_ending(err) && etf_get_ref(to, &ref) &&
        etf_ref_equal(ref, a->alias.ref))
        a->alias.active = true; /* it was not used after all */
    if (!is_ending(err))
        play->attempts++;
    if (err != AGNER_OK)
        play->sent[me->id][a->id] = seq - 1;
    if (err == AGNER_ENOPROC || err == AGNER_ENONAME) {
        if (lives(a))
            wrong(play, "actor %u could not send to %u, which lives: %s",
                  me->id, a->id, agner_strerror(err));
    } else if (err == AGNER_ENOCONN) {
        if (!is_far(me, a))
            wrong(play, "actor %u has no connection to its node", me->id);
    } else if (err == AGNER_EMAILBOXFULL) {
        if (!a->bounded)
            wrong(play, "actor %u found %u full", me->id, a->id);
    } else if (err != AGNER_OK && !is_ending(err)) {
        wrong(play, "actor %u: send: %s", me->id, agner_strerror(err));
    }
}

/* ---- Receiving --------------------------------------------------------------
 */

static bool is_from(void *ctx, etf_term m)
{
    int64_t from;

    return (etf_match(m, "{m, _, __, __, __, __}", &from) ||
            etf_match(m, "{'$gen_cast', {m, _, __, __, __, __}}", &from)) &&
           from == *(int64_t *)ctx;
}

static void receive_some(struct gen *self, struct actor *me)
{
    int64_t from = (int64_t)pick(me)->id;
    etf_term message;
    enum agner_err err;

    if (draw(me->play, 2) == 0)
        err =
            rt_receive_match(self, is_from, &from, draw(me->play, 4), &message);
    else
        err = rt_receive(self, draw(me->play, 4), &message);
    if (err == AGNER_OK)
        handle(self, me, message);
    else if (err != AGNER_ETIMEOUT && !is_ending(err))
        wrong(me->play, "actor %u: receive: %s", me->id, agner_strerror(err));
}

/* ---- Calls ------------------------------------------------------------------
 */

static void answer(struct gen *self, struct actor *me,
                   const struct gen_from *from, int64_t number)
{
    (void)rt_reply(self, from,
                   etf_make(self, "{r, _, _}", number, (int64_t)me->id));
}

/* A call came: it is answered now, later, by nobody, or not by us. */
static void asked(struct gen *self, struct actor *me,
                  const struct gen_from *from, etf_term request)
{
    struct play *play = me->play;
    int64_t number;

    if (!etf_match(request, "{c, _}", &number)) {
        wrong(play, "actor %u got a damaged call", me->id);
        return;
    }
    switch (draw(play, 6)) {
    case 0:
        return; /* never */
    case 1:
        if (me->kept_count < 4) {
            me->kept[me->kept_count] = *from;
            me->kept_id[me->kept_count++] = number;
            return;
        }
        break;
    case 2:
        answer(self, me, from, number);
        break; /* and once more: the second is never seen */
    default:
        break;
    }
    answer(self, me, from, number);
}

static void answer_kept(struct gen *self, struct actor *me)
{
    if (me->kept_count == 0)
        return;
    me->kept_count--;
    answer(self, me, &me->kept[me->kept_count], me->kept_id[me->kept_count]);
}

/* One outcome of a call that was made when the far side was lost `losses`
 * times. */
static void check_outcome(struct actor *me, const struct actor *a,
                          enum agner_err err, etf_term reply, int64_t number,
                          uint64_t losses, bool was_up, bool was_alive)
{
    struct play *play = me->play;
    int64_t got, who;

    play->seen_calls++;
    switch (err) {
    case AGNER_OK:
        if (!etf_match(reply, "{r, _, _}", &got, &who) || got != number ||
            who != (int64_t)a->id)
            wrong(play, "actor %u got the answer to another call", me->id);
        return;
    case AGNER_ENODEDOWN:
        /* Or the callee ended with that reason. */
        if (lives(a) &&
            (!is_far(me, a) || (was_up && losses == play->twin.losses)))
            wrong(play, "actor %u lost a node that is there", me->id);
        return;
    case AGNER_ENOPROC:
    case AGNER_ENONAME:
        if (was_alive && !is_far(me, a) && lives(a))
            wrong(play, "actor %u called %u, which lives: %s", me->id, a->id,
                  agner_strerror(err));
        return;
    case AGNER_EEXIT:
        if (lives(a))
            wrong(play, "actor %u called %u, which lives: exit", me->id, a->id);
        return;
    case AGNER_ECALLSELF:
        if (a != me)
            wrong(play, "actor %u is not %u", me->id, a->id);
        return;
    case AGNER_EMAILBOXFULL:
        if (!a->bounded)
            wrong(play, "actor %u found %u full", me->id, a->id);
        return;
    case AGNER_ETIMEOUT:
    case AGNER_EEXITING:
    case AGNER_EKILLED:
        return;
    default:
        wrong(play, "actor %u: call: %s", me->id, agner_strerror(err));
    }
}

static etf_term plain_address(struct gen *self, const struct actor *me,
                              const struct actor *a)
{
    if (!is_far(me, a) && draw(me->play, 2) == 0)
        return name_of(a);
    return etf_from_pid(rt_region(self), pid_for(me, a));
}

static void call_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    struct actor *a = pick(me);
    uint64_t losses = play->twin.losses;
    bool was_up = play->twin.up, was_alive = lives(a);
    int64_t number = ++play->calls;
    etf_term reply = ETF_NONE;
    enum agner_err err;

    me->sends_to = a;
    err = rt_call(self, plain_address(self, me, a),
                  etf_make(self, "{c, _}", number), draw(play, 12), &reply);
    me->sends_to = NULL;
    check_outcome(me, a, err, reply, number, losses, was_up, was_alive);
}

/* Several at once; after a while the rest is given up. */
static void call_many(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    struct rt_request ids[5];
    struct actor *whom[5];
    int64_t numbers[5];
    bool was_alive[5];
    uint64_t losses = play->twin.losses;
    bool was_up = play->twin.up;
    size_t i, count = 0, which;
    etf_term reply = ETF_NONE;
    enum agner_err err;

    memset(ids, 0, sizeof ids);
    for (i = 0; i < 5; i++) {
        whom[count] = pick(me);
        numbers[count] = ++play->calls;
        was_alive[count] = lives(whom[count]);
        me->sends_to = whom[count];
        if (rt_request_send(self, plain_address(self, me, whom[count]),
                            etf_make(self, "{c, _}", numbers[count]),
                            &ids[count]) == AGNER_OK)
            count++;
    }
    me->sends_to = NULL;
    for (;;) {
        err = rt_request_wait_any(self, ids, count, draw(play, 8), &which,
                                  &reply);
        if (err == AGNER_ETIMEOUT || err == AGNER_ENOREF || is_ending(err))
            break;
        check_outcome(me, whom[which], err, reply, numbers[which], losses,
                      was_up, was_alive[which]);
        if (rt_request_wait(self, &ids[which], 0, &reply) != AGNER_ENOREF)
            wrong(play, "actor %u got two outcomes of one call", me->id);
    }
    for (i = 0; i < count; i++)
        rt_request_abandon(self, &ids[i]);
}

/* ---- Links and monitors -----------------------------------------------------
 */

static void link_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    struct actor *a = pick(me);
    bool was_alive = lives(a);
    enum agner_err err;

    if (a == me)
        return;
    if (draw(play, 3) != 0) {
        play->linked[me->id][a->id] = ++play->now;
        err = rt_link(self, pid_for(me, a));
        if (err == AGNER_ENOPROC && was_alive && lives(a))
            wrong(play, "actor %u cannot link %u, which lives", me->id, a->id);
    } else {
        err = rt_unlink(self, pid_for(me, a));
        if (err == AGNER_OK && lives(a))
            play->unlinked[me->id][a->id] = ++play->now;
    }
    if (err != AGNER_OK && err != AGNER_ENOPROC && !is_ending(err))
        wrong(play, "actor %u: link: %s", me->id, agner_strerror(err));
}

static void monitor_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    struct actor *a = pick(me);
    etf_ref ref;
    enum agner_err err;

    if (a == me || play->monitor_count == MONITORS_MAX)
        return;
    {
        struct monitor *m = note_monitor(me, a->id, (etf_ref){ 0 });

        err = rt_monitor(
            self,
            draw(play, 2) == 0
                ? etf_make(self, "{_, _}", name_of(a), a->side->name.name)
                : etf_from_pid(rt_region(self), pid_for(me, a)),
            0, &ref);
        if (err == AGNER_OK)
            m->ref = ref;
        else
            m->state = REMOVED;
    }
    if (err != AGNER_OK && !is_ending(err))
        wrong(play, "actor %u: monitor: %s", me->id, agner_strerror(err));
}

static void demonitor_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    bool flush = draw(play, 2) == 0;
    struct monitor *m;
    enum agner_err err;

    if (play->monitor_count == 0)
        return;
    m = &play->monitors[draw(play, play->monitor_count)];
    if (m->owner != me->id || m->ref.count == 0)
        return;
    err = rt_demonitor(self, m->ref, flush);
    if (err == AGNER_OK && m->state != ACTIVE)
        wrong(play, "actor %u: a monitor was active that is over", me->id);
    m->maybe = err == AGNER_ENOREF && !flush && m->state == ACTIVE;
    if (m->state == ACTIVE)
        m->state = REMOVED;
}

static void trap_one(struct gen *self, struct actor *me)
{
    (void)rt_trap_exit(self, draw(me->play, 4) != 0);
}

static void end_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    struct actor *a = pick(me);

    switch (draw(play, 8)) {
    case 0:
    case 1:
        me->ended = ++play->ends;
        rt_exit(self, draw(play, 3) == 0
                          ? ETF_A(normal)
                          : etf_make(self, "{'end', _, _}", (int64_t)me->id,
                                     me->ended));
        return;
    case 2:
        (void)rt_exit_signal(self, pid_for(me, a), ETF_A(kill));
        return;
    case 3:
    case 4:
        (void)rt_exit_signal(self, pid_for(me, a),
                             etf_make(self, "{signal, _}", (int64_t)me->id));
        return;
    default:
        (void)rt_exit_signal(self, pid_for(me, a), ETF_A(normal));
    }
}

/* ---- Aliases, timers, others ------------------------------------------------
 */

static void alias_one(struct gen *self, struct actor *me)
{
    bool once = draw(me->play, 2) == 0;

    if (me->alias.active) {
        me->alias.active = false;
        if (rt_unalias(self, me->alias.ref) != AGNER_OK)
            wrong(me->play, "actor %u: an alias is gone", me->id);
        return;
    }
    if (rt_alias(self, once ? RT_ALIAS_REPLY : RT_ALIAS_EXPLICIT,
                 &me->alias.ref) != AGNER_OK)
        return;
    me->alias.once = once;
    me->alias.active = true;
}

/* To an alias that was taken back or has done its one message: never seen. */
static void ghost_one(struct gen *self, struct actor *me)
{
    struct actor *a = pick(me);

    if (is_far(me, a) || a->alias.active || a->alias.ref.count == 0)
        return;
    me->play->attempts++;
    (void)rt_send(self, etf_from_ref(rt_region(self), a->alias.ref),
                  etf_make(self, "{ghost, _}", (int64_t)a->id));
}

static bool is_timer(void *ctx, etf_term m)
{
    int64_t number;

    return etf_match(m, "{t, _}", &number) && number == *(int64_t *)ctx;
}

static void cancel_timer(struct gen *self, struct actor *me, int64_t number)
{
    struct play *play = me->play;
    struct timer_note *t = &play->timers[number];
    enum agner_err err = rt_cancel_timer(self, &t->timer, NULL);
    etf_term message;

    if (err == AGNER_OK && t->state != ACTIVE)
        wrong(play, "timer %d was armed after it was over", (int)number);
    if (err == AGNER_OK) {
        t->state = REMOVED;
    } else if (t->state == ACTIVE) {
        /* G22: then its message is here. */
        err = rt_receive_match(self, is_timer, &number, 0, &message);
        if (err == AGNER_OK)
            handle(self, me, message);
        else if (!is_ending(err))
            wrong(play, "timer %d is neither armed nor here", (int)number);
    }
}

static void timer_one(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    int64_t number = (int64_t)play->timer_count;
    struct timer_note *t;
    uint64_t ms;

    if (me->bounded)
        return;
    if (play->timer_count > 0 && draw(play, 3) == 0) {
        number = (int64_t)draw(play, play->timer_count);
        if (play->timers[number].owner == me->id &&
            play->timers[number].timer.id != 0)
            cancel_timer(self, me, number);
        return;
    }
    if (play->timer_count == TIMERS_MAX)
        return;
    t = &play->timers[play->timer_count++];
    *t = (struct timer_note){ .owner = me->id };
    ms = draw(play, 30);
    t->due_ns = rt_now_ns(rt_of(self)) + ms * 1000000u;
    if (rt_send_after(self, rt_self_term(self),
                      etf_make(self, "{t, _}", number), ms,
                      &t->timer) != AGNER_OK)
        t->state = REMOVED;
}

static void name_one(struct gen *self, struct actor *me)
{
    static const char *const names[] = { "red", "green", "blue" };
    etf_term name = etf_atom(names[draw(me->play, 3)]);
    struct rt *rt = rt_of(self);
    etf_pid holder;
    enum agner_err err = rt_whereis(rt, name, &holder);

    if (err == AGNER_OK && etf_pid_equal(holder, me->pid)) {
        if (rt_unregister(rt, name) != AGNER_OK)
            wrong(me->play, "actor %u cannot give its name back", me->id);
    } else if (err == AGNER_OK) {
        if (!rt_is_alive(rt, holder))
            wrong(me->play, "a dead process has a name");
        if (rt_register(rt, name, me->pid) != AGNER_ETAKEN)
            wrong(me->play, "actor %u got a name that is taken", me->id);
    } else if (rt_register(rt, name, me->pid) != AGNER_OK) {
        wrong(me->play, "actor %u cannot have a free name", me->id);
    }
}

static void pause_one(struct gen *self, struct actor *me)
{
    if (draw(me->play, 2) == 0)
        (void)rt_sleep(self, draw(me->play, 5));
    else
        rt_hibernate(self);
}

static void spawn_one(struct gen *self, struct actor *me)
{
    (void)actor_make(me->play, me->side, self, me);
}

/* ---- What to do -------------------------------------------------------------
 */

static const struct operation {
    void (*run)(struct gen *self, struct actor *me);
    unsigned weight;
    unsigned profile; /* 0: in every run */
} operations[] = {
    { send_one, 30, 0 },
    { receive_some, 8, 0 },
    { call_one, 8, PROFILE_CALLS },
    { call_many, 3, PROFILE_CALLS },
    { answer_kept, 4, PROFILE_CALLS },
    { link_one, 10, PROFILE_LINKS },
    { monitor_one, 8, PROFILE_MONITORS },
    { demonitor_one, 5, PROFILE_MONITORS },
    { trap_one, 3, 0 },
    { end_one, 3, PROFILE_KILLS },
    { alias_one, 3, PROFILE_ALIASES },
    { ghost_one, 3, PROFILE_ALIASES },
    { timer_one, 6, PROFILE_TIMERS },
    { name_one, 3, 0 },
    { pause_one, 3, 0 },
    { spawn_one, 3, PROFILE_SPAWNS },
    { heir_one, 5, PROFILE_HEIRS },
    { event_one, 25, PROFILE_EVENTS },
};

static void act(struct gen *self, struct actor *me)
{
    struct play *play = me->play;
    const struct operation *o;
    uint64_t number = draw(play, 100);
    size_t i;

    for (i = 0;; i = (i + 1) % (sizeof operations / sizeof operations[0])) {
        o = &operations[i];
        if (o->profile != 0 && (play->profile & o->profile) == 0)
            continue;
        if (number < o->weight)
            break;
        number -= o->weight;
    }
    rt_yield(self);
    o->run(self, me);
}

static void handle(struct gen *self, struct actor *me, etf_term message)
{
    char text[120];
    struct gen_from from;
    etf_term t, who;
    etf_pid pid;
    etf_ref ref;
    int64_t number;

    if (etf_is_tagged(message, etf_atom("m"), 6))
        saw_message(me, message);
    else if (etf_match(message, "{'$gen_cast', _}", &t))
        saw_message(me, t);
    else if (etf_match(message, "{'EXIT', _, _}", &pid, &t))
        saw_exit(me, pid, t);
    else if (etf_match(message, "{'DOWN', _, process, __, _}", &ref, &t))
        saw_down(me, ref, t);
    else if (etf_match(message, "{'DOWN', _, event, __, _}", &ref, &t))
        saw_event_down(me, ref);
    else if (etf_is_tagged(message, etf_atom("event"), 5))
        saw_event(me, message);
    else if (etf_match(message, "{t, _}", &number))
        saw_timer(me, number);
    else if (etf_match(message, "{'$gen_call', _, _}", &who, &t) &&
             rt_get_from(self, who, &from))
        asked(self, me, &from, t);
    else if (!etf_same(message, etf_atom("tick")))
        wrong(me->play, "actor %u got %s", me->id,
              etf_format(text, sizeof text, message));
}

static void raw_actor(struct gen *self, void *arg)
{
    struct actor *me = arg;
    etf_term message;

    me->pid = rt_self(self);
    me->born = true;
    heir_check(self, me);
    while (me->ops > 0) {
        me->ops--;
        act(self, me);
        if (rt_check(self) != AGNER_OK)
            return;
        while (draw(me->play, 3) != 0 &&
               rt_receive(self, 0, &message) == AGNER_OK)
            handle(self, me, message);
        rt_reset(self);
    }
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
        handle(self, me, message);
        rt_reset(self);
    }
}

/* ---- As a behaviour ---------------------------------------------------------
 */

static enum rt_next actor_init(struct gen *self, etf_term args)
{
    struct actor **me = rt_state(self);

    (void)args;
    *me = rt_note(self);
    (*me)->pid = rt_self(self);
    (*me)->born = true;
    heir_check(self, *me);
    (void)rt_send(self, rt_self_term(self), etf_atom("tick"));
    return RT_NEXT;
}

static enum rt_next actor_message(struct gen *self, const struct rt_message *m)
{
    struct actor *me = *(struct actor **)rt_state(self);
    bool tick = m->kind == RT_MESSAGE && etf_same(m->term, etf_atom("tick"));

    if (m->kind == RT_CALL)
        asked(self, me, &m->from, m->term);
    else if (m->kind == RT_CAST)
        saw_message(me, m->term);
    else if (m->kind == RT_PARENT_EXIT)
        return rt_stop(self, m->term);
    else if (!tick)
        handle(self, me, m->term);
    if (me->ops > 0) {
        me->ops--;
        act(self, me);
    }
    if (tick && me->ops > 0)
        (void)rt_send(self, rt_self_term(self), etf_atom("tick"));
    return RT_NEXT;
}

static const struct rt_behavior actor_behavior = {
    .name = "actor",
    .state_size = sizeof(struct actor *),
    .init = actor_init,
    .message = actor_message,
};

/* ---- Making -----------------------------------------------------------------
 */

static enum agner_err give_birth(struct gen *self, struct actor *a,
                                 const struct rt_spawn_options *options)
{
    if (!a->behaves)
        return rt_spawn(self, raw_actor, a, options, &a->pid);
    if (draw(a->play, 2) == 0)
        return rt_start_nowait(self, &actor_behavior, etf_nil(), options,
                               &a->pid);
    return rt_start(self, &actor_behavior, etf_nil(), options, &a->pid, NULL);
}

struct actor *actor_make(struct play *play, struct side *side, struct gen *self,
                         struct actor *parent)
{
    struct rt_spawn_options options = { .trap_exit = draw(play, 3) != 0 };
    struct actor *a = &play->actors[play->actor_count];
    etf_ref ref = { 0 };
    enum agner_err err;

    if (play->actor_count == ACTORS_MAX)
        return NULL;
    *a = (struct actor){ .play = play,
                         .id = play->actor_count++,
                         .side = side,
                         .ops = 5 + (unsigned)draw(play, 40),
                         .behaves = draw(play, 3) == 0 };
    options.name = name_of(a);
    options.note = a;
    options.priority = (enum rt_priority)draw(play, 3);
    if ((play->profile & PROFILE_LIMITS) != 0 && draw(play, 3) == 0) {
        options.mailbox_max = 1 + draw(play, 12);
        a->room = options.mailbox_max / 2 + 1;
        options.overflow = (enum rt_overflow)draw(play, 4);
        a->bounded = true;
        a->lossy = options.overflow == RT_OVERFLOW_DROP_NEWEST ||
                   options.overflow == RT_OVERFLOW_DROP_OLDEST;
    }
    if ((play->profile & PROFILE_HEIRS) != 0)
        heir_born(a, parent, &options, self);
    if (parent != NULL) {
        options.link =
            (play->profile & PROFILE_LINKS) != 0 && draw(play, 2) == 0;
        options.monitor = (play->profile & PROFILE_MONITORS) != 0 &&
                          play->monitor_count < MONITORS_MAX &&
                          draw(play, 2) == 0;
        options.monitor_ref = &ref;
    }
    if (options.link)
        play->linked[parent->id][a->id] = ++play->now;
    err = give_birth(self, a, &options);
    if (err == AGNER_OK)
        a->born = true;
    if (options.monitor && err == AGNER_OK)
        (void)note_monitor(parent, a->id, ref);
    if (err != AGNER_OK && !is_ending(err) && err != AGNER_EEXIT)
        wrong(play, "a birth failed: %s", agner_strerror(err));
    return err == AGNER_OK ? a : NULL;
}

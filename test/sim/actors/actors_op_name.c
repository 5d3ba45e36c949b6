/*
 * actors_op_name.c -- operations: names, aliases, timers, nodes.
 */
#include "actors_message.h"
#include "actors_op.h"

/* ---- Names -------------------------------------------------------------- */

void op_register(struct life *life, struct gen *self, const int64_t *n)
{
    unsigned name = (unsigned)n[0] % NAMES_MAX;
    enum agner_err err;
    etf_pid owner;
    struct life *holder = NULL;

    if (life->actor->limit > 0)
        return;
    if (rt_whereis(rt_of(self), actors_name(name), &owner) == AGNER_OK)
        holder = actors_of_pid(life->play, life->node, owner);
    err = rt_register_self(self, actors_name(name));
    oracle_i18_error(life, "register", err, ERR(ETAKEN));
    if (err == AGNER_OK)
        life->names |= 1u << name;
    if (err == AGNER_OK && holder != NULL && holder != life)
        oracle_fail(life->play, "I6", "name %u has two owners: %u and %u", name,
                    holder->number, life->number);
    if (err == AGNER_ETAKEN && holder == NULL)
        oracle_fail(life->play, "I6", "name %u is taken by nobody", name);
    if (err == AGNER_ETAKEN && holder != NULL && !actors_lives(holder))
        oracle_fail(life->play, "I6", "name %u is taken by %u, which is dead",
                    name, holder->number);
}

void op_unregister(struct life *life, struct gen *self, const int64_t *n)
{
    unsigned name = (unsigned)n[0] % NAMES_MAX;
    enum agner_err err = rt_unregister_self(self, actors_name(name));

    oracle_i18_error(life, "unregister", err, ERR(ENONAME) | ERR(EOWNER));
    if (err == AGNER_OK && (life->names & 1u << name) == 0)
        oracle_fail(life->play, "I6", "name %u was not %u's", name,
                    life->number);
    if (err == AGNER_OK)
        life->names &= ~(1u << name);
}

void op_alias(struct life *life, struct gen *self, const int64_t *n)
{
    enum agner_err err;

    if (life->has_alias)
        return;
    err = rt_alias(self, n[0] == 0 ? RT_ALIAS_EXPLICIT : RT_ALIAS_REPLY,
                   &life->alias);
    oracle_i18_error(life, "alias", err, 0);
    life->has_alias = err == AGNER_OK;
}

void op_unalias(struct life *life, struct gen *self, const int64_t *n)
{
    enum agner_err err;

    (void)n;
    if (!life->has_alias)
        return;
    err = rt_unalias(self, life->alias);
    oracle_i18_error(life, "unalias", err, ERR(ENOALIAS));
    life->has_alias = false;
}

/* ---- Time --------------------------------------------------------------- */

void op_timer(struct life *life, struct gen *self, const int64_t *n)
{
    struct clock *clock = &life->clocks[life->clock_next++ % TIMERS];
    uint64_t id = ++life->play->timer_ids;
    enum agner_err err;

    if (life->actor->limit > 0) {
        life->clock_next--;
        return;
    }
    *clock = (struct clock){
        .state = CLOCK_ON,
        .id = id,
        .due_ns = rt_now_ns(rt_of(self)) + (uint64_t)n[0] * 1000000,
    };
    err = rt_send_after(self, etf_from_pid(rt_region(self), rt_self(self)),
                        etf_make(self, "{t, _}", (int64_t)id), (uint64_t)n[0],
                        &clock->timer);
    oracle_i18_error(life, "timer", err, 0);
    if (err != AGNER_OK)
        clock->state = CLOCK_FREE;
}

void op_cancel(struct life *life, struct gen *self, const int64_t *n)
{
    struct clock *clock = &life->clocks[(uint64_t)n[0] % TIMERS];
    enum agner_err err;

    if (clock->state != CLOCK_ON)
        return;
    err = rt_cancel_timer(self, &clock->timer, NULL);
    oracle_i18_error(life, "cancel", err, ERR(ENOREF));
    if (err == AGNER_OK)
        clock->state = CLOCK_CANCELLED;
    else if (err == AGNER_ENOREF)
        clock->state = CLOCK_LATE;
}

void op_sleep(struct life *life, struct gen *self, const int64_t *n)
{
    uint64_t began_ns = rt_now_ns(rt_of(self));
    enum agner_err err = rt_sleep(self, (uint64_t)n[0]);

    oracle_i18_error(life, "sleep", err, 0);
    if (err == AGNER_OK &&
        rt_now_ns(rt_of(self)) - began_ns < (uint64_t)n[0] * 1000000)
        oracle_fail(life->play, "I8", "life %u: a sleep of %lld ms too short",
                    life->number, (long long)n[0]);
}

/* ---- Structure ---------------------------------------------------------- */

void op_crash_child(struct life *life, struct gen *self, const int64_t *n)
{
    actors_tree_crash(life, self, n);
}

void op_stop_child(struct life *life, struct gen *self, const int64_t *n)
{
    actors_tree_stop_child(life, self, n);
}

void op_restart_child(struct life *life, struct gen *self, const int64_t *n)
{
    actors_tree_restart_child(life, self, n);
}

/* ---- Nodes -------------------------------------------------------------- */

void op_connect(struct life *life, struct gen *self, const int64_t *n)
{
    const struct place *place = actors_place(life->play, (unsigned)n[0]);

    if (life->play->node_count > 1)
        oracle_i18_error(life, "connect", rt_connect_node(self, place->name),
                         ERR(ENOCONN) | ERR(ETIMEOUT) | ERR(EAUTH) |
                             ERR(EPROTO) | ERR(ENONAME) | ERR(EUNKNOWN) |
                             ERR(ENOTALLOWED) | ERR(EINCARNATION) |
                             ERR(ESYSTEM));
}

void op_disconnect(struct life *life, struct gen *self, const int64_t *n)
{
    const struct place *place = actors_place(life->play, (unsigned)n[0]);

    if (life->play->node_count > 1)
        oracle_i18_error(life, "disconnect",
                         rt_disconnect_node(rt_of(self), place->name),
                         ERR(ENOCONN));
}

/* Once only: who subscribes twice hears twice. */
void op_hear_nodes(struct life *life, struct gen *self, const int64_t *n)
{
    bool on = n[0] % 4 != 3;
    enum agner_err err;

    if (life->actor->limit > 0 || life->hears == on)
        return;
    err = rt_monitor_nodes_with(self, on, RT_MONITOR_NODES_VISIBLE);
    oracle_i18_error(life, "hear of nodes", err, 0);
    life->heard_enough = life->heard_enough || !on;
    life->hears = on;
}

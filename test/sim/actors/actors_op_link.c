/*
 * actors_op_link.c -- operations: life, links, monitors.
 */
#include "actors_message.h"
#include "actors_op.h"

/* ---- Life --------------------------------------------------------------- */

enum { SPAWN_LINK = 1, SPAWN_MONITOR = 2 };

static void note_spawned(struct life *life, struct life *child, int64_t how,
                         etf_ref ref)
{
    if ((how & SPAWN_LINK) != 0) {
        oracle_linked(life, child);
        oracle_linked(child, life);
    }
    if ((how & SPAWN_MONITOR) != 0)
        oracle_watching(life, ref, child);
}

static void spawn_here(struct life *life, struct gen *self, struct life *child,
                       int64_t how)
{
    etf_ref ref = { .count = 0 };
    enum agner_err err = actors_start(child, self, (how & SPAWN_LINK) != 0,
                                      (how & SPAWN_MONITOR) != 0, &ref);

    oracle_i18_error(life, "spawn", err, 0);
    if (err == AGNER_OK)
        note_spawned(life, child, how, ref);
}

static void spawn_there(struct life *life, struct gen *self, struct life *child,
                        int64_t how)
{
    etf_ref ref = { .count = 0 };
    struct rt_remote_spawn_options options = {
        .link = (how & SPAWN_LINK) != 0,
        .monitor = (how & SPAWN_MONITOR) != 0,
        .monitor_ref = &ref,
        .timeout_ms = CALL_MS,
    };
    etf_pid pid;
    enum agner_err err;

    if ((how & SPAWN_LINK) != 0)
        oracle_linked(child, life); /* if it comes to be at all */
    err = rt_spawn_node(self, life->play->places[child->node].name,
                        etf_atom("sim_actor"), etf_atom("start"),
                        etf_make(self, "[_]", (int64_t)child->number), &options,
                        &pid, NULL);
    oracle_i18_error(life, "spawn on another node", err,
                     ERR(ENOCONN) | ERR(ETIMEOUT) | ERR(EEXIT) | ERR(ELIMIT) |
                         ERR(ENOTSUP) | ERR(ENODEDOWN));
    if (err != AGNER_OK)
        return; /* it may begin later, and be killed */
    if ((how & SPAWN_LINK) != 0)
        oracle_linked(life, child);
    if ((how & SPAWN_MONITOR) != 0)
        oracle_watching(life, ref, child);
}

void op_spawn(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *child = actors_conceive(life->play, (unsigned)n[0]);

    if (child == NULL)
        return;
    if (actors_local(life, child))
        spawn_here(life, self, child, n[1]);
    else if (child->actor->limit > 0)
        actors_abandon(child); /* a limit is not among what a node may ask */
    else
        spawn_there(life, self, child, n[1]);
}

void op_exit(struct life *life, struct gen *self, const int64_t *n)
{
    static const enum {
        NORMAL,
        SHUTDOWN,
        ERROR
    } hows[] = { NORMAL, SHUTDOWN, ERROR };
    etf_term reason = etf_make(self, "{e, _}", (int64_t)life->number);

    if (hows[n[0] % 3] == NORMAL) {
        reason = ETF_A(normal);
    } else if (hows[n[0] % 3] == SHUTDOWN) {
        reason = ETF_A(shutdown);
    }
    life->abnormal_end = hows[n[0] % 3] != NORMAL;
    rt_exit(self, reason);
}

void op_exit_other(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);

    if (to == NULL)
        return;
    to->suspect = true;
    oracle_pair(life, to->number)->signals = true;
    oracle_i18_error(
        life, "exit signal",
        rt_exit_signal(self, actors_pid_from(life, to),
                       etf_make(self, "{x, _, _}", (int64_t)life->number,
                                (int64_t)to->number)),
        ERR(ENOCONN) | ERR(ENOPROC) | ERR(EINCARNATION));
}

void op_kill(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);

    if (to == NULL)
        return;
    to->suspect = true;
    oracle_i18_error(
        life, "kill",
        rt_exit_signal(self, actors_pid_from(life, to), ETF_A(kill)),
        ERR(ENOCONN) | ERR(ENOPROC) | ERR(EINCARNATION));
}

void op_trap(struct life *life, struct gen *self, const int64_t *n)
{
    bool trap = n[0] != 0;

    life->trap_changed = life->trap_changed || trap != life->trap;
    life->trap = trap;
    (void)rt_trap_exit(self, trap);
}

/* ---- Links -------------------------------------------------------------- */

void op_link(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);
    enum agner_err err;

    if (to == NULL)
        return;
    oracle_linked(life, to);
    err = rt_link(self, actors_pid_from(life, to));
    if (err != AGNER_OK)
        oracle_unlinked(life, to, true);
    oracle_i18_error(life, "link", err, ERR(ENOPROC) | ERR(EINCARNATION));
    if (err == AGNER_ENOPROC && actors_lives(to))
        oracle_fail(life->play, "I18", "link: no process %u, which lives",
                    to->number);
}

void op_unlink(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);
    unsigned flags = n[1] == 0 ? RT_UNLINK_FLUSH : 0;
    enum agner_err err;

    if (to == NULL)
        return;
    err = rt_unlink_with(self, actors_pid_from(life, to), flags);
    oracle_i18_error(life, "unlink", err, 0);
    if (err == AGNER_OK)
        oracle_unlinked(life, to, flags != 0);
}

/* ---- Monitors ----------------------------------------------------------- */

void op_monitor(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);
    bool by_name = n[1] != 0;
    etf_term target;
    enum agner_err err;
    etf_ref ref;

    if (to == NULL)
        return;
    target = by_name ? etf_make(self, "{_, _}", actors_name((unsigned)n[0]),
                                life->play->places[to->node].name)
                     : etf_from_pid(rt_region(self), actors_pid_from(life, to));
    err = rt_monitor(self, target, 0, &ref);
    oracle_i18_error(life, "monitor", err, 0);
    if (err == AGNER_OK)
        oracle_watching(life, ref, by_name ? NULL : to);
}

void op_demonitor(struct life *life, struct gen *self, const int64_t *n)
{
    struct watch *watch = &life->watches[(uint64_t)n[0] % WATCHES];
    bool flush = n[1] == 0;
    enum agner_err err;

    if (watch->state != WATCH_ON)
        return;
    err = rt_demonitor(self, watch->ref, flush);
    oracle_i18_error(life, "demonitor", err, ERR(ENOREF));
    if (err == AGNER_OK || (err == AGNER_ENOREF && flush))
        watch->state = WATCH_OFF;
    else if (err == AGNER_ENOREF)
        watch->state = WATCH_EITHER;
}

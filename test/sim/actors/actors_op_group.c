/*
 * actors_op_group.c -- operations on what all nodes know: groups, global names.
 *
 * A life is in a group once or not at all, so that what is published reaches it
 * once. Who has a limit stays out: what comes to it is counted by pid.
 */
#include "actors_message.h"
#include "actors_op.h"

/* What may be answered while the node stops: who is asked ends too. */
static uint64_t stop_errors(const struct life *life)
{
    const struct place *place = &life->play->places[life->node];

    return place->stopping || place->apps_stopping
               ? ERR(ENONAME) | ERR(EEXIT) | ERR(ENOPROC)
               : 0;
}

void op_join(struct life *life, struct gen *self, const int64_t *n)
{
    unsigned group = (unsigned)n[0] % GROUPS_MAX;
    enum agner_err err;

    if (life->actor->limit > 0 || (life->groups & 1u << group) != 0)
        return;
    err = gen_pg_join(self, actors_scope(), actors_group(group),
                      etf_from_pid(rt_region(self), rt_self(self)));
    oracle_i18_error(life, "join", err, stop_errors(life));
    if (err != AGNER_OK)
        return;
    life->groups |= 1u << group;
    oracle_i12_joined(life, self, group);
}

void op_leave(struct life *life, struct gen *self, const int64_t *n)
{
    unsigned group = (unsigned)n[0] % GROUPS_MAX;
    bool member = (life->groups & 1u << group) != 0;
    enum agner_err err;

    if (life->actor->limit > 0)
        return;
    err = gen_pg_leave(self, actors_scope(), actors_group(group),
                       etf_from_pid(rt_region(self), rt_self(self)));
    oracle_i18_error(life, "leave", err,
                     (member ? 0 : ERR(EUNKNOWN)) | stop_errors(life));
    if (err == AGNER_OK && !member)
        oracle_fail(life->play, "I12",
                    "life %u left group %u, of which it was no member",
                    life->number, group);
    if (err == AGNER_OK)
        life->groups &= ~(1u << group);
}

void op_publish(struct life *life, struct gen *self, const int64_t *n)
{
    enum agner_err err =
        gen_pg_broadcast(self, actors_scope(), actors_group((unsigned)n[0]),
                         actors_message(life, self, 0, 0, (size_t)n[1]), NULL);

    oracle_i18_error(life, "publish", err, stop_errors(life));
}

/* ---- Global names ------------------------------------------------------- */

static bool has_global(const struct life *life)
{
    return life->play->has_kernel && life->actor->limit == 0;
}

/* Where two have the name when nodes meet both lose it, or one is killed. */
void op_register_global(struct life *life, struct gen *self, const int64_t *n)
{
    enum agner_err err;

    if (!has_global(life))
        return;
    err = gen_global_register_name(
        self, actors_global(self, (unsigned)n[0]), rt_self(self),
        n[1] == 0 ? &gen_global_none : &gen_global_random_exit);
    oracle_i18_error(life, "register for all nodes", err,
                     ERR(ETAKEN) | stop_errors(life));
}

void op_unregister_global(struct life *life, struct gen *self, const int64_t *n)
{
    enum agner_err err;

    if (!has_global(life))
        return;
    err = gen_global_unregister_name(self, actors_global(self, (unsigned)n[0]));
    oracle_i18_error(life, "unregister from all nodes", err, stop_errors(life));
}

void op_send_global(struct life *life, struct gen *self, const int64_t *n)
{
    enum agner_err err;

    if (!has_global(life))
        return;
    err = gen_global_send(self, actors_global(self, (unsigned)n[0]),
                          actors_message(life, self, 0, 0, (size_t)n[1]), NULL);
    oracle_i18_error(life, "send to a global name", err,
                     ERR(ENONAME) | ERR(ENOPROC) | ERR(ENOCONN) | ERR(EAGAIN));
}

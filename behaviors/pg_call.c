/*
 * pg_call.c -- process groups, as those see them who are no scope: gen_pg.h.
 *
 * Reads go to the board; what changes something is a call of the scope.
 */
#include <stdlib.h>

#include "pg.h"

static etf_term scope_of(etf_term scope)
{
    return etf_is_none(scope) ? etf_atom("pg") : scope;
}

/* ---- Starting ----------------------------------------------------------- */

static enum agner_err start(struct gen *self, etf_term scope, bool link,
                            etf_pid *pid)
{
    struct rt_spawn_options options = { .name = scope_of(scope), .link = link };

    if (!etf_is_atom(options.name))
        return AGNER_EINVAL;
    return gen_start(self, &gen_pg_server, options.name, &options, pid, NULL);
}

enum agner_err gen_pg_start(struct gen *self, etf_term scope, etf_pid *pid)
{
    return start(self, scope, false, pid);
}

enum agner_err gen_pg_start_link(struct gen *self, etf_term scope, etf_pid *pid)
{
    return start(self, scope, true, pid);
}

etf_term gen_pg_which_scopes(struct rt *rt, struct etf_region *r)
{
    return rt_board_list(rt, r, PG_BOARDS);
}

/* ---- Asking the scope --------------------------------------------------- */

static enum agner_err ask(struct gen *self, etf_term scope, etf_term request,
                          etf_term *answer)
{
    *answer = ETF_NONE;
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    return gen_call(self, scope_of(scope), request, GEN_INFINITY, answer);
}

/* What an answer says that is not what was asked for. */
static enum agner_err refusal(etf_term answer)
{
    if (etf_atom_is(answer, "not_joined"))
        return AGNER_EUNKNOWN;
    return etf_match(answer, "{error, badarg}") ? AGNER_EINVAL : AGNER_ENOMEM;
}

static enum agner_err change(struct gen *self, etf_term scope, etf_term request)
{
    etf_term answer;
    enum agner_err err = ask(self, scope, request, &answer);

    if (err != AGNER_OK || etf_same(answer, ETF_A(ok)))
        return err;
    return refusal(answer);
}

enum agner_err gen_pg_join(struct gen *self, etf_term scope, etf_term group,
                           etf_term pids)
{
    return change(self, scope,
                  etf_make(self, "{join_local, _, _}", group, pids));
}

enum agner_err gen_pg_leave(struct gen *self, etf_term scope, etf_term group,
                            etf_term pids)
{
    return change(self, scope,
                  etf_make(self, "{leave_local, _, _}", group, pids));
}

static enum agner_err watch(struct gen *self, etf_term scope, etf_term request,
                            etf_ref *ref, etf_term *now)
{
    etf_term answer;
    enum agner_err err = ask(self, scope, request, &answer);

    if (err != AGNER_OK)
        return err;
    if (etf_tuple_size(answer) != 2 ||
        !etf_get_ref(etf_tuple_items(answer)[0], ref))
        return refusal(answer);
    if (now != NULL)
        *now = etf_tuple_items(answer)[1];
    return AGNER_OK;
}

enum agner_err gen_pg_monitor(struct gen *self, etf_term scope, etf_term group,
                              etf_ref *ref, etf_term *pids)
{
    return watch(self, scope, etf_make(self, "{monitor, _}", group), ref, pids);
}

enum agner_err gen_pg_monitor_scope(struct gen *self, etf_term scope,
                                    etf_ref *ref, etf_term *groups)
{
    return watch(self, scope, etf_make(self, "monitor"), ref, groups);
}

/* {Ref, join | leave, Group, Pids} of that watch. */
static bool tells(void *ctx, etf_term message)
{
    etf_ref ref;

    return etf_tuple_size(message) == 4 &&
           etf_get_ref(etf_tuple_items(message)[0], &ref) &&
           etf_ref_equal(ref, *(const etf_ref *)ctx);
}

enum agner_err gen_pg_demonitor(struct gen *self, etf_term scope, etf_ref ref)
{
    etf_term answer, message;
    enum agner_err err =
        ask(self, scope, etf_make(self, "{demonitor, _}", ref), &answer);

    if (err == AGNER_OK && !etf_same(answer, ETF_A(ok)))
        return AGNER_ENOREF;
    while (err == AGNER_OK &&
           rt_receive_match(self, tells, &ref, 0, &message) == AGNER_OK)
        continue;
    return err;
}

/* ---- Reading ------------------------------------------------------------ */

/* The scope's board. AGNER_ENONAME: it does not run. */
static enum agner_err board_of(struct gen *self, etf_term scope,
                               struct rt_board **board)
{
    struct rt *rt = rt_of(self);
    etf_pid pid;

    scope = scope_of(scope);
    *board = rt_board_find(rt, PG_BOARDS, scope);
    return *board == NULL || rt_whereis(rt, scope, &pid) != AGNER_OK
               ? AGNER_ENONAME
               : AGNER_OK;
}

static enum agner_err members(struct gen *self, etf_term scope, etf_term group,
                              bool local, etf_term *pids)
{
    struct rt_board *board;
    enum agner_err err = board_of(self, scope, &board);

    return err == AGNER_OK
               ? gen__roll_list(board, rt_region(self), group, local, pids)
               : err;
}

enum agner_err gen_pg_get_members(struct gen *self, etf_term scope,
                                  etf_term group, etf_term *pids)
{
    return members(self, scope, group, false, pids);
}

enum agner_err gen_pg_get_local_members(struct gen *self, etf_term scope,
                                        etf_term group, etf_term *pids)
{
    return members(self, scope, group, true, pids);
}

/* The groups that have members, or members of this node. */
static enum agner_err groups_of(struct gen *self, etf_term scope, bool local,
                                etf_term *groups)
{
    struct etf_region *r = rt_region(self);
    etf_term all, group, pids, list = etf_nil();
    struct rt_board *board;
    enum agner_err err = board_of(self, scope, &board);

    if (err != AGNER_OK)
        return err;
    all = rt_board_keys(board, r);
    while (local && err == AGNER_OK && etf_list_next(&all, &group)) {
        err = gen__roll_list(board, r, group, true, &pids);
        if (err == AGNER_OK && !etf_same(pids, etf_nil()))
            list = etf_cons(r, group, list);
    }
    if (!local || etf_is_none(all))
        list = all;
    if (err == AGNER_OK && etf_is_none(list))
        err = AGNER_ENOMEM;
    if (err == AGNER_OK)
        *groups = list;
    return err;
}

enum agner_err gen_pg_which_groups(struct gen *self, etf_term scope,
                                   etf_term *groups)
{
    return groups_of(self, scope, false, groups);
}

enum agner_err gen_pg_which_local_groups(struct gen *self, etf_term scope,
                                         etf_term *groups)
{
    return groups_of(self, scope, true, groups);
}

/* ---- Broadcasts --------------------------------------------------------- */

enum agner_err gen_pg_broadcast(struct gen *self, etf_term scope,
                                etf_term group, etf_term message, size_t *count)
{
    etf_term pids;
    enum agner_err err = gen_pg_get_members(self, scope, group, &pids);

    return err == AGNER_OK
               ? gen__roll_send(self, pids, ETF_NONE, message, count)
               : err;
}

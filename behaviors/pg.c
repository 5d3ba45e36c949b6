/*
 * pg.c -- the process of a scope of process groups. See pg.h.
 *
 *   call                         answer
 *   ---------------------------  ------------------------------------------
 *   {join_local, Group, Pids}    ok | {error, Why}
 *   {leave_local, Group, Pids}   ok | not_joined | {error, Why}
 *   {monitor, Group}             {Ref, Pids} | {error, Why}
 *   monitor                      {Ref, #{Group => Pids}} | {error, Why}
 *   {demonitor, Ref}             ok | false
 *
 * Why is badarg or system_limit. They are OTP's, so that whoever calls them
 * there calls them here. What nobody knows is ignored: a scope of this node
 * ends with its parent and for nothing else, and so its members stay members.
 *
 * Sources: OTP 25, pg; spec/distribution.md 11.
 */
#include "pg.h"

#include <stdlib.h>

/* ---- Later -------------------------------------------------------------- */

void gen__pg_late(struct gen *self, struct pg *s)
{
    if (s->late_ms == 0)
        s->late_ms = rt_now_ms(rt_of(self)) + PG_RETRY_MS;
}

static void retry(struct gen *self, struct pg *s)
{
    s->late_ms = 0;
    if (s->crowd.late)
        gen__crowd_retry(self, &s->crowd);
    if (!gen__pg_peers_retry(self, s) || s->crowd.late)
        gen__pg_late(self, s);
}

/* The end of each callback: tries what is due, and sees to it that it will be.
 * A time-out alone would not do, since every message puts it off. */
static enum gen_next next(struct gen *self, struct pg *s)
{
    uint64_t now_ms;

    if (s->crowd.late)
        gen__pg_late(self, s);
    if (s->late_ms == 0)
        return GEN_NEXT;
    now_ms = rt_now_ms(rt_of(self));
    if (now_ms >= s->late_ms)
        retry(self, s);
    if (s->late_ms == 0)
        return GEN_NEXT;
    return gen_timeout(self, s->late_ms > now_ms ? s->late_ms - now_ms : 1);
}

/* ---- Requests ----------------------------------------------------------- */

static etf_term failure(struct gen *self, enum agner_err err)
{
    return etf_make(self, "{error, _}",
                    err == AGNER_EINVAL ? ETF_A(badarg)
                                        : etf_atom("system_limit"));
}

static etf_term join(struct gen *self, struct pg *s, etf_term group,
                     etf_term pids)
{
    enum agner_err err = gen__crowd_join(self, &s->crowd, group, pids);

    if (err != AGNER_OK)
        return failure(self, err);
    if (etf_same(pids, etf_nil()))
        return ETF_A(ok);
    gen__pg_tell(self, s,
                 etf_make(self, "{join, _, _, _}", rt_self(self), group, pids));
    if (etf_list_size(pids) < 0)
        pids = etf_make(self, "[_]", pids);
    gen__pg_notify(self, s, rt_region(self), "join", group, pids);
    return ETF_A(ok);
}

static etf_term leave(struct gen *self, struct pg *s, etf_term group,
                      etf_term pids)
{
    etf_term left;
    enum agner_err err = gen__crowd_leave(self, &s->crowd, group, pids, &left);

    if (err == AGNER_EUNKNOWN)
        return etf_atom("not_joined");
    if (err != AGNER_OK)
        return failure(self, err);
    gen__pg_tell(
        self, s,
        etf_make(self, "{leave, _, _, [_]}", rt_self(self), left, group));
    gen__pg_notify(self, s, rt_region(self), "leave", group, left);
    return ETF_A(ok);
}

/* All groups with their members, as a map. */
static etf_term everything(struct gen *self, struct pg *s)
{
    struct etf_region *r = rt_region(self);
    etf_term keys = rt_board_keys(s->crowd.board, r), map = ETF_NONE;
    size_t count = 0, room = rt_board_size(s->crowd.board);
    etf_term *pairs = calloc(2 * room + 1, sizeof(etf_term));

    while (pairs != NULL && count < room &&
           etf_list_next(&keys, &pairs[2 * count])) {
        if (gen__roll_list(s->crowd.board, r, pairs[2 * count], false,
                           &pairs[2 * count + 1]) != AGNER_OK)
            break;
        count++;
    }
    if (pairs != NULL && count == room)
        map = etf_map(r, pairs, count);
    free(pairs);
    return map;
}

/* `group` ETF_NONE: all. */
static etf_term watch(struct gen *self, struct pg *s,
                      const struct gen_from *from, etf_term group)
{
    etf_term caller = rt_from_term(self, from), now = ETF_NONE;
    enum agner_err err = AGNER_EINVAL;
    etf_ref ref;
    etf_pid who;

    if (etf_tuple_size(caller) == 2 &&
        etf_get_pid(etf_tuple_items(caller)[0], &who))
        err = gen__pg_watch(self, s, who, group, &ref);
    if (err != AGNER_OK)
        return failure(self, err);
    if (etf_is_none(group))
        now = everything(self, s);
    else if (gen__roll_list(s->crowd.board, rt_region(self), group, false,
                            &now) != AGNER_OK)
        now = ETF_NONE;
    now = etf_make(self, "{_, _}", ref, now);
    if (!etf_is_none(now))
        return now;
    (void)gen__pg_unwatch(self, s, ref, false);
    return failure(self, AGNER_ENOMEM);
}

static enum gen_next pg_call(struct gen *self, struct gen_from from,
                             etf_term request)
{
    struct pg *s = gen_state(self);
    etf_term group, pids, answer;
    etf_ref ref;

    if (etf_match(request, "{join_local, _, _}", &group, &pids))
        answer = join(self, s, group, pids);
    else if (etf_match(request, "{leave_local, _, _}", &group, &pids))
        answer = leave(self, s, group, pids);
    else if (etf_match(request, "{monitor, _}", &group))
        answer = watch(self, s, &from, group);
    else if (etf_match(request, "monitor"))
        answer = watch(self, s, &from, ETF_NONE);
    else if (etf_match(request, "{demonitor, _}", &ref))
        answer =
            gen__pg_unwatch(self, s, ref, false) ? ETF_A(ok) : ETF_A(false);
    else
        answer = etf_make(self, "{error, not_supported}");
    (void)gen_reply(self, from, answer);
    return next(self, s);
}

/* ---- What is heard ------------------------------------------------------ */

static enum gen_next pg_cast(struct gen *self, etf_term request)
{
    struct pg *s = gen_state(self);

    gen__pg_cast(self, s, request);
    return next(self, s);
}

/* A member has ended: crowd.h. */
static void left(struct gen *self, etf_term pid, etf_term groups)
{
    struct pg *s = gen_state(self);
    etf_term list = etf_make(self, "[_]", pid), group;

    gen__pg_tell(
        self, s,
        etf_make(self, "{leave, _, _, _}", rt_self(self), pid, groups));
    while (etf_list_next(&groups, &group))
        gen__pg_notify(self, s, rt_region(self), "leave", group, list);
}

static enum gen_next pg_info(struct gen *self, etf_term message)
{
    struct pg *s = gen_state(self);
    etf_ref ref;

    if (!gen__is_down(message, &ref))
        gen__pg_message(self, s, message);
    else if (!gen__crowd_down(self, &s->crowd, message) &&
             !gen__pg_peer_down(self, s, ref))
        (void)gen__pg_unwatch(self, s, ref, true);
    return next(self, s);
}

/* ---- Life --------------------------------------------------------------- */

static enum gen_next pg_init(struct gen *self, etf_term scope)
{
    struct pg *s = gen_state(self);
    enum agner_err err;

    if (!etf_is_atom(scope))
        return gen_stop(self, ETF_A(badarg));
    if (rt_guard(self, RT_MAY_NAMES, false) != AGNER_OK)
        return gen_stop(self, etf_atom("system_limit"));
    s->scope = scope;
    s->crowd.left = left;
    err = gen__crowd_init(self, &s->crowd,
                          rt_board_open(rt_of(self), PG_BOARDS, scope));
    if (err == AGNER_OK)
        err = gen__pg_begin(self, s);
    return err == AGNER_OK ? GEN_NEXT
                           : gen_stop(self, etf_atom("system_limit"));
}

static void pg_destroy(void *state)
{
    struct pg *s = state;

    gen__crowd_fini(&s->crowd);
    while (s->watch_count > 0)
        etf_box_free(s->watches[--s->watch_count].group);
    free(s->watches);
    free(s->peers);
}

static etf_term pg_status(struct gen *self)
{
    const struct pg *s = gen_state(self);

    return etf_make(self,
                    "#{scope => _, groups => _, local_members => _, "
                    "peers => _, monitors => _}",
                    s->scope, (uint64_t)rt_board_size(s->crowd.board),
                    s->crowd.count, s->peer_count, s->watch_count);
}

const struct gen_server gen_pg_server = {
    .name = "pg",
    .state_size = sizeof(struct pg),
    .init = pg_init,
    .handle_call = pg_call,
    .handle_cast = pg_cast,
    .handle_info = pg_info,
    .format_status = pg_status,
    .destroy = pg_destroy,
};

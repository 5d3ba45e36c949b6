/*
 * puppet_pg.c -- what puppets do with process groups and topics: puppet.h.
 */
#include "puppet.h"

/* Scope */
static etf_term op_start(struct gen *self, etf_term args)
{
    enum agner_err err;
    etf_pid pid;

    err = gen_pg_start(self, args, &pid);
    return err == AGNER_OK ? puppet_value(self, err, etf_from_pid(NULL, pid))
                           : puppet_result(self, err);
}

/* {Scope, Group, Pids} */
static etf_term change(struct gen *self, etf_term args,
                       enum agner_err (*how)(struct gen *self, etf_term scope,
                                             etf_term group, etf_term pids))
{
    etf_term scope, group, pids;

    if (!etf_match(args, "{_, _, _}", &scope, &group, &pids))
        return puppet_badarg();
    return puppet_result(self, how(self, scope, group, pids));
}

static etf_term op_join(struct gen *self, etf_term args)
{
    return change(self, args, gen_pg_join);
}

static etf_term op_leave(struct gen *self, etf_term args)
{
    return change(self, args, gen_pg_leave);
}

/* {Scope, Group}: {ok, Pids} */
static etf_term look(struct gen *self, etf_term args,
                     enum agner_err (*how)(struct gen *self, etf_term scope,
                                           etf_term group, etf_term *pids))
{
    etf_term scope, group, pids = ETF_NONE;
    enum agner_err err;

    if (!etf_match(args, "{_, _}", &scope, &group))
        return puppet_badarg();
    err = how(self, scope, group, &pids);
    return puppet_value(self, err, pids);
}

static etf_term op_members(struct gen *self, etf_term args)
{
    return look(self, args, gen_pg_get_members);
}

static etf_term op_local_members(struct gen *self, etf_term args)
{
    return look(self, args, gen_pg_get_local_members);
}

/* Scope: {ok, Groups} */
static etf_term op_groups(struct gen *self, etf_term args)
{
    etf_term groups = ETF_NONE;
    enum agner_err err = gen_pg_which_groups(self, args, &groups);

    return puppet_value(self, err, groups);
}

/* {Scope, Group}, or {Scope}: {Ref, Now} */
static etf_term op_monitor(struct gen *self, etf_term args)
{
    etf_term scope, group, now;
    enum agner_err err;
    etf_ref ref;

    if (etf_match(args, "{_, _}", &scope, &group))
        err = gen_pg_monitor(self, scope, group, &ref, &now);
    else if (etf_match(args, "{_}", &scope))
        err = gen_pg_monitor_scope(self, scope, &ref, &now);
    else
        return puppet_badarg();
    return err == AGNER_OK ? etf_make(self, "{_, _}", ref, now)
                           : puppet_result(self, err);
}

/* {Scope, Ref} */
static etf_term op_demonitor(struct gen *self, etf_term args)
{
    etf_term scope;
    etf_ref ref;

    if (!etf_match(args, "{_, _}", &scope, &ref))
        return puppet_badarg();
    return puppet_result(self, gen_pg_demonitor(self, scope, ref));
}

/* {Scope, Group, Message}: {ok, Count} */
static etf_term op_broadcast(struct gen *self, etf_term args)
{
    etf_term scope, group, message;
    enum agner_err err;
    size_t count = 0;

    if (!etf_match(args, "{_, _, _}", &scope, &group, &message))
        return puppet_badarg();
    err = gen_pg_broadcast(self, scope, group, message, &count);
    return puppet_value(self, err, etf_uint(NULL, count));
}

/* ---- Topics ------------------------------------------------------------- */

/* {Name, PoolSize} */
static etf_term op_pubsub_start(struct gen *self, etf_term args)
{
    struct gen_pubsub_options options = { 0 };
    etf_term name;
    etf_pid pid;

    if (!etf_match(args, "{_, _}", &name, &options.pool_size))
        return puppet_badarg();
    return puppet_result(self, gen_pubsub_start(self, name, &options, &pid));
}

/* {Name, Topic} */
static etf_term op_subscribe(struct gen *self, etf_term args)
{
    etf_term name, topic;

    if (!etf_match(args, "{_, _}", &name, &topic))
        return puppet_badarg();
    return puppet_result(self, gen_pubsub_subscribe(self, name, topic));
}

static etf_term op_unsubscribe(struct gen *self, etf_term args)
{
    etf_term name, topic;

    if (!etf_match(args, "{_, _}", &name, &topic))
        return puppet_badarg();
    return puppet_result(self, gen_pubsub_unsubscribe(self, name, topic));
}

/* {Name, Topic, Message}, to the others of this node too; {Node, Name, Topic,
 * Message}: to that one. */
static etf_term op_publish(struct gen *self, etf_term args)
{
    etf_term node, name, topic, message;

    if (etf_match(args, "{_, _, _}", &name, &topic, &message))
        return puppet_result(self,
                             gen_pubsub_broadcast(self, name, topic, message));
    if (!etf_match(args, "{_, _, _, _}", &node, &name, &topic, &message))
        return puppet_badarg();
    return puppet_result(
        self, gen_pubsub_direct_broadcast(self, node, name, topic, message));
}

/* {Name, Topic, Message}: from the puppet itself */
static etf_term op_publish_from(struct gen *self, etf_term args)
{
    etf_term name, topic, message;

    if (!etf_match(args, "{_, _, _}", &name, &topic, &message))
        return puppet_badarg();
    return puppet_result(self, gen_pubsub_broadcast_from(
                                   self, name, rt_self(self), topic, message));
}

const struct puppet_op puppet_pg[] = {
    { "pg_start", op_start },
    { "pg_join", op_join },
    { "pg_leave", op_leave },
    { "pg_members", op_members },
    { "pg_local_members", op_local_members },
    { "pg_groups", op_groups },
    { "pg_monitor", op_monitor },
    { "pg_demonitor", op_demonitor },
    { "pg_broadcast", op_broadcast },
    { "pubsub_start", op_pubsub_start },
    { "subscribe", op_subscribe },
    { "unsubscribe", op_unsubscribe },
    { "publish", op_publish },
    { "publish_from", op_publish_from },
    { NULL, NULL },
};

/*
 * puppet_global.c -- what puppets do of names and locks of all nodes: puppet.h.
 */
#include "puppet.h"

/* A method by name: the default for any other atom. */
static const struct gen_global_method *method_of(etf_term name)
{
    if (etf_atom_is(name, "random_notify"))
        return &gen_global_random_notify;
    if (etf_atom_is(name, "notify_all"))
        return &gen_global_notify_all;
    if (etf_atom_is(name, "none"))
        return &gen_global_none;
    return NULL;
}

/* {Name, Method}: the puppet itself */
static etf_term op_register(struct gen *self, etf_term args)
{
    etf_term name, method;

    if (!etf_match(args, "{_, _}", &name, &method))
        return puppet_badarg();
    return puppet_result(
        self,
        gen_global_register_name(self, name, rt_self(self), method_of(method)));
}

/* {Name, Pid} */
static etf_term op_re_register(struct gen *self, etf_term args)
{
    etf_term name;
    etf_pid pid;

    if (!etf_match(args, "{_, _}", &name, &pid))
        return puppet_badarg();
    return puppet_result(self,
                         gen_global_re_register_name(self, name, pid, NULL));
}

static etf_term op_unregister(struct gen *self, etf_term args)
{
    return puppet_result(self, gen_global_unregister_name(self, args));
}

static etf_term op_whereis(struct gen *self, etf_term args)
{
    etf_pid pid;

    if (gen_global_whereis_name(rt_of(self), args, &pid) != AGNER_OK)
        return ETF_A(undefined);
    return etf_from_pid(rt_region(self), pid);
}

static etf_term op_names(struct gen *self, etf_term args)
{
    etf_term names = ETF_NONE;
    enum agner_err err = gen_global_registered_names(self, &names);

    (void)args;
    return puppet_value(self, err, names);
}

/* {Name, Message} */
static etf_term op_send(struct gen *self, etf_term args)
{
    etf_term name, message;

    if (!etf_match(args, "{_, _}", &name, &message))
        return puppet_badarg();
    return puppet_result(self, gen_global_send(self, name, message, NULL));
}

/* {Id, Retries} */
static etf_term op_set_lock(struct gen *self, etf_term args)
{
    uint64_t retries;
    etf_term id;

    if (!etf_match(args, "{_, _}", &id, &retries))
        return puppet_badarg();
    return puppet_result(self,
                         gen_global_set_lock(self, id, ETF_NONE, retries));
}

static etf_term op_del_lock(struct gen *self, etf_term args)
{
    return puppet_result(self, gen_global_del_lock(self, args, ETF_NONE));
}

/* What a transaction does: asks for a number and says the next one. */
struct step {
    etf_term counter;
    enum agner_err err;
};

static void next_number(struct gen *self, void *arg)
{
    struct step *step = arg;
    etf_term reply;
    int64_t n;

    step->err =
        gen_call(self, step->counter, etf_atom("get"), GEN_INFINITY, &reply);
    if (step->err == AGNER_OK && etf_get_int(reply, &n))
        step->err =
            gen_call(self, step->counter, etf_make(self, "{set, _}", n + 1),
                     GEN_INFINITY, &reply);
}

/* {Id, Counter, Times} */
static etf_term op_trans(struct gen *self, etf_term args)
{
    struct step step = { .err = AGNER_OK };
    enum agner_err err = AGNER_OK;
    uint64_t times;
    etf_term id;

    if (!etf_match(args, "{_, _, _}", &id, &step.counter, &times))
        return puppet_badarg();
    for (; times > 0 && err == AGNER_OK && step.err == AGNER_OK; times--)
        err = gen_global_trans(self, id, next_number, &step, ETF_NONE,
                               GEN_INFINITY);
    return puppet_result(self, err == AGNER_OK ? step.err : err);
}

static etf_term op_sync(struct gen *self, etf_term args)
{
    (void)args;
    return puppet_result(self, gen_global_sync(self, ETF_NONE));
}

static etf_term op_connect(struct gen *self, etf_term args)
{
    return puppet_result(self, rt_connect_node(self, args));
}

static etf_term op_disconnect(struct gen *self, etf_term args)
{
    return puppet_result(self, rt_disconnect_node(rt_of(self), args));
}

static etf_term op_nodes(struct gen *self, etf_term args)
{
    (void)args;
    return rt_nodes(rt_of(self), rt_region(self), RT_NODES_VISIBLE);
}

const struct puppet_op puppet_global[] = {
    { "global_register", op_register },
    { "global_re_register", op_re_register },
    { "global_unregister", op_unregister },
    { "global_whereis", op_whereis },
    { "global_names", op_names },
    { "global_send", op_send },
    { "global_set_lock", op_set_lock },
    { "global_del_lock", op_del_lock },
    { "global_trans", op_trans },
    { "global_sync", op_sync },
    { "global_connect", op_connect },
    { "global_disconnect", op_disconnect },
    { "global_nodes", op_nodes },
    { NULL, NULL },
};

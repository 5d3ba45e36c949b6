/*
 * global_resolve.c -- conflicts: one name, two processes, when two partitions
 * meet.
 *
 * The method of this side's entry is asked, on the node where its process
 * lives, which of the two is to have the name. Methods are funs of Erlang
 * nodes, which are opaque here, and `fun M:F/3`. For a process of this node the
 * methods of OTP's module global are served, and `fun M:F/3` for functions that
 * were provided (gen_rpc.h); of any other fun nobody gets the name.
 *
 * Sources: OTP 25, global(3), register_name/3.
 */
#include <stdlib.h>

#include "etf_door.h"

#include "global_internal.h"

/* ---- Methods ------------------------------------------------------------ */

enum { FUN_ARITY = 1, FUN_MODULE = 5 }; /* words of ETF__HEAD_FUN */

/* A fun of module global itself: what OTP's register_name/2 and its like give,
 * which is random_exit_name/3. */
static bool is_globals_own(etf_term method)
{
    const uint64_t *words;

    if (etf_kind(method) != ETF_KIND_FUN)
        return false;
    words = etf__words(method);
    return words[FUN_ARITY] == 3 &&
           etf_atom_is(etf__word(words[FUN_MODULE]), "global");
}

/* The node where a process lives. */
static etf_term node_of(struct gen *self, etf_pid pid)
{
    return etf_pid_is_local(pid) ? rt_node(rt_of(self)).name : pid.node;
}

/* Who keeps the name, and who loses it: the one on the greater node. */
static etf_pid smaller(struct gen *self, etf_pid a, etf_pid b, etf_pid *loser)
{
    bool a_is = etf_compare(node_of(self, a), node_of(self, b)) < 0;

    *loser = a_is ? b : a;
    return a_is ? a : b;
}

static etf_term random_exit(struct gen *self, etf_term name, etf_pid a,
                            etf_pid b)
{
    etf_pid loser, winner = smaller(self, a, b, &loser);
    char text[128];

    RT_LOG(self, RT_LOG_INFO,
           "global: conflict of names: ending one that is %s",
           etf_format(text, sizeof text, name));
    (void)rt_exit_signal(self, loser, ETF_A(kill));
    return etf_from_pid(rt_region(self), winner);
}

static etf_term random_notify(struct gen *self, etf_term name, etf_pid a,
                              etf_pid b)
{
    etf_pid loser, winner = smaller(self, a, b, &loser);

    (void)rt_send_pid(self, loser,
                      etf_make(self, "{global_name_conflict, _}", name));
    return etf_from_pid(rt_region(self), winner);
}

static etf_term notify_all(struct gen *self, etf_term name, etf_pid a,
                           etf_pid b)
{
    (void)rt_send_pid(self, a,
                      etf_make(self, "{global_name_conflict, _, _}", name, b));
    (void)rt_send_pid(self, b,
                      etf_make(self, "{global_name_conflict, _, _}", name, a));
    return etf_atom("none");
}

/* A function of this node, by name. */
static etf_term apply(struct gen *self, etf_term m, etf_term f, etf_term name,
                      etf_pid a, etf_pid b)
{
    etf_term result = ETF_NONE;

    if (gen_rpc_apply(self, ETF_NONE, m, f,
                      etf_make(self, "[_, _, _]", name, a, b),
                      &result) == GEN_RPC_VALUE)
        return result;
    return etf_make(self, "{'EXIT', _}",
                    etf_is_none(result) ? ETF_A(error) : result);
}

etf_term global__resolve_it(struct gen *self, etf_term method, etf_term name,
                            etf_pid pid, etf_pid pid2)
{
    etf_term m, f;
    uint32_t arity;

    if (is_globals_own(method))
        return random_exit(self, name, pid, pid2);
    if (!etf_get_export(method, &m, &f, &arity) || arity != 3)
        return etf_make(self, "{'EXIT', {badfun, _}}", method);
    if (!etf_atom_is(m, "global"))
        return apply(self, m, f, name, pid, pid2);
    if (etf_atom_is(f, "random_exit_name"))
        return random_exit(self, name, pid, pid2);
    if (etf_atom_is(f, "random_notify_name"))
        return random_notify(self, name, pid, pid2);
    if (etf_atom_is(f, "notify_all_name"))
        return notify_all(self, name, pid, pid2);
    return etf_make(self, "{'EXIT', {undef, []}}");
}

/* ---- The resolver ------------------------------------------------------- */

struct resolver {
    struct etf_box *args; /* owned: {Node, Tag, Conflicts, Ops} */
};

/* Where the process of our entry lives. */
static etf_term ask(struct gen *self, etf_term method, etf_term name,
                    etf_pid pid, etf_pid pid2)
{
    etf_term result = ETF_NONE;

    if (etf_pid_is_local(pid2))
        return global__resolve_it(self, method, name, pid, pid2);
    if (gen_rpc_call(self, pid2.node, etf_atom("global"),
                     etf_atom("resolve_it"),
                     etf_make(self, "[_, _, _, _]", method, name, pid, pid2),
                     RT_INFINITY, &result) != AGNER_OK &&
        etf_is_none(result))
        return etf_make(self, "{badrpc, nodedown}");
    return result;
}

/*
 * One conflict, {{Name, Pid, Method}, Pid2, Method2}: what we do goes to *ops,
 * what the other side must do to *resolved. When the node with our process is
 * gone the other one has the name.
 */
static void decide(struct gen *self, etf_term conflict, etf_term *ops,
                   etf_term *resolved)
{
    etf_term theirs, name, method, method2, result;
    etf_pid pid, pid2, kept;

    if (!etf_match(conflict, "{_, _, _}", &theirs, &pid2, &method2) ||
        !etf_match(theirs, "{_, _, _}", &name, &pid, &method))
        return;
    result = ask(self, method2, name, pid, pid2);
    if (etf_is_tagged(result, etf_atom("badrpc"), 2) ||
        (etf_get_pid(result, &kept) && etf_pid_equal(kept, pid))) {
        *ops = etf_make(self, "[{insert, _} | _]", theirs, *ops);
    } else if (etf_get_pid(result, &kept) && etf_pid_equal(kept, pid2)) {
        *resolved = etf_make(self, "[{insert, {_, _, _}} | _]", name, pid2,
                             method2, *resolved);
    } else {
        *ops = etf_make(self, "[{delete, _} | _]", name, *ops);
        *resolved = etf_make(self, "[{delete, _} | _]", name, *resolved);
    }
}

static enum gen_next resolver_init(struct gen *self, etf_term args)
{
    struct resolver *r = gen_state(self);

    r->args = etf_box_new(args);
    return r->args == NULL ? gen_stop(self, ETF_A(normal))
                           : gen_continue(self, etf_nil());
}

static enum gen_next resolver_continue(struct gen *self, etf_term argument)
{
    const struct resolver *r = gen_state(self);
    const etf_term *items = etf_tuple_items(etf_box_term(r->args));
    etf_term conflicts = items[2], ops = items[3], resolved = etf_nil();
    etf_term conflict, message;

    (void)argument;
    while (etf_list_next(&conflicts, &conflict))
        decide(self, conflict, &ops, &resolved);
    message = etf_make(self, "{exchange_ops, _, _, _, _}", items[0], items[1],
                       ops, resolved);
    if (etf_is_none(message) ||
        gen_cast(self, etf_atom("global_name_server"), message) != AGNER_OK) {
        RT_LOG(self, RT_LOG_ERROR, "global: no memory for conflicts of names");
        (void)rt_disconnect_node(rt_of(self), items[0]);
    }
    return gen_stop(self, ETF_A(normal));
}

static void resolver_destroy(void *state)
{
    struct resolver *r = state;

    etf_box_free(r->args);
}

static const struct gen_server resolver = {
    .name = "global_resolver",
    .state_size = sizeof(struct resolver),
    .init = resolver_init,
    .handle_continue = resolver_continue,
    .destroy = resolver_destroy,
};

enum agner_err global__resolver_start(struct gen *self, etf_term node,
                                      int64_t tag, etf_term conflicts,
                                      etf_term ops, etf_pid *pid)
{
    etf_term args = etf_make(self, "{_, _, _, _}", node, tag, conflicts, ops);

    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_start_link(self, &resolver, args, NULL, pid, NULL);
}

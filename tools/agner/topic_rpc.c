/*
 * topic_rpc.c -- groups and topics of a node without a control socket here: by
 * its own functions, over rpc. So of Erlang and Elixir nodes too.
 */
#include "cli.h"

static int call(struct cli *cli, struct target *t, const char *m, const char *f,
                etf_term args, etf_term *result)
{
    etf_term reason = ETF_NONE;
    char text[200];
    enum agner_err err;

    if (etf_is_none(args))
        return cli_fail(cli, EXIT_REMOTE, "a smaller term", "out of memory");
    *result = ETF_NONE;
    err = gen_rpc_call(t->self, etf_atom(t->name), etf_atom(m), etf_atom(f),
                       args, GEN_CALL_TIMEOUT_MS, result);
    if (err == AGNER_OK)
        return EXIT_DONE;
    if (err != AGNER_EEXIT || !etf_match(*result, "{badrpc, _}", &reason))
        return cli_fail(cli, cli_code(err), "agner ping NODE", "%s: %s",
                        t->name, agner_strerror(err));
    return cli_fail(cli, EXIT_REMOTE, "the log of that node", "%s:%s on %s: %s",
                    m, f, t->name, etf_format(text, sizeof text, reason));
}

static etf_term scope_of(const struct cli *cli)
{
    return etf_atom(cli->o.scope != NULL ? cli->o.scope : "pg");
}

/* ---- Groups ------------------------------------------------------------- */

static etf_term row(struct target *t, etf_term scope, etf_term group,
                    etf_term pid, uint64_t times)
{
    etf_term node = rt_node(rt_of(t->self)).name;
    etf_pid value;

    if (etf_get_pid(pid, &value) && !etf_pid_is_local(value))
        node = value.node;
    return etf_make(t->self,
                    "#{scope => _, group => _, pid => _, node => _, "
                    "times => _}",
                    scope, group, pid, node, times);
}

/* The members of a group in front of `rows`, each once. */
static etf_term add_members(struct target *t, etf_term scope, etf_term group,
                            etf_term pids, etf_term rows)
{
    etf_term pid, rest, other;

    while (etf_list_next(&pids, &pid)) {
        uint64_t times = 1;
        etf_term others = etf_nil();

        for (rest = pids; etf_list_next(&rest, &other);) {
            if (etf_equal(other, pid))
                times++;
            else
                others = etf_cons(rt_region(t->self), other, others);
        }
        pids = others;
        rows = etf_cons(rt_region(t->self), row(t, scope, group, pid, times),
                        rows);
    }
    return rows;
}

int cli_rpc_groups(struct cli *cli, struct target *t, etf_term *rows)
{
    etf_term scope = scope_of(cli), groups, group, pids;
    int code = call(cli, t, "erlang", "whereis",
                    etf_make(t->self, "[_]", scope), &pids);

    *rows = etf_nil();
    if (code != EXIT_DONE || etf_same(pids, ETF_A(undefined)))
        return code; /* pg:which_groups is badarg when the scope does not run */
    code = call(cli, t, "pg", "which_groups", etf_make(t->self, "[_]", scope),
                &groups);
    while (code == EXIT_DONE && etf_list_next(&groups, &group)) {
        code = call(cli, t, "pg", "get_members",
                    etf_make(t->self, "[_, _]", scope, group), &pids);
        if (code == EXIT_DONE)
            *rows = add_members(t, scope, group, pids, *rows);
    }
    return code;
}

/* ---- Sending ------------------------------------------------------------ */

static int to_group(struct cli *cli, struct target *t, etf_term group,
                    etf_term message, etf_term *result)
{
    etf_term pids, pid;
    uint64_t count = 0;
    int code = call(cli, t, "pg", "get_members",
                    etf_make(t->self, "[_, _]", scope_of(cli), group), &pids);

    while (code == EXIT_DONE && etf_list_next(&pids, &pid))
        count += rt_send(t->self, pid, message) == AGNER_OK;
    *result = etf_uint(rt_region(t->self), count);
    return code;
}

int cli_rpc_publish(struct cli *cli, struct target *t, etf_term params,
                    etf_term message, etf_term *result)
{
    etf_term group, pubsub, topic;

    if (etf_match(params, "#{<<\"pubsub\">> => _, <<\"topic\">> => _}", &pubsub,
                  &topic))
        return call(cli, t, "Elixir.Phoenix.PubSub", "broadcast",
                    etf_make(t->self, "[_, _, _]", pubsub, topic, message),
                    result);
    if (!etf_match(params, "#{<<\"group\">> => _}", &group))
        return EXIT_USAGE; /* not reached: it is one or the other */
    return to_group(cli, t, group, message, result);
}

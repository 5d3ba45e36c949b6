/*
 * apply.c -- functions of a node that is reached by distribution: calling one,
 * and what it raises, in words.
 */
#include "cli.h"

#include <inttypes.h>

int cli_apply(struct cli *cli, struct target *t, const char *module,
              const char *function, etf_term args, etf_term *result)
{
    etf_term reply = ETF_NONE, reason;
    char text[200];
    enum agner_err err =
        gen_rpc_call(t->self, etf_atom(t->name), etf_atom(module),
                     etf_atom(function), args, cli_timeout(cli), &reply);

    if (err == AGNER_EEXIT && etf_match(reply, "{badrpc, _}", &reason))
        return cli_fail(cli, EXIT_REMOTE, "another node", "%s: %s:%s: %s",
                        t->name, module, function,
                        etf_format(text, sizeof text, reason));
    if (err != AGNER_OK)
        return cli_fail(cli, cli_code(err), "agner ping -v NODE",
                        "%s: %s:%s: %s", t->name, module, function,
                        agner_strerror(err));
    *result = reply;
    return EXIT_DONE;
}

/* ---- What functions of other nodes raise ------------------------------ */

const char *cli_exception_class(const struct gen_erpc_exception *e)
{
    switch (e->kind) {
    case GEN_RPC_THROW:
        return "throw";
    case GEN_RPC_EXIT:
        return "exit";
    default:
        return "error";
    }
}

etf_term cli_exception(const struct gen_erpc_exception *e)
{
    etf_term reason;

    if (etf_match(e->reason, "{exception, _}", &reason) ||
        etf_match(e->reason, "{exception, _, __}", &reason) ||
        etf_match(e->reason, "{signal, _}", &reason))
        return reason;
    return e->reason;
}

bool cli_exception_undef(const struct gen_erpc_exception *e, char *text,
                         size_t size)
{
    etf_term m, f, args;
    char module[300], function[300];
    int64_t arity;

    if (e->kind != GEN_RPC_ERROR ||
        !etf_match(e->reason, "{exception, undef, [{_, _, _, __} | __]}", &m,
                   &f, &args))
        return false;
    if (!etf_get_int(args, &arity))
        arity = etf_list_size(args);
    (void)snprintf(text, size, "%s:%s/%" PRId64,
                   etf_format(module, sizeof module, m),
                   etf_format(function, sizeof function, f), arity);
    return true;
}

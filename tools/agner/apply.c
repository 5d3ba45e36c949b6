/*
 * apply.c -- functions of a node that is reached by distribution.
 *
 * Asked of `rex`, which every Erlang node has, and ours too: it evaluates and
 * answers, or says {badrpc, Reason}.
 */
#include "cli.h"

int cli_apply(struct cli *cli, struct target *t, const char *module,
              const char *function, etf_term args, etf_term *result)
{
    etf_term reply, reason;
    char text[200];
    enum agner_err err =
        gen_call(t->self, etf_make(t->self, "{rex, _}", etf_atom(t->name)),
                 etf_make(t->self, "{call, _, _, _, user}", etf_atom(module),
                          etf_atom(function), args),
                 cli_timeout(cli), &reply);

    if (err != AGNER_OK)
        return cli_fail(cli, cli_code(err), "agner ping -v NODE",
                        "%s: %s:%s: %s", t->name, module, function,
                        agner_strerror(err));
    if (etf_match(reply, "{badrpc, _}", &reason))
        return cli_fail(cli, EXIT_REMOTE, "another node", "%s: %s:%s: %s",
                        t->name, module, function,
                        etf_format(text, sizeof text, reason));
    *result = reply;
    return EXIT_DONE;
}

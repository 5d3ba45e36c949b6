/*
 * cmd_ping.c -- agner ping: is that node there, and does it let us in?
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW,
    { "verbose", 'v', NULL, "by distribution, each step printed", OPTION_FLAG,
      CLI_OPTION(verbose), 0, 0, NULL },
    CLI_TIMEOUT_ROW,
    CLI_JSON_ROW,
    CLI_DIST_ROWS,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int pong(struct cli *cli, const char *name)
{
    if (cli->o.json)
        return cli_print(
            cli, etf_make(cli->region, "#{node => _, result => pong}", name));
    (void)printf("pong\n");
    return EXIT_DONE;
}

/* Connected: now what net_adm:ping does. */
static int ask(struct cli *cli, struct target *t)
{
    etf_term reply;
    enum agner_err err = gen_call(
        t->self, etf_make(t->self, "{net_kernel, _}", etf_atom(t->name)),
        etf_make(t->self, "{is_auth, _}", etf_atom(node_name(t->node))),
        cli_timeout(cli), &reply);

    if (err == AGNER_OK && etf_same(reply, ETF_A(yes))) {
        if (cli->o.verbose && !cli->o.json)
            cli_step(cli, NODE_STEP_UP, "its net_kernel says yes");
        return pong(cli, t->name);
    }
    if (err == AGNER_OK)
        return cli_fail(cli, EXIT_REFUSED, "agner ping -v", "%s says no",
                        t->name);
    return cli_fail(cli, cli_code(err), "agner ping -v, or a longer --timeout",
                    "%s is connected, but its net_kernel: %s", t->name,
                    agner_strerror(err));
}

static int by_socket(struct cli *cli, struct target *t, const char *other)
{
    struct etf_region *r = cli->region;
    uint64_t ms = cli_timeout(cli);
    etf_term params = etf_map(r, NULL, 0), result;
    int code;

    if (other != NULL)
        params =
            etf_make(r, "#{node => _, timeout => _}", other,
                     ms == RT_INFINITY ? ETF_A(infinity) : etf_uint(r, ms));
    code = cli_method(cli, t, "agner.ping", params, ms, &result);
    return code == EXIT_DONE ? pong(cli, other != NULL ? other : t->name)
                             : code;
}

static int run(struct cli *cli)
{
    const char *name = cli->arg_count > 0 ? cli->args[0] : NULL;
    struct target t;
    int code;

    if (cli->o.verbose && (name == NULL || cli_asks_node(cli)))
        return cli_fail(cli, EXIT_USAGE, "agner ping -v NODE",
                        "--verbose wants a NODE, and no other one to ask");
    if (cli->o.verbose)
        code = cli_connect(cli, name, !cli->o.json, &t);
    else if (cli_asks_node(cli))
        code = cli_open(cli, NULL, false, &t);
    else
        code = cli_open(cli, name, true, &t);
    if (code != EXIT_DONE)
        return code;
    code = t.client != NULL
               ? by_socket(cli, &t, cli_asks_node(cli) ? name : NULL)
               : ask(cli, &t);
    cli_close(&t);
    return code;
}

const struct command cmd_ping = {
    .name = "ping",
    .arguments = "[NODE]",
    .summary = "tell whether a node is there and lets us in",
    .example = "agner ping shop@10.0.0.7\n"
               "agner ping -v shop@10.0.0.7\n"
               "agner ping shop@10.0.0.7:4370\n"
               "agner ping -n shop@10.0.0.7 store@10.0.0.8",
    .text =
        "With -n that node pings the other one. Without, it is asked by its "
        "control\nsocket, or by Erlang distribution where it has none. A "
        "port behind the name is\ndialled without epmd. Exit code 3: not "
        "there, 4: the cookies differ, 5: no\nanswer in time, 6: no node of "
        "that name, 7: no node that we understand, 8: it\ndoes not allow us; "
        "what is behind it is printed, with what to do.",
    .args_max = 1,
    .options = options,
    .run = run,
};

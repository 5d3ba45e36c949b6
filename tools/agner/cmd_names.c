/*
 * cmd_names.c -- agner names: who is registered, with epmd or on a node.
 */
#include "cli.h"

#include <stdlib.h>

#define ENTRIES_MAX 1024

static const struct option options[] = {
    { "registered", 'r', NULL, "names of processes on a node instead",
      OPTION_FLAG, CLI_OPTION(registered), 0, 0, NULL },
    { "found", 'f', NULL, "what a node's registrars know instead", OPTION_FLAG,
      CLI_OPTION(found), 0, 0, "registered" },
    CLI_NODE_ROW,
    { "epmd-port", 0, "PORT", "where epmd listens (default 4369)",
      OPTION_NUMBER, CLI_OPTION(epmd_port), 1, 65535, NULL },
    CLI_TIMEOUT_ROW,
    CLI_HEADERS_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static const struct column name_columns[] = {
    { "name", "NAME", false },
    { "pid", "PID", false },
};

static const struct column found_columns[] = {
    { "name", "NAME", false },      { "registrar", "REGISTRAR", false },
    { "host", "HOST", false },      { "port", "PORT", true },
    { "seen_ms", "SEEN_MS", true },
};

static const struct column node_columns[] = {
    { "name", "NAME", false },
    { "port", "PORT", true },
};

/* The rows that a method of the node answers. */
static int ask(struct cli *cli, const char *method,
               const struct column *columns, size_t count)
{
    struct target t;
    etf_term rows;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, method, etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, &rows);
    cli_close(&t);
    return code == EXIT_DONE ? cli_table(cli, rows, columns, count) : code;
}

static int print_entries(struct cli *cli, const struct node_epmd_entry *entries,
                         size_t count)
{
    etf_term rows = etf_nil();

    if (count > ENTRIES_MAX)
        count = ENTRIES_MAX;
    while (count-- > 0)
        rows = etf_cons(cli->region,
                        etf_make(cli->region, "#{name => _, port => _}",
                                 (const char *)entries[count].name,
                                 (uint32_t)entries[count].port),
                        rows);
    return cli_table(cli, rows, node_columns, 2);
}

static int run(struct cli *cli)
{
    const char *host = cli->arg_count > 0 ? cli->args[0] : "127.0.0.1";
    uint16_t port = cli_epmd_port(cli);
    struct agner_error error = { AGNER_OK, "" };
    struct node_epmd_entry *entries;
    size_t count = ENTRIES_MAX;
    enum agner_err err;
    int code;

    if (cli->o.registered)
        return ask(cli, "agner.names", name_columns, 2);
    if (cli->o.found)
        return ask(cli, "agner.found", found_columns,
                   sizeof found_columns / sizeof found_columns[0]);
    if (cli->control != NULL)
        return cli_fail(cli, EXIT_USAGE, "--registered or --found",
                        "epmd is not asked by way of a node");
    entries = calloc(ENTRIES_MAX, sizeof *entries);
    if (entries == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    err = node_epmd_names(cli->world, host, port, cli_timeout(cli), entries,
                          &count, &error);
    if (err == AGNER_OK)
        code = print_entries(cli, entries, count);
    else
        code =
            cli_fail(cli, cli_code(err),
                     "agner epmd there, or --epmd-port PORT", "%s", error.text);
    free(entries);
    return code;
}

const struct command cmd_names = {
    .name = "names",
    .arguments = "[HOST]",
    .summary = "list the nodes that epmd or a node knows, or names on a node",
    .example = "agner names\nagner names 10.0.0.7\nagner names --found\n"
               "agner names --registered",
    .text = "Nodes of agner and of Erlang alike. Without HOST it is this "
            "machine. --found\nlists what a node dials without asking epmd: "
            "its routes, and what DNS, gossip\nand epmd have told it.",
    .args_max = 1,
    .options = options,
    .run = run,
};

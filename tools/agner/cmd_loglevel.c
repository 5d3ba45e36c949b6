/*
 * cmd_loglevel.c -- agner loglevel: how much is logged, while the node runs.
 */
#include "cli.h"

#include <string.h>

static const struct option options[] = {
    { "actor", 0, "ACTOR", "of that process: a name or a pid", OPTION_TEXT,
      CLI_OPTION(actor), 0, 0, "handler" },
    { "handler", 0, "ID", "of that handler of the log", OPTION_TEXT,
      CLI_OPTION(handler), 0, 0, "actor" },
    { "list", 0, NULL, "list the handlers instead", OPTION_FLAG,
      CLI_OPTION(list), 0, 0, NULL },
    CLI_NODE_ROW,
    CLI_HEADERS_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* clang-format off */
static const struct column columns[] = {
    { "id",      "ID",      false },
    { "kind",    "KIND",    false },
    { "level",   "LEVEL",   false },
    { "written", "WRITTEN", true },
    { "dropped", "DROPPED", true },
    { "failed",  "FAILED",  true },
    { "waiting", "WAITING", true },
    { "error",   "ERROR",   false },
};
/* clang-format on */

static etf_term put(struct cli *cli, etf_term map, const char *key,
                    const char *text)
{
    struct etf_region *r = cli->region;

    return text == NULL
               ? map
               : etf_map_put(r, map, etf_text(r, key), etf_text(r, text));
}

/* The limit that holds now: of the handler, or of the process or node. */
static etf_term level_of(const struct cli *cli, etf_term answer)
{
    etf_term handlers = cli_get(answer, "handlers"), one;

    while (cli->o.handler != NULL && etf_list_next(&handlers, &one)) {
        char id[64];

        if (etf_get_text(cli_get(one, "id"), id, sizeof id) &&
            strcmp(id, cli->o.handler) == 0)
            return cli_get(one, "level");
    }
    return cli_get(answer, "level");
}

static int print(struct cli *cli, etf_term answer)
{
    char text[32];

    if (cli->o.list)
        return cli_table(cli, cli_get(answer, "handlers"), columns,
                         sizeof columns / sizeof columns[0]);
    if (cli->o.json)
        return cli_print(cli, answer);
    (void)printf("%s\n", cli_cell(level_of(cli, answer), text, sizeof text));
    return EXIT_DONE;
}

static int run(struct cli *cli)
{
    etf_term params = etf_map(cli->region, NULL, 0), answer;
    struct target t;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    params = put(cli, params, "actor", cli->o.actor);
    params = put(cli, params, "handler", cli->o.handler);
    params =
        put(cli, params, "level", cli->arg_count > 0 ? cli->args[0] : NULL);
    code = cli_method(cli, &t, "agner.log_level", params, GEN_CALL_TIMEOUT_MS,
                      &answer);
    cli_close(&t);
    return code == EXIT_DONE ? print(cli, answer) : code;
}

const struct command cmd_loglevel = {
    .name = "loglevel",
    .arguments = "[LEVEL]",
    .summary = "tell or set how much a node, or one process, logs",
    .example = "agner loglevel debug --actor counter\n"
               "agner loglevel default --actor counter\n"
               "agner loglevel info\n"
               "agner loglevel --list",
    .text = "LEVEL is emergency, alert, critical, error, warning, notice, info "
            "or debug: what\nis as severe as that or more is logged. default "
            "takes a limit away, none lets\nnothing pass. The limit of a "
            "process holds in place of the node's. Prints the\nlimit that "
            "holds now.",
    .args_max = 1,
    .options = options,
    .run = run,
};

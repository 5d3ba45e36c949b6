/*
 * cmd_config.c -- agner config: a service's configuration, while it runs.
 */
#include "cli.h"

static const struct option options[] = {
    { "replace", 0, NULL, "of set: also while it loads, which is cancelled",
      OPTION_FLAG, CLI_OPTION(replace), 0, 0, NULL },
    CLI_NODE_ROW,
    CLI_TIMEOUT_ROW,
    CLI_JSON_ROW,
    CLI_DIST_ROWS,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* In the order of `actions`. */
enum action { ACTION_GET, ACTION_SET };

static const char *const actions[] = { "get", "set", NULL };

static int read_request(struct cli *cli, enum action action, etf_term *request)
{
    etf_term bytes;
    int code;

    *request = etf_atom("state");
    if (action == ACTION_GET)
        return EXIT_DONE;
    code = cli_bytes(cli, cli->args[2], &bytes);
    if (code == EXIT_DONE)
        *request =
            cli->o.replace
                ? etf_make(cli->region, "{configure, _, [replace]}", bytes)
                : etf_make(cli->region, "{configure, _}", bytes);
    return code;
}

/* The bytes, as they are. */
static int print_config(struct cli *cli, etf_term state)
{
    etf_term config = cli_get(state, "config");
    bool configured = true;
    etf_bytes bytes;

    if (cli->o.json)
        return cli_print(cli, config);
    if ((etf_get_bool(cli_get(state, "configured"), &configured) &&
         !configured) ||
        !etf_get_bytes(config, &bytes))
        return cli_fail(cli, EXIT_NOT_FOUND, "agner config set SERVICE CONFIG",
                        "%s has no configuration yet", cli->args[1]);
    (void)fwrite(bytes.data, 1, bytes.size, stdout);
    if (bytes.size == 0 || bytes.data[bytes.size - 1] != '\n')
        (void)putchar('\n');
    return EXIT_DONE;
}

/* Who is meant: a service by its id in a map too, where the node tells. */
static int find(struct cli *cli, struct target *t, etf_term *service)
{
    const char *name = cli->args[1];
    etf_term rows, row;
    int code;

    if (t->client == NULL || name[0] == '{' || name[0] == '<')
        return cli_name(cli, name, service);
    code = cli_figures(cli, t, "service", name, &rows);
    if (code != EXIT_DONE)
        return code;
    if (!etf_list_next(&rows, &row)) /* a process that will say what it is */
        return cli_name(cli, name, service);
    *service = cli_get(row, "pid");
    return EXIT_DONE;
}

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);
    etf_term service, request, answer, state;
    struct target t;
    int code;

    if (cli->arg_count != (action == ACTION_SET ? 3u : 2u))
        return cli_fail(
            cli, EXIT_USAGE, "agner help config", "%s wants %s", cli->args[0],
            action == ACTION_SET ? "a SERVICE and a CONFIG" : "a SERVICE");
    code = read_request(cli, action, &request);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, true, &t);
    if (code != EXIT_DONE)
        return code;
    code = find(cli, &t, &service);
    if (code == EXIT_DONE)
        code = cli_tell(cli, TALK_CALL, &t, service, request, &answer);
    if (code == EXIT_DONE)
        code = cli_service_answer(cli, answer, &state);
    if (code == EXIT_DONE && action == ACTION_GET)
        code = print_config(cli, state);
    else if (code == EXIT_DONE && cli->o.json)
        code = cli_print(cli, state);
    cli_close(&t);
    return code;
}

const struct command cmd_config = {
    .name = "config",
    .arguments = "get|set SERVICE [CONFIG]",
    .summary = "configure a service while it runs",
    .example = "agner config get web\n"
               "agner config set web '{\"port\": 8080}'\n"
               "agner config set web @web.json\n"
               "agner config set web - --replace < web.json",
    .text =
        "SERVICE is a service's name, its id in a map, {Name, Node}, or a pid "
        "of "
        "the node;\nCONFIG its configuration, bytes of whatever kind it takes: "
        "as they stand there\n(\"\" is none, and counts as one), from @FILE, "
        "or from standard input (-). An\nactive service loads it at once: "
        "`agner services show` says what came of it. One\nthat cannot be read "
        "changes nothing.",
    .actions = actions,
    .args_min = 2,
    .args_max = 3,
    .arg_empty = 3,
    .options = options,
    .run = run,
};

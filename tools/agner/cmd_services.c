/*
 * cmd_services.c -- agner services: what they do, and start and stop of one.
 */
#include "cli.h"

#include <string.h>

static const struct option options[] = {
    CLI_NODE_ROW, CLI_TIMEOUT_ROW, CLI_HEADERS_ROW,
    CLI_JSON_ROW, CLI_HELP_ROW,    CLI_END_ROW,
};

/* In the order of `actions`. */
enum action { ACTION_LS, ACTION_SHOW, ACTION_START, ACTION_STOP };

static const char *const actions[] = { "ls", "show", "start", "stop", NULL };

/* clang-format off */
static const struct column columns[] = {
    { "service",         "SERVICE",  false },
    { "pid",             "PID",      false },
    { "doing",           "STATE",    false },
    { "failed_attempts", "FAILED",   true },
    { "version",         "VERSION",  true },
    { "error",           "ERROR",    false },
};
/* clang-format on */

static bool is_true(etf_term map, const char *key)
{
    bool value;

    return etf_get_bool(cli_get(map, key), &value) && value;
}

/* One word for what it does, and the error that made it so. */
static etf_term row_of(struct cli *cli, etf_term row)
{
    struct etf_region *r = cli->region;
    etf_term state = cli_get(row, "state"), err = cli_get(state, "err");
    const char *doing = "stopped";
    int64_t next_ns;

    if (is_true(state, "loading"))
        doing = etf_get_int(cli_get(state, "next_attempt_time"), &next_ns) &&
                        next_ns > 0
                    ? "retrying"
                    : "loading";
    else if (is_true(state, "active"))
        doing = is_true(state, "configured") ? "active" : "unconfigured";
    else if (!etf_same(err, ETF_A(undefined)))
        doing = "failed";
    row = etf_map_put(r, row, etf_atom("service"), cli_title(row));
    row = etf_map_put(r, row, etf_atom("doing"), etf_text(r, doing));
    row = etf_map_put(r, row, etf_atom("error"),
                      etf_same(err, ETF_A(undefined)) ? ETF_A(nil) : err);
    row = etf_map_put(r, row, etf_atom("version"), cli_get(state, "version"));
    return etf_map_put(r, row, etf_atom("failed_attempts"),
                       cli_get(state, "failed_attempts"));
}

static int list(struct cli *cli, struct target *t)
{
    etf_term rows, row, out = etf_nil(), shown = etf_nil();
    int code = cli_figures(cli, t, "service", NULL, &rows);

    if (code != EXIT_DONE || cli->o.json)
        return code == EXIT_DONE ? cli_print(cli, rows) : code;
    while (etf_list_next(&rows, &row))
        out = etf_cons(cli->region, row_of(cli, row), out);
    while (etf_list_next(&out, &row))
        shown = etf_cons(cli->region, row, shown);
    return cli_table(cli, shown, columns, sizeof columns / sizeof columns[0]);
}

int cli_service_answer(struct cli *cli, etf_term answer, etf_term *state)
{
    etf_term why, ignored;
    char text[200];

    if (etf_match(answer, "{ok, _}", state))
        return EXIT_DONE;
    if (etf_match(answer, "{error, {_, _}}", &why, &ignored) &&
        etf_kind(ignored) == ETF_KIND_MAP)
        answer = why;
    else if (etf_match(answer, "{error, _}", &why))
        answer = why;
    return cli_fail(cli, EXIT_REMOTE, "agner services", "%s",
                    etf_format(text, sizeof text, answer));
}

static int act(struct cli *cli, struct target *t, enum action action,
               etf_term map)
{
    etf_term answer, state;
    int code = cli_tell(cli, TALK_CALL, t, cli_get(map, "pid"),
                        etf_atom(actions[action]), &answer);

    if (code == EXIT_DONE)
        code = cli_service_answer(cli, answer, &state);
    return code == EXIT_DONE && cli->o.json ? cli_print(cli, state) : code;
}

static int with_service(struct cli *cli, struct target *t, enum action action)
{
    etf_term map;
    int code = cli_figures_of(cli, t, "service", cli->args[1], &map);

    if (code != EXIT_DONE)
        return code;
    return action == ACTION_SHOW ? cli_sections(cli, map)
                                 : act(cli, t, action, map);
}

static int run(struct cli *cli)
{
    enum action action =
        cli->arg_count == 0 ? ACTION_LS : (enum action)cli_action(cli);
    struct target t;
    int code;

    if (cli->arg_count > 0 && (cli->arg_count == 2) != (action != ACTION_LS))
        return cli_fail(
            cli, EXIT_USAGE, "agner help services", "%s %s", cli->args[0],
            action == ACTION_LS ? "takes no argument" : "wants a SERVICE");
    code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = action == ACTION_LS ? list(cli, &t) : with_service(cli, &t, action);
    cli_close(&t);
    return code;
}

const struct command cmd_services = {
    .name = "services",
    .arguments = "[ls|show|start|stop] [SERVICE]",
    .summary = "list services and their states, start or stop one",
    .example = "agner services\n"
               "agner services show web\n"
               "agner services stop web\n"
               "agner services --json | jq '.[].state.err'",
    .text = "A service is stopped, loading (it sets itself up), retrying "
            "(that has failed and\nis tried again), active, unconfigured "
            "(started, and waits for a configuration), or\nfailed. SERVICE is "
            "a name, the id of one in a map, or a pid of the node. `agner\n"
            "config set` gives it a configuration while it runs.",
    .actions = actions,
    .args_max = 2,
    .options = options,
    .run = run,
};

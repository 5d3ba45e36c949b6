/*
 * cmd_saga.c -- agner saga: transactions and durable sagas, and what a person
 * does about one that is stuck.
 */
#include "cli.h"

#include <string.h>

static const struct option options[] = {
    CLI_NODE_ROW, CLI_TIMEOUT_ROW, CLI_HEADERS_ROW,
    CLI_JSON_ROW, CLI_HELP_ROW,    CLI_END_ROW,
};

/* In the order of `actions`. */
enum action { ACTION_LS, ACTION_SHOW, ACTION_RETRY, ACTION_ABORT };

static const char *const actions[] = { "ls", "show", "retry", "abort", NULL };

/* clang-format off */
static const struct column sagas[] = {
    { "saga",        "SAGA",        false },
    { "pid",         "PID",         false },
    { "type",        "TYPE",        false },
    { "in_flight",   "IN FLIGHT",   true },
    { "committed",   "COMMITTED",   true },
    { "cancelled",   "CANCELLED",   true },
    { "compensated", "COMPENSATED", true },
    { "failed",      "FAILED",      true },
    { "stuck",       "STUCK",       true },
};

static const struct column transactions[] = {
    { "id",     "ID",     false },
    { "state",  "STATE",  false },
    { "step",   "STEP",   false },
    { "age",    "AGE",    true },
    { "left",   "LEFT",   true },
    { "jobs",   "JOBS",   true },
    { "nexts",  "NEXTS",  true },
    { "reason", "REASON", false },
};

static const struct column steps[] = {
    { "name",          "STEP",          false },
    { "state",         "STATE",         false },
    { "attempts",      "ATTEMPTS",      true },
    { "compensations", "COMPENSATIONS", true },
};
/* clang-format on */

#define COUNT(columns) (sizeof(columns) / sizeof(columns)[0])

static etf_term with_title(struct cli *cli, etf_term row)
{
    return etf_map_put(cli->region, row, etf_atom("saga"), cli_title(row));
}

static etf_term with_times(struct cli *cli, etf_term row)
{
    struct etf_region *r = cli->region;

    row = etf_map_put(r, row, etf_atom("age"),
                      cli_duration(cli, cli_get(row, "age_ms")));
    if (!etf_is_none(cli_get(row, "left_ms")))
        row = etf_map_put(r, row, etf_atom("left"),
                          cli_duration(cli, cli_get(row, "left_ms")));
    return row;
}

static int table(struct cli *cli, etf_term rows,
                 etf_term (*make)(struct cli *cli, etf_term row),
                 const struct column *columns, size_t count)
{
    etf_term row, out = etf_nil(), shown = etf_nil();

    if (cli->o.json)
        return cli_print(cli, rows);
    while (etf_list_next(&rows, &row))
        out = etf_cons(cli->region, make == NULL ? row : make(cli, row), out);
    while (etf_list_next(&out, &row))
        shown = etf_cons(cli->region, row, shown);
    return cli_table(cli, shown, columns, count);
}

static etf_term list_of(etf_term map, const char *key)
{
    etf_term list = cli_get(map, key);

    return etf_is_none(list) || etf_list_size(list) < 0 ? etf_nil() : list;
}

/* The one of the saga's list whose id is printed as TEXT, or is a text. */
static int find(struct cli *cli, etf_term map, const char *text, etf_term *row)
{
    etf_term rest = list_of(map, "list");
    char shown[256];

    while (etf_list_next(&rest, row)) {
        etf_term id = cli_get(*row, "id");

        if (strcmp(cli_cell(id, shown, sizeof shown), text) == 0 ||
            strcmp(etf_format(shown, sizeof shown, id), text) == 0)
            return EXIT_DONE;
    }
    return cli_fail(cli, EXIT_NOT_FOUND, "agner saga ls SAGA",
                    "%s is not in flight, nor among those that it still "
                    "remembers",
                    text);
}

static int show_one(struct cli *cli, etf_term row)
{
    int code;

    if (cli->o.json)
        return cli_print(cli, row);
    code = cli_sections(cli, cli_without_lists(cli, row));
    if (code != EXIT_DONE || etf_list_size(list_of(row, "steps")) == 0)
        return code;
    (void)putchar('\n');
    return table(cli, list_of(row, "steps"), NULL, steps, COUNT(steps));
}

static int show(struct cli *cli, etf_term map)
{
    etf_term row;
    int code;

    if (cli->arg_count > 2) {
        code = find(cli, map, cli->args[2], &row);
        return code == EXIT_DONE ? show_one(cli, row) : code;
    }
    if (cli->o.json)
        return cli_print(cli, map);
    return cli_sections(cli, cli_without_lists(cli, map));
}

/* {'$saga', retry, Id} or {'$saga', abort, Id, Reason}; ok or {error, Why}. */
static int act(struct cli *cli, struct target *t, enum action action,
               etf_term map)
{
    etf_term row, reason = etf_atom("aborted"), request, answer;
    char text[200];
    int code = find(cli, map, cli->args[2], &row);

    if (code == EXIT_DONE && cli->arg_count > 3)
        code = cli_term(cli, cli->args[3], &reason);
    if (code != EXIT_DONE)
        return code;
    request =
        action == ACTION_RETRY
            ? etf_make(cli->region, "{'$saga', retry, _}", cli_get(row, "id"))
            : etf_make(cli->region, "{'$saga', abort, _, _}",
                       cli_get(row, "id"), reason);
    code = cli_tell(cli, TALK_CALL, t, cli_get(map, "pid"), request, &answer);
    if (code != EXIT_DONE || etf_same(answer, ETF_A(ok)))
        return code;
    if (etf_match(answer, "{error, _}", &reason))
        answer = reason;
    return cli_fail(cli, EXIT_REMOTE, "agner saga show SAGA ID", "%s",
                    etf_format(text, sizeof text, answer));
}

static int with_saga(struct cli *cli, struct target *t, enum action action)
{
    etf_term map;
    int code = cli_figures_of(cli, t, "saga", cli->args[1], &map);

    if (code != EXIT_DONE)
        return code;
    switch (action) {
    case ACTION_LS:
        return table(cli, list_of(map, "list"), with_times, transactions,
                     COUNT(transactions));
    case ACTION_SHOW:
        return show(cli, map);
    case ACTION_RETRY:
    case ACTION_ABORT:
        break;
    }
    return act(cli, t, action, map);
}

static int list(struct cli *cli, struct target *t)
{
    etf_term rows;
    int code = cli_figures(cli, t, "saga", NULL, &rows);

    return code == EXIT_DONE ? table(cli, rows, with_title, sagas, COUNT(sagas))
                             : code;
}

/* How many arguments each action takes, its own word included. */
static const struct {
    size_t min, max;
    const char *want;
} arity[] = {
    [ACTION_LS] = { 1, 2, "at most a SAGA" },
    [ACTION_SHOW] = { 2, 3, "a SAGA, and perhaps an ID" },
    [ACTION_RETRY] = { 3, 3, "a SAGA and an ID" },
    [ACTION_ABORT] = { 3, 4, "a SAGA, an ID, and perhaps a REASON" },
};

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);
    struct target t;
    int code;

    if (cli->arg_count < arity[action].min ||
        cli->arg_count > arity[action].max)
        return cli_fail(cli, EXIT_USAGE, "agner help saga", "%s takes %s",
                        cli->args[0], arity[action].want);
    code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli->arg_count == 1 ? list(cli, &t) : with_saga(cli, &t, action);
    cli_close(&t);
    return code;
}

const struct command cmd_saga = {
    .name = "saga",
    .arguments = "ls|show|retry|abort [SAGA] [ID] [REASON]",
    .summary = "show sagas and their transactions; retry or abort one",
    .example = "agner saga ls\n"
               "agner saga ls transfers\n"
               "agner saga show transfers t-17\n"
               "agner saga retry transfers t-17\n"
               "agner saga abort transfers t-17 '{error, enough}'",
    .text = "SAGA is a name or a pid of the node, ID a transaction as `ls` "
            "shows it. LEFT is\nthe time to its deadline. A saga is stuck when "
            "it could be neither finished nor\nundone: retry goes on where it "
            "stands. abort cancels it: what was done is undone\nas far as it "
            "can be, and prints nothing when that has begun.",
    .actions = actions,
    .args_min = 1,
    .args_max = 4,
    .options = options,
    .run = run,
};

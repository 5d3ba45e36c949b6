/*
 * cmd_stage.c -- agner stage: demand and events of stages.
 *
 * From what they show of themselves (rt_figures.h), so a stage that is stuck is
 * seen as well.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW, CLI_HEADERS_ROW, CLI_JSON_ROW, CLI_HELP_ROW, CLI_END_ROW,
};

/* In the order of `actions`. */
enum action { ACTION_LS, ACTION_SHOW };

static const char *const actions[] = { "ls", "show", NULL };

/* clang-format off */
static const struct column stages[] = {
    { "stage",      "STAGE",      false },
    { "pid",        "PID",        false },
    { "role",       "ROLE",       false },
    { "mode",       "MODE",       false },
    { "events_in",  "IN",         true },
    { "events_out", "OUT",        true },
    { "buffer",     "BUFFER",     true },
    { "up",         "PRODUCERS",  true },
    { "down",       "CONSUMERS",  true },
    { "pending",    "PENDING",    true },
    { "waiting",    "WAITING",    true },
};

static const struct column producers[] = {
    { "pid",        "PRODUCER",   false },
    { "min",        "MIN",        true },
    { "max",        "MAX",        true },
    { "asked",      "ASKED",      true },
    { "received",   "RECEIVED",   true },
    { "pending",    "PENDING",    true },
    { "waiting",    "WAITING",    true },
    { "cancel",     "CANCEL",     false },
    { "manual",     "MANUAL",     false },
};

static const struct column consumers[] = {
    { "pid",        "CONSUMER",   false },
    { "partition",  "PARTITION",  false },
    { "asked",      "ASKED",      true },
    { "sent",       "SENT",       true },
    { "pending",    "PENDING",    true },
    { "waiting",    "WAITING",    true },
};
/* clang-format on */

#define COUNT(columns) (sizeof(columns) / sizeof(columns)[0])

/* The sum over the maps of a list, and with `most` the largest. */
static int64_t sum(etf_term list, const char *key, bool most)
{
    int64_t total = 0;
    etf_term row;

    if (etf_is_none(list))
        return 0;
    while (etf_list_next(&list, &row)) {
        int64_t n = cli_number(row, key);

        total = most ? (n > total ? n : total) : total + n;
    }
    return total;
}

static int64_t size_of(etf_term list)
{
    int64_t size = etf_is_none(list) ? 0 : etf_list_size(list);

    return size < 0 ? 0 : size;
}

/* How much waits in a stage, and how much may. */
static etf_term fill(struct cli *cli, etf_term row)
{
    char max[32], text[80];

    (void)cli_cell(cli_get(row, "buffer_max"), max, sizeof max);
    (void)snprintf(
        text, sizeof text, "%lld/%s",
        (long long)(cli_number(row, "buffered") + cli_number(row, "queued")),
        max);
    return etf_text(cli->region, text);
}

/* What consumers wait for, or a consumer itself; and for how long. */
static etf_term row_of(struct cli *cli, etf_term row)
{
    struct etf_region *r = cli->region;
    etf_term up = cli_get(row, "producers"), down = cli_get(row, "consumers");
    etf_term waits = size_of(down) > 0 ? down : up;

    row = etf_map_put(r, row, etf_atom("stage"), cli_title(row));
    row = etf_map_put(r, row, etf_atom("buffer"), fill(cli, row));
    row = etf_map_put(r, row, etf_atom("up"), etf_int(r, size_of(up)));
    row = etf_map_put(r, row, etf_atom("down"), etf_int(r, size_of(down)));
    row = etf_map_put(r, row, etf_atom("pending"),
                      etf_int(r, sum(waits, "pending", false)));
    return etf_map_put(
        r, row, etf_atom("waiting"),
        cli_duration(cli, etf_int(r, sum(waits, "waiting_ms", true))));
}

static int list(struct cli *cli, struct target *t)
{
    etf_term rows, row, out = etf_nil(), shown = etf_nil();
    int code = cli_figures(cli, t, "stage", NULL, &rows);

    if (code != EXIT_DONE || cli->o.json)
        return code == EXIT_DONE ? cli_print(cli, rows) : code;
    while (etf_list_next(&rows, &row))
        out = etf_cons(cli->region, row_of(cli, row), out);
    while (etf_list_next(&out, &row))
        shown = etf_cons(cli->region, row, shown);
    return cli_table(cli, shown, stages, COUNT(stages));
}

static int table(struct cli *cli, etf_term map, const char *key,
                 const struct column *columns, size_t count)
{
    etf_term rest = cli_get(map, key), row, out = etf_nil(), shown = etf_nil();

    if (size_of(rest) == 0)
        return EXIT_DONE;
    while (etf_list_next(&rest, &row))
        out =
            etf_cons(cli->region,
                     etf_map_put(cli->region, row, etf_atom("waiting"),
                                 cli_duration(cli, cli_get(row, "waiting_ms"))),
                     out);
    while (etf_list_next(&out, &row))
        shown = etf_cons(cli->region, row, shown);
    (void)putchar('\n');
    return cli_table(cli, shown, columns, count);
}

static int show(struct cli *cli, struct target *t)
{
    etf_term map;
    int code = cli_figures_of(cli, t, "stage", cli->args[1], &map);

    if (code != EXIT_DONE || cli->o.json)
        return code == EXIT_DONE ? cli_print(cli, map) : code;
    code = cli_sections(cli, cli_without_lists(cli, map));
    if (code == EXIT_DONE)
        code = table(cli, map, "producers", producers, COUNT(producers));
    if (code == EXIT_DONE)
        code = table(cli, map, "consumers", consumers, COUNT(consumers));
    return code;
}

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);
    struct target t;
    int code = EXIT_DONE;

    if ((cli->arg_count == 2) != (action == ACTION_SHOW))
        return cli_fail(cli, EXIT_USAGE, "agner help stage", "%s",
                        action == ACTION_SHOW ? "show wants a STAGE"
                                              : "ls takes no argument");
    code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = action == ACTION_SHOW ? show(cli, &t) : list(cli, &t);
    cli_close(&t);
    return code;
}

const struct command cmd_stage = {
    .name = "stage",
    .arguments = "ls|show [STAGE]",
    .summary = "show stages: demand that was asked and served, buffers",
    .example = "agner stage ls\n"
               "agner stage show words_source\n"
               "agner stage ls --json | jq '.[] | select(.buffered > 0)'",
    .text =
        "STAGE is a name or a pid of the node. IN and OUT count events, BUFFER "
        "those that\nwait there and how many may, PENDING is demand that is "
        "not met (of the stage's\nconsumers, or its own), WAITING for how long "
        "at most. A stage that hangs in a\ncallback is shown like any other.",
    .actions = actions,
    .args_min = 1,
    .args_max = 2,
    .options = options,
    .run = run,
};

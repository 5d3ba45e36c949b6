/*
 * cmd_dump.c -- agner dump: all processes of a node, as they are now.
 *
 * A page at a time, so neither side holds more than that. Processes that begin
 * or end meanwhile may be missing; each that is there was so at one moment.
 */
#include "cli.h"

#include <errno.h>
#include <string.h>

#define PAGE 500

static const struct option options[] = {
    CLI_NODE_ROW,
    { "to", 0, "FILE", "write there", OPTION_TEXT, CLI_OPTION(to), 0, 0, NULL },
    { "json", 0, NULL, "a JSON object in each line", OPTION_FLAG,
      CLI_OPTION(json), 0, 0, NULL },
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* In the order in which they are printed. */
static const char *const keys[] = {
    "name",        "names",        "behavior", "label",        "application",
    "status",      "waits",        "parent",   "mailbox",      "mailbox_peak",
    "messages_in", "messages_out", "run_ms",   "memory",       "timers",
    "trap_exit",   "links",        "monitors", "monitored_by",
};

static bool is_empty(etf_term value)
{
    return etf_is_none(value) || etf_same(value, ETF_A(nil)) ||
           etf_kind(value) == ETF_KIND_NIL;
}

static void print_wait(FILE *to, etf_term wait)
{
    char what[64], pid[64], name[256], node[256];
    etf_term whom = cli_get(wait, "to");

    if (is_empty(whom))
        whom = cli_get(wait, "to_name");
    (void)fprintf(to, "  waits: for %s",
                  cli_cell(cli_get(wait, "for"), what, sizeof what));
    if (!is_empty(whom))
        (void)fprintf(to, " of %s on %s", cli_cell(whom, name, sizeof name),
                      cli_cell(cli_get(wait, "to_node"), node, sizeof node));
    (void)fprintf(to, ", since %s ms\n",
                  cli_cell(cli_get(wait, "ms"), pid, sizeof pid));
}

static void print_process(FILE *to, etf_term row)
{
    char text[1000];

    (void)fprintf(to, "process %s\n",
                  cli_cell(cli_get(row, "pid"), text, sizeof text));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        etf_term value = cli_get(row, keys[i]);

        if (is_empty(value))
            continue;
        if (strcmp(keys[i], "waits") == 0)
            print_wait(to, value);
        else
            (void)fprintf(to, "  %s: %s\n", keys[i],
                          cli_cell(value, text, sizeof text));
    }
}

static bool print_json(FILE *to, etf_term row)
{
    struct etf_buffer b = { 0 };
    bool done = etf_json(&b, row) == AGNER_OK;

    if (done)
        (void)fprintf(to, "%.*s\n", (int)b.size, (const char *)b.data);
    etf_buffer_fini(&b);
    return done;
}

static int print_head(struct cli *cli, struct target *t, FILE *to)
{
    etf_term info;
    char text[1000];
    int code = cli_method(cli, t, "agner.info", etf_map(cli->region, NULL, 0),
                          GEN_CALL_TIMEOUT_MS, &info);

    if (code != EXIT_DONE)
        return code;
    if (cli->o.json) {
        (void)print_json(to, info);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < etf_map_size(info); i++) {
        etf_term key, value;

        etf_map_pair(info, i, &key, &value);
        (void)fprintf(to, "%s: ", cli_cell(key, text, sizeof text));
        (void)fprintf(to, "%s\n", cli_cell(value, text, sizeof text));
    }
    return EXIT_DONE;
}

/* One page; *after is where the next one begins, 0 when there is none. */
static int page(struct cli *cli, struct target *t, FILE *to, int64_t *after)
{
    etf_term answer, rows, row;
    int code = cli_method(
        cli, t, "agner.dump",
        etf_make(cli->region, "#{'after' => _, limit => _}", *after, PAGE),
        GEN_CALL_TIMEOUT_MS, &answer);

    if (code != EXIT_DONE)
        return code;
    rows = cli_get(answer, "processes");
    while (!etf_is_none(rows) && etf_list_next(&rows, &row)) {
        if (!cli->o.json)
            print_process(to, row);
        else
            (void)print_json(to, row);
    }
    if (!etf_get_int(cli_get(answer, "next"), after))
        *after = 0;
    return EXIT_DONE;
}

static int dump(struct cli *cli, struct target *t, FILE *to)
{
    int64_t after = 0;
    int code = print_head(cli, t, to);

    while (code == EXIT_DONE) {
        code = page(cli, t, to, &after);
        etf_region_reset(cli->region);
        if (after == 0)
            break;
    }
    return code;
}

static int run(struct cli *cli)
{
    FILE *to = stdout;
    struct target t;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    if (cli->o.to != NULL)
        to = fopen(cli->o.to, "we");
    if (to == NULL) {
        cli_close(&t);
        return cli_fail(cli, EXIT_REMOTE, "another --to FILE", "%.200s: %s",
                        cli->o.to, strerror(errno));
    }
    code = dump(cli, &t, to);
    cli_close(&t);
    if (to != stdout && (ferror(to) != 0 || fclose(to) != 0))
        return cli_fail(cli, EXIT_REMOTE, "another --to FILE", "%.200s: %s",
                        cli->o.to, strerror(errno));
    return code;
}

const struct command cmd_dump = {
    .name = "dump",
    .arguments = "",
    .summary = "print all that is known of all processes of a node",
    .example = "agner dump --to shop.dump\n"
               "agner dump --json | jq 'select(.mailbox > 100)'",
    .text = "State, mailbox, what it waits for, links, monitors, timers and "
            "memory of each.\nOf a process that computes only what can be seen "
            "from outside. The node goes on\nmeanwhile. `agner waits` says who "
            "waits for whom.",
    .options = options,
    .run = run,
};

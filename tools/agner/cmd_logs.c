/*
 * cmd_logs.c -- agner logs: what a node has logged, and what it logs.
 *
 * Each event is a line, written out at once, so that a pipe has it when it
 * came.
 */
#include "cli.h"

#include <string.h>
#include <time.h>

#define LIMIT_MAX    1024 /* a node keeps no more */
#define LIMIT_FOLLOW 10

static const struct option options[] = {
    { "follow", 'f', NULL, "go on with what is logged from now on", OPTION_FLAG,
      CLI_OPTION(follow), 0, 0, NULL },
    { "actor", 0, "ACTOR", "only of that process: a name or a pid", OPTION_TEXT,
      CLI_OPTION(actor), 0, 0, NULL },
    { "level", 0, "LEVEL", "only as severe as that, or more", OPTION_TEXT,
      CLI_OPTION(level), 0, 0, NULL },
    { "app", 0, "APP", "only of that application", OPTION_TEXT,
      CLI_OPTION(application), 0, 0, NULL },
    { "limit", 'l', "N", "the last N events (default 100; with -f 10)",
      OPTION_NUMBER, CLI_OPTION(limit), 0, LIMIT_MAX, NULL },
    CLI_NODE_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* ---- Events ----------------------------------------------------------- */

/* 2026-11-26T14:05:09.120Z */
static const char *time_text(etf_term event, char *text, size_t size)
{
    uint64_t us = 0;
    time_t seconds;
    struct tm tm;
    size_t used;

    (void)etf_match(cli_get(event, "time_us"), "_", &us);
    seconds = (time_t)(us / 1000000);
    if (gmtime_r(&seconds, &tm) == NULL)
        return "-";
    used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + used, size - used, ".%03uZ",
                   (unsigned)(us / 1000 % 1000));
    return text;
}

/* Whose event it is: " [shop counter <0.12.0>]" with what is known of it. */
static void print_owner(etf_term event)
{
    static const char *const keys[] = { "application", "name", "pid" };
    const char *before = " [";
    char text[300];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        etf_term value = cli_get(event, keys[i]);

        if (etf_is_none(value) || etf_same(value, ETF_A(nil)))
            continue;
        (void)printf("%s%s", before, cli_cell(value, text, sizeof text));
        before = " ";
    }
    if (before[1] == '\0')
        (void)putchar(']');
}

/* The text keeps its line breaks; nothing else in it moves a terminal. */
static void print_text(etf_term event)
{
    etf_bytes text;

    if (!etf_get_bytes(cli_get(event, "text"), &text))
        return;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        (void)putchar((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? ' '
                                                                        : c);
    }
}

static void print_line(etf_term event)
{
    char time[64], level[32];
    uint64_t gap;

    if (etf_match(cli_get(event, "gap"), "_", &gap)) {
        (void)printf("... %llu events were missed: they came faster than they "
                     "were read\n",
                     (unsigned long long)gap);
        return;
    }
    (void)printf("%s %s", time_text(event, time, sizeof time),
                 cli_cell(cli_get(event, "level"), level, sizeof level));
    print_owner(event);
    (void)putchar(' ');
    print_text(event);
    (void)putchar('\n');
}

/* EXIT_REMOTE only when memory is out; nobody reading is no failure. */
static int print_event(struct cli *cli, etf_term event)
{
    if (cli->o.json)
        return cli_print(cli, event);
    print_line(event);
    return EXIT_DONE;
}

/* ---- What is asked for ------------------------------------------------ */

static etf_term put(struct cli *cli, etf_term map, const char *key,
                    etf_term value)
{
    return etf_map_put(cli->region, map, etf_text(cli->region, key), value);
}

static etf_term put_text(struct cli *cli, etf_term map, const char *key,
                         const char *text)
{
    return text == NULL ? map : put(cli, map, key, etf_text(cli->region, text));
}

static etf_term params(struct cli *cli)
{
    const struct cli_options *o = &cli->o;
    etf_term map = etf_map(cli->region, NULL, 0);
    int64_t limit = o->limit;

    map = put_text(cli, map, "actor", o->actor);
    map = put_text(cli, map, "level", o->level);
    map = put_text(cli, map, "application", o->application);
    if (o->follow)
        map = put(cli, map, "follow", ETF_A(true));
    if (limit == CLI_ABSENT && o->follow)
        limit = LIMIT_FOLLOW;
    if (limit != CLI_ABSENT)
        map = put(cli, map, "limit", etf_int(cli->region, limit));
    return map;
}

/* ---- The command ------------------------------------------------------- */

static int print_past(struct cli *cli, etf_term answer)
{
    etf_term events = cli_get(answer, "events"), event;
    int code = EXIT_DONE;

    while (code == EXIT_DONE && etf_list_next(&events, &event))
        code = print_event(cli, event);
    return code;
}

static int run(struct cli *cli)
{
    const bool never = false;
    etf_term answer;
    struct target t;
    int code;

    code = cli_interruptible(cli);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.logs", params(cli), GEN_CALL_TIMEOUT_MS,
                      &answer);
    if (code == EXIT_DONE)
        code = print_past(cli, answer);
    if (code == EXIT_DONE && cli->o.follow)
        code = cli_follow(cli, &t, print_event, &never);
    cli_close(&t);
    return code;
}

const struct command cmd_logs = {
    .name = "logs",
    .arguments = "",
    .summary = "show what a node has logged, and what it logs",
    .example = "agner logs\n"
               "agner logs -f --level warning\n"
               "agner logs --app shop --limit 5 --json",
    .text = "A node keeps its last 1,024 events. With -f it goes on until the "
            "node stops\n(exit code 3) or ^C (130). --json prints an object a "
            "line. `agner loglevel` says\nhow much is logged.",
    .options = options,
    .run = run,
};

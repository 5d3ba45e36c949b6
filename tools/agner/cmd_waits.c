/*
 * cmd_waits.c -- agner waits: who waits for whom; cycles first.
 */
#include "cli.h"

#include <string.h>

#include "source_line.h"
#include "told.h"

static const struct option options[] = {
    CLI_NODE_ROW,
    { "cluster", 0, NULL, "ask all nodes that it is connected with",
      OPTION_FLAG, CLI_OPTION(cluster), 0, 0, NULL },
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

#define LISTED_MAX 50 /* that wait, and are in no cycle */

/* ---- For a person ------------------------------------------------------- */

static const char *place(etf_term site, char *text, size_t size)
{
    char module[256], function[80] = "";
    int64_t offset;

    text[0] = '\0';
    if (!etf_get_text(cli_get(site, "module"), module, sizeof module) ||
        !etf_get_int(cli_get(site, "offset"), &offset))
        return text;
    if (!etf_get_text(cli_get(site, "function"), function, sizeof function))
        function[0] = '\0';
    return source_line(module, (uint64_t)offset, function, text, size);
}

/* "<0.12.1> (name)" and so on, of a row. */
static const char *who(etf_term row, char *text, size_t size)
{
    char pid[64], name[256];
    etf_term called = cli_get(row, "name");

    if (etf_same(called, ETF_A(nil)))
        called = cli_get(row, "behavior");
    (void)cli_cell(cli_get(row, "pid"), pid, sizeof pid);
    if (etf_same(called, ETF_A(nil)))
        (void)snprintf(text, size, "%s", pid);
    else
        (void)snprintf(text, size, "%s (%.200s)", pid,
                       cli_cell(called, name, sizeof name));
    return text;
}

static void print_edge(struct told *told, size_t index)
{
    const etf_term *pair = etf_tuple_items(told->rows[index]);
    etf_term wait = cli_get(pair[1], "waits");
    char node[256], text[320], to[300], ms[48], at[200];
    const struct wait_edge *edge = &told->edges[index];

    (void)printf("  %s %s calls ", cli_cell(pair[0], node, sizeof node),
                 who(pair[1], text, sizeof text));
    if (edge->next != WAIT_NO_EDGE)
        (void)snprintf(
            to, sizeof to, "%s",
            who(etf_tuple_items(told->rows[edge->next])[1], text, sizeof text));
    else
        (void)snprintf(to, sizeof to, "%s", strchr(edge->to, ' ') + 1);
    if (!etf_equal(cli_get(wait, "to_node"), pair[0]))
        (void)printf("%s ",
                     cli_cell(cli_get(wait, "to_node"), node, sizeof node));
    (void)printf(
        "%s, for %s", to,
        cli_cell(cli_duration(told->cli, cli_get(wait, "ms")), ms, sizeof ms));
    (void)place(cli_get(wait, "site"), at, sizeof at);
    (void)printf("%s%s\n", at[0] == '\0' ? "" : ", in ", at);
}

static void print_cycle(struct told *told, size_t number)
{
    size_t first = 0, at, size = 0;

    while (told->edges[first].cycle != number)
        first++;
    at = first;
    do {
        size++;
        at = told->edges[at].next;
    } while (at != first);
    (void)printf("cycle of %zu: none of them can go on\n", size);
    do {
        print_edge(told, at);
        at = told->edges[at].next;
    } while (at != first);
}

static void print_stuck(struct told *told, etf_term nodes)
{
    etf_term one, list, row;
    char node[256], text[320], ms[48], at[200];

    while (etf_list_next(&nodes, &one)) {
        list = cli_get(one, "stuck");
        while (!etf_is_none(list) && etf_list_next(&list, &row)) {
            etf_term places = cli_get(row, "places"), site = ETF_NONE;

            (void)printf("stuck: %s %s has run for %s without a pause\n",
                         cli_cell(cli_get(one, "node"), node, sizeof node),
                         who(row, text, sizeof text),
                         cli_cell(cli_duration(told->cli, cli_get(row, "ms")),
                                  ms, sizeof ms));
            while (!etf_is_none(places) && etf_list_next(&places, &site))
                if (place(site, at, sizeof at)[0] != '\0')
                    (void)printf("  at %s\n", at);
        }
    }
}

static void print_rest(struct told *told)
{
    size_t shown = 0, left = 0;

    for (size_t i = 0; i < told->count; i++) {
        if (told->edges[i].cycle != 0)
            continue;
        if (shown++ == 0)
            (void)printf("others that wait\n");
        if (shown <= LISTED_MAX)
            print_edge(told, i);
        else
            left++;
    }
    if (left > 0)
        (void)printf("  and %zu more: --json has them\n", left);
}

static int show(struct told *told, etf_term answer)
{
    etf_term nodes = cli_get(answer, "nodes"), list, one;
    char node[256], why[256];

    for (size_t i = 1; i <= told->cycles; i++)
        print_cycle(told, i);
    print_stuck(told, nodes);
    print_rest(told);
    list = cli_get(answer, "silent");
    while (!etf_is_none(list) && etf_list_next(&list, &one))
        (void)printf("%s did not say: %s\n",
                     cli_cell(cli_get(one, "node"), node, sizeof node),
                     cli_cell(cli_get(one, "why"), why, sizeof why));
    (void)printf("%zu waiting for an answer, %zu cycle%s\n", told->count,
                 told->cycles, told->cycles == 1 ? "" : "s");
    return EXIT_DONE;
}

/* ---- For a program ------------------------------------------------------ */

/* The answer, and the cycles as lists of {Node, Pid} maps. */
static int show_json(struct told *told, etf_term answer)
{
    struct etf_region *r = told->cli->region;
    etf_term cycles = etf_nil();

    for (size_t number = told->cycles; number > 0; number--) {
        etf_term back = etf_nil(), list = etf_nil(), one;
        size_t first = 0, at;

        while (told->edges[first].cycle != number)
            first++;
        at = first;
        do {
            const etf_term *pair = etf_tuple_items(told->rows[at]);

            back = etf_cons(r,
                            etf_make(r, "#{node => _, pid => _}", pair[0],
                                     cli_get(pair[1], "pid")),
                            back);
            at = told->edges[at].next;
        } while (at != first);
        while (etf_list_next(&back, &one))
            list = etf_cons(r, one, list);
        cycles = etf_cons(r, list, cycles);
    }
    return cli_print(told->cli,
                     etf_map_put(r, answer, etf_atom("cycles"), cycles));
}

static int run(struct cli *cli)
{
    struct told told = { .cli = cli };
    struct target t;
    etf_term answer;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.waits",
                      etf_make(cli->region, "#{cluster => _}", cli->o.cluster),
                      GEN_CALL_TIMEOUT_MS, &answer);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    if (!told_gather(&told, cli_get(answer, "nodes")))
        code = cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    else
        code = cli->o.json ? show_json(&told, answer) : show(&told, answer);
    told_fini(&told);
    return code;
}

const struct command cmd_waits = {
    .name = "waits",
    .arguments = "",
    .summary = "tell who waits for whom, cycles first, and what is stuck",
    .example = "agner waits\n"
               "agner waits --cluster\n"
               "agner waits --json | jq '.cycles'",
    .text =
        "A cycle is processes of which each waits for the next one's answer: "
        "A calls B,\nwhich calls C, which calls A. With --cluster also across "
        "nodes. Stuck is code\nthat has run for two watchdog periods and "
        "more. The place in the code is given\nas function, file and line "
        "where addr2line and debug information are there.",
    .options = options,
    .run = run,
};

/*
 * cmd_tree.c -- agner tree: who supervises whom.
 *
 * The node's answer is a list of rows, each before those below it; what is
 * drawn here is the first column of a table.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "draw.h"

#define METHOD_MS 10000 /* the node ends its asking well before */

static const struct option options[] = {
    CLI_NODE_ROW,
    { "restarts", 0, NULL, "also how often each was restarted", OPTION_FLAG,
      CLI_OPTION(restarts), 0, 0, NULL },
    CLI_HEADERS_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* clang-format off */
static const struct column columns[] = {
    { "tree",     "TREE",     false },
    { "pid",      "PID",      false },
    { "name",     "NAME",     false },
    { "type",     "TYPE",     false },
    { "status",   "STATUS",   false },
    { "mailbox",  "MAILBOX",  true },
    { "restarts", "RESTARTS", true }, /* the last: only if wanted */
};
/* clang-format on */

#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* A line of the picture: a row of the answer, or with `folded` the children of
 * the one above, which have no rows. */
struct line {
    etf_term row;
    unsigned depth;
    uint64_t folded;
};

struct picture {
    struct line *lines; /* owned */
    size_t count;
};

static bool read_lines(struct cli *cli, etf_term rows, struct picture *p)
{
    int64_t size = etf_list_size(rows);
    etf_term row;

    p->count = 0;
    if (size < 0)
        return false;
    p->lines = calloc(2 * (size_t)size + 1, sizeof *p->lines);
    if (p->lines == NULL)
        return false;
    while (etf_list_next(&rows, &row)) {
        struct line *line = &p->lines[p->count++];
        uint64_t folded = 0;

        line->row = row;
        (void)etf_match(cli_get(row, "depth"), "_", &line->depth);
        (void)etf_match(cli_get(row, "folded"), "_", &folded);
        if (folded > 0)
            p->lines[p->count++] = (struct line){ etf_map(cli->region, NULL, 0),
                                                  line->depth + 1, folded };
    }
    return true;
}

/* What a line is called: the child's id; or, of one without, its name, or else
 * what it is. */
static const char *label(const struct line *line, char *text, size_t size)
{
    static const char *const keys[] = { "id", "name", "type" };

    if (line->folded > 0) {
        (void)snprintf(text, size, "(%llu children)",
                       (unsigned long long)line->folded);
        return text;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        etf_term value = cli_get(line->row, keys[i]);

        if (!etf_is_none(value) && !etf_same(value, ETF_A(nil)))
            return cli_cell(value, text, size);
    }
    return "?";
}

/* The rows with what is drawn in front of them, under the key tree. */
static etf_term draw(struct cli *cli, const struct picture *p)
{
    struct draw draw = { .utf8 = draw_utf8() };
    char branch[DRAW_BRANCH_MAX], name[128], text[DRAW_BRANCH_MAX + 128];
    etf_term list = etf_nil();

    for (size_t i = p->count; i > 0; i--) {
        const struct line *line = &p->lines[i - 1];

        (void)snprintf(text, sizeof text, "%s%s",
                       draw_branch(&draw, line->depth, branch),
                       label(line, name, sizeof name));
        list = etf_cons(cli->region,
                        etf_map_put(cli->region, line->row, etf_atom("tree"),
                                    etf_text(cli->region, text)),
                        list);
    }
    return list;
}

static int print(struct cli *cli, etf_term rows)
{
    struct picture p = { 0 };
    int code;

    if (cli->o.json)
        return cli_print(cli, rows);
    if (!read_lines(cli, rows, &p))
        return cli_fail(cli, EXIT_REMOTE, "agner tree ROOT", "out of memory");
    code = cli_table(cli, draw(cli, &p), columns,
                     cli->o.restarts ? COLUMN_COUNT : COLUMN_COUNT - 1);
    free(p.lines);
    return code;
}

static int run(struct cli *cli)
{
    etf_term params = etf_map(cli->region, NULL, 0), rows;
    struct target t;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    if (cli->arg_count > 0)
        params = etf_make(cli->region, "#{root => _}", cli->args[0]);
    code = cli_method(cli, &t, "agner.tree", params, METHOD_MS, &rows);
    cli_close(&t);
    return code == EXIT_DONE ? print(cli, rows) : code;
}

const struct command cmd_tree = {
    .name = "tree",
    .arguments = "[ROOT]",
    .summary = "draw the supervision tree of a node",
    .example = "agner tree\nagner tree shop\nagner tree '<0.12.0>' --restarts",
    .text = "ROOT is an application, or a process by name or pid; without it "
            "all applications\nare drawn. A supervisor that does not answer "
            "soon is stuck: what is below it is\nnot known. More than 200 "
            "children of one supervisor are only counted. STATUS of\na child "
            "without a process is stopped or restarting.",
    .args_max = 1,
    .options = options,
    .run = run,
};

/*
 * cmd_sup.c -- agner sup: what one asks of a supervisor.
 *
 * The requests are OTP's, sent as calls, so it may be one of an Erlang node.
 */
#include "cli.h"

#include <string.h>

static const struct option options[] = {
    CLI_NODE_ROW,  CLI_TIMEOUT_ROW, CLI_HEADERS_ROW, CLI_JSON_ROW,
    CLI_DIST_ROWS, CLI_HELP_ROW,    CLI_END_ROW,
};

/* In the order of `actions`. */
enum action {
    ACTION_WHICH,
    ACTION_COUNT,
    ACTION_RESTART,
    ACTION_TERMINATE,
    ACTION_DELETE
};

static const char *const actions[] = { "which",     "count",  "restart",
                                       "terminate", "delete", NULL };

/* What it is as a request; those from `restart` on are of one child. */
static const char *const requests[] = {
    [ACTION_WHICH] = "which_children",  [ACTION_COUNT] = "count_children",
    [ACTION_RESTART] = "restart_child", [ACTION_TERMINATE] = "terminate_child",
    [ACTION_DELETE] = "delete_child",
};

/* clang-format off */
static const struct column columns[] = {
    { "id",      "ID",      false },
    { "pid",     "PID",     false },
    { "type",    "TYPE",    false },
    { "modules", "MODULES", false },
};
/* clang-format on */

/* ---- Answers ---------------------------------------------------------- */

static int not_understood(const struct cli *cli, etf_term answer)
{
    char text[200];

    return cli_fail(cli, EXIT_REMOTE, "agner tree, which shows supervisors",
                    "%s does not answer as a supervisor does: %s", cli->args[1],
                    etf_format(text, sizeof text, answer));
}

/* [{Id, Pid, Type, Modules}], the one that was started last first: in order of
 * their start. */
static int print_children(struct cli *cli, etf_term answer)
{
    etf_term rest = answer, rows = etf_nil(), child;

    if (etf_list_size(answer) < 0)
        return not_understood(cli, answer);
    while (etf_list_next(&rest, &child)) {
        const etf_term *items = etf_tuple_items(child);

        if (etf_tuple_size(child) != 4)
            return not_understood(cli, answer);
        rows =
            etf_cons(cli->region,
                     etf_make(cli->region,
                              "#{id => _, pid => _, type => _, modules => _}",
                              items[0], items[1], items[2], items[3]),
                     rows);
    }
    return cli_table(cli, rows, columns, sizeof columns / sizeof columns[0]);
}

/* [{specs, N}, {active, N}, ...] */
static int print_counts(struct cli *cli, etf_term answer)
{
    etf_term rest = answer, map = etf_map(cli->region, NULL, 0), pair;

    if (etf_list_size(answer) < 0)
        return not_understood(cli, answer);
    while (etf_list_next(&rest, &pair)) {
        if (etf_tuple_size(pair) != 2)
            return not_understood(cli, answer);
        map = etf_map_put(cli->region, map, etf_tuple_items(pair)[0],
                          etf_tuple_items(pair)[1]);
    }
    return cli_sections(cli, map);
}

/* ok, {ok, Pid}, {ok, Pid, Info}, {error, Reason} */
static int print_done(struct cli *cli, etf_term answer)
{
    etf_term reason;
    char text[200];

    if (etf_match(answer, "{error, _}", &reason))
        return cli_fail(cli,
                        etf_atom_is(reason, "not_found") ? EXIT_NOT_FOUND
                                                         : EXIT_REMOTE,
                        "agner sup which, for the ids and who runs", "%s",
                        etf_format(text, sizeof text, reason));
    if (etf_same(answer, ETF_A(ok)))
        return cli->o.json ? cli_print(cli, answer) : EXIT_DONE;
    if (etf_tuple_size(answer) < 2 ||
        !etf_same(etf_tuple_items(answer)[0], ETF_A(ok)))
        return not_understood(cli, answer);
    return cli_print(cli, etf_tuple_items(answer)[1]);
}

static int print_answer(struct cli *cli, enum action action, etf_term answer)
{
    switch (action) {
    case ACTION_WHICH:
        return print_children(cli, answer);
    case ACTION_COUNT:
        return print_counts(cli, answer);
    case ACTION_RESTART:
    case ACTION_TERMINATE:
    case ACTION_DELETE:
        break;
    }
    return print_done(cli, answer);
}

/* ---- The request ------------------------------------------------------ */

static int read_request(struct cli *cli, enum action action, etf_term *request)
{
    bool wants_id = action >= ACTION_RESTART;
    etf_term id;
    int code;

    *request = etf_atom(requests[action]);
    if (!wants_id && cli->arg_count == 2)
        return EXIT_DONE;
    if (!wants_id || cli->arg_count < 3)
        return cli_fail(cli, EXIT_USAGE, "agner help sup", "%s wants SUP%s",
                        cli->args[0], wants_id ? " and the ID of a child" : "");
    code = cli_term(cli, cli->args[2], &id);
    if (code == EXIT_DONE)
        *request = etf_make(cli->region, "{_, _}", *request, id);
    return code;
}

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);
    etf_term sup, request, answer;
    struct target t;
    int code = read_request(cli, action, &request);

    if (code == EXIT_DONE)
        code = cli_name(cli, cli->args[1], &sup);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, true, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli_tell(cli, TALK_CALL, &t, sup, request, &answer);
    if (code == EXIT_DONE)
        code = print_answer(cli, action, answer);
    cli_close(&t);
    return code;
}

const struct command cmd_sup = {
    .name = "sup",
    .arguments = "which|count|restart|terminate|delete SUP [ID]",
    .summary = "ask a supervisor for its children, or to act on one",
    .example = "agner sup which shop_sup\n"
               "agner sup terminate shop_sup till\n"
               "agner sup restart shop_sup till\n"
               "agner sup which -n shop@10.0.0.7 kernel_sup",
    .text = "SUP is a supervisor's name, {Name, Node}, or a pid of the node; "
            "ID a term, that\nof a child as `which` shows it. terminate stops "
            "a child, restart starts one that\nwas stopped, delete forgets it. "
            "A node without a control socket here, of agner\nor of Erlang, is "
            "asked by Erlang distribution.",
    .actions = actions,
    .args_min = 2,
    .args_max = 3,
    .options = options,
    .run = run,
};

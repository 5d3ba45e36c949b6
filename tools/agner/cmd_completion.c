/*
 * cmd_completion.c -- agner completion: what a shell needs to complete words.
 *
 * A person waits for each answer with the finger on a key, so all of it is over
 * within a second, whatever hangs, and failures are silent: there is nothing to
 * complete then.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 1

static const struct option options[] = {
    CLI_NODE_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

enum action { ACTION_BASH, ACTION_NODES, ACTION_NAMES, ACTION_APPS };

static const char *const actions[] = { "bash", "nodes", "names", "apps", NULL };

static void give_up(int number)
{
    (void)number;
    _exit(EXIT_TIMEOUT);
}

static int print_nodes(const struct cli *cli)
{
    char names[CLI_NODES_MAX][256];
    size_t count = cli_nodes(cli, names);

    for (size_t i = 0; i < count; i++)
        (void)printf("%s\n", names[i]);
    return EXIT_DONE;
}

/* The names in the rows that a method answers. */
static int print_names(struct cli *cli, const char *method)
{
    struct target t;
    etf_term rows, row;
    char name[256];
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, method, etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, &rows);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    while (etf_list_next(&rows, &row)) {
        if (etf_get_text(cli_get(row, "name"), name, sizeof name))
            (void)printf("%s\n", name);
    }
    return EXIT_DONE;
}

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);

    if (action == ACTION_BASH) {
        cli_completion_bash(stdout);
        return EXIT_DONE;
    }
    if (signal(SIGALRM, give_up) == SIG_ERR)
        return EXIT_REMOTE;
    (void)alarm(PATIENCE_S);
    switch (action) {
    case ACTION_BASH:
        break;
    case ACTION_NODES:
        return print_nodes(cli);
    case ACTION_NAMES:
        return print_names(cli, "agner.names");
    case ACTION_APPS:
        return print_names(cli, "agner.apps");
    }
    return EXIT_USAGE;
}

const struct command cmd_completion = {
    .name = "completion",
    .arguments = "bash|nodes|names|apps",
    .summary = "print a script that completes words in bash",
    .example = "source <(agner completion bash)\n"
               "agner completion bash > "
               "~/.local/share/bash-completion/completions/agner",
    .text = "The script completes commands, options and files, and asks for "
            "what only a node\nknows: nodes lists the nodes of this user that "
            "run here, names the registered\nnames of a node, apps the "
            "applications that it knows. These give up\nafter a second.",
    .actions = actions,
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};

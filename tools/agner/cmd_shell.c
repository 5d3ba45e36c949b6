/*
 * cmd_shell.c -- agner shell: statements for a node, one after the other.
 *
 * The shell is a process on a hidden node of its own, by which it reaches a
 * node of agner or of Erlang. What it calls there is what the node lets anybody
 * call.
 */
#include "shell.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option options[] = {
    CLI_NODE_ROW,  CLI_TIMEOUT_ROW, CLI_JSON_ROW,
    CLI_DIST_ROWS, CLI_HELP_ROW,    CLI_END_ROW,
};

/* The lines of a statement so far. */
struct lines {
    char *text; /* owned */
    size_t size, room;
};

/* Takes the line. false: it is too long, and nothing is left. */
static bool add_line(struct lines *lines, char *line)
{
    size_t more = strlen(line) + 1;
    char *text = lines->text;

    if (lines->size + more > SHELL_STATEMENT_MAX) {
        text = NULL;
    } else if (lines->size + more >= lines->room) {
        lines->room = 2 * (lines->size + more) + 1;
        text = realloc(text, lines->room);
    }
    if (text == NULL) {
        free(lines->text);
    } else {
        text[lines->size] = '\n';
        memcpy(text + lines->size + 1, line, more);
        lines->size += more;
    }
    lines->text = text;
    free(line);
    return text != NULL;
}

/* A statement is as many lines as it takes to close all brackets. Freed by the
 * caller; NULL: there is no more. */
static char *read_statement(struct shell *sh)
{
    struct shell_scan scan = { 0, 0 };
    struct lines lines = { .text = shell_line(sh, false) };
    char *line;

    if (lines.text == NULL || lines.text[0] == '!') /* !: of the history */
        return lines.text;
    lines.size = strlen(lines.text);
    shell_scan(&scan, lines.text, lines.size);
    while (!shell_is_whole(&scan)) {
        line = shell_line(sh, true);
        if (line == NULL)
            break; /* its error is told */
        shell_scan(&scan, line, strlen(line));
        if (add_line(&lines, line))
            continue;
        (void)fprintf(stderr, "* a statement is too long\n");
        sh->last_code = EXIT_USAGE;
        return sh->interactive ? strdup("") : NULL;
    }
    return lines.text;
}

/* !TEXT and !!: a statement of the history in its place. */
static char *recall(struct shell *sh, char *statement)
{
    const char *found;

    if (statement[0] != '!')
        return statement;
    found = shell_line_before(sh, statement[1] == '!' ? "" : statement + 1);
    if (found == NULL) {
        (void)fprintf(stderr, "* no statement begins so: %s\n", statement + 1);
        statement[0] = '\0';
        return statement;
    }
    free(statement);
    (void)printf("%s\n", found);
    return strdup(found);
}

static void evaluate(struct shell *sh, const char *statement)
{
    const char *end = statement + strlen(statement);
    const char *begin = shell_skip(statement, end);
    struct agner_error error = { AGNER_OK, "" };
    etf_term value = ETF_NONE;
    enum agner_err err;

    if (begin == end)
        return;
    shell_line_keep(sh, begin);
    err = shell_eval(sh, begin, (size_t)(end - begin), &value, &error);
    sh->last_code = err == AGNER_ESYNTAX ? EXIT_USAGE : cli_code(err);
    if (err == AGNER_OK)
        shell_print(sh, value);
    else
        (void)fprintf(stderr, "* %s\n", error.text);
    (void)fflush(stdout);
    rt_reset(sh->t.self);
}

static void loop(struct shell *sh)
{
    while (!sh->over) {
        char *statement = read_statement(sh);

        if (statement == NULL)
            break;
        statement = recall(sh, statement);
        if (statement == NULL)
            break;
        evaluate(sh, statement);
        free(statement);
        if (!sh->interactive && sh->last_code != EXIT_DONE)
            break; /* a script ends at its first failure */
    }
}

static int run(struct cli *cli)
{
    struct shell *sh = calloc(1, sizeof *sh);
    int code;

    if (sh == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    sh->cli = cli;
    code = cli_open_dist(cli, cli->arg_count > 0 ? cli->args[0] : NULL, &sh->t);
    if (code == EXIT_DONE) {
        sh->interactive = isatty(STDIN_FILENO) != 0;
        sh->node = etf_atom(sh->t.name);
        shell_here_learn(sh);
        if (sh->interactive)
            (void)printf("agner shell on %s; help() tells more, q() leaves\n",
                         sh->t.name);
        shell_line_begin(sh);
        loop(sh);
        shell_line_end(sh);
        shell_vars_forget(sh);
        code = sh->interactive ? EXIT_DONE : sh->last_code;
        cli_close(&sh->t);
    }
    free(sh);
    return code;
}

const struct command cmd_shell = {
    .name = "shell",
    .arguments = "[NODE]",
    .summary = "talk to a node of agner or of Erlang, line by line",
    .example = "agner shell shop@10.0.0.7\n"
               "echo 'erlang:nodes()' | agner shell shop@10.0.0.7",
    .text =
        "A statement is an expression in Erlang syntax, Pattern = Expression, "
        "or\nTo ! Expression; help() tells more. module:function(Args) is "
        "called on the node,\nand pids are those of the node. On a terminal "
        "lines are edited and names are\ncompleted; from a pipe the first "
        "failure ends the shell, with its exit code.",
    .args_max = 1,
    .options = options,
    .run = run,
};

/*
 * main.c -- the command `agner`: which command is meant, and help.
 *
 * Help is made from the same rows that arguments are read by, so it cannot be
 * out of date. `agner help X` and `agner X --help` are one function.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>

#include "rt_world.h"

#include "suggest.h"

static void print_option(FILE *to, const struct option *o)
{
    char names[64];

    (void)snprintf(
        names, sizeof names, "%s%c%s--%s%s%s", o->letter != 0 ? "-" : " ",
        o->letter != 0 ? o->letter : ' ', o->letter != 0 ? ", " : "  ", o->name,
        o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    (void)fprintf(to, "  %-26s %s\n", names, o->help);
}

static void print_commands(FILE *to)
{
    (void)fprintf(to, "usage: agner [--control ...] COMMAND [ARGUMENTS] "
                      "[OPTIONS]\n\n");
    for (size_t i = 0; i < cli_command_count; i++)
        (void)fprintf(to, "  %-10s  %s\n", cli_commands[i]->name,
                      cli_commands[i]->summary);
    (void)fprintf(to, "  %-10s  %s\n", "help", "tell more about a command");
    (void)fprintf(to, "\nbefore the command:\n");
    for (const struct option *o = cli_globals; o->name != NULL; o++)
        print_option(to, o);
    (void)fprintf(to, "\nexit codes:\n");
    for (size_t i = 0; i < cli_exit_code_count; i++)
        (void)fprintf(to, "  %3d  %s\n", cli_exit_codes[i].code,
                      cli_exit_codes[i].text);
}

static void print_lines(const char *text, const char *indent)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");

        (void)printf("%s%.*s\n", indent, (int)size, text);
        text += text[size] == '\n' ? size + 1 : size;
    }
}

static void print_help(const struct command *c)
{
    (void)printf("agner %s: %s\n\n", c->name, c->summary);
    print_lines(c->example, "  ");
    (void)printf("\nusage: agner %s%s%s [OPTIONS]\n\n", c->name,
                 c->arguments[0] != '\0' ? " " : "", c->arguments);
    if (c->text != NULL) {
        print_lines(c->text, "");
        (void)printf("\n");
    }
    for (const struct option *o = c->options; o->name != NULL; o++)
        print_option(stdout, o);
}

static int unknown(const struct cli *cli, const char *name)
{
    const char *names[CLI_COMMANDS_MAX] = { "help" };
    const char *meant;
    char next[64];

    for (size_t i = 0; i < cli_command_count; i++)
        names[i + 1] = cli_commands[i]->name;
    meant = apps_suggest(name, names, cli_command_count + 1);
    (void)snprintf(next, sizeof next, "agner %s",
                   meant != NULL ? meant : "help");
    return cli_fail(cli, EXIT_USAGE, next, "there is no command '%.40s'", name);
}

static int help(const struct cli *cli, int argc, char **argv)
{
    const struct command *c;

    if (argc == 0 || strcmp(argv[0], "help") == 0) {
        print_commands(stdout);
        return EXIT_DONE;
    }
    c = cli_command(argv[0]);
    if (c == NULL)
        return unknown(cli, argv[0]);
    print_help(c);
    return EXIT_DONE;
}

/* The options before the command; *argc and *argv are moved behind them. */
static int read_globals(struct cli *cli, int *argc, char ***argv)
{
    while (*argc > 1) {
        const struct option *o = cli_globals;
        char *given = (*argv)[1], *value;
        size_t size;

        for (; o->name != NULL; o++) {
            size = strlen(o->name);
            if (strncmp(given, "--", 2) == 0 &&
                strncmp(given + 2, o->name, size) == 0 &&
                (given[2 + size] == '\0' || given[2 + size] == '='))
                break;
        }
        if (o->name == NULL)
            return EXIT_DONE;
        value = given[2 + size] == '=' ? given + 3 + size
                                       : (*argc > 2 ? (*argv)[2] : NULL);
        if (value == NULL || value[0] == '\0')
            return cli_fail(cli, EXIT_USAGE, "agner help",
                            "--%s wants a value: %s", o->name, o->value);
        *(const char **)(void *)((char *)cli + o->offset) = value;
        *argc -= given[2 + size] == '=' ? 1 : 2;
        *argv += given[2 + size] == '=' ? 1 : 2;
    }
    return EXIT_DONE;
}

/* Are they of use to the command? Those that ask a node have -n. */
static int check_globals(const struct cli *cli)
{
    if (cli->control == NULL && cli->key == NULL && cli->server_key == NULL)
        return EXIT_DONE;
    for (const struct option *o = cli->command->options; o->name != NULL; o++)
        if (strcmp(o->name, "node") == 0)
            return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE, "agner help",
                    "what stands before the command is for those that ask a "
                    "node");
}

static int run(struct cli *cli, int argc, char **argv)
{
    int code = cli_read(cli, argc, argv);

    if (code == EXIT_DONE && !cli->o.help)
        code = check_globals(cli);
    if (code != EXIT_DONE)
        return code;
    if (cli->o.help) {
        print_help(cli->command);
        return EXIT_DONE;
    }
    cli->region = etf_region_new(0);
    if (cli->region == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    code = cli->command->run(cli);
    etf_region_free(cli->region);
    return code;
}

int main(int argc, char **argv)
{
    static struct cli cli; /* large, and one */

    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of a write */
    cli.world = rt_world_real();
    if (read_globals(&cli, &argc, &argv) != EXIT_DONE)
        return EXIT_USAGE;
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0)
        return help(&cli, argc - 2, argv + 2);
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    cli.command = cli_command(argv[1]);
    if (cli.command == NULL)
        return unknown(&cli, argv[1]);
    return run(&cli, argc - 2, argv + 2);
}

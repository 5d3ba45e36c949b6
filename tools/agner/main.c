/*
 * main.c -- the command `agner`: the table of commands, and their help.
 *
 * Help is made from the same rows that arguments are read by, so it cannot be
 * out of date. `agner help X` and `agner X --help` are one function.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>

#include "rt_world.h"

#include "suggest.h"

/* In the order of the help. */
static const struct command *const commands[] = {
    &cmd_start, &cmd_stop, &cmd_status,  &cmd_ping, &cmd_call,
    &cmd_cast,  &cmd_send, &cmd_ps,      &cmd_info, &cmd_nodes,
    &cmd_names, &cmd_epmd, &cmd_version,
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_commands(FILE *to)
{
    (void)fprintf(to, "usage: agner COMMAND [ARGUMENTS] [OPTIONS]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(to, "  %-8s  %s\n", commands[i]->name,
                      commands[i]->summary);
    (void)fprintf(to, "  %-8s  %s\n", "help", "tell more about a command");
    (void)fprintf(
        to, "\nexit codes: 0 done, 1 the other side failed, 2 usage, 3 node "
            "unreachable,\n4 authentication, 5 timeout, 6 no such name, 7 "
            "protocol, "
            "8 refused\n");
}

static void print_lines(const char *text, const char *indent)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");

        (void)printf("%s%.*s\n", indent, (int)size, text);
        text += text[size] == '\n' ? size + 1 : size;
    }
}

static void print_option(const struct option *o)
{
    char names[64];

    (void)snprintf(
        names, sizeof names, "%s%c%s--%s%s%s", o->letter != 0 ? "-" : " ",
        o->letter != 0 ? o->letter : ' ', o->letter != 0 ? ", " : "  ", o->name,
        o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    (void)printf("  %-26s %s\n", names, o->help);
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
        print_option(o);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static int unknown(const struct cli *cli, const char *name)
{
    const char *names[COMMAND_COUNT + 1];
    const char *meant;
    char next[64];

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    names[COMMAND_COUNT] = "help";
    meant = apps_suggest(name, names, COMMAND_COUNT + 1);
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
    c = find(argv[0]);
    if (c == NULL)
        return unknown(cli, argv[0]);
    print_help(c);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    int code = cli_read(cli, argc, argv);

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
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0)
        return help(&cli, argc - 2, argv + 2);
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    cli.command = find(argv[1]);
    if (cli.command == NULL)
        return unknown(&cli, argv[1]);
    return run(&cli, argc - 2, argv + 2);
}

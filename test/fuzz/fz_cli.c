/*
 * What is typed behind `agner`: the input is the arguments, each ended by a
 * zero byte, the first the name of the command. They are read by that command's
 * table and nothing is run: done, or the code for usage with a reason.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 600

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Splits `text`, which ends with a zero byte, at the others. */
static int split(char *text, size_t size, char **words)
{
    int count = 0;

    for (size_t at = 0; at < size && count < WORDS_MAX;
         at += strlen(text + at) + 1)
        words[count++] = text + at;
    return count;
}

static void read_as(struct cli *cli, const struct command *command,
                    const uint8_t *data, size_t size)
{
    static char *words[WORDS_MAX + 1];
    char *text = malloc(size + 1);
    int count, code;

    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    count = split(text, size, words);
    memset(cli, 0, sizeof *cli);
    cli->quiet = true;
    cli->command = command;
    code = cli_read(cli, count > 0 ? count - 1 : 0, words + 1);
    check(code == EXIT_DONE || code == EXIT_USAGE);
    check(cli->arg_count <= command->args_max);
    check(cli->o.app_count <= CLI_APPS_MAX);
    if (code == EXIT_DONE && !cli->o.help)
        check(cli->arg_count >= command->args_min);
    if (code == EXIT_DONE && !cli->o.help && command->actions != NULL &&
        cli->arg_count > 0)
        check(command->actions[cli_action(cli)] != NULL);
    /* The only text that is copied: it was blanked where it stood. */
    free((char *)(uintptr_t)cli->o.cookie);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cli cli; /* large */
    const struct command *command = NULL;

    if (size > 0 && memchr(data, 0, size) != NULL)
        command = cli_command((const char *)data);
    if (command == NULL && size > 0)
        command = cli_commands[data[0] % cli_command_count];
    if (command != NULL)
        read_as(&cli, command, data, size);
    return 0;
}

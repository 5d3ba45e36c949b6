/*
 * commands.c -- the table of commands, and what is said of exit codes.
 *
 * All that describes the command is made from here: arguments are read by these
 * rows, and help, manual pages and completion are printed from them, so none of
 * them can be out of date.
 */
#include "cli.h"

/* clang-format off */
const struct option cli_globals[] = {
    { "control", 0, "tcp://HOST:PORT", "the node to talk to, over TCP",
      OPTION_TEXT, offsetof(struct cli, control), 0, 0, NULL },
    { "key", 0, "FILE", "our key for that (~/.config/agner/key)",
      OPTION_TEXT, offsetof(struct cli, key), 0, 0, NULL },
    { "server-key", 0, "KEY", "the node's, unless FILE's folder has it",
      OPTION_TEXT, offsetof(struct cli, server_key), 0, 0, NULL },
    CLI_END_ROW,
};
/* clang-format on */

#include <string.h>

/* In the order of the help. */
const struct command *const cli_commands[] = {
    &cmd_new,   &cmd_start,      &cmd_stop,     &cmd_status,     &cmd_ping,
    &cmd_call,  &cmd_cast,       &cmd_send,     &cmd_rpc,        &cmd_shell,
    &cmd_kill,  &cmd_apps,       &cmd_app,      &cmd_tree,       &cmd_sup,
    &cmd_ps,    &cmd_info,       &cmd_logs,     &cmd_loglevel,   &cmd_nodes,
    &cmd_stage, &cmd_saga,       &cmd_services, &cmd_config,     &cmd_groups,
    &cmd_pub,   &cmd_sub,        &cmd_names,    &cmd_epmd,       &cmd_cookie,
    &cmd_key,   &cmd_trust,      &cmd_reload,   &cmd_doctor,     &cmd_waits,
    &cmd_dump,  &cmd_postmortem, &cmd_sim,      &cmd_completion, &cmd_version,
};

const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];
_Static_assert(sizeof cli_commands / sizeof cli_commands[0] < CLI_COMMANDS_MAX,
               "the table of commands, and help, fits where names are listed");

/* clang-format off */
const struct exit_text cli_exit_codes[] = {
    { EXIT_DONE,        "done" },
    { EXIT_REMOTE,      "the other side failed; what it said is printed" },
    { EXIT_USAGE,       "usage" },
    { EXIT_UNREACHABLE, "node unreachable" },
    { EXIT_AUTH,        "authentication: cookie or key" },
    { EXIT_TIMEOUT,     "no answer in time" },
    { EXIT_NOT_FOUND,   "no such name or process" },
    { EXIT_PROTOCOL,    "protocol or version mismatch" },
    { EXIT_REFUSED,     "refused by policy" },
    { EXIT_INTERRUPTED, "interrupted" },
};
/* clang-format on */

const size_t cli_exit_code_count =
    sizeof cli_exit_codes / sizeof cli_exit_codes[0];

const struct command *cli_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    }
    return NULL;
}

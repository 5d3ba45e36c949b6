/*
 * follow.c -- printing what a node sends of itself, until somebody ends it.
 */
#include "cli.h"

#include <signal.h>
#include <unistd.h>

#include "client.h"

static void interrupted(int number)
{
    (void)number; /* each line was flushed */
    _exit(EXIT_INTERRUPTED);
}

int cli_interruptible(const struct cli *cli)
{
    if (signal(SIGINT, interrupted) == SIG_ERR)
        return cli_fail(cli, EXIT_REMOTE, "again", "SIGINT cannot be caught");
    return EXIT_DONE;
}

/* Nobody reading is no failure: it is the end. */
static bool is_read(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

int cli_follow(struct cli *cli, struct target *t,
               int (*each)(struct cli *cli, etf_term event), const bool *enough)
{
    struct agner_error error = { AGNER_OK, "" };
    etf_term events, event;
    etf_bytes method;
    int code = EXIT_DONE;

    while (code == EXIT_DONE && is_read() && !*enough) {
        enum agner_err err;
        char again[64];

        etf_region_reset(cli->region);
        err = client_next(t->client, RT_INFINITY, cli->region, &method, &events,
                          &error);
        if (err == AGNER_ENOCONN)
            return cli_fail(cli, EXIT_UNREACHABLE, "agner status",
                            "the node has stopped, or closed the connection");
        (void)snprintf(again, sizeof again, "agner %s again",
                       cli->command->name);
        if (err != AGNER_OK)
            return cli_fail(cli, cli_code(err), again, "%s", error.text);
        while (code == EXIT_DONE && !*enough && etf_list_next(&events, &event))
            code = each(cli, event);
    }
    return code;
}

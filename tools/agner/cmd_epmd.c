/*
 * cmd_epmd.c -- agner epmd: Erlang's port mapper, served here until a signal.
 */
#include "cli.h"

#include <signal.h>

static const struct option options[] = {
    { "listen", 0, "HOST:PORT", "where to listen (default 127.0.0.1:4369)",
      OPTION_LISTEN, CLI_OPTION(listen), 0, 0, NULL },
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int run(struct cli *cli)
{
    const char *host = cli->o.listen.set ? cli->o.listen.host : "127.0.0.1";
    uint16_t port = cli->o.listen.set ? cli->o.listen.port : cli_epmd_port(cli);
    struct agner_error error = { AGNER_OK, "" };
    struct node_epmd_server *server;
    enum agner_err err;
    sigset_t stop;
    int got;

    (void)sigemptyset(&stop); /* with these arguments they cannot fail */
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stop,
                          NULL); /* for the loop's thread too */
    err = node_epmd_serve(cli->world, host, port, &server, &error);
    if (err != AGNER_OK)
        return cli_fail(cli, err == AGNER_ETAKEN ? EXIT_REMOTE : cli_code(err),
                        "agner names, to see whether there is one already",
                        "%s", error.text);
    (void)printf("epmd ready on %s:%u\n", host, port);
    (void)fflush(stdout);
    cli_notify("READY=1");
    (void)sigwait(&stop, &got); /* fails for an empty set only */
    node_epmd_stop(server);
    return EXIT_DONE;
}

const struct command cmd_epmd = {
    .name = "epmd",
    .arguments = "",
    .summary = "be Erlang's port mapper (epmd) on this machine",
    .example = "agner epmd\nagner epmd --listen 0.0.0.0:4369",
    .text = "Any Erlang or agner node may register with it. Stays in the "
            "foreground;\nSIGTERM and SIGINT end it.",
    .options = options,
    .run = run,
};

/*
 * topic.c -- what a topic is on the command line: one of a pubsub (--pubsub),
 * or else a process group (--scope).
 */
#include "cli.h"

#include <string.h>

/* A module's name as Elixir writes it, or any other atom. */
static etf_term name_of(const char *text)
{
    char elixir[300];

    if (text[0] < 'A' || text[0] > 'Z' || strncmp(text, "Elixir.", 7) == 0)
        return etf_atom(text);
    (void)snprintf(elixir, sizeof elixir, "Elixir.%s", text);
    return etf_atom(elixir);
}

static etf_term put(struct cli *cli, etf_term map, const char *key,
                    etf_term value)
{
    return etf_map_put(cli->region, map, etf_text(cli->region, key), value);
}

int cli_topic(struct cli *cli, const char *topic, etf_term *params)
{
    const struct cli_options *o = &cli->o;
    const char *of = o->pubsub != NULL ? o->pubsub : o->scope;
    etf_term name = ETF_NONE, map = etf_map(cli->region, NULL, 0);
    int code;

    if (of != NULL)
        name = name_of(of);
    if (of != NULL && etf_is_none(name))
        return cli_fail(cli, EXIT_USAGE, "a name of at most 255 characters",
                        "%s: no name that can be", of);
    if (o->pubsub != NULL) {
        *params = put(cli, put(cli, map, "pubsub", name), "topic",
                      etf_text(cli->region, topic));
        return EXIT_DONE;
    }
    if (o->scope != NULL)
        map = put(cli, map, "scope", name);
    code = cli_term(cli, topic, &name);
    if (code == EXIT_DONE)
        *params = put(cli, map, "group", name);
    return code;
}

/*
 * start_env.c -- --env [APP.]KEY=TERM: settings from the command line, which go
 * before those of the configuration file.
 */
#include "start.h"

#include <string.h>

/* Splits at the `=`, and the left side at its first dot. */
struct setting {
    const char *app, *key, *term; /* app NULL: the node's */
    size_t app_size, key_size;
};

static bool split(const char *text, struct setting *s)
{
    const char *equals = strchr(text, '=');
    const char *dot;

    if (equals == NULL || equals[1] == '\0')
        return false;
    dot = memchr(text, '.', (size_t)(equals - text));
    s->app = dot != NULL ? text : NULL;
    s->app_size = dot != NULL ? (size_t)(dot - text) : 0;
    s->key = dot != NULL ? dot + 1 : text;
    s->key_size = (size_t)(equals - s->key);
    s->term = equals + 1;
    return s->key_size > 0 && (dot == NULL || s->app_size > 0);
}

static int take(struct cli *cli, struct start_settings *settings,
                const char *text)
{
    struct agner_error error = { AGNER_OK, "" };
    struct etf_region *r = cli->region;
    etf_term key, value;
    struct setting s;

    if (!split(text, &s))
        return cli_fail(cli, EXIT_USAGE, "agner start --env shop.port=8080",
                        "--env: expected [APP.]KEY=TERM, not '%.60s'", text);
    if (etf_parse(r, s.term, strlen(s.term), &value, NULL, &error) != AGNER_OK)
        return cli_fail(
            cli, EXIT_USAGE, "a term in Erlang syntax: '\"text\"', '{1, 2}'",
            "--env %.*s: %s", (int)(s.term - text - 1), text, error.text);
    key = etf_atom_n(s.key, s.key_size);
    if (s.app == NULL)
        settings->node_env =
            etf_make(r, "[{_, _} | _]", key, value, settings->node_env);
    else
        settings->env =
            etf_make(r, "[{_, [{_, _}]} | _]", etf_atom_n(s.app, s.app_size),
                     key, value, settings->env);
    return EXIT_DONE;
}

/* From the last one to the first, so that the lists are in their order and of
 * two for one key the later counts. */
int start_env(struct cli *cli, struct start_settings *s)
{
    int code = EXIT_DONE;

    s->env = s->node_env = etf_nil();
    for (size_t i = cli->o.envs.count; i-- > 0 && code == EXIT_DONE;)
        code = take(cli, s, cli->o.envs.items[i]);
    /* In the background nobody sees standard output: what is written to `user`
     * goes to the log. */
    if (cli->o.detach)
        s->env = etf_make(cli->region, "[{kernel, [{user, log}]} | _]", s->env);
    if (code == EXIT_DONE && (etf_is_none(s->env) || etf_is_none(s->node_env)))
        return cli_fail(cli, EXIT_USAGE, "shorter ones",
                        "--env: a name over 255 characters, or out of memory");
    return code;
}

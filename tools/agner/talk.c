/*
 * talk.c -- call, cast and send: the same arguments, by either way.
 */
#include "cli.h"

#include <string.h>

static const char *const methods[] = {
    [TALK_CALL] = "agner.call",
    [TALK_CAST] = "agner.cast",
    [TALK_SEND] = "agner.send",
};

int cli_name(struct cli *cli, const char *text, etf_term *to)
{
    if (text[0] == '{')
        return cli_term(cli, text, to);
    *to = etf_text(cli->region, text);
    return EXIT_DONE;
}

/* ---- By the control socket -------------------------------------------- */

static int by_socket(struct cli *cli, enum talk how, struct target *t,
                     etf_term to, etf_term message, etf_term *reply)
{
    uint64_t ms = cli_timeout(cli);
    struct etf_region *r = cli->region;
    etf_term timeout = ms == RT_INFINITY ? ETF_A(infinity) : etf_uint(r, ms);

    return cli_method(
        cli, t, methods[how],
        etf_make(r, "#{to => _, msg => _, timeout => _}", to, message, timeout),
        ms, reply);
}

/* ---- By distribution -------------------------------------------------- */

/* A text is the name of a process there. A pid would be one of our own node,
 * since nobody has told us the numbers of that one. */
static bool read_target(struct target *t, etf_term to, etf_term *target)
{
    char name[256];

    *target = to;
    if (etf_tuple_size(to) == 2)
        return true;
    if (!etf_get_text(to, name, sizeof name) || name[0] == '<')
        return false;
    *target = etf_make(t->self, "{_, _}", etf_atom(name), etf_atom(t->name));
    return true;
}

static int print_error(struct cli *cli, const struct target *t, etf_term to,
                       enum agner_err err, etf_term reason)
{
    char text[200], name[200];
    int code = cli_code(err);

    if (err == AGNER_ENOPROC || err == AGNER_ENONAME)
        return cli_fail(cli, code, "registered() on that node",
                        "no process is registered as %s on %s",
                        cli_cell(to, name, sizeof name), t->name);
    if (err == AGNER_EEXIT && !etf_is_none(reason))
        return cli_fail(cli, code, "the log of that node", "%s: %s",
                        agner_strerror(err),
                        etf_format(text, sizeof text, reason));
    return cli_fail(cli, code, "agner ping NODE, or a longer --timeout", "%s",
                    agner_strerror(err));
}

static int by_distribution(struct cli *cli, enum talk how, struct target *t,
                           etf_term name, etf_term message, etf_term *reply)
{
    etf_term to;
    enum agner_err err = AGNER_OK;
    char text[200];

    if (!read_target(t, name, &to))
        return cli_fail(cli, EXIT_USAGE, "a registered name",
                        "%s: a process of another node is reached by its name",
                        cli_cell(name, text, sizeof text));
    *reply = ETF_NONE;
    switch (how) {
    case TALK_CALL:
        err = gen_call(t->self, to, message, cli_timeout(cli), reply);
        break;
    case TALK_CAST:
        err = gen_cast(t->self, to, message);
        break;
    case TALK_SEND:
        err = rt_send(t->self, to, message);
        break;
    }
    if (err != AGNER_OK)
        return print_error(cli, t, name, err, *reply);
    if (how != TALK_CALL)
        *reply = ETF_A(ok);
    return EXIT_DONE;
}

int cli_tell(struct cli *cli, enum talk how, struct target *t, etf_term to,
             etf_term message, etf_term *reply)
{
    return t->client != NULL ? by_socket(cli, how, t, to, message, reply)
                             : by_distribution(cli, how, t, to, message, reply);
}

int cli_talk(struct cli *cli, enum talk how)
{
    etf_term to, message, reply;
    struct target t;
    int code = cli_term(cli, cli->args[1], &message);

    if (code == EXIT_DONE)
        code = cli_name(cli, cli->args[0], &to);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, true, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli_tell(cli, how, &t, to, message, &reply);
    if (code == EXIT_DONE && (how == TALK_CALL || cli->o.json))
        code = cli_print(cli, reply); /* lives as long as the target may */
    cli_close(&t);
    return code;
}

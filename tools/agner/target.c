/*
 * target.c -- which node is meant, and how to reach it.
 *
 * A node of this user on this machine has a control socket; that is the way,
 * unless --connect or a cookie says otherwise. Any other node, of agner or of
 * Erlang, is reached by Erlang distribution: the command becomes a hidden node
 * for a moment.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt_world.h"

#include "client.h"

#define PROTOCOL 1

uint64_t cli_timeout(const struct cli *cli)
{
    if (cli->o.timeout_ms == CLI_ABSENT)
        return GEN_CALL_TIMEOUT_MS;
    return cli->o.timeout_ms == INT64_MAX ? RT_INFINITY
                                          : (uint64_t)cli->o.timeout_ms;
}

/* ---- By the control socket -------------------------------------------- */

/* What an error of the server is as an exit code. */
static int class_code(etf_term class, etf_term term)
{
    static const struct {
        const char *class;
        int code;
    } codes[] = {
        { "noproc", EXIT_NOT_FOUND }, { "timeout", EXIT_TIMEOUT },
        { "denied", EXIT_REFUSED },   { "nodedown", EXIT_UNREACHABLE },
        { "badarg", EXIT_USAGE },
    };

    if (etf_atom_is(term, "cookie"))
        return EXIT_AUTH;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (etf_atom_is(class, codes[i].class))
            return codes[i].code;
    }
    return EXIT_REMOTE;
}

/* What to try after a failure with that code. */
static const char *next_step(const struct cli *cli, int code)
{
    static char help[64]; /* one failure ends the command */

    switch (code) {
    case EXIT_REFUSED:
        (void)snprintf(help, sizeof help, "agner help %s", cli->command->name);
        return help;
    case EXIT_NOT_FOUND:
        return cli->command == &cmd_app ? "agner apps" : "agner ps";
    case EXIT_TIMEOUT:
        return "a longer --timeout, or agner info NAME to see what it does";
    case EXIT_UNREACHABLE:
        return "agner status";
    case EXIT_AUTH:
        return "--cookie-file FILE with the cookie of that node";
    case EXIT_USAGE:
        return "agner help";
    default:
        return "agner status, and the node's log";
    }
}

static int print_failure(struct cli *cli, etf_term failure)
{
    etf_term class, term, text;
    char buffer[300];
    int code;

    if (!etf_match(failure, "[_, _, _]", &class, &term, &text) ||
        !etf_get_text(text, buffer, sizeof buffer))
        return cli_fail(cli, EXIT_PROTOCOL, "agner version on both sides",
                        "the node's error is not understood");
    code = class_code(class, term);
    return cli_fail(cli, code,
                    etf_atom_is(class, "nodedown")
                        ? "agner ping -v NODE, which shows each step"
                        : next_step(cli, code),
                    "%s", buffer);
}

int cli_method(struct cli *cli, struct target *t, const char *method,
               etf_term param, uint64_t timeout_ms, etf_term *result)
{
    struct agner_error error = { AGNER_OK, "" };
    uint64_t grace_ms =
        timeout_ms == RT_INFINITY ? RT_INFINITY : timeout_ms + 2000;
    enum agner_err err;
    etf_term answer;
    bool failed;

    if (etf_is_none(param))
        return cli_fail(cli, EXIT_REMOTE, "a smaller term", "out of memory");
    err = client_call(t->client, method, param, grace_ms, cli->region, &answer,
                      &failed, &error);
    if (err != AGNER_OK)
        return cli_fail(cli, cli_code(err), next_step(cli, cli_code(err)), "%s",
                        error.text);
    if (failed)
        return print_failure(cli, answer);
    *result = answer;
    return EXIT_DONE;
}

/* Asks for strict answers, and learns who is there. */
static int greet(struct cli *cli, struct target *t)
{
    etf_term result, node;
    char name[256];
    uint32_t creation;
    int64_t protocol;
    int code = cli_method(cli, t, "agner.mode", etf_text(cli->region, "strict"),
                          GEN_CALL_TIMEOUT_MS, &result);

    if (code != EXIT_DONE)
        return code;
    node = cli_get(result, "node");
    if (!etf_get_int(cli_get(result, "protocol"), &protocol) ||
        protocol != PROTOCOL || !etf_get_text(node, name, sizeof name) ||
        !etf_match(cli_get(result, "creation"), "_", &creation))
        return cli_fail(cli, EXIT_PROTOCOL, "agner version on both sides",
                        "the node speaks another version of the protocol");
    t->there = (struct etf_self){ etf_atom(name), creation };
    client_set_self(t->client, t->there);
    return EXIT_DONE;
}

static int open_socket(struct cli *cli, const char *path, struct target *t)
{
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = client_open(cli->world, path, &t->client, &error);
    int code;

    if (err != AGNER_OK)
        return cli_fail(cli, EXIT_UNREACHABLE, "agner start", "%s", error.text);
    code = greet(cli, t);
    if (code != EXIT_DONE)
        cli_close(t);
    return code;
}

/* ---- By distribution -------------------------------------------------- */

static void print_line(void *ctx, enum node_step step, const char *text)
{
    (void)ctx;
    (void)step;
    (void)printf("  %s\n", text);
}

static int start_node(struct cli *cli, const char *name, const char *cookie,
                      struct target *t)
{
    const char *host = strchr(name, '@');
    struct node_options options = { .cookie = cookie,
                                    .no_listen = true,
                                    .hidden = true,
                                    .rt = { .workers = 1,
                                            .log_level = RT_LOG_NONE } };
    struct agner_error error = { AGNER_OK, "" };
    char own[256];
    uint32_t random;
    enum agner_err err;

    if (host == NULL || host == name || host[1] == '\0')
        return cli_fail(cli, EXIT_USAGE, "a name like shop@10.0.0.7",
                        "%s: not a name of a node", name);
    cli->world->random(cli->world->ctx, &random, sizeof random);
    (void)snprintf(own, sizeof own, "agner-cli-%08x%s", random, host);
    options.name = own;
    options.rt.world = cli->world;
    options.epmd_port = cli_epmd_port(cli);
    err = node_start(&options, &t->node, &error);
    if (err != AGNER_OK)
        return cli_fail(cli, cli_code(err), "agner help ping", "%s",
                        error.text);
    t->self = rt_attach(node_rt(t->node));
    if (t->self == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    return EXIT_DONE;
}

static int dial(struct cli *cli, const char *name, bool trace,
                const char *cookie_path, struct target *t)
{
    struct agner_error error = { AGNER_OK, "" };
    char next[APPS_PATH_MAX + 80];
    enum agner_err err;

    if (trace)
        node_trace(t->node, print_line, NULL);
    err = node_connect(t->self, t->node, name, &error);
    if (trace)
        node_trace(t->node, NULL, NULL);
    if (err == AGNER_OK)
        return EXIT_DONE;
    if (err == AGNER_EAUTH)
        (void)snprintf(next, sizeof next,
                       "--cookie-file FILE with its cookie; this one was from "
                       "%s",
                       cookie_path);
    else if (err == AGNER_ENONAME)
        (void)snprintf(next, sizeof next, "agner names %s",
                       strchr(name, '@') + 1);
    else
        (void)snprintf(next, sizeof next, "agner ping -v %s", name);
    return cli_fail(cli, cli_code(err), next, "%s", error.text);
}

int cli_connect(struct cli *cli, const char *name, bool trace, struct target *t)
{
    char cookie[256], path[APPS_PATH_MAX];
    int code;

    memset(t, 0, sizeof *t);
    t->name = name;
    code = cli_cookie(cli, cli->o.cookie_file, false, cookie, path);
    if (code != EXIT_DONE)
        return code;
    code = start_node(cli, name, cookie, t);
    explicit_bzero(cookie, sizeof cookie);
    if (code == EXIT_DONE)
        code = dial(cli, name, trace, path, t);
    if (code != EXIT_DONE)
        cli_close(t);
    return code;
}

void cli_close(struct target *t)
{
    client_close(t->client);
    if (t->self != NULL)
        rt_detach(t->self);
    if (t->node != NULL)
        node_stop(t->node, 1000);
    memset(t, 0, sizeof *t);
}

/* ---- Which one -------------------------------------------------------- */

/* Is somebody behind this socket? */
static bool is_served(const struct cli *cli, const char *name)
{
    char path[108];
    struct client *client;

    if (apps_control_path(name, path, sizeof path, NULL) != AGNER_OK ||
        client_open(cli->world, path, &client, NULL) != AGNER_OK)
        return false;
    client_close(client);
    return true;
}

size_t cli_nodes(const struct cli *cli, char (*names)[256])
{
    size_t count = apps_control_names(names, CLI_NODES_MAX), live = 0;

    if (count > CLI_NODES_MAX)
        count = CLI_NODES_MAX;
    for (size_t i = 0; i < count; i++) {
        if (is_served(cli, names[i]))
            memmove(names[live++], names[i], sizeof names[i]);
    }
    return live;
}

/* The only node that runs here. */
static int only_one(struct cli *cli, const char **name)
{
    static const char next[] = "agner start --name NAME@HOST";
    char names[CLI_NODES_MAX][256];
    size_t live = cli_nodes(cli, names);

    if (live == 0)
        return cli_fail(cli, EXIT_UNREACHABLE, next,
                        "no node of this user runs here");
    if (live > 1)
        return cli_fail(cli, EXIT_USAGE, "-n NODE with one of these",
                        "several nodes run here: %s, %s%s", names[0], names[1],
                        live > 2 ? ", ..." : "");
    memcpy(cli->found, names[0], sizeof names[0]);
    *name = cli->found;
    return EXIT_DONE;
}

int cli_open(struct cli *cli, const char *name, bool dist, struct target *t)
{
    char path[108];
    bool by_socket =
        !cli->o.connect && cli->o.cookie == NULL && cli->o.cookie_file == NULL;
    int code;

    memset(t, 0, sizeof *t);
    if (name == NULL)
        name = cli->o.node;
    if (name == NULL && !by_socket)
        return cli_fail(cli, EXIT_USAGE, "-n NODE",
                        "--connect and a cookie want the name of a node");
    if (name == NULL) {
        code = only_one(cli, &name);
        if (code != EXIT_DONE)
            return code;
    }
    t->name = name;
    if (strchr(name, '/') != NULL) /* the socket itself */
        return open_socket(cli, name, t);
    if (by_socket &&
        apps_control_path(name, path, sizeof path, NULL) == AGNER_OK &&
        access(path, F_OK) == 0 && (!dist || is_served(cli, name)))
        return open_socket(cli, path, t);
    if (dist)
        return cli_connect(cli, name, false, t);
    return cli_fail(cli, EXIT_UNREACHABLE,
                    "agner start, or -n NODE with a node of this user",
                    "%s: no such node runs here, and this wants its control "
                    "socket",
                    name);
}

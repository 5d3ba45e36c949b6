/*
 * target.c -- which node is meant, and how to reach it.
 *
 * A node of this user on this machine has a control socket; that is the way,
 * unless --connect or a cookie says otherwise. One that is given as tcp://...
 * is reached there (control_tcp.c). Any other node, of agner or of Erlang, is
 * reached by Erlang distribution: the command becomes a hidden node for a
 * moment.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt_world.h"

#include "client.h"

#define PROTOCOL 1
#define SETUP_MS 7000 /* a node's own patience with a handshake */

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

/* What is meant when it is over TCP: a URL, or NULL. */
static const char *url_of(const struct cli *cli, const char *name)
{
    if (cli->control != NULL)
        return cli->control;
    if (name == NULL)
        name = cli->o.node;
    return name != NULL && cli_is_control_url(name) ? name : NULL;
}

bool cli_asks_node(const struct cli *cli)
{
    return cli->control != NULL || cli->o.node != NULL;
}

static int open_url(struct cli *cli, const char *url, struct target *t)
{
    int code = cli_open_tcp(cli, url, &t->client);

    if (code == EXIT_DONE)
        code = greet(cli, t);
    if (code != EXIT_DONE)
        cli_close(t);
    return code;
}

/* ---- By distribution -------------------------------------------------- */

static void print_line(void *ctx, enum node_step step, const char *text)
{
    cli_step(ctx, step, text);
}

/* A node of the same style of name as the other one's, long or short. */
static enum agner_err start_node(struct cli *cli, const char *cookie,
                                 struct cli_dial *dial, struct target *t)
{
    struct node_options options = { .cookie = cookie,
                                    .no_listen = true,
                                    .hidden = true,
                                    .rt = { .workers = 1,
                                            .log_level = RT_LOG_NONE } };
    char own[300];
    uint32_t random;
    uint16_t port;
    enum agner_err err =
        node_address_parse(dial->address, dial->name, &port, &dial->error);

    if (err != AGNER_OK) {
        (void)snprintf(dial->name, sizeof dial->name, "%.255s", dial->address);
        return err;
    }
    cli->world->random(cli->world->ctx, &random, sizeof random);
    (void)snprintf(own, sizeof own, "agner-cli-%08x%s", random,
                   strchr(dial->name, '@'));
    options.name = own;
    options.erlang = cli->o.erlang == CLI_ABSENT
                         ? NODE_ERLANG_OFF
                         : (enum node_erlang)cli->o.erlang;
    options.rt.world = cli->world;
    options.epmd_port = cli_epmd_port(cli);
    if (cli->o.timeout_ms > 0 && cli->o.timeout_ms < SETUP_MS)
        options.setup_time_ms = (uint64_t)cli->o.timeout_ms;
    err = node_start(&options, &t->node, &dial->error);
    if (err != AGNER_OK)
        return err;
    t->self = rt_attach(node_rt(t->node));
    if (t->self == NULL)
        return agner_fail(&dial->error, AGNER_ENOMEM, "out of memory");
    return AGNER_OK;
}

void cli_dial(struct cli *cli, const char *cookie, bool trace,
              struct cli_dial *dial, struct target *t)
{
    dial->step = NODE_STEP_FIND;
    dial->error.code = AGNER_OK;
    memset(t, 0, sizeof *t);
    node_cookie_fingerprint(cookie, dial->fingerprint);
    if (start_node(cli, cookie, dial, t) != AGNER_OK)
        return;
    cli->begun_ns = cli->world->now_ns(cli->world->ctx);
    memcpy(t->plain, dial->name, sizeof t->plain);
    t->name = t->plain;
    if (trace) {
        (void)printf("%s, as %s, with cookie %s (from %s)\n", dial->address,
                     node_name(t->node), dial->fingerprint, dial->cookie_path);
        node_trace(t->node, print_line, cli);
    }
    (void)node_connect_step(t->self, t->node, dial->address, &dial->step,
                            &dial->error);
    if (trace)
        node_trace(t->node, NULL, NULL);
}

int cli_connect(struct cli *cli, const char *name, bool trace, struct target *t)
{
    struct cli_dial dial = { .step = NODE_STEP_FIND };
    char cookie[256];
    int code;

    memset(t, 0, sizeof *t);
    if (strlen(name) >= sizeof dial.address)
        return cli_fail(cli, EXIT_USAGE, "a name like shop@10.0.0.7",
                        "%.40s...: not a name of a node", name);
    memcpy(dial.address, name, strlen(name) + 1);
    code = cli_cookie(cli, cli->o.cookie_file, false, cookie, dial.cookie_path);
    if (code != EXIT_DONE)
        return code;
    cli_dial(cli, cookie, trace, &dial, t);
    explicit_bzero(cookie, sizeof cookie);
    if (dial.error.code == AGNER_OK)
        return EXIT_DONE;
    cli_close(t);
    return cli_explain(cli, &dial);
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

bool cli_ask_local(struct cli *cli, const char *name, const char *method,
                   etf_term *result)
{
    struct target t = { .name = name };
    char path[108];
    int code;

    if (!is_served(cli, name) ||
        apps_control_path(name, path, sizeof path, NULL) != AGNER_OK ||
        open_socket(cli, path, &t) != EXIT_DONE)
        return false;
    code = cli_method(cli, &t, method, etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, result);
    cli_close(&t);
    return code == EXIT_DONE;
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

int cli_open_dist(struct cli *cli, const char *name, struct target *t)
{
    int code = EXIT_DONE;

    memset(t, 0, sizeof *t);
    if (url_of(cli, name) != NULL)
        return cli_fail(cli, EXIT_USAGE, "-n NODE",
                        "this goes by distribution, not over the control "
                        "socket");
    if (name == NULL)
        name = cli->o.node;
    if (name == NULL)
        code = only_one(cli, &name);
    if (code == EXIT_DONE)
        code = cli_connect(cli, name, false, t);
    if (code == EXIT_DONE && cli_printer(t) != AGNER_OK) {
        cli_close(t);
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    }
    return code;
}

int cli_open(struct cli *cli, const char *name, bool dist, struct target *t)
{
    char path[108];
    bool by_socket =
        !cli->o.connect && cli->o.cookie == NULL && cli->o.cookie_file == NULL;
    int code;

    memset(t, 0, sizeof *t);
    if (cli->control != NULL && (name != NULL || cli->o.node != NULL))
        return cli_fail(cli, EXIT_USAGE, "one of them",
                        "--control and the name of a node exclude each other");
    if (url_of(cli, name) != NULL)
        return open_url(cli, url_of(cli, name), t);
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

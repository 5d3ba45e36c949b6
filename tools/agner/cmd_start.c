/*
 * cmd_start.c -- agner start: a node in the foreground, until it is told to
 * end.
 *
 * The main thread is a process of the node: what it waits for are messages, and
 * whatever happens becomes one.
 *
 *   message                 from                         what follows
 *   ----------------------  ---------------------------  ---------------------
 *   started                 the starter, when every      the line "NAME ready"
 *                           application runs
 *   {failed, Code, Text}    the starter                  stop, exit code 1
 *   {'DOWN', ...}           the starter, crashed         the same
 *   {ended, App, Reason}    the application controller   the same: a permanent
 *                                                        application, or a
 *                                                        transient one, ended
 *   {signal, N}             the signal thread            stop, exit code 0;
 *                                                        SIGHUP only at a
 *                                                        terminal, see below
 *   stop                    agner.stop                   the same
 *
 * While the node stops, a second signal ends the program at once.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "node_channel.h"
#include "rt_world.h"

#include "start.h"

#define STOP_MS       30000
#define NODE_GRACE_MS 1000
#define GIVE_UP_S     10 /* after that the program ends, whoever still computes */
#define LOG_WAIT_MS   500 /* for the log to be written, where it matters */

static const struct option options[] = {
    { "name", 0, "NAME@HOST", "its name, or NAME@HOST:PORT (APP@127.0.0.1)",
      OPTION_TEXT, CLI_OPTION(name), 0, 0, NULL },
    { "app", 0, "APP|FILE.so", "start an application; may be repeated",
      OPTION_APP, CLI_OPTION(apps), GEN_APP_TEMPORARY, 0, NULL },
    { "transient", 0, "APP|FILE.so", "the same; if it fails, the node stops",
      OPTION_APP, CLI_OPTION(apps), GEN_APP_TRANSIENT, 0, NULL },
    { "permanent", 0, "APP|FILE.so", "the same; when it ends, the node stops",
      OPTION_APP, CLI_OPTION(apps), GEN_APP_PERMANENT, 0, NULL },
    { "env", 0, "[APP.]KEY=TERM", "set in the environment; may be repeated",
      OPTION_TEXTS, CLI_OPTION(envs), 0, 0, NULL },
    { "peer", 0, "[erlang:]NAME[:PORT]", "stay connected; may be repeated",
      OPTION_TEXTS, CLI_OPTION(peers), 0, 0, NULL },
    { "discover", 0, "WAY", "find nodes: dns:HOST[:PORT], gossip, epmd[:HOST]",
      OPTION_TEXTS, CLI_OPTION(discover), 0, 0, NULL },
    { "config", 0, "FILE", "read the configuration; options go before it",
      OPTION_TEXT, CLI_OPTION(config), 0, 0, NULL },
    { "cookie-file", 0, "FILE", "where the cookie is", OPTION_TEXT,
      CLI_OPTION(cookie_file), 0, 0, "cookie" },
    { "cookie", 0, "COOKIE", "the cookie itself (others may see it)",
      OPTION_SECRET, CLI_OPTION(cookie), 0, 0, "cookie-file" },
    { "trust", 0, "first-use|listed", "whose keys are believed", OPTION_TEXT,
      CLI_OPTION(trust), 0, 0, NULL },
    { "trust-dir", 0, "DIR|none", "where its key and known_nodes are",
      OPTION_TEXT, CLI_OPTION(trust_dir), 0, 0, NULL },
    { "cluster-name", 0, "TEXT", "only nodes that say the same connect",
      OPTION_TEXT, CLI_OPTION(cluster_name), 0, 0, NULL },
    { "listen", 0, "HOST:PORT", "for other nodes (default 127.0.0.1:0)",
      OPTION_LISTEN, CLI_OPTION(listen), 0, 0, NULL },
    CLI_ERLANG_ROW,
    { "permit", 0, "PEER: ...", "what a peer may do here; may be repeated",
      OPTION_TEXTS, CLI_OPTION(permits), 0, 0, NULL },
    { "epmd", 0, "auto|need|none", "use of epmd (default auto)", OPTION_TEXT,
      CLI_OPTION(epmd), 0, 0, NULL },
    { "epmd-port", 0, "PORT", "where epmd listens (default 4369)",
      OPTION_NUMBER, CLI_OPTION(epmd_port), 1, 65535, NULL },
    { "hidden", 0, NULL, "not seen by nodes() and global of others",
      OPTION_FLAG, CLI_OPTION(hidden), 0, 0, "visible" },
    { "visible", 0, NULL, "seen by both (the default)", OPTION_FLAG,
      CLI_OPTION(visible), 0, 0, "hidden" },
    { "tick-time", 0, "TIME", "net_ticktime (default 60s)", OPTION_TIME,
      CLI_OPTION(tick_time_ms), 1000, 86400000, NULL },
    { "limit", 0, "NAME=NUMBER", "of docs/limits.md; may be repeated",
      OPTION_TEXTS, CLI_OPTION(limits), 0, 0, NULL },
    { "workers", 0, "N", "threads that run processes (default: cores)",
      OPTION_NUMBER, CLI_OPTION(workers), 1, 1024, NULL },
    { "control", 0, "PATH|none|URL",
      "its control socket; URL: tcp://HOST:PORT, too", OPTION_TEXTS,
      CLI_OPTION(controls), 0, 0, NULL },
    { "control-keys", 0, "FILE", "clients of the control socket over TCP",
      OPTION_TEXT, CLI_OPTION(control_keys), 0, 0, NULL },
    { "stop-time", 0, "TIME", "how long applications may stop (default 30s)",
      OPTION_TIME, CLI_OPTION(stop_time_ms), 0, 86400000, NULL },
    { "log-level", 0, "LEVEL", "emergency to debug, or none (default notice)",
      OPTION_TEXT, CLI_OPTION(log_level), 0, 0, NULL },
    { "ready-fd", 0, "FD", "write the ready line there too, then close it",
      OPTION_NUMBER, CLI_OPTION(ready_fd), 3, 1048576, NULL },
    { "detach", 0, NULL, "go on in the background once it is ready",
      OPTION_FLAG, CLI_OPTION(detach), 0, 0, "foreground" },
    { "foreground", 0, NULL, "stay in the foreground (the default)",
      OPTION_FLAG, CLI_OPTION(foreground), 0, 0, "detach" },
    { "log-file", 0, "FILE", "append the log there (default: stderr)",
      OPTION_TEXT, CLI_OPTION(log_file), 0, 0, NULL },
    { "blackbox", 0, "FILE|none", "what happens is noted there (NODE.box)",
      OPTION_TEXT, CLI_OPTION(blackbox), 0, 0, NULL },
    { "blackbox-size", 0, "BYTES", "of it for each worker (default 262144)",
      OPTION_NUMBER, CLI_OPTION(blackbox_size), 16384, 67108864, NULL },
    { "log-format", 0, "text|json|journald", "the log's form (default text)",
      OPTION_TEXT, CLI_OPTION(log_format), 0, 0, NULL },
    CLI_HELP_ROW,
    CLI_END_ROW,
};

struct start {
    struct cli *cli;
    struct start_settings s;
    struct apps_loader_options loader;
    struct node *node;
    struct gen *self;
    struct apps_control *control; /* or NULL */
    etf_pid main;
    etf_ref starter;
    bool ready;
    struct rt_thread *signals;
    sigset_t signal_set;
};

/* ---- Signals ---------------------------------------------------------- */

/* SIGHUP is what a terminal says at its end, to a node that logs to it; to any
 * other one it is a wish. */
static bool goes_on(const struct start *st)
{
    return st->s.log.kind != RT_LOG_STDERR || st->cli->o.detach;
}

/* Log file, keys and cookies. */
static void read_again(struct start *st)
{
    struct agner_error error = { AGNER_OK, "" };

    rt_log_reopen(node_rt(st->node)); /* somebody has moved it */
    if (node_reload(st->node, &error) != AGNER_OK)
        rt_log(node_rt(st->node), RT_LOG_ERROR,
               "keys and cookies stay as they were: %s", error.text);
}

/* A thread of its own waits for signals, so that nothing runs in a handler.
 * SIGURG is ours: it ends the thread. So is SIGALRM: code that never returns
 * cannot be ended, but the program can. */
static void wait_for_signals(void *arg)
{
    struct start *st = arg;
    bool stopping = false;
    int got = 0;

    while (sigwait(&st->signal_set, &got) == 0 && got != SIGURG) {
        struct etf_region *r;

        if (got == SIGHUP && goes_on(st)) {
            read_again(st);
            continue;
        }
        if (got == SIGALRM) {
            (void)fprintf(stderr, "agner start: stopped, though a process is "
                                  "in code that does not return\n");
            (void)unlink(st->s.control_path);
            _exit(EXIT_REMOTE);
        }
        if (stopping) {
            (void)unlink(st->s.control_path);
            _exit(128 + got);
        }
        stopping = true;
        r = etf_region_new(0);
        if (r == NULL ||
            rt_post(node_rt(st->node), etf_from_pid(NULL, st->main),
                    etf_make(r, "{signal, _}", got)) != AGNER_OK)
            _exit(128 + got); /* no memory to be orderly with */
        etf_region_free(r);
    }
}

/* Before any other thread is there, which all inherit this. */
static void block_signals(struct start *st)
{
    (void)sigemptyset(&st->signal_set); /* with these they cannot fail */
    (void)sigaddset(&st->signal_set, SIGTERM);
    (void)sigaddset(&st->signal_set, SIGINT);
    (void)sigaddset(&st->signal_set, SIGHUP);
    (void)sigaddset(&st->signal_set, SIGURG);
    (void)sigaddset(&st->signal_set, SIGALRM);
    (void)pthread_sigmask(SIG_BLOCK, &st->signal_set, NULL);
}

/* agner.stop, on a worker. When it cannot be posted the node goes on, and the
 * client's wait for its end runs out. */
static void stop_asked(void *ctx)
{
    struct start *st = ctx;

    (void)rt_post(node_rt(st->node), etf_from_pid(NULL, st->main), ETF_A(stop));
}

/* In the application controller, which goes on. Without memory for the reason
 * the node stops all the same. */
static void app_ended(void *ctx, const char *application, etf_term reason)
{
    struct start *st = ctx;
    struct etf_region *r = etf_region_new(0);
    etf_term message = ETF_NONE, main = etf_from_pid(NULL, st->main);

    if (r != NULL)
        message = etf_make(r, "{ended, _, _}", application, reason);
    if (etf_is_none(message) ||
        rt_post(node_rt(st->node), main, message) != AGNER_OK)
        (void)rt_post(node_rt(st->node), main, ETF_A(stop));
    etf_region_free(r);
}

/* ---- Applications ----------------------------------------------------- */

/* The starter: a process, so that a signal is heard while an application takes
 * long to start. */
static void start_applications(struct gen *self, void *arg)
{
    const struct start *st = arg;
    struct agner_error error = { AGNER_OK, "" };
    etf_term message = etf_make(self, "started");

    for (size_t i = 0; i < st->s.application_count; i++) {
        enum agner_err err = gen_application_ensure_all_started(
            self, st->s.applications[i].name, st->s.applications[i].type,
            GEN_APP_TEMPORARY, NULL, NULL, &error);

        if (err == AGNER_OK)
            continue;
        message = etf_make(self, "{failed, _, _}", (int32_t)err,
                           (const char *)error.text);
        break;
    }
    (void)rt_send_pid(self, st->main, message); /* it waits for this */
}

static enum agner_err start_starter(struct start *st)
{
    struct rt_spawn_options o = { .monitor = true,
                                  .monitor_ref = &st->starter,
                                  .label = "agner start" };
    etf_pid pid;

    return rt_spawn(st->self, start_applications, st, &o, &pid);
}

/* ---- Up and down ------------------------------------------------------ */

static bool is_of_log(const struct agner_error *error)
{
    return strncmp(error->text, "log handler ", 12) == 0;
}

static const char *next_step(const struct agner_error *error)
{
    if (is_of_log(error))
        return "another --log-file or --log-format";
    if (error->code == AGNER_ETAKEN)
        return "another --name or --listen, or agner names";
    if (error->code == AGNER_ENOCONN)
        return "agner epmd, or --epmd auto";
    return "agner help start";
}

static int start_node(struct start *st)
{
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = node_start(&st->s.node, &st->node, &error);

    explicit_bzero(st->s.cookie, sizeof st->s.cookie);
    cli_cookie_wipe(st->cli);
    if (err == AGNER_OK)
        return EXIT_DONE;
    if (!is_of_log(&error) &&
        (error.code == AGNER_ESYNTAX || error.code == AGNER_ENOTALLOWED))
        return cli_secret_fail(st->cli, err, error.text);
    return cli_fail(st->cli, err == AGNER_EINVAL ? EXIT_USAGE : EXIT_REMOTE,
                    next_step(&error), "%s", error.text);
}

static int serve_control(struct start *st)
{
    struct noise_keys own = { { 0 }, { 0 } };
    struct apps_control_options o = { .node = st->node,
                                      .world = st->cli->world,
                                      .path = st->s.control_path,
                                      .tcp = st->s.control_tcp,
                                      .own = &own,
                                      .keys_path = st->s.control_keys,
                                      .stop = stop_asked,
                                      .stop_ctx = st };
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = AGNER_OK;

    if (st->s.control_path[0] == '\0' && !o.tcp.set)
        return EXIT_DONE;
    apps_limits_give_control(&st->s.config.limits, &o);
    if (st->s.control_path[0] != '\0')
        err = apps_control_dir(st->s.control_path, &error);
    if (err == AGNER_OK && o.tcp.set)
        err = start_control_key(st->cli, &st->s, &own, &error);
    if (err == AGNER_OK)
        err = apps_control_start(st->self, &o, &st->control, &error);
    node__noise_wipe(&own, sizeof own);
    if (err == AGNER_OK)
        return EXIT_DONE;
    return cli_fail(st->cli, EXIT_REMOTE,
                    err == AGNER_ETAKEN ? "agner status"
                                        : "--control PATH, or --control none",
                    "%s", error.text);
}

/* The node's own environment: --env without an application. */
static enum agner_err set_env(struct start *st)
{
    etf_term list = st->s.node_env, one, key, value;
    enum agner_err err = AGNER_OK;

    while (err == AGNER_OK && etf_list_next(&list, &one)) {
        if (etf_match(one, "{_, _}", &key, &value))
            err = rt_env_put(node_rt(st->node), ETF_NONE, key, value);
    }
    return err;
}

/* Peers that are to be kept: those of the file and of the options. */
static int keep_peers(struct start *st, const char *const *names, size_t count)
{
    struct agner_error error = { AGNER_OK, "" };

    for (size_t i = 0; i < count; i++) {
        enum agner_err err = node_keep(st->node, names[i], &error);

        if (err != AGNER_OK && err != AGNER_EALREADY)
            return cli_fail(st->cli, EXIT_USAGE, "--peer shop@10.0.0.7",
                            "peer %.200s: %s", names[i], error.text);
    }
    return EXIT_DONE;
}

static int find_peers(struct start *st, const char *const *ways, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct agner_error error = { AGNER_OK, "" };
        struct apps_discovery discovery;
        enum agner_err err = apps_discovery_parse(ways[i], &discovery, &error);

        if (err == AGNER_OK)
            err = apps_discovery_start(st->node, &discovery, &error);
        if (err != AGNER_OK)
            return cli_fail(st->cli,
                            err == AGNER_EINVAL ? EXIT_USAGE : EXIT_REMOTE,
                            "agner help start", "--discover %.200s: %s",
                            ways[i], error.text);
    }
    return EXIT_DONE;
}

static int start_cluster(struct start *st)
{
    const struct apps_config *config = &st->s.config;
    const struct cli_options *o = &st->cli->o;
    int code = keep_peers(st, config->peers.items, config->peers.count);

    if (code == EXIT_DONE)
        code = keep_peers(st, o->peers.items, o->peers.count);
    if (code == EXIT_DONE)
        code = find_peers(st, config->discovery.items, config->discovery.count);
    if (code == EXIT_DONE)
        code = find_peers(st, o->discover.items, o->discover.count);
    return code;
}

/* Everything after the node: its processes, its socket, and who listens to
 * signals. */
static int start_rest(struct start *st)
{
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err;
    int code;

    st->self = rt_attach(node_rt(st->node));
    if (st->self == NULL)
        return cli_fail(st->cli, EXIT_REMOTE, "again later", "out of memory");
    st->main = rt_self(st->self);
    err = set_env(st);
    if (err != AGNER_OK)
        return cli_fail(st->cli, EXIT_REMOTE, "shorter keys for --env",
                        "--env: %s", agner_strerror(err));
    err = apps_loader_start(st->self, &st->loader, &error);
    if (err != AGNER_OK) {
        (void)rt_log_flush(node_rt(st->node), LOG_WAIT_MS);
        return cli_fail(st->cli, EXIT_REMOTE, "the log above", "%s",
                        error.text);
    }
    code = serve_control(st);
    if (code == EXIT_DONE)
        code = start_cluster(st);
    if (code != EXIT_DONE)
        return code;
    err = st->cli->world->thread_start(st->cli->world->ctx, "signals",
                                       wait_for_signals, st, &st->signals);
    if (err != AGNER_OK)
        return cli_fail(st->cli, EXIT_REMOTE, "again later",
                        "no thread that waits for signals: %s",
                        agner_strerror(err));
    err = start_starter(st);
    if (err != AGNER_OK)
        return cli_fail(st->cli, EXIT_REMOTE, "again later", "%s",
                        agner_strerror(err));
    return EXIT_DONE;
}

/* In reverse. Control last of ours, so that a client sees the end of it all. */
static void stop(struct start *st)
{
    cli_notify("STOPPING=1");
    if (st->self != NULL) {
        if (gen_applications_stop(st->self, st->s.stop_time_ms) ==
            AGNER_ETIMEOUT)
            (void)fprintf(stderr, "agner start: applications did not stop in "
                                  "time\n");
        if (st->control != NULL)
            apps_control_stop(st->self, st->control);
        rt_detach(st->self);
    }
    (void)alarm(GIVE_UP_S);
    node_stop(st->node, NODE_GRACE_MS);
    (void)alarm(0);
    if (st->signals != NULL) {
        (void)kill(getpid(), SIGURG);
        st->cli->world->thread_join(st->cli->world->ctx, st->signals);
    }
}

/* ---- The wait --------------------------------------------------------- */

/* A name that others would use, and nobody who does comes through. */
static void warn_of_loopback(struct start *st)
{
    const char *host = strchr(node_name(st->node), '@') + 1;

    if (st->s.node.listen_host != NULL || apps_is_loopback(host))
        return;
    rt_log(node_rt(st->node), RT_LOG_NOTICE,
           "%s: listens on 127.0.0.1 alone, though its name means %s: "
           "--listen %s:0 is for nodes of other machines",
           node_name(st->node), host, host);
}

static void say_ready(struct start *st)
{
    char line[400];
    int size = snprintf(line, sizeof line, "%s ready on port %u\n",
                        node_name(st->node), node_port(st->node));

    st->ready = true;
    if (!st->cli->o.detach) {
        (void)fputs(line, stdout);
        (void)fflush(stdout); /* nobody reads it: no failure of the node */
    }
    warn_of_loopback(st);
    cli_notify("READY=1");
    start_detached(line, st->s.log.path);
    if (st->cli->o.detach) {
        rt_log_reopen(node_rt(st->node)); /* not at the terminal any more */
        (void)rt_log_flush(node_rt(st->node), LOG_WAIT_MS);
    }
    if (st->cli->o.ready_fd == CLI_ABSENT)
        return;
    if (write((int)st->cli->o.ready_fd, line, (size_t)size) != size)
        (void)fprintf(stderr, "agner start: --ready-fd cannot be written\n");
    (void)close((int)st->cli->o.ready_fd);
}

/* What the log says of it comes first. */
static int app_failed(struct start *st, const char *text)
{
    (void)rt_log_flush(node_rt(st->node), LOG_WAIT_MS);
    return cli_fail(st->cli, EXIT_REMOTE, "agner start without that --app",
                    "%s", text);
}

/* One message: true when it ends the wait, with the exit code. */
static bool handle(struct start *st, etf_term message, int *code)
{
    etf_term text, reason;
    char buffer[240], name[256];
    int32_t number;
    etf_ref ref;

    *code = EXIT_DONE;
    if (etf_match(message, "{signal, _}", &number) ||
        etf_match(message, "stop"))
        return true;
    if (etf_match(message, "started")) {
        say_ready(st);
    } else if (etf_match(message, "{failed, _, _}", &number, &text)) {
        (void)etf_get_text(text, buffer, sizeof buffer); /* we made it */
        *code = app_failed(st, buffer);
        return true;
    } else if (etf_match(message, "{ended, _, _}", &text, &reason)) {
        (void)etf_get_text(text, name, sizeof name);
        *code = cli_fail(st->cli, EXIT_REMOTE, "the log above",
                         "application %s ended, so the node stops: %s", name,
                         etf_format(buffer, sizeof buffer, reason));
        return true;
    } else if (etf_match(message, "{'DOWN', _, __, __, _}", &ref, &reason) &&
               !etf_same(reason, ETF_A(normal)) && !st->ready) {
        *code = app_failed(st, etf_format(buffer, sizeof buffer, reason));
        return true;
    }
    return false; /* the starter's normal end, and what others may send us */
}

static int wait_for_end(struct start *st)
{
    etf_term message;
    int code = EXIT_DONE;

    while (rt_receive(st->self, RT_INFINITY, &message) == AGNER_OK) {
        bool ends = handle(st, message, &code);

        rt_reset(st->self);
        if (ends)
            return code;
    }
    return cli_fail(st->cli, EXIT_REMOTE, "agner start again",
                    "the node was told to end");
}

static int run(struct cli *cli)
{
    static struct start st; /* large, and one */
    int code = start_settings(cli, &st.s);

    if (code == EXIT_DONE)
        code = start_output(cli);
    if (code != EXIT_DONE)
        return code;
    st.cli = cli;
    st.loader.dirs = st.s.dirs.items;
    st.loader.dir_count = st.s.dirs.count;
    st.loader.config = st.s.config.env;
    st.loader.env = st.s.env;
    st.loader.node_stop = app_ended;
    st.loader.stop_ctx = &st;
    block_signals(&st);
    code = start_node(&st);
    if (code == EXIT_DONE) {
        code = start_rest(&st);
        if (code == EXIT_DONE)
            code = wait_for_end(&st);
        stop(&st);
    }
    start_settings_fini(&st.s);
    return code;
}

const struct command cmd_start = {
    .name = "start",
    .arguments = "",
    .summary = "start a node, in the foreground",
    .example = "agner start --app b/shop.so\n"
               "agner start --name shop@127.0.0.1 --app counter\n"
               "agner start --config shop.config --detach\n"
               "agner start --name shop@10.0.0.7 --listen 10.0.0.7:0 --app "
               "/opt/shop/shop.so",
    .text =
        "Prints \"NAME ready on port PORT\" when it is up and every "
        "application runs.\nSIGTERM, SIGINT and `agner stop` end it in "
        "order; a second signal at once.\nIt listens on 127.0.0.1 alone "
        "unless --listen says otherwise; nodes of other\nmachines need "
        "--listen 0.0.0.0:0 or an address of this one. Erlang nodes may\n"
        "connect, and are connected to, where --erlang says so. It is visible "
        "unless\n--hidden is given: nodes() of others has it, all visible "
        "nodes are connected,\nand they share the names of global. Without a "
        "cookie file\n"
        "($XDG_CONFIG_HOME/agner/cookie, ~/.erlang.cookie) one is written.",
    .options = options,
    .run = run,
};

/*
 * cli.h -- the command `agner`: what its files share.
 *
 * main.c reads the arguments by the command's table and calls its `run`, which
 * returns the exit code. One command runs in one process, so what it gets lives
 * until the end. Every failure is printed with a next step; no cookie ever is.
 */
#ifndef AGNER_CLI_H
#define AGNER_CLI_H

#include <stdio.h>

#include "agner_apps.h"

/* Part of the interface (docs/command.md): scripts rely on them. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_REMOTE = 1, /* the other side failed; what it said is printed */
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
    EXIT_AUTH = 4, /* cookie or key */
    EXIT_TIMEOUT = 5,
    EXIT_NOT_FOUND = 6,
    EXIT_PROTOCOL = 7,
    EXIT_REFUSED = 8, /* by policy */
    EXIT_INTERRUPTED = 130,
};

#define CLI_ARGS_MAX     16   /* arguments that are no options */
#define CLI_APPS_MAX     64   /* --app and its like, how often */
#define CLI_TEXTS_MAX    256  /* --env and its like, how often */
#define CLI_ABSENT       (-1) /* a number or time that was not given */
#define CLI_NODES_MAX    32   /* nodes of this user that one looks at */
#define CLI_COMMANDS_MAX 64

/* What an option says that may be given several times. */
struct cli_texts {
    const char *items[CLI_TEXTS_MAX];
    size_t count;
};

/* What the options say. A text is NULL, and a flag false, when not given. */
struct cli_options {
    bool help, json, no_headers, verbose, hidden, visible, connect, registered;
    bool found;
    bool foreground, detach, force, server, sup, statem, restarts, follow, list;
    bool cast, replace, stage, saga, cluster;
    bool no_shrink, here, whole;
    const char *node, *name, *cookie, *cookie_file, *config, *epmd;
    const char *control_keys;
    const char *log_level, *log_file, *log_format, *type;
    const char *actor, *level, *application, *handler;
    const char *pubsub, *scope, *to, *blackbox;
    const char *out, *replay, *cases;
    const char *trust, *trust_dir, *cluster_name;
    const char *note, *seal_to, *passphrase_file;
    struct apps_application apps[CLI_APPS_MAX];
    struct cli_texts envs, peers, discover, controls, limits, permits;
    size_t app_count;
    struct apps_listen listen;
    int64_t tick_time_ms, timeout_ms, stop_time_ms;
    int64_t workers, epmd_port, ready_fd, limit, port, blackbox_size;
    int64_t passphrase_fd;
    int64_t erlang; /* enum node_erlang */
    int64_t seeds, first, seed, seconds, twice, shrink_seconds;
};

struct cli {
    const struct command *command;
    struct cli_options o;
    /* What stands before the command: cli_globals. NULL: not given. */
    const char *control, *key, *server_key;
    const char *args[CLI_ARGS_MAX];
    size_t arg_count;
    const struct rt_world *world;
    struct etf_region *region; /* for all that is read and built */
    uint64_t begun_ns;         /* when the last dial began */
    bool quiet;      /* failures are not printed: they are looked for */
    char found[256]; /* name of the only node that runs, once it was looked for
                      */
};

enum option_type {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *, not empty */
    OPTION_APP,    /* may be given several times; min: enum gen_start_type */
    OPTION_TEXTS,  /* struct cli_texts */
    OPTION_NUMBER, /* int64_t from min to max */
    OPTION_WORD,   /* int64_t: which of the words of `value`, "off|any" */
    OPTION_TIME,   /* int64_t: milliseconds, written 250ms, 5s, 2m, 1h */
    OPTION_LISTEN, /* HOST:PORT */
    OPTION_SECRET, /* OPTION_TEXT, blanked in the argument vector */
};

struct option {
    const char *name;  /* without -- */
    char letter;       /* or 0 */
    const char *value; /* what stands for it in the help; NULL for a flag */
    const char *help;
    enum option_type type;
    size_t offset; /* in struct cli_options */
    int64_t min, max;
    const char *excludes; /* an option that cannot be given too, or NULL */
};

struct command {
    const char *name;
    /* As in "NAME [TERM]"; "" for none. A place for one of several is written
     * "A|B": capitals stand for something, other words for themselves. */
    const char *arguments;
    const char *summary; /* one line, for the list of commands */
    const char *example; /* one or more lines */
    const char *text;    /* more to know; may be NULL */
    /* What the first argument may be, ending with NULL; or NULL: anything. */
    const char *const *actions;
    unsigned args_min, args_max;
    unsigned arg_empty;           /* that may be empty, from 1; 0: none */
    const struct option *options; /* ends with a row without a name */
    int (*run)(struct cli *cli);
};

/* Rows that many commands have. */
#define CLI_OPTION(field) offsetof(struct cli_options, field)
/* clang-format off */
#define CLI_HELP_ROW \
    { "help", 'h', NULL, "show this", OPTION_FLAG, CLI_OPTION(help), 0, 0, NULL }
#define CLI_JSON_ROW \
    { "json", 0, NULL, "print JSON", OPTION_FLAG, CLI_OPTION(json), 0, 0, NULL }
#define CLI_NODE_ROW                                                          \
    { "node", 'n', "NODE", "the node to talk to (default: the one that runs)", \
      OPTION_TEXT, CLI_OPTION(node), 0, 0, NULL }
#define CLI_TIMEOUT_ROW                                                       \
    { "timeout", 't', "TIME", "how long to wait (default 5s; infinity)",      \
      OPTION_TIME, CLI_OPTION(timeout_ms), 0, INT64_MAX, NULL }
#define CLI_HEADERS_ROW                                                       \
    { "no-headers", 0, NULL, "no row of titles", OPTION_FLAG,                 \
      CLI_OPTION(no_headers), 0, 0, NULL }
/* Whom plain Erlang distribution is spoken with. */
#define CLI_ERLANG_ROW                                                        \
    { "erlang", 0, "off|loopback|any",                                        \
      "speak plain with Erlang nodes (default off)", OPTION_WORD,             \
      CLI_OPTION(erlang), 0, 0, NULL }
/* How to reach a node that has no control socket here. */
#define CLI_DIST_ROWS                                                         \
    CLI_ERLANG_ROW,                                                           \
    { "connect", 0, NULL, "by Erlang distribution, not the control socket",   \
      OPTION_FLAG, CLI_OPTION(connect), 0, 0, NULL },                         \
    { "cookie-file", 0, "FILE", "where the cookie is", OPTION_TEXT,           \
      CLI_OPTION(cookie_file), 0, 0, "cookie" },                              \
    { "cookie", 0, "COOKIE", "the cookie itself (others may see it)",         \
      OPTION_SECRET, CLI_OPTION(cookie), 0, 0, "cookie-file" },               \
    { "epmd-port", 0, "PORT", "where epmd listens (default 4369)",            \
      OPTION_NUMBER, CLI_OPTION(epmd_port), 1, 65535, NULL }
/* What a topic is one of. */
#define CLI_TOPIC_ROWS                                                        \
    { "pubsub", 'p', "PUBSUB", "TOPIC is one of that Phoenix.PubSub",         \
      OPTION_TEXT, CLI_OPTION(pubsub), 0, 0, "scope" },                       \
    { "scope", 0, "SCOPE", "GROUP is one of that scope (default pg)",         \
      OPTION_TEXT, CLI_OPTION(scope), 0, 0, "pubsub" }
/* Whose keys are meant, or in which folder they are. */
#define CLI_TRUST_ROWS                                                        \
    { "node", 'n', "NODE", "whose (default: the node that runs)",             \
      OPTION_TEXT, CLI_OPTION(node), 0, 0, "trust-dir" },                     \
    { "trust-dir", 0, "DIR", "the folder they are in",                        \
      OPTION_TEXT, CLI_OPTION(trust_dir), 0, 0, "node" }
#define CLI_END_ROW { NULL, 0, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL }
/* clang-format on */

extern const struct command cmd_app, cmd_apps, cmd_call, cmd_cast,
    cmd_completion, cmd_config, cmd_cookie, cmd_doctor, cmd_dump, cmd_epmd,
    cmd_groups, cmd_postmortem, cmd_waits, cmd_info, cmd_key, cmd_kill,
    cmd_loglevel, cmd_logs, cmd_names, cmd_new, cmd_nodes, cmd_ping, cmd_ps,
    cmd_pub, cmd_reload, cmd_rpc, cmd_saga, cmd_send, cmd_services, cmd_shell,
    cmd_sim, cmd_stage, cmd_start, cmd_status, cmd_stop, cmd_sub, cmd_sup,
    cmd_tree, cmd_trust, cmd_version;

/* ---- commands.c ------------------------------------------------------- */

/* Options that stand before the command, all with a value; ends with a row
 * without a name. Offsets are in struct cli. */
extern const struct option cli_globals[];

extern const struct command *const cli_commands[]; /* in order of the help */
extern const size_t cli_command_count;

/* The command of that name, or NULL. */
const struct command *cli_command(const char *name);

struct exit_text {
    int code;
    const char *text;
};

extern const struct exit_text cli_exit_codes[];
extern const size_t cli_exit_code_count;

/* ---- options.c --------------------------------------------------------------
 */

/* Reads what stands behind the command's name into `cli`. EXIT_DONE, or
 * EXIT_USAGE with the reason printed. Blanks secrets in `argv`. */
int cli_read(struct cli *cli, int argc, char **argv);

/* Which of the command's actions the first argument is. */
size_t cli_action(const struct cli *cli);

/* Where epmd is: --epmd-port, or else $ERL_EPMD_PORT, or else 4369. */
uint16_t cli_epmd_port(const struct cli *cli);

/* Milliseconds from "250ms", "5s", "2m", "1h" or "infinity" (RT_INFINITY, here
 * INT64_MAX): false when it is none of these. */
bool cli_time(const char *text, int64_t *ms);

/* ---- output.c --------------------------------------------------------- */

/* Prints "agner COMMAND: TEXT" and "  try: NEXT" to stderr; returns `code`. */
int cli_fail(const struct cli *cli, int code, const char *next,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The exit code for an error. */
int cli_code(enum agner_err err);

/* Prints a result: in Erlang syntax, or with --json as JSON. */
int cli_print(const struct cli *cli, etf_term t);

/* A column of a table: a key of the rows' maps. */
struct column {
    const char *key;
    const char *title;
    bool number; /* right aligned */
};

/* A list of maps as a table: aligned on a terminal, tab separated otherwise;
 * with --json the list itself. Nil is shown as "-". */
int cli_table(const struct cli *cli, etf_term rows,
              const struct column *columns, size_t count);

/* A map as lines "key  value", maps inside it indented; with --json as it is.
 */
int cli_sections(const struct cli *cli, etf_term map);

/* The text of a value as tables show it; `buffer` is returned. */
const char *cli_cell(etf_term t, char *buffer, size_t size);

/* A value of a map by its key's name; ETF_NONE when it is not there. */
etf_term cli_get(etf_term map, const char *key);

/* ---- term.c ----------------------------------------------------------- */

/* Reads a term argument: Erlang syntax, `-` for stdin, `@FILE`. EXIT_DONE, or
 * EXIT_USAGE with the reason printed. */
int cli_term(struct cli *cli, const char *text, etf_term *t);
/* The same of bytes, whatever they are: *binary. */
int cli_bytes(struct cli *cli, const char *text, etf_term *binary);

/* ---- cookie.c --------------------------------------------------------- */

/*
 * Finds the cookie: --cookie, --cookie-file, then
 * $XDG_CONFIG_HOME/agner/cookie, then ~/.erlang.cookie; with `make` a new one
 * in the first of these two places when there is none. `path` is set to where
 * it came from. EXIT_DONE, or a code with the reason printed. The caller wipes
 * `cookie`.
 */
int cli_cookie(struct cli *cli, const char *file, bool make, char cookie[256],
               char path[APPS_PATH_MAX]);

/* Where it would be looked for, there or not; false: there is no home. */
bool cli_cookie_place(struct cli *cli, const char *file,
                      char path[APPS_PATH_MAX]);

/* Where one of ours is to be: `file`, or our own place, whose folder is made.
 * As cli_cookie(). */
int cli_cookie_own_place(struct cli *cli, const char *file,
                         char path[APPS_PATH_MAX]);

/* What --cookie said is not needed any more. */
void cli_cookie_wipe(struct cli *cli);

/* A new one, of 256 random bits. */
void cli_cookie_make(struct cli *cli, char cookie[256]);

/* `agner cookie new`: makes one in `file` (NULL: our own place), which must not
 * be there yet. As cli_cookie(). */
int cli_cookie_new(struct cli *cli, const char *file, char cookie[256],
                   char path[APPS_PATH_MAX]);

/* ---- trust_place.c: keys and known nodes
 * ---------------------------------------- */

/* Where `agner start` has the keys of the node `name`:
 * $XDG_STATE_HOME/agner/NAME. False: there is no home, or it is no name of a
 * file. */
bool cli_trust_place(const char *name, char path[APPS_PATH_MAX]);

/* Names of the nodes that have such a folder: up to `room`; returns how many.
 */
size_t cli_trust_nodes(char (*names)[256], size_t room);

/* The folder that a command means: --trust-dir, that of -n, of the only node
 * that runs, or the only one that is there. EXIT_DONE, or a code with the
 * reason printed. */
int cli_trust_folder(struct cli *cli, char path[APPS_PATH_MAX]);

/* Reads a public key. EXIT_DONE, or EXIT_USAGE with the reason printed. */
int cli_key(struct cli *cli, const char *text, uint8_t key[32]);

/* The changes of known_nodes that `agner trust` and `agner key` make, and the
 * nodes that run are told. EXIT_DONE, or a code with the reason printed. */
int cli_trust_add(struct cli *cli, const char *name, const char *key);
int cli_trust_revoke(struct cli *cli, const char *key);
int cli_trust_remove(struct cli *cli, const char *which);

/* An error of a file of secrets, with the command that mends it. */
int cli_secret_fail(struct cli *cli, enum agner_err err, const char *text);

/* Has the nodes of this user that run here read keys and cookies again.
 * EXIT_DONE, or a code with the reason printed of one that could not. */
int cli_reload_all(struct cli *cli);

/* ---- passphrase.c ---------------------------------------------------------
 */

#define CLI_PASSPHRASE_MAX 1024u

/* From --passphrase-file, --passphrase-fd, or the terminal; `twice`: the
 * terminal asks again. The caller wipes it. EXIT_DONE, or a code with the
 * reason printed. */
int cli_passphrase(struct cli *cli, bool twice,
                   char passphrase[CLI_PASSPHRASE_MAX]);

/* ---- cookie_file.c: several cookies in one file ---------------------------
 */

enum cookie_change {
    COOKIE_NEXT, /* a new one as the last line */
    COOKIE_USE,  /* the last one first: the one that is shown */
    COOKIE_DROP, /* all but the first go */
    COOKIE_ADD,  /* this one as the last line, or as the only one */
};

/* Changes the cookie file; nodes that run here are told. `cookie`: of
 * COOKIE_ADD. Prints what is in it then. An exit code. */
int cli_cookie_change(struct cli *cli, enum cookie_change how,
                      const char *cookie);
/* Prints the fingerprints of all that are in it. */
int cli_cookie_list(struct cli *cli);
/* The last line: the newest. The caller wipes it. */
int cli_cookie_last(struct cli *cli, char cookie[256]);

/* ---- explain.c -------------------------------------------------------- */

/* A dial, and how it ended. */
struct cli_dial {
    char name[256];                          /* of the node, without a port */
    char address[300];                       /* what was asked for */
    char fingerprint[NODE_FINGERPRINT_SIZE]; /* of our cookie */
    char cookie_path[APPS_PATH_MAX];         /* where that is from */
    enum node_step step;
    struct agner_error error; /* AGNER_OK: it is up */
};

struct cli_explanation {
    int code;
    unsigned step;    /* of 5 */
    const char *what; /* static */
    char why[480], next[400];
};

/* Why it did not come up, and what to do. */
void cli_explanation(struct cli *cli, const struct cli_dial *dial,
                     struct cli_explanation *explanation);

/* Says so on stderr; returns the code. */
int cli_explain(struct cli *cli, const struct cli_dial *dial);

/* One line of `agner ping -v`, with the time since the dial began. */
void cli_step(const struct cli *cli, enum node_step step, const char *text);

struct client; /* of a control socket */

/* ---- control_tcp.c ------------------------------------------------------ */

/* Does it begin with tcp://? */
bool cli_is_control_url(const char *text);
/* tcp://HOST:PORT; without a host, this machine. False: it is none. */
bool cli_control_url(const char *text, struct apps_listen *at);
/* Opens the control socket there, with the keys that cli->key and
 * cli->server_key, or their files, say. EXIT_DONE, or a code with the reason
 * printed. */
int cli_open_tcp(struct cli *cli, const char *url, struct client **client);

/* ---- target.c: the node to talk to ------------------------------------ */

struct target {
    const char *name;      /* NULL for a socket given by its path */
    char plain[256];       /* by distribution: what `name` points to */
    struct client *client; /* or NULL: by distribution */
    struct node *node;     /* our own, hidden, for that */
    struct gen *self;
    struct etf_self there; /* control socket: whose identifiers are local */
};

/* Opens the node `name` (NULL: -n, or the only one that runs). `dist`: may it
 * be done by distribution? EXIT_DONE, or a code with the reason printed. */
int cli_open(struct cli *cli, const char *name, bool dist, struct target *t);
/* The same, by distribution in any case, and for functions there that print. */
int cli_open_dist(struct cli *cli, const char *name, struct target *t);
void cli_close(struct target *t);

/* Is it said which node is to be asked, by -n or before the command? */
bool cli_asks_node(const struct cli *cli);

/* Names of the nodes of this user that run here: up to CLI_NODES_MAX. */
size_t cli_nodes(const struct cli *cli, char (*names)[256]);

/* Calls a method there: the result, or a code with the reason printed. */
int cli_method(struct cli *cli, struct target *t, const char *method,
               etf_term param, uint64_t timeout_ms, etf_term *result);

/* The result of a method without parameters, when `name` is a node of this user
 * that runs here; says nothing when it is not. */
bool cli_ask_local(struct cli *cli, const char *name, const char *method,
                   etf_term *result);

/* --timeout, or else 5 seconds. */
uint64_t cli_timeout(const struct cli *cli);

/* Makes our hidden node `t` and connects it to `name`, which may have a port
 * behind it. With `trace` each step is printed. */
int cli_connect(struct cli *cli, const char *name, bool trace,
                struct target *t);

/* The same without a word: how it ended is in `dial`. */
void cli_dial(struct cli *cli, const char *cookie, bool trace,
              struct cli_dial *dial, struct target *t);

/* ---- apply.c ------------------------------------------------------------ */

/* Module:Function(Args) on a node that was reached by distribution; *result
 * lives until cli_close(). EXIT_DONE, or a code with the reason printed. */
int cli_apply(struct cli *cli, struct target *t, const char *module,
              const char *function, etf_term args, etf_term *result);

/* What a function on another node raised: "throw", "exit" or "error", and what
 * stands behind that word in an Erlang shell. */
const char *cli_exception_class(const struct gen_erpc_exception *e);
etf_term cli_exception(const struct gen_erpc_exception *e);
/* Is it that a function is not there? Then which: M:F/A, not always the one
 * that was called. */
bool cli_exception_undef(const struct gen_erpc_exception *e, char *text,
                         size_t size);

/* ---- printer.c -------------------------------------------------------- */

/* What functions print that are called by t->self comes to standard output. */
enum agner_err cli_printer(struct target *t);

/* ---- talk.c: to processes, by either way ------------------------------ */

enum talk { TALK_CALL, TALK_CAST, TALK_SEND };

/* The commands call, cast and send, which differ in one word. */
int cli_talk(struct cli *cli, enum talk how);

/* NAME or a pid as printed; or {Name, Node}, a name of another node, which the
 * node that is asked reaches for us. EXIT_DONE, or a code with the reason
 * printed. */
int cli_name(struct cli *cli, const char *text, etf_term *to);

/* One message to the process `to`, as cli_name() gives it; *reply is its
 * answer, which lives until cli_close(), or ok. EXIT_DONE, or a code with the
 * reason printed. */
int cli_tell(struct cli *cli, enum talk how, struct target *t, etf_term to,
             etf_term message, etf_term *reply);

/* ---- figures.c: what stages, sagas and services show ------------------ */

/* The rows of a kind: maps, of one process only if `which` is not NULL (then
 * with `list`). EXIT_DONE, or a code with the reason printed. */
int cli_figures(struct cli *cli, struct target *t, const char *kind,
                const char *which, etf_term *rows);
/* The one of `which`; EXIT_NOT_FOUND too. */
int cli_figures_of(struct cli *cli, struct target *t, const char *kind,
                   const char *which, etf_term *figures);
/* Its registered name, or else what it calls itself. */
etf_term cli_title(etf_term row);
/* A number of a map, 0 when it is not there. */
int64_t cli_number(etf_term row, const char *key);
/* The map without what is shown as tables. */
etf_term cli_without_lists(struct cli *cli, etf_term map);
/* Milliseconds for a person; what is no number stays. */
etf_term cli_duration(struct cli *cli, etf_term ms);

/* What a service answers to a call: {ok, State}, or {error, Why}, with the
 * reason printed. */
int cli_service_answer(struct cli *cli, etf_term answer, etf_term *state);

/* ---- topic.c ---------------------------------------------------------- */

/* The parameters of agner.publish and agner.subscribe that say which topic, or
 * group, `topic` is. EXIT_DONE, or EXIT_USAGE with the reason printed. */
int cli_topic(struct cli *cli, const char *topic, etf_term *params);

/* ---- topic_rpc.c: the same of a node that is reached by distribution ---- */

/* Rows as agner.groups has them, of one scope (pg): not sorted. */
int cli_rpc_groups(struct cli *cli, struct target *t, etf_term *rows);
/* `params` is what cli_topic() gave. */
int cli_rpc_publish(struct cli *cli, struct target *t, etf_term params,
                    etf_term message, etf_term *result);

/* ---- follow.c: what a node sends of itself ---------------------------- */

/* From now on ^C ends the command with EXIT_INTERRUPTED. */
int cli_interruptible(const struct cli *cli);
/* Calls each(cli, Event) for what comes in notifications, until that fails,
 * *enough is set, nobody reads our output, or the node ends. The region is
 * reset meanwhile. */
int cli_follow(struct cli *cli, struct target *t,
               int (*each)(struct cli *cli, etf_term event),
               const bool *enough);

/* ---- completion.c ----------------------------------------------------- */

/* Prints the script by which bash completes the command's words. */
void cli_completion_bash(FILE *to);

/* ---- notify.c --------------------------------------------------------- */

/* Tells who started us, by $NOTIFY_SOCKET: "READY=1" and so on. Nobody asked:
 * does nothing. */
void cli_notify(const char *state);

#endif

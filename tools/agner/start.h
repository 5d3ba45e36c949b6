/*
 * start.h -- what `agner start` starts: options and configuration in one.
 */
#ifndef AGNER_START_H
#define AGNER_START_H

#include "cli.h"

struct noise_keys;

struct start_settings {
    struct apps_config config; /* owned; the rest may borrow its texts */
    struct node_options node;
    char cookie[256]; /* wiped when the node has it */
    char cookie_path[APPS_PATH_MAX], trust_dir[APPS_PATH_MAX];
    char control_path[108]; /* empty: none */
    struct apps_listen control_tcp;
    char control_keys[APPS_PATH_MAX]; /* of its clients, ... */
    char control_own[APPS_PATH_MAX];  /* ... and the folder of its own */
    char own_name[256];               /* for a node that nobody gave a name */
    struct apps_application
        applications[1024 + CLI_APPS_MAX]; /* file's, then options' */
    size_t application_count;
    struct apps_texts dirs;
    const char *permits[1024 + CLI_TEXTS_MAX]; /* file's, then options' */
    /* --env, in cli's region: [{Application, [{Key, Value}]}], and {Key, Value}
     * of the node's own. */
    etf_term env, node_env;
    struct rt_log_handler log; /* the node's only one */
    struct rt_blackbox box;
    char box_path[APPS_PATH_MAX], box_build[64];
    uint64_t stop_time_ms;
    char plain_name[256];                    /* the node's, without a port */
    char paths[CLI_APPS_MAX][APPS_PATH_MAX]; /* of --app FILE.so, absolute */
};

/* Puts together what the options, the file and the defaults say, in this order,
 * and finds the cookie. EXIT_DONE, or a code with the reason printed. */
int start_settings(struct cli *cli, struct start_settings *s);
void start_settings_fini(struct start_settings *s);

/* What the options --env say: s->env and s->node_env. EXIT_DONE, or a code with
 * the reason printed. */
int start_env(struct cli *cli, struct start_settings *s);

/* What is said of the log: s->log, and where the node finds it. The same. */
int start_log(struct cli *cli, struct start_settings *s);

/* What is said of keys, cookies and whom to believe. The same. */
int start_trust(struct cli *cli, struct start_settings *s);

/* Where the control socket is, and over TCP. The same. */
int start_control(struct cli *cli, struct start_settings *s);
/* Where the keys for that are, behind start_trust(). The same. */
int start_control_keys(struct cli *cli, struct start_settings *s);
/* Our own key for TCP; made where there is none. The same, with what is wrong
 * in *error. */
enum agner_err start_control_key(const struct cli *cli,
                                 const struct start_settings *s,
                                 struct noise_keys *own,
                                 struct agner_error *error);

/* What is said of the black box. The same. */
int start_box(struct cli *cli, struct start_settings *s);
/* Where that of a node is if nobody says otherwise; false: it is no name. */
bool start_box_path(const char *node, char path[APPS_PATH_MAX]);

/*
 * With --detach goes on in a child, before there are threads. The parent waits
 * for the child's start_detached(), prints the line, and ends with code 0; a
 * child that ends before has said why, and its code becomes the parent's.
 * EXIT_DONE, or a code with the reason printed.
 */
int start_output(struct cli *cli);

/* In such a child: the node is ready. From now on it has no terminal, and its
 * standard error is `log_file`, or nowhere (NULL). Otherwise does nothing. */
void start_detached(const char *line, const char *log_file);

#endif

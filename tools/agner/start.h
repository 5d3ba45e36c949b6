/*
 * start.h -- what `agner start` starts: options and configuration in one.
 */
#ifndef AGNER_START_H
#define AGNER_START_H

#include "cli.h"

struct start_settings {
    struct apps_config config; /* owned; the rest may borrow its texts */
    struct node_options node;
    char cookie[256];       /* wiped when the node has it */
    char control_path[108]; /* empty: none */
    char own_name[256];     /* for a node that nobody gave a name */
    struct apps_application
        applications[1024 + CLI_APPS_MAX]; /* file's, then options' */
    size_t application_count;
    struct apps_texts dirs;
    /* --env, in cli's region: [{Application, [{Key, Value}]}], and {Key, Value}
     * of the node's own. */
    etf_term env, node_env;
    struct rt_log_handler log; /* the node's only one */
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

/*
 * suite_node.c -- a node of ours for the interop suite: NAME COOKIE EPMD_PORT
 * [OPTION...].
 *
 * A full peer: the application kernel, and what the cases of the suite need,
 * which is `driver` (puppet.h) and the examples' `echo` and `lock`. Says
 * "ready" when it is registered, logs nothing below `critical` since its
 * processes crash on request, and ends when its standard input does, so that it
 * never outlives its test.
 *
 *   option    meaning
 *   --------  ------------------------------------
 *   hidden    a hidden node
 *   tick=MS   net tick time
 *   overlap   global does not prevent overlapping partitions
 *   max=BYTES most that one message may have
 *   allow=NAME a node or a host that may connect; others may not
 *   host=HOST in place of the name's
 *   ask=NODE  has no name but its host's: asks NODE for one, once it is ready
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/kernel.h>

#include "events.h"
#include "puppet.h"

extern const struct gen_server echo_server;
extern const struct gen_statem lock_machine;

static bool start_examples(struct gen *self)
{
    struct rt_spawn_options echo = { .name = etf_atom("echo") };
    struct rt_spawn_options lock = { .name = etf_atom("lock") };
    etf_pid pid;

    return gen_start(self, &echo_server, etf_nil(), &echo, &pid, NULL) ==
               AGNER_OK &&
           gen_statem_start(self, &lock_machine, etf_make(self, "[1, 2]"),
                            &lock, &pid, NULL) == AGNER_OK &&
           events_start(self);
}

#define ALLOWED_MAX 8

static char name[300];
static const char *allowed[ALLOWED_MAX];
static const char *asked; /* for our name */
static bool overlap;

/* The controller, with what the configuration of the kernel would be. */
static bool start_applications(struct gen *self)
{
    struct gen_applications_options options = {
        .env =
            etf_make(self, "[{kernel, [{prevent_overlapping_partitions, _}]}]",
                     etf_bool(!overlap)),
    };

    return gen_applications_start(self, &options, NULL) == AGNER_OK;
}

static bool take_option(struct node_options *options, const char *text)
{
    const char *host = strchr(name, '@');

    if (strcmp(text, "hidden") == 0)
        options->hidden = true;
    else if (strcmp(text, "overlap") == 0)
        overlap = true;
    else if (strncmp(text, "tick=", 5) == 0)
        options->tick_time_ms = strtoull(text + 5, NULL, 10);
    else if (strncmp(text, "max=", 4) == 0)
        options->packet_max = strtoull(text + 4, NULL, 10);
    else if (strncmp(text, "allow=", 6) == 0 &&
             options->allow_count < ALLOWED_MAX)
        allowed[options->allow_count++] = text + 6;
    else if (strncmp(text, "host=", 5) == 0 && host != NULL)
        (void)snprintf(name + (host + 1 - name),
                       sizeof name - (size_t)(host + 1 - name), "%s", text + 5);
    else if (strncmp(text, "ask=", 4) == 0 && host != NULL) {
        asked = text + 4;
        options->name = host;
    } else
        return false;
    return true;
}

static const char *const everything[] = { "agner: all", "erlang: all" };

int main(int count, char **args)
{
    struct node_options options = { .listen_host = "127.0.0.1",
                                    .erlang = NODE_ERLANG_LOOPBACK,
                                    .permits = everything,
                                    .permit_count = 2,
                                    .epmd = NODE_EPMD_NEED,
                                    .rt = { .log_level = RT_LOG_CRITICAL } };
    struct agner_error error;
    struct node *node;
    struct gen *self;

    if (count < 4) {
        (void)fprintf(stderr, "usage: suite_node NAME COOKIE EPMD_PORT\n");
        return 2;
    }
    (void)snprintf(name, sizeof name, "%s", args[1]);
    options.name = name;
    options.allow = allowed;
    options.cookie = args[2];
    options.epmd_port = (uint16_t)strtoul(args[3], NULL, 10);
    for (int i = 4; i < count; i++)
        if (!take_option(&options, args[i])) {
            (void)fprintf(stderr, "suite_node: no option %s\n", args[i]);
            return 2;
        }
    if (node_start(&options, &node, &error) != AGNER_OK) {
        (void)fprintf(stderr, "suite_node: %s\n", error.text);
        return 1;
    }
    self = rt_attach(node_rt(node));
    if (self == NULL || !start_applications(self) ||
        agner_kernel_start(self, &error) != AGNER_OK ||
        puppet_start(self, node) != AGNER_OK ||
        puppet_rpc_start(rt_of(self)) != AGNER_OK || !start_examples(self)) {
        (void)fprintf(stderr, "suite_node: a process did not start\n");
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    if (asked != NULL && node_connect(self, node, asked, &error) != AGNER_OK)
        (void)fprintf(stderr, "suite_node: %s\n", error.text);
    while (getchar() != EOF)
        ;
    (void)gen_applications_stop(self, 5000);
    rt_detach(self);
    node_stop(node, 1000);
    return 0;
}

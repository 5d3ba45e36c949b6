/*
 * start.c -- what to start: an option goes before the file, the file before the
 * default. Nothing is started here, so nothing is left behind when it is wrong.
 */
#include "start.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rt_world.h"

#define STOP_MS 30000

/* The number of `word` in the list, or -1 with the reason printed. */
static int64_t choose(struct cli *cli, const char *option, const char *word,
                      const char *const *words, size_t count,
                      const char *expected)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0)
            return (int64_t)i;
    }
    (void)cli_fail(cli, EXIT_USAGE, "agner help start",
                   "--%s: expected %s, not '%.40s'", option, expected, word);
    return -1;
}

static int64_t first_given(int64_t option, int64_t file, int64_t otherwise)
{
    if (option != CLI_ABSENT)
        return option;
    return file != APPS_CONFIG_ABSENT ? file : otherwise;
}

static const char *first_text(const char *option, const char *file)
{
    return option != NULL ? option : file;
}

/* ---- Parts ------------------------------------------------------------ */

static int read_config(struct cli *cli, struct start_settings *s)
{
    struct agner_error error = { AGNER_OK, "" };

    if (cli->o.config == NULL) /* an empty one */
        return apps_config_parse("", "[].", 3, &s->config, &error) == AGNER_OK
                   ? EXIT_DONE
                   : cli_fail(cli, EXIT_REMOTE, "again later", "%s",
                              error.text);
    if (apps_config_read(cli->world, cli->o.config, &s->config, &error) ==
        AGNER_OK)
        return EXIT_DONE;
    return cli_fail(cli, EXIT_REMOTE,
                    "mend the file; docs/command.md lists its keys", "%s",
                    error.text);
}

static int set_words(struct cli *cli, struct start_settings *s)
{
    static const char *const epmds[] = { "auto", "need", "none" };
    int64_t epmd = CLI_ABSENT;

    if (cli->o.epmd != NULL) {
        epmd = choose(cli, "epmd", cli->o.epmd, epmds, 3, "auto, need or none");
        if (epmd < 0)
            return EXIT_USAGE;
    }
    s->node.epmd =
        (enum node_epmd)first_given(epmd, s->config.epmd, NODE_EPMD_AUTO);
    return EXIT_DONE;
}

/* A node without a name has that of its first application, on this machine:
 * demo@127.0.0.1 for demo.so. NULL: it has none. */
static const char *name_by_application(struct start_settings *s)
{
    const char *path, *base;
    size_t size;

    if (s->application_count == 0)
        return NULL;
    path = s->applications[0].name;
    base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    size = strlen(base);
    if (size > 3 && strcmp(base + size - 3, ".so") == 0)
        size -= 3;
    (void)snprintf(s->own_name, sizeof s->own_name, "%.*s@127.0.0.1",
                   (int)(size < 200 ? size : 200), base);
    return s->own_name;
}

static int set_name(struct cli *cli, struct start_settings *s)
{
    const char *at;

    s->node.name = first_text(cli->o.name, s->config.name);
    if (s->node.name == NULL)
        s->node.name = name_by_application(s);
    if (s->node.name == NULL)
        return cli_fail(cli, EXIT_USAGE, "agner start --name demo@127.0.0.1",
                        "the node has no name");
    at = strchr(s->node.name, '@');
    if (at == NULL || at == s->node.name || at[1] == '\0' ||
        node_address_parse(s->node.name, s->plain_name, &s->node.listen_port,
                           NULL) != AGNER_OK)
        return cli_fail(cli, EXIT_USAGE, "agner start --name demo@127.0.0.1",
                        "'%.100s' is no name of a node: NAME@HOST",
                        s->node.name);
    s->node.name = s->plain_name;
    return EXIT_DONE;
}

/* What nobody named is the node's own default: this machine alone. */
static void set_listen(struct cli *cli, struct start_settings *s)
{
    if (cli->o.listen.set)
        s->config.listen = cli->o.listen;
    if (s->config.listen.set) {
        s->node.listen_host = s->config.listen.host;
        if (s->config.listen.port != 0) /* or else the name's */
            s->node.listen_port = s->config.listen.port;
    }
}

/* The options' come later, and so they count where both say something. */
static void set_permits(struct cli *cli, struct start_settings *s)
{
    const struct apps_texts *file = &s->config.permit;
    size_t count = 0;

    for (size_t i = 0; i < file->count; i++)
        s->permits[count++] = file->items[i];
    for (size_t i = 0; i < cli->o.permits.count; i++)
        s->permits[count++] = cli->o.permits.items[i];
    s->node.permits = s->permits;
    s->node.permit_count = count;
}

static void set_numbers(struct cli *cli, struct start_settings *s)
{
    const struct cli_options *o = &cli->o;
    const struct apps_config *c = &s->config;

    s->node.tick_time_ms =
        (uint64_t)first_given(o->tick_time_ms, c->tick_time_ms, 0);
    s->node.packet_max = (size_t)first_given(CLI_ABSENT, c->packet_max, 0);
    s->node.epmd_port = (uint16_t)first_given(o->epmd_port, c->epmd_port, 0);
    s->node.erlang =
        (enum node_erlang)first_given(o->erlang, c->erlang, NODE_ERLANG_OFF);
    s->node.rt.workers = (unsigned)first_given(o->workers, c->workers, 0);
    s->stop_time_ms =
        (uint64_t)first_given(o->stop_time_ms, c->stop_time_ms, STOP_MS);
    s->node.hidden = c->hidden == 1; /* absent: visible */
    if (o->hidden || o->visible)
        s->node.hidden = o->hidden;
}

/* --limit NAME=NUMBER, each over what the file says. */
static int set_limits(struct cli *cli, struct start_settings *s)
{
    struct apps_limits given = { .high_mark = 0 };
    struct agner_error error = { AGNER_OK, "" };

    for (size_t i = 0; i < cli->o.limits.count; i++) {
        const char *text = cli->o.limits.items[i];
        const char *number = strchr(text, '=');
        char name[64], *end;
        unsigned long long value;

        if (number == NULL || number - text >= (ptrdiff_t)sizeof name ||
            number[1] < '0' || number[1] > '9')
            return cli_fail(cli, EXIT_USAGE, "agner help start",
                            "--limit: expected NAME=NUMBER, not '%.60s'", text);
        (void)snprintf(name, sizeof name, "%.*s", (int)(number - text), text);
        errno = 0;
        value = strtoull(number + 1, &end, 10);
        if (errno != 0 || *end != '\0')
            return cli_fail(cli, EXIT_USAGE, "agner help start",
                            "--limit: expected NAME=NUMBER, not '%.60s'", text);
        if (apps_limit_set(&given, name, value, &error) != AGNER_OK)
            return cli_fail(cli, EXIT_USAGE, "docs/limits.md has them all",
                            "--limit: %s", error.text);
    }
    apps_limits_over(&s->config.limits, &given);
    return EXIT_DONE;
}

/* --app: a path becomes absolute, since that is what the loader takes. */
static int add_app(struct cli *cli, struct start_settings *s, size_t i)
{
    const char *app = cli->o.apps[i].name;
    char real[PATH_MAX];

    s->applications[s->application_count] = cli->o.apps[i];
    if (strchr(app, '/') != NULL ||
        (strlen(app) > 3 && strcmp(app + strlen(app) - 3, ".so") == 0)) {
        if (realpath(app, real) == NULL)
            return cli_fail(cli, EXIT_REMOTE,
                            "the path of a shared object, or the name of a "
                            "built-in application",
                            "--app %s: %s", app, strerror(errno));
        (void)snprintf(s->paths[i], sizeof s->paths[i], "%s", real);
        s->applications[s->application_count].name = s->paths[i];
    }
    s->application_count++;
    return EXIT_DONE;
}

static int set_applications(struct cli *cli, struct start_settings *s)
{
    int code = EXIT_DONE;

    s->dirs = s->config.application_dirs;
    for (size_t i = 0; i < s->config.application_count; i++)
        s->applications[s->application_count++] = s->config.applications[i];
    for (size_t i = 0; i < cli->o.app_count && code == EXIT_DONE; i++)
        code = add_app(cli, s, i);
    return code;
}

/* ---- All -------------------------------------------------------------- */

static int set_all(struct cli *cli, struct start_settings *s)
{
    int code = set_words(cli, s);

    if (code == EXIT_DONE)
        code = set_limits(cli, s);
    if (code == EXIT_DONE)
        code = set_applications(cli, s);
    if (code == EXIT_DONE)
        code = set_name(cli, s);
    if (code == EXIT_DONE)
        code = start_log(cli, s);
    if (code == EXIT_DONE)
        code = start_control(cli, s);
    if (code == EXIT_DONE)
        code = start_env(cli, s);
    if (code == EXIT_DONE)
        code = start_box(cli, s);
    if (code != EXIT_DONE)
        return code;
    set_listen(cli, s);
    set_numbers(cli, s);
    apps_limits_give(&s->config.limits, &s->node);
    s->node.rt.world = cli->world;
    s->node.cookies = s->config.cookies;
    s->node.cookie_count = s->config.cookie_count;
    s->node.allow = s->config.allow.items;
    s->node.allow_count = s->config.allow.count;
    set_permits(cli, s);
    code = start_trust(cli, s);
    return code == EXIT_DONE ? start_control_keys(cli, s) : code;
}

int start_settings(struct cli *cli, struct start_settings *s)
{
    int code = read_config(cli, s);

    if (code != EXIT_DONE)
        return code;
    code = set_all(cli, s);
    if (code != EXIT_DONE)
        start_settings_fini(s);
    return code;
}

void start_settings_fini(struct start_settings *s)
{
    explicit_bzero(s->cookie, sizeof s->cookie);
    apps_config_fini(&s->config);
}

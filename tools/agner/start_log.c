/*
 * start_log.c -- where the node's log goes, how much of it, in which form.
 */
#include "start.h"

#include <string.h>

static int set_level(struct cli *cli, struct start_settings *s)
{
    const char *text = cli->o.log_level;

    if (text == NULL) {
        if (s->config.log_level != APPS_CONFIG_ABSENT)
            s->node.rt.log_level = (enum rt_log_level)s->config.log_level;
        return EXIT_DONE;
    }
    if (rt_log_level_parse(text, &s->node.rt.log_level))
        return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE, "agner help start",
                    "--log-level: expected emergency, alert, critical, error, "
                    "warning, notice, info, debug or none, not '%.40s'",
                    text);
}

static int set_format(struct cli *cli, struct start_settings *s,
                      enum apps_log_format format)
{
    switch (format) {
    case APPS_LOG_TEXT:
        break;
    case APPS_LOG_JSON:
        s->log.format = RT_LOG_JSON;
        break;
    case APPS_LOG_JOURNALD:
        s->log.kind = RT_LOG_JOURNALD;
        if (s->log.path != NULL)
            return cli_fail(cli, EXIT_USAGE, "only one of the two",
                            "the log goes to journald or to a file");
        break;
    }
    return EXIT_DONE;
}

static int choose_format(struct cli *cli, struct start_settings *s)
{
    static const char *const words[] = { "text", "json", "journald" };
    const char *text = cli->o.log_format;

    if (text == NULL)
        return set_format(cli, s,
                          s->config.log_format == APPS_CONFIG_ABSENT
                              ? APPS_LOG_TEXT
                              : (enum apps_log_format)s->config.log_format);
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], text) == 0)
            return set_format(cli, s, (enum apps_log_format)i);
    return cli_fail(cli, EXIT_USAGE, "agner help start",
                    "--log-format: expected text, json or journald, not "
                    "'%.40s'",
                    text);
}

int start_log(struct cli *cli, struct start_settings *s)
{
    const struct apps_config *c = &s->config;
    int code = set_level(cli, s);

    s->log = (struct rt_log_handler){ .id = "default" };
    s->log.path = cli->o.log_file != NULL ? cli->o.log_file : c->log_file;
    if (s->log.path != NULL)
        s->log.kind = RT_LOG_FILE;
    if (c->log_size != APPS_CONFIG_ABSENT)
        s->log.size_max = (uint64_t)c->log_size;
    if (c->log_keep != APPS_CONFIG_ABSENT)
        s->log.keep = (unsigned)c->log_keep;
    s->node.rt.log_handlers = &s->log;
    s->node.rt.log_handler_count = 1;
    return code == EXIT_DONE ? choose_format(cli, s) : code;
}

/*
 * options.c -- arguments by the command's table: what is not in it is an error,
 * with the word that was meant, before anything is done (B-CLI-1).
 */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

#define EPMD_PORT   4369
#define OPTIONS_MAX 64 /* rows of one command */

struct reader {
    struct cli *cli;
    bool seen[OPTIONS_MAX];
};

static int usage(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int usage(const struct cli *cli, const char *format, ...)
{
    char next[64], text[240];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(next, sizeof next, "agner help %s", cli->command->name);
    return cli_fail(cli, EXIT_USAGE, next, "%s", text);
}

bool cli_time(const char *text, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }
    };
    char *end;
    long long n;

    if (strcmp(text, "infinity") == 0) {
        *ms = INT64_MAX;
        return true;
    }
    if (text[0] < '0' || text[0] > '9')
        return false;
    n = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0)
            return !__builtin_mul_overflow(n, units[i].ms, ms) &&
                   *ms < INT64_MAX;
    }
    return false;
}

static bool read_number(const struct option *row, const char *text,
                        int64_t *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    *value = strtoll(text, &end, 10); /* out of range is out of max too */
    return *end == '\0' && *value >= row->min && *value <= row->max;
}

static int take_number(const struct cli *cli, const struct option *row,
                       const char *text, int64_t *field)
{
    if (read_number(row, text, field))
        return EXIT_DONE;
    return usage(cli, "--%s: expected a number from %lld to %lld, not '%.40s'",
                 row->name, (long long)row->min, (long long)row->max, text);
}

static int take_time(const struct cli *cli, const struct option *row,
                     const char *text, int64_t *field)
{
    if (cli_time(text, field) && *field >= row->min && *field <= row->max)
        return EXIT_DONE;
    return usage(cli, "--%s: expected a time like 250ms, 5s or 1h, not '%.40s'",
                 row->name, text);
}

/* Which of "off|loopback|any" it is, from 0. */
static int take_word(const struct cli *cli, const struct option *row,
                     const char *text, int64_t *field)
{
    const char *word = row->value;
    size_t size = strlen(text);

    for (int64_t index = 0; *word != '\0'; index++) {
        size_t end = strcspn(word, "|");

        if (end == size && memcmp(word, text, size) == 0) {
            *field = index;
            return EXIT_DONE;
        }
        word += end + (word[end] == '|');
    }
    return usage(cli, "--%s: expected %s, not '%.40s'", row->name, row->value,
                 text);
}

static int take_listen(const struct cli *cli, const char *text,
                       struct apps_listen *field)
{
    if (apps_listen_parse(text, field))
        return EXIT_DONE;
    return usage(cli,
                 "--listen: expected HOST:PORT with a port up to 65535, not "
                 "'%.60s'",
                 text);
}

static int take_app(struct cli *cli, const struct option *row, const char *text)
{
    if (cli->o.app_count == CLI_APPS_MAX)
        return usage(cli, "over %d applications are given", CLI_APPS_MAX);
    cli->o.apps[cli->o.app_count].name = text;
    cli->o.apps[cli->o.app_count++].type = (enum gen_start_type)row->min;
    return EXIT_DONE;
}

static int take_another(struct cli *cli, const struct option *row,
                        const char *text, struct cli_texts *texts)
{
    if (texts->count == CLI_TEXTS_MAX)
        return usage(cli, "--%s is given over %d times", row->name,
                     CLI_TEXTS_MAX);
    texts->items[texts->count++] = text;
    return EXIT_DONE;
}

/* The cookie leaves the list of processes as soon as it is read. */
static const char *take_secret(char *text)
{
    char *copy = strdup(text);

    if (copy != NULL)
        memset(text, '*', strlen(text));
    return copy;
}

static int take(struct cli *cli, const struct option *row, char *text)
{
    void *field = (char *)&cli->o + row->offset;

    if (text != NULL && text[0] == '\0')
        return usage(cli, "--%s wants a value that is not empty", row->name);
    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return EXIT_DONE;
    case OPTION_TEXT:
        *(const char **)field = text;
        return EXIT_DONE;
    case OPTION_SECRET:
        *(const char **)field = take_secret(text);
        return EXIT_DONE;
    case OPTION_APP:
        return take_app(cli, row, text);
    case OPTION_TEXTS:
        return take_another(cli, row, text, field);
    case OPTION_NUMBER:
        return take_number(cli, row, text, field);
    case OPTION_WORD:
        return take_word(cli, row, text, field);
    case OPTION_TIME:
        return take_time(cli, row, text, field);
    case OPTION_LISTEN:
        return take_listen(cli, text, field);
    }
    return EXIT_USAGE;
}

static int unknown(const struct cli *cli, const char *given, size_t size)
{
    const char *names[OPTIONS_MAX];
    char name[48];
    const char *meant;
    size_t count = 0;

    (void)snprintf(name, sizeof name, "%.*s", (int)(size < 40 ? size : 40),
                   given);
    for (const struct option *o = cli->command->options; o->name != NULL; o++)
        names[count++] = o->name;
    meant = apps_suggest(name, names, count);
    if (meant != NULL)
        return usage(cli, "unknown option --%s; did you mean --%s?", name,
                     meant);
    return usage(cli, "unknown option --%s", name);
}

static int take_row(struct reader *rd, const struct option *row, char *value)
{
    const struct option *rows = rd->cli->command->options;

    if (rd->seen[row - rows] && row->type != OPTION_APP &&
        row->type != OPTION_TEXTS && row->type != OPTION_FLAG)
        return usage(rd->cli, "--%s is given twice", row->name);
    rd->seen[row - rows] = true;
    for (const struct option *o = rows; o->name != NULL; o++) {
        if (row->excludes == NULL || strcmp(o->name, row->excludes) != 0 ||
            !rd->seen[o - rows])
            continue;
        return usage(rd->cli, "--%s and --%s exclude each other", row->name,
                     o->name);
    }
    return take(rd->cli, row, value);
}

/* One argument that begins with a dash: an option, and its value, which may be
 * the next argument; *index is moved behind what was read. */
static int take_option(struct reader *rd, int argc, char **argv, int *index)
{
    char *given = argv[(*index)++];
    bool is_long = given[1] == '-';
    char *value = is_long ? strchr(given, '=') : NULL;
    size_t size =
        value != NULL ? (size_t)(value - given) - 2 : strlen(given) - 2;
    const struct option *row = rd->cli->command->options;

    if (!is_long && given[2] != '\0')
        value = given + 2;
    else if (value != NULL)
        value++;
    for (; row->name != NULL; row++) {
        if (is_long ? strlen(row->name) == size &&
                          memcmp(row->name, given + 2, size) == 0
                    : row->letter == given[1])
            break;
    }
    if (row->name == NULL)
        return is_long ? unknown(rd->cli, given + 2, size)
                       : usage(rd->cli, "unknown option %.40s", given);
    if (row->value == NULL && value != NULL)
        return usage(rd->cli, "--%s takes no value", row->name);
    if (row->value != NULL && value == NULL) {
        if (*index == argc)
            return usage(rd->cli, "--%s wants a value", row->name);
        value = argv[(*index)++];
    }
    return take_row(rd, row, value);
}

static int take_argument(struct cli *cli, const char *text)
{
    if (cli->arg_count == cli->command->args_max)
        return usage(cli, "too many arguments: '%.60s'", text);
    if (text[0] == '\0' && cli->arg_count + 1u != cli->command->arg_empty)
        return usage(cli, "an argument is empty");
    cli->args[cli->arg_count++] = text;
    return EXIT_DONE;
}

static void set_absent(struct cli_options *o)
{
    memset(o, 0, sizeof *o);
    o->tick_time_ms = o->timeout_ms = o->stop_time_ms = CLI_ABSENT;
    o->workers = o->epmd_port = o->ready_fd = CLI_ABSENT;
    o->limit = o->port = o->passphrase_fd = CLI_ABSENT;
    o->blackbox_size = o->erlang = CLI_ABSENT;
    o->seeds = o->first = o->seed = o->seconds = CLI_ABSENT;
    o->twice = o->shrink_seconds = CLI_ABSENT;
}

/* The number of the action that is meant, or that of the NULL behind them. */
static size_t find_action(const struct cli *cli)
{
    size_t i = 0;

    while (cli->command->actions[i] != NULL &&
           strcmp(cli->command->actions[i], cli->args[0]) != 0)
        i++;
    return i;
}

static int check_action(const struct cli *cli)
{
    const char *const *actions = cli->command->actions;
    size_t index;
    const char *meant;

    if (actions == NULL || cli->arg_count == 0)
        return EXIT_DONE;
    index = find_action(cli);
    if (actions[index] != NULL)
        return EXIT_DONE;
    meant = apps_suggest(cli->args[0], actions, index);
    if (meant != NULL)
        return usage(cli, "unknown action '%.40s'; did you mean %s?",
                     cli->args[0], meant);
    return usage(cli, "unknown action '%.40s'", cli->args[0]);
}

size_t cli_action(const struct cli *cli)
{
    return find_action(cli);
}

int cli_read(struct cli *cli, int argc, char **argv)
{
    struct reader rd = { .cli = cli };
    bool only_arguments = false;
    int code = EXIT_DONE;

    set_absent(&cli->o);
    for (int i = 0; i < argc && code == EXIT_DONE;) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            i++;
        } else if (!only_arguments && argv[i][0] == '-' && argv[i][1] != '\0' &&
                   (argv[i][1] < '0' || argv[i][1] > '9')) {
            code = take_option(&rd, argc, argv, &i);
        } else {
            code = take_argument(cli, argv[i++]);
        }
    }
    if (code == EXIT_DONE && !cli->o.help)
        code = check_action(cli);
    if (code == EXIT_DONE && !cli->o.help &&
        cli->arg_count < cli->command->args_min)
        return usage(cli, "expected %s", cli->command->arguments);
    return code;
}

uint16_t cli_epmd_port(const struct cli *cli)
{
    static const struct option row = { .min = 1, .max = 65535 };
    const char *set = getenv("ERL_EPMD_PORT");
    int64_t port = EPMD_PORT;

    if (cli->o.epmd_port != CLI_ABSENT)
        return (uint16_t)cli->o.epmd_port;
    if (set != NULL && !read_number(&row, set, &port))
        port = EPMD_PORT; /* as Erlang's own does with nonsense */
    return (uint16_t)port;
}

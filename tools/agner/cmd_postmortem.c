/*
 * cmd_postmortem.c -- agner postmortem: what a node's black box says after its
 * end.
 */
#include "cli.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rt_box.h"
#include "rt_world.h"
#include "source_line.h"
#include "start.h"

#define FILE_MAX  ((size_t)4 << 30)
#define LAST      60 /* events, unless --limit says otherwise */
#define LAST_MAX  100000000
#define LARGE_MAX 40 /* that stand out */

static const struct option options[] = {
    { "limit", 0, "N", "the last so many events (default 60)", OPTION_NUMBER,
      CLI_OPTION(limit), 0, LAST_MAX, NULL },
    { "json", 0, NULL, "all events, a JSON object in each line", OPTION_FLAG,
      CLI_OPTION(json), 0, 0, NULL },
    CLI_HELP_ROW,
    CLI_END_ROW,
};

struct report {
    struct cli *cli;
    const char *path;
    struct rt_box box;
    struct rt_box_event *events;
    size_t count;
};

/* ---- Words -------------------------------------------------------------- */

static const char *kind_name(enum rt_box_kind kind)
{
    switch (kind) {
    case RT_BOX_SPAWN:
        return "spawn";
    case RT_BOX_EXIT:
        return "exit";
    case RT_BOX_MESSAGE:
        return "message";
    case RT_BOX_TIMERS:
        return "timers";
    case RT_BOX_START:
        return "start";
    case RT_BOX_STOP:
        return "stop";
    case RT_BOX_CRASH:
        return "crash";
    case RT_BOX_LONG:
        return "long_schedule";
    case RT_BOX_LOG:
        return "log";
    case RT_BOX_UP:
        return "nodeup";
    case RT_BOX_DOWN:
        return "nodedown";
    case RT_BOX_FAULT:
        return "fault";
    }
    return "?"; /* the reader lets no other through */
}

static const char *signal_name(uint32_t number)
{
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    case SIGABRT:
        return "SIGABRT";
    default:
        return "a signal";
    }
}

static const char *pid_text(uint64_t word, char *text, size_t size)
{
    etf_pid pid = rt_box_pid(word);

    if (word == 0)
        (void)snprintf(text, size, "-");
    else
        (void)snprintf(text, size, "<0.%" PRIu32 ".%" PRIu32 ">", pid.id,
                       pid.serial);
    return text;
}

/* Texts of a file may be anything: what is no letter becomes a dot. */
static const char *clean(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '.';
    return text;
}

/* What the process runs, if its beginning is still in the box; the last life
 * of the slot that the word names. */
static const char *behavior_of(const struct report *r, uint64_t word,
                               struct rt_box_name *name)
{
    for (size_t i = r->count; i > 0; i--) {
        const struct rt_box_event *e = &r->events[i - 1];

        if (e->kind == RT_BOX_SPAWN && e->a == word) {
            (void)rt_box_name(&r->box, e->detail, name);
            return clean(name->text);
        }
    }
    return "";
}

static void wall(const struct report *r, uint64_t time_ns, char *text,
                 size_t size)
{
    const struct rt_box_header *h = &r->box.header;
    uint64_t ns = h->wall_ns + (time_ns - h->mono_ns);
    time_t seconds = (time_t)(ns / 1000000000u);
    struct tm parts;
    char day[40] = "?";

    if (gmtime_r(&seconds, &parts) != NULL)
        (void)strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts);
    (void)snprintf(text, size, "%s.%03u", day,
                   (unsigned)(ns / 1000000u % 1000u));
}

/* A place in the code, by the modules that the box knows. */
static void place(const struct report *r, uint64_t address, char *text,
                  size_t size)
{
    char *plus;

    (void)rt_box_place(&r->box, address, text, size);
    (void)clean(text);
    plus = strrchr(text, '+');
    if (plus != NULL && text[0] == '/') {
        char module[512];

        (void)snprintf(module, sizeof module, "%.*s", (int)(plus - text), text);
        /* The instruction itself, not one that returns there. */
        (void)source_line(module, strtoull(plus + 1, NULL, 0) + 1, "", text,
                          size);
    }
}

/* ---- Lines -------------------------------------------------------------- */

static void describe(const struct report *r, struct rt_box_event *e, char *out,
                     size_t size)
{
    char a[48], b[48], at[300];
    struct rt_box_name name = { .address = 0 };

    (void)pid_text(e->a, a, sizeof a);
    (void)pid_text(e->b, b, sizeof b);
    if (e->kind == RT_BOX_SPAWN || e->kind == RT_BOX_EXIT ||
        e->kind == RT_BOX_CRASH)
        (void)rt_box_name(&r->box, e->detail, &name);
    (void)clean(name.text);
    (void)clean(e->text);
    switch (e->kind) {
    case RT_BOX_SPAWN:
        (void)snprintf(out, size, "%s %s by %s", a, name.text, b);
        break;
    case RT_BOX_EXIT:
        (void)snprintf(out, size, "%s %s after %" PRIu64 " messages", a,
                       name.text, e->b);
        break;
    case RT_BOX_CRASH:
        (void)snprintf(out, size, "%s %s after %" PRIu64 " messages: %s", a,
                       name.text, e->b, e->text);
        break;
    case RT_BOX_MESSAGE:
        (void)snprintf(out, size, "%s from %s, %" PRIu32 " wait behind it", a,
                       b, e->detail);
        break;
    case RT_BOX_TIMERS:
        (void)snprintf(out, size, "%" PRIu64 " fired", e->a);
        break;
    case RT_BOX_START:
        (void)snprintf(out, size, "with %" PRIu64 " workers", e->a);
        break;
    case RT_BOX_STOP:
        (void)snprintf(out, size, "it was told to end");
        break;
    case RT_BOX_LONG:
        (void)snprintf(out, size, "%s ran for %" PRIu64 " ms%s%s", a, e->b,
                       e->text[0] == '\0' ? "" : " at ", e->text);
        break;
    case RT_BOX_LOG:
        (void)snprintf(out, size, "%s%s%s", e->a == 0 ? "" : a,
                       e->a == 0 ? "" : " ", e->text);
        break;
    case RT_BOX_UP:
    case RT_BOX_DOWN:
        (void)snprintf(out, size, "%s", e->text);
        break;
    case RT_BOX_FAULT:
        place(r, e->b, at, sizeof at);
        (void)snprintf(out, size, "%s at address 0x%" PRIx64 ", in %s%s%s",
                       signal_name(e->detail), e->a, at,
                       e->text[0] == '\0' ? "" : ", ", e->text);
        break;
    }
}

static void print_event(const struct report *r, struct rt_box_event *e)
{
    char when[64], text[600], worker[16] = "-";

    wall(r, e->time_ns, when, sizeof when);
    describe(r, e, text, sizeof text);
    if (e->ring + 1 < r->box.header.rings)
        (void)snprintf(worker, sizeof worker, "%" PRIu32, e->ring);
    (void)printf("%s  %s  %-13s %s\n", when + 11, worker, kind_name(e->kind),
                 text);
}

/* Nobody holds the lock of a node that has ended. */
static bool is_held(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool held;

    if (fd < 0)
        return false;
    held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    (void)close(fd); /* nothing was written */
    return held;
}

static const char *how_it_ended(const struct report *r)
{
    if (is_held(r->path))
        return "it runs";
    if (r->box.header.state == RT_BOX_ENDED)
        return "it ended in order";
    for (size_t i = r->count; i > 0; i--)
        if (r->events[i - 1].kind == RT_BOX_FAULT &&
            r->events[i - 1].text[0] == '\0')
            return "it died of a fault";
        else if (r->events[i - 1].kind == RT_BOX_STOP)
            return "it was ended while it stopped";
    return "it was killed: by SIGKILL, for lack of memory, or with the machine";
}

static void print_head(const struct report *r)
{
    const struct rt_box_header *h = &r->box.header;
    char began[64], last[64];

    wall(r, h->mono_ns, began, sizeof began);
    (void)printf("node %s, process %" PRIu64 ", %s\n",
                 h->node[0] == '\0' ? "without a name" : h->node, h->os_pid,
                 h->build[0] == '\0' ? "unknown build" : h->build);
    (void)printf("began %s UTC", began);
    if (r->count > 0) {
        wall(r, r->events[r->count - 1].time_ns, last, sizeof last);
        (void)printf(", last event %s", last);
    }
    (void)printf("\n%s\n", how_it_ended(r));
    if (r->box.torn + r->box.damaged > 0)
        (void)printf("%" PRIu64 " records were being written, %" PRIu64
                     " are damaged\n",
                     r->box.torn, r->box.damaged);
}

static void print_workers(const struct report *r)
{
    for (uint32_t i = 0; i + 1 < r->box.header.rings; i++) {
        struct rt_box_name name = { .address = 0 };
        struct rt_box_line line;
        const char *behavior;
        char pid[48];

        rt_box_line(&r->box, i, &line);
        if (line.running == 0)
            continue; /* it never ran */
        behavior = behavior_of(r, line.running, &name);
        (void)printf("worker %" PRIu32 ": %s %s%s%s\n", i,
                     line.idle != 0 ? "idle, last ran" : "ran",
                     pid_text(line.running, pid, sizeof pid),
                     behavior[0] == '\0' ? "" : " ", behavior);
    }
}

/* The last of those that stand out, however much has happened since. */
static void print_large(const struct report *r)
{
    size_t left = 0, skip;

    for (size_t i = 0; i < r->count; i++)
        left += r->events[i].kind >= RT_BOX_LARGE;
    skip = left > LARGE_MAX ? left - LARGE_MAX : 0;
    (void)printf("\nwhat stands out%s\n", skip > 0 ? ", the last of it" : "");
    for (size_t i = 0; i < r->count; i++) {
        if (r->events[i].kind < RT_BOX_LARGE)
            continue;
        if (skip > 0)
            skip--;
        else
            print_event(r, &r->events[i]);
    }
}

static int print_json(const struct report *r)
{
    struct etf_region *region = r->cli->region;

    for (size_t i = 0; i < r->count; i++) {
        struct rt_box_event *e = &r->events[i];
        struct etf_buffer b = { 0 };
        char text[600], pid[48], when[64];
        bool pids = e->kind != RT_BOX_TIMERS && e->kind != RT_BOX_START &&
                    e->kind != RT_BOX_FAULT;
        etf_term map;

        wall(r, e->time_ns, when, sizeof when);
        describe(r, e, text, sizeof text);
        map = etf_make(region,
                       "#{time => _, time_ns => _, worker => _, event => _, "
                       "pid => _, text => _}",
                       (const char *)when, e->time_ns, e->ring,
                       etf_atom(kind_name(e->kind)),
                       pids && e->a != 0
                           ? etf_text(region, pid_text(e->a, pid, sizeof pid))
                           : ETF_A(nil),
                       (const char *)text);
        if (etf_json(&b, map) == AGNER_OK)
            (void)printf("%.*s\n", (int)b.size, (const char *)b.data);
        etf_buffer_fini(&b);
        etf_region_reset(region);
    }
    return EXIT_DONE;
}

static int print(const struct report *r)
{
    size_t limit =
        r->cli->o.limit == CLI_ABSENT ? LAST : (size_t)r->cli->o.limit;
    size_t from = r->count > limit ? r->count - limit : 0;

    if (r->cli->o.json)
        return print_json(r);
    print_head(r);
    print_workers(r);
    print_large(r);
    (void)printf("\nlast events, %zu of %zu\n", r->count - from, r->count);
    for (size_t i = from; i < r->count; i++)
        print_event(r, &r->events[i]);
    return EXIT_DONE;
}

/* ---- The file ----------------------------------------------------------- */

/* A name with @ and no slash is a node's. */
static int find(struct cli *cli, char path[APPS_PATH_MAX])
{
    const char *which = cli->args[0];
    struct stat about;

    (void)snprintf(path, APPS_PATH_MAX, "%s", which);
    if (strchr(which, '@') == NULL || strchr(which, '/') != NULL ||
        stat(which, &about) == 0)
        return EXIT_DONE;
    if (start_box_path(which, path))
        return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE, "agner postmortem FILE",
                    "'%.100s' is no name of a node", which);
}

static int read_box(struct report *r, struct etf_buffer *b)
{
    struct cli *cli = r->cli;
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err =
        cli->world->file_read(cli->world->ctx, r->path, FILE_MAX, b, &error);

    if (err != AGNER_OK)
        return cli_fail(
            cli, err == AGNER_ENONAME ? EXIT_NOT_FOUND : EXIT_REMOTE,
            "agner help postmortem, for where they are", "%s", error.text);
    err = rt_box_open(b->data, b->size, &r->box, &error);
    if (err != AGNER_OK)
        return cli_fail(cli, EXIT_PROTOCOL, "another file", "%.200s: %s",
                        r->path, error.text);
    (void)clean(r->box.header.node);
    (void)clean(r->box.header.build);
    err = rt_box_events(&r->box, &r->events, &r->count);
    if (err != AGNER_OK)
        return cli_fail(cli, EXIT_REMOTE, "again later", "%s",
                        agner_strerror(err));
    return EXIT_DONE;
}

static int run(struct cli *cli)
{
    char path[APPS_PATH_MAX];
    struct report r = { .cli = cli, .path = path };
    struct etf_buffer b = { 0 };
    int code = find(cli, path);

    if (code == EXIT_DONE)
        code = read_box(&r, &b);
    if (code == EXIT_DONE)
        code = print(&r);
    free(r.events);
    etf_buffer_fini(&b);
    return code;
}

const struct command cmd_postmortem = {
    .name = "postmortem",
    .arguments = "FILE|NODE",
    .summary = "tell what a node did last, after it died",
    .example = "agner postmortem shop@127.0.0.1\n"
               "agner postmortem /run/user/1000/agner/shop@127.0.0.1.box.1\n"
               "agner postmortem shop.box --json | jq 'select(.event == "
               "\"crash\")'",
    .text =
        "Reads a node's black box: a file that holds what happened last, "
        "whatever ended\nthe node. It is NODE.box beside the control socket, "
        "unless `agner start\n--blackbox` said otherwise; those of earlier "
        "lives are NODE.box.1 to .3. Times are\nUTC, to some milliseconds; "
        "in one worker the order is exact. The column after the\ntime is "
        "the worker, - is all other threads. Of messages one in 256 is "
        "noted.",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};

/*
 * doctor_node.c -- how a node is, for agner doctor.
 *
 * One of this user here tells by its control socket (agner.health). Any other
 * is dialled, which is the first thing to know, and then asked what it can say:
 * an Erlang node by `rex`, one of ours as far as it provides those functions.
 */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "rt_world.h"

#include "told.h"

static uint64_t number(etf_term map, const char *key)
{
    int64_t n = 0;
    etf_term value = cli_get(map, key);

    return !etf_is_none(value) && etf_get_int(value, &n) && n > 0 ? (uint64_t)n
                                                                  : 0;
}

/* Our own cookie's fingerprint; empty when there is none that can be read. */
static void own_fingerprint(struct doctor *d, char *cookie,
                            char text[NODE_FINGERPRINT_SIZE])
{
    char path[APPS_PATH_MAX];

    text[0] = '\0';
    if (cli_cookie(d->cli, d->cli->o.cookie_file, false, cookie, path) ==
        EXIT_DONE)
        node_cookie_fingerprint(cookie, text);
}

/* ---- By the control socket ----------------------------------------------- */

static void look_at_supervisors(struct doctor *d, etf_term health)
{
    etf_term list = cli_get(health, "supervisors"), one;
    uint64_t stuck = number(health, "stuck");
    char who[200];

    if (etf_is_none(list))
        return;
    if (etf_list_size(list) == 0)
        judge_restarts(doctor_add(d, "restarts"), "", 0, 0, 0);
    while (etf_list_next(&list, &one))
        judge_restarts(doctor_add(d, "restarts"),
                       cli_cell(cli_get(one, "who"), who, sizeof who),
                       number(one, "restarts"), number(one, "intensity"),
                       number(one, "period_ms"));
    if (stuck > 0) {
        struct finding *f = doctor_add(d, "supervisors");

        f->verdict = VERDICT_WARN;
        (void)snprintf(f->value, sizeof f->value, "%llu stuck",
                       (unsigned long long)stuck);
        (void)snprintf(f->meaning, sizeof f->meaning,
                       "supervisors that do not answer: they wait for a child");
        (void)snprintf(f->command, sizeof f->command, "agner tree");
    }
}

/* A node of before has none. */
static void look_at_marks(struct doctor *d, etf_term health)
{
    etf_term limits = cli_get(health, "limits");
    char over[16];

    if (etf_is_none(limits))
        return;
    judge_marks(doctor_add(d, "memory marks"),
                cli_cell(cli_get(health, "memory_over"), over, sizeof over),
                number(cli_get(health, "counters"), "memory_used"),
                number(cli_get(limits, "memory_soft"), "limit"),
                number(cli_get(limits, "memory_hard"), "limit"));
}

static void look_at_queues(struct doctor *d, etf_term health)
{
    etf_term list = cli_get(health, "queues"), one;
    char peer[256];

    while (!etf_is_none(list) && etf_list_next(&list, &one))
        judge_queue(doctor_add(d, "link queue"),
                    cli_cell(cli_get(one, "name"), peer, sizeof peer),
                    number(one, "queued_bytes"), number(one, "limit_bytes"));
}

/* What was set, and is weaker than the default; an older node does not say. */
static void look_at_policy(struct doctor *d, etf_term health)
{
    etf_term policy = cli_get(health, "policy"), list, row;
    char text[256], peer[256];
    bool base = false, root = false;

    if (etf_is_none(policy))
        return;
    judge_erlang(doctor_add(d, "erlang"),
                 cli_cell(cli_get(policy, "erlang"), text, sizeof text));
    judge_listen(doctor_add(d, "listen"),
                 cli_cell(cli_get(policy, "listen"), text, sizeof text));
    list = cli_get(policy, "permits");
    while (!etf_is_none(list) && etf_list_next(&list, &row)) {
        (void)etf_get_bool(cli_get(row, "default"), &base);
        judge_permit(doctor_add(d, "permit"),
                     cli_cell(cli_get(row, "peer"), peer, sizeof peer), base,
                     cli_cell(cli_get(row, "permissions"), text, sizeof text));
    }
    if (etf_get_bool(cli_get(policy, "root"), &root) && root)
        judge_root(doctor_add(d, "user"));
}

/* The figures of a kind; an older node has none. */
static etf_term figures(struct cli *cli, struct target *t, const char *kind,
                        etf_term which)
{
    etf_term params = etf_make(cli->region, "#{kind => _}", kind), answer;
    bool quiet = cli->quiet;
    int code;

    if (!etf_is_none(which))
        params = etf_map_put(cli->region, params, etf_atom("which"), which);
    cli->quiet = true;
    code =
        cli_method(cli, t, "agner.figures", params, cli_timeout(cli), &answer);
    cli->quiet = quiet;
    return code == EXIT_DONE ? cli_get(answer, "figures") : etf_nil();
}

static void look_at_stages(struct doctor *d, struct target *t)
{
    etf_term rows = figures(d->cli, t, "stage", ETF_NONE), row, worst;
    uint64_t most = 0;
    char who[200];

    /* One line: the one that has lost most, or else is fullest. */
    for (worst = ETF_NONE; etf_list_next(&rows, &row);) {
        uint64_t bad = number(row, "discarded") * 1000 +
                       number(row, "buffered") + number(row, "queued");

        if (etf_is_none(worst) || bad > most) {
            worst = row;
            most = bad;
        }
    }
    if (!etf_is_none(worst))
        judge_stage(doctor_add(d, "stages"),
                    cli_cell(cli_title(worst), who, sizeof who),
                    number(worst, "buffered") + number(worst, "queued"),
                    number(worst, "buffer_max"), number(worst, "discarded"));
}

static uint64_t count_overdue(etf_term rows)
{
    uint64_t count = 0;
    etf_term row, list, one;
    int64_t left_ms;

    if (!etf_list_next(&rows, &row))
        return 0;
    list = cli_get(row, "list");
    while (!etf_is_none(list) && etf_list_next(&list, &one))
        count += etf_get_int(cli_get(one, "left_ms"), &left_ms) && left_ms < 0;
    return count;
}

#define SAGAS_MAX 20 /* that are looked at */

static void look_at_sagas(struct doctor *d, struct target *t)
{
    etf_term rows = figures(d->cli, t, "saga", ETF_NONE), row;
    char who[200];

    for (int i = 0; i < SAGAS_MAX && etf_list_next(&rows, &row); i++) {
        etf_term all = figures(d->cli, t, "saga", cli_get(row, "pid"));

        judge_saga(doctor_add(d, "sagas"),
                   cli_cell(cli_title(row), who, sizeof who),
                   number(row, "stuck"), count_overdue(all));
    }
}

/* The longest that the log still tells of: "... has run for N ms ...". */
static void find_longest(struct cli *cli, struct target *t, char *text,
                         size_t size)
{
    etf_term answer, events, event;
    unsigned long long longest = 0;
    char line[400];

    text[0] = '\0';
    if (cli_method(cli, t, "agner.logs",
                   etf_make(cli->region, "#{level => warning, limit => 1024}"),
                   cli_timeout(cli), &answer) != EXIT_DONE)
        return;
    events = cli_get(answer, "events");
    while (!etf_is_none(events) && etf_list_next(&events, &event)) {
        const char *ms;

        (void)cli_cell(cli_get(event, "text"), line, sizeof line);
        ms = strstr(line, "has run for ");
        if (strncmp(line, "long_schedule", 13) != 0 || ms == NULL ||
            strtoull(ms + 12, NULL, 10) < longest)
            continue;
        longest = strtoull(ms + 12, NULL, 10);
        (void)snprintf(text, size, "%s", line);
    }
}

/* An older node does not say. */
static void look_at_waits(struct doctor *d, struct target *t)
{
    struct told told = { .cli = d->cli };
    bool quiet = d->cli->quiet;
    etf_term answer, nodes, one;
    int code;

    d->cli->quiet = true;
    code =
        cli_method(d->cli, t, "agner.waits", etf_map(d->cli->region, NULL, 0),
                   cli_timeout(d->cli), &answer);
    d->cli->quiet = quiet;
    if (code != EXIT_DONE)
        return;
    nodes = cli_get(answer, "nodes");
    if (told_gather(&told, nodes) && etf_list_next(&nodes, &one)) {
        int64_t stuck = etf_list_size(cli_get(one, "stuck"));

        judge_waits(doctor_add(d, "wait cycles"), told.count, told.cycles,
                    stuck > 0 ? (uint64_t)stuck : 0);
    }
    told_fini(&told);
}

/* Does its own name lead to it, with our cookie? */
static void look_at_port(struct doctor *d, const char *name, char *cookie)
{
    struct cli_dial dial = { .step = NODE_STEP_FIND };
    struct target self;

    (void)snprintf(dial.address, sizeof dial.address, "%s", name);
    (void)snprintf(dial.cookie_path, sizeof dial.cookie_path, "your cookie");
    cli_dial(d->cli, cookie, false, &dial, &self);
    doctor_dialled(d, "port", &dial);
    cli_close(&self);
}

void doctor_local(struct doctor *d, struct target *t)
{
    char cookie[256], fingerprint[NODE_FINGERPRINT_SIZE], theirs[64], who[200];
    char longest[400];
    etf_term health, counters, mailbox;
    struct cli *cli = d->cli;

    d->code = cli_method(cli, t, "agner.health", etf_map(cli->region, NULL, 0),
                         cli_timeout(cli), &health);
    if (d->code != EXIT_DONE)
        return;
    counters = cli_get(health, "counters");
    mailbox = cli_get(health, "mailbox");
    doctor_system(d, (int64_t)number(health, "os_pid"),
                  number(counters, "workers"));
    own_fingerprint(d, cookie, fingerprint);
    (void)cli_cell(cli_get(health, "cookie_fingerprint"), theirs,
                   sizeof theirs);
    if (fingerprint[0] != '\0')
        judge_fingerprint(doctor_add(d, "cookie"), fingerprint, theirs);
    if (t->name != NULL && strchr(t->name, '/') == NULL) {
        doctor_host(d, t->name);
        if (strcmp(fingerprint, theirs) == 0)
            look_at_port(d, t->name, cookie);
    }
    explicit_bzero(cookie, sizeof cookie);
    judge_mailbox(doctor_add(d, "mailbox"),
                  cli_cell(cli_get(mailbox, "who"), who, sizeof who),
                  number(mailbox, "count"));
    look_at_supervisors(d, health);
    find_longest(cli, t, longest, sizeof longest);
    judge_handlers(doctor_add(d, "long handlers"),
                   number(counters, "long_schedules"), longest);
    look_at_waits(d, t);
    judge_dropped(doctor_add(d, "dead letters"), number(counters, "dropped"),
                  number(counters, "messages"));
    look_at_policy(d, health);
    look_at_marks(d, health);
    look_at_queues(d, health);
    look_at_stages(d, t);
    look_at_sagas(d, t);
}

/* ---- By distribution ------------------------------------------------------
 */

void doctor_dialled(struct doctor *d, const char *check,
                    const struct cli_dial *dial)
{
    struct finding *f = doctor_add(d, check);
    struct cli_explanation e;

    if (dial->error.code == AGNER_OK) {
        (void)snprintf(f->value, sizeof f->value, "up");
        (void)snprintf(f->meaning, sizeof f->meaning,
                       "%.200s lets us in: name, cookie and flags are right",
                       dial->name);
        return;
    }
    cli_explanation(d->cli, dial, &e);
    f->verdict = VERDICT_FAIL;
    (void)snprintf(f->value, sizeof f->value, "step %u of 5", e.step);
    (void)snprintf(f->meaning, sizeof f->meaning, "%s: %.340s", e.what, e.why);
    (void)snprintf(f->command, sizeof f->command, "%s", e.next);
    if (d->code == EXIT_DONE)
        d->code = e.code;
}

/* A number that the node tells of itself; false: it does not. */
static bool ask(struct doctor *d, struct target *t, const char *function,
                const char *argument, int64_t *n)
{
    etf_term args = etf_make(d->cli->region, "[_]", etf_atom(argument)), result;

    return cli_apply(d->cli, t, "erlang", function, args, &result) ==
               EXIT_DONE &&
           etf_get_int(result, n);
}

static void look_at_clock(struct doctor *d, struct target *t)
{
    const struct rt_world *w = d->cli->world;
    uint64_t before_ns = w->wall_ns(w->ctx), after_ns;
    int64_t there_ms;

    if (!ask(d, t, "system_time", "millisecond", &there_ms))
        return;
    after_ns = w->wall_ns(w->ctx);
    judge_clock(doctor_add(d, "clock"),
                there_ms - (int64_t)((before_ns + (after_ns - before_ns) / 2) /
                                     1000000));
}

static void look_at_limits(struct doctor *d, struct target *t)
{
    static const struct {
        const char *what, *count, *limit, *command;
    } rows[] = {
        { "processes", "process_count", "process_limit",
          "erl +P LIMIT, and who starts so many" },
        { "atoms", "atom_count", "atom_limit",
          "erl +t LIMIT, and who makes atoms from input" },
        { "ports", "port_count", "port_limit", "erl +Q LIMIT" },
    };
    int64_t used, limit;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (ask(d, t, "system_info", rows[i].count, &used) &&
            ask(d, t, "system_info", rows[i].limit, &limit))
            judge_share(doctor_add(d, rows[i].what), rows[i].what,
                        (uint64_t)used, (uint64_t)limit, rows[i].command);
    }
}

static void look_at_flags(struct doctor *d, struct target *t)
{
    struct node_peer_info peer;
    struct finding *f;
    etf_term release;
    char text[32];

    if (node_peers(t->node, &peer, 1) == 0)
        return;
    f = doctor_add(d, "flags");
    judge_flags(f, peer.offered);
    if (cli_apply(d->cli, t, "erlang", "system_info",
                  etf_make(d->cli->region, "[otp_release]"),
                  &release) == EXIT_DONE &&
        etf_get_text(release, text, sizeof text))
        (void)snprintf(f->value, sizeof f->value, "OTP %.20s, 0x%llx", text,
                       (unsigned long long)peer.offered);
}

/* Can it reach a node of ours that runs here? An Erlang node can try. */
static void look_back(struct doctor *d, struct target *t)
{
    char names[CLI_NODES_MAX][256];
    struct etf_region *r = d->cli->region;
    etf_term status, args, result, reason;
    struct finding *f;
    char text[80];
    int64_t port;

    if (cli_nodes(d->cli, names) == 0 ||
        !cli_ask_local(d->cli, names[0], "agner.status", &status) ||
        !etf_get_int(cli_get(status, "port"), &port) || port == 0)
        return;
    judge_name_style(doctor_add(d, "name style"), names[0], t->name);
    args = etf_make(r, "[_, _, [], 2000]",
                    etf_string(r, strchr(names[0], '@') + 1), port);
    if (cli_apply(d->cli, t, "gen_tcp", "connect", args, &result) != EXIT_DONE)
        return;
    f = doctor_add(d, "port back");
    (void)snprintf(f->value, sizeof f->value, "%lld", (long long)port);
    if (!etf_match(result, "{error, _}", &reason)) {
        (void)snprintf(f->meaning, sizeof f->meaning, "%s reaches %s too",
                       t->name, names[0]);
        return;
    }
    f->verdict = VERDICT_FAIL;
    (void)snprintf(f->meaning, sizeof f->meaning,
                   "%.200s cannot reach %.200s: %s", t->name, names[0],
                   etf_format(text, sizeof text, reason));
    (void)snprintf(f->command, sizeof f->command,
                   "open port %lld here; agner start --listen HOST:PORT",
                   (long long)port);
}

void doctor_far(struct doctor *d, const char *address)
{
    struct cli_dial dial = { .step = NODE_STEP_FIND };
    char cookie[256];
    struct target t;

    if (cli_cookie(d->cli, d->cli->o.cookie_file, false, cookie,
                   dial.cookie_path) != EXIT_DONE) {
        d->code = EXIT_AUTH; /* a finding says why */
        return;
    }
    (void)snprintf(dial.address, sizeof dial.address, "%s", address);
    cli_dial(d->cli, cookie, false, &dial, &t);
    explicit_bzero(cookie, sizeof cookie);
    doctor_dialled(d, "connection", &dial);
    if (dial.error.code == AGNER_OK) {
        look_at_flags(d, &t);
        look_at_clock(d, &t);
        look_back(d, &t);
        look_at_limits(d, &t);
    }
    cli_close(&t);
}

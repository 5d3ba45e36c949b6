/*
 * cmd_doctor.c -- agner doctor: what is wrong, or soon will be.
 *
 * Each finding is a line: how bad it is, what was looked at, the number, what
 * it means, and a command when it is not well.
 */
#include "doctor.h"

#include <string.h>

static const struct option options[] = {
    CLI_NODE_ROW,  CLI_TIMEOUT_ROW, CLI_JSON_ROW,
    CLI_DIST_ROWS, CLI_HELP_ROW,    CLI_END_ROW,
};

static const char *const verdicts[] = {
    [VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail"
};

struct finding *doctor_add(struct doctor *d, const char *check)
{
    struct finding *f;

    if (d->count == DOCTOR_FINDINGS_MAX)
        d->count--;
    f = &d->findings[d->count++];
    memset(f, 0, sizeof *f);
    f->check = check;
    return f;
}

static int print_json(struct doctor *d)
{
    struct etf_region *r = d->cli->region;
    etf_term list = etf_nil();

    for (size_t i = d->count; i-- > 0;) {
        const struct finding *f = &d->findings[i];

        list = etf_cons(
            r,
            etf_make(r,
                     "#{verdict => _, check => _, value => _, meaning => _, "
                     "command => _}",
                     verdicts[f->verdict], f->check, (const char *)f->value,
                     (const char *)f->meaning, (const char *)f->command),
            list);
    }
    return cli_print(d->cli, list);
}

static void print_lines(const struct doctor *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];

        (void)printf("%-4s  %-13s  %-22s  %s\n", verdicts[f->verdict], f->check,
                     f->value, f->meaning);
        if (f->command[0] != '\0')
            (void)printf("      try: %s\n", f->command);
    }
}

/* A node of this user here by its socket, any other by distribution; none: this
 * machine alone. */
static void look_at_node(struct doctor *d, const char *name)
{
    struct cli *cli = d->cli;
    char names[CLI_NODES_MAX][256], plain[256];
    bool far =
        cli->o.connect || cli->o.cookie != NULL || cli->o.cookie_file != NULL;
    etf_term status;
    struct target t;
    uint16_t port;

    if (name == NULL && cli_nodes(cli, names) == 0) {
        doctor_system(d, 0, 0);
        return;
    }
    if (!far && (name == NULL || strchr(name, '/') != NULL ||
                 cli_ask_local(cli, name, "agner.status", &status))) {
        cli->quiet = false;
        d->code = cli_open(cli, name, false, &t);
        cli->quiet = true;
        if (d->code != EXIT_DONE)
            return;
        doctor_local(d, &t);
        cli_close(&t);
        return;
    }
    doctor_system(d, 0, 0);
    if (name == NULL)
        name = names[0];
    if (node_address_parse(name, plain, &port, NULL) == AGNER_OK && port == 0)
        doctor_host(d, plain);
    doctor_far(d, name);
}

static int run(struct cli *cli)
{
    struct doctor d = { .cli = cli, .code = EXIT_DONE };
    int code = EXIT_DONE;

    cli->quiet = true;
    if (cli->o.cookie == NULL)
        doctor_cookie(&d);
    doctor_trust(&d);
    look_at_node(&d, cli->arg_count > 0 ? cli->args[0] : cli->o.node);
    cli->quiet = false;
    if (cli->o.json)
        code = print_json(&d);
    else
        print_lines(&d);
    for (size_t i = 0; i < d.count && d.code == EXIT_DONE; i++) {
        if (d.findings[i].verdict == VERDICT_FAIL)
            d.code = EXIT_REMOTE;
    }
    return d.code != EXIT_DONE ? d.code : code;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .arguments = "[NODE]",
    .summary = "look for what is wrong, and say what to do about it",
    .example = "agner doctor\nagner doctor shop@10.0.0.7\nagner doctor --json",
    .text =
        "Looks at the cookie, keys, this machine, and the node that runs here "
        "or NODE,\nwhich may be an Erlang node: its host, epmd, ports both "
        "ways, cookie, flags,\nclock, limits, mailboxes, restarts, long "
        "callbacks, dead letters and link\nqueues. Each line: ok, warn or "
        "fail, what, the number, what it means, and a\ncommand. Exit code 0 "
        "without a `fail`; a node that cannot be reached has that of\n`agner "
        "ping`.",
    .args_max = 1,
    .options = options,
    .run = run,
};

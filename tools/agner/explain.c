/*
 * explain.c -- why a node could not be reached, in words, with what to do.
 *
 * A table of steps and errors: what happened, what is behind it, what to do,
 * and the exit code (docs/command.md). Every failure of a dial has a row.
 */
#include "cli.h"

#include <string.h>

#include "rt_world.h"

/* Steps as a person counts them. */
#define STEP_COUNT 5

static const struct step {
    unsigned number;
    const char *name;
} steps[] = {
    [NODE_STEP_FIND] = { 1, "find" },
    [NODE_STEP_EPMD] = { 1, "find" },
    [NODE_STEP_CONNECT] = { 2, "connect" },
    [NODE_STEP_NAME] = { 3, "name" },
    [NODE_STEP_CHALLENGE] = { 4, "challenge" },
    [NODE_STEP_UP] = { 5, "up" },
};

/* In the sentences %N is the node's name, %A what is before its @, %H its host,
 * %E what the error says, %F our cookie's fingerprint, %P where the cookie is
 * from, %T the fingerprint of the node's cookie, if we may know it. */
struct row {
    enum node_step step;
    enum agner_err err;
    int code;
    const char *what, *why, *next;
};

/* clang-format off */
static const struct row rows[] = {
    { NODE_STEP_FIND, AGNER_ENOTALLOWED, EXIT_REFUSED,
      "is not allowed here", "%E", "the list `allow` of the configuration" },

    { NODE_STEP_EPMD, AGNER_EUNKNOWN, EXIT_UNREACHABLE,
      "its host is not known", "%H has no address here: %E",
      "getent hosts %H   and mend DNS or /etc/hosts, or %A@ADDRESS" },
    { NODE_STEP_EPMD, AGNER_ENOCONN, EXIT_UNREACHABLE,
      "no epmd at its host", "asked at %H: %E",
      "start the node there (epmd comes with it), or open epmd's port, or "
      "%N:PORT without epmd" },
    { NODE_STEP_EPMD, AGNER_ETIMEOUT, EXIT_TIMEOUT,
      "epmd at its host does not answer",
      "%E: a firewall drops what we send, or that machine is down",
      "open epmd's port (4369) on %H, or %N:PORT without epmd" },
    { NODE_STEP_EPMD, AGNER_EPROTO, EXIT_PROTOCOL,
      "its epmd and we do not understand each other", "%E",
      "agner names %H   and --epmd-port PORT if another program has the port" },
    { NODE_STEP_EPMD, AGNER_ENONAME, EXIT_NOT_FOUND,
      "is not registered", "%E: no node of that name runs on %H",
      "agner names %H" },

    { NODE_STEP_CONNECT, AGNER_ENOTALLOWED, EXIT_REFUSED,
      "is an Erlang node, and those are not spoken with", "%E",
      "the same with --erlang loopback, or --erlang any for a network that you "
      "trust" },
    { NODE_STEP_CONNECT, AGNER_EUNKNOWN, EXIT_UNREACHABLE,
      "its host is not known", "%H has no address here: %E",
      "getent hosts %H   and mend DNS or /etc/hosts, or %A@ADDRESS" },
    { NODE_STEP_CONNECT, AGNER_ENOCONN, EXIT_UNREACHABLE,
      "its port is closed",
      "%E: it has just ended, or listens on another address of %H",
      "agner names %H   and on %H: ss -tlnp" },
    { NODE_STEP_CONNECT, AGNER_ETIMEOUT, EXIT_TIMEOUT,
      "its port does not answer",
      "%E: a firewall drops what we send, or that machine is down",
      "open the port on %H; agner start --listen HOST:PORT and "
      "inet_dist_listen_min/max of erl choose it" },

    { NODE_STEP_NAME, AGNER_ENOTALLOWED, EXIT_REFUSED,
      "does not allow us", "%E",
      "net_kernel:allow/1 there, or `allow` in an agner node's configuration" },
    { NODE_STEP_NAME, AGNER_ETIMEOUT, EXIT_TIMEOUT,
      "accepts the connection and stays silent",
      "%E: the program is stopped or overloaded, or no node has that port",
      "ps -o stat,pid,args -C beam.smp -C agner   there; T is stopped: kill "
      "-CONT PID" },
    { NODE_STEP_NAME, AGNER_EPROTO, EXIT_PROTOCOL,
      "is no Erlang node", "what has its port does not shake hands: %E",
      "agner names %H" },
    { NODE_STEP_NAME, AGNER_ENOCONN, EXIT_UNREACHABLE,
      "closed after it had heard our name",
      "%E: it has no room for us now, or no node has that port",
      "the log of that node" },
    { NODE_STEP_NAME, AGNER_EALREADY, EXIT_UNREACHABLE,
      "is dialling us, or has our name", "%E", "the same again" },

    { NODE_STEP_CHALLENGE, AGNER_EAUTH, EXIT_AUTH,
      "refused after challenge",
      "cookies differ: here %F (from %P), there %T",
      "agner cookie show-fingerprint   on the other host, or  --cookie-file "
      "FILE" },
    { NODE_STEP_CHALLENGE, AGNER_ENONAME, EXIT_NOT_FOUND,
      "another node answers there",
      "%E; a node has one name, and short ones (-sname) and long ones (-name) "
      "do not mix",
      "agner ping with the name that it has" },
    { NODE_STEP_CHALLENGE, AGNER_ENOTALLOWED, EXIT_PROTOCOL,
      "cannot do what is mandatory", "%E: it is older than OTP 23, or no OTP",
      "OTP 23 or later there" },
    { NODE_STEP_CHALLENGE, AGNER_ETIMEOUT, EXIT_TIMEOUT,
      "fell silent in the handshake", "%E: the program is stopped or overloaded",
      "ps -o stat,pid,args -C beam.smp -C agner   there; T is stopped: kill "
      "-CONT PID" },
    { NODE_STEP_CHALLENGE, AGNER_EPROTO, EXIT_PROTOCOL,
      "breaks the protocol in the handshake", "%E", "agner version, and its" },
    { NODE_STEP_CHALLENGE, AGNER_ENOCONN, EXIT_UNREACHABLE,
      "closed in the handshake", "%E", "the log of that node" },
};
/* clang-format on */

static const struct row *find(enum node_step step, enum agner_err err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].step == step && rows[i].err == err)
            return &rows[i];
    }
    return NULL;
}

/* The node's own fingerprint, when it is one of this user on this machine. */
static void ask_fingerprint(struct cli *cli, const char *name, char *text,
                            size_t size)
{
    etf_term status;

    (void)snprintf(text, size, "unknown");
    if (cli_ask_local(cli, name, "agner.status", &status))
        (void)etf_get_text(cli_get(status, "cookie_fingerprint"), text, size);
}

struct words {
    const struct cli_dial *dial;
    const char *error, *there;
};

/* What %X stands for. */
static void put_word(FILE *to, char letter, const struct words *w)
{
    const char *name = w->dial->name;
    const char *at = strchr(name, '@');
    const char *host = at == NULL ? name : at + 1;

    switch (letter) {
    case 'N':
        (void)fputs(name, to);
        break;
    case 'A':
        (void)fprintf(to, "%.*s", (int)(at == NULL ? 0 : at - name), name);
        break;
    case 'H':
        (void)fputs(host, to);
        break;
    case 'E':
        (void)fputs(w->error, to);
        break;
    case 'F':
        (void)fputs(w->dial->fingerprint, to);
        break;
    case 'P':
        (void)fputs(w->dial->cookie_path, to);
        break;
    case 'T':
        (void)fputs(w->there, to);
        break;
    default:
        (void)fprintf(to, "%%%c", letter);
        break;
    }
}

/* Cut to what there is room for. */
static void put_sentence(char *out, size_t size, const char *text,
                         const struct words *w)
{
    FILE *to = fmemopen(out, size, "w");

    out[0] = '\0';
    if (to == NULL)
        return;
    for (; *text != '\0'; text++) {
        if (text[0] == '%' && text[1] != '\0')
            put_word(to, *++text, w);
        else
            (void)fputc(*text, to);
    }
    (void)fclose(to); /* terminates it; what is too long is cut */
    out[size - 1] = '\0';
}

/* The error without the name that we say ourselves. */
static const char *without_name(const char *error, const char *name)
{
    size_t size = strlen(name);

    if (strncmp(error, name, size) == 0 && strncmp(error + size, ": ", 2) == 0)
        return error + size + 2;
    return error;
}

void cli_explanation(struct cli *cli, const struct cli_dial *dial,
                     struct cli_explanation *e)
{
    const struct row *row = find(dial->step, dial->error.code);
    char there[64] = "unknown";
    struct words w = { .dial = dial,
                       .error = without_name(dial->error.text, dial->name),
                       .there = there };

    if (dial->error.code == AGNER_EAUTH)
        ask_fingerprint(cli, dial->name, there, sizeof there);
    e->step = steps[dial->step].number;
    e->code = row != NULL ? row->code : cli_code(dial->error.code);
    e->what = row != NULL ? row->what : "cannot be reached";
    put_sentence(e->why, sizeof e->why, row != NULL ? row->why : "%E", &w);
    put_sentence(e->next, sizeof e->next,
                 row != NULL ? row->next : "agner ping -v %N", &w);
}

int cli_explain(struct cli *cli, const struct cli_dial *dial)
{
    struct cli_explanation e;

    if (dial->step == NODE_STEP_FIND && dial->error.code == AGNER_EINVAL)
        return cli_fail(
            cli, EXIT_USAGE, "a name like shop@10.0.0.7, or shop@10.0.0.7:4370",
            "%s: %s", dial->name, without_name(dial->error.text, dial->name));
    cli_explanation(cli, dial, &e);
    (void)fflush(stdout); /* the steps of ping -v come first, in a pipe too */
    (void)fprintf(stderr, "%s  %s (step %u/%d)\n  %s\n  try: %s\n", dial->name,
                  e.what, e.step, STEP_COUNT, e.why, e.next);
    return e.code;
}

void cli_step(const struct cli *cli, enum node_step step, const char *text)
{
    uint64_t us = (cli->world->now_ns(cli->world->ctx) - cli->begun_ns) / 1000;

    (void)printf("%6llu.%llu ms  %u/%d %-9s  %s\n",
                 (unsigned long long)(us / 1000),
                 (unsigned long long)(us / 100 % 10), steps[step].number,
                 STEP_COUNT, steps[step].name, text);
}

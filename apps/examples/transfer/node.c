/*
 * node.c -- one of the three nodes: its accounts, and on the first one the
 * sagas.
 *
 * What it hears is lines: "route NAME PORT" says where another node is now,
 * "go" makes the first one begin its transfers, or go on with them, and the end
 * of the input is its own. What it says: "up PORT", and after "go" "done" with
 * what it has found, or "wrong" and why. "writes N" comes last.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <agner/node.h>

#include "transfer.h"

#define CALL_MS  2000
#define AWAIT_MS 60000

const char *const part_names[PARTS] = { "left@127.0.0.1", "middle@127.0.0.1",
                                        "right@127.0.0.1" };

/* Accounts are `open` on each node; others are not there. */
static const struct {
    unsigned from, to;
    const char *account; /* that the money goes to */
    int64_t amount;
    enum gen_steps_state state;
} transfers[] = {
    { 0, 1, "open", 10, GEN_STEPS_COMMITTED },
    { 1, 2, "open", 20, GEN_STEPS_COMMITTED },
    { 2, 0, "open", 30, GEN_STEPS_COMMITTED },
    { 1, 2, "closed", 40, GEN_STEPS_COMPENSATED },
    { 0, 2, "open", 5 * OPENING, GEN_STEPS_COMPENSATED }, /* too much */
};

#define TRANSFERS (sizeof transfers / sizeof *transfers)

struct here {
    const struct part *part;
    struct node *node;
    struct gen *self;
    struct gen_store *store;
    etf_pid keeper;
    bool kept; /* there is one */
    FILE *in, *out;
};

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "transfer: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* ---- The transfers ------------------------------------------------------- */

static etf_term end_of(struct gen *self, unsigned part, const char *account)
{
    return etf_make(self, "{_, _}", etf_atom(part_names[part]), account);
}

static etf_term id_of(struct gen *self, size_t number)
{
    char text[16];

    (void)snprintf(text, sizeof text, "t-%zu", number);
    return etf_text(rt_region(self), text);
}

/* Begins it, which may have been before this node was killed. */
static enum agner_err begin(struct gen *self, struct here *h, size_t i)
{
    etf_term input =
        etf_make(self, "{_, _, _}", end_of(self, transfers[i].from, "open"),
                 end_of(self, transfers[i].to, transfers[i].account),
                 transfers[i].amount);

    return gen_steps_begin(self, etf_from_pid(NULL, h->keeper), id_of(self, i),
                           input, 0, CALL_MS, NULL, NULL);
}

/* What is in the account of that node; a node that is down is there again. */
static enum agner_err balance(struct gen *self, unsigned part, int64_t *amount)
{
    enum agner_err err = AGNER_EUNKNOWN;
    etf_term reply;

    for (int tries = 0; tries < 100 && err != AGNER_OK; tries++) {
        err = gen_call(
            self, etf_make(self, "{accounts, _}", etf_atom(part_names[part])),
            etf_make(self, "{balance, \"open\"}"), CALL_MS, &reply);
        if (err == AGNER_OK && !etf_match(reply, "{ok, _}", amount))
            err = AGNER_EUNKNOWN;
        if (err != AGNER_OK)
            (void)rt_sleep(self, 50);
    }
    return err;
}

/* Each balance must be what the transfers that are committed make it. */
static const char *check(struct gen *self, struct here *h, int64_t *sum,
                         unsigned *committed, unsigned *compensated)
{
    int64_t expected[PARTS] = { OPENING, OPENING, OPENING }, amount;

    *sum = 0;
    *committed = *compensated = 0;
    for (size_t i = 0; i < TRANSFERS; i++) {
        struct gen_steps_outcome outcome;

        if (gen_steps_await(self, etf_from_pid(NULL, h->keeper), id_of(self, i),
                            AWAIT_MS, &outcome) != AGNER_OK)
            return "a transfer that does not end";
        if (outcome.state == GEN_STEPS_COMMITTED) {
            expected[transfers[i].from] -= transfers[i].amount;
            expected[transfers[i].to] += transfers[i].amount;
            ++*committed;
        } else if (outcome.state == GEN_STEPS_COMPENSATED) {
            ++*compensated;
        }
        if (outcome.state != transfers[i].state)
            return "a transfer that ends in another way";
    }
    for (unsigned i = 0; i < PARTS; i++) {
        if (balance(self, i, &amount) != AGNER_OK)
            return "a balance that nobody tells";
        if (amount != expected[i])
            return "a balance that should be another";
        *sum += amount;
    }
    return *sum == PARTS * OPENING ? NULL : "the sum of all money";
}

/* In a process of its own: the thread below goes on listening. */
static void go(struct gen *self, void *arg)
{
    struct here *h = arg;
    unsigned committed, compensated;
    const char *wrong = NULL;
    etf_term reason;
    char text[100];
    int64_t sum;

    if (!h->kept && gen_steps_start(self, &transfer_steps, h->store, NULL,
                                    &h->keeper, &reason) != AGNER_OK) {
        (void)fprintf(h->out, "wrong no keeper: %s\n",
                      etf_format(text, sizeof text, reason));
        (void)fflush(h->out);
        return;
    }
    h->kept = true;
    for (size_t i = 0; i < TRANSFERS && wrong == NULL; i++) {
        if (begin(self, h, i) != AGNER_OK)
            wrong = "a transfer that does not begin";
    }
    if (wrong == NULL)
        wrong = check(self, h, &sum, &committed, &compensated);
    if (wrong != NULL)
        (void)fprintf(h->out, "wrong %s\n", wrong);
    else
        (void)fprintf(h->out, "done %" PRId64 " %u %u\n", sum, committed,
                      compensated);
    (void)fflush(h->out);
}

/* ---- The node ------------------------------------------------------------ */

static void obey(struct here *h)
{
    char line[200], name[100];
    unsigned port;
    etf_pid pid;

    while (fgets(line, sizeof line, h->in) != NULL) {
        if (sscanf(line, "route %99s %u", name, &port) == 2) {
            (void)node_route_remove(h->node, name);
            (void)node_route(h->node, name, "127.0.0.1", (uint16_t)port);
        } else if (strcmp(line, "go\n") == 0) {
            (void)rt_spawn(h->self, go, h, NULL, &pid);
        }
    }
}

static enum agner_err open_store(struct here *h, struct agner_error *error)
{
    struct gen_store_sqlite_options options = { .relaxed = true };
    struct gen_store *file;
    char path[300];
    enum agner_err err;

    (void)snprintf(path, sizeof path, "%s/%u.store", h->part->folder,
                   h->part->index);
    err = gen_store_sqlite(h->self, path, &options, &file, error);
    if (err != AGNER_OK)
        return err;
    return killer_new(node_rt(h->node), file, h->part->kill_at, h->part->after,
                      &h->store);
}

static void free_store(void *store)
{
    gen_store_free(store);
}

static enum agner_err open_accounts(struct here *h)
{
    struct rt_spawn_options options = { .name = etf_atom("accounts") };
    etf_term store =
        etf_resource(rt_region(h->self), gen_store_hold(h->store), free_store);
    etf_pid pid;

    return gen_start(h->self, &accounts_server,
                     etf_make(h->self, "{_, open}", store), &options, &pid,
                     NULL);
}

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static enum agner_err open_node(struct here *h, struct agner_error *error)
{
    struct node_options options = {
        .name = part_names[h->part->index],
        .cookie = "an example",
        .listen_host = "127.0.0.1",
        .epmd = NODE_EPMD_NONE,
        .rt = { .workers = 1, .log = no_log },
    };

    return node_start(&options, &h->node, error);
}

int part_run(const struct part *part)
{
    struct here h = { .part = part };
    struct agner_error error = { 0 };
    enum agner_err err = open_node(&h, &error);

    h.in = fdopen(part->in, "r");
    h.out = fdopen(part->out, "w");
    if (err != AGNER_OK || h.in == NULL || h.out == NULL)
        return fail("node", error.text);
    h.self = rt_attach(node_rt(h.node));
    if (h.self == NULL)
        return fail("node", "no memory");
    err = open_store(&h, &error);
    if (err != AGNER_OK)
        return fail("store", error.text);
    err = open_accounts(&h);
    if (err != AGNER_OK)
        return fail("accounts", agner_strerror(err));
    (void)fprintf(h.out, "up %u\n", node_port(h.node));
    (void)fflush(h.out);
    obey(&h);
    rt_detach(h.self);
    gen_store_free(h.store);
    node_stop(h.node, 1000);
    (void)fprintf(h.out, "writes %u\n", killer_writes());
    (void)fclose(h.out);
    (void)fclose(h.in);
    return EXIT_SUCCESS;
}

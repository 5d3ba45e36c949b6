/*
 * churn.c -- processes that are started, linked to, monitored, let go of and
 * killed: one exit for each link, one down for each monitor, and none for what
 * was taken back in time.
 */
#include "conserve.h"

#define DRIVERS 8
#define BATCH   16

struct churn {
    uint64_t rounds; /* of each driver */
    uint64_t seed;
    atomic_uint_fast64_t started, exits, downs, extra;
};

static struct churn churn;

/* Waits to be told to end, or is killed; a quarter ends at once. */
static void child(struct gen *self, void *arg)
{
    etf_term message;

    if (arg == NULL)
        (void)rt_receive(self, CONSERVE_WAIT_MS, &message);
}

enum tie { TIE_LINK, TIE_MONITOR };

struct one {
    etf_pid pid;
    etf_ref ref;
    enum tie tie;
    bool counted; /* an end is wanted */
};

static void start(struct gen *self, struct one *one, uint64_t *random)
{
    static char at_once;
    struct rt_spawn_options options = { .monitor_ref = &one->ref };
    bool ends = conserve_draw(random) % 4 == 0;

    one->tie = conserve_draw(random) % 2 == 0 ? TIE_LINK : TIE_MONITOR;
    options.link = one->tie == TIE_LINK;
    options.monitor = one->tie == TIE_MONITOR;
    one->counted = true;
    conserve_must(
        rt_spawn(self, child, ends ? &at_once : NULL, &options, &one->pid),
        "spawn");
    atomic_fetch_add_explicit(&churn.started, 1, memory_order_relaxed);
}

static bool from(void *ctx, etf_term message)
{
    const struct one *one = ctx;
    etf_pid pid;

    return etf_tuple_size(message) >= 3 &&
           etf_get_pid(
               etf_tuple_items(message)[etf_tuple_size(message) == 3 ? 1 : 3],
               &pid) &&
           etf_pid_equal(pid, one->pid);
}

/* Takes it back: the end of a link may have come before, and then it counts. */
static void let_go(struct gen *self, struct one *one)
{
    etf_term message;

    if (one->tie == TIE_MONITOR) {
        (void)rt_demonitor(self, one->ref, true); /* it may have fired */
        one->counted = false;
        return;
    }
    conserve_must(rt_unlink(self, one->pid), "unlink");
    one->counted = rt_receive_match(self, from, one, 0, &message) == AGNER_OK;
    if (one->counted)
        atomic_fetch_add_explicit(&churn.exits, 1, memory_order_relaxed);
    one->counted = false;
}

static void end(struct gen *self, struct one *one, uint64_t *random)
{
    uint64_t how = conserve_draw(random) % 8;

    if (how == 0)
        let_go(self, one);
    if (how % 2 == 0)
        (void)rt_send_pid(self, one->pid, ETF_A(ok)); /* it may be gone */
    else
        (void)rt_exit_signal(self, one->pid, ETF_A(kill));
}

static void wait_for(struct gen *self, struct one *one)
{
    etf_term message;

    if (!one->counted)
        return;
    conserve_must(rt_receive_match(self, from, one, CONSERVE_WAIT_MS, &message),
                  "an end");
    atomic_fetch_add_explicit(one->tie == TIE_LINK ? &churn.exits
                                                   : &churn.downs,
                              1, memory_order_relaxed);
}

static void drive(struct gen *self, void *arg)
{
    uint64_t random = conserve_seed(churn.seed, (uint64_t)(uintptr_t)arg);
    struct one ones[BATCH];
    etf_term message;

    (void)rt_trap_exit(self, true);
    for (uint64_t i = 0; i < churn.rounds; i++) {
        for (unsigned k = 0; k < BATCH; k++)
            start(self, &ones[k], &random);
        for (unsigned k = 0; k < BATCH; k++)
            end(self, &ones[k], &random);
        for (unsigned k = 0; k < BATCH; k++)
            wait_for(self, &ones[k]);
        /* All have ended, or are about to and are ours no more. */
        while (rt_receive(self, 0, &message) == AGNER_OK)
            atomic_fetch_add(&churn.extra, 1);
        rt_reset(self);
    }
}

bool conserve_churn(struct conserve *c)
{
    etf_pid drivers[DRIVERS];

    churn.rounds = c->n / 2 / BATCH / DRIVERS + 1;
    churn.seed = c->seed;
    atomic_store(&churn.started, 0);
    atomic_store(&churn.exits, 0);
    atomic_store(&churn.downs, 0);
    atomic_store(&churn.extra, 0);
    for (unsigned i = 0; i < DRIVERS; i++)
        conserve_must(
            rt_spawn(c->self, drive, (void *)(uintptr_t)i, NULL, &drivers[i]),
            "spawn");
    for (unsigned i = 0; i < DRIVERS; i++)
        conserve_must(rt_wait(c->self, drivers[i], CONSERVE_WAIT_MS), "wait");
    c->messages = 2 * atomic_load(&churn.started);
    CONSERVE_SAY(c, "%llu started, %llu exits, %llu downs, %llu too many",
                 (unsigned long long)atomic_load(&churn.started),
                 (unsigned long long)atomic_load(&churn.exits),
                 (unsigned long long)atomic_load(&churn.downs),
                 (unsigned long long)atomic_load(&churn.extra));
    return atomic_load(&churn.extra) == 0;
}

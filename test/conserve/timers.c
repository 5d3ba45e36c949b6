/*
 * timers.c -- timers that are cancelled while they fire, by a process that is
 * on another worker: what was cancelled is not received, all else is, once.
 */
#include <stdlib.h>

#include "conserve.h"

#define OWNERS 16
#define BATCH  64

struct timers {
    uint64_t rounds, seed;
    atomic_uint_fast64_t started, cancelled, received, extra;
};

static struct timers timers;

struct batch {
    struct rt_timer handles[BATCH];
    uint32_t cancelled;
    uint64_t random;
    etf_pid owner;
};

/* Cancels half of the batch, and says how many it got. */
static void cancel(struct gen *self, void *arg)
{
    struct batch *batch = arg;
    uint64_t left_ms;

    for (unsigned i = 0; i < BATCH; i++) {
        if (conserve_draw(&batch->random) % 2 == 0)
            continue;
        if (rt_cancel_timer(self, &batch->handles[i], &left_ms) == AGNER_OK)
            batch->cancelled++;
    }
    conserve_must(rt_send_pid(self, batch->owner, ETF_A(ok)), "cancelled");
}

static bool is_ok(void *ctx, etf_term message)
{
    (void)ctx;
    return etf_same(message, ETF_A(ok));
}

static void one_round(struct gen *self, struct batch *batch)
{
    uint64_t left = BATCH;
    etf_term message;
    etf_pid other;

    batch->cancelled = 0;
    for (unsigned i = 0; i < BATCH; i++)
        conserve_must(rt_send_after(self, rt_self_term(self),
                                    etf_int(NULL, (int64_t)i),
                                    conserve_draw(&batch->random) % 3,
                                    &batch->handles[i]),
                      "start");
    conserve_must(rt_spawn(self, cancel, batch, NULL, &other), "spawn");
    conserve_must(
        rt_receive_match(self, is_ok, NULL, CONSERVE_WAIT_MS, &message),
        "cancelled");
    left -= batch->cancelled;
    atomic_fetch_add_explicit(&timers.cancelled, batch->cancelled,
                              memory_order_relaxed);
    for (; left > 0; left--) {
        conserve_must(rt_receive(self, CONSERVE_WAIT_MS, &message), "a timer");
        atomic_fetch_add_explicit(&timers.received, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&timers.started, BATCH, memory_order_relaxed);
    /* None of this batch is left: one more would be one that was cancelled. */
    while (rt_receive(self, 0, &message) == AGNER_OK)
        atomic_fetch_add(&timers.extra, 1);
    rt_reset(self);
}

static void own(struct gen *self, void *arg)
{
    struct batch *batch = calloc(1, sizeof *batch);

    conserve_must(batch == NULL ? AGNER_ENOMEM : AGNER_OK, "memory");
    batch->random = conserve_seed(timers.seed, (uint64_t)(uintptr_t)arg);
    batch->owner = rt_self(self);
    for (uint64_t i = 0; i < timers.rounds; i++)
        one_round(self, batch);
    free(batch);
}

bool conserve_timers(struct conserve *c)
{
    etf_pid owners[OWNERS];

    timers.rounds = c->n / BATCH / OWNERS + 1;
    timers.seed = c->seed;
    atomic_store(&timers.started, 0);
    atomic_store(&timers.cancelled, 0);
    atomic_store(&timers.received, 0);
    for (unsigned i = 0; i < OWNERS; i++)
        conserve_must(
            rt_spawn(c->self, own, (void *)(uintptr_t)i, NULL, &owners[i]),
            "spawn");
    for (unsigned i = 0; i < OWNERS; i++)
        conserve_must(rt_wait(c->self, owners[i], CONSERVE_WAIT_MS), "wait");
    c->messages = atomic_load(&timers.started);
    CONSERVE_SAY(c,
                 "%llu started, %llu cancelled, %llu received, %llu too many",
                 (unsigned long long)atomic_load(&timers.started),
                 (unsigned long long)atomic_load(&timers.cancelled),
                 (unsigned long long)atomic_load(&timers.received),
                 (unsigned long long)atomic_load(&timers.extra));
    return atomic_load(&timers.started) ==
               atomic_load(&timers.cancelled) + atomic_load(&timers.received) &&
           atomic_load(&timers.extra) == 0;
}

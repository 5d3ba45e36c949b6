/*
 * calls.c -- calls whose time-outs are about as long as the answers take: each
 * has one outcome, and an answer that comes late is never seen.
 */
#include "conserve.h"

#define SERVERS 8
#define CLIENTS 40

struct calls {
    etf_pid servers[SERVERS];
    uint64_t each, seed;
    atomic_uint_fast64_t asked, answered, late, wrong, extra;
};

static struct calls calls;

/* Now and then it takes a millisecond or two, and all who wait with it. */
static enum rt_next serve(struct gen *self, const struct rt_message *m)
{
    int64_t n;

    if (m->kind != RT_CALL)
        return rt_stop(self, ETF_A(normal));
    if (!etf_get_int(m->term, &n))
        return RT_NEXT;
    if (n % 97 == 0)
        (void)rt_sleep(self, (uint64_t)n % 3);
    conserve_must(rt_reply(self, &m->from, etf_int(NULL, n + 1)), "reply");
    return RT_NEXT;
}

static const struct rt_behavior behavior = { .name = "calls",
                                             .message = serve };

static void call_once(struct gen *self, int64_t n, uint64_t timeout_ms)
{
    etf_pid to = calls.servers[(uint64_t)n % SERVERS];
    etf_term reply;
    int64_t got;
    enum agner_err err = rt_call(self, etf_from_pid(NULL, to), etf_int(NULL, n),
                                 timeout_ms, &reply);

    if (err == AGNER_ETIMEOUT) {
        atomic_fetch_add_explicit(&calls.late, 1, memory_order_relaxed);
        return;
    }
    conserve_must(err, "call");
    if (!etf_get_int(reply, &got) || got != n + 1)
        atomic_fetch_add(&calls.wrong, 1);
    atomic_fetch_add_explicit(&calls.answered, 1, memory_order_relaxed);
}

static void client(struct gen *self, void *arg)
{
    uint64_t random = conserve_seed(calls.seed, (uint64_t)(uintptr_t)arg);
    etf_term message;

    for (uint64_t i = 0; i < calls.each; i++) {
        uint64_t draw = conserve_draw(&random);

        call_once(self, (int64_t)(draw >> 32), draw % 4);
        rt_reset(self);
    }
    while (rt_receive(self, 0, &message) == AGNER_OK)
        atomic_fetch_add(&calls.extra, 1);
    atomic_fetch_add(&calls.asked, calls.each);
}

bool conserve_calls(struct conserve *c)
{
    etf_pid clients[CLIENTS];

    calls.each = c->n / 2 / CLIENTS + 1;
    calls.seed = c->seed;
    atomic_store(&calls.asked, 0);
    atomic_store(&calls.answered, 0);
    atomic_store(&calls.late, 0);
    for (unsigned i = 0; i < SERVERS; i++)
        conserve_must(rt_start(c->self, &behavior, etf_nil(), NULL,
                               &calls.servers[i], NULL),
                      "start");
    for (unsigned i = 0; i < CLIENTS; i++)
        conserve_must(
            rt_spawn(c->self, client, (void *)(uintptr_t)i, NULL, &clients[i]),
            "spawn");
    for (unsigned i = 0; i < CLIENTS; i++)
        conserve_must(rt_wait(c->self, clients[i], CONSERVE_WAIT_MS), "wait");
    for (unsigned i = 0; i < SERVERS; i++)
        conserve_must(rt_send_pid(c->self, calls.servers[i], ETF_A(normal)),
                      "stop");
    c->messages = 2 * atomic_load(&calls.asked);
    CONSERVE_SAY(c, "%llu calls, %llu answered, %llu too late",
                 (unsigned long long)atomic_load(&calls.asked),
                 (unsigned long long)atomic_load(&calls.answered),
                 (unsigned long long)atomic_load(&calls.late));
    return atomic_load(&calls.asked) ==
               atomic_load(&calls.answered) + atomic_load(&calls.late) &&
           atomic_load(&calls.wrong) + atomic_load(&calls.extra) == 0;
}

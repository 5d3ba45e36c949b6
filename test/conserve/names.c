/*
 * names.c -- names that processes take, are sent to by, and give back with
 * their ends: a name has one holder, and each message went to it or was
 * counted.
 */
#include "conserve.h"

#define NAMES   16
#define HOLDERS 32
#define SENDERS 16

struct names {
    etf_term names[NAMES];
    atomic_int holders[NAMES]; /* who has registered it, as they know */
    uint64_t each, seed;
    atomic_uint_fast64_t sent, nobody, refused, received, taken, two;
    atomic_uint running; /* senders */
};

static struct names names;

/* Takes a name, receives some messages, and ends, or gives it back by hand. */
static void hold(struct gen *self, void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg | 1u;
    uint64_t which = conserve_draw(&random) % NAMES;
    uint64_t count = conserve_draw(&random) % 64;
    etf_term message;

    if (rt_register(rt_of(self), names.names[which], rt_self(self)) != AGNER_OK)
        return;
    if (atomic_fetch_add(&names.holders[which], 1) != 0)
        atomic_fetch_add(&names.two, 1);
    atomic_fetch_add_explicit(&names.taken, 1, memory_order_relaxed);
    while (count-- > 0 && rt_receive(self, 5, &message) == AGNER_OK) {
        atomic_fetch_add_explicit(&names.received, 1, memory_order_relaxed);
        rt_reset(self);
    }
    atomic_fetch_sub(&names.holders[which], 1);
    if (conserve_draw(&random) % 2 == 0)
        conserve_must(rt_unregister(rt_of(self), names.names[which]),
                      "unregister");
}

/* Starts holders, one after the other, while there is somebody who sends. */
static void keep(struct gen *self, void *arg)
{
    uint64_t random =
        conserve_seed(names.seed, (uint64_t)(uintptr_t)arg + 1000);

    while (atomic_load(&names.running) > 0) {
        etf_pid pid;

        conserve_must(rt_spawn(self, hold,
                               (void *)(uintptr_t)conserve_draw(&random), NULL,
                               &pid),
                      "spawn");
        conserve_must(rt_wait(self, pid, CONSERVE_WAIT_MS), "wait");
    }
}

static void sender(struct gen *self, void *arg)
{
    uint64_t random = conserve_seed(names.seed, (uint64_t)(uintptr_t)arg);
    uint64_t sent = 0, nobody = 0, refused = 0;

    for (uint64_t i = 0; i < names.each; i++) {
        enum agner_err err =
            rt_send(self, names.names[conserve_draw(&random) % NAMES],
                    etf_int(NULL, 1));

        sent += err == AGNER_OK;
        nobody += err == AGNER_ENONAME;
        refused += err == AGNER_ENOPROC;
    }
    atomic_fetch_add(&names.sent, sent);
    atomic_fetch_add(&names.nobody, nobody);
    atomic_fetch_add(&names.refused, refused);
    atomic_fetch_sub(&names.running, 1);
}

static uint64_t dropped(struct gen *self)
{
    struct rt_stats s;

    rt_stats(rt_of(self), &s);
    return s.dropped[RT_DROP_NOPROC];
}

static void wait_all(struct gen *self, const etf_pid *pids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        conserve_must(rt_wait(self, pids[i], CONSERVE_WAIT_MS), "wait");
}

bool conserve_names(struct conserve *c)
{
    etf_pid keepers[HOLDERS], senders[SENDERS];
    uint64_t lost, before = dropped(c->self);
    bool well;

    names.each = c->n / SENDERS + 1;
    names.seed = c->seed;
    atomic_store(&names.sent, 0);
    atomic_store(&names.nobody, 0);
    atomic_store(&names.refused, 0);
    atomic_store(&names.received, 0);
    atomic_store(&names.taken, 0);
    atomic_store(&names.running, SENDERS);
    for (unsigned i = 0; i < NAMES; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "name_%u", i);
        names.names[i] = etf_atom(text);
    }
    for (unsigned i = 0; i < HOLDERS; i++)
        conserve_must(
            rt_spawn(c->self, keep, (void *)(uintptr_t)i, NULL, &keepers[i]),
            "spawn");
    for (unsigned i = 0; i < SENDERS; i++)
        conserve_must(
            rt_spawn(c->self, sender, (void *)(uintptr_t)i, NULL, &senders[i]),
            "spawn");
    wait_all(c->self, senders, SENDERS);
    wait_all(c->self, keepers, HOLDERS);
    (void)conserve_all_gone(c->self);
    /* Of those that said ENOPROC, the sender knows, and they count as dropped.
     */
    lost = dropped(c->self) - before - atomic_load(&names.refused);
    c->messages = names.each * SENDERS;
    well = atomic_load(&names.sent) == atomic_load(&names.received) + lost &&
           atomic_load(&names.two) == 0 &&
           atomic_load(&names.sent) + atomic_load(&names.nobody) +
                   atomic_load(&names.refused) ==
               c->messages;
    CONSERVE_SAY(c,
                 "%llu sent, %llu received, %llu lost with their holders, %llu "
                 "names taken",
                 (unsigned long long)atomic_load(&names.sent),
                 (unsigned long long)atomic_load(&names.received),
                 (unsigned long long)lost,
                 (unsigned long long)atomic_load(&names.taken));
    return well;
}

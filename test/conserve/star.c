/*
 * star.c -- many producers and one consumer whose mailbox has room for few,
 * with each policy: what was sent is what was received, dropped, or refused.
 */
#include "conserve.h"

#define PRODUCERS 20
#define ROOM      64

struct star {
    etf_pid consumer;
    uint64_t each;
    atomic_uint_fast64_t received, sent, refused;
};

static struct star star;

static enum rt_next consume(struct gen *self, const struct rt_message *m)
{
    if (etf_same(m->term, ETF_A(normal)))
        return rt_stop(self, m->term);
    atomic_fetch_add_explicit(&star.received, 1, memory_order_relaxed);
    return RT_NEXT;
}

static const struct rt_behavior behavior = { .name = "star",
                                             .message = consume };

static void produce(struct gen *self, void *arg)
{
    uint64_t sent = 0, refused = 0;

    (void)arg;
    for (uint64_t i = 0; i < star.each; i++) {
        enum agner_err err =
            rt_send_pid(self, star.consumer, etf_int(NULL, (int64_t)i));

        if (err == AGNER_EMAILBOXFULL)
            refused++;
        else
            conserve_must(err, "send");
        sent += err == AGNER_OK;
    }
    atomic_fetch_add(&star.sent, sent);
    atomic_fetch_add(&star.refused, refused);
}

static uint64_t dropped(struct gen *self)
{
    struct rt_stats s;

    rt_stats(rt_of(self), &s);
    return s.dropped[RT_DROP_MAILBOX];
}

/* The producers have ended: what they sent is received, or dropped, in time. A
 * call would count as a message among those that are dropped. */
static void wait_empty(struct gen *self, uint64_t before)
{
    for (unsigned i = 0; i < CONSERVE_WAIT_MS; i++) {
        if (atomic_load(&star.received) + dropped(self) - before >=
            atomic_load(&star.sent) + atomic_load(&star.refused))
            return;
        (void)rt_sleep(self, 1);
    }
}

static bool with(struct conserve *c, enum rt_overflow policy)
{
    struct rt_spawn_options options = { .mailbox_max = ROOM,
                                        .overflow = policy };
    uint64_t before = dropped(c->self), lost, tried = star.each * PRODUCERS;
    uint64_t sent, received, refused;
    etf_pid producers[PRODUCERS];

    atomic_store(&star.received, 0);
    atomic_store(&star.sent, 0);
    atomic_store(&star.refused, 0);
    conserve_must(
        rt_start(c->self, &behavior, etf_nil(), &options, &star.consumer, NULL),
        "start");
    for (unsigned i = 0; i < PRODUCERS; i++)
        conserve_must(rt_spawn(c->self, produce, NULL, NULL, &producers[i]),
                      "spawn");
    for (unsigned i = 0; i < PRODUCERS; i++)
        conserve_must(rt_wait(c->self, producers[i], CONSERVE_WAIT_MS), "wait");
    wait_empty(c->self, before);
    conserve_must(rt_send_pid(c->self, star.consumer, ETF_A(normal)), "stop");
    sent = atomic_load(&star.sent);
    received = atomic_load(&star.received);
    refused = atomic_load(&star.refused);
    lost = dropped(c->self) - before - refused; /* refused ones count too */
    c->messages += tried;
    CONSERVE_SAY(
        c, "policy %d: %llu tried, %llu refused, %llu dropped, %llu received",
        (int)policy, (unsigned long long)tried, (unsigned long long)refused,
        (unsigned long long)lost, (unsigned long long)received);
    if (policy == RT_OVERFLOW_BLOCK)
        return received == tried && lost == 0;
    if (policy == RT_OVERFLOW_FAIL)
        return received == sent && sent + refused == tried;
    return sent == tried && received + lost == tried;
}

bool conserve_star(struct conserve *c)
{
    star.each = c->n / 4 / PRODUCERS + 1;
    return with(c, RT_OVERFLOW_FAIL) && with(c, RT_OVERFLOW_DROP_NEWEST) &&
           with(c, RT_OVERFLOW_DROP_OLDEST) && with(c, RT_OVERFLOW_BLOCK);
}

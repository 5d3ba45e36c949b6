/*
 * payload.c -- terms of all kinds, whole on arrival: each is made anew from its
 * number by the receiver, and compared. Boxes are shared by many receivers, and
 * binaries by their counts.
 */
#include <stdlib.h>
#include <string.h>

#include "conserve.h"

#define SENDERS   8
#define RECEIVERS 16
#define LARGE     20000

struct payload {
    etf_pid receivers[RECEIVERS];
    uint64_t each, seed;
    atomic_uint_fast64_t sent, received, damaged;
};

static struct payload payload;

static etf_term bytes(struct gen *self, uint64_t n, size_t size)
{
    uint8_t *text = malloc(size);
    etf_term t;

    conserve_must(text == NULL ? AGNER_ENOMEM : AGNER_OK, "memory");
    memset(text, (int)(n & 0xff), size);
    t = etf_binary(rt_region(self), text, size);
    free(text);
    return t;
}

/* The term with the number n. */
static etf_term make(struct gen *self, uint64_t n)
{
    int64_t i = (int64_t)n;

    switch (n % 8) {
    case 0:
        return etf_make(self, "{n, _, [1, 2, 3 | tail]}", i);
    case 1:
        return etf_make(self, "#{key => _, {a, b} => [x, y], 3 => \"text\"}",
                        i);
    case 2:
        return etf_make(self, "{_, 123456789012345678901234567890, 1.5}", i);
    case 3:
        return etf_make(self, "{_, _}", i, bytes(self, n, LARGE));
    case 4:
        return etf_make(self, "{_, _}", i, bytes(self, n, n % 200));
    case 5:
        return etf_make(self, "[_, [[[[[[[[nested]]]]]]]], {}, [], <<>>]", i);
    case 6:
        return etf_make(self, "{_, _, _}", i, (int64_t)(n % 2), (double)n / 3);
    default:
        return etf_int(rt_region(self), i);
    }
}

static enum rt_next check(struct gen *self, const struct rt_message *m)
{
    const etf_term *items = etf_tuple_items(m->term);
    int64_t n;

    if (etf_tuple_size(m->term) != 2 || !etf_get_int(items[0], &n))
        return rt_stop(self, ETF_A(normal));
    if (!etf_equal(items[1], make(self, (uint64_t)n)))
        atomic_fetch_add(&payload.damaged, 1);
    atomic_fetch_add(&payload.received, 1);
    return RT_NEXT;
}

static const struct rt_behavior behavior = { .name = "payload",
                                             .message = check };

static void to_one(struct gen *self, uint64_t n)
{
    conserve_must(
        rt_send_pid(self, payload.receivers[n / 8 % RECEIVERS],
                    etf_make(self, "{_, _}", (int64_t)n, make(self, n))),
        "send");
}

static void to_all(struct gen *self, uint64_t n)
{
    struct etf_box *box =
        etf_box_new(etf_make(self, "{_, _}", (int64_t)n, make(self, n)));

    conserve_must(box == NULL ? AGNER_ENOMEM : AGNER_OK, "box");
    for (unsigned i = 0; i < RECEIVERS; i++)
        conserve_must(rt_send_box(self,
                                  etf_from_pid(NULL, payload.receivers[i]),
                                  etf_box_hold(box)),
                      "send");
    etf_box_free(box);
}

static void sender(struct gen *self, void *arg)
{
    uint64_t random = conserve_seed(payload.seed, (uint64_t)(uintptr_t)arg);
    uint64_t sent = 0;

    while (sent < payload.each) {
        uint64_t n = conserve_draw(&random) >> 8;

        /* Counted before: it is never below what was received. */
        atomic_fetch_add(&payload.sent, n % 3 == 0 ? RECEIVERS : 1);
        if (n % 3 == 0) {
            to_all(self, n);
            sent += RECEIVERS;
        } else {
            to_one(self, n);
            sent++;
        }
        rt_reset(self);
        /* Receivers compare: not more than they can take. */
        while (atomic_load(&payload.sent) - atomic_load(&payload.received) >
               2000)
            (void)rt_sleep(self, 1);
    }
}

bool conserve_payload(struct conserve *c)
{
    etf_pid senders[SENDERS];
    uint64_t sent;

    payload.each = c->n / SENDERS + 1;
    payload.seed = c->seed;
    atomic_store(&payload.sent, 0);
    atomic_store(&payload.received, 0);
    for (unsigned i = 0; i < RECEIVERS; i++)
        conserve_must(rt_start(c->self, &behavior, etf_nil(), NULL,
                               &payload.receivers[i], NULL),
                      "start");
    for (unsigned i = 0; i < SENDERS; i++)
        conserve_must(
            rt_spawn(c->self, sender, (void *)(uintptr_t)i, NULL, &senders[i]),
            "spawn");
    for (unsigned i = 0; i < SENDERS; i++)
        conserve_must(rt_wait(c->self, senders[i], CONSERVE_WAIT_MS), "wait");
    sent = atomic_load(&payload.sent);
    for (unsigned i = 0; i < RECEIVERS; i++)
        conserve_must(rt_send_pid(c->self, payload.receivers[i], ETF_A(normal)),
                      "stop");
    for (unsigned i = 0; i < RECEIVERS; i++)
        conserve_must(rt_wait(c->self, payload.receivers[i], CONSERVE_WAIT_MS),
                      "wait");
    c->messages = sent;
    CONSERVE_SAY(c, "%llu sent, %llu received, %llu damaged",
                 (unsigned long long)sent,
                 (unsigned long long)atomic_load(&payload.received),
                 (unsigned long long)atomic_load(&payload.damaged));
    return sent == atomic_load(&payload.received) &&
           atomic_load(&payload.damaged) == 0;
}

/*
 * bench_latency.c -- rows latency, latency_idle and timer_fire: how late is
 * what should happen at a time?
 *
 * A pinger sends a ping each millisecond, whether the last one was answered or
 * not. `rtt` is from the send until the answer is handled; `e2e` from the
 * moment at which the ping was due, so that a pinger that comes late counts
 * too. In `latency` two processes compute for 10 ms at a time without giving
 * way, and 1000 pairs talk as fast as they can; the watchdog has its default.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define HOGS      2
#define PAIRS     1000
#define HOG_NS    10000000.0
#define MS        1000000u /* nanoseconds of a millisecond */
#define SETTLE_MS 500
#define START_MS  10 /* from the pinger's start to the tick before its first */

/* ---- Figures of a list of times ------------------------------------------ */

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static void out_share(const struct bench *b, const char *what, const char *name,
                      const uint64_t *sorted, int64_t count, double share)
{
    int64_t i = (int64_t)((double)count * share + 0.999999) - 1;
    char metric[40];

    (void)snprintf(metric, sizeof metric, "%s_%s", what, name);
    bench_out(b, metric, (double)sorted[i > 0 ? i : 0] / 1e3, "us");
}

/* ---- The load ------------------------------------------------------------ */

static volatile uint64_t spun;

static uint64_t spin(int64_t steps)
{
    uint64_t a = spun | 1;

    for (int64_t i = 0; i < steps; i++)
        a = (a * 1103515245 + 12345) & 0x7fffffff;
    spun = a;
    return a;
}

static int64_t hog_steps; /* how many take 10 ms here */

static void calibrate(void)
{
    const int64_t steps = 50000000;
    uint64_t took;

    (void)spin(steps / 5);
    took = bench_now();
    (void)spin(steps);
    took = bench_now() - took;
    hog_steps = (int64_t)((double)steps * HOG_NS / (double)took);
}

static enum rt_next hog_message(struct gen *self, const struct rt_message *m)
{
    (void)m;
    (void)spin(hog_steps);
    bench_send(self, rt_self(self), bench_atoms.go);
    return RT_NEXT;
}

static const struct rt_behavior hog = { .name = "hog", .message = hog_message };

/* Fills `pids` with those that are to be killed at the end. */
static void load(struct gen *self, etf_pid pids[HOGS + PAIRS])
{
    calibrate();
    for (int i = 0; i < HOGS; i++) {
        pids[i] = bench_start(self, &hog, ETF_NONE);
        bench_send(self, pids[i], bench_atoms.go);
    }
    bench_busy_pairs(self, PAIRS, pids + HOGS);
    bench_must(rt_sleep(self, SETTLE_MS), "settling");
}

/* ---- The pinger ---------------------------------------------------------- */

struct pings {
    int64_t count;
    uint64_t *rtt, *e2e; /* owned by measure(); nanoseconds */
    etf_pid boss;
};

/* bench_start() has terms for arguments, and one row runs at a time. */
static struct pings pings;

static enum rt_next echo_message(struct gen *self, const struct rt_message *m)
{
    const etf_term *in = etf_tuple_items(m->term);
    etf_term out[3] = { bench_atoms.pong };

    if (!etf_is_tagged(m->term, bench_atoms.ping, 4))
        return RT_NEXT;
    out[1] = in[2];
    out[2] = in[3];
    bench_must(rt_send(self, in[1], etf_tuple(rt_region(self), out, 3)),
               "pong");
    return RT_NEXT;
}

static const struct rt_behavior echo = { .name = "echo",
                                         .message = echo_message };

struct pinger {
    etf_pid echo;
    uint64_t zero_ms; /* tick i is due i milliseconds after it */
    int64_t next, got;
};

static void set_tick(struct gen *self, const struct pinger *p)
{
    bench_must(rt_send_at(self, rt_self_term(self), bench_atoms.tick,
                          p->zero_ms + (uint64_t)p->next, NULL),
               "tick");
}

/* args: the pid of the echo. */
static enum rt_next pinger_init(struct gen *self, etf_term args)
{
    struct pinger *p = rt_state(self);

    if (!etf_get_pid(args, &p->echo))
        return rt_stop(self, ETF_A(badarg));
    p->zero_ms = rt_now_ms(rt_of(self)) + START_MS;
    p->next = 1;
    set_tick(self, p);
    return RT_NEXT;
}

/* All that are due: more than one when the tick came late. */
static void send_due(struct gen *self, struct pinger *p)
{
    struct etf_region *r = rt_region(self);

    while (p->next <= pings.count) {
        uint64_t now = rt_now_ns(rt_of(self));
        etf_term items[4] = { bench_atoms.ping, rt_self_term(self),
                              etf_int(r, p->next), etf_int(r, (int64_t)now) };

        if (now < (p->zero_ms + (uint64_t)p->next) * MS)
            break;
        bench_send(self, p->echo, etf_tuple(r, items, 4));
        p->next++;
    }
    if (p->next <= pings.count)
        set_tick(self, p);
}

static enum rt_next pinger_message(struct gen *self, const struct rt_message *m)
{
    struct pinger *p = rt_state(self);
    const etf_term *items = etf_tuple_items(m->term);
    uint64_t now = rt_now_ns(rt_of(self));
    int64_t number, sent;

    if (etf_same(m->term, bench_atoms.tick)) {
        send_due(self, p);
        return RT_NEXT;
    }
    if (!etf_is_tagged(m->term, bench_atoms.pong, 3) ||
        !etf_get_int(items[1], &number) || !etf_get_int(items[2], &sent))
        return RT_NEXT;
    pings.rtt[p->got] = now - (uint64_t)sent;
    pings.e2e[p->got] = now - (p->zero_ms + (uint64_t)number) * MS;
    if (++p->got == pings.count)
        bench_send(self, pings.boss, bench_atoms.done);
    return RT_NEXT;
}

static const struct rt_behavior pinger = {
    .name = "pinger",
    .state_size = sizeof(struct pinger),
    .init = pinger_init,
    .message = pinger_message,
};

static void report(struct bench *b, const char *what, uint64_t *times)
{
    qsort(times, (size_t)b->n, sizeof *times, compare);
    out_share(b, what, "p50", times, b->n, 0.5);
    out_share(b, what, "p99", times, b->n, 0.99);
    out_share(b, what, "p99.9", times, b->n, 0.999);
}

void bench_latency_idle(struct bench *b)
{
    etf_pid other = bench_start(b->self, &echo, ETF_NONE);

    pings = (struct pings){
        .count = b->n,
        .rtt = bench_memory((size_t)b->n, sizeof(uint64_t)),
        .e2e = bench_memory((size_t)b->n, sizeof(uint64_t)),
        .boss = rt_self(b->self),
    };
    (void)bench_start(b->self, &pinger, etf_from_pid(NULL, other));
    bench_wait_done(b->self, 1);
    report(b, "rtt", pings.rtt);
    report(b, "e2e", pings.e2e);
    free(pings.rtt);
    free(pings.e2e);
}

void bench_latency(struct bench *b)
{
    etf_pid pids[HOGS + PAIRS];

    load(b->self, pids);
    bench_latency_idle(b);
    bench_kill(b->self, pids, HOGS + PAIRS);
}

/* ---- timer_fire: N timers that end within one second --------------------- */

struct firing {
    int64_t count;
    uint64_t *late; /* owned by bench_timer_fire(); nanoseconds */
};

static void fire(struct gen *self, void *arg)
{
    struct firing *f = arg;
    uint64_t zero = rt_now_ms(rt_of(self)) + 200;

    for (int64_t i = 1; i <= f->count; i++) {
        int64_t at = (int64_t)zero + i * 7919 % 1000;

        bench_must(rt_send_at(self, rt_self_term(self),
                              etf_int(rt_region(self), at), (uint64_t)at, NULL),
                   "timer");
        rt_reset(self);
    }
    for (int64_t i = 0; i < f->count; i++) {
        etf_term message;
        uint64_t now;
        int64_t at;

        bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "due");
        now = rt_now_ns(rt_of(self));
        if (!etf_get_int(message, &at) || now < (uint64_t)at * MS)
            bench_must(AGNER_EUNKNOWN, "a timer before its time");
        f->late[i] = now - (uint64_t)at * MS;
        rt_reset(self);
    }
}

void bench_timer_fire(struct bench *b)
{
    struct firing f = { .count = b->n,
                        .late = bench_memory((size_t)b->n, sizeof *f.late) };
    etf_pid pid = bench_spawn(b->self, fire, &f);

    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "timers");
    qsort(f.late, (size_t)b->n, sizeof *f.late, compare);
    out_share(b, "late", "p50", f.late, b->n, 0.5);
    out_share(b, "late", "p99", f.late, b->n, 0.99);
    out_share(b, "late", "max", f.late, b->n, 1.0);
    free(f.late);
}

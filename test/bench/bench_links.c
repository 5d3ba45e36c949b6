/*
 * bench_links.c -- rows links and hub: what a link or a monitor between two
 * processes costs, and the end of one that is linked to N others.
 */
#include "bench.h"

#include <stdlib.h>

/* ---- links: set up, confirmed by a round trip, taken back, confirmed
 * -------------- */

struct knot {
    int64_t count;
    etf_pid other;
    uint64_t link_ns, monitor_ns;
};

/* Answers each ping, after all that came before it has acted. */
static enum rt_next answer(struct gen *self, const struct rt_message *m)
{
    bench_send(self, m->sender, bench_atoms.pong);
    return RT_NEXT;
}

static const struct rt_behavior answering = { .name = "answering",
                                              .message = answer };

static void confirm(struct gen *self, etf_pid other)
{
    etf_term message;

    bench_send(self, other, bench_atoms.ping);
    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "pong");
    rt_reset(self);
}

static void tie_and_untie(struct gen *self, void *arg)
{
    struct knot *k = arg;
    uint64_t begin = bench_now();
    etf_term other = etf_from_pid(NULL, k->other);

    for (int64_t i = 0; i < k->count; i++) {
        bench_must(rt_link(self, k->other), "link");
        confirm(self, k->other);
        bench_must(rt_unlink(self, k->other), "unlink");
        confirm(self, k->other);
    }
    k->link_ns = bench_now() - begin;
    begin = bench_now();
    for (int64_t i = 0; i < k->count; i++) {
        etf_ref ref;

        bench_must(rt_monitor(self, other, 0, &ref), "monitor");
        confirm(self, k->other);
        bench_must(rt_demonitor(self, ref, true), "demonitor");
        confirm(self, k->other);
    }
    k->monitor_ns = bench_now() - begin;
}

void bench_links(struct bench *b)
{
    struct knot k = { .other = bench_start(b->self, &answering, ETF_NONE) };

    for (k.count = b->n / 10 > 0 ? b->n / 10 : 1;; k.count = b->n) {
        etf_pid pid = bench_spawn(b->self, tie_and_untie, &k);

        bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "links");
        if (k.count == b->n)
            break;
    }
    bench_out_each(b, "ns_link_unlink", k.link_ns, b->n);
    bench_out_each(b, "ns_monitor_demonitor", k.monitor_ns, b->n);
}

/* ---- hub: N processes that a link ties to one, which dies
 * -------------------------- */

struct hub {
    int64_t count;
    etf_pid boss;
    etf_pid *members; /* owned by bench_hub() */
    uint64_t took;
};

static void hub(struct gen *self, void *arg)
{
    struct rt_spawn_options options = { .link = true };
    struct hub *h = arg;
    uint64_t begin = bench_now();
    etf_term message;

    for (int64_t i = 0; i < h->count; i++)
        bench_must(rt_start_nowait(self, &answering, etf_nil(), &options,
                                   &h->members[i]),
                   "member");
    h->took = bench_now() - begin;
    bench_send(self, h->boss, bench_atoms.done);
    (void)rt_receive(self, RT_INFINITY, &message); /* until it is told to end */
}

static void receive_all(struct bench *b, int64_t count)
{
    etf_term message;

    for (int64_t i = 0; i < count; i++) {
        bench_must(rt_receive(b->self, BENCH_WAIT_MS, &message), "receive");
        if (i % 64 == 0)
            rt_reset(b->self);
    }
    rt_reset(b->self);
}

/* The boss watches each member, and all have ended when all downs are there. A
 * round trip before makes sure that nothing else is left to do. */
static uint64_t end_of_hub(struct bench *b, struct hub *h)
{
    etf_pid pid = bench_spawn(b->self, hub, h);
    uint64_t begin;

    bench_wait_done(b->self, 1);
    for (int64_t i = 0; i < h->count; i++) {
        etf_ref ref;

        bench_must(
            rt_monitor(b->self, etf_from_pid(NULL, h->members[i]), 0, &ref),
            "monitor");
        bench_send(b->self, h->members[i], bench_atoms.ping);
    }
    receive_all(b, h->count);
    begin = bench_now();
    bench_must(rt_exit_signal(b->self, pid, bench_atoms.done), "exit");
    receive_all(b, h->count);
    return bench_now() - begin;
}

void bench_hub(struct bench *b)
{
    struct hub h = { .boss = rt_self(b->self),
                     .members = bench_memory((size_t)b->n, sizeof *h.members) };
    uint64_t ns;

    h.count = b->n / 10 > 0 ? b->n / 10 : 1;
    (void)end_of_hub(b, &h);
    h.count = b->n;
    ns = end_of_hub(b, &h);
    bench_out_each(b, "ns_per_spawn_link", h.took, b->n);
    bench_out(b, "ms_until_all_ended", (double)ns / 1e6, "ms");
    free(h.members);
}

/* With a hundredth of N, a tenth and all: for a member. */
void bench_scale_hub(struct bench *b)
{
    struct hub h = { .boss = rt_self(b->self),
                     .members = bench_memory((size_t)b->n, sizeof *h.members) };

    for (int64_t part = 100; part > 0; part /= 10) {
        double members;
        uint64_t ns;

        h.count = b->n / part > 0 ? b->n / part : 1;
        members = (double)h.count;
        if (part == 100)
            (void)end_of_hub(b, &h); /* warm */
        ns = end_of_hub(b, &h);
        bench_out_at(b, "ns_per_spawn_link", h.count, (double)h.took / members,
                     "ns");
        bench_out_at(b, "ns_until_ended", h.count, (double)ns / members, "ns");
    }
    free(h.members);
}

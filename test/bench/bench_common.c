/*
 * bench_common.c -- what the rows share, and the processes that several use.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rt_world.h>

struct bench_atoms bench_atoms;

void bench_init(void)
{
#define BENCH_ATOM_LOOKUP(name) bench_atoms.name = etf_atom(#name);
    BENCH_ATOMS(BENCH_ATOM_LOOKUP)
#undef BENCH_ATOM_LOOKUP
}

uint64_t bench_now(void)
{
    const struct rt_world *world = rt_world_real();

    return world->now_ns(world->ctx);
}

bool bench_is_plain(void)
{
    const char *text = getenv("BENCH_PLAIN");

    return text != NULL && text[0] != '\0';
}

void bench_out(const struct bench *b, const char *metric, double value,
               const char *unit)
{
    const char *peer = getenv("BENCH_PEER");

    printf("%s %s %s %.4f %s\n", b->row, peer != NULL ? peer : "agner", metric,
           value, unit);
    fflush(stdout);
}

void bench_out_each(const struct bench *b, const char *metric, uint64_t ns,
                    int64_t count)
{
    bench_out(b, metric, (double)ns / (double)count, "ns");
}

void bench_out_rate(const struct bench *b, const char *metric, const char *unit,
                    uint64_t ns, int64_t count)
{
    bench_out(b, metric, (double)count * 1e9 / (double)(ns > 0 ? ns : 1), unit);
}

void bench_out_at(const struct bench *b, const char *metric, int64_t size,
                  double value, const char *unit)
{
    int64_t part = size % 1000000 == 0 ? 1000000 : size % 1000 == 0 ? 1000 : 1;
    const char *letter = part == 1000000 ? "M" : part == 1000 ? "k" : "";
    char text[64];

    (void)snprintf(text, sizeof text, "%s_at_%lld%s", metric,
                   (long long)(size / part), letter);
    bench_out(b, text, value, unit);
}

/* _exit: other threads are in the middle of things. */
void bench_must(enum agner_err err, const char *what)
{
    if (err == AGNER_OK || err == AGNER_EKILLED)
        return;
    fprintf(stderr, "%s: %s\n", what, agner_strerror(err));
    _exit(1);
}

void *bench_memory(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    bench_must(memory == NULL ? AGNER_ENOMEM : AGNER_OK, "memory");
    return memory;
}

etf_pid bench_start(struct gen *self, const struct rt_behavior *behavior,
                    etf_term args)
{
    etf_pid pid;

    bench_must(rt_start(self, behavior, etf_is_none(args) ? etf_nil() : args,
                        NULL, &pid, NULL),
               behavior->name);
    return pid;
}

etf_pid bench_spawn(struct gen *self, void (*code)(struct gen *self, void *arg),
                    void *arg)
{
    etf_pid pid;

    bench_must(rt_spawn(self, code, arg, NULL, &pid), "spawn");
    return pid;
}

void bench_send(struct gen *self, etf_pid to, etf_term message)
{
    bench_must(rt_send_pid(self, to, message), "send");
}

void bench_wait_done(struct gen *self, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        etf_term message = bench_atoms.done;

        bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "waiting");
        if (!etf_same(message, bench_atoms.done))
            bench_must(AGNER_EUNKNOWN, "waiting for done");
        rt_reset(self);
    }
}

void bench_kill(struct gen *self, const etf_pid *pids, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        (void)rt_exit_signal(self, pids[i], ETF_A(kill)); /* or it has ended */
    for (int64_t i = 0; i < count; i++)
        bench_must(rt_wait(self, pids[i], BENCH_WAIT_MS), "end");
}

etf_term bench_tag(struct gen *self, int64_t n)
{
    struct etf_region *r = rt_region(self);
    etf_term items[2] = { bench_atoms.tag, etf_int(r, n) };

    return etf_tuple(r, items, 2);
}

/* ---- counter ---------------------------------------------------------------
 */

struct counter {
    int64_t left;
    etf_pid boss;
};

static enum rt_next counter_init(struct gen *self, etf_term args)
{
    struct counter *c = rt_state(self);

    if (!etf_match(args, "{_, _}", &c->left, &c->boss))
        return rt_stop(self, ETF_A(badarg));
    return RT_NEXT;
}

static enum rt_next counter_message(struct gen *self,
                                    const struct rt_message *m)
{
    struct counter *c = rt_state(self);

    if (!etf_is_tagged(m->term, bench_atoms.tag, 2) || --c->left > 0)
        return RT_NEXT;
    bench_send(self, c->boss, bench_atoms.done);
    return rt_stop(self, ETF_A(normal));
}

const struct rt_behavior bench_counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .init = counter_init,
    .message = counter_message,
};

/* ---- blast
 * ------------------------------------------------------------------- */

/* The region is reset once in a while, not for each message: as a callback
 * would, which sends some and returns. */
#define BLAST_RESET 64

void bench_blast(struct gen *self, void *arg)
{
    const struct bench_blast *blast = arg;
    etf_term go;

    bench_must(rt_receive(self, BENCH_WAIT_MS, &go), "go");
    for (int64_t i = 0; i < blast->count; i++) {
        bench_send(self, blast->to, bench_tag(self, i));
        if (i % BLAST_RESET == 0)
            rt_reset(self);
    }
}

/* ---- number
 * ------------------------------------------------------------------ */

static enum gen_next number_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    int64_t *value = gen_state(self);

    if (!etf_same(request, bench_atoms.incr))
        return gen_reply(self, from, ETF_A(badarg));
    return gen_reply(self, from, etf_int(rt_region(self), ++*value));
}

const struct gen_server bench_number = {
    .name = "number",
    .state_size = sizeof(int64_t),
    .handle_call = number_call,
};

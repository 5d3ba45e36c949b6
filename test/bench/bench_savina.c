/*
 * bench_savina.c -- rows big, chameneos, counting and bank: shapes of the
 * Savina benchmarks, where many processes talk to many.
 */
#include "bench.h"

#include <stdlib.h>

/* Numbers that look random, the same in each peer's program. */
static uint64_t next_random(uint64_t seed)
{
    return (seed * 1103515245 + 12345) & 0x7fffffff;
}

/* ---- big: 120 processes, each asks a random one, again when it answers --- */

#define BIG_PLAYERS 120

/* bench_start() has terms for arguments, and one row runs at a time. */
static struct {
    etf_pid players[BIG_PLAYERS];
    int64_t each; /* questions that each asks */
    etf_pid boss;
} big;

struct player {
    uint64_t seed;
    int64_t left;
};

static void ask_somebody(struct gen *self, struct player *p)
{
    etf_term items[2] = { bench_atoms.ping, rt_self_term(self) };

    p->seed = next_random(p->seed);
    bench_send(self, big.players[(p->seed >> 8) % BIG_PLAYERS],
               etf_tuple(rt_region(self), items, 2));
}

/* args: the seed. */
static enum rt_next player_init(struct gen *self, etf_term args)
{
    struct player *p = rt_state(self);
    int64_t seed;

    if (!etf_get_int(args, &seed))
        return rt_stop(self, ETF_A(badarg));
    *p = (struct player){ .seed = (uint64_t)seed, .left = big.each };
    return RT_NEXT;
}

/* `go`, {ping, From} from others, and `pong` from who was asked. */
static enum rt_next player_message(struct gen *self, const struct rt_message *m)
{
    struct player *p = rt_state(self);

    if (etf_is_tagged(m->term, bench_atoms.ping, 2))
        bench_must(rt_send(self, etf_tuple_items(m->term)[1], bench_atoms.pong),
                   "pong");
    else if (etf_same(m->term, bench_atoms.go) || --p->left > 0)
        ask_somebody(self, p);
    else
        bench_send(self, big.boss, bench_atoms.done);
    return RT_NEXT;
}

static const struct rt_behavior player = {
    .name = "player",
    .state_size = sizeof(struct player),
    .init = player_init,
    .message = player_message,
};

static uint64_t play_big(struct gen *self, int64_t n)
{
    uint64_t took;

    big.each = n / BIG_PLAYERS > 0 ? n / BIG_PLAYERS : 1;
    big.boss = rt_self(self);
    for (int i = 0; i < BIG_PLAYERS; i++)
        big.players[i] =
            bench_start(self, &player, etf_int(NULL, i * 7919 + 1));
    took = bench_now();
    for (int i = 0; i < BIG_PLAYERS; i++)
        bench_send(self, big.players[i], bench_atoms.go);
    bench_wait_done(self, BIG_PLAYERS);
    took = bench_now() - took;
    bench_kill(self, big.players, BIG_PLAYERS);
    return took;
}

void bench_big(struct bench *b)
{
    uint64_t took;

    (void)play_big(b->self, b->n / 10);
    took = play_big(b->self, b->n);
    bench_out_rate(b, "msgs_per_s", "msgs/s", took, 2 * big.each * BIG_PLAYERS);
}

/* ---- chameneos: creatures meet in pairs and change their colours --------- */

#define CREATURES 100

struct creature {
    etf_pid mall;
    int64_t colour;
};

static void go_to_mall(struct gen *self, const struct creature *c)
{
    struct etf_region *r = rt_region(self);
    etf_term items[3] = { bench_atoms.meet, rt_self_term(self),
                          etf_int(r, c->colour) };

    /* When all have met the mall is killed, and some are on their way. */
    (void)rt_send_pid(self, c->mall, etf_tuple(r, items, 3));
}

/* args: {Mall, Colour} */
static enum rt_next creature_init(struct gen *self, etf_term args)
{
    struct creature *c = rt_state(self);

    if (!etf_match(args, "{_, _}", &c->mall, &c->colour))
        return rt_stop(self, ETF_A(badarg));
    go_to_mall(self, c);
    return RT_NEXT;
}

static enum rt_next creature_message(struct gen *self,
                                     const struct rt_message *m)
{
    struct creature *c = rt_state(self);
    int64_t other;

    if (etf_is_tagged(m->term, bench_atoms.met, 2) &&
        etf_get_int(etf_tuple_items(m->term)[1], &other)) {
        c->colour = (6 - c->colour - other) % 3;
        go_to_mall(self, c);
    }
    return RT_NEXT;
}

static const struct rt_behavior creature = {
    .name = "creature",
    .state_size = sizeof(struct creature),
    .init = creature_init,
    .message = creature_message,
};

struct mall {
    int64_t left; /* meetings */
    etf_pid boss;
    bool taken; /* one waits for another: */
    etf_term first;
    int64_t colour;
};

/* args: {N, Boss} */
static enum rt_next mall_init(struct gen *self, etf_term args)
{
    struct mall *m = rt_state(self);

    if (!etf_match(args, "{_, _}", &m->left, &m->boss))
        return rt_stop(self, ETF_A(badarg));
    return RT_NEXT;
}

static void tell(struct gen *self, etf_term who, int64_t colour)
{
    struct etf_region *r = rt_region(self);
    etf_term items[2] = { bench_atoms.met, etf_int(r, colour) };

    bench_must(rt_send(self, who, etf_tuple(r, items, 2)), "met");
}

/* {meet, Who, Colour}. A pid of this node has no memory of its own, so that
 * `first` outlives its message. */
static enum rt_next mall_message(struct gen *self, const struct rt_message *in)
{
    struct mall *m = rt_state(self);
    const etf_term *items = etf_tuple_items(in->term);
    int64_t colour;

    if (!etf_is_tagged(in->term, bench_atoms.meet, 3) ||
        !etf_get_int(items[2], &colour) || m->left == 0)
        return RT_NEXT;
    if (!m->taken) {
        m->taken = true;
        m->first = items[1];
        m->colour = colour;
        return RT_NEXT;
    }
    m->taken = false;
    tell(self, m->first, colour);
    tell(self, items[1], m->colour);
    if (--m->left == 0)
        bench_send(self, m->boss, bench_atoms.done);
    return RT_NEXT;
}

static const struct rt_behavior mall_behavior = {
    .name = "mall",
    .state_size = sizeof(struct mall),
    .init = mall_init,
    .message = mall_message,
};

static uint64_t meetings(struct gen *self, int64_t n)
{
    etf_pid pids[CREATURES + 1]; /* the last one is the mall */
    uint64_t took;

    pids[CREATURES] =
        bench_start(self, &mall_behavior,
                    etf_make(self, "{_, _}", n > 0 ? n : 1, rt_self(self)));
    took = bench_now();
    for (int i = 0; i < CREATURES; i++)
        pids[i] = bench_start(self, &creature,
                              etf_make(self, "{_, _}", pids[CREATURES], i % 3));
    bench_wait_done(self, 1);
    took = bench_now() - took;
    bench_kill(self, pids, CREATURES + 1);
    return took;
}

void bench_chameneos(struct bench *b)
{
    (void)meetings(b->self, b->n / 10);
    bench_out_each(b, "ns_per_meeting", meetings(b->self, b->n), b->n);
}

/* ---- counting: one sends N increments, and then asks how many came ------- */

static enum rt_next count_message(struct gen *self, const struct rt_message *m)
{
    int64_t *count = rt_state(self);
    struct etf_region *r = rt_region(self);
    etf_term items[2] = { bench_atoms.sum };

    if (etf_same(m->term, bench_atoms.incr)) {
        ++*count;
        return RT_NEXT;
    }
    if (!etf_is_tagged(m->term, bench_atoms.pid, 2))
        return RT_NEXT;
    items[1] = etf_int(r, *count);
    bench_must(
        rt_send(self, etf_tuple_items(m->term)[1], etf_tuple(r, items, 2)),
        "sum");
    return rt_stop(self, ETF_A(normal));
}

static const struct rt_behavior count_behavior = {
    .name = "count",
    .state_size = sizeof(int64_t),
    .message = count_message,
};

struct increments {
    etf_pid counter, boss;
    int64_t count;
};

static void send_increments(struct gen *self, void *arg)
{
    const struct increments *i = arg;

    for (int64_t k = 0; k < i->count; k++)
        bench_send(self, i->counter, bench_atoms.incr);
    bench_send(self, i->counter, etf_make(self, "{pid, _}", i->boss));
}

static uint64_t counting(struct gen *self, int64_t n)
{
    struct increments i = { .boss = rt_self(self), .count = n };
    uint64_t took = bench_now();
    etf_term message;
    int64_t sum = -1;
    etf_pid pid;

    i.counter = bench_start(self, &count_behavior, ETF_NONE);
    pid = bench_spawn(self, send_increments, &i);
    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "sum");
    took = bench_now() - took;
    if (!etf_match(message, "{sum, _}", &sum) || sum != n)
        bench_must(AGNER_EUNKNOWN, "wrong count");
    rt_reset(self);
    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "sender"); /* it reads i */
    return took;
}

void bench_counting(struct bench *b)
{
    (void)counting(b->self, b->n / 10);
    bench_out_rate(b, "msgs_per_s", "msgs/s", counting(b->self, b->n), b->n);
}

/* ---- bank: a teller tells accounts to move money, each to its neighbour -- */

#define ACCOUNTS 1000

struct account {
    int64_t balance;
};

/* {debit, Amount}: from the account before this one. */
static enum gen_next account_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    struct account *a = gen_state(self);
    int64_t amount;

    if (!etf_is_tagged(request, bench_atoms.debit, 2) ||
        !etf_get_int(etf_tuple_items(request)[1], &amount))
        return gen_reply(self, from, ETF_A(badarg));
    a->balance += amount;
    return gen_reply(self, from, bench_atoms.done);
}

/* {credit, Teller, Amount, To}: asks `To` with the usual time-out, then tells
 * the teller. Orders go one way only, so no two wait for each other. */
static enum gen_next account_info(struct gen *self, etf_term message)
{
    struct account *a = gen_state(self);
    const etf_term *items = etf_tuple_items(message);
    etf_term debit[2] = { bench_atoms.debit }, answer;
    int64_t amount;

    if (!etf_is_tagged(message, bench_atoms.credit, 4) ||
        !etf_get_int(items[2], &amount))
        return GEN_NEXT;
    debit[1] = items[2];
    bench_must(gen_call(self, items[3], etf_tuple(rt_region(self), debit, 2),
                        GEN_CALL_TIMEOUT_MS, &answer),
               "debit");
    a->balance -= amount;
    bench_must(rt_send(self, items[1], bench_atoms.done), "teller");
    return GEN_NEXT;
}

static const struct gen_server account = {
    .name = "account",
    .state_size = sizeof(struct account),
    .handle_call = account_call,
    .handle_info = account_info,
};

struct orders {
    etf_pid accounts[ACCOUNTS];
    int64_t count;
    etf_pid boss;
};

static void teller(struct gen *self, void *arg)
{
    const struct orders *o = arg;
    struct etf_region *r = rt_region(self);
    uint64_t seed = 4711;

    for (int64_t i = 0; i < o->count; i++) {
        etf_term items[4] = { bench_atoms.credit, rt_self_term(self) };
        uint64_t from;

        seed = next_random(seed);
        from = (seed >> 8) % (ACCOUNTS - 1);
        items[2] = etf_int(r, (int64_t)(seed % 100));
        items[3] = etf_from_pid(r, o->accounts[from + 1]);
        bench_send(self, o->accounts[from], etf_tuple(r, items, 4));
        if (i % 64 == 0)
            rt_reset(self);
    }
    bench_wait_done(self, o->count);
    bench_send(self, o->boss, bench_atoms.done);
}

static uint64_t transfers(struct gen *self, int64_t n)
{
    struct orders *o = bench_memory(1, sizeof *o);
    uint64_t took;
    etf_pid pid;

    o->boss = rt_self(self);
    o->count = n > 0 ? n : 1;
    for (int i = 0; i < ACCOUNTS; i++)
        bench_must(
            gen_start(self, &account, etf_nil(), NULL, &o->accounts[i], NULL),
            "account");
    took = bench_now();
    pid = bench_spawn(self, teller, o);
    bench_wait_done(self, 1);
    took = bench_now() - took;
    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "teller"); /* it reads o */
    bench_kill(self, o->accounts, ACCOUNTS);
    free(o);
    return took;
}

void bench_bank(struct bench *b)
{
    (void)transfers(b->self, b->n / 10);
    bench_out_rate(b, "tx_per_s", "tx/s", transfers(b->self, b->n), b->n);
}

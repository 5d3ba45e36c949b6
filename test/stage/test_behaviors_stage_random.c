/*
 * test_behaviors_stage_random.c -- random pipelines in the simulated world, and
 * what must hold in every one of them.
 *
 *   I12  a consumer never gets more events than it has asked for; events
 *        between one producer and one consumer keep their order; nothing comes
 *        twice, and nothing is lost but what a full buffer discards
 *   I13  what was asked for and has not come is at most max_demand
 *
 * and no demand is lost: in the end, when everybody has asked for plenty, a
 * producer that answers demand has nothing left, and no buffer holds anything.
 *
 * What each stage receives is seen on its way in (gen_debug_install), so the
 * stages' own counting is not believed. Pipelines have up to three layers, of
 * all roles, dispatchers and kinds of buffers; in the middle of it
 * subscriptions are made, made anew and cancelled by either side, demand is
 * switched to and fro, and stages are killed.
 *
 * `test_behaviors_stage_random SEED [COUNT]` runs the cases from that one on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CASES 1500u
#endif
#endif
#ifndef CASES
#define CASES 10000u
#endif
#define PER_WORLD  50u /* cases in one simulated world */
#define STAGES_MAX 8u
#define EDGES_MAX  64u
#define EVENTS_MAX 512u
#define MINE_MAX   8u
#define MAX_DEMAND 12u
#define PARTITIONS 3u
#define PLENTY     100000

enum kind { BY_DEMAND, BROADCAST, BY_PARTITION };

/* A subscription, as seen on the wire. */
struct edge {
    etf_ref ref;
    unsigned from, to; /* stages */
    uint64_t max, asked, got;
    bool manual, was_manual;
    bool over;      /* one end is gone, or it was cancelled */
    unsigned first; /* position of the first event; 0: none came */
    unsigned last;
};

struct stage_seen {
    etf_pid pid;
    bool alive, source, exact;
    enum gen_stage_role role;
    enum kind kind;
    bool endless; /* its buffer */
    bool lossy;   /* a consumer of it has ended, with what it had */
    bool accumulates;
    uint64_t left; /* source: events that it may still make */
    uint64_t emitted, received, discarded;
    uint64_t idle;                 /* events since one was delivered at once */
    uint16_t position[EVENTS_MAX]; /* of each event among those it emitted */
    bool taken[EVENTS_MAX];        /* somebody got it */
};

static struct {
    uint64_t seed, draws;
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
    struct stage_seen stages[STAGES_MAX];
    unsigned stage_count;
    struct edge edges[EDGES_MAX];
    unsigned edge_count;
    unsigned event_count;
    bool calm; /* nothing is cancelled nor killed in this case */
    char wrong[200];
} run;

static uint64_t checks; /* events that were looked at, in all cases */

static void wrong(const char *rule, long a, long b)
{
    if (run.wrong[0] == '\0')
        snprintf(run.wrong, sizeof run.wrong, "%s (%ld, %ld)", rule, a, b);
}

static unsigned draw(unsigned bound)
{
    uint64_t x = run.seed * 0x9e3779b97f4a7c15u + ++run.draws;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((x ^ x >> 31) % bound);
}

/* ---- The wire ----------------------------------------------------------- */

static struct edge *edge_of(etf_ref ref)
{
    for (unsigned i = 0; i < run.edge_count; i++)
        if (etf_ref_equal(run.edges[i].ref, ref))
            return &run.edges[i];
    return NULL;
}

static unsigned stage_of(etf_pid pid)
{
    for (unsigned i = 0; i < run.stage_count; i++)
        if (etf_pid_equal(run.stages[i].pid, pid))
            return i;
    return 0;
}

static void saw_subscribe(unsigned at, etf_pid consumer, etf_ref ref,
                          etf_term options)
{
    struct edge *e = &run.edges[run.edge_count];
    etf_term option, key, value;

    if (run.edge_count == EDGES_MAX)
        return;
    *e = (struct edge){ .ref = ref, .from = at, .to = stage_of(consumer) };
    while (etf_list_next(&options, &option)) {
        if (!etf_match(option, "{_, _}", &key, &value))
            continue;
        if (etf_atom_is(key, "max_demand"))
            (void)etf_get_uint(value, &e->max);
        if (etf_atom_is(key, "by_hand"))
            e->manual = e->was_manual = true;
    }
    if (!run.stages[e->to].alive) /* it has died since */
        e->over = run.stages[at].lossy = true;
    run.edge_count++;
}

static void saw_ask(etf_ref ref, uint64_t count)
{
    struct edge *e = edge_of(ref);

    if (e == NULL || e->over)
        return;
    e->asked += count;
    if (!e->was_manual && e->asked - e->got > e->max)
        wrong("I13: more under way than max_demand", (long)(e->asked - e->got),
              (long)e->max);
}

static void saw_events(unsigned at, etf_ref ref, etf_term events)
{
    struct edge *e = edge_of(ref);
    struct stage_seen *from;
    etf_term event;
    uint64_t n;

    if (e == NULL || e->to != at)
        return;
    from = &run.stages[e->from];
    while (etf_list_next(&events, &event)) {
        checks++;
        if (!etf_get_uint(event, &n) || n >= EVENTS_MAX) {
            wrong("an event that nobody has made", 0, 0);
            return;
        }
        if (++e->got > e->asked)
            wrong("I12: more events than were asked for", (long)e->got,
                  (long)e->asked);
        if (from->position[n] <= e->last)
            wrong("I12: out of order, or twice", from->position[n],
                  (long)e->last);
        if (from->kind == BROADCAST && e->last != 0 &&
            from->position[n] != e->last + 1 && from->discarded == 0)
            wrong("I12: a gap in a broadcast", from->position[n],
                  (long)e->last);
        if (from->kind != BROADCAST && from->taken[n])
            wrong("I12: two got the same event", (long)n, (long)at);
        if (e->first == 0)
            e->first = from->position[n];
        e->last = from->position[n];
        from->taken[n] = true;
        from->received++;
    }
}

static void hook(struct gen *self, void *ctx, etf_term event)
{
    unsigned at = (unsigned)(uintptr_t)ctx;
    etf_term what, options, current;
    etf_pid pid;
    etf_ref ref;
    uint64_t count;

    (void)self;
    if (etf_match(event, "{in, {'$gen_consumer', {_, _}, _}}", &pid, &ref,
                  &what))
        saw_events(at, ref, what);
    else if (etf_match(event, "{in, {'$gen_producer', {_, _}, {ask, _}}}", &pid,
                       &ref, &count))
        saw_ask(ref, count);
    else if (etf_match(event,
                       "{in, {'$gen_producer', {_, _}, {subscribe, _, _}}}",
                       &pid, &ref, &current, &options))
        saw_subscribe(at, pid, ref, options);
}

/* ---- Stages ------------------------------------------------------------- */

struct actor {
    unsigned number;
    bool begun;
    struct gen_subscription producers[MINE_MAX], consumers[MINE_MAX];
    unsigned producer_count, consumer_count;
};

static void mine_add(struct gen_subscription *mine, unsigned *count,
                     const struct gen_subscription *sub)
{
    if (*count < MINE_MAX)
        mine[(*count)++] = *sub;
}

static void mine_remove(struct gen_subscription *mine, unsigned *count,
                        const struct gen_subscription *sub)
{
    for (unsigned i = 0; i < *count; i++) {
        if (etf_ref_equal(mine[i].ref, sub->ref)) {
            mine[i] = mine[--*count];
            return;
        }
    }
}

/* Are all its messages as small as automatic demand makes them? */
static bool asks_for_little(unsigned number)
{
    for (unsigned i = 0; i < run.edge_count; i++)
        if (run.edges[i].to == number && run.edges[i].was_manual)
            return false;
    return run.stages[number].role == GEN_STAGE_PRODUCER_CONSUMER;
}

/* Notes their places, and emits them. */
static void emit(struct gen *self, struct stage_seen *s, etf_term events)
{
    struct gen_stage_sent sent;
    etf_term list = events, event;
    uint64_t n, before = s->emitted, total;

    while (etf_list_next(&list, &event)) {
        (void)etf_get_uint(event, &n);
        if (s->position[n] != 0)
            wrong("an event is handled twice", (long)n, 0);
        s->position[n] = (uint16_t)++s->emitted;
    }
    if (gen_stage_emit(self, events, &sent) != AGNER_OK)
        wrong("emit fails", 0, 0);
    /* One message of them may be more than was asked for, and no second one. */
    s->idle = sent.buffered + (sent.delivered == 0 ? s->idle : 0);
    if (run.calm && s->kind == BY_DEMAND && s->idle > MAX_DEMAND &&
        asks_for_little((unsigned)(s - run.stages)))
        wrong("it handles more than it was asked for", (long)s->idle, 0);
    total = sent.delivered + sent.buffered + sent.discarded;
    if (s->endless && total != s->emitted - before)
        wrong("emit loses count", (long)total, (long)(s->emitted - before));
}

static void make(struct gen *self, struct stage_seen *s, uint64_t count)
{
    etf_term events = etf_nil();

    if (count > s->left)
        count = s->left;
    if (count > EVENTS_MAX - 1 - run.event_count)
        count = EVENTS_MAX - 1 - run.event_count;
    s->left -= count;
    run.event_count += (unsigned)count;
    for (uint64_t i = 0; i < count; i++)
        events = etf_make(self, "[_ | _]", run.event_count - i, events);
    emit(self, s, events);
}

static enum gen_next on_demand(struct gen *self, uint64_t count)
{
    const struct actor *a = gen_state(self);
    struct stage_seen *s = &run.stages[a->number];

    if (!s->source)
        return GEN_NEXT; /* of role auto */
    if (s->exact)
        make(self, s, count);
    else
        make(self, s, draw((unsigned)count + 3));
    return GEN_NEXT;
}

static enum gen_next on_subscribe(struct gen *self,
                                  const struct gen_subscription *sub,
                                  etf_term options)
{
    struct actor *a = gen_state(self);

    (void)options;
    mine_add(a->consumers, &a->consumer_count, sub);
    return GEN_NEXT;
}

static void is_over(const struct gen_subscription *sub)
{
    struct edge *e = edge_of(sub->ref);

    if (e != NULL)
        e->over = true;
}

static enum gen_next on_cancel(struct gen *self,
                               const struct gen_subscription *sub,
                               enum gen_stage_end kind, etf_term reason)
{
    struct actor *a = gen_state(self);

    (void)kind;
    (void)reason;
    mine_remove(a->consumers, &a->consumer_count, sub);
    return GEN_NEXT;
}

static enum gen_next on_canceled(struct gen *self,
                                 const struct gen_subscription *sub,
                                 enum gen_stage_end kind, etf_term reason)
{
    struct actor *a = gen_state(self);

    (void)kind;
    (void)reason;
    mine_remove(a->producers, &a->producer_count, sub);
    is_over(sub);
    return GEN_NEXT;
}

static enum gen_next
on_events(struct gen *self, const struct gen_subscription *sub, etf_term events)
{
    const struct actor *a = gen_state(self);
    struct stage_seen *s = &run.stages[a->number];

    (void)sub;
    if (s->role != GEN_STAGE_CONSUMER)
        emit(self, s, events);
    return GEN_NEXT;
}

static bool on_discarded(struct gen *self, uint64_t count)
{
    const struct actor *a = gen_state(self);

    run.stages[a->number].discarded += count;
    return false;
}

static uint64_t by_number(struct gen *self, void *ctx, etf_term *event)
{
    uint64_t n = 0;

    (void)self;
    (void)ctx;
    (void)etf_get_uint(*event, &n);
    return n % PARTITIONS;
}

static enum gen_next on_init(struct gen *self, etf_term args)
{
    static const struct gen_stage_partition_options partitions = {
        .count = PARTITIONS, .hash = by_number
    };
    struct actor *a = gen_state(self);
    struct gen_stage_options o = { 0 };
    struct stage_seen *s;
    uint32_t number, buffer, accumulate, keep_first;

    if (!etf_match(args, "{_, _, _, _}", &number, &buffer, &keep_first,
                   &accumulate))
        return gen_stop(self, ETF_A(badarg));
    a->number = number;
    s = &run.stages[number];
    o.role = s->role;
    o.buffer_size = buffer;
    o.buffer_unbounded = buffer == 0;
    o.keep = keep_first != 0 ? GEN_STAGE_KEEP_FIRST : GEN_STAGE_KEEP_LAST;
    o.demand = accumulate != 0 ? GEN_STAGE_ACCUMULATE : GEN_STAGE_FORWARD;
    if (s->kind == BROADCAST)
        o.dispatcher = gen_stage_broadcast_dispatcher();
    if (s->kind == BY_PARTITION) {
        o.dispatcher = gen_stage_partition_dispatcher();
        o.dispatcher_options = &partitions;
    }
    if (gen_stage_setup(self, &o) != AGNER_OK ||
        gen_debug_install(self, hook, (void *)(uintptr_t)number) != AGNER_OK)
        return gen_stop(self, ETF_A(error));
    s->pid = rt_self(self);
    s->alive = true;
    a->begun = true;
    return GEN_NEXT;
}

static void on_destroy(void *state)
{
    const struct actor *a = state;

    if (!a->begun)
        return;
    run.stages[a->number].alive = false;
    for (unsigned i = 0; i < run.edge_count; i++) {
        struct edge *e = &run.edges[i];

        if (e->to == a->number || e->from == a->number) {
            if (e->to == a->number && !e->over)
                run.stages[e->from].lossy = true;
            e->over = true;
        }
    }
}

/* ---- Orders, as casts --------------------------------------------------- */

static void order_subscribe(struct gen *self, etf_term to, uint32_t max,
                            uint32_t min, bool manual, uint32_t mode,
                            etf_term extra)
{
    struct actor *a = gen_state(self);
    struct gen_stage_subscribe o = { .max_demand = max,
                                     .min_demand = min,
                                     .min_zero = true,
                                     .manual = manual,
                                     .cancel = (enum gen_stage_cancel)mode,
                                     .extra = extra };
    struct gen_subscription sub;

    if (a->producer_count < MINE_MAX &&
        gen_stage_subscribe(self, to, &o, &sub) == AGNER_OK)
        mine_add(a->producers, &a->producer_count, &sub);
}

static void order_resubscribe(struct gen *self, uint32_t k, uint32_t max)
{
    struct actor *a = gen_state(self);
    struct gen_stage_subscribe o = { .max_demand = max,
                                     .cancel = GEN_STAGE_TEMPORARY };
    struct gen_subscription sub;

    if (a->producer_count == 0 || a->producer_count == MINE_MAX)
        return;
    if (gen_stage_resubscribe(self, &a->producers[k % a->producer_count],
                              etf_atom("again"), &o, &sub) == AGNER_OK)
        mine_add(a->producers, &a->producer_count, &sub);
}

static void order_auto(struct gen *self, const struct gen_subscription *sub,
                       bool on)
{
    struct edge *e = edge_of(sub->ref);

    if (e != NULL)
        e->manual = !on;
    if (e != NULL && !on)
        e->was_manual = true;
    (void)gen_stage_auto_demand(self, sub, on);
}

/* Of the k-th subscription to a producer. */
static void order_of_mine(struct gen *self, etf_term order)
{
    struct actor *a = gen_state(self);
    const struct gen_subscription *sub;
    uint32_t k, n;
    bool on;

    if (a->producer_count == 0)
        return;
    if (etf_match(order, "{ask, _, _}", &k, &n)) {
        (void)gen_stage_ask(self, &a->producers[k % a->producer_count], n);
    } else if (etf_match(order, "{ask_all, _}", &n)) {
        for (k = 0; k < a->producer_count; k++)
            (void)gen_stage_ask(self, &a->producers[k], n);
    } else if (etf_match(order, "{cancel, _}", &k)) {
        sub = &a->producers[k % a->producer_count];
        (void)gen_stage_cancel(self, sub, ETF_A(normal));
    } else if (etf_match(order, "{auto, _, _}", &k, &on)) {
        order_auto(self, &a->producers[k % a->producer_count], on);
    }
}

static enum gen_next on_cast(struct gen *self, etf_term order)
{
    struct actor *a = gen_state(self);
    struct stage_seen *s = &run.stages[a->number];
    uint32_t k, max, min, mode;
    etf_term to, extra;
    bool on;

    if (etf_match(order, "{emit, _}", &k)) {
        make(self, s, k);
    } else if (etf_match(order, "{subscribe, _, _, _, _, _, _}", &to, &max,
                         &min, &on, &mode, &extra)) {
        order_subscribe(self, to, max, min, on, mode, extra);
    } else if (etf_match(order, "{resubscribe, _, _}", &k, &max)) {
        order_resubscribe(self, k, max);
    } else if (etf_match(order, "{forward, _}", &on)) {
        (void)gen_stage_forward_demand(self, on ? GEN_STAGE_FORWARD
                                                : GEN_STAGE_ACCUMULATE);
        s->accumulates = !on;
    } else if (etf_match(order, "{leave, _}", &k)) {
        if (a->consumer_count > 0)
            (void)gen_stage_cancel(self, &a->consumers[k % a->consumer_count],
                                   ETF_A(shutdown));
    } else {
        order_of_mine(self, order);
    }
    return GEN_NEXT;
}

static enum gen_next on_info(struct gen *self, etf_term message)
{
    (void)self;
    (void)message;
    return GEN_NEXT;
}

static const struct gen_stage actor = { .name = "actor",
                                        .state_size = sizeof(struct actor),
                                        .init = on_init,
                                        .handle_subscribe = on_subscribe,
                                        .handle_demand = on_demand,
                                        .handle_cancel = on_cancel,
                                        .handle_events = on_events,
                                        .handle_canceled = on_canceled,
                                        .handle_cast = on_cast,
                                        .handle_info = on_info,
                                        .format_discarded = on_discarded,
                                        .destroy = on_destroy };

/* ---- A random pipeline -------------------------------------------------- */

static void tell(unsigned to, etf_term order)
{
    if (run.stages[to].alive)
        (void)gen_cast(run.self, etf_from_pid(NULL, run.stages[to].pid), order);
}

static void start(unsigned layer, unsigned layers)
{
    unsigned number = run.stage_count++;
    struct stage_seen *s = &run.stages[number];
    unsigned buffer = draw(3) == 0 ? 1 + draw(20) : 0;
    etf_pid pid;

    memset(s, 0, sizeof *s);
    s->source = layer == 0;
    s->role = s->source ? GEN_STAGE_PRODUCER : GEN_STAGE_PRODUCER_CONSUMER;
    if (layer == layers - 1)
        s->role = GEN_STAGE_CONSUMER;
    else if (draw(4) == 0)
        s->role = GEN_STAGE_AUTO;
    s->kind = (enum kind)draw(3);
    s->endless = buffer == 0;
    s->exact = draw(4) != 0;
    s->left = 10 + draw(60);
    s->accumulates = s->source && draw(4) == 0;
    if (gen_stage_start(run.self, &actor,
                        etf_make(run.self, "{_, _, _, _}", number, buffer,
                                 draw(2), s->accumulates ? 1u : 0u),
                        NULL, &pid, NULL) != AGNER_OK)
        wrong("a stage does not start", (long)number, 0);
}

static etf_term extra_of(unsigned partition, bool manual)
{
    etf_term list = etf_make(run.self, "[{partition, _}]", partition);

    return manual ? etf_make(run.self, "[{by_hand, true} | _]", list) : list;
}

static void subscribe(unsigned consumer, unsigned producer, unsigned partition)
{
    unsigned max = 1 + draw(MAX_DEMAND), min = draw(max);
    bool manual = draw(4) == 0;
    unsigned mode = run.calm || draw(3) != 0 ? GEN_STAGE_TEMPORARY : draw(3);

    tell(consumer, etf_make(run.self, "{subscribe, _, _, _, _, _, _}",
                            run.stages[producer].pid, max, min, manual, mode,
                            extra_of(partition, manual)));
}

/* Layers of stages, each subscribed to some of the one before. */
static void build(void)
{
    unsigned layers = 2 + draw(2), before = 0, begin, end = 0;

    for (unsigned layer = 0; layer < layers; layer++) {
        unsigned count = 1 + draw(layer == layers - 1 ? 3 : 2);

        begin = end;
        for (unsigned i = 0; i < count && run.stage_count < STAGES_MAX; i++)
            start(layer, layers);
        end = run.stage_count;
        for (unsigned c = begin; layer > 0 && c < end; c++)
            for (unsigned p = before; p < begin; p++)
                if (run.calm || draw(4) != 0)
                    subscribe(c, p, c - begin);
        before = begin;
    }
}

/* ---- Random deeds ------------------------------------------------------- */

static void disturb(unsigned who)
{
    struct edge *e;

    switch (draw(7)) {
    case 0:
        tell(who, etf_make(run.self, "{cancel, _}", draw(8)));
        break;
    case 1:
        tell(who, etf_make(run.self, "{leave, _}", draw(8)));
        break;
    case 2:
        tell(who,
             etf_make(run.self, "{resubscribe, _, _}", draw(8), 1 + draw(9)));
        break;
    case 3:
        if (draw(3) == 0 && run.stages[who].alive)
            (void)rt_exit_signal(run.self, run.stages[who].pid,
                                 draw(2) == 0 ? ETF_A(kill) : ETF_A(shutdown));
        break;
    default:
        if (run.edge_count == 0)
            break;
        e = &run.edges[draw(run.edge_count)];
        subscribe(e->to, e->from, draw(PARTITIONS));
        break;
    }
}

static void deed(void)
{
    unsigned who = draw(run.stage_count);

    switch (draw(run.calm ? 5 : 8)) {
    case 0:
        if (run.stages[who].source)
            tell(who, etf_make(run.self, "{emit, _}", draw(9)));
        break;
    case 1:
        tell(who, etf_make(run.self, "{ask, _, _}", draw(8), 1 + draw(9)));
        break;
    case 2:
        tell(who, etf_make(run.self, "{auto, _, _}", draw(8), draw(2) == 0));
        break;
    case 3:
        tell(who, etf_make(run.self, "{forward, _}", draw(2) == 0));
        break;
    case 4:
        (void)gen_stage_async_info(
            run.self, etf_from_pid(NULL, run.stages[who].pid), ETF_A(info));
        break;
    default:
        disturb(who);
        break;
    }
    for (unsigned steps = draw(40); steps > 0; steps--)
        (void)sim_step(run.sim);
    rt_reset(run.self);
}

/* ---- When all is quiet -------------------------------------------------- */

static bool takes_all(unsigned number);

/* Is there a consumer, and do all of them take whatever comes? */
static bool gives_all(unsigned number)
{
    unsigned consumers = 0;

    for (unsigned i = 0; i < run.edge_count; i++) {
        const struct edge *e = &run.edges[i];

        if (e->from != number || e->over)
            continue;
        if (!takes_all(e->to))
            return false;
        consumers++;
    }
    if (run.stages[number].kind == BY_PARTITION)
        return consumers == PARTITIONS;
    return consumers > 0;
}

static bool takes_all(unsigned number)
{
    return run.stages[number].role != GEN_STAGE_PRODUCER_CONSUMER ||
           gives_all(number);
}

/* What the stage says itself that it holds. */
static uint64_t held_by(etf_term figures, unsigned number)
{
    etf_term row, map;
    uint64_t held = 0;
    etf_pid pid;

    while (etf_list_next(&figures, &row))
        if (etf_match(row, "{_, _}", &pid, &map) &&
            etf_pid_equal(pid, run.stages[number].pid))
            (void)etf_get_uint(etf_map_get(map, etf_atom("buffered")), &held);
    return held;
}

static void check_stage(unsigned number, etf_term figures)
{
    const struct stage_seen *s = &run.stages[number];
    uint64_t held = held_by(figures, number);

    if (!s->alive || s->role == GEN_STAGE_CONSUMER)
        return;
    if (s->kind != BROADCAST && !s->lossy &&
        s->emitted != s->received + held + s->discarded)
        wrong("I12: events are lost", (long)s->emitted,
              (long)(s->received + held + s->discarded));
    if (!gives_all(number))
        return;
    if (held != 0)
        wrong("events wait though all have asked", (long)held, (long)number);
    if (s->source && s->exact && s->left != 0 &&
        run.event_count < EVENTS_MAX - 1)
        wrong("demand is lost", (long)s->left, (long)number);
    for (unsigned i = 0; i < run.edge_count && s->kind == BROADCAST; i++) {
        const struct edge *e = &run.edges[i];

        if (e->from == number && !e->over && e->last != 0 &&
            e->last != s->emitted && s->discarded == 0)
            wrong("I12: a broadcast did not reach everybody", (long)e->last,
                  (long)s->emitted);
    }
}

static bool someone_lives(void)
{
    for (unsigned i = 0; i < run.stage_count; i++)
        if (run.stages[i].alive)
            return true;
    return false;
}

static bool all_are_dead(void *ctx)
{
    (void)ctx;
    return !someone_lives();
}

static void run_case(uint64_t seed)
{
    run.seed = seed;
    run.draws = 0;
    run.stage_count = run.edge_count = run.event_count = 0;
    run.wrong[0] = '\0';
    run.calm = draw(3) == 0;
    build();
    for (unsigned deeds = 5 + draw(15); deeds > 0; deeds--)
        deed();
    for (unsigned i = 0; i < run.stage_count; i++) {
        tell(i, etf_make(run.self, "{forward, true}"));
        tell(i, etf_make(run.self, "{ask_all, _}", PLENTY));
    }
    (void)sim_run(run.sim, 50);
    if (run.edge_count < EDGES_MAX) {
        etf_term figures =
            rt_figures_list(run.rt, rt_region(run.self), "stage");

        for (unsigned i = 0; i < run.stage_count; i++)
            check_stage(i, figures);
    }
    for (unsigned i = 0; i < run.stage_count; i++)
        (void)rt_exit_signal(run.self, run.stages[i].pid, ETF_A(kill));
    (void)sim_run_until(run.sim, all_are_dead, NULL, 1000);
    rt_reset(run.self);
    if (run.wrong[0] != '\0')
        fail_msg("seed %llu: %s", (unsigned long long)seed, run.wrong);
}

static void run_world(uint64_t seed, uint64_t count)
{
    struct sim_options options = { .pick = (enum sim_pick)(seed % 5) };
    struct rt_options rt_options = { .log_level = RT_LOG_NONE };

    run.sim = sim_new(seed, &options);
    rt_options.world = sim_world(run.sim);
    assert_int_equal(rt_new(&rt_options, &run.rt, NULL), AGNER_OK);
    run.self = rt_attach(run.rt);
    for (uint64_t i = 0; i < count; i++)
        run_case(seed + i);
    rt_detach(run.self);
    rt_free(run.rt, 1000);
    sim_free(run.sim);
}

static uint64_t first = 1, cases = CASES;

static void holds_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < cases; i += PER_WORLD)
        run_world(first + i,
                  cases - i < PER_WORLD ? cases - i : (uint64_t)PER_WORLD);
    assert_true(checks >= cases); /* it was not all quiet */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        holds_for_every_seed) };

    if (argc > 1) {
        first = strtoull(argv[1], NULL, 10);
        cases = argc > 2 ? strtoull(argv[2], NULL, 10) : PER_WORLD;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

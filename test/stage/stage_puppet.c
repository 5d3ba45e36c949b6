/*
 * stage_puppet.c -- a stage that tells of its callbacks: stage_puppet.h.
 */
#include "stage_puppet.h"

#include <string.h>

#define SUBS_MAX 16u

enum mode { HOLD, COUNTER, AT_MOST, UNTIL, SAME, TWICE, EVEN, MANUAL };

struct puppet {
    enum mode mode;
    uint64_t limit; /* AT_MOST, UNTIL */
    uint64_t next;
    etf_pid recorder;
    struct gen_subscription
        subs[SUBS_MAX]; /* in the order in which they came */
    size_t count;
};

static void note(struct gen *self, etf_term what)
{
    const struct puppet *p = gen_state(self);

    (void)rt_send_pid(self, p->recorder, etf_make(self, "{note, _}", what));
}

/* ---- Its start ---------------------------------------------------------- */

static bool read_mode(struct puppet *p, etf_term mode)
{
    static const char *const names[] = {
        "hold", "counter", "at_most", "until", "same", "twice", "even", "manual"
    };
    etf_term name = mode;

    if (etf_match(mode, "{_, _}", &name, &p->limit) &&
        !etf_atom_is(name, "at_most") && !etf_atom_is(name, "until"))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (etf_atom_is(name, names[i])) {
            p->mode = (enum mode)i;
            return true;
        }
    return false;
}

static enum gen_stage_role read_role(etf_term role)
{
    if (etf_atom_is(role, "producer"))
        return GEN_STAGE_PRODUCER;
    if (etf_atom_is(role, "consumer"))
        return GEN_STAGE_CONSUMER;
    return GEN_STAGE_PRODUCER_CONSUMER;
}

/* An integer belongs to its remainder, others nowhere. */
static uint64_t hash(struct gen *self, void *ctx, etf_term *event)
{
    const uint64_t *count = ctx;
    uint64_t n;

    (void)self;
    return etf_get_uint(*event, &n) ? n % *count : GEN_STAGE_NO_PARTITION;
}

static uint64_t three = 3;

static void read_dispatcher(struct gen_stage_options *o,
                            struct gen_stage_partition_options *partition,
                            etf_term value)
{
    etf_term list, option, key, number;

    if (etf_atom_is(value, "Elixir.GenStage.BroadcastDispatcher"))
        o->dispatcher = gen_stage_broadcast_dispatcher();
    if (!etf_match(value, "{'Elixir.GenStage.PartitionDispatcher', _}", &list))
        return;
    while (etf_list_next(&list, &option))
        if (etf_match(option, "{_, _}", &key, &number) &&
            etf_atom_is(key, "partitions"))
            (void)etf_get_uint(number, &partition->count);
    partition->hash = hash;
    partition->ctx = &three;
    o->dispatcher = gen_stage_partition_dispatcher();
    o->dispatcher_options = partition;
}

static void read_options(struct gen_stage_options *o,
                         struct gen_stage_partition_options *partition,
                         etf_term list)
{
    etf_term option, key, value;

    while (etf_list_next(&list, &option)) {
        if (!etf_match(option, "{_, _}", &key, &value))
            continue;
        if (etf_atom_is(key, "dispatcher"))
            read_dispatcher(o, partition, value);
        else if (etf_atom_is(key, "buffer_size"))
            o->buffer_unbounded = !etf_get_uint(value, &o->buffer_size);
        else if (etf_atom_is(key, "buffer_keep"))
            o->keep = etf_atom_is(value, "first") ? GEN_STAGE_KEEP_FIRST
                                                  : GEN_STAGE_KEEP_LAST;
        else if (etf_atom_is(key, "demand"))
            o->demand = etf_atom_is(value, "accumulate") ? GEN_STAGE_ACCUMULATE
                                                         : GEN_STAGE_FORWARD;
    }
}

static enum gen_next puppet_init(struct gen *self, etf_term args)
{
    struct puppet *p = gen_state(self);
    struct gen_stage_partition_options partition = { .names = ETF_NONE };
    struct gen_stage_options o = { .demand = GEN_STAGE_FORWARD };
    etf_term role, mode, options;

    if (!etf_match(args, "{_, _, _, _}", &role, &mode, &options,
                   &p->recorder) ||
        !read_mode(p, mode))
        return gen_stop(self, ETF_A(badarg));
    o.role = read_role(role);
    read_options(&o, &partition, options);
    if (gen_stage_setup(self, &o) != AGNER_OK)
        return gen_stop(self, etf_atom("bad_opts"));
    return GEN_NEXT;
}

/* ---- Events ------------------------------------------------------------- */

static enum gen_next puppet_demand(struct gen *self, uint64_t count)
{
    struct puppet *p = gen_state(self);
    etf_term events = etf_nil();
    uint64_t many = 0;

    note(self, etf_make(self, "{handle_demand, _}", count));
    if (p->mode == COUNTER)
        many = count;
    else if (p->mode == AT_MOST)
        many = count < p->limit ? count : p->limit;
    else if (p->mode == UNTIL && p->next < p->limit)
        many = count < p->limit - p->next ? count : p->limit - p->next;
    for (uint64_t i = many; i > 0; i--)
        events = etf_cons(rt_region(self),
                          etf_uint(rt_region(self), p->next + i - 1), events);
    p->next += many;
    (void)gen_stage_emit(self, events, NULL);
    return GEN_NEXT;
}

/* The events of a list with some left out, or twice. */
static etf_term turned(struct gen *self, enum mode mode, etf_term events)
{
    etf_term out = etf_nil(), back = etf_nil(), event;
    int64_t n;

    while (etf_list_next(&events, &event)) {
        if (mode == EVEN && etf_get_int(event, &n) && n % 2 != 0)
            continue;
        back = etf_cons(rt_region(self), event, back);
        if (mode == TWICE)
            back = etf_cons(rt_region(self), event, back);
    }
    while (etf_list_next(&back, &event))
        out = etf_cons(rt_region(self), event, out);
    return out;
}

static enum gen_next puppet_events(struct gen *self,
                                   const struct gen_subscription *sub,
                                   etf_term events)
{
    struct puppet *p = gen_state(self);

    note(self, etf_make(self, "{handle_events, _, _}", sub->ref, events));
    if (p->mode == SAME || p->mode == TWICE || p->mode == EVEN)
        (void)gen_stage_emit(self, turned(self, p->mode, events), NULL);
    return GEN_NEXT;
}

static bool puppet_discarded(struct gen *self, uint64_t count)
{
    note(self, etf_make(self, "{format_discarded, _}", count));
    return false;
}

/* ---- Subscriptions ------------------------------------------------------ */

static void keep(struct puppet *p, const struct gen_subscription *sub)
{
    if (p->count < SUBS_MAX)
        p->subs[p->count++] = *sub;
}

static enum gen_next puppet_subscribe(struct gen *self,
                                      const struct gen_subscription *sub,
                                      etf_term options)
{
    (void)options;
    note(self, etf_make(self, "{handle_subscribe, consumer, _}", sub->ref));
    keep(gen_state(self), sub);
    return GEN_NEXT;
}

static enum gen_next puppet_subscribed(struct gen *self,
                                       const struct gen_subscription *sub,
                                       etf_term options)
{
    struct puppet *p = gen_state(self);

    (void)options;
    note(self, etf_make(self, "{handle_subscribe, producer, _}", sub->ref));
    keep(p, sub);
    if (p->mode == MANUAL)
        (void)gen_stage_auto_demand(self, sub, false);
    return GEN_NEXT;
}

static enum gen_next puppet_over(struct gen *self,
                                 const struct gen_subscription *sub,
                                 enum gen_stage_end kind, etf_term reason)
{
    etf_term how =
        kind == GEN_STAGE_DOWN ? etf_atom("down") : etf_atom("cancel");

    note(self,
         etf_make(self, "{handle_cancel, {_, _}, _}", how, reason, sub->ref));
    return GEN_NEXT;
}

/* ---- The rest ----------------------------------------------------------- */

static enum gen_next puppet_info(struct gen *self, etf_term message)
{
    note(self, etf_make(self, "{handle_info, _}", message));
    return GEN_NEXT;
}

static enum gen_next puppet_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    const struct puppet *p = gen_state(self);
    enum agner_err err = AGNER_EINVAL;
    etf_term events, why;
    uint64_t i, n;

    if (etf_match(request, "{stop, _}", &why))
        return gen_stop_reply(self, from, why, ETF_A(ok));
    if (etf_match(request, "{emit, _}", &events))
        err = gen_stage_emit(self, events, NULL);
    else if (etf_match(request, "{ask, _, _}", &i, &n) && i - 1 < p->count)
        err = gen_stage_ask(self, &p->subs[i - 1], n);
    else if (etf_match(request, "{cancel, _, _}", &i, &why) && i - 1 < p->count)
        err = gen_stage_cancel(self, &p->subs[i - 1], why);
    return gen_reply(self, from, err == AGNER_OK ? ETF_A(ok) : ETF_A(error));
}

const struct gen_stage puppet_stage = {
    .name = "puppet",
    .state_size = sizeof(struct puppet),
    .init = puppet_init,
    .handle_subscribe = puppet_subscribe,
    .handle_subscribed = puppet_subscribed,
    .handle_demand = puppet_demand,
    .handle_events = puppet_events,
    .handle_cancel = puppet_over,
    .handle_canceled = puppet_over,
    .handle_call = puppet_call,
    .handle_info = puppet_info,
    .format_discarded = puppet_discarded,
};

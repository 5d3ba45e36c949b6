/*
 * stage_hand.c -- the stage that does what it is told: see stage_hand.h.
 */
#include "stage_hand.h"

#include <stdio.h>

struct hand {
    etf_pid owner;
    etf_term name;
    struct gen_subscription consumer; /* the newest */
    struct etf_box *refuse;
    int64_t supply; /* the next number, or -1 */
};

static void tell(struct gen *self, etf_term what)
{
    struct hand *h = gen_state(self);

    (void)rt_send_pid(self, h->owner, etf_make(self, "{_, _}", h->name, what));
}

static etf_term kind_of(enum gen_stage_end kind)
{
    return kind == GEN_STAGE_DOWN ? ETF_A(down) : ETF_A(cancel);
}

/* ---- Init --------------------------------------------------------------- */

struct wishes {
    struct gen_stage_options o;
    struct gen_stage_partition_options partition;
    struct gen_stage_source source;
};

static void read_wish(struct gen *self, struct hand *h, etf_term key,
                      etf_term value, struct wishes *w)
{
    static const char *const roles[] = { "", "producer", "consumer",
                                         "producer_consumer", "auto" };
    etf_term what;

    for (unsigned i = 1; i < 5; i++)
        if (etf_atom_is(key, "role") && etf_atom_is(value, roles[i]))
            w->o.role = (enum gen_stage_role)i;
    if (etf_atom_is(value, "broadcast"))
        w->o.dispatcher = gen_stage_broadcast_dispatcher();
    if (etf_match(value, "{partition, _}", &what)) {
        w->o.dispatcher = gen_stage_partition_dispatcher();
        w->o.dispatcher_options = &w->partition;
        if (!etf_get_uint(what, &w->partition.count))
            w->partition.names = what;
    }
    if (etf_atom_is(key, "buffer"))
        (void)etf_get_uint(value, &w->o.buffer_size);
    if (etf_atom_is(key, "keep") && etf_atom_is(value, "first"))
        w->o.keep = GEN_STAGE_KEEP_FIRST;
    if (etf_atom_is(key, "demand") && etf_atom_is(value, "accumulate"))
        w->o.demand = GEN_STAGE_ACCUMULATE;
    if (etf_atom_is(key, "refuse"))
        h->refuse = etf_box_new(value);
    if (etf_atom_is(key, "supply"))
        (void)etf_get_int(value, &h->supply);
    if (etf_atom_is(key, "trap"))
        (void)rt_trap_exit(self, true);
    if (etf_atom_is(key, "subscribe_to")) {
        w->source.to = value;
        w->o.subscribe_to = &w->source;
        w->o.subscribe_count = 1;
    }
}

/* The numbers' own partition; what is none is discarded. */
static uint64_t by_number(struct gen *self, void *ctx, etf_term *event)
{
    int64_t n;

    (void)self;
    (void)ctx;
    return etf_get_int(*event, &n) && n >= 0 ? (uint64_t)n % 3
                                             : GEN_STAGE_NO_PARTITION;
}

static enum gen_next hand_init(struct gen *self, etf_term args)
{
    struct hand *h = gen_state(self);
    struct wishes w = { .partition = { .hash = by_number } };
    etf_term options, option, key, value;

    h->supply = -1;
    if (!etf_match(args, "{_, _, _}", &h->owner, &h->name, &options))
        return gen_stop(self, ETF_A(badarg));
    while (etf_list_next(&options, &option))
        if (etf_match(option, "{_, _}", &key, &value))
            read_wish(self, h, key, value, &w);
    if (gen_stage_setup(self, &w.o) != AGNER_OK)
        return gen_stop(self, etf_make(self, "setup"));
    return GEN_NEXT;
}

/* ---- What it sees ------------------------------------------------------- */

static enum gen_next hand_subscriber(struct gen *self,
                                     const struct gen_subscription *sub,
                                     etf_term options)
{
    struct hand *h = gen_state(self);

    h->consumer = *sub;
    tell(self, etf_make(self, "{subscribe, _}", options));
    if (h->refuse != NULL && etf_atom_is(etf_box_term(h->refuse), "twice"))
        (void)gen_stage_cancel(self, sub, ETF_A(normal));
    if (h->refuse != NULL)
        return gen_stage_refuse(self, etf_box_term(h->refuse));
    return GEN_NEXT;
}

static enum gen_next hand_demand(struct gen *self, uint64_t count)
{
    struct hand *h = gen_state(self);
    etf_term events = etf_nil();

    tell(self, etf_make(self, "{demand, _}", count));
    if (h->supply < 0)
        return GEN_NEXT;
    for (uint64_t i = count; i-- > 0;)
        events = etf_make(self, "[_ | _]", h->supply + (int64_t)i, events);
    h->supply += (int64_t)count;
    (void)gen_stage_emit(self, events, NULL);
    return GEN_NEXT;
}

static enum gen_next hand_cancel(struct gen *self,
                                 const struct gen_subscription *sub,
                                 enum gen_stage_end kind, etf_term reason)
{
    (void)sub;
    tell(self, etf_make(self, "{cancel, _, _}", kind_of(kind), reason));
    return GEN_NEXT;
}

static enum gen_next hand_subscribed(struct gen *self,
                                     const struct gen_subscription *sub,
                                     etf_term options)
{
    (void)sub;
    (void)options;
    tell(self, etf_make(self, "subscribed"));
    return GEN_NEXT;
}

/* A producer_consumer passes on what it gets. */
static enum gen_next hand_events(struct gen *self,
                                 const struct gen_subscription *sub,
                                 etf_term events)
{
    (void)sub;
    tell(self, etf_make(self, "{events, _}", events));
    (void)gen_stage_emit(self, events, NULL);
    return GEN_NEXT;
}

static enum gen_next hand_canceled(struct gen *self,
                                   const struct gen_subscription *sub,
                                   enum gen_stage_end kind, etf_term reason)
{
    (void)sub;
    tell(self, etf_make(self, "{canceled, _, _}", kind_of(kind), reason));
    return GEN_NEXT;
}

static enum gen_next hand_info(struct gen *self, etf_term message)
{
    tell(self, etf_make(self, "{info, _}", message));
    return GEN_NEXT;
}

static bool hand_discarded(struct gen *self, uint64_t count)
{
    tell(self, etf_make(self, "{discarded, _}", count));
    return false;
}

static void hand_terminate(struct gen *self, etf_term reason)
{
    tell(self, etf_make(self, "{terminate, _}", reason));
}

static void hand_destroy(void *state)
{
    struct hand *h = state;

    etf_box_free(h->refuse);
}

/* ---- What it is told ---------------------------------------------------- */

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static etf_term subscribe(struct gen *self, etf_term request)
{
    struct gen_stage_subscribe o = { 0 };
    struct gen_subscription sub;
    etf_term to, extra, reason;
    uint32_t mode;
    etf_ref old;
    enum agner_err err;

    if (etf_match(request, "{subscribe, _, _, _, _, _, _}", &to, &o.max_demand,
                  &o.min_demand, &o.manual, &mode, &extra)) {
        o.cancel = (enum gen_stage_cancel)mode;
        o.min_zero = o.max_demand != 0;
        o.extra = extra;
        err = gen_stage_subscribe(self, to, &o, &sub);
    } else if (etf_match(request, "{resubscribe, _, _, _, _}", &old, &reason,
                         &o.max_demand, &o.min_demand)) {
        const struct gen_subscription is = { .ref = old };

        o.min_zero = true;
        o.cancel = GEN_STAGE_TEMPORARY;
        err = gen_stage_resubscribe(self, &is, reason, &o, &sub);
    } else {
        return ETF_NONE;
    }
    return err == AGNER_OK ? etf_make(self, "{ok, _}", sub.ref)
                           : etf_int(NULL, err);
}

static enum agner_err act(struct gen *self, etf_term request, bool *known)
{
    struct gen_subscription sub = { 0 };
    etf_term t;
    uint64_t count;
    uint32_t mode;
    bool on;

    *known = true;
    if (etf_match(request, "{ask, _, _}", &sub.ref, &count))
        return gen_stage_ask(self, &sub, count);
    if (etf_match(request, "{cancel, _, _}", &sub.ref, &t))
        return gen_stage_cancel(self, &sub, t);
    if (etf_match(request, "{auto, _, _}", &sub.ref, &on))
        return gen_stage_auto_demand(self, &sub, on);
    if (etf_match(request, "{mode, _, _}", &sub.ref, &mode))
        return gen_stage_cancel_mode(self, &sub, (enum gen_stage_cancel)mode);
    if (etf_match(request, "{forward, _}", &on))
        return gen_stage_forward_demand(self, on ? GEN_STAGE_FORWARD
                                                 : GEN_STAGE_ACCUMULATE);
    if (etf_match(request, "{wait}"))
        return rt_receive_match(self, is_go, NULL, RT_INFINITY, &t);
    *known = false;
    return AGNER_OK;
}

static enum gen_next hand_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    struct hand *h = gen_state(self);
    struct gen_stage_sent sent;
    etf_term t = subscribe(self, request);
    enum agner_err err;
    bool known;

    if (!etf_is_none(t))
        return gen_reply(self, from, t);
    if (etf_match(request, "{emit, _}", &t)) {
        err = gen_stage_emit(self, t, &sent);
        t = err == AGNER_OK ? etf_make(self, "{_, _, _}", sent.delivered,
                                       sent.buffered, sent.discarded)
                            : etf_int(NULL, err);
        return gen_reply(self, from, t);
    }
    if (etf_match(request, "{last}"))
        return gen_reply(self, from, etf_make(self, "_", h->consumer.ref));
    if (etf_match(request, "{stop, _}", &t)) {
        (void)gen_reply(self, from, ETF_A(ok));
        return gen_stop(self, t);
    }
    err = act(self, request, &known);
    if (!known)
        return gen_reply(self, from, request);
    return gen_reply(self, from,
                     err == AGNER_OK ? ETF_A(ok) : etf_int(NULL, err));
}

static enum gen_next hand_cast(struct gen *self, etf_term request)
{
    tell(self, etf_make(self, "{cast, _}", request));
    return GEN_NEXT;
}

static etf_term hand_status(struct gen *self)
{
    const struct hand *h = gen_state(self);

    return etf_make(self, "{hand, _}", h->name);
}

const struct gen_stage stage_hand = {
    .name = "hand",
    .state_size = sizeof(struct hand),
    .init = hand_init,
    .handle_subscribe = hand_subscriber,
    .handle_demand = hand_demand,
    .handle_cancel = hand_cancel,
    .handle_subscribed = hand_subscribed,
    .handle_events = hand_events,
    .handle_canceled = hand_canceled,
    .handle_call = hand_call,
    .handle_cast = hand_cast,
    .handle_info = hand_info,
    .format_discarded = hand_discarded,
    .terminate = hand_terminate,
    .format_status = hand_status,
    .destroy = hand_destroy,
};

/* ---- For tests ---------------------------------------------------------- */

etf_term hand_start_with(struct bed *bed, const char *name, etf_term options)
{
    etf_pid pid;
    enum agner_err err =
        gen_stage_start(bed->self, &stage_hand,
                        etf_make(bed->self, "{_, _, _}", rt_self(bed->self),
                                 etf_atom(name), options),
                        NULL, &pid, NULL);

    if (err != AGNER_OK)
        fail_msg("%s does not start: %s", name, agner_strerror(err));
    return etf_from_pid(NULL, pid);
}

void hand_do_with(struct bed *bed, etf_term stage, const char *answer,
                  etf_term request)
{
    char text[200];
    etf_term reply = ETF_NONE;
    enum agner_err err = gen_call(bed->self, stage, request, WAIT_MS, &reply);

    if (err != AGNER_OK)
        fail_msg("seed %llu: waited for %s: %s", (unsigned long long)bed->seed,
                 answer, agner_strerror(err));
    (void)etf_format(text, sizeof text, reply);
    if (strcmp(text, answer) != 0)
        fail_msg("seed %llu: got %s, not %s", (unsigned long long)bed->seed,
                 text, answer);
}

/* On one line, lists of small numbers as such. */
static const char *text_of(char *buffer, size_t size, etf_term t)
{
    const struct etf_print_options options = { .style = ETF_STYLE_TW };
    struct etf_buffer b = { 0 };

    if (etf_print(&b, t, &options) != AGNER_OK)
        b.size = 0;
    (void)snprintf(buffer, size, "%.*s", (int)b.size, (const char *)b.data);
    etf_buffer_fini(&b);
    return buffer;
}

static bool is_of(void *ctx, etf_term m)
{
    etf_term name, what;

    return etf_match(m, "{_, _}", &name, &what) &&
           etf_atom_is(name, (const char *)ctx);
}

void hand_expect(struct bed *bed, const char *name, const char *text)
{
    char who[32], seen[400];
    etf_term message, is, what;
    enum agner_err err;

    (void)snprintf(who, sizeof who, "%s", name);
    err = rt_receive_match(bed->self, is_of, who, WAIT_MS, &message);
    if (err != AGNER_OK)
        fail_msg("seed %llu: waited for %s of %s: %s",
                 (unsigned long long)bed->seed, text, name,
                 agner_strerror(err));
    (void)etf_match(message, "{_, _}", &is, &what);
    (void)text_of(seen, sizeof seen, what);
    if (strcmp(seen, text) != 0)
        fail_msg("seed %llu: %s told %s, not %s", (unsigned long long)bed->seed,
                 name, seen, text);
}

/* What both sides tell of a new subscription: each its own, in any order. What
 * a producer told of one that it refused may be there too. */
static bool is_subscribed(void *ctx, etf_term m)
{
    etf_term name, what;

    (void)ctx;
    return etf_match(m, "{_, _}", &name, &what) &&
           etf_atom_is(what, "subscribed");
}

static bool has_subscriber(void *ctx, etf_term m)
{
    etf_term name, rest;

    (void)ctx;
    return etf_match(m, "{_, {subscribe, _}}", &name, &rest);
}

etf_ref hand_subscribe_to(struct bed *bed, etf_term consumer, etf_term producer,
                          int max, int min, bool manual, int mode,
                          etf_term extra)
{
    etf_term request =
        etf_make(bed->self, "{subscribe, _, _, _, _, _, _}", producer,
                 (int64_t)max, (int64_t)min, manual, (int64_t)mode, extra);
    etf_term reply = ETF_NONE, message;
    etf_ref ref;

    assert_int_equal(gen_call(bed->self, consumer, request, WAIT_MS, &reply),
                     AGNER_OK);
    if (!etf_match(reply, "{ok, _}", &ref))
        fail_msg("not subscribed");
    assert_int_equal(
        rt_receive_match(bed->self, is_subscribed, NULL, WAIT_MS, &message),
        AGNER_OK);
    assert_int_equal(
        rt_receive_match(bed->self, has_subscriber, NULL, WAIT_MS, &message),
        AGNER_OK);
    return ref;
}

etf_ref hand_subscribe(struct bed *bed, etf_term consumer, etf_term producer,
                       int max, int min, bool manual, int mode)
{
    return hand_subscribe_to(bed, consumer, producer, max, min, manual, mode,
                             etf_nil());
}

etf_ref hand_last(struct bed *bed, etf_term producer)
{
    etf_term reply = ETF_NONE;
    etf_ref ref = { 0 };

    assert_int_equal(gen_call(bed->self, producer,
                              etf_make(bed->self, "{last}"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_get_ref(reply, &ref));
    return ref;
}

void hand_await_end(struct bed *bed, etf_term stage)
{
    etf_pid pid;

    assert_true(etf_get_pid(stage, &pid));
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
}

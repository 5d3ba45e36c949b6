/*
 * sink_supervisor.c -- a supervisor whose children are started by events:
 * gen_sink.h.
 *
 * Its state begins with that of a supervisor, and it hands everything that is
 * not about events to it: the ends of children, restarts, requests, its own
 * end (supervisor.c). Each child is tagged with the subscription that its event
 * came from, and when the supervisor has forgotten the child, the subscription
 * may ask for one event more. A restart forgets nobody.
 *
 * Source: Elixir's ConsumerSupervisor, its demand.
 */
#include <stdlib.h>

#include <agner/gen_sink.h>

#include "stage/kit.h"
#include "supervisor.h"

#define INTENSITY_DEFAULT 3u

/* A subscription of ours. */
struct feed {
    struct feed *next;
    struct gen_subscription sub;
    uint64_t tag;      /* of its children; from 1 */
    uint64_t min, max; /* of its demand */
    uint64_t running;  /* events that have not ended, under way or children */
    uint64_t ended;    /* and were not asked for anew */
};

struct sink {
    struct supervisor sup; /* first: gen_state() of its functions */
    struct gen_supervisor table;
    struct feed *feeds; /* owned */
    uint64_t last_tag;
};

/* ---- Demand ------------------------------------------------------------- */

static struct feed *feed_of(const struct sink *s, etf_ref ref)
{
    struct feed *f = s->feeds;

    while (f != NULL && !etf_ref_equal(f->sub.ref, ref))
        f = f->next;
    return f;
}

/* A child of that subscription is no more. */
static void child_gone(struct supervisor *sup, uint64_t tag)
{
    struct sink *s = (struct sink *)sup; /* its first member */

    for (struct feed *f = s->feeds; f != NULL; f = f->next)
        if (f->tag == tag)
            f->ended++;
}

/* After anything that may have ended children. */
static enum gen_next ask_anew(struct gen *self, struct sink *s,
                              enum gen_next next)
{
    for (struct feed *f = s->feeds; f != NULL; f = f->next)
        if (f->ended > 0 && f->ended >= f->min) {
            uint64_t count = f->ended;

            f->running -= count < f->running ? count : f->running;
            f->ended = 0;
            if (gen_stage_ask(self, &f->sub, count) == AGNER_ENOMEM)
                return gen_stop(self, ETF_A(memory_limit));
        }
    return next;
}

/* ---- Events ------------------------------------------------------------- */

static enum gen_next sink_subscribed(struct gen *self,
                                     const struct gen_subscription *sub,
                                     etf_term options)
{
    struct sink *s = gen_state(self);
    struct feed *f = calloc(1, sizeof *f);

    if (f == NULL)
        return gen_stop(self, ETF_A(memory_limit));
    f->sub = *sub;
    f->tag = ++s->last_tag;
    gen__kit_demand(options, &f->min, &f->max);
    f->next = s->feeds;
    s->feeds = f;
    (void)gen_stage_auto_demand(self, sub, false);
    if (gen_stage_ask(self, sub, f->max) == AGNER_ENOMEM)
        return gen_stop(self, ETF_A(memory_limit));
    return GEN_NEXT;
}

static enum gen_next sink_canceled(struct gen *self,
                                   const struct gen_subscription *sub,
                                   enum gen_stage_end kind, etf_term reason)
{
    struct sink *s = gen_state(self);
    struct feed **at = &s->feeds, *f;

    (void)kind;
    (void)reason;
    while (*at != NULL && !etf_ref_equal((*at)->sub.ref, sub->ref))
        at = &(*at)->next;
    f = *at;
    if (f != NULL) {
        *at = f->next;
        free(f);
    }
    return GEN_NEXT;
}

static void log_failure(struct gen *self, etf_term event, etf_term answer)
{
    char what[200], why[200];

    rt_log_self(self, RT_LOG_ERROR, "no child for the event %s: %s",
                etf_format(what, sizeof what, event),
                etf_format(why, sizeof why, answer));
}

/* Starts the child of one event. Did it? */
static bool start_child(struct gen *self, struct sink *s, etf_term event,
                        uint64_t tag)
{
    struct child *child;
    etf_term pid, info,
        answer = gen__supervisor_request(
            self, &s->sup, etf_make(self, "{start_child, [_]}", event));

    if (!etf_match(answer, "{ok, _}", &pid) &&
        !etf_match(answer, "{ok, _, _}", &pid, &info)) {
        log_failure(self, event, answer);
        return false;
    }
    child = gen__child_by_pid(&s->sup.children, pid);
    if (child == NULL)
        return false; /* {ok, undefined}: it was ignored */
    child->tag = tag;
    return true;
}

static enum gen_next sink_events(struct gen *self,
                                 const struct gen_subscription *sub,
                                 etf_term events)
{
    struct sink *s = gen_state(self);
    struct feed *f = feed_of(s, sub->ref);
    uint64_t tag = f != NULL ? f->tag : 0;
    etf_term event;

    while (etf_list_next(&events, &event)) {
        if (f != NULL)
            f->running++;
        if (!start_child(self, s, event, tag) && f != NULL)
            f->ended++;
    }
    if (f != NULL && f->running - f->ended > f->max)
        rt_log_self(self, RT_LOG_ERROR, "%llu events more than were asked for",
                    (unsigned long long)(f->running - f->ended - f->max));
    return ask_anew(self, s, GEN_NEXT);
}

/* ---- What the supervisor does ------------------------------------------- */

static enum gen_next sink_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    return ask_anew(self, gen_state(self),
                    gen__supervisor_server.handle_call(self, from, request));
}

static enum gen_next sink_cast(struct gen *self, etf_term request)
{
    return ask_anew(self, gen_state(self),
                    gen__supervisor_server.handle_cast(self, request));
}

static enum gen_next sink_info(struct gen *self, etf_term message)
{
    return ask_anew(self, gen_state(self),
                    gen__supervisor_server.handle_info(self, message));
}

static void sink_terminate(struct gen *self, etf_term reason)
{
    gen__supervisor_server.terminate(self, reason);
}

static etf_term sink_status(struct gen *self)
{
    return gen__supervisor_server.format_status(self);
}

/* ---- Its life ----------------------------------------------------------- */

static void fill_table(struct gen_supervisor *table,
                       const struct gen_sink_supervisor *sink)
{
    *table = (struct gen_supervisor){
        .name = sink->name,
        .strategy = GEN_SIMPLE_ONE_FOR_ONE,
        .intensity = sink->intensity != 0 ? sink->intensity : INTENSITY_DEFAULT,
        .period_ms = sink->period_ms,
        .children = sink->child,
        .child_count = 1,
    };
}

static enum gen_next sink_init(struct gen *self, etf_term args)
{
    struct sink *s = gen_state(self);
    struct gen_stage_options setup = { .role = GEN_STAGE_CONSUMER };
    enum gen_next next;
    enum agner_err err;
    etf_term table;
    struct kit kit;

    if (!gen__kit_take(args, &kit))
        return gen_stop(self, ETF_A(badarg));
    err = gen_stage_setup(self, &setup);
    if (err != AGNER_OK)
        return gen__kit_stop(self, err);
    fill_table(&s->table,
               *(const struct gen_sink_supervisor *const *)kit.options);
    s->sup.child_gone = child_gone;
    table = etf_resource(rt_region(self), &s->table, NULL);
    if (etf_is_none(table))
        return gen__kit_stop(self, AGNER_ENOMEM);
    next = gen__supervisor_init(self, etf_make(self, "{_, []}", table));
    if (next != GEN_NEXT)
        return next;
    err = gen__kit_subscribe(self, kit.sources, false);
    return err == AGNER_OK ? GEN_NEXT : gen__kit_stop(self, err);
}

static void sink_destroy(void *state)
{
    struct sink *s = state;
    struct feed *f;

    gen__supervisor_server.destroy(&s->sup);
    while ((f = s->feeds) != NULL) {
        s->feeds = f->next;
        free(f);
    }
}

static const struct gen_stage sink_stage = {
    .name = "sink_supervisor",
    .state_size = sizeof(struct sink),
    .role = GEN_STAGE_CONSUMER,
    .init = sink_init,
    .handle_subscribed = sink_subscribed,
    .handle_events = sink_events,
    .handle_canceled = sink_canceled,
    .handle_call = sink_call,
    .handle_cast = sink_cast,
    .handle_info = sink_info,
    .terminate = sink_terminate,
    .format_status = sink_status,
    .destroy = sink_destroy,
};

static enum agner_err args_of(struct gen *self,
                              const struct gen_sink_supervisor *sink,
                              const struct gen_stage_source *sources,
                              size_t count, etf_term *args)
{
    if (sink == NULL || sink->child == NULL ||
        sink->child->restart == GEN_PERMANENT)
        return AGNER_EINVAL;
    *args =
        gen__kit_args(self, &sink, sizeof(void *), sources, count, ETF_NONE);
    return etf_is_none(*args) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_sink_supervisor_start(struct gen *self,
                                         const struct gen_sink_supervisor *sink,
                                         const struct gen_stage_source *sources,
                                         size_t count,
                                         const struct rt_spawn_options *spawn,
                                         etf_pid *pid, etf_term *reason)
{
    etf_term args;
    enum agner_err err = args_of(self, sink, sources, count, &args);

    if (err != AGNER_OK)
        return err;
    return gen_stage_start(self, &sink_stage, args, spawn, pid, reason);
}

enum agner_err gen_sink_supervisor_start_link(
    struct gen *self, const struct gen_sink_supervisor *sink,
    const struct gen_stage_source *sources, size_t count,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args;
    enum agner_err err = args_of(self, sink, sources, count, &args);

    if (err != AGNER_OK)
        return err;
    return gen_stage_start_link(self, &sink_stage, args, spawn, pid, reason);
}

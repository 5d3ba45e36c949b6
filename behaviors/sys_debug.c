/*
 * sys_debug.c -- what sys can watch: counts, the last events, lines in the log.
 *
 * An event is a term, {in, Message} or {out, Reply, To}. The last ones are kept
 * as boxes in a ring.
 *
 * Sources: OTP 25, sys; its answers were recorded from a real node. Times are
 * UTC here.
 */
#include <stdlib.h>
#include <time.h>

#include "gen_internal.h"
#include "sys_debug.h"

struct gen_sys_debug {
    void (*hook)(struct gen *self, void *ctx, etf_term event); /* or NULL */
    void *hook_ctx;                                            /* borrowed */
    bool trace;
    bool statistics;
    uint64_t start_ns;         /* wall clock */
    uint64_t start_reductions; /* of the process then */
    uint64_t in, out;
    struct etf_box **log; /* owned ring of log_size, or NULL */
    size_t log_size, log_count, log_next;
};

/* ---- The log ------------------------------------------------------------ */

static void log_off(struct gen_sys_debug *debug)
{
    for (size_t i = 0; i < debug->log_size; i++)
        etf_box_free(debug->log[i]);
    free(debug->log);
    debug->log = NULL;
    debug->log_size = debug->log_count = debug->log_next = 0;
}

static void log_add(struct gen_sys_debug *debug, etf_term event)
{
    struct etf_box *box = etf_box_new(event);

    if (box == NULL)
        return; /* a gap in a log for people, when memory is out */
    etf_box_free(debug->log[debug->log_next]);
    debug->log[debug->log_next] = box;
    debug->log_next = (debug->log_next + 1) % debug->log_size;
    if (debug->log_count < debug->log_size)
        debug->log_count++;
}

/* The i-th oldest event. */
static etf_term log_at(const struct gen_sys_debug *debug, size_t i)
{
    size_t oldest = debug->log_next + debug->log_size - debug->log_count;

    return etf_box_term(debug->log[(oldest + i) % debug->log_size]);
}

etf_term gen__debug_log(struct gen *self, const struct gen_sys_debug *debug)
{
    etf_term list = etf_nil();

    if (debug == NULL || debug->log == NULL)
        return list;
    for (size_t i = debug->log_count; i-- > 0;) {
        etf_term event = etf_copy(rt_region(self), log_at(debug, i));

        list = etf_cons(rt_region(self), event, list);
    }
    return list;
}

/* ---- Trace -------------------------------------------------------------- */

static void trace(struct gen *self, const struct gen_sys *sys, etf_term event)
{
    char title[160], text[400], who[64];
    etf_term message, to, tag;

    (void)gen__title(self, sys->name != NULL ? sys->name : sys->view->module,
                     title, sizeof title);
    if (etf_match(event, "{out, _, {_, _}}", &message, &to, &tag))
        rt_log_self(self, RT_LOG_NOTICE, "*DBG* %s sent %s to %s", title,
                    etf_format(text, sizeof text, message),
                    etf_format(who, sizeof who, to));
    else if (etf_match(event, "{in, {'$gen_call', {_, _}, _}}", &to, &tag,
                       &message))
        rt_log_self(self, RT_LOG_NOTICE, "*DBG* %s got call %s from %s", title,
                    etf_format(text, sizeof text, message),
                    etf_format(who, sizeof who, to));
    else if (etf_match(event, "{in, {'$gen_cast', _}}", &message))
        rt_log_self(self, RT_LOG_NOTICE, "*DBG* %s got cast %s", title,
                    etf_format(text, sizeof text, message));
    else if (etf_match(event, "{in, _}", &message))
        rt_log_self(self, RT_LOG_NOTICE, "*DBG* %s got %s", title,
                    etf_format(text, sizeof text, message));
    else
        rt_log_self(self, RT_LOG_NOTICE, "*DBG* %s %s", title,
                    etf_format(text, sizeof text, event));
}

void gen_sys_event(struct gen *self, struct gen_sys *sys, etf_term event)
{
    struct gen_sys_debug *debug = sys->debug;
    const etf_term *items = etf_tuple_items(event);

    if (debug == NULL || items == NULL)
        return; /* the event could not be built: memory is out */
    if (etf_atom_is(items[0], "in"))
        debug->in++;
    if (etf_atom_is(items[0], "out"))
        debug->out++;
    if (debug->log != NULL)
        log_add(debug, event);
    if (debug->trace)
        trace(self, sys, event);
    if (debug->hook != NULL)
        debug->hook(self, debug->hook_ctx, event);
}

/* ---- Statistics --------------------------------------------------------- */

static uint64_t reductions_of(struct gen *self)
{
    struct rt_process_info info;

    if (rt_process_glance(rt_of(self), rt_self(self), &info) != AGNER_OK)
        return 0;
    return info.reductions;
}

static etf_term date(struct gen *self, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL)
        return ETF_A(undefined);
    return etf_make(self, "{{_, _, _}, {_, _, _}}", (int64_t)tm.tm_year + 1900,
                    (int64_t)tm.tm_mon + 1, (int64_t)tm.tm_mday,
                    (int64_t)tm.tm_hour, (int64_t)tm.tm_min,
                    (int64_t)tm.tm_sec);
}

static etf_term statistics(struct gen *self, const struct gen_sys_debug *debug)
{
    if (debug == NULL || !debug->statistics)
        return etf_make(self, "{ok, no_statistics}");
    return etf_make(
        self,
        "{ok, [{start_time, _}, {current_time, _}, "
        "{reductions, _}, {messages_in, _}, {messages_out, _}]}",
        date(self, debug->start_ns), date(self, rt_wall_ns(rt_of(self))),
        reductions_of(self) - debug->start_reductions, debug->in, debug->out);
}

etf_term gen__debug_list(struct gen *self, const struct gen_sys_debug *debug)
{
    etf_term list = etf_nil();

    if (debug == NULL)
        return list;
    if (debug->trace)
        list = etf_make(self, "[{trace, true} | _]", list);
    if (debug->statistics)
        list = etf_make(self, "[{statistics, {_, {reductions, _}, _, _}} | _]",
                        date(self, debug->start_ns), debug->start_reductions,
                        debug->in, debug->out, list);
    if (debug->log != NULL)
        list = etf_make(self, "[{log, [_ | _]} | _]", (uint64_t)debug->log_size,
                        gen__debug_log(self, debug), list);
    return list;
}

/* ---- Commands ----------------------------------------------------------- */

/* Something is to be watched: the struct is there afterwards, unless memory is
 * out. */
static bool debug_on(struct gen_sys *sys)
{
    if (sys->debug == NULL)
        sys->debug = calloc(1, sizeof *sys->debug);
    return sys->debug != NULL;
}

/* Frees the struct when nothing is watched any more. */
static void debug_tidy(struct gen_sys *sys)
{
    const struct gen_sys_debug *debug = sys->debug;

    sys->watched = debug != NULL && (debug->trace || debug->statistics ||
                                     debug->log != NULL || debug->hook != NULL);
    if (!sys->watched) {
        free(sys->debug);
        sys->debug = NULL;
    }
}

static etf_term set_trace(struct gen_sys *sys, bool on)
{
    if (on && !debug_on(sys))
        return ETF_A(error);
    if (sys->debug != NULL)
        sys->debug->trace = on;
    return ETF_A(ok);
}

static etf_term set_statistics(struct gen *self, struct gen_sys *sys, bool on)
{
    if (on && !debug_on(sys))
        return ETF_A(error);
    if (on && !sys->debug->statistics) {
        sys->debug->start_ns = rt_wall_ns(rt_of(self));
        sys->debug->start_reductions = reductions_of(self);
        sys->debug->in = sys->debug->out = 0;
    }
    if (sys->debug != NULL)
        sys->debug->statistics = on;
    return ETF_A(ok);
}

/* Keeps the last `size` events from now on, those so far included. */
static etf_term set_log(struct gen_sys *sys, size_t size)
{
    struct etf_box **ring;
    struct gen_sys_debug *debug;
    size_t kept, skip;

    if (!debug_on(sys))
        return ETF_A(error);
    debug = sys->debug;
    if (debug->log_size == size)
        return ETF_A(ok);
    ring = calloc(size, sizeof *ring);
    if (ring == NULL)
        return ETF_A(error);
    kept = debug->log_count < size ? debug->log_count : size;
    skip = debug->log_count - kept;
    for (size_t i = 0; i < kept; i++) {
        size_t oldest = debug->log_next + debug->log_size - debug->log_count;

        ring[i] =
            etf_box_hold(debug->log[(oldest + skip + i) % debug->log_size]);
    }
    log_off(debug);
    debug->log = ring;
    debug->log_size = size;
    debug->log_count = kept;
    debug->log_next = kept % size;
    return ETF_A(ok);
}

static etf_term print_log(struct gen *self, const struct gen_sys *sys)
{
    if (sys->debug != NULL && sys->debug->log != NULL) {
        for (size_t i = 0; i < sys->debug->log_count; i++)
            trace(self, sys, log_at(sys->debug, i));
    }
    return ETF_A(ok);
}

static etf_term command(struct gen *self, struct gen_sys *sys, etf_term c)
{
    bool on;
    uint64_t size;

    if (etf_match(c, "{trace, _}", &on))
        return set_trace(sys, on);
    if (etf_match(c, "{statistics, _}", &on))
        return set_statistics(self, sys, on);
    if (etf_match(c, "{statistics, get}"))
        return statistics(self, sys->debug);
    if (etf_match(c, "{log, get}"))
        return etf_make(self, "{ok, _}", gen__debug_log(self, sys->debug));
    if (etf_match(c, "{log, print}"))
        return print_log(self, sys);
    if (etf_match(c, "{log, true}"))
        return set_log(sys, GEN_LOG_DEFAULT);
    if (etf_match(c, "{log, {true, _}}", &size) && size > 0 &&
        size <= GEN_LOG_MAX)
        return set_log(sys, (size_t)size);
    if (etf_match(c, "{log, false}")) {
        if (sys->debug != NULL)
            log_off(sys->debug);
        return ETF_A(ok);
    }
    if (etf_match(c, "no_debug")) {
        gen_sys_fini(sys);
        return ETF_A(ok);
    }
    if (etf_match(c, "{remove, __}"))
        return ETF_A(ok); /* nothing was installed from outside */
    if (etf_match(c, "{install, __}") || etf_match(c, "{log_to_file, __}"))
        return etf_make(self, "{error, not_supported}");
    return etf_make(self, "unknown_debug");
}

etf_term gen__debug_command(struct gen *self, struct gen_sys *sys, etf_term c)
{
    etf_term answer = command(self, sys, c);

    debug_tidy(sys);
    return answer;
}

/* The command that an option of a start stands for; ETF_NONE: none does. */
static etf_term option_command(struct gen *self, etf_term option)
{
    uint64_t size;

    if (etf_match(option, "trace") || etf_match(option, "log") ||
        etf_match(option, "statistics"))
        return etf_make(self, "{_, true}", option);
    if (etf_match(option, "{log, _}", &size) && size > 0 && size <= GEN_LOG_MAX)
        return etf_make(self, "{log, {true, _}}", size);
    return ETF_NONE;
}

enum agner_err gen__debug_options(struct gen *self, struct gen_sys *sys,
                                  etf_term options)
{
    enum agner_err err = etf_list_size(options) < 0 ? AGNER_EINVAL : AGNER_OK;
    etf_term option;

    while (etf_list_next(&options, &option)) {
        etf_term command = option_command(self, option);

        if (etf_is_none(command))
            err = AGNER_EINVAL;
        else if (!etf_same(gen__debug_command(self, sys, command), ETF_A(ok)))
            return AGNER_ENOMEM;
    }
    return err;
}

enum agner_err gen__debug_hook(struct gen_sys *sys,
                               void (*hook)(struct gen *self, void *ctx,
                                            etf_term event),
                               void *ctx)
{
    if (hook != NULL && !debug_on(sys))
        return AGNER_ENOMEM;
    if (sys->debug != NULL) {
        sys->debug->hook = hook;
        sys->debug->hook_ctx = ctx;
    }
    debug_tidy(sys);
    return AGNER_OK;
}

void gen_sys_fini(struct gen_sys *sys)
{
    if (sys->debug != NULL)
        log_off(sys->debug);
    free(sys->debug);
    sys->debug = NULL;
    sys->watched = false;
}

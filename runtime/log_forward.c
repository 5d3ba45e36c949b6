/*
 * log_forward.c -- an event as the logger of an Erlang node takes it from
 * another: {log, Level, Format, Args, Meta}, or {log, Level, Report, Meta}.
 *
 * Nothing is connected for it, nothing waits, and nothing comes back: an event
 * that does not get through is in the log here. Source: OTP 25, logger;
 * spec/distribution.md 13.
 */
#include "log_internal.h"

#include <agner/rt_remote.h>

/* Without memory it is ETF_NONE. */
static etf_term meta_of(struct etf_region *r, etf_pid leader,
                        const struct rt_log_event *event)
{
    etf_term meta = etf_make(r, "#{gl => _, pid => _, time => _}", leader,
                             event->pid, event->time_us);

    if (!etf_is_none(event->name))
        meta = etf_map_put(r, meta, etf_atom("registered_name"), event->name);
    if (event->file != NULL) {
        meta =
            etf_map_put(r, meta, etf_atom("file"), etf_string(r, event->file));
        meta = etf_map_put(r, meta, etf_atom("line"), etf_uint(r, event->line));
    }
    return meta;
}

static etf_term message_of(struct etf_region *r, etf_pid leader,
                           const struct rt_log_event *event)
{
    etf_term level = etf_atom(rt_log_level_name(event->level));
    etf_term meta = meta_of(r, leader, event);

    if (event->text == NULL)
        return etf_make(r, "{log, _, _, _}", level, event->report, meta);
    return etf_make(r, "{log, _, \"~ts\", [_], _}", level,
                    etf_binary(r, event->text, event->text_size), meta);
}

void rt__log_forward(struct rt *rt, etf_pid leader,
                     const struct rt_log_event *event)
{
    struct etf_region *r;
    etf_term message;

    if (rt_node_find(rt, leader.node, NULL) != AGNER_OK)
        return;
    r = etf_region_new(0);
    if (r == NULL)
        return;
    message = message_of(r, leader, event);
    if (!etf_is_none(message))
        (void)rt_post(rt, etf_make(r, "{logger_proxy, _}", leader.node),
                      message);
    etf_region_free(r);
}

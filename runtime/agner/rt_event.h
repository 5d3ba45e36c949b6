/*
 * rt_event.h -- local events: one publishes, and whoever subscribed hears of
 * it.
 *
 * One process owns an event, others subscribe to it, and who has its token
 * publishes: each subscriber gets {event, Name, Node, TimeNs, Term}, TimeNs
 * being rt_wall_ns(), in the order in which one publisher sent them. On this
 * node only. Mailbox limits do not count events. The runtime itself has the
 * event `network`, whose terms are {nodeup, Node} and {nodedown, Node}, and the
 * event `alarm`: rt_memory_level().
 *
 * Included by rt.h. Source: spec/gen.md 1.13.
 */
#ifndef AGNER_RT_EVENT_H
#define AGNER_RT_EVENT_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt_event_options {
    bool notify;     /* the owner gets {event_start, Name} when the first
                        subscribes and {event_stop, Name} when the last leaves */
    uint32_t buffer; /* so many of the newest are kept for who comes later */
};

/* Makes self the owner of an event. The name, an atom, is one of events, not of
 * processes. `options` NULL: all zero. AGNER_ETAKEN, AGNER_EINVAL (the name),
 * AGNER_ELIMIT (buffer over 1,048,576), AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err
rt_event_register(struct gen *self, etf_term name,
                  const struct rt_event_options *options, etf_ref *token);
/* Subscribers hear of its end, as of its owner's, with the reason
 * `unregistered`. AGNER_EUNKNOWN, AGNER_EOWNER, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err rt_event_unregister(struct gen *self, etf_term name);

/* Publishes a copy of `term`. AGNER_EUNKNOWN, AGNER_EOWNER (not its token),
 * AGNER_ENOMEM; _send: AGNER_EEXITING, AGNER_EKILLED; _post: any thread. */
AGNER_API enum agner_err rt_event_send(struct gen *self, etf_term name,
                                       etf_ref token, etf_term term);
AGNER_API enum agner_err rt_event_post(struct rt *rt, etf_term name,
                                       etf_ref token, etf_term term);

/*
 * Subscribes self; rt_demonitor(*ref) ends it, and nothing comes after that.
 * The end of the event, or of its owner, is {'DOWN', Ref, event, {Name, Node},
 * Reason} (monitor), or an exit signal from its owner (link); self's end does
 * nothing to the owner.
 *
 *   last  the events that were kept, oldest first, as a list in self's region;
 *         what is published from here on comes as messages. May be NULL.
 *
 * AGNER_EUNKNOWN, AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err rt_event_monitor(struct gen *self, etf_term name,
                                          etf_ref *ref, etf_term *last);
AGNER_API enum agner_err rt_event_link(struct gen *self, etf_term name,
                                       etf_ref *ref, etf_term *last);

/* Their names, sorted: a list in `r`. ETF_NONE: no memory. Any thread. */
AGNER_API etf_term rt_event_list(struct rt *rt, struct etf_region *r);

#ifdef __cplusplus
}
#endif

#endif

/*
 * rt_registry.h -- what can be started, by group and name.
 *
 * A table of what can be started by name. What a row points to is between those
 * who share the group; the runtime only keeps it. Any thread.
 *
 * Included by rt.h. Source: spec/gen.md 1.5.
 */
#ifndef AGNER_RT_REGISTRY_H
#define AGNER_RT_REGISTRY_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Groups of the house; others that begin with `agner:` are refused. */
#define RT_GROUP_APPLICATIONS "agner:applications"
#define RT_GROUP_FUNCTIONS    "agner:functions" /* gen_rpc_provide() */
#define RT_GROUP_REMOTE       "agner:remote"    /* what other nodes may start */
#define RT_GROUP_GLOBAL       "agner:global"    /* what `global` keeps */

/*
 * Adds a row; the group comes into being with its first.
 *
 *   name      an atom, not `undefined`
 *   behavior  borrowed: outlives the registration
 *   data      NULL, or what goes with it; borrowed, unless there is a:
 *   destroy   NULL, or called with `data` once the row is gone, at the latest
 *             by rt_free(); on failure it is not called
 *
 * AGNER_ETAKEN, AGNER_EINVAL (group or name), AGNER_ENOMEM.
 */
AGNER_API enum agner_err rt_behavior_register(struct rt *rt, const char *group,
                                              etf_term name,
                                              const void *behavior, void *data,
                                              void (*destroy)(void *data));

/* Either result may be NULL. They are good until the row is taken out: who does
 * that sees to it that nobody uses them. AGNER_EUNKNOWN. */
AGNER_API enum agner_err rt_behavior_find(struct rt *rt, const char *group,
                                          etf_term name, const void **behavior,
                                          void **data);

/* The names in the group, sorted: a list in `r`, empty for an unknown group;
 * ETF_NONE when `r` is full. */
AGNER_API etf_term rt_behavior_list(struct rt *rt, struct etf_region *r,
                                    const char *group);

/* AGNER_EUNKNOWN. */
AGNER_API enum agner_err
rt_behavior_unregister(struct rt *rt, const char *group, etf_term name);

#ifdef __cplusplus
}
#endif

#endif

/*
 * rt_env.h -- what a process has from those above it: its environment, its
 * group leader, and by that its application.
 *
 * Included by rt.h. Sources: erlang:group_leader/2; spec/gen.md 1.16.
 */
#ifndef AGNER_RT_ENV_H
#define AGNER_RT_ENV_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Environment -------------------------------------------------------- */
/*
 * Settings by key, in layers. A process has its own, a copy of what its spawner
 * had when it was spawned: what one changes, no other process sees. Below are
 * those of its application and of the node, which are looked up at call time.
 * The first layer that has the key counts. Keys are atoms and binaries; those
 * that begin with `agner:` are not for users. Source: spec/gen.md 1.16.
 */

/* The value of `key` as self sees it, copied into self's region. AGNER_EUNKNOWN
 * (no layer has it), AGNER_ENOMEM. */
AGNER_API enum agner_err rt_env_get(struct gen *self, etf_term key,
                                    etf_term *value);

/* Sets `key` in self's own layer; ETF_NONE removes it there, and a lower layer
 * shows again. `value` is copied; a native value in it may live on for a while
 * after the process. AGNER_EINVAL (the key), AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err rt_env_set(struct gen *self, etf_term key,
                                    etf_term value);

/* All that self sees, as a map in its region. AGNER_ENOMEM. */
AGNER_API enum agner_err rt_env_list(struct gen *self, etf_term *map);

/*
 * The layers below all processes: `scope` is an application's name, an atom, or
 * ETF_NONE for the node. Any thread.
 *
 *   put   sets a copy of `value`; ETF_NONE removes the key. AGNER_EINVAL,
 *         AGNER_ENOMEM.
 *   find  copies into `r`; looks in that layer only. AGNER_EUNKNOWN,
 *         AGNER_ENOMEM.
 *   all   the layer as a map in `r`. AGNER_ENOMEM.
 */
AGNER_API enum agner_err rt_env_put(struct rt *rt, etf_term scope, etf_term key,
                                    etf_term value);
AGNER_API enum agner_err rt_env_find(struct rt *rt, struct etf_region *r,
                                     etf_term scope, etf_term key,
                                     etf_term *value);
AGNER_API enum agner_err rt_env_all(struct rt *rt, struct etf_region *r,
                                    etf_term scope, etf_term *map);

/* ---- Group leaders and applications ------------------------------------- */

/*
 * Makes `leader` the group leader of `of`, any process of any node, self too.
 * For another process it is a signal, in order with all others from self; its
 * children so far keep theirs. AGNER_ENOPROC (local, dead), AGNER_EINCARNATION,
 * AGNER_EINVAL (none given), AGNER_ENOCONN, AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. Source: erlang:group_leader/2.
 */
AGNER_API enum agner_err rt_set_group_leader(struct gen *self, etf_pid of,
                                             etf_pid leader);

/*
 * Processes whose group leader is `leader` belong to `application`, an atom, as
 * long as this stands; ETF_NONE takes it back, and so should whoever sees the
 * leader die. For application masters. Any thread. AGNER_EINVAL, AGNER_ENOMEM.
 */
AGNER_API enum agner_err rt_application_leader(struct rt *rt, etf_pid leader,
                                               etf_term application);

/* The application that self, or a process of this node, belongs to: an atom, or
 * ETF_NONE. rt_application_of(): any thread. */
AGNER_API etf_term rt_application(struct gen *self);
AGNER_API etf_term rt_application_of(struct rt *rt, etf_pid pid);

#ifdef __cplusplus
}
#endif

#endif

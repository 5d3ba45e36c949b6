/*
 * gen_pg.h -- process groups, of all nodes: OTP's pg, and its peer.
 *
 * A scope is a process, registered by the scope's name, on each node that takes
 * part. Local processes join groups of it, any number, each as often as they
 * like; the scopes of connected nodes, of agner or of Erlang, tell each other,
 * so that each node knows the members of all groups. A member that ends has
 * left, and so have those of a node that is lost. What two nodes see may differ
 * for a moment, and agrees once they are connected and nobody joins or leaves.
 * Hidden nodes are not looked for, as in OTP; one that sends `discover` itself
 * takes part.
 *
 * The application `kernel` starts the scope `pg`, which ETF_NONE stands for
 * wherever a scope is asked for. A group is any term. `pids` is a pid or a list
 * of pids, all of this node.
 *
 * Members are read from a board (rt_board.h) without asking the scope: no
 * process is waited for and no list is copied.
 *
 * Included by gen.h. Sources: OTP 25.1, pg; spec/distribution.md 11.
 */
#ifndef AGNER_GEN_PG_H
#define AGNER_GEN_PG_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The scope's server, for a child spec: its argument is the scope, an atom,
 * which must be its name, too. It ends with nothing but an exit. */
AGNER_API extern const struct gen_server gen_pg_server;

/* Starts a scope, with or without a link to self. Another of the same name that
 * runs here: AGNER_ETAKEN, and *pid is that one. Other errors as gen_start().
 */
AGNER_API enum agner_err gen_pg_start(struct gen *self, etf_term scope,
                                      etf_pid *pid);
AGNER_API enum agner_err gen_pg_start_link(struct gen *self, etf_term scope,
                                           etf_pid *pid);

/* All below: AGNER_ENONAME (no such scope runs here), AGNER_ENOMEM (nothing was
 * done, or only the answer could not be sent); those that wait for the scope:
 * AGNER_ENOPROC, AGNER_EEXIT (it ended meanwhile), AGNER_EEXITING,
 * AGNER_EKILLED. They never time out. */

/* Joins, or leaves one membership of each. After it reads on this node show it.
 * All or nothing when joining; AGNER_EUNKNOWN: none of the `pids` was a member.
 * AGNER_EINVAL: they are not processes of this node. */
AGNER_API enum agner_err gen_pg_join(struct gen *self, etf_term scope,
                                     etf_term group, etf_term pids);
AGNER_API enum agner_err gen_pg_leave(struct gen *self, etf_term scope,
                                      etf_term group, etf_term pids);

/* Members, of all nodes or of this one: a list in no order, with those who are
 * in it several times as often. Empty: there is no such group. */
AGNER_API enum agner_err gen_pg_get_members(struct gen *self, etf_term scope,
                                            etf_term group, etf_term *pids);
AGNER_API enum agner_err gen_pg_get_local_members(struct gen *self,
                                                  etf_term scope,
                                                  etf_term group,
                                                  etf_term *pids);
/* The groups that have members, or members on this node: lists in no order. */
AGNER_API enum agner_err gen_pg_which_groups(struct gen *self, etf_term scope,
                                             etf_term *groups);
AGNER_API enum agner_err
gen_pg_which_local_groups(struct gen *self, etf_term scope, etf_term *groups);
/* The scopes that run here, or have run: a list of atoms. */
AGNER_API etf_term gen_pg_which_scopes(struct rt *rt, struct etf_region *r);

/*
 * Tells self of who joins and leaves a group, or any group of the scope, by
 * {Ref, join | leave, Group, Pids}, until it demonitors or one of them ends.
 *
 *   pids    the members at that moment: what comes after goes on from there
 *   groups  likewise, a map of groups to members
 *
 * demonitor: no such message is left in the mailbox. AGNER_ENOREF.
 */
AGNER_API enum agner_err gen_pg_monitor(struct gen *self, etf_term scope,
                                        etf_term group, etf_ref *ref,
                                        etf_term *pids);
AGNER_API enum agner_err gen_pg_monitor_scope(struct gen *self, etf_term scope,
                                              etf_ref *ref, etf_term *groups);
AGNER_API enum agner_err gen_pg_demonitor(struct gen *self, etf_term scope,
                                          etf_ref ref);

/* Sends `message` to each member, as often as it is one; one copy serves all of
 * this node. *count, which may be NULL, is to how many; who cannot be reached
 * is passed over. Of what rt_send() says: AGNER_EBADTERM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err gen_pg_broadcast(struct gen *self, etf_term scope,
                                          etf_term group, etf_term message,
                                          size_t *count);

#ifdef __cplusplus
}
#endif

#endif

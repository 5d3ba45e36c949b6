/*
 * gen_global.h -- names and locks of all connected nodes, of Erlang and agner.
 *
 *     gen_global_register_name(self, name, rt_self(self), NULL);
 *     ...on any node:
 *     if (gen_global_whereis_name(rt, name, &pid) == AGNER_OK) ...
 *
 * Each node knows all names, so a look-up asks nobody; a change is made on all
 * nodes, under a lock, and takes a round trip or two to each. A name goes when
 * its process ends. When two parts of a network meet that gave the same name to
 * different processes, the method that came with it decides. A network that has
 * come apart is kept from overlapping: who loses one node is left by all that
 * know it, and they meet anew (kernel's prevent_overlapping_partitions).
 *
 * gen_call(), gen_cast() and gen_send_request() take {global, Name} and {via,
 * global, Name} for a process; rt_send() does not, to which {global, N} is one
 * that is registered as `global` on node N.
 *
 * For visible nodes: a hidden one is alone with its names. The application
 * `kernel` must run, else AGNER_ENONAME; AGNER_ENOPROC and AGNER_EEXIT if it
 * stops meanwhile. Where a function may wait for other nodes AGNER_EEXITING and
 * AGNER_EKILLED are possible too.
 *
 * gen.h includes this header. Sources: OTP 25, global(3);
 * spec/distribution.md 10.
 */
#ifndef AGNER_GEN_GLOBAL_H
#define AGNER_GEN_GLOBAL_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Names -------------------------------------------------------------- */

/*
 * Who decides when two processes have the same name: `fun Module:Function/3`,
 * called with the name and the two pids on the node of one of them, answers the
 * pid that keeps it; anything else and none does. One of this node is any that
 * gen_rpc_provide() knows, so a function in C too. Static.
 */
struct gen_global_method {
    const char *module, *function;
};

/* The one on the greater node is killed: the default, also for NULL. */
AGNER_API extern const struct gen_global_method gen_global_random_exit;
/* It loses the name and gets {global_name_conflict, Name}. */
AGNER_API extern const struct gen_global_method gen_global_random_notify;
/* Both lose it, and get {global_name_conflict, Name, OtherPid}. */
AGNER_API extern const struct gen_global_method gen_global_notify_all;
/* Both lose it. */
AGNER_API extern const struct gen_global_method gen_global_none;

/*
 * Gives a name, any term, to a process of any node. AGNER_OK, AGNER_ETAKEN (the
 * name, or the process has another one, or a node has no room), AGNER_EINVAL
 * (no name, no pid), AGNER_ELIMIT (a million changes wait), AGNER_ENOMEM.
 */
AGNER_API enum agner_err
gen_global_register_name(struct gen *self, etf_term name, etf_pid pid,
                         const struct gen_global_method *method);
/* The same in place of whoever has it. */
AGNER_API enum agner_err
gen_global_re_register_name(struct gen *self, etf_term name, etf_pid pid,
                            const struct gen_global_method *method);
/* AGNER_OK also when nobody has it. */
AGNER_API enum agner_err gen_global_unregister_name(struct gen *self,
                                                    etf_term name);

/* Any thread. AGNER_ENONAME. */
AGNER_API enum agner_err gen_global_whereis_name(struct rt *rt, etf_term name,
                                                 etf_pid *pid);
/* All names, in no order: a list in self's region. */
AGNER_API enum agner_err gen_global_registered_names(struct gen *self,
                                                     etf_term *names);
/* AGNER_ENONAME, and as rt_send(). `pid`: to whom; may be NULL. */
AGNER_API enum agner_err gen_global_send(struct gen *self, etf_term name,
                                         etf_term message, etf_pid *pid);

/* ---- Locks -------------------------------------------------------------- */

/*
 * Locks a resource on some nodes, for a requester.
 *
 *   id       {Resource, Requester}, any terms: who comes with the same
 *            requester shares the lock, others have to wait
 *   nodes    a list; ETF_NONE: this one and all visible ones
 *   retries  how often to try again, after a random pause of up to 8 s;
 *            GEN_INFINITY: until it is there
 *
 * The lock is self's: it goes when self ends. AGNER_OK, AGNER_EBUSY (it was not
 * to be had; nothing is locked), AGNER_EINVAL, AGNER_ENOMEM. A node that is not
 * there is passed over. Each try builds a little in self's region.
 */
AGNER_API enum agner_err gen_global_set_lock(struct gen *self, etf_term id,
                                             etf_term nodes, uint64_t retries);
/* Gives self's part of it back. AGNER_OK also when there was none. */
AGNER_API enum agner_err gen_global_del_lock(struct gen *self, etf_term id,
                                             etf_term nodes);
/* Calls body(self, arg) while the lock is held. Given back too when the body
 * leaves through rt_exit(), which then goes on. AGNER_EBUSY: it did not run. */
AGNER_API enum agner_err
gen_global_trans(struct gen *self, etf_term id,
                 void (*body)(struct gen *self, void *arg), void *arg,
                 etf_term nodes, uint64_t retries);

/* ---- The network -------------------------------------------------------- */

/* Waits until the names of `nodes` (a list; ETF_NONE: all visible ones) are
 * here; one that goes away is waited for no more. AGNER_EINVAL, AGNER_ELIMIT,
 * AGNER_ENOMEM. */
AGNER_API enum agner_err gen_global_sync(struct gen *self, etf_term nodes);

/* Leaves the network: disconnects from all visible nodes, without others having
 * to leave it too. `nodes`, which may be NULL, gets their names. */
AGNER_API enum agner_err gen_global_disconnect(struct gen *self,
                                               etf_term *nodes);

#ifdef __cplusplus
}
#endif

#endif

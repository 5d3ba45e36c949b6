/*
 * heritage.h -- what a process has from its spawner: group leader, environment.
 *
 * Private to runtime/. One immutable object for all who have the same, by
 * count; a change makes a new one for the process that changes. A process
 * without one inherited nothing, and costs nothing here.
 *
 * The blocks are never given back while the runtime lives, so that any thread
 * may look at another process's: rt__heritage_leader() says how. Only the
 * leader may be read so; everything else is for those who hold a count.
 *
 * A count that all children of an application share would be moved between the
 * workers' caches at each spawn and each end. So a worker takes counts by the
 * batch and keeps a few in hand (struct share). The price: a heritage may
 * outlive its last process until the worker's place for it is wanted, or the
 * runtime ends.
 */
#ifndef RT_HERITAGE_H
#define RT_HERITAGE_H

#include <agner/rt.h>

#include "atomic.h"

#define SHARES      4u  /* places for heritages in a worker */
#define SHARE_BATCH 64u /* counts that are taken at once */

struct process;
struct worker;

struct heritage {
    _Atomic uint32_t refs;      /* those in workers' hands included */
    _Atomic uint32_t version;   /* odd: free, or being filled in */
    _Atomic uint64_t leader[3]; /* an etf_pid; all zero: none */
    uint32_t place;             /* in a worker's shares; of the block */
    struct etf_box *env;        /* owned: a map; NULL: empty */
    struct heritage *next;      /* free ones */
};

/* Counts of `heritage` in a worker's hand. */
struct share {
    struct heritage *heritage;
    uint32_t spare;
};

/* A new one with count 1. Takes `env` (may be NULL) also on failure, which is
 * NULL. */
struct heritage *rt__heritage_new(struct rt *rt, etf_pid leader,
                                  struct etf_box *env);
/* One process more, or fewer, has it. `worker` is the calling one, or NULL. */
void rt__heritage_hold(struct worker *worker, struct heritage *h);
void rt__heritage_drop(struct rt *rt, struct worker *worker,
                       struct heritage *h);
/* Gives `p` that one in place of what it has; takes a count of `h`. Owner. */
void rt__heritage_set(struct rt *rt, struct worker *worker, struct process *p,
                      struct heritage *h);
/* The process gets a leader, keeping its environment. Owner. AGNER_ENOMEM. */
enum agner_err rt__heritage_lead(struct rt *rt, struct worker *worker,
                                 struct process *p, etf_pid leader);
/* The process gets an environment, keeping its leader. Takes `env` (NULL: an
 * empty one), also on failure. Owner. AGNER_ENOMEM. */
enum agner_err rt__heritage_equip(struct rt *rt, struct worker *worker,
                                  struct process *p, struct etf_box *env);
/* The leader in it, all zero for none. A process of the caller's has it. */
etf_pid rt__leader_in(const struct heritage *h);
/* The environment of `p`, a map, or ETF_NONE. Owner. */
etf_term rt__heritage_env(const struct process *p);

/* The group leader that the live process has; it is itself when it has none.
 * Any thread. false: no such process. */
bool rt__heritage_leader(struct rt *rt, etf_pid pid, etf_pid *leader);

/* All processes are gone. */
void rt__heritage_fini(struct rt *rt);

#endif

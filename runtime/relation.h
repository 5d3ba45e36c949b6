/*
 * relation.h -- what ties a process to others: links, monitors, aliases,
 * requests.
 *
 * Each process has a table of relations of its own, in insertion order and by
 * hash. An entry is an envelope with a tail, so that the signal which asks for
 * a link or a monitor becomes the entry, and the entry becomes the signal that
 * tells of the end (G19). Only the owner touches its table.
 */
#ifndef RT_RELATION_H
#define RT_RELATION_H

#include "envelope.h"
#include "process.h"

enum relation_kind {
    RELATION_LINK,    /* key: pid */
    RELATION_MONITOR, /* we watch; key: our reference */
    RELATION_WATCHER, /* they watch us; key: their pid and reference */
    RELATION_ALIAS,   /* key: our reference */
    RELATION_REQUEST, /* an answer is due; key: our reference */
    RELATION_SPAWN,   /* the reply to a spawn request is due; key: the same */
};

enum relation_flags {
    RELATION_ACTIVE = 1,   /* a link: not being undone */
    RELATION_IS_ALIAS = 2, /* a monitor whose reference is an alias too, for as
                              long as it is active */
    RELATION_ALIAS_REPLY = 8, /* an alias for one message */
    RELATION_DONE = 16,       /* a request: the answer is here */
    RELATION_CALL = 32,   /* a watcher that waits for the answer to its call */
    RELATION_NAMED = 64,  /* a monitor by name */
    RELATION_NODE = 128,  /* the other is of another node */
    RELATION_EVENT = 256, /* a subscription, at either end: event.h */
    RELATION_EVENT_LINK = 512, /* ... whose down is an exit */
};

struct relation {
    struct envelope envelope; /* sender: who; id: reference number */
    struct relation *hash_next;
    struct relation *before, *after; /* in order of insertion */
    etf_term who;                    /* pid word, or boxed pid in `box` */
    etf_term node;                   /* RELATION_NODE: its name */
    etf_term name;                   /* RELATION_NAMED */
    uint64_t unlink_id;              /* a link that is being undone */
    uint64_t era; /* RELATION_NODE: of which connection: carrier.c;
                     RELATION_EVENT: its number */
    union {
        struct envelope *answer; /* a request that is done; owned */
        struct etf_box *tag; /* a monitor: in place of 'DOWN'; owned, or NULL */
        struct seat *seat;   /* RELATION_EVENT, a monitor; owned */
        struct spawn_asked *asked; /* a spawn request; owned: spawn_remote.h */
        _Atomic uint32_t *share;   /* a far link or watcher that its peer asked
                                      for: counts it; or NULL. carrier.c */
    } has;
    struct etf_box *box; /* holds `who` and the far reference; or NULL */
    etf_ref ref;         /* a watcher of another node: its reference */
    uint16_t kind;
    uint16_t flags;
};

struct owned_timer {
    struct timer *timer;
    uint64_t id : 63;
    uint64_t is_mine : 1; /* its message is for the process itself */
};

struct relations {
    struct relation *first, *last;
    struct relation **buckets;
    uint32_t count;
    uint32_t bucket_count; /* a power of two */
    uint32_t done;         /* requests whose answer is here */
    uint64_t unlink_seq;
    /* Timers that this process started and that may still be armed: a stale one
     * shows by its id. */
    struct owned_timer *timers;
    uint32_t timer_count, timer_capacity;
    struct extras *extras; /* owned; NULL: all default */
    bool node_events;      /* subscribed to all */
    bool has_events;       /* it has, or had, events of its own */
};

static inline struct extras *rt__extras_of(const struct process *p)
{
    return p->relations == NULL ? NULL : p->relations->extras;
}

/* The process's table, made when there is none; NULL: no memory. */
struct relations *rt__relations(struct process *p);
void rt__relations_free(struct process *p);

/* A new entry that is in no table yet; with a copy of `who` (a pid: word or
 * boxed). NULL: no memory. */
struct relation *rt__relation_new(struct rt *rt, struct worker *worker,
                                  enum relation_kind kind, etf_term who,
                                  uint64_t id);
/* Puts it into the table. false: no memory, nothing done. */
bool rt__relation_add(struct process *p, struct relation *r);
void rt__relation_remove(struct process *p, struct relation *r);
void rt__relation_free(struct rt *rt, struct worker *worker,
                       struct relation *r);
/* Lets go of what a monitor has besides its envelope, which becomes a signal.
 */
void rt__relation_strip(struct relation *r);
/* A monitor that was removed from the table becomes its own DOWN: no allocation
 * (G19). Freeing the envelope frees all of it. */
struct envelope *rt__relation_down(struct relation *r, etf_term reason);
/* Frees a DOWN that nobody needs any more, and its monitor. */
void rt__down_free(struct rt *rt, struct worker *worker, struct envelope *m);

/* Everything that the dead `to` sent us comes before what we say of its end
 * (G1): link.c. */
void rt__hear_last_words(struct gen *self, etf_term to);

struct relation *rt__find_link(struct process *p, etf_term who);
struct relation *rt__find_id(struct process *p, enum relation_kind kind,
                             uint64_t id);
struct relation *rt__find_watcher(struct process *p, etf_term who, uint64_t id,
                                  const struct etf_ref *ref);

#endif

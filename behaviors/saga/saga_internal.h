/*
 * saga_internal.h -- what the files of a saga share.
 *
 * Private to behaviors/saga/. The process alone reads and writes all of this,
 * but for `shown`, which is guarded by its lock: figures are read by anybody.
 *
 * Everything that outlives a callback belongs to a transaction, and a
 * transaction to the saga's list, before a callback of the user's is called:
 * that one may leave through rt_exit().
 */
#ifndef SAGA_INTERNAL_H
#define SAGA_INTERNAL_H

#include "gen_internal.h"
#include "saga/tx.h"
#include "spin.h"

/* ---- saga_table.c: things by their reference ----------------------------- */

enum saga_kind {
    SAGA_KEY_TX,          /* the transaction's own reference */
    SAGA_KEY_PARENT,      /* its monitor of who passed it on */
    SAGA_KEY_NEXT,        /* the monitor of a next saga, which is its id */
    SAGA_KEY_JOB,         /* a job's id */
    SAGA_KEY_WORKER,      /* its worker's pid: saga__pid_key() */
    SAGA_KEY_COORDINATOR, /* the monitor of a creator that is asked */
    SAGA_KEY_PARTICIPANT, /* the id that a participant has at its parent */
    SAGA_KEY_WATCH,       /* the monitor of a participant */
};

struct saga_key {
    struct saga_key *next;
    void *owner; /* what it is the key of */
    etf_ref ref;
    enum saga_kind kind;
    bool listed;
};

struct saga_keys {
    struct saga_key **slots; /* owned; NULL before the first */
    size_t size;             /* a power of two */
    size_t count;
};

/* AGNER_ENOMEM: there is no room for a first one. */
enum agner_err saga__keys_put(struct saga_keys *keys, struct saga_key *key,
                              enum saga_kind kind, etf_ref ref, void *owner);
void saga__keys_drop(struct saga_keys *keys, struct saga_key *key);
/* The owner, or NULL. */
void *saga__keys_find(const struct saga_keys *keys, enum saga_kind kind,
                      etf_ref ref);
void saga__keys_fini(struct saga_keys *keys);
etf_ref saga__pid_key(etf_pid pid);

/* ---- A transaction --------------------------------------------------------
 */

struct saga_tx;

struct saga_job {
    struct saga_job *link;
    struct saga_tx *tx; /* NULL: of no transaction any more, but it lives */
    struct saga_key key, worker;
    etf_pid pid;
    struct rt_timer timer;
    bool timed;
    uint64_t timeout_ms;
    bool done; /* it has delivered, and waits for the end */
    bool dead; /* ... but it has ended */
    bool yes;  /* its vote */
};

struct saga_next {
    struct saga_next *link;
    struct saga_tx *tx;
    struct saga_key key; /* listed: it is monitored */
    struct etf_box *to;  /* owned */
    struct rt_timer timer;
    bool timed;
    bool trap;
    bool done;   /* as of a job */
    bool yes;    /* its vote */
    bool acked;  /* GEN_SAGA_NOTIFY: it has acknowledged */
    bool missed; /* ... or it never will */
};

/* Of a vote, at the creator: whoever has prepared. */
struct saga_part {
    struct saga_part *link;
    struct saga_tx *tx;
    struct saga_key key;   /* until it has acknowledged */
    struct saga_key watch; /* listed: its pid is monitored */
    struct etf_box *to;    /* owned */
};

struct saga_tx {
    struct saga_tx *before, *after; /* the saga's list; its lock guards them */
    struct saga_key key;
    etf_ref origin; /* saga__ref_is_empty(): the creator's */
    etf_pid parent; /* all zero: none, or of an earlier life */
    struct saga_key parent_monitor;
    struct etf_box *trail; /* owned: who passed it on, nearest first */
    uint64_t hops;         /* how many they are */
    struct gen_saga_options options;
    struct rt_timer lifespan;
    bool timed;
    bool cancelling;
    bool lost;     /* see struct saga_look */
    bool recorded; /* there is a record of it in the store */
    bool restored; /* of an earlier life, and not taken up yet */
    struct saga_job *jobs;
    struct saga_next *nexts;
    struct saga_part *parts;
    size_t votes; /* that are still to come */
    /* Of a vote. */
    struct etf_box *final;       /* owned; NULL before it */
    struct etf_box *coordinator; /* owned: {Name, Node} or pid; NULL: self */
    struct saga_key coordinator_monitor;
    /* What others may read: the saga's lock guards it. */
    struct saga_shown {
        enum saga_state state;
        uint64_t begun_ms, deadline_ms;
        uint32_t jobs, nexts; /* that have not delivered */
        bool stuck, vote;
    } shown;
};

struct saga {
    struct gen_head head;         /* first */
    const struct gen_saga *table; /* borrowed: static; NULL before init */
    struct rt *rt;                /* borrowed */
    struct saga_keys keys;
    struct etf_box *spent;    /* owned: what the last callback was given */
    etf_term atoms[12];       /* by enum saga_tag */
    etf_term saga_atom;       /* $saga, of a person's requests */
    struct gen_store *store;  /* a count of it, or NULL */
    char *store_name;         /* owned */
    struct saga_job *orphans; /* workers of no transaction that live */
    struct rt_timer tick;
    bool ticking;
    bool tick_late;               /* it could not be set */
    uint64_t tx_max;              /* written under the lock */
    rt_spin lock;                 /* guards the list and what is shown */
    struct saga_tx *first, *last; /* oldest first */
    uint64_t in_flight, committed, cancelled, stuck;
    struct rt_figures figures;
    bool listed;
};

/* ---- saga_wire.c: messages between sagas ----------------------------------
 */

enum saga_tag {
    SAGA_TAG_NEXT,
    SAGA_TAG_RESULT,
    SAGA_TAG_INTERIM,
    SAGA_TAG_CANCEL,
    SAGA_TAG_COMMIT,
    SAGA_TAG_PREPARE,
    SAGA_TAG_VOTE,
    SAGA_TAG_ACK,
    SAGA_TAG_OUTCOME,
    SAGA_TAG_DECIDED,
    SAGA_TAG_TIMER, /* own */
    SAGA_TAG_JOB,   /* of this node's workers */
    SAGA_TAG_COUNT,
};

/* {Tag, From, {TX, Origin, Value, ...}}; what a message does not have is empty
 * or ETF_NONE. */
struct saga_wire {
    enum saga_tag tag;
    etf_pid from;      /* all zero: an empty pid */
    etf_term from_pid; /* the same as a term */
    etf_ref tx, origin;
    etf_term value; /* Value, Result, Reason, Final, Vote, Decision */
    etf_term extra; /* Opts, Coordinator, the mark of a commit */
    etf_term trail; /* Parents */
};

void saga__atoms(struct saga *s);
/* false: it is none of ours, or malformed. */
bool saga__read(const struct saga *s, etf_term message, struct saga_wire *wire);
bool saga__ref_is_empty(etf_ref ref);
etf_ref saga__empty_ref(void);
/* The options of a transaction as it comes, and the map that goes out. */
struct gen_saga_options saga__options_read(etf_term map);
etf_term saga__options_make(struct gen *self,
                            const struct gen_saga_options *options);
etf_term saga__ref(struct gen *self, etf_ref ref);
/* {Tag, self, Body}; AGNER_ENOMEM also when the body is none. */
enum agner_err saga__send(struct gen *self, struct saga *s, etf_term to,
                          enum saga_tag tag, etf_term body);

/* ---- saga_tx.c: making and forgetting -------------------------------------
 */

/* NULL: no memory, or there is one of that reference. */
struct saga_tx *saga__tx_new(struct gen *self, struct saga *s, etf_ref id);
struct saga_tx *saga__tx_find(const struct saga *s, etf_ref id);
struct saga_tx *saga__tx_id(struct saga *s, struct gen_saga_tx id);
bool saga__is_creator(const struct saga_tx *tx);
/* Timers and monitors go, jobs live on as orphans. */
void saga__tx_free(struct gen *self, struct saga *s, struct saga_tx *tx);
/* self NULL: the process has ended. */
void saga__fini(struct gen *self, struct saga *s);
void saga__next_free(struct gen *self, struct saga *s, struct saga_next *next);
void saga__next_done(struct gen *self, struct saga_next *next);
void saga__unmonitor(struct gen *self, struct saga *s, struct saga_key *key);
void saga__job_detach(struct gen *self, struct saga *s, struct saga_job *job);
void saga__job_free(struct saga *s, struct saga_job *job);
void saga__untimed(struct gen *self, struct rt_timer *timer, bool *timed);
size_t saga__open(const struct saga_tx *tx);
/* After any change: what others see. */
void saga__show(struct saga *s, struct saga_tx *tx, enum saga_state state);
uint64_t saga__left_ms(struct gen *self, const struct saga_tx *tx);
enum agner_err saga__live(struct gen *self, struct saga_tx *tx, uint64_t ms);

/* ---- saga_act.c: doing what a step says ------------------------------------
 */

/* What an event is about, besides the transaction. */
struct saga_about {
    struct saga_next *next; /* from which it came, or NULL */
    etf_term value;         /* reason, result, final */
    etf_pid from;
};

struct saga_look saga__look(const struct saga_tx *tx,
                            const struct saga_about *about);
enum gen_next saga__happen(struct gen *self, struct saga *s, struct saga_tx *tx,
                           enum saga_event event,
                           const struct saga_about *about);
enum gen_next saga__info(struct gen *self, struct saga *s, etf_term message);
/* {saga_error, TX, Next, Error, Details}, to itself. */
void saga__tell_error(struct gen *self, const struct saga_tx *tx, etf_ref next,
                      etf_term error, etf_term details);
/* The user's handle_tx_cancel. */
enum gen_next saga__call_cancel(struct gen *self, struct saga *s, etf_ref id,
                                etf_term reason);
/* Keeps a box until the next message, for what a callback is given. */
void saga__spend(struct saga *s, struct etf_box *box);

/* ---- saga_in.c: what comes -------------------------------------------------
 */

/* A message of ours, or a down. *ours false: it is the user's. */
enum gen_next saga__arrive(struct gen *self, struct saga *s, etf_term message,
                           bool *ours);
enum gen_next saga__down(struct gen *self, struct saga *s, etf_term message,
                         bool *ours);

/* ---- saga_job.c: of jobs
 * ----------------------------------------------------- */

enum gen_next saga__job_arrive(struct gen *self, struct saga *s,
                               const struct saga_wire *wire);
enum gen_next saga__job_late(struct gen *self, struct saga *s,
                             struct saga_job *job);
enum gen_next saga__exit(struct gen *self, struct saga *s, etf_term message,
                         bool *ours);

/* ---- saga_vote.c: acting on a vote ------------------------------------------
 */

enum gen_next saga__prepare(struct gen *self, struct saga *s,
                            struct saga_tx *tx, etf_term final);
void saga__vote_yes(struct gen *self, struct saga *s, struct saga_tx *tx);
/* Writes it, or what saga__store_decision() says. */
enum agner_err saga__decide(struct gen *self, struct saga *s,
                            struct saga_tx *tx);
void saga__vote_no(struct gen *self, struct saga *s, struct saga_tx *tx,
                   etf_term reason);
void saga__push(struct gen *self, struct saga *s, struct saga_tx *tx);
void saga__ask(struct gen *self, struct saga *s, struct saga_tx *tx);
void saga__ack(struct gen *self, struct saga *s, const struct saga_tx *tx,
               etf_pid to);
/* A vote of a next saga: who has prepared behind it. AGNER_EINVAL,
 * AGNER_ELIMIT, AGNER_ENOMEM. */
enum agner_err saga__parts_add(struct saga *s, struct saga_tx *tx,
                               etf_term list);
enum agner_err saga__part_add(struct saga *s, struct saga_tx *tx, etf_ref id,
                              etf_term to);
void saga__part_free(struct gen *self, struct saga *s, struct saga_part *part);
/* One has acknowledged, or never will. */
enum gen_next saga__part_done(struct gen *self, struct saga *s,
                              struct saga_part *part);
enum gen_next saga__tick(struct gen *self, struct saga *s);
/* It ticks while somebody waits for an outcome. */
void saga__ticking(struct gen *self, struct saga *s);
/* {Name, Node} of a saga with a store and a name, else its pid. */
etf_term saga__address(struct gen *self, const struct saga *s);
/* Takes up one of an earlier life that gen_saga_store() found. */
enum gen_next saga__take_up(struct gen *self, struct saga *s,
                            struct saga_tx *tx);

/* ---- saga_store.c: what is kept of a vote -----------------------------------
 */

/* All three: good also without a store. The vote is written before anybody is
 * asked to prepare: what is prepared is never without a record. After an error
 * it is not there; AGNER_EEXITING, AGNER_EKILLED: who knows. */
enum agner_err saga__store_vote(struct gen *self, struct saga *s,
                                struct saga_tx *tx);
enum agner_err saga__store_decision(struct gen *self, struct saga *s,
                                    struct saga_tx *tx);
bool saga__store_erase(struct gen *self, struct saga *s, struct saga_tx *tx);
void saga__store_fini(struct saga *s);

/* ---- saga_show.c ------------------------------------------------------------
 */

etf_term saga__figures_show(const struct rt_figures *figures,
                            struct etf_region *r);
/* {'$saga', Request, ...} as a call; false: it is none. */
bool saga__request(struct gen *self, struct saga *s,
                   const struct gen_from *from, etf_term request);

/* ---- saga.c, worker.c
 * -------------------------------------------------------- */

/* NULL: self runs no saga. */
struct saga *saga__of(struct gen *self);
enum agner_err saga__worker_start(struct gen *self,
                                  const struct gen_saga_worker *table,
                                  etf_term args, etf_pid *pid);
/* {'$saga_job', What, Value, Now} to a worker. */
enum agner_err saga__worker_tell(struct gen *self, const struct saga_job *job,
                                 const char *what, etf_term value);

#endif

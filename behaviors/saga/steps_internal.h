/*
 * steps_internal.h -- durable sagas: who has what.
 *
 * Private to behaviors/saga/. Three kinds of process work on a kind of saga:
 *
 *   the keeper   steps.c        one; a server: begins, tells, keeps the
 * finished drivers      steps_drive.c  one for each saga that runs: decides,
 * writes workers      steps_act.c    one for each try of an act or a
 * compensation
 *
 * A driver is linked to its keeper and a worker to its driver, so all end with
 * the keeper; a keeper that comes after waits for them (store_claim.h). What
 * they share is the room: counted, and outlived by nobody who has a count.
 */
#ifndef STEPS_INTERNAL_H
#define STEPS_INTERNAL_H

#include <agner/gen_steps.h>

#include "atomic.h"
#include "saga/journal.h"
#include "saga/steps_decide.h"
#include "spin.h"
#include "store/store_claim.h"

#define STEPS_BUCKETS 2048u
#define STEPS_SHOWN   1000u /* sagas in figures */

/* Who waits for an answer: memory of the keeper. */
struct steps_waiter {
    struct steps_waiter *next;
    struct gen_from from;
};

/* What anybody may see of a saga: under the room's lock. */
struct steps_view {
    enum steps_phase phase;
    bool stuck; /* for whatever reason */
    uint64_t created_ms, deadline_ms;
    struct etf_box *reason; /* owned; NULL: none */
    size_t count, present;  /* present: which step is at work */
};

struct steps_entry {
    _Atomic uint32_t refs;
    struct etf_box *id; /* owned; never changes */
    /* The room's lock guards these; only the keeper moves it between lists. */
    struct steps_entry *next, *prev;
    struct steps_view view;
    struct step_record *steps; /* owned: view.count */
    struct etf_box *names;     /* owned: a list of binaries */
    /* The keeper's alone. */
    struct steps_entry *same_hash, *same_pid, *behind; /* behind: in `ready` */
    etf_pid driver;                                    /* all zero: none */
    bool runs;   /* the driver has one of running_max places */
    bool stored; /* begin was told that it is */
    bool queued; /* it waits for a place */
    bool halted; /* finished or stuck: nobody drives it */
    bool finished;
    bool again;        /* a person wants a stuck one to go on */
    bool aborted;      /* a person does not want it */
    uint64_t ended_ms; /* finished: by the wall clock */
    uint64_t restarts;
    struct etf_box *outcome;        /* owned: of a finished or stuck one */
    struct steps_waiter *beginners; /* owned: until it is stored */
    struct steps_waiter *awaiters;  /* owned: until it is finished or stuck */
};

struct steps_list {
    struct steps_entry *first, *last;
    size_t count;
};

struct steps_room {
    _Atomic uint32_t refs;
    struct rt *rt;                             /* borrowed */
    const struct gen_steps *table;             /* borrowed: static */
    struct gen_store *store;                   /* held */
    size_t running_max, waiting_max, keep_max; /* the table's, or defaults */
    uint64_t keep_ms;
    struct gen_claim_ticket ticket;
    struct rt_figures figures;
    etf_pid keeper;
    rt_spin lock;                       /* guards the rest */
    struct steps_list active, finished; /* oldest first */
    uint64_t committed, compensated, failed, stuck, aborted;
};

/* ---- steps_room.c -------------------------------------------------------- */

struct steps_room *gen__steps_room_new(struct rt *rt,
                                       const struct gen_steps *table,
                                       struct gen_store *store);
struct steps_room *gen__steps_room_hold(struct steps_room *room);
void gen__steps_room_free(void *room);
/* A term that holds the room; ETF_NONE: no memory. */
etf_term gen__steps_room_term(struct etf_region *r, struct steps_room *room);

/* A new one with a count, in no list; NULL: no memory. `names`: a list of
 * binaries, `count` of them. */
struct steps_entry *gen__steps_entry_new(etf_term id, etf_term names,
                                         size_t count);
void gen__steps_entry_free(struct steps_entry *entry);
etf_term gen__steps_entry_term(struct etf_region *r, struct steps_entry *entry);

/* Lists are the room's; the list has the caller's count. */
void gen__steps_put(struct steps_room *room, struct steps_list *list,
                    struct steps_entry *entry);
void gen__steps_take(struct steps_room *room, struct steps_list *list,
                     struct steps_entry *entry);

/* Shows what is in the journal now. Takes `reason`, which may be NULL. */
void gen__steps_show(struct steps_room *room, struct steps_entry *entry,
                     const struct journal *j, size_t present,
                     struct etf_box *reason);
void gen__steps_show_stuck(struct steps_room *room, struct steps_entry *entry,
                           bool stuck, struct etf_box *reason);

/* The map of one, and of all: rt_figures. */
etf_term gen__steps_info(struct steps_room *room, struct steps_entry *entry,
                         struct etf_region *r);
etf_term gen__steps_figures(const struct rt_figures *figures,
                            struct etf_region *r);

/* ---- steps_drive.c ------------------------------------------------------- */

/* Starts a driver, linked to self, the keeper. `input`: of a new one, which is
 * written first, with created_ms and deadline_ms; ETF_NONE: it is read.
 * `go_on`: and not only written. `retry`: a person says so. */
enum agner_err gen__steps_drive(struct gen *self, struct steps_room *room,
                                struct steps_entry *entry, etf_term input,
                                uint64_t created_ms, uint64_t deadline_ms,
                                bool go_on, bool retry, etf_pid *pid);

/* ---- steps_act.c --------------------------------------------------------- */

struct steps_try {
    const struct gen_step *step;
    bool undo;
    struct gen_step_run run;
};

/* Starts a worker, linked to self, the driver. */
enum agner_err gen__steps_work(struct gen *self, struct steps_room *room,
                               const struct steps_try *what, etf_pid *pid);
/* {'$step', Pid, Result} that it sends; what it leaves with when it refuses. */
bool gen__steps_result(etf_term message, etf_pid worker, etf_term *result);
bool gen__steps_refusal(etf_term exit_reason, etf_term *reason);

/* ---- steps_load.c -------------------------------------------------------- */

typedef enum agner_err (*steps_each)(void *ctx, struct etf_region *r,
                                     etf_term id, const struct journal *j,
                                     const char *why);

/* Calls each(ctx, r, id, j, why) for every saga in the store; j is NULL when it
 * cannot be read, and `why` says so. Terms live until it returns. */
enum agner_err gen__steps_load(struct gen *self, struct steps_room *room,
                               steps_each each, void *ctx,
                               struct agner_error *error);
/* One saga, into self's region. */
enum agner_err gen__steps_read(struct gen *self, struct steps_room *room,
                               etf_term id, struct journal *j,
                               struct agner_error *error);
/* Both rows, or the progress alone. */
enum agner_err gen__steps_write(struct gen *self, struct steps_room *room,
                                const struct journal *j, bool head,
                                struct agner_error *error);
#define STEPS_ERASED_MAX 64u /* at a time */

/* Takes them out of the store, at most STEPS_ERASED_MAX. */
enum agner_err gen__steps_erase(struct gen *self, struct steps_room *room,
                                struct steps_entry *const *entries,
                                size_t count, struct agner_error *error);

/* ---- steps_call.c -------------------------------------------------------- */

/* {State, Result, Reason, NotCompensated} of a journal at its end, or stuck. */
etf_term gen__steps_outcome_term(struct etf_region *r, const struct journal *j);
bool gen__steps_outcome_read(etf_term term, struct gen_steps_outcome *outcome);
/* {error, Why} for an error of ours. */
etf_term gen__steps_error_term(struct etf_region *r, enum agner_err err);

#endif

/*
 * steps_keep.h -- what the keeper of durable sagas has in mind.
 *
 * Private to behaviors/saga/, to steps.c and steps_keep.c: one process.
 */
#ifndef STEPS_KEEP_H
#define STEPS_KEEP_H

#include "saga/steps_internal.h"

struct steps_keeper {
    struct steps_room *room; /* a count of it; NULL before init */
    struct steps_entry *by_id[STEPS_BUCKETS];
    struct steps_entry *by_pid[STEPS_BUCKETS]; /* those with a driver */
    struct steps_entry *ready, *ready_last;    /* wait for a place */
    size_t running;                            /* that have one */
    bool purging;                              /* a timer for it is set */
};

struct steps_entry *gen__steps_find(struct steps_keeper *k, etf_term id);
struct steps_entry *gen__steps_find_pid(struct steps_keeper *k, etf_pid pid);

/* A new one is active, and found by its id. Takes `entry`. */
void gen__steps_add(struct steps_keeper *k, struct steps_entry *entry);
/* It is in no list any more, and may be freed now. */
void gen__steps_forget(struct steps_keeper *k, struct steps_entry *entry);

/* Its driver is this process, or none. */
void gen__steps_set_driver(struct steps_keeper *k, struct steps_entry *entry,
                           etf_pid pid);

/* The line of those that wait for a place. */
void gen__steps_queue(struct steps_keeper *k, struct steps_entry *entry);
struct steps_entry *gen__steps_dequeue(struct steps_keeper *k);
/* It waits no more, if it did. */
void gen__steps_unqueue(struct steps_keeper *k, struct steps_entry *entry);

/* From active to finished, or to stuck: with its outcome, a term. Answers who
 * waits. */
void gen__steps_finish(struct gen *self, struct steps_keeper *k,
                       struct steps_entry *entry, etf_term outcome,
                       bool finished);
/* AGNER_ENOMEM. */
enum agner_err gen__steps_wait(struct steps_waiter **list,
                               struct gen_from from);
void gen__steps_answer(struct gen *self, struct steps_waiter **list,
                       etf_term answer);

/* All of the store: the finished are known, the others wait for a place. */
enum agner_err gen__steps_begin_all(struct gen *self, struct steps_keeper *k,
                                    struct agner_error *error);
/* Forgets finished ones that are too old or too many, some at a time. true:
 * there are more. */
bool gen__steps_purge(struct gen *self, struct steps_keeper *k);

#endif

/*
 * place.h -- where processes wait for an object, and who listens to it.
 *
 * Private to behaviors/async. A latch, a future, a group begins with a place:
 * the lock that guards the object, its count, those who wait and those who want
 * a message. What each of them waits for is a number that only the object
 * understands: it says by a `look` whether that is there.
 *
 * Whoever changes the object looks for all who wait, under the lock, before the
 * next change: so nobody misses a state that was there for a moment.
 */
#ifndef GEN_PLACE_H
#define GEN_PLACE_H

#include <agner/gen.h>

#include "atomic.h"
#include "spin.h"

struct gen_place;
struct gen_listener;

/* AGNER_EAGAIN: not yet; else what the wait comes to. With the lock held. */
typedef enum agner_err (*gen_look)(const struct gen_place *place,
                                   uint64_t want);

struct gen_place {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    rt_spin lock;
    struct rt_waiter *first, *last; /* in the order in which they came */
    struct gen_listener *listeners;
    void (*fini)(struct gen_place *place); /* gives the object back */
};

/* One process that wants a message. */
struct gen_listener {
    struct rt_hook hook;     /* first: of its end */
    struct gen_place *place; /* held */
    _Atomic uint32_t refs;   /* the list's, and the hook's */
    etf_pid pid;
    etf_ref ref;
    uint64_t want;
    enum agner_err result;            /* once it is due */
    struct gen_listener *next, *prev; /* the place's lock guards these */
    bool listed;
};

void gen__place_init(struct gen_place *place, struct rt *rt,
                     void (*fini)(struct gen_place *place));
void gen__place_hold(struct gen_place *place);
void gen__place_free(struct gen_place *place); /* NULL is fine */

/* Waits until look() says so. What it says, or AGNER_ETIMEOUT,
 * AGNER_ECANCELLED, AGNER_EEXITING, AGNER_EKILLED, AGNER_ENOMEM. */
enum agner_err gen__place_wait(struct gen *self, struct gen_place *place,
                               gen_look look, uint64_t want,
                               uint64_t timeout_ms, struct gen_cancel *cancel);

/* The same at several places, for one of them: *which. `which` is not NULL. */
enum agner_err gen__place_wait_any(struct gen *self,
                                   struct gen_place *const *places,
                                   size_t count, gen_look look,
                                   uint64_t timeout_ms,
                                   struct gen_cancel *cancel, size_t *which);

/* With the lock held: wakes those that look() has an answer for; takes the
 * listeners out for which it has one, as a chain for gen__place_tell(). */
struct gen_listener *gen__place_wake(struct gen_place *place, struct gen *by,
                                     gen_look look);

/* Makes the message of one that listens, in `r`. Without the lock. */
typedef etf_term (*gen_tell)(struct gen_place *place, struct etf_region *r,
                             const struct gen_listener *l);

/* Sends the messages, without the lock. One that there is no memory for is
 * lost. */
void gen__place_tell(struct gen_listener *due, gen_tell tell);

/* A message to self once look() has an answer: at once, if it has.
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED: none will come. */
enum agner_err gen__place_listen(struct gen *self, struct gen_place *place,
                                 gen_look look, uint64_t want, gen_tell tell,
                                 etf_ref *ref);

#endif

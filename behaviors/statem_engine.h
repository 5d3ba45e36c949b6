/*
 * statem_engine.h -- which event comes next to a state machine.
 *
 * Private to behaviors/. Pure: lists of events in, lists of events out; no
 * process, clock, timer or allocation. An item is in one list at a time, and
 * whoever has the list owns it.
 *
 *   list       holds                                    left
 *   ---------  ---------------------------------------  --------------------
 *   events     inserted events, then retried ones       next
 *   due        time-outs of 0 ms                        next after events
 *   postponed  events that wait for another state       when it has changed
 *   timers     time-outs whose timers run               fired, gone
 *
 * What comes next when `events` and `due` are empty is the mailbox.
 */
#ifndef STATEM_ENGINE_H
#define STATEM_ENGINE_H

#include <agner/gen.h>

enum statem_order {
    STATEM_AFTER, /* in `ms` */
    STATEM_AT,    /* at `ms` of the monotonic clock */
    STATEM_UPDATE,
    STATEM_CANCEL,
};

/* An event that waits: for its turn, another state, or its time. */
struct statem_item {
    struct statem_item *next;
    struct gen_statem_event event; /* its terms are words, or in `box` */
    struct etf_box *box;           /* owned, or NULL */
    /* Of a time-out. */
    enum statem_order order;
    uint64_t ms;
    struct rt_timer timer;
    etf_ref ref; /* of the timer; no words: none runs */
};

struct statem_queue { /* all zero is an empty one */
    struct statem_item *first, *last;
};

struct statem_engine {
    struct statem_queue events, due, postponed, timers;
};

/* What the callbacks of one event have asked for. */
struct statem_step {
    struct statem_queue inserted; /* next_event, in order */
    struct statem_queue asked;    /* time-outs, of each name one, in order */
    bool changed;                 /* the state is another one */
};

/* What is left to be done when the engine has decided. */
struct statem_outcome {
    struct statem_queue fresh; /* time-outs: to start, then put into timers */
    struct statem_queue gone;  /* to stop and free */
};

void gen__queue_put(struct statem_queue *q, struct statem_item *item);
/* The first item, or NULL. */
struct statem_item *gen__queue_take(struct statem_queue *q);

/* Asks for a time-out. Returns what was asked for under its name before, which
 * counts no more, or NULL. */
struct statem_item *gen__statem_ask(struct statem_step *step,
                                    struct statem_item *item);

/* Ends the handling of an event, which is `postponed` unless NULL. Empties the
 * lists of `step`; fills in *outcome. */
void gen__statem_settle(struct statem_engine *engine, struct statem_step *step,
                        struct statem_item *postponed,
                        struct statem_outcome *outcome);

/* Takes out the time-out whose timer has this reference, or NULL. */
struct statem_item *gen__statem_fired(struct statem_engine *engine,
                                      etf_ref ref);

/* Takes out the event that comes before the mailbox, or NULL. */
struct statem_item *gen__statem_next(struct statem_engine *engine);
/* Is there one? */
bool gen__statem_has_next(const struct statem_engine *engine);

#endif

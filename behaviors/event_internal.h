/*
 * event_internal.h -- an event manager's own memory, and one handler's life.
 *
 * Private to behaviors/. The handlers are a list, newest first. Each is on it
 * for as long as its memory lives, also while its init or its terminate runs,
 * so that the end of the manager, which may come in the middle of either,
 * destroys each exactly once.
 */
#ifndef EVENT_INTERNAL_H
#define EVENT_INTERNAL_H

#include <stdalign.h>

#include "gen_internal.h"

enum event_phase {
    EVENT_STARTING, /* init runs: not a handler yet */
    EVENT_IN,
    EVENT_ENDING, /* terminate runs, or has run: once */
};

/* A handler, owned by the list that it is on. */
struct event_handler {
    struct event_handler *next;
    const struct gen_event_handler *table; /* borrowed: static */
    struct etf_box *id;                    /* owned; NULL: none */
    etf_pid supervisor;                    /* all zero: none */
    enum event_phase phase;
    alignas(16) unsigned char state[];
};

/* A handler that is to come in, in the place of another or not. Terms are in
 * self's region. */
struct event_swap {
    const struct gen_event_handler *table; /* NULL: nobody knows it */
    etf_term name, id;                     /* id ETF_NONE: none */
    etf_term old_args, new_args;
};

struct event_manager {
    struct gen_head head;          /* first */
    const struct gen_event *event; /* borrowed: static; NULL before init */
    struct event_handler *first;   /* owned */
    struct event_handler *running; /* whose callback runs, or NULL */
    struct event_swap swap;        /* GEN_EVENT_SWAP: by the one that runs */
    etf_term error;                /* GEN_EVENT_ERROR: by the one that runs */
};

enum event_what { EVENT_EVENT, EVENT_INFO };

/* ---- event_handler.c ---------------------------------------------------- */

/*
 * Puts a new handler before *at and calls its init. ETF_NONE when it is in;
 * otherwise nothing of it is left, and this is what gen_event:add_handler/3
 * answers: {'EXIT', Reason}, or what init said.
 */
etf_term gen__event_add(struct gen *self, struct event_manager *m,
                        struct event_handler **at,
                        const struct event_swap *what, etf_pid supervisor);

/*
 * Ends the handler at *at: terminate(argument), a report and a message to its
 * supervisor for `reason`. *at is the one after it then. Returns what terminate
 * returned, or {'EXIT', Reason}.
 */
etf_term gen__event_remove(struct gen *self, struct event_manager *m,
                           struct event_handler **at, etf_term argument,
                           etf_term reason);

/*
 * Ends the handler at *old (old may be NULL: there is none) and puts another
 * there, or in front of all. ETF_NONE or as gen__event_add(). `supervisor` is
 * the new one's; all zero: the old one's.
 */
etf_term gen__event_swap(struct gen *self, struct event_manager *m,
                         struct event_handler **old, bool in_place,
                         const struct event_swap *what, etf_pid supervisor);

/* Hands an event to the handler at *at and does what it asks for. Returns where
 * the handler after it is. */
struct event_handler **gen__event_tell(struct gen *self,
                                       struct event_manager *m,
                                       struct event_handler **at,
                                       enum event_what what, etf_term event);

/* The same for a question: returns the answer. */
etf_term gen__event_ask(struct gen *self, struct event_manager *m,
                        struct event_handler **at, etf_term request);

/* terminate(stop), if it may run, for the end of the manager: `reason` is
 * shutdown. The memory stays. */
void gen__event_end(struct gen *self, struct event_manager *m,
                    struct event_handler *h);

/* Gives everything back. No process any more. */
void gen__event_free(struct event_handler *h);

/* Its name, or {Name, Id}; and the state as a term. */
etf_term gen__event_name(struct gen *self, const struct event_handler *h);
etf_term gen__event_state(struct gen *self, struct event_manager *m,
                          struct event_handler *h);

/* ---- event.c ------------------------------------------------------------ */

/* The manager that self runs, or NULL. */
struct event_manager *gen__event_manager(struct gen *self);

#endif

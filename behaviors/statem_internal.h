/*
 * statem_internal.h -- a state machine's process, as its files share it.
 *
 * Private to behaviors/. statem.c runs events, statem_action.c is what
 * callbacks call, statem_sys.c what sys sees; which event comes next is decided
 * in statem_engine.c.
 */
#ifndef STATEM_INTERNAL_H
#define STATEM_INTERNAL_H

#include <agner/gen_statem.h>

#include "gen_internal.h"
#include "statem_engine.h"

/* A state: a row of the machine's table, or a term. */
struct statem_state {
    const struct gen_statem_state *row; /* NULL: `term` */
    etf_term term;                      /* a word, or in `box` */
    struct etf_box *box;                /* owned, or NULL */
};

/* Callbacks that gen_push_callback_module() left below. */
struct statem_below {
    struct statem_below *next;
    const struct gen_statem *machine;
};

struct statem {
    struct gen_head head;             /* first */
    const struct gen_statem *machine; /* borrowed: static; whose callbacks run
                                         now; NULL before init */
    const struct gen_statem *first;   /* that it was started with: the data's */
    struct statem_below *below;       /* owned */
    struct statem_engine engine;
    struct statem_state state;
    bool entered; /* the first one, after init */

    /* Of the event that is handled; all zero in between. */
    struct statem_turn {
        const struct gen_statem_event *event; /* NULL: there is none */
        struct statem_item *item; /* owned: that the event is in, or NULL */
        struct statem_step step;
        struct statem_state next; /* that a callback asks for, or none */
        struct statem_state from; /* that was left, or none */
        bool repeat;              /* the state is to be entered again */
        bool postpone;
        bool entering; /* in an enter call */
    } turn;
};

/* ---- statem.c ----------------------------------------------------------- */

/* The process of self if it runs a state machine, else NULL. */
struct statem *gen__statem(struct gen *self);

/* ---- statem_state.c ----------------------------------------------------- */

/* Are the callbacks there that a machine needs? */
bool gen__is_machine(const struct gen_statem *machine);
/* Its name as an atom; `undefined` if it has none. */
etf_term gen__machine_name(const struct gen_statem *machine);

static inline bool gen__is_state(const struct statem_state *s)
{
    return s->row != NULL || !etf_is_none(s->term);
}

etf_term gen__state_term(const struct statem_state *s);
bool gen__same_state(const struct statem_state *a,
                     const struct statem_state *b);
void gen__state_fini(struct statem_state *s);

/* The state of that term under m's callbacks: a row by its name, or a copy.
 * AGNER_EUNKNOWN: there is no such row; AGNER_ENOMEM. */
enum agner_err gen__state_find(const struct statem *m, etf_term term,
                               struct statem_state *state);
/* After a change of callbacks: m's state under the new ones. False: it is none
 * of theirs, or there is no memory. */
bool gen__state_move_home(struct statem *m);

/* A new item that owns a copy of what `event` says. NULL: no memory, also when
 * the content was built without. */
struct statem_item *gen__item_new(struct gen *self,
                                  const struct gen_statem_event *event);
void gen__item_free(struct statem_item *item);
void gen__queue_free(struct statem_queue *q);

/* ---- statem_sys.c: what sys sees, and events for it when somebody watches -
 */

extern const struct gen_sys_view gen__statem_view;

/* {call, From} and so on; in an action. */
etf_term gen__event_type(struct gen *self,
                         const struct gen_statem_event *event);
/* {in, Event, State}. */
void gen__tell_in(struct gen *self, struct statem *m,
                  const struct gen_statem_event *event);
/* {postpone | consume, Event, From, State} of the event at hand. */
void gen__tell_done(struct gen *self, struct statem *m, etf_term from);
/* {start_timer, {Type, Time, Content, Options}, State}. */
void gen__tell_timer(struct gen *self, struct statem *m,
                     const struct statem_item *item);
/* {Tag, Name, State}: the machine's callbacks run now, `enter` or `module`. */
void gen__tell_name(struct gen *self, struct statem *m, const char *tag);

#endif

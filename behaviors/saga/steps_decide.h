/*
 * steps_decide.h -- what a durable saga does next: decisions only.
 *
 * Private to behaviors/saga/. Plain structs in and out; no process, no clock,
 * no store. What an event makes of the state is written to the store before
 * anybody acts on what comes next.
 */
#ifndef STEPS_DECIDE_H
#define STEPS_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STEPS_COUNT_MAX 64u

/* Values are in the store: append, never renumber. */
enum steps_phase {
    STEPS_FORWARD,
    STEPS_BACKWARD, /* compensates */
    STEPS_STUCK,    /* backward, and a compensation has failed for good */
    STEPS_COMMITTED,
    STEPS_COMPENSATED,
    STEPS_FAILED, /* turned back, and some steps cannot be undone */
    STEPS_PHASES
};

enum step_state {
    STEP_WAITING,
    STEP_RUNNING, /* intended; may have acted */
    STEP_DONE,
    STEP_REFUSED,      /* has done nothing */
    STEP_UNCLEAR,      /* may have acted; is not tried again */
    STEP_COMPENSATING, /* its compensation is intended */
    STEP_COMPENSATED,
    STEP_NOT_COMPENSATED, /* cannot be */
    STEP_STATES
};

struct step_record {
    enum step_state state;
    uint32_t attempts;      /* intents to act */
    uint32_t failures;      /* of them that ended badly */
    uint32_t compensations; /* intents to compensate */
    uint32_t undo_failures; /* since the last retry */
};

struct steps_record {
    enum steps_phase phase;
    size_t count;
    struct step_record steps[STEPS_COUNT_MAX];
};

/* What a step may. */
struct step_rule {
    bool can_undo;
    uint64_t tries, undo_tries;
};

enum steps_event {
    STEPS_INTEND,  /* to act, or to compensate, as was decided */
    STEPS_GOOD,    /* that has ended well */
    STEPS_BAD,     /* ... badly */
    STEPS_REFUSED, /* the act says that it has done nothing */
    STEPS_TURN,    /* deadline, abort: back */
    STEPS_RETRY,   /* a person says so */
};

/* What is to be done now, after all that can be decided has been. */
enum steps_command {
    STEPS_ACT,        /* step `index` */
    STEPS_COMPENSATE, /* step `index` */
    STEPS_WAIT,       /* for a person */
    STEPS_END,        /* there is nothing more to do */
};

/* Goes on as far as nobody needs to act, and says what comes then. `rules` has
 * as many as there are steps. */
enum steps_command gen__steps_next(struct steps_record *record,
                                   const struct step_rule *rules,
                                   size_t *index);

/* An event of step `index`, or of the whole (TURN, RETRY). false: not in this
 * state; nothing is changed. */
bool gen__steps_apply(struct steps_record *record,
                      const struct step_rule *rules, enum steps_event event,
                      size_t index);

/* Can this come about? For what was read from a store. */
bool gen__steps_is_sound(const struct steps_record *record);

#endif

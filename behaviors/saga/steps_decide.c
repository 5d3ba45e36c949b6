/*
 * steps_decide.c -- what a durable saga does next.
 *
 *   state           event    next             when
 *   --------------  -------  ---------------  ---------------------------------
 *   WAITING         INTEND   RUNNING          forward
 *   RUNNING         INTEND   RUNNING          forward: another try
 *   RUNNING         GOOD     DONE
 *   RUNNING         BAD      RUNNING          tries are left
 *   RUNNING         BAD      UNCLEAR          none is left
 *   RUNNING         REFUSED  REFUSED          it is the only try
 *   RUNNING         REFUSED  UNCLEAR          an earlier try may have acted
 *   RUNNING         TURN     UNCLEAR
 *   DONE, UNCLEAR   INTEND   COMPENSATING     backward
 *   COMPENSATING    INTEND   COMPENSATING     backward: another try
 *   COMPENSATING    GOOD     COMPENSATED
 *   COMPENSATING    BAD      COMPENSATING     the phase is STUCK without tries
 *   DONE, UNCLEAR   none     NOT_COMPENSATED  backward, no compensation
 *
 * Forward, the first step that is not done is the one that runs; backward, the
 * last one that is done, unclear or compensating. A step that is REFUSED or
 * UNCLEAR turns the saga. What was intended is never forgotten: a try that was
 * cut off by the end of its node has had its intent, so the next one counts
 * from there.
 */
#include "saga/steps_decide.h"

static bool needs_undo(enum step_state state)
{
    return state == STEP_DONE || state == STEP_UNCLEAR ||
           state == STEP_COMPENSATING;
}

static enum steps_command go_forward(struct steps_record *record, size_t *index)
{
    size_t i = 0;

    while (i < record->count && record->steps[i].state == STEP_DONE)
        i++;
    *index = i;
    if (i == record->count) {
        record->phase = STEPS_COMMITTED;
        return STEPS_END;
    }
    if (record->steps[i].state == STEP_WAITING ||
        record->steps[i].state == STEP_RUNNING)
        return STEPS_ACT;
    record->phase = STEPS_BACKWARD;
    return STEPS_COMPENSATE;
}

static enum steps_command go_back(struct steps_record *record,
                                  const struct step_rule *rules, size_t *index)
{
    bool clean = true;

    for (size_t i = record->count; i-- > 0;) {
        struct step_record *step = &record->steps[i];

        if (needs_undo(step->state) && !rules[i].can_undo)
            step->state = STEP_NOT_COMPENSATED;
        if (needs_undo(step->state)) {
            *index = i;
            if (step->undo_failures < rules[i].undo_tries)
                return STEPS_COMPENSATE;
            record->phase = STEPS_STUCK;
            return STEPS_WAIT;
        }
        clean = clean && step->state != STEP_NOT_COMPENSATED;
    }
    record->phase = clean ? STEPS_COMPENSATED : STEPS_FAILED;
    return STEPS_END;
}

enum steps_command gen__steps_next(struct steps_record *record,
                                   const struct step_rule *rules, size_t *index)
{
    enum steps_command command = STEPS_END;

    *index = 0;
    if (record->phase == STEPS_FORWARD)
        command = go_forward(record, index);
    if (record->phase == STEPS_BACKWARD)
        command = go_back(record, rules, index);
    return record->phase == STEPS_STUCK ? STEPS_WAIT : command;
}

/* A count in the store ends at its end, not at 0. */
static void count(uint32_t *counter)
{
    if (*counter < UINT32_MAX)
        ++*counter;
}

static bool intend(struct steps_record *record, struct step_record *step)
{
    if (record->phase == STEPS_FORWARD &&
        (step->state == STEP_WAITING || step->state == STEP_RUNNING)) {
        step->state = STEP_RUNNING;
        count(&step->attempts);
        return true;
    }
    if (record->phase == STEPS_BACKWARD && needs_undo(step->state)) {
        step->state = STEP_COMPENSATING;
        count(&step->compensations);
        return true;
    }
    return false;
}

static bool end_badly(struct step_record *step, const struct step_rule *rule)
{
    if (step->state == STEP_COMPENSATING) {
        count(&step->undo_failures);
        return true;
    }
    if (step->state != STEP_RUNNING)
        return false;
    count(&step->failures);
    if (step->failures >= rule->tries)
        step->state = STEP_UNCLEAR;
    return true;
}

static bool end_well(struct step_record *step)
{
    if (step->state == STEP_RUNNING)
        step->state = STEP_DONE;
    else if (step->state == STEP_COMPENSATING)
        step->state = STEP_COMPENSATED;
    else
        return false;
    return true;
}

static bool refuse(struct step_record *step, const struct step_rule *rule)
{
    if (step->state != STEP_RUNNING)
        return end_badly(step, rule);
    count(&step->failures);
    step->state = step->attempts == 1 ? STEP_REFUSED : STEP_UNCLEAR;
    return true;
}

static bool turn(struct steps_record *record)
{
    if (record->phase != STEPS_FORWARD)
        return false;
    for (size_t i = 0; i < record->count; i++) {
        if (record->steps[i].state == STEP_RUNNING)
            record->steps[i].state = STEP_UNCLEAR;
    }
    record->phase = STEPS_BACKWARD;
    return true;
}

static bool retry(struct steps_record *record)
{
    if (record->phase != STEPS_STUCK)
        return false;
    for (size_t i = 0; i < record->count; i++)
        record->steps[i].undo_failures = 0;
    record->phase = STEPS_BACKWARD;
    return true;
}

bool gen__steps_apply(struct steps_record *record,
                      const struct step_rule *rules, enum steps_event event,
                      size_t index)
{
    struct step_record *step = &record->steps[index];

    switch (event) {
    case STEPS_INTEND:
        return intend(record, step);
    case STEPS_GOOD:
        return end_well(step);
    case STEPS_BAD:
        return end_badly(step, &rules[index]);
    case STEPS_REFUSED:
        return refuse(step, &rules[index]);
    case STEPS_TURN:
        return turn(record);
    case STEPS_RETRY:
        return retry(record);
    }
    return false; /* not reached: the list above is whole */
}

/* Which states may stand before, at and behind the front of a phase. */
static bool is_sound_forward(const struct steps_record *record)
{
    size_t i = 0;

    while (i < record->count && record->steps[i].state == STEP_DONE)
        i++;
    if (i < record->count && record->steps[i].state <= STEP_RUNNING)
        i++;
    for (; i < record->count; i++) {
        if (record->steps[i].state != STEP_WAITING)
            return false;
    }
    return true;
}

/* Backward: done steps, then one that is being undone, then those that are. */
static bool is_sound_backward(const struct steps_record *record)
{
    size_t i = 0;

    while (i < record->count && record->steps[i].state == STEP_DONE)
        i++;
    for (; i < record->count; i++) {
        enum step_state state = record->steps[i].state;

        if (state == STEP_DONE || state == STEP_RUNNING)
            return false;
        if (needs_undo(state) && i + 1 < record->count &&
            needs_undo(record->steps[i + 1].state))
            return false;
    }
    return true;
}

bool gen__steps_is_sound(const struct steps_record *record)
{
    bool failed = false;

    if (record->count == 0 || record->count > STEPS_COUNT_MAX)
        return false;
    for (size_t i = 0; i < record->count; i++) {
        const struct step_record *step = &record->steps[i];

        if (step->failures > step->attempts ||
            step->undo_failures > step->compensations ||
            (step->state == STEP_WAITING) != (step->attempts == 0))
            return false;
        failed = failed || step->state == STEP_NOT_COMPENSATED;
        if (record->phase == STEPS_COMMITTED && step->state != STEP_DONE)
            return false;
        if (record->phase > STEPS_COMMITTED &&
            (needs_undo(step->state) || step->state == STEP_RUNNING))
            return false;
    }
    if (record->phase == STEPS_FORWARD)
        return is_sound_forward(record);
    if (record->phase == STEPS_BACKWARD || record->phase == STEPS_STUCK)
        return is_sound_backward(record);
    return record->phase == STEPS_COMMITTED ||
           failed == (record->phase == STEPS_FAILED);
}

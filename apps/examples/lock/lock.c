/*
 * lock.c -- a door with a code lock: the first state machine to read.
 *
 * {button, Digit} casts press its buttons. When the last ones that were pressed
 * are the code the door opens for ten seconds. A wrong code of full length
 * starts anew, and so does a pause of thirty seconds. `state` calls answer
 * `locked` or `open`; {change_code, Digits} waits until the door is open.
 */
#include <agner/gen.h>

#define CODE_MAX 8
#define OPEN_MS  10000u
#define PAUSE_MS 30000u

enum { LOCKED, OPEN };

struct lock {
    int64_t code[CODE_MAX], pressed[CODE_MAX];
    size_t size, count; /* digits of the code; pressed so far */
};

/* A list of one to eight digits. */
static bool set_code(struct lock *lock, etf_term digits)
{
    int64_t code[CODE_MAX];
    size_t size = 0;
    etf_term digit;

    while (etf_list_next(&digits, &digit)) {
        if (size == CODE_MAX || !etf_get_int(digit, &code[size++]))
            return false;
    }
    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        lock->code[i] = code[i];
    lock->size = size;
    return true;
}

static bool is_code(const struct lock *lock)
{
    for (size_t i = 0; i < lock->size; i++) {
        if (lock->pressed[i] != lock->code[i])
            return false;
    }
    return true;
}

/* ---- Both states -------------------------------------------------------- */

static enum gen_next on_call(struct gen *self,
                             const struct gen_statem_event *event)
{
    struct lock *lock = gen_state(self);
    etf_term digits;

    if (etf_match(event->content, "state"))
        return gen_reply(self, event->from, gen_current_state(self));
    if (!etf_match(event->content, "{change_code, _}", &digits) ||
        !set_code(lock, digits))
        return gen_reply(self, event->from, etf_make(self, "{error, badarg}"));
    return gen_reply(self, event->from, etf_make(self, "ok"));
}

/* ---- Locked ------------------------------------------------------------- */

static enum gen_next lock_door(struct gen *self, etf_term from)
{
    struct lock *lock = gen_state(self);

    (void)from;
    lock->count = 0;
    return gen_keep_state(self);
}

static enum gen_next press(struct gen *self, int64_t digit)
{
    struct lock *lock = gen_state(self);

    etf_term pause = etf_make(self, "pause");

    lock->pressed[lock->count++] = digit;
    if (lock->count < lock->size)
        return gen_named_timeout(self, pause, PAUSE_MS,
                                 etf_make(self, "start_anew"));
    (void)gen_timeout_cancel(self, GEN_STATEM_NAMED_TIMEOUT, pause);
    return is_code(lock) ? gen_next_state(self, OPEN) : gen_repeat_state(self);
}

static enum gen_next locked(struct gen *self,
                            const struct gen_statem_event *event)
{
    int64_t digit;

    if (event->type == GEN_STATEM_CAST &&
        etf_match(event->content, "{button, _}", &digit))
        return press(self, digit);
    if (event->type == GEN_STATEM_NAMED_TIMEOUT)
        return gen_repeat_state(self);
    if (event->type == GEN_STATEM_CALL &&
        etf_is_tagged(event->content, etf_atom("change_code"), 2))
        return gen_postpone(self);
    if (event->type == GEN_STATEM_CALL)
        return on_call(self, event);
    return gen_keep_state(self);
}

/* ---- Open --------------------------------------------------------------- */

static enum gen_next open_door(struct gen *self, etf_term from)
{
    (void)from;
    return gen_state_timeout(self, OPEN_MS, etf_make(self, "lock"));
}

static enum gen_next opened(struct gen *self,
                            const struct gen_statem_event *event)
{
    if (event->type == GEN_STATEM_STATE_TIMEOUT)
        return gen_next_state(self, LOCKED);
    if (event->type == GEN_STATEM_CALL)
        return on_call(self, event);
    return gen_keep_state(self); /* buttons of an open door do nothing */
}

static const struct gen_statem_state states[] = {
    [LOCKED] = { .name = "locked", .handle = locked, .enter = lock_door },
    [OPEN] = { .name = "open", .handle = opened, .enter = open_door },
};

/* The argument is the code. */
static enum gen_next lock_init(struct gen *self, etf_term code)
{
    if (!set_code(gen_state(self), code))
        return gen_stop(self, etf_make(self, "badarg"));
    return gen_next_state(self, LOCKED);
}

const struct gen_statem lock_machine = {
    .name = "lock",
    .state_size = sizeof(struct lock),
    .states = states,
    .state_count = sizeof states / sizeof *states,
    .init = lock_init,
};

/*
 * restart.h -- what a supervisor does about an end, decided without doing it.
 *
 * Private to behaviors/. Plain values in, plain values out: no process, clock
 * or allocation, so that a table of cases is the whole test. supervisor.c acts.
 *
 * Sources: OTP 25, supervisor; spec/gen.md 1.8.
 */
#ifndef RESTART_H
#define RESTART_H

#include <agner/gen_supervisor.h>

/* ---- How often: the window ---------------------------------------------- */

/* The restarts of the last period, oldest first, in a ring that its owner
 * lends: as many as may be, so the oldest tells whether one more is allowed. */
struct restart_window {
    uint64_t *times_ms; /* owned by whoever owns the window */
    uint32_t capacity, first, count;
};

enum restart_verdict {
    RESTART_ALLOWED,  /* and counted */
    RESTART_TOO_MANY, /* `intensity` others are in the window */
    RESTART_NO_ROOM,  /* nothing done: the ring wants more room */
};

/* May there be a restart at `now_ms`? Those up to and including `period_ms` ago
 * count, as in OTP. Times do not go back. */
enum restart_verdict gen__restart_count(struct restart_window *w,
                                        uint32_t intensity, uint64_t period_ms,
                                        uint64_t now_ms);
/* How many there were in the last period: what is older does not count. */
uint32_t gen__restart_recent(struct restart_window *w, uint64_t period_ms,
                             uint64_t now_ms);
/* Goes on in `times_ms`, which has room for `capacity`, more than before.
 * Returns the old ring, for its owner to free. */
uint64_t *gen__restart_grow(struct restart_window *w, uint64_t *times_ms,
                            uint32_t capacity);

/* ---- What to do --------------------------------------------------------- */

/* What an exit reason says, as far as supervisors care. */
enum end_kind {
    END_NORMAL,
    END_SHUTDOWN,      /* shutdown */
    END_SHUTDOWN_TERM, /* {shutdown, _} */
    END_KILLED,
    END_ABNORMAL, /* everything else */
};
enum end_kind gen__end_kind(etf_term reason);

/* A child ended by itself. */
struct end_event {
    enum gen_restart restart;
    enum end_kind kind;
    bool simple; /* GEN_SIMPLE_ONE_FOR_ONE: a spec belongs to no child */
    bool significant;
    enum gen_auto_shutdown auto_shutdown;
    bool significant_left; /* another significant child is there */
};

enum end_action {
    END_FORGET,  /* the child is no more */
    END_KEEP,    /* its spec stays, without a process */
    END_RESTART, /* if the window allows */
};

struct end_answer {
    enum end_action action;
    bool report;   /* child_terminated */
    bool shutdown; /* the supervisor ends: auto_shutdown */
};
struct end_answer gen__end_answer(const struct end_event *event);

/* Which children a restart stops, in reverse, and starts, in order. */
enum restart_scope {
    RESTART_ONE,  /* the child itself */
    RESTART_REST, /* it and those behind it */
    RESTART_ALL,
};
enum restart_scope gen__restart_scope(enum gen_strategy strategy);

/* How long to wait before the restart that follows `restarts` others of the
 * same child, by its spec; 0: not at all. */
uint64_t gen__backoff_ms(uint64_t backoff_ms, uint64_t backoff_max_ms,
                         uint32_t restarts);

/* A child that was told to end, or killed at once, did: as it should? */
bool gen__stop_expected(enum gen_restart restart, uint64_t shutdown_ms,
                        enum end_kind kind);

#endif

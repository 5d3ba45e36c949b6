/*
 * latch.c -- what state a thing is in: gen_latch.h.
 *
 *   state     goes to            who waits for it is told
 *   --------  -----------------  ------------------------------
 *   stopped   starting           when it is there, not before
 *   starting  started, stopped   there, or passed in this round
 *   started   stopping           the same
 *   stopping  stopped            the same
 *
 * A round ends at stopped: who still waits for another state then waited for a
 * start that has failed.
 */
#include <agner/gen_latch.h>

#include <stdlib.h>

#include "async/place.h"

struct gen_latch {
    struct gen_place place; /* first */
    _Atomic uint32_t state; /* enum gen_latch_state; written under the lock */
};

/* How far in the round, and what may come next. */
static const struct row {
    const char *name;
    uint8_t rank; /* 0: no move leads here, but for stopped */
    uint8_t from[2];
} rows[] = {
    [GEN_LATCH_STOPPED] = { "stopped",
                            0,
                            { GEN_LATCH_STARTING, GEN_LATCH_STOPPING } },
    [GEN_LATCH_STARTING] = { "starting",
                             1,
                             { GEN_LATCH_STOPPED, GEN_LATCH_STOPPED } },
    [GEN_LATCH_RESUMING] = { "resuming", 0, { 0 } },
    [GEN_LATCH_STARTED] = { "started",
                            2,
                            { GEN_LATCH_STARTING, GEN_LATCH_STARTING } },
    [GEN_LATCH_ACTIVE] = { "active", 0, { 0 } },
    [GEN_LATCH_PAUSING] = { "pausing", 0, { 0 } },
    [GEN_LATCH_PAUSED] = { "paused", 0, { 0 } },
    [GEN_LATCH_STOPPING] = { "stopping",
                             3,
                             { GEN_LATCH_STARTED, GEN_LATCH_STARTED } },
};

const char *gen_latch_state_name(enum gen_latch_state state)
{
    return (unsigned)state < sizeof rows / sizeof *rows ? rows[state].name
                                                        : "unknown";
}

static bool may_be(enum gen_latch_state state)
{
    return (unsigned)state < sizeof rows / sizeof *rows &&
           (state == GEN_LATCH_STOPPED || rows[state].rank != 0);
}

/* ---- Where it is ------------------------------------------------------------
 */

/* Acquire pairs with the release in move(): who sees a state sees what was done
 * before it was announced. */
enum gen_latch_state gen_latch_state(const struct gen_latch *latch)
{
    return (enum gen_latch_state)load_acquire(&latch->state);
}

bool gen_latch_is_stopped(const struct gen_latch *latch)
{
    return gen_latch_state(latch) == GEN_LATCH_STOPPED;
}

bool gen_latch_is_starting(const struct gen_latch *latch)
{
    return gen_latch_state(latch) == GEN_LATCH_STARTING;
}

bool gen_latch_is_started(const struct gen_latch *latch)
{
    return gen_latch_state(latch) == GEN_LATCH_STARTED;
}

bool gen_latch_is_stopping(const struct gen_latch *latch)
{
    return gen_latch_state(latch) == GEN_LATCH_STOPPING;
}

bool gen_latch_can_start(const struct gen_latch *latch)
{
    return gen_latch_is_stopped(latch);
}

bool gen_latch_can_stop(const struct gen_latch *latch)
{
    return gen_latch_is_started(latch);
}

static const struct gen_latch *latch_of(const struct gen_place *place)
{
    return (const struct gen_latch *)(const void *)place;
}

/* For who comes. */
static enum agner_err look(const struct gen_place *place, uint64_t want)
{
    enum gen_latch_state is = gen_latch_state(latch_of(place));

    if (want == GEN_LATCH_STOPPED)
        return is == GEN_LATCH_STOPPED ? AGNER_OK : AGNER_EAGAIN;
    return rows[is].rank >= rows[want].rank ? AGNER_OK : AGNER_EAGAIN;
}

/* For who waits, after a move. */
static enum agner_err look_again(const struct gen_place *place, uint64_t want)
{
    if (want != GEN_LATCH_STOPPED && gen_latch_is_stopped(latch_of(place)))
        return AGNER_ESTOPPED;
    return look(place, want);
}

/* ---- Moves -------------------------------------------------------------- */

static etf_term tell(struct gen_place *place, struct etf_region *r,
                     const struct gen_listener *l)
{
    enum gen_latch_state state = l->result == AGNER_OK
                                     ? (enum gen_latch_state)l->want
                                     : GEN_LATCH_STOPPED;

    (void)place;
    return etf_make(r, "{gen_latch, _, _}", l->ref, etf_atom(rows[state].name));
}

static enum agner_err move(struct gen_latch *latch, struct gen *by,
                           enum gen_latch_state to)
{
    struct gen_listener *due = NULL;
    enum gen_latch_state is;
    bool may;

    rt__lock(&latch->place.lock);
    is = (enum gen_latch_state)load_relaxed(&latch->state);
    may = is == rows[to].from[0] || is == rows[to].from[1];
    if (may) {
        store_release(&latch->state, (uint32_t)to);
        due = gen__place_wake(&latch->place, by, look_again);
    }
    rt__unlock(&latch->place.lock);
    gen__place_tell(due, tell);
    return may ? AGNER_OK : AGNER_EINVAL;
}

enum agner_err gen_latch_starting(struct gen_latch *latch)
{
    return move(latch, NULL, GEN_LATCH_STARTING);
}

enum agner_err gen_latch_started(struct gen_latch *latch)
{
    return move(latch, NULL, GEN_LATCH_STARTED);
}

enum agner_err gen_latch_stopping(struct gen_latch *latch)
{
    return move(latch, NULL, GEN_LATCH_STOPPING);
}

enum agner_err gen_latch_stopped(struct gen_latch *latch)
{
    return move(latch, NULL, GEN_LATCH_STOPPED);
}

void gen_latch_reset(struct gen_latch *latch)
{
    (void)latch;
}

/* ---- Waiting ------------------------------------------------------------ */

enum agner_err gen_latch_wait(struct gen *self, struct gen_latch *latch,
                              enum gen_latch_state state, uint64_t timeout_ms,
                              struct gen_cancel *cancel)
{
    if (!may_be(state))
        return AGNER_EINVAL;
    return gen__place_wait(self, &latch->place, look, state, timeout_ms,
                           cancel);
}

enum agner_err gen_latch_notify(struct gen *self, struct gen_latch *latch,
                                enum gen_latch_state state, etf_ref *ref)
{
    if (!may_be(state))
        return AGNER_EINVAL;
    return gen__place_listen(self, &latch->place, look, state, tell, ref);
}

enum agner_err gen_latch_wait_started(struct gen *self, struct gen_latch *latch,
                                      uint64_t timeout_ms,
                                      struct gen_cancel *cancel)
{
    if (move(latch, self, GEN_LATCH_STARTING) != AGNER_OK)
        return AGNER_OK;
    return gen_latch_wait(self, latch, GEN_LATCH_STARTED, timeout_ms, cancel);
}

enum agner_err gen_latch_wait_stopped(struct gen *self, struct gen_latch *latch,
                                      uint64_t timeout_ms,
                                      struct gen_cancel *cancel)
{
    if (move(latch, self, GEN_LATCH_STOPPING) != AGNER_OK)
        return AGNER_OK;
    return gen_latch_wait(self, latch, GEN_LATCH_STOPPED, timeout_ms, cancel);
}

/* ---- Life --------------------------------------------------------------- */

static void fini(struct gen_place *place)
{
    free(place); /* it is the first field */
}

struct gen_latch *gen_latch_new(struct rt *rt)
{
    struct gen_latch *latch = calloc(1, sizeof *latch);

    if (latch != NULL)
        gen__place_init(&latch->place, rt, fini);
    return latch;
}

struct gen_latch *gen_latch_hold(struct gen_latch *latch)
{
    gen__place_hold(&latch->place);
    return latch;
}

void gen_latch_free(struct gen_latch *latch)
{
    gen__place_free(latch == NULL ? NULL : &latch->place);
}

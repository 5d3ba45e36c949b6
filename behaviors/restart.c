/*
 * restart.c -- what a supervisor does about an end: see restart.h.
 */
#include "restart.h"

#include <assert.h>

/* ---- The window --------------------------------------------------------- */

static uint64_t oldest(const struct restart_window *w)
{
    return w->times_ms[w->first];
}

static void forget_oldest(struct restart_window *w)
{
    w->first = w->first + 1 == w->capacity ? 0 : w->first + 1;
    w->count--;
}

uint32_t gen__restart_recent(struct restart_window *w, uint64_t period_ms,
                             uint64_t now_ms)
{
    while (w->count > 0 && now_ms - oldest(w) > period_ms)
        forget_oldest(w);
    return w->count;
}

enum restart_verdict gen__restart_count(struct restart_window *w,
                                        uint32_t intensity, uint64_t period_ms,
                                        uint64_t now_ms)
{
    if (gen__restart_recent(w, period_ms, now_ms) >= intensity)
        return RESTART_TOO_MANY;
    if (w->count == w->capacity)
        return RESTART_NO_ROOM;
    w->times_ms[((uint64_t)w->first + w->count) % w->capacity] = now_ms;
    w->count++;
    return RESTART_ALLOWED;
}

uint64_t *gen__restart_grow(struct restart_window *w, uint64_t *times_ms,
                            uint32_t capacity)
{
    uint64_t *old = w->times_ms;

    assert(capacity > w->capacity);
    for (uint32_t i = 0; i < w->count; i++)
        times_ms[i] = old[((uint64_t)w->first + i) % w->capacity];
    w->times_ms = times_ms;
    w->capacity = capacity;
    w->first = 0;
    return old;
}

/* ---- What to do --------------------------------------------------------- */

enum end_kind gen__end_kind(etf_term reason)
{
    if (etf_same(reason, ETF_A(normal)))
        return END_NORMAL;
    if (etf_same(reason, ETF_A(shutdown)))
        return END_SHUTDOWN;
    if (etf_is_tagged(reason, ETF_A(shutdown), 2))
        return END_SHUTDOWN_TERM;
    if (etf_same(reason, ETF_A(killed)))
        return END_KILLED;
    return END_ABNORMAL;
}

static bool is_orderly(enum end_kind kind)
{
    return kind == END_NORMAL || kind == END_SHUTDOWN ||
           kind == END_SHUTDOWN_TERM;
}

static bool ends_supervisor(const struct end_event *e)
{
    switch (e->auto_shutdown) {
    case GEN_AUTO_NEVER:
        break;
    case GEN_AUTO_ANY_SIGNIFICANT:
        return e->significant;
    case GEN_AUTO_ALL_SIGNIFICANT:
        return e->significant && !e->significant_left;
    }
    return false;
}

struct end_answer gen__end_answer(const struct end_event *e)
{
    struct end_answer answer = { .action = END_KEEP };

    if (e->restart == GEN_PERMANENT ||
        (e->restart == GEN_TRANSIENT && !is_orderly(e->kind))) {
        answer.action = END_RESTART;
        answer.report = true;
        return answer;
    }
    if (e->restart == GEN_TEMPORARY || e->simple)
        answer.action = END_FORGET;
    answer.report = !is_orderly(e->kind);
    answer.shutdown = ends_supervisor(e);
    return answer;
}

enum restart_scope gen__restart_scope(enum gen_strategy strategy)
{
    switch (strategy) {
    case GEN_ONE_FOR_ALL:
        return RESTART_ALL;
    case GEN_REST_FOR_ONE:
        return RESTART_REST;
    case GEN_ONE_FOR_ONE:
    case GEN_SIMPLE_ONE_FOR_ONE:
        break;
    }
    return RESTART_ONE;
}

uint64_t gen__backoff_ms(uint64_t backoff_ms, uint64_t backoff_max_ms,
                         uint32_t restarts)
{
    uint64_t ms = backoff_ms;

    while (restarts-- > 0 && ms < backoff_max_ms)
        ms = ms > backoff_max_ms / 2 ? backoff_max_ms : ms * 2;
    return ms;
}

bool gen__stop_expected(enum gen_restart restart, uint64_t shutdown_ms,
                        enum end_kind kind)
{
    switch (kind) {
    case END_SHUTDOWN:
        return shutdown_ms != GEN_BRUTAL_KILL || restart != GEN_PERMANENT;
    case END_NORMAL:
    case END_SHUTDOWN_TERM:
        return restart != GEN_PERMANENT;
    case END_KILLED:
        return shutdown_ms == GEN_BRUTAL_KILL;
    case END_ABNORMAL:
        break;
    }
    return false;
}

/*
 * log_level.c -- which levels pass: of the runtime, and of single processes.
 *
 * The limit of a process is a word by its slot, which names the generation that
 * it is for; so it ends with the process, and nobody has to take it away. These
 * words come in chunks like the slab's, made when they are first needed.
 */
#include "log_internal.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL_BITS 4u
#define LEVEL_BIAS 2 /* RT_LOG_NONE is 1, so that 0 is no limit */

static const char *const names[] = { "none",    "default",  "emergency",
                                     "alert",   "critical", "error",
                                     "warning", "notice",   "info",
                                     "debug" };

static bool is_limit(enum rt_log_level level)
{
    return level >= RT_LOG_NONE && level <= RT_LOG_DEBUG;
}

const char *rt_log_level_name(enum rt_log_level level)
{
    return is_limit(level) ? names[level + 1] : "unknown";
}

bool rt_log_level_parse(const char *name, enum rt_log_level *level)
{
    if (strcmp(name, "all") == 0)
        name = "debug";
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *level = (enum rt_log_level)(i - 1);
        return true;
    }
    return false;
}

/* ---- Processes ---------------------------------------------------------- */

static uint32_t word_of(etf_term pid, enum rt_log_level level)
{
    if (level == RT_LOG_DEFAULT)
        return 0;
    return etf__pid_generation(pid) << LEVEL_BITS |
           (uint32_t)(level + LEVEL_BIAS);
}

static _Atomic(uint32_t) *find(const struct log *log, etf_term pid)
{
    uint32_t slot = etf__pid_slot(pid);
    /* Acquire pairs with the release in make(): all zero before. */
    _Atomic(uint32_t) *chunk = load_acquire(&log->own[slot >> CHUNK_BITS]);

    return chunk == NULL ? NULL : &chunk[slot & (CHUNK_SLOTS - 1)];
}

static bool make(struct log *log, etf_term pid)
{
    _Atomic(uint32_t) *chunk = calloc(CHUNK_SLOTS, sizeof *chunk);
    _Atomic(uint32_t) *seen = NULL;

    if (chunk == NULL)
        return false;
    if (!cas_acq_rel(&log->own[etf__pid_slot(pid) >> CHUNK_BITS], &seen, chunk))
        free((void *)(uintptr_t)chunk); /* another one was quicker */
    return true;
}

int rt__log_limit_of(const struct rt *rt, etf_term pid)
{
    const struct log *log = rt->log;
    _Atomic(uint32_t) *at = find(log, pid);
    uint32_t word = at == NULL ? 0 : load_relaxed(at);
    uint32_t level = word & ((1u << LEVEL_BITS) - 1);

    if (level != 0 &&
        word >> LEVEL_BITS ==
            (etf__pid_generation(pid) << LEVEL_BITS) >> LEVEL_BITS)
        return (int)level - LEVEL_BIAS;
    return load_relaxed(&log->level);
}

/* The word is changed only while the process lives, as seen after it was read:
 * so a late caller does not touch the limit of whoever has the slot now. */
static enum agner_err set_own(struct rt *rt, etf_pid who,
                              enum rt_log_level level)
{
    etf_term pid = rt__word_of(who);
    _Atomic(uint32_t) *at;
    uint32_t seen;

    if (!rt_is_alive(rt, who))
        return AGNER_ENOPROC;
    if (find(rt->log, pid) == NULL && !make(rt->log, pid))
        return AGNER_ENOMEM;
    at = find(rt->log, pid);
    seen = load_relaxed(at);
    do {
        if (!rt_is_alive(rt, who))
            return AGNER_ENOPROC;
    } while (!cas_weak_acq_rel(at, &seen, word_of(pid, level)));
    return AGNER_OK;
}

/* ---- The gate ----------------------------------------------------------- */

/* It is not lowered again when a process with a high limit ends: then some
 * calls look twice before they drop their event. */
void rt__log_gate(struct log *log)
{
    int gate = load_relaxed(&log->level);

    if (log->own_highest > gate)
        gate = log->own_highest;
    if (log->open_highest < gate)
        gate = log->open_highest;
    store_relaxed(&log->gate, gate);
}

enum agner_err rt_log_level_set(struct rt *rt, etf_pid pid,
                                enum rt_log_level level)
{
    struct log *log = rt->log;
    enum agner_err err = AGNER_OK;

    if (!is_limit(level))
        return AGNER_EINVAL;
    if (!etf_pid_is_none(pid))
        err = etf_pid_is_local(pid) ? set_own(rt, pid, level) : AGNER_ENOPROC;
    if (err != AGNER_OK)
        return err;
    rt__lock(&log->lock);
    if (etf_pid_is_none(pid))
        store_relaxed(&log->level,
                      level == RT_LOG_DEFAULT ? RT_LOG_NOTICE : (int)level);
    else if ((int)level > log->own_highest)
        log->own_highest = level;
    rt__log_gate(log);
    rt__unlock(&log->lock);
    return AGNER_OK;
}

enum rt_log_level rt_log_level(struct rt *rt, etf_pid pid)
{
    int level = load_relaxed(&rt->log->level);

    if (!etf_pid_is_none(pid) && etf_pid_is_local(pid))
        level = rt__log_limit_of(rt, rt__word_of(pid));
    return (enum rt_log_level)level;
}

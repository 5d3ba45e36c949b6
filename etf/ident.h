/*
 * ident.h -- pids, references and ports of every form, seen by value.
 *
 * Private to etf/. A local identifier has node ETF_NONE and creation 0.
 */
#ifndef ETF_IDENT_H
#define ETF_IDENT_H

#include "shape.h"

static inline bool etf__pid_view(etf_term t, etf_pid *out)
{
    const uint64_t *words;

    if (etf__tag(t) == ETF__PID) {
        *out = (etf_pid){ .id = etf__pid_slot(t),
                          .serial = etf__pid_generation(t) };
        return true;
    }
    if (!etf__is_boxed(t, ETF__HEAD_PID))
        return false;
    words = etf__words(t);
    *out = (etf_pid){ .node = etf__word(words[1]),
                      .id = (uint32_t)words[2],
                      .serial = (uint32_t)(words[2] >> 32),
                      .creation = (uint32_t)words[3] };
    return true;
}

/* Of a term that is one. */
static inline etf_pid etf__pid_of(etf_term t)
{
    etf_pid pid;

    if (!etf__pid_view(t, &pid))
        __builtin_unreachable();
    return pid;
}

/* Words of a boxed reference with `count` ids, header not counted. */
static inline size_t etf__ref_size(uint32_t count)
{
    return 2 + (count + 1) / 2;
}

static inline bool etf__ref_view(etf_term t, etf_ref *out)
{
    const uint64_t *words;

    if (!etf__is_boxed(t, ETF__HEAD_REF))
        return false;
    words = etf__words(t);
    *out = (etf_ref){ .node = etf__word(words[1]),
                      .creation = (uint32_t)words[2],
                      .count = (uint32_t)(words[2] >> 32) };
    for (uint32_t i = 0; i < out->count; i++)
        out->words[i] = (uint32_t)(words[3 + i / 2] >> 32 * (i & 1));
    return true;
}

static inline etf_ref etf__ref_of(etf_term t)
{
    etf_ref ref;

    if (!etf__ref_view(t, &ref))
        __builtin_unreachable();
    return ref;
}

#endif

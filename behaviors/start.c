/*
 * start.c -- starting a behaviour, and turning a raw process into one.
 */
#include "gen_internal.h"

/* The runtime carries the pointer and does not write through it. */
static void *note_of(const struct gen_start *start)
{
    return (void *)(uintptr_t)start->table;
}

enum agner_err gen__start(struct gen *self, const struct gen_start *start,
                          etf_term args, const struct rt_spawn_options *options,
                          bool link, etf_pid *pid, etf_term *reason)
{
    struct rt_spawn_options full = { 0 };
    enum agner_err err;

    if (options != NULL)
        full = *options;
    if (start->table == NULL || start->state_size > SIZE_MAX - start->head_size)
        return AGNER_EINVAL;
    full.state_size = start->head_size + start->state_size;
    full.note = note_of(start);
    full.link = full.link || link;
    err = rt_start(self, start->behavior, args, &full, pid, reason);
    if (err == AGNER_ETAKEN && pid != NULL &&
        rt_whereis(rt_of(self), full.name, pid) != AGNER_OK)
        *pid = (etf_pid){ 0 }; /* the name has become free meanwhile */
    return err;
}

struct rt_spawn_options gen__monitored(const struct rt_spawn_options *options,
                                       etf_ref *monitor)
{
    struct rt_spawn_options full = { 0 };

    if (options != NULL)
        full = *options;
    full.monitor = true;
    full.monitor_ref = monitor;
    return full;
}

void gen__enter_loop(struct gen *self, const struct gen_start *start,
                     etf_term args, const char *name)
{
    enum agner_err err = AGNER_EINVAL;

    if (start->table != NULL &&
        start->state_size <= SIZE_MAX - start->head_size)
        err = rt_become(self, start->behavior, args,
                        start->head_size + start->state_size, note_of(start));
    rt_log_self(self, RT_LOG_ERROR, "%s: cannot enter its loop: %s",
                name != NULL ? name : "server", agner_strerror(err));
    rt_exit(self, ETF_A(error));
}

/*
 * start.c -- starting a server, and turning a raw process into one.
 */
#include "gen_internal.h"

static enum agner_err start(struct gen *self, const struct gen_server *server,
                            etf_term args,
                            const struct rt_spawn_options *options, bool link,
                            etf_pid *pid, etf_term *reason)
{
    struct rt_spawn_options full = { 0 };
    enum agner_err err;

    if (options != NULL)
        full = *options;
    if (server->state_size > SIZE_MAX - GEN_HEAD_SIZE)
        return AGNER_EINVAL;
    full.state_size = GEN_HEAD_SIZE + server->state_size;
    /* The runtime carries the pointer and does not write through it. */
    full.note = (void *)(uintptr_t)server;
    full.link = full.link || link;
    err = rt_start(self, gen__server_behavior(server, true), args, &full, pid,
                   reason);
    if (err == AGNER_ETAKEN && pid != NULL &&
        rt_whereis(rt_of(self), full.name, pid) != AGNER_OK)
        *pid = (etf_pid){ 0 }; /* the name has become free meanwhile */
    return err;
}

enum agner_err gen_start(struct gen *self, const struct gen_server *server,
                         etf_term args, const struct rt_spawn_options *options,
                         etf_pid *pid, etf_term *reason)
{
    return start(self, server, args, options, false, pid, reason);
}

enum agner_err gen_start_link(struct gen *self, const struct gen_server *server,
                              etf_term args,
                              const struct rt_spawn_options *options,
                              etf_pid *pid, etf_term *reason)
{
    return start(self, server, args, options, true, pid, reason);
}

void gen_enter_loop(struct gen *self, const struct gen_server *server,
                    etf_term args, bool init)
{
    enum agner_err err = AGNER_EINVAL;

    if (server->state_size <= SIZE_MAX - GEN_HEAD_SIZE)
        err = rt_become(self, gen__server_behavior(server, init), args,
                        GEN_HEAD_SIZE + server->state_size,
                        (void *)(uintptr_t)server); /* as in start() */
    rt_log(rt_of(self), RT_LOG_ERROR, "server %s: cannot enter its loop: %s",
           server->name != NULL ? server->name : "", agner_strerror(err));
    rt_exit(self, ETF_A(error));
}

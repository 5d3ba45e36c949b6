/*
 * bridge.c -- a process that stands for what is none: see gen_bridge.
 *
 * It does nothing but start the subsystem in its init and stop it at its end,
 * once: in terminate if it comes to that, otherwise in destroy, which also runs
 * after kill.
 */
#include <stdlib.h>

#include <agner/gen_supervisor.h>

#include "gen_internal.h"

struct bridged {
    const struct gen_bridge *bridge; /* borrowed: static; NULL: not started */
    void *state;                     /* owned: bridge->state_size bytes */
};

static enum gen_next failed(struct gen *self, enum agner_err err,
                            etf_term reason)
{
    if (err == AGNER_EIGNORE)
        return GEN_IGNORE;
    if (etf_is_none(reason))
        reason = etf_text(rt_region(self), agner_strerror(err));
    return gen_stop(self, reason);
}

static enum gen_next bridge_init(struct gen *self, etf_term args)
{
    struct bridged *b = gen_state(self);
    const struct gen_bridge *bridge;
    etf_term table, user_args, reason = ETF_NONE;
    enum agner_err err;
    void *pointer;

    if (!etf_match(args, "{_, _}", &table, &user_args) ||
        !etf_get_resource(table, &pointer))
        return gen_stop(self, ETF_A(badarg));
    bridge = pointer;
    b->state = calloc(1, bridge->state_size == 0 ? 1 : bridge->state_size);
    if (b->state == NULL)
        return failed(self, AGNER_ENOMEM, ETF_NONE);
    err = bridge->start(self, b->state, user_args, &reason);
    if (err != AGNER_OK)
        return failed(self, err, reason);
    b->bridge = bridge;
    return GEN_NEXT;
}

static void stop(void *arg)
{
    struct bridged *b = arg;
    const struct gen_bridge *bridge = b->bridge;

    b->bridge = NULL;
    if (bridge != NULL && bridge->stop != NULL)
        bridge->stop(b->state);
}

static void bridge_terminate(struct gen *self, etf_term reason)
{
    struct bridged *b = gen_state(self);

    (void)reason;
    if (b->bridge != NULL && b->bridge->stop_blocks)
        (void)rt_blocking(self, stop, b); /* else destroy does it */
}

static void bridge_destroy(void *state)
{
    struct bridged *b = state;

    stop(b);
    free(b->state);
}

static const struct gen_server bridge_server = {
    .name = "bridge",
    .state_size = sizeof(struct bridged),
    .init = bridge_init,
    .terminate = bridge_terminate,
    .destroy = bridge_destroy,
};

/* {Table, Args}. The table is static, and nobody writes through the pointer. */
static etf_term server_args(struct gen *self, const struct gen_bridge *bridge,
                            etf_term args)
{
    etf_term table =
        etf_resource(rt_region(self), (void *)(uintptr_t)bridge, NULL);

    return etf_make(self, "{_, _}", table, args);
}

void gen__bridge_enter(struct gen *self, const struct gen_bridge *bridge,
                       etf_term args)
{
    rt_label(self, bridge->name);
    gen_enter_loop(self, &bridge_server, server_args(self, bridge, args), true);
}

enum agner_err gen_bridge_start_link(struct gen *self,
                                     const struct gen_bridge *bridge,
                                     etf_term args,
                                     const struct rt_spawn_options *options,
                                     etf_pid *pid, etf_term *reason)
{
    struct rt_spawn_options full = { .name = ETF_NONE };

    if (bridge == NULL)
        return AGNER_EINVAL;
    if (options != NULL)
        full = *options;
    if (full.label == NULL)
        full.label = bridge->name;
    return gen_start_link(self, &bridge_server, server_args(self, bridge, args),
                          &full, pid, reason);
}

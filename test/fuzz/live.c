/*
 * live.c -- a node that lives, in a simulated world: live.h.
 */
#include "live.h"

#include <stdlib.h>

void live_check(bool holds)
{
    if (!holds)
        abort();
}

/* What it says is made, and goes nowhere. */
static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    live_check(text[0] != '\0');
}

void live_begin(struct live *live, bool cut, const struct node_options *options)
{
    const struct sim_options network = { .cut_ppm = cut ? 300000 : 0,
                                         .steps_max = 2000000 };
    struct node_options all = *options;

    live->sim = sim_new(1, &network);
    live_check(live->sim != NULL);
    all.epmd = NODE_EPMD_NONE;
    all.rt = (struct rt_options){ .world = sim_world(live->sim),
                                  .workers = 1,
                                  .log = quiet,
                                  .log_level = RT_LOG_DEBUG };
    live_check(node_start(&all, &live->node, NULL) == AGNER_OK);
    live->self = rt_attach(node_rt(live->node));
    live_check(live->self != NULL);
}

void live_end(struct live *live)
{
    rt_detach(live->self);
    node_stop(live->node, 1000);
    sim_free(live->sim);
}

/*
 * after.c -- steps that were asked for: sim_after().
 */
#include "sim_world.h"

#include <stdlib.h>

struct wish {
    struct source source;
    struct sim *sim;
    struct wish *next, **link;
    uint64_t at_ns;
    void (*run)(void *ctx);
    void *ctx; /* borrowed: the caller's */
};

static void drop_wish(struct wish *wish)
{
    sim__source_remove(&wish->source);
    *wish->link = wish->next;
    if (wish->next != NULL)
        wish->next->link = wish->link;
    free(wish);
}

static uint64_t when_wished(struct source *source)
{
    return ((struct wish *)source)->at_ns;
}

static size_t is_due(struct source *source)
{
    const struct wish *wish = (struct wish *)source;

    return wish->at_ns <= wish->sim->now_ns;
}

static void fulfil(struct source *source, size_t index)
{
    struct wish *wish = (struct wish *)source;
    void (*run)(void *ctx) = wish->run;
    void *ctx = wish->ctx;

    (void)index;
    drop_wish(wish);
    run(ctx);
}

enum agner_err sim_after(struct sim *sim, uint64_t ms, void (*run)(void *ctx),
                         void *ctx)
{
    struct wish *wish = calloc(1, sizeof *wish);

    if (wish == NULL)
        return AGNER_ENOMEM;
    wish->source = (struct source){
        .kind = "after", .ready = is_due, .when = when_wished, .run = fulfil
    };
    wish->sim = sim;
    wish->at_ns = loop_timer_after(sim->now_ns, ms);
    wish->run = run;
    wish->ctx = ctx;
    wish->next = sim->wishes;
    wish->link = &sim->wishes;
    if (sim->wishes != NULL)
        sim->wishes->link = &wish->next;
    sim->wishes = wish;
    sim__source_add(&sim->first, &wish->source);
    return AGNER_OK;
}

void sim__wishes_free(struct sim *sim)
{
    while (sim->wishes != NULL)
        drop_wish(sim->wishes);
}

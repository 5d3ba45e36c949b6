/*
 * test_behaviors_async_random.c -- queues in drawn programs.
 *
 * For every seed: producers bring items in every way there is, while somebody
 * stops, closes and starts the queue, sets its token, and kills its workers and
 * its owner; actions fail, crash, wait and end their process. In the end each
 * item that was accepted was run once, or handed back once, and no other was;
 * what was lost in the middle of a run was reported; and the figures add up.
 *
 * `test_behaviors_async_random SEED` prints the trace of that one seed's end;
 * with a second number it plays so many from there.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/gen.h>
#include <agner/sim.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || \
    __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SEEDS 100u
#else
#define SEEDS 1000u
#endif

#define PRODUCERS 4u
#define EACH_OF   60u
#define ITEMS     (PRODUCERS * EACH_OF)
#define TURNS     40u

struct play {
    struct sim *sim;
    struct rt *rt;
    struct gen_queue *queue;
    struct gen_queue_options o;
    struct gen_cancel *token;
    etf_pid owner, worker; /* the last ones seen */
    bool accepted[ITEMS + 1];
    unsigned ran[ITEMS + 1], back[ITEMS + 1], lost[ITEMS + 1];
    unsigned ended; /* producers */
    unsigned next;  /* the next producer's number */
};

static bool draw(struct play *p, uint64_t out_of)
{
    return sim_draw(p->sim, out_of) == 0;
}

static void *item_of(size_t n)
{
    return (void *)(uintptr_t)n; /* never followed */
}

static size_t number_of(const void *item)
{
    return (size_t)(uintptr_t)item;
}

/* ---- What happens to items ---------------------------------------------- */

static enum agner_err act(struct gen *self, void *ctx, void *item,
                          struct gen_cancel *cancel)
{
    struct play *p = ctx;
    size_t n = number_of(item);

    p->ran[n]++;
    if (self == NULL) /* dirty */
        return draw(p, 4) ? AGNER_EIO : AGNER_OK;
    p->worker = rt_self(self);
    switch (sim_draw(p->sim, 12)) {
    case 0:
        return AGNER_EIO;
    case 1:
        rt_exit(self, ETF_A(badarg));
        break;
    case 2:
        (void)rt_kill(p->rt, rt_self(self), ETF_A(kill));
        return rt_sleep(self, RT_INFINITY);
    case 3:
        return gen_cancel_sleep(self, sim_draw(p->sim, 20), cancel);
    case 4:
    case 5:
        return rt_sleep(self, sim_draw(p->sim, 3));
    case 6:
        rt_yield(self);
        break;
    case 7:
        if (draw(p, 10))
            (void)gen_queue_stop(self, p->queue, NULL);
        break;
    default:
        break;
    }
    return AGNER_OK;
}

static void handed_back(void *ctx, void *item, enum agner_err why)
{
    struct play *p = ctx;

    (void)why;
    p->back[number_of(item)]++;
}

/* ---- Who does what ------------------------------------------------------ */

static uint64_t draw_time(struct play *p)
{
    static const uint64_t times[] = { 0, 1, 5, 50, RT_INFINITY };

    return times[sim_draw(p->sim, 5)];
}

static size_t bring(struct gen *self, struct play *p, size_t n, size_t left)
{
    void *items[10];
    size_t count = 1 + (size_t)sim_draw(p->sim, 10), accepted = 0;

    switch (sim_draw(p->sim, 4)) {
    case 0:
        p->accepted[n] =
            gen_queue_try_enqueue(p->queue, item_of(n)) == AGNER_OK;
        return 1;
    case 1:
        if (count > left)
            count = left;
        for (size_t i = 0; i < count; i++)
            items[i] = item_of(n + i);
        (void)gen_queue_enqueue_many(self, p->queue, items, count, draw_time(p),
                                     NULL, &accepted);
        for (size_t i = 0; i < accepted; i++)
            p->accepted[n + i] = true;
        return count;
    default:
        p->accepted[n] =
            gen_queue_enqueue(self, p->queue, item_of(n), draw_time(p),
                              draw(p, 4) ? p->token : NULL) == AGNER_OK;
        return 1;
    }
}

static void produce(struct gen *self, void *arg)
{
    struct play *p = arg;
    size_t from = 1 + EACH_OF * p->next++, n = 0;

    while (n < EACH_OF) {
        n += bring(self, p, from + n, EACH_OF - n);
        if (draw(p, 2))
            (void)rt_sleep(self, sim_draw(p->sim, 8));
    }
    p->ended++;
}

static void turn(struct gen *self, struct play *p)
{
    switch (sim_draw(p->sim, 9)) {
    case 0:
        (void)gen_queue_stop(self, p->queue, NULL);
        break;
    case 1:
        (void)gen_queue_close(self, p->queue, NULL);
        break;
    case 2:
        (void)rt_kill(p->rt, p->worker,
                      draw(p, 2) ? ETF_A(kill) : ETF_A(shutdown));
        break;
    case 3:
        if (draw(p, 2))
            break;
        (void)rt_kill(p->rt, p->owner,
                      draw(p, 2) ? ETF_A(kill) : ETF_A(shutdown));
        if (draw(p, 2)) {
            rt_yield(self);
            (void)rt_kill(p->rt, p->worker, ETF_A(kill));
        }
        break;
    case 4:
        if (draw(p, 20))
            (void)gen_cancel_set(p->token, ETF_NONE);
        break;
    default:
        (void)gen_queue_start(self, p->queue, NULL, &p->owner);
        break;
    }
    (void)rt_sleep(self, sim_draw(p->sim, 10));
}

static void disturb(struct gen *self, void *arg)
{
    struct play *p = arg;

    for (unsigned i = 0; i < TURNS; i++)
        turn(self, p);
    /* Until all have ended: who waits for room needs workers, or a no. */
    while (p->ended < PRODUCERS) {
        if (gen_queue_start(self, p->queue, NULL, &p->owner) ==
            AGNER_ECANCELLED)
            (void)gen_queue_close(self, p->queue, NULL);
        (void)rt_sleep(self, 5);
    }
    (void)gen_queue_close(self, p->queue, NULL);
    p->ended++;
}

/* ---- One seed ----------------------------------------------------------- */

static void draw_options(struct play *p)
{
    p->o = (struct gen_queue_options){
        .parallelism = 1 + (unsigned)sim_draw(p->sim, 4),
        .max_work = 1 + (size_t)sim_draw(p->sim, 20),
        .batch = (unsigned)sim_draw(p->sim, 17),
        .overflow = draw(p, 2) ? GEN_QUEUE_WAIT
                               : (enum gen_queue_overflow)sim_draw(p->sim, 4),
        .grace_ms = 1 + sim_draw(p->sim, 60),
        .early = draw(p, 3),
        .dirty = draw(p, 8),
        .no_recover = draw(p, 4),
        .handed_back = handed_back,
    };
    p->o.cancel = p->token = gen_cancel_new(p->rt, NULL);
    p->o.errors = gen_errors_new(p->rt, 10 * ITEMS);
}

static char fault[200];

static bool __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(fault, sizeof fault, format, args);
    va_end(args);
    return true;
}

static bool is_wrong(struct play *p, const struct gen_queue_info *info)
{
    struct etf_region *r = etf_region_new(0);
    struct gen_error one;
    uint64_t ran = 0;

    while (gen_errors_first(p->o.errors, r, &one))
        if (one.item != NULL)
            p->lost[number_of(one.item)]++;
    etf_region_free(r);
    for (unsigned n = 1; n <= ITEMS; n++) {
        ran += p->ran[n];
        if (p->ran[n] + p->back[n] != (p->accepted[n] ? 1u : 0u))
            return wrong("item %u: accepted %d, ran %u, back %u, lost %u", n,
                         p->accepted[n], p->ran[n], p->back[n], p->lost[n]);
        if (p->lost[n] > p->ran[n])
            return wrong("item %u: lost %u, ran %u", n, p->lost[n], p->ran[n]);
    }
    if (info->done + info->failed + info->crashed != ran)
        return wrong(
            "done %llu + failed %llu + crashed %llu is not %llu",
            (unsigned long long)info->done, (unsigned long long)info->failed,
            (unsigned long long)info->crashed, (unsigned long long)ran);
    if (info->running + info->waiting + info->workers != 0)
        return wrong("running %llu, waiting %llu, workers %u",
                     (unsigned long long)info->running,
                     (unsigned long long)info->waiting, info->workers);
    return false;
}

static bool is_over(void *ctx)
{
    const struct play *p = ctx;

    return p->ended > PRODUCERS &&
           gen_latch_is_stopped(gen_queue_latch(p->queue));
}

static bool play_seed(uint64_t seed)
{
    struct sim_options sim_options = { .pick = (enum sim_pick)(seed % 5),
                                       .change_points = 4 };
    struct rt_options options = { .log_level = RT_LOG_ALERT };
    struct gen_queue_info info;
    struct play *p = calloc(1, sizeof *p);
    struct gen *self;
    etf_pid pid;
    bool bad;

    if (p == NULL)
        return wrong("no memory");
    p->sim = sim_new(seed, &sim_options);
    options.world = sim_world(p->sim);
    if (rt_new(&options, &p->rt, NULL) != AGNER_OK)
        return wrong("no runtime");
    self = rt_attach(p->rt);
    draw_options(p);
    p->queue = gen_queue_new(p->rt, act, p, &p->o);
    for (unsigned i = 0; i < PRODUCERS; i++)
        (void)rt_spawn(self, produce, p, NULL, &pid);
    (void)rt_spawn(self, disturb, p, NULL, &pid);
    bad = !sim_run_until(p->sim, is_over, p, 1000000) &&
          wrong("it does not end: %u have", p->ended);
    gen_queue_info(p->queue, &info);
    rt_detach(self);
    if (!bad) {
        gen_queue_free(p->queue); /* what is left comes back */
        bad = is_wrong(p, &info);
    }
    gen_cancel_free(p->token);
    gen_errors_free(p->o.errors);
    rt_free(p->rt, 100);
    sim_free(p->sim);
    free(p);
    return bad;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2   ? strtoull(argv[2], NULL, 10)
                     : argc > 1 ? 1
                                : SEEDS;

    for (uint64_t seed = first; seed < first + count; seed++) {
        if (play_seed(seed)) {
            printf("seed %llu: %s\n", (unsigned long long)seed, fault);
            return EXIT_FAILURE;
        }
    }
    printf("%llu seeds from %llu on\n", (unsigned long long)count,
           (unsigned long long)first);
    return EXIT_SUCCESS;
}

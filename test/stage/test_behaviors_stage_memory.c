/*
 * test_behaviors_stage_memory.c -- failed allocations in pipelines.
 *
 * The program's own malloc and its like are wrapped by the linker. A pipeline
 * runs in a simulated world, and the first allocation fails, then the second,
 * until none does. Each time some process has ended, or everything has come,
 * in order and once. Leaks are the sanitizer's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "failing.h"

#define EVENTS 40

/* ---- Stages: numbers, passed on, and noted ------------------------------- */

static struct {
    const struct gen_stage_dispatcher *dispatcher;
    const void *options;
    uint64_t next, seen; /* seen: by the last one, all in order */
    unsigned ended;
    bool wrong;
} play;

static enum gen_next make(struct gen *self, uint64_t count)
{
    etf_term events = etf_nil();

    if (count > EVENTS - play.next)
        count = EVENTS - play.next;
    for (uint64_t i = count; i-- > 0;)
        events = etf_make(self, "[{event, _} | _]", play.next + i, events);
    play.next += count;
    (void)gen_stage_emit(self, events, NULL);
    return GEN_NEXT;
}

static enum gen_next pass(struct gen *self, const struct gen_subscription *sub,
                          etf_term events)
{
    (void)sub;
    (void)gen_stage_emit(self, events, NULL);
    return GEN_NEXT;
}

static enum gen_next note(struct gen *self, const struct gen_subscription *sub,
                          etf_term events)
{
    etf_term event;
    uint64_t n;

    (void)self;
    (void)sub;
    while (etf_list_next(&events, &event)) {
        if (!etf_match(event, "{event, _}", &n) || n != play.seen)
            play.wrong = true;
        play.seen++;
    }
    return GEN_NEXT;
}

static enum gen_next init(struct gen *self, etf_term to)
{
    const struct gen_stage_source source = { .to = to,
                                             .options = { .max_demand = 8,
                                                          .min_demand = 3,
                                                          .partition = etf_int(
                                                              NULL, 0) } };
    const struct gen_stage_options o = {
        .dispatcher = play.dispatcher,
        .dispatcher_options = play.options,
        .subscribe_to = &source,
        .subscribe_count = etf_is_atom(to) ? 0 : 1,
    };

    if (gen_stage_setup(self, &o) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    return GEN_NEXT;
}

static void destroy(void *state)
{
    (void)state;
    play.ended++;
}

static const struct gen_stage numbers = { .name = "numbers",
                                          .role = GEN_STAGE_PRODUCER,
                                          .init = init,
                                          .handle_demand = make,
                                          .destroy = destroy };
static const struct gen_stage filter = { .name = "filter",
                                         .role = GEN_STAGE_PRODUCER_CONSUMER,
                                         .init = init,
                                         .handle_events = pass,
                                         .destroy = destroy };
static const struct gen_stage notes = { .name = "notes",
                                        .role = GEN_STAGE_CONSUMER,
                                        .init = init,
                                        .handle_events = note,
                                        .destroy = destroy };

/* ---- Playing --------------------------------------------------------------
 */

static bool start(struct gen *self, const struct gen_stage *stage, etf_term to,
                  etf_term *pid)
{
    etf_pid p;

    if (gen_stage_start(self, stage, to, NULL, &p, NULL) != AGNER_OK)
        return false;
    *pid = etf_from_pid(NULL, p);
    return true;
}

/* The last two first, so that events wait on their way; then a figure, a
 * message behind the events, and an end. */
static bool pipeline(struct sim *sim, struct gen *self)
{
    etf_term p, f, c;
    bool all = false;

    if (start(self, &numbers, ETF_A(ok), &p)) {
        (void)gen_stage_demand_set(self, p, GEN_STAGE_ACCUMULATE);
        if (start(self, &filter, p, &f) && start(self, &notes, f, &c)) {
            all =
                gen_stage_demand_set(self, p, GEN_STAGE_FORWARD) == AGNER_OK &&
                gen_stage_async_info(self, f, ETF_A(info)) == AGNER_OK;
            (void)sim_run(sim, 20);
            (void)rt_figures_list(rt_of(self), rt_region(self), "stage");
        }
    }
    return all;
}

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* The runtime's own stacks are there before anything fails. */
static void warm_up(struct gen *self)
{
    etf_term p;

    play.next = EVENTS;
    if (!start(self, &numbers, ETF_A(ok), &p))
        fail_msg("nothing starts");
    (void)gen_server_stop(self, p, ETF_A(normal), 1000);
}

/* false: no allocation failed any more. */
static bool fails_at(unsigned at)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim), .log = quiet };
    struct rt *rt;
    struct gen *self;
    bool all;

    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    warm_up(self);
    play.next = play.seen = play.ended = 0;
    play.wrong = false;
    failing_seen = false;
    failing_in = at;
    all = pipeline(sim, self);
    failing_in = 0;
    (void)sim_run(sim, 100);
    if (play.wrong)
        fail_msg("allocation %u: out of order", at);
    if (all && play.ended == 0 && play.seen != EVENTS)
        fail_msg("allocation %u: all live, and %u of %d came", at,
                 (unsigned)play.seen, EVENTS);
    if (!failing_seen)
        assert_int_equal(play.seen, EVENTS);
    rt_detach(self);
    rt_free(rt, 100);
    sim_free(sim);
    return failing_seen;
}

static void play_all(const struct gen_stage_dispatcher *dispatcher,
                     const void *options)
{
    unsigned at = 1;

    play.dispatcher = dispatcher;
    play.options = options;
    while (fails_at(at))
        at++;
    assert_true(at > 30);
}

/* spec/reliability.md G34. */
static void by_demand(void **state)
{
    (void)state;
    play_all(gen_stage_demand_dispatcher(), NULL);
}

static void to_everybody(void **state)
{
    (void)state;
    play_all(gen_stage_broadcast_dispatcher(), NULL);
}

static void by_partition(void **state)
{
    static const struct gen_stage_partition_options one = { .count = 1 };

    (void)state;
    play_all(gen_stage_partition_dispatcher(), &one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_demand),
        cmocka_unit_test(to_everybody),
        cmocka_unit_test(by_partition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_runtime_gather.c -- many senders of one receiver, which overrun it
 * (runtime/gather.c): G1, G3.
 *
 * Senders move to their receiver only when its messages take less than some
 * nanoseconds. So the clock of this world is slow: they do on a machine of any
 * speed, and under a sanitizer.
 */
#include "bed.h"

#include "atomic.h"
#include "rt_world.h"

#define SLOWER    64u
#define SENDERS   24
#define EACH      2000
#define RECEIVERS 3

static struct rt_world world;
static uint64_t base_ns;

static uint64_t now_slowly(void *ctx)
{
    return base_ns + (rt_world_real()->now_ns(ctx) - base_ns) / SLOWER;
}

static void wait_slowly(void *ctx, _Atomic uint32_t *word, uint32_t seen,
                        uint64_t deadline_ns)
{
    bool ends = deadline_ns != RT_NEVER && deadline_ns > base_ns;

    rt_world_real()->wait(ctx, word, seen,
                          ends ? base_ns + (deadline_ns - base_ns) * SLOWER
                               : deadline_ns);
}

struct count {
    int64_t last[SENDERS];
    int64_t left;
    etf_pid boss;
};

static enum rt_next count_init(struct gen *self, etf_term args)
{
    struct count *c = rt_state(self);

    if (!etf_match(args, "{_, _}", &c->left, &c->boss))
        return rt_stop(self, ETF_A(badarg));
    return RT_NEXT;
}

/* {Sender, Number}: the next of that sender. */
static enum rt_next count_message(struct gen *self, const struct rt_message *m)
{
    struct count *c = rt_state(self);
    int64_t sender, number;

    if (!etf_match(m->term, "{_, _}", &sender, &number) ||
        number != ++c->last[sender]) {
        (void)rt_send_pid(self, c->boss, etf_atom("out_of_order"));
        return rt_stop(self, ETF_A(normal));
    }
    if (--c->left == 0)
        (void)rt_send_pid(self, c->boss, ETF_A(ok));
    return RT_NEXT;
}

static const struct rt_behavior count = {
    .name = "count",
    .state_size = sizeof(struct count),
    .init = count_init,
    .message = count_message,
};

struct flood {
    const etf_pid *to;
    int64_t sender, receivers;
};

/* Each message goes to the receivers in turn, or all to one. */
static void flood(struct gen *self, void *arg)
{
    const struct flood *f = arg;
    int64_t i;

    for (i = 0; i < EACH * f->receivers; i++) {
        (void)rt_send_pid(
            self, f->to[i % f->receivers],
            etf_make(self, "{_, _}", f->sender, i / f->receivers + 1));
        rt_reset(self);
    }
}

static void run_flood(unsigned workers, int64_t receivers)
{
    struct rt_options options = { .world = &world, .workers = workers };
    struct flood floods[SENDERS];
    etf_pid pids[RECEIVERS], senders[SENDERS];
    struct bed bed;
    int64_t i;

    world = *rt_world_real();
    base_ns = world.now_ns(world.ctx);
    world.now_ns = now_slowly;
    world.wait = wait_slowly;
    bed_open_with(&bed, 0, options, NULL);
    for (i = 0; i < receivers; i++)
        assert_int_equal(
            rt_start(bed.self, &count,
                     etf_make(bed.self, "{_, _}", (int64_t)EACH * SENDERS,
                              rt_self(bed.self)),
                     NULL, &pids[i], NULL),
            AGNER_OK);
    for (i = 0; i < SENDERS; i++) {
        floods[i] = (struct flood){ pids, i, receivers };
        assert_int_equal(
            rt_spawn(bed.self, flood, &floods[i], NULL, &senders[i]), AGNER_OK);
    }
    for (i = 0; i < receivers; i++)
        bed_expect(&bed, "ok");
    for (i = 0; i < SENDERS; i++) /* they read `floods` */
        assert_int_equal(rt_wait(bed.self, senders[i], WAIT_MS), AGNER_OK);
    bed_close(&bed);
}

static void senders_of_one_receiver_keep_their_order(void **state)
{
    (void)state;
    run_flood(1, 1);
    run_flood(2, 1);
    run_flood(8, 1);
}

/* Whom one receiver calls, another calls away again. */
static void senders_of_three_receivers_keep_their_order(void **state)
{
    (void)state;
    run_flood(2, RECEIVERS);
    run_flood(8, RECEIVERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders_of_one_receiver_keep_their_order),
        cmocka_unit_test(senders_of_three_receivers_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

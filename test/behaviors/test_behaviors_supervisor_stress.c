/*
 * test_behaviors_supervisor_stress.c -- a supervisor on threads: children that
 * crash, are asked for, stopped and started, from several processes at once.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "../process/bed.h"

#include <agner/gen.h>

#define CHILDREN 40u
#define CALLERS  4u
#define DEEDS    300u

static atomic_uint alive, starts;

static enum gen_next frail_init(struct gen *self, etf_term args)
{
    (void)self;
    (void)args;
    atomic_fetch_add(&alive, 1);
    atomic_fetch_add(&starts, 1);
    return GEN_NEXT;
}

static enum gen_next frail_cast(struct gen *self, etf_term request)
{
    return gen_stop(self, request);
}

static void frail_destroy(void *state)
{
    (void)state;
    atomic_fetch_sub(&alive, 1);
}

static const struct gen_server frail = { .name = "frail",
                                         .init = frail_init,
                                         .handle_cast = frail_cast,
                                         .destroy = frail_destroy };

static enum gen_next crowd_init(struct gen *self, etf_term args,
                                struct gen_supervisor_spec *spec)
{
    struct gen_child_spec row = { .server = &frail, .shutdown_ms = 5000 };

    (void)args;
    for (unsigned i = 0; i < CHILDREN; i++) {
        row.id_term = etf_int(rt_region(self), i);
        row.restart = i % 8 == 0 ? GEN_TRANSIENT : GEN_PERMANENT;
        (void)gen_supervisor_add(self, spec, &row);
    }
    return GEN_NEXT;
}

struct caller {
    etf_term sup;
    uint64_t x;
    enum agner_err err;
};

static unsigned draw(struct caller *c, unsigned bound)
{
    c->x = c->x * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(c->x >> 33) % bound;
}

static void crash(struct gen *self, struct caller *c)
{
    etf_term list, row;
    unsigned skip = draw(c, CHILDREN);

    c->err = gen_which_children(self, c->sup, &list);
    while (c->err == AGNER_OK && etf_list_next(&list, &row) && skip-- > 0)
        if (etf_kind(etf_tuple_items(row)[1]) == ETF_KIND_PID && skip % 4 == 0)
            (void)gen_cast(self, etf_tuple_items(row)[1], etf_atom("boom"));
}

static bool is_fine(enum agner_err err)
{
    return err == AGNER_OK || err == AGNER_EUNKNOWN || err == AGNER_ERUNNING ||
           err == AGNER_EBUSY;
}

static void caller_code(struct gen *self, void *arg)
{
    struct caller *c = arg;
    struct gen_child_counts counts;

    for (unsigned i = 0; i < DEEDS && is_fine(c->err); i++) {
        etf_term id = etf_int(NULL, draw(c, CHILDREN));

        switch (draw(c, 4)) {
        case 0:
            crash(self, c);
            break;
        case 1:
            c->err = gen_terminate_child(self, c->sup, id);
            break;
        case 2:
            c->err = gen_restart_child(self, c->sup, id, NULL, NULL);
            break;
        default:
            c->err = gen_count_children(self, c->sup, &counts);
            break;
        }
        rt_reset(self);
    }
}

static void stress(struct bed *bed, enum gen_strategy strategy, bool parallel)
{
    struct gen_supervisor table = { .strategy = strategy,
                                    .intensity = 1000000,
                                    .parallel_stop = parallel,
                                    .init = crowd_init };
    struct caller callers[CALLERS];
    etf_pid pids[CALLERS], sup;

    assert_int_equal(
        gen_supervisor_start(bed->self, &table, etf_nil(), NULL, &sup, NULL),
        AGNER_OK);
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .sup = etf_from_pid(NULL, sup), .x = i };
        assert_int_equal(
            rt_spawn(bed->self, caller_code, &callers[i], NULL, &pids[i]),
            AGNER_OK);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(rt_wait(bed->self, pids[i], 6 * WAIT_MS), AGNER_OK);
        assert_true(is_fine(callers[i].err));
    }
    assert_int_equal(gen_server_stop(bed->self, etf_from_pid(NULL, sup),
                                     ETF_A(shutdown), 6 * WAIT_MS),
                     AGNER_OK);
}

/* The last destroy comes a moment after its exit. */
static void expect_nobody(struct bed *bed)
{
    for (unsigned tries = WAIT_MS; tries > 0 && atomic_load(&alive) != 0;
         tries--)
        (void)rt_sleep(bed->self, 1);
    assert_int_equal(atomic_load(&alive), 0);
}

static void survives_many_callers(void **state)
{
    static const enum gen_strategy strategies[] = { GEN_ONE_FOR_ONE,
                                                    GEN_REST_FOR_ONE,
                                                    GEN_ONE_FOR_ALL };
    struct bed bed;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct rt_options options = { .workers = 3, .log_level = RT_LOG_NONE };

        bed_open_with(&bed, 0, options, NULL);
        atomic_store(&starts, 0);
        stress(&bed, strategies[i], i != 0);
        expect_nobody(&bed);
        assert_true(atomic_load(&starts) > CHILDREN);
        bed_close(&bed);
    }
}

/* ---- Very many ---------------------------------------------------------- */

static const struct gen_child_spec alike = { .id = "alike",
                                             .server = &frail,
                                             .restart = GEN_TEMPORARY };

static void starter_code(struct gen *self, void *arg)
{
    struct caller *c = arg;

    for (unsigned i = 0; i < 2000 && c->err == AGNER_OK; i++) {
        c->err = gen_start_child_args(self, c->sup, etf_nil(), NULL, NULL);
        rt_reset(self);
    }
}

static void stops_thousands_at_once(void **state)
{
    static const struct gen_supervisor table = {
        .strategy = GEN_SIMPLE_ONE_FOR_ONE, .children = &alike, .child_count = 1
    };
    struct rt_options options = { .workers = 3, .log_level = RT_LOG_NONE };
    struct caller callers[CALLERS];
    etf_pid pids[CALLERS], sup;
    struct bed bed;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    assert_int_equal(
        gen_supervisor_start(bed.self, &table, etf_nil(), NULL, &sup, NULL),
        AGNER_OK);
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .sup = etf_from_pid(NULL, sup) };
        assert_int_equal(
            rt_spawn(bed.self, starter_code, &callers[i], NULL, &pids[i]),
            AGNER_OK);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(rt_wait(bed.self, pids[i], 6 * WAIT_MS), AGNER_OK);
        assert_int_equal(callers[i].err, AGNER_OK);
    }
    assert_int_equal(atomic_load(&alive), CALLERS * 2000);
    assert_int_equal(gen_server_stop(bed.self, etf_from_pid(NULL, sup),
                                     ETF_A(shutdown), 6 * WAIT_MS),
                     AGNER_OK);
    expect_nobody(&bed);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_many_callers),
        cmocka_unit_test(stops_thousands_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

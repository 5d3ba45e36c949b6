/*
 * test_behaviors_statem_memory.c -- failed allocations in state machines: G34.
 *
 * The program's own malloc and its like are wrapped by the linker. While a
 * machine does everything that takes memory the first allocation fails, then
 * the second, until none does: each time it has done all of it, or it has ended
 * and says so; its data is destroyed once, and the sanitizers find no leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "failing.h"

/* ---- The machine -------------------------------------------------------- */

/* From which of its callbacks on allocations are counted. */
static enum { IN_INIT, IN_EVENT } from;
static unsigned fail_at;
static unsigned destroyed;
static const struct gen_statem machine;

static enum gen_next hungry_init(struct gen *self, etf_term args)
{
    (void)args;
    if (from == IN_INIT)
        failing_in = fail_at;
    (void)gen_next_event(self, etf_make(self, "{from, init}"));
    return gen_next_state_term(self, etf_make(self, "{state, [0]}"));
}

/* Once through everything. */
static enum gen_next eat(struct gen *self)
{
    etf_term name = etf_make(self, "{name, [_]}", 1);

    if (from == IN_EVENT)
        failing_in = fail_at;
    (void)gen_postpone(self);
    (void)gen_next_event(self, etf_make(self, "{inserted, [1]}"));
    (void)gen_state_timeout(self, 5, etf_make(self, "{state, timeout}"));
    (void)gen_event_timeout(self, 5, etf_make(self, "{event, timeout}"));
    (void)gen_named_timeout(self, name, 5, etf_make(self, "{named, [2]}"));
    (void)gen_timeout_update(self, GEN_STATEM_NAMED_TIMEOUT,
                             etf_make(self, "other"), name);
    (void)gen_push_callback_module(self, &machine);
    return gen_next_state_term(self, etf_make(self, "{state, [_]}", 1));
}

static enum gen_next hungry_event(struct gen *self,
                                  const struct gen_statem_event *event,
                                  etf_term state)
{
    uint64_t *seen = gen_state(self);

    if (event->type != GEN_STATEM_CAST) {
        ++*seen;
        return GEN_NEXT;
    }
    return etf_match(state, "{state, [0]}") ? eat(self) : GEN_NEXT;
}

static void hungry_destroy(void *data)
{
    (void)data;
    destroyed++;
}

static etf_term hungry_status(struct gen *self)
{
    return etf_make(self, "_", *(uint64_t *)gen_state(self));
}

static const struct gen_statem machine = {
    .name = "hungry",
    .state_size = sizeof(uint64_t),
    .init = hungry_init,
    .handle_event = hungry_event,
    .state_enter = true,
    .format_status = hungry_status,
    .destroy = hungry_destroy,
};

/* ---- The test ----------------------------------------------------------- */

static bool is_whole(struct gen *self, etf_pid pid)
{
    etf_term seen = ETF_NONE;
    uint64_t events = 0;

    /* Two enter calls, two events, three time-outs: the fourth, of the event,
     * was cancelled. */
    return gen_sys_get_state(self, etf_from_pid(NULL, pid), 1000, &seen) ==
               AGNER_OK &&
           etf_match(seen, "{{state, [1]}, _}", &events) && events == 7;
}

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* How many runs ended the machine. */
static unsigned run(unsigned n)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim), .log = no_log };
    struct rt *rt;
    struct gen *self;
    etf_pid pid;
    unsigned ended = 0;
    enum agner_err err;

    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    destroyed = 0;
    failing_seen = false;
    fail_at = n;
    err = gen_statem_start(self, &machine, etf_nil(), NULL, &pid, NULL);
    if (err == AGNER_OK) {
        err = gen_cast(self, etf_from_pid(NULL, pid), etf_make(self, "eat"));
        (void)sim_run(sim, 20);
        failing_in = 0;
        if (!rt_is_alive(rt, pid))
            ended = 1;
        else if (err == AGNER_OK)
            assert_true(is_whole(self, pid));
        (void)rt_exit_signal(self, pid, ETF_A(kill));
        assert_int_equal(rt_wait(self, pid, 1000), AGNER_OK);
        assert_int_equal(destroyed, 1);
    }
    failing_in = 0;
    rt_detach(self);
    rt_free(rt, 1000);
    sim_free(sim);
    return ended;
}

static unsigned fail_each(void)
{
    unsigned n = 0, ended = 0;

    (void)run(0); /* patterns are compiled when they are first used */
    do {
        ended += run(++n);
        assert_true(n < 500);
    } while (failing_seen);
    return ended;
}

static void does_all_or_ends(void **state)
{
    (void)state;
    from = IN_EVENT;
    assert_true(fail_each() > 5);
}

static void starts_whole_or_not_at_all(void **state)
{
    (void)state;
    from = IN_INIT;
    (void)fail_each();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_whole_or_not_at_all),
        cmocka_unit_test(does_all_or_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

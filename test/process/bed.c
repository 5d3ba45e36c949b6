/*
 * bed.c -- the runtime to test on, and puppets: see bed.h.
 *
 * A puppet obeys: {say, To, T} sends T; {link, P}, {unlink, P}, {monitor, P},
 * {trap, Bool}, {exit, R} ends with R, {signal, P, R} is exit/2, {forward, To}
 * makes it send everything else that it gets to To as {heard, T}. It answers
 * each order of the form {do, From, Order} with {done, Result} to From, Result
 * being ok, a reference, or the code of an error.
 */
#include "bed.h"

#include <limits.h>
#include <stdlib.h>

/* A simulated world is one thread: after one seed the thread sanitizer has seen
 * what it can. Other builds try them all. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define SEEDS_MAX 1
#endif
#endif
#ifndef SEEDS_MAX
#define SEEDS_MAX UINT_MAX
#endif

void bed_open_with(struct bed *bed, uint64_t seed, struct rt_options options,
                   const struct sim_options *sim_options)
{
    struct agner_error error;

    memset(bed, 0, sizeof *bed);
    bed->seed = seed;
    if (seed != 0) {
        bed->sim = sim_new(seed, sim_options);
        assert_non_null(bed->sim);
        options.world = sim_world(bed->sim);
    }
    if (rt_new(&options, &bed->rt, &error) != AGNER_OK)
        fail_msg("rt_new: %s", error.text);
    bed->self = rt_attach(bed->rt);
    assert_non_null(bed->self);
}

void bed_open(struct bed *bed, uint64_t seed)
{
    struct rt_options options = { .workers = 3 };

    bed_open_with(bed, seed, options, NULL);
}

void bed_close(struct bed *bed)
{
    rt_detach(bed->self);
    rt_free(bed->rt, 1000);
    if (bed->sim != NULL)
        sim_free(bed->sim);
}

void bed_expect(struct bed *bed, const char *text)
{
    char seen[400];
    etf_term message;
    enum agner_err err = rt_receive(bed->self, WAIT_MS, &message);

    if (err != AGNER_OK)
        fail_msg("seed %llu: waited for %s: %s", (unsigned long long)bed->seed,
                 text, agner_strerror(err));
    etf_format(seen, sizeof seen, message);
    if (strcmp(seen, text) != 0)
        fail_msg("seed %llu: got %s, not %s", (unsigned long long)bed->seed,
                 seen, text);
}

void bed_expect_nothing(struct bed *bed)
{
    char seen[400];
    etf_term message;

    /* On threads there is no "quiet" to wait for: what is here, is here. */
    if (bed->sim != NULL)
        (void)sim_run(bed->sim, 1000);
    if (rt_receive(bed->self, 0, &message) == AGNER_OK)
        fail_msg("seed %llu: got %s", (unsigned long long)bed->seed,
                 etf_format(seen, sizeof seen, message));
}

static enum agner_err obey(struct gen *self, etf_term order, etf_term *result,
                           etf_pid *forward)
{
    etf_pid pid;
    etf_ref ref;
    etf_term to, t;
    bool on;
    enum agner_err err;

    *result = ETF_A(ok);
    if (etf_match(order, "{say, _, _}", &to, &t))
        return rt_send(self, to, t);
    if (etf_match(order, "{link, _}", &pid))
        return rt_link(self, pid);
    if (etf_match(order, "{unlink, _}", &pid))
        return rt_unlink(self, pid);
    if (etf_match(order, "{monitor, _}", &to)) {
        err = rt_monitor(self, to, 0, &ref);
        if (err == AGNER_OK)
            *result = etf_from_ref(rt_region(self), ref);
        return err;
    }
    if (etf_match(order, "{demonitor, _}", &ref))
        return rt_demonitor(self, ref, true);
    if (etf_match(order, "{trap, _}", &on)) {
        (void)rt_trap_exit(self, on);
        return AGNER_OK;
    }
    if (etf_match(order, "{signal, _, _}", &pid, &t))
        return rt_exit_signal(self, pid, t);
    if (etf_match(order, "{forward, _}", forward))
        return AGNER_OK;
    if (etf_match(order, "{exit, _}", &t))
        rt_exit(self, t);
    return AGNER_EINVAL;
}

static void puppet(struct gen *self, void *arg)
{
    etf_pid forward = { 0 }, from;
    etf_term message, order, result;
    enum agner_err err;

    (void)arg;
    for (;;) {
        rt_reset(self);
        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK)
            return;
        if (etf_match(message, "{do, _, _}", &from, &order)) {
            err = obey(self, order, &result, &forward);
            if (err != AGNER_OK)
                result = etf_make(self, "{error, _}", (int64_t)err);
            (void)rt_send_pid(self, from, etf_make(self, "{done, _}", result));
        } else if (obey(self, message, &result, &forward) == AGNER_EINVAL &&
                   !etf_pid_is_none(forward)) {
            (void)rt_send_pid(self, forward,
                              etf_make(self, "{heard, _}", message));
        }
    }
}

etf_pid bed_puppet(struct bed *bed, const struct rt_spawn_options *options)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, puppet, NULL, options, &pid),
                     AGNER_OK);
    return pid;
}

void bed_everywhere(void (*fn)(struct bed *bed), unsigned seeds)
{
    struct bed bed;
    uint64_t seed;

    if (seeds > SEEDS_MAX)
        seeds = SEEDS_MAX;
    for (seed = 0; seed <= seeds; seed++) {
        bed_open(&bed, seed);
        fn(&bed);
        bed_close(&bed);
    }
}

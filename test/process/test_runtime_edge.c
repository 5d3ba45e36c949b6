/*
 * test_runtime_edge.c -- where two things meet: ends during starts, waits in
 * the last callback, aliases that outlive, mailboxes that shed what is waited
 * behind.
 *
 * Each case runs on threads and on simulated schedules.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

/* ---- A call that is answered as a message ---------------------------------
 */

/* Answers ten calls, the odd ones as OTP's gen:reply does, then tells how much
 * memory it had after the second and has after the last. */
static void clerk(struct gen *self, void *arg)
{
    etf_pid boss = *(etf_pid *)arg;
    struct rt_process_info before, after;
    int i;

    memset(&before, 0, sizeof before);
    for (i = 0; i < 10; i++) {
        etf_term message, from, tag, request;
        struct gen_from who;
        etf_ref alias;

        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK ||
            !etf_match(message, "{'$gen_call', _, _}", &from, &request))
            return;
        if (i % 2 == 0 && rt_get_from(self, from, &who))
            (void)rt_reply(self, &who, request);
        else if (etf_match(from, "{__, _}", &tag) &&
                 etf_match(tag, "[alias | _]", &alias))
            (void)rt_send(self, etf_from_ref(rt_region(self), alias),
                          etf_make(self, "{_, _}", tag, request));
        rt_reset(self);
        rt_yield(self); /* the caller takes its entry back meanwhile */
        if (i == 1)
            (void)rt_process_info(self, rt_self(self), &before);
    }
    (void)rt_receive(self, RT_INFINITY, &(etf_term){ 0 });
    rt_reset(self);
    (void)rt_process_info(self, rt_self(self), &after);
    (void)rt_send_pid(
        self, boss,
        etf_make(self, "{grown, _}",
                 (bool)(after.memory_bytes > before.memory_bytes)));
}

static void answered_as_message(struct bed *bed)
{
    etf_pid me = rt_self(bed->self), pid;
    etf_term reply;
    int64_t i;

    assert_int_equal(rt_spawn(bed->self, clerk, &me, NULL, &pid), AGNER_OK);
    for (i = 0; i < 10; i++) {
        int64_t n = -1;
        enum agner_err err;

        if (i < 6) {
            err = rt_call(bed->self, etf_from_pid(NULL, pid),
                          etf_int(rt_region(bed->self), i), WAIT_MS, &reply);
        } else {
            struct rt_request id;

            assert_int_equal(rt_request_send(bed->self, etf_from_pid(NULL, pid),
                                             etf_int(rt_region(bed->self), i),
                                             &id),
                             AGNER_OK);
            err = rt_request_wait(bed->self, &id, WAIT_MS, &reply);
        }
        assert_int_equal(err, AGNER_OK);
        assert_true(etf_get_int(reply, &n));
        assert_int_equal(n, i);
    }
    (void)rt_send_pid(bed->self, pid, ETF_A(ok));
    bed_expect(bed, "{grown,false}");
    bed_expect_nothing(bed);
}

static void a_raw_process_answers_calls_and_keeps_nothing_of_them(void **state)
{
    (void)state;
    bed_everywhere(answered_as_message, SEEDS);
}

/* ---- A call whose callee is killed in the middle ------------------------- */

/* Tells who is asked for that it is here, waits, and then answers, whatever
 * came. */
static enum rt_next answer_late(struct gen *self, const struct rt_message *m)
{
    etf_term go;

    (void)rt_send(self, m->term, etf_make(self, "here"));
    (void)rt_receive(self, RT_INFINITY, &go);
    (void)rt_reply(self, &m->from, ETF_A(yes));
    return RT_NEXT;
}

static const struct rt_behavior late_behavior = { .name = "late",
                                                  .message = answer_late };

static void killed_in_a_call(struct bed *bed)
{
    struct rt_request id;
    etf_term reply = ETF_NONE;
    etf_pid pid;

    assert_int_equal(
        rt_start(bed->self, &late_behavior, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    assert_int_equal(
        rt_request_send(bed->self, etf_from_pid(NULL, pid), ETF_A(call), &id),
        AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_request_wait(bed->self, &id, WAIT_MS, &reply),
                     AGNER_EEXIT);
    assert_true(etf_same(reply, ETF_A(killed)));
}

static void a_killed_process_answers_nobody(void **state)
{
    (void)state;
    bed_everywhere(killed_in_a_call, SEEDS);
}

/* ---- An init that is the whole life -------------------------------------- */

/* Answers its starter, or not, and waits for the word to end. */
static enum rt_next whole_life(struct gen *self, etf_term args)
{
    etf_term m;

    if (etf_is_atom(args) && rt_init_ack(self, args) != AGNER_OK)
        return rt_stop(self, etf_make(self, "not_told"));
    if (etf_is_atom(args) && rt_init_ack(self, args) != AGNER_EALREADY)
        return rt_stop(self, etf_make(self, "told_twice"));
    (void)rt_receive(self, RT_INFINITY, &m);
    return rt_stop(self, m);
}

static enum rt_next never(struct gen *self, const struct rt_message *m)
{
    return rt_stop(self, m->term);
}

static const struct rt_behavior life_behavior = { .name = "life",
                                                  .init = whole_life,
                                                  .message = never };

static void told_in_init(struct bed *bed)
{
    struct rt_spawn_options options = { .link = true };
    struct rt_process_info info;
    etf_term said = ETF_NONE, m, reason;
    etf_pid pid, who;

    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_start(bed->self, &life_behavior, etf_atom("begun"),
                              &options, &pid, &said),
                     AGNER_OK);
    assert_true(etf_atom_is(said, "begun"));
    assert_int_equal(rt_process_glance(bed->rt, pid, &info), AGNER_OK);
    assert_true(etf_pid_equal(info.parent, rt_self(bed->self)));
    (void)rt_send_pid(bed->self, pid, etf_atom("over"));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'EXIT', _, _}", &who, &reason));
    assert_true(etf_pid_equal(who, pid) && etf_atom_is(reason, "over"));
    /* Without the word it is an init like others, and in time it is killed. */
    options.init_timeout_ms = 5;
    assert_int_equal(
        rt_start(bed->self, &life_behavior, etf_nil(), &options, &pid, &said),
        AGNER_ETIMEOUT);
    bed_expect_nothing(bed);
}

static void init_can_answer_before_it_ends(void **state)
{
    (void)state;
    bed_everywhere(told_in_init, SEEDS);
}

/* ---- The last callback ------------------------------------------------------
 */

static etf_pid last_boss;

static enum rt_next last_message(struct gen *self, const struct rt_message *m)
{
    return etf_same(m->term, etf_atom("stop")) ? rt_stop(self, ETF_A(normal))
                                               : RT_NEXT;
}

static void last_terminate(struct gen *self, etf_term reason)
{
    etf_term message, reply = ETF_NONE;
    enum agner_err err;

    (void)reason;
    (void)rt_sleep(self, 5);
    err = rt_receive(self, WAIT_MS, &message);
    (void)rt_send_pid(self, last_boss,
                      etf_make(self, "{got, _, _}", (int64_t)err,
                               err == AGNER_OK ? message : ETF_A(ok)));
    err = rt_receive(self, RT_INFINITY, &reply); /* until it is killed */
    (void)rt_send_pid(self, last_boss, etf_atom("not_said"));
}

static const struct rt_behavior last_words = { .name = "last",
                                               .message = last_message,
                                               .terminate = last_terminate };

static void in_terminate(struct bed *bed)
{
    etf_pid pid;
    etf_term message, why = ETF_NONE;
    etf_ref ref;

    last_boss = rt_self(bed->self);
    assert_int_equal(
        rt_start(bed->self, &last_words, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &ref),
                     AGNER_OK);
    bed_order(bed, pid, "stop");
    (void)rt_sleep(bed->self, 20);
    bed_order(bed, pid, "hello");
    bed_expect(bed, "{got,0,hello}");
    /* It waits without end: only kill helps. */
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(shutdown)), AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'DOWN', __, process, __, _}", &why));
    assert_true(etf_same(why, ETF_A(killed)));
    bed_expect_nothing(bed);
}

/* spec/gen.md G4: calls are allowed from terminate too. */
static void terminate_may_wait_and_can_be_killed(void **state)
{
    (void)state;
    bed_everywhere(in_terminate, SEEDS);
}

/* ---- Starting ---------------------------------------------------------------
 */

static etf_pid start_boss;

static enum rt_next slow_init(struct gen *self, etf_term args)
{
    (void)args;
    (void)rt_send_pid(self, start_boss,
                      etf_make(self, "{born, _}", rt_self(self)));
    (void)rt_sleep(self, RT_INFINITY);
    return RT_NEXT;
}

static enum rt_next ignore_message(struct gen *self, const struct rt_message *m)
{
    (void)self;
    (void)m;
    return RT_NEXT;
}

static const struct rt_behavior slow_starter = { .name = "slow",
                                                 .init = slow_init,
                                                 .message = ignore_message };

static void starter(struct gen *self, void *arg)
{
    struct rt_spawn_options options = { .link = true };

    (void)arg;
    (void)rt_start(self, &slow_starter, etf_nil(), &options, NULL, NULL);
}

static void orphan(struct bed *bed)
{
    etf_pid pid, child;
    etf_term message;

    start_boss = rt_self(bed->self);
    assert_int_equal(rt_spawn(bed->self, starter, NULL, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{born, _}", &child));
    assert_int_equal(rt_exit_signal(bed->self, pid, etf_atom("enough")),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, child, WAIT_MS), AGNER_OK);
}

/* G27 */
static void who_ends_while_it_starts_another_leaves_no_orphan(void **state)
{
    (void)state;
    bed_everywhere(orphan, SEEDS);
}

/* Kills whoever has the name, as soon as somebody does. */
static void assassin(struct gen *self, void *arg)
{
    etf_pid pid;

    (void)arg;
    while (rt_check(self) == AGNER_OK) {
        if (rt_whereis(rt_of(self), etf_atom("victim"), &pid) == AGNER_OK) {
            (void)rt_exit_signal(self, pid, etf_atom("early"));
            return;
        }
        rt_yield(self);
    }
}

static void killed_early(struct bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("victim"),
                                        .link = true,
                                        .monitor = true };
    struct rt_process_info info;
    etf_term reason = ETF_NONE;
    enum agner_err err;
    etf_pid pid;

    start_boss = rt_self(bed->self);
    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_spawn(bed->self, assassin, NULL, NULL, NULL), AGNER_OK);
    err =
        rt_start(bed->self, &slow_starter, etf_nil(), &options, &pid, &reason);
    assert_int_equal(err, AGNER_EEXIT);
    assert_true(etf_same(reason, etf_atom("early")));
    assert_int_equal(rt_whereis(bed->rt, etf_atom("victim"), &pid),
                     AGNER_ENONAME);
    assert_int_equal(rt_process_info(bed->self, rt_self(bed->self), &info),
                     AGNER_OK);
    assert_int_equal(etf_list_size(info.links), 0);
    assert_int_equal(etf_list_size(info.monitors), 0);
    if (rt_receive(bed->self, 0, &reason) == AGNER_OK)
        assert_true(etf_is_tagged(reason, etf_atom("born"), 2));
    bed_expect_nothing(bed);
}

/* Invariant: a start that fails leaves no trace, however early it fails. */
static void a_start_that_fails_leaves_no_trace(void **state)
{
    (void)state;
    bed_everywhere(killed_early, 200);
}

/* ---- Aliases and monitors ---------------------------------------------------
 */

static void alias_after_down(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);
    etf_ref explicit_ref, down_ref;
    etf_term message;
    unsigned i;

    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, a),
                                RT_MONITOR_ALIAS, &explicit_ref),
                     AGNER_OK);
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, a),
                                RT_MONITOR_ALIAS | RT_MONITOR_ALIAS_DEMONITOR,
                                &down_ref),
                     AGNER_OK);
    bed_order(bed, b, "{say, _, one}", explicit_ref);
    bed_order(bed, b, "{say, _, two}", down_ref);
    bed_expect(bed, "one");
    bed_expect(bed, "two");
    bed_order(bed, a, "{exit, over}");
    for (i = 0; i < 2; i++) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{'DOWN', __, process, __, over}"));
    }
    bed_order(bed, b, "{say, _, no}", down_ref);
    bed_order(bed, b, "{say, _, three}", explicit_ref);
    bed_expect(bed, "three");
    assert_int_equal(rt_unalias(bed->self, explicit_ref), AGNER_OK);
    bed_order(bed, b, "{say, _, no}", explicit_ref);
    bed_order(bed, b, "{say, _, four}", rt_self(bed->self));
    bed_expect(bed, "four");
    bed_expect_nothing(bed);
}

/* erlang:monitor/3: explicit_unalias, and the default of `alias`. */
static void an_explicit_alias_outlives_its_monitor(void **state)
{
    (void)state;
    bed_everywhere(alias_after_down, SEEDS);
}

/* Says `n` things and ends at once. */
static void babbler(struct gen *self, void *arg)
{
    int64_t i;

    for (i = 0; i < 20; i++)
        (void)rt_send_pid(self, *(etf_pid *)arg, etf_int(rt_region(self), i));
}

static void words_before_down(struct bed *bed)
{
    etf_pid me = rt_self(bed->self), pid;
    etf_term message;
    etf_ref ref;
    int64_t i, n;

    assert_int_equal(rt_spawn(bed->self, babbler, &me, NULL, &pid), AGNER_OK);
    while (rt_is_alive(bed->rt, pid))
        if (bed->sim != NULL)
            (void)sim_step(bed->sim);
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &ref),
                     AGNER_OK);
    for (i = 0; i < 20; i++) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_get_int(message, &n));
        assert_int_equal(n, i);
    }
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'DOWN', __, process, __, __}"));
}

/* G1: a down with noproc is no exception. */
static void a_down_comes_after_the_last_words_of_the_dead(void **state)
{
    (void)state;
    bed_everywhere(words_before_down, SEEDS);
}

/* ---- A mailbox that sheds what is waited behind -----------------------------
 */

static bool is_done(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_same(m, etf_atom("done"));
}

static void picky(struct gen *self, void *arg)
{
    etf_pid boss = *(etf_pid *)arg;
    etf_term message;
    enum agner_err err;

    (void)rt_send_pid(self, boss, etf_atom("ready"));
    err = rt_receive_match(self, is_done, NULL, WAIT_MS, &message);
    (void)rt_send_pid(self, boss, etf_make(self, "{_}", (int64_t)err));
}

static void shedding(struct bed *bed)
{
    struct rt_spawn_options options = { .mailbox_max = 3,
                                        .overflow = RT_OVERFLOW_DROP_OLDEST };
    etf_pid me = rt_self(bed->self), pid;
    int64_t i;

    assert_int_equal(rt_spawn(bed->self, picky, &me, &options, &pid), AGNER_OK);
    bed_expect(bed, "ready");
    for (i = 0; i < 40; i++) {
        bed_order(bed, pid, "{noise, _}", i);
        if (i % 5 == 0)
            (void)rt_sleep(bed->self, 1);
    }
    bed_order(bed, pid, "done");
    bed_expect(bed, "{0}");
}

static void a_selective_wait_survives_the_drop_of_the_oldest(void **state)
{
    (void)state;
    bed_everywhere(shedding, SEEDS);
}

/* ---- Threads: workers that are stuck ----------------------------------------
 */

static _Atomic uint32_t flag;

static void on_one_worker(void (*fn)(struct bed *bed))
{
    struct rt_options options = { .workers = 1 };
    struct bed bed;

    atomic_store(&flag, 0);
    bed_open_with(&bed, 0, options, NULL);
    fn(&bed);
    bed_close(&bed);
}

static void spin(struct gen *self, void *arg)
{
    (void)rt_send_pid(self, *(etf_pid *)arg, etf_atom("spinning"));
    while (atomic_load(&flag) == 0)
        continue;
}

/* Its deadline is in the list of the very worker that is stuck next. */
static void sleeper(struct gen *self, void *arg)
{
    (void)rt_spawn(self, spin, arg, NULL, NULL);
    (void)rt_sleep(self, 1);
    atomic_store(&flag, 1);
}

static void stuck_deadline(struct bed *bed)
{
    etf_pid me = rt_self(bed->self), pid;

    assert_int_equal(rt_spawn(bed->self, sleeper, &me, NULL, &pid), AGNER_OK);
    bed_expect(bed, "spinning");
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
}

/* G13 */
static void a_wait_ends_in_time_though_its_worker_is_stuck(void **state)
{
    (void)state;
    on_one_worker(stuck_deadline);
}

static void napper(struct gen *self, void *arg)
{
    (void)rt_send_pid(self, *(etf_pid *)arg, etf_atom("napping"));
    (void)rt_sleep(self, 30);
    (void)rt_send_pid(self, *(etf_pid *)arg, etf_atom("awake"));
}

static void spare_timer(struct bed *bed)
{
    etf_pid me = rt_self(bed->self);

    assert_int_equal(rt_spawn(bed->self, spin, &me, NULL, NULL), AGNER_OK);
    bed_expect(bed, "spinning");
    assert_int_equal(rt_spawn(bed->self, napper, &me, NULL, NULL), AGNER_OK);
    bed_expect(bed, "napping"); /* on a spare worker's wheel */
    atomic_store(&flag, 1);     /* the spare is not needed any more */
    bed_expect(bed, "awake");
}

static void a_spare_worker_that_rests_keeps_its_timers(void **state)
{
    (void)state;
    on_one_worker(spare_timer);
}

/* ---- Threads: the blocking pool ---------------------------------------------
 */

static void work_quick(void *arg)
{
    (void)arg;
}

static void work_waits(void *arg)
{
    (void)arg;
    while (atomic_load(&flag) == 0)
        continue;
}

static void work_frees(void *arg)
{
    (void)arg;
    atomic_store(&flag, 1);
}

static void worker_of(struct gen *self, void *arg)
{
    void (*const *work)(void *) = arg;

    (void)rt_blocking(self, *work, NULL);
}

static void two_jobs(struct bed *bed)
{
    static void (*const jobs[])(void *) = { work_quick, work_waits,
                                            work_frees };
    etf_pid pids[3];
    unsigned i;

    for (i = 0; i < 3; i++) {
        assert_int_equal(rt_spawn(bed->self, worker_of,
                                  (void *)(uintptr_t)&jobs[i], NULL, &pids[i]),
                         AGNER_OK);
        if (i == 0) /* from here on there is a thread, and it is free */
            assert_int_equal(rt_wait(bed->self, pids[0], WAIT_MS), AGNER_OK);
    }
    for (i = 1; i < 3; i++)
        assert_int_equal(rt_wait(bed->self, pids[i], WAIT_MS), AGNER_OK);
}

static void blocking_work_waits_for_no_other(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 20; i++)
        on_one_worker(two_jobs);
}

/* ---- Limits and ends of a runtime -------------------------------------------
 */

static void idle(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_sleep(self, RT_INFINITY);
}

static void breeder(struct gen *self, void *arg)
{
    (void)rt_spawn(self, idle, NULL, NULL, NULL);
    (void)rt_send_pid(self, *(etf_pid *)arg, ETF_A(ok));
    (void)rt_sleep(self, RT_INFINITY);
}

/* A worker that makes one process does not take the places of others. */
static void the_limit_of_processes_is_for_all_workers(void **state)
{
    struct rt_options options = { .workers = 2, .processes_max = 100 };
    struct bed bed;
    etf_pid me;
    unsigned i;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    me = rt_self(bed.self);
    assert_int_equal(rt_spawn(bed.self, breeder, &me, NULL, NULL), AGNER_OK);
    bed_expect(&bed, "ok");
    for (i = 0; i < 90; i++)
        assert_int_equal(rt_spawn(bed.self, idle, NULL, NULL, NULL), AGNER_OK);
    for (i = 0; i < 10; i++)
        if (rt_spawn(bed.self, idle, NULL, NULL, NULL) != AGNER_OK)
            break;
    assert_int_equal(rt_spawn(bed.self, idle, NULL, NULL, NULL), AGNER_ELIMIT);
    bed_close(&bed);
}

static _Atomic uint32_t reborn;

static void phoenix(struct gen *self, void *arg)
{
    atomic_fetch_add(&reborn, 1);
    (void)rt_spawn(self, phoenix, arg, NULL, NULL);
}

/* G44: what is born while the runtime ends, ends too. */
static void a_runtime_ends_though_processes_are_born_for_ever(void **state)
{
    static const unsigned workers[] = { 1, 4 };
    unsigned i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct rt_options options = { .workers = workers[i] };
        struct bed bed;

        bed_open_with(&bed, 0, options, NULL);
        assert_int_equal(rt_spawn(bed.self, phoenix, NULL, NULL, NULL),
                         AGNER_OK);
        while (atomic_load(&reborn) < 1000 * (i + 1))
            (void)rt_sleep(bed.self, 1);
        rt_detach(bed.self);
        rt_free(bed.rt, 1);
    }
}

/* ---- One box in many messages ---------------------------------------------
 */

static void around(struct bed *bed)
{
    const char *const text = "some text";
    struct etf_box *box;
    etf_term long_binary, message, items = etf_nil();
    char bytes[400];
    etf_pid gone;

    memset(bytes, 'x', sizeof bytes);
    for (int i = 20; i > 0; i--)
        items = etf_make(bed->self, "[{_, _} | _]", text, i, items);
    box = etf_box_new(items);
    assert_non_null(box);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            rt_send_around(bed->self, rt_self_term(bed->self),
                           etf_make(bed->self, "{events, {_, _}, []}", i, text),
                           box, 0),
            AGNER_OK);
    /* What cannot be held together by the box is copied. */
    long_binary = etf_binary(rt_region(bed->self), bytes, sizeof bytes);
    assert_int_equal(rt_send_around(bed->self, rt_self_term(bed->self),
                                    etf_make(bed->self, "{_, []}", long_binary),
                                    box, 0),
                     AGNER_OK);
    assert_int_equal(
        rt_send_around(bed->self, rt_self_term(bed->self), items, box, 0),
        AGNER_EINVAL);
    assert_int_equal(rt_send_around(bed->self, etf_atom("nobody"),
                                    etf_make(bed->self, "{a, []}"), box, 0),
                     AGNER_ENONAME);
    gone = bed_puppet(bed, NULL);
    bed_order(bed, gone, "{exit, normal}");
    assert_int_equal(rt_wait(bed->self, gone, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_send_around(bed->self, etf_from_pid(NULL, gone),
                                    etf_make(bed->self, "{a, []}"), box, 0),
                     AGNER_ENOPROC);
    etf_box_free(box); /* the messages have it */
    for (int i = 0; i < 4; i++) {
        etf_term events, event, rest;
        int64_t n;

        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        events = etf_tuple_items(message)[etf_tuple_size(message) - 1];
        assert_int_equal(etf_list_size(events), 20);
        for (int64_t k = 1; etf_list_next(&events, &event); k++) {
            assert_true(etf_match(event, "{_, _}", &rest, &n));
            assert_int_equal(n, k);
        }
        if (i < 3) {
            assert_true(etf_match(message, "{events, {_, __}, __}", &n));
            assert_int_equal(n, i);
        }
    }
}

static void one_box_may_be_in_many_messages(void **state)
{
    (void)state;
    bed_everywhere(around, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raw_process_answers_calls_and_keeps_nothing_of_them),
        cmocka_unit_test(a_killed_process_answers_nobody),
        cmocka_unit_test(init_can_answer_before_it_ends),
        cmocka_unit_test(terminate_may_wait_and_can_be_killed),
        cmocka_unit_test(who_ends_while_it_starts_another_leaves_no_orphan),
        cmocka_unit_test(a_start_that_fails_leaves_no_trace),
        cmocka_unit_test(an_explicit_alias_outlives_its_monitor),
        cmocka_unit_test(a_down_comes_after_the_last_words_of_the_dead),
        cmocka_unit_test(a_selective_wait_survives_the_drop_of_the_oldest),
        cmocka_unit_test(a_wait_ends_in_time_though_its_worker_is_stuck),
        cmocka_unit_test(a_spare_worker_that_rests_keeps_its_timers),
        cmocka_unit_test(blocking_work_waits_for_no_other),
        cmocka_unit_test(the_limit_of_processes_is_for_all_workers),
        cmocka_unit_test(a_runtime_ends_though_processes_are_born_for_ever),
        cmocka_unit_test(one_box_may_be_in_many_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

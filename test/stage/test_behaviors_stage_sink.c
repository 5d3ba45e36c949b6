/*
 * test_behaviors_stage_sink.c -- sinks: a process for each event, and batches:
 * gen_sink.h; issue "Stage and saga", 1. In the simulated world; and once all
 * together on threads.
 */
#include "kit_bed.h"

#include <stdio.h>

/* ---- A process for each event ---------------------------------------------
 */

/* Its args are an integer, or {N, ignore | fail}; it notes its start and end,
 * and ends with what it is told. */
static enum gen_next job_init(struct gen *self, etf_term args)
{
    etf_term n = args, what = ETF_NONE;
    char text[100], word[110];

    (void)etf_match(args, "{_, _}", &n, &what);
    if (etf_atom_is(what, "ignore"))
        return GEN_IGNORE;
    if (etf_atom_is(what, "fail"))
        return gen_stop(self, etf_atom("failed"));
    (void)snprintf(word, sizeof word, "+%s", etf_format(text, sizeof text, n));
    note(word);
    record.inits++;
    return GEN_NEXT;
}

static enum gen_next job_cast(struct gen *self, etf_term request)
{
    return gen_stop(self, request);
}

static void job_terminate(struct gen *self, etf_term reason)
{
    char text[100], word[110];

    (void)self;
    (void)snprintf(word, sizeof word, "-%s",
                   etf_format(text, sizeof text, reason));
    note(word);
}

/* Whose init had begun, whether or not it had a life. */
static void job_destroy(void *state)
{
    record.destroys += *(uint8_t *)state;
}

static enum gen_next job_start(struct gen *self, etf_term args)
{
    enum gen_next next = job_init(self, args);

    *(uint8_t *)gen_state(self) = next == GEN_NEXT;
    return next;
}

static const struct gen_server job_server = {
    .name = "job",
    .state_size = 1,
    .init = job_start,
    .handle_cast = job_cast,
    .terminate = job_terminate,
    .destroy = job_destroy,
};

static const struct gen_child_spec temporary_job = { .id = "job",
                                                     .server = &job_server,
                                                     .restart = GEN_TEMPORARY };
static const struct gen_child_spec transient_job = { .id = "job",
                                                     .server = &job_server,
                                                     .restart = GEN_TRANSIENT };
static const struct gen_child_spec permanent_job = { .id = "job",
                                                     .server = &job_server };
static const struct gen_sink_supervisor temporary_jobs = { .name = "temporary",
                                                           .child =
                                                               &temporary_job };
static const struct gen_sink_supervisor transient_jobs = {
    .name = "transient", .child = &transient_job, .intensity = 2
};
static const struct gen_sink_supervisor permanent_jobs = { .name = "permanent",
                                                           .child =
                                                               &permanent_job };

static etf_pid jobs_of(struct bed *bed, const struct gen_sink_supervisor *sink,
                       etf_pid from, uint64_t max, uint64_t min, etf_ref *ref)
{
    struct gen_stage_source source = {
        .to = term(from),
        .options = { .max_demand = max,
                     .min_demand = min,
                     .min_zero = min == 0,
                     .cancel = GEN_STAGE_TRANSIENT },
    };
    struct rt_spawn_options spawn = { .monitor = true, .monitor_ref = ref };
    etf_pid pid;

    assert_int_equal(gen_sink_supervisor_start(bed->self, sink, &source, 1,
                                               &spawn, &pid, NULL),
                     AGNER_OK);
    return pid;
}

/* The oldest child of the supervisor. */
static etf_pid first_child(struct bed *bed, etf_pid jobs)
{
    etf_term list, row = ETF_NONE, pid;
    etf_pid first = { .id = 0 };

    assert_int_equal(gen_which_children(bed->self, term(jobs), &list),
                     AGNER_OK);
    while (etf_list_next(&list, &row))
        ;
    assert_true(!etf_is_none(row));
    pid = etf_tuple_items(row)[1];
    (void)etf_get_pid(pid, &first);
    return first;
}

static void end_first(struct bed *bed, etf_pid jobs, const char *reason)
{
    (void)gen_cast(bed->self, term(first_child(bed, jobs)), etf_atom(reason));
    kit_run(bed, 20);
}

static uint64_t active(struct bed *bed, etf_pid jobs)
{
    struct gen_child_counts counts = { 0 };

    assert_int_equal(gen_count_children(bed->self, term(jobs), &counts),
                     AGNER_OK);
    return counts.active;
}

/* One process for each event, and no more of them than max_demand. */
static void each_event_gets_a_process(void **state)
{
    struct bed bed;
    etf_pid queue, jobs;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 12);
    queue = queue_of(&bed, 0, NULL);
    jobs = jobs_of(&bed, &temporary_jobs, queue, 2, 1, &ref);
    push_many(&bed, queue, 1, 5);
    kit_expect("+1 +2");
    assert_int_equal(active(&bed, jobs), 2);
    assert_int_equal(info_of(&bed, queue).held, 3);
    end_first(&bed, jobs, "normal");
    kit_expect("-normal +3");
    end_first(&bed, jobs, "crash"); /* a temporary one is not started again */
    kit_expect("-crash +4");
    assert_int_equal(gen_terminate_child(bed.self, term(jobs),
                                         term(first_child(&bed, jobs))),
                     AGNER_OK);
    kit_run(&bed, 20);
    kit_expect("-shutdown +5");
    assert_int_equal(active(&bed, jobs), 2);
    assert_int_equal(
        gen_server_stop(bed.self, term(jobs), ETF_A(shutdown), 5000), AGNER_OK);
    kit_expect("-shutdown -shutdown");
    kit_close(&bed);
}

/* As long as fewer than min_demand have ended nothing is asked for. */
static void a_minimum_of_ends_is_waited_for(void **state)
{
    struct bed bed;
    etf_pid queue, jobs;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 13);
    queue = queue_of(&bed, 0, NULL);
    jobs = jobs_of(&bed, &temporary_jobs, queue, 4, 2, &ref);
    push_many(&bed, queue, 1, 8);
    kit_expect("+1 +2 +3 +4");
    end_first(&bed, jobs, "normal");
    kit_expect("-normal");
    end_first(&bed, jobs, "normal");
    kit_expect("-normal +5 +6");
    kit_close(&bed);
}

/* A restart is with the same event, and asks for no other one: gen_stage 191.
 * Too many, and the supervisor ends. */
static void a_transient_child_is_started_again(void **state)
{
    struct bed bed;
    etf_pid queue, jobs;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 14);
    queue = queue_of(&bed, 0, NULL);
    jobs = jobs_of(&bed, &transient_jobs, queue, 1, 0, &ref);
    push_many(&bed, queue, 1, 3);
    kit_expect("+1");
    end_first(&bed, jobs, "crash");
    kit_expect("-crash +1");
    end_first(&bed, jobs, "normal");
    kit_expect("-normal +2");
    end_first(&bed, jobs, "shutdown");
    kit_expect("-shutdown +3");
    end_first(&bed, jobs, "crash");
    kit_expect("-crash +3");
    end_first(&bed, jobs, "crash");
    kit_expect_end(&bed, ref, "shutdown");
    kit_expect("-crash");
    kit_close(&bed);
}

/* What does not start counts as ended, so that the others still come. */
static void children_that_do_not_start_are_passed_over(void **state)
{
    struct bed bed;
    etf_pid queue, jobs;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 15);
    queue = queue_of(&bed, 0, NULL);
    jobs = jobs_of(&bed, &transient_jobs, queue, 2, 0, &ref);
    assert_int_equal(
        gen_source_push_list(bed.self, term(queue),
                             etf_make(bed.self,
                                      "[{1, fail}, {2, ignore}, {3, fail}, 4, "
                                      "{5, ignore}, 6, 7]"),
                             0),
        AGNER_OK);
    kit_run(&bed, 50);
    kit_expect("+4 +6");
    assert_int_equal(active(&bed, jobs), 2);
    kit_close(&bed);
}

/* gen_stage 195: their events would never end. */
static void permanent_children_are_refused(void **state)
{
    struct gen_sink_supervisor none = { .name = "none" };
    struct bed bed;
    etf_pid pid;

    (void)state;
    kit_open(&bed, 16);
    assert_int_equal(gen_sink_supervisor_start(bed.self, &permanent_jobs, NULL,
                                               0, NULL, &pid, NULL),
                     AGNER_EINVAL);
    assert_int_equal(
        gen_sink_supervisor_start(bed.self, &none, NULL, 0, NULL, &pid, NULL),
        AGNER_EINVAL);
    kit_close(&bed);
}

/* A child that somebody starts by hand is nobody's demand; and when the
 * producer has ended in order, the children go on. */
static void children_outlive_their_producer(void **state)
{
    struct bed bed;
    etf_pid queue, jobs, child;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 17);
    queue = queue_of(&bed, 0, NULL);
    jobs = jobs_of(&bed, &temporary_jobs, queue, 2, 1, &ref);
    push_many(&bed, queue, 1, 1);
    assert_int_equal(gen_start_child_args(bed.self, term(jobs),
                                          etf_make(bed.self, "[9]"), &child,
                                          NULL),
                     AGNER_OK);
    push_many(&bed, queue, 2, 3);
    kit_expect("+1 +9 +2");
    (void)gen_cast(bed.self, term(child), etf_atom("normal"));
    kit_run(&bed, 20);
    kit_expect("-normal");
    end_first(&bed, jobs, "normal");
    kit_expect("-normal +3");
    assert_int_equal(gen_source_close(bed.self, term(queue), 1000), AGNER_OK);
    kit_run(&bed, 20);
    assert_false(rt_is_alive(bed.rt, queue));
    assert_int_equal(active(&bed, jobs), 2);
    end_first(&bed, jobs, "normal");
    assert_int_equal(active(&bed, jobs), 1);
    kit_close(&bed);
}

/* ---- Batches --------------------------------------------------------------
 */

static enum gen_next batch_init(struct gen *self, void *state, etf_term args)
{
    (void)self;
    *(uint64_t *)state = 0;
    record.inits++;
    return etf_atom_is(args, "no") ? gen_stop(self, args) : GEN_NEXT;
}

static enum gen_next batch_handle(struct gen *self, void *state,
                                  etf_term events, uint64_t count)
{
    etf_term first = events, event;

    *(uint64_t *)state += count;
    if (etf_list_size(events) != (int64_t)count)
        note("wrong");
    (void)etf_list_next(&first, &event);
    note_term(events);
    if (etf_atom_is(event, "stop"))
        return gen_stop(self, etf_atom("told"));
    if (etf_atom_is(event, "leave"))
        rt_exit(self, etf_atom("left"));
    return GEN_NEXT;
}

static void batch_destroy(void *state)
{
    (void)state;
    record.destroys++;
}

#define BATCH(size_, time_) \
    { \
        .name = "batches", .size = (size_), .time_ms = (time_), \
        .state_size = sizeof(uint64_t), .init = batch_init, \
        .handle_batch = batch_handle, .destroy = batch_destroy \
    }
static const struct gen_sink_batch threes = BATCH(3, 1000);
static const struct gen_sink_batch full_ones = BATCH(3, RT_INFINITY);

static etf_pid batches_of(struct bed *bed, const struct gen_sink_batch *sink,
                          etf_pid from, uint64_t max, etf_ref *ref)
{
    struct gen_stage_source source = {
        .to = term(from),
        .options = { .max_demand = max, .cancel = GEN_STAGE_TRANSIENT },
    };
    struct rt_spawn_options spawn = { .monitor = true, .monitor_ref = ref };
    etf_pid pid;

    assert_int_equal(gen_sink_batch_start(bed->self, sink, etf_nil(), &source,
                                          1, &spawn, &pid, NULL),
                     AGNER_OK);
    return pid;
}

/* Full or in time, whichever is first; the time is that of the first event. */
static void batches_by_size_or_time(void **state)
{
    struct bed bed;
    etf_pid queue;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 18);
    queue = queue_of(&bed, 0, NULL);
    (void)batches_of(&bed, &threes, queue, 1, &ref); /* less than a batch */
    push_many(&bed, queue, 1, 7);
    kit_expect("[1,2,3] [4,5,6]");
    kit_run(&bed, 900);
    push_many(&bed, queue, 8, 8);
    kit_expect("");
    kit_run(&bed, 100);
    kit_expect("[7,8]");
    kit_run(&bed, 5000); /* an old timer hands nothing over */
    kit_expect("");
    push_many(&bed, queue, 309, 310);
    kit_run(&bed, 500);
    push_many(&bed, queue, 311, 312);
    kit_expect("[309,310,311]");
    kit_run(&bed, 700);
    kit_expect(""); /* the timer of the batch before */
    kit_run(&bed, 300);
    kit_expect("[312]");
    kit_close(&bed);
}

/* Events are not lost when it ends, whoever ends it. */
static void what_is_left_is_handed_over_at_the_end(void **state)
{
    struct bed bed;
    etf_pid queue, sink;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 19);
    queue = queue_of(&bed, 0, NULL);
    sink = batches_of(&bed, &full_ones, queue, 10, &ref);
    push_many(&bed, queue, 1, 2);
    kit_run(&bed, 100000);
    kit_expect("");
    assert_int_equal(
        gen_server_stop(bed.self, term(sink), ETF_A(shutdown), 5000), AGNER_OK);
    kit_expect("[1,2]");
    kit_expect_end(&bed, ref, "shutdown");
    sink = batches_of(&bed, &full_ones, queue, 10, &ref);
    push_many(&bed, queue, 3, 3);
    (void)rt_exit_signal(bed.self, queue, etf_atom("broken"));
    kit_expect_end(&bed, ref, "broken");
    kit_expect("[3]");
    kit_close(&bed);
}

/* Then they are not handed over again. */
static void a_batch_that_fails_ends_the_stage(void **state)
{
    static const char *const orders[] = { "stop", "leave" };
    static const char *const reasons[] = { "told", "left" };
    struct bed bed;
    etf_pid queue, pid;
    etf_term reason;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 20);
    queue = queue_of(&bed, 0, NULL);
    for (size_t i = 0; i < 2; i++) {
        (void)batches_of(&bed, &threes, queue, 10, &ref);
        kit_run(&bed, 5);
        assert_int_equal(gen_source_push_list(bed.self, term(queue),
                                              etf_make(bed.self, "[_, 2, 3]",
                                                       etf_atom(orders[i])),
                                              0),
                         AGNER_OK);
        kit_expect_end(&bed, ref, reasons[i]);
        kit_expect(i == 0 ? "[stop,2,3]" : "[leave,2,3]");
    }
    assert_int_equal(gen_sink_batch_start(bed.self, &threes, etf_atom("no"),
                                          NULL, 0, NULL, &pid, &reason),
                     AGNER_EEXIT);
    assert_true(etf_atom_is(reason, "no"));
    kit_close(&bed);
}

/* ---- All together, on threads ------------------------------------------- */

#define PUSHERS 4
#define PUSHES  200

/* Read when the batches' stage is dead. */
static struct {
    uint64_t count, sum, largest;
} taken;

static enum gen_next take(struct gen *self, void *state, etf_term events,
                          uint64_t count)
{
    etf_term event;
    uint64_t n;

    (void)self;
    (void)state;
    taken.count += count;
    if (count > taken.largest)
        taken.largest = count;
    while (etf_list_next(&events, &event))
        if (etf_get_uint(event, &n))
            taken.sum += n;
    return GEN_NEXT;
}

static const struct gen_sink_batch takers = {
    .name = "takers", .size = 7, .time_ms = 5, .handle_batch = take
};

struct pushing {
    etf_pid queue, boss;
    bool good;
};

static void push_all(struct gen *self, void *arg)
{
    struct pushing *p = arg;

    p->good = true;
    for (int i = 1; i <= PUSHES && p->good; i++) {
        p->good = gen_source_push(self, term(p->queue), etf_make(self, "_", i),
                                  WAIT_MS) == AGNER_OK;
        rt_reset(self);
    }
    (void)rt_send_pid(self, p->boss, etf_atom("done"));
}

/* Nothing is lost and nothing comes twice, whoever is faster. */
static void a_full_queue_loses_nothing_on_threads(void **state)
{
    struct pushing pushers[PUSHERS];
    struct rt_options options = { .workers = 3 };
    struct gen_stage_source source = { .options = { .max_demand = 5 } };
    struct rt_spawn_options spawn = { .monitor = true };
    struct bed bed;
    etf_pid pid;
    etf_ref ref;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    spawn.monitor_ref = &ref;
    for (size_t i = 0; i < PUSHERS; i++)
        pushers[i] = (struct pushing){ .queue = i == 0 ? queue_of(&bed, 3, NULL)
                                                       : pushers[0].queue,
                                       .boss = rt_self(bed.self) };
    source.to = term(pushers[0].queue);
    assert_int_equal(gen_sink_batch_start(bed.self, &takers, etf_nil(), &source,
                                          1, &spawn, &pid, NULL),
                     AGNER_OK);
    for (size_t i = 0; i < PUSHERS; i++)
        assert_int_equal(rt_spawn(bed.self, push_all, &pushers[i], NULL, &pid),
                         AGNER_OK);
    for (size_t i = 0; i < PUSHERS; i++)
        bed_expect(&bed, "done");
    assert_int_equal(
        gen_source_close(bed.self, term(pushers[0].queue), WAIT_MS), AGNER_OK);
    kit_expect_end(&bed, ref, "normal"); /* it is permanent */
    for (size_t i = 0; i < PUSHERS; i++)
        assert_true(pushers[i].good);
    assert_int_equal(taken.count, PUSHERS * PUSHES);
    assert_int_equal(taken.sum, PUSHERS * PUSHES * (PUSHES + 1) / 2);
    assert_in_range(taken.largest, 1, 7);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_gets_a_process),
        cmocka_unit_test(a_minimum_of_ends_is_waited_for),
        cmocka_unit_test(a_transient_child_is_started_again),
        cmocka_unit_test(children_that_do_not_start_are_passed_over),
        cmocka_unit_test(permanent_children_are_refused),
        cmocka_unit_test(children_outlive_their_producer),
        cmocka_unit_test(batches_by_size_or_time),
        cmocka_unit_test(what_is_left_is_handed_over_at_the_end),
        cmocka_unit_test(a_batch_that_fails_ends_the_stage),
        cmocka_unit_test(a_full_queue_loses_nothing_on_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

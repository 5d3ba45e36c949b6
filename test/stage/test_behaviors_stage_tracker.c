/*
 * test_behaviors_stage_tracker.c -- what users of Elixir's GenStage ran into,
 * and stages of ours must not: one test for each trouble, with the number that
 * it has in the tracker of elixir-lang/gen_stage. What happened there is told
 * in our own words. Troubles of the order of messages are sessions of
 * genstage_trace.txt as well; those of ConsumerSupervisor (71, 191, 195) are in
 * test_behaviors_stage_sink.c. Issue "Stage and saga", what it must show.
 */
#include "kit_bed.h"
#include "stage_puppet.h"

#include <stdio.h>

static etf_term parsed(struct bed *bed, const char *text)
{
    etf_term t;

    assert_int_equal(
        etf_parse(rt_region(bed->self), text, strlen(text), &t, NULL, NULL),
        AGNER_OK);
    return t;
}

/* A puppet that tells the test's process. */
static etf_pid puppet(struct bed *bed, const char *role, const char *mode,
                      const char *options)
{
    etf_term args =
        etf_make(bed->self, "{_, _, _, _}", etf_atom(role), parsed(bed, mode),
                 parsed(bed, options), rt_self(bed->self));
    etf_pid pid;

    assert_int_equal(
        gen_stage_start(bed->self, &puppet_stage, args, NULL, &pid, NULL),
        AGNER_OK);
    return pid;
}

static void emit(struct bed *bed, etf_pid stage, const char *events)
{
    assert_int_equal(
        gen_call(bed->self, term(stage),
                 etf_make(bed->self, "{emit, _}", parsed(bed, events)), 5000,
                 NULL),
        AGNER_OK);
    kit_run(bed, 10);
}

static void subscribe(struct bed *bed, etf_pid consumer, etf_pid producer,
                      const struct gen_stage_subscribe *options)
{
    assert_int_equal(gen_stage_sync_subscribe(bed->self, term(consumer),
                                              term(producer), options, 5000,
                                              NULL),
                     AGNER_OK);
    kit_run(bed, 10);
}

/* What the puppets have told since, but for subscriptions: one line. */
static const char *told(struct bed *bed)
{
    static char all[4000];
    etf_term message, what, rest, more;
    size_t size = 0;
    char text[400];

    all[0] = '\0';
    while (rt_receive(bed->self, 0, &message) == AGNER_OK) {
        if (!etf_match(message, "{note, _}", &what))
            what = message;
        if (etf_match(what, "{handle_subscribe, _, _}", &rest, &more))
            continue;
        if (etf_match(what, "{handle_events, _, _}", &rest, &more))
            what = more;
        if (etf_match(what, "{handle_cancel, _, _}", &more, &rest))
            what = more;
        size += (size_t)snprintf(all + size, sizeof all - size, "%s%s",
                                 size > 0 ? " " : "",
                                 etf_format(text, sizeof text, what));
        assert_true(size < sizeof all);
    }
    return all;
}

/* The sum of all the demand that a producer was told of since. */
static uint64_t demand_told(struct bed *bed)
{
    etf_term message;
    uint64_t sum = 0, n;

    while (rt_receive(bed->self, 0, &message) == AGNER_OK)
        if (etf_match(message, "{note, {handle_demand, _}}", &n))
            sum += n;
    return sum;
}

/* 44: a stage in the middle that gives fewer events than it takes used to stop
 * asking, since it waited for the missing ones to be delivered. */
static void a_middle_that_filters_does_not_stall(void **state)
{
    struct gen_stage_subscribe few = { .max_demand = 4, .min_demand = 2 };
    struct bed bed;
    etf_pid p, m;

    (void)state;
    kit_open(&bed, 1);
    p = puppet(&bed, "producer", "{until, 1000}", "[]");
    m = puppet(&bed, "producer_consumer", "even", "[]");
    (void)kit_collect(&bed, m, &few);
    subscribe(&bed, m, p, &few);
    kit_run(&bed, 500);
    assert_int_equal(record.count, 500);
    kit_close(&bed);
}

/* 311: what was emitted while no consumer was there stayed in the buffer when
 * one came back; with the broadcast dispatcher it still does. */
static void a_consumer_that_comes_back_gets_what_waits(void **state)
{
    static const char *const options[] = {
        "[]", "[{dispatcher, 'Elixir.GenStage.BroadcastDispatcher'}]"
    };
    struct bed bed;
    etf_pid p, c;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        kit_open(&bed, 2 + i);
        p = puppet(&bed, "producer", "hold", options[i]);
        c = kit_collect(&bed, p, NULL);
        kit_run(&bed, 10);
        (void)rt_exit_signal(bed.self, c, ETF_A(kill));
        kit_run(&bed, 10);
        emit(&bed, p, "[1, 2, 3]");
        kit_expect("");
        (void)kit_collect(&bed, p, NULL);
        kit_run(&bed, 10);
        kit_expect("1 2 3");
        emit(&bed, p, "[4]");
        kit_expect("4");
        kit_close(&bed);
    }
}

/* 318: a second subscriber of a broadcast made the producer asked once more for
 * what was on its way already. */
static void broadcast_asks_once_for_what_all_want(void **state)
{
    struct bed bed;
    etf_pid p;

    (void)state;
    kit_open(&bed, 4);
    p = puppet(&bed, "producer", "hold",
               "[{dispatcher, 'Elixir.GenStage.BroadcastDispatcher'}]");
    (void)kit_collect(&bed, p, NULL);
    kit_run(&bed, 10);
    (void)kit_collect(&bed, p, NULL);
    kit_run(&bed, 10);
    assert_int_equal(demand_told(&bed), 1000);
    emit(&bed, p, "[1, 2]");
    kit_expect("1 2 1 2");
    kit_close(&bed);
}

/* 310: a broadcast to a greedy and to a modest consumer came to a halt. */
static void broadcast_goes_on_with_unequal_consumers(void **state)
{
    struct gen_stage_subscribe greedy = { .max_demand = 10 };
    struct gen_stage_subscribe modest = { .max_demand = 4 };
    struct bed bed;
    etf_pid p;

    (void)state;
    kit_open(&bed, 5);
    p = puppet(&bed, "producer", "{until, 400}",
               "[{dispatcher, 'Elixir.GenStage.BroadcastDispatcher'},"
               " {demand, accumulate}]");
    (void)kit_collect(&bed, p, &greedy);
    (void)kit_collect(&bed, p, &modest);
    assert_int_equal(gen_stage_demand_set(bed.self, term(p), GEN_STAGE_FORWARD),
                     AGNER_OK);
    kit_run(&bed, 500);
    assert_int_equal(record.count, 800);
    kit_close(&bed);
}

/* 224: a process that subscribed twice to a broadcast got everything twice. It
 * is told, and lives on though it is permanent. */
static void broadcast_takes_a_process_once(void **state)
{
    struct gen_stage_subscribe permanent = { .cancel = GEN_STAGE_PERMANENT };
    struct bed bed;
    etf_pid p, c;

    (void)state;
    kit_open(&bed, 6);
    p = puppet(&bed, "producer", "hold",
               "[{dispatcher, 'Elixir.GenStage.BroadcastDispatcher'}]");
    c = puppet(&bed, "consumer", "same", "[]");
    subscribe(&bed, c, p, &permanent);
    (void)told(&bed);
    subscribe(&bed, c, p, &permanent);
    /* Both sides. */
    assert_string_equal(told(&bed), "{cancel,already_subscribed} "
                                    "{cancel,already_subscribed}");
    emit(&bed, p, "[301, 302]");
    assert_string_equal(told(&bed), "[301,302]");
    kit_close(&bed);
}

/* 295: events that were emitted while demand was held back were sent at once,
 * or never, when the mode was changed to and fro. */
static void events_wait_with_the_demand(void **state)
{
    struct bed bed;
    etf_pid p;

    (void)state;
    kit_open(&bed, 7);
    p = puppet(&bed, "producer", "hold", "[]");
    (void)kit_collect(&bed, p, NULL);
    for (int i = 0; i < 3; i++) {
        (void)gen_stage_demand_set(bed.self, term(p), GEN_STAGE_ACCUMULATE);
        emit(&bed, p, "[1, 2]");
        kit_expect("");
        (void)gen_stage_demand_set(bed.self, term(p), GEN_STAGE_FORWARD);
        kit_run(&bed, 10);
        kit_expect("1 2");
    }
    kit_close(&bed);
}

/* 80: a producer that has nothing at first is asked only once. What it emits
 * later is sent, with nobody asking again. */
static void demand_is_remembered(void **state)
{
    struct bed bed;
    etf_pid p;

    (void)state;
    kit_open(&bed, 8);
    p = puppet(&bed, "producer", "hold", "[]");
    (void)kit_collect(&bed, p, NULL);
    kit_run(&bed, 10);
    assert_string_equal(told(&bed), "{handle_demand,1000}");
    for (int i = 0; i < 10; i++)
        emit(&bed, p, "[1]");
    assert_int_equal(record.count, 10);
    assert_string_equal(told(&bed), "");
    kit_close(&bed);
}

/* 149, and the release notes of 0.14: a stage in the middle that nobody asks
 * takes no more than its own maximum, and handles nothing. */
static void a_middle_that_nobody_asks_stops_asking(void **state)
{
    struct gen_stage_subscribe ten = { .max_demand = 10 };
    struct bed bed;
    etf_pid p, m;

    (void)state;
    kit_open(&bed, 9);
    p = puppet(&bed, "producer", "counter", "[]");
    m = puppet(&bed, "producer_consumer", "same", "[]");
    subscribe(&bed, m, p, &ten);
    kit_run(&bed, 1000);
    assert_string_equal(told(&bed), "{handle_demand,10}");
    kit_close(&bed);
}

/* 222: who cancels a subscription ends with it, being permanent by default. A
 * temporary one goes on, and may subscribe anew. */
static void a_cancel_need_not_end_the_consumer(void **state)
{
    struct gen_stage_subscribe temporary = { .cancel = GEN_STAGE_TEMPORARY };
    struct bed bed;
    etf_pid p, c;

    (void)state;
    kit_open(&bed, 10);
    p = puppet(&bed, "producer", "hold", "[]");
    c = puppet(&bed, "consumer", "same", "[]");
    subscribe(&bed, c, p, &temporary);
    (void)told(&bed);
    (void)gen_call(bed.self, term(c), parsed(&bed, "{cancel, 1, enough}"), 5000,
                   NULL);
    kit_run(&bed, 10);
    assert_string_equal(told(&bed), "{cancel,enough} {cancel,enough}");
    assert_true(rt_is_alive(bed.rt, c));
    subscribe(&bed, c, p, NULL);
    emit(&bed, p, "[300]");
    (void)told(&bed);
    (void)gen_call(bed.self, term(c), parsed(&bed, "{cancel, 2, enough}"), 5000,
                   NULL);
    kit_run(&bed, 10);
    assert_false(rt_is_alive(bed.rt, c));
    kit_close(&bed);
}

#define PARTITIONS \
    "[{dispatcher, {'Elixir.GenStage.PartitionDispatcher', [{partitions, " \
    "3}]}}]"

/* 320: the second consumer of a partition crashed the producer. It is told why
 * it cannot have it, and the first one goes on. */
static void a_partition_that_is_taken_harms_nobody(void **state)
{
    struct gen_stage_subscribe one = { .cancel = GEN_STAGE_TEMPORARY };
    struct bed bed;
    etf_pid p, c;

    (void)state;
    kit_open(&bed, 11);
    p = puppet(&bed, "producer", "hold", PARTITIONS);
    one.partition = etf_make(bed.self, "1");
    (void)kit_collect(&bed, p, &one);
    c = puppet(&bed, "consumer", "same", "[]");
    subscribe(&bed, c, p, &one);
    assert_non_null(strstr(told(&bed), "{cancel,{partition_taken,1}}"));
    one.partition = etf_make(bed.self, "7");
    subscribe(&bed, c, p, &one);
    assert_non_null(strstr(told(&bed), "{cancel,{bad_partition,7}}"));
    emit(&bed, p, "[301, 302, 304]");
    kit_expect("301 304");
    kit_close(&bed);
}

/* 251: a hash that gave no partition there is ended the producer, and with it
 * what it held. Such an event is dropped, the others are delivered. */
static void an_event_of_no_partition_is_dropped(void **state)
{
    struct gen_stage_subscribe one = { .cancel = GEN_STAGE_TEMPORARY };
    struct bed bed;
    etf_pid p;

    (void)state;
    kit_open(&bed, 12);
    p = puppet(&bed, "producer", "hold", PARTITIONS);
    one.partition = etf_make(bed.self, "0");
    (void)kit_collect(&bed, p, &one);
    emit(&bed, p, "[nowhere, 3, {}, 6]");
    kit_expect("3 6");
    assert_true(rt_is_alive(bed.rt, p));
    kit_close(&bed);
}

/* 316: several messages that wait behind the events came in reverse. */
static void infos_keep_their_order(void **state)
{
    struct gen_stage_subscribe one = { .max_demand = 1 };
    struct bed bed;
    etf_pid p;

    (void)state;
    kit_open(&bed, 13);
    p = puppet(&bed, "producer", "hold", "[]");
    emit(&bed, p, "[1]");
    for (int i = 1; i <= 4; i++)
        (void)gen_stage_async_info(bed.self, term(p),
                                   etf_make(bed.self, "_", i));
    kit_run(&bed, 10);
    assert_string_equal(told(&bed), "");
    (void)kit_collect(&bed, p, &one);
    kit_run(&bed, 10);
    assert_non_null(strstr(
        told(&bed),
        "{handle_info,1} {handle_info,2} {handle_info,3} {handle_info,4}"));
    kit_close(&bed);
}

/* Found while recording GenStage 1.3.2: a buffer of size 0, and the question
 * for its demand mode to a stage in the middle, crash it. Here a buffer has at
 * least one place, and the mode of a middle is `forward`. */
static void a_middle_tells_its_mode(void **state)
{
    enum gen_stage_demand mode = GEN_STAGE_ACCUMULATE;
    uint64_t count;
    struct bed bed;
    etf_pid p, m;

    (void)state;
    kit_open(&bed, 14);
    m = puppet(&bed, "producer_consumer", "same", "[]");
    assert_int_equal(gen_stage_demand_get(bed.self, term(m), 1000, &mode),
                     AGNER_OK);
    assert_int_equal(mode, GEN_STAGE_FORWARD);
    p = puppet(&bed, "producer", "hold", "[{buffer_size, 1}]");
    emit(&bed, p, "[1, 2, 3]");
    assert_string_equal(told(&bed), "{format_discarded,2}");
    assert_int_equal(
        gen_stage_estimate_buffered(bed.self, term(p), 1000, &count), AGNER_OK);
    assert_int_equal(count, 1);
    kit_close(&bed);
}

/* 103 of ergo-services/ergo, 114 of dashbitco/flow: a peer that sends [] for
 * "no subscription before" and numbers for cancel modes crashed a producer; and
 * a producer that was at its end before the consumer came ended that with
 * `noproc`, which a temporary one survives. D-30, D-47. */
static void odd_peers_and_early_ends_are_survived(void **state)
{
    struct gen_stage_subscribe temporary = { .cancel = GEN_STAGE_TEMPORARY };
    struct gen_stage_subscribe transient = { .cancel = GEN_STAGE_TRANSIENT };
    struct bed bed;
    etf_pid p, c;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 15);
    p = puppet(&bed, "producer", "counter", "[]");
    ref = rt_make_ref(bed.self);
    (void)rt_send_pid(bed.self, p,
                      etf_make(bed.self,
                               "{'$gen_producer', {_, _}, {subscribe, [], "
                               "[{min_demand, 1}, {max_demand, 2}, {cancel, "
                               "0}, {partition, 0}]}}",
                               rt_self(bed.self), ref));
    (void)rt_send_pid(bed.self, p,
                      etf_make(bed.self, "{'$gen_producer', {_, _}, {ask, 2}}",
                               rt_self(bed.self), ref));
    kit_run(&bed, 10);
    assert_non_null(strstr(told(&bed), "[0,1]}"));
    (void)rt_exit_signal(bed.self, p, ETF_A(kill));
    kit_run(&bed, 10);
    c = puppet(&bed, "consumer", "same", "[]");
    subscribe(&bed, c, p, &temporary);
    assert_true(rt_is_alive(bed.rt, c));
    (void)gen_stage_async_subscribe(bed.self, term(c), term(p), &transient);
    kit_run(&bed, 10);
    assert_false(rt_is_alive(bed.rt, c));
    kit_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_middle_that_filters_does_not_stall),
        cmocka_unit_test(a_consumer_that_comes_back_gets_what_waits),
        cmocka_unit_test(broadcast_asks_once_for_what_all_want),
        cmocka_unit_test(broadcast_goes_on_with_unequal_consumers),
        cmocka_unit_test(broadcast_takes_a_process_once),
        cmocka_unit_test(events_wait_with_the_demand),
        cmocka_unit_test(demand_is_remembered),
        cmocka_unit_test(a_middle_that_nobody_asks_stops_asking),
        cmocka_unit_test(a_cancel_need_not_end_the_consumer),
        cmocka_unit_test(a_partition_that_is_taken_harms_nobody),
        cmocka_unit_test(an_event_of_no_partition_is_dropped),
        cmocka_unit_test(infos_keep_their_order),
        cmocka_unit_test(a_middle_tells_its_mode),
        cmocka_unit_test(odd_peers_and_early_ends_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_stage.c -- stages as their users see them: the reference's own
 * tests (spec/gen.md 3.5), and its defects.
 */
#include "stage_hand.h"

#include <stdio.h>

enum { PERMANENT, TRANSIENT, TEMPORARY };
#define MANUAL    true
#define AUTOMATIC false

/* ---- spec/gen.md 3.5 ---------------------------------------------------- */

static void subscriptions(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_term d = hand_start(bed, "d", "[{role, consumer}]");
    etf_ref ref;

    /* Both sides hear of it, with the options. */
    hand_do(bed, d, "x", "x");
    ref = hand_subscribe(bed, c, p, 4, 2, MANUAL, TEMPORARY);
    /* A second one in its place cancels it. */
    (void)gen_cast(bed->self, c, etf_make(bed->self, "before"));
    hand_expect(bed, "c", "{cast,before}");
    (void)gen_call(
        bed->self, c,
        etf_make(bed->self, "{resubscribe, _, resubscribed, 6, 1}", ref),
        WAIT_MS, NULL);
    hand_expect(bed, "p", "{cancel,cancel,resubscribed}");
    hand_expect(bed, "p",
                "{subscribe,[{max_demand,6},{min_demand,1},{cancel,temporary}]"
                "}");
    hand_expect(bed, "c", "subscribed");
    hand_expect(bed, "c", "{canceled,cancel,resubscribed}");
    hand_expect(bed, "p", "{demand,6}");
    /* The consumer cancels, the producer cancels: both hear of both. */
    ref = hand_subscribe(bed, d, p, 4, 2, MANUAL, TEMPORARY);
    hand_do(bed, d, "ok", "{cancel, _, enough}", ref);
    hand_expect(bed, "p", "{cancel,cancel,enough}");
    hand_expect(bed, "d", "{canceled,cancel,enough}");
    ref = hand_subscribe(bed, d, p, 4, 2, MANUAL, TEMPORARY);
    hand_do(bed, p, "ok", "{cancel, _, closed}", ref);
    hand_expect(bed, "p", "{cancel,cancel,closed}");
    hand_expect(bed, "d", "{canceled,cancel,closed}");
    hand_do(bed, d, "-31", "{ask, _, 1}", ref);
    /* Who subscribes to a consumer is told that it is none. */
    (void)gen_call(bed->self, d,
                   etf_make(bed->self, "{subscribe, _, 4, 2, true, 2, []}", c),
                   WAIT_MS, NULL);
    hand_expect(bed, "d", "subscribed");
    hand_expect(bed, "d", "{canceled,cancel,not_a_producer}");
    hand_expect_nothing(bed);
}

static void the_rest_of_a_server(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}]");

    hand_do(bed, p, "{my,call}", "{my, call}");
    (void)gen_cast(bed->self, p, etf_make(bed->self, "hello"));
    hand_expect(bed, "p", "{cast,hello}");
    (void)rt_send(bed->self, p, etf_make(bed->self, "{hello, 1}"));
    hand_expect(bed, "p", "{info,{hello,1}}");
    assert_int_equal(gen_server_stop(bed->self, p, ETF_A(normal), WAIT_MS),
                     AGNER_OK);
    hand_expect(bed, "p", "{terminate,normal}");
}

static void asking(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_ref ref = hand_subscribe(bed, c, p, 4, 2, MANUAL, TEMPORARY);

    hand_do(bed, c, "ok", "{ask, _, 0}", ref);
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_expect(bed, "p", "{demand,4}");
    hand_do(bed, p, "{4,1,0}", "{emit, [a, b, c, d, e]}");
    hand_expect(bed, "c", "{events,[a,b,c,d]}");
    hand_do(bed, p, "{0,1,0}", "{emit, [f]}");
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_expect(bed, "c", "{events,[e,f]}");
    hand_expect(bed, "p", "{demand,2}");
    hand_do(bed, p, "{2,0,0}", "{emit, [g, h]}");
    hand_expect(bed, "c", "{events,[g,h]}");
    /* Both demands wait, and so do ten events. */
    hand_do(bed, p, "ok", "{forward, false}");
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_do(bed, p, "{0,10,0}", "{emit, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}");
    hand_expect_nothing(bed);
    hand_do(bed, p, "ok", "{forward, true}");
    hand_expect(bed, "p", "{demand,4}");
    hand_expect(bed, "p", "{demand,4}");
    hand_expect(bed, "c", "{events,[1,2,3,4,5,6,7,8]}");
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_expect(bed, "c", "{events,[9,10]}");
    hand_expect(bed, "p", "{demand,2}");
    /* Automatic demand is a consumer's. */
    hand_do(bed, p, "-20", "{auto, _, true}", ref);
    hand_do(bed, c, "ok", "{auto, _, true}", ref);
    hand_do(bed, c, "-55", "{ask, _, 1}", ref);
    hand_expect(bed, "p", "{demand,2}");
    hand_do(bed, p, "{4,1,0}", "{emit, [a, b, c, d, e]}");
    hand_expect(bed, "c", "{events,[a,b]}");
    hand_expect(bed, "c", "{events,[c,d]}");
    hand_expect(bed, "c", "{events,[e]}");
    hand_expect(bed, "p", "{demand,1}");
    hand_expect(bed, "p", "{demand,2}");
    hand_expect_nothing(bed);
}

/* 3.5, stage_test, TestStageSimple. */
static void conf_TestStageSimple_subscribes_asks_and_cancels(void **state)
{
    (void)state;
    bed_everywhere(subscriptions, 5);
    bed_everywhere(the_rest_of_a_server, 2);
    bed_everywhere(asking, 5);
}

static void competing(struct bed *bed)
{
    static const char *const names[] = { "c", "d", "e" };
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term c;
    etf_ref ref;

    for (unsigned i = 0; i < 3; i++) {
        c = hand_start(bed, names[i], "[{role, consumer}]");
        ref = hand_subscribe(bed, c, p, 4, 2, MANUAL, TEMPORARY);
        hand_do(bed, c, "ok", "{ask, _, 4}", ref);
        hand_expect(bed, "p", "{demand,4}");
    }
    hand_do(bed, p, "{5,0,0}", "{emit, [1, 2, 3, 4, 5]}");
    hand_expect(bed, "c", "{events,[1,2,3,4]}");
    hand_expect(bed, "d", "{events,[5]}");
    hand_do(bed, p, "{5,0,0}", "{emit, [6, 7, 8, 9, 10]}");
    hand_expect(bed, "e", "{events,[6,7,8,9]}");
    hand_expect(bed, "d", "{events,[10]}");
    hand_do(bed, p, "{2,1,0}", "{emit, [11, 12, 13]}");
    hand_expect(bed, "d", "{events,[11,12]}");
    hand_expect_nothing(bed);
}

/* 3.5, stage_test, TestStageDispatcherDemand. */
static void conf_TestStageDispatcherDemand_serves_the_hungriest(void **state)
{
    (void)state;
    bed_everywhere(competing, 5);
}

static void everybody(struct bed *bed)
{
    static const char *const names[] = { "c", "d", "e" };
    etf_term p =
        hand_start(bed, "p", "[{role, producer}, {dispatcher, broadcast}]");
    etf_term c[3];
    etf_ref ref[3];

    for (unsigned i = 0; i < 3; i++) {
        c[i] = hand_start(bed, names[i], "[{role, consumer}]");
        ref[i] = hand_subscribe(bed, c[i], p, 4, 2, MANUAL, TEMPORARY);
    }
    for (unsigned i = 0; i < 3; i++)
        hand_do(bed, c[i], "ok", "{ask, _, 4}", ref[i]);
    hand_expect(bed, "p", "{demand,4}");
    hand_do(bed, p, "{4,1,0}", "{emit, [1, 2, 3, 4, 5]}");
    for (unsigned i = 0; i < 3; i++)
        hand_expect(bed, names[i], "{events,[1,2,3,4]}");
    hand_expect_nothing(bed);
}

/* 3.5, stage_test, TestStageDispatcherBroadcast. */
static void conf_TestStageDispatcherBroadcast_serves_all_alike(void **state)
{
    (void)state;
    bed_everywhere(everybody, 5);
}

static void partitions(struct bed *bed)
{
    static const char *const names[] = { "c", "d", "e" };
    etf_term p = hand_start(bed, "p",
                            "[{role, producer}, {dispatcher, {partition, 3}}]");
    etf_term c[3];
    etf_ref ref[3];

    for (unsigned i = 0; i < 3; i++) {
        c[i] = hand_start(bed, names[i], "[{role, consumer}]");
        ref[i] = hand_subscribe_to(bed, c[i], p, 4, 2, MANUAL, TEMPORARY,
                                   etf_make(bed->self, "[{partition, _}]", i));
        hand_do(bed, c[i], "ok", "{ask, _, 4}", ref[i]);
        hand_expect(bed, "p", "{demand,4}");
    }
    /* Three are none of ours, and six are the first one's. */
    hand_do(bed, p, "{10,2,3}",
            "{emit, [0, a, 1, 3, 2, 6, b, 4, 9, 5, 12, c, 7, 8, 15]}");
    hand_expect(bed, "c", "{events,[0,3,6,9]}");
    hand_expect(bed, "d", "{events,[1,4,7]}");
    hand_expect(bed, "e", "{events,[2,5,8]}");
    hand_do(bed, c[0], "ok", "{ask, _, 4}", ref[0]);
    hand_expect(bed, "c", "{events,[12,15]}");
    hand_expect(bed, "p", "{demand,4}");
    hand_expect_nothing(bed);
}

/* 3.5, stage_test, TestStageDispatcherPartition. */
static void conf_TestStageDispatcherPartition_sorts_and_discards(void **state)
{
    (void)state;
    bed_everywhere(partitions, 5);
}

/* ---- Defects of the reference: spec/gen.md 6 ----------------------------- */

static void off_is_off(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_ref ref = hand_subscribe(bed, c, p, 4, 2, AUTOMATIC, TEMPORARY);

    hand_expect(bed, "p", "{demand,4}");
    hand_do(bed, c, "ok", "{auto, _, false}", ref);
    hand_do(bed, p, "{4,0,0}", "{emit, [a, b, c, d]}");
    hand_expect(bed, "c", "{events,[a,b,c,d]}"); /* by hand: in one piece */
    hand_expect_nothing(bed);
    hand_do(bed, c, "ok", "{ask, _, 1}", ref);
    hand_expect(bed, "p", "{demand,1}");
    hand_do(bed, c, "ok", "{auto, _, true}", ref);
    hand_expect(bed, "p", "{demand,3}"); /* what is missing to four */
}

static void D_31_automatic_demand_can_be_switched_off(void **state)
{
    (void)state;
    bed_everywhere(off_is_off, 3);
}

static void numbered(struct bed *bed)
{
    etf_term p = hand_start(bed, "p",
                            "[{role, producer}, {dispatcher, {partition, 3}}]");
    etf_term c[3], spare = hand_start(bed, "s", "[{role, consumer}]");
    static const char *const names[] = { "c", "d", "e" };
    etf_ref ref[3];

    for (unsigned i = 0; i < 3; i++) {
        c[i] = hand_start(bed, names[i], "[{role, consumer}]");
        ref[i] = hand_subscribe_to(bed, c[i], p, 4, 2, MANUAL, TEMPORARY,
                                   etf_make(bed->self, "[{partition, _}]", i));
        hand_do(bed, c[i], "ok", "{ask, _, 2}", ref[i]);
        hand_expect(bed, "p", "{demand,2}");
    }
    /* The last one gets its events too. */
    hand_do(bed, p, "{3,0,0}", "{emit, [0, 1, 2]}");
    for (unsigned i = 0; i < 3; i++)
        hand_expect(bed, names[i],
                    i == 0   ? "{events,[0]}"
                    : i == 1 ? "{events,[1]}"
                             : "{events,[2]}");
    /* One that leaves is taken off its own partition, which is free then. */
    (void)gen_call(bed->self, spare,
                   etf_make(bed->self,
                            "{subscribe, _, 4, 2, true, 2, [{partition, 1}]}",
                            p),
                   WAIT_MS, NULL);
    hand_expect(bed, "s", "subscribed");
    hand_expect(bed, "s", "{canceled,cancel,{partition_taken,1}}");
    hand_do(bed, c[1], "ok", "{cancel, _, normal}", ref[1]);
    hand_expect(bed, "d", "{canceled,cancel,normal}");
    ref[1] = hand_subscribe_to(bed, spare, p, 4, 2, MANUAL, TEMPORARY,
                               etf_make(bed->self, "[{partition, 1}]"));
    hand_do(bed, spare, "ok", "{ask, _, 2}", ref[1]);
    hand_do(bed, p, "{3,0,0}", "{emit, [4, 3, 5]}");
    hand_expect(bed, "s", "{events,[4]}");
    hand_expect(bed, "c", "{events,[3]}");
    hand_expect(bed, "e", "{events,[5]}");
    /* There is no such partition, and none was named. */
    (void)gen_call(bed->self, spare,
                   etf_make(bed->self,
                            "{subscribe, _, 4, 2, true, 2, [{partition, 3}]}",
                            p),
                   WAIT_MS, NULL);
    hand_expect(bed, "s", "subscribed");
    hand_expect(bed, "s", "{canceled,cancel,{bad_partition,3}}");
    (void)gen_call(bed->self, spare,
                   etf_make(bed->self, "{subscribe, _, 4, 2, true, 2, []}", p),
                   WAIT_MS, NULL);
    hand_expect(bed, "s", "subscribed");
    hand_expect(bed, "s", "{canceled,cancel,{bad_partition,undefined}}");
}

static void D_32_every_partition_gets_its_events(void **state)
{
    (void)state;
    bed_everywhere(numbered, 3);
}

static void missing(struct bed *bed)
{
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_term t = hand_start(bed, "t", "[{role, consumer}]");
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term reply = ETF_NONE, reason = ETF_NONE;
    etf_pid pid;

    hand_do(bed, p, "ok", "{stop, normal}");
    hand_await_end(bed, p);
    /* A dead pid is heard of; what comes of it the mode decides. */
    (void)gen_call(bed->self, c,
                   etf_make(bed->self, "{subscribe, _, 4, 2, false, 2, []}", p),
                   WAIT_MS, NULL);
    hand_expect(bed, "c", "subscribed");
    hand_expect(bed, "c", "{canceled,down,noproc}");
    (void)gen_call(bed->self, t,
                   etf_make(bed->self, "{subscribe, _, 4, 2, false, 1, []}", p),
                   WAIT_MS, NULL);
    hand_expect(bed, "t", "subscribed");
    hand_expect(bed, "t", "{canceled,down,noproc}");
    hand_expect(bed, "t", "{terminate,noproc}");
    /* Nobody has the name: the caller hears of it, and a temporary one of
     * nothing. */
    assert_int_equal(
        gen_call(bed->self, c,
                 etf_make(bed->self, "{subscribe, nobody, 4, 2, false, 2, []}"),
                 WAIT_MS, &reply),
        AGNER_OK);
    hand_do(bed, c, "-10", "{subscribe, nobody, 4, 2, false, 0, []}");
    hand_expect(bed, "c", "{terminate,noproc}");
    /* In init it is why the start fails. */
    assert_int_equal(gen_stage_start(bed->self, &stage_hand,
                                     etf_make(bed->self,
                                              "{_, c, [{role, consumer}, "
                                              "{subscribe_to, nobody}]}",
                                              rt_self(bed->self)),
                                     NULL, &pid, &reason),
                     AGNER_EEXIT);
    assert_true(etf_same(reason, ETF_A(noproc)));
}

static void D_47_a_missing_producer_is_reported(void **state)
{
    (void)state;
    bed_everywhere(missing, 3);
}

/* ---- What GenStage has besides ------------------------------------------- */

/* Does the stage answer so? */
static void ask_for(struct bed *bed, etf_term stage, const char *request,
                    const char *answer)
{
    etf_term t = ETF_NONE;

    assert_int_equal(etf_parse(rt_region(bed->self), request, strlen(request),
                               &t, NULL, NULL),
                     AGNER_OK);
    hand_do_with(bed, stage, answer, t);
}

static void calls(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}, {buffer, 4}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_term q =
        hand_start(bed, "q", "[{role, producer}, {buffer, 4}, {keep, first}]");
    enum gen_stage_demand mode;
    uint64_t count;
    etf_ref ref;

    /* Messages wait behind the events that are buffered. */
    assert_int_equal(gen_stage_sync_info(bed->self, p, ETF_A(ok), WAIT_MS),
                     AGNER_OK);
    hand_expect(bed, "p", "{info,ok}");
    hand_do(bed, p, "{0,3,0}", "{emit, [a, b, c]}");
    assert_int_equal(gen_stage_async_info(bed->self, p, ETF_A(yes)), AGNER_OK);
    assert_int_equal(gen_stage_estimate_buffered(bed->self, p, WAIT_MS, &count),
                     AGNER_OK);
    assert_int_equal(count, 3);
    ref = hand_subscribe(bed, c, p, 4, 2, MANUAL, TEMPORARY);
    hand_do(bed, c, "ok", "{ask, _, 2}", ref);
    hand_expect(bed, "c", "{events,[a,b]}");
    hand_do(bed, c, "ok", "{ask, _, 2}", ref);
    hand_expect(bed, "c", "{events,[c]}");
    hand_expect(bed, "p", "{demand,1}");
    hand_expect(bed, "p", "{info,yes}");
    /* A full buffer keeps the last, or the first. */
    hand_do(bed, p, "{1,4,1}", "{emit, [d, e, f, g, h, i]}");
    hand_expect(bed, "p", "{discarded,1}");
    hand_expect(bed, "c", "{events,[d]}");
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_expect(bed, "c", "{events,[f,g,h,i]}");
    hand_do(bed, q, "{0,4,2}", "{emit, [1, 2, 3, 4, 5, 6]}");
    hand_expect(bed, "q", "{discarded,2}");
    /* Modes, from outside. */
    assert_int_equal(gen_stage_demand_set(bed->self, p, GEN_STAGE_ACCUMULATE),
                     AGNER_OK);
    assert_int_equal(gen_stage_demand_get(bed->self, p, WAIT_MS, &mode),
                     AGNER_OK);
    assert_int_equal(mode, GEN_STAGE_ACCUMULATE);
    assert_int_equal(gen_stage_demand_set(bed->self, p, GEN_STAGE_FORWARD),
                     AGNER_OK);
    assert_int_equal(gen_stage_demand_get(bed->self, p, WAIT_MS, &mode),
                     AGNER_OK);
    assert_int_equal(mode, GEN_STAGE_FORWARD);
    /* Options that are no good, and a stage that is no consumer. */
    ask_for(bed, p, "{'$subscribe', nil, x, []}", "{error,not_a_consumer}");
    ask_for(bed, c, "{'$subscribe', nil, p, [{max_demand, 0}]}",
            "{error,{bad_opts,<<\"max_demand must be at least 1\">>}}");
    ask_for(bed, c,
            "{'$subscribe', nil, p, [{max_demand, 2}, {min_demand, 2}]}",
            "{error,{bad_opts,<<\"min_demand must be below max_demand\">>}}");
    ask_for(bed, c, "{'$subscribe', nil, p, [{cancel, sometimes}]}",
            "{error,{bad_opts,<<\"cancel is none of permanent, transient, "
            "temporary\">>}}");
    assert_int_equal(
        gen_stage_sync_subscribe(bed->self, p, c, NULL, WAIT_MS, NULL),
        AGNER_ENOTSUP);
    hand_do(bed, c, "-20", "{emit, [a]}");
    hand_do(bed, p, "-8", "{emit, [a | b]}");
    hand_do(bed, p, "-20", "{subscribe, p, 4, 2, false, 2, []}");
    hand_expect_nothing(bed);
}

/* spec/gen.md 1.10, 2.4. */
static void calls_and_buffers(void **state)
{
    (void)state;
    bed_everywhere(calls, 3);
}

/* What REF's stages, and broken ones, say: spec/gen.md 2.4. */
static void by_hand(struct bed *bed)
{
    static const char *const junk[] = {
        "{'$gen_producer', x, {ask, 1}}",
        "{'$gen_producer', {x, y}, {subscribe, nil, []}}",
        "{'$gen_consumer', {x, y}, [1]}",
        "{'$gen_producer', 1, 2}",
        "{'$gen_consumer', 1, 2}",
        "{'$gen_cast', {'$demand', sideways}}",
        "{'$gen_cast', {'$subscribe', nil, {a, b, c}, []}}",
    };
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term me = rt_self_term(bed->self), t = ETF_NONE;

    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        assert_int_equal(etf_parse(rt_region(bed->self), junk[i],
                                   strlen(junk[i]), &t, NULL, NULL),
                         AGNER_OK);
        (void)rt_send(bed->self, p, t);
    }
    /* [] for no subscription before, a number for a mode, any term as the
     * reference. */
    (void)rt_send(bed->self, p,
                  etf_make(bed->self,
                           "{'$gen_producer', {_, {my, ref}}, {subscribe, [], "
                           "[{cancel, 2}, {min_demand, 0}]}}",
                           me));
    hand_expect(bed, "p", "{subscribe,[{cancel,2},{min_demand,0}]}");
    (void)rt_send(
        bed->self, p,
        etf_make(bed->self, "{'$gen_producer', {_, {my, ref}}, {ask, 3}}", me));
    hand_expect(bed, "p", "{demand,3}");
    (void)rt_send(bed->self, p,
                  etf_make(bed->self,
                           "{'$gen_producer', {_, {my, ref}}, {ask, -3}}", me));
    (void)rt_send(
        bed->self, p,
        etf_make(bed->self, "{'$gen_producer', {_, {my, ref}}, {ask, x}}", me));
    hand_do(bed, p, "{2,0,0}", "{emit, [a, b]}");
    bed_expect(bed, "{'$gen_consumer',{<0.2.1>,{my,ref}},[a,b]}");
    /* The same reference again, and one that is not known. */
    (void)rt_send(bed->self, p,
                  etf_make(bed->self,
                           "{'$gen_producer', {_, {my, ref}}, {subscribe, nil, "
                           "[]}}",
                           me));
    bed_expect(bed, "{'$gen_consumer',{<0.2.1>,{my,ref}},{cancel,duplicated_"
                    "subscription}}");
    (void)rt_send(
        bed->self, p,
        etf_make(bed->self, "{'$gen_producer', {_, no}, {ask, 1}}", me));
    bed_expect(bed,
               "{'$gen_consumer',{<0.2.1>,no},{cancel,unknown_subscription}}");
    (void)rt_send(
        bed->self, p,
        etf_make(bed->self, "{'$gen_producer', {_, no}, {cancel, bye}}", me));
    /* The producer may name it, and end it. */
    hand_do(bed, p, "ok", "{cancel, _, bye}", hand_last(bed, p));
    bed_expect(bed, "{'$gen_consumer',{<0.2.1>,{my,ref}},{cancel,bye}}");
    hand_expect(bed, "p", "{cancel,cancel,bye}");
    hand_expect_nothing(bed);
}

static void bad_words_and_other_dialects(void **state)
{
    (void)state;
    bed_everywhere(by_hand, 3);
}

static void refusing(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}, {refuse, full}]");
    etf_term q = hand_start(bed, "q", "[{role, producer}, {refuse, twice}]");
    etf_term b =
        hand_start(bed, "b", "[{role, producer}, {dispatcher, broadcast}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");

    (void)hand_subscribe(bed, c, p, 4, 2, AUTOMATIC, TEMPORARY);
    hand_expect(bed, "c", "{canceled,cancel,full}");
    (void)hand_subscribe(bed, c, q, 4, 2, AUTOMATIC, TEMPORARY);
    hand_expect(bed, "c", "{canceled,cancel,twice}");
    hand_do(bed, q, "alive", "alive");
    /* Twice to one that sends everything to everybody: even a permanent one
     * goes on. */
    (void)hand_subscribe(bed, c, b, 4, 2, AUTOMATIC, PERMANENT);
    hand_expect(bed, "b", "{demand,4}");
    (void)hand_subscribe(bed, c, b, 4, 2, AUTOMATIC, PERMANENT);
    hand_expect(bed, "b", "{cancel,cancel,already_subscribed}");
    hand_expect(bed, "c", "{canceled,cancel,already_subscribed}");
    hand_do(bed, b, "{1,0,0}", "{emit, [a]}");
    hand_expect(bed, "c", "{events,[a]}");
    hand_expect_nothing(bed);
}

static void a_producer_may_refuse(void **state)
{
    (void)state;
    bed_everywhere(refusing, 3);
}

/* A producer_consumer works only as far as it is asked to: GenStage 0.14. */
static void waiting(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}, {supply, 1}]");
    etf_term f = hand_start(bed, "f", "[{role, producer_consumer}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_ref ref;

    (void)hand_subscribe(bed, f, p, 4, 2, AUTOMATIC, PERMANENT);
    hand_expect(bed, "p", "{demand,4}");
    hand_expect_nothing(bed); /* nobody wants them yet */
    ref = hand_subscribe(bed, c, f, 4, 2, MANUAL, TEMPORARY);
    hand_do(bed, p, "ok", "{cancel, _, full}", hand_last(bed, p));
    hand_expect(bed, "p", "{cancel,cancel,full}");
    hand_expect_nothing(bed); /* its end waits behind its events */
    hand_do(bed, c, "ok", "{ask, _, 1}", ref);
    hand_expect(bed, "f", "{events,[1,2,3,4]}");
    hand_expect(bed, "c", "{events,[1]}");
    hand_do(bed, c, "ok", "{ask, _, 4}", ref);
    hand_expect(bed, "c", "{events,[2,3,4]}");
    hand_expect(bed, "f", "{canceled,cancel,full}");
    hand_expect(bed, "f", "{terminate,full}");
    hand_expect(bed, "c", "{canceled,down,full}");
}

static void a_filter_takes_what_it_is_asked_for(void **state)
{
    (void)state;
    bed_everywhere(waiting, 3);
}

/* ---- Looking in -----------------------------------------------------------
 */

static void inside(struct bed *bed)
{
    etf_term p = hand_start(bed, "p", "[{role, producer}]");
    etf_term c = hand_start(bed, "c", "[{role, consumer}]");
    etf_ref ref = hand_subscribe(bed, c, p, 4, 2, MANUAL, TEMPORARY);
    char text[2000];
    struct etf_buffer seen = { 0 };
    const struct etf_print_options options = { .style = ETF_STYLE_TW };
    etf_term t = ETF_NONE;

    assert_int_equal(gen_sys_get_state(bed->self, p, WAIT_MS, &t), AGNER_OK);
    assert_true(etf_match(t, "{hand, p}"));
    assert_int_equal(gen_sys_get_status(bed->self, p, WAIT_MS, &t), AGNER_OK);
    assert_int_equal(etf_print(&seen, t, &options), AGNER_OK);
    assert_int_equal(etf_buffer_add(&seen, "", 1), AGNER_OK);
    if (strstr((const char *)seen.data, "demand") == NULL)
        fail_msg("no dispatcher in %s", (const char *)seen.data);
    /* Suspended it does nothing; then everything, in order. */
    assert_int_equal(gen_sys_suspend(bed->self, p, WAIT_MS), AGNER_OK);
    hand_do(bed, c, "ok", "{ask, _, 2}", ref);
    hand_expect_nothing(bed);
    assert_int_equal(gen_sys_resume(bed->self, p, WAIT_MS), AGNER_OK);
    hand_expect(bed, "p", "{demand,2}");
    /* Stuck in a callback it still shows its figures. */
    hand_do(bed, p, "{1,0,0}", "{emit, [a]}");
    hand_expect(bed, "c", "{events,[a]}");
    {
        struct rt_request id;

        assert_int_equal(
            gen_send_request(bed->self, p, etf_make(bed->self, "{wait}"), &id),
            AGNER_OK);
        if (bed->sim != NULL)
            (void)sim_run(bed->sim, 10);
        t = rt_figures_list(bed->rt, rt_region(bed->self), "stage");
        seen.size = 0;
        assert_int_equal(etf_print(&seen, t, &options), AGNER_OK);
        assert_int_equal(etf_buffer_add(&seen, "", 1), AGNER_OK);
        (void)snprintf(text, sizeof text, "%s", (const char *)seen.data);
        (void)rt_send(bed->self, p, etf_make(bed->self, "go"));
        assert_int_equal(gen_wait(bed->self, &id, WAIT_MS, &t), AGNER_OK);
    }
    if (strstr(text, "asked => 2,partition => undefined,pending => 1") ==
            NULL ||
        strstr(text, "role => producer") == NULL ||
        strstr(text, "dispatcher => demand") == NULL ||
        strstr(text, "buffer_max => 10000") == NULL ||
        strstr(text, "received => 1") == NULL ||
        strstr(text, "manual => true") == NULL)
        fail_msg("figures: %s", text);
    etf_buffer_fini(&seen);
}

static void shows_its_figures_while_it_is_stuck(void **state)
{
    (void)state;
    bed_everywhere(inside, 3);
}

/* ---- A dispatcher of the user's -------------------------------------------
 */

/* One event at a time, to each in turn, whoever has asked. */
struct in_turn {
    const struct gen_stage_consumer *consumers[4];
    uint64_t asked[4];
    uint32_t next;
};

static enum agner_err turn_subscribe(struct gen *self, void *state,
                                     const struct gen_stage_consumer *consumer,
                                     etf_term options, uint64_t *demand,
                                     etf_term *reason)
{
    struct in_turn *t = state;

    (void)options;
    (void)demand;
    if (consumer->index >= 2) {
        *reason = etf_make(self, "no_room");
        return AGNER_EFULL;
    }
    t->consumers[consumer->index] = consumer;
    return AGNER_OK;
}

static enum agner_err turn_ask(struct gen *self, void *state,
                               const struct gen_stage_consumer *consumer,
                               uint64_t count, uint64_t *demand)
{
    struct in_turn *t = state;

    (void)self;
    t->asked[consumer->index] += count;
    *demand = count;
    return AGNER_OK;
}

static enum agner_err turn_dispatch(struct gen *self, void *state,
                                    etf_term events, uint64_t count,
                                    struct gen_stage_sent *sent)
{
    struct in_turn *t = state;
    enum agner_err err = AGNER_OK;
    etf_term event;

    while (err == AGNER_OK && count > 0 && t->asked[0] + t->asked[1] > 0) {
        if (t->asked[t->next] > 0) {
            (void)etf_list_next(&events, &event);
            err = gen_stage_deliver(self, t->consumers[t->next],
                                    etf_make(self, "[_]", event), 1);
            t->asked[t->next]--;
            sent->delivered++;
            count--;
        }
        t->next = 1 - t->next;
    }
    return err;
}

static const struct gen_stage_dispatcher in_turn = {
    .name = "in_turn",
    .state_size = sizeof(struct in_turn),
    .subscribe = turn_subscribe,
    .ask = turn_ask,
    .dispatch = turn_dispatch,
};

static enum gen_next turn_init(struct gen *self, etf_term args)
{
    const struct gen_stage_options o = { .dispatcher = &in_turn };

    (void)args;
    return gen_stage_setup(self, &o) == AGNER_OK
               ? GEN_NEXT
               : gen_stop(self, ETF_A(badarg));
}

/* A cast is emitted. */
static enum gen_next turn_cast(struct gen *self, etf_term events)
{
    (void)gen_stage_emit(self, events, NULL);
    return GEN_NEXT;
}

static const struct gen_stage turning = { .name = "turning",
                                          .role = GEN_STAGE_PRODUCER,
                                          .init = turn_init,
                                          .handle_cast = turn_cast };

static void custom(struct bed *bed)
{
    static const char *const names[] = { "c", "d", "e" };
    etf_term c[3], p;
    etf_ref ref[3];
    etf_pid pid;

    assert_int_equal(
        gen_stage_start(bed->self, &turning, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    p = etf_from_pid(NULL, pid);
    for (unsigned i = 0; i < 3; i++) {
        etf_term reply = ETF_NONE;

        c[i] = hand_start(bed, names[i], "[{role, consumer}]");
        assert_int_equal(
            gen_call(
                bed->self, c[i],
                etf_make(bed->self, "{subscribe, _, 9, 1, true, 2, []}", p),
                WAIT_MS, &reply),
            AGNER_OK);
        assert_true(etf_match(reply, "{ok, _}", &ref[i]));
        hand_expect(bed, names[i], "subscribed");
    }
    hand_expect(bed, "e", "{canceled,cancel,no_room}");
    (void)gen_cast(bed->self, p, etf_make(bed->self, "[1, 2]"));
    hand_do(bed, c[0], "ok", "{ask, _, 3}", ref[0]);
    hand_expect(bed, "c", "{events,[1]}");
    hand_expect(bed, "c", "{events,[2]}");
    hand_do(bed, c[1], "ok", "{ask, _, 2}", ref[1]);
    (void)gen_call(bed->self, p, ETF_A(ok), WAIT_MS, NULL); /* it has heard */
    (void)gen_cast(bed->self, p, etf_make(bed->self, "[3, 4, 5, 6]"));
    hand_expect(bed, "d", "{events,[3]}");
    hand_expect(bed, "c", "{events,[4]}");
    hand_expect(bed, "d", "{events,[5]}");
    hand_do(bed, c[0], "ok", "{ask, _, 1}", ref[0]);
    hand_expect(bed, "c", "{events,[6]}");
    hand_expect_nothing(bed);
}

static void a_dispatcher_may_be_the_users_own(void **state)
{
    (void)state;
    bed_everywhere(custom, 3);
}

/* ---- A stage that could not be set up ------------------------------------ */

static enum agner_err told[2]; /* by gen_stage_setup(), by gen_stage_emit() */

/* Goes on all the same. `args`: its role, and the names of its partitions. */
static enum gen_next careless_init(struct gen *self, etf_term args)
{
    struct gen_stage_partition_options partitions = { .count = 1 };
    struct gen_stage_options o = { .dispatcher =
                                       gen_stage_partition_dispatcher(),
                                   .dispatcher_options = &partitions };
    int64_t role = 0;

    if (!etf_match(args, "{_, _}", &role, &partitions.names))
        return gen_stop(self, ETF_A(badarg));
    o.role = (enum gen_stage_role)role;
    told[0] = gen_stage_setup(self, &o);
    told[1] = gen_stage_emit(self, etf_make(self, "[1]"), NULL);
    return GEN_NEXT;
}

static const struct gen_stage careless = { .name = "careless",
                                           .init = careless_init,
                                           .quiet_exit = true };

static void no_setup_no_stage(struct bed *bed)
{
    static const char *const cases[] = {
        "{1, []}",                        /* no partition */
        "{1, [a, b, a]}", "{77, [a, b]}", /* no such role */
    };

    for (unsigned i = 0; i < 3; i++) {
        etf_term args, reason = ETF_NONE;
        etf_pid pid;

        assert_int_equal(etf_parse(rt_region(bed->self), cases[i],
                                   strlen(cases[i]), &args, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(
            gen_stage_start(bed->self, &careless, args, NULL, &pid, &reason),
            AGNER_EEXIT);
        assert_true(etf_match(reason, "error"));
        assert_int_equal(told[0], AGNER_EINVAL);
        assert_int_equal(told[1], AGNER_EINVAL);
    }
}

static void a_stage_that_is_not_set_up_does_not_start(void **state)
{
    (void)state;
    bed_everywhere(no_setup_no_stage, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestStageSimple_subscribes_asks_and_cancels),
        cmocka_unit_test(conf_TestStageDispatcherDemand_serves_the_hungriest),
        cmocka_unit_test(conf_TestStageDispatcherBroadcast_serves_all_alike),
        cmocka_unit_test(conf_TestStageDispatcherPartition_sorts_and_discards),
        cmocka_unit_test(D_31_automatic_demand_can_be_switched_off),
        cmocka_unit_test(D_32_every_partition_gets_its_events),
        cmocka_unit_test(D_47_a_missing_producer_is_reported),
        cmocka_unit_test(calls_and_buffers),
        cmocka_unit_test(bad_words_and_other_dialects),
        cmocka_unit_test(a_producer_may_refuse),
        cmocka_unit_test(a_filter_takes_what_it_is_asked_for),
        cmocka_unit_test(shows_its_figures_while_it_is_stuck),
        cmocka_unit_test(a_dispatcher_may_be_the_users_own),
        cmocka_unit_test(a_stage_that_is_not_set_up_does_not_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

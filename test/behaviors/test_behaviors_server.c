/*
 * test_behaviors_server.c -- each callback of a server, and each thing that it
 * may return.
 */
#include "probe.h"

/* ---- init ---- */

static void runs_init_before_any_message(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    probe_expect(world, probe, "{reply, 1}", "1");
    assert_true(witness_await(&world->seen, "init\ncall {reply,1}\n"));
}

static void gives_the_reason_of_a_failed_init(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid = { 0 };
    etf_term reason = ETF_NONE;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "{stop, {too, 'bad'}}"), NULL,
                               &pid, &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "{too, bad}"));
    assert_true(etf_pid_is_none(pid));
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_int_equal(witness_count(&world->seen, "terminate"), 0);
}

static void gives_the_reason_when_init_leaves_in_the_middle(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;
    etf_term reason = ETF_NONE;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "{leave, [1, 2]}"), NULL, &pid,
                               &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "[1, 2]"));
    assert_int_equal(witness_count(&world->seen, "terminate"), 0);
}

static void may_ignore_its_start(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "{ignore}"), NULL, &pid, NULL),
                     AGNER_EIGNORE);
    assert_true(witness_await(&world->seen, "init\ndestroy\n"));
}

static void ends_when_init_returns_something_else(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;
    etf_term reason = ETF_NONE;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "{bad}"), NULL, &pid, &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "{bad_return_value, 77}"));
}

static void kills_an_init_that_takes_too_long(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .init_timeout_ms = 5,
                                        .name = etf_atom("slow_starter") };
    etf_pid pid;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "{wait}"), &options, &pid,
                               NULL),
                     AGNER_ETIMEOUT);
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_int_equal(rt_whereis(world->rt, options.name, &pid), AGNER_ENONAME);
}

static void tells_who_has_the_name(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .name = etf_atom("only_one") };
    etf_pid first, second;

    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "ok"), &options, &first, NULL),
                     AGNER_OK);
    assert_int_equal(gen_start(world->self, &probe_server,
                               probe_args(world, "ok"), &options, &second,
                               NULL),
                     AGNER_ETAKEN);
    assert_true(etf_pid_equal(first, second));
    assert_int_equal(witness_count(&world->seen, "init\n"), 1);
}

/* I6: an error of a start leaves nothing. */
static void leaves_no_link_after_a_failed_start(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    (void)rt_trap_exit(world->self, true);
    assert_int_equal(gen_start_link(world->self, &probe_server,
                                    probe_args(world, "{stop, x}"), NULL, &pid,
                                    NULL),
                     AGNER_EEXIT);
    probe_mailbox_empty(world);
}

static void links_before_init(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid, who;
    etf_term m, reason;

    (void)rt_trap_exit(world->self, true);
    assert_int_equal(gen_start_link(world->self, &probe_server,
                                    probe_args(world, "ok"), NULL, &pid, NULL),
                     AGNER_OK);
    assert_int_equal(gen_cast(world->self, etf_make(world->self, "_", pid),
                              probe_term(world, "{stop, done}")),
                     AGNER_OK);
    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'EXIT', _, _}", &who, &reason));
    assert_true(etf_pid_equal(who, pid));
    assert_true(probe_equal(world, reason, "done"));
}

static const struct gen_server bare_server = { .name = "bare" };

/* Absent callbacks have the defaults that gen.h names. */
static void answers_undef_without_a_call_handler(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;
    etf_term bare;

    assert_int_equal(
        gen_start(world->self, &bare_server, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    bare = etf_make(world->self, "_", pid);
    assert_int_equal(gen_cast(world->self, bare, probe_term(world, "a_cast")),
                     AGNER_OK);
    assert_int_equal(rt_send(world->self, bare, probe_term(world, "a_message")),
                     AGNER_OK);
    probe_expect(world, bare, "a_call", "{error, undef}");
    assert_true(witness_await(&world->log, "no handler for cast a_cast"));
    assert_true(witness_await(&world->log, "no handler for message a_message"));
    assert_true(witness_await(&world->log, "no handler for call a_call"));
    assert_int_equal(gen_direct(world->rt, pid, NULL, 0, PROBE_LONG_MS, NULL),
                     AGNER_ENOTSUP);
}

/* ---- Messages ---- */

static void hands_each_kind_to_its_callback(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    assert_int_equal(gen_cast(world->self, probe, probe_term(world, "{a, 1}")),
                     AGNER_OK);
    assert_int_equal(rt_send(world->self, probe, probe_term(world, "{b, 2}")),
                     AGNER_OK);
    probe_expect(world, probe, "{reply, {c, 3}}", "{c, 3}");
    assert_true(witness_await(&world->seen, "cast {a,1}\ninfo {b,2}\n"
                                            "call {reply,{c,3}}\n"));
}

/* From another node, and from Erlang code that sends by hand, calls and casts
 * come as plain tuples; a malformed one is info. */
static void knows_calls_and_casts_by_their_shape(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term m, tag, reply;

    assert_int_equal(
        rt_send(self, probe, probe_term(world, "{'$gen_cast', hello}")),
        AGNER_OK);
    assert_int_equal(
        rt_send(self, probe,
                etf_make(self, "{'$gen_call', {_, {any, [tag]}}, {reply, 5}}",
                         rt_self(self))),
        AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{_, _}", &tag, &reply));
    assert_true(probe_equal(world, tag, "{any, [tag]}"));
    assert_true(probe_equal(world, reply, "5"));
    assert_true(witness_await(&world->seen, "cast hello\ncall {reply,5}\n"));

    rt_send(self, probe, probe_term(world, "{'$gen_call', nobody, x}"));
    rt_send(self, probe, probe_term(world, "{'$gen_call', {1, 2}}"));
    rt_send(self, probe, etf_make(self, "{'$gen_call', {_, t}}", probe));
    rt_send(self, probe, etf_make(self, "{'$gen_call', {_, t}, x, y}", probe));
    rt_send(self, probe, probe_term(world, "{'$gen_cast'}"));
    rt_send(self, probe, probe_term(world, "{'$gen_cast', 1, 2}"));
    rt_send(self, probe, probe_term(world, "{system, nobody, get_state}"));
    probe_expect(world, probe, "{reply, 0}", "0");
    assert_int_equal(witness_count(&world->seen, "info {'$gen_call',"), 4);
    assert_true(witness_await(&world->seen, "info {'$gen_call',nobody,x}\n"
                                            "info {'$gen_call',{1,2}}\n"));
    assert_true(witness_await(&world->seen,
                              "info {'$gen_cast'}\n"
                              "info {'$gen_cast',1,2}\n"
                              "info {system,nobody,get_state}\n"));
}

static void hears_downs_and_trapped_exits_as_info(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "{trap, true}");
    etf_term other = probe_start(world, "ok");

    assert_int_equal(gen_cast(self, probe, etf_make(self, "{link, _}", other)),
                     AGNER_OK);
    probe_expect(world, probe, "{reply, linked}", "linked");
    assert_int_equal(gen_cast(self, other, probe_term(world, "{stop, over}")),
                     AGNER_OK);
    probe_wait_dead(world, other);
    assert_true(witness_await(&world->seen, "info {'EXIT',"));
    probe_expect(world, probe, "{reply, alive}", "alive");
}

/* ---- What callbacks return ---- */

static void answers_later(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    struct rt_request id;
    etf_term reply;

    assert_int_equal(
        gen_send_request(self, probe, probe_term(world, "{reply_later}"), &id),
        AGNER_OK);
    assert_int_equal(gen_wait(self, &id, 0, &reply), AGNER_ETIMEOUT);
    gen_cast(self, probe, probe_term(world, "{answer, late}"));
    assert_int_equal(gen_wait(self, &id, PROBE_LONG_MS, &reply), AGNER_OK);
    assert_true(probe_equal(world, reply, "late"));
}

/* Only the first answer counts; a second one is never seen. */
static void answers_once(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    probe_expect(world, probe, "{then, {reply, first}, {reply, second}}",
                 "first");
    probe_expect(world, probe, "{reply, 3}", "3");
    probe_mailbox_empty(world);
}

static void stops_with_a_reason(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_ref ref;
    etf_term m, reason;

    assert_int_equal(rt_monitor(world->self, probe, 0, &ref), AGNER_OK);
    gen_cast(world->self, probe, probe_term(world, "{stop, {shutdown, 1}}"));
    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'DOWN', __, process, __, _}", &reason));
    assert_true(probe_equal(world, reason, "{shutdown, 1}"));
    assert_true(
        witness_await(&world->seen, "terminate {shutdown,1}\ndestroy\n"));
}

static void ends_when_a_callback_returns_something_else(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    gen_cast(world->self, probe, probe_term(world, "{bad}"));
    assert_true(witness_await(&world->seen,
                              "terminate {bad_return_value,77}\ndestroy\n"));
    witness_reset(&world->seen);
    probe = probe_start(world, "ok");
    gen_cast(world->self, probe, probe_term(world, "{ignore}"));
    assert_true(witness_await(&world->seen, "terminate {bad_return_value,"));
}

static void gets_a_timeout_when_nothing_comes(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "{timeout, 0}");

    assert_true(witness_await(&world->seen, "init\ninfo timeout\n"));
    probe_expect(world, probe, "{then, {reply, ok}, {timeout, 1}}", "ok");
    assert_true(witness_await(&world->seen, "{timeout,1}}\ninfo timeout\n"));
}

/* The time-out is due long before `go` ends the wait: what came first is the
 * cast, and it takes the time-out away. */
static void loses_its_timeout_when_something_comes(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    gen_cast(world->self, probe, probe_term(world, "{wait}"));
    gen_cast(world->self, probe, probe_term(world, "{timeout, 0}"));
    gen_cast(world->self, probe, probe_term(world, "{timeout, 0}"));
    rt_send(world->self, probe, probe_term(world, "go"));
    assert_true(witness_await(&world->seen, "info timeout\n"));
    probe_expect(world, probe, "{reply, 1}", "1");
    assert_int_equal(witness_count(&world->seen, "info timeout\n"), 1);
}

static void continues_before_the_next_message(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");

    gen_cast(self, probe, probe_term(world, "{wait}"));
    gen_cast(self, probe, probe_term(world, "{continue, {continue, [deep]}}"));
    gen_cast(self, probe, probe_term(world, "next"));
    rt_send(self, probe, probe_term(world, "go"));
    assert_true(witness_await(&world->seen, "continue {continue,[deep]}\n"
                                            "continue [deep]\n"
                                            "cast next\n"));
}

/* OTP: the starter has its answer, then the continue runs, then messages. */
static void continues_after_init(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "{continue, {then, {add, 5}, [x]}}");

    probe_expect(world, probe, "{add, 1}", "6");
    assert_true(witness_await(&world->seen,
                              "init\ncontinue {then,{add,5},[x]}\ncall "));
    /* And when no message comes at all. */
    witness_reset(&world->seen);
    (void)probe_start(world, "{continue, {timeout, 0}}");
    assert_true(witness_await(&world->seen,
                              "init\ncontinue {timeout,0}\ninfo timeout\n"));
}

/* Lets an init that waits go on, with a message behind it. */
static void send_one_then_go(struct gen *self, void *arg)
{
    etf_term name = etf_atom("patient");
    etf_pid pid;

    (void)arg;
    while (rt_whereis(rt_of(self), name, &pid) != AGNER_OK)
        (void)rt_sleep(self, 1);
    (void)rt_send(self, name, etf_atom("first"));
    (void)rt_send(self, name, etf_atom("go"));
}

/* A message that was there before the continue comes right after it, and takes
 * away the time-out that the continue asked for. */
static void continues_before_a_message_that_waits(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .name = etf_atom("patient") };
    etf_pid pid;

    assert_int_equal(rt_spawn(world->self, send_one_then_go, NULL, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(
        gen_start(world->self, &probe_server,
                  probe_args(world, "{then, {wait}, {continue, {timeout, 1}}}"),
                  &options, &pid, NULL),
        AGNER_OK);
    assert_true(witness_await(&world->seen,
                              "init\ncontinue {timeout,1}\ninfo first\n"));
    (void)rt_sleep(world->self, 5); /* did it run, it would be over */
    probe_expect(world, options.name, "{reply, 1}", "1");
    assert_int_equal(witness_count(&world->seen, "info timeout"), 0);
}

/* ---- A server that goes on by itself ---- */

struct treadmill {
    struct witness *witness; /* borrowed: the world's */
    size_t used_max;         /* scratch bytes that a continue began with */
};

static enum gen_next treadmill_init(struct gen *self, etf_term args)
{
    struct treadmill *t = gen_state(self);
    void *witness;

    if (!etf_get_resource(args, &witness))
        return gen_stop(self, etf_make(self, "badarg"));
    t->witness = witness;
    return gen_continue(self, etf_make(self, "{left, 1000}"));
}

static enum gen_next treadmill_continue(struct gen *self, etf_term argument)
{
    struct treadmill *t = gen_state(self);
    size_t used = etf_region_used(rt_region(self));
    int64_t left = 0;

    if (used > t->used_max)
        t->used_max = used;
    if (!etf_match(argument, "{left, _}", &left))
        return gen_stop(self, etf_make(self, "badarg"));
    if (left == 0)
        witness_add(t->witness, "used",
                    etf_make(self, "_", (uint64_t)t->used_max));
    return gen_continue(self, etf_make(self, "{left, _}", left - 1));
}

static const struct gen_server treadmill_server = {
    .name = "treadmill",
    .state_size = sizeof(struct treadmill),
    .init = treadmill_init,
    .handle_continue = treadmill_continue,
};

static void goes_on_for_ever_without_more_memory(void **state)
{
    struct probe_world *world = *state;
    etf_term args = etf_resource(rt_region(world->self), &world->seen, NULL);
    etf_pid pid;

    assert_int_equal(
        gen_start(world->self, &treadmill_server, args, NULL, &pid, NULL),
        AGNER_OK);
    assert_true(witness_await(&world->seen, "used 0\n"));
    assert_int_equal(
        rt_exit_signal(world->self, pid, etf_make(world->self, "shutdown")),
        AGNER_OK);
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
}

static void may_stop_in_a_continue(void **state)
{
    struct probe_world *world = *state;

    (void)probe_start(world, "{continue, {stop, {shutdown, early}}}");
    assert_true(
        witness_await(&world->seen, "terminate {shutdown,early}\ndestroy\n"));
}

static void goes_on_after_hibernating(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "{hibernate}");

    probe_expect(world, probe, "{add, 1}", "1");
    gen_cast(world->self, probe, probe_term(world, "{hibernate}"));
    probe_expect(world, probe, "{add, 1}", "2");
}

static void hibernates_by_itself_and_keeps_its_state(void **state)
{
    struct probe_world *world = *state;
    struct gen_server idle = probe_server;
    etf_pid pid;
    etf_term probe;

    idle.hibernate_after_ms = 1;
    assert_int_equal(gen_start(world->self, &idle, probe_args(world, "ok"),
                               NULL, &pid, NULL),
                     AGNER_OK);
    probe = etf_make(world->self, "_", pid);
    probe_expect(world, probe, "{add, 3}", "3");
    (void)rt_sleep(world->self, 5); /* long enough that it may hibernate */
    probe_expect(world, probe, "{add, 4}", "7");
    assert_int_equal(witness_count(&world->seen, "info timeout"), 0);
    /* `idle` is this function's own: the server ends first. */
    assert_int_equal(
        gen_server_stop(world->self, probe, ETF_A(normal), PROBE_LONG_MS),
        AGNER_OK);
    assert_true(witness_await(&world->seen, "destroy\n"));
}

/* ---- enter_loop ---- */

static void raw_code(struct gen *self, void *arg)
{
    struct witness *w = arg;
    etf_term m;

    if (rt_receive(self, RT_INFINITY, &m) == AGNER_OK)
        witness_add(w, "raw", m);
    gen_enter_loop(
        self, &probe_server,
        etf_make(self, "{_, ok}", etf_resource(rt_region(self), w, NULL)),
        true);
    witness_add(w, "returned", ETF_NONE);
}

static void makes_a_raw_process_a_server(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct rt_spawn_options options = { .name = etf_atom("was_raw") };
    etf_pid pid;
    etf_term probe;

    assert_int_equal(rt_spawn(self, raw_code, &world->seen, &options, &pid),
                     AGNER_OK);
    probe = etf_make(self, "_", pid);
    rt_send(self, probe, probe_term(world, "hello"));
    gen_cast(self, probe, probe_term(world, "{add, 2}"));
    probe_expect(world, options.name, "{add, 3}", "5");
    gen_cast(self, probe, probe_term(world, "{stop, normal}"));
    assert_true(witness_await(&world->seen,
                              "raw hello\ninit\ncast {add,2}\ncall {add,3}\n"
                              "cast {stop,normal}\nterminate normal\n"
                              "destroy\n"));
}

static enum gen_next probe_refuse(struct gen *self, etf_term args)
{
    return gen_stop(self, args);
}

static enum gen_next bare_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    int64_t *number = gen_state(self);

    (void)request;
    return gen_reply(self, from, etf_make(self, "_", ++*number));
}

/* Its init would refuse these args. */
static const struct gen_server init_less_server = {
    .state_size = sizeof(int64_t),
    .init = probe_refuse,
    .handle_call = bare_call,
};

static void raw_code_without_init(struct gen *self, void *arg)
{
    (void)arg;
    gen_enter_loop(self, &init_less_server, etf_nil(), false);
}

static void starts_from_a_zeroed_state_without_init(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;
    etf_term server;

    assert_int_equal(
        rt_spawn(world->self, raw_code_without_init, NULL, NULL, &pid),
        AGNER_OK);
    server = etf_make(world->self, "_", pid);
    probe_expect(world, server, "more", "1");
    probe_expect(world, server, "more", "2");
}

static enum gen_next tell_alignment(struct gen *self, struct gen_from from,
                                    etf_term request)
{
    (void)request;
    return gen_reply(
        self, from,
        etf_make(self, "_", (uint64_t)(uintptr_t)gen_state(self) % 16));
}

static const struct gen_server odd_server = { .state_size = 1,
                                              .handle_call = tell_alignment };

static void aligns_its_state_for_any_type(void **state)
{
    struct probe_world *world = *state;

    for (int i = 0; i < 5; i++) {
        etf_pid pid;

        assert_int_equal(
            gen_start(world->self, &odd_server, etf_nil(), NULL, &pid, NULL),
            AGNER_OK);
        probe_expect(world, etf_make(world->self, "_", pid), "x", "0");
    }
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(runs_init_before_any_message),
        CASE(gives_the_reason_of_a_failed_init),
        CASE(gives_the_reason_when_init_leaves_in_the_middle),
        CASE(may_ignore_its_start),
        CASE(ends_when_init_returns_something_else),
        CASE(kills_an_init_that_takes_too_long),
        CASE(tells_who_has_the_name),
        CASE(leaves_no_link_after_a_failed_start),
        CASE(links_before_init),
        CASE(answers_undef_without_a_call_handler),
        CASE(hands_each_kind_to_its_callback),
        CASE(knows_calls_and_casts_by_their_shape),
        CASE(hears_downs_and_trapped_exits_as_info),
        CASE(answers_later),
        CASE(answers_once),
        CASE(stops_with_a_reason),
        CASE(ends_when_a_callback_returns_something_else),
        CASE(gets_a_timeout_when_nothing_comes),
        CASE(loses_its_timeout_when_something_comes),
        CASE(continues_before_the_next_message),
        CASE(continues_after_init),
        CASE(continues_before_a_message_that_waits),
        CASE(goes_on_for_ever_without_more_memory),
        CASE(may_stop_in_a_continue),
        CASE(goes_on_after_hibernating),
        CASE(hibernates_by_itself_and_keeps_its_state),
        CASE(makes_a_raw_process_a_server),
        CASE(starts_from_a_zeroed_state_without_init),
        CASE(aligns_its_state_for_any_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

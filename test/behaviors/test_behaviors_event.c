/*
 * test_behaviors_event.c -- gen_event: handlers that come, fail, are swapped
 * and go, with the outcomes that OTP 25 has (tried out on a real manager).
 */
#include "hand.h"

static etf_term start(struct probe_world *world)
{
    etf_pid pid;

    assert_int_equal(
        gen_event_start(world->self, NULL, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    return etf_make(world->self, "_", pid);
}

static etf_term id_of(struct probe_world *world, const char *id)
{
    return id == NULL ? ETF_NONE : probe_term(world, id);
}

static void add(struct probe_world *world, etf_term manager, const char *id,
                const char *name)
{
    assert_int_equal(gen_event_add_handler(world->self, manager, &hand,
                                           id_of(world, id),
                                           hand_args(world, name), NULL),
                     AGNER_OK);
}

static void add_sup(struct probe_world *world, etf_term manager, const char *id,
                    const char *name)
{
    assert_int_equal(gen_event_add_sup_handler(world->self, manager, &hand,
                                               id_of(world, id),
                                               hand_args(world, name), NULL),
                     AGNER_OK);
}

static void sync_event(struct probe_world *world, etf_term manager,
                       const char *event)
{
    assert_int_equal(
        gen_event_sync_notify(world->self, manager, probe_term(world, event)),
        AGNER_OK);
}

/* What the handlers did since the last time. */
static void expect_seen(struct probe_world *world, const char *lines)
{
    char text[16384];

    assert_string_equal(witness_text(&world->seen, text, sizeof text), lines);
    witness_reset(&world->seen);
}

/* Waits until `lines` is there so many times; destroy comes after the end of a
 * process is told. */
static bool await_count(struct probe_world *world, const char *lines,
                        unsigned count)
{
    uint64_t end = rt_now_ms(world->rt) + PROBE_LONG_MS;

    while (witness_count(&world->seen, lines) < count) {
        if (rt_now_ms(world->rt) > end)
            return false;
        (void)rt_sleep(world->self, 1);
    }
    return witness_count(&world->seen, lines) == count;
}

static void expect_handlers(struct probe_world *world, etf_term manager,
                            const char *expected)
{
    char text[300];
    etf_term list = ETF_NONE;

    assert_int_equal(gen_event_which_handlers(world->self, manager, &list),
                     AGNER_OK);
    assert_string_equal(etf_format(text, sizeof text, list), expected);
}

static void expect_message(struct probe_world *world, const char *expected)
{
    char text[300];
    etf_term m;

    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    if (!probe_equal(world, m, expected))
        fail_msg("%s instead of %s", etf_format(text, sizeof text, m),
                 expected);
}

/* {gen_event_EXIT, Handler, {swapped, New, Self}} */
static void expect_swapped(struct probe_world *world, const char *handler,
                           const char *new_handler)
{
    etf_term m, expected;

    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    expected = etf_make(world->self, "{gen_event_EXIT, _, {swapped, _, _}}",
                        probe_term(world, handler),
                        probe_term(world, new_handler), rt_self(world->self));
    assert_true(etf_equal(m, expected));
}

/* ---- Telling and asking ------------------------------------------------- */

static void tells_the_newest_handler_first(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add(world, m, NULL, "a");
    add(world, m, "x", "b");
    add(world, m, NULL, "c"); /* nothing forbids a second one */
    expect_handlers(world, m, "[hand,{hand,x},hand]");
    assert_int_equal(gen_event_notify(world->self, m, etf_atom("one")),
                     AGNER_OK);
    sync_event(world, m, "two");
    expect_seen(world, "a in\nb in\nc in\n"
                       "c event one\nb event one\na event one\n"
                       "c event two\nb event two\na event two\n");
}

static void hands_other_messages_to_all(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world);
    static const char *const messages[] = {
        "hello",
        "{notify, a, b}",
        "{system, x, y}",
        "timeout",
        "{'$gen_cast', q}",
        "{x, notfrom, {sync_notify, e}}",
        "{x, y, {sync_notify, a, b}}",
        "{}",
    };
    struct rt_request id;

    add(world, m, NULL, "a");
    add(world, m, "2", "b");
    witness_reset(&world->seen);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        rt_send(self, m, probe_term(world, messages[i]));
    sync_event(world, m, "last");
    expect_seen(world, "b info hello\na info hello\n"
                       "b info {notify,a,b}\na info {notify,a,b}\n"
                       "b info {system,x,y}\na info {system,x,y}\n"
                       "b info timeout\na info timeout\n"
                       "b info {'$gen_cast',q}\na info {'$gen_cast',q}\n"
                       "b info {x,notfrom,{sync_notify,e}}\n"
                       "a info {x,notfrom,{sync_notify,e}}\n"
                       "b info {x,y,{sync_notify,a,b}}\n"
                       "a info {x,y,{sync_notify,a,b}}\n"
                       "b info {}\na info {}\n"
                       "b event last\na event last\n");
    /* A request without a name is no command either. */
    assert_int_equal(gen_send_request(self, m, probe_term(world, "{}"), &id),
                     AGNER_OK);
    gen_abandon_request(self, &id);
    sync_event(world, m, "more");
    assert_int_equal(witness_count(&world->seen, "a event more\n"), 1);
}

/* OTP's callers label a command with their pid; nobody looks at it. */
static void serves_commands_in_the_shape_of_otp(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world);

    add(world, m, NULL, "a");
    rt_send(self, m,
            etf_make(self, "{_, {_, tag}, {sync_notify, e}}", rt_self(self),
                     rt_self(self)));
    expect_message(world, "{tag, ok}");
    rt_send(self, m,
            etf_make(self, "{foo, {_, tag}, {call, hand, {reply, 7}}}",
                     rt_self(self)));
    expect_message(world, "{tag, 7}");
    rt_send(self, m,
            etf_make(self, "{_, {_, tag}, which_handlers}", rt_self(self),
                     rt_self(self)));
    expect_message(world, "{tag, [hand]}");
    rt_send(self, m,
            etf_make(self, "{_, {_, tag}, {add_sup_handler, hand, [], notpid}}",
                     rt_self(self), rt_self(self)));
    expect_message(world, "{tag, {'EXIT', badarg}}");
    expect_handlers(world, m, "[hand]");
}

static void asks_one_handler(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), reply = ETF_NONE;
    struct rt_request id;

    add(world, m, NULL, "a");
    add(world, m, "{x, 1}", "b");
    assert_int_equal(gen_event_call(self, m, probe_term(world, "hand"),
                                    probe_term(world, "{reply, [1]}"),
                                    PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(probe_equal(world, reply, "[1]"));
    assert_int_equal(
        gen_event_call(self, m, probe_term(world, "{hand, {x, 1}}"),
                       probe_term(world, "quiet"), PROBE_LONG_MS, &reply),
        AGNER_OK);
    assert_true(probe_equal(world, reply, "ok"));
    assert_int_equal(gen_event_call(self, m, probe_term(world, "{hand, x}"),
                                    etf_nil(), PROBE_LONG_MS, &reply),
                     AGNER_EUNKNOWN);
    assert_int_equal(gen_event_call(self, m, probe_term(world, "17"), etf_nil(),
                                    PROBE_LONG_MS, &reply),
                     AGNER_EUNKNOWN);
    assert_int_equal(gen_event_send_request(self, m, probe_term(world, "hand"),
                                            probe_term(world, "{reply, 3}"),
                                            &id),
                     AGNER_OK);
    assert_int_equal(gen_wait(self, &id, PROBE_LONG_MS, &reply), AGNER_OK);
    assert_true(probe_equal(world, reply, "3"));
    expect_seen(world, "a in\nb in\na call {reply,[1]}\nb call quiet\n"
                       "a call {reply,3}\n");
}

static void answers_after_the_time_out_are_never_seen(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add(world, m, NULL, "a");
    gen_event_notify(world->self, m, probe_term(world, "{wait}"));
    assert_int_equal(gen_event_call(world->self, m, probe_term(world, "hand"),
                                    probe_term(world, "{reply, late}"), 1,
                                    NULL),
                     AGNER_ETIMEOUT);
    rt_send(world->self, m, etf_atom("go"));
    sync_event(world, m, "done");
    probe_mailbox_empty(world);
}

/* ---- Coming in ---------------------------------------------------------- */

static void expect_refused(struct probe_world *world, etf_term m,
                           const char *name, const char *expected)
{
    etf_term why = ETF_NONE;
    char text[300];

    assert_int_equal(gen_event_add_handler(world->self, m, &hand, ETF_NONE,
                                           hand_args(world, name), &why),
                     AGNER_ETERMINATED);
    assert_string_equal(etf_format(text, sizeof text, why), expected);
}

static void nothing_is_left_of_a_handler_that_does_not_come_in(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    expect_refused(world, m, "{a, {leave, boom}}", "boom");
    expect_refused(world, m, "{b, {error, {no, way}}}", "{no,way}");
    expect_refused(world, m, "{c, {bad}}", "{bad_return_value,77}");
    expect_refused(world, m, "{d, {remove}}", "{bad_return_value,2}");
    expect_refused(world, m, "{e, {swap, x, y, z}}", "{bad_return_value,3}");
    expect_handlers(world, m, "[]");
    /* destroy runs, terminate does not: it never was a handler. */
    expect_seen(world, "a in\na destroy\nb in\nb destroy\nc in\nc destroy\n"
                       "d in\nd destroy\ne in\ne destroy\n");
    assert_int_equal(witness_count(&world->log, "gen_event"), 0);
}

static const struct gen_event_handler *const known_table[] = { &foot, NULL };
static const struct gen_event_entry entries[] = {
    { .handler = &hand },
    { .handler = &hand, .id = "second" },
    { .handler = &idle_hand, .args = "{nobody, looks}" },
};
static const struct gen_event full_manager = { .name = "full",
                                               .handlers = entries,
                                               .handler_count = 3,
                                               .known = known_table };

static void starts_with_the_handlers_of_its_table(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .name = etf_atom("events") };
    etf_pid pid, other;
    etf_term m;

    (void)rt_trap_exit(world->self, true);
    assert_int_equal(gen_event_start_link(world->self, &full_manager,
                                          hand_args(world, "a"), &options, &pid,
                                          NULL),
                     AGNER_OK);
    m = etf_atom("events");
    expect_handlers(world, m, "[idle,{hand,second},hand]");
    assert_int_equal(
        gen_event_start(world->self, NULL, etf_nil(), &options, &other, NULL),
        AGNER_ETAKEN);
    assert_true(etf_pid_equal(pid, other));
    sync_event(world, m, "e");
    assert_int_equal(
        gen_event_stop(world->self, m, ETF_A(shutdown), PROBE_LONG_MS),
        AGNER_OK);
    assert_true(await_count(world, "destroy", 2));
    expect_seen(world, "a in\na in\na event e\na event e\na out stop\n"
                       "a out stop\na destroy\na destroy\n");
}

static void does_not_start_without_one_of_them(void **state)
{
    struct probe_world *world = *state;
    etf_term why = ETF_NONE;
    char text[200];
    static const struct gen_event_entry bad_entries[] = {
        { .handler = &hand },
        { .handler = &hand, .id = "second", .args = "nonsense" },
        { .handler = &hand, .id = "third" },
    };
    static const struct gen_event bad = { .handlers = bad_entries,
                                          .handler_count = 3 };

    assert_int_equal(gen_event_start(world->self, &bad, hand_args(world, "a"),
                                     NULL, NULL, &why),
                     AGNER_EEXIT);
    assert_string_equal(etf_format(text, sizeof text, why), "{hand,badarg}");
    expect_seen(world, "a in\na out stop\na destroy\n");
}

/* As a module that is not loaded; those of the table can be had by name. */
static void knows_handlers_by_name(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m, answer = ETF_NONE;
    etf_pid pid;
    static const struct gen_event knowing = { .known = known_table };

    assert_int_equal(
        gen_event_start(self, &knowing, etf_nil(), NULL, &pid, NULL), AGNER_OK);
    m = etf_make(self, "_", pid);
    assert_int_equal(gen_call(self, m,
                              etf_make(self, "{add_handler, {foot, 1}, _}",
                                       hand_args(world, "a")),
                              PROBE_LONG_MS, &answer),
                     AGNER_OK);
    assert_true(etf_same(answer, ETF_A(ok)));
    assert_int_equal(gen_call(self, m,
                              probe_term(world, "{add_handler, hand, x}"),
                              PROBE_LONG_MS, &answer),
                     AGNER_OK);
    assert_true(probe_equal(world, answer,
                            "{'EXIT', {undef, [{hand, init, [x], []}]}}"));
    expect_handlers(world, m, "[{foot,1}]");
}

/* ---- Failing ------------------------------------------------------------ */

/* Only the handler is gone, and the log and its supervisor know why. */
static void a_failed_handler_is_removed_and_the_others_stay(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add(world, m, "1", "a");
    add_sup(world, m, "2", "b");
    add(world, m, "3", "c");
    sync_event(world, m, "{only, b, {leave, {boom, [1]}}}");
    expect_message(world, "{gen_event_EXIT, {hand, 2}, {'EXIT', {boom, [1]}}}");
    expect_handlers(world, m, "[{hand,3},{hand,1}]");
    assert_true(witness_await(&world->log, "last message {only,b,"));
    assert_int_equal(witness_count(&world->log, "handler {hand,2} terminated"),
                     1);
    assert_int_equal(witness_count(&world->log, "state b"), 1);
    sync_event(world, m, "{only, c, {error, because}}");
    sync_event(world, m, "{only, a, {bad}}");
    expect_handlers(world, m, "[]");
    assert_true(witness_await(&world->log, "reason because"));
    assert_true(witness_await(&world->log, "{bad_return_value,77}"));
    expect_seen(world, "a in\nb in\nc in\n"
                       "c event {only,b,{leave,{boom,[1]}}}\n"
                       "b event {only,b,{leave,{boom,[1]}}}\n"
                       "b out {error,{'EXIT',{boom,[1]}}}\nb destroy\n"
                       "a event {only,b,{leave,{boom,[1]}}}\n"
                       "c event {only,c,{error,because}}\n"
                       "c out {error,because}\nc destroy\n"
                       "a event {only,c,{error,because}}\n"
                       "a event {only,a,{bad}}\n"
                       "a out {error,{bad_return_value,77}}\na destroy\n");
}

static void tells_the_caller_of_a_failed_handler(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), reply = ETF_NONE;
    char text[200];

    add(world, m, NULL, "a");
    assert_int_equal(gen_event_call(self, m, probe_term(world, "hand"),
                                    probe_term(world, "{leave, boom}"),
                                    PROBE_LONG_MS, &reply),
                     AGNER_ETERMINATED);
    assert_true(probe_equal(world, reply, "boom"));
    add(world, m, NULL, "b");
    assert_int_equal(gen_event_call(self, m, probe_term(world, "hand"),
                                    probe_term(world, "{swap_unknown}"),
                                    PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_string_equal(etf_format(text, sizeof text, reply),
                        "{error,{bad_return_value,3}}");
    add(world, m, NULL, "c");
    assert_int_equal(
        gen_event_call(self, m, probe_term(world, "hand"),
                       probe_term(world, "{then, {reply, bye}, {remove}}"),
                       PROBE_LONG_MS, &reply),
        AGNER_OK);
    assert_true(probe_equal(world, reply, "bye"));
    expect_handlers(world, m, "[]");
}

static void fails_in_handle_info_too(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add(world, m, NULL, "a");
    add(world, m, "2", "b");
    rt_send(world->self, m, probe_term(world, "{leave, info_crash}"));
    expect_handlers(world, m, "[]");
    assert_true(witness_await(&world->log, "handler hand terminated"));
    assert_int_equal(
        witness_count(&world->log, "last message {leave,info_crash}"), 2);
}

/* ---- Going -------------------------------------------------------------- */

static void gives_what_terminate_returned(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), result = ETF_NONE;
    etf_term name = probe_term(world, "hand");

    add(world, m, NULL, "a");
    add(world, m, NULL, "b");
    assert_int_equal(gen_event_delete_handler(
                         self, m, name, probe_term(world, "bye"), &result),
                     AGNER_OK);
    assert_true(probe_equal(world, result, "{left, bye}"));
    assert_int_equal(
        gen_event_delete_handler(
            self, m, name, probe_term(world, "{leave, in_terminate}"), &result),
        AGNER_OK);
    assert_true(probe_equal(world, result, "{'EXIT', in_terminate}"));
    assert_int_equal(gen_event_delete_handler(self, m, name, etf_nil(), NULL),
                     AGNER_EUNKNOWN);
    expect_seen(world, "a in\nb in\nb out bye\nb destroy\n"
                       "a out {leave,in_terminate}\na destroy\n");
    assert_int_equal(witness_count(&world->log, "gen_event"), 0);
}

/* A handler's last words may lie in its state, which goes before they are
 * heard. */
static void last_words_outlive_the_state(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), name = probe_term(world, "hand");
    etf_term words = ETF_NONE;
    static const char *const kept = "[{some, \"long\"}, [words, 1.5]]";

    add(world, m, NULL, "a");
    sync_event(world, m, "{keep, [{some, \"long\"}, [words, 1.5]]}");
    assert_int_equal(gen_event_call(self, m, name,
                                    probe_term(world, "{give_and_remove}"),
                                    PROBE_LONG_MS, &words),
                     AGNER_OK);
    assert_true(probe_equal(world, words, kept));
    add(world, m, NULL, "b");
    sync_event(world, m, "{keep, [{some, \"long\"}, [words, 1.5]]}");
    assert_int_equal(gen_event_delete_handler(
                         self, m, name, probe_term(world, "give"), &words),
                     AGNER_OK);
    assert_true(probe_equal(world, words, kept));
    add(world, m, NULL, "c");
    sync_event(world, m, "{keep, [{some, \"long\"}, [words, 1.5]]}");
    sync_event(world, m, "{give_and_swap, x}");
    /* foot does not know such arguments, and so does not come in. */
    assert_true(witness_await(&world->log, "handler {foot,x} terminated"));
    expect_handlers(world, m, "[]");
}

static void a_handler_removes_itself(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add_sup(world, m, NULL, "a");
    add(world, m, "2", "b");
    sync_event(world, m, "{only, a, {remove}}");
    expect_message(world, "{gen_event_EXIT, hand, normal}");
    sync_event(world, m, "{hibernate}");
    expect_handlers(world, m, "[{hand,2}]");
    expect_seen(world, "a in\nb in\nb event {only,a,{remove}}\n"
                       "a event {only,a,{remove}}\na out remove_handler\n"
                       "a destroy\nb event {hibernate}\n");
}

static void all_leave_when_the_manager_ends(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add(world, m, "1", "a");
    add_sup(world, m, "2", "b");
    (void)rt_trap_exit(world->self, true);
    assert_int_equal(gen_event_stop(world->self, m,
                                    probe_term(world, "{shutdown, now}"),
                                    PROBE_LONG_MS),
                     AGNER_OK);
    expect_message(world, "{gen_event_EXIT, {hand, 2}, shutdown}");
    assert_true(await_count(world, "destroy", 2));
    expect_seen(world, "a in\nb in\nb out stop\na out stop\nb destroy\n"
                       "a destroy\n");
    assert_int_equal(gen_event_notify(world->self, m, etf_nil()),
                     AGNER_ENOPROC);
    assert_int_equal(gen_event_sync_notify(world->self, m, etf_nil()),
                     AGNER_ENOPROC);
}

/* Kills a manager that has the handlers a and b in the middle of `command`,
 * which is over when the handlers have said `line`. */
static void kill_during(struct probe_world *world, etf_term command,
                        const char *line)
{
    struct gen *self = world->self;
    static const struct gen_event knowing = { .known = known_table };
    etf_term m, why = ETF_NONE;
    struct rt_request id;
    etf_pid pid;

    witness_reset(&world->seen);
    assert_int_equal(
        gen_event_start(self, &knowing, etf_nil(), NULL, &pid, NULL), AGNER_OK);
    m = etf_make(self, "_", pid);
    add(world, m, "1", "a");
    add(world, m, "2", "b");
    assert_int_equal(gen_send_request(self, m, command, &id), AGNER_OK);
    assert_true(witness_await(&world->seen, line));
    assert_int_equal(rt_exit_signal(self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(gen_wait(self, &id, PROBE_LONG_MS, &why), AGNER_EEXIT);
    assert_true(etf_same(why, ETF_A(killed)));
    probe_wait_dead(world, m);
    assert_true(await_count(world, "a destroy", 1));
    assert_true(await_count(world, "b destroy", 1));
    assert_int_equal(witness_count(&world->seen, "out stop"), 0);
}

static void a_killed_manager_destroys_each_handler_once(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;

    kill_during(world, probe_term(world, "{sync_notify, {only, a, {wait}}}"),
                "a event {only,a,{wait}}");
    kill_during(world, probe_term(world, "{delete_handler, {hand, 1}, {wait}}"),
                "a out {wait}");
    kill_during(world,
                etf_make(self, "{add_handler, foot, _}",
                         hand_args(world, "{c, {wait}}")),
                "c in");
    assert_true(await_count(world, "c destroy", 1));
    kill_during(world,
                etf_make(self, "{swap_handler, {hand, 2}, {wait}, foot, _}",
                         hand_args(world, "c")),
                "b out {wait}");
    assert_int_equal(witness_count(&world->seen, "c in"), 0);
}

/* rt_stop() is the manager's end: what the others have left to do they do. */
static void a_handler_can_end_the_manager(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add(world, m, "1", "a");
    add(world, m, "2", "b");
    (void)gen_event_sync_notify(world->self, m,
                                probe_term(world, "{only, a, {stop, enough}}"));
    probe_wait_dead(world, m);
    assert_true(await_count(world, "destroy", 2));
    assert_int_equal(witness_count(&world->seen, "out stop"), 2);
}

/* ---- Swaps -------------------------------------------------------------- */

static enum agner_err swap(struct probe_world *world, etf_term m, bool sup,
                           const char *old, const char *id, const char *name,
                           etf_term *why)
{
    struct gen *self = world->self;
    etf_term old_name = probe_term(world, old);
    etf_term old_args = probe_term(world, "swapped_out");
    etf_term args = hand_args(world, name);

    if (sup)
        return gen_event_swap_sup_handler(self, m, old_name, old_args, &hand,
                                          id_of(world, id), args, why);
    return gen_event_swap_handler(self, m, old_name, old_args, &hand,
                                  id_of(world, id), args, why);
}

static void a_swap_hands_over_what_terminate_left(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world), why = ETF_NONE;

    add(world, m, "1", "a");
    assert_int_equal(swap(world, m, false, "{hand, 1}", "2", "b", NULL),
                     AGNER_OK);
    assert_int_equal(swap(world, m, false, "{hand, none}", "3", "c", NULL),
                     AGNER_OK);
    expect_handlers(world, m, "[{hand,3},{hand,2}]");
    assert_int_equal(
        swap(world, m, false, "{hand, 3}", "4", "{d, {leave, boom}}", &why),
        AGNER_ETERMINATED);
    assert_true(probe_equal(world, why, "boom"));
    expect_handlers(world, m,
                    "[{hand,2}]"); /* the old one is gone, as in OTP */
    expect_seen(world, "a in\na out swapped_out\na destroy\n"
                       "b in-for {left,swapped_out}\nc in-for error\n"
                       "c out swapped_out\nc destroy\n"
                       "d in-for {left,swapped_out}\nd destroy\n");
    probe_mailbox_empty(world);
}

static void a_swap_keeps_the_supervisor(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world), why = ETF_NONE;

    add_sup(world, m, "1", "a");
    assert_int_equal(swap(world, m, false, "{hand, 1}", "2", "b", NULL),
                     AGNER_OK);
    expect_swapped(world, "{hand, 1}", "{hand, 2}");
    assert_int_equal(gen_event_delete_handler(world->self, m,
                                              probe_term(world, "{hand, 2}"),
                                              etf_nil(), NULL),
                     AGNER_OK);
    expect_message(world, "{gen_event_EXIT, {hand, 2}, normal}");
    /* An unsupervised one gets a supervisor. */
    add(world, m, "3", "c");
    assert_int_equal(swap(world, m, true, "{hand, 3}", "4", "d", NULL),
                     AGNER_OK);
    probe_mailbox_empty(world);
    assert_int_equal(
        swap(world, m, true, "{hand, 4}", "5", "{e, {error, no}}", &why),
        AGNER_ETERMINATED);
    assert_true(probe_equal(world, why, "no"));
    expect_swapped(world, "{hand, 4}", "{hand, 5}");
    probe_mailbox_empty(world);
    expect_handlers(world, m, "[]");
}

static void a_handler_swaps_itself_in_place(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);

    add_sup(world, m, "1", "a");
    add(world, m, "2", "b");
    add(world, m, "3", "c");
    sync_event(world, m, "{only, b, {swap, gone, new, d}}");
    sync_event(world, m, "{only, a, {swap, gone, newer, e}}");
    expect_swapped(world, "{hand, 1}", "{hand, newer}");
    expect_handlers(world, m, "[{hand,3},{hand,new},{hand,newer}]");
    /* The one that comes in does not get the event. */
    assert_int_equal(witness_count(&world->seen, "d event {only,b"), 0);
    assert_int_equal(witness_count(&world->seen, "d in-for {left,gone}\n"), 1);
    /* One that does not come in is reported, and its supervisor told. */
    sync_event(world, m, "{only, e, {swap, gone, newest, {f, {leave, no}}}}");
    expect_swapped(world, "{hand, newer}", "{hand, newest}");
    expect_message(world, "{gen_event_EXIT, {hand, newest}, crash}");
    expect_handlers(world, m, "[{hand,3},{hand,new}]");
    assert_true(witness_await(&world->log, "handler {hand,newest} terminated"));
}

static void a_call_is_answered_by_the_one_that_leaves(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world), reply = ETF_NONE;

    add(world, m, NULL, "a");
    assert_int_equal(
        gen_event_call(
            world->self, m, probe_term(world, "hand"),
            probe_term(world, "{then, {reply, yes}, {swap, gone, new, b}}"),
            PROBE_LONG_MS, &reply),
        AGNER_OK);
    assert_true(probe_equal(world, reply, "yes"));
    expect_handlers(world, m, "[{hand,new}]");
}

/* ---- Supervisors of handlers -------------------------------------------- */

struct owner {
    struct probe_world *world;
    etf_pid manager;
    const char *reason; /* an atom's text */
};

/* Adds {hand, 1} and {hand, 2} and ends. */
static void own_two(struct gen *self, void *arg)
{
    const struct owner *o = arg;
    etf_term m = etf_from_pid(rt_region(self), o->manager);
    etf_term witness = etf_resource(rt_region(self), &o->world->seen, NULL);

    for (int64_t i = 1; i <= 2; i++)
        (void)gen_event_add_sup_handler(self, m, &hand, etf_make(self, "_", i),
                                        etf_make(self, "{_, owned}", witness),
                                        NULL);
    rt_exit(self, etf_atom(o->reason));
}

static void handlers_go_with_their_supervisor(void **state)
{
    struct probe_world *world = *state;
    struct owner o = { .world = world, .reason = "over" };
    etf_term m = start(world);
    etf_pid pid;

    add(world, m, "0", "a");
    assert_true(etf_get_pid(m, &o.manager));
    assert_int_equal(rt_spawn(world->self, own_two, &o, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
    assert_true(witness_await(&world->seen, ",over}\n")); /* a's info */
    expect_handlers(world, m, "[{hand,0}]");
    assert_int_equal(
        witness_count(&world->seen, "owned out {stop,over}\nowned destroy\n"),
        2);
    assert_int_equal(witness_count(&world->seen, "a info {'EXIT',<"), 1);
    o.reason = "normal";
    assert_int_equal(rt_spawn(world->self, own_two, &o, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
    assert_true(witness_await(&world->seen, ",normal}\n"));
    expect_handlers(world, m, "[{hand,0}]");
    assert_int_equal(witness_count(&world->seen, "out {stop,normal}\n"), 2);
    /* Of one that is gone already an exit comes at once. */
    assert_int_equal(
        gen_call(world->self, m,
                 etf_make(world->self, "{add_sup_handler, {hand, 9}, _, _, _}",
                          hand_args(world, "late"), pid,
                          etf_resource(rt_region(world->self),
                                       (void *)(uintptr_t)&hand, NULL)),
                 PROBE_LONG_MS, NULL),
        AGNER_OK);
    assert_true(witness_await(&world->seen, "late out {stop,noproc}\n"));
}

static void leave_linked(struct gen *self, void *arg)
{
    const struct owner *o = arg;

    (void)rt_link(self, o->manager);
    rt_exit(self, etf_atom(o->reason));
}

/* As OTP: an exit of somebody else is a message to all. */
static void other_exits_are_messages(void **state)
{
    struct probe_world *world = *state;
    struct owner o = { .world = world, .reason = "rr" };
    etf_term m = start(world);

    assert_true(etf_get_pid(m, &o.manager));
    add(world, m, NULL, "a");
    assert_int_equal(rt_spawn(world->self, leave_linked, &o, NULL, NULL),
                     AGNER_OK);
    assert_true(witness_await(&world->seen, ",rr}\n"));
    assert_int_equal(witness_count(&world->seen, "a info {'EXIT',<"), 1);
    expect_handlers(world, m, "[hand]");
}

static void boss(struct gen *self, void *arg)
{
    const struct owner *o = arg;
    etf_pid pid;

    if (gen_event_start_link(
            self, &full_manager,
            etf_make(self, "{_, a}",
                     etf_resource(rt_region(self), &o->world->seen, NULL)),
            NULL, &pid, NULL) == AGNER_OK)
        rt_exit(self, etf_atom(o->reason));
}

static void a_manager_ends_with_its_parent(void **state)
{
    struct probe_world *world = *state;
    struct owner o = { .world = world, .reason = "parent_over" };
    etf_pid pid;

    assert_int_equal(rt_spawn(world->self, boss, &o, NULL, &pid), AGNER_OK);
    assert_true(witness_await(
        &world->seen, "a out stop\na out stop\na destroy\na destroy\n"));
}

/* As it is told when its runtime ends. */
static void a_manager_ends_by_an_exit_in_its_own_name(void **state)
{
    struct probe_world *world = *state;
    etf_term m = start(world);
    etf_pid pid;

    assert_true(etf_get_pid(m, &pid));
    add(world, m, NULL, "a");
    assert_int_equal(rt_kill(world->rt, pid, ETF_A(shutdown)), AGNER_OK);
    assert_true(witness_await(&world->seen, "a out stop\na destroy\n"));
}

static void a_failed_addition_leaves_no_link(void **state)
{
    struct probe_world *world = *state;
    struct rt_process_info info;
    etf_term m = start(world);

    assert_int_equal(
        gen_event_add_sup_handler(world->self, m, &hand, ETF_NONE,
                                  hand_args(world, "{a, {error, no}}"), NULL),
        AGNER_ETERMINATED);
    assert_int_equal(rt_process_info(world->self, rt_self(world->self), &info),
                     AGNER_OK);
    assert_int_equal(etf_list_size(info.links), 0);
    add_sup(world, m, NULL, "b");
    assert_int_equal(rt_process_info(world->self, rt_self(world->self), &info),
                     AGNER_OK);
    assert_int_equal(etf_list_size(info.links), 1);
}

/* ---- sys ---------------------------------------------------------------- */

static void shows_its_handlers_to_sys(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), t = ETF_NONE, misc, expected;
    char text[300];

    add(world, m, NULL, "a");
    add_sup(world, m, "2", "b");
    assert_int_equal(
        gen_event_add_handler(self, m, &idle_hand, ETF_NONE, etf_nil(), NULL),
        AGNER_OK);
    assert_int_equal(gen_sys_get_state(self, m, PROBE_LONG_MS, &t), AGNER_OK);
    assert_string_equal(
        etf_format(text, sizeof text, t),
        "[{idle,false,<<\"0 bytes\">>},{hand,2,b},{hand,false,a}]");
    assert_int_equal(gen_sys_get_status(self, m, PROBE_LONG_MS, &t), AGNER_OK);
    assert_true(etf_match(t,
                          "{status, __, {module, gen_event}, [__, running, __, "
                          "[], [{header, __}, {data, __}, {items, "
                          "{\"Installed handlers\", _}}]]}",
                          &misc));
    expected = etf_make(self,
                        "[{handler, idle, false, <<\"0 bytes\">>, false}, "
                        "{handler, hand, 2, b, _}, "
                        "{handler, hand, false, a, false}]",
                        rt_self(self));
    assert_true(etf_equal(misc, expected));
    assert_int_equal(gen_sys_replace_state(self, m, etf_nil(), PROBE_LONG_MS),
                     AGNER_ENOTSUP);
}

static void tells_sys_what_comes(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), answer;

    add(world, m, NULL, "a");
    assert_int_equal(gen_sys_trace(self, m, true, PROBE_LONG_MS), AGNER_OK);
    gen_event_notify(self, m, etf_atom("e"));
    assert_true(witness_await(&world->log, "got {notify,e}"));
    assert_int_equal(gen_sys_suspend(self, m, PROBE_LONG_MS), AGNER_OK);
    gen_event_notify(self, m, etf_atom("later"));
    assert_int_equal(gen_sys_get_state(self, m, PROBE_LONG_MS, &answer),
                     AGNER_OK);
    assert_int_equal(witness_count(&world->seen, "later"), 0);
    assert_int_equal(gen_sys_resume(self, m, PROBE_LONG_MS), AGNER_OK);
    sync_event(world, m, "last");
    assert_int_equal(witness_count(&world->seen, "a event later\n"), 1);
}

/* What a handler does not have. */
static void absent_callbacks_have_defaults(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m = start(world), t = ETF_NONE;
    char text[200];

    assert_int_equal(
        gen_event_add_handler(self, m, &idle_hand, ETF_NONE, etf_nil(), NULL),
        AGNER_OK);
    sync_event(world, m, "e");
    assert_int_equal(
        gen_event_call(self, m, etf_atom("idle"), etf_nil(), PROBE_LONG_MS, &t),
        AGNER_OK);
    assert_string_equal(etf_format(text, sizeof text, t), "{error,undef}");
    assert_true(witness_await(&world->log, "idle <"));
    rt_send(self, m, etf_atom("hello"));
    assert_true(witness_await(&world->log, "no handler for message hello"));
    assert_int_equal(
        gen_event_delete_handler(self, m, etf_atom("idle"), etf_nil(), &t),
        AGNER_OK);
    assert_true(etf_same(t, ETF_A(ok)));
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(tells_the_newest_handler_first),
        CASE(hands_other_messages_to_all),
        CASE(serves_commands_in_the_shape_of_otp),
        CASE(asks_one_handler),
        CASE(answers_after_the_time_out_are_never_seen),
        CASE(nothing_is_left_of_a_handler_that_does_not_come_in),
        CASE(starts_with_the_handlers_of_its_table),
        CASE(does_not_start_without_one_of_them),
        CASE(knows_handlers_by_name),
        CASE(a_failed_handler_is_removed_and_the_others_stay),
        CASE(tells_the_caller_of_a_failed_handler),
        CASE(fails_in_handle_info_too),
        CASE(gives_what_terminate_returned),
        CASE(last_words_outlive_the_state),
        CASE(a_handler_removes_itself),
        CASE(all_leave_when_the_manager_ends),
        CASE(a_killed_manager_destroys_each_handler_once),
        CASE(a_handler_can_end_the_manager),
        CASE(a_swap_hands_over_what_terminate_left),
        CASE(a_swap_keeps_the_supervisor),
        CASE(a_handler_swaps_itself_in_place),
        CASE(a_call_is_answered_by_the_one_that_leaves),
        CASE(handlers_go_with_their_supervisor),
        CASE(other_exits_are_messages),
        CASE(a_manager_ends_with_its_parent),
        CASE(a_manager_ends_by_an_exit_in_its_own_name),
        CASE(a_failed_addition_leaves_no_link),
        CASE(shows_its_handlers_to_sys),
        CASE(tells_sys_what_comes),
        CASE(absent_callbacks_have_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_behaviors_statem_life.c -- how state machines start, what sys sees of
 * them, and how they end.
 *
 * What they do with events in between is in test_behaviors_statem.c.
 */
#include "probe.h"
#include "statem_puppet.h"

/* ---- A machine that keeps a record --------------------------------------
 *
 * Its states are any terms; its events are named by atoms, and do what the
 * function below says. The witness gets "terminate State" and "destroy".
 */

struct rig {
    struct witness *witness; /* borrowed: the world's */
    int64_t number;
};

static const struct gen_statem rig_machine, larger_machine;

static enum gen_next rig_init(struct gen *self, etf_term args)
{
    struct rig *rig = gen_state(self);
    etf_term resource, how;
    void *witness;

    if (!etf_match(args, "{_, _}", &resource, &how) ||
        !etf_get_resource(resource, &witness))
        return gen_stop(self, etf_make(self, "badarg"));
    rig->witness = witness;
    if (etf_match(how, "ignore"))
        return GEN_IGNORE;
    if (etf_match(how, "odd"))
        return (enum gen_next)77;
    if (etf_match(how, "silent"))
        return GEN_NEXT;
    if (etf_match(how, "timeout"))
        return gen_timeout(self, 1);
    return gen_next_state_term(self, how);
}

static enum gen_next rig_obey(struct gen *self, const char *what)
{
    const etf_term later = etf_make(self, "later");

    if (strcmp(what, "leave") == 0)
        rt_exit(self, etf_make(self, "left"));
    if (strcmp(what, "leave_inside") == 0)
        return gen_next_event(self, etf_make(self, "{leave, [_]}", 1));
    if (strcmp(what, "wait") == 0)
        return (void)rt_sleep(self, GEN_INFINITY), GEN_NEXT;
    if (strcmp(what, "wait_then_time") == 0)
        return (void)rt_sleep(self, GEN_INFINITY),
               gen_state_timeout(self, 1, later);
    if (strcmp(what, "postpone") == 0)
        return gen_postpone(self);
    if (strcmp(what, "go") == 0)
        return gen_next_state_term(self, etf_make(self, "{enters, [_]}", 1));
    if (strcmp(what, "number") == 0)
        return gen_next_state(self, 0);
    if (strcmp(what, "server") == 0)
        return gen_timeout(self, 1);
    if (strcmp(what, "continue") == 0)
        return gen_continue(self, later);
    if (strcmp(what, "enlarge") == 0)
        return gen_push_callback_module(self, &larger_machine);
    if (strcmp(what, "nothing") == 0)
        return gen_change_callback_module(self, NULL);
    if (strcmp(what, "no_timeout") == 0)
        return gen_timeout_cancel(self, GEN_STATEM_CAST, ETF_NONE);
    if (strcmp(what, "nameless") == 0)
        return gen_timeout_update(self, GEN_STATEM_NAMED_TIMEOUT, ETF_NONE,
                                  later);
    /* Everything that a machine can hold, so that the end has to free it. */
    (void)gen_next_event(self, etf_make(self, "{\"some\", event}"));
    (void)gen_state_timeout(self, 3600000, etf_make(self, "{a, [1]}"));
    (void)gen_event_timeout(self, 3600000, etf_make(self, "{b, [2]}"));
    (void)gen_named_timeout(self, etf_make(self, "{name, [3]}"),
                            GEN_INFINITY - 1, etf_make(self, "{c, [3]}"));
    (void)gen_named_timeout(self, etf_make(self, "{name, [4]}"), 0, later);
    (void)gen_push_callback_module(self, &rig_machine);
    return gen_next_state_term(self, etf_make(self, "{full, [_]}", 5));
}

static enum gen_next rig_event(struct gen *self,
                               const struct gen_statem_event *event,
                               etf_term state)
{
    struct rig *rig = gen_state(self);
    etf_term what = event->content;
    char text[64];

    switch (event->type) {
    case GEN_STATEM_ENTER:
        witness_add(rig->witness, "enter", state);
        if (etf_match(state, "{enters, [1]}"))
            rt_exit(self, etf_make(self, "left_entering"));
        return GEN_NEXT;
    case GEN_STATEM_INFO:
        witness_add(rig->witness, "info", what);
        return GEN_NEXT;
    case GEN_STATEM_CAST:
        if (etf_get_text(what, text, sizeof text))
            return rig_obey(self, text);
        return GEN_NEXT;
    case GEN_STATEM_CALL:
        return gen_reply(self, event->from,
                         etf_make(self, "{_, _}", state, rig->number));
    case GEN_STATEM_INTERNAL:
    case GEN_STATEM_TIMEOUT:
    case GEN_STATEM_STATE_TIMEOUT:
    case GEN_STATEM_NAMED_TIMEOUT:
        witness_add(rig->witness, "event", what);
        if (etf_match(what, "{leave, [1]}"))
            rt_exit(self, etf_make(self, "left"));
        return GEN_NEXT;
    }
    return GEN_NEXT;
}

static enum agner_err rig_direct(struct gen *self,
                                 const struct rt_direct *direct, void **result)
{
    struct rig *rig = gen_state(self);

    (void)direct;
    rig->number++;
    *result = (void *)(intptr_t)rig->number;
    (void)gen_postpone(self); /* there is no event */
    (void)gen_next_state_term(self, etf_make(self, "asked"));
    return AGNER_OK;
}

static void rig_terminate(struct gen *self, etf_term reason)
{
    struct rig *rig = gen_state(self);

    witness_add(rig->witness, "terminate",
                etf_make(self, "{_, _}", gen_current_state(self), reason));
}

static etf_term rig_status(struct gen *self)
{
    const struct rig *rig = gen_state(self);

    return etf_make(self, "{number, _}", rig->number);
}

static enum agner_err rig_replace(struct gen *self, etf_term data)
{
    struct rig *rig = gen_state(self);

    return etf_match(data, "{number, _}", &rig->number) ? AGNER_OK
                                                        : AGNER_EINVAL;
}

static void rig_destroy(void *data)
{
    struct rig *rig = data;

    if (rig->witness != NULL)
        witness_add(rig->witness, "destroy", ETF_NONE);
}

#define RIG \
    .name = "rig", .init = rig_init, .handle_event = rig_event, \
    .state_enter = true, .handle_direct = rig_direct, \
    .terminate = rig_terminate, .format_status = rig_status, \
    .replace_state = rig_replace, .destroy = rig_destroy

static const struct gen_statem rig_machine = {
    RIG,
    .state_size = sizeof(struct rig),
};
static const struct gen_statem larger_machine = {
    RIG,
    .state_size = sizeof(struct rig) + 1,
};

static enum agner_err rig_try(struct probe_world *world,
                              const struct gen_statem *machine, const char *how,
                              const struct rt_spawn_options *options,
                              etf_pid *pid, etf_term *reason)
{
    return gen_statem_start(world->self, machine, probe_args(world, how),
                            options, pid, reason);
}

static etf_term rig_start(struct probe_world *world, const char *how)
{
    etf_pid pid;

    assert_int_equal(rig_try(world, &rig_machine, how, NULL, &pid, NULL),
                     AGNER_OK);
    return etf_from_pid(NULL, pid);
}

static void rig_cast(struct probe_world *world, etf_term rig, const char *what)
{
    assert_int_equal(gen_cast(world->self, rig, probe_term(world, what)),
                     AGNER_OK);
}

/* ---- Starting ----------------------------------------------------------- */

static void tells_why_its_init_failed(void **state)
{
    struct probe_world *world = *state;
    etf_term reason = ETF_NONE;
    etf_pid pid = { 0 };

    assert_int_equal(gen_statem_start(world->self, &rig_machine, etf_nil(),
                                      NULL, &pid, &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "badarg"));
    assert_int_equal(rig_try(world, &rig_machine, "odd", NULL, &pid, &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "{bad_return_from_init, 77}"));
    assert_int_equal(
        rig_try(world, &rig_machine, "silent", NULL, &pid, &reason),
        AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "{bad_return_from_init, no_state}"));
    assert_int_equal(
        rig_try(world, &rig_machine, "timeout", NULL, &pid, &reason),
        AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "{bad_action, gen_timeout}"));
    assert_int_equal(rig_try(world, &rig_machine, "ignore", NULL, &pid, NULL),
                     AGNER_EIGNORE);
    assert_int_equal(witness_count(&world->seen, "destroy\n"), 4);
    assert_int_equal(witness_count(&world->seen, "terminate"), 0);
}

static void refuses_a_table_without_callbacks(void **state)
{
    static const struct gen_statem_state nameless[] = {
        { .enter = NULL },
    };
    static const struct gen_statem tables[] = {
        { .name = "empty" },
        { .name = "no rows", .states = nameless },
        { .name = "no handler", .states = nameless, .state_count = 1 },
        { .name = "too large",
          .handle_event = rig_event,
          .state_size = SIZE_MAX },
    };
    struct probe_world *world = *state;
    etf_pid pid;

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(rig_try(world, &tables[i], "x", NULL, &pid, NULL),
                         AGNER_EINVAL);
}

static enum gen_next quiet_event(struct gen *self,
                                 const struct gen_statem_event *event)
{
    if (event->type == GEN_STATEM_CALL)
        return gen_reply(self, event->from, gen_current_state(self));
    return gen_keep_state(self);
}

static const struct gen_statem_state quiet_states[] = {
    { .name = "first", .handle = quiet_event },
    { .name = "second", .handle = quiet_event },
};
static const struct gen_statem quiet_machine = {
    .name = "quiet",
    .states = quiet_states,
    .state_count = 2,
    .hibernate_after_ms = 1,
};

static void starts_in_the_first_row_without_init(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .name = etf_atom("quiet_one") };
    etf_pid pid, other;

    assert_int_equal(gen_statem_start_link(world->self, &quiet_machine,
                                           etf_nil(), &options, &pid, NULL),
                     AGNER_OK);
    probe_expect(world, options.name, "which", "first");
    assert_int_equal(gen_statem_start(world->self, &quiet_machine, etf_nil(),
                                      &options, &other, NULL),
                     AGNER_ETAKEN);
    assert_true(etf_pid_equal(pid, other));
}

static void hibernates_by_itself(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    assert_int_equal(gen_statem_start(world->self, &quiet_machine, etf_nil(),
                                      NULL, &pid, NULL),
                     AGNER_OK);
    (void)rt_sleep(world->self, 5); /* long enough that it may */
    probe_expect(world, etf_from_pid(NULL, pid), "which", "first");
}

static void raw_code(struct gen *self, void *arg)
{
    (void)arg;
    gen_statem_enter_loop(self, &quiet_machine, etf_nil());
}

static void raw_nothing(struct gen *self, void *arg)
{
    static const struct gen_statem nothing = { .name = "nothing" };

    (void)arg;
    gen_statem_enter_loop(self, &nothing, etf_nil());
}

static void makes_a_raw_process_a_machine(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    assert_int_equal(rt_spawn(world->self, raw_code, NULL, NULL, &pid),
                     AGNER_OK);
    probe_expect(world, etf_from_pid(NULL, pid), "which", "first");
    assert_int_equal(rt_spawn(world->self, raw_nothing, NULL, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
}

/* ---- What is not allowed ------------------------------------------------ */

static void ends_with_what_was_wrong(void **state)
{
    static const struct {
        const char *what, *reason;
    } wrong[] = {
        { "number", "{bad_return_from_state_function, {next_state, 0}}" },
        { "server", "{bad_action, gen_timeout}" },
        { "continue", "{bad_action, gen_continue}" },
        { "enlarge", "{bad_action_from_state_function, "
                     "{push_callback_module, rig}}" },
        { "nothing", "{bad_action_from_state_function, "
                     "{change_callback_module, undefined}}" },
        { "no_timeout", "{bad_action_from_state_function, {cast, cancel}}" },
        { "nameless", "{bad_action_from_state_function, {timeout, update, "
                      "later}}" },
    };
    struct probe_world *world = *state;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[200];
        etf_term rig = rig_start(world, "here");
        char reason[160];

        rig_cast(world, rig, wrong[i].what);
        probe_wait_dead(world, rig);
        (void)snprintf(line, sizeof line, "terminate {here,%s}\n",
                       etf_format(reason, sizeof reason,
                                  probe_term(world, wrong[i].reason)));
        if (!witness_await(&world->seen, line)) {
            char text[2000];

            fail_msg("%s: %s", wrong[i].what,
                     witness_text(&world->seen, text, sizeof text));
        }
        witness_reset(&world->seen);
    }
}

static enum gen_next confused_cast(struct gen *self, etf_term request)
{
    if (etf_atom_is(request, "postpone"))
        return gen_postpone(self);
    if (etf_atom_is(request, "event"))
        return gen_next_event(self, request);
    if (etf_atom_is(request, "timeout"))
        return gen_state_timeout(self, 1, request);
    if (etf_atom_is(request, "pop"))
        return gen_pop_callback_module(self);
    if (!etf_is_none(gen_current_state(self)))
        return GEN_NEXT;
    return gen_next_state(self, 0);
}

static const struct gen_server confused_server = {
    .name = "confused",
    .handle_cast = confused_cast,
};

static void is_nothing_for_a_server(void **state)
{
    static const char *const wrong[][2] = {
        { "postpone", "gen_postpone" },
        { "event", "gen_next_event" },
        { "timeout", "gen_timeout" },
        { "pop", "gen_pop_callback_module" },
        { "next_state", "gen_next_state" },
    };
    struct probe_world *world = *state;

    for (size_t i = 0; i < 5; i++) {
        struct rt_spawn_options options = { .monitor = true };
        etf_ref ref;
        etf_term down, name;
        etf_pid pid;

        options.monitor_ref = &ref;
        assert_int_equal(gen_start(world->self, &confused_server, etf_nil(),
                                   &options, &pid, NULL),
                         AGNER_OK);
        rig_cast(world, etf_from_pid(NULL, pid), wrong[i][0]);
        assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &down),
                         AGNER_OK);
        assert_true(
            etf_match(down, "{'DOWN', __, __, __, {bad_action, _}}", &name));
        assert_true(etf_atom_is(name, wrong[i][1]));
    }
}

/* ---- sys ---------------------------------------------------------------- */

static bool state_is(struct probe_world *world, etf_term to, const char *text)
{
    etf_term seen = ETF_NONE;

    assert_int_equal(gen_sys_get_state(world->self, to, PROBE_LONG_MS, &seen),
                     AGNER_OK);
    return probe_equal(world, seen, text);
}

static void shows_its_state_and_data(void **state)
{
    struct probe_world *world = *state;
    etf_term rig = rig_start(world, "{at, 1}");
    etf_pid pid;

    assert_true(state_is(world, rig, "{{at, 1}, {number, 0}}"));
    assert_int_equal(
        gen_sys_replace_state(world->self, rig,
                              probe_term(world, "{[x], {number, 7}}"),
                              PROBE_LONG_MS),
        AGNER_OK);
    probe_expect(world, rig, "what", "{[x], 7}");
    assert_int_equal(gen_sys_replace_state(
                         world->self, rig,
                         probe_term(world, "{[y], {other, 7}}"), PROBE_LONG_MS),
                     AGNER_ENOTSUP);
    assert_int_equal(gen_sys_replace_state(world->self, rig,
                                           probe_term(world, "single"),
                                           PROBE_LONG_MS),
                     AGNER_ENOTSUP);
    assert_true(state_is(world, rig, "{[x], {number, 7}}"));
    assert_int_equal(gen_statem_start(world->self, &quiet_machine, etf_nil(),
                                      NULL, &pid, NULL),
                     AGNER_OK);
    assert_true(
        state_is(world, etf_from_pid(NULL, pid), "{first, <<\"0 bytes\">>}"));
    assert_int_equal(gen_sys_replace_state(world->self, etf_from_pid(NULL, pid),
                                           probe_term(world, "{second, x}"),
                                           PROBE_LONG_MS),
                     AGNER_ENOTSUP);
}

static void tells_what_it_holds_in_its_status(void **state)
{
    struct probe_world *world = *state;
    etf_term rig = rig_start(world, "start");
    etf_term status, line;
    char *text = calloc(1, 4096);

    assert_non_null(text);
    rig_cast(world, rig, "postpone");
    rig_cast(world, rig, "fill");
    assert_true(state_is(world, rig, "{{full, [5]}, {number, 0}}"));
    assert_int_equal(
        gen_sys_get_status(world->self, rig, PROBE_LONG_MS, &status), AGNER_OK);
    assert_true(etf_match(status,
                          "{status, __, {module, gen_statem}, "
                          "[__, running, __, __, "
                          "[__, {data, _}, __]]}",
                          &line));
    (void)etf_format(text, 4096, line);
    assert_non_null(strstr(text, "{\"Modules\",[rig,rig]}"));
    assert_non_null(strstr(text, "{\"Time-outs\",{2,["));
    assert_non_null(strstr(text, "{state_timeout,{a,[1]}}"));
    assert_non_null(strstr(text, "{{timeout,{name,[3]}},{c,[3]}}"));
    assert_non_null(strstr(text, "{\"Postponed\",[{cast,postpone}]}"));
    free(text);
}

#define ONE "{one, [{a, keep, [postpone]}]}"
#define TWO \
    "{two, [{a, {next, b}, [{internal, i}, {state_timeout, 3600000, t}, " \
    "{{timeout, n}, update, u}]}]}"

/* What sys:log(Pid, get) told after the same on OTP 25. */
static void logs_events_as_otp_does(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term log = ETF_NONE, machine;
    etf_pid pid;

    assert_int_equal(
        gen_statem_start(self, puppet_machine(etf_atom("sf")),
                         etf_make(self, "{_, a, [], []}", rt_self(self)), NULL,
                         &pid, NULL),
        AGNER_OK);
    machine = etf_from_pid(NULL, pid);
    assert_int_equal(
        gen_sys_log(self, machine, ETF_A(true), PROBE_LONG_MS, NULL), AGNER_OK);
    rig_cast(world, machine, ONE);
    rig_cast(world, machine, TWO);
    assert_int_equal(
        gen_sys_log(self, machine, etf_make(self, "get"), PROBE_LONG_MS, &log),
        AGNER_OK);
    assert_true(probe_equal(
        world, log,
        "{ok, [{in, {cast, " ONE "}, a}, {postpone, {cast, " ONE "}, a, a}, "
        "{in, {cast, " TWO "}, a}, {in, {internal, i}, b}, "
        "{consume, {cast, " TWO "}, a, b}, "
        "{start_timer, {state_timeout, 3600000, t, []}, b}, "
        "{consume, {internal, i}, b, b}, {consume, {cast, " ONE "}, b, b}, "
        "{in, {{timeout, n}, u}, b}, {consume, {{timeout, n}, u}, b, b}]}"));
}

static void handles_nothing_while_it_is_suspended(void **state)
{
    struct probe_world *world = *state;
    etf_term rig = rig_start(world, "here");

    assert_int_equal(gen_sys_suspend(world->self, rig, PROBE_LONG_MS),
                     AGNER_OK);
    assert_int_equal(rt_send(world->self, rig, probe_term(world, "hello")),
                     AGNER_OK);
    assert_true(state_is(world, rig, "{here, {number, 0}}"));
    assert_int_equal(witness_count(&world->seen, "info hello"), 0);
    assert_int_equal(gen_sys_resume(world->self, rig, PROBE_LONG_MS), AGNER_OK);
    assert_true(witness_await(&world->seen, "info hello\n"));
}

/* ---- Native requests ---------------------------------------------------- */

static void answers_native_requests(void **state)
{
    struct probe_world *world = *state;
    etf_term rig = rig_start(world, "here");
    etf_pid pid;
    void *result = NULL;

    assert_true(etf_get_pid(rig, &pid));
    assert_int_equal(
        gen_direct(world->rt, pid, NULL, 0, PROBE_LONG_MS, &result), AGNER_OK);
    assert_int_equal((intptr_t)result, 1);
    probe_expect(world, rig, "what", "{asked, 1}");
    assert_true(witness_await(&world->seen, "enter asked\n"));
}

/* ---- The end ------------------------------------------------------------ */

/* What it holds then is freed: the sanitizers see to that. */
static void ends_once_however_it_ends(void **state)
{
    static const char *const ends[][2] = {
        { "leave", "terminate {{full,[5]},left}\ndestroy\n" },
        { "leave_inside", "terminate {{full,[5]},left}\ndestroy\n" },
        { "go", "terminate {{enters,[1]},left_entering}\ndestroy\n" },
        { "number", "terminate {{full,[5]},{bad_return_from_state_function,"
                    "{next_state,0}}}\ndestroy\n" },
    };
    struct probe_world *world = *state;

    for (size_t i = 0; i < 4; i++) {
        etf_term rig = rig_start(world, "start");

        rig_cast(world, rig, "postpone");
        rig_cast(world, rig, "fill");
        rig_cast(world, rig, "postpone");
        rig_cast(world, rig, ends[i][0]);
        probe_wait_dead(world, rig);
        assert_true(witness_await(&world->seen, ends[i][1]));
        if (i == 1)
            assert_true(witness_await(&world->log, "message {leave,[1]}"));
        assert_int_equal(witness_count(&world->seen, "terminate"), 1);
        assert_int_equal(witness_count(&world->seen, "destroy"), 1);
        witness_reset(&world->seen);
    }
}

static void ends_without_terminate_when_killed(void **state)
{
    static const char *const busy[] = { "fill", "wait" };
    struct probe_world *world = *state;

    for (size_t i = 0; i < 2; i++) {
        etf_term rig = rig_start(world, "start");
        etf_pid pid;

        assert_true(etf_get_pid(rig, &pid));
        rig_cast(world, rig, "postpone");
        rig_cast(world, rig, busy[i]);
        (void)rt_sleep(world->self, 2); /* long enough that it may wait */
        assert_int_equal(
            rt_exit_signal(world->self, pid, etf_make(world->self, "kill")),
            AGNER_OK);
        probe_wait_dead(world, rig);
        assert_true(witness_await(&world->seen, "destroy\n"));
        assert_int_equal(witness_count(&world->seen, "terminate"), 0);
        witness_reset(&world->seen);
    }
}

/* The reason is the signal's, also when it ends a wait in a callback. */
static void ends_by_an_exit_signal(void **state)
{
    struct probe_world *world = *state;

    for (int waits = 0; waits < 2; waits++) {
        etf_term rig = rig_start(world, "here");
        etf_pid pid;

        assert_true(etf_get_pid(rig, &pid));
        if (waits)
            rig_cast(world, rig, "wait_then_time");
        (void)rt_sleep(world->self, 2); /* long enough that it may wait */
        assert_int_equal(
            rt_exit_signal(world->self, pid, etf_make(world->self, "enough")),
            AGNER_OK);
        assert_true(
            witness_await(&world->seen, "terminate {here,enough}\ndestroy\n"));
        assert_true(witness_await(&world->log, "reason enough"));
        assert_int_equal(witness_count(&world->log, "memory"), 0);
        witness_reset(&world->seen);
        witness_reset(&world->log);
    }
}

static void hears_exits_as_info_but_obeys_its_parent(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .trap_exit = true, .link = true };
    etf_pid pid, other = rt_self(world->self);
    etf_term m, reason;
    etf_term probe = probe_start(world, "ok");

    assert_true(etf_get_pid(probe, &other));
    (void)rt_trap_exit(world->self, true);
    assert_int_equal(rig_try(world, &rig_machine, "here", &options, &pid, NULL),
                     AGNER_OK);
    assert_int_equal(
        gen_cast(world->self, probe, etf_make(world->self, "{link, _}", pid)),
        AGNER_OK);
    assert_int_equal(
        gen_cast(world->self, probe, probe_term(world, "{stop, tired}")),
        AGNER_OK);
    assert_true(witness_await(&world->seen, "info {'EXIT',"));
    witness_reset(&world->seen);
    assert_int_equal(
        rt_exit_signal(world->self, pid, etf_make(world->self, "shutdown")),
        AGNER_OK);
    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'EXIT', __, _}", &reason));
    assert_true(etf_atom_is(reason, "shutdown"));
    assert_int_equal(witness_count(&world->seen, "terminate {here,shutdown}"),
                     1);
}

static void stops_as_any_server(void **state)
{
    struct probe_world *world = *state;
    etf_term rig = rig_start(world, "here");

    assert_int_equal(gen_server_stop(world->self, rig,
                                     etf_make(world->self, "done"),
                                     PROBE_LONG_MS),
                     AGNER_OK);
    assert_true(
        witness_await(&world->seen, "terminate {here,done}\ndestroy\n"));
}

#define CASE(test) \
    cmocka_unit_test_setup_teardown(test, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(tells_why_its_init_failed),
        CASE(refuses_a_table_without_callbacks),
        CASE(starts_in_the_first_row_without_init),
        CASE(hibernates_by_itself),
        CASE(makes_a_raw_process_a_machine),
        CASE(ends_with_what_was_wrong),
        CASE(is_nothing_for_a_server),
        CASE(shows_its_state_and_data),
        CASE(tells_what_it_holds_in_its_status),
        CASE(logs_events_as_otp_does),
        CASE(handles_nothing_while_it_is_suspended),
        CASE(answers_native_requests),
        CASE(ends_once_however_it_ends),
        CASE(ends_without_terminate_when_killed),
        CASE(ends_by_an_exit_signal),
        CASE(hears_exits_as_info_but_obeys_its_parent),
        CASE(stops_as_any_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

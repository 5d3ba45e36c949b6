/*
 * test_behaviors_application_look.c -- callbacks, start phases, the group
 * leader, and what is told about applications (spec/gen.md 1.9, 4.3).
 */
#include "app_bed.h"

/* ---- Callbacks ---------------------------------------------------------- */

static const struct gen_child_spec tree_children[] = {
    { .name = "child", .server = &app_actor, .args = "child" },
};
static const struct gen_supervisor tree_top = { .name = "top",
                                                APP_CHILDREN(tree_children) };

static enum agner_err start_tree(struct gen *self, enum gen_start_type type,
                                 etf_term args, etf_pid *top, etf_term *reason)
{
    app_bed_say("start", etf_make(self, "{_, _}",
                                  etf_atom(gen_start_type_name(type)), args));
    return gen_supervisor_start_link(self, &tree_top, args, NULL, top, reason);
}

static enum agner_err run_phase(struct gen *self, etf_term phase,
                                enum gen_start_type type, etf_term args,
                                etf_term *reason)
{
    (void)self;
    (void)type;
    app_bed_say("phase", etf_make(self, "{_, _}", phase, args));
    if (!etf_atom_is(phase, "bad"))
        return AGNER_OK;
    *reason = etf_atom("badphase");
    return AGNER_EEXIT;
}

static void prep_stop(struct gen *self)
{
    (void)self;
    app_bed_say("prep_stop", ETF_NONE);
}

static void stop(struct gen *self)
{
    (void)self;
    app_bed_say("stop", ETF_NONE);
}

static void config_change(struct gen *self, etf_term changed, etf_term added,
                          etf_term removed)
{
    app_bed_say("config_change",
                etf_make(self, "{_, _, _}", changed, added, removed));
}

static const struct gen_application callbacks = {
    APP_HEAD("callbacks"),
    .start = start_tree,
    .args = "{some, args}",
    .start_phases = "[{one, [1]}, {two, []}]",
    .start_phase = run_phase,
    .prep_stop = prep_stop,
    .stop = stop,
    .env = "[{a, 1}, {b, 2}, {c, 3}]",
    .config_change = config_change,
};

static void callbacks_are_called_in_order(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &callbacks);
    app_bed_up(bed, "callbacks", GEN_APP_TRANSIENT);
    assert_int_equal(
        gen_application_stop(bed->self, "callbacks", RT_INFINITY, NULL),
        AGNER_OK);
    app_bed_saw(bed, "start {transient,{some,args}}\n"
                     "init child\n"
                     "phase {one,[1]}\nphase {two,[]}\n"
                     "prep_stop\nend child shutdown\nstop\n");
}

/* A tree that ends by itself has its callbacks too, as in OTP. */
static void they_are_called_when_the_tree_has_ended(void **state)
{
    struct app_bed *bed = *state;
    etf_pid top;
    etf_term map;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &callbacks);
    app_bed_up(bed, "callbacks", GEN_APP_TEMPORARY);
    assert_int_equal(gen_application_info(bed->self, "callbacks", &map, NULL),
                     AGNER_OK);
    assert_true(etf_get_pid(etf_map_get(map, etf_atom("top")), &top));
    assert_int_equal(gen_server_stop(bed->self, etf_from_pid(NULL, top),
                                     ETF_A(normal), PROBE_LONG_MS),
                     AGNER_OK);
    app_bed_await(bed, "callbacks", "loaded");
    app_bed_saw(bed, "end child shutdown\nprep_stop\nstop\n");
}

static void a_phase_that_fails_stops_the_tree(void **state)
{
    static const struct gen_application failing = {
        APP_HEAD("failing"),
        .supervisor = &tree_top,
        .start_phases = "[{one, 1}, {bad, 2}, {never, 3}]",
        .start_phase = run_phase,
        .stop = stop,
    };
    struct app_bed *bed = *state;
    etf_term reason;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &failing);
    assert_int_equal(gen_application_start(bed->self, "failing",
                                           GEN_APP_TEMPORARY, &reason, NULL),
                     AGNER_EEXIT);
    assert_string_equal(app_bed_text(reason),
                        "{badphase,{failing,start_phase,[bad,normal,2]}}");
    app_bed_saw(bed, "phase {one,1}\nphase {bad,2}\nend child ");
    assert_int_equal(witness_count(&bed->seen, "never"), 0);
    assert_int_equal(witness_count(&bed->seen, "stop\n"), 0); /* as in OTP */
    assert_false(app_bed_is_there(bed, "child"));
}

static void texts_that_do_not_parse_fail_the_start(void **state)
{
    static const struct gen_application bad_args = { APP_HEAD("bad_args"),
                                                     .supervisor = &tree_top,
                                                     .args = "{a," };
    static const struct gen_application bad_phases = {
        APP_HEAD("bad_phases"), .supervisor = &tree_top,
        .start_phases = "[one]", .start_phase = run_phase
    };
    struct app_bed *bed = *state;
    etf_term reason;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &bad_args);
    app_bed_load(bed, &bad_phases);
    assert_int_equal(gen_application_start(bed->self, "bad_args",
                                           GEN_APP_TEMPORARY, &reason, NULL),
                     AGNER_EEXIT);
    assert_string_equal(app_bed_text(reason),
                        "{bad_application,{bad_args,args,<<\"line 1, column 4: "
                        "the text ends, expected a term\">>}}");
    assert_int_equal(gen_application_start(bed->self, "bad_phases",
                                           GEN_APP_TEMPORARY, &reason, NULL),
                     AGNER_EEXIT);
    assert_string_equal(app_bed_text(reason),
                        "{badarg,{bad_phases,start_phases,one}}");
    assert_false(app_bed_is_there(bed, "child"));
}

/* ---- A new configuration ------------------------------------------------ */

static etf_term config(struct app_bed *bed, const char *text)
{
    etf_term term;

    assert_int_equal(
        etf_parse(rt_region(bed->self), text, strlen(text), &term, NULL, NULL),
        AGNER_OK);
    return term;
}

static void a_change_of_configuration_is_told_to_those_it_concerns(void **state)
{
    struct app_bed *bed = *state;
    etf_term list;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &callbacks);
    app_bed_up(bed, "callbacks", GEN_APP_TEMPORARY);
    assert_int_equal(gen_application_set_env(bed->self, "callbacks", "api",
                                             ETF_A(yes), false),
                     AGNER_OK);
    assert_int_equal(
        gen_applications_config_change(
            bed->self, config(bed, "[{callbacks, [{a, 9}, {d, 4}]}]"), NULL),
        AGNER_OK);
    app_bed_sees(bed, "config_change {[{a,9}],[{d,4}],[api]}\n");
    assert_int_equal(gen_application_all_env(bed->self, "callbacks", &list),
                     AGNER_OK);
    assert_string_equal(app_bed_text(list), "[{a,9},{b,2},{c,3},{d,4}]");
    assert_int_equal(gen_applications_config_change(
                         bed->self, config(bed, "[{other, [{a, 9}]}]"), NULL),
                     AGNER_OK);
    app_bed_sees(bed, "config_change {[{a,1}],[],[d]}\n");
    assert_int_equal(gen_applications_config_change(
                         bed->self, config(bed, "[{other, []}]"), NULL),
                     AGNER_OK);
    assert_int_equal(witness_count(&bed->seen, "config_change"), 2);
    assert_int_equal(gen_applications_config_change(
                         bed->self, config(bed, "[{other, [a]}]"), &bed->error),
                     AGNER_EINVAL);
}

/* ---- The group leader --------------------------------------------------- */

static void the_master_is_the_leader_of_all_its_processes(void **state)
{
    struct app_bed *bed = *state;
    struct rt_process_info info;
    etf_pid master, child;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &callbacks);
    app_bed_up(bed, "callbacks", GEN_APP_TEMPORARY);
    master = app_bed_master(bed, "callbacks");
    assert_true(etf_get_pid(app_bed_whereis(bed, "child"), &child));
    assert_int_equal(rt_process_info(bed->self, child, &info), AGNER_OK);
    assert_true(etf_pid_equal(info.group_leader, master));
    assert_string_equal(app_bed_ask(bed, "child", "{application}"),
                        "callbacks");
    assert_true(etf_atom_is(gen_application_of(bed->rt, child), "callbacks"));
    assert_true(etf_atom_is(gen_application_of(bed->rt, master), "callbacks"));
    assert_true(etf_is_none(
        gen_application_of(bed->rt, rt_self(bed->self)))); /* nobody's */
}

/* The Erlang I/O protocol. All of it: test_apps_io. */
static const struct {
    const char *request, *reply;
} requests[] = {
    { "{put_chars, unicode, <<\"hello\\nworld\\n\">>}", "ok" },
    { "{put_chars, latin1, [\"he\", $l, [<<\"lo\">>]]}", "ok" },
    { "{put_chars, \"old\"}", "ok" },
    { "{requests, [{put_chars, unicode, \"one\"}, nonsense, "
      "{put_chars, unicode, \"never\"}]}",
      "{error,{request,nonsense}}" },
    { "{put_chars, unicode, io_lib, format, [\"~w\", [two]]}", "ok" },
    { "{put_chars, unicode, 5}", "{error,put_chars}" },
    { "{get_line, unicode, \"> \"}", "eof" },
    { "nonsense", "{error,{request,nonsense}}" },
};

static void the_leader_serves_io_requests(void **state)
{
    struct app_bed *bed = *state;
    char request[200], reply[100];

    app_bed_control(bed, NULL);
    app_bed_load(bed, &callbacks);
    app_bed_up(bed, "callbacks", GEN_APP_TEMPORARY);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        (void)snprintf(request, sizeof request, "{io, %s}",
                       requests[i].request);
        (void)snprintf(reply, sizeof reply, "{io_reply,here,%s}",
                       requests[i].reply);
        assert_string_equal(app_bed_ask(bed, "child", request), reply);
    }
    assert_true(witness_await(&bed->log, "callbacks: hello\n"));
    assert_true(witness_await(&bed->log, "callbacks: world\n"));
    assert_true(witness_await(&bed->log, "callbacks: one\n"));
    assert_true(witness_await(&bed->log, "callbacks: two\n"));
    assert_int_equal(witness_count(&bed->log, "never"), 0);
}

/* A leader that we have ourselves gets them, and answers. */
static void requests_are_passed_on_to_the_masters_own_leader(void **state)
{
    struct app_bed *bed = *state;
    etf_term message, reply_as, request;
    struct rt_request id;
    etf_pid from;

    assert_int_equal(
        rt_set_group_leader(bed->self, rt_self(bed->self), rt_self(bed->self)),
        AGNER_OK);
    app_bed_control(bed, NULL);
    app_bed_load(bed, &callbacks);
    app_bed_up(bed, "callbacks", GEN_APP_TEMPORARY);
    assert_int_equal(
        gen_send_request(bed->self, etf_atom("child"),
                         etf_make(bed->self, "{io, {put_chars, unicode, x}}"),
                         &id),
        AGNER_OK);
    assert_int_equal(rt_receive(bed->self, PROBE_LONG_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{io_request, _, _, _}", &from, &reply_as,
                          &request));
    assert_string_equal(app_bed_text(request), "{put_chars,unicode,x}");
    assert_int_equal(
        rt_send_pid(bed->self, from,
                    etf_make(bed->self, "{io_reply, _, mine}", reply_as)),
        AGNER_OK);
    assert_int_equal(gen_wait(bed->self, &id, PROBE_LONG_MS, &message),
                     AGNER_OK);
    assert_string_equal(app_bed_text(message), "{io_reply,here,mine}");
}

/* What is said while it stops is heard. */
static enum gen_next last_words_init(struct gen *self, etf_term args)
{
    (void)args;
    (void)rt_trap_exit(self, true);
    return GEN_NEXT;
}

static bool is_io_reply(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_match(m, "{io_reply, __, __}");
}

static void last_words(struct gen *self, etf_term reason)
{
    etf_term message;

    (void)reason;
    (void)rt_send_pid(
        self, rt_group_leader(self),
        etf_make(self, "{io_request, _, x, {put_chars, unicode, <<\"bye\">>}}",
                 rt_self(self)));
    (void)rt_receive_match(self, is_io_reply, NULL, RT_INFINITY, &message);
}

static const struct gen_server last_words_server = { .name = "last_words",
                                                     .init = last_words_init,
                                                     .terminate = last_words };
static const struct gen_child_spec last_words_child[] = {
    { .id = "last_words",
      .server = &last_words_server,
      .shutdown_ms = RT_INFINITY },
};
static const struct gen_application wordy = { APP_HEAD("wordy"),
                                              APP_CHILDREN(last_words_child) };

static void the_leader_serves_requests_while_it_stops(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &wordy);
    app_bed_up(bed, "wordy", GEN_APP_TEMPORARY);
    assert_int_equal(
        gen_application_stop(bed->self, "wordy", PROBE_LONG_MS, NULL),
        AGNER_OK);
    assert_true(witness_await(&bed->log, "wordy: bye\n"));
}

/* ---- Looking ------------------------------------------------------------ */

static void one_tells_all_about_itself(void **state)
{
    static const char *const needs[] = { "wordy", NULL };
    static const struct gen_application full = { APP_HEAD("full"),
                                                 .applications = needs,
                                                 .supervisor = &tree_top,
                                                 .env = "[{key, value}]" };
    struct app_bed *bed = *state;
    etf_term map, children, id, pid;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &wordy);
    app_bed_load(bed, &full);
    assert_string_equal(app_bed_state(bed, "full"), "loaded");
    assert_string_equal(app_bed_info(bed, "full", "env"), "#{key => value}");
    assert_int_equal(
        gen_application_ensure_all_started(bed->self, "full", GEN_APP_TRANSIENT,
                                           GEN_APP_TEMPORARY, NULL, NULL, NULL),
        AGNER_OK);
    assert_int_equal(rt_sleep(bed->self, 50), AGNER_OK);
    assert_int_equal(gen_application_info(bed->self, "full", &map, NULL),
                     AGNER_OK);
    assert_string_equal(app_bed_info(bed, "full", "type"), "transient");
    assert_string_equal(app_bed_info(bed, "wordy", "type"), "temporary");
    assert_string_equal(app_bed_info(bed, "full", "applications"), "[wordy]");
    assert_string_equal(app_bed_info(bed, "full", "version"), "\"1\"");
    assert_true(strtoul(app_bed_info(bed, "full", "uptime_ms"), NULL, 10) >=
                50);
    children = etf_map_get(map, etf_atom("children"));
    assert_true(etf_match(children, "[{_, _, worker, [actor]}]", &id, &pid));
    assert_true(etf_atom_is(id, "child"));
    assert_true(etf_equal(pid, app_bed_whereis(bed, "child")));
}

/* The requests that an Erlang node makes, and OTP's answers. */
static void the_controller_answers_as_OTPs(void **state)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        { "{load_application, nowhere}",
          "{error,{refused,-10,<<\"there is no application nowhere\">>}}" },
        { "{start_application, wordy, often}",
          "{error,{invalid_restart_type,often}}" },
        { "{start_application, wordy, transient}", "ok" },
        { "{start_application, \"wordy\", transient}",
          "{error,{already_started,wordy}}" },
        { "{load_application, wordy}", "{error,{already_loaded,wordy}}" },
        { "{unload_application, wordy}", "{error,{running,wordy}}" },
        { "which_applications", "[{wordy,\"wordy\",\"1\"}]" },
        { "loaded_applications", "[{wordy,\"wordy\",\"1\"}]" },
        { "{set_env, wordy, a, {b}, []}", "ok" },
        { "{unset_env, wordy, a, []}", "ok" },
        { "{set_env, \"wordy\", a, 1, []}", "{error,badarg}" },
        { "{stop_application, wordy}", "ok" },
        { "{stop_application, wordy}", "{error,{not_started,wordy}}" },
        { "{stop_application, zzz}", "{error,{not_started,zzz}}" },
        { "{unload_application, wordy}", "ok" },
        { "{unload_application, wordy}", "{error,{not_loaded,wordy}}" },
        { "{application_info, wordy}", "{error,{not_loaded,wordy}}" },
        { "{stop_application, 5}", "{error,badarg}" },
        { "foo", "{error,badarg}" },
        { "info", "[{loaded,[]},{loading,[]},{started,[]},{start_p_false,[]},"
                  "{running,[]},{starting,[]}]" },
    };
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &wordy);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(
            app_bed_ask(bed, "application_controller", cases[i].request),
            cases[i].answer);
}

static void without_a_controller_there_is_no_such_name(void **state)
{
    struct app_bed *bed = *state;
    etf_term list;

    assert_int_equal(gen_which_applications(bed->self, &list), AGNER_ENONAME);
    assert_int_equal(gen_application_load(bed->self, &wordy, &bed->error),
                     AGNER_ENONAME);
    assert_string_equal(bed->error.text,
                        "application_controller: no such name");
    app_bed_control(bed, NULL);
    assert_int_equal(gen_applications_start(bed->self, NULL, &bed->error),
                     AGNER_ETAKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APP_TEST(callbacks_are_called_in_order),
        APP_REAL(callbacks_are_called_in_order),
        APP_TEST(they_are_called_when_the_tree_has_ended),
        APP_TEST(a_phase_that_fails_stops_the_tree),
        APP_REAL(a_phase_that_fails_stops_the_tree),
        APP_TEST(texts_that_do_not_parse_fail_the_start),
        APP_TEST(a_change_of_configuration_is_told_to_those_it_concerns),
        APP_TEST(the_master_is_the_leader_of_all_its_processes),
        APP_TEST(the_leader_serves_io_requests),
        APP_REAL(the_leader_serves_io_requests),
        APP_TEST(requests_are_passed_on_to_the_masters_own_leader),
        APP_TEST(the_leader_serves_requests_while_it_stops),
        APP_REAL(the_leader_serves_requests_while_it_stops),
        APP_TEST(one_tells_all_about_itself),
        APP_TEST(the_controller_answers_as_OTPs),
        APP_TEST(without_a_controller_there_is_no_such_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

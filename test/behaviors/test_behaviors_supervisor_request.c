/*
 * test_behaviors_supervisor_request.c -- what is asked of a supervisor: OTP's
 * requests and answers, as a node of Erlang sends and gets them, and the
 * functions that hide them. spec/gen.md 1.8, 2.3; the answers were recorded
 * from OTP 25.
 */
#include "members.h"

#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* The answer to a request in Erlang syntax must be this, pids as `Pid`. */
static void expect_answer(struct bed *bed, etf_term sup, const char *request,
                          const char *expected)
{
    char text[2000], seen[2000] = "";
    size_t used = 0;
    etf_term answer;

    assert_int_equal(
        gen_call(bed->self, sup, members_term(bed, request), WAIT_MS, &answer),
        AGNER_OK);
    (void)etf_format(text, sizeof text, answer);
    for (const char *c = text; *c != '\0' && used < sizeof seen - 4; c++) {
        if (*c == '<' && c[1] >= '0' && c[1] <= '9') {
            c = strchr(c, '>');
            memcpy(seen + used, "Pid", 3);
            used += 3;
        } else {
            seen[used++] = *c;
        }
    }
    seen[used] = '\0';
    if (strcmp(seen, expected) != 0)
        fail_msg("%s: got %s, not %s", request, seen, expected);
    rt_reset(bed->self);
}

static void stop(struct bed *bed, etf_term sup)
{
    assert_int_equal(
        gen_server_stop(bed->self, sup, ETF_A(shutdown), RT_INFINITY),
        AGNER_OK);
    assert_int_equal(members_alive(bed), 0);
    members_close(bed);
}

/* ---- As OTP answers ----------------------------------------------------- */

static enum agner_err start_with_info(struct gen *self, etf_term args,
                                      etf_pid *pid, etf_term *info)
{
    *info = etf_make(self, "{extra, _}", args);
    return gen_start_link(self, &member_server, args, NULL, pid, NULL);
}

static const struct gen_child_spec two[] = {
    { .id = "a", .server = &member_server, .args = "x" },
    { .id = "b", .server = &member_server, .args = "{b, ignore}" },
};
static const struct gen_supervisor pair = { .children = two, .child_count = 2 };

static void answers_as_otp_does(void **state)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        { "which_children",
          "[{b,undefined,worker,[member]},{a,Pid,worker,[member]}]" },
        { "count_children",
          "[{specs,2},{active,1},{supervisors,0},{workers,2}]" },
        { "{start_child, foo}", "{error,{invalid_child_spec,foo}}" },
        { "{start_child, {g, foo, permanent, 1, worker, []}}",
          "{error,{invalid_mfa,foo}}" },
        { "{start_child, #{id => g}}", "{error,missing_start}" },
        { "{start_child, #{start => {m, f, []}}}", "{error,missing_id}" },
        { "{start_child, #{id => g, start => {m, f, [a|b]}}}",
          "{error,{invalid_mfa,{m,f,[a|b]}}}" },
        { "{start_child, #{id => g, start => {m, f, []}, shutdown => -1}}",
          "{error,{invalid_shutdown,-1}}" },
        { "{start_child, #{id => g, start => {m, f, []}, modules => x}}",
          "{error,{invalid_modules,x}}" },
        { "{start_child, #{id => g, start => {m, f, []}, modules => [m, 1]}}",
          "{error,{invalid_module,1}}" },
        { "{start_child, #{id => g, start => {m, f, []}, significant => 1}}",
          "{error,{invalid_significant,1}}" },
        { "{start_child, #{id => a, start => {m, f, []}}}",
          "{error,{already_started,Pid}}" },
        { "{start_child, #{id => b, start => {m, f, []}}}",
          "{error,already_present}" },
        { "{start_child, #{id => f, start => {nomod, nof, [1]}}}",
          "{error,{{'EXIT',{undef,[{nomod,nof,[1],[]}]}},{child,undefined,f,"
          "{nomod,nof,[1]},permanent,false,5000,worker,[nomod]}}}" },
        { "{restart_child, a}", "{error,running}" },
        { "{restart_child, b}", "{ok,undefined}" },
        { "{restart_child, z}", "{error,not_found}" },
        { "{delete_child, a}", "{error,running}" },
        { "{delete_child, z}", "{error,not_found}" },
        { "{terminate_child, z}", "{error,not_found}" },
        { "{get_childspec, a}",
          "{ok,#{id => a,modules => [member],restart => permanent,"
          "shutdown => 5000,significant => false,"
          "start => {member,start_link,[x]},type => worker}}" },
        { "{get_childspec, z}", "{error,not_found}" },
        { "{terminate_child, a}", "ok" },
        { "{terminate_child, a}", "ok" },
        { "which_children",
          "[{b,undefined,worker,[member]},{a,undefined,worker,[member]}]" },
        { "{restart_child, a}", "{ok,Pid}" },
        { "{terminate_child, a}", "ok" },
        { "{delete_child, a}", "ok" },
        { "{delete_child, b}", "ok" },
        { "which_children", "[]" },
        { "count_children",
          "[{specs,0},{active,0},{supervisors,0},{workers,0}]" },
    };
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    assert_true(etf_get_pid(sup, &pid));
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_answer(&bed, etf_from_pid(NULL, pid), cases[i].request,
                      cases[i].answer);
    stop(&bed, sup);
}

static void simple_answers_as_otp_does(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server };
    static const struct gen_supervisor table = {
        .strategy = GEN_SIMPLE_ONE_FOR_ONE, .children = &row, .child_count = 1
    };
    static const struct {
        const char *request, *answer;
    } cases[] = {
        { "which_children", "[]" },
        { "count_children",
          "[{specs,1},{active,0},{supervisors,0},{workers,0}]" },
        { "{start_child, [x]}", "{ok,Pid}" },
        { "{start_child, [{x, ignore}]}", "{ok,undefined}" },
        { "{start_child, [{x, {fail, why}}]}", "{error,why}" },
        { "{start_child, foo}", "{error,{'EXIT',{badarg,[]}}}" },
        { "which_children", "[{undefined,Pid,worker,[member]}]" },
        { "{terminate_child, a}", "{error,simple_one_for_one}" },
        { "{restart_child, a}", "{error,simple_one_for_one}" },
        { "{delete_child, a}", "{error,simple_one_for_one}" },
        { "{get_childspec, a}",
          "{ok,#{id => a,modules => [member],restart => permanent,"
          "shutdown => 5000,significant => false,"
          "start => {member,start_link,[]},type => worker}}" },
    };
    struct bed bed;
    etf_term sup, map;
    etf_pid pid, child;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_true(etf_get_pid(sup, &pid));
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_answer(&bed, etf_from_pid(NULL, pid), cases[i].request,
                      cases[i].answer);
    child = members_pid(&bed, sup, "undefined");
    assert_int_equal(
        gen_get_childspec(bed.self, sup, etf_from_pid(NULL, child), &map),
        AGNER_OK);
    /* A pid that is no child: gone is fine, alive is not. */
    assert_int_equal(gen_terminate_child(bed.self, sup, rt_self_term(bed.self)),
                     AGNER_EUNKNOWN);
    assert_int_equal(
        gen_terminate_child(bed.self, sup, etf_from_pid(NULL, child)),
        AGNER_OK);
    assert_int_equal(
        gen_terminate_child(bed.self, sup, etf_from_pid(NULL, child)),
        AGNER_OK);
    assert_int_equal(
        gen_get_childspec(bed.self, sup, etf_from_pid(NULL, child), &map),
        AGNER_EUNKNOWN);
    stop(&bed, sup);
}

/* Nobody starts a temporary child again: OTP keeps no arguments for it. */
static void forgets_the_arguments_of_a_temporary_child(void **state)
{
    struct gen_child_spec row = { .id = "t",
                                  .server = &member_server,
                                  .args = "t",
                                  .restart = GEN_TEMPORARY };
    struct bed bed;
    etf_term sup, map;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_OK);
    assert_int_equal(gen_get_childspec(bed.self, sup, etf_atom("t"), &map),
                     AGNER_OK);
    members_expect_term(&bed, etf_map_get(map, etf_atom("start")),
                        "{member, start_link, undefined}");
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("t")),
                     AGNER_OK);
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("t")),
                     AGNER_EUNKNOWN);
    stop(&bed, sup);
}

/* OTP's supervisor crashes there; ours goes on. */
static void survives_what_it_does_not_understand(void **state)
{
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    assert_true(etf_get_pid(sup, &pid));
    expect_answer(&bed, etf_from_pid(NULL, pid), "foo", "{error,undef}");
    expect_answer(&bed, etf_from_pid(NULL, pid), "{which_children, 1}",
                  "{error,badarg}");
    rt_send(bed.self, sup, members_term(&bed, "{some, [message]}"));
    gen_cast(bed.self, sup, members_term(&bed, "{try_again_restart, a, 7}"));
    gen_cast(bed.self, sup, members_term(&bed, "{try_again_restart, zz, 0}"));
    rt_send(bed.self, sup, members_term(&bed, "{'EXIT', a, b}"));
    members_run(&bed, 10);
    members_expect_children(&bed, sup, "[{a, running}, {b, undefined}]");
    stop(&bed, sup);
}

/* ---- As functions ------------------------------------------------------- */

static void starts_and_stops_children_on_request(void **state)
{
    struct gen_child_spec row = { .id = "c",
                                  .server = &member_server,
                                  .args_term = ETF_A(yes) };
    struct gen_child_counts counts;
    struct bed bed;
    etf_term sup, info;
    etf_pid pid, again;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    (void)members_record();
    assert_int_equal(gen_start_child(bed.self, sup, &row, &pid, &info),
                     AGNER_OK);
    assert_true(etf_is_none(info));
    assert_true(rt_is_alive(bed.rt, pid));
    assert_int_equal(gen_start_child(bed.self, sup, &row, &again, NULL),
                     AGNER_EALREADY);
    assert_true(etf_pid_equal(pid, again));
    assert_int_equal(
        gen_restart_child(bed.self, sup, etf_atom("c"), NULL, NULL),
        AGNER_ERUNNING);
    assert_int_equal(gen_delete_child(bed.self, sup, etf_atom("c")),
                     AGNER_ERUNNING);
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("c")),
                     AGNER_OK);
    assert_int_equal(gen_start_child(bed.self, sup, &row, &pid, NULL),
                     AGNER_EPRESENT);
    assert_int_equal(gen_count_children(bed.self, sup, &counts), AGNER_OK);
    assert_int_equal(counts.specs, 3);
    assert_int_equal(counts.active, 1);
    assert_int_equal(counts.workers, 3);
    assert_int_equal(
        gen_restart_child(bed.self, sup, etf_atom("c"), &again, &info),
        AGNER_OK);
    assert_false(etf_pid_equal(pid, again));
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("c")),
                     AGNER_OK);
    assert_int_equal(gen_delete_child(bed.self, sup, etf_atom("c")), AGNER_OK);
    assert_int_equal(gen_delete_child(bed.self, sup, etf_atom("c")),
                     AGNER_EUNKNOWN);
    assert_string_equal(members_record(),
                        "+yes -yes:shutdown +yes -yes:shutdown");
    stop(&bed, sup);
}

/* D-27: a child that was started on request is one like the others, and is
 * started once at each restart. */
static void D_27_starts_a_child_once_at_each_restart(void **state)
{
    struct gen_supervisor table = { .strategy = GEN_ONE_FOR_ALL,
                                    .intensity = 9,
                                    .children = two,
                                    .child_count = 1 };
    struct gen_child_spec row = { .id = "c",
                                  .server = &member_server,
                                  .args = "c" };
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_OK);
    (void)members_record();
    members_end(&bed, sup, "c", "boom");
    assert_string_equal(members_record(), "-c:boom -x:shutdown +x +c");
    members_end(&bed, sup, "a", "boom");
    assert_string_equal(members_record(), "-x:boom -c:shutdown +x +c");
    stop(&bed, sup);
}

static void tells_why_a_child_did_not_start(void **state)
{
    struct gen_child_spec row = { .id = "c",
                                  .server = &member_server,
                                  .args = "{c, {fail, {because, 1}}}" };
    struct bed bed;
    etf_term sup, info;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, &info),
                     AGNER_EEXIT);
    members_expect_term(&bed, info, "{because, 1}");
    row.args = "{c, ignore}";
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_EIGNORE);
    members_expect_children(&bed, sup,
                            "[{a, running}, {b, undefined}, {c, undefined}]");
    row = (struct gen_child_spec){ .id = "d",
                                   .server = &member_server,
                                   .restart = (enum gen_restart)8 };
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, &info),
                     AGNER_EINVAL);
    members_expect_term(&bed, info, "{invalid_restart_type, 8}");
    row = (struct gen_child_spec){ .id = "d" };
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, &info),
                     AGNER_EINVAL);
    members_expect_term(&bed, info, "missing_start");
    stop(&bed, sup);
}

static void hands_on_what_a_start_says_besides(void **state)
{
    static const char *const modules[] = { "m", "n", NULL };
    struct gen_child_spec row = { .id = "c",
                                  .start = start_with_info,
                                  .args = "c" };
    struct bed bed;
    etf_term sup, info;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    assert_int_equal(gen_start_child(bed.self, sup, &row, &pid, &info),
                     AGNER_OK);
    members_expect_term(&bed, info, "{extra, c}");
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("c")),
                     AGNER_OK);
    expect_answer(&bed, sup, "{restart_child, c}", "{ok,Pid,{extra,c}}");
    expect_answer(&bed, sup, "which_children",
                  "[{c,Pid,worker,dynamic},{b,undefined,worker,[member]},"
                  "{a,Pid,worker,[member]}]");
    row.id = "d";
    row.modules = modules;
    row.type = GEN_SUPERVISOR;
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_OK);
    expect_answer(&bed, sup, "{get_childspec, d}",
                  "{ok,#{id => d,modules => [m,n],restart => permanent,"
                  "shutdown => infinity,significant => false,"
                  "start => {start,start_link,[c]},type => supervisor}}");
    stop(&bed, sup);
}

/* What init gets of a template's args and those that are added. */
static void adds_arguments_to_the_templates(void **state)
{
    static const struct {
        const char *args, *extra, *expected;
    } cases[] = {
        { NULL, "[]", "+[]" },
        { NULL, "[x]", "+x" },
        { NULL, "[[1, 2]]", "+[1,2]" },
        { NULL, "[x, y]", "+[x,y]" },
        { "t", "[]", "+t" },
        { "t", "[x]", "+[t,x]" },
    };
    struct bed bed;
    etf_term sup;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gen_child_spec row = { .id = "t",
                                      .server = &member_server,
                                      .args = cases[i].args };
        struct gen_supervisor table = { .strategy = GEN_SIMPLE_ONE_FOR_ONE,
                                        .children = &row,
                                        .child_count = 1 };

        members_open(&bed, 1);
        sup = members_supervise(&bed, &table);
        assert_int_equal(
            gen_start_child_args(
                bed.self, sup, members_term(&bed, cases[i].extra), NULL, NULL),
            AGNER_OK);
        assert_string_equal(members_record(), cases[i].expected);
        members_end(&bed, sup, "undefined", "boom"); /* and again */
        assert_string_equal(strrchr(members_record(), '+'), cases[i].expected);
        stop(&bed, sup);
    }
}

static void has_no_names_under_simple_one_for_one(void **state)
{
    static const struct gen_child_spec row = { .server = &member_server,
                                               .name = "popular" };
    static const struct gen_supervisor table = {
        .strategy = GEN_SIMPLE_ONE_FOR_ONE, .children = &row, .child_count = 1
    };
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    for (int i = 0; i < 6; i++)
        assert_int_equal(
            gen_start_child_args(bed.self, sup, etf_nil(), NULL, NULL),
            AGNER_OK);
    assert_int_equal(rt_whereis(bed.rt, etf_atom("popular"), &pid),
                     AGNER_ENONAME);
    stop(&bed, sup);
}

static void says_that_nobody_is_there(void **state)
{
    struct gen_child_counts counts;
    struct bed bed;
    etf_term list;

    (void)state;
    members_open(&bed, 1);
    assert_int_equal(
        gen_count_children(bed.self, etf_atom("nobody_here"), &counts),
        AGNER_ENONAME);
    assert_int_equal(
        gen_which_children(bed.self, etf_atom("nobody_here"), &list),
        AGNER_ENONAME);
    members_close(&bed);
}

/* ---- restarting --------------------------------------------------------- */

/* While a restart is tried again and again, other requests are served, and the
 * child is `restarting`; stopping it ends that. */
static void serves_requests_while_it_restarts(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "{a, {fail_when, no}}" },
        { .id = "b", .server = &member_server, .args = "b" },
    };
    static const struct gen_supervisor table = { .intensity = 1000000,
                                                 .children = rows,
                                                 .child_count = 2 };
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    pid = members_pid(&bed, sup, "a");
    members_fail(UINT32_MAX);
    rt_exit_signal(bed.self, pid, etf_atom("boom"));
    assert_int_equal(rt_wait(bed.self, pid, WAIT_MS), AGNER_OK);
    (void)rt_sleep(bed.self, 1); /* its exit is dealt with */
    members_expect_children(&bed, sup, "[{a, restarting}, {b, running}]");
    expect_answer(&bed, sup, "{restart_child, a}", "{error,restarting}");
    expect_answer(&bed, sup, "{delete_child, a}", "{error,restarting}");
    expect_answer(&bed, sup, "count_children",
                  "[{specs,2},{active,1},{supervisors,0},{workers,2}]");
    assert_int_equal(
        gen_restart_child(bed.self, sup, etf_atom("a"), NULL, NULL),
        AGNER_EBUSY);
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("a")),
                     AGNER_OK);
    members_expect_children(&bed, sup, "[{a, undefined}, {b, running}]");
    members_fail(0);
    members_run(&bed, 100); /* an order that was on its way is void */
    members_expect_children(&bed, sup, "[{a, undefined}, {b, running}]");
    assert_int_equal(gen_delete_child(bed.self, sup, etf_atom("a")), AGNER_OK);
    stop(&bed, sup);
}

/* ---- sys ---------------------------------------------------------------- */

static void serves_system_messages(void **state)
{
    struct bed bed;
    etf_term sup, t;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &pair);
    assert_int_equal(gen_sys_get_state(bed.self, sup, WAIT_MS, &t), AGNER_OK);
    assert_true(
        etf_atom_is(etf_map_get(t, etf_atom("strategy")), "one_for_one"));
    assert_int_equal(etf_list_size(etf_map_get(t, etf_atom("children"))), 2);
    assert_int_equal(gen_sys_get_status(bed.self, sup, WAIT_MS, &t), AGNER_OK);
    assert_true(etf_is_tagged(t, ETF_A(status), 4));
    /* Suspended it deals with no end; resumed it does. */
    pid = members_pid(&bed, sup, "a");
    (void)members_record();
    assert_int_equal(gen_sys_suspend(bed.self, sup, WAIT_MS), AGNER_OK);
    rt_exit_signal(bed.self, pid, etf_atom("boom"));
    members_run(&bed, 100);
    assert_string_equal(members_record(), "-x:boom");
    assert_int_equal(gen_sys_resume(bed.self, sup, WAIT_MS), AGNER_OK);
    members_run(&bed, 100);
    assert_string_equal(members_record(), "+x");
    stop(&bed, sup);
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_as_otp_does),
        CASE(simple_answers_as_otp_does),
        CASE(forgets_the_arguments_of_a_temporary_child),
        CASE(survives_what_it_does_not_understand),
        CASE(starts_and_stops_children_on_request),
        CASE(D_27_starts_a_child_once_at_each_restart),
        CASE(tells_why_a_child_did_not_start),
        CASE(hands_on_what_a_start_says_besides),
        CASE(adds_arguments_to_the_templates),
        CASE(has_no_names_under_simple_one_for_one),
        CASE(says_that_nobody_is_there),
        CASE(serves_requests_while_it_restarts),
        CASE(serves_system_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

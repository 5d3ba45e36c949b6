/*
 * test_apps_io.c -- the I/O protocol from both sides: what a device of ours
 * answers, which is what `user` of OTP 25 without a terminal answers, and what
 * its users get.
 */
#include "../process/bed.h"

#include <stdio.h>
#include <stdlib.h>

#include <agner/kernel.h>

/* ---- A device that keeps what is written to it --------------------------- */

struct device {
    char text[4000];
    size_t size;
};

static enum agner_err keep(struct gen *self, void *ctx, etf_bytes text)
{
    struct device *d = ctx;

    (void)self;
    if (d->size + text.size >= sizeof d->text)
        return AGNER_ELIMIT;
    memcpy(d->text + d->size, text.data, text.size);
    d->size += text.size;
    return AGNER_OK;
}

static enum gen_next device_info(struct gen *self, etf_term message)
{
    static const struct gen_io_device device = { .write = keep };

    if (!gen_io_serve(self, &device, gen_state(self), message))
        return gen_stop(self, ETF_A(normal));
    return GEN_NEXT;
}

/* What was written since the last time. */
static enum gen_next device_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct device *d = gen_state(self);
    etf_term text = etf_binary(rt_region(self), d->text, d->size);

    (void)request;
    d->size = 0;
    return gen_reply(self, from, text);
}

static const struct gen_server device_server = {
    .name = "device",
    .state_size = sizeof(struct device),
    .handle_call = device_call,
    .handle_info = device_info,
};

static etf_term start(struct bed *bed)
{
    etf_pid pid;

    assert_int_equal(
        gen_start(bed->self, &device_server, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    return etf_from_pid(NULL, pid);
}

static void assert_written(struct bed *bed, etf_term device, const char *want)
{
    etf_term reply = ETF_NONE;
    etf_bytes text = { NULL, 0 };

    assert_int_equal(gen_call(bed->self, device, ETF_A(ok), WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_get_bytes(reply, &text));
    if (text.size != strlen(want) || memcmp(text.data, want, text.size) != 0)
        fail_msg("\"%.*s\" was written, not \"%s\"", (int)text.size,
                 (const char *)text.data, want);
}

/* ---- What a device answers ----------------------------------------------- */

/* clang-format off */
static const char *const cases[][3] = {
    { "{put_chars, unicode, \"abc\\n\"}", "ok", "abc\n" },
    { "{put_chars, unicode, [1024, <<208,144>>, [\"x\" | <<\"y\">>]]}", "ok", "\320\200\320\220xy" },
    { "{put_chars, unicode, <<255>>}", "ok", "\303\277" },
    { "{put_chars, unicode, [a]}", "{error,put_chars}", "" },
    { "{put_chars, unicode, atom}", "{error,put_chars}", "" },
    { "{put_chars, unicode, 1}", "{error,put_chars}", "" },
    { "{put_chars, latin1, [$a, 255, <<254>>]}", "ok", "a\303\277\303\276" },
    { "{put_chars, latin1, [1024]}", "{error,put_chars}", "" },
    { "{put_chars, [233]}", "ok", "\303\251" },
    { "{put_chars, utf8, \"x\"}", "{error,{request,{put_chars,utf8,\"x\"}}}", "" },
    { "{put_chars, unicode, io_lib, format, [\"~p~n\", [{a}]]}", "ok", "{a}\n" },
    { "{put_chars, unicode, io_lib, fwrite, [\"~ts\", [[1024]]]}", "ok", "\320\200" },
    { "{put_chars, io_lib, format, [\"~w\", [1]]}", "ok", "1" },
    { "{put_chars, unicode, io_lib, format, [\"~p~n\", []]}", "{error,put_chars}", "" },
    { "{put_chars, unicode, io_lib, format, [\"~p~n\"]}", "{error,put_chars}", "" },
    { "{put_chars, unicode, io_lib, write, [{a, \"s\"}]}", "ok", "{a,[115]}" },
    { "{put_chars, unicode, io_lib, write, [{a, b, c}, 2]}", "ok", "{a,...}" },
    { "{put_chars, unicode, io_lib, nl, []}", "ok", "\n" },
    { "{put_chars, unicode, io_lib, print, [\"s\"]}", "ok", "\"s\"" },
    { "{put_chars, unicode, os, cmd, [\"ls\"]}", "{error,put_chars}", "" },
    { "{put_chars, unicode, io_lib, format, x}", "{error,put_chars}", "" },
    { "{put_chars, latin1, io_lib, format, [\"~ts\", [[1024]]]}", "{error,put_chars}", "" },
    { "{put_chars, latin1, io_lib, format, [\"~ts\", [[255]]]}", "ok", "\303\277" },
    { "{requests, [{put_chars, unicode, \"a\"}, {put_chars, \"b\"}]}", "ok", "ab" },
    { "{requests, [{put_chars, unicode, \"a\"}, foo, {put_chars, \"b\"}]}", "{error,{request,foo}}", "a" },
    { "{requests, [{put_chars, unicode, \"a\"}, getopts]}", "[{binary,false},{encoding,unicode}]", "a" },
    { "{requests, []}", "ok", "" },
    { "{requests, foo}", "{error,{request,{requests,foo}}}", "" },
    { "{get_line, unicode, \"> \"}", "eof", "> " },
    { "{get_line, prompt}", "eof", "prompt" },
    { "{get_chars, unicode, {format, \"~w> \", [1]}, 3}", "eof", "1> " },
    { "{get_chars, \"\", 3}", "eof", "" },
    { "{get_until, unicode, \"> \", erl_scan, tokens, [1]}", "eof", "> " },
    { "{get_password, unicode}", "{error,{request,{get_password,unicode}}}", "" },
    { "getopts", "[{binary,false},{encoding,unicode}]", "" },
    { "{setopts, [{encoding, unicode}, list]}", "ok", "" },
    { "{setopts, [{encoding, latin1}]}", "{error,enotsup}", "" },
    { "{setopts, [foo]}", "{error,enotsup}", "" },
    { "{setopts, foo}", "{error,{request,{setopts,foo}}}", "" },
    { "{get_geometry, columns}", "{error,enotsup}", "" },
    { "{get_geometry, x}", "{error,{request,{get_geometry,x}}}", "" },
    { "foo", "{error,{request,foo}}", "" },
    { "{foo, bar}", "{error,{request,{foo,bar}}}", "" },
};
/* clang-format on */

static void answers(struct bed *bed)
{
    etf_term device = start(bed);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[500];
        etf_term request = ETF_NONE, reply = ETF_NONE;

        assert_int_equal(etf_parse(rt_region(bed->self), cases[i][0],
                                   strlen(cases[i][0]), &request, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(gen_io_request(bed->self, device, request, &reply),
                         strncmp(cases[i][1], "{error", 6) == 0 ? AGNER_ENOTSUP
                                                                : AGNER_OK);
        etf_format(text, sizeof text, reply);
        if (strcmp(text, cases[i][1]) != 0)
            fail_msg("%s: %s, not %s", cases[i][0], text, cases[i][1]);
        assert_written(bed, device, cases[i][2]);
    }
}

/* A device that cannot write says so, and goes on. */
static void refuses_what_it_cannot_take(struct bed *bed)
{
    etf_term device = start(bed), reply = ETF_NONE;
    char text[100];

    assert_int_equal(
        gen_io_request(bed->self, device,
                       etf_make(bed->self, "{put_chars, unicode, io_lib, "
                                           "format, [\"~5000c\", \"a\"]}"),
                       &reply),
        AGNER_ENOTSUP);
    assert_string_equal(etf_format(text, sizeof text, reply),
                        "{error,terminated}");
    assert_int_equal(
        gen_io_put_chars(bed->self, device, etf_make(bed->self, "\"x\"")),
        AGNER_OK);
    assert_written(bed, device, "x");
}

/* ---- What its user gets -------------------------------------------------- */

static void uses(struct bed *bed)
{
    etf_term device = start(bed), term = ETF_NONE;
    uint32_t count = 0;
    char text[100];

    assert_int_equal(gen_io_format(bed->self, device, "~p and ~s~n",
                                   etf_make(bed->self, "[{a}, \"b\"]")),
                     AGNER_OK);
    assert_written(bed, device, "{a} and b\n");
    assert_int_equal(
        gen_io_format(bed->self, device, "~p", etf_make(bed->self, "[]")),
        AGNER_ENOTSUP);
    assert_int_equal(gen_io_get_line(bed->self, device, "? ", &term), AGNER_OK);
    assert_true(etf_atom_is(term, "eof"));
    assert_int_equal(gen_io_getopts(bed->self, device, &term), AGNER_OK);
    assert_int_equal(gen_io_setopts(bed->self, device, term), AGNER_OK);
    assert_int_equal(gen_io_columns(bed->self, device, &count), AGNER_ENOTSUP);
    assert_int_equal(gen_io_rows(bed->self, device, &count), AGNER_ENOTSUP);
    assert_string_equal(etf_format(text, sizeof text, term),
                        "[{binary,false},{encoding,unicode}]");
}

static void fails_where_there_is_no_device(struct bed *bed)
{
    etf_term device = start(bed), text = etf_make(bed->self, "<<\"x\">>");

    assert_int_equal(gen_io_put_chars(bed->self, etf_atom("nix"), text),
                     AGNER_ENONAME);
    assert_int_equal(gen_io_put_chars(bed->self, ETF_NONE, text),
                     AGNER_ENONAME); /* no leader, and no `user` */
    assert_int_equal(gen_io_put_chars(bed->self, rt_self_term(bed->self), text),
                     AGNER_ECALLSELF);
    assert_int_equal(rt_send(bed->self, device, ETF_A(stop)), AGNER_OK);
    /* It may still see the request, and ends all the same. */
    assert_true(gen_io_put_chars(bed->self, device, text) != AGNER_OK);
    bed_expect_nothing(bed);
}

/* One's own group leader, where no device is named. */
static void writes_to_the_group_leader(struct bed *bed)
{
    etf_term device = start(bed);
    etf_pid leader = { .id = 0 };

    assert_true(etf_get_pid(device, &leader));
    assert_int_equal(rt_set_group_leader(bed->self, rt_self(bed->self), leader),
                     AGNER_OK);
    assert_int_equal(gen_io_format(bed->self, ETF_NONE, "hello~n", etf_nil()),
                     AGNER_OK);
    assert_written(bed, device, "hello\n");
}

/* ---- user ---------------------------------------------------------------- */

static char logged[1000];

static void on_log(void *ctx, const struct rt_log_event *event)
{
    (void)ctx;
    (void)rt_log_format(logged, sizeof logged, event);
}

static void user_writes_to_the_log_where_it_is_told_to(struct bed *bed)
{
    const struct rt_log_handler handler = { .id = "test",
                                            .kind = RT_LOG_CALLBACK,
                                            .event = on_log,
                                            .name = etf_atom("user") };
    struct agner_error error;

    assert_int_equal(rt_log_handler_add(bed->rt, &handler, &error), AGNER_OK);
    assert_int_equal(gen_applications_start(bed->self, NULL, &error), AGNER_OK);
    assert_int_equal(gen_application_load(bed->self, agner_kernel(), &error),
                     AGNER_OK);
    assert_int_equal(gen_application_set_env(bed->self, "kernel", "user",
                                             etf_atom("log"), false),
                     AGNER_OK);
    assert_int_equal(agner_kernel_start(bed->self, &error), AGNER_OK);
    assert_int_equal(gen_io_format(bed->self, ETF_NONE, "the ~s",
                                   etf_make(bed->self, "[\"text\"]")),
                     AGNER_OK);
    assert_int_equal(rt_log_flush(bed->rt, WAIT_MS), AGNER_OK);
    assert_string_equal(logged, "the text");
    assert_int_equal(rt_log_handler_remove(bed->rt, "test"), AGNER_OK);
}

#define TEST(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        bed_everywhere(name, 3); \
    }

TEST(answers)
TEST(refuses_what_it_cannot_take)
TEST(uses)
TEST(fails_where_there_is_no_device)
TEST(writes_to_the_group_leader)
TEST(user_writes_to_the_log_where_it_is_told_to)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refuses_what_it_cannot_take),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_fails_where_there_is_no_device),
        cmocka_unit_test(test_writes_to_the_group_leader),
        cmocka_unit_test(test_user_writes_to_the_log_where_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

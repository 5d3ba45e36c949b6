/*
 * test_cli_judge.c -- what agner doctor makes of numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doctor.h"

static const uint64_t minute_ms = 60000;

/* All of a finding is filled in: a sentence, and a command unless it is ok. */
static void check(const struct finding *f, enum verdict verdict)
{
    assert_int_equal(f->verdict, verdict);
    assert_string_not_equal(f->value, "");
    assert_string_not_equal(f->meaning, "");
    if (verdict == VERDICT_OK)
        assert_string_equal(f->command, "");
    else
        assert_string_not_equal(f->command, "");
}

#define EXPECT(verdict, judge, ...) \
    do { \
        struct finding found = { .check = #judge }; \
        judge(&found, __VA_ARGS__); \
        check(&found, (verdict)); \
    } while (0)

static void a_cookie_file_is_this_users_alone(void **state)
{
    (void)state;
    EXPECT(VERDICT_OK, judge_cookie_mode, "c", false, true, true, 0600);
    EXPECT(VERDICT_OK, judge_cookie_mode, "c", false, true, true, 0400);
    EXPECT(VERDICT_FAIL, judge_cookie_mode, "c", false, true, true, 0644);
    EXPECT(VERDICT_FAIL, judge_cookie_mode, "c", false, true, true, 0620);
    EXPECT(VERDICT_FAIL, judge_cookie_mode, "c", false, true, false, 0600);
    EXPECT(VERDICT_FAIL, judge_cookie_mode, "c", true, false, true, 0777);
    EXPECT(VERDICT_FAIL, judge_cookie_mode, "c", false, false, true, 0700);
    EXPECT(VERDICT_FAIL, judge_cookie_size, "c", 0);
    EXPECT(VERDICT_WARN, judge_cookie_size, "c", 15);
    EXPECT(VERDICT_OK, judge_cookie_size, "c", 20);
    EXPECT(VERDICT_OK, judge_cookie_size, "c", 255);
    EXPECT(VERDICT_FAIL, judge_cookie_size, "c", 256);
    EXPECT(VERDICT_OK, judge_fingerprint, "9f3a11c2", "9f3a11c2");
    EXPECT(VERDICT_FAIL, judge_fingerprint, "9f3a11c2", "9f3a11c3");
}

static void names_are_long_or_short(void **state)
{
    (void)state;
    EXPECT(VERDICT_OK, judge_name_style, "a@h", "b@i");
    EXPECT(VERDICT_OK, judge_name_style, "a@h.x", "b@10.0.0.7");
    EXPECT(VERDICT_OK, judge_name_style, "a@::1", "b@10.0.0.7");
    EXPECT(VERDICT_FAIL, judge_name_style, "a@h", "b@i.x");
    EXPECT(VERDICT_FAIL, judge_name_style, "a@h.x", "b@i");
}

/* Debian's 127.0.1.1 is why nodes elsewhere come to themselves. */
static void a_hosts_address_is_for_others(void **state)
{
    (void)state;
    EXPECT(VERDICT_OK, judge_host, "box", "10.0.0.7");
    EXPECT(VERDICT_WARN, judge_host, "box", "127.0.1.1");
    EXPECT(VERDICT_WARN, judge_host, "box", "::1");
    EXPECT(VERDICT_OK, judge_host, "localhost", "127.0.0.1");
    EXPECT(VERDICT_OK, judge_host, "127.0.0.1", "127.0.0.1");
}

/* spec/distribution.md 16: what OTP 26 calls mandatory. */
static void flags_of_old_releases_are_told(void **state)
{
    (void)state;
    EXPECT(VERDICT_OK, judge_flags, UINT64_C(0xd07df7fbd));
    EXPECT(VERDICT_WARN, judge_flags, UINT64_C(0x101df7fbd)); /* OTP 23.2 */
}

static void numbers_have_their_limits(void **state)
{
    (void)state;
    EXPECT(VERDICT_OK, judge_clock, 999);
    EXPECT(VERDICT_WARN, judge_clock, -1000);
    EXPECT(VERDICT_FAIL, judge_clock, INT64_C(30000));
    EXPECT(VERDICT_OK, judge_files, 10, 0);
    EXPECT(VERDICT_OK, judge_files, 10, 65536);
    EXPECT(VERDICT_WARN, judge_files, 10, 1024);
    EXPECT(VERDICT_FAIL, judge_files, 60000, 65536);
    EXPECT(VERDICT_WARN, judge_huge_pages, "always");
    EXPECT(VERDICT_OK, judge_huge_pages, "madvise");
    EXPECT(VERDICT_WARN, judge_overcommit, "2");
    EXPECT(VERDICT_OK, judge_overcommit, "0");
    EXPECT(VERDICT_OK, judge_quota, 8, 0);
    EXPECT(VERDICT_OK, judge_quota, 2, 2000);
    EXPECT(VERDICT_OK, judge_quota, 2, 1500);
    EXPECT(VERDICT_WARN, judge_quota, 8, 1500);
    EXPECT(VERDICT_OK, judge_mailbox, "m", 999);
    EXPECT(VERDICT_WARN, judge_mailbox, "m", 1000);
    EXPECT(VERDICT_FAIL, judge_mailbox, "m", 100000);
    EXPECT(VERDICT_OK, judge_restarts, "s", 0, 0, 0);
    EXPECT(VERDICT_OK, judge_restarts, "s", 1, 3, minute_ms);
    EXPECT(VERDICT_WARN, judge_restarts, "s", 2, 3, minute_ms);
    EXPECT(VERDICT_FAIL, judge_restarts, "s", 3, 3, minute_ms);
    EXPECT(VERDICT_OK, judge_handlers, 0, "");
    EXPECT(VERDICT_WARN, judge_handlers, 1, "it has run for 300 ms");
    EXPECT(VERDICT_OK, judge_waits, 3, 0, 0);
    EXPECT(VERDICT_WARN, judge_waits, 3, 0, 1);
    EXPECT(VERDICT_FAIL, judge_waits, 3, 1, 0);
    EXPECT(VERDICT_OK, judge_dropped, 9, 0);
    EXPECT(VERDICT_OK, judge_dropped, 99, 1000000);
    EXPECT(VERDICT_WARN, judge_dropped, 1000, 1000000);
    EXPECT(VERDICT_OK, judge_marks, "none", 1 << 20, 2 << 20, 3 << 20);
    EXPECT(VERDICT_WARN, judge_marks, "soft", 2 << 20, 2 << 20, 3 << 20);
    EXPECT(VERDICT_FAIL, judge_marks, "hard", 4 << 20, 2 << 20, 3 << 20);
    EXPECT(VERDICT_OK, judge_queue, "p", 50, 100);
    EXPECT(VERDICT_WARN, judge_queue, "p", 51, 100);
    EXPECT(VERDICT_FAIL, judge_queue, "p", 100, 100);
    EXPECT(VERDICT_OK, judge_share, "w", 69, 100, "c");
    EXPECT(VERDICT_WARN, judge_share, "w", 70, 100, "c");
    EXPECT(VERDICT_FAIL, judge_share, "w", 90, 100, "c");
    EXPECT(VERDICT_OK, judge_share, "w", 90, 0, "c");
}

static void what_linux_writes_is_read(void **state)
{
    char word[8];

    (void)state;
    assert_true(doctor_bracketed("always [madvise] never", word, sizeof word));
    assert_string_equal(word, "madvise");
    assert_false(doctor_bracketed("always", word, sizeof word));
    assert_false(doctor_bracketed("[always", word, sizeof word));
    assert_false(doctor_bracketed("[far too long]", word, sizeof word));
    assert_int_equal(doctor_quota("150000 100000"), 1500);
    assert_int_equal(doctor_quota("max 100000"), 0);
    assert_int_equal(doctor_quota("100000 0"), 0);
    assert_int_equal(doctor_quota(""), 0);
    assert_int_equal(doctor_quota("99999999999999999999 1"), 0);
    assert_int_equal(doctor_limit("Max open files            1024     "
                                  "            524288  files"),
                     1024);
    assert_int_equal(doctor_limit("Max open files            unlimited"), 0);
    assert_int_equal(doctor_limit("Max locks 3"), 0);
}

static void stages_and_sagas_keep_up(void **state)
{
    (void)state;
    EXPECT(VERDICT_OK, judge_stage, "words", 0, 0, 0);
    EXPECT(VERDICT_OK, judge_stage, "words", 6999, 10000, 0);
    EXPECT(VERDICT_OK, judge_stage, "words", 1000000, 0, 0);
    EXPECT(VERDICT_WARN, judge_stage, "words", 7000, 10000, 0);
    EXPECT(VERDICT_WARN, judge_stage, "words", 0, 10000, 1);
    EXPECT(VERDICT_FAIL, judge_stage, "words", 10000, 10000, 0);
    EXPECT(VERDICT_OK, judge_saga, "transfers", 0, 0);
    EXPECT(VERDICT_WARN, judge_saga, "transfers", 0, 3);
    EXPECT(VERDICT_FAIL, judge_saga, "transfers", 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_and_sagas_keep_up),
        cmocka_unit_test(a_cookie_file_is_this_users_alone),
        cmocka_unit_test(names_are_long_or_short),
        cmocka_unit_test(a_hosts_address_is_for_others),
        cmocka_unit_test(flags_of_old_releases_are_told),
        cmocka_unit_test(numbers_have_their_limits),
        cmocka_unit_test(what_linux_writes_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

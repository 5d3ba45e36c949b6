/*
 * test_etf_match.c -- etf_match() and etf_make(): Erlang patterns, C types.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include <agner/etf.h>

static struct etf_region *region;

static int open_region(void **state)
{
    (void)state;
    region = etf_region_new(0);
    return region == NULL ? -1 : 0;
}

static int close_region(void **state)
{
    (void)state;
    etf_region_free(region);
    return 0;
}

static etf_term term(const char *text)
{
    struct agner_error error = { .text = "" };
    etf_term t = ETF_NONE;

    if (etf_parse(region, text, strlen(text), &t, NULL, &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

#define assert_makes(made, text) assert_true(etf_equal((made), term(text)))

/* ---- Matching ---- */

static void each_hole_takes_the_type_of_its_variable(void **state)
{
    int32_t i32 = 0;
    uint32_t u32 = 0;
    int64_t i64 = 0;
    uint64_t u64 = 0;
    double d = 0;
    bool b = false;
    etf_term t = ETF_NONE;
    etf_pid pid = { .id = 0 };
    etf_ref ref = { .count = 0 };
    etf_bytes bytes = { NULL, 0 };

    (void)state;
    assert_true(etf_match(
        term("{-7, 8, -9223372036854775808, 18446744073709551615, 1.5, true, "
             "[x], <0.4.5>, #Ref<0.3.2.1>, <<\"abc\">>}"),
        "{_, _, _, _, _, _, _, _, _, _}", &i32, &u32, &i64, &u64, &d, &b, &t,
        &pid, &ref, &bytes));
    assert_int_equal(i32, -7);
    assert_int_equal(u32, 8);
    assert_true(i64 == INT64_MIN);
    assert_true(u64 == UINT64_MAX);
    assert_true(d == 1.5);
    assert_true(b);
    assert_true(etf_equal(t, term("[x]")));
    assert_true(etf_pid_is_local(pid));
    assert_int_equal(pid.id, 4);
    assert_int_equal(pid.serial, 5);
    assert_int_equal(ref.count, 3);
    assert_int_equal(ref.words[0], 1);
    assert_int_equal(ref.words[2], 3);
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.data, "abc", 3);
}

static void a_value_of_another_type_does_not_match(void **state)
{
    static const char *const others[] = { "1",       "1.0",      "a",
                                          "<0.1.2>", "[]",       "<<>>",
                                          "{}",      "#{}",      "[1]",
                                          "<<1:1>>", "#Ref<0.1>" };
    int64_t i;
    uint64_t u;
    double d;
    bool b;
    etf_pid pid;
    etf_ref ref;
    etf_bytes bytes;

    (void)state;
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        etf_term t = term(others[k]);
        etf_term any = ETF_NONE;

        assert_int_equal(etf_match(t, "_", &i), k == 0);
        assert_int_equal(etf_match(t, "_", &u), k == 0);
        assert_int_equal(etf_match(t, "_", &d), k == 1);
        assert_false(etf_match(t, "_", &b));
        assert_int_equal(etf_match(t, "_", &pid), k == 3);
        assert_int_equal(etf_match(t, "_", &bytes), k == 5);
        assert_int_equal(etf_match(t, "_", &ref), k == 10);
        assert_true(etf_match(t, "_", &any));
        assert_true(etf_same(any, t));
        assert_true(etf_match(t, "__"));
    }
}

static void an_integer_out_of_range_does_not_match(void **state)
{
    int32_t i32 = 1;
    uint32_t u32 = 1;
    int64_t i64 = 1;
    uint64_t u64 = 1;

    (void)state;
    assert_true(etf_match(term("2147483647"), "_", &i32));
    assert_false(etf_match(term("2147483648"), "_", &i32));
    assert_true(etf_match(term("-2147483648"), "_", &i32));
    assert_false(etf_match(term("-2147483649"), "_", &i32));
    assert_true(etf_match(term("4294967295"), "_", &u32));
    assert_false(etf_match(term("4294967296"), "_", &u32));
    assert_false(etf_match(term("-1"), "_", &u32));
    assert_true(etf_match(term("9223372036854775807"), "_", &i64));
    assert_false(etf_match(term("9223372036854775808"), "_", &i64));
    assert_false(etf_match(term("-9223372036854775809"), "_", &i64));
    assert_false(etf_match(term("18446744073709551616"), "_", &u64));
    assert_false(etf_match(term("-1"), "_", &u64));
    assert_false(etf_match(term("-18446744073709551615"), "_", &u64));
    assert_int_equal(i32, INT32_MIN);
    assert_int_equal(u32, UINT32_MAX);
    assert_true(i64 == INT64_MAX);
    assert_int_equal(u64, 1);
}

static void nothing_is_written_unless_all_matches(void **state)
{
    int64_t a = 11;
    etf_term b = ETF_A(undefined);
    double c = 2.5;

    (void)state;
    assert_false(etf_match(term("{add, 1, x, 1}"), "{add, _, _, _}", &a, &b,
                           &c)); /* the last is no float */
    assert_false(etf_match(term("{1, 2, 3.0}"), "{_, _, 4.0}", &a, &b));
    assert_false(etf_match(term("[1, 2 | 3]"), "[_, _]", &a, &b));
    assert_int_equal(a, 11);
    assert_true(etf_same(b, ETF_A(undefined)));
    assert_true(c == 2.5);
}

/* Does the pattern, a literal, match the text? */
#define assert_matches(text, pattern) \
    assert_true(etf_match(term(text), pattern))
#define assert_no_match(text, pattern) \
    assert_false(etf_match(term(text), pattern))

static void literals_match_what_is_equal_to_them(void **state)
{
    (void)state;
    assert_matches("ok", "ok");
    assert_no_match("ok", "error");
    assert_matches("'a b'", "'a b'");
    assert_matches("-5", "-5");
    assert_no_match("5", "-5");
    assert_matches("123456789012345678901234567890",
                   "123456789012345678901234567890");
    assert_matches("1.5", "1.5");
    assert_no_match("1", "1.0");
    assert_no_match("1.0", "1");
    assert_matches("0.0", "-0.0");
    assert_matches("[]", "[]");
    assert_matches("[]", "\"\"");
    assert_matches("[97,98]", "\"ab\"");
    assert_matches("<<\"abc\">>", "<<\"abc\">>");
    assert_no_match("<<\"abd\">>", "<<\"abc\">>");
    assert_matches("<<5:3>>", "<<5:3>>");
    assert_no_match("<<5:4>>", "<<5:3>>");
    assert_matches("fun lists:map/2", "fun lists:map/2");
    assert_matches("<0.1.2>", "<0.1.2>");
    assert_no_match("<0.1.3>", "<0.1.2>");
    assert_matches("#Ref<0.1.2>", "#Ref<0.1.2>");
    assert_matches("{a,{b,[c,{}]}}", " { a , {b,[c,{}]} } . % full stop");
    assert_no_match("{a,{b,[d,{}]}}", "{a,{b,[c,{}]}}");
    assert_no_match("{a,b}", "{a}");
    assert_no_match("{a}", "{a,b}");
    assert_no_match("{}", "#{}");
}

static void lists_match_by_length_or_with_a_tail(void **state)
{
    int64_t a = 0, b = 0;
    etf_term rest = ETF_NONE;

    (void)state;
    assert_true(etf_match(term("[1, 2, 3]"), "[_, _ | _]", &a, &b, &rest));
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
    assert_true(etf_equal(rest, term("[3]")));
    assert_true(etf_match(term("[1, 2]"), "[_, _ | _]", &a, &b, &rest));
    assert_true(etf_equal(rest, etf_nil()));
    assert_false(etf_match(term("[1]"), "[_, _ | _]", &a, &b, &rest));
    assert_true(etf_match(term("[1, 2]"), "[_, _]", &b, &a));
    assert_int_equal(a, 2);
    assert_false(etf_match(term("[1, 2, 3]"), "[_, _]", &b, &a));
    assert_true(etf_match(term("[1 | 2]"), "[_ | _]", &a, &b));
    assert_int_equal(b, 2);
    assert_true(etf_match(term("[1, 5 | x]"), "[1 | [_ | x]]", &a));
    assert_int_equal(a, 5);
    assert_true(etf_match(term("[[1, [2]], 3]"), "[[1, [_]], _]", &a, &b));
    assert_int_equal(a, 2);
    assert_int_equal(b, 3);
    assert_true(etf_match(term("{[{x, 1}, {y, 2}], z}"),
                          "{[{x, _}, {y, _}], z}", &a, &b));
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
}

static void maps_match_when_they_have_the_keys(void **state)
{
    int64_t a = 0, b = 0, c = 0;

    (void)state;
    /* In the order of the text, not of the keys. */
    assert_true(etf_match(term("#{a => 1, b => 2, c => 3}"),
                          "#{c => _, a => _}", &a, &b));
    assert_int_equal(a, 3);
    assert_int_equal(b, 1);
    assert_false(etf_match(term("#{a => 1}"), "#{a => _, d => _}", &a, &b));
    assert_matches("#{a => 1}", "#{}");
    assert_matches("#{}", "#{}");
    assert_matches("#{1.0 => x, 1 => y}", "#{1 => y}");
    assert_no_match("#{1.0 => x}", "#{1 => x}");
    assert_true(etf_match(
        term("#{{k, 1} => #{x => [7]}, <<\"k\">> => 8, [1] => 9}"),
        "#{[1] => _, <<\"k\">> => _, {k, 1} => #{x => [_]}}", &a, &b, &c));
    assert_int_equal(a, 9);
    assert_int_equal(b, 8);
    assert_int_equal(c, 7);
}

static void two_underscores_match_anything(void **state)
{
    int64_t n = 0;

    (void)state;
    assert_true(etf_match(term("{a, [1], 5}"), "{__, __, _}", &n));
    assert_int_equal(n, 5);
    assert_matches("[1, 2, 3]", "[__ | __]");
    assert_matches("#{k => v}", "#{k => __}");
    assert_no_match("#{}", "#{k => __}");
}

/* B-ETF-7: past the table's limit an atom is its text. */
static void a_boxed_atom_matches_by_its_text(void **state)
{
    etf_term boxed = etf_atom_limited(region, "never_seen_before_67", 20, NULL);
    etf_term pair[2] = { boxed, etf_int(region, 3) };
    int64_t n = 0;

    (void)state;
    assert_true(etf_is_none(etf_atom_find("never_seen_before_67", 20)));
    assert_true(
        etf_match(etf_tuple(region, pair, 2), "{never_seen_before_67, _}", &n));
    assert_int_equal(n, 3);
    assert_false(etf_match(boxed, "never_seen_before_68"));
    assert_true(etf_match(etf_map(region, pair, 1),
                          "#{never_seen_before_67 => _}", &n));
}

static void no_term_matches_nothing(void **state)
{
    etf_term t = ETF_A(ok);

    (void)state;
    assert_false(etf_match(ETF_NONE, "_", &t));
    assert_false(etf_match(ETF_NONE, "__"));
    assert_true(etf_same(t, ETF_A(ok)));
}

static void a_pattern_may_be_as_deep_and_wide_as_it_says(void **state)
{
    int64_t n[12];

    (void)state;
    assert_true(etf_match(term("{{{{{{{{{{{{{{{{1}}}}}}}}}}}}}}}}"),
                          "{{{{{{{{{{{{{{{{_}}}}}}}}}}}}}}}}", &n[0]));
    assert_int_equal(n[0], 1);
    assert_true(etf_match(term("[1,2,3,4,5,6,7,8,9,10,11,12]"),
                          "[_,_,_,_,_,_,_,_,_,_,_,_]", &n[0], &n[1], &n[2],
                          &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9],
                          &n[10], &n[11]));
    for (int i = 0; i < 12; i++)
        assert_int_equal(n[i], i + 1);
}

/* ---- Making ---- */

static void makes_values_of_every_type(void **state)
{
    const etf_pid pid = { .id = 4, .serial = 5 };
    const etf_ref ref = { .count = 2, .words = { 1, 2 } };
    const uint8_t three[] = { 1, 2, 3 };
    const etf_bytes bytes = { three, sizeof three };
    const bool yes = true;
    const signed char tiny = -3;
    const unsigned short small = 65535;

    (void)state;
    assert_makes(etf_make(region, "{_, _, _, _, _, _}", -1, 2u, INT64_MIN,
                          UINT64_MAX, tiny, small),
                 "{-1,2,-9223372036854775808,18446744073709551615,-3,65535}");
    assert_makes(
        etf_make(region, "[_, _, _, _ | _]", 1.5, yes, pid, ref, bytes),
        "[1.5,true,<0.4.5>,#Ref<0.2.1>|<<1,2,3>>]");
    assert_makes(etf_make(region, "{_, _}", "text", (const char *)""),
                 "{<<\"text\">>,<<>>}");
    assert_makes(etf_make(region, "_", term("{a, b}")), "{a,b}");
    assert_makes(etf_make(region, "_", 7), "7");
}

static void makes_shapes_around_values(void **state)
{
    (void)state;
    assert_makes(etf_make(region, "ok"), "ok");
    assert_makes(etf_make(region, "[]"), "[]");
    assert_makes(etf_make(region, "{a, [b, \"c\", <<\"d\">>, 1.5]}"),
                 "{a,[b,\"c\",<<\"d\">>,1.5]}");
    assert_makes(etf_make(region, "{a, {b, _}, [c, {d, _} | e], _}", 1, 2, 3),
                 "{a,{b,1},[c,{d,2}|e],3}");
    assert_makes(etf_make(region, "[a, _, b, c]", 1), "[a,1,b,c]");
    assert_makes(etf_make(region, "[x | _]", term("[y]")), "[x,y]");
    assert_makes(etf_make(region, "[[[_]]]", 1), "[[[1]]]");
    assert_makes(etf_make(region, "{[_ | _], [_ | _]}", 1, 2, 3, 4),
                 "{[1|2],[3|4]}");
}

static void makes_maps_in_the_order_of_keys(void **state)
{
    (void)state;
    assert_makes(etf_make(region, "#{b => _, a => _}", 1, 2),
                 "#{a => 2, b => 1}");
    assert_makes(etf_make(region, "#{_ => a, _ => b, c => _}", 9, 2, 3),
                 "#{2 => b, 9 => a, c => 3}");
    assert_makes(
        etf_make(region, "#{#{_ => 1, _ => 2} => x, [_] => _}", 5, 4, 3, 2),
        "#{#{4 => 2, 5 => 1} => x, [3] => 2}");
    assert_makes(etf_make(region, "#{}"), "#{}");
    /* The same key twice is no map. */
    assert_true(etf_is_none(etf_make(region, "#{_ => a, _ => b}", 1, 1)));
}

static void a_value_that_is_none_makes_none(void **state)
{
    const etf_ref none = { .count = 0 };

    (void)state;
    assert_true(etf_is_none(etf_make(region, "{ok, _}", ETF_NONE)));
    assert_true(etf_is_none(etf_make(region, "_", ETF_NONE)));
    assert_true(etf_is_none(etf_make(region, "{_}", 1.0 / 0.0)));
    assert_true(etf_is_none(etf_make(region, "{_}", (const char *)NULL)));
    assert_true(etf_is_none(etf_make(region, "{_}", none)));
}

static void a_full_region_makes_none(void **state)
{
    struct etf_region *small = etf_region_new(4096);
    unsigned made = 0;

    (void)state;
    assert_non_null(small);
    while (made < 100000 &&
           !etf_is_none(etf_make(small, "{a, _, {b, _}}", 1.5, 1)))
        made++;
    assert_true(made < 100000);
    etf_region_reset(small);
    assert_false(etf_is_none(etf_make(small, "{a, _}", 1)));
    etf_region_free(small);
}

/* What was made outlives what it was made from: nothing is borrowed but terms.
 */
static void what_is_made_can_be_boxed_and_matched(void **state)
{
    struct etf_box *box;
    char text[8];
    int64_t n = 0;
    etf_bytes bytes;

    (void)state;
    (void)snprintf(text, sizeof text, "%s", "hello");
    box = etf_box_new(etf_make(region, "{ok, [{n, _}], [constant, _]}", 5,
                               (const char *)text));
    assert_non_null(box);
    (void)snprintf(text, sizeof text, "%s", "other");
    etf_region_reset(region);
    assert_true(etf_match(etf_box_term(box), "{ok, [{n, _}], [constant, _]}",
                          &n, &bytes));
    assert_int_equal(n, 5);
    assert_int_equal(bytes.size, 5);
    assert_memory_equal(bytes.data, "hello", 5);
    etf_box_free(box);
}

/* ---- Patterns that are wrong ---- */

/* One pattern each; as match with one output, or as make with one value. */
#define WRONG_MATCH(name, pattern) \
    static bool name(void) \
    { \
        int64_t n; \
        return etf_match(ETF_A(ok), pattern, &n); \
    }
#define WRONG_MAKE(name, pattern) \
    static bool name(void) \
    { \
        return !etf_is_none(etf_make(region, pattern, 1)); \
    }

WRONG_MATCH(no_term, "{_, ")
WRONG_MATCH(too_few_holes, "ok")
WRONG_MATCH(too_many_holes, "{_, _}")
WRONG_MATCH(a_variable, "{X, _}")
WRONG_MATCH(a_named_blank, "_Name")
WRONG_MATCH(a_hole_as_key, "#{_ => a}")
WRONG_MATCH(any_as_key, "#{{a, __} => _}")
WRONG_MATCH(a_key_twice, "#{a => _, a => 5}")
WRONG_MATCH(too_deep, "[[[[[[[[[[[[[[[[[_]]]]]]]]]]]]]]]]]")
WRONG_MAKE(make_no_term, "_ _")
WRONG_MAKE(make_too_many, "{_, _}")
WRONG_MAKE(make_anything, "{__, _}")
WRONG_MAKE(make_only_anything, "__")
WRONG_MAKE(make_a_key_twice, "[#{a => _, a => 1}]")

/* In a checked build they stop the program: it is the programmer's mistake. */
static void assert_refused(bool (*attempt)(void))
{
#ifdef NDEBUG
    assert_false(attempt());
    assert_false(attempt()); /* and remembered */
#else
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void)freopen("/dev/null", "w", stderr);
        (void)signal(SIGABRT, SIG_DFL); /* not cmocka's */
        (void)attempt();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
}

static void a_wrong_pattern_matches_and_makes_nothing(void **state)
{
    bool (*const wrong[])(void) = {
        no_term,       too_few_holes,    too_many_holes, a_variable,
        a_named_blank, a_hole_as_key,    any_as_key,     too_deep,
        make_no_term,  make_too_many,    make_anything,  make_only_anything,
        a_key_twice,   make_a_key_twice,
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(wrong[i]);
}

/* ---- Threads ---- */

enum { THREADS = 4, ROUNDS = 200 };

struct race {
    pthread_barrier_t start;
    struct etf_pattern match[ROUNDS];
    struct etf_pattern make[ROUNDS];
};

struct racer {
    struct race *race;
    pthread_t thread;
    unsigned failures;
};

/* What the macros do, on caches that all threads share. */
static void *run_race(void *arg)
{
    struct racer *racer = arg;
    struct etf_region *r = etf_region_new(0);

    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t n = -1;
        const struct etf_in_arg in[] = { { ETF_ARG_INT64, &n } };
        struct etf_out_arg out[] = { { .type = ETF_ARG_INT64 } };
        etf_term t;

        out[0].v.i = i;
        (void)pthread_barrier_wait(&racer->race->start);
        t = etf__make(&racer->race->make[i], "{race, [<<\"x\">>, _]}", r, out,
                      1);
        if (!etf__match(&racer->race->match[i], "{race, [<<\"x\">>, _]}", t, in,
                        1) ||
            n != i)
            racer->failures++;
    }
    etf_region_free(r);
    return NULL;
}

static void threads_may_meet_at_a_call_site_first_used(void **state)
{
    /* Static, as a call site's cache is: what the losers of a race compiled is
     * then the only thing that could leak. */
    static struct race race;
    struct racer racers[THREADS];

    (void)state;
    assert_int_equal(pthread_barrier_init(&race.start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){ .race = &race };
        assert_int_equal(
            pthread_create(&racers[i].thread, NULL, run_race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        assert_int_equal(racers[i].failures, 0);
    }
    (void)pthread_barrier_destroy(&race.start);
}

#define WITH_REGION(test) \
    cmocka_unit_test_setup_teardown(test, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGION(each_hole_takes_the_type_of_its_variable),
        WITH_REGION(a_value_of_another_type_does_not_match),
        WITH_REGION(an_integer_out_of_range_does_not_match),
        WITH_REGION(nothing_is_written_unless_all_matches),
        WITH_REGION(literals_match_what_is_equal_to_them),
        WITH_REGION(lists_match_by_length_or_with_a_tail),
        WITH_REGION(maps_match_when_they_have_the_keys),
        WITH_REGION(two_underscores_match_anything),
        WITH_REGION(a_boxed_atom_matches_by_its_text),
        WITH_REGION(no_term_matches_nothing),
        WITH_REGION(a_pattern_may_be_as_deep_and_wide_as_it_says),
        WITH_REGION(makes_values_of_every_type),
        WITH_REGION(makes_shapes_around_values),
        WITH_REGION(makes_maps_in_the_order_of_keys),
        WITH_REGION(a_value_that_is_none_makes_none),
        WITH_REGION(a_full_region_makes_none),
        WITH_REGION(what_is_made_can_be_boxed_and_matched),
        WITH_REGION(a_wrong_pattern_matches_and_makes_nothing),
        cmocka_unit_test(threads_may_meet_at_a_call_site_first_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

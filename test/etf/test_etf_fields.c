/*
 * test_etf_fields.c -- C structs from terms and back, by field tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

struct point {
    int32_t x;
    uint32_t y;
};

struct everything {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    double number;
    bool flag;
    etf_pid pid;
    etf_ref ref;
    etf_term term;
    char text[8];
    char atom[8];
    struct point point;
};

static const struct etf_field point_fields[] = {
    ETF_FIELD(struct point, x, ETF_FIELD_INT32),
    ETF_FIELD(struct point, y, ETF_FIELD_UINT32),
};

static const struct etf_field everything_fields[] = {
    ETF_FIELD(struct everything, i32, ETF_FIELD_INT32),
    ETF_FIELD(struct everything, u32, ETF_FIELD_UINT32),
    ETF_FIELD(struct everything, i64, ETF_FIELD_INT64),
    ETF_FIELD(struct everything, u64, ETF_FIELD_UINT64),
    ETF_FIELD(struct everything, number, ETF_FIELD_DOUBLE),
    ETF_FIELD(struct everything, flag, ETF_FIELD_BOOL),
    ETF_FIELD(struct everything, pid, ETF_FIELD_PID),
    ETF_FIELD(struct everything, ref, ETF_FIELD_REF),
    ETF_FIELD(struct everything, term, ETF_FIELD_TERM),
    ETF_FIELD(struct everything, text, ETF_FIELD_TEXT),
    ETF_FIELD(struct everything, atom, ETF_FIELD_ATOM),
    { "point", ETF_FIELD_STRUCT, offsetof(struct everything, point),
      sizeof(struct point), false, point_fields, 2 },
};

enum { EVERYTHING = sizeof everything_fields / sizeof everything_fields[0] };

static const char everything_map[] =
    "#{i32 => -5, u32 => 4294967295, i64 => -9223372036854775808,"
    "  u64 => 18446744073709551615, number => 1.5, flag => true,"
    "  pid => <0.3.4>, ref => #Ref<0.9.8>, term => [a, b],"
    "  text => <<\"seven..\">>, atom => ok, point => #{x => -1, y => 2}}";

static const char everything_tuple[] =
    "{everything, -5, 4294967295, -9223372036854775808,"
    "  18446744073709551615, 1.5, true, <0.3.4>, #Ref<0.9.8>, [a, b],"
    "  <<\"seven..\">>, ok, {-1, 2}}";

static void assert_everything(const struct everything *e)
{
    assert_int_equal(e->i32, -5);
    assert_int_equal(e->u32, UINT32_MAX);
    assert_true(e->i64 == INT64_MIN);
    assert_true(e->u64 == UINT64_MAX);
    assert_true(e->number == 1.5);
    assert_true(e->flag);
    assert_int_equal(e->pid.id, 3);
    assert_int_equal(e->ref.words[1], 9);
    assert_true(etf_equal(e->term, term("[a, b]")));
    assert_string_equal(e->text, "seven..");
    assert_string_equal(e->atom, "ok");
    assert_int_equal(e->point.x, -1);
    assert_int_equal(e->point.y, 2);
}

static void a_map_fills_a_struct_of_every_type(void **state)
{
    struct everything e = { .i32 = 0 };

    (void)state;
    assert_int_equal(etf_to_struct(term(everything_map), NULL,
                                   everything_fields, EVERYTHING, &e, NULL),
                     AGNER_OK);
    assert_everything(&e);
}

static void a_tuple_fills_it_in_order_behind_its_tag(void **state)
{
    struct everything e = { .i32 = 0 };
    struct point p;

    (void)state;
    assert_int_equal(etf_to_struct(term(everything_tuple), "everything",
                                   everything_fields, EVERYTHING, &e, NULL),
                     AGNER_OK);
    assert_everything(&e);
    assert_int_equal(
        etf_to_struct(term("{7, 8}"), NULL, point_fields, 2, &p, NULL),
        AGNER_OK);
    assert_int_equal(p.x, 7);
    assert_int_equal(p.y, 8);
}

static void a_struct_becomes_the_same_map_and_tuple(void **state)
{
    struct everything e = { .i32 = 0 };

    (void)state;
    assert_int_equal(etf_to_struct(term(everything_map), NULL,
                                   everything_fields, EVERYTHING, &e, NULL),
                     AGNER_OK);
    assert_true(
        etf_equal(etf_struct_to_map(region, everything_fields, EVERYTHING, &e),
                  term(everything_map)));
    assert_true(
        etf_equal(etf_struct_to_tuple(region, "everything", everything_fields,
                                      EVERYTHING, &e),
                  term(everything_tuple)));
    assert_true(
        etf_equal(etf_struct_to_tuple(region, NULL, point_fields, 2, &e.point),
                  term("{-1, 2}")));
}

static void a_property_list_fills_it_too(void **state)
{
    static const struct etf_field fields[] = {
        ETF_FIELD(struct everything, flag, ETF_FIELD_BOOL),
        ETF_FIELD(struct everything, i32, ETF_FIELD_INT32),
        ETF_FIELD(struct everything, text, ETF_FIELD_TEXT),
    };
    struct everything e = { .i32 = 0 };

    (void)state;
    /* The first of a key counts, an atom alone is true, others are skipped. */
    assert_int_equal(
        etf_to_struct(term("[{other, 1}, {i32, 2}, flag, {i32, 3}, {a, b, c},"
                           " 17, {<<\"text\">>, \"txt\"}]"),
                      NULL, fields, 3, &e, NULL),
        AGNER_OK);
    assert_true(e.flag);
    assert_int_equal(e.i32, 2);
    assert_string_equal(e.text, "txt");
}

static void keys_may_be_atoms_binaries_and_strings(void **state)
{
    static const char *const maps[] = {
        "#{x => 1, y => 2}",
        "#{<<\"x\">> => 1, \"y\" => 2}",
        "#{\"x\" => 1, <<\"y\">> => 2, z => 3, \"\" => 4, [] => 5}",
    };
    struct point p;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        p = (struct point){ 0, 0 };
        assert_int_equal(
            etf_to_struct(term(maps[i]), NULL, point_fields, 2, &p, NULL),
            AGNER_OK);
        assert_int_equal(p.x, 1);
        assert_int_equal(p.y, 2);
    }
}

static void a_boxed_atom_is_a_key_too(void **state)
{
    static const struct etf_field fields[] = {
        { "never_interned_name", ETF_FIELD_INT32, 0, sizeof(int32_t), false,
          NULL, 0 },
    };
    etf_term pair[2] = { etf_atom_limited(region, "never_interned_name", 19,
                                          NULL),
                         etf_int(region, 4) };
    int32_t v = 0;

    (void)state;
    assert_int_equal(
        etf_to_struct(etf_map(region, pair, 1), NULL, fields, 1, &v, NULL),
        AGNER_OK);
    assert_int_equal(v, 4);
}

/* What a table refuses, and what it says then. */
static void what_does_not_fit_is_named_and_nothing_is_written(void **state)
{
    static const struct {
        const char *term;
        const char *error;
    } cases[] = {
        { "#{x => 1}", "field y: is missing" },
        { "#{x => 2147483648, y => 1}",
          "field x: expected an integer of 32 bits, got 2147483648" },
        { "#{x => 1, y => -1}",
          "field y: expected an integer of 32 bits without sign, got -1" },
        { "#{x => one, y => 1}",
          "field x: expected an integer of 32 bits, got one" },
        { "{1}", "expected a tuple of 2, got {1}" },
        { "{point, 1, 2}", "expected a tuple of 2, got {point,1,2}" },
        { "point", "expected a map, a property list or a tuple, got point" },
        { "[{x, 1} | y]",
          "expected a map, a property list or a tuple, got [{x,1}|y]" },
        { "[]", "field x: is missing" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct point p = { 11, 22 };
        struct agner_error error = { .text = "" };

        assert_int_equal(etf_to_struct(term(cases[i].term), NULL, point_fields,
                                       2, &p, &error),
                         AGNER_EINVAL);
        assert_string_equal(error.text, cases[i].error);
        assert_int_equal(error.code, AGNER_EINVAL);
        assert_int_equal(p.x, 11);
        assert_int_equal(p.y, 22);
        assert_int_equal(
            etf_to_struct(term(cases[i].term), NULL, point_fields, 2, &p, NULL),
            AGNER_EINVAL);
    }
}

/* One member after the other gets a value of another type. */
static void every_type_refuses_what_it_is_not(void **state)
{
    static const char *const wrong[EVERYTHING] = {
        "1.0",        "-1",
        "a",          "18446744073709551616",
        "a",          "1",
        "a",          "a",
        NULL,         "<<\"8 bytes!\">>",
        "<<\"ok\">>", "#{x => 1, y => b}",
    };

    (void)state;
    for (size_t i = 0; i < EVERYTHING; i++) {
        struct everything e, before;
        struct agner_error error = { .text = "" };
        char prefix[32];
        etf_term map;

        if (wrong[i] == NULL)
            continue; /* a term is any term */
        memset(&e, 0x5a, sizeof e);
        memcpy(&before, &e, sizeof e);
        map = etf_map_put(region, term(everything_map),
                          etf_atom(everything_fields[i].name), term(wrong[i]));
        assert_int_equal(
            etf_to_struct(map, NULL, everything_fields, EVERYTHING, &e, &error),
            AGNER_EINVAL);
        (void)snprintf(prefix, sizeof prefix, "field %s",
                       everything_fields[i].name);
        assert_memory_equal(error.text, prefix, strlen(prefix));
        assert_memory_equal(&e, &before, sizeof e);
    }
}

static void an_error_inside_a_struct_says_the_way_to_it(void **state)
{
    struct everything e = { .i32 = 0 };
    struct agner_error error = { .text = "" };
    etf_term map = etf_map_put(region, term(everything_map), etf_atom("point"),
                               term("#{x => 1, y => b}"));

    (void)state;
    assert_int_equal(
        etf_to_struct(map, NULL, everything_fields, EVERYTHING, &e, &error),
        AGNER_EINVAL);
    assert_string_equal(error.text,
                        "field point.y: expected an integer of 32 bits "
                        "without sign, got b");
}

static void the_tag_of_a_tuple_is_checked(void **state)
{
    struct point p = { 1, 2 };
    struct agner_error error = { .text = "" };

    (void)state;
    assert_int_equal(etf_to_struct(term("{spot, 3, 4}"), "point", point_fields,
                                   2, &p, &error),
                     AGNER_EINVAL);
    assert_string_equal(error.text, "expected a tuple of 3 that begins with "
                                    "point, got {spot,3,4}");
    assert_int_equal(etf_to_struct(term("{point, 3, 4}"), "point", point_fields,
                                   2, &p, &error),
                     AGNER_OK);
    assert_int_equal(p.x, 3);
}

static void optional_fields_may_be_absent_both_ways(void **state)
{
    struct options {
        int64_t size;
        etf_pid owner;
        etf_ref ref;
        etf_term extra;
    } o = { .size = 5 };
    struct etf_field fields[] = {
        ETF_FIELD(struct options, size, ETF_FIELD_INT64),
        ETF_FIELD(struct options, owner, ETF_FIELD_PID),
        ETF_FIELD(struct options, ref, ETF_FIELD_REF),
        ETF_FIELD(struct options, extra, ETF_FIELD_TERM),
    };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        fields[i].optional = true;
    assert_int_equal(etf_to_struct(term("#{}"), NULL, fields, 4, &o, NULL),
                     AGNER_OK);
    assert_int_equal(o.size, 5);
    assert_true(etf_equal(etf_struct_to_map(region, fields, 4, &o),
                          term("#{size => 5}")));
    /* A tuple has a place for each. */
    assert_true(etf_is_none(etf_struct_to_tuple(region, NULL, fields, 4, &o)));
    fields[1].optional = false;
    assert_true(etf_is_none(etf_struct_to_map(region, fields, 4, &o)));
}

static void numbers_round_and_must_be_finite(void **state)
{
    static const struct etf_field fields[] = {
        { "d", ETF_FIELD_DOUBLE, 0, sizeof(double), true, NULL, 0 }
    };
    double d = 0;

    (void)state;
    assert_int_equal(
        etf_to_struct(term("#{d => 3}"), NULL, fields, 1, &d, NULL), AGNER_OK);
    assert_true(d == 3.0);
    d = 1.0 / 0.0;
    assert_true(etf_is_none(etf_struct_to_map(region, fields, 1, &d)));
}

static void a_table_with_a_wrong_size_is_refused(void **state)
{
    static const struct etf_field fields[] = {
        { "n", ETF_FIELD_INT64, 0, sizeof(int32_t), false, NULL, 0 },
    };
    struct agner_error error = { .text = "" };
    int32_t n = 1;

    (void)state;
    assert_int_equal(
        etf_to_struct(term("#{n => 2}"), NULL, fields, 1, &n, &error),
        AGNER_EINVAL);
    assert_string_equal(error.text,
                        "field n: its type does not fit the member");
    assert_true(etf_is_none(etf_struct_to_map(region, fields, 1, &n)));
}

static void a_table_that_names_itself_ends(void **state)
{
    struct etf_field self = { "s", ETF_FIELD_STRUCT, 0, 1, false, NULL, 1 };
    struct agner_error error = { .text = "" };
    char text[200] = "", *end = text;
    char out = 0;

    (void)state;
    self.fields = &self;
    for (int i = 0; i < 20; i++)
        end += sprintf(end, "#{s => ");
    end += sprintf(end, "1");
    for (int i = 0; i < 20; i++)
        end += sprintf(end, "}");
    assert_int_equal(etf_to_struct(term(text), NULL, &self, 1, &out, &error),
                     AGNER_EINVAL);
    assert_non_null(strstr(error.text, "the table is nested too deeply"));
    assert_true(etf_is_none(etf_struct_to_map(region, &self, 1, &out)));
}

#define WITH_REGION(test) \
    cmocka_unit_test_setup_teardown(test, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGION(a_map_fills_a_struct_of_every_type),
        WITH_REGION(a_tuple_fills_it_in_order_behind_its_tag),
        WITH_REGION(a_struct_becomes_the_same_map_and_tuple),
        WITH_REGION(a_property_list_fills_it_too),
        WITH_REGION(keys_may_be_atoms_binaries_and_strings),
        WITH_REGION(a_boxed_atom_is_a_key_too),
        WITH_REGION(what_does_not_fit_is_named_and_nothing_is_written),
        WITH_REGION(every_type_refuses_what_it_is_not),
        WITH_REGION(an_error_inside_a_struct_says_the_way_to_it),
        WITH_REGION(the_tag_of_a_tuple_is_checked),
        WITH_REGION(optional_fields_may_be_absent_both_ways),
        WITH_REGION(numbers_round_and_must_be_finite),
        WITH_REGION(a_table_with_a_wrong_size_is_refused),
        WITH_REGION(a_table_that_names_itself_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
